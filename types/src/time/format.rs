//! Dates, times and intervals as PostgreSQL prints them with `DateStyle = ISO` and `IntervalStyle =
//! postgres`.
//!
//! Invariant: reading what was printed gives the same value.

use std::fmt;

use super::date::{civil_from_days, split_time, split_timestamp};
use super::{
    Interval, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SEC, TIMESTAMP_INFINITY,
    TIMESTAMP_NEG_INFINITY, Timestamp, is_infinite_date,
};

/// Appends a number with at least `width` digits, filled with zeros.
fn push_padded(out: &mut String, value: u64, width: usize) {
    let mut buffer = [b'0'; 20];
    let mut start = buffer.len();
    let mut rest = value;
    while rest > 0 {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let start = start.min(buffer.len() - width);
    out.push_str(std::str::from_utf8(&buffer[start..]).unwrap_or_default());
}

/// Appends `.` and the digits of a fraction of a second without the zeros at its end; nothing for
/// 0.
fn push_fraction(out: &mut String, micro: u32) {
    if micro == 0 {
        return;
    }
    let (mut value, mut width) = (micro, 6);
    while value % 10 == 0 {
        value /= 10;
        width -= 1;
    }
    out.push('.');
    push_padded(out, u64::from(value), width);
}

/// Appends a date without the mark of its era; returns whether it is before Christ.
fn push_civil(out: &mut String, days: i32) -> bool {
    let (year, month, day) = civil_from_days(days);
    let shown = if year > 0 { year } else { 1 - year };
    push_padded(out, shown.unsigned_abs().into(), 4);
    out.push('-');
    push_padded(out, month.into(), 2);
    out.push('-');
    push_padded(out, day.into(), 2);
    year <= 0
}

/// Appends a DATE.
pub fn push_date(out: &mut String, days: i32) {
    if is_infinite_date(days) {
        return out.push_str(if days > 0 { "infinity" } else { "-infinity" });
    }
    if push_civil(out, days) {
        out.push_str(" BC");
    }
}

/// Appends a TIME.
pub fn push_time(out: &mut String, micros: i64) {
    let (hour, minute, second, micro) = split_time(micros);
    push_padded(out, hour.into(), 2);
    out.push(':');
    push_padded(out, minute.into(), 2);
    out.push(':');
    push_padded(out, second.into(), 2);
    push_fraction(out, micro);
}

/// Appends a TIMESTAMP.
pub fn push_timestamp(out: &mut String, timestamp: Timestamp) {
    push_instant(out, timestamp, "");
}

/// Appends a TIMESTAMPTZ, in UTC.
pub fn push_timestamptz(out: &mut String, timestamp: Timestamp) {
    push_instant(out, timestamp, "+00");
}

fn push_instant(out: &mut String, timestamp: Timestamp, zone: &str) {
    match timestamp {
        TIMESTAMP_INFINITY => return out.push_str("infinity"),
        TIMESTAMP_NEG_INFINITY => return out.push_str("-infinity"),
        _ => {}
    }
    let (days, micros) = split_timestamp(timestamp);
    let before_christ = push_civil(out, days);
    out.push(' ');
    push_time(out, micros);
    out.push_str(zone);
    if before_christ {
        out.push_str(" BC");
    }
}

/// Appends an INTERVAL: `1 year 2 mons -3 days +04:05:06.789`.
pub fn push_interval(out: &mut String, interval: Interval) {
    let start = out.len();
    let mut after_negative = false;
    let parts = [
        (i64::from(interval.months / 12), "year"),
        (i64::from(interval.months % 12), "mon"),
        (i64::from(interval.days), "day"),
    ];
    for (value, unit) in parts {
        if value == 0 {
            continue;
        }
        if out.len() > start {
            out.push(' ');
        }
        // A positive field after a negative one carries its sign, so that signs are never guessed.
        if after_negative && value > 0 {
            out.push('+');
        }
        out.push_str(&value.to_string());
        out.push(' ');
        out.push_str(unit);
        if value != 1 {
            out.push('s');
        }
        after_negative = value < 0;
    }
    if interval.micros == 0 && out.len() > start {
        return;
    }
    if out.len() > start {
        out.push(' ');
    }
    if interval.micros < 0 {
        out.push('-');
    } else if after_negative {
        out.push('+');
    }
    let micros = interval.micros.unsigned_abs();
    push_padded(out, micros / MICROS_PER_HOUR as u64, 2);
    out.push(':');
    push_padded(out, micros / MICROS_PER_MINUTE as u64 % 60, 2);
    out.push(':');
    push_padded(out, micros / MICROS_PER_SEC as u64 % 60, 2);
    push_fraction(out, (micros % MICROS_PER_SEC as u64) as u32);
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        push_interval(&mut text, *self);
        f.pad(&text)
    }
}
