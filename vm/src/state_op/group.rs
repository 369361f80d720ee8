//! Grouping by keys.
//!
//! Rows find their group and update its aggregates batch by batch; the end of the epoch shows what
//! changed. A group without rows left vanishes; the one group of a query without keys is always
//! there.
//!
//! Invariant: between epochs what was emitted adds up to the results of the groups there are (those
//! in error excepted).

use std::sync::Arc;

use arena_tr_planner::physical::Aggregate;
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::{StateVisitor, Visit};
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::StateContext;
use super::agg::Groups;
use super::agg::entries::Entries;
use super::agg::epoch::{Always, Epoch, ErrorSink};
use super::agg::plan::AggPlan;
use super::forget::Forgetter;
use super::live::{Live, for_pieces, weighted};

/// Grouping by keys.
#[derive(Debug)]
pub struct Group {
    groups: Groups,
    keys: Vec<usize>,
    live: Live,
    refs: Vec<Addr>,
    epoch: Epoch,
    /// There are no keys: one group, and whether an epoch that showed it has ended.
    global: Option<bool>,
    polling: bool,
    forgetter: Forgetter,
    sink: ErrorSink,
}

impl Group {
    /// An operator without groups.
    pub fn new(cx: &StateContext, input: &[Field], spec: &Aggregate) -> Result<Self, SqlError> {
        let types: Vec<DataType> = spec.keys.iter().map(|&k| input[k].data_type.clone()).collect();
        let plan = AggPlan::new(&types, input, &spec.aggs, spec.retracts)?;
        Ok(Self {
            groups: Groups::new(&cx.pool, cx.owner, &Arc::new(plan)),
            keys: spec.keys.clone(),
            live: Live::default(),
            refs: Vec::new(),
            epoch: Epoch::default(),
            global: spec.keys.is_empty().then_some(false),
            polling: false,
            forgetter: Forgetter::new(spec.forget, &types),
            sink: ErrorSink::default(),
        })
    }

    /// Whether errors of groups (a sum out of range) are collected instead of ending the epoch;
    /// such a group has no row until its result is in range again.
    pub fn divert_errors(&mut self, divert: bool) {
        self.sink.divert(divert);
    }

    /// The errors collected since the last call.
    pub fn take_errors(&mut self) -> Vec<SqlError> {
        self.sink.take()
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
        let live = &self.live;
        Ok(self.epoch.touch(&mut self.groups, &self.refs, |k| live.weight(k))?)
    }

    /// Updates aggregate `agg` by the rows of the batch that was upserted last.
    pub fn update(&mut self, agg: usize, batch: &Batch) -> Result<(), SqlError> {
        let (rows, refs) = (&self.live.rows[..], &self.refs[..]);
        let entries = Entries { rows, refs, weights: self.live.weights() };
        Ok(self.groups.update(agg, &batch.columns, &entries)?)
    }

    /// The next changes of the epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        if self.global == Some(false) && !self.polling {
            // The first epoch: its only group is new, whether or not there were rows.
            self.groups.upsert(&[], &[0], &mut self.refs)?;
            self.epoch.touch(&mut self.groups, &self.refs, |_| 0)?;
            self.polling = true;
        }
        let always = Always { old: self.global == Some(true), new: self.global.is_some() };
        let Some(changed) = self.epoch.next(&mut self.groups, always, &mut self.sink)? else {
            self.global = self.global.map(|_| true);
            return Ok(None);
        };
        let table = &self.groups.table;
        let keys = (0..self.keys.len()).map(|field| table.gather(field, &changed.addrs));
        Ok(Some(weighted(keys.chain(changed.results).collect(), &changed.weights)))
    }

    /// Drops groups that no row can reach any more.
    pub fn forget(&mut self, watermark: Timestamp) {
        let groups = &mut self.groups;
        let Some(gone) = self.forgetter.due(watermark, &groups.table) else { return };
        gone.into_iter().for_each(|group| groups.remove(group));
        self.forgetter.done(groups.table.len());
    }
}

impl Visit for Group {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.epoch = Epoch::default();
            self.polling = false;
            self.sink.clear();
        } else {
            debug_assert!(self.epoch.is_empty(), "the epoch has ended");
        }
        self.groups.visit(visitor)?;
        if let Some(shown) = &mut self.global {
            shown.visit(visitor)?;
        }
        self.forgetter.visit(visitor)
    }
}
