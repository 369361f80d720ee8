//! A disk that breaks on command: operations fail, room ends, the power goes, bits flip.
//!
//! For every file it keeps what programs see and what is on the device, by sectors of 512 bytes,
//! and for every directory which names are durable. A run with a [`FaultPlan`] is the same each
//! time; [`FaultDisk::after_crash`] gives the disk that is found when the power is back.
//!
//! It models the least that is promised: an unsynced sector survives or not whatever others do,
//! in any version it had since the last sync; a length survives apart from the bytes; a name
//! survives only if its directory was synced, however often its file was.
//! Not modelled: a failed sync of which some sectors did reach the device (a failure that keeps
//! pages dirty, with a crash after it, covers what a reader can see of that), sectors that change
//! though nobody wrote to them (see [`FaultDisk::corrupt`]), writes to the wrong place.
//! Invariant: what survives is decided by the operations made, the kind of crash and the seed.

mod content;
mod handle;
mod names;
mod rng;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::content::Content;
use self::handle::{FaultFile, FaultLock};
use self::names::{FileId, Names};
use self::rng::Rng;
use super::room::Space;
use super::tree::{Tree, key};
use super::{Disk, DiskError, DiskResult, File, Lock, Mode, op};

/// So many of the last operations can be seen.
const TRACE: usize = 1 << 16;

/// What survives of what was not synced when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Crash {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything, except what a failed sync lost.
    All,
    /// A random part: each sector, length and name by itself; of the changes to one name, the
    /// first so many.
    Random,
    /// A random part, and the sector in the middle of the last write is half old and half new.
    Torn,
}

/// What a sync that fails does with the bytes it should have made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncFailure {
    /// They are gone: reads see what is on the device (btrfs).
    Dropped,
    /// Reads see them, but no later sync makes them durable unless they are written again (ext4,
    /// xfs).
    #[default]
    KeptClean,
    /// The next sync that succeeds makes them durable.
    KeptDirty,
}

/// What goes wrong, and when. Operations are counted from 0, so that operation `n` is the one with
/// `n` others before it. By default nothing goes wrong.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    /// The operation that fails. A write that fails has written a random part from its beginning.
    pub fail_at: Option<u64>,
    /// Whether all operations after it fail as well.
    pub sticky: bool,
    /// Whether operations that only read are not failed: to look for, list, measure, read, map, and
    /// to open in a mode that makes nothing. They count all the same.
    pub spare_reads: bool,
    /// With which error they fail.
    pub error: io::ErrorKind,
    /// The first operation that finds the power gone; it has no effect, nor has any after it.
    pub crash_at: Option<u64>,
    /// What survives then.
    pub crash: Crash,
    /// Decides all that is random.
    pub seed: u64,
    /// What a failing sync does.
    pub sync_failure: SyncFailure,
    /// Bytes that files may take in all, in whole sectors.
    pub capacity: Option<u64>,
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            fail_at: None,
            sticky: false,
            spare_reads: false,
            error: io::ErrorKind::Other,
            crash_at: None,
            crash: Crash::default(),
            seed: 0,
            sync_failure: SyncFailure::default(),
            capacity: None,
        }
    }
}

/// An operation that was made, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// How many were made before it.
    pub number: u64,
    /// The verb of its errors.
    pub verb: &'static str,
    /// The file or directory.
    pub path: Box<Path>,
    /// The bytes of the file it was about, if about some.
    pub bytes: Range<u64>,
    /// Whether the plan made it fail.
    pub failed: bool,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.number, self.verb, self.path.display())?;
        if !self.bytes.is_empty() {
            write!(f, " [{}..{}]", self.bytes.start, self.bytes.end)?;
        }
        if self.failed { f.write_str(" FAILED") } else { Ok(()) }
    }
}

/// A disk that breaks on command. Clones are the same disk.
#[derive(Clone)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    plan: FaultPlan,
    ops: u64,
    trace: VecDeque<Operation>,
    power_gone: bool,
    names: Names,
    files: BTreeMap<FileId, FileState>,
    next_file: FileId,
    space: Space,
    /// The last write, to a file or a mapping.
    last_write: Option<(FileId, Range<usize>)>,
}

#[derive(Default)]
struct FileState {
    content: Content,
    /// What it was when the power went, if it was written to since: a mapping goes on.
    frozen: Option<Box<Content>>,
    names: usize,
    /// Open handles, mappings and locks.
    handles: usize,
    mappings: usize,
    locked: bool,
}

/// What one operation is about.
struct Step<'a> {
    verb: &'static str,
    path: &'a Path,
    bytes: Range<u64>,
    only_reads: bool,
}

impl<'a> Step<'a> {
    fn new(verb: &'static str, path: &'a Path) -> Self {
        Self { verb, path, bytes: 0..0, only_reads: false }
    }

    fn reading(verb: &'static str, path: &'a Path) -> Self {
        Self { only_reads: true, ..Self::new(verb, path) }
    }

    fn of(self, bytes: Range<u64>) -> Self {
        Self { bytes, ..self }
    }

    fn error(&self, error: io::Error) -> DiskError {
        DiskError::new(self.verb, self.path, error)
    }
}

impl State {
    fn new(plan: FaultPlan, names: Names) -> Self {
        Self {
            space: Space::new(plan.capacity),
            plan,
            ops: 0,
            trace: VecDeque::new(),
            power_gone: false,
            names,
            files: BTreeMap::new(),
            next_file: 0,
            last_write: None,
        }
    }

    /// Counts an operation and lets the plan fail it.
    fn step(&mut self, step: &Step<'_>) -> DiskResult<()> {
        let (number, plan) = (self.ops, &self.plan);
        self.power_gone |= plan.crash_at.is_some_and(|at| number >= at);
        if self.power_gone {
            return Err(step.error(io::Error::other("the power is gone")));
        }
        let hit = plan.fail_at.is_some_and(|at| number == at || plan.sticky && number > at);
        let failed = hit && !(step.only_reads && plan.spare_reads);
        self.ops += 1;
        if self.trace.len() == TRACE {
            self.trace.pop_front();
        }
        let (verb, path, bytes) = (step.verb, step.path.into(), step.bytes.clone());
        self.trace.push_back(Operation { number, verb, path, bytes, failed });
        if failed {
            let text = format!("injected fault at operation {number}: {}", plan.error);
            return Err(step.error(io::Error::new(plan.error, text)));
        }
        Ok(())
    }

    /// Random numbers for the last operation.
    fn op_rng(&self) -> Rng {
        Rng::new(self.plan.seed ^ self.ops.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    fn file(&mut self, file: FileId) -> &mut FileState {
        self.files.get_mut(&file).expect("a file with a name or a handle is kept")
    }

    /// The file of this name, made if the mode says so; with one handle more.
    fn open(&mut self, path: &Path, mode: Mode) -> io::Result<FileId> {
        let key = key(path);
        let file = match self.names.cached.open(&key, mode)? {
            Some(&file) => file,
            None => {
                let file = self.next_file;
                self.next_file += 1;
                self.names.link(key, file);
                self.files.insert(file, FileState { names: 1, ..FileState::default() });
                file
            }
        };
        self.file(file).handles += 1;
        Ok(file)
    }

    /// A file has a name less.
    fn unname(&mut self, file: FileId) {
        self.file(file).names -= 1;
        self.free(file);
    }

    /// A file has a handle less.
    fn close(&mut self, file: FileId) {
        self.file(file).handles -= 1;
        self.free(file);
    }

    /// Gives the room of a file back that nobody can come to.
    fn free(&mut self, file: FileId) {
        let state = self.file(file);
        if state.names == 0 && state.handles == 0 {
            let sectors = std::mem::take(&mut state.content.room).held();
            self.space.give(sectors);
        }
    }

    /// Forgets files that no crash brings back.
    fn forget(&mut self) {
        let named = self.names.files();
        self.files.retain(|file, state| state.handles > 0 || named.contains(file));
    }

    /// What survives a crash.
    fn survivor(&self, crash: Crash, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let names: Tree<FileId> = self.names.survivors(crash, &mut rng);
        let mut files: BTreeMap<FileId, FileState> = BTreeMap::new();
        let mut space = Space::new(None);
        for (_, &file) in names.files() {
            if let Some(state) = files.get_mut(&file) {
                state.names += 1;
                continue;
            }
            let old = &self.files[&file];
            let content = old.frozen.as_deref().unwrap_or(&old.content);
            let torn = self.last_write.as_ref().filter(|(id, _)| *id == file).map(|(_, r)| r);
            let content = content.survivor(crash, &mut rng, torn);
            let _without_limit = space.take(content.room.held());
            files.insert(file, FileState { content, names: 1, ..FileState::default() });
        }
        space.capacity = self.space.capacity;
        let plan = FaultPlan { capacity: space.capacity, ..FaultPlan::default() };
        let new = Self::new(plan, Names::synced(names));
        Self { files, space, next_file: self.next_file, ..new }
    }
}

impl FaultDisk {
    /// An empty disk on which this will go wrong.
    #[must_use]
    pub fn new(plan: FaultPlan) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(plan, Names::new()))) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many operations reached the disk: all calls of [`Disk`], [`File`] and of
    /// [`super::Mapping::sync`], until the power went.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.state().ops
    }

    /// The last operations (at most 65,536), in their order.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.state().trace.iter().cloned().collect()
    }

    /// Another plan, with another capacity; operations are counted on.
    pub fn set_plan(&self, plan: FaultPlan) {
        let mut state = self.state();
        state.space.capacity = plan.capacity;
        state.plan = plan;
    }

    /// From now on nothing goes wrong, except that room may end. Power that is gone stays so.
    pub fn clear_plan(&self) {
        let mut state = self.state();
        state.plan = FaultPlan { capacity: state.space.capacity, ..FaultPlan::default() };
    }

    /// Changes how much room there is; what files have already is not taken from them.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        let mut state = self.state();
        (state.space.capacity, state.plan.capacity) = (bytes, bytes);
    }

    /// Bytes that files take, in whole sectors.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().space.used()
    }

    /// Takes the power away.
    pub fn crash_now(&self) {
        self.state().power_gone = true;
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.state().power_gone
    }

    /// The disk that is found when the power is back, with what survives by the plan. Nothing will
    /// go wrong on it, except that its room is the same. If the power is not gone, it is what would
    /// be found if it went now.
    #[must_use]
    pub fn after_crash(&self) -> Self {
        let plan = self.state().plan.clone();
        self.after_crash_with(plan.crash, plan.seed)
    }

    /// Like [`Self::after_crash`], with another kind of crash and another seed: one run gives as
    /// many states of a disk as wanted.
    #[must_use]
    pub fn after_crash_with(&self, crash: Crash, seed: u64) -> Self {
        let survivor = self.state().survivor(crash, seed);
        Self { state: Arc::new(Mutex::new(survivor)) }
    }

    /// Flips these bits of a byte of a file, where it is stored. Not an operation.
    ///
    /// # Errors
    /// When there is no such file, or it has no such byte.
    pub fn corrupt(&self, path: &Path, offset: u64, mask: u8) -> DiskResult<()> {
        let error = |e: io::Error| DiskError::new("corrupt", path, e);
        let mut state = self.state();
        let file = *state.names.cached.file(&key(path)).map_err(error)?;
        let FileState { content, frozen, .. } = state.file(file);
        let content = frozen.as_deref_mut().unwrap_or(content);
        if content.corrupt(offset as usize, mask) {
            return Ok(());
        }
        Err(error(io::ErrorKind::UnexpectedEof.into()))
    }
}

impl Default for FaultDisk {
    fn default() -> Self {
        Self::new(FaultPlan::default())
    }
}

impl fmt::Debug for FaultDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("FaultDisk")
            .field("plan", &state.plan)
            .field("ops", &state.ops)
            .field("power_gone", &state.power_gone)
            .finish_non_exhaustive()
    }
}

impl Disk for FaultDisk {
    fn create_dir(&self, dir: &Path) -> DiskResult<()> {
        let (step, mut state) = (Step::new(op::CREATE_DIR, dir), self.state());
        state.step(&step)?;
        state.names.create_dir(&key(dir)).map_err(|e| step.error(e))
    }

    fn list(&self, dir: &Path) -> DiskResult<Vec<String>> {
        let (step, mut state) = (Step::reading(op::LIST, dir), self.state());
        state.step(&step)?;
        state.names.cached.list(&key(dir)).map_err(|e| step.error(e))
    }

    fn exists(&self, path: &Path) -> DiskResult<bool> {
        let mut state = self.state();
        state.step(&Step::reading(op::EXISTS, path))?;
        Ok(state.names.cached.contains(&key(path)))
    }

    fn open(&self, path: &Path, mode: Mode) -> DiskResult<Box<dyn File>> {
        let only_reads = matches!(mode, Mode::Read | Mode::Write);
        let (step, mut state) = (Step { only_reads, ..Step::new(op::OPEN, path) }, self.state());
        state.step(&step)?;
        let file = state.open(path, mode).map_err(|e| step.error(e))?;
        Ok(Box::new(FaultFile::new(self.clone(), file, path, mode != Mode::Read)))
    }

    fn rename(&self, from: &Path, to: &Path) -> DiskResult<()> {
        let (step, mut state) = (Step::new(op::RENAME, from), self.state());
        state.step(&step)?;
        let replaced = state.names.rename(&key(from), &key(to)).map_err(|e| step.error(e))?;
        if let Some(file) = replaced {
            state.unname(file);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> DiskResult<()> {
        let (step, mut state) = (Step::new(op::REMOVE, path), self.state());
        state.step(&step)?;
        let file = state.names.unlink(&key(path)).map_err(|e| step.error(e))?;
        state.unname(file);
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> DiskResult<()> {
        let (step, mut state) = (Step::new(op::REMOVE_DIR, dir), self.state());
        state.step(&step)?;
        state.names.remove_dir(&key(dir)).map_err(|e| step.error(e))
    }

    fn sync_dir(&self, dir: &Path) -> DiskResult<()> {
        let (step, mut state) = (Step::new(op::SYNC_DIR, dir), self.state());
        state.step(&step)?;
        let dir = key(dir);
        state.names.cached.check_dir(&dir).map_err(|e| step.error(e))?;
        state.names.sync_dir(&dir);
        state.forget();
        Ok(())
    }

    fn lock(&self, path: &Path) -> DiskResult<Box<dyn Lock>> {
        let (step, mut state) = (Step::new(op::LOCK, path), self.state());
        state.step(&step)?;
        let file = state.open(path, Mode::Create).map_err(|e| step.error(e))?;
        if std::mem::replace(&mut state.file(file).locked, true) {
            state.close(file);
            return Err(DiskError::locked(path));
        }
        Ok(Box::new(FaultLock::new(self.clone(), file)))
    }
}
