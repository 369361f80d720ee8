//! What of the operating system has no safe function: files as memory, and room for them.
//!
//! A mapping is shared with whoever else has the file open, so no reference into it is ever made:
//! bytes are copied in and out through raw pointers. A file that is cut while it is mapped kills
//! the process at the next access (a signal, not an error); nothing is read or written then that
//! is not ours, and files are locked by who maps them.
//! Invariant: every pointer that is used was checked against the length of its mapping.
#![allow(unsafe_code, reason = "copies to and from memory that is shared with a file")]

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::path::Path;

use memmap2::{MmapOptions, MmapRaw};

use super::{DiskError, DiskResult, Mapping, op};

/// The first bytes of a file as memory.
#[derive(Debug)]
pub(super) struct RealMapping {
    map: MmapRaw,
    path: Box<Path>,
}

impl RealMapping {
    /// Maps the first bytes, which the file must have.
    pub(super) fn new(file: &fs::File, path: &Path, bytes: usize) -> Result<Self> {
        if (bytes as u64) > file.metadata()?.len() {
            return Err(Error::new(ErrorKind::InvalidInput, "the file is shorter"));
        }
        let map = MmapOptions::new().len(bytes).map_raw(file)?;
        assert!(map.len() == bytes, "a mapping is as long as was asked");
        Ok(Self { map, path: path.into() })
    }

    /// Panics unless the mapping has these bytes.
    fn check(&self, offset: usize, len: usize) {
        let end = offset.checked_add(len);
        let fits = end.is_some_and(|end| end <= self.map.len());
        assert!(fits, "{len} bytes at {offset} of a mapping of {}", self.map.len());
    }
}

impl Mapping for RealMapping {
    fn len(&self) -> usize {
        self.map.len()
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        self.check(offset, bytes.len());
        // SAFETY: 1. the range lies within the mapping (checked), which lives as long as `self`
        // and was made to be written; 2. `bytes` is outside of it, for no reference into it is ever
        // made; 3. other threads write other bytes (contract of the trait), and other processes
        // are kept out by a lock: what they wrote nevertheless would be garbage, which readers
        // find by checksums.
        unsafe {
            let to = self.map.as_mut_ptr().add(offset);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        self.check(offset, into.len());
        // SAFETY: as for `write`, the other way round: 1. the range lies within the mapping; 2.
        // `into` is outside of it; 3. who reads bytes that another thread writes has to wait for
        // that thread (contract of the trait).
        unsafe {
            let from = self.map.as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len());
        }
    }

    fn sync(&self, range: Range<usize>) -> DiskResult<()> {
        assert!(range.start <= range.end, "a range has its end after its start");
        self.check(range.start, range.len());
        if range.is_empty() {
            return Ok(());
        }
        let synced = super::real::retry(|| self.map.flush_range(range.start, range.len()));
        synced.map_err(|e| DiskError::new(op::SYNC_MAP, &self.path, e))
    }
}

/// Takes room for the first bytes of a file without making it longer, holes in it included. Where
/// the file system cannot, it is left undone.
#[cfg(target_os = "linux")]
pub(super) fn reserve(file: &fs::File, bytes: u64) -> Result<()> {
    use std::os::fd::AsRawFd;

    let len = libc::off64_t::try_from(bytes).map_err(|_| Error::from(ErrorKind::FileTooLarge))?;
    if len == 0 {
        return Ok(());
    }
    // SAFETY: 1. the descriptor is open as long as `file` is borrowed; 2. no memory is passed.
    let call = || unsafe { libc::fallocate64(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, len) };
    let done =
        super::real::retry(|| if call() == 0 { Ok(()) } else { Err(Error::last_os_error()) });
    match done {
        Err(e)
            if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ENOSYS)) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// There is no such call: zeros that are written are all there is.
#[cfg(not(target_os = "linux"))]
pub(super) fn reserve(_: &fs::File, _: u64) -> Result<()> {
    Ok(())
}
