//! Backups: the newest snapshot's files in another place, and a database made of them again.
//!
//! A backup is a set of named objects: the files of a snapshot as they are, and one called
//! `backup` that says which they are and is written last. A later backup to the same place adds
//! only files that are not there yet, so it is as small as the increments since. A place is a
//! directory, or whatever somebody plugs in by a scheme ([`BackupPlaces`]).
//!
//! ```text
//! backup = "ARENABAK", length of the rest u32, CRC32C of the rest u32, metadata [`Described`]
//! ```
//!
//! Invariant: an object `backup` names only files that are completely there; a database is
//! replaced by a whole backup or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arena_tr_storage::codec::{self, Decode, Encode};
use arena_tr_storage::disk::{Disk, MemDisk, Mode};
use arena_tr_storage::log::LogError;
use arena_tr_storage::snapshot::{SnapshotReader, SnapshotRef, file_name};
use arena_tr_types::SqlState;

use super::snapshot::{Snapshots, load, locked};
use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::options::Options;

const MAGIC: &[u8; 8] = b"ARENABAK";
const FORMAT: u32 = 1;
const NAME: &str = "backup";
const HEADER_BYTES: usize = 16;
/// Bytes moved at once.
const PIECE: usize = 4 << 20;

/// A place with named objects, where backups go. Objects are written once, whole, and replaced
/// only by name.
pub trait BackupPlace: Send + Sync {
    /// The objects that are there, with their lengths.
    ///
    /// # Errors
    /// When the place cannot be reached.
    fn list(&self) -> Result<Vec<(String, u64)>>;

    /// Makes or replaces an object; its bytes are what `next` hands out, piece by piece, until an
    /// empty one. It is there, and durable, when this returns, and not before.
    ///
    /// # Errors
    /// When the place refuses, or `next` fails.
    fn put(&self, name: &str, next: &mut dyn FnMut() -> Result<Vec<u8>>) -> Result<()>;

    /// So many bytes of an object, from an offset on.
    ///
    /// # Errors
    /// When there are fewer.
    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>>;

    /// Removes an object.
    ///
    /// # Errors
    /// When the place refuses.
    fn remove(&self, name: &str) -> Result<()>;

    /// The directory that it is, if it is one: its files are read where they are. Others are
    /// fetched into memory first.
    fn directory(&self) -> Option<(Arc<dyn Disk>, &Path)> {
        None
    }
}

/// Makes places from addresses such as `s3://bucket/path`.
pub trait BackupPlaces: Send + Sync {
    /// The schemes that it knows: `s3`, `gs`.
    fn schemes(&self) -> &'static [&'static str];

    /// The place of an address with one of these schemes.
    ///
    /// # Errors
    /// When the address is not one, or cannot be reached.
    fn place(&self, address: &str) -> Result<Box<dyn BackupPlace>>;
}

/// What the object `backup` says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
struct Described {
    format: u32,
    database: u128,
    snapshot: SnapshotRef,
    /// Numbers and lengths of the files.
    files: Vec<(u64, u64)>,
}

/// What a backup did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// The epoch that it holds.
    pub epoch: u64,
    /// Bytes that were copied.
    pub copied_bytes: u64,
    /// Bytes of the backup, those that were there already included.
    pub total_bytes: u64,
}

impl Database {
    /// Copies the database as it is now to a place: a directory, or an address with a scheme that
    /// the options know. Commits go on meanwhile.
    ///
    /// # Errors
    /// When the place refuses or holds another database; the backup that was there stays whole.
    pub fn backup(&self, to: &str) -> Result<Backup> {
        let place = self.place(to)?;
        let shared = self.snapshots();
        match &shared {
            Some(shared) => self.backup_with(&mut locked(shared), &*place),
            None => {
                let mut snapshots = self.snapshots_in_memory()?;
                let done = self.backup_with(&mut snapshots, &*place);
                // The next backup is not to be taken for this one.
                self.engine().backups.1 = snapshots.last_number();
                done
            }
        }
    }

    /// The snapshots are locked: what is copied stays where it is meanwhile.
    fn backup_with(&self, snapshots: &mut Snapshots, place: &dyn BackupPlace) -> Result<Backup> {
        let taken = self.take_snapshot(snapshots)?;
        let (database, files) = (snapshots.database(), snapshots.needed_files());
        let described = Described { format: FORMAT, database, snapshot: taken.snapshot, files };
        copy(snapshots, &described, place)
    }

    /// What takes a snapshot of a database in memory, from nothing.
    fn snapshots_in_memory(&self) -> Result<Snapshots> {
        let mut engine = self.engine();
        if engine.backups.0 == 0 {
            let random = &engine.options.random;
            engine.backups.0 = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
        }
        let (database, last) = engine.backups;
        Snapshots::new(Arc::new(MemDisk::new()), PathBuf::from("/snapshots"), database, last)
    }

    /// Makes this database, which must be empty, the one that a backup was taken of.
    ///
    /// # Errors
    /// 55000 when it is not empty, XX001 when the backup is damaged; nothing has changed then.
    pub fn restore(&self, from: &str) -> Result<()> {
        let place = self.place(from)?;
        let options = {
            let engine = self.engine();
            check_empty(&engine)?;
            engine.options.clone()
        };
        let described = describe(&*place, from)?;
        let fresh = fetch(&*place, &described, &options)?;
        fresh.engine().resume_sources(&options);
        match self.snapshots() {
            Some(shared) => {
                let mut snapshots = locked(&shared);
                self.take_over(&fresh, Some(&mut snapshots))
            }
            None => self.take_over(&fresh, None),
        }
    }

    /// Takes over all that another database is, and makes it durable if this one lasts.
    fn take_over(&self, other: &Self, snapshots: Option<&mut Snapshots>) -> Result<()> {
        let mut engine = self.engine();
        check_empty(&engine)?;
        let mut new = std::mem::replace(&mut *other.engine(), Engine::new(engine.options.clone()));
        new.connectors = engine.connectors.clone();
        new.epoch = new.epoch.max(engine.epoch);
        new.now = new.now.max(engine.now);
        new.next_id = new.next_id.max(engine.next_id);
        new.journal = engine.journal.take();
        new.begin_history(engine.history.retention());
        let old = std::mem::replace(&mut *engine, new);
        let Some(snapshots) = snapshots else { return Ok(()) };
        let saved = snapshots.take_over(&mut engine);
        if saved.is_err() {
            let journal = engine.journal.take();
            *engine = Engine { journal, ..old };
        }
        saved
    }

    fn place(&self, address: &str) -> Result<Box<dyn BackupPlace>> {
        let options = self.engine().options.clone();
        let Some((scheme, rest)) = address.split_once("://") else {
            return Ok(Box::new(Directory { disk: options.disk, dir: PathBuf::from(address) }));
        };
        if scheme == "file" {
            return Ok(Box::new(Directory { disk: options.disk, dir: PathBuf::from(rest) }));
        }
        let known = options.backup_places.iter();
        let mut places = known.filter(|places| places.schemes().contains(&scheme));
        let places = places.next().ok_or_else(|| {
            let message = format!("nobody knows how to reach '{scheme}://'");
            Error::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_hint(
                "a directory always works; a program plugs in other places by \
                 Options::backup_places",
            )
        })?;
        places.place(address)
    }
}

fn check_empty(engine: &Engine) -> Result<()> {
    if engine.relations.is_empty() && engine.sinks.is_empty() && engine.assertions.is_empty() {
        return Ok(());
    }
    Err(Error::new(SqlState::OBJECT_IN_WRONG_STATE, "the database is not empty")
        .with_hint("RESTORE into a new directory, or DROP everything before"))
}

/// Copies the files that are not there yet, then what describes them, and removes others.
fn copy(snapshots: &Snapshots, described: &Described, place: &dyn BackupPlace) -> Result<Backup> {
    let there = place.list()?;
    if there.iter().any(|(name, _)| name == NAME) {
        let before = describe(place, "the place")?;
        if before.database != described.database {
            let message = "the place holds a backup of another database";
            return Err(Error::new(SqlState::OBJECT_IN_WRONG_STATE, message)
                .with_hint("each database has a place of its own"));
        }
    }
    let mut copied_bytes = 0;
    for (number, len) in &described.files {
        let name = file_name(*number);
        if there.contains(&(name.clone(), *len)) {
            continue;
        }
        let mut at = 0;
        place.put(&name, &mut || {
            let piece = PIECE.min((len - at) as usize);
            let bytes = snapshots.read_file(*number, at, piece)?;
            at += piece as u64;
            Ok(bytes)
        })?;
        copied_bytes += len;
    }
    let mut bytes = Some(encode(described)?);
    place.put(NAME, &mut || Ok(bytes.take().unwrap_or_default()))?;
    for (name, _) in there {
        let number = name.strip_suffix(".snap").and_then(|n| n.parse::<u64>().ok());
        if number.is_some_and(|n| described.files.iter().all(|(file, _)| *file != n)) {
            place.remove(&name)?;
        }
    }
    let total_bytes = described.files.iter().map(|(_, len)| len).sum();
    Ok(Backup { epoch: described.snapshot.epoch, copied_bytes, total_bytes })
}

fn encode(described: &Described) -> Result<Vec<u8>> {
    let mut fields = Vec::new();
    codec::encode(described, &mut fields)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(fields.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&codec::checksum(&fields).to_le_bytes());
    bytes.extend_from_slice(&fields);
    Ok(bytes)
}

/// What a place says of the backup in it.
fn describe(place: &dyn BackupPlace, address: &str) -> Result<Described> {
    let damaged = || Error::new(SqlState("XX001"), format!("the backup in '{address}' is damaged"));
    let there = place.list()?;
    let Some((_, len)) = there.iter().find(|(name, _)| name == NAME) else {
        let message = format!("there is no backup in '{address}'");
        return Err(Error::new(SqlState("58P01"), message));
    };
    if !(HEADER_BYTES as u64..codec::MAX_META_BYTES as u64).contains(len) {
        return Err(damaged());
    }
    let bytes = place.read(NAME, 0, *len as usize)?;
    let (header, fields) = bytes.split_at(HEADER_BYTES);
    let number = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if header[..8] != *MAGIC
        || number(8) as usize != fields.len()
        || number(12) != codec::checksum(fields)
    {
        return Err(damaged());
    }
    let described: Described = codec::decode(fields).map_err(|_| damaged())?;
    if described.format > FORMAT {
        let message = format!("the backup in '{address}' has format {}", described.format);
        return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
            .with_hint(format!("this program reads formats up to {FORMAT}")));
    }
    Ok(described)
}

/// A database in memory with what a backup holds.
fn fetch(place: &dyn BackupPlace, of: &Described, options: &Options) -> Result<Database> {
    if let Some((disk, dir)) = place.directory() {
        return load_from(disk, dir, of, options);
    }
    let disk: Arc<dyn Disk> = Arc::new(MemDisk::new());
    let dir = Path::new("/backup");
    disk.create_dir(dir).map_err(LogError::from)?;
    for (number, len) in &of.files {
        let name = file_name(*number);
        let file = disk.open(&dir.join(&name), Mode::CreateNew).map_err(LogError::from)?;
        let mut at = 0;
        while at < *len {
            let piece = PIECE.min((len - at) as usize);
            let bytes = place.read(&name, at, piece)?;
            file.write_at(at, &bytes).map_err(LogError::from)?;
            at += piece as u64;
        }
    }
    load_from(disk, dir, of, options)
}

fn load_from(
    disk: Arc<dyn Disk>,
    dir: &Path,
    of: &Described,
    options: &Options,
) -> Result<Database> {
    let reader = SnapshotReader::new(disk, dir, of.database);
    let db = Database::with_options(options.clone());
    db.engine().recovering = true;
    load::load(&db, &reader, &of.snapshot, load::Sinks::Off)?;
    db.engine().recovering = false;
    Ok(db)
}

/// A directory as a place.
struct Directory {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

impl Directory {
    fn refused(error: arena_tr_storage::disk::DiskError) -> Error {
        LogError::from(error).into()
    }
}

impl BackupPlace for Directory {
    fn list(&self) -> Result<Vec<(String, u64)>> {
        let (disk, dir) = (&self.disk, &self.dir);
        if !disk.exists(dir).map_err(Self::refused)? {
            return Ok(Vec::new());
        }
        let mut objects = Vec::new();
        for name in disk.list(dir).map_err(Self::refused)? {
            if name != NAME && !name.ends_with(".snap") {
                continue;
            }
            let file = disk.open(&dir.join(&name), Mode::Read).map_err(Self::refused)?;
            objects.push((name, file.len().map_err(Self::refused)?));
        }
        Ok(objects)
    }

    fn put(&self, name: &str, next: &mut dyn FnMut() -> Result<Vec<u8>>) -> Result<()> {
        let (disk, dir) = (&self.disk, &self.dir);
        disk.create_dir(dir).map_err(Self::refused)?;
        let making = dir.join(format!("{name}.tmp"));
        if disk.exists(&making).map_err(Self::refused)? {
            disk.remove(&making).map_err(Self::refused)?;
        }
        let file = disk.open(&making, Mode::CreateNew).map_err(Self::refused)?;
        let mut at = 0;
        loop {
            let bytes = next()?;
            if bytes.is_empty() {
                break;
            }
            file.write_at(at, &bytes).map_err(Self::refused)?;
            at += bytes.len() as u64;
        }
        file.sync().map_err(Self::refused)?;
        drop(file);
        disk.rename(&making, &dir.join(name)).map_err(Self::refused)?;
        disk.sync_dir(dir).map_err(Self::refused)
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>> {
        let file = self.disk.open(&self.dir.join(name), Mode::Read).map_err(Self::refused)?;
        let mut bytes = vec![0; len];
        file.read_at(offset, &mut bytes).map_err(Self::refused)?;
        Ok(bytes)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.disk.remove(&self.dir.join(name)).map_err(Self::refused)
    }

    fn directory(&self) -> Option<(Arc<dyn Disk>, &Path)> {
        Some((Arc::clone(&self.disk), &self.dir))
    }
}
