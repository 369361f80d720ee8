//! String columns: 16-byte views, twelve bytes inline, longer ones in shared heaps.
//!
//! The layout of a [`View`] is Arrow's: length, then either up to twelve bytes padded with zeros,
//! or the first four bytes, a heap index and an offset. Two short strings are equal if their views
//! are; two long ones differ at once if length or prefix do. A gather copies views and shares the
//! heaps.
//! Invariant: bytes of a view that carry no information are zero, so equal short strings have equal
//! views; the view of a NULL is [`View::EMPTY`].

use std::sync::Arc;

use crate::arena::BatchArena;
use crate::column::RowIdx;
use crate::column::bitmap::{Bitmap, BitmapBuilder};
use crate::column::buffer::{Buffer, MutBuffer};
use crate::column::fixed::{concat_validity, gather};

/// Bytes of a string that fit in its view.
pub const INLINE_BYTES: usize = 12;
/// Longest string a column holds, in bytes; PostgreSQL's limit too.
pub const MAX_STR_BYTES: usize = 1 << 30;
/// A builder starts a new heap rather than copy one that is larger than this.
const HEAP_BYTES: usize = 1 << 18;
/// Above so many heaps a concatenation copies the bytes into one.
const MAX_SHARED_HEAPS: usize = 16;

/// One string: its bytes, or where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(C, align(8))]
pub struct View {
    len: u32,
    data: [u8; INLINE_BYTES],
}

const _: () = assert!(size_of::<View>() == 16);

impl View {
    /// The empty string.
    pub const EMPTY: Self = Self { len: 0, data: [0; INLINE_BYTES] };

    /// The view of a string of at most [`INLINE_BYTES`] bytes.
    #[inline]
    pub fn inline(bytes: &[u8]) -> Self {
        let n = bytes.len();
        assert!(n <= INLINE_BYTES, "only short strings are inline");
        // PERF: overlapping words, shifted and joined in registers: a copy of variable length is a
        // call, and stores of single bytes would stall the load of the view that follows.
        let word = |chunk: Option<&[u8; 4]>| chunk.map_or(0, |c| u64::from(u32::from_le_bytes(*c)));
        let (low, high) = match n {
            8.. => {
                let head = bytes.first_chunk::<8>().map_or(0, |c| u64::from_le_bytes(*c));
                (head, word(bytes.last_chunk()) >> (8 * (INLINE_BYTES - n)))
            }
            4.. => (word(bytes.first_chunk()) | word(bytes.last_chunk()) << (8 * (n - 4)), 0),
            // At most three bytes: first, middle and last cover them.
            1.. => {
                let byte = |i: usize| u64::from(bytes[i]) << (8 * i);
                (byte(0) | byte(n / 2) | byte(n - 1), 0)
            }
            0 => (0, 0),
        };
        let mut data = [0; INLINE_BYTES];
        data[..8].copy_from_slice(&low.to_le_bytes());
        data[8..].copy_from_slice(&(high as u32).to_le_bytes());
        Self { len: n as u32, data }
    }

    /// The view of a longer string, whose bytes are at `offset` of heap number `heap`.
    #[inline]
    pub fn outline(bytes: &[u8], heap: u32, offset: u32) -> Self {
        debug_assert!(bytes.len() > INLINE_BYTES);
        let mut data = [0; INLINE_BYTES];
        data[..4].copy_from_slice(&bytes[..4]);
        data[4..8].copy_from_slice(&heap.to_le_bytes());
        data[8..].copy_from_slice(&offset.to_le_bytes());
        Self { len: bytes.len() as u32, data }
    }

    /// Length of the string in bytes.
    #[inline]
    pub fn len(self) -> usize {
        self.len as usize
    }

    /// Whether the string is empty.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Whether the view itself holds all bytes.
    #[inline]
    pub fn is_inline(self) -> bool {
        self.len() <= INLINE_BYTES
    }

    /// The bytes, if the view holds them.
    #[inline]
    pub fn inline_bytes(&self) -> Option<&[u8]> {
        self.data.get(..self.len())
    }

    /// The first four bytes, padded with zeros.
    #[inline]
    pub fn prefix(self) -> [u8; 4] {
        [self.data[0], self.data[1], self.data[2], self.data[3]]
    }

    /// Heap number of a view that is not inline.
    #[inline]
    pub fn heap(self) -> u32 {
        u32::from_le_bytes([self.data[4], self.data[5], self.data[6], self.data[7]])
    }

    /// Offset in the heap of a view that is not inline.
    #[inline]
    pub fn offset(self) -> u32 {
        u32::from_le_bytes([self.data[8], self.data[9], self.data[10], self.data[11]])
    }

    /// The view as two words: length and prefix; the rest.
    #[inline]
    pub fn to_words(self) -> [u64; 2] {
        let prefix = u64::from(u32::from_le_bytes(self.prefix()));
        let low = prefix << 32 | u64::from(self.len);
        [low, u64::from(self.offset()) << 32 | u64::from(self.heap())]
    }

    /// The view whose words these are.
    #[inline]
    pub fn from_words(words: [u64; 2]) -> Self {
        let mut data = [0; INLINE_BYTES];
        data[..4].copy_from_slice(&((words[0] >> 32) as u32).to_le_bytes());
        data[4..].copy_from_slice(&words[1].to_le_bytes());
        Self { len: words[0] as u32, data }
    }

    /// The view after `by` heaps were put before its own.
    #[inline]
    #[must_use]
    fn moved(mut self, by: u32) -> Self {
        if !self.is_inline() {
            let heap = self.heap() + by;
            self.data[4..8].copy_from_slice(&heap.to_le_bytes());
        }
        self
    }
}

/// Strings, or the encoded form of arrays and rows.
#[derive(Debug, Clone)]
pub struct StrColumn {
    /// One view per row.
    pub views: Buffer<View>,
    /// Where the bytes of long strings are.
    pub heaps: Arc<[Buffer<u8>]>,
    /// Which rows are not NULL; `None` means all.
    pub validity: Option<Bitmap>,
}

impl Default for StrColumn {
    fn default() -> Self {
        StrBuilder::with_capacity(0).finish(None)
    }
}

impl StrColumn {
    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Whether row `i` is NULL.
    #[inline]
    pub fn is_null(&self, i: usize) -> bool {
        self.validity.as_ref().is_some_and(|v| !v.get(i))
    }

    /// The bytes of row `i`; empty if it is NULL.
    #[inline]
    pub fn get(&self, i: usize) -> &[u8] {
        self.bytes_of(&self.views[i])
    }

    /// The bytes that a view of this column stands for.
    #[inline]
    pub fn bytes_of<'a>(&'a self, view: &'a View) -> &'a [u8] {
        match view.inline_bytes() {
            Some(bytes) => bytes,
            None => {
                let start = view.offset() as usize;
                &self.heaps[view.heap() as usize][start..start + view.len()]
            }
        }
    }

    /// The text of row `i`; empty if it is NULL. Panics if the bytes are not UTF-8, which columns
    /// of text types never hold; for BYTEA, arrays and rows use [`Self::get`].
    #[inline]
    pub fn str_at(&self, i: usize) -> &str {
        std::str::from_utf8(self.get(i)).expect("columns of text types hold UTF-8")
    }

    /// Each row's bytes in order, or `None` where NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> + '_ {
        (0..self.len()).map(|i| if self.is_null(i) { None } else { Some(self.get(i)) })
    }

    /// Whether row `i` equals row `j` of `other`, NULLs aside. Decides by the views where it can.
    #[inline]
    pub fn row_eq(&self, i: usize, other: &Self, j: usize) -> bool {
        let (a, b) = (&self.views[i], &other.views[j]);
        if a.is_inline() || a.len() != b.len() || a.prefix() != b.prefix() {
            return a == b;
        }
        self.bytes_of(a) == other.bytes_of(b)
    }

    /// The rows from `start`, `len` of them. Shares memory.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        Self {
            views: self.views.slice(start..start + len),
            heaps: Arc::clone(&self.heaps),
            validity: self.validity.as_ref().and_then(|v| v.slice(start, len).normalize()),
        }
    }

    /// The rows at these indices, in this order. Shares the heaps.
    #[must_use]
    pub fn take<I: RowIdx>(&self, rows: &[I]) -> Self {
        let mut views = MutBuffer::new();
        gather(&self.views, rows, &mut views);
        let validity = self.validity.as_ref().and_then(|v| v.take(rows).normalize());
        Self { views: views.freeze(), heaps: Arc::clone(&self.heaps), validity }
    }

    /// Bytes of long strings that rows refer to (a string shared by two rows counts twice).
    pub fn live_heap_bytes(&self) -> usize {
        self.views.iter().filter(|v| !v.is_inline()).map(|v| v.len()).sum()
    }

    /// Bytes of the heaps, used or not.
    pub fn heap_bytes(&self) -> usize {
        self.heaps.iter().map(|h| h.len()).sum()
    }

    /// The same rows with heaps that hold their bytes and nothing else: for a column that is kept
    /// after a filter left few of its rows.
    #[must_use]
    pub fn copy_heaps(&self) -> Self {
        self.copy_into(StrBuilder::with_capacity(self.len()), self.validity.clone())
    }

    /// A copy in a batch arena, with heaps that hold its bytes and nothing else.
    #[must_use]
    pub fn copy_in(&self, arena: &BatchArena) -> Self {
        let validity = self.validity.as_ref().map(|v| v.copy_in(arena));
        self.copy_into(StrBuilder::with_capacity_in(self.len(), arena), validity)
    }

    fn copy_into(&self, mut builder: StrBuilder, validity: Option<Bitmap>) -> Self {
        let bytes = self.live_heap_bytes();
        if bytes == 0 {
            // All are in the views; a NULL's view is empty.
            builder.views.extend_from_slice(&self.views);
            return builder.finish(validity);
        }
        builder.reserve_long(bytes);
        self.views.iter().for_each(|view| builder.push(self.bytes_of(view)));
        builder.finish(validity)
    }

    /// All rows of these columns, one after the other. Shares the heaps while they are few and
    /// mostly used, else copies the bytes: repeated concatenation must not collect heaps without
    /// end.
    pub fn concat(columns: &[&Self]) -> Self {
        let validity = concat_validity(columns.iter().map(|c| (c.len(), c.validity.as_ref())));
        let rows = columns.iter().map(|c| c.len()).sum();
        let n_heaps: usize = columns.iter().map(|c| c.heaps.len()).sum();
        let held: usize = columns.iter().map(|c| c.heap_bytes()).sum();
        let live: usize = columns.iter().map(|c| c.live_heap_bytes()).sum();
        if n_heaps > MAX_SHARED_HEAPS || held > live.saturating_mul(2) {
            let mut builder = StrBuilder::with_capacity(rows);
            for column in columns {
                column.views.iter().for_each(|view| builder.push(column.bytes_of(view)));
            }
            return builder.finish(validity);
        }
        let mut views = MutBuffer::with_capacity(rows);
        let mut heaps = Vec::with_capacity(n_heaps);
        for column in columns {
            let first_heap = heaps.len() as u32;
            views.extend(column.views.iter().map(|view| view.moved(first_heap)));
            heaps.extend(column.heaps.iter().cloned());
        }
        Self { views: views.freeze(), heaps: heaps.into(), validity }
    }

    /// Bytes of the buffers behind this column.
    pub fn memory_bytes(&self) -> usize {
        let heaps: usize = self.heaps.iter().map(Buffer::block_bytes).sum();
        let validity = self.validity.as_ref().map_or(0, Bitmap::memory_bytes);
        self.views.block_bytes() + heaps + validity
    }
}

/// Builds views and heaps. Validity is the caller's.
#[derive(Debug, Default)]
pub struct StrBuilder {
    views: MutBuffer<View>,
    full: Vec<Buffer<u8>>,
    heap: MutBuffer<u8>,
    arena: Option<BatchArena>,
}

impl StrBuilder {
    /// Room for `n` views.
    pub fn with_capacity(n: usize) -> Self {
        Self { views: MutBuffer::with_capacity(n), ..Self::default() }
    }

    /// Room for `n` views; they and the heaps come from a batch arena.
    pub fn with_capacity_in(n: usize, arena: &BatchArena) -> Self {
        let views = MutBuffer::with_capacity_in(n, arena);
        Self { views, arena: Some(arena.clone()), ..Self::default() }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether there is no row yet.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Appends a string of at most [`MAX_STR_BYTES`] bytes.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        let view =
            if bytes.len() <= INLINE_BYTES { View::inline(bytes) } else { self.store(bytes) };
        self.views.push(view);
    }

    /// Appends a string whose bytes are all in its view.
    #[inline]
    pub fn push_view(&mut self, view: View) {
        debug_assert!(view.is_inline(), "a long string belongs to a heap");
        self.views.push(view);
    }

    /// Appends a string that this builder has already.
    #[inline]
    pub fn push_again(&mut self, view: View) {
        self.views.push(view);
    }

    /// The view of the last string; that of the empty string if there is none.
    #[inline]
    pub fn last(&self) -> View {
        self.views.last().copied().unwrap_or_default()
    }

    /// Room for so many bytes of long strings in one heap, unless they are too many for one.
    pub fn reserve_long(&mut self, bytes: usize) {
        let needed = self.heap.len().saturating_add(bytes);
        if needed <= MAX_STR_BYTES && needed > self.heap.capacity() {
            self.make_room(needed);
        }
    }

    /// Puts the bytes of a long string in the current heap.
    fn store(&mut self, bytes: &[u8]) -> View {
        assert!(bytes.len() <= MAX_STR_BYTES, "functions bound the length of what they build");
        let needed = self.heap.len() + bytes.len();
        if needed > self.heap.capacity() {
            self.make_room(needed);
        }
        let offset = self.heap.len() as u32;
        self.heap.extend_from_slice(bytes);
        View::outline(bytes, self.full.len() as u32, offset)
    }

    /// The current heap is too small: grows it while it is small, else starts another.
    #[cold]
    fn make_room(&mut self, needed: usize) {
        let mut capacity = needed;
        if needed > HEAP_BYTES && !self.heap.is_empty() {
            let used = self.heap.len();
            self.full.push(std::mem::take(&mut self.heap).freeze());
            capacity = HEAP_BYTES.max(needed - used);
        }
        match &self.arena {
            Some(arena) if self.heap.capacity() == 0 => {
                self.heap = MutBuffer::with_capacity_in(capacity, arena);
            }
            _ => self.heap.reserve(capacity - self.heap.len()),
        }
    }

    /// The column, with this validity (of the same length).
    pub fn finish(mut self, validity: Option<Bitmap>) -> StrColumn {
        debug_assert!(validity.as_ref().is_none_or(|v| v.len() == self.views.len()));
        if !self.heap.is_empty() {
            self.full.push(self.heap.freeze());
        }
        StrColumn { views: self.views.freeze(), heaps: self.full.into(), validity }
    }
}

impl<'a> FromIterator<&'a str> for StrColumn {
    fn from_iter<I: IntoIterator<Item = &'a str>>(rows: I) -> Self {
        let mut builder = StrBuilder::default();
        rows.into_iter().for_each(|row| builder.push(row.as_bytes()));
        builder.finish(None)
    }
}

impl<'a> FromIterator<Option<&'a str>> for StrColumn {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(rows: I) -> Self {
        let mut builder = StrBuilder::default();
        let mut validity = BitmapBuilder::default();
        for row in rows {
            builder.push(row.unwrap_or_default().as_bytes());
            validity.push(row.is_some());
        }
        builder.finish(validity.finish_validity())
    }
}

#[cfg(test)]
#[path = "string_tests.rs"]
mod tests;
