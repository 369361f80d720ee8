//! Parquet files.
//!
//! Invariant: what cannot be done is an error that says so.

use arena_tr::connector::{Sink, SinkSpec, Source, SourceSpec};
use arena_tr::{Error, Result};

/// A source that reads the file.
pub(crate) fn source(path: String, _spec: &SourceSpec) -> Result<Box<dyn Source>> {
    Err(Error::unsupported(format!("reading Parquet ('{path}')")))
}

/// A sink that writes the file.
pub(crate) fn sink(path: String, _spec: &SinkSpec) -> Result<Box<dyn Sink>> {
    Err(Error::unsupported(format!("writing Parquet ('{path}')")))
}
