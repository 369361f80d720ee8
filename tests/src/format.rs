//! Values as `.slt` files write them: PostgreSQL's output with `NULL` and `(empty)` spelled out.
//!
//! Invariant: two values print alike only if PostgreSQL prints them alike.

use arena_tr::Value;

/// How a corpus writes floating-point numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floats {
    /// As PostgreSQL prints them: a whole number has no point.
    PostgreSql,
    /// With at least one digit behind the point, as the engines print them from which a corpus was taken.
    Pointed,
}

/// One cell.
pub fn cell(value: &Value, floats: Floats) -> String {
    match value {
        Value::Float4(_) | Value::Float8(_) if floats == Floats::Pointed => {
            let text = value.to_string();
            let is_whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            if is_whole { format!("{text}.0") } else { text }
        }
        Value::Null => "NULL".to_owned(),
        Value::Bool(b) => if *b { "t" } else { "f" }.to_owned(),
        Value::Text(text) if text.is_empty() => "(empty)".to_owned(),
        Value::List(items) => list(items, floats),
        other => other.to_string(),
    }
}

/// Arrays print their booleans as `t` and `f` too.
fn list(items: &[Value], floats: Floats) -> String {
    let all_bool = items.iter().any(|v| matches!(v, Value::Bool(_)))
        && items.iter().all(|v| matches!(v, Value::Bool(_) | Value::Null));
    if !all_bool {
        return Value::List(items.into()).to_string();
    }
    let cells: Vec<String> = items.iter().map(|v| cell(v, floats)).collect();
    format!("{{{}}}", cells.join(","))
}

/// A row: cells with one space between, runs of white space made one.
pub fn row(values: &[Value], floats: Floats) -> String {
    let cells: Vec<String> = values.iter().map(|v| cell(v, floats)).collect();
    normal(&cells.join(" "))
}

/// Runs of white space made one space.
pub fn normal(line: &str) -> String {
    line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}
