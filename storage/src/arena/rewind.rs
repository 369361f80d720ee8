//! Checkpoints, scopes, and the history that tells stale addresses from live ones.
//!
//! Invariant: rewinding never moves the cursor up; a scope rewinds however it is left.

use std::ops::{Deref, DerefMut};

use super::{Addr, Arena};

/// A cursor position to rewind to.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Checkpoint {
    at: u32,
    #[cfg(debug_assertions)]
    moment: u64,
}

/// An address that debug builds can tell stale even after its words were allocated again.
#[derive(Debug, Clone, Copy)]
pub struct Stamped {
    addr: Addr,
    #[cfg(debug_assertions)]
    moment: u64,
}

/// The history of rewinds: debug builds keep for every past moment how low the cursor went since.
#[derive(Default)]
pub(super) struct Rewinds {
    /// (number of the rewind, where it went), both ascending: a rewind hides earlier ones that went
    /// higher.
    #[cfg(debug_assertions)]
    lows: Vec<(u64, u32)>,
    #[cfg(debug_assertions)]
    n: u64,
}

impl Rewinds {
    #[inline]
    pub(super) fn note(&mut self, at: u32) {
        #[cfg(debug_assertions)]
        {
            self.n += 1;
            while self.lows.pop_if(|low| low.1 >= at).is_some() {}
            self.lows.push((self.n, at));
        }
        #[cfg(not(debug_assertions))]
        let _ = at;
    }

    /// The lowest position the cursor was rewound to after `moment`.
    #[cfg(debug_assertions)]
    fn lowest_since(&self, moment: u64) -> u32 {
        let first = self.lows.partition_point(|low| low.0 <= moment);
        self.lows.get(first).map_or(u32::MAX, |low| low.1)
    }
}

impl Arena {
    /// The cursor's position, to rewind to.
    #[inline]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            at: self.chunks.cursor(),
            #[cfg(debug_assertions)]
            moment: self.rewinds.n,
        }
    }

    /// Forgets what was allocated since the checkpoint, in O(1); chunks stay. Panics if the cursor
    /// is below it; debug builds also if it was at any time since.
    #[inline]
    pub fn rewind(&mut self, to: Checkpoint) {
        assert!(to.at <= self.chunks.cursor(), "a checkpoint is rewound to before it is passed");
        #[cfg(debug_assertions)]
        assert!(
            self.rewinds.lowest_since(to.moment) >= to.at,
            "the arena was rewound or reset below this checkpoint"
        );
        self.rewind_to(to.at);
    }

    /// A guard through which to allocate; what it allocated is forgotten when it is dropped, by a
    /// panic too, unless [`Scope::keep`] ends it.
    pub fn scope(&mut self) -> Scope<'_> {
        let start = self.checkpoint();
        Scope { arena: self, start }
    }

    /// The address with the moment: for holders that want stale use found.
    #[inline]
    pub fn stamp(&self, addr: Addr) -> Stamped {
        Stamped {
            addr,
            #[cfg(debug_assertions)]
            moment: self.rewinds.n,
        }
    }

    /// The address. Debug builds panic if its word was given back since it was stamped.
    #[inline]
    pub fn resolve(&self, stamped: Stamped) -> Addr {
        #[cfg(debug_assertions)]
        assert!(
            self.rewinds.lowest_since(stamped.moment) > stamped.addr.0,
            "{} was given back: the address outlived a rewind or reset",
            stamped.addr
        );
        stamped.addr
    }
}

/// See [`Arena::scope`].
#[derive(Debug)]
pub struct Scope<'a> {
    arena: &'a mut Arena,
    start: Checkpoint,
}

impl Scope<'_> {
    /// Ends the scope and keeps what it allocated.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        // A stale checkpoint cannot be: who reset or rewound below it had the scope's arena and
        // left the cursor below, where there is nothing to forget.
        if self.start.at <= self.arena.chunks.cursor() {
            self.arena.rewind_to(self.start.at);
        }
    }
}

impl Deref for Scope<'_> {
    type Target = Arena;

    fn deref(&self) -> &Arena {
        self.arena
    }
}

impl DerefMut for Scope<'_> {
    fn deref_mut(&mut self) -> &mut Arena {
        self.arena
    }
}
