//! Opening a database's directory: making it, or replaying its log.
//!
//! Definitions are planned again from their text, under the ids they had; commits are applied under
//! their epochs and times, and every view steps as it did. Sources are then set to where the last
//! commit left them.
//! Invariant: what `open` returns is the state that the last durable record led to, or it fails and
//! the directory is as it was.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arena_tr_storage::disk::{Disk, DiskError};
use arena_tr_storage::log::{Entry, Log, LogError, Lsn};
use arena_tr_storage::manifest::{Manifest, ManifestError};
use arena_tr_types::{Epoch, RelationId, SqlState};

use super::record::{CommitHead, Definition, Item, PastStep, items};
use super::snapshot::Snapshots;
use super::{Files, Journal};
use crate::connector::{Polled, Want};
use crate::database::Database;
use crate::engine::commit::Deltas;
use crate::engine::{Engine, FeedState};
use crate::error::{Error, Result};
use crate::options::Options;

/// Names in a database's directory.
pub(super) const LOCK: &str = "lock";
pub(crate) const LOG: &str = "log";
pub(super) const SNAPSHOTS: &str = "snapshots";
/// Longer recoveries tell how far they are, this often.
const PROGRESS_SECONDS: u64 = 1;

/// Opens the database in a directory, which is made if it is not there.
pub(crate) fn open(dir: &Path, options: Options) -> Result<Database> {
    let disk = Arc::clone(&options.disk);
    let (files, is_new) = files(disk, dir, &options)?;
    let log_dir = dir.join(LOG);
    let (disk, seed) = (Arc::clone(&files.disk), options.random.next_u64());
    let manifest = files.manifest().clone();
    let snapshot_dir = dir.join(SNAPSHOTS);
    let mut snapshots = Snapshots::new(Arc::clone(&disk), snapshot_dir, manifest.database, 0)?;
    let (db, log) = if is_new {
        let log = create(disk, &log_dir, &files, seed, &options)?;
        (Database::with_options(options.clone()), log)
    } else {
        let (db, from) = snapshots.load_newest(&files, &options)?;
        db.engine().recovering = true;
        let mut replay = Replay::new(&db, &options);
        let each = |entry: Entry| replay.entry(entry);
        let log = Log::open(disk, &log_dir, (from, Lsn(manifest.floor), seed), options.log, each)?;
        replay.done();
        (db, log)
    };
    let mut engine = db.engine();
    engine.recovering = false;
    engine.begin_history(options.history_retention);
    engine.resume_sources(&options);
    engine.tell_of_sinks(&options);
    engine.journal = Some(Journal::new(Arc::new(log), files, snapshots));
    drop(engine);
    db.keep_up();
    Ok(db)
}

impl Files {
    /// Where the log goes on behind the newest snapshot.
    pub(crate) fn saved(&self) -> Lsn {
        Lsn(self.manifest().newest.map_or(0, |newest| newest.lsn))
    }

    /// Where the log is kept from, and where it was durable up to.
    pub(crate) fn log_positions(&self) -> (Lsn, Lsn) {
        self.manifest().log_positions()
    }

    /// Notes that the log is to be read from here, and that it was durable up to there.
    pub(crate) fn keep_log_from(
        &self,
        from: Lsn,
        durable: Lsn,
    ) -> std::result::Result<(), DiskError> {
        let mut manifest = self.manifest();
        let mut next = manifest.clone();
        (next.replay_from, next.floor) = (from.0, durable.0);
        next.write(&*self.disk, &self.dir)?;
        *manifest = next;
        Ok(())
    }

    /// The number of the database.
    pub(crate) fn database(&self) -> u128 {
        self.manifest().database
    }

    /// The manifest as it is.
    pub(super) fn manifest(&self) -> MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshots {
    /// A database with what the newest snapshot that is whole holds, and where the log goes on.
    ///
    /// # Errors
    /// XX001 when every snapshot is damaged and the log does not reach back to the beginning.
    fn load_newest(&mut self, files: &Files, options: &Options) -> Result<(Database, Lsn)> {
        let mut manifest = files.manifest();
        let mut damaged = None;
        for snapshot in [manifest.newest, manifest.previous].into_iter().flatten() {
            let start = Instant::now();
            let db = Database::with_options(options.clone());
            db.engine().recovering = true;
            match self.load(&db, &snapshot) {
                Ok(()) => {
                    if start.elapsed().as_secs() >= PROGRESS_SECONDS {
                        let (n, seconds) = (snapshot.number, start.elapsed().as_secs_f64());
                        options.tell(&format!("snapshot {n} loaded in {seconds:.1} s"));
                    }
                    if damaged.is_some() {
                        // It is not to be gone back to when this one turns out to be damaged.
                        (manifest.newest, manifest.previous) = (Some(snapshot), None);
                    }
                    return Ok((db, Lsn(snapshot.lsn)));
                }
                Err(error) => {
                    options.tell(&format!("snapshot {} is not used: {error}", snapshot.number));
                    damaged.get_or_insert(error);
                }
            }
        }
        match damaged {
            Some(error) if manifest.replay_from > 0 => {
                Err(error.with_hint("no other snapshot is whole; go back to a backup"))
            }
            _ => {
                if damaged.is_some() {
                    (manifest.newest, manifest.previous) = (None, None);
                    options.tell("the log is replayed from its beginning");
                }
                Ok((Database::with_options(options.clone()), Lsn(0)))
            }
        }
    }
}

/// Takes the directory's lock and reads its manifest; whether the database is new.
pub(crate) fn files(disk: Arc<dyn Disk>, dir: &Path, options: &Options) -> Result<(Files, bool)> {
    disk.create_dir(dir).map_err(LogError::from)?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        disk.sync_dir(parent).map_err(LogError::from)?;
    }
    let lock = disk.lock(&dir.join(LOCK)).map_err(|error| locked(dir, error))?;
    let manifest = Manifest::read(&*disk, dir).map_err(manifest_error)?;
    let is_new = manifest.is_none();
    let database =
        || u128::from(options.random.next_u64()) << 64 | u128::from(options.random.next_u64());
    let manifest = manifest.unwrap_or_else(|| Manifest::new(database()));
    let manifest = Arc::new(Mutex::new(manifest));
    Ok((Files { disk, dir: dir.to_owned(), manifest, _lock: lock }, is_new))
}

/// Why the lock of a directory cannot be had.
pub(super) fn locked(dir: &Path, error: DiskError) -> Error {
    if !error.is_locked() {
        return LogError::from(error).into();
    }
    let message = format!("the database in {} is open already", dir.display());
    Error::new(SqlState("55006"), message)
        .with_hint("one process has it at a time; clones of its `Database` share it")
}

pub(super) fn manifest_error(error: ManifestError) -> Error {
    let message = error.to_string();
    match error {
        ManifestError::Disk(error) => LogError::from(error).into(),
        ManifestError::Newer(..) => Error::new(SqlState::FEATURE_NOT_SUPPORTED, message),
        ManifestError::Corrupt(..) => Error::new(SqlState("XX001"), message),
    }
}

/// Makes a new log; the manifest comes last, and with it the database exists.
pub(crate) fn create(
    disk: Arc<dyn Disk>,
    dir: &Path,
    files: &Files,
    seed: u64,
    options: &Options,
) -> Result<Log> {
    disk.create_dir(dir).map_err(LogError::from)?;
    // A database that was never finished left no commit; one shows that the manifest was lost.
    let mut commits = 0;
    let count = |_| {
        commits += 1;
        Ok::<(), LogError>(())
    };
    let read = arena_tr_storage::log::read(&*disk, dir, (Lsn(0), Lsn(0)), count);
    let names = disk.list(dir).map_err(LogError::from)?;
    let is_damaged = read.is_err() && names.iter().any(|name| name.ends_with(".log"));
    if commits > 0 || is_damaged {
        let message = format!("{} holds a log but no manifest", files.dir.display());
        return Err(Error::new(SqlState("XX001"), message));
    }
    for name in names {
        disk.remove(&dir.join(name)).map_err(LogError::from)?;
    }
    let mut manifest = files.manifest();
    let database = manifest.database;
    let log = Log::create(Arc::clone(&disk), dir, (database, seed), options.log)?;
    disk.sync_dir(&files.dir).map_err(LogError::from)?;
    manifest.floor = log.end().0;
    manifest.write(&*disk, &files.dir).map_err(LogError::from)?;
    Ok(log)
}

/// Runs a definition again, under the ids and at the time that it had; `past` is what a view read
/// of its sources' past.
pub(super) fn run_definition(
    db: &Database,
    definition: &Definition,
    past: VecDeque<PastStep>,
) -> Result<()> {
    {
        let mut engine = db.engine();
        engine.next_id = definition.first_id;
        engine.fixed_now = Some(definition.now);
        engine.recalled = Some(past);
    }
    let done = db.session().execute(&definition.sql);
    let mut engine = db.engine();
    engine.fixed_now = None;
    engine.recalled = None;
    done.map(|_| ())
}

/// Applies the records of a log.
struct Replay<'a> {
    db: &'a Database,
    options: &'a Options,
    commits: u64,
    rows: u64,
    start: Instant,
    told: u64,
}

impl<'a> Replay<'a> {
    fn new(db: &'a Database, options: &'a Options) -> Self {
        Self { db, options, commits: 0, rows: 0, start: Instant::now(), told: 0 }
    }

    fn entry(&mut self, entry: Entry) -> Result<()> {
        let at = |error: Error| {
            let message = format!("the record at LSN {} cannot be replayed: {error}", entry.lsn);
            Error::new(SqlState("XX001"), message)
        };
        for item in items(&entry.payload).map_err(|error| at(error.into()))? {
            match item {
                Item::Definition(definition, past) => {
                    run_definition(self.db, &definition, VecDeque::from(past)).map_err(at)?;
                }
                Item::Commit(head, deltas) => self.commit(head, deltas).map_err(at)?,
                Item::Acknowledgement(of) => {
                    self.db.engine().acknowledged(&of.subscription, of.up_to);
                }
                Item::Prepared(prepared) => {
                    self.db.engine().restore_prepared(prepared).map_err(at)?
                }
                Item::Ended(gid) => self.db.engine().forget_prepared(&gid).map_err(at)?,
            }
        }
        self.tell();
        Ok(())
    }

    fn commit(&mut self, head: CommitHead, deltas: Deltas) -> Result<()> {
        let mut engine = self.db.engine();
        for door in &head.doors {
            engine.set_door(door);
        }
        self.commits += 1;
        self.rows += deltas.values().flatten().map(|batch| batch.rows() as u64).sum::<u64>();
        engine.commit_at(Epoch(head.epoch), head.now, deltas)
    }

    fn tell(&mut self) {
        let seconds = self.start.elapsed().as_secs();
        if seconds >= self.told + PROGRESS_SECONDS {
            self.told = seconds;
            let (commits, rows) = (self.commits, self.rows);
            self.options.tell(&format!("recovery: {commits} commits, {rows} rows, {seconds} s"));
        }
    }

    fn done(&self) {
        if self.told > 0 {
            let (commits, rows) = (self.commits, self.rows);
            let seconds = self.start.elapsed().as_secs_f64();
            self.options
                .tell(&format!("recovery done: {commits} commits, {rows} rows in {seconds:.1} s"));
        }
    }
}

impl Engine {
    /// Sets every source that was being read behind the last row that a commit has of it.
    pub(super) fn resume_sources(&mut self, options: &Options) {
        let ids: Vec<RelationId> = self.relations.keys().copied().collect();
        for id in ids {
            if let Err(error) = self.resume_source(id) {
                let name = self.relations.get(&id).map_or("", |e| &e.relation.name);
                options.tell(&format!("source \"{name}\" does not go on: {error}"));
                if let Some(feed) = self.relations.get_mut(&id).and_then(|e| e.connector.as_mut()) {
                    feed.state = FeedState::Failed;
                }
            }
        }
    }

    /// Says which sinks take no more.
    fn tell_of_sinks(&self, options: &Options) {
        for (name, entry) in &self.sinks {
            if let Some(error) = &entry.failed {
                options.tell(&format!("sink \"{name}\" does not go on: {error}"));
            }
        }
    }

    fn resume_source(&mut self, id: RelationId) -> Result<()> {
        let Some(feed) = self.entry_mut(id)?.connector.as_mut() else { return Ok(()) };
        let mut left = feed.delivered;
        if left == 0 || feed.state != FeedState::Running {
            return Ok(());
        }
        let unused = vec![false; feed.wanted.len()];
        let gone = || Error::new(SqlState::IO_ERROR, "it has fewer rows than were read of it");
        while left > 0 {
            let want = Want { max_rows: left.min(10_000) as usize, columns: &unused };
            match feed.source.poll(&want)? {
                Polled::Rows(batch, _) => left = left.saturating_sub(batch.live() as u64),
                Polled::Pending | Polled::End => return Err(gone()),
            }
        }
        Ok(())
    }
}
