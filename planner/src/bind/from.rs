//! FROM: relations, subqueries, views in place, joins.
//!
//! Invariant: an item's scope names exactly the columns of its plan, by position.

use std::sync::Arc;

use arena_tr_parser::Span;
use arena_tr_parser::ast::{self, From, JoinConstraint, ObjectName, TableAlias};
use arena_tr_types::{DataType, Func, SqlState};

use crate::catalog::Relation;
use crate::error::PlanError;
use crate::logical::{Expr, ExprKind, JoinKind, Node, Plan};

use super::build;
use super::coerce::{cast, comparison_type, null_of};
use super::scope::{Found, Scope, ScopeColumn, dotted};
use super::slot::{self, Slot};
use super::stage::dependent;
use super::walk::{is_correlated, surface};
use super::{Binder, Clause, VIEW_DEPTH};

/// An item of FROM: its rows and its names.
pub(crate) type Item = (Plan, Scope);

impl Binder<'_> {
    /// The comma-separated items of FROM: a cross join of all.
    pub(crate) fn bind_from_list(&mut self, items: &[From]) -> Result<Item, PlanError> {
        let mut joined: Option<Item> = None;
        for item in items {
            joined = Some(match joined {
                None => self.bind_from(item)?,
                Some(left) => {
                    let none = JoinConstraint::None;
                    self.join_item(left, item, ast::JoinKind::Cross, &none, Span::default())?
                }
            });
        }
        Ok(joined.unwrap_or_else(|| (build::one_row(), Scope::default())))
    }

    /// One item.
    pub(crate) fn bind_from(&mut self, item: &From) -> Result<Item, PlanError> {
        match item {
            From::Table { name, as_of, alias } => {
                self.bind_table_as_of(name, as_of.as_deref(), alias.as_ref())
            }
            From::Derived { query, alias, .. } => {
                let plan = self.bind_nested(query)?;
                let alias_name = alias.as_ref().map_or("", |a| &a.name.name);
                self.aliased(plan, alias.as_ref(), alias_name)
            }
            From::TimeWindow { call, alias } => self.bind_time_window(call, alias.as_ref()),
            From::Function { call, with_ordinality, alias, .. } => {
                let input = (build::one_row(), Scope::default());
                self.bind_table_function(input, call, *with_ordinality, alias.as_ref(), false)
            }
            From::Join(join) => {
                let left = self.bind_from(&join.left)?;
                self.join_item(left, &join.right, join.kind, &join.constraint, join.span)
            }
            From::Unsupported { what, span } => {
                Err(PlanError::not_built(what).at(self.place(*span)))
            }
        }
    }

    /// The plan under an alias.
    pub(crate) fn aliased(
        &mut self,
        plan: Plan,
        alias: Option<&TableAlias>,
        name: &str,
    ) -> Result<Item, PlanError> {
        let plan = match alias {
            Some(alias) => {
                let what = format!("table \"{}\"", alias.name.name);
                self.rename_columns(plan, &alias.columns, &what)?
            }
            None => plan,
        };
        let scope = Scope::of_table(alias.map_or(name, |a| &a.name.name), &plan.schema);
        Ok((plan, scope))
    }

    /// A name: WITH query, relation or view.
    pub(crate) fn bind_table(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
    ) -> Result<Item, PlanError> {
        let own = &name.parts[name.parts.len() - 1].name;
        if let [single] = name.parts.as_slice()
            && let Some(plan) = self.ctes.get(&single.name, self.levels.len())
        {
            let plan = plan.map_err(|e| e.at(self.place(name.span)))?;
            self.charge(&plan).map_err(|e| e.at(self.place(name.span)))?;
            return self.aliased(plan, alias, own);
        }
        let relation = self.relation(name)?;
        self.reads.push(relation.id);
        let plan = match &relation.view_query {
            Some(query) => self.bind_view(&relation, query, name)?,
            None => self.scan_at_moment(&relation, name.span),
        };
        let (plan, mut scope) = self.aliased(plan, alias, own)?;
        scope.tables[0].relation = alias.map(|_| own.clone());
        scope.tables[0].primary_key = relation.primary_key.clone();
        Ok((plan, scope))
    }

    /// The relation of this name.
    pub(crate) fn relation(&self, name: &ObjectName) -> Result<Arc<Relation>, PlanError> {
        let full = dotted(name);
        let plain = full.strip_prefix("public.").unwrap_or(&full);
        self.catalog.relations.get(plain).cloned().ok_or_else(|| self.no_relation(name))
    }

    /// A plain view: its query stands in its place.
    fn bind_view(
        &mut self,
        relation: &Relation,
        query: &ast::Query,
        name: &ObjectName,
    ) -> Result<Plan, PlanError> {
        if self.view_depth >= VIEW_DEPTH {
            let message = format!("view \"{}\" is nested too deep", relation.name);
            let error = PlanError::of(SqlState::STATEMENT_TOO_COMPLEX, message);
            return Err(error.at(self.place(name.span)));
        }
        let place = self.place(name.span);
        let levels = std::mem::take(&mut self.levels);
        let ctes = std::mem::take(&mut self.ctes);
        self.view_depth += 1;
        let plan = self.bind_nested(query);
        self.view_depth -= 1;
        self.levels = levels;
        self.ctes = ctes;
        let plan = plan.map_err(|e| PlanError { span: place, ..e })?;
        self.charge(&plan).map_err(|e| e.at(place))?;
        let mut names: Vec<Arc<str>> = plan.schema.fields.iter().map(|f| f.name.clone()).collect();
        for (name, given) in names.iter_mut().zip(&relation.view_columns) {
            *name = given.as_str().into();
        }
        Ok(build::rename(plan, &names))
    }

    /// Joins one more item to what stands left of it.
    fn join_item(
        &mut self,
        left: Item,
        right: &From,
        kind: ast::JoinKind,
        constraint: &JoinConstraint,
        span: Span,
    ) -> Result<Item, PlanError> {
        let on_true = match constraint {
            JoinConstraint::On(e) => e.kind == ast::ExprKind::Literal(ast::Literal::Bool(true)),
            JoinConstraint::None => true,
            _ => false,
        };
        if let From::Function { call, with_ordinality, alias, .. } = right
            && on_true
            && matches!(kind, ast::JoinKind::Inner | ast::JoinKind::Cross | ast::JoinKind::Left)
            && self.names_columns(&left.1, call)?
        {
            let outer = kind == ast::JoinKind::Left;
            return self.bind_table_function(left, call, *with_ordinality, alias.as_ref(), outer);
        }
        if !is_lateral(right) {
            let right = self.bind_from(right)?;
            return self.join(left, right, kind, constraint, span);
        }
        let (right, _) =
            self.with_level(left.1.clone(), Clause::FromFunction, |b| b.bind_from(right))?;
        let (mut plan, scope) = right;
        if !is_correlated(&plan) {
            surface(&mut plan);
            return self.join(left, (plan, scope), kind, constraint, span);
        }
        self.join_lateral(left, (plan, scope), kind, constraint, span)
    }

    /// Whether a table function's arguments name columns of the items left of it.
    fn names_columns(
        &mut self,
        scope: &Scope,
        call: &ast::FunctionCall,
    ) -> Result<bool, PlanError> {
        let (args, _) = self.with_level(scope.clone(), Clause::FromFunction, |binder| {
            call.args.iter().map(|(_, e)| binder.bind_expr(e)).collect::<Result<Vec<_>, _>>()
        })?;
        let own = |e: &Expr| super::walk::is_inner(e);
        Ok(args.iter().any(own))
    }

    /// A join with a right side that depends on the left one.
    fn join_lateral(
        &mut self,
        left: Item,
        right: Item,
        kind: ast::JoinKind,
        constraint: &JoinConstraint,
        span: Span,
    ) -> Result<Item, PlanError> {
        let kind = match kind {
            ast::JoinKind::Inner | ast::JoinKind::Cross => JoinKind::Inner,
            ast::JoinKind::Left => JoinKind::Left,
            _ => {
                let message = "invalid reference to FROM-clause entry: the combining JOIN type \
                               must be INNER or LEFT for a LATERAL reference";
                let error = PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message);
                return Err(error.at(self.place(span)));
            }
        };
        let (left_plan, left_scope) = left;
        let (right_plan, mut right_scope) = right;
        let (lw, rw) = (left_plan.width(), right_plan.width());
        let (right_plan, mut on) = dependent(&left_plan, right_plan, None)?;
        if kind == JoinKind::Left {
            right_scope.pad();
        }
        let scope = left_scope.join(right_scope, lw);
        match constraint {
            JoinConstraint::None => {}
            JoinConstraint::On(condition) => {
                let (bound, level) = self.with_level(scope.clone(), Clause::On, |binder| {
                    let bound = binder.bind_expr(condition)?;
                    binder.boolean(bound, "JOIN/ON")
                })?;
                if !level.subs.is_empty() {
                    let what = "a subquery in the condition of a LATERAL join";
                    return Err(PlanError::not_built(what).at(bound.span));
                }
                on.push(bound);
            }
            JoinConstraint::Using(_) | JoinConstraint::Natural => {
                let what = "USING or NATURAL with a LATERAL item";
                return Err(PlanError::not_built(what).at(self.place(span)));
            }
        }
        let joined = build::join(left_plan, right_plan, kind, build::and(on));
        let columns: Vec<usize> = (0..lw + rw).collect();
        Ok((build::keep(joined, &columns), scope))
    }

    /// A join of two items that do not depend on each other.
    fn join(
        &mut self,
        left: Item,
        right: Item,
        kind: ast::JoinKind,
        constraint: &JoinConstraint,
        span: Span,
    ) -> Result<Item, PlanError> {
        self.check_aliases(&left.1, &right.1, span)?;
        match constraint {
            JoinConstraint::None => self.join_on(left, right, kind, None),
            JoinConstraint::On(on) => self.join_on(left, right, kind, Some(on)),
            JoinConstraint::Using(columns) => {
                let names: Vec<(String, Span)> =
                    columns.iter().map(|c| (c.name.clone(), c.span)).collect();
                self.join_using(left, right, kind, &names, span)
            }
            JoinConstraint::Natural => {
                let common =
                    left.1.star().filter(|c| !matches!(right.1.bare(&c.name), Found::None));
                let names: Vec<(String, Span)> =
                    common.map(|c| (c.name.to_string(), span)).collect();
                if names.is_empty() {
                    return self.join_on(left, right, kind, None);
                }
                self.join_using(left, right, kind, &names, span)
            }
        }
    }

    /// The error of one alias for two items.
    fn check_aliases(&self, left: &Scope, right: &Scope, span: Span) -> Result<(), PlanError> {
        for table in &right.tables {
            if !table.alias.is_empty() && left.table(&table.alias).is_some() {
                let message = format!("table name \"{}\" specified more than once", table.alias);
                let place = if span == Span::default() { None } else { self.place(span) };
                return Err(PlanError::of(SqlState::DUPLICATE_ALIAS, message).at(place));
            }
        }
        Ok(())
    }

    fn join_on(
        &mut self,
        left: Item,
        right: Item,
        kind: ast::JoinKind,
        on: Option<&ast::Expr>,
    ) -> Result<Item, PlanError> {
        let kind = join_kind(kind);
        let (left_plan, left_scope) = left;
        let (right_plan, right_scope) = right;
        let (lw, rw) = (left_plan.width(), right_plan.width());
        let both = left_scope.clone().join(right_scope.clone(), lw);
        let mut condition = None;
        if let Some(on) = on {
            let (bound, level) = self.with_level(both, Clause::On, |binder| {
                let bound = binder.bind_expr(on)?;
                binder.boolean(bound, "JOIN/ON")
            })?;
            let mut bound = bound;
            if !level.subs.is_empty() {
                if kind == JoinKind::Inner {
                    let item = self.filter_pairs(left_plan, right_plan, bound, &level)?;
                    return Ok((item, left_scope.join(right_scope, lw)));
                }
                let scope = outer_scope(left_scope, right_scope, kind, lw);
                if over_both_sides(&level, lw) {
                    let pairs =
                        self.filter_pairs(left_plan.clone(), right_plan.clone(), bound, &level)?;
                    return Ok((padded(left_plan, right_plan, pairs, kind), scope));
                }
                let placed = place_subqueries(left_plan, right_plan, &mut bound, &level)?;
                let extra = (placed.0.width() - lw, placed.1.width() - rw);
                let joined = build::join(placed.0, placed.1, kind, Some(bound));
                let mut columns: Vec<usize> = (0..lw).collect();
                if joined.width() > lw + extra.0 {
                    columns.extend(lw + extra.0..lw + extra.0 + rw);
                }
                return Ok((build::keep(joined, &columns), scope));
            }
            condition = Some(bound);
        }
        let scope = outer_scope(left_scope, right_scope, kind, lw);
        Ok((build::join(left_plan, right_plan, kind, condition), scope))
    }

    /// An inner join whose condition has subqueries: a filter over all pairs.
    fn filter_pairs(
        &mut self,
        left: Plan,
        right: Plan,
        on: Expr,
        level: &super::Level,
    ) -> Result<Plan, PlanError> {
        let width = left.width() + right.width();
        let mut stage = super::stage::Stage::new(build::join(left, right, JoinKind::Inner, None));
        let mut arms = Vec::new();
        on.into_conjuncts(&mut arms);
        let conditions = arms.into_iter().map(super::subquery::Conjunct::Plain).collect();
        stage.filter(level, conditions)?;
        Ok(build::keep(stage.plan, &(0..width).collect::<Vec<_>>()))
    }

    fn join_using(
        &mut self,
        left: Item,
        right: Item,
        kind: ast::JoinKind,
        names: &[(String, Span)],
        span: Span,
    ) -> Result<Item, PlanError> {
        let kind = join_kind(kind);
        let lw = left.0.width();
        let mut arms = Vec::with_capacity(names.len());
        let mut pairs = Vec::with_capacity(names.len());
        for (name, at) in names {
            let a = self.using_column(&left.1, name, "left", *at)?;
            let b = self.using_column(&right.1, name, "right", *at)?;
            let Some(ty) = comparison_type(&a.ty, &b.ty) else {
                let types = [a.ty, b.ty];
                let message = "operator does not exist";
                let error = super::function::operator_error(message, Func::Eq, &types, false);
                return Err(error.at(self.place(*at)));
            };
            let column = |c: &ScopeColumn, shift: usize| {
                Expr::column(c.position + shift, c.ty.clone(), c.nullable)
            };
            let (x, y) = (column(&a, 0), column(&b, lw));
            let (x, y) = (self.implicit(x, &ty)?, self.implicit(y, &ty)?);
            arms.push(Expr { span: self.place(*at), ..Expr::predicate(Func::Eq, vec![x, y]) });
            pairs.push((a, ScopeColumn { position: b.position + lw, ..b }));
        }
        let (left_plan, left_scope) = left;
        let (right_plan, right_scope) = right;
        let scope = outer_scope(left_scope, right_scope, kind, lw);
        let mut plan = build::join(left_plan, right_plan, kind, build::and(arms));
        plan.span = self.place(span);
        Ok(self.merge_columns(plan, scope, kind, pairs))
    }

    /// The scope with one column for each pair of USING, in front.
    fn merge_columns(
        &mut self,
        mut plan: Plan,
        mut scope: Scope,
        kind: JoinKind,
        pairs: Vec<(ScopeColumn, ScopeColumn)>,
    ) -> Item {
        let mut merged = Vec::with_capacity(pairs.len());
        let mut computed = Vec::new();
        let width = plan.width();
        let semi = matches!(kind, JoinKind::Semi | JoinKind::Anti);
        for (a, b) in pairs {
            for column in &mut scope.columns {
                let ours = column.position == a.position || column.position == b.position;
                if ours && column.name == a.name {
                    column.bare = false;
                }
            }
            let common = super::coerce::common_type([&a.ty, &b.ty]).unwrap_or(DataType::Text);
            let nullable = match kind {
                JoinKind::Inner => false,
                JoinKind::Right => b.nullable,
                JoinKind::Full => a.nullable || b.nullable,
                _ => a.nullable,
            };
            let side = |c: &ScopeColumn, nullable| {
                cast(Expr::column(c.position, c.ty.clone(), nullable), common.clone())
            };
            let value = match kind {
                JoinKind::Right => side(&b, b.nullable),
                JoinKind::Full => {
                    let kind = ExprKind::Coalesce(vec![side(&a, true), side(&b, true)]);
                    Expr { kind, ty: common.clone(), nullable, span: None }
                }
                _ => side(&a, a.nullable),
            };
            let position = match value.kind {
                ExprKind::Column(position) => position,
                _ if semi => a.position,
                _ => {
                    computed.push(value);
                    width + computed.len() - 1
                }
            };
            let ty = common;
            let name = a.name.clone();
            merged.push(ScopeColumn { table: None, name, position, ty, nullable, bare: true });
        }
        plan = build::append(plan, computed, "merged");
        merged.append(&mut scope.columns);
        scope.columns = merged;
        (plan, scope)
    }

    fn using_column(
        &self,
        scope: &Scope,
        name: &str,
        side: &str,
        span: Span,
    ) -> Result<ScopeColumn, PlanError> {
        match scope.bare(name) {
            Found::One(column) => Ok(column.clone()),
            Found::Many => {
                let message =
                    format!("common column name \"{name}\" appears more than once in {side} table");
                Err(PlanError::of(SqlState::AMBIGUOUS_COLUMN, message).at(self.place(span)))
            }
            Found::None => {
                let message = format!(
                    "column \"{name}\" specified in USING clause does not exist in {side} table"
                );
                Err(PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(self.place(span)))
            }
        }
    }
}

/// Reads all columns of a relation.
pub(crate) fn scan(relation: &Relation, span: Option<Span>) -> Plan {
    let columns = (0..relation.schema.len()).collect();
    let node = Node::Scan { relation: relation.id, columns, moment: None };
    Plan { node, schema: relation.schema.clone(), span }
}

fn join_kind(kind: ast::JoinKind) -> JoinKind {
    match kind {
        ast::JoinKind::Inner | ast::JoinKind::Cross => JoinKind::Inner,
        ast::JoinKind::Left => JoinKind::Left,
        ast::JoinKind::Right => JoinKind::Right,
        ast::JoinKind::Full => JoinKind::Full,
        ast::JoinKind::Semi => JoinKind::Semi,
        ast::JoinKind::Anti => JoinKind::Anti,
    }
}

/// The names behind a join.
fn outer_scope(mut left: Scope, mut right: Scope, kind: JoinKind, width: usize) -> Scope {
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        left.pad();
    }
    if matches!(kind, JoinKind::Left | JoinKind::Full) {
        right.pad();
    }
    match kind {
        JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti => left,
        _ => left.join(right, width),
    }
}

/// Whether an item may depend on those left of it.
fn is_lateral(item: &From) -> bool {
    match item {
        From::Derived { lateral, .. } => *lateral,
        From::Function { .. } => true,
        From::Join(join) => is_lateral(&join.left) || is_lateral(&join.right),
        _ => false,
    }
}

/// Whether a subquery of a join's condition names columns of both sides, or another subquery.
fn over_both_sides(level: &super::Level, width: usize) -> bool {
    level.subs.iter().any(|sub| {
        let mut sides = (false, false);
        super::walk::plan_exprs(sub, &mut |e| {
            e.each_column(&mut |n| {
                if slot::level(n) == 1 {
                    match Slot::of(n) {
                        Slot::Column(c) if c < width => sides.0 = true,
                        Slot::Column(_) => sides.1 = true,
                        _ => sides = (true, true),
                    }
                }
            });
        });
        sides == (true, true)
    })
}

/// An outer, semi or anti join whose matching pairs are computed already: the rows of a kept side
/// that are in no pair follow, padded.
fn padded(left: Plan, right: Plan, pairs: Plan, kind: JoinKind) -> Plan {
    let (lw, rw) = (left.width(), right.width());
    let of_side = |side: &Plan, at: usize| {
        let on = (0..side.width()).map(|c| {
            let ours = side.column(c);
            let func = if ours.nullable { Func::IsNotDistinct } else { Func::Eq };
            let theirs = Expr::column(side.width() + at + c, ours.ty.clone(), ours.nullable);
            Expr::predicate(func, vec![ours, theirs])
        });
        build::and(on.collect())
    };
    if matches!(kind, JoinKind::Semi | JoinKind::Anti) {
        let on = of_side(&left, 0);
        return build::join(left, pairs, kind, on);
    }
    let names: Vec<Arc<str>> = pairs.schema.fields.iter().map(|f| f.name.clone()).collect();
    let types: Vec<DataType> = pairs.schema.fields.iter().map(|f| f.data_type.clone()).collect();
    let nulls = |range: std::ops::Range<usize>| range.map(|c| null_of(types[c].clone()));
    let mut inputs = vec![pairs.clone()];
    if matches!(kind, JoinKind::Left | JoinKind::Full) {
        let on = of_side(&left, 0);
        let alone = build::join(left, pairs.clone(), JoinKind::Anti, on);
        let exprs = alone.columns().into_iter().chain(nulls(lw..lw + rw)).collect();
        inputs.push(build::project(alone, exprs, &names));
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        let on = of_side(&right, lw);
        let alone = build::join(right, pairs, JoinKind::Anti, on);
        let exprs = nulls(0..lw).chain(alone.columns()).collect();
        inputs.push(build::project(alone, exprs, &names));
    }
    build::union(inputs)
}

/// Subqueries in the condition of an outer join: each is joined to the side whose columns it names,
/// or to the right side if it names none.
fn place_subqueries(
    left: Plan,
    right: Plan,
    on: &mut Expr,
    level: &super::Level,
) -> Result<(Plan, Plan), PlanError> {
    let lw = left.width();
    let (mut left, mut right) = (left, right);
    let mut places = Vec::with_capacity(level.subs.len());
    for sub in &level.subs {
        let mut of_left = false;
        super::walk::plan_exprs(sub, &mut |e| {
            of_left |= super::walk::any_column(e, &|n| slot::level(n) == 1 && slot::local(n) < lw);
        });
        let mut sub = sub.clone();
        if of_left {
            let (plan, value) = super::stage::apply_scalar(left, sub, None)?;
            left = plan;
            places.push((true, value));
        } else {
            super::walk::map_outer(&mut sub, &mut |n| Ok(n - lw))?;
            let (plan, value) = super::stage::apply_scalar(right, sub, None)?;
            right = plan;
            places.push((false, value));
        }
    }
    let shift = left.width() - lw;
    let values: Vec<Expr> = places
        .into_iter()
        .map(|(of_left, value)| if of_left { value } else { value.shifted(left.width()) })
        .collect();
    super::single::put_values(on, &values, &|n| if n >= lw { n + shift } else { n });
    Ok((left, right))
}
