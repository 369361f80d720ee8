//! Room on a device: how much there is, and which sectors of a file have some.
//!
//! Files in memory may have holes as real ones do: bytes that read as zeros and for which no room
//! was taken, so that a later write to them may find the device full.
//! Invariant: `Space::used` is the sum of what the `Room`s of its files hold, in whole sectors.

use std::ops::Range;

use super::SECTOR_BYTES;

const SECTOR: u64 = SECTOR_BYTES as u64;

/// The room of a device.
#[derive(Debug, Clone, Default)]
pub(super) struct Space {
    /// Bytes that files may take in all.
    pub(super) capacity: Option<u64>,
    used: u64,
}

impl Space {
    pub(super) fn new(capacity: Option<u64>) -> Self {
        Self { capacity, used: 0 }
    }

    /// Bytes that files have taken, in whole sectors.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// Takes room for so many sectors, or none.
    #[must_use]
    pub(super) fn take(&mut self, sectors: u64) -> bool {
        let used = self.used.saturating_add(sectors.saturating_mul(SECTOR));
        if self.capacity.is_some_and(|capacity| used > capacity) && sectors > 0 {
            return false;
        }
        self.used = used;
        true
    }

    /// Gives room back.
    pub(super) fn give(&mut self, sectors: u64) {
        self.used -= sectors * SECTOR;
    }
}

/// The sectors of one file that have room: one bit each.
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    words: Vec<u64>,
    held: u64,
}

/// The sectors that a range of bytes touches.
pub(super) fn sectors(bytes: &Range<u64>) -> Range<u64> {
    if bytes.is_empty() {
        return 0..0;
    }
    bytes.start / SECTOR..bytes.end.div_ceil(SECTOR)
}

impl Room {
    /// Sectors that have room.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    pub(super) fn holds(&self, sector: u64) -> bool {
        let word = self.words.get((sector / 64) as usize).copied().unwrap_or(0);
        word >> (sector % 64) & 1 == 1
    }

    /// Marks a sector as having room, which was taken from the space.
    pub(super) fn hold(&mut self, sector: u64) {
        if self.holds(sector) {
            return;
        }
        let word = (sector / 64) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (sector % 64);
        self.held += 1;
    }

    /// Takes room for all of these bytes, or for none.
    #[must_use]
    pub(super) fn take_all(&mut self, space: &mut Space, bytes: &Range<u64>) -> bool {
        let missing = sectors(bytes).filter(|&sector| !self.holds(sector)).count() as u64;
        if !space.take(missing) {
            return false;
        }
        sectors(bytes).for_each(|sector| self.hold(sector));
        true
    }

    /// Takes room from the front as far as there is any; returns how many of the bytes have it.
    pub(super) fn take_prefix(&mut self, space: &mut Space, bytes: &Range<u64>) -> u64 {
        for sector in sectors(bytes) {
            if !self.holds(sector) {
                if !space.take(1) {
                    return (sector * SECTOR).saturating_sub(bytes.start);
                }
                self.hold(sector);
            }
        }
        bytes.end - bytes.start
    }

    /// Lets go of what lies above this length; returns how many sectors that were.
    pub(super) fn cut(&mut self, bytes: u64) -> u64 {
        let (keep, before) = (bytes.div_ceil(SECTOR), self.held);
        let words = keep.div_ceil(64) as usize;
        self.words.truncate(words);
        if let Some(last) = self.words.get_mut((keep / 64) as usize) {
            *last &= (1 << (keep % 64)) - 1;
        }
        self.held = self.words.iter().map(|word| u64::from(word.count_ones())).sum();
        before - self.held
    }
}
