//! Dates, times, intervals: their arithmetic, and the text forms PostgreSQL gives them.
//!
//! A point in time is a bare count of microseconds (or days) from 1970, because that is how columns
//! carry it; the two ends of the integer stand for `infinity`. [`date`] is the calendar,
//! [`interval`] holds months, days and microseconds apart, [`parse`] and `interval_parse` read,
//! [`format`] prints, [`field`] extracts and truncates, [`shift`] adds intervals. The session's
//! time zone is UTC.
//! Invariant: all arithmetic is checked or saturating; nothing here reads a clock.

pub mod date;
mod decode;
pub mod field;
pub mod format;
pub mod interval;
mod interval_parse;
pub mod parse;
mod round;
pub mod shift;
#[cfg(test)]
mod tests;
mod token;

pub use date::{civil_from_days, days_from_civil};
pub use field::{
    DateField, date_bin, extract_date, extract_interval, extract_time, extract_timestamp,
    trunc_interval, trunc_timestamp,
};
pub use format::{push_date, push_interval, push_time, push_timestamp, push_timestamptz};
pub use interval::Interval;
pub use interval_parse::{IntervalFields, IntervalUnit};
pub use parse::{parse_date, parse_time, parse_timestamp, parse_timestamptz};
pub use round::{round_interval, round_micros, round_timestamp};
pub use shift::{
    age, date_plus_days, date_to_timestamp, time_plus_interval, timestamp_diff,
    timestamp_minus_interval, timestamp_plus_interval, timestamp_to_date, timestamp_to_time,
};

/// Microseconds since 1970-01-01 00:00:00, of an event or of a commit.
pub type Timestamp = i64;
/// `infinity` as a TIMESTAMP, and the watermark at the end of time.
pub const TIMESTAMP_INFINITY: Timestamp = i64::MAX;
/// `-infinity` as a TIMESTAMP, and the watermark before any row.
pub const TIMESTAMP_NEG_INFINITY: Timestamp = i64::MIN;
/// `infinity` as a DATE.
pub const DATE_INFINITY: i32 = i32::MAX;
/// `-infinity` as a DATE.
pub const DATE_NEG_INFINITY: i32 = i32::MIN;

/// Microseconds in a millisecond.
pub const MICROS_PER_MILLI: i64 = 1_000;
/// Microseconds in a second.
pub const MICROS_PER_SEC: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SEC;
/// Microseconds in an hour.
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
/// Microseconds in a day of 24 hours.
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
/// Days that a month counts where intervals are compared or split.
pub const DAYS_PER_MONTH: i64 = 30;
/// Months in a year.
pub const MONTHS_PER_YEAR: i32 = 12;

/// First valid day: 4714-11-24 BC in the Gregorian calendar, Julian day 0.
pub const DATE_MIN: i32 = -2_440_588;
/// Last valid day of a DATE: 5874897-12-31.
pub const DATE_MAX: i32 = 2_145_042_905;
/// First valid microsecond of a TIMESTAMP.
pub const TIMESTAMP_MIN: Timestamp = DATE_MIN as i64 * MICROS_PER_DAY;
/// End of the valid TIMESTAMPs: counted from 1970, 64 bits end in 294247-01-10 (PostgreSQL counts
/// from 2000 and ends 30 years later).
pub const TIMESTAMP_END: Timestamp = TIMESTAMP_INFINITY;

/// Whether a timestamp is one of the two infinities.
#[inline]
pub const fn is_infinite(timestamp: Timestamp) -> bool {
    timestamp == TIMESTAMP_INFINITY || timestamp == TIMESTAMP_NEG_INFINITY
}

/// Whether a date is one of the two infinities.
#[inline]
pub const fn is_infinite_date(days: i32) -> bool {
    days == DATE_INFINITY || days == DATE_NEG_INFINITY
}
