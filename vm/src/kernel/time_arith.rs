//! `+`, `-`, `*`, `/` where a date, a time or an interval takes part.
//!
//! The common forms (a timestamp and a constant interval without months; differences) are plain
//! loops; the rest goes row by row through the calendar.
//! Invariant: infinite timestamps stay infinite; a finite one that leaves its range is an error
//! 22008.

use arena_tr_types::time::{
    self, MICROS_PER_DAY, TIMESTAMP_END, TIMESTAMP_MIN, date_plus_days, date_to_timestamp,
    is_infinite, is_infinite_date, time_plus_interval, timestamp_diff, timestamp_minus_interval,
    timestamp_plus_interval,
};
use arena_tr_types::{DataType, Func, Interval, SqlError, SqlState, Timestamp};

use super::call::{Arg, Call};
use super::dense::{self, Check};
use super::error::RowErrors;
use super::out::Out;
use super::row::fixed;
use super::{Kernel, call::Cell};

/// The kernel of an operator on these types, if one of them is a date, a time or an interval.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    match (func, args) {
        (Func::Add, [a, b]) => add(a, b),
        (Func::Sub, [a, b]) => sub(a, b),
        (Func::Mul, [DataType::Interval, DataType::Float8]) => {
            Some(fixed(|r| r.interval(0).checked_mul(r.f64(1))))
        }
        (Func::Mul, [DataType::Float8, DataType::Interval]) => {
            Some(fixed(|r| r.interval(1).checked_mul(r.f64(0))))
        }
        (Func::Div, [DataType::Interval, DataType::Float8]) => {
            Some(fixed(|r| r.interval(0).checked_div(r.f64(1))))
        }
        (Func::Neg, [DataType::Interval]) => Some(fixed(|r| r.interval(0).checked_neg())),
        _ => None,
    }
}

fn add(a: &DataType, b: &DataType) -> Option<Kernel> {
    use DataType::{Date, Int4, Interval, Time, Timestamp, TimestampTz};
    Some(match (a, b) {
        (Date, Int4) => fixed(|r| date_plus_days(r.i32(0), r.i32(1))),
        (Int4, Date) => fixed(|r| date_plus_days(r.i32(1), r.i32(0))),
        (Date, Interval) => {
            fixed(|r| timestamp_plus_interval(date_to_timestamp(r.i32(0))?, r.interval(1)))
        }
        (Interval, Date) => {
            fixed(|r| timestamp_plus_interval(date_to_timestamp(r.i32(1))?, r.interval(0)))
        }
        (Date, Time) => fixed(|r| date_and_time(r.i32(0), r.i64(1))),
        (Time, Date) => fixed(|r| date_and_time(r.i32(1), r.i64(0))),
        (Timestamp | TimestampTz, Interval) => Kernel::new(|call, out, errors| {
            shift(call, out, errors, 0, 1, timestamp_plus_interval);
        }),
        (Interval, Timestamp | TimestampTz) => Kernel::new(|call, out, errors| {
            shift(call, out, errors, 1, 0, timestamp_plus_interval);
        }),
        (Time, Interval) => fixed(|r| Ok(time_plus_interval(r.i64(0), r.interval(1)))),
        (Interval, Time) => fixed(|r| Ok(time_plus_interval(r.i64(1), r.interval(0)))),
        (Interval, Interval) => fixed(|r| r.interval(0).checked_add(r.interval(1))),
        _ => return None,
    })
}

fn sub(a: &DataType, b: &DataType) -> Option<Kernel> {
    use DataType::{Date, Int4, Interval, Time, Timestamp, TimestampTz};
    Some(match (a, b) {
        (Date, Date) => fixed(|r| date_diff(r.i32(0), r.i32(1))),
        (Date, Int4) => fixed(|r| {
            let days = r.i32(1).checked_neg().ok_or_else(date_out_of_range)?;
            date_plus_days(r.i32(0), days)
        }),
        (Date, Interval) => {
            fixed(|r| timestamp_minus_interval(date_to_timestamp(r.i32(0))?, r.interval(1)))
        }
        (Timestamp, Timestamp) | (TimestampTz, TimestampTz) => {
            fixed(|r| timestamp_diff(r.i64(0), r.i64(1)))
        }
        (Timestamp | TimestampTz, Interval) => Kernel::new(|call, out, errors| {
            shift(call, out, errors, 0, 1, timestamp_minus_interval);
        }),
        (Time, Time) => fixed(|r| Ok(time::Interval::new(0, 0, r.i64(0) - r.i64(1)))),
        (Time, Interval) => fixed(|r| {
            let micros = r.interval(1).micros % MICROS_PER_DAY;
            Ok(time_plus_interval(r.i64(0), time::Interval::from_micros(-micros)))
        }),
        (Interval, Interval) => fixed(|r| r.interval(0).checked_sub(r.interval(1))),
        _ => return None,
    })
}

fn date_out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, "date out of range")
}

fn timestamp_out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, "timestamp out of range")
}

fn date_diff(a: i32, b: i32) -> Result<i32, SqlError> {
    if is_infinite_date(a) || is_infinite_date(b) {
        return Err(SqlError::new(SqlState::DATETIME_OVERFLOW, "cannot subtract infinite dates"));
    }
    a.checked_sub(b).ok_or_else(date_out_of_range)
}

fn date_and_time(date: i32, time: i64) -> Result<Timestamp, SqlError> {
    let midnight = date_to_timestamp(date)?;
    timestamp_plus_interval(midnight, Interval::from_micros(time))
}

/// A timestamp (argument `t`) moved by an interval (argument `by`).
fn shift(
    call: &Call<'_>,
    out: &mut Out<'_>,
    errors: &mut RowErrors,
    t: usize,
    by: usize,
    slow: fn(Timestamp, Interval) -> Result<Timestamp, SqlError>,
) {
    let args = [call.args[t], call.args[by]];
    let call = Call { args: &args, ..*call };
    if let Arg::Const(column) = args[1]
        && let Some(fixed) = i128::of(column)
        && let Some(micros) = fixed.get(0).and_then(|bits| Interval::from_bits(bits).fixed_micros())
        && let Some(by) = signed(micros, slow)
    {
        return shift_constant(&call, out, errors, by);
    }
    dense::sparse_binary(&call, out, errors, |t: i64, bits: i128| {
        slow(t, Interval::from_bits(bits))
    });
}

/// How many microseconds the slow way moves a timestamp by this many.
fn signed(
    micros: i64,
    slow: fn(Timestamp, Interval) -> Result<Timestamp, SqlError>,
) -> Option<i64> {
    slow(0, Interval::from_micros(micros)).ok()
}

fn shift_constant(call: &Call<'_>, out: &mut Out<'_>, errors: &mut RowErrors, by: i64) {
    let args = [call.args[0]];
    let call = Call { args: &args, ..*call };
    let check =
        Check { good: false, bad: |flag: bool| flag, fail: |_: i64| timestamp_out_of_range() };
    let moved = |t: i64| {
        let moved = t.wrapping_add(by);
        let overflow = (t ^ moved) & (by ^ moved) < 0;
        let outside = !(TIMESTAMP_MIN..TIMESTAMP_END).contains(&moved) | overflow;
        let infinite = is_infinite(t);
        (if infinite { t } else { moved }, outside & !infinite)
    };
    dense::checked_unary(&call, out, errors, moved, &check);
}

#[cfg(test)]
mod tests;
