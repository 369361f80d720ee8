//! Folds the expressions of each node and drops nodes that do nothing.
//!
//! Trivial filters, inputs that are empty for ever, duplicates removed twice or where they do not
//! count, unions of unions, projections over projections. Constant rows never change, so what is
//! empty now stays empty.
//! Invariant: a dropped node would have passed every delta on as it is.

use arena_tr_types::{AggFunc, Schema, Value};

use super::fold::{ConstEval, fold, fold_condition};
use crate::logical::{Expr, JoinKind, Node, Plan, SetOp};

/// Most constant rows that are computed at planning time.
const FOLDED_ROWS: usize = 64;
/// Largest expression, in nodes, that is repeated when projections are merged.
const MERGED_SIZE: usize = 16;

/// Simplifies a plan bottom-up.
#[must_use]
pub fn simplify(plan: Plan, eval: &dyn ConstEval) -> Plan {
    plan.rewrite_up(&mut |plan| node(plan, eval))
}

fn node(mut plan: Plan, eval: &dyn ConstEval) -> Plan {
    if matches!(plan.node, Node::Filter { .. } | Node::Join { .. }) {
        return match plan.node {
            Node::Filter { .. } => filter(plan, eval),
            _ => join(plan, eval),
        };
    }
    plan.each_expr_mut(&mut |e| fold(e, eval));
    match &mut plan.node {
        Node::Project { .. } => project(plan, eval),
        Node::Aggregate { .. } => aggregate(plan, eval),
        Node::Union { .. } => union(plan),
        Node::Distinct { input } => {
            if is_empty(input) || is_distinct(input) {
                unwrap_input(plan)
            } else {
                undoubled(plan)
            }
        }
        Node::SetOp { left, right, op, all } => {
            if !*all {
                drop_distinct(left);
                drop_distinct(right);
            }
            if is_empty(left) || (is_empty(right) && *op == SetOp::Intersect) {
                return empty(plan);
            }
            plan
        }
        Node::TopN { input, limit, .. } | Node::Limit { input, limit, .. } => {
            if is_empty(input) || *limit == Some(0) { empty(plan) } else { plan }
        }
        Node::TimeWindow { input, .. }
        | Node::Over { input, .. }
        | Node::Unnest { input, .. }
        | Node::Sort { input, .. } => {
            if is_empty(input) {
                empty(plan)
            } else {
                plan
            }
        }
        _ => plan,
    }
}

/// No row, now or ever.
fn is_empty(plan: &Plan) -> bool {
    matches!(&plan.node, Node::Values { rows } if rows.is_empty())
}

fn empty(plan: Plan) -> Plan {
    Plan { node: Node::Values { rows: Vec::new() }, ..plan }
}

/// A node's only input in its place, under the node's column names.
fn unwrap_input(mut plan: Plan) -> Plan {
    let schema = plan.schema.clone();
    match plan.children_mut().pop() {
        Some(child) => {
            let owned = std::mem::replace(child, Plan::placeholder());
            if owned.schema == schema { owned } else { renamed(owned, schema) }
        }
        None => plan,
    }
}

/// The same columns under other names.
fn renamed(plan: Plan, schema: Schema) -> Plan {
    let (exprs, span) = (plan.columns(), plan.span);
    Plan { node: Node::Project { input: Box::new(plan), exprs }, schema, span }
}

fn filter(plan: Plan, eval: &dyn ConstEval) -> Plan {
    let (schema, span) = (plan.schema, plan.span);
    let Node::Filter { input, predicate } = plan.node else {
        return Plan { node: plan.node, schema, span };
    };
    let predicate = fold_condition(predicate, eval);
    match predicate.as_literal() {
        Some(Value::Bool(true)) => return *input,
        Some(_) => return Plan { node: Node::Values { rows: Vec::new() }, schema, span },
        None => {}
    }
    if is_empty(&input) {
        return *input;
    }
    if let Node::Values { rows } = &input.node
        && let Some(kept) = constant_filter(rows, &predicate, eval)
    {
        return Plan { node: Node::Values { rows: kept }, schema, span };
    }
    Plan { node: Node::Filter { input, predicate }, schema, span }
}

/// Constant rows for which a predicate is true, if that can be told for each.
fn constant_filter(
    rows: &[Vec<Expr>],
    predicate: &Expr,
    eval: &dyn ConstEval,
) -> Option<Vec<Vec<Expr>>> {
    if rows.len() > FOLDED_ROWS {
        return None;
    }
    let mut kept = Vec::new();
    for row in rows {
        match fold_condition(predicate.clone().substituted(row), eval).as_literal() {
            Some(Value::Bool(true)) => kept.push(row.clone()),
            Some(_) => {}
            None => return None,
        }
    }
    Some(kept)
}

fn project(plan: Plan, eval: &dyn ConstEval) -> Plan {
    let (schema, span) = (plan.schema, plan.span);
    let Node::Project { mut input, mut exprs } = plan.node else {
        return Plan { node: plan.node, schema, span };
    };
    if let Node::Values { rows } = &input.node
        && rows.len() <= FOLDED_ROWS
    {
        let row = |row: &Vec<Expr>| -> Vec<Expr> {
            let value = |e: &Expr| {
                let mut value = e.clone().substituted(row);
                fold(&mut value, eval);
                value
            };
            exprs.iter().map(value).collect()
        };
        let rows: Vec<Vec<Expr>> = rows.iter().map(row).collect();
        if rows.iter().flatten().all(|e| e.as_literal().is_some()) {
            return Plan { node: Node::Values { rows }, schema, span };
        }
    }
    if let Node::Project { exprs: inner, .. } = &input.node
        && mergeable(&exprs, inner)
    {
        exprs.iter_mut().for_each(|e| e.substitute(inner));
        exprs.iter_mut().for_each(|e| fold(e, eval));
        input = match input.node {
            Node::Project { input, .. } => input,
            node => Box::new(Plan { node, schema: input.schema, span: input.span }),
        };
    }
    let same = exprs.len() == input.width()
        && exprs.iter().enumerate().all(|(i, e)| e.as_column() == Some(i))
        && input.schema == schema;
    if same { *input } else { Plan { node: Node::Project { input, exprs }, schema, span } }
}

/// Whether merging repeats nothing that is costly.
fn mergeable(outer: &[Expr], inner: &[Expr]) -> bool {
    let mut uses = vec![0; inner.len()];
    outer.iter().for_each(|e| e.each_column(&mut |c| uses[c] += 1));
    inner.iter().zip(uses).all(|(e, n)| n <= 1 || e.size() <= MERGED_SIZE)
}

fn join(plan: Plan, eval: &dyn ConstEval) -> Plan {
    let (schema, span) = (plan.schema, plan.span);
    let Node::Join { left, mut right, kind, on } = plan.node else {
        return Plan { node: plan.node, schema, span };
    };
    let mut never = false;
    let on = match (on, kind) {
        (None, _) => None,
        // An unknown condition counts for NOT IN, so only its parts are folded.
        (Some(mut on), JoinKind::NullAwareAnti) => {
            fold(&mut on, eval);
            Some(on)
        }
        (Some(on), _) => {
            let on = fold_condition(on, eval);
            never = on.as_literal() == Some(&Value::Bool(false));
            (on.as_literal() != Some(&Value::Bool(true))).then_some(on)
        }
    };
    if matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti) {
        // Only whether there is a partner counts, not how many.
        drop_distinct(&mut right);
    }
    let no_right = never || is_empty(&right);
    let result = match kind {
        JoinKind::Inner | JoinKind::Semi if no_right || is_empty(&left) => Err(()),
        JoinKind::Left | JoinKind::Anti | JoinKind::NullAwareAnti if is_empty(&left) => Err(()),
        JoinKind::Right if is_empty(&right) => Err(()),
        JoinKind::Anti | JoinKind::NullAwareAnti if no_right => Ok(Some(left.columns())),
        JoinKind::Left if no_right => Ok(Some(padded(left.columns(), &schema))),
        _ => Ok(None),
    };
    match result {
        Err(()) => Plan { node: Node::Values { rows: Vec::new() }, schema, span },
        Ok(Some(exprs)) => Plan { node: Node::Project { input: left, exprs }, schema, span },
        Ok(None) => Plan { node: Node::Join { left, right, kind, on }, schema, span },
    }
}

/// The left columns, then NULL for every column of the right.
fn padded(mut left: Vec<Expr>, schema: &Schema) -> Vec<Expr> {
    for field in &schema.fields[left.len()..] {
        left.push(Expr::literal(Value::Null, field.data_type.clone()));
    }
    left
}

fn aggregate(mut plan: Plan, eval: &dyn ConstEval) -> Plan {
    let Node::Aggregate { input, group, aggs } = &mut plan.node else { return plan };
    if is_empty(input) && !group.is_empty() {
        return empty(plan);
    }
    let value_only = |func: AggFunc| {
        matches!(func, AggFunc::Min | AggFunc::Max | AggFunc::BoolAnd | AggFunc::BoolOr)
    };
    for call in aggs.iter_mut() {
        // Repeated values and their order do not matter to these.
        if value_only(call.func) {
            call.distinct = false;
            call.order.clear();
        }
        if let Some(filter) = call.filter.take() {
            let filter = fold_condition(filter, eval);
            call.filter = (filter.as_literal() != Some(&Value::Bool(true))).then_some(filter);
        }
        let counts = call.func == AggFunc::Count && !call.distinct;
        let plain = |e: &Expr| e.as_literal().is_some() || e.as_column().is_some();
        if counts && call.args.iter().all(|e| !e.nullable && plain(e)) {
            call.func = AggFunc::CountStar;
            call.args.clear();
        }
    }
    if aggs.iter().all(|call| value_only(call.func)) {
        drop_distinct(input);
    }
    plan
}

/// Unions in a union are arms of it; arms that are empty for ever go.
fn union(plan: Plan) -> Plan {
    let (schema, span) = (plan.schema, plan.span);
    let Node::Union { inputs } = plan.node else { return Plan { node: plan.node, schema, span } };
    let mut arms = Vec::with_capacity(inputs.len());
    for input in inputs {
        match input.node {
            Node::Union { inputs } => arms.extend(inputs),
            node => arms.push(Plan { node, ..input }),
        }
    }
    arms.retain(|arm| !is_empty(arm));
    match arms.len() {
        0 => Plan { node: Node::Values { rows: Vec::new() }, schema, span },
        1 => {
            let only = arms.swap_remove(0);
            if only.schema == schema { only } else { renamed(only, schema) }
        }
        _ => Plan { node: Node::Union { inputs: arms }, schema, span },
    }
}

/// Whether no row can occur twice, by the form of the plan.
fn is_distinct(plan: &Plan) -> bool {
    match &plan.node {
        Node::Distinct { .. } | Node::Aggregate { .. } => true,
        Node::SetOp { all, .. } => !all,
        Node::Filter { input, .. } | Node::Sort { input, .. } | Node::Limit { input, .. } => {
            is_distinct(input)
        }
        Node::Values { rows } => rows.len() <= 1,
        _ => false,
    }
}

/// Distinct over a union: its arms need not be distinct themselves.
fn undoubled(mut plan: Plan) -> Plan {
    if let Node::Distinct { input } = &mut plan.node
        && let Node::Union { inputs } = &mut input.node
    {
        inputs.iter_mut().for_each(drop_distinct);
    }
    plan
}

/// Removes Distinct at the top of a plan (or under its projections) whose repeats do not count.
fn drop_distinct(plan: &mut Plan) {
    match &mut plan.node {
        Node::Distinct { input } => {
            let inner = std::mem::replace(&mut **input, Plan::placeholder());
            let schema = plan.schema.clone();
            *plan = if inner.schema == schema { inner } else { renamed(inner, schema) };
            drop_distinct(plan);
        }
        Node::Project { input, .. } | Node::Filter { input, .. } => drop_distinct(input),
        Node::Union { inputs } => inputs.iter_mut().for_each(drop_distinct),
        _ => {}
    }
}
