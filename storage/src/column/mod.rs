//! Columns: values of one physical type, laid out as Arrow lays them out.
//!
//! A column is a fixed-width buffer or 16-byte string views into shared heaps, plus an optional
//! validity bitmap. Cloning and slicing share memory; only a gather or a builder writes. Arrays and
//! rows are string columns whose bytes encode the value ([`nested`]).
//!
//! Invariant: a NULL slot holds a defined zero, so kernels may compute on it without a branch; a
//! column whose validity is `None` has no NULL.

pub mod bitmap;
pub mod buffer;
pub mod builder;
pub mod fixed;
pub mod nested;
pub mod order;
pub mod selection;
pub mod string;

use arena_tr_types::{DataType, Decimal, Interval, PhysicalType, Value};

use crate::arena::BatchArena;

pub use bitmap::{Bitmap, BitmapBuilder};
pub use buffer::{Buffer, MutBuffer, Pod};
pub use builder::ColumnBuilder;
pub use fixed::Fixed;
pub use selection::Selection;
pub use string::{MAX_STR_BYTES, StrBuilder, StrColumn, View};

/// An index of a row: `u16` inside a batch, `u32` or `usize` in longer ones.
pub trait RowIdx: Copy + Send + Sync {
    /// As a `usize`.
    fn index(self) -> usize;
}

impl RowIdx for u16 {
    #[inline]
    fn index(self) -> usize {
        usize::from(self)
    }
}

impl RowIdx for u32 {
    #[inline]
    fn index(self) -> usize {
        self as usize
    }
}

impl RowIdx for usize {
    #[inline]
    fn index(self) -> usize {
        self
    }
}

/// Values of one physical type.
#[derive(Debug, Clone)]
pub enum Column {
    /// One byte a value, 0 or 1.
    Bool(Fixed<u8>),
    /// SMALLINT.
    I16(Fixed<i16>),
    /// INTEGER, DATE.
    I32(Fixed<i32>),
    /// BIGINT, TIME, TIMESTAMP, TIMESTAMPTZ.
    I64(Fixed<i64>),
    /// REAL.
    F32(Fixed<f32>),
    /// DOUBLE PRECISION.
    F64(Fixed<f64>),
    /// NUMERIC.
    Decimal(Fixed<Decimal>),
    /// INTERVAL through [`Interval::to_bits`], UUID as its bits.
    I128(Fixed<i128>),
    /// TEXT, BYTEA, JSONB, and the encoded form of arrays and rows.
    Str(StrColumn),
}

/// Runs `$body` with `$c` bound to the column of whatever type.
macro_rules! each {
    ($column:expr, $c:ident => $body:expr) => {
        match $column {
            $crate::column::Column::Bool($c) => $body,
            $crate::column::Column::I16($c) => $body,
            $crate::column::Column::I32($c) => $body,
            $crate::column::Column::I64($c) => $body,
            $crate::column::Column::F32($c) => $body,
            $crate::column::Column::F64($c) => $body,
            $crate::column::Column::Decimal($c) => $body,
            $crate::column::Column::I128($c) => $body,
            $crate::column::Column::Str($c) => $body,
        }
    };
}

/// Maps the typed column inside to another of the same type.
macro_rules! map_each {
    ($column:expr, $c:ident => $body:expr) => {
        match $column {
            Column::Bool($c) => Column::Bool($body),
            Column::I16($c) => Column::I16($body),
            Column::I32($c) => Column::I32($body),
            Column::I64($c) => Column::I64($body),
            Column::F32($c) => Column::F32($body),
            Column::F64($c) => Column::F64($body),
            Column::Decimal($c) => Column::Decimal($body),
            Column::I128($c) => Column::I128($body),
            Column::Str($c) => Column::Str($body),
        }
    };
}

macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($t:ty);)*) => {
        impl Column {
            $(
                $(#[$doc])*
                #[inline]
                pub fn $name(&self) -> Option<&$t> {
                    match self {
                        Self::$variant(column) => Some(column),
                        _ => None,
                    }
                }
            )*
        }

        $(
            impl From<$t> for Column {
                fn from(column: $t) -> Self {
                    Self::$variant(column)
                }
            }
        )*
    };
}

accessors! {
    /// The booleans, if this is a column of them.
    as_bool: Bool(Fixed<u8>);
    /// The 16-bit integers, if this is a column of them.
    as_i16: I16(Fixed<i16>);
    /// The 32-bit integers, if this is a column of them.
    as_i32: I32(Fixed<i32>);
    /// The 64-bit integers, if this is a column of them.
    as_i64: I64(Fixed<i64>);
    /// The 32-bit floats, if this is a column of them.
    as_f32: F32(Fixed<f32>);
    /// The 64-bit floats, if this is a column of them.
    as_f64: F64(Fixed<f64>);
    /// The decimals, if this is a column of them.
    as_decimal: Decimal(Fixed<Decimal>);
    /// The 128-bit values, if this is a column of them.
    as_i128: I128(Fixed<i128>);
    /// The strings, if this is a column of them.
    as_str: Str(StrColumn);
}

impl Column {
    /// A column of no rows.
    pub fn empty(physical: PhysicalType) -> Self {
        ColumnBuilder::new(physical, 0).finish()
    }

    /// `n` NULLs.
    pub fn nulls(physical: PhysicalType, n: usize) -> Self {
        let mut builder = ColumnBuilder::new(physical, n);
        for _ in 0..n {
            builder.push_null();
        }
        builder.finish()
    }

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        each!(self, c => c.len())
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The physical type of the values.
    pub fn physical(&self) -> PhysicalType {
        match self {
            Self::Bool(_) => PhysicalType::Bool,
            Self::I16(_) => PhysicalType::I16,
            Self::I32(_) => PhysicalType::I32,
            Self::I64(_) => PhysicalType::I64,
            Self::F32(_) => PhysicalType::F32,
            Self::F64(_) => PhysicalType::F64,
            Self::Decimal(_) => PhysicalType::Decimal,
            Self::I128(_) => PhysicalType::I128,
            Self::Str(_) => PhysicalType::Str,
        }
    }

    /// Which rows are not NULL; `None` means all.
    #[inline]
    pub fn validity(&self) -> Option<&Bitmap> {
        each!(self, c => c.validity.as_ref())
    }

    /// The same values with another validity (of the same length). Slots that become valid hold
    /// what they held, so this is for restricting validity or for values known to be written.
    #[must_use]
    pub fn with_validity(self, validity: Option<Bitmap>) -> Self {
        debug_assert!(validity.as_ref().is_none_or(|v| v.len() == self.len()));
        map_each!(self, c => {
            let mut c = c;
            c.validity = validity;
            c
        })
    }

    /// Whether row `i` is NULL.
    #[inline]
    pub fn is_null(&self, i: usize) -> bool {
        self.validity().is_some_and(|v| !v.get(i))
    }

    /// How many rows are NULL.
    pub fn null_count(&self) -> usize {
        self.validity().map_or(0, |v| v.len() - v.count_valid())
    }

    /// The rows from `start`, `len` of them. Shares memory.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        map_each!(self, c => c.slice(start, len))
    }

    /// The rows at these indices, in this order (a gather). String heaps are shared.
    #[must_use]
    pub fn take<I: RowIdx>(&self, rows: &[I]) -> Self {
        map_each!(self, c => c.take(rows))
    }

    /// The same value in `n` rows: row `i` of this column repeated.
    #[must_use]
    pub fn repeat(&self, i: usize, n: usize) -> Self {
        let rows = vec![u32::try_from(i).expect("row indices fit u32"); n];
        self.take(&rows)
    }

    /// All rows of these columns, one after the other. The columns are of one physical type (a
    /// caller's bug otherwise); of no columns there is no type, so the caller names it.
    pub fn concat(physical: PhysicalType, columns: &[&Self]) -> Self {
        if let [only] = columns {
            return (*only).clone();
        }
        macro_rules! typed {
            ($($variant:ident: $as:ident, $t:ident;)*) => {
                match physical {
                    $(PhysicalType::$variant => {
                        let typed: Vec<_> = columns
                            .iter()
                            .map(|c| c.$as().expect("columns of one concat have one physical type"))
                            .collect();
                        Self::$variant($t::concat(&typed))
                    })*
                }
            };
        }
        typed! {
            Bool: as_bool, Fixed;
            I16: as_i16, Fixed;
            I32: as_i32, Fixed;
            I64: as_i64, Fixed;
            F32: as_f32, Fixed;
            F64: as_f64, Fixed;
            Decimal: as_decimal, Fixed;
            I128: as_i128, Fixed;
            Str: as_str, StrColumn;
        }
    }

    /// Row `i` as a value of type `data_type`, whose physical type is this column's.
    pub fn value(&self, i: usize, data_type: &DataType) -> Value {
        if self.is_null(i) {
            return Value::Null;
        }
        match self {
            Self::Bool(c) => Value::Bool(c.values[i] != 0),
            Self::I16(c) => Value::Int2(c.values[i]),
            Self::I32(c) if *data_type == DataType::Date => Value::Date(c.values[i]),
            Self::I32(c) => Value::Int4(c.values[i]),
            Self::I64(c) => match data_type {
                DataType::Time => Value::Time(c.values[i]),
                DataType::Timestamp => Value::Timestamp(c.values[i]),
                DataType::TimestampTz => Value::TimestampTz(c.values[i]),
                _ => Value::Int8(c.values[i]),
            },
            Self::F32(c) => Value::Float4(c.values[i]),
            Self::F64(c) => Value::Float8(c.values[i]),
            Self::Decimal(c) => Value::Numeric(c.values[i]),
            Self::I128(c) if *data_type == DataType::Uuid => {
                Value::Uuid(c.values[i].cast_unsigned())
            }
            Self::I128(c) => Value::Interval(Interval::from_bits(c.values[i])),
            Self::Str(c) => match data_type {
                DataType::Bytea => Value::Bytea(c.get(i).into()),
                DataType::Jsonb => Value::Jsonb(c.str_at(i).into()),
                DataType::List(_) | DataType::Struct(_) => nested::decode(c.get(i))
                    .expect("columns of arrays and rows hold what `nested::encode` wrote"),
                _ => Value::Text(c.str_at(i).into()),
            },
        }
    }

    /// A copy in a batch arena that shares nothing.
    #[must_use]
    pub fn copy_in(&self, arena: &BatchArena) -> Self {
        map_each!(self, c => c.copy_in(arena))
    }

    /// Bytes of the buffers behind this column (shared ones counted in full).
    pub fn memory_bytes(&self) -> usize {
        each!(self, c => c.memory_bytes())
    }
}

#[cfg(test)]
mod tests;
