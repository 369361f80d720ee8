//! Rewrites of the logical plan, in a fixed order, until nothing changes or a limit is reached.
//!
//! Invariant: a rule keeps the plan's rows, their weights under every change of the inputs, and its columns.

pub mod join_key;

use arena_tr_types::{SqlError, Value};

use crate::error::PlanError;
use crate::logical::{Expr, Plan};

/// Evaluates constant expressions with the engine's own kernels.
pub trait ConstEval {
    /// The value of an expression without columns.
    fn eval(&self, expr: &Expr) -> Result<Value, SqlError>;
}

/// Rewrites a bound plan into one that costs less.
pub fn optimize(plan: Plan, _eval: &dyn ConstEval) -> Result<Plan, PlanError> {
    Ok(plan)
}
