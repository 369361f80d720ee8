//! Grouping by keys: the groups that an epoch touched, and what changed about them.
//!
//! Rows find their group and update its aggregates batch by batch. The first touch of a group in an epoch
//! copies its row aside, so that the end of the epoch can show the difference: the old row with weight -1,
//! the new one with weight 1, neither if they are alike. A group without rows left vanishes; the one
//! group of a query without keys is always there.
//!
//! Invariant: between epochs no group is dirty, and what was emitted adds up to the results of the groups
//! there are (those in error excepted).

use std::sync::Arc;

use arena_tr_planner::physical::{Aggregate, Forget};
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::RowSource;
use arena_tr_storage::state::row::{DIRTY, add_weight, weight};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::StateContext;
use super::agg::Groups;
use super::agg::entries::Entries;
use super::agg::plan::AggPlan;
use super::forget::Forgetter;
use super::live::{Live, for_pieces, weighted};

/// Groups shown at a time: an old and a new row of each fill a batch.
const GROUPS: usize = BATCH_ROWS / 2;

/// Grouping by keys.
#[derive(Debug)]
pub struct Group {
    groups: Groups,
    keys: Vec<usize>,
    live: Live,
    refs: Vec<Addr>,
    /// Groups touched in this epoch.
    dirty: Vec<Addr>,
    /// Their rows before it, one behind the other.
    before: Vec<u64>,
    /// How many of the dirty groups were shown by `poll`.
    shown: usize,
    refreshed: bool,
    /// There are no keys: one group, and whether it was shown already.
    global: Option<bool>,
    forgetter: Forgetter,
    divert: bool,
    errors: Vec<SqlError>,
}

/// Rows before the epoch and after it, for one reading.
struct Changes<'a> {
    op: &'a Group,
    /// Position in `dirty`, and whether the row before is meant.
    picked: &'a [(usize, bool)],
}

impl RowSource for Changes<'_> {
    fn n_rows(&self) -> usize {
        self.picked.len()
    }

    #[inline]
    fn row(&self, k: usize) -> &[u64] {
        let (position, before) = self.picked[k];
        let n = self.op.groups.layout().words();
        if before {
            &self.op.before[position * n..(position + 1) * n]
        } else {
            self.op.groups.table.row(self.op.dirty[position])
        }
    }
}

impl Group {
    /// An operator without groups.
    pub fn new(cx: &StateContext, input: &[Field], spec: &Aggregate) -> Result<Self, SqlError> {
        let types: Vec<DataType> = spec.keys.iter().map(|&k| input[k].data_type.clone()).collect();
        let plan = AggPlan::new(&types, input, &spec.aggs, spec.retracts)?;
        let forget = spec.forget.map(|f| Forget { column: f.column, lag: f.lag });
        Ok(Self {
            groups: Groups::new(&cx.pool, cx.owner, &Arc::new(plan)),
            keys: spec.keys.clone(),
            live: Live::default(),
            refs: Vec::new(),
            dirty: Vec::new(),
            before: Vec::new(),
            shown: 0,
            refreshed: false,
            global: spec.keys.is_empty().then_some(false),
            forgetter: Forgetter::new(forget, &types),
            divert: false,
            errors: Vec::new(),
        })
    }

    /// Whether errors of groups (a sum out of range) are collected instead of ending the epoch; such a
    /// group has no row until its result is in range again.
    pub fn divert_errors(&mut self, divert: bool) {
        self.divert = divert;
    }

    /// The errors collected since the last call.
    pub fn take_errors(&mut self) -> Vec<SqlError> {
        std::mem::take(&mut self.errors)
    }

    /// Number of groups.
    pub fn n_groups(&self) -> usize {
        self.groups.table.len()
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.groups.held_bytes()
    }

    /// Takes in a batch: [`Group::upsert`], then [`Group::update`] for every aggregate.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), SqlError> {
        for_pieces(batch, |piece| {
            self.upsert(piece)?;
            (0..self.groups.plan.slots.len()).try_for_each(|agg| self.update(agg, piece))
        })
    }

    /// Finds or makes the group of each live row of a batch (of at most `BATCH_ROWS` rows).
    pub fn upsert(&mut self, batch: &Batch) -> Result<(), SqlError> {
        self.live.load(batch);
        let keys: Vec<&Column> = self.keys.iter().map(|&k| &batch.columns[k]).collect();
        let n_before = self.groups.table.len();
        self.groups.upsert(&keys, &self.live.rows, &mut self.refs)?;
        self.forgetter.grew(self.groups.table.len() - n_before);
        let words = self.groups.layout().words();
        let (known, heap) = (self.dirty.len(), self.groups.table.heap_mut());
        for (k, &group) in self.refs.iter().enumerate() {
            let mut header = heap.word(group);
            if header & DIRTY == 0 {
                self.dirty.push(group);
                self.before.extend_from_slice(heap.words(group, words));
                header |= DIRTY;
            }
            heap.set_word(group, add_weight(header, self.live.weight(k)));
        }
        for &group in &self.dirty[known..] {
            self.groups.detach(group)?;
        }
        Ok(())
    }

    /// Updates aggregate `agg` by the rows of the batch that was upserted last.
    pub fn update(&mut self, agg: usize, batch: &Batch) -> Result<(), SqlError> {
        let (rows, refs) = (&self.live.rows[..], &self.refs[..]);
        let entries = Entries { rows, refs, weights: self.live.weights() };
        Ok(self.groups.update(agg, &batch.columns, &entries)?)
    }

    /// The next changes of the epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        if !self.refreshed {
            self.begin_poll()?;
        }
        while self.shown < self.dirty.len() {
            let piece = self.shown..self.dirty.len().min(self.shown + GROUPS);
            self.shown = piece.end;
            let batch = self.changes(piece.clone())?;
            for position in piece {
                let group = self.dirty[position];
                let heap = self.groups.table.heap_mut();
                let header = heap.word(group) & !DIRTY;
                heap.set_word(group, header);
                if weight(header) == 0 && self.global.is_none() {
                    self.groups.remove(group);
                }
            }
            if batch.is_some() {
                return Ok(batch);
            }
        }
        self.groups.collect_garbage();
        self.dirty.clear();
        self.before.clear();
        self.shown = 0;
        self.refreshed = false;
        Ok(None)
    }

    fn begin_poll(&mut self) -> Result<(), SqlError> {
        if self.global == Some(false) {
            // The first epoch: its only group is new, whether or not there were rows.
            self.groups.upsert(&[], &[0], &mut self.refs)?;
            if self.dirty.is_empty() {
                let group = self.refs[0];
                self.dirty.push(group);
                self.before.extend_from_slice(self.groups.table.row(group));
            }
        }
        if self.groups.plan.is_collected() {
            for i in 0..self.dirty.len() {
                let group = self.dirty[i];
                self.groups.refresh(group)?;
            }
        }
        self.refreshed = true;
        Ok(())
    }

    /// Old and new rows of these dirty groups, as far as they differ.
    fn changes(&mut self, piece: std::ops::Range<usize>) -> Result<Option<Batch>, SqlError> {
        let words = self.groups.layout().words();
        let always = self.global == Some(true);
        let old = piece
            .clone()
            .filter(|&p| always || weight(self.before[p * words]) > 0)
            .map(|p| (p, true));
        let mut picked: Vec<(usize, bool)> = old.collect();
        let n_old = picked.len();
        let new = piece.filter(|&p| {
            self.global.is_some() || weight(self.groups.table.row(self.dirty[p])[0]) > 0
        });
        picked.extend(new.map(|p| (p, false)));
        let mut errors = Vec::new();
        let results: Vec<Column> = {
            let source = Changes { op: self, picked: &picked };
            (0..self.groups.plan.slots.len())
                .map(|slot| self.groups.read(slot, &source, &mut errors))
                .collect()
        };
        self.global = self.global.map(|_| true);
        let mut keep = vec![true; picked.len()];
        for (k, error) in errors {
            if k >= n_old && keep[k] {
                if !self.divert {
                    return Err(error);
                }
                self.errors.push(error);
            }
            keep[k] = false;
        }
        drop_alike(&picked, n_old, &results, &mut keep);
        Ok(self.emit(&picked, n_old, &results, &keep))
    }

    fn emit(
        &self,
        picked: &[(usize, bool)],
        n_old: usize,
        results: &[Column],
        keep: &[bool],
    ) -> Option<Batch> {
        let kept: Vec<u16> = (0..picked.len() as u16).filter(|&k| keep[usize::from(k)]).collect();
        if kept.is_empty() {
            return None;
        }
        let addrs: Vec<Addr> = kept.iter().map(|&k| self.dirty[picked[usize::from(k)].0]).collect();
        let keys = (0..self.keys.len()).map(|field| self.groups.table.gather(field, &addrs));
        let all = kept.len() == picked.len();
        let results = results.iter().map(|c| if all { c.clone() } else { c.take(&kept) });
        let weights: Vec<i64> =
            kept.iter().map(|&k| if usize::from(k) < n_old { -1 } else { 1 }).collect();
        Some(weighted(keys.chain(results).collect(), &weights))
    }

    /// Drops groups that no row can reach any more.
    pub fn forget(&mut self, watermark: Timestamp) {
        let groups = &mut self.groups;
        let Some(gone) = self.forgetter.due(watermark, &groups.table) else { return };
        gone.into_iter().for_each(|group| groups.remove(group));
        self.forgetter.done(groups.table.len());
    }
}

/// Unmarks old and new rows of a group whose results are identical. Both parts ascend by position.
fn drop_alike(picked: &[(usize, bool)], n_old: usize, results: &[Column], keep: &mut [bool]) {
    let mut new = n_old;
    for old in 0..n_old {
        while new < picked.len() && picked[new].0 < picked[old].0 {
            new += 1;
        }
        if new < picked.len()
            && picked[new].0 == picked[old].0
            && keep[old]
            && keep[new]
            && results.iter().all(|c| c.same_row(old, c, new))
        {
            keep[old] = false;
            keep[new] = false;
        }
    }
}
