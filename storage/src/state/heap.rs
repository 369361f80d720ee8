//! An arena with free lists: the memory of rows and strings that live until they are removed one by
//! one.
//!
//! Strings of more than twelve bytes lie in blocks of their own, whole words with zeros behind the
//! last byte, and their cells hold the address.
//!
//! Invariant: a block is either in a free list or owned by exactly one cell or row.

use crate::OutOfMemory;
use crate::StorageError;
use crate::arena::{Addr, Arena, FreeLists, Owner, Pool};
use crate::state::cell::{self, INLINE_BYTES};
use crate::state::visit::{StateVisitor, Visit};

/// No address, as a bare number: the end of a list, a row that is not there.
pub const NO_ADDR: u32 = Addr::NONE.0;

/// An arena with free lists.
#[derive(Debug)]
pub struct Heap {
    arena: Arena,
    free: FreeLists,
}

impl Heap {
    /// An empty heap whose chunks are charged to `owner`.
    pub fn new(pool: &Pool, owner: Owner) -> Self {
        Self { arena: Arena::new(pool, owner), free: FreeLists::default() }
    }

    /// A block of `words` words (at least 1), whose contents are unspecified.
    #[inline]
    pub fn alloc(&mut self, words: usize) -> Result<Addr, OutOfMemory> {
        self.free.alloc(&mut self.arena, words)
    }

    /// A block of zeros.
    #[inline]
    pub fn alloc_zeroed(&mut self, words: usize) -> Result<Addr, OutOfMemory> {
        let addr = self.alloc(words)?;
        self.words_mut(addr, words).fill(0);
        Ok(addr)
    }

    /// Gives a block back; `words` is what it was requested with.
    #[inline]
    pub fn free(&mut self, addr: Addr, words: usize) {
        self.free.free(&mut self.arena, addr, words);
    }

    /// The words of a block.
    #[inline]
    pub fn words(&self, addr: Addr, n: usize) -> &[u64] {
        self.arena.words(addr, n)
    }

    /// The words of a block, to be written.
    #[inline]
    pub fn words_mut(&mut self, addr: Addr, n: usize) -> &mut [u64] {
        self.arena.words_mut(addr, n)
    }

    /// One word.
    #[inline]
    pub fn word(&self, addr: Addr) -> u64 {
        self.arena.word(addr)
    }

    /// Sets one word.
    #[inline]
    pub fn set_word(&mut self, addr: Addr, word: u64) {
        self.arena.set_word(addr, word);
    }

    /// Asks the processor to fetch the cache line of an address.
    #[inline]
    pub fn prefetch(&self, addr: Addr) {
        self.arena.prefetch(addr);
    }

    /// Bytes of the chunks held.
    pub fn held_bytes(&self) -> usize {
        self.arena.held_bytes()
    }

    /// Bytes of the blocks that are not free.
    pub fn live_bytes(&self) -> usize {
        self.free.live_words() * size_of::<u64>()
    }

    /// Forgets everything at once; the chunks go back to the pool.
    pub fn clear(&mut self) {
        self.free = FreeLists::default();
        self.arena.clear();
    }

    /// Forgets everything at once and keeps the chunks for what comes next.
    pub fn reset(&mut self) {
        self.free = FreeLists::default();
        self.arena.reset();
    }

    /// Keeps a string; the two words of its cell.
    #[inline]
    pub fn store_bytes(&mut self, bytes: &[u8]) -> Result<[u64; 2], OutOfMemory> {
        if bytes.len() <= INLINE_BYTES {
            return Ok(cell::inline_words(bytes));
        }
        let n_words = bytes.len().div_ceil(size_of::<u64>());
        let addr = self.alloc(n_words)?;
        self.set_word(addr.offset(n_words - 1), 0);
        self.arena.bytes_mut(addr, bytes.len()).copy_from_slice(bytes);
        Ok([cell::prefix_word(bytes), u64::from(addr.0)])
    }

    /// Gives back the block of a string's cell, if it has one.
    #[inline]
    pub fn free_bytes(&mut self, words: [u64; 2]) {
        let len = cell::str_len(&words);
        if len > INLINE_BYTES {
            self.free(Addr(words[1] as u32), len.div_ceil(size_of::<u64>()));
        }
    }

    /// The bytes of a string's cell that are elsewhere, or `None` if the cell itself holds them.
    #[inline]
    pub(crate) fn outline(&self, words: &[u64]) -> Option<&[u8]> {
        let len = cell::str_len(words);
        (len > INLINE_BYTES).then(|| self.arena.bytes(Addr(words[1] as u32), len))
    }

    /// Calls `f` with the bytes of a string's cell.
    #[inline]
    pub fn with_bytes<R>(&self, words: &[u64], f: impl FnOnce(&[u8]) -> R) -> R {
        match self.outline(words) {
            Some(bytes) => f(bytes),
            None => {
                let (bytes, n) = cell::inline_bytes(words);
                f(&bytes[..n])
            }
        }
    }

    /// The bytes of a string's cell.
    pub fn bytes(&self, words: &[u64]) -> Vec<u8> {
        self.with_bytes(words, <[u8]>::to_vec)
    }

    /// Whether the string of a cell has these bytes.
    #[inline]
    pub fn eq_bytes(&self, words: &[u64], bytes: &[u8]) -> bool {
        if bytes.len() <= INLINE_BYTES {
            return words[..2] == cell::inline_words(bytes);
        }
        words[0] == cell::prefix_word(bytes) && self.outline(words) == Some(bytes)
    }

    /// Whether a string's cell has the same bytes as one whose bytes are in `other_heap`.
    #[inline]
    pub fn eq_cells(&self, words: &[u64], other: &[u64], other_heap: &Self) -> bool {
        if words[0] != other[0] {
            return false;
        }
        match self.outline(words) {
            None => words[1] == other[1],
            bytes => bytes == other_heap.outline(other),
        }
    }

    /// A copy of a string's cell, whose bytes are in `from`, that belongs to this heap.
    pub fn copy_cell(&mut self, words: [u64; 2], from: &Self) -> Result<[u64; 2], OutOfMemory> {
        match from.outline(&words) {
            None => Ok(words),
            Some(bytes) => self.store_bytes(bytes),
        }
    }
}

impl Visit for Heap {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.arena.visit(visitor)?;
        self.free.visit(visitor)
    }
}
