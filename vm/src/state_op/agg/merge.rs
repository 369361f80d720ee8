//! Adding the aggregates of one group to those of another: panes to windows, sessions to sessions.
//!
//! With sign -1 a pane leaves a sliding window again, which only invertible aggregates allow.
//! Invariant: merging groups gives the state that taking in the rows of both would give.

use std::sync::Arc;

use arena_tr_storage::OutOfMemory;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::state::row::{add_weight, weight};
use arena_tr_storage::state::{Heap, cell};

use super::entries::{Entries, EntryBuffer};
use super::plan::{AggPlan, Counter, Kind, Slot};
use super::update::{HAS, VALID, replaces};
use super::{Groups, decimal, exact, int};

/// Pairs of a DISTINCT set that are merged at a time.
const PAIRS: usize = 1024;

impl Groups {
    /// Adds to each group `own[k]` the group `theirs[k]` of `from`, which has the same plan, `sign`
    /// times.
    pub(crate) fn merge(
        &mut self,
        own: &[Addr],
        from: &Self,
        theirs: &[Addr],
        sign: i64,
    ) -> Result<(), OutOfMemory> {
        let plan = Arc::clone(&self.plan);
        for (&group, &other) in own.iter().zip(theirs) {
            let header = self.table.heap().word(group);
            let rows = weight(from.table.heap().word(other)) * sign;
            self.table.heap_mut().set_word(group, add_weight(header, rows));
            for slot in &plan.slots {
                self.merge_slot(&plan, slot, group, from, other, sign)?;
            }
            for (index, spec) in plan.collects.iter().enumerate() {
                let mut root = self.table.heap().word(group.offset(spec.at));
                let other_root = from.table.heap().word(other.offset(spec.at));
                let source = &from.collections[index];
                self.collections[index].merge(&mut root, source, other_root)?;
                self.table.heap_mut().set_word(group.offset(spec.at), root);
            }
        }
        for set in 0..plan.distincts.len() {
            self.merge_distinct(set, own, from, theirs)?;
        }
        Ok(())
    }

    fn merge_slot(
        &mut self,
        plan: &AggPlan,
        slot: &Slot,
        group: Addr,
        from: &Self,
        other: Addr,
        sign: i64,
    ) -> Result<(), OutOfMemory> {
        if slot.distinct.is_some() {
            return Ok(());
        }
        let row = from.table.row(other);
        let heap = self.table.heap_mut();
        if slot.counts
            && let Counter::At(at) = slot.counter
        {
            let n = row[at].cast_signed().wrapping_mul(sign);
            let at = group.offset(at);
            heap.set_word(at, heap.word(at).wrapping_add(n.cast_unsigned()));
        }
        match slot.kind {
            Kind::Extreme { max } => {
                let present = plan.flags_in(slot, row) & HAS != 0;
                if present { self.merge_extreme(slot, max, group, from, row) } else { Ok(()) }
            }
            // Panes and sessions are merged from earlier to later, so arrival keeps its order.
            Kind::Arrival { last } => self.merge_arrival(slot, last, group, from, row),
            _ => merge_numbers(
                slot,
                heap,
                group.offset(slot.at),
                &row[slot.at..],
                from.table.heap(),
                sign,
            ),
        }
    }

    fn merge_extreme(
        &mut self,
        slot: &Slot,
        max: bool,
        group: Addr,
        from: &Self,
        row: &[u64],
    ) -> Result<(), OutOfMemory> {
        let at = group.offset(slot.at);
        let n = slot.cell.words();
        let has = self.plan.flags_in(slot, self.table.row(group)) & HAS != 0;
        let words = &row[slot.at..slot.at + n];
        if has {
            let held = self.table.heap().words(at, n);
            let order = cmp_across(slot.cell, words, from.table.heap(), held, self.table.heap());
            if !replaces(order, max, slot.cell) {
                return Ok(());
            }
        }
        self.put(slot, group, has, Some(words), from.table.heap())
    }

    fn merge_arrival(
        &mut self,
        slot: &Slot,
        last: bool,
        group: Addr,
        from: &Self,
        row: &[u64],
    ) -> Result<(), OutOfMemory> {
        let flags = self.plan.flags_in(slot, row);
        let has = self.plan.flags_in(slot, self.table.row(group)) & HAS != 0;
        if flags & HAS == 0 || (has && !last) {
            return Ok(());
        }
        let words = &row[slot.at..slot.at + slot.cell.words()];
        self.put(slot, group, has, (flags & VALID != 0).then_some(words), from.table.heap())
    }

    /// Puts a value from another heap into an aggregate's cell.
    fn put(
        &mut self,
        slot: &Slot,
        group: Addr,
        has: bool,
        words: Option<&[u64]>,
        from: &Heap,
    ) -> Result<(), OutOfMemory> {
        let at = group.offset(slot.at);
        let mut copy = [0u64; 3];
        if let Some(words) = words {
            copy[..words.len()].copy_from_slice(words);
        }
        let heap = self.table.heap_mut();
        if slot.cell.is_str() {
            if has {
                let old = heap.words(at, 2);
                self.garbage.push([old[0], old[1]]);
            }
            let own = heap.copy_cell([copy[0], copy[1]], from)?;
            copy[..2].copy_from_slice(&own);
        }
        heap.words_mut(at, slot.cell.words()).copy_from_slice(&copy[..slot.cell.words()]);
        self.set_flags(slot, group, if words.is_some() { HAS | VALID } else { HAS });
        Ok(())
    }

    /// Adds the distinct values of other groups; aggregates take those that are new here.
    fn merge_distinct(
        &mut self,
        set: usize,
        own: &[Addr],
        from: &Self,
        theirs: &[Addr],
    ) -> Result<(), OutOfMemory> {
        let head = self.plan.distincts[set].head;
        let (mut pairs, mut groups) = (Vec::new(), Vec::new());
        for (&group, &other) in own.iter().zip(theirs) {
            from.distincts[set].pairs(from.table.heap().word(other.offset(head)), &mut pairs);
            groups.resize(pairs.len(), group);
        }
        for (pairs, groups) in pairs.chunks(PAIRS).zip(groups.chunks(PAIRS)) {
            let column = from.distincts[set].values(pairs);
            let rows: Vec<u16> = (0..pairs.len() as u16).collect();
            let entries = Entries { rows: &rows, refs: groups, weights: None };
            let source = &from.distincts[set];
            self.distincts[set].merge(&column, &entries, self.table.heap_mut(), source, pairs)?;
            let changes: Vec<EntryBuffer> = std::mem::take(&mut self.distincts[set].changes);
            let column = self.distincts[set].kept.clone().unwrap_or(column);
            let plan = Arc::clone(&self.plan);
            let slots = plan.slots.iter().filter_map(|s| s.distinct.map(|d| (s, d)));
            let taken = slots.filter(|(_, d)| d.0 == set).try_for_each(|(slot, (_, filter))| {
                self.take(slot, &[], Some(&column), &changes[filter].entries())
            });
            self.distincts[set].changes = changes;
            taken?;
        }
        Ok(())
    }
}

/// The order of two cells in two heaps.
fn cmp_across(
    kind: arena_tr_storage::state::Cell,
    a: &[u64],
    a_heap: &Heap,
    b: &[u64],
    b_heap: &Heap,
) -> std::cmp::Ordering {
    if kind.is_str() {
        a_heap.with_bytes(a, |a| b_heap.with_bytes(b, |b| cell::cmp_bytes(kind, a, b)))
    } else {
        cell::cmp_fixed(kind, a, b)
    }
}

fn merge_numbers(
    slot: &Slot,
    heap: &mut Heap,
    at: Addr,
    other: &[u64],
    from: &Heap,
    sign: i64,
) -> Result<(), OutOfMemory> {
    match slot.kind {
        Kind::Int { .. } => int::merge(heap, at, other[0], from, sign),
        Kind::Decimal { .. } => decimal::merge(heap, at, &other[..decimal::WORDS], from, sign),
        Kind::Float { .. } => exact::merge(heap, at, &other[..exact::WORDS], from, sign),
        Kind::DecimalMoments(_) => {
            let (sum, square) = other.split_at(decimal::WORDS);
            decimal::merge(heap, at, sum, from, sign)?;
            decimal::merge(heap, at.offset(decimal::WORDS), square, from, sign)
        }
        Kind::FloatMoments(_) => {
            let (sum, square) = other.split_at(exact::WORDS);
            exact::merge(heap, at, sum, from, sign)?;
            exact::merge(heap, at.offset(exact::WORDS), square, from, sign)
        }
        Kind::IntMoments(_) => {
            let words = heap.words_mut(at, 2 + int::SQUARE_WORDS);
            let add = cell::i128_from_words(other).wrapping_mul(i128::from(sign));
            let sum = cell::i128_from_words(words).wrapping_add(add);
            words[..2].copy_from_slice(&cell::i128_to_words(sum));
            int::merge_192(&mut words[2..], &other[2..2 + int::SQUARE_WORDS], sign);
            Ok(())
        }
        Kind::Interval { .. } | Kind::Bool { .. } => {
            let n = if matches!(slot.kind, Kind::Bool { .. }) { 2 } else { 3 };
            for (word, &add) in heap.words_mut(at, n).iter_mut().zip(other) {
                *word = word.wrapping_add(add.cast_signed().wrapping_mul(sign).cast_unsigned());
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
