//! Parquet files: columns in, columns out.
//!
//! Only flat files: columns of numbers, text, dates and times; a repeated or nested column is an
//! error that names it. Columns are found by name, only wanted ones are read. Types that Parquet
//! does not have (NUMERIC without a scale, intervals, arrays, rows) are written as the text SQL
//! prints and read back from it.
//! Invariant: what [`write`] writes, [`read`] reads back as the same values.

mod meaning;
mod read;
mod write;

use arena_tr::connector::{Sink, SinkShape, SinkSpec, Source, SourceSpec};
use arena_tr::{Error, Result, SqlState};
use parquet::errors::ParquetError;

/// A source that reads the file.
pub(crate) fn source(path: String, spec: &SourceSpec) -> Result<Box<dyn Source>> {
    Ok(Box::new(read::ParquetSource::open(path, spec)?))
}

/// A sink that writes the file.
pub(crate) fn sink(path: String, spec: &SinkSpec) -> Result<Box<dyn Sink>> {
    if spec.shape != SinkShape::Rows {
        return Err(Error::unsupported(format!("writing changes to Parquet ('{path}')")).with_hint(
            "a Parquet file holds rows: use COPY ... TO, or ENVELOPE APPEND for a view without retractions",
        ));
    }
    Ok(Box::new(write::ParquetSink::create(path, &spec.schema)?))
}

/// The library's error about the file at `path`.
fn failed(path: &str, error: &ParquetError) -> Error {
    Error::new(SqlState::IO_ERROR, format!("Parquet file '{path}': {error}"))
}
