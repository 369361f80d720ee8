//! Cells: how one value lies in the words of a row of state.
//!
//! Integers, booleans and floats take one word, NUMERIC three, 128-bit values two. A string takes
//! two: its length and first four bytes, then either the other eight bytes or the address of the
//! whole string. Equality, order and hash are SQL's: numbers by value, `-0.0 = 0.0`, NaN equal to
//! itself and greatest, intervals by their length, texts by bytes.
//!
//! Invariant: cells that are equal under SQL hash equal, whatever their words.

use std::cmp::Ordering;

use arena_tr_types::{DataType, Decimal, Interval, Value};

use crate::column::nested;
use crate::state::hash;

/// Longest string that lies in the cell itself, in bytes.
pub const INLINE_BYTES: usize = 12;

/// What kind of value a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// BOOLEAN.
    Bool,
    /// SMALLINT.
    I16,
    /// INTEGER, DATE.
    I32,
    /// BIGINT, TIME, TIMESTAMP, TIMESTAMPTZ.
    I64,
    /// REAL.
    F32,
    /// DOUBLE PRECISION.
    F64,
    /// NUMERIC.
    Decimal,
    /// INTERVAL.
    Interval,
    /// UUID.
    Uuid,
    /// TEXT, VARCHAR, CHAR, BYTEA: compared by bytes.
    Bytes,
    /// JSONB: equal by its canonical bytes, ordered as values.
    Jsonb,
    /// Arrays and rows: encoded, compared as values.
    Nested,
}

impl Cell {
    /// The cell that holds this type.
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Bool => Self::Bool,
            DataType::Int2 => Self::I16,
            DataType::Int4 | DataType::Date => Self::I32,
            DataType::Int8 | DataType::Time | DataType::Timestamp | DataType::TimestampTz => {
                Self::I64
            }
            DataType::Float4 => Self::F32,
            DataType::Float8 => Self::F64,
            DataType::Numeric(_) => Self::Decimal,
            DataType::Interval => Self::Interval,
            DataType::Uuid => Self::Uuid,
            DataType::Jsonb => Self::Jsonb,
            DataType::List(_) | DataType::Struct(_) => Self::Nested,
            _ => Self::Bytes,
        }
    }

    /// How many words it takes.
    #[inline]
    pub const fn words(self) -> usize {
        match self {
            Self::Decimal => 3,
            Self::Interval | Self::Uuid | Self::Bytes | Self::Jsonb | Self::Nested => 2,
            _ => 1,
        }
    }

    /// Whether its words may refer to a string elsewhere.
    #[inline]
    pub const fn is_str(self) -> bool {
        matches!(self, Self::Bytes | Self::Jsonb | Self::Nested)
    }

    /// Whether equal values may have different bytes: numbers inside are equal by value
    /// (`[1.0]` and `[1.00]`).
    #[inline]
    pub fn is_spelled(self) -> bool {
        matches!(self, Self::Jsonb | Self::Nested)
    }

    /// Whether equal cells always have equal words (so that words can be compared instead).
    #[inline]
    pub const fn is_exact(self) -> bool {
        matches!(self, Self::Bool | Self::I16 | Self::I32 | Self::I64 | Self::Uuid)
    }
}

/// The decimal whose three words these are.
#[inline]
pub fn decimal_at(words: &[u64]) -> Decimal {
    Decimal::from_words([words[0], words[1], words[2]])
}

/// A 128-bit value as two words, low first.
#[inline]
pub fn i128_to_words(value: i128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

/// The 128-bit value whose two words these are.
#[inline]
pub fn i128_from_words(words: &[u64]) -> i128 {
    (i128::from(words[1].cast_signed()) << 64) | i128::from(words[0])
}

/// The double whose word this is.
#[inline]
pub fn f64_from_word(word: u64) -> f64 {
    f64::from_bits(word)
}

/// The float whose word this is.
#[inline]
pub fn f32_from_word(word: u64) -> f32 {
    f32::from_bits(word as u32)
}

/// The order of doubles in SQL: NaN equals itself and is the greatest; zeros are equal.
#[inline]
pub fn cmp_f64(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// A double's bits, equal for doubles that are equal in SQL.
#[inline]
pub fn canonical_f64(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

/// The length of an interval with 30-day months and 24-hour days, in microseconds: what it is
/// compared by.
#[inline]
pub fn interval_length(bits: i128) -> i128 {
    Interval::from_bits(bits).length()
}

/// The words of a string of at most [`INLINE_BYTES`].
#[inline]
pub fn inline_words(bytes: &[u8]) -> [u64; 2] {
    let mut all = [0u8; 16];
    all[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
    all[4..4 + bytes.len()].copy_from_slice(bytes);
    let (low, high) = all.split_at(8);
    [word_at(low), word_at(high)]
}

/// The first word of a longer string's cell: length and first four bytes.
#[inline]
pub fn prefix_word(bytes: &[u8]) -> u64 {
    let prefix = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    bytes.len() as u64 | (u64::from(prefix) << 32)
}

/// The bytes of an inline string's cell, and how many of them there are.
#[inline]
pub fn inline_bytes(words: &[u64]) -> ([u8; INLINE_BYTES], usize) {
    let mut bytes = [0u8; INLINE_BYTES];
    bytes[..4].copy_from_slice(&words[0].to_le_bytes()[4..]);
    bytes[4..].copy_from_slice(&words[1].to_le_bytes());
    (bytes, str_len(words))
}

/// The length of a string's cell in bytes.
#[inline]
pub fn str_len(words: &[u64]) -> usize {
    words[0] as u32 as usize
}

/// Eight bytes as a word, little-endian.
#[inline]
fn word_at(bytes: &[u8]) -> u64 {
    let mut word = [0u8; 8];
    word.copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// Whether two fixed-width cells are equal under SQL.
#[inline]
pub fn eq_fixed(cell: Cell, a: &[u64], b: &[u64]) -> bool {
    match cell {
        Cell::F32 => cmp_f64(f32_from_word(a[0]).into(), f32_from_word(b[0]).into()).is_eq(),
        Cell::F64 => cmp_f64(f64_from_word(a[0]), f64_from_word(b[0])).is_eq(),
        Cell::Decimal => a[..3] == b[..3] || decimal_at(a).eq_sql(decimal_at(b)),
        Cell::Interval => {
            a[..2] == b[..2]
                || interval_length(i128_from_words(a)) == interval_length(i128_from_words(b))
        }
        Cell::Uuid => a[..2] == b[..2],
        _ => a[0] == b[0],
    }
}

/// The order of two fixed-width cells under SQL.
#[inline]
pub fn cmp_fixed(cell: Cell, a: &[u64], b: &[u64]) -> Ordering {
    match cell {
        Cell::F32 => cmp_f64(f32_from_word(a[0]).into(), f32_from_word(b[0]).into()),
        Cell::F64 => cmp_f64(f64_from_word(a[0]), f64_from_word(b[0])),
        Cell::Decimal => decimal_at(a).cmp_sql(decimal_at(b)),
        Cell::Interval => {
            interval_length(i128_from_words(a)).cmp(&interval_length(i128_from_words(b)))
        }
        Cell::Uuid => i128_from_words(a).cast_unsigned().cmp(&i128_from_words(b).cast_unsigned()),
        _ => a[0].cast_signed().cmp(&b[0].cast_signed()),
    }
}

/// The order of two string-like cells' bytes under SQL.
pub fn cmp_bytes(cell: Cell, a: &[u8], b: &[u8]) -> Ordering {
    match cell {
        Cell::Nested => match (nested::decode(a), nested::decode(b)) {
            (Ok(a), Ok(b)) => a.cmp_sql(&b),
            _ => a.cmp(b),
        },
        Cell::Jsonb => json_value(a).cmp_sql(&json_value(b)),
        _ => a.cmp(b),
    }
}

/// Whether two string-like cells' bytes are equal under SQL.
#[inline]
pub fn eq_bytes(cell: Cell, a: &[u8], b: &[u8]) -> bool {
    a == b || (cell.is_spelled() && cmp_bytes(cell, a, b).is_eq())
}

fn json_value(bytes: &[u8]) -> Value {
    Value::Jsonb(String::from_utf8_lossy(bytes).into())
}

/// Mixes a fixed-width cell into a hash.
#[inline]
pub fn hash_fixed(cell: Cell, h: u64, words: &[u64]) -> u64 {
    match cell {
        Cell::F32 => hash::mix(h, canonical_f64(f32_from_word(words[0]).into())),
        Cell::F64 => hash::mix(h, canonical_f64(f64_from_word(words[0]))),
        Cell::Decimal => hash_decimal(h, decimal_at(words)),
        Cell::Interval => {
            let length = i128_to_words(interval_length(i128_from_words(words)));
            hash::mix(hash::mix(h, length[0]), length[1])
        }
        Cell::Uuid => hash::mix(hash::mix(h, words[0]), words[1]),
        _ => hash::mix(h, words[0]),
    }
}

/// Mixes a decimal into a hash by its value.
#[inline]
pub fn hash_decimal(h: u64, value: Decimal) -> u64 {
    let words = value.normalize().to_words();
    hash::mix(hash::mix(h, words[0] ^ words[2].rotate_left(48)), words[1])
}

/// Mixes the bytes of a string-like cell into a hash.
#[inline]
pub fn hash_bytes(cell: Cell, h: u64, bytes: &[u8]) -> u64 {
    if cell.is_spelled() {
        return hash_spelled(cell, h, bytes);
    }
    if bytes.len() <= INLINE_BYTES {
        let words = inline_words(bytes);
        return hash::mix(hash::mix(h, words[0]), words[1]);
    }
    hash::mix_bytes(h, bytes)
}

#[cold]
fn hash_spelled(cell: Cell, h: u64, bytes: &[u8]) -> u64 {
    let value = match cell {
        Cell::Jsonb => Ok(json_value(bytes)),
        _ => nested::decode(bytes),
    };
    let Ok(value) = value else { return hash::mix_bytes(h, bytes) };
    let mut hasher = hash::MixHasher::new(h);
    value.hash_sql(&mut hasher);
    std::hash::Hasher::finish(&hasher)
}
