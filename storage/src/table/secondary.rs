//! Indexes beside the primary one: unique constraints, and lists of rows by key.
//!
//! A unique index has one row for each key. Any other has the newest row of each key, and every row
//! is linked with the next older and next newer one of its key: a word for each row, in blocks that
//! lie beside the chunks. Rows with NULL in the key are in neither: they are equal to no key.
//!
//! Invariant: a row is in the list of its key exactly while it is in the relation.

use crate::OutOfMemory;
use crate::arena::Addr;
use crate::batch::Batch;
use crate::table::chunk::{CHUNK_ROWS, row_of, slot_of};
use crate::table::chunks::ChunkList;
use crate::table::index::KeyIndex;

/// An index by its number; numbers are not used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexId(pub u32);

/// What an index is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its name, or that of the constraint: what a violation names.
    pub name: String,
    /// The columns of its key.
    pub columns: Vec<usize>,
    /// What violations call these columns.
    pub labels: Vec<String>,
    /// Whether no two rows may have the same key, NULLs being distinct.
    pub unique: bool,
}

/// One index beside the primary one.
#[derive(Debug)]
pub(super) struct Secondary {
    pub(super) id: IndexId,
    pub(super) spec: IndexSpec,
    pub(super) index: KeyIndex,
    /// For each slot the block with its rows' links; only if keys may repeat.
    links: Vec<Addr>,
}

/// Neighbours of a row in the list of its key.
#[derive(Debug, Clone, Copy)]
struct Link {
    newer: Addr,
    older: Addr,
}

impl Secondary {
    pub(super) fn new(id: IndexId, spec: IndexSpec, index: KeyIndex) -> Self {
        Self { id, spec, index, links: Vec::new() }
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.index.clear();
        self.links = Vec::new();
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.index.held_bytes() + self.links.len() * size_of::<Addr>()
    }

    /// Makes room for so many more rows, in at most so many slots.
    pub(super) fn reserve(&mut self, rows: usize, n_slots: usize) -> Result<(), OutOfMemory> {
        self.index.reserve(rows)?;
        while !self.spec.unique && self.links.len() < n_slots {
            let block = self.index.heap_mut().alloc(CHUNK_ROWS)?;
            self.links.push(block);
        }
        Ok(())
    }

    fn place(&self, addr: Addr) -> Addr {
        self.links[slot_of(addr)].offset(row_of(addr))
    }

    fn link(&self, addr: Addr) -> Link {
        let word = self.index.heap().word(self.place(addr));
        Link { newer: Addr((word >> 32) as u32), older: Addr(word as u32) }
    }

    fn set_link(&mut self, addr: Addr, link: Link) {
        let at = self.place(addr);
        let word = u64::from(link.newer.0) << 32 | u64::from(link.older.0);
        self.index.heap_mut().set_word(at, word);
    }

    /// The newest row of a key and all older ones.
    pub(super) fn list(&self, newest: Addr) -> impl Iterator<Item = Addr> {
        let newest = (!newest.is_none()).then_some(newest);
        std::iter::successors(newest, |&addr| {
            if self.spec.unique {
                return None;
            }
            let older = self.link(addr).older;
            (!older.is_none()).then_some(older)
        })
    }

    /// Adds a row that lies in the chunks already; the newest of all. Room was reserved.
    pub(super) fn add(&mut self, chunks: &ChunkList, hash: u64, addr: Addr) {
        let (batch, row) = chunks.row(addr);
        if self.index.has_null(batch, row) {
            return;
        }
        if self.spec.unique {
            return self.index.insert(hash, addr);
        }
        let same = |other: Addr| self.index.same_key((batch, row), chunks.row(other));
        let older = self.index.find(hash, same);
        self.set_link(addr, Link { newer: Addr::NONE, older });
        if older.is_none() {
            return self.index.insert(hash, addr);
        }
        let link = self.link(older);
        self.set_link(older, Link { newer: addr, ..link });
        self.index.replace(hash, older, addr);
    }

    /// The same for rows that were not checked; false if that would be against uniqueness.
    pub(super) fn add_new(&mut self, chunks: &ChunkList, hash: u64, addr: Addr) -> bool {
        let (batch, row) = chunks.row(addr);
        if !self.spec.unique || self.index.has_null(batch, row) {
            self.add(chunks, hash, addr);
            return true;
        }
        chunks.weight(addr) == 1 && self.index.insert_new(chunks, (batch, row), hash, addr)
    }

    /// Whether each row with a key is found under it exactly once, and nothing else; if not, what
    /// is wrong. `rows` are all that are there.
    pub(super) fn verify(&self, chunks: &ChunkList, rows: &[Addr]) -> Result<(), &'static str> {
        let (mut keyed, mut listed, mut heads) = (0, 0, 0);
        let mut hash = Vec::new();
        for &addr in rows {
            let (batch, row) = chunks.row(addr);
            if self.index.has_null(batch, row) {
                continue;
            }
            keyed += 1;
            self.index.hash_rows(batch, &[row as u16], &mut hash);
            let same = |other: Addr| {
                chunks.holds(other) && self.index.same_key((batch, row), chunks.row(other))
            };
            let newest = self.index.find(hash[0], same);
            if newest.is_none() {
                return Err("a row that an index does not find");
            }
            if newest != addr {
                if self.spec.unique || self.linked(addr).is_none_or(|link| link.newer.is_none()) {
                    return Err("two rows of one key in an index");
                }
                continue;
            }
            heads += 1;
            let mut newer = Addr::NONE;
            for older in self.list(addr).take(rows.len() + 1) {
                let link = if self.spec.unique { None } else { self.linked(older) };
                let fits =
                    same(older) && (self.spec.unique || link.is_some_and(|l| l.newer == newer));
                if !fits {
                    return Err("a list of rows of one key that is broken");
                }
                (listed, newer) = (listed + 1, older);
            }
        }
        match (listed == keyed, heads == self.index.len()) {
            (false, _) => Err("rows that are in no list of their key"),
            (_, false) => Err("an entry of an index that leads nowhere"),
            _ => Ok(()),
        }
    }

    /// The links of a row, if it has any.
    fn linked(&self, addr: Addr) -> Option<Link> {
        (slot_of(addr) < self.links.len()).then(|| self.link(addr))
    }

    /// Takes a row out that is still to be read in `batch`.
    pub(super) fn remove(&mut self, (batch, row): (&Batch, usize), hash: u64, addr: Addr) {
        if self.index.has_null(batch, row) {
            return;
        }
        if self.spec.unique {
            return self.index.remove(hash, addr);
        }
        let Link { newer, older } = self.link(addr);
        if !older.is_none() {
            let link = self.link(older);
            self.set_link(older, Link { newer, ..link });
        }
        match (newer.is_none(), older.is_none()) {
            (false, _) => {
                let link = self.link(newer);
                self.set_link(newer, Link { older, ..link });
            }
            (true, false) => self.index.replace(hash, addr, older),
            (true, true) => self.index.remove(hash, addr),
        }
    }

    /// A row of `batch` lies elsewhere now.
    pub(super) fn relocate(
        &mut self,
        (batch, row): (&Batch, usize),
        hash: u64,
        (from, to): (Addr, Addr),
    ) {
        if self.index.has_null(batch, row) {
            return;
        }
        if self.spec.unique {
            return self.index.replace(hash, from, to);
        }
        let Link { newer, older } = self.link(from);
        self.set_link(to, Link { newer, older });
        if !older.is_none() {
            let link = self.link(older);
            self.set_link(older, Link { newer: to, ..link });
        }
        if newer.is_none() {
            self.index.replace(hash, from, to);
        } else {
            let link = self.link(newer);
            self.set_link(newer, Link { older: to, ..link });
        }
    }
}
