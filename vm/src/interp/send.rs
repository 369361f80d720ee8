//! Instructions that hand rows on, without copying them.
//!
//! Invariant: a batch without live rows is not handed on.

use arena_tr_types::SqlError;

use super::machine::{Cx, Machine};
use super::{Flow, Step};
use crate::bytecode::Sel;

pub(super) fn push(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    if !m.frame.sel(Sel(step.inst.sel)).is_empty() {
        let batch = m.batch_of(step, cx);
        m.queues[usize::from(step.inst.a)].push(batch);
    }
    Ok(Flow::Next)
}

pub(super) fn emit(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    if !m.frame.sel(Sel(step.inst.sel)).is_empty() {
        let batch = m.batch_of(step, cx);
        m.output.push(batch);
    }
    Ok(Flow::Next)
}
