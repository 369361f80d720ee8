//! Several partitions laid out for evaluation: their rows in order, and which of them are peers.
//!
//! Invariant: groups of peers are numbered through; no group crosses partitions.

use std::ops::{ControlFlow, Range};

use arena_tr_storage::arena::Addr;

use crate::state_op::sorted::{Rows, SortedRows};

/// Rows of several partitions.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// The rows; a row of weight n stands n times.
    pub(super) addrs: Vec<Addr>,
    starts: Vec<usize>,
    /// The group of peers of each row.
    pub(super) group: Vec<usize>,
    /// Where each group starts, and where the last ends.
    pub(super) group_starts: Vec<usize>,
}

impl Sheet {
    /// Appends the rows of a set as a partition.
    pub(super) fn add_partition(&mut self, rows: &SortedRows, root: u64) {
        self.starts.push(self.addrs.len());
        rows.sets.for_each(root, |addr| {
            let copies = usize::try_from(rows.rows.weight(addr)).unwrap_or(0);
            self.addrs.extend(std::iter::repeat_n(addr, copies));
            ControlFlow::Continue(())
        });
    }

    /// The rows of partition number `k`.
    pub(super) fn partition(&self, k: usize) -> Range<usize> {
        self.starts[k]..self.starts.get(k + 1).copied().unwrap_or(self.addrs.len())
    }

    /// The partitions.
    pub(super) fn partitions(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        (0..self.starts.len()).map(|k| self.partition(k))
    }

    /// Numbers the groups of peers.
    pub(super) fn find_peers(&mut self, rows: &Rows) {
        let ranges: Vec<Range<usize>> = self.partitions().collect();
        for range in ranges {
            for i in range.clone() {
                let (a, b) = (self.addrs[i.saturating_sub(1)], self.addrs[i]);
                if i == range.start || (a != b && rows.cmp_keys(a, b).is_ne()) {
                    self.group_starts.push(i);
                }
                self.group.push(self.group_starts.len() - 1);
            }
        }
        self.group_starts.push(self.addrs.len());
    }

    /// The peers of a row, itself included.
    pub(super) fn peers(&self, i: usize) -> Range<usize> {
        let group = self.group[i];
        self.group_starts[group]..self.group_starts[group + 1]
    }
}
