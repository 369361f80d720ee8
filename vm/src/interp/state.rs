//! Instructions that call state operators.
//!
//! Invariant: what a state operator is given are the live rows of one batch, with their weights.

use arena_tr_storage::{Batch, Selection};
use arena_tr_types::SqlError;

use super::expand::Turns;
use super::machine::{Cx, Machine};
use super::{Flow, Step};
use crate::bytecode::Sel;
use crate::frame::Origin;
use crate::state_op::Side;

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

/// The pairs of a join's delta, a batch at a time.
struct JoinTurns {
    state: usize,
}

impl Turns for JoinTurns {
    fn turn(&mut self, m: &mut Machine, _: &Cx<'_>) -> Result<bool, SqlError> {
        let Some(batch) = m.states[self.state].join().step()? else { return Ok(false) };
        start_rows(m, batch);
        Ok(true)
    }
}

/// Makes the rows of a batch that a join gave the current ones.
fn start_rows(m: &mut Machine, batch: Batch) {
    let rows = batch.rows();
    let selection = batch.selection.unwrap_or(Selection::All(rows));
    m.frame.start(rows, batch.weights, selection, Origin::Pairs);
    m.frame.new_columns = batch.columns;
}

fn join_side(m: &mut Machine, step: &Step, cx: &Cx<'_>, side: Side) -> Result<Flow, SqlError> {
    if m.frame.sel(Sel(step.inst.sel)).is_empty() {
        return Ok(Flow::Stop);
    }
    let batch = m.batch_of(step, cx);
    let state = usize::from(step.inst.a);
    m.states[state].join().start(side, &batch)?;
    Ok(Flow::Expand(Box::new(JoinTurns { state })))
}

pub(super) fn join_left(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    join_side(m, step, cx, Side::Left)
}

pub(super) fn join_right(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    join_side(m, step, cx, Side::Right)
}

/// Joined rows of one turn of candidates.
struct MatchTurn(Option<Batch>);

impl Turns for MatchTurn {
    fn turn(&mut self, m: &mut Machine, _: &Cx<'_>) -> Result<bool, SqlError> {
        let Some(batch) = self.0.take() else { return Ok(false) };
        start_rows(m, batch);
        Ok(true)
    }
}

pub(super) fn join_match(m: &mut Machine, step: &Step, _: &Cx<'_>) -> Result<Flow, SqlError> {
    let selection = m.frame.sel(Sel(step.inst.sel)).clone();
    let joined = m.states[usize::from(step.inst.a)].join().matched(&selection)?;
    Ok(Flow::Expand(Box::new(MatchTurn(joined))))
}
