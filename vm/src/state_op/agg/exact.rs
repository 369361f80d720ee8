//! Sums of doubles that do not round: what makes float aggregates exact under retraction.
//!
//! A sum is kept as two doubles whose exact total it is, which holds for nearly all data. When a
//! value does not fit, the sum moves to a fixed-point accumulator as wide as all doubles. Rounding
//! happens once, when the sum is read, so the result depends neither on the order of rows nor on
//! what was added and taken away.
//!
//! Invariant: `hi + lo` is the exact sum of the finite values, and `hi` is that sum rounded.

use arena_tr_storage::OutOfMemory;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::state::Heap;

/// Words of a sum in a row: `hi`, `lo`, and the address of its [`Wide`] block plus one (or 0).
pub(crate) const WORDS: usize = 3;
/// Words of the accumulator: from 2^-1074 to 2^1024, and 78 bits for carries and the sign.
const ACC_WORDS: usize = 34;
/// Counts of NaN, infinity and -infinity, then the accumulator; its first use sets `IN_USE`.
const WIDE_WORDS: usize = ACC_WORDS + 4;
const NAN: usize = 0;
const INF: usize = 1;
const NEG_INF: usize = 2;
const IN_USE: usize = 3;
const ACC: usize = 4;
/// The exponent of the accumulator's lowest bit is `-LOWEST`.
const LOWEST: i32 = 1074;

/// The value of a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Total {
    /// The sum as an unevaluated pair; exact unless it was wider than two doubles.
    Finite(f64, f64),
    /// NaN or an infinity took part.
    Special(f64),
    /// The finite values add up beyond the greatest double.
    Overflow,
}

/// `a + b` as the rounded sum and what rounding lost.
#[inline]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// `a * b` as the rounded product and what rounding lost.
#[inline]
pub(crate) fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

/// The pair after adding `x`, if it still holds the exact sum.
#[inline]
fn add_pair(hi: f64, lo: f64, x: f64) -> Option<(f64, f64)> {
    let (s, e) = two_sum(hi, x);
    let (t, f) = two_sum(lo, e);
    let (hi, r) = two_sum(s, t);
    if f == 0.0 {
        return hi.is_finite().then_some((hi, r));
    }
    let (lo, g) = two_sum(r, f);
    let (hi, lo) = two_sum(hi, lo);
    (g == 0.0 && hi.is_finite()).then_some((hi, lo))
}

/// Adds `weight` times `x` to the sum whose words are at `at`.
#[inline]
pub(crate) fn add(heap: &mut Heap, at: Addr, x: f64, weight: i64) -> Result<(), OutOfMemory> {
    let words = heap.words(at, WORDS);
    if words[2] == 0 && x.is_finite() && (weight == 1 || weight == -1) {
        let (hi, lo) = (f64::from_bits(words[0]), f64::from_bits(words[1]));
        let x = if weight == 1 { x } else { -x };
        if let Some((hi, lo)) = add_pair(hi, lo, x) {
            let words = heap.words_mut(at, WORDS);
            words[0] = hi.to_bits();
            words[1] = lo.to_bits();
            return Ok(());
        }
    }
    add_wide(heap, at, x, weight)
}

#[cold]
fn add_wide(heap: &mut Heap, at: Addr, x: f64, weight: i64) -> Result<(), OutOfMemory> {
    let wide = wide_block(heap, at)?;
    if !x.is_finite() {
        let slot = if x.is_nan() {
            NAN
        } else if x > 0.0 {
            INF
        } else {
            NEG_INF
        };
        let words = heap.words_mut(wide, WIDE_WORDS);
        words[slot] = words[slot].wrapping_add(weight as u64);
        return Ok(());
    }
    let row = heap.words(at, WORDS);
    let pair = [f64::from_bits(row[0]), f64::from_bits(row[1])];
    let words = heap.words_mut(wide, WIDE_WORDS);
    if words[IN_USE] == 0 {
        words[IN_USE] = 1;
        for part in pair {
            add_double(&mut words[ACC..], part, 1);
        }
    }
    add_double(&mut words[ACC..], x, weight);
    Ok(())
}

fn wide_block(heap: &mut Heap, at: Addr) -> Result<Addr, OutOfMemory> {
    let known = heap.words(at, WORDS)[2];
    if known != 0 {
        return Ok(Addr(known as u32 - 1));
    }
    let wide = heap.alloc_zeroed(WIDE_WORDS)?;
    heap.words_mut(at, WORDS)[2] = u64::from(wide.0) + 1;
    Ok(wide)
}

/// Gives the sum at `at` its own copy of the wide block; the one it had, and its words.
#[inline]
pub(crate) fn detach(heap: &mut Heap, at: Addr) -> Result<Option<(Addr, usize)>, OutOfMemory> {
    let wide = heap.word(at.offset(2));
    if wide == 0 {
        return Ok(None);
    }
    let old = Addr(wide as u32 - 1);
    let copy = super::copy_block(heap, old, WIDE_WORDS)?;
    heap.set_word(at.offset(2), u64::from(copy.0) + 1);
    Ok(Some((old, WIDE_WORDS)))
}

/// Frees what the sum keeps outside of its words.
pub(crate) fn release(heap: &mut Heap, at: Addr) {
    let wide = heap.words(at, WORDS)[2];
    if wide != 0 {
        heap.free(Addr(wide as u32 - 1), WIDE_WORDS);
        heap.words_mut(at, WORDS)[2] = 0;
    }
}

/// Adds to the sum at `at` the sum whose words are `other` in `from`, `sign` times.
pub(crate) fn merge(
    heap: &mut Heap,
    at: Addr,
    other: &[u64],
    from: &Heap,
    sign: i64,
) -> Result<(), OutOfMemory> {
    if other[2] == 0 {
        add(heap, at, f64::from_bits(other[0]), sign)?;
        return add(heap, at, f64::from_bits(other[1]), sign);
    }
    let source = from.words(Addr(other[2] as u32 - 1), WIDE_WORDS);
    for (slot, value) in [(NAN, f64::NAN), (INF, f64::INFINITY), (NEG_INF, f64::NEG_INFINITY)] {
        if source[slot] != 0 {
            add_wide(heap, at, value, source[slot].cast_signed() * sign)?;
        }
    }
    if source[IN_USE] == 0 {
        add(heap, at, f64::from_bits(other[0]), sign)?;
        return add(heap, at, f64::from_bits(other[1]), sign);
    }
    // The whole accumulator, one word at a time, as multiples of that word's lowest bit.
    add_wide(heap, at, 0.0, 1)?;
    let wide = wide_block(heap, at)?;
    for (i, &word) in source[ACC..].iter().enumerate() {
        let top = i + 1 == ACC_WORDS;
        let part = if top { i128::from(word.cast_signed()) } else { i128::from(word) };
        let words = heap.words_mut(wide, WIDE_WORDS);
        add_shifted(&mut words[ACC..], part * i128::from(sign), i * 64);
    }
    Ok(())
}

/// The total of the sum whose words these are.
pub(crate) fn total(words: &[u64], heap: &Heap) -> Total {
    if words[2] == 0 {
        return Total::Finite(f64::from_bits(words[0]), f64::from_bits(words[1]));
    }
    let wide = heap.words(Addr(words[2] as u32 - 1), WIDE_WORDS);
    let (inf, neg_inf) = (wide[INF] != 0, wide[NEG_INF] != 0);
    if wide[NAN] != 0 || (inf && neg_inf) {
        return Total::Special(f64::NAN);
    }
    if inf || neg_inf {
        return Total::Special(if inf { f64::INFINITY } else { f64::NEG_INFINITY });
    }
    if wide[IN_USE] == 0 {
        return Total::Finite(f64::from_bits(words[0]), f64::from_bits(words[1]));
    }
    let mut rest = [0u64; ACC_WORDS];
    rest.copy_from_slice(&wide[ACC..ACC + ACC_WORDS]);
    let hi = round(&rest);
    if !hi.is_finite() {
        return Total::Overflow;
    }
    add_double(&mut rest, hi, -1);
    Total::Finite(hi, round(&rest))
}

/// Adds `weight` times a finite double to an accumulator.
fn add_double(acc: &mut [u64], x: f64, weight: i64) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, shift) =
        if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
    let signed = if bits >> 63 == 1 { -i128::from(mantissa) } else { i128::from(mantissa) };
    debug_assert!(shift <= 2 * LOWEST);
    add_shifted(acc, signed * i128::from(weight), shift as usize);
}

/// Adds `value * 2^shift` in two's complement.
fn add_shifted(acc: &mut [u64], value: i128, shift: usize) {
    let (first, bit) = (shift / 64, shift % 64);
    let sign = if value < 0 { u64::MAX } else { 0 };
    let (low, high) = (value as u64, (value >> 64) as u64);
    let parts = if bit == 0 {
        [low, high, sign]
    } else {
        let back = 64 - bit;
        [low << bit, high << bit | low >> back, sign << bit | high >> back]
    };
    let mut carry = false;
    for (i, word) in acc[first..ACC_WORDS].iter_mut().enumerate() {
        let part = parts.get(i).copied().unwrap_or(sign);
        if i >= parts.len() && carry == (sign == u64::MAX) {
            // Adding all ones and a carry, or nothing, changes no further word.
            break;
        }
        let (sum, over) = word.overflowing_add(part);
        let (sum, over_carry) = sum.overflowing_add(u64::from(carry));
        *word = sum;
        carry = over || over_carry;
    }
}

/// The nearest double, half to even; infinite beyond the greatest.
fn round(acc: &[u64; ACC_WORDS]) -> f64 {
    let negative = acc[ACC_WORDS - 1] >> 63 == 1;
    let mut magnitude = *acc;
    if negative {
        let mut carry = true;
        for word in &mut magnitude {
            let (sum, over) = (!*word).overflowing_add(u64::from(carry));
            *word = sum;
            carry = over;
        }
    }
    let value = round_magnitude(&magnitude);
    if negative { -value } else { value }
}

fn round_magnitude(acc: &[u64; ACC_WORDS]) -> f64 {
    let Some(word) = acc.iter().rposition(|&w| w != 0) else { return 0.0 };
    let top = word * 64 + 63 - acc[word].leading_zeros() as usize;
    if top <= 52 {
        return f64::from_bits(acc[0]);
    }
    let low = top - 52;
    let bit = |i: usize| acc[i / 64] >> (i % 64) & 1;
    let mut mantissa = acc[low / 64] >> (low % 64);
    if !low.is_multiple_of(64) && low / 64 + 1 < ACC_WORDS {
        mantissa |= acc[low / 64 + 1] << (64 - low % 64);
    }
    mantissa &= (1 << 53) - 1;
    let half = bit(low - 1) == 1;
    let below = low - 1;
    let sticky = acc[..below / 64].iter().any(|&w| w != 0)
        || acc[below / 64] & ((1 << (below % 64)) - 1) != 0;
    // A carry out of the mantissa runs into the exponent, which is what is wanted.
    let mut bits = ((low as u64 + 1) << 52) | (mantissa & ((1 << 52) - 1));
    if half && (sticky || mantissa & 1 == 1) {
        bits += 1;
    }
    if bits >> 52 >= 0x7ff { f64::INFINITY } else { f64::from_bits(bits) }
}

/// The exact sum of a few doubles, rounded once (as far as doubles can say).
pub(crate) fn sum_few(terms: &[f64]) -> f64 {
    let mut acc = [0u64; ACC_WORDS];
    for &term in terms {
        if !term.is_finite() {
            return terms.iter().sum();
        }
        add_double(&mut acc, term, 1);
    }
    round(&acc)
}
