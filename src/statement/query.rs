//! SELECT over what is stored: planned, compiled and stepped once over whole contents.
//!
//! An ad-hoc query runs through the same programs as a standing one, with fresh state, and then
//! sorts and cuts.
//! Invariant: it sees one epoch and changes nothing.

use std::sync::Arc;

use arena_tr_parser::ast;
use arena_tr_planner::bind::{BindOptions, BoundQuery, bind_query};
use arena_tr_planner::catalog::Catalog;
use arena_tr_planner::logical;
use arena_tr_planner::physical::{PhysicalPlan, Presentation};
use arena_tr_planner::{Lowered, Mode, lower, optimize};
use arena_tr_storage::Batch;
use arena_tr_types::{SqlState, Value};
use arena_tr_vm::{ConstEvaluator, OnError, StepInput, StepOutput, Task, compile, present};

use super::Context;
use crate::engine::{Engine, kind_name};
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::session::Outcome;

/// SELECT, VALUES, WITH.
pub(super) fn select(cx: &Context<'_>, query: &ast::Query) -> Result<Outcome> {
    let engine = cx.db.engine();
    let bound = bind(cx, &engine.catalog, query)?;
    let mut notices = Vec::new();
    if bound.emit.is_some() {
        notices.push("EMIT has no meaning in a query that runs once".to_owned());
    }
    let rows = run(cx, &engine, bound.plan)?;
    Ok(Outcome { notices, ..Outcome::rows("SELECT", rows) })
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

/// Plans, compiles and runs a bound query over the contents of the relations it reads.
pub(super) fn run(cx: &Context<'_>, engine: &Engine, plan: logical::Plan) -> Result<Rows> {
    let lowered = lower_ad_hoc(&engine.catalog, plan)?;
    let batches = execute(cx, engine, &lowered.plan)?;
    Ok(Rows::new(shown_schema(&lowered.plan), batches))
}

pub(super) fn lower_ad_hoc(catalog: &Arc<Catalog>, plan: logical::Plan) -> Result<Lowered> {
    let plan = optimize(plan, &ConstEvaluator::default())?;
    Ok(lower(plan, catalog, &Mode::AdHoc)?)
}

/// Runs a physical plan once and gives its rows in order.
pub(super) fn execute(
    cx: &Context<'_>,
    engine: &Engine,
    plan: &PhysicalPlan,
) -> Result<Vec<Batch>> {
    let (task, output) = step_once(cx, engine, plan, false)?;
    if task.program().output().presentation == Presentation::default() {
        return Ok(output.delta);
    }
    let rows = present(task.program().output(), &output.delta);
    Ok(vec![Batch::from_rows(&rows, &shown_schema(plan).types())?])
}

/// Steps a plan's program once over the contents of what it reads.
pub(super) fn step_once(
    cx: &Context<'_>,
    engine: &Engine,
    plan: &PhysicalPlan,
    analyze: bool,
) -> Result<(Task, StepOutput)> {
    let program = Arc::new(compile(plan, "query")?);
    let mut contents = Vec::with_capacity(plan.inputs.len());
    for (i, input) in plan.inputs.iter().enumerate() {
        contents.push(match super::point::find(engine, plan, i) {
            Some(point) => point.rows()?,
            None => readable(engine, input.relation, &input.name)?,
        });
    }
    let slices: Vec<&[Batch]> = contents.iter().map(Vec::as_slice).collect();
    let mut task = Task::new(program, &engine.pool, 0)?;
    task.analyze(analyze);
    let output = task.step(&StepInput {
        epoch: engine.epoch,
        now: engine.time(),
        watermark: arena_tr_types::time::TIMESTAMP_INFINITY,
        deltas: &slices,
        on_error: OnError::Abort,
        cancel: Some(cx.cancel.flag()),
    })?;
    Ok((task, output))
}

/// The contents of a relation for reading, or why it has none.
fn readable(engine: &Engine, id: arena_tr_types::RelationId, name: &str) -> Result<Vec<Batch>> {
    if let Some(batches) = crate::introspect::scan(engine, name) {
        return batches;
    }
    let entry = engine.entry(id)?;
    if let Some(error) = entry.view.as_ref().and_then(|v| v.failed.as_ref()) {
        return Err(error.clone());
    }
    match &entry.store {
        Some(store) => Ok(store.scan()),
        None => Err(Error::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("{} \"{name}\" keeps no rows to read", kind_name(entry.relation.kind)),
        )
        .with_hint(format!(
            "follow it with SUBSCRIBE {name}, or keep what you need: \
             CREATE MATERIALIZED VIEW v AS SELECT ... FROM {name}"
        ))),
    }
}

/// The columns that are shown, without hidden sort columns.
fn shown_schema(plan: &PhysicalPlan) -> arena_tr_types::Schema {
    match plan.presentation.width {
        Some(width) => arena_tr_types::Schema::new(plan.schema.fields[..width].to_vec()),
        None => plan.schema.clone(),
    }
}
