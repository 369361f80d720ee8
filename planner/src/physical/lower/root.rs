//! The top of a plan: what an ad-hoc result shows and in which order, what a view's output is, and
//! the end of lowering.
//!
//! Invariant: the root's columns are the query's, followed by hidden sort columns if there are any.

use arena_tr_types::{Field, Schema};

use super::flow::{Flow, Wanted};
use super::{Emit, Lowered, Lowering, Mode, OutputFacts};
use crate::catalog::Relation;
use crate::delta::bounded;
use crate::error::PlanError;
use crate::logical::{self, Plan, SortKey};
use crate::physical::{NodeId, PhysicalPlan, Presentation};

impl Lowering<'_> {
    /// Lowers the whole query to its root node.
    pub(super) fn root(&mut self, plan: &Plan) -> Result<NodeId, PlanError> {
        let node = match self.mode {
            Mode::AdHoc => self.presented(plan)?,
            Mode::Standing { .. } => {
                let flow = self.plan(plan, &vec![true; plan.width()])?;
                let wanted = shown(&flow, &plan.schema)?;
                self.exactly(flow.node, wanted)
            }
        };
        match self.mode {
            Mode::Standing { emit: Emit::OnWindowClose } => self.on_window_close(node, plan),
            _ => Ok(node),
        }
    }

    /// Peels ORDER BY and LIMIT off an ad-hoc query; they are applied to the finished result.
    fn presented(&mut self, plan: &Plan) -> Result<NodeId, PlanError> {
        let (top, exprs) = match &plan.node {
            logical::Node::Project { input, exprs } if is_presented(input) => {
                (&**input, Some(exprs))
            }
            _ => (plan, None),
        };
        let mut presentation = Presentation::default();
        let mut rest = top;
        if let logical::Node::Limit { input, limit, offset } = &rest.node {
            presentation.limit = *limit;
            presentation.offset = *offset;
            rest = input;
        }
        let mut keys: &[SortKey] = &[];
        if let logical::Node::Sort { input, keys: sorted } = &rest.node {
            keys = sorted;
            rest = input;
        }
        let mut need = vec![exprs.is_none(); rest.width()];
        exprs.into_iter().flatten().for_each(|e| super::mark(e, &mut need));
        keys.iter().for_each(|k| need[k.column] = true);
        let flow = self.plan(rest, &need)?;
        let mut wanted = Wanted::default();
        for (i, field) in plan.schema.fields.iter().enumerate() {
            let expr = match exprs {
                Some(exprs) => flow.resolve(&exprs[i])?,
                None => flow.expr(i)?.clone(),
            };
            wanted.append(expr, &field.name);
        }
        for key in keys {
            let column = wanted.add(flow.expr(key.column)?.clone(), "sort");
            presentation.order.push(SortKey { column, ..*key });
        }
        let node = self.exactly(flow.node, wanted);
        let hidden = self.node(node).schema.len() > plan.width();
        presentation.width = hidden.then_some(plan.width());
        self.presentation = presentation;
        Ok(node)
    }

    /// Drops what nothing uses and hands the plan out.
    pub(super) fn finish(mut self, root: NodeId, plan: Plan) -> Result<Lowered, PlanError> {
        let root = self.compact(root);
        let at = root.0 as usize;
        let node = &self.nodes[at];
        let standing = matches!(self.mode, Mode::Standing { .. });
        let closed = self.mode == Mode::Standing { emit: Emit::OnWindowClose };
        let output = OutputFacts {
            // A window closes once, and all of its rows come out in that step, whatever the root's
            // operator.
            append_only: node.append_only || closed,
            bounded: node.frontier.bounded.clone(),
            unique_key: self.facts[at].unique.clone(),
        };
        let shown = node.schema.fields.iter().zip(plan.schema.fields.iter());
        let named =
            |(known, named): (&Field, &Field)| Field { name: named.name.clone(), ..known.clone() };
        let schema = Schema::new(shown.map(named).collect::<Vec<_>>());
        let plan = PhysicalPlan {
            nodes: self.nodes,
            root,
            inputs: self.inputs,
            schema,
            presentation: self.presentation,
        };
        if standing {
            let time = |r: &&Relation| {
                let column = r.watermark?.column;
                Some(r.schema.fields.get(column)?.name.to_string())
            };
            let times: Vec<Option<String>> = self.relations.iter().map(time).collect();
            self.notices.extend(bounded::notices(&plan, &self.spans, &times));
        }
        Ok(Lowered { plan, notices: self.notices, output })
    }

    /// Renumbers the nodes that the root reaches; their order stays.
    fn compact(&mut self, root: NodeId) -> NodeId {
        let mut used = vec![false; self.nodes.len()];
        used[root.0 as usize] = true;
        for i in (0..self.nodes.len()).rev().filter(|i| *i <= root.0 as usize) {
            if used[i] {
                self.nodes[i].inputs.iter().for_each(|id| used[id.0 as usize] = true);
            }
        }
        let mut places = vec![NodeId(0); used.len()];
        let kept = places.iter_mut().zip(&used).filter(|(_, used)| **used);
        for (next, (place, _)) in kept.enumerate() {
            *place = NodeId(next as u32);
        }
        keep(&mut self.nodes, &used);
        keep(&mut self.facts, &used);
        keep(&mut self.spans, &used);
        for node in &mut self.nodes {
            node.inputs.iter_mut().for_each(|id| *id = places[id.0 as usize]);
        }
        places[root.0 as usize]
    }
}

fn keep<T>(items: &mut Vec<T>, used: &[bool]) {
    let mut flags = used.iter();
    items.retain(|_| flags.next() == Some(&true));
}

/// Whether ORDER BY or LIMIT stands at the top.
fn is_presented(plan: &Plan) -> bool {
    matches!(plan.node, logical::Node::Sort { .. } | logical::Node::Limit { .. })
}

/// All columns of a query in order, repeated ones included.
fn shown(flow: &Flow, schema: &Schema) -> Result<Wanted, PlanError> {
    let mut wanted = Wanted::default();
    for (column, field) in schema.fields.iter().enumerate() {
        wanted.append(flow.expr(column)?.clone(), &field.name);
    }
    Ok(wanted)
}
