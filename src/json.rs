//! Values as JSON.
//!
//! Numbers are numbers, JSONB is itself, arrays are arrays, rows are objects; everything else is a
//! string in the form SQL prints.
//! Invariant: the result is one valid JSON text without line breaks.

use std::fmt::Write as _;

use arena_tr_types::{DataType, Value};

/// A JSON string of this text.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A value of this type as JSON.
pub fn of_value(value: &Value, data_type: &DataType) -> String {
    match (value, data_type) {
        (Value::Null, _) => "null".to_owned(),
        (Value::Bool(b), _) => b.to_string(),
        (Value::Int2(_) | Value::Int4(_) | Value::Int8(_), _) => value.to_string(),
        (Value::Float4(f), _) if f.is_finite() => value.to_string(),
        (Value::Float8(f), _) if f.is_finite() => value.to_string(),
        (Value::Numeric(d), _) if d.is_finite() => value.to_string(),
        (Value::Jsonb(text), _) => text.to_string(),
        (Value::List(items), DataType::List(of)) => {
            let items: Vec<String> = items.iter().map(|v| of_value(v, of)).collect();
            format!("[{}]", items.join(","))
        }
        (Value::Struct(cells), DataType::Struct(fields)) => {
            let members: Vec<String> = fields
                .iter()
                .zip(cells.iter())
                .map(|(f, v)| format!("{}:{}", quote(&f.name), of_value(v, &f.data_type)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        (other, _) => quote(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quote("a\"b\\c\n\u{1}é"), "\"a\\\"b\\\\c\\n\\u0001é\"");
    }

    #[test]
    fn values_keep_their_kind() {
        assert_eq!(of_value(&Value::Null, &DataType::Int4), "null");
        assert_eq!(of_value(&Value::Int4(5), &DataType::Int4), "5");
        assert_eq!(of_value(&Value::Float8(f64::NAN), &DataType::Float8), "\"NaN\"");
        let list = Value::List(vec![Value::Int4(1), Value::Null].into());
        assert_eq!(of_value(&list, &DataType::List(Box::new(DataType::Int4))), "[1,null]");
    }
}
