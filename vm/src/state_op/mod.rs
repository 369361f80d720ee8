//! State instructions: the only operators that remember anything between epochs.
//!
//! One file per operator family of `planner::physical::Op`. Each operator is a struct that owns its
//! arenas and speaks in batches; it knows no bytecode, no registers and no clock. The interpreter
//! calls it in the same rhythm every epoch:
//!
//! | operator (`physical::Op`) | construct | during the epoch | at its end, until `None` | time moves |
//! |---|---|---|---|---|
//! | [`Group`] (`Aggregate`) | `new(cx, input, &spec)` | `apply(&batch)`, or `upsert(&batch)` then `update(agg, &batch)` for each | `poll()` | `forget(watermark)` |
//! | [`PaneGroup`] (`PaneAggregate`) | `new(cx, input, &spec)` | `apply(&batch)` | `poll()` | `advance(watermark)`, then `poll()` again |
//! | [`SessionGroup`] (`SessionAggregate`) | `new(cx, input, &spec)` | `apply(&batch)` | `poll()` | `advance(watermark)`, then `poll()` again |
//! | [`SessionAssign`] | `new(cx, input, time, gap, partition, forget)` | `apply(&batch)` | `poll()` | `forget(watermark)` |
//! | [`Join`] | `new(cx, left, right, &spec)` | `start(side, &batch)`, then `step()` until `Done` | `poll()` | `forget(watermark)` |
//! | [`Distinct`] | `new(cx, input, forget)` | `apply(&batch)` | `poll()` | `forget(watermark)` |
//! | [`SetOp`] | `new(cx, input, op, all)` | `apply(side, &batch)` | `poll()` | - |
//! | [`TopN`] | `new(cx, input, &spec)` | `apply(&batch)` | `poll()` | `forget(watermark)` |
//! | [`Over`] | `new(cx, input, &OverSpec)` | `apply(&batch)` | `poll()` | `forget(watermark)` |
//! | [`Hold`] (`HoldUntilClose`) | `new(cx, input, column)` | `apply(&batch)` | - | `advance(watermark)`, then `poll()` |
//! | [`Once`] (`Values`) | `new(batches)` | - | `poll()` | - |
//!
//! `input` is the fields of the operator's input (`&[Field]`), a batch has these columns at these
//! positions; its selection and weights are honoured. `poll` returns `Ok(Some(batch))` with at most
//! [`BATCH_ROWS`](arena_tr_types::limits::BATCH_ROWS) rows, without selection, and weights only
//! where a weight is not 1; `Ok(None)` ends the epoch for the operator. It must be called until
//! then in every epoch, also when there was no input: a global group has a row from the first epoch
//! on.
//!
//! Joins: deltas of the left side first, then those of the right side (`Join` then pairs `dL` with
//! the old right side and `dR` with the new left side). Residual conditions are evaluated by the
//! caller, see [`JoinStep`].
//!
//! Errors that belong to a group, not to a row (a sum that leaves BIGINT), come out of `poll` or,
//! for programs that divert errors, of `take_errors`; see [`Group::divert_errors`].
//!
//! Invariant: what `poll` yields depends on the deltas of the epoch and on the state before it,
//! never on how the deltas were cut into batches (their order within the epoch may matter to
//! first_value and the like).

pub(crate) mod agg;
pub(crate) mod changes;
pub mod distinct;
pub(crate) mod forget;
pub mod group;
pub mod hold;
pub mod join;
pub(crate) mod live;
pub mod once;
pub mod over;
pub mod pane;
pub mod session;
pub mod setop;
pub(crate) mod sorted;
pub mod topn;

use arena_tr_storage::arena::{Owner, Pool};

pub use distinct::Distinct;
pub use group::Group;
pub use hold::Hold;
pub use join::{Join, JoinSpec, JoinStep};
pub use once::Once;
pub use over::Over;
pub use pane::PaneGroup;
pub use session::{SessionAssign, SessionGroup};
pub use setop::SetOp;
pub use topn::TopN;

/// An input of an operator that has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

/// Where an operator's state lives and who pays for it.
#[derive(Debug, Clone)]
pub struct StateContext {
    /// The pool its chunks come from.
    pub pool: Pool,
    /// The view and operator that are charged.
    pub owner: Owner,
}

impl StateContext {
    /// A context.
    pub fn new(pool: &Pool, owner: Owner) -> Self {
        Self { pool: pool.clone(), owner }
    }
}

#[cfg(test)]
mod tests;
