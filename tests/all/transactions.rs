//! Transactions of several sessions: what snapshot isolation promises, and what it does not.
//!
//! The scripts are those of Hermitage (Kleppmann, 2014), which name the anomalies of Adya's thesis:
//! G0, G1a, G1b, G1c, OTV, PMP, P4 and G-single must not occur; G2-item (write skew) may, and a
//! test says so.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use arena_tr::disk::{Disk, MemDisk};
use arena_tr::{Clock, Database, Error, ErrorKind, Options, Outcome, Session};

/// The table of Hermitage, and sessions over it.
fn hermitage<const N: usize>() -> [Session; N] {
    let db = Database::in_memory();
    let table = "CREATE TABLE test (id INT PRIMARY KEY, value INT);
                 INSERT INTO test VALUES (1, 10), (2, 20)";
    run(&mut db.session(), table);
    std::array::from_fn(|_| {
        let mut session = db.session();
        run(&mut session, "BEGIN ISOLATION LEVEL SNAPSHOT");
        session
    })
}

fn run(session: &mut Session, sql: &str) -> Outcome {
    let outcomes = session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
    outcomes.into_iter().last().expect("one statement at least")
}

fn fails(session: &mut Session, sql: &str) -> Error {
    match session.execute(sql) {
        Ok(_) => panic!("{sql} is expected to fail"),
        Err(error) => error,
    }
}

/// Rows as text: `1=10 2=20`.
fn rows(session: &mut Session, sql: &str) -> String {
    let rows = run(session, sql).rows.expect("a query").to_vec();
    let cells = |row: &Vec<arena_tr::Value>| {
        row.iter().map(ToString::to_string).collect::<Vec<_>>().join("=")
    };
    rows.iter().map(cells).collect::<Vec<_>>().join(" ")
}

const ALL: &str = "SELECT id, value FROM test ORDER BY id";

/// The end of a transaction that lost.
fn loses(session: &mut Session) {
    let error = fails(session, "COMMIT");
    assert_eq!(error.state().0, "40001", "{}", error.render());
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.message(), "could not serialize access due to concurrent update");
    assert_eq!(error.hint(), Some("run the transaction again"));
    assert!(!session.in_transaction());
}

#[test]
fn g0_write_cycles() {
    let [mut a, mut b] = hermitage();
    run(&mut a, "UPDATE test SET value = 11 WHERE id = 1");
    run(&mut b, "UPDATE test SET value = 12 WHERE id = 1");
    run(&mut a, "UPDATE test SET value = 21 WHERE id = 2");
    run(&mut a, "COMMIT");
    run(&mut b, "UPDATE test SET value = 22 WHERE id = 2");
    loses(&mut b);
    assert_eq!(rows(&mut a, ALL), "1=11 2=21");
}

#[test]
fn g1a_aborted_reads() {
    let [mut a, mut b] = hermitage();
    run(&mut a, "UPDATE test SET value = 101 WHERE id = 1");
    assert_eq!(rows(&mut b, ALL), "1=10 2=20");
    run(&mut a, "ROLLBACK");
    assert_eq!(rows(&mut b, ALL), "1=10 2=20");
    run(&mut b, "COMMIT");
    assert_eq!(rows(&mut b, ALL), "1=10 2=20");
}

#[test]
fn g1b_intermediate_reads() {
    let [mut a, mut b] = hermitage();
    run(&mut a, "UPDATE test SET value = 101 WHERE id = 1");
    assert_eq!(rows(&mut b, ALL), "1=10 2=20");
    run(&mut a, "UPDATE test SET value = 11 WHERE id = 1; COMMIT");
    assert_eq!(rows(&mut b, ALL), "1=10 2=20");
    run(&mut b, "COMMIT");
    assert_eq!(rows(&mut b, ALL), "1=11 2=20");
}

#[test]
fn g1c_circular_information_flow() {
    let [mut a, mut b] = hermitage();
    run(&mut a, "UPDATE test SET value = 11 WHERE id = 1");
    run(&mut b, "UPDATE test SET value = 22 WHERE id = 2");
    assert_eq!(rows(&mut a, "SELECT value FROM test WHERE id = 2"), "20");
    assert_eq!(rows(&mut b, "SELECT value FROM test WHERE id = 1"), "10");
    run(&mut a, "COMMIT");
    run(&mut b, "COMMIT");
    assert_eq!(rows(&mut a, ALL), "1=11 2=22");
}

#[test]
fn otv_observed_transaction_vanishes() {
    let [mut a, mut b, mut c] = hermitage();
    run(&mut a, "UPDATE test SET value = 11 WHERE id = 1");
    run(&mut a, "UPDATE test SET value = 19 WHERE id = 2");
    run(&mut b, "UPDATE test SET value = 12 WHERE id = 1");
    run(&mut a, "COMMIT");
    assert_eq!(rows(&mut c, ALL), "1=11 2=19");
    run(&mut b, "UPDATE test SET value = 18 WHERE id = 2");
    assert_eq!(rows(&mut c, ALL), "1=11 2=19");
    loses(&mut b);
    assert_eq!(rows(&mut c, ALL), "1=11 2=19");
}

#[test]
fn pmp_predicate_many_preceders() {
    let [mut a, mut b] = hermitage();
    assert_eq!(rows(&mut a, "SELECT * FROM test WHERE value = 30"), "");
    run(&mut b, "INSERT INTO test VALUES (3, 30); COMMIT");
    assert_eq!(rows(&mut a, "SELECT * FROM test WHERE value % 3 = 0"), "");
    run(&mut a, "COMMIT");
    assert_eq!(rows(&mut a, "SELECT * FROM test WHERE value % 3 = 0"), "3=30");
    // The same with a change that a predicate chooses.
    let [mut a, mut b] = hermitage();
    run(&mut a, "UPDATE test SET value = value + 10");
    assert_eq!(run(&mut b, "DELETE FROM test WHERE value = 20").tag, "DELETE 1");
    run(&mut a, "COMMIT");
    loses(&mut b);
    assert_eq!(rows(&mut a, ALL), "1=20 2=30");
}

#[test]
fn p4_lost_update() {
    let [mut a, mut b] = hermitage();
    assert_eq!(rows(&mut a, "SELECT value FROM test WHERE id = 1"), "10");
    assert_eq!(rows(&mut b, "SELECT value FROM test WHERE id = 1"), "10");
    run(&mut a, "UPDATE test SET value = 11 WHERE id = 1");
    run(&mut b, "UPDATE test SET value = 12 WHERE id = 1");
    run(&mut a, "COMMIT");
    loses(&mut b);
    // Run again, it succeeds.
    run(&mut b, "BEGIN; UPDATE test SET value = value + 1 WHERE id = 1; COMMIT");
    assert_eq!(rows(&mut b, ALL), "1=12 2=20");
}

#[test]
fn g_single_read_skew() {
    let [mut a, mut b] = hermitage();
    assert_eq!(rows(&mut a, "SELECT value FROM test WHERE id = 1"), "10");
    run(&mut b, "UPDATE test SET value = 12 WHERE id = 1");
    run(&mut b, "UPDATE test SET value = 18 WHERE id = 2; COMMIT");
    assert_eq!(rows(&mut a, "SELECT value FROM test WHERE id = 2"), "20");
    run(&mut a, "COMMIT");
    // The same where the second read is a change.
    let [mut a, mut b] = hermitage();
    assert_eq!(rows(&mut a, "SELECT value FROM test WHERE id = 1"), "10");
    run(&mut b, "UPDATE test SET value = 12 WHERE id = 1");
    run(&mut b, "UPDATE test SET value = 18 WHERE id = 2; COMMIT");
    run(&mut a, "DELETE FROM test WHERE value = 20");
    loses(&mut a);
    assert_eq!(rows(&mut b, ALL), "1=12 2=18");
    // And where its rows were found by a predicate.
    let [mut a, mut b] = hermitage();
    assert_eq!(rows(&mut a, "SELECT id FROM test WHERE value % 5 = 0 ORDER BY id"), "1 2");
    run(&mut b, "UPDATE test SET value = 12 WHERE value = 10; COMMIT");
    assert_eq!(rows(&mut a, "SELECT * FROM test WHERE value % 3 = 0"), "");
    run(&mut a, "COMMIT");
}

/// Write skew is what snapshot isolation allows; docs/differences.md says so.
#[test]
fn g2_item_write_skew_is_allowed() {
    let [mut a, mut b] = hermitage();
    assert_eq!(rows(&mut a, ALL), "1=10 2=20");
    assert_eq!(rows(&mut b, ALL), "1=10 2=20");
    run(&mut a, "UPDATE test SET value = 11 WHERE id = 1");
    run(&mut b, "UPDATE test SET value = 21 WHERE id = 2");
    run(&mut a, "COMMIT");
    run(&mut b, "COMMIT");
    assert_eq!(rows(&mut a, ALL), "1=11 2=21");
}

/// So is G2 through a predicate.
#[test]
fn g2_anti_dependency_cycles_are_allowed() {
    let [mut a, mut b] = hermitage();
    assert_eq!(rows(&mut a, "SELECT * FROM test WHERE value % 3 = 0"), "");
    assert_eq!(rows(&mut b, "SELECT * FROM test WHERE value % 3 = 0"), "");
    run(&mut a, "INSERT INTO test VALUES (3, 30)");
    run(&mut b, "INSERT INTO test VALUES (4, 42)");
    run(&mut a, "COMMIT");
    run(&mut b, "COMMIT");
    assert_eq!(rows(&mut a, "SELECT * FROM test WHERE value % 3 = 0 ORDER BY id"), "3=30 4=42");
}

/// What a value says does not count, only that somebody changed the row.
#[test]
fn rows_that_look_untouched_are_not() {
    // Set to what it was: how write skew is prevented by those who want that.
    let [mut a, mut b, mut c] = hermitage();
    run(&mut a, "UPDATE test SET value = value WHERE id = 1");
    run(&mut b, "UPDATE test SET value = value WHERE id = 1");
    run(&mut c, "UPDATE test SET value = value WHERE id = 2");
    assert_eq!(run(&mut a, "COMMIT").epoch, None);
    loses(&mut b);
    run(&mut c, "COMMIT");
    // Changed and changed back.
    let [mut a, mut b] = hermitage();
    run(&mut a, "UPDATE test SET value = 11 WHERE id = 1");
    run(&mut b, "ROLLBACK; UPDATE test SET value = 5 WHERE id = 1");
    run(&mut b, "UPDATE test SET value = 10 WHERE id = 1");
    loses(&mut a);
    // Deleted and inserted again.
    let [mut a, mut b] = hermitage();
    run(&mut a, "UPDATE test SET value = 11 WHERE id = 1");
    run(&mut b, "ROLLBACK; DELETE FROM test WHERE id = 1; INSERT INTO test VALUES (1, 10)");
    loses(&mut a);
    // Before the snapshot is no matter.
    run(&mut a, "BEGIN; UPDATE test SET value = 11 WHERE id = 1; COMMIT");
    // Nor is what was gone back from.
    run(&mut a, "BEGIN; SAVEPOINT s; UPDATE test SET value = 12 WHERE id = 1; ROLLBACK TO s");
    run(&mut b, "UPDATE test SET value = 13 WHERE id = 1");
    run(&mut a, "UPDATE test SET value = 21 WHERE id = 2; COMMIT");
    assert_eq!(rows(&mut a, ALL), "1=13 2=21");
    // Rows without a key.
    run(&mut a, "CREATE TABLE bag (x INT); INSERT INTO bag VALUES (1), (1), (2)");
    run(&mut a, "BEGIN; DELETE FROM bag WHERE x = 1");
    run(&mut b, "DELETE FROM bag WHERE x = 1; INSERT INTO bag VALUES (1), (1)");
    loses(&mut a);
    run(&mut a, "BEGIN; DELETE FROM bag WHERE x = 2");
    run(&mut b, "DELETE FROM bag WHERE x = 1");
    run(&mut a, "COMMIT");
    assert_eq!(rows(&mut a, "SELECT * FROM bag"), "");
}

/// What is remembered of changed rows is bounded and forgets nothing that an open transaction asks
/// for.
#[test]
fn many_changes_beside_a_transaction_are_all_known() {
    let [mut a, mut b] = hermitage();
    run(&mut b, "ROLLBACK; INSERT INTO test SELECT n, 0 FROM generate_series(3, 12000) AS g(n)");
    run(&mut b, "BEGIN READ ONLY; SELECT 1");
    let db = a.database();
    let mut others = db.session();
    run(&mut a, "ROLLBACK; BEGIN; UPDATE test SET value = 1 WHERE id IN (3, 12000)");
    run(&mut others, "UPDATE test SET value = value + 1 WHERE id = 3");
    run(&mut others, "UPDATE test SET value = value - 1 WHERE id = 3");
    // More than is kept unseen, twice: an open transaction still asks for all of it.
    for _ in 0..2 {
        run(&mut others, "UPDATE test SET value = 9 WHERE id BETWEEN 4 AND 11000");
        run(&mut others, "UPDATE test SET value = 0 WHERE id BETWEEN 4 AND 11000");
    }
    loses(&mut a);
    // Nobody does now; then somebody who began afterwards.
    run(&mut others, "UPDATE test SET value = 2 WHERE id > 3");
    run(&mut a, "BEGIN; UPDATE test SET value = 3 WHERE id = 12000");
    run(&mut others, "UPDATE test SET value = 4 WHERE id BETWEEN 4 AND 11000");
    run(&mut a, "COMMIT");
    assert_eq!(rows(&mut a, "SELECT value FROM test WHERE id = 12000"), "3");
    assert_eq!(rows(&mut b, "SELECT max(value) FROM test"), "20");
    assert_eq!(rows(&mut b, "SELECT value FROM test WHERE id = 12000"), "0");
}

#[test]
fn a_key_that_somebody_else_took_is_refused_at_commit() {
    let [mut a, mut b] = hermitage();
    run(&mut a, "INSERT INTO test VALUES (3, 30)");
    run(&mut b, "INSERT INTO test VALUES (3, 31)");
    run(&mut a, "COMMIT");
    let error = fails(&mut b, "COMMIT");
    assert_eq!(error.state().0, "23505", "{}", error.render());
    assert_eq!(rows(&mut b, ALL), "1=10 2=20 3=30");
}

#[test]
fn a_key_that_the_snapshot_shows_is_taken_though_somebody_freed_it() {
    let [mut a, mut b] = hermitage();
    assert_eq!(rows(&mut a, ALL), "1=10 2=20");
    run(&mut b, "DELETE FROM test WHERE id = 1; COMMIT");
    let error = fails(&mut a, "INSERT INTO test VALUES (1, 11)");
    assert_eq!(error.state().0, "23505", "{}", error.render());
    run(&mut a, "ROLLBACK");
    // A key that was freed and is not in the snapshot is free.
    run(&mut a, "INSERT INTO test VALUES (1, 11)");
    assert_eq!(rows(&mut a, ALL), "1=11 2=20");
}

#[test]
fn a_failed_commit_leaves_nothing_of_several_relations() {
    let db = Database::in_memory();
    let (mut a, mut b) = (db.session(), db.session());
    run(
        &mut a,
        "CREATE TABLE x (id INT PRIMARY KEY, n INT); CREATE TABLE y (id INT PRIMARY KEY, n INT);
         CREATE STREAM s (n INT);
         CREATE MATERIALIZED VIEW sums AS SELECT sum(n) AS n FROM s;
         INSERT INTO x VALUES (1, 1); INSERT INTO y VALUES (1, 1)",
    );
    run(&mut a, "BEGIN; UPDATE x SET n = 2; INSERT INTO s VALUES (5); UPDATE y SET n = 2");
    run(&mut b, "UPDATE y SET n = 3");
    let before = db.epoch();
    loses(&mut a);
    assert_eq!(db.epoch(), before);
    assert_eq!(rows(&mut a, "SELECT x.n, y.n FROM x, y"), "1=3");
    assert_eq!(rows(&mut a, "SELECT n FROM sums"), "NULL");
    // All of it in one epoch, which COMMIT reports.
    let done = run(&mut a, "BEGIN; UPDATE x SET n = 2; INSERT INTO s VALUES (5); COMMIT");
    assert_eq!((done.tag.as_str(), done.epoch), ("COMMIT", Some(db.epoch())));
    assert_eq!(db.epoch().0, before.0 + 1);
    assert_eq!(rows(&mut a, "SELECT n FROM sums"), "5");
    // None without changes, and none for changes that undo each other.
    let undone = "BEGIN; INSERT INTO x VALUES (9, 9); DELETE FROM x WHERE id = 9; COMMIT";
    for sql in ["BEGIN; SELECT * FROM x; COMMIT", undone] {
        assert_eq!(run(&mut a, sql).epoch, None, "{sql}");
    }
    assert_eq!(db.epoch().0, before.0 + 1);
}

#[test]
fn notices_and_tags_are_those_of_postgres() {
    let mut session = Database::in_memory().session();
    let outcome = run(&mut session, "COMMIT");
    assert_eq!(outcome.tag, "COMMIT");
    assert_eq!(outcome.notices, ["there is no transaction in progress"]);
    let outcome = run(&mut session, "ABORT");
    assert_eq!(outcome.tag, "ROLLBACK");
    assert_eq!(outcome.notices, ["there is no transaction in progress"]);
    assert_eq!(run(&mut session, "START TRANSACTION").tag, "START TRANSACTION");
    let outcome = run(&mut session, "BEGIN");
    assert_eq!(outcome.tag, "BEGIN");
    assert_eq!(outcome.notices, ["there is already a transaction in progress"]);
    assert_eq!(run(&mut session, "SAVEPOINT a").tag, "SAVEPOINT");
    let error = fails(&mut session, "SELECT 1 / 0");
    assert_eq!(error.state().0, "22012");
    let error = fails(&mut session, "SELECT 1");
    assert_eq!(
        error.message(),
        "current transaction is aborted, commands ignored until end of transaction block"
    );
    assert_eq!(run(&mut session, "ROLLBACK TO a").tag, "ROLLBACK");
    assert_eq!(run(&mut session, "RELEASE a").tag, "RELEASE");
    fails(&mut session, "SELECT 1 / 0");
    assert_eq!(run(&mut session, "END").tag, "ROLLBACK");
    let outcome = run(&mut session, "BEGIN ISOLATION LEVEL READ COMMITTED");
    assert_eq!(outcome.notices, ["the transaction runs as ISOLATION LEVEL SNAPSHOT"]);
    run(&mut session, "ROLLBACK");
    let error = fails(&mut session, "ROLLBACK TO a");
    assert_eq!(error.message(), "ROLLBACK TO SAVEPOINT can only be used in transaction blocks");
}

#[test]
fn copy_and_definitions_of_others() {
    let db = Database::in_memory();
    arena_tr_connectors::register_all(&db);
    let (mut a, mut b) = (db.session(), db.session());
    run(&mut a, "CREATE TABLE t (id INT PRIMARY KEY, double INT AS (id * 2), s TEXT DEFAULT 'x')");
    run(&mut a, "BEGIN");
    let outcome = a.copy_in("COPY t (id) FROM STDIN", b"1\n2\n").expect("the rows fit");
    assert_eq!((outcome.tag.as_str(), outcome.epoch), ("COPY 2", None));
    assert_eq!(rows(&mut a, "SELECT * FROM t ORDER BY id"), "1=2=x 2=4=x");
    assert_eq!(rows(&mut a, "COPY t TO STDOUT"), "1=2=x 2=4=x");
    assert_eq!(rows(&mut b, "SELECT * FROM t"), "");
    let error = a.copy_in("COPY t (id) FROM STDIN", b"2\n").err().expect("the key is taken");
    assert_eq!(error.state().0, "23505");
    run(&mut a, "ROLLBACK");
    // A relation that another session drops stays readable, and cannot be changed.
    run(&mut a, "BEGIN; SELECT * FROM t; INSERT INTO t (id) VALUES (1)");
    run(&mut b, "DROP TABLE t; CREATE TABLE t (other TEXT)");
    assert_eq!(rows(&mut a, "SELECT id FROM t"), "1");
    let error = fails(&mut a, "COMMIT");
    assert_eq!(error.state().0, "40001", "{}", error.render());
    assert_eq!(rows(&mut a, "SELECT * FROM t"), "");
    // So does one that is made meanwhile: it is not there.
    run(&mut a, "BEGIN; SELECT 1");
    run(&mut b, "CREATE TABLE later (a INT)");
    assert_eq!(fails(&mut a, "SELECT * FROM later").state().0, "42P01");
    run(&mut a, "ROLLBACK");
    run(&mut a, "BEGIN READ ONLY");
    let error = a.copy_in("COPY later FROM STDIN", b"1\n").err().expect("read only");
    assert_eq!(error.message(), "cannot execute COPY FROM in a read-only transaction");
}

/// A transaction that is dropped with its session leaves nothing.
#[test]
fn a_session_that_ends_rolls_back() {
    let [mut a, b] = hermitage();
    drop(b);
    run(&mut a, "DELETE FROM test");
    let db = a.database();
    drop(a);
    assert_eq!(rows(&mut db.session(), ALL), "1=10 2=20");
}

#[test]
fn readers_and_the_writer_do_not_wait_for_each_other() {
    let db = Database::in_memory();
    let mut session = db.session();
    run(&mut session, "CREATE TABLE n (i INT); CREATE TABLE w (i INT)");
    let values: Vec<String> = (0..1_500).map(|i| format!("({i})")).collect();
    run(&mut session, &format!("INSERT INTO n VALUES {}", values.join(", ")));
    // A query of seconds in an open transaction on a thread of its own.
    let done = Arc::new(AtomicBool::new(false));
    let (started, start) = mpsc::channel();
    let (flag, mut reader) = (Arc::clone(&done), db.session());
    let cancel = reader.cancel_handle();
    let thread = std::thread::spawn(move || {
        run(&mut reader, "BEGIN; SELECT count(*) FROM w");
        started.send(()).expect("somebody waits");
        let slow = "SELECT count(*) FROM n a, n b, n c WHERE (a.i + b.i * c.i) % 7 = 3";
        let error = reader.execute(slow).err();
        flag.store(true, Ordering::SeqCst);
        assert_eq!(error.map(|e| e.state().0), Some("57014"));
        run(&mut reader, "ROLLBACK");
    });
    start.recv().expect("the reader starts");
    std::thread::sleep(Duration::from_millis(50));
    let (begin, mut slowest) = (Instant::now(), Duration::ZERO);
    for i in 0..200 {
        let start = Instant::now();
        run(&mut session, &format!("INSERT INTO w VALUES ({i})"));
        assert_eq!(rows(&mut session, "SELECT count(*) FROM w"), (i + 1).to_string());
        slowest = slowest.max(start.elapsed());
    }
    println!(
        "200 commits and reads beside a long read: {:?}, slowest {slowest:?}",
        begin.elapsed()
    );
    assert!(!done.load(Ordering::SeqCst), "the long read was still running");
    cancel.cancel();
    thread.join().expect("the reader does not panic");
    // The other way round: a transaction that has changed rows holds nobody up.
    let mut writer = db.session();
    run(&mut writer, "BEGIN; DELETE FROM w; INSERT INTO w SELECT i FROM n");
    assert_eq!(rows(&mut session, "SELECT count(*) FROM w"), "200");
    run(&mut session, "INSERT INTO w VALUES (-1)");
    run(&mut writer, "COMMIT");
    assert_eq!(rows(&mut session, "SELECT count(*), min(i) FROM w"), "1501=-1");
}

#[test]
fn a_durable_database_has_what_was_committed() {
    let disk: Arc<dyn Disk> = Arc::new(MemDisk::new());
    let open = || {
        let options = Options { disk: Arc::clone(&disk), ..Options::default() };
        Database::open_with("db", options).expect("the database opens")
    };
    let db = open();
    let (mut a, mut b, mut c) = (db.session(), db.session(), db.session());
    run(
        &mut a,
        "CREATE TABLE test (id INT PRIMARY KEY, value INT); CREATE STREAM s (n INT);
         CREATE MATERIALIZED VIEW n AS SELECT sum(n) AS n FROM s",
    );
    run(&mut a, "BEGIN; INSERT INTO test VALUES (1, 1), (2, 2); INSERT INTO s VALUES (3), (4)");
    run(&mut b, "BEGIN; INSERT INTO test VALUES (1, 3); INSERT INTO s VALUES (100)");
    run(&mut c, "BEGIN; INSERT INTO test VALUES (9, 9); INSERT INTO s VALUES (1000)");
    let epoch = run(&mut a, "UPDATE test SET value = 20 WHERE id = 2; COMMIT").epoch;
    assert_eq!(fails(&mut b, "COMMIT").state().0, "23505");
    drop((a, b, c, db));
    let db = open();
    assert_eq!(Some(db.epoch()), epoch);
    let mut session = db.session();
    assert_eq!(rows(&mut session, ALL), "1=1 2=20");
    assert_eq!(rows(&mut session, "SELECT n FROM n"), "7");
}

/// Many statements in one transaction, while others change the table.
#[test]
fn a_long_transaction_knows_all_keys() {
    const ROWS: usize = 4_000;
    let db = Database::in_memory();
    let (mut a, mut b) = (db.session(), db.session());
    run(&mut a, "CREATE TABLE t (id INT PRIMARY KEY, n INT)");
    run(&mut a, "INSERT INTO t SELECT -n, 0 FROM generate_series(1, 20000) AS g(n)");
    run(&mut a, "BEGIN; SELECT 1");
    run(&mut b, "UPDATE t SET n = 1 WHERE id = -20000");
    let start = Instant::now();
    for i in 0..ROWS {
        run(&mut a, &format!("INSERT INTO t VALUES ({i}, 0)"));
    }
    println!("{ROWS} inserts in one transaction: {:?}", start.elapsed());
    run(&mut a, "SAVEPOINT s");
    for taken in [0, ROWS as i64 - 1, -1, -20_000] {
        let error = fails(&mut a, &format!("INSERT INTO t VALUES ({taken}, 0)"));
        assert_eq!(error.state().0, "23505", "{taken}");
        run(&mut a, "ROLLBACK TO s");
    }
    run(&mut a, "ROLLBACK");
    assert_eq!(rows(&mut a, "SELECT count(*), sum(n) FROM t"), "20000=1");
}

/// A clock that a test moves.
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn a_snapshot_that_is_held_for_too_long_is_given_up() {
    let clock = Arc::new(Hands(AtomicI64::new(1_000_000)));
    let options = Options {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        snapshot_max_age: Some(Duration::from_secs(60)),
        ..Options::default()
    };
    let db = Database::with_options(options);
    let (mut a, mut b) = (db.session(), db.session());
    run(&mut a, "CREATE TABLE t (s TEXT)");
    let fill = "INSERT INTO t SELECT 'a text that takes some room in memory ' || n \
                FROM generate_series(1, 20000) AS g(n)";
    run(&mut a, fill);
    let used = |session: &mut Session| -> i64 {
        let sql = "SELECT coalesce(sum(used_bytes), 0)::BIGINT FROM arena.arenas";
        rows(session, sql).parse().expect("a number")
    };
    run(&mut a, "BEGIN; SELECT count(*) FROM t");
    run(&mut b, "DELETE FROM t");
    clock.0.fetch_add(60_000_000, Ordering::SeqCst);
    // Exactly as old as it may be.
    assert_eq!(rows(&mut a, "SELECT count(*) FROM t"), "20000");
    let held = used(&mut b);
    clock.0.fetch_add(1, Ordering::SeqCst);
    run(&mut b, "INSERT INTO t VALUES ('x')");
    let freed = used(&mut b);
    println!("a snapshot of 20,000 rows: {held} bytes while it is held, {freed} afterwards");
    assert!(freed < held / 2, "{held} bytes held, {freed} afterwards");
    let error = fails(&mut a, "SELECT 1");
    assert_eq!((error.state().0, error.message()), ("72000", "snapshot too old"));
    assert!(error.hint().is_some_and(|hint| hint.contains("snapshot_max_age")));
    assert_eq!(fails(&mut a, "SELECT 1").state().0, "25P02");
    assert_eq!(run(&mut a, "COMMIT").tag, "ROLLBACK");
    // Nobody committed meanwhile: it is found out at the next statement, COMMIT included.
    for sql in ["SELECT 1", "COMMIT"] {
        run(&mut a, "BEGIN; INSERT INTO t VALUES ('y')");
        clock.0.fetch_add(61_000_000, Ordering::SeqCst);
        assert_eq!(fails(&mut a, sql).state().0, "72000");
        run(&mut a, "ROLLBACK");
    }
    assert_eq!(rows(&mut a, "SELECT s FROM t"), "x");
}

/// Many threads move money; every snapshot has all of it.
#[test]
fn the_sum_is_the_same_in_every_snapshot() {
    const ACCOUNTS: u64 = 8;
    let db = Database::in_memory();
    run(
        &mut db.session(),
        "CREATE TABLE bank (id INT PRIMARY KEY, n INT);
         CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS n FROM bank;
         INSERT INTO bank SELECT n, 100 FROM generate_series(0, 7) AS g(n)",
    );
    let (moved, lost) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (mut session, moved, lost) = (db.session(), &moved, &lost);
            scope.spawn(move || {
                let mut rng = arena_tr_testkit::rng::Rng::new(seed);
                for _ in 0..100 {
                    let (from, to) = (rng.below(ACCOUNTS), rng.below(ACCOUNTS));
                    run(&mut session, "BEGIN");
                    assert_eq!(rows(&mut session, "SELECT sum(n) FROM bank"), "800");
                    assert_eq!(rows(&mut session, "SELECT n FROM total"), "800");
                    let transfer = format!(
                        "UPDATE bank SET n = n - 1 WHERE id = {from};
                         UPDATE bank SET n = n + 1 WHERE id = {to}"
                    );
                    run(&mut session, &transfer);
                    assert_eq!(rows(&mut session, "SELECT sum(n) FROM bank"), "800");
                    match session.execute("COMMIT") {
                        Ok(_) => moved.fetch_add(1, Ordering::Relaxed),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Conflict, "{}", error.render());
                            lost.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
    });
    println!("transfers: {moved:?} committed, {lost:?} lost to others");
    assert!(moved.into_inner() > 0);
    assert_eq!(rows(&mut db.session(), "SELECT n FROM total"), "800");
}
