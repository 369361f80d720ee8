//! Append-only or retracting: which operators' outputs only grow.
//!
//! An output only grows if no epoch ever emits a weight below 1. Rows that an operator passes on
//! one by one keep their input's weight; an operator that summarises (an aggregate, a rank) or pads
//! (an outer join) takes back what it said before.
//! Invariant: `true` is a proof, `false` is only the lack of one.

use super::Context;
use crate::logical::{JoinKind, SetOp};
use crate::physical::Op;

/// Whether the output of `op` over these inputs only grows. Inputs say it of themselves.
pub fn append_only(op: &Op, context: &Context<'_>) -> bool {
    // What changed is emitted once, at the end of a step, as a difference to the step before.
    let first_step = context.ad_hoc || (context.closing && context.all_append_only());
    match op {
        // Decided by whoever knows the relation.
        Op::Input { .. } => false,
        Op::Values { .. } | Op::HoldUntilClose { .. } => true,
        // A row's first copy appears once and, if nothing is retracted, stays.
        Op::Distinct { .. } => first_step || context.all_append_only(),
        Op::Filter { .. }
        | Op::Project { .. }
        | Op::WindowAssign { .. }
        | Op::Union
        | Op::Unnest { .. } => context.all_append_only(),
        // Without aggregates a group is only its keys: a Distinct.
        Op::Aggregate(a) => {
            let only_keys = a.aggs.is_empty() && !a.keys.is_empty();
            first_step || (only_keys && context.all_append_only())
        }
        Op::PaneAggregate(a) => a.on_close || a.aggs.is_empty() || context.ad_hoc,
        Op::SessionAggregate(a) => a.on_close || context.ad_hoc,
        // Sessions merge: a row's bounds change when a row comes between two sessions.
        Op::SessionAssign { .. } => context.ad_hoc,
        // Pairs are emitted as they are found; padding may be taken back within the step.
        Op::Join(j) => {
            matches!(j.kind, JoinKind::Inner | JoinKind::Semi) && context.all_append_only()
        }
        // The lesser of two counts that only grow only grows; a difference does not.
        Op::SetOp { op, .. } => {
            context.ad_hoc || (*op == SetOp::Intersect && context.all_append_only())
        }
        Op::TopN(_) | Op::Over { .. } => first_step,
    }
}
