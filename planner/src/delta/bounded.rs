//! How large each operator's state can get, and the smallest change that bounds it: EXPLAIN
//! (STATE).
//!
//! State is bounded by time when the watermark frees it, by the number of keys when there is one
//! entry for each, or by the rows of a table, which its owner controls. What holds every row of a
//! stream grows for ever; of that a view's author is told when the view is made.
//! Invariant: a verdict follows from the finished plan; what is called bounded is so for every
//! input.

use std::fmt::Write;

use arena_tr_parser::Span;
use arena_tr_types::AggFunc;

use crate::logical::display::Names;
use crate::physical::display::{operator, past};
use crate::physical::lower::Notice;
use crate::physical::{Agg, Forget, Node, NodeId, Op, PhysicalPlan};

/// How a number of rows grows, least first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Growth {
    /// It does not.
    Constant,
    /// With the open windows, or the rows that the watermark has not passed.
    Time(String),
    /// With the contents of tables.
    Tables(String),
    /// With the number of distinct keys.
    Keys(String),
    /// With every row that ever came.
    Rows(String),
}

impl Growth {
    /// What it grows with, in words.
    pub fn formula(&self) -> &str {
        match self {
            Self::Constant => "one entry",
            Self::Time(text) | Self::Tables(text) | Self::Keys(text) | Self::Rows(text) => text,
        }
    }

    /// The judgement in one word or two.
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::Constant | Self::Time(_) => "bounded",
            Self::Tables(_) => "bounded by its tables",
            Self::Keys(_) => "bounded by the number of keys",
            Self::Rows(_) => "unbounded",
        }
    }
}

/// The state of one operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSize {
    /// Which operator.
    pub node: NodeId,
    /// Which part of its state, if it has several.
    pub part: Option<&'static str>,
    /// How it grows.
    pub growth: Growth,
    /// What to change, if it is unbounded.
    pub fix: Option<String>,
}

/// The text of EXPLAIN (STATE): one line per state, inputs first.
pub fn explain(plan: &PhysicalPlan) -> String {
    let mut out = String::new();
    for state in states(plan) {
        let _ = write!(out, "{}", operator(plan, state.node));
        if let Some(part) = state.part {
            let _ = write!(out, " ({part})");
        }
        let _ = writeln!(out, ": {}: {}", state.growth.verdict(), state.growth.formula());
        if let Some(fix) = state.fix {
            let _ = writeln!(out, "  fix: {fix}");
        }
    }
    out
}

/// Remarks on operators whose state nothing bounds. `times` has the event-time column of each
/// program input.
pub fn notices(
    plan: &PhysicalPlan,
    spans: &[Option<Span>],
    times: &[Option<String>],
) -> Vec<Notice> {
    let mut notices: Vec<Notice> = Vec::new();
    let mut last = None;
    for state in states_with(plan, times) {
        let Growth::Rows(formula) = &state.growth else { continue };
        // The two sides of one join are one remark.
        if last.replace(state.node) == Some(state.node) {
            continue;
        }
        let whole = operator(plan, state.node);
        let operator = whole.split(" -> [").next().unwrap_or(&whole).to_string();
        notices.push(Notice {
            message: format!("the state of this view is not bounded: {operator} keeps {formula}"),
            hint: state.fix,
            operator,
            span: spans.get(state.node.0 as usize).copied().flatten(),
        });
    }
    notices
}

/// The states of a plan's operators, inputs first.
pub fn states(plan: &PhysicalPlan) -> Vec<StateSize> {
    states_with(plan, &[])
}

fn states_with(plan: &PhysicalPlan, times: &[Option<String>]) -> Vec<StateSize> {
    let contents = contents(plan);
    let mut states = Vec::new();
    for (i, node) in plan.nodes.iter().enumerate() {
        let sizer = Sizer { plan, node, contents: &contents, times };
        for (part, growth) in sizer.state() {
            let unbounded = matches!(growth, Growth::Rows(_));
            let fix = unbounded.then(|| sizer.fix());
            states.push(StateSize { node: NodeId(i as u32), part, growth, fix });
        }
    }
    states
}

/// How many rows each node's output holds, retracted ones not counted.
fn contents(plan: &PhysicalPlan) -> Vec<Growth> {
    let mut contents: Vec<Growth> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let inputs = node.inputs.iter().map(|id| &contents[id.0 as usize]);
        let greatest = inputs.clone().max().cloned().unwrap_or(Growth::Constant);
        let names = || Names::of(&[&node.schema]);
        let growth = match &node.op {
            Op::Input { index } => {
                let input = &plan.inputs[*index];
                if input.append_only {
                    Growth::Rows(format!("every row of {}", input.name))
                } else {
                    Growth::Tables(format!("the rows of {}", input.name))
                }
            }
            Op::Values { .. } => Growth::Constant,
            Op::Aggregate(a) => {
                let n = a.keys.len();
                keyed(&greatest, &names(), &(0..n).collect::<Vec<_>>())
            }
            Op::PaneAggregate(_) | Op::SessionAggregate(_) => {
                Growth::Rows("the groups of every window".into())
            }
            Op::TopN(top) if top.limit != u64::MAX => keyed(&greatest, &names(), &top.partition),
            _ => greatest,
        };
        contents.push(growth);
    }
    contents
}

/// One entry per key of rows that grow like `input`.
fn keyed(input: &Growth, names: &Names<'_>, keys: &[usize]) -> Growth {
    match input {
        _ if keys.is_empty() => Growth::Constant,
        Growth::Rows(_) | Growth::Keys(_) => {
            Growth::Keys(format!("one entry per ({})", names.columns(keys)))
        }
        other => other.clone(),
    }
}

struct Sizer<'a> {
    plan: &'a PhysicalPlan,
    node: &'a Node,
    contents: &'a [Growth],
    times: &'a [Option<String>],
}

impl Sizer<'_> {
    fn input(&self, i: usize) -> &Node {
        &self.plan.nodes[self.node.inputs[i].0 as usize]
    }

    fn content(&self, i: usize) -> Growth {
        self.contents[self.node.inputs[i].0 as usize].clone()
    }

    fn column(&self, i: usize, column: usize) -> String {
        Names::of(&[&self.input(i).schema]).column(column)
    }

    /// What is kept of input `i`, unless it is forgotten by this column of it.
    fn unless(&self, i: usize, forget: Option<Forget>, kept: Growth) -> Growth {
        match (forget, kept) {
            (_, Growth::Constant) => Growth::Constant,
            (Some(f), kept) => {
                let until = past(self.column(i, f.column), f.lag);
                Growth::Time(format!("{}, until {until}", kept.formula()))
            }
            (None, kept) => kept,
        }
    }

    /// The parts of this operator's state, each with its growth.
    fn state(&self) -> Vec<(Option<&'static str>, Growth)> {
        let names = || Names::of(&[&self.input(0).schema]);
        let one = |growth| vec![(None, growth)];
        match &self.node.op {
            Op::Aggregate(a) => {
                let keys = keyed(&self.content(0), &names(), &a.keys);
                let values = a.aggs.iter().any(|agg| keeps_values(agg, a.retracts));
                let kept = if values { keys.max(self.content(0)) } else { keys };
                let forget = a.forget.map(|f| Forget { column: a.keys[f.column], ..f });
                one(self.unless(0, forget, kept))
            }
            Op::PaneAggregate(a) => {
                let keys = names().columns(&a.keys);
                one(Growth::Time(format!("one entry per ({keys}) and pane, for the open windows")))
            }
            Op::SessionAggregate(a) => {
                let keys = names().columns(&a.keys);
                one(Growth::Time(format!("one entry per open session of ({keys})")))
            }
            Op::SessionAssign { forget, .. } => one(self.unless(0, *forget, self.content(0))),
            Op::Distinct { forget } => {
                let columns: Vec<usize> = (0..self.input(0).schema.len()).collect();
                one(self.unless(0, *forget, keyed(&self.content(0), &names(), &columns)))
            }
            Op::Join(join) => vec![
                (Some("left"), self.unless(0, join.left_forget, self.content(0))),
                (Some("right"), self.unless(1, join.right_forget, self.content(1))),
            ],
            Op::TopN(top) => {
                let first = keyed(&self.content(0), &names(), &top.partition);
                let kept = if top.retracts || top.limit == u64::MAX {
                    first.max(self.content(0))
                } else {
                    first
                };
                one(self.unless(0, top.forget, kept))
            }
            Op::Over { forget, .. } => one(self.unless(0, *forget, self.content(0))),
            Op::SetOp { .. } => {
                let columns: Vec<usize> = (0..self.input(0).schema.len()).collect();
                let growth = self.content(0).max(self.content(1));
                one(keyed(&growth, &names(), &columns))
            }
            Op::HoldUntilClose { column } => {
                let column = self.column(0, *column);
                one(Growth::Time(format!("the rows with {column} after the watermark")))
            }
            _ => Vec::new(),
        }
    }

    /// The smallest change that bounds this operator's state.
    fn fix(&self) -> String {
        match &self.node.op {
            Op::Join(_) => self.join_fix(),
            Op::Aggregate(_) => {
                "group by window_start and window_end of a time window over a source with a WATERMARK".into()
            }
            Op::TopN(_) | Op::Over { .. } => {
                "partition by the bounds of a time window (TUMBLE, HOP) over a source with a WATERMARK".into()
            }
            _ => "declare a WATERMARK on the time column of the source".into(),
        }
    }

    /// A time column of an input, as `relation.column`: the one that the watermark bounds most
    /// tightly, or, if the query does not use one, that of the only source behind it.
    fn time_column(&self, i: usize) -> Option<String> {
        let bounds = self.input(i).frontier.bounded.iter();
        if let Some(bound) = bounds.min_by_key(|b| (b.lag, b.column)) {
            return Some(origin(self.plan, self.node.inputs[i], bound.column));
        }
        let mut sources = Vec::new();
        sources_of(self.plan, self.node.inputs[i], &mut sources);
        match sources.as_slice() {
            [only] => {
                let column = self.times.get(*only)?.as_ref()?;
                Some(format!("{}.{column}", self.plan.inputs[*only].name))
            }
            _ => None,
        }
    }

    fn join_fix(&self) -> String {
        let changes = |i: usize| !self.input(i).append_only;
        match (self.time_column(0), self.time_column(1)) {
            (Some(left), Some(right)) => format!(
                "bound the join by time, such as AND {right} BETWEEN {left} - INTERVAL '1 hour' \
                 AND {left} + INTERVAL '1 hour'"
            ),
            _ if changes(0) || changes(1) => {
                "aggregate the stream before the join: its rows are kept because the other side may \
                 change at any time"
                    .into()
            }
            _ => "declare a WATERMARK on both sources and bound the join by time".into(),
        }
    }
}

/// The program inputs below a node, each once.
fn sources_of(plan: &PhysicalPlan, id: NodeId, out: &mut Vec<usize>) {
    let node = &plan.nodes[id.0 as usize];
    match node.op {
        Op::Input { index } if !out.contains(&index) => out.push(index),
        _ => node.inputs.iter().for_each(|id| sources_of(plan, *id, out)),
    }
}

/// A column as `relation.column`, followed down to the input it comes from as long as nothing
/// computes it.
fn origin(plan: &PhysicalPlan, id: NodeId, column: usize) -> String {
    let node = &plan.nodes[id.0 as usize];
    let input = |i: usize| &plan.nodes[node.inputs[i].0 as usize].schema;
    let below = match &node.op {
        Op::Input { index } => {
            let name = &plan.inputs[*index].name;
            return format!("{name}.{}", Names::of(&[&node.schema]).column(column));
        }
        Op::Filter { .. } => Some((0, column)),
        Op::Project { exprs } => exprs[column].as_column().map(|c| (0, c)),
        Op::WindowAssign { .. } => Some((0, column)).filter(|(_, c)| *c < input(0).len()),
        Op::Join(join) => Some(match join.output[column].checked_sub(input(0).len()) {
            Some(c) => (1, c),
            None => (0, join.output[column]),
        }),
        _ => None,
    };
    match below {
        Some((i, c)) => origin(plan, node.inputs[i], c),
        None => Names::of(&[&node.schema]).column(column),
    }
}

/// Whether an aggregate keeps its input's values and not only a summary.
fn keeps_values(agg: &Agg, retracts: bool) -> bool {
    match agg.func {
        AggFunc::ArrayAgg | AggFunc::StringAgg => true,
        AggFunc::Min | AggFunc::Max | AggFunc::FirstValue | AggFunc::LastValue => retracts,
        AggFunc::SingleValue => retracts,
        _ => false,
    }
}
