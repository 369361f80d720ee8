//! The logical plan: what a query means, in relational terms, with no physical choice made.
//!
//! Column references are positions in the input's columns; names live only in schemas. The binder
//! makes this form, the rules rewrite it, the oracle evaluates it naively, lowering turns it into
//! the physical plan. Join conditions and residuals see the left columns followed by the right
//! ones.
//! Invariant: every [`Expr`] is typed; implicit casts are explicit `Cast` nodes here.

pub mod display;
pub mod expr;
pub mod visit;

pub use expr::{
    AggCall, Expr, ExprKind, Frame, FrameBound, FrameUnits, SortKey, WindowCall, WindowFunc,
};

use arena_tr_parser::Span;
use arena_tr_types::{RelationId, Schema};

/// A relational operator with its inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The operator.
    pub node: Node,
    /// Its output columns.
    pub schema: Schema,
    /// Where in the statement it comes from, for notices and errors.
    pub span: Option<Span>,
}

/// The operators.
#[expect(missing_docs, reason = "the doc of a variant names its fields")]
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Reads a relation; `columns` are the relation's column positions kept, in output order;
    /// `moment` says as of when, if not as it is.
    Scan { relation: RelationId, columns: Vec<usize>, moment: Option<Box<Moment>> },
    /// Constant rows. No column reference may occur.
    Values { rows: Vec<Vec<Expr>> },
    /// Keeps rows for which the predicate is true.
    Filter { input: Box<Plan>, predicate: Expr },
    /// Computes each output column.
    Project { input: Box<Plan>, exprs: Vec<Expr> },
    /// A join. `on` is None for a cross join.
    Join { left: Box<Plan>, right: Box<Plan>, kind: JoinKind, on: Option<Expr> },
    /// Grouping: output is the group expressions, then the aggregates. With no group expression
    /// there is exactly one output row, even over empty input.
    Aggregate { input: Box<Plan>, group: Vec<Expr>, aggs: Vec<AggCall> },
    /// Adds `window_start`, `window_end` (the type of the time column) behind the input's columns;
    /// a row with NULL in the time column is in no window. HOP and CUMULATE repeat rows.
    TimeWindow { input: Box<Plan>, time: usize, window: TimeWindow },
    /// Removes duplicate rows.
    Distinct { input: Box<Plan> },
    /// UNION ALL of inputs with equal types.
    Union { inputs: Vec<Plan> },
    /// INTERSECT or EXCEPT, with or without ALL.
    SetOp { left: Box<Plan>, right: Box<Plan>, op: SetOp, all: bool },
    /// The rows whose row number (or rank) within the partition is in `offset+1 ..= offset+limit`;
    /// with `number`, that number is appended as a BIGINT column. Made by a rule from row_number()
    /// <= n, by DISTINCT ON, and by ORDER BY ... LIMIT in a standing query.
    TopN {
        input: Box<Plan>,
        partition: Vec<usize>,
        order: Vec<SortKey>,
        function: RankFunc,
        limit: Option<u64>,
        offset: u64,
        number: bool,
    },
    /// Window functions over partitions: appends one column per call.
    Over { input: Box<Plan>, partition: Vec<usize>, order: Vec<SortKey>, calls: Vec<WindowCall> },
    /// Expands arrays: appends the element (and the ordinality) of each; for generate_series the
    /// series.
    Unnest { input: Box<Plan>, call: Expr, with_ordinality: bool, outer: bool },
    /// Orders the result. Only at the top of an ad-hoc query (elsewhere it has no meaning and is
    /// dropped).
    Sort { input: Box<Plan>, keys: Vec<SortKey> },
    /// Cuts an ad-hoc result.
    Limit { input: Box<Plan>, limit: Option<u64>, offset: u64 },
}

/// FOR SYSTEM_TIME AS OF: a moment of the past, by an expression without columns.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// Behind this commit; a BIGINT.
    Epoch(Expr),
    /// Behind the last commit until then; a TIMESTAMPTZ, or a TIMESTAMP in UTC.
    Time(Expr),
}

/// Which join; the output of `Semi` and `Anti` is the left columns only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and left rows without a partner padded with NULL.
    Left,
    /// Pairs, and right rows without a partner.
    Right,
    /// Pairs, and both.
    Full,
    /// Left rows with at least one partner.
    Semi,
    /// Left rows without a partner (NOT EXISTS).
    Anti,
    /// NOT IN: `on` is the conjunction of the equalities and any correlation; a left row is kept
    /// unless the condition is true or unknown for some right row.
    NullAwareAnti,
}

/// A set operation other than UNION.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetOp {
    /// INTERSECT.
    Intersect,
    /// EXCEPT.
    Except,
}

/// How TopN numbers rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RankFunc {
    /// row_number(): ties broken by an arbitrary but fixed order (all columns).
    RowNumber,
    /// rank(): ties share a number.
    Rank,
    /// dense_rank().
    DenseRank,
}

/// A time window; all lengths in microseconds, months are refused.
#[expect(missing_docs, reason = "the doc of a variant names its fields")]
#[derive(Debug, Clone, PartialEq)]
pub enum TimeWindow {
    /// `[k*size + offset, (k+1)*size + offset)`.
    Tumble { size: i64, offset: i64 },
    /// Windows of `size` that start every `slide`.
    Hop { slide: i64, size: i64, offset: i64 },
    /// Windows that grow by `step` up to `max`.
    Cumulate { step: i64, max: i64, offset: i64 },
    /// Rows of one partition at most `gap` apart, the gap included; it ends at its last row plus
    /// the gap.
    Session { gap: i64, partition: Vec<usize> },
}
