//! SQL's order, equality and hashing of values.
//!
//! Numbers of different types compare by value, exactly unless one is a float; texts bytewise, as
//! in collation "C"; values of types that have no common order compare by type, so that the order
//! is total.
//! Invariant: NULL equals NULL and is greater than all else (grouping and sorting; predicates
//! handle NULL before); values equal under `cmp_sql` and of one type hash equal.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Value;
use crate::json;
use crate::time::date_to_timestamp;

/// Total order of doubles: NaN equals itself and is greatest, -0 equals 0.
#[inline]
pub fn cmp_f64(a: f64, b: f64) -> Ordering {
    match a.partial_cmp(&b) {
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

/// Total order of 32-bit floats: NaN equals itself and is greatest, -0 equals 0.
#[inline]
pub fn cmp_f32(a: f32, b: f32) -> Ordering {
    match a.partial_cmp(&b) {
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

impl Value {
    /// Total order by value; see the module.
    pub fn cmp_sql(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => self.is_null().cmp(&other.is_null()),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Float4(a), Self::Float4(b)) => cmp_f32(*a, *b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bytea(a), Self::Bytea(b)) => a.cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Interval(a), Self::Interval(b)) => a.cmp_sql(*b),
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            (Self::Jsonb(a), Self::Jsonb(b)) => json::cmp(a, b),
            (Self::List(a), Self::List(b)) | (Self::Struct(a), Self::Struct(b)) => cmp_items(a, b),
            _ => self.cmp_mixed(other),
        }
    }

    fn cmp_mixed(&self, other: &Self) -> Ordering {
        if let (Some(a), Some(b)) = (self.integer(), other.integer()) {
            return a.cmp(&b);
        }
        if let (Some(a), Some(b)) = (self.as_decimal(), other.as_decimal()) {
            return a.cmp_sql(b);
        }
        if let (Some(a), Some(b)) = (self.as_f64(), other.as_f64()) {
            return cmp_f64(a, b);
        }
        if let (Some(a), Some(b)) = (self.instant(), other.instant()) {
            return a.cmp(&b);
        }
        self.rank().cmp(&other.rank())
    }

    fn integer(&self) -> Option<i64> {
        match self {
            Self::Int2(_) | Self::Int4(_) | Self::Int8(_) => self.as_i64(),
            _ => None,
        }
    }

    /// Microseconds of a date or timestamp; a date beyond the timestamps saturates.
    fn instant(&self) -> Option<i128> {
        match self {
            Self::Date(days) => Some(match date_to_timestamp(*days) {
                Ok(timestamp) => timestamp.into(),
                Err(_) => i128::from(*days) * i128::from(crate::time::MICROS_PER_DAY),
            }),
            Self::Timestamp(t) | Self::TimestampTz(t) => Some(match *t {
                // Infinity stays above the dates that no timestamp reaches.
                crate::time::TIMESTAMP_INFINITY => i128::MAX,
                crate::time::TIMESTAMP_NEG_INFINITY => i128::MIN,
                t => t.into(),
            }),
            _ => None,
        }
        .map(|instant| match self {
            Self::Date(crate::time::DATE_INFINITY) => i128::MAX,
            Self::Date(crate::time::DATE_NEG_INFINITY) => i128::MIN,
            _ => instant,
        })
    }

    /// Place of the type among types that do not compare.
    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int2(_)
            | Self::Int4(_)
            | Self::Int8(_)
            | Self::Float4(_)
            | Self::Float8(_)
            | Self::Numeric(_) => 1,
            Self::Text(_) => 2,
            Self::Bytea(_) => 3,
            Self::Date(_) | Self::Timestamp(_) | Self::TimestampTz(_) => 4,
            Self::Time(_) => 5,
            Self::Interval(_) => 6,
            Self::Uuid(_) => 7,
            Self::Jsonb(_) => 8,
            Self::List(_) => 9,
            Self::Struct(_) => 10,
            Self::Null => 11,
        }
    }

    /// Whether the values are equal, NULL being equal to NULL (`IS NOT DISTINCT FROM`).
    pub fn eq_sql(&self, other: &Self) -> bool {
        self.cmp_sql(other) == Ordering::Equal
    }

    /// Feeds the value to a hasher so that values of one type (or of exact number types) that are
    /// equal under [`Value::eq_sql`] hash equal: 1.0 and 1.00, -0.0 and 0.0, `1 month` and `30
    /// days`.
    pub fn hash_sql<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        match self {
            Self::Null => {}
            Self::Bool(v) => v.hash(state),
            Self::Int2(_) | Self::Int4(_) | Self::Int8(_) | Self::Numeric(_) => {
                self.as_decimal().unwrap_or_default().hash_sql(state);
            }
            Self::Float4(v) => hash_float(f64::from(*v), state),
            Self::Float8(v) => hash_float(*v, state),
            Self::Text(v) => v.hash(state),
            Self::Jsonb(v) => json::hash(v, state),
            Self::Bytea(v) => v.hash(state),
            Self::Date(_) | Self::Timestamp(_) | Self::TimestampTz(_) => {
                self.instant().hash(state);
            }
            Self::Time(v) => v.hash(state),
            Self::Interval(v) => v.hash_sql(state),
            Self::Uuid(v) => v.hash(state),
            Self::List(items) | Self::Struct(items) => {
                items.len().hash(state);
                items.iter().for_each(|item| item.hash_sql(state));
            }
        }
    }
}

fn cmp_items(a: &[Value], b: &[Value]) -> Ordering {
    let parts = a.iter().zip(b).map(|(x, y)| x.cmp_sql(y));
    parts.into_iter().find(|o| o.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn hash_float<H: Hasher>(value: f64, state: &mut H) {
    let canonical = if value.is_nan() {
        f64::NAN
    } else if value == 0.0 {
        0.0
    } else {
        value
    };
    canonical.to_bits().hash(state);
}
