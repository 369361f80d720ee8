//! Correlated subqueries as joins, the cheap way: correlation predicates move up and become the
//! join's condition.
//!
//! A filter's conjuncts that name the enclosing query are pulled out through projections, joins and
//! (as equalities) groupings. Where that is not possible [`super::lateral`] does it in general.
//! Invariant: a pulled plan names nothing of the query around it and keeps its original columns in
//! front.

use arena_tr_types::Func;

use crate::logical::{Expr, JoinKind, Node, Plan, RankFunc, SortKey};

use super::build;
use super::slot;
use super::walk::{is_correlated, is_inner, is_outer, surface, surface_expr};

/// A subquery without its correlation.
pub(crate) struct Pulled {
    /// Its rows; columns that only the predicates need follow the original ones.
    pub(crate) plan: Plan,
    /// What relates them to the query around: level 0 is `plan`, level 1 that query.
    pub(crate) preds: Vec<Expr>,
}

/// Pulls the correlation out of a plan; `None`: it stands where it cannot be pulled from.
pub(crate) fn pull_up(mut plan: Plan) -> Option<Pulled> {
    if !is_correlated(&plan) {
        surface(&mut plan);
        return Some(Pulled { plan, preds: Vec::new() });
    }
    if let Node::Filter { input, predicate } = plan.node {
        return filter(*input, predicate);
    }
    let mut outer = false;
    plan.each_expr(&mut |e| outer |= is_outer(e));
    let is_join = matches!(plan.node, Node::Join { .. });
    if outer && !is_join {
        return None;
    }
    let width = plan.width();
    let schema = plan.schema;
    match plan.node {
        Node::Project { input, mut exprs } => {
            exprs.iter_mut().for_each(surface_expr);
            let names: Vec<_> = schema.fields.iter().map(|f| f.name.clone()).collect();
            project(pull_up(*input)?, exprs, names)
        }
        Node::Join { left, right, kind, on } => join(*left, *right, kind, on),
        Node::Aggregate { input, mut group, mut aggs } if !group.is_empty() => {
            let pulled = pull_up(*input)?;
            let (inner, preds) = keys(pulled.preds, width)?;
            group.iter_mut().for_each(surface_expr);
            aggs.iter_mut().for_each(|a| a.each_expr_mut(&mut surface_expr));
            let n_groups = group.len();
            group.extend(inner);
            let n_keys = group.len() - n_groups;
            let plan = build::aggregate(pulled.plan, group, aggs);
            let mut order: Vec<usize> = (0..n_groups).collect();
            order.extend(n_groups + n_keys..plan.width());
            order.extend(n_groups..n_groups + n_keys);
            Some(Pulled { plan: build::keep(plan, &order), preds })
        }
        Node::Distinct { input } => {
            let pulled = materialize(pull_up(*input)?, width)?;
            Some(Pulled { plan: build::distinct(pulled.plan), preds: pulled.preds })
        }
        Node::Sort { input, .. } => pull_up(*input),
        Node::Limit { input, limit, offset } => {
            let (input, order) = match input.node {
                Node::Sort { input, keys } => (*input, keys),
                _ => (*input, Vec::new()),
            };
            limit_per_key(pull_up(input)?, width, order, limit, offset)
        }
        _ => None,
    }
}

/// Conjuncts about the query around move up, the others stay.
fn filter(input: Plan, predicate: Expr) -> Option<Pulled> {
    let mut pulled = pull_up(input)?;
    let mut arms = Vec::new();
    predicate.into_conjuncts(&mut arms);
    let (outer, mut inner): (Vec<Expr>, Vec<Expr>) = arms.into_iter().partition(is_outer);
    inner.iter_mut().for_each(surface_expr);
    if let Some(predicate) = build::and(inner) {
        pulled.plan = build::filter(pulled.plan, predicate);
    }
    pulled.preds.extend(outer);
    Some(pulled)
}

/// A projection keeps, behind its own columns, those that the predicates need.
fn project(
    pulled: Pulled,
    mut exprs: Vec<Expr>,
    mut names: Vec<std::sync::Arc<str>>,
) -> Option<Pulled> {
    let Pulled { plan, mut preds } = pulled;
    let mut map: Vec<Option<usize>> = vec![None; plan.width()];
    for pred in &mut preds {
        pred.each_column(&mut |n| {
            if slot::level(n) == 0 && map[n].is_none() {
                map[n] = Some(exprs.len());
                exprs.push(plan.column(n));
                names.push(plan.schema.fields[n].name.clone());
            }
        });
        pred.map_columns(&|n| match slot::level(n) {
            0 => map[n].unwrap_or(n),
            _ => n,
        });
    }
    Some(Pulled { plan: build::project(plan, exprs, &names), preds })
}

/// Both sides may be correlated under an inner join, the kept side only under the others.
fn join(left: Plan, right: Plan, kind: JoinKind, on: Option<Expr>) -> Option<Pulled> {
    let both = kind == JoinKind::Inner;
    let keeps_left =
        matches!(kind, JoinKind::Left | JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti);
    if !both && (!keeps_left || is_correlated(&right) || on.as_ref().is_some_and(is_outer)) {
        return None;
    }
    let (left_width, right_width) = (left.width(), right.width());
    let l = pull_up(left)?;
    let r = pull_up(right)?;
    let (l_full, r_full) = (l.plan.width(), r.plan.width());
    let shift = l_full - left_width;
    let mut arms = Vec::new();
    if let Some(mut on) = on {
        on.map_columns(&|n| if slot::level(n) == 0 && n >= left_width { n + shift } else { n });
        on.into_conjuncts(&mut arms);
    }
    let (mut preds, mut inner): (Vec<Expr>, Vec<Expr>) = arms.into_iter().partition(is_outer);
    inner.iter_mut().for_each(surface_expr);
    let plan = build::join(l.plan, r.plan, kind, build::and(inner));
    preds.extend(l.preds);
    preds.extend(r.preds.into_iter().map(|mut p| {
        p.map_columns(&|n| if slot::level(n) == 0 { n + l_full } else { n });
        p
    }));
    if !both && kind != JoinKind::Left {
        return Some(Pulled { plan, preds });
    }
    // Original columns first: left, right, then what the predicates need.
    let mut order: Vec<usize> = (0..left_width).collect();
    order.extend(l_full..l_full + right_width);
    order.extend(left_width..l_full);
    order.extend(l_full + right_width..l_full + r_full);
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(new, old)| place[*old] = new);
    for pred in &mut preds {
        pred.map_columns(&|n| if slot::level(n) == 0 { place[n] } else { n });
    }
    Some(Pulled { plan: build::keep(plan, &order), preds })
}

/// Splits equalities `inner = outer` into the inner sides and predicates over them at `at`, `at +
/// 1`, ...; `None` if a predicate is no such equality.
fn keys(preds: Vec<Expr>, at: usize) -> Option<(Vec<Expr>, Vec<Expr>)> {
    let mut inner = Vec::new();
    let mut outer = Vec::new();
    for pred in preds {
        let (func, a, b) = pred.as_binary()?;
        if !matches!(func, Func::Eq | Func::IsNotDistinct) {
            return None;
        }
        let (mut ours, theirs) = if is_inner(a) && !is_outer(a) && !is_inner(b) {
            (a.clone(), b.clone())
        } else if is_inner(b) && !is_outer(b) && !is_inner(a) {
            (b.clone(), a.clone())
        } else {
            return None;
        };
        surface_expr(&mut ours);
        let column = Expr::column(at + inner.len(), ours.ty.clone(), ours.nullable);
        inner.push(ours);
        outer.push(Expr { span: pred.span, ..Expr::predicate(func, vec![column, theirs]) });
    }
    Some((inner, outer))
}

/// The plan cut to `width` original columns and, behind them, one per equality.
fn materialize(pulled: Pulled, width: usize) -> Option<Pulled> {
    let (inner, preds) = keys(pulled.preds, width)?;
    let columns: Vec<usize> = (0..width).collect();
    let mut exprs: Vec<Expr> = columns.iter().map(|c| pulled.plan.column(*c)).collect();
    let mut names: Vec<_> =
        columns.iter().map(|c| pulled.plan.schema.fields[*c].name.clone()).collect();
    names.extend(inner.iter().map(|_| std::sync::Arc::from("key")));
    exprs.extend(inner);
    Some(Pulled { plan: build::project(pulled.plan, exprs, &names), preds })
}

/// The same with equalities only, so that one row of the query around meets one key.
pub(crate) fn pull_keys(plan: Plan) -> Option<Pulled> {
    let width = plan.width();
    materialize(pull_up(plan)?, width)
}

fn limit_per_key(
    pulled: Pulled,
    width: usize,
    order: Vec<SortKey>,
    limit: Option<u64>,
    offset: u64,
) -> Option<Pulled> {
    let Pulled { plan, preds } = materialize(pulled, width)?;
    let partition = (width..plan.width()).collect();
    let function = RankFunc::RowNumber;
    let plan = build::over_same(plan, |input| Node::TopN {
        input,
        partition,
        order,
        function,
        limit,
        offset,
        number: false,
    });
    Some(Pulled { plan, preds })
}
