//! Distinct rows: each shown as long as it is there at least once.
//!
//! Rows that are equal under SQL are one; what is shown is the one that came first.
//! Invariant: between epochs the rows shown are the rows of positive weight.

use arena_tr_planner::physical::Forget;
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::row::{DIRTY, add_weight, weight};
use arena_tr_storage::state::{GroupTable, StateVisitor, Visit};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::StateContext;
use super::forget::Forgetter;
use super::live::{Live, for_pieces, weighted};

/// Distinct rows.
#[derive(Debug)]
pub struct Distinct {
    table: GroupTable,
    live: Live,
    refs: Vec<Addr>,
    /// Rows touched in this epoch, and whether they were shown before it.
    dirty: Vec<(Addr, bool)>,
    polled: usize,
    forgetter: Forgetter,
}

impl Distinct {
    /// An operator without rows.
    pub fn new(cx: &StateContext, input: &[Field], forget: Option<Forget>) -> Self {
        let types: Vec<DataType> = input.iter().map(|f| f.data_type.clone()).collect();
        Self {
            table: GroupTable::new(&cx.pool, cx.owner, &types, 0),
            live: Live::default(),
            refs: Vec::new(),
            dirty: Vec::new(),
            polled: 0,
            forgetter: Forgetter::new(forget, &types),
        }
    }

    /// Number of rows kept.
    pub fn n_rows(&self) -> usize {
        self.table.len()
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.table.held_bytes()
    }

    /// Takes in a batch.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), SqlError> {
        for_pieces(batch, |piece| {
            self.live.load(piece);
            let columns: Vec<&Column> = piece.columns.iter().collect();
            let n_before = self.table.len();
            self.table.upsert(&columns, &self.live.rows, &mut self.refs)?;
            self.forgetter.grew(self.table.len() - n_before);
            let heap = self.table.heap_mut();
            for (k, &row) in self.refs.iter().enumerate() {
                let mut header = heap.word(row);
                if header & DIRTY == 0 {
                    self.dirty.push((row, weight(header) > 0));
                    header |= DIRTY;
                }
                heap.set_word(row, add_weight(header, self.live.weight(k)));
            }
            Ok(())
        })
    }

    /// The next changes of the epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        while self.polled < self.dirty.len() {
            let end = self.dirty.len().min(self.polled + BATCH_ROWS);
            let piece = self.polled..end;
            self.polled = end;
            let (mut rows, mut weights) = (Vec::new(), Vec::new());
            for &(row, shown) in &self.dirty[piece.clone()] {
                let is = weight(self.table.heap().word(row)) > 0;
                if is != shown {
                    rows.push(row);
                    weights.push(if is { 1 } else { -1 });
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
        if weight(header) == 0 {
            self.table.remove(row);
        }
    }

    /// Drops rows that no equal row can follow any more.
    pub fn forget(&mut self, watermark: Timestamp) {
        let Some(gone) = self.forgetter.due(watermark, &self.table) else { return };
        gone.into_iter().for_each(|row| self.table.remove(row));
        self.forgetter.done(self.table.len());
    }
}

impl Visit for Distinct {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.dirty.clear();
            self.polled = 0;
        } else {
            debug_assert!(self.dirty.is_empty(), "the epoch has ended");
        }
        self.table.visit(visitor)?;
        self.forgetter.visit(visitor)
    }
}
