//! Printing of any value.
//!
//! Invariant: the text does not depend on anything but the value.

use std::fmt;

use super::nested::{push_list, push_row};
use super::{push_bytea, push_f32, push_f64, push_i64, push_uuid};
use crate::time::{push_date, push_interval, push_time, push_timestamp, push_timestamptz};
use crate::value::Value;

/// Appends the text of a value; nothing for NULL.
pub fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
        Value::Int2(v) => push_i64(out, i64::from(*v)),
        Value::Int4(v) => push_i64(out, i64::from(*v)),
        Value::Int8(v) => push_i64(out, *v),
        Value::Float4(v) => push_f32(out, *v),
        Value::Float8(v) => push_f64(out, *v),
        Value::Numeric(v) => v.push_text(out),
        Value::Text(v) | Value::Jsonb(v) => out.push_str(v),
        Value::Bytea(v) => push_bytea(out, v),
        Value::Date(v) => push_date(out, *v),
        Value::Time(v) => push_time(out, *v),
        Value::Timestamp(v) => push_timestamp(out, *v),
        Value::TimestampTz(v) => push_timestamptz(out, *v),
        Value::Interval(v) => push_interval(out, *v),
        Value::Uuid(v) => push_uuid(out, *v),
        Value::List(items) => push_list(out, items),
        Value::Struct(items) => push_row(out, items),
    }
}

impl Value {
    /// The text of the value as PostgreSQL prints it; booleans are `true` and `false`, NULL is
    /// empty.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        push_value(&mut out, self);
        out
    }
}

/// The text of the value; NULL prints as `NULL`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() { f.pad("NULL") } else { f.pad(&self.to_text()) }
    }
}
