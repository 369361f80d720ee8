//! Aggregates over frames.
//!
//! One group takes the rows of the frame. When the frame moves on, rows that enter are added and
//! rows that leave are taken back, so a frame that slides costs a row in and a row out; only an
//! aggregate that cannot undo in order (array_agg, string_agg) starts over when the frame's start
//! moves.
//!
//! Invariant: the group holds exactly the rows of the frame last evaluated.

use std::ops::Range;
use std::sync::Arc;

use arena_tr_planner::physical::{Agg, FrameBound, WindowFunc};
use arena_tr_storage::arena::Addr;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::StateVisitor;
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{AggFunc, Field, SqlError};

use super::sheet::Sheet;
use crate::bytecode::OverCall;
use crate::state_op::StateContext;
use crate::state_op::agg::Groups;
use crate::state_op::agg::entries::Entries;
use crate::state_op::agg::plan::AggPlan;
use crate::state_op::sorted::Rows;

/// One aggregate call.
#[derive(Debug)]
pub(super) struct Aggregator {
    groups: Groups,
    /// The input columns that the call sees, in the order in which its plan names them.
    columns: Vec<usize>,
    /// Rows may be taken back.
    undoes: bool,
    refs: Vec<Addr>,
}

/// A frame that moves.
struct Window<'a> {
    aggregator: &'a mut Aggregator,
    columns: &'a [Column],
    held: Range<usize>,
    group: Option<Addr>,
}

impl Aggregator {
    /// The evaluation of a call, if it is an aggregate.
    pub(super) fn new(
        cx: &StateContext,
        input: &[Field],
        call: &OverCall,
    ) -> Result<Option<Self>, SqlError> {
        let WindowFunc::Agg(func) = call.func else { return Ok(None) };
        let columns: Vec<usize> = call.args.iter().copied().chain(call.filter).collect();
        let fields: Vec<Field> = columns.iter().map(|&c| input[c].clone()).collect();
        let moves = call.frame.start != FrameBound::UnboundedPreceding;
        let undoes = moves && !matches!(func, AggFunc::ArrayAgg | AggFunc::StringAgg);
        let agg = Agg {
            func,
            args: (0..call.args.len()).collect(),
            distinct: false,
            filter: call.filter.map(|_| call.args.len()),
            order: Vec::new(),
            ty: call.ty.clone(),
        };
        let plan = Arc::new(AggPlan::new(&[], &fields, &[agg], undoes)?);
        let groups = Groups::new(&cx.pool, cx.owner, &plan);
        Ok(Some(Self { groups, columns, undoes, refs: Vec::new() }))
    }

    /// Nothing is kept between evaluations.
    pub(super) fn visit_scratch(&mut self, visitor: &dyn StateVisitor) {
        self.groups.visit_scratch(visitor);
    }

    /// The results for these frames.
    pub(super) fn evaluate(
        &mut self,
        sheet: &Sheet,
        rows: &Rows,
        frames: &[Range<usize>],
        report: &mut dyn FnMut(usize, SqlError),
    ) -> Result<Column, SqlError> {
        let columns: Vec<Column> =
            self.columns.iter().map(|&c| rows.gather(c, &sheet.addrs)).collect();
        let physical = self.groups.plan.slots[0].ty.physical();
        let mut results: Vec<Column> = Vec::new();
        let mut picked: Vec<u32> = Vec::with_capacity(frames.len());
        let mut window = Window { aggregator: self, columns: &columns, held: 0..0, group: None };
        let mut failed: Option<SqlError> = None;
        for (i, frame) in frames.iter().enumerate() {
            let same = i > 0
                && (frames[i - 1] == *frame || (frame.is_empty() && frames[i - 1].is_empty()));
            if !same {
                window.move_to(frame.clone())?;
                let (result, error) = window.read()?;
                results.push(result);
                failed = error;
            }
            if let Some(error) = &failed {
                report(i, error.clone());
            }
            picked.push(results.len() as u32 - 1);
        }
        window.clear();
        let parts: Vec<&Column> = results.iter().collect();
        Ok(Column::concat(physical, &parts).take(&picked))
    }
}

impl Window<'_> {
    /// Makes the group hold the rows of a frame.
    fn move_to(&mut self, frame: Range<usize>) -> Result<(), SqlError> {
        let held = self.held.clone();
        let ahead = frame.start >= held.start && frame.end >= held.end;
        let extends = ahead && frame.start == held.start;
        let slides = ahead && self.aggregator.undoes && frame.start < held.end;
        if self.group.is_none() || held.is_empty() || !(extends || slides) {
            self.clear();
            self.take(frame.clone(), None)?;
        } else {
            self.take(held.end..frame.end, None)?;
            self.take(held.start..frame.start, Some(&[-1; BATCH_ROWS]))?;
        }
        self.held = frame;
        Ok(())
    }

    /// Adds rows, or takes them back.
    fn take(
        &mut self,
        rows: Range<usize>,
        weights: Option<&[i64; BATCH_ROWS]>,
    ) -> Result<(), SqlError> {
        let Aggregator { groups, refs, .. } = &mut *self.aggregator;
        groups.upsert(&[], &[0], refs)?;
        let group = refs[0];
        self.group = Some(group);
        for start in rows.clone().step_by(BATCH_ROWS) {
            let n = BATCH_ROWS.min(rows.end - start);
            let columns: Vec<Column> = self.columns.iter().map(|c| c.slice(start, n)).collect();
            let rows: Vec<u16> = (0..n as u16).collect();
            let refs = vec![group; n];
            let entries = Entries { rows: &rows, refs: &refs, weights: weights.map(|w| &w[..n]) };
            groups.count_rows(&entries);
            groups.update_all(&columns, &entries)?;
        }
        Ok(())
    }

    /// The result for the rows held.
    fn read(&mut self) -> Result<(Column, Option<SqlError>), SqlError> {
        let Some(group) = self.group else {
            return Err(SqlError::unsupported("an aggregate without its group"));
        };
        let groups = &mut self.aggregator.groups;
        if groups.plan.is_collected() {
            groups.refresh(group)?;
        }
        let mut errors = Vec::new();
        let result = groups.read(0, &groups.table.rows(&[group]), &mut errors);
        groups.collect_garbage();
        Ok((result, errors.into_iter().next().map(|(_, error)| error)))
    }

    fn clear(&mut self) {
        if let Some(group) = self.group.take() {
            self.aggregator.groups.remove(group);
            self.aggregator.groups.collect_garbage();
        }
        self.held = 0..0;
    }
}
