//! The database at one epoch, held by a transaction for as long as policy lets it.
//!
//! Invariant: what is held never changes; once given up it is gone, and whoever asks for it is told
//! so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arena_tr_planner::catalog::Catalog;
use arena_tr_storage::arena::Pool;
use arena_tr_storage::table::TableSnapshot;
use arena_tr_types::{Epoch, RelationId, SqlState, Timestamp};

use crate::engine::Engine;
use crate::error::{Error, Result};

/// All contents at one epoch.
pub(crate) struct Snapshots {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) epoch: Epoch,
    pub(crate) pool: Pool,
    /// Where [`super::Footprints`] stood.
    pub(crate) footprint: u64,
    /// The contents of each relation, or why there is nothing to read.
    relations: BTreeMap<RelationId, Result<TableSnapshot>>,
}

/// What an open transaction reads, as long as it has it.
pub(crate) struct Held {
    /// Whether its transaction may change rows.
    pub(super) may_write: bool,
    since: Timestamp,
    snapshots: Mutex<Option<Arc<Snapshots>>>,
}

impl Snapshots {
    pub(crate) fn new(engine: &Engine) -> Self {
        let kept = |(id, entry): (&RelationId, &crate::engine::Entry)| (*id, entry.snapshot());
        Self {
            catalog: Arc::clone(&engine.catalog),
            epoch: engine.epoch,
            pool: engine.pool.clone(),
            footprint: engine.footprints.now(),
            relations: engine.relations.iter().map(kept).collect(),
        }
    }

    /// The contents of a relation.
    pub(crate) fn of(&self, id: RelationId) -> Result<TableSnapshot> {
        self.relations.get(&id).cloned().unwrap_or_else(|| Err(crate::engine::gone(id)))
    }
}

impl Held {
    /// What is held, if it still is and is not older than `max_age`.
    pub(crate) fn get(&self, now: Timestamp, max_age: Option<Duration>) -> Result<Arc<Snapshots>> {
        if max_age.is_some_and(|max_age| self.is_overdue(now, max_age)) {
            self.give_up();
        }
        self.peek()
    }

    /// What is held, whatever its age.
    pub(crate) fn peek(&self) -> Result<Arc<Snapshots>> {
        let held = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(|| {
            Error::new(SqlState::SNAPSHOT_TOO_OLD, "snapshot too old").with_hint(
                "the transaction was open for longer than Options::snapshot_max_age; run it again",
            )
        })
    }

    fn is_overdue(&self, now: Timestamp, max_age: Duration) -> bool {
        let age = now.saturating_sub(self.since);
        u128::try_from(age).is_ok_and(|micros| micros > max_age.as_micros())
    }

    fn give_up(&self) {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Engine {
    /// Takes the snapshots that a transaction reads from now on.
    pub(crate) fn hold(&mut self, may_write: bool) -> Arc<Held> {
        let snapshots = Mutex::new(Some(Arc::new(Snapshots::new(self))));
        let held = Arc::new(Held { may_write, since: self.time(), snapshots });
        self.held.retain(|other| other.strong_count() > 0);
        self.held.push(Arc::downgrade(&held));
        held
    }

    /// Takes the snapshots away from transactions that have had them for too long.
    pub(crate) fn end_overdue(&mut self) {
        let Some(max_age) = self.options.snapshot_max_age else { return };
        let now = self.now;
        self.held.retain(|held| {
            let Some(held) = Weak::upgrade(held) else { return false };
            let overdue = held.is_overdue(now, max_age);
            if overdue {
                held.give_up();
            }
            !overdue
        });
    }
}
