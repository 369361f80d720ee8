//! Asking the connectors: one round takes what every source has and commits it as one epoch.
//!
//! Sources are asked when somebody wants progress: `WAIT FOR SOURCES`, a database's background
//! thread, or a caller's own loop. A source starts at its first round, so statements before it see
//! it from the beginning; a view made later is brought up to date by reading the source again (see
//! [`super::backfill`]).
//! Invariant: a row that a source delivered is in the commit of its round, or reported there.

use arena_tr_types::{Epoch, RelationId};

use super::commit::Deltas;
use super::{Engine, FeedState};
use crate::connector::{Polled, Want};
use crate::error::Result;

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Rows taken in.
    pub rows: u64,
    /// The epoch they are in, if anything was committed.
    pub epoch: Option<Epoch>,
    /// Bounded sources that still have rows, as far as is known.
    pub bounded_left: usize,
    /// Unbounded sources that are running.
    pub unbounded: usize,
}

impl Engine {
    /// Asks every source once and commits what came.
    ///
    /// # Errors
    /// When a source fails: it is stopped, the others go on at the next round.
    pub(crate) fn round(&mut self, max_rows: usize) -> Result<Round> {
        let feeds: Vec<RelationId> = self
            .relations
            .iter()
            .filter(|(_, e)| e.connector.as_ref().is_some_and(|f| f.state.is_live()))
            .map(|(id, _)| *id)
            .collect();
        let mut round = Round::default();
        let mut deltas = Deltas::new();
        let mut failure = None;
        let mut moved = false;
        for id in feeds {
            match self.poll_feed(id, max_rows, &mut deltas) {
                Ok(rows) => {
                    round.rows += rows.unwrap_or(0);
                    moved |= rows.is_some();
                }
                Err(error) => {
                    if let Some(feed) = self.entry_mut(id)?.connector.as_mut() {
                        feed.state = FeedState::Failed;
                    }
                    failure = Some(error);
                }
            }
        }
        if moved {
            round.epoch = Some(self.commit(deltas)?);
        }
        for feed in self.relations.values().filter_map(|e| e.connector.as_ref()) {
            match (feed.state.is_live(), feed.source.is_bounded()) {
                (true, true) => round.bounded_left += 1,
                (true, false) => round.unbounded += 1,
                (false, _) => {}
            }
        }
        failure.map_or(Ok(round), Err)
    }

    /// Rows taken from one source; `None` when nothing moved.
    fn poll_feed(
        &mut self,
        id: RelationId,
        max_rows: usize,
        deltas: &mut Deltas,
    ) -> Result<Option<u64>> {
        self.touched.insert(id);
        let entry = self.entry_mut(id)?;
        let Some(feed) = &mut entry.connector else { return Ok(None) };
        feed.state = FeedState::Running;
        match feed.source.poll(&Want { max_rows, columns: &feed.wanted })? {
            Polled::Rows(batch, bad) => {
                let rows = batch.live() as u64;
                feed.delivered += rows;
                self.keep_malformed(id, &bad, deltas)?;
                self.accept(id, batch, deltas)?;
                Ok(Some(rows))
            }
            Polled::Pending => Ok(None),
            Polled::End => {
                feed.state = FeedState::Ended;
                if let Some(gate) = &mut entry.gate {
                    gate.end();
                }
                Ok(Some(0))
            }
        }
    }
}

impl FeedState {
    /// A number for the log.
    pub(crate) fn to_code(self) -> u8 {
        match self {
            Self::Fresh => 0,
            Self::Running => 1,
            Self::Ended => 2,
            Self::Failed => 3,
        }
    }

    /// What the number stands for. A source that failed is tried again.
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Fresh,
            2 => Self::Ended,
            _ => Self::Running,
        }
    }

    /// Whether it may still give rows.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Fresh | Self::Running)
    }
}
