//! The visible rows of a partition, and the difference between two lists of them.
//!
//! Invariant: a list ascends by row, then by number.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use arena_tr_planner::physical::RankFunc;
use arena_tr_storage::arena::Addr;

use super::TopN;
use crate::state_op::changes::Shown;

impl TopN {
    /// Appends the visible rows of a set.
    pub(super) fn visible(&self, root: u64, out: &mut Vec<Shown<1>>) {
        if root == 0 {
            return;
        }
        match self.function() {
            RankFunc::RowNumber => self.visible_rows(root, out),
            function => self.visible_ranks(root, function == RankFunc::DenseRank, out),
        }
    }

    fn offset(&self) -> i64 {
        i64::try_from(self.spec.offset).unwrap_or(i64::MAX)
    }

    fn visible_rows(&self, root: u64, out: &mut Vec<Shown<1>>) {
        let (offset, number) = (self.offset(), self.spec.number);
        let mut position = 0i64;
        self.rows.sets.for_each(root, |addr| {
            if position >= self.cap {
                return ControlFlow::Break(());
            }
            let copies = if self.plain { 1 } else { self.rows.rows.weight(addr).max(0) };
            let start = position.max(offset);
            position += copies;
            let end = position.min(self.cap);
            if number {
                let numbers = start + 1..end + 1;
                out.extend(numbers.map(|number| Shown { addr, weight: 1, numbers: [number] }));
            } else if start < end {
                out.push(Shown { addr, weight: end - start, numbers: [0] });
            }
            ControlFlow::Continue(())
        });
    }

    fn visible_ranks(&self, root: u64, dense: bool, out: &mut Vec<Shown<1>>) {
        let (mut n_rows, mut rank) = (0i64, 0i64);
        let mut previous: Option<Addr> = None;
        self.rows.sets.for_each(root, |addr| {
            let copies = self.rows.rows.weight(addr).max(0);
            if copies == 0 {
                return ControlFlow::Continue(());
            }
            if previous.is_none_or(|p| self.rows.rows.cmp_keys(p, addr).is_ne()) {
                rank = if dense { rank + 1 } else { n_rows + 1 };
            }
            previous = Some(addr);
            n_rows += copies;
            if rank > self.cap {
                return ControlFlow::Break(());
            }
            if rank > self.offset() {
                let number = if self.spec.number { rank } else { 0 };
                out.push(Shown { addr, weight: copies, numbers: [number] });
            }
            ControlFlow::Continue(())
        });
    }

    /// Lists what `old` has more than `new` as leaving; puts what it has less into `arrived`.
    pub(super) fn difference(
        &mut self,
        old: &[Shown<1>],
        new: &[Shown<1>],
        arrived: &mut Vec<Shown<1>>,
    ) {
        let (mut i, mut j) = (0, 0);
        while i < old.len() || j < new.len() {
            let order = match (old.get(i), new.get(j)) {
                (Some(a), Some(b)) => {
                    self.rows.rows.cmp_rows(a.addr, b.addr).then(a.numbers.cmp(&b.numbers))
                }
                (Some(_), None) => Ordering::Less,
                _ => Ordering::Greater,
            };
            match order {
                Ordering::Less => {
                    self.changes.push(old[i].addr, -old[i].weight, old[i].numbers);
                    i += 1;
                }
                Ordering::Greater => {
                    arrived.push(new[j]);
                    j += 1;
                }
                Ordering::Equal => {
                    let weight = new[j].weight - old[i].weight;
                    if weight < 0 {
                        self.changes.push(old[i].addr, weight, old[i].numbers);
                    } else if weight > 0 {
                        arrived.push(Shown { weight, ..new[j] });
                    }
                    i += 1;
                    j += 1;
                }
            }
        }
    }
}
