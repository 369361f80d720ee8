//! A batch as bytes.
//!
//! ```text
//! batch    = rows u32, columns u32, weights u8 (0 or 1), then the columns, then the weights
//! column   = type u8, nulls u8, then by `nulls`
//!            0 none is NULL      values
//!            1 some are          ceil(rows/64) words of validity, values
//!            2 all are           nothing
//! values   = rows numbers of the type's width; of DECIMAL three words each;
//!            of strings rows lengths u32, then all bytes one after the other
//! weights  = rows numbers i64
//! ```
//!
//! Everything is little-endian. A column that nobody reads arrives as all NULL and costs two bytes.
//! Invariant: `decode(encode(b))` has the rows of `b` in the same order; rows that are not selected
//! are not encoded.

use arena_tr_types::{Decimal, PhysicalType};

use super::Bytes;
use crate::arena::BatchArena;
use crate::batch::Batch;
use crate::column::string::INLINE_BYTES;
use crate::column::{Bitmap, Column, Fixed, MAX_STR_BYTES, MutBuffer, Pod, StrBuilder, StrColumn};
use crate::error::StorageError;

/// Which column it is; never renumbered.
mod tag {
    pub(super) const BOOL: u8 = 0;
    pub(super) const I16: u8 = 1;
    pub(super) const I32: u8 = 2;
    pub(super) const I64: u8 = 3;
    pub(super) const F32: u8 = 4;
    pub(super) const F64: u8 = 5;
    pub(super) const DECIMAL: u8 = 6;
    pub(super) const I128: u8 = 7;
    pub(super) const STR: u8 = 8;
}

/// Most rows of an encoded batch: a longer one is encoded in pieces. (NULLs take no bytes, so their
/// number does not bound the rows.)
pub const MAX_ROWS: usize = 1 << 20;

const NO_NULLS: u8 = 0;
const SOME_NULLS: u8 = 1;
const ALL_NULLS: u8 = 2;

/// A fixed-width value as bytes.
trait Word: Pod {
    const BYTES: usize;
    fn put(self, out: &mut [u8]);
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! words {
    ($($t:ty),*) => { $(impl Word for $t {
        const BYTES: usize = size_of::<$t>();

        #[inline(always)]
        fn put(self, out: &mut [u8]) {
            out.copy_from_slice(&self.to_le_bytes());
        }

        #[inline(always)]
        fn get(bytes: &[u8]) -> Self {
            let mut word = [0; size_of::<$t>()];
            word.copy_from_slice(bytes);
            Self::from_le_bytes(word)
        }
    })* };
}

words!(u8, i16, i32, i64, u64, f32, f64, i128);

impl Word for Decimal {
    const BYTES: usize = 24;

    fn put(self, out: &mut [u8]) {
        for (word, out) in self.to_words().iter().zip(out.chunks_exact_mut(8)) {
            word.put(out);
        }
    }

    fn get(bytes: &[u8]) -> Self {
        let word = |i: usize| u64::get(&bytes[i * 8..i * 8 + 8]);
        Self::from_words([word(0), word(1), word(2)])
    }
}

fn put_values<T: Word>(values: &[T], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len() * T::BYTES, 0);
    for (value, out) in values.iter().zip(out[start..].chunks_exact_mut(T::BYTES)) {
        value.put(out);
    }
}

/// Room for `n` values, in the arena if there is one.
fn room<T: Pod>(n: usize, arena: Option<&BatchArena>) -> MutBuffer<T> {
    match arena {
        Some(arena) => MutBuffer::with_capacity_in(n, arena),
        None => MutBuffer::with_capacity(n),
    }
}

fn get_values<T: Word>(
    n: usize,
    bytes: &mut Bytes<'_>,
    arena: Option<&BatchArena>,
) -> Result<MutBuffer<T>, StorageError> {
    // The bytes are there before memory is asked for.
    let taken = bytes.take(n * T::BYTES)?;
    let mut values = room(n, arena);
    values.resize_for_overwrite(n);
    for (value, bytes) in values.iter_mut().zip(taken.chunks_exact(T::BYTES)) {
        *value = T::get(bytes);
    }
    Ok(values)
}

/// Appends a batch's bytes.
///
/// # Errors
/// When it has more than [`MAX_ROWS`] rows.
pub fn encode(batch: &Batch, out: &mut Vec<u8>) -> Result<(), StorageError> {
    let batch = batch.compacted();
    if batch.rows() > MAX_ROWS {
        return Err(StorageError::Corrupt { what: "too many rows of a batch", offset: 0 });
    }
    out.extend_from_slice(&(batch.rows() as u32).to_le_bytes());
    out.extend_from_slice(&(batch.columns.len() as u32).to_le_bytes());
    out.push(u8::from(batch.weights.is_some()));
    for column in &batch.columns {
        encode_column(column, batch.rows(), out);
    }
    if let Some(weights) = &batch.weights {
        put_values(weights, out);
    }
    Ok(())
}

fn tag_of(column: &Column) -> u8 {
    match column {
        Column::Bool(_) => tag::BOOL,
        Column::I16(_) => tag::I16,
        Column::I32(_) => tag::I32,
        Column::I64(_) => tag::I64,
        Column::F32(_) => tag::F32,
        Column::F64(_) => tag::F64,
        Column::Decimal(_) => tag::DECIMAL,
        Column::I128(_) => tag::I128,
        Column::Str(_) => tag::STR,
    }
}

fn encode_column(column: &Column, rows: usize, out: &mut Vec<u8>) {
    out.push(tag_of(column));
    match column.validity() {
        None => out.push(NO_NULLS),
        Some(validity) if rows > 0 && validity.count_valid() == 0 => {
            out.push(ALL_NULLS);
            return;
        }
        Some(validity) => {
            out.push(SOME_NULLS);
            put_values(validity.words(), out);
        }
    }
    match column {
        Column::Bool(c) => put_values(&c.values, out),
        Column::I16(c) => put_values(&c.values, out),
        Column::I32(c) => put_values(&c.values, out),
        Column::I64(c) => put_values(&c.values, out),
        Column::F32(c) => put_values(&c.values, out),
        Column::F64(c) => put_values(&c.values, out),
        Column::Decimal(c) => put_values(&c.values, out),
        Column::I128(c) => put_values(&c.values, out),
        Column::Str(c) => put_strings(c, out),
    }
}

fn put_strings(column: &StrColumn, out: &mut Vec<u8>) {
    let start = out.len();
    let lengths = column.len() * size_of::<u32>();
    out.resize(start + lengths, 0);
    for (view, out) in column.views.iter().zip(out[start..].chunks_exact_mut(4)) {
        out.copy_from_slice(&(view.len() as u32).to_le_bytes());
    }
    for view in column.views.iter() {
        out.extend_from_slice(column.bytes_of(view));
    }
}

/// What stands in front of the columns.
struct Head {
    rows: usize,
    n_columns: usize,
    weighted: bool,
}

fn get_head(bytes: &mut Bytes<'_>) -> Result<Head, StorageError> {
    let rows = bytes.u32()? as usize;
    let n_columns = bytes.u32()? as usize;
    let weighted = bytes.u8()?;
    if weighted > 1 {
        return Err(bytes.corrupt("a flag that is neither 0 nor 1"));
    }
    // A column has two bytes at least.
    if n_columns > bytes.left() / 2 {
        return Err(bytes.corrupt("more columns than bytes"));
    }
    if rows > MAX_ROWS {
        return Err(bytes.corrupt("more rows than a batch can have"));
    }
    Ok(Head { rows, n_columns, weighted: weighted == 1 })
}

/// The batch at the front of these bytes.
///
/// # Errors
/// When they do not encode one.
pub fn decode(bytes: &mut Bytes<'_>) -> Result<Batch, StorageError> {
    let head = get_head(bytes)?;
    let mut columns = Vec::with_capacity(head.n_columns);
    for _ in 0..head.n_columns {
        columns.push(decode_column(head.rows, None, None, bytes)?);
    }
    let weights = match head.weighted {
        true => Some(get_values::<i64>(head.rows, bytes, None)?.freeze()),
        false => None,
    };
    Ok(Batch::new(columns, head.rows).with_weights(weights))
}

/// What is known of a batch before its bytes are read.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    /// What its columns hold.
    pub types: &'a [PhysicalType],
    /// Most rows that it may have.
    pub max_rows: usize,
    /// Where its columns are to lie; on the heap if nowhere else.
    pub arena: Option<&'a BatchArena>,
}

/// The batch at the front of these bytes, which is of this form, has a row and no weights. Memory
/// is asked for only after the form was found right.
///
/// # Errors
/// When they do not encode one.
pub fn decode_as(form: &Form<'_>, bytes: &mut Bytes<'_>) -> Result<Batch, StorageError> {
    let head = get_head(bytes)?;
    if head.weighted {
        return Err(bytes.corrupt("weights where none are wanted"));
    }
    if head.n_columns != form.types.len() {
        return Err(bytes.corrupt("another number of columns"));
    }
    if head.rows == 0 || head.rows > form.max_rows {
        return Err(bytes.corrupt("a number of rows that cannot be"));
    }
    let mut columns = Vec::with_capacity(head.n_columns);
    for physical in form.types {
        columns.push(decode_column(head.rows, Some(*physical), form.arena, bytes)?);
    }
    Ok(Batch::new(columns, head.rows))
}

/// A column, which must be of the `wanted` type.
fn decode_column(
    rows: usize,
    wanted: Option<PhysicalType>,
    arena: Option<&BatchArena>,
    bytes: &mut Bytes<'_>,
) -> Result<Column, StorageError> {
    let (tag, nulls) = (bytes.u8()?, bytes.u8()?);
    let physical = physical(tag).ok_or_else(|| bytes.corrupt("an unknown type of column"))?;
    if wanted.is_some_and(|wanted| wanted != physical) {
        return Err(bytes.corrupt("a column of another type"));
    }
    let validity = match nulls {
        NO_NULLS => None,
        ALL_NULLS => {
            let column = Column::nulls(physical, rows);
            return Ok(match arena {
                Some(arena) => column.copy_in(arena),
                None => column,
            });
        }
        SOME_NULLS => Some(Bitmap::from_words(get_values(rows.div_ceil(64), bytes, arena)?, rows)),
        _ => return Err(bytes.corrupt("an unknown kind of validity")),
    };
    macro_rules! fixed {
        ($variant:ident) => {{
            let values = get_values(rows, bytes, arena)?.freeze();
            Column::$variant(Fixed::with_validity(values, validity))
        }};
    }
    Ok(match tag {
        tag::BOOL => fixed!(Bool),
        tag::I16 => fixed!(I16),
        tag::I32 => fixed!(I32),
        tag::I64 => fixed!(I64),
        tag::F32 => fixed!(F32),
        tag::F64 => fixed!(F64),
        tag::DECIMAL => fixed!(Decimal),
        tag::I128 => fixed!(I128),
        _ => Column::Str(get_strings(rows, validity, arena, bytes)?),
    })
}

fn physical(tag: u8) -> Option<PhysicalType> {
    use PhysicalType as P;
    Some(match tag {
        tag::BOOL => P::Bool,
        tag::I16 => P::I16,
        tag::I32 => P::I32,
        tag::I64 => P::I64,
        tag::F32 => P::F32,
        tag::F64 => P::F64,
        tag::DECIMAL => P::Decimal,
        tag::I128 => P::I128,
        tag::STR => P::Str,
        _ => return None,
    })
}

fn get_strings(
    rows: usize,
    validity: Option<Bitmap>,
    arena: Option<&BatchArena>,
    bytes: &mut Bytes<'_>,
) -> Result<StrColumn, StorageError> {
    let lengths = bytes.take(rows * size_of::<u32>())?;
    let lengths = lengths.chunks_exact(4).map(|length| {
        let mut word = [0; 4];
        word.copy_from_slice(length);
        u32::from_le_bytes(word) as usize
    });
    let long: usize = lengths.clone().filter(|n| *n > INLINE_BYTES).sum();
    if long > bytes.left() || lengths.clone().any(|n| n > MAX_STR_BYTES) {
        return Err(bytes.corrupt("strings longer than their bytes"));
    }
    let mut builder = match arena {
        Some(arena) => StrBuilder::with_capacity_in(rows, arena),
        None => StrBuilder::with_capacity(rows),
    };
    builder.reserve_long(long);
    for length in lengths {
        builder.push(bytes.take(length)?);
    }
    Ok(builder.finish(validity))
}

#[cfg(test)]
mod tests {
    use arena_tr_types::{DataType, Value};

    use super::*;
    use crate::column::Buffer;

    fn sample() -> (Vec<DataType>, Batch) {
        let types = vec![
            DataType::Bool,
            DataType::Int2,
            DataType::Int4,
            DataType::Int8,
            DataType::Float4,
            DataType::Float8,
            DataType::Numeric(None),
            DataType::Interval,
            DataType::Text,
            DataType::Int8,
        ];
        let row = |i: i64| {
            vec![
                Value::Bool(i % 2 == 0),
                Value::Int2(i as i16),
                if i % 3 == 0 { Value::Null } else { Value::Int4(-(i as i32)) },
                Value::Int8(i << 40),
                Value::Float4(i as f32 / 3.0),
                Value::Float8(f64::MAX / i as f64),
                Value::Numeric(Decimal::new(i.into(), 3)),
                Value::Interval(arena_tr_types::Interval { months: i as i32, days: 2, micros: -i }),
                Value::Text("ä".repeat(i as usize % 20).into()),
                Value::Null,
            ]
        };
        let rows: Vec<Vec<Value>> = (1..130).map(row).collect();
        let batch = Batch::from_rows(&rows, &types).expect("values of their types");
        (types, batch)
    }

    #[test]
    fn batches_of_every_type_come_back() {
        let (types, batch) = sample();
        let weights: Vec<i64> = (0..batch.rows() as i64).map(|i| 2 - i).collect();
        for batch in [
            batch.clone(),
            batch.slice(3, 70),
            batch.slice(0, 0),
            batch.with_weights(Some(Buffer::from(weights))),
        ] {
            let mut out = vec![7];
            encode(&batch, &mut out).expect("few rows");
            let mut bytes = Bytes::new(&out[1..]);
            let back = decode(&mut bytes).expect("what was encoded");
            assert_eq!(bytes.left(), 0);
            assert_eq!(back.to_weighted_rows(&types), batch.to_weighted_rows(&types));
        }
    }

    #[test]
    fn a_batch_of_a_known_form_comes_back_where_it_is_wanted() {
        let (types, batch) = sample();
        let mut out = Vec::new();
        encode(&batch, &mut out).expect("few rows");
        let pool = crate::arena::Pool::default();
        let arena = BatchArena::new(&pool, crate::state::tests::owner());
        let physical: Vec<PhysicalType> = types.iter().map(DataType::physical).collect();
        let form = Form { types: &physical, max_rows: batch.rows(), arena: Some(&arena) };
        let back = decode_as(&form, &mut Bytes::new(&out)).expect("what was encoded");
        assert_eq!(back.to_rows(&types), batch.to_rows(&types));
        assert!(pool.usage().used_bytes as usize >= out.len(), "the columns lie in the arena");
        let mut others = physical.clone();
        others.swap(0, 1);
        for form in [
            Form { max_rows: batch.rows() - 1, ..form },
            Form { types: &physical[1..], ..form },
            Form { types: &others, ..form },
        ] {
            assert!(decode_as(&form, &mut Bytes::new(&out)).is_err());
        }
        let weighted = batch.clone().with_weights(Some(Buffer::filled(batch.rows(), 1)));
        for wrong in [weighted, batch.slice(0, 0)] {
            let mut out = Vec::new();
            encode(&wrong, &mut out).expect("few rows");
            assert!(decode_as(&form, &mut Bytes::new(&out)).is_err());
        }
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let (types, batch) = sample();
        let mut out = Vec::new();
        encode(&batch, &mut out).expect("few rows");
        for n in 0..out.len() {
            assert!(decode(&mut Bytes::new(&out[..n])).is_err(), "{n} of {} bytes", out.len());
        }
        for i in 0..out.len() {
            for flip in [1, 0x80, 0xff] {
                out[i] ^= flip;
                if let Ok(batch) = decode(&mut Bytes::new(&out))
                    && batch.columns.len() == types.len()
                {
                    assert!(batch.rows() <= out.len());
                }
                out[i] ^= flip;
            }
        }
    }
}
