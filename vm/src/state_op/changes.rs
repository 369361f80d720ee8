//! Rows on their way out: which rows of state an epoch shows, with what weight and number.
//!
//! Operators that keep whole rows list their changes by address and hand them out in batches; rows
//! that left the state stay until the list is done.
//!
//! Invariant: a row that is listed is not freed before `take` has yielded `None`.

use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Column, Fixed};
use arena_tr_types::limits::BATCH_ROWS;

use super::live::weighted;
use super::sorted::Rows;

/// A row shown with `N` numbers behind its columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<const N: usize> {
    pub(crate) addr: Addr,
    pub(crate) weight: i64,
    pub(crate) numbers: [i64; N],
}

/// Changes of an epoch.
#[derive(Debug, Default)]
pub(crate) struct Changes<const N: usize> {
    list: Vec<Shown<N>>,
    next: usize,
    /// Rows to be freed behind the list.
    gone: Vec<Addr>,
}

impl<const N: usize> Changes<N> {
    /// Lists a change.
    pub(crate) fn push(&mut self, addr: Addr, weight: i64, numbers: [i64; N]) {
        if weight != 0 {
            self.list.push(Shown { addr, weight, numbers });
        }
    }

    /// Frees a row when the list is done.
    pub(crate) fn bury(&mut self, addr: Addr) {
        self.gone.push(addr);
    }

    /// Forgets what is listed: the rows belong to a state that is being replaced.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing is listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.gone.is_empty()
    }

    /// The next rows, with the first `n_numbers` numbers behind them. After the last, buried rows
    /// are freed.
    pub(crate) fn take(&mut self, rows: &mut Rows, n_numbers: usize) -> Option<Batch> {
        if self.next == self.list.len() {
            self.list.clear();
            self.next = 0;
            self.gone.drain(..).for_each(|addr| rows.release(addr));
            return None;
        }
        let end = self.list.len().min(self.next + BATCH_ROWS);
        let piece = &self.list[self.next..end];
        self.next = end;
        let addrs: Vec<Addr> = piece.iter().map(|s| s.addr).collect();
        let weights: Vec<i64> = piece.iter().map(|s| s.weight).collect();
        let mut columns: Vec<Column> = rows.columns(&addrs).collect();
        columns.extend((0..n_numbers).map(|n| {
            let numbers = piece.iter().map(|s| s.numbers[n]).collect();
            Column::I64(Fixed::new(numbers))
        }));
        Some(weighted(columns, &weights))
    }
}
