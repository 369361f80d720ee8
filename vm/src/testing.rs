//! Helpers of this crate's tests: plans by hand, rows as values.
//!
//! Invariant: nothing here is compiled into the library.

use std::sync::Arc;

use arena_tr_planner::physical::{
    Expr, ExprKind, Frontier, Input, Node, NodeId, Op, PhysicalPlan, Presentation,
};
use arena_tr_storage::Batch;
use arena_tr_storage::arena::Pool;
use arena_tr_types::{DataType, Epoch, Field, Func, RelationId, Schema, SqlError, Value};

use crate::{OnError, Program, StepInput, StepOutput, Task, compile};

/// Columns of these names and types; `?` behind a name makes it nullable.
pub(crate) fn schema(fields: &[(&str, DataType)]) -> Schema {
    let field = |(name, ty): &(&str, DataType)| {
        Field::new(name.trim_end_matches('?'), ty.clone(), name.ends_with('?'))
    };
    Schema::new(fields.iter().map(field).collect::<Vec<_>>())
}

/// A plan that grows node by node.
pub(crate) struct PlanBuilder {
    plan: PhysicalPlan,
}

impl PlanBuilder {
    pub(crate) fn new() -> Self {
        Self {
            plan: PhysicalPlan {
                nodes: Vec::new(),
                root: NodeId(0),
                inputs: Vec::new(),
                schema: schema(&[]),
                presentation: Presentation::default(),
            },
        }
    }

    pub(crate) fn input(&mut self, name: &str, schema: &Schema, append_only: bool) -> NodeId {
        let index = self.plan.inputs.len();
        self.plan.inputs.push(Input {
            moment: None,
            relation: RelationId(index as u32 + 1),
            name: name.into(),
            columns: (0..schema.len()).collect(),
            types: schema.fields.iter().map(|f| f.data_type.clone()).collect(),
            append_only,
        });
        self.node(Op::Input { index }, &[], schema, append_only)
    }

    pub(crate) fn node(
        &mut self,
        op: Op,
        inputs: &[NodeId],
        schema: &Schema,
        append_only: bool,
    ) -> NodeId {
        self.plan.nodes.push(Node {
            op,
            inputs: inputs.to_vec(),
            schema: schema.clone(),
            append_only,
            frontier: Frontier::default(),
        });
        NodeId(self.plan.nodes.len() as u32 - 1)
    }

    pub(crate) fn schema_of(&self, node: NodeId) -> Schema {
        self.plan.nodes[node.0 as usize].schema.clone()
    }

    pub(crate) fn filter(&mut self, input: NodeId, predicate: Expr) -> NodeId {
        let schema = self.schema_of(input);
        self.node(Op::Filter { predicate }, &[input], &schema, true)
    }

    pub(crate) fn project(&mut self, input: NodeId, exprs: Vec<(&str, Expr)>) -> NodeId {
        let fields: Vec<Field> =
            exprs.iter().map(|(name, e)| Field::new(*name, e.ty.clone(), true)).collect();
        let exprs = exprs.into_iter().map(|(_, e)| e).collect();
        self.node(Op::Project { exprs }, &[input], &Schema::new(fields), true)
    }

    pub(crate) fn finish(mut self, root: NodeId) -> PhysicalPlan {
        self.plan.root = root;
        self.plan.schema = self.schema_of(root);
        self.plan
    }
}

pub(crate) fn expr(kind: ExprKind, ty: DataType) -> Expr {
    Expr { kind, ty, nullable: true, span: None }
}

pub(crate) fn col(i: usize, ty: DataType) -> Expr {
    expr(ExprKind::Column(i), ty)
}

pub(crate) fn lit(value: Value) -> Expr {
    let ty = value.data_type();
    expr(ExprKind::Literal(value), ty)
}

pub(crate) fn int(i: i64) -> Expr {
    lit(Value::Int8(i))
}

pub(crate) fn text(s: &str) -> Value {
    Value::Text(s.into())
}

pub(crate) fn call(func: Func, args: Vec<Expr>, ty: DataType) -> Expr {
    expr(ExprKind::Call { func, args }, ty)
}

pub(crate) fn compare(func: Func, a: Expr, b: Expr) -> Expr {
    call(func, vec![a, b], DataType::Bool)
}

/// A task and its clock.
pub(crate) struct Runner {
    pub(crate) task: Task,
    types: Vec<DataType>,
    inputs: Vec<Vec<DataType>>,
    epoch: u64,
    pub(crate) watermark: i64,
    pub(crate) on_error: OnError,
}

impl Runner {
    /// Compiles the plan, checks that its text reads back, makes a task.
    pub(crate) fn new(plan: &PhysicalPlan) -> Self {
        let program = compile(plan, "test").expect("the plan compiles");
        let again = Program::parse(&program.to_text()).expect("the text reads back");
        assert_eq!(again.to_text(), program.to_text());
        let types = program.output().schema.fields.iter().map(|f| f.data_type.clone()).collect();
        let task = Task::new(Arc::new(again), Pool::global(), 1).expect("the program has code");
        Self {
            task,
            types,
            inputs: plan.inputs.iter().map(|i| i.types.clone()).collect(),
            epoch: 0,
            watermark: i64::MIN,
            on_error: OnError::Divert,
        }
    }

    /// Steps over batches given per input.
    pub(crate) fn step(&mut self, deltas: &[Vec<Batch>]) -> Result<StepOutput, SqlError> {
        self.epoch += 1;
        let deltas: Vec<&[Batch]> = deltas.iter().map(Vec::as_slice).collect();
        self.task.step(&StepInput {
            epoch: Epoch(self.epoch),
            now: 0,
            watermark: self.watermark,
            deltas: &deltas,
            on_error: self.on_error,
            cancel: None,
        })
    }

    /// Steps over weighted rows per input, in batches of `size`; the change, sorted.
    pub(crate) fn rows(&mut self, deltas: &[Vec<(Vec<Value>, i64)>], size: usize) -> Vec<String> {
        let batches: Vec<Vec<Batch>> = deltas
            .iter()
            .zip(&self.inputs)
            .map(|(rows, types)| batches(rows, types, size))
            .collect();
        let output = self.step(&batches).expect("the step succeeds");
        self.show(&output)
    }

    /// The change as sorted lines `weight|value|value`.
    pub(crate) fn show(&self, output: &StepOutput) -> Vec<String> {
        show(output, &self.types)
    }
}

pub(crate) fn show(output: &StepOutput, types: &[DataType]) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in &output.delta {
        for (row, weight) in batch.to_weighted_rows(types) {
            let values: Vec<String> = row
                .iter()
                .map(|v| if v.is_null() { "NULL".to_owned() } else { v.to_text() })
                .collect();
            lines.push(format!("{weight:+}|{}", values.join("|")));
        }
    }
    lines.sort();
    lines
}

/// Weighted rows in batches of `size`.
pub(crate) fn batches(rows: &[(Vec<Value>, i64)], types: &[DataType], size: usize) -> Vec<Batch> {
    rows.chunks(size)
        .map(|chunk| {
            let values: Vec<Vec<Value>> = chunk.iter().map(|(row, _)| row.clone()).collect();
            let batch = Batch::from_rows(&values, types).expect("rows of the input's types");
            let unit = chunk.iter().all(|(_, weight)| *weight == 1);
            batch.with_weights((!unit).then(|| chunk.iter().map(|(_, weight)| *weight).collect()))
        })
        .collect()
}

/// Rows that arrive once each.
pub(crate) fn once(rows: Vec<Vec<Value>>) -> Vec<(Vec<Value>, i64)> {
    rows.into_iter().map(|row| (row, 1)).collect()
}

/// The batch sizes at which everything is tried.
pub(crate) const SIZES: [usize; 6] = [1, 2, 63, 64, 65, 1024];
