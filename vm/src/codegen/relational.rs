//! Operators without memory: they add instructions to the open pipeline.
//!
//! Invariant: columns that an operator passes on are forwarded, never copied; only expansions
//! gather.

use arena_tr_planner::physical::{Expr, ExprKind, Node, NodeId, Op, TimeWindow};
use arena_tr_types::{DataType, Func, PhysicalType, SqlError, Value};

use super::scope::{Rows, Source};
use super::{Consume, Generator, internal, node, types_of};
use crate::bytecode::builder::Operand;
use crate::bytecode::{Driver, Opcode, Val, ValuesTable};

impl Generator<'_> {
    /// Generates one operator and its inputs.
    pub(super) fn operator(
        &mut self,
        node: &Node,
        consume: &mut Consume<'_>,
    ) -> Result<(), SqlError> {
        match &node.op {
            Op::Input { index } => {
                let index = u16::try_from(*index).map_err(|_| internal("too many inputs"))?;
                self.pipeline(Driver::Delta(index), consume)
            }
            Op::Values { rows } => self.values(node, rows, consume),
            Op::Filter { predicate } => self.produce(input(node, 0)?, &mut |g, mut rows| {
                g.filter(&mut rows, predicate)?;
                consume(g, rows)
            }),
            Op::Project { exprs } => self.produce(input(node, 0)?, &mut |g, rows| {
                let rows = g.project(rows, exprs)?;
                consume(g, rows)
            }),
            Op::WindowAssign { time, window } => self.produce(input(node, 0)?, &mut |g, rows| {
                let rows = g.assign_window(rows, *time, window)?;
                consume(g, rows)
            }),
            Op::Union => self.union(node, consume),
            Op::Unnest { call, with_ordinality, outer } => {
                self.produce(input(node, 0)?, &mut |g, rows| {
                    let rows = g.unnest(rows, call, *with_ordinality, *outer)?;
                    consume(g, rows)
                })
            }
            _ => self.stateful(node, consume),
        }
    }

    fn project(&mut self, mut rows: Rows, exprs: &[Expr]) -> Result<Rows, SqlError> {
        let mut columns = Vec::with_capacity(exprs.len());
        for expr in exprs {
            columns.push(match expr.kind {
                // A column that is only passed on is not loaded before somebody needs it.
                ExprKind::Column(i) if i < rows.columns.len() => rows.columns[i],
                _ => {
                    let sel = rows.sel;
                    Source::Val(self.expr(&mut rows, expr, sel)?)
                }
            });
        }
        Ok(Rows { columns, sel: rows.sel })
    }

    /// Constant rows: literal ones from a table, computed ones each in a pipeline of its own.
    fn values(
        &mut self,
        node: &Node,
        rows: &[Vec<Expr>],
        consume: &mut Consume<'_>,
    ) -> Result<(), SqlError> {
        let types = types_of(&node.schema);
        let literal = |row: &[Expr]| -> Option<Vec<Value>> {
            let value = |expr: &Expr| match &expr.kind {
                ExprKind::Literal(value) => Some(value.clone()),
                _ => None,
            };
            row.iter().map(value).collect()
        };
        let constant: Option<Vec<Vec<Value>>> = rows.iter().map(|row| literal(row)).collect();
        if let Some(rows) = constant {
            let table = self.builder.add_values(ValuesTable { types, rows });
            return self.pipeline(Driver::Values(table), consume);
        }
        let queue = self.builder.add_queue(types);
        let table = ValuesTable { types: Vec::new(), rows: vec![Vec::new()] };
        let one = self.builder.add_values(table);
        for row in rows {
            self.pipeline(Driver::Values(one), &mut |g, rows| {
                let rows = g.project(rows, row)?;
                g.push(queue, rows)
            })?;
        }
        self.pipeline(Driver::Queue(queue), consume)
    }

    fn union(&mut self, node: &Node, consume: &mut Consume<'_>) -> Result<(), SqlError> {
        if let [only] = node.inputs.as_slice() {
            return self.produce(*only, consume);
        }
        let queue = self.builder.add_queue(types_of(&node.schema));
        for input in &node.inputs {
            self.produce(*input, &mut |g, rows| g.push(queue, rows))?;
        }
        self.pipeline(Driver::Queue(queue), consume)
    }

    /// A constant of 64 bits: a length of time.
    pub(super) fn length(&mut self, micros: i64) -> crate::bytecode::ConstId {
        self.builder.constant(&DataType::Int8, &Value::Int8(micros))
    }

    fn assign_window(
        &mut self,
        mut rows: Rows,
        time: usize,
        window: &TimeWindow,
    ) -> Result<Rows, SqlError> {
        let source = *rows.columns.get(time).ok_or_else(|| internal("a window without a time"))?;
        if self.type_of(source) != PhysicalType::I64 {
            return Err(SqlError::unsupported(
                "a time window over a column other than a timestamp",
            ));
        }
        let val = self.column(&mut rows, time, PhysicalType::I64);
        let t = self.register_of(val);
        let (op, lengths) = match *window {
            TimeWindow::Tumble { size, offset } => {
                rows.sel = self.selection(Opcode::SelNotNull, vec![t.into()], rows.sel);
                let (size, offset) = (self.length(size), self.length(offset));
                let operands: Vec<Operand> = vec![t.into(), size.into(), offset.into()];
                let start = self.pure(Opcode::WindowStart, operands, PhysicalType::I64, rows.sel);
                let start_reg = self.register_of(start);
                let operands: Vec<Operand> = vec![start_reg.into(), size.into()];
                let end = self.pure(Opcode::WindowEnd, operands, PhysicalType::I64, rows.sel);
                rows.columns.extend([Source::Val(start), Source::Val(end)]);
                return Ok(rows);
            }
            TimeWindow::Hop { slide, size, offset } => (Opcode::WindowHop, [slide, size, offset]),
            TimeWindow::Cumulate { step, max, offset } => {
                (Opcode::WindowCumulate, [step, max, offset])
            }
            TimeWindow::Session { .. } => {
                return Err(internal("sessions are an operator of their own"));
            }
        };
        let lengths: Vec<Val> = lengths.into_iter().map(|n| self.length(n).into()).collect();
        let before = self.values_of(&mut rows);
        let sel = self.effect(&mut rows);
        self.builder.emit(op, &[t.into(), lengths.into(), sel.into()]);
        Ok(self.after_expansion(&before, &[PhysicalType::I64; 2]))
    }

    fn unnest(
        &mut self,
        mut rows: Rows,
        call: &Expr,
        with_ordinality: bool,
        outer: bool,
    ) -> Result<Rows, SqlError> {
        let (array, element) = match (&call.kind, &call.ty) {
            (ExprKind::Call { func, args }, DataType::List(element))
                if is_unnest(*func) && args.len() == 1 =>
            {
                (&args[0], element.as_ref().clone())
            }
            (_, DataType::List(element)) => (call, element.as_ref().clone()),
            (_, other) => {
                return Err(SqlError::unsupported(format!("expanding a value of type {other}")));
            }
        };
        let sel = rows.sel;
        let val = self.expr(&mut rows, array, sel)?;
        let list = self.register_of(val);
        let null = self.builder.constant(&element, &Value::Null);
        let before = self.values_of(&mut rows);
        let sel = self.effect(&mut rows);
        let op = if outer { Opcode::UnnestOuter } else { Opcode::Unnest };
        self.builder.emit(op, &[list.into(), null.into(), sel.into()]);
        let types = [element.physical(), PhysicalType::I64];
        let mut rows = self.after_expansion(&before, &types);
        if !with_ordinality {
            rows.columns.pop();
        }
        Ok(rows)
    }
}

/// Functions whose result is their argument's elements.
fn is_unnest(_: Func) -> bool {
    false
}

/// The id of a node's `i`th input.
pub(super) fn input(node: &Node, i: usize) -> Result<NodeId, SqlError> {
    node.inputs.get(i).copied().ok_or_else(|| internal("an operator lacks an input"))
}

impl Generator<'_> {
    /// The schema of a node's `i`th input.
    pub(super) fn input_schema(
        &self,
        of: &Node,
        i: usize,
    ) -> Result<arena_tr_types::Schema, SqlError> {
        Ok(node(self.plan, input(of, i)?)?.schema.clone())
    }
}
