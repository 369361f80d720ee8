//! Fixed-width columns.
//!
//! Invariant: `validity`, when present, has the length of `values`, and a NULL slot holds zero.

use crate::arena::BatchArena;
use crate::column::RowIdx;
use crate::column::bitmap::{Bitmap, BitmapBuilder};
use crate::column::buffer::{Buffer, MutBuffer, Pod};

/// Values of one fixed-width type.
#[derive(Debug, Clone, Default)]
pub struct Fixed<T: Pod> {
    /// One slot per row; zero where the row is NULL.
    pub values: Buffer<T>,
    /// Which rows are not NULL; `None` means all.
    pub validity: Option<Bitmap>,
}

/// Appends `values[row]` for each row to `out`.
#[inline]
pub fn gather<T: Pod, I: RowIdx>(values: &[T], rows: &[I], out: &mut MutBuffer<T>) {
    let start = out.len();
    out.resize_for_overwrite(start + rows.len());
    for (slot, row) in out[start..].iter_mut().zip(rows) {
        *slot = values[row.index()];
    }
}

impl<T: Pod> Fixed<T> {
    /// These values; none is NULL.
    pub fn new(values: Buffer<T>) -> Self {
        Self { values, validity: None }
    }

    /// These values with this validity. Panics if the lengths differ.
    pub fn with_validity(values: Buffer<T>, validity: Option<Bitmap>) -> Self {
        assert!(validity.as_ref().is_none_or(|v| v.len() == values.len()), "one bit per value");
        Self { values, validity }
    }

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether row `i` is NULL.
    #[inline]
    pub fn is_null(&self, i: usize) -> bool {
        self.validity.as_ref().is_some_and(|v| !v.get(i))
    }

    /// Row `i`, or `None` if it is NULL.
    #[inline]
    pub fn get(&self, i: usize) -> Option<T> {
        if self.is_null(i) { None } else { Some(self.values[i]) }
    }

    /// Each row in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<T>> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }

    /// The rows from `start`, `len` of them. Shares memory.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        Self {
            values: self.values.slice(start..start + len),
            validity: self.validity.as_ref().and_then(|v| v.slice(start, len).normalize()),
        }
    }

    /// The rows at these indices, in this order.
    #[must_use]
    pub fn take<I: RowIdx>(&self, rows: &[I]) -> Self {
        let mut values = MutBuffer::new();
        gather(&self.values, rows, &mut values);
        let validity = self.validity.as_ref().and_then(|v| v.take(rows).normalize());
        Self { values: values.freeze(), validity }
    }

    /// All rows of these columns, one after the other.
    pub fn concat(columns: &[&Self]) -> Self {
        let mut values = MutBuffer::with_capacity(columns.iter().map(|c| c.len()).sum());
        for column in columns {
            values.extend_from_slice(&column.values);
        }
        let validity = concat_validity(columns.iter().map(|c| (c.len(), c.validity.as_ref())));
        Self { values: values.freeze(), validity }
    }

    /// A copy in a batch arena.
    #[must_use]
    pub fn copy_in(&self, arena: &BatchArena) -> Self {
        let values = Buffer::from_slice_in(&self.values, arena);
        Self { values, validity: self.validity.as_ref().map(|v| v.copy_in(arena)) }
    }

    /// Bytes of the buffers behind this column.
    pub fn memory_bytes(&self) -> usize {
        self.values.block_bytes() + self.validity.as_ref().map_or(0, Bitmap::memory_bytes)
    }
}

impl<T: Pod> From<Vec<T>> for Fixed<T> {
    fn from(values: Vec<T>) -> Self {
        Self::new(values.into())
    }
}

impl<T: Pod> FromIterator<T> for Fixed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::new(values.into_iter().collect())
    }
}

impl<T: Pod> FromIterator<Option<T>> for Fixed<T> {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(rows: I) -> Self {
        let mut values = MutBuffer::new();
        let mut validity = BitmapBuilder::default();
        for row in rows {
            values.push(row.unwrap_or_default());
            validity.push(row.is_some());
        }
        Self { values: values.freeze(), validity: validity.finish_validity() }
    }
}

/// The validity of columns laid end to end, given each one's length and validity.
pub(super) fn concat_validity<'a>(
    parts: impl Iterator<Item = (usize, Option<&'a Bitmap>)> + Clone,
) -> Option<Bitmap> {
    if parts.clone().all(|(_, validity)| validity.is_none()) {
        return None;
    }
    let mut builder = BitmapBuilder::default();
    for (len, validity) in parts {
        match validity {
            Some(bits) => builder.extend(bits),
            None => builder.push_n(true, len),
        }
    }
    builder.finish_validity()
}
