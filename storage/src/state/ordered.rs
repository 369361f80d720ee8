//! Ordered sets of row addresses, many of them in one heap: what min and max under retraction, TopN
//! and ordered aggregates keep per group.
//!
//! A set is a root word in its owner's row: 0 when empty, the element itself when there is one,
//! else a B-tree. Small sets are a single node that grows with them, so a group with three values
//! does not pay for thirty. The set knows nothing of rows: every search gets a function that says
//! how the sought row compares to the one at an address (`Less`: the sought row comes first). What
//! rows are equal is the caller's business; a set never holds two elements that compare equal.
//!
//! ```text
//! node word 0   entries (16 bits) | height (8 bits) | capacity (16 bits)
//! leaf          element address, one word each
//! inner node    child address | address of the child's last element << 32
//! ```
//!
//! Invariant: elements ascend; no node is empty; all leaves have height 0 and the same depth.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use crate::OutOfMemory;
use crate::StorageError;
use crate::arena::{Addr, Owner, Pool};
use crate::state::heap::Heap;
use crate::state::visit::{StateVisitor, Visit};

/// Most entries of a node.
const FANOUT: usize = 31;
/// Entries of the smallest node.
const SMALLEST: usize = 3;
/// A root with this bit is a node, else a single element plus one.
const NODE: u64 = 1 << 63;

/// Many ordered sets.
#[derive(Debug)]
pub struct OrderedSets {
    nodes: Heap,
}

/// What a node that overflowed leaves behind: its last element, and its new right sibling with its
/// last.
struct Split {
    left_last: u32,
    right: u32,
    right_last: u32,
}

#[derive(Clone, Copy)]
struct Header {
    n: usize,
    height: usize,
    capacity: usize,
}

impl Header {
    fn of(word: u64) -> Self {
        Self {
            n: (word & 0xffff) as usize,
            height: (word >> 16 & 0xff) as usize,
            capacity: (word >> 32) as usize,
        }
    }

    fn word(self) -> u64 {
        self.n as u64 | (self.height as u64) << 16 | (self.capacity as u64) << 32
    }
}

#[inline]
fn single(addr: Addr) -> u64 {
    u64::from(addr.0) + 1
}

#[inline]
fn last_of(entry: u64, height: usize) -> u32 {
    if height == 0 { entry as u32 } else { (entry >> 32) as u32 }
}

impl OrderedSets {
    /// No sets yet.
    pub fn new(pool: &Pool, owner: Owner) -> Self {
        Self { nodes: Heap::new(pool, owner) }
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.nodes.held_bytes()
    }

    /// Forgets all sets at once.
    pub fn clear(&mut self) {
        self.nodes.clear();
    }

    fn header(&self, node: Addr) -> Header {
        Header::of(self.nodes.word(node))
    }

    fn entries(&self, node: Addr, n: usize) -> &[u64] {
        &self.nodes.words(node, n + 1)[1..]
    }

    /// Position of the first entry whose (last) element is not before the sought row, and whether a
    /// leaf's entry there is equal to it.
    fn position(
        &self,
        node: Addr,
        header: Header,
        cmp: &impl Fn(Addr) -> Ordering,
    ) -> (usize, bool) {
        let entries = self.entries(node, header.n);
        let (mut low, mut high, mut equal) = (0, header.n, false);
        while low < high {
            let middle = (low + high) / 2;
            match cmp(Addr(last_of(entries[middle], header.height))) {
                Ordering::Greater => low = middle + 1,
                Ordering::Less => high = middle,
                Ordering::Equal => {
                    equal = true;
                    high = middle;
                    low = middle;
                }
            }
        }
        (low, equal)
    }

    /// The element equal to the sought row.
    pub fn find(&self, root: u64, cmp: impl Fn(Addr) -> Ordering) -> Option<Addr> {
        if root & NODE == 0 {
            let only = Addr((root as u32).checked_sub(1)?);
            return cmp(only).is_eq().then_some(only);
        }
        let mut node = Addr(root as u32);
        loop {
            let header = self.header(node);
            let (at, equal) = self.position(node, header, &cmp);
            if at == header.n {
                return None;
            }
            let entry = self.entries(node, header.n)[at];
            if equal {
                return Some(Addr(last_of(entry, header.height)));
            }
            if header.height == 0 {
                return None;
            }
            node = Addr(entry as u32);
        }
    }

    /// Adds an element that the set does not have; `cmp` compares it to others.
    pub fn insert(
        &mut self,
        root: &mut u64,
        element: Addr,
        cmp: impl Fn(Addr) -> Ordering,
    ) -> Result<(), OutOfMemory> {
        if *root == 0 {
            *root = single(element);
            return Ok(());
        }
        if *root & NODE == 0 {
            let only = *root as u32 - 1;
            let pair = if cmp(Addr(only)).is_lt() { [element.0, only] } else { [only, element.0] };
            let node = self.new_node(SMALLEST, 0, &pair.map(u64::from))?;
            *root = NODE | u64::from(node.0);
            return Ok(());
        }
        let mut top = Addr(*root as u32);
        let header = self.header(top);
        if header.height == 0 && header.n == header.capacity && header.capacity < FANOUT {
            top = self.widen(top, header)?;
            *root = NODE | u64::from(top.0);
        }
        if let Some(split) = self.insert_below(top, element, &cmp)? {
            let height = self.header(top).height + 1;
            let left = u64::from(top.0) | u64::from(split.left_last) << 32;
            let right = u64::from(split.right) | u64::from(split.right_last) << 32;
            let node = self.new_node(FANOUT, height, &[left, right])?;
            *root = NODE | u64::from(node.0);
        }
        Ok(())
    }

    fn new_node(
        &mut self,
        capacity: usize,
        height: usize,
        entries: &[u64],
    ) -> Result<Addr, OutOfMemory> {
        let node = self.nodes.alloc(capacity + 1)?;
        let words = self.nodes.words_mut(node, capacity + 1);
        words[0] = Header { n: entries.len(), height, capacity }.word();
        words[1..=entries.len()].copy_from_slice(entries);
        Ok(node)
    }

    /// Moves the entries of a full small leaf into one of twice the size.
    fn widen(&mut self, node: Addr, header: Header) -> Result<Addr, OutOfMemory> {
        let mut entries = [0u64; FANOUT];
        entries[..header.n].copy_from_slice(self.entries(node, header.n));
        let wider = self.new_node(header.capacity * 2 + 1, 0, &entries[..header.n])?;
        self.nodes.free(node, header.capacity + 1);
        Ok(wider)
    }

    fn insert_below(
        &mut self,
        node: Addr,
        element: Addr,
        cmp: &impl Fn(Addr) -> Ordering,
    ) -> Result<Option<Split>, OutOfMemory> {
        let header = self.header(node);
        let (mut at, _) = self.position(node, header, cmp);
        if header.height == 0 {
            return self.insert_entry(node, at, u64::from(element.0));
        }
        let appended = at == header.n;
        if appended {
            at -= 1;
        }
        let entry = self.entries(node, header.n)[at];
        let child = entry as u32;
        let split = self.insert_below(Addr(child), element, cmp)?;
        let old_last = if appended { element.0 } else { (entry >> 32) as u32 };
        match split {
            None => {
                self.set_entry(node, at, u64::from(child) | u64::from(old_last) << 32);
                Ok(None)
            }
            Some(split) => {
                self.set_entry(node, at, u64::from(child) | u64::from(split.left_last) << 32);
                let right = u64::from(split.right) | u64::from(split.right_last) << 32;
                self.insert_entry(node, at + 1, right)
            }
        }
    }

    fn set_entry(&mut self, node: Addr, at: usize, entry: u64) {
        self.nodes.set_word(Addr(node.0 + 1 + at as u32), entry);
    }

    /// Puts an entry into a node, splitting it when it is full.
    fn insert_entry(
        &mut self,
        node: Addr,
        at: usize,
        entry: u64,
    ) -> Result<Option<Split>, OutOfMemory> {
        let mut header = self.header(node);
        if header.n < header.capacity {
            let words = &mut self.nodes.words_mut(node, header.n + 2)[1..];
            words.copy_within(at..header.n, at + 1);
            words[at] = entry;
            header.n += 1;
            self.nodes.set_word(node, header.word());
            return Ok(None);
        }
        let mut all = [0u64; FANOUT + 1];
        all[..at].copy_from_slice(&self.entries(node, header.n)[..at]);
        all[at] = entry;
        all[at + 1..].copy_from_slice(&self.entries(node, header.n)[at..]);
        // Appending is common (arrival order): leave the left node nearly full then.
        let n_left = if at == header.n { FANOUT - 1 } else { FANOUT.div_ceil(2) };
        let (left, right) = all.split_at(n_left);
        let sibling = self.new_node(FANOUT, header.height, right)?;
        let words = self.nodes.words_mut(node, n_left + 1);
        words[0] = Header { n: n_left, ..header }.word();
        words[1..].copy_from_slice(left);
        Ok(Some(Split {
            left_last: last_of(left[n_left - 1], header.height),
            right: sibling.0,
            right_last: last_of(right[right.len() - 1], header.height),
        }))
    }

    /// Removes and returns the element equal to the sought row.
    pub fn remove(&mut self, root: &mut u64, cmp: impl Fn(Addr) -> Ordering) -> Option<Addr> {
        if *root & NODE == 0 {
            let only = Addr((*root as u32).checked_sub(1)?);
            if cmp(only).is_ne() {
                return None;
            }
            *root = 0;
            return Some(only);
        }
        let top = Addr(*root as u32);
        let removed = self.remove_below(top, &cmp)?;
        self.shrink_root(root);
        Some(removed)
    }

    fn remove_below(&mut self, node: Addr, cmp: &impl Fn(Addr) -> Ordering) -> Option<Addr> {
        let header = self.header(node);
        let (at, equal) = self.position(node, header, cmp);
        if at == header.n {
            return None;
        }
        let entry = self.entries(node, header.n)[at];
        if header.height == 0 {
            if !equal {
                return None;
            }
            self.remove_entry(node, at);
            return Some(Addr(entry as u32));
        }
        let child = Addr(entry as u32);
        let removed = self.remove_below(child, cmp)?;
        let below = self.header(child);
        if below.n == 0 {
            self.nodes.free(child, below.capacity + 1);
            self.remove_entry(node, at);
        } else {
            let last = last_of(self.entries(child, below.n)[below.n - 1], below.height);
            self.set_entry(node, at, u64::from(child.0) | u64::from(last) << 32);
        }
        Some(removed)
    }

    fn remove_entry(&mut self, node: Addr, at: usize) {
        let mut header = self.header(node);
        self.nodes.words_mut(node, header.n + 1)[1..].copy_within(at + 1.., at);
        header.n -= 1;
        self.nodes.set_word(node, header.word());
    }

    /// Drops roots with a single child, and the node of a single element.
    fn shrink_root(&mut self, root: &mut u64) {
        loop {
            let node = Addr(*root as u32);
            let header = self.header(node);
            if header.n > 1 {
                return;
            }
            let entry = if header.n == 1 { self.entries(node, 1)[0] } else { 0 };
            self.nodes.free(node, header.capacity + 1);
            if header.height == 0 {
                *root = if header.n == 1 { single(Addr(entry as u32)) } else { 0 };
                return;
            }
            *root = NODE | u64::from(entry as u32);
        }
    }

    /// The element of a set that has just one.
    #[inline]
    pub fn only(root: u64) -> Option<Addr> {
        // The root of an empty set is 0, which wraps; a node's has bits above an address.
        u32::try_from(root.wrapping_sub(1)).ok().map(Addr)
    }

    /// The first element.
    pub fn first(&self, root: u64) -> Option<Addr> {
        self.end(root, |_| 0)
    }

    /// The last element.
    pub fn last(&self, root: u64) -> Option<Addr> {
        self.end(root, |n| n - 1)
    }

    fn end(&self, root: u64, pick: impl Fn(usize) -> usize) -> Option<Addr> {
        if root & NODE == 0 {
            return Some(Addr((root as u32).checked_sub(1)?));
        }
        let mut node = Addr(root as u32);
        loop {
            let header = self.header(node);
            let entry = self.entries(node, header.n)[pick(header.n)];
            if header.height == 0 {
                return Some(Addr(entry as u32));
            }
            node = Addr(entry as u32);
        }
    }

    /// Calls `visit` for the elements in order until it breaks.
    pub fn for_each(&self, root: u64, mut visit: impl FnMut(Addr) -> ControlFlow<()>) {
        let _ = self.walk(root, &mut visit);
    }

    /// Calls `visit` for the elements in order, from the first for which `before` does not hold (it
    /// holds for a beginning of the order), until it breaks.
    pub fn for_each_from(
        &self,
        root: u64,
        before: impl Fn(Addr) -> bool,
        mut visit: impl FnMut(Addr) -> ControlFlow<()>,
    ) {
        if root & NODE == 0 {
            if root != 0 && !before(Addr(root as u32 - 1)) {
                let _ = visit(Addr(root as u32 - 1));
            }
            return;
        }
        let _ = self.walk_from(Addr(root as u32), &before, &mut visit);
    }

    fn walk(&self, root: u64, visit: &mut impl FnMut(Addr) -> ControlFlow<()>) -> ControlFlow<()> {
        if root & NODE == 0 {
            return if root == 0 {
                ControlFlow::Continue(())
            } else {
                visit(Addr(root as u32 - 1))
            };
        }
        let node = Addr(root as u32);
        let header = self.header(node);
        for &entry in self.entries(node, header.n) {
            if header.height == 0 {
                visit(Addr(entry as u32))?;
            } else {
                self.walk(NODE | u64::from(entry as u32), visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn walk_from(
        &self,
        node: Addr,
        before: &impl Fn(Addr) -> bool,
        visit: &mut impl FnMut(Addr) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let header = self.header(node);
        let entries = self.entries(node, header.n);
        let start = entries.partition_point(|&e| before(Addr(last_of(e, header.height))));
        for (i, &entry) in entries.iter().enumerate().skip(start) {
            if header.height == 0 {
                visit(Addr(entry as u32))?;
            } else if i == start {
                self.walk_from(Addr(entry as u32), before, visit)?;
            } else {
                self.walk(NODE | u64::from(entry as u32), visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Frees the nodes of a set; the elements are the caller's.
    pub fn free(&mut self, root: &mut u64) {
        if *root & NODE != 0 {
            self.free_node(Addr(*root as u32));
        }
        *root = 0;
    }

    fn free_node(&mut self, node: Addr) {
        let header = self.header(node);
        if header.height > 0 {
            for i in 0..header.n {
                let child = self.entries(node, header.n)[i] as u32;
                self.free_node(Addr(child));
            }
        }
        self.nodes.free(node, header.capacity + 1);
    }
}

impl Visit for OrderedSets {
    /// The roots are their owner's to visit.
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.nodes.visit(visitor)
    }
}
