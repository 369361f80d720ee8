//! The open database: the handle everything else comes from.
//!
//! A [`Database`] is a cheap handle to one engine behind one lock; clones share it. Statements run
//! in a [`Session`], bulk rows go through an [`Appender`], views are followed by callback or
//! [`Subscription`].
//! Invariant: the lock is held for one statement, one append or one round of the sources at a time,
//! never while a SELECT runs, and never while a subscriber's iterator waits.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use arena_tr_types::{Epoch, SqlState, Timestamp};

use crate::appender::Appender;
use crate::connector::Connector;
use crate::durable::{Durability, Upkeep};
use crate::engine::sources::Round;
use crate::engine::{Engine, Reader};
use crate::error::{Error, Result};
use crate::follower::Follower;
use crate::options::Options;
use crate::session::Session;
use crate::subscription::{Changes, Subscription};

/// An open database.
///
/// ```
/// use arena_tr::Database;
///
/// let db = Database::in_memory();
/// let mut session = db.session();
/// session.execute("CREATE TABLE t (a INT); CREATE MATERIALIZED VIEW n AS SELECT count(*) FROM t")?;
/// session.execute("INSERT INTO t VALUES (1), (2)")?;
/// let rows = session.query("SELECT * FROM n", &[])?;
/// assert_eq!(rows.to_vec()[0][0].to_string(), "2");
/// # Ok::<(), arena_tr::Error>(())
/// ```
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Mutex<Engine>,
    pump: Mutex<Option<Pump>>,
    upkeep: Mutex<Option<Upkeep>>,
}

/// The thread that asks the sources while nobody waits for them.
struct Pump {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// A database that may be gone.
pub(crate) struct WeakDatabase {
    shared: Weak<Shared>,
}

impl WeakDatabase {
    /// The database, if somebody still has it.
    pub(crate) fn upgrade(&self) -> Option<Database> {
        self.shared.upgrade().map(|shared| Database { shared })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.upkeep.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        self.engine.get_mut().unwrap_or_else(PoisonError::into_inner).close();
    }
}

impl Database {
    /// A database in memory, with default options. It is gone when the last handle is dropped.
    pub fn in_memory() -> Self {
        Self::with_options(Options::default())
    }

    /// A database in memory.
    pub fn with_options(options: Options) -> Self {
        let engine = Mutex::new(Engine::new(options));
        let (pump, upkeep) = (Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { engine, pump, upkeep }) }
    }

    /// The database in a directory, which is made if it is not there; what was acknowledged before
    /// is in it. One process has it open at a time.
    ///
    /// ```no_run
    /// let db = arena_tr::Database::open("data")?;
    /// # Ok::<(), arena_tr::Error>(())
    /// ```
    ///
    /// # Errors
    /// 55006 when somebody has it open, XX001 when it is damaged (the message says where), 58030
    /// when the disk refuses.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(dir, Options::default())
    }

    /// The same with options; connectors of its sources and sinks belong to them.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub fn open_with(dir: impl AsRef<Path>, options: Options) -> Result<Self> {
        crate::durable::recover::open(dir.as_ref(), options)
    }

    /// Whether it is kept in a directory.
    pub fn is_durable(&self) -> bool {
        self.engine().journal.is_some()
    }

    /// A number that no other database has, the same whenever it is opened; one in memory has its
    /// own as long as it lives.
    pub fn identity(&self) -> u128 {
        let mut engine = self.engine();
        if let Some(journal) = &engine.journal {
            return journal.files.database();
        }
        let random = Arc::clone(&engine.options.random);
        let draw = || u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
        *engine.identity.get_or_insert_with(draw)
    }

    /// Starts what a durable database does by itself.
    pub(crate) fn keep_up(&self) {
        let (log, policy) = {
            let engine = self.engine();
            let log = engine.journal.as_ref().map(|j| (Arc::clone(&j.log), j.files.saved()));
            (log, engine.options.checkpoints)
        };
        let weak = WeakDatabase { shared: Arc::downgrade(&self.shared) };
        let mut upkeep = self.shared.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        *upkeep = log.map(|log| Upkeep::start(log, weak, policy));
    }

    /// Waits until everything that was done so far is durable, unless that is not asked for, and
    /// tells of the epochs that are. An epoch of one's own that one does not wait for is told at
    /// once, as soon as those before it are.
    ///
    /// # Errors
    /// When the log takes nothing more: nobody may be told of what was done.
    pub(crate) fn settle(&self, durability: Option<Durability>, own: Option<Epoch>) -> Result<()> {
        let mut engine = self.engine();
        let waits = durability.unwrap_or(engine.options.durability) != Durability::Async;
        let Some(journal) = &mut engine.journal else { return Ok(()) };
        let (log, target) = (Arc::clone(&journal.log), journal.appended);
        if let (false, Some(epoch)) = (waits, own) {
            journal.hurry(epoch);
        }
        drop(engine);
        if waits {
            log.wait(target)?;
        }
        let mut engine = self.engine();
        engine.deliver_durable();
        match &engine.broken {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// A new conversation.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }

    /// Makes a connector known by its name.
    pub fn register(&self, connector: Arc<dyn Connector>) {
        self.engine().connectors.add(connector);
    }

    /// A handle for adding many rows to a stream or table.
    ///
    /// # Errors
    /// When there is no such stream or table.
    pub fn appender(&self, relation: &str) -> Result<Appender> {
        Appender::new(self.clone(), relation)
    }

    /// Calls `callback` inside every commit that changes the relation, from the next commit on.
    ///
    /// # Errors
    /// When there is no such relation, or it keeps no changes (a plain view).
    pub fn subscribe_with(
        &self,
        relation: &str,
        callback: impl FnMut(&Changes) + Send + 'static,
    ) -> Result<()> {
        let mut engine = self.engine();
        let id = engine.followable(relation)?;
        engine.follow(id, Reader::Callback(Box::new(callback)))?;
        Ok(())
    }

    /// An iterator over the relation's changes, from the next commit on. `SUBSCRIBE` gives one that
    /// starts with the contents.
    ///
    /// # Errors
    /// When there is no such relation, or it keeps no changes (a plain view).
    pub fn subscribe(&self, relation: &str) -> Result<Subscription> {
        let mut engine = self.engine();
        let id = engine.followable(relation)?;
        let limit = engine.options.subscription_queue_rows;
        let schema = engine.entry(id)?.relation.schema.clone();
        let (subscription, queue) = Subscription::new(schema, limit);
        engine.follow(id, Reader::Queue(Follower::plain(queue)))?;
        Ok(subscription)
    }

    /// Asks every source once and commits what came: one step of a caller's own loop.
    ///
    /// # Errors
    /// When a source fails; it is stopped, the others go on.
    pub fn run_sources_once(&self) -> Result<Round> {
        let round = {
            let mut engine = self.engine();
            let max_rows = engine.options.source_batch_rows;
            engine.round(max_rows)
        };
        self.settle(None, round.as_ref().ok().and_then(|round| round.epoch))?;
        round
    }

    /// Starts a thread that keeps asking the sources until the database is dropped or
    /// [`Database::stop_sources`] is called. `on_error` gets what fails.
    pub fn start_sources(&self, on_error: impl Fn(Error) + Send + 'static) {
        let mut pump = self.shared.pump.lock().unwrap_or_else(PoisonError::into_inner);
        if pump.is_some() {
            return;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (weak, flag) = (Arc::downgrade(&self.shared), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                let Some(shared) = weak.upgrade() else { return };
                let round = Self { shared }.run_sources_once();
                let idle = match round {
                    Ok(round) => round.rows == 0,
                    Err(error) => {
                        on_error(error);
                        true
                    }
                };
                // Between rounds others get the lock; without rows there is no hurry.
                std::thread::sleep(Duration::from_micros(if idle { 5_000 } else { 1 }));
            }
        });
        *pump = Some(Pump { stop, thread });
    }

    /// Stops the thread of [`Database::start_sources`], after its current round.
    pub fn stop_sources(&self) {
        let pump = self.shared.pump.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(pump) = pump {
            pump.stop.store(true, Ordering::Relaxed);
            if pump.thread.thread().id() != std::thread::current().id() {
                // A panic in a round was a defect; it has been printed, and the lock is taken over.
                let _ = pump.thread.join();
            }
        }
    }

    /// The last commit.
    pub fn epoch(&self) -> Epoch {
        self.engine().epoch
    }

    /// How far event time has come in the relation: no later row is earlier. `i64::MIN` without
    /// event time or before the first row, `i64::MAX` at the end of bounded sources.
    ///
    /// # Errors
    /// When there is no such relation.
    pub fn watermark(&self, relation: &str) -> Result<Timestamp> {
        let engine = self.engine();
        let id = engine.named(relation)?.relation.id;
        Ok(engine.watermark_of(&engine.clocks_of(id)))
    }

    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        // A panic while the lock was held is a defect that was reported there; contents are still
        // whole epochs apart from the commit that panicked.
        self.shared.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// The id of a relation that has changes to follow.
    pub(crate) fn followable(&self, name: &str) -> Result<arena_tr_types::RelationId> {
        let relation = self.find(name).ok_or_else(|| crate::engine::unknown(name))?;
        if relation.view_query.is_some() {
            return Err(Error::new(
                SqlState::WRONG_OBJECT_TYPE,
                format!("\"{name}\" is a plain view: it keeps nothing that could change"),
            )
            .with_hint("use SUBSCRIBE, or CREATE MATERIALIZED VIEW"));
        }
        Ok(relation.id)
    }
}

/// How far event time has come over all sources and streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    /// The least watermark; `i64::MIN` when there is none yet, `i64::MAX` at the end of all.
    pub watermark: Timestamp,
    /// How far the latest event is ahead of the watermark, in microseconds.
    pub lag_micros: Option<i64>,
}

impl Database {
    /// How far event time has come over all sources and streams.
    pub fn event_time(&self) -> EventTime {
        let engine = self.engine();
        let gates = || engine.relations.values().filter_map(|e| e.gate.as_ref());
        let watermark = gates().map(|g| g.watermark()).min().unwrap_or(Timestamp::MIN);
        let latest = gates().filter_map(|g| g.latest()).max();
        let lag_micros = latest
            .filter(|_| watermark != Timestamp::MIN && watermark != Timestamp::MAX)
            .map(|latest| latest.saturating_sub(watermark));
        EventTime { watermark, lag_micros }
    }
}
