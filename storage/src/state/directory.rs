//! The directory of a hash table: which row belongs to which hash.
//!
//! Open addressing with linear probing over 64-bit entries: the upper half of the hash, then the
//! row's address plus one (so that zero is a free slot). A slot is found from the upper bits of the
//! hash that the entry itself holds, so growing reads no row, and doubling walks both directories
//! in order. Each size has an arena of its own, dropped as a whole when the directory doubles; a
//! small one is a block of the table's heap.
//!
//! Invariant: between an entry's home slot and its slot there is no free slot; at most half of
//! the slots of a small one and three quarters of a large one are taken.

use crate::OutOfMemory;
use crate::StorageError;
use crate::arena::{Addr, Arena, Owner, Pool};
use crate::state::heap::{Heap, NO_ADDR};
use crate::state::visit::{StateVisitor, Visit, mismatch};

const MIN_BITS: u32 = 4;
/// Directories of at most this many entries are blocks of the heap.
const HEAP_BITS: u32 = 12;

/// Which row belongs to which hash.
#[derive(Debug, Default)]
pub struct Directory {
    place: Place,
    bits: u32,
    len: usize,
}

#[derive(Debug, Default)]
enum Place {
    /// Nothing was ever inserted.
    #[default]
    Nowhere,
    /// A block of the heap.
    Heap(Addr),
    /// The only block of an arena.
    Arena(Arena, Addr),
}

#[inline]
fn tag_of(hash: u64) -> u64 {
    hash >> 32
}

#[inline]
fn addr_of(entry: u64) -> Addr {
    Addr((entry as u32).wrapping_sub(1))
}

/// How many entries a directory of this size may have. A search that goes past its home slot costs
/// a branch that nothing predicts, so small directories, whose size matters little, are kept
/// emptier.
#[inline]
fn most_entries(bits: u32) -> usize {
    if bits <= HEAP_BITS { 1 << (bits - 1) } else { 3 << (bits - 2) }
}

/// An entry with address bits 0 is a free slot.
#[inline]
fn is_free(entry: u64) -> bool {
    entry as u32 == 0
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of chunks that the heap does not account for.
    pub fn held_bytes(&self) -> usize {
        match &self.place {
            Place::Arena(arena, _) => arena.held_bytes(),
            _ => 0,
        }
    }

    /// All slots.
    #[inline]
    fn slots<'a>(&'a self, heap: &'a Heap) -> &'a [u64] {
        match &self.place {
            Place::Nowhere => &[],
            Place::Heap(addr) => heap.words(*addr, 1 << self.bits),
            Place::Arena(arena, addr) => arena.words(*addr, 1 << self.bits),
        }
    }

    /// Writes one slot, and touches no other word: a directory is large, and what is written to has
    /// to be saved.
    #[inline]
    fn set_slot(&mut self, heap: &mut Heap, slot: usize, entry: u64) {
        match &mut self.place {
            Place::Nowhere => {}
            Place::Heap(addr) => heap.set_word(addr.offset(slot), entry),
            Place::Arena(arena, addr) => arena.set_word(addr.offset(slot), entry),
        }
    }

    /// For each hash the first row whose entry has its tag, or [`NO_ADDR`]. The row's key is to be
    /// compared by the caller; a row with the same tag further on is found by [`Directory::find`].
    #[inline]
    pub fn candidates(&self, heap: &Heap, hashes: &[u64], out: &mut Vec<Addr>) {
        out.clear();
        let slots = self.slots(heap);
        if slots.is_empty() {
            out.resize(hashes.len(), Addr(NO_ADDR));
            return;
        }
        let (shift, mask) = (64 - self.bits, slots.len() - 1);
        out.extend(hashes.iter().map(|&hash| {
            let mut slot = (hash >> shift) as usize;
            loop {
                let entry = slots[slot & mask];
                // The address of a free slot wraps to `NO_ADDR`, which no entry has.
                if tag_of(entry) == tag_of(hash) || is_free(entry) {
                    return addr_of(entry);
                }
                slot += 1;
            }
        }));
    }

    /// The row of this hash for which `is_key` holds.
    #[inline]
    pub fn find(&self, heap: &Heap, hash: u64, is_key: impl Fn(Addr) -> bool) -> Option<Addr> {
        let slots = self.slots(heap);
        if slots.is_empty() {
            return None;
        }
        let mut slot = (hash >> (64 - self.bits)) as usize;
        loop {
            let entry = slots[slot & (slots.len() - 1)];
            if is_free(entry) {
                return None;
            }
            if tag_of(entry) == tag_of(hash) && is_key(addr_of(entry)) {
                return Some(addr_of(entry));
            }
            slot += 1;
        }
    }

    /// Adds a row that is not in the directory.
    #[inline]
    pub fn insert(
        &mut self,
        heap: &mut Heap,
        (pool, owner): (&Pool, Owner),
        hash: u64,
        addr: Addr,
    ) -> Result<(), OutOfMemory> {
        self.reserve(heap, (pool, owner), 1)?;
        self.len += 1;
        let entry = (tag_of(hash) << 32) | u64::from(addr.0 + 1);
        let slot = free_slot(self.slots(heap), self.bits, entry);
        self.set_slot(heap, slot, entry);
        Ok(())
    }

    /// Makes room for so many more entries, so that adding them cannot fail.
    #[inline]
    pub fn reserve(
        &mut self,
        heap: &mut Heap,
        (pool, owner): (&Pool, Owner),
        additional: usize,
    ) -> Result<(), OutOfMemory> {
        let needed = self.len + additional;
        if matches!(self.place, Place::Nowhere) || needed > most_entries(self.bits) {
            self.grow(heap, pool, owner, needed)?;
        }
        Ok(())
    }

    #[cold]
    fn grow(
        &mut self,
        heap: &mut Heap,
        pool: &Pool,
        owner: Owner,
        needed: usize,
    ) -> Result<(), OutOfMemory> {
        let first = matches!(self.place, Place::Nowhere);
        let mut bits = if first { MIN_BITS } else { self.bits + 1 };
        while most_entries(bits) < needed {
            bits += 1;
        }
        let mut old = Vec::new();
        if bits <= HEAP_BITS {
            old.extend_from_slice(self.slots(heap));
            let addr = heap.alloc_zeroed(1 << bits)?;
            if let Place::Heap(addr) = self.place {
                heap.free(addr, 1 << self.bits);
            }
            self.place = Place::Heap(addr);
            let slots = heap.words_mut(addr, 1 << bits);
            old.iter().filter(|e| !is_free(**e)).for_each(|&e| place_entry(slots, bits, e));
        } else {
            let mut arena = Arena::new(pool, owner);
            let addr = arena.alloc_zeroed(1 << bits)?;
            let slots = arena.words_mut(addr, 1 << bits);
            let old = self.slots(heap).iter();
            old.filter(|e| !is_free(**e)).for_each(|&e| place_entry(slots, bits, e));
            if let Place::Heap(addr) = self.place {
                heap.free(addr, 1 << self.bits);
            }
            self.place = Place::Arena(arena, addr);
        }
        self.bits = bits;
        Ok(())
    }

    /// Removes the entry of a row. Nothing happens if it has none.
    pub fn remove(&mut self, heap: &mut Heap, hash: u64, addr: Addr) {
        let Some(slot) = self.slot_of(heap, hash, |entry| addr_of(entry) == addr) else { return };
        self.close_gap(heap, slot);
        self.len -= 1;
    }

    /// Lets the entry of a row say that the row lies elsewhere now. Nothing happens if it has none.
    pub fn replace(&mut self, heap: &mut Heap, hash: u64, from: Addr, to: Addr) {
        let entry = |addr: Addr| (tag_of(hash) << 32) | u64::from(addr.0 + 1);
        if let Some(slot) = self.slot_of(heap, hash, |found| found == entry(from)) {
            self.set_slot(heap, slot, entry(to));
        }
    }

    /// The slot of the entry with this hash that is meant.
    #[inline]
    fn slot_of(&self, heap: &Heap, hash: u64, is_meant: impl Fn(u64) -> bool) -> Option<usize> {
        let slots = self.slots(heap);
        let mask = slots.len().checked_sub(1)?;
        let mut slot = (hash >> (64 - self.bits)) as usize;
        while !is_free(slots[slot & mask]) {
            if is_meant(slots[slot & mask]) {
                return Some(slot & mask);
            }
            slot += 1;
        }
        None
    }

    /// Moves later entries of the run back over a freed slot, so that no search stops early.
    fn close_gap(&mut self, heap: &mut Heap, mut gap: usize) {
        let mask = self.slots(heap).len() - 1;
        let mut slot = gap;
        loop {
            slot = (slot + 1) & mask;
            let entry = self.slots(heap)[slot];
            if is_free(entry) {
                break;
            }
            let displaced = slot.wrapping_sub((entry >> (64 - self.bits)) as usize) & mask;
            if displaced >= slot.wrapping_sub(gap) & mask {
                self.set_slot(heap, gap, entry);
                gap = slot;
            }
        }
        self.set_slot(heap, gap, 0);
    }

    /// Rows in the order of slots, from slot `from`, at most `max`; the slot to go on from, or
    /// `None` at the end.
    pub fn scan(&self, heap: &Heap, from: usize, max: usize, out: &mut Vec<Addr>) -> Option<usize> {
        let start = out.len();
        for (slot, &entry) in self.slots(heap).iter().enumerate().skip(from) {
            if out.len() - start == max {
                return Some(slot);
            }
            if !is_free(entry) {
                out.push(addr_of(entry));
            }
        }
        None
    }

    /// Forgets all entries; the block of a small directory is forgotten with its heap.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Shows a visitor the directory. The arena of a large one that is loaded is charged to
    /// `owner`; the block of a small one is part of the heap, which is visited by itself.
    ///
    /// # Errors
    /// The visitor's; when what is loaded is no directory.
    pub fn visit(
        &mut self,
        (pool, owner): (&Pool, Owner),
        visitor: &mut dyn StateVisitor,
    ) -> Result<(), StorageError> {
        let mut place = match self.place {
            Place::Nowhere => 0u32,
            Place::Heap(_) => 1,
            Place::Arena(..) => 2,
        };
        place.visit(visitor)?;
        if visitor.is_loading() {
            self.place = match place {
                0 => Place::Nowhere,
                1 => Place::Heap(Addr::NONE),
                2 => Place::Arena(Arena::new(pool, owner), Addr::NONE),
                _ => return Err(mismatch("the place of a directory")),
            };
        }
        match &mut self.place {
            Place::Nowhere => {}
            Place::Heap(addr) => addr.visit(visitor)?,
            Place::Arena(arena, addr) => {
                arena.visit(visitor)?;
                addr.visit(visitor)?;
            }
        }
        self.bits.visit(visitor)?;
        self.len.visit(visitor)?;
        if self.is_sound() { Ok(()) } else { Err(mismatch("the size of a directory")) }
    }

    /// Whether size and place go together.
    fn is_sound(&self) -> bool {
        let possible = match &self.place {
            Place::Nowhere => return self.bits == 0 && self.len == 0,
            Place::Heap(_) => (MIN_BITS..=HEAP_BITS).contains(&self.bits),
            Place::Arena(arena, _) => {
                (HEAP_BITS + 1..u32::BITS).contains(&self.bits)
                    && size_of::<u64>() << self.bits <= arena.used_bytes()
            }
        };
        possible && self.len <= most_entries(self.bits)
    }
}

/// The slot that an entry goes to.
#[inline]
fn free_slot(slots: &[u64], bits: u32, entry: u64) -> usize {
    let mask = slots.len() - 1;
    let mut slot = (entry >> (64 - bits)) as usize;
    while !is_free(slots[slot & mask]) {
        slot += 1;
    }
    slot & mask
}

#[inline]
fn place_entry(slots: &mut [u64], bits: u32, entry: u64) {
    slots[free_slot(slots, bits, entry)] = entry;
}
