//! What a delta does to a keyed relation, found out before anything is done.
//!
//! Rows that leave are looked up first, then those that arrive: a key, or a row's place in the
//! order of arrival, is free again when its row leaves in the same delta. A change that was found
//! fits; applying it needs memory and nothing else.
//!
//! Invariant: a row that leaves is there often enough; after the change no key is there twice.

use std::collections::hash_map::Entry as MapEntry;

use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, SqlError, SqlState, Value};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::arena::Addr;
use crate::batch::Batch;
use crate::table::index::{DeltaRows, KeyIndex};
use crate::table::keyed::KeyedStore;
use crate::table::secondary::Secondary;

/// A row of a delta: its part and its number there.
pub(super) type At = (u32, u16);

/// Rows of a delta that leave.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) at: Vec<At>,
    pub(super) hashes: Vec<u64>,
    pub(super) addrs: Vec<Addr>,
    /// How many of each.
    pub(super) by: Vec<i64>,
    /// Whether none is left.
    pub(super) gone: Vec<bool>,
    /// Whether an arriving row takes over its entry in the primary index.
    pub(super) replaced: Vec<bool>,
}

/// Rows of a delta that arrive.
#[derive(Debug, Default)]
pub(super) struct Arriving {
    pub(super) at: Vec<At>,
    pub(super) hashes: Vec<u64>,
    /// The row that leaves and whose entry in the primary index it takes over.
    pub(super) replaces: Vec<Addr>,
    /// How many of each.
    pub(super) by: Vec<i64>,
}

/// What a delta does.
#[derive(Debug)]
pub(super) struct KeyedChange {
    /// The version of the store that it fits.
    pub(super) version: u64,
    pub(super) parts: Vec<Batch>,
    pub(super) leaving: Leaving,
    pub(super) arriving: Arriving,
    /// Rows that are there and stay: where, and how many more there will be.
    pub(super) more: Vec<(Addr, i64, At)>,
}

/// A key that would be there twice.
struct Violation {
    at: At,
    /// The index; `None` is the primary key.
    index: Option<usize>,
}

/// Finds a change out.
struct Planner<'a> {
    store: &'a KeyedStore,
    change: KeyedChange,
    /// The leaving row of each address.
    taken: std::collections::HashMap<u32, usize, FixedState>,
}

impl KeyedChange {
    /// What a delta does to a store.
    pub(super) fn new(store: &KeyedStore, delta: &[Batch]) -> Result<Self, SqlError> {
        let mut parts = Vec::with_capacity(delta.len());
        for batch in delta {
            if batch.selection.is_none() && batch.rows() <= BATCH_ROWS {
                parts.push(batch.clone());
            } else {
                parts.extend(batch.split());
            }
        }
        let change = Self {
            version: store.version(),
            parts,
            leaving: Leaving::default(),
            arriving: Arriving::default(),
            more: Vec::new(),
        };
        let mut planner = Planner { store, change, taken: Default::default() };
        planner.plan_leaving()?;
        let primary = planner.plan_arriving();
        let others = planner.find_violation();
        match others.into_iter().chain(primary).min_by_key(|v| (v.at, v.index)) {
            None => Ok(planner.change),
            Some(violation) => Err(planner.error(&violation)),
        }
    }

    pub(super) fn leaving_rows(&self) -> DeltaRows<'_> {
        DeltaRows { parts: &self.parts, at: &self.leaving.at }
    }

    pub(super) fn arriving_rows(&self) -> DeltaRows<'_> {
        DeltaRows { parts: &self.parts, at: &self.arriving.at }
    }
}

/// The rows of a part with a weight of this sign.
fn rows_of(part: &Batch, arriving: bool) -> Vec<u16> {
    match &part.weights {
        None if arriving => (0..part.rows() as u16).collect(),
        None => Vec::new(),
        Some(weights) => {
            let fits = |w: i64| if arriving { w > 0 } else { w < 0 };
            let rows = weights.iter().enumerate().filter(|(_, w)| fits(**w));
            rows.map(|(row, _)| row as u16).collect()
        }
    }
}

impl Planner<'_> {
    fn plan_leaving(&mut self) -> Result<(), SqlError> {
        let (mut hashes, mut found) = (Vec::new(), Vec::new());
        let chunks = self.store.chunks().list();
        let index = self.store.primary();
        for p in 0..self.change.parts.len() {
            let part = &self.change.parts[p];
            let rows = rows_of(part, false);
            if rows.is_empty() {
                continue;
            }
            index.hash_rows(part, &rows, &mut hashes);
            let whole = self.store.whole_row();
            index.find_rows_by(whole, chunks, (part, &rows), &hashes, &mut found);
            self.taken.reserve(rows.len());
            for (k, &row) in rows.iter().enumerate() {
                let by = self.change.parts[p].weight(usize::from(row)).saturating_neg();
                let there = if found[k].is_none() { 0 } else { chunks.weight(found[k]) };
                self.take((p as u32, row), hashes[k], (found[k], there), by)?;
            }
        }
        Ok(())
    }

    /// Notes that a row leaves, `by` times of the `there` times that it is there.
    fn take(
        &mut self,
        at: At,
        hash: u64,
        (addr, there): (Addr, i64),
        by: i64,
    ) -> Result<(), SqlError> {
        let leaving = &mut self.change.leaving;
        let n = match self.taken.entry(addr.0) {
            MapEntry::Occupied(entry) => *entry.get(),
            MapEntry::Vacant(entry) => {
                leaving.at.push(at);
                leaving.hashes.push(hash);
                leaving.addrs.push(addr);
                leaving.by.push(0);
                leaving.gone.push(false);
                leaving.replaced.push(false);
                *entry.insert(leaving.at.len() - 1)
            }
        };
        leaving.by[n] = leaving.by[n].saturating_add(by);
        leaving.gone[n] = leaving.by[n] == there;
        if leaving.by[n] > there {
            let values = self.change.parts[at.0 as usize].row(usize::from(at.1), self.types());
            let message =
                format!("a row leaves that is not there: {}", Value::Struct(values.into()));
            return Err(SqlError::new(SqlState::INTERNAL, message));
        }
        Ok(())
    }

    fn types(&self) -> &[DataType] {
        self.store.types()
    }

    /// Looks the arriving rows up; stops at the first whose primary key is taken.
    fn plan_arriving(&mut self) -> Option<Violation> {
        let (mut hashes, mut found) = (Vec::new(), Vec::new());
        let index = self.store.primary();
        let mut seen = HashTable::new();
        for p in 0..self.change.parts.len() {
            let part = &self.change.parts[p];
            let rows = rows_of(part, true);
            index.hash_rows(part, &rows, &mut hashes);
            index.find_rows(self.store.chunks().list(), (part, &rows), &hashes, &mut found);
            seen.reserve(rows.len(), |other: &usize| self.change.arriving.hashes[*other]);
            for (k, &row) in rows.iter().enumerate() {
                let by = self.change.parts[p].weight(usize::from(row));
                let at = (p as u32, row);
                if !self.arrive(at, hashes[k], found[k], by, &mut seen) {
                    return Some(Violation { at, index: None });
                }
            }
        }
        None
    }

    /// Notes that a row arrives whose key is at `found`; false if that key is taken.
    fn arrive(
        &mut self,
        at: At,
        hash: u64,
        found: Addr,
        by: i64,
        seen: &mut HashTable<usize>,
    ) -> bool {
        let has_key = self.store.has_key();
        if has_key && by > 1 {
            return false;
        }
        let mut replaces = Addr::NONE;
        if !found.is_none() {
            match self.taken.get(&found.0).filter(|n| self.change.leaving.gone[**n]) {
                Some(&n) => {
                    replaces = found;
                    self.change.leaving.replaced[n] = true;
                }
                None if has_key => return false,
                None => {
                    self.change.more.push((found, by, at));
                    return true;
                }
            }
        }
        let Arriving { at: all, hashes, .. } = &self.change.arriving;
        let rows = DeltaRows { parts: &self.change.parts, at: all };
        let own = (&self.change.parts[at.0 as usize], usize::from(at.1));
        let same = |other: &usize| self.store.primary().same_key(own, rows.row(*other));
        match seen.entry(hash, same, |other| hashes[*other]) {
            Entry::Occupied(_) if has_key => return false,
            Entry::Occupied(other) => {
                let by_before = &mut self.change.arriving.by[*other.get()];
                *by_before = by_before.saturating_add(by);
            }
            Entry::Vacant(entry) => {
                entry.insert(all.len());
                let arriving = &mut self.change.arriving;
                arriving.at.push(at);
                arriving.hashes.push(hash);
                arriving.replaces.push(replaces);
                arriving.by.push(by);
            }
        }
        true
    }

    /// The first row that a unique index refuses.
    fn find_violation(&self) -> Option<Violation> {
        let indexes = self.store.secondary().iter().enumerate();
        indexes
            .filter(|(_, s)| s.spec.unique)
            .filter_map(|(i, s)| Some(Violation { at: self.refused_by(&s.index)?, index: Some(i) }))
            .min_by_key(|v| (v.at, v.index))
    }

    fn refused_by(&self, index: &KeyIndex) -> Option<At> {
        let change = &self.change;
        let row = |at: At| (&change.parts[at.0 as usize], usize::from(at.1));
        let may = |at: At| index.has_null(row(at).0, row(at).1);
        let again = change.more.iter().map(|(_, _, at)| *at).filter(|at| !may(*at)).min();
        let rows = change.arriving_rows();
        let hashes = index.hash_delta(rows);
        let mut seen = HashTable::with_capacity(hashes.len());
        let mut found = Vec::new();
        let mut first = None;
        rows.each_run(|batch, run, range| {
            if first.is_some() {
                return;
            }
            let chunks = self.store.chunks().list();
            index.find_rows(chunks, (batch, run), &hashes[range.clone()], &mut found);
            first = range.clone().find(|&k| {
                let (batch, i) = rows.row(k);
                if index.has_null(batch, i) {
                    return false;
                }
                let same = |other: &usize| index.same_key((batch, i), rows.row(*other));
                let taken = match seen.entry(hashes[k], same, |other| hashes[*other]) {
                    Entry::Occupied(_) => true,
                    Entry::Vacant(entry) => {
                        entry.insert(k);
                        false
                    }
                };
                let there = found[k - range.start];
                taken || change.arriving.by[k] > 1 || (!there.is_none() && !self.is_gone(there))
            });
        });
        first.map(|k| change.arriving.at[k]).into_iter().chain(again).min()
    }

    fn is_gone(&self, addr: Addr) -> bool {
        self.taken.get(&addr.0).is_some_and(|n| self.change.leaving.gone[*n])
    }

    fn error(&self, violation: &Violation) -> SqlError {
        let row = (&self.change.parts[violation.at.0 as usize], usize::from(violation.at.1));
        let secondary = violation.index.map(|i| &self.store.secondary()[i]);
        let index = secondary.map_or(self.store.primary(), |s| &s.index);
        let values = key_text(index, row, self.types());
        let named = match secondary {
            Some(Secondary { spec, .. }) => Some((spec.name.as_str(), &spec.labels[..])),
            None => self.store.key_name(),
        };
        let Some((name, labels)) = named else {
            let message = format!("duplicate key value violates unique constraint: key ({values})");
            return SqlError::new(SqlState::UNIQUE_VIOLATION, message);
        };
        let message = format!("duplicate key value violates unique constraint \"{name}\"");
        let detail = format!("Key ({})=({values}) already exists.", labels.join(", "));
        SqlError::new(SqlState::UNIQUE_VIOLATION, message).with_detail(detail)
    }
}

/// The values of a row's key, for messages.
pub(super) fn key_text(
    index: &KeyIndex,
    (batch, row): (&Batch, usize),
    types: &[DataType],
) -> String {
    let values = index.columns().iter().map(|c| batch.columns[*c].value(row, &types[*c]));
    values.map(|v| v.to_string()).collect::<Vec<_>>().join(", ")
}
