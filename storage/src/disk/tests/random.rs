//! The same random operations on all three disks: they answer alike and hold the same.

use std::io::ErrorKind;
use std::path::Path;

use super::super::{Disk, DiskResult, FaultDisk, File, Mapping, MemDisk, Mode, RealDisk};
use super::{TempDir, bytes_of};

/// Numbers that are the same in each run.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) % end
    }
}

/// One disk, and what is open on it.
struct Side<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    files: Vec<Option<Box<dyn File>>>,
    mappings: Vec<Option<Box<dyn Mapping>>>,
}

const SLOTS: u64 = 3;
const NAMES: [&str; 6] = ["a", "b", "d/a", "d/b", "d", "e/c"];
const LONGEST: u64 = 3000;

fn told<T>(result: DiskResult<T>) -> Result<T, ErrorKind> {
    result.map_err(|e| e.io().kind())
}

impl<'a> Side<'a> {
    fn new(disk: &'a dyn Disk, dir: &'a Path) -> Self {
        disk.create_dir(dir).unwrap();
        let files = (0..SLOTS).map(|_| None).collect();
        Self { disk, dir, files, mappings: (0..SLOTS).map(|_| None).collect() }
    }

    /// Makes one operation; says what came of it.
    fn step(&mut self, mut random: Numbers) -> String {
        let what = random.below(20);
        let name = self.dir.join(NAMES[random.below(6) as usize]);
        let other = self.dir.join(NAMES[random.below(6) as usize]);
        let (disk, slot) = (self.disk, random.below(SLOTS) as usize);
        match what {
            0 => format!("create_dir {:?}", told(disk.create_dir(&name))),
            1 => format!("list {:?}", told(disk.list(&name))),
            2 => format!("exists {:?}", told(disk.exists(&name))),
            3 => format!("rename {:?}", told(disk.rename(&name, &other))),
            // Which error it is to remove a directory as a file differs between systems.
            4 => format!("remove {:?}", disk.remove(&name).is_ok()),
            5 => format!("remove_dir {:?}", told(disk.remove_dir(&name))),
            6 => format!("sync_dir {:?}", told(disk.sync_dir(&name))),
            7..=10 => {
                let modes = [Mode::Write, Mode::Create, Mode::Create, Mode::CreateNew];
                let opened = told(disk.open(&name, modes[random.below(4) as usize]));
                let result = format!("open {:?}", opened.as_ref().map(|_| ()));
                (self.files[slot], self.mappings[slot]) = (opened.ok(), None);
                result
            }
            _ => self.step_file(slot, what, random),
        }
    }

    fn step_file(&mut self, slot: usize, what: u64, mut random: Numbers) -> String {
        let Some(file) = &self.files[slot] else { return "no file".to_owned() };
        let (from, len) = (random.below(LONGEST), random.below(LONGEST / 2));
        let bytes = vec![random.below(255) as u8 + 1; len as usize];
        match what {
            11 | 12 => format!("write {:?}", told(file.write_at(from, &bytes))),
            13 => format!("allocate {:?}", told(file.allocate(from))),
            // Another handle may have the same file mapped.
            14 if self.mappings.iter().any(Option::is_some) => "mapped".to_owned(),
            14 => format!("resize {:?}", told(file.set_len(from))),
            15 => {
                let mapped = told(file.map(from as usize));
                let result = format!("map {:?}", mapped.as_ref().map(|m| m.len()));
                self.mappings[slot] = mapped.ok();
                result
            }
            16 | 17 => match &self.mappings[slot] {
                Some(mapping) if mapping.len() as u64 >= len => {
                    let at = mapping.len() - len as usize;
                    mapping.write(at, &bytes);
                    format!("mapped {:?}", told(mapping.sync(at..mapping.len())))
                }
                _ => "no mapping".to_owned(),
            },
            18 => format!("sync {:?}", told(file.sync())),
            _ => {
                let mut into = bytes;
                let read = told(file.read_at(from, &mut into));
                format!("read {:?}", read.map(|()| into))
            }
        }
    }

    fn state(&self) -> String {
        let mut out = String::new();
        for name in NAMES {
            let file = self.disk.open(&self.dir.join(name), Mode::Read).map(|f| bytes_of(&*f));
            out.push_str(&format!("{name}: {:?}\n", told(file)));
        }
        for file in self.files.iter().flatten() {
            out.push_str(&format!("open: {:?}\n", bytes_of(&**file)));
        }
        out
    }
}

#[test]
fn three_disks_answer_alike() {
    let (mut done, mut written) = (0, 0);
    for seed in 0..40 {
        let (mem, fault, temp) = (MemDisk::new(), FaultDisk::default(), TempDir::new());
        let top = Path::new("/db");
        let mut sides =
            [Side::new(&mem, top), Side::new(&fault, top), Side::new(&RealDisk, &temp.0)];
        let mut random = Numbers(seed);
        for step in 0..150 {
            let choice = random.below(1 << 31);
            let [a, b, c] = sides.each_mut().map(|side| side.step(Numbers(choice)));
            assert_eq!((&a, &a), (&b, &c), "seed {seed}, step {step}");
            done += usize::from(a.ends_with(')') && a.contains("Ok"));
            written += usize::from(a.starts_with("write Ok"));
            if step % 10 == 9 {
                let [a, b, c] = sides.each_ref().map(Side::state);
                assert!(a == b && a == c, "seed {seed}, step {step}:\n{a}{b}{c}");
            }
        }
        assert_eq!(mem.used(), fault.used(), "seed {seed}");
    }
    assert!(done > 1000 && written > 100, "{done} succeeded, {written} of them writes");
}
