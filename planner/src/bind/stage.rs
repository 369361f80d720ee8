//! From bound expressions to plan columns: the plan of a SELECT as it grows.
//!
//! Expressions of a SELECT name aggregates, window calls and subqueries by slot. A stage knows
//! which column of the plan so far holds what, and adds what is missing: a subquery is joined when
//! the first expression that names it is lowered.
//! Invariant: columns of the plan are only ever appended within a stage, so positions stay valid.

use arena_tr_types::{Func, SqlState, Value};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind, JoinKind, Node, Plan, SortKey, WindowCall};

use super::Level;
use super::build;
use super::decorrelate::{Pulled, pull_keys, pull_up};
use super::lateral::Domain;
use super::scope::Scope;
use super::single;
use super::slot::{self, Slot};
use super::subquery::{Conjunct, SemiCondition, always_one_row, one_row_at_most};
use super::walk::{check_size, is_correlated, is_outer, map_outer, size, surface, surface_expr};

/// What the plan's columns mean once it is grouped.
#[derive(Debug)]
pub(crate) struct Grouped {
    /// The GROUP BY expressions, as the SELECT's expressions write them.
    pub(crate) groups: Vec<Expr>,
    /// How many aggregates follow.
    pub(crate) aggs: usize,
}

/// The plan so far.
#[derive(Debug)]
pub(crate) struct Stage {
    /// It.
    pub(crate) plan: Plan,
    /// Set once it is grouped.
    grouped: Option<Grouped>,
    /// Columns of window calls.
    windows: Vec<Option<usize>>,
    /// Values of subqueries, over the plan's columns.
    subs: Vec<Option<Expr>>,
    /// The plan before any subquery was joined. What a subquery depends on is taken from here, so
    /// that several subqueries do not copy each other.
    base: Option<Plan>,
}

impl Stage {
    /// Over the rows of FROM.
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, grouped: None, windows: Vec::new(), subs: Vec::new(), base: None }
    }

    /// The plan is grouped now: its columns are groups, aggregates and GROUPING values.
    pub(crate) fn group(&mut self, plan: Plan, grouped: Grouped) {
        self.plan = plan;
        self.grouped = Some(grouped);
        self.subs.clear();
        self.base = None;
    }

    fn take(&mut self) -> Plan {
        std::mem::replace(&mut self.plan, Plan::placeholder())
    }

    /// The expression over the plan's columns.
    pub(crate) fn lower(&mut self, level: &Level, mut expr: Expr) -> Result<Expr, PlanError> {
        self.lower_in_place(level, &mut expr)?;
        Ok(expr)
    }

    /// Each of them.
    pub(crate) fn lower_all(
        &mut self,
        level: &Level,
        exprs: Vec<Expr>,
    ) -> Result<Vec<Expr>, PlanError> {
        exprs.into_iter().map(|e| self.lower(level, e)).collect()
    }

    fn lower_in_place(&mut self, level: &Level, expr: &mut Expr) -> Result<(), PlanError> {
        let group = self.grouped.as_ref().and_then(|g| g.groups.iter().position(|e| e == expr));
        if let Some(index) = group {
            let span = expr.span;
            *expr = Expr { span, ..self.plan.column(index) };
            return Ok(());
        }
        if let ExprKind::Column(n) = expr.kind {
            if slot::level(n) == 0 {
                let span = expr.span;
                if let Slot::Sub(index) = Slot::of(n) {
                    let value = self.subquery(level, index).map_err(|e| e.at(span))?;
                    *expr = Expr { span, ..value };
                    return Ok(());
                }
                let column = self.column(level, n, false).map_err(|e| e.at(span))?;
                expr.kind = ExprKind::Column(column);
                expr.nullable = self.plan.schema.fields[column].nullable;
            }
            return Ok(());
        }
        let mut result = Ok(());
        let mut nullable = false;
        expr.each_child_mut(&mut |child| {
            let was = child.nullable;
            if result.is_ok() {
                result = self.lower_in_place(level, child);
            }
            nullable |= child.nullable && !was;
        });
        // A group key that is absent from a grouping set is NULL where its expression never was.
        if nullable && !matches!(expr.kind, ExprKind::IsNull(_)) {
            expr.nullable = true;
        }
        result
    }

    /// The column of a slot; `inside`: a subquery names it.
    fn column(&mut self, level: &Level, n: usize, inside: bool) -> Result<usize, PlanError> {
        match (Slot::of(n), &self.grouped) {
            (Slot::Column(c), None) => Ok(c),
            (Slot::Column(c), Some(grouped)) => {
                let same = |e: &Expr| e.kind == ExprKind::Column(n);
                grouped
                    .groups
                    .iter()
                    .position(same)
                    .ok_or_else(|| ungrouped(&level.scope, c, inside))
            }
            (Slot::Agg(i), Some(grouped)) => Ok(grouped.groups.len() + i),
            (Slot::Grouping(i), Some(grouped)) => Ok(grouped.groups.len() + grouped.aggs + i),
            (Slot::Window(i), _) => self.windows.get(i).copied().flatten().ok_or_else(|| {
                let message = "window functions are not allowed here";
                PlanError::of(SqlState::WINDOWING_ERROR, message)
            }),
            (Slot::Sub(i), _) => {
                let value = self.subquery(level, i)?;
                Ok(self.columns_of(vec![value])[0])
            }
            (Slot::Agg(_) | Slot::Grouping(_), None) => {
                let message = "aggregate functions are not allowed here";
                Err(PlanError::of(SqlState::GROUPING_ERROR, message))
            }
        }
    }

    /// The value of a scalar subquery, which is joined now if it is not there yet.
    fn subquery(&mut self, level: &Level, index: usize) -> Result<Expr, PlanError> {
        if let Some(Some(value)) = self.subs.get(index) {
            return Ok(value.clone());
        }
        let mut sub = level.subs[index].clone();
        map_outer(&mut sub, &mut |n| self.column(level, n, true))?;
        let outer = self.take();
        let base = is_correlated(&sub).then(|| self.base.get_or_insert_with(|| outer.clone()));
        let (plan, value) = apply_scalar(outer, sub, base.map(|b| &*b))?;
        self.plan = plan;
        check_size(size(&self.plan))?;
        if self.subs.len() <= index {
            self.subs.resize(index + 1, None);
        }
        self.subs[index] = Some(value.clone());
        Ok(value)
    }

    /// Keeps the rows that fulfil all conditions. Plain ones first: they are cheap.
    pub(crate) fn filter(
        &mut self,
        level: &Level,
        conditions: Vec<Conjunct>,
    ) -> Result<(), PlanError> {
        let mut plain = Vec::new();
        let mut semi = Vec::new();
        for condition in conditions {
            match condition {
                Conjunct::Plain(e) => plain.push(e),
                Conjunct::Semi(s) => semi.push(s),
            }
        }
        let plain = self.lower_all(level, plain)?;
        if let Some(predicate) = build::and(plain) {
            let plan = self.take();
            self.plan = build::filter(plan, predicate);
        }
        for condition in semi {
            self.semi(level, condition)?;
        }
        Ok(())
    }

    /// Keeps the rows with a partner in the subquery, or those without.
    fn semi(&mut self, level: &Level, condition: SemiCondition) -> Result<(), PlanError> {
        let SemiCondition { mut sub, pairs, anti, span } = condition;
        let mut ours = Vec::with_capacity(pairs.len());
        let mut compared = Vec::with_capacity(pairs.len());
        for (func, value, inner) in pairs {
            ours.push(self.lower(level, value)?);
            compared.push((func, inner));
        }
        map_outer(&mut sub, &mut |n| self.column(level, n, true)).map_err(|e| e.at(span))?;
        let outer = self.take();
        let width = outer.width();
        let correlated = is_correlated(&sub);
        let base = correlated.then(|| self.base.get_or_insert_with(|| outer.clone()));
        let (right, mut on) = dependent(&outer, sub, base.map(|b| &*b))?;
        check_size(size(&outer) + size(&right))?;
        let all_equal = compared.iter().all(|(f, _)| *f == Func::Eq);
        let tests = ours.into_iter().zip(compared).map(|(value, (func, inner))| Expr {
            span,
            ..Expr::predicate(func, vec![value, inner.shifted(width)])
        });
        let tests: Vec<Expr> = tests.collect();
        let nullable = tests.iter().any(|e| e.nullable);
        let kind = match (anti, tests.is_empty() || !nullable) {
            (false, _) => JoinKind::Semi,
            (true, true) => JoinKind::Anti,
            (true, false) if !correlated && all_equal => JoinKind::NullAwareAnti,
            (true, false) => {
                // An unknown comparison keeps the row out, an unknown correlation does not.
                if let Some(test) = build::and(tests) {
                    on.push(build::or_else(test, Value::Bool(true)));
                }
                self.plan = build::join(outer, right, JoinKind::Anti, build::and(on));
                return Ok(());
            }
        };
        on.extend(tests);
        self.plan = build::join(outer, right, kind, build::and(on));
        Ok(())
    }

    /// Positions of these expressions, computed into new columns where they are not plain columns.
    pub(crate) fn columns_of(&mut self, exprs: Vec<Expr>) -> Vec<usize> {
        let mut new = Vec::new();
        let width = self.plan.width();
        let mut positions = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let known = match expr.kind {
                ExprKind::Column(n) if slot::level(n) == 0 => Some(n),
                _ => new.iter().position(|e| *e == expr).map(|i| width + i),
            };
            positions.push(known.unwrap_or_else(|| {
                new.push(expr);
                width + new.len() - 1
            }));
        }
        let plan = self.take();
        self.plan = build::append(plan, new, "key");
        positions
    }

    /// Computes all window calls; those over the same window together. As in PostgreSQL the window
    /// that is named first comes last, so a query without ORDER BY gives its rows in that window's
    /// order.
    pub(crate) fn windows(&mut self, level: &Level) -> Result<(), PlanError> {
        let uses = &level.windows;
        self.windows = vec![None; uses.len()];
        let same = |i: usize, k: usize| {
            uses[i].partition == uses[k].partition && uses[i].order == uses[k].order
        };
        for first in (0..uses.len()).rev().filter(|k| !(0..*k).any(|i| same(i, *k))) {
            let (partition, order) = (&uses[first].partition, &uses[first].order);
            let alike: Vec<usize> = (first..uses.len()).filter(|i| same(*i, first)).collect();
            let keys = self.lower_all(level, partition.clone())?;
            let sorts = self.lower_all(level, order.iter().map(|k| k.expr.clone()).collect())?;
            let mut calls = Vec::with_capacity(alike.len());
            for i in &alike {
                calls.push(self.window_call(level, &uses[*i].call)?);
            }
            let n_keys = keys.len();
            let positions = self.columns_of(keys.into_iter().chain(sorts).collect());
            let order = order.iter().zip(&positions[n_keys..]).map(|(k, column)| SortKey {
                column: *column,
                desc: k.desc,
                nulls_first: k.nulls_first,
            });
            let order = order.collect();
            let width = self.plan.width();
            self.over(positions[..n_keys].to_vec(), order, calls);
            for (n, i) in alike.into_iter().enumerate() {
                self.windows[i] = Some(width + n);
            }
        }
        Ok(())
    }

    fn window_call(&mut self, level: &Level, call: &WindowCall) -> Result<WindowCall, PlanError> {
        let mut call = call.clone();
        call.args = self.lower_all(level, call.args)?;
        call.filter = call.filter.map(|e| self.lower(level, e)).transpose()?;
        Ok(call)
    }

    fn over(&mut self, partition: Vec<usize>, order: Vec<SortKey>, calls: Vec<WindowCall>) {
        use crate::logical::WindowFunc as W;
        use arena_tr_types::AggFunc as A;
        let plan = self.take();
        let mut fields = plan.schema.fields.to_vec();
        for call in &calls {
            let never_null = matches!(
                call.func,
                W::RowNumber
                    | W::Rank
                    | W::DenseRank
                    | W::PercentRank
                    | W::CumeDist
                    | W::Agg(A::Count | A::CountStar)
            );
            let field = arena_tr_types::Field::new("window", call.ty.clone(), !never_null);
            fields.push(field);
        }
        let span = plan.span;
        let node = Node::Over { input: Box::new(plan), partition, order, calls };
        self.plan = Plan { node, schema: arena_tr_types::Schema::new(fields), span };
    }
}

/// The error of a column that is neither grouped nor aggregated.
fn ungrouped(scope: &Scope, position: usize, inside: bool) -> PlanError {
    let column = scope.columns.iter().find(|c| c.position == position);
    let name = match column {
        Some(c) => match c.table.map(|t| &scope.tables[t].alias) {
            Some(alias) => format!("{alias}.{}", c.name),
            None => c.name.to_string(),
        },
        None => "?column?".to_owned(),
    };
    let message = match inside {
        true => format!("subquery uses ungrouped column \"{name}\" from outer query"),
        false => format!(
            "column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate \
             function"
        ),
    };
    PlanError::of(SqlState::GROUPING_ERROR, message)
}

/// A subquery made independent of `outer`, and the conditions that join it back; they see the
/// columns of `outer`, then the subquery's. `base`: an earlier form of `outer` with the same
/// columns in front and no fewer rows.
pub(crate) fn dependent(
    outer: &Plan,
    sub: Plan,
    base: Option<&Plan>,
) -> Result<(Plan, Vec<Expr>), PlanError> {
    let width = outer.width();
    match pull_up(sub.clone()) {
        Some(pulled) => Ok(joined_back(pulled, width)),
        None => spread(outer, sub, base),
    }
}

/// The same with a general method that always works: [`Domain`].
fn spread(outer: &Plan, sub: Plan, base: Option<&Plan>) -> Result<(Plan, Vec<Expr>), PlanError> {
    let domain = Domain::of(base.unwrap_or(outer), &sub)
        .unwrap_or_else(|columns| Domain::over(outer, columns));
    let at = outer.width() + sub.width();
    Ok((domain.spread(sub)?, domain.join_back(outer, at)))
}

/// The pulled predicates over the columns of both sides.
fn joined_back(pulled: Pulled, width: usize) -> (Plan, Vec<Expr>) {
    let Pulled { plan, mut preds } = pulled;
    for pred in &mut preds {
        pred.map_columns(&|n| match slot::level(n) {
            0 => n + width,
            1 => slot::local(n),
            _ => slot::shallower(n, 1),
        });
    }
    (plan, preds)
}

/// Joins a scalar subquery to the rows of `outer`, whose columns stay in front; and its value over
/// the result.
pub(crate) fn apply_scalar(
    outer: Plan,
    mut sub: Plan,
    base: Option<&Plan>,
) -> Result<(Plan, Expr), PlanError> {
    let width = outer.width();
    if !is_correlated(&sub) {
        surface(&mut sub);
        let single = always_one_row(&sub);
        let right = if single { sub } else { single::grouped(sub) };
        let joined = build::join(outer, right, JoinKind::Inner, None);
        let value = single::value(&joined, width, (!single).then_some(width + 1));
        return Ok((joined, value));
    }
    if let Some(shape) = scalar_aggregate(&sub) {
        let joined = join_scalar_aggregate(outer, shape);
        let value = single::value(&joined, width, None);
        return Ok((joined, value));
    }
    let single = one_row_at_most(&sub);
    let (mut right, on) = match pull_keys(sub.clone()) {
        Some(pulled) => joined_back(pulled, width),
        None => spread(&outer, sub, base)?,
    };
    let n_keys = right.width() - 1;
    if !single {
        right = single::grouped(right);
    }
    let joined = build::join(outer, right, JoinKind::Left, build::and(on));
    let mut columns: Vec<usize> = (0..=width).collect();
    if !single {
        columns.push(width + n_keys + 1);
    }
    let joined = build::keep(joined, &columns);
    let value = single::value(&joined, width, (!single).then_some(width + 1));
    Ok((joined, value))
}

/// `SELECT f(aggregates) FROM ... [HAVING ...]` whose FROM part is joined by equalities.
struct ScalarAggregate {
    /// The grouped rows: aggregates, then one column per equality.
    grouped: Plan,
    /// The equalities: level 0 is `grouped`, level 1 the query around.
    preds: Vec<Expr>,
    /// For each aggregate, whether it counts: 0 over no rows.
    counts: Vec<bool>,
    /// The value over the aggregates.
    value: Expr,
    /// HAVING.
    having: Vec<Expr>,
}

/// The shape, if the plan has it.
fn scalar_aggregate(sub: &Plan) -> Option<ScalarAggregate> {
    let mut value = sub.column(0);
    let mut having = Vec::new();
    let mut node = sub;
    loop {
        match &node.node {
            Node::Project { input, exprs } => {
                substitute_own(&mut value, exprs);
                having.iter_mut().for_each(|h| substitute_own(h, exprs));
                node = input;
            }
            Node::Filter { input, predicate } => {
                having.push(predicate.clone());
                node = input;
            }
            Node::Sort { input, .. } => node = input,
            Node::Aggregate { input, group, aggs } if group.is_empty() => {
                let mut outer = false;
                aggs.iter().for_each(|a| a.each_expr(&mut |e| outer |= is_outer(e)));
                if outer {
                    return None;
                }
                let pulled = pull_keys((**input).clone())?;
                let base = input.width();
                let keys: Vec<Expr> =
                    (base..pulled.plan.width()).map(|c| pulled.plan.column(c)).collect();
                let mut aggs = aggs.clone();
                aggs.iter_mut().for_each(|a| a.each_expr_mut(&mut surface_expr));
                let counts: Vec<bool> = aggs.iter().map(|a| !a.nullable).collect();
                let (n_keys, n_aggs) = (keys.len(), aggs.len());
                let grouped = build::aggregate(pulled.plan, keys, aggs);
                let mut order: Vec<usize> = (n_keys..n_keys + n_aggs).collect();
                order.extend(0..n_keys);
                let grouped = build::keep(grouped, &order);
                let mut preds = pulled.preds;
                for pred in &mut preds {
                    pred.map_columns(&|n| match slot::level(n) {
                        0 => n - base + n_aggs,
                        _ => n,
                    });
                }
                return Some(ScalarAggregate { grouped, preds, counts, value, having });
            }
            _ => return None,
        }
    }
}

/// Replaces the expression's own columns by what a projection computes for them.
fn substitute_own(expr: &mut Expr, exprs: &[Expr]) {
    if let ExprKind::Column(n) = expr.kind {
        if slot::level(n) == 0 {
            *expr = exprs[n].clone();
        }
        return;
    }
    expr.each_child_mut(&mut |child| substitute_own(child, exprs));
}

fn join_scalar_aggregate(outer: Plan, shape: ScalarAggregate) -> Plan {
    let width = outer.width();
    let ScalarAggregate { grouped, preds, counts, mut value, having } = shape;
    let (right, on) = joined_back(Pulled { plan: grouped, preds }, width);
    let joined = build::join(outer, right, JoinKind::Left, build::and(on));
    let over_joined = |expr: &mut Expr| {
        let columns: Vec<Expr> = counts
            .iter()
            .enumerate()
            .map(|(i, counts)| {
                let column = joined.column(width + i);
                if *counts { build::or_else(column, Value::Int8(0)) } else { column }
            })
            .collect();
        over_pair(expr, &columns);
    };
    over_joined(&mut value);
    if let Some(mut condition) = build::and(having) {
        over_joined(&mut condition);
        let (ty, span) = (value.ty.clone(), value.span);
        let kind = ExprKind::Case { branches: vec![(condition, value)], otherwise: None };
        value = Expr { kind, ty, nullable: true, span };
    }
    let mut exprs: Vec<Expr> = (0..width).map(|c| joined.column(c)).collect();
    let mut names: Vec<_> = joined.schema.fields[..width].iter().map(|f| f.name.clone()).collect();
    exprs.push(value);
    names.push("value".into());
    build::project(joined, exprs, &names)
}

/// An expression of a subquery over the pair of both sides: its own columns are given, those of the
/// query around keep their positions.
fn over_pair(expr: &mut Expr, own: &[Expr]) {
    if let ExprKind::Column(n) = expr.kind {
        match slot::level(n) {
            0 => *expr = own[n].clone(),
            1 => expr.kind = ExprKind::Column(slot::local(n)),
            _ => expr.kind = ExprKind::Column(slot::shallower(n, 1)),
        }
        return;
    }
    expr.each_child_mut(&mut |child| over_pair(child, own));
}
