//! Which columns carry the watermark, and what each operator may therefore forget.
//!
//! A source refuses rows below its watermark, so after the program's watermark (the least of its
//! sources') reaches `w`, no row with an event time below `w` comes. That is a bound of lag 0 on
//! the event-time column. Bounds pass through operators as long as the operator emits, for a change
//! in its input, only rows that carry a value of that change: keys of groups, columns of pairs with
//! the changed row, windows around it. A key or row in state that no later change can reach may be
//! dropped.
//! Invariant: a bound covers retractions too; lags of `window_end` are -1, because its window is
//! final as soon as the watermark equals it.

use super::Context;
use super::range::{Edge, edges, equal_edges, point, reach};
use crate::logical::{Expr, ExprKind, JoinKind, TimeWindow};
use crate::physical::lower::is_time;
use crate::physical::{Forget, Frontier, Join, Node, Op, PaneColumn, TimeBound};
use arena_tr_types::{Func, Value};

/// Sets what follows from the inputs in an operator: whether it must undo, and what it may forget.
pub fn refresh(op: &mut Op, context: &Context<'_>) {
    let retracts = !context.all_append_only();
    match op {
        Op::Aggregate(a) => {
            a.retracts = retracts;
            let place = |b: &TimeBound| a.keys.iter().position(|k| *k == b.column);
            a.forget = earliest(context, &place);
        }
        Op::TopN(top) => {
            top.retracts = retracts;
            top.by_arrival = context.ad_hoc && !retracts;
            top.forget = within(context, &top.partition);
        }
        Op::Over { partition, by_arrival, forget, .. } => {
            *by_arrival = context.ad_hoc && !retracts;
            *forget = within(context, partition);
        }
        Op::Distinct { forget } => *forget = earliest(context, &|b| Some(b.column)),
        Op::SessionAssign { time, forget, .. } => {
            *forget = lag_of(context.inputs[0], *time).map(|lag| Forget { column: *time, lag });
        }
        Op::Join(join) => {
            join.left_forget = None;
            join.right_forget = None;
            // An unknown comparison matters to NOT IN, and no inequality holds for it.
            if join.kind != JoinKind::NullAwareAnti {
                let pairs = Pairs::of(join, context);
                join.left_forget = pairs.forget(true);
                join.right_forget = pairs.forget(false);
            }
        }
        _ => {}
    }
}

/// The lag of a column, if it carries the watermark.
pub fn lag_of(node: &Node, column: usize) -> Option<i64> {
    node.frontier.bounded.iter().find(|b| b.column == column).map(|b| b.lag)
}

/// The bounds with the least lag among those that `place` puts somewhere.
fn earliest(context: &Context<'_>, place: &dyn Fn(&TimeBound) -> Option<usize>) -> Option<Forget> {
    let bounds = context.inputs[0].frontier.bounded.iter();
    bounds
        .filter_map(|b| Some(Forget { column: place(b)?, lag: b.lag }))
        .min_by_key(|f| (f.lag, f.column))
}

fn within(context: &Context<'_>, columns: &[usize]) -> Option<Forget> {
    earliest(context, &|b| columns.contains(&b.column).then_some(b.column))
}

/// The bounds of `op`'s output. Those of an input are set by who knows the relation.
pub fn frontier(op: &Op, context: &Context<'_>) -> Frontier {
    let input = context.inputs.first().map_or(&[][..], |n| &n.frontier.bounded);
    let bounded = match op {
        Op::Input { .. } | Op::Values { .. } => Vec::new(),
        Op::Filter { predicate } => filter(predicate, context),
        Op::Project { exprs } => {
            let lag =
                |(column, e)| Some(TimeBound { column, lag: expr_lag(e, context.inputs[0])? });
            exprs.iter().enumerate().filter_map(lag).collect()
        }
        Op::WindowAssign { time, window } => window_assign(*time, window, context.inputs[0]),
        Op::SessionAssign { time, .. } => {
            // A changed session ends after the change that reached it; its other rows may be old.
            let end = context.inputs[0].schema.len() + 1;
            lag_of(context.inputs[0], *time)
                .map(|lag| TimeBound { column: end, lag })
                .into_iter()
                .collect()
        }
        Op::Aggregate(a) => moved(input, &|c| a.keys.iter().position(|k| *k == c)),
        Op::PaneAggregate(a) => {
            let size = a.window.fixed_size().unwrap_or(0);
            let key = |i: usize| {
                // A closing window brings all of its keys, whenever they came.
                if a.on_close { None } else { lag_of(context.inputs[0], a.keys[i]) }
            };
            let column = |c: &PaneColumn| match c {
                PaneColumn::WindowStart => Some(a.lag.saturating_add(size - 1)),
                PaneColumn::WindowEnd => Some(a.lag.saturating_sub(1)),
                PaneColumn::Key(i) => key(*i),
                PaneColumn::Agg(_) => None,
            };
            listed(a.output.iter().map(column))
        }
        Op::SessionAggregate(a) => {
            let end = |c: &PaneColumn| (*c == PaneColumn::WindowEnd).then_some(a.lag);
            listed(a.output.iter().map(end))
        }
        Op::Join(join) => Pairs::of(join, context).output(join),
        Op::Distinct { .. } | Op::Unnest { .. } => input.to_vec(),
        Op::Union | Op::SetOp { .. } => in_all(context),
        Op::TopN(top) => within_windows(kept(input, &top.partition), context),
        Op::Over { partition, .. } => within_windows(kept(input, partition), context),
        Op::HoldUntilClose { column } => vec![TimeBound { column: *column, lag: -1 }],
    };
    Frontier { bounded }
}

fn listed(lags: impl Iterator<Item = Option<i64>>) -> Vec<TimeBound> {
    let bound = |(column, lag): (usize, Option<i64>)| Some(TimeBound { column, lag: lag? });
    lags.enumerate().filter_map(bound).collect()
}

fn moved(bounds: &[TimeBound], place: &dyn Fn(usize) -> Option<usize>) -> Vec<TimeBound> {
    let mut out: Vec<TimeBound> = bounds
        .iter()
        .filter_map(|b| Some(TimeBound { column: place(b.column)?, lag: b.lag }))
        .collect();
    out.sort_unstable_by_key(|b| b.column);
    out
}

fn kept(bounds: &[TimeBound], columns: &[usize]) -> Vec<TimeBound> {
    bounds.iter().filter(|b| columns.contains(&b.column)).copied().collect()
}

/// With one bound of a window, the other.
fn within_windows(bounds: Vec<TimeBound>, context: &Context<'_>) -> Vec<TimeBound> {
    let mut known = Vec::new();
    window_edges(context, 0, 0, &mut known);
    listed(reach(context.inputs[0].schema.len(), &bounds, &known).into_iter())
}

/// A column of a union changes with any input, so all must bound it; the greatest lag holds for
/// all.
fn in_all(context: &Context<'_>) -> Vec<TimeBound> {
    let Some((first, rest)) = context.inputs.split_first() else { return Vec::new() };
    let bound = |b: &TimeBound| {
        let lag = rest.iter().try_fold(b.lag, |lag, n| Some(lag.max(lag_of(n, b.column)?)))?;
        Some(TimeBound { column: b.column, lag })
    };
    first.frontier.bounded.iter().filter_map(bound).collect()
}

fn filter(predicate: &Expr, context: &Context<'_>) -> Vec<TimeBound> {
    let input = context.inputs[0];
    if input.frontier.bounded.is_empty() {
        return Vec::new();
    }
    let mut known = Vec::new();
    edges(predicate, &mut known);
    window_edges(context, 0, 0, &mut known);
    listed(reach(input.schema.len(), &input.frontier.bounded, &known).into_iter())
}

fn window_edges(context: &Context<'_>, input: usize, shift: usize, out: &mut Vec<Edge>) {
    for w in &context.facts[input].windows {
        out.extend(equal_edges(w.end + shift, w.start + shift, w.size));
    }
}

fn window_assign(time: usize, window: &TimeWindow, input: &Node) -> Vec<TimeBound> {
    let mut bounded = input.frontier.bounded.clone();
    let longest = match window {
        TimeWindow::Tumble { size, .. } | TimeWindow::Hop { size, .. } => *size,
        TimeWindow::Cumulate { max, .. } => *max,
        TimeWindow::Session { .. } => return bounded,
    };
    if let Some(lag) = lag_of(input, time) {
        let start = input.schema.len();
        // A window holds its rows: start > time - size, end > time.
        bounded.push(TimeBound { column: start, lag: lag.saturating_add(longest - 1) });
        bounded.push(TimeBound { column: start + 1, lag: lag.saturating_sub(1) });
    }
    bounded
}

/// The lag of an expression over a node's columns: monotone functions of a bounded column are
/// bounded.
pub fn expr_lag(expr: &Expr, input: &Node) -> Option<i64> {
    if !is_time(&expr.ty) {
        return None;
    }
    if let Some((column, shift)) = point(expr) {
        return lag_of(input, column).map(|lag| lag.saturating_sub(shift));
    }
    let greatest = |items: &mut dyn Iterator<Item = &Expr>| {
        let mut greatest = None;
        for item in items.filter(|e| e.as_literal() != Some(&Value::Null)) {
            greatest = greatest.max(Some(expr_lag(item, input)?));
        }
        greatest
    };
    match &expr.kind {
        ExprKind::Coalesce(items) => greatest(&mut items.iter()),
        ExprKind::Case { branches, otherwise } => {
            let results = branches.iter().map(|(_, then)| then);
            greatest(&mut results.chain(otherwise.iter().map(|e| &**e)))
        }
        ExprKind::Call { func: Func::Least, args } => greatest(&mut args.iter()),
        ExprKind::Call { func: Func::WindowStart, args } => {
            let size = int(args.get(1)?.as_literal()?)?;
            Some(expr_lag(&args[0], input)?.saturating_add(size.checked_sub(1)?))
        }
        ExprKind::Call { func: Func::DateTrunc, args } => {
            let longest = unit_length(args.first()?.as_literal()?)?;
            Some(expr_lag(args.get(1)?, input)?.saturating_add(longest - 1))
        }
        _ => None,
    }
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int8(n) => Some(*n),
        Value::Int4(n) => Some(i64::from(*n)),
        _ => None,
    }
}

/// The longest that a calendar unit can be, in microseconds.
fn unit_length(unit: &Value) -> Option<i64> {
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    let Value::Text(unit) = unit else { return None };
    Some(match unit.to_ascii_lowercase().as_str() {
        "milliseconds" | "millisecond" => 1_000,
        "second" | "seconds" => SECOND,
        "minute" | "minutes" => 60 * SECOND,
        "hour" | "hours" => 3_600 * SECOND,
        // A day of a zone with summer time has up to 25 hours.
        "day" | "days" => DAY + 3_600 * SECOND,
        "week" | "weeks" => 8 * DAY,
        "month" | "months" => 32 * DAY,
        "quarter" => 93 * DAY,
        "year" | "years" => 367 * DAY,
        _ => return None,
    })
}

/// What the condition of a join says of pairs, and from it of each side.
struct Pairs<'a> {
    left: &'a Node,
    right: &'a Node,
    left_known: &'a [bool],
    right_known: &'a [bool],
    /// Over left columns, then right ones; hold for every pair.
    edges: Vec<Edge>,
    /// The same, but those of one side's rows alone: they hold for padded rows too.
    own: Vec<Edge>,
}

impl<'a> Pairs<'a> {
    fn of(join: &Join, context: &Context<'a>) -> Self {
        let (left, right) = (context.inputs[0], context.inputs[1]);
        let n_left = left.schema.len();
        let mut own = Vec::new();
        window_edges(context, 0, 0, &mut own);
        window_edges(context, 1, n_left, &mut own);
        let mut known = own.clone();
        for (l, r) in join.left_keys.iter().zip(&join.right_keys) {
            if is_time(&left.schema.fields[*l].data_type) {
                known.extend(equal_edges(*l, r + n_left, 0));
            }
        }
        if let Some(residual) = &join.residual {
            edges(residual, &mut known);
        }
        let (left_known, right_known) =
            (&context.facts[0].never_null, &context.facts[1].never_null);
        Self { left, right, left_known, right_known, edges: known, own }
    }

    fn width(&self) -> usize {
        self.left.schema.len() + self.right.schema.len()
    }

    /// Bounds of one input as bounds over left and right columns.
    fn bounds(&self, of_left: bool) -> Vec<TimeBound> {
        let (node, shift) =
            if of_left { (self.left, 0) } else { (self.right, self.left.schema.len()) };
        let moved = |b: &TimeBound| TimeBound { column: b.column + shift, lag: b.lag };
        node.frontier.bounded.iter().map(moved).collect()
    }

    /// When rows of one side can be dropped: no later change of the other side can pair with them.
    ///
    /// A side that retracts must also never retract a dropped row, so its own bound must be passed
    /// too.
    fn forget(&self, of_left: bool) -> Option<Forget> {
        let reached = reach(self.width(), &self.bounds(!of_left), &self.edges);
        let (node, known, shift) = match of_left {
            true => (self.left, self.left_known, 0),
            false => (self.right, self.right_known, self.left.schema.len()),
        };
        let candidate = |column: usize| {
            let pairing = reached[column + shift]?;
            let own = if node.append_only { i64::MIN } else { lag_of(node, column)? };
            Some(Forget { column, lag: pairing.max(own) })
        };
        let nullable = |column: usize| !known.get(column).copied().unwrap_or(false);
        (0..node.schema.len())
            .filter_map(candidate)
            .min_by_key(|f| (nullable(f.column), f.lag, f.column))
    }

    /// Bounds of the output: a row comes with a change of the left or of the right, and both must
    /// bound it.
    fn output(&self, join: &Join) -> Vec<TimeBound> {
        if join.kind == JoinKind::NullAwareAnti {
            return Vec::new();
        }
        let n_left = self.left.schema.len();
        let (left, right) = (self.bounds(true), self.bounds(false));
        let pairs = |bounds: &[TimeBound]| reach(self.width(), bounds, &self.edges);
        let alone = |bounds: &[TimeBound]| reach(self.width(), bounds, &self.own);
        let (by_left, by_right) = (pairs(&left), pairs(&right));
        // A padded (or unmatched) row has only its own side's columns, and no pair's inequality
        // holds.
        let unmatched_left = matches!(join.kind, JoinKind::Left | JoinKind::Full | JoinKind::Anti);
        let unmatched_right = matches!(join.kind, JoinKind::Right | JoinKind::Full);
        let (left_alone, right_alone) = (alone(&left), alone(&right));
        let lag = |column: usize| {
            let of_left = column < n_left;
            let by_left =
                if of_left && unmatched_left { left_alone[column] } else { by_left[column] };
            let by_right =
                if !of_left && unmatched_right { right_alone[column] } else { by_right[column] };
            Some(by_left?.max(by_right?))
        };
        listed(join.output.iter().map(|c| lag(*c)))
    }
}
