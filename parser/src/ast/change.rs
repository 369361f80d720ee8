//! Statements that change rows: INSERT, UPDATE, DELETE, MERGE.
//!
//! Invariant: an assignment of a list of columns is kept as one assignment for each column.

use super::{Cte, Expr, From, Ident, ObjectName, Query, SelectItem};
use crate::span::Span;

/// INSERT INTO t [AS a] [(columns)] query [ON CONFLICT ...] [RETURNING ...].
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// The table or stream.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// Columns named, or none for all.
    pub columns: Vec<Ident>,
    /// VALUES or SELECT; None for DEFAULT VALUES. `DEFAULT` as a cell is `ExprKind::Default`.
    pub source: Option<Box<Query>>,
    /// ON CONFLICT.
    pub on_conflict: Option<OnConflict>,
    /// RETURNING.
    pub returning: Vec<SelectItem>,
}

/// ON CONFLICT [target] DO NOTHING | DO UPDATE SET ... [WHERE ...].
#[derive(Debug, Clone, PartialEq)]
pub struct OnConflict {
    /// Which conflicts.
    pub target: ConflictTarget,
    /// DO UPDATE; none: DO NOTHING.
    pub update: Option<ConflictUpdate>,
    /// Where.
    pub span: Span,
}

/// Which conflicts an ON CONFLICT is about.
#[derive(Debug, Clone, PartialEq)]
pub enum ConflictTarget {
    /// All.
    Any,
    /// (columns).
    Columns(Vec<Ident>),
    /// ON CONSTRAINT name.
    Constraint(Ident),
}

/// DO UPDATE SET c = e, ... [WHERE ...].
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictUpdate {
    /// Assignments.
    pub assignments: Vec<(Ident, Expr)>,
    /// WHERE.
    pub selection: Option<Expr>,
}

/// WITH before a change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct With {
    /// Its tables.
    pub ctes: Vec<Cte>,
    /// Where RECURSIVE stands, if it does.
    pub recursive: Option<Span>,
}

/// UPDATE t SET c = e, ... [FROM ...] [WHERE ...] [RETURNING ...].
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// WITH.
    pub with: With,
    /// The table.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// Assignments.
    pub assignments: Vec<(Ident, Expr)>,
    /// FROM.
    pub from: Vec<From>,
    /// WHERE.
    pub selection: Option<Expr>,
    /// RETURNING.
    pub returning: Vec<SelectItem>,
}

/// DELETE FROM t [USING ...] [WHERE ...] [RETURNING ...].
#[derive(Debug, Clone, PartialEq)]
pub struct Delete {
    /// WITH.
    pub with: With,
    /// The table.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// USING.
    pub using: Vec<From>,
    /// WHERE.
    pub selection: Option<Expr>,
    /// RETURNING.
    pub returning: Vec<SelectItem>,
}

/// MERGE INTO t USING s ON condition WHEN ...
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// WITH.
    pub with: With,
    /// The table.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// USING: one item.
    pub source: Vec<From>,
    /// ON.
    pub on: Expr,
    /// WHEN clauses, in order.
    pub clauses: Vec<MergeClause>,
}

/// WHEN [NOT] MATCHED [AND condition] THEN action.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeClause {
    /// MATCHED.
    pub matched: bool,
    /// AND condition.
    pub condition: Option<Expr>,
    /// THEN.
    pub action: MergeAction,
    /// Where.
    pub span: Span,
}

/// What a WHEN clause does.
#[derive(Debug, Clone, PartialEq)]
pub enum MergeAction {
    /// UPDATE SET c = e, ...
    Update(Vec<(Ident, Expr)>),
    /// DELETE.
    Delete,
    /// INSERT [(columns)] VALUES (...): no values are DEFAULT VALUES.
    Insert {
        /// Columns named, or none for all.
        columns: Vec<Ident>,
        /// The values, one a column.
        values: Vec<Expr>,
    },
    /// DO NOTHING.
    Nothing,
}
