//! Rows kept in order, in many sets: what TopN, window functions, sessions and held rows are made
//! of.
//!
//! A row of state holds all input columns and the words of its owner. Sets are ordered by sort
//! keys, then by all columns until only identical rows are equal, so the order of complete ties
//! does not depend on arrival, and a retraction finds exactly the row that it takes back (`1.0` is
//! not `1.00`). Identical rows are one element with a weight. For an input that never retracts, of
//! a query that runs once, complete ties may stand as they arrived instead; then each arrival is an
//! element.
//!
//! Invariant: an element in a set has a weight other than 0; elements of a set are distinct.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use arena_tr_planner::physical::SortKey;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::row::{add_weight, load_fixed, weight};
use arena_tr_storage::state::{
    Cell, Heap, HeapRows, OrderedSets, RowLayout, StateVisitor, Visit, cell,
};
use arena_tr_storage::{OutOfMemory, StorageError};
use arena_tr_types::{DataType, Field};

use super::StateContext;

/// Rows of all input columns, and how they compare.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) layout: RowLayout,
    order: Vec<SortKey>,
    pub(crate) heap: Heap,
    /// If ties stand as they arrived: the word of a row that has its number.
    arrival: Option<usize>,
    /// Rows packed so far.
    n_arrived: u64,
}

/// Ordered sets of rows.
#[derive(Debug)]
pub(crate) struct SortedRows {
    pub(crate) rows: Rows,
    pub(crate) sets: OrderedSets,
}

/// What adding a row did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    /// The element.
    pub(crate) addr: Addr,
    /// Its weight now; at 0 it is no longer in the set, and the caller's to free.
    pub(crate) after: i64,
}

impl Rows {
    /// The words of a row.
    #[inline]
    pub(crate) fn row(&self, addr: Addr) -> &[u64] {
        self.heap.words(addr, self.layout.words())
    }

    /// The owner's word number `n` of a row.
    #[inline]
    pub(crate) fn word(&self, addr: Addr, n: usize) -> u64 {
        self.heap.word(addr.offset(self.layout.state() + n))
    }

    /// Sets the owner's word number `n` of a row.
    #[inline]
    pub(crate) fn set_word(&mut self, addr: Addr, n: usize, word: u64) {
        self.heap.set_word(addr.offset(self.layout.state() + n), word);
    }

    /// The weight of a row.
    #[inline]
    pub(crate) fn weight(&self, addr: Addr) -> i64 {
        weight(self.heap.word(addr))
    }

    /// Changes the weight of a row.
    pub(crate) fn add_weight(&mut self, addr: Addr, by: i64) {
        let header = self.heap.word(addr);
        self.heap.set_word(addr, add_weight(header, by));
    }

    /// A column of these rows.
    pub(crate) fn gather(&self, field: usize, addrs: &[Addr]) -> Column {
        let rows = HeapRows { heap: &self.heap, addrs, words: self.layout.words() };
        self.layout.gather(field, &rows, &self.heap)
    }

    /// All columns of these rows.
    pub(crate) fn columns(&self, addrs: &[Addr]) -> impl Iterator<Item = Column> {
        (0..self.layout.n_fields()).map(|field| self.gather(field, addrs))
    }

    /// Packs row `i` of a batch, with this weight and zeros for the owner's words; it is in no set
    /// yet.
    pub(crate) fn pack(
        &mut self,
        columns: &[Column],
        i: usize,
        weight: i64,
    ) -> Result<Addr, OutOfMemory> {
        let addr = self.heap.alloc_zeroed(self.layout.words())?;
        for (field, column) in columns.iter().enumerate() {
            self.layout.store(addr, field, column, i, &mut self.heap)?;
        }
        self.add_weight(addr, weight);
        if let Some(word) = self.arrival {
            self.set_word(addr, word, self.n_arrived);
            self.n_arrived += 1;
        }
        Ok(addr)
    }

    /// Frees a row that is in no set.
    pub(crate) fn release(&mut self, addr: Addr) {
        self.layout.release(addr, &mut self.heap);
    }

    /// The order of two rows by the sort keys: equal for peers.
    pub(crate) fn cmp_keys(&self, a: Addr, b: Addr) -> Ordering {
        let (a, b) = (self.row(a), self.row(b));
        first_unequal(self.order.iter().map(|key| self.cmp_key(key, a, b)))
    }

    #[inline]
    fn cmp_key(&self, key: &SortKey, a: &[u64], b: &[u64]) -> Ordering {
        let nulls = (self.layout.is_null(a, key.column), self.layout.is_null(b, key.column));
        placed(key, nulls, || self.layout.cmp_field(a, b, key.column, &self.heap))
    }

    /// The order of two rows; equal for identical ones.
    pub(crate) fn cmp_rows(&self, a: Addr, b: Addr) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        self.cmp_keys(a, b).then_with(|| {
            if let Some(word) = self.arrival {
                return self.word(a, word).cmp(&self.word(b, word));
            }
            let (a, b) = (self.row(a), self.row(b));
            first_unequal((0..self.layout.n_fields()).map(|field| self.cmp_identity(field, a, b)))
        })
    }

    /// The order of a field, NULL last, refined until only identical cells are equal.
    fn cmp_identity(&self, field: usize, a: &[u64], b: &[u64]) -> Ordering {
        let order = self.cmp_key(&ascending(field), a, b);
        let kind = self.layout.cells()[field];
        if order.is_ne() || kind.is_exact() || kind == Cell::Bytes {
            return order;
        }
        let (a, b) = (self.layout.cell(a, field), self.layout.cell(b, field));
        if !kind.is_str() {
            return a.cmp(b);
        }
        self.heap.with_bytes(a, |a| self.heap.with_bytes(b, |b| a.cmp(b)))
    }

    /// The order of row `i` of a batch against a row by the sort keys.
    #[inline]
    pub(crate) fn cmp_batch_keys(&self, columns: &[Column], i: usize, addr: Addr) -> Ordering {
        let words = self.row(addr);
        first_unequal(self.order.iter().map(|key| self.cmp_batch_key(key, columns, i, words)))
    }

    #[inline]
    fn cmp_batch_key(
        &self,
        key: &SortKey,
        columns: &[Column],
        i: usize,
        words: &[u64],
    ) -> Ordering {
        let (field, column) = (key.column, &columns[key.column]);
        let nulls = (column.is_null(i), self.layout.is_null(words, field));
        placed(key, nulls, || {
            let kind = self.layout.cells()[field];
            let held = self.layout.cell(words, field);
            match column {
                Column::Str(c) => {
                    self.heap.with_bytes(held, |held| cell::cmp_bytes(kind, c.get(i), held))
                }
                _ => cell::cmp_fixed(kind, &load_fixed(column, i), held),
            }
        })
    }

    /// The order of row `i` of a batch against a row; equal for identical ones.
    pub(crate) fn cmp_batch(&self, columns: &[Column], i: usize, addr: Addr) -> Ordering {
        self.cmp_batch_keys(columns, i, addr).then_with(|| {
            let words = self.row(addr);
            let fields = 0..self.layout.n_fields();
            first_unequal(fields.map(|field| self.cmp_batch_identity(field, columns, i, words)))
        })
    }

    fn cmp_batch_identity(
        &self,
        field: usize,
        columns: &[Column],
        i: usize,
        words: &[u64],
    ) -> Ordering {
        let order = self.cmp_batch_key(&ascending(field), columns, i, words);
        let kind = self.layout.cells()[field];
        if order.is_ne() || kind.is_exact() || kind == Cell::Bytes {
            return order;
        }
        let (column, held) = (&columns[field], self.layout.cell(words, field));
        match column {
            _ if column.is_null(i) => Ordering::Equal,
            Column::Str(c) => self.heap.with_bytes(held, |held| c.get(i).cmp(held)),
            _ => load_fixed(column, i)[..held.len()].cmp(held),
        }
    }
}

impl SortedRows {
    /// No rows of these fields, with `state_words` words of the owner behind each.
    pub(crate) fn new(
        cx: &StateContext,
        input: &[Field],
        order: &[SortKey],
        state_words: usize,
    ) -> Self {
        Self::in_order(cx, input, order, state_words, false)
    }

    /// The same; `by_arrival`: nothing is ever taken back, and complete ties stand as they arrived.
    pub(crate) fn in_order(
        cx: &StateContext,
        input: &[Field],
        order: &[SortKey],
        state_words: usize,
        by_arrival: bool,
    ) -> Self {
        let types: Vec<&DataType> = input.iter().map(|f| &f.data_type).collect();
        let rows = Rows {
            layout: RowLayout::new(types, state_words + usize::from(by_arrival)),
            order: order.to_vec(),
            heap: Heap::new(&cx.pool, cx.owner),
            arrival: by_arrival.then_some(state_words),
            n_arrived: 0,
        };
        Self { rows, sets: OrderedSets::new(&cx.pool, cx.owner) }
    }

    /// Bytes of chunks held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.rows.heap.held_bytes() + self.sets.held_bytes()
    }

    /// Puts a row into a set that has none identical to it.
    pub(crate) fn insert(&mut self, root: &mut u64, addr: Addr) -> Result<(), OutOfMemory> {
        let rows = &self.rows;
        self.sets.insert(root, addr, |other| rows.cmp_rows(addr, other))
    }

    /// Takes a row out of a set; it is the caller's to free.
    pub(crate) fn remove(&mut self, root: &mut u64, addr: Addr) {
        let rows = &self.rows;
        self.sets.remove(root, |other| rows.cmp_rows(addr, other));
    }

    /// The element identical to row `i` of a batch; none where each arrival is an element.
    pub(crate) fn find(&self, root: u64, columns: &[Column], i: usize) -> Option<Addr> {
        if self.rows.arrival.is_some() {
            return None;
        }
        self.sets.find(root, |addr| self.rows.cmp_batch(columns, i, addr))
    }

    /// Adds row `i` of a batch with this weight to a set.
    pub(crate) fn add(
        &mut self,
        root: &mut u64,
        columns: &[Column],
        i: usize,
        weight: i64,
    ) -> Result<Added, OutOfMemory> {
        let Some(addr) = self.find(*root, columns, i) else {
            let addr = self.rows.pack(columns, i, weight)?;
            self.insert(root, addr)?;
            return Ok(Added { addr, after: weight });
        };
        let before = self.rows.weight(addr);
        if before + weight == 0 {
            self.remove(root, addr);
        }
        self.rows.add_weight(addr, weight);
        Ok(Added { addr, after: before + weight })
    }

    /// The elements of a set in order.
    pub(crate) fn elements(&self, root: u64, out: &mut Vec<Addr>) {
        self.sets.for_each(root, |addr| {
            out.push(addr);
            ControlFlow::Continue(())
        });
    }

    /// Frees a set and its rows.
    pub(crate) fn free(&mut self, root: &mut u64) {
        let mut elements = Vec::new();
        self.elements(*root, &mut elements);
        elements.into_iter().for_each(|addr| self.rows.release(addr));
        self.sets.free(root);
    }
}

impl Visit for SortedRows {
    /// The roots are their owner's to visit.
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.rows.heap.visit(visitor)?;
        self.rows.n_arrived.visit(visitor)?;
        self.sets.visit(visitor)
    }
}

#[inline]
fn ascending(column: usize) -> SortKey {
    SortKey { column, desc: false, nulls_first: false }
}

#[inline]
fn first_unequal(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// The order of two values of which some may be NULL, by a sort key.
#[inline]
fn placed(key: &SortKey, nulls: (bool, bool), cmp: impl FnOnce() -> Ordering) -> Ordering {
    match nulls {
        (true, true) => Ordering::Equal,
        (a_null, b_null) if a_null || b_null => {
            if a_null == key.nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        _ if key.desc => cmp().reverse(),
        _ => cmp(),
    }
}
