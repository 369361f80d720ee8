//! Bitmaps: which rows are valid, 64 to a word.
//!
//! Bit `i % 64` of word `i / 64` speaks of row `i` (Arrow's little-endian bit order); 1 is valid.
//! Words are the unit of work: NULL propagation is one `and` per 64 rows.
//! Invariant: bits past `len` are zero, and bit 0 of word 0 is row 0 (no bit offsets), so kernels
//! take `words()` as they are.

use crate::arena::BatchArena;
use crate::column::RowIdx;
use crate::column::buffer::{Buffer, MutBuffer};

/// Bits of one word.
const WORD: usize = 64;

/// An immutable bitmap. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bitmap {
    words: Buffer<u64>,
    len: usize,
}

/// The low `n` bits of a word set (`n` at most 64).
#[inline]
const fn low_bits(n: usize) -> u64 {
    if n == WORD { u64::MAX } else { (1 << n) - 1 }
}

impl Bitmap {
    /// `len` rows, all valid.
    pub fn all_valid(len: usize) -> Self {
        let mut words = MutBuffer::with_capacity(len.div_ceil(WORD));
        words.resize(len.div_ceil(WORD), u64::MAX);
        Self::from_words(words, len)
    }

    /// `len` rows, none valid.
    pub fn none_valid(len: usize) -> Self {
        Self { words: Buffer::filled(len.div_ceil(WORD), 0), len }
    }

    /// From words that a kernel wrote; bits past `len` are cleared here. There must be exactly
    /// `len.div_ceil(64)` words.
    pub fn from_words(mut words: MutBuffer<u64>, len: usize) -> Self {
        assert_eq!(words.len(), len.div_ceil(WORD), "a bitmap has one word per 64 rows");
        if let (Some(last), rest @ 1..) = (words.last_mut(), len % WORD) {
            *last &= low_bits(rest);
        }
        Self { words: words.freeze(), len }
    }

    /// One bit per item.
    pub fn from_bools(bits: impl IntoIterator<Item = bool>) -> Self {
        let mut builder = BitmapBuilder::default();
        bits.into_iter().for_each(|bit| builder.push(bit));
        builder.finish()
    }

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether row `i` is valid.
    #[inline]
    pub fn get(&self, i: usize) -> bool {
        debug_assert!(i < self.len);
        self.words[i / WORD] >> (i % WORD) & 1 != 0
    }

    /// The words; bits past `len` are zero.
    #[inline]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words as a buffer, for recycling.
    pub fn into_words(self) -> Buffer<u64> {
        self.words
    }

    /// How many rows are valid.
    pub fn count_valid(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Whether every row is valid.
    pub fn is_all_valid(&self) -> bool {
        self.count_valid() == self.len
    }

    /// Rows valid in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        assert_eq!(self.len, other.len, "bitmaps of one operation have one length");
        let words = self.words.iter().zip(other.words()).map(|(a, b)| a & b).collect();
        Self { words, len: self.len }
    }

    /// Rows valid in either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        assert_eq!(self.len, other.len, "bitmaps of one operation have one length");
        let words = self.words.iter().zip(other.words()).map(|(a, b)| a | b).collect();
        Self { words, len: self.len }
    }

    /// Valid becomes not valid and the reverse.
    #[must_use]
    pub fn not(&self) -> Self {
        Self::from_words(self.words.iter().map(|w| !w).collect(), self.len)
    }

    /// Validity of a result whose operands have these: valid where both are.
    pub fn both(a: Option<&Self>, b: Option<&Self>) -> Option<Self> {
        match (a, b) {
            (None, None) => None,
            (Some(only), None) | (None, Some(only)) => Some(only.clone()),
            (Some(a), Some(b)) => Some(a.and(b)),
        }
    }

    /// The rows from `start`, `len` of them. Shares the words when they begin and end on word
    /// boundaries.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        assert!(start <= self.len && len <= self.len - start, "slice within the bitmap");
        let end = start + len;
        let whole_end = end.is_multiple_of(WORD) || end == self.len;
        if start.is_multiple_of(WORD) && whole_end {
            let words = self.words.slice(start / WORD..end.div_ceil(WORD));
            return Self { words, len };
        }
        let n_words = len.div_ceil(WORD);
        let (first, shift) = (start / WORD, start % WORD);
        let word = |i: usize| self.words.get(first + i).copied().unwrap_or(0);
        let shifted = (0..n_words).map(|i| match shift {
            0 => word(i),
            _ => word(i) >> shift | word(i + 1) << (WORD - shift),
        });
        Self::from_words(shifted.collect(), len)
    }

    /// The bits of these rows, in this order.
    #[must_use]
    pub fn take<I: RowIdx>(&self, rows: &[I]) -> Self {
        let words = rows.chunks(WORD).map(|rows| {
            rows.iter()
                .enumerate()
                .fold(0, |word, (bit, row)| word | u64::from(self.get(row.index())) << bit)
        });
        Self { words: words.collect(), len: rows.len() }
    }

    /// Calls `f` with each valid row, ascending.
    #[inline]
    pub fn for_each_valid(&self, mut f: impl FnMut(usize)) {
        for (i, &word) in self.words.iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                f(i * WORD + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }

    /// Each row's bit in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.len).map(|i| self.get(i))
    }

    /// `None` if every row is valid, else this: the form columns keep.
    pub fn normalize(self) -> Option<Self> {
        if self.is_all_valid() { None } else { Some(self) }
    }

    /// A copy in a batch arena.
    #[must_use]
    pub fn copy_in(&self, arena: &BatchArena) -> Self {
        Self { words: Buffer::from_slice_in(&self.words, arena), len: self.len }
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        self.words.block_bytes()
    }
}

/// Builds a bitmap bit by bit or run by run.
#[derive(Debug, Default)]
pub struct BitmapBuilder {
    words: MutBuffer<u64>,
    len: usize,
}

impl BitmapBuilder {
    /// Room for `n` bits.
    pub fn with_capacity(n: usize) -> Self {
        Self { words: MutBuffer::with_capacity(n.div_ceil(WORD)), len: 0 }
    }

    /// Bits so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no bit yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends one bit.
    #[inline]
    pub fn push(&mut self, bit: bool) {
        let at = self.len % WORD;
        if at == 0 {
            self.words.push(u64::from(bit));
        } else if let Some(last) = self.words.last_mut() {
            *last |= u64::from(bit) << at;
        }
        self.len += 1;
    }

    /// Appends `n` times the same bit.
    pub fn push_n(&mut self, bit: bool, mut n: usize) {
        while n > 0 && !self.len.is_multiple_of(WORD) {
            self.push(bit);
            n -= 1;
        }
        let fill = if bit { u64::MAX } else { 0 };
        self.words.resize(self.words.len() + n / WORD, fill);
        self.len += n / WORD * WORD;
        for _ in 0..n % WORD {
            self.push(bit);
        }
    }

    /// Appends all bits of a bitmap.
    pub fn extend(&mut self, bits: &Bitmap) {
        let shift = self.len % WORD;
        if shift == 0 {
            self.words.extend_from_slice(bits.words());
        } else {
            for &word in bits.words() {
                if let Some(last) = self.words.last_mut() {
                    *last |= word << shift;
                }
                self.words.push(word >> (WORD - shift));
            }
        }
        self.len += bits.len();
        self.words.truncate(self.len.div_ceil(WORD));
    }

    /// The bitmap.
    pub fn finish(self) -> Bitmap {
        Bitmap::from_words(self.words, self.len)
    }

    /// The bitmap, or `None` if every bit is set.
    pub fn finish_validity(self) -> Option<Bitmap> {
        self.finish().normalize()
    }
}

#[cfg(test)]
#[path = "bitmap_tests.rs"]
mod tests;
