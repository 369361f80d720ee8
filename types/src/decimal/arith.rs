//! Addition, subtraction, multiplication, division and remainder with PostgreSQL's result scales.
//!
//! Sums take the larger scale, products the sum of scales, quotients at least 16 significant
//! digits. The fast paths need both mantissas in 64 bits, which is nearly every value met in
//! practice.
//! Invariant: a result is exact, or correctly rounded half away from zero at its scale (quotients),
//! or an error.

use super::wide::Wide;
use super::{Class, Decimal, DecimalError, DecimalResult, POW10, SCALE_MAX, n_digits, scale_up};

/// PostgreSQL gives quotients at least so many significant digits.
const MIN_SIGNIFICANT_DIGITS: i32 = 16;
/// PostgreSQL counts digits in groups of four.
const GROUP_DIGITS: i32 = 4;

impl Decimal {
    /// `self + rhs` at the larger scale.
    #[inline]
    pub fn checked_add(self, rhs: Self) -> DecimalResult {
        if self.scale == rhs.scale
            && self.class | rhs.class == 0
            && let (Some(a), Some(b)) = (self.small(), rhs.small())
        {
            return Ok(Self::new(i128::from(a) + i128::from(b), self.scale));
        }
        self.add_slow(rhs)
    }

    /// `self - rhs` at the larger scale.
    #[inline]
    pub fn checked_sub(self, rhs: Self) -> DecimalResult {
        self.checked_add(rhs.negate())
    }

    /// `self * rhs` at the sum of scales.
    #[inline]
    pub fn checked_mul(self, rhs: Self) -> DecimalResult {
        if self.class | rhs.class == 0
            && let (Some(a), Some(b)) = (self.small(), rhs.small())
        {
            return Self::try_new(i128::from(a) * i128::from(b), self.scale + rhs.scale);
        }
        self.mul_slow(rhs)
    }

    /// `self / rhs` at PostgreSQL's scale for quotients.
    #[inline]
    pub fn checked_div(self, rhs: Self) -> DecimalResult {
        if self.class | rhs.class != 0 {
            return self.div_special(rhs);
        }
        if rhs.is_zero() {
            return Err(DecimalError::DivisionByZero);
        }
        self.div_at(rhs, self.quotient_scale(rhs))
    }

    /// The remainder of the division truncated to an integer; its sign is that of `self`.
    pub fn checked_rem(self, rhs: Self) -> DecimalResult {
        match (self.class(), rhs.class()) {
            (Class::NaN, _) | (_, Class::NaN) => return Ok(Self::NAN),
            (_, Class::Finite) if rhs.is_zero() => return Err(DecimalError::DivisionByZero),
            (Class::Finite, Class::Finite) => {}
            (Class::Finite, _) => return Ok(self),
            _ => return Ok(Self::NAN),
        }
        let scale = self.scale.max(rhs.scale);
        let (a, b) = (self.mantissa(), rhs.mantissa());
        let magnitude = if self.scale < rhs.scale {
            rem_scaled(a.unsigned_abs(), rhs.scale - self.scale, b.unsigned_abs())
        } else {
            match scale_up(b, self.scale - rhs.scale) {
                Some(b) => (a % b).unsigned_abs(),
                // The divisor exceeds every mantissa at this scale.
                None => a.unsigned_abs(),
            }
        };
        Self::try_new(magnitude as i128 * a.signum(), scale)
    }

    /// The integer part of the quotient, PostgreSQL's `div`.
    pub fn checked_div_trunc(self, rhs: Self) -> DecimalResult {
        if self.class | rhs.class != 0 {
            return self.div_special(rhs);
        }
        if rhs.is_zero() {
            return Err(DecimalError::DivisionByZero);
        }
        let (a, b) = (self.mantissa().unsigned_abs(), rhs.mantissa().unsigned_abs());
        let magnitude = if self.scale <= rhs.scale {
            let numerator = scaled_wide(a, rhs.scale - self.scale);
            numerator.and_then(|n| n.div_rem(b)).map(|(q, _)| q)
        } else {
            match pow10(self.scale - rhs.scale).and_then(|factor| b.checked_mul(factor)) {
                Some(b) => Some(a / b),
                None => Some(0),
            }
        };
        let magnitude = magnitude.ok_or(DecimalError::Overflow)?;
        Self::from_magnitude(magnitude, self.signum() * rhs.signum(), 0)
    }

    /// `self / rhs` (both finite, `rhs` not zero) with `scale` digits after the point, rounded half
    /// away from zero. Averages use it with a scale of their own.
    pub fn div_at(self, rhs: Self, scale: u32) -> DecimalResult {
        let (a, b) = (self.mantissa().unsigned_abs(), rhs.mantissa().unsigned_abs());
        if a == 0 {
            return Self::try_new(0, scale);
        }
        let sign = self.signum() * rhs.signum();
        // a * 10^-s1 / (b * 10^-s2) * 10^scale
        let shift = i64::from(scale) + i64::from(rhs.scale) - i64::from(self.scale);
        let (quotient, remainder, divisor) = if shift >= 0 {
            let numerator = scaled_wide(a, shift as u32).ok_or(DecimalError::Overflow)?;
            let (q, r) = numerator.div_rem(b).ok_or(DecimalError::Overflow)?;
            (q, r, b)
        } else {
            match pow10(-shift as u32).and_then(|factor| b.checked_mul(factor)) {
                Some(b) => (a / b, a % b, b),
                // The divisor is more than twice every mantissa: the quotient rounds to zero.
                None => return Self::try_new(0, scale),
            }
        };
        let up = remainder >= divisor - remainder;
        Self::from_magnitude(quotient + u128::from(up), sign, scale)
    }

    /// The scale that PostgreSQL gives to `self / rhs` (both finite): at least 16 significant
    /// digits, not less than either scale. It estimates the quotient's weight from the leading
    /// groups of four digits.
    pub fn quotient_scale(self, rhs: Self) -> u32 {
        let (weight1, first1) = self.leading_group();
        let (weight2, first2) = rhs.leading_group();
        let weight = weight1 - weight2 - i32::from(first1 <= first2);
        let digits = MIN_SIGNIFICANT_DIGITS - weight * GROUP_DIGITS;
        (digits.max(0) as u32).max(self.scale).max(rhs.scale).min(SCALE_MAX)
    }

    /// Weight (in groups of four digits, counted from the point) and value of the leading group.
    pub(super) fn leading_group(self) -> (i32, u32) {
        let magnitude = self.mantissa().unsigned_abs();
        if magnitude == 0 {
            return (0, 0);
        }
        let digits = n_digits(magnitude) as i32;
        let exponent = digits - 1 - self.scale as i32;
        let in_group = exponent.rem_euclid(GROUP_DIGITS) + 1;
        let first = if digits >= in_group {
            magnitude / POW10[(digits - in_group) as usize] as u128
        } else {
            magnitude * POW10[(in_group - digits) as usize] as u128
        };
        (exponent.div_euclid(GROUP_DIGITS), first as u32)
    }

    /// `-self`.
    #[inline]
    #[must_use]
    pub const fn negate(self) -> Self {
        match self.class() {
            Class::Finite => Self::new(-self.mantissa(), self.scale),
            Class::NaN => self,
            Class::Infinity => Self::NEG_INFINITY,
            Class::NegInfinity => Self::INFINITY,
        }
    }

    /// The absolute value.
    #[inline]
    #[must_use]
    pub const fn abs(self) -> Self {
        if self.signum() < 0 { self.negate() } else { self }
    }

    /// A number of this sign and magnitude, if it has at most 38 digits.
    pub(super) fn from_magnitude(magnitude: u128, sign: i32, scale: u32) -> DecimalResult {
        let mantissa = i128::try_from(magnitude).map_err(|_| DecimalError::Overflow)?;
        Self::try_new(mantissa * i128::from(sign), scale)
    }

    #[cold]
    fn add_slow(self, rhs: Self) -> DecimalResult {
        match (self.class(), rhs.class()) {
            (Class::Finite, Class::Finite) => {}
            (Class::NaN, _) | (_, Class::NaN) => return Ok(Self::NAN),
            (Class::Finite, _) => return Ok(rhs),
            (_, Class::Finite) => return Ok(self),
            (a, b) if a == b => return Ok(self),
            _ => return Ok(Self::NAN),
        }
        let scale = self.scale.max(rhs.scale);
        let a = scale_up(self.mantissa(), scale - self.scale).ok_or(DecimalError::Overflow)?;
        let b = scale_up(rhs.mantissa(), scale - rhs.scale).ok_or(DecimalError::Overflow)?;
        Self::try_new(a.checked_add(b).ok_or(DecimalError::Overflow)?, scale)
    }

    #[cold]
    fn mul_slow(self, rhs: Self) -> DecimalResult {
        if self.class | rhs.class == 0 {
            let product = self.mantissa().checked_mul(rhs.mantissa());
            return Self::try_new(product.ok_or(DecimalError::Overflow)?, self.scale + rhs.scale);
        }
        if self.is_nan() || rhs.is_nan() {
            return Ok(Self::NAN);
        }
        Ok(match self.signum() * rhs.signum() {
            0 => Self::NAN,
            1 => Self::INFINITY,
            _ => Self::NEG_INFINITY,
        })
    }

    #[cold]
    fn div_special(self, rhs: Self) -> DecimalResult {
        match (self.class(), rhs.class()) {
            (Class::NaN, _) | (_, Class::NaN) => Ok(Self::NAN),
            (Class::Finite, _) => Ok(Self::ZERO),
            (_, Class::Finite) => match rhs.signum() * self.signum() {
                0 => Err(DecimalError::DivisionByZero),
                1 => Ok(Self::INFINITY),
                _ => Ok(Self::NEG_INFINITY),
            },
            _ => Ok(Self::NAN),
        }
    }
}

/// `10^exponent` if a mantissa can hold it.
pub(super) fn pow10(exponent: u32) -> Option<u128> {
    POW10.get(exponent as usize).map(|p| *p as u128)
}

/// `a * 10^exponent` if it has at most 76 digits; a quotient by a mantissa of anything longer has
/// too many.
pub(super) fn scaled_wide(a: u128, exponent: u32) -> Option<Wide> {
    if a == 0 {
        return Some(Wide::product(0, 0));
    }
    let near = exponent.min(POW10.len() as u32 - 1);
    let scaled = a.checked_mul(pow10(exponent - near)?)?;
    Some(Wide::product(scaled, pow10(near)?))
}

/// `a * 10^exponent mod b`, in steps that 256 bits can hold.
fn rem_scaled(a: u128, mut exponent: u32, b: u128) -> u128 {
    let mut rest = a % b;
    while exponent > 0 {
        let step = exponent.min(POW10.len() as u32 - 1);
        rest = Wide::product(rest, POW10[step as usize] as u128).rem(b);
        exponent -= step;
    }
    rest
}
