//! INSERT, UPDATE and DELETE: which rows change, and into what.
//!
//! Each becomes a query whose rows say what to do; the facade runs it and applies the change.
//! Invariant: rows to be written have all columns of their relation, in order, computed ones
//! included, each of the column's type (text for VARCHAR(n) and CHAR(n) columns may still be too
//! long).

use std::sync::Arc;

use arena_tr_parser::ast::query::SetExpr;
use arena_tr_parser::ast::{self, ExprKind as Ast, Ident, SelectItem};
use arena_tr_types::{DataType, Field, Func, Schema, SqlState};

use crate::catalog::{Catalog, Relation, RelationKind};
use crate::error::PlanError;
use crate::logical::{Expr, JoinKind, Node, Plan, RankFunc};

use super::coerce::null_of;
use super::conflict::BoundConflict;
use super::from::scan;
use super::scope::Scope;
use super::stage::Stage;
use super::subquery::Conjunct;
use super::{BindOptions, Binder, Clause, Level, build};

/// RETURNING: what is computed from each row that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Returning {
    /// Over the columns of the statement's source plan.
    pub exprs: Vec<Expr>,
    /// The result's columns.
    pub schema: Schema,
}

/// INSERT.
#[derive(Debug, Clone)]
pub struct BoundInsert {
    /// Into.
    pub relation: Arc<Relation>,
    /// The rows: all columns of the relation.
    pub source: Plan,
    /// ON CONFLICT.
    pub on_conflict: Option<BoundConflict>,
    /// RETURNING.
    pub returning: Option<Returning>,
    /// Types of the parameters.
    pub params: Vec<DataType>,
}

/// UPDATE.
#[derive(Debug, Clone)]
pub struct BoundUpdate {
    /// The table.
    pub relation: Arc<Relation>,
    /// For each row that changes: its old columns, its new columns, then those of FROM.
    pub source: Plan,
    /// RETURNING.
    pub returning: Option<Returning>,
    /// Types of the parameters.
    pub params: Vec<DataType>,
}

/// DELETE.
#[derive(Debug, Clone)]
pub struct BoundDelete {
    /// The table.
    pub relation: Arc<Relation>,
    /// The rows that go.
    pub source: Plan,
    /// RETURNING.
    pub returning: Option<Returning>,
    /// Types of the parameters.
    pub params: Vec<DataType>,
}

/// Gives INSERT its meaning.
///
/// # Errors
/// When the relation takes no rows, or columns and values do not fit.
pub fn bind_insert(
    insert: &ast::Insert,
    catalog: &Catalog,
    options: &BindOptions,
) -> Result<BoundInsert, PlanError> {
    let mut binder = Binder::new(catalog, options);
    let relation = binder.relation(&insert.table)?;
    binder.check_writable(&relation, "insert into", &insert.table)?;
    let targets = binder.target_columns(&relation, &insert.columns)?;
    let source = binder.insert_rows(&relation, &targets, insert)?;
    let source = with_computed(source, &relation);
    let own = &insert.table.parts[insert.table.parts.len() - 1].name;
    let alias = insert.alias.as_ref().map_or(own, |a| &a.name);
    let on_conflict = match &insert.on_conflict {
        Some(on_conflict) => Some(binder.on_conflict(&relation, alias, on_conflict)?),
        None => None,
    };
    let returning =
        binder.returning(&insert.returning, |_| Scope::of_table(alias, &relation.schema))?;
    Ok(BoundInsert { relation, source, on_conflict, returning, params: binder.finish() })
}

/// Gives UPDATE its meaning.
///
/// # Errors
/// When the relation is no table, or an assignment does not fit.
pub fn bind_update(
    update: &ast::Update,
    catalog: &Catalog,
    options: &BindOptions,
) -> Result<BoundUpdate, PlanError> {
    let mut binder = Binder::new(catalog, options);
    let relation = binder.relation(&update.table)?;
    binder.check_writable(&relation, "update", &update.table)?;
    binder.bind_ctes(&update.with.ctes, update.with.recursive.is_some())?;
    let (target, target_scope) = binder.target(&relation, &update.table, update.alias.as_ref());
    let n = target.width();
    let (plan, scope) = match update.from.is_empty() {
        true => (target, target_scope.clone()),
        false => {
            let (from, from_scope) = binder.bind_from_list(&update.from)?;
            let scope = target_scope.clone().join(from_scope, n);
            (build::join(target, from, JoinKind::Inner, None), scope)
        }
    };
    let ((conditions, new), level) = binder.with_level(scope.clone(), Clause::Where, |binder| {
        let mut conditions = Vec::new();
        if let Some(condition) = &update.selection {
            binder.bind_condition(condition, "WHERE", &mut conditions)?;
        }
        binder.level().clause = Clause::Update;
        Ok((conditions, binder.assignments(&relation, &update.assignments, 0)?))
    })?;
    let source = stage_update(plan, &relation, conditions, new, &level)?;
    let source = match update.from.is_empty() {
        true => source,
        false => {
            let again = scan(&relation, binder.place(update.table.span));
            first_match(source, again, &relation)
        }
    };
    let returning = binder.returning(&update.returning, |_| {
        let mut scope = scope.clone();
        // New values stand behind the old ones, and columns of FROM behind these.
        scope.columns.iter_mut().for_each(|c| c.position += n);
        scope
    })?;
    Ok(BoundUpdate { relation, source, returning, params: binder.finish() })
}

/// Gives DELETE its meaning.
///
/// # Errors
/// When the relation is no table, or the condition is wrong.
pub fn bind_delete(
    delete: &ast::Delete,
    catalog: &Catalog,
    options: &BindOptions,
) -> Result<BoundDelete, PlanError> {
    let mut binder = Binder::new(catalog, options);
    let relation = binder.relation(&delete.table)?;
    binder.check_writable(&relation, "delete from", &delete.table)?;
    binder.bind_ctes(&delete.with.ctes, delete.with.recursive.is_some())?;
    let (target, target_scope) = binder.target(&relation, &delete.table, delete.alias.as_ref());
    let n = target.width();
    let using = match delete.using.is_empty() {
        true => None,
        false => Some(binder.bind_from_list(&delete.using)?),
    };
    let scope = match &using {
        Some((_, from)) => target_scope.clone().join(from.clone(), n),
        None => target_scope.clone(),
    };
    let (conditions, level) = binder.with_level(scope, Clause::Where, |binder| {
        let mut conditions = Vec::new();
        if let Some(condition) = &delete.selection {
            binder.bind_condition(condition, "WHERE", &mut conditions)?;
        }
        Ok(conditions)
    })?;
    let source = match using {
        Some((from, _)) => partners(target, from, conditions, &level)?,
        None => {
            let mut stage = Stage::new(target);
            stage.filter(&level, conditions)?;
            stage.plan
        }
    };
    let source = build::keep(source, &(0..n).collect::<Vec<_>>());
    let returning = binder.returning(&delete.returning, |_| target_scope.clone())?;
    Ok(BoundDelete { relation, source, returning, params: binder.finish() })
}

/// Rows of the target with a partner in USING.
fn partners(
    target: Plan,
    using: Plan,
    conditions: Vec<Conjunct>,
    level: &Level,
) -> Result<Plan, PlanError> {
    let mut on = Vec::with_capacity(conditions.len());
    for condition in conditions {
        match condition {
            Conjunct::Plain(e) if level.subs.is_empty() => on.push(e),
            Conjunct::Plain(e) => {
                return Err(PlanError::not_built("a subquery in DELETE ... USING").at(e.span));
            }
            Conjunct::Semi(s) => {
                return Err(PlanError::not_built("a subquery in DELETE ... USING").at(s.span));
            }
        }
    }
    Ok(build::join(target, using, JoinKind::Semi, build::and(on)))
}

/// Old columns, new columns, columns of FROM, of the rows that fulfil the conditions.
fn stage_update(
    plan: Plan,
    relation: &Relation,
    conditions: Vec<Conjunct>,
    new: Vec<Expr>,
    level: &Level,
) -> Result<Plan, PlanError> {
    let n = relation.schema.len();
    let width = plan.width();
    let mut stage = Stage::new(plan);
    stage.filter(level, conditions)?;
    let new = super::conflict::with_computed(stage.lower_all(level, new)?, relation);
    let columns = stage.plan.columns();
    let mut names: Vec<Arc<str>> = Vec::with_capacity(n + width);
    let own: Vec<Arc<str>> = relation.schema.fields.iter().map(|f| f.name.clone()).collect();
    names.extend(own.iter().cloned());
    names.extend(own.iter().cloned());
    names.extend(stage.plan.schema.fields[n..width].iter().map(|f| f.name.clone()));
    let mut exprs: Vec<Expr> = columns[..n].to_vec();
    exprs.extend(new);
    exprs.extend(columns[n..width].to_vec());
    Ok(build::project(stage.plan, exprs, &names))
}

/// UPDATE ... FROM changes a row once, however many partners it has: one partner for each distinct
/// row, joined back to all rows that are equal.
fn first_match(source: Plan, target: Plan, relation: &Relation) -> Plan {
    let n = relation.schema.len();
    let by_key = relation.primary_key.clone();
    let whole = by_key.is_none();
    let partition = by_key.unwrap_or_else(|| (0..n).collect());
    let first = build::over_same(source, |input| Node::TopN {
        input,
        partition,
        order: Vec::new(),
        function: RankFunc::RowNumber,
        limit: Some(1),
        offset: 0,
        number: false,
    });
    if !whole {
        return first;
    }
    let equal = |c: usize| {
        let ours = target.column(c);
        let func = if ours.nullable { Func::IsNotDistinct } else { Func::Eq };
        let theirs = Expr::column(n + c, ours.ty.clone(), ours.nullable);
        Expr::predicate(func, vec![ours, theirs])
    };
    let on = build::and((0..n).map(equal).collect());
    let width = first.width();
    let joined = build::join(target, first, JoinKind::Inner, on);
    let mut columns: Vec<usize> = (0..n).collect();
    columns.extend(n + n..n + width);
    build::keep(joined, &columns)
}

/// The rows with computed columns in their places.
fn with_computed(source: Plan, relation: &Relation) -> Plan {
    if relation.computed.iter().all(Option::is_none) {
        return source;
    }
    let names: Vec<Arc<str>> = relation.schema.fields.iter().map(|f| f.name.clone()).collect();
    let exprs = super::conflict::with_computed(source.columns(), relation);
    build::project(source, exprs, &names)
}

impl Binder<'_> {
    /// The error of a relation that the statement cannot change.
    pub(super) fn check_writable(
        &self,
        relation: &Relation,
        verb: &str,
        name: &ast::ObjectName,
    ) -> Result<(), PlanError> {
        let own = &relation.name;
        let (state, message) = match relation.kind {
            RelationKind::Table => return Ok(()),
            RelationKind::Stream if verb == "insert into" => return Ok(()),
            RelationKind::Stream => (
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot {verb} stream \"{own}\": its rows are only ever added"),
            ),
            RelationKind::Source => (
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot {verb} source \"{own}\": its rows come from its connector"),
            ),
            RelationKind::View => {
                (SqlState::OBJECT_IN_WRONG_STATE, format!("cannot {verb} view \"{own}\""))
            }
            RelationKind::MaterializedView => {
                (SqlState::WRONG_OBJECT_TYPE, format!("cannot change materialized view \"{own}\""))
            }
            RelationKind::System => (
                SqlState::WRONG_OBJECT_TYPE,
                format!("cannot {verb} \"{own}\": the engine keeps it"),
            ),
        };
        Err(PlanError::of(state, message).at(self.place(name.span)))
    }

    /// The target's rows and names.
    pub(super) fn target(
        &mut self,
        relation: &Relation,
        name: &ast::ObjectName,
        alias: Option<&Ident>,
    ) -> (Plan, Scope) {
        let plan = scan(relation, self.place(name.span));
        let own = &name.parts[name.parts.len() - 1].name;
        let mut scope = Scope::of_table(alias.map_or(own, |a| &a.name), &relation.schema);
        scope.tables[0].relation = alias.map(|_| own.clone());
        (plan, scope)
    }

    /// Positions of the columns that INSERT names, or of all that can be given.
    pub(super) fn target_columns(
        &self,
        relation: &Relation,
        columns: &[Ident],
    ) -> Result<Vec<usize>, PlanError> {
        if columns.is_empty() {
            let given = (0..relation.schema.len()).filter(|i| relation.computed[*i].is_none());
            return Ok(given.collect());
        }
        let mut targets = Vec::with_capacity(columns.len());
        for ident in columns {
            let position = self.target_column(relation, ident)?;
            if targets.contains(&position) {
                let message = format!("column \"{}\" specified more than once", ident.name);
                let error = PlanError::of(SqlState::DUPLICATE_COLUMN, message);
                return Err(error.at(self.place(ident.span)));
            }
            targets.push(position);
        }
        Ok(targets)
    }

    fn target_column(&self, relation: &Relation, ident: &Ident) -> Result<usize, PlanError> {
        relation.schema.index_of(&ident.name).ok_or_else(|| {
            let message = format!(
                "column \"{}\" of relation \"{}\" does not exist",
                ident.name, relation.name
            );
            let error = PlanError::of(SqlState::UNDEFINED_COLUMN, message);
            let names = relation.schema.fields.iter().map(|f| &*f.name);
            let error = match super::scope::closest(&ident.name, names) {
                Some(near) => error.with_hint(format!(
                    "Perhaps you meant to reference the column \"{}.{near}\".",
                    relation.name
                )),
                None => error,
            };
            error.at(self.place(ident.span))
        })
    }

    /// What a column gets when no value is given.
    pub(super) fn default_of(&self, relation: &Relation, column: usize) -> Expr {
        match &relation.defaults[column] {
            Some(default) => default.clone(),
            None => null_of(relation.schema.fields[column].data_type.clone()),
        }
    }

    /// The error of a value for a computed column.
    fn refuse_computed(
        &self,
        relation: &Relation,
        column: usize,
        verb: &str,
        span: arena_tr_parser::Span,
    ) -> Result<(), PlanError> {
        if relation.computed[column].is_none() {
            return Ok(());
        }
        let name = &relation.schema.fields[column].name;
        let message = match verb {
            "insert" => format!("cannot insert a non-DEFAULT value into column \"{name}\""),
            _ => format!("column \"{name}\" can only be updated to DEFAULT"),
        };
        Err(PlanError::of(SqlState("428C9"), message).at(self.place(span)))
    }

    /// Full rows of the relation, computed columns still NULL.
    fn insert_rows(
        &mut self,
        relation: &Relation,
        targets: &[usize],
        insert: &ast::Insert,
    ) -> Result<Plan, PlanError> {
        let Some(query) = &insert.source else {
            let row = (0..relation.schema.len()).map(|i| self.default_of(relation, i)).collect();
            return Ok(values(relation, vec![row]));
        };
        let plain = query.ctes.is_empty()
            && query.order_by.is_empty()
            && query.limit.is_none()
            && query.offset.is_none();
        match &query.body {
            SetExpr::Values(rows, _) if plain => {
                self.insert_values(relation, targets, rows, insert)
            }
            _ => self.insert_query(relation, targets, query, insert),
        }
    }

    /// The error of more values than columns, or fewer than the columns that are named.
    pub(super) fn check_width(
        &self,
        given: usize,
        targets: &[usize],
        columns: &[Ident],
        span: arena_tr_parser::Span,
    ) -> Result<(), PlanError> {
        if given > targets.len() {
            return Err(self.syntax("INSERT has more expressions than target columns", span));
        }
        if given < targets.len() && !columns.is_empty() {
            let at = columns[given].span;
            return Err(self.syntax("INSERT has more target columns than expressions", at));
        }
        Ok(())
    }

    fn insert_values(
        &mut self,
        relation: &Relation,
        targets: &[usize],
        rows: &[Vec<ast::Expr>],
        insert: &ast::Insert,
    ) -> Result<Plan, PlanError> {
        let width = rows.first().map_or(0, Vec::len);
        let bind = |binder: &mut Self| {
            let mut full = Vec::with_capacity(rows.len());
            for row in rows {
                let at = row.first().map_or(insert.table.span, |e| e.span);
                if row.len() != width {
                    return Err(binder.syntax("VALUES lists must all be the same length", at));
                }
                let past = row.get(targets.len()).map_or(at, |e| e.span);
                binder.check_width(width, targets, &insert.columns, past)?;
                full.push(binder.insert_row(relation, targets, row)?);
            }
            Ok(full)
        };
        let (full, level) = self.with_level(Scope::default(), Clause::Values, bind)?;
        if level.subs.is_empty() {
            return Ok(values(relation, full));
        }
        let names: Vec<Arc<str>> = relation.schema.fields.iter().map(|f| f.name.clone()).collect();
        let mut inputs = Vec::with_capacity(full.len());
        for row in full {
            let mut stage = Stage::new(build::one_row());
            let row = stage.lower_all(&level, row)?;
            inputs.push(build::project(stage.plan, row, &names));
        }
        Ok(if inputs.len() == 1 { inputs.remove(0) } else { build::union(inputs) })
    }

    pub(super) fn insert_row(
        &mut self,
        relation: &Relation,
        targets: &[usize],
        row: &[ast::Expr],
    ) -> Result<Vec<Expr>, PlanError> {
        let mut full: Vec<Expr> =
            (0..relation.schema.len()).map(|i| self.default_of(relation, i)).collect();
        for (cell, target) in row.iter().zip(targets) {
            if cell.kind == Ast::Default {
                continue;
            }
            self.refuse_computed(relation, *target, "insert", cell.span)?;
            let bound = self.bind_expr(cell)?;
            full[*target] = self.assign_to(bound, &relation.schema.fields[*target])?;
        }
        Ok(full)
    }

    fn insert_query(
        &mut self,
        relation: &Relation,
        targets: &[usize],
        query: &ast::Query,
        insert: &ast::Insert,
    ) -> Result<Plan, PlanError> {
        let plan = self.bind_inner(query, true)?;
        self.check_width(plan.width(), targets, &insert.columns, query.span)?;
        for target in &targets[..plan.width()] {
            self.refuse_computed(relation, *target, "insert", query.span)?;
        }
        // Untyped literals of the query take the types of the columns they go to.
        let types: Vec<DataType> = plan
            .schema
            .fields
            .iter()
            .zip(targets)
            .map(|(f, t)| match f.data_type {
                DataType::Unknown => unlimited(&relation.schema.fields[*t].data_type),
                ref known => known.clone(),
            })
            .collect();
        let plan = self.retype(plan, &types)?;
        let mut full: Vec<Expr> =
            (0..relation.schema.len()).map(|i| self.default_of(relation, i)).collect();
        for (value, target) in plan.columns().into_iter().zip(targets) {
            let value = Expr { span: self.place(query.span), ..value };
            full[*target] = self.assign_to(value, &relation.schema.fields[*target])?;
        }
        let names: Vec<Arc<str>> = relation.schema.fields.iter().map(|f| f.name.clone()).collect();
        Ok(build::project(plan, full, &names))
    }

    /// The new values of all columns; the target's own columns start at `base`.
    pub(super) fn assignments(
        &mut self,
        relation: &Relation,
        assignments: &[(Ident, ast::Expr)],
        base: usize,
    ) -> Result<Vec<Expr>, PlanError> {
        let column =
            |(i, f): (usize, &Field)| Expr::column(base + i, f.data_type.clone(), f.nullable);
        let mut new: Vec<Expr> = relation.schema.fields.iter().enumerate().map(column).collect();
        let mut assigned = Vec::with_capacity(assignments.len());
        for (ident, value) in assignments {
            let target = self.target_column(relation, ident)?;
            if assigned.contains(&target) {
                let message = format!("multiple assignments to same column \"{}\"", ident.name);
                return Err(self.syntax(&message, ident.span));
            }
            assigned.push(target);
            if value.kind == Ast::Default {
                new[target] = self.default_of(relation, target);
                continue;
            }
            self.refuse_computed(relation, target, "update", ident.span)?;
            let bound = self.bind_expr(value)?;
            new[target] = self.assign_to(bound, &relation.schema.fields[target])?;
        }
        Ok(new)
    }

    /// RETURNING over the names of a scope.
    fn returning(
        &mut self,
        items: &[SelectItem],
        scope: impl FnOnce(&Self) -> Scope,
    ) -> Result<Option<Returning>, PlanError> {
        if items.is_empty() {
            return Ok(None);
        }
        let scope = scope(self);
        let (items, level) =
            self.with_level(scope, Clause::Returning, |binder| binder.bind_items(items, false))?;
        if let (Some(_), Some(item)) = (level.subs.first(), items.first()) {
            return Err(PlanError::not_built("a subquery in RETURNING").at(item.expr.span));
        }
        let field = |i: &super::select::Item| {
            Field::new(i.name.clone(), i.expr.ty.clone(), i.expr.nullable)
        };
        let schema = Schema::new(items.iter().map(field).collect::<Vec<_>>());
        Ok(Some(Returning { exprs: items.into_iter().map(|i| i.expr).collect(), schema }))
    }
}

/// Constant rows of the relation.
fn values(relation: &Relation, rows: Vec<Vec<Expr>>) -> Plan {
    let fields = relation.schema.fields.iter().enumerate().map(|(i, f)| {
        let nullable = rows.iter().any(|r| r[i].nullable);
        Field { nullable, ..f.clone() }
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Plan { node: Node::Values { rows }, schema, span: None }
}

/// The type without a limit of length, so that a text that is too long is not cut on its way.
fn unlimited(ty: &DataType) -> DataType {
    match ty {
        DataType::Varchar(_) | DataType::Char(_) => DataType::Text,
        other => other.clone(),
    }
}
