//! Facts about a node's rows that only planning uses: keys, columns that are never NULL, linked
//! window bounds.
//!
//! Invariant: facts hold for the node's whole content at every epoch, whatever was retracted.

use crate::logical::{Expr, ExprKind, JoinKind, RankFunc};
use crate::physical::{Join, Op, PaneColumn};

use super::Context;

/// What is known of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Per column: no row has NULL there.
    pub never_null: Vec<bool>,
    /// Columns whose values occur in at most one row (empty: there is at most one row).
    pub unique: Option<Vec<usize>>,
    /// Columns that are the bounds of one window.
    pub windows: Vec<WindowPair>,
}

/// Two columns with `end = start + size` in every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowPair {
    /// The column of `window_start`.
    pub start: usize,
    /// The column of `window_end`.
    pub end: usize,
    /// Microseconds between them.
    pub size: i64,
}

impl Facts {
    /// Those of the same rows with other columns: `places[i]` is where old column `i` is now.
    fn moved(&self, width: usize, place: &dyn Fn(usize) -> Option<usize>) -> Self {
        let mut never_null = vec![false; width];
        for (column, known) in self.never_null.iter().enumerate() {
            if let (true, Some(now)) = (known, place(column)) {
                never_null[now] = true;
            }
        }
        let unique = self.unique.as_ref().and_then(|key| key.iter().map(|c| place(*c)).collect());
        let pair = |w: &WindowPair| {
            Some(WindowPair { start: place(w.start)?, end: place(w.end)?, size: w.size })
        };
        Self { never_null, unique, windows: self.windows.iter().filter_map(pair).collect() }
    }
}

/// The facts of `op`'s output. Those of an input are set by who knows the relation.
pub fn facts(op: &Op, context: &Context<'_>, width: usize) -> Facts {
    let same = |i: usize| context.facts[i].clone();
    match op {
        Op::Input { .. } => Facts { never_null: vec![false; width], ..Facts::default() },
        Op::Values { rows } => {
            let never = |c: usize| rows.iter().all(|r| r.get(c).is_some_and(|e| !e.nullable));
            let unique = (rows.len() <= 1).then(Vec::new);
            Facts { never_null: (0..width).map(never).collect(), unique, windows: Vec::new() }
        }
        Op::Filter { .. } | Op::HoldUntilClose { .. } => same(0),
        Op::Project { exprs } => project(exprs, context),
        Op::WindowAssign { time, window } => {
            let mut facts = padded(same(0), width);
            mark_window(&mut facts, *time, width);
            if let Some(size) = window.fixed_size() {
                facts.windows.push(WindowPair { start: width - 2, end: width - 1, size });
            }
            let repeats = !matches!(window, crate::logical::TimeWindow::Tumble { .. });
            if let (true, Some(key)) = (repeats, &mut facts.unique) {
                key.push(width - 1);
            }
            facts
        }
        Op::SessionAssign { time, .. } => {
            let mut facts = padded(same(0), width);
            mark_window(&mut facts, *time, width);
            facts
        }
        Op::Aggregate(a) => {
            let place = |c: usize| a.keys.iter().position(|k| *k == c);
            let unique = Some((0..a.keys.len()).collect());
            Facts { unique, ..context.facts[0].moved(width, &place) }
        }
        Op::PaneAggregate(a) => windowed(&a.output, &a.keys, context, a.window.fixed_size()),
        Op::SessionAggregate(a) => windowed(&a.output, &a.keys, context, None),
        Op::Join(join) => of_join(join, context, width),
        Op::Distinct { .. } => {
            let facts = same(0);
            Facts { unique: facts.unique.or(Some((0..width).collect())), ..facts }
        }
        Op::TopN(top) => {
            let facts = padded(same(0), width);
            let one = top.limit == 1 && top.function == RankFunc::RowNumber;
            let unique = if one { Some(top.partition.clone()) } else { facts.unique.clone() };
            Facts { unique, ..facts }
        }
        Op::Over { .. } => padded(same(0), width),
        Op::SetOp { all, .. } => {
            let facts = same(0);
            let rows = (!all).then(|| (0..width).collect());
            Facts { unique: facts.unique.or(rows), ..facts }
        }
        Op::Union => union(context, width),
        Op::Unnest { .. } => Facts { unique: None, ..padded(same(0), width) },
    }
}

fn padded(mut facts: Facts, width: usize) -> Facts {
    facts.never_null.resize(width, false);
    facts
}

/// Rows with NULL in the time column are in no window.
fn mark_window(facts: &mut Facts, time: usize, width: usize) {
    for column in [time, width - 2, width - 1] {
        facts.never_null[column] = true;
    }
}

fn project(exprs: &[Expr], context: &Context<'_>) -> Facts {
    let below = context.facts[0];
    let place = |c: usize| exprs.iter().position(|e| e.as_column() == Some(c));
    let mut facts = below.moved(exprs.len(), &place);
    for (known, expr) in facts.never_null.iter_mut().zip(exprs) {
        *known = never_null(expr, &below.never_null);
    }
    facts
}

fn never_null(expr: &Expr, columns: &[bool]) -> bool {
    match &expr.kind {
        ExprKind::Column(c) => columns.get(*c).copied().unwrap_or(false),
        ExprKind::Coalesce(items) => items.iter().any(|e| never_null(e, columns)),
        _ => !expr.nullable,
    }
}

fn windowed(
    output: &[PaneColumn],
    keys: &[usize],
    context: &Context<'_>,
    size: Option<i64>,
) -> Facts {
    let below = context.facts[0];
    let known = |column: &PaneColumn| match column {
        PaneColumn::WindowStart | PaneColumn::WindowEnd => true,
        PaneColumn::Key(i) => keys.get(*i).is_some_and(|k| below.never_null[*k]),
        PaneColumn::Agg(_) => false,
    };
    let find = |wanted: PaneColumn| output.iter().position(|c| *c == wanted);
    let (start, end) = (find(PaneColumn::WindowStart), find(PaneColumn::WindowEnd));
    let mut unique: Option<Vec<usize>> =
        (0..keys.len()).map(|i| find(PaneColumn::Key(i))).collect();
    match (&mut unique, end.or(start)) {
        (Some(key), Some(bound)) => key.push(bound),
        _ => unique = None,
    }
    let pair = |((start, end), size)| WindowPair { start, end, size };
    let windows = start.zip(end).zip(size).map(pair).into_iter().collect();
    Facts { never_null: output.iter().map(known).collect(), unique, windows }
}

fn of_join(join: &Join, context: &Context<'_>, width: usize) -> Facts {
    let (left, right) = (context.facts[0], context.facts[1]);
    let n_left = context.inputs[0].schema.len();
    let place_left = |c: usize| join.output.iter().position(|o| *o == c);
    let place_right = |c: usize| join.output.iter().position(|o| *o == c + n_left);
    let mut facts = left.moved(width, &place_left);
    let other = right.moved(width, &place_right);
    let pads_left = matches!(join.kind, JoinKind::Right | JoinKind::Full);
    let pads_right = matches!(join.kind, JoinKind::Left | JoinKind::Full);
    if pads_left {
        facts.never_null.fill(false);
        facts.windows.clear();
    }
    if !pads_right {
        facts.never_null.iter_mut().zip(&other.never_null).for_each(|(a, b)| *a |= b);
        facts.windows.extend(&other.windows);
    }
    if !matches!(join.kind, JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full) {
        return facts;
    }
    let covered = |key: &Option<Vec<usize>>, by: &[usize]| {
        key.as_ref().is_some_and(|key| key.iter().all(|c| by.contains(c)))
    };
    let at_most_one_right = covered(&right.unique, &join.right_keys);
    let at_most_one_left = covered(&left.unique, &join.left_keys);
    facts.unique = match join.kind {
        JoinKind::Inner | JoinKind::Left if at_most_one_right => facts.unique,
        JoinKind::Inner | JoinKind::Right if at_most_one_left => other.unique,
        JoinKind::Inner => match (facts.unique, other.unique) {
            (Some(a), Some(b)) => Some(a.into_iter().chain(b).collect()),
            _ => None,
        },
        _ => None,
    };
    facts
}

fn union(context: &Context<'_>, width: usize) -> Facts {
    let all = |c: usize| context.facts.iter().all(|f| f.never_null.get(c) == Some(&true));
    let first = context.facts.first().map_or(&[][..], |f| &f.windows);
    let everywhere = |w: &&WindowPair| context.facts.iter().all(|f| f.windows.contains(w));
    Facts {
        never_null: (0..width).map(all).collect(),
        unique: None,
        windows: first.iter().filter(everywhere).copied().collect(),
    }
}
