//! Queries: SELECT and what may stand in it.
//!
//! Invariant: set operations nest only as deep as the text's parentheses or as their left-deep
//! chain, both bounded by lowering.

use super::expr::{Expr, FunctionCall, WindowSpec};
use super::{Ident, ObjectName};
use crate::span::Span;

/// A whole query: WITH, body, ORDER BY, LIMIT, EMIT.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// WITH.
    pub ctes: Vec<Cte>,
    /// Where RECURSIVE stands, if it does.
    pub recursive: Option<Span>,
    /// SELECT, VALUES or a set operation.
    pub body: SetExpr,
    /// ORDER BY.
    pub order_by: Vec<OrderBy>,
    /// LIMIT or FETCH FIRST n ROWS ONLY.
    pub limit: Option<Expr>,
    /// OFFSET.
    pub offset: Option<Expr>,
    /// EMIT.
    pub emit: Option<Emit>,
    /// Where.
    pub span: Span,
}

impl Query {
    /// `SELECT * FROM from WHERE selection`.
    pub fn select_all(from: From, selection: Option<Expr>, span: Span) -> Self {
        let select = Select {
            distinct: None,
            items: vec![SelectItem::Wildcard(Span { start: span.start, end: span.start })],
            from: vec![from],
            selection,
            group_by: None,
            having: None,
            windows: vec![],
            qualify: None,
            span,
        };
        Self {
            ctes: vec![],
            recursive: None,
            body: SetExpr::Select(Box::new(select)),
            order_by: vec![],
            limit: None,
            offset: None,
            emit: None,
            span,
        }
    }
}

/// One common table expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    /// Its name and column names.
    pub alias: TableAlias,
    /// Its query.
    pub query: Box<Query>,
}

/// A name for a table and, optionally, its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct TableAlias {
    /// The name.
    pub name: Ident,
    /// Column names.
    pub columns: Vec<Ident>,
}

/// EMIT clause.
#[derive(Debug, Clone, PartialEq)]
pub enum Emit {
    /// EMIT CHANGES.
    Changes(Span),
    /// EMIT ON WINDOW CLOSE, EMIT FINAL.
    OnWindowClose(Span),
    /// EMIT EVERY interval.
    Every(Expr, Span),
}

/// The body of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum SetExpr {
    /// SELECT.
    Select(Box<Select>),
    /// VALUES.
    Values(Vec<Vec<Expr>>, Span),
    /// A query in parentheses.
    Query(Box<Query>),
    /// UNION, INTERSECT, EXCEPT.
    SetOperation {
        /// Which.
        op: SetOp,
        /// ALL or distinct.
        quantifier: SetQuantifier,
        /// Left.
        left: Box<SetExpr>,
        /// Right.
        right: Box<SetExpr>,
        /// Where the operator stands.
        span: Span,
    },
}

/// A set operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOp {
    /// UNION.
    Union,
    /// INTERSECT.
    Intersect,
    /// EXCEPT.
    Except,
}

/// ALL or DISTINCT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetQuantifier {
    /// Keeps duplicates.
    All,
    /// Drops them; the default.
    Distinct,
}

/// SELECT.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// DISTINCT.
    pub distinct: Option<Distinct>,
    /// The select list.
    pub items: Vec<SelectItem>,
    /// FROM: comma-separated items.
    pub from: Vec<From>,
    /// WHERE.
    pub selection: Option<Expr>,
    /// GROUP BY.
    pub group_by: Option<GroupBy>,
    /// HAVING.
    pub having: Option<Expr>,
    /// WINDOW name AS (...).
    pub windows: Vec<(Ident, WindowSpec)>,
    /// QUALIFY.
    pub qualify: Option<Expr>,
    /// Where.
    pub span: Span,
}

/// DISTINCT or DISTINCT ON (...).
#[derive(Debug, Clone, PartialEq)]
pub enum Distinct {
    /// DISTINCT.
    All,
    /// DISTINCT ON (exprs).
    On(Vec<Expr>),
}

/// GROUP BY.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupBy {
    /// GROUP BY ALL.
    All(Span),
    /// Plain expressions (an integer literal is a position).
    Exprs(Vec<Expr>),
    /// GROUPING SETS, ROLLUP, CUBE, expanded: each set lists expressions of GROUP BY.
    Sets(Vec<Vec<Expr>>, Span),
}

/// One item of a select list.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `*`.
    Wildcard(Span),
    /// `t.*`.
    QualifiedWildcard(ObjectName),
    /// An expression with its alias.
    Expr {
        /// The expression.
        expr: Expr,
        /// AS.
        alias: Option<Ident>,
    },
}

/// One item of FROM.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a statement has few of these and moves them rarely")]
pub enum From {
    /// A relation by name.
    Table {
        /// Its name.
        name: ObjectName,
        /// FOR SYSTEM_TIME AS OF.
        as_of: Option<Box<AsOf>>,
        /// AS.
        alias: Option<TableAlias>,
    },
    /// A subquery.
    Derived {
        /// LATERAL.
        lateral: bool,
        /// The query.
        query: Box<Query>,
        /// AS.
        alias: Option<TableAlias>,
        /// Where.
        span: Span,
    },
    /// TUMBLE, HOP, CUMULATE, SESSION.
    TimeWindow {
        /// The call.
        call: Box<TimeWindowCall>,
        /// AS.
        alias: Option<TableAlias>,
    },
    /// Another table function: generate_series, unnest.
    Function {
        /// LATERAL.
        lateral: bool,
        /// The call.
        call: FunctionCall,
        /// WITH ORDINALITY.
        with_ordinality: bool,
        /// AS.
        alias: Option<TableAlias>,
    },
    /// A join.
    Join(Box<Join>),
    /// Known but not built: named for the error ("MATCH_RECOGNIZE", "ASOF JOIN").
    Unsupported {
        /// What it is.
        what: String,
        /// Where.
        span: Span,
    },
}

/// FOR SYSTEM_TIME AS OF: which moment of a relation is read.
#[derive(Debug, Clone, PartialEq)]
pub enum AsOf {
    /// EPOCH and a number.
    Epoch(Expr),
    /// A timestamp. One that names a column of another table asks for a version for every row.
    Timestamp(Expr),
}

impl AsOf {
    /// What says which moment.
    pub fn expr(&self) -> &Expr {
        match self {
            Self::Epoch(expr) | Self::Timestamp(expr) => expr,
        }
    }
}

/// `left JOIN right ON ...`.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Left input.
    pub left: From,
    /// Right input.
    pub right: From,
    /// Which join.
    pub kind: JoinKind,
    /// Its condition.
    pub constraint: JoinConstraint,
    /// Where.
    pub span: Span,
}

/// Which join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// INNER.
    Inner,
    /// LEFT.
    Left,
    /// RIGHT.
    Right,
    /// FULL.
    Full,
    /// CROSS.
    Cross,
    /// LEFT SEMI.
    Semi,
    /// LEFT ANTI.
    Anti,
}

/// A join's condition.
#[derive(Debug, Clone, PartialEq)]
pub enum JoinConstraint {
    /// ON.
    On(Expr),
    /// USING (columns).
    Using(Vec<Ident>),
    /// NATURAL.
    Natural,
    /// None: CROSS.
    None,
}

/// `TUMBLE(bid, ts, INTERVAL '10' SECOND [, offset])` in either neighbour's spelling.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeWindowCall {
    /// Which.
    pub kind: TimeWindowKind,
    /// What it reads: a table name, or a subquery.
    pub input: From,
    /// PARTITION BY (SESSION).
    pub partition_by: Vec<Expr>,
    /// The time column.
    pub time: Expr,
    /// TUMBLE: size [, offset]; HOP: slide, size [, offset]; CUMULATE: step, max [, offset];
    /// SESSION: gap.
    pub args: Vec<Expr>,
    /// Where.
    pub span: Span,
}

/// Which window function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeWindowKind {
    /// Fixed, adjoining windows.
    Tumble,
    /// Fixed windows every slide.
    Hop,
    /// Growing windows.
    Cumulate,
    /// Windows that end after a gap.
    Session,
}

/// One ORDER BY item.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderBy {
    /// The expression; an integer literal is a position.
    pub expr: Expr,
    /// DESC.
    pub desc: bool,
    /// NULLS FIRST / LAST; None: last when ascending, first when descending.
    pub nulls_first: Option<bool>,
}
