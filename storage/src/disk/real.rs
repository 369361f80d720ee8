//! The operating system's disk.
//!
//! Positional reads and writes, so that a handle has no state and threads share it. Calls that a
//! signal interrupted are made again.
//! Invariant: an error of the system reaches the caller; none is turned into success, except that
//! a file system which cannot reserve room gets zeros only.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::map::{RealMapping, reserve};
use super::{Disk, DiskError, DiskResult, File, Lock, Mapping, Mode, op};

/// How many zeros are written at once.
const ZEROS: u64 = 1 << 20;

/// The file systems of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile {
    file: fs::File,
    path: Box<Path>,
}

/// The system gives the lock back when the file is closed, also when the process dies.
#[derive(Debug)]
struct RealLock {
    _held: fs::File,
}

impl Lock for RealLock {}

/// Calls again as long as a signal comes in between.
pub(super) fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// The directory above a bare name is written as nothing; the system wants a dot.
fn dot(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn open(path: &Path, mode: Mode) -> Result<fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(mode != Mode::Read);
    options.create(mode == Mode::Create).create_new(mode == Mode::CreateNew);
    let file = retry(|| options.open(path))?;
    if file.metadata()?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// A name that is no text is written with question marks: nothing that is ours is called so.
fn list(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in retry(|| fs::read_dir(dot(dir)))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    let is_dir = |path| fs::symlink_metadata(path).map(|meta| meta.is_dir());
    if is_dir(from)? || is_dir(to).unwrap_or(false) {
        return Err(ErrorKind::IsADirectory.into());
    }
    retry(|| fs::rename(from, to))
}

fn sync_dir(dir: &Path) -> Result<()> {
    let file = retry(|| fs::File::open(dot(dir)))?;
    if !file.metadata()?.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    retry(|| file.sync_all())
}

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Path) -> DiskResult<()> {
        let made = retry(|| fs::create_dir_all(dot(dir)));
        made.map_err(|e| DiskError::new(op::CREATE_DIR, dir, e))
    }

    fn list(&self, dir: &Path) -> DiskResult<Vec<String>> {
        list(dir).map_err(|e| DiskError::new(op::LIST, dir, e))
    }

    fn exists(&self, path: &Path) -> DiskResult<bool> {
        match retry(|| dot(path).try_exists()) {
            Err(e) if e.kind() == ErrorKind::NotADirectory => Ok(false),
            told => told.map_err(|e| DiskError::new(op::EXISTS, path, e)),
        }
    }

    fn open(&self, path: &Path, mode: Mode) -> DiskResult<Box<dyn File>> {
        let file = open(path, mode).map_err(|e| DiskError::new(op::OPEN, path, e))?;
        Ok(Box::new(RealFile { file, path: path.into() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> DiskResult<()> {
        rename(from, to).map_err(|e| DiskError::new(op::RENAME, from, e))
    }

    fn remove(&self, path: &Path) -> DiskResult<()> {
        retry(|| fs::remove_file(path)).map_err(|e| DiskError::new(op::REMOVE, path, e))
    }

    fn remove_dir(&self, dir: &Path) -> DiskResult<()> {
        retry(|| fs::remove_dir(dir)).map_err(|e| DiskError::new(op::REMOVE_DIR, dir, e))
    }

    fn sync_dir(&self, dir: &Path) -> DiskResult<()> {
        sync_dir(dir).map_err(|e| DiskError::new(op::SYNC_DIR, dir, e))
    }

    fn lock(&self, path: &Path) -> DiskResult<Box<dyn Lock>> {
        let file = open(path, Mode::Create).map_err(|e| DiskError::new(op::LOCK, path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock { _held: file })),
            Err(TryLockError::WouldBlock) => Err(DiskError::locked(path)),
            Err(TryLockError::Error(e)) => Err(DiskError::new(op::LOCK, path, e)),
        }
    }
}

impl RealFile {
    fn error(&self, op: &'static str) -> impl FnOnce(Error) -> DiskError {
        move |e| DiskError::new(op, &self.path, e)
    }

    /// Room is asked for and zeros are written, both: a file system that copies on write promises
    /// nothing without the zeros (and little with them), and where it does not, later syncs have
    /// no extents to convert.
    fn allocate_from(&self, len: u64, bytes: u64) -> Result<()> {
        reserve(&self.file, bytes)?;
        let zeros = vec![0; ZEROS.min(bytes.saturating_sub(len)) as usize];
        let mut at = len;
        while at < bytes {
            let n = ZEROS.min(bytes - at);
            self.file.write_all_at(&zeros[..n as usize], at)?;
            at += n;
        }
        Ok(())
    }

    fn try_allocate(&self, bytes: u64) -> Result<()> {
        let len = self.file.metadata()?.len();
        let done = self.allocate_from(len, bytes);
        if done.is_err() && len < bytes {
            // What was taken in vain is given back; the first error is the one to tell.
            let _ = retry(|| self.file.set_len(len));
        }
        done
    }
}

impl File for RealFile {
    fn len(&self) -> DiskResult<u64> {
        retry(|| self.file.metadata()).map(|m| m.len()).map_err(self.error(op::LEN))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> DiskResult<()> {
        self.file.read_exact_at(into, offset).map_err(self.error(op::READ))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.file.write_all_at(bytes, offset).map_err(self.error(op::WRITE))
    }

    fn allocate(&self, bytes: u64) -> DiskResult<()> {
        self.try_allocate(bytes).map_err(self.error(op::ALLOCATE))
    }

    fn set_len(&self, bytes: u64) -> DiskResult<()> {
        retry(|| self.file.set_len(bytes)).map_err(self.error(op::SET_LEN))
    }

    fn sync(&self) -> DiskResult<()> {
        retry(|| self.file.sync_data()).map_err(self.error(op::SYNC))
    }

    fn map(&self, bytes: usize) -> DiskResult<Box<dyn Mapping>> {
        let mapping = RealMapping::new(&self.file, &self.path, bytes);
        Ok(Box::new(mapping.map_err(self.error(op::MAP))?))
    }
}
