//! INSERT, UPDATE, DELETE: one commit each, or staged in a transaction.
//!
//! The rows that change are found by running the statement's query over the contents; then they
//! become the delta of one epoch.
//! Invariant: constraints are checked before anything is applied.

use arena_tr_parser::ast;
use arena_tr_planner::bind::{self, BindOptions, BoundConflict, Returning};
use arena_tr_planner::catalog::{Relation, RelationKind};
use arena_tr_planner::physical::Op;
use arena_tr_storage::Batch;
use arena_tr_types::{DataType, Epoch, RelationId, SqlState, Timestamp};
use arena_tr_vm::{OnError, StepInput, Task, compile};

use super::Context;
use crate::engine::commit::Deltas;
use crate::engine::define::row_plan;
use crate::engine::foreign::Replaced;
use crate::engine::{Engine, kind_name};
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::session::Outcome;

fn options(cx: &Context<'_>) -> BindOptions {
    super::query::options(cx)
}

/// INSERT.
pub(super) fn insert(cx: &Context<'_>, insert: &ast::Insert) -> Result<Outcome> {
    let engine = cx.enter();
    let bound = bind::bind_insert(insert, &*cx.catalog(&engine)?, &options(cx))?;
    let (mut engine, rows) = super::query::source(cx, engine, bound.source, None)?;
    let mut deltas = Deltas::new();
    let types = rows.schema().types();
    let mut batches = Vec::with_capacity(rows.batches().len());
    if let Some(conflict) = bound.on_conflict {
        if cx.in_block() {
            return Err(Error::unsupported("ON CONFLICT in a transaction of several statements"));
        }
        let written = upsert(&mut engine, &bound.relation, conflict, &rows, &mut deltas)?;
        let tag = format!("INSERT 0 {}", written.rows());
        let source = (&types[..], &[written][..]);
        return finish(
            (cx, &mut engine),
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
        cx.take_in(&mut engine, bound.relation.id, batch.clone(), &mut deltas)?;
        batches.push(batch);
    }
    let tag = format!("INSERT 0 {}", rows.len());
    finish(
        (cx, &mut engine),
        deltas,
        tag,
        "INSERT",
        bound.returning,
        &bound.relation,
        (&types, &batches),
    )
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
    let engine = cx.enter();
    let bound = bind::bind_update(update, &*cx.catalog(&engine)?, &options(cx))?;
    must_be_table(&bound.relation)?;
    let changed = Some(bound.relation.id);
    let (mut engine, rows) = super::query::source(cx, engine, bound.source, changed)?;
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
    // In a transaction a row that is set to what it was counts as changed.
    let delta = if cx.in_block() { delta } else { Batch::consolidate(delta) };
    let mut deltas = Deltas::from([(bound.relation.id, delta)]);
    let replaced = || {
        let rows = batches.iter().flat_map(|batch| batch.to_rows(&types));
        rows.map(|row| (row[..n].to_vec(), Some(row[n..2 * n].to_vec()))).collect()
    };
    follow(cx, &mut engine, bound.relation.id, replaced, &mut deltas)?;
    let tag = format!("UPDATE {}", rows.len());
    finish(
        (cx, &mut engine),
        deltas,
        tag,
        "UPDATE",
        bound.returning,
        &bound.relation,
        (&types, &batches),
    )
}

/// DELETE.
pub(super) fn delete(cx: &Context<'_>, delete: &ast::Delete) -> Result<Outcome> {
    let engine = cx.enter();
    let bound = bind::bind_delete(delete, &*cx.catalog(&engine)?, &options(cx))?;
    must_be_table(&bound.relation)?;
    let changed = Some(bound.relation.id);
    let (mut engine, rows) = super::query::source(cx, engine, bound.source, changed)?;
    let own: Vec<usize> = (0..bound.relation.schema.len()).collect();
    let delta: Vec<Batch> = rows.batches().iter().map(|b| b.project(&own).negate()).collect();
    let mut deltas = Deltas::from([(bound.relation.id, delta)]);
    let replaced = || rows.to_vec().into_iter().map(|row| (row, None)).collect();
    follow(cx, &mut engine, bound.relation.id, replaced, &mut deltas)?;
    let tag = format!("DELETE {}", rows.len());
    let (types, batches) = (rows.schema().types(), rows.batches().to_vec());
    finish(
        (cx, &mut engine),
        deltas,
        tag,
        "DELETE",
        bound.returning,
        &bound.relation,
        (&types, &batches),
    )
}

/// Adds what foreign keys do when rows of a table go. In a transaction of several statements they
/// do nothing yet but refuse, when it commits.
fn follow(
    cx: &Context<'_>,
    engine: &mut Engine,
    id: RelationId,
    replaced: impl FnOnce() -> Vec<Replaced>,
    deltas: &mut Deltas,
) -> Result<()> {
    if !cx.in_block() {
        return engine.refer(id, replaced, deltas);
    }
    if engine.has_referential_actions(id) {
        return Err(Error::unsupported(
            "changing rows that foreign keys with actions reference, in a transaction of several \
             statements,",
        ));
    }
    Ok(())
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
    (cx, engine): (&Context<'_>, &mut Engine),
    deltas: Deltas,
    tag: String,
    verb: &str,
    returning: Option<Returning>,
    relation: &Relation,
    (types, source): (&[DataType], &[Batch]),
) -> Result<Outcome> {
    let rows = returning.map(|r| compute(engine, relation, r, (types, source))).transpose()?;
    let epoch = cx.commit(engine, deltas)?;
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
