//! The interpreter: resolve once, then one indirect call per instruction per batch.
//!
//! [`Code`] is a program with every opcode replaced by a function pointer and every function by its
//! kernel. [`Machine::run`] walks a pipeline over the rows of one batch. An expansion runs the rest
//! of its pipeline once per turn, each turn at most one batch, so memory is bounded however far
//! rows multiply. Files: [`pure`] computes columns, [`select`] selections, [`expand`] new rows,
//! [`state`] calls state operators, [`send`] hands rows on.
//! Invariant: only verified programs are resolved, so nothing is checked again here.

mod blend;
mod expand;
mod machine;
mod pure;
mod resolve;
mod select;
mod send;
mod state;

pub use machine::{Counter, OnError, RowError};
pub(crate) use machine::{Machine, Moment};
pub(crate) use resolve::{Code, Line};

use arena_tr_types::SqlError;

use crate::bytecode::{Inst, Sel, Val};
use crate::kernel::{Filter, Kernel};
use machine::Cx;

/// What happens after an instruction.
pub(crate) enum Flow {
    /// The next one.
    Next,
    /// No row is left: the batch is done.
    Stop,
    /// The rest of the pipeline runs once per turn.
    Expand(Box<dyn expand::Turns>),
}

/// One instruction's code.
pub(crate) type StepFn = fn(&mut Machine, &Step, &Cx<'_>) -> Result<Flow, SqlError>;

/// An instruction that is ready to run.
pub(crate) struct Step {
    /// Its code.
    pub(crate) run: StepFn,
    /// The instruction itself.
    pub(crate) inst: Inst,
    /// The kernel, if it computes a column.
    pub(crate) kernel: Option<Kernel>,
    /// The filter, if it is a fused comparison.
    pub(crate) filter: Option<Filter>,
    /// Its operands that are registers or constants: a kernel's arguments, a list's columns.
    pub(crate) args: Box<[Val]>,
    /// The selections of `blend`'s arms.
    pub(crate) arms: Box<[Sel]>,
    /// Its number in the whole program, for counters.
    pub(crate) number: usize,
}
