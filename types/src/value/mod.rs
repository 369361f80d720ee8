//! One scalar of any type.
//!
//! Values are for the edges: literals, parameters, results, the oracle. Columns carry the bulk.
//! `order` has SQL's order, equality and hashing; `cast` the conversions; text forms are in
//! [`crate::text`].
//! Invariant: `Value` never meets a hot loop.

mod cast;
mod convert;
mod order;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::data_type::DataType;
use crate::decimal::Decimal;
use crate::schema::Field;
use crate::time::Interval;

pub use cast::{CastContext, cast_context};
pub use convert::{
    bool_from_i32, decimal_to_i16, decimal_to_i32, decimal_to_i64, f32_to_i16, f32_to_i32,
    f32_to_i64, f64_to_f32, f64_to_i16, f64_to_i32, f64_to_i64, interval_to_time,
};
pub use order::{cmp_f32, cmp_f64};

/// A scalar, or NULL. Ordering and equality for SQL are functions of this crate, not `PartialEq`
/// (which is structural: `1.0` and `1.00` differ).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// NULL of any type.
    Null,
    /// BOOLEAN.
    Bool(bool),
    /// SMALLINT.
    Int2(i16),
    /// INTEGER.
    Int4(i32),
    /// BIGINT.
    Int8(i64),
    /// REAL.
    Float4(f32),
    /// DOUBLE PRECISION.
    Float8(f64),
    /// NUMERIC.
    Numeric(Decimal),
    /// TEXT, VARCHAR, CHAR.
    Text(Arc<str>),
    /// BYTEA.
    Bytea(Arc<[u8]>),
    /// DATE: days since 1970-01-01.
    Date(i32),
    /// TIME: microseconds since midnight.
    Time(i64),
    /// TIMESTAMP: microseconds since 1970-01-01.
    Timestamp(i64),
    /// TIMESTAMPTZ: microseconds since 1970-01-01 UTC.
    TimestampTz(i64),
    /// INTERVAL.
    Interval(Interval),
    /// UUID.
    Uuid(u128),
    /// JSONB in canonical text form.
    Jsonb(Arc<str>),
    /// An array.
    List(Arc<[Value]>),
    /// A row.
    Struct(Arc<[Value]>),
}

impl Value {
    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A TEXT.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// The type the value says it has: lengths and precisions are not part of a value, an array has
    /// the type of its first element that is not NULL, the fields of a row are called `f1`, `f2`,
    /// ...
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Null => DataType::Unknown,
            Self::Bool(_) => DataType::Bool,
            Self::Int2(_) => DataType::Int2,
            Self::Int4(_) => DataType::Int4,
            Self::Int8(_) => DataType::Int8,
            Self::Float4(_) => DataType::Float4,
            Self::Float8(_) => DataType::Float8,
            Self::Numeric(_) => DataType::Numeric(None),
            Self::Text(_) => DataType::Text,
            Self::Bytea(_) => DataType::Bytea,
            Self::Date(_) => DataType::Date,
            Self::Time(_) => DataType::Time,
            Self::Timestamp(_) => DataType::Timestamp,
            Self::TimestampTz(_) => DataType::TimestampTz,
            Self::Interval(_) => DataType::Interval,
            Self::Uuid(_) => DataType::Uuid,
            Self::Jsonb(_) => DataType::Jsonb,
            Self::List(items) => {
                let first = items.iter().find(|item| !item.is_null());
                DataType::List(Box::new(first.map_or(DataType::Unknown, Self::data_type)))
            }
            Self::Struct(items) => DataType::Struct(
                items
                    .iter()
                    .enumerate()
                    .map(|(i, item)| Field::new(format!("f{}", i + 1), item.data_type(), true))
                    .collect(),
            ),
        }
    }

    /// The value of a BOOLEAN.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(v) = self { Some(*v) } else { None }
    }

    /// The value of an integer of any width, and the count behind a DATE, TIME, TIMESTAMP or
    /// TIMESTAMPTZ.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int2(v) => Some((*v).into()),
            Self::Int4(v) | Self::Date(v) => Some((*v).into()),
            Self::Int8(v) | Self::Time(v) | Self::Timestamp(v) | Self::TimestampTz(v) => Some(*v),
            _ => None,
        }
    }

    /// The value of a number of any type as a double.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int2(v) => Some((*v).into()),
            Self::Int4(v) => Some((*v).into()),
            Self::Int8(v) => Some(*v as f64),
            Self::Float4(v) => Some((*v).into()),
            Self::Float8(v) => Some(*v),
            Self::Numeric(v) => Some(v.to_f64()),
            _ => None,
        }
    }

    /// The value of an exact number (integers and NUMERIC).
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Int2(v) => Some(Decimal::from_i64((*v).into())),
            Self::Int4(v) => Some(Decimal::from_i64((*v).into())),
            Self::Int8(v) => Some(Decimal::from_i64(*v)),
            Self::Numeric(v) => Some(*v),
            _ => None,
        }
    }

    /// The characters of a text or of JSONB.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(v) | Self::Jsonb(v) = self { Some(v) } else { None }
    }

    /// The bytes of a text, of JSONB or of BYTEA.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytea(v) = self { Some(v) } else { self.as_str().map(str::as_bytes) }
    }

    /// The value of an INTERVAL.
    pub fn as_interval(&self) -> Option<Interval> {
        if let Self::Interval(v) = self { Some(*v) } else { None }
    }

    /// The elements of an array or the fields of a row.
    pub fn as_items(&self) -> Option<&[Value]> {
        if let Self::List(v) | Self::Struct(v) = self { Some(v) } else { None }
    }
}
