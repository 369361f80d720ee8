//! SQL data types and the physical types that carry them.
//!
//! A [`DataType`] is what the user declared; a [`PhysicalType`] is how a column or a register holds
//! it. Several data types share a physical type (TIMESTAMP and BIGINT are both 64-bit integers), so
//! kernels are written once per physical type.
//! Invariant: `DataType::physical` is total, and equal data types have equal physical types.

use std::fmt;
use std::sync::Arc;

use crate::schema::Field;

/// A SQL type. `Display` gives PostgreSQL's spelling (`character varying(3)`, `timestamp without
/// time zone`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DataType {
    /// The type of a bare NULL or of a string literal before coercion.
    Unknown,
    /// BOOLEAN.
    Bool,
    /// SMALLINT, 16 bits.
    Int2,
    /// INTEGER, 32 bits.
    Int4,
    /// BIGINT, 64 bits.
    Int8,
    /// REAL, 32 bits.
    Float4,
    /// DOUBLE PRECISION, 64 bits.
    Float8,
    /// NUMERIC; `Some((precision, scale))` when declared, else each value keeps its own scale.
    Numeric(Option<(u8, u8)>),
    /// TEXT.
    Text,
    /// VARCHAR, with the longest length in characters if declared.
    Varchar(Option<u32>),
    /// CHAR(n): blank padded.
    Char(u32),
    /// BYTEA.
    Bytea,
    /// DATE: days since 1970-01-01.
    Date,
    /// TIME: microseconds since midnight.
    Time,
    /// TIMESTAMP without time zone: microseconds since 1970-01-01.
    Timestamp,
    /// TIMESTAMP WITH TIME ZONE: microseconds since 1970-01-01 UTC.
    TimestampTz,
    /// INTERVAL: months, days, microseconds.
    Interval,
    /// UUID.
    Uuid,
    /// JSONB, kept in PostgreSQL's canonical text form.
    Jsonb,
    /// An array.
    List(Box<DataType>),
    /// A row with named fields.
    Struct(Arc<[Field]>),
}

/// How a column or register holds a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PhysicalType {
    /// One byte, 0 or 1.
    Bool,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer (INTEGER, DATE).
    I32,
    /// 64-bit signed integer (BIGINT, TIME, TIMESTAMP, TIMESTAMPTZ).
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// [`crate::Decimal`], 24 bytes: mantissa, scale and class, because each NUMERIC keeps its own
    /// scale.
    Decimal,
    /// 128 bits: [`crate::Interval`] and UUID.
    I128,
    /// 16-byte string view (TEXT, BYTEA, JSONB; arrays and rows in their encoded form).
    Str,
}

impl DataType {
    /// The physical type that carries this type.
    pub fn physical(&self) -> PhysicalType {
        match self {
            Self::Bool => PhysicalType::Bool,
            Self::Int2 => PhysicalType::I16,
            Self::Int4 | Self::Date => PhysicalType::I32,
            Self::Int8 | Self::Time | Self::Timestamp | Self::TimestampTz => PhysicalType::I64,
            Self::Float4 => PhysicalType::F32,
            Self::Float8 => PhysicalType::F64,
            Self::Numeric(_) => PhysicalType::Decimal,
            Self::Interval | Self::Uuid => PhysicalType::I128,
            Self::Unknown
            | Self::Text
            | Self::Varchar(_)
            | Self::Char(_)
            | Self::Bytea
            | Self::Jsonb
            | Self::List(_)
            | Self::Struct(_) => PhysicalType::Str,
        }
    }

    /// TEXT, VARCHAR or CHAR.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Varchar(_) | Self::Char(_))
    }

    /// An integer type.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Int2 | Self::Int4 | Self::Int8)
    }

    /// A number of any kind.
    pub fn is_numeric(&self) -> bool {
        self.is_integer() || matches!(self, Self::Float4 | Self::Float8 | Self::Numeric(_))
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Bool => f.write_str("boolean"),
            Self::Int2 => f.write_str("smallint"),
            Self::Int4 => f.write_str("integer"),
            Self::Int8 => f.write_str("bigint"),
            Self::Float4 => f.write_str("real"),
            Self::Float8 => f.write_str("double precision"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((p, s))) => write!(f, "numeric({p},{s})"),
            Self::Text => f.write_str("text"),
            Self::Varchar(None) => f.write_str("character varying"),
            Self::Varchar(Some(n)) => write!(f, "character varying({n})"),
            Self::Char(n) => write!(f, "character({n})"),
            Self::Bytea => f.write_str("bytea"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time without time zone"),
            Self::Timestamp => f.write_str("timestamp without time zone"),
            Self::TimestampTz => f.write_str("timestamp with time zone"),
            Self::Interval => f.write_str("interval"),
            Self::Uuid => f.write_str("uuid"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::List(t) => write!(f, "{t}[]"),
            Self::Struct(fields) => {
                f.write_str("row(")?;
                for (i, field) in fields.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{} {}", field.name, field.data_type)?;
                }
                f.write_str(")")
            }
        }
    }
}
