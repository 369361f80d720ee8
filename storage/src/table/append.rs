//! Rows that only arrive: the batches themselves.
//!
//! A large batch is kept as it came, without copying. Small ones are gathered: the last few are
//! joined whenever together they are as large as the one before them, so that a stream fed row by
//! row costs a few copies of each row and not a batch for each (a binary counter of batches; O(log
//! n) copies).
//! Invariant: the kept batches are compact and have no weights; their order is the order of
//! arrival.

use arena_tr_types::{DataType, SqlError, SqlState};

use crate::batch::Batch;

/// Batches of at least this many rows are kept as they came.
const KEPT_ROWS: usize = 4096;

/// Contents of a relation that only grows.
#[derive(Debug)]
pub(super) struct AppendStore {
    n_columns: usize,
    batches: Vec<Batch>,
    rows: usize,
}

impl AppendStore {
    pub(super) fn new(types: &[DataType]) -> Self {
        Self { n_columns: types.len(), batches: Vec::new(), rows: 0 }
    }

    pub(super) fn apply(&mut self, delta: &[Batch]) -> Result<(), SqlError> {
        if delta.iter().any(Batch::has_retractions) {
            let message = "a row leaves a relation that only grows";
            return Err(SqlError::new(SqlState::INTERNAL, message));
        }
        for batch in delta.iter().filter(|b| b.live() > 0) {
            debug_assert_eq!(batch.columns.len(), self.n_columns);
            let batch = batch.clone().expand_weights();
            self.rows += batch.rows();
            self.batches.push(batch);
            self.join_small();
        }
        Ok(())
    }

    /// Joins small batches at the end while the last is at least as large as the one before it.
    fn join_small(&mut self) {
        while let [.., before, last] = self.batches.as_slice() {
            let small = before.rows() + last.rows() <= KEPT_ROWS;
            if !small || last.rows() < before.rows() {
                return;
            }
            let Some(joined) = Batch::concat(&self.batches[self.batches.len() - 2..]) else {
                return;
            };
            self.batches.truncate(self.batches.len() - 2);
            self.batches.push(joined);
        }
    }

    pub(super) fn scan(&self) -> Vec<Batch> {
        self.batches.clone()
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.batches.iter().map(Batch::memory_bytes).sum()
    }
}
