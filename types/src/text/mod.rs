//! Text forms of values: what PostgreSQL reads and prints.
//!
//! `scalar` has booleans, integers, floats, UUID and BYTEA; `nested` arrays and rows; `read`
//! and `print` choose by type. The other types read and print themselves ([`crate::Decimal`],
//! [`crate::time`], [`crate::json`]). Kernels call the functions here directly;
//! [`Value::parse`](crate::Value::parse) and `Display` are for the edges.
//! Invariant: reading what was printed, as the same type, gives an equal value.

mod nested;
mod print;
mod read;
mod scalar;
#[cfg(test)]
mod tests;

use crate::error::{SqlError, SqlState};

pub use print::push_value;
pub(crate) use read::cut_chars;
pub use read::{fit_char, fit_varchar, pad_char, parse_value};
pub use scalar::{
    parse_bool, parse_bytea, parse_f32, parse_f64, parse_i16, parse_i32, parse_i64, parse_uuid,
    push_bytea, push_f32, push_f64, push_i64, push_uuid,
};

/// `invalid input syntax for type T: "text"`.
pub fn invalid(type_name: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::INVALID_TEXT,
        format!("invalid input syntax for type {type_name}: \"{text}\""),
    )
}

/// The text without the blanks that PostgreSQL's input functions skip.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| matches!(c, ' ' | '\t'..='\r'))
}
