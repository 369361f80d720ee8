//! Chunks: up to [`CHUNK_ROWS`] rows in columns that never change, with marks for rows that left.
//!
//! A chunk fills from the front. Rows that come a few at a time are parts of their own behind the
//! first one and are joined like the digits of a counter to the base of `JOINED_PARTS`, so a row is
//! copied a few times and a full chunk is one part. What changes when a row leaves is a bit, when
//! its multiplicity does a weight; both belong to the chunk and are copied when someone else reads
//! it, the columns never.
//!
//! Invariant: a row's position in its chunk never changes; `live` rows are not marked as gone; the
//! weight of a row that is gone is 0.

use std::sync::Arc;

use arena_tr_types::limits::BATCH_ROWS;

use crate::arena::{Addr, BatchArena, Owner, Pool};
use crate::batch::Batch;
use crate::column::{Buffer, Column, MutBuffer, Selection};
use crate::error::StorageError;
use crate::table::save::{self, Marks, SavedChunk};

/// Most rows of a chunk: one batch of a scan.
pub(super) const CHUNK_ROWS: usize = BATCH_ROWS;
const ROW_BITS: u32 = CHUNK_ROWS.trailing_zeros();
/// Most chunks of a relation: their rows' addresses fit 32 bits, and the last is no address.
pub(super) const MAX_CHUNKS: usize = (1 << (u32::BITS - ROW_BITS)) - 1;
/// Parts of about one size are joined when they are this many.
const JOINED_PARTS: usize = 8;
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

/// Where a relation's columns lie, and who pays for them.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) pool: Pool,
    pub(super) owner: Owner,
    // PERF: the pool's slabs are huge pages. Columns of a million rows on the heap are looked up at
    // twice the time: each value is a page of its own to the processor.
    lasting: BatchArena,
}

impl Home {
    pub(super) fn new(pool: &Pool, owner: Owner) -> Self {
        Self { pool: pool.clone(), owner, lasting: BatchArena::new(pool, owner) }
    }

    /// Where columns lie that will not be joined with others.
    pub(super) fn lasting(&self) -> &BatchArena {
        &self.lasting
    }
}

/// Columns of some rows, charged to the relation for as long as anybody has them.
#[derive(Debug)]
pub(super) struct Part {
    batch: Batch,
    bytes: usize,
    /// Whom to discharge, unless the columns lie in the relation's arena.
    charged: Option<(Pool, Owner)>,
}

impl Part {
    /// These rows, whose fixed-width columns are shared with nobody who lives on: the relation
    /// keeps them long after what they came with is gone, and should keep nothing else alive.
    pub(super) fn new(batch: Batch, home: &Home) -> Self {
        let rows = batch.rows();
        if rows == CHUNK_ROWS {
            return Self::lasting(&batch, home);
        }
        let batch = Batch::new(batch.columns.into_iter().map(own_strings).collect(), rows);
        let bytes = batch.memory_bytes();
        home.pool.charge(home.owner, bytes as u64);
        Self { batch, bytes, charged: Some((home.pool.clone(), home.owner)) }
    }

    /// A copy of these rows that will not be joined with others.
    pub(super) fn lasting(batch: &Batch, home: &Home) -> Self {
        let columns = batch.columns.iter().map(|c| c.copy_in(&home.lasting)).collect();
        Self::in_place(Batch::new(columns, batch.rows()))
    }

    /// These rows, whose columns lie in [`Home::lasting`] already.
    pub(super) fn in_place(batch: Batch) -> Self {
        Self { bytes: batch.memory_bytes(), batch, charged: None }
    }

    fn join(parts: &[Arc<Self>], home: &Home) -> Arc<Self> {
        let batches: Vec<Batch> = parts.iter().map(|part| part.batch.clone()).collect();
        Arc::new(Self::new(Batch::concat(&batches).expect("a chunk has a part"), home))
    }

    pub(super) fn rows(&self) -> usize {
        self.batch.rows()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some((pool, owner)) = &self.charged {
            pool.discharge(*owner, self.bytes as u64);
        }
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
    /// Bytes of what is copied when a row leaves or comes: all but the columns. Weights are charged
    /// where they are.
    pub(super) fn marks_bytes(&self) -> usize {
        size_of::<Self>() + self.rest.capacity() * size_of::<Arc<Part>>()
    }

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

    /// The chunk that was saved with these names, columns and marks.
    pub(super) fn restored<B>(saved: &SavedChunk<B>, part: Arc<Part>, marks: Marks) -> Self {
        let rows = part.rows();
        let n_gone: u32 = marks.gone.iter().map(|word| word.count_ones()).sum();
        Self {
            number: saved.number,
            order: saved.order,
            filled: saved.filled,
            changed: saved.changed,
            rows,
            live: rows - n_gone as usize,
            gone: marks.gone,
            weights: marks.weights.map(Buffer::from),
            first: part,
            rest: Vec::new(),
        }
    }

    /// Appends the columns of all rows.
    pub(super) fn put_columns(&self, out: &mut Vec<u8>) -> Result<(), StorageError> {
        if self.rest.is_empty() {
            return save::put_columns(&self.first.batch, out);
        }
        let parts: Vec<Batch> = self.parts().map(|part| part.batch.clone()).collect();
        save::put_columns(&Batch::concat(&parts).expect("a chunk has a part"), out)
    }

    /// Words of marks: a bit is set if its row is gone.
    pub(super) fn gone(&self) -> &[u64] {
        &self.gone[..self.rows.div_ceil(64)]
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

    /// How many rows there are, counting each as often as it is there.
    pub(super) fn total_weight(&self) -> i128 {
        match &self.weights {
            Some(weights) => weights.iter().map(|w| i128::from(*w)).sum(),
            None => self.live as i128,
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
    pub(super) fn append(&mut self, part: Arc<Part>, weights: &[i64], home: &Home, version: u64) {
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
        self.join_parts(home);
    }

    /// Joins the parts at the end that are no larger than the last when they are enough, and all
    /// of them when the chunk is full.
    fn join_parts(&mut self, home: &Home) {
        let class = |part: &Arc<Part>| part.rows().ilog(JOINED_PARTS);
        let full = self.rows == CHUNK_ROWS;
        let last = self.rest.last().map_or(0, class);
        let small = self.rest.iter().rev().chain([&self.first]);
        let n = small.take_while(|part| full || class(part) <= last).count();
        if !full && n < JOINED_PARTS {
            return;
        }
        let from = 1 + self.rest.len() - n;
        if from == 0 {
            let parts: Vec<Arc<Part>> = self.parts().cloned().collect();
            self.first = Part::join(&parts, home);
            self.rest = Vec::new();
        } else {
            let joined = Part::join(&self.rest[from - 1..], home);
            self.rest.truncate(from - 1);
            self.rest.push(joined);
        }
    }

    /// The rows that are not gone, ascending.
    pub(super) fn live_rows(&self) -> impl Iterator<Item = usize> {
        self.live_range(0, self.rows)
    }

    fn live_range(&self, start: usize, end: usize) -> impl Iterator<Item = usize> {
        self.live_words(start, end).flat_map(|(first, mut bits)| {
            std::iter::from_fn(move || {
                let row = first + bits.trailing_zeros() as usize;
                let some = bits != 0;
                bits &= bits.wrapping_sub(1);
                some.then_some(row)
            })
        })
    }

    /// The rows from `start` to before `end` that are not gone, as bits: those from a multiple of
    /// 64 on.
    fn live_words(&self, start: usize, end: usize) -> impl Iterator<Item = (usize, u64)> {
        (start / 64..end.div_ceil(64)).map(move |word| {
            let first = word * 64;
            let low = u64::MAX << start.saturating_sub(first);
            let high = u64::MAX >> (first + 64).saturating_sub(end);
            (first, !self.gone[word] & low & high)
        })
    }

    /// The rows that are not gone, sharing the columns, in a batch for each part.
    pub(super) fn batches(&self) -> impl Iterator<Item = Batch> {
        let plain = self.weights.is_none() || self.live_rows().all(|row| self.weight(row) == 1);
        let mut end = 0;
        self.parts().filter_map(move |part| {
            let start = end;
            end += part.rows();
            let holes = self.live < self.rows;
            let count = |(_, bits): (usize, u64)| bits.count_ones() as usize;
            let live = match holes {
                true => self.live_words(start, end).map(count).sum(),
                false => part.rows(),
            };
            if live == 0 {
                return None;
            }
            let weights = self.weights.as_ref().filter(|_| !plain).map(|w| w.slice(start..end));
            let selection = (live < part.rows()).then(|| {
                let rows = self.live_range(start, end).map(|row| (row - start) as u16);
                let mut indices = MutBuffer::with_capacity(live);
                indices.extend(rows);
                Selection::from_indices(indices.freeze())
            });
            Some(part.batch.clone().with_weights(weights).with_selection(selection))
        })
    }

    /// Whether what is known of the rows agrees with their columns, marks and weights; if not, what
    /// does not.
    pub(super) fn verify(&self, n_columns: usize) -> Result<(), &'static str> {
        let of_parts: usize = self.parts().map(|part| part.rows()).sum();
        if of_parts != self.rows || self.rows > CHUNK_ROWS {
            return Err("a chunk with another number of rows than its parts");
        }
        let is_whole = |part: &Arc<Part>| {
            let columns = &part.batch.columns;
            columns.len() == n_columns && columns.iter().all(|c| c.len() == part.rows())
        };
        if !self.parts().all(is_whole) {
            return Err("columns of other lengths than their rows");
        }
        if self.live_rows().count() != self.live {
            return Err("a chunk that counts its rows wrongly");
        }
        if self.weights.as_ref().is_some_and(|w| w.len() != self.rows) {
            return Err("a chunk with another number of weights than rows");
        }
        match (0..self.rows).all(|row| (self.weight(row) > 0) != self.is_gone(row)) {
            true => Ok(()),
            false => Err("a weight that does not fit the mark of its row"),
        }
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
