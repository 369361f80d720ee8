//! Rows held back until the watermark reaches their time, then shown once.
//!
//! What arrives and is taken back before that never shows. Rows whose time is NULL wait for the end
//! of time.
//! Invariant: every row shown has a time at or below the watermark, and no row is shown twice.

use std::ops::ControlFlow;

use arena_tr_planner::physical::SortKey;
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::state::{StateVisitor, Visit};
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::StateContext;
use super::changes::Changes;
use super::live::{Live, for_pieces};
use super::sorted::SortedRows;

const DAY: i64 = 86_400_000_000;

/// Rows held until the watermark reaches their time.
#[derive(Debug)]
pub struct Hold {
    rows: SortedRows,
    root: u64,
    column: usize,
    /// Microseconds per unit of the column.
    unit: i64,
    changes: Changes<0>,
    live: Live,
}

impl Hold {
    /// An operator that holds nothing; `column` is the time.
    pub fn new(cx: &StateContext, input: &[Field], column: usize) -> Self {
        let order = [SortKey { column, desc: false, nulls_first: false }];
        let unit = if input[column].data_type == DataType::Date { DAY } else { 1 };
        Self {
            rows: SortedRows::new(cx, input, &order, 0),
            root: 0,
            column,
            unit,
            changes: Changes::default(),
            live: Live::default(),
        }
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.rows.held_bytes()
    }

    /// Takes in a batch.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), SqlError> {
        for_pieces(batch, |piece| {
            self.live.load(piece);
            for k in 0..self.live.len() {
                let i = usize::from(self.live.rows[k]);
                let weight = self.live.weight(k);
                let added = self.rows.add(&mut self.root, &piece.columns, i, weight)?;
                if added.after == 0 {
                    self.rows.rows.release(added.addr);
                }
            }
            Ok(())
        })
    }

    /// Lets go of the rows that the watermark has reached; `poll` yields them.
    pub fn advance(&mut self, watermark: Timestamp) {
        let mut due: Vec<Addr> = Vec::new();
        self.rows.sets.for_each(self.root, |addr| {
            if !self.is_due(addr, watermark) {
                return ControlFlow::Break(());
            }
            due.push(addr);
            ControlFlow::Continue(())
        });
        for addr in due {
            self.rows.remove(&mut self.root, addr);
            // A retraction without its row is a mistake above; it is not passed on.
            self.changes.push(addr, self.rows.rows.weight(addr).max(0), []);
            self.changes.bury(addr);
        }
    }

    fn is_due(&self, addr: Addr, watermark: Timestamp) -> bool {
        let rows = &self.rows.rows;
        let row = rows.row(addr);
        if rows.layout.is_null(row, self.column) {
            return watermark == Timestamp::MAX;
        }
        let time = rows.layout.cell(row, self.column)[0].cast_signed();
        time.saturating_mul(self.unit) <= watermark
    }

    /// The next rows let go; `None` when there are no more.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        Ok(self.changes.take(&mut self.rows.rows, 0))
    }
}

impl Visit for Hold {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.changes.clear();
        } else {
            debug_assert!(self.changes.is_empty(), "the epoch has ended");
        }
        self.rows.visit(visitor)?;
        self.root.visit(visitor)
    }
}
