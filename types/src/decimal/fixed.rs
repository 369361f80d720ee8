//! Signed fixed-point numbers with 63 digits after the point, for logarithms and exponentials.
//!
//! A mantissa of 38 digits is not enough to compute 38 digits: the working precision here leaves twenty to spare. It is
//! slow and small: schoolbook products of twelve limbs, series, Newton's reciprocal.
//! Invariant: magnitudes stay below 10^45 (callers estimate results in doubles first); errors stay below 10^-55 for
//! values below 10^5.

use std::sync::OnceLock;

use super::{Decimal, DecimalError, DecimalResult};

/// Limbs hold nine decimal digits each, the least significant first.
const BASE: u64 = 1_000_000_000;
const LIMB_DIGITS: u32 = 9;
/// Limbs after the point.
const FRACTION_LIMBS: usize = 7;
/// All limbs.
const LIMBS: usize = 12;
/// Digits after the point.
const FRACTION_DIGITS: u32 = FRACTION_LIMBS as u32 * LIMB_DIGITS;

/// A fixed-point number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
    negative: bool,
    limbs: [u32; LIMBS],
}

impl Fixed {
    pub(super) fn one() -> Self {
        Self::from_scaled(1, 0)
    }

    /// A finite decimal; digits beyond the 63rd are cut.
    pub(super) fn from_decimal(value: Decimal) -> Self {
        let magnitude = value.mantissa().unsigned_abs();
        Self { negative: value.signum() < 0, ..Self::from_scaled(magnitude, value.scale()) }
    }

    /// `magnitude * 10^-scale`.
    pub(super) fn from_scaled(magnitude: u128, scale: u32) -> Self {
        let Some(shift) = FRACTION_DIGITS.checked_sub(scale) else {
            let cut = super::arith::pow10(scale - FRACTION_DIGITS).map_or(0, |p| magnitude / p);
            return Self::from_scaled(cut, FRACTION_DIGITS);
        };
        let mut limbs = [0; LIMBS];
        let mut rest = magnitude;
        let first = (shift / LIMB_DIGITS) as usize;
        for limb in &mut limbs[first..] {
            *limb = (rest % u128::from(BASE)) as u32;
            rest /= u128::from(BASE);
        }
        Self { negative: false, limbs }.times(10u32.pow(shift % LIMB_DIGITS))
    }

    /// A double's 17 digits: the first guess of Newton's method.
    fn from_f64(value: f64) -> Self {
        let text = format!("{:.16e}", value.abs());
        let (digits, exponent) = text.split_once('e').unwrap_or(("0", "0"));
        let magnitude: u128 = digits.replace('.', "").parse().unwrap_or(0);
        let scale = 16 - exponent.parse::<i32>().unwrap_or(0);
        let fixed = if scale >= 0 {
            Self::from_scaled(magnitude, scale.unsigned_abs())
        } else {
            let power = super::arith::pow10(scale.unsigned_abs().min(28)).unwrap_or(1);
            Self::from_scaled(magnitude, 0).mul(Self::from_scaled(power, 0))
        };
        Self { negative: value < 0.0, ..fixed }
    }

    pub(super) fn to_f64(self) -> f64 {
        let magnitude = self.limbs.iter().enumerate().fold(0.0, |sum, (i, limb)| {
            sum + f64::from(*limb) * (BASE as f64).powi(i as i32 - FRACTION_LIMBS as i32)
        });
        if self.negative { -magnitude } else { magnitude }
    }

    pub(super) fn is_zero(self) -> bool {
        self.limbs == [0; LIMBS]
    }

    pub(super) fn negate(self) -> Self {
        Self { negative: !self.negative, ..self }
    }

    pub(super) fn add(self, rhs: Self) -> Self {
        if self.negative == rhs.negative {
            let mut carry = 0;
            let mut limbs = self.limbs;
            for (limb, other) in limbs.iter_mut().zip(rhs.limbs) {
                let sum = u64::from(*limb) + u64::from(other) + carry;
                *limb = (sum % BASE) as u32;
                carry = sum / BASE;
            }
            return Self { negative: self.negative, limbs };
        }
        let larger_first = self.limbs.iter().rev().ge(rhs.limbs.iter().rev());
        let (large, small) = if larger_first { (self, rhs) } else { (rhs, self) };
        let mut borrow = 0;
        let mut limbs = large.limbs;
        for (limb, other) in limbs.iter_mut().zip(small.limbs) {
            let difference = BASE + u64::from(*limb) - u64::from(other) - borrow;
            *limb = (difference % BASE) as u32;
            borrow = u64::from(difference < BASE);
        }
        Self { negative: large.negative, limbs }
    }

    pub(super) fn sub(self, rhs: Self) -> Self {
        self.add(rhs.negate())
    }

    pub(super) fn mul(self, rhs: Self) -> Self {
        let mut wide = [0u64; 2 * LIMBS];
        for (i, a) in self.limbs.iter().enumerate() {
            let mut carry = 0;
            for (j, b) in rhs.limbs.iter().enumerate() {
                let sum = wide[i + j] + u64::from(*a) * u64::from(*b) + carry;
                wide[i + j] = sum % BASE;
                carry = sum / BASE;
            }
            wide[i + LIMBS] = carry;
        }
        let mut limbs = [0; LIMBS];
        for (limb, value) in limbs.iter_mut().zip(&wide[FRACTION_LIMBS..]) {
            *limb = *value as u32;
        }
        Self { negative: self.negative != rhs.negative, limbs }
    }

    /// Times a small number.
    pub(super) fn times(self, factor: u32) -> Self {
        let mut carry = 0;
        let mut limbs = self.limbs;
        for limb in &mut limbs {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = (product % BASE) as u32;
            carry = product / BASE;
        }
        Self { limbs, ..self }
    }

    /// Divided by a small number that is not zero.
    pub(super) fn over(self, divisor: u32) -> Self {
        let mut remainder = 0;
        let mut limbs = self.limbs;
        for limb in limbs.iter_mut().rev() {
            let value = remainder * BASE + u64::from(*limb);
            *limb = (value / u64::from(divisor)) as u32;
            remainder = value % u64::from(divisor);
        }
        Self { limbs, ..self }
    }

    /// `1 / self`, which is not zero, by Newton's method: each step doubles the digits of the first guess's fifteen.
    pub(super) fn recip(self) -> Self {
        let mut inverse = Self::from_f64(1.0 / self.to_f64());
        let two = Self::from_scaled(2, 0);
        for _ in 0..3 {
            inverse = inverse.mul(two.sub(self.mul(inverse)));
        }
        inverse
    }

    /// `2 * artanh(self)` for a magnitude below 1/5.
    fn twice_artanh(self) -> Self {
        let square = self.mul(self);
        let (mut power, mut sum, mut n) = (self, self, 1);
        while !power.is_zero() {
            power = power.mul(square);
            n += 2;
            sum = sum.add(power.over(n));
        }
        sum.times(2)
    }

    /// `ln 2` and `ln 10`.
    fn logs() -> (Self, Self) {
        static LOGS: OnceLock<(Fixed, Fixed)> = OnceLock::new();
        *LOGS.get_or_init(|| {
            // ln 2 = ln 4/3 + ln 3/2, ln 10 = 3 ln 2 + ln 5/4, with ln a/b = 2 artanh (a-b)/(a+b).
            let log = |n: u32| Self::one().over(n).twice_artanh();
            let ln2 = log(7).add(log(5));
            (ln2, ln2.times(3).add(log(9)))
        })
    }

    /// The natural logarithm of `magnitude * 10^-scale`, where `magnitude` is not zero.
    pub(super) fn ln(magnitude: u128, scale: u32) -> Self {
        let (ln2, ln10) = Self::logs();
        let n_digits = super::n_digits(magnitude);
        let tens = i64::from(n_digits) - 1 - i64::from(scale);
        let mut reduced = Self::from_scaled(magnitude, n_digits - 1);
        let mut halvings = 0;
        while reduced.to_f64() > 1.42 {
            reduced = reduced.over(2);
            halvings += 1;
        }
        let one = Self::one();
        let z = reduced.sub(one).mul(reduced.add(one).recip());
        let of_tens = ln10.times(tens.unsigned_abs() as u32);
        let of_tens = if tens < 0 { of_tens.negate() } else { of_tens };
        z.twice_artanh().add(ln2.times(halvings)).add(of_tens)
    }

    /// `e^self` as a number below 10 and a power of ten.
    pub(super) fn exp(self) -> (Self, i32) {
        const HALVINGS: u32 = 8;
        let (_, ln10) = Self::logs();
        let tens = (self.to_f64() / std::f64::consts::LN_10).round() as i32;
        let of_tens = ln10.times(tens.unsigned_abs());
        let rest = if tens < 0 { self.add(of_tens) } else { self.sub(of_tens) };
        let small = rest.over(1 << HALVINGS);
        let (mut term, mut sum, mut n) = (Self::one(), Self::one(), 0);
        while !term.is_zero() {
            n += 1;
            term = term.mul(small).over(n);
            sum = sum.add(term);
        }
        for _ in 0..HALVINGS {
            sum = sum.mul(sum);
        }
        (sum, tens)
    }

    /// `self * 10^tens` with `scale` digits after the point, rounded half away from zero.
    pub(super) fn to_decimal(self, tens: i32, scale: u32) -> DecimalResult {
        let mut digits = String::with_capacity(LIMBS * LIMB_DIGITS as usize);
        for limb in self.limbs.iter().rev() {
            digits.push_str(&format!("{limb:09}"));
        }
        // Of these digits, all but the last `n_cut` are the mantissa.
        let n_cut = i64::from(FRACTION_DIGITS) - i64::from(tens) - i64::from(scale);
        let n_kept = digits.len() as i64 - n_cut;
        if n_kept < 0 {
            return Decimal::try_new(0, scale);
        }
        let kept = &digits.as_bytes()[..(n_kept as usize).min(digits.len())];
        let mut mantissa = 0i128;
        for digit in kept.iter().chain(std::iter::repeat_n(&b'0', n_kept as usize - kept.len())) {
            if mantissa >= super::MANTISSA_END / 10 {
                return Err(DecimalError::Overflow);
            }
            mantissa = mantissa * 10 + i128::from(digit - b'0');
        }
        let up = digits.as_bytes().get(n_kept as usize).is_some_and(|digit| *digit >= b'5');
        mantissa += i128::from(up);
        Decimal::try_new(if self.negative { -mantissa } else { mantissa }, scale)
    }
}
