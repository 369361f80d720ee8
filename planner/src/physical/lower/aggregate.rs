//! Lowering of grouping: panes where the watermark closes windows, sessions, or a table of groups.
//!
//! Panes need three things: an input that only grows, a watermark on the time column, and a group
//! key that holds a bound of the window. Without them a row's windows are assigned first and
//! grouped like any column.
//! Invariant: arguments, filters, orders and keys of an aggregate are columns of its input.

use arena_tr_types::{AggFunc, Field, Schema};

use super::flow::{Flow, Wanted};
use super::{Lowering, internal, mark};
use crate::delta::frontier::lag_of;
use crate::error::PlanError;
use crate::logical::{self, AggCall, Expr, Plan, SortKey, TimeWindow};
use crate::physical::{Agg, Aggregate, NodeId, Op, PaneAggregate, PaneColumn, SessionAggregate};

/// A grouping over resolved expressions: it sees the columns of one node.
struct Grouping {
    group: Vec<Expr>,
    aggs: Vec<AggCall>,
    /// Where each of the plan's aggregates is in `aggs`; `None` for those that nobody uses.
    places: Vec<Option<usize>>,
}

impl Lowering<'_> {
    pub(super) fn aggregate(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Aggregate { input, group, aggs } = &plan.node else {
            return Err(internal("not an aggregate"));
        };
        let used = &need[group.len()..];
        let mut below = vec![false; input.width()];
        group.iter().for_each(|e| mark(e, &mut below));
        for (call, _) in aggs.iter().zip(used).filter(|(_, used)| **used) {
            call.each_expr(&mut |e| mark(e, &mut below));
        }
        let flow = self.plan(input, &below)?;
        let grouping = self.grouping(&flow, group, aggs, used)?;
        let (node, columns) = match self.windowed(&flow, &grouping, &plan.schema)? {
            Some(made) => made,
            None => self.grouped(&flow, &grouping, &plan.schema)?,
        };
        let whole = self.whole(node);
        let at = |c: &Option<usize>| c.and_then(|c| whole.exprs[c].clone());
        Ok(Flow { node, exprs: columns.iter().map(at).collect() })
    }

    fn grouping(
        &self,
        flow: &Flow,
        group: &[Expr],
        aggs: &[AggCall],
        used: &[bool],
    ) -> Result<Grouping, PlanError> {
        let group: Vec<Expr> = group.iter().map(|e| flow.resolve(e)).collect::<Result<_, _>>()?;
        group.iter().try_for_each(|e| self.check_clock(e))?;
        let mut grouping = Grouping { group, aggs: Vec::new(), places: Vec::new() };
        for (call, used) in aggs.iter().zip(used) {
            if !used {
                grouping.places.push(None);
                continue;
            }
            let mut call = call.clone();
            let mut failed = None;
            call.each_expr_mut(&mut |e| match flow.resolve(e) {
                Ok(resolved) => *e = resolved,
                Err(error) => failed = Some(error),
            });
            if let Some(error) = failed {
                return Err(error);
            }
            let mut checked = Ok(());
            call.each_expr(&mut |e| {
                checked = std::mem::replace(&mut checked, Ok(())).and(self.check_clock(e))
            });
            checked?;
            let found = grouping.aggs.iter().position(|a| *a == call);
            let place = found.unwrap_or_else(|| {
                grouping.aggs.push(call);
                grouping.aggs.len() - 1
            });
            grouping.places.push(Some(place));
        }
        Ok(grouping)
    }

    /// Aggregates over columns of a node that holds what they need, and that node.
    fn agg_columns(
        &mut self,
        node: NodeId,
        mut wanted: Wanted,
        aggs: &[AggCall],
    ) -> (NodeId, Vec<usize>, Vec<Agg>) {
        let n = wanted.len();
        let names = self.node(node).schema.clone();
        let mut calls = Vec::with_capacity(aggs.len());
        for call in aggs {
            // A plain column keeps its name; what is computed is named by its use.
            let mut want = |e: &Expr, used: &str| {
                let name = e.as_column().map_or(used, |c| &names.fields[c].name);
                wanted.add(e.clone(), name)
            };
            let args = call.args.iter().map(|e| want(e, "arg")).collect();
            let filter = call.filter.as_ref().map(|e| want(e, "filter"));
            let mut order = Vec::with_capacity(call.order.len());
            for key in &call.order {
                let column = want(&key.expr, "order");
                order.push(SortKey { column, desc: key.desc, nulls_first: key.nulls_first });
            }
            // DISTINCT changes nothing where a value counts once anyway.
            let once = matches!(
                call.func,
                AggFunc::Min | AggFunc::Max | AggFunc::BoolAnd | AggFunc::BoolOr
            );
            let distinct = call.distinct && !once;
            calls.push(Agg { func: call.func, args, distinct, filter, order, ty: call.ty.clone() });
        }
        let (node, places) = self.holding(node, wanted);
        for call in &mut calls {
            call.args.iter_mut().for_each(|c| *c = places[*c]);
            call.filter.iter_mut().for_each(|c| *c = places[*c]);
            call.order.iter_mut().for_each(|k| k.column = places[k.column]);
        }
        (node, places[..n].to_vec(), calls)
    }

    /// Grouping in a table of groups.
    fn grouped(
        &mut self,
        flow: &Flow,
        grouping: &Grouping,
        names: &Schema,
    ) -> Result<Made, PlanError> {
        let mut wanted = Wanted::default();
        let keys: Vec<usize> = (0..grouping.group.len())
            .map(|i| wanted.add(grouping.group[i].clone(), &names.fields[i].name))
            .collect();
        let n_keys = wanted.len();
        let (node, places, aggs) = self.agg_columns(flow.node, wanted, &grouping.aggs);
        let mut fields = vec![None; n_keys];
        for (i, key) in keys.iter().enumerate() {
            fields[*key].get_or_insert_with(|| names.fields[i].clone());
        }
        let mut fields: Vec<Field> = fields.into_iter().flatten().collect();
        fields.extend(agg_fields(grouping, names));
        let op = Op::Aggregate(Aggregate { keys: places, aggs, retracts: false, forget: None });
        let node = self.push(op, vec![node], Schema::new(fields));
        let aggs = grouping.places.iter().map(|p| p.map(|p| p + n_keys));
        Ok((node, keys.into_iter().map(Some).chain(aggs).collect()))
    }

    /// Grouping by window, if the flow is a window assignment and its conditions hold.
    fn windowed(
        &mut self,
        flow: &Flow,
        grouping: &Grouping,
        names: &Schema,
    ) -> Result<Option<Made>, PlanError> {
        let below = self.node(flow.node);
        let (time, window) = match &below.op {
            Op::WindowAssign {
                time,
                window: window @ (TimeWindow::Tumble { .. } | TimeWindow::Hop { .. }),
            } => (*time, window.clone()),
            Op::SessionAssign { time, gap, partition, .. } => {
                (*time, TimeWindow::Session { gap: *gap, partition: partition.clone() })
            }
            _ => return Ok(None),
        };
        let input = below.inputs[0];
        let start = self.node(input).schema.len();
        let Some(lag) = lag_of(self.node(input), time).filter(|_| self.node(input).append_only)
        else {
            return Ok(None);
        };
        if !fits(grouping, &window, start) {
            return Ok(None);
        }
        self.pane_node(input, time, window, lag, grouping, names).map(Some)
    }

    fn pane_node(
        &mut self,
        input: NodeId,
        time: usize,
        window: TimeWindow,
        lag: i64,
        grouping: &Grouping,
        names: &Schema,
    ) -> Result<Made, PlanError> {
        let start = self.node(input).schema.len();
        let field = self.node(input).schema.fields[time].clone();
        let mut wanted = Wanted::default();
        wanted.add(Expr::column(time, field.data_type, field.nullable), &field.name);
        let mut output = Vec::new();
        let mut columns = Vec::new();
        for (i, expr) in grouping.group.iter().enumerate() {
            let column = match expr.as_column() {
                Some(c) if c == start => PaneColumn::WindowStart,
                Some(c) if c == start + 1 => PaneColumn::WindowEnd,
                // Position 0 is the time column; it may be a key as well.
                _ => PaneColumn::Key(wanted.add_key(expr.clone(), &names.fields[i].name)),
            };
            let found = output.iter().position(|c| *c == column);
            columns.push(Some(found.unwrap_or(output.len())));
            if found.is_none() {
                output.push(column);
            }
        }
        let n_group = output.len();
        output.extend((0..grouping.aggs.len()).map(PaneColumn::Agg));
        let (node, places, aggs) = self.agg_columns(input, wanted, &grouping.aggs);
        let (time, keys) = (places[0], places[1..].to_vec());
        let mut fields = vec![None; n_group];
        for (i, column) in columns.iter().enumerate() {
            let Some(column) = column else { continue };
            fields[*column].get_or_insert_with(|| names.fields[i].clone());
        }
        let mut fields: Vec<Field> = fields.into_iter().flatten().collect();
        fields.extend(agg_fields(grouping, names));
        let on_close = false;
        let op = match window {
            TimeWindow::Session { gap, .. } => Op::SessionAggregate(SessionAggregate {
                time,
                gap,
                keys,
                aggs,
                on_close,
                output,
                lag,
            }),
            window => {
                Op::PaneAggregate(PaneAggregate { time, window, keys, aggs, on_close, output, lag })
            }
        };
        let node = self.push(op, vec![node], Schema::new(fields));
        columns.extend(grouping.places.iter().map(|p| p.map(|p| p + n_group)));
        Ok((node, columns))
    }
}

/// A grouping's node, and where in it the plan's columns are.
type Made = (NodeId, Vec<Option<usize>>);

fn agg_fields(grouping: &Grouping, names: &Schema) -> Vec<Field> {
    let n_group = grouping.places.len();
    let first = names.len() - n_group;
    let name = |i: usize| {
        let place = grouping.places.iter().position(|p| *p == Some(i)).unwrap_or(0);
        names.fields[first + place].clone()
    };
    (0..grouping.aggs.len()).map(name).collect()
}

/// Whether a grouping over a window assignment can be kept by window: `start` is `window_start`'s
/// column.
fn fits(grouping: &Grouping, window: &TimeWindow, start: usize) -> bool {
    let bound = |e: &Expr| e.as_column().is_some_and(|c| c == start || c == start + 1);
    let free = |e: &Expr| e.columns_all(&|c| c < start);
    let keys = || grouping.group.iter().filter(|e| !bound(e));
    let mut all_free = keys().all(free);
    for call in &grouping.aggs {
        call.each_expr(&mut |e| all_free &= free(e));
    }
    if !all_free || !grouping.group.iter().any(bound) {
        return false;
    }
    match window {
        TimeWindow::Session { partition, .. } => {
            let in_partition = |e: &Expr| e.as_column().is_some_and(|c| partition.contains(&c));
            let grouped = |c: &usize| keys().any(|e| e.as_column() == Some(*c));
            keys().all(in_partition) && partition.iter().all(grouped)
        }
        // Panes of overlapping windows are merged when a window closes; these states do not merge.
        TimeWindow::Hop { .. } => grouping.aggs.iter().all(mergeable),
        _ => true,
    }
}

fn mergeable(call: &AggCall) -> bool {
    let by_value =
        matches!(call.func, AggFunc::Min | AggFunc::Max | AggFunc::BoolAnd | AggFunc::BoolOr);
    let sums = matches!(
        call.func,
        AggFunc::CountStar
            | AggFunc::Count
            | AggFunc::Sum
            | AggFunc::Avg
            | AggFunc::VarPop
            | AggFunc::VarSamp
            | AggFunc::StddevPop
            | AggFunc::StddevSamp
    );
    by_value || (sums && !call.distinct)
}
