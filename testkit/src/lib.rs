//! What tests judge the engine by: a naive evaluator, and generators.
//!
//! [`oracle`] evaluates a logical plan over plain rows, slowly and obviously, sharing nothing with
//! the virtual machine. [`generate`] makes random queries and random inputs. [`rng`] is where
//! randomness comes from.
//! Invariant: nothing here knows columns, programs or state.
#![forbid(unsafe_code)]

pub mod generate;
pub mod list_append;
pub mod oracle;
pub mod rng;
