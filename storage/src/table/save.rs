//! The contents of a relation as bytes: columns and marks of each chunk, apart from each other.
//!
//! A chunk's columns stay as they are until rows are added, its marks change when rows leave; so
//! they are saved apart, and a saver that has them already does not write them again. What else a
//! store needs to go on is a few numbers ([`TableHeader`]) and the chunk's names ([`SavedChunk`]).
//!
//! ```text
//! columns  = number of batches u32, at least 1, then so many batches as `codec::batch` has them:
//!            all rows in order, gone or not; of a chunk of rows that may leave one batch
//! marks    = nothing, if every row is there once; else
//!            rows u16, number of weights u16,
//!            ceil(rows/64) words u64: bit i%64 of word i/64 is set if row i is gone,
//!            then the weights
//! weight   = row u16, how often it is there i64 (at least 2); rows ascending, none is gone
//! ```
//!
//! Everything is little-endian. Invariant: columns depend on a chunk's number and `filled` only,
//! marks on its number and `changed` only; reading any bytes gives a chunk or
//! [`StorageError::Corrupt`], and takes memory in proportion to the bytes and to the rows that the
//! header says there are.

use arena_tr_types::{DataType, Decimal, PhysicalType};

use crate::arena::BatchArena;
use crate::batch::Batch;
use crate::codec::batch::{self, Form, MAX_ROWS};
use crate::codec::{Bytes, Decode, Encode};
use crate::column::{Column, StrColumn, nested};
use crate::error::StorageError;
use crate::table::chunk::{CHUNK_ROWS, Chunk};

/// What a relation's store needs besides its chunks to go on where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct TableHeader {
    /// How often the contents had changed.
    pub version: u64,
    /// Number of rows, counting each as often as it is there.
    pub len: u64,
    /// The highest number that a chunk ever had.
    pub last_number: u64,
    /// The number of the chunk to which arriving rows are added, if there is such a one.
    pub open: Option<u64>,
}

/// A chunk that was saved: what [`super::SnapshotChunk`] says of it, and its bytes.
#[derive(Debug, Clone)]
pub struct SavedChunk<B> {
    /// Names it for ever.
    pub number: u64,
    /// Its place among the chunks.
    pub order: u64,
    /// The version in which rows were added to it last.
    pub filled: u64,
    /// The version in which anything changed in it last.
    pub changed: u64,
    /// What [`super::SnapshotChunk::put_columns`] wrote.
    pub columns: B,
    /// What [`super::SnapshotChunk::put_marks`] wrote.
    pub marks: B,
}

#[cold]
pub(super) fn corrupt(what: &'static str) -> StorageError {
    StorageError::Corrupt { what, offset: 0 }
}

impl TableHeader {
    /// Whether a store can go on counting from these numbers.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        const MOST: u64 = i64::MAX.cast_unsigned();
        match self.version <= MOST && self.last_number <= MOST {
            true => Ok(()),
            false => Err(corrupt("a count of changes or chunks that cannot be")),
        }
    }
}

impl<B> SavedChunk<B> {
    /// Whether a chunk of this relation can have these names.
    pub(super) fn check(&self, header: &TableHeader) -> Result<(), StorageError> {
        let numbers = (1..=self.number).contains(&self.order) && self.number <= header.last_number;
        match numbers && self.filled <= self.changed && self.changed <= header.version {
            true => Ok(()),
            false => Err(corrupt("the numbers of a chunk contradict each other")),
        }
    }
}

/// Appends the columns of these rows.
pub(super) fn put_columns(rows: &Batch, out: &mut Vec<u8>) -> Result<(), StorageError> {
    let n_batches = rows.rows().div_ceil(MAX_ROWS);
    out.extend_from_slice(&(n_batches as u32).to_le_bytes());
    for start in (0..rows.rows()).step_by(MAX_ROWS) {
        batch::encode(&rows.slice(start, MAX_ROWS.min(rows.rows() - start)), out)?;
    }
    Ok(())
}

/// The rows whose columns these are: at most `max_rows`, and with values of these types.
pub(super) fn get_columns(
    bytes: &[u8],
    types: &[DataType],
    max_rows: usize,
    arena: Option<&BatchArena>,
) -> Result<Batch, StorageError> {
    let physical: Vec<PhysicalType> = types.iter().map(DataType::physical).collect();
    let mut bytes = Bytes::new(bytes);
    let n_batches = bytes.u32()?;
    let mut batches: Vec<Batch> = Vec::new();
    let mut left = max_rows;
    for _ in 0..n_batches {
        if batches.last().is_some_and(|before| before.rows() < MAX_ROWS) {
            return Err(bytes.corrupt("more batches than were cut"));
        }
        let form = Form { types: &physical, max_rows: left, arena };
        let batch = batch::decode_as(&form, &mut bytes)?;
        left -= batch.rows();
        for (column, data_type) in batch.columns.iter().zip(types) {
            check_values(column, data_type)?;
        }
        batches.push(batch);
    }
    if bytes.left() > 0 {
        return Err(bytes.corrupt("bytes after the columns"));
    }
    Batch::concat(&batches).ok_or_else(|| corrupt("a chunk without a row"))
}

/// Which rows of a chunk are gone, and how often the others are there.
#[derive(Debug, PartialEq)]
pub(super) struct Marks {
    pub(super) gone: [u64; CHUNK_ROWS / 64],
    /// Of each row, if they are not all 1; 0 of rows that are gone.
    pub(super) weights: Option<Vec<i64>>,
}

/// Appends the marks of a chunk.
pub(super) fn put_marks(chunk: &Chunk, out: &mut Vec<u8>) {
    let rows = chunk.rows();
    let weights = || chunk.live_rows().map(|row| (row, chunk.weight(row))).filter(|(_, w)| *w != 1);
    let n_weights = weights().count();
    if chunk.live() == rows && n_weights == 0 {
        return;
    }
    out.extend_from_slice(&(rows as u16).to_le_bytes());
    out.extend_from_slice(&(n_weights as u16).to_le_bytes());
    for word in chunk.gone() {
        out.extend_from_slice(&word.to_le_bytes());
    }
    for (row, weight) in weights() {
        out.extend_from_slice(&(row as u16).to_le_bytes());
        out.extend_from_slice(&weight.to_le_bytes());
    }
}

/// The marks of a chunk of so many rows.
pub(super) fn get_marks(bytes: &[u8], rows: usize) -> Result<Marks, StorageError> {
    let mut marks = Marks { gone: [0; CHUNK_ROWS / 64], weights: None };
    let mut bytes = Bytes::new(bytes);
    if bytes.left() == 0 {
        return Ok(marks);
    }
    let (n_rows, n_weights) = (bytes.u16()?, bytes.u16()?);
    if usize::from(n_rows) != rows {
        return Err(bytes.corrupt("marks of another number of rows"));
    }
    for word in marks.gone.iter_mut().take(rows.div_ceil(64)) {
        *word = bytes.u64()?;
    }
    let beyond = rows % 64;
    if beyond != 0 && marks.gone[rows / 64] >> beyond != 0 {
        return Err(bytes.corrupt("a mark of a row that is not there"));
    }
    if n_weights > 0 {
        marks.weights = Some(get_weights(&mut bytes, rows, n_weights, &marks.gone)?);
    }
    if bytes.left() > 0 {
        return Err(bytes.corrupt("bytes after the marks"));
    }
    Ok(marks)
}

fn get_weights(
    bytes: &mut Bytes<'_>,
    rows: usize,
    n_weights: u16,
    gone: &[u64],
) -> Result<Vec<i64>, StorageError> {
    let is_gone = |row: usize| gone[row / 64] >> (row % 64) & 1 == 1;
    let mut weights: Vec<i64> = (0..rows).map(|row| i64::from(!is_gone(row))).collect();
    let mut next = 0;
    for _ in 0..n_weights {
        let row = usize::from(bytes.u16()?);
        let weight = bytes.u64()?.cast_signed();
        if row < next || row >= rows {
            return Err(bytes.corrupt("a weight of a row that is not there"));
        }
        if is_gone(row) || weight < 2 {
            return Err(bytes.corrupt("a weight that cannot be"));
        }
        weights[row] = weight;
        next = row + 1;
    }
    Ok(weights)
}

/// Refuses values of which a column's other users rely on that they do not occur. Other damage to
/// values is the business of checksums.
fn check_values(column: &Column, data_type: &DataType) -> Result<(), StorageError> {
    let sound = match column {
        Column::Bool(c) => c.values.iter().all(|v| *v <= 1),
        Column::Decimal(c) => c.values.iter().all(|v| is_sound(*v)),
        Column::Str(c) => return check_strings(c, data_type),
        _ => true,
    };
    if sound { Ok(()) } else { Err(corrupt("a value that its type does not have")) }
}

fn is_sound(value: Decimal) -> bool {
    match value.is_finite() {
        true => Decimal::try_new(value.mantissa(), value.scale()).is_ok(),
        false => [Decimal::NAN, Decimal::INFINITY, Decimal::NEG_INFINITY].contains(&value),
    }
}

fn check_strings(column: &StrColumn, data_type: &DataType) -> Result<(), StorageError> {
    let mut all = (0..column.len()).map(|row| column.get(row));
    match data_type {
        DataType::Bytea => Ok(()),
        DataType::List(_) | DataType::Struct(_) => {
            let mut rows = (0..column.len()).filter(|row| !column.is_null(*row));
            rows.try_for_each(|row| nested::decode(column.get(row)).map(drop))
        }
        _ if all.all(|bytes| bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()) => Ok(()),
        _ => Err(corrupt("text that is not UTF-8")),
    }
}
