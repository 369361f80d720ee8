//! One `.slt` file against a fresh database, in one of two ways.
//!
//! *Ad hoc*: every record as it stands. *As views*: every query that returns rows becomes a materialized view,
//! made before the data arrives where the order of statements allows it, and is read where the query stands, so
//! that the incremental path has to give the same rows.
//! A record is *not covered* when the engine says that a construct is not supported, or when it depends on a
//! statement that was not.
//! Invariant: passed + failed + not covered = records run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use arena_tr::{Database, Error, ErrorKind, Session, SqlState};
use sqllogictest::parser::ExpectedError;
use sqllogictest::{DefaultColumnType, QueryExpect, Record, SortMode, StatementExpect};

use crate::format;

type Rec = Record<DefaultColumnType>;

/// How a file is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Each record as it stands.
    AdHoc,
    /// Queries as materialized views.
    Views,
}

/// What became of the records of a file, or of many.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// As expected.
    pub passed: usize,
    /// Not as expected: place and what differs.
    pub failed: Vec<String>,
    /// Constructs that are not built, with how often each was met.
    pub not_covered: BTreeMap<String, usize>,
}

impl Tally {
    /// Adds another's counts.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        for (what, n) in other.not_covered {
            *self.not_covered.entry(what).or_default() += n;
        }
    }

    /// Records not covered.
    pub fn n_not_covered(&self) -> usize {
        self.not_covered.values().sum()
    }

    fn miss(&mut self, what: &str) {
        *self.not_covered.entry(what.to_owned()).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed) = (self.passed, self.failed.len());
        write!(f, "{passed} passed, {failed} failed, {} not covered", self.n_not_covered())
    }
}

/// Runs a file.
///
/// # Panics
/// When the file cannot be read or is not in the format.
pub fn run_file(path: &Path, way: Way) -> Tally {
    let records = sqllogictest::parse_file::<DefaultColumnType>(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let records: Vec<Rec> = records.into_iter().filter(is_run).collect();
    let db = Database::in_memory();
    arena_tr_connectors::register_all(&db);
    let mut run = Run { session: db.session(), tally: Tally::default(), missing: BTreeSet::new() };
    match way {
        Way::AdHoc => run.ad_hoc(&records),
        Way::Views => run.views(&records),
    }
    run.tally
}

fn is_run(record: &Rec) -> bool {
    matches!(record, Record::Statement { .. } | Record::Query { .. })
}

struct Run {
    session: Session,
    tally: Tally,
    /// Lower-case names that statements not covered would have made or changed.
    missing: BTreeSet<String>,
}

impl Run {
    fn ad_hoc(&mut self, records: &[Rec]) {
        for record in records {
            match record {
                Record::Statement { sql, expected, loc, .. } => {
                    self.statement(sql, expected, &loc.to_string());
                }
                Record::Query { sql, expected, loc, .. } => {
                    let result = rows(&mut self.session, sql);
                    self.judge(sql, expected, result, &loc.to_string(), true);
                }
                _ => {}
            }
        }
    }

    fn statement(&mut self, sql: &str, expected: &StatementExpect, at: &str) {
        let result = self.session.execute(sql);
        match (expected, result) {
            (StatementExpect::Error(expected), Err(error)) => {
                self.judge_error(sql, expected, &error, at);
            }
            (StatementExpect::Error(_), Ok(_)) => {
                self.fail(at, sql, "succeeds, an error is expected")
            }
            (_, Ok(_)) => self.tally.passed += 1,
            (_, Err(error)) => {
                if self.is_missing(sql, &error) {
                    self.missing.extend(changed_names(sql));
                } else {
                    self.fail(at, sql, &error.render());
                }
            }
        }
    }

    /// Counts as not covered what depends on something that is not built.
    fn is_missing(&mut self, sql: &str, error: &Error) -> bool {
        if error.kind() == ErrorKind::Unsupported {
            self.tally.miss(error.message());
            return true;
        }
        self.depends_on_missing(sql)
    }

    fn depends_on_missing(&mut self, sql: &str) -> bool {
        let depends = words(sql).any(|word| self.missing.contains(&word));
        if depends {
            self.tally.miss("depends on a statement that is not covered");
        }
        depends
    }

    fn judge(
        &mut self,
        sql: &str,
        expected: &QueryExpect<DefaultColumnType>,
        result: Result<Vec<String>, Error>,
        at: &str,
        ordered: bool,
    ) {
        match (expected, result) {
            (QueryExpect::Error(expected), Err(error)) => {
                self.judge_error(sql, expected, &error, at)
            }
            (QueryExpect::Error(_), Ok(rows)) => {
                if !self.depends_on_missing(sql) {
                    self.fail(at, sql, &format!("gives {} rows, an error is expected", rows.len()));
                }
            }
            (QueryExpect::Results { results, sort_mode, .. }, Ok(mut rows)) => {
                let mut expected: Vec<String> = results.iter().map(|r| format::normal(r)).collect();
                if !ordered || !matches!(sort_mode, None | Some(SortMode::NoSort)) {
                    rows.sort_unstable();
                    expected.sort_unstable();
                }
                if rows == expected {
                    self.tally.passed += 1;
                } else if !self.depends_on_missing(sql) {
                    self.fail(at, sql, &difference(&expected, &rows));
                }
            }
            (QueryExpect::Results { .. }, Err(error)) => {
                if !self.is_missing(sql, &error) {
                    self.fail(at, sql, &error.render());
                }
            }
        }
    }

    fn judge_error(&mut self, sql: &str, expected: &ExpectedError, error: &Error, at: &str) {
        let fits = match expected {
            ExpectedError::SqlState(state) => error.state().0 == state.as_str(),
            ExpectedError::Inline(regex) => {
                regex.is_match(error.message()) || regex.is_match(&error.render())
            }
            ExpectedError::Multiline(text) => {
                format::normal(text) == format::normal(&error.render())
            }
            ExpectedError::Empty => true,
        };
        if fits && (error.kind() != ErrorKind::Unsupported || expects_unsupported(expected)) {
            self.tally.passed += 1;
        } else if !self.is_missing(sql, error) {
            let got = format!("error {}: {}", error.state().0, error.render());
            self.fail(at, sql, &format!("expected {expected:?}\n{got}"));
        }
    }

    fn fail(&mut self, at: &str, sql: &str, why: &str) {
        self.tally.failed.push(format!("{at}\n{sql}\n{why}\n"));
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
        let is_create =
            |r: &&Rec| matches!(r, Record::Statement { sql, .. } if is_create_table(sql));
        // Tables first, views over them before the data.
        for record in records.iter().filter(is_create) {
            if let Record::Statement { sql, expected: StatementExpect::Ok, .. } = record
                && self.session.execute(sql).is_err()
            {
                self.missing.extend(changed_names(sql));
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
                Record::Statement { sql, expected: StatementExpect::Ok, .. }
                    if !is_create_table(sql) =>
                {
                    if self.session.execute(sql).is_err() {
                        self.missing.extend(changed_names(sql));
                    }
                }
                Record::Query { sql, expected, loc, .. } => match views.remove(&i) {
                    // What the query reads may be made between the tables and it: then the view comes late.
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
            let rows = rows(&mut self.session, &format!("SELECT * FROM {name}"));
            self.session.execute(&format!("DROP MATERIALIZED VIEW {name}"))?;
            rows
        });
        self.judge(sql, expected, result, at, false);
    }
}

/// Rows of a statement, formatted; none for one without rows.
fn rows(session: &mut Session, sql: &str) -> Result<Vec<String>, Error> {
    let outcomes = session.execute(sql)?;
    let rows = outcomes.into_iter().last().and_then(|o| o.rows);
    Ok(rows.map_or_else(Vec::new, |r| r.to_vec().iter().map(|row| format::row(row)).collect()))
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

fn first_words(sql: &str) -> (String, String) {
    let mut words = words(sql);
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

fn is_create_table(sql: &str) -> bool {
    let (first, second) = first_words(sql);
    first == "create" && second == "table" && !words(sql).any(|w| w == "select")
}

fn is_select(sql: &str) -> bool {
    matches!(first_words(sql).0.as_str(), "select" | "with" | "values")
}

/// What may undo a definition ends the stretch before it.
fn ends_stretch(record: &Rec) -> bool {
    let Record::Statement { sql, .. } = record else { return false };
    matches!(first_words(sql).0.as_str(), "drop" | "alter" | "set")
}

fn words(sql: &str) -> impl Iterator<Item = String> + '_ {
    sql.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
}

/// Names that a statement would have made or changed: the word behind TABLE, VIEW, INTO, UPDATE, FROM.
fn changed_names(sql: &str) -> Vec<String> {
    let words: Vec<String> = words(sql).collect();
    let skip = ["if", "not", "exists", "or", "replace"];
    let mut names = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let heads =
            matches!(word.as_str(), "table" | "view" | "into" | "update" | "function" | "type");
        let deletes = word == "from" && words[0] == "delete";
        if heads || deletes {
            names.extend(words[i + 1..].iter().find(|w| !skip.contains(&w.as_str())).cloned());
        }
    }
    names
}
