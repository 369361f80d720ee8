//! How a database is opened: few typed fields, each with its unit and its reason.
//!
//! Invariant: every option is read once, when the database is made.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arena_tr_storage::disk::{Disk, RealDisk};
use arena_tr_storage::log::LogOptions;
use arena_tr_types::Timestamp;

use crate::connector::Connector;
use crate::durable::Durability;
use crate::durable::backup::BackupPlaces;

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

/// Where randomness comes from: salts of the log, the identity of a database.
pub trait Random: Send + Sync {
    /// Any number, each as likely as the other.
    fn next_u64(&self) -> u64;
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn next_u64(&self) -> u64 {
        // Every state is seeded anew by the system; its hash of nothing is as good as the seed.
        std::hash::RandomState::new().build_hasher().finish()
    }
}

/// Gets a line that a person may want to see.
pub type OnNotice = Arc<dyn Fn(&str) + Send + Sync>;

/// When a durable database takes a snapshot by itself: what comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// When the log has grown by this since the last one; none: whatever it has grown by. The log
    /// behind the last two snapshots is kept, so it is about twice as long at most.
    pub log_bytes: Option<u64>,
    /// When something was committed and the last one is as long ago; none: however long.
    pub interval: Option<Duration>,
}

impl CheckpointPolicy {
    /// Only when `CHECKPOINT` says so.
    pub const NEVER: Self = Self { log_bytes: None, interval: None };
}

impl Default for CheckpointPolicy {
    fn default() -> Self {
        Self { log_bytes: Some(256 << 20), interval: Some(Duration::from_secs(5 * 60)) }
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
    /// How long a transaction may keep what it reads: an older one is ended with SQLSTATE 72000 at
    /// its next statement, and others' commits free what it held. None: as long as it likes.
    pub snapshot_max_age: Option<Duration>,
    /// How long `FOR SYSTEM_TIME AS OF` can ask for what a commit has changed; none: not at all.
    /// `SET history_retention` says it anew until the database is closed.
    pub history_retention: Option<Duration>,
    /// Most epochs that can be asked for, whatever the retention says; older ones are given up.
    pub history_epochs_kept: usize,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where numbers that nobody can guess come from.
    pub random: Arc<dyn Random>,
    /// Connectors that are known from the start. A durable database needs those of its sources and
    /// sinks here, since they run when it is opened.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// Places for backups besides directories, by the scheme of their addresses.
    pub backup_places: Vec<Arc<dyn BackupPlaces>>,
    /// When commits of a durable database are acknowledged; a session may choose another way.
    pub durability: Durability,
    /// The log of a durable database.
    pub log: LogOptions,
    /// When a durable database takes a snapshot by itself.
    pub checkpoints: CheckpointPolicy,
    /// Where the files of a durable database are.
    pub disk: Arc<dyn Disk>,
    /// Gets a line about what takes long when a database is opened.
    pub on_notice: Option<OnNotice>,
}

impl Options {
    pub(crate) fn tell(&self, line: &str) {
        if let Some(on_notice) = &self.on_notice {
            on_notice(line);
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory_limit_bytes: None,
            source_batch_rows: 10_000,
            subscription_queue_rows: 10_000_000,
            rejected_rows_kept: 100_000,
            snapshot_max_age: Some(Duration::from_secs(15 * 60)),
            history_retention: None,
            history_epochs_kept: 1_000_000,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            connectors: Vec::new(),
            backup_places: Vec::new(),
            durability: Durability::default(),
            log: LogOptions::default(),
            checkpoints: CheckpointPolicy::default(),
            disk: Arc::new(RealDisk),
            on_notice: None,
        }
    }
}
