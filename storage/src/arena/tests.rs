//! Tests of arenas: allocation, rewinding, stale addresses, long allocations, accounting.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

const OWNER: Owner = Owner::new(7, 2, Tier::Pane);

fn arena() -> Arena {
    Arena::new(&Pool::new(), OWNER)
}

#[test]
fn words_are_where_they_were_put() {
    let mut arena = arena();
    let addrs: Vec<_> = (0..20_000u64).map(|i| arena.push(i * 3).unwrap()).collect();
    assert!(addrs.iter().enumerate().all(|(i, &addr)| arena.word(addr) == i as u64 * 3));
    assert_eq!((arena.n_chunks(), arena.used_bytes()), (3, 160_000));
    arena.set_word(addrs[8191], 1);
    assert_eq!((arena.word(addrs[8190]), arena.word(addrs[8192])), (24_570, 24_576));
    let saved: Vec<u64> = arena.used_chunks().flatten().copied().collect();
    assert_eq!((saved.len(), saved[8191]), (20_000, 1));
}

#[test]
fn an_allocation_never_straddles_chunks() {
    let mut arena = arena();
    for n in [1, 8191, 2, 8190, 8192, 1] {
        let addr = arena.alloc(n).unwrap();
        assert!(addr.word() + n <= CHUNK_WORDS);
        arena.words_mut(addr, n).fill(n as u64);
        assert!(arena.words(addr, n).iter().all(|&w| w == n as u64));
    }
    assert_eq!(arena.n_chunks(), 4);
}

#[test]
fn zero_words_are_no_memory() {
    let mut arena = arena();
    let addr = arena.alloc(0).unwrap();
    assert!(arena.words(addr, 0).is_empty() && arena.bytes(addr, 0).is_empty());
    assert_eq!(arena.held_bytes(), 0);
    let full = arena.alloc(CHUNK_WORDS).unwrap();
    assert_eq!(full, Addr(0));
    let after = arena.alloc_bytes(b"").unwrap();
    assert!(arena.words(after, 0).is_empty());
}

#[test]
fn bytes_of_every_length() {
    let mut arena = arena();
    let all: Vec<u8> = (0..200).collect();
    let addrs: Vec<_> = (0..200).map(|n| arena.alloc_bytes(&all[..n]).unwrap()).collect();
    for (n, &addr) in addrs.iter().enumerate() {
        assert_eq!(arena.bytes(addr, n), &all[..n]);
        if n % 8 > 0 {
            let last = arena.word(addr.offset(n / 8));
            assert_eq!(last >> (n % 8 * 8), 0, "the rest of the last word is zero");
        }
    }
    arena.bytes_mut(addrs[13], 13)[12] = 99;
    assert_eq!(arena.bytes(addrs[13], 13)[12], 99);
    assert_eq!(arena.bytes(addrs[14], 14), &all[..14]);
}

#[test]
fn long_allocations_are_in_one_piece() {
    let mut arena = arena();
    let small = arena.push(1).unwrap();
    let long = vec![7u8; 3 * CHUNK_BYTES + 5];
    let first = arena.alloc_bytes(&long).unwrap();
    let after = arena.push(2).unwrap();
    let second = arena.alloc_bytes(&long).unwrap();
    assert_eq!((arena.bytes(first, long.len()), arena.bytes(second, long.len())), (&*long, &*long));
    assert_eq!((arena.word(small), arena.word(after)), (1, 2));
    assert_eq!(arena.word(first.offset(CHUNK_WORDS + 3)), 0x0707_0707_0707_0707);
    assert_eq!(arena.pool().usage().used_bytes, arena.held_bytes() as u64);
    let pool = arena.pool().clone();
    drop(arena);
    assert_eq!(pool.usage().used_bytes, 0);
}

#[test]
fn runs_are_reused_after_a_reset_and_never_split() {
    let mut arena = arena();
    let sizes = [3 * CHUNK_WORDS, 10, 2 * CHUNK_WORDS, CHUNK_WORDS];
    for order in [[0, 1, 2, 3], [1, 0, 3, 2], [3, 2, 1, 0], [0, 1, 2, 3]] {
        arena.reset();
        let blocks: Vec<_> = order
            .iter()
            .map(|&i| {
                let addr = arena.alloc(sizes[i]).unwrap();
                arena.words_mut(addr, sizes[i]).fill(i as u64);
                (addr, i)
            })
            .collect();
        for (addr, i) in blocks {
            assert!(arena.words(addr, sizes[i]).iter().all(|&w| w == i as u64), "{order:?} {i}");
        }
        assert_eq!(arena.pool().usage().used_bytes, arena.held_bytes() as u64);
    }
    arena.reset();
    arena.push(1).unwrap();
    arena.trim();
    assert_eq!(arena.pool().usage().used_bytes, arena.held_bytes() as u64);
    arena.clear();
    assert_eq!((arena.pool().usage().used_bytes, arena.held_bytes()), (0, 0));
}

#[test]
fn rewind_forgets_what_came_after() {
    let mut arena = arena();
    let kept = arena.push(5).unwrap();
    let point = arena.checkpoint();
    arena.alloc(CHUNK_WORDS).unwrap();
    arena.alloc(CHUNK_WORDS).unwrap();
    arena.rewind(point);
    assert_eq!((arena.word(kept), arena.used_bytes(), arena.n_chunks()), (5, 8, 3));
    assert_eq!(arena.push(6).unwrap(), kept.offset(1));
    // Chunks that are held are used before the pool is asked.
    arena.alloc(CHUNK_WORDS).unwrap();
    arena.alloc(CHUNK_WORDS).unwrap();
    assert_eq!(arena.n_chunks(), 3);
}

#[test]
fn rewinding_to_the_end_of_a_chunk() {
    let mut arena = arena();
    arena.alloc(CHUNK_WORDS).unwrap();
    let full = arena.checkpoint();
    arena.push(1).unwrap();
    arena.rewind(full);
    assert_eq!(arena.push(2).unwrap().chunk(), 1);
    arena.rewind(full);
    arena.trim();
    assert_eq!(arena.n_chunks(), 1);
    assert_eq!(arena.push(3).unwrap(), Addr(CHUNK_WORDS as u32));
}

#[test]
fn reset_keeps_chunks_and_trim_returns_them() {
    let mut arena = arena();
    for _ in 0..3 {
        for _ in 0..5 {
            arena.alloc(CHUNK_WORDS).unwrap();
        }
        assert_eq!(arena.held_bytes(), 5 * CHUNK_BYTES);
        arena.reset();
        assert_eq!((arena.used_bytes(), arena.held_bytes()), (0, 5 * CHUNK_BYTES));
    }
    arena.push(1).unwrap();
    arena.trim();
    assert_eq!(arena.held_bytes(), CHUNK_BYTES);
    assert_eq!(arena.pool().usage().used_bytes, CHUNK_BYTES as u64);
}

#[test]
fn scopes_rewind_even_through_a_panic() {
    let mut arena = arena();
    arena.push(1).unwrap();
    {
        let mut scope = arena.scope();
        scope.alloc(100).unwrap();
        let mut inner = scope.scope();
        inner.alloc(10).unwrap();
    }
    assert_eq!(arena.used_bytes(), 8);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut scope = arena.scope();
        scope.alloc(3 * CHUNK_WORDS).unwrap();
        panic!("halfway");
    }));
    assert!(panicked.is_err());
    assert_eq!(arena.used_bytes(), 8);
    let mut scope = arena.scope();
    scope.push(2).unwrap();
    scope.keep();
    assert_eq!(arena.used_bytes(), 16);
    let mut scope = arena.scope();
    scope.push(3).unwrap();
    scope.reset();
    drop(scope);
    assert_eq!(arena.used_bytes(), 0);
}

#[test]
fn addresses_outside_are_refused() {
    let mut arena = arena();
    let addr = arena.alloc(2).unwrap();
    let beyond = Addr((CHUNK_WORDS * 5) as u32);
    assert!(catch_unwind(|| arena.word(beyond)).is_err());
    assert!(catch_unwind(|| arena.words(Addr::NONE, 1).len()).is_err());
    assert!(catch_unwind(|| arena.words(addr, CHUNK_WORDS + 1).len()).is_err());
    assert!(catch_unwind(|| arena.words(addr, usize::MAX).len()).is_err());
    assert_eq!(format!("{addr} {beyond:?} {}", Addr::NONE), "@0:0 @5:0 @none");
}

#[cfg(debug_assertions)]
#[test]
fn debug_builds_find_stale_addresses() {
    let mut arena = arena();
    let early = arena.push(1).unwrap();
    let early_stamp = arena.stamp(early);
    let point = arena.checkpoint();
    let late = arena.push(2).unwrap();
    let late_stamp = arena.stamp(late);
    arena.rewind(point);
    assert!(catch_unwind(|| arena.word(late)).is_err(), "above the cursor");
    arena.push(3).unwrap();
    assert_eq!(arena.word(late), 3, "in use again: the bare address cannot tell");
    assert!(catch_unwind(|| arena.resolve(late_stamp)).is_err(), "the stamp can");
    assert_eq!(arena.resolve(early_stamp), early);
    let fresh = arena.stamp(late);
    assert_eq!(arena.resolve(fresh), late);
    arena.reset();
    for i in 0..10 {
        arena.push(i).unwrap();
    }
    assert!(catch_unwind(|| arena.resolve(early_stamp)).is_err());
    let again = catch_unwind(AssertUnwindSafe(|| arena.rewind(point)));
    assert!(again.is_err(), "a checkpoint from before a reset");
}

#[cfg(debug_assertions)]
#[test]
fn debug_builds_mark_memory_that_nobody_wrote() {
    let mut arena = arena();
    let addr = arena.alloc(4).unwrap();
    assert_eq!(arena.words(addr, 4), [0xA1A1_A1A1_A1A1_A1A1; 4]);
    assert_eq!(arena.alloc_zeroed(3).map(|a| arena.words(a, 3).to_vec()), Ok(vec![0; 3]));
}

#[test]
fn a_budget_refuses_and_changes_nothing() {
    let pool = Pool::with_budget(2 * CHUNK_BYTES as u64);
    let mut arena = Arena::new(&pool, OWNER);
    arena.alloc(CHUNK_WORDS).unwrap();
    let last = arena.push(1).unwrap();
    let error = arena.alloc(CHUNK_WORDS).unwrap_err();
    let budget = 2 * CHUNK_BYTES as u64;
    assert_eq!(error, OutOfMemory { owner: OWNER, limit: Limit::Pool, limit_bytes: budget });
    assert_eq!(arena.push(2).unwrap(), last.offset(1), "the arena goes on where it was");
    assert_eq!(arena.alloc(3 * CHUNK_WORDS).unwrap_err().limit, Limit::Pool);
    let too_long = arena.alloc(MAX_ALLOC_WORDS + 1).unwrap_err();
    assert_eq!(too_long.limit, Limit::Allocation);
    assert_eq!(arena.alloc(usize::MAX).unwrap_err().limit, Limit::Allocation);
    assert_eq!(pool.usage().used_bytes, budget);
    arena.clear();
    assert!(arena.alloc(CHUNK_WORDS).is_ok());
}

#[test]
fn threads_bump_side_by_side() {
    let pool = Pool::new();
    let mut locals = LocalArenas::new(&pool, OWNER, 4);
    std::thread::scope(|scope| {
        for (t, arena) in locals.iter_mut().enumerate() {
            let first: *const Arena = &**arena;
            assert_eq!(first.addr() % 128, 0, "cache lines of its own");
            scope.spawn(move || {
                for i in 0..20_000 {
                    arena.push(t as u64 * 100_000 + i).unwrap();
                }
            });
        }
    });
    for (t, arena) in locals.iter_mut().enumerate() {
        let words: Vec<u64> = arena.used_chunks().flatten().copied().collect();
        assert_eq!(words, (0..20_000).map(|i| t as u64 * 100_000 + i).collect::<Vec<_>>());
    }
    assert_eq!(pool.usage().used_bytes, 12 * CHUNK_BYTES as u64);
    locals.reset();
    assert_eq!(locals.get_mut(3).unwrap().used_bytes(), 0);
    drop(locals);
    assert_eq!(pool.usage().used_bytes, 0);
}
