//! Single bits of byte strings, the bytes of numbers, and text with escaped characters.
//!
//! Invariant: bit 0 of a byte string is the lowest bit of its first byte, as PostgreSQL counts.

use arena_tr_types::{DataType, Func, SqlError, SqlState};

use super::Kernel;
use super::row::{fixed, text};

/// The kernel of a function on bits and code points.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    Some(match func {
        Func::BitCount => {
            fixed(|r| Ok(r.bytes(0).iter().map(|b| i64::from(b.count_ones())).sum::<i64>()))
        }
        Func::GetBit => fixed(|r| {
            let bytes = r.bytes(0);
            let at = bit_index(r.i64(1), bytes.len())?;
            Ok(i32::from(bytes[at / 8] >> (at % 8) & 1))
        }),
        Func::SetBit => text(|r, out| {
            let bytes = r.bytes(0);
            let at = bit_index(r.i64(1), bytes.len())?;
            let bit = match r.i32(2) {
                0 => 0,
                1 => 1,
                _ => return Err(invalid("new bit must be 0 or 1")),
            };
            out.push_bytes(bytes);
            let byte = &mut out.current()[at / 8];
            *byte = *byte & !(1 << (at % 8)) | bit << (at % 8);
            Ok(())
        }),
        Func::Send if args == [DataType::Float4] => text(|r, out| {
            out.push_bytes(&r.get::<f32>(0).to_be_bytes());
            Ok(())
        }),
        Func::Send if args == [DataType::Float8] => text(|r, out| {
            out.push_bytes(&r.f64(0).to_be_bytes());
            Ok(())
        }),
        Func::UniStr => text(|r, out| {
            out.push(&unistr(r.str(0))?);
            Ok(())
        }),
        _ => return None,
    })
}

fn bit_index(index: i64, n_bytes: usize) -> Result<usize, SqlError> {
    let n_bits = n_bytes.saturating_mul(8);
    match usize::try_from(index) {
        Ok(at) if at < n_bits => Ok(at),
        _ => Err(SqlError::new(
            SqlState::ARRAY_SUBSCRIPT,
            format!("index {index} out of valid range, 0..{}", n_bits as i64 - 1),
        )),
    }
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

fn bad_pair() -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, "invalid Unicode surrogate pair")
}

/// Replaces `\XXXX`, `\+XXXXXX`, `\uXXXX` and `\UXXXXXXXX` by their characters, and `\\` by a
/// backslash.
fn unistr(source: &str) -> Result<String, SqlError> {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    // The first half of a surrogate pair waits for the second.
    let mut high: Option<u32> = None;
    while let Some(at) = rest.find('\\') {
        if high.is_some() && at > 0 {
            return Err(bad_pair());
        }
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('\\') {
            if high.is_some() {
                return Err(bad_pair());
            }
            out.push('\\');
            rest = after;
            continue;
        }
        let code;
        (code, rest) = escaped(rest)?;
        high = match (high, code) {
            (None, 0xD800..0xDC00) => Some(code),
            (Some(first), 0xDC00..0xE000) => {
                out.push(char_of(0x10000 + ((first - 0xD800) << 10) + (code - 0xDC00))?);
                None
            }
            (Some(_), _) | (None, 0xDC00..0xE000) => return Err(bad_pair()),
            (None, _) => {
                out.push(char_of(code)?);
                None
            }
        };
    }
    if high.is_some() {
        return Err(bad_pair());
    }
    out.push_str(rest);
    Ok(out)
}

fn char_of(code: u32) -> Result<char, SqlError> {
    char::from_u32(code)
        .filter(|c| *c != '\0')
        .ok_or_else(|| invalid(format!("invalid Unicode code point: {code:04X}")))
}

/// Reads the digits behind a backslash: the code and what follows.
fn escaped(rest: &str) -> Result<(u32, &str), SqlError> {
    let (digits, n) = match rest.as_bytes().first() {
        Some(b'+') => (&rest[1..], 6),
        Some(b'u') => (&rest[1..], 4),
        Some(b'U') => (&rest[1..], 8),
        _ => (rest, 4),
    };
    let code = digits.get(..n).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
    let code = code.and_then(|d| u32::from_str_radix(d, 16).ok());
    code.map(|code| (code, &digits[n..])).ok_or_else(|| {
        SqlError::new(SqlState::SYNTAX_ERROR, "invalid Unicode escape")
            .with_hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
    })
}

#[cfg(test)]
mod tests {
    use super::unistr;

    #[test]
    fn escapes_become_characters() {
        let of = |s| unistr(s).map_err(|e| e.message.clone());
        assert_eq!(of("\\0064\\+000061\\u0074\\U00000061!").unwrap(), "data!");
        assert_eq!(of("a\\\\b").unwrap(), "a\\b");
        assert_eq!(of("\\d83d\\de00").unwrap(), "\u{1F600}");
        assert_eq!(of("\\d83d").unwrap_err(), "invalid Unicode surrogate pair");
        assert_eq!(of("\\d83dx").unwrap_err(), "invalid Unicode surrogate pair");
        assert_eq!(of("\\06x").unwrap_err(), "invalid Unicode escape");
        assert_eq!(of("\\u0000").unwrap_err(), "invalid Unicode code point: 0000");
    }
}
