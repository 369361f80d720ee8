//! Batch arenas: where the buffers of an epoch's batches come from.
//!
//! Many small columns share one chunk; each buffer counts as a holder of its chunk, and the chunk
//! goes back to the pool with the last of them, in whatever order batches are dropped. Blocks
//! longer than half a chunk come from the heap but are charged all the same. Buffers cannot fail
//! halfway through a kernel, so this memory is never refused: it is charged, and
//! [`super::Pool::check`] tells at the end of the step.
//! Invariant: two blocks of one chunk never overlap; a chunk goes back only when no block of it is
//! left.

use std::fmt;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::pool::ChunkMemory;
use super::{CHUNK_BYTES, Owner, Pool};

/// Longest block that is cut from a chunk, in bytes.
const MAX_SHARED_BYTES: usize = CHUNK_BYTES / 2;

/// Hands out the memory of buffers to one owner. Cloning it gives another handle to the same arena.
#[derive(Clone)]
pub struct BatchArena {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pool: Pool,
    owner: Owner,
    current: Mutex<Option<Cutting>>,
}

/// The chunk that blocks are being cut from.
struct Cutting {
    chunk: Arc<SharedChunk>,
    used_bytes: usize,
}

/// A chunk that several blocks hold.
pub(crate) struct SharedChunk {
    memory: ChunkMemory,
    arena: Weak<Shared>,
}

impl SharedChunk {
    /// The arena, if it still exists.
    pub(crate) fn arena(&self) -> Option<BatchArena> {
        self.arena.upgrade().map(|shared| BatchArena { shared })
    }
}

impl BatchArena {
    /// An arena without chunks.
    pub fn new(pool: &Pool, owner: Owner) -> Self {
        pool.open(owner);
        let shared = Shared { pool: pool.clone(), owner, current: Mutex::new(None) };
        Self { shared: Arc::new(shared) }
    }

    /// Who pays.
    pub fn owner(&self) -> Owner {
        self.shared.owner
    }

    /// Where the chunks come from.
    pub fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    /// `bytes` bytes (a multiple of the alignment of blocks) that nobody else has, and the chunk
    /// that they are part of. `None` if they are too many for a chunk or no chunk is to be had.
    pub(crate) fn cut(&self, bytes: usize) -> Option<(NonNull<u8>, Arc<SharedChunk>)> {
        if bytes > MAX_SHARED_BYTES {
            return None;
        }
        let mut current = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = current.as_ref().is_some_and(|c| c.used_bytes + bytes <= CHUNK_BYTES);
        if !fits {
            let memory = ChunkMemory::acquire(&self.shared.pool, self.shared.owner).ok()?;
            let chunk = Arc::new(SharedChunk { memory, arena: Arc::downgrade(&self.shared) });
            *current = Some(Cutting { chunk, used_bytes: 0 });
        }
        let cutting = current.as_mut()?;
        let data = cutting.chunk.memory.at(cutting.used_bytes);
        cutting.used_bytes += bytes;
        Some((data, Arc::clone(&cutting.chunk)))
    }

    /// Stops sharing the current chunk: later blocks come from another. At the end of an epoch, so
    /// that its chunks go back when its batches do.
    pub fn seal(&self) {
        *self.shared.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Charges a block that is not cut from a chunk.
    pub(crate) fn charge(&self, bytes: usize) {
        self.shared.pool.charge(self.shared.owner, bytes as u64);
    }

    /// Ends such a charge.
    pub(crate) fn discharge(&self, bytes: usize) {
        self.shared.pool.discharge(self.shared.owner, bytes as u64);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pool.close(self.owner);
    }
}

impl fmt::Debug for BatchArena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchArena").field("owner", &self.shared.owner).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
