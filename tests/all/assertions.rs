//! Assertions: a commit that would violate one leaves no trace, and every other one goes through.
//!
//! A database with assertions is compared with one that has none and is given only the statements
//! that went through: all contents, event time, counters and epochs have to be the same. Whether a
//! statement has to be refused is found by running it on that other database, asking the
//! assertion's query there, and going back to a backup if it returns rows.

use std::sync::Arc;

use arena_tr::disk::MemDisk;
use arena_tr::{Database, Error, LogIo, Session, Value};
use arena_tr_testkit::rng::Rng;

use crate::durability::options;

const TABLES: &str = "
    CREATE TABLE dept (id INT PRIMARY KEY, places INT);
    CREATE TABLE emp (id INT PRIMARY KEY, dept INT REFERENCES dept ON DELETE SET NULL, pay DOUBLE);
    CREATE TABLE entry (account INT, amount BIGINT);
    CREATE STREAM seen (at TIMESTAMP, dept INT, WATERMARK FOR at AS at - INTERVAL '5' SECOND);
    CREATE VIEW staff AS SELECT d.id, d.places, e.id AS emp, e.pay FROM dept d JOIN emp e ON e.dept = d.id;
    CREATE MATERIALIZED VIEW balance AS
        SELECT account, sum(amount) AS amount, count(*) AS n FROM entry GROUP BY account;
    CREATE MATERIALIZED VIEW per_minute AS
        SELECT window_start, dept, count(*) AS n FROM TUMBLE(seen, at, INTERVAL '1' MINUTE)
        GROUP BY window_start, window_end, dept EMIT ON WINDOW CLOSE;
    CREATE MATERIALIZED VIEW best AS
        SELECT id, emp, pay FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY pay DESC, emp) AS r FROM staff) x
        WHERE r = 1;";

/// Names and queries.
const ASSERTIONS: &[(&str, &str)] = &[
    ("room", "SELECT id, count(*) AS n FROM staff GROUP BY id, places HAVING count(*) > places"),
    ("covered", "SELECT account, amount FROM balance WHERE amount < 0"),
    ("fair", "SELECT max(pay), avg(pay) FROM emp HAVING max(pay) > 3 * avg(pay)"),
    (
        "known",
        "SELECT s.dept FROM seen s WHERE NOT EXISTS (SELECT 1 FROM dept d WHERE d.id = s.dept)",
    ),
    (
        "spread",
        "SELECT b.id, b.pay FROM best b, (SELECT sum(pay) AS all, count(*) AS n FROM emp) t \
         WHERE t.n > 3 AND b.pay > t.all * 0.45",
    ),
    (
        "texts",
        "SELECT string_agg(account::text, ',' ORDER BY account) FROM entry \
         HAVING string_agg(account::text, ',' ORDER BY account) LIKE '%3,3,3%'",
    ),
];

const CONTENTS: &[&str] = &[
    "SELECT * FROM dept",
    "SELECT * FROM emp",
    "SELECT * FROM entry",
    "SELECT * FROM seen",
    "SELECT * FROM seen_late",
    "SELECT * FROM seen_errors",
    "SELECT * FROM staff",
    "SELECT * FROM balance",
    "SELECT * FROM balance_errors",
    "SELECT * FROM per_minute",
    "SELECT * FROM best",
    "SELECT name, kind, rows_in, late_rows, bad_rows, state FROM arena.relations",
    "SELECT * FROM arena.watermarks",
];

fn run(session: &mut Session, sql: &str) {
    session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
}

fn texts(session: &mut Session, sql: &str) -> Vec<String> {
    let rows = session.query(sql, &[]).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
    let mut rows: Vec<String> = rows.to_vec().iter().map(|row| format!("{row:?}")).collect();
    rows.sort();
    rows
}

/// Everything that anybody can see.
fn visible(db: &Database) -> Vec<Vec<String>> {
    let mut session = db.session();
    let mut all: Vec<Vec<String>> = CONTENTS.iter().map(|sql| texts(&mut session, sql)).collect();
    all.push(vec![db.epoch().0.to_string(), format!("{:?}", db.event_time())]);
    all
}

fn assert_all(session: &mut Session) {
    for (name, query) in ASSERTIONS {
        run(session, &format!("CREATE ASSERTION {name} AS ({query})"));
    }
}

fn violated(error: &Error) -> bool {
    error.state().0 == "23514" && error.message().starts_with("assertion \"")
}

/// A random statement; most of them are refused by no assertion.
fn statement(rng: &mut Rng, next: &mut u64) -> String {
    *next += 1;
    let (id, dept) = (*next, rng.below(4));
    match rng.below(14) {
        0 => format!(
            "INSERT INTO dept VALUES ({dept}, {}) ON CONFLICT (id) DO UPDATE SET places = excluded.places",
            rng.below(5)
        ),
        1..=3 => format!(
            "INSERT INTO emp SELECT {id}, (SELECT max(id) FROM dept WHERE id <= {dept}), {}.1",
            rng.below(100)
        ),
        4 => format!(
            "UPDATE emp SET pay = pay * {}, dept = (SELECT min(id) FROM dept WHERE id >= {dept}) WHERE id % 5 = {}",
            rng.below(3) + 1,
            rng.below(5)
        ),
        5 => format!("DELETE FROM emp WHERE id % 7 = {}", rng.below(7)),
        6 => format!("DELETE FROM dept WHERE id = {dept}"),
        7..=8 => format!(
            "INSERT INTO entry VALUES ({dept}, {}), ({}, {})",
            rng.below(20),
            rng.below(4),
            8 - rng.below(20) as i64
        ),
        9 => format!("UPDATE entry SET amount = amount - {} WHERE account = {dept}", rng.below(3)),
        10 => format!("DELETE FROM entry WHERE account = {dept} AND amount % 3 = {}", rng.below(3)),
        11..=12 => format!(
            "INSERT INTO seen VALUES (TIMESTAMP '2024-01-01' + {} * INTERVAL '1' SECOND, {dept}), (NULL, {dept})",
            *next + rng.below(60)
        ),
        _ => format!(
            "MERGE INTO emp USING (SELECT {id} AS id UNION SELECT max(id) FROM emp) s ON emp.id = s.id \
             WHEN MATCHED AND emp.pay > 50 THEN DELETE WHEN MATCHED THEN UPDATE SET pay = pay + 30 \
             WHEN NOT MATCHED AND s.id IS NOT NULL THEN INSERT VALUES (s.id, NULL, {})",
            rng.below(90)
        ),
    }
}

/// A statement, or several in one transaction.
fn change(rng: &mut Rng, next: &mut u64) -> String {
    let one = statement(rng, next);
    if !rng.one_in(4) || one.starts_with("MERGE") {
        return one;
    }
    let more = statement(rng, next);
    match more.starts_with("MERGE") {
        true => more,
        false => format!("BEGIN; {one}; {more}; COMMIT"),
    }
}

fn tried(session: &mut Session, sql: &str) -> Result<(), Error> {
    let done = session.execute(sql).map(drop);
    if session.in_transaction() {
        run(session, "ROLLBACK");
    }
    done
}

/// What would be there if the statement had gone through: a copy of the database that ran it.
fn had_it_run(model: &Database, disk: &MemDisk, sql: &str, n: usize) -> Database {
    let to = format!("/backup{n}");
    model.backup(&to).expect("room");
    let copy = Database::with_options(options(Arc::new(disk.clone()), LogIo::File));
    copy.restore(&to).expect("a backup");
    tried(&mut copy.session(), sql).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
    copy
}

fn open(disk: &MemDisk) -> Database {
    let options = options(Arc::new(disk.clone()), LogIo::File);
    Database::open_with("/db", options).unwrap_or_else(|e| panic!("{}", e.render()))
}

#[test]
fn random_statements_against_queries_run_on_a_copy() {
    let (mut kept, mut refused) = (0, [0; ASSERTIONS.len()]);
    for seed in 0..4 {
        let mut rng = Rng::new(seed);
        let (disk, scratch) = (MemDisk::new(), MemDisk::new());
        let (mut db, model) = (open(&disk), open(&scratch));
        for db in [&db, &model] {
            run(&mut db.session(), TABLES);
        }
        assert_all(&mut db.session());
        let mut next = 0;
        for n in 0..120 {
            let sql = change(&mut rng, &mut next);
            let mut own = model.session();
            match tried(&mut db.session(), &sql) {
                Ok(()) => {
                    kept += 1;
                    tried(&mut own, &sql).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
                    for (name, query) in ASSERTIONS {
                        assert_eq!(texts(&mut own, query), [""; 0], "seed {seed}: {name}: {sql}");
                    }
                }
                Err(error) if violated(&error) => {
                    let of = |(name, _): &&(&str, &str)| {
                        error.message() == format!("assertion \"{name}\" is violated")
                    };
                    let at = ASSERTIONS.iter().position(|a| of(&a)).expect("one of these");
                    refused[at] += 1;
                    let copy = had_it_run(&model, &scratch, &sql, n);
                    let found = texts(&mut copy.session(), ASSERTIONS[at].1);
                    assert!(!found.is_empty(), "seed {seed}: {sql}: {}", error.render());
                }
                Err(error) => {
                    let same = tried(&mut own, &sql).expect_err("it fails without assertions, too");
                    assert_eq!(same.render(), error.render(), "seed {seed}: {sql}");
                }
            }
            assert_eq!(visible(&db), visible(&model), "seed {seed}: after {sql}");
            if rng.one_in(20) {
                crate::durability::sound(&db, &sql);
                if rng.one_in(2) {
                    db.checkpoint().expect("room");
                }
                drop(db);
                db = open(&disk);
            }
        }
    }
    println!("{kept} statements went through; refused, by assertion: {refused:?}");
    assert!(kept > 100 && refused.iter().all(|n| *n > 0), "{kept} {refused:?}");
}

fn refused(session: &mut Session, sql: &str, name: &str) {
    let error = tried(session, sql).expect_err("it violates an assertion");
    assert_eq!(error.message(), format!("assertion \"{name}\" is violated"), "{sql}");
    assert_eq!(error.state().0, "23514");
}

#[test]
fn an_appender_is_refused_as_a_whole() {
    let db = Database::in_memory();
    let mut session = db.session();
    run(&mut session, TABLES);
    run(&mut session, "INSERT INTO entry VALUES (1, 5); INSERT INTO dept VALUES (1, 1)");
    assert_all(&mut session);
    let before = visible(&db);
    let mut appender = db.appender("entry").expect("a table");
    appender.append((1i32, 1i64)).expect("a row");
    appender.append((2i32, -1i64)).expect("a row");
    let error = appender.commit().expect_err("less than nothing");
    assert!(violated(&error), "{}", error.render());
    assert_eq!(error.detail(), Some("Its query returns (2, -1)."));
    assert_eq!(visible(&db), before);
    // What was refused is not appended again.
    appender.append((1i32, 1i64)).expect("a row");
    appender.commit().expect("enough");
    assert_eq!(texts(&mut session, "SELECT n::text FROM balance").len(), 1);

    // A stream's event time and its refused rows stay where they were, too.
    let before = visible(&db);
    let mut appender = db.appender("seen").expect("a stream");
    for (second, dept) in [(90, 1), (0, 1), (91, 7)] {
        let at = Value::Timestamp(757_382_400_000_000 + second * 1_000_000);
        appender.append_row(&[at, Value::Int4(dept)]).expect("a row");
    }
    appender.append_row(&[Value::Null, Value::Int4(1)]).expect("a row");
    assert!(violated(&appender.commit().expect_err("nobody knows 7")));
    assert_eq!(visible(&db), before);
}

#[test]
fn write_skew_over_an_asserted_sum_is_refused() {
    let db = Database::in_memory();
    let (mut a, mut b) = (db.session(), db.session());
    run(
        &mut a,
        "CREATE TABLE t (id INT PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 50), (2, 50)",
    );
    run(&mut a, "CREATE ASSERTION enough AS (SELECT sum(n) FROM t HAVING sum(n) < 50)");
    for session in [&mut a, &mut b] {
        run(session, "BEGIN; SELECT sum(n) FROM t");
    }
    run(&mut a, "UPDATE t SET n = 0 WHERE id = 1; COMMIT");
    run(&mut b, "UPDATE t SET n = 0 WHERE id = 2");
    refused(&mut b, "COMMIT", "enough");
    assert!(!b.in_transaction());
    assert_eq!(texts(&mut a, "SELECT sum(n)::text FROM t"), ["[Text(\"50\")]"]);
}

#[test]
fn it_is_there_after_a_crash_a_snapshot_and_in_a_backup() {
    let disk = MemDisk::new();
    let db = open(&disk);
    let mut session = db.session();
    run(&mut session, TABLES);
    run(&mut session, "INSERT INTO dept VALUES (1, 1); INSERT INTO emp VALUES (1, 1, 10)");
    run(&mut session, "CREATE ASSERTION room AS (SELECT 1 WHERE false)");
    run(&mut session, "CREATE ASSERTION gone AS (SELECT 1 WHERE false)");
    let (name, query) = ASSERTIONS[0];
    run(&mut session, &format!("CREATE OR REPLACE ASSERTION {name} AS ({query})"));
    run(&mut session, "DROP ASSERTION gone");
    let check = |db: &Database, id: i32| {
        let mut session = db.session();
        let listed = texts(&mut session, "SELECT name, query FROM arena.assertions");
        assert_eq!(listed, [format!("[Text({name:?}), Text({query:?})]")]);
        refused(&mut session, &format!("INSERT INTO emp VALUES ({id}, 1, 1)"), name);
        run(&mut session, &format!("INSERT INTO emp VALUES ({id}, NULL, 1)"));
        refused(&mut session, &format!("UPDATE emp SET dept = 1 WHERE id = {id}"), name);
    };
    check(&db, 2);
    check(&open(&crate::snapshots::copy(&disk)), 3);
    db.checkpoint().expect("room");
    check(&open(&crate::snapshots::copy(&disk)), 3);
    run(&mut session, "INSERT INTO dept VALUES (2, 0)");
    check(&open(&crate::snapshots::copy(&disk)), 3);
    db.backup("/backup").expect("room");
    let other = Database::with_options(options(Arc::new(disk.clone()), LogIo::File));
    other.restore("/backup").expect("a backup");
    check(&other, 3);
    let error = other.restore("/backup").expect_err("it is not empty");
    assert_eq!(error.state().0, "55000");
}

#[test]
fn a_commit_that_touches_no_input_asks_no_assertion() {
    let db = Database::in_memory();
    let mut session = db.session();
    run(&mut session, "CREATE TABLE t (n INT); CREATE TABLE other (n INT)");
    // Its query would fail if it were computed anew with a row in it.
    run(&mut session, "CREATE ASSERTION a AS (SELECT n FROM t WHERE 1 / n > 1)");
    let error = tried(&mut session, "INSERT INTO t VALUES (0)").expect_err("a division by zero");
    assert_eq!(error.state().0, "22012", "{}", error.render());
    assert_eq!(error.hint(), Some("it is assertion \"a\" that cannot be computed"));
    run(&mut session, "INSERT INTO other VALUES (0)");
    run(&mut session, "INSERT INTO t VALUES (1), (2)");
    run(&mut session, "DROP TABLE t CASCADE");
    assert!(texts(&mut session, "SELECT name FROM arena.assertions").is_empty());
}
