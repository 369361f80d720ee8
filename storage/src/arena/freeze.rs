//! Freezing: the words of arenas as they are at one moment, read by somebody else while their
//! owners go on.
//!
//! Freezing an arena marks its chunks and lists those that are to be read in *cells*; no word is
//! copied. The first write to a marked chunk takes the mark off, which is how the next freeze knows
//! what changed, and, if the chunk's cell was not read yet, copies the words aside first. A chunk
//! that its owner gives up is handed to its cell instead. So an owner pays one copy of a chunk at
//! most, and only for chunks that it writes to before they were read.
//!
//! `unsafe` lives here because a cell reads memory that an arena owns.
//! Invariant: a cell that is `Held` names words that nobody writes to and nobody frees until the
//! cell was changed, under the lock of its block.
#![allow(unsafe_code, reason = "reads chunks that an arena has, while it does not write to them")]

use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::addr::{CHUNK_BYTES, CHUNK_WORDS};
use super::pool::{Chunk, Pool};
use super::{ArenaShape, Owner, Tier};

/// Who pays for copies while somebody reads.
const READER: Owner = Owner::new(0, u16::MAX, Tier::Keyed);
/// Cells of a block, unless one arena needs more.
const BLOCK_CELLS: usize = 256;

/// Collects what is frozen at one moment.
#[derive(Debug, Default)]
pub struct Freezer {
    /// The block that is being filled, and how many cells it may still take.
    block: Option<(Arc<Block>, usize)>,
}

/// Cells that share a lock.
pub(super) struct Block {
    pool: Pool,
    cells: Mutex<Vec<Cell>>,
}

/// A chunk that somebody reads.
enum Cell {
    /// The arena has it: so many words from here on.
    Held(NonNull<u64>, usize),
    /// The words were copied, or the chunk was given up by its arena: it is the cell's own.
    Aside(Chunk, usize),
    /// It was read, or is not to be.
    Done,
}

// SAFETY: 1. the memory behind a cell is read under the block's lock only (invariant); 2. it is
// plain words.
unsafe impl Send for Block {}
// SAFETY: as for `Send`.
unsafe impl Sync for Block {}

/// Where the cells of an arena's chunks are.
pub(super) struct Cells {
    block: Arc<Block>,
    first: usize,
    n: usize,
}

/// What was frozen of one arena. Chunks that were not read when it is dropped are let go.
#[derive(Debug)]
pub struct FrozenArena {
    /// What is not words.
    pub shape: ArenaShape,
    /// The chunks to be read, ascending.
    pub chunks: Vec<usize>,
    block: Arc<Block>,
    first: usize,
}

impl Freezer {
    /// A freezer that has nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cells for the chunks of an arena; `held(i)` says where chunk `i` begins and how many of its
    /// words are used, if it is to be read.
    pub(super) fn freeze(
        &mut self,
        pool: &Pool,
        shape: ArenaShape,
        held: impl Fn(usize) -> Option<(NonNull<u64>, usize)>,
    ) -> (Cells, FrozenArena) {
        let n = shape.used_words.div_ceil(CHUNK_WORDS);
        let block = match &mut self.block {
            Some((block, room)) if *room >= n => {
                *room -= n;
                Arc::clone(block)
            }
            _ => {
                let room = n.max(BLOCK_CELLS);
                let cells = Mutex::new(Vec::with_capacity(room));
                let block = Arc::new(Block { pool: pool.clone(), cells });
                self.block = Some((Arc::clone(&block), room - n));
                block
            }
        };
        let mut chunks = Vec::new();
        let mut cells = block.lock();
        let first = cells.len();
        cells.extend((0..n).map(|i| match held(i) {
            Some((base, words)) => {
                chunks.push(i);
                Cell::Held(base, words)
            }
            None => Cell::Done,
        }));
        drop(cells);
        let own = Cells { block: Arc::clone(&block), first, n };
        (own, FrozenArena { shape, chunks, block, first })
    }
}

impl Block {
    fn lock(&self) -> MutexGuard<'_, Vec<Cell>> {
        // Nothing panics halfway through a change of a cell.
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, chunk: Chunk) {
        self.pool.release(READER, std::iter::once(chunk));
    }

    /// Copies the words of a cell if it is held.
    fn keep(&self, i: usize) {
        loop {
            let mut cells = self.lock();
            let Cell::Held(base, n) = cells[i] else { return };
            if let Some(mut chunk) = self.pool.acquire_beyond(READER) {
                // SAFETY: under the lock, of a held cell.
                chunk.words_mut()[..n].copy_from_slice(unsafe { Self::words(base, n) });
                cells[i] = Cell::Aside(chunk, n);
                return;
            }
            // Without memory for a copy the writer waits for the reader.
            drop(cells);
            std::thread::yield_now();
        }
    }

    /// The words of a held cell.
    ///
    /// # Safety
    /// The caller has the block's lock, and `base` and `n` come from a cell that is `Held`.
    unsafe fn words<'a>(base: NonNull<u64>, n: usize) -> &'a [u64] {
        // SAFETY: 1. an arena has `n` initialized words there (its own invariant); 2. it neither
        // writes nor frees them before it has changed the cell, which takes the lock (invariant).
        unsafe { std::slice::from_raw_parts(base.as_ptr(), n) }
    }
}

impl Cells {
    /// Makes the cell of chunk `i` independent of the arena, which is about to write to the chunk.
    pub(super) fn keep(&self, i: usize) {
        if i < self.n {
            self.block.keep(self.first + i);
        }
    }

    /// The same for all chunks.
    pub(super) fn keep_all(&self) {
        let cells = self.block.lock();
        let held: Vec<usize> = (self.first..self.first + self.n)
            .filter(|cell| matches!(cells[*cell], Cell::Held(..)))
            .collect();
        drop(cells);
        held.into_iter().for_each(|cell| self.block.keep(cell));
    }

    /// Offers a chunk that the arena gives up to its cell, if that still holds it; otherwise hands
    /// it back. The arena's charge of a chunk that is taken ends here.
    pub(super) fn hand_over(&self, i: usize, chunk: Chunk, owner: Owner) -> Option<Chunk> {
        if i >= self.n {
            return Some(chunk);
        }
        let mut cells = self.block.lock();
        let cell = &mut cells[self.first + i];
        let Cell::Held(_, n) = *cell else { return Some(chunk) };
        self.block.pool.charge(READER, CHUNK_BYTES as u64);
        self.block.pool.discharge(owner, CHUNK_BYTES as u64);
        *cell = Cell::Aside(chunk, n);
        None
    }
}

impl FrozenArena {
    /// Appends the words of chunk number `k` of [`FrozenArena::chunks`] as bytes, little end first,
    /// and lets go of it. Nothing is appended the second time.
    pub fn read(&self, k: usize, out: &mut Vec<u8>) {
        let mut cells = self.block.lock();
        let cell = std::mem::replace(&mut cells[self.first + self.chunks[k]], Cell::Done);
        match cell {
            // SAFETY: under the lock; the arena sees that the cell is done when it gets the lock.
            Cell::Held(base, n) => put_words(unsafe { Block::words(base, n) }, out),
            Cell::Aside(chunk, n) => {
                put_words(&chunk.words()[..n], out);
                self.block.give_back(chunk);
            }
            Cell::Done => {}
        }
    }
}

impl Drop for FrozenArena {
    fn drop(&mut self) {
        let mut cells = self.block.lock();
        for i in &self.chunks {
            let cell = std::mem::replace(&mut cells[self.first + i], Cell::Done);
            if let Cell::Aside(chunk, _) = cell {
                self.block.give_back(chunk);
            }
        }
    }
}

fn put_words(words: &[u64], out: &mut Vec<u8>) {
    out.reserve(size_of_val(words));
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block").field("cells", &self.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "freeze_tests.rs"]
mod tests;
