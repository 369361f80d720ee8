//! What a prepared transaction keeps from others, so that its commit cannot fail.
//!
//! It claims the rows that it changes, the keys that come or go with them, and the keys of other
//! tables that its rows reference. A change of somebody else is compared by what it would claim
//! itself. Rows whose keys stay the same claim no key: they may be referenced meanwhile.
//! Invariant: changes whose claims do not meet can be committed in either order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use arena_tr_types::RelationId;

use super::Engine;
use super::commit::Deltas;
use super::foreign::net;
use crate::error::Result;
use crate::key::Key;
use crate::transaction::leaving;

/// Columns of a relation, in ascending order.
type Place = (RelationId, Vec<usize>);

/// Rows and keys.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Rows that change, by the hash of what tells them apart.
    rows: HashMap<RelationId, HashSet<u64>>,
    /// Unique keys that come or go.
    moved: BTreeMap<Place, HashSet<Key>>,
    /// Keys that have to stay because rows that arrive reference them.
    needed: BTreeMap<Place, HashSet<Key>>,
}

impl Claims {
    /// Whether both cannot be committed in either order.
    pub(super) fn meet(&self, other: &Self) -> bool {
        let rows = |(id, keys): (&RelationId, &HashSet<u64>)| {
            other.rows.get(id).is_some_and(|others| !keys.is_disjoint(others))
        };
        self.rows.iter().any(rows)
            || overlap(&self.moved, &other.moved)
            || overlap(&self.moved, &other.needed)
            || overlap(&self.needed, &other.moved)
    }

    /// The relations whose rows or keys are claimed.
    pub(super) fn relations(&self) -> impl Iterator<Item = RelationId> {
        let places = self.moved.keys().chain(self.needed.keys()).map(|(id, _)| *id);
        self.rows.keys().copied().chain(places)
    }
}

fn overlap(a: &BTreeMap<Place, HashSet<Key>>, b: &BTreeMap<Place, HashSet<Key>>) -> bool {
    let overlap = |(place, keys): (&Place, &HashSet<Key>)| {
        b.get(place).is_some_and(|others| !keys.is_disjoint(others))
    };
    a.iter().any(overlap)
}

impl Engine {
    /// What these changes claim, and rows that are changed and changed back; `of` these relations
    /// only, if it says which.
    pub(super) fn claims(
        &self,
        (changes, kept): (&Deltas, &Deltas),
        of: Option<&BTreeSet<RelationId>>,
    ) -> Result<Claims> {
        let is_wanted = |id: RelationId| of.is_none_or(|of| of.contains(&id));
        let mut claims = Claims::default();
        for (id, rows) in kept.iter().filter(|(id, _)| is_wanted(**id)) {
            let rows = leaving(&self.entry(*id)?.relation, rows);
            claims.rows.entry(*id).or_default().extend(rows);
        }
        for (id, delta) in changes {
            let relation = &self.entry(*id)?.relation;
            if is_wanted(*id) {
                let rows = leaving(relation, delta);
                claims.rows.entry(*id).or_default().extend(rows);
                for (_, columns) in relation.unique_keys() {
                    let mut columns = columns.to_vec();
                    columns.sort_unstable();
                    let moved = net(delta, relation, &columns).into_iter();
                    let moved = moved.filter(|(_, (sum, _))| *sum != 0).map(|(key, _)| key);
                    claims.moved.entry((*id, columns)).or_default().extend(moved);
                }
            }
            for key in &relation.keys.foreign {
                let Some(parent) = self.find(&key.parent).filter(|p| is_wanted(p.id)) else {
                    continue;
                };
                let mut pairs: Vec<(usize, usize)> =
                    key.parent_columns.iter().copied().zip(key.columns.iter().copied()).collect();
                pairs.sort_unstable();
                let (columns, own): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
                let needed = net(delta, relation, &own).into_iter();
                let needed = needed.filter(|(_, (_, more))| *more > 0).map(|(key, _)| key);
                claims.needed.entry((parent.id, columns)).or_default().extend(needed);
            }
        }
        Ok(claims)
    }
}
