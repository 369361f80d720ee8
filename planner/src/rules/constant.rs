//! Constant expressions that fail: found when the statement is planned, as PostgreSQL does.
//!
//! `CASE WHEN a > 0 THEN 1/0 END` is an error however many rows there are, and whatever they hold.
//! Only what can never be reached is spared: behind FALSE in an AND, TRUE in an OR, a branch of
//! CASE whose condition is not true, and behind the first constant of COALESCE that is not NULL.
//! Invariant: a plan that passes has no constant expression that fails for every row that reaches
//! it, unless rewriting it brings one about; that one is left to its rows.

use arena_tr_types::Value;

use super::fold::{ConstEval, become_literal, is_computable};
use crate::error::PlanError;
use crate::logical::{Expr, ExprKind, Plan};

/// Fails if a constant expression of the plan fails.
///
/// # Errors
/// That of the expression.
pub(super) fn check_constants(plan: &Plan, eval: &dyn ConstEval) -> Result<(), PlanError> {
    let mut done = Ok(());
    plan.walk(&mut |p| {
        p.each_expr(&mut |expr| {
            if done.is_ok() {
                done = evaluate(&mut expr.clone(), eval);
            }
        });
    });
    done
}

/// Evaluates the constant parts of an expression from left to right.
fn evaluate(expr: &mut Expr, eval: &dyn ConstEval) -> Result<(), PlanError> {
    match &mut expr.kind {
        ExprKind::And(arms) => return evaluate_until(arms, eval, &Value::Bool(false)),
        ExprKind::Or(arms) => return evaluate_until(arms, eval, &Value::Bool(true)),
        ExprKind::Coalesce(items) => {
            for item in items {
                evaluate(item, eval)?;
                if item.as_literal().is_some_and(|v| !v.is_null()) {
                    break;
                }
            }
            return Ok(());
        }
        ExprKind::Case { branches, otherwise } => {
            for (when, then) in branches {
                evaluate(when, eval)?;
                match when.as_literal() {
                    Some(Value::Bool(true)) => return evaluate(then, eval),
                    Some(_) => {}
                    None => evaluate(then, eval)?,
                }
            }
            return otherwise.as_mut().map_or(Ok(()), |e| evaluate(e, eval));
        }
        _ => {}
    }
    let mut done = Ok(());
    expr.each_child_mut(&mut |child| {
        if done.is_ok() {
            done = evaluate(child, eval);
        }
    });
    done?;
    if is_computable(expr) {
        let value = eval.eval(expr).map_err(PlanError::from)?;
        become_literal(expr, value);
    }
    Ok(())
}

/// The arms of AND or OR as far as they are reached.
fn evaluate_until(
    arms: &mut [Expr],
    eval: &dyn ConstEval,
    decides: &Value,
) -> Result<(), PlanError> {
    for arm in arms {
        evaluate(arm, eval)?;
        if arm.as_literal() == Some(decides) {
            break;
        }
    }
    Ok(())
}
