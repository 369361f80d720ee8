//! Tests of the pool: slabs, free chunks, accounts, budgets, trimming.

use super::*;
use crate::arena::{Arena, Tier};

const A: Owner = Owner::new(1, 0, Tier::Pane);
const B: Owner = Owner::new(1, 1, Tier::Keyed);
const C: Owner = Owner::new(2, 0, Tier::Keyed);

fn arena(pool: &Pool, owner: Owner, chunks: usize) -> Arena {
    let mut arena = Arena::new(pool, owner);
    for _ in 0..chunks {
        arena.alloc(CHUNK_WORDS).unwrap();
    }
    arena
}

#[test]
fn chunks_are_distinct_and_aligned() {
    let pool = Pool::new();
    // More than the first slab.
    let n = MIN_SLAB_BYTES / CHUNK_BYTES + 3;
    let chunks: Vec<_> = (0..n).map(|_| pool.acquire(A).unwrap()).collect();
    let mut bases: Vec<_> = chunks.iter().map(|c| c.base.addr().get()).collect();
    bases.sort_unstable();
    assert!(bases.windows(2).all(|w| w[1] - w[0] >= CHUNK_BYTES));
    assert!(bases.iter().all(|base| base % CHUNK_BYTES == 0));
    assert!(pool.usage().reserved_bytes >= (n * CHUNK_BYTES) as u64);
    pool.release(A, chunks.into_iter());
    assert_eq!(pool.usage().used_bytes, 0);
}

#[test]
fn accounts_are_exact_per_owner_view_and_pool() {
    let pool = Pool::new();
    let (a, b, c) = (arena(&pool, A, 2), arena(&pool, B, 3), arena(&pool, C, 4));
    let kib64 = CHUNK_BYTES as u64;
    assert_eq!(pool.usage().used_bytes, 9 * kib64);
    assert_eq!((pool.view_bytes(1), pool.view_bytes(2)), (5 * kib64, 4 * kib64));
    drop(b);
    let usage = |owner, used, peak, n_arenas| OwnerUsage {
        owner,
        used_bytes: used * kib64,
        peak_bytes: peak * kib64,
        n_arenas,
    };
    assert_eq!(pool.owners(), [usage(A, 2, 2, 1), usage(B, 0, 3, 0), usage(C, 4, 4, 1)]);
    pool.forget_view(1);
    assert_eq!(pool.owners().len(), 2, "what holds memory keeps its account");
    drop(a);
    pool.forget_view(1);
    assert_eq!(pool.owners(), [usage(C, 4, 4, 1)]);
    drop(c);
    assert_eq!((pool.usage().used_bytes, pool.usage().peak_bytes), (0, 9 * kib64));
}

#[test]
fn a_view_has_its_own_budget() {
    let pool = Pool::new();
    pool.set_view_budget(1, Some(3 * CHUNK_BYTES as u64));
    let a = arena(&pool, A, 2);
    let mut b = arena(&pool, B, 1);
    let error = b.alloc(1).unwrap_err();
    assert_eq!((error.owner, error.limit), (B, Limit::View));
    assert!(pool.check(A).is_ok(), "at its budget, not over it");
    let other = arena(&pool, C, 5);
    drop(a);
    assert!(b.alloc(1).is_ok());
    pool.set_view_budget(1, None);
    assert!(b.alloc(10 * CHUNK_WORDS).is_ok());
    drop(other);
}

#[test]
fn freed_chunks_are_used_again() {
    let pool = Pool::new();
    drop(arena(&pool, A, 10));
    let reserved = pool.usage().reserved_bytes;
    for _ in 0..100 {
        drop(arena(&pool, B, 10));
    }
    assert_eq!(pool.usage().reserved_bytes, reserved);
    assert_eq!(pool.usage().free_bytes, 10 * CHUNK_BYTES as u64);
}

#[test]
fn trimming_gives_memory_back_and_it_can_be_used_again() {
    let pool = Pool::new();
    let mut first = arena(&pool, A, 10);
    (0..10u32).for_each(|i| first.set_word(crate::arena::Addr(i << 13), 7));
    drop(first);
    let given = pool.trim(2 * CHUNK_BYTES);
    if cfg!(all(target_os = "linux", not(miri))) {
        assert_eq!(given, 8 * CHUNK_BYTES);
        assert_eq!(pool.usage().free_bytes, 2 * CHUNK_BYTES as u64);
    }
    assert_eq!(pool.trim(100 * CHUNK_BYTES), 0);
    let mut again = arena(&pool, A, 10);
    (0..10u32).for_each(|i| again.set_word(crate::arena::Addr(i << 13), 9));
    assert!((0..10u32).all(|i| again.word(crate::arena::Addr(i << 13)) == 9));
}

#[test]
fn many_threads_share_a_pool() {
    let pool = Pool::new();
    std::thread::scope(|scope| {
        for t in 0..4u16 {
            let pool = &pool;
            scope.spawn(move || {
                for n in 0..20 {
                    let owner = Owner::new(u32::from(t), t, Tier::Scratch);
                    let mut arena = arena(pool, owner, n % 5);
                    let addr = arena.push(u64::from(t)).unwrap();
                    std::thread::yield_now();
                    assert_eq!(arena.word(addr), u64::from(t));
                }
            });
        }
    });
    assert_eq!(pool.usage().used_bytes, 0);
    assert!(pool.owners().iter().all(|o| o.n_arenas == 0));
}

#[test]
fn a_pool_outlives_its_handle_while_an_arena_holds_it() {
    let mut arena = arena(&Pool::new(), A, 1);
    let addr = arena.push(3).unwrap();
    assert_eq!(arena.word(addr), 3);
}
