//! Reading snapshots: the index that the manifest names, and the blobs that the index names.
//!
//! Plain reads; every byte is checked before it is used.
//! Invariant: what is handed out has the checksum that was asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::write::header;
use super::{BlobRef, FORMAT, HEADER_BYTES, MAGIC, SnapshotError, SnapshotRef, file_name};
use crate::disk::{Disk, File, Mode};

/// Reads the files of a directory of snapshots. Threads may share it.
#[derive(Debug)]
pub struct SnapshotReader {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    database: u128,
    files: Mutex<BTreeMap<u64, Arc<OpenFile>>>,
}

#[derive(Debug)]
struct OpenFile {
    file: Box<dyn File>,
    path: PathBuf,
    len: u64,
}

impl SnapshotReader {
    /// For the snapshots of a database.
    pub fn new(disk: Arc<dyn Disk>, dir: &Path, database: u128) -> Self {
        Self { disk, dir: dir.to_owned(), database, files: Mutex::default() }
    }

    /// The index of a snapshot.
    ///
    /// # Errors
    /// When it is damaged or missing, or the disk refuses.
    pub fn index(&self, snapshot: &SnapshotRef) -> Result<Vec<u8>, SnapshotError> {
        let file = self.file(snapshot.number)?;
        let bytes = file.read(snapshot.index_at, snapshot.index_len)?;
        if crc32c::crc32c(&bytes) != snapshot.index_crc {
            let reason = "the checksum of the index is wrong";
            return Err(SnapshotError::damaged(&file.path, snapshot.index_at, reason));
        }
        Ok(bytes)
    }

    /// A blob.
    ///
    /// # Errors
    /// When it is damaged or missing, or the disk refuses.
    pub fn blob(&self, blob: &BlobRef) -> Result<Vec<u8>, SnapshotError> {
        let file = self.file(blob.file)?;
        let bytes = file.read(blob.offset, blob.len.into())?;
        if crc32c::crc32c(&bytes) != blob.crc {
            let reason = "the checksum of what is there is wrong";
            return Err(SnapshotError::damaged(&file.path, blob.offset, reason));
        }
        Ok(bytes)
    }

    fn file(&self, number: u64) -> Result<Arc<OpenFile>, SnapshotError> {
        // Whoever panicked while it was locked had put a whole file in or nothing.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&number) {
            return Ok(Arc::clone(file));
        }
        let path = self.dir.join(file_name(number));
        if !self.disk.exists(&path)? {
            return Err(SnapshotError::damaged(&path, 0, "the file is missing"));
        }
        let file = self.disk.open(&path, Mode::Read)?;
        let file = Arc::new(OpenFile { len: file.len()?, file, path });
        file.check(self.database, number)?;
        files.insert(number, Arc::clone(&file));
        Ok(file)
    }
}

impl OpenFile {
    fn check(&self, database: u128, number: u64) -> Result<(), SnapshotError> {
        let found = self.read(0, HEADER_BYTES as u64)?;
        let damaged = |reason: &str| Err(SnapshotError::damaged(&self.path, 0, reason));
        if found[..8] != *MAGIC {
            return damaged("this is not the file of a snapshot");
        }
        let format = u32::from_le_bytes([found[8], found[9], found[10], found[11]]);
        let mut zeroed = found.clone();
        zeroed[12..16].fill(0);
        if crc32c::crc32c(&zeroed).to_le_bytes() != found[12..16] {
            return damaged("the checksum of the header is wrong");
        }
        if format > FORMAT {
            return Err(SnapshotError::Newer(self.path.clone(), format));
        }
        if found != header(database, number) {
            return damaged("it is of another database or another snapshot");
        }
        Ok(())
    }

    fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>, SnapshotError> {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            let reason = format!("the file ends at byte {}", self.len);
            return Err(SnapshotError::damaged(&self.path, offset, reason));
        }
        let mut bytes = vec![0; len as usize];
        self.file.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }
}
