//! Grouping by keys and time windows, in panes.
//!
//! Rows go to the pane of their time, each pane a group table with arenas of its own. With
//! `on_close` a window's panes are combined once, when the watermark has passed its end: rows cost
//! the same whatever the ratio of size to slide. Without it every epoch shows what it changed about
//! the open windows: its rows are first grouped by pane, then each of these groups is merged into
//! the windows it is in.
//!
//! Invariant: no pane or window is kept that the watermark has closed; with `on_close` every row
//! is emitted once and never taken back.

mod close;
mod geometry;
mod window;

use std::sync::Arc;

use arena_tr_planner::physical::{PaneAggregate, PaneColumn};
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::{Addr, Owner, Pool, Tier};
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Buffer, Column, Fixed};
use arena_tr_storage::state::{PaneRing, StateVisitor, Visit};
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::StateContext;
use super::agg::Groups;
use super::agg::entries::Entries;
use super::agg::epoch::ErrorSink;
use super::agg::plan::AggPlan;
use super::live::{Live, for_pieces};
use close::Closing;
use geometry::Geometry;
use window::OpenWindows;

/// More panes than this in a batch are found by sorting instead of one pass each.
const PASSES: usize = 16;

/// Grouping by keys and time windows.
#[derive(Debug)]
pub struct PaneGroup {
    core: Core,
    time: usize,
    /// Panes of rows: of all rows with `on_close`, else of the epoch's rows, unless they go
    /// straight to their windows.
    panes: PaneRing<Groups>,
    mode: Mode,
    live: Live,
    refs: Vec<Addr>,
    seq: u64,
}

#[derive(Debug)]
enum Mode {
    OnClose(Box<Closing>),
    Changes(OpenWindows),
}

/// What all parts of the operator share.
#[derive(Debug)]
pub(crate) struct Core {
    plan: Arc<AggPlan>,
    pool: Pool,
    owner: Owner,
    geometry: Geometry,
    keys: Vec<usize>,
    output: Vec<PaneColumn>,
    lag: i64,
    watermark: Timestamp,
    sink: ErrorSink,
}

impl Core {
    fn new_groups(&self) -> Groups {
        Groups::new(&self.pool, self.owner, &self.plan)
    }

    /// Whether the watermark has closed a window.
    fn is_closed(&self, window: i64) -> bool {
        self.watermark >= self.geometry.bounds(window).1.saturating_add(self.lag)
    }

    /// Output columns for groups of one window.
    fn columns(
        &self,
        window: i64,
        groups: &Groups,
        addrs: &[Addr],
        results: &[Column],
    ) -> Vec<Column> {
        let (start, end) = self.geometry.bounds(window);
        let constant = |t| Column::I64(Fixed::new(Buffer::filled(addrs.len(), t)));
        let column = |c: &PaneColumn| match *c {
            PaneColumn::WindowStart => constant(start),
            PaneColumn::WindowEnd => constant(end),
            PaneColumn::Key(i) => groups.table.gather(i, addrs),
            PaneColumn::Agg(i) => results[i].clone(),
        };
        self.output.iter().map(column).collect()
    }
}

impl PaneGroup {
    /// An operator without panes.
    pub fn new(cx: &StateContext, input: &[Field], spec: &PaneAggregate) -> Result<Self, SqlError> {
        let geometry = Geometry::new(&spec.window)?;
        let types: Vec<DataType> = spec.keys.iter().map(|&k| input[k].data_type.clone()).collect();
        let mut plan = AggPlan::new(&types, input, &spec.aggs, false)?;
        let slides = spec.on_close && geometry.panes_per_window() > 2 && plan.is_invertible();
        if slides {
            plan = AggPlan::new(&types, input, &spec.aggs, true)?;
        }
        let core = Core {
            plan: Arc::new(plan),
            pool: cx.pool.clone(),
            owner: Owner { tier: Tier::Pane, ..cx.owner },
            geometry,
            keys: spec.keys.clone(),
            output: spec.output.clone(),
            lag: spec.lag,
            watermark: Timestamp::MIN,
            sink: ErrorSink::default(),
        };
        let mode = if spec.on_close {
            Mode::OnClose(Box::new(Closing::new(&core, slides)))
        } else {
            Mode::Changes(OpenWindows::default())
        };
        Ok(Self {
            core,
            time: spec.time,
            panes: PaneRing::default(),
            mode,
            live: Live::default(),
            refs: Vec::new(),
            seq: 0,
        })
    }

    /// Whether errors of groups are collected instead of ending the epoch.
    pub fn divert_errors(&mut self, divert: bool) {
        self.core.sink.divert(divert);
    }

    /// The errors collected since the last call.
    pub fn take_errors(&mut self) -> Vec<SqlError> {
        self.core.sink.take()
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        let panes: usize = self.panes.iter().map(|(_, groups)| groups.held_bytes()).sum();
        panes
            + match &self.mode {
                Mode::OnClose(closing) => closing.held_bytes(),
                Mode::Changes(windows) => windows.held_bytes(),
            }
    }

    /// Number of panes and open windows.
    pub fn n_panes(&self) -> usize {
        let windows = if let Mode::Changes(windows) = &self.mode { windows.len() } else { 0 };
        self.panes.len() + windows
    }

    /// Takes in a batch.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), SqlError> {
        for_pieces(batch, |piece| self.route(piece))
    }

    /// Parts the rows of a batch by pane; rows without a time are in no window.
    fn route(&mut self, batch: &Batch) -> Result<(), SqlError> {
        self.live.load(batch);
        let Some(times) = batch.columns[self.time].as_i64() else {
            return Err(SqlError::unsupported("a window over a column that is not a timestamp"));
        };
        let mut rest: Vec<u16> = std::mem::take(&mut self.live.rows);
        if let Some(validity) = &times.validity {
            rest.retain(|&row| validity.get(usize::from(row)));
        }
        let mut of_pane = Vec::with_capacity(rest.len());
        for _ in 0..PASSES {
            let Some(&first) = rest.first() else { break };
            let pane = self.core.geometry.pane_of(times.values[usize::from(first)]);
            let (start, end) = self.core.geometry.pane_times(pane);
            of_pane.clear();
            rest.retain(|&row| {
                let t = times.values[usize::from(row)];
                // The last pane of all has no end that a time could be before.
                let inside = t >= start && (t < end || end == Timestamp::MAX);
                if inside {
                    of_pane.push(row);
                }
                !inside
            });
            self.take(pane, batch, &of_pane)?;
        }
        let by_pane = |&row: &u16| self.core.geometry.pane_of(times.values[usize::from(row)]);
        rest.sort_by_key(by_pane);
        let runs: Vec<(i64, Vec<u16>)> = rest
            .chunk_by(|a, b| by_pane(a) == by_pane(b))
            .map(|run| (by_pane(&run[0]), run.to_vec()))
            .collect();
        runs.into_iter().try_for_each(|(pane, rows)| self.take(pane, batch, &rows))?;
        self.live.rows = rest;
        Ok(())
    }

    /// Takes rows of one pane in.
    fn take(&mut self, pane: i64, batch: &Batch, rows: &[u16]) -> Result<(), SqlError> {
        let core = &self.core;
        let window = core.geometry.first_window(pane);
        if window > core.geometry.last_window(pane) {
            // Between windows that have gaps.
            return Ok(());
        }
        let keys: Vec<&Column> = core.keys.iter().map(|&k| &batch.columns[k]).collect();
        let weights: Option<Vec<i64>> =
            batch.weights.as_ref().map(|w| rows.iter().map(|&row| w[usize::from(row)]).collect());
        let direct = core.geometry.is_disjoint();
        if let Mode::Changes(windows) = &mut self.mode
            && direct
        {
            return windows.take(
                core,
                window,
                batch,
                (&keys, rows),
                weights.as_deref(),
                &mut self.seq,
            );
        }
        let groups = self.panes.get_or_insert(pane, || core.new_groups());
        groups.seq = self.seq;
        groups.upsert(&keys, rows, &mut self.refs)?;
        let entries = Entries { rows, refs: &self.refs, weights: weights.as_deref() };
        groups.count_rows(&entries);
        groups.update_all(&batch.columns, &entries)?;
        // What a pane was is never shown, so what was replaced need not wait for its end.
        groups.collect_garbage();
        self.seq = groups.seq;
        Ok(())
    }

    /// Lets the watermark close windows: with `on_close` their rows come out of `poll`, else they
    /// are dropped.
    pub fn advance(&mut self, watermark: Timestamp) {
        self.core.watermark = self.core.watermark.max(watermark);
        if let Mode::Changes(windows) = &mut self.mode {
            windows.drop_closed(&self.core);
        }
    }

    /// The next rows of closed windows, or the next changes of the epoch; `None` if there are none
    /// now.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        match &mut self.mode {
            Mode::OnClose(closing) => closing.poll(&mut self.core, &mut self.panes),
            Mode::Changes(windows) => {
                while let Some((pane, delta)) = self.panes.take_first(|_| true) {
                    windows.merge(&self.core, pane, &delta)?;
                }
                windows.poll(&mut self.core)
            }
        }
    }
}

impl Visit for PaneGroup {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        let core = &mut self.core;
        core.watermark.visit(visitor)?;
        if visitor.is_loading() {
            core.sink.clear();
        }
        self.panes.visit(|| core.new_groups(), visitor)?;
        match &mut self.mode {
            Mode::OnClose(closing) => closing.visit(visitor)?,
            Mode::Changes(windows) => windows.visit(core, visitor)?,
        }
        self.seq.visit(visitor)
    }
}
