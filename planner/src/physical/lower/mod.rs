//! Logical plan to physical plan: the only place where a way of computing is chosen.
//!
//! Lowering goes bottom-up and carries projections along lazily ([`flow::Flow`]): expressions
//! become columns only where an operator needs columns. Each node is made through
//! [`Lowering::push`], which derives what the node's output promises (append-only, time bounds) and
//! what it may forget, and gives back an existing node when the same one is there already, so that
//! common subplans run once.
//! Invariant: a node's flags follow from its operator and its inputs alone; nothing is asserted by
//! hand.

mod aggregate;
mod close;
mod flow;
mod join;
mod relational;
mod root;
#[cfg(test)]
mod tests;

use arena_tr_parser::Span;
use arena_tr_types::{DataType, RelationId, Schema, SqlState};

use self::flow::Flow;
use super::{Input, Node, NodeId, Op, PhysicalPlan, Presentation, TimeBound};
use crate::catalog::{Catalog, Relation};
use crate::delta::{self, Facts};
use crate::error::PlanError;
use crate::logical::{self, Expr, Moment, Plan};

/// What the plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A view: stepped with every epoch.
    Standing {
        /// When rows come out.
        emit: Emit,
    },
    /// A SELECT: stepped once over the whole contents.
    AdHoc,
}

/// When a standing query's rows come out. `EMIT EVERY` belongs to the consumer and plans like
/// `Changes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Emit {
    /// With every epoch that changes them.
    #[default]
    Changes,
    /// Once, when their window has closed.
    OnWindowClose,
}

/// A remark about a plan that is legal but probably not what its author wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What is remarkable.
    pub message: String,
    /// The smallest change that mends it.
    pub hint: Option<String>,
    /// Which operator.
    pub operator: String,
    /// Where in the statement.
    pub span: Option<Span>,
}

/// What is known of a query's result.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OutputFacts {
    /// Whether rows are only ever added.
    pub append_only: bool,
    /// Columns that carry the program's watermark: after it reaches `w`, no row below `w - lag`
    /// changes.
    pub bounded: Vec<TimeBound>,
    /// Columns whose values occur in at most one row.
    pub unique_key: Option<Vec<usize>>,
}

/// A lowered query.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The plan.
    pub plan: PhysicalPlan,
    /// Remarks, in plan order.
    pub notices: Vec<Notice>,
    /// What is known of the result.
    pub output: OutputFacts,
}

/// Turns an optimized logical plan into a physical one.
pub fn lower(plan: Plan, catalog: &Catalog, mode: &Mode) -> Result<Lowered, PlanError> {
    let mut lowering = Lowering::new(&plan, catalog, *mode)?;
    let root = lowering.root(&plan)?;
    lowering.finish(root, plan)
}

/// The state of lowering one query.
#[derive(Debug)]
struct Lowering<'a> {
    catalog: &'a Catalog,
    mode: Mode,
    nodes: Vec<Node>,
    /// Beside `nodes`: what is known of each beyond what the virtual machine needs.
    facts: Vec<Facts>,
    /// Beside `nodes`: where in the statement each comes from.
    spans: Vec<Option<Span>>,
    inputs: Vec<Input>,
    relations: Vec<&'a Relation>,
    notices: Vec<Notice>,
    presentation: Presentation,
    /// The place that new nodes are charged to.
    span: Option<Span>,
    /// Whether nodes are being made that see each window once; see [`close`].
    closing: bool,
}

impl<'a> Lowering<'a> {
    fn new(plan: &Plan, catalog: &'a Catalog, mode: Mode) -> Result<Self, PlanError> {
        let mut lowering = Self {
            catalog,
            mode,
            nodes: Vec::new(),
            facts: Vec::new(),
            spans: Vec::new(),
            inputs: Vec::new(),
            relations: Vec::new(),
            notices: Vec::new(),
            presentation: Presentation::default(),
            span: None,
            closing: false,
        };
        lowering.collect_inputs(plan)?;
        Ok(lowering)
    }

    /// One program input per relation and moment, with the columns that any scan of it uses.
    fn collect_inputs(&mut self, plan: &Plan) -> Result<(), PlanError> {
        if let logical::Node::Scan { relation, columns, moment } = &plan.node {
            if moment.is_some() && self.mode != Mode::AdHoc {
                let what = "FOR SYSTEM_TIME AS OF in a query that stands";
                return Err(PlanError::not_built(what).at(plan.span));
            }
            let index = match self.input_of(*relation, moment.as_deref()) {
                Some(index) => index,
                None => {
                    let found = self.catalog.relations.values().find(|r| r.id == *relation);
                    let found = found.ok_or_else(|| internal("a scanned relation is gone"))?;
                    let append_only = found.append_only || self.mode == Mode::AdHoc;
                    self.inputs.push(Input {
                        relation: *relation,
                        name: found.name.clone(),
                        columns: Vec::new(),
                        types: Vec::new(),
                        append_only,
                        moment: moment.as_deref().cloned(),
                    });
                    self.relations.push(found);
                    self.inputs.len() - 1
                }
            };
            let (input, relation) = (&mut self.inputs[index], self.relations[index]);
            input.columns.extend(columns);
            input.columns.sort_unstable();
            input.columns.dedup();
            let fields = &relation.schema.fields;
            input.types = input.columns.iter().map(|c| fields[*c].data_type.clone()).collect();
        }
        plan.children().into_iter().try_for_each(|child| self.collect_inputs(child))
    }

    /// The program input of a relation as of a moment.
    fn input_of(&self, relation: RelationId, moment: Option<&Moment>) -> Option<usize> {
        let same = |i: &Input| i.relation == relation && i.moment.as_ref() == moment;
        self.inputs.iter().position(same)
    }

    /// Adds a node, or finds the equal one that is there already.
    fn push(&mut self, mut op: Op, inputs: Vec<NodeId>, schema: Schema) -> NodeId {
        let context = delta::Context {
            inputs: inputs.iter().map(|id| &self.nodes[id.0 as usize]).collect(),
            facts: inputs.iter().map(|id| &self.facts[id.0 as usize]).collect(),
            ad_hoc: self.mode == Mode::AdHoc,
            closing: self.closing,
        };
        delta::refresh(&mut op, &context);
        let append_only = delta::append_only(&op, &context);
        // Constant rows alone do not tell their types: there may be none, or only NULLs.
        let types = |s: &Schema| s.fields.iter().map(|f| f.data_type.clone()).collect::<Vec<_>>();
        let same = |n: &Node| {
            n.inputs == inputs
                && n.append_only == append_only
                && n.op == op
                && types(&n.schema) == types(&schema)
        };
        if let Some(found) = self.nodes.iter().position(same) {
            return NodeId(found as u32);
        }
        let frontier = delta::frontier(&op, &context);
        let facts = delta::facts(&op, &context, schema.len());
        self.facts.push(facts);
        self.spans.push(self.span);
        self.nodes.push(Node { op, inputs, schema, append_only, frontier });
        NodeId(self.nodes.len() as u32 - 1)
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Lowers a plan of which the parent uses the columns in `need`.
    fn plan(&mut self, plan: &Plan, need: &[bool]) -> Result<Flow, PlanError> {
        let outer = self.span;
        self.span = plan.span.or(outer);
        let flow = match &plan.node {
            logical::Node::Scan { .. } => self.scan(plan, need),
            logical::Node::Values { .. } => self.values(plan),
            logical::Node::Filter { .. } => self.filter(plan, need),
            logical::Node::Project { .. } => self.project(plan, need),
            logical::Node::Join { .. } => self.join(plan, need),
            logical::Node::Aggregate { .. } => self.aggregate(plan, need),
            logical::Node::TimeWindow { .. } => self.time_window(plan, need),
            logical::Node::Distinct { .. } => self.distinct(plan),
            logical::Node::Union { .. } => self.union(plan, need),
            logical::Node::SetOp { .. } => self.set_op(plan),
            logical::Node::TopN { .. } => self.top_n(plan, need),
            logical::Node::Over { .. } => self.over(plan, need),
            logical::Node::Unnest { .. } => self.unnest(plan, need),
            logical::Node::Sort { .. } => self.nested_sort(plan, need),
            logical::Node::Limit { .. } => self.nested_limit(plan, need),
        };
        self.span = outer;
        flow
    }
}

/// A broken promise between rules and lowering: never the user's fault.
fn internal(message: &str) -> PlanError {
    PlanError::new(SqlState::INTERNAL, message, None)
}

/// Marks the columns that an expression uses.
fn mark(expr: &Expr, need: &mut [bool]) {
    expr.each_column(&mut |c| {
        if let Some(slot) = need.get_mut(c) {
            *slot = true;
        }
    });
}

/// Whether a type is a point in time that watermarks are compared with.
pub(crate) fn is_time(ty: &DataType) -> bool {
    matches!(ty, DataType::Timestamp | DataType::TimestampTz)
}
