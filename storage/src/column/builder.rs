//! Builders: values go in one by one, a column comes out.
//!
//! For the edges (literals, appended rows, decoders). Kernels fill [`MutBuffer`]s themselves.
//! Invariant: a value of the wrong physical type is refused by `push_value`; the typed pushes are
//! for callers that know the type, and a mismatch there is a bug.

use arena_tr_types::{DataType, Decimal, Interval, PhysicalType, SqlError, SqlState, Value};

use crate::arena::BatchArena;
use crate::column::bitmap::BitmapBuilder;
use crate::column::buffer::{MutBuffer, Pod};
use crate::column::string::StrBuilder;
use crate::column::{Column, Fixed, nested};

/// Builds one column.
#[derive(Debug)]
pub struct ColumnBuilder {
    values: Values,
    /// Empty until the first NULL: most columns have none.
    validity: Option<BitmapBuilder>,
}

#[derive(Debug)]
enum Values {
    Bool(MutBuffer<u8>),
    I16(MutBuffer<i16>),
    I32(MutBuffer<i32>),
    I64(MutBuffer<i64>),
    F32(MutBuffer<f32>),
    F64(MutBuffer<f64>),
    Decimal(MutBuffer<Decimal>),
    I128(MutBuffer<i128>),
    Str(StrBuilder),
}

macro_rules! each_values {
    ($values:expr, $v:ident => $fixed:expr, $s:ident => $str:expr) => {
        match $values {
            Values::Bool($v) => $fixed,
            Values::I16($v) => $fixed,
            Values::I32($v) => $fixed,
            Values::I64($v) => $fixed,
            Values::F32($v) => $fixed,
            Values::F64($v) => $fixed,
            Values::Decimal($v) => $fixed,
            Values::I128($v) => $fixed,
            Values::Str($s) => $str,
        }
    };
}

macro_rules! typed_push {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($t:ty);)*) => {
        $(
            $(#[$doc])*
            #[inline]
            pub fn $name(&mut self, value: $t) {
                match &mut self.values {
                    Values::$variant(values) => values.push(value),
                    _ => self.wrong_type(stringify!($name)),
                }
                if let Some(validity) = &mut self.validity {
                    validity.push(true);
                }
            }
        )*
    };
}

fn push_zero<T: Pod>(values: &mut MutBuffer<T>) {
    values.push(T::default());
}

fn buffer<T: Pod>(capacity: usize, arena: Option<&BatchArena>) -> MutBuffer<T> {
    match arena {
        Some(arena) => MutBuffer::with_capacity_in(capacity, arena),
        None => MutBuffer::with_capacity(capacity),
    }
}

impl ColumnBuilder {
    /// A builder of this physical type with room for `capacity` rows.
    pub fn new(physical: PhysicalType, capacity: usize) -> Self {
        Self::with_arena(physical, capacity, None)
    }

    /// The same, its values in a batch arena.
    pub fn new_in(physical: PhysicalType, capacity: usize, arena: &BatchArena) -> Self {
        Self::with_arena(physical, capacity, Some(arena))
    }

    fn with_arena(physical: PhysicalType, capacity: usize, arena: Option<&BatchArena>) -> Self {
        let values = match physical {
            PhysicalType::Bool => Values::Bool(buffer(capacity, arena)),
            PhysicalType::I16 => Values::I16(buffer(capacity, arena)),
            PhysicalType::I32 => Values::I32(buffer(capacity, arena)),
            PhysicalType::I64 => Values::I64(buffer(capacity, arena)),
            PhysicalType::F32 => Values::F32(buffer(capacity, arena)),
            PhysicalType::F64 => Values::F64(buffer(capacity, arena)),
            PhysicalType::Decimal => Values::Decimal(buffer(capacity, arena)),
            PhysicalType::I128 => Values::I128(buffer(capacity, arena)),
            PhysicalType::Str => Values::Str(match arena {
                Some(arena) => StrBuilder::with_capacity_in(capacity, arena),
                None => StrBuilder::with_capacity(capacity),
            }),
        };
        Self { values, validity: None }
    }

    /// The physical type being built.
    pub fn physical(&self) -> PhysicalType {
        match &self.values {
            Values::Bool(_) => PhysicalType::Bool,
            Values::I16(_) => PhysicalType::I16,
            Values::I32(_) => PhysicalType::I32,
            Values::I64(_) => PhysicalType::I64,
            Values::F32(_) => PhysicalType::F32,
            Values::F64(_) => PhysicalType::F64,
            Values::Decimal(_) => PhysicalType::Decimal,
            Values::I128(_) => PhysicalType::I128,
            Values::Str(_) => PhysicalType::Str,
        }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        each_values!(&self.values, v => v.len(), s => s.len())
    }

    /// Whether there is no row yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cold]
    fn wrong_type(&self, push: &str) -> ! {
        panic!("{push} on a builder of {:?}: the caller chose the builder", self.physical())
    }

    typed_push! {
        /// Appends 0 or 1 to a builder of booleans.
        push_bool_byte: Bool(u8);
        /// Appends to a builder of 16-bit integers.
        push_i16: I16(i16);
        /// Appends to a builder of 32-bit integers.
        push_i32: I32(i32);
        /// Appends to a builder of 64-bit integers.
        push_i64: I64(i64);
        /// Appends to a builder of 32-bit floats.
        push_f32: F32(f32);
        /// Appends to a builder of 64-bit floats.
        push_f64: F64(f64);
        /// Appends to a builder of decimals.
        push_decimal: Decimal(Decimal);
        /// Appends to a builder of 128-bit values.
        push_i128: I128(i128);
        /// Appends to a builder of strings.
        push_str: Str(&[u8]);
    }

    /// Appends to a builder of booleans.
    #[inline]
    pub fn push_bool(&mut self, value: bool) {
        self.push_bool_byte(u8::from(value));
    }

    /// Appends an INTERVAL to a builder of 128-bit values.
    #[inline]
    pub fn push_interval(&mut self, value: Interval) {
        self.push_i128(value.to_bits());
    }

    /// Appends a NULL.
    pub fn push_null(&mut self) {
        let before = self.len();
        let validity = self.validity.get_or_insert_with(|| {
            let mut validity = BitmapBuilder::with_capacity(before + 1);
            validity.push_n(true, before);
            validity
        });
        validity.push(false);
        each_values!(&mut self.values, v => push_zero(v), s => s.push(&[]));
    }

    /// Appends a value. One of another physical type is refused, except that an integer may go
    /// where an integer of another width goes if it fits.
    pub fn push_value(&mut self, value: &Value) -> Result<(), SqlError> {
        match value {
            Value::Null => self.push_null(),
            Value::Int2(v) => return self.push_integer(i64::from(*v)),
            Value::Int4(v) => return self.push_integer(i64::from(*v)),
            Value::Int8(v) => return self.push_integer(*v),
            _ => return self.push_exact(value),
        }
        Ok(())
    }

    fn push_integer(&mut self, value: i64) -> Result<(), SqlError> {
        match &self.values {
            Values::I16(_) => {
                self.push_i16(value.try_into().map_err(|_| out_of_range("smallint"))?)
            }
            Values::I32(_) => self.push_i32(value.try_into().map_err(|_| out_of_range("integer"))?),
            Values::I64(_) => self.push_i64(value),
            _ => return Err(self.mismatch("integer")),
        }
        Ok(())
    }

    /// Appends a value whose physical type must be the builder's.
    fn push_exact(&mut self, value: &Value) -> Result<(), SqlError> {
        match (self.physical(), value) {
            (PhysicalType::Bool, Value::Bool(v)) => self.push_bool(*v),
            (PhysicalType::I32, Value::Date(v)) => self.push_i32(*v),
            (PhysicalType::I64, Value::Time(v) | Value::Timestamp(v) | Value::TimestampTz(v)) => {
                self.push_i64(*v)
            }
            (PhysicalType::F32, Value::Float4(v)) => self.push_f32(*v),
            (PhysicalType::F64, Value::Float8(v)) => self.push_f64(*v),
            (PhysicalType::Decimal, Value::Numeric(v)) => self.push_decimal(*v),
            (PhysicalType::I128, Value::Interval(v)) => self.push_interval(*v),
            (PhysicalType::I128, Value::Uuid(v)) => self.push_i128(v.cast_signed()),
            (PhysicalType::Str, Value::Text(v) | Value::Jsonb(v)) => self.push_str(v.as_bytes()),
            (PhysicalType::Str, Value::Bytea(v)) => self.push_str(v),
            (PhysicalType::Str, Value::List(_) | Value::Struct(_)) => {
                let mut bytes = Vec::new();
                nested::encode(value, &mut bytes);
                self.push_str(&bytes);
            }
            _ => return Err(self.mismatch(nested::type_name(value))),
        }
        Ok(())
    }

    fn mismatch(&self, what: &str) -> SqlError {
        SqlError::new(
            SqlState::DATATYPE_MISMATCH,
            format!("a value of type {what} does not fit a column held as {:?}", self.physical()),
        )
    }

    /// The column.
    pub fn finish(self) -> Column {
        let validity = self.validity.and_then(BitmapBuilder::finish_validity);
        match self.values {
            Values::Bool(v) => Column::Bool(Fixed::with_validity(v.freeze(), validity)),
            Values::I16(v) => Column::I16(Fixed::with_validity(v.freeze(), validity)),
            Values::I32(v) => Column::I32(Fixed::with_validity(v.freeze(), validity)),
            Values::I64(v) => Column::I64(Fixed::with_validity(v.freeze(), validity)),
            Values::F32(v) => Column::F32(Fixed::with_validity(v.freeze(), validity)),
            Values::F64(v) => Column::F64(Fixed::with_validity(v.freeze(), validity)),
            Values::Decimal(v) => Column::Decimal(Fixed::with_validity(v.freeze(), validity)),
            Values::I128(v) => Column::I128(Fixed::with_validity(v.freeze(), validity)),
            Values::Str(v) => Column::Str(v.finish(validity)),
        }
    }

    /// A column of one value in each of `n` rows: a constant.
    pub fn constant(value: &Value, data_type: &DataType, n: usize) -> Result<Column, SqlError> {
        let mut builder = Self::new(data_type.physical(), 1);
        builder.push_value(value)?;
        Ok(builder.finish().repeat(0, n))
    }
}

fn out_of_range(type_name: &str) -> SqlError {
    SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, format!("{type_name} out of range"))
}

#[cfg(test)]
#[path = "builder_tests.rs"]
mod tests;
