//! Arenas side by side, one per thread, on cache lines of their own.
//!
//! Two cursors on one cache line make two threads fight for it with every allocation.
//! Invariant: no two arenas of a set share a cache line (or the pair that is fetched together).

use std::ops::{Deref, DerefMut};

use super::{Arena, Owner, Pool};

/// A value on cache lines of its own: 128 bytes, since processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Padded<T>(pub T);

impl<T> Deref for Padded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Padded<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// One arena per worker.
#[derive(Debug)]
pub struct LocalArenas {
    arenas: Box<[Padded<Arena>]>,
}

impl LocalArenas {
    /// `n` arenas of one owner.
    pub fn new(pool: &Pool, owner: Owner, n: usize) -> Self {
        Self { arenas: (0..n).map(|_| Padded(Arena::new(pool, owner))).collect() }
    }

    /// Each worker's arena: split the iterator among threads.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Padded<Arena>> {
        self.arenas.iter_mut()
    }

    /// Worker `i`'s arena.
    pub fn get_mut(&mut self, i: usize) -> Option<&mut Arena> {
        self.arenas.get_mut(i).map(|arena| &mut arena.0)
    }

    /// Resets all; chunks stay.
    pub fn reset(&mut self) {
        self.iter_mut().for_each(|arena| arena.reset());
    }
}
