//! The log on a disk that breaks: whatever was acknowledged is found again.
//!
//! One small run of appends, waits and rotations is made again and again; each time another
//! operation fails, or the power goes before another one, and what is left is opened.
#![expect(clippy::print_stdout, reason = "tests print their figures")]

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::disk::{Crash, Disk, FaultDisk, FaultPlan, SyncFailure};

const DIR: &str = "/log";
/// Commits of a run: a few segments.
const COMMITS: u64 = 24;

fn options(io: LogIo) -> LogOptions {
    LogOptions { segment_bytes: LogOptions::MIN_SEGMENT_BYTES, io, aligned: true }
}

fn payload(i: u64) -> Vec<u8> {
    // One commit is longer than a segment, some fill half of one.
    let length = match i {
        9 => 20_000,
        _ if i % 5 == 4 => 7_000,
        _ => 10 + i * 37 % 600,
    };
    (0..length).map(|k| (k * 7 + i) as u8).collect()
}

/// What a run came to.
#[derive(Debug, Default)]
struct Run {
    /// Commits that were appended, in order; those that were refused before are not among them.
    appended: Vec<u64>,
    /// How many of them were acknowledged.
    acknowledged: usize,
    /// A commit that failed half way: it may be there or not.
    doubtful: Option<u64>,
}

/// Appends commits from `from` on until the first error that is not a full disk.
fn run(disk: &FaultDisk, log: &Log, from: u64) -> Run {
    let mut run = Run::default();
    for i in from..from + COMMITS {
        let payload = payload(i);
        if log.reserve(payload.len()).is_err() {
            continue;
        }
        match log.append(i, &payload) {
            Ok(end) => {
                run.appended.push(i);
                // Some wait for themselves, some are acknowledged with the next.
                if i % 3 != 1 {
                    if log.wait(end).is_err() {
                        return run;
                    }
                    run.acknowledged = run.appended.len();
                }
            }
            Err(LogError::Disk(error)) if error.is_full() => {}
            Err(_) => {
                run.doubtful = Some(i);
                return run;
            }
        }
        if disk.is_crashed() {
            return run;
        }
    }
    run
}

fn begin(disk: &FaultDisk, io: LogIo) -> Result<Log, LogError> {
    disk.create_dir(Path::new(DIR))?;
    disk.sync_dir(Path::new("/"))?;
    Log::create(Arc::new(disk.clone()), Path::new(DIR), (7, 1), options(io))
}

fn open(disk: &FaultDisk, io: LogIo) -> Result<(Log, Vec<u64>), LogError> {
    let mut found = Vec::new();
    let log = Log::open(
        Arc::new(disk.clone()),
        Path::new(DIR),
        (Lsn(0), Lsn(0), 99),
        options(io),
        |entry| {
            assert!(entry.payload == payload(entry.epoch), "commit {} is another", entry.epoch);
            found.push(entry.epoch);
            Ok::<(), LogError>(())
        },
    )?;
    Ok((log, found))
}

/// Every acknowledged commit is there, in order, and nothing that was not appended.
fn check(found: &[u64], run: &Run, what: &str) {
    let mut expected = run.appended.clone();
    expected.extend(run.doubtful);
    assert!(found.len() >= run.acknowledged, "{what}: {found:?} of {run:?}");
    assert!(expected.starts_with(found), "{what}: {found:?} of {run:?}");
}

/// Opens what is left, checks it, goes on with it, and opens that again.
fn recover(disk: &FaultDisk, io: LogIo, run_before: &Run, what: &str) {
    let (log, found) = match open(disk, io) {
        Ok(opened) => opened,
        Err(error) => {
            // The log was not finished when it happened: nobody had been told anything.
            assert!(run_before.acknowledged == 0, "{what}: {error} after {run_before:?}");
            return;
        }
    };
    check(&found, run_before, what);
    let more = run(disk, &log, 1000);
    assert_eq!(more.acknowledged, more.appended.len(), "{what}: the disk works again");
    drop(log);
    let (_, all) = open(disk, io).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(all, [&found[..], &more.appended].concat(), "{what}");
}

/// How many operations a run has.
fn operations(io: LogIo) -> u64 {
    let disk = FaultDisk::new(FaultPlan::default());
    let log = begin(&disk, io).expect("a disk that works");
    let whole = run(&disk, &log, 0);
    assert_eq!(whole.acknowledged as u64, COMMITS);
    disk.ops()
}

#[test]
fn power_may_go_before_any_operation() {
    let rounds: u64 = if std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some() { 1200 } else { 46 };
    let mut states = 0u64;
    for io in [LogIo::Map, LogIo::File] {
        for at in 0..operations(io) {
            let plan = FaultPlan { crash_at: Some(at), ..FaultPlan::default() };
            let disk = FaultDisk::new(plan);
            let done = begin(&disk, io).map(|log| run(&disk, &log, 0)).unwrap_or_default();
            let seeds = (0..rounds).flat_map(|s| [(Crash::Random, s), (Crash::Torn, s)]);
            for (crash, seed) in [(Crash::Nothing, 0), (Crash::All, 0)].into_iter().chain(seeds) {
                let left = disk.after_crash_with(crash, seed);
                recover(&left, io, &done, &format!("{io:?}, power gone at {at}, {crash:?} {seed}"));
                states += 1;
            }
        }
    }
    println!("{states} states after losing power");
}

#[test]
fn power_may_go_while_recovering_again_and_again() {
    let io = LogIo::Map;
    for at in (0..operations(io)).step_by(3) {
        let disk = FaultDisk::new(FaultPlan { crash_at: Some(at), ..FaultPlan::default() });
        let Ok(log) = begin(&disk, io) else { continue };
        let done = run(&disk, &log, 0);
        let mut left = disk.after_crash_with(Crash::Random, at);
        for (round, again) in [3, 7, 1, 5, 9].into_iter().enumerate() {
            left.set_plan(FaultPlan { crash_at: Some(left.ops() + again), ..FaultPlan::default() });
            if let Ok((_, found)) = open(&left, io) {
                check(&found, &done, &format!("at {at}, round {round}"));
            }
            left = left.after_crash_with(Crash::Torn, at + round as u64);
        }
        left.clear_plan();
        recover(&left, io, &done, &format!("at {at}, after five crashes of recovery"));
    }
}

#[test]
fn any_operation_may_fail() {
    let failures = [SyncFailure::Dropped, SyncFailure::KeptClean, SyncFailure::KeptDirty];
    let kinds = [ErrorKind::Other, ErrorKind::StorageFull];
    for io in [LogIo::Map, LogIo::File] {
        for at in 0..operations(io) {
            for (n, sync_failure) in failures.into_iter().enumerate() {
                for (sticky, error) in [(false, kinds[0]), (true, kinds[0]), (true, kinds[1])] {
                    let plan = FaultPlan {
                        fail_at: Some(at),
                        sticky,
                        error,
                        sync_failure,
                        seed: at,
                        ..FaultPlan::default()
                    };
                    let what = format!("{io:?}, operation {at} fails, {plan:?}");
                    let disk = FaultDisk::new(plan);
                    let done = begin(&disk, io).map(|log| run(&disk, &log, 0)).unwrap_or_default();
                    // The process dies and comes back; or the power goes, too.
                    let crash = [Crash::Nothing, Crash::Random, Crash::Torn][n];
                    let left = disk.after_crash_with(crash, at);
                    recover(&left, io, &done, &format!("{what}, then power gone"));
                    disk.clear_plan();
                    recover(&disk, io, &done, &what);
                }
            }
        }
    }
}

#[test]
fn a_disk_that_fills_up_gives_errors_and_goes_on() {
    for io in [LogIo::Map, LogIo::File] {
        for segments in 1..6 {
            let disk = FaultDisk::new(FaultPlan::default());
            disk.set_capacity(Some(segments * LogOptions::MIN_SEGMENT_BYTES + 4096));
            let log = begin(&disk, io).expect("room for one segment");
            let first = run(&disk, &log, 0);
            assert!(first.doubtful.is_none() && first.acknowledged == first.appended.len());
            disk.set_capacity(None);
            let second = run(&disk, &log, 100);
            assert_eq!(second.appended.len() as u64, COMMITS, "there is room again");
            drop(log);
            let (_, found) = open(&disk, io).expect("no damage");
            assert_eq!(found, [first.appended, second.appended].concat());
        }
    }
}
