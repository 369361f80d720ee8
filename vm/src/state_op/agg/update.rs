//! Taking rows into the aggregates of their groups.
//!
//! Invariant: an update touches only the words of its aggregate (and what they refer to).

use std::sync::Arc;

use arena_tr_storage::OutOfMemory;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::column::{Column, Fixed};
use arena_tr_storage::state::{Cell, Heap, cell, row};
use arena_tr_types::{Decimal, Interval};

use super::entries::{Entries, EntryBuffer};
use super::plan::{AggPlan, Counter, Kind, Slot};
use super::{Groups, decimal, exact, int};

/// One flag: there is a value. The other: it is not NULL.
pub(crate) const HAS: u64 = 1;
pub(crate) const VALID: u64 = 2;

/// Runs `$body` with `$get` bound to a closure that gives row `i` as `$t`, for an integer column.
macro_rules! with_int {
    ($column:expr, $get:ident => $body:expr) => {
        match $column {
            Column::I16(c) => {
                let $get = |i: usize| i64::from(c.values[i]);
                $body
            }
            Column::I32(c) => {
                let $get = |i: usize| i64::from(c.values[i]);
                $body
            }
            Column::I64(c) => {
                let $get = |i: usize| c.values[i];
                $body
            }
            _ => Ok(()),
        }
    };
}

/// The same for floats, as doubles.
macro_rules! with_float {
    ($column:expr, $get:ident => $body:expr) => {
        match $column {
            Column::F32(c) => {
                let $get = |i: usize| f64::from(c.values[i]);
                $body
            }
            Column::F64(c) => {
                let $get = |i: usize| c.values[i];
                $body
            }
            _ => Ok(()),
        }
    };
}

impl Groups {
    /// Updates one aggregate by the rows of a batch.
    pub(crate) fn update(
        &mut self,
        slot: usize,
        columns: &[Column],
        all: &Entries<'_>,
    ) -> Result<(), OutOfMemory> {
        let plan = Arc::clone(&self.plan);
        let slot = &plan.slots[slot];
        let elsewhere = slot.kind == Kind::Count || slot.collect.is_some_and(|(_, own)| !own);
        if elsewhere && !slot.counts {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.update_selected(slot, columns, all, &mut buffer);
        self.buffer = buffer;
        done
    }

    fn update_selected(
        &mut self,
        slot: &Slot,
        columns: &[Column],
        all: &Entries<'_>,
        buffer: &mut EntryBuffer,
    ) -> Result<(), OutOfMemory> {
        let arg = slot.arg.map(|a| &columns[a]);
        let Some((set, filter)) = slot.distinct else {
            let filter = slot.filter.map(|f| &columns[f]);
            let entries = all.select(filter, arg.filter(|_| slot.skip_null), buffer);
            return self.take(slot, columns, arg, &entries);
        };
        if !self.distincts[set].ready {
            let entries = all.select(None, arg, buffer);
            self.distincts[set].update(columns, &entries, self.table.heap_mut())?;
        }
        let changes = std::mem::take(&mut self.distincts[set].changes[filter]);
        let kept = self.distincts[set].kept.clone();
        let done = self.take(slot, columns, kept.as_ref().or(arg), &changes.entries());
        self.distincts[set].changes[filter] = changes;
        done
    }

    /// Takes entries whose argument is not NULL (unless NULLs count).
    pub(super) fn take(
        &mut self,
        slot: &Slot,
        columns: &[Column],
        arg: Option<&Column>,
        entries: &Entries<'_>,
    ) -> Result<(), OutOfMemory> {
        if slot.counts
            && let Counter::At(at) = slot.counter
        {
            let heap = self.table.heap_mut();
            entries.for_each(|_, group, weight| {
                let at = group.offset(at);
                heap.set_word(at, heap.word(at).wrapping_add(weight.cast_unsigned()));
                Ok(())
            })?;
        }
        if slot.collect.is_some() {
            return self.collect(slot, columns, entries);
        }
        let Some(column) = arg else { return Ok(()) };
        match slot.kind {
            Kind::Extreme { max } => self.extreme(slot, max, column, entries),
            Kind::Arrival { last } => self.arrival(slot, last, column, entries),
            _ => numbers(slot, self.table.heap_mut(), column, entries),
        }
    }

    fn collect(
        &mut self,
        slot: &Slot,
        columns: &[Column],
        entries: &Entries<'_>,
    ) -> Result<(), OutOfMemory> {
        let Some((index, true)) = slot.collect else { return Ok(()) };
        let plan = Arc::clone(&self.plan);
        let spec = &plan.collects[index];
        let fields: Vec<&Column> = spec.columns.iter().map(|&c| &columns[c]).collect();
        for k in 0..entries.len() {
            let at = entries.refs[k].offset(spec.at);
            let mut root = self.table.heap().word(at);
            let row = usize::from(entries.rows[k]);
            self.collections[index].add(&mut root, &fields, row, entries.weight(k), self.seq)?;
            self.seq += 1;
            self.table.heap_mut().set_word(at, root);
        }
        Ok(())
    }

    /// min and max of rows that only arrive.
    fn extreme(
        &mut self,
        slot: &Slot,
        max: bool,
        column: &Column,
        entries: &Entries<'_>,
    ) -> Result<(), OutOfMemory> {
        let flags = Self::flag_bits(&self.plan, slot);
        let heap = self.table.heap_mut();
        match column {
            Column::I64(c) => extreme_int(slot, max, |i| c.values[i], heap, flags, entries),
            Column::I32(c) => extreme_int(slot, max, |i| c.values[i].into(), heap, flags, entries),
            _ => {
                let garbage = &mut self.garbage;
                entries.for_each(|i, group, _| {
                    let at = group.offset(slot.at);
                    let has = has_flag(heap, group, flags);
                    let held = heap.words(at, slot.cell.words());
                    if has
                        && !replaces(cmp_column(slot.cell, column, i, held, heap), max, slot.cell)
                    {
                        return Ok(());
                    }
                    replace(slot.cell, column, i, heap, at, has.then_some(&mut *garbage))?;
                    raise_flags(heap, group, flags, HAS | VALID);
                    Ok(())
                })
            }
        }
    }

    /// first_value and last_value of rows that only arrive.
    fn arrival(
        &mut self,
        slot: &Slot,
        last: bool,
        column: &Column,
        entries: &Entries<'_>,
    ) -> Result<(), OutOfMemory> {
        let flags = Self::flag_bits(&self.plan, slot);
        let (heap, garbage) = (self.table.heap_mut(), &mut self.garbage);
        entries.for_each(|i, group, _| {
            let has = has_flag(heap, group, flags);
            if has && !last {
                return Ok(());
            }
            let at = group.offset(slot.at);
            let old = has.then_some(&mut *garbage);
            let (word, shift) = flags;
            let bits = group.offset(word);
            heap.set_word(bits, heap.word(bits) & !(3 << shift));
            if column.is_null(i) {
                discard(slot.cell, heap, at, old);
                heap.words_mut(at, slot.cell.words()).fill(0);
                raise_flags(heap, group, flags, HAS);
            } else {
                replace(slot.cell, column, i, heap, at, old)?;
                raise_flags(heap, group, flags, HAS | VALID);
            }
            Ok(())
        })
    }
}

#[inline]
fn has_flag(heap: &Heap, group: Addr, (word, shift): (usize, u32)) -> bool {
    heap.word(group.offset(word)) >> shift & HAS != 0
}

#[inline]
fn raise_flags(heap: &mut Heap, group: Addr, (word, shift): (usize, u32), bits: u64) {
    let at = group.offset(word);
    heap.set_word(at, heap.word(at) | bits << shift);
}

#[inline]
fn extreme_int(
    slot: &Slot,
    max: bool,
    get: impl Fn(usize) -> i64,
    heap: &mut Heap,
    flags: (usize, u32),
    entries: &Entries<'_>,
) -> Result<(), OutOfMemory> {
    entries.for_each(|i, group, _| {
        let (value, at) = (get(i), group.offset(slot.at));
        let held = heap.word(at).cast_signed();
        let better = if max { value > held } else { value < held };
        if better || !has_flag(heap, group, flags) {
            heap.set_word(at, value.cast_unsigned());
            raise_flags(heap, group, flags, HAS | VALID);
        }
        Ok(())
    })
}

/// Whether a value that compares so to the one held takes its place. Of equal values that print
/// differently the last one is kept, as in PostgreSQL.
pub(super) fn replaces(order: std::cmp::Ordering, max: bool, kind: Cell) -> bool {
    let better = if max { order.is_gt() } else { order.is_lt() };
    better || (order.is_eq() && !kind.is_exact() && kind != Cell::Bytes)
}

/// The order of row `i` of a column, which is not NULL, against a cell.
pub(super) fn cmp_column(
    kind: Cell,
    column: &Column,
    i: usize,
    words: &[u64],
    heap: &Heap,
) -> std::cmp::Ordering {
    match column {
        Column::Str(c) => heap.with_bytes(words, |held| cell::cmp_bytes(kind, c.get(i), held)),
        _ => cell::cmp_fixed(kind, &row::load_fixed(column, i), words),
    }
}

/// Puts row `i` of a column into a cell; the string that was there goes to the garbage.
fn replace(
    kind: Cell,
    column: &Column,
    i: usize,
    heap: &mut Heap,
    at: Addr,
    garbage: Option<&mut Vec<[u64; 2]>>,
) -> Result<(), OutOfMemory> {
    let words = row::load(column, i, heap)?;
    discard(kind, heap, at, garbage);
    heap.words_mut(at, kind.words()).copy_from_slice(&words[..kind.words()]);
    Ok(())
}

fn discard(kind: Cell, heap: &Heap, at: Addr, garbage: Option<&mut Vec<[u64; 2]>>) {
    if let Some(garbage) = garbage.filter(|_| kind.is_str()) {
        let old = heap.words(at, 2);
        garbage.push([old[0], old[1]]);
    }
}

/// Sums and moments.
fn numbers(
    slot: &Slot,
    heap: &mut Heap,
    column: &Column,
    entries: &Entries<'_>,
) -> Result<(), OutOfMemory> {
    let at = slot.at;
    match (slot.kind, column) {
        (Kind::Int { .. }, _) => with_int!(column, get => {
            entries.for_each(|i, group, w| int::add(heap, group.offset(at), get(i), w))
        }),
        (Kind::Decimal { .. }, Column::Decimal(c)) => {
            entries.for_each(|i, group, w| decimal::add(heap, group.offset(at), c.values[i], w))
        }
        (Kind::Float { .. }, _) => with_float!(column, get => {
            entries.for_each(|i, group, w| exact::add(heap, group.offset(at), get(i), w))
        }),
        (Kind::Interval { .. }, Column::I128(c)) => sum_intervals(heap, at, c, entries),
        (Kind::IntMoments(_), _) => with_int!(column, get => {
            entries.for_each(|i, group, w| {
                let words = heap.words_mut(group.offset(at), 2 + int::SQUARE_WORDS);
                let value = i128::from(get(i));
                let sum = cell::i128_from_words(words).wrapping_add(value * i128::from(w));
                words[..2].copy_from_slice(&cell::i128_to_words(sum));
                int::add_192(&mut words[2..], value * value, w);
                Ok(())
            })
        }),
        (Kind::DecimalMoments(_), Column::Decimal(c)) => entries.for_each(|i, group, w| {
            let (x, at) = (c.values[i], group.offset(at));
            decimal::add(heap, at, x, w)?;
            // A square that leaves 38 digits makes the result overflow, as infinity would.
            let square = x.checked_mul(x).unwrap_or(Decimal::INFINITY);
            decimal::add(heap, at.offset(decimal::WORDS), square, w)
        }),
        (Kind::FloatMoments(_), _) => with_float!(column, get => {
            entries.for_each(|i, group, w| {
                let (x, at) = (get(i), group.offset(at));
                exact::add(heap, at, x, w)?;
                let (square, rest) = exact::two_product(x, x);
                let at = at.offset(exact::WORDS);
                exact::add(heap, at, square, w)?;
                if rest.is_finite() && rest != 0.0 {
                    exact::add(heap, at, rest, w)?;
                }
                Ok(())
            })
        }),
        _ => bools(slot, heap, column, entries),
    }
}

fn sum_intervals(
    heap: &mut Heap,
    at: usize,
    column: &Fixed<i128>,
    entries: &Entries<'_>,
) -> Result<(), OutOfMemory> {
    entries.for_each(|i, group, w| {
        let value = Interval::from_bits(column.values[i]);
        let words = heap.words_mut(group.offset(at), 3);
        let parts = [i64::from(value.months), i64::from(value.days), value.micros];
        for (word, part) in words.iter_mut().zip(parts) {
            *word = word.wrapping_add(part.wrapping_mul(w).cast_unsigned());
        }
        Ok(())
    })
}

fn bools(
    slot: &Slot,
    heap: &mut Heap,
    column: &Column,
    entries: &Entries<'_>,
) -> Result<(), OutOfMemory> {
    let (Kind::Bool { .. }, Column::Bool(c)) = (slot.kind, column) else { return Ok(()) };
    entries.for_each(|i, group, w| {
        let at = group.offset(slot.at + usize::from(c.values[i] == 0));
        heap.set_word(at, heap.word(at).wrapping_add(w.cast_unsigned()));
        Ok(())
    })
}

impl AggPlan {
    /// The flag bits of an aggregate in a row.
    pub(super) fn flags_in(&self, slot: &Slot, row: &[u64]) -> u64 {
        let (at, shift) = Groups::flag_bits(self, slot);
        row[at] >> shift & 3
    }
}
