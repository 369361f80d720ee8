//! Values of any type as text, appended to a string being written.
//!
//! Numbers and strings are printed from the column; the other types go through [`Value`]. There are
//! two forms that differ for BOOLEAN only: a cast gives `true`, output functions (concat, format,
//! arrays) give `t`.
//! Invariant: what is printed is what PostgreSQL prints.

use std::fmt::Write;

use arena_tr_types::{DataType, Value};

use super::out::TextOut;
use super::row::Row;

/// Appends argument `k` (not NULL) as a cast to TEXT gives it.
pub(super) fn push_cast(r: Row<'_>, k: usize, ty: &DataType, out: &mut TextOut) {
    match ty {
        DataType::Text | DataType::Varchar(_) | DataType::Unknown => out.push(r.str(k)),
        // A cast to TEXT drops the padding of CHAR(n).
        DataType::Char(_) => out.push(r.str(k).trim_end_matches(' ')),
        DataType::Jsonb => out.push(r.str(k)),
        DataType::Int2 => push_int(out, r.get::<i16>(k).into()),
        DataType::Int4 => push_int(out, r.i32(k).into()),
        DataType::Int8 => push_int(out, r.i64(k)),
        DataType::Bool => out.push(if r.bool(k) { "true" } else { "false" }),
        _ => out.push(&r.value(k, ty).to_text()),
    }
}

/// Appends argument `k` (not NULL) as its type's output function gives it.
pub(super) fn push_output(r: Row<'_>, k: usize, ty: &DataType, out: &mut TextOut) {
    match ty {
        DataType::Bool => out.push(if r.bool(k) { "t" } else { "f" }),
        DataType::Char(_) => out.push(r.str(k)),
        _ => push_cast(r, k, ty, out),
    }
}

/// Appends a value (not NULL) as its type's output function gives it.
pub(super) fn push_value(value: &Value, out: &mut TextOut) {
    match value {
        Value::Bool(v) => out.push(if *v { "t" } else { "f" }),
        Value::Text(v) | Value::Jsonb(v) => out.push(v),
        other => out.push(&other.to_text()),
    }
}

/// Appends an integer.
#[inline]
pub(super) fn push_int(out: &mut TextOut, value: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.push_bytes(&digits[at..]);
}

/// Appends anything that prints itself.
pub(super) fn push_display(out: &mut TextOut, value: impl std::fmt::Display) {
    // Writing to memory cannot fail.
    let _ = write!(out, "{value}");
}
