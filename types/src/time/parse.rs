//! Reading of DATE, TIME, TIMESTAMP and TIMESTAMPTZ.
//!
//! The common ISO forms take a short path over bytes; every other form goes through tokens and
//! PostgreSQL's rules.
//! Invariant: both paths give the same value for a text that both accept.

use super::date::{days_from_civil, days_in_month};
use super::decode::{Decoded, Fault, Parts, decode};
use super::shift::check_timestamp;
use super::token::tokenize;
use super::{
    DATE_INFINITY, DATE_MAX, DATE_MIN, DATE_NEG_INFINITY, MICROS_PER_DAY, MICROS_PER_HOUR,
    MICROS_PER_MINUTE, MICROS_PER_SEC, TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY, Timestamp,
};
use crate::error::{SqlError, SqlState};

/// Reads a DATE.
pub fn parse_date(text: &str) -> Result<i32, SqlError> {
    if let Some((days, b"")) = iso_date(text.as_bytes()) {
        return Ok(days);
    }
    let days = match read(text, "date", false)? {
        Decoded::Infinity => return Ok(DATE_INFINITY),
        Decoded::NegInfinity => return Ok(DATE_NEG_INFINITY),
        Decoded::Epoch => 0,
        Decoded::Parts(parts) => match parts.days {
            Some(days) => days,
            None => return Err(fault_error(Fault::Format, "date", text)),
        },
    };
    if !(DATE_MIN..=DATE_MAX).contains(&days) {
        return Err(range_error("date", text));
    }
    Ok(days)
}

/// Reads a TIME; a date or zone before or after it is ignored.
pub fn parse_time(text: &str) -> Result<i64, SqlError> {
    match read(text, "time", true)? {
        Decoded::Parts(Parts { time: Some(time), .. }) => Ok(time),
        _ => Err(fault_error(Fault::Format, "time", text)),
    }
}

/// Reads a TIMESTAMP; a zone is ignored.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, SqlError> {
    if let Some(timestamp) = iso_timestamp(text.as_bytes()) {
        return Ok(timestamp);
    }
    parse_instant(text, "timestamp", false)
}

/// Reads a TIMESTAMPTZ; without a zone it is in UTC.
pub fn parse_timestamptz(text: &str) -> Result<Timestamp, SqlError> {
    if let Some(timestamp) = iso_timestamp(text.as_bytes()) {
        return Ok(timestamp);
    }
    parse_instant(text, "timestamp with time zone", true)
}

fn parse_instant(text: &str, type_name: &str, zoned: bool) -> Result<Timestamp, SqlError> {
    let parts = match read(text, type_name, false)? {
        Decoded::Infinity => return Ok(TIMESTAMP_INFINITY),
        Decoded::NegInfinity => return Ok(TIMESTAMP_NEG_INFINITY),
        Decoded::Epoch => return Ok(0),
        Decoded::Parts(parts) => parts,
    };
    let Some(days) = parts.days else {
        return Err(fault_error(Fault::Format, type_name, text));
    };
    let zone = if zoned { parts.zone.unwrap_or(0) } else { 0 };
    let timestamp = i64::from(days)
        .checked_mul(MICROS_PER_DAY)
        .and_then(|t| t.checked_add(parts.time.unwrap_or(0)))
        .and_then(|t| t.checked_sub(i64::from(zone) * MICROS_PER_SEC));
    check_timestamp(timestamp).map_err(|_| range_error("timestamp", text))
}

fn read(text: &str, type_name: &str, time_only: bool) -> Result<Decoded, SqlError> {
    let decoded = match tokenize(text) {
        Some(tokens) if !tokens.is_empty() => decode(&tokens, time_only),
        _ => Err(Fault::Format),
    };
    decoded.map_err(|fault| fault_error(fault, type_name, text))
}

fn range_error(what: &str, text: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, format!("{what} out of range: \"{text}\""))
}

/// The error for a text that is not a value of a type.
pub(super) fn fault_error(fault: Fault, type_name: &str, text: &str) -> SqlError {
    match fault {
        Fault::Format => SqlError::new(
            SqlState::INVALID_DATETIME,
            format!("invalid input syntax for type {type_name}: \"{text}\""),
        ),
        Fault::Range => range_error("date/time field value", text),
        Fault::ZoneRange => SqlError::new(
            SqlState::INVALID_TIME_ZONE,
            format!("time zone displacement out of range: \"{text}\""),
        ),
        Fault::ZoneName => {
            SqlError::unsupported(format_args!("the time zone name in {type_name} \"{text}\""))
        }
        Fault::Clock => SqlError::unsupported(format_args!(
            "\"{text}\" as a {type_name}, which reads the clock,"
        ))
        .with_hint("Use now() or current_date"),
    }
}

/// Two digits.
#[inline]
fn two(text: &[u8]) -> Option<u32> {
    match text {
        [a @ b'0'..=b'9', b @ b'0'..=b'9', ..] => {
            Some(u32::from(a - b'0') * 10 + u32::from(b - b'0'))
        }
        _ => None,
    }
}

/// `YYYY-MM-DD` at the start, and the rest.
#[inline]
fn iso_date(text: &[u8]) -> Option<(i32, &[u8])> {
    if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = two(text)? * 100 + two(&text[2..])?;
    let (month, day) = (two(&text[5..])?, two(&text[8..])?);
    let year = i32::try_from(year).ok()?;
    if year == 0
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_in_month(year, month)
        || text.get(10).is_some_and(u8::is_ascii_digit)
    {
        return None;
    }
    Some((days_from_civil(year, month, day), &text[10..]))
}

/// `YYYY-MM-DD[( |T)HH:MM:SS[.ffffff][Z]]` and nothing else.
#[inline]
fn iso_timestamp(text: &[u8]) -> Option<Timestamp> {
    let (days, rest) = iso_date(text)?;
    let start = i64::from(days) * MICROS_PER_DAY;
    let rest = match rest {
        [] => return Some(start),
        [b' ' | b'T', rest @ ..] => rest,
        _ => return None,
    };
    if rest.len() < 8 || rest[2] != b':' || rest[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (two(rest)?, two(&rest[3..])?, two(&rest[6..])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0;
    let mut tail = &rest[8..];
    if let [b'.', digits @ ..] = tail {
        let n = digits.iter().take_while(|b| b.is_ascii_digit()).count();
        if n == 0 || n > 6 {
            return None;
        }
        let zeros = std::iter::repeat_n(&b'0', 6 - n);
        micros = digits[..n].iter().chain(zeros).fold(0, |v, b| v * 10 + i64::from(b - b'0'));
        tail = &digits[n..];
    }
    if !matches!(tail, [] | [b'Z']) {
        return None;
    }
    Some(
        start
            + i64::from(hour) * MICROS_PER_HOUR
            + i64::from(minute) * MICROS_PER_MINUTE
            + i64::from(second) * MICROS_PER_SEC
            + micros,
    )
}
