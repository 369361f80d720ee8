//! Sessions as intervals: ordered sets of spans, one set per partition.
//!
//! ```text
//! word 0   time of the first row
//! word 1   time of the last row
//! then     the words of the owner
//! ```
//!
//! Invariant: the spans of a set are more than the gap apart, so their order by start is their
//! order.

use std::ops::ControlFlow;

use arena_tr_planner::physical::SortKey;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::{Heap, OrderedSets, StateVisitor, Visit};
use arena_tr_storage::{OutOfMemory, StorageError};
use arena_tr_types::{DataType, Field};

use crate::state_op::StateContext;

const START: usize = 0;
const LAST: usize = 1;
/// The first word of the owner.
pub(super) const OWN: usize = 2;
const DAY: i64 = 86_400_000_000;

/// Sets of spans.
#[derive(Debug)]
pub(super) struct Spans {
    heap: Heap,
    sets: OrderedSets,
    words: usize,
    gap: i64,
}

impl Spans {
    /// No spans; `own_words` words of the owner with each.
    pub(super) fn new(cx: &StateContext, gap: i64, own_words: usize) -> Self {
        Self {
            heap: Heap::new(&cx.pool, cx.owner),
            sets: OrderedSets::new(&cx.pool, cx.owner),
            words: OWN + own_words,
            gap,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.heap.held_bytes() + self.sets.held_bytes()
    }

    #[inline]
    pub(super) fn start(&self, span: Addr) -> i64 {
        self.word(span, START).cast_signed()
    }

    #[inline]
    pub(super) fn last(&self, span: Addr) -> i64 {
        self.word(span, LAST).cast_signed()
    }

    /// Where the window of the session ends.
    #[inline]
    pub(super) fn end(&self, span: Addr) -> i64 {
        self.last(span).saturating_add(self.gap)
    }

    #[inline]
    pub(super) fn word(&self, span: Addr, n: usize) -> u64 {
        self.heap.word(span.offset(n))
    }

    #[inline]
    pub(super) fn set_word(&mut self, span: Addr, n: usize, word: u64) {
        self.heap.set_word(span.offset(n), word);
    }

    /// Whether a time lies inside this span or, as the last of its set, extends it.
    #[inline]
    pub(super) fn lengthens(&self, span: Addr, time: i64) -> bool {
        let words = self.heap.words(span, OWN);
        time >= words[START].cast_signed()
            && time <= words[LAST].cast_signed().saturating_add(self.gap)
    }

    /// The span that a time lies inside, or that it extends as the last of its set, if it is this
    /// one.
    #[inline]
    pub(super) fn extends(&self, root: u64, span: Addr, time: i64) -> bool {
        let (start, last) = (self.start(span), self.last(span));
        time >= start
            && (time <= last
                || (time <= last.saturating_add(self.gap) && self.sets.last(root) == Some(span)))
    }

    /// The spans that a time is at most the gap away from, in order: none, one or two.
    pub(super) fn touching(&self, root: u64, time: i64, out: &mut Vec<Addr>) {
        self.sets.for_each_from(
            root,
            |span| self.end(span) < time,
            |span| {
                if self.start(span).saturating_sub(self.gap) > time {
                    return ControlFlow::Break(());
                }
                out.push(span);
                ControlFlow::Continue(())
            },
        );
    }

    /// Makes a span to contain a time.
    #[inline]
    pub(super) fn widen(&mut self, span: Addr, start: i64, last: i64) {
        let words = self.heap.words_mut(span, OWN);
        words[START] = words[START].cast_signed().min(start).cast_unsigned();
        words[LAST] = words[LAST].cast_signed().max(last).cast_unsigned();
    }

    /// Adds a span that touches no other.
    pub(super) fn insert(
        &mut self,
        root: &mut u64,
        start: i64,
        last: i64,
    ) -> Result<Addr, OutOfMemory> {
        let span = self.heap.alloc_zeroed(self.words)?;
        self.set_word(span, START, start.cast_unsigned());
        self.set_word(span, LAST, last.cast_unsigned());
        let heap = &self.heap;
        let start_of = |span: Addr| heap.word(span.offset(START)).cast_signed();
        self.sets.insert(root, span, |other| start.cmp(&start_of(other)))?;
        Ok(span)
    }

    /// Takes a span out of its set.
    pub(super) fn take_out(&mut self, root: &mut u64, span: Addr) {
        let heap = &self.heap;
        let start = heap.word(span.offset(START)).cast_signed();
        let start_of = |span: Addr| heap.word(span.offset(START)).cast_signed();
        self.sets.remove(root, |other| start.cmp(&start_of(other)));
    }

    /// Frees a span that is in no set.
    pub(super) fn free(&mut self, span: Addr) {
        self.heap.free(span, self.words);
    }

    /// Takes a span out of its set and frees it.
    pub(super) fn remove(&mut self, root: &mut u64, span: Addr) {
        self.take_out(root, span);
        self.free(span);
    }

    /// The spans of a set, in order.
    pub(super) fn all(&self, root: u64, out: &mut Vec<Addr>) {
        self.sets.for_each(root, |span| {
            out.push(span);
            ControlFlow::Continue(())
        });
    }
}

impl Visit for Spans {
    /// The roots are their owner's to visit.
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.heap.visit(visitor)?;
        self.sets.visit(visitor)
    }
}

/// The time of a row in microseconds, `None` for NULL.
#[inline]
pub(super) fn time_of(column: &Column, i: usize) -> Option<i64> {
    match column {
        _ if column.is_null(i) => None,
        Column::I64(c) => Some(c.values[i]),
        Column::I32(c) => Some(i64::from(c.values[i]).saturating_mul(DAY)),
        _ => None,
    }
}

/// Microseconds per unit of a time column.
pub(super) fn unit_of(field: &Field) -> i64 {
    if field.data_type == DataType::Date { DAY } else { 1 }
}

/// The order of rows by time.
pub(super) fn by_time(column: usize) -> [SortKey; 1] {
    [SortKey { column, desc: false, nulls_first: false }]
}
