//! Reading and printing of booleans, integers, floats, UUID and BYTEA.
//!
//! Invariant: a float prints with the fewest digits that read back as the same float.

use std::ops::Range;

use super::{invalid, trim};
use crate::error::{SqlError, SqlState};

/// Reads a BOOLEAN: any unique prefix of `true`, `false`, `yes`, `no`, `on`, `off`, or `1`, `0`.
pub fn parse_bool(text: &str) -> Result<bool, SqlError> {
    let word = trim(text);
    let is_prefix = |full: &str, min: usize| {
        word.len() >= min
            && full.get(..word.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(word))
    };
    if is_prefix("true", 1) || is_prefix("yes", 1) || is_prefix("on", 2) || word == "1" {
        Ok(true)
    } else if is_prefix("false", 1) || is_prefix("no", 1) || is_prefix("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(invalid("boolean", text))
    }
}

/// Reads a SMALLINT.
pub fn parse_i16(text: &str) -> Result<i16, SqlError> {
    let value = parse_integer(text, "smallint")?;
    i16::try_from(value).map_err(|_| out_of_range(text, "smallint"))
}

/// Reads an INTEGER.
pub fn parse_i32(text: &str) -> Result<i32, SqlError> {
    let value = parse_integer(text, "integer")?;
    i32::try_from(value).map_err(|_| out_of_range(text, "integer"))
}

/// Reads a BIGINT.
pub fn parse_i64(text: &str) -> Result<i64, SqlError> {
    parse_integer(text, "bigint")
}

fn out_of_range(text: &str, type_name: &str) -> SqlError {
    SqlError::new(
        SqlState::NUMERIC_OUT_OF_RANGE,
        format!("value \"{text}\" is out of range for type {type_name}"),
    )
}

fn parse_integer(text: &str, type_name: &str) -> Result<i64, SqlError> {
    let bytes = trim(text).as_bytes();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(invalid(type_name, text));
    }
    // Gathered as a negative number, which reaches one further.
    let mut value = 0i64;
    for digit in digits {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_sub(i64::from(digit - b'0')))
            .ok_or_else(|| out_of_range(text, type_name))?;
    }
    if negative {
        return Ok(value);
    }
    value.checked_neg().ok_or_else(|| out_of_range(text, type_name))
}

/// Reads a DOUBLE PRECISION.
pub fn parse_f64(text: &str) -> Result<f64, SqlError> {
    let number = float_syntax(text, "double precision")?;
    let value: f64 = number.parse().map_err(|_| invalid("double precision", text))?;
    check_float(number, value.is_infinite(), value == 0.0, text, "double precision")?;
    Ok(value)
}

/// Reads a REAL.
pub fn parse_f32(text: &str) -> Result<f32, SqlError> {
    let number = float_syntax(text, "real")?;
    let value: f32 = number.parse().map_err(|_| invalid("real", text))?;
    check_float(number, value.is_infinite(), value == 0.0, text, "real")?;
    Ok(value)
}

fn float_syntax<'a>(text: &'a str, type_name: &str) -> Result<&'a str, SqlError> {
    let number = trim(text);
    let valid = number.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if valid { Ok(number) } else { Err(invalid(type_name, text)) }
}

/// A number whose digits say that it is neither infinite nor zero must not become so.
fn check_float(
    number: &str,
    is_infinite: bool,
    is_zero: bool,
    text: &str,
    type_name: &str,
) -> Result<(), SqlError> {
    if !is_infinite && !is_zero {
        return Ok(());
    }
    let mantissa = number.split(['e', 'E']).next().unwrap_or("");
    let overflow = is_infinite && mantissa.contains(|c: char| c.is_ascii_digit());
    let underflow = is_zero && mantissa.contains(|c: char| ('1'..='9').contains(&c));
    if overflow || underflow {
        return Err(SqlError::new(
            SqlState::NUMERIC_OUT_OF_RANGE,
            format!("\"{}\" is out of range for type {type_name}", trim(text)),
        ));
    }
    Ok(())
}

/// Appends an integer.
pub fn push_i64(out: &mut String, value: i64) {
    let mut buffer = [0u8; 20];
    let mut start = buffer.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        buffer[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push('-');
    }
    out.push_str(std::str::from_utf8(&buffer[start..]).unwrap_or_default());
}

/// Appends a DOUBLE PRECISION with the fewest digits that identify it.
pub fn push_f64(out: &mut String, value: f64) {
    if push_special(out, value) {
        return;
    }
    let mut shortest = format!("{value:e}");
    if F64_MIDPOINTS.contains(&value.abs()) {
        let reads_back = |text: &str| text.parse() == Ok(value);
        off_midpoint(&mut shortest, reads_back, |digits| format!("{value:.digits$e}"));
    }
    push_shortest(out, &shortest, 15);
}

/// Appends a REAL with the fewest digits that identify it.
pub fn push_f32(out: &mut String, value: f32) {
    if push_special(out, f64::from(value)) {
        return;
    }
    let mut shortest = format!("{value:e}");
    if F32_MIDPOINTS.contains(&value.abs()) {
        let reads_back = |text: &str| text.parse() == Ok(value);
        off_midpoint(&mut shortest, reads_back, |digits| format!("{value:.digits$e}"));
    }
    push_shortest(out, &shortest, 6);
}

/// Where the middle of two neighbouring doubles can have 17 digits or fewer.
const F64_MIDPOINTS: Range<f64> = 9_007_199_254_740_992.0..1e41;
/// Where the middle of two neighbouring 32-bit floats can have 9 digits or fewer.
const F32_MIDPOINTS: Range<f32> = 16_777_216.0..1e20;
/// Digits after the first that identify any float.
const FRACTION_DIGITS_MAX: usize = 16;

/// Replaces digits that lie exactly between two floats, and so rely on how the reader breaks ties,
/// by the fewest that do not. PostgreSQL prints so: 1e23 is `9.999999999999999e+22`.
fn off_midpoint(
    shortest: &mut String,
    reads_back: impl Fn(&str) -> bool,
    rounded: impl Fn(usize) -> String,
) {
    let is_inside = |text: &str| {
        let Some((mantissa, exponent)) = text.split_once('e') else { return true };
        let mantissa =
            if mantissa.contains('.') { mantissa.to_owned() } else { format!("{mantissa}.") };
        // A hair more and a hair less must read as the same float.
        let above = format!("{mantissa}000000000000000000000001e{exponent}");
        let digits = mantissa.replace(['.', '-'], "");
        let below = match digits.parse::<u64>() {
            Ok(n) if n > 0 => {
                let sign = if mantissa.starts_with('-') { "-" } else { "" };
                let scale = exponent.parse::<i64>().unwrap_or(0) - (digits.len() as i64 - 1);
                format!("{sign}{}.999999999999999999999999e{scale}", n - 1)
            }
            _ => return true,
        };
        reads_back(&above) && reads_back(&below)
    };
    if is_inside(shortest) {
        return;
    }
    for digits in 0..=FRACTION_DIGITS_MAX {
        let text = rounded(digits);
        if reads_back(&text) && is_inside(&text) {
            *shortest = text;
            return;
        }
    }
}

fn push_special(out: &mut String, value: f64) -> bool {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        return false;
    }
    true
}

/// Lays out `d.ddde±x`: plain from 10^-4 up to `10^fixed_end`, else with an exponent of at least
/// two digits.
fn push_shortest(out: &mut String, scientific: &str, fixed_end: i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = match mantissa.strip_prefix('-') {
        Some(rest) => {
            out.push('-');
            rest
        }
        None => mantissa,
    };
    if exponent < -4 || exponent >= fixed_end {
        out.push_str(mantissa);
        out.push('e');
        out.push(if exponent < 0 { '-' } else { '+' });
        if exponent.abs() < 10 {
            out.push('0');
        }
        push_i64(out, i64::from(exponent.abs()));
        return;
    }
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).map(char::from);
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        out.extend(digits);
        return;
    }
    let n_whole = exponent as usize + 1;
    let mut n = 0;
    for digit in digits {
        if n == n_whole {
            out.push('.');
        }
        out.push(digit);
        n += 1;
    }
    out.extend(std::iter::repeat_n('0', n_whole.saturating_sub(n)));
}

/// Reads a UUID: 32 hexadecimal digits, a hyphen allowed after each group of four, braces allowed
/// around.
pub fn parse_uuid(text: &str) -> Result<u128, SqlError> {
    let fault = || invalid("uuid", text);
    let bytes = text.as_bytes();
    let bytes = match bytes {
        [b'{', inner @ .., b'}'] => inner,
        _ => bytes,
    };
    let (mut value, mut n_digits) = (0u128, 0);
    let mut after_hyphen = true;
    for byte in bytes {
        if *byte == b'-' {
            if after_hyphen || n_digits % 4 != 0 {
                return Err(fault());
            }
            after_hyphen = true;
            continue;
        }
        let digit = char::from(*byte).to_digit(16).ok_or_else(fault)?;
        if n_digits == 32 {
            return Err(fault());
        }
        value = (value << 4) | u128::from(digit);
        n_digits += 1;
        after_hyphen = false;
    }
    if n_digits == 32 && !after_hyphen { Ok(value) } else { Err(fault()) }
}

/// Appends a UUID.
pub fn push_uuid(out: &mut String, value: u128) {
    for i in 0..32 {
        if matches!(i, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        push_hex_digit(out, (value >> (124 - 4 * i)) as u8);
    }
}

fn push_hex_digit(out: &mut String, value: u8) {
    out.push(char::from(b"0123456789abcdef"[usize::from(value & 15)]));
}

/// Reads a BYTEA: `\x` and hexadecimal digits, or PostgreSQL's escape form.
pub fn parse_bytea(text: &str) -> Result<Vec<u8>, SqlError> {
    match text.strip_prefix("\\x").or_else(|| text.strip_prefix("\\X")) {
        Some(digits) => parse_hex(digits),
        None => parse_escaped(text),
    }
}

fn parse_hex(digits: &str) -> Result<Vec<u8>, SqlError> {
    let fault = |message: String| SqlError::new(SqlState::INVALID_PARAMETER, message);
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut high = None;
    for c in digits.chars() {
        if high.is_none() && matches!(c, ' ' | '\t'..='\r') {
            continue;
        }
        let digit =
            c.to_digit(16).ok_or_else(|| fault(format!("invalid hexadecimal digit: \"{c}\"")))?;
        match high.take() {
            None => high = Some(digit as u8),
            Some(first) => bytes.push(first << 4 | digit as u8),
        }
    }
    if high.is_some() {
        return Err(fault("invalid hexadecimal data: odd number of digits".to_owned()));
    }
    Ok(bytes)
}

fn parse_escaped(text: &str) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => {
                let message = "invalid input syntax for type bytea";
                return Err(SqlError::new(SqlState::INVALID_TEXT, message));
            }
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

/// Appends a BYTEA in hexadecimal form.
pub fn push_bytea(out: &mut String, bytes: &[u8]) {
    out.push_str("\\x");
    for byte in bytes {
        push_hex_digit(out, byte >> 4);
        push_hex_digit(out, *byte);
    }
}
