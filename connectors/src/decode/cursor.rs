//! A place in a JSON text, and how to move over what stands there.
//!
//! Skipping checks only what it must to find the end: a value that nobody wants is not decoded.
//! Invariant: it never reads beyond the text, and nesting costs no stack.

use memchr::memchr2;

use crate::rows::Fault;

/// Bytes of a string that are looked through eight at a time, before the search for long ones takes
/// over.
const SHORT_STRING: usize = 32;

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
            match quote_or_escape(rest) {
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
        let rest = &self.text[start..];
        let is_number = match rest {
            [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => true,
            [b't' | b'f' | b'n', ..] => false,
            _ => return Err(self.unexpected("a value")),
        };
        let ends = |byte: &u8| match is_number {
            true => !matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'),
            false => !byte.is_ascii_alphanumeric(),
        };
        let token = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        if !is_number && !matches!(token, b"true" | b"false" | b"null") {
            return Err(self.unexpected("a value"));
        }
        self.at += token.len();
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

/// Where the first quote or backslash is.
#[inline]
fn quote_or_escape(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    // PERF: most strings are short, and a call for each costs more than looking at eight bytes at
    // once (with the comparison of keys in `json.rs`: 1.4 to 2.9 million Nexmark bids/s, three of
    // seven columns). The lowest bit found is exact; higher ones may be false, and are not looked
    // at.
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut at = 0;
    while at < SHORT_STRING {
        let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) else { break };
        let word = u64::from_le_bytes(*chunk);
        let found =
            is_zero(word ^ (ONES * u64::from(b'"'))) | is_zero(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    memchr2(b'"', b'\\', &text[at..]).map(|n| at + n)
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
