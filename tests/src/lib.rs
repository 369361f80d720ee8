//! Running `.slt` files against the engine: our own corpus and the shared conformance corpus.
//!
//! [`corpus`] runs one file and counts each record as passed, failed or not covered; [`format`]
//! prints values as the files expect them; names in statements are found by `names`.
//! Invariant: a record counts exactly once.
#![forbid(unsafe_code)]

pub mod corpus;
pub mod format;
mod names;
