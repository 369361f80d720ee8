//! Subscriptions that the database keeps track of: a consumer that fetches, processes and
//! acknowledges sees every change once, whatever happens to the database in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arena_tr::disk::{Crash, FaultDisk, FaultPlan, MemDisk};
use arena_tr::{Database, LogIo, Session, Value};

use crate::durability::options;

fn open(disk: &FaultDisk) -> arena_tr::Result<Database> {
    Database::open_with("/db", options(Arc::new(disk.clone()), LogIo::File))
}

fn run(session: &mut Session, sql: &str) {
    session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// SQLSTATE and message of a statement that fails.
fn refused(session: &mut Session, sql: &str) -> (String, String) {
    let Err(error) = session.execute(sql) else { panic!("{sql}: nothing is wrong") };
    (error.state().0.to_owned(), error.message().to_owned())
}

/// The rows of a statement, as text.
fn rows(session: &mut Session, sql: &str) -> Vec<String> {
    let rows = session.query(sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e}")).to_vec();
    let cells = |row: &Vec<Value>| row.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
    rows.iter().map(cells).collect()
}

#[test]
fn a_consumer_fetches_and_acknowledges() {
    let db = Database::in_memory();
    let mut s = db.session();
    run(&mut s, "CREATE TABLE t (a INT, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y')");
    run(&mut s, "CREATE SUBSCRIPTION app ON t WITH (retention = '1 day')");
    let columns = s.query("FETCH ALL FROM app", &[]).expect("it is there");
    let names: Vec<&str> = columns.schema().fields.iter().map(|f| &*f.name).collect();
    assert_eq!(names, ["epoch", "weight", "a", "b"]);
    run(&mut s, "INSERT INTO t VALUES (3, 'z')");
    run(&mut s, "UPDATE t SET b = 'w' WHERE a = 3");
    run(&mut s, "CREATE TABLE other (a INT); INSERT INTO other VALUES (1)");
    let sorted = |mut rows: Vec<String>| {
        rows.sort();
        rows
    };
    let all = ["1 1 1 x", "1 1 2 y", "2 1 3 z", "3 -1 3 z", "3 1 3 w"];
    for _ in 0..2 {
        assert_eq!(sorted(rows(&mut s, "FETCH ALL FROM app")), all);
    }
    // Whole epochs, one at least.
    assert_eq!(sorted(rows(&mut s, "FETCH 1 FROM app")), all[..2]);
    assert_eq!(sorted(rows(&mut s, "FETCH 3 FROM app")), all[..3]);
    assert_eq!(sorted(rows(&mut s, "FETCH 4 FROM app")), all[..3]);
    assert_eq!(sorted(rows(&mut s, "FETCH FROM app AFTER EPOCH 1")), all[2..3]);
    assert_eq!(rows(&mut s, "FETCH ALL FROM app AFTER EPOCH 4"), [""; 0]);
    let listed = "SELECT * FROM arena.subscriptions";
    assert_eq!(rows(&mut s, listed), ["app t NULL NULL 3 5"]);
    run(&mut s, "ACKNOWLEDGE app UP TO EPOCH 2; ACKNOWLEDGE app UP TO EPOCH 1");
    assert_eq!(rows(&mut s, listed), ["app t 2 NULL 3 2"]);
    assert_eq!(sorted(rows(&mut s, "FETCH ALL FROM app")), all[3..]);
    for (sql, state, says) in [
        ("FETCH FROM app AFTER EPOCH 1", "22023", "the oldest position is EPOCH 2"),
        ("FETCH FROM app AFTER EPOCH 9", "22023", "EPOCH 9: the last epoch is 4"),
        ("ACKNOWLEDGE app UP TO EPOCH 9", "22023", "EPOCH 9: the last epoch is 4"),
        ("FETCH FROM nobody", "42704", "subscription \"nobody\" does not exist"),
        ("ACKNOWLEDGE nobody UP TO EPOCH 1", "42704", "subscription \"nobody\" does not exist"),
        ("DROP SUBSCRIPTION app, nobody", "42704", "subscription \"nobody\" does not exist"),
        ("CREATE SUBSCRIPTION app ON t", "42710", "subscription \"app\" already exists"),
        ("CREATE SUBSCRIPTION b ON nowhere", "42P01", "relation \"nowhere\" does not exist"),
        ("CREATE SUBSCRIPTION b ON t WITH (max_rows = 2)", "53400", "has 3 rows"),
        ("CREATE SUBSCRIPTION b ON t WITH (retention = '-1 day')", "22023", "a length of time"),
        ("CREATE SUBSCRIPTION b ON t WITH (speed = 1)", "22023", "unknown option \"speed\""),
        ("FETCH FROM app WITH (speed = 1)", "22023", "unknown option \"speed\""),
        ("DROP TABLE t", "2BP01", "because subscriptions follow it"),
    ] {
        let (found, message) = refused(&mut s, sql);
        assert_eq!(found, state, "{sql}: {message}");
        assert!(message.contains(says), "{sql}: {message}");
    }
    for sql in ["FETCH FROM app", "ACKNOWLEDGE app UP TO EPOCH 4", "DROP SUBSCRIPTION app"] {
        run(&mut s, "BEGIN");
        assert_eq!(refused(&mut s, sql).0, "0A000", "{sql}");
        run(&mut s, "ROLLBACK");
    }
    run(&mut s, "CREATE SUBSCRIPTION IF NOT EXISTS app ON t; DROP SUBSCRIPTION IF EXISTS nobody");
    run(&mut s, "DROP TABLE t CASCADE");
    assert_eq!(rows(&mut s, listed), [""; 0]);
}

#[test]
fn a_fetch_waits_for_what_comes() {
    let db = Database::in_memory();
    let mut s = db.session();
    run(&mut s, "CREATE TABLE t (a INT); CREATE SUBSCRIPTION app ON t");
    let start = Instant::now();
    assert_eq!(rows(&mut s, "FETCH FROM app WITH (timeout = '50 milliseconds')"), [""; 0]);
    assert!(start.elapsed() >= Duration::from_millis(50));
    let other = db.clone();
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        run(&mut other.session(), "INSERT INTO t VALUES (7)");
    });
    assert_eq!(rows(&mut s, "FETCH FROM app WITH (timeout = '1 minute')"), ["1 1 7"]);
    later.join().expect("it inserts");
    let cancel = s.cancel_handle();
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        cancel.cancel();
    });
    let sql = "FETCH FROM app AFTER EPOCH 1 WITH (timeout = '1 hour')";
    assert_eq!(refused(&mut s, sql).0, "57014");
    canceller.join().expect("it cancels");
}

#[test]
fn a_consumer_that_falls_behind_is_told_and_commits_go_on() {
    let disk = FaultDisk::new(FaultPlan::default());
    let db = open(&disk).expect("a new database");
    let mut s = db.session();
    run(&mut s, "CREATE TABLE t (a INT); CREATE SUBSCRIPTION app ON t WITH (max_rows = 5)");
    for i in 0..4 {
        run(&mut s, &format!("INSERT INTO t VALUES ({i}), ({i})"));
    }
    db.checkpoint().expect("room");
    run(&mut s, "INSERT INTO t VALUES (9)");
    let listed = "SELECT * FROM arena.subscriptions";
    let expected = rows(&mut s, listed);
    assert_eq!(expected, ["app t NULL 2 5 5"]);
    drop((s, db));
    let db = open(&disk).expect("it opens");
    let mut s = db.session();
    assert_eq!(rows(&mut s, listed), expected, "the same after replaying");
    let (state, message) = refused(&mut s, "FETCH ALL FROM app");
    assert_eq!(state, "53400");
    assert!(message.contains("changes up to EPOCH 2 are lost"), "{message}");
    let left = ["3 1 2", "3 1 2", "4 1 3", "4 1 3", "5 1 9"];
    assert_eq!(rows(&mut s, "FETCH ALL FROM app AFTER EPOCH 2"), left);
    run(&mut s, "ACKNOWLEDGE app UP TO EPOCH 3");
    assert_eq!(rows(&mut s, "FETCH ALL FROM app"), left[2..]);
}

/// The consumer: what it has processed, and up to where, both kept somewhere that lasts.
#[derive(Default, PartialEq, Debug)]
struct Consumer {
    position: Option<i64>,
    seen: Vec<(i64, Vec<String>)>,
    /// What it knows the relation to hold.
    holds: BTreeMap<String, i64>,
}

impl Consumer {
    /// Fetches from its own position and processes what comes; the number of epochs.
    fn consume(&mut self, session: &mut Session, n: &str) -> arena_tr::Result<usize> {
        let after = self.position.map_or(String::new(), |at| format!("AFTER EPOCH {at}"));
        let fetched = session.query(&format!("FETCH {n} FROM app {after}"), &[])?.to_vec();
        let mut epochs: Vec<(i64, Vec<String>)> = Vec::new();
        for row in fetched {
            let [Value::Int8(epoch), Value::Int8(weight), rest @ ..] = &row[..] else {
                panic!("{row:?}");
            };
            let text = format!("{rest:?}");
            if epochs.last().is_none_or(|(last, _)| last != epoch) {
                assert!(Some(*epoch) > self.position, "epoch {epoch} again: {:?}", self.position);
                assert!(epochs.last().is_none_or(|(last, _)| last < epoch));
                epochs.push((*epoch, Vec::new()));
            }
            if let Some((_, rows)) = epochs.last_mut() {
                rows.push(format!("{weight} {text}"));
            }
            *self.holds.entry(text).or_default() += weight;
        }
        self.holds.retain(|_, weight| *weight != 0);
        let n = epochs.len();
        for (epoch, mut rows) in epochs {
            rows.sort();
            self.position = Some(epoch);
            self.seen.push((epoch, rows));
        }
        Ok(n)
    }
}

const STATEMENTS: u64 = 16;

fn statement(i: u64) -> String {
    match i % 4 {
        0 | 1 => format!("INSERT INTO t VALUES ({i}, {}), ({i}, {})", i % 3, i % 5),
        2 => "UPDATE t SET g = (g + 1) % 4 WHERE a % 2 = 0".to_owned(),
        _ => format!("DELETE FROM t WHERE g = {}", i % 3),
    }
}

/// Makes what is not there, runs what the database does not have yet, and lets the consumer
/// follow; `snapshots` says before which statements one is taken.
fn go_on(
    disk: &FaultDisk,
    consumer: &mut Consumer,
    snapshots: &dyn Fn(u64) -> bool,
) -> arena_tr::Result<()> {
    let db = open(disk)?;
    let mut s = db.session();
    let definitions = [
        ("SHOW TABLES", "t", "CREATE TABLE t (a INT, g INT)"),
        (
            "SHOW TABLES",
            "v",
            "CREATE MATERIALIZED VIEW v AS SELECT g, count(*) AS n, sum(a) AS s FROM t GROUP BY g",
        ),
        ("SELECT name FROM arena.subscriptions", "app", "CREATE SUBSCRIPTION app ON v"),
    ];
    for (list, name, sql) in definitions {
        let there = s.query(list, &[])?.to_vec();
        if !there.iter().any(|row| row[0] == Value::text(name)) {
            s.execute(sql)?;
        }
    }
    for i in db.epoch().0..STATEMENTS {
        if snapshots(i) {
            db.checkpoint()?;
        }
        s.execute(&statement(i))?;
        if i % 3 == 1 {
            consumer.consume(&mut s, "2")?;
        }
        if i % 5 == 3
            && let Some(position) = consumer.position
        {
            s.execute(&format!("ACKNOWLEDGE app UP TO EPOCH {}", position - (i as i64 / 5) % 2))?;
        }
    }
    while consumer.consume(&mut s, "3")? > 0 {}
    let mut holds = BTreeMap::new();
    for row in s.query("SELECT * FROM v", &[])?.to_vec() {
        *holds.entry(format!("{row:?}")).or_default() += 1;
    }
    assert_eq!(consumer.holds, holds, "what was consumed is not what is there");
    Ok(())
}

#[test]
fn a_consumer_loses_and_repeats_nothing_over_crashes() {
    let release = std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some();
    let kinds = [Crash::Nothing, Crash::All, Crash::Random, Crash::Torn];
    let mut crashes = 0;
    for (variant, snapshots) in
        [&(|_| false) as &dyn Fn(u64) -> bool, &|i| i % 4 == 3, &|i| i % 2 == 0]
            .into_iter()
            .enumerate()
    {
        let disk = FaultDisk::new(FaultPlan::default());
        let mut expected = Consumer::default();
        go_on(&disk, &mut expected, snapshots).expect("nothing fails");
        assert!(expected.seen.len() > 8, "{expected:?}");
        let step = if release { 1 } else { 3 };
        for at in (variant as u64..disk.ops()).step_by(step) {
            let mut disk = FaultDisk::new(FaultPlan { crash_at: Some(at), ..FaultPlan::default() });
            let mut consumer = Consumer::default();
            // A second crash somewhere behind the first.
            for again in [Some(7 + at % 31), None] {
                let done = go_on(&disk, &mut consumer, snapshots);
                if !disk.is_crashed() {
                    done.unwrap_or_else(|e| panic!("operation {at}: {}", e.render()));
                    break;
                }
                crashes += 1;
                disk = disk.after_crash_with(kinds[(at % 4) as usize], at);
                if let Some(n) = again {
                    let crash_at = Some(disk.ops() + n);
                    disk.set_plan(FaultPlan { crash_at, ..FaultPlan::default() });
                }
            }
            disk.set_plan(FaultPlan::default());
            go_on(&disk, &mut consumer, snapshots)
                .unwrap_or_else(|e| panic!("operation {at}: {}", e.render()));
            assert_eq!(consumer, expected, "variant {variant}, operation {at}");
        }
    }
    assert!(crashes > 100, "{crashes} crashes show nothing");
    println!("{crashes} crashes, each change consumed once");
}

#[test]
fn what_is_not_durable_is_not_fetched() {
    let disk = FaultDisk::new(FaultPlan::default());
    let db = open(&disk).expect("a new database");
    let mut s = db.session();
    run(&mut s, "CREATE TABLE t (a INT); CREATE SUBSCRIPTION app ON t");
    run(&mut s, "SET durability = 'async'; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)");
    assert_eq!(rows(&mut s, "FETCH ALL FROM app"), ["1 1 1", "2 1 2"]);
    // The power goes right then: what a consumer has seen is there.
    let crashed = disk.after_crash_with(Crash::Nothing, 1);
    drop((s, db));
    let db = open(&crashed).expect("it opens");
    assert_eq!(rows(&mut db.session(), "FETCH ALL FROM app AFTER EPOCH 1"), ["2 1 2"]);
}

#[test]
fn subscriptions_come_back_in_memory_of_their_own() {
    let disk = MemDisk::new();
    let reopen = || {
        Database::open_with("/db", options(Arc::new(disk.clone()), LogIo::File)).expect("it opens")
    };
    let db = reopen();
    let mut s = db.session();
    run(&mut s, "CREATE TABLE t (a INT); CREATE SUBSCRIPTION gone ON t");
    run(&mut s, "CREATE SUBSCRIPTION app ON t; INSERT INTO t VALUES (1)");
    run(&mut s, "DROP SUBSCRIPTION gone");
    db.checkpoint().expect("room");
    run(&mut s, "CREATE SUBSCRIPTION gone ON t; ACKNOWLEDGE gone UP TO EPOCH 1");
    run(&mut s, "INSERT INTO t VALUES (2)");
    let listed = "SELECT * FROM arena.subscriptions";
    let expected = rows(&mut s, listed);
    assert_eq!(expected, ["app t NULL NULL 2 2", "gone t 1 NULL 2 1"]);
    drop((s, db));
    for _ in 0..3 {
        let db = reopen();
        let mut s = db.session();
        assert_eq!(rows(&mut s, listed), expected);
        assert_eq!(rows(&mut s, "FETCH ALL FROM app"), ["1 1 1", "2 1 2"]);
        db.checkpoint().expect("room");
    }
}
