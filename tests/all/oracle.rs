//! Random queries as materialized views, held to a naive evaluator after commits.
//!
//! Every case makes relations, a view (before, between or after the first data), and commits of
//! inserts, updates and deletes; the view's contents must equal the query evaluated from scratch
//! over the model's rows. A failing case is shrunk to few changes and printed with its seed.
//!
//! `ARENA_TR_ORACLE_CASES` and `ARENA_TR_ORACLE_SEED` widen or repeat a run.

use std::collections::BTreeMap;

use arena_tr::{Database, ErrorKind, Value};
use arena_tr_testkit::generate::input::{Change, Model, commits};
use arena_tr_testkit::generate::{RELATIONS, SCHEMA, query::query};
use arena_tr_testkit::oracle::{self, Row};
use arena_tr_testkit::rng::Rng;

const CASES: u64 = 2_500;
const SEED: u64 = 0x5eed;

/// One case, as data, so that it can be shrunk.
#[derive(Clone)]
struct Case {
    sql: String,
    commits: Vec<Vec<Change>>,
    /// The view is made before this commit.
    view_at: usize,
}

/// What a case showed.
enum Shown {
    Equal,
    /// The engine says that it does not build this.
    NotBuilt(String),
    /// The oracle says that it does not evaluate this, or the data makes the query fail.
    NoAnswer,
    Differs(String),
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn case_of(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let sql = query(&mut rng);
    let n_commits = 1 + rng.below(6) as usize;
    let max_changes = *rng.pick(&[1, 3, 12, 70]);
    let commits = commits(&mut rng, n_commits, max_changes);
    let view_at = rng.below(n_commits as u64 + 1) as usize;
    Case { sql, commits, view_at }
}

#[test]
fn views_equal_recomputation() {
    let (n, base) =
        (setting("ARENA_TR_ORACLE_CASES", CASES), setting("ARENA_TR_ORACLE_SEED", SEED));
    println!("oracle: {n} cases from seed {base}");
    let (mut equal, mut no_answer) = (0u64, 0u64);
    let mut not_built: BTreeMap<String, u64> = BTreeMap::new();
    let mut seed = base;
    while equal < n {
        let case = case_of(seed);
        match run(&case) {
            Shown::Equal => equal += 1,
            Shown::NoAnswer => no_answer += 1,
            Shown::NotBuilt(what) => *not_built.entry(what).or_default() += 1,
            Shown::Differs(_) => panic!("seed {seed}\n{}", describe(&shrink(case))),
        }
        seed += 1;
        assert!(seed - base < 3 * n + 100, "too few cases give an answer: {not_built:?}");
    }
    println!("oracle: {equal} equal, {no_answer} without an answer, not built: {not_built:?}");
}

fn run(case: &Case) -> Shown {
    let db = Database::in_memory();
    let mut session = db.session();
    session.execute(SCHEMA).expect("the schema is legal");
    let mut model = Model::default();
    let mut made = false;
    for (i, commit) in case.commits.iter().enumerate() {
        if i == case.view_at {
            match make_view(&db, case) {
                Ok(()) => made = true,
                Err(shown) => return shown,
            }
        }
        for change in commit {
            if !model.apply(change) {
                continue;
            }
            let sql = statement(change);
            session.execute(&sql).unwrap_or_else(|e| panic!("{sql}\n{}", e.render()));
        }
        if made {
            match compare(&db, case, &model) {
                Shown::Equal => {}
                other => return other,
            }
        }
    }
    if !made && let Err(shown) = make_view(&db, case) {
        return shown;
    }
    compare(&db, case, &model)
}

fn make_view(db: &Database, case: &Case) -> Result<(), Shown> {
    let create = format!("CREATE MATERIALIZED VIEW v AS {}", case.sql);
    match db.session().execute(&create) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == ErrorKind::Unsupported => {
            Err(Shown::NotBuilt(e.message().to_owned()))
        }
        Err(e) => Err(Shown::Differs(format!("the view cannot be made: {}", e.render()))),
    }
}

fn compare(db: &Database, case: &Case, model: &Model) -> Shown {
    let (plan, names) = match db.internals().logical_plan(&case.sql) {
        Ok(planned) => planned,
        Err(e) => return Shown::Differs(format!("the query cannot be planned: {}", e.render())),
    };
    let contents = |id| {
        let name = names.get(&id).map(String::as_str);
        let at = RELATIONS.iter().position(|(n, _)| Some(*n) == name);
        at.map_or_else(Vec::new, |at| model.rows(at))
    };
    let Ok(expected) = oracle::rows(&plan, &contents) else { return Shown::NoAnswer };
    match db.session().query("SELECT * FROM v", &[]) {
        Err(e) => Shown::Differs(format!("the view cannot be read: {}", e.render())),
        Ok(found) => {
            let (expected, found) = (multiset(&expected), multiset(&found.to_vec()));
            if expected == found {
                Shown::Equal
            } else {
                Shown::Differs(format!("expected {expected:#?}\nfound {found:#?}"))
            }
        }
    }
}

fn multiset(rows: &[Row]) -> BTreeMap<String, i64> {
    let mut out = BTreeMap::new();
    for row in rows {
        *out.entry(Value::Struct(row.as_slice().into()).to_string()).or_default() += 1;
    }
    out
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("'{text}'"),
        Value::Timestamp(_) => format!("TIMESTAMP '{value}'"),
        other => other.to_string(),
    }
}

fn statement(change: &Change) -> String {
    match change {
        Change::Insert(relation, row) => {
            let cells: Vec<String> = row.iter().map(literal).collect();
            format!("INSERT INTO {} VALUES ({})", RELATIONS[*relation].0, cells.join(", "))
        }
        Change::Update(relation, row) => {
            let (name, columns) = RELATIONS[*relation];
            let sets: Vec<String> = columns
                .iter()
                .zip(row)
                .skip(1)
                .map(|((column, _), value)| format!("{column} = {}", literal(value)))
                .collect();
            format!("UPDATE {name} SET {} WHERE id = {}", sets.join(", "), row[0])
        }
        Change::Delete(relation, key) => {
            format!("DELETE FROM {} WHERE id = {key}", RELATIONS[*relation].0)
        }
    }
}

/// Drops changes one by one, and commits, as long as the case still differs.
fn shrink(mut case: Case) -> Case {
    loop {
        let before: usize = case.commits.iter().map(Vec::len).sum();
        for commit in 0..case.commits.len() {
            let mut at = 0;
            while at < case.commits[commit].len() {
                let mut smaller = case.clone();
                smaller.commits[commit].remove(at);
                if matches!(run(&smaller), Shown::Differs(_)) {
                    case = smaller;
                } else {
                    at += 1;
                }
            }
        }
        if before == case.commits.iter().map(Vec::len).sum::<usize>() {
            return case;
        }
    }
}

fn describe(case: &Case) -> String {
    let mut out = format!("{SCHEMA}\n");
    for (i, commit) in case.commits.iter().enumerate() {
        if i == case.view_at {
            out += &format!("CREATE MATERIALIZED VIEW v AS {};\n", case.sql);
        }
        for change in commit {
            out += &format!("{};\n", statement(change));
        }
    }
    if case.view_at >= case.commits.len() {
        out += &format!("CREATE MATERIALIZED VIEW v AS {};\n", case.sql);
    }
    if let Shown::Differs(how) = run(case) {
        out += &how;
    }
    out
}
