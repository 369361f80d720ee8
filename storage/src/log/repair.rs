//! Cutting a damaged log off where it is still whole: the explicit loss of what stands behind.
//!
//! Invariant: what stands before the cut is as it was; nothing is cut unless a record ends there.

use std::path::Path;

use super::read::{Next, Segment};
use super::record;
use super::segment::{self, HEADER_BYTES};
use super::{Damage, LogError, Lsn};
use crate::disk::{Disk, Mode};

/// What a cut took away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lost {
    /// Bytes behind the cut that were not zero, up to the last of them.
    pub bytes: u64,
    /// Records whose headers could still be read there.
    pub records: u64,
    /// The first and the last epoch among them.
    pub epochs: Option<(u64, u64)>,
}

impl Lost {
    fn see(&mut self, epoch: u64) {
        self.records += 1;
        let (first, last) = self.epochs.unwrap_or((epoch, epoch));
        self.epochs = Some((first.min(epoch), last.max(epoch)));
    }
}

/// Ends the log at a position where a record ends (or the first of a segment begins): everything
/// behind it is overwritten with zeros, and later segments are removed.
///
/// # Errors
/// When no whole record ends there, or the disk refuses.
pub fn truncate(disk: &dyn Disk, dir: &Path, at: Lsn) -> Result<Lost, LogError> {
    let mut lost = Lost::default();
    let mut cut = None;
    for sequence in segment::list(disk, dir)? {
        let (file, header) = segment::open(disk, dir, sequence, Mode::Write)?;
        let mut segment = Segment::new(&*file, dir, header);
        let (start, end) = (header.start(), header.start() + header.segment_bytes);
        if at.0 >= end {
            continue;
        }
        if at.0 >= start {
            while segment.lsn(segment.at) < at {
                if let Next::Nothing(reason) = segment.next()? {
                    return Err(segment.damaged(segment.at, reason));
                }
            }
            if segment.lsn(segment.at) != at {
                return Err(segment.damaged(segment.at, "no record ends at the LSN of the cut"));
            }
            cut = Some(segment.at);
        }
        let from = if at.0 >= start { at.0 - start } else { HEADER_BYTES as u64 };
        see_behind(&mut segment, from, &mut lost)?;
        if at.0 >= start {
            let zeros = vec![0; (header.segment_bytes - from) as usize];
            file.write_at(from, &zeros)?;
            file.sync()?;
        } else {
            drop(segment);
            drop(file);
            segment::remove(disk, dir, sequence)?;
        }
    }
    disk.sync_dir(dir)?;
    match cut {
        Some(_) => Ok(lost),
        None => Err(LogError::Corrupt(Damage::new(dir, at, 0, "no segment has this LSN"))),
    }
}

/// Counts what stands in a segment from an offset on.
fn see_behind(segment: &mut Segment<'_>, from: u64, lost: &mut Lost) -> Result<(), LogError> {
    let step = size_of::<u64>() as u64;
    let (mut at, mut dirty) = (from, 0);
    while let Some(word) = segment.window.get(at, step as usize)? {
        if word != [0; 8] {
            dirty = at + step - from;
            if let Some(Ok(header)) = segment.window.header(at)?
                && header.salt == segment.header.salt
                && header.lsn == segment.lsn(at).0
                && header.kind != record::Kind::Pad
            {
                lost.see(header.epoch);
            }
        }
        at += step;
    }
    lost.bytes += dirty;
    Ok(())
}
