//! Constant folding and three-valued logic: what can be known before any row is seen.
//!
//! A constant call is replaced by its value unless evaluating it fails: what the statement says was
//! looked at before ([`super::constant`]), so this is an error that rewriting brought about; it
//! belongs to the rows that reach it, and there may be none. Sound with retractions, because an
//! expression gives the same value for a row when it arrives and when it leaves.
//! Invariant: an expression keeps its value for every row, NULL included; only the condition of a
//! filter or join may trade NULL for FALSE, since both keep nothing.

use arena_tr_types::{DataType, Func, SqlError, Value};

use crate::logical::visit::{is_strict, is_volatile};
use crate::logical::{Expr, ExprKind};

/// Evaluates constant expressions with the engine's own kernels.
pub trait ConstEval {
    /// The value of an expression without columns.
    fn eval(&self, expr: &Expr) -> Result<Value, SqlError>;
}

/// Folds an expression in place, innermost parts first.
pub fn fold(expr: &mut Expr, eval: &dyn ConstEval) {
    expr.each_child_mut(&mut |child| fold(child, eval));
    if is_computable(expr)
        && let Ok(value) = eval.eval(expr)
    {
        become_literal(expr, value);
        return;
    }
    match &mut expr.kind {
        ExprKind::And(_) => fold_junction(expr, true),
        ExprKind::Or(_) => fold_junction(expr, false),
        ExprKind::Not(_) => fold_not(expr),
        // A column that cannot be NULL; of other expressions, an error could be lost.
        ExprKind::IsNull(input) if !input.nullable && input.as_column().is_some() => {
            become_literal(expr, Value::Bool(false));
        }
        ExprKind::Case { .. } => fold_case(expr),
        ExprKind::Coalesce(_) => fold_coalesce(expr),
        ExprKind::InList { .. } => fold_in_list(expr),
        ExprKind::Cast { input, .. } if input.ty == expr.ty => {
            let inner = take(input);
            *expr = inner;
        }
        ExprKind::Call { func, args } if is_strict(*func) && args.iter().any(is_null) => {
            become_literal(expr, Value::Null);
        }
        _ => {}
    }
}

/// Folds a condition that keeps rows only where it is true: NULL counts as FALSE there.
pub fn fold_condition(condition: Expr, eval: &dyn ConstEval) -> Expr {
    let mut arms = Vec::new();
    condition.into_conjuncts(&mut arms);
    let mut kept: Vec<Expr> = Vec::with_capacity(arms.len());
    for mut arm in arms {
        fold(&mut arm, eval);
        null_equality(&mut arm);
        let mut parts = Vec::new();
        arm.into_conjuncts(&mut parts);
        for part in parts {
            match part.as_literal() {
                Some(Value::Bool(true)) => {}
                Some(_) => return Expr::boolean(false),
                None if kept.contains(&part) => {}
                None => kept.push(part),
            }
        }
    }
    Expr::conjunction(kept).unwrap_or_else(|| Expr::boolean(true))
}

fn take(slot: &mut Expr) -> Expr {
    std::mem::replace(slot, Expr::boolean(false))
}

pub(super) fn become_literal(expr: &mut Expr, value: Value) {
    expr.nullable = value.is_null();
    expr.kind = ExprKind::Literal(value);
}

fn is_null(expr: &Expr) -> bool {
    expr.as_literal() == Some(&Value::Null)
}

/// A computation whose operands are all constants.
pub(super) fn is_computable(expr: &Expr) -> bool {
    let computes = match &expr.kind {
        ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Param(_) | ExprKind::Now => false,
        ExprKind::Call { func, .. } => !is_volatile(*func),
        // Their own rules know which operands matter.
        ExprKind::Case { .. } | ExprKind::Coalesce(_) => false,
        _ => true,
    };
    let mut all = computes;
    expr.each_child(&mut |child| all &= child.as_literal().is_some());
    all
}

/// AND and OR: drops neutral arms and repeated ones, ends at a deciding one, factors arms that all
/// share.
fn fold_junction(expr: &mut Expr, and: bool) {
    let (ExprKind::And(arms) | ExprKind::Or(arms)) = &mut expr.kind else { return };
    let mut kept: Vec<Expr> = Vec::with_capacity(arms.len());
    for arm in std::mem::take(arms) {
        let parts = match arm.kind {
            ExprKind::And(parts) if and => parts,
            ExprKind::Or(parts) if !and => parts,
            _ => vec![arm],
        };
        for part in parts {
            match part.as_literal() {
                Some(Value::Bool(value)) if *value == and => {}
                Some(Value::Bool(_)) => return become_literal(expr, Value::Bool(!and)),
                _ if kept.contains(&part) => {}
                _ => kept.push(part),
            }
        }
    }
    match kept.len() {
        0 => become_literal(expr, Value::Bool(and)),
        1 => *expr = kept.swap_remove(0),
        _ => {
            expr.nullable = kept.iter().any(|e| e.nullable);
            if and {
                expr.kind = ExprKind::And(kept);
            } else {
                *expr = factored(kept, expr.nullable);
            }
        }
    }
}

/// `(a AND b) OR (a AND c)` is `a AND (b OR c)`, in three-valued logic too; joins find their keys
/// that way.
fn factored(arms: Vec<Expr>, nullable: bool) -> Expr {
    let span = arms.iter().filter_map(|a| a.span).reduce(|a, b| a.to(b));
    let or = |arms| Expr { kind: ExprKind::Or(arms), ty: DataType::Bool, nullable, span };
    let parts = |arm: &Expr| match &arm.kind {
        ExprKind::And(parts) => parts.clone(),
        _ => vec![arm.clone()],
    };
    let Some(first) = arms.first().filter(|a| matches!(a.kind, ExprKind::And(_))) else {
        return or(arms);
    };
    let in_all = |part: &Expr| {
        arms[1..].iter().all(|arm| match &arm.kind {
            ExprKind::And(parts) => parts.contains(part),
            _ => arm == part,
        })
    };
    let mut shared: Vec<Expr> = parts(first).into_iter().filter(in_all).collect();
    if shared.is_empty() {
        return or(arms);
    }
    let mut rest = Vec::with_capacity(arms.len());
    for arm in &arms {
        let left = parts(arm).into_iter().filter(|p| !shared.contains(p)).collect();
        match Expr::conjunction(left) {
            Some(left) => rest.push(left),
            // One arm is the shared part alone: it decides.
            None => rest.clear(),
        }
        if rest.is_empty() {
            break;
        }
    }
    if rest.len() == arms.len() {
        shared.push(or(rest));
    }
    Expr::conjunction(shared).unwrap_or_else(|| Expr::boolean(true))
}

/// NOT of NOT, and of a comparison: `NOT a < b` is `a >= b`, NULL for NULL.
fn fold_not(expr: &mut Expr) {
    let ExprKind::Not(inner) = &mut expr.kind else { return };
    match &mut inner.kind {
        ExprKind::Not(innermost) => {
            let innermost = take(innermost);
            *expr = innermost;
        }
        ExprKind::Call { func, .. } => {
            let opposite = match func {
                Func::Eq => Func::NotEq,
                Func::NotEq => Func::Eq,
                Func::Lt => Func::GtEq,
                Func::LtEq => Func::Gt,
                Func::Gt => Func::LtEq,
                Func::GtEq => Func::Lt,
                Func::IsDistinct => Func::IsNotDistinct,
                Func::IsNotDistinct => Func::IsDistinct,
                _ => return,
            };
            *func = opposite;
            let inner = take(inner);
            *expr = inner;
        }
        _ => {}
    }
}

/// CASE: a branch that is never taken goes; one that is always taken ends it.
fn fold_case(expr: &mut Expr) {
    let ExprKind::Case { branches, otherwise } = &mut expr.kind else { return };
    let mut kept = Vec::with_capacity(branches.len());
    for (when, then) in std::mem::take(branches) {
        match when.as_literal() {
            Some(Value::Bool(true)) => {
                *otherwise = Some(Box::new(then));
                break;
            }
            Some(_) => {}
            None => kept.push((when, then)),
        }
    }
    if kept.is_empty() {
        match otherwise.take() {
            Some(result) => *expr = *result,
            None => become_literal(expr, Value::Null),
        }
    } else {
        *branches = kept;
    }
}

/// COALESCE: NULL constants go; what cannot be NULL ends it.
fn fold_coalesce(expr: &mut Expr) {
    let ExprKind::Coalesce(items) = &mut expr.kind else { return };
    items.retain(|item| !is_null(item));
    if let Some(last) = items.iter().position(|item| !item.nullable) {
        items.truncate(last + 1);
    }
    match items.len() {
        0 => become_literal(expr, Value::Null),
        1 => {
            let only = items.swap_remove(0);
            *expr = only;
        }
        _ => {}
    }
}

/// IN: repeated constants go; a list of one is a comparison.
fn fold_in_list(expr: &mut Expr) {
    let ExprKind::InList { input, list } = &mut expr.kind else { return };
    let mut kept: Vec<Expr> = Vec::with_capacity(list.len());
    // A long list is left as it is: comparing all pairs would cost more than the repeats.
    if list.len() <= 64 {
        for item in std::mem::take(list) {
            if !kept.contains(&item) {
                kept.push(item);
            }
        }
        *list = kept;
    }
    if list.len() == 1
        && let Some(only) = list.pop()
    {
        let span = expr.span;
        *expr = Expr { span, ..Expr::predicate(Func::Eq, vec![take(input), only]) };
    }
}

/// `a = b OR (a IS NULL AND b IS NULL)` keeps the rows that `a IS NOT DISTINCT FROM b` keeps.
fn null_equality(condition: &mut Expr) {
    let ExprKind::Or(arms) = &condition.kind else { return };
    let [x, y] = arms.as_slice() else { return };
    let same = [(x, y), (y, x)].into_iter().find_map(|(equal, nulls)| {
        let (Func::Eq, a, b) = equal.as_binary()? else { return None };
        let ExprKind::And(parts) = &nulls.kind else { return None };
        let [p, q] = parts.as_slice() else { return None };
        let (ExprKind::IsNull(p), ExprKind::IsNull(q)) = (&p.kind, &q.kind) else { return None };
        let both = (**p == *a && **q == *b) || (**p == *b && **q == *a);
        both.then(|| vec![a.clone(), b.clone()])
    });
    if let Some(args) = same {
        *condition = Expr::predicate(Func::IsNotDistinct, args);
    }
}

/// Whether a condition cannot be true for a row in which all of `columns` are NULL.
///
/// Sound because it follows NULL through strict functions only: what cannot be proven is taken to
/// be true.
pub fn rejects_null(condition: &Expr, columns: &dyn Fn(usize) -> bool) -> bool {
    match &condition.kind {
        ExprKind::And(arms) => arms.iter().any(|arm| rejects_null(arm, columns)),
        ExprKind::Or(arms) => arms.iter().all(|arm| rejects_null(arm, columns)),
        // NOT IS NULL: false when what is tested is NULL.
        ExprKind::Not(inner) => match &inner.kind {
            ExprKind::IsNull(tested) => becomes_null(tested, columns),
            _ => becomes_null(inner, columns),
        },
        ExprKind::Literal(value) => *value != Value::Bool(true),
        _ => becomes_null(condition, columns),
    }
}

/// Whether an expression is NULL in a row in which all of `columns` are NULL.
fn becomes_null(expr: &Expr, columns: &dyn Fn(usize) -> bool) -> bool {
    match &expr.kind {
        ExprKind::Column(column) => columns(*column),
        ExprKind::Literal(value) => value.is_null(),
        ExprKind::Call { func, args } => {
            is_strict(*func) && args.iter().any(|arg| becomes_null(arg, columns))
        }
        ExprKind::Cast { input, .. } | ExprKind::Not(input) => becomes_null(input, columns),
        ExprKind::InList { input, .. } => becomes_null(input, columns),
        ExprKind::Coalesce(items) => items.iter().all(|item| becomes_null(item, columns)),
        // NULL AND FALSE is FALSE: not NULL, but not true either; see `rejects_null`.
        _ => false,
    }
}
