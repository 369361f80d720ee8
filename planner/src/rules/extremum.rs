//! A relation joined with its own maximum (or minimum) becomes a ranking of that relation.
//!
//! `X b JOIN (SELECT k, max(v) AS m FROM X GROUP BY k) g ON b.k = g.k AND b.v = g.m` keeps the rows
//! of X whose v is the greatest of their k: the rows of rank 1. So it becomes TopN rank 1 over X,
//! partitioned by k, ordered by v, without the rows that the join's equalities drop (v NULL, k
//! NULL). Sound with retractions: both forms are functions of X's content alone; each row of X
//! meets exactly one group, so weights stay. Group keys that the join does not compare must be
//! determined by those it does (the other bound of a window); else a row could meet several groups.
//! Invariant: fires only when both sides are the same steps over the same rows.

use arena_tr_types::{AggFunc, Func};

use super::push_filter::filtered;
use crate::logical::{Expr, ExprKind, JoinKind, Node, Plan, RankFunc, SortKey};

/// Rewrites an inner join of a relation with its own extremum; other plans come back as they are.
#[must_use]
pub(super) fn extremum(plan: Plan) -> Plan {
    match Match::find(&plan) {
        Some(found) => found.rewrite(plan),
        None => plan,
    }
}

/// A plan under projections, and its columns over what is below them.
struct Peeled<'a> {
    core: &'a Plan,
    exprs: Vec<Expr>,
}

fn peel(plan: &Plan) -> Peeled<'_> {
    let mut core = plan;
    let mut exprs = plan.columns();
    while let Node::Project { input, exprs: below } = &core.node {
        exprs.iter_mut().for_each(|e| e.substitute(below));
        core = input;
    }
    Peeled { core, exprs }
}

/// What was recognised.
struct Match {
    /// Whether the grouped relation is the join's left side.
    grouped_left: bool,
    /// Partition and value, over the relation's own columns.
    partition: Vec<Expr>,
    value: Expr,
    greatest: bool,
    /// Columns that must not be NULL.
    not_null: Vec<Expr>,
    /// The join's columns over the relation's own.
    output: Vec<Expr>,
    /// Other conditions of the join, over the join's columns.
    residual: Vec<Expr>,
}

impl Match {
    fn find(plan: &Plan) -> Option<Self> {
        let Node::Join { left, right, kind: JoinKind::Inner, on: Some(on) } = &plan.node else {
            return None;
        };
        let mut arms = Vec::new();
        on.clone().into_conjuncts(&mut arms);
        Self::of_sides(left, right, left.width(), &arms, false)
            .or_else(|| Self::of_sides(right, left, left.width(), &arms, true))
    }

    /// `rows` are X, `grouped` its extremum; `n_left` is the width of the join's left side.
    fn of_sides(
        rows: &Plan,
        grouped: &Plan,
        n_left: usize,
        arms: &[Expr],
        grouped_left: bool,
    ) -> Option<Self> {
        let (x, g) = (peel(rows), peel(grouped));
        let Node::Aggregate { input, group, aggs } = &g.core.node else { return None };
        let [agg] = aggs.as_slice() else { return None };
        let greatest = match agg.func {
            AggFunc::Max => true,
            AggFunc::Min => false,
            _ => return None,
        };
        let [value] = agg.args.as_slice() else { return None };
        let below = peel(input);
        if agg.filter.is_some() || group.is_empty() || !x.core.same_as(below.core) {
            return None;
        }
        let group: Vec<Expr> = group.iter().map(|e| e.clone().substituted(&below.exprs)).collect();
        let value = value.clone().substituted(&below.exprs);
        let (rows_at, grouped_at) = if grouped_left { (n_left, 0) } else { (0, n_left) };
        let mut matched =
            Matched { keys: vec![None; group.len()], value: false, not_null: Vec::new() };
        let mut residual = Vec::new();
        for arm in arms {
            let taken = equality(arm, rows_at, x.exprs.len(), grouped_at, g.exprs.len())
                .is_some_and(|(func, r, c)| {
                    let r = r.substituted(&x.exprs);
                    let c = g.exprs[c].as_column();
                    c.is_some_and(|c| matched.take(func, r, c, &group, &value))
                });
            if !taken {
                residual.push(arm.clone());
            }
        }
        if !matched.value || !matched.determined(&group, x.core) {
            return None;
        }
        // The grouped side's columns in terms of X: its keys are X's, its extremum is X's value.
        let mut by_group = group.clone();
        by_group.push(value.clone());
        let of_grouped = g.exprs.iter().map(|e| e.clone().substituted(&by_group));
        let output = if grouped_left {
            of_grouped.chain(x.exprs.iter().cloned()).collect()
        } else {
            x.exprs.iter().cloned().chain(of_grouped).collect()
        };
        let partition = matched.partition();
        let not_null = matched.not_null;
        Some(Self { grouped_left, partition, value, greatest, not_null, output, residual })
    }

    fn rewrite(self, plan: Plan) -> Plan {
        let (schema, span) = (plan.schema, plan.span);
        let Node::Join { left, right, .. } = plan.node else {
            return Plan { node: plan.node, schema, span };
        };
        let mut core = if self.grouped_left { *right } else { *left };
        while let Node::Project { input, .. } = core.node {
            core = *input;
        }
        // TopN needs columns: what is not one yet is computed beside the relation's own.
        let mut exprs = core.columns();
        let width = exprs.len();
        let mut place = |e: &Expr| match exprs.iter().position(|x| x == e) {
            Some(found) => found,
            None => {
                exprs.push(e.clone());
                exprs.len() - 1
            }
        };
        let partition: Vec<usize> = self.partition.iter().map(&mut place).collect();
        let value = place(&self.value);
        let core = filtered(core, self.not_null.into_iter().map(Expr::is_not_null).collect());
        let core = if exprs.len() > width { with_columns(core, exprs) } else { core };
        let order = SortKey { column: value, desc: self.greatest, nulls_first: self.greatest };
        let ranked = Plan {
            schema: core.schema.clone(),
            span,
            node: Node::TopN {
                input: Box::new(core),
                partition,
                order: vec![order],
                function: RankFunc::Rank,
                limit: Some(1),
                offset: 0,
                number: false,
            },
        };
        let node = Node::Project { input: Box::new(ranked), exprs: self.output };
        filtered(Plan { node, schema, span }, self.residual)
    }
}

/// Which keys of the grouping the join compares with the same expression of the rows.
struct Matched {
    keys: Vec<Option<Expr>>,
    value: bool,
    not_null: Vec<Expr>,
}

impl Matched {
    /// Takes `rows = column c of the grouping`; false if it compares different things.
    fn take(&mut self, func: Func, rows: Expr, c: usize, group: &[Expr], value: &Expr) -> bool {
        let null_equal = func == Func::IsNotDistinct;
        if c == group.len() {
            // `v IS NOT DISTINCT FROM max(v)` would also keep groups of NULLs alone.
            if rows != *value || null_equal || self.value {
                return false;
            }
            self.value = true;
        } else if rows != group[c] || self.keys[c].is_some() {
            return false;
        } else {
            self.keys[c] = Some(rows.clone());
        }
        if !null_equal && rows.nullable && !self.not_null.contains(&rows) {
            self.not_null.push(rows);
        }
        true
    }

    /// Whether every key is compared, or follows from one that is.
    fn determined(&self, group: &[Expr], core: &Plan) -> bool {
        let compared = |c: usize| self.keys.iter().flatten().any(|e| e.as_column() == Some(c));
        let pairs = window_pairs(core);
        let follows = |e: &Expr| {
            e.as_column().is_some_and(|c| {
                pairs.iter().any(|(a, b)| (c == *a && compared(*b)) || (c == *b && compared(*a)))
            })
        };
        self.keys.iter().zip(group).all(|(key, e)| key.is_some() || follows(e))
    }

    /// The compared keys; the others follow from them.
    fn partition(&self) -> Vec<Expr> {
        let mut partition: Vec<Expr> = Vec::new();
        for key in self.keys.iter().flatten() {
            if !partition.contains(key) {
                partition.push(key.clone());
            }
        }
        partition
    }
}

/// An equality of an expression over the rows' columns and one column of the grouping, each
/// renumbered.
fn equality(
    arm: &Expr,
    rows_at: usize,
    n_rows: usize,
    grouped_at: usize,
    n_grouped: usize,
) -> Option<(Func, Expr, usize)> {
    let (func @ (Func::Eq | Func::IsNotDistinct), a, b) = arm.as_binary()? else { return None };
    let of_rows = |e: &Expr| e.columns_all(&|c| (rows_at..rows_at + n_rows).contains(&c));
    let of_grouped =
        |e: &Expr| e.as_column().filter(|c| (grouped_at..grouped_at + n_grouped).contains(c));
    let (rows, column) = match (of_grouped(b), of_grouped(a)) {
        (Some(column), _) if of_rows(a) => (a, column),
        (_, Some(column)) if of_rows(b) => (b, column),
        _ => return None,
    };
    let mut rows = rows.clone();
    rows.map_columns(&|c| c - rows_at);
    Some((func, rows, column - grouped_at))
}

/// Pairs of a plan's columns that are the two bounds of one window of fixed size.
fn window_pairs(plan: &Plan) -> Vec<(usize, usize)> {
    match &plan.node {
        Node::TimeWindow { input, window, .. } => {
            let own = window.fixed_size().map(|_| (input.width(), input.width() + 1));
            own.into_iter().chain(window_pairs(input)).collect()
        }
        Node::Filter { input, .. } | Node::TopN { input, .. } | Node::Over { input, .. } => {
            window_pairs(input)
        }
        Node::Project { input, exprs } => moved(window_pairs(input), exprs),
        Node::Aggregate { input, group, .. } => moved(window_pairs(input), group),
        _ => Vec::new(),
    }
}

fn moved(pairs: Vec<(usize, usize)>, exprs: &[Expr]) -> Vec<(usize, usize)> {
    let place =
        |c: usize| exprs.iter().position(|e| matches!(e.kind, ExprKind::Column(i) if i == c));
    pairs.into_iter().filter_map(|(a, b)| Some((place(a)?, place(b)?))).collect()
}

/// A projection that keeps a plan's columns and appends computed ones.
fn with_columns(plan: Plan, exprs: Vec<Expr>) -> Plan {
    let mut fields = plan.schema.fields.to_vec();
    for expr in &exprs[fields.len()..] {
        fields.push(arena_tr_types::Field::new("key", expr.ty.clone(), expr.nullable));
    }
    let span = plan.span;
    let schema = arena_tr_types::Schema::new(fields);
    Plan { node: Node::Project { input: Box::new(plan), exprs }, schema, span }
}
