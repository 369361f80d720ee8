//! Errors of single rows.
//!
//! Invariant: at most one error per row of one call, in ascending order of rows.

use arena_tr_types::SqlError;

/// The rows of one call that could not be computed, each with its reason.
#[derive(Debug, Default)]
pub struct RowErrors {
    list: Vec<(usize, SqlError)>,
}

impl RowErrors {
    /// No error yet.
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// Reports row `row`, which is selected and greater than all reported before by this call.
    #[cold]
    pub fn push(&mut self, row: usize, error: SqlError) {
        self.list.push((row, error));
    }

    /// Whether every row was computed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many rows failed.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The failed rows in order.
    pub fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.list.iter().map(|(row, _)| *row)
    }

    /// Row and reason, in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &SqlError)> + '_ {
        self.list.iter().map(|(row, error)| (*row, error))
    }

    /// Takes all errors out; the list is empty afterwards and keeps its memory.
    pub fn drain(&mut self) -> impl Iterator<Item = (usize, SqlError)> + '_ {
        self.list.drain(..)
    }

    /// Forgets all errors.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// The first error, if any: what aborts a statement.
    pub fn take_first(&mut self) -> Option<SqlError> {
        let first = self.list.drain(..).next();
        first.map(|(_, error)| error)
    }
}
