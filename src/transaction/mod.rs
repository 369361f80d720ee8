//! A transaction of several statements: snapshot isolation.
//!
//! Its first statement takes [`snapshot`]s of all relations; everything it reads is those and what
//! it has staged itself ([`work`]). COMMIT takes the lock once, finds out whether what it changes
//! was changed by nobody else since ([`footprint`]), and makes one epoch of it: the first committer
//! wins. Only what it changes is looked at, never what it read, so write skew is possible.
//! Invariant: before COMMIT nobody else sees any of it; after a failed COMMIT nothing of it is
//! there, event time included.

mod footprint;
mod park;
mod snapshot;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_tr_planner::catalog::{Catalog, Relation};
use arena_tr_storage::Batch;
use arena_tr_types::{Epoch, RelationId, SqlState, Timestamp};

use crate::database::Database;
use crate::engine::Engine;
use crate::engine::attempt::Attempt;
use crate::engine::commit::Deltas;
use crate::error::{Error, Result};
use crate::statement::Settings;

pub(crate) use footprint::{Footprints, leaving};
pub(crate) use snapshot::{Held, Snapshots};
use work::Work;

/// An open transaction.
pub(crate) struct Transaction {
    /// What `now()` is, for all its statements.
    pub(crate) began: Timestamp,
    pub(crate) read_only: bool,
    /// A statement failed: nothing but its end is waited for.
    pub(crate) failed: bool,
    held: Option<Arc<Held>>,
    work: BTreeMap<RelationId, Work>,
    savepoints: Vec<Savepoint>,
    /// The settings at its beginning.
    settings: Settings,
}

/// Where a transaction can be rolled back to.
struct Savepoint {
    name: String,
    /// How many statements each relation had staged.
    staged: BTreeMap<RelationId, usize>,
    settings: Settings,
}

impl Transaction {
    pub(crate) fn new(began: Timestamp, read_only: bool, settings: Settings) -> Self {
        let (held, work, savepoints) = (None, BTreeMap::new(), Vec::new());
        Self { began, read_only, failed: false, held, work, savepoints, settings }
    }

    /// A statement of it failed.
    pub(crate) fn fail(&mut self) {
        self.failed = true;
        if self.savepoints.is_empty() {
            self.held = None;
            self.work.clear();
        }
    }

    /// Takes the snapshots if this is its first statement; fails if they are too old.
    pub(crate) fn enter(&mut self, db: &Database) -> Result<()> {
        let mut engine = db.engine();
        match &self.held {
            Some(held) => held.get(engine.time(), engine.options.snapshot_max_age).map(drop),
            None => {
                self.held = Some(engine.hold(!self.read_only));
                Ok(())
            }
        }
    }

    /// What it reads.
    pub(crate) fn snapshots(&self) -> Result<Arc<Snapshots>> {
        let none = || Error::new(SqlState::INTERNAL, "a transaction without a snapshot");
        self.held.as_ref().ok_or_else(none)?.peek()
    }

    /// A relation's rows as the transaction sees them.
    pub(crate) fn contents(&mut self, id: RelationId) -> Result<Vec<Batch>> {
        let snapshots = self.snapshots()?;
        let base = snapshots.of(id)?;
        match self.work.get_mut(&id) {
            None => Ok(base.scan()),
            Some(work) => {
                work.contents(&*relation_of(&snapshots.catalog, id)?, &base, &snapshots.pool)
            }
        }
    }

    /// Makes the copy of a relation in which rows are to change.
    pub(crate) fn prepare(&mut self, id: RelationId) -> Result<()> {
        let snapshots = self.snapshots()?;
        let relation = relation_of(&snapshots.catalog, id)?;
        let work = self.work.entry(id).or_default();
        work.whole(&relation, &snapshots.of(id)?, &snapshots.pool).map(drop)
    }

    /// Stages a statement's changes.
    ///
    /// # Errors
    /// 23505 when a key would be there twice, 40001 when a relation has gone since.
    pub(crate) fn stage(&mut self, engine: &Engine, deltas: Deltas) -> Result<()> {
        let snapshots = self.snapshots()?;
        engine.check_prepared(&deltas)?;
        for (id, mut delta) in deltas {
            delta.retain(|batch| batch.live() > 0);
            if delta.is_empty() {
                continue;
            }
            let relation = relation_of(&snapshots.catalog, id)?;
            let live = engine.relations.get(&id).and_then(|entry| entry.store.as_ref());
            let live = live.ok_or_else(|| dropped(&relation.name))?;
            let base = snapshots.of(id)?;
            let work = self.work.entry(id).or_default();
            work.stage(&relation, (&base, live), &snapshots.pool, delta)?;
        }
        Ok(())
    }

    /// Sets a savepoint.
    pub(crate) fn set_savepoint(&mut self, name: &str, settings: &Settings) {
        let staged = self.work.iter().map(|(id, work)| (*id, work.len())).collect();
        let settings = settings.clone();
        self.savepoints.push(Savepoint { name: name.to_owned(), staged, settings });
    }

    /// Goes back to a savepoint, which stays; gives the settings of then.
    pub(crate) fn back_to(&mut self, name: &str) -> Result<Settings> {
        let at = self.savepoint(name)?;
        self.savepoints.truncate(at + 1);
        let savepoint = &self.savepoints[at];
        for (id, work) in &mut self.work {
            work.truncate(savepoint.staged.get(id).copied().unwrap_or(0));
        }
        self.failed = false;
        Ok(savepoint.settings.clone())
    }

    /// Forgets a savepoint and those behind it.
    pub(crate) fn release(&mut self, name: &str) -> Result<()> {
        let at = self.savepoint(name)?;
        self.savepoints.truncate(at);
        Ok(())
    }

    fn savepoint(&self, name: &str) -> Result<usize> {
        self.savepoints.iter().rposition(|s| s.name == name).ok_or_else(|| {
            Error::new(SqlState::INVALID_SAVEPOINT, format!("savepoint \"{name}\" does not exist"))
        })
    }

    /// Ends it without its changes; gives the settings of its beginning.
    pub(crate) fn roll_back(self) -> Settings {
        self.settings
    }

    /// Makes one epoch of its changes; none without changes. It has ended then, also on failure.
    ///
    /// # Errors
    /// 40001 when a row that it changes was changed by somebody else since, 23505 when a key is
    /// taken now, and whatever a commit may fail with. Nothing has happened then.
    pub(crate) fn commit(&mut self, db: &Database) -> Result<Option<Epoch>> {
        let Some(held) = &self.held else { return Ok(None) };
        let mut engine = Attempt::new(db.engine());
        let snapshots = held.get(engine.time(), engine.options.snapshot_max_age)?;
        let footprint = self.footprint(&engine, &snapshots)?;
        let deltas = self.judge(&mut engine, &snapshots)?;
        let epoch = deltas.map(|deltas| engine.commit(deltas)).transpose()?;
        // Rows that are set to what they were are changed for others, too.
        engine.note_footprint(footprint);
        Ok(epoch)
    }

    /// The rows that it changes, which nobody else has changed since.
    fn footprint(
        &self,
        engine: &Engine,
        snapshots: &Snapshots,
    ) -> Result<Vec<(RelationId, footprint::Keys)>> {
        let mut all = Vec::new();
        for (id, work) in self.work.iter().filter(|(_, work)| work.has_leaving()) {
            let keys = work.leaving(&*relation_of(&snapshots.catalog, *id)?);
            if engine.footprints.touches(snapshots.footprint, *id, &keys) {
                return Err(lost("due to concurrent update"));
            }
            all.push((*id, keys));
        }
        Ok(all)
    }

    /// The changes to commit, found to fit the relations as they are now; none if there are none.
    fn judge(&self, engine: &mut Engine, snapshots: &Snapshots) -> Result<Option<Deltas>> {
        let net = self.net(engine, snapshots)?;
        if net.is_empty() {
            return Ok(None);
        }
        let deltas = engine.judge(net)?;
        engine.check_fit(&deltas).map_err(conflict)?;
        Ok(Some(deltas))
    }

    /// What it changes in all, of relations that are still there. Rows that come in are not judged.
    fn net(&self, engine: &Engine, snapshots: &Snapshots) -> Result<Deltas> {
        let mut all = Deltas::new();
        for (id, work) in &self.work {
            let net = work.net();
            if net.is_empty() {
                continue;
            }
            if !engine.relations.contains_key(id) {
                return Err(dropped(&relation_of(&snapshots.catalog, *id)?.name));
            }
            all.insert(*id, net);
        }
        Ok(all)
    }
}

fn relation_of(catalog: &Catalog, id: RelationId) -> Result<Arc<Relation>> {
    let found = catalog.relations.values().find(|relation| relation.id == id);
    found.cloned().ok_or_else(|| crate::engine::gone(id))
}

/// What a check of a transaction's changes says, to its client: a row that is not there any more
/// was there when the transaction saw it.
fn conflict(error: arena_tr_types::SqlError) -> Error {
    if error.state != SqlState::INTERNAL {
        return error.into();
    }
    lost("due to concurrent update")
}

fn dropped(name: &str) -> Error {
    lost(&format!("because \"{name}\" was dropped or defined anew"))
}

fn lost(why: &str) -> Error {
    Error::new(SqlState::SERIALIZATION_FAILURE, format!("could not serialize access {why}"))
        .with_hint("run the transaction again")
}
