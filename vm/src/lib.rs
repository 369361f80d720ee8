//! Where plans meet data: bytecode, interpreter, kernels, state instructions.
