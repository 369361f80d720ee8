//! Structures that are saved and go on elsewhere, in a new structure or a used one: the same
//! operations give the same results at the same addresses.

use arena_tr_types::DataType;

use super::{Random, batch, owner, pool};
use crate::Column;
use crate::arena::{Addr, CHUNK_WORDS};
use crate::state::visit::{Piece, StateCopy, StateVisitor, Visit};
use crate::state::{GroupTable, Heap, OrderedSets, PaneRing};
use crate::{Batch, StorageError};

fn copy_of(state: &mut dyn Visit) -> StateCopy {
    StateCopy::of(state).expect("nothing fails")
}

const TYPES: [DataType; 3] = [DataType::Int8, DataType::Text, DataType::Float8];

fn table() -> GroupTable {
    GroupTable::new(&pool(), owner(), &TYPES, 1)
}

/// Upserts the rows of a batch and removes some of those it met; where all of them are.
fn change(table: &mut GroupTable, batch: &Batch, keep: u64) -> Vec<Addr> {
    let columns: Vec<&Column> = batch.columns.iter().collect();
    let rows: Vec<u16> = (0..batch.rows() as u16).collect();
    let mut refs = Vec::new();
    table.upsert(&columns, &rows, &mut refs).expect("memory");
    for (k, &addr) in refs.iter().enumerate() {
        table.set_state(addr, 0, k as u64);
    }
    let mut gone = refs.clone();
    gone.sort_unstable_by_key(|addr| addr.0);
    gone.dedup();
    gone.retain(|addr| u64::from(addr.0) % 10 >= keep);
    gone.into_iter().for_each(|addr| table.remove(addr));
    let mut all = Vec::new();
    table.scan(0, usize::MAX, &mut all);
    refs.append(&mut all);
    refs
}

#[test]
fn a_group_table_goes_on() {
    let mut random = Random(77);
    let mut table_now = table();
    let mut sizes = Vec::new();
    for epoch in 0..30 {
        // Directories of every kind are replaced by every kind.
        for n_before in [0, 1, 60, 1000] {
            let mut other = table();
            for _ in 0..if n_before == 1000 { 8 } else { u64::from(n_before > 0) } {
                change(&mut other, &batch(&mut random, &TYPES, n_before), 9);
            }
            let copy = copy_of(&mut table_now);
            copy.put_into(&mut other).expect("a table");
            assert_eq!(copy_of(&mut other), copy);
            let next = batch(&mut random, &TYPES, [1, 70, 900][epoch % 3]);
            let keep = if epoch < 20 { 9 } else { 3 };
            assert_eq!(change(&mut other, &next, keep), change(&mut table_now, &next, keep));
            assert_eq!(other.len(), table_now.len());
            assert!(copy_of(&mut other).is_like(&copy_of(&mut table_now)));
        }
        sizes.push(table_now.len());
    }
    assert!(sizes.iter().any(|n| *n < 10) && sizes.iter().any(|n| *n > 6000), "{sizes:?}");
}

#[test]
fn a_table_with_half_a_directory_is_refused() {
    let mut random = Random(3);
    let mut full = table();
    (0..8).for_each(|_| drop(change(&mut full, &batch(&mut random, &TYPES, 1000), 9)));
    /// Shows the parts of a table, with one number in place of another.
    struct Bent<'a>(&'a mut GroupTable, u64, u64);
    struct Bend<'a>(&'a mut dyn StateVisitor, u64, u64);
    impl StateVisitor for Bend<'_> {
        fn piece(
            &mut self,
            _: &mut Piece,
            show: &mut dyn FnMut(&mut dyn StateVisitor) -> Result<(), StorageError>,
        ) -> Result<(), StorageError> {
            show(self)
        }

        fn is_loading(&self) -> bool {
            self.0.is_loading()
        }
        fn word(&mut self, word: &mut u64) -> Result<(), StorageError> {
            let mut shown = if *word == self.1 { self.2 } else { *word };
            self.0.word(&mut shown)
        }
        fn arena(&mut self, arena: &mut crate::arena::Arena) -> Result<(), StorageError> {
            self.0.arena(arena)
        }
    }
    impl Visit for Bent<'_> {
        fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
            self.0.visit(&mut Bend(visitor, self.1, self.2))
        }
    }
    let n = full.len() as u64;
    assert!(copy_of(&mut Bent(&mut full, n, n)).put_into(&mut table()).is_ok());
    // More rows than slots; a directory larger than its arena; bits that are no size at all.
    let bits = 64 - u64::from((n * 4 / 3).leading_zeros());
    for (from, to) in [(n, 1 << 40), (bits, bits + 1), (bits, 63), (bits, 0)] {
        let copy = copy_of(&mut Bent(&mut full, from, to));
        assert!(copy.put_into(&mut table()).is_err(), "{from} became {to}");
    }
}

struct Sets {
    sets: OrderedSets,
    roots: [u64; 3],
}

impl Visit for Sets {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.sets.visit(visitor)?;
        self.roots.iter_mut().try_for_each(|root| root.visit(visitor))
    }
}

impl Sets {
    fn new() -> Self {
        Self { sets: OrderedSets::new(&pool(), owner()), roots: [0; 3] }
    }

    fn change(&mut self, random: &mut Random, n: usize, domain: u64) {
        for _ in 0..n {
            let (set, x) = (random.below(3) as usize, random.below(domain) as u32);
            let root = &mut self.roots[set];
            if self.sets.remove(root, |other| x.cmp(&other.0)).is_none() {
                self.sets.insert(root, Addr(x), |other| x.cmp(&other.0)).expect("memory");
            }
        }
    }
}

#[test]
fn ordered_sets_go_on() {
    let mut sets = Sets::new();
    for epoch in 1..40u64 {
        let domain = [5, 300, 20_000][epoch as usize % 3];
        let copy = copy_of(&mut sets);
        let mut other = Sets::new();
        other.change(&mut Random(epoch), if epoch % 2 == 0 { 0 } else { 3000 }, 900);
        copy.put_into(&mut other).expect("sets");
        sets.change(&mut Random(epoch * 31), 700, domain);
        other.change(&mut Random(epoch * 31), 700, domain);
        assert_eq!(sets.roots, other.roots, "the same nodes at the same addresses");
        assert!(copy_of(&mut sets).is_like(&copy_of(&mut other)));
    }
}

struct Ring(PaneRing<Heap>);

impl Ring {
    fn change(&mut self, random: &mut Random, n: usize) -> Vec<u32> {
        let new = || Heap::new(&pool(), owner());
        let mut addrs = Vec::new();
        for _ in 0..n {
            let position = random.below(40) as i64 - 20;
            if random.below(4) == 0 {
                self.0.take(position);
                continue;
            }
            let words = 1 + random.below(CHUNK_WORDS as u64) as usize;
            let pane = self.0.get_or_insert(position, new);
            let addr = pane.alloc_zeroed(words).expect("memory");
            if random.below(3) == 0 {
                pane.free(addr, words);
            }
            addrs.push(addr.0);
        }
        addrs
    }
}

impl Visit for Ring {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.0.visit(|| Heap::new(&pool(), owner()), visitor)
    }
}

#[test]
fn panes_go_on() {
    let mut ring = Ring(PaneRing::default());
    for epoch in 1..50u64 {
        let copy = copy_of(&mut ring);
        let mut other = Ring(PaneRing::default());
        other.change(&mut Random(epoch), if epoch % 2 == 0 { 0 } else { 60 });
        copy.put_into(&mut other).expect("panes");
        assert!(ring.0.iter().map(|(p, _)| p).eq(other.0.iter().map(|(p, _)| p)));
        let (a, b) = (Random(epoch * 7), Random(epoch * 7));
        assert_eq!(ring.change(&mut { a }, 30), other.change(&mut { b }, 30));
        assert!(copy_of(&mut ring).is_like(&copy_of(&mut other)));
    }
    assert!(ring.0.len() > 10);
}

#[test]
fn panes_out_of_order_are_refused() {
    let mut list: Vec<(i64, u64)> = vec![(1, 5), (3, 6)];
    struct List<'a>(&'a mut Vec<(i64, u64)>);
    impl Visit for List<'_> {
        fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
            crate::state::visit::visit_list(self.0, || (0, 0), visitor)
        }
    }
    struct Numbers(PaneRing<u64>);
    impl Visit for Numbers {
        fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
            self.0.visit(|| 0, visitor)
        }
    }
    let mut ring = Numbers(PaneRing::default());
    copy_of(&mut List(&mut list)).put_into(&mut ring).expect("panes");
    assert_eq!(ring.0.get(3), Some(&6));
    list[1].0 = 1;
    assert!(copy_of(&mut List(&mut list)).put_into(&mut ring).is_err());
}
