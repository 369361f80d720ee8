//! EXPLAIN: the plan, the state verdict, the bytecode.
//!
//! Invariant: what is shown is what would run: the same planning and the same code generation,
//! nothing redone for display.

use std::time::Instant;

use arena_tr_parser::ast::{self, ExplainForm, ExplainTarget, StatementKind};
use arena_tr_planner::physical::PhysicalPlan;
use arena_tr_planner::{Lowered, Mode};
use arena_tr_types::SqlState;
use arena_tr_vm::{ConstEvaluator, compile};

use super::Context;
use crate::engine::{Engine, unknown};
use crate::error::{Error, Result};
use crate::session::Outcome;

/// EXPLAIN.
pub(super) fn explain(cx: &Context<'_>, explain: &ast::Explain) -> Result<Outcome> {
    if explain.analyze {
        return analyze(cx, &explain.target);
    }
    let engine = cx.db.engine();
    let text = match &explain.target {
        ExplainTarget::View(name) => view(&engine, explain.form, name)?,
        ExplainTarget::Statement(statement) => match &statement.kind {
            StatementKind::Query(query) => planned(cx, &engine, explain.form, query, None)?,
            StatementKind::CreateView(create) if create.materialized => {
                let name = super::catalog_name(&create.name);
                planned(cx, &engine, explain.form, &create.query, Some(&name))?
            }
            _ => return Err(Error::unsupported("EXPLAIN of this statement")),
        },
    };
    super::show::texts(&["plan"], text.lines().map(|line| vec![line.to_owned()]))
}

/// EXPLAIN ANALYZE: what each instruction did. A query runs for it, once; a view that stands is
/// counted from the first time that it is asked for, because reading the clock around every
/// instruction costs a little.
fn analyze(cx: &Context<'_>, target: &ExplainTarget) -> Result<Outcome> {
    let text = match target {
        ExplainTarget::Statement(statement) => {
            let StatementKind::Query(query) = &statement.kind else {
                return Err(Error::unsupported("EXPLAIN ANALYZE of this statement"));
            };
            let (view, lowered) = super::query::look(cx, query)?;
            let start = Instant::now();
            let (task, output) = super::query::step_once(cx, &view, &lowered.plan, true)?;
            let (ms, rows) = (start.elapsed().as_secs_f64() * 1e3, output.delta.iter());
            let rows: usize = rows.map(arena_tr_storage::Batch::live).sum();
            format!("{}; {rows} rows in {ms:.3} ms\n", task.to_text())
        }
        ExplainTarget::View(name) => {
            let mut engine = cx.db.engine();
            let key = super::catalog_name(name);
            let id = engine.find(&key).ok_or_else(|| unknown(&key).at(name.span))?.id;
            let Some(view) = &mut engine.entry_mut(id)?.view else {
                return Err(not_a_view(&key).at(name.span));
            };
            if !view.task.is_analyzed() {
                view.task.analyze(true);
                let notice = format!("\"{key}\" is counted from now on; ask again later");
                return Ok(Outcome { notices: vec![notice], ..Outcome::tag("EXPLAIN") });
            }
            view.task.to_text()
        }
    };
    super::show::texts(&["plan"], text.lines().map(|line| vec![line.to_owned()]))
}

fn not_a_view(name: &str) -> Error {
    Error::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not a materialized view"))
}

/// Plans a query as it would run: once, or, with a view's name, standing.
fn planned(
    cx: &Context<'_>,
    engine: &Engine,
    form: ExplainForm,
    query: &ast::Query,
    view: Option<&str>,
) -> Result<String> {
    let bound = super::query::bind(cx, &engine.catalog, query)?;
    // State is what a standing query keeps, so that form explains the query as a view.
    let standing = view.is_some() || form == ExplainForm::State || bound.emit.is_some();
    let mode = match standing {
        true => crate::engine::define::standing(bound.emit),
        false => Mode::AdHoc,
    };
    let plan = arena_tr_planner::optimize(bound.plan, &ConstEvaluator::default())?;
    if form == ExplainForm::Logical {
        return Ok(arena_tr_planner::logical::display::explain(&plan, &engine.catalog));
    }
    let lowered = arena_tr_planner::lower(plan, &engine.catalog, &mode)?;
    let mut text = show(form, &lowered, view.unwrap_or("query"))?;
    if form == ExplainForm::Physical && mode == Mode::AdHoc {
        for input in 0..lowered.plan.inputs.len() {
            if let Some(point) = super::point::find(engine, &lowered.plan, input) {
                text.push_str(&point.describe());
                text.push('\n');
            }
        }
    }
    Ok(text)
}

fn show(form: ExplainForm, lowered: &Lowered, name: &str) -> Result<String> {
    Ok(match form {
        ExplainForm::State => arena_tr_planner::delta::bounded::explain(&lowered.plan),
        ExplainForm::Bytecode => bytecode(&lowered.plan, name)?,
        _ => arena_tr_planner::physical::display::explain(&lowered.plan),
    })
}

fn bytecode(plan: &PhysicalPlan, name: &str) -> Result<String> {
    Ok(compile(plan, name)?.to_text())
}

/// The plan of a view that runs.
fn view(engine: &Engine, form: ExplainForm, name: &ast::ObjectName) -> Result<String> {
    let key = super::catalog_name(name);
    let relation = engine.find(&key).ok_or_else(|| unknown(&key).at(name.span))?;
    let Some(view) = &engine.entry(relation.id)?.view else {
        return Err(not_a_view(&key).at(name.span));
    };
    match form {
        ExplainForm::Bytecode => Ok(view.program.to_text()),
        ExplainForm::Physical => Ok(arena_tr_planner::physical::display::explain(&view.plan)),
        ExplainForm::State => Ok(arena_tr_planner::delta::bounded::explain(&view.plan)),
        _ => Err(Error::unsupported("this form of EXPLAIN for an existing view")
            .with_hint("explain its CREATE MATERIALIZED VIEW statement")),
    }
}
