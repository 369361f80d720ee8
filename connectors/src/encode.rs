//! Rows become text: NDJSON objects or CSV records, with what an envelope puts before the columns.
//!
//! Invariant: what is written here, [`crate::decode`] reads back as the same values.

use std::io::Write as _;

use arena_tr::{Batch, Column, DataType, Schema, json};

use crate::decode::csv::{CsvFormat, Header};

/// A cell before the columns.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lead {
    /// A number of this name.
    Int(&'static str, i64),
    /// A word of this name.
    Word(&'static str, &'static str),
}

/// A text format.
#[derive(Debug, Clone)]
pub(crate) enum Encoder {
    /// NDJSON.
    Json(JsonEncoder),
    /// CSV.
    Csv(CsvEncoder),
}

impl Encoder {
    /// Appends the header, if the format has one.
    pub(crate) fn header(&self, leads: &[&str], out: &mut Vec<u8>) {
        match self {
            Self::Json(_) => {}
            Self::Csv(csv) => csv.header(leads, out),
        }
    }

    /// Appends row `i` and its line break.
    pub(crate) fn row(&self, leads: &[Lead], batch: &Batch, i: usize, out: &mut Vec<u8>) {
        match self {
            Self::Json(json) => {
                json.object(leads, batch, i, out);
                out.push(b'\n');
            }
            Self::Csv(csv) => csv.row(leads, batch, i, out),
        }
    }
}

/// Writes JSON objects.
#[derive(Debug, Clone)]
pub(crate) struct JsonEncoder {
    /// `"name":` of each column.
    keys: Vec<Vec<u8>>,
    types: Vec<DataType>,
}

impl JsonEncoder {
    pub(crate) fn new(schema: &Schema) -> Self {
        let key = |name: &str| format!("{}:", json::quote(name)).into_bytes();
        Self { keys: schema.fields.iter().map(|f| key(&f.name)).collect(), types: schema.types() }
    }

    /// Appends row `i` as an object.
    pub(crate) fn object(&self, leads: &[Lead], batch: &Batch, i: usize, out: &mut Vec<u8>) {
        out.push(b'{');
        let empty = out.len();
        for lead in leads {
            comma(empty, out);
            match lead {
                Lead::Int(name, number) => print(out, format_args!("\"{name}\":{number}")),
                Lead::Word(name, word) => print(out, format_args!("\"{name}\":\"{word}\"")),
            }
        }
        for ((key, data_type), column) in self.keys.iter().zip(&self.types).zip(&batch.columns) {
            comma(empty, out);
            out.extend_from_slice(key);
            json_cell(column, i, data_type, out);
        }
        out.push(b'}');
    }
}

fn comma(empty: usize, out: &mut Vec<u8>) {
    if out.len() > empty {
        out.push(b',');
    }
}

fn print(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

/// Whether the bytes of a string column are its text.
fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Text | DataType::Varchar(_) | DataType::Char(_))
}

fn json_cell(column: &Column, i: usize, data_type: &DataType, out: &mut Vec<u8>) {
    match (column, data_type) {
        _ if column.is_null(i) => out.extend_from_slice(b"null"),
        (Column::I64(c), DataType::Int8) => print(out, format_args!("{}", c.values[i])),
        (Column::I32(c), DataType::Int4) => print(out, format_args!("{}", c.values[i])),
        (Column::Str(c), data_type) if is_text(data_type) => {
            let text = c.get(i);
            if text.iter().all(|b| *b >= 0x20 && *b != b'"' && *b != b'\\') {
                out.push(b'"');
                out.extend_from_slice(text);
                out.push(b'"');
            } else {
                out.extend_from_slice(json::quote(&String::from_utf8_lossy(text)).as_bytes());
            }
        }
        _ => {
            out.extend_from_slice(json::of_value(&column.value(i, data_type), data_type).as_bytes())
        }
    }
}

/// Writes CSV records.
#[derive(Debug, Clone)]
pub(crate) struct CsvEncoder {
    format: CsvFormat,
    names: Vec<String>,
    types: Vec<DataType>,
}

impl CsvEncoder {
    pub(crate) fn new(format: CsvFormat, schema: &Schema) -> Self {
        let names = schema.fields.iter().map(|f| f.name.to_string()).collect();
        Self { format, names, types: schema.types() }
    }

    fn header(&self, leads: &[&str], out: &mut Vec<u8>) {
        if self.format.header == Header::None {
            return;
        }
        let names = leads.iter().copied().chain(self.names.iter().map(String::as_str));
        for (nth, name) in names.enumerate() {
            if nth > 0 {
                out.push(self.format.delimiter);
            }
            self.field(name.as_bytes(), out);
        }
        out.push(b'\n');
    }

    fn row(&self, leads: &[Lead], batch: &Batch, i: usize, out: &mut Vec<u8>) {
        let mut is_first = true;
        let mut delimit = |out: &mut Vec<u8>| {
            if !std::mem::take(&mut is_first) {
                out.push(self.format.delimiter);
            }
        };
        for lead in leads {
            delimit(out);
            match lead {
                Lead::Int(_, number) => print(out, format_args!("{number}")),
                Lead::Word(_, word) => out.extend_from_slice(word.as_bytes()),
            }
        }
        for (column, data_type) in batch.columns.iter().zip(&self.types) {
            delimit(out);
            match (column, data_type) {
                _ if column.is_null(i) => out.extend_from_slice(&self.format.null),
                (Column::Str(c), data_type) if is_text(data_type) => self.field(c.get(i), out),
                _ => self.field(column.value(i, data_type).to_string().as_bytes(), out),
            }
        }
        out.push(b'\n');
    }

    /// Appends a field, quoted if it would be read as something else.
    fn field(&self, text: &[u8], out: &mut Vec<u8>) {
        let CsvFormat { delimiter, quote, escape, ref null, .. } = self.format;
        let is_special = |b: &u8| *b == delimiter || *b == quote || matches!(*b, b'\n' | b'\r');
        if text != null.as_slice() && !text.iter().any(is_special) {
            out.extend_from_slice(text);
            return;
        }
        out.push(quote);
        for byte in text {
            if *byte == quote || *byte == escape {
                out.push(escape);
            }
            out.push(*byte);
        }
        out.push(quote);
    }
}
