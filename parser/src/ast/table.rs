//! What stands beside the columns of a table: constraints and indexes.
//!
//! Invariant: a constraint at a column that has a name, and every REFERENCES, stands here as one of
//! the whole table.

use super::{Expr, Ident, ObjectName};
use crate::span::Span;

/// A constraint of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableConstraint {
    /// CONSTRAINT name.
    pub name: Option<Ident>,
    /// What must hold.
    pub kind: ConstraintKind,
}

/// What a constraint asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum ConstraintKind {
    /// PRIMARY KEY (columns).
    PrimaryKey(Vec<Ident>),
    /// UNIQUE (columns).
    Unique(Vec<Ident>),
    /// CHECK (expr).
    Check(Expr),
    /// FOREIGN KEY (columns) REFERENCES ...
    ForeignKey(ForeignKey),
}

/// FOREIGN KEY (columns) REFERENCES t [(columns)] [ON DELETE action] [ON UPDATE action].
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignKey {
    /// The columns of this table.
    pub columns: Vec<Ident>,
    /// The table that is referenced.
    pub parent: ObjectName,
    /// Its columns; none: its primary key.
    pub parent_columns: Vec<Ident>,
    /// ON DELETE.
    pub on_delete: ReferentialAction,
    /// ON UPDATE.
    pub on_update: ReferentialAction,
    /// Where.
    pub span: Span,
}

/// What happens to rows whose referenced row goes or gets another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReferentialAction {
    /// It is refused if they are there when the statement is done.
    #[default]
    NoAction,
    /// It is refused.
    Restrict,
    /// They go too, or get the new key.
    Cascade,
    /// Their columns become NULL.
    SetNull,
    /// Their columns get their defaults.
    SetDefault,
}

/// CREATE [UNIQUE] INDEX [IF NOT EXISTS] [name] ON t [USING method] (columns).
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIndex {
    /// UNIQUE.
    pub unique: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name.
    pub name: Option<ObjectName>,
    /// The table.
    pub table: ObjectName,
    /// USING method.
    pub method: Option<Ident>,
    /// Its columns.
    pub columns: Vec<Ident>,
}
