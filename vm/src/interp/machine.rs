//! The machine: a frame, the states, the queues and the output of one task, and the loop over
//! instructions.
//!
//! Invariant: between steps every queue is empty and no batch is referenced by a register it was
//! forwarded through.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arena_tr_storage::{Batch, Buffer, Column, Selection};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, SqlError, SqlState, Timestamp, Value};

use super::resolve::{Code, Line};
use super::{Flow, Step};
use crate::bytecode::{ConstId, Driver, StateId};
use crate::frame::{Frame, Origin};
use crate::runtime::state::StateOp;

/// What a row that cannot be computed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The step fails: a statement in a transaction.
    #[default]
    Abort,
    /// The row is taken out and reported: a view over a stream.
    Divert,
}

/// A row that was taken out, with the reason.
#[derive(Debug, Clone, PartialEq)]
pub struct RowError {
    /// Why it could not be computed.
    pub error: SqlError,
    /// The program's input that the row came from; `None` if it was made inside (a join's pair, a
    /// group).
    pub input: Option<usize>,
    /// The row: the used columns of the input, or what it was made of.
    pub row: Vec<Value>,
    /// Its weight.
    pub weight: i64,
}

/// What an instruction did, when a task is analyzed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counter {
    /// How often it ran.
    pub calls: u64,
    /// Selected rows that it worked on.
    pub rows: u64,
    /// Time, in nanoseconds: making rows included, without what runs on them.
    pub ns: u64,
}

/// What an instruction sees besides the machine: code, the driver's batch, the epoch's time.
pub(crate) struct Cx<'a> {
    /// The program's code.
    pub(crate) code: &'a Code,
    /// The pipeline.
    pub(crate) line: &'a Line,
    /// The driver's columns.
    pub(crate) columns: &'a [Column],
    /// Which of them the pipeline sees, if not all in order.
    pub(crate) map: Option<&'a [usize]>,
    /// Where the rows start in the columns.
    pub(crate) start: usize,
    /// How many rows they are.
    pub(crate) rows: usize,
    /// The epoch's timestamp.
    pub(crate) now: Timestamp,
    /// The epoch's other parameters.
    pub(crate) moment: Moment<'a>,
}

impl Cx<'_> {
    /// A column of the driver's batch, without copying.
    #[inline]
    pub(crate) fn column(&self, i: usize) -> Column {
        let column = &self.columns[self.map.map_or(i, |map| map[i])];
        if self.start == 0 && column.len() == self.rows {
            column.clone()
        } else {
            column.slice(self.start, self.rows)
        }
    }

    /// A constant for `rows` rows.
    pub(crate) fn constant_column(&self, c: ConstId, rows: usize) -> Column {
        let whole = &self.code.constant_columns[c.index()];
        if rows <= whole.len() { whole.slice(0, rows) } else { whole.repeat(0, rows) }
    }
}

/// The epoch's parameters, for all pipelines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    pub(crate) on_error: OnError,
    pub(crate) cancel: Option<&'a AtomicBool>,
}

impl Moment<'_> {
    /// An error if the step was cancelled.
    #[inline]
    fn check_cancel(&self) -> Result<(), SqlError> {
        match self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => Err(SqlError::new(
                SqlState::QUERY_CANCELED,
                "canceling statement due to user request",
            )),
            _ => Ok(()),
        }
    }
}

/// The mutable half of a task.
pub(crate) struct Machine {
    pub(crate) frame: Frame,
    pub(crate) states: Vec<StateOp>,
    pub(crate) queues: Vec<Vec<Batch>>,
    pub(crate) output: Vec<Batch>,
    pub(crate) errors: Vec<RowError>,
    /// Counters by instruction number; empty unless analyzing.
    pub(crate) counters: Vec<Counter>,
    /// The batch that `group.upsert` looked up, for the `agg.*` behind it.
    pub(crate) group_batch: Option<Batch>,
}

impl Machine {
    /// Runs a pipeline over a batch of any length; `map` says which of its columns the pipeline
    /// sees.
    pub(crate) fn run_batch(
        &mut self,
        code: &Code,
        line: &Line,
        batch: &Batch,
        map: Option<&[usize]>,
        moment: Moment<'_>,
    ) -> Result<(), SqlError> {
        let rows = batch.rows();
        if batch.is_empty() {
            return Ok(());
        }
        if rows <= BATCH_ROWS {
            let selection = batch.selection.clone().unwrap_or(Selection::All(rows));
            return self.run_slice(code, line, batch, map, moment, (0, rows), selection);
        }
        if let Some(Selection::Indices(_)) = &batch.selection {
            let whole = batch.compact();
            return self.run_batch(code, line, &whole, map, moment);
        }
        for start in (0..rows).step_by(BATCH_ROWS) {
            let len = BATCH_ROWS.min(rows - start);
            self.run_slice(code, line, batch, map, moment, (start, len), Selection::All(len))?;
        }
        Ok(())
    }

    /// Runs a pipeline over what a state has to show.
    pub(crate) fn drain(
        &mut self,
        code: &Code,
        line: &Line,
        state: StateId,
        moment: Moment<'_>,
    ) -> Result<(), SqlError> {
        while let Some(batch) = self.states[state.index()].poll()? {
            self.run_batch(code, line, &batch, None, moment)?;
        }
        let of_group = |error| RowError { error, input: None, row: Vec::new(), weight: 1 };
        let errors = self.states[state.index()].take_errors();
        self.errors.extend(errors.into_iter().map(of_group));
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "the one place where a batch becomes a context")]
    fn run_slice(
        &mut self,
        code: &Code,
        line: &Line,
        batch: &Batch,
        map: Option<&[usize]>,
        moment: Moment<'_>,
        (start, rows): (usize, usize),
        selection: Selection,
    ) -> Result<(), SqlError> {
        moment.check_cancel()?;
        let now = moment.now;
        let cx = Cx { code, line, columns: &batch.columns, map, start, rows, now, moment };
        let weights = batch.weights.as_ref().map(|weights| {
            if weights.len() == rows { weights.clone() } else { weights.slice(start..start + rows) }
        });
        self.frame.start(rows, weights, selection, Origin::Driver);
        self.run(&line.steps, &cx)
    }

    /// Runs instructions in order; behind an expansion, once per turn.
    fn run(&mut self, steps: &[Step], cx: &Cx<'_>) -> Result<(), SqlError> {
        if !self.counters.is_empty() {
            return self.run_counted(steps, cx);
        }
        for (k, step) in steps.iter().enumerate() {
            match (step.run)(self, step, cx)? {
                Flow::Next => {}
                Flow::Stop => return Ok(()),
                Flow::Expand(mut turns) => {
                    while turns.turn(self, cx)? {
                        cx.moment.check_cancel()?;
                        self.run(&steps[k + 1..], cx)?;
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The same, measured.
    fn run_counted(&mut self, steps: &[Step], cx: &Cx<'_>) -> Result<(), SqlError> {
        for (k, step) in steps.iter().enumerate() {
            let under = step.inst.op.info().under();
            let rows = under.map_or(self.frame.rows, |slot| {
                self.frame.sels[step.inst.get(slot) as usize].len()
            });
            let begin = Instant::now();
            let flow = (step.run)(self, step, cx);
            let counter = &mut self.counters[step.number];
            counter.calls += 1;
            counter.rows += rows as u64;
            counter.ns += begin.elapsed().as_nanos() as u64;
            match flow? {
                Flow::Next => {}
                Flow::Stop => return Ok(()),
                Flow::Expand(mut turns) => loop {
                    let begin = Instant::now();
                    let more = turns.turn(self, cx)?;
                    self.counters[step.number].ns += begin.elapsed().as_nanos() as u64;
                    if !more {
                        return Ok(());
                    }
                    cx.moment.check_cancel()?;
                    self.run_counted(&steps[k + 1..], cx)?;
                },
            }
        }
        Ok(())
    }

    /// Reports the failed rows (once each) and returns their indices, ascending; or fails with the
    /// first.
    #[cold]
    pub(crate) fn report_failed(&mut self, cx: &Cx<'_>) -> Result<Vec<usize>, SqlError> {
        let mut failed = std::mem::take(&mut self.frame.failed);
        failed.sort_by_key(|(row, _)| *row);
        failed.dedup_by_key(|(row, _)| *row);
        if cx.moment.on_error == OnError::Abort {
            let first = failed.into_iter().next();
            return match first {
                Some((_, error)) => Err(error),
                None => Ok(Vec::new()),
            };
        }
        let mut rows = Vec::with_capacity(failed.len());
        for (row, error) in failed {
            let (input, values) = self.describe(cx, row);
            let weight = self.frame.weights.as_ref().map_or(1, |w| w[row]);
            self.errors.push(RowError { error, input, row: values, weight });
            rows.push(row);
        }
        Ok(rows)
    }

    /// The values of a failed row, and the input that it came from.
    fn describe(&self, cx: &Cx<'_>, row: usize) -> (Option<usize>, Vec<Value>) {
        let at = match &self.frame.origin {
            Origin::Driver => row,
            Origin::Mapped(rows) => usize::from(rows[row]),
            Origin::Pairs => {
                let columns = self.frame.new_columns.iter().zip(&cx.line.pair_types);
                return (None, columns.map(|(c, ty)| c.value(row, ty)).collect());
            }
        };
        let input = match cx.line.driver {
            Driver::Delta(i) => Some(usize::from(i)),
            _ => None,
        };
        let value = |(i, ty): (usize, &DataType)| {
            cx.columns[cx.map.map_or(i, |m| m[i])].value(cx.start + at, ty)
        };
        (input, cx.line.types.iter().enumerate().map(value).collect())
    }

    /// A batch of these columns of the current rows, under a selection.
    pub(crate) fn batch_of(&self, step: &Step, cx: &Cx<'_>) -> Batch {
        let frame = &self.frame;
        let columns = step.args.iter().map(|&val| super::pure::column_of(frame, cx, val)).collect();
        let selection = match frame.sel(crate::bytecode::Sel(step.inst.sel)) {
            Selection::All(_) => None,
            indices => Some(indices.clone()),
        };
        Batch::new(columns, frame.rows)
            .with_weights(frame.weights.clone())
            .with_selection(selection)
    }

    /// Weights of rows that are repeated: those of the rows they come from.
    pub(crate) fn repeat_weights(
        weights: Option<&Buffer<i64>>,
        rows: &[u16],
    ) -> Option<Buffer<i64>> {
        weights.map(|weights| rows.iter().map(|&i| weights[usize::from(i)]).collect())
    }
}
