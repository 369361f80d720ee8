//! The live rows of a batch as plain lists, and batches put together from pieces.
//!
//! Invariant: every operator sees at most [`BATCH_ROWS`] rows at a time and no weight of zero.

use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Buffer, Column};
use arena_tr_types::limits::BATCH_ROWS;

const IDENTITY: [u16; BATCH_ROWS] = {
    let mut rows = [0; BATCH_ROWS];
    let mut i = 0;
    while i < BATCH_ROWS {
        rows[i] = i as u16;
        i += 1;
    }
    rows
};

/// The live rows of a batch and their weights.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) rows: Vec<u16>,
    weights: Vec<i64>,
    unit: bool,
}

impl Live {
    /// Takes the live rows of a batch of at most [`BATCH_ROWS`] rows.
    pub(crate) fn load(&mut self, batch: &Batch) {
        self.rows.clear();
        self.weights.clear();
        self.unit = batch.weights.is_none();
        match batch.selection.as_ref().and_then(|s| s.indices()) {
            None => self.rows.extend_from_slice(&IDENTITY[..batch.rows()]),
            Some(indices) => self.rows.extend_from_slice(indices),
        }
        if let Some(weights) = &batch.weights {
            self.rows.retain(|&row| weights[usize::from(row)] != 0);
            self.weights.extend(self.rows.iter().map(|&row| weights[usize::from(row)]));
        }
    }

    /// The weights, in the order of `rows`; `None`: all 1.
    pub(crate) fn weights(&self) -> Option<&[i64]> {
        (!self.unit).then_some(&self.weights[..])
    }

    /// Weight number `k`.
    #[inline]
    pub(crate) fn weight(&self, k: usize) -> i64 {
        if self.unit { 1 } else { self.weights[k] }
    }

    /// Number of live rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// Calls `f` with pieces of the batch that have at most [`BATCH_ROWS`] rows.
pub(crate) fn for_pieces<E>(
    batch: &Batch,
    mut f: impl FnMut(&Batch) -> Result<(), E>,
) -> Result<(), E> {
    if batch.rows() <= BATCH_ROWS {
        return if batch.live() == 0 { Ok(()) } else { f(batch) };
    }
    batch.split().try_for_each(|piece| f(&piece))
}

/// A batch of these columns; weights are left out if all are 1.
pub(crate) fn weighted(columns: Vec<Column>, weights: &[i64]) -> Batch {
    let n = weights.len();
    let weights = weights.iter().any(|&w| w != 1).then(|| Buffer::from_slice(weights));
    Batch::new(columns, n).with_weights(weights)
}
