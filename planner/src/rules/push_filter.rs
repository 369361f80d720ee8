//! Filters move toward the sources, and into join conditions.
//!
//! Predicates are carried down from the top and dropped where they hold for the same rows: through
//! projections by substitution, to the side of a join that they speak of, into every arm of a
//! union, below groupings and windows when they speak of the keys only. A predicate that cannot be
//! true for a padded row turns an outer join into an inner one. Sound with retractions, because a
//! predicate on a row decides alike when the row arrives and when it leaves, and one on a key
//! decides for all rows of that key at once.
//! Invariant: below a node, a predicate is evaluated on a superset of the rows it was evaluated on
//! above.

use super::fold::rejects_null;
use super::join_key::{Uses, uses};
use crate::logical::visit::mirrored;
use crate::logical::{Expr, ExprKind, JoinKind, Node, Plan, TimeWindow};
use arena_tr_types::Func;

/// Largest predicate, in nodes, that is rewritten through a projection.
const SUBSTITUTED_SIZE: usize = 256;

/// Moves all filters of a plan down as far as they go.
#[must_use]
pub fn push_filters(plan: Plan) -> Plan {
    push(plan, Vec::new())
}

/// Puts predicates over a plan, as deep in it as they go.
fn push(mut plan: Plan, predicates: Vec<Expr>) -> Plan {
    match plan.node {
        Node::Filter { input, predicate } => {
            let mut all = Vec::new();
            predicate.into_conjuncts(&mut all);
            all.extend(predicates);
            push(*input, all)
        }
        Node::Join { left, right, kind, on } => {
            let join = Join { left: *left, right: *right, kind, on: Vec::new(), above: Vec::new() };
            join.push(on, predicates, plan.schema, plan.span)
        }
        Node::Union { inputs } => {
            let arm = |input| push(input, predicates.clone());
            plan.node = Node::Union { inputs: inputs.into_iter().map(arm).collect() };
            plan
        }
        Node::SetOp { left, right, op, all } => {
            // Equal rows may print differently (1.0, 1.00), so only the side that is shown is
            // filtered.
            let (left, right) = (push(*left, predicates), push(*right, Vec::new()));
            let (left, right) = (Box::new(left), Box::new(right));
            plan.node = Node::SetOp { left, right, op, all };
            plan
        }
        _ => {
            let mut above = Vec::new();
            let mut below = Vec::new();
            for predicate in predicates {
                match through(&plan, predicate) {
                    Ok(lower) => below.push(lower),
                    Err(kept) => above.push(kept),
                }
            }
            for child in plan.children_mut() {
                let owned = std::mem::replace(child, Plan::placeholder());
                *child = push(owned, std::mem::take(&mut below));
            }
            // Without an input (a scan, constant rows) nothing can be below.
            above.append(&mut below);
            filtered(plan, above)
        }
    }
}

/// A plan under the conjunction of these predicates.
pub(super) fn filtered(plan: Plan, predicates: Vec<Expr>) -> Plan {
    let (schema, span) = (plan.schema.clone(), plan.span);
    match Expr::conjunction(predicates) {
        None => plan,
        Some(predicate) => {
            Plan { node: Node::Filter { input: Box::new(plan), predicate }, schema, span }
        }
    }
}

/// The predicate as it reads below a node with one input, or back when it must stay above.
fn through(plan: &Plan, predicate: Expr) -> Result<Expr, Expr> {
    let only = |columns: &[usize]| predicate.columns_all(&|c| columns.contains(&c));
    match &plan.node {
        Node::Project { exprs, .. } => {
            let mut size = predicate.size();
            predicate.each_column(&mut |c| size += exprs[c].size());
            if size > SUBSTITUTED_SIZE { Err(predicate) } else { Ok(predicate.substituted(exprs)) }
        }
        // Not below a grouping without keys: it has a row even where nothing is left to group.
        Node::Aggregate { group, .. } if !group.is_empty() => {
            if predicate.columns_all(&|c| c < group.len()) {
                Ok(predicate.substituted(group))
            } else {
                Err(predicate)
            }
        }
        Node::TimeWindow { input, window, .. } => {
            let passes = match window {
                // A removed row could have joined two sessions; whole partitions may go.
                TimeWindow::Session { partition, .. } => only(partition),
                _ => predicate.columns_all(&|c| c < input.width()),
            };
            if passes { Ok(predicate) } else { Err(predicate) }
        }
        Node::Distinct { .. } | Node::Sort { .. } => Ok(predicate),
        Node::TopN { partition, .. } | Node::Over { partition, .. } => {
            if only(partition) {
                Ok(predicate)
            } else {
                Err(predicate)
            }
        }
        Node::Unnest { input, .. } => {
            if predicate.columns_all(&|c| c < input.width()) {
                Ok(predicate)
            } else {
                Err(predicate)
            }
        }
        _ => Err(predicate),
    }
}

/// A join whose conditions are being placed.
struct Join {
    left: Plan,
    right: Plan,
    kind: JoinKind,
    on: Vec<Expr>,
    above: Vec<Expr>,
}

impl Join {
    fn push(
        mut self,
        on: Option<Expr>,
        predicates: Vec<Expr>,
        schema: arena_tr_types::Schema,
        span: Option<arena_tr_parser::Span>,
    ) -> Plan {
        let n_left = self.left.width();
        if let Some(on) = on {
            on.into_conjuncts(&mut self.on);
        }
        self.simplify_kind(&predicates, n_left);
        let (mut to_left, mut to_right) = (Vec::new(), Vec::new());
        self.place_predicates(predicates, n_left, &mut to_left, &mut to_right);
        self.place_on(n_left, &mut to_left, &mut to_right);
        self.mirror(n_left, &mut to_left, &mut to_right);
        let lower = |e: Expr| {
            let mut e = e;
            e.map_columns(&|c| c - n_left);
            e
        };
        let left = push(self.left, to_left);
        let right = push(self.right, to_right.into_iter().map(lower).collect());
        let node = Node::Join {
            left: Box::new(left),
            right: Box::new(right),
            kind: self.kind,
            on: Expr::conjunction(self.on),
        };
        filtered(Plan { node, schema, span }, self.above)
    }

    /// A predicate that no padded row passes makes the padding pointless.
    fn simplify_kind(&mut self, predicates: &[Expr], n_left: usize) {
        let rejects = |of_left: bool| {
            predicates.iter().any(|p| rejects_null(p, &|c| (c < n_left) == of_left))
        };
        self.kind = match self.kind {
            JoinKind::Left if rejects(false) => JoinKind::Inner,
            JoinKind::Right if rejects(true) => JoinKind::Inner,
            // Rejecting NULLs of one side drops the rows that the other side keeps unmatched.
            JoinKind::Full => match (rejects(true), rejects(false)) {
                (true, true) => JoinKind::Inner,
                (true, false) => JoinKind::Left,
                (false, true) => JoinKind::Right,
                (false, false) => JoinKind::Full,
            },
            kind => kind,
        };
    }

    /// Predicates above the join: to a side whose rows are kept as they are, into the condition of
    /// an inner join.
    fn place_predicates(
        &mut self,
        predicates: Vec<Expr>,
        n_left: usize,
        to_left: &mut Vec<Expr>,
        to_right: &mut Vec<Expr>,
    ) {
        let kind = self.kind;
        for predicate in predicates {
            match uses(&predicate, n_left) {
                Uses::Left if !matches!(kind, JoinKind::Right | JoinKind::Full) => {
                    to_left.push(predicate)
                }
                Uses::Right if matches!(kind, JoinKind::Inner | JoinKind::Right) => {
                    to_right.push(predicate)
                }
                _ if kind == JoinKind::Inner => self.on.push(predicate),
                _ => self.above.push(predicate),
            }
        }
    }

    /// With `a.k = b.k`, what a comparison with constants says of one key holds for the other.
    fn mirror(&self, n_left: usize, to_left: &mut Vec<Expr>, to_right: &mut Vec<Expr>) {
        let both = matches!(self.kind, JoinKind::Inner | JoinKind::Semi);
        for arm in &self.on {
            let Some((Func::Eq, a, b)) = arm.as_binary() else { continue };
            let (Some(a), Some(b)) = (a.as_column(), b.as_column()) else { continue };
            let (l, r) = if a < b { (a, b) } else { (b, a) };
            if l >= n_left || r < n_left {
                continue;
            }
            if both || self.kind == JoinKind::Left {
                copy_comparisons(to_left, l, r, to_right);
            }
            if both || self.kind == JoinKind::Right {
                copy_comparisons(to_right, r, l, to_left);
            }
        }
    }

    /// The condition's own arms: to a side whose unmatched rows are not kept.
    fn place_on(&mut self, n_left: usize, to_left: &mut Vec<Expr>, to_right: &mut Vec<Expr>) {
        let kind = self.kind;
        if kind == JoinKind::NullAwareAnti {
            return;
        }
        for arm in std::mem::take(&mut self.on) {
            match uses(&arm, n_left) {
                Uses::Left
                    if matches!(kind, JoinKind::Inner | JoinKind::Semi | JoinKind::Right) =>
                {
                    to_left.push(arm);
                }
                Uses::Right if !matches!(kind, JoinKind::Right | JoinKind::Full) => {
                    to_right.push(arm)
                }
                _ => self.on.push(arm),
            }
        }
    }
}

/// Copies comparisons of column `from` with constants, as comparisons of column `to`.
fn copy_comparisons(source: &[Expr], from: usize, to: usize, target: &mut Vec<Expr>) {
    let constant = |e: &Expr| e.as_literal().is_some();
    let compares = |e: &&Expr| match &e.kind {
        ExprKind::Call { func, args } => {
            mirrored(*func).is_some()
                && args.iter().any(|a| a.as_column() == Some(from))
                && args.iter().any(constant)
        }
        ExprKind::InList { input, list } => {
            input.as_column() == Some(from) && list.iter().all(constant)
        }
        _ => false,
    };
    for found in source.iter().filter(compares) {
        let mut copy = found.clone();
        copy.map_columns(&|_| to);
        if !target.contains(&copy) {
            target.push(copy);
        }
    }
}
