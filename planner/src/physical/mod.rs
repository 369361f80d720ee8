//! The physical plan: how a query is kept true. The only thing that the virtual machine sees of
//! planning.
//!
//! A directed acyclic graph of operators in topological order, each with its columns, whether its
//! output only grows, and what it may forget. Every choice (join method, pane sharing, what a
//! watermark frees) is made here, so code generation decides nothing.
//! Invariant: a node's inputs have smaller ids; expressions see the input's columns by position (a
//! join's residual sees left columns, then right).

pub mod display;
pub mod lower;

pub use crate::logical::{
    AggCall, Expr, ExprKind, Frame, FrameBound, FrameUnits, JoinKind, Moment, RankFunc, SetOp,
    SortKey, TimeWindow, WindowCall, WindowFunc,
};
use arena_tr_types::{AggFunc, DataType, RelationId, Schema};

/// A node of the plan, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A whole plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PhysicalPlan {
    /// The operators, inputs first.
    pub nodes: Vec<Node>,
    /// The node whose output is the query's.
    pub root: NodeId,
    /// The relations read, in the order of program inputs.
    pub inputs: Vec<Input>,
    /// Columns of the result.
    pub schema: Schema,
    /// The order and cut of an ad-hoc result.
    pub presentation: Presentation,
}

/// One relation that the program reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Which relation.
    pub relation: RelationId,
    /// Its name, for display.
    pub name: String,
    /// Columns of the relation that are used, ascending; the program sees only these.
    pub columns: Vec<usize>,
    /// Types of these columns.
    pub types: Vec<DataType>,
    /// Whether it only grows.
    pub append_only: bool,
    /// As of when it is read, if not as it is.
    pub moment: Option<Moment>,
}

/// ORDER BY and LIMIT of an ad-hoc query, over the root's columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Presentation {
    /// Sort keys; may use columns behind `width`.
    pub order: Vec<SortKey>,
    /// Most rows.
    pub limit: Option<u64>,
    /// Rows skipped.
    pub offset: u64,
    /// How many of the root's columns are shown, if hidden sort columns follow.
    pub width: Option<usize>,
}

/// One operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Its inputs.
    pub inputs: Vec<NodeId>,
    /// Its output columns.
    pub schema: Schema,
    /// Whether its output only grows (no weight below 1 is ever emitted).
    pub append_only: bool,
    /// What it forgets, and when.
    pub frontier: Frontier,
}

/// What an operator may forget when the watermark moves. It forgets after it has taken in all that
/// its inputs emitted in the same step, the rows of windows that the step closed included.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frontier {
    /// Output columns that carry event time, each with a lag in microseconds: once the program's
    /// watermark is `w`, the node emits no row (nor a retraction of one) whose value there is `< w
    /// - lag`. For window_end-like columns, rows with a value `<= w` are final.
    pub bounded: Vec<TimeBound>,
}

/// A bound on one output column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeBound {
    /// The column.
    pub column: usize,
    /// No more changes for values `< watermark - lag`; -1 for window ends, which are final when
    /// reached. Subtract saturating: the watermark may be the least or the greatest time.
    pub lag: i64,
}

/// The operators.
#[expect(missing_docs, reason = "the doc of a variant names its fields")]
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The delta of `PhysicalPlan::inputs[index]`.
    Input { index: usize },
    /// Constant rows, present from the first epoch on.
    Values { rows: Vec<Vec<Expr>> },
    /// Keeps rows for which the predicate is true.
    Filter { predicate: Expr },
    /// Computes the output columns.
    Project { exprs: Vec<Expr> },
    /// Appends window_start and window_end; `Session` is an operator of its own.
    WindowAssign { time: usize, window: TimeWindow },
    /// Appends the bounds of each row's session; stateful, retracts when sessions merge or split.
    /// `forget` is about whole sessions: one goes once its end (last row plus gap) is below the
    /// watermark minus the lag.
    SessionAssign { time: usize, gap: i64, partition: Vec<usize>, forget: Option<Forget> },
    /// Grouping by columns. Output: keys, then aggregates.
    Aggregate(Aggregate),
    /// Grouping of an append-only input by keys and by time window, state kept in panes.
    PaneAggregate(PaneAggregate),
    /// Grouping of an append-only input by partition keys and session.
    SessionAggregate(SessionAggregate),
    /// A join.
    Join(Join),
    /// Removes duplicates.
    Distinct { forget: Option<Forget> },
    /// All inputs' rows.
    Union,
    /// INTERSECT or EXCEPT of two inputs.
    SetOp { op: SetOp, all: bool },
    /// The first rows of each partition.
    TopN(TopN),
    /// Window functions. `by_arrival`: as in [`TopN`].
    Over {
        partition: Vec<usize>,
        order: Vec<SortKey>,
        calls: Vec<WindowCall>,
        by_arrival: bool,
        forget: Option<Forget>,
    },
    /// Expands arrays and series.
    Unnest { call: Expr, with_ordinality: bool, outer: bool },
    /// Holds each row back until the watermark reaches its window end in `column`, then emits it
    /// once.
    HoldUntilClose { column: usize },
}

/// State is dropped for a key or row once `value in column < watermark - lag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Forget {
    /// A column of the operator's (first) input, or of its key.
    pub column: usize,
    /// Microseconds behind the watermark.
    pub lag: i64,
}

/// One aggregate over input columns (expressions are projected below).
#[derive(Debug, Clone, PartialEq)]
pub struct Agg {
    /// Which.
    pub func: AggFunc,
    /// Argument columns.
    pub args: Vec<usize>,
    /// Only distinct argument values count.
    pub distinct: bool,
    /// A BOOLEAN column that must be true for a row to count.
    pub filter: Option<usize>,
    /// ORDER BY inside the call, over input columns.
    pub order: Vec<SortKey>,
    /// Result type.
    pub ty: DataType,
}

/// Hash grouping.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Key columns of the input; none: one global group that always exists.
    pub keys: Vec<usize>,
    /// The aggregates.
    pub aggs: Vec<Agg>,
    /// Whether the input may retract (aggregates then keep what undoing needs).
    pub retracts: bool,
    /// When a group may be dropped: `column` is a position in `keys`.
    pub forget: Option<Forget>,
}

/// Windowed grouping kept in panes of width gcd(size, slide).
#[derive(Debug, Clone, PartialEq)]
pub struct PaneAggregate {
    /// The event-time column of the input.
    pub time: usize,
    /// Tumble or Hop (Tumble is Hop with slide = size).
    pub window: TimeWindow,
    /// Key columns other than the window bounds.
    pub keys: Vec<usize>,
    /// The aggregates.
    pub aggs: Vec<Agg>,
    /// Whether rows come only when a window closes (then the output only grows), or with every
    /// change.
    pub on_close: bool,
    /// Output columns: `WindowStart`, `WindowEnd`, `Key(i)`, `Agg(i)` in this order.
    pub output: Vec<PaneColumn>,
    /// The window closes when `watermark >= window_end + lag`.
    pub lag: i64,
}

/// A column of a windowed aggregate's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaneColumn {
    /// window_start.
    WindowStart,
    /// window_end.
    WindowEnd,
    /// A key.
    Key(usize),
    /// An aggregate.
    Agg(usize),
}

/// Session grouping.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionAggregate {
    /// The event-time column.
    pub time: usize,
    /// The gap in microseconds.
    pub gap: i64,
    /// Key columns (the SESSION's partition).
    pub keys: Vec<usize>,
    /// The aggregates.
    pub aggs: Vec<Agg>,
    /// Rows only when a session closes.
    pub on_close: bool,
    /// Output columns.
    pub output: Vec<PaneColumn>,
    /// A session closes when `watermark > window_end + lag`.
    pub lag: i64,
}

/// A join of two inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Which.
    pub kind: JoinKind,
    /// Key columns of the left input; may be empty (then every pair is tried).
    pub left_keys: Vec<usize>,
    /// Key columns of the right input, pairwise of equal physical type.
    pub right_keys: Vec<usize>,
    /// Whether NULL keys match each other (IS NOT DISTINCT FROM), per key.
    pub null_equal: Vec<bool>,
    /// A condition over left columns, then right columns, that a pair must also fulfil.
    pub residual: Option<Expr>,
    /// When rows of the left state may be dropped: a column of the left input.
    pub left_forget: Option<Forget>,
    /// When rows of the right state may be dropped: a column of the right input.
    pub right_forget: Option<Forget>,
    /// Output columns kept, as positions in left then right columns (semi, anti: left only).
    pub output: Vec<usize>,
}

/// The first rows of each partition.
#[derive(Debug, Clone, PartialEq)]
pub struct TopN {
    /// Partition columns.
    pub partition: Vec<usize>,
    /// Order within a partition.
    pub order: Vec<SortKey>,
    /// How rows are numbered.
    pub function: RankFunc,
    /// Most rows per partition (most numbers, for ranks).
    pub limit: u64,
    /// Rows skipped per partition.
    pub offset: u64,
    /// Whether the number is appended as a BIGINT column.
    pub number: bool,
    /// Whether the input may retract.
    pub retracts: bool,
    /// Whether rows that the order leaves equal stand as they arrived, as in PostgreSQL. Only in a
    /// query that runs once: in a view their order must not depend on its history, so there it
    /// depends on all columns.
    pub by_arrival: bool,
    /// When a partition may be dropped: a column of the input that is in `partition`.
    pub forget: Option<Forget>,
}
