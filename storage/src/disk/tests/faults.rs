//! Operations that fail on command, and what they leave behind.

use std::io::ErrorKind;
use std::path::Path;

use super::super::{Crash, Disk, FaultDisk, FaultPlan, Mode, SyncFailure};
use super::{bytes_of, durable, kind, read, write};

const A: &str = "/a";

fn a() -> &'static Path {
    Path::new(A)
}

/// Five operations.
fn script(disk: &FaultDisk) -> Vec<bool> {
    let Ok(file) = disk.open(a(), Mode::Create) else { return vec![false] };
    let results =
        [file.write_at(0, b"abc"), file.sync(), disk.sync_dir(Path::new("/")), file.set_len(2)];
    std::iter::once(true).chain(results.map(|r| r.is_ok())).collect()
}

#[test]
fn every_operation_can_fail_once() {
    let free = FaultDisk::default();
    assert_eq!(script(&free), [true; 5]);
    assert_eq!(free.ops(), 5);
    for n in 0..5 {
        let disk = FaultDisk::new(FaultPlan { fail_at: Some(n), ..FaultPlan::default() });
        let results = script(&disk);
        for (i, ok) in results.iter().enumerate() {
            assert_eq!(*ok, i as u64 != n, "operation {i} of plan {n}");
        }
        assert_eq!(disk.operations().iter().filter(|o| o.failed).count(), 1);
    }
}

#[test]
fn a_sticky_fault_stays_until_the_plan_is_cleared() {
    let plan = FaultPlan { fail_at: Some(2), sticky: true, ..FaultPlan::default() };
    let disk = FaultDisk::new(plan);
    assert_eq!(script(&disk), [true, true, false, false, false]);
    assert!(disk.exists(a()).is_err());
    disk.clear_plan();
    assert_eq!(script(&disk), [true; 5]);
}

#[test]
fn reads_can_be_spared() {
    let disk = FaultDisk::default();
    let file = durable(&disk, a(), b"abc");
    let error = ErrorKind::StorageFull;
    let plan = FaultPlan { fail_at: Some(0), sticky: true, error, ..FaultPlan::default() };
    disk.set_plan(FaultPlan { spare_reads: true, ..plan.clone() });
    assert_eq!(read(&disk, a()), b"abc");
    assert!(disk.exists(a()).unwrap() && file.map(3).is_ok());
    assert_eq!(disk.list(Path::new("/")).unwrap(), ["a"]);
    assert!(file.sync().unwrap_err().is_full() && file.write_at(0, b"x").unwrap_err().is_full());
    assert!(disk.open(Path::new("/b"), Mode::Create).unwrap_err().is_full());
    disk.set_plan(plan);
    assert!(disk.exists(a()).is_err() && file.map(3).is_err() && file.len().is_err());
}

#[test]
fn a_failed_write_leaves_a_random_part() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let plan = FaultPlan { fail_at: Some(1), seed, ..FaultPlan::default() };
        let disk = FaultDisk::new(plan);
        let file = disk.open(a(), Mode::Create).unwrap();
        file.write_at(0, b"0123456789").unwrap_err();
        let bytes = bytes_of(&*file);
        assert_eq!(bytes, b"0123456789"[..bytes.len()]);
        lengths.insert(bytes.len());
    }
    assert!(lengths.len() > 5, "{lengths:?}");
}

#[test]
fn a_fault_has_its_error_and_its_number() {
    let error = ErrorKind::StorageFull;
    let disk = FaultDisk::new(FaultPlan { fail_at: Some(0), error, ..FaultPlan::default() });
    let failed = disk.open(a(), Mode::Create).unwrap_err();
    assert!(failed.is_full());
    assert!(failed.to_string().starts_with("cannot open /a: injected fault at operation 0"));
    write(&disk, a(), b"abc");
    let list: Vec<String> = disk.operations().iter().map(ToString::to_string).collect();
    assert_eq!(list, ["0: open /a FAILED", "1: open /a", "2: write /a [0..3]"]);
}

/// "old" is durable, "new" was written, and the sync of it failed.
fn after_failed_sync(failure: SyncFailure, mapped: bool) -> FaultDisk {
    let disk = FaultDisk::default();
    let file = durable(&disk, a(), b"old");
    let fail_at = Some(disk.ops() + 1);
    disk.set_plan(FaultPlan { fail_at, sync_failure: failure, ..FaultPlan::default() });
    if mapped {
        let mapping = file.map(3).unwrap();
        mapping.write(0, b"new");
        mapping.sync(0..3).unwrap_err();
    } else {
        file.write_at(0, b"new").unwrap();
        file.sync().unwrap_err();
    }
    disk
}

#[test]
fn a_failed_sync_drops_keeps_or_forgets() {
    use SyncFailure::{Dropped, KeptClean, KeptDirty};
    // Seen after the failure; durable then whatever a crash spares; durable after another sync.
    let rows: [(_, &[u8], &[u8], &[u8]); 3] = [
        (Dropped, b"old", b"old", b"old"),
        (KeptClean, b"new", b"old", b"old"),
        (KeptDirty, b"new", b"new", b"new"),
    ];
    for (failure, seen, spared, later) in rows {
        for mapped in [false, true] {
            let disk = after_failed_sync(failure, mapped);
            assert_eq!(read(&disk, a()), seen, "{failure:?}");
            assert_eq!(read(&disk.after_crash_with(Crash::All, 0), a()), spared, "{failure:?}");
            assert_eq!(read(&disk.after_crash_with(Crash::Nothing, 0), a()), b"old");
            disk.open(a(), Mode::Write).unwrap().sync().unwrap();
            assert_eq!(read(&disk.after_crash_with(Crash::Nothing, 0), a()), later, "{failure:?}");
        }
    }
}

#[test]
fn what_is_written_again_is_synced_again() {
    let disk = after_failed_sync(SyncFailure::KeptClean, false);
    let file = disk.open(a(), Mode::Write).unwrap();
    file.write_at(0, b"x").unwrap();
    file.sync().unwrap();
    assert_eq!(read(&disk.after_crash_with(Crash::Nothing, 0), a()), b"xew");
}

#[test]
fn a_failed_sync_of_a_directory_loses_nothing_seen() {
    let disk = FaultDisk::default();
    write(&disk, a(), b"abc").sync().unwrap();
    disk.set_plan(FaultPlan { fail_at: Some(disk.ops()), ..FaultPlan::default() });
    disk.sync_dir(Path::new("/")).unwrap_err();
    assert!(!disk.after_crash_with(Crash::Nothing, 0).exists(a()).unwrap());
    disk.sync_dir(Path::new("/")).unwrap();
    assert_eq!(read(&disk.after_crash_with(Crash::Nothing, 0), a()), b"abc");
}

#[test]
fn bits_flip_where_they_are_stored() {
    let disk = FaultDisk::default();
    let file = durable(&disk, a(), b"abc");
    disk.corrupt(a(), 1, 0x01).unwrap();
    assert_eq!(bytes_of(&*file), b"acc");
    assert_eq!(read(&disk.after_crash(), a()), b"acc");
    assert_eq!(kind(disk.corrupt(a(), 3, 1)), ErrorKind::UnexpectedEof);
    assert!(disk.corrupt(Path::new("/b"), 0, 1).unwrap_err().is_not_found());
}

#[test]
fn power_that_is_gone_fails_everything() {
    let disk = FaultDisk::new(FaultPlan { crash_at: Some(4), ..FaultPlan::default() });
    let file = durable(&disk, a(), b"abc");
    let lengths = (file.len().is_err(), disk.is_crashed(), disk.ops());
    assert_eq!(lengths, (true, true, 4), "four operations came through");
    assert!(file.read_at(0, &mut [0]).is_err() && file.write_at(0, b"x").is_err());
    assert!(file.sync().is_err() && file.allocate(9).is_err() && file.set_len(9).is_err());
    assert!(file.map(1).is_err() && disk.open(a(), Mode::Read).is_err());
    assert!(disk.list(Path::new("/")).is_err() && disk.exists(a()).is_err());
    assert!(disk.create_dir(Path::new("/d")).is_err() && disk.lock(a()).is_err());
    assert!(disk.remove(a()).is_err() && disk.rename(a(), Path::new("/b")).is_err());
    assert!(disk.sync_dir(Path::new("/")).is_err() && disk.remove_dir(Path::new("/")).is_err());
    disk.clear_plan();
    assert!(disk.exists(a()).is_err(), "a plan brings no power back");
    let after = disk.after_crash();
    assert_eq!(read(&after, a()), b"abc");
    assert!(!after.is_crashed());
}
