//! The moment of a snapshot: what the database is, noted under the lock without copying it.
//!
//! Invariant: everything noted is of one epoch, between two commits.

use std::sync::Arc;
use std::time::Instant;

use arena_tr_storage::Batch;
use arena_tr_storage::arena::FrozenArena;
use arena_tr_storage::log::Lsn;
use arena_tr_storage::snapshot::StateSaver;
use arena_tr_storage::state::Visit;
use arena_tr_storage::table::TableSnapshot;
use arena_tr_types::RelationId;

use super::Home;
use super::index::{Moment, RelationHead, SavedSubscription, SinkHead, SubscriptionHead, ViewHead};
use crate::connector::SyncSink;
use crate::engine::{Engine, Entry};
use crate::error::Result;
use crate::watermark::Gate;

/// What the database is at one moment.
pub(crate) struct Captured {
    pub(super) moment: Moment,
    pub(super) relations: Vec<CapturedRelation>,
    /// The arenas to be written, and the names of all.
    pub(super) frozen: Vec<(u64, FrozenArena)>,
    pub(super) names: Vec<u64>,
    /// Makes durable what sinks have written.
    pub(super) syncs: Vec<SyncSink>,
    /// None for a database in memory.
    pub(super) home: Option<Home>,
}

/// A relation at that moment.
pub(crate) struct CapturedRelation {
    pub(super) head: RelationHead,
    pub(super) contents: Option<TableSnapshot>,
    /// What its view's state noted.
    pub(super) notes: Vec<u8>,
}

/// Changes that a sink is still to be given.
pub(super) struct Undelivered {
    pub(super) sink: String,
    pub(super) epoch: u64,
    pub(super) now: i64,
    pub(super) delta: Vec<Batch>,
}

impl Engine {
    /// Prepares the many small parts of large states until then, so that capturing them takes
    /// little time; whether there is nothing left to prepare.
    ///
    /// # Errors
    /// None that capturing has not as well.
    pub(crate) fn prepare_capture(
        &mut self,
        saver: &mut StateSaver<'_>,
        until: Instant,
    ) -> Result<bool> {
        saver.prepare(until);
        for view in self.relations.values_mut().filter_map(|entry| entry.view.as_mut()) {
            if view.failed.is_none() {
                view.task.visit(saver)?;
            }
        }
        Ok(saver.prepared())
    }

    /// Takes note of everything.
    ///
    /// # Errors
    /// When the contents are ahead of a log that is lost.
    pub(crate) fn capture(&mut self, mut saver: StateSaver<'_>) -> Result<Captured> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let home = self.journal.as_ref().map(|journal| Home {
            log: Arc::clone(&journal.log),
            manifest: Arc::clone(&journal.files.manifest),
        });
        let lsn = self.journal.as_ref().map_or(Lsn(0), |journal| journal.appended);
        let definitions = self.definitions.prune();
        let ids = self.definitions.relations();
        let mut relations = Vec::with_capacity(ids.len());
        for (id, entry) in &mut self.relations {
            if ids.contains(id) {
                relations.push(entry.capture(*id, &mut saver)?);
            }
        }
        let (frozen, names) = saver.finish();
        let (sinks, syncs) = self.capture_sinks();
        let moment = Moment {
            lsn,
            epoch: self.epoch.0,
            now: self.now,
            next_id: self.next_id,
            definitions,
            sinks,
            undelivered: self.undelivered(),
            subscriptions: self.capture_subscriptions(),
            prepared: self.prepared.iter().cloned().collect(),
        };
        Ok(Captured { moment, relations, frozen, names, syncs, home })
    }

    /// Where sinks are. One that cannot say so stops, as one that cannot write does.
    fn capture_sinks(&mut self) -> (Vec<SinkHead>, Vec<SyncSink>) {
        let (mut heads, mut syncs) = (Vec::new(), Vec::new());
        for (name, entry) in &mut self.sinks {
            let mut position = None;
            if entry.failed.is_none() {
                match entry.sink.position() {
                    Ok(Some(at)) => {
                        position = Some(at.state);
                        syncs.push(at.sync);
                    }
                    Ok(None) => {}
                    Err(error) => entry.failed = Some(error),
                }
            }
            heads.push(SinkHead {
                name: name.clone(),
                since: entry.since.0,
                position,
                begins_empty: entry.sink.begins_empty(),
                failed: entry.failed.as_ref().map(|error| error.message().to_owned()),
            });
        }
        (heads, syncs)
    }

    fn capture_subscriptions(&self) -> Vec<SavedSubscription> {
        let saved = self.tracked.iter().map(|(name, tracked)| SavedSubscription {
            head: SubscriptionHead { name: name.clone(), place: tracked.place },
            queue: tracked.queue().cloned().collect(),
        });
        saved.collect()
    }

    /// What was committed and not told yet, of what sinks read.
    fn undelivered(&self) -> Vec<Undelivered> {
        let mut undelivered = Vec::new();
        let outbox = self.journal.iter().flat_map(|journal| journal.outbox());
        for delivery in outbox {
            for (name, sink) in &self.sinks {
                let Some(delta) = delivery.deltas.get(&sink.input) else { continue };
                if sink.failed.is_none() && sink.since < delivery.epoch {
                    undelivered.push(Undelivered {
                        sink: name.clone(),
                        epoch: delivery.epoch.0,
                        now: delivery.now,
                        delta: delta.clone(),
                    });
                }
            }
        }
        undelivered
    }
}

impl Entry {
    fn capture(&mut self, id: RelationId, saver: &mut StateSaver<'_>) -> Result<CapturedRelation> {
        let contents = self.store.as_ref().map(arena_tr_storage::table::RelationStore::snapshot);
        let mut view = None;
        if let Some(of) = &mut self.view {
            let failed = of.failed.as_ref().map(|error| error.message().to_owned());
            if failed.is_none() {
                of.task.visit(saver)?;
            }
            let fingerprint = of.task.fingerprint();
            view = Some(ViewHead { watermark: of.watermark, fingerprint, failed });
        }
        let feed = self.connector.as_ref();
        let head = RelationHead {
            id: id.0,
            gate: self.gate.as_ref().map(Gate::position),
            delivered: feed.map_or(0, |feed| feed.delivered),
            feed: feed.map_or(0, |feed| feed.state.to_code()),
            rows_in: self.counters.rows_in,
            late_rows: self.counters.late_rows,
            bad_rows: self.counters.bad_rows,
            table: contents.as_ref().map(TableSnapshot::header),
            view,
        };
        Ok(CapturedRelation { head, contents, notes: saver.take_notes() })
    }
}
