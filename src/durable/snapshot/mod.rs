//! Snapshots of a durable database: taken beside its commits, so that opening it does not replay
//! all that ever happened and the log can be let go.
//!
//! [`capture`] takes note of everything under the lock, in microseconds: arenas are frozen,
//! contents shared. The rest happens beside commits: what an earlier snapshot does not have is
//! written ([`book`] knows what it has), then the [`index`], then the manifest names both, and what
//! only older snapshots needed is removed. [`load`] is the way back.
//!
//! Invariant: a snapshot that the manifest names holds exactly the commits below its position in
//! the log, all of which are durable; the one before it, and the log from there on, stay until the
//! next.

mod book;
pub(super) mod capture;
mod index;
pub(crate) mod load;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arena_tr_storage::disk::{Disk, Mode};
use arena_tr_storage::log::{Log, LogError, Lsn};
use arena_tr_storage::manifest::Manifest;
use arena_tr_storage::snapshot::{
    self, BlobRef, SnapshotError, SnapshotReader, SnapshotRef, SnapshotWriter, StateSaver,
};
use arena_tr_types::SqlState;

use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, Result};

use book::Books;
use capture::Captured;

/// Files of more snapshots than this are not kept for what little is needed of them.
const MAX_FILES: usize = 8;

/// How long commits wait at a time while a snapshot is prepared.
const PREPARED_AT_ONCE: Duration = Duration::from_micros(200);

/// How often at most; what changes faster than it is prepared is captured unprepared.
const PREPARATIONS: usize = 10_000;

/// What a checkpoint did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The snapshot's number.
    pub number: u64,
    /// The epoch that it holds.
    pub epoch: u64,
    /// Bytes that were written.
    pub written_bytes: u64,
    /// Bytes that the snapshot consists of, those written earlier included.
    pub total_bytes: u64,
    /// How long commits had to wait.
    pub pause: Duration,
}

/// What takes snapshots of a database, and knows what is in them.
pub(crate) struct Snapshots {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    database: u128,
    next_number: u64,
    pub(super) books: Books,
    /// Bytes of the files of snapshots, as far as they are needed.
    files: BTreeMap<u64, u64>,
    /// Files that the newest snapshot needs.
    newest: BTreeSet<u64>,
}

/// The newest manifest, for whoever changes it.
pub(crate) type SharedManifest = Arc<Mutex<Manifest>>;

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a snapshot is to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The log leads from there to here.
    On,
    /// The database has become another one.
    Anew,
}

/// A snapshot that counts.
pub(crate) struct Taken {
    checkpoint: Checkpoint,
    pub(crate) snapshot: SnapshotRef,
    home: Option<Home>,
}

/// Where a database that lasts keeps what its snapshots stand beside.
#[derive(Clone)]
pub(crate) struct Home {
    pub(super) log: Arc<Log>,
    pub(super) manifest: SharedManifest,
}

impl Snapshots {
    /// For the snapshots of a database in a directory; nothing of them is known. Their numbers go
    /// on behind the last one, and behind those that are there.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        database: u128,
        last: u64,
    ) -> Result<Self> {
        disk.create_dir(&dir).map_err(LogError::from)?;
        let numbers = snapshot::list(&*disk, &dir).map_err(LogError::from)?;
        let mut files = BTreeMap::new();
        for number in numbers {
            let path = dir.join(snapshot::file_name(number));
            let file = disk.open(&path, Mode::Read);
            files.insert(number, file.and_then(|f| f.len()).map_err(LogError::from)?);
        }
        let next_number = files.keys().next_back().map_or(0, |n| *n).max(last) + 1;
        let (books, newest) = (Books::default(), BTreeSet::new());
        Ok(Self { disk, dir, database, next_number, books, files, newest })
    }

    /// Puts a snapshot into a database that has nothing yet.
    ///
    /// # Errors
    /// XX001 when it is damaged; neither the database nor what is known here is of use then.
    pub(super) fn load(&mut self, db: &Database, of: &SnapshotRef) -> Result<()> {
        let reader = SnapshotReader::new(Arc::clone(&self.disk), &self.dir, self.database);
        self.books = load::load(db, &reader, of, load::Sinks::GoOn)?;
        self.newest = self.files_needed(of.number);
        Ok(())
    }

    /// Writes what was captured, waits until all that it holds is durable, and makes it count.
    fn write(&mut self, captured: Captured, pause: Duration, step: Step) -> Result<Taken> {
        let number = self.next_number;
        self.next_number += 1;
        let written = self.write_file(captured, number, pause, step);
        if written.is_err() {
            self.books.forget(|file| file == number);
        }
        written
    }

    fn write_file(
        &mut self,
        captured: Captured,
        number: u64,
        pause: Duration,
        step: Step,
    ) -> Result<Taken> {
        let disk = Arc::clone(&self.disk);
        let mut writer = SnapshotWriter::create(disk, &self.dir, self.database, number)
            .map_err(SnapshotError::from)?;
        let Captured { moment, relations, frozen, names, home, syncs } = captured;
        self.books.arenas.write(frozen, &mut writer)?;
        self.books.write_tables(&relations, &mut writer)?;
        let mut bytes = Vec::new();
        index::put(&moment, &relations, &mut self.books, &names, &mut bytes)?;
        // What a snapshot holds must be found in the log too, and in files that sinks go on with.
        if let Some(home) = &home {
            home.log.wait(moment.lsn)?;
        }
        for sync in syncs {
            sync()?;
        }
        let snapshot =
            writer.finish(&bytes, moment.lsn.0, moment.epoch).map_err(SnapshotError::from)?;
        self.files.insert(number, snapshot.file_bytes());
        if let Some(home) = &home {
            self.make_it_count(home, snapshot, step)?;
        }
        let total_bytes = self.books.blobs().map(|blob| u64::from(blob.len)).sum::<u64>();
        let checkpoint = Checkpoint {
            number,
            epoch: moment.epoch,
            written_bytes: snapshot.file_bytes(),
            total_bytes: total_bytes + snapshot.index_len,
            pause,
        };
        Ok(Taken { checkpoint, snapshot, home })
    }

    /// Names a snapshot in the manifest.
    fn make_it_count(&self, home: &Home, snapshot: SnapshotRef, step: Step) -> Result<()> {
        let mut current = locked(&home.manifest);
        let mut next = current.clone();
        next.take_snapshot(snapshot);
        if step == Step::Anew {
            // Nothing before it leads to what it holds.
            next.previous = None;
            next.replay_from = snapshot.lsn;
        }
        next.floor = next.floor.max(home.log.durable().0);
        let dir = self.dir.parent().unwrap_or(&self.dir);
        next.write(&*self.disk, dir).map_err(LogError::from)?;
        *current = next;
        Ok(())
    }

    /// Saves a database that has become another one, whose state was saved nowhere before. Nobody
    /// commits meanwhile.
    ///
    /// # Errors
    /// When the disk refuses; what was saved before still counts.
    pub(super) fn take_over(&mut self, engine: &mut Engine) -> Result<()> {
        let before = std::mem::take(&mut self.books);
        let taken = engine
            .capture(StateSaver::new(&mut self.books.arenas))
            .and_then(|captured| self.write(captured, Duration::ZERO, Step::Anew));
        match taken {
            Ok(taken) => {
                let _ = self.clean_up(&taken);
                Ok(())
            }
            Err(error) => {
                self.books = before;
                Err(error)
            }
        }
    }

    /// The database's identity.
    pub(super) fn database(&self) -> u128 {
        self.database
    }

    /// The number of the last snapshot, finished or not.
    pub(super) fn last_number(&self) -> u64 {
        self.next_number - 1
    }

    /// The files that the newest snapshot needs, and their lengths.
    pub(super) fn needed_files(&self) -> Vec<(u64, u64)> {
        let len = |number: &u64| self.files.get(number).copied().unwrap_or(0);
        self.newest.iter().map(|number| (*number, len(number))).collect()
    }

    /// Bytes of a file.
    pub(super) fn read_file(&self, number: u64, offset: u64, len: usize) -> Result<Vec<u8>> {
        let path = self.dir.join(snapshot::file_name(number));
        let mut bytes = vec![0; len];
        let file = self.disk.open(&path, Mode::Read);
        file.and_then(|f| f.read_at(offset, &mut bytes)).map_err(LogError::from)?;
        Ok(bytes)
    }

    /// Removes what neither the newest snapshot nor the one before it needs, and sees to it that
    /// the next one does without files that are mostly useless.
    fn clean_up(&mut self, taken: &Taken) -> Result<()> {
        let newest = self.files_needed(taken.checkpoint.number);
        let before = std::mem::replace(&mut self.newest, newest);
        let newest = &self.newest;
        let needed = |number: u64| newest.contains(&number) || before.contains(&number);
        snapshot::remove_others(&*self.disk, &self.dir, needed).map_err(LogError::from)?;
        self.files.retain(|number, _| needed(*number));
        if let Some(Home { log, manifest }) = &taken.home {
            let from = locked(manifest).replay_from;
            log.release(Lsn(from))?;
        }
        self.evacuate();
        Ok(())
    }

    /// The files that a snapshot needs which the books are about.
    fn files_needed(&self, number: u64) -> BTreeSet<u64> {
        self.books.blobs().map(|blob| blob.file).chain([number]).collect()
    }

    /// Forgets what is in files that are mostly useless: the next snapshot writes it anew, and they
    /// can go.
    fn evacuate(&mut self) {
        let mut live: BTreeMap<u64, u64> = BTreeMap::new();
        for BlobRef { file, len, .. } in self.books.blobs() {
            *live.entry(*file).or_default() += u64::from(*len);
        }
        let bytes = |file: &u64| self.files.get(file).copied().unwrap_or(0);
        let mut by_use: Vec<(u64, u64)> = live.into_iter().map(|(f, live)| (live, f)).collect();
        by_use.sort_unstable();
        let too_many = by_use.len().saturating_sub(MAX_FILES);
        let useless = by_use
            .iter()
            .enumerate()
            .filter(|(i, (live, file))| *i < too_many || live.saturating_mul(2) < bytes(file));
        let useless: BTreeSet<u64> = useless.map(|(_, (_, file))| *file).collect();
        if !useless.is_empty() {
            self.books.forget(|file| useless.contains(&file));
        }
    }
}

/// Reads a snapshot and all that it consists of; how many bytes these are.
///
/// # Errors
/// XX001 when something of it is damaged.
pub(super) fn read_all(reader: &SnapshotReader, of: &SnapshotRef) -> Result<u64> {
    let bytes = reader.index(of)?;
    let index = index::get(&bytes, Lsn(of.lsn)).map_err(SnapshotError::from)?;
    let tables = index.relations.iter().flat_map(|relation| &relation.chunks);
    let tables = tables.flat_map(|(_, places)| places.blobs());
    let mut total = bytes.len() as u64;
    for blob in tables.chain(index.arenas.blobs()) {
        total += reader.blob(blob)?.len() as u64;
    }
    Ok(total)
}

impl Database {
    /// Takes a snapshot: when this returns, opening the database reads it and replays what came
    /// later, and older parts of the log are gone. Commits go on meanwhile. `None` for a database
    /// in memory.
    ///
    /// # Errors
    /// 53100 when the disk is full, 58030 when it refuses; the database goes on with the snapshot
    /// before.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let Some(snapshots) = self.snapshots() else { return Ok(None) };
        let taken = self.take_snapshot(&mut locked(&snapshots))?;
        Ok(Some(taken.checkpoint))
    }

    pub(super) fn take_snapshot(&self, snapshots: &mut Snapshots) -> Result<Taken> {
        let mut saver = StateSaver::new(&mut snapshots.books.arenas);
        let mut longest = Duration::ZERO;
        for _ in 0..PREPARATIONS {
            let mut engine = self.engine();
            let start = Instant::now();
            let prepared = engine.prepare_capture(&mut saver, start + PREPARED_AT_ONCE)?;
            longest = longest.max(start.elapsed());
            drop(engine);
            if prepared {
                break;
            }
            // Whoever waits for the lock gets it: it is not handed on in order.
            std::thread::sleep(PREPARED_AT_ONCE);
        }
        let (captured, pause) = {
            let mut engine = self.engine();
            let start = Instant::now();
            (engine.capture(saver)?, longest.max(start.elapsed()))
        };
        let taken = snapshots.write(captured, pause, Step::On)?;
        // The snapshot counts; what is not removed now is removed with the next one.
        let _ = snapshots.clean_up(&taken);
        Ok(taken)
    }

    pub(super) fn snapshots(&self) -> Option<Arc<Mutex<Snapshots>>> {
        self.engine().journal.as_ref().map(|journal| Arc::clone(&journal.snapshots))
    }
}

impl From<SnapshotError> for Error {
    fn from(error: SnapshotError) -> Self {
        let message = error.to_string();
        match error {
            SnapshotError::Disk(disk) => LogError::from(disk).into(),
            SnapshotError::Damaged { .. } => Self::new(SqlState("XX001"), message),
            SnapshotError::Newer(..) => Self::new(SqlState::FEATURE_NOT_SUPPORTED, message),
            SnapshotError::Contents(error) => error.into(),
        }
    }
}
