//! The pool: chunks cut from slabs, and who pays for them.
//!
//! A slab is reserved address space: the system gives memory page by page as chunks are first
//! written, and takes it back from free chunks when the pool is trimmed. Free chunks wait on a
//! stack, the last used first out. Every chunk is charged to its owner when handed out, under the
//! lock that hands it out, so accounting is exact and costs nothing per allocation. Returning
//! chunks is pushing them on the stack.
//!
//! `unsafe` lives here because slabs are raw memory with a length known at run time.
//! Invariant: a chunk is in the hands of at most one owner; its words are always initialized (slabs
//! are zeroed, freed chunks keep what they held); slabs outlive every chunk because owners hold the
//! pool.
#![allow(unsafe_code, reason = "slabs are raw memory cut into chunks")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::addr::{CHUNK_BYTES, CHUNK_WORDS};
use super::budget::{Ledger, OwnerUsage};
use super::{Owner, PoolUsage};
use crate::error::{Limit, OutOfMemory};

/// Bytes of the first slab; later ones double up to [`MAX_SLAB_BYTES`].
const MIN_SLAB_BYTES: usize = if cfg!(miri) { 4 * CHUNK_BYTES } else { 2 << 20 };
const MAX_SLAB_BYTES: usize = if cfg!(miri) { 4 * CHUNK_BYTES } else { 64 << 20 };
/// Slabs of at least this size ask for huge pages: state of that size misses the TLB otherwise.
#[cfg(all(target_os = "linux", not(miri)))]
const HUGE_SLAB_BYTES: usize = 16 << 20;

/// Sole ownership of one chunk's memory. It has no destructor: it goes back through
/// [`Pool::release`].
pub(super) struct Chunk {
    base: NonNull<u64>,
}

/// Sole ownership of adjacent chunks: an allocation that one chunk cannot hold.
pub(super) struct Run {
    base: NonNull<u64>,
    n_chunks: usize,
}

// SAFETY: both own plain memory.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Send for Run {}

impl Chunk {
    pub(super) fn into_base(self) -> NonNull<u64> {
        self.base
    }

    /// Its words.
    pub(super) fn words(&self) -> &[u64] {
        // SAFETY: 1. a chunk is `CHUNK_WORDS` initialized words (invariant); 2. `&self`: nobody
        // writes them meanwhile.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), CHUNK_WORDS) }
    }

    /// Its words, to be written.
    pub(super) fn words_mut(&mut self) -> &mut [u64] {
        // SAFETY: as for `words`, with `&mut self`: nobody else reads or writes them meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), CHUNK_WORDS) }
    }

    /// # Safety
    /// `base` came from [`Chunk::into_base`] and nobody else uses it any more.
    pub(super) unsafe fn from_base(base: NonNull<u64>) -> Self {
        Self { base }
    }
}

impl Run {
    pub(super) fn into_base(self) -> NonNull<u64> {
        self.base
    }

    pub(super) fn n_chunks(&self) -> usize {
        self.n_chunks
    }

    /// # Safety
    /// `base` came from [`Run::into_base`] of a run of `n_chunks`, and nobody else uses it any
    /// more.
    pub(super) unsafe fn from_base(base: NonNull<u64>, n_chunks: usize) -> Self {
        Self { base, n_chunks }
    }

    /// `None` if no layout is that large.
    fn layout(n_chunks: usize) -> Option<Layout> {
        // The alignment of words is enough, and keeps the zeroing with the system's fresh pages.
        Layout::array::<u64>(n_chunks.checked_mul(CHUNK_WORDS)?).ok()
    }
}

/// A reserved piece of address space.
struct Slab {
    raw: NonNull<u8>,
    layout: Layout,
    /// First chunk, aligned to a chunk.
    base: NonNull<u64>,
    n_chunks: usize,
}

// SAFETY: owns plain memory.
unsafe impl Send for Slab {}

impl Slab {
    fn reserve(bytes: usize) -> Option<Self> {
        // One chunk more than asked, to align by hand: an aligned zeroed allocation would be
        // written to.
        let layout = Layout::from_size_align(bytes + CHUNK_BYTES, 16).ok()?;
        // SAFETY: the layout is not empty.
        let raw = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let skip = raw.as_ptr().align_offset(CHUNK_BYTES);
        assert!(skip <= CHUNK_BYTES, "alignment is found within one chunk");
        // SAFETY: `skip` is at most the chunk that was added.
        let base = unsafe { raw.add(skip) }.cast::<u64>();
        let slab = Self { raw, layout, base, n_chunks: bytes / CHUNK_BYTES };
        slab.advise_huge(bytes);
        Some(slab)
    }

    fn chunk(&self, i: usize) -> Chunk {
        assert!(i < self.n_chunks);
        // SAFETY: chunk `i` is within the slab (checked).
        Chunk { base: unsafe { self.base.add(i * CHUNK_WORDS) } }
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    fn advise_huge(&self, bytes: usize) {
        if bytes >= HUGE_SLAB_BYTES {
            // SAFETY: 1. the range is this slab's own memory; 2. the advice changes no contents.
            // Its refusal costs speed only.
            unsafe { libc::madvise(self.base.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
        }
    }

    #[cfg(not(all(target_os = "linux", not(miri))))]
    fn advise_huge(&self, _bytes: usize) {}
}

impl Drop for Slab {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout; no chunk of it is in use (invariant of the pool).
        unsafe { dealloc(self.raw.as_ptr(), self.layout) };
    }
}

/// Gives a free chunk's memory back to the system; its words read as zero afterwards.
#[cfg(all(target_os = "linux", not(miri)))]
fn decommit(chunk: &Chunk) -> bool {
    // SAFETY: 1. the chunk is whole pages (aligned to 64 KiB) of private anonymous memory; 2. it is
    // free: nobody refers to it; 3. after success the pages read as zeros, which are initialized
    // words.
    unsafe { libc::madvise(chunk.base.as_ptr().cast(), CHUNK_BYTES, libc::MADV_DONTNEED) == 0 }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn decommit(_chunk: &Chunk) -> bool {
    false
}

#[derive(Default)]
struct State {
    slabs: Vec<Slab>,
    /// Chunks of the last slab that were never handed out.
    uncut: usize,
    /// Free chunks whose memory is still there. Has capacity for every chunk of the slabs.
    free: Vec<Chunk>,
    /// Free chunks whose memory went back to the system.
    cold: Vec<Chunk>,
    ledger: Ledger,
}

impl State {
    fn take_chunk(&mut self) -> Option<Chunk> {
        if let Some(chunk) = self.free.pop().or_else(|| self.cold.pop()) {
            return Some(chunk);
        }
        if self.uncut == 0 {
            let bytes = self.slabs.last().map_or(MIN_SLAB_BYTES, |last| {
                (last.n_chunks * CHUNK_BYTES * 2).min(MAX_SLAB_BYTES)
            });
            let slab = Slab::reserve(bytes).or_else(|| Slab::reserve(MIN_SLAB_BYTES))?;
            self.uncut = slab.n_chunks;
            self.slabs.push(slab);
            // Room for all, so that returning chunks never allocates.
            self.free.reserve(self.n_chunks() - self.free.len());
        }
        let slab = self.slabs.last()?;
        self.uncut -= 1;
        Some(slab.chunk(slab.n_chunks - 1 - self.uncut))
    }

    fn n_chunks(&self) -> usize {
        self.slabs.iter().map(|s| s.n_chunks).sum()
    }
}

/// Hands out chunks and keeps the accounts. Cloning it gives another handle to the same pool.
#[derive(Clone, Default)]
pub struct Pool {
    state: Arc<Mutex<State>>,
}

impl Pool {
    /// A pool without a budget.
    pub fn new() -> Self {
        Self::default()
    }

    /// A pool that refuses to hold more than this.
    pub fn with_budget(bytes: u64) -> Self {
        let pool = Self::new();
        pool.set_budget(Some(bytes));
        pool
    }

    /// The pool of whoever has none of their own: tests, tools. Without a budget.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<Pool> = OnceLock::new();
        GLOBAL.get_or_init(Self::new)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics halfway through a change of the state, so a poisoned lock guards a sound
        // one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The most bytes the pool hands out; `None` is no limit. What is out already stays out.
    pub fn set_budget(&self, bytes: Option<u64>) {
        self.lock().ledger.set_budget(bytes);
    }

    /// The most bytes one view's arenas hold; `None` is no limit.
    pub fn set_view_budget(&self, view: u32, bytes: Option<u64>) {
        self.lock().ledger.set_view_budget(view, bytes);
    }

    /// An error if the pool or the owner's view holds more than its budget: what a step asks after
    /// it used memory that cannot be refused halfway (buffers that grow).
    pub fn check(&self, owner: Owner) -> Result<(), OutOfMemory> {
        self.lock().ledger.check(owner, 0)
    }

    /// Bytes held, free and reserved, now and at most.
    pub fn usage(&self) -> PoolUsage {
        let state = self.lock();
        PoolUsage {
            used_bytes: state.ledger.used_bytes(),
            peak_bytes: state.ledger.peak_bytes(),
            free_bytes: (state.free.len() * CHUNK_BYTES) as u64,
            reserved_bytes: (state.n_chunks() * CHUNK_BYTES) as u64,
            budget_bytes: state.ledger.budget(),
        }
    }

    /// What each owner holds, in order of owners.
    pub fn owners(&self) -> Vec<OwnerUsage> {
        self.lock().ledger.owners()
    }

    /// Bytes that one view's arenas hold.
    pub fn view_bytes(&self, view: u32) -> u64 {
        self.lock().ledger.view_bytes(view)
    }

    /// Drops the accounts of a view that is gone: those that hold nothing.
    pub fn forget_view(&self, view: u32) {
        self.lock().ledger.forget_view(view);
    }

    /// Gives the memory of free chunks back to the system until at most `keep_bytes` of it stay
    /// ready. For after a spike. Returns the bytes given back.
    pub fn trim(&self, keep_bytes: usize) -> usize {
        let mut guard = self.lock();
        let state = &mut *guard;
        let keep = (keep_bytes / CHUNK_BYTES).min(state.free.len());
        let mut given = 0;
        // The bottom of the stack is what was used longest ago.
        for chunk in state.free.drain(..state.free.len() - keep).collect::<Vec<_>>() {
            if decommit(&chunk) {
                given += CHUNK_BYTES;
                state.cold.push(chunk);
            } else {
                state.free.push(chunk);
            }
        }
        given
    }

    pub(super) fn open(&self, owner: Owner) {
        self.lock().ledger.open(owner);
    }

    pub(super) fn close(&self, owner: Owner) {
        self.lock().ledger.close(owner);
    }

    /// A chunk, charged to `owner`.
    pub(super) fn acquire(&self, owner: Owner) -> Result<Chunk, OutOfMemory> {
        let mut state = self.lock();
        state.ledger.check(owner, CHUNK_BYTES as u64)?;
        let chunk = state.take_chunk().ok_or_else(|| system(owner, CHUNK_BYTES as u64))?;
        state.ledger.charge(owner, CHUNK_BYTES as u64);
        Ok(chunk)
    }

    /// A chunk whatever the budgets say, charged to `owner`; `None` if the system has none.
    pub(super) fn acquire_beyond(&self, owner: Owner) -> Option<Chunk> {
        let mut state = self.lock();
        let chunk = state.take_chunk()?;
        state.ledger.charge(owner, CHUNK_BYTES as u64);
        Some(chunk)
    }

    /// Adjacent chunks, charged to `owner`. Not cut from slabs: they are rare and of any length.
    pub(super) fn acquire_run(&self, owner: Owner, n_chunks: usize) -> Result<Run, OutOfMemory> {
        let bytes = (n_chunks as u64).saturating_mul(CHUNK_BYTES as u64);
        let refused = || system(owner, bytes);
        let mut state = self.lock();
        state.ledger.check(owner, bytes)?;
        let layout = Run::layout(n_chunks).filter(|l| l.size() > 0).ok_or_else(refused)?;
        // SAFETY: the layout is not empty.
        let raw = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(refused)?;
        state.ledger.charge(owner, bytes);
        Ok(Run { base: raw.cast(), n_chunks })
    }

    /// Takes chunks of `owner` back. They keep their contents and their memory: no write, no system
    /// call.
    pub(super) fn release(&self, owner: Owner, chunks: impl Iterator<Item = Chunk>) {
        let mut state = self.lock();
        let before = state.free.len();
        state.free.extend(chunks);
        let returned = state.free.len() - before;
        state.ledger.discharge(owner, (returned * CHUNK_BYTES) as u64);
    }

    /// Frees a run of `owner`.
    pub(super) fn release_run(&self, owner: Owner, run: Run) {
        let bytes = run.n_chunks * CHUNK_BYTES;
        let layout = Run::layout(run.n_chunks).expect("it was allocated with this layout");
        // SAFETY: allocated with this layout by `acquire_run`; the run is its sole owner.
        unsafe { dealloc(run.base.as_ptr().cast(), layout) };
        self.lock().ledger.discharge(owner, bytes as u64);
    }

    /// Charges memory that does not come from slabs; never refused, see [`Pool::check`].
    pub(crate) fn charge(&self, owner: Owner, bytes: u64) {
        self.lock().ledger.charge(owner, bytes);
    }

    /// Ends a charge.
    pub(crate) fn discharge(&self, owner: Owner, bytes: u64) {
        self.lock().ledger.discharge(owner, bytes);
    }
}

/// One chunk that goes back to its pool when this is dropped.
pub(super) struct ChunkMemory {
    base: NonNull<u64>,
    pool: Pool,
    owner: Owner,
}

// SAFETY: hands out pointers only; the memory behind them belongs to whoever was given each part.
unsafe impl Send for ChunkMemory {}
// SAFETY: as for `Send`.
unsafe impl Sync for ChunkMemory {}

impl ChunkMemory {
    pub(super) fn acquire(pool: &Pool, owner: Owner) -> Result<Self, OutOfMemory> {
        let base = pool.acquire(owner)?.into_base();
        Ok(Self { base, pool: pool.clone(), owner })
    }

    /// The byte at this offset. Panics if the chunk does not have it.
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < CHUNK_BYTES, "an offset within the chunk");
        // SAFETY: within the chunk (checked).
        unsafe { self.base.cast::<u8>().add(offset) }
    }
}

impl Drop for ChunkMemory {
    fn drop(&mut self) {
        let chunk = Chunk { base: self.base };
        self.pool.release(self.owner, std::iter::once(chunk));
    }
}

fn system(owner: Owner, bytes: u64) -> OutOfMemory {
    OutOfMemory { owner, limit: Limit::System, limit_bytes: bytes }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.usage()).finish()
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
