//! Which rows left lately, for as long as an open transaction may want to change them too.
//!
//! A row that was changed and changed back, or set to what it was, looks untouched; the first
//! committer wins all the same. So while transactions are open that may write, commits note the
//! keys of the rows that they changed. Two keys with the same 64-bit hash are taken for one: that
//! costs a retry.
//! Invariant: every change of a row behind the oldest open snapshot is noted.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Weak;

use arena_tr_planner::catalog::Relation;
use arena_tr_storage::Batch;
use arena_tr_types::{DataType, RelationId};

use crate::engine::Engine;
use crate::engine::commit::Deltas;

/// Hashes of the keys of rows.
pub(crate) type Keys = HashSet<u64>;

/// What commits changed lately.
#[derive(Default)]
pub(crate) struct Footprints {
    /// Counts the commits that noted something.
    count: u64,
    /// Which of them changed a row last.
    last: HashMap<(RelationId, u64), u64>,
    /// How many rows there may be before those that nobody asks for any more are forgotten.
    room: usize,
}

/// Rows that are kept without looking whether anybody still asks for them.
const LEAST_ROOM: usize = 4096;

impl Footprints {
    /// How far it is: what is noted behind this came later.
    pub(crate) fn now(&self) -> u64 {
        self.count
    }

    /// Whether one of these rows was changed later than `since`.
    pub(crate) fn touches(&self, since: u64, id: RelationId, keys: &Keys) -> bool {
        keys.iter().any(|key| self.last.get(&(id, *key)).is_some_and(|at| *at > since))
    }
}

/// The keys of the rows that leave: of the primary key, or of the whole row without one.
pub(crate) fn leaving(relation: &Relation, delta: &[Batch]) -> Keys {
    let mut keys = Keys::new();
    each_leaving(relation, delta, |key, _, _| {
        keys.insert(key);
    });
    keys
}

/// Hands out the rows that leave: the hash of their keys, their batch, and which row of it.
pub(super) fn each_leaving(
    relation: &Relation,
    delta: &[Batch],
    mut each: impl FnMut(u64, &Batch, usize),
) {
    let types: Vec<DataType> = relation.schema.types();
    let all: Vec<usize> = (0..types.len()).collect();
    let columns = relation.primary_key.as_ref().unwrap_or(&all);
    for batch in delta.iter().filter(|batch| batch.has_retractions()) {
        let batch = batch.compacted();
        for row in (0..batch.rows()).filter(|row| batch.weight(*row) < 0) {
            let mut hasher = DefaultHasher::new();
            for column in columns {
                let value = batch.columns[*column].value(row, &types[*column]);
                (value.is_null(), value.to_string()).hash(&mut hasher);
            }
            each(hasher.finish(), &batch, row);
        }
    }
}

impl Engine {
    /// The rows that a commit changes, if somebody may want to know.
    pub(crate) fn footprint(&mut self, deltas: &Deltas) -> Vec<(RelationId, Keys)> {
        if self.oldest_footprint().is_none() {
            self.footprints.last.clear();
            return Vec::new();
        }
        let keys = |(id, delta): (&RelationId, &Vec<Batch>)| {
            let relation = &self.relations.get(id)?.relation;
            let keys = leaving(relation, delta);
            (!keys.is_empty()).then_some((*id, keys))
        };
        deltas.iter().filter_map(keys).collect()
    }

    /// Notes rows that were changed.
    pub(crate) fn note_footprint(&mut self, footprint: Vec<(RelationId, Keys)>) {
        if footprint.is_empty() {
            return;
        }
        let oldest = self.oldest_footprint();
        let Footprints { count, last, room } = &mut self.footprints;
        *count += 1;
        for (id, keys) in footprint {
            last.extend(keys.into_iter().map(|key| ((id, key), *count)));
        }
        if last.len() > (*room).max(LEAST_ROOM) {
            last.retain(|_, at| oldest.is_some_and(|oldest| *at > oldest));
            *room = last.len() * 2;
        }
    }

    /// Where the oldest open transaction that may write began to ask.
    fn oldest_footprint(&self) -> Option<u64> {
        let held = self.held.iter().filter_map(Weak::upgrade).filter(|held| held.may_write);
        held.filter_map(|held| Some(held.peek().ok()?.footprint)).min()
    }
}
