//! INTERSECT and EXCEPT, with and without ALL: rows counted on both sides.
//!
//! Rows that are equal under SQL are one; what is shown is the one that came first.
//! Invariant: between epochs every row is shown as often as the counts of its sides say.

use arena_tr_planner::physical;
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::row::DIRTY;
use arena_tr_storage::state::{GroupTable, StateVisitor, Visit};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, Field, SqlError};

use super::live::{Live, for_pieces, weighted};
use super::{Side, StateContext};

/// INTERSECT or EXCEPT.
#[derive(Debug)]
pub struct SetOp {
    /// Rows with two words of state: how often the left side has it, and the right.
    table: GroupTable,
    op: physical::SetOp,
    all: bool,
    live: Live,
    refs: Vec<Addr>,
    /// Rows touched in this epoch, and how often they were shown before it.
    dirty: Vec<(Addr, i64)>,
    polled: usize,
}

impl SetOp {
    /// An operator without rows; `input` is the fields of either side.
    pub fn new(cx: &StateContext, input: &[Field], op: physical::SetOp, all: bool) -> Self {
        let types: Vec<DataType> = input.iter().map(|f| f.data_type.clone()).collect();
        Self {
            table: GroupTable::new(&cx.pool, cx.owner, &types, 2),
            op,
            all,
            live: Live::default(),
            refs: Vec::new(),
            dirty: Vec::new(),
            polled: 0,
        }
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.table.held_bytes()
    }

    fn counts(&self, row: Addr) -> (i64, i64) {
        let state = self.table.layout().state();
        let words = &self.table.row(row)[state..];
        (words[0].cast_signed(), words[1].cast_signed())
    }

    /// How often a row is shown.
    fn multiplicity(&self, row: Addr) -> i64 {
        let (left, right) = self.counts(row);
        let (left, right) = (left.max(0), right.max(0));
        match (self.op, self.all) {
            (physical::SetOp::Intersect, true) => left.min(right),
            (physical::SetOp::Intersect, false) => i64::from(left > 0 && right > 0),
            (physical::SetOp::Except, true) => (left - right).max(0),
            (physical::SetOp::Except, false) => i64::from(left > 0 && right == 0),
        }
    }

    /// Takes in a batch of one side.
    pub fn apply(&mut self, side: Side, batch: &Batch) -> Result<(), SqlError> {
        for_pieces(batch, |piece| {
            self.live.load(piece);
            let columns: Vec<&Column> = piece.columns.iter().collect();
            self.table.upsert(&columns, &self.live.rows, &mut self.refs)?;
            let word = self.table.layout().state() + usize::from(side == Side::Right);
            for k in 0..self.live.len() {
                let row = self.refs[k];
                let header = self.table.heap().word(row);
                if header & DIRTY == 0 {
                    self.dirty.push((row, self.multiplicity(row)));
                    self.table.heap_mut().set_word(row, header | DIRTY);
                }
                let count = &mut self.table.row_mut(row)[word];
                *count = count.wrapping_add(self.live.weight(k).cast_unsigned());
            }
            Ok(())
        })
    }

    /// The next changes of the epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        while self.polled < self.dirty.len() {
            let piece = self.polled..self.dirty.len().min(self.polled + BATCH_ROWS);
            self.polled = piece.end;
            let (mut rows, mut weights) = (Vec::new(), Vec::new());
            for &(row, before) in &self.dirty[piece.clone()] {
                let change = self.multiplicity(row) - before;
                if change != 0 {
                    rows.push(row);
                    weights.push(change);
                }
            }
            let fields = 0..self.table.layout().n_fields();
            let columns: Vec<Column> = fields.map(|f| self.table.gather(f, &rows)).collect();
            for position in piece {
                self.settle(self.dirty[position].0);
            }
            if !rows.is_empty() {
                return Ok(Some(weighted(columns, &weights)));
            }
        }
        self.dirty.clear();
        self.polled = 0;
        Ok(None)
    }

    fn settle(&mut self, row: Addr) {
        let header = self.table.heap().word(row) & !DIRTY;
        self.table.heap_mut().set_word(row, header);
        if self.counts(row) == (0, 0) {
            self.table.remove(row);
        }
    }
}

impl Visit for SetOp {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.dirty.clear();
            self.polled = 0;
        } else {
            debug_assert!(self.dirty.is_empty(), "the epoch has ended");
        }
        self.table.visit(visitor)
    }
}
