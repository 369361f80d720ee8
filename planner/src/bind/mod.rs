//! From tree to meaning: names are resolved, types are decided, subqueries become joins.
//!
//! Everything here is a pure function of the statement's tree and the catalog. PostgreSQL decides
//! what a statement means and which error it gets.
//! Invariant: a bound plan names columns of its inputs only, every expression in it is typed, and
//! every conversion is an explicit cast.

mod aggregate;
mod build;
mod call;
mod coerce;
mod conflict;
mod constant;
mod ddl;
mod decorrelate;
mod dml;
mod expr;
mod from;
mod function;
mod grouping;
mod key;
mod lateral;
mod literal;
mod merge;
mod names;
mod operator;
mod past;
mod query;
mod scope;
mod select;
mod single;
mod slot;
mod stage;
mod subquery;
mod table_function;
mod time_window;
mod types;
mod walk;
mod window;

use arena_tr_parser::Span;
use arena_tr_parser::ast;
use arena_tr_types::{DataType, RelationId, Schema, SqlState, Value};

pub use conflict::{BoundConflict, ConflictSet};
pub use ddl::{BoundRelation, BoundView, BoundWatermark, bind_relation, bind_view};
pub use dml::{
    BoundDelete, BoundInsert, BoundUpdate, Returning, bind_delete, bind_insert, bind_update,
};
pub use key::{BoundIndex, bind_index};
pub use merge::{BoundMerge, MergeKind, bind_merge};

use crate::catalog::Catalog;
use crate::error::PlanError;
use crate::logical::{AggCall, Expr, Moment, Plan};

use query::Ctes;
use scope::Scope;
use window::WindowUse;

/// What binding depends on beside the statement and the catalog.
#[derive(Debug, Clone, Default)]
pub struct BindOptions {
    /// The query is a standing one: volatile functions are refused.
    pub view: bool,
    /// Declared types of parameters; `Unknown` or missing: taken from the context.
    pub param_types: Vec<DataType>,
    /// Values of parameters, where they are known: LIMIT and OFFSET need them while binding.
    pub param_values: Vec<Value>,
}

/// When a standing query's changes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Emit {
    /// With every epoch.
    #[default]
    Changes,
    /// Once per window, when it closes.
    OnWindowClose,
    /// Every so many microseconds.
    Every(i64),
}

/// A query with its meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundQuery {
    /// What it computes. Hidden sort columns follow the visible ones.
    pub plan: Plan,
    /// The visible columns.
    pub schema: Schema,
    /// EMIT; `None` when the query does not say.
    pub emit: Option<Emit>,
    /// Types of the parameters, by position.
    pub params: Vec<DataType>,
    /// Relations that the text names, and those that the plain views among them name; may repeat.
    pub reads: Vec<RelationId>,
}

impl BoundQuery {
    /// How many columns behind the visible ones are there only for ORDER BY.
    pub fn hidden(&self) -> usize {
        self.plan.schema.len() - self.schema.len()
    }
}

/// Gives a query its meaning.
pub fn bind_query(
    query: &ast::Query,
    catalog: &Catalog,
    options: &BindOptions,
) -> Result<BoundQuery, PlanError> {
    let mut binder = Binder::new(catalog, options);
    let emit = query.emit.as_ref().map(|e| binder.bind_emit(e)).transpose()?;
    let bound = binder.bind_top(query)?;
    let reads = std::mem::take(&mut binder.reads);
    Ok(BoundQuery { plan: bound.plan, schema: bound.schema, emit, params: binder.finish(), reads })
}

/// Where an expression stands: decides whether aggregates and window functions may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// The select list.
    Select,
    /// ORDER BY.
    OrderBy,
    /// DISTINCT ON.
    DistinctOn,
    /// QUALIFY.
    Qualify,
    /// HAVING.
    Having,
    /// WHERE.
    Where,
    /// ON.
    On,
    /// GROUP BY.
    GroupBy,
    /// FILTER of an aggregate.
    Filter,
    /// VALUES.
    Values,
    /// LIMIT.
    Limit,
    /// OFFSET.
    Offset,
    /// A table function's arguments.
    FromFunction,
    /// CHECK.
    Check,
    /// DEFAULT.
    Default,
    /// A computed column.
    Computed,
    /// SET of UPDATE.
    Update,
    /// RETURNING.
    Returning,
    /// An option that must be constant: window lengths, delays.
    Constant,
}

impl Clause {
    /// As PostgreSQL's messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::OrderBy => "ORDER BY",
            Self::DistinctOn => "DISTINCT ON",
            Self::Qualify => "QUALIFY",
            Self::Having => "HAVING",
            Self::Where => "WHERE",
            Self::On => "JOIN conditions",
            Self::GroupBy => "GROUP BY",
            Self::Filter => "FILTER",
            Self::Values => "VALUES",
            Self::Limit => "LIMIT",
            Self::Offset => "OFFSET",
            Self::FromFunction => "functions in FROM",
            Self::Check => "check constraints",
            Self::Default => "DEFAULT expressions",
            Self::Computed => "column generation expressions",
            Self::Update => "UPDATE",
            Self::Returning => "RETURNING",
            Self::Constant => "constants",
        }
    }

    fn allows_aggregates(self) -> bool {
        self.allows_windows() || self == Self::Having
    }

    fn allows_windows(self) -> bool {
        matches!(self, Self::Select | Self::OrderBy | Self::DistinctOn | Self::Qualify)
    }

    fn allows_subqueries(self) -> bool {
        !matches!(self, Self::Check | Self::Default | Self::Computed | Self::Constant)
    }
}

/// What an expression is an argument of, where that forbids something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// Nothing.
    Nothing,
    /// An aggregate.
    Aggregate,
    /// A window function.
    Window,
}

/// One query being bound: its names, and what its expressions have asked for.
#[derive(Debug)]
pub(crate) struct Level {
    /// What its FROM offers.
    scope: Scope,
    /// The clause being bound.
    clause: Clause,
    /// The call being bound.
    inside: Inside,
    /// Aggregates, by [`slot::Slot::Agg`].
    aggs: Vec<AggCall>,
    /// Window calls, by [`slot::Slot::Window`].
    windows: Vec<WindowUse>,
    /// Scalar subqueries, by [`slot::Slot::Sub`]: plans of one column that see this query as level
    /// 1.
    subs: Vec<Plan>,
    /// GROUPING calls, by [`slot::Slot::Grouping`].
    groupings: Vec<Vec<Expr>>,
    /// WINDOW clause.
    named_windows: Vec<(ast::Ident, ast::WindowSpec)>,
    /// Select list names that QUALIFY may use.
    aliases: Vec<(std::sync::Arc<str>, Expr)>,
}

impl Level {
    fn new(scope: Scope, clause: Clause) -> Self {
        Self {
            scope,
            clause,
            inside: Inside::Nothing,
            aggs: Vec::new(),
            windows: Vec::new(),
            subs: Vec::new(),
            groupings: Vec::new(),
            named_windows: Vec::new(),
            aliases: Vec::new(),
        }
    }
}

/// How deep plain views may stand upon plain views.
const VIEW_DEPTH: usize = 32;

/// The state of binding one statement.
pub(crate) struct Binder<'a> {
    catalog: &'a Catalog,
    options: &'a BindOptions,
    /// Queries around the current expression, outermost first.
    levels: Vec<Level>,
    /// WITH names in sight.
    ctes: Ctes,
    /// Parameter types found so far.
    params: Vec<DataType>,
    /// How much of plans has been copied for WITH names and views: bounded, because copies of
    /// copies double.
    copied: usize,
    /// How many plain views deep the text at hand is; its spans belong to another text then.
    view_depth: usize,
    /// Relations named so far.
    reads: Vec<RelationId>,
    /// As of when relations are read: said of the plain view whose query is being bound.
    moment: Option<Box<Moment>>,
}

impl<'a> Binder<'a> {
    pub(crate) fn new(catalog: &'a Catalog, options: &'a BindOptions) -> Self {
        Self {
            catalog,
            options,
            levels: Vec::new(),
            ctes: Ctes::default(),
            params: options.param_types.clone(),
            copied: 0,
            view_depth: 0,
            reads: Vec::new(),
            moment: None,
        }
    }

    /// The parameters' types; one that nothing decided is TEXT.
    pub(crate) fn finish(self) -> Vec<DataType> {
        let text = |t| if t == DataType::Unknown { DataType::Text } else { t };
        self.params.into_iter().map(text).collect()
    }

    /// The span, unless it belongs to a view's own text.
    fn place(&self, span: Span) -> Option<Span> {
        (self.view_depth == 0).then_some(span)
    }

    /// The query being bound.
    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().expect("expressions are bound inside a level")
    }

    /// Runs `f` with a new query level around it and gives the level back.
    fn with_level<T>(
        &mut self,
        scope: Scope,
        clause: Clause,
        f: impl FnOnce(&mut Self) -> Result<T, PlanError>,
    ) -> Result<(T, Level), PlanError> {
        let depth = self.levels.len();
        self.levels.push(Level::new(scope, clause));
        let result = f(self);
        let level = self.levels.pop();
        debug_assert_eq!(self.levels.len(), depth, "levels nest");
        Ok((result?, level.expect("pushed above")))
    }

    /// Accounts for a copy of a plan.
    fn charge(&mut self, plan: &Plan) -> Result<(), PlanError> {
        self.copied += walk::size(plan);
        walk::check_size(self.copied)
    }

    /// The parameter's type, decided here if it was open.
    fn type_parameter(&mut self, index: usize, wanted: &DataType) -> DataType {
        if self.params.len() <= index {
            self.params.resize(index + 1, DataType::Unknown);
        }
        if self.params[index] == DataType::Unknown {
            self.params[index] = wanted.clone();
        }
        self.params[index].clone()
    }

    /// The error of a volatile function in a standing query.
    fn refuse_volatile(&self, name: &str, span: Span) -> Result<(), PlanError> {
        if !self.options.view {
            return Ok(());
        }
        let message = format!("volatile function {name}() is not allowed in a view");
        Err(PlanError::of(SqlState::FEATURE_NOT_SUPPORTED, message)
            .with_hint("Compute the value before the row is inserted.")
            .at(self.place(span)))
    }

    /// The error of a wrong type where a clause asks for BOOLEAN.
    fn boolean(&mut self, expr: Expr, what: &str) -> Result<Expr, PlanError> {
        let span = expr.span;
        let ty = expr.ty.clone();
        if ty != DataType::Bool && ty != DataType::Unknown {
            let name = coerce::type_name(&ty);
            let message = format!("argument of {what} must be type boolean, not type {name}");
            return Err(PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(span));
        }
        self.implicit(expr, &DataType::Bool)
    }
}

#[cfg(test)]
mod tests;
