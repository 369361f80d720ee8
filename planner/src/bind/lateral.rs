//! Correlated subqueries as joins, in general: the subquery is computed for all values that it
//! depends on.
//!
//! The *domain* is the set of distinct values that the enclosing query has in the columns the
//! subquery names. It is joined to the subquery's inputs and carried up through every operator,
//! which then works per value; the enclosing query joins the result back on those values.
//! Invariant: [`Domain::spread`] appends exactly the domain's columns and leaves no reference to
//! the query around.

use arena_tr_types::{Func, Value};

use crate::error::PlanError;
use crate::logical::{AggCall, Expr, ExprKind, JoinKind, Node, Plan, RankFunc, TimeWindow};

use super::build;
use super::slot;
use super::walk::{is_correlated, is_outer, plan_exprs, surface};

/// The values that a subquery depends on.
pub(crate) struct Domain {
    /// Columns of the query around, by position.
    pub(crate) columns: Vec<usize>,
    /// Their distinct values.
    plan: Plan,
}

impl Domain {
    /// The domain of a subquery within `outer`; `Err` gives the columns if `outer` does not have
    /// them all.
    pub(crate) fn of(outer: &Plan, sub: &Plan) -> Result<Self, Vec<usize>> {
        let mut columns = Vec::new();
        plan_exprs(sub, &mut |e| {
            e.each_column(&mut |n| {
                if slot::level(n) == 1 && !columns.contains(&slot::local(n)) {
                    columns.push(slot::local(n));
                }
            });
        });
        columns.sort_unstable();
        match columns.last() {
            Some(last) if *last >= outer.width() => Err(columns),
            _ => Ok(Self::over(outer, columns)),
        }
    }

    /// The domain of these columns, in ascending order.
    pub(crate) fn over(outer: &Plan, columns: Vec<usize>) -> Self {
        let exprs: Vec<Expr> = columns.iter().map(|c| outer.column(*c)).collect();
        let names: Vec<_> = columns.iter().map(|c| outer.schema.fields[*c].name.clone()).collect();
        let plan = build::distinct(build::project(outer.clone(), exprs, &names));
        Self { columns, plan }
    }

    /// How many columns it has.
    fn len(&self) -> usize {
        self.columns.len()
    }

    /// The expression with the query around replaced by the domain's columns at `base`.
    fn fix(&self, expr: &mut Expr, base: usize) {
        expr.map_columns(&|n| match slot::level(n) {
            0 => n,
            1 => {
                let column = self.columns.binary_search(&slot::local(n));
                base + column.expect("the domain holds every column the subquery names")
            }
            _ => slot::shallower(n, 1),
        });
    }

    /// Equality of two copies of the domain, NULLs being equal.
    fn equal(&self, left: usize, right: usize) -> Vec<Expr> {
        let field = |i: usize| &self.plan.schema.fields[i];
        let column = |at: usize, i: usize| {
            Expr::column(at + i, field(i).data_type.clone(), field(i).nullable)
        };
        let pair = |i| {
            let func = if field(i).nullable { Func::IsNotDistinct } else { Func::Eq };
            Expr::predicate(func, vec![column(left, i), column(right, i)])
        };
        (0..self.len()).map(pair).collect()
    }

    /// What joins the result back to the query around: its columns to the domain's copy at `at`.
    pub(crate) fn join_back(&self, outer: &Plan, at: usize) -> Vec<Expr> {
        let pair = |(i, c): (usize, &usize)| {
            let theirs = outer.column(*c);
            let func = if theirs.nullable { Func::IsNotDistinct } else { Func::Eq };
            let ours = Expr::column(at + i, theirs.ty.clone(), theirs.nullable);
            Expr::predicate(func, vec![theirs, ours])
        };
        self.columns.iter().enumerate().map(pair).collect()
    }

    /// The plan for all values of the domain at once; their columns follow its own.
    pub(crate) fn spread(&self, mut plan: Plan) -> Result<Plan, PlanError> {
        if !is_correlated(&plan) {
            surface(&mut plan);
            return Ok(build::join(plan, self.plan.clone(), JoinKind::Inner, None));
        }
        let Plan { node, schema, span } = plan;
        let width = schema.len();
        Ok(match node {
            Node::Filter { input, mut predicate } => {
                self.fix(&mut predicate, input.width());
                build::filter(self.spread(*input)?, predicate)
            }
            Node::Project { input, mut exprs } => {
                let base = input.width();
                let input = self.spread(*input)?;
                exprs.iter_mut().for_each(|e| self.fix(e, base));
                let mut names: Vec<_> = schema.fields.iter().map(|f| f.name.clone()).collect();
                for c in base..base + self.len() {
                    exprs.push(input.column(c));
                    names.push(input.schema.fields[c].name.clone());
                }
                build::project(input, exprs, &names)
            }
            Node::Join { left, right, kind, on } => self.join(*left, *right, kind, on)?,
            Node::Aggregate { input, group, aggs } => self.aggregate(*input, group, aggs)?,
            Node::Distinct { input } => build::distinct(self.spread(*input)?),
            Node::Union { inputs } => {
                let inputs = inputs.into_iter().map(|p| self.spread(p));
                build::union(inputs.collect::<Result<_, _>>()?)
            }
            Node::SetOp { left, right, op, all } => {
                let (left, right) = (self.spread(*left)?, self.spread(*right)?);
                let schema = left.schema.clone();
                let node = Node::SetOp { left: Box::new(left), right: Box::new(right), op, all };
                Plan { node, schema, span }
            }
            Node::Sort { input, .. } => self.spread(*input)?,
            Node::Limit { input, limit, offset } => {
                let (input, order) = match input.node {
                    Node::Sort { input, keys } => (*input, keys),
                    _ => (*input, Vec::new()),
                };
                let base = input.width();
                let partition = (base..base + self.len()).collect();
                let function = RankFunc::RowNumber;
                build::over_same(self.spread(input)?, |input| Node::TopN {
                    input,
                    partition,
                    order,
                    function,
                    limit,
                    offset,
                    number: false,
                })
            }
            Node::Values { rows } => self.values(rows, &schema)?,
            Node::Scan { .. } => {
                let scan = Plan { node, schema, span };
                build::join(scan, self.plan.clone(), JoinKind::Inner, None)
            }
            node => self.appending(Plan { node, schema, span }, width)?,
        })
    }

    /// Operators that append columns to their input's: the domain's columns move behind them.
    fn appending(&self, plan: Plan, width: usize) -> Result<Plan, PlanError> {
        let Plan { mut node, schema, span } = plan;
        let place = |input: &mut Box<Plan>| -> Result<usize, PlanError> {
            let base = input.width();
            let inner = std::mem::replace(&mut **input, Plan::placeholder());
            **input = self.spread(inner)?;
            Ok(base)
        };
        let keys = |base: usize| base..base + self.len();
        let base = match &mut node {
            Node::TimeWindow { input, window, .. } => {
                let base = place(input)?;
                if let TimeWindow::Session { partition, .. } = window {
                    partition.extend(keys(base));
                }
                base
            }
            Node::TopN { input, partition, .. } => {
                let base = place(input)?;
                partition.extend(keys(base));
                base
            }
            Node::Over { input, partition, calls, .. } => {
                let base = place(input)?;
                partition.extend(keys(base));
                calls.iter_mut().for_each(|c| c.each_expr_mut(&mut |e| self.fix(e, base)));
                base
            }
            Node::Unnest { input, call, .. } => {
                let base = place(input)?;
                self.fix(call, base);
                base
            }
            _ => return Err(PlanError::not_built("this correlated subquery").at(span)),
        };
        let mut fields = schema.fields[..base].to_vec();
        fields.extend(self.plan.schema.fields.iter().cloned());
        fields.extend(schema.fields[base..].iter().cloned());
        let plan = Plan { node, schema: arena_tr_types::Schema::new(fields), span };
        let mut order: Vec<usize> = (0..base).collect();
        order.extend(base + self.len()..width + self.len());
        order.extend(base..base + self.len());
        Ok(build::keep(plan, &order))
    }

    /// Constant rows that name the query around.
    fn values(
        &self,
        rows: Vec<Vec<Expr>>,
        schema: &arena_tr_types::Schema,
    ) -> Result<Plan, PlanError> {
        let mut names: Vec<_> = schema.fields.iter().map(|f| f.name.clone()).collect();
        names.extend(self.plan.schema.fields.iter().map(|f| f.name.clone()));
        let mut inputs = Vec::with_capacity(rows.len());
        for mut row in rows {
            row.iter_mut().for_each(|e| self.fix(e, 0));
            row.extend(self.plan.columns());
            inputs.push(build::project(self.plan.clone(), row, &names));
        }
        Ok(if inputs.len() == 1 { inputs.remove(0) } else { build::union(inputs) })
    }

    fn aggregate(
        &self,
        input: Plan,
        mut group: Vec<Expr>,
        mut aggs: Vec<AggCall>,
    ) -> Result<Plan, PlanError> {
        let base = input.width();
        let k = self.len();
        let input = self.spread(input)?;
        group.iter_mut().for_each(|e| self.fix(e, base));
        aggs.iter_mut().for_each(|a| a.each_expr_mut(&mut |e| self.fix(e, base)));
        let n = group.len();
        let counts: Vec<bool> = aggs.iter().map(|a| !a.nullable).collect();
        group.extend((base..base + k).map(|c| input.column(c)));
        let grouped = build::aggregate(input, group, aggs);
        if n > 0 {
            let mut order: Vec<usize> = (0..n).collect();
            order.extend(n + k..grouped.width());
            order.extend(n..n + k);
            return Ok(build::keep(grouped, &order));
        }
        // Without groups there is a row for every value, also over no input rows.
        let on = build::and(self.equal(0, k));
        let names: Vec<_> = grouped.schema.fields[k..].iter().map(|f| f.name.clone()).collect();
        let joined = build::join(self.plan.clone(), grouped, JoinKind::Left, on);
        let mut exprs: Vec<Expr> = Vec::with_capacity(counts.len() + k);
        for (i, counts) in counts.into_iter().enumerate() {
            let column = joined.column(2 * k + i);
            exprs.push(if counts { build::or_else(column, Value::Int8(0)) } else { column });
        }
        exprs.extend((0..k).map(|c| joined.column(c)));
        let names: Vec<_> = names
            .into_iter()
            .chain(self.plan.schema.fields.iter().map(|f| f.name.clone()))
            .collect();
        Ok(build::project(joined, exprs, &names))
    }

    fn join(
        &self,
        left: Plan,
        right: Plan,
        kind: JoinKind,
        on: Option<Expr>,
    ) -> Result<Plan, PlanError> {
        let (lw, rw, k) = (left.width(), right.width(), self.len());
        let right_first = matches!(kind, JoinKind::Right);
        let on_outer = on.as_ref().is_some_and(is_outer);
        let full = kind == JoinKind::Full;
        // The side whose rows all come out must carry the domain.
        let spread_left = is_correlated(&left)
            || full
            || !right_first && (kind != JoinKind::Inner || on_outer || !is_correlated(&right));
        let spread_right = is_correlated(&right) || full || right_first;
        let side = |mut plan: Plan, spread: bool| {
            if spread {
                return self.spread(plan);
            }
            surface(&mut plan);
            Ok(plan)
        };
        let left = side(left, spread_left)?;
        let right = side(right, spread_right)?;
        let right_at = left.width();
        let left_domain = lw;
        let right_domain = right_at + rw;
        let domain = if spread_left { left_domain } else { right_domain };
        let mut arms = Vec::new();
        if let Some(mut on) = on {
            on.map_columns(&|n| {
                if slot::level(n) == 0 && n >= lw { n - lw + right_at } else { n }
            });
            self.fix(&mut on, domain);
            on.into_conjuncts(&mut arms);
        }
        if spread_left && spread_right {
            arms.extend(self.equal(left_domain, right_domain));
        }
        let joined = build::join(left, right, kind, build::and(arms));
        if matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti) {
            return Ok(joined);
        }
        let mut exprs: Vec<Expr> = (0..lw).map(|c| joined.column(c)).collect();
        exprs.extend((right_at..right_at + rw).map(|c| joined.column(c)));
        for i in 0..k {
            exprs.push(match (full, right_first) {
                (true, _) => {
                    either(joined.column(left_domain + i), joined.column(right_domain + i))
                }
                (_, true) => joined.column(right_domain + i),
                _ => joined.column(domain + i),
            });
        }
        let mut names: Vec<_> = Vec::with_capacity(exprs.len());
        names.extend(joined.schema.fields[..lw].iter().map(|f| f.name.clone()));
        names.extend(joined.schema.fields[right_at..right_at + rw].iter().map(|f| f.name.clone()));
        names.extend(self.plan.schema.fields.iter().map(|f| f.name.clone()));
        Ok(build::project(joined, exprs, &names))
    }
}

/// COALESCE(a, b).
fn either(a: Expr, b: Expr) -> Expr {
    let (ty, nullable) = (a.ty.clone(), a.nullable && b.nullable);
    Expr { kind: ExprKind::Coalesce(vec![a, b]), ty, nullable, span: None }
}
