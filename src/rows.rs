//! The result of a query.
//!
//! Columns first, as the engine has them; rows of values on request.
//! Invariant: batches carry no selection and no weights: a row that occurs twice stands here twice.

use arena_tr_storage::Batch;
use arena_tr_types::{Schema, Value};

/// A result: columns, and rows in order.
#[derive(Debug, Clone)]
pub struct Rows {
    schema: Schema,
    batches: Vec<Batch>,
}

impl Rows {
    pub(crate) fn new(schema: Schema, batches: Vec<Batch>) -> Self {
        Self { schema, batches: batches.into_iter().map(Batch::expand_weights).collect() }
    }

    /// A result of these columns, for programs that print rows of their own making. Rows that a
    /// selection leaves out or a weight repeats are made so.
    pub fn of(schema: Schema, batches: Vec<Batch>) -> Self {
        Self::new(schema, batches)
    }

    /// Names and types of the columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The rows in columns.
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batches.iter().map(Batch::rows).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows as values.
    pub fn to_vec(&self) -> Vec<Vec<Value>> {
        let types = self.schema.types();
        self.batches.iter().flat_map(|batch| batch.to_rows(&types)).collect()
    }
}
