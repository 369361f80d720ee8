//! What is found when the power is back.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::{Crash, Disk, FaultDisk, FaultPlan, Mode, SECTOR_BYTES};
use super::random::Numbers;
use super::{bytes_of, durable, read, write};

const ALL: [Crash; 4] = [Crash::Nothing, Crash::All, Crash::Random, Crash::Torn];

fn a() -> &'static Path {
    Path::new("/a")
}

fn top() -> &'static Path {
    Path::new("/")
}

/// What there is in the root after crashes of this kind with many seeds.
fn outcomes(disk: &FaultDisk, crash: Crash) -> BTreeSet<Vec<(String, Vec<u8>)>> {
    let found = |seed| {
        let after = disk.after_crash_with(crash, seed);
        let names = after.list(top()).unwrap();
        names.into_iter().map(|n| (n.clone(), read(&after, &top().join(n)))).collect()
    };
    (0..400).map(found).collect()
}

fn entry(name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    (name.to_owned(), bytes.to_vec())
}

#[test]
fn what_was_synced_survives_every_crash() {
    let disk = FaultDisk::default();
    durable(&disk, a(), &[7; 5000]);
    for crash in ALL {
        assert_eq!(outcomes(&disk, crash), [vec![entry("a", &[7; 5000])]].into());
    }
}

#[test]
fn sectors_survive_each_by_itself() {
    let disk = FaultDisk::default();
    let file = durable(&disk, a(), &[b'-'; 4 * SECTOR_BYTES]);
    file.write_at(0, &[b'+'; 4 * SECTOR_BYTES]).unwrap();
    let sectors = |bytes: Vec<u8>| -> String {
        let first = |s: &[u8]| {
            assert!(s.iter().all(|b| *b == s[0]), "a sector is whole");
            s[0] as char
        };
        bytes.chunks(SECTOR_BYTES).map(first).collect()
    };
    assert_eq!(sectors(read(&disk.after_crash_with(Crash::Nothing, 1), a())), "----");
    assert_eq!(sectors(read(&disk.after_crash_with(Crash::All, 1), a())), "++++");
    let random = outcomes(&disk, Crash::Random);
    let seen: BTreeSet<String> = random.into_iter().map(|mut o| sectors(o.remove(0).1)).collect();
    assert_eq!(seen.len(), 16, "{seen:?}");
}

#[test]
fn the_last_write_is_torn_in_its_middle() {
    let disk = FaultDisk::default();
    let file = durable(&disk, a(), &[b'-'; 5 * SECTOR_BYTES]);
    file.write_at(100, &[b'+'; 4 * SECTOR_BYTES]).unwrap();
    for seed in 0..400 {
        let bytes = read(&disk.after_crash_with(Crash::Torn, seed), a());
        let torn = |s: usize| {
            let all = (s * SECTOR_BYTES).max(100)..((s + 1) * SECTOR_BYTES).min(2148);
            bytes[all.clone()].contains(&b'+') && bytes[all].contains(&b'-')
        };
        assert_eq!([0, 1, 2, 3, 4].map(torn), [false, false, true, false, false], "seed {seed}");
    }
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, Crash::Torn).len(), 1, "what is synced is not torn");
}

#[test]
fn a_sector_survives_in_any_version_since_the_sync() {
    let disk = FaultDisk::default();
    let file = durable(&disk, a(), b"0");
    for version in [b"1", b"2", b"3"] {
        file.write_at(0, version).unwrap();
    }
    let expected = [b"0", b"1", b"2", b"3"].map(|v| vec![entry("a", v)]);
    assert_eq!(outcomes(&disk, Crash::Random), expected.into());
}

#[test]
fn lengths_survive_apart_from_bytes() {
    let disk = FaultDisk::default();
    let file = durable(&disk, a(), b"old");
    file.write_at(0, b"new and longer").unwrap();
    let random = outcomes(&disk, Crash::Random);
    for expected in [&b"old"[..], b"new", b"new and longer", b"old\0\0\0\0\0\0\0\0\0\0\0"] {
        assert!(random.contains(&vec![entry("a", expected)]), "{expected:?}");
    }
    assert_eq!(outcomes(&disk, Crash::All), [vec![entry("a", b"new and longer")]].into());
}

#[test]
fn cut_bytes_do_not_come_back_once_synced() {
    let disk = FaultDisk::default();
    let file = durable(&disk, a(), &[9; 3000]);
    file.set_len(700).unwrap();
    file.set_len(3000).unwrap();
    let (all, none) = (Crash::All, Crash::Nothing);
    let mut expected = vec![9; 700];
    expected.resize(3000, 0);
    assert_eq!(read(&disk.after_crash_with(all, 0), a()), expected);
    assert_eq!(read(&disk.after_crash_with(none, 0), a()), [9; 3000]);
    file.sync().unwrap();
    assert_eq!(read(&disk.after_crash_with(none, 0), a()), expected);
    file.set_len(100).unwrap();
    assert_eq!(read(&disk.after_crash_with(none, 0), a()), expected);
    file.sync().unwrap();
    assert_eq!(read(&disk.after_crash_with(none, 0), a()), [9; 100]);
}

#[test]
fn mapped_bytes_survive_as_far_as_they_were_synced() {
    let disk = FaultDisk::default();
    let mapping = durable(&disk, a(), &[0; 8192]).map(8192).unwrap();
    mapping.write(0, &[1; 8192]);
    mapping.sync(1000..1030).unwrap();
    let bytes = read(&disk.after_crash_with(Crash::Nothing, 0), a());
    assert!(bytes[512..1536].iter().all(|&b| b == 1), "the sectors of these bytes");
    assert!(bytes[..512].iter().chain(&bytes[1536..]).all(|&b| b == 0));
    mapping.sync(0..8192).unwrap();
    assert_eq!(read(&disk.after_crash_with(Crash::Nothing, 0), a()), [1; 8192]);
}

#[test]
fn a_synced_mapping_has_its_length() {
    let disk = FaultDisk::default();
    durable(&disk, a(), b"").allocate(4096).unwrap();
    let mapping = disk.open(a(), Mode::Write).unwrap().map(4096).unwrap();
    mapping.write(600, b"abc");
    mapping.sync(600..603).unwrap();
    let bytes = read(&disk.after_crash_with(Crash::Nothing, 0), a());
    assert_eq!((bytes.len(), &bytes[600..603]), (1024, &b"abc"[..]));
    let room = disk.after_crash_with(Crash::Nothing, 0).used();
    assert_eq!(room, 512, "the first sector is a hole then");
}

#[test]
fn a_file_is_nothing_without_its_name() {
    let disk = FaultDisk::default();
    write(&disk, a(), b"abc").sync().unwrap();
    assert!(outcomes(&disk, Crash::Nothing).contains(&vec![]));
    assert_eq!(outcomes(&disk, Crash::Random), [vec![], vec![entry("a", b"abc")]].into());
    disk.sync_dir(top()).unwrap();
    assert_eq!(outcomes(&disk, Crash::Nothing), [vec![entry("a", b"abc")]].into());
}

#[test]
fn a_name_is_nothing_without_its_bytes() {
    let disk = FaultDisk::default();
    write(&disk, a(), b"abc");
    disk.sync_dir(top()).unwrap();
    assert_eq!(outcomes(&disk, Crash::Nothing), [vec![entry("a", b"")]].into());
}

#[test]
fn a_file_is_nothing_without_the_directories_above() {
    let (disk, dir) = (FaultDisk::default(), Path::new("/x/y"));
    disk.create_dir(dir).unwrap();
    durable(&disk, &dir.join("a"), b"abc");
    disk.sync_dir(Path::new("/x")).unwrap();
    assert!(disk.after_crash().list(top()).unwrap().is_empty());
    disk.sync_dir(top()).unwrap();
    assert_eq!(read(&disk.after_crash(), &dir.join("a")), b"abc");
}

#[test]
fn syncing_a_directory_syncs_no_other() {
    let (disk, dir) = (FaultDisk::default(), Path::new("/x/y"));
    disk.create_dir(dir).unwrap();
    write(&disk, &dir.join("a"), b"abc").sync().unwrap();
    disk.sync_dir(top()).unwrap();
    assert_eq!(disk.after_crash().list(top()).unwrap(), ["x"]);
    assert!(disk.after_crash().list(Path::new("/x")).unwrap().is_empty());
    disk.sync_dir(Path::new("/x")).unwrap();
    assert!(disk.after_crash().list(dir).unwrap().is_empty());
    disk.sync_dir(dir).unwrap();
    assert_eq!(disk.after_crash().list(dir).unwrap(), ["a"]);
}

#[test]
fn a_renaming_happens_at_once_or_not() {
    let disk = FaultDisk::default();
    durable(&disk, &top().join("final"), b"old");
    durable(&disk, &top().join("tmp"), b"new");
    disk.rename(&top().join("tmp"), &top().join("final")).unwrap();
    let before = vec![entry("final", b"old"), entry("tmp", b"new")];
    let after = vec![entry("final", b"new")];
    assert_eq!(outcomes(&disk, Crash::Nothing), [before.clone()].into());
    assert_eq!(outcomes(&disk, Crash::All), [after.clone()].into());
    assert_eq!(outcomes(&disk, Crash::Random), [before, after.clone()].into());
    disk.sync_dir(top()).unwrap();
    assert_eq!(outcomes(&disk, Crash::Nothing), [after].into());
}

#[test]
fn changes_of_one_name_keep_their_order() {
    let disk = FaultDisk::default();
    durable(&disk, a(), b"precious");
    disk.rename(a(), &top().join("b")).unwrap();
    write(&disk, a(), b"").sync().unwrap();
    for outcome in outcomes(&disk, Crash::Random) {
        assert!(outcome.iter().any(|(_, bytes)| bytes == b"precious"), "{outcome:?}");
    }
    assert_eq!(outcomes(&disk, Crash::Random).len(), 3);
}

#[test]
fn renaming_between_directories_needs_both() {
    let disk = FaultDisk::default();
    disk.create_dir(Path::new("/d")).unwrap();
    disk.sync_dir(top()).unwrap();
    durable(&disk, a(), b"abc");
    let there = Path::new("/d/a");
    disk.rename(a(), there).unwrap();
    let found = |disk: &FaultDisk, crash| -> BTreeSet<(bool, bool)> {
        let exists = |d: FaultDisk| (d.exists(a()).unwrap(), d.exists(there).unwrap());
        (0..100).map(|seed| exists(disk.after_crash_with(crash, seed))).collect()
    };
    assert_eq!(found(&disk, Crash::Nothing), [(true, false)].into());
    assert_eq!(found(&disk, Crash::Random).len(), 4);
    disk.sync_dir(Path::new("/d")).unwrap();
    assert_eq!(found(&disk, Crash::Random), [(true, true), (false, true)].into());
    let both = disk.after_crash_with(Crash::Nothing, 0);
    both.remove(a()).unwrap();
    assert_eq!(read(&both, there), b"abc", "a file may have two names then");
    disk.sync_dir(top()).unwrap();
    assert_eq!(found(&disk, Crash::Nothing), [(false, true)].into());
}

#[test]
fn a_removal_is_durable_when_its_directory_is() {
    let disk = FaultDisk::default();
    let open = durable(&disk, a(), b"abc");
    disk.remove(a()).unwrap();
    drop(open);
    assert_eq!(outcomes(&disk, Crash::Nothing), [vec![entry("a", b"abc")]].into());
    disk.sync_dir(top()).unwrap();
    assert_eq!(outcomes(&disk, Crash::Nothing), [vec![]].into());
    disk.create_dir(Path::new("/d")).unwrap();
    disk.sync_dir(top()).unwrap();
    durable(&disk, Path::new("/d/x"), b"");
    disk.remove(Path::new("/d/x")).unwrap();
    disk.remove_dir(Path::new("/d")).unwrap();
    assert!(disk.after_crash().exists(Path::new("/d/x")).unwrap());
    disk.sync_dir(top()).unwrap();
    assert!(disk.after_crash().list(top()).unwrap().is_empty());
}

#[test]
fn what_a_mapping_writes_without_power_is_lost() {
    let disk = FaultDisk::new(FaultPlan { crash: Crash::All, ..FaultPlan::default() });
    let mapping = durable(&disk, a(), b"abcdef").map(6).unwrap();
    mapping.write(0, b"X");
    disk.crash_now();
    mapping.write(1, b"Y");
    let mut seen = [0; 2];
    mapping.read(0, &mut seen);
    assert_eq!(&seen, b"XY", "a program goes on until it hears of it");
    assert!(mapping.sync(0..2).is_err());
    assert_eq!(read(&disk.after_crash(), a()), b"Xbcdef");
}

#[test]
fn a_sync_without_power_loses_nothing() {
    for mapped in [false, true] {
        let disk = FaultDisk::default();
        let file = durable(&disk, a(), b"old");
        let mapping = file.map(3).unwrap();
        mapping.write(0, b"new");
        disk.crash_now();
        let synced = if mapped { mapping.sync(0..3) } else { file.sync() };
        assert!(synced.is_err());
        assert_eq!(read(&disk.after_crash_with(Crash::All, 0), a()), b"new");
        assert_eq!(read(&disk.after_crash_with(Crash::Nothing, 0), a()), b"old");
    }
}

#[test]
fn locks_do_not_survive_but_room_does() {
    let disk = FaultDisk::new(FaultPlan { capacity: Some(4096), ..FaultPlan::default() });
    let held = disk.lock(&top().join("lock")).unwrap();
    let file = durable(&disk, a(), b"");
    file.allocate(3072).unwrap();
    file.sync().unwrap();
    disk.crash_now();
    let after = disk.after_crash();
    let _again = after.lock(&top().join("lock")).unwrap();
    drop(held);
    assert_eq!(after.used(), 3072);
    let other = after.open(&top().join("b"), Mode::Create).unwrap();
    assert!(other.write_at(0, &[1; 2048]).unwrap_err().is_full());
    after.open(a(), Mode::Write).unwrap().write_at(0, &[1; 3072]).unwrap();
}

/// Random operations; how many there were, and what a crash of each kind leaves.
fn run(seed: u64, crash_at: Option<u64>) -> (u64, Vec<String>) {
    let disk = FaultDisk::new(FaultPlan { crash_at, seed, ..FaultPlan::default() });
    let mut random = Numbers(seed);
    for _ in 0..60 {
        let name = top().join(["a", "b", "c"][random.below(3) as usize]);
        let (kind, at, byte) = (random.below(6), random.below(3000), random.below(256) as u8);
        let _ = match kind {
            0 => disk.rename(&name, a()),
            1 => disk.remove(&name),
            2 => disk.sync_dir(top()),
            _ => disk.open(&name, Mode::Create).and_then(|file| match kind {
                3 => file.sync(),
                4 => file.set_len(at),
                _ => file.write_at(at, &[byte; 700]),
            }),
        };
    }
    let state = |crash| {
        let after = disk.after_crash_with(crash, seed);
        let names = after.list(top()).unwrap();
        let bytes: Vec<_> = names.iter().map(|n| read(&after, &top().join(n))).collect();
        format!("{names:?} {bytes:?}")
    };
    (disk.ops(), ALL.map(state).to_vec())
}

#[test]
fn the_same_seed_gives_the_same_outcome() {
    let mut distinct = BTreeSet::new();
    for seed in 0..20 {
        let (ops, states) = run(seed, None);
        assert_eq!((ops, states.clone()), run(seed, None));
        distinct.extend(states);
        for crash_at in [0, 10, ops / 2, ops - 1] {
            let (reached, states) = run(seed, Some(crash_at));
            assert_eq!(reached, crash_at, "the counter does not depend on the plan");
            assert_eq!((reached, states), run(seed, Some(crash_at)));
        }
        assert_eq!(run(seed, Some(ops)).0, ops);
    }
    assert!(distinct.len() > 40, "{}", distinct.len());
}

/// A commit protocol that is right, and the same without each of its syncs: the right one loses
/// nothing at any operation, and for each other one some crash is found that does.
#[test]
fn every_missing_sync_is_found() {
    let commit = |disk: &FaultDisk, skip: usize, value: u8| -> Option<()> {
        let (tmp, name) = (top().join("tmp"), top().join("value"));
        let file = disk.open(&tmp, Mode::Create).ok()?;
        file.write_at(0, &[value; 1200]).ok()?;
        if skip != 1 {
            file.sync().ok()?;
        }
        disk.rename(&tmp, &name).ok()?;
        if skip != 2 {
            disk.sync_dir(top()).ok()?;
        }
        Some(())
    };
    let lost = |skip: usize| {
        let mut lost = 0;
        for crash_at in 0..16 {
            let plan = FaultPlan { crash_at: Some(crash_at), ..FaultPlan::default() };
            let disk = FaultDisk::new(plan);
            let acked = (1..=3).take_while(|&v| commit(&disk, skip, v).is_some()).count() as u8;
            for (crash, seed) in ALL.iter().flat_map(|c| (0..20).map(move |seed| (*c, seed))) {
                let after = disk.after_crash_with(crash, seed);
                let file = after.open(&top().join("value"), Mode::Read);
                let bytes = file.map_or(Vec::new(), |file| bytes_of(&*file));
                let value = bytes.first().copied().unwrap_or(0);
                let whole = bytes == vec![value; if value == 0 { 0 } else { 1200 }];
                lost += usize::from(!whole || value < acked || value > acked + 1);
            }
        }
        lost
    };
    assert_eq!(lost(0), 0);
    assert!(lost(1) > 100 && lost(2) > 100, "{} {}", lost(1), lost(2));
}
