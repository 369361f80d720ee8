//! What the planner knows of the database: an immutable picture of its relations.
//!
//! The facade builds one per statement; nothing here can change the database.
//! Invariant: a [`Relation`] is complete: planning never asks anyone else.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_tr_types::{RelationId, Schema};

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
