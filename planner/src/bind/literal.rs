//! Constants as written to values.
//!
//! Invariant: a number is the smallest of INTEGER, BIGINT, NUMERIC that holds it (with an exponent
//! beyond all of them: DOUBLE PRECISION); a string has no type yet.

use arena_tr_parser::Span;
use arena_tr_parser::ast::Literal;
use arena_tr_types::limits::DECIMAL_DIGITS;
use arena_tr_types::{DataType, SqlState, Value};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::Binder;

impl Binder<'_> {
    /// The expression of a literal.
    pub(crate) fn bind_literal(
        &mut self,
        literal: &Literal,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let (value, ty) = match literal {
            Literal::Null => (Value::Null, DataType::Unknown),
            Literal::Bool(b) => (Value::Bool(*b), DataType::Bool),
            Literal::Number(text) => number(text).map_err(|e| e.at(self.place(span)))?,
            Literal::String(text) => (Value::Text(text.as_str().into()), DataType::Unknown),
            Literal::Bytes(bytes) => (Value::Bytea(bytes.as_slice().into()), DataType::Bytea),
            Literal::Interval { value, leading, last } => {
                let value = interval(value, leading.as_deref(), last.as_deref())
                    .map_err(|e| e.at(self.place(span)))?;
                (value, DataType::Interval)
            }
        };
        let nullable = value.is_null();
        Ok(Expr { kind: ExprKind::Literal(value), ty, nullable, span: self.place(span) })
    }
}

/// The value of a number as written, and its type.
pub(crate) fn number(text: &str) -> Result<(Value, DataType), PlanError> {
    let digits = text.replace('_', "");
    let integer = radix(&digits).unwrap_or_else(|| digits.parse::<i64>().ok());
    Ok(match integer {
        Some(n) => match i32::try_from(n) {
            Ok(n) => (Value::Int4(n), DataType::Int4),
            Err(_) => (Value::Int8(n), DataType::Int8),
        },
        None => {
            let ty = DataType::Numeric(None);
            match Value::parse(&digits, &ty) {
                Ok(value) => (value, ty),
                // PostgreSQL has this number: what is missing is the room for it, as in a column's
                // type.
                Err(error) if error.state == SqlState::NUMERIC_OUT_OF_RANGE => {
                    let what = format!("NUMERIC of more than {DECIMAL_DIGITS} digits");
                    return Err(PlanError::not_built(what));
                }
                Err(error) => return Err(error.into()),
            }
        }
    })
}

/// `0x1F`, `0o17`, `0b11`: the outer `None` says that it is none of these.
fn radix(text: &str) -> Option<Option<i64>> {
    let (prefix, radix) = match text.get(..2)? {
        "0x" | "0X" => (2, 16),
        "0o" | "0O" => (2, 8),
        "0b" | "0B" => (2, 2),
        _ => return None,
    };
    Some(i64::from_str_radix(text.get(prefix..)?, radix).ok())
}

/// INTERVAL 'value' leading TO last: the units give a bare number its meaning and cut finer fields
/// off.
fn interval(value: &str, leading: Option<&str>, last: Option<&str>) -> Result<Value, PlanError> {
    let ty = DataType::Interval;
    let Some(unit) = last.or(leading) else { return Ok(Value::parse(value, &ty)?) };
    let unit = unit.trim_end_matches('s');
    let trimmed = value.trim();
    let bare = trimmed.trim_start_matches(['+', '-']);
    let is_number = !bare.is_empty() && bare.chars().all(|c| c.is_ascii_digit() || c == '.');
    let text = if is_number {
        format!("{trimmed} {unit}")
    } else {
        let minutes = leading.is_some_and(|l| l.starts_with("minute"));
        clock(trimmed, minutes, unit == "hour")
    };
    let value = Value::parse(&text, &ty)?;
    Ok(match value {
        Value::Interval(i) => Value::Interval(cut(i, unit)),
        other => other,
    })
}

/// The text with its last word as a time of day: `2:03` is minutes and seconds if `minutes`, a bare
/// number behind days is hours if `hours`.
fn clock(text: &str, minutes: bool, hours: bool) -> String {
    let (front, last) = match text.rsplit_once(char::is_whitespace) {
        Some((front, last)) => (front.trim_end(), last),
        None => ("", text),
    };
    let digits = last.trim_start_matches(['+', '-']);
    let sign = &last[..last.len() - digits.len()];
    let numeric = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_digit());
    if minutes && digits.matches(':').count() == 1 {
        format!("{front} {sign}00:{digits}").trim_start().to_owned()
    } else if hours && numeric(digits) && numeric(front.trim_start_matches(['+', '-'])) {
        format!("{front} {sign}{digits}:00:00")
    } else {
        text.to_owned()
    }
}

/// Drops what is finer than the unit.
fn cut(mut i: arena_tr_types::Interval, unit: &str) -> arena_tr_types::Interval {
    const HOUR: i64 = 3_600_000_000;
    match unit {
        "year" => (i.months, i.days, i.micros) = (i.months / 12 * 12, 0, 0),
        "month" => (i.days, i.micros) = (0, 0),
        "day" => i.micros = 0,
        "hour" => i.micros -= i.micros % HOUR,
        "minute" => i.micros -= i.micros % (HOUR / 60),
        _ => {}
    }
    i
}
