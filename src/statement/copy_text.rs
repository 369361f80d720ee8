//! PostgreSQL's text format of COPY: columns between tabs, `\\N` for NULL, backslash escapes.
//!
//! It is written anew as CSV, which the connector `file` reads.
//! Invariant: a field is NULL in the CSV exactly if it is in the text.

use std::collections::BTreeMap;

use arena_tr_types::SqlState;

use crate::error::{Error, Result};

/// NULL in text, and in the CSV made of it: quoted it is a text of two characters.
const NULL: &str = "\\N";

/// The options under which the CSV is to be read.
pub(super) fn csv_options(path: &str) -> BTreeMap<String, String> {
    [("path", path), ("header", "false"), ("null", NULL)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// The text as CSV.
pub(super) fn to_csv(text: &[u8], options: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut delimiter = b'\t';
    let mut null = NULL.as_bytes();
    let mut header = false;
    for (key, value) in options {
        match (key.as_str(), value.as_bytes()) {
            ("format", _) => {}
            ("delimiter", [byte]) => delimiter = *byte,
            ("delimiter", _) => {
                return Err(invalid("COPY delimiter must be a single one-byte character"));
            }
            ("null", text) => null = text,
            ("header", text) => header = text == b"true",
            (other, _) => return Err(Error::unsupported(format!("COPY text with {other}"))),
        }
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut lines = lines.skip(usize::from(header)).peekable();
    while let Some(line) = lines.next() {
        // What is behind the last line break is no line, and `\.` ends the data.
        if line == b"\\." || line.is_empty() && lines.peek().is_none() {
            break;
        }
        push_record(line, delimiter, null, &mut out);
    }
    Ok(out)
}

fn push_record(line: &[u8], delimiter: u8, null: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    let mut escaped = false;
    for end in 0..=line.len() {
        let ends = end == line.len() || line[end] == delimiter && !escaped;
        if ends {
            if start > 0 {
                out.push(b',');
            }
            push_field(&line[start..end], null, out);
            start = end + 1;
        }
        escaped = !escaped && line.get(end) == Some(&b'\\');
    }
    out.push(b'\n');
}

fn push_field(field: &[u8], null: &[u8], out: &mut Vec<u8>) {
    if field == null {
        out.extend_from_slice(NULL.as_bytes());
        return;
    }
    out.push(b'"');
    let mut bytes = field.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'\\' => escape(&mut bytes),
            other => other,
        };
        if plain == b'"' {
            out.push(b'"');
        }
        out.push(plain);
    }
    out.push(b'"');
}

/// The byte that an escape stands for, the backslash being taken already.
fn escape(bytes: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> u8 {
    match bytes.peek().copied() {
        None => b'\\',
        Some(b'0'..=b'7') => digits(bytes, 8, 3),
        Some(b'x') => {
            bytes.next();
            let is_hex = bytes.peek().is_some_and(u8::is_ascii_hexdigit);
            if is_hex { digits(bytes, 16, 2) } else { b'x' }
        }
        Some(letter) => {
            bytes.next();
            match letter {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                other => other,
            }
        }
    }
}

/// A number of at most so many digits, as a byte.
fn digits(
    bytes: &mut std::iter::Peekable<impl Iterator<Item = u8>>,
    radix: u32,
    most: usize,
) -> u8 {
    let mut value = 0;
    for _ in 0..most {
        let Some(digit) = bytes.peek().and_then(|b| char::from(*b).to_digit(radix)) else { break };
        bytes.next();
        value = value * radix + digit;
    }
    value as u8
}

fn invalid(message: &str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_csv() {
        let text = b"1\t\\N\ta\\tb\n\t\\\\N\t\\x41\\101\"\\\t\n\n\\.\nrest";
        let csv = to_csv(text, &BTreeMap::new()).expect("text");
        let expected = "\"1\",\\N,\"a\tb\"\n\"\",\"\\N\",\"AA\"\"\t\"\n\"\"\n";
        assert_eq!(String::from_utf8(csv).expect("UTF-8"), expected);
    }

    #[test]
    fn options_are_heard() {
        let options = [("delimiter", "|"), ("null", ""), ("header", "true")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let csv = to_csv(b"a|b\r\n|x\r\n", &options).expect("text");
        assert_eq!(csv, b"\\N,\"x\"\n");
        let wide = [("delimiter".to_owned(), "||".to_owned())].into();
        assert_eq!(to_csv(b"", &wide).expect_err("two bytes").state(), SqlState("22023"));
    }
}
