//! Append-only partitions: which rows need not be kept.
//!
//! Invariant: a partition holds the rows whose number is at most `cap`, and no others (a last row
//! of several copies stays as long as its first copy is visible).

use std::cmp::Ordering;
use std::ops::ControlFlow;

use arena_tr_planner::physical::RankFunc;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::state::row::{add_weight, weight};
use arena_tr_types::SqlError;

use super::{KEY, PEERS, ROOT, TopN, WORST};

impl TopN {
    /// The greatest order key that may be visible.
    #[inline]
    pub(super) fn worst(&self, partition: Addr) -> u64 {
        // A new partition has 0 here, and no rows.
        let worst = self.state(partition, WORST);
        if worst == 0 && self.state(partition, ROOT) == 0 { u64::MAX } else { worst }
    }

    /// Whether live row `k` can never be visible.
    #[inline]
    pub(super) fn refuses(&self, partition: Addr, k: usize, batch: &Batch) -> bool {
        let worst = self.state(partition, WORST);
        let key = self.keys[k];
        // A new partition has 0 here, and no rows.
        if key < worst || self.state(partition, ROOT) == 0 {
            return false;
        }
        if key > worst {
            return true;
        }
        if !self.is_full(partition) {
            return false;
        }
        let i = usize::from(self.live.rows[k]);
        let Some(last) = self.rows.sets.last(self.state(partition, ROOT)) else { return false };
        match self.function() {
            // A peer that arrives comes behind the last.
            RankFunc::RowNumber if self.spec.by_arrival => {
                self.rows.rows.cmp_batch_keys(&batch.columns, i, last).is_ge()
            }
            RankFunc::RowNumber => self.rows.rows.cmp_batch(&batch.columns, i, last).is_ge(),
            _ => self.rows.rows.cmp_batch_keys(&batch.columns, i, last).is_gt(),
        }
    }

    fn is_full(&self, partition: Addr) -> bool {
        let n = match self.function() {
            RankFunc::DenseRank => self.state(partition, PEERS).cast_signed(),
            _ => self.total(partition),
        };
        n >= self.cap
    }

    /// Rows of a partition, copies counted.
    fn total(&self, partition: Addr) -> i64 {
        weight(self.partitions.heap().word(partition))
    }

    fn add_total(&mut self, partition: Addr, by: i64) {
        let header = self.partitions.heap().word(partition);
        self.partitions.heap_mut().set_word(partition, add_weight(header, by));
    }

    /// Takes in a row that is not refused, and lets go of those that it pushes out.
    pub(super) fn keep(
        &mut self,
        partition: Addr,
        k: usize,
        batch: &Batch,
    ) -> Result<(), SqlError> {
        let mut root = self.state(partition, ROOT);
        let done = match self.function() {
            RankFunc::RowNumber => self.keep_rows(partition, &mut root, k, batch),
            RankFunc::Rank => self.keep_ranks(partition, &mut root, k, batch),
            RankFunc::DenseRank => self.keep_groups(partition, &mut root, k, batch),
        };
        self.set_state(partition, ROOT, root);
        done?;
        let full = self.is_full(partition);
        let worst = match self.rows.sets.last(root) {
            Some(last) if full => self.rows.rows.word(last, KEY),
            _ => u64::MAX,
        };
        self.set_state(partition, WORST, worst);
        Ok(())
    }

    fn keep_rows(
        &mut self,
        partition: Addr,
        root: &mut u64,
        k: usize,
        batch: &Batch,
    ) -> Result<(), SqlError> {
        // A full partition takes only rows before its last, so that one may go first.
        if self.live.weight(k) == 1 && self.is_full(partition) {
            self.drop_invisible(partition, root, 1);
        }
        self.add(root, k, batch)?;
        self.add_total(partition, self.live.weight(k));
        self.drop_invisible(partition, root, 0);
        Ok(())
    }

    /// Lets go of last rows that have enough others before them, `arriving` more included.
    fn drop_invisible(&mut self, partition: Addr, root: &mut u64, arriving: i64) {
        if self.total(partition) + arriving <= self.cap {
            return;
        }
        while let Some(last) = self.rows.sets.last(*root) {
            let copies = self.rows.rows.weight(last);
            if self.total(partition) + arriving - copies < self.cap {
                return;
            }
            self.add_total(partition, -copies);
            self.rows.remove(root, last);
            self.discard(last);
        }
    }

    fn keep_ranks(
        &mut self,
        partition: Addr,
        root: &mut u64,
        k: usize,
        batch: &Batch,
    ) -> Result<(), SqlError> {
        let (i, copies) = (usize::from(self.live.rows[k]), self.live.weight(k));
        let last = self.rows.sets.last(*root);
        let order = last.map_or(Ordering::Greater, |last| {
            self.rows.rows.cmp_batch_keys(&batch.columns, i, last)
        });
        let mut peers = match order {
            Ordering::Greater => copies,
            Ordering::Equal => self.state(partition, PEERS).cast_signed() + copies,
            Ordering::Less => self.state(partition, PEERS).cast_signed(),
        };
        self.add(root, k, batch)?;
        self.add_total(partition, copies);
        while self.total(partition) - peers >= self.cap {
            self.add_total(partition, -peers);
            self.drop_last_peers(root);
            peers = self.last_peers(*root);
        }
        self.set_state(partition, PEERS, peers.cast_unsigned());
        Ok(())
    }

    fn keep_groups(
        &mut self,
        partition: Addr,
        root: &mut u64,
        k: usize,
        batch: &Batch,
    ) -> Result<(), SqlError> {
        let i = usize::from(self.live.rows[k]);
        let rows = &self.rows.rows;
        let mut known = false;
        self.rows.sets.for_each_from(
            *root,
            |addr| rows.cmp_batch_keys(&batch.columns, i, addr).is_gt(),
            |addr| {
                known = rows.cmp_batch_keys(&batch.columns, i, addr).is_eq();
                ControlFlow::Break(())
            },
        );
        let mut groups = self.state(partition, PEERS).cast_signed() + i64::from(!known);
        self.add(root, k, batch)?;
        if groups > self.cap {
            self.drop_last_peers(root);
            groups -= 1;
        }
        self.set_state(partition, PEERS, groups.cast_unsigned());
        Ok(())
    }

    /// Lets go of the last row and its peers.
    fn drop_last_peers(&mut self, root: &mut u64) {
        let mut gone = Vec::new();
        self.peers_of_last(*root, |addr| gone.push(addr));
        for addr in gone {
            self.rows.remove(root, addr);
            self.discard(addr);
        }
    }

    /// How many rows are peers of the last one, itself included.
    fn last_peers(&self, root: u64) -> i64 {
        let mut n = 0;
        self.peers_of_last(root, |addr| n += self.rows.rows.weight(addr));
        n
    }

    fn peers_of_last(&self, root: u64, mut visit: impl FnMut(Addr)) {
        let rows = &self.rows.rows;
        let Some(last) = self.rows.sets.last(root) else { return };
        self.rows.sets.for_each_from(
            root,
            |addr| rows.cmp_keys(addr, last).is_lt(),
            |addr| {
                visit(addr);
                ControlFlow::Continue(())
            },
        );
    }
}
