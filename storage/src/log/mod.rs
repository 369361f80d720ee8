//! The log: what was committed, in order, durable before it is acknowledged.
//!
//! The log is a row of segment files of one size, each allocated for real before it is used. A
//! [`Log`] appends records to the last one, by a shared mapping or by plain writes (same bytes),
//! and makes them durable for all who wait with one sync. [`read`] goes through them again after
//! whatever happened, and tells what was torn when the power went from what was damaged
//! ([`tail`]): the one is cut off, the other refused. `docs/log-format.md` has the bytes.
//!
//! Invariant: a record of which [`Log::wait`] returned `Ok` is found by every later opening, or
//! that opening fails and says where the log is damaged.

mod io;
mod read;
mod record;
mod repair;
mod segment;
mod tail;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::disk::DiskError;

pub use read::{Entry, LogEnd, read};
pub use record::MAX_PAYLOAD_BYTES;
pub use repair::{Lost, truncate};
pub use writer::Log;

/// A position in the log: its segments one behind the other, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}", self.0)
    }
}

/// How bytes get into a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogIo {
    /// Through a shared mapping.
    #[default]
    Map,
    /// Through writes.
    File,
}

/// What a log is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOptions {
    /// Bytes of a segment: a multiple of [`crate::disk::SECTOR_BYTES`], the same for all segments
    /// of a database.
    pub segment_bytes: u64,
    /// How bytes get there. May be another at every opening.
    pub io: LogIo,
    /// Whether what was acknowledged and what comes next never share a sector, so that losing power
    /// in the next write cannot tear what was acknowledged.
    pub aligned: bool,
}

impl LogOptions {
    /// The least a segment may have.
    pub const MIN_SEGMENT_BYTES: u64 = 16 << 10;
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, io: LogIo::Map, aligned: true }
    }
}

/// What can go wrong with a log.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum LogError {
    /// The disk refused. If it is full, nothing was written and the log is as it was.
    Disk(DiskError),
    /// What was synced may not be there: a sync failed earlier. Only opening again helps.
    Poisoned(DiskError),
    /// The log is damaged.
    Corrupt(Damage),
    /// A record longer than may be.
    TooLong(usize),
}

/// Where a log is damaged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment's file.
    pub path: PathBuf,
    /// Where in the log.
    pub lsn: Lsn,
    /// Where in the file.
    pub offset: u64,
    /// What is wrong there.
    pub reason: String,
}

impl Damage {
    pub(crate) fn new(path: &Path, lsn: Lsn, offset: u64, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), lsn, offset, reason: reason.into() }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::Poisoned(error) => {
                write!(f, "the log takes nothing more, because a sync failed: {error}")
            }
            Self::Corrupt(d) => write!(
                f,
                "the log is damaged at LSN {}: {} (byte {} of {})",
                d.lsn,
                d.reason,
                d.offset,
                d.path.display()
            ),
            Self::TooLong(bytes) => {
                write!(f, "a commit of {bytes} bytes is longer than {MAX_PAYLOAD_BYTES}")
            }
        }
    }
}

impl std::error::Error for LogError {}

impl From<DiskError> for LogError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
