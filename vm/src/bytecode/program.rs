//! A program: one standing query (or one ad-hoc read) as verified bytecode.
//!
//! A program is a list of pipelines in topological order over a register file, with everything its
//! instructions name: constants, functions, states, queues, tables of constant rows. It holds no
//! mutable thing, so that any number of tasks share one; what a task needs to run is a
//! [`crate::frame::Frame`].
//! Invariant: a `Program` that left this crate's builder or assembler has passed [`super::verify`].

use std::hash::{BuildHasher, Hasher};

use arena_tr_planner::physical;
use arena_tr_types::{DataType, Field, Func, PhysicalType, RelationId, Schema, Value};

use super::inst::{Inst, QueueId, StateId, Val, ValuesId};
use super::table::StateKind;

/// A verified program.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Its name: the view's, or `query`.
    pub(crate) name: String,
    /// The relations read, in the order of `StepInput::deltas`.
    pub(crate) inputs: Vec<Input>,
    /// Typed constants, each once.
    pub(crate) constants: Vec<Constant>,
    /// The type of each register.
    pub(crate) registers: Vec<PhysicalType>,
    /// How many selection registers there are.
    pub(crate) n_selections: u16,
    /// Functions and casts that `call` names.
    pub(crate) functions: Vec<Function>,
    /// Operand lists.
    pub(crate) lists: Vec<Vec<u16>>,
    /// Tables of constant rows.
    pub(crate) values: Vec<ValuesTable>,
    /// What is kept between epochs.
    pub(crate) states: Vec<State>,
    /// What pipelines hand to each other within an epoch.
    pub(crate) queues: Vec<Queue>,
    /// The pipelines, in the order they run.
    pub(crate) pipelines: Vec<Pipeline>,
    /// The result.
    pub(crate) output: Output,
}

/// A relation that the program reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Which relation.
    pub relation: RelationId,
    /// Its name.
    pub name: String,
    /// The columns used: position in the relation, and field.
    pub columns: Vec<(usize, Field)>,
    /// Whether it only grows.
    pub append_only: bool,
}

/// A typed constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// Its type.
    pub ty: DataType,
    /// Its value.
    pub value: Value,
}

/// What a `call` runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    /// A built-in function on arguments of these types.
    Builtin {
        /// Which.
        func: Func,
        /// Argument types.
        args: Vec<DataType>,
        /// Result type.
        ret: DataType,
    },
    /// A conversion.
    Cast {
        /// From this type.
        from: DataType,
        /// To this type.
        to: DataType,
        /// NULL instead of an error.
        try_: bool,
    },
}

impl Function {
    /// The result's type.
    pub fn ret(&self) -> &DataType {
        match self {
            Self::Builtin { ret, .. } => ret,
            Self::Cast { to, .. } => to,
        }
    }

    /// The arguments' types.
    pub fn args(&self) -> &[DataType] {
        match self {
            Self::Builtin { args, .. } => args,
            Self::Cast { from, .. } => std::slice::from_ref(from),
        }
    }
}

/// Constant rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuesTable {
    /// Column types.
    pub types: Vec<DataType>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// A state: what an operator remembers, described completely.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The columns of each input (two for joins and set operations).
    pub inputs: Vec<Schema>,
    /// The columns that its driver or its expansion yields.
    pub output: Schema,
    /// What it does with them.
    pub spec: StateSpec,
}

/// What a state does. The physical plan's own words; expressions never occur in them (they are
/// code).
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each field is the plan operator's field of the same name")]
pub enum StateSpec {
    /// Hash grouping.
    Group(physical::Aggregate),
    /// Grouping in panes.
    Pane(physical::PaneAggregate),
    /// Grouping in sessions.
    Session(physical::SessionAggregate),
    /// Session bounds for each row.
    SessionAssign {
        /// The column of time.
        time: usize,
        /// The longest distance inside a session, microseconds.
        gap: i64,
        /// Sessions are apart where these columns differ.
        partition: Vec<usize>,
        /// When rows may be dropped.
        forget: Option<physical::Forget>,
    },
    /// A join.
    Join(JoinSpec),
    /// Distinct rows.
    Distinct { forget: Option<physical::Forget> },
    /// INTERSECT or EXCEPT.
    SetOp { op: physical::SetOp, all: bool },
    /// First rows of partitions.
    Top(physical::TopN),
    /// Window functions.
    Over(OverSpec),
    /// Rows held until their window closes.
    Hold { column: usize },
}

/// A join without its residual condition, which is code.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinSpec {
    /// Which.
    pub kind: physical::JoinKind,
    /// Key columns of the left input.
    pub left_keys: Vec<usize>,
    /// Key columns of the right input.
    pub right_keys: Vec<usize>,
    /// Whether NULL keys match each other, per key.
    pub null_equal: Vec<bool>,
    /// The columns (left, then right) that decide which pairs count, if the program tells by
    /// `join.match`.
    pub residual: Option<Vec<usize>>,
    /// When rows of the left state may be dropped.
    pub left_forget: Option<physical::Forget>,
    /// When rows of the right state may be dropped.
    pub right_forget: Option<physical::Forget>,
    /// Output columns, as positions in left then right columns.
    pub output: Vec<usize>,
}

/// Window functions over columns.
#[derive(Debug, Clone, PartialEq)]
pub struct OverSpec {
    /// Partition columns.
    pub partition: Vec<usize>,
    /// Order within a partition.
    pub order: Vec<physical::SortKey>,
    /// The calls.
    pub calls: Vec<OverCall>,
    /// Whether rows that the order leaves equal stand as they arrived; then the input never
    /// retracts.
    pub by_arrival: bool,
    /// When a partition may be dropped.
    pub forget: Option<physical::Forget>,
}

/// One window function call; its arguments are columns.
#[derive(Debug, Clone, PartialEq)]
pub struct OverCall {
    /// Which function.
    pub func: physical::WindowFunc,
    /// Argument columns.
    pub args: Vec<usize>,
    /// FILTER column.
    pub filter: Option<usize>,
    /// The frame.
    pub frame: physical::Frame,
    /// Result type.
    pub ty: DataType,
}

impl StateSpec {
    /// Its kind, as instructions name it.
    pub fn kind(&self) -> StateKind {
        match self {
            Self::Group(_) => StateKind::Group,
            Self::Pane(_) => StateKind::Pane,
            Self::Session(_) => StateKind::Session,
            Self::SessionAssign { .. } => StateKind::SessionAssign,
            Self::Join(_) => StateKind::Join,
            Self::Distinct { .. } => StateKind::Distinct,
            Self::SetOp { .. } => StateKind::SetOp,
            Self::Top(_) => StateKind::Top,
            Self::Over(_) => StateKind::Over,
            Self::Hold { .. } => StateKind::Hold,
        }
    }
}

/// A queue between pipelines: lives for one epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// Column types.
    pub types: Vec<DataType>,
}

/// What makes a pipeline run, and on which batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Driver {
    /// The delta of an input.
    Delta(u16),
    /// The batches of a queue.
    Queue(QueueId),
    /// What changed in a state's result.
    Changed(StateId),
    /// What a state releases when the watermark moves, after what changed.
    Close(StateId),
    /// Constant rows, in the first epoch.
    Values(ValuesId),
}

/// A driver and a straight line of instructions.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// Where its batches come from.
    pub driver: Driver,
    /// What is done with each.
    pub insts: Vec<Inst>,
}

/// The result of a program.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its columns, hidden sort columns included.
    pub schema: Schema,
    /// Whether it only grows.
    pub append_only: bool,
    /// Order and cut of an ad-hoc result.
    pub presentation: physical::Presentation,
}

impl Program {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The relations it reads, in the order of `StepInput::deltas`.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// What it keeps between epochs.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// Its pipelines, in the order they run.
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.pipelines
    }

    /// Its result.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// The types of the columns that a driver's batches have.
    pub fn driver_types(&self, driver: Driver) -> Option<Vec<DataType>> {
        let fields = |schema: &Schema| schema.fields.iter().map(|f| f.data_type.clone()).collect();
        Some(match driver {
            Driver::Delta(i) => {
                let input = self.inputs.get(usize::from(i))?;
                input.columns.iter().map(|(_, field)| field.data_type.clone()).collect()
            }
            Driver::Queue(q) => self.queues.get(q.index())?.types.clone(),
            Driver::Changed(g) | Driver::Close(g) => fields(&self.states.get(g.index())?.output),
            Driver::Values(v) => self.values.get(v.index())?.types.clone(),
        })
    }

    /// An operand list.
    pub(crate) fn list(&self, inst: &Inst) -> &[u16] {
        self.lists.get(inst.list as usize).map_or(&[], Vec::as_slice)
    }

    /// The type of an operand that is a register or a constant.
    pub(crate) fn val_type(&self, val: Val) -> Option<PhysicalType> {
        match val {
            Val::Reg(r) => self.registers.get(r.index()).copied(),
            Val::Const(c) => self.constants.get(c.index()).map(|c| c.ty.physical()),
        }
    }

    /// A number that two programs share only if their text is the same: state kept by a program may
    /// be given to another one of the same fingerprint.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = foldhash::quality::FixedState::with_seed(0x41_72_65_6e_61).build_hasher();
        hasher.write(self.to_text().as_bytes());
        hasher.finish()
    }
}
