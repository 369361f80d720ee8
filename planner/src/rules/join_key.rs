//! Splits a join's condition into equality keys, conditions of one side, and the rest.
//!
//! Keys are what the join index is built on; `IS NOT DISTINCT FROM` is a key that matches NULL with
//! NULL.
//! Invariant: the conjunction of all parts is the condition; expressions of the right side are
//! renumbered to its own columns in keys and `right_only`, and see left columns then right ones in
//! the residual.

use arena_tr_types::Func;

use crate::logical::{Expr, ExprKind};

/// An equality between the sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Over the left columns.
    pub left: Expr,
    /// Over the right columns, from 0.
    pub right: Expr,
    /// Whether NULL equals NULL.
    pub null_equal: bool,
}

/// A split condition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// Equalities.
    pub keys: Vec<Key>,
    /// Conditions over left columns alone, or over none.
    pub left_only: Vec<Expr>,
    /// Conditions over right columns alone, renumbered.
    pub right_only: Vec<Expr>,
    /// Everything else.
    pub residual: Vec<Expr>,
}

/// Which side's columns an expression uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uses {
    /// No column.
    Neither,
    /// Left columns alone.
    Left,
    /// Right columns alone.
    Right,
    /// Columns of both.
    Both,
}

/// Which side's columns `expr` uses, the left ones being those below `n_left`.
///
/// What raises an error about a subquery counts as using both: only a row of the joined sides may
/// raise it.
pub fn uses(expr: &Expr, n_left: usize) -> Uses {
    if raises(expr) {
        return Uses::Both;
    }
    let (mut left, mut right) = (false, false);
    expr.each_column(&mut |c| if c < n_left { left = true } else { right = true });
    match (left, right) {
        (false, false) => Uses::Neither,
        (true, false) => Uses::Left,
        (false, true) => Uses::Right,
        (true, true) => Uses::Both,
    }
}

/// Whether the value may be an error that only a joined row deserves.
fn raises(expr: &Expr) -> bool {
    let mut found = matches!(expr.kind, ExprKind::Call { func: Func::SeveralRows, .. });
    expr.each_child(&mut |child| found = found || raises(child));
    found
}

/// Splits a condition over left columns (those below `n_left`), then right ones.
pub fn split(on: Option<Expr>, n_left: usize) -> Condition {
    let mut arms = Vec::new();
    if let Some(on) = on {
        on.into_conjuncts(&mut arms);
    }
    let mut condition = Condition::default();
    for arm in arms {
        match uses(&arm, n_left) {
            Uses::Neither | Uses::Left => condition.left_only.push(arm),
            Uses::Right => condition.right_only.push(lowered(arm, n_left)),
            Uses::Both => match key(arm, n_left) {
                Ok(key) if condition.keys.contains(&key) => {}
                Ok(key) => condition.keys.push(key),
                Err(arm) => condition.residual.push(arm),
            },
        }
    }
    condition
}

fn lowered(mut expr: Expr, by: usize) -> Expr {
    expr.map_columns(&|c| c - by);
    expr
}

/// An equality with one side on each side of the sign; otherwise the expression comes back.
fn key(arm: Expr, n_left: usize) -> Result<Key, Expr> {
    let null_equal = match &arm.kind {
        ExprKind::Call { func: Func::Eq, .. } => false,
        ExprKind::Call { func: Func::IsNotDistinct, .. } => true,
        _ => return Err(arm),
    };
    let Some((_, a, b)) = arm.as_binary() else { return Err(arm) };
    let swapped = match (uses(a, n_left), uses(b, n_left)) {
        (Uses::Left, Uses::Right) => false,
        (Uses::Right, Uses::Left) => true,
        _ => return Err(arm),
    };
    if a.ty.physical() != b.ty.physical() {
        return Err(arm);
    }
    let ExprKind::Call { args, .. } = arm.kind else { return Err(arm) };
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (Some(a), Some(b)) => {
            let (left, right) = if swapped { (b, a) } else { (a, b) };
            Ok(Key { left, right: lowered(right, n_left), null_equal })
        }
        _ => Err(Expr::boolean(false)),
    }
}
