//! Tree to meaning to incremental plan; pure functions.
#![forbid(unsafe_code)]

pub mod catalog;
pub mod error;
pub mod logical;
pub mod physical;

pub use error::PlanError;
