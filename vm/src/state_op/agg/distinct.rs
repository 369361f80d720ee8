//! DISTINCT in aggregates: which (group, value) pairs there are.
//!
//! One table for all aggregates over the distinct values of one column: a batch looks a pair up
//! once, however many `count(DISTINCT x) FILTER (...)` a query has. Rows that only arrive need a
//! bit per FILTER, which says whether the pair was seen; under retraction each FILTER has a
//! counter. An aggregate is then updated only by pairs that appear or vanish, with weight 1 or -1.
//! The pairs of a group are linked, so that a group can be merged or dropped.
//!
//! Invariant: a pair is in the table while its occurrences add up to something; the head word of
//! the group's row leads to all of its pairs.

use arena_tr_storage::arena::{Addr, Owner, Pool};
use arena_tr_storage::column::{Column, Fixed, MutBuffer};
use arena_tr_storage::state::row::{self, DIRTY, add_weight};
use arena_tr_storage::state::{GroupTable, Heap, StateVisitor, Visit};
use arena_tr_storage::{OutOfMemory, StorageError};
use arena_tr_types::DataType;

use super::entries::{Entries, EntryBuffer};

/// Bits of a word.
const BITS: usize = u64::BITS as usize;

/// What a set keeps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DistinctSpec {
    /// The input column.
    pub(crate) arg: usize,
    /// Its type.
    pub(crate) ty: DataType,
    /// The FILTERs (`None`: no filter).
    pub(crate) filters: Vec<Option<usize>>,
    /// Where the head of the list lies in the group's row.
    pub(crate) head: usize,
    /// Rows may leave, so that occurrences are counted.
    pub(crate) counted: bool,
}

impl DistinctSpec {
    /// Words of a pair for its FILTERs: counters, or bits.
    fn words(&self) -> usize {
        let n = self.filters.len();
        if self.counted { n } else { n.div_ceil(BITS) }
    }
}

/// The pairs of all groups.
#[derive(Debug)]
pub(crate) struct DistinctSet {
    spec: DistinctSpec,
    table: GroupTable,
    /// Per filter the pairs that the current batch made appear or vanish.
    pub(crate) changes: Vec<EntryBuffer>,
    /// What the rows of `changes` point into, where equal values may be spelled in several ways
    /// (1.0 and 1.00): the spelling that the set keeps, so that what was added is taken away.
    pub(crate) kept: Option<Column>,
    /// Whether `changes` are those of the current batch.
    pub(crate) ready: bool,
    refs: Vec<Addr>,
    /// For the entries of a batch which of up to [`BITS`] FILTERs hold.
    holds: Vec<u64>,
}

/// A link word: previous and next pair of the same group, each address plus one.
#[derive(Clone, Copy)]
struct Link {
    previous: u32,
    next: u32,
}

impl Link {
    fn of(word: u64) -> Self {
        Self { previous: (word >> 32) as u32, next: word as u32 }
    }

    fn word(self) -> u64 {
        u64::from(self.previous) << 32 | u64::from(self.next)
    }
}

impl DistinctSet {
    pub(crate) fn new(pool: &Pool, owner: Owner, spec: &DistinctSpec) -> Self {
        let keys = [DataType::Int8, spec.ty.clone()];
        Self {
            table: GroupTable::new(pool, owner, &keys, spec.words() + 1),
            changes: spec.filters.iter().map(|_| EntryBuffer::default()).collect(),
            spec: spec.clone(),
            kept: None,
            ready: false,
            refs: Vec::new(),
            holds: Vec::new(),
        }
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.table.held_bytes()
    }

    fn link_at(&self) -> usize {
        self.table.layout().state() + self.spec.words()
    }

    /// Finds or makes the pairs of entries whose values are rows of `column`.
    fn upsert(
        &mut self,
        column: &Column,
        entries: &Entries<'_>,
        groups: &mut Heap,
    ) -> Result<(), OutOfMemory> {
        let mut ids = MutBuffer::<i64>::new();
        ids.resize(column.len(), 0);
        for (&row, &group) in entries.rows.iter().zip(entries.refs) {
            ids[usize::from(row)] = i64::from(group.0);
        }
        let ids = Column::I64(Fixed::new(ids.freeze()));
        let mut refs = std::mem::take(&mut self.refs);
        let done = self.table.upsert(&[&ids, column], entries.rows, &mut refs);
        self.refs = refs;
        done?;
        for k in 0..self.refs.len() {
            self.link(self.refs[k], entries.refs[k], groups);
        }
        self.changes.iter_mut().for_each(EntryBuffer::clear);
        let spelled = matches!(self.spec.ty, DataType::Numeric(_) | DataType::Interval);
        self.kept = spelled.then(|| self.table.gather(1, &self.refs));
        Ok(())
    }

    /// Links a new pair into its group's list.
    #[inline]
    fn link(&mut self, pair: Addr, group: Addr, groups: &mut Heap) {
        let header = self.table.heap().word(pair);
        if header & DIRTY != 0 {
            return;
        }
        let at = self.link_at();
        let head = groups.word(group.offset(self.spec.head)) as u32;
        let heap = self.table.heap_mut();
        heap.set_word(pair, header | DIRTY);
        heap.set_word(pair.offset(at), Link { previous: 0, next: head }.word());
        if head != 0 {
            let next = Addr(head - 1).offset(at);
            let link = Link { previous: pair.0 + 1, ..Link::of(heap.word(next)) };
            heap.set_word(next, link.word());
        }
        groups.set_word(group.offset(self.spec.head), u64::from(pair.0) + 1);
    }

    fn unlink(&mut self, pair: Addr, group: Addr, groups: &mut Heap) {
        let at = self.link_at();
        let heap = self.table.heap_mut();
        let link = Link::of(heap.word(pair.offset(at)));
        if link.previous == 0 {
            groups.set_word(group.offset(self.spec.head), u64::from(link.next));
        } else {
            let previous = Addr(link.previous - 1).offset(at);
            let changed = Link { next: link.next, ..Link::of(heap.word(previous)) };
            heap.set_word(previous, changed.word());
        }
        if link.next != 0 {
            let next = Addr(link.next - 1).offset(at);
            let changed = Link { previous: link.previous, ..Link::of(heap.word(next)) };
            heap.set_word(next, changed.word());
        }
    }

    /// Adds to counter `filter` of pair number `k`, and notes whether it appeared or vanished.
    #[inline]
    fn count(&mut self, k: usize, filter: usize, row: u16, group: Addr, weight: i64) {
        let at = self.refs[k].offset(self.table.layout().state() + filter);
        let heap = self.table.heap_mut();
        let before = heap.word(at).cast_signed();
        let after = before + weight;
        heap.set_word(at, after.cast_unsigned());
        if (before > 0) != (after > 0) {
            self.changes[filter].push(row, group, if after > 0 { 1 } else { -1 });
        }
    }

    /// Counts the values of a batch; `entries` have no NULL in the argument.
    pub(crate) fn update(
        &mut self,
        columns: &[Column],
        entries: &Entries<'_>,
        groups: &mut Heap,
    ) -> Result<(), OutOfMemory> {
        self.upsert(&columns[self.spec.arg], entries, groups)?;
        self.ready = true;
        if !self.spec.counted {
            (0..self.spec.words()).for_each(|word| self.see(word, columns, entries));
            return Ok(());
        }
        for filter in 0..self.spec.filters.len() {
            let column = self.spec.filters[filter].and_then(|f| columns[f].as_bool());
            for k in 0..entries.len() {
                let row = usize::from(entries.rows[k]);
                if column.is_none_or(|c| c.get(row) == Some(1)) {
                    let row = self.place(k, entries);
                    self.count(k, filter, row, entries.refs[k], entries.weight(k));
                }
            }
        }
        self.count_all(entries, groups);
        Ok(())
    }

    /// Where the value of entry `k` stands: in the values as they were first written, or in the
    /// batch.
    fn place(&self, k: usize, entries: &Entries<'_>) -> u16 {
        if self.kept.is_some() { k as u16 } else { entries.rows[k] }
    }

    /// Sets the bits of the FILTERs of word `word` that hold for the entries.
    fn see(&mut self, word: usize, columns: &[Column], entries: &Entries<'_>) {
        let filters = self.spec.filters.chunks(BITS).nth(word).unwrap_or_default();
        let mut holds = std::mem::take(&mut self.holds);
        holds.clear();
        holds.resize(entries.len(), 0);
        for (bit, filter) in filters.iter().enumerate() {
            match filter.and_then(|f| columns[f].as_bool()) {
                None => holds.iter_mut().for_each(|h| *h |= 1 << bit),
                Some(column) => {
                    for (h, &row) in holds.iter_mut().zip(entries.rows) {
                        let row = usize::from(row);
                        let is_true = column.values[row] != 0 && !column.is_null(row);
                        *h |= u64::from(is_true) << bit;
                    }
                }
            }
        }
        for (k, &bits) in holds.iter().enumerate() {
            let row = self.place(k, entries);
            self.set_bits(k, word, bits, row, entries.refs[k]);
        }
        self.holds = holds;
    }

    /// Sets bits of pair number `k`, and notes those that were not set.
    #[inline]
    fn set_bits(&mut self, k: usize, word: usize, bits: u64, row: u16, group: Addr) {
        let at = self.refs[k].offset(self.table.layout().state() + word);
        let heap = self.table.heap_mut();
        let before = heap.word(at);
        let mut new = bits & !before;
        if new == 0 {
            return;
        }
        heap.set_word(at, before | new);
        while new != 0 {
            let filter = word * BITS + new.trailing_zeros() as usize;
            self.changes[filter].push(row, group, 1);
            new &= new - 1;
        }
    }

    /// Counts occurrences whatever the filter, and drops pairs that have none left.
    fn count_all(&mut self, entries: &Entries<'_>, groups: &mut Heap) {
        let mut gone = Vec::new();
        for k in 0..entries.len() {
            let pair = self.refs[k];
            let header = add_weight(self.table.heap().word(pair), entries.weight(k));
            self.table.heap_mut().set_word(pair, header);
            if row::weight(header) == 0 {
                gone.push((pair, entries.refs[k]));
            }
        }
        gone.sort_unstable_by_key(|(pair, _)| pair.0);
        gone.dedup_by_key(|(pair, _)| pair.0);
        let counters = self.table.layout().state()..self.link_at();
        for (pair, group) in gone {
            let words = self.table.row(pair);
            if row::weight(words[0]) == 0 && words[counters.clone()].iter().all(|&n| n == 0) {
                self.unlink(pair, group, groups);
                self.table.remove(pair);
            }
        }
    }

    /// The pairs of a group.
    pub(crate) fn pairs(&self, head: u64, out: &mut Vec<Addr>) {
        let at = self.link_at();
        let mut next = head as u32;
        while next != 0 {
            let pair = Addr(next - 1);
            out.push(pair);
            next = Link::of(self.table.heap().word(pair.offset(at))).next;
        }
    }

    /// The values of these pairs.
    pub(crate) fn values(&self, pairs: &[Addr]) -> Column {
        self.table.gather(1, pairs)
    }

    /// Adds the counters of pairs of another set to the pairs of `entries`, whose values are
    /// `column`.
    pub(crate) fn merge(
        &mut self,
        column: &Column,
        entries: &Entries<'_>,
        groups: &mut Heap,
        from: &Self,
        pairs: &[Addr],
    ) -> Result<(), OutOfMemory> {
        self.upsert(column, entries, groups)?;
        let at = from.table.layout().state();
        if !self.spec.counted {
            for word in 0..self.spec.words() {
                for (k, &pair) in pairs.iter().enumerate() {
                    let bits = from.table.heap().word(pair.offset(at + word));
                    let row = self.place(k, entries);
                    self.set_bits(k, word, bits, row, entries.refs[k]);
                }
            }
            return Ok(());
        }
        for filter in 0..self.spec.filters.len() {
            for (k, &pair) in pairs.iter().enumerate() {
                let n = from.table.heap().word(pair.offset(at + filter)).cast_signed();
                self.count(k, filter, entries.rows[k], entries.refs[k], n);
            }
        }
        for (k, pair) in pairs.iter().enumerate() {
            let n = row::weight(from.table.heap().word(*pair));
            let header = add_weight(self.table.heap().word(self.refs[k]), n);
            self.table.heap_mut().set_word(self.refs[k], header);
        }
        Ok(())
    }

    /// Drops all pairs of a group.
    pub(crate) fn free(&mut self, group: Addr, groups: &mut Heap) {
        let mut pairs = Vec::new();
        self.pairs(groups.word(group.offset(self.spec.head)), &mut pairs);
        pairs.into_iter().for_each(|pair| self.table.remove(pair));
        groups.set_word(group.offset(self.spec.head), 0);
    }
}

impl Visit for DistinctSet {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.changes.iter_mut().for_each(EntryBuffer::clear);
            self.kept = None;
            self.ready = false;
        }
        self.table.visit(visitor)
    }
}
