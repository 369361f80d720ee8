//! A ring of panes: pieces of state by position in time.
//!
//! Panes come at the end and go from the front; rows arrive near the end, a few panes back at most.
//! A pane owns its arenas, so dropping it gives its chunks back in bulk, without a look at its
//! rows.
//!
//! Invariant: positions ascend; a pane is in the ring from its first row until it is taken.

use std::collections::VecDeque;

/// Panes by position.
#[derive(Debug)]
pub struct PaneRing<T> {
    panes: VecDeque<(i64, T)>,
    /// Where the last row went: most rows go there again.
    last: usize,
}

impl<T> Default for PaneRing<T> {
    fn default() -> Self {
        Self { panes: VecDeque::new(), last: 0 }
    }
}

impl<T> PaneRing<T> {
    /// Number of panes.
    pub fn len(&self) -> usize {
        self.panes.len()
    }

    /// Whether there is no pane.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    fn index(&self, position: i64) -> Result<usize, usize> {
        if self.panes.get(self.last).is_some_and(|(p, _)| *p == position) {
            return Ok(self.last);
        }
        self.panes.binary_search_by_key(&position, |(p, _)| *p)
    }

    /// The pane at a position, made if there is none.
    pub fn get_or_insert(&mut self, position: i64, make: impl FnOnce() -> T) -> &mut T {
        self.last = match self.index(position) {
            Ok(index) => index,
            Err(index) => {
                self.panes.insert(index, (position, make()));
                index
            }
        };
        &mut self.panes[self.last].1
    }

    /// The pane at a position.
    pub fn get(&self, position: i64) -> Option<&T> {
        self.index(position).ok().map(|index| &self.panes[index].1)
    }

    /// The pane at a position, to be changed.
    pub fn get_mut(&mut self, position: i64) -> Option<&mut T> {
        self.index(position).ok().map(|index| &mut self.panes[index].1)
    }

    /// Position of the earliest pane.
    pub fn first(&self) -> Option<i64> {
        self.panes.front().map(|(position, _)| *position)
    }

    /// Takes the pane at a position out.
    pub fn take(&mut self, position: i64) -> Option<T> {
        let index = self.index(position).ok()?;
        self.panes.remove(index).map(|(_, pane)| pane)
    }

    /// Takes the earliest pane out if `gone` holds for its position.
    pub fn take_first(&mut self, gone: impl Fn(i64) -> bool) -> Option<(i64, T)> {
        let (position, _) = self.panes.front()?;
        if gone(*position) { self.panes.pop_front() } else { None }
    }

    /// The panes at positions from `start` on, before `end`.
    pub fn range(&self, start: i64, end: i64) -> impl Iterator<Item = (i64, &T)> {
        let from = self.panes.partition_point(|(p, _)| *p < start);
        self.panes.iter().skip(from).map(|(p, t)| (*p, t)).take_while(move |(p, _)| *p < end)
    }

    /// All panes.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &T)> {
        self.panes.iter().map(|(p, t)| (*p, t))
    }
}
