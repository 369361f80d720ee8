//! Open files, mappings and locks of a disk that breaks on command.
//!
//! A mapping writes straight to what reads see, as the page cache does. It goes on when the power
//! is gone, for it cannot say so; nothing of that survives.
//! Invariant: a handle keeps its file, whatever happens to the name.

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::path::Path;

use super::super::mem::end_of;
use super::super::{DiskResult, File, Lock, Mapping, op};
use super::names::FileId;
use super::{FaultDisk, State, Step};

/// An open file.
pub(super) struct FaultFile {
    disk: FaultDisk,
    file: FileId,
    path: Box<Path>,
    writable: bool,
}

/// The first bytes of a file as memory.
struct FaultMapping {
    disk: FaultDisk,
    file: FileId,
    path: Box<Path>,
    len: usize,
}

/// A lock that is held.
pub(super) struct FaultLock {
    disk: FaultDisk,
    file: FileId,
}

impl State {
    /// Writes as much as there is room for.
    fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<()> {
        let range = offset..end_of(offset, bytes.len())?;
        let state = self.files.get_mut(&file).expect("a file with a handle is kept");
        let fits = state.content.room.take_prefix(&mut self.space, &range) as usize;
        if fits > 0 {
            let offset = offset as usize;
            state.content.write(offset, &bytes[..fits]);
            self.last_write = Some((file, offset..offset + fits));
        }
        if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn allocate(&mut self, file: FileId, bytes: u64) -> Result<()> {
        let end = end_of(bytes, 0)?;
        let state = self.files.get_mut(&file).expect("a file with a handle is kept");
        if !state.content.room.take_all(&mut self.space, &(0..end)) {
            return Err(ErrorKind::StorageFull.into());
        }
        state.content.grow(end as usize);
        Ok(())
    }

    fn set_len(&mut self, file: FileId, bytes: u64) -> Result<()> {
        let len = end_of(bytes, 0)? as usize;
        let state = self.files.get_mut(&file).expect("a file with a handle is kept");
        assert!(state.mappings == 0, "a file is resized while it is mapped");
        let freed = state.content.cut(len);
        state.content.grow(len);
        self.space.give(freed);
        Ok(())
    }
}

impl FaultFile {
    /// A handle that was counted already.
    pub(super) fn new(disk: FaultDisk, file: FileId, path: &Path, writable: bool) -> Self {
        Self { disk, file, path: path.into(), writable }
    }

    fn check_writable(&self, step: &Step<'_>) -> DiskResult<()> {
        let refused = || step.error(ErrorKind::PermissionDenied.into());
        if self.writable { Ok(()) } else { Err(refused()) }
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        self.disk.state().close(self.file);
    }
}

impl fmt::Debug for FaultFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The bytes of an operation, for the list of operations.
fn span(offset: u64, len: usize) -> Range<u64> {
    offset..offset.saturating_add(len as u64)
}

impl File for FaultFile {
    fn len(&self) -> DiskResult<u64> {
        let mut state = self.disk.state();
        state.step(&Step::reading(op::LEN, &self.path))?;
        Ok(state.file(self.file).content.bytes().len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> DiskResult<()> {
        let step = Step::reading(op::READ, &self.path).of(span(offset, into.len()));
        let mut state = self.disk.state();
        state.step(&step)?;
        let end = end_of(offset, into.len()).map_err(|e| step.error(e))?;
        let bytes = state.file(self.file).content.bytes().get(offset as usize..end as usize);
        let bytes = bytes.ok_or_else(|| step.error(ErrorKind::UnexpectedEof.into()))?;
        into.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        let step = Step::new(op::WRITE, &self.path).of(span(offset, bytes.len()));
        let mut state = self.disk.state();
        if let Err(error) = state.step(&step) {
            if !state.power_gone && self.writable {
                let part = state.op_rng().below(bytes.len() + 1);
                // The fault is the error to tell, also if there is no room for this part.
                let _ = state.write(self.file, offset, &bytes[..part]);
            }
            return Err(error);
        }
        self.check_writable(&step)?;
        state.write(self.file, offset, bytes).map_err(|e| step.error(e))
    }

    fn allocate(&self, bytes: u64) -> DiskResult<()> {
        let step = Step::new(op::ALLOCATE, &self.path).of(0..bytes);
        let mut state = self.disk.state();
        state.step(&step)?;
        self.check_writable(&step)?;
        state.allocate(self.file, bytes).map_err(|e| step.error(e))
    }

    fn set_len(&self, bytes: u64) -> DiskResult<()> {
        let step = Step::new(op::SET_LEN, &self.path).of(0..bytes);
        let mut state = self.disk.state();
        state.step(&step)?;
        self.check_writable(&step)?;
        state.set_len(self.file, bytes).map_err(|e| step.error(e))
    }

    fn sync(&self) -> DiskResult<()> {
        let mut state = self.disk.state();
        let stepped = state.step(&Step::new(op::SYNC, &self.path));
        let (failure, power_gone) = (state.plan.sync_failure, state.power_gone);
        let content = &mut state.file(self.file).content;
        match &stepped {
            Ok(()) => content.sync(),
            Err(_) if power_gone => {}
            Err(_) => content.fail_sync(None, failure),
        }
        stepped
    }

    fn map(&self, bytes: usize) -> DiskResult<Box<dyn Mapping>> {
        let step = Step::reading(op::MAP, &self.path).of(0..bytes as u64);
        let mut state = self.disk.state();
        state.step(&step)?;
        self.check_writable(&step)?;
        let file = state.file(self.file);
        if bytes > file.content.bytes().len() {
            return Err(step.error(Error::new(ErrorKind::InvalidInput, "the file is shorter")));
        }
        file.handles += 1;
        file.mappings += 1;
        let (disk, path) = (self.disk.clone(), self.path.clone());
        Ok(Box::new(FaultMapping { disk, file: self.file, path, len: bytes }))
    }
}

impl FaultMapping {
    /// Panics unless the mapping has these bytes.
    fn end(&self, offset: usize, len: usize) -> usize {
        let end = offset.checked_add(len).filter(|&end| end <= self.len);
        end.unwrap_or_else(|| panic!("{len} bytes at {offset} of a mapping of {}", self.len))
    }
}

impl fmt::Debug for FaultMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultMapping")
            .field("path", &self.path)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl Mapping for FaultMapping {
    fn len(&self) -> usize {
        self.len
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        let end = self.end(offset, bytes.len());
        let mut state = self.disk.state();
        if state.power_gone {
            let file = state.file(self.file);
            if file.frozen.is_none() {
                file.frozen = Some(Box::new(file.content.clone()));
            }
            file.content.write(offset, bytes);
            return;
        }
        let State { files, space, last_write, .. } = &mut *state;
        let file = files.get_mut(&self.file).expect("a file with a handle is kept");
        let has_room = file.content.room.take_all(space, &(offset as u64..end as u64));
        assert!(has_room, "a mapped write to a hole of a full disk: the system would kill us");
        file.content.write(offset, bytes);
        if !bytes.is_empty() {
            *last_write = Some((self.file, offset..end));
        }
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        let end = self.end(offset, into.len());
        let mut state = self.disk.state();
        into.copy_from_slice(&state.file(self.file).content.bytes()[offset..end]);
    }

    fn sync(&self, range: Range<usize>) -> DiskResult<()> {
        assert!(range.start <= range.end && range.end <= self.len, "what is mapped is synced");
        let mut state = self.disk.state();
        let bytes = range.start as u64..range.end as u64;
        let stepped = state.step(&Step::new(op::SYNC_MAP, &self.path).of(bytes));
        let (failure, power_gone) = (state.plan.sync_failure, state.power_gone);
        let content = &mut state.file(self.file).content;
        match &stepped {
            Ok(()) => content.sync_range(&range),
            Err(_) if power_gone => {}
            Err(_) => content.fail_sync(Some(&range), failure),
        }
        stepped
    }
}

impl Drop for FaultMapping {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        state.file(self.file).mappings -= 1;
        state.close(self.file);
    }
}

impl FaultLock {
    /// A lock that was taken already, with its handle.
    pub(super) fn new(disk: FaultDisk, file: FileId) -> Self {
        Self { disk, file }
    }
}

impl fmt::Debug for FaultLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultLock").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Lock for FaultLock {}

impl Drop for FaultLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        state.file(self.file).locked = false;
        state.close(self.file);
    }
}
