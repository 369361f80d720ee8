//! What every row of a relation must fulfil: lengths of text, NOT NULL and CHECK.
//!
//! A primary key is held by the relation's contents themselves. Checks are compiled once, when the
//! relation is made.
//! Invariant: a batch that passes has no row that breaks a constraint; the first that does is named
//! in the error.

use arena_tr_planner::catalog::Relation;
use arena_tr_planner::physical::Op;
use arena_tr_storage::Batch;
use arena_tr_storage::arena::Pool;
use arena_tr_types::{
    DataType, Epoch, Field, RelationId, Schema, SqlError, SqlState, Timestamp, Value,
};
use arena_tr_vm::{OnError, StepInput, Task, compile};

use super::define::row_plan;
use super::fit::fit;
use super::{Engine, Entry};
use crate::error::{Error, Result};

/// The compiled CHECK constraints of a relation: a program that gives one BOOLEAN column each.
pub(crate) struct Checks {
    names: Vec<String>,
    task: Task,
}

impl Checks {
    /// Compiles a relation's checks; `None` when it has none.
    ///
    /// # Errors
    /// When an expression cannot be compiled.
    pub(crate) fn new(relation: &Relation, pool: &Pool) -> Result<Option<Self>> {
        if relation.checks.is_empty() {
            return Ok(None);
        }
        let exprs: Vec<_> = relation.checks.iter().map(|(_, e)| e.clone()).collect();
        let fields: Vec<Field> = relation
            .checks
            .iter()
            .map(|(name, _)| Field::new(name.as_str(), DataType::Bool, true))
            .collect();
        let plan = row_plan(
            relation,
            &relation.schema.types(),
            Op::Project { exprs },
            Schema::new(fields),
        );
        let program = std::sync::Arc::new(compile(&plan, "check")?);
        let names = relation.checks.iter().map(|(name, _)| name.clone()).collect();
        Ok(Some(Self { names, task: Task::new(program, pool, relation.id.0)? }))
    }

    /// The name of a check that some row breaks: only FALSE breaks one, as in SQL.
    fn broken(&mut self, batch: &Batch, now: Timestamp) -> Result<Option<(String, usize)>> {
        let deltas = [std::slice::from_ref(batch)];
        let output = self.task.step(&StepInput {
            epoch: Epoch(0),
            now,
            watermark: Timestamp::MIN,
            deltas: &deltas,
            on_error: OnError::Abort,
            cancel: None,
        })?;
        let types = vec![DataType::Bool; self.names.len()];
        let rows = output.delta.iter().flat_map(|b| b.to_rows(&types)).enumerate();
        for (row_idx, row) in rows {
            if let Some(i) = row.iter().position(|v| *v == Value::Bool(false)) {
                return Ok(Some((self.names[i].clone(), row_idx)));
            }
        }
        Ok(None)
    }
}

impl Engine {
    /// The whole rows as they are stored, if none breaks a constraint.
    ///
    /// # Errors
    /// 22001 for a text that is too long, 23502 for NULL where it may not be, 23514 for a failed
    /// CHECK.
    pub(crate) fn check_rows(&mut self, id: RelationId, batch: Batch) -> Result<Batch> {
        let now = self.time();
        let Entry { relation, checks, .. } = self.entry_mut(id)?;
        let mut batch = batch.compact();
        if let Some((_, error)) = fit(&relation.schema, &mut batch)?.into_iter().next() {
            return Err(error.into());
        }
        for (field, column) in relation.schema.fields.iter().zip(&batch.columns) {
            if !field.nullable && column.null_count() > 0 {
                let row = (0..batch.rows()).find(|row| column.is_null(*row)).unwrap_or(0);
                let message = format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    field.name, relation.name
                );
                return Err(failing(SqlState::NOT_NULL_VIOLATION, message, &batch, row, relation));
            }
        }
        let Some(checks) = checks else { return Ok(batch) };
        let Some((name, row_idx)) = checks.broken(&batch, now)? else { return Ok(batch) };
        let message = format!(
            "new row for relation \"{}\" violates check constraint \"{name}\"",
            relation.name
        );
        Err(failing(SqlState::CHECK_VIOLATION, message, &batch, row_idx, relation))
    }
}

/// The error of a row that breaks a constraint.
fn failing(
    state: SqlState,
    message: String,
    batch: &Batch,
    row: usize,
    relation: &Relation,
) -> Error {
    let values = batch.row(row, &relation.schema.types());
    let text = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    };
    let row = values.iter().map(text).collect::<Vec<_>>().join(", ");
    SqlError::new(state, message).with_detail(format!("Failing row contains ({row}).")).into()
}
