//! Window functions: results beside each row, from the other rows of its partition.
//!
//! All rows are kept in order. The first change of a partition in an epoch evaluates it as it was,
//! the end of the epoch evaluates it as it is, and the difference is shown; nothing but the rows is
//! remembered. Several partitions are evaluated in one go ([`sheet`]), so many small ones cost no
//! more than a large one. A row of weight n is n rows.
//!
//! Invariant: what was shown of a partition is what evaluating its rows gives, rows in error
//! excepted.

mod aggregate;
mod frame;
mod navigate;
mod range;
mod sheet;

use std::cmp::Ordering;
use std::ops::Range;

use arena_tr_planner::physical::{Forget, WindowFunc};
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Buffer, Column};
use arena_tr_storage::state::row::DIRTY;
use arena_tr_storage::state::{GroupTable, StateVisitor, Visit};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::StateContext;
use super::forget::Forgetter;
use super::live::{Live, for_pieces};
use super::sorted::SortedRows;
use crate::bytecode::OverSpec;
use aggregate::Aggregator;
use sheet::Sheet;

/// Rows evaluated in one go, unless a single partition has more.
const SHEET_ROWS: usize = 16 * BATCH_ROWS;

/// What evaluating partitions gave.
#[derive(Debug, Default)]
struct Results {
    /// The row of each result.
    addrs: Vec<Addr>,
    /// The results of each call.
    columns: Vec<Column>,
    /// Rows in error.
    failed: Vec<bool>,
}

/// A partition changed in this epoch, and where its results before the epoch are.
#[derive(Debug, Clone)]
struct Touched {
    partition: Addr,
    before: Range<usize>,
}

/// Results that leave and results that arrive, by position.
#[derive(Debug, Default)]
struct Pending {
    leaving: Vec<u32>,
    arriving: Vec<u32>,
    now: Results,
    taken: usize,
}

/// Window functions over partitions.
#[derive(Debug)]
pub struct Over {
    spec: OverSpec,
    rows: SortedRows,
    /// Partitions with one word of state: the set of their rows.
    partitions: GroupTable,
    aggregators: Vec<Option<Aggregator>>,
    live: Live,
    refs: Vec<Addr>,
    touched: Vec<Touched>,
    /// Results before the epoch, piece by piece; put together when the epoch ends.
    pieces: Vec<Results>,
    n_before: usize,
    /// Rows taken out in this epoch, freed at its end.
    gone: Vec<Addr>,
    polled: usize,
    pending: Pending,
    forgetter: Forgetter,
    divert: bool,
    errors: Vec<SqlError>,
}

impl Over {
    /// An operator without rows.
    pub fn new(cx: &StateContext, input: &[Field], spec: &OverSpec) -> Result<Self, SqlError> {
        let types: Vec<DataType> =
            spec.partition.iter().map(|&c| input[c].data_type.clone()).collect();
        let place = |rule: Forget| {
            let column = spec.partition.iter().position(|&c| c == rule.column)?;
            Some(Forget { column, ..rule })
        };
        let aggregator = |call| Aggregator::new(cx, input, call);
        Ok(Self {
            rows: SortedRows::in_order(cx, input, &spec.order, 0, spec.by_arrival),
            partitions: GroupTable::new(&cx.pool, cx.owner, &types, 1),
            aggregators: spec.calls.iter().map(aggregator).collect::<Result<_, _>>()?,
            live: Live::default(),
            refs: Vec::new(),
            touched: Vec::new(),
            pieces: Vec::new(),
            n_before: 0,
            gone: Vec::new(),
            polled: 0,
            pending: Pending::default(),
            forgetter: Forgetter::new(spec.forget.and_then(place), &types),
            divert: false,
            errors: Vec::new(),
            spec: spec.clone(),
        })
    }

    /// Whether errors of rows (a sum out of range) are collected instead of ending the epoch; such
    /// a row is not shown until its results are in range again.
    pub fn divert_errors(&mut self, divert: bool) {
        self.divert = divert;
    }

    /// The errors collected since the last call.
    pub fn take_errors(&mut self) -> Vec<SqlError> {
        std::mem::take(&mut self.errors)
    }

    /// Number of partitions.
    pub fn n_partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.rows.held_bytes() + self.partitions.held_bytes()
    }

    fn root(&self, partition: Addr) -> u64 {
        self.partitions.heap().word(partition.offset(self.partitions.layout().state()))
    }

    fn set_root(&mut self, partition: Addr, root: u64) {
        let at = partition.offset(self.partitions.layout().state());
        self.partitions.heap_mut().set_word(at, root);
    }

    /// Takes in a batch.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), SqlError> {
        for_pieces(batch, |piece| {
            self.live.load(piece);
            let keys: Vec<&Column> =
                self.spec.partition.iter().map(|&c| &piece.columns[c]).collect();
            let n_before = self.partitions.len();
            self.partitions.upsert(&keys, &self.live.rows, &mut self.refs)?;
            self.forgetter.grew(self.partitions.len() - n_before);
            self.touch()?;
            for k in 0..self.live.len() {
                let (i, weight) = (usize::from(self.live.rows[k]), self.live.weight(k));
                let partition = self.refs[k];
                let mut root = self.root(partition);
                let added = self.rows.add(&mut root, &piece.columns, i, weight);
                self.set_root(partition, root);
                let added = added?;
                if added.after == 0 {
                    self.gone.push(added.addr);
                }
            }
            Ok(())
        })
    }

    /// Evaluates the partitions of the batch that the epoch has not touched before, as they still
    /// are.
    fn touch(&mut self) -> Result<(), SqlError> {
        let mut fresh = Vec::new();
        for &partition in &self.refs {
            let header = self.partitions.heap().word(partition);
            if header & DIRTY == 0 {
                self.partitions.heap_mut().set_word(partition, header | DIRTY);
                fresh.push(partition);
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let sheet = self.sheet(&fresh);
        for (k, &partition) in fresh.iter().enumerate() {
            let range = sheet.partition(k);
            let before = self.n_before + range.start..self.n_before + range.end;
            self.touched.push(Touched { partition, before });
        }
        if !sheet.addrs.is_empty() {
            self.n_before += sheet.addrs.len();
            // Errors were reported when these rows came; they were not shown.
            let results = self.evaluate(sheet, &mut Vec::new())?;
            self.pieces.push(results);
        }
        Ok(())
    }

    /// The rows of these partitions.
    fn sheet(&self, partitions: &[Addr]) -> Sheet {
        let mut sheet = Sheet::default();
        partitions.iter().for_each(|&p| sheet.add_partition(&self.rows, self.root(p)));
        sheet
    }

    /// The results of all calls; errors go to `errors` and their rows are marked.
    fn evaluate(
        &mut self,
        mut sheet: Sheet,
        errors: &mut Vec<SqlError>,
    ) -> Result<Results, SqlError> {
        sheet.find_peers(&self.rows.rows);
        let mut failed = vec![false; sheet.addrs.len()];
        let mut report = |row: usize, error: SqlError| {
            if !std::mem::replace(&mut failed[row], true) {
                errors.push(error);
            }
        };
        let mut columns = Vec::with_capacity(self.spec.calls.len());
        for (call, aggregator) in self.spec.calls.iter().zip(&mut self.aggregators) {
            let rows = &self.rows.rows;
            let frames = match navigate::needs_frame(call.func) {
                true => frame::frames(&sheet, rows, &self.spec.order, &call.frame)?,
                false => Vec::new(),
            };
            columns.push(match (call.func, aggregator) {
                (WindowFunc::Agg(_), Some(aggregator)) => {
                    aggregator.evaluate(&sheet, rows, &frames, &mut report)?
                }
                _ => navigate::evaluate(call, &sheet, rows, &frames, &mut report),
            });
        }
        Ok(Results { addrs: sheet.addrs, columns, failed })
    }

    /// The next changes of the epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        self.join_pieces();
        loop {
            if let Some(batch) = self.take_pending() {
                return Ok(Some(batch));
            }
            if self.polled == self.touched.len() {
                break;
            }
            self.compare()?;
        }
        self.gone.drain(..).for_each(|addr| self.rows.rows.release(addr));
        self.touched.clear();
        self.pieces.clear();
        self.pending = Pending::default();
        (self.polled, self.n_before) = (0, 0);
        Ok(None)
    }

    /// Makes one list of the results before the epoch.
    fn join_pieces(&mut self) {
        if self.pieces.len() < 2 {
            return;
        }
        let pieces = std::mem::take(&mut self.pieces);
        let column = |i: usize| {
            let parts: Vec<&Column> = pieces.iter().map(|p| &p.columns[i]).collect();
            Column::concat(parts[0].physical(), &parts)
        };
        self.pieces = vec![Results {
            columns: (0..self.spec.calls.len()).map(column).collect(),
            addrs: pieces.iter().flat_map(|p| p.addrs.iter().copied()).collect(),
            failed: pieces.iter().flat_map(|p| p.failed.iter().copied()).collect(),
        }];
    }

    /// Evaluates the next touched partitions and lists what changed.
    fn compare(&mut self) -> Result<(), SqlError> {
        let from = self.polled;
        let mut sheet = Sheet::default();
        while self.polled < self.touched.len() && sheet.addrs.len() < SHEET_ROWS {
            sheet.add_partition(&self.rows, self.root(self.touched[self.polled].partition));
            self.polled += 1;
        }
        let ranges: Vec<Range<usize>> =
            (0..self.polled - from).map(|k| sheet.partition(k)).collect();
        let mut errors = Vec::new();
        let now = self.evaluate(sheet, &mut errors)?;
        if self.divert {
            self.errors.append(&mut errors);
        } else if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        self.pending = Pending { now, ..Pending::default() };
        for (k, range) in ranges.into_iter().enumerate() {
            let Touched { partition, before } = self.touched[from + k].clone();
            self.difference(before, range);
            let header = self.partitions.heap().word(partition) & !DIRTY;
            self.partitions.heap_mut().set_word(partition, header);
            if self.root(partition) == 0 {
                self.partitions.remove(partition);
            }
        }
        Ok(())
    }

    /// Lists how the results of a partition differ. Both lists are in the order of the rows.
    fn difference(&mut self, before: Range<usize>, now: Range<usize>) {
        let nothing = Results::default();
        let old = self.pieces.first().unwrap_or(&nothing);
        let Pending { leaving, arriving, now: new, .. } = &mut self.pending;
        let (mut i, mut j) = (before.start, now.start);
        while i < before.end || j < now.end {
            let order = match (i < before.end, j < now.end) {
                (true, true) => self.rows.rows.cmp_rows(old.addrs[i], new.addrs[j]),
                (true, false) => Ordering::Less,
                _ => Ordering::Greater,
            };
            // The copies of a row have its address, and stand together.
            let i_end = if order.is_le() { old.run(i, before.end) } else { i };
            let j_end = if order.is_ge() { new.run(j, now.end) } else { j };
            let (left, right) = (old.sorted(i..i_end), new.sorted(j..j_end));
            merge(old, &left, new, &right, leaving, arriving);
            (i, j) = (i_end, j_end);
        }
    }

    /// The next batch of what is listed: first what leaves.
    fn take_pending(&mut self) -> Option<Batch> {
        let Pending { leaving, arriving, now, taken } = &mut self.pending;
        let (list, results, weight, from) = if *taken < leaving.len() {
            (&*leaving, self.pieces.first()?, -1, *taken)
        } else {
            (&*arriving, &*now, 1, *taken - leaving.len())
        };
        let piece = &list[from..list.len().min(from + BATCH_ROWS)];
        if piece.is_empty() {
            return None;
        }
        *taken += piece.len();
        let addrs: Vec<Addr> = piece.iter().map(|&k| results.addrs[k as usize]).collect();
        let mut columns: Vec<Column> = self.rows.rows.columns(&addrs).collect();
        columns.extend(results.columns.iter().map(|c| c.take(piece)));
        let weights = (weight < 0).then(|| Buffer::filled(piece.len(), weight));
        Some(Batch::new(columns, piece.len()).with_weights(weights))
    }

    /// Drops partitions that no row can reach any more.
    pub fn forget(&mut self, watermark: Timestamp) {
        let Some(gone) = self.forgetter.due(watermark, &self.partitions) else { return };
        for partition in gone {
            let mut root = self.root(partition);
            self.rows.free(&mut root);
            self.partitions.remove(partition);
        }
        self.forgetter.done(self.partitions.len());
    }
}

impl Visit for Over {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.touched.clear();
            self.pieces.clear();
            self.gone.clear();
            self.pending = Pending::default();
            (self.polled, self.n_before) = (0, 0);
            self.errors.clear();
        } else {
            debug_assert!(self.touched.is_empty() && self.gone.is_empty(), "the epoch has ended");
        }
        self.rows.visit(visitor)?;
        self.partitions.visit(visitor)?;
        self.aggregators.iter_mut().flatten().for_each(|a| a.visit_scratch(visitor));
        self.forgetter.visit(visitor)
    }
}

impl Results {
    /// Behind the last copy of the row at `from`.
    fn run(&self, from: usize, end: usize) -> usize {
        let copies = self.addrs[from..end].iter().take_while(|&&a| a == self.addrs[from]);
        from + copies.count()
    }

    /// The copies of a row that are not in error, by their results.
    fn sorted(&self, copies: Range<usize>) -> Vec<u32> {
        let fine = copies.filter(|&k| !self.failed[k]);
        let mut sorted: Vec<u32> = fine.map(|k| k as u32).collect();
        if sorted.len() > 1 {
            sorted.sort_by(|&a, &b| self.cmp(a, self, b));
        }
        sorted
    }

    fn cmp(&self, a: u32, other: &Self, b: u32) -> Ordering {
        let pairs = self.columns.iter().zip(&other.columns);
        pairs.fold(Ordering::Equal, |order, (x, y)| {
            order.then_with(|| x.cmp_identity(a as usize, y, b as usize))
        })
    }
}

/// Lists what the copies of one row had as results and have no more, and the reverse.
fn merge(
    old: &Results,
    left: &[u32],
    new: &Results,
    right: &[u32],
    leaving: &mut Vec<u32>,
    arriving: &mut Vec<u32>,
) {
    let (mut i, mut j) = (0, 0);
    while i < left.len() || j < right.len() {
        let order = match (left.get(i), right.get(j)) {
            (Some(&a), Some(&b)) => old.cmp(a, new, b),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        if order.is_lt() {
            leaving.push(left[i]);
        } else if order.is_gt() {
            arriving.push(right[j]);
        }
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
    }
}
