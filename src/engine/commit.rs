//! The commit clock: one commit is one epoch, and all views advance together.
//!
//! The rows of a commit are applied to the relations they belong to; then every view whose inputs
//! changed, or whose watermark moved, steps once, in an order in which each comes after all it
//! reads; then readers and sinks get the epoch's changes. A failing row goes to its view's error
//! relation and the view lives on. A view that fails as a whole says why when it is read, and is
//! rebuilt from its inputs' contents at the next commit that touches them.
//! Invariant: no reader sees a view of another epoch than the rest; nothing is delivered of an
//! epoch before all views have stepped.

use std::collections::{BTreeMap, HashMap};

use arena_tr_storage::Batch;
use arena_tr_types::{DataType, Epoch, RelationId, Timestamp, Value};
use arena_tr_vm::{OnError, RowError, StepInput};

use super::{Engine, FeedState, Reader};
use crate::durable::Delivery;
use crate::durable::record::{CommitHead, Door};
use crate::error::Result;
use crate::subscription::Changes;
use crate::watermark::Gate;

/// The changes of one epoch, by relation.
pub(crate) type Deltas = BTreeMap<RelationId, Vec<Batch>>;

impl Engine {
    /// Commits these changes as one epoch. The rows were checked before: constraints hold, lateness
    /// is judged.
    ///
    /// # Errors
    /// 23503 and 23514 when foreign keys or assertions would not hold; when memory runs out while
    /// contents are applied. A view's own failure is kept with the view.
    pub(crate) fn commit(&mut self, deltas: Deltas) -> Result<Epoch> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.check_prepared(&deltas)?;
        self.commit_ending(deltas, None)
    }

    /// Commits changes that are not in the way of what is prepared; `ending` is the prepared
    /// transaction that they are.
    ///
    /// # Errors
    /// As [`Engine::commit`].
    pub(super) fn commit_ending(&mut self, deltas: Deltas, ending: Option<&str>) -> Result<Epoch> {
        self.check_foreign_keys(&deltas)?;
        let (epoch, now) = (self.epoch.next(), self.time());
        if self.journal.is_some() {
            let doors = self.doors();
            let head = CommitHead { epoch: epoch.0, now, doors };
            if let Some(journal) = &mut self.journal {
                journal.prepare(&head, &deltas, ending)?;
            }
        }
        let asserted = self.step_assertions(&deltas, (epoch, now))?;
        self.touched.clear();
        let committed = self.commit_at(epoch, now, deltas);
        if committed.is_err() {
            self.forget_assertions(&asserted);
        }
        committed.map(|()| epoch)
    }

    /// Commits these changes as this epoch, at this time.
    ///
    /// # Errors
    /// As [`Engine::commit`]; and when the log takes nothing more.
    pub(crate) fn commit_at(
        &mut self,
        epoch: Epoch,
        now: Timestamp,
        mut deltas: Deltas,
    ) -> Result<()> {
        self.make_epoch(epoch);
        self.check(&deltas)?;
        let footprint = self.footprint(&deltas);
        for (id, delta) in &deltas {
            self.apply(*id, delta)?;
        }
        self.note_footprint(footprint);
        self.epoch = epoch;
        self.now = now;
        self.note_epoch();
        let stepped = self.append(epoch).and_then(|()| {
            self.committing = true;
            let stepped = self.step_views(epoch, now, &mut deltas);
            self.committing = false;
            stepped
        });
        if let (Err(error), Some(_)) = (&stepped, &self.journal) {
            self.broken = Some(error.clone());
        }
        stepped?;
        self.charge_history();
        self.keep_for_subscriptions(epoch, now, &deltas);
        self.end_overdue();
        if self.journal.is_none() {
            self.deliver(epoch, now, &deltas, None);
            return Ok(());
        }
        let watermarks = self.followed_watermarks();
        if let Some(journal) = &mut self.journal {
            journal.post(epoch, now, deltas, watermarks);
        }
        Ok(())
    }

    /// Whether all relations can take their changes, so that none is changed if one cannot.
    fn check(&self, deltas: &Deltas) -> Result<()> {
        // One relation is checked as it is changed.
        if deltas.len() < 2 {
            return Ok(());
        }
        for (id, delta) in deltas {
            if let Some(store) = &self.entry(*id)?.store {
                store.check(delta)?;
            }
        }
        Ok(())
    }

    fn append(&mut self, epoch: Epoch) -> Result<()> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.append(epoch))
    }

    /// Waits until everything that was done so far is durable, because something of it is about to
    /// leave while the lock is held.
    ///
    /// # Errors
    /// When the log takes nothing more.
    pub(crate) fn make_durable(&self) -> Result<()> {
        self.journal.as_ref().map_or(Ok(()), |journal| Ok(journal.log.wait(journal.appended)?))
    }

    /// Tells of the epochs that are durable, or that nobody waits for.
    pub(crate) fn deliver_durable(&mut self) {
        let Some(journal) = &self.journal else { return };
        let durable = journal.log.durable();
        while let Some(delivery) = self.journal.as_mut().and_then(|j| j.next_delivery(durable)) {
            let Delivery { epoch, now, deltas, watermarks, .. } = &delivery;
            self.deliver(*epoch, *now, deltas, Some(watermarks));
        }
    }

    /// Where the relations stand that rows came into since the last commit.
    fn doors(&self) -> Vec<Door> {
        let door = |id: &RelationId| {
            let entry = self.relations.get(id)?;
            let (largest, ended) =
                entry.gate.as_ref().map_or((Timestamp::MIN, false), Gate::position);
            let feed = entry.connector.as_ref();
            Some(Door {
                relation: id.0,
                largest,
                ended,
                delivered: feed.map_or(0, |f| f.delivered),
                feed: feed.map_or(0, |f| f.state.to_code()),
                late_rows: entry.counters.late_rows,
                bad_rows: entry.counters.bad_rows,
            })
        };
        self.touched.iter().filter_map(door).collect()
    }

    /// Puts a relation where a commit says that it stood.
    pub(crate) fn set_door(&mut self, door: &Door) {
        let Some(entry) = self.relations.get_mut(&RelationId(door.relation)) else { return };
        if let Some(gate) = &mut entry.gate {
            gate.set_position(door.largest, door.ended);
        }
        if let Some(feed) = &mut entry.connector {
            feed.delivered = door.delivered;
            feed.state = FeedState::from_code(door.feed);
        }
        entry.counters.late_rows = door.late_rows;
        entry.counters.bad_rows = door.bad_rows;
    }

    fn step_views(&mut self, epoch: Epoch, now: Timestamp, deltas: &mut Deltas) -> Result<()> {
        for i in 0..self.order.len() {
            self.step_view(self.order[i], epoch, now, deltas)?;
        }
        Ok(())
    }

    fn apply(&mut self, id: RelationId, delta: &[Batch]) -> Result<()> {
        self.put_aside(id);
        let entry = self.entry_mut(id)?;
        if let Some(store) = &mut entry.store {
            store.apply(delta)?;
        }
        entry.counters.rows_in += delta.iter().map(|b| b.live() as u64).sum::<u64>();
        Ok(())
    }

    fn step_view(
        &mut self,
        id: RelationId,
        epoch: Epoch,
        now: Timestamp,
        deltas: &mut Deltas,
    ) -> Result<()> {
        let Some(view) = self.relations.get(&id).and_then(|e| e.view.as_ref()) else {
            return Ok(());
        };
        let watermark = self.watermark_of(&view.clocks);
        let touched = view.inputs.iter().any(|input| deltas.contains_key(input));
        if !touched && watermark == view.watermark {
            return Ok(());
        }
        if view.failed.is_some() {
            return if touched { self.rebuild(id, epoch, now, deltas) } else { Ok(()) };
        }
        let inputs: Vec<&[Batch]> = view
            .inputs
            .iter()
            .map(|input| deltas.get(input).map_or(&[][..], Vec::as_slice))
            .collect();
        let input = StepInput {
            epoch,
            now,
            watermark,
            deltas: &inputs,
            on_error: OnError::Divert,
            cancel: None,
        };
        let view = self.relations.get_mut(&id).and_then(|e| e.view.as_mut());
        let Some(view) = view else { return Ok(()) };
        view.watermark = watermark;
        match view.task.step(&input) {
            Ok(output) => {
                self.take_errors(id, epoch, &output.errors, deltas)?;
                self.take_output(id, output.delta, deltas)
            }
            Err(error) => {
                self.put_aside(id);
                if let Some(view) = &mut self.entry_mut(id)?.view {
                    view.failed = Some(error.into());
                }
                Ok(())
            }
        }
    }

    /// Applies a view's changes to its contents and lets later views see them.
    pub(crate) fn take_output(
        &mut self,
        id: RelationId,
        delta: Vec<Batch>,
        deltas: &mut Deltas,
    ) -> Result<()> {
        if delta.iter().all(|b| b.live() == 0) {
            return Ok(());
        }
        self.apply(id, &delta)?;
        deltas.insert(id, delta);
        Ok(())
    }

    /// Puts rows that a program could not compute into the view's error relation.
    pub(crate) fn take_errors(
        &mut self,
        id: RelationId,
        epoch: Epoch,
        errors: &[RowError],
        deltas: &mut Deltas,
    ) -> Result<()> {
        let rows = new_errors(errors, epoch);
        if rows.is_empty() {
            return Ok(());
        }
        let entry = self.entry_mut(id)?;
        entry.counters.bad_rows += rows.len() as u64;
        let Some(into) = entry.errors else { return Ok(()) };
        let before = deltas.get(&into).map_or(0, Vec::len);
        self.keep_rejected(into, &rows, deltas)?;
        // In the midst of a commit: the relations' own changes were applied before the views
        // stepped.
        let kept = deltas.get(&into).map_or_else(Vec::new, |d| d[before..].to_vec());
        if self.committing { self.apply(into, &kept) } else { Ok(()) }
    }

    /// Adds rows to a relation of rejected rows, if there is room for them; the counters always
    /// count.
    pub(crate) fn keep_rejected(
        &mut self,
        into: RelationId,
        rows: &[Vec<Value>],
        deltas: &mut Deltas,
    ) -> Result<()> {
        let types: Vec<DataType> = self.entry(into)?.relation.schema.types();
        self.keep_rejected_batch(into, Batch::from_rows(rows, &types)?, deltas)
    }

    /// The same for a batch. The rows are in the changes of the epoch; whoever calls before the
    /// commit leaves applying them to it.
    pub(crate) fn keep_rejected_batch(
        &mut self,
        into: RelationId,
        batch: Batch,
        deltas: &mut Deltas,
    ) -> Result<()> {
        let kept = self.entry(into)?.counters.rows_in as usize;
        let room = self.options.rejected_rows_kept.saturating_sub(kept);
        let batch = if batch.rows() > room { batch.slice(0, room) } else { batch };
        if batch.rows() > 0 {
            deltas.entry(into).or_default().push(batch);
        }
        Ok(())
    }

    /// Tells readers and sinks of an epoch. `at` are the watermarks of the relations then, unless
    /// they are those of now.
    fn deliver(
        &mut self,
        epoch: Epoch,
        now: Timestamp,
        deltas: &Deltas,
        at: Option<&BTreeMap<RelationId, Timestamp>>,
    ) {
        for (id, delta) in deltas {
            if self.relations.get(id).is_some_and(|entry| !entry.readers.is_empty()) {
                self.tell(*id, epoch, delta.clone(), at);
            }
        }
        self.deliver_progress(epoch, deltas, at);
        let recovering = self.recovering;
        for entry in self.sinks.values_mut().filter(|s| s.failed.is_none() && s.since < epoch) {
            let Some(delta) = deltas.get(&entry.input) else { continue };
            if recovering && !entry.sink.begins_empty() {
                continue;
            }
            // A sink that cannot write stops; what it had written stays.
            entry.failed = entry.sink.write(epoch, now, delta).err();
        }
    }

    /// Hands an epoch's changes of a relation to those who follow it.
    fn tell(
        &mut self,
        id: RelationId,
        epoch: Epoch,
        delta: Vec<Batch>,
        at: Option<&BTreeMap<RelationId, Timestamp>>,
    ) {
        let then = at.and_then(|at| at.get(&id).copied());
        let watermark = then.unwrap_or_else(|| self.watermark_of(&self.clocks_of(id)));
        let Some(entry) = self.relations.get_mut(&id) else { return };
        let idle = delta.is_empty();
        let schema = entry.relation.schema.clone();
        let changes = Changes { epoch, watermark, delta, schema };
        entry.readers.retain_mut(|(since, reader)| {
            *since >= epoch || idle && !reader.every_epoch() || reader.take(&changes)
        });
    }

    /// Tells the readers who asked for every epoch of relations that did not change.
    fn deliver_progress(
        &mut self,
        epoch: Epoch,
        deltas: &Deltas,
        at: Option<&BTreeMap<RelationId, Timestamp>>,
    ) {
        let waits = |(_, reader): &(Epoch, Reader)| reader.every_epoch();
        let idle: Vec<RelationId> = self
            .relations
            .iter()
            .filter(|(id, entry)| !deltas.contains_key(id) && entry.readers.iter().any(waits))
            .map(|(id, _)| *id)
            .collect();
        for id in idle {
            self.tell(id, epoch, Vec::new(), at);
        }
    }

    /// The watermarks of the relations that somebody follows.
    fn followed_watermarks(&self) -> BTreeMap<RelationId, Timestamp> {
        let followed = self.relations.iter().filter(|(_, entry)| !entry.readers.is_empty());
        followed.map(|(id, _)| (*id, self.watermark_of(&self.clocks_of(*id)))).collect()
    }
}

impl Reader {
    /// Whether it waits for epochs in which its relation does not change.
    fn every_epoch(&self) -> bool {
        matches!(self, Self::Queue(follower) if follower.every_epoch())
    }

    /// Hands the changes over. False when nobody reads any more.
    fn take(&mut self, changes: &Changes) -> bool {
        match self {
            Self::Callback(callback) => {
                callback(changes);
                true
            }
            Self::Queue(follower) => follower.take(changes),
        }
    }
}

/// The entries of an error relation for the rows that could not be computed and were not there
/// before: a row that leaves fails as it failed when it came, and was told of then.
fn new_errors(errors: &[RowError], epoch: Epoch) -> Vec<Vec<Value>> {
    let mut entries: Vec<(Vec<Value>, i64)> = Vec::with_capacity(errors.len());
    let mut places = HashMap::with_capacity(errors.len());
    for RowError { error, row, weight, .. } in errors {
        let row = Value::Struct(row.as_slice().into()).to_string();
        let place = *places
            .entry((error.state.0, error.message.as_str(), row.clone()))
            .or_insert(entries.len());
        if place == entries.len() {
            let texts = [error.state.0, error.message.as_str(), row.as_str()];
            let mut entry = vec![Value::Int8(epoch.0 as i64)];
            entry.extend(texts.map(|text| Value::Text(text.into())));
            entries.push((entry, 0));
        }
        entries[place].1 += weight;
    }
    entries.into_iter().filter(|(_, weight)| *weight > 0).map(|(entry, _)| entry).collect()
}
