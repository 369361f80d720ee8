//! Instructions that compute a column.
//!
//! Invariant: nothing here changes the current rows, and only the defined register is written.

use arena_tr_storage::Column;
use arena_tr_types::SqlError;

use super::machine::{Cx, Machine};
use super::{Flow, Step};
use crate::bytecode::{ConstId, Sel, Val};
use crate::frame::Frame;
use crate::kernel::divisor::Divisor;
use crate::kernel::{Arg, Call, Kernel, Out};

/// An operand as a kernel takes it.
#[inline]
pub(super) fn arg<'a>(frame: &'a Frame, cx: &'a Cx<'_>, val: Val) -> Arg<'a> {
    match val {
        Val::Reg(reg) => Arg::Rows(frame.reg(reg)),
        Val::Const(c) => Arg::Const(&cx.code.constants[c.index()]),
    }
}

/// An operand as a column of the current rows.
#[inline]
pub(super) fn column_of(frame: &Frame, cx: &Cx<'_>, val: Val) -> Column {
    match val {
        Val::Reg(reg) => frame.reg(reg).clone(),
        Val::Const(c) => cx.constant_column(c, frame.rows),
    }
}

/// Runs with the call of a step: few arguments need no allocation.
#[inline]
pub(super) fn with_call<R>(
    frame: &Frame,
    step: &Step,
    cx: &Cx<'_>,
    run: impl FnOnce(&Call<'_>) -> R,
) -> R {
    let selection = frame.sel(Sel(step.inst.sel));
    let call = |args: &[Arg<'_>]| run(&Call { args, selection, rows: frame.rows, now: cx.now });
    match *step.args {
        [a] => call(&[arg(frame, cx, a)]),
        [a, b] => call(&[arg(frame, cx, a), arg(frame, cx, b)]),
        [a, b, c] => call(&[arg(frame, cx, a), arg(frame, cx, b), arg(frame, cx, c)]),
        ref many => call(&many.iter().map(|&v| arg(frame, cx, v)).collect::<Vec<_>>()),
    }
}

/// Every instruction that is a kernel.
pub(super) fn run_kernel(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    let mut out = m.frame.take(step.inst.dst);
    let mut errors = std::mem::take(&mut m.frame.row_errors);
    let kernel = step.kernel.as_ref().expect("resolved with its kernel");
    with_call(&m.frame, step, cx, |call| kernel.run(call, &mut Out::new(&mut out), &mut errors));
    m.frame.regs[usize::from(step.inst.dst)] = out;
    m.frame.row_errors = errors;
    if !m.frame.row_errors.is_empty() {
        m.frame.collect_errors();
    }
    Ok(Flow::Next)
}

pub(super) fn load_col(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    m.frame.regs[usize::from(step.inst.dst)] = cx.column(usize::from(step.inst.a));
    Ok(Flow::Next)
}

pub(super) fn load_const(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    let column = cx.constant_column(ConstId(step.inst.a), m.frame.rows);
    m.frame.regs[usize::from(step.inst.dst)] = column;
    Ok(Flow::Next)
}

pub(super) fn load_now(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    let mut out = m.frame.take(step.inst.dst);
    let mut values = Out::new(&mut out).values::<i64>(m.frame.rows);
    values.fill(cx.now);
    Out::new(&mut out).set(values, None);
    m.frame.regs[usize::from(step.inst.dst)] = out;
    Ok(Flow::Next)
}

pub(super) fn load_new(m: &mut Machine, step: &Step, _: &Cx<'_>) -> Result<Flow, SqlError> {
    let column = m.frame.new_columns[usize::from(step.inst.a)].clone();
    m.frame.regs[usize::from(step.inst.dst)] = column;
    Ok(Flow::Next)
}

pub(super) fn take(m: &mut Machine, step: &Step, _: &Cx<'_>) -> Result<Flow, SqlError> {
    let column = m.frame.regs[usize::from(step.inst.a)].take(&m.frame.outer);
    m.frame.regs[usize::from(step.inst.dst)] = column;
    Ok(Flow::Next)
}

/// `t - (t - offset) mod size`: saturates at the ends of time, so it cannot fail.
pub(super) fn start_of_window(t: i64, size: Divisor, offset: i64) -> i64 {
    match t.checked_sub(offset) {
        Some(distance) => t.saturating_sub(size.rem_euclid(distance)),
        None => t,
    }
}

pub(super) fn window_start() -> Kernel {
    Kernel::new(|call, out, _| {
        let (size, offset) = (call.get::<i64>(1, 0), call.get::<i64>(2, 0));
        let size = Divisor::new(size.max(1)).expect("it is not zero");
        let mut values = out.values::<i64>(call.rows);
        let times = call.args[0].column().as_i64().expect("verified: times are 64-bit");
        let times = &times.values[..call.rows];
        for (slot, &t) in values.iter_mut().zip(times) {
            *slot = start_of_window(t, size, offset);
        }
        out.set(values, call.strict_validity());
    })
}

pub(super) fn window_end() -> Kernel {
    Kernel::new(|call, out, _| {
        let size = call.get::<i64>(1, 0);
        let mut values = out.values::<i64>(call.rows);
        let times = call.args[0].column().as_i64().expect("verified: times are 64-bit");
        for (slot, &t) in values.iter_mut().zip(&times.values[..call.rows]) {
            *slot = t.saturating_add(size);
        }
        out.set(values, call.strict_validity());
    })
}
