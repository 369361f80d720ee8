//! generate_series, as an array: the unnest instruction makes rows of it.
//!
//! Invariant: a series ends, by its bound, by the end of its type, or by the limit on a value's
//! size.

use std::cmp::Ordering;

use arena_tr_types::decimal::Decimal;
use arena_tr_types::{DataType, Func, Interval, SqlError, SqlState, Value, time};

use super::Kernel;
use super::nested::push_encoded;
use super::row::{Row, text};

/// Most elements of one series: an element takes nine bytes at least in a value of at most 2^30.
const ELEMENTS_MAX: usize = (1 << 30) / 16;

/// The kernel of generate_series(start, stop [, step]).
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    if func != Func::GenerateSeries {
        return None;
    }
    let ty = args.first()?.clone();
    let series: fn(Row<'_>) -> Result<Vec<Value>, SqlError> = match ty {
        DataType::Int4 => |r| {
            let step = if r.n_args() > 2 { r.i32(2).into() } else { 1 };
            let values = integers(r.i32(0).into(), r.i32(1).into(), step)?;
            Ok(values.into_iter().map(|v| Value::Int4(v as i32)).collect())
        },
        DataType::Int8 => |r| {
            let step = if r.n_args() > 2 { r.i64(2) } else { 1 };
            Ok(integers(r.i64(0), r.i64(1), step)?.into_iter().map(Value::Int8).collect())
        },
        DataType::Numeric(_) => decimals,
        DataType::Timestamp => |r| {
            Ok(times(r.i64(0), r.i64(1), r.interval(2))?
                .into_iter()
                .map(Value::Timestamp)
                .collect())
        },
        DataType::TimestampTz => |r| {
            Ok(times(r.i64(0), r.i64(1), r.interval(2))?
                .into_iter()
                .map(Value::TimestampTz)
                .collect())
        },
        _ => return None,
    };
    if args.len() < 3 && matches!(ty, DataType::Timestamp | DataType::TimestampTz) {
        return None;
    }
    Some(text(move |r, out| push_encoded(&Value::List(series(r)?.into()), out)))
}

fn invalid(message: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

fn too_many() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT, "generate_series gives too many rows")
}

fn integers(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, SqlError> {
    if step == 0 {
        return Err(invalid("step size cannot equal zero"));
    }
    let distance = if step > 0 { stop.abs_diff(start) } else { start.abs_diff(stop) };
    if (step > 0) == (start > stop) && start != stop {
        return Ok(Vec::new());
    }
    let count = usize::try_from(distance / step.unsigned_abs()).ok().filter(|n| *n < ELEMENTS_MAX);
    let count = count.ok_or_else(too_many)? + 1;
    Ok(std::iter::successors(Some(start), |v| v.checked_add(step)).take(count).collect())
}

fn decimals(r: Row<'_>) -> Result<Vec<Value>, SqlError> {
    let step = if r.n_args() > 2 { r.decimal(2) } else { Decimal::ONE };
    for (value, what) in [(r.decimal(0), "start"), (r.decimal(1), "stop"), (step, "step")] {
        if !value.is_finite() {
            let name = if value.is_nan() { "NaN" } else { "infinity" };
            let noun = if what == "step" { "size" } else { "value" };
            return Err(invalid(&format!("{what} {noun} cannot be {name}")));
        }
    }
    if step.is_zero() {
        return Err(invalid("step size cannot equal zero"));
    }
    let past = if step.signum() > 0 { Ordering::Greater } else { Ordering::Less };
    let (mut value, mut values) = (r.decimal(0), Vec::new());
    while value.cmp_sql(r.decimal(1)) != past {
        if values.len() == ELEMENTS_MAX {
            return Err(too_many());
        }
        values.push(Value::Numeric(value));
        match value.checked_add(step) {
            Ok(next) => value = next,
            Err(_) => break,
        }
    }
    Ok(values)
}

fn times(start: i64, stop: i64, step: Interval) -> Result<Vec<i64>, SqlError> {
    let past = match step.cmp_sql(Interval::default()) {
        Ordering::Equal => return Err(invalid("step size cannot equal zero")),
        Ordering::Greater => Ordering::Greater,
        Ordering::Less => Ordering::Less,
    };
    let (mut value, mut values) = (start, Vec::new());
    while value.cmp(&stop) != past {
        if values.len() == ELEMENTS_MAX || (time::is_infinite(value) && !values.is_empty()) {
            return Err(too_many());
        }
        values.push(value);
        value = time::timestamp_plus_interval(value, step)?;
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::super::tests_support::{call_text, v};
    use super::*;

    #[test]
    fn series_of_every_type() {
        let of = |ty: &DataType, step: &DataType, texts: [&str; 3]| {
            let args = [v(texts[0], ty), v(texts[1], ty), v(texts[2], step)];
            let list = DataType::List(Box::new(ty.clone()));
            call_text(Func::GenerateSeries, &args, &list).unwrap_or_else(|e| e.message)
        };
        let int4 = &DataType::Int4;
        assert_eq!(of(int4, int4, ["1", "5", "2"]), "{1,3,5}");
        assert_eq!(of(int4, int4, ["5", "1", "-2"]), "{5,3,1}");
        assert_eq!(of(int4, int4, ["5", "1", "1"]), "{}");
        assert_eq!(of(int4, int4, ["1", "1", "-1"]), "{1}");
        assert_eq!(of(int4, int4, ["2147483646", "2147483647", "5"]), "{2147483646}");
        assert_eq!(of(int4, int4, ["1", "2", "0"]), "step size cannot equal zero");
        let int8 = &DataType::Int8;
        let huge = ["-9223372036854775808", "9223372036854775807", "1"];
        assert_eq!(of(int8, int8, huge), "generate_series gives too many rows");
        let numeric = &DataType::Numeric(None);
        assert_eq!(of(numeric, numeric, ["0.1", "4.0", "1.3"]), "{0.1,1.4,2.7,4.0}");
        assert_eq!(of(numeric, numeric, ["0", "1", "NaN"]), "step size cannot be NaN");
        let (ts, step) = (&DataType::Timestamp, &DataType::Interval);
        assert_eq!(
            of(ts, step, ["2020-01-31", "2020-03-31", "1 month"]),
            "{\"2020-01-31 00:00:00\",\"2020-02-29 00:00:00\",\"2020-03-29 00:00:00\"}"
        );
    }
}
