//! Finding rows by content: a hash directory from the columns of a key to where the row lies.
//!
//! The directory holds addresses only; keys are compared with the columns of the chunks. Rows are
//! looked up a batch at a time: hashes, directory entries and comparisons are passes of independent
//! loads. A key's columns may be all columns, compared for identity, as in the index of a relation
//! without a primary key.
//!
//! Invariant: no two entries have the same key.

use crate::OutOfMemory;
use crate::arena::{Addr, Owner, Pool};
use crate::batch::Batch;
use crate::column::Column;
use crate::state::cell::Cell;
use crate::state::directory::Directory;
use crate::state::hash;
use crate::state::heap::Heap;
use crate::table::chunks::ChunkList;
use crate::table::equal::{Compared, confirm, same_rows};

/// Rows of a delta: its parts, and for each row its part and its number there.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeltaRows<'a> {
    pub(super) parts: &'a [Batch],
    pub(super) at: &'a [(u32, u16)],
}

impl<'a> DeltaRows<'a> {
    /// Calls `f` with the part, the rows of it, and their range among all, run by run.
    pub(super) fn each_run(self, mut f: impl FnMut(&'a Batch, &[u16], std::ops::Range<usize>)) {
        let mut rows = Vec::new();
        let mut start = 0;
        for run in self.at.chunk_by(|a, b| a.0 == b.0) {
            rows.clear();
            rows.extend(run.iter().map(|(_, row)| *row));
            f(&self.parts[run[0].0 as usize], &rows, start..start + run.len());
            start += run.len();
        }
    }

    /// The batch of row `k` and which row of it that is.
    #[inline]
    pub(super) fn row(self, k: usize) -> (&'a Batch, usize) {
        let (part, row) = self.at[k];
        (&self.parts[part as usize], usize::from(row))
    }
}

/// One entry for each key.
#[derive(Debug)]
pub(super) struct KeyIndex {
    columns: Vec<usize>,
    cells: Vec<Cell>,
    compared: Vec<Compared>,
    directory: Directory,
    heap: Heap,
    pool: Pool,
    owner: Owner,
}

impl KeyIndex {
    /// An index of rows by the values of these columns.
    pub(super) fn of_key(pool: &Pool, owner: Owner, cells: &[Cell], columns: &[usize]) -> Self {
        let compared = columns.iter().map(|c| Compared::equal(*c, cells[*c])).collect();
        Self::new((pool, owner), cells, columns.to_vec(), compared)
    }

    /// An index of whole rows.
    pub(super) fn of_rows(pool: &Pool, owner: Owner, cells: &[Cell]) -> Self {
        let columns: Vec<usize> = (0..cells.len()).collect();
        let compared = columns.iter().map(|c| Compared::identical(*c, cells[*c])).collect();
        Self::new((pool, owner), cells, columns, compared)
    }

    fn new(
        (pool, owner): (&Pool, Owner),
        cells: &[Cell],
        columns: Vec<usize>,
        compared: Vec<Compared>,
    ) -> Self {
        Self {
            cells: columns.iter().map(|c| cells[*c]).collect(),
            columns,
            compared,
            directory: Directory::new(),
            heap: Heap::new(pool, owner),
            pool: pool.clone(),
            owner,
        }
    }

    /// Forgets all entries and gives their memory back.
    pub(super) fn clear(&mut self) {
        self.directory.clear();
        self.heap = Heap::new(&self.pool, self.owner);
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.directory.len()
    }

    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.heap.held_bytes() + self.directory.held_bytes()
    }

    /// Whether some column of the row's key is NULL.
    #[inline]
    pub(super) fn has_null(&self, batch: &Batch, row: usize) -> bool {
        self.columns.iter().any(|c| batch.columns[*c].is_null(row))
    }

    /// Whether row `i` of one batch and row `j` of another have the same key.
    #[inline]
    pub(super) fn same_key(&self, (a, i): (&Batch, usize), (b, j): (&Batch, usize)) -> bool {
        same_rows(&self.compared, a, i, b, j)
    }

    /// The hashes of these rows of a batch.
    pub(super) fn hash_rows(&self, batch: &Batch, rows: &[u16], out: &mut Vec<u64>) {
        let columns: Vec<&Column> = self.columns.iter().map(|c| &batch.columns[*c]).collect();
        hash::hash_rows(&self.cells, &columns, rows, out);
    }

    /// The hashes of rows of a delta.
    pub(super) fn hash_delta(&self, rows: DeltaRows<'_>) -> Vec<u64> {
        let mut hashes = Vec::with_capacity(rows.at.len());
        let mut some = Vec::new();
        rows.each_run(|batch, rows, _| {
            self.hash_rows(batch, rows, &mut some);
            hashes.extend_from_slice(&some);
        });
        hashes
    }

    /// Where the rows with the keys of these rows lie; [`Addr::NONE`] for keys that are not there.
    pub(super) fn find_rows(
        &self,
        chunks: &ChunkList,
        rows: (&Batch, &[u16]),
        hashes: &[u64],
        found: &mut Vec<Addr>,
    ) {
        self.find_rows_by(&self.compared, chunks, rows, hashes, found);
    }

    /// The same, for rows that must be the same in all that is `compared`, which is no less than
    /// the key.
    pub(super) fn find_rows_by(
        &self,
        compared: &[Compared],
        chunks: &ChunkList,
        (batch, rows): (&Batch, &[u16]),
        hashes: &[u64],
        found: &mut Vec<Addr>,
    ) {
        self.directory.candidates(&self.heap, hashes, found);
        let candidates = found.clone();
        confirm(compared, chunks, (batch, rows), found);
        for (k, candidate) in candidates.iter().enumerate() {
            if found[k].is_none() && !candidate.is_none() {
                let same = |(other, j)| same_rows(compared, batch, rows[k].into(), other, j);
                found[k] = self.find(hashes[k], |addr| same(chunks.row(addr)));
            }
        }
    }

    /// The entry of this hash for which `is_key` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_key: impl Fn(Addr) -> bool) -> Addr {
        self.directory.find(&self.heap, hash, is_key).unwrap_or(Addr::NONE)
    }

    /// Lets the names of rows that were copied follow them.
    pub(super) fn relocate(&mut self, hashes: &[u64], from: &[Addr], to: impl Fn(usize) -> Addr) {
        self.touch(hashes, &mut Vec::new());
        for (row, (&hash, &from)) in hashes.iter().zip(from).enumerate() {
            self.replace(hash, from, to(row));
        }
    }

    /// Makes room for so many more entries.
    pub(super) fn reserve(&mut self, additional: usize) -> Result<(), OutOfMemory> {
        match additional {
            0 => Ok(()),
            n => self.directory.reserve(&mut self.heap, (&self.pool, self.owner), n),
        }
    }

    /// Adds an entry for a key that has none. Room was reserved.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, addr: Addr) {
        let charge = (&self.pool, self.owner);
        let inserted = self.directory.insert(&mut self.heap, charge, hash, addr);
        inserted.expect("room for the entry was reserved");
    }

    /// Has the directory fetched where entries of these hashes are or will be.
    // PERF: a pass that only looks takes its misses side by side.
    pub(super) fn touch(&self, hashes: &[u64], seen: &mut Vec<Addr>) {
        self.directory.candidates(&self.heap, hashes, seen);
    }

    /// Adds an entry for a row that lies in the chunks; false if there is one of its key. Room was
    /// reserved.
    #[inline]
    pub(super) fn insert_new(
        &mut self,
        chunks: &ChunkList,
        row: (&Batch, usize),
        hash: u64,
        addr: Addr,
    ) -> bool {
        let is_new = self.find(hash, |other| self.same_key(row, chunks.row(other))).is_none();
        if is_new {
            self.insert(hash, addr);
        }
        is_new
    }

    /// Removes the entry of a row.
    #[inline]
    pub(super) fn remove(&mut self, hash: u64, addr: Addr) {
        self.directory.remove(&mut self.heap, hash, addr);
    }

    /// Lets the entry of a row name another.
    #[inline]
    pub(super) fn replace(&mut self, hash: u64, from: Addr, to: Addr) {
        self.directory.replace(&mut self.heap, hash, from, to);
    }

    /// The heap, for what belongs to the entries.
    pub(super) fn heap(&self) -> &Heap {
        &self.heap
    }

    /// The heap, to be written.
    pub(super) fn heap_mut(&mut self) -> &mut Heap {
        &mut self.heap
    }
}
