//! Queries: WITH, set operations, VALUES, ORDER BY, LIMIT, EMIT.
//!
//! Invariant: a nested query gives its visible columns only, and an order of its own only under a
//! LIMIT.

use arena_tr_parser::Span;
use arena_tr_parser::ast::query::SetExpr;
use arena_tr_parser::ast::{self, SetOp, SetQuantifier};
use arena_tr_types::{DataType, Field, Schema, SqlState};

use crate::error::PlanError;
use crate::logical::{self, Expr, Node, Plan, SortKey};

use super::build;
use super::coerce::{CastContext, common_type, is_implicit, types_do_not_match};
use super::scope::Scope;
use super::{Binder, BoundQuery, Clause, Emit};

/// A query with its order: hidden sort columns follow the visible ones.
pub(crate) struct Ordered {
    /// Visible, then hidden columns.
    pub(crate) plan: Plan,
    /// How many are visible.
    pub(crate) width: usize,
    /// ORDER BY.
    pub(crate) keys: Vec<SortKey>,
}

/// WITH names in sight, innermost last.
#[derive(Debug, Default)]
pub(crate) struct Ctes {
    entries: Vec<Cte>,
}

#[derive(Debug)]
struct Cte {
    name: String,
    /// `None`: its own query is being bound under WITH RECURSIVE.
    plan: Option<Plan>,
    /// How many queries stood around the WITH.
    depth: usize,
}

impl Ctes {
    /// The plan of this name, as a query `depth` levels deep sees it.
    pub(crate) fn get(&self, name: &str, depth: usize) -> Option<Result<Plan, PlanError>> {
        let cte = self.entries.iter().rev().find(|c| c.name == name)?;
        let Some(plan) = &cte.plan else {
            return Some(Err(PlanError::not_built("WITH RECURSIVE")));
        };
        let mut plan = plan.clone();
        super::walk::deepen(&mut plan, depth - cte.depth);
        Some(Ok(plan))
    }
}

impl Binder<'_> {
    /// The statement's own query.
    pub(crate) fn bind_top(&mut self, query: &ast::Query) -> Result<BoundQuery, PlanError> {
        let (ordered, limit) = self.bind_ordered(query, false)?;
        let Ordered { plan, width, keys } = ordered;
        let schema = Schema::new(plan.schema.fields[..width].to_vec());
        let plan = cut(sorted(plan, keys), limit);
        Ok(BoundQuery { plan, schema, emit: None, params: Vec::new(), reads: Vec::new() })
    }

    /// A query inside another: its rows, in no order.
    pub(crate) fn bind_nested(&mut self, query: &ast::Query) -> Result<Plan, PlanError> {
        self.bind_inner(query, false)
    }

    /// The same; `open`: string literals keep no type, whoever asks gives them one.
    pub(crate) fn bind_inner(&mut self, query: &ast::Query, open: bool) -> Result<Plan, PlanError> {
        if let Some(emit) = &query.emit {
            let span = emit_span(emit);
            return Err(self.syntax("EMIT stands at the end of the whole query", span));
        }
        let (Ordered { mut plan, width, keys }, limit) = self.bind_ordered(query, open)?;
        if limit != (None, 0) {
            plan = cut(sorted(plan, keys), limit);
        }
        Ok(build::keep(plan, &(0..width).collect::<Vec<_>>()))
    }

    fn bind_ordered(
        &mut self,
        query: &ast::Query,
        open: bool,
    ) -> Result<(Ordered, (Option<u64>, u64)), PlanError> {
        let known = self.ctes.entries.len();
        let open = open && query.limit.is_none() && query.offset.is_none();
        let result = self.bind_with(query, open);
        self.ctes.entries.truncate(known);
        let ordered = result?;
        let limit = match &query.limit {
            Some(limit) => self.bind_row_count(limit, Clause::Limit)?,
            None => None,
        };
        let offset = match &query.offset {
            Some(offset) => self.bind_row_count(offset, Clause::Offset)?,
            None => None,
        };
        Ok((ordered, (limit, offset.unwrap_or(0))))
    }

    fn bind_with(&mut self, query: &ast::Query, open: bool) -> Result<Ordered, PlanError> {
        self.bind_ctes(&query.ctes, query.recursive.is_some())?;
        match &query.body {
            SetExpr::Select(select) => self.bind_select(select, &query.order_by, open),
            body => {
                let plan = self.bind_set(body, open)?;
                self.order_output(plan, &query.order_by)
            }
        }
    }

    /// Makes the tables of a WITH known; the caller forgets them again.
    pub(crate) fn bind_ctes(
        &mut self,
        ctes: &[ast::Cte],
        recursive: bool,
    ) -> Result<(), PlanError> {
        let known = self.ctes.entries.len();
        for cte in ctes {
            let name = &cte.alias.name;
            if self.ctes.entries[known..].iter().any(|c| c.name == name.name) {
                let message = format!("WITH query name \"{}\" specified more than once", name.name);
                let error = PlanError::of(SqlState::DUPLICATE_ALIAS, message);
                return Err(error.at(self.place(name.span)));
            }
            let depth = self.levels.len();
            if recursive {
                self.ctes.entries.push(Cte { name: name.name.clone(), plan: None, depth });
            }
            let plan = self.bind_nested(&cte.query)?;
            if recursive {
                self.ctes.entries.pop();
            }
            let what = format!("WITH query \"{}\"", name.name);
            let plan = self.rename_columns(plan, &cte.alias.columns, &what)?;
            self.ctes.entries.push(Cte { name: name.name.clone(), plan: Some(plan), depth });
        }
        Ok(())
    }

    /// Gives the first columns new names.
    pub(crate) fn rename_columns(
        &self,
        plan: Plan,
        columns: &[ast::Ident],
        what: &str,
    ) -> Result<Plan, PlanError> {
        if columns.is_empty() {
            return Ok(plan);
        }
        if columns.len() > plan.width() {
            let (has, given) = (plan.width(), columns.len());
            let message =
                format!("{what} has {has} columns available but {given} columns specified");
            let error = PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message);
            return Err(error.at(self.place(columns[columns.len() - 1].span)));
        }
        let mut names: Vec<std::sync::Arc<str>> =
            plan.schema.fields.iter().map(|f| f.name.clone()).collect();
        for (name, ident) in names.iter_mut().zip(columns) {
            *name = ident.name.as_str().into();
        }
        Ok(build::rename(plan, &names))
    }

    /// ORDER BY over a set operation or VALUES: output columns only.
    fn order_output(
        &mut self,
        plan: Plan,
        order_by: &[ast::OrderBy],
    ) -> Result<Ordered, PlanError> {
        let width = plan.width();
        let mut keys = Vec::with_capacity(order_by.len());
        for item in order_by {
            let column = self.output_column(&plan, &item.expr)?;
            let nulls_first = item.nulls_first.unwrap_or(item.desc);
            keys.push(SortKey { column, desc: item.desc, nulls_first });
        }
        Ok(Ordered { plan, width, keys })
    }

    fn output_column(&self, plan: &Plan, expr: &ast::Expr) -> Result<usize, PlanError> {
        let place = self.place(expr.span);
        match &expr.kind {
            ast::ExprKind::Literal(ast::Literal::Number(text)) => {
                let position = text.parse::<usize>().unwrap_or(0);
                if (1..=plan.width()).contains(&position) {
                    return Ok(position - 1);
                }
                let message = format!("ORDER BY position {text} is not in select list");
                Err(PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message).at(place))
            }
            ast::ExprKind::Column(parts) if parts.len() == 1 => {
                let name = &parts[0].name;
                plan.schema.index_of(name).ok_or_else(|| {
                    let message = format!("column \"{name}\" does not exist");
                    PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(place)
                })
            }
            _ => {
                let message = "invalid UNION/INTERSECT/EXCEPT ORDER BY clause";
                Err(PlanError::of(SqlState::FEATURE_NOT_SUPPORTED, message)
                    .with_hint(
                        "Add the expression/function to every SELECT, or move the UNION into a \
                         FROM clause.",
                    )
                    .at(place))
            }
        }
    }

    /// A set expression's rows.
    fn bind_set(&mut self, body: &SetExpr, open: bool) -> Result<Plan, PlanError> {
        match body {
            SetExpr::Select(select) => Ok(self.bind_select(select, &[], open)?.plan),
            SetExpr::Query(query) => self.bind_inner(query, open),
            SetExpr::Values(rows, span) => self.bind_values(rows, *span, open),
            SetExpr::SetOperation { op, quantifier, left, right, span } => {
                let left = self.bind_set(left, true)?;
                let right = self.bind_set(right, true)?;
                self.set_operation(*op, *quantifier, left, right, *span)
            }
        }
    }

    fn set_operation(
        &mut self,
        op: SetOp,
        quantifier: SetQuantifier,
        left: Plan,
        right: Plan,
        span: Span,
    ) -> Result<Plan, PlanError> {
        let name = match op {
            SetOp::Union => "UNION",
            SetOp::Intersect => "INTERSECT",
            SetOp::Except => "EXCEPT",
        };
        if left.width() != right.width() {
            let message = format!("each {name} query must have the same number of columns");
            return Err(self.syntax(&message, span));
        }
        let mut types = Vec::with_capacity(left.width());
        for (a, b) in left.schema.fields.iter().zip(right.schema.fields.iter()) {
            let ty = common_type([&a.data_type, &b.data_type])
                .map_err(|(a, b)| types_do_not_match(name, &a, &b).at(self.place(span)))?;
            types.push(ty);
        }
        let left = self.retype(left, &types)?;
        let right = self.retype(right, &types)?;
        let all = quantifier == SetQuantifier::All;
        Ok(match op {
            SetOp::Union => {
                let mut inputs = Vec::with_capacity(2);
                // A chain of UNION ALL is one operator.
                match left {
                    Plan { node: Node::Union { inputs: first }, .. } => inputs.extend(first),
                    other => inputs.push(other),
                }
                inputs.push(right);
                let mut plan = build::union(inputs);
                plan.span = self.place(span);
                if all { plan } else { build::distinct(plan) }
            }
            SetOp::Intersect | SetOp::Except => {
                let fields = left.schema.fields.iter().zip(right.schema.fields.iter());
                let nullable = |a: &Field, b: &Field| match op {
                    SetOp::Intersect => a.nullable && b.nullable,
                    _ => a.nullable,
                };
                let fields = fields.map(|(a, b)| Field { nullable: nullable(a, b), ..a.clone() });
                let schema = Schema::new(fields.collect::<Vec<_>>());
                let op = match op {
                    SetOp::Intersect => logical::SetOp::Intersect,
                    _ => logical::SetOp::Except,
                };
                let node = Node::SetOp { left: Box::new(left), right: Box::new(right), op, all };
                Plan { node, schema, span: self.place(span) }
            }
        })
    }

    /// The plan with columns of these types; untyped literals in it take them.
    pub(crate) fn retype(&mut self, plan: Plan, types: &[DataType]) -> Result<Plan, PlanError> {
        let same = |(f, t): (&Field, &DataType)| f.data_type == *t;
        if plan.schema.fields.iter().zip(types).all(same) {
            return Ok(plan);
        }
        let Plan { node, schema, span } = plan;
        match node {
            Node::Project { input, exprs } => {
                let names: Vec<_> = schema.fields.iter().map(|f| f.name.clone()).collect();
                let exprs = self.retype_all(exprs, types)?;
                Ok(Plan { span, ..build::project(*input, exprs, &names) })
            }
            Node::Values { rows } => {
                let mut typed = Vec::with_capacity(rows.len());
                for row in rows {
                    typed.push(self.retype_all(row, types)?);
                }
                let fields = schema
                    .fields
                    .iter()
                    .zip(types)
                    .map(|(f, t)| Field { data_type: t.clone(), ..f.clone() });
                let schema = Schema::new(fields.collect::<Vec<_>>());
                Ok(Plan { node: Node::Values { rows: typed }, schema, span })
            }
            Node::Union { inputs } => {
                let inputs = inputs.into_iter().map(|p| self.retype(p, types));
                let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
                let names: Vec<_> = schema.fields.iter().map(|f| f.name.clone()).collect();
                Ok(Plan { span, ..build::rename(build::union(inputs), &names) })
            }
            node => {
                let plan = Plan { node, schema, span };
                let names: Vec<_> = plan.schema.fields.iter().map(|f| f.name.clone()).collect();
                let exprs = self.retype_all(plan.columns(), types)?;
                Ok(build::project(plan, exprs, &names))
            }
        }
    }

    fn retype_all(&mut self, exprs: Vec<Expr>, types: &[DataType]) -> Result<Vec<Expr>, PlanError> {
        let typed = exprs.into_iter().zip(types).map(|(e, ty)| {
            // Columns that share an operator must agree in type to the letter.
            let to = self.coerce(e, ty, CastContext::Assignment)?;
            Ok(if to.ty == *ty { to } else { super::coerce::cast(to, ty.clone()) })
        });
        typed.collect()
    }

    /// VALUES: each column in the common type of its cells.
    fn bind_values(
        &mut self,
        rows: &[Vec<ast::Expr>],
        span: Span,
        open: bool,
    ) -> Result<Plan, PlanError> {
        let width = rows.first().map_or(0, Vec::len);
        let (bound, level) = self.with_level(Scope::default(), Clause::Values, |binder| {
            let mut bound = Vec::with_capacity(rows.len());
            for row in rows {
                if row.len() != width {
                    let at = row.first().map_or(span, |e| e.span);
                    return Err(binder.syntax("VALUES lists must all be the same length", at));
                }
                bound.push(binder.bind_all(row)?);
            }
            Ok(bound)
        })?;
        let mut columns: Vec<Vec<Expr>> = vec![Vec::with_capacity(rows.len()); width];
        for row in bound {
            columns.iter_mut().zip(row).for_each(|(c, e)| c.push(e));
        }
        let mut fields = Vec::with_capacity(width);
        for (i, column) in columns.iter_mut().enumerate() {
            let untyped = column.iter().all(|e| e.ty == DataType::Unknown);
            let ty = if open && untyped {
                DataType::Unknown
            } else {
                let ty = common_type(column.iter().map(|e| &e.ty))
                    .map_err(|(a, b)| types_do_not_match("VALUES", &a, &b).at(self.place(span)))?;
                let cells = std::mem::take(column);
                let types = vec![ty.clone(); cells.len()];
                *column = self.retype_all(cells, &types)?;
                ty
            };
            let nullable = column.iter().any(|e| e.nullable);
            fields.push(Field::new(format!("column{}", i + 1), ty, nullable));
        }
        let mut rows: Vec<Vec<Expr>> = vec![Vec::with_capacity(width); rows.len()];
        for column in columns {
            rows.iter_mut().zip(column).for_each(|(r, e)| r.push(e));
        }
        self.values_plan(rows, fields, &level, span)
    }

    /// Rows of constants as they are; a row with subqueries is computed.
    fn values_plan(
        &mut self,
        rows: Vec<Vec<Expr>>,
        fields: Vec<Field>,
        level: &super::Level,
        span: Span,
    ) -> Result<Plan, PlanError> {
        let schema = Schema::new(fields);
        let span = self.place(span);
        if level.subs.is_empty() {
            return Ok(Plan { node: Node::Values { rows }, schema, span });
        }
        let names: Vec<_> = schema.fields.iter().map(|f| f.name.clone()).collect();
        let mut inputs = Vec::with_capacity(rows.len());
        for row in rows {
            let mut stage = super::stage::Stage::new(build::one_row());
            let row = stage.lower_all(level, row)?;
            inputs.push(build::project(stage.plan, row, &names));
        }
        Ok(if inputs.len() == 1 { inputs.remove(0) } else { build::union(inputs) })
    }

    fn bind_row_count(
        &mut self,
        expr: &ast::Expr,
        clause: Clause,
    ) -> Result<Option<u64>, PlanError> {
        let what = clause.name();
        let bind = |binder: &mut Self| {
            let bound = binder.bind_expr(expr)?;
            if !is_implicit(&bound.ty, &DataType::Int8) && !bound.ty.is_numeric() {
                let name = super::coerce::type_name(&bound.ty);
                let message = format!("argument of {what} must be type bigint, not type {name}");
                let error = PlanError::of(SqlState::DATATYPE_MISMATCH, message);
                return Err(error.at(bound.span));
            }
            binder.coerce(bound, &DataType::Int8, CastContext::Assignment)
        };
        let (bound, level) = self.with_level(Scope::default(), clause, bind)?;
        let mut outer = false;
        bound.each_column(&mut |n| outer |= super::slot::level(n) > 0);
        if outer || !level.subs.is_empty() {
            let what = format!("{what} with a subquery or a column of an enclosing query");
            return Err(PlanError::not_built(what).at(self.place(expr.span)));
        }
        self.row_count(&bound, what)
    }

    /// EMIT.
    pub(crate) fn bind_emit(&mut self, emit: &ast::Emit) -> Result<Emit, PlanError> {
        Ok(match emit {
            ast::Emit::Changes(_) => Emit::Changes,
            ast::Emit::OnWindowClose(_) => Emit::OnWindowClose,
            ast::Emit::Every(every, _) => {
                let length = self.bind_length(every, "the interval of EMIT EVERY")?;
                if length <= 0 {
                    let message = "the interval of EMIT EVERY must be positive";
                    let error = PlanError::of(SqlState::INVALID_PARAMETER, message);
                    return Err(error.at(self.place(every.span)));
                }
                Emit::Every(length)
            }
        })
    }

    /// A constant interval in microseconds.
    pub(crate) fn bind_length(&mut self, expr: &ast::Expr, what: &str) -> Result<i64, PlanError> {
        let bind = |binder: &mut Self| {
            let bound = binder.bind_expr(expr)?;
            let given = super::coerce::type_name(&bound.ty);
            binder.implicit(bound, &DataType::Interval).map_err(|e| match e.state {
                SqlState::CANNOT_COERCE => {
                    let message = format!("{what} must be type interval, not type {given}");
                    PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(e.span)
                }
                _ => e,
            })
        };
        let (bound, _) = self.with_level(Scope::default(), Clause::Constant, bind)?;
        self.length(&bound, what)
    }
}

fn emit_span(emit: &ast::Emit) -> Span {
    match emit {
        ast::Emit::Changes(span) | ast::Emit::OnWindowClose(span) | ast::Emit::Every(_, span) => {
            *span
        }
    }
}

/// The plan in this order.
fn sorted(plan: Plan, keys: Vec<SortKey>) -> Plan {
    if keys.is_empty() {
        return plan;
    }
    build::over_same(plan, |input| Node::Sort { input, keys })
}

/// The plan cut to LIMIT and OFFSET.
fn cut(plan: Plan, (limit, offset): (Option<u64>, u64)) -> Plan {
    if (limit, offset) == (None, 0) {
        return plan;
    }
    build::over_same(plan, |input| Node::Limit { input, limit, offset })
}
