//! Snapshots: what a database holds at one moment, in files.
//!
//! A snapshot is one file: *blobs* (chunks of arenas, columns of tables), and behind them an
//! *index* that says which blob is what. The index names blobs by file and place, so those that
//! have not changed stay where an earlier snapshot put them: an increment writes what changed and a
//! new index. There is no chain to follow; what is read to open a database is one index and the
//! blobs that it names.
//!
//! ```text
//! 0    "ARENASNP"
//! 8    format u32
//! 12   CRC32C of the header, with zeros here, u32
//! 16   the database u128
//! 32   number of the snapshot u64
//! 40   blobs, one behind the other
//! ...  the index
//! ```
//!
//! Checksums stand apart from what they protect: those of blobs in the index, that of the index in
//! the manifest ([`SnapshotRef`]). So a blob that was written somewhere else, or not at all, is
//! noticed as well as one that was changed.
//!
//! Reading order: `write` and `read` are the files; `state` walks over arenas.
//! Invariant: a file is complete and synced before anything names it, and never changed afterwards.

mod read;
mod state;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::StorageError;
use crate::codec::{Bytes, Decode, Encode, put_number};
use crate::disk::{Disk, DiskError, DiskResult};

pub use read::SnapshotReader;
pub use state::{ArenaBook, StateLoader, StateSaver};
pub use write::SnapshotWriter;

const MAGIC: &[u8; 8] = b"ARENASNP";
/// The version of the files that this program writes.
pub const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 40;
/// Longest blob: what one read may have to hold in memory.
pub const MAX_BLOB_BYTES: usize = 1 << 30;

/// Where a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobRef {
    /// The snapshot in whose file it is.
    pub file: u64,
    /// Where in the file it begins.
    pub offset: u64,
    /// Its bytes.
    pub len: u32,
    /// Their CRC32C.
    pub crc: u32,
}

impl BlobRef {
    /// Appends it to an index.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_number(self.file, out);
        put_number(self.offset, out);
        put_number(self.len.into(), out);
        out.extend_from_slice(&self.crc.to_le_bytes());
    }

    /// Takes one from an index.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(bytes: &mut Bytes<'_>) -> Result<Self, StorageError> {
        let (file, offset) = (bytes.number()?, bytes.number()?);
        let len = u32::try_from(bytes.number()?).map_err(|_| bytes.corrupt("a blob's length"))?;
        Ok(Self { file, offset, len, crc: bytes.u32()? })
    }
}

/// A snapshot, as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct SnapshotRef {
    /// Its number, which is its file's.
    pub number: u64,
    /// The log behind it goes on here.
    pub lsn: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Where in the file the index begins.
    pub index_at: u64,
    /// Bytes of the index.
    pub index_len: u64,
    /// Their CRC32C.
    pub index_crc: u32,
}

impl SnapshotRef {
    /// Bytes of its file.
    pub fn file_bytes(&self) -> u64 {
        self.index_at.saturating_add(self.index_len)
    }
}

/// What can go wrong with a snapshot.
#[derive(Debug, Clone)]
pub enum SnapshotError {
    /// The disk refused.
    Disk(DiskError),
    /// A file is not what the manifest and the index say.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// A newer program wrote the file.
    Newer(PathBuf, u32),
    /// The index is not one that this program can use, or memory was refused.
    Contents(StorageError),
}

impl SnapshotError {
    pub(crate) fn damaged(path: &Path, offset: u64, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), offset, reason: reason.into() }
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::Damaged { path, offset, reason } => {
                write!(f, "{} is damaged at byte {offset}: {reason}", path.display())
            }
            Self::Newer(path, format) => write!(
                f,
                "{} has format {format}; this program reads formats up to {FORMAT}",
                path.display()
            ),
            Self::Contents(error) => write!(f, "the snapshot cannot be used: {error}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

impl From<DiskError> for SnapshotError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<StorageError> for SnapshotError {
    fn from(error: StorageError) -> Self {
        Self::Contents(error)
    }
}

/// The name of a snapshot's file.
pub fn file_name(number: u64) -> String {
    format!("{number:012}.snap")
}

/// The snapshots whose files are in a directory, ascending.
///
/// # Errors
/// When the disk refuses.
pub fn list(disk: &dyn Disk, dir: &Path) -> DiskResult<Vec<u64>> {
    let number = |name: &String| name.strip_suffix(".snap")?.parse::<u64>().ok();
    let mut numbers: Vec<u64> = disk.list(dir)?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes the files of all snapshots but these, and what a snapshot that was never finished left.
///
/// # Errors
/// When the disk refuses.
pub fn remove_others(disk: &dyn Disk, dir: &Path, keep: impl Fn(u64) -> bool) -> DiskResult<()> {
    let mut removed = false;
    for name in disk.list(dir)? {
        let number = name.strip_suffix(".snap").and_then(|n| n.parse::<u64>().ok());
        let is_old = number.is_some_and(|number| !keep(number));
        if is_old || name.ends_with(".snap.tmp") {
            disk.remove(&dir.join(name))?;
            removed = true;
        }
    }
    if removed { disk.sync_dir(dir) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
