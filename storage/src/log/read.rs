//! Reading the log from a position to its end.
//!
//! Segments are read by plain reads, a piece at a time, and every record is checked before its
//! payload is looked at. The parts of a commit are joined; parts without a last one were never
//! acknowledged and are left out.
//!
//! Invariant: what is handed out was written exactly so, in this order, with nothing left out in
//! between.

use std::path::{Path, PathBuf};

use super::record::{self, Header, Kind, MAX_PAYLOAD_BYTES, MAX_RECORD_PAYLOAD};
use super::segment;
use super::{Damage, LogError, Lsn, tail};
use crate::disk::{Disk, DiskResult, File, Mode};

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// A commit, as it was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it begins.
    pub lsn: Lsn,
    /// Where it ends: the log up to here holds it.
    pub end: Lsn,
    /// Its epoch.
    pub epoch: u64,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// The end of the last record.
    pub end: Lsn,
    /// Where in the last segment's file the bytes end that are not zero: behind `end` they belong
    /// to records that were never finished.
    pub(super) dirty_end: u64,
    /// The last segment.
    pub(super) header: segment::Header,
    /// The checksum of the last record.
    pub(super) crc: u32,
}

impl LogEnd {
    /// Whether records were begun behind the end that were never finished.
    pub fn is_torn(&self) -> bool {
        self.header.start() + self.dirty_end > self.end.0
    }
}

/// A file, read through a window.
pub(super) struct Window<'a> {
    file: &'a dyn File,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a dyn File, len: u64) -> Self {
        Self { file, len, start: 0, bytes: Vec::new() }
    }

    /// `n` bytes from an offset; `None` past the end of the file.
    pub(super) fn get(&mut self, offset: u64, n: usize) -> DiskResult<Option<&[u8]>> {
        if offset + n as u64 > self.len {
            return Ok(None);
        }
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + n as u64 > end {
            let piece = n.max(PIECE).min((self.len - offset) as usize);
            self.bytes.resize(piece, 0);
            self.start = offset;
            self.file.read_at(offset, &mut self.bytes)?;
        }
        let at = (offset - self.start) as usize;
        Ok(Some(&self.bytes[at..at + n]))
    }

    /// The header at an offset, if one can be there.
    pub(super) fn header(
        &mut self,
        offset: u64,
    ) -> DiskResult<Option<Result<Header, &'static str>>> {
        let Some(bytes) = self.get(offset, record::HEADER_BYTES)? else { return Ok(None) };
        let mut header = [0; record::HEADER_BYTES];
        header.copy_from_slice(bytes);
        Ok(Some(Header::from_bytes(&header)))
    }
}

/// One segment, and how far it was read.
pub(super) struct Segment<'a> {
    pub(super) path: PathBuf,
    pub(super) header: segment::Header,
    pub(super) window: Window<'a>,
    /// Offset of the next record.
    pub(super) at: u64,
    /// The checksum of the record before it.
    pub(super) crc: u32,
}

/// What is at a position.
pub(super) enum Next {
    Record(Header, Vec<u8>),
    /// No record; why not.
    Nothing(&'static str),
}

impl<'a> Segment<'a> {
    pub(super) fn new(file: &'a dyn File, dir: &Path, header: segment::Header) -> Self {
        Self {
            path: segment::path(dir, header.sequence),
            window: Window::new(file, header.segment_bytes),
            at: segment::HEADER_BYTES as u64,
            crc: header.crc(),
            header,
        }
    }

    pub(super) fn lsn(&self, offset: u64) -> Lsn {
        Lsn(self.header.start() + offset)
    }

    pub(super) fn damaged(&self, offset: u64, reason: impl Into<String>) -> LogError {
        LogError::Corrupt(Damage::new(&self.path, self.lsn(offset), offset, reason))
    }

    /// The next record.
    pub(super) fn next(&mut self) -> DiskResult<Next> {
        let header = match self.window.header(self.at)? {
            None => return Ok(Next::Nothing("the segment is full")),
            Some(Err(reason)) => return Ok(Next::Nothing(reason)),
            Some(Ok(header)) => header,
        };
        let length = header.length as usize;
        if length > MAX_RECORD_PAYLOAD && header.kind != Kind::Pad {
            return Ok(Next::Nothing("a record longer than may be"));
        }
        if header.salt != self.header.salt || header.lsn != self.lsn(self.at).0 {
            return Ok(Next::Nothing("the record belongs elsewhere"));
        }
        let Some(bytes) = self.window.get(self.at, header.record_bytes())? else {
            return Ok(Next::Nothing("the record is longer than the segment"));
        };
        match record::check(bytes, &header, self.crc) {
            Err(reason) => Ok(Next::Nothing(reason)),
            Ok(crc) => {
                let payload = bytes[record::HEADER_BYTES..record::HEADER_BYTES + length].to_vec();
                self.crc = crc;
                self.at += header.record_bytes() as u64;
                Ok(Next::Record(header, payload))
            }
        }
    }
}

/// Joins the parts of commits.
#[derive(Default)]
struct Parts {
    lsn: u64,
    epoch: u64,
    payload: Vec<u8>,
    open: bool,
}

impl Parts {
    /// Takes a record; a commit if it is the last of one. `Err` when it does not follow. The log
    /// may begin in the midst of a commit that ends before `from`.
    fn take(
        &mut self,
        header: &Header,
        payload: Vec<u8>,
        from: Lsn,
    ) -> Result<Option<Entry>, &'static str> {
        let end = Lsn(header.lsn + header.record_bytes() as u64);
        match header.kind {
            Kind::Pad => Ok(None),
            Kind::Whole => {
                self.open = false;
                Ok(Some(Entry { lsn: Lsn(header.lsn), end, epoch: header.epoch, payload }))
            }
            Kind::First => {
                *self = Self { lsn: header.lsn, epoch: header.epoch, payload, open: true };
                Ok(None)
            }
            Kind::Middle | Kind::Last if !self.open && header.lsn < from.0 => Ok(None),
            Kind::Middle | Kind::Last => {
                if !self.open || self.epoch != header.epoch {
                    return Err("a part of a commit without its first");
                }
                if self.payload.len() + payload.len() > MAX_PAYLOAD_BYTES {
                    return Err("a commit longer than may be");
                }
                self.payload.extend_from_slice(&payload);
                if header.kind == Kind::Middle {
                    return Ok(None);
                }
                self.open = false;
                let payload = std::mem::take(&mut self.payload);
                Ok(Some(Entry { lsn: Lsn(self.lsn), end, epoch: self.epoch, payload }))
            }
        }
    }
}

/// Hands out every commit of the log that ends after `from`, and says where the log ends. `floor`
/// is a position that is known to have been durable: a log that ends before it is damaged.
/// `E` is the caller's error, at which reading stops.
///
/// # Errors
/// When the disk refuses, the log is damaged, or the caller says so.
pub fn read<E: From<LogError>>(
    disk: &dyn Disk,
    dir: &Path,
    (from, floor): (Lsn, Lsn),
    mut each: impl FnMut(Entry) -> Result<(), E>,
) -> Result<LogEnd, E> {
    let sequences = segment::list(disk, dir).map_err(LogError::from)?;
    let sequences = last_run(&sequences);
    let mut parts = Parts::default();
    let mut last: Option<LogEnd> = None;
    for (i, &sequence) in sequences.iter().enumerate() {
        let (file, header) = segment::open(disk, dir, sequence, Mode::Read)?;
        match last {
            Some(before) => follows(dir, &before, &header)?,
            None if header.sequence > 1 && header.start() > from.0 => {
                return Err(missing(dir, header.sequence - 1, from).into());
            }
            None => {}
        }
        let mut segment = Segment::new(&*file, dir, header);
        let reason = loop {
            match segment.next().map_err(LogError::from)? {
                Next::Nothing(reason) => break reason,
                Next::Record(header, payload) => {
                    let at = segment.at - header.record_bytes() as u64;
                    let entry = parts.take(&header, payload, from);
                    let entry = entry.map_err(|reason| segment.damaged(at, reason))?;
                    if let Some(entry) = entry.filter(|entry| entry.end > from) {
                        each(entry)?;
                    }
                }
            }
        };
        let end = segment.lsn(segment.at);
        let dirty_end = if i + 1 == sequences.len() {
            tail::judge(&mut segment, floor, reason)?
        } else {
            segment.at
        };
        last = Some(LogEnd { end, dirty_end, header, crc: segment.crc });
    }
    last.ok_or_else(|| {
        LogError::Corrupt(Damage::new(dir, from, 0, "there is no segment at all")).into()
    })
}

/// The segments behind the last gap. Those before it were being removed when the power went, which
/// forgets removals in any order; if one was needed, the first that is left begins too late.
fn last_run(sequences: &[u64]) -> &[u64] {
    let gap = sequences.windows(2).rposition(|pair| pair[1] != pair[0] + 1);
    &sequences[gap.map_or(0, |before| before + 1)..]
}

fn missing(dir: &Path, sequence: u64, from: Lsn) -> LogError {
    let path = segment::path(dir, sequence);
    LogError::Corrupt(Damage::new(&path, from, 0, "the segment is missing"))
}

/// A segment begins where the records of the one before it end.
fn follows(dir: &Path, before: &LogEnd, header: &segment::Header) -> Result<(), LogError> {
    let path = segment::path(dir, before.header.sequence);
    let offset = before.end.0 - before.header.start();
    let damaged =
        |reason: &str| Err(LogError::Corrupt(Damage::new(&path, before.end, offset, reason)));
    if header.database != before.header.database {
        return damaged("the next segment is of another database");
    }
    if header.segment_bytes != before.header.segment_bytes {
        return damaged("the next segment has another length");
    }
    if header.previous_end != before.end.0 || header.previous_crc != before.crc {
        return damaged("the segment does not end where the next one says");
    }
    Ok(())
}
