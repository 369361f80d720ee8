//! Reading of JSON text.
//!
//! Invariant: it accepts exactly RFC 8259, bounded in depth; a string may not contain U+0000, which
//! TEXT cannot hold.

use super::tree::Json;
use crate::error::{SqlError, SqlState};
use crate::limits;

/// Most digits of a number after its point, as of PostgreSQL's NUMERIC.
const FRACTION_MAX: i64 = 16_383;
/// Most digits of a number before its point, as of PostgreSQL's NUMERIC.
const WHOLE_MAX: i64 = 131_072;
/// An exponent beyond this is out of range whatever the digits.
const EXPONENT_MAX: i64 = 1_000_000;

/// The canonical text of a JSON text, or the error that says where it is malformed.
pub fn canonical(text: &str) -> Result<String, SqlError> {
    Ok(Json::parse(text)?.to_text())
}

impl Json {
    /// Reads a JSON text.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.skip_blanks();
        if reader.at < text.len() {
            return Err(reader.unexpected());
        }
        Ok(value)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn invalid(&self, detail: impl Into<String>) -> SqlError {
        SqlError::new(SqlState::INVALID_TEXT, "invalid input syntax for type json")
            .with_hint(detail)
    }

    fn unexpected(&self) -> SqlError {
        match self.text[self.at..].chars().next() {
            Some(c) => self.invalid(format!("Unexpected \"{c}\" at byte {}", self.at)),
            None => self.invalid("The input string ended unexpectedly"),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), SqlError> {
        if self.eat(byte) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn value(&mut self, depth: usize) -> Result<Json, SqlError> {
        if depth > limits::JSON_DEPTH {
            return Err(SqlError::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                format!("json is nested deeper than {} levels", limits::JSON_DEPTH),
            ));
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Json, SqlError> {
        let words =
            [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        let rest = &self.text[self.at..];
        for (word, value) in words {
            let ends = |after: &str| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if rest.strip_prefix(word).is_some_and(ends) {
                self.at += word.len();
                return Ok(value);
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 {
            return Err(self.unexpected());
        }
        Err(self.invalid(format!("Token \"{}\" is invalid", &rest[..end])))
    }

    fn object(&mut self, depth: usize) -> Result<Json, SqlError> {
        self.expect(b'{')?;
        let mut entries = Vec::new();
        self.skip_blanks();
        if self.eat(b'}') {
            return Ok(Json::Object(entries));
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key = self.string()?;
            self.skip_blanks();
            self.expect(b':')?;
            entries.push((key, self.value(depth + 1)?));
            self.skip_blanks();
            if self.eat(b'}') {
                return Ok(Json::object(entries));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, SqlError> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.skip_blanks();
        if self.eat(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_blanks();
            if self.eat(b']') {
                return Ok(Json::Array(items));
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<String, SqlError> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|c: char| c == '"' || c == '\\' || c < ' ')
                .ok_or_else(|| self.invalid("The input string ended unexpectedly"))?;
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut out)?;
                }
                Some(byte) => {
                    return Err(
                        self.invalid(format!("Character with value 0x{byte:02x} must be escaped"))
                    );
                }
                None => return Err(self.unexpected()),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), SqlError> {
        let escaped = self.peek().ok_or_else(|| self.unexpected())?;
        let plain = match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                out.push(self.unicode()?);
                return Ok(());
            }
            _ => {
                let c = self.text[self.at..].chars().next().unwrap_or(' ');
                return Err(self.invalid(format!("Escape sequence \"\\{c}\" is invalid")));
            }
        };
        self.at += 1;
        out.push(plain);
        Ok(())
    }

    fn unicode(&mut self) -> Result<char, SqlError> {
        let first = self.code_unit()?;
        let code = match first {
            0 => {
                return Err(SqlError::new(
                    SqlState::UNTRANSLATABLE,
                    "unsupported Unicode escape sequence",
                )
                .with_hint("\\u0000 cannot be converted to text"));
            }
            0xD800..0xDC00 => {
                if !self.text[self.at..].starts_with("\\u") {
                    return Err(self.invalid("Unicode low surrogate must follow a high surrogate"));
                }
                self.at += 2;
                let second = self.code_unit()?;
                if !(0xDC00..0xE000).contains(&second) {
                    return Err(self.invalid("Unicode low surrogate must follow a high surrogate"));
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            code => code,
        };
        char::from_u32(code)
            .ok_or_else(|| self.invalid("Unicode low surrogate must follow a high surrogate"))
    }

    fn code_unit(&mut self) -> Result<u32, SqlError> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or("");
        let valid = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if !valid {
            return Err(self.invalid("\"\\u\" must be followed by four hexadecimal digits"));
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.unexpected())
    }

    fn number(&mut self) -> Result<Json, SqlError> {
        let start = self.at;
        self.eat(b'-');
        let whole_at = self.at;
        let n_whole = self.skip_digits();
        let leading_zero = n_whole > 1 && self.text.as_bytes()[whole_at] == b'0';
        let mut valid = n_whole > 0 && !leading_zero;
        if self.eat(b'.') {
            valid &= self.skip_digits() > 0;
        }
        let mantissa = &self.text[start..self.at];
        let mut exponent = 0i64;
        if self.eat(b'e') || self.eat(b'E') {
            let exponent_at = self.at;
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            valid &= self.skip_digits() > 0;
            // Far out of range only the sign of an exponent matters.
            let text = &self.text[exponent_at..self.at];
            let far = if text.starts_with('-') { -EXPONENT_MAX } else { EXPONENT_MAX };
            exponent = text.parse().unwrap_or(far).clamp(-EXPONENT_MAX, EXPONENT_MAX);
        }
        if self.text[self.at..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            valid = false;
        }
        if !valid {
            let token = &self.text[start..self.at];
            return Err(self.invalid(format!("Token \"{token}\" is invalid")));
        }
        plain_number(mantissa, exponent).map(Json::Number)
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }
}

/// A number in plain notation, as NUMERIC prints it: `1.50e1` is `15.0`.
fn plain_number(mantissa: &str, exponent: i64) -> Result<String, SqlError> {
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let is_zero = all.bytes().all(|b| b == b'0');
    let point = whole.len() as i64 + exponent;
    let scale = fraction.len() as i64 - exponent;
    if scale > FRACTION_MAX || (point > WHOLE_MAX && !is_zero) {
        return Err(SqlError::new(
            SqlState::NUMERIC_OUT_OF_RANGE,
            "value overflows numeric format",
        ));
    }
    let mut out = String::new();
    if negative && !is_zero {
        out.push('-');
    }
    if is_zero {
        out.push('0');
        if scale > 0 {
            out.push('.');
            out.extend(std::iter::repeat_n('0', scale as usize));
        }
        return Ok(out);
    }
    let n_all = all.len() as i64;
    let before = if point <= 0 { "" } else { &all[..point.min(n_all) as usize] };
    let before = before.trim_start_matches('0');
    out.push_str(before);
    out.extend(std::iter::repeat_n('0', (point - n_all).max(0) as usize));
    if before.is_empty() {
        out.push('0');
    }
    if scale > 0 {
        out.push('.');
        out.extend(std::iter::repeat_n('0', (-point).max(0) as usize));
        out.push_str(&all[point.clamp(0, n_all) as usize..]);
    }
    Ok(out)
}
