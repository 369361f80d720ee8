//! Constant rows: there from the first epoch on, so shown once.
//!
//! Invariant: after the first epoch it yields nothing.

use arena_tr_storage::batch::Batch;
use arena_tr_types::SqlError;

/// Constant rows.
#[derive(Debug)]
pub struct Once {
    /// What is not shown yet, last first.
    rest: Vec<Batch>,
}

impl Once {
    /// These rows.
    pub fn new(batches: Vec<Batch>) -> Self {
        let mut rest: Vec<Batch> = batches.iter().flat_map(Batch::split).collect();
        rest.reverse();
        Self { rest }
    }

    /// The next rows of the first epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        Ok(self.rest.pop())
    }
}
