//! Free lists: reuse inside an arena that lives as long as its view.
//!
//! One list per size class; a freed block's first word links to the next. Sizes up to
//! [`EXACT_WORDS`] have a class each, larger ones are rounded up to a quarter of a power of two.
//! Invariant: a block is freed with the size it was allocated with; `live_words` counts blocks in
//! use, as rounded, so the owner can tell when compaction pays ([`FreeLists::is_sparse`]).

use super::{Addr, Arena, CHUNK_WORDS};
use crate::StorageError;
use crate::error::OutOfMemory;
use crate::state::visit::{StateVisitor, Visit, mismatch};

/// Sizes up to this many words have a list each.
const EXACT_WORDS: usize = 32;
/// Classes for larger sizes: four per doubling, up to a chunk.
const N_CLASSES: usize = EXACT_WORDS + 1 + 4 * 8;

/// Lists of freed blocks of one arena.
#[derive(Debug, Clone)]
pub struct FreeLists {
    heads: [Addr; N_CLASSES],
    live_words: usize,
    free_words: usize,
}

impl Default for FreeLists {
    fn default() -> Self {
        Self { heads: [Addr::NONE; N_CLASSES], live_words: 0, free_words: 0 }
    }
}

/// Class and rounded size of a block of `n` words; no class for what a chunk cannot hold.
fn class(n: usize) -> (Option<usize>, usize) {
    if n <= EXACT_WORDS {
        return (Some(n), n);
    }
    if n > CHUNK_WORDS {
        return (None, n);
    }
    // `step` is a quarter of the power of two below n.
    let doubling = (n - 1).ilog2();
    let step = 1 << (doubling - 2);
    let rounded = n.next_multiple_of(step);
    let quarter = (rounded - 1) >> (doubling - 2) & 3;
    let from_32 = doubling as usize - EXACT_WORDS.ilog2() as usize;
    (Some(EXACT_WORDS + 1 + from_32 * 4 + quarter), rounded)
}

impl FreeLists {
    /// Takes `n` words: a freed block of the class, else fresh ones. They hold whatever was there.
    #[inline]
    pub fn alloc(&mut self, arena: &mut Arena, n: usize) -> Result<Addr, OutOfMemory> {
        let (class, rounded) = class(n);
        let head = class.map_or(Addr::NONE, |c| self.heads[c]);
        let addr = match class {
            Some(class) if !head.is_none() => {
                self.heads[class] = Addr(arena.word(head) as u32);
                self.free_words -= rounded;
                head
            }
            _ => arena.alloc(rounded)?,
        };
        self.live_words += rounded;
        Ok(addr)
    }

    /// Gives a block of `n` words back, which was allocated as `n` words. Blocks longer than a
    /// chunk are not reused: they count as free until compaction.
    #[inline]
    pub fn free(&mut self, arena: &mut Arena, addr: Addr, n: usize) {
        let (class, rounded) = class(n);
        debug_assert!(self.live_words >= rounded, "a block is freed once, with its own size");
        self.live_words -= rounded;
        if let Some(class) = class.filter(|_| n > 0) {
            arena.set_word(addr, u64::from(self.heads[class].0));
            self.heads[class] = addr;
        }
        self.free_words += rounded;
    }

    /// How many words a block of `n` really has: room to grow in place.
    pub fn rounded(n: usize) -> usize {
        class(n).1
    }

    /// Words in use.
    pub fn live_words(&self) -> usize {
        self.live_words
    }

    /// Words in lists.
    pub fn free_words(&self) -> usize {
        self.free_words
    }

    /// Whether less than half of what was allocated is in use, and the waste is worth a copy: the
    /// owner should move what lives to a fresh arena.
    pub fn is_sparse(&self) -> bool {
        self.free_words > self.live_words && self.free_words > CHUNK_WORDS
    }
}

impl Visit for FreeLists {
    /// Most lists are empty: those that are not are told by their number.
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.live_words.visit(visitor)?;
        self.free_words.visit(visitor)?;
        let mut used = Vec::new();
        // Without a free word there is no list to look for.
        if self.free_words > 0 {
            used.extend((0..N_CLASSES).filter(|class| !self.heads[*class].is_none()));
        }
        let mut n = used.len();
        n.visit(visitor)?;
        if visitor.is_loading() {
            if n > N_CLASSES {
                return Err(mismatch("free lists"));
            }
            self.heads = [Addr::NONE; N_CLASSES];
            used = vec![0; n];
        }
        for class in &mut used {
            class.visit(visitor)?;
            let head = self.heads.get_mut(*class).ok_or_else(|| mismatch("a free list"))?;
            head.visit(visitor)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "free_list_tests.rs"]
mod tests;
