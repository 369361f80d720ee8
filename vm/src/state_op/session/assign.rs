//! The bounds of each row's session as columns, under retraction.
//!
//! Rows are kept in order of time, each with the bounds that were shown with it. A change touches
//! the sessions around it, which become one dirty span; at the end of the epoch the rows of each
//! dirty span are cut into sessions anew, and those whose bounds changed are shown again. Rows
//! without a time are in no session.
//!
//! Invariant: between epochs no span is dirty, and every span covers exactly the rows of one
//! session.

use std::ops::ControlFlow;

use arena_tr_planner::physical::Forget;
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::{GroupTable, NO_ADDR, StateVisitor, Visit};
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::spans::{OWN, Spans, by_time, time_of, unit_of};
use crate::state_op::StateContext;
use crate::state_op::changes::Changes;
use crate::state_op::forget::Forgetter;
use crate::state_op::live::{Live, for_pieces};
use crate::state_op::sorted::SortedRows;

/// Words of a partition: its rows and its spans.
const ROWS: usize = 0;
const SPANS: usize = 1;
/// The word of a span: its place in the list of dirty ones, plus one.
const PLACE: usize = OWN;
/// Words of a row: what was shown of it.
const WEIGHT: usize = 0;
const START: usize = 1;
const END: usize = 2;

/// Session bounds as columns.
#[derive(Debug)]
pub struct SessionAssign {
    partitions: GroupTable,
    rows: SortedRows,
    spans: Spans,
    time: usize,
    unit: i64,
    gap: i64,
    partition: Vec<usize>,
    live: Live,
    refs: Vec<Addr>,
    touching: Vec<Addr>,
    /// Dirty spans and their partitions; `NO_ADDR` where a span became part of another.
    dirty: Vec<(Addr, Addr)>,
    polling: bool,
    changes: Changes<2>,
    n_rows: usize,
    forgetter: Forgetter,
}

impl SessionAssign {
    /// An operator without rows.
    pub fn new(
        cx: &StateContext,
        input: &[Field],
        time: usize,
        gap: i64,
        partition: &[usize],
        forget: Option<Forget>,
    ) -> Self {
        let types: Vec<DataType> = partition.iter().map(|&c| input[c].data_type.clone()).collect();
        // The rule speaks of rows; sessions are dropped, once their last row can no longer be
        // reached.
        let rule = forget.map(|f| Forget { column: 0, lag: f.lag.saturating_add(gap) });
        Self {
            partitions: GroupTable::new(&cx.pool, cx.owner, &types, 2),
            rows: SortedRows::new(cx, input, &by_time(time), 3),
            spans: Spans::new(cx, gap, 1),
            time,
            unit: unit_of(&input[time]),
            gap,
            partition: partition.to_vec(),
            live: Live::default(),
            refs: Vec::new(),
            touching: Vec::new(),
            dirty: Vec::new(),
            polling: false,
            changes: Changes::default(),
            n_rows: 0,
            forgetter: Forgetter::new(rule, &[DataType::Timestamp]),
        }
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.partitions.held_bytes() + self.rows.held_bytes() + self.spans.held_bytes()
    }

    /// Number of different rows kept.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn state(&self, partition: Addr, word: usize) -> u64 {
        self.partitions.heap().word(partition.offset(self.partitions.layout().state() + word))
    }

    fn set_state(&mut self, partition: Addr, word: usize, value: u64) {
        let at = partition.offset(self.partitions.layout().state() + word);
        self.partitions.heap_mut().set_word(at, value);
    }

    /// Takes in a batch.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), SqlError> {
        for_pieces(batch, |piece| {
            self.live.load(piece);
            let columns: Vec<&Column> = self.partition.iter().map(|&c| &piece.columns[c]).collect();
            self.partitions.upsert(&columns, &self.live.rows, &mut self.refs)?;
            for k in 0..self.live.len() {
                let (i, weight) = (usize::from(self.live.rows[k]), self.live.weight(k));
                if let Some(time) = time_of(&piece.columns[self.time], i) {
                    let partition = self.refs[k];
                    self.add(partition, &piece.columns, i, weight)?;
                    self.soil(partition, time)?;
                }
            }
            Ok(())
        })
    }

    /// Adds a row; one that was shown stays until the end of the epoch, whatever its weight.
    fn add(
        &mut self,
        partition: Addr,
        columns: &[Column],
        i: usize,
        weight: i64,
    ) -> Result<(), SqlError> {
        let mut root = self.state(partition, ROWS);
        let Some(addr) = self.rows.find(root, columns, i) else {
            let addr = self.rows.rows.pack(columns, i, weight)?;
            let done = self.rows.insert(&mut root, addr);
            self.set_state(partition, ROWS, root);
            self.n_rows += 1;
            self.forgetter.grew(1);
            return Ok(done?);
        };
        self.rows.rows.add_weight(addr, weight);
        if self.rows.rows.weight(addr) == 0 && self.rows.rows.word(addr, WEIGHT) == 0 {
            self.rows.remove(&mut root, addr);
            self.set_state(partition, ROWS, root);
            self.rows.rows.release(addr);
            self.n_rows -= 1;
        }
        Ok(())
    }

    /// Makes one dirty span of the sessions around a time.
    fn soil(&mut self, partition: Addr, time: i64) -> Result<(), SqlError> {
        let mut root = self.state(partition, SPANS);
        let mut touching = std::mem::take(&mut self.touching);
        touching.clear();
        self.spans.touching(root, time, &mut touching);
        let span = match touching.split_first() {
            None => {
                let span = self.spans.insert(&mut root, time, time);
                self.set_state(partition, SPANS, root);
                span?
            }
            Some((&first, rest)) => {
                for &other in rest {
                    let (start, last) = (self.spans.start(other), self.spans.last(other));
                    if let Some(place) = (self.spans.word(other, PLACE) as usize).checked_sub(1) {
                        self.dirty[place].0 = Addr(NO_ADDR);
                    }
                    self.spans.remove(&mut root, other);
                    self.spans.widen(first, start, last);
                }
                self.set_state(partition, SPANS, root);
                self.spans.widen(first, time, time);
                first
            }
        };
        self.touching = touching;
        if self.spans.word(span, PLACE) == 0 {
            self.dirty.push((span, partition));
            self.spans.set_word(span, PLACE, self.dirty.len() as u64);
        }
        Ok(())
    }

    /// The next changes of the epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        if !self.polling {
            self.polling = true;
            let dirty = std::mem::take(&mut self.dirty);
            for (span, partition) in dirty {
                if span.0 != NO_ADDR {
                    self.cut(span, partition)?;
                }
            }
        }
        let batch = self.changes.take(&mut self.rows.rows, 2);
        self.polling = batch.is_some();
        Ok(batch)
    }

    /// Cuts the rows of a dirty span into sessions.
    fn cut(&mut self, span: Addr, partition: Addr) -> Result<(), SqlError> {
        let rows = self.rows_of(span, partition);
        let mut root = self.state(partition, SPANS);
        self.spans.remove(&mut root, span);
        let mut from = 0;
        while from < rows.len() {
            let mut bounds: Option<(i64, i64)> = None;
            let mut to = from;
            while to < rows.len() {
                let (addr, time) = rows[to];
                let here = self.rows.rows.weight(addr) > 0;
                match &mut bounds {
                    _ if !here => {}
                    None => bounds = Some((time, time)),
                    Some((_, last)) if last.saturating_add(self.gap) >= time => *last = time,
                    Some(_) => break,
                }
                to += 1;
            }
            if let Some((start, last)) = bounds {
                self.spans.insert(&mut root, start, last)?;
            }
            for &(addr, _) in &rows[from..to] {
                self.show(addr, bounds, partition);
            }
            from = to;
        }
        self.set_state(partition, SPANS, root);
        if root == 0 && self.state(partition, ROWS) == 0 {
            self.partitions.remove(partition);
        }
        Ok(())
    }

    /// The rows of a span with their times, in order.
    fn rows_of(&self, span: Addr, partition: Addr) -> Vec<(Addr, i64)> {
        let (start, last) = (self.spans.start(span), self.spans.last(span));
        let time = |addr: Addr| {
            let rows = &self.rows.rows;
            let time = rows.layout.cell(rows.row(addr), self.time)[0].cast_signed();
            time.saturating_mul(self.unit)
        };
        let mut rows = Vec::new();
        self.rows.sets.for_each_from(
            self.state(partition, ROWS),
            |addr| time(addr) < start,
            |addr| {
                if time(addr) > last {
                    return ControlFlow::Break(());
                }
                rows.push((addr, time(addr)));
                ControlFlow::Continue(())
            },
        );
        rows
    }

    /// Lists the change of a row, whose session now has these bounds.
    fn show(&mut self, addr: Addr, bounds: Option<(i64, i64)>, partition: Addr) {
        let rows = &mut self.rows.rows;
        let weight = rows.weight(addr);
        let shown = rows.word(addr, WEIGHT).cast_signed();
        let old = [rows.word(addr, START).cast_signed(), rows.word(addr, END).cast_signed()];
        let (start, last) = bounds.filter(|_| weight > 0).unwrap_or_default();
        let new = [start, last.saturating_add(self.gap)];
        let now = weight.max(0);
        if old == new {
            self.changes.push(addr, now - shown, new);
        } else {
            self.changes.push(addr, -shown, old);
            self.changes.push(addr, now, new);
        }
        rows.set_word(addr, WEIGHT, now.cast_unsigned());
        rows.set_word(addr, START, new[0].cast_unsigned());
        rows.set_word(addr, END, new[1].cast_unsigned());
        if weight == 0 {
            let mut root = self.state(partition, ROWS);
            self.rows.remove(&mut root, addr);
            self.set_state(partition, ROWS, root);
            self.changes.bury(addr);
            self.n_rows -= 1;
        }
    }

    /// Drops sessions that no row can reach any more.
    pub fn forget(&mut self, watermark: Timestamp) {
        let Some(bound) = self.forgetter.bound(watermark) else { return };
        let (mut partitions, mut spans) = (Vec::new(), Vec::new());
        self.partitions.scan(0, usize::MAX, &mut partitions);
        for partition in partitions {
            spans.clear();
            self.spans.all(self.state(partition, SPANS), &mut spans);
            spans.retain(|&span| self.spans.last(span) < bound);
            spans.iter().for_each(|&span| self.drop_span(span, partition));
            if self.state(partition, SPANS) == 0 && self.state(partition, ROWS) == 0 {
                self.partitions.remove(partition);
            }
        }
        self.forgetter.done(self.n_rows);
    }

    fn drop_span(&mut self, span: Addr, partition: Addr) {
        let mut root = self.state(partition, ROWS);
        for (addr, _) in self.rows_of(span, partition) {
            self.rows.remove(&mut root, addr);
            self.rows.rows.release(addr);
            self.n_rows -= 1;
        }
        self.set_state(partition, ROWS, root);
        let mut root = self.state(partition, SPANS);
        self.spans.remove(&mut root, span);
        self.set_state(partition, SPANS, root);
    }
}

impl Visit for SessionAssign {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.dirty.clear();
            self.polling = false;
            self.changes.clear();
        } else {
            debug_assert!(self.dirty.is_empty() && self.changes.is_empty(), "the epoch has ended");
        }
        self.partitions.visit(visitor)?;
        self.rows.visit(visitor)?;
        self.spans.visit(visitor)?;
        self.n_rows.visit(visitor)?;
        self.forgetter.visit(visitor)
    }
}
