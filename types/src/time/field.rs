//! Fields of dates and times: `EXTRACT`, `date_part`, `date_trunc`, `date_bin`.
//!
//! `EXTRACT` gives NUMERIC: seconds with six digits after the point, milliseconds with three;
//! `date_part` is the same number as a double.
//! Invariant: a field that a type does not have is an error 0A000, an unknown word an error 22023.

use super::date::{
    Civil, JULIAN_OF_EPOCH, civil_from_days, day_of_week, days_from_civil, iso_week, split_time,
    split_timestamp,
};
use super::shift::check_timestamp;
use super::{
    Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MILLI, MICROS_PER_MINUTE, MICROS_PER_SEC,
    Timestamp, is_infinite, is_infinite_date,
};
use crate::data_type::DataType;
use crate::decimal::Decimal;
use crate::error::{SqlError, SqlState};

/// A field of a date, a time or an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is PostgreSQL's field of its name")]
pub enum DateField {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Dow,
    IsoDow,
    Doy,
    Week,
    Month,
    Quarter,
    Year,
    IsoYear,
    Decade,
    Century,
    Millennium,
    Epoch,
    Julian,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

impl DateField {
    /// The field of this name, in any case and any of PostgreSQL's spellings.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" | "useconds" => {
                Self::Microsecond
            }
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" | "mseconds" => {
                Self::Millisecond
            }
            "second" | "seconds" | "sec" | "secs" | "s" => Self::Second,
            "minute" | "minutes" | "min" | "mins" | "m" => Self::Minute,
            "hour" | "hours" | "hr" | "hrs" | "h" => Self::Hour,
            "day" | "days" | "d" => Self::Day,
            "dow" => Self::Dow,
            "isodow" => Self::IsoDow,
            "doy" => Self::Doy,
            "week" | "weeks" | "w" => Self::Week,
            "month" | "months" | "mon" | "mons" => Self::Month,
            "quarter" | "qtr" => Self::Quarter,
            "year" | "years" | "yr" | "yrs" | "y" => Self::Year,
            "isoyear" => Self::IsoYear,
            "decade" | "decades" | "dec" | "decs" => Self::Decade,
            "century" | "centuries" | "cent" | "c" => Self::Century,
            "millennium" | "millenniums" | "millennia" | "mil" | "mils" => Self::Millennium,
            "epoch" => Self::Epoch,
            "julian" | "jd" | "j" => Self::Julian,
            "timezone" => Self::Timezone,
            "timezone_hour" | "timezone_h" => Self::TimezoneHour,
            "timezone_minute" | "timezone_m" => Self::TimezoneMinute,
            _ => return None,
        })
    }

    /// The field of this name for a value of this type, or the error that says there is none.
    pub fn parse_for(name: &str, data_type: &DataType) -> Result<Self, SqlError> {
        Self::parse(name).ok_or_else(|| {
            SqlError::new(
                SqlState::INVALID_PARAMETER,
                format!("unit \"{name}\" not recognized for type {data_type}"),
            )
        })
    }

    /// Its usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Microsecond => "microseconds",
            Self::Millisecond => "milliseconds",
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Dow => "dow",
            Self::IsoDow => "isodow",
            Self::Doy => "doy",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
            Self::IsoYear => "isoyear",
            Self::Decade => "decade",
            Self::Century => "century",
            Self::Millennium => "millennium",
            Self::Epoch => "epoch",
            Self::Julian => "julian",
            Self::Timezone => "timezone",
            Self::TimezoneHour => "timezone_hour",
            Self::TimezoneMinute => "timezone_minute",
        }
    }

    /// Whether it grows with time without end, so that infinity has a value in it.
    const fn is_monotone(self) -> bool {
        matches!(
            self,
            Self::Year
                | Self::IsoYear
                | Self::Decade
                | Self::Century
                | Self::Millennium
                | Self::Julian
                | Self::Epoch
        )
    }

    /// What the field of `infinity` is: infinite for fields that grow, else NULL.
    fn of_infinity(self, positive: bool) -> Option<Decimal> {
        self.is_monotone().then_some(if positive {
            Decimal::INFINITY
        } else {
            Decimal::NEG_INFINITY
        })
    }
}

fn not_supported(field: DateField, data_type: &DataType) -> SqlError {
    SqlError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("unit \"{}\" not supported for type {data_type}", field.name()),
    )
}

fn whole(value: impl Into<i64>) -> Decimal {
    Decimal::from_i64(value.into())
}

/// Fields of a day; `None` for those that need a time.
fn day_field(field: DateField, days: i32) -> Option<i64> {
    let (year, month, day) = civil_from_days(days);
    Some(match field {
        DateField::Day => day.into(),
        DateField::Month => month.into(),
        DateField::Quarter => ((month - 1) / 3 + 1).into(),
        DateField::Week => iso_week(days).1.into(),
        DateField::Year => era_year(year).into(),
        DateField::IsoYear => era_year(iso_week(days).0).into(),
        DateField::Decade => decade(year).into(),
        DateField::Century => century(year, 100).into(),
        DateField::Millennium => century(year, 1000).into(),
        DateField::Dow => day_of_week(days).into(),
        DateField::IsoDow => match day_of_week(days) {
            0 => 7,
            dow => dow.into(),
        },
        DateField::Doy => (days - days_from_civil(year, 1, 1) + 1).into(),
        _ => return None,
    })
}

/// Years before Christ count -1, -2, ...: there is no year 0.
const fn era_year(year: i32) -> i32 {
    if year > 0 { year } else { year - 1 }
}

const fn decade(year: i32) -> i32 {
    year.div_euclid(10)
}

/// The number of the group of `length` years: the first century is years 1 to 100, the one before
/// is -1.
const fn century(year: i32, length: i32) -> i32 {
    if year > 0 { (year + length - 1) / length } else { -((length - year) / length) }
}

/// Fields of a time of day; `None` for those that need a date.
fn time_field(field: DateField, micros: i64) -> Option<Decimal> {
    let in_minute = micros % MICROS_PER_MINUTE;
    let (hour, minute, _, _) = split_time(micros);
    Some(match field {
        DateField::Microsecond => whole(in_minute),
        DateField::Millisecond => Decimal::new(in_minute.into(), 3),
        DateField::Second => Decimal::new(in_minute.into(), 6),
        DateField::Minute => whole(minute),
        DateField::Hour => whole(hour),
        _ => return None,
    })
}

/// `EXTRACT(field FROM date)`; `None` is NULL.
pub fn extract_date(field: DateField, days: i32) -> Result<Option<Decimal>, SqlError> {
    let supported =
        matches!(field, DateField::Epoch | DateField::Julian) || day_field(field, 0).is_some();
    if !supported {
        return Err(not_supported(field, &DataType::Date));
    }
    if is_infinite_date(days) {
        return Ok(field.of_infinity(days > 0));
    }
    Ok(match field {
        DateField::Epoch => Some(whole(i64::from(days) * (MICROS_PER_DAY / MICROS_PER_SEC))),
        DateField::Julian => Some(whole(i64::from(days) + i64::from(JULIAN_OF_EPOCH))),
        _ => day_field(field, days).map(whole),
    })
}

/// `EXTRACT(field FROM time)`.
pub fn extract_time(field: DateField, micros: i64) -> Result<Decimal, SqlError> {
    if field == DateField::Epoch {
        return Ok(Decimal::new(micros.into(), 6));
    }
    time_field(field, micros).ok_or_else(|| not_supported(field, &DataType::Time))
}

/// `EXTRACT(field FROM timestamp)`; `None` is NULL. A TIMESTAMPTZ (`zoned`) has the time zone
/// fields as well.
pub fn extract_timestamp(
    field: DateField,
    timestamp: Timestamp,
    zoned: bool,
) -> Result<Option<Decimal>, SqlError> {
    use DateField::{Timezone, TimezoneHour, TimezoneMinute};
    let data_type = if zoned { DataType::TimestampTz } else { DataType::Timestamp };
    if matches!(field, Timezone | TimezoneHour | TimezoneMinute) && !zoned {
        return Err(not_supported(field, &data_type));
    }
    if is_infinite(timestamp) {
        return Ok(field.of_infinity(timestamp > 0));
    }
    let (days, micros) = split_timestamp(timestamp);
    Ok(Some(match field {
        DateField::Epoch => Decimal::new(timestamp.into(), 6),
        DateField::Julian => {
            let part = whole(micros).checked_div(whole(MICROS_PER_DAY))?;
            whole(days + JULIAN_OF_EPOCH).checked_add(part)?
        }
        Timezone | TimezoneHour | TimezoneMinute => Decimal::ZERO,
        _ => match day_field(field, days) {
            Some(value) => whole(value),
            None => time_field(field, micros).ok_or_else(|| not_supported(field, &data_type))?,
        },
    }))
}

/// `EXTRACT(field FROM interval)`.
pub fn extract_interval(field: DateField, interval: Interval) -> Result<Decimal, SqlError> {
    let (years, months) = (interval.months / 12, interval.months % 12);
    let micros = interval.micros;
    let in_minute = micros % MICROS_PER_MINUTE;
    Ok(match field {
        DateField::Microsecond => whole(in_minute),
        DateField::Millisecond => Decimal::new(in_minute.into(), 3),
        DateField::Second => Decimal::new(in_minute.into(), 6),
        DateField::Minute => whole(micros / MICROS_PER_MINUTE % 60),
        DateField::Hour => whole(micros / MICROS_PER_HOUR),
        DateField::Day => whole(interval.days),
        DateField::Month => whole(months),
        DateField::Quarter => whole(months / 3 + 1),
        DateField::Year => whole(years),
        DateField::Decade => whole(years / 10),
        DateField::Century => whole(years / 100),
        DateField::Millennium => whole(years / 1000),
        DateField::Epoch => {
            // A year counts 365.25 days and a month 30, in quarters of a day to stay whole.
            let quarters = i128::from(years) * (4 * 365 + 1)
                + i128::from(months) * 120
                + i128::from(interval.days) * 4;
            Decimal::new(quarters * i128::from(MICROS_PER_DAY / 4) + i128::from(micros), 6)
        }
        _ => return Err(not_supported(field, &DataType::Interval)),
    })
}

/// `date_trunc(field, timestamp)`: the start of the field's period that holds the point.
pub fn trunc_timestamp(field: DateField, timestamp: Timestamp) -> Result<Timestamp, SqlError> {
    let step = match field {
        DateField::Microsecond => 1,
        DateField::Millisecond => MICROS_PER_MILLI,
        DateField::Second => MICROS_PER_SEC,
        DateField::Minute => MICROS_PER_MINUTE,
        DateField::Hour => MICROS_PER_HOUR,
        DateField::Day => MICROS_PER_DAY,
        _ => return trunc_to_date(field, timestamp),
    };
    if is_infinite(timestamp) {
        return Ok(timestamp);
    }
    Ok(timestamp - timestamp.rem_euclid(step))
}

fn trunc_to_date(field: DateField, timestamp: Timestamp) -> Result<Timestamp, SqlError> {
    let finite = if is_infinite(timestamp) { 0 } else { timestamp };
    let civil = Civil::from_timestamp(finite);
    let year = civil.year;
    let start = match field {
        DateField::Week => {
            let days = split_timestamp(finite).0;
            days - (day_of_week(days) as i32 + 6) % 7
        }
        DateField::Month => days_from_civil(year, civil.month, 1),
        DateField::Quarter => days_from_civil(year, (civil.month - 1) / 3 * 3 + 1, 1),
        DateField::Year => days_from_civil(year, 1, 1),
        DateField::Decade => days_from_civil(decade(year) * 10, 1, 1),
        DateField::Century => days_from_civil(first_year(year, 100), 1, 1),
        DateField::Millennium => days_from_civil(first_year(year, 1000), 1, 1),
        _ => return Err(not_supported(field, &DataType::Timestamp)),
    };
    if is_infinite(timestamp) {
        return Ok(timestamp);
    }
    check_timestamp(i64::from(start).checked_mul(MICROS_PER_DAY))
}

/// First year of the century or millennium that holds a year.
const fn first_year(year: i32, length: i32) -> i32 {
    if year > 0 {
        (year + length - 1) / length * length - (length - 1)
    } else {
        -((length - year) / length) * length + 1
    }
}

/// `date_trunc(field, interval)`: smaller fields are dropped.
pub fn trunc_interval(field: DateField, interval: Interval) -> Result<Interval, SqlError> {
    let months = |group: i32| Interval::new(interval.months / group * group, 0, 0);
    let time =
        |step: i64| Interval::new(interval.months, interval.days, interval.micros / step * step);
    Ok(match field {
        DateField::Millennium => months(12_000),
        DateField::Century => months(1_200),
        DateField::Decade => months(120),
        DateField::Year => months(12),
        DateField::Quarter => months(3),
        DateField::Month => months(1),
        DateField::Day => Interval::new(interval.months, interval.days, 0),
        DateField::Hour => time(MICROS_PER_HOUR),
        DateField::Minute => time(MICROS_PER_MINUTE),
        DateField::Second => time(MICROS_PER_SEC),
        DateField::Millisecond => time(MICROS_PER_MILLI),
        DateField::Microsecond => interval,
        _ => return Err(not_supported(field, &DataType::Interval)),
    })
}

/// `date_bin(stride, source, origin)`: the start of the bin of width `stride`, aligned to `origin`,
/// that holds `source`.
pub fn date_bin(
    stride: Interval,
    source: Timestamp,
    origin: Timestamp,
) -> Result<Timestamp, SqlError> {
    let overflow = |message: &str| SqlError::new(SqlState::DATETIME_OVERFLOW, message);
    if is_infinite(source) {
        return Ok(source);
    }
    if is_infinite(origin) {
        return Err(overflow("origin out of range"));
    }
    if stride.months != 0 {
        return Err(SqlError::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "timestamps cannot be binned into intervals containing months or years",
        ));
    }
    let width = stride.fixed_micros().ok_or_else(super::interval::out_of_range)?;
    if width <= 0 {
        return Err(overflow("stride must be greater than zero"));
    }
    let distance = i128::from(source) - i128::from(origin);
    let start = i128::from(source) - distance.rem_euclid(width.into());
    check_timestamp(i64::try_from(start).ok())
}
