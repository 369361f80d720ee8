//! Operators with memory: their input's pipeline ends in a write, their output drives the next
//! pipeline.
//!
//! Invariant: every state has exactly one pipeline that drives from it, behind all that write it.

use arena_tr_planner::physical::{Aggregate, Node, Op, WindowCall};
use arena_tr_types::{SqlError, Value};

use super::relational::input;
use super::scope::{Rows, Source};
use super::{Consume, Generator, internal};
use crate::bytecode::builder::Operand;
use crate::bytecode::{Driver, Opcode, OverCall, OverSpec, State, StateId, StateSpec};
use arena_tr_planner::physical::{Expr, ExprKind};

impl Generator<'_> {
    /// Generates a stateful operator.
    pub(super) fn stateful(
        &mut self,
        node: &Node,
        consume: &mut Consume<'_>,
    ) -> Result<(), SqlError> {
        match &node.op {
            Op::Aggregate(spec) => self.aggregate(node, spec, consume),
            Op::PaneAggregate(spec) => {
                let spec = StateSpec::Pane(spec.clone());
                self.one_input(node, spec, Opcode::PaneUpdate, Driver::Close, consume)
            }
            Op::SessionAggregate(spec) => {
                let spec = StateSpec::Session(spec.clone());
                self.one_input(node, spec, Opcode::SessionUpdate, Driver::Close, consume)
            }
            Op::SessionAssign { time, gap, partition, forget } => {
                let (time, gap, forget) = (*time, *gap, *forget);
                let spec =
                    StateSpec::SessionAssign { time, gap, partition: partition.clone(), forget };
                self.one_input(node, spec, Opcode::SessionAssign, Driver::Changed, consume)
            }
            Op::Distinct { forget } => {
                let spec = StateSpec::Distinct { forget: *forget };
                self.one_input(node, spec, Opcode::DistinctUpdate, Driver::Changed, consume)
            }
            Op::TopN(spec) => {
                let spec = StateSpec::Top(spec.clone());
                self.one_input(node, spec, Opcode::TopUpdate, Driver::Changed, consume)
            }
            Op::HoldUntilClose { column } => {
                let spec = StateSpec::Hold { column: *column };
                self.one_input(node, spec, Opcode::HoldUpdate, Driver::Close, consume)
            }
            Op::Over { .. } => self.over(node, consume),
            Op::SetOp { op, all } => {
                let state = self.add_state(node, StateSpec::SetOp { op: *op, all: *all })?;
                self.write(node, 0, state, Opcode::SetOpLeft)?;
                self.write(node, 1, state, Opcode::SetOpRight)?;
                self.pipeline(Driver::Changed(state), consume)
            }
            Op::Join(join) => self.join(node, join, consume),
            _ => Err(internal("an operator without code")),
        }
    }

    /// The state of an operator.
    pub(super) fn add_state(&mut self, node: &Node, spec: StateSpec) -> Result<StateId, SqlError> {
        let inputs = (0..node.inputs.len()).map(|i| self.input_schema(node, i));
        let inputs = inputs.collect::<Result<_, _>>()?;
        Ok(self.builder.add_state(State { inputs, output: node.schema.clone(), spec }))
    }

    /// Writes all rows of an input to a state.
    fn write(
        &mut self,
        node: &Node,
        which: usize,
        state: StateId,
        op: Opcode,
    ) -> Result<(), SqlError> {
        self.produce(input(node, which)?, &mut |g, mut rows| {
            g.write_rows(&mut rows, state, op);
            Ok(())
        })
    }

    fn write_rows(&mut self, rows: &mut Rows, state: StateId, op: Opcode) {
        let columns = self.values_of(rows);
        let sel = self.effect(rows);
        self.builder.emit(op, &[state.into(), columns.into(), sel.into()]);
    }

    fn one_input(
        &mut self,
        node: &Node,
        spec: StateSpec,
        op: Opcode,
        driver: fn(StateId) -> Driver,
        consume: &mut Consume<'_>,
    ) -> Result<(), SqlError> {
        let state = self.add_state(node, spec)?;
        self.write(node, 0, state, op)?;
        self.pipeline(driver(state), consume)
    }

    fn aggregate(
        &mut self,
        node: &Node,
        spec: &Aggregate,
        consume: &mut Consume<'_>,
    ) -> Result<(), SqlError> {
        let state = self.add_state(node, StateSpec::Group(spec.clone()))?;
        self.produce(input(node, 0)?, &mut |g, mut rows| {
            g.write_rows(&mut rows, state, Opcode::GroupUpsert);
            for (k, agg) in spec.aggs.iter().enumerate() {
                let op = Opcode::of_aggregate(agg.func);
                g.builder.emit(op, &[state.into(), Operand::Agg(k as u16)]);
            }
            Ok(())
        })?;
        self.pipeline(Driver::Changed(state), consume)
    }

    /// Window functions: arguments that are not columns are computed behind the input's columns,
    /// and dropped again from the result.
    fn over(&mut self, node: &Node, consume: &mut Consume<'_>) -> Result<(), SqlError> {
        let Op::Over { partition, order, calls, by_arrival, forget } = &node.op else {
            return Err(internal("no window functions"));
        };
        let schema = self.input_schema(node, 0)?;
        let mut extra: Vec<Expr> = Vec::new();
        let mut column = |expr: &Expr| match expr.kind {
            ExprKind::Column(i) => i,
            _ => match extra.iter().position(|other| other == expr) {
                Some(i) => schema.len() + i,
                None => {
                    extra.push(expr.clone());
                    schema.len() + extra.len() - 1
                }
            },
        };
        let mut call = |call: &WindowCall| OverCall {
            func: call.func,
            args: call.args.iter().map(&mut column).collect(),
            filter: call.filter.as_ref().map(&mut column),
            frame: call.frame.clone(),
            ty: call.ty.clone(),
        };
        let calls: Vec<OverCall> = calls.iter().map(&mut call).collect();
        let (partition, order) = (partition.clone(), order.clone());
        let n_calls = calls.len();
        let (by_arrival, forget) = (*by_arrival, *forget);
        let spec = StateSpec::Over(OverSpec { partition, order, calls, by_arrival, forget });
        let state = self.add_over(node, spec, &schema, &extra);
        self.produce(input(node, 0)?, &mut |g, mut rows| {
            for expr in &extra {
                let sel = rows.sel;
                let val = g.expr(&mut rows, expr, sel)?;
                rows.columns.push(Source::Val(val));
            }
            g.write_rows(&mut rows, state, Opcode::OverUpdate);
            Ok(())
        })?;
        self.pipeline(Driver::Changed(state), &mut |g, mut rows| {
            let kept = schema.len();
            let results = rows.columns.split_off(rows.columns.len() - n_calls);
            rows.columns.truncate(kept);
            rows.columns.extend(results);
            consume(g, rows)
        })
    }

    /// The state of window functions: its rows carry the computed arguments too.
    fn add_over(
        &mut self,
        node: &Node,
        spec: StateSpec,
        schema: &arena_tr_types::Schema,
        extra: &[Expr],
    ) -> StateId {
        use arena_tr_types::{Field, Schema};
        let computed = extra
            .iter()
            .enumerate()
            .map(|(i, expr)| Field::new(format!("argument{i}"), expr.ty.clone(), expr.nullable));
        let input: Vec<Field> = schema.fields.iter().cloned().chain(computed).collect();
        let results = node.schema.fields.iter().skip(schema.len()).cloned();
        let output: Vec<Field> = input.iter().cloned().chain(results).collect();
        let state = State { inputs: vec![Schema::new(input)], output: Schema::new(output), spec };
        self.builder.add_state(state)
    }

    /// A NULL of a column's type, for rows without a partner.
    #[allow(dead_code, reason = "used by joins that pad in code")]
    fn null_of(&mut self, ty: &arena_tr_types::DataType) -> crate::bytecode::ConstId {
        self.builder.constant(ty, &Value::Null)
    }
}
