//! What the cells of a Parquet column mean, and their values.
//!
//! Invariant: a value that its meaning does not allow (a timestamp beyond our range) is an error,
//! not another value.

use arena_tr::{Decimal, Value};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::schema::types::ColumnDescriptor;

use super::read::Raw;
use crate::cell;
use crate::rows::Fault;

/// What the cells of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// What the physical type says.
    Plain,
    /// An integer without a sign.
    Unsigned,
    /// A decimal of this scale.
    Decimal(u32),
    /// Days since 1970-01-01.
    Date,
    /// Time of day: so many units are a microsecond, or a unit is so many microseconds.
    Time(Unit),
    /// Time since 1970-01-01.
    Timestamp(Unit),
    /// UTF-8.
    Text,
    /// 16 bytes.
    Uuid,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    fn of(unit: &TimeUnit) -> Self {
        match unit {
            TimeUnit::MILLIS => Self::Millis,
            TimeUnit::MICROS => Self::Micros,
            TimeUnit::NANOS => Self::Nanos,
        }
    }

    fn to_micros(self, count: i64) -> Result<i64, Fault> {
        match self {
            Self::Millis => count.checked_mul(1000),
            Self::Micros => Some(count),
            Self::Nanos => Some(count.div_euclid(1000)),
        }
        .ok_or_else(|| Fault::form("timestamp out of range"))
    }
}

impl Meaning {
    /// What the file says about a column; `None` if we do not know it.
    pub(super) fn of(column: &ColumnDescriptor) -> Option<Self> {
        let scale = || u32::try_from(column.type_scale()).ok();
        Some(match column.logical_type_ref() {
            Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => Self::Text,
            Some(LogicalType::Decimal(_)) => Self::Decimal(scale()?),
            Some(LogicalType::Date) => Self::Date,
            Some(LogicalType::Time(time)) => Self::Time(Unit::of(&time.unit)),
            Some(LogicalType::Timestamp(time)) => Self::Timestamp(Unit::of(&time.unit)),
            Some(LogicalType::Integer(int)) if !int.is_signed => Self::Unsigned,
            Some(LogicalType::Integer(_)) => Self::Plain,
            Some(LogicalType::Uuid) => Self::Uuid,
            Some(_) => return None,
            None => match column.converted_type() {
                ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => Self::Text,
                ConvertedType::DECIMAL => Self::Decimal(scale()?),
                ConvertedType::DATE => Self::Date,
                ConvertedType::TIME_MILLIS => Self::Time(Unit::Millis),
                ConvertedType::TIME_MICROS => Self::Time(Unit::Micros),
                ConvertedType::TIMESTAMP_MILLIS => Self::Timestamp(Unit::Millis),
                ConvertedType::TIMESTAMP_MICROS => Self::Timestamp(Unit::Micros),
                ConvertedType::UINT_8
                | ConvertedType::UINT_16
                | ConvertedType::UINT_32
                | ConvertedType::UINT_64 => Self::Unsigned,
                ConvertedType::NONE
                | ConvertedType::INT_8
                | ConvertedType::INT_16
                | ConvertedType::INT_32
                | ConvertedType::INT_64 => match column.physical_type() {
                    // The way of writers older than the logical types.
                    Type::INT96 => Self::Timestamp(Unit::Nanos),
                    _ => Self::Plain,
                },
                _ => return None,
            },
        })
    }

    /// The value of cell `k`.
    pub(super) fn value(self, raw: &Raw, k: usize) -> Result<Value, Fault> {
        match raw {
            Raw::Bool(v) => Ok(Value::Bool(v[k])),
            Raw::Int32(v) => self.integer(i64::from(v[k]), u64::from(v[k].cast_unsigned())),
            Raw::Int64(v) => self.integer(v[k], v[k].cast_unsigned()),
            Raw::Int96(v) => {
                let &[low, high, julian_day] = v[k].data() else {
                    return Err(Fault::form("malformed timestamp"));
                };
                // Nanoseconds of the day, then the day counted from 4713 BC.
                let nanos = i64::from(high) << 32 | i64::from(low);
                let days = i64::from(julian_day) - 2_440_588;
                Ok(Value::Timestamp(days * 86_400_000_000 + nanos.div_euclid(1000)))
            }
            Raw::Float(v) => Ok(Value::Float4(v[k])),
            Raw::Double(v) => Ok(Value::Float8(v[k])),
            Raw::Bytes(v) => self.bytes(v[k].data()),
            Raw::Fixed(v) => self.bytes(v[k].data()),
        }
    }

    fn integer(self, signed: i64, unsigned: u64) -> Result<Value, Fault> {
        Ok(match self {
            Self::Unsigned => match i64::try_from(unsigned) {
                Ok(number) => Value::Int8(number),
                Err(_) => Value::Numeric(Decimal::new(i128::from(unsigned), 0)),
            },
            Self::Decimal(scale) => decimal(i128::from(signed), scale)?,
            Self::Date => {
                Value::Date(i32::try_from(signed).map_err(|_| Fault::form("date out of range"))?)
            }
            Self::Time(unit) => Value::Time(unit.to_micros(signed)?),
            Self::Timestamp(unit) => Value::Timestamp(unit.to_micros(signed)?),
            Self::Plain | Self::Text | Self::Uuid => Value::Int8(signed),
        })
    }

    fn bytes(self, bytes: &[u8]) -> Result<Value, Fault> {
        Ok(match self {
            Self::Text => Value::text(cell::utf8(bytes)?),
            Self::Uuid => {
                let bits = bytes.try_into().map_err(|_| Fault::form("malformed UUID"))?;
                Value::Uuid(u128::from_be_bytes(bits))
            }
            Self::Decimal(scale) => {
                if bytes.is_empty() || bytes.len() > 16 {
                    return Err(Fault::form("decimal out of range"));
                }
                let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
                let mut wide = [sign; 16];
                wide[16 - bytes.len()..].copy_from_slice(bytes);
                decimal(i128::from_be_bytes(wide), scale)?
            }
            _ => Value::Bytea(bytes.into()),
        })
    }
}

fn decimal(mantissa: i128, scale: u32) -> Result<Value, Fault> {
    let decimal = Decimal::try_new(mantissa, scale);
    Ok(Value::Numeric(decimal.map_err(|_| Fault::form("decimal out of range"))?))
}
