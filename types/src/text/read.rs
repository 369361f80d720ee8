//! Reading of a value of any type, and the lengths of VARCHAR and CHAR.
//!
//! Invariant: lengths count characters, not bytes.

use std::sync::Arc;

use super::nested::{parse_list, parse_row};
use super::{
    parse_bool, parse_bytea, parse_f32, parse_f64, parse_i16, parse_i32, parse_i64, parse_uuid,
};
use crate::data_type::DataType;
use crate::decimal::Decimal;
use crate::error::{SqlError, SqlState};
use crate::json;
use crate::time::{Interval, parse_date, parse_time, parse_timestamp, parse_timestamptz};
use crate::value::Value;

/// Reads a value of a type from PostgreSQL's input syntax.
pub fn parse_value(text: &str, data_type: &DataType) -> Result<Value, SqlError> {
    Ok(match data_type {
        DataType::Unknown | DataType::Text | DataType::Varchar(None) => Value::Text(text.into()),
        DataType::Varchar(Some(n)) => Value::Text(fit_varchar(text, *n)?.into()),
        DataType::Char(n) => Value::Text(pad_char(fit_char(text, *n)?, *n).into()),
        DataType::Bool => Value::Bool(parse_bool(text)?),
        DataType::Int2 => Value::Int2(parse_i16(text)?),
        DataType::Int4 => Value::Int4(parse_i32(text)?),
        DataType::Int8 => Value::Int8(parse_i64(text)?),
        DataType::Float4 => Value::Float4(parse_f32(text)?),
        DataType::Float8 => Value::Float8(parse_f64(text)?),
        DataType::Numeric(None) => Value::Numeric(Decimal::parse(text)?),
        DataType::Numeric(Some((precision, scale))) => {
            Value::Numeric(Decimal::parse_declared(text, *precision, *scale)?)
        }
        DataType::Bytea => Value::Bytea(parse_bytea(text)?.into()),
        DataType::Date => Value::Date(parse_date(text)?),
        DataType::Time => Value::Time(parse_time(text)?),
        DataType::Timestamp => Value::Timestamp(parse_timestamp(text)?),
        DataType::TimestampTz => Value::TimestampTz(parse_timestamptz(text)?),
        DataType::Interval => Value::Interval(Interval::parse(text)?),
        DataType::Uuid => Value::Uuid(parse_uuid(text)?),
        DataType::Jsonb => Value::Jsonb(Arc::from(json::canonical(text)?)),
        DataType::List(element) => parse_list(text, element)?,
        DataType::Struct(fields) => parse_row(text, fields)?,
    })
}

/// The text if it fits `VARCHAR(n)`; blanks beyond the length are cut off, anything else is an
/// error 22001.
pub fn fit_varchar(text: &str, n: u32) -> Result<&str, SqlError> {
    fit(text, n, "character varying")
}

/// The text if it fits `CHAR(n)`, not padded yet.
pub fn fit_char(text: &str, n: u32) -> Result<&str, SqlError> {
    fit(text, n, "character")
}

fn fit<'a>(text: &'a str, n: u32, type_name: &str) -> Result<&'a str, SqlError> {
    let cut = cut_chars(text, n);
    if text[cut.len()..].bytes().any(|b| b != b' ') {
        return Err(SqlError::new(
            SqlState::STRING_TOO_LONG,
            format!("value too long for type {type_name}({n})"),
        ));
    }
    Ok(cut)
}

/// The first `n` characters.
pub(crate) fn cut_chars(text: &str, n: u32) -> &str {
    // A text of so few bytes has no more characters.
    if text.len() <= n as usize {
        return text;
    }
    match text.char_indices().nth(n as usize) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// The text with blanks up to `n` characters.
pub fn pad_char(text: &str, n: u32) -> String {
    let missing = (n as usize).saturating_sub(text.chars().count());
    let mut padded = String::with_capacity(text.len() + missing);
    padded.push_str(text);
    padded.extend(std::iter::repeat_n(' ', missing));
    padded
}

impl Value {
    /// Reads a value of a type from PostgreSQL's input syntax, with its error messages. A text that
    /// is too long for its VARCHAR or CHAR is an error; an explicit cast cuts it instead
    /// ([`Value::cast`]).
    pub fn parse(text: &str, data_type: &DataType) -> Result<Self, SqlError> {
        parse_value(text, data_type)
    }
}
