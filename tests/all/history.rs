//! FOR SYSTEM_TIME AS OF: every epoch that is kept reads as it was when it was the last, and what
//! is not kept says so.
//!
//! A model notes what the relations hold after each commit, and when it was; random epochs and
//! times are then asked for, while the clock goes on and the past expires.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arena_tr::disk::MemDisk;
use arena_tr::{Clock, Database, Error, Options, Session, Value};

const SECOND: i64 = 1_000_000;
const RELATIONS: [&str; 6] = ["keyed", "loose", "stream", "grouped", "joined", "plain"];

const SCHEMA: &str = "
    CREATE TABLE keyed (id INT PRIMARY KEY, n INT);
    CREATE TABLE loose (a INT, s TEXT);
    CREATE STREAM stream (a INT, n INT);
    CREATE MATERIALIZED VIEW grouped AS SELECT a, count(*) AS c, max(s) AS s FROM loose GROUP BY a;
    CREATE MATERIALIZED VIEW joined AS
        SELECT k.id, s.n FROM keyed AS k JOIN stream AS s ON k.n = s.a;
    CREATE VIEW plain AS SELECT k.id, g.c FROM keyed AS k LEFT JOIN grouped AS g ON k.n = g.a";

/// A clock that a test moves.
struct Hands(AtomicI64);

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_000_000 * SECOND)))
    }

    fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn options(hands: &Arc<Hands>, retention: u64) -> Options {
    Options {
        clock: Arc::clone(hands) as Arc<dyn Clock>,
        history_retention: Some(Duration::from_secs(retention)),
        ..Options::default()
    }
}

fn run(session: &mut Session, sql: &str) {
    session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
}

fn fails(session: &mut Session, sql: &str) -> Error {
    match session.execute(sql) {
        Ok(_) => panic!("{sql} is expected to fail"),
        Err(error) => error,
    }
}

/// The rows as sorted lines.
fn rows(session: &mut Session, sql: &str, params: &[Value]) -> Result<Vec<String>, Error> {
    let rows = session.query(sql, params)?.to_vec();
    let line = |row: &Vec<Value>| row.iter().map(|v| format!("{v}|")).collect();
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.sort_unstable();
    Ok(lines)
}

fn now_holds(session: &mut Session, sql: &str) -> Vec<String> {
    rows(session, sql, &[]).unwrap_or_else(|e| panic!("{sql}: {}", e.render()))
}

/// A small generator, so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// A statement that changes something, most of the time.
fn change(random: &mut Random) -> String {
    let (a, b) = (random.below(12), random.below(9));
    match random.below(9) {
        0 | 1 => {
            format!("INSERT INTO keyed VALUES ({a}, {b}) ON CONFLICT (id) DO UPDATE SET n = {b}")
        }
        2 => format!("UPDATE keyed SET n = (n + 1) % 9 WHERE id % 3 = {}", a % 3),
        3 => format!("DELETE FROM keyed WHERE id = {a}"),
        4 | 5 => {
            format!("INSERT INTO loose SELECT {b}, 'x' || {a} FROM generate_series(1, {})", a / 4)
        }
        6 => format!("DELETE FROM loose WHERE a = {b}"),
        7 => format!("INSERT INTO stream VALUES ({b}, {a}), ({a}, 1)"),
        _ => {
            let mut all = "BEGIN; ".to_owned();
            for id in 20..22 {
                let _ = write!(all, "DELETE FROM keyed WHERE id = {id}; ");
                let _ = write!(all, "INSERT INTO keyed VALUES ({id}, {b}); ");
            }
            all + &format!("INSERT INTO loose VALUES ({b}, NULL); COMMIT")
        }
    }
}

/// What the relations held, by epoch.
#[derive(Default)]
struct Model {
    epochs: BTreeMap<u64, (i64, Vec<Vec<String>>)>,
}

impl Model {
    fn note(&mut self, db: &Database, session: &mut Session, now: i64) {
        let contents = RELATIONS.map(|r| now_holds(session, &format!("SELECT * FROM {r}")));
        self.epochs.entry(db.epoch().0).or_insert((now, contents.to_vec()));
    }

    /// The last epoch at this time.
    fn at(&self, time: i64) -> Option<u64> {
        self.epochs.iter().rev().find(|(_, (at, _))| *at <= time).map(|(epoch, _)| *epoch)
    }
}

/// Asks for a relation at a random epoch or time; whether it was kept.
fn ask(
    (db, session): (&Database, &mut Session),
    model: &Model,
    random: &mut Random,
    (now, retention): (i64, i64),
) -> bool {
    let which = random.below(RELATIONS.len() as u64) as usize;
    let name = RELATIONS[which];
    let first = *model.epochs.keys().next().expect("an epoch");
    let floor = model.at(now - retention * SECOND).unwrap_or(first);
    let (clause, param, epoch) = if random.below(2) == 0 {
        let epoch = first + random.below(db.epoch().0 - first + 1);
        ("EPOCH $1", Value::Int8(epoch as i64), Some(epoch))
    } else {
        let time = now - random.below(4 * retention as u64) as i64 * (SECOND / 2);
        ("$1", Value::TimestampTz(time), model.at(time))
    };
    let sql = format!("SELECT * FROM {name} FOR SYSTEM_TIME AS OF {clause}");
    match (rows(session, &sql, std::slice::from_ref(&param)), epoch.filter(|epoch| *epoch >= floor))
    {
        (Ok(rows), Some(epoch)) => {
            assert_eq!(rows, model.epochs[&epoch].1[which], "{name} as of {param}, epoch {epoch}");
            true
        }
        (Err(error), None) => {
            assert_eq!(error.state().0, "72000", "{}", error.render());
            let oldest = format!("the oldest epoch is {floor} ");
            assert!(error.message().contains(&oldest), "{} / {oldest}", error.message());
            assert!(error.hint().is_some_and(|hint| hint.contains("history_retention")));
            false
        }
        (Ok(_), None) => panic!("{name} as of {param} is kept too long"),
        (Err(error), Some(_)) => panic!("{name} as of {param}: {}", error.render()),
    }
}

#[test]
fn every_epoch_that_is_kept_reads_as_it_was() {
    for seed in 1..=4 {
        let (mut random, hands) = (Random(seed * 7919), Hands::new());
        let retention = 20;
        let db = Database::with_options(options(&hands, retention as u64));
        let mut session = db.session();
        run(&mut session, SCHEMA);
        let mut model = Model::default();
        run(&mut session, "INSERT INTO loose VALUES (1, 'first')");
        // Before the first commit there was nothing, at no time.
        model.epochs.insert(0, (i64::MIN, vec![Vec::new(); RELATIONS.len()]));
        model.note(&db, &mut session, hands.now());
        let (mut kept, mut gone) = (0, 0);
        for _ in 0..250 {
            hands.advance(random.below(4) as i64 * SECOND / 2);
            run(&mut session, &change(&mut random));
            model.note(&db, &mut session, hands.now());
            for _ in 0..3 {
                let asked = (&db, &mut session);
                let was = ask(asked, &model, &mut random, (hands.now(), retention));
                *if was { &mut kept } else { &mut gone } += 1;
            }
        }
        println!("seed {seed}: {kept} answers, {gone} refusals, epoch {}", db.epoch().0);
        assert!(kept > 100 && gone > 100, "{kept} kept, {gone} gone");
    }
}

#[test]
fn the_past_expires_and_its_memory_comes_back() {
    let hands = Hands::new();
    let db = Database::with_options(options(&hands, 60));
    let mut session = db.session();
    run(&mut session, "CREATE TABLE t (id INT PRIMARY KEY, n BIGINT, s TEXT)");
    let fill = "INSERT INTO t SELECT i, 0, 'a text that takes some room in memory ' || i \
                FROM generate_series(1, 20000) AS g(i)";
    run(&mut session, fill);
    let used = |session: &mut Session| -> i64 {
        let sql = "SELECT coalesce(sum(used_bytes), 0)::BIGINT FROM arena.arenas";
        now_holds(session, sql)[0].trim_end_matches('|').parse().expect("a number")
    };
    let before = used(&mut session);
    for i in 1..=50 {
        hands.advance(SECOND / 2);
        run(&mut session, &format!("UPDATE t SET n = {i} WHERE id % 10 = {}", i % 10));
    }
    let held = used(&mut session);
    let sum = now_holds(&mut session, "SELECT sum(n) FROM t FOR SYSTEM_TIME AS OF EPOCH 11");
    assert_eq!(sum, [format!("{}|", 2000 * (1..=10).sum::<i64>())]);
    hands.advance(61 * SECOND);
    run(&mut session, "UPDATE t SET n = 0 WHERE id = 1");
    let freed = used(&mut session);
    println!("20,000 rows: {before} bytes; {held} with 50 epochs of 2,000 updates; {freed} after");
    assert!(held > before * 2, "history is charged: {before} bytes, {held} with it");
    assert!(freed < held / 2, "{held} bytes with history, {freed} after it has expired");
    let error = fails(&mut session, "SELECT * FROM t FOR SYSTEM_TIME AS OF EPOCH 50");
    assert!(error.message().contains("the oldest epoch is 51 "), "{}", error.message());
    // Lists and marks count, too: of a commit that changes one row they are most of it.
    let before = used(&mut session);
    for id in 1..=500 {
        run(&mut session, &format!("UPDATE t SET n = -1 WHERE id = {}", id * 37));
    }
    let each = (used(&mut session) - before) / 500;
    println!("an epoch with one row updated: {each} bytes");
    assert!((1_000..10_000).contains(&each), "{each} bytes for an epoch with one row updated");
    hands.advance(61 * SECOND);
    run(&mut session, "UPDATE t SET n = 0 WHERE id = 1");
    let after = used(&mut session);
    assert!(after < before + 100 * each, "{before} bytes, and {after} after it has expired");
    // It expires without commits, too.
    hands.advance(30 * SECOND);
    let last = db.epoch().0;
    let past = |epoch: u64| format!("SELECT * FROM t FOR SYSTEM_TIME AS OF EPOCH {epoch}");
    run(&mut session, &past(last - 1));
    hands.advance(31 * SECOND);
    assert_eq!(fails(&mut session, &past(last - 1)).state().0, "72000");
    run(&mut session, &past(last));
}

#[test]
fn no_more_epochs_are_kept_than_are_to_be() {
    let hands = Hands::new();
    let options = Options { history_epochs_kept: 3, ..options(&hands, 3600) };
    let mut session = Database::with_options(options).session();
    run(&mut session, "CREATE TABLE t (n INT)");
    for n in 1..=5 {
        run(&mut session, &format!("INSERT INTO t VALUES ({n})"));
    }
    for epoch in 3..=5 {
        let sql = format!("SELECT max(n) FROM t FOR SYSTEM_TIME AS OF EPOCH {epoch}");
        assert_eq!(now_holds(&mut session, &sql), [format!("{epoch}|")]);
    }
    let error = fails(&mut session, "SELECT * FROM t FOR SYSTEM_TIME AS OF EPOCH 2");
    assert!(error.hint().is_some_and(|hint| hint.contains("history_epochs_kept")));
}

#[test]
fn the_past_stands_still_while_others_write() {
    let db = Database::in_memory();
    let mut session = db.session();
    run(&mut session, "SET history_retention = '1 hour'");
    run(&mut session, "CREATE TABLE a (id INT PRIMARY KEY, n INT); CREATE TABLE b (n INT)");
    run(&mut session, "INSERT INTO a SELECT i, 100 FROM generate_series(1, 50) AS g(i)");
    let first = db.epoch().0;
    let stop = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut session, mut random) = (db.session(), Random(99));
            for _ in 0..400 {
                let (x, y) = (random.below(50) + 1, random.below(50) + 1);
                let sql = format!(
                    "BEGIN; UPDATE a SET n = n - 1 WHERE id = {x}; \
                     UPDATE a SET n = n + 1 WHERE id = {y}; INSERT INTO b VALUES ({x}); COMMIT"
                );
                run(&mut session, &sql);
            }
            stop.store(true, Ordering::SeqCst);
        });
        let reader = |seed: u64| {
            let (mut session, mut random, mut asked) = (db.session(), Random(seed), 0_u32);
            while !stop.load(Ordering::SeqCst) || asked < 50 {
                let epoch = first + random.below(db.epoch().0 - first + 1);
                let sql = "SELECT (SELECT sum(n) FROM a FOR SYSTEM_TIME AS OF EPOCH $1), \
                           (SELECT count(*) FROM b FOR SYSTEM_TIME AS OF EPOCH $1)";
                let rows = rows(&mut session, sql, &[Value::Int8(epoch as i64)]);
                assert_eq!(rows.expect("it is kept"), [format!("5000|{}|", epoch - first)]);
                asked += 1;
            }
            asked
        };
        let readers = [1, 2].map(|seed| scope.spawn(move || reader(seed)));
        readers.map(|reader| reader.join().expect("no panic"))
    });
    println!("asked {asked:?} times beside 400 commits");
}

#[test]
fn a_transaction_keeps_its_own_epoch_and_loses_it_by_policy() {
    let hands = Hands::new();
    let max_age = Some(Duration::from_secs(100));
    let db = Database::with_options(Options { snapshot_max_age: max_age, ..options(&hands, 10) });
    let (mut a, mut b) = (db.session(), db.session());
    run(&mut a, "CREATE TABLE t (n INT); INSERT INTO t VALUES (1)");
    run(&mut a, "BEGIN; SELECT * FROM t");
    let own = "SELECT count(*) FROM t FOR SYSTEM_TIME AS OF EPOCH 1";
    run(&mut b, "INSERT INTO t VALUES (2)");
    assert_eq!(now_holds(&mut a, own), ["1|"]);
    assert_eq!(fails(&mut a, &own.replace('1', "2")).state().0, "22023");
    run(&mut a, "ROLLBACK; BEGIN; SELECT * FROM t");
    // History has expired; what the transaction holds has not.
    hands.advance(20 * SECOND);
    run(&mut b, "INSERT INTO t VALUES (3)");
    hands.advance(20 * SECOND);
    run(&mut b, "INSERT INTO t VALUES (4)");
    assert_eq!(fails(&mut b, &own.replace('1', "2")).state().0, "72000");
    assert_eq!(now_holds(&mut a, &own.replace('1', "2")), ["2|"]);
    run(&mut b, "SET history_retention = '1 hour'");
    let epoch = db.epoch().0;
    hands.advance(100 * SECOND);
    // Then the transaction's snapshot is given up, though history is kept for longer.
    assert_eq!(fails(&mut a, "SELECT 1").message(), "snapshot too old");
    run(&mut a, "ROLLBACK");
    run(&mut b, "DELETE FROM t");
    let sql = format!("SELECT count(*) FROM t FOR SYSTEM_TIME AS OF EPOCH {epoch}");
    assert_eq!(now_holds(&mut a, &sql), ["4|"]);
}

#[test]
fn history_begins_anew_when_a_database_is_opened() {
    let (hands, disk) = (Hands::new(), MemDisk::new());
    let open = |retention: u64| {
        let disk = Arc::new(disk.clone());
        let options = Options { disk, ..options(&hands, retention) };
        Database::open_with("/db", options).expect("it opens")
    };
    for checkpoint in [false, true] {
        let db = open(0);
        let mut session = db.session();
        run(&mut session, "SET history_retention = '2 hours'");
        run(&mut session, "CREATE TABLE IF NOT EXISTS t (n INT); DELETE FROM t");
        run(&mut session, "INSERT INTO t VALUES (1)");
        let epoch = db.epoch().0;
        let old = format!("SELECT count(*) FROM t FOR SYSTEM_TIME AS OF EPOCH {epoch}");
        run(&mut session, "INSERT INTO t VALUES (2)");
        let copied = format!("c{epoch}");
        run(&mut session, &old.replace("SELECT", &format!("CREATE TABLE {copied} AS SELECT")));
        assert_eq!(now_holds(&mut session, &old), ["1|"]);
        if checkpoint {
            run(&mut session, "CHECKPOINT");
        }
        drop((session, db));
        let db = open(3600);
        let mut session = db.session();
        assert_eq!(now_holds(&mut session, "SHOW history_retention"), ["01:00:00|"]);
        let error = fails(&mut session, &old);
        assert_eq!(error.state().0, "72000");
        assert!(error.hint().is_some_and(|hint| hint.contains("when the database is opened")));
        // What was read of the past is in the log as rows.
        assert_eq!(now_holds(&mut session, &format!("SELECT * FROM {copied}")), ["1|"]);
        let opened = db.epoch().0;
        run(&mut session, "DELETE FROM t");
        let sql = format!("SELECT count(*) FROM t FOR SYSTEM_TIME AS OF EPOCH {opened}");
        assert_eq!(now_holds(&mut session, &sql), ["2|"]);
    }
}

#[test]
fn parameters_and_copies_read_the_past() {
    let hands = Hands::new();
    let db = Database::with_options(options(&hands, 3600));
    let mut session = db.session();
    run(&mut session, "CREATE TABLE t (n INT); INSERT INTO t VALUES (1)");
    let first = hands.now();
    hands.advance(60 * SECOND);
    run(&mut session, "INSERT INTO t VALUES (2)");
    hands.advance(60 * SECOND);
    run(&mut session, "INSERT INTO t VALUES (3)");
    let count = |session: &mut Session, moment: &str, params: &[Value]| {
        let sql = format!("SELECT count(*) FROM t FOR SYSTEM_TIME AS OF {moment}");
        rows(session, &sql, params).unwrap_or_else(|e| panic!("{moment}: {}", e.render())).remove(0)
    };
    for (moment, value, expected) in [
        ("EPOCH $1", Value::Int4(2), "2|"),
        ("EPOCH $1 - 1", Value::Int8(2), "1|"),
        ("EPOCH $1", Value::Text("3".into()), "3|"),
        ("$1", Value::TimestampTz(first), "1|"),
        ("$1", Value::Timestamp(first + 60 * SECOND), "2|"),
        ("$1", Value::TimestampTz(first + 60 * SECOND - 1), "1|"),
        ("$1", Value::Text("1970-01-12 13:47:39.999999+00".into()), "1|"),
        (
            "TIMESTAMP '1970-01-12 13:46:40' + $1",
            Value::parse("1 minute", &arena_tr::DataType::Interval).expect("an interval"),
            "2|",
        ),
    ] {
        assert_eq!(count(&mut session, moment, &[value]), expected, "{moment}");
    }
    assert_eq!(count(&mut session, "now()", &[]), "3|");
    assert_eq!(count(&mut session, "now() - INTERVAL '1' SECOND", &[]), "2|");
    assert_eq!(count(&mut session, "now() - INTERVAL '1' MINUTE - INTERVAL '1' SECOND", &[]), "1|");
    let copy = "COPY (SELECT n FROM t FOR SYSTEM_TIME AS OF EPOCH 1) TO STDOUT";
    let outcome = session.execute(copy).expect("a copy").remove(0);
    assert_eq!(outcome.rows.expect("rows").to_vec(), [[Value::Int4(1)]]);
}
