//! encode, decode, hexadecimal, digests and single bytes.
//!
//! Invariant: decode(encode(b, f), f) = b for every format.

use arena_tr_types::{DataType, Func, SqlError, SqlState};

use super::out::TextOut;
use super::row::{fixed, text};
use super::{Kernel, digest};

/// The kernel of a function between bytes and text.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    Some(match func {
        Func::Md5 => text(|r, out| {
            push_hex(&digest::md5(r.bytes(0)), out);
            Ok(())
        }),
        Func::Sha224 => digest_of(|b, out| out.push_bytes(&digest::sha224(b))),
        Func::Sha256 => digest_of(|b, out| out.push_bytes(&digest::sha256(b))),
        Func::Sha384 => digest_of(|b, out| out.push_bytes(&digest::sha384(b))),
        Func::Sha512 => digest_of(|b, out| out.push_bytes(&digest::sha512(b))),
        Func::Encode => text(|r, out| {
            let bytes = r.bytes(0);
            out.reserve(bytes.len().saturating_mul(4))?;
            match format_of(r.str(1))? {
                Format::Hex => push_hex(bytes, out),
                Format::Base64 => push_base64(bytes, out),
                Format::Escape => push_escaped(bytes, out),
            }
            Ok(())
        }),
        Func::ConvertFrom => text(|r, out| {
            match charset_of(r.str(1), "source")? {
                Charset::Utf8 => out.push(checked_utf8(r.bytes(0))?),
                Charset::Latin1 => {
                    r.bytes(0)
                        .iter()
                        .for_each(|b| out.push(char::from(*b).encode_utf8(&mut [0; 4])));
                }
            }
            Ok(())
        }),
        Func::ConvertTo => convert_to(),
        Func::Decode => text(|r, out| {
            let bytes = match format_of(r.str(1))? {
                Format::Hex => from_hex(r.str(0))?,
                Format::Base64 => from_base64(r.str(0))?,
                Format::Escape => from_escaped(r.str(0))?,
            };
            out.push_bytes(&bytes);
            Ok(())
        }),
        Func::GetByte => fixed(|r| {
            let bytes = r.bytes(0);
            Ok(i32::from(bytes[byte_index(r.i32(1), bytes.len())?]))
        }),
        Func::SetByte => text(|r, out| {
            let bytes = r.bytes(0);
            let at = byte_index(r.i32(1), bytes.len())?;
            out.push_bytes(bytes);
            out.current()[at] = r.i32(2) as u8;
            Ok(())
        }),
        Func::ToHex if args == [DataType::Int4] => text(|r, out| {
            super::print::push_display(out, format_args!("{:x}", r.i32(0)));
            Ok(())
        }),
        Func::ToHex => text(|r, out| {
            super::print::push_display(out, format_args!("{:x}", r.i64(0)));
            Ok(())
        }),
        _ => return None,
    })
}

fn digest_of(f: impl Fn(&[u8], &mut TextOut) + Send + Sync + 'static) -> Kernel {
    text(move |r, out| {
        f(r.bytes(0), out);
        Ok(())
    })
}

fn byte_index(index: i32, length: usize) -> Result<usize, SqlError> {
    match usize::try_from(index) {
        Ok(at) if at < length => Ok(at),
        _ => Err(SqlError::new(
            SqlState::ARRAY_SUBSCRIPT,
            format!("index {index} out of valid range, 0..{}", length as i64 - 1),
        )),
    }
}

enum Format {
    Hex,
    Base64,
    Escape,
}

fn format_of(name: &str) -> Result<Format, SqlError> {
    match name.to_ascii_lowercase().as_str() {
        "hex" => Ok(Format::Hex),
        "base64" => Ok(Format::Base64),
        "escape" => Ok(Format::Escape),
        _ => Err(invalid(format!("unrecognized encoding: \"{name}\""))),
    }
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

/// Text as bytes in a named encoding.
fn convert_to() -> Kernel {
    text(|r, out| {
        match charset_of(r.str(1), "destination")? {
            Charset::Utf8 => out.push_bytes(r.bytes(0)),
            Charset::Latin1 => {
                for c in r.str(0).chars() {
                    out.push_bytes(&[latin1(c)?]);
                }
            }
        }
        Ok(())
    })
}

/// A way to write characters as bytes.
enum Charset {
    Utf8,
    Latin1,
}

/// The encoding of a name, which is compared by its letters and digits; `side` is for the message.
fn charset_of(name: &str, side: &str) -> Result<Charset, SqlError> {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match letters.to_ascii_lowercase().as_str() {
        "utf8" | "unicode" => Ok(Charset::Utf8),
        "latin1" | "iso88591" => Ok(Charset::Latin1),
        _ => Err(SqlError::new(
            SqlState::INVALID_PARAMETER,
            format!("invalid {side} encoding name \"{name}\""),
        )),
    }
}

/// The bytes as text, if they are UTF-8 without zero bytes.
fn checked_utf8(bytes: &[u8]) -> Result<&str, SqlError> {
    let wrong = |at: usize| {
        let message = format!(
            "invalid byte sequence for encoding \"UTF8\": 0x{:02x}",
            bytes.get(at).copied().unwrap_or_default()
        );
        SqlError::new(SqlState("22021"), message)
    };
    let text = std::str::from_utf8(bytes).map_err(|e| wrong(e.valid_up_to()))?;
    match text.find('\0') {
        Some(at) => Err(wrong(at)),
        None => Ok(text),
    }
}

fn latin1(c: char) -> Result<u8, SqlError> {
    u8::try_from(u32::from(c)).map_err(|_| {
        let message = format!("character \"{c}\" has no equivalent in encoding \"LATIN1\"");
        SqlError::new(SqlState("22P05"), message)
    })
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends two hexadecimal digits a byte.
pub(super) fn push_hex(bytes: &[u8], out: &mut TextOut) {
    for byte in bytes {
        out.push_bytes(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

fn from_hex(s: &str) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::with_capacity(s.len() / 2);
    let mut high = None;
    for c in s.chars().filter(|c| !matches!(c, ' ' | '\n' | '\t' | '\r')) {
        let digit =
            c.to_digit(16).ok_or_else(|| invalid(format!("invalid hexadecimal digit: \"{c}\"")))?
                as u8;
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err(invalid("invalid hexadecimal data: odd number of digits")),
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A line of encoded text, as MIME limits it.
const BASE64_LINE: usize = 76;

fn push_base64(bytes: &[u8], out: &mut TextOut) {
    let mut column = 0;
    for three in bytes.chunks(3) {
        if column == BASE64_LINE {
            out.push("\n");
            column = 0;
        }
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * i)) as usize & 63];
            out.push_bytes(&[if i > three.len() { b'=' } else { digit }]);
        }
        column += 4;
    }
}

fn from_base64(s: &str) -> Result<Vec<u8>, SqlError> {
    let end = || invalid("invalid base64 end sequence");
    let (mut bytes, mut bits, mut digits, mut pads) = (Vec::new(), 0_u32, 0, 0);
    for c in s.chars().filter(|c| !matches!(c, ' ' | '\n' | '\t' | '\r')) {
        let value = match c {
            '=' if digits < 2 => {
                return Err(invalid("unexpected \"=\" while decoding base64 sequence"));
            }
            '=' => {
                pads += 1;
                0
            }
            _ => BASE64.iter().position(|b| char::from(*b) == c).ok_or_else(|| {
                invalid(format!("invalid symbol \"{c}\" found while decoding base64 sequence"))
            })? as u32,
        };
        if pads > 0 && c != '=' {
            return Err(end());
        }
        bits = bits << 6 | value;
        digits += 1;
        if digits == 4 {
            if pads > 2 {
                return Err(end());
            }
            let three = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
            bytes.extend_from_slice(&three[..3 - pads]);
            (bits, digits, pads) = (0, 0, 0);
        }
    }
    if digits != 0 { Err(end()) } else { Ok(bytes) }
}

fn push_escaped(bytes: &[u8], out: &mut TextOut) {
    for &byte in bytes {
        match byte {
            b'\\' => out.push("\\\\"),
            0 | 128.. => super::print::push_display(out, format_args!("\\{byte:03o}")),
            _ => out.push_bytes(&[byte]),
        }
    }
}

fn from_escaped(s: &str) -> Result<Vec<u8>, SqlError> {
    let mut bytes = Vec::with_capacity(s.len());
    let mut rest = s.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'\\' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        match tail {
            [b'\\', after @ ..] => {
                bytes.push(b'\\');
                rest = after;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                return Err(SqlError::new(
                    SqlState::INVALID_TEXT,
                    "invalid input syntax for type bytea",
                ));
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
