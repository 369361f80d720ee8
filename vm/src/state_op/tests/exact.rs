//! Sums of doubles against sums of whole numbers: each double is an integer times 2^-1074.
//!
//! Rounding is not repeated here but judged: no double is nearer to the exact sum than the one that
//! was given.

use arena_tr_storage::arena::{Addr, Owner, Pool, Tier};
use arena_tr_storage::state::Heap;

use super::Random;
use crate::state_op::agg::exact::{self, Total, WORDS};

/// A number of 2304 bits: digits of 32 bits from 2^-1074 up, each but the last from 0 to 2^32 - 1.
#[derive(Clone, PartialEq, Debug)]
struct Exact([i64; 72]);

impl Exact {
    fn zero() -> Self {
        Self([0; 72])
    }

    /// Adds `weight` times a finite double.
    fn add(&mut self, x: f64, weight: i64) {
        let bits = x.abs().to_bits();
        let (exponent, fraction) = ((bits >> 52) as usize, bits & ((1 << 52) - 1));
        let (mantissa, shift) = match exponent {
            0 => (fraction, 0),
            _ => (fraction | 1 << 52, exponent - 1),
        };
        let sign = if x.is_sign_negative() { -1 } else { 1 };
        let mut rest = (i128::from(mantissa) * i128::from(weight) * sign) << (shift % 32);
        for digit in &mut self.0[shift / 32..] {
            let sum = i128::from(*digit) + rest;
            // The top digit keeps the sign.
            *digit = sum.rem_euclid(1 << 32) as i64;
            rest = sum.div_euclid(1 << 32);
        }
        self.0[71] += (rest << 32) as i64;
    }

    /// -1, 0 or 1.
    fn sign(&self) -> i32 {
        match self.0[71] {
            top if top < 0 => -1,
            _ => i32::from(self.0.iter().any(|d| *d != 0)),
        }
    }

    /// The sign of twice this number plus `weight` times `x` minus `weight` times `y`.
    fn twice_against(&self, x: f64, y: f64) -> i32 {
        let mut twice = self.clone();
        let mut carry = 0;
        for digit in &mut twice.0[..71] {
            let sum = *digit * 2 + carry;
            *digit = sum & 0xffff_ffff;
            carry = sum >> 32;
        }
        twice.0[71] = twice.0[71] * 2 + carry;
        twice.add(x, 1);
        twice.add(y, -1);
        twice.sign()
    }

    /// This number less a double.
    fn less(&self, x: f64) -> Self {
        let mut rest = self.clone();
        rest.add(x, -1);
        rest
    }

    /// Whether no double is nearer than `x`, and none with an even mantissa as near.
    fn rounds_to(&self, x: f64) -> bool {
        let rest = self.less(x);
        let even = x.to_bits() & 1 == 0;
        let (up, down) = (x.next_up(), x.next_down());
        // 2 * (sum - x) against the distances to the neighbours.
        let above = if up.is_finite() { rest.twice_against(x, up) } else { -1 };
        let below = if down.is_finite() { rest.twice_against(x, down) } else { 1 };
        (above < 0 || (above == 0 && even)) && (below > 0 || (below == 0 && even))
    }
}

struct Sum {
    heap: Heap,
    at: Addr,
}

impl Sum {
    fn new() -> Self {
        let mut heap = Heap::new(&Pool::new(), Owner::new(1, 0, Tier::Keyed));
        let at = heap.alloc_zeroed(WORDS).expect("memory");
        Self { heap, at }
    }

    fn of(terms: &[(f64, i64)]) -> Self {
        let mut sum = Self::new();
        terms.iter().for_each(|(x, weight)| sum.add(*x, *weight));
        sum
    }

    fn add(&mut self, x: f64, weight: i64) {
        exact::add(&mut self.heap, self.at, x, weight).expect("memory");
    }

    fn total(&self) -> Total {
        exact::total(self.heap.words(self.at, WORDS), &self.heap)
    }

    fn merge(&mut self, other: &Sum, sign: i64) {
        let words = other.heap.words(other.at, WORDS).to_vec();
        exact::merge(&mut self.heap, self.at, &words, &other.heap, sign).expect("memory");
    }
}

/// Doubles of one kind: neighbours in size, prices, any bits, subnormal, great ones that cancel.
fn double(random: &mut Random, kind: u64) -> f64 {
    let small = random.below(2001) as f64 - 1000.0;
    match kind {
        0 => small / 100.0,
        1 => small * 2f64.powi(random.below(120) as i32 - 60),
        2 => {
            let any = f64::from_bits(random.next());
            if any.is_finite() { any / 1024.0 } else { small }
        }
        3 => f64::from_bits(random.next() >> 12 | (random.next() & 1 << 63)),
        _ => {
            [1e300, -1e300, 1.0, 1e-300, -0.0, f64::MIN_POSITIVE][random.below(6) as usize] * small
        }
    }
}

fn terms(random: &mut Random, n: u64) -> Vec<(f64, i64)> {
    let kind = random.below(5);
    let weight = |r: &mut Random| [1, 1, 1, -1, 3, -2, 1_000_000][r.below(7) as usize];
    let mixed = random.below(3) == 0;
    (0..n)
        .map(|_| {
            let kind = if mixed { random.below(5) } else { kind };
            (double(random, kind), if random.below(2) == 0 { 1 } else { weight(random) })
        })
        .collect()
}

fn exact_sum(terms: &[(f64, i64)]) -> Exact {
    let mut sum = Exact::zero();
    terms.iter().for_each(|(x, weight)| sum.add(*x, *weight));
    sum
}

fn shuffled(random: &mut Random, terms: &[(f64, i64)]) -> Vec<(f64, i64)> {
    let mut terms = terms.to_vec();
    for i in (1..terms.len()).rev() {
        terms.swap(i, random.below(i as u64 + 1) as usize);
    }
    terms
}

#[test]
fn the_judge_is_right() {
    let sum = exact_sum(&[(1.0, 1), (2f64.powi(-53), 1)]);
    assert!(sum.rounds_to(1.0) && !sum.rounds_to(1f64.next_up()), "half goes to even");
    let sum = exact_sum(&[(1.0, 1), (2f64.powi(-53), 1), (5e-324, 1)]);
    assert!(!sum.rounds_to(1.0) && sum.rounds_to(1f64.next_up()));
    assert_eq!(exact_sum(&[(0.1, 3), (0.1, -3)]), Exact::zero());
    assert_eq!(exact_sum(&[(-5e-324, 1)]).sign(), -1);
    assert!(exact_sum(&[(-0.1, 1), (0.3, 1)]).rounds_to(0.3 - 0.1));
}

#[test]
fn sums_are_exact_and_rounded_once() {
    let mut random = Random(0x5eed);
    for case in 0..3000 {
        let n = 1 + random.below(40);
        let terms = terms(&mut random, n);
        let exact = exact_sum(&terms);
        match Sum::of(&terms).total() {
            Total::Finite(hi, lo) => {
                assert!(exact.rounds_to(hi), "case {case}: {hi:e} of {terms:?}");
                assert!(exact.less(hi).rounds_to(lo), "case {case}: {hi:e} + {lo:e} of {terms:?}");
            }
            Total::Overflow => {
                // At least half a step beyond the greatest double.
                let step = f64::MAX - f64::MAX.next_down();
                let above = exact.less(f64::MAX).twice_against(0.0, step) >= 0;
                let below = exact.less(f64::MIN).twice_against(step, 0.0) <= 0;
                assert!(above || below, "case {case}: {terms:?}");
            }
            Total::Special(x) => panic!("case {case}: {x} of {terms:?}"),
        }
    }
}

#[test]
fn order_and_what_came_and_went_do_not_matter() {
    let mut random = Random(0xfeed);
    for case in 0..800 {
        let n = 1 + random.below(30);
        let all = terms(&mut random, n);
        let wanted = Sum::of(&all).total();
        for _ in 0..3 {
            let mut noisy = all.clone();
            for _ in 0..random.below(8) {
                let kind = random.below(5);
                let x = match random.below(6) {
                    0 => f64::INFINITY,
                    1 => f64::NAN,
                    2 => f64::NEG_INFINITY,
                    _ => double(&mut random, kind),
                };
                noisy.extend([(x, 1), (x, -1)]);
            }
            let other = Sum::of(&shuffled(&mut random, &noisy)).total();
            assert_eq!(other, wanted, "case {case}: {noisy:?}");
        }
    }
}

#[test]
fn parts_merge_to_the_whole() {
    let mut random = Random(0xabcde);
    for case in 0..800 {
        let n = 2 + random.below(30);
        let all = terms(&mut random, n);
        let (left, right) = all.split_at(random.below(n) as usize);
        let mut merged = Sum::of(left);
        merged.merge(&Sum::of(right), 1);
        assert_eq!(merged.total(), Sum::of(&all).total(), "case {case}: {left:?} and {right:?}");
        merged.merge(&Sum::of(right), -1);
        assert_eq!(merged.total(), Sum::of(left).total(), "case {case}: {left:?} less {right:?}");
    }
}

#[test]
fn infinities_and_nan() {
    let total = |terms: &[(f64, i64)]| format!("{:?}", Sum::of(terms).total());
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!(total(&[(1.0, 1), (inf, 1)]), "Special(inf)");
    assert_eq!(total(&[(1.0, 1), (-inf, 2)]), "Special(-inf)");
    assert_eq!(total(&[(inf, 1), (-inf, 1)]), "Special(NaN)");
    assert_eq!(total(&[(inf, 1), (nan, 1)]), "Special(NaN)");
    assert_eq!(total(&[(inf, 1), (nan, 1), (nan, -1)]), "Special(inf)");
    assert_eq!(total(&[(inf, 1), (2.5, 1), (inf, -1)]), "Finite(2.5, 0.0)");
    assert_eq!(total(&[(f64::MAX, 2)]), "Overflow");
    assert_eq!(total(&[(f64::MAX, 2), (f64::MAX, -1)]), format!("Finite({:?}, 0.0)", f64::MAX));
    assert_eq!(total(&[]), "Finite(0.0, 0.0)");
}
