//! Arenas: owners of memory that is freed at once.
//!
//! # The memory story
//!
//! Lifetime of data, unit of copying and unit of saving are the same object. There is one
//! mechanism: a [`Pool`] cuts reserved slabs into 64 KiB **chunks**; an [`Arena`] is a list of
//! chunks with a bump cursor; an [`Addr`] names a word by chunk and offset, never by pointer. What
//! differs is when memory goes back:
//!
//! | tier | owner | lives | given back |
//! |---|---|---|---|
//! | [`Tier::Scratch`] | one register file | one batch | [`Arena::reset`]: the cursor, O(1); chunks stay |
//! | [`Tier::Ingest`] | the buffers of an epoch's batches ([`BatchArena`]) | until the last of them is dropped | each chunk whole, with its last buffer |
//! | [`Tier::Pane`] | one pane, session or join bucket | until the watermark passes it | dropping the arena: O(chunks), no write, no system call |
//! | [`Tier::Keyed`] | a group table, join index, table | the view's life | [`FreeLists`] inside; compaction by its owner |
//!
//! A scope inside one arena is a [`Checkpoint`] with [`Arena::rewind`], or [`Arena::scope`], which
//! rewinds when it is dropped, by a panic too. After a spike [`Arena::trim`] gives chunks above the
//! cursor to the pool and [`Pool::trim`] gives the pool's free chunks to the system. Threads that
//! bump side by side take their arenas from [`LocalArenas`], each on cache lines of its own.
//!
//! Every chunk is charged to an [`Owner`] when it is handed out. A budget that would be exceeded
//! makes the allocation fail with [`OutOfMemory`]; nothing aborts, and nothing changes.
//!
//! # Saving
//!
//! [`Arena::freeze`] marks chunks and copies nothing; its reader has the words of that moment while
//! the arena goes on, and the next freeze lists only the chunks that were written to since.
//! [`Arena::restore`] puts the words back under the addresses they had.
//!
//! # Stale addresses
//!
//! Debug builds panic when an address at or above the cursor is used (it outlived a rewind or
//! reset), write a pattern over words that are given back, and check [`Stamped`] addresses and
//! checkpoints against the history of rewinds. Release builds check bounds only.
//!
//! # Checking the unsafe code
//!
//! `unsafe` is confined to `arena/chunk.rs`, `arena/freeze.rs`, `arena/pool.rs` and
//! `column/buffer.rs`. The tests of this crate are written to run under Miri, with strict
//! provenance:
//!
//! ```text
//! MIRIFLAGS="-Zmiri-strict-provenance" cargo +nightly miri test -p arena-tr-storage
//! ```
//!
//! and, where Miri is not at hand, under Valgrind:
//!
//! ```text
//! valgrind --error-exitcode=1 --leak-check=full --errors-for-leak-kinds=definite \
//!     target/debug/deps/arena_tr_storage-HASH --test-threads=1
//! ```
//!
//! Invariant: an address is meaningful to one arena only, and nothing with a destructor lives in
//! one.

mod addr;
mod batch;
mod budget;
mod charge;
mod chunk;
mod free_list;
mod freeze;
mod local;
mod pool;
mod rewind;

use std::fmt;

use crate::error::{Limit, OutOfMemory, StorageError};

pub use addr::{Addr, CHUNK_BYTES, CHUNK_WORDS, MAX_CHUNKS};
pub use batch::BatchArena;
pub(crate) use batch::SharedChunk;
pub use budget::OwnerUsage;
pub use charge::Charge;
pub use free_list::FreeLists;
pub use freeze::{Freezer, FrozenArena};
pub use local::{LocalArenas, Padded};
pub use pool::Pool;
pub use rewind::{Checkpoint, Scope, Stamped};

use chunk::{Chunks, Returned};
use rewind::Rewinds;

/// Longest single allocation, in words: 1 GiB, the longest string and a bit.
pub const MAX_ALLOC_WORDS: usize = (1 << 27) + CHUNK_WORDS;

/// How long the contents of an arena live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// One batch: registers. The cursor is reset, the chunks are kept.
    Scratch,
    /// One epoch's input, until every program has stepped and the log has it. Freed whole.
    Ingest,
    /// One window pane, session or join bucket, until the watermark passes it. Freed in bulk.
    Pane,
    /// The view's life: group tables, join indexes, tables. Free lists inside.
    Keyed,
}

/// Who pays for memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner {
    /// The view (or relation) by its id; 0 is the database itself.
    pub view: u32,
    /// The operator (state number) within the view's program.
    pub operator: u16,
    /// The tier.
    pub tier: Tier,
}

impl Owner {
    /// An owner.
    pub const fn new(view: u32, operator: u16, tier: Tier) -> Self {
        Self { view, operator, tier }
    }
}

/// What a pool holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUsage {
    /// Bytes charged to owners.
    pub used_bytes: u64,
    /// Most bytes charged at any time.
    pub peak_bytes: u64,
    /// Bytes of free chunks whose memory is ready.
    pub free_bytes: u64,
    /// Bytes of address space in slabs.
    pub reserved_bytes: u64,
    /// The budget, if there is one.
    pub budget_bytes: Option<u64>,
}

/// What of an arena is not words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArenaShape {
    /// Words below the cursor.
    pub used_words: usize,
    /// Allocations longer than a chunk: their first chunks, ascending, and how many chunks they
    /// have.
    pub runs: Vec<(usize, usize)>,
}

/// Memory of one owner that is freed at once: chunks of a pool and a bump cursor.
pub struct Arena {
    chunks: Chunks,
    /// Who saves it, and what it is called there.
    name: Option<(u64, u64)>,
    rewinds: Rewinds,
    pool: Pool,
    owner: Owner,
}

impl Arena {
    /// An arena without chunks; the first allocation takes one.
    pub fn new(pool: &Pool, owner: Owner) -> Self {
        pool.open(owner);
        let (chunks, rewinds) = (Chunks::new(), Rewinds::default());
        Self { chunks, name: None, rewinds, pool: pool.clone(), owner }
    }

    /// Who pays.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Where the chunks come from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Takes `n` words. They hold whatever was there; debug builds write a pattern.
    #[inline]
    pub fn alloc(&mut self, n: usize) -> Result<Addr, OutOfMemory> {
        match self.chunks.bump(n) {
            Some(addr) => Ok(addr),
            None => self.alloc_slow(n),
        }
    }

    /// Takes `n` words of zeros.
    #[inline]
    pub fn alloc_zeroed(&mut self, n: usize) -> Result<Addr, OutOfMemory> {
        let addr = self.alloc(n)?;
        self.words_mut(addr, n).fill(0);
        Ok(addr)
    }

    /// Takes one word and writes it.
    #[inline]
    pub fn push(&mut self, word: u64) -> Result<Addr, OutOfMemory> {
        match self.chunks.bump_word(word) {
            Some(addr) => Ok(addr),
            None => self.push_slow(word),
        }
    }

    /// Takes as many words as these and writes them.
    #[inline]
    pub fn alloc_words(&mut self, words: &[u64]) -> Result<Addr, OutOfMemory> {
        let addr = self.alloc(words.len())?;
        self.words_mut(addr, words.len()).copy_from_slice(words);
        Ok(addr)
    }

    /// Takes whole words for these bytes and writes them, the rest of the last word as zeros. The
    /// caller keeps the length.
    #[inline]
    pub fn alloc_bytes(&mut self, bytes: &[u8]) -> Result<Addr, OutOfMemory> {
        let n = bytes.len().div_ceil(size_of::<u64>());
        let addr = self.alloc(n)?;
        if n > 0 {
            self.set_word(addr.offset(n - 1), 0);
            self.chunks.bytes_mut(addr, bytes.len()).copy_from_slice(bytes);
        }
        Ok(addr)
    }

    #[cold]
    #[inline(never)]
    fn push_slow(&mut self, word: u64) -> Result<Addr, OutOfMemory> {
        let addr = self.alloc_slow(1)?;
        self.set_word(addr, word);
        Ok(addr)
    }

    /// The current chunk has no room: goes to the next one, taking it from the pool if none is
    /// held.
    #[cold]
    #[inline(never)]
    fn alloc_slow(&mut self, n: usize) -> Result<Addr, OutOfMemory> {
        if self.chunks.unseal()
            && let Some(addr) = self.chunks.bump(n)
        {
            return Ok(addr);
        }
        let mut at = self.chunks.after();
        if self.chunks.room_at(at) < n {
            if n > MAX_ALLOC_WORDS {
                return Err(self.refused(Limit::Allocation, MAX_ALLOC_WORDS));
            }
            let n_chunks = n.div_ceil(CHUNK_WORDS);
            if self.chunks.len() + n_chunks > MAX_CHUNKS {
                return Err(self.refused(Limit::Arena, MAX_CHUNKS * CHUNK_WORDS));
            }
            if n_chunks == 1 {
                self.chunks.push(self.pool.acquire(self.owner)?);
            } else {
                at = self.chunks.insert_run(self.pool.acquire_run(self.owner, n_chunks)?);
            }
        }
        Ok(self.chunks.enter(at, n))
    }

    fn refused(&self, limit: Limit, words: usize) -> OutOfMemory {
        let limit_bytes = (words * size_of::<u64>()) as u64;
        OutOfMemory { owner: self.owner, limit, limit_bytes }
    }

    /// The `n` words at `addr`. Panics if they leave the chunk (or the longer allocation) of
    /// `addr`.
    #[inline]
    pub fn words(&self, addr: Addr, n: usize) -> &[u64] {
        self.chunks.words(addr, n)
    }

    /// The `n` words at `addr`, to write. Panics as [`Self::words`] does.
    #[inline]
    pub fn words_mut(&mut self, addr: Addr, n: usize) -> &mut [u64] {
        self.chunks.words_mut(addr, n)
    }

    /// The word at `addr`. Panics if the arena has no such chunk.
    #[inline]
    pub fn word(&self, addr: Addr) -> u64 {
        self.chunks.word(addr)
    }

    /// Writes the word at `addr`. Panics as [`Self::word`] does.
    #[inline]
    pub fn set_word(&mut self, addr: Addr, word: u64) {
        self.chunks.set_word(addr, word);
    }

    /// The `len` bytes from `addr` on.
    #[inline]
    pub fn bytes(&self, addr: Addr, len: usize) -> &[u8] {
        self.chunks.bytes(addr, len)
    }

    /// The `len` bytes from `addr` on, to write.
    #[inline]
    pub fn bytes_mut(&mut self, addr: Addr, len: usize) -> &mut [u8] {
        self.chunks.bytes_mut(addr, len)
    }

    /// Asks the processor to fetch the cache line at `addr`; nothing where it cannot be asked.
    #[inline]
    pub fn prefetch(&self, addr: Addr) {
        self.chunks.prefetch(addr);
    }

    /// Bytes of the chunks held, as charged to the owner.
    pub fn held_bytes(&self) -> usize {
        self.chunks.len() * CHUNK_BYTES
    }

    /// Bytes below the cursor: allocated, or lost at the end of a chunk.
    pub fn used_bytes(&self) -> usize {
        self.chunks.cursor() as usize * size_of::<u64>()
    }

    /// Chunks held.
    pub fn n_chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The words in use, chunk by chunk: what saving the arena writes.
    pub fn used_chunks(&self) -> impl Iterator<Item = &[u64]> + '_ {
        let end = self.chunks.cursor() as usize;
        (0..end.div_ceil(CHUNK_WORDS)).map(move |i| {
            let first = i * CHUNK_WORDS;
            self.chunks.words(Addr(first as u32), CHUNK_WORDS.min(end - first))
        })
    }

    /// The name that this saver gave it, unless another has named it since.
    pub fn name(&self, saver: u64) -> Option<u64> {
        self.name.filter(|(by, _)| *by == saver).map(|(_, name)| name)
    }

    /// Names it, for whoever saves it and wants to know it again.
    pub fn set_name(&mut self, saver: u64, name: u64) {
        self.name = Some((saver, name));
    }

    /// Freezes the arena: what is in it now can be read while it is written to. To be read are the
    /// chunks that were written to since the arena was frozen or put back the last time, and those
    /// for which `wanted` holds. Costs a few nanoseconds a chunk.
    pub fn freeze(&mut self, freezer: &mut Freezer, wanted: impl Fn(usize) -> bool) -> FrozenArena {
        self.chunks.freeze(&self.pool, freezer, wanted)
    }

    /// Whether nothing has changed since the arena was frozen or put back.
    pub fn is_clean(&self) -> bool {
        self.chunks.is_clean()
    }

    /// What of the arena is not words: needed to put it back.
    pub fn shape(&self) -> ArenaShape {
        ArenaShape { used_words: self.chunks.cursor() as usize, runs: self.chunks.runs() }
    }

    /// Puts back an arena of this shape; `fill` writes the words of each chunk below the cursor.
    /// What was in it before is forgotten. For the next [`Arena::freeze`] nothing has changed.
    ///
    /// # Errors
    /// The pool's refusal, a shape that no arena has, or what `fill` fails with; the arena is empty
    /// then.
    pub fn restore(
        &mut self,
        shape: &ArenaShape,
        fill: impl FnMut(usize, &mut [u64]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        self.clear();
        let restored = self.restore_into_empty(shape, fill);
        if restored.is_err() {
            self.clear();
        }
        restored
    }

    fn restore_into_empty(
        &mut self,
        shape: &ArenaShape,
        mut fill: impl FnMut(usize, &mut [u64]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let wrong = StorageError::Corrupt { what: "the shape of an arena", offset: 0 };
        if shape.used_words > MAX_CHUNKS * CHUNK_WORDS {
            return Err(wrong);
        }
        let n_used = shape.used_words.div_ceil(CHUNK_WORDS);
        let mut runs = shape.runs.iter().peekable();
        while self.chunks.len() < n_used {
            match runs.next_if(|(first, _)| *first == self.chunks.len()) {
                Some(&(_, n)) if n >= 1 && n <= MAX_CHUNKS - self.chunks.len() => {
                    self.chunks.push_run(self.pool.acquire_run(self.owner, n)?);
                }
                Some(_) => return Err(wrong),
                None => self.chunks.push(self.pool.acquire(self.owner)?),
            }
        }
        if runs.next().is_some() {
            return Err(wrong);
        }
        self.chunks.set_cursor(shape.used_words as u32);
        for i in 0..n_used {
            let first = i * CHUNK_WORDS;
            let n = CHUNK_WORDS.min(shape.used_words - first);
            fill(i, self.chunks.words_mut(Addr(first as u32), n))?;
        }
        self.chunks.mark_frozen();
        Ok(())
    }

    /// Forgets everything in O(1); the chunks stay for what comes next.
    #[inline]
    pub fn reset(&mut self) {
        self.rewind_to(0);
    }

    /// Gives the chunks above the cursor to the pool. For after a spike.
    pub fn trim(&mut self) {
        let used = (self.chunks.cursor() as usize).div_ceil(CHUNK_WORDS);
        self.give_back(used);
    }

    /// Forgets everything and gives all chunks to the pool, in O(chunks).
    pub fn clear(&mut self) {
        self.rewind_to(0);
        self.give_back(0);
    }

    fn give_back(&mut self, from: usize) {
        let mut runs = Vec::new();
        let is_read = self.chunks.is_read();
        let chunks = self.chunks.drain_from(from, self.owner).filter_map(|piece| match piece {
            Returned::Chunk(chunk) => Some(chunk),
            Returned::Run(run) => {
                runs.push(run);
                None
            }
        });
        if is_read {
            // Handing chunks to their readers takes the lock that releasing them holds.
            let chunks: Vec<_> = chunks.collect();
            self.pool.release(self.owner, chunks.into_iter());
        } else {
            self.pool.release(self.owner, chunks);
        }
        // Runs are freed when all of their chunks were looked at.
        runs.into_iter().for_each(|run| self.pool.release_run(self.owner, run));
    }

    /// Moves the cursor down to `at`.
    #[inline]
    fn rewind_to(&mut self, at: u32) {
        self.chunks.poison_from(at);
        self.rewinds.note(at);
        self.chunks.set_cursor(at);
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.chunks.set_cursor(0);
        self.give_back(0);
        self.pool.close(self.owner);
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("owner", &self.owner)
            .field("used_bytes", &self.used_bytes())
            .field("held_bytes", &self.held_bytes())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scratch => "scratch",
            Self::Ingest => "ingest",
            Self::Pane => "pane",
            Self::Keyed => "keyed",
        })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} arena of view {} operator {}", self.tier, self.view, self.operator)
    }
}

#[cfg(test)]
mod tests;
