//! CREATE SOURCE, STREAM, TABLE and VIEW: definitions checked against the catalog.
//!
//! What comes out is complete: the facade adds an identity and storage, and asks nothing more.
//! Invariant: defaults, computed columns and checks are typed expressions over the relation's own
//! columns.

use arena_tr_parser::Span;
use arena_tr_parser::ast::{self, ColumnDef, ConstraintKind, LateRows};
use arena_tr_types::limits::COLUMNS;
use arena_tr_types::{DataType, Field, Func, RelationId, Schema, SqlState};

use crate::catalog::{Catalog, Keys, Relation, RelationKind, Watermark};
use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::coerce::{CastContext, type_name};
use super::scope::{Scope, dotted};
use super::types::data_type;
use super::{BindOptions, Binder, BoundQuery, Clause};

/// A relation as its CREATE statement defines it.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundRelation {
    /// Its name, without the default schema.
    pub name: String,
    /// Source, stream or table.
    pub kind: RelationKind,
    /// Its columns.
    pub schema: Schema,
    /// Columns of the primary key.
    pub primary_key: Option<Vec<usize>>,
    /// Event time.
    pub watermark: Option<BoundWatermark>,
    /// DEFAULT of each column.
    pub defaults: Vec<Option<Expr>>,
    /// Computed columns.
    pub computed: Vec<Option<Expr>>,
    /// CHECK constraints with their names.
    pub checks: Vec<(String, Expr)>,
    /// Keys and indexes.
    pub keys: Keys,
    /// CREATE TABLE ... AS: the rows it starts with.
    pub query: Option<BoundQuery>,
}

/// WATERMARK FOR.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundWatermark {
    /// The column and the delay.
    pub watermark: Watermark,
    /// IDLE TIMEOUT in microseconds.
    pub idle_timeout: Option<i64>,
    /// CLOSE AFTER in microseconds.
    pub close_after: Option<i64>,
    /// LATE ROWS.
    pub late: Option<LateRows>,
}

impl BoundRelation {
    /// The catalog's entry of it.
    pub fn to_relation(&self, id: RelationId) -> Relation {
        Relation {
            id,
            name: self.name.clone(),
            kind: self.kind,
            schema: self.schema.clone(),
            primary_key: self.primary_key.clone(),
            append_only: self.kind != RelationKind::Table,
            watermark: self.watermark.as_ref().map(|w| w.watermark),
            defaults: self.defaults.clone(),
            computed: self.computed.clone(),
            checks: self.checks.clone(),
            keys: self.keys.clone(),
            view_query: None,
            view_columns: Vec::new(),
        }
    }
}

/// A view as its CREATE statement defines it.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundView {
    /// Its name, without the default schema.
    pub name: String,
    /// What it shows; the schema has the names that the statement gives its columns. No hidden
    /// columns.
    pub query: BoundQuery,
}

/// Checks CREATE SOURCE, STREAM or TABLE.
///
/// # Errors
/// When a name, type or expression in it is wrong, or a clause is not built.
pub fn bind_relation(
    create: &ast::CreateRelation,
    catalog: &Catalog,
    options: &BindOptions,
) -> Result<BoundRelation, PlanError> {
    let mut binder = Binder::new(catalog, options);
    let kind = match create.kind {
        ast::RelationKind::Source => RelationKind::Source,
        ast::RelationKind::Stream => RelationKind::Stream,
        ast::RelationKind::Table => RelationKind::Table,
    };
    let name = catalog_name(&create.name);
    if let Some(query) = &create.query {
        return created_as(binder, name, kind, query);
    }
    let schema = binder.define_columns(create)?;
    let (primary_key, mut keys) = binder.keys(create, &name, &schema)?;
    let schema = not_null(schema, primary_key.as_deref());
    let (defaults, computed) = binder.column_expressions(create, &schema)?;
    let checks = binder.checks(create, &name, &schema)?;
    binder.foreign_keys(create, &name, (&schema, primary_key.as_deref()), &mut keys)?;
    let watermark = match &create.watermark {
        Some(def) => Some(binder.watermark(def, kind, &schema)?),
        None => None,
    };
    Ok(BoundRelation {
        name,
        kind,
        schema,
        primary_key,
        watermark,
        defaults,
        computed,
        checks,
        keys,
        query: None,
    })
}

/// Checks CREATE [MATERIALIZED] VIEW.
///
/// # Errors
/// When its query is wrong, or its columns have no distinct names.
pub fn bind_view(
    create: &ast::CreateView,
    catalog: &Catalog,
    options: &BindOptions,
) -> Result<BoundView, PlanError> {
    let options = BindOptions { view: true, ..options.clone() };
    let mut binder = Binder::new(catalog, &options);
    let emit = create.query.emit.as_ref().map(|e| binder.bind_emit(e)).transpose()?;
    let query = ast::Query { emit: None, ..(*create.query).clone() };
    let plan = binder.bind_nested(&query)?;
    if let Some(extra) = create.columns.get(plan.width()) {
        let message = "CREATE VIEW specifies more column names than columns";
        return Err(PlanError::of(SqlState::SYNTAX_ERROR, message).at(extra.span));
    }
    let plan = binder.rename_columns(plan, &create.columns, "view")?;
    let names: Vec<(&str, Span)> = plan
        .schema
        .fields
        .iter()
        .enumerate()
        .map(|(i, f)| (&*f.name, create.columns.get(i).map_or(create.query.span, |c| c.span)))
        .collect();
    distinct_names(&names)?;
    let schema = plan.schema.clone();
    let reads = std::mem::take(&mut binder.reads);
    let params = binder.finish();
    if !params.is_empty() {
        let message = "there is no parameter $1";
        return Err(PlanError::of(SqlState::UNDEFINED_PARAMETER, message).at(create.query.span));
    }
    Ok(BoundView {
        name: catalog_name(&create.name),
        query: BoundQuery { plan, schema, emit, params, reads },
    })
}

/// CREATE TABLE ... AS.
fn created_as(
    mut binder: Binder<'_>,
    name: String,
    kind: RelationKind,
    query: &ast::Query,
) -> Result<BoundRelation, PlanError> {
    let plan = binder.bind_nested(query)?;
    let fields = plan.schema.fields.iter().map(|f| Field { nullable: true, ..f.clone() });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let names: Vec<(&str, Span)> = schema.fields.iter().map(|f| (&*f.name, query.span)).collect();
    distinct_names(&names)?;
    let n = schema.len();
    let reads = std::mem::take(&mut binder.reads);
    let params = binder.finish();
    let query = Some(BoundQuery { plan, schema: schema.clone(), emit: None, params, reads });
    Ok(BoundRelation {
        name,
        kind,
        schema,
        primary_key: None,
        watermark: None,
        defaults: vec![None; n],
        computed: vec![None; n],
        checks: Vec::new(),
        keys: Keys::default(),
        query,
    })
}

/// A relation's name as the catalog keeps it.
pub(crate) fn catalog_name(name: &ast::ObjectName) -> String {
    let full = dotted(name);
    full.strip_prefix("public.").map_or(full.clone(), str::to_owned)
}

/// The error of a name that stands twice.
fn distinct_names(names: &[(&str, Span)]) -> Result<(), PlanError> {
    for (i, (name, span)) in names.iter().enumerate() {
        if names[..i].iter().any(|(n, _)| n == name) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(PlanError::of(SqlState::DUPLICATE_COLUMN, message).at(*span));
        }
    }
    Ok(())
}

/// Columns of the primary key are NOT NULL.
fn not_null(schema: Schema, key: Option<&[usize]>) -> Schema {
    let Some(key) = key else { return schema };
    let fields = schema
        .fields
        .iter()
        .enumerate()
        .map(|(i, f)| Field { nullable: f.nullable && !key.contains(&i), ..f.clone() });
    Schema::new(fields.collect::<Vec<_>>())
}

impl Binder<'_> {
    fn define_columns(&mut self, create: &ast::CreateRelation) -> Result<Schema, PlanError> {
        if create.columns.len() > COLUMNS {
            let message = format!("tables can have at most {COLUMNS} columns");
            return Err(PlanError::of(SqlState("54011"), message).at(create.name.span));
        }
        let names: Vec<(&str, Span)> =
            create.columns.iter().map(|c| (c.name.name.as_str(), c.name.span)).collect();
        distinct_names(&names)?;
        let field = |c: &ColumnDef| {
            Ok(Field::new(c.name.name.as_str(), data_type(&c.data_type)?, !c.not_null))
        };
        let fields = create.columns.iter().map(field).collect::<Result<Vec<_>, PlanError>>()?;
        Ok(Schema::new(fields))
    }

    /// Defaults and computed columns.
    #[expect(clippy::type_complexity, reason = "two parallel lists, one entry a column")]
    fn column_expressions(
        &mut self,
        create: &ast::CreateRelation,
        schema: &Schema,
    ) -> Result<(Vec<Option<Expr>>, Vec<Option<Expr>>), PlanError> {
        let mut defaults = Vec::with_capacity(schema.len());
        let mut computed = Vec::with_capacity(schema.len());
        for (column, field) in create.columns.iter().zip(schema.fields.iter()) {
            if let (Some(_), Some(_)) = (&column.default, &column.computed) {
                let message = format!(
                    "both default and generation expression specified for column \"{}\"",
                    column.name.name
                );
                return Err(PlanError::of(SqlState::SYNTAX_ERROR, message).at(column.span));
            }
            defaults.push(match &column.default {
                Some(default) => Some(self.bind_default(default, field)?),
                None => None,
            });
            computed.push(match &column.computed {
                Some(expr) => Some(self.bind_computed(expr, field, create, schema)?),
                None => None,
            });
        }
        Ok((defaults, computed))
    }

    fn bind_default(&mut self, default: &ast::Expr, field: &Field) -> Result<Expr, PlanError> {
        let (bound, _) = self.with_level(Scope::default(), Clause::Default, |binder| {
            let bound = binder.bind_expr(default);
            bound.map_err(|e| match e.state {
                SqlState::UNDEFINED_COLUMN => {
                    let message = "cannot use column reference in DEFAULT expression";
                    PlanError::of(SqlState::FEATURE_NOT_SUPPORTED, message).at(e.span)
                }
                _ => e,
            })
        })?;
        let from = bound.ty.clone();
        self.assign(bound, &field.data_type).map_err(|e| match e.state {
            SqlState::CANNOT_COERCE => {
                let message = format!(
                    "column \"{}\" is of type {} but default expression is of type {}",
                    field.name,
                    type_name(&field.data_type),
                    type_name(&from)
                );
                rewrite_hint(PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(e.span))
            }
            _ => e,
        })
    }

    fn bind_computed(
        &mut self,
        expr: &ast::Expr,
        field: &Field,
        create: &ast::CreateRelation,
        schema: &Schema,
    ) -> Result<Expr, PlanError> {
        let bound = self.over_own_columns(expr, Clause::Computed, schema)?;
        let mut wrong = None;
        bound.each_column(&mut |c| {
            if create.columns[c].computed.is_some() {
                wrong = Some(create.columns[c].name.name.clone());
            }
        });
        let state = SqlState("42P17");
        if let Some(name) = wrong {
            let message =
                format!("cannot use generated column \"{name}\" in column generation expression");
            return Err(PlanError::of(state, message).at(bound.span));
        }
        let changes = bound.any(&|e| match &e.kind {
            ExprKind::Now => true,
            ExprKind::Call { func, .. } => {
                matches!(func, Func::Random | Func::ClockTimestamp | Func::GenRandomUuid)
            }
            _ => false,
        });
        if changes {
            let message = "generation expression is not immutable";
            return Err(PlanError::of(state, message).at(bound.span));
        }
        self.assign_to(bound, field)
    }

    /// An expression over the relation's own columns.
    fn over_own_columns(
        &mut self,
        expr: &ast::Expr,
        clause: Clause,
        schema: &Schema,
    ) -> Result<Expr, PlanError> {
        let scope = Scope::of_table("", schema);
        let (bound, _) = self.with_level(scope, clause, |binder| binder.bind_expr(expr))?;
        Ok(bound)
    }

    fn checks(
        &mut self,
        create: &ast::CreateRelation,
        name: &str,
        schema: &Schema,
    ) -> Result<Vec<(String, Expr)>, PlanError> {
        let mut checks: Vec<(String, Expr)> = Vec::new();
        let of_columns = create.columns.iter().flat_map(|c| &c.checks).map(|e| (None, e));
        let of_table = create.constraints.iter().filter_map(|c| match &c.kind {
            ConstraintKind::Check(e) => Some((c.name.as_ref(), e)),
            _ => None,
        });
        // Names that are given come first, so that no made-up name is in their way.
        let (given, others): (Vec<_>, Vec<_>) =
            of_columns.chain(of_table).partition(|(given, _)| given.is_some());
        for (given, expr) in given.into_iter().chain(others) {
            let bound = self.over_own_columns(expr, Clause::Check, schema)?;
            let bound = self.boolean(bound, "CHECK")?;
            let taken = |n: &str| checks.iter().any(|(name, _)| name == n);
            if let Some(given) = given.filter(|g| taken(&g.name)) {
                let given = &given.name;
                let message = format!("check constraint \"{given}\" already exists");
                return Err(PlanError::of(SqlState("42710"), message).at(expr.span));
            }
            let base = match given {
                Some(given) => given.name.clone(),
                None => check_name(name, &bound, schema),
            };
            let mut label = base.clone();
            let mut number = 0;
            while taken(&label) {
                number += 1;
                label = format!("{base}{number}");
            }
            checks.push((label, bound));
        }
        Ok(checks)
    }

    fn watermark(
        &mut self,
        def: &ast::WatermarkDef,
        kind: RelationKind,
        schema: &Schema,
    ) -> Result<BoundWatermark, PlanError> {
        if kind == RelationKind::Table {
            return Err(PlanError::not_built("WATERMARK of a table")
                .with_hint("Event time belongs to what only grows: CREATE STREAM or SOURCE.")
                .at(def.span));
        }
        let name = &def.column.name;
        let Some(column) = schema.index_of(name) else {
            let message = format!("column \"{name}\" of the watermark does not exist");
            return Err(PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(def.column.span));
        };
        let ty = &schema.fields[column].data_type;
        if !matches!(ty, DataType::Timestamp | DataType::TimestampTz) {
            let ty = type_name(ty);
            let message = format!("the watermark column \"{name}\" must be a timestamp, not {ty}");
            return Err(PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(def.column.span));
        }
        let delay = self.delay(def, column, schema)?;
        let positive = |binder: &mut Self, e: &Option<ast::Expr>, what: &str| match e {
            None => Ok(None),
            Some(e) => match binder.bind_length(e, what)? {
                length if length > 0 => Ok(Some(length)),
                _ => {
                    let message = format!("{what} must be positive");
                    Err(PlanError::of(SqlState::INVALID_PARAMETER, message).at(e.span))
                }
            },
        };
        Ok(BoundWatermark {
            watermark: Watermark { column, delay },
            idle_timeout: positive(self, &def.idle_timeout, "IDLE TIMEOUT")?,
            close_after: positive(self, &def.close_after, "CLOSE AFTER")?,
            late: def.late.clone(),
        })
    }

    /// The delay of `ts - INTERVAL '5' SECOND`, or 0 of `ts`.
    fn delay(
        &mut self,
        def: &ast::WatermarkDef,
        column: usize,
        schema: &Schema,
    ) -> Result<i64, PlanError> {
        let wrong = || {
            let message = "a watermark must be its column, or its column minus a constant interval";
            PlanError::of(SqlState::INVALID_PARAMETER, message).at(def.expr.span)
        };
        let bound = self.over_own_columns(&def.expr, Clause::Computed, schema)?;
        if bound.as_column() == Some(column) {
            return Ok(0);
        }
        let Some((Func::Sub, time, delay)) = bound.as_binary() else { return Err(wrong()) };
        if time.as_column() != Some(column) || delay.ty != DataType::Interval {
            return Err(wrong());
        }
        let delay = self.length(delay, "the delay of a watermark")?;
        if delay < 0 {
            let message = "the delay of a watermark must not be negative";
            return Err(PlanError::of(SqlState::INVALID_PARAMETER, message).at(def.expr.span));
        }
        Ok(delay)
    }

    /// A value as a column of this type stores it. Text for a column of limited length stays as it
    /// is unless it is a constant: the writer checks its length.
    pub(crate) fn assign(&mut self, expr: Expr, to: &DataType) -> Result<Expr, PlanError> {
        let limited = matches!(to, DataType::Varchar(Some(_)) | DataType::Char(_));
        if !limited {
            let typed = self.coerce(expr, to, CastContext::Assignment)?;
            return Ok(if typed.ty == *to {
                typed
            } else {
                super::coerce::cast(typed, to.clone())
            });
        }
        let span = expr.span;
        let text = self.coerce(expr, &DataType::Text, CastContext::Assignment)?;
        if let ExprKind::Literal(value) = &text.kind {
            let value = value.assign(to).map_err(|e| PlanError::from(e).at(span))?;
            return Ok(Expr { span, ..Expr::literal(value, to.clone()) });
        }
        Ok(text)
    }

    /// The same with the error that names the column.
    pub(crate) fn assign_to(&mut self, expr: Expr, field: &Field) -> Result<Expr, PlanError> {
        let from = expr.ty.clone();
        self.assign(expr, &field.data_type).map_err(|e| match e.state {
            SqlState::CANNOT_COERCE => {
                let message = format!(
                    "column \"{}\" is of type {} but expression is of type {}",
                    field.name,
                    type_name(&field.data_type),
                    type_name(&from)
                );
                rewrite_hint(PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(e.span))
            }
            _ => e,
        })
    }
}

/// The name of a check that has none: that of the one column that it is about is part of it.
fn check_name(table: &str, check: &Expr, schema: &Schema) -> String {
    let mut columns = Vec::new();
    check.each_column(&mut |c| columns.push(c));
    columns.sort_unstable();
    columns.dedup();
    match columns.as_slice() {
        [only] => format!("{table}_{}_check", schema.fields[*only].name),
        _ => format!("{table}_check"),
    }
}

fn rewrite_hint(error: PlanError) -> PlanError {
    error.with_hint("You will need to rewrite or cast the expression.")
}
