//! The control plane: when a program runs, on what, and what becomes of its result.
//!
//! [`task`] steps a program once per epoch; [`state`] gives all state operators one face;
//! [`present`] orders and cuts the result of an ad-hoc query; [`constant`] evaluates constant
//! expressions for the planner.
//! Invariant: time enters only as arguments of a step.

pub mod constant;
pub mod present;
pub(crate) mod state;
pub mod task;

pub use constant::ConstEvaluator;
pub use present::present;
pub use task::{StepInput, StepOutput, Task};
