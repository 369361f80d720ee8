//! Where a log stops being readable: torn, or damaged?
//!
//! Records that were appended but not yet synced when the power went may be there in any part: one
//! whole behind one that is torn, too. Nobody was told that they were durable, so they are cut
//! off. But a position that had been synced must be readable. Two things tell: the *floor*, a
//! position that was noted elsewhere as durable, and the records that follow: each says how far the
//! log was durable when it was appended. If one of them says that it was durable beyond the place
//! where reading stopped, that place is damaged, and opening the log would lose what was
//! acknowledged.
//!
//! Invariant: it fails closed. Only when nothing shows that the place was durable is it the end.

use super::read::Segment;
use super::record;
use super::{LogError, Lsn};

/// Compared with a part of the segment, to skip it.
const ZEROS: &[u8] = &[0; 4096];

/// Where the last byte that is not zero ends, at or behind the place where reading stopped (which
/// is the end of the log then).
///
/// # Errors
/// When the place had been durable.
pub(super) fn judge(
    segment: &mut Segment<'_>,
    floor: Lsn,
    reason: &'static str,
) -> Result<u64, LogError> {
    let end = segment.lsn(segment.at);
    if end < floor {
        let why = format!("{reason}, but the log was durable up to LSN {floor}");
        return Err(segment.damaged(segment.at, why));
    }
    let mut dirty_end = segment.at;
    let mut at = segment.at;
    let step = size_of::<u64>();
    while let Some(word) = segment.window.get(at, step)? {
        if word == [0; 8] {
            // PERF: most of a segment is zeros.
            if let Some(many) = segment.window.get(at, ZEROS.len())?
                && many == ZEROS
            {
                at += ZEROS.len() as u64;
                continue;
            }
        } else {
            dirty_end = at + step as u64;
            if let Some(Ok(header)) = segment.window.header(at)?
                && header.salt == segment.header.salt
                && header.lsn == segment.lsn(at).0
                && header.synced > end.0
            {
                let why = format!(
                    "{reason}, but LSN {} was appended when the log was durable up to {}",
                    Lsn(header.lsn),
                    Lsn(header.synced)
                );
                return Err(segment.damaged(segment.at, why));
            }
        }
        at += step as u64;
    }
    // What is shorter than a word at the end of the segment holds nothing.
    debug_assert!(record::HEADER_BYTES > step);
    Ok(dirty_end)
}
