//! Selections: which rows of a batch are live.
//!
//! A filter does not copy rows; it names the ones that stay. The two forms are "all of them" and a
//! list of indices, because a kernel over all rows is a plain loop.
//! Invariant: indices ascend strictly and are below the number of rows of the batch.

use crate::column::buffer::{Buffer, MutBuffer};

/// The live rows of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// All of this many rows.
    All(usize),
    /// The rows at these ascending indices.
    Indices(Buffer<u16>),
}

impl Selection {
    /// The rows at these indices, which ascend strictly.
    pub fn from_indices(indices: Buffer<u16>) -> Self {
        debug_assert!(indices.windows(2).all(|w| w[0] < w[1]), "selected indices ascend");
        Self::Indices(indices)
    }

    /// The rows whose bit is set.
    pub fn from_bitmap(bits: &super::Bitmap) -> Self {
        if bits.is_all_valid() {
            return Self::All(bits.len());
        }
        let mut indices = MutBuffer::with_capacity(bits.count_valid());
        bits.for_each_valid(|i| indices.push(i as u16));
        Self::Indices(indices.freeze())
    }

    /// Number of live rows.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::All(n) => *n,
            Self::Indices(indices) => indices.len(),
        }
    }

    /// Whether no row is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices, unless all rows are live.
    #[inline]
    pub fn indices(&self) -> Option<&[u16]> {
        match self {
            Self::All(_) => None,
            Self::Indices(indices) => Some(indices),
        }
    }

    /// The live rows in order.
    #[inline]
    pub fn iter(&self) -> SelectionIter<'_> {
        match self {
            Self::All(n) => SelectionIter::All(0..*n),
            Self::Indices(indices) => SelectionIter::Indices(indices.iter()),
        }
    }

    /// The live rows for which `keep` holds.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(usize) -> bool) -> Self {
        let mut indices = MutBuffer::with_capacity(self.len());
        indices.extend(self.iter().filter(|&i| keep(i)).map(|i| i as u16));
        if let Self::All(n) = self
            && indices.len() == *n
        {
            return Self::All(*n);
        }
        Self::Indices(indices.freeze())
    }
}

/// Iterates over live rows.
#[derive(Debug, Clone)]
pub enum SelectionIter<'a> {
    /// All rows.
    All(std::ops::Range<usize>),
    /// Listed rows.
    Indices(std::slice::Iter<'a, u16>),
}

impl Iterator for SelectionIter<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        match self {
            Self::All(range) => range.next(),
            Self::Indices(indices) => indices.next().map(|&i| usize::from(i)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::All(range) => range.size_hint(),
            Self::Indices(indices) => indices.size_hint(),
        }
    }
}

impl ExactSizeIterator for SelectionIter<'_> {}

impl<'a> IntoIterator for &'a Selection {
    type Item = usize;
    type IntoIter = SelectionIter<'a>;

    fn into_iter(self) -> SelectionIter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Bitmap;

    #[test]
    fn both_forms_yield_the_same_rows() {
        for n in [0, 1, 63, 64, 65, 1023, 1024] {
            let all: Vec<usize> = Selection::All(n).iter().collect();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
            let odd = Selection::from_bitmap(&Bitmap::from_bools((0..n).map(|i| i % 2 == 1)));
            assert_eq!(
                odd.iter().collect::<Vec<_>>(),
                (0..n).filter(|i| i % 2 == 1).collect::<Vec<_>>()
            );
            assert_eq!(odd.len(), n / 2);
            assert_eq!(Selection::All(n).filter(|i| i % 2 == 1).iter().len(), n / 2);
            assert_eq!(Selection::All(n).filter(|_| true), Selection::All(n));
        }
    }
}
