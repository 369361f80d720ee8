//! Files, directories, mappings and locks: all that storage reads from or writes to outside.
//!
//! Everything goes through [`Disk`], so that the same code runs on the operating system
//! ([`RealDisk`]), in memory ([`MemDisk`]) and on a disk that loses power, tears sectors and fails
//! operations on command ([`FaultDisk`]). What is promised is what the least of file systems
//! promises: bytes are durable after [`File::sync`] or [`Mapping::sync`], names after
//! [`Disk::sync_dir`]; before that anything may be lost, in any order.
//!
//! Invariant: no other module of the workspace's libraries calls the file functions of the standard
//! library.

mod error;
mod fault;
mod map;
mod mem;
mod op;
mod real;
mod room;
mod tree;

use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;

pub use error::{DiskError, DiskResult};
pub use fault::{Crash, FaultDisk, FaultPlan, Operation, SyncFailure};
pub use mem::MemDisk;
pub use real::RealDisk;

/// Bytes that a device writes at once: within a sector a write is all or nothing.
pub const SECTOR_BYTES: usize = 512;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To read; it must be there.
    Read,
    /// To read and write; it must be there.
    Write,
    /// To read and write; it is made if it is not there.
    Create,
    /// To read and write; it must not be there.
    CreateNew,
}

/// A place that holds directories and files.
pub trait Disk: Send + Sync + Debug {
    /// Makes a directory and those above it, as far as they are not there. Each is durable after
    /// the one above it was synced.
    ///
    /// # Errors
    /// When the system refuses.
    fn create_dir(&self, dir: &Path) -> DiskResult<()>;

    /// The names in a directory, in ascending order of their bytes.
    ///
    /// # Errors
    /// When there is no such directory.
    fn list(&self, dir: &Path) -> DiskResult<Vec<String>>;

    /// Whether there is a file or directory of this name.
    ///
    /// # Errors
    /// When that cannot be told.
    fn exists(&self, path: &Path) -> DiskResult<bool>;

    /// Opens a file.
    ///
    /// # Errors
    /// When the mode does not fit what is there, or the system refuses.
    fn open(&self, path: &Path, mode: Mode) -> DiskResult<Box<dyn File>>;

    /// Gives a file another name; a file of that name is replaced. Durable after both directories
    /// were synced.
    ///
    /// # Errors
    /// When there is no such file, or the system refuses.
    fn rename(&self, from: &Path, to: &Path) -> DiskResult<()>;

    /// Removes a file's name. What has it open keeps it.
    ///
    /// # Errors
    /// When there is no such file, or the system refuses.
    fn remove(&self, path: &Path) -> DiskResult<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// When there is none, or it is not empty.
    fn remove_dir(&self, dir: &Path) -> DiskResult<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// When the system refuses.
    fn sync_dir(&self, dir: &Path) -> DiskResult<()>;

    /// Takes the exclusive lock that this file stands for (made if it is not there). It is held
    /// until what is returned is dropped, and never outlives the process.
    ///
    /// # Errors
    /// One for which [`DiskError::is_locked`] holds when somebody has it; others when the system
    /// refuses.
    fn lock(&self, path: &Path) -> DiskResult<Box<dyn Lock>>;
}

/// An open file. Closed when dropped; what was not synced then may be lost.
pub trait File: Send + Sync + Debug {
    /// Its length in bytes.
    ///
    /// # Errors
    /// When the system refuses.
    fn len(&self) -> DiskResult<u64>;

    /// Whether it has no bytes.
    ///
    /// # Errors
    /// When the system refuses.
    fn is_empty(&self) -> DiskResult<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads exactly as many bytes as fit into `into`.
    ///
    /// # Errors
    /// When the file ends before, or the system refuses.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> DiskResult<()>;

    /// Writes all bytes; the file grows as needed, with zeros in between.
    ///
    /// # Errors
    /// When the system refuses; some of the bytes may have been written then.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()>;

    /// Makes the file at least so long, with zeros for which there is room on the device: no later
    /// write below this length fails because the disk is full. When it fails, the file is cut to
    /// the length it had: nobody else may be making it longer meanwhile.
    ///
    /// # Errors
    /// When there is no room, or the system refuses.
    fn allocate(&self, bytes: u64) -> DiskResult<()>;

    /// Cuts the file, or makes it longer with zeros. It must not be mapped.
    ///
    /// # Errors
    /// When the system refuses.
    fn set_len(&self, bytes: u64) -> DiskResult<()>;

    /// Makes contents and length durable. After an error nothing is known about what was written
    /// since the last success, and a second success proves nothing about it.
    ///
    /// # Errors
    /// When the system refuses.
    fn sync(&self) -> DiskResult<()>;

    /// Maps the first `bytes` bytes, which the file must have, shared and to be written.
    ///
    /// # Errors
    /// When the system refuses.
    fn map(&self, bytes: usize) -> DiskResult<Box<dyn Mapping>>;
}

/// A file's bytes as memory. Several threads may write to it, each its own bytes.
pub trait Mapping: Send + Sync + Debug {
    /// Its length in bytes.
    fn len(&self) -> usize;

    /// Whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies bytes in. Panics if they do not fit.
    fn write(&self, offset: usize, bytes: &[u8]);

    /// Copies bytes out. Panics if there are not so many.
    fn read(&self, offset: usize, into: &mut [u8]);

    /// Makes these bytes durable, with the meaning of [`File::sync`].
    ///
    /// # Errors
    /// When the system refuses.
    fn sync(&self, range: Range<usize>) -> DiskResult<()>;
}

/// A lock that is held.
pub trait Lock: Send + Sync + Debug {}

#[cfg(test)]
mod tests;
