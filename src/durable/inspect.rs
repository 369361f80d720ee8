//! Looking into a database's directory without opening the database: its log in words, whether all
//! of it is sound; and cutting off what is not.
//!
//! Invariant: nothing in the directory is changed, except by [`truncate_log`].

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arena_tr_storage::Batch;
use arena_tr_storage::disk::Disk;
use arena_tr_storage::log::{Entry, LogError, Lost, Lsn, read, truncate};
use arena_tr_storage::manifest::Manifest;
use arena_tr_storage::snapshot::{SnapshotReader, SnapshotRef};

use super::record::{Item, Prepared, items};
use super::recover::{LOCK, LOG, SNAPSHOTS, locked, manifest_error};
use super::snapshot;
use crate::database::Database;
use crate::engine::check::Finding;
use crate::engine::commit::Deltas;
use crate::error::{Error, Result};
use arena_tr_types::{RelationId, SqlState};

/// A record of the log, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Where it begins.
    pub lsn: u64,
    /// Where it ends.
    pub end: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Bytes of its payload.
    pub bytes: usize,
    /// What it says, an item each: the SQL of a definition, or which relations got how many rows.
    pub items: Vec<String>,
}

/// What a check of a directory found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Records of the log.
    pub records: u64,
    /// The last epoch.
    pub epoch: u64,
    /// Where the log ends.
    pub end: u64,
    /// Whether records were begun behind the end that were never finished; they are cut off when
    /// the database is opened.
    pub torn: bool,
    /// The snapshots that it may be opened from, the newest first.
    pub snapshots: Vec<CheckedSnapshot>,
}

/// What a check found of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedSnapshot {
    /// Its number.
    pub number: u64,
    /// The epoch that it holds.
    pub epoch: u64,
    /// Where in the log it was taken.
    pub lsn: u64,
    /// Bytes that it consists of.
    pub bytes: u64,
    /// What is wrong with it: opening goes back behind it.
    pub damaged: Option<String>,
}

impl fmt::Display for LogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} epoch {} {} bytes", Lsn(self.lsn), self.epoch, self.bytes)?;
        self.items.iter().try_for_each(|item| write!(f, "\n    {item}"))
    }
}

/// Hands out the records of a directory's log, in order.
///
/// # Errors
/// 55006 when somebody has the database open, XX001 when it is damaged.
pub fn log_records(
    disk: &dyn Disk,
    dir: &Path,
    mut each: impl FnMut(LogRecord),
) -> Result<Checked> {
    let manifest = Manifest::read(disk, dir).map_err(manifest_error)?.ok_or_else(|| {
        Error::new(SqlState("58P01"), format!("there is no database in {}", dir.display()))
    })?;
    let _lock = disk.lock(&dir.join(LOCK)).map_err(|error| locked(dir, error))?;
    read_records(disk, dir, &manifest, &mut each)
}

/// The same of a log that nothing is appended to meanwhile.
fn read_records(
    disk: &dyn Disk,
    dir: &Path,
    manifest: &Manifest,
    each: &mut dyn FnMut(LogRecord),
) -> Result<Checked> {
    let mut checked = Checked { records: 0, epoch: 0, end: 0, torn: false, snapshots: Vec::new() };
    let end = read(disk, &dir.join(LOG), manifest.log_positions(), |entry: Entry| {
        let record = in_words(&entry)?;
        checked.records += 1;
        checked.epoch = checked.epoch.max(record.epoch);
        each(record);
        Ok::<(), Error>(())
    })?;
    checked.end = end.end.0;
    checked.torn = end.is_torn();
    Ok(checked)
}

/// Reads a directory's snapshots and its log, every byte of them that counts.
///
/// # Errors
/// As [`log_records`]. A damaged snapshot is said in what is returned.
pub fn check_directory(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Checked> {
    let mut checked = log_records(&**disk, dir, |_| {})?;
    let manifest = Manifest::read(&**disk, dir).map_err(manifest_error)?;
    let Some(manifest) = manifest else { return Ok(checked) };
    checked.snapshots = check_snapshots(disk, dir, &manifest);
    let epochs = checked.snapshots.iter().map(|of| of.epoch);
    checked.epoch = epochs.fold(checked.epoch, u64::max);
    Ok(checked)
}

/// Reads the snapshots that a manifest names.
fn check_snapshots(disk: &Arc<dyn Disk>, dir: &Path, of: &Manifest) -> Vec<CheckedSnapshot> {
    let reader = SnapshotReader::new(Arc::clone(disk), &dir.join(SNAPSHOTS), of.database);
    let check = |of: SnapshotRef| {
        let read = snapshot::read_all(&reader, &of);
        CheckedSnapshot {
            number: of.number,
            epoch: of.epoch,
            lsn: of.lsn,
            bytes: *read.as_ref().unwrap_or(&0),
            damaged: read.err().map(|error| error.message().to_owned()),
        }
    };
    [of.newest, of.previous].into_iter().flatten().map(check).collect()
}

impl Database {
    /// Reads the files of a durable database: its snapshots, and its log as far as it is durable.
    ///
    /// # Errors
    /// None but that of a log that is lost.
    pub(crate) fn check_files(&self) -> Result<Vec<(String, &'static str, Finding)>> {
        // No snapshot is taken, and nothing removed, as long as this is locked.
        let Some(shared) = self.snapshots() else { return Ok(Vec::new()) };
        let _snapshots = snapshot::locked(&shared);
        let (disk, dir, manifest) = {
            let engine = self.engine();
            let Some(journal) = &engine.journal else { return Ok(Vec::new()) };
            let files = &journal.files;
            (Arc::clone(&files.disk), files.dir.clone(), files.manifest().clone())
        };
        let mut found = Vec::new();
        for of in check_snapshots(&disk, &dir, &manifest) {
            let finding = of.damaged.map_or(Finding::Ok, Finding::Damaged);
            found.push((format!("snapshot {}", of.number), "file", finding));
        }
        // Records are appended under the lock.
        let engine = self.engine();
        let durable = engine.journal.as_ref().map_or(0, |journal| journal.log.durable().0);
        let finding = match read_records(&*disk, &dir, &manifest, &mut |_| {}) {
            Ok(read) if read.end < durable => Finding::Damaged(format!(
                "it ends at LSN {} and was durable up to {}",
                Lsn(read.end),
                Lsn(durable)
            )),
            Ok(_) => Finding::Ok,
            Err(error) => Finding::Damaged(error.message().to_owned()),
        };
        found.push(("log".to_owned(), "file", finding));
        Ok(found)
    }
}

/// Cuts a damaged log off at a position where a record ends, and forgets everything behind it; what
/// that was. A snapshot that was taken behind that position is given up.
///
/// # Errors
/// 55006 when somebody has the database open, XX001 when no whole record ends there or nothing
/// leads from a snapshot to that position any more.
pub fn truncate_log(disk: &dyn Disk, dir: &Path, lsn: u64) -> Result<Lost> {
    let mut manifest = Manifest::read(disk, dir).map_err(manifest_error)?.ok_or_else(|| {
        Error::new(SqlState("58P01"), format!("there is no database in {}", dir.display()))
    })?;
    let _lock = disk.lock(&dir.join(LOCK)).map_err(|error| locked(dir, error))?;
    let is_before = |of: &SnapshotRef| of.lsn <= lsn;
    let kept = manifest.newest.filter(is_before).or(manifest.previous.filter(is_before));
    if kept.is_none() && manifest.replay_from > 0 {
        let first = manifest.previous.or(manifest.newest).map_or(0, |of| of.lsn);
        let message = format!("the log before LSN {} is gone into a snapshot", Lsn(first));
        return Err(Error::new(SqlState("XX001"), message)
            .with_hint("cut it there or behind, or go back to a backup"));
    }
    let lost = truncate(disk, &dir.join(LOG), Lsn(lsn))?;
    manifest.floor = lsn;
    if kept != manifest.newest {
        (manifest.newest, manifest.previous) = (kept, None);
    }
    manifest.write(disk, dir).map_err(LogError::from)?;
    Ok(lost)
}

/// How many rows each relation gets and loses.
fn counted(deltas: &Deltas) -> String {
    let of = |(id, batches): (&RelationId, &Vec<Batch>)| {
        let (mut more, mut fewer) = (0i64, 0i64);
        for batch in batches {
            for i in 0..batch.rows() {
                let weight = batch.weight(i);
                if weight > 0 { more += weight } else { fewer -= weight }
            }
        }
        format!("relation {}: +{more} -{fewer}", id.0)
    };
    deltas.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn in_words(entry: &Entry) -> Result<LogRecord> {
    let damaged = |error| {
        let message = format!("the record at LSN {} is damaged: {error}", entry.lsn);
        Error::new(SqlState("XX001"), message)
    };
    let items = items(&entry.payload).map_err(|error| damaged(error.to_string()))?;
    let item = |item: Item| match item {
        Item::Definition(definition, past) => {
            let rows: usize = past.iter().flat_map(|s| &s.batches).map(|b| b.rows()).sum();
            let past =
                if rows > 0 { format!(" -- with {rows} rows of the past") } else { String::new() };
            format!("{}{past}", definition.sql)
        }
        Item::Commit(head, deltas) => {
            format!("commit of epoch {}: {}", head.epoch, counted(&deltas))
        }
        Item::Acknowledgement(of) => {
            format!("acknowledged: {} up to epoch {}", of.subscription, of.up_to)
        }
        Item::Prepared(Prepared { head, changes, .. }) => {
            format!("transaction '{}' prepared: {}", head.gid, counted(&changes))
        }
        Item::Ended(gid) => format!("end of prepared transaction '{gid}'"),
    };
    Ok(LogRecord {
        lsn: entry.lsn.0,
        end: entry.end.0,
        epoch: entry.epoch,
        bytes: entry.payload.len(),
        items: items.into_iter().map(item).collect(),
    })
}
