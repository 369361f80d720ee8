//! Constant rows: there from the first epoch on, so shown once.
//!
//! Invariant: after the first epoch it yields nothing.

use arena_tr_storage::StorageError;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::state::{StateVisitor, Visit};
use arena_tr_types::SqlError;

/// Constant rows.
#[derive(Debug)]
pub struct Once {
    batches: Vec<Batch>,
    /// How many were shown.
    shown: usize,
}

impl Once {
    /// These rows.
    pub fn new(batches: Vec<Batch>) -> Self {
        Self { batches: batches.iter().flat_map(Batch::split).collect(), shown: 0 }
    }

    /// The next rows of the first epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        let next = self.batches.get(self.shown).cloned();
        self.shown += usize::from(next.is_some());
        Ok(next)
    }
}

impl Visit for Once {
    /// The rows are part of the program; what is kept is how far they were shown.
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.shown.visit(visitor)
    }
}
