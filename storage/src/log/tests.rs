//! The log on a disk in memory: what comes back, and what damage does.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::disk::{Disk, MemDisk, Mode};

const DIR: &str = "/log";
/// Bytes of the reference log's only segment.
const REFERENCE: u64 = 128 << 10;
const SMALL: u64 = LogOptions::MIN_SEGMENT_BYTES;

fn options(io: LogIo) -> LogOptions {
    LogOptions { segment_bytes: SMALL, io, aligned: true }
}

fn disk() -> MemDisk {
    let disk = MemDisk::new();
    disk.create_dir(Path::new(DIR)).expect("a new directory");
    disk
}

fn create(disk: &MemDisk, options: LogOptions) -> Log {
    Log::create(Arc::new(disk.clone()), Path::new(DIR), (7, 1), options).expect("an empty disk")
}

fn entries(disk: &MemDisk) -> Result<(Vec<Entry>, LogEnd), LogError> {
    let mut entries = Vec::new();
    let end = read(disk, Path::new(DIR), (Lsn(0), Lsn(0)), |entry| {
        entries.push(entry);
        Ok::<(), LogError>(())
    })?;
    Ok((entries, end))
}

/// A payload that says which it is.
fn payload(i: u64) -> Vec<u8> {
    let length = (i.wrapping_mul(0x9e37_79b9) >> 7) % 700;
    (0..length).map(|k| (k ^ i) as u8).collect()
}

#[test]
fn commits_come_back_whatever_wrote_them_and_whatever_reads() {
    for (first, second) in [(LogIo::Map, LogIo::File), (LogIo::File, LogIo::Map)] {
        let disk = disk();
        let log = create(&disk, options(first));
        for i in 0..300 {
            let end = log.append(i, &payload(i)).expect("room");
            if i % 7 == 0 {
                log.wait(end).expect("a disk that works");
                assert!(log.durable() >= end);
            }
        }
        log.sync().expect("a disk that works");
        drop(log);
        let mut seen = 0;
        let log = Log::open(
            Arc::new(disk.clone()),
            Path::new(DIR),
            (Lsn(0), Lsn(0), 2),
            options(second),
            |entry| {
                assert_eq!((entry.epoch, entry.payload), (seen, payload(seen)));
                seen += 1;
                Ok::<(), LogError>(())
            },
        )
        .expect("what was synced");
        assert_eq!(seen, 300);
        let end = log.append(300, &payload(300)).expect("room");
        log.wait(end).expect("a disk that works");
        let (entries, last) = entries(&disk).expect("no damage");
        assert_eq!(entries.len(), 301);
        assert!(last.end >= end && !last.is_torn());
        assert!(segment::list(&disk, Path::new(DIR)).expect("a directory").len() > 5);
    }
}

#[test]
fn a_commit_longer_than_a_segment_is_one_commit() {
    let disk = disk();
    let log = create(&disk, options(LogIo::Map));
    let long: Vec<u8> = (0..5 * SMALL).map(|i| (i % 251) as u8).collect();
    log.append(1, b"before").expect("room");
    log.append(2, &long).expect("room");
    log.append(3, b"after").expect("room");
    log.sync().expect("a disk that works");
    let (found, _) = entries(&disk).expect("no damage");
    let payloads: Vec<&[u8]> = found.iter().map(|e| &e.payload[..]).collect();
    assert_eq!(payloads, [&b"before"[..], &long, b"after"]);
    let from = found[1].end;
    let mut rest = Vec::new();
    read(&disk, Path::new(DIR), (from, Lsn(0)), |entry| {
        rest.push(entry.epoch);
        Ok::<(), LogError>(())
    })
    .expect("no damage");
    assert_eq!(rest, [3]);
}

#[test]
fn segments_below_a_position_go() {
    let disk = disk();
    let log = create(&disk, options(LogIo::Map));
    let mut ends = Vec::new();
    for i in 0..200 {
        ends.push(log.append(i, &payload(i)).expect("room"));
    }
    log.sync().expect("a disk that works");
    log.release(ends[100]).expect("a disk that works");
    assert!(entries(&disk).is_err(), "the beginning is gone");
    let mut seen = Vec::new();
    read(&disk, Path::new(DIR), (ends[100], Lsn(0)), |entry| {
        seen.push(entry.epoch);
        Ok::<(), LogError>(())
    })
    .expect("the rest is there");
    assert_eq!(seen, (101..200).collect::<Vec<u64>>());
}

#[test]
fn a_log_may_begin_in_the_midst_of_a_commit() {
    let disk = disk();
    let log = create(&disk, options(LogIo::Map));
    let mut ends = Vec::new();
    for i in 0..40 {
        let long = vec![i as u8; 3 * SMALL as usize / 2 + i as usize * 100];
        ends.push(log.append(i, &long).expect("room"));
    }
    log.sync().expect("a disk that works");
    for (i, end) in ends.iter().enumerate() {
        log.release(*end).expect("a disk that works");
        let mut seen = Vec::new();
        read(&disk, Path::new(DIR), (*end, Lsn(0)), |entry| {
            seen.push(entry.epoch);
            Ok::<(), LogError>(())
        })
        .unwrap_or_else(|error| panic!("from behind commit {i}: {error}"));
        assert_eq!(seen, (i as u64 + 1..40).collect::<Vec<u64>>());
    }
}

#[test]
fn removals_may_be_forgotten_in_any_order() {
    let disk = disk();
    let log = create(&disk, options(LogIo::File));
    let mut ends = Vec::new();
    for i in 0..400 {
        ends.push(log.append(i, &payload(i)).expect("room"));
    }
    log.sync().expect("a disk that works");
    let files = disk.list(Path::new(DIR)).expect("a directory");
    let segments: Vec<_> = files.iter().filter(|name| name.ends_with(".log")).collect();
    assert!(segments.len() > 5);
    let remove = |name: &str| disk.remove(&Path::new(DIR).join(name)).expect("it is there");
    remove(segments[1]);
    remove(segments[3]);
    let kept = |from: Lsn| {
        let mut seen = Vec::new();
        let each = |entry: Entry| {
            seen.push(entry.epoch);
            Ok::<(), LogError>(())
        };
        read(&disk, Path::new(DIR), (from, Lsn(0)), each).map(|_| seen)
    };
    // What is behind the fourth segment is found if nothing before is asked for.
    let fifth = ends.iter().position(|end| end.0 >= 5 * SMALL + 2000).expect("long enough");
    assert_eq!(
        kept(ends[fifth]).expect("all is there"),
        (fifth as u64 + 1..400).collect::<Vec<_>>()
    );
    assert!(matches!(kept(ends[3]), Err(LogError::Corrupt(_))), "the second is needed");
    log.release(ends[fifth]).expect("a disk that works");
    assert!(!disk.exists(&Path::new(DIR).join(segments[0])).expect("a disk that works"));
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let disk = disk();
    disk.set_capacity(Some(4 * SMALL));
    let log = create(&disk, options(LogIo::Map));
    let mut acknowledged = 0;
    let full = loop {
        match log.reserve(500).and_then(|()| log.append(acknowledged, &[1; 500])) {
            Ok(end) => log.wait(end).expect("a disk that works"),
            Err(error) => break error,
        }
        acknowledged += 1;
    };
    assert!(matches!(&full, LogError::Disk(error) if error.is_full()), "{full}");
    assert_eq!(entries(&disk).expect("no damage").0.len() as u64, acknowledged);
    disk.set_capacity(None);
    log.reserve(500).expect("there is room now");
    let end = log.append(acknowledged, &[1; 500]).expect("there is room now");
    log.wait(end).expect("a disk that works");
    assert_eq!(entries(&disk).expect("no damage").0.len() as u64, acknowledged + 1);
}

#[test]
fn many_committers_share_syncs() {
    let disk = disk();
    let log = create(&disk, LogOptions { segment_bytes: 1 << 20, ..options(LogIo::Map) });
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let log = &log;
            scope.spawn(move || {
                for i in 0..200 {
                    let end = log.append(thread << 32 | i, &payload(i)).expect("room");
                    log.wait(end).expect("a disk that works");
                    assert!(log.durable() >= end);
                }
            });
        }
    });
    let (found, _) = entries(&disk).expect("no damage");
    assert_eq!(found.len(), 1600);
    for thread in 0..8 {
        let own: Vec<u64> = found.iter().map(|e| e.epoch).filter(|e| e >> 32 == thread).collect();
        assert_eq!(own, (0..200).map(|i| thread << 32 | i).collect::<Vec<u64>>());
    }
}

/// A log of at least 64 KiB in one segment, of which all but the last commits were synced in
/// groups; the commits' ends; the position up to which later records show that it was durable.
fn reference() -> (MemDisk, Vec<Lsn>, Lsn) {
    let disk = disk();
    let log = create(&disk, LogOptions { segment_bytes: REFERENCE, ..options(LogIo::Map) });
    let mut ends = Vec::new();
    let mut shown = Lsn(0);
    for i in 0..230 {
        shown = log.durable();
        ends.push(log.append(i, &payload(i)).expect("room"));
        if i % 5 == 0 {
            log.sync().expect("a disk that works");
        }
    }
    assert!(ends[229].0 - ends[0].0 > 64 << 10, "{}", ends[229].0 - ends[0].0);
    (disk, ends, shown)
}

fn file(disk: &MemDisk) -> Box<dyn crate::disk::File> {
    disk.open(&segment::path(Path::new(DIR), 1), Mode::Write).expect("the segment")
}

/// What is read of a damaged log is its beginning, or an error; an error for certain if later
/// records show that what is gone was durable.
fn judge(disk: &MemDisk, ends: &[Lsn], (offset, shown): (u64, Lsn), how: &str) {
    let start = REFERENCE;
    match entries(disk) {
        Err(LogError::Corrupt(_)) => {}
        Err(error) => panic!("{how} at {offset}: {error}"),
        Ok((found, end)) => {
            for (i, entry) in found.iter().enumerate() {
                assert_eq!(entry.end, ends[i], "{how} at {offset}");
                assert!(entry.payload == payload(i as u64), "{how} at {offset}: a wrong value");
            }
            let lost = found.len() < ends.len();
            let provable = lost && end.end < shown && start + offset < shown.0;
            assert!(!provable || how != "flipped", "{how} at {offset}: a silent loss");
        }
    }
}

/// Whether every case is to be tried, not a part that covers all places.
fn is_release_check() -> bool {
    std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some()
}

#[test]
fn a_log_torn_at_every_byte_is_a_beginning_or_an_error() {
    let (disk, ends, shown) = reference();
    let file = file(&disk);
    let len = REFERENCE;
    let mut whole = vec![0; len as usize];
    file.read_at(0, &mut whole).expect("the segment");
    let used = ends[229].0 - len;
    let old: Vec<u8> = (0..len).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 11) as u8).collect();
    let all = is_release_check();
    for offset in (512..used).rev() {
        // From here to the end: zeros, noise, the bytes of an older use; cut off.
        let at = offset as usize;
        file.write_at(offset, &vec![0; (used - offset) as usize]).expect("room");
        judge(&disk, &ends, (offset, shown), "zeros");
        if all || offset % 8 == 3 {
            file.write_at(offset, &old[at..used as usize]).expect("room");
            judge(&disk, &ends, (offset, shown), "noise");
            file.write_at(offset, &whole[512..512 + (used - offset) as usize]).expect("room");
            judge(&disk, &ends, (offset, shown), "older bytes");
            file.set_len(offset).expect("a shorter file");
            judge(&disk, &ends, (offset, shown), "cut");
            file.set_len(len).expect("zeros behind");
        }
        file.write_at(offset, &whole[at..used as usize]).expect("room");
    }
    assert_eq!(entries(&disk).expect("no damage").0.len(), 230);
}

#[test]
fn every_flipped_bit_is_found() {
    let (disk, ends, shown) = reference();
    let file = file(&disk);
    let used = ends[229].0 - (REFERENCE);
    let mut byte = [0];
    let all = is_release_check();
    for offset in 0..used {
        file.read_at(offset, &mut byte).expect("the segment");
        for bit in (0..8).filter(|bit| all || *bit == offset % 8) {
            file.write_at(offset, &[byte[0] ^ 1 << bit]).expect("room");
            judge(&disk, &ends, (offset, shown), "flipped");
        }
        file.write_at(offset, &byte).expect("room");
    }
}

#[test]
fn a_missing_or_foreign_segment_is_damage() {
    let disk = disk();
    let log = create(&disk, options(LogIo::Map));
    for i in 0..200 {
        log.append(i, &payload(i)).expect("room");
    }
    log.sync().expect("a disk that works");
    drop(log);
    let (second, third) = (segment::path(Path::new(DIR), 2), segment::path(Path::new(DIR), 3));
    disk.rename(&second, Path::new("/log/aside")).expect("it is there");
    assert!(matches!(entries(&disk), Err(LogError::Corrupt(_))));
    disk.rename(&third, &second).expect("it is there");
    assert!(matches!(entries(&disk), Err(LogError::Corrupt(_))));
}

#[test]
fn a_floor_that_is_not_reached_is_damage() {
    let (disk, ends, _) = reference();
    let floor = (Lsn(0), Lsn(ends[229].0 + 512));
    let read = read(&disk, Path::new(DIR), floor, |_| Ok::<(), LogError>(()));
    assert!(matches!(read, Err(LogError::Corrupt(_))));
}

#[test]
fn a_damaged_log_can_be_cut_off_where_it_is_whole() {
    let (disk, ends, _) = reference();
    let damaged = ends[99].0 - REFERENCE + 50;
    let mut byte = [0];
    file(&disk).read_at(damaged, &mut byte).expect("the segment");
    file(&disk).write_at(damaged, &[byte[0] ^ 1]).expect("room");
    assert!(matches!(entries(&disk), Err(LogError::Corrupt(_))));
    let dir = Path::new(DIR);
    assert!(truncate(&disk, dir, Lsn(ends[50].0 + 8)).is_err(), "no record ends there");
    assert!(truncate(&disk, dir, ends[150]).is_err(), "behind the damage");
    let lost = truncate(&disk, dir, ends[98]).expect("a record ends there");
    assert_eq!(lost.records, 131, "their headers can be read");
    assert_eq!(lost.epochs.map(|(_, last)| last), Some(229));
    let (found, end) = entries(&disk).expect("what is left is whole");
    assert_eq!((found.len(), end.end), (99, ends[98]));
}
