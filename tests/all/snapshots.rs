//! A database with snapshots is the database without them: opened from any of them at any time, on
//! a disk that breaks, with files that are damaged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arena_tr::disk::{Crash, Disk, FaultDisk, FaultPlan, MemDisk, Mode};
use arena_tr::{Batch, CheckpointPolicy, DataType, Database, LogIo, LogOptions, Options, Value};

use crate::durability::{SCRIPT, contents, expected, options, sound};

const DIR: &str = "/db";

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

fn open(disk: &MemDisk) -> arena_tr::Result<Database> {
    Database::open_with(DIR, options(Arc::new(disk.clone()), LogIo::File))
}

/// The files of a directory on the disk.
fn files(disk: &MemDisk, dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(DIR).join(dir);
    disk.list(&dir).expect("a directory").iter().map(|name| dir.join(name)).collect()
}

#[test]
fn contents_come_back_from_a_snapshot_after_every_statement() {
    let expected = expected();
    for every in [1, 2, 3, 7] {
        let disk = MemDisk::new();
        for (i, sql) in SCRIPT.iter().enumerate() {
            let db = open(&disk).expect("it opens");
            sound(&db, sql);
            assert_eq!(contents(&db), expected[i], "every {every}, before {sql}");
            db.session().execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
            if i % every == 0 {
                let checkpoint = db.checkpoint().expect("room").expect("a durable database");
                assert_eq!(checkpoint.epoch, db.epoch().0);
            }
            assert_eq!(contents(&db), expected[i + 1], "every {every}, after {sql}");
        }
        assert!(files(&disk, "snapshots").len() < 12, "{:?}", files(&disk, "snapshots"));
    }
}

/// The same files on another disk.
pub(crate) fn copy(disk: &MemDisk) -> MemDisk {
    let other = MemDisk::new();
    for dir in ["", "log", "snapshots"] {
        other.create_dir(&Path::new(DIR).join(dir)).expect("a new directory");
    }
    for path in ["", "log", "snapshots"].iter().flat_map(|dir| files(disk, dir)) {
        let Ok(file) = disk.open(&path, Mode::Read) else { continue };
        let mut bytes = vec![0; file.len().expect("a length") as usize];
        file.read_at(0, &mut bytes).expect("in the file");
        let to = other.open(&path, Mode::CreateNew).expect("a new file");
        to.write_at(0, &bytes).expect("room");
    }
    other
}

/// Flips a bit of a file.
fn flip(disk: &MemDisk, path: &Path, bit: u64) {
    let file = disk.open(path, Mode::Write).expect("a file");
    let mut byte = [0];
    file.read_at(bit / 8, &mut byte).expect("in the file");
    file.write_at(bit / 8, &[byte[0] ^ 1 << (bit % 8)]).expect("room");
}

/// A database with the script's first half in one snapshot, its next quarter in a second one, and
/// the rest in the log.
fn in_two_snapshots() -> MemDisk {
    let disk = MemDisk::new();
    let db = open(&disk).expect("it opens");
    let mut session = db.session();
    for (i, sql) in SCRIPT.iter().enumerate() {
        session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        if i == SCRIPT.len() / 2 || i == SCRIPT.len() * 3 / 4 {
            db.checkpoint().expect("room");
        }
    }
    disk
}

#[test]
fn a_damaged_snapshot_is_gone_back_behind_and_never_believed() {
    let whole = expected().pop().expect("contents at the end");
    let disk = in_two_snapshots();
    let snapshots = files(&disk, "snapshots");
    assert_eq!(snapshots.len(), 2);
    let (mut used, mut refused) = (0, 0);
    for (which, path) in snapshots.iter().enumerate() {
        let file = disk.open(path, Mode::Read).expect("a file");
        let bits = file.len().expect("a length") * 8;
        drop(file);
        let step = if std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some() { 1 } else { 37 };
        for bit in (0..bits).step_by(step) {
            let copy = copy(&disk);
            flip(&copy, path, bit);
            match open(&copy) {
                Ok(db) => {
                    assert_eq!(contents(&db), whole, "{} bit {bit}", path.display());
                    used += 1;
                }
                // What both snapshots share is in the first one's file.
                Err(error) => {
                    assert_eq!((which, error.state().0), (0, "XX001"), "bit {bit}: {error}");
                    assert!(error.message().contains("000000000001.snap"), "{error}");
                    refused += 1;
                }
            }
        }
    }
    println!("{used} damaged snapshots gone back behind, {refused} refused");
    assert!(used > refused && refused > 0);
}

#[test]
fn power_may_go_at_any_operation_of_snapshots_too() {
    crate::durability::power_goes(4, 3);
}

#[test]
fn any_operation_of_snapshots_may_fail() {
    crate::durability::operations_fail(5);
}

/// A view of every kind of state that a program can keep.
const VIEWS: &[&str] = &[
    "grouped AS SELECT g, count(*) AS n, sum(v) AS s, min(v) AS lo, max(s) AS hi, avg(v) AS m,
       count(DISTINCT s) AS d FROM t GROUP BY g",
    "collected AS SELECT g, array_agg(v ORDER BY v, id) AS vs, string_agg(s, ',' ORDER BY id) AS ss
       FROM t GROUP BY g",
    "total AS SELECT count(*) AS n, sum(v::numeric / 3) AS s, stddev_samp(v::double precision) AS d FROM t",
    "joined AS SELECT t.id, t.s, e.v FROM t JOIN e ON t.g = e.k",
    "padded AS SELECT t.id, u.id AS other FROM t FULL JOIN t AS u ON t.v = u.id",
    "there AS SELECT id FROM t WHERE EXISTS (SELECT 1 FROM e WHERE e.k = t.id)",
    "missing AS SELECT id, s FROM t WHERE NOT EXISTS (SELECT 1 FROM e WHERE e.v = t.v)",
    "closed AS SELECT window_start, k, count(*) AS n, max(v) AS hi
       FROM TUMBLE(e, at, INTERVAL '10' SECOND) GROUP BY window_start, k EMIT ON WINDOW CLOSE",
    "hopping AS SELECT window_start, count(*) AS n, min(v) AS lo
       FROM HOP(e, at, INTERVAL '5' SECOND, INTERVAL '20' SECOND) GROUP BY window_start EMIT ON WINDOW CLOSE",
    "running AS SELECT window_end, k, sum(v) AS s
       FROM HOP(e, at, INTERVAL '4' SECOND, INTERVAL '12' SECOND) GROUP BY window_end, k",
    "sliding AS SELECT window_start, k, sum(v) AS s, count(*) AS n
       FROM HOP(e, at, INTERVAL '2' SECOND, INTERVAL '20' SECOND) GROUP BY window_start, k EMIT ON WINDOW CLOSE",
    "sessions AS SELECT window_start, window_end, k, count(*) AS n
       FROM SESSION(e PARTITION BY k, at, INTERVAL '3' SECOND) GROUP BY window_start, window_end, k",
    "best AS SELECT * FROM (SELECT id, g, v, row_number() OVER (PARTITION BY g ORDER BY v DESC, id) AS r FROM t) q
       WHERE r <= 2",
    "first_rows AS SELECT k, v FROM e ORDER BY v DESC, k LIMIT 5",
    "ranked AS SELECT id, rank() OVER (PARTITION BY g ORDER BY v) AS r, sum(v) OVER (PARTITION BY g ORDER BY id) AS s FROM t",
    "different AS SELECT DISTINCT g, v FROM t",
    "in_both AS SELECT v FROM t INTERSECT ALL SELECT v FROM e",
    "left_only AS SELECT v FROM t EXCEPT SELECT v FROM e",
    "last_seen AS SELECT k, last_value(v) AS v, first_value(at) AS a FROM e GROUP BY k",
    "stacked AS SELECT g % 2 AS p, max(n) AS n FROM grouped GROUP BY g % 2",
];

/// Statements at random; event time goes forward with `i`.
fn random_statement(random: &mut Random, i: u64) -> String {
    let (id, g, v) = (random.below(60), random.below(5), random.below(25));
    let text = "x".repeat(random.below(30) as usize);
    let at = |back: u64| format!("TIMESTAMP '2026-01-01' + INTERVAL '{}' SECOND", i + 20 - back);
    match random.below(10) {
        0..4 => format!(
            "INSERT INTO t VALUES ({id}, {g}, {v}, '{text}') ON CONFLICT (id) DO UPDATE SET v = excluded.v, s = excluded.s"
        ),
        4 => format!("UPDATE t SET v = v + 1, g = {g} WHERE id % 7 = {}", id % 7),
        5 => format!("DELETE FROM t WHERE id = {id} OR v = {v}"),
        6 => format!(
            "INSERT INTO t SELECT id + 100, g, v, NULL FROM t WHERE g = {g} ON CONFLICT DO NOTHING"
        ),
        _ => {
            let row = |random: &mut Random| {
                format!("({}, {}, {})", random.below(8), random.below(25), at(random.below(9)))
            };
            let rows: Vec<String> = (0..1 + random.below(6)).map(|_| row(random)).collect();
            format!("INSERT INTO e VALUES {}", rows.join(", "))
        }
    }
}

fn every_view(db: &Database) -> Vec<String> {
    let names = VIEWS.iter().map(|view| view.split_whitespace().next().expect("a name"));
    names
        .chain(["t", "e", "e_late"])
        .map(|name| {
            let rows = db.session().query(&format!("SELECT * FROM {name}"), &[]).expect(name);
            let mut rows: Vec<String> = rows.to_vec().iter().map(|r| format!("{r:?}")).collect();
            rows.sort();
            format!("{name}: {}", rows.join("; "))
        })
        .collect()
}

fn make_views(db: &Database) {
    let mut session = db.session();
    let tables = "CREATE TABLE t (id INT PRIMARY KEY, g INT, v INT, s TEXT);
        CREATE STREAM e (k INT, v INT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '4' SECOND)";
    session.execute(tables).expect("tables");
    for view in VIEWS {
        let sql = format!("CREATE MATERIALIZED VIEW {view}");
        session.execute(&sql).unwrap_or_else(|e| panic!("{}", e.render()));
    }
}

#[test]
fn every_kind_of_state_goes_on_from_a_snapshot() {
    let rounds = if std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some() { 40 } else { 4 };
    let mut opened = 0;
    for seed in 0..rounds {
        let mut random = Random(seed * 7919 + 1);
        let (disk, model) = (MemDisk::new(), Database::in_memory());
        make_views(&model);
        let mut db = open(&disk).expect("it opens");
        make_views(&db);
        for i in 0..120 {
            let sql = random_statement(&mut random, i);
            model.session().execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
            db.session().execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
            if random.below(8) == 0 {
                db.checkpoint().expect("room");
            }
            if random.below(12) == 0 {
                drop(db);
                db = open(&disk).unwrap_or_else(|e| panic!("seed {seed}, statement {i}: {e}"));
                opened += 1;
                for (found, expected) in every_view(&db).iter().zip(every_view(&model)) {
                    assert_eq!(*found, expected, "seed {seed}, opened after statement {i}");
                }
            }
        }
        for (found, expected) in every_view(&db).iter().zip(every_view(&model)) {
            assert_eq!(*found, expected, "seed {seed}, at the end");
        }
    }
    println!("{} views of every kind, opened {opened} times", VIEWS.len());
}

fn options_on(disk: &dyn Fn() -> Arc<dyn Disk>) -> Options {
    options(disk(), LogIo::File)
}

fn open_at(disk: &MemDisk, dir: &str) -> arena_tr::Result<Database> {
    Database::open_with(dir, options(Arc::new(disk.clone()), LogIo::File))
}

fn run_script(db: &Database, statements: std::ops::Range<usize>) {
    let mut session = db.session();
    for sql in &SCRIPT[statements] {
        session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
}

#[test]
fn a_backup_makes_the_database_again_and_the_next_one_is_small() {
    let expected = expected();
    let (disk, half) = (MemDisk::new(), SCRIPT.len() / 2);
    let db = open_at(&disk, "/db").expect("it opens");
    run_script(&db, 0..half);
    let mut session = db.session();
    session.execute("CREATE TABLE big (id INT PRIMARY KEY, filler TEXT)").expect("room");
    let many = "INSERT INTO big SELECT i, repeat('x', 100) FROM generate_series(1, 20000) AS g(i)";
    session.execute(many).expect("room");
    let first = db.backup("/backup").expect("room");
    assert_eq!(first.copied_bytes, first.total_bytes);
    session.execute("DROP TABLE big").expect("it is there");
    session.execute("CREATE TABLE small (id INT)").expect("room");
    let second = db.backup("file:///backup").expect("room");
    assert!(second.copied_bytes < first.total_bytes / 50, "{first:?} {second:?}");
    session.execute("DROP TABLE small; DELETE FROM accounts").expect("it is there");
    let memory = Database::with_options(options_on(&|| Arc::new(disk.clone())));
    let lasting = open_at(&disk, "/db2").expect("it opens");
    lasting.session().execute("CREATE TABLE gone (i INT); DROP TABLE gone").expect("room");
    for restored in [&memory, &lasting] {
        restored.session().execute("RESTORE FROM '/backup'").expect("a backup");
        restored.session().execute("DROP TABLE small").expect("it came back");
        run_script(restored, half..half + 1);
        let rest = |text: &str| text.split_once('\n').map(|(_, rest)| rest.to_owned());
        // The epochs of what was made besides are in between.
        assert_eq!(rest(&contents(restored)), rest(&expected[half + 1]));
    }
    drop(lasting);
    let lasting = open_at(&disk, "/db2").expect("it opens");
    run_script(&lasting, half + 1..SCRIPT.len());
    assert_eq!(
        contents(&lasting).split_once('\n').map(|(_, rest)| rest),
        expected.last().and_then(|e| e.split_once('\n')).map(|(_, rest)| rest)
    );
}

#[test]
fn a_database_in_memory_is_backed_up_too() {
    let disk = MemDisk::new();
    let db = Database::with_options(options_on(&|| Arc::new(disk.clone())));
    for round in 1..4 {
        let sql = format!("CREATE TABLE t{round} AS SELECT {round} AS i; BACKUP TO '/b'");
        db.session().execute(&sql).expect("room");
        let other = Database::with_options(options_on(&|| Arc::new(disk.clone())));
        other.restore("/b").expect("a backup");
        for i in 1..=round {
            let rows = other.session().query(&format!("SELECT i FROM t{i}"), &[]).expect("a table");
            assert_eq!(rows.to_vec()[0][0].to_string(), i.to_string());
        }
    }
    assert_eq!(disk.list(Path::new("/b")).expect("a directory").len(), 2, "one file and its name");
}

#[test]
fn a_backup_that_is_not_whole_is_refused_and_nothing_changes() {
    let disk = MemDisk::new();
    let db = open_at(&disk, "/db").expect("it opens");
    run_script(&db, 0..4);
    db.backup("/backup").expect("room");
    let state = |error: arena_tr::Error| error.state().0;
    assert_eq!(db.restore("/backup").map_err(state), Err("55000"), "not empty");
    let empty = open_at(&disk, "/db2").expect("it opens");
    assert_eq!(empty.restore("/nowhere").map_err(state), Err("58P01"));
    assert_eq!(empty.restore("s3://bucket/x").map_err(state), Err("0A000"));
    empty.session().execute("CREATE TABLE t (i INT)").expect("room");
    assert_eq!(empty.backup("/backup").map_err(state), Err("55000"), "another database's");
    empty.session().execute("DROP TABLE t").expect("it is there");
    for path in disk.list(Path::new("/backup")).expect("a directory") {
        let path = Path::new("/backup").join(path);
        let bits = disk.open(&path, Mode::Read).and_then(|f| f.len()).expect("a file") * 8;
        for bit in (0..bits).step_by(29) {
            flip(&disk, &path, bit);
            assert_eq!(empty.restore("/backup").map_err(state), Err("XX001"), "bit {bit}");
            flip(&disk, &path, bit);
        }
    }
    run_script(&empty, 0..2);
    let mut session = empty.session();
    session.execute("DROP TABLE accounts CASCADE").expect("it is there");
    session.execute("RESTORE FROM '/backup'").expect("a backup");
}

#[test]
fn power_may_go_while_a_backup_is_restored() {
    let expected = expected();
    let done = 6;
    let source = MemDisk::new();
    let db = open_at(&source, "/db").expect("it opens");
    run_script(&db, 0..done);
    db.backup("/backup").expect("room");
    let mut outcomes = [0; 2];
    for at in 0.. {
        let disk = FaultDisk::new(FaultPlan::default());
        disk.create_dir(Path::new("/backup")).expect("a new directory");
        for name in source.list(Path::new("/backup")).expect("a directory") {
            let path = Path::new("/backup").join(name);
            let file = source.open(&path, Mode::Read).expect("a file");
            let mut bytes = vec![0; file.len().expect("a length") as usize];
            file.read_at(0, &mut bytes).expect("in the file");
            let file = disk.open(&path, Mode::CreateNew).expect("a new file");
            file.write_at(0, &bytes).and_then(|()| file.sync()).expect("room");
        }
        disk.sync_dir(Path::new("/backup")).expect("it is there");
        disk.sync_dir(Path::new("/")).expect("it is there");
        let on = |disk: &FaultDisk| options(Arc::new(disk.clone()), LogIo::Map);
        let db = Database::open_with("/db", on(&disk)).expect("it opens");
        let before = disk.ops();
        disk.set_plan(FaultPlan { crash_at: Some(before + at), ..FaultPlan::default() });
        let restored = db.restore("/backup").is_ok();
        for seed in 0..4 {
            let left = disk.after_crash_with(Crash::Torn, seed * 1000 + at);
            let db = Database::open_with("/db", on(&left)).expect("it opens");
            let found = contents(&db);
            let whole = found == expected[done];
            assert!(whole || (!restored && found == expected[0]), "operation {at}: {found}");
            outcomes[usize::from(whole)] += 1;
        }
        if restored {
            break;
        }
    }
    println!(
        "power gone while restoring: {} times empty, {} times whole",
        outcomes[0], outcomes[1]
    );
    assert!(outcomes.iter().all(|n| *n > 0));
}

/// Everything that can be read, in the order in which it is kept.
fn digest(db: &Database) -> Vec<String> {
    let names = VIEWS.iter().map(|view| view.split_whitespace().next().expect("a name"));
    names
        .chain(["t", "e", "e_late"])
        .map(|name| {
            let rows = db.session().query(&format!("SELECT * FROM {name}"), &[]).expect(name);
            let rows: Vec<String> = rows.to_vec().iter().map(|row| format!("{row:?}")).collect();
            format!("{name}: {}", rows.join("; "))
        })
        .chain([format!("epoch {}", db.epoch().0)])
        .collect()
}

/// A commit of 1,024 events, given to the database `rows` at a time.
fn events(db: &Database, commit: u64, rows: usize) {
    let mut random = Random(commit * 31 + 7);
    let mut draw = |n: u64| random.below(n) as i32;
    let row = |i: i64| {
        let second = commit as i64 * 10 + i / 100 - i64::from(draw(9));
        vec![Value::Int4(draw(8)), Value::Int4(draw(25)), Value::Timestamp(second * 1_000_000)]
    };
    let all: Vec<Vec<Value>> = (0..1024).map(row).collect();
    let types = [DataType::Int4, DataType::Int4, DataType::Timestamp];
    let batch = Batch::from_rows(&all, &types).expect("values of their types");
    let mut appender = db.appender("e").expect("a stream");
    for from in (0..1024).step_by(rows) {
        appender.append_columns(batch.slice(from, rows)).expect("its columns");
    }
    appender.commit().expect("room");
}

#[test]
fn the_same_log_gives_the_same_state_however_it_is_read() {
    let run = |disk: &MemDisk, io: LogIo, rows: usize, snapshot_at: Option<u64>| {
        let on = || options(Arc::new(disk.clone()), io);
        let db = Database::open_with(DIR, on()).expect("it opens");
        make_views(&db);
        let mut random = Random(99);
        for commit in 0..12 {
            events(&db, commit, rows);
            let sql = random_statement(&mut random, commit * 10);
            db.session().execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
            if snapshot_at == Some(commit) {
                db.checkpoint().expect("room");
            }
        }
        digest(&db)
    };
    let mut digests = Vec::new();
    for (io, rows, snapshot_at) in [
        (LogIo::Map, 1024, None),
        (LogIo::Map, 1, None),
        (LogIo::File, 64, None),
        (LogIo::File, 1024, Some(6)),
        (LogIo::Map, 1, Some(11)),
    ] {
        let disk = MemDisk::new();
        digests.push((run(&disk, io, rows, snapshot_at), format!("{io:?} {rows} written")));
        for io in [LogIo::Map, LogIo::File] {
            let db = Database::open_with(DIR, options(Arc::new(disk.clone()), io));
            let db = db.expect("it opens");
            digests.push((digest(&db), format!("{rows} rows, {snapshot_at:?}, read by {io:?}")));
        }
    }
    for (found, how) in &digests[1..] {
        for (found, expected) in found.iter().zip(&digests[0].0) {
            assert_eq!(found, expected, "{how}");
        }
    }
    println!("{} ways to the same state", digests.len());
}

#[test]
fn the_log_stays_short_by_itself_while_sessions_commit() {
    let disk = MemDisk::new();
    let on = || {
        let checkpoints = CheckpointPolicy { log_bytes: Some(64 << 10), interval: None };
        let log = LogOptions { segment_bytes: 16 << 10, ..LogOptions::default() };
        Options { checkpoints, log, disk: Arc::new(disk.clone()), ..Options::default() }
    };
    let db = Database::open_with(DIR, on()).expect("it opens");
    make_views(&db);
    let mut session = db.session();
    session.execute("CREATE TABLE sums (who INT PRIMARY KEY, n BIGINT)").expect("room");
    session
        .execute("INSERT INTO sums SELECT i, 0 FROM generate_series(0, 3) AS g(i)")
        .expect("room");
    let view = "CREATE MATERIALIZED VIEW all_sums AS SELECT sum(n) AS n FROM sums";
    session.execute(view).expect("room");
    let rounds = 300;
    std::thread::scope(|scope| {
        for who in 0..4 {
            let mut session = db.session();
            scope.spawn(move || {
                let add = format!("UPDATE sums SET n = n + 1 WHERE who = {who}");
                for i in 0..rounds {
                    session.execute(&add).expect("room");
                    let row = format!("INSERT INTO e VALUES ({who}, {i}, TIMESTAMP '2026-01-01')");
                    session.execute(&row).expect("room");
                }
            });
        }
    });
    // The last snapshot may be under way.
    let patience = std::time::Instant::now();
    let segments = || files(&disk, "log").len();
    while segments() > 16 && patience.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let snapshots = files(&disk, "snapshots").len();
    println!("{} commits, {} segments, {snapshots} files", db.epoch().0, segments());
    assert!(segments() <= 16 && (2..=20).contains(&snapshots), "{} {snapshots}", segments());
    let before = digest(&db);
    drop((session, db));
    let db = Database::open_with(DIR, on()).expect("it opens");
    assert_eq!(digest(&db), before);
    let rows = db.session().query("SELECT n FROM all_sums", &[]).expect("a view");
    assert_eq!(rows.to_vec()[0][0].to_string(), (4 * rounds).to_string());
}
