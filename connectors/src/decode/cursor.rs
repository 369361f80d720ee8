//! A place in a JSON text, and how to move over what stands there.
//!
//! Skipping checks only what it must to find the end: a value that nobody wants is not decoded.
//! Invariant: it never reads beyond the text, and nesting costs no stack.

use memchr::memchr2;

use crate::rows::Fault;

/// A place in a text.
pub(super) struct Cursor<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
}

/// A string as it stands in the text, without its quotes.
#[derive(Clone, Copy)]
pub(super) struct RawString<'a> {
    pub(super) raw: &'a [u8],
    pub(super) has_escapes: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline]
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Moves over `byte` if it stands here.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Moves over `byte`.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("'{}'", char::from(byte))))
        }
    }

    /// What stands here is not what should.
    #[cold]
    pub(super) fn unexpected(&self, expected: &str) -> Fault {
        let found = match String::from_utf8_lossy(&self.text[self.at..]).chars().next() {
            Some(c) => format!("'{c}'"),
            None => "the end of the line".to_owned(),
        };
        Fault::form(format!("expected {expected} at byte {}, found {found}", self.at + 1))
    }

    /// Moves over a string, whose opening quote stands here.
    #[inline]
    pub(super) fn string(&mut self) -> Result<RawString<'a>, Fault> {
        self.expect(b'"')?;
        let start = self.at;
        let mut has_escapes = false;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            match memchr2(b'"', b'\\', rest) {
                Some(n) if rest[n] == b'"' => {
                    let raw = &self.text[start..self.at + n];
                    self.at += n + 1;
                    return Ok(RawString { raw, has_escapes });
                }
                Some(n) => {
                    has_escapes = true;
                    self.at += n + 2;
                }
                None => {
                    self.at = self.text.len();
                    return Err(self.unexpected("the end of a string"));
                }
            }
        }
    }

    /// Moves over a number, `true`, `false` or `null`.
    #[inline]
    pub(super) fn scalar(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')) {
                break;
            }
            self.at += 1;
        }
        let token = &self.text[start..self.at];
        let is_value = match token {
            [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => {
                token.iter().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            }
            b"true" | b"false" | b"null" => true,
            _ => false,
        };
        if !is_value {
            self.at = start;
            return Err(self.unexpected("a value"));
        }
        Ok(token)
    }

    /// Moves over a value and gives its text.
    pub(super) fn value(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.at;
        let mut open: Vec<u8> = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(byte @ (b'{' | b'[')) => {
                    self.at += 1;
                    open.push(byte + 2);
                }
                Some(byte @ (b'}' | b']')) if !open.is_empty() => {
                    if open.pop() != Some(byte) {
                        return Err(self.unexpected("the other kind of bracket"));
                    }
                    self.at += 1;
                }
                Some(b',' | b':' | b' ' | b'\t' | b'\r' | b'\n') if !open.is_empty() => {
                    self.at += 1
                }
                _ => {
                    self.scalar()?;
                }
            }
            if open.is_empty() {
                return Ok(&self.text[start..self.at]);
            }
        }
    }
}

impl<'a> RawString<'a> {
    /// The string itself; `scratch` holds it if it has escapes.
    #[inline]
    pub(super) fn unescape<'s>(self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], Fault>
    where
        'a: 's,
    {
        if !self.has_escapes {
            return Ok(self.raw);
        }
        scratch.clear();
        resolve(self.raw, scratch)?;
        Ok(scratch)
    }
}

/// Appends a string with its escapes resolved.
fn resolve(mut raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    while let Some(n) = memchr::memchr(b'\\', raw) {
        out.extend_from_slice(&raw[..n]);
        let Some(kind) = raw.get(n + 1) else { break };
        raw = &raw[n + 2..];
        match kind {
            b'"' | b'\\' | b'/' => out.push(*kind),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut buffer = [0; 4];
                let c = unicode(&mut raw)?;
                out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            }
            other => {
                let reason = format!("unknown escape '\\{}' in a string", char::from(*other));
                return Err(Fault::form(reason));
            }
        }
    }
    out.extend_from_slice(raw);
    Ok(())
}

/// The character of `\uXXXX`, or of two of them that are surrogates.
fn unicode(raw: &mut &[u8]) -> Result<char, Fault> {
    let fault = || Fault::form("malformed \\u escape in a string");
    let unit = |raw: &mut &[u8]| -> Option<u32> {
        let (digits, rest) = raw.split_first_chunk::<4>()?;
        let text = std::str::from_utf8(digits).ok()?;
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        *raw = rest;
        u32::from_str_radix(text, 16).ok()
    };
    let high = unit(raw).ok_or_else(fault)?;
    let code = if (0xd800..0xdc00).contains(&high) {
        *raw = raw.strip_prefix(b"\\u").ok_or_else(fault)?;
        let low = unit(raw).filter(|low| (0xdc00..0xe000).contains(low)).ok_or_else(fault)?;
        0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
    } else {
        high
    };
    if code == 0 {
        return Err(Fault::form("\\u0000 cannot be converted to text"));
    }
    char::from_u32(code).ok_or_else(fault)
}
