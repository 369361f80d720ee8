//! Tree to meaning to incremental plan; pure functions.
#![forbid(unsafe_code)]

pub mod catalog;
pub mod logical;
pub mod physical;
