//! Tests of the whole crate, over a corpus of statements.

mod corpus;
mod support;
