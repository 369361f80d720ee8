//! The rows that one aggregate takes from a batch: which row, into which group, with what weight.
//!
//! FILTER and NULL arguments are resolved here once, so that every aggregate's loop is a plain loop
//! over entries.
//! Invariant: `rows`, `refs` and `weights` have equal length; no weight is zero.

use arena_tr_storage::OutOfMemory;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::column::Column;

/// Rows and the groups they go to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entries<'a> {
    /// Row of the batch.
    pub(crate) rows: &'a [u16],
    /// The group's row in the table.
    pub(crate) refs: &'a [Addr],
    /// Weights; `None`: all 1.
    pub(crate) weights: Option<&'a [i64]>,
}

/// [`Entries`] that own their lists.
#[derive(Debug, Default)]
pub(crate) struct EntryBuffer {
    pub(crate) rows: Vec<u16>,
    pub(crate) refs: Vec<Addr>,
    pub(crate) weights: Vec<i64>,
}

impl EntryBuffer {
    /// Empties the lists.
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.refs.clear();
        self.weights.clear();
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, row: u16, group: Addr, weight: i64) {
        self.rows.push(row);
        self.refs.push(group);
        self.weights.push(weight);
    }

    /// The lists.
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries { rows: &self.rows, refs: &self.refs, weights: Some(&self.weights) }
    }
}

impl<'a> Entries<'a> {
    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Weight of entry `k`.
    #[inline]
    pub(crate) fn weight(&self, k: usize) -> i64 {
        self.weights.map_or(1, |w| w[k])
    }

    /// Calls `f(row, group, weight)` for each entry.
    #[inline]
    pub(crate) fn for_each(
        &self,
        mut f: impl FnMut(usize, Addr, i64) -> Result<(), OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        match self.weights {
            None => {
                for (&row, &group) in self.rows.iter().zip(self.refs) {
                    f(usize::from(row), group, 1)?;
                }
            }
            Some(weights) => {
                for ((&row, &group), &weight) in self.rows.iter().zip(self.refs).zip(weights) {
                    f(usize::from(row), group, weight)?;
                }
            }
        }
        Ok(())
    }

    /// The entries whose row has TRUE in `filter` and is not NULL in `arg`, in `buffer` if they are
    /// not all.
    pub(crate) fn select<'b>(
        &self,
        filter: Option<&Column>,
        arg: Option<&Column>,
        buffer: &'b mut EntryBuffer,
    ) -> Entries<'b>
    where
        'a: 'b,
    {
        let arg = arg.and_then(Column::validity);
        let filter = filter.and_then(Column::as_bool);
        if arg.is_none() && filter.is_none() {
            return *self;
        }
        buffer.clear();
        for k in 0..self.len() {
            let row = usize::from(self.rows[k]);
            let counted = arg.is_none_or(|v| v.get(row))
                && filter.is_none_or(|f| f.values[row] != 0 && !f.is_null(row));
            if counted {
                buffer.rows.push(self.rows[k]);
                buffer.refs.push(self.refs[k]);
                if let Some(weights) = self.weights {
                    buffer.weights.push(weights[k]);
                }
            }
        }
        let weights = self.weights.is_some().then_some(&buffer.weights[..]);
        Entries { rows: &buffer.rows, refs: &buffer.refs, weights }
    }
}
