//! What a durable database does while nobody asks: makes the next segment ready, and syncs what was
//! acknowledged without a sync.
//!
//! Invariant: it only makes things ready that a commit would otherwise wait for; whatever fails
//! here fails again where somebody is told.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use arena_tr_storage::log::Log;

use super::ASYNC_LOSS_MILLIS;

/// The thread that does it; it ends when this is dropped.
pub(crate) struct Upkeep {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    pub(crate) fn start(log: Arc<Log>) -> Self {
        let (stop, stopped) = channel::<()>();
        let period = Duration::from_millis(ASYNC_LOSS_MILLIS / 2);
        let thread = std::thread::spawn(move || {
            let mut prepared = None;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(period) {
                if log.durable() < log.end() && log.sync().is_err() {
                    // The log is poisoned: whoever commits next is told.
                    return;
                }
                let segment = log.segment_start();
                if prepared != Some(segment) && log.prepare().is_ok() {
                    prepared = Some(segment);
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was a defect; it has been printed.
            let _ = thread.join();
        }
    }
}
