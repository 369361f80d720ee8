//! Reading and printing of NUMERIC.
//!
//! Invariant: reading what was printed gives the same number with the same scale.

use std::fmt;
use std::str::FromStr;

use super::{Class, Decimal, DecimalError, DecimalResult, MANTISSA_END, SCALE_MAX};
use crate::error::{SqlError, SqlState};

/// Exponents beyond this are out of range whatever the digits, so their sums cannot overflow.
const EXPONENT_MAX: i64 = 100_000;

/// A number's text taken apart.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl Decimal {
    /// Reads PostgreSQL's input syntax: digits with at most one point, an exponent, blanks around,
    /// `NaN` and `Infinity` in any case.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        Self::parse_with(text, None)
    }

    /// Reads the text as a `NUMERIC(precision, scale)`. Digits beyond the declared scale are
    /// rounded away before the limit of 38 digits applies.
    pub fn parse_declared(text: &str, precision: u8, scale: u8) -> Result<Self, SqlError> {
        Self::parse_with(text, Some(scale))?.to_declared(precision, scale)
    }

    fn parse_with(text: &str, scale: Option<u8>) -> Result<Self, SqlError> {
        let trimmed = crate::text::trim(text);
        if let Some(special) = parse_special(trimmed) {
            return Ok(special);
        }
        let invalid = || crate::text::invalid("numeric", text);
        let parts = split(trimmed.as_bytes()).ok_or_else(invalid)?;
        parts.value(scale.map(i64::from)).map_err(|_| {
            if parts.exponent.abs() > EXPONENT_MAX {
                SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "value overflows numeric format")
            } else {
                DecimalError::Overflow.into()
            }
        })
    }

    /// Appends the text form.
    pub fn push_text(self, out: &mut String) {
        match self.class() {
            Class::NaN => return out.push_str("NaN"),
            Class::Infinity => return out.push_str("Infinity"),
            Class::NegInfinity => return out.push_str("-Infinity"),
            Class::Finite => {}
        }
        let mantissa = self.mantissa();
        if mantissa < 0 {
            out.push('-');
        }
        let mut buffer = [0u8; 40];
        let digits = format_digits(mantissa.unsigned_abs(), &mut buffer);
        let scale = self.scale() as usize;
        if scale == 0 {
            return out.push_str(digits);
        }
        if digits.len() > scale {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        } else {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', scale - digits.len()));
            out.push_str(digits);
        }
    }
}

impl Parts<'_> {
    /// The value, rounded to `target` digits after the point if given.
    fn value(&self, target: Option<i64>) -> DecimalResult {
        if self.exponent.abs() > EXPONENT_MAX {
            return Err(DecimalError::Overflow);
        }
        let n_digits = (self.whole.len() + self.fraction.len()) as i64;
        let scale = self.fraction.len() as i64 - self.exponent;
        let n_cut = target.map_or(0, |target| (scale - target).max(0));
        let n_kept = n_digits - n_cut;
        let mut mantissa = 0i128;
        let mut up = false;
        for (i, digit) in self.whole.iter().chain(self.fraction).enumerate() {
            let digit = i128::from(digit - b'0');
            match (i as i64).cmp(&n_kept) {
                std::cmp::Ordering::Less => mantissa = push_digit(mantissa, digit)?,
                std::cmp::Ordering::Equal => up = digit >= 5,
                std::cmp::Ordering::Greater => break,
            }
        }
        mantissa += i128::from(up);
        let mut scale = scale - n_cut;
        while scale < 0 && mantissa != 0 {
            mantissa = push_digit(mantissa, 0)?;
            scale += 1;
        }
        let scale = scale.max(0);
        if scale > i64::from(SCALE_MAX) {
            return Err(DecimalError::Overflow);
        }
        Decimal::try_new(if self.negative { -mantissa } else { mantissa }, scale as u32)
    }
}

fn push_digit(mantissa: i128, digit: i128) -> Result<i128, DecimalError> {
    if mantissa >= MANTISSA_END / 10 {
        return Err(DecimalError::Overflow);
    }
    Ok(mantissa * 10 + digit)
}

fn parse_special(text: &str) -> Option<Decimal> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("nan") {
        Some(Decimal::NAN)
    } else if is("infinity") || is("inf") || is("+infinity") || is("+inf") {
        Some(Decimal::INFINITY)
    } else if is("-infinity") || is("-inf") {
        Some(Decimal::NEG_INFINITY)
    } else {
        None
    }
}

/// Sign, digits, point, digits, exponent; `None` if the text is anything else.
fn split(text: &[u8]) -> Option<Parts<'_>> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (whole, rest) = take_digits(rest);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => take_digits(rest),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => parse_exponent(rest)?,
        _ => return None,
    };
    Some(Parts { negative, whole, fraction, exponent })
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits
        .iter()
        .fold(0i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(2 * EXPONENT_MAX));
    Some(if negative { -magnitude } else { magnitude })
}

fn take_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|b| b.is_ascii_digit()).count())
}

/// The decimal digits of a magnitude, in a buffer that holds 39.
fn format_digits(mut magnitude: u128, buffer: &mut [u8; 40]) -> &str {
    let mut start = buffer.len();
    // 64-bit divisions are many times faster than 128-bit ones, and nearly always enough.
    while magnitude > u128::from(u64::MAX) {
        start -= 1;
        buffer[start] = b'0' + (magnitude % 10) as u8;
        magnitude /= 10;
    }
    let mut small = magnitude as u64;
    loop {
        start -= 1;
        buffer[start] = b'0' + (small % 10) as u8;
        small /= 10;
        if small == 0 {
            break;
        }
    }
    std::str::from_utf8(&buffer[start..]).unwrap_or_default()
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_text(&mut text);
        f.pad(&text)
    }
}

impl FromStr for Decimal {
    type Err = SqlError;

    fn from_str(text: &str) -> Result<Self, SqlError> {
        Self::parse(text)
    }
}
