//! Points in time moved by intervals, and the distance between two points.
//!
//! Invariant: an infinite point stays where it is; a finite one that leaves its range is an error
//! 22008.

use super::date::{civil_from_days, days_from_civil, days_in_month, split_timestamp};
use super::{
    DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEG_INFINITY, Interval, MICROS_PER_DAY,
    MONTHS_PER_YEAR, TIMESTAMP_END, TIMESTAMP_INFINITY, TIMESTAMP_MIN, TIMESTAMP_NEG_INFINITY,
    Timestamp, is_infinite, is_infinite_date,
};
use crate::error::{SqlError, SqlState};

/// The error of a timestamp that leaves its range.
pub(crate) fn timestamp_out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, "timestamp out of range")
}

/// The error of a date that leaves its range.
pub(crate) fn date_out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, "date out of range")
}

/// The timestamp if it is in range.
#[inline]
pub(crate) fn check_timestamp(timestamp: Option<i64>) -> Result<Timestamp, SqlError> {
    match timestamp {
        Some(t) if (TIMESTAMP_MIN..TIMESTAMP_END).contains(&t) => Ok(t),
        _ => Err(timestamp_out_of_range()),
    }
}

/// A timestamp later by an interval: first months (the day cut to the month's length), then days,
/// then time.
#[inline]
pub fn timestamp_plus_interval(
    timestamp: Timestamp,
    interval: Interval,
) -> Result<Timestamp, SqlError> {
    if is_infinite(timestamp) {
        return Ok(timestamp);
    }
    let mut moved = Some(timestamp);
    if interval.months != 0 {
        moved = plus_months(timestamp, interval.months);
    }
    if interval.days != 0 {
        let days = i64::from(interval.days).checked_mul(MICROS_PER_DAY);
        moved = moved.zip(days).and_then(|(t, days)| t.checked_add(days));
    }
    check_timestamp(moved.and_then(|t| t.checked_add(interval.micros)))
}

/// A timestamp earlier by an interval.
#[inline]
pub fn timestamp_minus_interval(
    timestamp: Timestamp,
    interval: Interval,
) -> Result<Timestamp, SqlError> {
    timestamp_plus_interval(timestamp, interval.checked_neg()?)
}

fn plus_months(timestamp: Timestamp, months: i32) -> Option<Timestamp> {
    let (days, micros) = split_timestamp(timestamp);
    let (year, month, day) = civil_from_days(days);
    let total =
        i64::from(year) * i64::from(MONTHS_PER_YEAR) + i64::from(month) - 1 + i64::from(months);
    let year = i32::try_from(total.div_euclid(i64::from(MONTHS_PER_YEAR))).ok()?;
    let month = total.rem_euclid(i64::from(MONTHS_PER_YEAR)) as u32 + 1;
    if !(-5_000..=300_000).contains(&year) {
        return None;
    }
    let days = days_from_civil(year, month, day.min(days_in_month(year, month)));
    i64::from(days).checked_mul(MICROS_PER_DAY)?.checked_add(micros)
}

/// `a - b` as days and time of one sign.
pub fn timestamp_diff(a: Timestamp, b: Timestamp) -> Result<Interval, SqlError> {
    if is_infinite(a) || is_infinite(b) {
        return Err(SqlError::new(
            SqlState::DATETIME_OVERFLOW,
            "cannot subtract infinite timestamps",
        ));
    }
    let micros = a.checked_sub(b).ok_or_else(super::interval::out_of_range)?;
    Ok(Interval::new(0, (micros / MICROS_PER_DAY) as i32, micros % MICROS_PER_DAY))
}

/// `a - b` in years, months, days and time, as a person counts: PostgreSQL's `age`.
pub fn age(a: Timestamp, b: Timestamp) -> Result<Interval, SqlError> {
    if is_infinite(a) || is_infinite(b) {
        return Err(timestamp_out_of_range());
    }
    let negative = a < b;
    let (later, earlier) = if negative { (b, a) } else { (a, b) };
    let (later_days, later_micros) = split_timestamp(later);
    let (earlier_days, earlier_micros) = split_timestamp(earlier);
    let (y1, m1, d1) = civil_from_days(later_days);
    let (y2, m2, d2) = civil_from_days(earlier_days);
    let mut micros = later_micros - earlier_micros;
    let mut days = d1 as i32 - d2 as i32;
    let mut months = m1 as i32 - m2 as i32;
    let mut years = y1 - y2;
    if micros < 0 {
        micros += MICROS_PER_DAY;
        days -= 1;
    }
    while days < 0 {
        // The borrowed month is that of the earlier point.
        days += days_in_month(y2, m2) as i32;
        months -= 1;
    }
    while months < 0 {
        months += MONTHS_PER_YEAR;
        years -= 1;
    }
    let span = Interval::new(years * MONTHS_PER_YEAR + months, days, micros);
    if negative { span.checked_neg() } else { Ok(span) }
}

/// A date later by a number of days.
pub fn date_plus_days(date: i32, days: i32) -> Result<i32, SqlError> {
    if is_infinite_date(date) {
        return Ok(date);
    }
    match date.checked_add(days) {
        Some(moved) if (DATE_MIN..=DATE_MAX).contains(&moved) => Ok(moved),
        _ => Err(date_out_of_range()),
    }
}

/// Midnight of a date.
#[inline]
pub fn date_to_timestamp(date: i32) -> Result<Timestamp, SqlError> {
    match date {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_NEG_INFINITY => Ok(TIMESTAMP_NEG_INFINITY),
        _ => check_timestamp(i64::from(date).checked_mul(MICROS_PER_DAY)).map_err(|_| {
            SqlError::new(SqlState::DATETIME_OVERFLOW, "date out of range for timestamp")
        }),
    }
}

/// The date of a timestamp.
#[inline]
pub fn timestamp_to_date(timestamp: Timestamp) -> i32 {
    match timestamp {
        TIMESTAMP_INFINITY => DATE_INFINITY,
        TIMESTAMP_NEG_INFINITY => DATE_NEG_INFINITY,
        _ => split_timestamp(timestamp).0,
    }
}

/// The time of day of a timestamp; NULL (`None`) for an infinite one.
pub fn timestamp_to_time(timestamp: Timestamp) -> Option<i64> {
    (!is_infinite(timestamp)).then(|| split_timestamp(timestamp).1)
}

/// A time of day later by the time of an interval, around the clock. Months and days do not count.
pub fn time_plus_interval(time: i64, interval: Interval) -> i64 {
    (time + interval.micros % MICROS_PER_DAY).rem_euclid(MICROS_PER_DAY)
}
