//! Columns and aggregates that nobody uses go, down to the columns that scans read.
//!
//! Sound with retractions, because a row's other columns keep its weight: dropping a column never
//! merges the weights of rows before an operator that counts them, except where rows are compared
//! whole (DISTINCT, set operations), and there all columns are used.
//! Invariant: the plan's own columns stay as they are; each node says where its remaining columns
//! went.

use arena_tr_types::{Field, Schema};

use crate::logical::{Expr, JoinKind, Node, Plan, SortKey, TimeWindow};

/// Where each old column is now.
type Places = Vec<Option<usize>>;

/// Drops unused columns of a plan whose output is used whole.
#[must_use]
pub fn prune_columns(plan: Plan) -> Plan {
    let (schema, span, width) = (plan.schema.clone(), plan.span, plan.width());
    let (pruned, places) = prune(plan, &vec![true; width]);
    arranged(pruned, &places, &vec![true; width], schema, span)
}

/// The plan with exactly the needed columns in their old order, by a projection if it has others.
fn arranged(
    plan: Plan,
    places: &Places,
    need: &[bool],
    schema: Schema,
    span: Option<arena_tr_parser::Span>,
) -> Plan {
    let wanted: Vec<usize> =
        places.iter().zip(need).filter(|(_, n)| **n).filter_map(|(p, _)| *p).collect();
    let fields: Vec<Field> =
        schema.fields.iter().zip(need).filter(|(_, n)| **n).map(|(f, _)| f.clone()).collect();
    if wanted.len() == plan.width() && wanted.iter().enumerate().all(|(i, c)| i == *c) {
        // Names may have changed by the way; the nodes above print these.
        return Plan { schema: Schema::new(fields), ..plan };
    }
    let exprs = wanted.into_iter().map(|c| plan.column(c)).collect();
    Plan { node: Node::Project { input: Box::new(plan), exprs }, schema: Schema::new(fields), span }
}

fn mark(expr: &Expr, need: &mut [bool]) {
    expr.each_column(&mut |c| need[c] = true);
}

fn remap(expr: &mut Expr, places: &Places) {
    expr.map_columns(&|c| places[c].unwrap_or(c));
}

fn remap_columns(columns: &mut [usize], places: &Places) {
    columns.iter_mut().for_each(|c| *c = places[*c].unwrap_or(*c));
}

fn remap_keys(keys: &mut [SortKey], places: &Places) {
    keys.iter_mut().for_each(|k| k.column = places[k.column].unwrap_or(k.column));
}

/// The needed columns of `fields`, and where they are then.
fn select(fields: &[Field], need: &[bool]) -> (Schema, Places) {
    let mut kept = Vec::new();
    let mut places = Vec::with_capacity(need.len());
    for (field, needed) in fields.iter().zip(need) {
        places.push(needed.then_some(kept.len()));
        if *needed {
            kept.push(field.clone());
        }
    }
    (Schema::new(kept), places)
}

fn keep_needed<T>(items: &mut Vec<T>, need: &[bool]) {
    let mut flags = need.iter();
    items.retain(|_| flags.next() == Some(&true));
}

/// Prunes a plan of which the columns in `need` are used. It may keep more.
fn prune(mut plan: Plan, need: &[bool]) -> (Plan, Places) {
    match &mut plan.node {
        Node::Scan { columns, .. } => {
            keep_needed(columns, need);
            let (schema, places) = select(&plan.schema.fields, need);
            plan.schema = schema;
            (plan, places)
        }
        Node::Values { rows } => {
            rows.iter_mut().for_each(|row| keep_needed(row, need));
            let (schema, places) = select(&plan.schema.fields, need);
            plan.schema = schema;
            (plan, places)
        }
        Node::Filter { input, predicate } => {
            let mut below = need.to_vec();
            mark(predicate, &mut below);
            let places = prune_child(input, &below);
            remap(predicate, &places);
            plan.schema = input.schema.clone();
            (plan, places)
        }
        Node::Project { input, exprs } => {
            keep_needed(exprs, need);
            let mut below = vec![false; input.width()];
            exprs.iter().for_each(|e| mark(e, &mut below));
            let inner = prune_child(input, &below);
            exprs.iter_mut().for_each(|e| remap(e, &inner));
            let (schema, places) = select(&plan.schema.fields, need);
            plan.schema = schema;
            (plan, places)
        }
        Node::Join { .. } => prune_join(plan, need),
        Node::Aggregate { .. } => prune_aggregate(plan, need),
        Node::Union { inputs } => {
            let schema = plan.schema.clone();
            for input in inputs.iter_mut() {
                let owned = std::mem::replace(input, Plan::placeholder());
                let (names, span) = (owned.schema.clone(), owned.span);
                let (pruned, places) = prune(owned, need);
                *input = arranged(pruned, &places, need, names, span);
            }
            let (schema, places) = select(&schema.fields, need);
            plan.schema = schema;
            (plan, places)
        }
        // Rows are compared whole, or counted.
        Node::Distinct { .. } | Node::SetOp { .. } => {
            for child in plan.children_mut() {
                let owned = std::mem::replace(child, Plan::placeholder());
                *child = prune_columns(owned);
            }
            let places = (0..plan.width()).map(Some).collect();
            (plan, places)
        }
        _ => prune_windowed(plan, need),
    }
}

/// Prunes an input in place.
fn prune_child(child: &mut Box<Plan>, need: &[bool]) -> Places {
    let owned = std::mem::replace(&mut **child, Plan::placeholder());
    let (pruned, places) = prune(owned, need);
    **child = pruned;
    places
}

fn prune_join(mut plan: Plan, need: &[bool]) -> (Plan, Places) {
    let Node::Join { left, right, kind, on } = &mut plan.node else { return unpruned(plan) };
    let n_left = left.width();
    let mut below = need.to_vec();
    below.resize(n_left + right.width(), false);
    on.iter().for_each(|e| mark(e, &mut below));
    let left_places = prune_child(left, &below[..n_left]);
    let right_places = prune_child(right, &below[n_left..]);
    let width = left.width();
    let shifted = right_places.iter().map(|p| p.map(|p| p + width));
    let places: Places = left_places.iter().copied().chain(shifted).collect();
    on.iter_mut().for_each(|e| remap(e, &places));
    let pairs = matches!(kind, JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full);
    let fields: Vec<Field> = if pairs {
        let kept = |p: &Places, shift: usize| -> Vec<(usize, usize)> {
            p.iter().enumerate().filter_map(|(old, p)| Some((*p.as_ref()?, old + shift))).collect()
        };
        let mut olds = kept(&left_places, 0);
        olds.sort_unstable();
        let mut rights = kept(&right_places, n_left);
        rights.sort_unstable();
        olds.extend(rights);
        olds.into_iter().map(|(_, old)| plan.schema.fields[old].clone()).collect()
    } else {
        left.schema.fields.to_vec()
    };
    plan.schema = Schema::new(fields);
    let places = if pairs { places } else { left_places };
    (plan, places)
}

fn prune_aggregate(mut plan: Plan, need: &[bool]) -> (Plan, Places) {
    let Node::Aggregate { input, group, aggs } = &mut plan.node else { return unpruned(plan) };
    let n_group = group.len();
    // Keys make the groups even if nobody looks at them.
    let mut need = need.to_vec();
    need[..n_group].fill(true);
    keep_needed(aggs, &need[n_group..]);
    let mut below = vec![false; input.width()];
    group.iter().for_each(|e| mark(e, &mut below));
    aggs.iter().for_each(|a| a.each_expr(&mut |e| mark(e, &mut below)));
    let inner = prune_child(input, &below);
    group.iter_mut().for_each(|e| remap(e, &inner));
    aggs.iter_mut().for_each(|a| a.each_expr_mut(&mut |e| remap(e, &inner)));
    let (schema, places) = select(&plan.schema.fields, &need);
    plan.schema = schema;
    (plan, places)
}

fn unpruned(plan: Plan) -> (Plan, Places) {
    let places = (0..plan.width()).map(Some).collect();
    (plan, places)
}

/// Nodes that append columns to their input's.
fn prune_windowed(mut plan: Plan, need: &[bool]) -> (Plan, Places) {
    let fields = plan.schema.fields.clone();
    let Some(width) = plan.children().first().map(|c| c.width()) else { return unpruned(plan) };
    let mut below = need[..width].to_vec();
    // Which of the appended columns stay.
    let mut appended = vec![true; fields.len() - width];
    match &mut plan.node {
        Node::TimeWindow { time, window, .. } => {
            below[*time] = true;
            if let TimeWindow::Session { partition, .. } = window {
                partition.iter().for_each(|c| below[*c] = true);
            }
        }
        Node::TopN { partition, order, number, .. } => {
            partition.iter().for_each(|c| below[*c] = true);
            order.iter().for_each(|k| below[k.column] = true);
            *number = *number && need.last() == Some(&true);
            appended.fill(*number);
        }
        Node::Over { partition, order, calls, .. } => {
            appended.copy_from_slice(&need[width..]);
            keep_needed(calls, &appended);
            partition.iter().for_each(|c| below[*c] = true);
            order.iter().for_each(|k| below[k.column] = true);
            calls.iter().for_each(|call| call.each_expr(&mut |e| mark(e, &mut below)));
        }
        Node::Unnest { call, .. } => mark(call, &mut below),
        Node::Sort { keys, .. } => keys.iter().for_each(|k| below[k.column] = true),
        _ => {}
    }
    let Some(child) = plan.children_mut().pop() else { return unpruned(plan) };
    let owned = std::mem::replace(child, Plan::placeholder());
    let (pruned, mut places) = prune(owned, &below);
    *child = pruned;
    let mut kept = child.schema.fields.to_vec();
    match &mut plan.node {
        Node::TimeWindow { time, window, .. } => {
            *time = places[*time].unwrap_or(*time);
            if let TimeWindow::Session { partition, .. } = window {
                remap_columns(partition, &places);
            }
        }
        Node::TopN { partition, order, .. } => {
            remap_columns(partition, &places);
            remap_keys(order, &places);
        }
        Node::Over { partition, order, calls, .. } => {
            remap_columns(partition, &places);
            remap_keys(order, &places);
            calls.iter_mut().for_each(|c| c.each_expr_mut(&mut |e| remap(e, &places)));
        }
        Node::Unnest { call, .. } => remap(call, &places),
        Node::Sort { keys, .. } => remap_keys(keys, &places),
        _ => {}
    }
    for (i, keep) in appended.iter().enumerate() {
        places.push(keep.then_some(kept.len()));
        if *keep {
            kept.push(fields[width + i].clone());
        }
    }
    plan.schema = Schema::new(kept);
    // A window node that computes nothing any more only passes rows on.
    match plan.node {
        Node::Over { input, calls, .. } if calls.is_empty() => (*input, places),
        _ => (plan, places),
    }
}
