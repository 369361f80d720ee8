//! Expressions.
//!
//! Invariant: AND and OR are lists, so a long chain is wide, not deep.

use super::query::{OrderBy, Query};
use super::{Ident, ObjectName, TypeName};
use crate::span::Span;

/// An expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// What an expression is.
#[expect(missing_docs, reason = "the doc of a variant names its fields")]
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// `$1`, numbered from 1.
    Param(u32),
    /// A column, possibly qualified: `c`, `t.c`, `s.t.c`.
    Column(Vec<Ident>),
    /// `t.*` or `*` as an argument (`count(*)` has no argument list instead).
    Wildcard,
    /// DEFAULT in VALUES or SET.
    Default,
    /// A unary operator.
    Unary(UnaryOp, Box<Expr>),
    /// A binary operator.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// a AND b AND ... (at least two).
    And(Vec<Expr>),
    /// a OR b OR ... (at least two).
    Or(Vec<Expr>),
    /// IS [NOT] NULL.
    IsNull { expr: Box<Expr>, negated: bool },
    /// IS [NOT] TRUE / FALSE / UNKNOWN: `Some(true)`, `Some(false)`, `None`.
    IsBool { expr: Box<Expr>, value: Option<bool>, negated: bool },
    /// IS [NOT] DISTINCT FROM.
    IsDistinct { left: Box<Expr>, right: Box<Expr>, negated: bool },
    /// [NOT] BETWEEN [SYMMETRIC].
    Between { expr: Box<Expr>, low: Box<Expr>, high: Box<Expr>, negated: bool, symmetric: bool },
    /// [NOT] IN (list).
    InList { expr: Box<Expr>, list: Vec<Expr>, negated: bool },
    /// [NOT] IN (query).
    InQuery { expr: Box<Expr>, query: Box<Query>, negated: bool },
    /// [NOT] EXISTS (query).
    Exists { query: Box<Query>, negated: bool },
    /// (query).
    Subquery(Box<Query>),
    /// `e op ANY|ALL (query or array)`.
    Quantified { expr: Box<Expr>, op: BinaryOp, all: bool, right: Box<Expr> },
    /// [NOT] LIKE / ILIKE / SIMILAR TO.
    Like {
        expr: Box<Expr>,
        pattern: Box<Expr>,
        escape: Option<Box<Expr>>,
        kind: LikeKind,
        negated: bool,
    },
    /// CASE.
    Case { operand: Option<Box<Expr>>, branches: Vec<(Expr, Expr)>, otherwise: Option<Box<Expr>> },
    /// CAST(e AS t), e::t, TRY_CAST.
    Cast { expr: Box<Expr>, to: TypeName, try_: bool },
    /// `TIMESTAMP '...'`: a typed string literal.
    TypedString { data_type: TypeName, value: String },
    /// EXTRACT(field FROM e): the field in lower case.
    Extract { field: String, expr: Box<Expr> },
    /// A function, aggregate or window function call. Special syntax (SUBSTRING FROM, POSITION IN,
    /// TRIM, OVERLAY, CEIL ...) is lowered to plain calls.
    Call(Box<FunctionCall>),
    /// ARRAY[...].
    Array(Vec<Expr>),
    /// ROW(...) or (a, b).
    Row(Vec<Expr>),
    /// e[i].
    Index(Box<Expr>, Box<Expr>),
    /// e[a:b].
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    /// (e).field.
    Field(Box<Expr>, Ident),
    /// e AT TIME ZONE z.
    AtTimeZone(Box<Expr>, Box<Expr>),
    /// e COLLATE c.
    Collate(Box<Expr>, ObjectName),
    /// Known but not built: named for the error.
    Unsupported(String),
}

/// Which pattern language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikeKind {
    /// LIKE.
    Like,
    /// ILIKE.
    ILike,
    /// SIMILAR TO.
    SimilarTo,
}

/// A constant as written.
#[expect(missing_docs, reason = "the doc of a variant names its fields")]
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// NULL.
    Null,
    /// TRUE, FALSE.
    Bool(bool),
    /// A number as written: digits, point, exponent.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// X'...': bytes.
    Bytes(Vec<u8>),
    /// INTERVAL '...' [unit [TO unit]]: the text and the units in lower case.
    Interval { value: String, leading: Option<String>, last: Option<String> },
}

/// A unary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// NOT.
    Not,
    /// `-`.
    Minus,
    /// `+`.
    Plus,
    /// `~`.
    BitNot,
    /// `@`: absolute value.
    Abs,
    /// `|/`: square root.
    Sqrt,
    /// `||/`: cube root.
    Cbrt,
    /// `!!`-like factorial is not offered.
    Factorial,
}

/// A binary operator other than AND, OR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the operator its name says")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    /// `^`
    Pow,
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    /// `||`
    Concat,
    BitAnd,
    BitOr,
    /// `#`
    BitXor,
    ShiftLeft,
    ShiftRight,
    /// `~`
    RegexMatch,
    /// `~*`
    RegexIMatch,
    /// `!~`
    RegexNotMatch,
    /// `!~*`
    RegexNotIMatch,
    /// `->`
    JsonGet,
    /// `->>`
    JsonGetText,
    /// `#>`
    JsonPath,
    /// `#>>`
    JsonPathText,
    /// `@>`
    Contains,
    /// `<@`
    ContainedBy,
    /// `?`
    JsonExists,
    /// `?|`
    JsonExistsAny,
    /// `?&`
    JsonExistsAll,
    /// `#-`
    JsonDeletePath,
    /// `&&`
    Overlap,
    /// `^@`
    StartsWith,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCall {
    /// The function's name.
    pub name: ObjectName,
    /// Arguments; named ones carry their name.
    pub args: Vec<(Option<Ident>, Expr)>,
    /// `f(*)`.
    pub star: bool,
    /// DISTINCT inside.
    pub distinct: bool,
    /// ORDER BY inside.
    pub order_by: Vec<OrderBy>,
    /// WITHIN GROUP (ORDER BY ...).
    pub within_group: Vec<OrderBy>,
    /// FILTER (WHERE ...).
    pub filter: Option<Box<Expr>>,
    /// OVER (...) or OVER name.
    pub over: Option<WindowSpec>,
    /// IGNORE NULLS.
    pub ignore_nulls: bool,
    /// Where.
    pub span: Span,
}

/// A window specification.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowSpec {
    /// The named window it starts from: `OVER w`, `OVER (w ORDER BY ...)`.
    pub base: Option<Ident>,
    /// PARTITION BY.
    pub partition_by: Vec<Expr>,
    /// ORDER BY.
    pub order_by: Vec<OrderBy>,
    /// The frame.
    pub frame: Option<WindowFrame>,
    /// Where.
    pub span: Span,
}

/// ROWS | RANGE | GROUPS BETWEEN ...
#[derive(Debug, Clone, PartialEq)]
pub struct WindowFrame {
    /// Its unit.
    pub units: FrameUnits,
    /// Start.
    pub start: FrameBound,
    /// End.
    pub end: FrameBound,
    /// EXCLUDE, other than NO OTHERS: where (not built).
    pub exclude: Option<Span>,
}

/// A frame's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameUnits {
    /// ROWS.
    Rows,
    /// RANGE.
    Range,
    /// GROUPS.
    Groups,
}

/// One end of a frame.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameBound {
    /// UNBOUNDED PRECEDING.
    UnboundedPreceding,
    /// n PRECEDING.
    Preceding(Box<Expr>),
    /// CURRENT ROW.
    CurrentRow,
    /// n FOLLOWING.
    Following(Box<Expr>),
    /// UNBOUNDED FOLLOWING.
    UnboundedFollowing,
}
