//! Tests of free lists: reuse, classes, no overlap under random use.

use super::*;
use crate::arena::{Owner, Pool, Tier};

fn arena() -> Arena {
    Arena::new(&Pool::new(), Owner::new(1, 0, Tier::Keyed))
}

#[test]
fn freed_blocks_come_back_last_first() {
    let mut arena = arena();
    let mut lists = FreeLists::default();
    let a = lists.alloc(&mut arena, 5).unwrap();
    let b = lists.alloc(&mut arena, 5).unwrap();
    let other = lists.alloc(&mut arena, 6).unwrap();
    lists.free(&mut arena, a, 5);
    lists.free(&mut arena, b, 5);
    assert_eq!((lists.live_words(), lists.free_words()), (6, 10));
    assert_eq!(lists.alloc(&mut arena, 5), Ok(b));
    assert_eq!(lists.alloc(&mut arena, 5), Ok(a));
    assert_ne!(lists.alloc(&mut arena, 5), Ok(other));
    assert_eq!((lists.live_words(), lists.free_words()), (21, 0));
}

#[test]
fn classes_ascend_without_gaps_and_waste_at_most_a_quarter() {
    let mut last = 0;
    for n in 1..=CHUNK_WORDS {
        let (class, rounded) = class(n);
        let class = class.unwrap();
        assert!(class == last || class == last + 1, "{n}: {class} after {last}");
        assert!(rounded >= n && rounded <= CHUNK_WORDS && rounded - n <= n / 4, "{n} {rounded}");
        assert_eq!(super::class(rounded), (Some(class), rounded));
        last = class;
    }
    assert_eq!(last, N_CLASSES - 1);
    assert_eq!(class(CHUNK_WORDS + 1), (None, CHUNK_WORDS + 1));
    assert_eq!(class(0), (Some(0), 0));
}

#[test]
fn blocks_in_use_never_overlap() {
    let mut arena = arena();
    let mut lists = FreeLists::default();
    let mut live: Vec<(Addr, usize, u64)> = Vec::new();
    let mut random = 1u64;
    for step in 0..3000u64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
        let n = (random >> 33) as usize % 100 + 1;
        if live.len() > 50 {
            let (addr, n, mark) = live.swap_remove((random >> 40) as usize % live.len());
            assert!(arena.words(addr, n).iter().all(|&w| w == mark));
            lists.free(&mut arena, addr, n);
        }
        let addr = lists.alloc(&mut arena, n).unwrap();
        arena.words_mut(addr, n).fill(step);
        live.push((addr, n, step));
    }
    for (addr, n, mark) in live {
        assert!(arena.words(addr, n).iter().all(|&w| w == mark));
    }
    assert!(arena.held_bytes() < 4 * crate::arena::CHUNK_BYTES, "freed blocks are reused");
}

#[test]
fn sparse_when_most_is_free() {
    let mut arena = arena();
    let mut lists = FreeLists::default();
    let blocks: Vec<_> = (0..1000).map(|_| lists.alloc(&mut arena, 20).unwrap()).collect();
    assert!(!lists.is_sparse());
    blocks[..600].iter().for_each(|&b| lists.free(&mut arena, b, 20));
    assert!(lists.is_sparse());
}
