//! A scalar subquery: exactly one row, NULLs if its input has none, an error if it has several.
//!
//! Rows may pass through a state of several within an epoch; only what its end has counts. All rows are
//! kept, because the next epoch may take away all but one.
//! Invariant: between epochs exactly one row is shown.

use arena_tr_planner::physical::SortKey;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Column, ColumnBuilder};
use arena_tr_types::{Field, PhysicalType, SqlError};

use super::StateContext;
use super::agg::read::more_than_one_row;
use super::live::{Live, for_pieces, weighted};
use super::sorted::SortedRows;

/// Exactly one row.
#[derive(Debug)]
pub struct SingleRow {
    rows: SortedRows,
    root: u64,
    physical: Vec<PhysicalType>,
    /// The columns of the row that is shown.
    shown: Option<Vec<Column>>,
    touched: bool,
    live: Live,
}

impl SingleRow {
    /// An operator without input yet.
    pub fn new(cx: &StateContext, input: &[Field]) -> Self {
        Self {
            rows: SortedRows::new(cx, input, &[] as &[SortKey], 0),
            root: 0,
            physical: input.iter().map(|f| f.data_type.physical()).collect(),
            shown: None,
            touched: true,
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
                self.touched = true;
            }
            Ok(())
        })
    }

    /// The change of the epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        if !std::mem::take(&mut self.touched) {
            return Ok(None);
        }
        let new = self.current().inspect_err(|_| self.touched = true)?;
        let Some(old) = self.shown.replace(new.clone()) else {
            return Ok(Some(weighted(new, &[1])));
        };
        if old.iter().zip(&new).all(|(old, new)| old.same_row(0, new, 0)) {
            return Ok(None);
        }
        let both = self.physical.iter().zip(old.iter().zip(&new));
        let columns = both.map(|(&ty, (old, new))| Column::concat(ty, &[old, new])).collect();
        Ok(Some(weighted(columns, &[-1, 1])))
    }

    /// The row to show now.
    fn current(&self) -> Result<Vec<Column>, SqlError> {
        let mut elements = Vec::new();
        self.rows.elements(self.root, &mut elements);
        let rows = &self.rows.rows;
        elements.retain(|&addr| rows.weight(addr) > 0);
        match elements[..] {
            [] => Ok(self.physical.iter().map(|&ty| null(ty)).collect()),
            [addr] if rows.weight(addr) == 1 => Ok(rows.columns(&[addr] as &[Addr]).collect()),
            _ => Err(more_than_one_row()),
        }
    }
}

fn null(ty: PhysicalType) -> Column {
    let mut builder = ColumnBuilder::new(ty, 1);
    builder.push_null();
    builder.finish()
}
