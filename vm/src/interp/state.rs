//! Instructions that call state operators.
//!
//! Invariant: what a state operator is given are the live rows of one batch, with their weights.

use arena_tr_types::SqlError;

use super::machine::{Cx, Machine};
use super::{Flow, Step};
use crate::bytecode::Sel;

fn apply(m: &mut Machine, step: &Step, cx: &Cx<'_>, right: bool) -> Result<Flow, SqlError> {
    if !m.frame.sel(Sel(step.inst.sel)).is_empty() {
        let batch = m.batch_of(step, cx);
        m.states[usize::from(step.inst.a)].apply(right, &batch)?;
    }
    Ok(Flow::Next)
}

/// Operators of one input, and the left side of set operations.
pub(super) fn apply_left(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    apply(m, step, cx, false)
}

/// The right side of set operations.
pub(super) fn apply_right(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    apply(m, step, cx, true)
}

pub(super) fn group_upsert(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    m.group_batch = None;
    if !m.frame.sel(Sel(step.inst.sel)).is_empty() {
        let batch = m.batch_of(step, cx);
        m.states[usize::from(step.inst.a)].upsert(&batch)?;
        m.group_batch = Some(batch);
    }
    Ok(Flow::Next)
}

/// Every `agg.*`: which function it is, the state knows by the aggregate's number.
pub(super) fn agg_update(m: &mut Machine, step: &Step, _: &Cx<'_>) -> Result<Flow, SqlError> {
    if let Some(batch) = &m.group_batch {
        m.states[usize::from(step.inst.a)].update(usize::from(step.inst.b), batch)?;
    }
    Ok(Flow::Next)
}

pub(super) fn join_left(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    apply(m, step, cx, false)
}

pub(super) fn join_right(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    apply(m, step, cx, true)
}

pub(super) fn join_match(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    apply(m, step, cx, true)
}
