//! Rows that arrive and leave: each distinct row once, with its weight, in the order of arrival.
//!
//! Rows lie in chunks that readers share (`chunks`); indexes say where a row is. The primary index
//! is over the primary key, or over whole rows where there is none. What a delta does is found out
//! first (`change`), then memory is made sure of, then it is done.
//!
//! Invariant: every row of the chunks has a weight of at least 1 and one entry in the primary
//! index; two rows with a weight are never identical.

mod restore;
#[cfg(test)]
mod verify_tests;

use std::sync::Arc;

use arena_tr_types::{DataType, SqlError, SqlState, Value};

use crate::OutOfMemory;
use crate::arena::{Addr, Owner, Pool};
use crate::batch::Batch;
use crate::state::cell::Cell;
use crate::table::change::{KeyedChange, key_text};
use crate::table::chunk::{CHUNK_ROWS, Part, addr_of};
use crate::table::chunks::{Arrivals, ChunkList, Chunks, Moved};
use crate::table::equal::Compared;
use crate::table::index::{DeltaRows, KeyIndex};
use crate::table::probe::Probe;
use crate::table::save::TableHeader;
use crate::table::secondary::{IndexId, IndexSpec, Secondary};
use crate::table::snapshot::RowRef;

/// Contents of a relation whose rows change.
#[derive(Debug)]
pub(super) struct KeyedStore {
    types: Vec<DataType>,
    cells: Vec<Cell>,
    /// What makes two rows the same row.
    whole_row: Vec<Compared>,
    chunks: Chunks,
    primary: KeyIndex,
    has_key: bool,
    key_name: Option<(String, Vec<String>)>,
    secondary: Vec<Secondary>,
    next_index: u32,
    len: usize,
}

impl KeyedStore {
    pub(super) fn new(
        pool: &Pool,
        owner: Owner,
        types: &[DataType],
        primary_key: Option<&[usize]>,
    ) -> Self {
        let cells: Vec<Cell> = types.iter().map(Cell::of).collect();
        let whole_row = cells.iter().enumerate().map(|(c, cell)| Compared::identical(c, *cell));
        Self {
            types: types.to_vec(),
            whole_row: whole_row.collect(),
            chunks: Chunks::new(pool, owner),
            primary: match primary_key {
                Some(columns) => KeyIndex::of_key(pool, owner, &cells, columns),
                None => KeyIndex::of_rows(pool, owner, &cells),
            },
            cells,
            has_key: primary_key.is_some(),
            key_name: None,
            secondary: Vec::new(),
            next_index: 0,
            len: 0,
        }
    }

    pub(super) fn types(&self) -> &[DataType] {
        &self.types
    }

    pub(super) fn whole_row(&self) -> &[Compared] {
        &self.whole_row
    }

    pub(super) fn chunks(&self) -> &Chunks {
        &self.chunks
    }

    pub(super) fn list(&self) -> &ChunkList {
        self.chunks.list()
    }

    /// What else is to be saved than chunks.
    pub(super) fn header(&self) -> TableHeader {
        self.chunks.header(self.len)
    }

    pub(super) fn version(&self) -> u64 {
        self.chunks.version()
    }

    pub(super) fn primary(&self) -> &KeyIndex {
        &self.primary
    }

    pub(super) fn has_key(&self) -> bool {
        self.has_key
    }

    pub(super) fn secondary(&self) -> &[Secondary] {
        &self.secondary
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The primary key's constraint and what its columns are called.
    pub(super) fn key_name(&self) -> Option<(&str, &[String])> {
        self.key_name.as_ref().map(|(name, labels)| (name.as_str(), &labels[..]))
    }

    pub(super) fn name_key(&mut self, name: &str, labels: &[String]) {
        self.key_name = Some((name.to_owned(), labels.to_vec()));
    }

    pub(super) fn held_bytes(&self) -> usize {
        let secondary: usize = self.secondary.iter().map(Secondary::held_bytes).sum();
        self.chunks.held_bytes() + self.primary.held_bytes() + secondary
    }

    pub(super) fn change(&self, delta: &[Batch]) -> Result<KeyedChange, SqlError> {
        KeyedChange::new(self, delta)
    }

    /// Applies a change that was found out for the store as it is. Nothing is changed when memory
    /// runs out.
    pub(super) fn apply(&mut self, change: &KeyedChange) -> Result<(), SqlError> {
        if change.version != self.version() {
            let message = "a change is applied to contents that it was not found out for";
            return Err(SqlError::new(SqlState::INTERNAL, message));
        }
        let arrivals = self.gather(change);
        self.reserve(change)?;
        self.chunks.begin_version();
        self.take_away(change);
        for (addr, by, _) in &change.more {
            self.chunks.add_weight(*addr, *by);
        }
        self.add(change, &arrivals);
        self.compact();
        let more = change.more.iter().map(|(_, by, _)| *by);
        let came = change.arriving.by.iter().copied().chain(more);
        let left = change.leaving.by.iter().map(|by| -by);
        let net = left.chain(came).fold(0, i64::saturating_add);
        self.len = self.len.saturating_add_signed(net as isize);
        Ok(())
    }

    /// Copies the arriving rows into columns that the relation keeps: the first as many as the
    /// newest chunk has room for.
    fn gather(&self, change: &KeyedChange) -> Arrivals {
        let rows = change.arriving_rows();
        let mut arrivals = Arrivals { parts: Vec::new(), weights: change.arriving.by.clone() };
        let mut rest = rows.at;
        let mut room = match self.chunks.room() {
            0 => CHUNK_ROWS,
            room => room,
        };
        while !rest.is_empty() {
            let (now, later) = rest.split_at(room.min(rest.len()));
            let mut batches = Vec::new();
            DeltaRows { parts: rows.parts, at: now }.each_run(|batch, rows, _| {
                batches.push(Batch::new(
                    batch.columns.iter().map(|c| c.take(rows)).collect(),
                    rows.len(),
                ));
            });
            let batch = Batch::concat(&batches).expect("there are rows");
            arrivals.parts.push(Arc::new(Part::new(batch, self.chunks.home())));
            (rest, room) = (later, CHUNK_ROWS);
        }
        arrivals
    }

    /// Makes sure of all memory that the change needs.
    fn reserve(&mut self, change: &KeyedChange) -> Result<(), OutOfMemory> {
        let arriving = change.arriving.at.len();
        if arriving > 0 {
            let home = self.chunks.home();
            home.pool.check(home.owner)?;
        }
        self.chunks.reserve(arriving)?;
        let gone = change.leaving.gone.iter().filter(|gone| **gone).count();
        self.primary.reserve(arriving.saturating_sub(gone))?;
        let n_slots = self.chunks.n_slots();
        for secondary in &mut self.secondary {
            secondary.reserve(arriving, n_slots)?;
        }
        Ok(())
    }

    fn take_away(&mut self, change: &KeyedChange) {
        let leaving = &change.leaving;
        let rows = change.leaving_rows();
        for secondary in &mut self.secondary {
            let hashes = secondary.index.hash_delta(rows);
            for k in (0..leaving.at.len()).filter(|k| leaving.gone[*k]) {
                secondary.remove(rows.row(k), hashes[k], leaving.addrs[k]);
            }
        }
        for k in 0..leaving.at.len() {
            let addr = leaving.addrs[k];
            if !leaving.gone[k] {
                self.chunks.add_weight(addr, -leaving.by[k]);
                continue;
            }
            self.chunks.remove(addr);
            if !leaving.replaced[k] {
                self.primary.remove(leaving.hashes[k], addr);
            }
        }
    }

    fn add(&mut self, change: &KeyedChange, arrivals: &Arrivals) {
        let addrs = self.chunks.append(arrivals);
        let arriving = &change.arriving;
        for (k, &addr) in addrs.iter().enumerate() {
            match arriving.replaces[k] {
                Addr::NONE => self.primary.insert(arriving.hashes[k], addr),
                old => self.primary.replace(arriving.hashes[k], old, addr),
            }
        }
        for secondary in &mut self.secondary {
            let hashes = secondary.index.hash_delta(change.arriving_rows());
            for (&hash, &addr) in hashes.iter().zip(&addrs) {
                secondary.add(self.chunks.list(), hash, addr);
            }
        }
    }

    fn compact(&mut self) {
        let (primary, secondary) = (&mut self.primary, &mut self.secondary);
        self.chunks.compact(|chunks, moved| {
            let Moved { from, to_slot } = moved;
            // A chunk that was just made is one part.
            let (batch, _) = chunks.row(addr_of(to_slot, 0));
            let rows: Vec<u16> = (0..from.len() as u16).collect();
            let mut hashes = Vec::new();
            primary.hash_rows(batch, &rows, &mut hashes);
            primary.relocate(&hashes, &from, |row| addr_of(to_slot, row));
            for secondary in secondary.iter_mut() {
                secondary.index.hash_rows(batch, &rows, &mut hashes);
                for (row, (&hash, &from)) in hashes.iter().zip(&from).enumerate() {
                    secondary.relocate((batch, row), hash, (from, addr_of(to_slot, row)));
                }
            }
        });
    }

    /// Adds an index of what is there and what will come.
    pub(super) fn add_index(&mut self, spec: IndexSpec) -> Result<IndexId, SqlError> {
        if let Some(column) = spec.columns.iter().find(|c| **c >= self.types.len()) {
            let message = format!("index \"{}\": there is no column {column}", spec.name);
            return Err(SqlError::new(SqlState::INTERNAL, message));
        }
        let home = self.chunks.home();
        let index = KeyIndex::of_key(&home.pool, home.owner, &self.cells, &spec.columns);
        let id = IndexId(self.next_index);
        let mut secondary = Secondary::new(id, spec, index);
        let addrs = self.addrs_in_order();
        secondary.reserve(addrs.len(), self.chunks.n_slots())?;
        let chunks = self.chunks.list();
        let mut hash = Vec::new();
        for addr in addrs {
            let (batch, row) = chunks.row(addr);
            secondary.index.hash_rows(batch, &[row as u16], &mut hash);
            if secondary.spec.unique && !secondary.index.has_null(batch, row) {
                let index = &secondary.index;
                let same = |other| index.same_key((batch, row), chunks.row(other));
                if chunks.weight(addr) > 1 || !index.find(hash[0], same).is_none() {
                    return Err(self.not_unique(&secondary, (batch, row)));
                }
            }
            secondary.add(chunks, hash[0], addr);
        }
        self.next_index += 1;
        self.secondary.push(secondary);
        Ok(id)
    }

    /// Whether chunks, marks, weights and indexes agree; if not, where they do not.
    pub(super) fn verify(&self) -> Result<(), String> {
        self.chunks.verify((self.types.len(), self.len))?;
        let (rows, chunks) = (self.addrs_in_order(), self.list());
        let mut hash = Vec::new();
        for &addr in &rows {
            let (batch, row) = chunks.row(addr);
            self.primary.hash_rows(batch, &[row as u16], &mut hash);
            let same = |other: Addr| {
                other == addr
                    || chunks.holds(other) && self.primary.same_key((batch, row), chunks.row(other))
            };
            if self.primary.find(hash[0], same) != addr {
                return Err("a row that the primary index does not find".to_owned());
            }
        }
        if self.primary.len() != rows.len() {
            return Err("an entry of the primary index that leads nowhere".to_owned());
        }
        for secondary in &self.secondary {
            let name = &secondary.spec.name;
            secondary.verify(chunks, &rows).map_err(|e| format!("index \"{name}\": {e}"))?;
        }
        Ok(())
    }

    fn addrs_in_order(&self) -> Vec<Addr> {
        let chunks = self.chunks.slots_in_order();
        let rows = chunks.flat_map(|slot| {
            self.list().chunk(slot).live_rows().map(move |row| addr_of(slot, row))
        });
        rows.collect()
    }

    fn not_unique(&self, secondary: &Secondary, row: (&Batch, usize)) -> SqlError {
        let values = key_text(&secondary.index, row, &self.types);
        let message = format!("could not create unique index \"{}\"", secondary.spec.name);
        let labels = secondary.spec.labels.join(", ");
        SqlError::new(SqlState::UNIQUE_VIOLATION, message)
            .with_detail(format!("Key ({labels})=({values}) is duplicated."))
    }

    /// Drops an index; whether there was one of this number.
    pub(super) fn drop_index(&mut self, id: IndexId) -> bool {
        let before = self.secondary.len();
        self.secondary.retain(|s| s.id != id);
        self.secondary.len() < before
    }

    /// The row with this primary key.
    pub(super) fn find_key(&self, key: &[Value]) -> Result<Option<RowRef<'_>>, SqlError> {
        if !self.has_key {
            let message = "a row is looked up by the primary key of a relation without one";
            return Err(SqlError::new(SqlState::INTERNAL, message));
        }
        let probe = Probe::new(self.primary.cells(), key)?;
        let addr = probe.find(&self.primary, self.list());
        Ok((!addr.is_none()).then(|| self.row_ref(addr)))
    }

    /// The rows with this key in an index, in the order of arrival.
    pub(super) fn lookup(&self, id: IndexId, key: &[Value]) -> Result<Vec<RowRef<'_>>, SqlError> {
        let Some(secondary) = self.secondary.iter().find(|s| s.id == id) else {
            let message = format!("there is no index number {}", id.0);
            return Err(SqlError::new(SqlState::INTERNAL, message));
        };
        if key.contains(&Value::Null) {
            return Ok(Vec::new());
        }
        let probe = Probe::new(secondary.index.cells(), key)?;
        let newest = probe.find(&secondary.index, self.list());
        let mut rows: Vec<RowRef<'_>> = secondary.list(newest).map(|a| self.row_ref(a)).collect();
        rows.reverse();
        Ok(rows)
    }

    fn row_ref(&self, addr: Addr) -> RowRef<'_> {
        let (batch, row) = self.list().row(addr);
        RowRef { batch, row, weight: self.list().weight(addr) }
    }
}
