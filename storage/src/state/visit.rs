//! Walking over state: one description of what a structure keeps serves saving it and putting it
//! back.
//!
//! A structure names its parts in a fixed order: arenas, whose words are moved as they are, and
//! numbers. What saves reads them; what loads replaces them. So the two can never disagree about
//! the order, and a part that is forgotten is missing in both.
//!
//! Only what is kept between epochs is visited: lists of what an epoch touched are empty then.
//!
//! Invariant: a structure that was loaded behaves as the one that was saved, address by address.

use crate::StorageError;
use crate::arena::{Addr, Arena, ArenaShape};

/// Saves what it is shown, or replaces it by what was saved.
pub trait StateVisitor {
    /// Whether what is shown is being replaced.
    fn is_loading(&self) -> bool;

    /// A number.
    ///
    /// # Errors
    /// When nothing, or something else, was saved at this place.
    fn word(&mut self, word: &mut u64) -> Result<(), StorageError>;

    /// The words of an arena, and its cursor.
    ///
    /// # Errors
    /// As for [`StateVisitor::word`]; when memory for the words is refused.
    fn arena(&mut self, arena: &mut Arena) -> Result<(), StorageError>;

    /// A part that has not changed if `piece` still holds what was said of it the last time; `show`
    /// shows it.
    ///
    /// # Errors
    /// Those of `show`.
    fn piece(
        &mut self,
        piece: &mut Piece,
        show: &mut dyn FnMut(&mut dyn StateVisitor) -> Result<(), StorageError>,
    ) -> Result<(), StorageError>;
}

/// What a visitor that saves remembers of a part. Whoever changes the part clears it.
#[derive(Debug, Clone, Default)]
pub struct Piece {
    said: Option<Box<Said>>,
}

/// What was said of a part.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// To whom.
    pub(crate) saver: u64,
    pub(crate) notes: Box<[u8]>,
    /// The names of its arenas.
    pub(crate) names: Box<[u64]>,
}

impl Piece {
    /// Forgets what was said: the part has changed.
    #[inline]
    pub fn clear(&mut self) {
        self.said = None;
    }

    pub(crate) fn said(&self) -> Option<&Said> {
        self.said.as_deref()
    }

    pub(crate) fn remember(&mut self, saver: u64, notes: &[u8], names: &[u64]) {
        self.said = Some(Box::new(Said { saver, notes: notes.into(), names: names.into() }));
    }
}

/// State that can be saved and put back.
pub trait Visit {
    /// Shows the visitor every part, in an order that depends on nothing but the parts shown
    /// before.
    ///
    /// # Errors
    /// The visitor's.
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError>;
}

/// What was saved is not what is being loaded.
pub fn mismatch(what: &'static str) -> StorageError {
    StorageError::Corrupt { what, offset: 0 }
}

impl Visit for u64 {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        visitor.word(self)
    }
}

impl Visit for i64 {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        let mut word = self.cast_unsigned();
        visitor.word(&mut word)?;
        *self = word.cast_signed();
        Ok(())
    }
}

impl Visit for usize {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        let mut word = *self as u64;
        visitor.word(&mut word)?;
        *self = usize::try_from(word).map_err(|_| mismatch("a size"))?;
        Ok(())
    }
}

impl Visit for u32 {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        let mut word = u64::from(*self);
        visitor.word(&mut word)?;
        *self = u32::try_from(word).map_err(|_| mismatch("a number of 32 bits"))?;
        Ok(())
    }
}

impl Visit for bool {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        let mut word = u64::from(*self);
        visitor.word(&mut word)?;
        *self = match word {
            0 => false,
            1 => true,
            _ => return Err(mismatch("a truth value")),
        };
        Ok(())
    }
}

impl Visit for Addr {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.0.visit(visitor)
    }
}

impl Visit for Arena {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        visitor.arena(self)
    }
}

impl<A: Visit, B: Visit> Visit for (A, B) {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.0.visit(visitor)?;
        self.1.visit(visitor)
    }
}

/// Nothing or a part; what is loaded where nothing was is made by `make`.
///
/// # Errors
/// The visitor's.
pub fn visit_option<T: Visit>(
    option: &mut Option<T>,
    make: impl FnOnce() -> T,
    visitor: &mut dyn StateVisitor,
) -> Result<(), StorageError> {
    let mut is_some = option.is_some();
    is_some.visit(visitor)?;
    if visitor.is_loading() {
        *option = is_some.then(make);
    }
    option.iter_mut().try_for_each(|part| part.visit(visitor))
}

/// A list whose length may differ; what is loaded is made by `make`, one part at a time.
///
/// # Errors
/// The visitor's.
pub fn visit_list<T: Visit>(
    list: &mut Vec<T>,
    mut make: impl FnMut() -> T,
    visitor: &mut dyn StateVisitor,
) -> Result<(), StorageError> {
    let mut len = list.len();
    len.visit(visitor)?;
    if !visitor.is_loading() {
        return list.iter_mut().try_for_each(|part| part.visit(visitor));
    }
    list.clear();
    // One at a time: a length that is wrong ends where the saved parts end.
    for _ in 0..len {
        let mut part = make();
        part.visit(visitor)?;
        list.push(part);
    }
    Ok(())
}

/// What was shown, in memory: for tests of structures, and to copy one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateCopy {
    words: Vec<u64>,
    arenas: Vec<(ArenaShape, Vec<Vec<u64>>)>,
}

impl StateCopy {
    /// Copies what a structure shows.
    ///
    /// # Errors
    /// None of its own.
    pub fn of(state: &mut dyn Visit) -> Result<Self, StorageError> {
        let mut copy = Self::default();
        state.visit(&mut Saving(&mut copy))?;
        Ok(copy)
    }

    /// Whether the same numbers and arenas of the same shapes were shown. The words of arenas are
    /// not compared: those that belong to no block (the rest of a chunk, what a block was rounded
    /// up by) hold what the chunk was used for before.
    pub fn is_like(&self, other: &Self) -> bool {
        let shapes = |copy: &Self| copy.arenas.iter().map(|(shape, _)| shape.clone()).collect();
        let (a, b): (Vec<ArenaShape>, Vec<ArenaShape>) = (shapes(self), shapes(other));
        self.words == other.words && a == b
    }

    /// Puts the copy into a structure that was made like the one it was taken of.
    ///
    /// # Errors
    /// When the structure shows other parts than were copied, or memory is refused.
    pub fn put_into(&self, state: &mut dyn Visit) -> Result<(), StorageError> {
        let mut loading = Loading { copy: self, word: 0, arena: 0 };
        state.visit(&mut loading)?;
        if loading.word < self.words.len() || loading.arena < self.arenas.len() {
            return Err(mismatch("more was saved than is loaded"));
        }
        Ok(())
    }
}

struct Saving<'a>(&'a mut StateCopy);

impl StateVisitor for Saving<'_> {
    fn is_loading(&self) -> bool {
        false
    }

    fn word(&mut self, word: &mut u64) -> Result<(), StorageError> {
        self.0.words.push(*word);
        Ok(())
    }

    fn arena(&mut self, arena: &mut Arena) -> Result<(), StorageError> {
        let chunks = arena.used_chunks().map(<[u64]>::to_vec).collect();
        self.0.arenas.push((arena.shape(), chunks));
        Ok(())
    }

    fn piece(
        &mut self,
        _: &mut Piece,
        show: &mut dyn FnMut(&mut dyn StateVisitor) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        show(self)
    }
}

struct Loading<'a> {
    copy: &'a StateCopy,
    word: usize,
    arena: usize,
}

impl StateVisitor for Loading<'_> {
    fn is_loading(&self) -> bool {
        true
    }

    fn word(&mut self, word: &mut u64) -> Result<(), StorageError> {
        let saved = self.copy.words.get(self.word);
        *word = *saved.ok_or_else(|| mismatch("fewer numbers were saved"))?;
        self.word += 1;
        Ok(())
    }

    fn arena(&mut self, arena: &mut Arena) -> Result<(), StorageError> {
        let saved = self.copy.arenas.get(self.arena);
        let (shape, chunks) = saved.ok_or_else(|| mismatch("fewer arenas were saved"))?;
        self.arena += 1;
        arena.restore(shape, |i, words| {
            words.copy_from_slice(&chunks[i]);
            Ok(())
        })
    }

    fn piece(
        &mut self,
        piece: &mut Piece,
        show: &mut dyn FnMut(&mut dyn StateVisitor) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        piece.clear();
        show(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::{CHUNK_WORDS, Owner, Pool, Tier};
    use crate::state::Heap;

    #[test]
    fn a_heap_comes_back_address_by_address() {
        let (pool, owner) = (Pool::new(), Owner::new(1, 0, Tier::Keyed));
        let mut heap = Heap::new(&pool, owner);
        let mut blocks = Vec::new();
        for i in 1..400 {
            // Some blocks are longer than a chunk, some are freed again.
            let n = if i % 97 == 0 { CHUNK_WORDS * 2 + i } else { i % 300 + 1 };
            let addr = heap.alloc(n).expect("memory");
            heap.words_mut(addr, n).fill(i as u64);
            if i % 3 == 0 { heap.free(addr, n) } else { blocks.push((addr, n, i as u64)) }
        }
        let copy = StateCopy::of(&mut heap).expect("nothing fails");
        let mut other = Heap::new(&pool, owner);
        other.alloc(100).expect("memory");
        copy.put_into(&mut other).expect("a heap");
        for (addr, n, value) in blocks {
            assert!(other.words(addr, n).iter().all(|word| *word == value));
        }
        assert_eq!(heap.live_bytes(), other.live_bytes());
        for n in [1, 5, 77, 300, CHUNK_WORDS + 1] {
            assert_eq!(heap.alloc(n).ok(), other.alloc(n).ok(), "{n} words");
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let (pool, owner) = (Pool::new(), Owner::new(1, 0, Tier::Keyed));
        let copy = StateCopy::of(&mut Heap::new(&pool, owner)).expect("nothing fails");
        assert!(copy.put_into(&mut 5u64).is_err(), "an arena more than is loaded");
        assert!(StateCopy::default().put_into(&mut Heap::new(&pool, owner)).is_err());
        assert!(StateCopy::of(&mut 7u64).and_then(|c| c.put_into(&mut false)).is_err());
        let shape = ArenaShape { used_words: 5 * CHUNK_WORDS, runs: vec![(7, 2)] };
        assert!(Arena::new(&pool, owner).restore(&shape, |_, _| Ok(())).is_err());
    }
}
