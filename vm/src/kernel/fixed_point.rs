//! Logarithms and exponentials in fixed point with 192 bits after the point: enough for every digit
//! of a NUMERIC.
//!
//! A result has at most 38 digits (127 bits); series, products and the reduction by powers of two
//! lose about ten of the 192 bits, so rounding to the result's scale is right except for ties that
//! no exact value makes.
//! Invariant: no operation panics; what does not fit is `None`.

use std::cmp::Ordering;
use std::sync::OnceLock;

/// Limbs of a number: the last one is the integer part.
const LIMBS: usize = 4;
/// Bits after the point.
const FRACTION_BITS: usize = 64 * (LIMBS - 1);

/// An unsigned number below 2^64 with 192 bits after the point, least limb first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fix([u64; LIMBS]);

impl PartialOrd for Fix {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fix {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

impl Fix {
    const ONE: Self = Self([0, 0, 0, 1]);

    fn is_zero(self) -> bool {
        self == Self::default()
    }

    fn add(self, other: Self) -> Self {
        let (mut sum, mut carry) = ([0; LIMBS], false);
        for (i, slot) in sum.iter_mut().enumerate() {
            let (a, c1) = self.0[i].overflowing_add(other.0[i]);
            let (b, c2) = a.overflowing_add(u64::from(carry));
            (*slot, carry) = (b, c1 | c2);
        }
        Self(sum)
    }

    /// `self - other`, which is not greater.
    fn sub(self, other: Self) -> Self {
        let (mut difference, mut borrow) = ([0; LIMBS], false);
        for (i, slot) in difference.iter_mut().enumerate() {
            let (a, b1) = self.0[i].overflowing_sub(other.0[i]);
            let (b, b2) = a.overflowing_sub(u64::from(borrow));
            (*slot, borrow) = (b, b1 | b2);
        }
        Self(difference)
    }

    /// The product, cut to 192 bits after the point; the caller knows that it is below 2^64.
    fn mul(self, other: Self) -> Self {
        let mut wide = [0_u64; 2 * LIMBS];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0_u128;
            for (j, b) in other.0.iter().enumerate() {
                let sum = u128::from(*a) * u128::from(*b) + u128::from(wide[i + j]) + carry;
                wide[i + j] = sum as u64;
                carry = sum >> 64;
            }
            wide[i + LIMBS] = carry as u64;
        }
        Self(std::array::from_fn(|i| wide[i + LIMBS - 1]))
    }

    fn mul_small(self, factor: u64) -> Self {
        let (mut product, mut carry) = ([0; LIMBS], 0_u128);
        for (slot, limb) in product.iter_mut().zip(self.0) {
            let sum = u128::from(limb) * u128::from(factor) + carry;
            (*slot, carry) = (sum as u64, sum >> 64);
        }
        Self(product)
    }

    fn div_small(self, divisor: u64) -> Self {
        let (mut quotient, mut rest) = ([0; LIMBS], 0_u128);
        for i in (0..LIMBS).rev() {
            let part = rest << 64 | u128::from(self.0[i]);
            quotient[i] = (part / u128::from(divisor)) as u64;
            rest = part % u128::from(divisor);
        }
        Self(quotient)
    }

    fn double(self) -> Self {
        self.add(self)
    }

    fn half(self) -> Self {
        self.div_small(2)
    }

    /// `self / divisor`, bit by bit; the caller knows that it is below 2^64 and both are below
    /// 2^62.
    fn div(self, divisor: Self) -> Self {
        if divisor.is_zero() {
            return Self::default();
        }
        // Whole part: how often the divisor, doubled, fits.
        let (mut rest, mut whole) = (self, 0_u64);
        let mut multiples = vec![divisor];
        while let Some(&last) = multiples.last()
            && last.0[LIMBS - 1] >> 62 == 0
            && last <= rest
            && multiples.len() < 256
        {
            multiples.push(last.double());
        }
        for multiple in multiples.into_iter().rev() {
            whole <<= 1;
            if multiple <= rest {
                rest = rest.sub(multiple);
                whole |= 1;
            }
        }
        let mut quotient = [0; LIMBS];
        quotient[LIMBS - 1] = whole;
        for bit in (0..FRACTION_BITS).rev() {
            rest = rest.double();
            if divisor <= rest {
                rest = rest.sub(divisor);
                quotient[bit / 64] |= 1 << (bit % 64);
            }
        }
        Self(quotient)
    }

    /// `numerator / 10^scale`, if its whole part fits 64 bits.
    pub(super) fn ratio(numerator: u128, scale: u32) -> Option<Self> {
        // Beyond 38 digits the number is a mere fraction: divide the rest off afterwards.
        let (first, more) = (scale.min(37), scale - scale.min(37));
        let divisor = 10_u128.pow(first);
        let whole = u64::try_from(numerator / divisor).ok()?;
        let mut rest = numerator % divisor;
        let mut limbs = [0; LIMBS];
        limbs[LIMBS - 1] = whole;
        for bit in (0..FRACTION_BITS).rev() {
            rest <<= 1;
            if rest >= divisor {
                rest -= divisor;
                limbs[bit / 64] |= 1 << (bit % 64);
            }
        }
        let mut value = Self(limbs);
        for _ in 0..more {
            value = value.div_small(10);
        }
        Some(value)
    }

    /// The number times `10^scale`, rounded half up, if it has at most 38 digits.
    pub(super) fn round_at(self, scale: u32) -> Option<u128> {
        let mut limbs = [0_u64; LIMBS + 2];
        limbs[..LIMBS].copy_from_slice(&self.0);
        for _ in 0..scale {
            let mut carry = 0_u128;
            for limb in &mut limbs {
                let sum = u128::from(*limb) * 10 + carry;
                (*limb, carry) = (sum as u64, sum >> 64);
            }
            if carry > 0 {
                return None;
            }
        }
        let [.., half, low, high, top] = limbs;
        let whole = u128::from(high) << 64 | u128::from(low);
        let rounded = whole.checked_add(u128::from(half >> 63))?;
        (top == 0 && rounded < 10_u128.pow(38)).then_some(rounded)
    }
}

/// A number with a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Signed {
    pub(super) negative: bool,
    pub(super) magnitude: Fix,
}

impl Signed {
    pub(super) fn new(negative: bool, magnitude: Fix) -> Self {
        Self { negative, magnitude }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        if self.negative == other.negative {
            return Self::new(self.negative, self.magnitude.add(other.magnitude));
        }
        if self.magnitude >= other.magnitude {
            Self::new(self.negative, self.magnitude.sub(other.magnitude))
        } else {
            Self::new(other.negative, other.magnitude.sub(self.magnitude))
        }
    }

    pub(super) fn times(self, other: Self) -> Self {
        Self::new(self.negative != other.negative, self.magnitude.mul(other.magnitude))
    }

    pub(super) fn over(self, other: Self) -> Self {
        Self::new(self.negative != other.negative, self.magnitude.div(other.magnitude))
    }
}

/// `2 * atanh(y) = ln((1 + y) / (1 - y))`, for y below 1/2.
fn double_atanh(y: Fix) -> Fix {
    let square = y.mul(y);
    let (mut term, mut sum, mut n) = (y, y, 1);
    while !term.is_zero() {
        term = term.mul(square);
        n += 2;
        sum = sum.add(term.div_small(n));
    }
    sum.double()
}

/// ln(2) and ln(10).
fn logs() -> (Fix, Fix) {
    static LOGS: OnceLock<(Fix, Fix)> = OnceLock::new();
    *LOGS.get_or_init(|| {
        let ln2 = double_atanh(Fix::ONE.div_small(3));
        // 10 = 8 * 5/4, and 5/4 = (1 + 1/9) / (1 - 1/9).
        (ln2, ln2.mul_small(3).add(double_atanh(Fix::ONE.div_small(9))))
    })
}

/// `ln(10^n)`.
pub(super) fn ln_pow10(n: u32) -> Fix {
    logs().1.mul_small(u64::from(n))
}

/// The natural logarithm of `numerator / 10^scale`; the numerator is not zero.
pub(super) fn ln(numerator: u128, scale: u32) -> Signed {
    let mut exponent = 127 - numerator.leading_zeros();
    // numerator = 2^exponent * fraction, 1 <= fraction < 2: move its leading bit to the point.
    let shifted = if exponent == 0 { 0 } else { numerator << (128 - exponent) };
    let mut fraction = Fix([0, shifted as u64, (shifted >> 64) as u64, 1]);
    // Nearer to 1, the series is shorter: above 1.5 take the half.
    if fraction.0[LIMBS - 2] >> 63 == 1 {
        fraction = fraction.half();
        exponent += 1;
    }
    let below = fraction < Fix::ONE;
    let distance = if below { Fix::ONE.sub(fraction) } else { fraction.sub(Fix::ONE) };
    let log = double_atanh(distance.div(fraction.add(Fix::ONE)));
    let whole = logs().0.mul_small(u64::from(exponent));
    Signed::new(false, whole).plus(Signed::new(below, log)).plus(Signed::new(true, ln_pow10(scale)))
}

/// `e^x`, rounded half up to an integer, if it has at most 38 digits.
pub(super) fn exp_rounded(x: Signed) -> Option<u128> {
    let ln2 = logs().0;
    if x.magnitude.0[LIMBS - 1] > 100 {
        return if x.negative { Some(0) } else { None };
    }
    // x = k * ln(2) + r with 0 <= r < ln(2).
    let mut k = x.magnitude.div(ln2).0[LIMBS - 1];
    let multiple = ln2.mul_small(k);
    let mut rest = x.magnitude.sub(multiple.min(x.magnitude));
    if x.negative {
        k += 1;
        rest = ln2.sub(rest.min(ln2));
    }
    let power = exp_series(rest);
    // power * 2^k, with the fraction rounded off.
    let [_, b, c, whole] = power.0;
    let top = u128::from(whole) << 127 | u128::from(c) << 63 | u128::from(b) >> 1;
    let shift = if x.negative { 127 + k } else { 127_u64.checked_sub(k)? };
    let rounded = match shift {
        0 => top,
        1..=127 => (top >> shift) + (top >> (shift - 1) & 1),
        128 => top >> 127,
        _ => 0,
    };
    (rounded < 10_u128.pow(38)).then_some(rounded)
}

/// `e^r` for r below 1: the series of r/256, squared eight times.
fn exp_series(r: Fix) -> Fix {
    let small = r.div_small(256);
    let (mut term, mut sum, mut n) = (Fix::ONE, Fix::ONE, 0);
    while !term.is_zero() {
        n += 1;
        term = term.mul(small).div_small(n);
        sum = sum.add(term);
    }
    (0..8).fold(sum, |power, _| power.mul(power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_have_all_their_digits() {
        let digits = |s: Signed, scale| (s.negative, s.magnitude.round_at(scale));
        assert_eq!(
            digits(ln(2, 0), 37),
            (false, Some(6_931_471_805_599_453_094_172_321_214_581_765_681))
        );
        assert_eq!(
            digits(ln(10, 0), 36),
            (false, Some(2_302_585_092_994_045_684_017_991_454_684_364_208))
        );
        assert_eq!(digits(ln(1, 0), 37).1, Some(0));
        // ln(0.5)
        assert_eq!(digits(ln(5, 1), 20), (true, Some(69_314_718_055_994_530_942)));
    }

    #[test]
    fn exponentials_invert_logarithms() {
        for n in [1_u128, 2, 3, 7, 10, 1000, 123_456_789, 10_u128.pow(30)] {
            assert_eq!(exp_rounded(ln(n, 0)), Some(n), "e^ln({n})");
        }
        assert_eq!(exp_rounded(ln(10_u128.pow(37), 0).plus(ln(100, 0))), None);
        // e * 10^36
        let e36 = Signed::new(false, Fix::ONE).plus(ln(10_u128.pow(36), 0));
        assert_eq!(exp_rounded(e36), Some(2_718_281_828_459_045_235_360_287_471_352_662_498));
        let tiny = Signed::new(true, Fix([0, 0, 0, 1000]));
        assert_eq!(exp_rounded(tiny), Some(0));
    }

    #[test]
    fn division_agrees_with_ratios() {
        let third = Fix::ONE.div(Fix([0, 0, 0, 3]));
        assert_eq!(third.round_at(5), Some(33_333));
        assert_eq!(Fix([0, 0, 0, 1_000_000]).div(third).0[3], 3_000_000);
        assert_eq!(Fix::ratio(123_456, 3).and_then(|f| f.round_at(3)), Some(123_456));
        assert_eq!(Fix::ratio(1, 60).and_then(|f| f.round_at(57)), Some(0));
    }
}
