//! Where a kernel writes: a register whose old buffers are filled again when nobody else holds
//! them.
//!
//! Invariant: after a kernel ran, the register holds a column of `rows` rows whose NULL slots are
//! zero.

use std::fmt;
use std::sync::Arc;

use arena_tr_storage::column::string::{INLINE_BYTES, MAX_STR_BYTES};
use arena_tr_storage::{Bitmap, Buffer, Column, Fixed, MutBuffer, StrColumn, View};
use arena_tr_types::{SqlError, SqlState};

use super::call::Cell;

/// Most bytes that one call may build: offsets in a heap have 32 bits.
const MAX_HEAP_BYTES: usize = u32::MAX as usize;

/// The register that a kernel defines.
#[derive(Debug)]
pub struct Out<'a> {
    register: &'a mut Column,
}

impl<'a> Out<'a> {
    /// Writes into this register; what it held is gone or recycled.
    pub fn new(register: &'a mut Column) -> Self {
        Self { register }
    }

    fn take(&mut self) -> Column {
        std::mem::replace(self.register, Column::Bool(Fixed::default()))
    }

    /// A buffer of `rows` values for the result: the register's own if this is its only owner. What
    /// the slots hold is left over from before; the kernel writes all of them.
    #[inline]
    pub fn values<T: Cell>(&mut self, rows: usize) -> MutBuffer<T> {
        let mut values = match T::take(self.take()) {
            Some(fixed) => fixed.values.recycle(),
            None => MutBuffer::new(),
        };
        values.resize_for_overwrite(rows);
        values
    }

    /// The same, with every slot zero.
    #[inline]
    pub fn zeroed<T: Cell>(&mut self, rows: usize) -> MutBuffer<T> {
        let mut values = self.values::<T>(rows);
        values.fill(T::default());
        values
    }

    /// The result; slots that are NULL are zeroed here.
    #[inline]
    pub fn set<T: Cell>(&mut self, mut values: MutBuffer<T>, validity: Option<Bitmap>) {
        if let Some(bits) = &validity {
            zero_nulls(&mut values, bits);
        }
        *self.register = T::wrap(Fixed { values: values.freeze(), validity });
    }

    /// The result is this column.
    #[inline]
    pub fn put(&mut self, column: Column) {
        *self.register = column;
    }

    /// A writer of `rows` strings, all empty at first.
    pub fn text(&mut self, rows: usize) -> TextOut {
        let (mut views, mut heap, mut heaps) = (MutBuffer::new(), MutBuffer::new(), None);
        if let Column::Str(mut old) = self.take() {
            views = old.views.recycle();
            if let Some([first]) = Arc::get_mut(&mut old.heaps) {
                heap = std::mem::take(first).try_into_mut().unwrap_or_default();
                heaps = Some(old.heaps);
            }
        }
        heap.clear();
        views.resize(rows, View::EMPTY);
        TextOut { views, heap, heaps, start: 0 }
    }

    /// The strings written.
    pub fn set_text(&mut self, text: TextOut, validity: Option<Bitmap>) {
        *self.register = Column::Str(text.finish(validity));
    }
}

/// Zeroes the slots whose bit is clear.
pub fn zero_nulls<T: Copy + Default>(values: &mut [T], bits: &Bitmap) {
    for (block, &word) in values.chunks_mut(64).zip(bits.words()) {
        let mut nulls = !word;
        if block.len() < 64 {
            nulls &= (1 << block.len()) - 1;
        }
        while nulls != 0 {
            block[nulls.trailing_zeros() as usize] = T::default();
            nulls &= nulls - 1;
        }
    }
}

/// Builds strings row by row: bytes are appended, then [`TextOut::end`] gives them to a row. Up to
/// 12 bytes move into the view, longer ones stay in one heap.
#[derive(Debug)]
pub struct TextOut {
    views: MutBuffer<View>,
    heap: MutBuffer<u8>,
    /// The list of one heap that the register had, to be filled again.
    heaps: Option<Arc<[Buffer<u8>]>>,
    /// Where the string being written starts in the heap.
    start: usize,
}

/// The error of a result that is too long.
#[cold]
pub fn too_long() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT, "requested length too large")
}

impl TextOut {
    /// Says that `n` bytes will follow: an error if that is more than a value or a column may have.
    #[inline]
    pub fn reserve(&mut self, n: usize) -> Result<(), SqlError> {
        let written = self.heap.len() - self.start;
        if n > MAX_STR_BYTES - written.min(MAX_STR_BYTES)
            || self.start > MAX_HEAP_BYTES - MAX_STR_BYTES
        {
            return Err(too_long());
        }
        self.heap.reserve(n);
        Ok(())
    }

    /// Appends bytes to the string being written.
    #[inline]
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.heap.extend_from_slice(bytes);
    }

    /// Appends text to the string being written.
    #[inline]
    pub fn push(&mut self, text: &str) {
        self.heap.extend_from_slice(text.as_bytes());
    }

    /// Appends one character.
    #[inline]
    pub fn push_char(&mut self, c: char) {
        let mut buffer = [0; 4];
        self.push(c.encode_utf8(&mut buffer));
    }

    /// The bytes of the string being written.
    pub fn current(&mut self) -> &mut [u8] {
        let start = self.start;
        &mut self.heap[start..]
    }

    /// Drops what was written behind the first `n` bytes of the string being written.
    pub fn cut(&mut self, n: usize) {
        self.heap.truncate(self.start + n);
    }

    /// Drops what was written since the last row.
    pub fn discard(&mut self) {
        self.heap.truncate(self.start);
    }

    /// Gives what was written to row `i`.
    #[inline]
    pub fn end(&mut self, i: usize) -> Result<(), SqlError> {
        let bytes = &self.heap[self.start..];
        if bytes.len() <= INLINE_BYTES {
            self.views[i] = View::inline(bytes);
            self.heap.truncate(self.start);
            return Ok(());
        }
        if bytes.len() > MAX_STR_BYTES || self.heap.len() > MAX_HEAP_BYTES {
            self.heap.truncate(self.start);
            return Err(too_long());
        }
        self.views[i] = View::outline(bytes, 0, self.start as u32);
        self.start = self.heap.len();
        Ok(())
    }

    /// Gives the string of row `from` to row `i` too.
    #[inline]
    pub fn repeat(&mut self, i: usize, from: usize) {
        self.views[i] = self.views[from];
    }

    /// Writes the whole string of row `i`.
    #[inline]
    pub fn set(&mut self, i: usize, bytes: &[u8]) -> Result<(), SqlError> {
        if bytes.len() <= INLINE_BYTES {
            self.views[i] = View::inline(bytes);
            return Ok(());
        }
        self.reserve(bytes.len())?;
        self.push_bytes(bytes);
        self.end(i)
    }

    fn finish(mut self, validity: Option<Bitmap>) -> StrColumn {
        if let Some(bits) = &validity {
            zero_nulls(&mut self.views, bits);
        }
        let heaps = match self.heaps.take() {
            Some(mut heaps) => {
                if let Some([first]) = Arc::get_mut(&mut heaps) {
                    *first = self.heap.freeze();
                }
                heaps
            }
            None if self.start == 0 => Arc::default(),
            None => Arc::from([self.heap.freeze()]),
        };
        StrColumn { views: self.views.freeze(), heaps, validity }
    }
}

impl fmt::Write for TextOut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}
