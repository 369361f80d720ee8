//! Tree to meaning to incremental plan; pure functions.
#![forbid(unsafe_code)]

pub mod bind;
pub mod catalog;
pub mod delta;
pub mod error;
pub mod logical;
pub mod physical;
pub mod rules;
#[cfg(test)]
mod testing;

pub use error::PlanError;
pub use physical::lower::{Emit, Lowered, Mode, Notice, OutputFacts, lower};
pub use rules::{ConstEval, optimize};
