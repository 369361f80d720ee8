//! width_bucket: which of equal (or given) buckets a value falls in.
//!
//! Invariant: below the first bucket is 0, above the last is one more than there are; bounds may
//! descend.

use arena_tr_types::decimal::Decimal;
use arena_tr_types::value::cmp_f64;
use arena_tr_types::{DataType, Func, SqlError, SqlState, Value};

use super::Kernel;
use super::row::{Row, fixed};

pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    if func != Func::WidthBucket {
        return None;
    }
    Some(match args.first()? {
        _ if args.len() == 2 => thresholds(args),
        DataType::Float8 => fixed(of_doubles),
        _ => fixed(of_decimals),
    })
}

fn invalid(message: &str) -> SqlError {
    SqlError::new(SqlState("2201G"), message)
}

fn check_count(count: i32) -> Result<i32, SqlError> {
    if count <= 0 { Err(invalid("count must be greater than zero")) } else { Ok(count) }
}

fn past_the_end(count: i32) -> Result<i32, SqlError> {
    count.checked_add(1).ok_or_else(|| SqlError::out_of_range("integer"))
}

fn of_doubles(r: Row<'_>) -> Result<i32, SqlError> {
    let (x, low, high, count) = (r.f64(0), r.f64(1), r.f64(2), check_count(r.i32(3))?);
    if x.is_nan() || low.is_nan() || high.is_nan() {
        return Err(invalid("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(invalid("lower and upper bounds must be finite"));
    }
    if low == high {
        return Err(invalid("lower bound cannot equal upper bound"));
    }
    // A descending range is the mirror image of an ascending one.
    let (x, low, high) = if low < high { (x, low, high) } else { (-x, -low, -high) };
    if cmp_f64(x, low).is_lt() {
        return Ok(0);
    }
    if x >= high {
        return past_the_end(count);
    }
    // Halves keep a range over all doubles from overflowing.
    let part = if (high - low).is_infinite() {
        (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
    } else {
        (x - low) / (high - low)
    };
    Ok(((f64::from(count) * part) as i32).min(count - 1) + 1)
}

fn of_decimals(r: Row<'_>) -> Result<i32, SqlError> {
    let (x, low, high, count) = (r.decimal(0), r.decimal(1), r.decimal(2), check_count(r.i32(3))?);
    if x.is_nan() || low.is_nan() || high.is_nan() {
        return Err(invalid("operand, lower bound, and upper bound cannot be NaN"));
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(invalid("lower and upper bounds must be finite"));
    }
    let (x, low, high) = match low.cmp_sql(high) {
        std::cmp::Ordering::Equal => return Err(invalid("lower bound cannot equal upper bound")),
        std::cmp::Ordering::Less => (x, low, high),
        std::cmp::Ordering::Greater => (x.negate(), low.negate(), high.negate()),
    };
    if x.cmp_sql(low).is_lt() {
        return Ok(0);
    }
    if x.cmp_sql(high).is_ge() {
        return past_the_end(count);
    }
    let scaled = x.checked_sub(low)?.checked_mul(Decimal::from_i64(count.into()))?;
    let bucket = scaled.checked_div_trunc(high.checked_sub(low)?)?;
    Ok(bucket.to_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(count - 1) + 1)
}

/// width_bucket(value, array of ascending lower bounds).
fn thresholds(args: &[DataType]) -> Kernel {
    let (ty, list) = (args[0].clone(), args[1].clone());
    fixed(move |r| {
        let bounds = r.value(1, &list);
        let bounds = bounds.as_items().unwrap_or_default();
        if bounds.iter().any(Value::is_null) {
            return Err(SqlError::new(
                SqlState("22004"),
                "thresholds array must not contain NULLs",
            ));
        }
        let value = r.value(0, &ty);
        Ok(bounds.partition_point(|bound| bound.cmp_sql(&value).is_le()) as i32)
    })
}
