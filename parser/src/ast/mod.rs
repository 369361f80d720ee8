//! Our own tree: what a statement says, with spans and without any of the parsing library's types.
//!
//! Statements stand here, queries in [`query`], expressions in [`expr`], type names in
//! [`TypeName`].
//! Invariant: the height of any tree is at most the limit that lowering enforces, so walking one by
//! recursion is safe.

pub mod change;
mod display;
pub mod durable;
pub mod expr;
pub mod query;
pub mod table;
pub mod transaction;

pub use change::{
    ConflictTarget, ConflictUpdate, Delete, Insert, Merge, MergeAction, MergeClause, OnConflict,
    Update, With,
};
pub use durable::{Acknowledge, CreateAssertion, CreateSubscription, Fetch, Position, Text};
pub use expr::{BinaryOp, Expr, ExprKind, FunctionCall, Literal, UnaryOp, WindowFrame, WindowSpec};
pub use query::{
    AsOf, Cte, Distinct, Emit, From, GroupBy, Join, JoinConstraint, JoinKind, OrderBy, Query,
    Select, SelectItem, SetOp, SetQuantifier, TableAlias, TimeWindowCall, TimeWindowKind,
};
pub use table::{ConstraintKind, CreateIndex, ForeignKey, ReferentialAction, TableConstraint};
pub use transaction::{Begin, Isolation, Transaction};

use crate::span::Span;

/// A name, folded to lower case unless it was quoted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ident {
    /// The folded name.
    pub name: String,
    /// Whether it was written in double quotes.
    pub quoted: bool,
    /// Where.
    pub span: Span,
}

/// A possibly qualified name: `schema.table`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectName {
    /// The parts, outermost first; at least one.
    pub parts: Vec<Ident>,
    /// Where.
    pub span: Span,
}

/// A type as written: the planner gives it meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    /// Lower-case name without arguments: `numeric`, `character varying`, `timestamp with time
    /// zone`, `row`.
    pub name: String,
    /// Arguments: precision, scale, length.
    pub args: Vec<u32>,
    /// Number of `[]` behind it.
    pub array_dims: u32,
    /// Fields of ROW(...) or STRUCT<...>.
    pub fields: Vec<(Ident, TypeName)>,
    /// Where.
    pub span: Span,
}

/// One statement and where it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// Where, without the closing semicolon.
    pub span: Span,
}

/// What a statement says.
#[expect(missing_docs, reason = "the doc of a variant names its fields")]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StatementKind {
    /// SELECT, VALUES, WITH ...
    Query(Box<Query>),
    /// CREATE SOURCE / STREAM / TABLE.
    CreateRelation(Box<CreateRelation>),
    /// CREATE [MATERIALIZED] VIEW.
    CreateView(Box<CreateView>),
    /// CREATE SINK.
    CreateSink(Box<CreateSink>),
    /// CREATE INDEX.
    CreateIndex(Box<CreateIndex>),
    /// CREATE ASSERTION.
    CreateAssertion(Box<CreateAssertion>),
    /// CREATE SUBSCRIPTION.
    CreateSubscription(Box<CreateSubscription>),
    /// DROP.
    Drop { kind: ObjectKind, if_exists: bool, names: Vec<ObjectName>, cascade: bool },
    /// INSERT.
    Insert(Box<Insert>),
    /// UPDATE.
    Update(Box<Update>),
    /// DELETE. TRUNCATE t is a DELETE without a condition.
    Delete(Box<Delete>),
    /// MERGE.
    Merge(Box<Merge>),
    /// SUBSCRIBE.
    Subscribe(Box<Subscribe>),
    /// FETCH.
    Fetch(Box<Fetch>),
    /// ACKNOWLEDGE a position of a subscription.
    Acknowledge(Box<Acknowledge>),
    /// EXPLAIN.
    Explain(Box<Explain>),
    /// SHOW TABLES, SHOW SOURCES, SHOW name (a setting).
    Show { what: Ident },
    /// DESCRIBE x.
    Describe { name: ObjectName },
    /// SET name = value. The value is a literal or a bare word.
    Set { name: Ident, value: Literal },
    /// COPY ... TO / FROM.
    Copy(Box<Copy>),
    /// WAIT FOR SOURCES: until all bounded sources are drained.
    WaitForSources,
    /// FLUSH: until all that was inserted is in all views.
    Flush,
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT and their kin.
    Transaction(Transaction),
    /// CHECKPOINT: a snapshot now.
    Checkpoint,
    /// BACKUP TO 'place'.
    Backup { to: Text },
    /// RESTORE FROM 'place'.
    Restore { from: Text },
    /// CHECK DATABASE: the walk over all that is kept.
    CheckDatabase,
    /// CHECK MATERIALIZED VIEW name [REPAIR]: against the view computed anew.
    CheckView { name: ObjectName, repair: bool },
    /// A statement that is known but not built; `what` names it for the error ("VACUUM", "ALTER
    /// TABLE").
    Unsupported { what: String },
}

/// What a DROP or a COMMENT names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// SOURCE.
    Source,
    /// STREAM.
    Stream,
    /// TABLE: also accepts a stream or source, as the neighbours do.
    Table,
    /// VIEW.
    View,
    /// MATERIALIZED VIEW.
    MaterializedView,
    /// SINK.
    Sink,
    /// INDEX.
    Index,
    /// ASSERTION.
    Assertion,
    /// SUBSCRIPTION.
    Subscription,
}

/// Which kind of relation CREATE makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// External input.
    Source,
    /// Append-only, pushed in. Also `CREATE TABLE ... APPEND ONLY`.
    Stream,
    /// Mutable.
    Table,
}

/// CREATE SOURCE / STREAM / TABLE.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateRelation {
    /// Source, stream or table. `CREATE TABLE` with a 'connector' option is a source.
    pub kind: RelationKind,
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// TEMPORARY: accepted, the database is in memory.
    pub name: ObjectName,
    /// Columns in order; empty with `query`.
    pub columns: Vec<ColumnDef>,
    /// Table constraints.
    pub constraints: Vec<TableConstraint>,
    /// WATERMARK FOR.
    pub watermark: Option<WatermarkDef>,
    /// WITH (...).
    pub options: Vec<WithOption>,
    /// FORMAT x ENCODE y, lower case.
    pub format: Option<FormatEncode>,
    /// CREATE TABLE ... AS query.
    pub query: Option<Box<Query>>,
}

/// FORMAT PLAIN ENCODE JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct FormatEncode {
    /// `plain`, `debezium`, `upsert`.
    pub format: String,
    /// `json`, `csv`, `parquet`, `bytes`.
    pub encode: String,
    /// Options in parentheses behind ENCODE.
    pub options: Vec<WithOption>,
    /// Where.
    pub span: Span,
}

/// One column of a relation.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// Its name.
    pub name: Ident,
    /// Its type.
    pub data_type: TypeName,
    /// NOT NULL.
    pub not_null: bool,
    /// DEFAULT expr.
    pub default: Option<Expr>,
    /// PRIMARY KEY at the column.
    pub primary_key: bool,
    /// UNIQUE at the column.
    pub unique: bool,
    /// CHECK (expr) at the column.
    pub checks: Vec<Expr>,
    /// `AS (expr)`: computed column.
    pub computed: Option<Expr>,
    /// Where.
    pub span: Span,
}

/// WATERMARK FOR ts AS expr [IDLE TIMEOUT i] [CLOSE AFTER i] [LATE ROWS TO x | DROP | ERROR].
#[derive(Debug, Clone, PartialEq)]
pub struct WatermarkDef {
    /// The event-time column.
    pub column: Ident,
    /// `ts - INTERVAL '5' SECOND`, or just `ts`.
    pub expr: Expr,
    /// IDLE TIMEOUT.
    pub idle_timeout: Option<Expr>,
    /// CLOSE AFTER.
    pub close_after: Option<Expr>,
    /// Where late rows go; None: `<source>_late`.
    pub late: Option<LateRows>,
    /// Where.
    pub span: Span,
}

/// LATE ROWS clause.
#[derive(Debug, Clone, PartialEq)]
pub enum LateRows {
    /// Counted and dropped.
    Drop,
    /// Kept in this relation.
    To(Ident),
    /// An error that refuses the batch.
    Error,
}

/// `key = value` of a WITH clause; dotted keys are joined by dots, quoted keys accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct WithOption {
    /// Lower-case key.
    pub key: String,
    /// Its value; a bare word is a string.
    pub value: Literal,
    /// Where.
    pub span: Span,
}

/// CREATE [OR REPLACE] [MATERIALIZED] VIEW.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateView {
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// MATERIALIZED.
    pub materialized: bool,
    /// Its name.
    pub name: ObjectName,
    /// Column names in parentheses, or none.
    pub columns: Vec<Ident>,
    /// WITH (...).
    pub options: Vec<WithOption>,
    /// The query, with its EMIT clause.
    pub query: Box<Query>,
}

/// CREATE SINK name FROM view | AS query WITH (...) FORMAT ... ENCODE ... [ENVELOPE ...].
#[derive(Debug, Clone, PartialEq)]
pub struct CreateSink {
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// FROM name, or AS query.
    pub input: SinkInput,
    /// WITH (...).
    pub options: Vec<WithOption>,
    /// FORMAT ... ENCODE ...
    pub format: Option<FormatEncode>,
    /// ENVELOPE.
    pub envelope: Option<Envelope>,
}

/// What a sink reads.
#[derive(Debug, Clone, PartialEq)]
pub enum SinkInput {
    /// FROM name.
    Relation(ObjectName),
    /// AS query.
    Query(Box<Query>),
}

/// How changes are shaped at the edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Envelope {
    /// UPSERT (KEY (columns)).
    Upsert(Vec<Ident>),
    /// DEBEZIUM.
    Debezium,
    /// APPEND: only rows that arrive; a retraction is an error.
    Append,
}

/// SUBSCRIBE name | (query) [WHERE ...] [ENVELOPE UPSERT (KEY (...))] [WITH (...)] [AS OF EPOCH n]
/// [UP TO EPOCH n].
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// As a query: `SUBSCRIBE v WHERE p` is `SELECT * FROM v WHERE p`.
    pub query: Box<Query>,
    /// ENVELOPE.
    pub envelope: Option<Envelope>,
    /// WITH (SNAPSHOT = true, PROGRESS).
    pub options: Vec<WithOption>,
    /// AS OF EPOCH.
    pub as_of: Option<u64>,
    /// UP TO EPOCH.
    pub up_to: Option<u64>,
}

/// EXPLAIN [(options)] [ANALYZE] statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// What to show.
    pub form: ExplainForm,
    /// ANALYZE.
    pub analyze: bool,
    /// The statement: a query, CREATE MATERIALIZED VIEW, or INSERT ... SELECT; or an existing
    /// view's name.
    pub target: ExplainTarget,
}

/// What EXPLAIN is about.
#[derive(Debug, Clone, PartialEq)]
pub enum ExplainTarget {
    /// A statement.
    Statement(Box<Statement>),
    /// EXPLAIN MATERIALIZED VIEW name.
    View(ObjectName),
}

/// EXPLAIN (form).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExplainForm {
    /// The logical plan.
    Logical,
    /// The physical plan: the default.
    #[default]
    Physical,
    /// The program that really runs.
    Bytecode,
    /// What each operator keeps and when it may forget it.
    State,
}

/// COPY {t [(columns)] | (query)} {FROM | TO} 'path' | STDOUT [WITH (...)].
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// What is copied.
    pub subject: CopySubject,
    /// FROM: into the relation.
    pub from: bool,
    /// The file; None is STDIN or STDOUT.
    pub path: Option<String>,
    /// Where the path stands.
    pub path_span: Span,
    /// Options: format csv|json|parquet, header, delimiter, null ...
    pub options: Vec<WithOption>,
}

/// What COPY copies.
#[derive(Debug, Clone, PartialEq)]
pub enum CopySubject {
    /// A relation and, if named, its columns.
    Relation(ObjectName, Vec<Ident>),
    /// A query (TO only).
    Query(Box<Query>),
}
