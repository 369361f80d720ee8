//! MERGE: one commit that updates, deletes and inserts.
//!
//! Invariant: no row of the table is changed twice by one statement.

use std::collections::HashMap;

use arena_tr_parser::ast;
use arena_tr_planner::bind::{self, MergeKind};
use arena_tr_planner::catalog::Relation;
use arena_tr_storage::Batch;
use arena_tr_types::{SqlError, SqlState, Value};

use super::Context;
use crate::engine::Engine;
use crate::engine::commit::Deltas;
use crate::engine::foreign::{Replaced, identity};
use crate::error::{Error, Result};
use crate::session::Outcome;

/// Rows of a statement's changes.
#[derive(Default)]
struct Changes {
    gone: Vec<Vec<Value>>,
    /// For each row that goes, which of `arriving` takes its place.
    replaced_by: Vec<Option<usize>>,
    arriving: Vec<Vec<Value>>,
}

/// MERGE.
pub(super) fn merge(cx: &Context<'_>, merge: &ast::Merge) -> Result<Outcome> {
    let mut engine = cx.enter();
    let bound = bind::bind_merge(merge, &engine.catalog, &super::query::options(cx))?;
    super::dml::must_be_table(&bound.relation)?;
    let rows = super::query::run(cx, &engine, bound.source)?;
    let n = bound.relation.schema.len();
    let mut changes = Changes::default();
    for mut row in rows.to_vec() {
        let new = row.split_off(1 + n);
        let old = row.split_off(1);
        let clause = row.first().and_then(Value::as_i64).and_then(|i| usize::try_from(i).ok());
        let Some(kind) = clause.and_then(|i| bound.kinds.get(i)) else {
            return Err(Error::new(SqlState::INTERNAL, "a row of MERGE that no clause takes"));
        };
        changes.add(*kind, old, new);
    }
    check_once(&engine, &bound.relation, &changes.gone)?;
    let types = bound.relation.schema.types();
    let id = bound.relation.id;
    let stored = engine.check_rows(id, Batch::from_rows(&changes.arriving, &types)?)?;
    let mut delta = vec![Batch::from_rows(&changes.gone, &types)?.negate()];
    delta.push(stored.clone());
    let mut deltas = Deltas::from([(id, Batch::consolidate(delta))]);
    engine.refer(id, || changes.replaced(&stored.to_rows(&types)), &mut deltas)?;
    let epoch = Some(engine.commit(deltas)?);
    Ok(Outcome { epoch, ..Outcome::tag(format!("MERGE {}", rows.len())) })
}

impl Changes {
    fn add(&mut self, kind: MergeKind, old: Vec<Value>, new: Vec<Value>) {
        match kind {
            MergeKind::Update => {
                self.gone.push(old);
                self.replaced_by.push(Some(self.arriving.len()));
                self.arriving.push(new);
            }
            MergeKind::Delete => {
                self.gone.push(old);
                self.replaced_by.push(None);
            }
            MergeKind::Insert => self.arriving.push(new),
            MergeKind::Nothing => {}
        }
    }

    /// The rows that go with those in their places, as stored.
    fn replaced(&self, stored: &[Vec<Value>]) -> Vec<Replaced> {
        let new = |at: &Option<usize>| at.and_then(|at| stored.get(at).cloned());
        self.gone.iter().cloned().zip(self.replaced_by.iter().map(new)).collect()
    }
}

/// No row goes more often than it is there.
fn check_once(engine: &Engine, relation: &Relation, gone: &[Vec<Value>]) -> Result<()> {
    let mut times: HashMap<String, i64> = HashMap::new();
    for row in gone {
        *times.entry(identity(row)).or_default() += 1;
    }
    times.retain(|_, n| *n > 1);
    if times.is_empty() {
        return Ok(());
    }
    if let (None, Some(store)) = (&relation.primary_key, &engine.entry(relation.id)?.store) {
        let types = relation.schema.types();
        for batch in store.scan() {
            for (row, weight) in batch.to_weighted_rows(&types) {
                let row = identity(&row);
                if times.get(&row).is_some_and(|n| *n <= weight) {
                    times.remove(&row);
                }
            }
        }
    }
    if times.is_empty() {
        return Ok(());
    }
    let message = "MERGE command cannot affect row a second time";
    Err(SqlError::new(SqlState::CARDINALITY_VIOLATION, message)
        .with_hint("Ensure that not more than one source row matches any one target row.")
        .into())
}
