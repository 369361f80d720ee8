//! Open windows that are shown with every change.
//!
//! Invariant: a window is listed as dirty exactly while its epoch has touched groups.

use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::{PaneRing, StateVisitor, Visit};
use arena_tr_storage::{OutOfMemory, StorageError};
use arena_tr_types::SqlError;
use arena_tr_types::limits::BATCH_ROWS;

use super::super::agg::Groups;
use super::super::agg::entries::Entries;
use super::super::agg::epoch::{Always, Epoch};
use super::super::live::weighted;
use super::Core;

/// Windows by number.
#[derive(Debug, Default)]
pub(super) struct OpenWindows {
    windows: PaneRing<Window>,
    /// Windows touched in this epoch.
    dirty: Vec<i64>,
    sorted: bool,
    shown: usize,
    refs: Vec<Addr>,
}

#[derive(Debug)]
struct Window {
    groups: Groups,
    epoch: Epoch,
}

/// Key columns and rows of a batch.
type KeyedRows<'a> = (&'a [&'a Column], &'a [u16]);

impl Window {
    fn new(core: &Core) -> Self {
        Self { groups: core.new_groups(), epoch: Epoch::default() }
    }
}

impl Visit for Window {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        debug_assert!(self.epoch.is_empty(), "the epoch has ended");
        self.groups.visit(visitor)
    }
}

impl OpenWindows {
    /// Shows a visitor the windows.
    pub(super) fn visit(
        &mut self,
        core: &Core,
        visitor: &mut dyn StateVisitor,
    ) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.dirty.clear();
            self.shown = 0;
            self.sorted = false;
        }
        self.windows.visit(|| Window::new(core), visitor)
    }

    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.windows.iter().map(|(_, w)| w.groups.held_bytes()).sum()
    }

    /// A window, made if need be and listed as dirty.
    fn touch<'a>(
        windows: &'a mut PaneRing<Window>,
        dirty: &mut Vec<i64>,
        core: &Core,
        number: i64,
    ) -> &'a mut Window {
        let window = windows.get_or_insert(number, || Window::new(core));
        if window.epoch.is_empty() {
            dirty.push(number);
        }
        window
    }

    /// Takes rows of one window in.
    pub(super) fn take(
        &mut self,
        core: &Core,
        number: i64,
        batch: &Batch,
        (keys, rows): KeyedRows<'_>,
        weights: Option<&[i64]>,
        seq: &mut u64,
    ) -> Result<(), SqlError> {
        let window = Self::touch(&mut self.windows, &mut self.dirty, core, number);
        window.groups.seq = *seq;
        window.groups.upsert(keys, rows, &mut self.refs)?;
        let weight = |k: usize| weights.map_or(1, |w| w[k]);
        window.epoch.touch(&mut window.groups, &self.refs, weight)?;
        let entries = Entries { rows, refs: &self.refs, weights };
        window.groups.update_all(&batch.columns, &entries)?;
        *seq = window.groups.seq;
        Ok(())
    }

    /// Adds the epoch's groups of a pane to all windows that the pane is in.
    pub(super) fn merge(
        &mut self,
        core: &Core,
        pane: i64,
        delta: &Groups,
    ) -> Result<(), OutOfMemory> {
        let mut theirs = Vec::new();
        delta.table.scan(0, usize::MAX, &mut theirs);
        for number in core.geometry.first_window(pane)..=core.geometry.last_window(pane) {
            let window = Self::touch(&mut self.windows, &mut self.dirty, core, number);
            for theirs in theirs.chunks(BATCH_ROWS) {
                self.refs.clear();
                for &group in theirs {
                    let row = delta.table.row(group);
                    self.refs.push(window.groups.table.upsert_row(row, &delta.table)?);
                }
                window.epoch.touch(&mut window.groups, &self.refs, |_| 0)?;
                window.groups.merge(&self.refs, delta, theirs, 1)?;
            }
        }
        Ok(())
    }

    /// The next changes of the epoch; `None` ends it.
    pub(super) fn poll(&mut self, core: &mut Core) -> Result<Option<Batch>, SqlError> {
        if !self.sorted {
            self.dirty.sort_unstable();
            self.sorted = true;
        }
        while let Some(&number) = self.dirty.get(self.shown) {
            let Some(window) = self.windows.get_mut(number) else {
                self.shown += 1;
                continue;
            };
            let groups = &mut window.groups;
            match window.epoch.next(groups, Always::NEVER, &mut core.sink)? {
                None => self.shown += 1,
                Some(changed) => {
                    let columns = core.columns(number, groups, &changed.addrs, &changed.results);
                    return Ok(Some(weighted(columns, &changed.weights)));
                }
            }
        }
        self.dirty.clear();
        self.shown = 0;
        self.sorted = false;
        Ok(None)
    }

    /// Drops the windows that the watermark has closed.
    pub(super) fn drop_closed(&mut self, core: &Core) {
        while self.windows.take_first(|number| core.is_closed(number)).is_some() {}
    }
}
