//! Frozen arenas against copies taken at the moment of freezing.

use super::*;
use crate::arena::{Addr, Arena};
use crate::state::tests::Random;

fn owner() -> Owner {
    Owner::new(1, 0, Tier::Keyed)
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// What is to be read of a freeze, and what it has to say.
struct Expected {
    frozen: FrozenArena,
    words: Vec<Vec<u8>>,
}

impl Expected {
    fn new(frozen: FrozenArena, arena: &Arena) -> Self {
        let all: Vec<Vec<u8>> = arena.used_chunks().map(bytes).collect();
        let words = frozen.chunks.iter().map(|i| all[*i].clone()).collect();
        Self { frozen, words }
    }

    fn check(&self) {
        for (k, words) in self.words.iter().enumerate() {
            let mut read = Vec::new();
            self.frozen.read(k, &mut read);
            assert_eq!(&read, words, "chunk {} of {:?}", self.frozen.chunks[k], self.frozen);
        }
    }
}

/// Changes an arena at random; every word ever allocated is in `blocks`.
fn change(arena: &mut Arena, blocks: &mut Vec<(Addr, usize)>, random: &mut Random) {
    match random.below(100) {
        0 => {
            arena.reset();
            blocks.clear();
        }
        1 => {
            arena.clear();
            blocks.clear();
        }
        2 => {
            let checkpoint = arena.checkpoint();
            let n = random.below(3 * CHUNK_WORDS as u64) as usize;
            let addr = arena.alloc(n).expect("memory");
            arena.words_mut(addr, n).fill(77);
            arena.rewind(checkpoint);
        }
        3 => arena.trim(),
        4..40 => {
            let n = match random.below(12) {
                0 => CHUNK_WORDS + random.below(40_000) as usize,
                _ => 1 + random.below(2_000) as usize,
            };
            let addr = arena.alloc(n).expect("memory");
            arena.words_mut(addr, n).fill(random.next());
            blocks.push((addr, n));
        }
        _ => {
            let Some(&(addr, n)) = blocks.get(random.below(blocks.len().max(1) as u64) as usize)
            else {
                blocks.push((arena.push(random.next()).expect("memory"), 1));
                return;
            };
            let at = random.below(n as u64) as usize;
            match random.below(3) {
                0 => arena.words_mut(addr, n)[at] = random.next(),
                _ => arena.set_word(addr.offset(at), random.next()),
            }
        }
    }
}

#[test]
fn a_reader_sees_the_moment_of_the_freeze() {
    for seed in 1..=20 {
        let (pool, mut random) = (Pool::new(), Random(seed));
        let mut arena = Arena::new(&pool, owner());
        let (mut blocks, mut open) = (Vec::new(), Vec::new());
        for _ in 0..1_500 {
            change(&mut arena, &mut blocks, &mut random);
            match random.below(40) {
                0 => {
                    let all = random.below(4) == 0;
                    let frozen = arena.freeze(&mut Freezer::new(), |_| all);
                    open.push(Expected::new(frozen, &arena));
                }
                1..4 if !open.is_empty() => {
                    let at = random.below(open.len() as u64) as usize;
                    open.swap_remove(at).check();
                }
                _ => {}
            }
        }
        drop(arena);
        open.iter().for_each(Expected::check);
        drop(open);
        assert_eq!(pool.usage().used_bytes, 0, "seed {seed}: everything was given back");
    }
}

#[test]
fn increments_add_up_to_the_arena() {
    for seed in 1..=20 {
        let (pool, mut random) = (Pool::new(), Random(seed + 100));
        let mut arena = Arena::new(&pool, owner());
        let (mut blocks, mut saved) = (Vec::new(), Vec::<Vec<u8>>::new());
        for _ in 0..60 {
            (0..30).for_each(|_| change(&mut arena, &mut blocks, &mut random));
            let known = saved.len();
            let frozen = arena.freeze(&mut Freezer::new(), |i| i >= known);
            let all: Vec<Vec<u8>> = arena.used_chunks().map(bytes).collect();
            saved.resize(all.len(), Vec::new());
            for (k, &i) in frozen.chunks.iter().enumerate() {
                saved[i].clear();
                frozen.read(k, &mut saved[i]);
            }
            // A chunk that nobody wrote to may have got more words in use by rewinding only.
            assert!(saved == all, "seed {seed}");
            if random.below(4) == 0 {
                let mut other = Arena::new(&pool, owner());
                let put = |i: usize, words: &mut [u64]| {
                    for (word, bytes) in words.iter_mut().zip(saved[i].chunks_exact(8)) {
                        *word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
                    }
                    Ok(())
                };
                other.restore(&frozen.shape, put).expect("memory");
                arena = other;
            }
        }
    }
}

#[test]
fn a_reader_runs_beside_the_writer() {
    let (pool, mut random) = (Pool::new(), Random(5));
    let mut arena = Arena::new(&pool, owner());
    let n = if cfg!(miri) { 4 } else { 64 } * CHUNK_WORDS;
    let addrs: Vec<Addr> = (0..n).map(|i| arena.push(i as u64).expect("memory")).collect();
    for round in 0..4 {
        let expected = Expected::new(arena.freeze(&mut Freezer::new(), |_| true), &arena);
        std::thread::scope(|scope| {
            scope.spawn(move || expected.check());
            for _ in 0..n / 8 {
                let at = addrs[random.below(n as u64) as usize];
                arena.set_word(at, round);
            }
        });
    }
}

#[test]
fn what_is_dropped_unread_is_given_back() {
    let pool = Pool::new();
    let mut arena = Arena::new(&pool, owner());
    (0..5 * CHUNK_WORDS).for_each(|i| {
        arena.push(i as u64).expect("memory");
    });
    let frozen = arena.freeze(&mut Freezer::new(), |_| true);
    assert_eq!(frozen.chunks.len(), 5);
    arena.set_word(Addr(0), 9);
    assert_eq!(pool.usage().used_bytes, 6 * CHUNK_BYTES as u64, "one copy");
    arena.clear();
    assert_eq!(pool.usage().used_bytes, 5 * CHUNK_BYTES as u64, "the reader has them all");
    drop(frozen);
    assert_eq!(pool.usage().used_bytes, 0);
}
