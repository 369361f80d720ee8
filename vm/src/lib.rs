//! Where plans meet data: bytecode, interpreter, kernels, state instructions.
#![deny(unsafe_code)]

pub mod kernel;
