//! Roots, divisors and multiples of NUMERIC. Logarithms and powers are kernels.
//!
//! Invariant: a root is correctly rounded at its scale.

use super::arith::scaled_wide;
use super::{Class, Decimal, DecimalError, DecimalResult, SCALE_MAX};

/// PostgreSQL gives roots at least so many significant digits.
const MIN_SIGNIFICANT_DIGITS: i32 = 16;

impl Decimal {
    /// The square root with PostgreSQL's scale: at least 16 significant digits, not less than its
    /// own scale.
    pub fn sqrt(self) -> DecimalResult {
        let (weight, _) = self.leading_group();
        let digits = (MIN_SIGNIFICANT_DIGITS - (weight * 2 + 1)).max(0) as u32;
        self.sqrt_at(digits.max(self.scale()).min(SCALE_MAX))
    }

    /// The square root with `scale` digits after the point.
    pub fn sqrt_at(self, scale: u32) -> DecimalResult {
        match self.class() {
            Class::NaN | Class::Infinity => return Ok(self),
            _ if self.signum() < 0 => return Err(DecimalError::NegativeRoot),
            _ => {}
        }
        let magnitude = self.mantissa().unsigned_abs();
        if magnitude == 0 {
            return Self::try_new(0, scale);
        }
        let fine = scale.max(self.scale().div_ceil(2));
        let exponent = 2 * fine - self.scale();
        let square = scaled_wide(magnitude, exponent).ok_or(DecimalError::Overflow)?;
        let (root, up) = square.sqrt();
        Self::from_magnitude(root + u128::from(up), 1, fine)?.with_scale(scale)
    }

    /// The greatest common divisor, at the larger scale.
    pub fn gcd(self, rhs: Self) -> DecimalResult {
        if !self.is_finite() || !rhs.is_finite() {
            return Ok(Self::NAN);
        }
        let (mut a, mut b) = (self.abs(), rhs.abs());
        while !b.is_zero() {
            (a, b) = (b, a.checked_rem(b)?);
        }
        a.with_scale(self.scale().max(rhs.scale()))
    }

    /// The least common multiple, at the larger scale.
    pub fn lcm(self, rhs: Self) -> DecimalResult {
        if !self.is_finite() || !rhs.is_finite() {
            return Ok(Self::NAN);
        }
        let scale = self.scale().max(rhs.scale());
        if self.is_zero() || rhs.is_zero() {
            return Self::try_new(0, scale);
        }
        let multiple = self.checked_div_trunc(self.gcd(rhs)?)?.checked_mul(rhs)?.abs();
        multiple.with_scale(scale)
    }
}
