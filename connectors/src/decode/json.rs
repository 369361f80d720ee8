//! NDJSON, read towards a schema: one object a line, its members into columns.
//!
//! The keys of a line mostly come in the order of the line before, so each is compared with the one
//! expected before it is looked up. Values of columns that nobody wants are stepped over. What a
//! value means to a column is what PostgreSQL's `json_populate_record` says: its text goes through
//! the type's input function, null and a missing key are NULL.
//! Invariant: a line is good or malformed as a whole; keys no column has are ignored.

use std::collections::HashMap;

use arena_tr::{DataType, Schema, Value};
use memchr::memchr;

use super::cursor::Cursor;
use super::{Decode, Step};
use crate::cell;
use crate::rows::{Fault, RowSet};

/// Keys whose order is remembered.
const MAX_EXPECTED: usize = 4096;

/// Reads NDJSON.
pub(crate) struct JsonDecoder {
    /// The keys of the previous line in order.
    expected: Vec<Expected>,
    by_name: HashMap<String, usize>,
    scratch: Vec<u8>,
}

/// A key that is expected at some place of a line.
struct Expected {
    /// The key with its quotes.
    key: Vec<u8>,
    column: Option<usize>,
    /// The key as the lowest bytes of a word, and which bytes those are: for keys that fit.
    word: u128,
    mask: u128,
}

impl Expected {
    fn new(key: &[u8], column: Option<usize>) -> Self {
        let mut bytes = [0; 16];
        let mut mask = [0; 16];
        if let (Some(head), Some(ones)) = (bytes.get_mut(..key.len()), mask.get_mut(..key.len())) {
            head.copy_from_slice(key);
            ones.fill(0xff);
        }
        let (word, mask) = (u128::from_le_bytes(bytes), u128::from_le_bytes(mask));
        Self { key: key.to_vec(), column, word, mask }
    }

    /// Whether the key stands at the beginning of the text.
    #[inline]
    fn begins(&self, text: &[u8]) -> bool {
        // PERF: one comparison of sixteen bytes instead of a call that compares a few.
        match text.first_chunk::<16>() {
            Some(head) if self.mask != 0 => u128::from_le_bytes(*head) & self.mask == self.word,
            _ => text.starts_with(&self.key),
        }
    }
}

impl JsonDecoder {
    pub(crate) fn new(schema: &Schema) -> Self {
        let mut by_name = HashMap::new();
        // A name folded by SQL finds the key in whatever case; an exact match goes first.
        for (i, field) in schema.fields.iter().enumerate() {
            by_name.entry(field.name.to_lowercase()).or_insert(i);
        }
        for (i, field) in schema.fields.iter().enumerate() {
            by_name.insert(field.name.to_string(), i);
        }
        Self { expected: Vec::new(), by_name, scratch: Vec::new() }
    }

    fn object(&mut self, line: &[u8], rows: &mut RowSet) -> Result<(), Fault> {
        let mut cursor = Cursor::new(line);
        cursor.blanks();
        cursor.expect(b'{')?;
        cursor.blanks();
        if !cursor.eat(b'}') {
            for nth in 0.. {
                let column = self.key(&mut cursor, nth)?;
                cursor.blanks();
                cursor.expect(b':')?;
                cursor.blanks();
                match column {
                    Some(column) if rows.wants(column) => self.member(&mut cursor, column, rows)?,
                    _ => self.skip(&mut cursor)?,
                }
                cursor.blanks();
                if cursor.eat(b',') {
                    cursor.blanks();
                    continue;
                }
                if cursor.eat(b'}') {
                    break;
                }
                return Err(cursor.unexpected("',' or '}'"));
            }
        }
        cursor.blanks();
        match cursor.peek() {
            None => Ok(()),
            Some(_) => Err(cursor.unexpected("the end of the line")),
        }
    }

    /// The column of the `nth` key of the line.
    #[inline]
    fn key(&mut self, cursor: &mut Cursor<'_>, nth: usize) -> Result<Option<usize>, Fault> {
        if let Some(expected) = self.expected.get(nth)
            && expected.begins(&cursor.text[cursor.at..])
        {
            cursor.at += expected.key.len();
            return Ok(expected.column);
        }
        self.other_key(cursor, nth)
    }

    /// A key that was not expected, and is from now on.
    #[cold]
    fn other_key(&mut self, cursor: &mut Cursor<'_>, nth: usize) -> Result<Option<usize>, Fault> {
        let start = cursor.at;
        if cursor.peek() != Some(b'"') {
            return Err(cursor.unexpected("a key"));
        }
        let name = cell::utf8(cursor.string()?.unescape(&mut self.scratch)?)?;
        let column = match self.by_name.get(name) {
            Some(column) => Some(*column),
            None => self.by_name.get(&name.to_lowercase()).copied(),
        };
        let entry = Expected::new(&cursor.text[start..cursor.at], column);
        match self.expected.get_mut(nth) {
            Some(expected) => *expected = entry,
            None if nth < MAX_EXPECTED => self.expected.push(entry),
            None => {}
        }
        Ok(column)
    }

    /// Steps over a value.
    #[inline]
    fn skip(&self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        match cursor.peek() {
            Some(b'"') => cursor.string().map(drop),
            Some(b'{' | b'[') => cursor.value().map(drop),
            _ => cursor.scalar().map(drop),
        }
    }

    /// Reads a value into a column.
    fn member(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: usize,
        rows: &mut RowSet,
    ) -> Result<(), Fault> {
        if rows.is_filled(column) {
            return Err(Fault::form("a key occurs twice"));
        }
        match cursor.peek() {
            Some(b'"') if !matches!(rows.data_type(column), DataType::Jsonb) => {
                let text = cursor.string()?.unescape(&mut self.scratch)?;
                rows.push_text(column, text)
            }
            Some(b'[' | b'{')
                if matches!(rows.data_type(column), DataType::List(_) | DataType::Struct(_)) =>
            {
                let data_type = rows.data_type(column).clone();
                let value = nested(cursor, &data_type, &mut self.scratch)?;
                rows.push_value(column, &value)
            }
            Some(b'"' | b'[' | b'{') => rows.push_text(column, cursor.value()?),
            _ => match cursor.scalar()? {
                b"null" => {
                    rows.push_null(column);
                    Ok(())
                }
                text => rows.push_text(column, text),
            },
        }
    }
}

/// A value of a type that may have parts. The schema bounds the depth.
fn nested(
    cursor: &mut Cursor<'_>,
    data_type: &DataType,
    scratch: &mut Vec<u8>,
) -> Result<Value, Fault> {
    match (data_type, cursor.peek()) {
        (DataType::List(of), Some(b'[')) => {
            let mut items = Vec::new();
            members(cursor, b']', |cursor| {
                items.push(nested(cursor, of, scratch)?);
                Ok(())
            })?;
            Ok(Value::List(items.into()))
        }
        (DataType::Struct(fields), Some(b'{')) => {
            let mut cells = vec![Value::Null; fields.len()];
            members(cursor, b'}', |cursor| {
                let name = cursor.string()?.unescape(scratch)?;
                let at = fields.iter().position(|f| f.name.as_bytes() == name);
                cursor.blanks();
                cursor.expect(b':')?;
                cursor.blanks();
                match at {
                    Some(at) => cells[at] = nested(cursor, &fields[at].data_type, scratch)?,
                    None => drop(cursor.value()?),
                }
                Ok(())
            })?;
            Ok(Value::Struct(cells.into()))
        }
        (DataType::Jsonb, Some(b'"')) => parse(cursor.value()?, data_type),
        (_, Some(b'"')) => parse(cursor.string()?.unescape(scratch)?, data_type),
        _ => match cursor.value()? {
            b"null" => Ok(Value::Null),
            text => parse(text, data_type),
        },
    }
}

/// Runs `each` on what stands between commas up to the closing bracket.
fn members<'a>(
    cursor: &mut Cursor<'a>,
    close: u8,
    mut each: impl FnMut(&mut Cursor<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    cursor.at += 1;
    cursor.blanks();
    if cursor.eat(close) {
        return Ok(());
    }
    loop {
        each(cursor)?;
        cursor.blanks();
        if cursor.eat(close) {
            return Ok(());
        }
        cursor.expect(b',')?;
        cursor.blanks();
    }
}

fn parse(text: &[u8], data_type: &DataType) -> Result<Value, Fault> {
    Ok(Value::parse(cell::utf8(text)?, data_type)?)
}

impl Decode for JsonDecoder {
    fn row(&mut self, text: &[u8], is_last: bool, rows: &mut RowSet) -> Step {
        let (line, bytes) = match memchr(b'\n', text) {
            Some(n) => (&text[..n], n + 1),
            None if is_last => (text, text.len()),
            None => return Step::Short,
        };
        if line.first() != Some(&b'{') && line.trim_ascii().is_empty() {
            return Step::Skip(bytes, 1);
        }
        match self.object(line, rows) {
            Ok(()) => Step::Row(bytes, 1),
            Err(fault) => Step::Bad(bytes, 1, fault),
        }
    }

    fn restart(&mut self) {}
}
