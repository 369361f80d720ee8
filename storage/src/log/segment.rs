//! Segment files: their names, their headers, and how one comes to be.
//!
//! A segment is made under another name, given its full length in zeros that are really on the
//! device, and synced: a *spare*. When the segment before it is full, the spare gets its header,
//! and then its name. So every segment that has a name in the log is whole.
//!
//! ```text
//!   0  magic          8 bytes  "ARENALOG"
//!   8  version        u32      1
//!  12  salt           u32
//!  16  segment bytes  u64
//!  24  database       u128     drawn when the database was made
//!  40  sequence       u64      of the first segment 1
//!  48  previous end   u64      where the records of the segment before end; own start of the first
//!  56  previous crc   u32      the last record's; of the first 0
//!  60  crc            u32      CRC32C of bytes 0 to 59
//!  64  zeros up to 512
//! ```
//! Invariant: a file in the log's directory named as a segment has a valid header and its full
//! length, or the log is damaged.

use std::path::{Path, PathBuf};

use super::{Damage, LogError, Lsn};
use crate::disk::{Disk, DiskResult, File, Mode, SECTOR_BYTES};

/// Bytes in front of the records: one sector.
pub(super) const HEADER_BYTES: usize = SECTOR_BYTES;
const MAGIC: &[u8; 8] = b"ARENALOG";
const VERSION: u32 = 1;
/// The name of a segment that is ready to be used, and of one in the making.
const SPARE: &str = "spare";
const MAKING: &str = "spare.tmp";
const SUFFIX: &str = ".log";

/// The header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) salt: u32,
    pub(super) segment_bytes: u64,
    pub(super) database: u128,
    pub(super) sequence: u64,
    pub(super) previous_end: u64,
    pub(super) previous_crc: u32,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&self.salt.to_le_bytes());
        out[16..24].copy_from_slice(&self.segment_bytes.to_le_bytes());
        out[24..40].copy_from_slice(&self.database.to_le_bytes());
        out[40..48].copy_from_slice(&self.sequence.to_le_bytes());
        out[48..56].copy_from_slice(&self.previous_end.to_le_bytes());
        out[56..60].copy_from_slice(&self.previous_crc.to_le_bytes());
        let crc = crc32c::crc32c(&out[..60]);
        out[60..64].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(super) fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<Self, &'static str> {
        fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
            let mut out = [0; N];
            out.copy_from_slice(&bytes[at..at + N]);
            out
        }
        if &bytes[..8] != MAGIC {
            return Err("this is not a segment of a log");
        }
        if u32::from_le_bytes(number(bytes, 60)) != crc32c::crc32c(&bytes[..60]) {
            return Err("the checksum of the segment's header is wrong");
        }
        if u32::from_le_bytes(number(bytes, 8)) != VERSION {
            return Err("a segment of a version that this program does not know");
        }
        if bytes[64..].iter().any(|&b| b != 0) {
            return Err("the segment's header does not end in zeros");
        }
        Ok(Self {
            salt: u32::from_le_bytes(number(bytes, 12)),
            segment_bytes: u64::from_le_bytes(number(bytes, 16)),
            database: u128::from_le_bytes(number(bytes, 24)),
            sequence: u64::from_le_bytes(number(bytes, 40)),
            previous_end: u64::from_le_bytes(number(bytes, 48)),
            previous_crc: u32::from_le_bytes(number(bytes, 56)),
        })
    }

    /// Where the segment begins in the log.
    pub(super) fn start(&self) -> u64 {
        self.sequence * self.segment_bytes
    }

    /// What the checksum of its first record begins with.
    pub(super) fn crc(&self) -> u32 {
        crc32c::crc32c(&self.to_bytes())
    }
}

/// The file of a segment.
pub(super) fn path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:016x}{SUFFIX}"))
}

/// The segments in a directory, in order.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> DiskResult<Vec<u64>> {
    let names = disk.list(dir)?;
    let sequence = |name: &String| u64::from_str_radix(name.strip_suffix(SUFFIX)?, 16).ok();
    let mut sequences: Vec<u64> = names.iter().filter_map(sequence).collect();
    sequences.sort_unstable();
    Ok(sequences)
}

/// Reads and checks a segment's header; its file has to have its full length.
pub(super) fn open(
    disk: &dyn Disk,
    dir: &Path,
    sequence: u64,
    mode: Mode,
) -> Result<(Box<dyn File>, Header), LogError> {
    let path = path(dir, sequence);
    let file = disk.open(&path, mode)?;
    let damaged = |reason: &str| LogError::Corrupt(Damage::new(&path, Lsn(0), 0, reason));
    let mut bytes = [0; HEADER_BYTES];
    let len = file.len()?;
    if len < HEADER_BYTES as u64 {
        return Err(damaged("the segment is shorter than its header"));
    }
    file.read_at(0, &mut bytes)?;
    let header = Header::from_bytes(&bytes).map_err(damaged)?;
    if header.sequence != sequence {
        return Err(damaged("the segment has the name of another"));
    }
    if len != header.segment_bytes {
        return Err(damaged("the segment has not the length that its header says"));
    }
    Ok((file, header))
}

/// Makes a spare, unless there is one. A full disk leaves things as they were.
pub(super) fn make_spare(disk: &dyn Disk, dir: &Path, bytes: u64) -> DiskResult<()> {
    let spare = dir.join(SPARE);
    if disk.exists(&spare)? {
        if disk.open(&spare, Mode::Read)?.len()? == bytes {
            return Ok(());
        }
        disk.remove(&spare)?;
    }
    let making = dir.join(MAKING);
    let made = fill(disk, &making, bytes);
    if made.is_err() {
        // Half a file takes room that somebody may need; that it goes is not what failed.
        let _ = disk.remove(&making);
        return made;
    }
    disk.rename(&making, &spare)?;
    disk.sync_dir(dir)
}

fn fill(disk: &dyn Disk, path: &Path, bytes: u64) -> DiskResult<()> {
    if disk.exists(path)? {
        disk.remove(path)?;
    }
    let file = disk.open(path, Mode::CreateNew)?;
    file.allocate(bytes)?;
    file.sync()
}

/// Makes the spare a segment.
pub(super) fn use_spare(disk: &dyn Disk, dir: &Path, header: Header) -> DiskResult<Box<dyn File>> {
    let (spare, to) = (dir.join(SPARE), path(dir, header.sequence));
    let file = disk.open(&spare, Mode::Write)?;
    file.write_at(0, &header.to_bytes())?;
    file.sync()?;
    disk.rename(&spare, &to)?;
    disk.sync_dir(dir)?;
    drop(file);
    // Opened under its own name, so that errors to come say it.
    disk.open(&to, Mode::Write)
}

/// Removes a segment that nobody needs any more.
pub(super) fn remove(disk: &dyn Disk, dir: &Path, sequence: u64) -> DiskResult<()> {
    disk.remove(&path(dir, sequence))
}
