//! Rows on their way in: computed columns, lateness, and where refused rows go.
//!
//! Whoever brings rows (INSERT, COPY, an appender, a connector) passes them here before the commit.
//! Invariant: every row brought is in exactly one place afterwards: the relation, its late rows,
//! its error rows, or the error returned.

use arena_tr_storage::Batch;
use arena_tr_types::{Epoch, RelationId, SqlError, SqlState, Value};
use arena_tr_vm::{OnError, StepInput};

use super::Engine;
use super::commit::Deltas;
use super::fit::fit;
use crate::connector::BadRow;
use crate::error::{Error, Result};

impl Engine {
    /// Adds a batch of a relation's delivered columns to the changes of the coming commit: computes
    /// the computed columns, sorts out late and timeless rows.
    ///
    /// # Errors
    /// When a row is late and the relation refuses late rows, or memory runs out.
    pub(crate) fn accept(
        &mut self,
        id: RelationId,
        batch: Batch,
        deltas: &mut Deltas,
    ) -> Result<()> {
        let batches = self.compute_columns(id, batch, OnError::Divert, deltas)?;
        for batch in batches {
            let mut batch = batch.compact();
            let refused = fit(&self.entry(id)?.relation.schema, &mut batch)?;
            if !refused.is_empty() {
                self.keep_too_long(id, &batch, &refused, deltas)?;
                let out: Vec<u32> = refused.into_iter().map(|(row, _)| row).collect();
                let rows = 0..batch.rows() as u32;
                let kept: Vec<u32> = rows.filter(|row| out.binary_search(row).is_err()).collect();
                batch = batch.take_rows(&kept);
            }
            self.accept_complete(id, batch, deltas)?;
        }
        Ok(())
    }

    /// Rows that a user brings (an appender, COPY): like [`Engine::accept`], with constraints
    /// checked.
    ///
    /// # Errors
    /// When a row breaks a constraint or is late and refused, or memory runs out.
    pub(crate) fn insert(
        &mut self,
        id: RelationId,
        batch: Batch,
        deltas: &mut Deltas,
    ) -> Result<()> {
        for batch in self.compute_columns(id, batch, OnError::Divert, deltas)? {
            let batch = self.check_rows(id, batch)?;
            self.accept_complete(id, batch, deltas)?;
        }
        Ok(())
    }

    /// The same for rows that a transaction brings: they are not judged yet, and one whose computed
    /// column fails is an error, since nothing may be kept of it before the commit.
    ///
    /// # Errors
    /// When a row breaks a constraint or cannot be computed, or memory runs out.
    pub(crate) fn complete(
        &mut self,
        id: RelationId,
        batch: Batch,
        deltas: &mut Deltas,
    ) -> Result<()> {
        for batch in self.compute_columns(id, batch, OnError::Abort, deltas)? {
            let batch = self.check_rows(id, batch)?;
            deltas.entry(id).or_default().push(batch);
        }
        Ok(())
    }

    /// The same for rows that have all columns already.
    pub(crate) fn accept_complete(
        &mut self,
        id: RelationId,
        batch: Batch,
        deltas: &mut Deltas,
    ) -> Result<()> {
        let batch = batch.compact();
        if batch.rows() == 0 {
            return Ok(());
        }
        self.touched.insert(id);
        let entry = self.entry_mut(id)?;
        let Some(gate) = &mut entry.gate else {
            deltas.entry(id).or_default().push(batch);
            return Ok(());
        };
        let column = gate.column;
        let before = gate.clone();
        let judged = gate.judge(&batch);
        if let (true, Some(&row)) = (entry.late_is_error, judged.late.first()) {
            let error = late_row(&entry.relation.name, &entry.relation.schema, column, &batch, row);
            entry.gate = Some(before);
            return Err(error);
        }
        entry.counters.late_rows += judged.late.len() as u64;
        entry.counters.bad_rows += judged.timeless.len() as u64;
        let (late, errors) = (entry.late, entry.errors);
        if let Some(into) = late.filter(|_| !judged.late.is_empty()) {
            self.keep_rejected_batch(into, batch.take_rows(&judged.late), deltas)?;
        }
        if let Some(into) = errors.filter(|_| !judged.timeless.is_empty()) {
            self.keep_timeless(id, into, &batch.take_rows(&judged.timeless), deltas)?;
        }
        match judged.accepted {
            None => deltas.entry(id).or_default().push(batch),
            Some(rows) if rows.is_empty() => {}
            Some(rows) => deltas.entry(id).or_default().push(batch.take_rows(&rows)),
        }
        Ok(())
    }

    fn compute_columns(
        &mut self,
        id: RelationId,
        batch: Batch,
        on_error: OnError,
        deltas: &mut Deltas,
    ) -> Result<Vec<Batch>> {
        let (epoch, now) = (self.epoch.next(), self.time());
        let Some(task) = &mut self.entry_mut(id)?.compute else { return Ok(vec![batch]) };
        let input = StepInput {
            epoch,
            now,
            watermark: i64::MIN,
            deltas: &[std::slice::from_ref(&batch)],
            on_error,
            cancel: None,
        };
        let output = task.step(&input)?;
        self.take_errors(id, epoch, &output.errors, deltas)?;
        Ok(output.delta)
    }

    /// Counts and keeps rows with a text that does not fit its column.
    fn keep_too_long(
        &mut self,
        id: RelationId,
        batch: &Batch,
        refused: &[(u32, SqlError)],
        deltas: &mut Deltas,
    ) -> Result<()> {
        let epoch = self.epoch.next();
        self.touched.insert(id);
        let entry = self.entry_mut(id)?;
        entry.counters.bad_rows += refused.len() as u64;
        let Some(into) = entry.errors else { return Ok(()) };
        let types = entry.relation.schema.types();
        let rows: Vec<_> = refused
            .iter()
            .map(|(row, error)| {
                let text = row_text(&batch.row(*row as usize, &types));
                error_row(epoch, error.state.0, &error.message, &text)
            })
            .collect();
        self.keep_rejected(into, &rows, deltas)
    }

    fn keep_timeless(
        &mut self,
        id: RelationId,
        into: RelationId,
        batch: &Batch,
        deltas: &mut Deltas,
    ) -> Result<()> {
        let types = self.entry(id)?.relation.schema.types();
        let epoch = self.epoch.next();
        let rows: Vec<_> = batch
            .to_rows(&types)
            .into_iter()
            .map(|row| error_row(epoch, "22004", "the event time is NULL", &row_text(&row)))
            .collect();
        self.keep_rejected(into, &rows, deltas)
    }

    /// Counts and keeps rows that a connector could not read.
    pub(crate) fn keep_malformed(
        &mut self,
        id: RelationId,
        bad: &[BadRow],
        deltas: &mut Deltas,
    ) -> Result<()> {
        if bad.is_empty() {
            return Ok(());
        }
        let epoch = self.epoch.next();
        self.touched.insert(id);
        let entry = self.entry_mut(id)?;
        entry.counters.bad_rows += bad.len() as u64;
        let Some(into) = entry.errors else { return Ok(()) };
        let rows: Vec<_> = bad
            .iter()
            .map(|b| {
                let reason = format!("row {}: {}", b.position, b.reason);
                error_row(epoch, SqlState::INVALID_TEXT.0, &reason, &b.raw)
            })
            .collect();
        self.keep_rejected(into, &rows, deltas)
    }
}

/// A row of an error relation: epoch, SQLSTATE, reason, the row as text.
fn error_row(epoch: Epoch, state: &str, reason: &str, row: &str) -> Vec<Value> {
    vec![
        Value::Int8(epoch.0 as i64),
        Value::Text(state.into()),
        Value::Text(reason.into()),
        Value::Text(row.into()),
    ]
}

fn row_text(row: &[Value]) -> String {
    Value::Struct(row.into()).to_string()
}

fn late_row(
    name: &str,
    schema: &arena_tr_types::Schema,
    column: usize,
    batch: &Batch,
    row_idx: u32,
) -> Error {
    let field = &schema.fields[column];
    let time = batch.columns[column].value(row_idx as usize, &field.data_type);
    Error::new(
        SqlState::INVALID_PARAMETER,
        format!("late row for \"{name}\": {} = {time} is below the watermark", field.name),
    )
    .with_hint("LATE ROWS TO <name> keeps late rows instead of refusing the statement")
}
