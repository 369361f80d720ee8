//! Batches: columns of equal length, optional weights, an optional selection. The unit of flow.
//!
//! A batch inside a program has at most `limits::BATCH_ROWS` rows; an appended one may be longer
//! and is sliced ([`Batch::split`]). Append-only streams carry no weights at all; a filter that
//! leaves most rows carries a selection instead of copying.
//! Invariant: every column, the weights and an `All` selection have `rows()` rows.

use std::borrow::Cow;

use arena_tr_types::{DataType, Schema, SqlError, SqlState, Value, limits};

use crate::column::buffer::{Buffer, MutBuffer};
use crate::column::fixed::gather;
use crate::column::{Column, ColumnBuilder, RowIdx, Selection};

/// Rows in columns, with weights.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The columns, in schema order.
    pub columns: Vec<Column>,
    /// Multiplicity of each row; `None` means each arrives once.
    pub weights: Option<Buffer<i64>>,
    /// Which rows are live; `None` means all.
    pub selection: Option<Selection>,
    rows: usize,
}

impl Batch {
    /// A batch of these columns, `rows` long each (given, because there may be no column). Panics
    /// if a column has another length.
    pub fn new(columns: Vec<Column>, rows: usize) -> Self {
        assert!(columns.iter().all(|c| c.len() == rows), "columns of a batch have one length");
        Self { columns, weights: None, selection: None, rows }
    }

    /// No rows of these types.
    pub fn empty(types: &[DataType]) -> Self {
        Self::new(types.iter().map(|t| Column::empty(t.physical())).collect(), 0)
    }

    /// The same rows with these weights.
    #[must_use]
    pub fn with_weights(mut self, weights: Option<Buffer<i64>>) -> Self {
        assert!(weights.as_ref().is_none_or(|w| w.len() == self.rows), "one weight per row");
        self.weights = weights;
        self
    }

    /// The same rows with this selection.
    #[must_use]
    pub fn with_selection(mut self, selection: Option<Selection>) -> Self {
        debug_assert!(match &selection {
            Some(Selection::All(n)) => *n == self.rows,
            Some(Selection::Indices(i)) => i.last().is_none_or(|&i| usize::from(i) < self.rows),
            None => true,
        });
        self.selection = selection;
        self
    }

    /// Number of rows, live or not.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of live rows.
    #[inline]
    pub fn live(&self) -> usize {
        self.selection.as_ref().map_or(self.rows, Selection::len)
    }

    /// Whether no row is live.
    pub fn is_empty(&self) -> bool {
        self.live() == 0
    }

    /// The live rows.
    pub fn live_rows(&self) -> Selection {
        self.selection.clone().unwrap_or(Selection::All(self.rows))
    }

    /// Multiplicity of row `i`.
    #[inline]
    pub fn weight(&self, i: usize) -> i64 {
        self.weights.as_ref().map_or(1, |w| w[i])
    }

    /// Sum of the weights of the live rows.
    pub fn total_weight(&self) -> i64 {
        match &self.weights {
            None => self.live() as i64,
            Some(weights) => self.live_rows().iter().map(|i| weights[i]).sum(),
        }
    }

    /// Whether some live row leaves rather than arrives.
    pub fn has_retractions(&self) -> bool {
        let negative = |weights: &Buffer<i64>| self.live_rows().iter().any(|i| weights[i] < 0);
        self.weights.as_ref().is_some_and(negative)
    }

    /// The live rows alone: applies the selection.
    #[must_use]
    pub fn compact(&self) -> Self {
        match &self.selection {
            None | Some(Selection::All(_)) => Self { selection: None, ..self.clone() },
            Some(Selection::Indices(rows)) => self.take_rows(rows),
        }
    }

    /// The live rows alone, copying nothing if they are already.
    pub fn compacted(&self) -> Cow<'_, Self> {
        match &self.selection {
            None => Cow::Borrowed(self),
            Some(_) => Cow::Owned(self.compact()),
        }
    }

    /// The rows at these indices of the batch (not of its selection), in this order.
    #[must_use]
    pub fn take_rows<I: RowIdx>(&self, rows: &[I]) -> Self {
        let weights = self.weights.as_ref().map(|weights| {
            let mut taken = MutBuffer::new();
            gather(weights, rows, &mut taken);
            taken.freeze()
        });
        Self {
            columns: self.columns.iter().map(|c| c.take(rows)).collect(),
            weights,
            selection: None,
            rows: rows.len(),
        }
    }

    /// The live rows from the `start`th, `len` of them. Shares memory unless rows are selected.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        assert!(start <= self.live() && len <= self.live() - start, "slice within the batch");
        if let Some(Selection::Indices(rows)) = &self.selection {
            return self.take_rows(&rows[start..start + len]);
        }
        Self {
            columns: self.columns.iter().map(|c| c.slice(start, len)).collect(),
            weights: self.weights.as_ref().map(|w| w.slice(start..start + len)),
            selection: None,
            rows: len,
        }
    }

    /// The live rows in batches of at most `limits::BATCH_ROWS`.
    pub fn split(&self) -> impl Iterator<Item = Self> + '_ {
        let n = self.live();
        (0..n)
            .step_by(limits::BATCH_ROWS)
            .map(move |start| self.slice(start, limits::BATCH_ROWS.min(n - start)))
    }

    /// These columns, in this order. Shares memory.
    #[must_use]
    pub fn project(&self, columns: &[usize]) -> Self {
        Self {
            columns: columns.iter().map(|&i| self.columns[i].clone()).collect(),
            weights: self.weights.clone(),
            selection: self.selection.clone(),
            rows: self.rows,
        }
    }

    /// The same rows leaving where they arrived, and the reverse.
    #[must_use]
    pub fn negate(&self) -> Self {
        let weights = match &self.weights {
            None => Buffer::filled(self.rows, -1),
            Some(weights) => weights.iter().map(|w| -w).collect(),
        };
        Self { weights: Some(weights), ..self.clone() }
    }

    /// A batch of rows of values. Refuses a row of another length and a value of another physical
    /// type.
    pub fn from_rows(rows: &[Vec<Value>], types: &[DataType]) -> Result<Self, SqlError> {
        let mut builders: Vec<_> =
            types.iter().map(|t| ColumnBuilder::new(t.physical(), rows.len())).collect();
        for row in rows {
            if row.len() != builders.len() {
                return Err(SqlError::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!("a row of {} values where {} are wanted", row.len(), builders.len()),
                ));
            }
            for (builder, value) in builders.iter_mut().zip(row) {
                builder.push_value(value)?;
            }
        }
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        Ok(Self::new(columns, rows.len()))
    }

    /// A batch of rows of values of a schema's types.
    pub fn from_rows_of(rows: &[Vec<Value>], schema: &Schema) -> Result<Self, SqlError> {
        let types: Vec<_> = schema.fields.iter().map(|f| f.data_type.clone()).collect();
        Self::from_rows(rows, &types)
    }

    /// Row `i` (of all rows, live or not) as values.
    pub fn row(&self, i: usize, types: &[DataType]) -> Vec<Value> {
        self.columns.iter().zip(types).map(|(c, t)| c.value(i, t)).collect()
    }

    /// The live rows as values. Weights are not shown; see [`Self::weight`].
    pub fn to_rows(&self, types: &[DataType]) -> Vec<Vec<Value>> {
        self.live_rows().iter().map(|i| self.row(i, types)).collect()
    }

    /// The live rows as values with their weights.
    pub fn to_weighted_rows(&self, types: &[DataType]) -> Vec<(Vec<Value>, i64)> {
        self.live_rows().iter().map(|i| (self.row(i, types), self.weight(i))).collect()
    }

    /// The live rows of these batches in one, in order. `None` if there is no batch (no types are
    /// known then).
    pub fn concat(batches: &[Self]) -> Option<Self> {
        let (first, rest) = batches.split_first()?;
        if rest.is_empty() {
            return Some(first.compact());
        }
        let parts: Vec<_> = batches.iter().map(Self::compacted).collect();
        let rows = parts.iter().map(|b| b.rows).sum();
        let columns = (0..first.columns.len()).map(|i| {
            let column: Vec<_> = parts.iter().map(|b| &b.columns[i]).collect();
            Column::concat(first.columns[i].physical(), &column)
        });
        let mut batch = Self::new(columns.collect(), rows);
        if parts.iter().any(|b| b.weights.is_some()) {
            let mut weights = MutBuffer::with_capacity(rows);
            for part in &parts {
                match &part.weights {
                    Some(part) => weights.extend_from_slice(part),
                    None => weights.resize(weights.len() + part.rows, 1),
                }
            }
            batch.weights = Some(weights.freeze());
        }
        Some(batch)
    }

    /// Adds the weights of equal rows, drops those that cancel; see [`crate::delta::consolidate`].
    pub fn consolidate(batches: Vec<Self>) -> Vec<Self> {
        crate::delta::consolidate(batches)
    }

    /// The live rows, each as often as its weight says; no selection and no weights remain. Rows of
    /// weight 0 vanish; a negative weight is the caller's mistake and counts as 0.
    #[must_use]
    pub fn expand_weights(self) -> Self {
        let batch = self.compact();
        let Some(weights) = &batch.weights else { return batch };
        if weights.iter().all(|w| *w == 1) {
            return Self { weights: None, ..batch };
        }
        debug_assert!(weights.iter().all(|w| *w >= 0));
        let mut rows: Vec<u32> = Vec::with_capacity(batch.rows);
        for (i, weight) in weights.iter().enumerate() {
            let times = usize::try_from(*weight).unwrap_or(0);
            rows.extend(std::iter::repeat_n(i as u32, times));
        }
        Self { weights: None, ..batch.take_rows(&rows) }
    }

    /// Bytes of the buffers behind this batch (shared ones counted in full).
    pub fn memory_bytes(&self) -> usize {
        let weights = self.weights.as_ref().map_or(0, Buffer::block_bytes);
        self.columns.iter().map(Column::memory_bytes).sum::<usize>() + weights
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
