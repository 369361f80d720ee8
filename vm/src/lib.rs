//! Where plans meet data: bytecode, interpreter, kernels, state instructions.
//!
//! Two planes. The *control plane* decides what runs when: [`codegen`] turns a physical plan into a
//! verified [`Program`] ([`bytecode`]), and [`runtime`] steps it once per epoch. The *data plane*
//! decides what happens to rows: [`interp`] walks a pipeline's instructions over the registers of a
//! [`frame`], each instruction being one call of a [`kernel`] (pure, on columns) or of a
//! [`state_op`] (which remembers).
//!
//! **Invariant:** it does not know SQL text, sessions, the log, or any clock.
#![deny(unsafe_code)]

pub mod bytecode;
pub mod codegen;
pub mod frame;
pub mod interp;
pub mod kernel;
pub mod resolve;
pub mod runtime;
pub mod state_op;

pub use bytecode::Program;
pub use codegen::compile;
pub use interp::{Counter, OnError, RowError};
pub use resolve::{is_fallible, kernel_of};
pub use runtime::{ConstEvaluator, StepInput, StepOutput, Task, present};

#[cfg(test)]
mod testing;
