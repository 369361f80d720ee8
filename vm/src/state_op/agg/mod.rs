//! Aggregates over groups: a group table whose rows hold the state of every aggregate.
//!
//! [`plan`] says which words are whose; [`int`], [`decimal`], [`exact`] add numbers without error;
//! [`collect`] and [`distinct`] keep values where a running state is not enough; [`update`],
//! [`merge`] and [`read`] are what happens to the words. Grouping by keys, by panes and by sessions
//! all build on [`Groups`].
//!
//! Invariant: after a batch and its updates, every state is a function of the multiset of rows
//! taken in (and of their order of arrival, for aggregates that speak of it).

pub(crate) mod collect;
pub(crate) mod decimal;
pub(crate) mod distinct;
pub(crate) mod entries;
pub(crate) mod epoch;
pub(crate) mod exact;
pub(crate) mod int;
pub(crate) mod merge;
pub(crate) mod plan;
pub(crate) mod read;
pub(crate) mod update;

use std::sync::Arc;

use arena_tr_storage::arena::{Addr, Owner, Pool};
use arena_tr_storage::column::Column;
use arena_tr_storage::state::row::{add_weight, weight};
use arena_tr_storage::state::{GroupTable, RowLayout, StateVisitor, Visit};
use arena_tr_storage::{OutOfMemory, StorageError};

use collect::Collection;
use distinct::DistinctSet;
use entries::{Entries, EntryBuffer};
use plan::{AggPlan, Counter, Kind, Slot};

/// A copy of a block of `n` words.
fn copy_block(
    heap: &mut arena_tr_storage::state::Heap,
    block: Addr,
    n: usize,
) -> Result<Addr, OutOfMemory> {
    let copy = heap.alloc(n)?;
    let words = heap.words(block, n).to_vec();
    heap.words_mut(copy, n).copy_from_slice(&words);
    Ok(copy)
}

/// Groups with their aggregates.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) plan: Arc<AggPlan>,
    pub(crate) table: GroupTable,
    collections: Vec<Collection>,
    distincts: Vec<DistinctSet>,
    /// Number of the next arrival.
    pub(crate) seq: u64,
    /// Strings that were replaced, still needed to show what was.
    garbage: Vec<[u64; 2]>,
    /// Blocks that rows had before the epoch, and their words.
    old_blocks: Vec<(Addr, usize)>,
    buffer: EntryBuffer,
}

impl Groups {
    /// No groups yet.
    pub(crate) fn new(pool: &Pool, owner: Owner, plan: &Arc<AggPlan>) -> Self {
        let collections = plan.collects.iter().map(|c| Collection::new(pool, owner, c)).collect();
        let distincts = plan.distincts.iter().map(|d| DistinctSet::new(pool, owner, d)).collect();
        Self {
            plan: Arc::clone(plan),
            table: GroupTable::with_layout(pool, owner, plan.layout.clone()),
            collections,
            distincts,
            seq: 0,
            garbage: Vec::new(),
            old_blocks: Vec::new(),
            buffer: EntryBuffer::default(),
        }
    }

    /// Visits groups that hold nothing between epochs, of which nothing is saved: those that are
    /// loaded begin anew.
    pub(crate) fn visit_scratch(&mut self, visitor: &dyn StateVisitor) {
        if visitor.is_loading() {
            let (pool, owner) = self.table.home();
            *self = Self::new(pool, owner, &self.plan);
        } else {
            debug_assert!(self.table.is_empty(), "scratch groups are empty between epochs");
        }
    }

    /// Where the words lie.
    pub(crate) fn layout(&self) -> &RowLayout {
        self.table.layout()
    }

    /// Bytes of chunks held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.table.held_bytes()
            + self.collections.iter().map(Collection::held_bytes).sum::<usize>()
            + self.distincts.iter().map(DistinctSet::held_bytes).sum::<usize>()
    }

    /// Finds or makes the groups of the listed rows; a batch begins here.
    pub(crate) fn upsert(
        &mut self,
        keys: &[&Column],
        rows: &[u16],
        refs: &mut Vec<Addr>,
    ) -> Result<(), OutOfMemory> {
        self.distincts.iter_mut().for_each(|d| d.ready = false);
        self.table.upsert(keys, rows, refs)
    }

    /// Adds rows to the weights of their groups.
    pub(crate) fn count_rows(&mut self, entries: &Entries<'_>) {
        let heap = self.table.heap_mut();
        for k in 0..entries.len() {
            let group = entries.refs[k];
            let header = add_weight(heap.word(group), entries.weight(k));
            heap.set_word(group, header);
        }
    }

    /// Updates all aggregates by the rows of a batch.
    pub(crate) fn update_all(
        &mut self,
        columns: &[Column],
        entries: &Entries<'_>,
    ) -> Result<(), OutOfMemory> {
        (0..self.plan.slots.len()).try_for_each(|slot| self.update(slot, columns, entries))
    }

    /// How many values count for an aggregate of a group.
    #[inline]
    pub(crate) fn count(slot: &Slot, row: &[u64]) -> i64 {
        match slot.counter {
            Counter::Weight => weight(row[0]),
            Counter::At(at) => row[at].cast_signed(),
        }
    }

    /// The two flag bits of an aggregate.
    #[inline]
    fn flag_bits(plan: &AggPlan, slot: &Slot) -> (usize, u32) {
        (plan.flags + slot.flag / 32, (slot.flag % 32) as u32 * 2)
    }

    /// Sets the two flag bits of an aggregate.
    fn set_flags(&mut self, slot: &Slot, group: Addr, bits: u64) {
        let (at, shift) = Self::flag_bits(&self.plan, slot);
        let at = group.offset(at);
        let heap = self.table.heap_mut();
        let word = heap.word(at) & !(3 << shift) | bits << shift;
        heap.set_word(at, word);
    }

    /// Gives the row blocks of its own, after its words were copied: what sums keep elsewhere is
    /// changed in place, and the copy still refers to it.
    pub(crate) fn detach(&mut self, group: Addr) -> Result<(), OutOfMemory> {
        let heap = self.table.heap_mut();
        for slot in &self.plan.slots {
            let at = group.offset(slot.at);
            match slot.kind {
                Kind::Int { .. } => self.old_blocks.extend(int::detach(heap, at)?),
                Kind::Decimal { .. } => self.old_blocks.extend(decimal::detach(heap, at)?),
                Kind::DecimalMoments(_) => {
                    self.old_blocks.extend(decimal::detach(heap, at)?);
                    self.old_blocks.extend(decimal::detach(heap, at.offset(decimal::WORDS))?);
                }
                Kind::Float { .. } => self.old_blocks.extend(exact::detach(heap, at)?),
                Kind::FloatMoments(_) => {
                    self.old_blocks.extend(exact::detach(heap, at)?);
                    self.old_blocks.extend(exact::detach(heap, at.offset(exact::WORDS))?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Frees what was kept for the sake of what was.
    pub(crate) fn collect_garbage(&mut self) {
        let heap = self.table.heap_mut();
        self.garbage.drain(..).for_each(|words| heap.free_bytes(words));
        self.old_blocks.drain(..).for_each(|(addr, n)| heap.free(addr, n));
    }

    /// Removes a group with all that its aggregates keep.
    pub(crate) fn remove(&mut self, group: Addr) {
        let plan = Arc::clone(&self.plan);
        for slot in &plan.slots {
            self.release_slot(slot, group);
        }
        for (collection, spec) in self.collections.iter_mut().zip(&plan.collects) {
            let mut root = self.table.heap().word(group.offset(spec.at));
            collection.free(&mut root);
        }
        for set in &mut self.distincts {
            set.free(group, self.table.heap_mut());
        }
        self.table.remove(group);
    }

    fn release_slot(&mut self, slot: &Slot, group: Addr) {
        let at = group.offset(slot.at);
        let heap = self.table.heap_mut();
        match slot.kind {
            Kind::Int { .. } => int::release(heap, heap.word(at)),
            Kind::Decimal { .. } => decimal::release(heap, at),
            Kind::DecimalMoments(_) => {
                decimal::release(heap, at);
                decimal::release(heap, at.offset(decimal::WORDS));
            }
            Kind::Float { .. } => exact::release(heap, at),
            Kind::FloatMoments(_) => {
                exact::release(heap, at);
                exact::release(heap, at.offset(exact::WORDS));
            }
            Kind::Extreme { .. } | Kind::Arrival { .. } if slot.cell.is_str() => {
                let words = heap.words(at, 2);
                heap.free_bytes([words[0], words[1]]);
            }
            Kind::Collected(_) if arena_tr_storage::state::Cell::of(&slot.ty).is_str() => {
                let words = heap.words(at, 2);
                heap.free_bytes([words[0], words[1]]);
            }
            _ => {}
        }
    }
}

impl Visit for Groups {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.garbage.clear();
            self.old_blocks.clear();
        } else {
            debug_assert!(self.garbage.is_empty() && self.old_blocks.is_empty(), "no garbage");
        }
        self.table.visit(visitor)?;
        self.collections.iter_mut().try_for_each(|collection| collection.visit(visitor))?;
        self.distincts.iter_mut().try_for_each(|set| set.visit(visitor))?;
        self.seq.visit(visitor)
    }
}
