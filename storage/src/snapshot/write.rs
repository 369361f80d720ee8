//! Writing the file of a snapshot.
//!
//! It is written under another name, synced, and renamed when it is whole.
//! Invariant: a blob's place is known when it is put; nothing is read back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BlobRef, FORMAT, HEADER_BYTES, MAGIC, MAX_BLOB_BYTES, SnapshotRef, file_name};
use crate::StorageError;
use crate::disk::{Disk, DiskResult, File, Mode};
use crate::snapshot::SnapshotError;

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;
/// The device gets so many bytes at a time, so that commits beside it do not wait for all of them.
const SYNCED_BYTES: u64 = 32 << 20;

/// The file of a snapshot in the making. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
pub struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    number: u64,
    file: Option<Box<dyn File>>,
    buffer: Vec<u8>,
    /// Where the buffer's first byte goes.
    at: u64,
    synced: u64,
}

impl SnapshotWriter {
    /// Begins the file of this snapshot in a directory that is there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        database: u128,
        number: u64,
    ) -> DiskResult<Self> {
        let making = making(dir, number);
        if disk.exists(&making)? {
            disk.remove(&making)?;
        }
        let file = disk.open(&making, Mode::CreateNew)?;
        let buffer = header(database, number).to_vec();
        let dir = dir.to_owned();
        Ok(Self { disk, dir, number, file: Some(file), buffer, at: 0, synced: 0 })
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    /// Whether no blob was put.
    pub fn is_empty(&self) -> bool {
        self.len() == HEADER_BYTES as u64
    }

    /// Puts a blob; where it will be.
    ///
    /// # Errors
    /// When the disk refuses, or the blob is too long.
    pub fn put(&mut self, bytes: &[u8]) -> Result<BlobRef, SnapshotError> {
        if bytes.len() > MAX_BLOB_BYTES {
            let error = StorageError::Corrupt { what: "a blob longer than may be", offset: 0 };
            return Err(error.into());
        }
        let blob = BlobRef {
            file: self.number,
            offset: self.len(),
            len: bytes.len() as u32,
            crc: crc32c::crc32c(bytes),
        };
        self.append(bytes)?;
        Ok(blob)
    }

    fn append(&mut self, bytes: &[u8]) -> DiskResult<()> {
        if self.buffer.len() + bytes.len() > PIECE {
            self.write_out()?;
        }
        if bytes.len() > PIECE {
            self.write(bytes)
        } else {
            self.buffer.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn write_out(&mut self) -> DiskResult<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.write(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> DiskResult<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.write_at(self.at, bytes)?;
        self.at += bytes.len() as u64;
        if self.at - self.synced >= SYNCED_BYTES {
            file.sync()?;
            self.synced = self.at;
        }
        Ok(())
    }

    /// Ends the file with its index and makes it durable.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self, index: &[u8], lsn: u64, epoch: u64) -> DiskResult<SnapshotRef> {
        let index_at = self.len();
        self.write_out()?;
        self.write(index)?;
        if let Some(file) = &self.file {
            file.sync()?;
        }
        // It has to be closed before it is renamed.
        self.file = None;
        let name = self.dir.join(file_name(self.number));
        self.disk.rename(&making(&self.dir, self.number), &name)?;
        self.disk.sync_dir(&self.dir)?;
        Ok(SnapshotRef {
            number: self.number,
            lsn,
            epoch,
            index_at,
            index_len: index.len() as u64,
            index_crc: crc32c::crc32c(index),
        })
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // What cannot be removed now is removed with the next snapshot.
            let _ = self.disk.remove(&making(&self.dir, self.number));
        }
    }
}

fn making(dir: &Path, number: u64) -> PathBuf {
    dir.join(file_name(number) + ".tmp")
}

/// What a file begins with.
pub(super) fn header(database: u128, number: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    header[16..32].copy_from_slice(&database.to_le_bytes());
    header[32..40].copy_from_slice(&number.to_le_bytes());
    let crc = crc32c::crc32c(&header);
    header[12..16].copy_from_slice(&crc.to_le_bytes());
    header
}
