//! Code generation: a physical plan becomes a program.
//!
//! The plan is walked from its root to its inputs, and code is generated on the way back: a node
//! *produces* rows for its consumer, in one pipeline or several. Operators without memory add
//! instructions to the pipeline that is open; an operator with memory ends it with a write and
//! starts another one that drives from the state. A node with several consumers, and a union,
//! writes a queue that each consumer reads. Files: [`scope`] is the open pipeline (shared values,
//! selections, errors), [`expr`] computes expressions, [`predicate`] selects rows, [`relational`]
//! and [`stateful`] are the operators, [`join`] has the rest.
//! Invariant: nothing is chosen here that the plan could have chosen; a plan has one program.

mod expr;
mod join;
mod predicate;
mod relational;
mod scope;
mod stateful;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use arena_tr_planner::physical::{NodeId, Op, PhysicalPlan};
use arena_tr_types::{DataType, Field, Schema, SqlError, SqlState};
use foldhash::fast::FixedState;

use crate::bytecode::builder::Builder;
use crate::bytecode::{Driver, Input, Opcode, Output, Program, QueueId};
use scope::{Rows, Scope};

/// Generates and verifies the program of a plan.
pub fn compile(plan: &PhysicalPlan, name: &str) -> Result<Program, SqlError> {
    let root = node(plan, plan.root)?;
    let output = Output {
        schema: root.schema.clone(),
        append_only: root.append_only,
        presentation: plan.presentation.clone(),
    };
    let mut generator = Generator {
        plan,
        builder: Builder::new(name, output),
        consumers: count_consumers(plan)?,
        shared: HashMap::default(),
        scope: Scope::default(),
    };
    generator.add_inputs();
    generator.produce(plan.root, &mut |g, mut rows| {
        let columns = g.values_of(&mut rows);
        let sel = g.effect(&mut rows);
        g.builder.emit(Opcode::Emit, &[columns.into(), sel.into()]);
        Ok(())
    })?;
    generator.builder.finish()
}

/// A node of the plan; an id out of bounds is a bug of planning, reported as one.
fn node(plan: &PhysicalPlan, id: NodeId) -> Result<&arena_tr_planner::physical::Node, SqlError> {
    plan.nodes.get(id.0 as usize).ok_or_else(|| internal("a plan names a node that does not exist"))
}

/// An error that no user can cause.
pub(crate) fn internal(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INTERNAL, message)
}

/// How many nodes consume each node, of those that the root needs.
fn count_consumers(plan: &PhysicalPlan) -> Result<Vec<usize>, SqlError> {
    let mut consumers = vec![0; plan.nodes.len()];
    node(plan, plan.root)?;
    consumers[plan.root.0 as usize] = 1;
    for id in (0..plan.nodes.len()).rev() {
        if consumers[id] == 0 {
            continue;
        }
        for input in &plan.nodes[id].inputs {
            if input.0 as usize >= id {
                return Err(internal("a plan's node comes before its input"));
            }
            consumers[input.0 as usize] += 1;
        }
    }
    Ok(consumers)
}

/// What is done with the rows that a node produces.
type Consume<'c> = dyn FnMut(&mut Generator<'_>, Rows) -> Result<(), SqlError> + 'c;

/// The program being generated.
struct Generator<'p> {
    plan: &'p PhysicalPlan,
    builder: Builder,
    consumers: Vec<usize>,
    /// The queues of nodes with several consumers, once they are written.
    shared: HashMap<NodeId, QueueId, FixedState>,
    /// What is known in the open pipeline.
    scope: Scope,
}

impl Generator<'_> {
    fn add_inputs(&mut self) {
        for (index, input) in self.plan.inputs.iter().enumerate() {
            let named = self.plan.nodes.iter().find(|node| node.op == Op::Input { index });
            let field = |i: usize| match named.and_then(|node| node.schema.fields.get(i)) {
                Some(field) => field.clone(),
                None => Field::new(format!("column{i}"), input.types[i].clone(), true),
            };
            let columns = input.columns.iter().enumerate();
            self.builder.add_input(Input {
                relation: input.relation,
                name: input.name.clone(),
                columns: columns.map(|(i, position)| (*position, field(i))).collect(),
                append_only: input.append_only,
            });
        }
    }

    /// Generates the code of a node and, for each pipeline in which its rows come, of its consumer.
    fn produce(&mut self, id: NodeId, consume: &mut Consume<'_>) -> Result<(), SqlError> {
        let node = node(self.plan, id)?;
        let is_input = matches!(node.op, Op::Input { .. });
        if self.consumers[id.0 as usize] < 2 || is_input {
            return self.operator(node, consume);
        }
        let queue = match self.shared.get(&id) {
            Some(&queue) => queue,
            None => {
                let queue = self.builder.add_queue(types_of(&node.schema));
                self.operator(node, &mut |g, rows| g.push(queue, rows))?;
                self.shared.insert(id, queue);
                queue
            }
        };
        self.pipeline(Driver::Queue(queue), consume)
    }

    /// A pipeline that drives from `driver`.
    fn pipeline(&mut self, driver: Driver, consume: &mut Consume<'_>) -> Result<(), SqlError> {
        self.begin(driver);
        let n = self.builder.driver_types(driver).len();
        let rows = Rows::of_driver(n);
        consume(self, rows)?;
        self.builder.end();
        Ok(())
    }

    /// Hands rows to a queue.
    fn push(&mut self, queue: QueueId, mut rows: Rows) -> Result<(), SqlError> {
        let columns = self.values_of(&mut rows);
        let sel = self.effect(&mut rows);
        self.builder.emit(Opcode::Push, &[queue.into(), columns.into(), sel.into()]);
        Ok(())
    }
}

/// The column types of a schema.
fn types_of(schema: &Schema) -> Vec<DataType> {
    schema.fields.iter().map(|f| f.data_type.clone()).collect()
}
