//! Tests of the whole crate, over a corpus of statements.

mod corpus;
mod durable;
mod limits;
mod places;
mod round_trip;
pub(crate) mod support;
mod trees;
