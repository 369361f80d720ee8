//! Writing Parquet: rows gather in memory and become row groups.
//!
//! A Parquet file ends with its table of contents, so it can be read only once it is finished: at
//! `flush`, or when the sink goes away.
//! Invariant: after a flush the file is complete, and a later write is refused.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use arena_tr::connector::{Sink, weighted};
use arena_tr::{Batch, DataType, Epoch, Error, Result, Schema, SqlState, Timestamp, Value};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    FloatType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::failed;
use crate::file;
use crate::shape::retraction;

/// Rows of a row group.
const GROUP_ROWS: usize = 1 << 17;
/// Most digits that 16 bytes hold.
const MAX_PRECISION: u8 = 38;

/// Writes one file.
pub(super) struct ParquetSink {
    path: String,
    types: Vec<DataType>,
    /// `None` once the file is finished.
    writer: Option<SerializedFileWriter<BufWriter<File>>>,
    /// Rows that are in no row group yet.
    waiting: Vec<Batch>,
    n_waiting: usize,
}

impl ParquetSink {
    pub(super) fn create(path: String, schema: &Schema) -> Result<Self> {
        let root = root(schema).map_err(|e| failed(&path, &e))?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let out = BufWriter::new(file::create(&path)?);
        let writer = SerializedFileWriter::new(out, Arc::new(root), Arc::new(properties))
            .map_err(|e| failed(&path, &e))?;
        Ok(Self {
            path,
            types: schema.types(),
            writer: Some(writer),
            waiting: Vec::new(),
            n_waiting: 0,
        })
    }

    /// Writes the waiting rows as a row group.
    fn write_group(&mut self) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if self.n_waiting == 0 {
            return Ok(());
        }
        let written = group(writer, &self.types, &self.waiting);
        self.waiting.clear();
        self.n_waiting = 0;
        written.map_err(|e| failed(&self.path, &e))
    }

    fn finish(&mut self) -> Result<()> {
        self.write_group()?;
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let inner = writer.into_inner().map_err(|e| failed(&self.path, &e))?;
        match inner.into_inner() {
            Ok(_) => Ok(()),
            Err(e) => Err(Error::io(&self.path, e.error())),
        }
    }
}

impl Sink for ParquetSink {
    fn write(&mut self, _epoch: Epoch, _now: Timestamp, delta: &[Batch]) -> Result<()> {
        if self.writer.is_none() {
            let message = format!("Parquet file '{}' is finished", self.path);
            return Err(Error::new(SqlState::OBJECT_IN_WRONG_STATE, message));
        }
        if weighted(delta).any(|(_, _, weight)| weight < 0) {
            return Err(retraction(&self.path));
        }
        for batch in delta {
            let batch = batch.compact().expand_weights();
            self.n_waiting += batch.rows();
            self.waiting.push(batch);
        }
        if self.n_waiting >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.finish()
    }

    fn begins_empty(&self) -> bool {
        true
    }
}

impl Drop for ParquetSink {
    fn drop(&mut self) {
        // Whoever wants to know about failures flushes first.
        let _ = self.finish();
    }
}

/// The schema of the file.
fn root(schema: &Schema) -> std::result::Result<Type, ParquetError> {
    let mut fields = Vec::with_capacity(schema.len());
    for field in schema.fields.iter() {
        let (physical, logical) = stored_as(&field.data_type);
        let mut builder = Type::primitive_type_builder(&field.name, physical)
            .with_repetition(Repetition::OPTIONAL);
        if let Some(LogicalType::Decimal(decimal)) = &logical {
            builder = builder.with_precision(decimal.precision).with_scale(decimal.scale);
        }
        if physical == Physical::FIXED_LEN_BYTE_ARRAY {
            builder = builder.with_length(16);
        }
        fields.push(Arc::new(builder.with_logical_type(logical).build()?));
    }
    Type::group_type_builder("rows").with_fields(fields).build()
}

/// How Parquet holds a type.
fn stored_as(data_type: &DataType) -> (Physical, Option<LogicalType>) {
    let micros = |is_utc| Some(LogicalType::timestamp(is_utc, TimeUnit::MICROS));
    match data_type {
        DataType::Bool => (Physical::BOOLEAN, None),
        DataType::Int2 => (Physical::INT32, Some(LogicalType::integer(16, true))),
        DataType::Int4 => (Physical::INT32, None),
        DataType::Int8 => (Physical::INT64, None),
        DataType::Float4 => (Physical::FLOAT, None),
        DataType::Float8 => (Physical::DOUBLE, None),
        DataType::Numeric(Some((precision, scale)))
            if *precision <= MAX_PRECISION && scale <= precision =>
        {
            let decimal = LogicalType::decimal(i32::from(*scale), i32::from(*precision));
            (Physical::FIXED_LEN_BYTE_ARRAY, Some(decimal))
        }
        DataType::Bytea => (Physical::BYTE_ARRAY, None),
        DataType::Date => (Physical::INT32, Some(LogicalType::Date)),
        DataType::Time => (Physical::INT64, Some(LogicalType::time(false, TimeUnit::MICROS))),
        DataType::Timestamp => (Physical::INT64, micros(false)),
        DataType::TimestampTz => (Physical::INT64, micros(true)),
        DataType::Uuid => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid)),
        DataType::Jsonb => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        _ => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    }
}

fn group(
    writer: &mut SerializedFileWriter<BufWriter<File>>,
    types: &[DataType],
    batches: &[Batch],
) -> std::result::Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for (i, data_type) in types.iter().enumerate() {
        let mut column = group
            .next_column()?
            .ok_or_else(|| ParquetError::General("a column is missing".to_owned()))?;
        let cells = batches.iter().flat_map(|batch| {
            (0..batch.rows()).map(move |row| batch.columns[i].value(row, data_type))
        });
        write_column(&mut column, data_type, cells)?;
        column.close()?;
    }
    group.close()?;
    Ok(())
}

/// Writes one column of a row group.
fn write_column(
    column: &mut SerializedColumnWriter<'_>,
    data_type: &DataType,
    cells: impl Iterator<Item = Value>,
) -> std::result::Result<(), ParquetError> {
    macro_rules! write {
        ($kind:ty, $cell:expr) => {{
            let (mut values, mut levels) = (Vec::new(), Vec::new());
            for cell in cells {
                levels.push(i16::from(!cell.is_null()));
                if !cell.is_null() {
                    values.push($cell(&cell).ok_or_else(|| unfit(&cell, data_type))?);
                }
            }
            column.typed::<$kind>().write_batch(&values, Some(&levels), None)?;
        }};
    }
    match stored_as(data_type).0 {
        Physical::BOOLEAN => write!(BoolType, Value::as_bool),
        Physical::INT32 => write!(Int32Type, int32),
        Physical::INT64 => write!(Int64Type, int64),
        Physical::FLOAT => write!(FloatType, |cell: &Value| match cell {
            Value::Float4(v) => Some(*v),
            _ => None,
        }),
        Physical::DOUBLE => write!(DoubleType, Value::as_f64),
        Physical::FIXED_LEN_BYTE_ARRAY => {
            write!(FixedLenByteArrayType, |cell: &Value| fixed(cell, data_type));
        }
        _ => write!(ByteArrayType, |cell: &Value| Some(bytes(cell))),
    }
    Ok(())
}

fn unfit(cell: &Value, data_type: &DataType) -> ParquetError {
    ParquetError::General(format!("{cell} cannot be written as {data_type}"))
}

fn int32(cell: &Value) -> Option<i32> {
    match cell {
        Value::Date(days) => Some(*days),
        other => other.as_i64().and_then(|v| i32::try_from(v).ok()),
    }
}

fn int64(cell: &Value) -> Option<i64> {
    match cell {
        Value::Time(micros) | Value::Timestamp(micros) | Value::TimestampTz(micros) => {
            Some(*micros)
        }
        other => other.as_i64(),
    }
}

/// 16 bytes: a UUID, or a decimal brought to its declared scale.
fn fixed(cell: &Value, data_type: &DataType) -> Option<FixedLenByteArray> {
    let bits = match (cell, data_type) {
        (Value::Uuid(bits), _) => *bits,
        (Value::Numeric(decimal), DataType::Numeric(Some((precision, scale)))) => {
            let decimal = decimal.to_declared(*precision, *scale).ok()?;
            if !decimal.is_finite() {
                return None;
            }
            let up = 10i128.checked_pow(u32::from(*scale).checked_sub(decimal.scale())?)?;
            decimal.mantissa().checked_mul(up)?.cast_unsigned()
        }
        _ => return None,
    };
    Some(ByteArray::from(bits.to_be_bytes().to_vec()).into())
}

fn bytes(cell: &Value) -> ByteArray {
    match cell {
        Value::Bytea(bytes) => ByteArray::from(bytes.to_vec()),
        Value::Text(text) | Value::Jsonb(text) => ByteArray::from(text.as_bytes().to_vec()),
        other => ByteArray::from(other.to_string().into_bytes()),
    }
}
