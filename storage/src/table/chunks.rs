//! The chunks of a relation: those that readers share, and what their writer knows about them.
//!
//! Chunks lie in numbered slots, so that an index finds a row by slot and position. A slot is used
//! again when its chunk is gone; the order of arrival is the chunks' own ([`Chunk::order`]).
//! [`Chunks::compact`] replaces chunks that lost half of their rows, together with the neighbours
//! that fit into one chunk with them: every row that left pays for copying at most one, and each
//! joined neighbour for the rows that once filled it.
//!
//! Invariant: a full chunk is never appended to; only the newest chunk has room for more rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::arena::{Addr, Owner, Pool};
use crate::batch::Batch;
use crate::error::{Limit, OutOfMemory, StorageError};
use crate::table::chunk::{CHUNK_ROWS, Chunk, Home, MAX_CHUNKS, Part, addr_of, row_of, slot_of};
use crate::table::list::List;
use crate::table::save::{TableHeader, corrupt};

/// Chunks by slot. Cloning it is O(1) and copies nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct ChunkList {
    slots: List<Option<Arc<Chunk>>>,
}

impl ChunkList {
    /// The chunk in a slot that has one.
    #[inline]
    pub(super) fn chunk(&self, slot: usize) -> &Chunk {
        self.slots.get(slot).as_ref().expect("addresses are of chunks that are there")
    }

    /// The columns that hold a row, and which row of them it is.
    #[inline]
    pub(super) fn row(&self, addr: Addr) -> (&Batch, usize) {
        self.chunk(slot_of(addr)).at(row_of(addr))
    }

    /// How often a row is there.
    #[inline]
    pub(super) fn weight(&self, addr: Addr) -> i64 {
        self.chunk(slot_of(addr)).weight(row_of(addr))
    }

    /// Whether a row that is not gone lies there.
    pub(super) fn holds(&self, addr: Addr) -> bool {
        let (slot, row) = (slot_of(addr), row_of(addr));
        let in_use = !addr.is_none() && slot < self.slots.len();
        let chunk = in_use.then(|| self.slots.get(slot).as_ref()).flatten();
        chunk.is_some_and(|chunk| row < chunk.rows() && chunk.weight(row) > 0)
    }

    /// Bytes of lists and marks that `newer`, a later state of it, does not share.
    pub(super) fn own_bytes(&self, newer: &Self) -> usize {
        self.slots.own_bytes(&newer.slots, |own, other| {
            match (own, other.and_then(Option::as_ref)) {
                (None, _) => 0,
                (Some(own), Some(other)) if Arc::ptr_eq(own, other) => 0,
                (Some(own), _) => own.marks_bytes(),
            }
        })
    }

    /// All chunks in the order of arrival of their rows.
    pub(super) fn in_order(&self) -> Vec<&Chunk> {
        let mut chunks: Vec<&Chunk> = self.slots.iter().flatten().map(|c| &**c).collect();
        chunks.sort_unstable_by_key(|chunk| chunk.order);
        chunks
    }
}

/// Rows that were copied to another chunk.
#[derive(Debug)]
pub(super) struct Moved {
    /// Where the rows of the new chunk came from, in their order.
    pub(super) from: Vec<Addr>,
    /// The new chunk.
    pub(super) to_slot: usize,
}

/// Rows to be appended, in pieces of which each goes to one chunk, with all weights.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    pub(super) parts: Vec<Arc<Part>>,
    pub(super) weights: Vec<i64>,
}

/// Chunks and their writer's books.
#[derive(Debug)]
pub(super) struct Chunks {
    list: ChunkList,
    free: Vec<usize>,
    /// Slots by the order of their chunks.
    by_order: BTreeMap<u64, usize>,
    /// The slot of the newest chunk, if it has room.
    open: Option<usize>,
    /// Slots of chunks that may have lost half of their rows.
    sparse: Vec<usize>,
    next_number: u64,
    version: u64,
    home: Home,
}

impl Chunks {
    pub(super) fn new(pool: &Pool, owner: Owner) -> Self {
        Self {
            list: ChunkList::default(),
            free: Vec::new(),
            by_order: BTreeMap::new(),
            open: None,
            sparse: Vec::new(),
            next_number: 0,
            version: 0,
            home: Home::new(pool, owner),
        }
    }

    /// Takes over chunks that were saved, in their order, and goes on as the relation whose they
    /// were. There is no chunk yet.
    pub(super) fn restore(
        &mut self,
        header: &TableHeader,
        chunks: Vec<Chunk>,
    ) -> Result<(), StorageError> {
        if chunks.len() > MAX_CHUNKS {
            return Err(corrupt("more chunks than a relation can have"));
        }
        if !chunks.is_sorted_by(|a, b| a.order < b.order) {
            return Err(corrupt("chunks that are not in their order"));
        }
        let mut numbers: Vec<u64> = chunks.iter().map(|chunk| chunk.number).collect();
        numbers.sort_unstable();
        if numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(corrupt("two chunks of one number"));
        }
        let newest = chunks.last().filter(|chunk| chunk.room() > 0);
        if header.open.is_some() && header.open != newest.map(|chunk| chunk.number) {
            return Err(corrupt("rows are to be added to a chunk that cannot take them"));
        }
        self.open = header.open.map(|_| chunks.len() - 1);
        for (slot, chunk) in chunks.into_iter().enumerate() {
            self.by_order.insert(chunk.order, slot);
            if chunk.is_sparse() {
                self.sparse.push(slot);
            }
            self.list.slots.push(Some(Arc::new(chunk)));
        }
        (self.next_number, self.version) = (header.last_number, header.version);
        Ok(())
    }

    /// What else is to be saved than chunks, of a relation of so many rows.
    pub(super) fn header(&self, len: usize) -> TableHeader {
        TableHeader {
            version: self.version,
            len: len as u64,
            last_number: self.next_number,
            open: self.open.map(|slot| self.list.chunk(slot).number),
        }
    }

    #[inline]
    pub(super) fn list(&self) -> &ChunkList {
        &self.list
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// Number of changes so far.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// What follows is one change.
    pub(super) fn begin_version(&mut self) {
        self.version += 1;
    }

    /// Slots, in use or not.
    pub(super) fn n_slots(&self) -> usize {
        self.list.slots.len()
    }

    /// The slots that have chunks, in the order of arrival.
    pub(super) fn slots_in_order(&self) -> impl Iterator<Item = usize> {
        self.by_order.values().copied()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.list.slots.iter().flatten().map(|chunk| chunk.held_bytes()).sum()
    }

    /// Rows that the newest chunk still takes.
    pub(super) fn room(&self) -> usize {
        self.open.map_or(0, |slot| self.list.chunk(slot).room())
    }

    /// Makes sure of slots for so many more rows and for a compaction.
    pub(super) fn reserve(&mut self, rows: usize) -> Result<(), OutOfMemory> {
        let needed = rows.saturating_sub(self.room()).div_ceil(CHUNK_ROWS) + 1;
        let missing = needed.saturating_sub(self.free.len());
        if self.n_slots() + missing > MAX_CHUNKS {
            let limit_bytes = (MAX_CHUNKS * CHUNK_ROWS) as u64;
            return Err(OutOfMemory { owner: self.home.owner, limit: Limit::Arena, limit_bytes });
        }
        for _ in 0..missing {
            self.free.push(self.n_slots());
            self.list.slots.push(None);
        }
        Ok(())
    }

    fn put(&mut self, chunk: Chunk) -> usize {
        let slot = self.free.pop().expect("slots were reserved");
        self.by_order.insert(chunk.order, slot);
        *self.list.slots.get_mut(slot) = Some(Arc::new(chunk));
        slot
    }

    fn take_out(&mut self, slot: usize) {
        let order = self.list.chunk(slot).order;
        if self.by_order.get(&order) == Some(&slot) {
            self.by_order.remove(&order);
        }
        *self.list.slots.get_mut(slot) = None;
        self.free.push(slot);
        if self.open == Some(slot) {
            self.open = None;
        }
    }

    /// Whether the books agree with the chunks, and each chunk with itself; if not, what does not.
    pub(super) fn verify(&self, (n_columns, len): (usize, usize)) -> Result<(), &'static str> {
        let slots = self.list.slots.iter().enumerate();
        let used: Vec<(usize, &Chunk)> =
            slots.filter_map(|(slot, chunk)| Some((slot, chunk.as_deref()?))).collect();
        if used.len() != self.by_order.len() || used.len() + self.free.len() != self.n_slots() {
            return Err("slots that are neither free nor in use");
        }
        let mut total = 0;
        for (slot, chunk) in used {
            chunk.verify(n_columns)?;
            total += chunk.total_weight();
            if self.by_order.get(&chunk.order) != Some(&slot) {
                return Err("a chunk that is not in its place among the others");
            }
            if chunk.number > self.next_number || chunk.changed > self.version {
                return Err("a chunk from the future");
            }
        }
        if self.open.is_some_and(|slot| self.list.slots.get(slot).is_none()) {
            return Err("rows are to be added to a chunk that is not there");
        }
        if total == len as i128 { Ok(()) } else { Err("a relation that counts its rows wrongly") }
    }

    /// Adds `by` to the weight of a row, which stays above 0.
    pub(super) fn add_weight(&mut self, addr: Addr, by: i64) {
        chunk_mut(&mut self.list, slot_of(addr)).add_weight(row_of(addr), by, self.version);
    }

    /// Takes a row away.
    #[inline]
    pub(super) fn remove(&mut self, addr: Addr) {
        let slot = slot_of(addr);
        let chunk = chunk_mut(&mut self.list, slot);
        chunk.remove(row_of(addr), self.version);
        if chunk.is_sparse() && self.sparse.last() != Some(&slot) {
            self.sparse.push(slot);
        }
    }

    /// Appends rows, for which slots were reserved; where each of them is now.
    pub(super) fn append(&mut self, rows: &Arrivals) -> Vec<Addr> {
        let mut addrs = Vec::with_capacity(rows.weights.len());
        for part in &rows.parts {
            let weights = &rows.weights[addrs.len()..addrs.len() + part.rows()];
            let (slot, first) = match self.open {
                Some(slot) => {
                    let chunk = chunk_mut(&mut self.list, slot);
                    let first = chunk.rows();
                    chunk.append(Arc::clone(part), weights, &self.home, self.version);
                    (slot, first)
                }
                None => {
                    let number = self.number();
                    let part = Arc::clone(part);
                    (self.put(Chunk::new((number, number), part, weights, self.version)), 0)
                }
            };
            self.open = (self.list.chunk(slot).room() > 0).then_some(slot);
            addrs.extend((first..first + part.rows()).map(|row| addr_of(slot, row)));
        }
        addrs
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Copies the rows of chunks that lost half of theirs, telling what moved.
    pub(super) fn compact(&mut self, mut moved: impl FnMut(&ChunkList, Moved)) {
        let mut sparse = std::mem::take(&mut self.sparse);
        for slot in sparse.drain(..) {
            let Some(chunk) = self.list.slots.get(slot) else { continue };
            if !chunk.is_sparse() {
                continue;
            }
            let sources = self.sources(slot);
            let is_open = self.open == Some(slot);
            if let Some(to) = self.copy_live(&sources) {
                self.open = if is_open { Some(to.to_slot) } else { self.open };
                moved(&self.list, to);
            }
            sources.into_iter().for_each(|slot| self.take_out(slot));
        }
        self.sparse = sparse;
    }

    /// A chunk and the neighbours that fit into one with it, in their order. The open chunk stays
    /// alone: it would be made and joined again every few rows.
    fn sources(&self, slot: usize) -> Vec<usize> {
        let chunk = self.list.chunk(slot);
        let mut live = chunk.live();
        if live == 0 || self.open == Some(slot) {
            return vec![slot];
        }
        let mut fits = |other: Option<(&u64, &usize)>| {
            let slot = *other?.1;
            let n = self.list.chunk(slot).live();
            let fits = self.open != Some(slot) && live + n <= CHUNK_ROWS;
            live += if fits { n } else { 0 };
            fits.then_some(slot)
        };
        let before = fits(self.by_order.range(..chunk.order).next_back());
        let after = fits(self.by_order.range(chunk.order + 1..).next());
        before.into_iter().chain([slot]).chain(after).collect()
    }

    /// Copies what lives in these chunks into a new one that takes their place, unless nothing
    /// lives.
    fn copy_live(&mut self, sources: &[usize]) -> Option<Moved> {
        let (mut batches, mut from, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for &slot in sources {
            let chunk = self.list.chunk(slot);
            batches.extend(chunk.batches().map(|b| b.with_weights(None).compact()));
            from.extend(chunk.live_rows().map(|row| addr_of(slot, row)));
            weights.extend(chunk.live_rows().map(|row| chunk.weight(row)));
        }
        let batch = Batch::concat(&batches)?;
        let part = Arc::new(if self.open == Some(sources[0]) {
            Part::new(batch, &self.home)
        } else {
            Part::lasting(&batch, &self.home)
        });
        let order = self.list.chunk(sources[0]).order;
        let number = self.number();
        // From here on the order is the new chunk's, not the first source's.
        let to_slot = self.put(Chunk::new((number, order), part, &weights, self.version));
        Some(Moved { from, to_slot })
    }
}

#[inline]
fn chunk_mut(list: &mut ChunkList, slot: usize) -> &mut Chunk {
    let chunk = list.slots.get_mut(slot).as_mut();
    Arc::make_mut(chunk.expect("addresses are of chunks that are there"))
}
