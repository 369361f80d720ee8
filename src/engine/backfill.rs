//! Bringing a new view up to the present.
//!
//! A view made over relations that already have a past starts from that past: the contents of what
//! is stored, and for sources, which are not stored, the same rows read again from the start,
//! judged for lateness as they were the first time. A source that cannot be read again (standard
//! input) gives only what comes from now on, and a notice says so.
//! Invariant: after backfill the view's contents equal its query over all rows accepted so far, as
//! far as its sources can be read again.

use arena_tr_planner::catalog::RelationKind;
use arena_tr_storage::Batch;
use arena_tr_types::{Epoch, RelationId, Timestamp};
use arena_tr_vm::{OnError, StepInput, Task};

use super::commit::Deltas;
use super::{Engine, FeedState};
use crate::connector::{Polled, Want};
use crate::durable::record::PastStep;
use crate::error::{Error, Result};
use crate::watermark::Gate;

impl Engine {
    /// Steps a fresh view over everything its inputs hold, and returns its first changes (also
    /// applied to its contents). Notices about sources that cannot be read again are added to
    /// `notices`.
    ///
    /// # Errors
    /// When a source cannot be opened again, or the view fails as a whole.
    pub(crate) fn backfill(
        &mut self,
        id: RelationId,
        notices: &mut Vec<String>,
    ) -> Result<Vec<Batch>> {
        let Some(view) = self.relations.get(&id).and_then(|e| e.view.as_ref()) else {
            return Ok(Vec::new());
        };
        let (inputs, clocks) = (view.inputs.clone(), view.clocks.clone());
        let mut all = Vec::new();
        let contents: Vec<Vec<Batch>> = inputs.iter().map(|i| self.contents(*i)).collect();
        self.backfill_step(id, &contents, Timestamp::MIN, &mut all)?;
        for (i, input) in inputs.iter().enumerate() {
            self.replay(id, i, *input, inputs.len(), &mut all, notices)?;
        }
        let watermark = self.watermark_of(&clocks);
        if watermark != Timestamp::MIN {
            let nothing = vec![Vec::new(); inputs.len()];
            self.backfill_step(id, &nothing, watermark, &mut all)?;
        }
        Ok(all)
    }

    /// Makes a failed view anew from its inputs' contents. Only what is stored can be asked again,
    /// so a view over a source stays failed.
    pub(crate) fn rebuild(
        &mut self,
        id: RelationId,
        epoch: Epoch,
        now: Timestamp,
        deltas: &mut Deltas,
    ) -> Result<()> {
        let Some(view) = self.relations.get(&id).and_then(|e| e.view.as_ref()) else {
            return Ok(());
        };
        let (inputs, clocks) = (view.inputs.clone(), view.clocks.clone());
        if !inputs.iter().all(|input| self.is_stored(*input)) {
            return Ok(());
        }
        let contents: Vec<Vec<Batch>> = inputs.iter().map(|i| self.contents(*i)).collect();
        let slices: Vec<&[Batch]> = contents.iter().map(Vec::as_slice).collect();
        let watermark = self.watermark_of(&clocks);
        let mut task = Task::new(view.program.clone(), &self.pool, id.0)?;
        let input = StepInput {
            epoch,
            now,
            watermark,
            deltas: &slices,
            on_error: OnError::Divert,
            cancel: None,
        };
        let Ok(output) = task.step(&input) else { return Ok(()) };
        let old = self.contents(id);
        self.put_aside(id);
        if let Some(view) = self.entry_mut(id)?.view.as_mut() {
            view.task = task;
            view.failed = None;
            view.watermark = watermark;
        }
        let mut delta: Vec<Batch> = old.iter().map(Batch::negate).collect();
        delta.extend(output.delta);
        self.take_errors(id, epoch, &output.errors, deltas)?;
        self.take_output(id, Batch::consolidate(delta), deltas)
    }

    /// What a stored relation holds; nothing of a source.
    pub(crate) fn contents(&self, id: RelationId) -> Vec<Batch> {
        self.relations.get(&id).and_then(|e| e.store.as_ref()).map_or_else(Vec::new, |s| s.scan())
    }

    fn backfill_step(
        &mut self,
        id: RelationId,
        inputs: &[Vec<Batch>],
        watermark: Timestamp,
        all: &mut Vec<Batch>,
    ) -> Result<()> {
        let slices: Vec<&[Batch]> = inputs.iter().map(Vec::as_slice).collect();
        let (epoch, now) = (self.epoch, self.time());
        let Some(view) = self.entry_mut(id)?.view.as_mut() else { return Ok(()) };
        view.watermark = watermark;
        let output = view.task.step(&StepInput {
            epoch,
            now,
            watermark,
            deltas: &slices,
            on_error: OnError::Divert,
            cancel: None,
        });
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                view.failed = Some(error.into());
                return Ok(());
            }
        };
        let mut rejected = Deltas::new();
        self.take_errors(id, epoch, &output.errors, &mut rejected)?;
        for (into, delta) in &rejected {
            self.apply_output(*into, delta)?;
        }
        self.apply_output(id, &output.delta)?;
        all.extend(output.delta);
        Ok(())
    }

    fn apply_output(&mut self, id: RelationId, delta: &[Batch]) -> Result<()> {
        match &mut self.entry_mut(id)?.store {
            Some(store) => Ok(store.apply(delta)?),
            None => Ok(()),
        }
    }

    /// Reads a source's past again for one input of a view.
    fn replay(
        &mut self,
        id: RelationId,
        input_idx: usize,
        source: RelationId,
        n_inputs: usize,
        all: &mut Vec<Batch>,
        notices: &mut Vec<String>,
    ) -> Result<()> {
        let entry = self.entry(source)?;
        let started = entry.connector.as_ref().is_some_and(|f| f.state != FeedState::Fresh);
        if entry.relation.kind != RelationKind::Source || !started {
            return Ok(());
        }
        if self.recalled.is_some() {
            return self.recall(id, input_idx, n_inputs, all);
        }
        let entry = self.entry(source)?;
        let name = entry.relation.name.clone();
        let gate = entry.gate.as_ref().map(|g| Gate::new(g.column, g.delay));
        let delivered = entry.connector.as_ref().map_or(0, |f| f.delivered);
        let mut past = self.reopen(source)?;
        if !past.restart()? {
            notices.push(format!("source \"{name}\" cannot be read again: the view starts now"));
            return Ok(());
        }
        let mut replay = Replay { gate, left: delivered };
        while replay.left > 0 {
            let want = replay.left.min(self.options.source_batch_rows as u64) as usize;
            let columns = vec![true; self.delivered_columns(source)?];
            match past.poll(&Want { max_rows: want, columns: &columns })? {
                Polled::Rows(batch, _) => {
                    replay.left = replay.left.saturating_sub(batch.live() as u64);
                    let batches = self.replayed(source, batch, &mut replay.gate)?;
                    if let Some(journal) = &mut self.journal {
                        journal.note_past(input_idx, &batches)?;
                    }
                    let mut inputs = vec![Vec::new(); n_inputs];
                    inputs[input_idx] = batches;
                    self.backfill_step(id, &inputs, Timestamp::MIN, all)?;
                }
                Polled::Pending | Polled::End => {
                    return Err(Error::new(
                        arena_tr_types::SqlState::IO_ERROR,
                        format!("source \"{name}\" gave fewer rows when it was read again"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The same from what was logged when the view was made.
    fn recall(
        &mut self,
        id: RelationId,
        input_idx: usize,
        n_inputs: usize,
        all: &mut Vec<Batch>,
    ) -> Result<()> {
        let own = |step: &mut PastStep| step.input == input_idx;
        while let Some(step) = self.recalled.as_mut().and_then(|r| r.pop_front_if(own)) {
            let mut inputs = vec![Vec::new(); n_inputs];
            inputs[input_idx] = step.batches;
            self.backfill_step(id, &inputs, Timestamp::MIN, all)?;
        }
        Ok(())
    }

    /// A batch of a source's past with its computed columns, without the rows that were late.
    fn replayed(
        &mut self,
        source: RelationId,
        batch: Batch,
        gate: &mut Option<Gate>,
    ) -> Result<Vec<Batch>> {
        let (epoch, now) = (self.epoch, self.time());
        let batches = match &mut self.entry_mut(source)?.compute {
            None => vec![batch],
            Some(task) => {
                let deltas = [std::slice::from_ref(&batch)];
                let on_error = OnError::Divert;
                let watermark = Timestamp::MIN;
                task.step(&StepInput {
                    epoch,
                    now,
                    watermark,
                    deltas: &deltas,
                    on_error,
                    cancel: None,
                })?
                .delta
            }
        };
        let judge = |batch: Batch| {
            let batch = batch.compact();
            match gate.as_mut().and_then(|g| g.judge(&batch).accepted) {
                None => batch,
                Some(rows) => batch.take_rows(&rows),
            }
        };
        Ok(batches.into_iter().map(judge).collect())
    }
}

struct Replay {
    gate: Option<Gate>,
    left: u64,
}
