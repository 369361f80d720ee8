//! What makes a database last: the journal that every change passes, and recovery from it.
//!
//! A change is encoded ([`record`]), room is made for it in the log, it is applied, and it is
//! appended; whoever made it then waits, without the lock, until it is on the device
//! ([`Database::settle`](crate::Database)), and only then is it told to anybody: to the caller, to
//! subscribers, to sinks. Reads wait for what they saw in the same way. So several sessions share
//! a sync, and nobody sees what could still be lost. [`recover`] replays the log through the same
//! programs when the database is opened.
//!
//! Invariant: nothing leaves the database before it is durable, unless its session asked for
//! `durability = async`.

pub(crate) mod backup;
pub(crate) mod inspect;
pub(crate) mod record;
pub(crate) mod recover;
pub(crate) mod snapshot;
mod upkeep;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arena_tr_storage::disk::{Disk, Lock};
use arena_tr_storage::log::{Log, LogError, Lsn};
use arena_tr_storage::{Batch, StorageError};
use arena_tr_types::{Epoch, RelationId, SqlState, Timestamp};

use crate::engine::commit::Deltas;
use crate::error::{Error, Result};
use record::{Acknowledgement, CommitHead, Definition, Prepared};
use snapshot::{SharedManifest, Snapshots};

pub(crate) use upkeep::Upkeep;

/// When a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When it is on the device, by a sync begun after it was appended.
    Sync,
    /// When it is on the device; commits that come at the same time share a sync.
    #[default]
    Group,
    /// At once. The machine losing power, or the process dying, loses at most what was committed in
    /// the last 50 milliseconds.
    Async,
}

/// How far an acknowledgement without a sync may be ahead of the device, in milliseconds.
pub const ASYNC_LOSS_MILLIS: u64 = 50;

/// What is told of an epoch when it is durable.
pub(crate) struct Delivery {
    lsn: Lsn,
    /// Whoever committed it does not wait for the device.
    hurried: bool,
    pub(crate) epoch: Epoch,
    pub(crate) now: Timestamp,
    pub(crate) deltas: Deltas,
    /// Watermarks of the relations that somebody followed.
    pub(crate) watermarks: BTreeMap<RelationId, Timestamp>,
}

/// The way of changes into the log.
pub(crate) struct Journal {
    pub(crate) log: Arc<Log>,
    pub(crate) files: Files,
    /// Where the last record ends.
    pub(crate) appended: Lsn,
    /// The statement that is changing what exists.
    definition: Option<Draft>,
    /// The commit that is being made, encoded.
    commit: Vec<u8>,
    outbox: VecDeque<Delivery>,
    /// Takes snapshots. Locked before the engine, never while it is.
    pub(crate) snapshots: Arc<Mutex<Snapshots>>,
}

/// The database's directory.
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) manifest: SharedManifest,
    /// Held while the database is open.
    pub(crate) _lock: Box<dyn Lock>,
}

struct Draft {
    definition: Definition,
    n_steps: u32,
    past: Vec<u8>,
    commits: Vec<u8>,
}

/// Room that a definition takes in the log beside its text.
const DEFINITION_BYTES: usize = 4096;
/// Room that a commit takes in the log beside its rows, at most.
const COMMIT_BYTES: usize = 1 << 20;

impl Journal {
    pub(crate) fn new(log: Arc<Log>, files: Files, snapshots: Snapshots) -> Self {
        Self {
            appended: log.end(),
            log,
            files,
            definition: None,
            commit: Vec::new(),
            outbox: VecDeque::new(),
            snapshots: Arc::new(Mutex::new(snapshots)),
        }
    }

    /// What is still to be told.
    pub(crate) fn outbox(&self) -> impl Iterator<Item = &Delivery> {
        self.outbox.iter()
    }

    /// Begins a statement that changes what exists: its commits belong to its record.
    pub(crate) fn begin(&mut self, definition: Definition) -> Result<()> {
        self.log.reserve(definition.sql.len() + DEFINITION_BYTES)?;
        self.definition =
            Some(Draft { definition, n_steps: 0, past: Vec::new(), commits: Vec::new() });
        Ok(())
    }

    /// Notes what a view that is being made reads of a source's past.
    pub(crate) fn note_past(&mut self, input: usize, batches: &[Batch]) -> Result<()> {
        let Some(draft) = &mut self.definition else { return Ok(()) };
        record::put_step(input, batches, &mut draft.past)?;
        draft.n_steps += 1;
        Ok(())
    }

    /// Forgets the statement that was begun: it changed nothing.
    pub(crate) fn discard(&mut self) {
        self.definition = None;
    }

    /// Logs the statement that was begun.
    ///
    /// # Errors
    /// When there is no room for it: it must be undone then.
    pub(crate) fn finish(&mut self, epoch: Epoch) -> Result<()> {
        let Some(draft) = self.definition.take() else { return Ok(()) };
        let mut payload = Vec::new();
        record::put_definition(&draft.definition, (draft.n_steps, &draft.past), &mut payload)?;
        payload.extend_from_slice(&draft.commits);
        self.log.reserve(payload.len())?;
        self.appended = self.log.append(epoch.0, &payload)?;
        Ok(())
    }

    /// Logs that a consumer has acknowledged a subscription's changes.
    ///
    /// # Errors
    /// When the disk is full, or refuses.
    pub(crate) fn acknowledge(&mut self, name: &str, up_to: u64, epoch: Epoch) -> Result<()> {
        let mut payload = Vec::new();
        let acknowledgement = Acknowledgement { subscription: name.to_owned(), up_to };
        record::put_acknowledgement(&acknowledgement, &mut payload)?;
        self.log.reserve(payload.len())?;
        self.appended = self.log.append(epoch.0, &payload)?;
        Ok(())
    }

    /// Encodes a commit and makes room for it, before it is applied; `ending` is the prepared
    /// transaction that it commits.
    ///
    /// # Errors
    /// When the disk is full or the log is poisoned; nothing has happened then.
    pub(crate) fn prepare(
        &mut self,
        head: &CommitHead,
        deltas: &Deltas,
        ending: Option<&str>,
    ) -> Result<()> {
        self.commit.clear();
        record::put_commit(head, deltas, &mut self.commit)?;
        if let Some(gid) = ending {
            record::put_ended(gid, &mut self.commit)?;
        }
        let before = self.definition.as_ref().map_or(0, |draft| {
            draft.past.len() + draft.commits.len() + draft.definition.sql.len() + DEFINITION_BYTES
        });
        Ok(self.log.reserve(before + self.commit.len())?)
    }

    /// Logs the commit that was prepared, now that it is applied.
    ///
    /// # Errors
    /// When the disk refuses: the log is poisoned.
    pub(crate) fn append(&mut self, epoch: Epoch) -> Result<()> {
        match &mut self.definition {
            Some(draft) => draft.commits.extend_from_slice(&self.commit),
            None => self.appended = self.log.append(epoch.0, &self.commit)?,
        }
        Ok(())
    }

    /// Logs a transaction that is prepared.
    ///
    /// # Errors
    /// 54000 when its commit might be too long for the log, and when the disk refuses.
    pub(crate) fn append_prepared(&mut self, epoch: Epoch, prepared: &Prepared) -> Result<()> {
        let mut payload = Vec::new();
        record::put_prepared(prepared, &mut payload)?;
        // What is late or has no event time is written twice, as texts: the commit must fit too.
        let most = payload.len().saturating_mul(4).saturating_add(COMMIT_BYTES);
        if most > arena_tr_storage::log::MAX_PAYLOAD_BYTES {
            return Err(LogError::TooLong(payload.len()).into());
        }
        self.log.reserve(payload.len())?;
        self.appended = self.log.append(epoch.0, &payload)?;
        Ok(())
    }

    /// Logs the end of a prepared transaction without a commit.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn append_ended(&mut self, epoch: Epoch, gid: &str) -> Result<()> {
        let mut payload = Vec::new();
        record::put_ended(gid, &mut payload)?;
        self.log.reserve(payload.len())?;
        self.appended = self.log.append(epoch.0, &payload)?;
        Ok(())
    }

    /// Keeps what is to be told of an epoch until it is durable.
    pub(crate) fn post(
        &mut self,
        epoch: Epoch,
        now: Timestamp,
        deltas: Deltas,
        watermarks: BTreeMap<RelationId, Timestamp>,
    ) {
        // A commit within a definition ends with its record, which is still to come.
        let lsn = if self.definition.is_some() { Lsn(u64::MAX) } else { self.appended };
        self.outbox.push_back(Delivery { lsn, hurried: false, epoch, now, deltas, watermarks });
    }

    /// Gives the deliveries of a definition the place of its record.
    pub(crate) fn stamp(&mut self) {
        let appended = self.appended;
        let open = self.outbox.iter_mut().filter(|delivery| delivery.lsn == Lsn(u64::MAX));
        open.for_each(|delivery| delivery.lsn = appended);
    }

    /// Lets an epoch be told before it is durable, but not before those that come before it.
    pub(crate) fn hurry(&mut self, epoch: Epoch) {
        let own = self.outbox.iter_mut().rev().find(|delivery| delivery.epoch == epoch);
        own.into_iter().for_each(|delivery| delivery.hurried = true);
    }

    /// The next epoch that may be told: one below this position, or one that nobody waits for.
    pub(crate) fn next_delivery(&mut self, durable: Lsn) -> Option<Delivery> {
        self.outbox.pop_front_if(|delivery| delivery.hurried || delivery.lsn <= durable)
    }

    /// Notes that the log is durable up to its end, as the last act.
    pub(crate) fn close(&mut self) -> Result<()> {
        let end = self.log.sync()?;
        let Files { disk, dir, manifest, .. } = &self.files;
        let mut manifest = manifest.lock().unwrap_or_else(PoisonError::into_inner);
        manifest.floor = end.0;
        Ok(manifest.write(&**disk, dir).map_err(LogError::from)?)
    }
}

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        let message = error.to_string();
        match error {
            LogError::Disk(disk) if disk.is_full() => Self::new(SqlState("53100"), message)
                .with_hint("nothing was changed; free some space and try again"),
            LogError::Disk(_) => Self::new(SqlState::IO_ERROR, message),
            LogError::Poisoned(_) => Self::new(SqlState::IO_ERROR, message)
                .with_hint("open the database again: it comes back with what is on the device"),
            LogError::Corrupt(damage) => {
                let hint = format!(
                    "'arena-tr repair DIR --truncate-at {}' gives up everything from there on; \
                     better take a copy of the directory first",
                    damage.lsn
                );
                Self::new(SqlState("XX001"), message).with_hint(hint)
            }
            LogError::TooLong(_) => {
                Self::new(SqlState("54000"), message).with_hint("commit fewer rows at a time")
            }
            _ => Self::new(SqlState::INTERNAL, message),
        }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        arena_tr_types::SqlError::from(error).into()
    }
}
