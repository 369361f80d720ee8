//! Tests of connectors through their traits, with files in a directory of their own.

mod csv;
mod database;
mod generators;
mod json;
mod parquet;
mod resume;
mod sinks;
mod support;
