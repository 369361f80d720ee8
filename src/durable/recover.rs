//! Opening a database's directory: making it, or replaying its log.
//!
//! Definitions are planned again from their text, under the ids they had; commits are applied under
//! their epochs and times, and every view steps as it did. Sources are then set to where the last
//! commit left them.
//! Invariant: what `open` returns is the state that the last durable record led to, or it fails and
//! the directory is as it was.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arena_tr_storage::disk::{Disk, DiskError};
use arena_tr_storage::log::{Entry, Log, LogError, Lsn};
use arena_tr_storage::manifest::{Manifest, ManifestError};
use arena_tr_types::{Epoch, RelationId, SqlState};

use super::record::{CommitHead, Definition, Item, PastStep, items};
use super::{Files, Journal};
use crate::connector::{Polled, Want};
use crate::database::Database;
use crate::engine::commit::Deltas;
use crate::engine::{Engine, FeedState};
use crate::error::{Error, Result};
use crate::options::Options;

/// Names in a database's directory.
pub(super) const LOCK: &str = "lock";
pub(super) const LOG: &str = "log";
/// Longer recoveries tell how far they are, this often.
const PROGRESS_SECONDS: u64 = 1;

/// Opens the database in a directory, which is made if it is not there.
pub(crate) fn open(dir: &Path, options: Options) -> Result<Database> {
    let disk = Arc::clone(&options.disk);
    let (mut files, is_new) = files(disk, dir, &options)?;
    let log_dir = dir.join(LOG);
    let db = Database::with_options(options.clone());
    let (disk, seed) = (Arc::clone(&files.disk), options.random.next_u64());
    let log = if is_new {
        create(disk, &log_dir, &mut files, seed, &options)?
    } else {
        let (from, floor) = files.manifest.log_positions();
        db.engine().recovering = true;
        let mut replay = Replay::new(&db, &options);
        let each = |entry: Entry| replay.entry(entry);
        let log = Log::open(disk, &log_dir, (from, floor, seed), options.log, each)?;
        replay.done();
        log
    };
    let mut engine = db.engine();
    engine.recovering = false;
    engine.resume_sources(&options);
    engine.journal = Some(Journal::new(Arc::new(log), files));
    drop(engine);
    db.keep_up();
    Ok(db)
}

/// Takes the directory's lock and reads its manifest; whether the database is new.
fn files(disk: Arc<dyn Disk>, dir: &Path, options: &Options) -> Result<(Files, bool)> {
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
fn create(
    disk: Arc<dyn Disk>,
    dir: &Path,
    files: &mut Files,
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
    let database = files.manifest.database;
    let log = Log::create(Arc::clone(&disk), dir, (database, seed), options.log)?;
    disk.sync_dir(&files.dir).map_err(LogError::from)?;
    files.manifest.floor = log.end().0;
    files.manifest.write(&*disk, &files.dir).map_err(LogError::from)?;
    Ok(log)
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
                    self.definition(&definition, past).map_err(at)?;
                }
                Item::Commit(head, deltas) => self.commit(head, deltas).map_err(at)?,
            }
        }
        self.tell();
        Ok(())
    }

    fn definition(&mut self, definition: &Definition, past: Vec<PastStep>) -> Result<()> {
        {
            let mut engine = self.db.engine();
            engine.next_id = definition.first_id;
            engine.fixed_now = Some(definition.now);
            engine.recalled = Some(VecDeque::from(past));
        }
        let done = self.db.session().execute(&definition.sql);
        let mut engine = self.db.engine();
        engine.fixed_now = None;
        engine.recalled = None;
        done.map(|_| ())
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
    fn resume_sources(&mut self, options: &Options) {
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
