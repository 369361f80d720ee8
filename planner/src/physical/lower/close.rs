//! EMIT ON WINDOW CLOSE: rows come out once, when no later input can change them.
//!
//! Holding every row of the finished plan back until its window closes is always right. It is
//! pushed down to the windowed aggregates where that gives the same rows: through filters and
//! projections, and through joins, groupings, ranks and unions whose key holds the window's bound,
//! since all rows of one window are then let go in the same step. Aggregates that speak only when a
//! window closes need no retraction above them.
//! Invariant: either every path from the root ends in an aggregate that waits, or the root itself
//! waits.

use arena_tr_types::{DataType, Func, Interval, SqlState, Value};

use super::Lowering;
use super::flow::Wanted;
use crate::error::PlanError;
use crate::logical::{Expr, ExprKind, JoinKind, Plan};
use crate::physical::{NodeId, Op, PaneColumn};

/// A column that says when its row is let go: when the watermark reaches the value plus `delay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gate {
    column: usize,
    delay: i64,
}

impl Lowering<'_> {
    /// Makes the root's rows final: by closing aggregates if all paths end in one, else by holding
    /// them back.
    pub(super) fn on_window_close(
        &mut self,
        root: NodeId,
        plan: &Plan,
    ) -> Result<NodeId, PlanError> {
        if self.gates(root).is_some() {
            return self.closed(root);
        }
        // Filters and projections commute with waiting, so the bound may be a column that they
        // drop.
        let mut above = Vec::new();
        let mut at = root;
        loop {
            if let Some((column, delay)) = self.gate_column(at) {
                let held = self.hold(at, column, delay)?;
                return Ok(self.rebuilt(held, above));
            }
            let node = self.node(at);
            if !matches!(node.op, Op::Filter { .. } | Op::Project { .. }) {
                return Err(no_window(plan));
            }
            above.push(at);
            at = node.inputs[0];
        }
    }

    /// The same steps over another input, outermost first in the list.
    fn rebuilt(&mut self, mut input: NodeId, above: Vec<NodeId>) -> NodeId {
        for id in above.into_iter().rev() {
            let (op, schema) = (self.node(id).op.clone(), self.node(id).schema.clone());
            input = match op {
                Op::Project { exprs } => {
                    let mut wanted = Wanted::default();
                    for (expr, field) in exprs.into_iter().zip(schema.fields.iter()) {
                        wanted.append(expr, &field.name);
                    }
                    self.exactly(input, wanted)
                }
                op => self.push(op, vec![input], schema),
            };
        }
        input
    }

    /// The column whose bound says earliest that a row is final, and how long after its value.
    fn gate_column(&self, id: NodeId) -> Option<(usize, i64)> {
        let known = &self.facts[id.0 as usize].never_null;
        let bounds = self.node(id).frontier.bounded.iter();
        let bound = bounds
            .filter(|b| known.get(b.column) == Some(&true))
            .min_by_key(|b| (b.lag, b.column))?;
        // A row is final once `value < watermark - lag`: once the watermark reaches value + lag +
        // 1.
        Some((bound.column, bound.lag.saturating_add(1)))
    }

    fn hold(&mut self, root: NodeId, column: usize, delay: i64) -> Result<NodeId, PlanError> {
        let schema = self.node(root).schema.clone();
        if delay == 0 {
            return Ok(self.push(Op::HoldUntilClose { column }, vec![root], schema));
        }
        let whole = self.whole(root);
        let mut wanted = Wanted::default();
        for (expr, field) in whole.exprs.iter().flatten().zip(schema.fields.iter()) {
            wanted.append(expr.clone(), &field.name);
        }
        let time = whole.expr(column)?.clone();
        let (ty, nullable) = (time.ty.clone(), time.nullable);
        let by = Value::Interval(Interval { micros: delay, days: 0, months: 0 });
        let args = vec![time, Expr::literal(by, DataType::Interval)];
        let kind = ExprKind::Call { func: Func::Add, args };
        let at = wanted.append(Expr { kind, ty, nullable, span: None }, "final_at");
        let timed = self.exactly(root, wanted);
        let timed_schema = self.node(timed).schema.clone();
        let held = self.push(Op::HoldUntilClose { column: at }, vec![timed], timed_schema);
        let mut shown = Wanted::default();
        for (expr, field) in self.whole(held).exprs.into_iter().flatten().zip(schema.fields.iter())
        {
            shown.append(expr, &field.name);
        }
        Ok(self.exactly(held, shown))
    }

    /// The gates of a node's output if letting go can be left to the aggregates below it.
    fn gates(&self, id: NodeId) -> Option<Vec<Gate>> {
        let node = self.node(id);
        let below = |i: usize| self.gates(*node.inputs.get(i)?);
        match &node.op {
            Op::PaneAggregate(a) => {
                let size = a.window.fixed_size()?;
                let gate = |(column, c): (usize, &PaneColumn)| match c {
                    PaneColumn::WindowStart => Some(Gate { column, delay: size + a.lag }),
                    PaneColumn::WindowEnd => Some(Gate { column, delay: a.lag }),
                    _ => None,
                };
                Some(a.output.iter().enumerate().filter_map(gate).collect())
            }
            Op::SessionAggregate(a) => {
                let end = a.output.iter().position(|c| *c == PaneColumn::WindowEnd);
                Some(end.map(|column| Gate { column, delay: a.lag + 1 }).into_iter().collect())
            }
            Op::Filter { .. } => below(0),
            Op::Project { exprs } => {
                let place = |c: usize| exprs.iter().position(|e| e.as_column() == Some(c));
                Some(moved(below(0)?, &place))
            }
            Op::Aggregate(a) => {
                let place = |c: usize| a.keys.iter().position(|k| *k == c);
                Some(moved(below(0)?, &place)).filter(|g| !g.is_empty())
            }
            Op::Distinct { .. } => below(0).filter(|g| !g.is_empty()),
            Op::TopN(top) => within(below(0)?, &top.partition),
            Op::Over { partition, .. } => within(below(0)?, partition),
            Op::Union => {
                let first = below(0)?;
                let rest: Vec<_> = (1..node.inputs.len()).map(below).collect::<Option<_>>()?;
                let everywhere = |g: &Gate| rest.iter().all(|r| r.contains(g));
                Some(first.into_iter().filter(everywhere).collect())
            }
            Op::Join(join) => {
                if join.kind == JoinKind::NullAwareAnti {
                    return None;
                }
                let (left, right) = (below(0)?, below(1)?);
                let paired = join.left_keys.iter().zip(&join.right_keys).any(|(l, r)| {
                    left.iter().any(|g| {
                        g.column == *l && right.contains(&Gate { column: *r, delay: g.delay })
                    })
                });
                let n_left = self.node(node.inputs[0]).schema.len();
                let right = right.iter().map(|g| Gate { column: g.column + n_left, ..*g });
                let all: Vec<Gate> = left.iter().copied().chain(right).collect();
                let place = |c: usize| join.output.iter().position(|o| *o == c);
                paired.then(|| moved(all, &place))
            }
            _ => None,
        }
    }

    /// The same plan with waiting aggregates; what stands above them is derived anew.
    fn closed(&mut self, root: NodeId) -> Result<NodeId, PlanError> {
        let n = root.0 as usize + 1;
        // Only what stands over the aggregates changes; below them rows come as before.
        let mut above = vec![false; n];
        above[n - 1] = true;
        for i in (0..n).rev() {
            let waits = matches!(self.nodes[i].op, Op::PaneAggregate(_) | Op::SessionAggregate(_));
            if above[i] && !waits {
                self.nodes[i].inputs.iter().for_each(|id| above[id.0 as usize] = true);
            }
        }
        let mut places: Vec<NodeId> = (0..n).map(|i| NodeId(i as u32)).collect();
        self.closing = true;
        for i in (0..n).filter(|i| above[*i]) {
            let node = &self.nodes[i];
            let inputs = node.inputs.iter().map(|id| places[id.0 as usize]).collect();
            let (mut op, schema) = (node.op.clone(), node.schema.clone());
            match &mut op {
                Op::PaneAggregate(a) => a.on_close = true,
                Op::SessionAggregate(a) => a.on_close = true,
                _ => {}
            }
            self.span = self.spans[i];
            places[i] = self.push(op, inputs, schema);
        }
        self.closing = false;
        Ok(places[n - 1])
    }
}

fn moved(gates: Vec<Gate>, place: &dyn Fn(usize) -> Option<usize>) -> Vec<Gate> {
    gates.into_iter().filter_map(|g| Some(Gate { column: place(g.column)?, ..g })).collect()
}

/// The gates that are in `columns`; none at all if the partition does not hold one.
fn within(gates: Vec<Gate>, columns: &[usize]) -> Option<Vec<Gate>> {
    let kept: Vec<Gate> = gates.into_iter().filter(|g| columns.contains(&g.column)).collect();
    (!kept.is_empty()).then_some(kept)
}

fn no_window(plan: &Plan) -> PlanError {
    let message = "EMIT ON WINDOW CLOSE needs a result column that the watermark bounds";
    PlanError::new(SqlState::FEATURE_NOT_SUPPORTED, message, plan.span).with_hint(
        "group by window_start and window_end of TUMBLE, HOP or SESSION over a source with a WATERMARK, \
         and keep window_end in the result",
    )
}
