//! What snapshots cost: how long commits wait, what an increment writes, how long opening takes.
//!
//!     cargo bench -p arena-tr-benches --bench snapshot -- [--dir DIR] [--panes N]
//!
//! A stream is grouped by key in N windows that stay open, 8,192 keys in each: about a gigabyte of
//! state at the default of 2,000. A base is taken, then one pane of a hundred is touched and an
//! increment taken; then a snapshot while commits go on, and the database is opened from it.
//! Invariant: every figure is of the files that were written, on the device that DIR is on.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arena_tr::{Batch, Checkpoint, CheckpointPolicy, Column, Database, Options};
use arena_tr_benches::report::option;
use arena_tr_storage::column::{Buffer, Fixed};
use arena_tr_storage::disk::{Disk, Mode, RealDisk};

/// Keys of a window.
const KEYS: i64 = 8_192;
const MIB: f64 = (1 << 20) as f64;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in a folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let panes: i64 = option("panes").map_or(Ok(2_000), |n| n.parse())?;
    let base = option("dir").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = Folder(base.join(format!("arena-tr-snapshot-{}", std::process::id())));
    RealDisk.create_dir(&folder.0)?;
    bare(&folder.0.join("bare"))?;
    let dir = folder.0.join("db");
    let options = Options { checkpoints: CheckpointPolicy::NEVER, ..Options::default() };
    let db = Database::open_with(&dir, options.clone())?;
    db.session().execute(
        "CREATE STREAM s (k BIGINT, v BIGINT, at TIMESTAMP,
             WATERMARK FOR at AS at - INTERVAL '100' DAY);
         CREATE MATERIALIZED VIEW w AS SELECT window_end, k, count(*) AS n, sum(v) AS total
             FROM TUMBLE(s, at, INTERVAL '1' MINUTE) GROUP BY window_end, k EMIT ON WINDOW CLOSE;
         CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT)",
    )?;
    let start = Instant::now();
    (0..panes).try_for_each(|pane| fill(&db, pane))?;
    println!("{} groups in {panes} windows ingested in {:.1} s", panes * KEYS, seconds(start));
    let first = report("base", || checkpoint(&db))?;
    for pane in (0..panes).step_by(100) {
        fill(&db, pane)?;
    }
    let second = report("increment after touching 1 % of the panes", || checkpoint(&db))?;
    println!(
        "the increment is {:.2} % of the base",
        100.0 * second.written_bytes as f64 / first.written_bytes as f64
    );
    beside_commits(&db, panes)?;
    drop(db);
    let start = Instant::now();
    let db = Database::open_with(&dir, options)?;
    println!("opened in {:.2} s", seconds(start));
    drop(db);
    Ok(())
}

fn seconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

/// Writing 256 MiB and syncing them, a mebibyte at a time.
fn bare(path: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let (file, piece) = (RealDisk.open(path, Mode::CreateNew)?, vec![7u8; 1 << 20]);
    let start = Instant::now();
    for i in 0..256 {
        file.write_at(i << 20, &piece)?;
    }
    file.sync()?;
    println!("256 MiB written and synced, bare loop: {:.0} MiB/s", 256.0 / seconds(start));
    Ok(())
}

fn fill(db: &Database, pane: i64) -> Result<(), Box<dyn Error>> {
    let longs = |values: Vec<i64>| Column::I64(Fixed::new(Buffer::from_slice(&values)));
    let time = pane * 60_000_000;
    let columns = vec![
        longs((0..KEYS).collect()),
        longs((0..KEYS).map(|k| k * pane).collect()),
        longs(vec![time; KEYS as usize]),
    ];
    let mut rows = db.appender("s")?;
    rows.append_columns(Batch::new(columns, KEYS as usize))?;
    rows.commit()?;
    Ok(())
}

fn checkpoint(db: &Database) -> Result<Checkpoint, Box<dyn Error>> {
    Ok(db.checkpoint()?.ok_or("the database lasts")?)
}

fn report(
    what: &str,
    take: impl FnOnce() -> Result<Checkpoint, Box<dyn Error>>,
) -> Result<Checkpoint, Box<dyn Error>> {
    let start = Instant::now();
    let taken = take()?;
    println!(
        "{what}: {:.1} MiB of {:.0} written in {:.2} s, commits waited {:.2} ms",
        taken.written_bytes as f64 / MIB,
        taken.total_bytes as f64 / MIB,
        seconds(start),
        taken.pause.as_secs_f64() * 1e3
    );
    Ok(taken)
}

/// Commits of one row without and with a snapshot beside them.
fn beside_commits(db: &Database, panes: i64) -> Result<(), Box<dyn Error>> {
    db.session().execute("SET durability = 'async'")?;
    let mut longest = Vec::new();
    for with in [false, true] {
        let done = AtomicBool::new(false);
        let taken = std::thread::scope(|scope| {
            let snapshot = scope.spawn(|| {
                if with {
                    return db.checkpoint().map(drop);
                }
                std::thread::sleep(Duration::from_millis(500));
                Ok(())
            });
            let commits = scope.spawn(|| one_row_commits(db, panes, &done));
            let taken = snapshot.join().expect("no panic");
            done.store(true, Ordering::Relaxed);
            longest.push(commits.join().expect("no panic"));
            taken
        });
        taken?;
    }
    for (what, mut waits) in ["alone", "beside a snapshot"].iter().zip(longest) {
        waits.sort_unstable();
        let at = |p: f64| waits[((waits.len() - 1) as f64 * p) as usize].as_secs_f64() * 1e6;
        println!(
            "{} commits of one row in memory and log, {what}: p50 {:.0} us, p99 {:.0} us, longest {:.0} us",
            waits.len(),
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    Ok(())
}

fn one_row_commits(db: &Database, panes: i64, done: &AtomicBool) -> Vec<Duration> {
    let mut session = db.session();
    session.execute("SET durability = 'async'").expect("a setting");
    let mut waits = Vec::new();
    let mut n = 0i64;
    while !done.load(Ordering::Relaxed) {
        n += 1;
        let (k, pane) = (n * 7 % KEYS, n * 13 % panes);
        let sql = format!(
            "INSERT INTO s VALUES ({k}, 1, TIMESTAMP '1970-01-01' + INTERVAL '{pane}' MINUTE)"
        );
        let start = Instant::now();
        session.execute(&sql).expect("room");
        waits.push(start.elapsed());
    }
    waits
}
