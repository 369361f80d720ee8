//! Tests of batch arenas: blocks within chunks. (What buffers do with them:
//! `column/buffer_tests.rs`.)

use super::*;
use crate::arena::Tier;

#[test]
fn blocks_are_disjoint_and_fill_chunks() {
    let pool = Pool::new();
    let arena = BatchArena::new(&pool, Owner::new(1, 0, Tier::Ingest));
    let blocks: Vec<_> = (0..40).map(|_| arena.cut(8256).unwrap()).collect();
    let mut starts: Vec<_> = blocks.iter().map(|b| b.0.addr().get()).collect();
    starts.sort_unstable();
    assert!(starts.windows(2).all(|w| w[1] - w[0] >= 8256));
    assert!(starts.iter().all(|s| s % 64 == 0));
    assert_eq!(pool.usage().used_bytes, 6 * CHUNK_BYTES as u64, "seven to a chunk");
    drop(blocks);
    assert_eq!(pool.usage().used_bytes, CHUNK_BYTES as u64, "the one being cut");
    arena.seal();
    assert_eq!(pool.usage().used_bytes, 0);
}

#[test]
fn long_blocks_are_not_cut() {
    let arena = BatchArena::new(&Pool::new(), Owner::new(1, 0, Tier::Ingest));
    assert!(arena.cut(MAX_SHARED_BYTES + 64).is_none());
    assert!(arena.cut(MAX_SHARED_BYTES).is_some());
}

#[test]
fn a_chunk_forgets_an_arena_that_is_gone() {
    let pool = Pool::new();
    let arena = BatchArena::new(&pool, Owner::new(1, 0, Tier::Ingest));
    let (_, chunk) = arena.cut(64).unwrap();
    assert!(chunk.arena().is_some());
    drop(arena);
    assert!(chunk.arena().is_none());
    assert_eq!(pool.usage().used_bytes, CHUNK_BYTES as u64);
    drop(chunk);
    assert_eq!(pool.usage().used_bytes, 0);
    assert_eq!(pool.owners()[0].n_arenas, 0);
}
