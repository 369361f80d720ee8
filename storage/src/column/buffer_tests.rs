//! Tests of buffers: sharing, recycling, growth, arenas.

use super::*;
use crate::arena::{CHUNK_BYTES, Owner, Pool, Tier};

const SIZES: [usize; 9] = [0, 1, 7, 8, 63, 64, 65, 1023, 1024];

#[test]
fn values_survive_pushing_freezing_and_slicing() {
    for n in SIZES {
        let mut buffer = MutBuffer::new();
        (0..n as i64).for_each(|i| buffer.push(i * 3));
        let buffer = buffer.freeze();
        assert_eq!(&*buffer, (0..n as i64).map(|i| i * 3).collect::<Vec<_>>());
        assert!(buffer.as_ptr().addr().is_multiple_of(64) || n == 0);
        let slice = buffer.slice(n / 3..n);
        assert_eq!(&*slice, &buffer[n / 3..]);
        drop(buffer);
        assert_eq!(slice.len(), n - n / 3);
        assert_eq!(slice.first().copied(), (n > 0).then_some((n / 3) as i64 * 3));
    }
}

#[test]
fn every_type_is_aligned_and_kept() {
    fn check<T: Pod>(value: T) {
        let buffer = Buffer::filled(65, value);
        assert!(buffer.iter().all(|v| *v == value));
        assert_eq!(buffer.as_ptr().addr() % 64, 0);
    }
    check(7u8);
    check(-7i16);
    check(-7i32);
    check(1.5f32);
    check(-1.5f64);
    check(i128::MIN + 3);
    check(Decimal::new(-12345, 2));
    check(View::inline(b"twelve bytes"));
}

#[test]
fn a_sole_owner_gets_its_block_back() {
    let first = Buffer::from_slice(&[1i64, 2, 3]);
    let at = first.as_ptr();
    let again = first.try_into_mut().unwrap();
    assert_eq!(&*again, &[1, 2, 3]);
    let mut again = again.freeze().recycle();
    assert!(again.is_empty());
    again.push(9);
    assert_eq!(again.as_ptr(), at);
}

#[test]
fn a_shared_block_is_not_given_back() {
    let first = Buffer::from_slice(&[1i64, 2, 3]);
    let second = first.clone();
    let first = first.try_into_mut().unwrap_err();
    let mut fresh = first.recycle();
    fresh.push(7);
    assert_eq!(&*second, &[1, 2, 3]);
    // A slice that does not begin at the beginning is not the block either.
    let tail = second.slice(1..);
    drop(second);
    assert_eq!(&*tail.try_into_mut().unwrap_err(), &[2, 3]);
}

#[test]
fn a_recycled_register_allocates_nothing_and_clears_nothing() {
    let mut register = Buffer::filled(1024, 5i64);
    let at = register.as_ptr();
    for round in 0..3 {
        let mut out = register.recycle();
        out.resize_for_overwrite(1024);
        assert_eq!(out[1023], 5 + round);
        out.iter_mut().for_each(|v| *v = 6 + round);
        register = out.freeze();
        assert_eq!(register.as_ptr(), at);
    }
}

#[test]
fn overwrite_slots_are_defined_before_they_are_written() {
    for n in SIZES {
        let mut buffer = MutBuffer::<u32>::new();
        buffer.push(1);
        buffer.resize_for_overwrite(n);
        assert_eq!(buffer.len(), n);
        assert!(buffer.iter().skip(1).all(|&v| v == 0));
        let mut wider = buffer.recast::<Decimal>();
        wider.resize_for_overwrite(n);
        assert!(wider.iter().skip(1).all(|v| v.mantissa() == 0));
    }
}

#[test]
fn resize_and_extend_keep_what_was_there() {
    let mut buffer = MutBuffer::from_iter([1i32, 2]);
    buffer.extend_from_slice(&[3, 4]);
    buffer.extend([5].into_iter());
    buffer.resize(8, 9);
    assert_eq!(&*buffer, &[1, 2, 3, 4, 5, 9, 9, 9]);
    buffer.truncate(2);
    buffer.truncate(5);
    assert_eq!(&*buffer, &[1, 2]);
    assert_eq!(&*buffer.clone(), &[1, 2]);
}

#[test]
fn slices_past_the_end_are_refused() {
    let buffer = Buffer::from_slice(&[1u8, 2]);
    assert!(std::panic::catch_unwind(|| buffer.slice(1..3)).is_err());
    assert!(buffer.slice(2..).is_empty());
}

#[test]
fn buffers_cross_threads() {
    let buffer: Buffer<i64> = (0..1024).collect();
    let sum: i64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let part = buffer.slice(i * 256..(i + 1) * 256);
                scope.spawn(move || part.iter().sum::<i64>())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(sum, 1023 * 512);
    assert!(buffer.try_into_mut().is_ok(), "the threads let go");
}

#[test]
fn small_buffers_share_a_chunk_and_return_it_with_the_last() {
    let pool = Pool::new();
    let arena = BatchArena::new(&pool, Owner::new(3, 0, Tier::Ingest));
    let columns: Vec<Buffer<i64>> = (0..20)
        .map(|i| {
            let mut column = MutBuffer::with_capacity_in(1, &arena);
            column.push(i);
            column.freeze()
        })
        .collect();
    assert_eq!(pool.usage().used_bytes, CHUNK_BYTES as u64, "twenty columns, one chunk");
    assert!(columns.iter().enumerate().all(|(i, c)| c[0] == i as i64));
    arena.seal();
    let last = columns[19].clone();
    drop(columns);
    assert_eq!(pool.usage().used_bytes, CHUNK_BYTES as u64);
    drop(last);
    assert_eq!(pool.usage().used_bytes, 0);
}

#[test]
fn a_buffer_grows_within_its_arena_and_large_ones_are_charged() {
    let pool = Pool::new();
    let arena = BatchArena::new(&pool, Owner::new(3, 0, Tier::Ingest));
    let mut column = MutBuffer::with_capacity_in(1, &arena);
    (0..100_000i64).for_each(|i| column.push(i));
    assert!(pool.usage().used_bytes >= 800_000);
    let column = column.freeze();
    drop(arena);
    assert!(column.iter().enumerate().all(|(i, &v)| v == i as i64));
    drop(column);
    assert_eq!(pool.usage().used_bytes, 0, "nothing stays charged");
}

#[test]
fn an_arena_over_its_budget_still_serves_and_says_so() {
    let pool = Pool::with_budget(CHUNK_BYTES as u64);
    let owner = Owner::new(3, 0, Tier::Ingest);
    let arena = BatchArena::new(&pool, owner);
    let a = MutBuffer::<u8>::with_capacity_in(30_000, &arena);
    let b = MutBuffer::<u8>::with_capacity_in(30_000, &arena);
    assert!(pool.check(owner).is_ok());
    let c = MutBuffer::<u8>::with_capacity_in(30_000, &arena);
    assert_eq!(c.capacity(), 30_016);
    assert!(pool.check(owner).is_err());
    drop((a, b, c, arena));
    assert_eq!(pool.usage().used_bytes, 0);
}
