//! Comparing rows of a delta with rows of chunks: a column at a time, so that the processor
//! overlaps the cache misses of many rows.
//!
//! Two notions: *identical* rows print alike and are the same row of a relation; *equal* keys are
//! equal as SQL says (`1.0` and `1.00` are one key). NULL is identical and equal to NULL here;
//! where NULLs are distinct, rows with NULL are not asked about.
//!
//! Invariant: identical values are equal.

use crate::arena::Addr;
use crate::batch::Batch;
use crate::column::{Bitmap, Column};
use crate::state::cell::{self, Cell};
use crate::state::row::load_fixed;
use crate::table::chunk::{row_of, slot_of};
use crate::table::chunks::ChunkList;

/// What is compared: a column, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    pub(super) column: usize,
    cell: Cell,
    identical: bool,
}

impl Compared {
    /// Values are the same if they are identical.
    pub(super) fn identical(column: usize, cell: Cell) -> Self {
        Self { column, cell, identical: true }
    }

    /// Values are the same if SQL says so.
    pub(super) fn equal(column: usize, cell: Cell) -> Self {
        Self { column, cell, identical: cell.is_exact() || cell == Cell::Bytes }
    }

    #[inline]
    fn same(self, a: &Column, i: usize, b: &Column, j: usize) -> bool {
        if self.identical {
            return a.same_row(i, b, j);
        }
        let (null, other) = (a.is_null(i), b.is_null(j));
        if null || other {
            return null == other;
        }
        match (a, b) {
            (Column::Str(a), Column::Str(b)) => cell::eq_bytes(self.cell, a.get(i), b.get(j)),
            _ => cell::eq_fixed(self.cell, &load_fixed(a, i), &load_fixed(b, j)),
        }
    }
}

/// Whether row `i` of one batch is the same as row `j` of another in all these columns.
#[inline]
pub(super) fn same_rows(what: &[Compared], a: &Batch, i: usize, b: &Batch, j: usize) -> bool {
    what.iter().all(|c| c.same(&a.columns[c.column], i, &b.columns[c.column], j))
}

/// Replaces addresses of rows that differ from the listed row of the batch by [`Addr::NONE`].
pub(super) fn confirm(
    what: &[Compared],
    chunks: &ChunkList,
    (batch, rows): (&Batch, &[u16]),
    found: &mut [Addr],
) {
    let mut stored: Vec<(&Batch, usize)> = Vec::with_capacity(found.len());
    let mut open: Vec<usize> = Vec::with_capacity(found.len());
    for (k, addr) in found.iter().enumerate().filter(|(_, addr)| !addr.is_none()) {
        stored.push(chunks.chunk(slot_of(*addr)).at(row_of(*addr)));
        open.push(k);
    }
    for compared in what {
        let (c, rows) = (compared.column, (rows, &open[..]));
        let column = &batch.columns[c];
        match column {
            Column::I64(a) if a.validity.is_none() => {
                strike(&stored, c, rows, found, |i, other, j| match other {
                    Column::I64(b) => b.values[j] == a.values[i] && is_valid(&b.validity, j),
                    _ => false,
                });
            }
            Column::I32(a) if a.validity.is_none() => {
                strike(&stored, c, rows, found, |i, other, j| match other {
                    Column::I32(b) => b.values[j] == a.values[i] && is_valid(&b.validity, j),
                    _ => false,
                });
            }
            _ => strike(&stored, c, rows, found, |i, other, j| compared.same(column, i, other, j)),
        }
    }
}

/// Strikes out what `same` does not hold for: `open[n]` is the place in `rows` and `found` of the
/// `n`th stored row.
#[inline]
fn strike(
    stored: &[(&Batch, usize)],
    column: usize,
    (rows, open): (&[u16], &[usize]),
    found: &mut [Addr],
    same: impl Fn(usize, &Column, usize) -> bool,
) {
    for (&(other, j), &k) in stored.iter().zip(open) {
        if !same(usize::from(rows[k]), &other.columns[column], j) {
            found[k] = Addr::NONE;
        }
    }
}

#[inline]
fn is_valid(validity: &Option<Bitmap>, row: usize) -> bool {
    validity.as_ref().is_none_or(|bits| bits.get(row))
}
