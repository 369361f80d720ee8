//! Following a view: every epoch's changes, in order, once.
//!
//! A subscriber gets whole epochs: the rows that arrived and left, with their weights. A callback
//! runs inside the commit, on the committing thread, and should be short; an iterator has a bounded
//! queue, and a reader that lets it fill up loses the subscription with an error, never some of the
//! rows.
//! Invariant: epochs rise; an epoch is delivered whole or not at all.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arena_tr_storage::Batch;
use arena_tr_types::{Epoch, Schema, SqlState, Timestamp, Value};

use crate::error::{Error, Result};

/// The changes of one relation in one epoch.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The epoch they belong to.
    pub epoch: Epoch,
    /// The watermark of the relation after this epoch; `i64::MIN` without event time.
    pub watermark: Timestamp,
    /// The changed rows; a batch's weights say whether each arrived (+) or left (-). Empty when
    /// only the epoch progressed.
    pub delta: Vec<Batch>,
    /// The columns.
    pub schema: Schema,
}

impl Changes {
    /// Number of changed rows, counting neither weight nor sign.
    pub fn len(&self) -> usize {
        self.delta.iter().map(Batch::live).sum()
    }

    /// Whether no row changed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The changed rows as values, each with its weight. For reading, not for speed.
    pub fn rows(&self) -> Vec<(Vec<Value>, i64)> {
        let types = self.schema.types();
        self.delta.iter().flat_map(|batch| batch.to_weighted_rows(&types)).collect()
    }
}

/// What a subscriber is called with.
pub(crate) type Callback = Box<dyn FnMut(&Changes) + Send>;

/// An iterator over the changes of a relation. Dropping it ends the subscription.
pub struct Subscription {
    queue: Arc<Queue>,
    schema: Schema,
    progress: bool,
}

impl Subscription {
    pub(crate) fn new(schema: Schema, limit_rows: usize) -> (Self, Arc<Queue>) {
        let queue = Arc::new(Queue { state: Mutex::default(), ready: Condvar::new(), limit_rows });
        (Self { queue: Arc::clone(&queue), schema, progress: false }, queue)
    }

    /// The same subscription, asked to tell of epochs without changes too.
    pub(crate) fn with_progress(mut self, progress: bool) -> Self {
        self.progress = progress;
        self
    }

    /// Whether epochs without changes are told of as well (`WITH (PROGRESS)`).
    pub fn tells_progress(&self) -> bool {
        self.progress
    }

    /// The columns of every change.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The next epoch's changes if they are there.
    ///
    /// # Errors
    /// When the reader was too slow, or the relation was dropped.
    pub fn try_next(&mut self) -> Result<Option<Changes>> {
        self.queue.take(None)
    }

    /// The next epoch's changes, waiting for them as long as `timeout`.
    ///
    /// # Errors
    /// When the reader was too slow, or the relation was dropped.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Changes>> {
        self.queue.take(Some(timeout))
    }

    /// Whether nothing will come any more.
    pub fn is_closed(&self) -> bool {
        let state = self.queue.lock();
        state.closed.is_some() && state.waiting.is_empty()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.queue.lock().reader_gone = true;
    }
}

/// Blocks until the next change; ends when the relation or the database is gone.
impl Iterator for Subscription {
    type Item = Result<Changes>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_timeout(Duration::from_millis(100)) {
                Ok(Some(changes)) => return Some(Ok(changes)),
                Ok(None) if self.is_closed() => return None,
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The queue between the commit and one reader.
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    ready: Condvar,
    limit_rows: usize,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<Changes>,
    rows: usize,
    reader_gone: bool,
    closed: Option<Close>,
}

enum Close {
    /// The relation or the database is gone.
    Ended,
    /// The reader was too slow; told once.
    Overrun,
    /// The changes cannot be shaped as asked; told once, behind what waits.
    Failed(Error),
    /// The reader knows.
    Told,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over an epoch. False when nobody reads any more.
    pub(crate) fn push(&self, changes: Changes) -> bool {
        let mut state = self.lock();
        if state.reader_gone || state.closed.is_some() {
            return false;
        }
        let rows = changes.len();
        if state.rows + rows > self.limit_rows {
            state.waiting.clear();
            state.closed = Some(Close::Overrun);
        } else {
            state.rows += rows;
            state.waiting.push_back(changes);
        }
        self.ready.notify_all();
        state.closed.is_none()
    }

    /// Ends the subscription with an error after what waits.
    pub(crate) fn fail(&self, error: Error) {
        self.lock().closed.get_or_insert(Close::Failed(error));
        self.ready.notify_all();
    }

    /// Ends the subscription after what waits.
    pub(crate) fn close(&self) {
        self.lock().closed.get_or_insert(Close::Ended);
        self.ready.notify_all();
    }

    fn take(&self, timeout: Option<Duration>) -> Result<Option<Changes>> {
        let deadline = timeout.map(|t| Instant::now() + t);
        let mut state = self.lock();
        loop {
            if let Some(changes) = state.waiting.pop_front() {
                state.rows -= changes.len();
                return Ok(Some(changes));
            }
            match state.closed.take() {
                Some(Close::Overrun) => {
                    state.closed = Some(Close::Told);
                    return Err(self.overrun());
                }
                Some(Close::Failed(error)) => {
                    state.closed = Some(Close::Told);
                    return Err(error);
                }
                other => state.closed = other,
            }
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            match left {
                Some(left) if !left.is_zero() && state.closed.is_none() => {
                    let woken = self.ready.wait_timeout(state, left);
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
                _ => return Ok(None),
            }
        }
    }

    fn overrun(&self) -> Error {
        let limit = self.limit_rows;
        Error::new(
            SqlState::PROGRAM_LIMIT,
            format!("the subscription was ended: more than {limit} changes waited for its reader"),
        )
        .with_hint(
            "read faster, subscribe to fewer rows, or raise Options::subscription_queue_rows",
        )
    }
}
