//! Appending, and making durable what was appended.
//!
//! Whoever commits appends under a short lock and then waits. The first who waits syncs for all who
//! appended before it began (the leader); the others sleep until their position is durable, and
//! who came too late for this sync leads or follows in the next. So one sync serves as many
//! commits as arrived during the one before.
//!
//! A failed sync poisons the log for good: the system may have dropped the pages and call the next
//! sync a success. On opening, everything that may not be on the device is written once more, at
//! its place and with the same bytes, and synced, before anybody builds on it.
//!
//! Invariant: `durable` only grows, and only by a sync that succeeded over everything below it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::io::{self, SegmentIo};
use super::read::{Entry, LogEnd, read};
use super::record::{self, Header, Kind, MAX_PAYLOAD_BYTES, MAX_RECORD_PAYLOAD};
use super::segment::{self, Header as SegmentHeader};
use super::{LogError, LogOptions, Lsn};
use crate::disk::{Disk, DiskError, Mode, SECTOR_BYTES};

/// A log that is open to be appended to.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: LogOptions,
    tail: Mutex<Tail>,
    /// Everything below is durable. Written under the lock of `waiting`.
    durable: AtomicU64,
    waiting: Mutex<Waiting>,
    synced: Condvar,
    /// Where salts come from. Held while a spare is made or used: one at a time.
    salts: Mutex<u64>,
}

/// The segment that is appended to.
#[derive(Debug)]
struct Tail {
    header: SegmentHeader,
    io: Arc<dyn SegmentIo>,
    /// Offset in the file behind the last record.
    at: u64,
    /// The last record's checksum.
    crc: u32,
    scratch: Vec<u8>,
}

#[derive(Debug, Default)]
struct Waiting {
    leading: bool,
    poison: Option<DiskError>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics between two changes that belong together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log {
    /// Makes a new log in an empty directory.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        (database, seed): (u128, u64),
        options: LogOptions,
    ) -> Result<Self, LogError> {
        let mut salts = seed;
        let bytes = options.segment_bytes;
        segment::make_spare(&*disk, dir, bytes)?;
        let header = SegmentHeader {
            salt: draw(&mut salts),
            segment_bytes: bytes,
            database,
            sequence: 1,
            previous_end: bytes,
            previous_crc: 0,
        };
        let file = segment::use_spare(&*disk, dir, header)?;
        let io = io::open(file, bytes, options.io)?;
        let at = segment::HEADER_BYTES as u64;
        Ok(Self::at(disk, dir, options, (header, io, at, header.crc()), salts))
    }

    /// Reads a log as [`read`] does, and opens it to be appended to.
    ///
    /// # Errors
    /// As [`read`], and when what was found cannot be made durable.
    pub fn open<E: From<LogError>>(
        disk: Arc<dyn Disk>,
        dir: &Path,
        (from, floor, seed): (Lsn, Lsn, u64),
        options: LogOptions,
        each: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<Self, E> {
        let end = read(&*disk, dir, (from, floor), each)?;
        Ok(Self::resume(disk, dir, &end, seed, options)?)
    }

    fn resume(
        disk: Arc<dyn Disk>,
        dir: &Path,
        end: &LogEnd,
        seed: u64,
        options: LogOptions,
    ) -> Result<Self, LogError> {
        let header = end.header;
        let options = LogOptions { segment_bytes: header.segment_bytes, ..options };
        rewrite(&*disk, dir, end)?;
        let (file, header) = segment::open(&*disk, dir, header.sequence, Mode::Write)?;
        let io = io::open(file, header.segment_bytes, options.io)?;
        let at = end.end.0 - header.start();
        Ok(Self::at(disk, dir, options, (header, io, at, end.crc), seed))
    }

    fn at(
        disk: Arc<dyn Disk>,
        dir: &Path,
        options: LogOptions,
        (header, io, at, crc): (SegmentHeader, Box<dyn SegmentIo>, u64, u32),
        salts: u64,
    ) -> Self {
        let tail = Tail { header, io: Arc::from(io), at, crc, scratch: Vec::new() };
        Self {
            disk,
            dir: dir.to_owned(),
            options,
            durable: AtomicU64::new(header.start() + at),
            tail: Mutex::new(tail),
            waiting: Mutex::default(),
            synced: Condvar::new(),
            salts: Mutex::new(salts),
        }
    }

    /// Where the next record begins.
    pub fn end(&self) -> Lsn {
        let tail = locked(&self.tail);
        tail.lsn()
    }

    /// Everything below is durable.
    pub fn durable(&self) -> Lsn {
        Lsn(self.durable.load(Ordering::Acquire))
    }

    /// Where the segment that is appended to begins: those before it are complete.
    pub fn segment_start(&self) -> Lsn {
        Lsn(locked(&self.tail).header.start())
    }

    /// Sees to it that a commit of so many bytes can be appended without the disk being full: a
    /// spare segment is made if one will be needed.
    ///
    /// # Errors
    /// When the disk refuses; nothing has changed then.
    pub fn reserve(&self, payload_bytes: usize) -> Result<(), LogError> {
        self.check_poison()?;
        if payload_bytes > MAX_PAYLOAD_BYTES {
            return Err(LogError::TooLong(payload_bytes));
        }
        let left = {
            let tail = locked(&self.tail);
            tail.header.segment_bytes - tail.at
        };
        // A record in one piece, and the padding in front of the next.
        let needed = record::record_bytes(payload_bytes) + SECTOR_BYTES + record::HEADER_BYTES;
        if needed as u64 > left { self.prepare() } else { Ok(()) }
    }

    /// Makes a spare segment ahead of time, so that nobody who commits has to wait for it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn prepare(&self) -> Result<(), LogError> {
        let _one = locked(&self.salts);
        Ok(segment::make_spare(&*self.disk, &self.dir, self.options.segment_bytes)?)
    }

    /// Appends a commit; where it ends. It is durable once [`Log::wait`] says so.
    ///
    /// # Errors
    /// When the disk refuses. If it is full (which [`Log::reserve`] rules out for a commit that
    /// fits into a segment), there is no commit; after other errors the log is poisoned.
    pub fn append(&self, epoch: u64, payload: &[u8]) -> Result<Lsn, LogError> {
        self.check_poison()?;
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(LogError::TooLong(payload.len()));
        }
        let mut tail = locked(&self.tail);
        let most = MAX_RECORD_PAYLOAD.min(self.most_in_a_segment());
        if record::record_bytes(payload.len()) as u64 <= tail.left() && payload.len() <= most {
            self.put(&mut tail, Kind::Whole, epoch, payload)?;
            return Ok(tail.lsn());
        }
        let mut rest = payload;
        let mut first = true;
        loop {
            let room = record::payload_in(tail.left() as usize).unwrap_or(0).min(most);
            // A short rest is not worth a part of its own.
            if room < rest.len() && (room < most.min(4096)) {
                self.rotate(&mut tail)?;
                continue;
            }
            let (part, behind) = rest.split_at(room.min(rest.len()));
            let kind = match (first, behind.is_empty()) {
                (true, true) => Kind::Whole,
                (true, false) => Kind::First,
                (false, false) => Kind::Middle,
                (false, true) => Kind::Last,
            };
            self.put(&mut tail, kind, epoch, part)?;
            (rest, first) = (behind, false);
            if rest.is_empty() {
                return Ok(tail.lsn());
            }
        }
    }

    /// Returns when everything below the position is durable.
    ///
    /// # Errors
    /// When a sync failed: the log is poisoned, and what was appended may or may not be found when
    /// it is opened again.
    pub fn wait(&self, lsn: Lsn) -> Result<(), LogError> {
        let mut waiting = locked(&self.waiting);
        loop {
            if self.durable() >= lsn {
                return Ok(());
            }
            if let Some(error) = &waiting.poison {
                return Err(LogError::Poisoned(error.clone()));
            }
            if waiting.leading {
                waiting = self.synced.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            waiting.leading = true;
            drop(waiting);
            let done = self.sync_tail();
            waiting = locked(&self.waiting);
            waiting.leading = false;
            match done {
                Ok(end) => self.raise_durable(end),
                Err(LogError::Disk(error)) => waiting.poison = Some(error),
                Err(error) => {
                    self.synced.notify_all();
                    return Err(error);
                }
            }
            self.synced.notify_all();
        }
    }

    /// Makes everything durable that was appended.
    ///
    /// # Errors
    /// As [`Log::wait`].
    pub fn sync(&self) -> Result<Lsn, LogError> {
        let end = self.end();
        self.wait(end)?;
        Ok(end)
    }

    /// Removes the segments that lie wholly below a position.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn release(&self, below: Lsn) -> Result<(), LogError> {
        let current = locked(&self.tail).header.sequence;
        let keep = (below.0 / self.options.segment_bytes).min(current);
        let mut removed = false;
        for sequence in segment::list(&*self.disk, &self.dir)? {
            if sequence < keep {
                segment::remove(&*self.disk, &self.dir, sequence)?;
                removed = true;
            }
        }
        if removed {
            self.disk.sync_dir(&self.dir)?;
        }
        Ok(())
    }

    fn check_poison(&self) -> Result<(), LogError> {
        match &locked(&self.waiting).poison {
            Some(error) => Err(LogError::Poisoned(error.clone())),
            None => Ok(()),
        }
    }

    fn poison(&self, error: &DiskError) {
        locked(&self.waiting).poison.get_or_insert_with(|| error.clone());
        self.synced.notify_all();
    }

    fn raise_durable(&self, to: Lsn) {
        self.durable.fetch_max(to.0, Ordering::AcqRel);
    }

    fn most_in_a_segment(&self) -> usize {
        let bytes = self.options.segment_bytes as usize - segment::HEADER_BYTES;
        record::payload_in(bytes).unwrap_or(0)
    }

    /// Puts a record for which there is room.
    fn put(&self, tail: &mut Tail, kind: Kind, epoch: u64, payload: &[u8]) -> Result<(), LogError> {
        let header = Header {
            kind,
            length: payload.len() as u32,
            lsn: tail.lsn().0,
            epoch,
            synced: self.durable().0,
            salt: tail.header.salt,
        };
        tail.scratch.clear();
        let crc = record::put(header, payload, tail.crc, &mut tail.scratch);
        if let Err(error) = tail.io.write(tail.at, &tail.scratch) {
            // What the file holds there is not known.
            self.poison(&error);
            return Err(error.into());
        }
        tail.crc = crc;
        tail.at += tail.scratch.len() as u64;
        Ok(())
    }

    /// Syncs what was appended so far; the end of it.
    fn sync_tail(&self) -> Result<Lsn, LogError> {
        let mut tail = locked(&self.tail);
        if self.options.aligned {
            self.align(&mut tail)?;
        }
        let end = tail.lsn();
        let from = self.durable().0.saturating_sub(tail.header.start());
        let range = from.min(tail.at)..tail.at;
        let io = Arc::clone(&tail.io);
        drop(tail);
        io.sync(range)?;
        Ok(end)
    }

    /// Fills the sector, so that no later write touches it.
    fn align(&self, tail: &mut Tail) -> Result<(), LogError> {
        let over = tail.at as usize % SECTOR_BYTES;
        if over == 0 {
            return Ok(());
        }
        let mut gap = SECTOR_BYTES - over;
        if gap < record::record_bytes(0) {
            gap += SECTOR_BYTES;
        }
        if gap as u64 > tail.left() {
            return Ok(());
        }
        let payload = record::payload_in(gap).unwrap_or(0);
        self.put(tail, Kind::Pad, 0, &[0; SECTOR_BYTES * 2][..payload])
    }

    /// Goes on in a new segment. A full disk leaves the old one as it was.
    fn rotate(&self, tail: &mut Tail) -> Result<(), LogError> {
        self.prepare()?;
        let range = segment::HEADER_BYTES as u64..tail.at;
        let next = tail.io.sync(range).and_then(|()| self.next_segment(tail));
        let (header, io) = next.inspect_err(|error| self.poison(error))?;
        self.raise_durable(tail.lsn());
        self.synced.notify_all();
        tail.at = segment::HEADER_BYTES as u64;
        tail.crc = header.crc();
        (tail.header, tail.io) = (header, Arc::from(io));
        Ok(())
    }

    fn next_segment(&self, tail: &Tail) -> Result<(SegmentHeader, Box<dyn SegmentIo>), DiskError> {
        let mut salts = locked(&self.salts);
        let header = SegmentHeader {
            salt: draw(&mut salts),
            sequence: tail.header.sequence + 1,
            previous_end: tail.lsn().0,
            previous_crc: tail.crc,
            ..tail.header
        };
        let file = segment::use_spare(&*self.disk, &self.dir, header)?;
        let io = io::open(file, header.segment_bytes, self.options.io)?;
        Ok((header, io))
    }
}

impl Tail {
    fn lsn(&self) -> Lsn {
        Lsn(self.header.start() + self.at)
    }

    fn left(&self) -> u64 {
        self.header.segment_bytes - self.at
    }
}

/// The next number of a fixed sequence that looks random (splitmix64).
fn draw(state: &mut u64) -> u32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as u32
}

/// Writes the last segment's records once more, zeros behind them, and syncs: they may be in the
/// system's memory only, marked as written by a sync that failed.
fn rewrite(disk: &dyn Disk, dir: &Path, end: &LogEnd) -> Result<(), LogError> {
    const PIECE: u64 = 1 << 20;
    let (file, header) = segment::open(disk, dir, end.header.sequence, Mode::Write)?;
    let at = end.end.0 - header.start();
    let mut buffer = Vec::new();
    let mut from = 0;
    let dirty_end = end.dirty_end.max(at);
    while from < dirty_end {
        let piece = PIECE.min(dirty_end - from);
        buffer.resize(piece as usize, 0);
        file.read_at(from, &mut buffer)?;
        let kept = at.saturating_sub(from).min(piece) as usize;
        buffer[kept..].fill(0);
        file.write_at(from, &buffer)?;
        from += piece;
    }
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(())
}
