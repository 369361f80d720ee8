//! Closing windows: their panes combined and emitted, once.
//!
//! A window of a single pane is emitted from that pane. Of longer windows the panes are merged; if
//! all aggregates are invertible, one running table moves from window to window, taking in the
//! panes that enter and taking out those that leave, so that a close costs in proportion to what it
//! emits.
//!
//! Invariant: windows close in the order of their ends; a pane is dropped with its last window.

use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::state::row::weight;
use arena_tr_storage::state::{PaneRing, StateVisitor, Visit};
use arena_tr_storage::{OutOfMemory, StorageError};
use arena_tr_types::SqlError;
use arena_tr_types::limits::BATCH_ROWS;

use super::super::agg::Groups;
use super::super::agg::read::GroupErrors;
use super::Core;

/// Windows that close.
#[derive(Debug)]
pub(super) struct Closing {
    /// The first window that was not emitted.
    next: i64,
    current: Option<Current>,
    running: Option<Running>,
}

/// A window on its way out.
#[derive(Debug)]
struct Current {
    window: i64,
    /// Its groups, unless they are those of the running table.
    groups: Option<Groups>,
    /// Where the scan goes on.
    from: Option<usize>,
}

/// The panes from `first`, before `end`, added up.
#[derive(Debug)]
struct Running {
    groups: Groups,
    first: i64,
    end: i64,
}

impl Closing {
    pub(super) fn new(core: &Core, slides: bool) -> Self {
        let running = slides.then(|| Running { groups: core.new_groups(), first: 0, end: 0 });
        Self { next: i64::MIN, current: None, running }
    }

    pub(super) fn held_bytes(&self) -> usize {
        let current = self.current.iter().filter_map(|c| c.groups.as_ref());
        let running = self.running.iter().map(|r| &r.groups);
        current.chain(running).map(Groups::held_bytes).sum()
    }

    /// The next rows of windows that the watermark has closed.
    pub(super) fn poll(
        &mut self,
        core: &mut Core,
        panes: &mut PaneRing<Groups>,
    ) -> Result<Option<Batch>, SqlError> {
        loop {
            if self.current.is_none() && !self.begin(core, panes)? {
                return Ok(None);
            }
            if let Some(batch) = self.emit(core)? {
                return Ok(Some(batch));
            }
            self.finish(core, panes)?;
        }
    }

    /// Makes the next closed window with rows the current one.
    fn begin(&mut self, core: &Core, panes: &mut PaneRing<Groups>) -> Result<bool, SqlError> {
        let Some(earliest) = panes.first() else { return Ok(false) };
        let window = self.next.max(core.geometry.first_window(earliest));
        if !core.is_closed(window) {
            return Ok(false);
        }
        self.next = window + 1;
        let (first, end) = core.geometry.panes(window);
        let groups = if end - first == 1 && core.geometry.last_window(first) <= window {
            panes.take(first)
        } else if let Some(running) = &mut self.running {
            running.slide(core, panes, first, end)?;
            None
        } else {
            Some(merged(core, panes, first, end)?)
        };
        self.current = Some(Current { window, groups, from: Some(0) });
        Ok(true)
    }

    /// The next rows of the current window.
    fn emit(&mut self, core: &mut Core) -> Result<Option<Batch>, SqlError> {
        let Some(current) = &mut self.current else { return Ok(None) };
        let groups = match (&mut current.groups, &mut self.running) {
            (Some(groups), _) => groups,
            (None, Some(running)) => &mut running.groups,
            (None, None) => return Ok(None),
        };
        while let Some(from) = current.from {
            let mut addrs = Vec::with_capacity(BATCH_ROWS);
            current.from = groups.table.scan(from, BATCH_ROWS, &mut addrs);
            if groups.plan.is_collected() {
                addrs.iter().try_for_each(|&group| groups.refresh(group))?;
            }
            let mut errors = GroupErrors::new();
            let mut results: Vec<_> = {
                let rows = groups.table.rows(&addrs);
                (0..groups.plan.slots.len()).map(|s| groups.read(s, &rows, &mut errors)).collect()
            };
            if !errors.is_empty() {
                let mut keep = vec![true; addrs.len()];
                for (k, error) in errors {
                    if std::mem::replace(&mut keep[k], false) {
                        core.sink.raise(error)?;
                    }
                }
                let kept: Vec<u16> =
                    (0..addrs.len() as u16).filter(|&k| keep[usize::from(k)]).collect();
                addrs = kept.iter().map(|&k| addrs[usize::from(k)]).collect();
                results = results.iter().map(|c| c.take(&kept)).collect();
            }
            groups.collect_garbage();
            if !addrs.is_empty() {
                let columns = core.columns(current.window, groups, &addrs, &results);
                return Ok(Some(Batch::new(columns, addrs.len())));
            }
        }
        Ok(None)
    }

    /// Drops the current window, and the panes that are in no later one.
    fn finish(&mut self, core: &Core, panes: &mut PaneRing<Groups>) -> Result<(), SqlError> {
        self.current = None;
        let next = self.next;
        while let Some((position, pane)) = panes.take_first(|p| core.geometry.last_window(p) < next)
        {
            if let Some(running) = &mut self.running
                && (running.first..running.end).contains(&position)
            {
                running.add(&pane, -1)?;
                running.first = position + 1;
            }
        }
        Ok(())
    }
}

impl Visit for Closing {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        // A window that began to go out is out by the end of the epoch.
        if visitor.is_loading() {
            self.current = None;
        } else {
            debug_assert!(self.current.is_none(), "the epoch has ended");
        }
        self.next.visit(visitor)?;
        let Some(running) = &mut self.running else { return Ok(()) };
        running.groups.visit(visitor)?;
        running.first.visit(visitor)?;
        running.end.visit(visitor)
    }
}

impl Running {
    /// Moves to the panes from `first`, before `end`. Panes that left were taken out when they were
    /// dropped.
    fn slide(
        &mut self,
        core: &Core,
        panes: &PaneRing<Groups>,
        first: i64,
        end: i64,
    ) -> Result<(), OutOfMemory> {
        if self.groups.table.is_empty() {
            // Nothing to go on from; a fresh table also forgets the memory of a busier time.
            self.groups = core.new_groups();
            (self.first, self.end) = (first, first);
        }
        for (_, pane) in panes.range(self.end.max(first), end) {
            self.add(pane, 1)?;
        }
        (self.first, self.end) = (first, end);
        Ok(())
    }

    fn add(&mut self, pane: &Groups, sign: i64) -> Result<(), OutOfMemory> {
        merge_into(&mut self.groups, pane, sign, |groups, own| {
            if sign < 0 {
                for &group in own {
                    if weight(groups.table.row(group)[0]) == 0 {
                        groups.remove(group);
                    }
                }
            }
        })
    }
}

/// Adds all groups of a pane, a batch at a time; `after` sees the groups they were added to.
fn merge_into(
    groups: &mut Groups,
    pane: &Groups,
    sign: i64,
    after: impl Fn(&mut Groups, &[Addr]),
) -> Result<(), OutOfMemory> {
    let (mut theirs, mut own, mut from) = (Vec::new(), Vec::new(), Some(0));
    while let Some(position) = from {
        theirs.clear();
        own.clear();
        from = pane.table.scan(position, BATCH_ROWS, &mut theirs);
        for &group in &theirs {
            own.push(groups.table.upsert_row(pane.table.row(group), &pane.table)?);
        }
        groups.merge(&own, pane, &theirs, sign)?;
        after(groups, &own);
    }
    Ok(())
}

/// All panes from `first`, before `end`, added up.
fn merged(
    core: &Core,
    panes: &PaneRing<Groups>,
    first: i64,
    end: i64,
) -> Result<Groups, OutOfMemory> {
    let mut groups = core.new_groups();
    for (_, pane) in panes.range(first, end) {
        merge_into(&mut groups, pane, 1, |_, _| {})?;
    }
    Ok(groups)
}
