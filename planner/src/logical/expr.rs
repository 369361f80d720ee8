//! Typed scalar expressions, aggregate calls and window calls.
//!
//! Invariant: `And` and `Or` have at least two arms; `Case` is searched (simple CASE is rewritten).

use arena_tr_parser::Span;
use arena_tr_types::{AggFunc, DataType, Func, Value};

/// A typed expression. Equality means: computes the same; where it stands in the text does not
/// matter.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it computes.
    pub kind: ExprKind,
    /// Its type.
    pub ty: DataType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Where in the statement it stands.
    pub span: Option<Span>,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        // Bitwise for floats, because 0.0 and -0.0 print differently and NaN is itself.
        let same_kind = match (&self.kind, &other.kind) {
            (ExprKind::Literal(Value::Float8(a)), ExprKind::Literal(Value::Float8(b))) => {
                a.to_bits() == b.to_bits()
            }
            (ExprKind::Literal(Value::Float4(a)), ExprKind::Literal(Value::Float4(b))) => {
                a.to_bits() == b.to_bits()
            }
            (a, b) => a == b,
        };
        same_kind && self.ty == other.ty
    }
}

/// What an expression computes.
#[expect(missing_docs, reason = "the doc of a variant names its fields")]
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A column of the input, by position.
    Column(usize),
    /// A constant.
    Literal(Value),
    /// The parameter `$n`, from 0; replaced by a literal before lowering.
    Param(usize),
    /// The epoch's timestamp.
    Now,
    /// A built-in function or operator; arguments already have the signature's types.
    Call { func: Func, args: Vec<Expr> },
    /// Three-valued AND.
    And(Vec<Expr>),
    /// Three-valued OR.
    Or(Vec<Expr>),
    /// Three-valued NOT.
    Not(Box<Expr>),
    /// IS NULL; never NULL itself.
    IsNull(Box<Expr>),
    /// CASE WHEN ... THEN ... ELSE ...; later branches are not evaluated for rows that an earlier
    /// one took.
    Case { branches: Vec<(Expr, Expr)>, otherwise: Option<Box<Expr>> },
    /// The first argument that is not NULL; later ones are evaluated only where needed.
    Coalesce(Vec<Expr>),
    /// Conversion to this expression's type. `try_`: NULL instead of an error.
    Cast { input: Box<Expr>, try_: bool },
    /// `input IN (list)` with SQL's NULL rules; all of one type.
    InList { input: Box<Expr>, list: Vec<Expr> },
}

/// One aggregate of an Aggregate node; its arguments see the node's input. Equality ignores the
/// span.
#[derive(Debug, Clone)]
pub struct AggCall {
    /// Which aggregate.
    pub func: AggFunc,
    /// Arguments (none for count(*)).
    pub args: Vec<Expr>,
    /// DISTINCT.
    pub distinct: bool,
    /// FILTER (WHERE ...).
    pub filter: Option<Expr>,
    /// ORDER BY inside the call (array_agg, string_agg, first_value ...).
    pub order: Vec<SortKeyExpr>,
    /// Its result type.
    pub ty: DataType,
    /// Whether the result may be NULL.
    pub nullable: bool,
    /// Where.
    pub span: Option<Span>,
}

impl PartialEq for AggCall {
    fn eq(&self, other: &Self) -> bool {
        self.func == other.func
            && self.args == other.args
            && self.distinct == other.distinct
            && self.filter == other.filter
            && self.order == other.order
            && self.ty == other.ty
    }
}

/// An ORDER BY item by expression.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKeyExpr {
    /// What is compared.
    pub expr: Expr,
    /// Descending.
    pub desc: bool,
    /// NULLs first.
    pub nulls_first: bool,
}

/// An ORDER BY item by column position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SortKey {
    /// The column.
    pub column: usize,
    /// Descending.
    pub desc: bool,
    /// NULLs first.
    pub nulls_first: bool,
}

/// One window function call of an Over node.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowCall {
    /// Which function.
    pub func: WindowFunc,
    /// Its arguments; they see the node's input.
    pub args: Vec<Expr>,
    /// FILTER (aggregates only).
    pub filter: Option<Expr>,
    /// The frame, always explicit here (PostgreSQL's default when none is written).
    pub frame: Frame,
    /// Its result type.
    pub ty: DataType,
}

/// A window function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowFunc {
    /// An aggregate over the frame.
    Agg(AggFunc),
    /// row_number().
    RowNumber,
    /// rank().
    Rank,
    /// dense_rank().
    DenseRank,
    /// percent_rank().
    PercentRank,
    /// cume_dist().
    CumeDist,
    /// ntile(n).
    Ntile,
    /// lag(value [, offset [, default]]).
    Lag,
    /// lead(value [, offset [, default]]).
    Lead,
    /// first_value(value).
    FirstValue,
    /// last_value(value).
    LastValue,
    /// nth_value(value, n).
    NthValue,
}

/// A frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// ROWS, RANGE or GROUPS.
    pub units: FrameUnits,
    /// Start.
    pub start: FrameBound,
    /// End.
    pub end: FrameBound,
}

/// A frame's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameUnits {
    /// Counts rows.
    Rows,
    /// Compares the one ORDER BY key.
    Range,
    /// Counts groups of peers.
    Groups,
}

/// One end of a frame; offsets are constants (integers for ROWS and GROUPS).
#[derive(Debug, Clone, PartialEq)]
pub enum FrameBound {
    /// UNBOUNDED PRECEDING.
    UnboundedPreceding,
    /// n PRECEDING.
    Preceding(Value),
    /// CURRENT ROW.
    CurrentRow,
    /// n FOLLOWING.
    Following(Value),
    /// UNBOUNDED FOLLOWING.
    UnboundedFollowing,
}
