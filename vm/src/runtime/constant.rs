//! Constants by the kernels that would compute them: the planner's folding calls this.
//!
//! The expression becomes a program of one row without inputs, so that a folded constant and an
//! unfolded one cannot differ.
//! Invariant: evaluation has no effect and depends on the expression and `now` alone.

use std::sync::Arc;

use arena_tr_planner::ConstEval;
use arena_tr_planner::logical;
use arena_tr_planner::physical::{Node, NodeId, Op, PhysicalPlan, Presentation};
use arena_tr_storage::arena::Pool;
use arena_tr_types::{Epoch, Field, Schema, SqlError, SqlState, Timestamp, Value};

use super::{StepInput, Task};
use crate::codegen::compile;
use crate::interp::OnError;

/// Evaluates expressions without columns.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConstEvaluator {
    now: Timestamp,
}

impl ConstEvaluator {
    /// An evaluator for which `now()` is this.
    pub fn at(now: Timestamp) -> Self {
        Self { now }
    }
}

impl ConstEval for ConstEvaluator {
    fn eval(&self, expr: &logical::Expr) -> Result<Value, SqlError> {
        let schema = Schema::new(vec![Field::new("value", expr.ty.clone(), true)]);
        let node = Node {
            op: Op::Values { rows: vec![vec![expr.clone()]] },
            inputs: Vec::new(),
            schema: schema.clone(),
            append_only: true,
            frontier: Default::default(),
        };
        let plan = PhysicalPlan {
            nodes: vec![node],
            root: NodeId(0),
            inputs: Vec::new(),
            schema,
            presentation: Presentation::default(),
        };
        let mut task = Task::new(Arc::new(compile(&plan, "constant")?), &Pool::new(), 0)?;
        let output = task.step(&StepInput {
            epoch: Epoch(0),
            now: self.now,
            watermark: Timestamp::MIN,
            deltas: &[],
            on_error: OnError::Abort,
            cancel: None,
        })?;
        let row = output.delta.iter().find(|batch| batch.live() > 0);
        row.map(|batch| batch.columns[0].value(0, &expr.ty))
            .ok_or_else(|| SqlError::new(SqlState::INTERNAL, "a constant gave no row"))
    }
}
