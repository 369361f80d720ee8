//! VARCHAR(n) and CHAR(n): what is stored fits its column.
//!
//! As in PostgreSQL, blanks beyond the length are cut off, CHAR is padded, and any other text that
//! is longer is refused. Everything that writes rows comes by here: INSERT, UPDATE, COPY, appenders
//! and connectors.
//! Invariant: after fitting, no text in a limited column has more characters than its type says.

use arena_tr_storage::{Batch, Column, ColumnBuilder};
use arena_tr_types::{DataType, Schema, SqlError, Value};

use crate::error::Result;

/// Fits the text columns of whole rows in place; the rows that do not fit and why, each row once,
/// in order.
///
/// # Errors
/// When memory runs out.
pub(crate) fn fit(schema: &Schema, batch: &mut Batch) -> Result<Vec<(u32, SqlError)>> {
    let mut refused: Vec<(u32, SqlError)> = Vec::new();
    for (field, column) in schema.fields.iter().zip(&mut batch.columns) {
        let limit = match field.data_type {
            DataType::Varchar(Some(n)) => n as usize,
            DataType::Char(n) => n as usize,
            _ => continue,
        };
        let padded = matches!(field.data_type, DataType::Char(_));
        if !fits(column, limit, padded) {
            *column = fitted(column, &field.data_type, &mut refused)?;
        }
    }
    refused.sort_by_key(|(row, _)| *row);
    refused.dedup_by_key(|(row, _)| *row);
    Ok(refused)
}

/// Whether every text can be stored as it is.
fn fits(column: &Column, limit: usize, padded: bool) -> bool {
    let Column::Str(texts) = column else { return true };
    (0..column.len()).all(|i| {
        let text = texts.get(i);
        // Bytes that continue a character are not counted.
        let n_chars = || text.iter().filter(|b| **b & 0xC0 != 0x80).count();
        column.is_null(i)
            || (!padded && text.len() <= limit)
            || n_chars() == limit
            || (!padded && n_chars() < limit)
    })
}

/// The column with each text cut or padded; NULL where it does not fit.
fn fitted(
    column: &Column,
    data_type: &DataType,
    refused: &mut Vec<(u32, SqlError)>,
) -> Result<Column> {
    let mut out = ColumnBuilder::new(column.physical(), column.len());
    for i in 0..column.len() {
        let value = match column.value(i, &DataType::Text) {
            Value::Null => Value::Null,
            text => text.assign(data_type).unwrap_or_else(|error| {
                refused.push((i as u32, error));
                Value::Null
            }),
        };
        out.push_value(&value)?;
    }
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    use arena_tr_types::Field;

    use super::*;

    #[test]
    fn texts_are_cut_padded_or_refused() {
        let types = [DataType::Varchar(Some(2)), DataType::Char(3)];
        let fields = types.iter().map(|t| Field::new("c", t.clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let rows: Vec<Vec<Value>> = [("äö", "abc"), ("a   ", "x"), ("abc", "abcd"), ("", "éèà")]
            .iter()
            .map(|(a, b)| vec![Value::text(*a), Value::text(*b)])
            .collect();
        let mut batch = Batch::from_rows(&rows, &[DataType::Text, DataType::Text]).unwrap();
        let refused = fit(&schema, &mut batch).unwrap();
        let refused: Vec<(u32, &str)> =
            refused.iter().map(|(row, e)| (*row, e.message.as_str())).collect();
        assert_eq!(refused, [(2, "value too long for type character varying(2)")]);
        let stored = batch.to_rows(&[DataType::Text, DataType::Text]);
        assert_eq!(stored[0], [Value::text("äö"), Value::text("abc")]);
        assert_eq!(stored[1], [Value::text("a "), Value::text("x  ")]);
        assert_eq!(stored[3], [Value::text(""), Value::text("éèà")]);
    }
}
