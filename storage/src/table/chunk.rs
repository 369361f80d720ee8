//! Chunks: up to [`CHUNK_ROWS`] rows in columns that never change, with marks for rows that left.
//!
//! A chunk fills from the front. Rows that come a few at a time are parts of their own behind the
//! first one and are joined like the digits of a binary counter, so a row is copied a few times and
//! a full chunk is one part. What changes when a row leaves is a bit, when its multiplicity does a
//! weight; both belong to the chunk and are copied when someone else reads it, the columns never.
//!
//! Invariant: a row's position in its chunk never changes; `live` rows are not marked as gone; the
//! weight of a row that is gone is 0.

use std::sync::Arc;

use arena_tr_types::limits::BATCH_ROWS;

use crate::arena::{Addr, Owner, Pool};
use crate::batch::Batch;
use crate::column::{Buffer, Column, MutBuffer, Selection};

/// Most rows of a chunk: one batch of a scan.
pub(super) const CHUNK_ROWS: usize = BATCH_ROWS;
const ROW_BITS: u32 = CHUNK_ROWS.trailing_zeros();
/// Most chunks of a relation: their rows' addresses fit 32 bits, and the last is no address.
pub(super) const MAX_CHUNKS: usize = (1 << (u32::BITS - ROW_BITS)) - 1;
/// Words of marks.
const MARK_WORDS: usize = CHUNK_ROWS / 64;

/// Where a row lies: the chunk's slot and the row in it, as one address.
#[inline]
pub(super) fn addr_of(slot: usize, row: usize) -> Addr {
    Addr((slot << ROW_BITS | row) as u32)
}

/// The slot of a row's chunk.
#[inline]
pub(super) fn slot_of(addr: Addr) -> usize {
    (addr.0 >> ROW_BITS) as usize
}

/// The row in its chunk.
#[inline]
pub(super) fn row_of(addr: Addr) -> usize {
    addr.0 as usize & (CHUNK_ROWS - 1)
}

/// Columns of some rows, charged to the relation for as long as anybody has them.
#[derive(Debug)]
pub(super) struct Part {
    batch: Batch,
    bytes: usize,
    pool: Pool,
    owner: Owner,
}

impl Part {
    /// These rows, without weights or selection. Memory that they share with others is copied:
    /// the relation keeps them long after what they came with is gone.
    pub(super) fn new(batch: Batch, (pool, owner): (&Pool, Owner)) -> Self {
        let rows = batch.rows();
        let batch = Batch::new(batch.columns.into_iter().map(own_strings).collect(), rows);
        let bytes = batch.memory_bytes();
        pool.charge(owner, bytes as u64);
        Self { batch, bytes, pool: pool.clone(), owner }
    }

    fn join(parts: &[Arc<Self>]) -> Arc<Self> {
        let batches: Vec<Batch> = parts.iter().map(|part| part.batch.clone()).collect();
        let batch = Batch::concat(&batches).expect("a chunk has a part");
        Arc::new(Self::new(batch, (&parts[0].pool, parts[0].owner)))
    }

    pub(super) fn rows(&self) -> usize {
        self.batch.rows()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.pool.discharge(self.owner, self.bytes as u64);
    }
}

/// The same column with string heaps that hold little else than its strings.
fn own_strings(column: Column) -> Column {
    match column {
        Column::Str(c) if c.heap_bytes() > 0 => {
            let (held, live) = (c.heap_bytes(), c.live_heap_bytes());
            // A builder's heap may have grown to twice its bytes; the buffer knows.
            let blocks: usize = c.heaps.iter().map(Buffer::block_bytes).sum();
            let tight = c.heaps.len() == 1 && held.max(blocks) <= live + live / 4 + 64;
            Column::Str(if tight { c } else { c.copy_heaps() })
        }
        column => column,
    }
}

/// Some rows of a relation.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    /// Names the chunk for ever; no other chunk of the relation ever has it.
    pub(super) number: u64,
    /// Chunks in this order have their rows in the order of arrival.
    pub(super) order: u64,
    /// The version of the relation in which columns were added.
    pub(super) filled: u64,
    /// The version in which anything changed.
    pub(super) changed: u64,
    rows: usize,
    live: usize,
    gone: [u64; MARK_WORDS],
    /// Multiplicities, if they are not all 1.
    weights: Option<Buffer<i64>>,
    first: Arc<Part>,
    rest: Vec<Arc<Part>>,
}

impl Chunk {
    /// A chunk of these rows, each there as often as its weight says.
    pub(super) fn new(
        (number, order): (u64, u64),
        part: Arc<Part>,
        weights: &[i64],
        version: u64,
    ) -> Self {
        let rows = part.rows();
        debug_assert!(rows == weights.len() && rows <= CHUNK_ROWS);
        let plain = weights.iter().all(|w| *w == 1);
        Self {
            number,
            order,
            filled: version,
            changed: version,
            rows,
            live: rows,
            gone: [0; MARK_WORDS],
            weights: (!plain).then(|| Buffer::from(weights)),
            first: part,
            rest: Vec::new(),
        }
    }

    /// Rows, gone or not.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Rows that are not gone.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn room(&self) -> usize {
        CHUNK_ROWS - self.rows
    }

    /// Whether half of the rows are gone: copying the others pays.
    pub(super) fn is_sparse(&self) -> bool {
        self.live * 2 <= self.rows
    }

    fn parts(&self) -> impl Iterator<Item = &Arc<Part>> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The columns of row `row` and which row of them it is.
    #[inline]
    pub(super) fn at(&self, row: usize) -> (&Batch, usize) {
        let n = self.first.batch.rows();
        if row < n { (&self.first.batch, row) } else { self.at_rest(row - n) }
    }

    fn at_rest(&self, mut row: usize) -> (&Batch, usize) {
        for part in &self.rest {
            if row < part.rows() {
                return (&part.batch, row);
            }
            row -= part.rows();
        }
        panic!("a row's address is within its chunk")
    }

    #[inline]
    fn is_gone(&self, row: usize) -> bool {
        self.gone[row / 64] >> (row % 64) & 1 == 1
    }

    /// How often a row is there.
    #[inline]
    pub(super) fn weight(&self, row: usize) -> i64 {
        match &self.weights {
            Some(weights) => weights[row],
            None => i64::from(!self.is_gone(row)),
        }
    }

    /// Adds `by` to the weight of a row, which stays above 0.
    pub(super) fn add_weight(&mut self, row: usize, by: i64, version: u64) {
        self.changed = version;
        self.set_weight(row, self.weight(row).saturating_add(by));
    }

    /// Marks a row as gone.
    #[inline]
    pub(super) fn remove(&mut self, row: usize, version: u64) {
        debug_assert!(!self.is_gone(row));
        self.changed = version;
        self.gone[row / 64] |= 1 << (row % 64);
        self.live -= 1;
        if self.weights.is_some() {
            self.set_weight(row, 0);
        }
    }

    fn set_weight(&mut self, row: usize, weight: i64) {
        let mut weights = match self.weights.take().map(Buffer::try_into_mut) {
            Some(Ok(own)) => own,
            Some(Err(shared)) => copy(&shared),
            None => (0..self.rows).map(|row| i64::from(!self.is_gone(row))).collect(),
        };
        weights[row] = weight;
        self.weights = Some(weights.freeze());
    }

    /// Adds rows behind the others.
    pub(super) fn append(&mut self, part: Arc<Part>, weights: &[i64], version: u64) {
        let before = self.rows;
        debug_assert!(part.rows() == weights.len() && part.rows() <= self.room());
        (self.filled, self.changed) = (version, version);
        self.rows += part.rows();
        self.live += part.rows();
        if self.weights.is_some() || weights.iter().any(|w| *w != 1) {
            let mut all = match self.weights.take().map(Buffer::try_into_mut) {
                Some(Ok(own)) => own,
                Some(Err(shared)) => copy(&shared),
                None => (0..before).map(|row| i64::from(!self.is_gone(row))).collect(),
            };
            all.extend_from_slice(weights);
            self.weights = Some(all.freeze());
        }
        self.rest.push(part);
        self.join_parts();
    }

    /// Joins parts at the end while the last is at least as large as the one before it, and all of
    /// them when the chunk is full.
    fn join_parts(&mut self) {
        let mut joined = 1;
        let mut size = self.rest.last().map_or(0, |part| part.rows());
        for part in self.rest.iter().rev().skip(1).chain([&self.first]) {
            if part.rows() > size && self.rows < CHUNK_ROWS {
                break;
            }
            size += part.rows();
            joined += 1;
        }
        if joined == 1 {
            return;
        }
        let mut parts: Vec<Arc<Part>> = self.parts().cloned().collect();
        let from = parts.len() - joined;
        let one = Part::join(&parts[from..]);
        parts.truncate(from);
        parts.push(one);
        self.first = parts.remove(0);
        self.rest = parts;
    }

    /// The rows that are not gone, ascending.
    pub(super) fn live_rows(&self) -> impl Iterator<Item = usize> {
        self.live_range(0, self.rows)
    }

    fn live_range(&self, start: usize, end: usize) -> impl Iterator<Item = usize> {
        (start..end).filter(|row| !self.is_gone(*row))
    }

    /// The rows that are not gone, sharing the columns, in a batch for each part.
    pub(super) fn batches(&self) -> impl Iterator<Item = Batch> {
        let plain = self.live_rows().all(|row| self.weight(row) == 1);
        let mut end = 0;
        self.parts().filter_map(move |part| {
            let start = end;
            end += part.rows();
            let holes = self.live < self.rows;
            let live = if holes { self.live_range(start, end).count() } else { part.rows() };
            if live == 0 {
                return None;
            }
            let weights = self.weights.as_ref().filter(|_| !plain).map(|w| w.slice(start..end));
            let selection = (live < part.rows()).then(|| {
                let rows = self.live_range(start, end).map(|row| (row - start) as u16);
                Selection::from_indices(rows.collect())
            });
            Some(part.batch.clone().with_weights(weights).with_selection(selection))
        })
    }

    /// Bytes of the columns and of what the chunk itself holds.
    pub(super) fn held_bytes(&self) -> usize {
        let weights = self.weights.as_ref().map_or(0, Buffer::block_bytes);
        self.parts().map(|part| part.bytes).sum::<usize>() + weights + size_of::<Self>()
    }
}

fn copy(values: &Buffer<i64>) -> MutBuffer<i64> {
    let mut own = MutBuffer::with_capacity(values.len());
    own.extend_from_slice(values);
    own
}
