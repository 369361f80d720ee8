//! INTERVAL: its representation, order and arithmetic with numbers.
//!
//! Invariant: an interval is compared by its length with 30-day months and 24-hour days, so `1
//! month` equals `30 days`; both keep their own fields.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::{DAYS_PER_MONTH, MICROS_PER_DAY, MICROS_PER_SEC};
use crate::error::{SqlError, SqlState};

/// INTERVAL: months, days and microseconds are kept apart, because a month has no fixed number of
/// days. 16 bytes without padding. Compared by its length with 30-day months and 24-hour days, as
/// in PostgreSQL; `PartialEq` compares the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Interval {
    /// Microseconds.
    pub micros: i64,
    /// Days.
    pub days: i32,
    /// Months.
    pub months: i32,
}

const _: () = assert!(size_of::<Interval>() == 16);

/// Seconds in a day, for arithmetic with fractions.
const SECS_PER_DAY: f64 = 86_400.0;

/// The error of an interval that leaves its range.
pub(crate) fn out_of_range() -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, "interval out of range")
}

impl Interval {
    /// An interval of these parts.
    #[inline]
    pub const fn new(months: i32, days: i32, micros: i64) -> Self {
        Self { micros, days, months }
    }

    /// An interval of microseconds alone.
    #[inline]
    pub const fn from_micros(micros: i64) -> Self {
        Self::new(0, 0, micros)
    }

    /// The form in which columns carry it: months, days, microseconds from the highest bits down.
    #[inline]
    pub const fn to_bits(self) -> i128 {
        ((self.months as i128) << 96)
            | ((self.days as u32 as i128) << 64)
            | (self.micros as u64 as i128)
    }

    /// The inverse of [`Interval::to_bits`].
    #[inline]
    pub const fn from_bits(bits: i128) -> Self {
        Self { micros: bits as i64, days: (bits >> 64) as i32, months: (bits >> 96) as i32 }
    }

    /// Its length in microseconds with months of 30 days and days of 24 hours: what comparison
    /// uses.
    #[inline]
    pub const fn length(self) -> i128 {
        let days = self.months as i128 * DAYS_PER_MONTH as i128 + self.days as i128;
        days * MICROS_PER_DAY as i128 + self.micros as i128
    }

    /// Order by length.
    #[inline]
    pub fn cmp_sql(self, other: Self) -> Ordering {
        self.length().cmp(&other.length())
    }

    /// Equality by length.
    #[inline]
    pub fn eq_sql(self, other: Self) -> bool {
        self.length() == other.length()
    }

    /// Feeds the length to a hasher, so that equal intervals hash equal.
    pub fn hash_sql<H: Hasher>(self, state: &mut H) {
        self.length().hash(state);
    }

    /// Microseconds if it has no months, counting days as 24 hours: the width of a window.
    pub fn fixed_micros(self) -> Option<i64> {
        if self.months != 0 {
            return None;
        }
        i64::from(self.days).checked_mul(MICROS_PER_DAY)?.checked_add(self.micros)
    }

    /// The sum, field by field.
    pub fn checked_add(self, rhs: Self) -> Result<Self, SqlError> {
        let sum = || {
            Some(Self {
                micros: self.micros.checked_add(rhs.micros)?,
                days: self.days.checked_add(rhs.days)?,
                months: self.months.checked_add(rhs.months)?,
            })
        };
        sum().ok_or_else(out_of_range)
    }

    /// The difference, field by field.
    pub fn checked_sub(self, rhs: Self) -> Result<Self, SqlError> {
        let difference = || {
            Some(Self {
                micros: self.micros.checked_sub(rhs.micros)?,
                days: self.days.checked_sub(rhs.days)?,
                months: self.months.checked_sub(rhs.months)?,
            })
        };
        difference().ok_or_else(out_of_range)
    }

    /// The same span the other way.
    pub fn checked_neg(self) -> Result<Self, SqlError> {
        Self::default().checked_sub(self)
    }

    /// The interval times a number; fractions of months go to days, fractions of days to time.
    pub fn checked_mul(self, factor: f64) -> Result<Self, SqlError> {
        self.scaled(|part| part * factor)
    }

    /// The interval divided by a number.
    pub fn checked_div(self, divisor: f64) -> Result<Self, SqlError> {
        if divisor == 0.0 {
            return Err(SqlError::division_by_zero());
        }
        self.scaled(|part| part / divisor)
    }

    fn scaled(self, scale: impl Fn(f64) -> f64) -> Result<Self, SqlError> {
        let months_exact = scale(f64::from(self.months));
        let months = to_i32(months_exact)?;
        let days_exact = scale(f64::from(self.days));
        let whole_days = to_i32(days_exact)?;
        let days_of_months =
            round_to_micros((months_exact - f64::from(months)) * DAYS_PER_MONTH as f64);
        let mut seconds =
            (days_exact - f64::from(whole_days) + days_of_months.fract()) * SECS_PER_DAY;
        seconds = round_to_micros(seconds);
        let mut days = whole_days;
        if seconds.abs() >= SECS_PER_DAY {
            let carried = (seconds / SECS_PER_DAY).trunc();
            days = days.checked_add(to_i32(carried)?).ok_or_else(out_of_range)?;
            seconds -= carried * SECS_PER_DAY;
        }
        days = days.checked_add(to_i32(days_of_months)?).ok_or_else(out_of_range)?;
        let micros =
            (scale(self.micros as f64) + seconds * MICROS_PER_SEC as f64).round_ties_even();
        let micros = f64_to_i64(micros).ok_or_else(out_of_range)?;
        Ok(Self { micros, days, months })
    }

    /// Whole days of the time moved to the day field: PostgreSQL's `justify_hours`.
    pub fn justify_hours(self) -> Result<Self, SqlError> {
        let mut days = self
            .days
            .checked_add((self.micros / MICROS_PER_DAY) as i32)
            .ok_or_else(out_of_range)?;
        let mut micros = self.micros % MICROS_PER_DAY;
        if days > 0 && micros < 0 {
            micros += MICROS_PER_DAY;
            days -= 1;
        } else if days < 0 && micros > 0 {
            micros -= MICROS_PER_DAY;
            days += 1;
        }
        Ok(Self { micros, days, months: self.months })
    }

    /// Groups of 30 days moved to the month field: PostgreSQL's `justify_days`.
    pub fn justify_days(self) -> Result<Self, SqlError> {
        let month = DAYS_PER_MONTH as i32;
        let mut months = self.months.checked_add(self.days / month).ok_or_else(out_of_range)?;
        let mut days = self.days % month;
        if months > 0 && days < 0 {
            days += month;
            months -= 1;
        } else if months < 0 && days > 0 {
            days -= month;
            months += 1;
        }
        Ok(Self { micros: self.micros, days, months })
    }

    /// Both, and all fields of one sign: PostgreSQL's `justify_interval`.
    pub fn justify_interval(self) -> Result<Self, SqlError> {
        let mut result = self;
        // Days are brought under a month first where that keeps the carry from overflowing.
        if (result.days > 0 && result.micros > 0) || (result.days < 0 && result.micros < 0) {
            result = result.justify_days_raw()?;
        }
        let carried = (result.micros / MICROS_PER_DAY) as i32;
        result.micros %= MICROS_PER_DAY;
        result.days = result.days.checked_add(carried).ok_or_else(out_of_range)?;
        result = result.justify_days_raw()?;
        let month = DAYS_PER_MONTH as i32;
        if result.months > 0 && (result.days < 0 || (result.days == 0 && result.micros < 0)) {
            result.days += month;
            result.months -= 1;
        } else if result.months < 0 && (result.days > 0 || (result.days == 0 && result.micros > 0))
        {
            result.days -= month;
            result.months += 1;
        }
        if result.days > 0 && result.micros < 0 {
            result.micros += MICROS_PER_DAY;
            result.days -= 1;
        } else if result.days < 0 && result.micros > 0 {
            result.micros -= MICROS_PER_DAY;
            result.days += 1;
        }
        Ok(result)
    }

    /// Groups of 30 days moved to the month field, signs left as they fall.
    fn justify_days_raw(self) -> Result<Self, SqlError> {
        let month = DAYS_PER_MONTH as i32;
        let months = self.months.checked_add(self.days / month).ok_or_else(out_of_range)?;
        Ok(Self { micros: self.micros, days: self.days % month, months })
    }
}

/// Rounded to millionths, which hides the noise of binary fractions.
fn round_to_micros(value: f64) -> f64 {
    (value * 1e6).round_ties_even() / 1e6
}

fn to_i32(value: f64) -> Result<i32, SqlError> {
    if value.is_nan() || value < f64::from(i32::MIN) || value >= -f64::from(i32::MIN) {
        return Err(out_of_range());
    }
    Ok(value as i32)
}

/// A double cut to an integer if it fits.
pub(crate) fn f64_to_i64(value: f64) -> Option<i64> {
    (value >= i64::MIN as f64 && value < -(i64::MIN as f64)).then_some(value as i64)
}
