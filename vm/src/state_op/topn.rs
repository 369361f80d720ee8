//! The first rows of each partition: LIMIT, and row_number, rank and dense_rank under a bound.
//!
//! Of an append-only input only rows that are visible or come before a visible one are kept, and a
//! partition remembers the order key of its worst: most rows are refused by one comparison, without
//! being packed. Under retraction all rows are kept. The first change of a partition in an epoch
//! copies the list of its visible rows; the end of the epoch shows the difference to the list it
//! has then. Complete ties are ordered by all columns, or by arrival in a query that runs once.
//!
//! Invariant: what was shown of a partition is the visible part of its ordered set; rows that were
//! shown are not freed before they are taken back.

mod keep;
mod prefix;
mod view;

use std::ops::Range;

use arena_tr_planner::physical::{self, Forget, RankFunc};
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::row::DIRTY;
use arena_tr_storage::state::{GroupTable, StateVisitor, Visit};
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::StateContext;
use super::changes::{Changes, Shown};
use super::forget::Forgetter;
use super::live::{Live, for_pieces};
use super::sorted::SortedRows;

/// Words of a partition: the set of its rows.
const ROOT: usize = 0;
/// The order key of its last row once it is full, else the greatest.
const WORST: usize = 1;
/// rank: rows that are peers of the last one. dense_rank: groups of peers.
const PEERS: usize = 2;
const PARTITION_WORDS: usize = 3;

/// Words of a row: the epoch it arrived in.
const EPOCH: usize = 0;
/// The order key of its first sort column.
const KEY: usize = 1;
const ROW_WORDS: usize = 2;

/// Best rows of each partition.
#[derive(Debug)]
pub struct TopN {
    rows: SortedRows,
    partitions: GroupTable,
    spec: physical::TopN,
    /// Rows (or numbers) that can be visible: limit and offset together.
    cap: i64,
    /// No row may come back, so rows beyond `cap` are refused.
    bounded: bool,
    /// All weights are 1.
    plain: bool,
    epoch: u64,
    live: Live,
    refs: Vec<Addr>,
    keys: Vec<u64>,
    /// Partitions changed in this epoch, and which part of `before` was visible of them.
    dirty: Vec<(Addr, Range<usize>)>,
    before: Vec<Shown<1>>,
    polling: bool,
    changes: Changes<1>,
    forgetter: Forgetter,
}

impl TopN {
    /// An operator without rows.
    pub fn new(cx: &StateContext, input: &[Field], spec: &physical::TopN) -> Self {
        let types: Vec<DataType> =
            spec.partition.iter().map(|&c| input[c].data_type.clone()).collect();
        let place = |rule: Forget| {
            let column = spec.partition.iter().position(|&c| c == rule.column)?;
            Some(Forget { column, ..rule })
        };
        let cap = spec.limit.saturating_add(spec.offset);
        Self {
            rows: SortedRows::in_order(cx, input, &spec.order, ROW_WORDS, spec.by_arrival),
            partitions: GroupTable::new(&cx.pool, cx.owner, &types, PARTITION_WORDS),
            cap: i64::try_from(cap).unwrap_or(i64::MAX),
            bounded: !spec.retracts,
            plain: true,
            epoch: 0,
            live: Live::default(),
            refs: Vec::new(),
            keys: Vec::new(),
            dirty: Vec::new(),
            before: Vec::new(),
            polling: false,
            changes: Changes::default(),
            forgetter: Forgetter::new(spec.forget.and_then(place), &types),
            spec: spec.clone(),
        }
    }

    /// Number of partitions.
    pub fn n_partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.rows.held_bytes() + self.partitions.held_bytes()
    }

    /// Takes in a batch.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), SqlError> {
        if self.cap == 0 {
            return Ok(());
        }
        for_pieces(batch, |piece| {
            self.live.load(piece);
            self.find_partitions(piece)?;
            prefix::of_rows(
                &self.spec.order,
                self.rows.rows.layout.cells(),
                piece,
                &self.live,
                &mut self.keys,
            );
            // Rows of the partition seen last whose key is greater are refused; only looked up when
            // that changes.
            let (mut at, mut worst) = (None, 0);
            for k in 0..self.live.len() {
                let partition = self.refs[k];
                if self.bounded {
                    if at != Some(partition) {
                        (at, worst) = (Some(partition), self.worst(partition));
                    }
                    if self.keys[k] > worst || self.refuses(partition, k, piece) {
                        continue;
                    }
                    at = None;
                }
                self.touch(partition);
                if self.bounded {
                    self.keep(partition, k, piece)?
                } else {
                    self.take(partition, k, piece)?
                }
            }
            Ok(())
        })
    }

    fn find_partitions(&mut self, piece: &Batch) -> Result<(), SqlError> {
        if self.spec.partition.is_empty() && !self.refs.is_empty() && !self.partitions.is_empty() {
            let only = self.refs[0];
            self.refs.resize(self.live.len().max(1), only);
            return Ok(());
        }
        let columns: Vec<&Column> =
            self.spec.partition.iter().map(|&c| &piece.columns[c]).collect();
        let n_before = self.partitions.len();
        self.partitions.upsert(&columns, &self.live.rows, &mut self.refs)?;
        self.forgetter.grew(self.partitions.len() - n_before);
        Ok(())
    }

    #[inline]
    fn state(&self, partition: Addr, word: usize) -> u64 {
        self.partitions.state(partition, word)
    }

    #[inline]
    fn set_state(&mut self, partition: Addr, word: usize, value: u64) {
        self.partitions.set_state(partition, word, value);
    }

    /// Copies the list of visible rows before the first change of the epoch.
    #[inline]
    fn touch(&mut self, partition: Addr) {
        let header = self.partitions.heap().word(partition);
        if header & DIRTY != 0 {
            return;
        }
        self.partitions.heap_mut().set_word(partition, header | DIRTY);
        let start = self.before.len();
        let root = self.state(partition, ROOT);
        let mut before = std::mem::take(&mut self.before);
        self.visible(root, &mut before);
        self.before = before;
        self.dirty.push((partition, start..self.before.len()));
    }

    /// A row that left its set: freed now if it was never shown.
    fn discard(&mut self, addr: Addr) {
        if self.rows.rows.word(addr, EPOCH) == self.epoch {
            self.rows.rows.release(addr);
        } else {
            self.changes.bury(addr);
        }
    }

    /// Packs a new element of the current epoch.
    fn pack(&mut self, k: usize, batch: &Batch) -> Result<Addr, SqlError> {
        let (i, weight) = (usize::from(self.live.rows[k]), self.live.weight(k));
        let addr = self.rows.rows.pack(&batch.columns, i, weight)?;
        self.rows.rows.set_word(addr, EPOCH, self.epoch);
        self.rows.rows.set_word(addr, KEY, self.keys[k]);
        self.plain &= weight == 1;
        Ok(addr)
    }

    /// Adds a row to a set: a new element, or weight of an identical one.
    fn add(&mut self, root: &mut u64, k: usize, batch: &Batch) -> Result<(), SqlError> {
        let i = usize::from(self.live.rows[k]);
        let Some(addr) = self.rows.find(*root, &batch.columns, i) else {
            let addr = self.pack(k, batch)?;
            return Ok(self.rows.insert(root, addr)?);
        };
        let weight = self.live.weight(k);
        let after = self.rows.rows.weight(addr) + weight;
        self.plain &= after == 1;
        if after == 0 {
            self.rows.remove(root, addr);
            self.discard(addr);
            // Its weight stays: it is what was shown.
            return Ok(());
        }
        self.rows.rows.add_weight(addr, weight);
        Ok(())
    }

    /// Takes in a row of an input that retracts.
    fn take(&mut self, partition: Addr, k: usize, batch: &Batch) -> Result<(), SqlError> {
        let mut root = self.state(partition, ROOT);
        let done = self.add(&mut root, k, batch);
        self.set_state(partition, ROOT, root);
        done
    }

    /// The next changes of the epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        if !self.polling {
            self.compare();
            self.polling = true;
        }
        let batch = self.changes.take(&mut self.rows.rows, usize::from(self.spec.number));
        if batch.is_none() {
            self.polling = false;
            self.epoch += 1;
        }
        Ok(batch)
    }

    /// Lists what changed in the partitions touched.
    fn compare(&mut self) {
        let (mut now, mut arrived) = (Vec::new(), Vec::new());
        let before = std::mem::take(&mut self.before);
        for (partition, old) in std::mem::take(&mut self.dirty) {
            let header = self.partitions.heap().word(partition) & !DIRTY;
            self.partitions.heap_mut().set_word(partition, header);
            let root = self.state(partition, ROOT);
            now.clear();
            self.visible(root, &mut now);
            self.difference(&before[old], &now, &mut arrived);
            if root == 0 && !self.spec.partition.is_empty() {
                self.partitions.remove(partition);
            }
        }
        arrived.drain(..).for_each(|s: Shown<1>| self.changes.push(s.addr, s.weight, s.numbers));
    }

    /// Drops partitions that no row can reach any more.
    pub fn forget(&mut self, watermark: Timestamp) {
        let Some(gone) = self.forgetter.due(watermark, &self.partitions) else { return };
        for partition in gone {
            let mut root = self.state(partition, ROOT);
            self.rows.free(&mut root);
            self.partitions.remove(partition);
        }
        self.forgetter.done(self.partitions.len());
    }

    fn function(&self) -> RankFunc {
        self.spec.function
    }
}

impl Visit for TopN {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            // Where there is but one partition, the first of them is remembered here.
            self.refs.clear();
            self.dirty.clear();
            self.before.clear();
            self.polling = false;
            self.changes.clear();
        } else {
            debug_assert!(self.dirty.is_empty() && self.changes.is_empty(), "the epoch has ended");
        }
        self.rows.visit(visitor)?;
        self.partitions.visit(visitor)?;
        self.plain.visit(visitor)?;
        self.epoch.visit(visitor)?;
        self.forgetter.visit(visitor)
    }
}
