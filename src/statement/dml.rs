//! INSERT, UPDATE, DELETE: one commit each.
//!
//! The rows that change are found by running the statement's query over the contents; then they
//! become the delta of one epoch.
//! Invariant: constraints are checked before anything is applied.

use arena_tr_parser::ast;
use arena_tr_planner::bind::{self, BindOptions, BoundConflict, Returning};
use arena_tr_planner::catalog::{Relation, RelationKind};
use arena_tr_planner::physical::Op;
use arena_tr_storage::Batch;
use arena_tr_types::{DataType, Epoch, SqlState, Timestamp};
use arena_tr_vm::{OnError, StepInput, Task, compile};

use super::Context;
use crate::engine::commit::Deltas;
use crate::engine::define::row_plan;
use crate::engine::{Engine, kind_name};
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::session::Outcome;

fn options(cx: &Context<'_>) -> BindOptions {
    super::query::options(cx)
}

/// INSERT.
pub(super) fn insert(cx: &Context<'_>, insert: &ast::Insert) -> Result<Outcome> {
    let mut engine = cx.db.engine();
    let bound = bind::bind_insert(insert, &engine.catalog, &options(cx))?;
    let rows = super::query::run(cx, &engine, bound.source)?;
    let mut deltas = Deltas::new();
    let types = rows.schema().types();
    let mut batches = Vec::with_capacity(rows.batches().len());
    if let Some(conflict) = bound.on_conflict {
        let written = upsert(&mut engine, &bound.relation, conflict, &rows, &mut deltas)?;
        let tag = format!("INSERT 0 {}", written.rows());
        let source = (&types[..], &[written][..]);
        return finish(
            &mut engine,
            deltas,
            tag,
            "INSERT",
            bound.returning,
            &bound.relation,
            source,
        );
    }
    for batch in rows.batches() {
        let batch = engine.check_rows(bound.relation.id, batch.clone())?;
        engine.accept_complete(bound.relation.id, batch.clone(), &mut deltas)?;
        batches.push(batch);
    }
    let tag = format!("INSERT 0 {}", rows.len());
    finish(&mut engine, deltas, tag, "INSERT", bound.returning, &bound.relation, (&types, &batches))
}

/// INSERT ... ON CONFLICT: adds what it changes; the rows that were written.
fn upsert(
    engine: &mut Engine,
    relation: &Relation,
    conflict: BoundConflict,
    rows: &Rows,
    deltas: &mut Deltas,
) -> Result<Batch> {
    let types = relation.schema.types();
    let mut proposed = Vec::with_capacity(rows.len());
    for batch in rows.batches() {
        proposed.extend(engine.check_rows(relation.id, batch.clone())?.to_rows(&types));
    }
    let written = super::conflict::resolve(engine, relation, conflict, proposed)?;
    let (mut old, mut new) = (Vec::new(), Vec::with_capacity(written.len()));
    for row in written {
        old.push(row.old);
        new.push(row.new);
    }
    let gone: Vec<_> = old.iter().flatten().cloned().collect();
    let stored = engine.check_rows(relation.id, Batch::from_rows(&new, &types)?)?;
    if gone.is_empty() {
        engine.accept_complete(relation.id, stored.clone(), deltas)?;
        return Ok(stored);
    }
    let delta = vec![Batch::from_rows(&gone, &types)?.negate(), stored.clone()];
    deltas.insert(relation.id, Batch::consolidate(delta));
    let replaced = || {
        let pairs = old.into_iter().zip(stored.to_rows(&types));
        pairs.filter_map(|(old, new)| Some((old?, Some(new)))).collect()
    };
    engine.refer(relation.id, replaced, deltas)?;
    Ok(stored)
}

/// UPDATE.
pub(super) fn update(cx: &Context<'_>, update: &ast::Update) -> Result<Outcome> {
    let mut engine = cx.db.engine();
    let bound = bind::bind_update(update, &engine.catalog, &options(cx))?;
    must_be_table(&bound.relation)?;
    let rows = super::query::run(cx, &engine, bound.source)?;
    let n = bound.relation.schema.len();
    let (old, new): (Vec<usize>, Vec<usize>) = ((0..n).collect(), (n..2 * n).collect());
    let (types, mut batches) = (rows.schema().types(), Vec::with_capacity(rows.batches().len()));
    let mut delta = Vec::new();
    for batch in rows.batches() {
        let mut batch = batch.compact();
        let stored = engine.check_rows(bound.relation.id, batch.project(&new))?;
        delta.push(batch.project(&old).negate());
        batch.columns.splice(n..2 * n, stored.columns.iter().cloned());
        delta.push(stored);
        batches.push(batch);
    }
    let mut deltas = Deltas::from([(bound.relation.id, Batch::consolidate(delta))]);
    let replaced = || {
        let rows = batches.iter().flat_map(|batch| batch.to_rows(&types));
        rows.map(|row| (row[..n].to_vec(), Some(row[n..2 * n].to_vec()))).collect()
    };
    engine.refer(bound.relation.id, replaced, &mut deltas)?;
    let tag = format!("UPDATE {}", rows.len());
    finish(&mut engine, deltas, tag, "UPDATE", bound.returning, &bound.relation, (&types, &batches))
}

/// DELETE.
pub(super) fn delete(cx: &Context<'_>, delete: &ast::Delete) -> Result<Outcome> {
    let mut engine = cx.db.engine();
    let bound = bind::bind_delete(delete, &engine.catalog, &options(cx))?;
    must_be_table(&bound.relation)?;
    let rows = super::query::run(cx, &engine, bound.source)?;
    let own: Vec<usize> = (0..bound.relation.schema.len()).collect();
    let delta: Vec<Batch> = rows.batches().iter().map(|b| b.project(&own).negate()).collect();
    let mut deltas = Deltas::from([(bound.relation.id, delta)]);
    let replaced = || rows.to_vec().into_iter().map(|row| (row, None)).collect();
    engine.refer(bound.relation.id, replaced, &mut deltas)?;
    let tag = format!("DELETE {}", rows.len());
    let (types, batches) = (rows.schema().types(), rows.batches().to_vec());
    finish(&mut engine, deltas, tag, "DELETE", bound.returning, &bound.relation, (&types, &batches))
}

pub(super) fn must_be_table(relation: &Relation) -> Result<()> {
    if relation.kind == RelationKind::Table {
        return Ok(());
    }
    Err(Error::new(
        SqlState::WRONG_OBJECT_TYPE,
        format!(
            "cannot change rows of \"{}\": it is a {}",
            relation.name,
            kind_name(relation.kind)
        ),
    )
    .with_hint("only tables have rows that change; a stream only grows"))
}

/// Computes RETURNING, so that its errors come before the commit, and commits.
fn finish(
    engine: &mut Engine,
    deltas: Deltas,
    tag: String,
    verb: &str,
    returning: Option<Returning>,
    relation: &Relation,
    (types, source): (&[DataType], &[Batch]),
) -> Result<Outcome> {
    let rows = returning.map(|r| compute(engine, relation, r, (types, source))).transpose()?;
    let epoch = Some(engine.commit(deltas)?);
    Ok(match rows {
        Some(rows) => Outcome { epoch, ..Outcome::rows(verb, rows) },
        None => Outcome { epoch, ..Outcome::tag(tag) },
    })
}

fn compute(
    engine: &Engine,
    relation: &Relation,
    returning: Returning,
    (types, source): (&[DataType], &[Batch]),
) -> Result<Rows> {
    let Returning { exprs, schema } = returning;
    let plan = row_plan(relation, types, Op::Project { exprs }, schema.clone());
    let mut task = Task::new(std::sync::Arc::new(compile(&plan, "returning")?), &engine.pool, 0)?;
    let output = task.step(&StepInput {
        epoch: Epoch(0),
        now: engine.time(),
        watermark: Timestamp::MIN,
        deltas: &[source],
        on_error: OnError::Abort,
        cancel: None,
    })?;
    Ok(Rows::new(schema, output.delta))
}
