//! One face for all state operators: built from a program's description, fed, polled, told the time.
//!
//! Invariant: an operator is polled until it yields nothing, once per epoch, behind all its writers.

use arena_tr_storage::Batch;
use arena_tr_storage::arena::{Owner, Pool, Tier};
use arena_tr_types::{SqlError, Timestamp};

use crate::bytecode::{State, StateSpec};
use crate::state_op::{Distinct, Group, Hold, SingleRow, StateContext, TopN};

/// A state operator.
pub(crate) enum StateOp {
    Group(Box<Group>),
    Distinct(Box<Distinct>),
    Top(Box<TopN>),
    Single(Box<SingleRow>),
    Hold(Box<Hold>),
}

/// Runs `$body` with `$op` bound to the operator of whatever kind.
macro_rules! each {
    ($state:expr, $op:ident => $body:expr) => {
        match $state {
            StateOp::Group($op) => $body,
            StateOp::Distinct($op) => $body,
            StateOp::Top($op) => $body,
            StateOp::Single($op) => $body,
            StateOp::Hold($op) => $body,
        }
    };
}

impl StateOp {
    /// The operator of a verified description.
    pub(crate) fn new(
        state: &State,
        pool: &Pool,
        view: u32,
        number: u16,
    ) -> Result<Self, SqlError> {
        let cx = &StateContext::new(pool, Owner::new(view, number, Tier::Keyed));
        let input = &*state.inputs[0].fields;
        Ok(match &state.spec {
            StateSpec::Group(spec) => Self::Group(Box::new(Group::new(cx, input, spec)?)),
            StateSpec::Distinct { forget } => {
                Self::Distinct(Box::new(Distinct::new(cx, input, *forget)))
            }
            StateSpec::Top(spec) => Self::Top(Box::new(TopN::new(cx, input, spec))),
            StateSpec::Single => Self::Single(Box::new(SingleRow::new(cx, input))),
            StateSpec::Hold { column } => Self::Hold(Box::new(Hold::new(cx, input, *column))),
            other => {
                let what = format!("the {} operator", other.kind().word());
                return Err(SqlError::unsupported(what));
            }
        })
    }

    /// Takes rows of the left (or only) input.
    pub(crate) fn apply(&mut self, right: bool, batch: &Batch) -> Result<(), SqlError> {
        let _ = right;
        each!(self, op => op.apply(batch))
    }

    /// Finds or makes the groups of a batch's rows.
    pub(crate) fn upsert(&mut self, batch: &Batch) -> Result<(), SqlError> {
        match self {
            Self::Group(op) => op.upsert(batch),
            _ => unreachable!("verified: only groups are looked up"),
        }
    }

    /// Updates one aggregate by the batch that was looked up last.
    pub(crate) fn update(&mut self, agg: usize, batch: &Batch) -> Result<(), SqlError> {
        match self {
            Self::Group(op) => op.update(agg, batch),
            _ => unreachable!("verified: only groups have aggregates"),
        }
    }

    /// What changed, a batch at a time.
    pub(crate) fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        each!(self, op => op.poll())
    }

    /// Lets the watermark close windows.
    pub(crate) fn advance(&mut self, watermark: Timestamp) -> Result<(), SqlError> {
        if let Self::Hold(op) = self {
            op.advance(watermark);
        }
        Ok(())
    }

    /// Lets the watermark free what can no longer matter.
    pub(crate) fn forget(&mut self, watermark: Timestamp) {
        match self {
            Self::Group(op) => op.forget(watermark),
            Self::Distinct(op) => op.forget(watermark),
            Self::Top(op) => op.forget(watermark),
            Self::Single(_) | Self::Hold(_) => {}
        }
    }

    /// Says whether errors of groups end the epoch or are collected.
    pub(crate) fn divert_errors(&mut self, divert: bool) {
        if let Self::Group(op) = self {
            op.divert_errors(divert);
        }
    }

    /// Errors of groups collected since the last call.
    pub(crate) fn take_errors(&mut self) -> Vec<SqlError> {
        match self {
            Self::Group(op) => op.take_errors(),
            _ => Vec::new(),
        }
    }

    /// Bytes of chunks held.
    pub(crate) fn held_bytes(&self) -> usize {
        each!(self, op => op.held_bytes())
    }
}
