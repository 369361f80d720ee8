//! Scalar subqueries that may have several rows: an error for the outer row that asks, and only for
//! it.
//!
//! Whether there are several is a column beside the value, and the error is raised where the value
//! is used: an outer side without rows, a key that nobody asks for or a branch of CASE that is not
//! taken raise nothing, as in PostgreSQL.
//! Invariant: a value of several rows is used only behind [`Func::SeveralRows`].

use arena_tr_types::{AggFunc, Func, Value};

use crate::logical::{AggCall, Expr, ExprKind, Plan};

use super::build;
use super::coerce::null_of;
use super::slot::{self, Slot};
use super::subquery::count_star;

/// One row per key: the value, the keys, and whether there were several rows. The input's first
/// column is the value, the others are keys; without keys there is exactly one row.
pub(super) fn grouped(input: Plan) -> Plan {
    let n_keys = input.width() - 1;
    let keys = (1..=n_keys).map(|c| input.column(c)).collect();
    let aggs = vec![single_value(input.column(0)), count_star()];
    let grouped = build::aggregate(input, keys, aggs);
    let one = Expr::literal(Value::Int8(1), arena_tr_types::DataType::Int8);
    let several = Expr::predicate(Func::Gt, vec![grouped.column(n_keys + 1), one]);
    let mut exprs = vec![grouped.column(n_keys)];
    exprs.extend((0..n_keys).map(|c| grouped.column(c)));
    exprs.push(several);
    let mut names = vec!["value".into()];
    names.extend(grouped.schema.fields[..n_keys].iter().map(|f| f.name.clone()));
    names.push("several".into());
    build::project(grouped, exprs, &names)
}

/// The value in this column, if the other one does not say that there were several rows.
pub(super) fn value(plan: &Plan, column: usize, several: Option<usize>) -> Expr {
    let value = plan.column(column);
    let Some(several) = several.map(|c| plan.column(c)) else { return value };
    let asks = Expr::predicate(Func::SeveralRows, vec![several]);
    let (ty, span) = (value.ty.clone(), value.span);
    let branches = vec![(asks, null_of(ty.clone()))];
    let kind = ExprKind::Case { branches, otherwise: Some(Box::new(value)) };
    Expr { kind, ty, nullable: true, span }
}

/// Puts the values of subqueries in the place of their slots; `column` moves plain columns.
pub(super) fn put_values(expr: &mut Expr, values: &[Expr], column: &dyn Fn(usize) -> usize) {
    if let ExprKind::Column(n) = expr.kind {
        match (slot::level(n), Slot::of(n)) {
            (0, Slot::Sub(i)) => *expr = Expr { span: expr.span, ..values[i].clone() },
            (0, Slot::Column(c)) => expr.kind = ExprKind::Column(column(c)),
            _ => {}
        }
        return;
    }
    expr.each_child_mut(&mut |child| put_values(child, values, column));
}

/// The value of the only row; NULL if there are several.
fn single_value(value: Expr) -> AggCall {
    let (ty, span) = (value.ty.clone(), value.span);
    AggCall {
        func: AggFunc::SingleValue,
        args: vec![value],
        distinct: false,
        filter: None,
        order: Vec::new(),
        ty,
        nullable: true,
        span,
    }
}
