//! INSERT ... ON CONFLICT: rows that are there already are left alone or updated.
//!
//! Proposed rows are taken in order. Each is looked up by the keys that the clause is about, among
//! the rows of the table and those that the statement itself wrote.
//! Invariant: no row of the table is changed twice by one statement.

use std::collections::HashSet;
use std::sync::Arc;

use arena_tr_planner::bind::{BoundConflict, ConflictSet};
use arena_tr_planner::catalog::{Relation, UniqueKey};
use arena_tr_planner::logical::Expr;
use arena_tr_planner::physical::Op;
use arena_tr_storage::Batch;
use arena_tr_types::{DataType, Epoch, Field, Schema, SqlError, SqlState, Timestamp, Value};
use arena_tr_vm::{OnError, StepInput, Task, compile};

use crate::engine::Engine;
use crate::engine::define::row_plan;
use crate::engine::foreign::identity;
use crate::error::Result;
use crate::key::Key;

/// A row of values.
type Row = Vec<Value>;

/// What the statement writes for one proposed row.
pub(super) struct Written {
    /// The row that was there and is updated.
    pub(super) old: Option<Row>,
    /// The row that is stored.
    pub(super) new: Row,
}

/// A conflict of a proposed row.
enum Conflict {
    /// With a row that this statement wrote.
    Own,
    /// With a row of the table.
    Stored(Row),
}

struct Resolver<'a> {
    engine: &'a Engine,
    relation: &'a Relation,
    keys: Vec<(UniqueKey, Vec<usize>)>,
    /// For each key its values in rows that this statement wrote.
    own: Vec<HashSet<Key>>,
    /// Rows of the table that this statement changed.
    changed: HashSet<String>,
    written: Vec<Written>,
}

/// What is written for these rows, in their order.
///
/// # Errors
/// 21000 when a row would be updated twice, and the errors of SET and WHERE.
pub(super) fn resolve(
    engine: &Engine,
    relation: &Relation,
    conflict: BoundConflict,
    proposed: Vec<Row>,
) -> Result<Vec<Written>> {
    let columns = |key: &UniqueKey| {
        let found = relation.unique_keys().find(|(other, _)| other == key);
        found.map(|(key, columns)| (key, columns.to_vec()))
    };
    let keys: Vec<_> = conflict.keys.iter().filter_map(columns).collect();
    let own = vec![HashSet::new(); keys.len()];
    let (changed, written) = (HashSet::new(), Vec::with_capacity(proposed.len()));
    let mut resolver = Resolver { engine, relation, keys, own, changed, written };
    match conflict.update {
        None => resolver.skip_conflicts(proposed)?,
        Some(update) => resolver.update_conflicts(proposed, update)?,
    }
    Ok(resolver.written)
}

impl Resolver<'_> {
    fn find(&self, row: &[Value]) -> Result<Option<Conflict>> {
        let entry = self.engine.entry(self.relation.id)?;
        for ((unique, columns), own) in self.keys.iter().zip(&self.own) {
            let Some(key) = Key::of(row, columns) else { continue };
            if own.contains(&key) {
                return Ok(Some(Conflict::Own));
            }
            if let Some(stored) = entry.find_unique(*unique, &key.0)?
                && !self.changed.contains(&identity(&stored))
            {
                return Ok(Some(Conflict::Stored(stored)));
            }
        }
        Ok(None)
    }

    /// The statement has written a row: its keys are taken.
    fn take_keys(&mut self, row: &[Value]) {
        for ((_, columns), own) in self.keys.iter().zip(&mut self.own) {
            own.extend(Key::of(row, columns));
        }
    }

    fn insert(&mut self, row: Row) {
        self.take_keys(&row);
        self.written.push(Written { old: None, new: row });
    }

    fn skip_conflicts(&mut self, proposed: Vec<Row>) -> Result<()> {
        for row in proposed {
            if self.find(&row)?.is_none() {
                self.insert(row);
            }
        }
        Ok(())
    }

    fn update_conflicts(&mut self, proposed: Vec<Row>, update: ConflictSet) -> Result<()> {
        let key_changes =
            self.keys.iter().flat_map(|(_, c)| c).any(|c| update.assigned.contains(c));
        // What a later row meets depends on what became of this one, unless it keeps its key and is
        // surely changed.
        let one_by_one = key_changes || update.condition.is_some();
        let mut set = Setter::new(self.engine, self.relation, update)?;
        let mut pending: Vec<(usize, Row, Row)> = Vec::new();
        for row in proposed {
            match self.find(&row)? {
                None => self.insert(row),
                Some(Conflict::Own) => return Err(twice().into()),
                Some(Conflict::Stored(old)) if one_by_one => {
                    let Some(new) = set.rows(self.engine, &[(&old, &row)])?.pop().flatten() else {
                        continue;
                    };
                    self.changed.insert(identity(&old));
                    self.take_keys(&new);
                    self.written.push(Written { old: Some(old), new });
                }
                Some(Conflict::Stored(old)) => {
                    self.take_keys(&old);
                    pending.push((self.written.len(), old.clone(), row));
                    self.written.push(Written { old: Some(old), new: Vec::new() });
                }
            }
        }
        let pairs: Vec<(&Row, &Row)> = pending.iter().map(|(_, old, row)| (old, row)).collect();
        let new = set.rows(self.engine, &pairs)?;
        for ((at, ..), new) in pending.iter().zip(new) {
            self.written[*at].new = new.unwrap_or_default();
        }
        Ok(())
    }
}

fn twice() -> SqlError {
    let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
    SqlError::new(SqlState::CARDINALITY_VIOLATION, message).with_hint(
        "Ensure that no rows proposed for insertion within the same command have duplicate \
         constrained values.",
    )
}

/// SET and WHERE, compiled: over a stored row and a proposed one.
struct Setter {
    task: Task,
    own: Vec<DataType>,
    both: Vec<DataType>,
}

impl Setter {
    fn new(engine: &Engine, relation: &Relation, update: ConflictSet) -> Result<Self> {
        let own = relation.schema.types();
        let both: Vec<DataType> = own.iter().chain(&own).cloned().collect();
        let mut exprs = vec![update.condition.unwrap_or_else(|| Expr::boolean(true))];
        exprs.extend(update.new);
        let fields = exprs.iter().map(|e| Field::new("", e.ty.clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let plan = row_plan(relation, &both, Op::Project { exprs }, schema);
        let task = Task::new(Arc::new(compile(&plan, "on conflict")?), &engine.pool, 0)?;
        Ok(Self { task, own, both })
    }

    /// The new row of each pair; `None` where WHERE does not hold.
    fn rows(&mut self, engine: &Engine, pairs: &[(&Row, &Row)]) -> Result<Vec<Option<Row>>> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let both = |(old, row): &(&Row, &Row)| old.iter().chain(*row).cloned().collect();
        let rows: Vec<Row> = pairs.iter().map(both).collect();
        let batch = Batch::from_rows(&rows, &self.both)?;
        let output = self.task.step(&StepInput {
            epoch: Epoch(0),
            now: engine.time(),
            watermark: Timestamp::MIN,
            deltas: &[&[batch]],
            on_error: OnError::Abort,
            cancel: None,
        })?;
        let mut types = vec![DataType::Bool];
        types.extend(self.own.iter().cloned());
        let new = output.delta.iter().flat_map(|batch| batch.to_rows(&types)).map(|mut row| {
            let new = row.split_off(1);
            (row[0] == Value::Bool(true)).then_some(new)
        });
        Ok(new.collect())
    }
}
