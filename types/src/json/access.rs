//! Access into canonical JSON text without building a tree.
//!
//! Invariant: results are slices of the document, and canonical themselves.

use std::borrow::Cow;

/// `object`, `array`, `string`, `number`, `boolean` or `null`.
pub fn type_of(doc: &str) -> &'static str {
    match doc.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') | None => "null",
        _ => "number",
    }
}

/// The value under a key of an object.
pub fn get_key<'a>(doc: &'a str, key: &str) -> Option<&'a str> {
    entries(doc).find(|(quoted, _)| key_is(quoted, key)).map(|(_, value)| value)
}

/// The element of an array at an index; negative ones count from the end.
pub fn get_index(doc: &str, index: i64) -> Option<&str> {
    if !matches!(type_of(doc), "array" | "object") {
        // PostgreSQL keeps a scalar as an array of one, and a subscript sees it.
        return matches!(index, 0 | -1).then_some(doc);
    }
    if index >= 0 {
        return elements(doc).nth(usize::try_from(index).ok()?);
    }
    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
    let at = elements(doc).count().checked_sub(from_end)?;
    elements(doc).nth(at)
}

/// The value at a path of keys and indices.
pub fn get_path<S: AsRef<str>>(doc: &str, path: impl IntoIterator<Item = S>) -> Option<&str> {
    let mut value = doc;
    for step in path {
        let step = step.as_ref();
        value = match type_of(value) {
            "object" => get_key(value, step)?,
            "array" => get_index(value, super::super::text::trim(step).parse().ok()?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// Number of elements of an array or entries of an object; `None` for a scalar.
pub fn length(doc: &str) -> Option<usize> {
    match type_of(doc) {
        "array" => Some(elements(doc).count()),
        "object" => Some(entries(doc).count()),
        _ => None,
    }
}

/// The text that `->>` gives: a string without its quotes, other values as they stand, `None` for
/// `null`.
pub fn as_text(doc: &str) -> Option<Cow<'_, str>> {
    match type_of(doc) {
        "null" => None,
        _ => Some(unquote(doc)),
    }
}

/// A string without quotes and escapes; any other value as it stands.
pub fn unquote(doc: &str) -> Cow<'_, str> {
    let Some(inner) = doc.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(doc);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let code = chars
                    .by_ref()
                    .take(4)
                    .try_fold(0, |code, digit| Some(code * 16 + digit.to_digit(16)?));
                out.push(code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Cow::Owned(out)
}

fn key_is(quoted: &str, key: &str) -> bool {
    // Quotes included, an unescaped key is two bytes longer; only escapes make it longer still.
    if quoted.len() == key.len() + 2 {
        return quoted.as_bytes()[1..quoted.len() - 1] == *key.as_bytes() && !key.contains('\\');
    }
    quoted.len() > key.len() + 2 && unquote(quoted) == key
}

/// The elements of an array, in order; none for other values.
pub fn elements(doc: &str) -> Elements<'_> {
    Elements { rest: inside(doc, b'[') }
}

/// The entries of an object, in key order, each with its key still quoted; none for other values.
pub fn entries(doc: &str) -> Entries<'_> {
    Entries { rest: inside(doc, b'{') }
}

fn inside(doc: &str, open: u8) -> &str {
    if doc.len() >= 2 && doc.as_bytes()[0] == open { &doc[1..doc.len() - 1] } else { "" }
}

/// Iterator over the elements of an array.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (value, rest) = self.rest.split_at(end_of_value(self.rest));
        self.rest = rest.strip_prefix(", ").unwrap_or("");
        Some(value)
    }
}

/// Iterator over the entries of an object.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        if self.rest.is_empty() {
            return None;
        }
        let (key, rest) = self.rest.split_at(end_of_value(self.rest));
        let rest = rest.strip_prefix(": ").unwrap_or("");
        let (value, rest) = rest.split_at(end_of_value(rest));
        self.rest = rest.strip_prefix(", ").unwrap_or("");
        Some((key, value))
    }
}

/// Where the value at the start of the text ends. Always on a character boundary: it stops at ASCII
/// only.
fn end_of_value(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = end_of_string(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b':' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The position after the string that opens at `at`.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}
