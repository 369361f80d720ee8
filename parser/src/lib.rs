//! Text to our own tree: total, bounded, never panics.
#![forbid(unsafe_code)]

pub mod ast;
pub mod span;

pub use span::Span;
