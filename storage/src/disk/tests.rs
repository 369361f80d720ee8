//! What is promised of every disk, asked of all three; then the disk that breaks, by itself.
//!
//! Invariant: a case of `conformance` knows only the trait and a directory that is there.

mod crashes;
mod faults;
mod random;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Disk, DiskError, FaultDisk, FaultPlan, File, MemDisk, Mode, RealDisk};

/// A directory of the system that is removed when the test ends.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("arena-tr-disk-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn in_memory(case: fn(&dyn Disk, &Path)) {
    let disk = MemDisk::new();
    disk.create_dir(Path::new("/db")).unwrap();
    case(&disk, Path::new("/db"));
}

fn on_faulty(case: fn(&dyn Disk, &Path)) {
    let disk = FaultDisk::default();
    disk.create_dir(Path::new("/db")).unwrap();
    case(&disk, Path::new("/db"));
}

fn on_real(case: fn(&dyn Disk, &Path)) {
    let dir = TempDir::new();
    case(&RealDisk, &dir.0);
}

macro_rules! conformance {
    ($($case:ident)*) => {
        mod memory { $(#[test] fn $case() { super::in_memory(super::$case); })* }
        mod faulty { $(#[test] fn $case() { super::on_faulty(super::$case); })* }
        mod real { $(#[test] fn $case() { super::on_real(super::$case); })* }
    };
}

conformance! {
    modes_ask_for_what_is_there
    bytes_are_read_where_they_were_written
    a_file_grows_with_zeros
    reading_past_the_end_fails
    a_length_is_cut_and_stretched
    a_handle_to_read_does_not_write
    renaming_replaces
    names_are_listed_in_order
    names_come_and_go
    directories_are_made_and_removed
    a_removed_file_lives_while_open
    a_lock_excludes
    allocated_bytes_are_zeros
    too_much_is_not_allocated
    a_mapping_and_its_file_are_one
    a_mapping_needs_its_bytes
    threads_share_a_handle_and_a_mapping
    errors_say_what_and_where
    files_and_directories_are_told_apart
}

fn bytes_of(file: &dyn File) -> Vec<u8> {
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

fn read(disk: &dyn Disk, path: &Path) -> Vec<u8> {
    bytes_of(&*disk.open(path, Mode::Read).unwrap())
}

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Box<dyn File> {
    let file = disk.open(path, Mode::Create).unwrap();
    file.write_at(0, bytes).unwrap();
    file
}

/// A file whose bytes and name are durable.
fn durable(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Box<dyn File> {
    let file = write(disk, path, bytes);
    file.sync().unwrap();
    disk.sync_dir(path.parent().unwrap()).unwrap();
    file
}

fn kind<T>(result: Result<T, DiskError>) -> std::io::ErrorKind {
    result.err().expect("an error").io().kind()
}

fn modes_ask_for_what_is_there(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    for mode in [Mode::Read, Mode::Write] {
        assert!(disk.open(&path, mode).unwrap_err().is_not_found());
    }
    disk.open(&path, Mode::CreateNew).unwrap().write_at(0, b"abc").unwrap();
    assert_eq!(kind(disk.open(&path, Mode::CreateNew)), std::io::ErrorKind::AlreadyExists);
    for mode in [Mode::Read, Mode::Write, Mode::Create] {
        assert_eq!(bytes_of(&*disk.open(&path, mode).unwrap()), b"abc", "{mode:?}");
    }
    assert!(disk.open(&dir.join("none/a"), Mode::Create).unwrap_err().is_not_found());
}

fn bytes_are_read_where_they_were_written(disk: &dyn Disk, dir: &Path) {
    let file = write(disk, &dir.join("a"), b"0123456789");
    file.write_at(3, b"xyz").unwrap();
    file.write_at(0, b"").unwrap();
    let mut some = [0; 4];
    file.read_at(2, &mut some).unwrap();
    assert_eq!(&some, b"2xyz");
    file.sync().unwrap();
    disk.sync_dir(dir).unwrap();
    assert_eq!(read(disk, &dir.join("a")), b"012xyz6789");
}

fn a_file_grows_with_zeros(disk: &dyn Disk, dir: &Path) {
    let file = write(disk, &dir.join("a"), b"ab");
    file.write_at(1000, b"cd").unwrap();
    assert_eq!(file.len().unwrap(), 1002);
    let bytes = bytes_of(&*file);
    assert_eq!((&bytes[..2], &bytes[1000..]), (&b"ab"[..], &b"cd"[..]));
    assert!(bytes[2..1000].iter().all(|&b| b == 0));
    file.write_at(5000, b"").unwrap();
    assert_eq!(file.len().unwrap(), 1002, "nothing was written");
}

fn reading_past_the_end_fails(disk: &dyn Disk, dir: &Path) {
    let file = write(disk, &dir.join("a"), b"abcd");
    for offset in [1, 4, 5, 1 << 33] {
        let got = kind(file.read_at(offset, &mut [0; 4]));
        assert_eq!(got, std::io::ErrorKind::UnexpectedEof, "{offset}");
    }
    file.read_at(4, &mut []).unwrap();
    assert!(file.read_at(u64::MAX, &mut [0; 4]).is_err());
}

fn a_length_is_cut_and_stretched(disk: &dyn Disk, dir: &Path) {
    let file = write(disk, &dir.join("a"), &[7; 2000]);
    file.set_len(600).unwrap();
    file.set_len(1500).unwrap();
    let bytes = bytes_of(&*file);
    assert_eq!(bytes.len(), 1500);
    assert!(bytes[..600].iter().all(|&b| b == 7) && bytes[600..].iter().all(|&b| b == 0));
    file.set_len(0).unwrap();
    assert!(file.is_empty().unwrap());
}

fn a_handle_to_read_does_not_write(disk: &dyn Disk, dir: &Path) {
    write(disk, &dir.join("a"), b"abcd");
    let file = disk.open(&dir.join("a"), Mode::Read).unwrap();
    assert!(file.write_at(0, b"x").is_err());
    assert!(file.allocate(100).is_err());
    assert!(file.set_len(1).is_err());
    assert!(file.map(4).is_err());
    assert_eq!(bytes_of(&*file), b"abcd");
}

fn renaming_replaces(disk: &dyn Disk, dir: &Path) {
    let (old, new) = (dir.join("old"), dir.join("new"));
    write(disk, &new, b"to be replaced");
    let open = disk.open(&new, Mode::Read).unwrap();
    write(disk, &old, b"abc");
    disk.rename(&old, &new).unwrap();
    assert_eq!(disk.list(dir).unwrap(), ["new"]);
    assert_eq!(read(disk, &new), b"abc");
    assert_eq!(bytes_of(&*open), b"to be replaced", "a handle keeps its file");
    disk.rename(&new, &new).unwrap();
    assert_eq!(read(disk, &new), b"abc");
    disk.create_dir(&dir.join("sub")).unwrap();
    disk.rename(&new, &dir.join("sub/abc")).unwrap();
    assert_eq!(disk.list(dir).unwrap(), ["sub"]);
    assert_eq!(read(disk, &dir.join("sub/abc")), b"abc");
    assert!(disk.rename(&old, &new).unwrap_err().is_not_found());
    assert!(disk.rename(&dir.join("sub/abc"), &dir.join("none/abc")).unwrap_err().is_not_found());
}

fn names_are_listed_in_order(disk: &dyn Disk, dir: &Path) {
    for name in ["b", "a", "B", "a.b", "a-b", "10", "9", "ä"] {
        write(disk, &dir.join(name), b"");
    }
    disk.create_dir(&dir.join("ab/inner")).unwrap();
    let names = disk.list(dir).unwrap();
    assert_eq!(names, ["10", "9", "B", "a", "a-b", "a.b", "ab", "b", "ä"]);
    assert_eq!(disk.list(&dir.join("ab")).unwrap(), ["inner"]);
    assert!(disk.list(&dir.join("none")).unwrap_err().is_not_found());
}

fn names_come_and_go(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    assert!(!disk.exists(&path).unwrap());
    assert!(disk.exists(dir).unwrap());
    write(disk, &path, b"");
    assert!(disk.exists(&path).unwrap());
    assert!(disk.exists(&dir.join("./a")).unwrap() && disk.exists(&dir.join(".")).unwrap());
    assert!(!disk.exists(&path.join("below")).unwrap());
    disk.remove(&path).unwrap();
    assert!(!disk.exists(&path).unwrap());
    assert!(disk.remove(&path).unwrap_err().is_not_found());
}

fn directories_are_made_and_removed(disk: &dyn Disk, dir: &Path) {
    let inner = dir.join("x/y/z");
    disk.create_dir(&inner).unwrap();
    disk.create_dir(&inner).unwrap();
    write(disk, &inner.join("a"), b"");
    assert_eq!(kind(disk.remove_dir(&inner)), std::io::ErrorKind::DirectoryNotEmpty);
    assert_eq!(kind(disk.remove_dir(&dir.join("x"))), std::io::ErrorKind::DirectoryNotEmpty);
    disk.remove(&inner.join("a")).unwrap();
    disk.remove_dir(&inner).unwrap();
    assert!(disk.remove_dir(&inner).unwrap_err().is_not_found());
    assert!(disk.list(&dir.join("x/y")).unwrap().is_empty());
    assert!(disk.sync_dir(&inner).unwrap_err().is_not_found());
    disk.sync_dir(&dir.join("x/y")).unwrap();
}

fn a_removed_file_lives_while_open(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    let file = write(disk, &path, b"abc");
    let mapping = file.map(3).unwrap();
    disk.remove(&path).unwrap();
    write(disk, &path, b"another");
    file.write_at(1, b"X").unwrap();
    assert_eq!(bytes_of(&*file), b"aXc");
    drop(file);
    mapping.write(2, b"Y");
    let mut bytes = [0; 3];
    mapping.read(0, &mut bytes);
    assert_eq!(&bytes, b"aXY");
    assert_eq!(read(disk, &path), b"another");
}

fn a_lock_excludes(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("lock");
    let held = disk.lock(&path).unwrap();
    assert!(disk.exists(&path).unwrap());
    let refused = disk.lock(&path).unwrap_err();
    assert!(refused.is_locked() && !refused.is_not_found() && !refused.is_full());
    assert!(refused.to_string().contains("lock"), "{refused}");
    let other = disk.lock(&dir.join("other")).unwrap();
    drop(held);
    let again = disk.lock(&path).unwrap();
    assert!(disk.lock(&path).unwrap_err().is_locked());
    drop((again, other));
    let none = disk.lock(&dir.join("none/lock")).unwrap_err();
    assert!(none.is_not_found() && !none.is_locked());
}

fn allocated_bytes_are_zeros(disk: &dyn Disk, dir: &Path) {
    let file = write(disk, &dir.join("a"), b"abc");
    let bytes = (2 << 20) + 12_345;
    file.allocate(bytes).unwrap();
    assert_eq!(file.len().unwrap(), bytes);
    let all = bytes_of(&*file);
    assert_eq!(&all[..3], b"abc");
    assert!(all[3..].iter().all(|&b| b == 0));
    file.allocate(10).unwrap();
    assert_eq!(file.len().unwrap(), bytes, "it does not become shorter");
    file.sync().unwrap();
}

fn too_much_is_not_allocated(disk: &dyn Disk, dir: &Path) {
    if !cfg!(target_os = "linux") {
        return; // It would be tried, in zeros.
    }
    let file = write(disk, &dir.join("a"), b"abc");
    let refused = file.allocate(i64::MAX as u64).unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert_eq!(bytes_of(&*file), b"abc");
    assert!(file.allocate(u64::MAX).unwrap_err().is_full());
    file.allocate(1000).unwrap();
}

fn a_mapping_and_its_file_are_one(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("a");
    let file = write(disk, &path, &[1; 10_000]);
    let (one, two) = (file.map(10_000).unwrap(), file.map(5000).unwrap());
    assert_eq!((one.len(), two.len(), two.is_empty()), (10_000, 5000, false));
    one.write(4094, b"abcd");
    let mut seen = [0; 6];
    file.read_at(4093, &mut seen).unwrap();
    assert_eq!(&seen, b"\x01abcd\x01");
    two.read(4093, &mut seen);
    assert_eq!(&seen, b"\x01abcd\x01");
    file.write_at(4995, b"vwxyz").unwrap();
    one.read(4994, &mut seen);
    assert_eq!(&seen, b"\x01vwxyz");
    one.sync(4094..4098).unwrap();
    one.sync(0..10_000).unwrap();
    one.sync(777..777).unwrap();
    one.write(10_000, b"");
    drop((one, two));
    assert_eq!(read(disk, &path)[4094..4098], *b"abcd");
}

fn a_mapping_needs_its_bytes(disk: &dyn Disk, dir: &Path) {
    let file = write(disk, &dir.join("a"), &[1; 100]);
    assert_eq!(kind(file.map(101)), std::io::ErrorKind::InvalidInput);
    let mapping = file.map(50).unwrap();
    let run = |f: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
    assert!(run(&|| mapping.write(48, b"abc")));
    assert!(run(&|| mapping.write(usize::MAX, b"abc")));
    assert!(run(&|| mapping.read(51, &mut [0; 1])));
    assert!(run(&|| drop(mapping.sync(40..51))));
    mapping.write(47, b"abc");
    assert!(file.map(0).unwrap().is_empty());
}

fn threads_share_a_handle_and_a_mapping(disk: &dyn Disk, dir: &Path) {
    const EACH: usize = 1000;
    let file = disk.open(&dir.join("a"), Mode::Create).unwrap();
    file.allocate(8 * EACH as u64).unwrap();
    let mapping = file.map(4 * EACH).unwrap();
    std::thread::scope(|scope| {
        for i in 0..4 {
            let (file, mapping) = (&file, &mapping);
            scope.spawn(move || {
                for at in 0..EACH {
                    mapping.write(i * EACH + at, &[i as u8 + 1]);
                    file.write_at(((4 + i) * EACH + at) as u64, &[i as u8 + 5]).unwrap();
                }
            });
        }
    });
    let expected: Vec<u8> = (0..8 * EACH).map(|at| (at / EACH) as u8 + 1).collect();
    assert_eq!(bytes_of(&*file), expected);
}

fn errors_say_what_and_where(disk: &dyn Disk, dir: &Path) {
    let path = dir.join("nothing here");
    let missing = disk.open(&path, Mode::Read).unwrap_err();
    assert_eq!(missing.path(), path);
    assert!(missing.is_not_found() && !missing.is_full() && !missing.is_locked());
    let text = missing.to_string();
    assert!(text.starts_with("cannot open ") && text.contains("nothing here"), "{text}");
    let file = write(disk, &path, b"abc");
    let begins = |error: DiskError, verb: &str| {
        let start = format!("cannot {verb} {}: ", path.display());
        assert!(error.to_string().starts_with(&start), "{error}");
        assert_eq!(error.path(), path);
    };
    begins(file.read_at(9, &mut [0]).unwrap_err(), "read");
    begins(file.map(9).unwrap_err(), "map");
    begins(disk.list(&path).unwrap_err(), "list");
    begins(disk.remove_dir(&path).unwrap_err(), "remove directory");
    begins(disk.sync_dir(&path).unwrap_err(), "sync directory");
    begins(disk.create_dir(&path).unwrap_err(), "create directory");
    let to_read = disk.open(&path, Mode::Read).unwrap();
    begins(to_read.write_at(0, b"x").unwrap_err(), "write");
    begins(to_read.set_len(0).unwrap_err(), "resize");
    begins(to_read.allocate(10).unwrap_err(), "allocate");
    disk.remove(&path).unwrap();
    begins(disk.remove(&path).unwrap_err(), "remove");
    begins(disk.rename(&path, &dir.join("b")).unwrap_err(), "rename");
}

fn files_and_directories_are_told_apart(disk: &dyn Disk, dir: &Path) {
    use std::io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
    let (file, sub) = (dir.join("file"), dir.join("sub"));
    write(disk, &file, b"abc");
    disk.create_dir(&sub).unwrap();
    for mode in [Mode::Read, Mode::Write, Mode::Create] {
        assert_eq!(kind(disk.open(&sub, mode)), IsADirectory, "{mode:?}");
        assert_eq!(kind(disk.open(&file.join("x"), mode)), NotADirectory, "{mode:?}");
    }
    assert_eq!(kind(disk.open(&sub, Mode::CreateNew)), AlreadyExists);
    assert_eq!(kind(disk.create_dir(&file)), AlreadyExists);
    assert_eq!(kind(disk.create_dir(&file.join("x/y"))), NotADirectory);
    assert_eq!(kind(disk.list(&file)), NotADirectory);
    assert_eq!(kind(disk.sync_dir(&file)), NotADirectory);
    assert_eq!(kind(disk.remove_dir(&file)), NotADirectory);
    assert_eq!(kind(disk.rename(&sub, &dir.join("b"))), IsADirectory);
    assert_eq!(kind(disk.rename(&file, &sub)), IsADirectory);
    assert!(disk.remove(&sub).is_err());
    assert_eq!(disk.list(dir).unwrap(), ["file", "sub"]);
}

/// A disk whose room can be said and asked.
struct Limited {
    disk: Box<dyn Disk>,
    set_capacity: Box<dyn Fn(u64)>,
    used: Box<dyn Fn() -> u64>,
}

fn with_capacity(bytes: u64) -> [Limited; 2] {
    let mem = MemDisk::with_capacity(bytes);
    let fault = FaultDisk::new(FaultPlan { capacity: Some(bytes), ..FaultPlan::default() });
    let (mem_set, mem_used) = (mem.clone(), mem.clone());
    let (fault_set, fault_used) = (fault.clone(), fault.clone());
    let mem = Limited {
        disk: Box::new(mem),
        set_capacity: Box::new(move |bytes| mem_set.set_capacity(Some(bytes))),
        used: Box::new(move || mem_used.used()),
    };
    let fault = Limited {
        disk: Box::new(fault),
        set_capacity: Box::new(move |bytes| fault_set.set_capacity(Some(bytes))),
        used: Box::new(move || fault_used.used()),
    };
    [mem, fault]
}

#[test]
fn what_is_allocated_can_be_written_on_a_full_disk() {
    for Limited { disk, used, .. } in with_capacity(64 << 10) {
        let log = disk.open(Path::new("/log"), Mode::Create).unwrap();
        log.allocate(32 << 10).unwrap();
        let rest = disk.open(Path::new("/rest"), Mode::Create).unwrap();
        let full = rest.write_at(0, &[1; 40 << 10]).unwrap_err();
        assert!(full.is_full(), "{full}");
        assert_eq!(rest.len().unwrap(), 32 << 10, "as much as there was room for");
        assert_eq!(used(), 64 << 10);
        log.write_at(0, &[2; 32 << 10]).unwrap();
        log.map(32 << 10).unwrap().write(1000, &[3; 5000]);
        assert!(log.write_at(32 << 10, &[1]).unwrap_err().is_full());
        assert!(log.allocate((32 << 10) + 1).unwrap_err().is_full());
        assert_eq!(log.len().unwrap(), 32 << 10);
    }
}

#[test]
fn room_comes_back_with_the_last_handle_of_a_removed_file() {
    for Limited { disk, set_capacity, used } in with_capacity(8192) {
        let (a, b) = (Path::new("/a"), Path::new("/b"));
        let first = write(&*disk, a, &[1; 8192]);
        let second = disk.open(b, Mode::Create).unwrap();
        assert!(second.write_at(0, b"x").unwrap_err().is_full());
        disk.remove(a).unwrap();
        assert!(second.write_at(0, b"x").unwrap_err().is_full(), "it is open");
        let mapping = first.map(10).unwrap();
        drop(first);
        assert!(second.write_at(0, b"x").unwrap_err().is_full(), "it is mapped");
        drop(mapping);
        assert_eq!(used(), 0);
        second.write_at(0, &[2; 8192]).unwrap();
        second.set_len(4096).unwrap();
        assert_eq!(used(), 4096);
        set_capacity(2048);
        assert!(second.write_at(4096, b"x").unwrap_err().is_full());
        second.write_at(0, &[3; 4096]).unwrap();
        set_capacity(1 << 20);
        second.write_at(4096, b"x").unwrap();
        write(&*disk, a, &[1; 512]);
        disk.rename(a, b).unwrap();
        drop(second);
        assert_eq!(used(), 512, "the replaced file is gone");
    }
}

#[test]
fn holes_take_no_room_until_they_are_written() {
    for Limited { disk, used, .. } in with_capacity(2048) {
        let file = disk.open(Path::new("/a"), Mode::Create).unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_at(100_000, &[1; 513]).unwrap();
        assert_eq!(used(), 1024);
        assert!(file.allocate(4096).unwrap_err().is_full());
        assert_eq!(used(), 1024);
        let mapping = file.map(1 << 20).unwrap();
        mapping.write(0, &[1; 1024]);
        assert!(file.write_at(5000, &[1]).unwrap_err().is_full());
        let kill = std::panic::AssertUnwindSafe(|| mapping.write(5000, &[1]));
        assert!(std::panic::catch_unwind(kill).is_err());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_system_says_full_as_we_do() {
    let full = RealDisk.open(Path::new("/dev/full"), Mode::Write).unwrap();
    let refused = full.write_at(0, b"abc").unwrap_err();
    assert!(refused.is_full() && !refused.is_not_found(), "{refused}");
}

#[test]
#[cfg(target_os = "linux")]
fn allocating_fills_the_holes_of_a_real_file() {
    use std::os::unix::fs::MetadataExt;
    let dir = TempDir::new();
    let path = dir.0.join("a");
    let file = RealDisk.open(&path, Mode::Create).unwrap();
    file.set_len(1 << 20).unwrap();
    let blocks = || std::fs::metadata(&path).unwrap().blocks() * 512;
    let before = blocks();
    file.allocate(2 << 20).unwrap();
    file.sync().unwrap();
    assert!(before < 1 << 20 && blocks() > before, "{before}, {}", blocks());
    assert!(bytes_of(&*file).iter().all(|&b| b == 0));
    assert_eq!(file.len().unwrap(), 2 << 20);
}
