//! Append-only or retracting: which operators' outputs only grow.
//!
//! An output only grows if no epoch ever emits a weight below 1. Rows that an operator passes on one by one
//! keep their input's weight; an operator that summarises (an aggregate, a rank) or pads (an outer join)
//! takes back what it said before.
//! Invariant: `true` is a proof, `false` is only the lack of one.

use super::Context;
use crate::logical::{JoinKind, SetOp};
use crate::physical::Op;

/// Whether the output of `op` over these inputs only grows. Inputs say it of themselves.
pub fn append_only(op: &Op, context: &Context<'_>) -> bool {
    match op {
        // Decided by whoever knows the relation; see `frontier::input`.
        Op::Input { .. } => context.facts.is_empty() && context.inputs.is_empty(),
        Op::Values { .. } | Op::HoldUntilClose { .. } => true,
        Op::Filter { .. }
        | Op::Project { .. }
        | Op::WindowAssign { .. }
        | Op::Union
        | Op::Unnest { .. }
        // A row's first copy appears once and, if nothing is retracted, stays.
        | Op::Distinct { .. } => context.all_append_only(),
        // Without aggregates a group is only its keys: a Distinct. In a plan that is stepped once, groups are
        // read once, after all input.
        Op::Aggregate(a) => {
            (a.aggs.is_empty() && !a.keys.is_empty() && context.all_append_only()) || context.ad_hoc
        }
        Op::PaneAggregate(a) => a.on_close || a.aggs.is_empty() || context.ad_hoc,
        Op::SessionAggregate(a) => a.on_close || context.ad_hoc,
        // Sessions merge: a row's bounds change when a row comes between two sessions.
        Op::SessionAssign { .. } => false,
        Op::Join(j) => {
            matches!(j.kind, JoinKind::Inner | JoinKind::Semi) && context.all_append_only()
        }
        // The lesser of two counts that only grow only grows; a difference does not.
        Op::SetOp { op, .. } => *op == SetOp::Intersect && context.all_append_only(),
        Op::TopN(_) | Op::Over { .. } | Op::SingleRow => false,
    }
}
