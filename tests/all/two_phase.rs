//! Transactions in two phases: what PREPARE TRANSACTION keeps, from whom, and through what.

use std::path::Path;
use std::sync::Arc;

use arena_tr::disk::{Crash, FaultDisk, FaultPlan, MemDisk};
use arena_tr::{Database, Error, LogIo, Outcome, Session};
use arena_tr_testkit::rng::Rng;

use crate::durability::options;

pub(crate) fn run(session: &mut Session, sql: &str) -> Outcome {
    let outcomes = session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
    outcomes.into_iter().last().expect("one statement at least")
}

fn fails(session: &mut Session, sql: &str) -> Error {
    match session.execute(sql) {
        Ok(_) => panic!("{sql} is expected to fail"),
        Err(error) => error,
    }
}

fn state(session: &mut Session, sql: &str) -> String {
    fails(session, sql).state().0.to_owned()
}

/// Rows as text: `1=10 2=20`.
pub(crate) fn rows(session: &mut Session, sql: &str) -> String {
    let rows = run(session, sql).rows.expect("a query").to_vec();
    let cells = |row: &Vec<arena_tr::Value>| {
        row.iter().map(ToString::to_string).collect::<Vec<_>>().join("=")
    };
    rows.iter().map(cells).collect::<Vec<_>>().join(" ")
}

const TABLES: &str = "
    CREATE TABLE parent (id INT PRIMARY KEY, code INT UNIQUE, v INT);
    CREATE TABLE child (id INT PRIMARY KEY, parent INT REFERENCES parent);
    CREATE TABLE owner (id INT PRIMARY KEY);
    CREATE TABLE owned (id INT PRIMARY KEY, owner INT REFERENCES owner ON DELETE CASCADE);
    CREATE TABLE other (a INT, b INT);
    CREATE INDEX other_a ON other (a);
    CREATE STREAM s (id INT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '5' SECOND);
    CREATE MATERIALIZED VIEW total AS SELECT sum(v) AS v FROM parent;
    INSERT INTO parent VALUES (1, 10, 100), (2, 20, 200), (3, 30, 300);
    INSERT INTO child VALUES (1, 1), (2, 3);
    INSERT INTO owner VALUES (1);
    INSERT INTO owned VALUES (1, 1), (2, 1);
    INSERT INTO other VALUES (1, 1), (2, 2), (2, 2)";

fn database() -> Database {
    let db = Database::in_memory();
    run(&mut db.session(), TABLES);
    db
}

#[test]
fn states_are_those_of_postgresql() {
    let db = database();
    let mut s = db.session();
    let outside = run(&mut s, "PREPARE TRANSACTION 'a'");
    assert_eq!(outside.tag, "ROLLBACK");
    assert_eq!(outside.notices, ["there is no transaction in progress"]);
    assert_eq!(state(&mut s, "BEGIN; SELECT 1 / 0"), "22012");
    assert_eq!(run(&mut s, "PREPARE TRANSACTION 'a'").tag, "ROLLBACK");
    assert!(!s.in_transaction());
    assert_eq!(run(&mut s, "BEGIN; PREPARE TRANSACTION 'a'").tag, "PREPARE TRANSACTION");
    assert!(!s.in_transaction());
    let error = fails(&mut s, "BEGIN; PREPARE TRANSACTION 'a'");
    assert_eq!(error.state().0, "42710");
    assert_eq!(error.message(), "transaction identifier \"a\" is already in use");
    assert!(!s.in_transaction(), "what cannot be prepared is rolled back");
    for end in ["COMMIT PREPARED", "ROLLBACK PREPARED"] {
        let error = fails(&mut s, &format!("BEGIN; {end} 'a'"));
        assert_eq!(error.state().0, "25001");
        assert_eq!(error.message(), format!("{end} cannot run inside a transaction block"));
        assert_eq!(state(&mut s, &format!("{end} 'a'")), "25P02");
        run(&mut s, "ROLLBACK");
        let error = fails(&mut s, &format!("{end} 'zz'"));
        assert_eq!(error.state().0, "42704");
        let message = "prepared transaction with identifier \"zz\" does not exist";
        assert_eq!(error.message(), message);
    }
    assert_eq!(run(&mut s, "COMMIT PREPARED 'a'").tag, "COMMIT PREPARED");
    assert_eq!(state(&mut s, "COMMIT PREPARED 'a'"), "42704");
    run(&mut s, "BEGIN; SAVEPOINT x; PREPARE TRANSACTION 'b'");
    assert_eq!(run(&mut s, "ROLLBACK PREPARED 'b'").tag, "ROLLBACK PREPARED");
    run(&mut s, "BEGIN; PREPARE TRANSACTION ''");
    run(&mut s, "COMMIT PREPARED ''");
    let (long, longer) = ("x".repeat(199), "x".repeat(200));
    run(&mut s, &format!("BEGIN READ ONLY; SELECT 1; PREPARE TRANSACTION '{long}'"));
    run(&mut s, &format!("COMMIT PREPARED '{long}'"));
    run(&mut s, "BEGIN");
    assert_eq!(state(&mut s, &format!("PREPARE TRANSACTION '{longer}'")), "22023");
    assert!(!s.in_transaction());
    assert_eq!(state(&mut s, &format!("COMMIT PREPARED '{longer}'")), "42704");
}

#[test]
fn what_is_prepared_is_seen_when_it_commits_and_as_one_epoch() {
    let db = database();
    let (mut a, mut b) = (db.session(), db.session());
    let mut changes = db.subscribe("total").expect("a view");
    run(&mut a, "BEGIN; UPDATE parent SET v = v + 1; INSERT INTO other VALUES (9, 9)");
    run(&mut a, "DELETE FROM parent WHERE id = 2; PREPARE TRANSACTION 'g'");
    let before = db.epoch();
    assert_eq!(rows(&mut a, "SELECT v FROM total"), "600", "not even by its own session");
    assert_eq!(rows(&mut b, "SELECT count(*) FROM other"), "3");
    let listed = "SELECT gid, n_rows, database, prepared_at IS NOT NULL, epoch
                  FROM arena.prepared_transactions";
    assert_eq!(rows(&mut b, listed), format!("g=6=arena=true={}", before.0));
    assert!(changes.try_next().expect("it goes on").is_none());
    let outcome = run(&mut b, "COMMIT PREPARED 'g'");
    assert_eq!(outcome.epoch, Some(db.epoch()));
    assert_eq!(db.epoch().0, before.0 + 1);
    assert_eq!(rows(&mut a, "SELECT v FROM total"), "402");
    assert_eq!(changes.try_next().expect("it goes on").expect("a change").rows().len(), 2);
    assert_eq!(rows(&mut b, listed), "");
    run(&mut a, "BEGIN; DELETE FROM other; PREPARE TRANSACTION 'g'");
    run(&mut b, "ROLLBACK PREPARED 'g'");
    assert_eq!(rows(&mut b, "SELECT count(*) FROM other"), "4");
}

/// What is prepared, what somebody else does, and the error that this is, if it is one.
const MEETINGS: &[(&str, &str, &str)] = &[
    ("UPDATE parent SET v = 0 WHERE id = 1", "UPDATE parent SET v = 1 WHERE id = 1", "40001"),
    ("UPDATE parent SET v = 0 WHERE id = 1", "UPDATE parent SET v = 1 WHERE id = 2", ""),
    ("UPDATE parent SET v = 0 WHERE id = 2", "DELETE FROM parent WHERE id = 2", "40001"),
    ("UPDATE parent SET v = v WHERE id = 2", "UPDATE parent SET v = 1 WHERE id = 2", "40001"),
    ("UPDATE parent SET v = v WHERE id = 2", "DELETE FROM parent WHERE id = 2", "40001"),
    ("UPDATE parent SET v = v WHERE id = 2", "INSERT INTO child VALUES (9, 2)", ""),
    ("INSERT INTO parent VALUES (4, 40, 0)", "INSERT INTO parent VALUES (4, 41, 0)", "40001"),
    ("INSERT INTO parent VALUES (4, 40, 0)", "INSERT INTO parent VALUES (5, 40, 0)", "40001"),
    ("INSERT INTO parent VALUES (4, 40, 0)", "UPDATE parent SET code = 40 WHERE id = 1", "40001"),
    ("INSERT INTO parent VALUES (4, NULL, 0)", "INSERT INTO parent VALUES (5, NULL, 0)", ""),
    ("DELETE FROM parent WHERE id = 2", "INSERT INTO parent VALUES (2, 21, 0)", "40001"),
    ("DELETE FROM parent WHERE id = 2", "INSERT INTO parent VALUES (8, 20, 0)", "40001"),
    ("UPDATE parent SET code = 21 WHERE id = 2", "INSERT INTO parent VALUES (8, 20, 0)", "40001"),
    ("INSERT INTO child VALUES (5, 2)", "DELETE FROM parent WHERE id = 2", "40001"),
    ("INSERT INTO child VALUES (5, 2)", "UPDATE parent SET id = 8 WHERE id = 2", "40001"),
    ("INSERT INTO child VALUES (5, 2)", "UPDATE parent SET v = 1 WHERE id = 2", ""),
    ("INSERT INTO child VALUES (5, 2)", "INSERT INTO child VALUES (6, 2)", ""),
    ("UPDATE child SET parent = 2 WHERE id = 1", "DELETE FROM parent WHERE id = 2", "40001"),
    ("DELETE FROM other WHERE a = 1", "INSERT INTO child VALUES (6, 2)", ""),
    ("INSERT INTO parent VALUES (4, 40, 0)", "INSERT INTO child VALUES (6, 4)", "40001"),
    ("DELETE FROM other WHERE a = 2", "UPDATE other SET b = 3 WHERE a = 2", "40001"),
    ("DELETE FROM other WHERE a = 2", "INSERT INTO other VALUES (2, 2)", ""),
    ("INSERT INTO other VALUES (2, 2)", "DELETE FROM other WHERE a = 2", ""),
    ("INSERT INTO s VALUES (1, '2026-01-01')", "INSERT INTO s VALUES (1, '2026-01-01')", ""),
];

/// The same for statements that no transaction can hold.
const ALONE: &[(&str, &str, &str)] = &[
    ("DELETE FROM owned WHERE id = 1", "DELETE FROM owner", "40001"),
    ("INSERT INTO owned VALUES (3, 1)", "DELETE FROM owner", "40001"),
    (
        "INSERT INTO parent VALUES (4, 40, 0)",
        "INSERT INTO parent VALUES (4, 41, 0) ON CONFLICT DO NOTHING",
        "40001",
    ),
    (
        "UPDATE parent SET v = 0 WHERE id = 1",
        "INSERT INTO parent VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET v = 5",
        "40001",
    ),
    (
        "UPDATE parent SET v = 0 WHERE id = 1",
        "MERGE INTO parent USING other ON id = a WHEN MATCHED AND id = 1 THEN DELETE",
        "40001",
    ),
    (
        "INSERT INTO parent VALUES (9, 90, 0)",
        "MERGE INTO parent USING (VALUES (9)) AS n(a) ON id = a
           WHEN NOT MATCHED THEN INSERT VALUES (a, 1, 1)",
        "40001",
    ),
    ("UPDATE parent SET v = 0 WHERE id = 1", "DROP TABLE parent CASCADE", "55006"),
    ("INSERT INTO child VALUES (5, 2)", "DROP TABLE parent CASCADE", "55006"),
    ("INSERT INTO child VALUES (5, 2)", "DROP TABLE other, child", "55006"),
    ("UPDATE other SET b = 5", "CREATE INDEX i ON other (b)", "55006"),
    ("UPDATE other SET b = b", "CREATE INDEX i ON other (b)", "55006"),
    ("UPDATE other SET b = 5", "DROP INDEX other_a", "55006"),
    ("UPDATE other SET b = 5", "CREATE OR REPLACE TABLE other (x INT)", "55006"),
    ("DELETE FROM parent WHERE id = 2", "CREATE TABLE c (p INT REFERENCES parent)", "55006"),
    ("INSERT INTO s VALUES (1, '2026-01-01')", "DROP STREAM s", "55006"),
    ("UPDATE other SET b = 5", "CREATE INDEX i ON parent (v)", ""),
    ("UPDATE other SET b = 5", "CREATE MATERIALIZED VIEW w AS SELECT * FROM other", ""),
    ("UPDATE other SET b = 5", "DROP TABLE owner CASCADE", ""),
];

/// Checks one meeting in which `other` runs as a transaction of its own, or in a block.
fn meet((prepared, other, expected): (&str, &str, &str), in_block: bool) {
    let what = format!("{prepared} / {other}");
    for (end, n) in [("COMMIT PREPARED 'it''s'", 0), ("ROLLBACK PREPARED 'it''s'", 1)] {
        let db = database();
        let (mut a, mut b) = (db.session(), db.session());
        run(&mut a, &format!("BEGIN; {prepared}; PREPARE TRANSACTION 'it''s'"));
        if in_block {
            run(&mut b, "BEGIN");
        }
        match b.execute(other) {
            Ok(_) => assert_eq!(expected, "", "{what}"),
            Err(error) => {
                assert_eq!(error.state().0, expected, "{what}: {}", error.render());
                let hint = error.hint().expect("a hint");
                assert!(hint.contains("COMMIT PREPARED 'it''s'"), "{what}: {hint}");
            }
        }
        if in_block {
            run(&mut b, "COMMIT");
        }
        run(&mut a, end);
        if n == 1
            && !expected.is_empty()
            && let Err(error) = b.execute(other)
        {
            // Its own fault: what was to go is still there, or what was to come is not.
            assert!(error.state().0.starts_with("23"), "{what}: {}", error.render());
        }
    }
}

#[test]
fn whoever_is_in_the_way_of_a_prepared_transaction_is_told_at_once() {
    for meeting in MEETINGS {
        meet(*meeting, false);
        meet(*meeting, true);
    }
    for meeting in ALONE {
        meet(*meeting, false);
    }
    let db = database();
    let (mut a, mut b) = (db.session(), db.session());
    run(&mut a, "BEGIN; DELETE FROM parent WHERE id = 2; PREPARE TRANSACTION 'g'");
    let mut appender = db.appender("child").expect("a table");
    appender.append((9i32, 2i32)).expect("types fit");
    assert_eq!(appender.commit().expect_err("its parent goes").state().0, "40001");
    appender.append((9i32, 3i32)).expect("types fit");
    appender.commit().expect("another parent");
    // Two transactions that began before: the one that prepares first wins.
    run(&mut b, "BEGIN; UPDATE parent SET v = 7 WHERE id = 3");
    run(&mut a, "BEGIN; UPDATE parent SET v = 8 WHERE id = 3; PREPARE TRANSACTION 'h'");
    let error = fails(&mut b, "PREPARE TRANSACTION 'i'");
    assert_eq!(error.state().0, "40001");
    assert!(error.hint().expect("a hint").contains("'h'"), "{}", error.render());
    run(&mut b, "BEGIN; UPDATE parent SET v = 7 WHERE id = 1");
    run(&mut a, "UPDATE parent SET v = 9 WHERE id = 1");
    assert_eq!(state(&mut b, "PREPARE TRANSACTION 'i'"), "40001", "the first committer wins");
    // A transaction that saw the rows before COMMIT PREPARED loses, too.
    let mut c = db.session();
    run(&mut c, "BEGIN; SELECT 1");
    run(&mut a, "COMMIT PREPARED 'h'");
    assert_eq!(state(&mut c, "UPDATE parent SET v = 1 WHERE id = 3; COMMIT"), "40001");
    assert_eq!(rows(&mut a, "SELECT gid FROM arena.prepared_transactions"), "g");
}

#[test]
fn constraints_are_checked_when_it_prepares() {
    let db = database();
    let (mut a, mut b) = (db.session(), db.session());
    run(&mut a, "BEGIN; INSERT INTO child VALUES (7, 77)");
    assert_eq!(state(&mut a, "PREPARE TRANSACTION 'g'"), "23503");
    run(&mut a, "BEGIN; INSERT INTO parent VALUES (7, 70, 0)");
    run(&mut b, "INSERT INTO parent VALUES (7, 71, 0)");
    assert_eq!(state(&mut a, "PREPARE TRANSACTION 'g'"), "23505");
    run(&mut a, "BEGIN; INSERT INTO other VALUES (7, 70)");
    run(&mut b, "DROP TABLE other");
    assert_eq!(state(&mut a, "PREPARE TRANSACTION 'g'"), "40001");
    assert_eq!(rows(&mut a, "SELECT gid FROM arena.prepared_transactions"), "");
    run(&mut a, "BEGIN; INSERT INTO parent VALUES (50, 50, 0); INSERT INTO child VALUES (50, 50)");
    run(&mut a, "PREPARE TRANSACTION 'both'");
    run(&mut b, "COMMIT PREPARED 'both'");
}

#[test]
fn rows_of_streams_are_late_or_not_when_it_commits() {
    let db = database();
    let (mut a, mut b) = (db.session(), db.session());
    run(
        &mut a,
        "BEGIN; INSERT INTO s VALUES (1, '2026-01-01 00:00:10'), (2, '2026-01-01 00:00:58'),
           (3, '2026-01-01 00:01:20'), (4, '2026-01-01 00:01:01'); PREPARE TRANSACTION 'g'",
    );
    assert_eq!(rows(&mut b, "SELECT count(*) FROM s"), "0");
    run(&mut b, "INSERT INTO s VALUES (9, '2026-01-01 00:01:00')");
    run(&mut b, "COMMIT PREPARED 'g'");
    assert_eq!(rows(&mut b, "SELECT id FROM s ORDER BY id"), "2 3 9");
    assert_eq!(rows(&mut b, "SELECT id FROM s_late ORDER BY id"), "1 4");
    run(&mut b, "CREATE STREAM e (at TIMESTAMP, WATERMARK FOR at AS at LATE ROWS ERROR)");
    run(&mut b, "BEGIN; INSERT INTO e VALUES ('2026-01-01')");
    assert_eq!(state(&mut b, "PREPARE TRANSACTION 'h'"), "0A000");
}

/// One statement of somebody at random, over tables that reference each other.
fn random_change(rng: &mut Rng) -> String {
    let (id, code, v) = (rng.below(12), rng.below(14), rng.below(4));
    match rng.below(9) {
        0 => format!("INSERT INTO parent VALUES ({id}, {code}, {v})"),
        1 => format!("DELETE FROM parent WHERE id = {id}"),
        2 => format!("UPDATE parent SET code = {code} WHERE id = {id}"),
        3 => format!("UPDATE parent SET v = v + {v} WHERE id % 3 = {}", id % 3),
        4 => format!("INSERT INTO kid VALUES ({id}, {})", rng.below(12)),
        5 => format!("UPDATE kid SET parent = {} WHERE id = {id}", rng.below(12)),
        6 => format!("DELETE FROM kid WHERE id = {id}"),
        7 => format!("INSERT INTO other VALUES ({v}, {v})"),
        _ => format!("DELETE FROM other WHERE a = {v}"),
    }
}

#[test]
fn a_commit_that_was_promised_never_fails() {
    let release = std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some();
    let (mut prepared, mut refused, mut opened) = (0, 0, 0);
    for seed in 0..if release { 300 } else { 25 } {
        let mut rng = Rng::new(seed);
        let disk = MemDisk::new();
        let open = || {
            Database::open_with("/db", options(Arc::new(disk.clone()), LogIo::File))
                .unwrap_or_else(|e| panic!("seed {seed}: {}", e.render()))
        };
        let mut db = open();
        run(&mut db.session(), TABLES);
        run(
            &mut db.session(),
            "CREATE TABLE kid (id INT PRIMARY KEY, parent INT REFERENCES parent)",
        );
        let mut waiting: Vec<String> = Vec::new();
        for step in 0..120 {
            let mut session = db.session();
            let n = 1 + rng.below(3);
            let changes: Vec<String> = (0..n).map(|_| random_change(&mut rng)).collect();
            match rng.below(8) {
                0..3 => {
                    let gid = format!("{seed}-{step}");
                    let changes = changes.join("; ");
                    let sql = format!("BEGIN; {changes}; PREPARE TRANSACTION '{gid}'");
                    match session.execute(&sql) {
                        Ok(_) => waiting.push(gid),
                        Err(error) => {
                            assert!(["23", "40", "0A"].contains(&&error.state().0[..2]), "{error}");
                            refused += 1;
                        }
                    }
                    prepared += 1;
                }
                3..5 => refused += u64::from(session.execute(&changes[0]).is_err()),
                5 if !waiting.is_empty() => {
                    let gid = waiting.swap_remove(rng.below(waiting.len() as u64) as usize);
                    let end = if rng.one_in(4) { "ROLLBACK" } else { "COMMIT" };
                    session
                        .execute(&format!("{end} PREPARED '{gid}'"))
                        .unwrap_or_else(|e| panic!("seed {seed}, {gid}: {}", e.render()));
                }
                6 if rng.one_in(2) => drop(db.checkpoint().expect("room")),
                7 if rng.one_in(2) => {
                    drop((session, db));
                    db = open();
                    opened += 1;
                }
                _ => {}
            }
        }
        let mut session = db.session();
        for gid in waiting {
            run(&mut session, &format!("COMMIT PREPARED '{gid}'"));
        }
        let orphans = "SELECT count(*) FROM kid WHERE parent NOT IN (SELECT id FROM parent)";
        assert_eq!(rows(&mut session, orphans), "0");
        let twice = "SELECT count(*) - count(DISTINCT code) FROM parent WHERE code IS NOT NULL";
        assert_eq!(rows(&mut session, twice), "0");
    }
    println!("{prepared} transactions prepared, {refused} changes refused, {opened} times opened");
    assert!(refused > 100 && prepared > refused / 4);
}

/// Statements that prepare and end transactions.
const SCRIPT: &[&str] = &[
    "CREATE TABLE a (id INT PRIMARY KEY, v INT)",
    "CREATE STREAM s (id INT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '5' SECOND)",
    "CREATE MATERIALIZED VIEW total AS SELECT sum(v) AS v, count(*) AS n FROM a",
    "INSERT INTO a VALUES (1, 100), (2, 200)",
    "BEGIN; UPDATE a SET v = v - 10 WHERE id = 1;
       INSERT INTO s VALUES (1, '2026-01-01 00:00:10'), (2, '2026-01-01 00:02:00'); PREPARE TRANSACTION 'one'",
    "BEGIN; INSERT INTO a VALUES (7, 7); PREPARE TRANSACTION 'two'",
    "INSERT INTO s VALUES (3, '2026-01-01 00:01:00')",
    "BEGIN; PREPARE TRANSACTION 'empty'",
    "COMMIT PREPARED 'one'",
    "UPDATE a SET v = v + 1 WHERE id = 1",
    "ROLLBACK PREPARED 'two'",
    "BEGIN; UPDATE a SET v = v WHERE id = 2; INSERT INTO a VALUES (8, 8); PREPARE TRANSACTION 'kept'",
    "COMMIT PREPARED 'empty'",
    "INSERT INTO a VALUES (7, 8)",
    "BEGIN; DELETE FROM a WHERE id = 7; PREPARE TRANSACTION 'one'",
    "COMMIT PREPARED 'kept'",
    "CREATE MATERIALIZED VIEW late AS SELECT count(*) AS n FROM s_late",
    "COMMIT PREPARED 'one'",
];

/// All contents, what is prepared, and whether it keeps a row from others.
fn seen(db: &Database) -> String {
    let mut session = db.session();
    let guard = session.execute("BEGIN; DELETE FROM a WHERE id = 2");
    let keeps = guard.as_ref().is_err_and(|error| error.state().0 == "40001");
    let _ = session.execute("ROLLBACK");
    format!("{}{keeps}", tables(db))
}

fn tables(db: &Database) -> String {
    let mut session = db.session();
    let mut all = format!("epoch {}; ", db.epoch().0);
    let prepared = "SELECT gid, n_rows, epoch FROM arena.prepared_transactions ORDER BY gid";
    let a = "SELECT * FROM a ORDER BY id";
    for query in
        [a, "SELECT * FROM s", "SELECT * FROM s_late", "TABLE total", "TABLE late", prepared]
    {
        all += &match session.query(query, &[]) {
            Ok(rows) => format!("{:?}; ", rows.to_vec()),
            Err(error) => format!("{error}; "),
        };
    }
    all
}

fn expected() -> Vec<String> {
    let db = Database::in_memory();
    let mut after = vec![seen(&db)];
    for sql in SCRIPT {
        run(&mut db.session(), sql);
        after.push(seen(&db));
    }
    after
}

fn open(disk: &FaultDisk, io: LogIo) -> arena_tr::Result<Database> {
    Database::open_with(Path::new("/db"), options(Arc::new(disk.clone()), io))
}

/// Runs the script up to the first error, with a snapshot after every so many statements.
fn run_script(disk: &FaultDisk, io: LogIo, every: usize) -> usize {
    let Ok(db) = open(disk, io) else { return 0 };
    let mut done = 0;
    for sql in SCRIPT {
        // A prepared transaction does not need its session, nor its session's patience.
        let mut session = db.session();
        if sql.contains("PREPARE") {
            session.execute("SET durability = 'async'").expect("a setting");
        }
        if session.execute(sql).is_err() {
            break;
        }
        done += 1;
        if done % every == 0 {
            let _ = db.checkpoint();
        }
    }
    done
}

#[test]
fn power_may_go_at_any_operation_of_a_prepared_transaction() {
    let expected = expected();
    let release = std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some();
    let seeds = if release { 40 } else { 2 };
    let mut states = 0;
    for (io, every) in [(LogIo::Map, usize::MAX), (LogIo::File, 2), (LogIo::File, 3)] {
        let disk = FaultDisk::new(FaultPlan::default());
        assert_eq!(run_script(&disk, io, every), SCRIPT.len());
        let step = if release || every == usize::MAX { 1 } else { 5 };
        for at in (0..disk.ops()).step_by(step) {
            let disk = FaultDisk::new(FaultPlan { crash_at: Some(at), ..FaultPlan::default() });
            let done = run_script(&disk, io, every);
            let mut crashes = vec![(Crash::Nothing, 0)];
            crashes.extend((0..seeds).map(|seed| (Crash::Torn, seed * 1000 + at)));
            for (crash, seed) in crashes {
                let left = disk.after_crash_with(crash, seed);
                check(&left, io, done, &expected, &format!("{io:?} {at} {crash:?} {seed}"));
                states += 1;
            }
        }
    }
    println!("{states} states of a database with prepared transactions after losing power");
}

/// The contents are those after `done` statements or one more, and the script can go on.
fn check(disk: &FaultDisk, io: LogIo, done: usize, expected: &[String], what: &str) {
    let db = open(disk, io).unwrap_or_else(|e| panic!("{what}: {}", e.render()));
    let found = seen(&db);
    let next = expected.get(done + 1).unwrap_or(&expected[done]);
    assert!(
        found == expected[done] || found == *next,
        "{what}: after {done} statements\nfound\n{found}\nexpected\n{}\nor\n{next}",
        expected[done]
    );
    let done = expected.iter().rposition(|e| *e == found).unwrap_or(done);
    if let Some(sql) = SCRIPT.get(done) {
        db.session().execute(sql).unwrap_or_else(|e| panic!("{what}: {sql}: {}", e.render()));
        assert_eq!(seen(&db), expected[done + 1], "{what}: going on");
    }
}

#[test]
fn a_snapshot_is_enough_for_what_is_prepared() {
    let expected = expected();
    for every in [1, 2, 5] {
        let disk = FaultDisk::new(FaultPlan::default());
        for (i, sql) in SCRIPT.iter().enumerate() {
            let db = open(&disk, LogIo::File).expect("it opens");
            assert_eq!(seen(&db), expected[i], "every {every}, before {sql}");
            run(&mut db.session(), sql);
            if i % every == 0 {
                db.checkpoint().expect("room");
            }
        }
    }
    let disk = FaultDisk::new(FaultPlan::default());
    let db = open(&disk, LogIo::File).expect("it opens");
    run(&mut db.session(), "CREATE TABLE a (id INT PRIMARY KEY, v INT); CREATE TABLE big (t TEXT)");
    run(&mut db.session(), "BEGIN; INSERT INTO a VALUES (1, 1); PREPARE TRANSACTION 'old'");
    let first = Path::new("/db/log/0000000000000001.log");
    let has_first = || arena_tr::disk::Disk::exists(&disk, first).expect("a disk that works");
    for _ in 0..8 {
        let row = format!("INSERT INTO big VALUES ('{}')", "x".repeat(9000));
        run(&mut db.session(), &row);
        db.checkpoint().expect("room");
    }
    assert!(!has_first(), "the log of the PREPARE is let go");
    drop(db);
    let db = open(&disk, LogIo::File).expect("it opens");
    let mut session = db.session();
    assert_eq!(state(&mut session, "INSERT INTO a VALUES (1, 2)"), "40001");
    run(&mut session, "COMMIT PREPARED 'old'");
    assert_eq!(rows(&mut session, "SELECT * FROM a"), "1=1");
}
