//! EXPLAIN (PHYSICAL): the operators as a tree, each with its keys, its promise, its bounds and its
//! state.
//!
//! A node that several others read is printed once, with its number; later readers show the number
//! only.
//! Invariant: every choice that lowering made is visible in the text.

use std::fmt::Write;

use arena_tr_types::Schema;

use super::{Agg, Forget, Join, Node, NodeId, Op, PaneColumn, PhysicalPlan, TimeBound, TimeWindow};
use crate::logical::display::{
    Names, agg_func, as_of, duration, join_kind, limit_text, named_exprs, rank_func, set_op,
    window_text,
};

/// The text of EXPLAIN (PHYSICAL).
pub fn explain(plan: &PhysicalPlan) -> String {
    let mut readers = vec![0; plan.nodes.len()];
    for node in &plan.nodes {
        node.inputs.iter().for_each(|id| readers[id.0 as usize] += 1);
    }
    let mut printer =
        Printer { plan, readers, printed: vec![false; plan.nodes.len()], out: String::new() };
    printer.presentation();
    printer.tree(plan.root, 0);
    printer.out
}

/// An operator in one line, without its promises.
pub fn operator(plan: &PhysicalPlan, id: NodeId) -> String {
    let node = &plan.nodes[id.0 as usize];
    let inputs: Vec<&Node> = node.inputs.iter().map(|i| &plan.nodes[i.0 as usize]).collect();
    describe(plan, node, &inputs)
}

struct Printer<'a> {
    plan: &'a PhysicalPlan,
    readers: Vec<usize>,
    printed: Vec<bool>,
    out: String,
}

impl Printer<'_> {
    fn presentation(&mut self) {
        let shown = &self.plan.presentation;
        let root = &self.plan.nodes[self.plan.root.0 as usize];
        if !shown.order.is_empty() {
            let _ = writeln!(self.out, "Order {}", Names::of(&[&root.schema]).keys(&shown.order));
        }
        if shown.limit.is_some() || shown.offset > 0 {
            let _ = writeln!(self.out, "Limit {}", limit_text(shown.limit, shown.offset));
        }
        if let Some(width) = shown.width {
            let _ = writeln!(self.out, "Show the first {width} columns");
        }
    }

    fn tree(&mut self, id: NodeId, depth: usize) {
        let at = id.0 as usize;
        let _ = write!(self.out, "{:1$}", "", depth * 2);
        let shared = self.readers[at] > 1;
        if shared {
            let _ = write!(self.out, "#{at} ");
        }
        if shared && std::mem::replace(&mut self.printed[at], true) {
            self.out.push_str("(as above)\n");
            return;
        }
        let node = &self.plan.nodes[at];
        self.out.push_str(&operator(self.plan, id));
        self.out.push_str(if node.append_only { " | append-only" } else { " | retracts" });
        self.out.push_str(&bounds(&node.frontier.bounded, &node.schema));
        if let Some(state) = state(self.plan, node) {
            let _ = write!(self.out, " | state: {state}");
        }
        self.out.push('\n');
        for input in &node.inputs {
            self.tree(*input, depth + 1);
        }
    }
}

/// ` | final ts < w, window_end <= w`: which rows never change once the watermark is `w`.
fn bounds(bounded: &[TimeBound], schema: &Schema) -> String {
    if bounded.is_empty() {
        return String::new();
    }
    let names = Names::of(&[schema]);
    let text = |b: &TimeBound| past(names.column(b.column), b.lag);
    format!(" | final {}", bounded.iter().map(text).collect::<Vec<_>>().join(", "))
}

/// `value < w - lag`, as `<=` where that is the rounder number.
pub(crate) fn past(column: String, lag: i64) -> String {
    let (sign, lag) = match lag.checked_add(1) {
        Some(more) if lag != 0 && more % 1_000 == 0 => ("<=", more),
        _ => ("<", lag),
    };
    match lag {
        0 => format!("{column} {sign} w"),
        lag if lag < 0 => format!("{column} {sign} w + {}", duration(lag.saturating_neg())),
        lag => format!("{column} {sign} w - {}", duration(lag)),
    }
}

fn describe(plan: &PhysicalPlan, node: &Node, inputs: &[&Node]) -> String {
    let names = Names::of(&inputs.iter().map(|n| &n.schema).collect::<Vec<_>>());
    match &node.op {
        Op::Input { index } => {
            let input = &plan.inputs[*index];
            let columns: Vec<&str> = node.schema.fields.iter().map(|f| &*f.name).collect();
            let moment = as_of(input.moment.as_ref());
            format!("Input {}{moment} [{}]", input.name, columns.join(", "))
        }
        Op::Values { rows } => format!("Values {} rows", rows.len()),
        Op::Filter { predicate } => format!("Filter {}", names.expr(predicate)),
        Op::Project { exprs } => format!("Project {}", named_exprs(&names, exprs, &node.schema)),
        Op::WindowAssign { time, window } => {
            format!("WindowAssign {}", window_text(&names, *time, window))
        }
        Op::SessionAssign { time, gap, partition, .. } => {
            let window = TimeWindow::Session { gap: *gap, partition: partition.clone() };
            format!("SessionAssign {}", window_text(&names, *time, &window))
        }
        Op::Aggregate(a) => {
            format!("Aggregate by [{}]{}", names.columns(&a.keys), aggs(&names, &a.aggs))
        }
        Op::PaneAggregate(a) => {
            let window = window_text(&names, a.time, &a.window);
            let when = if a.on_close { " on close" } else { "" };
            let columns = pane_columns(&a.output, &a.keys, &a.aggs, &names);
            format!("PaneAggregate{when} {window} [{columns}]")
        }
        Op::SessionAggregate(a) => {
            let window = TimeWindow::Session { gap: a.gap, partition: a.keys.clone() };
            let window = window_text(&names, a.time, &window);
            let when = if a.on_close { " on close" } else { "" };
            let columns = pane_columns(&a.output, &a.keys, &a.aggs, &names);
            format!("SessionAggregate{when} {window} [{columns}]")
        }
        Op::Join(join) => describe_join(join, inputs, &names),
        Op::Distinct { .. } => "Distinct".into(),
        Op::Union => "Union".into(),
        Op::SetOp { op, all } => format!("{}{}", set_op(*op), if *all { " all" } else { "" }),
        Op::TopN(top) => {
            let limit = (top.limit != u64::MAX).then_some(top.limit);
            let number = if top.number { ", numbered" } else { "" };
            format!(
                "TopN {} {} by [{}] order {}{number}",
                rank_func(top.function),
                limit_text(limit, top.offset),
                names.columns(&top.partition),
                names.keys(&top.order),
            )
        }
        Op::Over { partition, order, calls, .. } => {
            let calls: Vec<String> = calls.iter().map(|c| names.window_call(c)).collect();
            let by = names.columns(partition);
            format!("Over by [{by}] order {} {}", names.keys(order), calls.join(", "))
        }
        Op::Unnest { call, with_ordinality, outer } => {
            let ordinality = if *with_ordinality { " with ordinality" } else { "" };
            let outer = if *outer { " outer" } else { "" };
            format!("Unnest {}{ordinality}{outer}", names.expr(call))
        }
        Op::HoldUntilClose { column } => format!("HoldUntilClose {}", names.column(*column)),
    }
}

fn describe_join(join: &Join, inputs: &[&Node], names: &Names<'_>) -> String {
    let n_left = inputs[0].schema.len();
    let key = |((l, r), null_equal): ((&usize, &usize), &bool)| {
        let sign = if *null_equal { "IS NOT DISTINCT FROM" } else { "=" };
        format!("{} {sign} {}", names.column(*l), names.column(r + n_left))
    };
    let pairs = join.left_keys.iter().zip(&join.right_keys).zip(&join.null_equal);
    let mut arms: Vec<String> = pairs.map(key).collect();
    let mut text = format!("{} Join", join_kind(join.kind));
    match (arms.is_empty(), &join.residual) {
        (true, None) => text.push_str(" of every pair"),
        (true, Some(residual)) => {
            let _ = write!(text, " of every pair where {}", names.expr(residual));
        }
        (false, residual) => {
            let keys = std::mem::take(&mut arms).join(", ");
            let _ = write!(text, " on {keys}");
            if let Some(residual) = residual {
                let _ = write!(text, " where {}", names.expr(residual));
            }
        }
    }
    let _ = write!(text, " -> [{}]", names.columns(&join.output));
    text
}

fn aggs(names: &Names<'_>, aggs: &[Agg]) -> String {
    let texts: Vec<String> = aggs.iter().map(|a| agg(names, a)).collect();
    if texts.is_empty() { String::new() } else { format!(" {}", texts.join(", ")) }
}

fn agg(names: &Names<'_>, agg: &Agg) -> String {
    let distinct = if agg.distinct { "DISTINCT " } else { "" };
    let args = if agg.args.is_empty() { "*".to_string() } else { names.columns(&agg.args) };
    let mut text = format!("{}({distinct}{args}", agg_func(agg.func));
    if !agg.order.is_empty() {
        let _ = write!(text, " ORDER BY {}", names.keys(&agg.order));
    }
    text.push(')');
    if let Some(filter) = agg.filter {
        let _ = write!(text, " FILTER ({})", names.column(filter));
    }
    text
}

fn pane_columns(output: &[PaneColumn], keys: &[usize], calls: &[Agg], names: &Names<'_>) -> String {
    let text = |c: &PaneColumn| match c {
        PaneColumn::WindowStart => "window_start".to_string(),
        PaneColumn::WindowEnd => "window_end".to_string(),
        PaneColumn::Key(i) => names.column(keys[*i]),
        PaneColumn::Agg(i) => agg(names, &calls[*i]),
    };
    output.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// What the operator keeps between epochs, and when it forgets.
fn state(plan: &PhysicalPlan, node: &Node) -> Option<String> {
    let input = |i: usize| &plan.nodes[node.inputs[i].0 as usize].schema;
    let until = |forget: &Option<Forget>, column: &dyn Fn(usize) -> String| match forget {
        Some(f) => format!(" until {}", past(column(f.column), f.lag)),
        None => String::new(),
    };
    let of_input = |c: usize| Names::of(&[input(0)]).column(c);
    Some(match &node.op {
        Op::Aggregate(a) => {
            let undo = if a.retracts { " with undo" } else { "" };
            format!("groups{undo}{}", until(&a.forget, &|c| of_input(a.keys[c])))
        }
        Op::PaneAggregate(_) => "panes until closed".into(),
        Op::SessionAggregate(_) => "sessions until closed".into(),
        // A whole session goes once its end has passed.
        Op::SessionAssign { forget, .. } => {
            format!("rows of sessions{}", until(forget, &|_| "window_end".into()))
        }
        Op::Distinct { forget } => format!("rows{}", until(forget, &of_input)),
        Op::Join(join) => {
            let of_right = |c: usize| Names::of(&[input(1)]).column(c);
            let left = until(&join.left_forget, &of_input);
            let right = until(&join.right_forget, &of_right);
            format!("left rows{left}, right rows{right}")
        }
        Op::TopN(top) => {
            let kept = if top.retracts { "all rows" } else { "first rows" };
            format!("{kept}{}", until(&top.forget, &of_input))
        }
        Op::Over { forget, .. } => format!("rows{}", until(forget, &of_input)),
        Op::SetOp { .. } => "row counts".into(),
        Op::HoldUntilClose { column } => format!("rows until {} closes", of_input(*column)),
        _ => return None,
    })
}
