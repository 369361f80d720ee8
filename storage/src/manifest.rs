//! The manifest: what a database's directory holds, in two files that take turns.
//!
//! A new manifest replaces the older of the two, so one that is valid is always there; the newest
//! valid one counts. It names the database, its two newest snapshots, the place in the log from
//! which on it is kept, and the *floor*: a position that had been made durable, so that a log which
//! ends before it is known to be damaged.
//!
//! ```text
//! 0   "ARENAMAN"
//! 8   length of the rest u32
//! 12  CRC32C of the rest u32
//! 16  the fields, as metadata
//! ```
//! Invariant: sequences only grow; a slot is replaced by renaming a file that was synced.

use std::path::{Path, PathBuf};

use crate::codec::{self, Decode, Encode};
use crate::disk::{Disk, DiskError, DiskResult, Mode};
use crate::log::Lsn;
use crate::snapshot::SnapshotRef;

const MAGIC: &[u8; 8] = b"ARENAMAN";
/// The version of everything in the directory that this program writes.
pub const FORMAT: u32 = 2;
const SLOTS: [&str; 2] = ["manifest.0", "manifest.1"];
const HEADER_BYTES: usize = 16;

/// What a directory holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// Version of the format of the files.
    pub format: u32,
    /// Higher in every manifest.
    pub sequence: u64,
    /// Drawn when the database was made.
    pub database: u128,
    /// The log is to be read from here.
    pub replay_from: u64,
    /// The log was durable up to here.
    pub floor: u64,
    /// The newest snapshot.
    pub newest: Option<SnapshotRef>,
    /// The one before it, to go back to when the newest is damaged.
    pub previous: Option<SnapshotRef>,
}

/// What a manifest of format 1 held: there were no snapshots.
#[derive(Decode)]
#[cfg_attr(test, derive(Encode))]
struct ManifestV1 {
    format: u32,
    sequence: u64,
    database: u128,
    replay_from: u64,
    floor: u64,
}

/// Why there is no manifest to go by.
#[derive(Debug, Clone)]
pub enum ManifestError {
    /// The disk refused.
    Disk(DiskError),
    /// Neither slot is valid, but something is there.
    Corrupt(PathBuf, String),
    /// A newer program wrote it.
    Newer(PathBuf, u32),
}

impl std::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::Corrupt(path, why) => write!(f, "{} is damaged: {why}", path.display()),
            Self::Newer(path, format) => write!(
                f,
                "{} has format {format}; this program reads formats up to {FORMAT}",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ManifestError {}

impl From<DiskError> for ManifestError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl Manifest {
    /// The first manifest of a new database.
    pub fn new(database: u128) -> Self {
        Self {
            format: FORMAT,
            sequence: 0,
            database,
            replay_from: 0,
            floor: 0,
            newest: None,
            previous: None,
        }
    }

    /// From where on the log is kept, and the floor.
    pub fn log_positions(&self) -> (Lsn, Lsn) {
        (Lsn(self.replay_from), Lsn(self.floor))
    }

    /// Takes a new snapshot in. The log is kept from the one before it on, so that this one may
    /// turn out to be damaged.
    pub fn take_snapshot(&mut self, snapshot: SnapshotRef) {
        self.previous = self.newest.replace(snapshot);
        self.replay_from = self.previous.map_or(self.replay_from, |previous| previous.lsn);
    }

    /// The newest valid manifest of a directory; `None` if there is no trace of any.
    ///
    /// # Errors
    /// When there are traces and none is valid, or a newer program wrote it.
    pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, ManifestError> {
        let mut newest: Option<Self> = None;
        let mut damaged = None;
        for slot in SLOTS {
            let path = dir.join(slot);
            if !disk.exists(&path)? {
                continue;
            }
            match read_slot(disk, &path)? {
                Ok(manifest) if manifest.format > FORMAT => {
                    return Err(ManifestError::Newer(path, manifest.format));
                }
                Ok(manifest) => {
                    if newest.as_ref().is_none_or(|n| n.sequence < manifest.sequence) {
                        newest = Some(manifest);
                    }
                }
                Err(why) => damaged = Some((path, why)),
            }
        }
        match (newest, damaged) {
            (Some(newest), _) => Ok(Some(newest)),
            (None, Some((path, why))) => Err(ManifestError::Corrupt(path, why)),
            (None, None) => Ok(None),
        }
    }

    /// Writes the next manifest with these contents; its sequence is set.
    ///
    /// # Errors
    /// When the disk refuses; the manifest before is in place then.
    pub fn write(&mut self, disk: &dyn Disk, dir: &Path) -> DiskResult<()> {
        let next = Self { format: FORMAT, sequence: self.sequence + 1, ..self.clone() };
        let mut fields = Vec::new();
        codec::encode(&next, &mut fields).expect("a few numbers are short");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + fields.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(fields.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&fields).to_le_bytes());
        bytes.extend_from_slice(&fields);
        let making = dir.join("manifest.tmp");
        if disk.exists(&making)? {
            disk.remove(&making)?;
        }
        let file = disk.open(&making, Mode::CreateNew)?;
        file.write_at(0, &bytes)?;
        file.sync()?;
        drop(file);
        disk.rename(&making, &dir.join(SLOTS[(next.sequence % 2) as usize]))?;
        disk.sync_dir(dir)?;
        *self = next;
        Ok(())
    }
}

fn read_slot(disk: &dyn Disk, path: &Path) -> DiskResult<Result<Manifest, String>> {
    let file = disk.open(path, Mode::Read)?;
    let len = file.len()?;
    if !(HEADER_BYTES as u64..=4096).contains(&len) {
        return Ok(Err(format!("it has {len} bytes")));
    }
    let mut bytes = vec![0; len as usize];
    file.read_at(0, &mut bytes)?;
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8]) -> Result<Manifest, String> {
    let (header, fields) = bytes.split_at(HEADER_BYTES);
    let number = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if &header[..8] != MAGIC {
        return Err("this is not a manifest".to_owned());
    }
    if number(8) as usize != fields.len() || number(12) != crc32c::crc32c(fields) {
        return Err("its checksum is wrong".to_owned());
    }
    let format = fields.first_chunk().map_or(0, |format| u32::from_le_bytes(*format));
    let decoded = match format {
        1 => codec::decode(fields).map(|v1: ManifestV1| Manifest {
            format: v1.format,
            sequence: v1.sequence,
            replay_from: v1.replay_from,
            floor: v1.floor,
            ..Manifest::new(v1.database)
        }),
        FORMAT => codec::decode(fields),
        // Whoever reads it says that it is newer.
        newer => return Ok(Manifest { format: newer, ..Manifest::new(0) }),
    };
    decoded.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemDisk;

    #[test]
    fn format_1_is_read_and_a_newer_one_refused_by_name() {
        let v1 = ManifestV1 { format: 1, sequence: 9, database: 42, replay_from: 3, floor: 5 };
        let (disk, dir) = (MemDisk::new(), Path::new("/db"));
        disk.create_dir(dir).expect("a new directory");
        let put = |fields: Vec<u8>| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&(fields.len() as u32).to_le_bytes());
            bytes.extend_from_slice(&crc32c::crc32c(&fields).to_le_bytes());
            bytes.extend_from_slice(&fields);
            let file = disk.open(&dir.join(SLOTS[0]), Mode::Create).expect("a file");
            file.set_len(0).and_then(|()| file.write_at(0, &bytes)).expect("room");
        };
        let mut fields = Vec::new();
        codec::encode(&v1, &mut fields).expect("short");
        put(fields);
        let mut read = Manifest::read(&disk, dir).expect("format 1").expect("a manifest");
        assert_eq!((read.sequence, read.floor, read.newest), (9, 5, None));
        read.write(&disk, dir).expect("room");
        let read = Manifest::read(&disk, dir).expect("format 2").expect("a manifest");
        assert_eq!((read.format, read.sequence, read.floor), (FORMAT, 10, 5));
        put([&77u32.to_le_bytes()[..], &[1; 100]].concat());
        assert!(matches!(Manifest::read(&disk, dir), Err(ManifestError::Newer(_, 77))));
    }

    #[test]
    fn the_newest_valid_manifest_counts() {
        let (disk, dir) = (MemDisk::new(), Path::new("/db"));
        disk.create_dir(dir).expect("a new directory");
        assert!(Manifest::read(&disk, dir).expect("an empty directory").is_none());
        let mut manifest = Manifest::new(42);
        for floor in 1..=5 {
            manifest.floor = floor;
            manifest.write(&disk, dir).expect("room");
        }
        let read = Manifest::read(&disk, dir).expect("two slots").expect("a manifest");
        assert_eq!((read.floor, read.sequence, read.database), (5, 5, 42));
        let newest = disk.open(&dir.join(SLOTS[1]), Mode::Write).expect("the newest");
        for bit in 0..8 * newest.len().expect("a length") {
            let mut byte = [0];
            newest.read_at(bit / 8, &mut byte).expect("in the file");
            newest.write_at(bit / 8, &[byte[0] ^ 1 << (bit % 8)]).expect("room");
            let read = Manifest::read(&disk, dir).expect("the other slot").expect("a manifest");
            assert_eq!(read.floor, 4, "bit {bit}");
            newest.write_at(bit / 8, &byte).expect("room");
        }
        let other = disk.open(&dir.join(SLOTS[0]), Mode::Write).expect("the older");
        other.write_at(0, b"x").expect("room");
        newest.write_at(20, b"x").expect("room");
        assert!(matches!(Manifest::read(&disk, dir), Err(ManifestError::Corrupt(..))));
    }
}
