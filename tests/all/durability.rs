//! A database on a disk that breaks: every acknowledged statement is found again, whole.
//!
//! A script makes tables, streams, views and windows and changes them. The same script on a
//! database in memory says what the contents are after each statement; a database on a
//! [`FaultDisk`] is broken at every operation, opened again, and has to have the contents after
//! the last acknowledged statement, or after the one that was under way.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arena_tr::disk::{Crash, FaultDisk, FaultPlan, MemDisk};
use arena_tr::{CheckpointPolicy, Clock, Database, LogIo, LogOptions, Options, Timestamp};

const DIR: &str = "/db";

pub(crate) const SCRIPT: &[&str] = &[
    "CREATE TABLE accounts (id INT PRIMARY KEY, owner TEXT NOT NULL, balance BIGINT)",
    "CREATE MATERIALIZED VIEW total AS SELECT sum(balance) AS s, count(*) AS n FROM accounts",
    "INSERT INTO accounts VALUES (1, 'ann', 100), (2, 'bob', 200), (3, 'a longer name than fits', 7)",
    "CREATE STREAM bids (auction INT, price INT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '5' SECOND)",
    "CREATE MATERIALIZED VIEW per_window AS SELECT window_start, auction, count(*) AS n, max(price) AS top
       FROM TUMBLE(bids, at, INTERVAL '10' SECOND) GROUP BY window_start, auction EMIT ON WINDOW CLOSE",
    "INSERT INTO bids VALUES (1, 10, '2026-01-01 00:00:01'), (2, 11, '2026-01-01 00:00:02')",
    "UPDATE accounts SET balance = balance - 50 WHERE id = 2",
    "INSERT INTO bids VALUES (1, 12, '2026-01-01 00:00:21'), (1, 1, '2026-01-01 00:00:03')",
    "CREATE MATERIALIZED VIEW owners AS SELECT a.owner, b.price FROM accounts a JOIN bids b ON a.id = b.auction",
    "CREATE TABLE copied AS SELECT id, balance FROM accounts WHERE balance > 10",
    "DELETE FROM accounts WHERE id = 3",
    "BEGIN; UPDATE accounts SET balance = balance - 10 WHERE id = 1; SAVEPOINT s;
       UPDATE accounts SET balance = 0; ROLLBACK TO s;
       UPDATE accounts SET balance = balance + 10 WHERE id = 2;
       INSERT INTO bids VALUES (2, 14, '2026-01-01 00:00:39'); COMMIT",
    "INSERT INTO bids VALUES (2, 13, '2026-01-01 00:00:40'), (3, NULL, '2026-01-01 00:00:41')",
    "DROP MATERIALIZED VIEW owners",
    "INSERT INTO accounts SELECT id + 10, 'copy', balance FROM copied",
    "CREATE MATERIALIZED VIEW best AS SELECT auction, max(price) AS top FROM bids GROUP BY auction",
    "UPDATE accounts SET owner = owner || '!'",
    "DROP TABLE copied",
    "INSERT INTO bids VALUES (7, 70, '2026-01-01 00:01:00')",
];

const RELATIONS: &[&str] =
    &["accounts", "total", "bids", "bids_late", "per_window", "owners", "copied", "best"];

/// A second for every question.
#[derive(Default)]
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        self.0.fetch_add(1_000_000, Ordering::Relaxed)
    }
}

pub(crate) fn options(disk: Arc<dyn arena_tr::disk::Disk>, io: LogIo) -> Options {
    Options {
        disk,
        clock: Arc::new(Ticks::default()),
        log: LogOptions { segment_bytes: LogOptions::MIN_SEGMENT_BYTES, io, aligned: true },
        checkpoints: CheckpointPolicy::NEVER,
        ..Options::default()
    }
}

/// All contents and the epoch, as text.
pub(crate) fn contents(db: &Database) -> String {
    let mut session = db.session();
    let mut all = format!("epoch {}\n", db.epoch().0);
    for relation in RELATIONS {
        let mut rows: Vec<String> = match session.query(&format!("SELECT * FROM {relation}"), &[]) {
            Ok(rows) => rows.to_vec().iter().map(|row| format!("{row:?}")).collect(),
            Err(error) => vec![error.to_string()],
        };
        rows.sort();
        all += &format!("{relation}: {}\n", rows.join("; "));
    }
    all
}

/// CHECK DATABASE finds nothing damaged, and looks at something.
pub(crate) fn sound(db: &Database, what: &str) {
    let rows = db.session().query("CHECK DATABASE", &[]);
    let rows = rows.unwrap_or_else(|e| panic!("{what}: {}", e.render())).to_vec();
    let status = |row: &Vec<arena_tr::Value>| row[2].to_string();
    assert!(rows.iter().all(|row| status(row) != "damaged"), "{what}: {rows:?}");
    assert!(rows.iter().any(|row| status(row) == "ok"), "{what}: {rows:?}");
}

/// Contents after each number of statements.
pub(crate) fn expected() -> Vec<String> {
    let db = Database::in_memory();
    let mut session = db.session();
    let mut after = vec![contents(&db)];
    for sql in SCRIPT {
        session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        after.push(contents(&db));
    }
    after
}

fn open(disk: &FaultDisk, io: LogIo) -> arena_tr::Result<Database> {
    Database::open_with(Path::new(DIR), options(Arc::new(disk.clone()), io))
}

/// A snapshot after every so many statements.
pub(crate) type Every = usize;

/// Runs the script up to the first error; how many statements were acknowledged. A snapshot that
/// fails changes nothing.
fn run(disk: &FaultDisk, io: LogIo, every: Every) -> usize {
    let Ok(db) = open(disk, io) else { return 0 };
    let mut session = db.session();
    let mut done = 0;
    for sql in SCRIPT {
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

fn operations(io: LogIo, every: Every) -> u64 {
    let disk = FaultDisk::new(FaultPlan::default());
    assert_eq!(run(&disk, io, every), SCRIPT.len());
    disk.ops()
}

/// Opens what is left; the contents have to be those after `done` statements or one more.
fn check(disk: &FaultDisk, io: LogIo, done: usize, expected: &[String], what: &str) {
    let db = match open(disk, io) {
        Ok(db) => db,
        Err(error) => panic!("{what}: {}", error.render()),
    };
    sound(&db, what);
    let found = contents(&db);
    let next = expected.get(done + 1).unwrap_or(&expected[done]);
    assert!(
        found == expected[done] || found == *next,
        "{what}: after {done} statements\nfound\n{found}\nexpected\n{}\nor\n{next}",
        expected[done]
    );
    // It goes on: the rest of the script gives the rest of the contents.
    let done = expected.iter().rposition(|e| *e == found).unwrap_or(done);
    let mut session = db.session();
    if let Some(sql) = SCRIPT.get(done) {
        session.execute(sql).unwrap_or_else(|e| panic!("{what}: {sql}: {e}"));
        assert_eq!(contents(&db), expected[done + 1], "{what}: going on");
    }
}

#[test]
fn contents_come_back_after_every_statement() {
    let expected = expected();
    for (first, second) in [(LogIo::Map, LogIo::File), (LogIo::File, LogIo::Map)] {
        let disk = MemDisk::new();
        for (i, sql) in SCRIPT.iter().enumerate() {
            let io = if i % 2 == 0 { first } else { second };
            let db =
                Database::open_with(DIR, options(Arc::new(disk.clone()), io)).expect("it opens");
            assert_eq!(contents(&db), expected[i], "before {sql}");
            db.session().execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
            assert_eq!(contents(&db), expected[i + 1], "after {sql}");
        }
    }
}

#[test]
fn power_may_go_at_any_operation() {
    power_goes(Every::MAX, 1);
}

/// Power goes at every operation of a run, or every `step`-th.
pub(crate) fn power_goes(every: Every, step: usize) {
    let expected = expected();
    let release = std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some();
    let seeds = if release { 60 } else { 6 };
    let mut states = 0;
    for (io, steps) in [(LogIo::Map, 1), (LogIo::File, if release { 1 } else { 3 })] {
        let step = if release { 1 } else { step * steps };
        for at in (0..operations(io, every)).step_by(step) {
            let disk = FaultDisk::new(FaultPlan { crash_at: Some(at), ..FaultPlan::default() });
            let done = run(&disk, io, every);
            let mut crashes = vec![(Crash::Nothing, 0)];
            crashes.extend((0..seeds).map(|seed| (Crash::Torn, seed * 1000 + at)));
            for (crash, seed) in crashes {
                let left = disk.after_crash_with(crash, seed);
                check(&left, io, done, &expected, &format!("{io:?} {at} {crash:?} {seed}"));
                states += 1;
            }
        }
    }
    println!("{states} states of a database after losing power");
}

#[test]
fn any_operation_may_fail() {
    operations_fail(Every::MAX);
}

/// Every operation of a run fails, once and from then on.
pub(crate) fn operations_fail(every: Every) {
    let expected = expected();
    let io = LogIo::Map;
    for at in 0..operations(io, every) {
        for sticky in [false, true] {
            let plan = FaultPlan { fail_at: Some(at), sticky, seed: at, ..FaultPlan::default() };
            let disk = FaultDisk::new(plan);
            let done = run(&disk, io, every);
            let left = disk.after_crash_with(Crash::Random, at);
            disk.clear_plan();
            check(&disk, io, done, &expected, &format!("operation {at} fails, sticky {sticky}"));
            check(&left, io, done, &expected, &format!("operation {at} fails, then power gone"));
        }
    }
}

#[test]
fn a_full_disk_refuses_writes_and_reads_go_on() {
    let disk = FaultDisk::new(FaultPlan::default());
    let db = open(&disk, LogIo::Map).expect("it opens");
    let mut session = db.session();
    session.execute("CREATE TABLE t (a INT, b TEXT)").expect("room");
    disk.set_capacity(Some(disk.used() + 2 * LogOptions::MIN_SEGMENT_BYTES));
    let row = format!("INSERT INTO t SELECT count(*), '{}' FROM t", "x".repeat(3000));
    let mut rows = 0;
    let error = loop {
        match session.execute(&row) {
            Ok(_) => rows += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.state().0, "53100", "{error}");
    assert!(rows > 5, "{rows}");
    let count = |session: &mut arena_tr::Session| {
        session.query("SELECT count(*) FROM t", &[]).expect("reads go on").to_vec()[0][0]
            .to_string()
    };
    assert_eq!(count(&mut session), rows.to_string());
    disk.set_capacity(None);
    session.execute(&row).expect("there is room again, without opening anew");
    drop((session, db));
    let db = open(&disk, LogIo::Map).expect("no damage");
    assert_eq!(count(&mut db.session()), (rows + 1).to_string());
}

#[test]
fn one_process_has_it_open_at_a_time() {
    let disk = FaultDisk::new(FaultPlan::default());
    let db = open(&disk, LogIo::Map).expect("it opens");
    let Err(error) = open(&disk, LogIo::Map) else { panic!("opened twice") };
    assert_eq!(error.state().0, "55006", "{error}");
    drop(db);
    open(&disk, LogIo::Map).expect("the lock went with the database");
}

#[test]
fn sessions_share_syncs_and_nothing_is_lost() {
    let disk = FaultDisk::new(FaultPlan::default());
    let db = open(&disk, LogIo::Map).expect("it opens");
    db.session().execute("CREATE TABLE t (who INT, n INT)").expect("room");
    let told: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|who| {
                let mut session = db.session();
                scope.spawn(move || {
                    (0..40)
                        .take_while(|n| {
                            session.execute(&format!("INSERT INTO t VALUES ({who}, {n})")).is_ok()
                        })
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    let left = disk.after_crash_with(Crash::Nothing, 0);
    let db = open(&left, LogIo::Map).expect("no damage");
    let rows = db.session().query("SELECT who, count(*) FROM t GROUP BY who", &[]).expect("rows");
    let found: BTreeMap<String, String> =
        rows.to_vec().iter().map(|r| (r[0].to_string(), r[1].to_string())).collect();
    for (who, told) in told.iter().enumerate() {
        assert_eq!((found[&who.to_string()].as_str(), *told), ("40", 40));
    }
}

#[test]
fn a_database_opens_without_the_files_that_it_read() {
    let disk = MemDisk::new();
    let file = std::env::temp_dir().join(format!("arena-tr-gone-{}.csv", std::process::id()));
    std::fs::write(&file, "a\n1\n2\n3\n").expect("a file for temporary files");
    let options = || Options {
        connectors: arena_tr_connectors::all(),
        ..options(Arc::new(disk.clone()), LogIo::Map)
    };
    let db = Database::open_with(DIR, options()).expect("it opens");
    let source = format!(
        "CREATE SOURCE s (a INT) WITH (connector = 'file', path = '{}', format = 'csv');
         CREATE MATERIALIZED VIEW early AS SELECT sum(a) AS n FROM s;
         WAIT FOR SOURCES;
         CREATE MATERIALIZED VIEW late AS SELECT count(*) AS n FROM s",
        file.display()
    );
    db.session().execute(&source).expect("the file is there");
    drop(db);
    std::fs::remove_file(&file).expect("it is ours");
    let db = Database::open_with(DIR, options()).expect("what was read is in the log");
    let mut session = db.session();
    for (view, n) in [("early", "6"), ("late", "3")] {
        let rows = session.query(&format!("SELECT n FROM {view}"), &[]).expect("a view");
        assert_eq!(rows.to_vec()[0][0].to_string(), n);
    }
}

#[test]
fn a_late_subscriber_is_told_of_nothing_that_it_has() {
    let db = open(&FaultDisk::new(FaultPlan::default()), LogIo::Map).expect("it opens");
    db.session().execute("CREATE TABLE t (a INT)").expect("room");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut session = db.session();
            for i in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                session.execute(&format!("INSERT INTO t VALUES ({i})")).expect("room");
            }
        });
        for _ in 0..50 {
            let mut outcomes = db.session().execute("SUBSCRIBE t").expect("a table");
            let mut follower = outcomes.remove(0).subscription.expect("changes to follow");
            let mut rows = Vec::new();
            while rows.len() < 5 {
                if let Some(changes) = follower.try_next().expect("it goes on") {
                    rows.extend(changes.rows().iter().map(|row| format!("{row:?}")));
                }
            }
            let n = rows.len();
            rows.sort();
            rows.dedup();
            assert_eq!(rows.len(), n, "every row once");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_hasty_session_hurries_only_its_own_epochs() {
    let disk = FaultDisk::new(FaultPlan::default());
    let db = open(&disk, LogIo::Map).expect("it opens");
    db.session().execute("CREATE TABLE t (a INT)").expect("room");
    let told = Arc::new(AtomicI64::new(0));
    let count = Arc::clone(&told);
    db.subscribe_with("t", move |changes| {
        count.fetch_add(changes.rows().len() as i64, Ordering::Relaxed);
    })
    .expect("a table");
    let mut hasty = db.session();
    hasty.execute("SET durability = 'async'; INSERT INTO t VALUES (1)").expect("room");
    assert_eq!(told.load(Ordering::Relaxed), 1, "at once");
    db.session().execute("INSERT INTO t VALUES (2)").expect("a disk that works");
    assert_eq!(told.load(Ordering::Relaxed), 2);
    // From now on nothing gets to the device: who waits is refused, and nobody is told.
    let plan = FaultPlan { fail_at: Some(disk.ops()), sticky: true, ..FaultPlan::default() };
    disk.set_plan(plan);
    assert!(db.session().execute("INSERT INTO t VALUES (3)").is_err(), "it cannot be made durable");
    let _ = hasty.execute("SELECT * FROM t");
    assert_eq!(told.load(Ordering::Relaxed), 2, "what was refused is told to nobody");
}
