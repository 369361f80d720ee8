//! The proleptic Gregorian calendar: day numbers to and from year, month, day.
//!
//! Years are astronomical here: year 0 is 1 BC, year -1 is 2 BC.
//! Invariant: every function is total over the days of PostgreSQL's DATE range.

use super::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SEC, Timestamp};

/// Day 0 (1970-01-01) as a Julian day number.
pub const JULIAN_OF_EPOCH: i32 = 2_440_588;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_FROM_MARCH_0: i64 = 719_468;
/// Days in 400 years.
const DAYS_PER_ERA: i64 = 146_097;

/// Days since 1970-01-01 of a civil date. Months outside 1..=12 and days outside the month are not
/// checked.
#[inline]
pub const fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let year = year as i64 - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    // Months counted from March put the leap day at the end of the year.
    let month_from_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i64 - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * DAYS_PER_ERA + day_of_era - EPOCH_FROM_MARCH_0) as i32
}

/// Year, month and day of a day number.
#[inline]
pub const fn civil_from_days(days: i32) -> (i32, u32, u32) {
    let shifted = days as i64 + EPOCH_FROM_MARCH_0;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted - era * DAYS_PER_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year as i32, month as u32, day as u32)
}

/// Whether a year has a 29th of February.
pub const fn is_leap_year(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month of a year.
pub const fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        2 => 28 + is_leap_year(year) as u32,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// 0 for Sunday to 6 for Saturday.
pub const fn day_of_week(days: i32) -> u32 {
    (days as i64 + 4).rem_euclid(7) as u32
}

/// Year and number of the ISO 8601 week that holds a day: weeks start on Monday, and belong to the
/// year of their Thursday.
pub const fn iso_week(days: i32) -> (i32, u32) {
    let monday_based = (days as i64 + 3).rem_euclid(7) as i32;
    let thursday = days - monday_based + 3;
    let (year, _, _) = civil_from_days(thursday);
    let first = days_from_civil(year, 1, 1);
    (year, ((thursday - first) / 7 + 1) as u32)
}

/// A timestamp taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Astronomical year.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999.
    pub micro: u32,
}

impl Civil {
    /// The parts of a finite timestamp.
    pub const fn from_timestamp(timestamp: Timestamp) -> Self {
        let (days, micros) = split_timestamp(timestamp);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second, micro) = split_time(micros);
        Self { year, month, day, hour, minute, second, micro }
    }
}

/// Day number and microseconds within the day of a finite timestamp.
#[inline]
pub const fn split_timestamp(timestamp: Timestamp) -> (i32, i64) {
    (timestamp.div_euclid(MICROS_PER_DAY) as i32, timestamp.rem_euclid(MICROS_PER_DAY))
}

/// Hour, minute, second and microsecond of a time of day.
#[inline]
pub const fn split_time(micros: i64) -> (u32, u32, u32, u32) {
    let hour = micros / MICROS_PER_HOUR;
    let minute = micros / MICROS_PER_MINUTE % 60;
    let second = micros / MICROS_PER_SEC % 60;
    (hour as u32, minute as u32, second as u32, (micros % MICROS_PER_SEC) as u32)
}
