//! A disk in memory: for databases that need not outlive their process, and for fast tests.
//!
//! It keeps what the trait promises and what real ones do beyond it: a removed file lives on while
//! it is open, files may have holes, and room is counted if a capacity was set. Syncing does
//! nothing, since nothing here survives.
//! Invariant: mappings, handles and names of a file share one body, so each sees the others' bytes.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::room::{Room, Space};
use super::tree::{Node, Tree, key};
use super::{Disk, DiskError, DiskResult, File, Lock, Mapping, Mode, op};

/// No file in memory becomes longer: what asks for it has a wrong offset.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 34;

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct MemDisk {
    names: Arc<Mutex<Tree<Arc<MemFile>>>>,
    space: Arc<Mutex<Space>>,
}

/// A file, as long as it has a name or is open.
struct MemFile {
    body: RwLock<Body>,
    space: Arc<Mutex<Space>>,
    locked: AtomicBool,
    mappings: AtomicUsize,
}

struct Body {
    bytes: Vec<u8>,
    room: Room,
}

/// An open file, or a mapping of one.
struct Handle {
    file: Arc<MemFile>,
    path: Box<Path>,
    writable: bool,
}

struct MemMapping {
    file: Arc<MemFile>,
    len: usize,
}

struct MemLock(Arc<MemFile>);

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of a range of a file, if it can have one.
pub(super) fn end_of(offset: u64, len: usize) -> Result<u64, Error> {
    let end = offset.checked_add(len as u64).filter(|&end| end <= MAX_FILE_BYTES);
    end.ok_or_else(|| ErrorKind::FileTooLarge.into())
}

impl MemDisk {
    /// An empty disk with all the room that memory has.
    #[must_use]
    pub fn new() -> Self {
        Self::with_room(None)
    }

    /// An empty disk with room for so many bytes, counted in whole sectors.
    #[must_use]
    pub fn with_capacity(bytes: u64) -> Self {
        Self::with_room(Some(bytes))
    }

    fn with_room(capacity: Option<u64>) -> Self {
        let names = Arc::new(Mutex::new(Tree::new()));
        Self { names, space: Arc::new(Mutex::new(Space::new(capacity))) }
    }

    /// Changes how much room there is; what files have already is not taken from them.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        guard(&self.space).capacity = bytes;
    }

    /// Bytes that files take, in whole sectors.
    #[must_use]
    pub fn used(&self) -> u64 {
        guard(&self.space).used()
    }

    /// The file of this name, made if the mode says so.
    fn find(&self, path: &Path, mode: Mode) -> Result<Arc<MemFile>, Error> {
        let mut names = guard(&self.names);
        let key = key(path);
        if let Some(file) = names.open(&key, mode)? {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(MemFile::new(Arc::clone(&self.space)));
        names.put(key, Node::File(Arc::clone(&file)));
        Ok(file)
    }
}

impl Default for MemDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemDisk").field("space", &self.space).finish_non_exhaustive()
    }
}

impl Disk for MemDisk {
    fn create_dir(&self, dir: &Path) -> DiskResult<()> {
        let made = guard(&self.names).create_dir(&key(dir));
        made.map(|_| ()).map_err(|e| DiskError::new(op::CREATE_DIR, dir, e))
    }

    fn list(&self, dir: &Path) -> DiskResult<Vec<String>> {
        let names = guard(&self.names).list(&key(dir));
        names.map_err(|e| DiskError::new(op::LIST, dir, e))
    }

    fn exists(&self, path: &Path) -> DiskResult<bool> {
        Ok(guard(&self.names).contains(&key(path)))
    }

    fn open(&self, path: &Path, mode: Mode) -> DiskResult<Box<dyn File>> {
        let file = self.find(path, mode).map_err(|e| DiskError::new(op::OPEN, path, e))?;
        Ok(Box::new(Handle { file, path: path.into(), writable: mode != Mode::Read }))
    }

    fn rename(&self, from: &Path, to: &Path) -> DiskResult<()> {
        let replaced = guard(&self.names).rename(&key(from), &key(to));
        replaced.map(|_| ()).map_err(|e| DiskError::new(op::RENAME, from, e))
    }

    fn remove(&self, path: &Path) -> DiskResult<()> {
        let removed = guard(&self.names).remove(&key(path));
        removed.map(|_| ()).map_err(|e| DiskError::new(op::REMOVE, path, e))
    }

    fn remove_dir(&self, dir: &Path) -> DiskResult<()> {
        let removed = guard(&self.names).remove_dir(&key(dir));
        removed.map_err(|e| DiskError::new(op::REMOVE_DIR, dir, e))
    }

    fn sync_dir(&self, dir: &Path) -> DiskResult<()> {
        let there = guard(&self.names).check_dir(&key(dir));
        there.map_err(|e| DiskError::new(op::SYNC_DIR, dir, e))
    }

    fn lock(&self, path: &Path) -> DiskResult<Box<dyn Lock>> {
        let file = self.find(path, Mode::Create).map_err(|e| DiskError::new(op::LOCK, path, e))?;
        if file.locked.swap(true, Ordering::AcqRel) {
            return Err(DiskError::locked(path));
        }
        Ok(Box::new(MemLock(file)))
    }
}

impl MemFile {
    fn new(space: Arc<Mutex<Space>>) -> Self {
        let body = RwLock::new(Body { bytes: Vec::new(), room: Room::default() });
        Self { body, space, locked: AtomicBool::new(false), mappings: AtomicUsize::new(0) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Body> {
        self.body.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Body> {
        self.body.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MemFile {
    fn drop(&mut self) {
        let held = self.read().room.held();
        guard(&self.space).give(held);
    }
}

impl Body {
    /// Makes the file at least so long.
    fn grow(&mut self, len: u64) -> Result<(), Error> {
        let more = (len as usize).saturating_sub(self.bytes.len());
        self.bytes.try_reserve(more).map_err(|_| Error::from(ErrorKind::OutOfMemory))?;
        self.bytes.resize(self.bytes.len() + more, 0);
        Ok(())
    }
}

impl Handle {
    fn to_write(&self) -> Result<&MemFile, Error> {
        if self.writable { Ok(&self.file) } else { Err(ErrorKind::PermissionDenied.into()) }
    }

    fn try_read(&self, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let body = self.file.read();
        let end = end_of(offset, into.len())?;
        if end > body.bytes.len() as u64 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        into.copy_from_slice(&body.bytes[offset as usize..end as usize]);
        Ok(())
    }

    fn try_write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let (file, end) = (self.to_write()?, end_of(offset, bytes.len())?);
        let mut body = file.write();
        let fits = body.room.take_prefix(&mut guard(&file.space), &(offset..end)) as usize;
        if fits > 0 {
            body.grow(offset + fits as u64)?;
            body.bytes[offset as usize..][..fits].copy_from_slice(&bytes[..fits]);
        }
        if fits < bytes.len() { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn try_allocate(&self, bytes: u64) -> Result<(), Error> {
        let (file, end) = (self.to_write()?, end_of(bytes, 0)?);
        let mut body = file.write();
        if !body.room.take_all(&mut guard(&file.space), &(0..end)) {
            return Err(ErrorKind::StorageFull.into());
        }
        body.grow(end)
    }

    fn try_set_len(&self, bytes: u64) -> Result<(), Error> {
        let (file, end) = (self.to_write()?, end_of(bytes, 0)?);
        let mut body = file.write();
        let mappings = file.mappings.load(Ordering::Acquire);
        assert!(mappings == 0, "{} is resized while it is mapped", self.path.display());
        let freed = body.room.cut(end);
        guard(&file.space).give(freed);
        body.bytes.truncate(end as usize);
        body.grow(end)
    }

    fn try_map(&self, bytes: usize) -> Result<MemMapping, Error> {
        let file = self.to_write()?;
        let body = file.read();
        if bytes > body.bytes.len() {
            return Err(Error::new(ErrorKind::InvalidInput, "the file is shorter"));
        }
        file.mappings.fetch_add(1, Ordering::AcqRel);
        Ok(MemMapping { file: Arc::clone(&self.file), len: bytes })
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl File for Handle {
    fn len(&self) -> DiskResult<u64> {
        Ok(self.file.read().bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> DiskResult<()> {
        self.try_read(offset, into).map_err(|e| DiskError::new(op::READ, &self.path, e))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.try_write(offset, bytes).map_err(|e| DiskError::new(op::WRITE, &self.path, e))
    }

    fn allocate(&self, bytes: u64) -> DiskResult<()> {
        self.try_allocate(bytes).map_err(|e| DiskError::new(op::ALLOCATE, &self.path, e))
    }

    fn set_len(&self, bytes: u64) -> DiskResult<()> {
        self.try_set_len(bytes).map_err(|e| DiskError::new(op::SET_LEN, &self.path, e))
    }

    fn sync(&self) -> DiskResult<()> {
        Ok(())
    }

    fn map(&self, bytes: usize) -> DiskResult<Box<dyn Mapping>> {
        match self.try_map(bytes) {
            Ok(mapping) => Ok(Box::new(mapping)),
            Err(e) => Err(DiskError::new(op::MAP, &self.path, e)),
        }
    }
}

impl fmt::Debug for MemMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemMapping").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Mapping for MemMapping {
    fn len(&self) -> usize {
        self.len
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        let end = offset.checked_add(bytes.len()).filter(|&end| end <= self.len);
        let end = end.expect("bytes are written within the mapping");
        let mut body = self.file.write();
        let range = offset as u64..end as u64;
        let has_room = body.room.take_all(&mut guard(&self.file.space), &range);
        assert!(has_room, "a mapped write to a hole of a full disk: the system would kill us");
        body.bytes[offset..end].copy_from_slice(bytes);
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        let end = offset.checked_add(into.len()).filter(|&end| end <= self.len);
        let end = end.expect("bytes are read within the mapping");
        into.copy_from_slice(&self.file.read().bytes[offset..end]);
    }

    fn sync(&self, range: Range<usize>) -> DiskResult<()> {
        assert!(range.start <= range.end && range.end <= self.len, "what is mapped is synced");
        Ok(())
    }
}

impl Drop for MemMapping {
    fn drop(&mut self) {
        self.file.mappings.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for MemLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemLock")
    }
}

impl Lock for MemLock {}

impl Drop for MemLock {
    fn drop(&mut self) {
        self.0.locked.store(false, Ordering::Release);
    }
}
