//! NUMERIC: exact decimals that keep their own scale, as PostgreSQL's do.
//!
//! A value is a 128-bit mantissa and a count of digits after the point, so `1.0` and `1.00` are
//! equal but print differently. `arith` computes with PostgreSQL's result scales, `convert`
//! rounds and meets the other number types, `text` reads and prints, `math` has roots and
//! divisors. Failures are a [`DecimalError`] of one byte, so that loops over rows do
//! not carry strings.
//! Invariant: for a finite value `|mantissa| < 10^38` and `scale <= 1000`; for the others both are
//! zero.

mod arith;
mod convert;
mod math;
#[cfg(test)]
mod tests;
mod text;
mod wide;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::error::{SqlError, SqlState};

pub use convert::{round_f32_to_even, round_f64_to_even};

/// A NUMERIC value. 24 bytes, aligned to 8, no padding that is not zero, so it can live in a chunk.
///
/// `PartialEq` compares the representation; SQL's equality is [`Decimal::eq_sql`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Decimal {
    lo: u64,
    hi: i64,
    scale: u32,
    class: u32,
}

/// What kind of number a [`Decimal`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An ordinary number.
    Finite,
    /// Not a number; equal to itself and greater than all others, as in PostgreSQL.
    NaN,
    /// Greater than every finite number.
    Infinity,
    /// Smaller than every finite number.
    NegInfinity,
}

/// Why a computation with decimals has no result. One byte; becomes a [`SqlError`] through `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalError {
    /// The result has more than 38 digits.
    Overflow,
    /// The divisor is zero.
    DivisionByZero,
    /// Square root of a negative number.
    NegativeRoot,
    /// Logarithm of zero.
    LogOfZero,
    /// Logarithm of a negative number.
    LogOfNegative,
    /// Zero to a negative power.
    ZeroToNegative,
    /// A negative number to a power that is not an integer.
    NegativeToFraction,
}

impl From<DecimalError> for SqlError {
    fn from(error: DecimalError) -> Self {
        let (state, message) = match error {
            DecimalError::Overflow => {
                (SqlState::NUMERIC_OUT_OF_RANGE, "numeric value exceeds 38 digits")
            }
            DecimalError::DivisionByZero => (SqlState::DIVISION_BY_ZERO, "division by zero"),
            DecimalError::NegativeRoot => {
                (SqlState::INVALID_POWER, "cannot take square root of a negative number")
            }
            DecimalError::LogOfZero => (SqlState::INVALID_LOG, "cannot take logarithm of zero"),
            DecimalError::LogOfNegative => {
                (SqlState::INVALID_LOG, "cannot take logarithm of a negative number")
            }
            DecimalError::ZeroToNegative => {
                (SqlState::INVALID_POWER, "zero raised to a negative power is undefined")
            }
            DecimalError::NegativeToFraction => (
                SqlState::INVALID_POWER,
                "a negative number raised to a non-integer power yields a complex result",
            ),
        };
        Self::new(state, message)
    }
}

impl fmt::Display for DecimalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SqlError::from(*self).message)
    }
}

impl std::error::Error for DecimalError {}

/// A decimal or the reason why there is none.
pub type DecimalResult = Result<Decimal, DecimalError>;

/// Every mantissa is smaller than this in magnitude.
pub const MANTISSA_END: i128 = POW10[38];
/// Largest scale: PostgreSQL's largest display scale.
pub const SCALE_MAX: u32 = 1000;
/// `10^i` for every `i` that a mantissa can hold.
pub const POW10: [i128; 39] = pow10_table();

const NAN_CLASS: u32 = 1;
const INFINITY_CLASS: u32 = 2;
const NEG_INFINITY_CLASS: u32 = 3;

const _: () = assert!(size_of::<Decimal>() == 24 && align_of::<Decimal>() == 8);

const fn pow10_table() -> [i128; 39] {
    let mut table = [1i128; 39];
    let mut i = 1;
    while i < table.len() {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
}

impl Decimal {
    /// Zero with no digits after the point.
    pub const ZERO: Self = Self::new(0, 0);
    /// One with no digits after the point.
    pub const ONE: Self = Self::new(1, 0);
    /// Not a number.
    pub const NAN: Self = Self::special(NAN_CLASS);
    /// Positive infinity.
    pub const INFINITY: Self = Self::special(INFINITY_CLASS);
    /// Negative infinity.
    pub const NEG_INFINITY: Self = Self::special(NEG_INFINITY_CLASS);

    /// `mantissa * 10^-scale`. The caller knows that the mantissa has at most 38 digits; otherwise
    /// [`Decimal::try_new`].
    #[inline]
    pub const fn new(mantissa: i128, scale: u32) -> Self {
        Self { lo: mantissa as u64, hi: (mantissa >> 64) as i64, scale, class: 0 }
    }

    /// `mantissa * 10^-scale` if it has at most 38 digits and an admissible scale.
    #[inline]
    pub const fn try_new(mantissa: i128, scale: u32) -> DecimalResult {
        if mantissa >= MANTISSA_END || mantissa <= -MANTISSA_END || scale > SCALE_MAX {
            return Err(DecimalError::Overflow);
        }
        Ok(Self::new(mantissa, scale))
    }

    const fn special(class: u32) -> Self {
        Self { lo: 0, hi: 0, scale: 0, class }
    }

    /// The digits without the point. Zero unless finite.
    #[inline]
    pub const fn mantissa(self) -> i128 {
        ((self.hi as i128) << 64) | self.lo as i128
    }

    /// Digits after the point.
    #[inline]
    pub const fn scale(self) -> u32 {
        self.scale
    }

    /// The value as three words: how rows in chunks and encoded values hold it.
    #[inline]
    pub const fn to_words(self) -> [u64; 3] {
        [self.lo, self.hi.cast_unsigned(), (self.class as u64) << 32 | self.scale as u64]
    }

    /// The value whose words these are.
    #[inline]
    pub const fn from_words(words: [u64; 3]) -> Self {
        let [lo, hi, tail] = words;
        Self { lo, hi: hi.cast_signed(), scale: tail as u32, class: (tail >> 32) as u32 }
    }

    /// What kind of number it is.
    #[inline]
    pub const fn class(self) -> Class {
        match self.class {
            0 => Class::Finite,
            NAN_CLASS => Class::NaN,
            INFINITY_CLASS => Class::Infinity,
            _ => Class::NegInfinity,
        }
    }

    /// Whether it is an ordinary number.
    #[inline]
    pub const fn is_finite(self) -> bool {
        self.class == 0
    }

    /// Whether it is not a number.
    #[inline]
    pub const fn is_nan(self) -> bool {
        self.class == NAN_CLASS
    }

    /// Whether it is the number zero, at any scale.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.class == 0 && self.lo == 0 && self.hi == 0
    }

    /// -1, 0 or 1; 0 for NaN.
    #[inline]
    pub const fn signum(self) -> i32 {
        match self.class {
            0 if self.hi < 0 => -1,
            0 => !(self.lo == 0 && self.hi == 0) as i32,
            INFINITY_CLASS => 1,
            NEG_INFINITY_CLASS => -1,
            _ => 0,
        }
    }

    /// The mantissa if it fits 64 bits: what the fast paths of arithmetic ask first.
    #[inline]
    pub(crate) const fn small(self) -> Option<i64> {
        if self.hi == (self.lo as i64) >> 63 { Some(self.lo as i64) } else { None }
    }

    /// The same number with the fewest digits after the point. Equal numbers have equal normal
    /// forms, so this is what hashing and encoding of keys use.
    #[must_use]
    pub fn normalize(self) -> Self {
        if self.scale == 0 || !self.is_finite() {
            return self;
        }
        let (mut mantissa, mut scale) = (self.mantissa(), self.scale);
        if mantissa == 0 {
            return Self::ZERO;
        }
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Self::new(mantissa, scale)
    }

    /// Total order by value: `-Infinity`, the numbers, `Infinity`, `NaN`; NaN equals itself.
    #[inline]
    pub fn cmp_sql(self, other: Self) -> Ordering {
        if self.class | other.class != 0 {
            return self.rank().cmp(&other.rank());
        }
        if self.scale == other.scale {
            return match (self.small(), other.small()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => self.mantissa().cmp(&other.mantissa()),
            };
        }
        self.cmp_scaled(other)
    }

    /// Equality by value: `1.0 = 1.00`.
    #[inline]
    pub fn eq_sql(self, other: Self) -> bool {
        self.cmp_sql(other) == Ordering::Equal
    }

    /// Feeds the value to a hasher so that numbers equal under [`Decimal::eq_sql`] hash equal.
    pub fn hash_sql<H: Hasher>(self, state: &mut H) {
        let normal = self.normalize();
        normal.mantissa().hash(state);
        (normal.scale ^ (normal.class << 30)).hash(state);
    }

    /// Place among the classes, for comparison when one side is not finite.
    fn rank(self) -> u8 {
        match self.class() {
            Class::NegInfinity => 0,
            Class::Finite => 1,
            Class::Infinity => 2,
            Class::NaN => 3,
        }
    }

    /// Compares finite numbers of different scales. Scaling the coarser one up can only overflow
    /// beyond every mantissa, and then its sign decides.
    fn cmp_scaled(self, other: Self) -> Ordering {
        let (a, b) = (self.mantissa(), other.mantissa());
        if self.scale < other.scale {
            match scale_up(a, other.scale - self.scale) {
                Some(a) => a.cmp(&b),
                None => a.cmp(&0),
            }
        } else {
            match scale_up(b, self.scale - other.scale) {
                Some(b) => a.cmp(&b),
                None => 0.cmp(&b),
            }
        }
    }
}

/// `mantissa * 10^by` if it fits 128 bits.
#[inline]
pub(crate) fn scale_up(mantissa: i128, by: u32) -> Option<i128> {
    if mantissa == 0 {
        return Some(0);
    }
    mantissa.checked_mul(*POW10.get(by as usize)?)
}

/// `mantissa / 10^by`, rounded half away from zero.
pub(crate) fn scale_down(mantissa: i128, by: u32) -> i128 {
    let Some(&divisor) = POW10.get(by as usize) else { return 0 };
    let (quotient, remainder) = (mantissa / divisor, mantissa % divisor);
    if remainder.unsigned_abs() * 2 >= divisor.unsigned_abs() && by > 0 {
        quotient + mantissa.signum()
    } else {
        quotient
    }
}

/// How many decimal digits a magnitude has; 0 for zero.
pub(crate) fn n_digits(magnitude: u128) -> u32 {
    magnitude.checked_ilog10().map_or(0, |log| log + 1)
}
