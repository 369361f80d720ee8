//! Aggregates over sessions of an append-only input.
//!
//! A batch first finds each row's session, which may extend or join sessions that were apart; then
//! the aggregates take all rows at once; then the groups of joined sessions are merged. Results
//! that were shown are read before the first change of an epoch, so its end can show the
//! difference.
//!
//! A session is due when the watermark passes its end. It has one entry in an ordered set of due
//! times, which is not moved when the session grows: an entry that comes up too early is put back
//! at the right time, so a row costs nothing there.
//!
//! Invariant: each session has one span, one group and one timer, and its timer is not later than
//! its due time.

mod save;

use std::ops::Range;
use std::sync::Arc;

use arena_tr_planner::physical::{PaneColumn, SessionAggregate};
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Column, Fixed};
use arena_tr_storage::state::row::{add_weight, weight};
use arena_tr_storage::state::{GroupTable, NO_ADDR, OrderedSets};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::spans::{OWN, Spans, time_of};
use crate::state_op::StateContext;
use crate::state_op::agg::Groups;
use crate::state_op::agg::entries::EntryBuffer;
use crate::state_op::agg::plan::AggPlan;
use crate::state_op::live::{Live, for_pieces, weighted};

/// Words of a partition: its spans, and the span touched last plus one.
const SPANS: usize = 0;
const CURRENT: usize = 1;
/// Words of a span: its partition and its group.
const PARTITION: usize = OWN;
const GROUP: usize = OWN + 1;
/// The time of its timer, and its number, which orders timers of equal time.
const DUE: usize = OWN + 2;
const ID: usize = OWN + 3;
/// Its place among the touched sessions of the epoch plus one, and whether its results were shown.
const PLACE: usize = OWN + 4;
const SHOWN: usize = OWN + 5;
const SPAN_WORDS: usize = 6;

/// Sessions shown at a time: an old and a new row of each fill a batch.
const SESSIONS: usize = BATCH_ROWS / 2;

/// A session touched in this epoch.
#[derive(Debug, Clone, Copy)]
struct Touched {
    /// `NO_ADDR` once it is part of another.
    span: Addr,
    /// The partition it is in.
    partition: Addr,
    /// Its bounds before, if it was shown.
    before: Option<(i64, i64)>,
}

/// Aggregation over session windows.
#[derive(Debug)]
pub struct SessionGroup {
    spec: SessionAggregate,
    partitions: GroupTable,
    spans: Spans,
    timers: OrderedSets,
    timers_root: u64,
    groups: Groups,
    /// Where a group is put while it is merged into another of the same table.
    aside: Groups,
    next_id: u64,
    live: Live,
    refs: Vec<Addr>,
    /// The span of each row of the batch, those made by it, and which was joined to which.
    found: EntryBuffer,
    made: Vec<Addr>,
    joined: Vec<(Addr, Addr)>,
    touching: Vec<Addr>,
    touched: Vec<Touched>,
    /// Results of touched sessions that were shown, as they were before, in the order of `touched`.
    before: Vec<Vec<Column>>,
    /// Sessions to be shown because they closed.
    closed: Vec<Addr>,
    polled: usize,
    /// Rows of `before` (put together by then) that were polled.
    polled_before: usize,
    divert: bool,
    errors: Vec<SqlError>,
}

impl SessionGroup {
    /// An operator without sessions.
    pub fn new(
        cx: &StateContext,
        input: &[Field],
        spec: &SessionAggregate,
    ) -> Result<Self, SqlError> {
        let keys: Vec<DataType> = spec.keys.iter().map(|&c| input[c].data_type.clone()).collect();
        let plan = Arc::new(AggPlan::new(&[DataType::Int8], input, &spec.aggs, false)?);
        Ok(Self {
            partitions: GroupTable::new(&cx.pool, cx.owner, &keys, 2),
            spans: Spans::new(cx, spec.gap, SPAN_WORDS),
            timers: OrderedSets::new(&cx.pool, cx.owner),
            timers_root: 0,
            groups: Groups::new(&cx.pool, cx.owner, &plan),
            aside: Groups::new(&cx.pool, cx.owner, &plan),
            next_id: 0,
            live: Live::default(),
            refs: Vec::new(),
            found: EntryBuffer::default(),
            made: Vec::new(),
            joined: Vec::new(),
            touching: Vec::new(),
            touched: Vec::new(),
            before: Vec::new(),
            closed: Vec::new(),
            polled: 0,
            polled_before: 0,
            divert: false,
            errors: Vec::new(),
            spec: spec.clone(),
        })
    }

    /// Whether errors of sessions (a sum out of range) are collected instead of ending the epoch;
    /// such a session has no row until its result is in range again.
    pub fn divert_errors(&mut self, divert: bool) {
        self.divert = divert;
    }

    /// The errors collected since the last call.
    pub fn take_errors(&mut self) -> Vec<SqlError> {
        std::mem::take(&mut self.errors)
    }

    /// Number of sessions.
    pub fn n_sessions(&self) -> usize {
        self.groups.table.len()
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.partitions.held_bytes()
            + self.spans.held_bytes()
            + self.timers.held_bytes()
            + self.groups.held_bytes()
            + self.aside.held_bytes()
    }

    #[inline]
    fn state(&self, partition: Addr, word: usize) -> u64 {
        self.partitions.state(partition, word)
    }

    #[inline]
    fn set_state(&mut self, partition: Addr, word: usize, value: u64) {
        self.partitions.set_state(partition, word, value);
    }

    #[inline]
    fn addr_of(&self, span: Addr, word: usize) -> Addr {
        Addr(self.spans.word(span, word) as u32)
    }

    /// Takes in a batch. Rows without a time are in no session.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), SqlError> {
        for_pieces(batch, |piece| {
            self.live.load(piece);
            let keys: Vec<&Column> = self.spec.keys.iter().map(|&c| &piece.columns[c]).collect();
            self.partitions.upsert(&keys, &self.live.rows, &mut self.refs)?;
            let n_touched = self.touched.len();
            self.found.clear();
            self.find_sessions(piece)?;
            self.make_groups()?;
            if !self.spec.on_close {
                self.keep_results(n_touched..self.touched.len());
            }
            for k in 0..self.found.refs.len() {
                let group = self.addr_of(self.found.refs[k], GROUP);
                self.groups.table.heap().prefetch(group);
                self.found.refs[k] = group;
            }
            let mut entries = self.found.entries();
            if entries.len() == self.live.len() {
                entries.weights = self.live.weights();
            }
            self.groups.count_rows(&entries);
            self.groups.update_all(&piece.columns, &entries)?;
            self.join_groups()
        })
    }

    /// Finds the session of each live row with a time.
    fn find_sessions(&mut self, piece: &Batch) -> Result<(), SqlError> {
        let refs = std::mem::take(&mut self.refs);
        let column = &piece.columns[self.spec.time];
        for (k, &partition) in refs.iter().enumerate() {
            let row = self.live.rows[k];
            if let Some(time) = time_of(column, usize::from(row)) {
                let span = match self.find_current(partition, time) {
                    Some(span) => span,
                    None => self.find(partition, time)?,
                };
                self.found.push(row, span, self.live.weight(k));
            }
        }
        self.refs = refs;
        Ok(())
    }

    /// The usual case: a partition with one session, which the row is inside of or lengthens.
    #[inline]
    fn find_current(&mut self, partition: Addr, time: i64) -> Option<Addr> {
        let root = self.state(partition, SPANS);
        let span = OrderedSets::only(root)?;
        if !self.spans.lengthens(span, time) {
            return None;
        }
        self.touch(span, partition);
        self.spans.widen(span, time, time);
        Some(span)
    }

    /// The session that a row of this time belongs to, extended by it.
    #[inline]
    fn find(&mut self, partition: Addr, time: i64) -> Result<Addr, SqlError> {
        let root = self.state(partition, SPANS);
        if let Some(current) = (self.state(partition, CURRENT) as u32).checked_sub(1)
            && self.spans.extends(root, Addr(current), time)
        {
            let span = Addr(current);
            self.touch(span, partition);
            self.spans.widen(span, time, time);
            return Ok(span);
        }
        let span = self.find_among(partition, root, time)?;
        self.set_state(partition, CURRENT, u64::from(span.0) + 1);
        Ok(span)
    }

    fn find_among(&mut self, partition: Addr, mut root: u64, time: i64) -> Result<Addr, SqlError> {
        let mut touching = std::mem::take(&mut self.touching);
        touching.clear();
        self.spans.touching(root, time, &mut touching);
        let found = match touching[..] {
            [] => {
                let span = self.spans.insert(&mut root, time, time);
                self.set_state(partition, SPANS, root);
                self.start_session(span?, partition, time)?
            }
            [span] => {
                self.touch(span, partition);
                self.spans.widen(span, time, time);
                span
            }
            [first, second, ..] => {
                self.touch(first, partition);
                self.touch(second, partition);
                self.join(first, second);
                first
            }
        };
        self.touching = touching;
        Ok(found)
    }

    fn start_session(&mut self, span: Addr, partition: Addr, time: i64) -> Result<Addr, SqlError> {
        self.count_sessions(partition, 1);
        self.spans.set_word(span, PARTITION, u64::from(partition.0));
        self.spans.set_word(span, ID, self.next_id);
        self.next_id += 1;
        self.made.push(span);
        self.touch(span, partition);
        let due = time.saturating_add(self.spec.gap).saturating_add(self.spec.lag);
        self.set_timer(span, due)?;
        Ok(span)
    }

    /// Joins a session to the one before it. The span goes when its group is merged.
    fn join(&mut self, first: Addr, second: Addr) {
        let (start, last) = (self.spans.start(second), self.spans.last(second));
        self.spans.widen(first, start, last);
        let partition = self.addr_of(second, PARTITION);
        let mut root = self.state(partition, SPANS);
        self.spans.take_out(&mut root, second);
        self.set_state(partition, SPANS, root);
        self.clear_timer(second);
        self.joined.push((first, second));
    }

    /// Lists a session that the epoch changes, with what was shown of it.
    #[inline]
    fn touch(&mut self, span: Addr, partition: Addr) {
        if self.spec.on_close || self.spans.word(span, PLACE) != 0 {
            return;
        }
        let shown = self.spans.word(span, SHOWN) != 0;
        let before = shown.then(|| (self.spans.start(span), self.spans.end(span)));
        self.touched.push(Touched { span, partition, before });
        self.spans.set_word(span, PLACE, self.touched.len() as u64);
    }

    fn make_groups(&mut self) -> Result<(), SqlError> {
        let made = std::mem::take(&mut self.made);
        let ids = made.iter().map(|&s| self.spans.word(s, ID).cast_signed()).collect();
        let ids = Column::I64(Fixed::new(ids));
        let rows: Vec<u16> = (0..made.len() as u16).collect();
        self.groups.upsert(&[&ids], &rows, &mut self.refs)?;
        for (&span, &group) in made.iter().zip(&self.refs) {
            self.spans.set_word(span, GROUP, u64::from(group.0));
        }
        self.made = made;
        self.made.clear();
        Ok(())
    }

    /// Keeps the results of newly touched sessions as they were shown.
    fn keep_results(&mut self, touched: Range<usize>) {
        let shown: Vec<Touched> =
            self.touched[touched].iter().filter(|t| t.before.is_some()).copied().collect();
        if shown.is_empty() {
            return;
        }
        let (starts, ends) = shown.iter().filter_map(|t| t.before).unzip();
        let spans: Vec<Addr> = shown.iter().map(|t| t.span).collect();
        let partitions: Vec<Addr> = shown.iter().map(|t| t.partition).collect();
        // An error was no row, so what was shown reads without one.
        let columns = self.columns(&spans, &partitions, (starts, ends), &mut Vec::new());
        self.before.push(columns);
    }

    /// Merges the groups of sessions that were joined, in the order of joining.
    fn join_groups(&mut self) -> Result<(), SqlError> {
        for (first, second) in std::mem::take(&mut self.joined) {
            let (own, other) = (self.addr_of(first, GROUP), self.addr_of(second, GROUP));
            let id = Column::I64(Fixed::new([0].into_iter().collect()));
            self.aside.upsert(&[&id], &[0], &mut self.refs)?;
            let aside = self.refs[0];
            self.aside.merge(&[aside], &self.groups, &[other], 1)?;
            self.groups.merge(&[own], &self.aside, &[aside], 1)?;
            self.aside.remove(aside);
            self.aside.collect_garbage();
            self.groups.remove(other);
            if let Some(place) = (self.spans.word(second, PLACE) as usize).checked_sub(1) {
                self.touched[place].span = Addr(NO_ADDR);
            }
            self.leave(self.addr_of(second, PARTITION));
            self.spans.free(second);
        }
        Ok(())
    }

    /// The output columns of these sessions.
    fn columns(
        &self,
        spans: &[Addr],
        partitions: &[Addr],
        (starts, ends): (Vec<i64>, Vec<i64>),
        errors: &mut Vec<(usize, SqlError)>,
    ) -> Vec<Column> {
        let groups: Vec<Addr> = spans.iter().map(|&s| self.addr_of(s, GROUP)).collect();
        let rows = self.groups.table.rows(&groups);
        let times = |times: &[i64]| Column::I64(Fixed::new(times.iter().copied().collect()));
        let mut column = |column: &PaneColumn| match *column {
            PaneColumn::WindowStart => times(&starts),
            PaneColumn::WindowEnd => times(&ends),
            PaneColumn::Key(key) => self.partitions.gather(key, partitions),
            PaneColumn::Agg(agg) => self.groups.read(agg, &rows, errors),
        };
        self.spec.output.iter().map(&mut column).collect()
    }

    /// The results of these sessions as they are now, and which of them are in error.
    fn results(&mut self, spans: &[Addr]) -> Result<(Vec<Column>, Vec<bool>), SqlError> {
        if self.groups.plan.is_collected() {
            for &span in spans {
                let group = self.addr_of(span, GROUP);
                self.groups.refresh(group)?;
            }
        }
        let partitions: Vec<Addr> = spans.iter().map(|&s| self.addr_of(s, PARTITION)).collect();
        let bounds = spans.iter().map(|&s| (self.spans.start(s), self.spans.end(s))).unzip();
        let mut errors = Vec::new();
        let columns = self.columns(spans, &partitions, bounds, &mut errors);
        let mut fine = vec![true; spans.len()];
        for (k, error) in errors {
            if !self.divert {
                return Err(error);
            }
            if std::mem::replace(&mut fine[k], false) {
                self.errors.push(error);
            }
        }
        Ok((columns, fine))
    }

    /// The next changes of the epoch, or sessions that closed; `None` when there are no more.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        if self.spec.on_close { self.poll_closed() } else { self.poll_changes() }
    }

    fn poll_closed(&mut self) -> Result<Option<Batch>, SqlError> {
        while self.polled < self.closed.len() {
            let end = self.closed.len().min(self.polled + BATCH_ROWS);
            let spans = self.closed[self.polled..end].to_vec();
            self.polled = end;
            let (columns, fine) = self.results(&spans)?;
            spans.iter().for_each(|&span| self.end_session(span));
            let kept = places(&fine);
            if !kept.is_empty() {
                let columns = columns.iter().map(|c| c.take(&kept)).collect();
                return Ok(Some(Batch::new(columns, kept.len())));
            }
        }
        self.groups.collect_garbage();
        self.closed.clear();
        self.polled = 0;
        Ok(None)
    }

    fn poll_changes(&mut self) -> Result<Option<Batch>, SqlError> {
        if self.before.len() > 1 {
            let all = std::mem::take(&mut self.before);
            let column = |i: usize| {
                let parts: Vec<&Column> = all.iter().map(|columns| &columns[i]).collect();
                Column::concat(parts[0].physical(), &parts)
            };
            self.before = vec![(0..self.spec.output.len()).map(column).collect()];
        }
        while self.polled < self.touched.len() {
            let end = self.touched.len().min(self.polled + SESSIONS);
            let piece = self.touched[self.polled..end].to_vec();
            self.polled = end;
            if let Some(batch) = self.changes(&piece)? {
                return Ok(Some(batch));
            }
        }
        self.groups.collect_garbage();
        self.touched.clear();
        self.before.clear();
        (self.polled, self.polled_before) = (0, 0);
        Ok(None)
    }

    /// Old and new rows of these sessions, as far as they differ.
    fn changes(&mut self, piece: &[Touched]) -> Result<Option<Batch>, SqlError> {
        let n_old = piece.iter().filter(|t| t.before.is_some()).count();
        let old: Vec<Column> = match self.before.first() {
            Some(columns) if n_old > 0 => {
                columns.iter().map(|c| c.slice(self.polled_before, n_old)).collect()
            }
            _ => Vec::new(),
        };
        self.polled_before += n_old;
        let spans: Vec<Addr> = piece.iter().map(|t| t.span).filter(|s| s.0 != NO_ADDR).collect();
        let (new, mut fine) = self.results(&spans)?;
        let mut left = vec![true; n_old];
        let (mut i, mut j) = (0, 0);
        for touched in piece {
            let alive = touched.span.0 != NO_ADDR;
            if alive {
                self.spans.set_word(touched.span, PLACE, 0);
                self.spans.set_word(touched.span, SHOWN, u64::from(fine[j]));
            }
            if touched.before.is_some() && alive && fine[j] {
                let same = old.iter().zip(&new).all(|(old, new)| old.same_row(i, new, j));
                left[i] = !same;
                fine[j] = !same;
            }
            i += usize::from(touched.before.is_some());
            j += usize::from(alive);
        }
        let (left, arrived) = (places(&left), places(&fine));
        if left.is_empty() && arrived.is_empty() {
            return Ok(None);
        }
        let mut weights = vec![-1i64; left.len()];
        weights.resize(left.len() + arrived.len(), 1);
        let column = |k: usize| {
            let arrived = new[k].take(&arrived);
            if left.is_empty() {
                return arrived;
            }
            Column::concat(arrived.physical(), &[&old[k].take(&left), &arrived])
        };
        Ok(Some(weighted((0..new.len()).map(column).collect(), &weights)))
    }

    /// Closes the sessions that no row can extend any more.
    pub fn advance(&mut self, watermark: Timestamp) -> Result<(), SqlError> {
        // At the end of time everything is due.
        let is_open = |due: i64| due >= watermark && watermark != Timestamp::MAX;
        while let Some(span) = self.timers.first(self.timers_root) {
            if is_open(self.spans.word(span, DUE).cast_signed()) {
                return Ok(());
            }
            self.clear_timer(span);
            let due = self.spans.end(span).saturating_add(self.spec.lag);
            if is_open(due) {
                self.set_timer(span, due)?;
                continue;
            }
            let partition = self.addr_of(span, PARTITION);
            let mut root = self.state(partition, SPANS);
            self.spans.take_out(&mut root, span);
            self.set_state(partition, SPANS, root);
            self.set_state(partition, CURRENT, 0);
            if self.spec.on_close {
                self.closed.push(span);
            } else {
                self.end_session(span);
            }
        }
        Ok(())
    }

    fn set_timer(&mut self, span: Addr, due: i64) -> Result<(), SqlError> {
        self.spans.set_word(span, DUE, due.cast_unsigned());
        let spans = &self.spans;
        let key = timer_key(spans, span);
        Ok(self
            .timers
            .insert(&mut self.timers_root, span, |other| key.cmp(&timer_key(spans, other)))?)
    }

    fn clear_timer(&mut self, span: Addr) {
        let spans = &self.spans;
        let key = timer_key(spans, span);
        self.timers.remove(&mut self.timers_root, |other| key.cmp(&timer_key(spans, other)));
    }

    /// The weight of a partition is the number of its sessions, closed ones that are not shown yet
    /// included.
    fn count_sessions(&mut self, partition: Addr, by: i64) -> i64 {
        let header = add_weight(self.partitions.heap().word(partition), by);
        self.partitions.heap_mut().set_word(partition, header);
        weight(header)
    }

    /// A session less in a partition, which goes with its last one.
    fn leave(&mut self, partition: Addr) {
        if self.count_sessions(partition, -1) == 0 {
            self.partitions.remove(partition);
        }
    }

    /// Frees a session that is in no set any more.
    fn end_session(&mut self, span: Addr) {
        let (group, partition) = (self.addr_of(span, GROUP), self.addr_of(span, PARTITION));
        self.groups.remove(group);
        self.spans.free(span);
        self.leave(partition);
    }
}

fn timer_key(spans: &Spans, span: Addr) -> (i64, u64) {
    (spans.word(span, DUE).cast_signed(), spans.word(span, ID))
}

/// The indices of the true ones.
fn places(flags: &[bool]) -> Vec<u16> {
    (0..flags.len() as u16).filter(|&k| flags[usize::from(k)]).collect()
}
