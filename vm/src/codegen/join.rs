//! Joins: one pipeline per side, both ending in a queue; what the residual condition rejects never leaves.
//!
//! The left side's delta meets the old right side, the right side's delta meets the new left side, so every
//! pair is made once. Rows that an outer join pads, and those of semi and anti joins, depend on how many
//! partners a row has after the epoch: a third pipeline drives from the join's state and adds them.
//! Invariant: a residual condition is evaluated for pairs whose keys match, and for no others.

use arena_tr_planner::physical::{Join, Node};
use arena_tr_types::{PhysicalType, Schema, SqlError};

use super::relational::input;
use super::scope::{Rows, Source};
use super::{Consume, Generator, types_of};
use crate::bytecode::{Driver, JoinSpec, Opcode, QueueId, StateId, StateSpec};

fn physical(schema: &Schema) -> Vec<PhysicalType> {
    schema.fields.iter().map(|f| f.data_type.physical()).collect()
}

impl Generator<'_> {
    pub(super) fn join(
        &mut self,
        node: &Node,
        join: &Join,
        consume: &mut Consume<'_>,
    ) -> Result<(), SqlError> {
        let residual = join.residual.as_ref().map(|residual| {
            let mut columns = Vec::new();
            residual.each_column(&mut |c| columns.push(c));
            columns.sort_unstable();
            columns.dedup();
            columns
        });
        let spec = JoinSpec {
            kind: join.kind,
            left_keys: join.left_keys.clone(),
            right_keys: join.right_keys.clone(),
            null_equal: join.null_equal.clone(),
            residual,
            left_forget: join.left_forget,
            right_forget: join.right_forget,
            output: join.output.clone(),
        };
        let state = self.add_state(node, StateSpec::Join(spec))?;
        let queue = self.builder.add_queue(types_of(&node.schema));
        for (which, op) in [(0, Opcode::JoinLeft), (1, Opcode::JoinRight)] {
            self.produce(input(node, which)?, &mut |g, rows| {
                g.join_side(node, join, rows, state, op, queue)
            })?;
        }
        self.pipeline(Driver::Changed(state), &mut |g, rows| g.push(queue, rows))?;
        self.pipeline(Driver::Queue(queue), consume)
    }

    /// One side: finds the pairs, asks the residual condition, hands on what is joined.
    fn join_side(
        &mut self,
        node: &Node,
        join: &Join,
        mut rows: Rows,
        state: StateId,
        op: Opcode,
        queue: QueueId,
    ) -> Result<(), SqlError> {
        let columns = self.values_of(&mut rows);
        let sel = self.effect(&mut rows);
        self.builder.emit(op, &[state.into(), columns.into(), sel.into()]);
        let output = physical(&node.schema);
        let Some(residual) = &join.residual else {
            let joined = self.after_expansion(&[], &output);
            return self.push(queue, joined);
        };
        let mut types = physical(&self.input_schema(node, 0)?);
        types.extend(physical(&self.input_schema(node, 1)?));
        let mut pairs = self.after_expansion(&[], &types);
        let sel = pairs.sel;
        pairs.sel = self.predicate(&mut pairs, residual, sel)?;
        let sel = self.effect(&mut pairs);
        self.builder.emit(Opcode::JoinMatch, &[state.into(), sel.into()]);
        let joined = self.after_expansion(&[], &output);
        debug_assert!(joined.columns.iter().all(|c| matches!(c, Source::New(_))));
        self.push(queue, joined)
    }
}
