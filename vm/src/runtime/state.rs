//! One face for all state operators: built from a program's description, fed, polled, told the
//! time.
//!
//! Invariant: an operator is polled until it yields nothing, once per epoch, behind all its
//! writers.

use arena_tr_storage::arena::{Owner, Pool, Tier};
use arena_tr_storage::state::{StateVisitor, Visit};
use arena_tr_storage::{Batch, Selection, StorageError};
use arena_tr_types::{SqlError, Timestamp};

use crate::bytecode::{JoinSpec, State, StateSpec};
use crate::state_op::{
    self, Distinct, Group, Hold, Join, JoinStep, Over, PaneGroup, SessionAssign, SessionGroup,
    SetOp, Side, StateContext, TopN,
};

/// A state operator.
pub(crate) enum StateOp {
    Group(Box<Group>),
    Pane(Box<PaneGroup>),
    Session(Box<SessionGroup>),
    SessionAssign(Box<SessionAssign>),
    Distinct(Box<Distinct>),
    Top(Box<TopN>),
    Hold(Box<Hold>),
    SetOp(Box<SetOp>),
    Over(Box<Over>),
    Join(Box<JoinOp>),
}

/// A join whose residual condition the program evaluates, and rows that it showed without asking.
pub(crate) struct JoinOp {
    join: Join,
    residual: bool,
    shown: Vec<Batch>,
}

impl JoinOp {
    /// Takes in a batch of one side.
    pub(crate) fn start(&mut self, side: Side, batch: &Batch) -> Result<(), SqlError> {
        self.join.start(side, batch)
    }

    /// The next pairs to decide about or, if there is no residual condition, joined rows.
    pub(crate) fn step(&mut self) -> Result<Option<Batch>, SqlError> {
        loop {
            match self.join.step()? {
                JoinStep::Candidates(batch) => return Ok(Some(batch)),
                // Rows that can have no partner are shown without a condition: behind the epoch's
                // pairs.
                JoinStep::Rows(batch) if self.residual => self.shown.push(batch),
                JoinStep::Rows(batch) => return Ok(Some(batch)),
                JoinStep::Done => return Ok(None),
            }
        }
    }

    /// Says which of the pairs count; the joined rows.
    pub(crate) fn matched(&mut self, selection: &Selection) -> Result<Option<Batch>, SqlError> {
        self.join.matched(selection)
    }

    fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        match self.shown.pop() {
            Some(batch) => Ok(Some(batch)),
            None => self.join.poll(),
        }
    }

    fn held_bytes(&self) -> usize {
        self.join.held_bytes()
    }
}

/// Runs `$body` with `$op` bound to the operator of whatever kind.
macro_rules! each {
    ($state:expr, $op:ident => $body:expr) => {
        match $state {
            StateOp::Group($op) => $body,
            StateOp::Pane($op) => $body,
            StateOp::Session($op) => $body,
            StateOp::SessionAssign($op) => $body,
            StateOp::Distinct($op) => $body,
            StateOp::Top($op) => $body,
            StateOp::Hold($op) => $body,
            StateOp::SetOp($op) => $body,
            StateOp::Over($op) => $body,
            StateOp::Join($op) => $body,
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
            StateSpec::Pane(spec) => Self::Pane(Box::new(PaneGroup::new(cx, input, spec)?)),
            StateSpec::Session(spec) => {
                Self::Session(Box::new(SessionGroup::new(cx, input, spec)?))
            }
            StateSpec::SessionAssign { time, gap, partition, forget } => {
                let op = SessionAssign::new(cx, input, *time, *gap, partition, *forget);
                Self::SessionAssign(Box::new(op))
            }
            StateSpec::Distinct { forget } => {
                Self::Distinct(Box::new(Distinct::new(cx, input, *forget)))
            }
            StateSpec::Top(spec) => Self::Top(Box::new(TopN::new(cx, input, spec))),
            StateSpec::Hold { column } => Self::Hold(Box::new(Hold::new(cx, input, *column))),
            StateSpec::SetOp { op, all } => Self::SetOp(Box::new(SetOp::new(cx, input, *op, *all))),
            StateSpec::Join(spec) => {
                let residual = spec.residual.is_some();
                let right = &*state.inputs[1].fields;
                let join = Join::new(cx, input, right, &join_spec(spec));
                Self::Join(Box::new(JoinOp { join, residual, shown: Vec::new() }))
            }
            StateSpec::Over(spec) => Self::Over(Box::new(Over::new(cx, input, spec)?)),
        })
    }

    /// Takes rows of the left (or only) input.
    pub(crate) fn apply(&mut self, right: bool, batch: &Batch) -> Result<(), SqlError> {
        match self {
            Self::Group(op) => op.apply(batch),
            Self::Pane(op) => op.apply(batch),
            Self::Session(op) => op.apply(batch),
            Self::SessionAssign(op) => op.apply(batch),
            Self::Distinct(op) => op.apply(batch),
            Self::Top(op) => op.apply(batch),
            Self::Hold(op) => op.apply(batch),
            Self::Over(op) => op.apply(batch),
            Self::SetOp(op) => op.apply(if right { Side::Right } else { Side::Left }, batch),
            Self::Join(_) => unreachable!("verified: a join takes rows by its own instructions"),
        }
    }

    /// The join, for its own instructions.
    pub(crate) fn join(&mut self) -> &mut JoinOp {
        match self {
            Self::Join(op) => op,
            _ => unreachable!("verified: only joins are joined"),
        }
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
        match self {
            Self::Hold(op) => op.advance(watermark),
            Self::Pane(op) => op.advance(watermark),
            Self::Session(op) => return op.advance(watermark),
            _ => {}
        }
        Ok(())
    }

    /// Lets the watermark free what can no longer matter.
    pub(crate) fn forget(&mut self, watermark: Timestamp) {
        match self {
            Self::Group(op) => op.forget(watermark),
            Self::SessionAssign(op) => op.forget(watermark),
            Self::Distinct(op) => op.forget(watermark),
            Self::Top(op) => op.forget(watermark),
            Self::Join(op) => op.join.forget(watermark),
            Self::Over(op) => op.forget(watermark),
            Self::Pane(_) | Self::Session(_) | Self::Hold(_) | Self::SetOp(_) => {}
        }
    }

    /// Says whether errors of groups end the epoch or are collected.
    pub(crate) fn divert_errors(&mut self, divert: bool) {
        match self {
            Self::Group(op) => op.divert_errors(divert),
            Self::Pane(op) => op.divert_errors(divert),
            Self::Session(op) => op.divert_errors(divert),
            Self::Over(op) => op.divert_errors(divert),
            _ => {}
        }
    }

    /// Errors of groups collected since the last call.
    pub(crate) fn take_errors(&mut self) -> Vec<SqlError> {
        match self {
            Self::Group(op) => op.take_errors(),
            Self::Pane(op) => op.take_errors(),
            Self::Session(op) => op.take_errors(),
            Self::Over(op) => op.take_errors(),
            _ => Vec::new(),
        }
    }

    /// Bytes of chunks held.
    pub(crate) fn held_bytes(&self) -> usize {
        each!(self, op => op.held_bytes())
    }
}

impl Visit for JoinOp {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.shown.clear();
        } else {
            debug_assert!(self.shown.is_empty(), "the epoch has ended");
        }
        self.join.visit(visitor)
    }
}

impl Visit for StateOp {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        each!(self, op => op.visit(visitor))
    }
}

/// A join's description as the operator takes it.
fn join_spec(spec: &JoinSpec) -> state_op::JoinSpec {
    state_op::JoinSpec {
        kind: spec.kind,
        left_keys: spec.left_keys.clone(),
        right_keys: spec.right_keys.clone(),
        null_equal: spec.null_equal.clone(),
        residual: spec.residual.clone(),
        left_forget: spec.left_forget,
        right_forget: spec.right_forget,
        output: spec.output.clone(),
    }
}
