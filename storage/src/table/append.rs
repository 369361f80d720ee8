//! Rows that only arrive: the batches themselves.
//!
//! A large batch is kept as it came, without copying. Small ones are gathered: the last few are
//! joined whenever together they are as large as the one before them, so that a stream fed row by
//! row costs a few copies of each row and not a batch for each (a binary counter of batches; O(log
//! n) copies).
//! Invariant: the kept batches are compact and have no weights; their order is the order of
//! arrival.

use std::sync::Arc;

use arena_tr_types::{DataType, SqlError, SqlState};

use crate::batch::Batch;
use crate::error::StorageError;
use crate::table::list::List;
use crate::table::save::{self, SavedChunk, TableHeader, corrupt};

/// Batches of at least this many rows are kept as they came.
const KEPT_ROWS: usize = 4096;

/// A batch that is kept.
#[derive(Debug)]
pub(super) struct Piece {
    /// Names it for ever.
    pub(super) number: u64,
    /// The version of the relation in which it came.
    pub(super) version: u64,
    pub(super) batch: Batch,
}

/// Contents of a relation that only grows.
#[derive(Debug)]
pub(super) struct AppendStore {
    types: Vec<DataType>,
    pieces: List<Arc<Piece>>,
    rows: usize,
    next_number: u64,
    version: u64,
}

impl AppendStore {
    pub(super) fn new(types: &[DataType]) -> Self {
        let pieces = List::default();
        Self { types: types.to_vec(), pieces, rows: 0, next_number: 0, version: 0 }
    }

    pub(super) fn check(delta: &[Batch]) -> Result<(), SqlError> {
        if delta.iter().any(Batch::has_retractions) {
            let message = "a row leaves a relation that only grows";
            return Err(SqlError::new(SqlState::INTERNAL, message));
        }
        Ok(())
    }

    /// Appends a delta that was checked.
    pub(super) fn apply(&mut self, delta: &[Batch]) {
        self.version += 1;
        for batch in delta.iter().filter(|b| b.live() > 0) {
            debug_assert_eq!(batch.columns.len(), self.types.len());
            let batch = batch.clone().expand_weights();
            self.rows += batch.rows();
            self.push(batch);
            self.join_small();
        }
    }

    fn push(&mut self, batch: Batch) {
        self.next_number += 1;
        let piece = Piece { number: self.next_number, version: self.version, batch };
        self.pieces.push(Arc::new(piece));
    }

    /// Joins small batches at the end while the last is at least as large as the one before it.
    fn join_small(&mut self) {
        while let Some(before) = self.pieces.len().checked_sub(2) {
            let (before, last) = (self.pieces.get(before), self.pieces.get(before + 1));
            let small = before.batch.rows() + last.batch.rows() <= KEPT_ROWS;
            if !small || last.batch.rows() < before.batch.rows() {
                return;
            }
            let two = [before.batch.clone(), last.batch.clone()];
            let Some(joined) = Batch::concat(&two) else { return };
            self.pieces.pop();
            self.pieces.pop();
            self.push(joined);
        }
    }

    /// Takes the place of what is there with what was saved. On an error nothing is left.
    pub(super) fn restore<B: AsRef<[u8]>, E: From<StorageError>>(
        &mut self,
        header: &TableHeader,
        chunks: impl Iterator<Item = Result<SavedChunk<B>, E>>,
    ) -> Result<(), E> {
        *self = Self::new(&self.types);
        let mut restored = Self::new(&self.types);
        restored.fill(header, chunks)?;
        *self = restored;
        Ok(())
    }

    fn fill<B: AsRef<[u8]>, E: From<StorageError>>(
        &mut self,
        header: &TableHeader,
        chunks: impl Iterator<Item = Result<SavedChunk<B>, E>>,
    ) -> Result<(), E> {
        header.check()?;
        if header.open.is_some() {
            return Err(corrupt("a chunk that changes of a relation that only grows").into());
        }
        let mut left = usize::try_from(header.len).map_err(|_| corrupt("more rows than fit"))?;
        for chunk in chunks {
            let chunk = chunk?;
            chunk.check(header)?;
            let unchanged = chunk.order == chunk.number && chunk.changed == chunk.filled;
            if !unchanged || !chunk.marks.as_ref().is_empty() {
                return Err(corrupt("marks in a relation that only grows").into());
            }
            // The last number so far.
            if chunk.number <= self.next_number {
                return Err(corrupt("chunks that are not in their order").into());
            }
            let batch = save::get_columns(chunk.columns.as_ref(), &self.types, left, None)?;
            left -= batch.rows();
            self.rows += batch.rows();
            self.next_number = chunk.number;
            let piece = Piece { number: chunk.number, version: chunk.filled, batch };
            self.pieces.push(Arc::new(piece));
        }
        if left > 0 {
            return Err(corrupt("fewer rows than there were").into());
        }
        (self.next_number, self.version) = (header.last_number, header.version);
        Ok(())
    }

    /// What else is to be saved than pieces.
    pub(super) fn header(&self) -> TableHeader {
        TableHeader {
            version: self.version,
            len: self.rows as u64,
            last_number: self.next_number,
            open: None,
        }
    }

    /// Whether the batches are what is known of them; if not, what is not.
    pub(super) fn verify(&self) -> Result<(), &'static str> {
        let mut rows = 0;
        let mut last = 0;
        for piece in self.pieces.iter() {
            let batch = &piece.batch;
            let is_plain = batch.weights.is_none() && batch.live() == batch.rows();
            let whole = batch.columns.len() == self.types.len()
                && batch.columns.iter().all(|c| c.len() == batch.rows());
            if !is_plain || !whole {
                return Err("columns of other lengths than their rows");
            }
            if piece.number <= last || piece.number > self.next_number {
                return Err("batches that are not in their order");
            }
            (rows, last) = (rows + batch.rows(), piece.number);
        }
        if rows == self.rows { Ok(()) } else { Err("a relation that counts its rows wrongly") }
    }

    pub(super) fn pieces(&self) -> &List<Arc<Piece>> {
        &self.pieces
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn len(&self) -> usize {
        self.rows
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.batch.memory_bytes()).sum()
    }
}
