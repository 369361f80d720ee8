//! The join index: rows of both sides of a join under one table of keys.
//!
//! A key's row leads to two lists, one per side, so that a row of one side finds its own list (to
//! enter it) and the other side's (to be paired with it) in one search. Rows are packed; on a side
//! whose rows are padded or tested for partners they count their matches (their *degree*).
//!
//! While a side only grows, every arrival is a row, at the head of its key's list. Rows lie in
//! blocks in order of arrival; of rows that a watermark may free each block knows the latest time,
//! and blocks are dropped from the front. Nothing is unlinked then: a link names the block of the
//! row that it leads to, and one that leads into a dropped block is the end of its list, because
//! what stands behind is older still. Keys without rows are looked for a few at a time, as many as
//! rows were dropped.
//!
//! The first retraction builds a directory of the side's rows by all their fields and links them
//! both ways with their key; from then on a retraction finds its row at once, identical rows are
//! one with a weight, and rows below the watermark are looked for now and then.
//!
//! Invariant: every row of weight other than 0 is in its key's list, and its key in the table; a
//! row of weight 0 is in a list only while its owner holds it.

mod blocks;

use std::collections::VecDeque;

use arena_tr_types::{DataType, Timestamp};

use crate::OutOfMemory;
use crate::StorageError;
use crate::arena::{Addr, FreeLists, Owner, Pool};
use crate::column::Column;
use crate::state::directory::Directory;
use crate::state::gather::RowReader;
use crate::state::group_table::GroupTable;
use crate::state::hash;
use crate::state::heap::Heap;
use crate::state::row::{DIRTY, HeapRows, RowLayout, add_weight, weight};
use crate::state::visit::{StateVisitor, Visit, visit_list};
use blocks::Block;

/// Words behind the fields of a row: the next row (while the side grows: with its block; later:
/// with the previous row), its key (once the side has retracted), its degree.
const LINK: usize = 0;
const KEY: usize = 1;
const DEGREE: usize = 2;
/// Slots of the table of keys that are looked at for every row dropped.
const KEYS_PER_ROW: usize = 2;

/// What a side keeps of its rows.
#[derive(Debug, Clone)]
pub struct SideSpec {
    /// Types of the fields.
    pub fields: Vec<DataType>,
    /// Whether rows count their matches.
    pub degrees: bool,
    /// The field whose time says when a row may be freed, and the microseconds of its unit.
    pub time: Option<(usize, i64)>,
    /// Whether identical rows are one from the start.
    pub merged: bool,
}

/// Rows of one side.
#[derive(Debug)]
pub struct JoinSide {
    layout: RowLayout,
    heap: Heap,
    spec: SideSpec,
    /// Which of a key's lists is this side's.
    side: usize,
    /// The number of the first block of `blocks`: links into earlier ones lead nowhere.
    first_block: u32,
    /// Rows by all fields and key, once there was a retraction.
    by_row: Option<Directory>,
    len: usize,
    /// Words from one row of a block to the next.
    stride: usize,
    blocks: VecDeque<Block>,
    pool: Pool,
    owner: Owner,
    hashes: Vec<u64>,
}

/// Rows of both sides by key.
#[derive(Debug)]
pub struct JoinIndex {
    keys: GroupTable,
    /// Keys with a NULL, as far as [`JoinIndex::note_null_keys`] was asked to note them.
    null_keys: Vec<Addr>,
    /// Left and right.
    pub sides: [JoinSide; 2],
    /// Where in the table of keys the search for keys without rows goes on.
    sweep_at: usize,
}

/// A row that a delta touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// The row.
    pub addr: Addr,
    /// Whether it was made now: its degree is yet to be counted.
    pub fresh: bool,
    /// Its weight before.
    pub before: i64,
}

#[inline]
fn pack(previous: u32, next: u32) -> u64 {
    u64::from(previous) << 32 | u64::from(next)
}

impl JoinSide {
    fn new(pool: &Pool, owner: Owner, spec: SideSpec, side: usize) -> Self {
        let layout = RowLayout::new(&spec.fields, if spec.degrees { 3 } else { 2 });
        Self {
            // Rows of a block may be freed one by one later on.
            stride: FreeLists::rounded(layout.words()),
            layout,
            heap: Heap::new(pool, owner),
            side,
            first_block: 0,
            by_row: spec.merged.then(Directory::new),
            spec,
            len: 0,
            blocks: VecDeque::new(),
            pool: pool.clone(),
            owner,
            hashes: Vec::new(),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    fn state(&self, addr: Addr, word: usize) -> Addr {
        addr.offset(self.layout.state() + word)
    }

    /// The weight of a row.
    #[inline]
    pub fn weight(&self, addr: Addr) -> i64 {
        weight(self.heap.word(addr))
    }

    /// How many matches a row has.
    #[inline]
    pub fn degree(&self, addr: Addr) -> i64 {
        self.heap.word(self.state(addr, DEGREE)).cast_signed()
    }

    /// Adds to the matches of a row.
    #[inline]
    pub fn add_degree(&mut self, addr: Addr, by: i64) {
        let at = self.state(addr, DEGREE);
        let degree = self.heap.word(at).wrapping_add(by.cast_unsigned());
        self.heap.set_word(at, degree);
    }

    /// Marks a row as touched in this epoch; whether it was not yet. A marked row stays, whatever
    /// its weight.
    #[inline]
    pub fn mark(&mut self, addr: Addr) -> bool {
        let header = self.heap.word(addr);
        self.heap.set_word(addr, header | DIRTY);
        header & DIRTY == 0
    }

    /// Where a link leads: nowhere if its block was dropped.
    #[inline]
    fn follow(&self, link: u64) -> Option<Addr> {
        if ((link >> 32) as u32) < self.first_block {
            return None;
        }
        (link as u32).checked_sub(1).map(Addr)
    }

    /// The next row of the same key.
    #[inline]
    pub fn next(&self, addr: Addr) -> Option<Addr> {
        let link = self.heap.word(self.state(addr, LINK));
        if self.by_row.is_none() {
            return self.follow(link);
        }
        (link as u32).checked_sub(1).map(Addr)
    }

    /// A field of these rows as a column.
    pub fn gather(&self, field: usize, addrs: &[Addr]) -> Column {
        let rows = HeapRows { heap: &self.heap, addrs, words: self.layout.words() };
        self.layout.gather(field, &rows, &self.heap)
    }

    /// These rows, to read several fields of them.
    pub fn reader<'a>(&'a self, addrs: &'a [Addr]) -> RowReader<'a> {
        RowReader::new(&self.layout, &self.heap, addrs)
    }

    /// The hash of a row in `by_row`.
    fn row_hash(&self, addr: Addr) -> u64 {
        let row = self.heap.words(addr, self.layout.words());
        let key = row[self.layout.state() + KEY];
        hash::mix(self.layout.hash(row, self.layout.n_fields(), &self.heap), key)
    }

    /// Starts to find rows by all their fields.
    fn index_rows(&mut self, keys: &mut GroupTable) -> Result<(), OutOfMemory> {
        if self.by_row.is_some() {
            return Ok(());
        }
        let mut key_rows = Vec::new();
        keys.scan(0, usize::MAX, &mut key_rows);
        let lists: Vec<Vec<Addr>> = key_rows.iter().map(|&key| self.list(keys, key)).collect();
        let mut by_row = Directory::new();
        self.len = 0;
        self.first_block = 0;
        for (&key, list) in key_rows.iter().zip(lists) {
            self.set_head(keys, key, 0);
            for addr in list.into_iter().rev() {
                self.link(keys, addr, key);
                let hash = self.row_hash(addr);
                by_row.insert(&mut self.heap, (&self.pool, self.owner), hash, addr)?;
            }
        }
        // From now on rows are freed one by one; so is the room behind the last.
        for block in self.blocks.drain(..) {
            for i in block.n..block.room {
                self.heap.free(block.at.offset(i * self.stride), self.layout.words());
            }
        }
        self.by_row = Some(by_row);
        Ok(())
    }

    /// The rows of a key, newest first.
    fn list(&self, keys: &GroupTable, key: Addr) -> Vec<Addr> {
        std::iter::successors(self.head(keys, key), |&addr| self.next(addr)).collect()
    }

    fn all_rows(&self, keys: &GroupTable) -> Vec<Addr> {
        let mut key_rows = Vec::new();
        keys.scan(0, usize::MAX, &mut key_rows);
        key_rows.into_iter().flat_map(|key| self.list(keys, key)).collect()
    }

    /// The first row of a key.
    #[inline]
    fn head(&self, keys: &GroupTable, key: Addr) -> Option<Addr> {
        self.follow(keys.state(key, self.side))
    }

    #[inline]
    fn set_head(&self, keys: &mut GroupTable, key: Addr, link: u64) {
        keys.set_state(key, self.side, link);
    }

    /// Puts a new row of a side that only grows at the head of its key's list.
    #[inline]
    fn push(&mut self, keys: &mut GroupTable, addr: Addr, key: Addr, block: u32) {
        self.heap.set_word(self.state(addr, LINK), keys.state(key, self.side));
        keys.set_state(key, self.side, pack(block, addr.0 + 1));
        self.len += 1;
    }

    /// Puts a new row at the head of its key's list, linked both ways.
    #[inline]
    fn link(&mut self, keys: &mut GroupTable, addr: Addr, key: Addr) {
        let head = self.head(keys, key);
        if let Some(head) = head {
            let at = self.state(head, LINK);
            let next = self.heap.word(at) as u32;
            self.heap.set_word(at, pack(addr.0 + 1, next));
        }
        self.heap.set_word(self.state(addr, LINK), pack(0, head.map_or(0, |h| h.0 + 1)));
        self.heap.set_word(self.state(addr, KEY), u64::from(key.0));
        self.set_head(keys, key, u64::from(addr.0) + 1);
        self.len += 1;
    }

    /// Takes a row out of its key's list and frees it; the key may be left without rows.
    fn unlink(&mut self, keys: &mut GroupTable, addr: Addr) -> Addr {
        let link = self.heap.word(self.state(addr, LINK));
        let key = Addr(self.heap.word(self.state(addr, KEY)) as u32);
        let (previous, next) = ((link >> 32) as u32, link as u32);
        if previous == 0 {
            self.set_head(keys, key, u64::from(next));
        } else {
            let at = self.state(Addr(previous - 1), LINK);
            let back = self.heap.word(at) >> 32;
            self.heap.set_word(at, pack(back as u32, next));
        }
        if next != 0 {
            let at = self.state(Addr(next - 1), LINK);
            let ahead = self.heap.word(at) as u32;
            self.heap.set_word(at, pack(previous, ahead));
        }
        self.layout.release(addr, &mut self.heap);
        self.len -= 1;
        key
    }

    fn unlink_indexed(&mut self, keys: &mut GroupTable, addr: Addr) -> Addr {
        if self.by_row.is_some() {
            let hash = self.row_hash(addr);
            if let Some(by_row) = &mut self.by_row {
                by_row.remove(&mut self.heap, hash, addr);
            }
        }
        self.unlink(keys, addr)
    }
}

impl JoinIndex {
    /// An empty index with keys of these types.
    pub fn new(
        pool: &Pool,
        owner: Owner,
        keys: &[DataType],
        left: SideSpec,
        right: SideSpec,
    ) -> Self {
        Self {
            keys: GroupTable::new(pool, owner, keys, 2),
            null_keys: Vec::new(),
            sides: [JoinSide::new(pool, owner, left, 0), JoinSide::new(pool, owner, right, 1)],
            sweep_at: 0,
        }
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        let side =
            |s: &JoinSide| s.heap.held_bytes() + s.by_row.as_ref().map_or(0, Directory::held_bytes);
        self.keys.held_bytes() + self.sides.iter().map(side).sum::<usize>()
    }

    /// Number of keys.
    pub fn n_keys(&self) -> usize {
        self.keys.len()
    }

    /// Finds or makes the key of each listed row.
    pub fn upsert_keys(
        &mut self,
        columns: &[&Column],
        rows: &[u16],
        refs: &mut Vec<Addr>,
    ) -> Result<(), OutOfMemory> {
        self.keys.upsert(columns, rows, refs)
    }

    /// All keys, in a fixed order.
    pub fn all_keys(&self) -> Vec<Addr> {
        let mut keys = Vec::new();
        self.keys.scan(0, usize::MAX, &mut keys);
        keys
    }

    /// Notes which of these keys have a NULL.
    pub fn note_null_keys(&mut self, keys: &[Addr]) {
        for &key in keys {
            if self.is_null_key(key) && !self.null_keys.contains(&key) {
                self.null_keys.push(key);
            }
        }
    }

    /// The keys that were noted to have a NULL.
    pub fn null_keys(&self) -> &[Addr] {
        &self.null_keys
    }

    /// Whether a key has NULL in some field.
    pub fn is_null_key(&self, key: Addr) -> bool {
        self.keys.layout().has_null(self.keys.row(key))
    }

    /// Whether two keys could be equal if their NULLs were known.
    pub fn may_match(&self, a: Addr, b: Addr) -> bool {
        let (a, b) = (self.keys.row(a), self.keys.row(b));
        let (layout, heap) = (self.keys.layout(), self.keys.heap());
        (0..layout.n_fields()).all(|f| {
            layout.is_null(a, f) || layout.is_null(b, f) || layout.eq_rows(a, heap, b, heap, f)
        })
    }

    /// The first row of a key on one side.
    #[inline]
    pub fn head(&self, side: usize, key: Addr) -> Option<Addr> {
        self.sides[side].head(&self.keys, key)
    }

    /// Adds the listed rows to one side, under the keys that [`JoinIndex::upsert_keys`] found:
    /// `columns` are the side's fields, `weight(k)` is the weight of `rows[k]`. `touched[k]` is
    /// what became of it. Rows of weight 0 that are not marked are to be swept by the caller
    /// afterwards.
    pub fn add(
        &mut self,
        side: usize,
        columns: &[&Column],
        (rows, keys): (&[u16], &[Addr]),
        weights: Option<&[i64]>,
        touched: &mut Vec<Touched>,
    ) -> Result<(), OutOfMemory> {
        touched.clear();
        let store = &mut self.sides[side];
        if weights.is_some_and(|w| w.iter().any(|&w| w <= 0)) {
            store.index_rows(&mut self.keys)?;
        }
        if store.by_row.is_some() {
            return self.add_indexed(side, columns, (rows, keys), weights, touched);
        }
        store.append(&mut self.keys, columns, (rows, keys), weights, touched)
    }

    fn add_indexed(
        &mut self,
        side: usize,
        columns: &[&Column],
        (rows, keys): (&[u16], &[Addr]),
        weights: Option<&[i64]>,
        touched: &mut Vec<Touched>,
    ) -> Result<(), OutOfMemory> {
        let store = &mut self.sides[side];
        let mut hashes = std::mem::take(&mut store.hashes);
        hash::hash_rows(store.layout.cells(), columns, rows, &mut hashes);
        for (k, &row) in rows.iter().enumerate() {
            let (i, key) = (usize::from(row), keys[k]);
            let hash = hash::mix(hashes[k], u64::from(key.0));
            let (layout, heap, n) = (&store.layout, &store.heap, store.layout.words());
            let found = store.by_row.as_ref().and_then(|by_row| {
                by_row.find(heap, hash, |addr| {
                    let words = heap.words(addr, n);
                    words[layout.state() + KEY] == u64::from(key.0)
                        && layout.same_columns(words, columns, i, heap)
                })
            });
            let fresh = found.is_none();
            let addr = match found {
                Some(addr) => addr,
                None => {
                    let addr = store.layout.insert(columns, i, &mut store.heap)?;
                    store.link(&mut self.keys, addr, key);
                    let charge = (&store.pool, store.owner);
                    if let Some(by_row) = &mut store.by_row {
                        by_row.insert(&mut store.heap, charge, hash, addr)?;
                    }
                    addr
                }
            };
            let header = store.heap.word(addr);
            store.heap.set_word(addr, add_weight(header, weights.map_or(1, |w| w[k])));
            touched.push(Touched { addr, fresh, before: weight(header) });
        }
        store.hashes = hashes;
        Ok(())
    }

    /// Frees the row if its weight is 0 and it is not marked.
    #[inline]
    pub fn sweep(&mut self, side: usize, addr: Addr) {
        let header = self.sides[side].heap.word(addr);
        if weight(header) == 0 && header & DIRTY == 0 {
            let key = self.sides[side].unlink_indexed(&mut self.keys, addr);
            self.sweep_key(key);
        }
    }

    /// Takes the mark off a row, and frees it if its weight is 0.
    pub fn unmark(&mut self, side: usize, addr: Addr) {
        let header = self.sides[side].heap.word(addr) & !DIRTY;
        self.sides[side].heap.set_word(addr, header);
        self.sweep(side, addr);
    }

    /// Removes a key that has no rows.
    #[inline]
    fn sweep_key(&mut self, key: Addr) {
        if self.sides.iter().all(|side| side.head(&self.keys, key).is_none()) {
            self.null_keys.retain(|&k| k != key);
            self.keys.remove(key);
        }
    }

    /// Looks at some keys, going on where it stopped, and removes those without rows.
    fn sweep_keys(&mut self, n: usize) {
        let mut keys = Vec::new();
        let next = self.keys.scan(self.sweep_at, n, &mut keys);
        self.sweep_at = next.unwrap_or(0);
        keys.into_iter().for_each(|key| self.sweep_key(key));
    }

    /// Whether a side's rows are listed by time, so that [`JoinIndex::drop_blocks`] frees them.
    pub fn is_listed(&self, side: usize) -> bool {
        self.sides[side].spec.time.is_some() && self.sides[side].by_row.is_none()
    }

    /// Frees the blocks of a growing side in which no time is at or above the bound.
    pub fn drop_blocks(&mut self, side: usize, bound: Timestamp) {
        let dropped = self.sides[side].drop_blocks(bound);
        if dropped > 0 {
            self.sweep_keys(dropped * KEYS_PER_ROW);
        }
    }

    /// Frees the rows of a side whose time is below the bound, by looking at all of them.
    pub fn drop_below(&mut self, side: usize, bound: Timestamp) {
        let store = &self.sides[side];
        let Some((field, unit)) = store.spec.time else { return };
        for addr in store.all_rows(&self.keys) {
            let store = &mut self.sides[side];
            let row = store.heap.words(addr, store.layout.words());
            let gone = !store.layout.is_null(row, field)
                && store.layout.cell(row, field)[0].cast_signed().saturating_mul(unit) < bound;
            if gone {
                let key = store.unlink_indexed(&mut self.keys, addr);
                self.sweep_key(key);
            }
        }
    }
}

impl Visit for JoinSide {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.heap.visit(visitor)?;
        self.len.visit(visitor)?;
        let mut indexed = self.by_row.is_some();
        indexed.visit(visitor)?;
        if visitor.is_loading() {
            self.by_row = indexed.then(Directory::new);
        }
        if let Some(by_row) = &mut self.by_row {
            by_row.visit((&self.pool, self.owner), visitor)?;
        }
        self.visit_blocks(visitor)
    }
}

impl Visit for JoinIndex {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.keys.visit(visitor)?;
        visit_list(&mut self.null_keys, || Addr::NONE, visitor)?;
        self.sides.iter_mut().try_for_each(|side| side.visit(visitor))?;
        self.sweep_at.visit(visitor)
    }
}

#[cfg(test)]
mod tests;
