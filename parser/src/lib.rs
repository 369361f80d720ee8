//! Text to our own tree: total, bounded, never panics.
//!
//! The grammar of queries is sqlparser's behind our own dialect; statement heads, time and emission
//! are parsed by us on the same tokens. What leaves this crate is our own tree ([`ast`]) with byte
//! spans, and nothing of the library.
//! Invariant: this crate knows no catalog and gives names and types no meaning.
#![forbid(unsafe_code)]

pub mod ast;
mod cut;
mod dialect;
pub mod error;
pub mod limits;
mod lower;
pub mod scan;
pub mod span;
mod statement;

pub use error::{ParseError, ParseErrorKind};
pub use span::Span;
pub use statement::{parse, parse_one};

#[cfg(test)]
mod tests;
