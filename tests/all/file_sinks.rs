//! Files of sinks over snapshots: however often the power goes, and whenever snapshots are taken,
//! a file is what it is without all that.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arena_tr::disk::{Crash, Disk, FaultDisk, FaultPlan, MemDisk};
use arena_tr::{CheckpointPolicy, Clock, Database, LogIo, LogOptions, Options, Timestamp};

const STATEMENTS: i64 = 60;
/// The statement before which the last sink is made.
const LATE: i64 = 20;

/// The time is the number of the statement, in milliseconds.
#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        self.0.load(Ordering::Acquire) * 1000
    }
}

/// A directory that is removed with the value.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("arena-tr-sinks-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory for the test");
        Self(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a UTF-8 path").to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Name, file, what it reads, and envelope of each sink.
const SINKS: [(&str, &str, &str, &str); 8] = [
    ("lines", "lines.ndjson", "FROM t", ""),
    ("records", "records.csv", "FROM v", ""),
    ("packed", "packed.csv.gz", "FROM v", ""),
    ("lines_packed", "lines.ndjson.gz", "FROM t", ""),
    ("upserted", "upserted.csv", "FROM v", "ENVELOPE UPSERT (KEY (g))"),
    ("debezium", "debezium.json", "FROM v", "ENVELOPE DEBEZIUM"),
    ("query", "query.csv", "AS SELECT g, max(a) AS m FROM t GROUP BY g", ""),
    ("late", "late.ndjson.gz", "FROM v", "ENVELOPE UPSERT (KEY (g))"),
];

const RELATIONS: [&str; 2] = [
    "CREATE TABLE t (a INT PRIMARY KEY, g INT, note TEXT)",
    "CREATE MATERIALIZED VIEW v AS SELECT g, count(*) AS n, sum(a) AS s FROM t GROUP BY g",
];

fn create_sink(dir: &Dir, (name, file, reads, envelope): (&str, &str, &str, &str)) -> String {
    let path = dir.path(file);
    format!("CREATE SINK {name} {reads} WITH (connector = 'file', path = '{path}') {envelope}")
}

/// Each statement is one epoch.
fn statement(i: i64) -> String {
    match i % 5 {
        0 | 3 => format!(
            "INSERT INTO t SELECT {i} * 100 + x, x % 7, 'a \"note\", ' || x FROM generate_series(1, {}) AS g(x)",
            5 + i % 4
        ),
        1 => format!("UPDATE t SET g = (g + 1) % 9 WHERE a % 4 = {}", i % 2),
        2 => format!("INSERT INTO t VALUES ({i} * 100, 8, NULL)"),
        _ => "DELETE FROM t WHERE a % 3 = 0 AND g < 4".to_owned(),
    }
}

fn options(disk: Arc<dyn Disk>, hands: &Arc<Hands>) -> Options {
    Options {
        disk,
        clock: Arc::clone(hands) as Arc<dyn Clock>,
        connectors: arena_tr_connectors::all(),
        log: LogOptions {
            segment_bytes: LogOptions::MIN_SEGMENT_BYTES,
            io: LogIo::File,
            aligned: true,
        },
        checkpoints: CheckpointPolicy::NEVER,
        ..Options::default()
    }
}

fn open(disk: &FaultDisk, hands: &Arc<Hands>) -> arena_tr::Result<Database> {
    Database::open_with(Path::new("/db"), options(Arc::new(disk.clone()), hands))
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Makes what is not there, and runs the statements that are not in the database yet; takes
/// snapshots at random moments and hurries at random statements.
fn go_on(db: &Database, dir: &Dir, hands: &Hands, dice: &mut Random) -> arena_tr::Result<()> {
    let mut session = db.session();
    let mut there = format!("{:?}", session.query("SHOW SINKS", &[])?.to_vec());
    there += &format!("{:?}", session.query("SHOW TABLES", &[])?.to_vec());
    for (sql, name) in RELATIONS.iter().zip(["t", "v"]) {
        if !there.contains(&format!("\"{name}\"")) && !there.contains(&format!("({name})")) {
            session.execute(sql)?;
        }
    }
    let begin = db.epoch().0 as i64;
    for i in begin..STATEMENTS {
        hands.0.store(i, Ordering::Release);
        for sink in SINKS {
            let is_there = there.contains(&format!("CREATE SINK {} ", sink.0));
            let now = if sink.0 == "late" { LATE } else { 0 };
            if !is_there && i == now {
                session.execute(&create_sink(dir, sink))?;
            }
        }
        let durability = if dice.below(3) == 0 { "async" } else { "group" };
        session.execute(&format!("SET durability = '{durability}'"))?;
        session.execute(&statement(i))?;
        assert_eq!(db.epoch().0 as i64, i + 1, "{}", statement(i));
        if dice.below(6) == 0 {
            db.checkpoint()?;
        }
    }
    let failed = session.query("SHOW SINKS", &[])?.to_vec();
    let failed: Vec<String> =
        failed.iter().map(|row| format!("{row:?}")).filter(|row| !row.contains("ok")).collect();
    assert!(failed.is_empty(), "{failed:?}");
    Ok(())
}

/// What is in a sink's file.
fn written(dir: &Dir, file: &str) -> String {
    let bytes = std::fs::read(dir.path(file)).expect("the sink wrote it");
    if !file.ends_with(".gz") {
        return String::from_utf8(bytes).expect("text");
    }
    let mut text = String::new();
    let mut members = flate2::read::MultiGzDecoder::new(&bytes[..]);
    std::io::Read::read_to_string(&mut members, &mut text).expect("whole members");
    text
}

/// The lines of an epoch come in any order that a program finds them in: what a view tells of its
/// groups depends on where they lie in memory.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn compare(found: &Dir, expected: &Dir, what: &str) {
    for (name, file, ..) in SINKS {
        let (found, expected) = (written(found, file), written(expected, file));
        assert!(expected.lines().count() > 100, "{name}: {} lines", expected.lines().count());
        let differs = found.lines().zip(expected.lines()).position(|(a, b)| a != b);
        assert!(sorted(&found) == sorted(&expected), "{what}, {name}: from line {differs:?} on");
    }
}

/// A run without crashes and snapshots.
fn whole() -> Dir {
    let (dir, hands) = (Dir::new(), Arc::new(Hands::default()));
    let db = open(&FaultDisk::new(FaultPlan::default()), &hands).expect("a new database");
    let mut session = db.session();
    for sql in RELATIONS {
        session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    for i in 0..STATEMENTS {
        hands.0.store(i, Ordering::Release);
        for sink in SINKS {
            if i == if sink.0 == "late" { LATE } else { 0 } {
                session.execute(&create_sink(&dir, sink)).expect("a sink");
            }
        }
        session.execute(&statement(i)).expect("nothing fails");
    }
    drop(session);
    drop(db);
    dir
}

/// Something at the end of the files that the device did not have, as after a crash.
fn litter(dir: &Dir, dice: &mut Random) {
    for (_, file, ..) in SINKS {
        let Ok(mut bytes) = std::fs::read(dir.path(file)) else { continue };
        match dice.below(3) {
            0 => bytes.extend_from_slice(&[0; 512]),
            1 => bytes.extend_from_slice(b"half of a li"),
            _ => {}
        }
        std::fs::write(dir.path(file), bytes).expect("it is ours");
    }
}

#[test]
fn files_are_whole_over_crashes_and_snapshots() {
    let expected = whole();
    let release = std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some();
    let mut crashes = 0;
    for seed in 1..=if release { 200 } else { 6 } {
        let (dir, hands) = (Dir::new(), Arc::new(Hands::default()));
        let mut disk = FaultDisk::new(FaultPlan::default());
        let mut dice = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        for round in 0.. {
            if round < 12 {
                let at = disk.ops() + 5 + dice.below(60);
                disk.set_plan(FaultPlan { crash_at: Some(at), ..FaultPlan::default() });
            }
            let opened = open(&disk, &hands);
            match opened.and_then(|db| go_on(&db, &dir, &hands, &mut dice)) {
                Ok(()) if !disk.is_crashed() => break,
                Ok(()) => {}
                Err(error) => assert!(disk.is_crashed(), "{}", error.render()),
            }
            crashes += 1;
            litter(&dir, &mut dice);
            disk = disk.after_crash_with(Crash::Torn, dice.below(1 << 40));
        }
        compare(&dir, &expected, &format!("seed {seed}"));
    }
    assert!(crashes > 20, "{crashes} crashes show nothing");
    println!("{} files, {crashes} crashes, each epoch once", SINKS.len());
}

/// Whether the thread beside has to end.
#[derive(Default)]
struct Stop(AtomicBool);

/// Ends it, after a panic too.
struct Stopping<'a>(&'a Stop);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

#[test]
fn files_are_whole_over_snapshots_beside_commits() {
    let expected = whole();
    for seed in 1..=4 {
        let (dir, hands) = (Dir::new(), Arc::new(Hands::default()));
        let mut disk = FaultDisk::new(FaultPlan::default());
        let mut dice = Random(0x2545_f491_4f6c_dd1d ^ seed);
        let mut snapshots = 0;
        for round in 0.. {
            if round < 6 {
                let at = disk.ops() + 40 + dice.below(120);
                disk.set_plan(FaultPlan { crash_at: Some(at), ..FaultPlan::default() });
            }
            let opened = open(&disk, &hands);
            let is_done = opened.and_then(|db| {
                let (beside, stop) = (db.clone(), Stop::default());
                std::thread::scope(|scope| {
                    let taken = scope.spawn(|| {
                        let mut taken = 0;
                        while !stop.0.load(Ordering::Acquire) && beside.checkpoint().is_ok() {
                            taken += 1;
                        }
                        taken
                    });
                    let stopping = Stopping(&stop);
                    let done = go_on(&db, &dir, &hands, &mut dice);
                    drop(stopping);
                    snapshots += taken.join().expect("it does not panic");
                    done
                })
            });
            match is_done {
                Ok(()) if !disk.is_crashed() => break,
                Ok(()) => {}
                Err(error) => assert!(disk.is_crashed(), "{}", error.render()),
            }
            litter(&dir, &mut dice);
            disk = disk.after_crash_with(Crash::Random, dice.below(1 << 40));
        }
        compare(&dir, &expected, &format!("seed {seed}"));
        assert!(snapshots > 4, "{snapshots} snapshots show nothing");
    }
}

/// What was said while the database was opened.
fn telling(options: Options) -> (Options, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&told);
    let tell = move |message: &str| {
        into.lock().expect("nobody panics").push(message.to_owned());
    };
    (Options { on_notice: Some(Arc::new(tell)), ..options }, told)
}

#[test]
fn a_sink_that_cannot_go_on_says_so_and_leaves_its_file() {
    let (dir, hands) = (Dir::new(), Arc::new(Hands::default()));
    let disk = MemDisk::new();
    let reopen = |told: &mut Vec<String>| {
        let (options, said) = telling(options(Arc::new(disk.clone()), &hands));
        let db = Database::open_with(Path::new("/db"), options).expect("it opens");
        told.extend(said.lock().expect("nobody panics").drain(..));
        db
    };
    let mut told = Vec::new();
    let db = reopen(&mut told);
    let mut session = db.session();
    let parquet = dir.path("rows.parquet");
    for sql in [
        "CREATE TABLE t (a INT)",
        &format!(
            "CREATE SINK cut FROM t WITH (connector = 'file', path = '{}')",
            dir.path("cut.csv")
        ),
        &format!(
            "CREATE SINK whole FROM t WITH (connector = 'file', path = '{}')",
            dir.path("whole.csv")
        ),
        &format!(
            "CREATE SINK bulk FROM t WITH (connector = 'file', path = '{parquet}') ENVELOPE APPEND"
        ),
        &format!(
            "CREATE SINK constant AS SELECT 1 AS one WITH (connector = 'file', path = '{}')",
            dir.path("constant.csv")
        ),
        "INSERT INTO t VALUES (1), (2)",
    ] {
        session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }
    drop((session, db));
    // Without a snapshot the file is written anew, and goes on.
    let db = reopen(&mut told);
    assert_eq!(told, Vec::<String>::new());
    db.session().execute("INSERT INTO t VALUES (3)").expect("room");
    db.checkpoint().expect("room");
    drop(db);
    let bulk = std::fs::read(&parquet).expect("it is finished");
    let text = std::fs::read(dir.path("cut.csv")).expect("it is there");
    std::fs::write(dir.path("cut.csv"), &text[..text.len() - 3]).expect("it is ours");
    for opening in 0..3 {
        told.clear();
        let db = reopen(&mut told);
        told.sort();
        let [parquet, cut] = &told[..] else { panic!("{told:?}") };
        assert_eq!(
            parquet,
            "sink \"bulk\" does not go on: sink \"bulk\" cannot go on with what it has written"
        );
        let n = text.len();
        let why = format!("has {} bytes of {n} that were written", n - 3);
        assert!(cut.starts_with("sink \"cut\" does not go on") && cut.ends_with(&why), "{cut}");
        let mut session = db.session();
        session.execute(&format!("INSERT INTO t VALUES ({})", 10 + opening)).expect("room");
        let sum = session.query("SELECT count(*) FROM t", &[]).expect("it is there").to_vec();
        assert_eq!(format!("{sum:?}"), format!("[[Int8({})]]", 4 + opening));
        // The snapshot after that still knows why.
        db.checkpoint().expect("room");
    }
    assert_eq!(std::fs::read(dir.path("cut.csv")).expect("there"), text[..text.len() - 3]);
    assert_eq!(std::fs::read(&parquet).expect("there"), bulk, "it stays as it was finished");
    assert_eq!(written(&dir, "whole.csv").lines().count(), 1 + 3 + 3);
    assert_eq!(written(&dir, "constant.csv"), "epoch,weight,one\n0,1,1\n");
    let mut session = reopen(&mut told).session();
    session.execute("DROP SINK cut").expect("it is still there");
    session.execute("DROP SINK bulk").expect("it is still there");
}
