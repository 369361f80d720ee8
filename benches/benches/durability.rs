//! What lasting costs: syncs beside the device's own, the log's append, ingest with the log on, and
//! recovery.
//!
//!     cargo bench -p arena-tr-benches --bench durability -- [--dir DIR] [--events N]
//!
//! Everything is written to a directory of its own in DIR (the system's folder for temporary files
//! unless it is said), which is removed in the end.
//! Invariant: every figure that depends on the device stands beside a bare loop of the same run.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arena_tr::{Batch, Column, Database, LogIo, LogOptions};
use arena_tr_benches::report::option;
use arena_tr_storage::column::{Buffer, Fixed};
use arena_tr_storage::disk::{Disk, Mode, RealDisk};
use arena_tr_storage::log::Log;

const MILLIS: u64 = 1_000;
/// Who ingest at the same time.
const APPENDERS: usize = 4;
/// Rows of a commit of the ingest.
const COMMIT: usize = 10_000;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Box<dyn Error>> {
        let base = option("dir").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = base.join(format!("arena-tr-durability-{}", std::process::id()));
        RealDisk.create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in a folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Folder::new()?;
    let events = option("events").map_or(Ok(10_000_000), |n| n.parse())?;
    syncs(&folder.0)?;
    appends(&folder.0)?;
    ingest(&folder.0, events)
}

/// A bare loop of writing a sector and syncing it, then commits by 1, 4 and 16 sessions.
fn syncs(dir: &Path) -> Result<(), Box<dyn Error>> {
    let file = RealDisk.open(&dir.join("bare"), Mode::CreateNew)?;
    file.allocate(64 << 20)?;
    file.sync()?;
    let (start, mut n) = (Instant::now(), 0u64);
    while start.elapsed() < Duration::from_millis(MILLIS) {
        file.write_at(n % 131_072 * 512, &[n as u8; 512])?;
        file.sync()?;
        n += 1;
    }
    let bare = n as f64 / start.elapsed().as_secs_f64();
    println!("a sector written and synced, bare loop      {bare:10.0} /s");
    for committers in [1, 4, 16] {
        let db = Database::open(dir.join(format!("commits{committers}")))?;
        db.session().execute("CREATE TABLE t (who INT, n BIGINT)")?;
        let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
        let start = Instant::now();
        std::thread::scope(|scope| {
            for who in 0..committers {
                let (db, stop, done) = (&db, &stop, &done);
                scope.spawn(move || {
                    let mut rows = db.appender("t").expect("the table is there");
                    for n in 0.. {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        rows.append((who, n)).expect("a row of its types");
                        rows.commit().expect("the disk works");
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(MILLIS));
            stop.store(true, Ordering::Relaxed);
        });
        let rate = done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
        println!(
            "commits acknowledged to {committers:2} sessions          {rate:10.0} /s   {:.2} of the loop",
            rate / bare
        );
    }
    Ok(())
}

/// Appending to the log without waiting, a thousand events of 64 bytes at a time; then one sync.
fn appends(dir: &Path) -> Result<(), Box<dyn Error>> {
    const EVENTS: usize = 1024;
    let payload = vec![7u8; EVENTS * 64];
    for io in [LogIo::Map, LogIo::File] {
        let dir = dir.join(format!("{io:?}"));
        RealDisk.create_dir(&dir)?;
        let options = LogOptions { io, segment_bytes: 256 << 20, aligned: true };
        let log = Log::create(Arc::new(RealDisk), &dir, (1, 1), options)?;
        let n = 3000;
        let start = Instant::now();
        for epoch in 0..n {
            log.append(epoch, &payload)?;
        }
        let appended = start.elapsed();
        log.sync()?;
        let synced = start.elapsed() - appended;
        println!(
            "an event of 64 bytes appended ({io:?})          {:6.1} ns, then {:.0} ms to sync {} MiB",
            appended.as_secs_f64() * 1e9 / (n as f64 * EVENTS as f64),
            synced.as_secs_f64() * 1e3,
            (n as usize * EVENTS * 64) >> 20
        );
    }
    Ok(())
}

/// Events into a windowed aggregation with the log on, and the same database opened again.
fn ingest(dir: &Path, events: usize) -> Result<(), Box<dyn Error>> {
    let batches: Vec<Batch> = (0..events / COMMIT).map(batch).collect();
    let fill = |db: &Database| -> Result<Duration, Box<dyn Error>> {
        db.session().execute(
            "CREATE STREAM s (k BIGINT, v BIGINT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '20' SECOND);
             CREATE MATERIALIZED VIEW w AS SELECT window_end, k, count(*) AS n, sum(v) AS total
             FROM TUMBLE(s, at, INTERVAL '10' SECOND) GROUP BY window_end, k EMIT ON WINDOW CLOSE",
        )?;
        let (next, start) = (AtomicUsize::new(0), Instant::now());
        std::thread::scope(|scope| {
            for _ in 0..APPENDERS {
                scope.spawn(|| {
                    let mut rows = db.appender("s").expect("the stream is there");
                    while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                        rows.append_columns(batch.clone()).expect("its columns");
                        rows.commit().expect("the disk works");
                    }
                });
            }
        });
        Ok(start.elapsed())
    };
    let bare = fill(&Database::in_memory())?.as_secs_f64();
    let path = dir.join("ingest");
    let db = Database::open(&path)?;
    let lasting = fill(&db)?.as_secs_f64();
    let mega = |seconds: f64| events as f64 / seconds / 1e6;
    println!(
        "{APPENDERS} appenders into windows, in memory           {:10.2} M events/s",
        mega(bare)
    );
    println!(
        "the same with the log on (group)            {:10.2} M events/s   {:.2} of it",
        mega(lasting),
        bare / lasting
    );
    let count = |db: &Database| -> Result<String, Box<dyn Error>> {
        let rows = db.session().query("SELECT count(*), sum(n) FROM w", &[])?;
        Ok(format!("{:?}", rows.to_vec()))
    };
    let before = count(&db)?;
    drop(db);
    let mut bytes = 0;
    for entry in std::fs::read_dir(path.join("log"))? {
        bytes += entry?.metadata()?.len();
    }
    let start = Instant::now();
    let db = Database::open(&path)?;
    let seconds = start.elapsed().as_secs_f64();
    if count(&db)? != before {
        return Err("recovery gave other contents".into());
    }
    println!(
        "opened again: {:.2} s, {:.2} M events/s, {:.2} GiB of log a second",
        seconds,
        mega(seconds),
        bytes as f64 / (1u64 << 30) as f64 / seconds
    );
    Ok(())
}

/// A commit: 1,000 keys, ten events a millisecond.
fn batch(n: usize) -> Batch {
    let rows = n * COMMIT..(n + 1) * COMMIT;
    let column = |f: fn(usize) -> i64| {
        let values: Vec<i64> = rows.clone().map(f).collect();
        Column::I64(Fixed::new(Buffer::from_slice(&values)))
    };
    let columns = vec![
        column(|i| (i * 7919 % 1000) as i64),
        column(|i| (i % 997) as i64),
        column(|i| i as i64 * 100),
    ];
    Batch::new(columns, COMMIT)
}
