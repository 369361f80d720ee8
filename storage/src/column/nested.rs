//! The encoded form of arrays and rows: a value as bytes that describe themselves.
//!
//! ```text
//! value   = tag payload
//! tag     = 1 byte, see `tag`
//! payload = fixed-width little-endian number, or
//!           length u32 then bytes (text, bytea, jsonb), or
//!           count u32 then that many values (array, row)
//! ```
//!
//! Equal bytes are equal values; a NUMERIC keeps its own scale, so `1.0` and `1.00` encode
//! differently.
//! Invariant: `decode(encode(v)) == v`; decoding bytes from elsewhere never panics.

use arena_tr_types::{Decimal, Interval, Value};

use crate::error::StorageError;

/// The tags; never renumbered, since encoded values outlive the process.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INT2: u8 = 3;
    pub(super) const INT4: u8 = 4;
    pub(super) const INT8: u8 = 5;
    pub(super) const FLOAT4: u8 = 6;
    pub(super) const FLOAT8: u8 = 7;
    pub(super) const NUMERIC: u8 = 8;
    pub(super) const TEXT: u8 = 9;
    pub(super) const BYTEA: u8 = 10;
    pub(super) const DATE: u8 = 11;
    pub(super) const TIME: u8 = 12;
    pub(super) const TIMESTAMP: u8 = 13;
    pub(super) const TIMESTAMPTZ: u8 = 14;
    pub(super) const INTERVAL: u8 = 15;
    pub(super) const UUID: u8 = 16;
    pub(super) const JSONB: u8 = 17;
    pub(super) const LIST: u8 = 18;
    pub(super) const STRUCT: u8 = 19;
}

/// Deepest nesting that is decoded; statements cannot build deeper values.
const MAX_DEPTH: usize = 256;

/// Appends the bytes of `value`.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(tag::NULL),
        Value::Bool(v) => out.push(if *v { tag::TRUE } else { tag::FALSE }),
        Value::Int2(v) => put(out, tag::INT2, &v.to_le_bytes()),
        Value::Int4(v) => put(out, tag::INT4, &v.to_le_bytes()),
        Value::Int8(v) => put(out, tag::INT8, &v.to_le_bytes()),
        Value::Float4(v) => put(out, tag::FLOAT4, &v.to_bits().to_le_bytes()),
        Value::Float8(v) => put(out, tag::FLOAT8, &v.to_bits().to_le_bytes()),
        Value::Numeric(v) => {
            let words = v.to_words();
            out.push(tag::NUMERIC);
            words.iter().for_each(|w| out.extend_from_slice(&w.to_le_bytes()));
        }
        Value::Text(v) => put_bytes(out, tag::TEXT, v.as_bytes()),
        Value::Bytea(v) => put_bytes(out, tag::BYTEA, v),
        Value::Date(v) => put(out, tag::DATE, &v.to_le_bytes()),
        Value::Time(v) => put(out, tag::TIME, &v.to_le_bytes()),
        Value::Timestamp(v) => put(out, tag::TIMESTAMP, &v.to_le_bytes()),
        Value::TimestampTz(v) => put(out, tag::TIMESTAMPTZ, &v.to_le_bytes()),
        Value::Interval(v) => put(out, tag::INTERVAL, &v.to_bits().to_le_bytes()),
        Value::Uuid(v) => put(out, tag::UUID, &v.to_le_bytes()),
        Value::Jsonb(v) => put_bytes(out, tag::JSONB, v.as_bytes()),
        Value::List(items) => put_items(out, tag::LIST, items),
        Value::Struct(items) => put_items(out, tag::STRUCT, items),
        other => unreachable!("a value of a type this version does not know: {other:?}"),
    }
}

fn put(out: &mut Vec<u8>, tag: u8, payload: &[u8]) {
    out.push(tag);
    out.extend_from_slice(payload);
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    put(out, tag, &count(bytes.len()).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_items(out: &mut Vec<u8>, tag: u8, items: &[Value]) {
    put(out, tag, &count(items.len()).to_le_bytes());
    items.iter().for_each(|item| encode(item, out));
}

fn count(n: usize) -> u32 {
    u32::try_from(n).expect("values are far shorter than 4 GiB")
}

/// The value whose bytes these are; all of them.
pub fn decode(bytes: &[u8]) -> Result<Value, StorageError> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(0)?;
    if reader.at == bytes.len() { Ok(value) } else { Err(reader.corrupt("bytes after the value")) }
}

/// The name of a value's type, for messages.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "unknown",
        Value::Bool(_) => "boolean",
        Value::Int2(_) => "smallint",
        Value::Int4(_) => "integer",
        Value::Int8(_) => "bigint",
        Value::Float4(_) => "real",
        Value::Float8(_) => "double precision",
        Value::Numeric(_) => "numeric",
        Value::Text(_) => "text",
        Value::Bytea(_) => "bytea",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::Timestamp(_) => "timestamp",
        Value::TimestampTz(_) => "timestamp with time zone",
        Value::Interval(_) => "interval",
        Value::Uuid(_) => "uuid",
        Value::Jsonb(_) => "jsonb",
        Value::List(_) => "array",
        Value::Struct(_) => "row",
        _ => "another type",
    }
}

/// Reads encoded values from untrusted bytes.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn corrupt(&self, what: &'static str) -> StorageError {
        StorageError::Corrupt { what, offset: self.at }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], StorageError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..n).ok_or_else(|| self.corrupt("value cut short"))?;
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StorageError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn i64(&mut self) -> Result<i64, StorageError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Result<usize, StorageError> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn text(&mut self) -> Result<&'a str, StorageError> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.corrupt("text that is not UTF-8"))
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Value>, StorageError> {
        if depth == MAX_DEPTH {
            return Err(self.corrupt("value nested too deeply"));
        }
        let n = self.length()?;
        // Every item takes a byte at least, so a count beyond the rest is corrupt: never reserve
        // for it.
        if n > self.bytes.len() - self.at {
            return Err(self.corrupt("more items than bytes"));
        }
        (0..n).map(|_| self.value(depth + 1)).collect()
    }

    fn value(&mut self, depth: usize) -> Result<Value, StorageError> {
        let [tag] = self.array()?;
        Ok(match tag {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT2 => Value::Int2(i16::from_le_bytes(self.array()?)),
            tag::INT4 => Value::Int4(i32::from_le_bytes(self.array()?)),
            tag::INT8 => Value::Int8(self.i64()?),
            tag::FLOAT4 => Value::Float4(f32::from_bits(u32::from_le_bytes(self.array()?))),
            tag::FLOAT8 => Value::Float8(f64::from_bits(u64::from_le_bytes(self.array()?))),
            tag::NUMERIC => {
                let mut words = [0; 3];
                for word in &mut words {
                    *word = u64::from_le_bytes(self.array()?);
                }
                Value::Numeric(Decimal::from_words(words))
            }
            tag::TEXT => Value::Text(self.text()?.into()),
            tag::BYTEA => {
                let length = self.length()?;
                Value::Bytea(self.take(length)?.into())
            }
            tag::DATE => Value::Date(i32::from_le_bytes(self.array()?)),
            tag::TIME => Value::Time(self.i64()?),
            tag::TIMESTAMP => Value::Timestamp(self.i64()?),
            tag::TIMESTAMPTZ => Value::TimestampTz(self.i64()?),
            tag::INTERVAL => {
                Value::Interval(Interval::from_bits(i128::from_le_bytes(self.array()?)))
            }
            tag::UUID => Value::Uuid(u128::from_le_bytes(self.array()?)),
            tag::JSONB => Value::Jsonb(self.text()?.into()),
            tag::LIST => Value::List(self.items(depth)?.into()),
            tag::STRUCT => Value::Struct(self.items(depth)?.into()),
            _ => return Err(self.corrupt("unknown tag of a value")),
        })
    }
}

#[cfg(test)]
#[path = "nested_tests.rs"]
mod tests;
