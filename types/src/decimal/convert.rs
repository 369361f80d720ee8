//! Rounding, declared precision, and the way to and from integers and floats.
//!
//! Invariant: rounding is half away from zero, as PostgreSQL rounds NUMERIC; only floats round half
//! to even.

use super::{
    Class, Decimal, DecimalError, DecimalResult, MANTISSA_END, POW10, scale_down, scale_up,
};
use crate::error::{SqlError, SqlState};

/// Largest integer below which every integer is a double.
const F64_EXACT: u128 = 1 << 53;
/// Powers of ten up to this one are exact doubles.
const F64_EXACT_POW10: u32 = 22;

impl Decimal {
    /// An integer as a decimal.
    #[inline]
    pub const fn from_i64(value: i64) -> Self {
        Self::new(value as i128, 0)
    }

    /// An integer as a decimal, if it has at most 38 digits.
    #[inline]
    pub const fn from_i128(value: i128) -> DecimalResult {
        Self::try_new(value, 0)
    }

    /// A double as a decimal, through its 15 significant digits, as PostgreSQL casts.
    pub fn from_f64(value: f64) -> DecimalResult {
        if value.is_nan() {
            return Ok(Self::NAN);
        }
        if value.is_infinite() {
            return Ok(if value > 0.0 { Self::INFINITY } else { Self::NEG_INFINITY });
        }
        Self::from_scientific(&format!("{value:.14e}"))
    }

    /// A 32-bit float as a decimal, through its 6 significant digits, as PostgreSQL casts.
    pub fn from_f32(value: f32) -> DecimalResult {
        if !value.is_finite() {
            return Self::from_f64(f64::from(value));
        }
        Self::from_scientific(&format!("{value:.5e}"))
    }

    /// Reads `d.ddde±x` as the formatter writes it, without the zeros at the end.
    fn from_scientific(text: &str) -> DecimalResult {
        let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().map_err(|_| DecimalError::Overflow)?;
        let n_fraction = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
        let all: String = digits.chars().filter(|c| *c != '.').collect();
        let mut mantissa: i128 = all.parse().map_err(|_| DecimalError::Overflow)?;
        if mantissa == 0 {
            return Ok(Self::ZERO);
        }
        let mut scale = n_fraction - exponent;
        while mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        if scale >= 0 {
            return Self::try_new(mantissa, scale as u32);
        }
        let mantissa = scale_up(mantissa, scale.unsigned_abs()).ok_or(DecimalError::Overflow)?;
        Self::try_new(mantissa, 0)
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        match self.class() {
            Class::NaN => return f64::NAN,
            Class::Infinity => return f64::INFINITY,
            Class::NegInfinity => return f64::NEG_INFINITY,
            Class::Finite => {}
        }
        let mantissa = self.mantissa();
        if mantissa.unsigned_abs() <= F64_EXACT && self.scale <= F64_EXACT_POW10 {
            // Both operands are exact, so one division rounds once.
            return mantissa as f64 / POW10[self.scale as usize] as f64;
        }
        format!("{mantissa}e-{}", self.scale).parse().unwrap_or(f64::NAN)
    }

    /// The nearest 32-bit float; infinite when it is out of range.
    pub fn to_f32(self) -> f32 {
        match self.class() {
            Class::Finite => {
                format!("{}e-{}", self.mantissa(), self.scale).parse().unwrap_or(f32::NAN)
            }
            _ => self.to_f64() as f32,
        }
    }

    /// The nearest integer, half away from zero; `None` unless finite.
    #[inline]
    pub fn to_i128(self) -> Option<i128> {
        self.is_finite().then(|| scale_down(self.mantissa(), self.scale))
    }

    /// The nearest 64-bit integer, half away from zero; `None` if there is none.
    #[inline]
    pub fn to_i64(self) -> Option<i64> {
        i64::try_from(self.to_i128()?).ok()
    }

    /// Rounded to `places` digits after the point (before it when negative) and shown with that
    /// many.
    pub fn round(self, places: i32) -> DecimalResult {
        self.at_places(places, scale_down)
    }

    /// Cut to `places` digits after the point (before it when negative) and shown with that many.
    pub fn trunc(self, places: i32) -> DecimalResult {
        self.at_places(places, |mantissa, by| POW10.get(by as usize).map_or(0, |p| mantissa / p))
    }

    fn at_places(self, places: i32, cut: impl Fn(i128, u32) -> i128) -> DecimalResult {
        if !self.is_finite() {
            return Ok(self);
        }
        let scale = places.max(0) as u32;
        if places >= 0 && scale >= self.scale {
            let mantissa = scale_up(self.mantissa(), scale - self.scale);
            return Self::try_new(mantissa.ok_or(DecimalError::Overflow)?, scale);
        }
        let by = (i64::from(self.scale) - i64::from(places)).min(i64::from(u32::MAX)) as u32;
        let mantissa = cut(self.mantissa(), by);
        let back = if places < 0 { places.unsigned_abs() } else { 0 };
        Self::try_new(scale_up(mantissa, back).ok_or(DecimalError::Overflow)?, scale)
    }

    /// The smallest integer not below it.
    pub fn ceil(self) -> DecimalResult {
        let whole = self.trunc(0)?;
        if self.is_finite() && whole.cmp_sql(self).is_lt() {
            return whole.checked_add(Self::ONE);
        }
        Ok(whole)
    }

    /// The largest integer not above it.
    pub fn floor(self) -> DecimalResult {
        Ok(self.negate().ceil()?.negate())
    }

    /// As a value of `NUMERIC(precision, scale)`: rounded to the scale, an error 22003 if it then
    /// has more digits before the point than declared.
    pub fn to_declared(self, precision: u8, scale: u8) -> Result<Self, SqlError> {
        let rounded = match self.class() {
            Class::NaN => return Ok(self),
            Class::Finite => self.round(i32::from(scale)).ok(),
            _ => None,
        };
        let limit = POW10.get(usize::from(precision)).copied().unwrap_or(MANTISSA_END);
        match rounded {
            Some(value) if value.mantissa().abs() < limit => Ok(value),
            _ => Err(SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "numeric field overflow")
                .with_hint(self.overflow_hint(precision, scale))),
        }
    }

    fn overflow_hint(self, precision: u8, scale: u8) -> String {
        if !self.is_finite() {
            return format!(
                "A field with precision {precision}, scale {scale} cannot hold an infinite value"
            );
        }
        let whole = i32::from(precision) - i32::from(scale);
        let bound = if whole == 0 { "1".to_owned() } else { format!("10^{whole}") };
        format!(
            "A field with precision {precision}, scale {scale} must round to an absolute value \
             less than {bound}"
        )
    }

    /// The same number with this many digits after the point, which must not cut any but zeros off.
    pub(crate) fn with_scale(self, scale: u32) -> DecimalResult {
        self.round(scale as i32)
    }
}

/// A double rounded half to even, as casts of floats to integers round.
#[inline]
pub fn round_f64_to_even(value: f64) -> f64 {
    value.round_ties_even()
}

/// A 32-bit float rounded half to even, as casts of floats to integers round.
#[inline]
pub fn round_f32_to_even(value: f32) -> f32 {
    value.round_ties_even()
}
