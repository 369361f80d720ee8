//! Loops over fixed-width columns that the compiler turns into vector instructions.
//!
//! They compute every row, selected or not: a loop without a branch over 1,024 rows is cheaper than
//! asking which rows matter. Errors are gathered as a flag over the whole loop and located only if
//! the flag is set.
//! Invariant: the function given is total (it computes something for NULL's zero and for rows that
//! fail).

use std::ops::BitOr;

use arena_tr_types::SqlError;

use super::call::{Call, Cell, Values};
use super::error::RowErrors;
use super::out::Out;

/// `out[i] = f(a[i])`.
#[inline]
pub(super) fn unary<A: Cell, R: Cell>(call: &Call<'_>, out: &mut Out<'_>, f: impl Fn(A) -> R) {
    let mut values = out.values::<R>(call.rows);
    match call.values::<A>(0) {
        Values::Rows(a) => values.iter_mut().zip(a).for_each(|(slot, a)| *slot = f(*a)),
        Values::Const(a) => values.fill(f(a)),
    }
    out.set(values, call.strict_validity());
}

/// `out[i] = f(a[i], b[i])`.
#[inline]
pub(super) fn binary<A: Cell, B: Cell, R: Cell>(
    call: &Call<'_>,
    out: &mut Out<'_>,
    f: impl Fn(A, B) -> R,
) {
    let mut values = out.values::<R>(call.rows);
    let slots = values.iter_mut();
    match (call.values::<A>(0), call.values::<B>(1)) {
        (Values::Rows(a), Values::Rows(b)) => {
            slots.zip(a.iter().zip(b)).for_each(|(slot, (a, b))| *slot = f(*a, *b));
        }
        (Values::Rows(a), Values::Const(b)) => {
            slots.zip(a).for_each(|(slot, a)| *slot = f(*a, b));
        }
        (Values::Const(a), Values::Rows(b)) => {
            slots.zip(b).for_each(|(slot, b)| *slot = f(a, *b));
        }
        (Values::Const(a), Values::Const(b)) => values.fill(f(a, b)),
    }
    out.set(values, call.strict_validity());
}

/// How a checked function says that it failed, and what the error is.
pub(super) struct Check<Flag, Bad, Fail> {
    /// What the flag is before the first row.
    pub(super) good: Flag,
    /// Whether a row's flag (or the flags of many rows or-ed together) means failure.
    pub(super) bad: Bad,
    /// The error of a row with these arguments.
    pub(super) fail: Fail,
}

/// `(out[i], flag) = f(a[i])`, with rows whose flag is bad reported.
#[inline]
pub(super) fn checked_unary<A, R, Flag>(
    call: &Call<'_>,
    out: &mut Out<'_>,
    errors: &mut RowErrors,
    f: impl Fn(A) -> (R, Flag),
    check: &Check<Flag, impl Fn(Flag) -> bool, impl Fn(A) -> SqlError>,
) where
    A: Cell,
    R: Cell,
    Flag: Copy + BitOr<Output = Flag>,
{
    let mut values = out.values::<R>(call.rows);
    let mut flags = check.good;
    let a = call.values::<A>(0);
    match a {
        Values::Rows(a) => {
            for (slot, a) in values.iter_mut().zip(a) {
                let (value, flag) = f(*a);
                *slot = value;
                flags = flags | flag;
            }
        }
        Values::Const(a) => {
            let (value, flag) = f(a);
            values.fill(value);
            flags = flags | flag;
        }
    }
    let validity = call.strict_validity();
    if (check.bad)(flags) {
        for i in call.selection {
            let a = a.get(i);
            if validity.as_ref().is_none_or(|v| v.get(i)) && (check.bad)(f(a).1) {
                errors.push(i, (check.fail)(a));
            }
        }
    }
    out.set(values, validity);
}

/// `(out[i], flag) = f(a[i], b[i])`, with rows whose flag is bad reported.
#[inline]
pub(super) fn checked_binary<A, B, R, Flag>(
    call: &Call<'_>,
    out: &mut Out<'_>,
    errors: &mut RowErrors,
    f: impl Fn(A, B) -> (R, Flag),
    check: &Check<Flag, impl Fn(Flag) -> bool, impl Fn(A, B) -> SqlError>,
) where
    A: Cell,
    B: Cell,
    R: Cell,
    Flag: Copy + BitOr<Output = Flag>,
{
    let mut values = out.values::<R>(call.rows);
    let (a, b) = (call.values::<A>(0), call.values::<B>(1));
    let flags = checked_loop(&mut values, a, b, check.good, &f);
    let validity = call.strict_validity();
    if (check.bad)(flags) {
        for i in call.selection {
            let (a, b) = (a.get(i), b.get(i));
            if validity.as_ref().is_none_or(|v| v.get(i)) && (check.bad)(f(a, b).1) {
                errors.push(i, (check.fail)(a, b));
            }
        }
    }
    out.set(values, validity);
}

#[inline]
fn checked_loop<A: Copy, B: Copy, R: Copy, Flag: Copy + BitOr<Output = Flag>>(
    values: &mut [R],
    a: Values<'_, A>,
    b: Values<'_, B>,
    mut flags: Flag,
    f: &impl Fn(A, B) -> (R, Flag),
) -> Flag {
    let mut store = |slot: &mut R, (value, flag): (R, Flag)| {
        *slot = value;
        flags = flags | flag;
    };
    let slots = values.iter_mut();
    match (a, b) {
        (Values::Rows(a), Values::Rows(b)) => {
            slots.zip(a.iter().zip(b)).for_each(|(slot, (a, b))| store(slot, f(*a, *b)));
        }
        (Values::Rows(a), Values::Const(b)) => {
            slots.zip(a).for_each(|(slot, a)| store(slot, f(*a, b)));
        }
        (Values::Const(a), Values::Rows(b)) => {
            slots.zip(b).for_each(|(slot, b)| store(slot, f(a, *b)));
        }
        (Values::Const(a), Values::Const(b)) => {
            slots.for_each(|slot| store(slot, f(a, b)));
        }
    }
    flags
}

/// `out[i] = f(a[i], b[i])` for selected rows only: for functions that cost more than a branch.
#[inline]
pub(super) fn sparse_binary<A: Cell, B: Cell, R: Cell, E: Into<SqlError>>(
    call: &Call<'_>,
    out: &mut Out<'_>,
    errors: &mut RowErrors,
    f: impl Fn(A, B) -> Result<R, E>,
) {
    let mut values = out.values::<R>(call.rows);
    let (a, b) = (call.values::<A>(0), call.values::<B>(1));
    let validity = call.strict_validity();
    for i in call.selection {
        if validity.as_ref().is_none_or(|v| v.get(i)) {
            match f(a.get(i), b.get(i)) {
                Ok(value) => values[i] = value,
                Err(error) => errors.push(i, error.into()),
            }
        }
    }
    out.set(values, validity);
}

/// `out[i] = f(a[i])` for selected rows only.
#[inline]
pub(super) fn sparse_unary<A: Cell, R: Cell, E: Into<SqlError>>(
    call: &Call<'_>,
    out: &mut Out<'_>,
    errors: &mut RowErrors,
    f: impl Fn(A) -> Result<R, E>,
) {
    let mut values = out.values::<R>(call.rows);
    let a = call.values::<A>(0);
    let validity = call.strict_validity();
    for i in call.selection {
        if validity.as_ref().is_none_or(|v| v.get(i)) {
            match f(a.get(i)) {
                Ok(value) => values[i] = value,
                Err(error) => errors.push(i, error.into()),
            }
        }
    }
    out.set(values, validity);
}
