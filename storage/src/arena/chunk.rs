//! The chunks of one arena and the bump cursor over them.
//!
//! `unsafe` lives here because chunks are raw memory of the pool: this file turns addresses into
//! slices. All else in an arena is safe code over the functions here.
//! Invariant: every slot's `base` points at `words` initialized words that only this arena uses;
//! slots of one run are adjacent in memory; `next <= limit`, and if `next < limit` then `base` is
//! the chunk of `next`, and it is not frozen; no word of a frozen chunk is written.
#![allow(unsafe_code, reason = "turns addresses into slices of the pool's memory")]

use std::ptr::NonNull;

use super::addr::{Addr, CHUNK_WORDS, WORD_BITS};
use super::freeze::{Cells, Freezer, FrozenArena};
use super::pool::{Chunk, Pool, Run};
use super::{ArenaShape, Owner};

/// What debug builds write over words that were given back.
#[cfg(debug_assertions)]
const POISON: u64 = 0xDEAD_DEAD_DEAD_DEAD;
/// What debug builds write over words that were just allocated.
#[cfg(debug_assertions)]
const UNWRITTEN: u64 = 0xA1A1_A1A1_A1A1_A1A1;

/// One chunk's worth of memory.
struct Slot {
    base: NonNull<u64>,
    /// Words from `base` to the end of the piece of memory this chunk is part of.
    words: u32,
    piece: Piece,
    /// Not written to since the arena was frozen.
    frozen: bool,
}

/// Which piece of memory a slot belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// A chunk of the pool.
    Chunk,
    /// The first chunk of a run: one allocation longer than a chunk.
    RunHead,
    /// A later chunk of a run.
    RunTail,
}

/// Chunks and the cursor.
pub(super) struct Chunks {
    slots: Vec<Slot>,
    /// The chunk that `next` lies in.
    base: NonNull<u64>,
    next: u32,
    limit: u32,
    /// The chunk of `next` is frozen: `limit` is `next`, so that nothing is taken from it before it
    /// is thawed.
    sealed: bool,
    /// Nothing changed since the arena was frozen.
    clean: bool,
    /// Who may still want to read frozen chunks.
    cells: Option<Cells>,
}

// SAFETY: the memory behind the slots is used by this value alone (invariant of `pool`), and it is
// plain words; shared access only reads.
unsafe impl Send for Chunks {}
// SAFETY: as for `Send`.
unsafe impl Sync for Chunks {}

/// What an arena gives back to its pool.
pub(super) enum Returned {
    /// A chunk.
    Chunk(Chunk),
    /// A run.
    Run(Run),
}

impl Chunks {
    pub(super) const fn new() -> Self {
        let base = NonNull::dangling();
        Self {
            slots: Vec::new(),
            base,
            next: 0,
            limit: 0,
            sealed: false,
            clean: false,
            cells: None,
        }
    }

    /// Chunks held, used or not.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The address that the next allocation gets if it fits.
    #[inline]
    pub(super) fn cursor(&self) -> u32 {
        self.next
    }

    /// Index of the chunk after the current one, which is not sealed.
    pub(super) fn after(&self) -> usize {
        debug_assert!(!self.sealed);
        (self.limit >> WORD_BITS) as usize
    }

    /// Marks the chunks below the cursor as frozen, and hands those of them to a reader that were
    /// written to since they were last, and those for which `wanted` holds.
    pub(super) fn freeze(
        &mut self,
        pool: &Pool,
        freezer: &mut Freezer,
        wanted: impl Fn(usize) -> bool,
    ) -> FrozenArena {
        let used = self.next as usize;
        let shape = ArenaShape { used_words: used, runs: self.runs() };
        let slots = &self.slots;
        let (cells, frozen) = freezer.freeze(pool, shape, |i| {
            let slot = &slots[i];
            let words = CHUNK_WORDS.min(used - i * CHUNK_WORDS);
            (!slot.frozen || wanted(i)).then_some((slot.base, words))
        });
        let n = used.div_ceil(CHUNK_WORDS);
        if let Some(earlier) = self.cells.replace(cells) {
            // An earlier reader may still want some.
            earlier.keep_all();
        }
        self.slots[..n].iter_mut().for_each(|slot| slot.frozen = true);
        self.seal();
        self.clean = true;
        frozen
    }

    /// Whether nothing has changed since the arena was frozen: not a word, nor the cursor.
    pub(super) fn is_clean(&self) -> bool {
        self.clean
    }

    /// Marks the chunks below the cursor as written by nobody since the arena was frozen.
    pub(super) fn mark_frozen(&mut self) {
        let n = (self.next as usize).div_ceil(CHUNK_WORDS);
        self.slots[..n].iter_mut().for_each(|slot| slot.frozen = true);
        self.seal();
        self.clean = true;
    }

    /// Lets nothing be taken from the chunk of the cursor if it is frozen.
    fn seal(&mut self) {
        if self.sealed {
            return;
        }
        let at = Addr(self.next);
        let frozen = self.slots.get(at.chunk()).is_some_and(|slot| slot.frozen);
        // At the beginning of a chunk behind a full one there is nothing to be taken yet.
        self.sealed = frozen && self.limit > self.next;
        if self.sealed {
            self.limit = self.next;
        }
    }

    /// Thaws the chunk of the cursor; whether it was sealed.
    pub(super) fn unseal(&mut self) -> bool {
        if !self.sealed {
            return false;
        }
        let i = Addr(self.next).chunk();
        self.thaw(i);
        self.sealed = false;
        self.clean = false;
        self.base = self.slots[i].base;
        self.limit = ((i + 1) << WORD_BITS) as u32;
        true
    }

    /// Lets chunk `i` be written to: whoever still reads it gets a copy.
    #[cold]
    #[inline(never)]
    fn thaw(&mut self, i: usize) {
        if let Some(cells) = &self.cells {
            cells.keep(i);
        }
        self.slots[i].frozen = false;
        self.clean = false;
    }

    /// Takes `n` words from the current chunk if they fit.
    #[inline]
    pub(super) fn bump(&mut self, n: usize) -> Option<Addr> {
        if n > (self.limit - self.next) as usize {
            return None;
        }
        let addr = Addr(self.next);
        self.next += n as u32;
        #[cfg(debug_assertions)]
        self.words_mut(addr, n).fill(UNWRITTEN);
        Some(addr)
    }

    /// Takes one word from the current chunk, if there is one left, and writes it.
    #[inline]
    pub(super) fn bump_word(&mut self, word: u64) -> Option<Addr> {
        if self.next == self.limit {
            return None;
        }
        let addr = Addr(self.next);
        // SAFETY: 1. `next < limit`, so `base` is the chunk of `next` (invariant); 2. the word is
        // within the chunk (masked); 3. `&mut self`.
        unsafe { self.base.add(addr.word()).write(word) };
        self.next += 1;
        Some(addr)
    }

    /// Words from the beginning of chunk `i` to the end of its piece; 0 if there is no such chunk.
    pub(super) fn room_at(&self, i: usize) -> usize {
        self.slots.get(i).map_or(0, |slot| slot.words as usize)
    }

    /// Moves the cursor past `n` words at the beginning of chunk `i`, which has room for them.
    pub(super) fn enter(&mut self, i: usize, n: usize) -> Addr {
        debug_assert!(n > 0 && n <= self.room_at(i));
        let first = (i << WORD_BITS) as u32;
        let last = i + (n - 1) / CHUNK_WORDS;
        for i in i..=last {
            if self.slots[i].frozen {
                self.thaw(i);
            }
        }
        self.set_cursor(first + n as u32);
        let addr = Addr(first);
        #[cfg(debug_assertions)]
        self.words_mut(addr, n).fill(UNWRITTEN);
        addr
    }

    /// Puts a chunk of the pool at the end.
    pub(super) fn push(&mut self, chunk: Chunk) {
        let piece = Piece::Chunk;
        let (base, words) = (chunk.into_base(), CHUNK_WORDS as u32);
        self.slots.push(Slot { base, words, piece, frozen: false });
    }

    /// Puts the chunks of a run right above the cursor, so that no address in use changes its
    /// meaning, but not between the chunks of another run. Returns the index of its first chunk.
    pub(super) fn insert_run(&mut self, run: Run) -> usize {
        let at = self.skip_tails(self.after());
        // The cells know chunks by their places, which change.
        for i in at..self.slots.len() {
            if self.slots[i].frozen {
                self.thaw(i);
            }
        }
        self.put_run(at, run);
        at
    }

    /// Puts the chunks of a run at the end.
    pub(super) fn push_run(&mut self, run: Run) {
        self.put_run(self.slots.len(), run);
    }

    fn put_run(&mut self, at: usize, run: Run) {
        let n = run.n_chunks();
        let base = run.into_base();
        let slots = (0..n).map(|i| Slot {
            // SAFETY: the run is `n` chunks long, and `i < n`.
            base: unsafe { base.add(i * CHUNK_WORDS) },
            words: ((n - i) * CHUNK_WORDS) as u32,
            piece: if i == 0 { Piece::RunHead } else { Piece::RunTail },
            frozen: false,
        });
        self.slots.splice(at..at, slots);
    }

    /// The first index from `i` on where a piece of memory begins, or the end.
    fn skip_tails(&self, i: usize) -> usize {
        let i = i.min(self.slots.len());
        let is_tail = |slot: &&Slot| slot.piece == Piece::RunTail;
        i + self.slots[i..].iter().take_while(is_tail).count()
    }

    /// The runs that begin below the cursor: their first chunks and how many chunks they have.
    pub(super) fn runs(&self) -> Vec<(usize, usize)> {
        let used = (self.next as usize).div_ceil(CHUNK_WORDS);
        let run = |(i, slot): (usize, &Slot)| match slot.piece {
            Piece::RunHead => Some((i, slot.words as usize / CHUNK_WORDS)),
            _ => None,
        };
        self.slots[..used].iter().enumerate().filter_map(run).collect()
    }

    /// Moves the cursor to `at`, which is at or below where it was, or the end of held memory.
    pub(super) fn set_cursor(&mut self, at: u32) {
        let i = Addr(at).chunk();
        self.sealed = false;
        self.clean = false;
        self.next = at;
        match self.slots.get(i) {
            Some(slot) => {
                self.base = slot.base;
                self.limit = ((i + 1) << WORD_BITS) as u32;
            }
            None => {
                debug_assert!(i == self.slots.len() && Addr(at).word() == 0);
                self.limit = at;
            }
        }
        self.seal();
    }

    /// In debug builds writes a pattern over the words from `from` to the cursor, which are given
    /// back.
    pub(super) fn poison_from(&mut self, from: u32) {
        #[cfg(debug_assertions)]
        {
            let end = self.next;
            let mut at = from;
            while at < end {
                let chunk_end = ((Addr(at).chunk() + 1) << WORD_BITS) as u32;
                let n = chunk_end.min(end) - at;
                self.words_mut(Addr(at), n as usize).fill(POISON);
                at += n;
            }
        }
        #[cfg(not(debug_assertions))]
        let _ = from;
    }

    /// Whether somebody may still read chunks.
    pub(super) fn is_read(&self) -> bool {
        self.cells.is_some()
    }

    /// Takes out the pieces from chunk `from` on that nobody still reads; a run that begins below
    /// `from` stays whole.
    pub(super) fn drain_from(
        &mut self,
        from: usize,
        owner: Owner,
    ) -> impl Iterator<Item = Returned> + '_ {
        let from = self.skip_tails(from);
        let end = (from << WORD_BITS) as u32;
        self.clean &= self.next <= end;
        self.next = self.next.min(end);
        self.limit = self.limit.min(end);
        self.sealed &= Addr(self.next).chunk() < from;
        let cells = self.cells.as_ref();
        self.slots.drain(from..).enumerate().filter_map(move |(i, slot)| {
            let cells = cells.filter(|_| slot.frozen);
            if let (Some(cells), true) = (cells, slot.piece != Piece::Chunk) {
                cells.keep(from + i);
            }
            match slot.piece {
                Piece::Chunk => {
                    // SAFETY: the base came out of such a chunk, and its slot is gone.
                    let chunk = unsafe { Chunk::from_base(slot.base) };
                    let left = match cells {
                        Some(cells) => cells.hand_over(from + i, chunk, owner),
                        None => Some(chunk),
                    };
                    left.map(Returned::Chunk)
                }
                // SAFETY: as above; a head knows the words of the whole run. It is not given back
                // before its tails were kept: see `Arena::give_back`.
                Piece::RunHead => Some(Returned::Run(unsafe {
                    Run::from_base(slot.base, slot.words as usize / CHUNK_WORDS)
                })),
                Piece::RunTail => None,
            }
        })
    }

    /// Panics in debug builds when words at and after the cursor are touched: the address is stale.
    #[inline]
    fn check_live(&self, addr: Addr, n: usize) {
        debug_assert!(
            n == 0 || addr.0 as usize + n <= self.next as usize,
            "{n} words at {addr} were given back: the address outlived a rewind or reset"
        );
    }

    /// Where `n` words at `addr` are. Panics if they leave the piece of memory that `addr` lies in.
    #[inline]
    fn locate(&self, addr: Addr, n: usize) -> NonNull<u64> {
        match self.slots.get(addr.chunk()) {
            // SAFETY: the word is within the piece (checked).
            Some(slot) if addr.word() + n <= slot.words as usize => unsafe {
                slot.base.add(addr.word())
            },
            _ if n == 0 => NonNull::dangling(),
            _ => outside(addr, n),
        }
    }

    /// [`Chunks::locate`] for words to be written.
    #[inline]
    fn locate_mut(&mut self, addr: Addr, n: usize) -> NonNull<u64> {
        match self.slots.get(addr.chunk()) {
            // SAFETY: the word is within the chunk (checked).
            Some(slot) if !slot.frozen && addr.word() + n <= CHUNK_WORDS => unsafe {
                slot.base.add(addr.word())
            },
            _ => self.locate_thawed(addr, n),
        }
    }

    #[cold]
    #[inline(never)]
    fn locate_thawed(&mut self, addr: Addr, n: usize) -> NonNull<u64> {
        let base = self.locate(addr, n);
        if n > 0 {
            for i in addr.chunk()..=addr.chunk() + (addr.word() + n - 1) / CHUNK_WORDS {
                if self.slots[i].frozen {
                    self.thaw(i);
                }
            }
        }
        base
    }

    #[inline]
    pub(super) fn words(&self, addr: Addr, n: usize) -> &[u64] {
        self.check_live(addr, n);
        // SAFETY: 1. `locate` found `n` words that belong to this arena; 2. they are initialized
        // (invariant); 3. `&self`: nobody writes them meanwhile.
        unsafe { std::slice::from_raw_parts(self.locate(addr, n).as_ptr(), n) }
    }

    #[inline]
    pub(super) fn words_mut(&mut self, addr: Addr, n: usize) -> &mut [u64] {
        self.check_live(addr, n);
        // SAFETY: as for `words`, with `&mut self`: nobody else reads or writes them meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.locate_mut(addr, n).as_ptr(), n) }
    }

    #[inline]
    pub(super) fn word(&self, addr: Addr) -> u64 {
        self.check_live(addr, 1);
        // SAFETY: 1. every slot has at least a chunk of words, and the mask keeps the word in it;
        // 2. they are initialized; 3. `&self`.
        unsafe { self.slots[addr.chunk()].base.add(addr.word()).read() }
    }

    #[inline]
    pub(super) fn set_word(&mut self, addr: Addr, word: u64) {
        self.check_live(addr, 1);
        if self.slots[addr.chunk()].frozen {
            self.thaw(addr.chunk());
        }
        // SAFETY: as for `word`, with `&mut self`.
        unsafe { self.slots[addr.chunk()].base.add(addr.word()).write(word) }
    }

    #[inline]
    pub(super) fn bytes(&self, addr: Addr, len: usize) -> &[u8] {
        let words = self.words(addr, len.div_ceil(size_of::<u64>()));
        // SAFETY: the words are at least `len` bytes, and bytes have no alignment and no invalid
        // value.
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), len) }
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self, addr: Addr, len: usize) -> &mut [u8] {
        let words = self.words_mut(addr, len.div_ceil(size_of::<u64>()));
        // SAFETY: as for `bytes`; any bytes make valid words.
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), len) }
    }

    /// Asks the processor to fetch the cache line of `addr`.
    #[inline]
    pub(super) fn prefetch(&self, addr: Addr) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if let Some(slot) = self.slots.get(addr.chunk()) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let at = slot.base.as_ptr().wrapping_add(addr.word());
            // SAFETY: a prefetch reads nothing that shows and never faults; SSE is part of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = addr;
    }
}

#[cold]
#[inline(never)]
fn outside(addr: Addr, n: usize) -> ! {
    panic!("{n} words at {addr} are not one allocation of this arena")
}
