//! Lowering of the operators that pass rows on, order them or compare them whole.
//!
//! Invariant: an operator that keeps rows in state gets exactly the columns that are used above it.

use arena_tr_types::{Field, Schema};

use super::flow::{Flow, Wanted};
use super::{Lowering, internal, is_time, mark};
use crate::catalog::RelationKind;
use crate::delta::Facts;
use crate::error::PlanError;
use crate::logical::{self, Expr, Plan, RankFunc, SortKey, TimeWindow};
use crate::physical::lower::Mode;
use crate::physical::{Frontier, Node, NodeId, Op, TimeBound, TopN};

impl Lowering<'_> {
    pub(super) fn scan(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Scan { relation, columns, moment } = &plan.node else {
            return Err(internal("not a scan"));
        };
        let index = self.input_of(*relation, moment.as_deref());
        let index = index.ok_or_else(|| internal("a scan without an input"))?;
        let node = self.input(index);
        let at = |c: &usize| self.inputs[index].columns.binary_search(c).ok();
        let expr = |(i, c): (usize, &usize)| {
            let field = &plan.schema.fields[i];
            need[i].then(|| {
                Expr::column(at(c).unwrap_or(usize::MAX), field.data_type.clone(), field.nullable)
            })
        };
        Ok(Flow { node, exprs: columns.iter().enumerate().map(expr).collect() })
    }

    /// The node of a program input, with what the catalog knows of the relation.
    fn input(&mut self, index: usize) -> NodeId {
        let op = Op::Input { index };
        if let Some(found) = self.nodes.iter().position(|n| n.op == op) {
            return NodeId(found as u32);
        }
        let (input, relation) = (&self.inputs[index], self.relations[index]);
        let place = |c: usize| input.columns.binary_search(&c).ok();
        let mut fields: Vec<Field> =
            input.columns.iter().map(|c| relation.schema.fields[*c].clone()).collect();
        let mut bounded = Vec::new();
        if let (Some(mark), Mode::Standing { .. }) = (relation.watermark, self.mode) {
            // Sources and streams refuse late rows and rows without event time; of a view, `delay`
            // is how far behind the watermark its changes may be.
            let of_view = relation.kind == RelationKind::MaterializedView;
            let lag = if of_view { mark.delay } else { 0 };
            if let Some(column) = place(mark.column).filter(|c| is_time(&fields[*c].data_type)) {
                bounded.push(TimeBound { column, lag });
                if !of_view {
                    fields[column].nullable = false;
                }
            }
        }
        let never_null = fields.iter().map(|f| !f.nullable).collect();
        let unique = relation.primary_key.as_ref();
        let unique = unique.and_then(|key| key.iter().map(|c| place(*c)).collect());
        self.facts.push(Facts { never_null, unique, windows: Vec::new() });
        self.spans.push(self.span);
        self.nodes.push(Node {
            op,
            inputs: Vec::new(),
            schema: Schema::new(fields),
            append_only: input.append_only,
            frontier: Frontier { bounded },
        });
        NodeId(self.nodes.len() as u32 - 1)
    }

    pub(super) fn values(&mut self, plan: &Plan) -> Result<Flow, PlanError> {
        let logical::Node::Values { rows } = &plan.node else {
            return Err(internal("not constant rows"));
        };
        let node = self.push(Op::Values { rows: rows.clone() }, Vec::new(), plan.schema.clone());
        Ok(self.whole(node))
    }

    pub(super) fn filter(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Filter { input, predicate } = &plan.node else {
            return Err(internal("not a filter"));
        };
        let mut below = need.to_vec();
        mark(predicate, &mut below);
        let flow = self.plan(input, &below)?;
        let predicate = flow.resolve(predicate)?;
        let node = self.filter_node(flow.node, predicate)?;
        Ok(Flow { node, exprs: flow.exprs })
    }

    /// Keeps rows of a node; a filter over a filter is one.
    pub(super) fn filter_node(
        &mut self,
        node: NodeId,
        predicate: Expr,
    ) -> Result<NodeId, PlanError> {
        self.check_clock(&predicate)?;
        let mut arms = Vec::new();
        let mut input = node;
        if let Op::Filter { predicate: inner } = &self.node(node).op {
            inner.clone().into_conjuncts(&mut arms);
            input = self.node(node).inputs[0];
        }
        predicate.into_conjuncts(&mut arms);
        let predicate = Expr::conjunction(arms).ok_or_else(|| internal("an empty filter"))?;
        let schema = self.node(input).schema.clone();
        Ok(self.push(Op::Filter { predicate }, vec![input], schema))
    }

    /// `now()` would make a view change without a commit.
    pub(super) fn check_clock(&self, expr: &Expr) -> Result<(), PlanError> {
        let is_now = |e: &Expr| matches!(e.kind, logical::ExprKind::Now);
        if self.mode == Mode::AdHoc || !expr.any(&is_now) {
            return Ok(());
        }
        let mut span = None;
        expr.walk(&mut |e| span = if is_now(e) { e.span.or(span) } else { span });
        Err(PlanError::unsupported("now() in a continuous query", span.or(self.span)).with_hint(
            "compare with an event-time column, or use a time window: the watermark then moves the result",
        ))
    }

    pub(super) fn project(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Project { input, exprs } = &plan.node else {
            return Err(internal("not a projection"));
        };
        let mut below = vec![false; input.width()];
        let mut uses = vec![0; input.width()];
        for (expr, _) in exprs.iter().zip(need).filter(|(_, needed)| **needed) {
            mark(expr, &mut below);
            expr.each_column(&mut |c| uses[c] += 1);
        }
        let flow = self.plan(input, &below)?;
        let flow = self.settle_repeated(flow, &input.schema, &uses)?;
        let mut out = Vec::with_capacity(exprs.len());
        for (expr, needed) in exprs.iter().zip(need) {
            if *needed {
                self.check_clock(expr)?;
            }
            out.push(if *needed { Some(flow.resolve(expr)?) } else { None });
        }
        Ok(Flow { node: flow.node, exprs: out })
    }

    pub(super) fn time_window(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::TimeWindow { input, time, window } = &plan.node else {
            return Err(internal("not a time window"));
        };
        let mut below = need[..input.width()].to_vec();
        below[*time] = true;
        if let TimeWindow::Session { partition, .. } = window {
            partition.iter().for_each(|c| below[*c] = true);
        }
        let flow = self.plan(input, &below)?;
        // The time column and the partition must be columns; everything else may stay pending.
        let flow = self.settle(flow, &input.schema, &below)?;
        let time = flow.plain(*time).ok_or_else(|| internal("a window without its time"))?;
        let n = self.node(flow.node).schema.len();
        let mut fields = self.node(flow.node).schema.fields.to_vec();
        fields.extend_from_slice(&plan.schema.fields[input.width()..]);
        let op = match window {
            TimeWindow::Session { gap, partition } => {
                let places = partition.iter().map(|c| flow.plain(*c)).collect::<Option<_>>();
                let partition =
                    places.ok_or_else(|| internal("a session without its partition"))?;
                Op::SessionAssign { time, gap: *gap, partition, forget: None }
            }
            fixed => Op::WindowAssign { time, window: fixed.clone() },
        };
        let node = self.push(op, vec![flow.node], Schema::new(fields));
        let mut exprs = flow.exprs;
        let whole = self.whole(node);
        exprs.extend_from_slice(&whole.exprs[n..]);
        Ok(Flow { node, exprs })
    }

    pub(super) fn distinct(&mut self, plan: &Plan) -> Result<Flow, PlanError> {
        let logical::Node::Distinct { input } = &plan.node else {
            return Err(internal("not a distinct"));
        };
        let node = self.exact_plan(input)?;
        let schema = self.node(node).schema.clone();
        // Rows with a key are distinct already.
        let unique = self.facts[node.0 as usize].unique.is_some();
        let node = if unique {
            node
        } else {
            self.push(Op::Distinct { forget: None }, vec![node], schema)
        };
        Ok(self.whole(node))
    }

    /// A plan as a node with exactly its columns, in order.
    fn exact_plan(&mut self, plan: &Plan) -> Result<NodeId, PlanError> {
        self.exact_columns(plan, &vec![true; plan.width()])
    }

    /// A plan as a node with exactly the needed columns, in order, repeated ones included.
    fn exact_columns(&mut self, plan: &Plan, need: &[bool]) -> Result<NodeId, PlanError> {
        let flow = self.plan(plan, need)?;
        let mut wanted = Wanted::default();
        for (column, field) in plan.schema.fields.iter().enumerate() {
            if need[column] {
                wanted.append(flow.expr(column)?.clone(), &field.name);
            }
        }
        Ok(self.exactly(flow.node, wanted))
    }

    pub(super) fn union(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Union { inputs } = &plan.node else {
            return Err(internal("not a union"));
        };
        let nodes =
            inputs.iter().map(|p| self.exact_columns(p, need)).collect::<Result<Vec<_>, _>>()?;
        let fields =
            plan.schema.fields.iter().zip(need).filter(|(_, n)| **n).map(|(f, _)| f.clone());
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let node = self.push(Op::Union, nodes, schema);
        Ok(self.spread(node, need))
    }

    /// A node that has only the needed columns as a flow over all of them.
    fn spread(&self, node: NodeId, need: &[bool]) -> Flow {
        let mut columns = self.whole(node).exprs.into_iter();
        let exprs = need.iter().map(|n| if *n { columns.next().flatten() } else { None }).collect();
        Flow { node, exprs }
    }

    pub(super) fn set_op(&mut self, plan: &Plan) -> Result<Flow, PlanError> {
        let logical::Node::SetOp { left, right, op, all } = &plan.node else {
            return Err(internal("not a set operation"));
        };
        let inputs = vec![self.exact_plan(left)?, self.exact_plan(right)?];
        let node = self.push(Op::SetOp { op: *op, all: *all }, inputs, plan.schema.clone());
        Ok(self.whole(node))
    }

    pub(super) fn top_n(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::TopN { input, partition, order, function, limit, offset, number } =
            &plan.node
        else {
            return Err(internal("not a top-n"));
        };
        let mut below = need[..input.width()].to_vec();
        let (flow, partition, order) = self.ordered(input, &mut below, partition, order)?;
        let number = *number && need.last() == Some(&true);
        let top = TopN {
            partition,
            order,
            function: *function,
            limit: limit.unwrap_or(u64::MAX),
            offset: *offset,
            number,
            retracts: false,
            by_arrival: false,
            forget: None,
        };
        let n = self.node(flow.node).schema.len();
        let mut fields = self.node(flow.node).schema.fields.to_vec();
        fields.extend(plan.schema.fields[input.width()..].iter().filter(|_| number).cloned());
        let node = self.push(Op::TopN(top), vec![flow.node], Schema::new(fields));
        let mut exprs = flow.exprs;
        if plan.width() > input.width() {
            exprs.push(self.whole(node).exprs.get(n).cloned().flatten());
        }
        Ok(Flow { node, exprs })
    }

    /// An input with real columns, and a partition and an order as positions in them.
    fn ordered(
        &mut self,
        input: &Plan,
        need: &mut [bool],
        partition: &[usize],
        order: &[SortKey],
    ) -> Result<(Flow, Vec<usize>, Vec<SortKey>), PlanError> {
        partition.iter().for_each(|c| need[*c] = true);
        order.iter().for_each(|k| need[k.column] = true);
        let flow = self.plan(input, need)?;
        let flow = self.settle(flow, &input.schema, need)?;
        let place = |c: usize| flow.plain(c).ok_or_else(|| internal("a lost sort column"));
        let partition = partition.iter().map(|c| place(*c)).collect::<Result<_, _>>()?;
        let key = |k: &SortKey| Ok(SortKey { column: place(k.column)?, ..*k });
        let order = order.iter().map(key).collect::<Result<_, PlanError>>()?;
        Ok((flow, partition, order))
    }

    pub(super) fn over(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Over { input, partition, order, calls } = &plan.node else {
            return Err(internal("not a window function"));
        };
        let width = input.width();
        let mut below = need[..width].to_vec();
        for (call, _) in calls.iter().zip(&need[width..]).filter(|(_, needed)| **needed) {
            call.each_expr(&mut |e| mark(e, &mut below));
        }
        let (flow, partition, order) = self.ordered(input, &mut below, partition, order)?;
        let mut fields = self.node(flow.node).schema.fields.to_vec();
        let n = fields.len();
        let mut kept = Vec::new();
        let mut places = Vec::new();
        for (i, call) in calls.iter().enumerate() {
            let place = if need[width + i] {
                let mut call = call.clone();
                let mut failed = None;
                call.each_expr_mut(&mut |e| match flow.resolve(e) {
                    Ok(resolved) => *e = resolved,
                    Err(error) => failed = Some(error),
                });
                if let Some(error) = failed {
                    return Err(error);
                }
                kept.push(call);
                fields.push(plan.schema.fields[width + i].clone());
                Some(n + kept.len() - 1)
            } else {
                None
            };
            places.push(place);
        }
        if kept.is_empty() {
            let mut exprs = flow.exprs;
            exprs.resize(plan.width(), None);
            return Ok(Flow { node: flow.node, exprs });
        }
        let op = Op::Over { partition, order, calls: kept, by_arrival: false, forget: None };
        let node = self.push(op, vec![flow.node], Schema::new(fields));
        let whole = self.whole(node);
        let mut exprs = flow.exprs;
        exprs.extend(places.into_iter().map(|p| p.and_then(|p| whole.exprs[p].clone())));
        Ok(Flow { node, exprs })
    }

    pub(super) fn unnest(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Unnest { input, call, with_ordinality, outer } = &plan.node else {
            return Err(internal("not an unnest"));
        };
        let width = input.width();
        let mut below = need[..width].to_vec();
        mark(call, &mut below);
        let flow = self.plan(input, &below)?;
        self.check_clock(call)?;
        let flow = self.settle(flow, &input.schema, &below)?;
        let n = self.node(flow.node).schema.len();
        let mut fields = self.node(flow.node).schema.fields.to_vec();
        fields.extend_from_slice(&plan.schema.fields[width..]);
        let op = Op::Unnest {
            call: flow.resolve(call)?,
            with_ordinality: *with_ordinality,
            outer: *outer,
        };
        let node = self.push(op, vec![flow.node], Schema::new(fields));
        let mut exprs = flow.exprs;
        exprs.extend_from_slice(&self.whole(node).exprs[n..]);
        Ok(Flow { node, exprs })
    }

    /// An order that no cut follows means nothing: a relation has none.
    pub(super) fn nested_sort(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Sort { input, .. } = &plan.node else {
            return Err(internal("not a sort"));
        };
        if self.mode != Mode::AdHoc {
            self.notices.push(super::Notice {
                message: "ORDER BY without LIMIT has no effect in a view".into(),
                hint: Some("order the rows where the view is read".into()),
                operator: "Sort".into(),
                span: plan.span.or(self.span),
            });
        }
        self.plan(input, need)
    }

    /// LIMIT inside a query, or of a view: the first rows of one partition that holds everything.
    pub(super) fn nested_limit(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let logical::Node::Limit { input, limit, offset } = &plan.node else {
            return Err(internal("not a limit"));
        };
        let (input, keys): (&Plan, &[SortKey]) = match &input.node {
            logical::Node::Sort { input, keys } => (input, keys),
            _ => (input, &[]),
        };
        if limit.is_none() && *offset == 0 {
            return self.plan(input, need);
        }
        let mut below = need.to_vec();
        let (flow, partition, order) = self.ordered(input, &mut below, &[], keys)?;
        let top = TopN {
            partition,
            order,
            function: RankFunc::RowNumber,
            limit: limit.unwrap_or(u64::MAX),
            offset: *offset,
            number: false,
            retracts: false,
            by_arrival: false,
            forget: None,
        };
        let schema = self.node(flow.node).schema.clone();
        let node = self.push(Op::TopN(top), vec![flow.node], schema);
        Ok(Flow { node, exprs: flow.exprs })
    }
}
