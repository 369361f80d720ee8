//! Rounding times to a number of digits of a second, as casts to `timestamp(3)` do.
//!
//! Invariant: halves go away from zero, for a timestamp away from the start of 2000, as in
//! PostgreSQL.

use super::{Interval, MICROS_PER_DAY, Timestamp, is_infinite};
use crate::error::{SqlError, SqlState};

/// 2000-01-01, from which PostgreSQL counts.
const ORIGIN: Timestamp = 10_957 * MICROS_PER_DAY;

/// Microseconds with this many digits of a second.
///
/// # Errors
/// When the result is beyond 64 bits.
pub fn round_micros(micros: i64, digits: i32) -> Result<i64, SqlError> {
    let lost = 6 - digits.clamp(0, 6);
    let unit = 10_i64.pow(lost.unsigned_abs());
    let half = if micros < 0 { -(unit / 2) } else { unit / 2 };
    let moved = micros.checked_add(half).ok_or_else(out_of_range)?;
    Ok(moved / unit * unit)
}

/// A timestamp with this many digits of a second.
///
/// # Errors
/// When the result is out of range.
pub fn round_timestamp(at: Timestamp, digits: i32) -> Result<Timestamp, SqlError> {
    if is_infinite(at) {
        return Ok(at);
    }
    let since = at.checked_sub(ORIGIN).ok_or_else(out_of_range)?;
    let rounded = round_micros(since, digits)?.checked_add(ORIGIN);
    rounded.filter(|at| !is_infinite(*at)).ok_or_else(out_of_range)
}

/// An interval with this many digits of a second.
///
/// # Errors
/// When the result is out of range.
pub fn round_interval(interval: Interval, digits: i32) -> Result<Interval, SqlError> {
    Ok(Interval { micros: round_micros(interval.micros, digits)?, ..interval })
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, "timestamp out of range")
}
