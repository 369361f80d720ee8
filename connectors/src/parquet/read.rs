//! Reading Parquet: wanted columns only, a row group after the other.
//!
//! Each column has its own reader, opened when the column is first wanted and moved on to where the
//! others are; a column nobody wants is never touched.
//! Invariant: a cell that does not fit its column makes its row malformed, and no other.

use std::collections::BTreeMap;
use std::fs::File;

use arena_tr::connector::{Polled, Source, SourceSpec, Want};
use arena_tr::{ColumnBuilder, DataType, Error, Result, SqlError, SqlState, Value};
use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::failed;
use super::meaning::{Meaning, Unit};
use crate::cell;
use crate::file;
use crate::rows::{self, Fault, RowSet};

/// Most rows read at a time.
const MAX_ROWS: usize = 65_536;

/// Reads one file.
pub(super) struct ParquetSource {
    path: String,
    file: SerializedFileReader<File>,
    columns: Vec<Leaf>,
    stop_on_error: bool,
    rows: RowSet,
    /// The row group at hand, its rows, how many of them were given, and those before it.
    group: usize,
    group_rows: usize,
    given: usize,
    before: u64,
}

/// A column of the file, for one of the schema.
struct Leaf {
    /// Its number in the file.
    index: usize,
    meaning: Meaning,
    data_type: DataType,
    /// Definition level of a value; 0 if there are no NULLs.
    present: i16,
    reader: Option<ColumnReader>,
    /// Rows of the group that the reader is past.
    at: usize,
}

/// Cells that are not NULL.
pub(super) enum Raw {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl ParquetSource {
    pub(super) fn open(path: String, spec: &SourceSpec) -> Result<Self> {
        let file = open(&path)?;
        let columns = leaves(&path, &file, spec)?;
        let group_rows = rows_of(&file, 0);
        Ok(Self {
            path,
            file,
            columns,
            stop_on_error: spec.stop_on_error,
            rows: RowSet::new(&spec.schema),
            group: 0,
            group_rows,
            given: 0,
            before: 0,
        })
    }

    /// Goes on to the next row group that has rows. False at the end.
    fn find_rows(&mut self) -> bool {
        while self.given == self.group_rows {
            if self.group >= self.file.num_row_groups() {
                return false;
            }
            self.before += self.group_rows as u64;
            self.group += 1;
            (self.given, self.group_rows) = (0, rows_of(&self.file, self.group));
            for leaf in &mut self.columns {
                (leaf.reader, leaf.at) = (None, 0);
            }
        }
        true
    }

    /// Reads `n` rows of one column; what is wrong goes to `faults` by row.
    fn read_column(
        &mut self,
        column: usize,
        n: usize,
        faults: &mut BTreeMap<usize, Fault>,
    ) -> Result<()> {
        let leaf = &mut self.columns[column];
        let (raw, levels) =
            leaf.read(&self.file, self.group, self.given, n).map_err(|e| failed(&self.path, &e))?;
        let mut nth = 0;
        for row in 0..n {
            if levels.get(row).is_some_and(|level| *level < leaf.present) {
                self.rows.push_null(column);
                continue;
            }
            let Some(builder) = self.rows.builder(column) else { return Ok(()) };
            if let Err(fault) = push(builder, &raw, nth, leaf.meaning, &leaf.data_type) {
                faults.entry(row).or_insert(self.rows.blame(column, fault));
                self.rows.push_null(column);
            }
            nth += 1;
        }
        Ok(())
    }
}

impl Source for ParquetSource {
    fn poll(&mut self, want: &Want<'_>) -> Result<Polled> {
        if !self.find_rows() {
            return Ok(Polled::End);
        }
        let n = want.max_rows.clamp(1, MAX_ROWS).min(self.group_rows - self.given);
        self.rows.start(want);
        let mut faults = BTreeMap::new();
        for column in 0..self.columns.len() {
            if self.rows.wants(column) {
                self.read_column(column, n, &mut faults)?;
            }
        }
        let first = self.before + self.given as u64 + 1;
        self.given += n;
        if let (true, Some((row, fault))) = (self.stop_on_error, faults.first_key_value()) {
            return Err(rows::stop(&self.path, first + *row as u64, "row", fault));
        }
        self.rows.end_rows(n);
        for (row, fault) in faults {
            self.rows.reject_ended(row, first + row as u64, fault);
        }
        let (batch, bad) = self.rows.finish();
        Ok(Polled::Rows(batch, bad))
    }

    fn restart(&mut self) -> Result<bool> {
        // Opened again: the file may have been replaced.
        self.file = open(&self.path)?;
        (self.group, self.given, self.before) = (0, 0, 0);
        self.group_rows = rows_of(&self.file, 0);
        for leaf in &mut self.columns {
            (leaf.reader, leaf.at) = (None, 0);
        }
        Ok(true)
    }

    fn is_bounded(&self) -> bool {
        true
    }
}

fn open(path: &str) -> Result<SerializedFileReader<File>> {
    SerializedFileReader::new(file::open(path)?).map_err(|e| failed(path, &e))
}

fn rows_of(file: &SerializedFileReader<File>, group: usize) -> usize {
    match file.metadata().row_groups().get(group) {
        Some(group) => usize::try_from(group.num_rows()).unwrap_or(0),
        None => 0,
    }
}

/// The file's column for each of the schema's.
fn leaves(path: &str, file: &SerializedFileReader<File>, spec: &SourceSpec) -> Result<Vec<Leaf>> {
    let schema = file.metadata().file_metadata().schema_descr();
    let names: Vec<String> = schema.columns().iter().map(|c| c.path().string()).collect();
    let leaf = |field: &arena_tr::Field| {
        let exact = names.iter().position(|n| **n == *field.name);
        let found =
            exact.or_else(|| names.iter().position(|n| n.eq_ignore_ascii_case(&field.name)));
        let Some(index) = found else {
            let inside = format!("{}.", field.name);
            if names.iter().any(|n| n.starts_with(&inside)) {
                return Err(nested(path, &field.name));
            }
            let message = format!("Parquet file '{path}' has no column \"{}\"", field.name);
            return Err(Error::new(SqlState::UNDEFINED_COLUMN, message)
                .with_hint(format!("its columns: {}", names.join(", "))));
        };
        let column = schema.column(index);
        if column.max_rep_level() > 0 {
            return Err(nested(path, &field.name));
        }
        let Some(meaning) = Meaning::of(&column) else {
            let what = format!("the type of column \"{}\" of Parquet file '{path}'", field.name);
            return Err(Error::unsupported(what));
        };
        Ok(Leaf {
            index,
            meaning,
            data_type: field.data_type.clone(),
            present: column.max_def_level(),
            reader: None,
            at: 0,
        })
    };
    spec.schema.fields.iter().map(leaf).collect()
}

fn nested(path: &str, column: &str) -> Error {
    Error::unsupported(format!("nested or repeated column \"{column}\" of Parquet file '{path}'"))
}

impl Leaf {
    /// Reads rows `start..start + n` of a group: the cells that are not NULL, and the definition
    /// levels.
    fn read(
        &mut self,
        file: &SerializedFileReader<File>,
        group: usize,
        start: usize,
        n: usize,
    ) -> std::result::Result<(Raw, Vec<i16>), ParquetError> {
        if self.reader.is_none() {
            self.reader = Some(file.get_row_group(group)?.get_column_reader(self.index)?);
            self.at = 0;
        }
        let reader = self.reader.as_mut().expect("opened above");
        let mut levels = Vec::new();
        let skip = start - self.at;
        macro_rules! read {
            ($reader:expr, $raw:ident) => {{
                if $reader.skip_records(skip)? != skip {
                    return Err(ParquetError::EOF(format!("row {start} is missing")));
                }
                let mut values = Vec::with_capacity(n);
                let mut left = n;
                while left > 0 {
                    let wants_levels = (self.present > 0).then_some(&mut levels);
                    let (records, _, _) =
                        $reader.read_records(left, wants_levels, None, &mut values)?;
                    if records == 0 {
                        return Err(ParquetError::EOF(format!("{left} rows are missing")));
                    }
                    left -= records;
                }
                Raw::$raw(values)
            }};
        }
        let raw = match reader {
            ColumnReader::BoolColumnReader(r) => read!(r, Bool),
            ColumnReader::Int32ColumnReader(r) => read!(r, Int32),
            ColumnReader::Int64ColumnReader(r) => read!(r, Int64),
            ColumnReader::Int96ColumnReader(r) => read!(r, Int96),
            ColumnReader::FloatColumnReader(r) => read!(r, Float),
            ColumnReader::DoubleColumnReader(r) => read!(r, Double),
            ColumnReader::ByteArrayColumnReader(r) => read!(r, Bytes),
            ColumnReader::FixedLenByteArrayColumnReader(r) => read!(r, Fixed),
        };
        self.at = start + n;
        Ok((raw, levels))
    }
}

/// Appends cell `k` as a value of the column's type.
fn push(
    builder: &mut ColumnBuilder,
    raw: &Raw,
    k: usize,
    meaning: Meaning,
    data_type: &DataType,
) -> std::result::Result<(), Fault> {
    match (raw, meaning, data_type) {
        (Raw::Int64(v), Meaning::Plain, DataType::Int8) => builder.push_i64(v[k]),
        (Raw::Int32(v), Meaning::Plain, DataType::Int4) => builder.push_i32(v[k]),
        (
            Raw::Int64(v),
            Meaning::Timestamp(Unit::Micros),
            DataType::Timestamp | DataType::TimestampTz,
        ) => builder.push_i64(v[k]),
        (Raw::Double(v), Meaning::Plain, DataType::Float8) => builder.push_f64(v[k]),
        (Raw::Bytes(v), Meaning::Text, DataType::Text | DataType::Varchar(None)) => {
            builder.push_str(cell::utf8(v[k].data())?.as_bytes());
        }
        _ => builder.push_value(&fit(meaning.value(raw, k)?, data_type)?)?,
    }
    Ok(())
}

/// The value as one of the column's type: as if it was assigned, text as if it was typed in.
fn fit(value: Value, data_type: &DataType) -> std::result::Result<Value, SqlError> {
    match value {
        Value::Text(text) if !data_type.is_text() => Value::parse(&text, data_type),
        // Files often keep text without saying that it is text.
        Value::Bytea(bytes) if *data_type != DataType::Bytea => {
            Value::parse(cell::utf8(&bytes)?, data_type)
        }
        value => value.assign(data_type),
    }
}
