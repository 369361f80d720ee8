//! Inner joins in an order in which each has a key, where the text's order would pair everything
//! with everything.
//!
//! `FROM a, b, c WHERE a.x = c.x AND b.y = c.y` joins a with c first. The text's order is kept as
//! far as it goes, so a query without such a gap keeps its order, and its author keeps control.
//! Sound with retractions: inner joins are associative and commutative, weights included.
//! Invariant: a projection on top restores the columns' order.

use super::join_key::{Uses, uses};
use crate::logical::{Expr, JoinKind, Node, Plan};

/// Reorders chains of inner joins in which some join has no key.
#[must_use]
pub fn join_order(mut plan: Plan) -> Plan {
    let mut leaves = Vec::new();
    let mut arms = Vec::new();
    flatten(&plan, 0, &mut leaves, &mut arms);
    if leaves.len() > 2
        && let Some(order) = better_order(&leaves, &arms)
    {
        return reordered(plan, &order, arms);
    }
    for child in plan.children_mut() {
        let owned = std::mem::replace(child, Plan::placeholder());
        *child = join_order(owned);
    }
    plan
}

/// The inputs of a chain of inner joins with their widths, and its conditions over all their
/// columns.
fn flatten(plan: &Plan, base: usize, leaves: &mut Vec<usize>, arms: &mut Vec<Expr>) {
    match &plan.node {
        Node::Join { left, right, kind: JoinKind::Inner, on } => {
            flatten(left, base, leaves, arms);
            flatten(right, base + left.width(), leaves, arms);
            if let Some(on) = on {
                on.clone().shifted(base).into_conjuncts(arms);
            }
        }
        _ => leaves.push(plan.width()),
    }
}

/// Where each leaf's columns begin.
fn offsets(widths: &[usize]) -> Vec<usize> {
    let mut starts = Vec::with_capacity(widths.len());
    let mut next = 0;
    for width in widths {
        starts.push(next);
        next += width;
    }
    starts
}

/// An order in which leaves follow leaves that an equality connects them with; none if the text's
/// order does.
fn better_order(widths: &[usize], arms: &[Expr]) -> Option<Vec<usize>> {
    let starts = offsets(widths);
    let leaf_of = |c: usize| starts.iter().rposition(|s| *s <= c).unwrap_or(0);
    let touched = |e: &Expr| {
        let mut leaves = Vec::new();
        e.each_column(&mut |c| leaves.push(leaf_of(c)));
        leaves
    };
    // Per equality: the leaves of its two sides.
    let sides = |arm: &Expr| {
        let (func, a, b) = arm.as_binary()?;
        let equal = matches!(func, arena_tr_types::Func::Eq | arena_tr_types::Func::IsNotDistinct);
        let (a, b) = (touched(a), touched(b));
        (equal && !a.is_empty() && !b.is_empty()).then_some((a, b))
    };
    let keys: Vec<_> = arms.iter().filter_map(sides).collect();
    let connected = |placed: &[usize], leaf: usize| {
        let inside = |leaves: &[usize]| leaves.iter().all(|l| placed.contains(l));
        let only = |leaves: &[usize]| leaves.iter().all(|l| *l == leaf);
        keys.iter().any(|(a, b)| (inside(a) && only(b)) || (inside(b) && only(a)))
    };
    let mut placed = vec![0];
    let mut rest: Vec<usize> = (1..widths.len()).collect();
    while !rest.is_empty() {
        let next = rest.iter().position(|l| connected(&placed, *l)).unwrap_or(0);
        placed.push(rest.remove(next));
    }
    (placed.iter().enumerate().any(|(i, l)| i != *l)).then_some(placed)
}

fn take_leaves(plan: Plan, leaves: &mut Vec<Plan>) {
    match plan.node {
        Node::Join { left, right, kind: JoinKind::Inner, .. } => {
            take_leaves(*left, leaves);
            take_leaves(*right, leaves);
        }
        node => leaves.push(join_order(Plan { node, ..plan })),
    }
}

fn reordered(plan: Plan, order: &[usize], mut arms: Vec<Expr>) -> Plan {
    let (schema, span) = (plan.schema.clone(), plan.span);
    let mut leaves = Vec::new();
    take_leaves(plan, &mut leaves);
    let widths: Vec<usize> = leaves.iter().map(Plan::width).collect();
    let starts = offsets(&widths);
    // Where each column of the old order is in the new one.
    let mut places = vec![usize::MAX; schema.len()];
    let mut leaves: Vec<Option<Plan>> = leaves.into_iter().map(Some).collect();
    let mut chain: Option<Plan> = None;
    for leaf in order {
        let Some(next) = leaves[*leaf].take() else { continue };
        let base = chain.as_ref().map_or(0, Plan::width);
        for i in 0..widths[*leaf] {
            places[starts[*leaf] + i] = base + i;
        }
        chain = Some(match chain {
            None => next,
            Some(left) => {
                let ready = |e: &Expr| e.columns_all(&|c| places[c] != usize::MAX);
                let (now, later) = arms.into_iter().partition(ready);
                arms = later;
                joined(left, next, now, &places, span)
            }
        });
    }
    let Some(chain) = chain else { return Plan::placeholder() };
    let exprs = (0..schema.len()).map(|c| chain.column(places[c])).collect();
    Plan { node: Node::Project { input: Box::new(chain), exprs }, schema, span }
}

fn joined(
    left: Plan,
    right: Plan,
    arms: Vec<Expr>,
    places: &[usize],
    span: Option<arena_tr_parser::Span>,
) -> Plan {
    let mut arms = arms;
    arms.iter_mut().for_each(|e| e.map_columns(&|c| places[c]));
    // Keys first, for readers.
    arms.sort_by_key(|e| uses(e, left.width()) != Uses::Both);
    let fields: Vec<_> =
        left.schema.fields.iter().chain(right.schema.fields.iter()).cloned().collect();
    let schema = arena_tr_types::Schema::new(fields);
    let (left, right) = (Box::new(left), Box::new(right));
    let on = Expr::conjunction(arms);
    Plan { node: Node::Join { left, right, kind: JoinKind::Inner, on }, schema, span }
}
