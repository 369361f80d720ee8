//! Tests of the whole crate, over a corpus of statements.

mod corpus;
pub(crate) mod support;
