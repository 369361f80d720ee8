//! What one statement reads: contents and time, taken under the lock and read without it.
//!
//! Invariant: all contents are of one epoch, but those for which the statement names another
//! moment; nothing that is committed later shows in them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use arena_tr_planner::catalog::Catalog;
use arena_tr_planner::physical::{Input, PhysicalPlan};
use arena_tr_storage::Batch;
use arena_tr_storage::arena::Pool;
use arena_tr_storage::table::TableSnapshot;
use arena_tr_types::{Epoch, RelationId, SqlState, Timestamp};

use crate::engine::{self, Engine, kind_name};
use crate::error::{Error, Result};

/// What a statement reads.
pub(crate) struct ReadView {
    /// What exists.
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) epoch: Epoch,
    /// What `now()` is.
    pub(crate) now: Timestamp,
    pub(crate) pool: Pool,
    contents: BTreeMap<RelationId, Contents>,
    /// Of some inputs of the plan not the contents: the rows that a key names, or what was there
    /// at the moment that the statement names.
    special: BTreeMap<usize, Contents>,
}

/// The rows of a relation.
enum Contents {
    Kept(TableSnapshot),
    Made(Vec<Batch>),
}

impl ReadView {
    /// The present, with no contents yet.
    pub(crate) fn new(engine: &Engine) -> Self {
        Self {
            catalog: Arc::clone(&engine.catalog),
            epoch: engine.epoch,
            now: engine.time(),
            pool: engine.pool.clone(),
            contents: BTreeMap::new(),
            special: BTreeMap::new(),
        }
    }

    /// The present, with the contents of what a plan reads.
    ///
    /// # Errors
    /// When a relation has nothing to read.
    pub(crate) fn of(engine: &Engine, plan: &PhysicalPlan) -> Result<Self> {
        let mut view = Self::new(engine);
        view.add_system(engine, plan)?;
        view.add_past(engine, plan, |id| engine.entry(id)?.snapshot())?;
        for (i, input) in plan.inputs.iter().enumerate() {
            if view.special.contains_key(&i) {
                continue;
            }
            if let Some(point) = crate::statement::point::find(engine, plan, i) {
                view.special.insert(i, Contents::Made(point.rows()?));
            } else if let Entry::Vacant(place) = view.contents.entry(input.relation) {
                place.insert(Contents::Kept(engine.entry(input.relation)?.snapshot()?));
            }
        }
        Ok(view)
    }

    /// Adds the system relations that a plan reads.
    ///
    /// # Errors
    /// When their rows cannot be made.
    pub(crate) fn add_system(&mut self, engine: &Engine, plan: &PhysicalPlan) -> Result<()> {
        for input in &plan.inputs {
            if let Some(batches) = crate::introspect::scan(engine, &input.name) {
                self.contents.insert(input.relation, Contents::Made(batches?));
            }
        }
        Ok(())
    }

    /// Adds what the relations were for which a plan names a moment; `newest` gives what they are
    /// at the epoch of this view.
    ///
    /// # Errors
    /// When the moment is in the future, or is not kept, or a relation was not there.
    pub(crate) fn add_past(
        &mut self,
        engine: &Engine,
        plan: &PhysicalPlan,
        newest: impl Fn(RelationId) -> Result<TableSnapshot>,
    ) -> Result<()> {
        for (i, input) in plan.inputs.iter().enumerate() {
            let Some(moment) = &input.moment else { continue };
            let epoch = engine.epoch_of(moment, (self.epoch, self.now))?;
            let relation = (input.relation, &*input.name);
            let contents = match engine.contents_at(relation, (epoch, self.epoch))? {
                Some(past) => past,
                None => newest(input.relation)?,
            };
            self.special.insert(i, Contents::Kept(contents));
        }
        Ok(())
    }

    /// Adds the rows that `rows` gives for each relation that a plan reads and that is not there
    /// yet.
    ///
    /// # Errors
    /// What `rows` says.
    pub(crate) fn add(
        &mut self,
        plan: &PhysicalPlan,
        mut rows: impl FnMut(RelationId) -> Result<Vec<Batch>>,
    ) -> Result<()> {
        for input in plan.inputs.iter().filter(|input| input.moment.is_none()) {
            if let Entry::Vacant(place) = self.contents.entry(input.relation) {
                place.insert(Contents::Made(rows(input.relation)?));
            }
        }
        Ok(())
    }

    /// The rows of the relations that a plan reads, in its order.
    pub(crate) fn inputs(&self, plan: &PhysicalPlan) -> Vec<Vec<Batch>> {
        let of = |(i, input): (usize, &Input)| {
            let special = self.special.get(&i);
            match special.or_else(|| self.contents.get(&input.relation)) {
                Some(Contents::Kept(snapshot)) => snapshot.scan(),
                Some(Contents::Made(batches)) => batches.clone(),
                None => Vec::new(),
            }
        };
        plan.inputs.iter().enumerate().map(of).collect()
    }
}

impl engine::Entry {
    /// Its contents as they are, or why there is nothing to read.
    ///
    /// # Errors
    /// When it is a view that failed, or keeps no rows.
    pub(crate) fn snapshot(&self) -> Result<TableSnapshot> {
        if let Some(error) = self.view.as_ref().and_then(|v| v.failed.as_ref()) {
            return Err(error.clone());
        }
        let name = &self.relation.name;
        match &self.store {
            Some(store) => Ok(store.snapshot()),
            None => Err(Error::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("{} \"{name}\" keeps no rows to read", kind_name(self.relation.kind)),
            )
            .with_hint(format!(
                "follow it with SUBSCRIBE {name}, or keep what you need: \
                 CREATE MATERIALIZED VIEW v AS SELECT ... FROM {name}"
            ))),
        }
    }
}
