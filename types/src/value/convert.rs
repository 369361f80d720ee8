//! Conversions between number types with PostgreSQL's rounding and errors, one function each, for
//! casts of values and for kernels.
//!
//! Invariant: floats round half to even, NUMERIC half away from zero; what does not fit is an error
//! 22003.

use crate::decimal::{Decimal, round_f32_to_even, round_f64_to_even};
use crate::error::{SqlError, SqlState};
use crate::time::{Interval, MICROS_PER_DAY};

macro_rules! float_to_int {
    ($name:ident, $float:ty, $round:ident, $int:ty, $type_name:literal, $doc:literal) => {
        #[doc = $doc]
        #[inline]
        pub fn $name(value: $float) -> Result<$int, SqlError> {
            let rounded = $round(value);
            // The lower bound is a power of two and exact; its negation is the first value above
            // the range.
            const MIN: $float = <$int>::MIN as $float;
            if (MIN..-MIN).contains(&rounded) {
                Ok(rounded as $int)
            } else {
                Err(SqlError::out_of_range($type_name))
            }
        }
    };
}

float_to_int!(f64_to_i16, f64, round_f64_to_even, i16, "smallint", "DOUBLE PRECISION to SMALLINT.");
float_to_int!(f64_to_i32, f64, round_f64_to_even, i32, "integer", "DOUBLE PRECISION to INTEGER.");
float_to_int!(f64_to_i64, f64, round_f64_to_even, i64, "bigint", "DOUBLE PRECISION to BIGINT.");
float_to_int!(f32_to_i16, f32, round_f32_to_even, i16, "smallint", "REAL to SMALLINT.");
float_to_int!(f32_to_i32, f32, round_f32_to_even, i32, "integer", "REAL to INTEGER.");
float_to_int!(f32_to_i64, f32, round_f32_to_even, i64, "bigint", "REAL to BIGINT.");

/// DOUBLE PRECISION to REAL; a finite number may neither overflow nor vanish.
#[inline]
pub fn f64_to_f32(value: f64) -> Result<f32, SqlError> {
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return Err(SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "value out of range: overflow"));
    }
    if narrow == 0.0 && value != 0.0 {
        return Err(SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "value out of range: underflow"));
    }
    Ok(narrow)
}

/// NUMERIC to BIGINT.
#[inline]
pub fn decimal_to_i64(value: Decimal) -> Result<i64, SqlError> {
    match value.to_i64() {
        Some(integer) => Ok(integer),
        None => Err(decimal_error(value, "bigint")),
    }
}

/// NUMERIC to INTEGER.
#[inline]
pub fn decimal_to_i32(value: Decimal) -> Result<i32, SqlError> {
    let integer = value.to_i64().and_then(|v| i32::try_from(v).ok());
    integer.ok_or_else(|| decimal_error(value, "integer"))
}

/// NUMERIC to SMALLINT.
#[inline]
pub fn decimal_to_i16(value: Decimal) -> Result<i16, SqlError> {
    let integer = value.to_i64().and_then(|v| i16::try_from(v).ok());
    integer.ok_or_else(|| decimal_error(value, "smallint"))
}

#[cold]
fn decimal_error(value: Decimal, type_name: &str) -> SqlError {
    let what = if value.is_finite() {
        return SqlError::out_of_range(type_name);
    } else if value.is_nan() {
        "NaN"
    } else {
        "infinity"
    };
    SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot convert {what} to {type_name}"))
}

/// INTEGER to BOOLEAN.
#[inline]
pub const fn bool_from_i32(value: i32) -> bool {
    value != 0
}

/// INTERVAL to TIME: its time around the clock; months and days do not count.
#[inline]
pub const fn interval_to_time(interval: Interval) -> i64 {
    interval.micros.rem_euclid(MICROS_PER_DAY)
}
