//! Sums of integers: exact, one word per group as long as the sum has at most 62 bits.
//!
//! ```text
//! word   sum << 2 | seen << 1 | 0        while the sum has 62 bits
//!        address << 32 | seen << 1 | 1   then: two words elsewhere hold it
//! ```
//!
//! Whether the sum still fits the result's type is asked when it is read, so only the sum that an
//! epoch ends with can be out of range, not one on the way.
//! Invariant: `seen` is set once a value was added; under retraction a counter says whether there
//! is one.

use arena_tr_storage::OutOfMemory;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::state::{Heap, cell};

const WIDE: u64 = 1;
const SEEN: u64 = 2;

/// Adds `weight` times `value` to the sum at `at`.
#[inline]
pub(crate) fn add(heap: &mut Heap, at: Addr, value: i64, weight: i64) -> Result<(), OutOfMemory> {
    let word = heap.word(at);
    if word & WIDE == 0
        && let Some(value) = value.checked_mul(weight)
        && let Some(shifted) = value.checked_mul(4)
        && let Some(sum) = (word & !SEEN).cast_signed().checked_add(shifted)
    {
        heap.set_word(at, sum.cast_unsigned() | SEEN);
        return Ok(());
    }
    add_wide(heap, at, i128::from(value) * i128::from(weight))
}

#[cold]
fn add_wide(heap: &mut Heap, at: Addr, value: i128) -> Result<(), OutOfMemory> {
    let word = heap.word(at);
    let sum = sum(word, heap).wrapping_add(value);
    let wide = if word & WIDE == 0 {
        let wide = heap.alloc(2)?;
        heap.set_word(at, u64::from(wide.0) << 32 | SEEN | WIDE);
        wide
    } else {
        Addr((word >> 32) as u32)
    };
    heap.words_mut(wide, 2).copy_from_slice(&cell::i128_to_words(sum));
    Ok(())
}

/// The sum whose word this is.
#[inline]
pub(crate) fn sum(word: u64, heap: &Heap) -> i128 {
    if word & WIDE == 0 {
        return i128::from(word.cast_signed() >> 2);
    }
    cell::i128_from_words(heap.words(Addr((word >> 32) as u32), 2))
}

/// Whether a value was ever added.
#[inline]
pub(crate) fn seen(word: u64) -> bool {
    word & SEEN != 0
}

/// Adds to the sum at `at` another one, `sign` times.
#[inline]
pub(crate) fn merge(
    heap: &mut Heap,
    at: Addr,
    other: u64,
    from: &Heap,
    sign: i64,
) -> Result<(), OutOfMemory> {
    if !seen(other) {
        return Ok(());
    }
    let value = sum(other, from) * i128::from(sign);
    match i64::try_from(value) {
        Ok(value) => add(heap, at, value, 1),
        Err(_) => add_wide(heap, at, value),
    }
}

/// Gives the sum at `at` its own copy of what it keeps outside of its word; what it had, and its
/// words.
#[inline]
pub(crate) fn detach(heap: &mut Heap, at: Addr) -> Result<Option<(Addr, usize)>, OutOfMemory> {
    let word = heap.word(at);
    if word & WIDE == 0 {
        return Ok(None);
    }
    let old = Addr((word >> 32) as u32);
    let copy = super::copy_block(heap, old, 2)?;
    heap.set_word(at, u64::from(copy.0) << 32 | (word & (SEEN | WIDE)));
    Ok(Some((old, 2)))
}

/// Frees what the sum keeps outside of its word.
pub(crate) fn release(heap: &mut Heap, word: u64) {
    if word & WIDE != 0 {
        heap.free(Addr((word >> 32) as u32), 2);
    }
}

/// Words of a sum of squares: 192 bits in two's complement, lowest first.
pub(crate) const SQUARE_WORDS: usize = 3;

/// Adds `weight` times a 128-bit value to the 192-bit sum in these words.
#[inline]
pub(crate) fn add_192(words: &mut [u64], value: i128, weight: i64) {
    let negative = (value < 0) != (weight < 0);
    let (magnitude, times) = (value.unsigned_abs(), u128::from(weight.unsigned_abs()));
    let low = (magnitude & u128::from(u64::MAX)) * times;
    let high = (magnitude >> 64) * times + (low >> 64);
    let mut parts = [low as u64, high as u64, (high >> 64) as u64];
    let mut carry = negative;
    for (word, part) in words.iter_mut().zip(&mut parts) {
        let part = if negative { !*part } else { *part };
        let (sum, over) = word.overflowing_add(part);
        let (sum, over_carry) = sum.overflowing_add(u64::from(carry));
        *word = sum;
        carry = over || over_carry;
    }
}

/// Adds a 192-bit sum to another, `sign` times.
#[inline]
pub(crate) fn merge_192(words: &mut [u64], other: &[u64], sign: i64) {
    let negative = sign < 0;
    let mut carry = negative;
    for (word, &part) in words.iter_mut().zip(other) {
        let part = if negative { !part } else { part };
        let (sum, over) = word.overflowing_add(part);
        let (sum, over_carry) = sum.overflowing_add(u64::from(carry));
        *word = sum;
        carry = over || over_carry;
    }
}

/// The 192-bit sum, if 128 bits hold it.
pub(crate) fn total_192(words: &[u64]) -> Option<i128> {
    let low = cell::i128_from_words(words);
    let sign = if low < 0 { u64::MAX } else { 0 };
    (words[2] == sign).then_some(low)
}
