//! Roots, exponentials, logarithms, powers and divisors of NUMERIC at PostgreSQL's result scales.
//!
//! Each scale is chosen so that the result has at least 16 significant digits; the estimates that choose it are
//! PostgreSQL's, since they decide how many digits print.
//! Invariant: a result is correctly rounded at its scale, up to the working precision of [`Fixed`].

use super::arith::scaled_wide;
use super::fixed::Fixed;
use super::{Class, Decimal, DecimalError, DecimalResult, SCALE_MAX};

/// PostgreSQL gives results at least so many significant digits.
const MIN_SIGNIFICANT_DIGITS: i32 = 16;
/// Beyond so many digits before the point no result fits.
const WHOLE_DIGITS_MAX: f64 = 40.0;
/// Below this power of ten every result is zero.
const TENS_MIN: f64 = -2000.0;

impl Decimal {
    /// The square root with PostgreSQL's scale: at least 16 significant digits, not less than its own scale.
    pub fn sqrt(self) -> DecimalResult {
        let (weight, _) = self.leading_group();
        self.sqrt_at(scale_for(f64::from(weight * 2 + 1), self.scale()))
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

    /// `e^self`.
    pub fn exp(self) -> DecimalResult {
        match self.class() {
            Class::Finite => {}
            Class::NegInfinity => return Ok(Self::ZERO),
            _ => return Ok(self),
        }
        let tens = self.to_f64() * std::f64::consts::LOG10_E;
        exp_fixed(|| Fixed::from_decimal(self), tens, scale_for(tens, self.scale()))
    }

    /// The natural logarithm.
    pub fn ln(self) -> DecimalResult {
        if !self.check_log()? {
            return Ok(self);
        }
        let scale = scale_for(self.ln_weight().into(), self.scale());
        self.ln_fixed().to_decimal(0, scale)
    }

    /// The logarithm to base 10.
    pub fn log10(self) -> DecimalResult {
        Self::from_i64(10).log(self)
    }

    /// The logarithm of `value` to base `self`.
    pub fn log(self, value: Self) -> DecimalResult {
        if self.is_nan() || value.is_nan() {
            return Ok(Self::NAN);
        }
        let (base_finite, value_finite) = (self.check_log()?, value.check_log()?);
        match (base_finite, value_finite) {
            (true, true) => {}
            (false, false) => return Ok(Self::NAN),
            (false, true) => return Ok(Self::ZERO),
            (true, false) => return Ok(Self::INFINITY),
        }
        let divisor = self.ln_fixed();
        if divisor.is_zero() {
            return Err(DecimalError::DivisionByZero);
        }
        let weight = value.ln_weight() - self.ln_weight();
        let scale = scale_for(weight.into(), self.scale().max(value.scale()));
        value.ln_fixed().mul(divisor.recip()).to_decimal(0, scale)
    }

    /// Whether a logarithm must be computed; it exists only above zero, and infinity and NaN are their own.
    fn check_log(self) -> Result<bool, DecimalError> {
        match self.signum() {
            _ if self.is_nan() => Ok(false),
            0 => Err(DecimalError::LogOfZero),
            1 => Ok(self.is_finite()),
            _ => Err(DecimalError::LogOfNegative),
        }
    }

    fn ln_fixed(self) -> Fixed {
        Fixed::ln(self.mantissa().unsigned_abs(), self.scale())
    }

    /// Digits before the point of the logarithm, negative for zeros after it: PostgreSQL's estimate.
    fn ln_weight(self) -> i32 {
        let value = self.to_f64();
        if (0.9..=1.1).contains(&value) {
            // Near 1 the logarithm is about `self - 1`.
            let Ok(distance) = self.checked_sub(Self::ONE) else { return 0 };
            if distance.is_zero() {
                return 0;
            }
            let (weight, first) = distance.leading_group();
            return weight * 4 + f64::from(first).log10() as i32;
        }
        // The double of a decimal overflows nowhere: there are at most 38 digits.
        value.ln().abs().log10() as i32
    }

    /// `self` to the power of `exponent`.
    pub fn power(self, exponent: Self) -> DecimalResult {
        if !self.is_finite() || !exponent.is_finite() {
            return self.power_special(exponent);
        }
        if self.is_zero() && exponent.signum() < 0 {
            return Err(DecimalError::ZeroToNegative);
        }
        let integer = exponent.integral();
        if let Some(n) = integer.and_then(|n| i32::try_from(n).ok()) {
            return self.power_integer(n);
        }
        if self.is_zero() {
            return Self::try_new(0, MIN_SIGNIFICANT_DIGITS as u32);
        }
        if self.signum() < 0 && integer.is_none() {
            return Err(DecimalError::NegativeToFraction);
        }
        let ln = self.abs().ln_fixed();
        let tens = ln.to_f64() * exponent.to_f64() * std::f64::consts::LOG10_E;
        let scale = scale_for(tens, self.scale().max(exponent.scale()));
        let result = exp_fixed(|| ln.mul(Fixed::from_decimal(exponent)), tens, scale)?;
        let is_odd = integer.is_some_and(|n| n % 2 != 0);
        Ok(if self.signum() < 0 && is_odd { result.negate() } else { result })
    }

    /// The value if it is an integer, whatever its scale.
    fn integral(self) -> Option<i128> {
        let normal = self.normalize();
        (normal.is_finite() && normal.scale() == 0).then(|| normal.mantissa())
    }

    /// A power by squaring.
    fn power_integer(self, n: i32) -> DecimalResult {
        let scale = self.scale().max(MIN_SIGNIFICANT_DIGITS as u32);
        if self.is_zero() {
            return Self::try_new(i128::from(n == 0), 0)?.with_scale(scale);
        }
        let magnitude = self.abs();
        let tens = magnitude.to_f64().log10() * f64::from(n);
        if tens > WHOLE_DIGITS_MAX {
            return Err(DecimalError::Overflow);
        }
        if tens < -f64::from(scale) - 1.0 {
            return Self::try_new(0, scale);
        }
        let mut square = Fixed::from_decimal(magnitude);
        if n < 0 {
            square = square.recip();
        }
        let mut result = Fixed::one();
        let mut bits = n.unsigned_abs();
        while bits > 0 {
            if bits & 1 == 1 {
                result = result.mul(square);
            }
            bits >>= 1;
            if bits > 0 {
                square = square.mul(square);
            }
        }
        let result = result.to_decimal(0, scale)?;
        Ok(if self.signum() < 0 && n % 2 != 0 { result.negate() } else { result })
    }

    /// Powers where one side is NaN or infinite, as POSIX defines them.
    fn power_special(self, exponent: Self) -> DecimalResult {
        let is_one = self.is_finite() && self.eq_sql(Self::ONE);
        if is_one || exponent.is_zero() {
            return Ok(Self::ONE);
        }
        if self.is_nan() || exponent.is_nan() {
            return Ok(Self::NAN);
        }
        let grows = exponent.signum() > 0;
        if self.is_zero() {
            return if grows { Ok(Self::ZERO) } else { Err(DecimalError::ZeroToNegative) };
        }
        if !exponent.is_finite() {
            return Ok(match self.abs().cmp_sql(Self::ONE) {
                std::cmp::Ordering::Equal => Self::ONE,
                order if order.is_gt() == grows => Self::INFINITY,
                _ => Self::ZERO,
            });
        }
        let integer = exponent.integral();
        if self.signum() < 0 && integer.is_none() {
            return Err(DecimalError::NegativeToFraction);
        }
        let is_odd = integer.is_some_and(|n| n % 2 != 0);
        Ok(match grows {
            false => Self::ZERO,
            true if self.signum() < 0 && is_odd => Self::NEG_INFINITY,
            true => Self::INFINITY,
        })
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

/// The scale for a result of about `10^tens`, not less than the arguments' scale.
fn scale_for(tens: f64, least: u32) -> u32 {
    let digits = MIN_SIGNIFICANT_DIGITS - tens.clamp(TENS_MIN, -TENS_MIN) as i32;
    (digits.max(0) as u32).max(least).min(SCALE_MAX)
}

/// `e^x` where `10^tens` is its estimate: `x` is asked for only if the result is in range.
fn exp_fixed(x: impl FnOnce() -> Fixed, tens: f64, scale: u32) -> DecimalResult {
    if tens > WHOLE_DIGITS_MAX {
        return Err(DecimalError::Overflow);
    }
    if tens < TENS_MIN {
        return Decimal::try_new(0, scale);
    }
    let (value, tens) = x().exp();
    value.to_decimal(tens, scale)
}
