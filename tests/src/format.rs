//! Values as `.slt` files write them: PostgreSQL's output with `NULL` and `(empty)` spelled out.
//!
//! Invariant: two values print alike only if PostgreSQL prints them alike.

use arena_tr::Value;

/// How a corpus writes a fraction of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fractions {
    /// As PostgreSQL does, so lines are compared as they are.
    Exact,
    /// `7.0` and `00:00:05.0` stand for `7` and `00:00:05`, as in files taken from Java programs:
    /// both sides are compared without such a fraction.
    ZeroDropped,
}

impl Fractions {
    /// The line as it is compared.
    pub fn of(self, line: String) -> String {
        if self == Self::Exact {
            return line;
        }
        let cell = |cell: &str| match cell.strip_suffix(".0") {
            Some(whole) if whole.ends_with(|c: char| c.is_ascii_digit()) => whole.to_owned(),
            _ => cell.to_owned(),
        };
        line.split(' ').map(cell).collect::<Vec<_>>().join(" ")
    }
}

/// One cell.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(b) => if *b { "t" } else { "f" }.to_owned(),
        Value::Text(text) if text.is_empty() => "(empty)".to_owned(),
        Value::List(items) => list(items),
        other => other.to_string(),
    }
}

/// Arrays print their booleans as `t` and `f` too.
fn list(items: &[Value]) -> String {
    let all_bool = items.iter().any(|v| matches!(v, Value::Bool(_)))
        && items.iter().all(|v| matches!(v, Value::Bool(_) | Value::Null));
    if !all_bool {
        return Value::List(items.into()).to_string();
    }
    let cells: Vec<String> = items.iter().map(cell).collect();
    format!("{{{}}}", cells.join(","))
}

/// A row: cells with one space between, runs of white space made one.
pub fn row(values: &[Value]) -> String {
    let cells: Vec<String> = values.iter().map(cell).collect();
    normal(&cells.join(" "))
}

/// Runs of white space made one space.
pub fn normal(line: &str) -> String {
    line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}
