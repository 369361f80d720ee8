//! One scalar of any type.
//!
//! Values are for the edges: literals, parameters, results, the oracle. Columns carry the bulk.
//! Invariant: `Value` never meets a hot loop.

use std::sync::Arc;

use crate::decimal::Decimal;
use crate::time::Interval;

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
}
