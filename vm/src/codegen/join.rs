//! Joins: one pipeline per side, both ending in a queue; what the residual condition rejects never
//! leaves.
//!
//! The residual condition of an inner join is a filter behind it: the join makes the columns that
//! the condition reads together with its own, once. The other kinds count partners, so the join
//! itself has to know which pairs count: it hands out candidates and is told.
//!
//! The left side's delta meets the old right side, the right side's delta meets the new left side,
//! so every pair is made once. Rows that an outer join pads, and those of semi and anti joins,
//! depend on how many partners a row has after the epoch: a third pipeline drives from the join's
//! state and adds them.
//! Invariant: a residual condition is evaluated for pairs whose keys match, and for no others.

use arena_tr_planner::physical::{Expr, Join, JoinKind, Node};
use arena_tr_types::{Field, PhysicalType, Schema, SqlError};

use super::relational::input;
use super::scope::{Rows, Source};
use super::{Consume, Generator, types_of};
use crate::bytecode::{Driver, JoinSpec, Opcode, QueueId, State, StateId, StateSpec};

fn physical(schema: &Schema) -> Vec<PhysicalType> {
    schema.fields.iter().map(|f| f.data_type.physical()).collect()
}

/// The columns (left, then right) that a condition reads, ascending.
fn columns_read(condition: &Expr) -> Vec<usize> {
    let mut columns = Vec::new();
    condition.each_column(&mut |c| columns.push(c));
    columns.sort_unstable();
    columns.dedup();
    columns
}

impl Generator<'_> {
    pub(super) fn join(
        &mut self,
        node: &Node,
        join: &Join,
        consume: &mut Consume<'_>,
    ) -> Result<(), SqlError> {
        let filtered = join.kind == JoinKind::Inner;
        let residual = join.residual.as_ref().map(columns_read);
        let mut output = join.output.clone();
        if filtered {
            let missing = residual.iter().flatten().filter(|c| !join.output.contains(c));
            output.extend(missing.copied());
        }
        let inputs = [self.input_schema(node, 0)?, self.input_schema(node, 1)?];
        let fields: Vec<_> = inputs.iter().flat_map(|s| s.fields.iter().cloned()).collect();
        let added = output[join.output.len()..].iter().map(|&c| fields[c].clone());
        let schema =
            Schema::new(node.schema.fields.iter().cloned().chain(added).collect::<Vec<_>>());
        let spec = JoinSpec {
            kind: join.kind,
            left_keys: join.left_keys.clone(),
            right_keys: join.right_keys.clone(),
            null_equal: join.null_equal.clone(),
            residual: residual.filter(|_| !filtered),
            left_forget: join.left_forget,
            right_forget: join.right_forget,
            output: output.clone(),
        };
        let (inputs, spec) = (inputs.to_vec(), StateSpec::Join(spec));
        let state = self.builder.add_state(State { inputs, output: schema, spec });
        let queue = self.builder.add_queue(types_of(&node.schema));
        for (which, op) in [(0, Opcode::JoinLeft), (1, Opcode::JoinRight)] {
            self.produce(input(node, which)?, &mut |g, rows| {
                g.join_rows(rows, state, op);
                match &join.residual {
                    Some(condition) if filtered => {
                        g.filter_pairs(join, condition, &fields, &output, queue)
                    }
                    Some(condition) => g.match_pairs(node, condition, &fields, state, queue),
                    None => {
                        let joined = g.after_expansion(&[], &physical(&node.schema));
                        g.push(queue, joined)
                    }
                }
            })?;
        }
        if !filtered {
            self.pipeline(Driver::Changed(state), &mut |g, rows| g.push(queue, rows))?;
        }
        self.pipeline(Driver::Queue(queue), consume)
    }

    /// Brings one side's rows to the join.
    fn join_rows(&mut self, mut rows: Rows, state: StateId, op: Opcode) {
        let columns = self.values_of(&mut rows);
        let sel = self.effect(&mut rows);
        self.builder.emit(op, &[state.into(), columns.into(), sel.into()]);
    }

    /// Hands on the pairs of an inner join, made with these columns (left, then right), that fulfil
    /// a condition.
    fn filter_pairs(
        &mut self,
        join: &Join,
        condition: &Expr,
        fields: &[Field],
        made: &[usize],
        queue: QueueId,
    ) -> Result<(), SqlError> {
        let types: Vec<_> = made.iter().map(|&c| fields[c].data_type.physical()).collect();
        let mut pairs = self.after_expansion(&[], &types);
        // By position among left, then right columns; nobody asks for one that was not made.
        let place = |c: usize| made.iter().position(|&m| m == c).unwrap_or_default();
        pairs.columns = (0..fields.len()).map(|c| Source::New(place(c) as u16)).collect();
        let sel = pairs.sel;
        pairs.sel = self.predicate(&mut pairs, condition, sel)?;
        pairs.columns = join.output.iter().map(|&c| pairs.columns[c]).collect();
        self.push(queue, pairs)
    }

    /// Tells the join which candidates fulfil a condition, and hands on what it makes of them.
    fn match_pairs(
        &mut self,
        node: &Node,
        condition: &Expr,
        fields: &[Field],
        state: StateId,
        queue: QueueId,
    ) -> Result<(), SqlError> {
        let types: Vec<_> = fields.iter().map(|f| f.data_type.physical()).collect();
        let mut pairs = self.after_expansion(&[], &types);
        let sel = pairs.sel;
        pairs.sel = self.predicate(&mut pairs, condition, sel)?;
        let sel = self.effect(&mut pairs);
        self.builder.emit(Opcode::JoinMatch, &[state.into(), sel.into()]);
        let joined = self.after_expansion(&[], &physical(&node.schema));
        debug_assert!(joined.columns.iter().all(|c| matches!(c, Source::New(_))));
        self.push(queue, joined)
    }
}
