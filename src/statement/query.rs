//! SELECT over what is stored: planned, compiled and stepped once over whole contents.
//!
//! An ad-hoc query runs through the same programs as a standing one, with fresh state, and then
//! sorts and cuts.
//! Invariant: it sees one epoch and changes nothing; a SELECT runs without the lock.

use std::sync::{Arc, MutexGuard};

use arena_tr_parser::ast;
use arena_tr_planner::bind::{BindOptions, BoundQuery, bind_query};
use arena_tr_planner::catalog::Catalog;
use arena_tr_planner::logical;
use arena_tr_planner::physical::{PhysicalPlan, Presentation};
use arena_tr_planner::{Lowered, Mode, lower, optimize};
use arena_tr_storage::Batch;
use arena_tr_types::{RelationId, Value};
use arena_tr_vm::{ConstEvaluator, OnError, StepInput, StepOutput, Task, compile, present};

use super::Context;
use crate::engine::Engine;
use crate::engine::attempt::Attempt;
use crate::error::Result;
use crate::reading::ReadView;
use crate::rows::Rows;
use crate::session::Outcome;

/// SELECT, VALUES, WITH.
pub(super) fn select(cx: &Context<'_>, query: &ast::Query) -> Result<Outcome> {
    let mut notices = Vec::new();
    if query.emit.is_some() {
        notices.push("EMIT has no meaning in a query that runs once".to_owned());
    }
    let (view, lowered) = look(cx, query)?;
    Ok(Outcome { notices, ..Outcome::rows("SELECT", read(cx, &view, &lowered.plan)?) })
}

/// Plans a query and takes what it reads; the lock is free while it is planned and afterwards.
pub(super) fn look(cx: &Context<'_>, query: &ast::Query) -> Result<(ReadView, Lowered)> {
    let plan = |catalog: &Arc<Catalog>| lower_ad_hoc(catalog, bind(cx, catalog, query)?.plan);
    let catalog = cx.catalog(&cx.db.engine())?;
    let lowered = plan(&catalog)?;
    let engine = cx.db.engine();
    let now = cx.catalog(&engine)?;
    // What exists may have changed meanwhile.
    let lowered = if Arc::ptr_eq(&catalog, &now) { lowered } else { plan(&now)? };
    Ok((view_of(cx, engine, &lowered.plan)?, lowered))
}

/// What a plan reads: the present, or what the statement's transaction sees.
fn view_of(
    cx: &Context<'_>,
    engine: MutexGuard<'_, Engine>,
    plan: &PhysicalPlan,
) -> Result<ReadView> {
    let mut block = cx.block.borrow_mut();
    let Some(block) = block.as_mut() else { return ReadView::of(&engine, plan) };
    let mut view = ReadView::new(&engine);
    view.add_system(&engine, plan)?;
    let snapshots = block.snapshots()?;
    (view.epoch, view.now) = (snapshots.epoch, block.began);
    view.catalog = Arc::clone(&snapshots.catalog);
    view.add_past(&engine, plan, |id| snapshots.of(id))?;
    drop(engine);
    view.add(plan, |id| block.contents(id))?;
    Ok(view)
}

/// Runs the query that finds the rows of a change. What a statement of its own finds is still so
/// when it commits, so it keeps the lock; a transaction's runs without. `changed` is the relation
/// of which rows may leave.
pub(super) fn source<'a>(
    cx: &Context<'a>,
    engine: Attempt<'a>,
    plan: logical::Plan,
    changed: Option<RelationId>,
) -> Result<(Attempt<'a>, Rows)> {
    if !cx.in_block() {
        let rows = run(cx, &engine, plan)?;
        return Ok((engine, rows));
    }
    let lowered = lower_ad_hoc(&cx.catalog(&engine)?, plan)?;
    drop(engine);
    let view = view_of(cx, cx.db.engine(), &lowered.plan)?;
    let rows = read(cx, &view, &lowered.plan)?;
    if let (Some(id), Some(block)) = (changed, cx.block.borrow_mut().as_mut()) {
        block.prepare(id)?;
    }
    Ok((cx.enter(), rows))
}

pub(super) fn bind(cx: &Context<'_>, catalog: &Catalog, query: &ast::Query) -> Result<BoundQuery> {
    let mut bound = bind_query(query, catalog, &options(cx))?;
    // Columns to sort by that are not shown stay inside the plan.
    bound.plan = bound.plan.shown(&bound.schema);
    Ok(bound)
}

pub(super) fn options(cx: &Context<'_>) -> BindOptions {
    BindOptions {
        param_types: cx.params.iter().map(Value::data_type).collect(),
        param_values: cx.params.to_vec(),
        ..BindOptions::default()
    }
}

/// Plans, compiles and runs a bound query over the present, under the lock.
pub(super) fn run(cx: &Context<'_>, engine: &Engine, plan: logical::Plan) -> Result<Rows> {
    let lowered = lower_ad_hoc(&engine.catalog, plan)?;
    let view = ReadView::of(engine, &lowered.plan)?;
    read(cx, &view, &lowered.plan)
}

/// Runs a planned query over what was taken for it.
pub(super) fn read(cx: &Context<'_>, view: &ReadView, plan: &PhysicalPlan) -> Result<Rows> {
    let batches = execute(cx, view, plan)?;
    Ok(Rows::new(shown_schema(plan), batches))
}

pub(super) fn lower_ad_hoc(catalog: &Arc<Catalog>, plan: logical::Plan) -> Result<Lowered> {
    let plan = optimize(plan, &ConstEvaluator::default())?;
    Ok(lower(plan, catalog, &Mode::AdHoc)?)
}

/// Runs a physical plan once and gives its rows in order.
fn execute(cx: &Context<'_>, view: &ReadView, plan: &PhysicalPlan) -> Result<Vec<Batch>> {
    let (task, output) = step_once(cx, view, plan, false)?;
    if task.program().output().presentation == Presentation::default() {
        return Ok(output.delta);
    }
    let rows = present(task.program().output(), &output.delta);
    Ok(vec![Batch::from_rows(&rows, &shown_schema(plan).types())?])
}

/// Steps a plan's program once over the contents of what it reads.
pub(super) fn step_once(
    cx: &Context<'_>,
    view: &ReadView,
    plan: &PhysicalPlan,
    analyze: bool,
) -> Result<(Task, StepOutput)> {
    let program = Arc::new(compile(plan, "query")?);
    let contents = view.inputs(plan);
    let slices: Vec<&[Batch]> = contents.iter().map(Vec::as_slice).collect();
    let mut task = Task::new(program, &view.pool, 0)?;
    task.analyze(analyze);
    let output = task.step(&StepInput {
        epoch: view.epoch,
        now: view.now,
        watermark: arena_tr_types::time::TIMESTAMP_INFINITY,
        deltas: &slices,
        on_error: OnError::Abort,
        cancel: Some(cx.cancel.flag()),
    })?;
    Ok((task, output))
}

/// The columns that are shown, without hidden sort columns.
fn shown_schema(plan: &PhysicalPlan) -> arena_tr_types::Schema {
    match plan.presentation.width {
        Some(width) => arena_tr_types::Schema::new(plan.schema.fields[..width].to_vec()),
        None => plan.schema.clone(),
    }
}
