//! What a durable database does while nobody asks: makes the next segment ready, syncs what was
//! acknowledged without a sync, takes snapshots.
//!
//! Invariant: it only makes things ready that a commit would otherwise wait for; whatever fails
//! here fails again where somebody is told.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arena_tr_storage::log::{Log, Lsn};

use super::ASYNC_LOSS_MILLIS;
use crate::database::WeakDatabase;
use crate::options::CheckpointPolicy;

/// How often it is looked whether a snapshot is due.
const LOOK: Duration = Duration::from_millis(100);

/// The threads that do it; they end when this is dropped.
pub(crate) struct Upkeep {
    stop: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Upkeep {
    /// Starts them; the log was last saved up to `saved`.
    pub(crate) fn start(
        (log, saved): (Arc<Log>, Lsn),
        db: WeakDatabase,
        policy: CheckpointPolicy,
    ) -> Self {
        let mut upkeep = Self { stop: Vec::new(), threads: Vec::new() };
        let own = Arc::clone(&log);
        upkeep.spawn(move |stopped| keep_log(&own, &stopped));
        if policy != CheckpointPolicy::NEVER {
            upkeep.spawn(move |stopped| keep_saved(&log, saved, &db, policy, &stopped));
        }
        upkeep
    }

    fn spawn(&mut self, run: impl FnOnce(Receiver<()>) + Send + 'static) {
        let (stop, stopped) = channel();
        self.stop.push(stop);
        self.threads.push(std::thread::spawn(move || run(stopped)));
    }
}

fn keep_log(log: &Log, stopped: &Receiver<()>) {
    let period = Duration::from_millis(ASYNC_LOSS_MILLIS / 2);
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
}

/// Takes a snapshot whenever the policy says so. One that fails is tried again when the log has
/// grown by a tenth, or the interval is over again.
fn keep_saved(
    log: &Log,
    mut saved: Lsn,
    db: &WeakDatabase,
    policy: CheckpointPolicy,
    stopped: &Receiver<()>,
) {
    let mut last = Instant::now();
    let mut most = policy.log_bytes;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK) {
        let grown = log.end().0.saturating_sub(saved.0);
        let long = most.is_some_and(|most| grown >= most);
        let late = policy.interval.is_some_and(|interval| last.elapsed() >= interval);
        let due = long || (late && grown > 0);
        if !due {
            continue;
        }
        let Some(db) = db.upgrade() else { return };
        let end = log.end();
        last = Instant::now();
        match db.checkpoint() {
            Ok(_) => (saved, most) = (end, policy.log_bytes),
            Err(error) => {
                db.engine().options.tell(&format!("no snapshot could be taken: {error}"));
                most = most.map(|most| grown.max(most) + most / 10);
            }
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop.clear();
        for thread in self.threads.drain(..) {
            // The thread that takes snapshots may be the last to have the database.
            if thread.thread().id() != std::thread::current().id() {
                // A panic there was a defect; it has been printed.
                let _ = thread.join();
            }
        }
    }
}
