//! Looking one key up: values against columns, without making columns of them.
//!
//! Invariant: a probe hashes as a row of equal values does.

use arena_tr_types::{SqlError, SqlState, Value};

use crate::arena::Addr;
use crate::column::{Column, nested};
use crate::state::cell::{self, Cell};
use crate::state::hash;
use crate::state::row::load_fixed;
use crate::table::chunks::ChunkList;
use crate::table::index::KeyIndex;

/// One value of a key.
#[derive(Debug)]
enum Part<'a> {
    Null,
    Words([u64; 3]),
    Bytes(&'a [u8]),
    Encoded(Vec<u8>),
}

/// The values of a key.
#[derive(Debug)]
pub(super) struct Probe<'a> {
    parts: Vec<(Cell, Part<'a>)>,
    hash: u64,
}

impl<'a> Probe<'a> {
    /// A probe for keys with these cells. An integer may be of another width than the column.
    pub(super) fn new(cells: &[Cell], key: &'a [Value]) -> Result<Self, SqlError> {
        if cells.len() != key.len() {
            let message = format!("a key of {} values where {} are wanted", key.len(), cells.len());
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message));
        }
        let mut parts = Vec::with_capacity(key.len());
        let mut h = hash::SEED;
        for (&cell, value) in cells.iter().zip(key) {
            let part = part(cell, value)?;
            h = match &part {
                Part::Null => hash::mix_null(h),
                Part::Words(words) => cell::hash_fixed(cell, h, words),
                Part::Bytes(bytes) => cell::hash_bytes(cell, h, bytes),
                Part::Encoded(bytes) => cell::hash_bytes(cell, h, bytes),
            };
            parts.push((cell, part));
        }
        Ok(Self { parts, hash: h })
    }

    /// The entry of the index with this key; [`Addr::NONE`] if there is none.
    pub(super) fn find(&self, index: &KeyIndex, chunks: &ChunkList) -> Addr {
        index.find(self.hash, |addr| {
            let (batch, row) = chunks.row(addr);
            let columns = index.columns().iter().map(|c| &batch.columns[*c]);
            columns.zip(&self.parts).all(|(column, part)| matches(column, row, part))
        })
    }
}

fn part(cell: Cell, value: &Value) -> Result<Part<'_>, SqlError> {
    let words = |word: u64| Ok(Part::Words([word, 0, 0]));
    let wide = |bits: i128| {
        let words = cell::i128_to_words(bits);
        Ok(Part::Words([words[0], words[1], 0]))
    };
    match (cell, value) {
        (_, Value::Null) => Ok(Part::Null),
        (Cell::Bool, Value::Bool(v)) => words(u64::from(*v)),
        (Cell::I16 | Cell::I32 | Cell::I64, _) => match integer(value) {
            Some(v) => words(v.cast_unsigned()),
            None => Err(mismatch(cell)),
        },
        (Cell::F32, Value::Float4(v)) => words(u64::from(v.to_bits())),
        (Cell::F64, Value::Float8(v)) => words(v.to_bits()),
        (Cell::Decimal, Value::Numeric(v)) => Ok(Part::Words(v.to_words())),
        (Cell::Interval, Value::Interval(v)) => wide(v.to_bits()),
        (Cell::Uuid, Value::Uuid(v)) => wide(v.cast_signed()),
        (Cell::Bytes, Value::Text(v)) | (Cell::Jsonb, Value::Jsonb(v)) => {
            Ok(Part::Bytes(v.as_bytes()))
        }
        (Cell::Bytes, Value::Bytea(v)) => Ok(Part::Bytes(v)),
        (Cell::Nested, Value::List(_) | Value::Struct(_)) => {
            let mut bytes = Vec::new();
            nested::encode(value, &mut bytes);
            Ok(Part::Encoded(bytes))
        }
        _ => Err(mismatch(cell)),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int2(v) => Some(i64::from(*v)),
        Value::Int4(v) | Value::Date(v) => Some(i64::from(*v)),
        Value::Int8(v) | Value::Time(v) | Value::Timestamp(v) | Value::TimestampTz(v) => Some(*v),
        _ => None,
    }
}

#[cold]
fn mismatch(cell: Cell) -> SqlError {
    let message = format!("a key of another type than its column, which is held as {cell:?}");
    SqlError::new(SqlState::DATATYPE_MISMATCH, message)
}

#[inline]
fn matches(column: &Column, row: usize, (cell, part): &(Cell, Part<'_>)) -> bool {
    let null = column.is_null(row);
    let bytes = |bytes: &[u8]| match column {
        Column::Str(c) => !null && cell::eq_bytes(*cell, c.get(row), bytes),
        _ => false,
    };
    match part {
        Part::Null => null,
        Part::Words(words) => !null && cell::eq_fixed(*cell, &load_fixed(column, row), words),
        Part::Bytes(own) => bytes(own),
        Part::Encoded(own) => bytes(own),
    }
}
