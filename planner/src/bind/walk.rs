//! Column numbers of bound expressions and plans: finding and moving references to enclosing
//! queries.
//!
//! Invariant: a walk over a plan sees each expression of each node exactly once, inputs first.

use arena_tr_types::SqlState;
use arena_tr_types::limits::STATEMENT_NODES;

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind, Plan};

use super::slot;

/// Replaces every column number of an expression; the first failure is kept.
pub(crate) fn map_columns(
    expr: &mut Expr,
    f: &mut dyn FnMut(usize) -> Result<usize, PlanError>,
) -> Result<(), PlanError> {
    if let ExprKind::Column(n) = &mut expr.kind {
        *n = f(*n)?;
        return Ok(());
    }
    let mut result = Ok(());
    expr.each_child_mut(&mut |e| {
        if result.is_ok() {
            result = map_columns(e, f);
        }
    });
    result
}

/// Whether any column number of the expression fulfils `f`.
pub(crate) fn any_column(expr: &Expr, f: &dyn Fn(usize) -> bool) -> bool {
    !expr.columns_all(&|n| !f(n))
}

/// Calls `f` on every expression of a plan.
pub(crate) fn plan_exprs_mut(plan: &mut Plan, f: &mut dyn FnMut(&mut Expr)) {
    for input in plan.children_mut() {
        plan_exprs_mut(input, f);
    }
    plan.each_expr_mut(f);
}

/// Calls `f` on every expression of a plan, to look at it.
pub(crate) fn plan_exprs(plan: &Plan, f: &mut dyn FnMut(&Expr)) {
    plan.walk(&mut |p| p.each_expr(&mut |e| f(e)));
}

/// How many nodes and expressions a plan has: what copying it costs.
pub(crate) fn size(plan: &Plan) -> usize {
    let mut n = 0;
    plan.walk(&mut |p| {
        n += 1;
        p.each_expr(&mut |_| n += 1);
    });
    n
}

/// The error of a plan that copies of parts of it have made too large.
pub(crate) fn check_size(size: usize) -> Result<(), PlanError> {
    if size <= STATEMENT_NODES {
        return Ok(());
    }
    let message = "the statement's plan is too large: its subqueries or views repeat each other";
    Err(PlanError::of(SqlState::STATEMENT_TOO_COMPLEX, message))
}

/// Whether a plan names a column of the query directly around it.
pub(crate) fn is_correlated(plan: &Plan) -> bool {
    let mut found = false;
    plan_exprs(plan, &mut |e| found |= is_outer(e));
    found
}

/// Whether an expression names a column of the query directly around it.
pub(crate) fn is_outer(expr: &Expr) -> bool {
    any_column(expr, &|n| slot::level(n) == 1)
}

/// Whether an expression names a column of its own query.
pub(crate) fn is_inner(expr: &Expr) -> bool {
    any_column(expr, &|n| slot::level(n) == 0)
}

/// Moves a plan `levels` queries inward: its references to enclosing queries reach further.
pub(crate) fn deepen(plan: &mut Plan, levels: usize) {
    if levels > 0 {
        let shift = |n: usize| if slot::level(n) > 0 { slot::deeper(n, levels) } else { n };
        plan_exprs_mut(plan, &mut |e| e.map_columns(&shift));
    }
}

/// Moves an expression into a subquery: all that it names is one level further out.
pub(crate) fn push_down(mut expr: Expr) -> Expr {
    expr.map_columns(&|n| slot::deeper(n, 1));
    expr
}

/// Replaces the numbers by which a plan names columns of the query directly around it.
pub(crate) fn map_outer(
    plan: &mut Plan,
    f: &mut dyn FnMut(usize) -> Result<usize, PlanError>,
) -> Result<(), PlanError> {
    let mut result = Ok(());
    plan_exprs_mut(plan, &mut |e| {
        if result.is_ok() {
            result = map_columns(e, &mut |n| {
                if slot::level(n) == 1 { Ok(slot::deeper(f(slot::local(n))?, 1)) } else { Ok(n) }
            });
        }
    });
    result
}

/// A plan that names no column of the query directly around it, moved into that query: references
/// that reach further are one level nearer now.
pub(crate) fn surface(plan: &mut Plan) {
    plan_exprs_mut(plan, &mut surface_expr);
}

/// An expression of a subquery, moved into the query around it together with its columns.
pub(crate) fn surface_expr(expr: &mut Expr) {
    expr.map_columns(&|n| if slot::level(n) > 1 { slot::shallower(n, 1) } else { n });
}
