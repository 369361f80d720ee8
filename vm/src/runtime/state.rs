//! One face for all state operators: built from a program's description, fed, polled, told the time.
//!
//! Invariant: an operator is polled until it yields nothing, once per epoch, behind all its writers.

use arena_tr_storage::Batch;
use arena_tr_storage::arena::Pool;
use arena_tr_types::{SqlError, Timestamp};

use crate::bytecode::State;

/// A state operator.
pub(crate) enum StateOp {}

impl StateOp {
    /// The operator of a verified description.
    pub(crate) fn new(state: &State, pool: &Pool, view: u32, number: u16) -> Result<Self, SqlError> {
        let _ = (pool, view, number);
        Err(SqlError::unsupported(format!("the {} operator", state.spec.kind().word())))
    }

    /// Takes rows of the left (or only) input.
    pub(crate) fn apply(&mut self, right: bool, batch: &Batch) -> Result<(), SqlError> {
        let _ = (right, batch);
        match *self {}
    }

    /// What changed, a batch at a time.
    pub(crate) fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        match *self {}
    }

    /// Lets the watermark close windows.
    pub(crate) fn advance(&mut self, watermark: Timestamp) -> Result<(), SqlError> {
        let _ = watermark;
        match *self {}
    }

    /// Lets the watermark free what can no longer matter.
    pub(crate) fn forget(&mut self, watermark: Timestamp) -> Result<(), SqlError> {
        let _ = watermark;
        match *self {}
    }
}
