//! One `.slt` file against a fresh database, in one of two ways.
//!
//! *Ad hoc*: every record as it stands. *As views*: every query that returns rows becomes a
//! materialized view, made before the data arrives where the order of statements allows it, and is
//! read where the query stands, so that the incremental path has to give the same rows. A record is
//! *not covered* only when the engine refuses it as not supported (0A000), or when it fails and
//! names something that a statement so refused would have made or changed. A statement that fails
//! for any other reason is a failure, and so is everything that fails because of it.
//! Invariant: passed + failed + not covered = records judged.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use arena_tr::{Database, Error, ErrorKind, Session, SqlState};
use sqllogictest::parser::ExpectedError;
use sqllogictest::{DefaultColumnType, QueryExpect, Record, SortMode, StatementExpect};

use crate::format::{self, Fractions};
use crate::names;

type Rec = Record<DefaultColumnType>;

/// How a file is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Each record as it stands.
    AdHoc,
    /// Queries as materialized views.
    Views,
}

/// Counts of one kind of record.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// As expected.
    pub passed: usize,
    /// Not as expected.
    pub failed: usize,
    /// Not supported yet, or depending on what is not.
    pub not_covered: usize,
}

impl Count {
    /// Records that the engine claims to support.
    pub fn covered(&self) -> usize {
        self.passed + self.failed
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.not_covered += other.not_covered;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, not_covered } = self;
        write!(f, "{passed} passed, {failed} failed, {not_covered} not covered")
    }
}

/// What became of the records of a file, or of many.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Records that ask for rows.
    pub queries: Count,
    /// All others: CREATE, INSERT and the like.
    pub statements: Count,
    /// Not as expected: place and what differs.
    pub failed: Vec<String>,
    /// Constructs that are not built, with how often each was met.
    pub not_covered: BTreeMap<String, usize>,
}

impl Tally {
    /// Adds another's counts.
    pub fn add(&mut self, other: Self) {
        self.queries.add(other.queries);
        self.statements.add(other.statements);
        self.failed.extend(other.failed);
        for (what, n) in other.not_covered {
            *self.not_covered.entry(what).or_default() += n;
        }
    }

    fn count(&mut self, what: Judged) -> &mut Count {
        match what {
            Judged::Query => &mut self.queries,
            Judged::Statement => &mut self.statements,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "queries {}; statements {}", self.queries, self.statements)
    }
}

/// Which counts a record goes to.
#[derive(Debug, Clone, Copy)]
enum Judged {
    Query,
    Statement,
}

/// A record that is being judged.
#[derive(Clone, Copy)]
struct Case<'a> {
    sql: &'a str,
    at: &'a str,
    kind: Judged,
}

/// Runs a file.
///
/// # Panics
/// When the file cannot be read or is not in the format.
pub fn run_file(path: &Path, way: Way, fractions: Fractions) -> Tally {
    let records = sqllogictest::parse_file::<DefaultColumnType>(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let records: Vec<Rec> = records.into_iter().filter(is_run).collect();
    let db = Database::in_memory();
    arena_tr_connectors::register_all(&db);
    let mut run =
        Run { session: db.session(), fractions, tally: Tally::default(), refused: BTreeMap::new() };
    match way {
        Way::AdHoc => run.ad_hoc(&records),
        Way::Views => run.views(&records),
    }
    run.tally
}

fn is_run(record: &Rec) -> bool {
    matches!(record, Record::Statement { .. } | Record::Query { .. })
}

/// What a statement that is not supported leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// The object is not there: what needs it says that it does not exist.
    Object,
    /// The object is there with other contents or another shape: what reads it may give anything.
    Change,
}

struct Run {
    session: Session,
    fractions: Fractions,
    tally: Tally,
    /// Names that statements refused as not supported would have made or changed.
    refused: BTreeMap<String, Refused>,
}

impl Run {
    fn ad_hoc(&mut self, records: &[Rec]) {
        for record in records {
            match record {
                Record::Statement { sql, expected, loc, .. } => {
                    self.statement(sql, expected, &loc.to_string());
                }
                Record::Query { sql, expected, loc, .. } => {
                    let result = self.rows(sql);
                    let at = loc.to_string();
                    let case = Case { sql, at: &at, kind: Judged::Query };
                    self.judge(case, expected, result, true);
                }
                _ => {}
            }
        }
    }

    fn statement(&mut self, sql: &str, expected: &StatementExpect, at: &str) {
        let case = Case { sql, at, kind: Judged::Statement };
        match (expected, self.session.execute(sql)) {
            (StatementExpect::Error(expected), Err(error)) => {
                self.judge_error(case, expected, &error);
            }
            (StatementExpect::Error(_), Ok(_)) => {
                self.fail_unless_refused(case, None, "succeeds, an error is expected");
            }
            (_, Ok(_)) => {
                self.pass(case);
                if names::first_words(sql).0 == "create" {
                    for name in names::changed(sql) {
                        self.refused.remove(&name);
                    }
                }
            }
            (_, Err(error)) => {
                let why = error.render();
                self.fail_unless_refused(case, Some(&error), &why);
            }
        }
    }

    fn pass(&mut self, case: Case<'_>) {
        self.tally.count(case.kind).passed += 1;
    }

    /// Counts as not covered what is not supported or fails by what was not, and remembers what
    /// that leaves undone; anything else counts as failed.
    fn fail_unless_refused(&mut self, case: Case<'_>, error: Option<&Error>, why: &str) {
        let construct = match error {
            Some(error) if error.kind() == ErrorKind::Unsupported => Some(error.message()),
            error => self
                .depends_on_refused(case.sql, error)
                .then_some("depends on a statement that is not covered"),
        };
        let Some(construct) = construct else {
            self.tally.count(case.kind).failed += 1;
            self.tally.failed.push(format!("{}\n{}\n{why}\n", case.at, case.sql));
            return;
        };
        let left = match names::first_words(case.sql).0.as_str() {
            "create" => Refused::Object,
            _ => Refused::Change,
        };
        for name in names::changed(case.sql) {
            self.refused.entry(name).or_insert(left);
        }
        *self.tally.not_covered.entry(construct.to_owned()).or_default() += 1;
        self.tally.count(case.kind).not_covered += 1;
    }

    fn depends_on_refused(&self, sql: &str, error: Option<&Error>) -> bool {
        let undefined = error.is_some_and(|e| {
            [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_FUNCTION, SqlState::UNDEFINED_OBJECT]
                .contains(&e.state())
        });
        names::mentioned(sql).any(|name| match self.refused.get(&name) {
            Some(Refused::Object) => undefined,
            Some(Refused::Change) => true,
            None => false,
        })
    }

    fn judge(
        &mut self,
        case: Case<'_>,
        expected: &QueryExpect<DefaultColumnType>,
        result: Result<Vec<String>, Error>,
        ordered: bool,
    ) {
        match (expected, result) {
            (QueryExpect::Error(expected), Err(error)) => self.judge_error(case, expected, &error),
            (QueryExpect::Error(_), Ok(rows)) => {
                let why = format!("gives {} rows, an error is expected", rows.len());
                self.fail_unless_refused(case, None, &why);
            }
            (QueryExpect::Results { results, sort_mode, .. }, Ok(mut rows)) => {
                let mut expected: Vec<String> =
                    results.iter().map(|r| self.fractions.of(format::normal(r))).collect();
                if !ordered || !matches!(sort_mode, None | Some(SortMode::NoSort)) {
                    rows.sort_unstable();
                    expected.sort_unstable();
                }
                if rows == expected {
                    self.pass(case);
                } else {
                    self.fail_unless_refused(case, None, &difference(&expected, &rows));
                }
            }
            (QueryExpect::Results { .. }, Err(error)) => {
                let why = error.render();
                self.fail_unless_refused(case, Some(&error), &why);
            }
        }
    }

    fn judge_error(&mut self, case: Case<'_>, expected: &ExpectedError, error: &Error) {
        let fits = match expected {
            ExpectedError::SqlState(state) => error.state().0 == state.as_str(),
            ExpectedError::Inline(regex) => {
                regex.is_match(error.message()) || regex.is_match(&error.render())
            }
            ExpectedError::Multiline(text) => {
                format::normal(text) == format::normal(&error.render())
            }
            // Any error will do, but not one about something that is only missing here.
            ExpectedError::Empty => !self.depends_on_refused(case.sql, Some(error)),
        };
        if fits && (error.kind() != ErrorKind::Unsupported || expects_unsupported(expected)) {
            self.pass(case);
        } else {
            let got = format!("error {}: {}", error.state().0, error.render());
            self.fail_unless_refused(case, Some(error), &format!("expected {expected:?}\n{got}"));
        }
    }

    /// The queries of each stretch between statements that drop or alter something become views.
    fn views(&mut self, records: &[Rec]) {
        let mut rest = records;
        while !rest.is_empty() {
            let n = rest.iter().skip(1).position(ends_stretch).map_or(rest.len(), |i| i + 1);
            self.stretch(&rest[..n]);
            rest = &rest[n..];
        }
    }

    fn stretch(&mut self, records: &[Rec]) {
        let mut records = records;
        // The statement that ended the stretch before comes before everything.
        if let Some((first @ Record::Statement { sql, expected, loc, .. }, rest)) =
            records.split_first()
            && ends_stretch(first)
        {
            if matches!(expected, StatementExpect::Ok) {
                self.statement(sql, expected, &loc.to_string());
            }
            records = rest;
        }
        // Tables first, views over them before the data.
        for record in records {
            if let Record::Statement { sql, expected: StatementExpect::Ok, loc, .. } = record
                && is_create_table(sql)
            {
                self.statement(sql, &StatementExpect::Ok, &loc.to_string());
            }
        }
        let mut views: BTreeMap<usize, Result<String, Error>> = BTreeMap::new();
        for (i, record) in records.iter().enumerate() {
            if let Record::Query { sql, expected: QueryExpect::Results { .. }, .. } = record
                && is_select(sql)
            {
                views.insert(i, self.make_view(i, sql));
            }
        }
        for (i, record) in records.iter().enumerate() {
            match record {
                Record::Statement { sql, expected: StatementExpect::Ok, loc, .. }
                    if !is_create_table(sql) =>
                {
                    self.statement(sql, &StatementExpect::Ok, &loc.to_string());
                }
                Record::Query { sql, expected, loc, .. } => match views.remove(&i) {
                    // What the query reads may be made between the tables and it: then the view
                    // comes late.
                    Some(Err(error)) if error.state() == SqlState::UNDEFINED_TABLE => {
                        let view = self.make_view(i, sql);
                        self.read_view(sql, expected, view, &loc.to_string());
                    }
                    Some(view) => self.read_view(sql, expected, view, &loc.to_string()),
                    None => {
                        // Only for what it changes (RETURNING); the ad-hoc way judges it.
                        let _ = self.session.execute(sql);
                    }
                },
                _ => {}
            }
        }
    }

    fn make_view(&mut self, i: usize, sql: &str) -> Result<String, Error> {
        let name = format!("slt_view_{i}");
        let names = |n: usize| (1..=n).map(|c| format!("c{c}")).collect::<Vec<_>>().join(", ");
        let query = sql.trim().trim_end_matches(';');
        // Output names may repeat in a query, never in a view: give them all new ones.
        let n_columns = self.session.columns_of(query)?;
        let create = format!("CREATE MATERIALIZED VIEW {name} ({}) AS {query}", names(n_columns));
        self.session.execute(&create)?;
        Ok(name)
    }

    fn read_view(
        &mut self,
        sql: &str,
        expected: &QueryExpect<DefaultColumnType>,
        view: Result<String, Error>,
        at: &str,
    ) {
        let result = view.and_then(|name| {
            let rows = self.rows(&format!("SELECT * FROM {name}"));
            self.session.execute(&format!("DROP MATERIALIZED VIEW {name}"))?;
            rows
        });
        self.judge(Case { sql, at, kind: Judged::Query }, expected, result, false);
    }

    /// Rows of a statement, formatted; none for one without rows.
    fn rows(&mut self, sql: &str) -> Result<Vec<String>, Error> {
        let outcomes = self.session.execute(sql)?;
        let rows = outcomes.into_iter().last().and_then(|o| o.rows);
        let print = |row: &Vec<arena_tr::Value>| self.fractions.of(format::row(row));
        Ok(rows.map_or_else(Vec::new, |r| r.to_vec().iter().map(print).collect()))
    }
}

fn expects_unsupported(expected: &ExpectedError) -> bool {
    match expected {
        ExpectedError::SqlState(state) => state == "0A000",
        ExpectedError::Inline(regex) => regex.as_str().contains("not supported"),
        ExpectedError::Multiline(text) => text.contains("not supported"),
        ExpectedError::Empty => false,
    }
}

fn difference(expected: &[String], found: &[String]) -> String {
    const SHOWN: usize = 6;
    let show = |rows: &[String]| {
        let mut text: Vec<&str> = rows.iter().take(SHOWN).map(String::as_str).collect();
        if rows.len() > SHOWN {
            text.push("...");
        }
        text.join("\n    ")
    };
    let missing: Vec<String> = expected.iter().filter(|r| !found.contains(r)).cloned().collect();
    let extra: Vec<String> = found.iter().filter(|r| !expected.contains(r)).cloned().collect();
    format!(
        "expected {} rows, found {}\n  missing:\n    {}\n  unexpected:\n    {}",
        expected.len(),
        found.len(),
        show(&missing),
        show(&extra)
    )
}

fn is_create_table(sql: &str) -> bool {
    let (first, second) = names::first_words(sql);
    first == "create" && second == "table" && !names::mentioned(sql).any(|w| w == "select")
}

/// A query that changes nothing.
fn is_select(sql: &str) -> bool {
    matches!(names::first_words(sql).0.as_str(), "select" | "with" | "values")
        && names::changed(sql).is_empty()
}

/// What may undo a definition ends the stretch before it.
fn ends_stretch(record: &Rec) -> bool {
    let Record::Statement { sql, .. } = record else { return false };
    matches!(names::first_words(sql).0.as_str(), "drop" | "alter" | "set")
}
