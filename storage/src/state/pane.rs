//! A ring of panes: pieces of state by position in time.
//!
//! Panes come at the end and go from the front; rows arrive near the end, a few panes back at most.
//! A pane owns its arenas, so dropping it gives its chunks back in bulk, without a look at its
//! rows.
//!
//! Invariant: positions ascend; a pane is in the ring from its first row until it is taken.

use std::collections::VecDeque;

use crate::StorageError;
use crate::state::visit::{Piece, StateVisitor, Visit, mismatch};

/// Panes by position.
#[derive(Debug)]
pub struct PaneRing<T> {
    panes: VecDeque<Pane<T>>,
    /// Where the last row went: most rows go there again.
    last: usize,
}

#[derive(Debug)]
struct Pane<T> {
    position: i64,
    state: T,
    /// What was saved of it, as long as nobody has it to write.
    piece: Piece,
}

impl<T> Pane<T> {
    fn new(position: i64, state: T) -> Self {
        Self { position, state, piece: Piece::default() }
    }

    fn write(&mut self) -> &mut T {
        self.piece.clear();
        &mut self.state
    }
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
        if self.panes.get(self.last).is_some_and(|pane| pane.position == position) {
            return Ok(self.last);
        }
        self.panes.binary_search_by_key(&position, |pane| pane.position)
    }

    /// The pane at a position, made if there is none.
    pub fn get_or_insert(&mut self, position: i64, make: impl FnOnce() -> T) -> &mut T {
        self.last = match self.index(position) {
            Ok(index) => index,
            Err(index) => {
                self.panes.insert(index, Pane::new(position, make()));
                index
            }
        };
        self.panes[self.last].write()
    }

    /// The pane at a position.
    pub fn get(&self, position: i64) -> Option<&T> {
        self.index(position).ok().map(|index| &self.panes[index].state)
    }

    /// The pane at a position, to be changed.
    pub fn get_mut(&mut self, position: i64) -> Option<&mut T> {
        self.index(position).ok().map(|index| self.panes[index].write())
    }

    /// Position of the earliest pane.
    pub fn first(&self) -> Option<i64> {
        self.panes.front().map(|pane| pane.position)
    }

    /// Takes the pane at a position out.
    pub fn take(&mut self, position: i64) -> Option<T> {
        let index = self.index(position).ok()?;
        self.panes.remove(index).map(|pane| pane.state)
    }

    /// Takes the earliest pane out if `gone` holds for its position.
    pub fn take_first(&mut self, gone: impl Fn(i64) -> bool) -> Option<(i64, T)> {
        let position = self.first().filter(|position| gone(*position))?;
        self.panes.pop_front().map(|pane| (position, pane.state))
    }

    /// The panes at positions from `start` on, before `end`.
    pub fn range(&self, start: i64, end: i64) -> impl Iterator<Item = (i64, &T)> {
        let from = self.panes.partition_point(|pane| pane.position < start);
        let panes = self.panes.iter().skip(from).map(|pane| (pane.position, &pane.state));
        panes.take_while(move |(position, _)| *position < end)
    }

    /// All panes.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &T)> {
        self.panes.iter().map(|pane| (pane.position, &pane.state))
    }
}

impl<T: Visit> PaneRing<T> {
    /// Shows a visitor the panes and where they are; those that are loaded are made by `make`.
    ///
    /// # Errors
    /// The visitor's; when the positions that are loaded do not ascend.
    pub fn visit(
        &mut self,
        mut make: impl FnMut() -> T,
        visitor: &mut dyn StateVisitor,
    ) -> Result<(), StorageError> {
        let mut len = self.panes.len();
        len.visit(visitor)?;
        if !visitor.is_loading() {
            for Pane { position, state, piece } in &mut self.panes {
                visitor.piece(piece, &mut |visitor| {
                    position.visit(visitor)?;
                    state.visit(visitor)
                })?;
            }
            return Ok(());
        }
        *self = Self::default();
        for _ in 0..len {
            let mut pane = Pane::new(0, make());
            pane.position.visit(visitor)?;
            pane.state.visit(visitor)?;
            if self.panes.back().is_some_and(|before| before.position >= pane.position) {
                return Err(mismatch("the positions of panes"));
            }
            self.panes.push_back(pane);
        }
        Ok(())
    }
}
