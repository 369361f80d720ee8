//! The tree of a JSON value, its canonical text and its order.
//!
//! Invariant: the entries of an object are in PostgreSQL's key order, without duplicates.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::access::{elements, entries, type_of, unquote};

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in plain decimal notation, with all its digits.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object; see [`Json::object`].
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object of these entries: sorted by key length, then bytes; of equal keys the last wins.
    pub fn object(mut entries: Vec<(String, Json)>) -> Self {
        entries.sort_by(|a, b| cmp_keys(&a.0, &b.0));
        // A stable sort keeps equal keys in their order: the last of each run stays.
        let mut kept: Vec<(String, Json)> = Vec::with_capacity(entries.len());
        for entry in entries {
            match kept.last_mut() {
                Some(last) if last.0 == entry.0 => *last = entry,
                _ => kept.push(entry),
            }
        }
        Self::Object(kept)
    }

    /// The canonical text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.push_text(&mut out);
        out
    }

    /// Appends the canonical text.
    pub fn push_text(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
            Self::Number(v) => out.push_str(v),
            Self::String(v) => push_quoted(out, v),
            Self::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    item.push_text(out);
                }
                out.push(']');
            }
            Self::Object(entries) => {
                out.push('{');
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    push_quoted(out, key);
                    out.push_str(": ");
                    value.push_text(out);
                }
                out.push('}');
            }
        }
    }
}

fn cmp_keys(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

/// Appends a string as JSON writes it.
pub fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..'\u{20}' => {
                let code = u32::from(c);
                out.push_str("\\u00");
                out.push(char::from_digit(code >> 4, 16).unwrap_or('0'));
                out.push(char::from_digit(code & 15, 16).unwrap_or('0'));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Order of kinds: objects are greatest, then arrays, booleans, numbers, strings, null.
fn rank(doc: &str) -> u8 {
    match type_of(doc) {
        "object" => 5,
        "array" => 4,
        "boolean" => 3,
        "number" => 2,
        "string" => 1,
        _ => 0,
    }
}

/// PostgreSQL's order of JSONB values: containers by size first, then part by part.
pub fn cmp(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    // An empty array is less than everything else: PostgreSQL keeps this quirk for its indexes'
    // sake.
    match (a == "[]", b == "[]") {
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        _ => {}
    }
    cmp_parts(a, b)
}

fn cmp_parts(a: &str, b: &str) -> Ordering {
    let (rank_a, rank_b) = (rank(a), rank(b));
    if rank_a != rank_b {
        return rank_a.cmp(&rank_b);
    }
    match rank_a {
        5 => cmp_objects(a, b),
        4 => cmp_arrays(a, b),
        // `true` sorts above `false` by spelling as well as by value.
        3 => a.cmp(b),
        2 => cmp_numbers(a, b),
        1 => unquote(a).as_bytes().cmp(unquote(b).as_bytes()),
        _ => Ordering::Equal,
    }
}

fn cmp_arrays(a: &str, b: &str) -> Ordering {
    let by_length = elements(a).count().cmp(&elements(b).count());
    by_length.then_with(|| {
        let parts = elements(a).zip(elements(b));
        parts.map(|(x, y)| cmp_parts(x, y)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    })
}

fn cmp_objects(a: &str, b: &str) -> Ordering {
    let by_length = entries(a).count().cmp(&entries(b).count());
    by_length.then_with(|| {
        for ((key_a, value_a), (key_b, value_b)) in entries(a).zip(entries(b)) {
            let order = cmp_keys(&unquote(key_a), &unquote(key_b))
                .then_with(|| cmp_parts(value_a, value_b));
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    })
}

/// Compares numbers in plain notation by value, with any number of digits.
fn cmp_numbers(a: &str, b: &str) -> Ordering {
    let (negative_a, whole_a, fraction_a) = number_parts(a);
    let (negative_b, whole_b, fraction_b) = number_parts(b);
    let is_zero = |whole: &str, fraction: &str| whole.is_empty() && fraction.is_empty();
    let zero_a = is_zero(whole_a, fraction_a);
    let zero_b = is_zero(whole_b, fraction_b);
    let sign_a = if zero_a { 0 } else { 1 - 2 * i32::from(negative_a) };
    let sign_b = if zero_b { 0 } else { 1 - 2 * i32::from(negative_b) };
    if sign_a != sign_b {
        return sign_a.cmp(&sign_b);
    }
    let magnitude = whole_a
        .len()
        .cmp(&whole_b.len())
        .then_with(|| whole_a.cmp(whole_b))
        .then_with(|| fraction_a.cmp(fraction_b));
    if sign_a < 0 { magnitude.reverse() } else { magnitude }
}

/// Sign, digits before the point without leading zeros, digits after it without trailing zeros.
fn number_parts(text: &str) -> (bool, &str, &str) {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    (negative, whole.trim_start_matches('0'), fraction.trim_end_matches('0'))
}

/// Feeds a value to a hasher so that values equal under [`cmp`] hash equal.
pub fn hash<H: Hasher>(doc: &str, state: &mut H) {
    let kind = rank(doc);
    kind.hash(state);
    match kind {
        5 => {
            for (key, value) in entries(doc) {
                key.hash(state);
                hash(value, state);
            }
        }
        4 => elements(doc).for_each(|item| hash(item, state)),
        2 => {
            let (negative, whole, fraction) = number_parts(doc);
            let is_zero = whole.is_empty() && fraction.is_empty();
            (negative && !is_zero, whole, fraction).hash(state);
        }
        _ => doc.hash(state),
    }
}
