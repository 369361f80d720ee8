//! Instructions that define a selection, and the check for failed rows.
//!
//! Invariant: a defined selection is part of the one worked under; equal to it, it stays `All` if
//! that was.

use arena_tr_storage::{Bitmap, MutBuffer, Selection};
use arena_tr_types::SqlError;

use super::machine::{Cx, Machine};
use super::pure::{arg, with_call};
use super::{Flow, Step};
use crate::bytecode::Sel;
use crate::kernel::{Arg, logic};

/// Stores the rows found under the step's selection.
#[inline]
fn store(m: &mut Machine, step: &Step, rows: MutBuffer<u16>) -> Result<Flow, SqlError> {
    let under = m.frame.sel(Sel(step.inst.sel));
    let all = rows.len() == under.len() && matches!(under, Selection::All(_));
    let selection = if all { under.clone() } else { Selection::Indices(rows.freeze()) };
    m.frame.sels[usize::from(step.inst.dst)] = selection;
    Ok(Flow::Next)
}

/// Every fused comparison.
pub(super) fn filter(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    let mut rows = m.frame.take_indices(step.inst.dst);
    let filter = step.filter.as_ref().expect("resolved with its filter");
    with_call(&m.frame, step, cx, |call| filter.run(call, &mut rows));
    store(m, step, rows)
}

/// Fills a selection from the first operand's column.
fn select(
    m: &mut Machine,
    step: &Step,
    cx: &Cx<'_>,
    run: impl FnOnce(Arg<'_>, &Selection, &mut MutBuffer<u16>),
) -> Result<Flow, SqlError> {
    let mut rows = m.frame.take_indices(step.inst.dst);
    let selection = m.frame.sel(Sel(step.inst.sel));
    run(arg(&m.frame, cx, step.args[0]), selection, &mut rows);
    store(m, step, rows)
}

pub(super) fn sel_true(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    select(m, step, cx, logic::select_true)
}

pub(super) fn sel_false(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    select(m, step, cx, |condition, selection, rows| {
        let bools = condition.column().as_bool().expect("verified: a BOOLEAN");
        let is_false = |i: usize| {
            let i = condition.index(i);
            bools.values[i] == 0 && !bools.is_null(i)
        };
        rows.extend(selection.iter().filter(|&i| is_false(i)).map(|i| i as u16));
    })
}

fn by_validity(m: &mut Machine, step: &Step, cx: &Cx<'_>, wanted: bool) -> Result<Flow, SqlError> {
    select(m, step, cx, |operand, selection, rows| {
        let valid = |bits: &Bitmap, i: usize| bits.get(operand.index(i));
        match operand.column().validity() {
            Some(bits) => {
                let keep = selection.iter().filter(|&i| valid(bits, i) == wanted);
                rows.extend(keep.map(|i| i as u16));
            }
            None if wanted => rows.extend(selection.iter().map(|i| i as u16)),
            None => {}
        }
    })
}

pub(super) fn sel_null(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    by_validity(m, step, cx, false)
}

pub(super) fn sel_not_null(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    if arg(&m.frame, cx, step.args[0]).column().validity().is_none() {
        let all = m.frame.sel(Sel(step.inst.sel)).clone();
        m.frame.sels[usize::from(step.inst.dst)] = all;
        return Ok(Flow::Next);
    }
    by_validity(m, step, cx, true)
}

pub(super) fn sel_minus(m: &mut Machine, step: &Step, _: &Cx<'_>) -> Result<Flow, SqlError> {
    let mut rows = m.frame.take_indices(step.inst.dst);
    let mut without = m.frame.sel(Sel(step.inst.a)).iter().peekable();
    for i in m.frame.sel(Sel(step.inst.sel)) {
        while without.next_if(|&other| other < i).is_some() {}
        if without.peek() != Some(&i) {
            rows.push(i as u16);
        }
    }
    store(m, step, rows)
}

/// Ends the batch if no row is selected, unless errors wait for their check.
pub(super) fn stop_empty(m: &mut Machine, step: &Step, _: &Cx<'_>) -> Result<Flow, SqlError> {
    let empty = m.frame.sel(Sel(step.inst.sel)).is_empty() && m.frame.failed.is_empty();
    Ok(if empty { Flow::Stop } else { Flow::Next })
}

/// Takes failed rows out and reports them, or ends the step with the first error.
pub(super) fn check(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    if m.frame.failed.is_empty() {
        let selection = m.frame.sel(Sel(step.inst.sel)).clone();
        m.frame.sels[usize::from(step.inst.dst)] = selection;
        return Ok(Flow::Next);
    }
    let failed = m.report_failed(cx)?;
    let selection = m.frame.sel(Sel(step.inst.sel)).filter(|i| failed.binary_search(&i).is_err());
    m.frame.sels[usize::from(step.inst.dst)] = selection;
    Ok(Flow::Next)
}
