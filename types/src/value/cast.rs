//! Casts between types: which exist, and what they do.
//!
//! Every cast that PostgreSQL 15 has between our types, with its context: implicit casts happen
//! wherever types must agree, assignment casts when a value is stored, explicit ones only where
//! written.
//! Invariant: NULL casts to NULL of any type; a cast that does not exist is an error 42846.

use std::sync::Arc;

use super::Value;
use super::convert::{
    bool_from_i32, decimal_to_i16, decimal_to_i32, decimal_to_i64, f32_to_i16, f32_to_i32,
    f32_to_i64, f64_to_f32, f64_to_i16, f64_to_i32, f64_to_i64, interval_to_time,
};
use crate::data_type::DataType;
use crate::decimal::Decimal;
use crate::error::{SqlError, SqlState};
use crate::json;
use crate::text::{cut_chars, fit_char, fit_varchar, pad_char};
use crate::time::{Interval, date_to_timestamp, timestamp_to_date, timestamp_to_time};

/// Where a cast may happen without being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// Wherever types must agree.
    Implicit,
    /// When a value is stored in a column.
    Assignment,
    /// Only where it is written.
    Explicit,
}

/// In which contexts a type casts to another; `None` if never. Types that differ only in length or
/// precision cast implicitly.
pub fn cast_context(from: &DataType, to: &DataType) -> Option<CastContext> {
    use CastContext::{Assignment, Explicit, Implicit};
    use DataType as T;
    if from == to {
        return Some(Implicit);
    }
    Some(match (from, to) {
        (T::Unknown, _) => Implicit,
        (T::List(a), T::List(b)) => return cast_context(a, b),
        (T::Struct(a), T::Struct(b)) => {
            if a.len() != b.len() {
                return None;
            }
            let fields = a.iter().zip(b.iter());
            return fields
                .map(|(x, y)| cast_context(&x.data_type, &y.data_type))
                .try_fold(Implicit, |widest, context| Some(widest.max(context?)));
        }
        _ if from.is_text() && to.is_text() => Implicit,
        (_, T::Unknown) => return None,
        // Everything prints to text when stored, and reads from text when asked.
        _ if to.is_text() => Assignment,
        _ if from.is_text() => Explicit,
        _ if from.is_numeric() && to.is_numeric() => {
            if number_rank(from) <= number_rank(to) {
                Implicit
            } else {
                Assignment
            }
        }
        (T::Bool, T::Int4) | (T::Int4, T::Bool) => Explicit,
        (T::Date, T::Timestamp | T::TimestampTz) | (T::Timestamp, T::TimestampTz) => Implicit,
        (T::Time, T::Interval) => Implicit,
        (T::Timestamp | T::TimestampTz, T::Date | T::Time)
        | (T::TimestampTz, T::Timestamp)
        | (T::Interval, T::Time) => Assignment,
        (T::Jsonb, T::Bool) => Explicit,
        (T::Jsonb, _) if to.is_numeric() => Explicit,
        _ => return None,
    })
}

/// Widening order of number types: implicit casts go up only.
fn number_rank(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Int2 => 0,
        DataType::Int4 => 1,
        DataType::Int8 => 2,
        DataType::Numeric(_) => 3,
        DataType::Float4 => 4,
        _ => 5,
    }
}

impl Value {
    /// The value as another type, as an explicit cast makes it: a text that is too long is cut.
    pub fn cast(&self, to: &DataType) -> Result<Self, SqlError> {
        match (self, to) {
            (Self::Null, _) => Ok(Self::Null),
            (Self::Text(v), DataType::Varchar(Some(n))) => {
                Ok(Self::Text(Arc::from(cut_chars(v, *n))))
            }
            (Self::Text(v), DataType::Char(n)) => {
                Ok(Self::Text(pad_char(cut_chars(v, *n), *n).into()))
            }
            (Self::Text(v), DataType::Text | DataType::Varchar(None) | DataType::Unknown) => {
                Ok(Self::Text(Arc::clone(v)))
            }
            (Self::Text(v), _) => Self::parse(v, to),
            _ if to.is_text() => Self::Text(self.to_text().into()).cast(to),
            (Self::List(items), DataType::List(element)) => Ok(Self::List(
                items.iter().map(|item| item.cast(element)).collect::<Result<_, _>>()?,
            )),
            (Self::Struct(items), DataType::Struct(fields)) if items.len() == fields.len() => {
                let cast = items.iter().zip(fields.iter()).map(|(v, f)| v.cast(&f.data_type));
                Ok(Self::Struct(cast.collect::<Result<_, _>>()?))
            }
            (Self::Jsonb(doc), _) if *to != DataType::Jsonb => cast_json(doc, to),
            _ if to.is_numeric() => self.cast_to_number(to),
            _ => self.cast_other(to),
        }
    }

    /// The value as it is stored in a column of a type: like a cast, but a text that is too long is
    /// an error.
    pub fn assign(&self, to: &DataType) -> Result<Self, SqlError> {
        let text = |v: &Self| v.to_text();
        match to {
            _ if self.is_null() => Ok(Self::Null),
            DataType::Varchar(Some(n)) => Ok(Self::text(fit_varchar(&text(self), *n)?)),
            DataType::Char(n) => Ok(Self::text(pad_char(fit_char(&text(self), *n)?, *n))),
            _ => self.cast(to),
        }
    }

    fn no_cast(&self, to: &DataType) -> SqlError {
        no_cast(&self.data_type(), to)
    }

    fn cast_to_number(&self, to: &DataType) -> Result<Self, SqlError> {
        match to {
            DataType::Int2 => self.to_i16().map(Self::Int2),
            DataType::Int4 => self.to_i32().map(Self::Int4),
            DataType::Int8 => self.to_i64().map(Self::Int8),
            DataType::Float4 => self.to_f32().map(Self::Float4),
            DataType::Float8 => self.as_f64().map(Self::Float8).ok_or_else(|| self.no_cast(to)),
            DataType::Numeric(declared) => {
                let value = match self {
                    Self::Float4(v) => Decimal::from_f32(*v)?,
                    Self::Float8(v) => Decimal::from_f64(*v)?,
                    _ => self.as_decimal().ok_or_else(|| self.no_cast(to))?,
                };
                Ok(Self::Numeric(match declared {
                    Some((precision, scale)) => value.to_declared(*precision, *scale)?,
                    None => value,
                }))
            }
            _ => Err(self.no_cast(to)),
        }
    }

    fn to_i16(&self) -> Result<i16, SqlError> {
        let range = |_| SqlError::out_of_range("smallint");
        match self {
            Self::Int2(v) => Ok(*v),
            Self::Int4(v) => i16::try_from(*v).map_err(range),
            Self::Int8(v) => i16::try_from(*v).map_err(range),
            Self::Float4(v) => f32_to_i16(*v),
            Self::Float8(v) => f64_to_i16(*v),
            Self::Numeric(v) => decimal_to_i16(*v),
            _ => Err(self.no_cast(&DataType::Int2)),
        }
    }

    fn to_i32(&self) -> Result<i32, SqlError> {
        match self {
            Self::Bool(v) => Ok((*v).into()),
            Self::Int2(v) => Ok((*v).into()),
            Self::Int4(v) => Ok(*v),
            Self::Int8(v) => i32::try_from(*v).map_err(|_| SqlError::out_of_range("integer")),
            Self::Float4(v) => f32_to_i32(*v),
            Self::Float8(v) => f64_to_i32(*v),
            Self::Numeric(v) => decimal_to_i32(*v),
            _ => Err(self.no_cast(&DataType::Int4)),
        }
    }

    fn to_i64(&self) -> Result<i64, SqlError> {
        match self {
            Self::Int2(v) => Ok((*v).into()),
            Self::Int4(v) => Ok((*v).into()),
            Self::Int8(v) => Ok(*v),
            Self::Float4(v) => f32_to_i64(*v),
            Self::Float8(v) => f64_to_i64(*v),
            Self::Numeric(v) => decimal_to_i64(*v),
            _ => Err(self.no_cast(&DataType::Int8)),
        }
    }

    fn to_f32(&self) -> Result<f32, SqlError> {
        match self {
            Self::Int2(v) => Ok((*v).into()),
            Self::Int4(v) => Ok(*v as f32),
            Self::Int8(v) => Ok(*v as f32),
            Self::Float4(v) => Ok(*v),
            Self::Float8(v) => f64_to_f32(*v),
            Self::Numeric(v) => {
                let narrow = v.to_f32();
                if v.is_finite() && (narrow.is_infinite() || (narrow == 0.0 && !v.is_zero())) {
                    return Err(SqlError::new(
                        SqlState::NUMERIC_OUT_OF_RANGE,
                        format!("\"{v}\" is out of range for type real"),
                    ));
                }
                Ok(narrow)
            }
            _ => Err(self.no_cast(&DataType::Float4)),
        }
    }

    fn cast_other(&self, to: &DataType) -> Result<Self, SqlError> {
        Ok(match (self, to) {
            (Self::Int4(v), DataType::Bool) => Self::Bool(bool_from_i32(*v)),
            (Self::Date(v), DataType::Timestamp) => Self::Timestamp(date_to_timestamp(*v)?),
            (Self::Date(v), DataType::TimestampTz) => Self::TimestampTz(date_to_timestamp(*v)?),
            (Self::Timestamp(v) | Self::TimestampTz(v), DataType::Timestamp) => Self::Timestamp(*v),
            (Self::Timestamp(v) | Self::TimestampTz(v), DataType::TimestampTz) => {
                Self::TimestampTz(*v)
            }
            (Self::Timestamp(v) | Self::TimestampTz(v), DataType::Date) => {
                Self::Date(timestamp_to_date(*v))
            }
            (Self::Timestamp(v) | Self::TimestampTz(v), DataType::Time) => {
                timestamp_to_time(*v).map_or(Self::Null, Self::Time)
            }
            (Self::Time(v), DataType::Interval) => Self::Interval(Interval::from_micros(*v)),
            (Self::Interval(v), DataType::Time) => Self::Time(interval_to_time(*v)),
            (Self::Bool(_), DataType::Bool)
            | (Self::Bytea(_), DataType::Bytea)
            | (Self::Date(_), DataType::Date)
            | (Self::Time(_), DataType::Time)
            | (Self::Interval(_), DataType::Interval)
            | (Self::Uuid(_), DataType::Uuid)
            | (Self::Jsonb(_), DataType::Jsonb) => self.clone(),
            _ => return Err(self.no_cast(to)),
        })
    }
}

/// `cannot cast type A to B`.
fn no_cast(from: &DataType, to: &DataType) -> SqlError {
    SqlError::new(SqlState::CANNOT_COERCE, format!("cannot cast type {from} to {to}"))
}

/// JSONB to a number or boolean: only from a JSON value of that kind.
fn cast_json(doc: &str, to: &DataType) -> Result<Value, SqlError> {
    let wanted = match to {
        DataType::Bool => "boolean",
        _ if to.is_numeric() => "number",
        _ => return Err(no_cast(&DataType::Jsonb, to)),
    };
    let found = json::type_of(doc);
    if found != wanted {
        return Err(SqlError::new(
            SqlState::INVALID_PARAMETER,
            format!("cannot cast jsonb {found} to type {to}"),
        ));
    }
    if wanted == "boolean" {
        return Ok(Value::Bool(doc == "true"));
    }
    match to {
        // A number beyond NUMERIC's digits still has a nearest float.
        DataType::Float8 => Value::parse(doc, to),
        _ => Value::Numeric(Decimal::parse(doc)?).cast(to),
    }
}
