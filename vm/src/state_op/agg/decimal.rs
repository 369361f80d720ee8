//! Sums of NUMERIC: exact mantissas at the largest scale seen, with PostgreSQL's display scale.
//!
//! ```text
//! words 0, 1   mantissa
//! word 2       scale (16 bits) | overflows (16 bits, signed) | address of the extra block plus one
//! word 3       how many values have that scale (only while there is no extra block)
//! extra        counts of NaN, infinity, -infinity; then how many values there are of each scale
//! ```
//!
//! The scale of a sum is the largest scale among its values. Under retraction the last value of
//! that scale may go; then the sum is shown at the next smaller one, for which the extra block
//! counts. It is made when a second scale turns up, so columns of one scale never pay for it.
//! Invariant: `mantissa + overflows * 2^128` at `scale` is the exact sum of the finite values.

use arena_tr_storage::OutOfMemory;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::state::{Heap, cell};
use arena_tr_types::decimal::{Class, POW10};
use arena_tr_types::{Decimal, SqlError};

/// Words of a sum.
pub(crate) const WORDS: usize = 4;
const META: usize = 2;
const N_SCALE: usize = 3;

const NAN: usize = 0;
const INF: usize = 1;
const NEG_INF: usize = 2;
const SCALES: usize = 3;
/// Scales counted one by one; the last count is for all larger ones.
const N_SCALES: usize = 40;
const EXTRA_WORDS: usize = SCALES + N_SCALES;

#[inline]
fn scale_of(meta: u64) -> u32 {
    (meta & 0xffff) as u32
}

#[inline]
fn overflows(meta: u64) -> i16 {
    (meta >> 16) as u16 as i16
}

#[inline]
fn extra_of(meta: u64) -> Option<Addr> {
    ((meta >> 32) as u32).checked_sub(1).map(Addr)
}

#[inline]
fn bucket(scale: u32) -> usize {
    SCALES + (scale as usize).min(N_SCALES - 1)
}

/// Adds `weight` times `value` to the sum at `at`.
#[inline]
pub(crate) fn add(
    heap: &mut Heap,
    at: Addr,
    value: Decimal,
    weight: i64,
) -> Result<(), OutOfMemory> {
    let words = heap.words_mut(at, WORDS);
    if value.is_finite()
        && words[META] == u64::from(value.scale())
        && let Some(product) = value.mantissa().checked_mul(i128::from(weight))
        && let Some(sum) = cell::i128_from_words(words).checked_add(product)
    {
        words[..2].copy_from_slice(&cell::i128_to_words(sum));
        words[N_SCALE] = words[N_SCALE].wrapping_add(weight as u64);
        return Ok(());
    }
    add_slow(heap, at, value, weight)
}

#[cold]
fn add_slow(heap: &mut Heap, at: Addr, value: Decimal, weight: i64) -> Result<(), OutOfMemory> {
    let special = match value.class() {
        Class::Finite => None,
        Class::NaN => Some(NAN),
        Class::Infinity => Some(INF),
        Class::NegInfinity => Some(NEG_INF),
    };
    if let Some(slot) = special {
        let extra = extra_block(heap, at)?;
        let words = heap.words_mut(extra, EXTRA_WORDS);
        words[slot] = words[slot].wrapping_add(weight as u64);
        return Ok(());
    }
    let words = heap.words_mut(at, WORDS);
    if words[META] >> 32 == 0 && words[N_SCALE] == 0 && words[0] | words[1] == 0 {
        // No value counts so far: take over its scale.
        words[META] = (words[META] & !0xffff) | u64::from(value.scale());
    }
    let scale = scale_of(words[META]);
    if scale != value.scale() {
        let extra = extra_block(heap, at)?;
        if value.scale() > scale {
            raise_scale(heap.words_mut(at, WORDS), value.scale());
        }
        count_scale(heap, extra, value.scale(), weight);
    } else if let Some(extra) = extra_of(words[META]) {
        count_scale(heap, extra, value.scale(), weight);
    } else {
        words[N_SCALE] = words[N_SCALE].wrapping_add(weight as u64);
    }
    let words = heap.words_mut(at, WORDS);
    let by = scale_of(words[META]) - value.scale();
    let times = POW10.get(by as usize).and_then(|p| value.mantissa().checked_mul(*p));
    let product = times.and_then(|m| m.checked_mul(i128::from(weight)));
    add_mantissa(words, product);
    lower_scale(heap, at);
    Ok(())
}

/// Adds to the mantissa; a product that 128 bits do not hold makes the sum overflow for good.
fn add_mantissa(words: &mut [u64], product: Option<i128>) {
    let Some(product) = product else { return set_overflows(words, i16::MAX) };
    let before = cell::i128_from_words(words);
    let (sum, over) = before.overflowing_add(product);
    words[..2].copy_from_slice(&cell::i128_to_words(sum));
    if over {
        let step = if product < 0 { -1 } else { 1 };
        let times = overflows(words[META]);
        set_overflows(words, if times == i16::MAX { times } else { times + step });
    }
}

fn set_overflows(words: &mut [u64], times: i16) {
    words[META] = (words[META] & !0xffff_0000) | u64::from(times.cast_unsigned()) << 16;
}

fn raise_scale(words: &mut [u64], scale: u32) {
    let by = scale - scale_of(words[META]);
    let mantissa = cell::i128_from_words(words);
    let scaled = match POW10.get(by as usize) {
        Some(power) => mantissa.checked_mul(*power),
        None => (mantissa == 0).then_some(0),
    };
    words[META] = (words[META] & !0xffff) | u64::from(scale);
    match scaled {
        Some(scaled) if overflows(words[META]) == 0 => {
            words[..2].copy_from_slice(&cell::i128_to_words(scaled));
        }
        _ => set_overflows(words, i16::MAX),
    }
}

fn extra_block(heap: &mut Heap, at: Addr) -> Result<Addr, OutOfMemory> {
    let words = heap.words(at, WORDS);
    if let Some(extra) = extra_of(words[META]) {
        return Ok(extra);
    }
    let (scale, n) = (scale_of(words[META]), words[N_SCALE]);
    let extra = heap.alloc_zeroed(EXTRA_WORDS)?;
    heap.words_mut(extra, EXTRA_WORDS)[bucket(scale)] = n;
    let words = heap.words_mut(at, WORDS);
    words[META] = (words[META] & 0xffff_ffff) | (u64::from(extra.0) + 1) << 32;
    words[N_SCALE] = 0;
    Ok(extra)
}

fn count_scale(heap: &mut Heap, extra: Addr, scale: u32, weight: i64) {
    let words = heap.words_mut(extra, EXTRA_WORDS);
    words[bucket(scale)] = words[bucket(scale)].wrapping_add(weight as u64);
}

/// Goes back to the largest scale that a value still has.
fn lower_scale(heap: &mut Heap, at: Addr) {
    let words = heap.words(at, WORDS);
    let Some(extra) = extra_of(words[META]) else { return };
    let scale = scale_of(words[META]);
    let counts = &heap.words(extra, EXTRA_WORDS)[SCALES..];
    if scale as usize >= N_SCALES || counts[scale as usize] != 0 || overflows(words[META]) != 0 {
        return;
    }
    let largest = counts[..scale as usize].iter().rposition(|&n| n != 0).unwrap_or(0);
    let mantissa = cell::i128_from_words(words);
    let power = POW10.get(scale as usize - largest).copied().unwrap_or(1);
    if mantissa % power != 0 {
        return;
    }
    let words = heap.words_mut(at, WORDS);
    words[..2].copy_from_slice(&cell::i128_to_words(mantissa / power));
    words[META] = (words[META] & !0xffff) | largest as u64;
}

/// The sum whose words these are.
pub(crate) fn total(words: &[u64], heap: &Heap) -> Result<Decimal, SqlError> {
    if let Some(extra) = extra_of(words[META]) {
        let counts = heap.words(extra, EXTRA_WORDS);
        let (inf, neg_inf) = (counts[INF] != 0, counts[NEG_INF] != 0);
        if counts[NAN] != 0 || (inf && neg_inf) {
            return Ok(Decimal::NAN);
        }
        if inf || neg_inf {
            return Ok(if inf { Decimal::INFINITY } else { Decimal::NEG_INFINITY });
        }
    }
    if overflows(words[META]) != 0 {
        return Err(arena_tr_types::decimal::DecimalError::Overflow.into());
    }
    Ok(Decimal::try_new(cell::i128_from_words(words), scale_of(words[META]))?)
}

/// Adds to the sum at `at` the one whose words are `other` in `from`, `sign` times.
pub(crate) fn merge(
    heap: &mut Heap,
    at: Addr,
    other: &[u64],
    from: &Heap,
    sign: i64,
) -> Result<(), OutOfMemory> {
    let meta = other[META];
    let value = Decimal::new(cell::i128_from_words(other), scale_of(meta));
    match extra_of(meta) {
        None if overflows(meta) == 0 => {
            // One value stands for all of them; then the count of its scale is set right.
            let n = other[N_SCALE].cast_signed() * sign;
            if n == 0 && value.mantissa() == 0 {
                return Ok(());
            }
            add(heap, at, value, sign)?;
            adjust_count(heap, at, value.scale(), n - sign);
        }
        None => {
            add(heap, at, value, sign)?;
            set_overflows(heap.words_mut(at, WORDS), i16::MAX);
        }
        Some(extra) => {
            let extra_own = extra_block(heap, at)?;
            add(heap, at, value, sign)?;
            count_scale(heap, extra_own, value.scale(), -sign);
            for i in 0..EXTRA_WORDS {
                let n = from.words(extra, EXTRA_WORDS)[i].cast_signed() * sign;
                let words = heap.words_mut(extra_own, EXTRA_WORDS);
                words[i] = words[i].wrapping_add(n as u64);
            }
            if overflows(meta) != 0 {
                set_overflows(heap.words_mut(at, WORDS), i16::MAX);
            }
        }
    }
    lower_scale(heap, at);
    Ok(())
}

fn adjust_count(heap: &mut Heap, at: Addr, scale: u32, by: i64) {
    let words = heap.words_mut(at, WORDS);
    match extra_of(words[META]) {
        None => words[N_SCALE] = words[N_SCALE].wrapping_add(by as u64),
        Some(extra) => count_scale(heap, extra, scale, by),
    }
}

/// Gives the sum at `at` its own copy of the extra block; the one it had, and its words.
#[inline]
pub(crate) fn detach(heap: &mut Heap, at: Addr) -> Result<Option<(Addr, usize)>, OutOfMemory> {
    let meta = heap.word(at.offset(META));
    let Some(old) = extra_of(meta) else { return Ok(None) };
    let copy = super::copy_block(heap, old, EXTRA_WORDS)?;
    heap.set_word(at.offset(META), (meta & 0xffff_ffff) | (u64::from(copy.0) + 1) << 32);
    Ok(Some((old, EXTRA_WORDS)))
}

/// Frees what the sum keeps outside of its words.
pub(crate) fn release(heap: &mut Heap, at: Addr) {
    if let Some(extra) = extra_of(heap.words(at, WORDS)[META]) {
        heap.free(extra, EXTRA_WORDS);
        heap.words_mut(at, WORDS)[META] &= 0xffff_ffff;
    }
}
