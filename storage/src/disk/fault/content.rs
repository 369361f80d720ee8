//! The bytes of one file: those in the cache, those on the device, and what lies between.
//!
//! The device takes whole sectors, in any order, at any time between a write and the end of the
//! next sync; a sector that was written several times meanwhile may be found in any of its
//! versions. Lengths are taken apart from bytes, as file systems do.
//! Invariant: a sector that is not in `dirty` is never made durable by a sync, so it differs from
//! the durable one only after a failed sync of the kind that keeps it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::SECTOR_BYTES;
use super::super::room::{Room, sectors};
use super::rng::Rng;
use super::{Crash, SyncFailure};

/// Older versions of a sector that was not synced: so many are kept.
const VERSIONS: usize = 4;

type Sector = [u8; SECTOR_BYTES];

/// What a file holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    /// What reads and mappings see.
    cached: Vec<u8>,
    /// What is on the device.
    durable: Vec<u8>,
    /// The shortest length since the last sync: what is durable above it is to go.
    low: usize,
    /// Sectors to be synced, with versions that the device may have instead, oldest first.
    dirty: BTreeMap<usize, Vec<Sector>>,
    /// Sectors for which room was taken; and those for which that is durable.
    pub(super) room: Room,
    durable_room: Room,
}

/// The sectors that a range of bytes touches.
fn touched(bytes: &Range<usize>) -> Range<usize> {
    let range = sectors(&(bytes.start as u64..bytes.end as u64));
    range.start as usize..range.end as usize
}

/// A copy of a sector, with zeros for what lies after the end.
fn sector_of(bytes: &[u8], sector: usize) -> Sector {
    let mut out = [0; SECTOR_BYTES];
    let from = (sector * SECTOR_BYTES).min(bytes.len());
    let to = (from + SECTOR_BYTES).min(bytes.len());
    out[..to - from].copy_from_slice(&bytes[from..to]);
    out
}

/// Writes a sector as far as it lies before the end.
fn put_sector(bytes: &mut [u8], sector: usize, new: &Sector) {
    let from = (sector * SECTOR_BYTES).min(bytes.len());
    let to = (from + SECTOR_BYTES).min(bytes.len());
    bytes[from..to].copy_from_slice(&new[..to - from]);
}

impl Content {
    /// A file of which all is durable.
    fn synced(bytes: Vec<u8>, mut room: Room) -> Self {
        room.cut(bytes.len() as u64);
        let low = bytes.len();
        let (durable, durable_room) = (bytes.clone(), room.clone());
        Self { cached: bytes, durable, low, dirty: BTreeMap::new(), room, durable_room }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.cached
    }

    /// Writes to the cache; the file grows as needed.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if bytes.is_empty() {
            return;
        }
        self.grow(end);
        for sector in touched(&(offset..end)) {
            match self.dirty.get_mut(&sector) {
                None => {
                    self.dirty.insert(sector, Vec::new());
                }
                Some(versions) => {
                    if versions.len() == VERSIONS {
                        versions.remove(0);
                    }
                    versions.push(sector_of(&self.cached, sector));
                }
            }
        }
        self.cached[offset..end].copy_from_slice(bytes);
    }

    /// Makes the file at least so long, with zeros.
    pub(super) fn grow(&mut self, len: usize) {
        if len > self.cached.len() {
            self.cached.resize(len, 0);
        }
    }

    /// Cuts the file; gives the sectors whose room is free then.
    pub(super) fn cut(&mut self, len: usize) -> u64 {
        if len < self.cached.len() {
            self.cached.truncate(len);
            self.low = self.low.min(len);
            self.dirty.split_off(&len.div_ceil(SECTOR_BYTES));
            if !len.is_multiple_of(SECTOR_BYTES) {
                self.dirty.insert(len / SECTOR_BYTES, Vec::new());
            }
        }
        self.room.cut(len as u64)
    }

    /// The durable byte that a sync would leave if it copied no sector.
    fn below_cut(&self) -> &[u8] {
        &self.durable[..self.low.min(self.durable.len())]
    }

    /// Makes all durable.
    pub(super) fn sync(&mut self) {
        self.durable.truncate(self.low);
        self.durable.resize(self.cached.len(), 0);
        for &sector in self.dirty.keys() {
            put_sector(&mut self.durable, sector, &sector_of(&self.cached, sector));
        }
        self.dirty.clear();
        self.low = self.durable.len();
        self.durable_room = self.room.clone();
    }

    /// Makes the sectors of these bytes durable, and as much of the length as they need.
    pub(super) fn sync_range(&mut self, bytes: &Range<usize>) {
        let range = touched(bytes);
        self.durable.truncate(self.low);
        let needed = (range.end * SECTOR_BYTES).min(self.cached.len());
        self.durable.resize(needed.max(self.durable.len()), 0);
        self.low = self.durable.len();
        for sector in range.clone() {
            if self.dirty.remove(&sector).is_some() {
                put_sector(&mut self.durable, sector, &sector_of(&self.cached, sector));
            }
            if self.room.holds(sector as u64) {
                self.durable_room.hold(sector as u64);
            }
        }
    }

    /// What a sync that fails leaves behind; of all bytes, or of some.
    pub(super) fn fail_sync(&mut self, bytes: Option<&Range<usize>>, failure: SyncFailure) {
        let range = bytes.map_or(0..usize::MAX, touched);
        let lost: Vec<usize> = self.dirty.range(range).map(|(&sector, _)| sector).collect();
        for sector in lost {
            match failure {
                SyncFailure::KeptDirty => return,
                SyncFailure::KeptClean => {}
                SyncFailure::Dropped => {
                    let old = sector_of(self.below_cut(), sector);
                    put_sector(&mut self.cached, sector, &old);
                }
            }
            self.dirty.remove(&sector);
        }
    }

    /// Flips bits on the device, and in the cache, which would be filled from it; whether the file
    /// has that byte.
    pub(super) fn corrupt(&mut self, offset: usize, mask: u8) -> bool {
        let mut there = false;
        for bytes in [&mut self.durable, &mut self.cached] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= mask;
                there = true;
            }
        }
        there
    }

    /// The file as it is found after the power went. `torn` is the last write, if it was to this
    /// file.
    pub(super) fn survivor(
        &self,
        crash: Crash,
        rng: &mut Rng,
        torn: Option<&Range<usize>>,
    ) -> Self {
        match crash {
            Crash::Nothing => Self::synced(self.durable.clone(), self.durable_room.clone()),
            Crash::All => {
                let mut all = self.clone();
                all.sync();
                Self::synced(all.durable, all.durable_room)
            }
            Crash::Random => {
                let (bytes, room) = self.subset(rng);
                Self::synced(bytes, room)
            }
            Crash::Torn => {
                let (mut bytes, mut room) = self.subset(rng);
                if let Some(write) = torn {
                    self.tear(write, rng, &mut bytes, &mut room);
                }
                Self::synced(bytes, room)
            }
        }
    }

    /// A random part of what was not synced: the length, and each sector by itself.
    fn subset(&self, rng: &mut Rng) -> (Vec<u8>, Room) {
        let (mut bytes, mut room) = (self.durable.clone(), self.durable_room.clone());
        if self.low < self.durable.len() || self.cached.len() != self.durable.len() {
            let low = self.low.min(self.durable.len());
            match rng.below(3) {
                0 => {}
                1 => {
                    bytes.truncate(low);
                    bytes.resize(self.cached.len(), 0);
                }
                _ => {
                    bytes.truncate(low);
                    bytes.resize(low + rng.below(self.cached.len() - low + 1), 0);
                }
            }
        }
        for (&sector, versions) in &self.dirty {
            if rng.coin() {
                let version =
                    if rng.coin() { versions.len() } else { rng.below(versions.len() + 1) };
                let new = versions.get(version).copied();
                let new = new.unwrap_or_else(|| sector_of(&self.cached, sector));
                put_sector(&mut bytes, sector, &new);
                room.hold(sector as u64);
            }
        }
        (bytes, room)
    }

    /// Leaves the sector in the middle of a write half new and half old, if it was not synced.
    fn tear(&self, write: &Range<usize>, rng: &mut Rng, bytes: &mut Vec<u8>, room: &mut Room) {
        let range = touched(write);
        let sector = range.start + range.len() / 2;
        let Some(versions) = self.dirty.get(&sector) else { return };
        let start = sector * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES).min(self.cached.len());
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        let old = match versions.get(rng.below(versions.len() + 1)) {
            Some(version) => *version,
            None => sector_of(self.below_cut(), sector),
        };
        let new = sector_of(&self.cached, sector);
        // The cut is within what was written, so that both halves show.
        let (from, to) = (write.start.max(start) - start, write.end.min(end) - start);
        let cut = from + 1 + rng.below((to - from).saturating_sub(1).max(1));
        let (mut torn, rest) = if rng.coin() { (new, old) } else { (old, new) };
        torn[cut..].copy_from_slice(&rest[cut..]);
        put_sector(bytes, sector, &torn);
        room.hold(sector as u64);
    }
}
