//! One change to the engine that may fail on its way to the commit.
//!
//! Rows that come in move event time before it is known whether they can be committed.
//! Invariant: an attempt that ends without a commit leaves event time and its counters as they
//! were.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::MutexGuard;

use arena_tr_types::{Epoch, RelationId};

use super::{Counters, Engine};
use crate::watermark::Gate;

/// The locked engine, for one change.
pub(crate) struct Attempt<'a> {
    engine: MutexGuard<'a, Engine>,
    epoch: Epoch,
    doors: Vec<(RelationId, Option<Gate>, Counters)>,
    touched: BTreeSet<RelationId>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(engine: MutexGuard<'a, Engine>) -> Self {
        // Rows come in through gates, or past them into a relation of refused rows.
        let is_door = |entry: &super::Entry| entry.view.is_none() && entry.errors.is_some();
        let door = |(id, entry): (&RelationId, &super::Entry)| {
            let counts = entry.gate.is_some() || is_door(entry);
            counts.then(|| (*id, entry.gate.clone(), entry.counters))
        };
        let doors = engine.relations.iter().filter_map(door).collect();
        let (epoch, touched) = (engine.epoch, engine.touched.clone());
        Self { engine, epoch, doors, touched }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.engine.epoch != self.epoch {
            return;
        }
        self.engine.touched = std::mem::take(&mut self.touched);
        for (id, gate, counters) in self.doors.drain(..) {
            if let Some(entry) = self.engine.relations.get_mut(&id) {
                (entry.gate, entry.counters) = (gate, counters);
            }
        }
    }
}

impl Deref for Attempt<'_> {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl DerefMut for Attempt<'_> {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }
}
