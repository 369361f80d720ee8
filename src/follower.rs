//! The engine's end of a subscription: what its reader asked for besides the changes.
//!
//! Invariant: epochs are handed over whole and in order; behind the last one that was asked for
//! comes none.

use std::sync::Arc;

use arena_tr_types::Epoch;

use crate::envelope::Envelope;
use crate::error::Result;
use crate::subscription::{Changes, Queue};

/// Hands a relation's changes to a queue.
pub(crate) struct Follower {
    queue: Arc<Queue>,
    /// Epochs without changes are told of, too.
    progress: bool,
    /// The last epoch that is wanted.
    up_to: Option<Epoch>,
    envelope: Option<Envelope>,
}

impl Follower {
    /// Of every change.
    pub(crate) fn plain(queue: Arc<Queue>) -> Self {
        Self::new(queue, false, None, None)
    }

    /// With what SUBSCRIBE says.
    pub(crate) fn new(
        queue: Arc<Queue>,
        progress: bool,
        up_to: Option<Epoch>,
        envelope: Option<Envelope>,
    ) -> Self {
        Self { queue, progress, up_to, envelope }
    }

    /// Begins with the contents, which are shown only if `snapshot`. False when that was all.
    pub(crate) fn start(&mut self, contents: &Changes, snapshot: bool) -> Result<bool> {
        let shaped = match &mut self.envelope {
            Some(envelope) => envelope.shape(contents)?,
            None => contents.clone(),
        };
        if snapshot && !shaped.delta.is_empty() {
            self.queue.push(shaped);
        } else if self.progress {
            self.queue.push(Changes { delta: Vec::new(), ..shaped });
        }
        Ok(!self.ends_with(contents.epoch))
    }

    /// Whether it waits for epochs in which its relation does not change.
    pub(crate) fn every_epoch(&self) -> bool {
        self.progress || self.up_to.is_some()
    }

    /// Hands over an epoch. False when no more is wanted.
    pub(crate) fn take(&mut self, changes: &Changes) -> bool {
        let told = changes.delta.is_empty() && !self.progress || self.hand_over(changes);
        told && !self.ends_with(changes.epoch)
    }

    fn hand_over(&mut self, changes: &Changes) -> bool {
        let Some(envelope) = &mut self.envelope else { return self.queue.push(changes.clone()) };
        match envelope.shape(changes) {
            Ok(shaped) => self.queue.push(shaped),
            Err(error) => {
                self.queue.fail(error);
                false
            }
        }
    }

    /// Closes the queue if nothing is wanted behind this epoch.
    fn ends_with(&self, epoch: Epoch) -> bool {
        let over = self.up_to.is_some_and(|last| epoch >= last);
        if over {
            self.queue.close();
        }
        over
    }

    /// Ends the subscription after what waits.
    pub(crate) fn close(&self) {
        self.queue.close();
    }
}
