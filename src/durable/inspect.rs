//! Looking into a database's directory without opening the database: its log in words, whether all
//! of it is sound; and cutting off what is not.
//!
//! Invariant: nothing in the directory is changed, except by [`truncate_log`].

use std::fmt;
use std::path::Path;

use arena_tr_storage::disk::Disk;
use arena_tr_storage::log::{Entry, LogError, Lost, Lsn, read, truncate};
use arena_tr_storage::manifest::Manifest;

use super::record::{Item, items};
use super::recover::{LOCK, LOG, locked, manifest_error};
use crate::error::{Error, Result};
use arena_tr_types::SqlState;

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
    let mut checked = Checked { records: 0, epoch: 0, end: 0, torn: false };
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

/// Cuts a damaged log off at a position where a record ends, and forgets everything behind it; what
/// that was.
///
/// # Errors
/// 55006 when somebody has the database open, XX001 when no whole record ends there.
pub fn truncate_log(disk: &dyn Disk, dir: &Path, lsn: u64) -> Result<Lost> {
    let mut manifest = Manifest::read(disk, dir).map_err(manifest_error)?.ok_or_else(|| {
        Error::new(SqlState("58P01"), format!("there is no database in {}", dir.display()))
    })?;
    let _lock = disk.lock(&dir.join(LOCK)).map_err(|error| locked(dir, error))?;
    let lost = truncate(disk, &dir.join(LOG), Lsn(lsn))?;
    manifest.floor = lsn;
    manifest.write(disk, dir).map_err(LogError::from)?;
    Ok(lost)
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
            let of =
                |(id, batches): (&arena_tr_types::RelationId, &Vec<arena_tr_storage::Batch>)| {
                    let (mut more, mut fewer) = (0i64, 0i64);
                    for batch in batches {
                        for i in 0..batch.rows() {
                            let weight = batch.weight(i);
                            if weight > 0 { more += weight } else { fewer -= weight }
                        }
                    }
                    format!("relation {}: +{more} -{fewer}", id.0)
                };
            let relations: Vec<String> = deltas.iter().map(of).collect();
            format!("commit of epoch {}: {}", head.epoch, relations.join(", "))
        }
    };
    Ok(LogRecord {
        lsn: entry.lsn.0,
        end: entry.end.0,
        epoch: entry.epoch,
        bytes: entry.payload.len(),
        items: items.into_iter().map(item).collect(),
    })
}
