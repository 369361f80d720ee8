//! Grouping beyond plain keys: columns that a grouped primary key decides, GROUPING, several sets.
//!
//! Invariant: every set of GROUPING SETS gives the columns of all, NULL where a key is absent.

use arena_tr_types::{DataType, Field, SqlState, Value};

use crate::error::PlanError;
use crate::logical::{AggCall, Expr, ExprKind, Plan};

use super::build;
use super::coerce::null_of;
use super::slot::{self, Slot};
use super::{Level, walk};

/// GROUP BY with its expressions bound.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// All expressions, each once.
    pub(super) exprs: Vec<Expr>,
    /// GROUPING SETS: which of them each set has.
    pub(super) sets: Option<Vec<Vec<usize>>>,
}

/// Columns that a table's grouped primary key decides are grouped as well, where they are used.
pub(super) fn add_dependent_columns(groups: &mut Groups, used: &[&Expr], level: &Level) {
    if groups.sets.is_some() || groups.exprs.is_empty() {
        return;
    }
    let grouped = |groups: &Groups, position: usize| {
        groups.exprs.iter().any(|e| e.kind == ExprKind::Column(position))
    };
    let mut bare = Vec::new();
    for expr in used {
        ungrouped_columns(expr, &groups.exprs, &mut bare);
    }
    for sub in &level.subs {
        walk::plan_exprs(sub, &mut |e| {
            e.each_column(&mut |n| {
                if slot::level(n) == 1 {
                    bare.push(slot::local(n));
                }
            });
        });
    }
    for window in &level.windows {
        window.call.each_expr(&mut |e| ungrouped_columns(e, &groups.exprs, &mut bare));
        let keys = window.partition.iter().chain(window.order.iter().map(|k| &k.expr));
        keys.for_each(|e| ungrouped_columns(e, &groups.exprs, &mut bare));
    }
    for position in bare {
        let Slot::Column(position) = Slot::of(position) else { continue };
        let Some(column) = level.scope.columns.iter().find(|c| c.position == position) else {
            continue;
        };
        let Some(table) = column.table.map(|t| &level.scope.tables[t]) else { continue };
        let Some(key) = &table.primary_key else { continue };
        if key.iter().all(|k| grouped(groups, *k)) && !grouped(groups, position) {
            groups.exprs.push(Expr::column(position, column.ty.clone(), column.nullable));
        }
    }
}

/// Columns of the query at hand that occur outside the grouped expressions.
fn ungrouped_columns(expr: &Expr, groups: &[Expr], out: &mut Vec<usize>) {
    if groups.contains(expr) {
        return;
    }
    if let ExprKind::Column(n) = expr.kind {
        if slot::level(n) == 0 {
            out.push(n);
        }
        return;
    }
    expr.each_child(&mut |e| ungrouped_columns(e, groups, out));
}

/// For each GROUPING call, the group that each of its arguments is.
pub(super) fn grouping_masks(
    calls: &[Vec<Expr>],
    groups: &[Expr],
) -> Result<Vec<Vec<usize>>, PlanError> {
    let position = |arg: &Expr| {
        groups.iter().position(|g| g == arg).ok_or_else(|| {
            let message =
                "arguments to GROUPING must be grouping expressions of the associated query level";
            PlanError::of(SqlState::GROUPING_ERROR, message).at(arg.span)
        })
    };
    calls.iter().map(|args| args.iter().map(position).collect()).collect()
}

pub(super) fn mask_value(mask: i32) -> Expr {
    Expr::literal(Value::Int4(mask), DataType::Int4)
}

/// One grouping per set over the same input; absent keys are NULL.
pub(super) fn union_of_sets(
    input: Plan,
    keys: &[Expr],
    aggs: &[AggCall],
    groupings: &[Vec<usize>],
    sets: &[Vec<usize>],
) -> Plan {
    let mut inputs = Vec::with_capacity(sets.len());
    for set in sets {
        let own = set.iter().map(|k| keys[*k].clone()).collect();
        let grouped = build::aggregate(input.clone(), own, aggs.to_vec());
        let mut exprs = Vec::with_capacity(keys.len() + aggs.len() + groupings.len());
        for (k, key) in keys.iter().enumerate() {
            exprs.push(match set.iter().position(|s| *s == k) {
                Some(position) => grouped.column(position),
                None => null_of(key.ty.clone()),
            });
        }
        exprs.extend((set.len()..grouped.width()).map(|c| grouped.column(c)));
        for args in groupings {
            let bits = args.iter().fold(0, |bits, k| bits << 1 | i32::from(!set.contains(k)));
            exprs.push(mask_value(bits));
        }
        let names: Vec<String> = (0..exprs.len()).map(|i| format!("set{i}")).collect();
        inputs.push(build::project(grouped, exprs, &names));
    }
    let plan = build::union(inputs);
    let fields = plan.schema.fields.iter().enumerate().map(|(i, f)| {
        let name = match keys.get(i).map(|k| &k.kind) {
            Some(ExprKind::Column(c)) => input.schema.fields[*c].name.clone(),
            _ => f.name.clone(),
        };
        Field { name, ..f.clone() }
    });
    let schema = arena_tr_types::Schema::new(fields.collect::<Vec<_>>());
    Plan { schema, ..plan }
}
