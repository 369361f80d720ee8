//! A task: a program with its state, stepped once per epoch.
//!
//! A step runs the pipelines in order. Each sees all batches of its driver before the next pipeline
//! runs, so every operator has the whole epoch's input before anything downstream sees its result.
//! The watermark moves with the step, after the deltas: it closes windows in the pipelines that
//! drive from them, and at the end of the step lets states forget.
//! Invariant: a step either returns its whole result or an error; after an error the task is
//! poisoned, because states may have seen part of the epoch, and refuses further steps.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arena_tr_storage::arena::Pool;
use arena_tr_storage::state::visit::{StateVisitor, Visit, mismatch};
use arena_tr_storage::{Batch, StorageError};
use arena_tr_types::time::TIMESTAMP_NEG_INFINITY;
use arena_tr_types::{Epoch, SqlError, SqlState, Timestamp};

use super::state::StateOp;
use crate::bytecode::{Driver, Program};
use crate::frame::Frame;
use crate::interp::{Code, Counter, Machine, Moment, OnError, RowError};

/// What an epoch brings to a program.
#[derive(Debug, Clone, Copy)]
pub struct StepInput<'a> {
    /// The epoch.
    pub epoch: Epoch,
    /// Its timestamp: `now()`.
    pub now: Timestamp,
    /// The smallest watermark of the event-time sources that the program reads, as of the end of
    /// the epoch.
    pub watermark: Timestamp,
    /// For each of the program's inputs the delta, with all columns of the relation.
    pub deltas: &'a [&'a [Batch]],
    /// What a row that cannot be computed means.
    pub on_error: OnError,
    /// Set from another thread to end the step with SQLSTATE 57014; looked at before every batch.
    pub cancel: Option<&'a AtomicBool>,
}

/// What a program makes of an epoch.
#[derive(Debug, Clone, Default)]
pub struct StepOutput {
    /// The change of the result; consolidated if something left it.
    pub delta: Vec<Batch>,
    /// Rows that were diverted.
    pub errors: Vec<RowError>,
}

/// A program with its state.
pub struct Task {
    program: Arc<Program>,
    code: Code,
    machine: Machine,
    /// For each input, which columns of the relation the program sees; `None`: all, in order.
    maps: Vec<Option<Vec<usize>>>,
    /// Constant rows that the first step yields.
    values: Vec<Batch>,
    watermark: Timestamp,
    first: bool,
    poisoned: bool,
}

impl Task {
    /// A task of this program with empty state, whose memory comes from `pool` and is charged to
    /// `view`.
    pub fn new(program: Arc<Program>, pool: &Pool, view: u32) -> Result<Self, SqlError> {
        let code = Code::resolve(&program)?;
        let states = program.states.iter().enumerate();
        let states = states.map(|(i, state)| StateOp::new(state, pool, view, i as u16));
        let machine = Machine {
            frame: Frame::new(program.registers.len(), usize::from(program.n_selections)),
            states: states.collect::<Result<_, _>>()?,
            queues: vec![Vec::new(); program.queues.len()],
            output: Vec::new(),
            errors: Vec::new(),
            counters: Vec::new(),
            group_batch: None,
        };
        let maps = program
            .inputs
            .iter()
            .map(|input| Some(input.columns.iter().map(|(i, _)| *i).collect()));
        let values = program.values.iter().map(|table| Batch::from_rows(&table.rows, &table.types));
        Ok(Self {
            maps: maps.collect(),
            values: values.collect::<Result<_, _>>()?,
            code,
            machine,
            program,
            watermark: TIMESTAMP_NEG_INFINITY,
            first: true,
            poisoned: false,
        })
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// What its state can be loaded into: [`Program::state_fingerprint`].
    pub fn fingerprint(&self) -> u64 {
        self.program.state_fingerprint()
    }

    /// Brings one epoch's change through the program.
    pub fn step(&mut self, input: &StepInput<'_>) -> Result<StepOutput, SqlError> {
        if self.poisoned {
            return Err(SqlError::new(
                SqlState::OBJECT_IN_WRONG_STATE,
                format!(
                    "\"{}\" failed in an earlier epoch and must be rebuilt",
                    self.program.name()
                ),
            ));
        }
        debug_assert_eq!(input.deltas.len(), self.program.inputs.len(), "one delta per input");
        let result = self.run(input);
        self.end_step();
        let mut delta = std::mem::take(&mut self.machine.output);
        let errors = std::mem::take(&mut self.machine.errors);
        self.first = false;
        if let Err(error) = result {
            self.poisoned = true;
            return Err(error);
        }
        if delta.iter().any(Batch::has_retractions) {
            delta = Batch::consolidate(delta);
        }
        Ok(StepOutput { delta, errors })
    }

    fn run(&mut self, input: &StepInput<'_>) -> Result<(), SqlError> {
        let StepInput { now, on_error, cancel, .. } = *input;
        let moment = Moment { now, on_error, cancel };
        let moved = input.watermark > self.watermark;
        self.watermark = self.watermark.max(input.watermark);
        for state in &mut self.machine.states {
            state.divert_errors(on_error == OnError::Divert);
        }
        for line in &self.code.pipelines {
            let m = &mut self.machine;
            match line.driver {
                Driver::Delta(i) => {
                    let i = usize::from(i);
                    for batch in input.deltas.get(i).copied().unwrap_or_default() {
                        m.run_batch(&self.code, line, batch, self.maps[i].as_deref(), moment)?;
                    }
                }
                Driver::Queue(q) => {
                    let batches = std::mem::take(&mut m.queues[q.index()]);
                    for batch in &batches {
                        m.run_batch(&self.code, line, batch, None, moment)?;
                    }
                    m.queues[q.index()] = batches;
                }
                Driver::Values(v) if self.first => {
                    m.run_batch(&self.code, line, &self.values[v.index()], None, moment)?;
                }
                Driver::Values(_) => {}
                Driver::Changed(g) => m.drain(&self.code, line, g, moment)?,
                Driver::Close(g) => {
                    m.drain(&self.code, line, g, moment)?;
                    if moved {
                        m.states[g.index()].advance(self.watermark)?;
                        m.drain(&self.code, line, g, moment)?;
                    }
                }
            }
        }
        if moved {
            for state in &mut self.machine.states {
                state.forget(self.watermark);
            }
        }
        Ok(())
    }

    /// Bytes of state that each operator holds, in the order of the program's states.
    pub fn held_bytes(&self) -> Vec<usize> {
        self.machine.states.iter().map(StateOp::held_bytes).collect()
    }

    /// Starts or stops counting calls, rows and time of each instruction.
    pub fn analyze(&mut self, on: bool) {
        let n = if on { self.code.n_steps } else { 0 };
        self.machine.counters = vec![Counter::default(); n];
    }

    /// The counters of each pipeline's instructions; empty unless analyzing.
    pub fn counters(&self) -> Vec<Vec<Counter>> {
        if self.machine.counters.is_empty() {
            return Vec::new();
        }
        let of_line = |line: &crate::interp::Line| {
            line.steps.iter().map(|step| self.machine.counters[step.number]).collect()
        };
        self.code.pipelines.iter().map(of_line).collect()
    }

    /// Whether it counts what its instructions do.
    pub fn is_analyzed(&self) -> bool {
        !self.machine.counters.is_empty()
    }

    /// The program's text with the counters behind each instruction, and what each state holds:
    /// `EXPLAIN ANALYZE`.
    pub fn to_text(&self) -> String {
        let counters = self.counters();
        let mut text = self.program.to_text_with(|pipeline, inst| {
            let c = counters.get(pipeline)?.get(inst)?;
            let per_row = c.ns as f64 / c.rows.max(1) as f64;
            let ms = c.ns as f64 / 1e6;
            Some(format!("{} calls, {} rows, {ms:.3} ms, {per_row:.2} ns/row", c.calls, c.rows))
        });
        for (i, bytes) in self.held_bytes().into_iter().enumerate() {
            text += &format!("; state {i} holds {bytes} bytes\n");
        }
        text
    }

    /// Ends whatever a step began, as far as it is not state.
    fn end_step(&mut self) {
        self.machine.queues.iter_mut().for_each(Vec::clear);
        self.machine.group_batch = None;
        self.machine.frame.release();
    }

    /// Whether a step failed; the task must be rebuilt then.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl Visit for Task {
    /// Shows everything that the next step depends on. A task that is loaded must be of a program
    /// with the same [`Program::state_fingerprint`]; it goes on like the one that was saved. One
    /// whose loading fails is poisoned.
    ///
    /// # Errors
    /// The visitor's; when a poisoned task is to be saved.
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.end_step();
            self.machine.output.clear();
            self.machine.errors.clear();
            self.poisoned = true;
        } else if self.poisoned {
            return Err(mismatch("a task that failed has no state that could be saved"));
        }
        self.watermark.visit(visitor)?;
        self.first.visit(visitor)?;
        self.machine.states.iter_mut().try_for_each(|state| state.visit(visitor))?;
        self.poisoned = false;
        Ok(())
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("program", &self.program.name()).finish_non_exhaustive()
    }
}
