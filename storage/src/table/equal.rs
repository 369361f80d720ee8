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
use crate::column::{Buffer, Column, Pod, StrColumn, View};
use crate::state::cell::{self, Cell};
use crate::state::row::load_fixed;
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

/// Rows to compare: those of a batch, and for each the row of a chunk that may be the same.
struct Pairs<'a> {
    stored: Vec<(&'a Batch, usize)>,
    /// The batch's row of each, and its place in the caller's list.
    own: Vec<(u16, usize)>,
}

/// Replaces addresses of rows that differ from the listed row of the batch by [`Addr::NONE`].
pub(super) fn confirm(
    what: &[Compared],
    chunks: &ChunkList,
    (batch, rows): (&Batch, &[u16]),
    found: &mut [Addr],
) {
    let n = found.len();
    let mut pairs = Pairs { stored: Vec::with_capacity(n), own: Vec::with_capacity(n) };
    for (k, addr) in found.iter().enumerate().filter(|(_, addr)| !addr.is_none()) {
        pairs.stored.push(chunks.row(*addr));
        pairs.own.push((rows[k], k));
    }
    for compared in what {
        let c = compared.column;
        let column = &batch.columns[c];
        macro_rules! fixed {
            ($variant:ident, $own:ident) => {
                pairs.strike_fixed(
                    c,
                    &$own.values,
                    |other| match other {
                        Column::$variant(other) if other.validity.is_none() => Some(&other.values),
                        _ => None,
                    },
                    found,
                )
            };
        }
        let done = match column {
            Column::I64(own) if own.validity.is_none() => fixed!(I64, own),
            Column::I32(own) if own.validity.is_none() => fixed!(I32, own),
            Column::I16(own) if own.validity.is_none() => fixed!(I16, own),
            Column::I128(own) if own.validity.is_none() && compared.identical => fixed!(I128, own),
            Column::Str(own) if own.validity.is_none() && compared.identical => {
                pairs.strike_strings(c, own, found)
            }
            _ => false,
        };
        if !done {
            pairs.strike(c, |i, other, j| compared.same(column, i, other, j), found);
        }
    }
}

impl<'a> Pairs<'a> {
    /// Strikes out what `same` does not hold for.
    fn strike(
        &self,
        column: usize,
        same: impl Fn(usize, &Column, usize) -> bool,
        found: &mut [Addr],
    ) {
        for (&(other, j), &(i, k)) in self.stored.iter().zip(&self.own) {
            if !same(usize::from(i), &other.columns[column], j) {
                found[k] = Addr::NONE;
            }
        }
    }

    /// Where the stored values of a column lie; `None` if `values` is for some chunk.
    // PERF: finding out where a value lies takes a chain of loads that are mostly cached; the
    // values are not. In a loop of their own their misses overlap: half the time.
    #[inline]
    fn places<T: Pod>(
        &self,
        column: usize,
        values: impl Fn(&'a Column) -> Option<&'a Buffer<T>>,
    ) -> Option<Vec<&'a T>> {
        let place = |&(other, j): &(&'a Batch, usize)| Some(&values(&other.columns[column])?[j]);
        let mut places = Vec::with_capacity(self.stored.len());
        for stored in &self.stored {
            places.push(place(stored)?);
        }
        Some(places)
    }

    /// Strikes out rows whose value is another, if that can be seen at once.
    fn strike_fixed<T: Pod>(
        &self,
        column: usize,
        own: &[T],
        values: impl Fn(&'a Column) -> Option<&'a Buffer<T>>,
        found: &mut [Addr],
    ) -> bool {
        let Some(places) = self.places(column, values) else { return false };
        for (&value, &(i, k)) in places.iter().zip(&self.own) {
            if *value != own[usize::from(i)] {
                found[k] = Addr::NONE;
            }
        }
        true
    }

    fn strike_strings(&self, column: usize, own: &StrColumn, found: &mut [Addr]) -> bool {
        let views = |other: &'a Column| match other {
            Column::Str(other) if other.validity.is_none() => Some(&other.views),
            _ => None,
        };
        let Some(places) = self.places(column, views) else { return false };
        let views: &[View] = &own.views;
        for (n, (&&view, &(i, k))) in places.iter().zip(&self.own).enumerate() {
            let i = usize::from(i);
            let same = if views[i].is_inline() {
                view == views[i]
            } else {
                let (other, j) = self.stored[n];
                other.columns[column].as_str().is_some_and(|other| own.row_eq(i, other, j))
            };
            if !same {
                found[k] = Addr::NONE;
            }
        }
        true
    }
}
