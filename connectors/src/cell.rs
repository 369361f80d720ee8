//! One cell of text becomes one value of a column.
//!
//! Integers, plain text and timestamps in ISO 8601 are read straight into the builder; everything
//! else, and whatever the short ways do not understand, goes through `Value::parse`, which decides
//! and words the error.
//! Invariant: a short way gives what `Value::parse` would give.

use arena_tr::{ColumnBuilder, DataType, SqlError, SqlState, Value, time};

/// Which short way a type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int2,
    Int4,
    Int8,
    Text,
    Timestamp,
    Other,
}

impl Kind {
    pub(crate) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Int2 => Self::Int2,
            DataType::Int4 => Self::Int4,
            DataType::Int8 => Self::Int8,
            DataType::Text | DataType::Varchar(None) => Self::Text,
            DataType::Timestamp | DataType::TimestampTz => Self::Timestamp,
            _ => Self::Other,
        }
    }
}

/// The day read last: events of a stream mostly share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastDay {
    text: [u8; 10],
    days: i64,
}

/// Appends the value that `text` stands for.
#[inline]
pub(crate) fn push_text(
    builder: &mut ColumnBuilder,
    kind: Kind,
    data_type: &DataType,
    last_day: &mut LastDay,
    text: &[u8],
) -> Result<(), SqlError> {
    match kind {
        Kind::Int8 => {
            if let Some(v) = integer(text) {
                builder.push_i64(v);
                return Ok(());
            }
        }
        Kind::Int4 => {
            if let Some(v) = integer(text).and_then(|v| i32::try_from(v).ok()) {
                builder.push_i32(v);
                return Ok(());
            }
        }
        Kind::Int2 => {
            if let Some(v) = integer(text).and_then(|v| i16::try_from(v).ok()) {
                builder.push_i16(v);
                return Ok(());
            }
        }
        Kind::Text => {
            builder.push_str(utf8(text)?.as_bytes());
            return Ok(());
        }
        Kind::Timestamp => {
            if let Some(v) = timestamp(text, last_day) {
                builder.push_i64(v);
                return Ok(());
            }
        }
        Kind::Other => {}
    }
    builder.push_value(&Value::parse(utf8(text)?, data_type)?)
}

/// The text, if it is UTF-8 without the NUL that TEXT cannot hold.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, SqlError> {
    std::str::from_utf8(bytes).map_err(|_| {
        SqlError::new(SqlState::INVALID_ENCODING, "invalid byte sequence for encoding \"UTF8\"")
    })
}

/// An integer of at most 18 digits.
#[inline]
fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut number = 0i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if negative { -number } else { number })
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens * 10 + ones))
}

/// `YYYY-MM-DD`, `T` or a space, `HH:MM:SS`, perhaps a fraction of up to six digits, perhaps `Z`.
#[inline]
fn timestamp(text: &[u8], last_day: &mut LastDay) -> Option<i64> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let (day, clock) = head.split_first_chunk::<10>()?;
    let &[b'T' | b' ', h1, h0, b':', m1, m0, b':', s1, s0] = clock else { return None };
    let (hours, minutes, seconds) = (two(h1, h0)?, two(m1, m0)?, two(s1, s0)?);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let rest = rest.strip_suffix(b"Z").unwrap_or(rest);
    let micros = match rest {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() && digits.len() <= 6 => {
            let mut micros = 0;
            for at in 0..6 {
                let digit = digits.get(at).map_or(0, |b| b.wrapping_sub(b'0'));
                if digit > 9 {
                    return None;
                }
                micros = micros * 10 + i64::from(digit);
            }
            micros
        }
        _ => return None,
    };
    if last_day.text != *day {
        last_day.days = days(day)?;
        last_day.text = *day;
    }
    let seconds = ((last_day.days * 24 + hours) * 60 + minutes) * 60 + seconds;
    Some(seconds * 1_000_000 + micros)
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn days(text: &[u8; 10]) -> Option<i64> {
    let &[y3, y2, y1, y0, b'-', m1, m0, b'-', d1, d0] = text else { return None };
    let year = two(y3, y2)? * 100 + two(y1, y0)?;
    let (month, day) = (two(m1, m0)?, two(d1, d0)?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let days = time::days_from_civil(year as i32, month as u32, day as u32);
    // A day that the month does not have comes back as another one.
    (time::civil_from_days(days) == (year as i32, month as u32, day as u32))
        .then_some(i64::from(days))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str, data_type: &DataType) -> Result<Value, SqlError> {
        let mut builder = ColumnBuilder::new(data_type.physical(), 1);
        push_text(
            &mut builder,
            Kind::of(data_type),
            data_type,
            &mut LastDay::default(),
            text.as_bytes(),
        )?;
        Ok(builder.finish().value(0, data_type))
    }

    #[test]
    fn short_ways_agree_with_the_long_one() {
        let cases = [
            (
                DataType::Int8,
                vec!["0", "-7", "999999999999999999", "9223372036854775807", "1.5", "", "-", "x1"],
            ),
            (DataType::Int4, vec!["2147483647", "2147483648", "-2147483648"]),
            (DataType::Int2, vec!["32767", "32768"]),
            (DataType::Text, vec!["", "abc", "a longer text than fits inline"]),
            (DataType::Numeric(None), vec!["1.50", "-0.001"]),
            (
                DataType::Timestamp,
                vec![
                    "2015-07-15T00:00:00.006Z",
                    "2015-07-15 23:59:59",
                    "2015-02-29T00:00:00Z",
                    "2015-13-01T00:00:00",
                    "1969-12-31T23:59:59.999999",
                    "2015-07-15T24:00:00Z",
                    "2015-07-15",
                    "2015-07-15T00:00:00.Z",
                    "nonsense",
                ],
            ),
            (DataType::TimestampTz, vec!["2015-07-15T00:00:00Z", "2015-07-15T00:00:00+02:00"]),
        ];
        for (data_type, texts) in cases {
            for text in texts {
                assert_eq!(
                    cell(text, &data_type).map_err(|e| e.message),
                    Value::parse(text, &data_type).map_err(|e| e.message),
                    "{text} as {data_type}"
                );
            }
        }
    }
}
