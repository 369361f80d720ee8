//! What an epoch changes about groups: their rows before, and the difference at the end.
//!
//! The first touch of a group copies its row aside. The end of the epoch reads old and new results
//! by the same code and yields the old row with weight -1 and the new one with weight 1, neither if
//! they are alike. A group is shown while it has rows, or always.
//!
//! Invariant: a group is dirty exactly while it is listed here.

use std::ops::Range;

use arena_tr_storage::OutOfMemory;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::RowSource;
use arena_tr_storage::state::row::{DIRTY, add_weight, weight};
use arena_tr_types::SqlError;
use arena_tr_types::limits::BATCH_ROWS;

use super::Groups;

/// Groups shown at a time: an old and a new row of each fill a batch.
const GROUPS: usize = BATCH_ROWS / 2;

/// Errors of groups: ending the epoch, or collected.
#[derive(Debug, Default)]
pub(crate) struct ErrorSink {
    divert: bool,
    errors: Vec<SqlError>,
}

impl ErrorSink {
    /// Whether errors are collected from now on.
    pub(crate) fn divert(&mut self, divert: bool) {
        self.divert = divert;
    }

    /// Forgets what was collected.
    pub(crate) fn clear(&mut self) {
        self.errors.clear();
    }

    /// What was collected.
    pub(crate) fn take(&mut self) -> Vec<SqlError> {
        std::mem::take(&mut self.errors)
    }

    /// An error of a group: collected, or the end.
    pub(crate) fn raise(&mut self, error: SqlError) -> Result<(), SqlError> {
        if !self.divert {
            return Err(error);
        }
        self.errors.push(error);
        Ok(())
    }
}

/// Groups touched in an epoch.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    dirty: Vec<Addr>,
    /// Their rows before, one behind the other.
    before: Vec<u64>,
    /// How many were shown.
    shown: usize,
    refreshed: bool,
    /// Groups without rows that were just shown: they are removed once their keys were read.
    gone: Vec<Addr>,
}

/// When groups are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Always {
    /// The row before, whatever its weight.
    pub(crate) old: bool,
    /// The row now, whatever its weight.
    pub(crate) new: bool,
}

impl Always {
    /// Groups are shown while they have rows.
    pub(crate) const NEVER: Self = Self { old: false, new: false };
}

/// Changed rows: of which groups, with which results and weights.
#[derive(Debug)]
pub(crate) struct ChangedRows {
    pub(crate) addrs: Vec<Addr>,
    pub(crate) results: Vec<Column>,
    pub(crate) weights: Vec<i64>,
}

/// Rows before the epoch and after it, for one reading.
struct Sides<'a> {
    epoch: &'a Epoch,
    groups: &'a Groups,
    /// Position in `dirty`, and whether the row before is meant.
    picked: &'a [(usize, bool)],
}

impl RowSource for Sides<'_> {
    fn n_rows(&self) -> usize {
        self.picked.len()
    }

    #[inline]
    fn row(&self, k: usize) -> &[u64] {
        let (position, before) = self.picked[k];
        if before {
            self.epoch.row_before(position, self.groups)
        } else {
            self.groups.table.row(self.epoch.dirty[position])
        }
    }
}

impl Epoch {
    /// Whether no group was touched.
    pub(crate) fn is_empty(&self) -> bool {
        self.dirty.is_empty()
    }

    fn row_before(&self, position: usize, groups: &Groups) -> &[u64] {
        let n = groups.layout().words();
        &self.before[position * n..(position + 1) * n]
    }

    /// Touches groups and adds to their weights.
    #[inline]
    pub(crate) fn touch(
        &mut self,
        groups: &mut Groups,
        refs: &[Addr],
        weight: impl Fn(usize) -> i64,
    ) -> Result<(), OutOfMemory> {
        let words = groups.layout().words();
        let (known, heap) = (self.dirty.len(), groups.table.heap_mut());
        for (k, &group) in refs.iter().enumerate() {
            let mut header = heap.word(group);
            if header & DIRTY == 0 {
                self.dirty.push(group);
                self.before.extend_from_slice(heap.words(group, words));
                header |= DIRTY;
            }
            heap.set_word(group, add_weight(header, weight(k)));
        }
        for &group in &self.dirty[known..] {
            groups.detach(group)?;
        }
        Ok(())
    }

    /// The next changes; `None` ends the epoch. Groups without rows are removed unless always
    /// shown; `removed` counts them.
    pub(crate) fn next(
        &mut self,
        groups: &mut Groups,
        always: Always,
        sink: &mut ErrorSink,
    ) -> Result<Option<ChangedRows>, SqlError> {
        if !self.refreshed {
            self.refreshed = true;
            if groups.plan.is_collected() {
                self.dirty.iter().try_for_each(|&group| groups.refresh(group))?;
            }
        }
        self.gone.drain(..).for_each(|group| groups.remove(group));
        while self.shown < self.dirty.len() {
            let piece = self.shown..self.dirty.len().min(self.shown + GROUPS);
            let changed = self.piece(piece.clone(), groups, always, sink)?;
            self.shown = piece.end;
            for &group in &self.dirty[piece] {
                let header = groups.table.heap().word(group) & !DIRTY;
                groups.table.heap_mut().set_word(group, header);
                if weight(header) == 0 && !always.new {
                    self.gone.push(group);
                }
            }
            if !changed.addrs.is_empty() {
                return Ok(Some(changed));
            }
        }
        self.gone.drain(..).for_each(|group| groups.remove(group));
        groups.collect_garbage();
        *self = Self {
            dirty: std::mem::take(&mut self.dirty),
            before: std::mem::take(&mut self.before),
            ..Self::default()
        };
        self.dirty.clear();
        self.before.clear();
        Ok(None)
    }

    /// Old and new rows of these dirty groups, as far as they differ.
    fn piece(
        &self,
        piece: Range<usize>,
        groups: &Groups,
        always: Always,
        sink: &mut ErrorSink,
    ) -> Result<ChangedRows, SqlError> {
        let old = |&p: &usize| always.old || weight(self.row_before(p, groups)[0]) > 0;
        let new = |&p: &usize| always.new || weight(groups.table.row(self.dirty[p])[0]) > 0;
        let mut picked: Vec<(usize, bool)> = piece.clone().filter(old).map(|p| (p, true)).collect();
        let n_old = picked.len();
        picked.extend(piece.filter(new).map(|p| (p, false)));
        let mut errors = Vec::new();
        let source = Sides { epoch: self, groups, picked: &picked };
        let results: Vec<Column> = (0..groups.plan.slots.len())
            .map(|slot| groups.read(slot, &source, &mut errors))
            .collect();
        let mut keep = vec![true; picked.len()];
        for (k, error) in errors {
            if k >= n_old && keep[k] {
                sink.raise(error)?;
            }
            keep[k] = false;
        }
        drop_alike(&picked, n_old, &results, &mut keep);
        Ok(self.pick(&picked, n_old, results, &keep))
    }

    fn pick(
        &self,
        picked: &[(usize, bool)],
        n_old: usize,
        results: Vec<Column>,
        keep: &[bool],
    ) -> ChangedRows {
        let kept: Vec<u16> = (0..picked.len() as u16).filter(|&k| keep[usize::from(k)]).collect();
        let results = if kept.len() == picked.len() {
            results
        } else {
            results.iter().map(|c| c.take(&kept)).collect()
        };
        ChangedRows {
            addrs: kept.iter().map(|&k| self.dirty[picked[usize::from(k)].0]).collect(),
            results,
            weights: kept.iter().map(|&k| if usize::from(k) < n_old { -1 } else { 1 }).collect(),
        }
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
