//! How a database is opened: few typed fields, each with its unit and its reason.
//!
//! Invariant: every option is read once, when the database is made.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arena_tr_types::Timestamp;

/// Where an epoch's timestamp comes from. The only clock of the engine; `now()` in a view is what
/// it said at the commit.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    fn now(&self) -> Timestamp;
}

/// The operating system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_micros().try_into().unwrap_or(Timestamp::MAX)
    }
}

/// Options of a database.
#[derive(Clone)]
pub struct Options {
    /// Most bytes of state and contents together; none: what the machine has.
    pub memory_limit_bytes: Option<usize>,
    /// Most rows that one commit takes from each source. Larger commits are more throughput,
    /// smaller ones less latency; sources that have less to give make smaller commits by
    /// themselves.
    pub source_batch_rows: usize,
    /// Most changes that wait for a reader of a subscription; a slower reader's subscription is
    /// ended.
    pub subscription_queue_rows: usize,
    /// Most rows kept in a relation of late or malformed rows; older ones give way, the counters
    /// stay.
    pub rejected_rows_kept: usize,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory_limit_bytes: None,
            source_batch_rows: 10_000,
            subscription_queue_rows: 10_000_000,
            rejected_rows_kept: 100_000,
            clock: Arc::new(SystemClock),
        }
    }
}
