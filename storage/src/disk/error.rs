//! What went wrong outside: which operation, on which path, and the system's own words.
//!
//! Invariant: an error names the path it is about.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An operation on a [`super::Disk`] that failed.
#[derive(Debug, Clone)]
pub struct DiskError {
    op: &'static str,
    path: PathBuf,
    error: Arc<io::Error>,
    locked: bool,
}

/// The result of everything that touches a disk.
pub type DiskResult<T> = Result<T, DiskError>;

impl DiskError {
    /// `op` is a verb as in "cannot write".
    pub fn new(op: &'static str, path: &Path, error: io::Error) -> Self {
        Self { op, path: path.to_owned(), error: Arc::new(error), locked: false }
    }

    /// Somebody else holds this lock.
    pub fn locked(path: &Path) -> Self {
        let error = io::Error::new(io::ErrorKind::WouldBlock, "another process or handle has it");
        Self { locked: true, ..Self::new("lock", path, error) }
    }

    /// The path it is about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system said.
    pub fn io(&self) -> &io::Error {
        &self.error
    }

    /// Whether there is no room left: what was refused may succeed later.
    pub fn is_full(&self) -> bool {
        matches!(
            self.error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }

    /// Whether there is no such file or directory.
    pub fn is_not_found(&self) -> bool {
        self.error.kind() == io::ErrorKind::NotFound
    }

    /// Whether somebody else holds the lock.
    pub fn is_locked(&self) -> bool {
        self.locked
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.op, self.path.display(), self.error)
    }
}

impl std::error::Error for DiskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.error)
    }
}
