//! What the planner knows of the database: an immutable picture of its relations.
//!
//! The facade builds one per statement; nothing here can change the database.
//! Invariant: a [`Relation`] is complete: planning never asks anyone else.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_tr_types::{RelationId, Schema};

pub use arena_tr_parser::ast::ReferentialAction;

use crate::logical::Expr;

/// All relations by name (schema-qualified as `schema.name`, plain for the default schema).
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// By folded name.
    pub relations: BTreeMap<String, Arc<Relation>>,
}

/// One relation.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its identity.
    pub id: RelationId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: RelationKind,
    /// Its columns, computed ones included.
    pub schema: Schema,
    /// Columns of the primary key, if there is one.
    pub primary_key: Option<Vec<usize>>,
    /// Whether rows are only ever added.
    pub append_only: bool,
    /// The event-time column and its watermark delay, if declared; of a view: the column known to
    /// carry the source's frontier.
    pub watermark: Option<Watermark>,
    /// DEFAULT of each column; `None` is NULL.
    pub defaults: Vec<Option<Expr>>,
    /// Computed columns: expression over the relation's own columns.
    pub computed: Vec<Option<Expr>>,
    /// CHECK constraints: name and predicate over the relation's columns.
    pub checks: Vec<(String, Expr)>,
    /// Keys and indexes.
    pub keys: Keys,
    /// The text of a plain view's query: planned in place where it is used.
    pub view_query: Option<Arc<arena_tr_parser::ast::Query>>,
    /// Column names a plain view was given.
    pub view_columns: Vec<String>,
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// External input; not stored.
    Source,
    /// Append-only and stored.
    Stream,
    /// Mutable and stored.
    Table,
    /// A name for a query.
    View,
    /// A maintained view; stored.
    MaterializedView,
    /// Kept by the engine (late rows, errors, arena.*): readable, append-only.
    System,
}

/// Event time of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// The column.
    pub column: usize,
    /// The watermark is the largest value seen minus this, in microseconds.
    pub delay: i64,
}

/// Keys and indexes of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keys {
    /// The name of the primary key's constraint.
    pub primary: Option<String>,
    /// UNIQUE constraints and indexes, oldest first.
    pub indexes: Vec<Index>,
    /// FOREIGN KEY constraints.
    pub foreign: Vec<ForeignKey>,
}

/// A UNIQUE constraint or an index.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// The columns of its key.
    pub columns: Vec<usize>,
    /// Whether no two rows may have the same key, NULLs being distinct.
    pub unique: bool,
    /// Whether a constraint made it: then it goes with the table only.
    pub constraint: bool,
}

/// A FOREIGN KEY constraint.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// The columns of this table.
    pub columns: Vec<usize>,
    /// The referenced table's name.
    pub parent: String,
    /// Its columns: a key of it, in the order of `columns`.
    pub parent_columns: Vec<usize>,
    /// What happens to rows whose referenced row goes.
    pub on_delete: ReferentialAction,
    /// What happens to rows whose referenced row gets another key.
    pub on_update: ReferentialAction,
}

/// A key that no two rows share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UniqueKey {
    /// The primary key.
    Primary,
    /// [`Keys::indexes`] at this position.
    Index(usize),
}

impl Relation {
    /// The keys that no two rows share, with their columns.
    pub fn unique_keys(&self) -> impl Iterator<Item = (UniqueKey, &[usize])> {
        let primary = self.primary_key.as_deref().map(|columns| (UniqueKey::Primary, columns));
        let others = self.keys.indexes.iter().enumerate().filter(|(_, i)| i.unique);
        primary.into_iter().chain(others.map(|(i, x)| (UniqueKey::Index(i), &x.columns[..])))
    }
}

impl Catalog {
    /// The table with an index of this name, and the index's position in [`Keys::indexes`].
    pub fn index(&self, name: &str) -> Option<(&Arc<Relation>, usize)> {
        self.relations.values().find_map(|relation| {
            let at = relation.keys.indexes.iter().position(|index| index.name == name)?;
            Some((relation, at))
        })
    }

    /// Whether a relation, an index or a primary key has this name.
    pub fn is_taken(&self, name: &str) -> bool {
        self.relations.contains_key(name)
            || self.index(name).is_some()
            || self.relations.values().any(|r| r.keys.primary.as_deref() == Some(name))
    }
}
