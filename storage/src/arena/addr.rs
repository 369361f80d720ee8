//! Addresses: chunk and word, never a pointer.
//!
//! An address stays valid when its arena is saved, mapped back or copied, and fits the 48 bits that
//! a directory entry leaves beside its tag.
//! Invariant: the low 13 bits are the word within the chunk, the high 19 bits the chunk.

use std::fmt;

/// Words of one chunk.
pub const CHUNK_WORDS: usize = 1 << WORD_BITS;
/// Bytes of one chunk: 64 KiB.
pub const CHUNK_BYTES: usize = CHUNK_WORDS * size_of::<u64>();
/// Most chunks of one arena. One less than the bits allow, so that [`Addr::NONE`] is no address.
pub const MAX_CHUNKS: usize = (1 << (u32::BITS - WORD_BITS)) - 1;

pub(super) const WORD_BITS: u32 = 13;
const WORD_MASK: u32 = (1 << WORD_BITS) - 1;

/// Where something lies in an arena: a chunk (19 bits) and a word in it (13 bits).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Addr(pub u32);

impl Addr {
    /// No address: what an empty link holds.
    pub const NONE: Self = Self(u32::MAX);

    /// The chunk's index in its arena.
    #[inline]
    pub const fn chunk(self) -> usize {
        (self.0 >> WORD_BITS) as usize
    }

    /// The word within the chunk, below [`CHUNK_WORDS`].
    #[inline]
    pub const fn word(self) -> usize {
        (self.0 & WORD_MASK) as usize
    }

    /// The address `n` words further, within the same allocation.
    #[inline]
    #[must_use]
    pub const fn offset(self, n: usize) -> Self {
        Self(self.0 + n as u32)
    }

    /// Whether this is [`Addr::NONE`].
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("@none");
        }
        write!(f, "@{}:{}", self.chunk(), self.word())
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
