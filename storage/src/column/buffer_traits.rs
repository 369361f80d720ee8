//! What buffers share with other collections: defaults, comparison, collecting, conversion.
//!
//! Invariant: buffers are equal if their values are, wherever they lie.

use super::*;

impl<T: Pod> Default for Buffer<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: Pod> Default for MutBuffer<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Pod> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<T: Pod> fmt::Debug for MutBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Pod> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Pod> FromIterator<T> for Buffer<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        values.into_iter().collect::<MutBuffer<T>>().freeze()
    }
}

impl<T: Pod> FromIterator<T> for MutBuffer<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut buffer = Self::new();
        buffer.extend(values.into_iter());
        buffer
    }
}

impl<T: Pod> From<&[T]> for Buffer<T> {
    fn from(values: &[T]) -> Self {
        Self::from_slice(values)
    }
}

impl<T: Pod> From<Vec<T>> for Buffer<T> {
    fn from(values: Vec<T>) -> Self {
        Self::from_slice(&values)
    }
}
