//! The group table: rows found by their key, a batch at a time.
//!
//! Keys are hashed column by column, then looked up in three passes over the batch: directory
//! entries, key comparison, and the few rows that are new or collide. Each pass is a loop of
//! independent loads, so the processor overlaps their cache misses. Rows that repeat a key of the
//! same batch find the row that its first occurrence made.
//!
//! Keys are equal as SQL says, or, in a table of whole rows, when they print alike (`1.0` and
//! `1.00` are two rows).
//!
//! Invariant: no two rows have equal keys (NULLs being equal); a row's address never changes.

use arena_tr_types::DataType;

use crate::OutOfMemory;
use crate::StorageError;
use crate::arena::{Addr, Owner, Pool};
use crate::column::{Column, StrColumn};
use crate::state::cell::Cell;
use crate::state::directory::Directory;
use crate::state::hash;
use crate::state::heap::{Heap, NO_ADDR};
use crate::state::row::{HeapRows, RowLayout};
use crate::state::visit::{StateVisitor, Visit};

/// Whether all these rows have the same key, as far as that is seen at once.
pub fn is_one_key(keys: &[&Column], rows: &[u16]) -> bool {
    let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return false };
    keys.iter().all(|column| {
        column.validity().is_none()
            && match column {
                Column::I64(c) => is_same(&c.values, first, last, rows),
                Column::I32(c) => is_same(&c.values, first, last, rows),
                Column::Str(c) => {
                    c.views[usize::from(first)].is_inline() && is_same(&c.views, first, last, rows)
                }
                _ => false,
            }
    })
}

fn is_same<T: Copy + PartialEq>(values: &[T], first: u16, last: u16, rows: &[u16]) -> bool {
    let value = values[usize::from(first)];
    values[usize::from(last)] == value && rows.iter().all(|&row| values[usize::from(row)] == value)
}

/// Rows by key.
#[derive(Debug)]
pub struct GroupTable {
    layout: RowLayout,
    heap: Heap,
    directory: Directory,
    pool: Pool,
    owner: Owner,
    hashes: Vec<u64>,
    /// Keys are equal only when they print alike.
    identity: bool,
}

impl GroupTable {
    /// An empty table with keys of these types and `state_words` words behind them.
    pub fn new<'a>(
        pool: &Pool,
        owner: Owner,
        keys: impl IntoIterator<Item = &'a DataType>,
        state_words: usize,
    ) -> Self {
        Self::with_layout(pool, owner, RowLayout::new(keys, state_words))
    }

    /// An empty table of rows of this layout, whose fields are all the key.
    pub fn with_layout(pool: &Pool, owner: Owner, layout: RowLayout) -> Self {
        Self {
            layout,
            heap: Heap::new(pool, owner),
            directory: Directory::new(),
            pool: pool.clone(),
            owner,
            hashes: Vec::new(),
            identity: false,
        }
    }

    /// An empty table whose keys are equal only when they print alike: for whole rows.
    pub fn of_rows<'a>(
        pool: &Pool,
        owner: Owner,
        types: impl IntoIterator<Item = &'a DataType>,
        state_words: usize,
    ) -> Self {
        Self { identity: true, ..Self::new(pool, owner, types, state_words) }
    }

    /// An empty table like this one, charged to the same owner.
    #[must_use]
    pub fn sibling(&self) -> Self {
        let identity = self.identity;
        Self { identity, ..Self::with_layout(&self.pool, self.owner, self.layout.clone()) }
    }

    /// Where its memory comes from, and who pays for it.
    pub fn home(&self) -> (&Pool, Owner) {
        (&self.pool, self.owner)
    }

    /// Number of rows.
    #[inline]
    pub fn len(&self) -> usize {
        self.directory.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.directory.is_empty()
    }

    /// Where the fields lie.
    #[inline]
    pub fn layout(&self) -> &RowLayout {
        &self.layout
    }

    /// Where the rows are.
    #[inline]
    pub fn heap(&self) -> &Heap {
        &self.heap
    }

    /// Where the rows are, to be changed; the key fields must stay as they are.
    #[inline]
    pub fn heap_mut(&mut self) -> &mut Heap {
        &mut self.heap
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.heap.held_bytes() + self.directory.held_bytes()
    }

    /// The words of a row.
    #[inline]
    pub fn row(&self, addr: Addr) -> &[u64] {
        self.heap.words(addr, self.layout.words())
    }

    /// The words of a row, to be changed; the key fields must stay as they are.
    #[inline]
    pub fn row_mut(&mut self, addr: Addr) -> &mut [u64] {
        self.heap.words_mut(addr, self.layout.words())
    }

    /// State word number `n` of a row.
    #[inline]
    pub fn state(&self, addr: Addr, n: usize) -> u64 {
        self.heap.word(addr.offset(self.layout.state() + n))
    }

    /// Sets state word number `n` of a row.
    #[inline]
    pub fn set_state(&mut self, addr: Addr, n: usize, word: u64) {
        self.heap.set_word(addr.offset(self.layout.state() + n), word);
    }

    /// These rows, to be read.
    pub fn rows<'a>(&'a self, addrs: &'a [Addr]) -> HeapRows<'a> {
        HeapRows { heap: &self.heap, addrs, words: self.layout.words() }
    }

    /// A key field of these rows as a column.
    pub fn gather(&self, field: usize, addrs: &[Addr]) -> Column {
        self.layout.gather(field, &self.rows(addrs), &self.heap)
    }

    /// Finds or makes the row of each listed batch row's key: `refs[k]` belongs to `rows[k]`. A new
    /// row has weight 0 and zero state words.
    pub fn upsert(
        &mut self,
        keys: &[&Column],
        rows: &[u16],
        refs: &mut Vec<Addr>,
    ) -> Result<(), OutOfMemory> {
        // PERF: keys made of time (a window, a day) are the same for whole batches.
        let n = if is_one_key(keys, rows) { 1 } else { rows.len() };
        let mut hashes = std::mem::take(&mut self.hashes);
        hash::hash_rows(self.layout.cells(), keys, &rows[..n], &mut hashes);
        let done = self.upsert_hashed(keys, &rows[..n], &hashes, refs);
        self.hashes = hashes;
        done?;
        if n < rows.len() {
            refs.resize(rows.len(), refs[0]);
        }
        Ok(())
    }

    /// [`GroupTable::upsert`] with the hashes that [`hash::hash_rows`] gave for these rows.
    pub fn upsert_hashed(
        &mut self,
        keys: &[&Column],
        rows: &[u16],
        hashes: &[u64],
        refs: &mut Vec<Addr>,
    ) -> Result<(), OutOfMemory> {
        self.directory.candidates(&self.heap, hashes, refs);
        self.confirm(keys, rows, refs);
        let Some(first) = refs.iter().position(|addr| addr.0 == NO_ADDR) else { return Ok(()) };
        // PERF: rows that repeat a key which is new in this batch all come here.
        let integers = self.integer_keys(keys);
        for k in first..rows.len() {
            if refs[k].0 == NO_ADDR {
                let row = usize::from(rows[k]);
                refs[k] = match &integers {
                    Some(keys) => self.find_or_insert_integers(keys, row, hashes[k])?,
                    None => self.find_or_insert(keys, row, hashes[k])?,
                };
            }
        }
        Ok(())
    }

    /// Finds the row of each listed batch row's key; [`NO_ADDR`] where there is none.
    pub fn find(&mut self, keys: &[&Column], rows: &[u16], refs: &mut Vec<Addr>) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hash::hash_rows(self.layout.cells(), keys, rows, &mut hashes);
        self.find_hashed(keys, rows, &hashes, refs);
        self.hashes = hashes;
    }

    /// [`GroupTable::find`] with the hashes that [`hash::hash_rows`] gave for these rows.
    pub fn find_hashed(
        &self,
        keys: &[&Column],
        rows: &[u16],
        hashes: &[u64],
        refs: &mut Vec<Addr>,
    ) {
        self.directory.candidates(&self.heap, hashes, refs);
        let mut collided = refs.clone();
        self.confirm(keys, rows, &mut collided);
        for k in 0..rows.len() {
            if refs[k].0 != NO_ADDR && collided[k].0 == NO_ADDR {
                collided[k] =
                    self.lookup(keys, usize::from(rows[k]), hashes[k]).unwrap_or(Addr(NO_ADDR));
            }
        }
        *refs = collided;
    }

    /// The row whose key is row `i` of these columns.
    #[inline]
    pub fn lookup(&self, keys: &[&Column], i: usize, hash: u64) -> Option<Addr> {
        self.directory.find(&self.heap, hash, |addr| {
            let row = self.row(addr);
            if self.identity {
                self.layout.same_columns(row, keys, i, &self.heap)
            } else {
                self.layout.eq_columns(row, keys, i, &self.heap)
            }
        })
    }

    /// Replaces candidates whose key differs by [`NO_ADDR`].
    #[inline]
    fn confirm(&self, keys: &[&Column], rows: &[u16], refs: &mut [Addr]) {
        for (field, column) in keys.iter().enumerate() {
            if let Column::I64(column) = column
                && column.validity.is_none()
            {
                self.confirm_integers(field, &column.values, rows, refs);
                continue;
            }
            if let Column::Str(column) = column
                && column.validity.is_none()
                && self.layout.cells()[field] == Cell::Bytes
            {
                self.confirm_strings(field, column, rows, refs);
                continue;
            }
            for (addr, &row) in refs.iter_mut().zip(rows) {
                if addr.0 == NO_ADDR {
                    continue;
                }
                let (words, i) = (self.row(*addr), usize::from(row));
                let equal = if self.identity {
                    self.layout.same_column(words, field, column, i, &self.heap)
                } else {
                    self.layout.eq_column(words, field, column, i, &self.heap)
                };
                if !equal {
                    addr.0 = NO_ADDR;
                }
            }
        }
    }

    #[inline]
    fn confirm_integers(&self, field: usize, values: &[i64], rows: &[u16], refs: &mut [Addr]) {
        let at = self.layout.offset(field);
        for (addr, &row) in refs.iter_mut().zip(rows) {
            if addr.0 != NO_ADDR {
                let words = self.heap.words(*addr, at + 1);
                let equal = words[at] == values[usize::from(row)] as u64
                    && !self.layout.is_null(words, field);
                addr.0 |= u32::from(equal).wrapping_sub(1);
            }
        }
    }

    #[inline]
    fn confirm_strings(&self, field: usize, column: &StrColumn, rows: &[u16], refs: &mut [Addr]) {
        let at = self.layout.offset(field);
        for (addr, &row) in refs.iter_mut().zip(rows) {
            if addr.0 == NO_ADDR {
                continue;
            }
            let (words, view) = (self.heap.words(*addr, at + 2), column.views[usize::from(row)]);
            let equal = match view.is_inline() {
                true => words[at..] == view.to_words(),
                false => self.heap.eq_bytes(&words[at..], column.get(usize::from(row))),
            };
            if !equal || self.layout.is_null(words, field) {
                addr.0 = NO_ADDR;
            }
        }
    }

    fn find_or_insert(
        &mut self,
        keys: &[&Column],
        i: usize,
        hash: u64,
    ) -> Result<Addr, OutOfMemory> {
        if let Some(addr) = self.lookup(keys, i, hash) {
            return Ok(addr);
        }
        let addr = self.layout.insert(keys, i, &mut self.heap)?;
        self.directory.insert(&mut self.heap, (&self.pool, self.owner), hash, addr)?;
        Ok(addr)
    }

    /// Where the key's fields lie and their values, if all are 64-bit integers and none is NULL.
    fn integer_keys<'a>(&self, keys: &[&'a Column]) -> Option<Vec<(usize, &'a [i64])>> {
        let field = |(field, column): (usize, &&'a Column)| match *column {
            Column::I64(c) if c.validity.is_none() => {
                Some((self.layout.offset(field), &c.values[..]))
            }
            _ => None,
        };
        keys.iter().enumerate().map(field).collect()
    }

    /// [`GroupTable::find_or_insert`] for keys of integers.
    #[inline]
    fn find_or_insert_integers(
        &mut self,
        keys: &[(usize, &[i64])],
        i: usize,
        hash: u64,
    ) -> Result<Addr, OutOfMemory> {
        let words = self.layout.words();
        let found = self.directory.find(&self.heap, hash, |addr| {
            let row = self.heap.words(addr, words);
            keys.iter().all(|&(at, values)| row[at] == values[i].cast_unsigned())
                && !self.layout.has_null(row)
        });
        if let Some(addr) = found {
            return Ok(addr);
        }
        let addr = self.heap.alloc_zeroed(words)?;
        let row = self.heap.words_mut(addr, words);
        keys.iter().for_each(|&(at, values)| row[at] = values[i].cast_unsigned());
        self.directory.insert(&mut self.heap, (&self.pool, self.owner), hash, addr)?;
        Ok(addr)
    }

    /// Finds or makes the row with the same key as a row of another table with the same key cells.
    pub fn upsert_row(&mut self, row: &[u64], from: &Self) -> Result<Addr, OutOfMemory> {
        let hash = from.layout.hash(row, from.layout.n_fields(), &from.heap);
        let found = self.directory.find(&self.heap, hash, |addr| {
            let own = self.row(addr);
            (0..self.layout.n_fields())
                .all(|f| self.layout.eq_rows(own, &self.heap, row, &from.heap, f))
        });
        if let Some(addr) = found {
            return Ok(addr);
        }
        let addr = self.layout.copy_fields(row, &from.heap, &mut self.heap)?;
        self.directory.insert(&mut self.heap, (&self.pool, self.owner), hash, addr)?;
        Ok(addr)
    }

    /// Removes a row and frees it with the strings of its key. What its state words refer to is the
    /// caller's to free before.
    pub fn remove(&mut self, addr: Addr) {
        let hash = self.layout.hash(self.row(addr), self.layout.n_fields(), &self.heap);
        self.directory.remove(&mut self.heap, hash, addr);
        self.layout.release(addr, &mut self.heap);
    }

    /// Rows in a fixed but meaningless order: at most `max` from position `from` (first 0); the
    /// position to go on from, or `None` at the end.
    pub fn scan(&self, from: usize, max: usize, out: &mut Vec<Addr>) -> Option<usize> {
        self.directory.scan(&self.heap, from, max, out)
    }

    /// Removes all rows at once.
    pub fn clear(&mut self) {
        self.directory.clear();
        self.heap.clear();
    }

    /// Removes all rows at once and keeps the memory for the next.
    pub fn reset(&mut self) {
        self.directory.clear();
        self.heap.reset();
    }
}

impl Visit for GroupTable {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.heap.visit(visitor)?;
        self.directory.visit((&self.pool, self.owner), visitor)
    }
}
