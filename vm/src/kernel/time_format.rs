//! to_char of timestamps and intervals.
//!
//! Invariant: a field that an interval does not have is an error; an infinite timestamp gives NULL.

use arena_tr_types::time::date::{day_of_week, iso_week, split_time, split_timestamp};
use arena_tr_types::time::{
    self, Interval, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SEC, days_from_civil,
    is_infinite,
};
use arena_tr_types::{DataType, Func, SqlError, SqlState, Timestamp};

use super::number_format::ordinal_suffix;
use super::row::{text_opt, text_runs};
use super::time_picture::{Case, DAYS, Field, Item, MONTHS, Picture, ROMAN_MONTHS};
use super::{Call, Kernel, TextOut};

/// The kernel of to_char for timestamps and intervals.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    if func != Func::ToChar {
        return None;
    }
    let zoned = args.first() == Some(&DataType::TimestampTz);
    Some(match args.first()? {
        DataType::Timestamp | DataType::TimestampTz => of_timestamps(zoned),
        DataType::Interval => text_opt(|r, out| {
            if r.str(1).is_empty() {
                return Ok(None);
            }
            out.push(&Parts::of_interval(r.interval(0)).print(&Picture::parse(r.str(1)))?);
            Ok(Some(()))
        }),
        _ => return None,
    })
}

/// A picture that is the same for all rows is parsed once, and times between which it shows no
/// difference are printed once.
fn of_timestamps(zoned: bool) -> Kernel {
    let print = move |picture: &Picture, timestamp: Timestamp, out: &mut TextOut| {
        if is_infinite(timestamp) {
            return Ok(None);
        }
        out.push(&Parts::of_timestamp(timestamp, zoned).print(picture)?);
        Ok(Some(()))
    };
    let each = text_opt(move |r, out| match r.str(1) {
        "" => Ok(None),
        picture => print(&Picture::parse(picture), r.i64(0), out),
    });
    let prepare = |call: &Call<'_>| {
        let text = call.args[1].is_const().then(|| call.text(1, 0)).filter(|t| !t.is_empty())?;
        let picture = Picture::parse(text);
        let unit = picture.unit();
        Some((picture, unit))
    };
    let alike = |(_, unit): &(Picture, i64), timestamp: Timestamp| {
        let start = timestamp - timestamp.rem_euclid(*unit);
        start..start.saturating_add(*unit)
    };
    text_runs(
        prepare,
        alike,
        move |(picture, _), timestamp, out| print(picture, timestamp, out),
        each,
    )
}

/// The fields of a time as to_char sees them.
struct Parts {
    interval: bool,
    zoned: bool,
    /// Of a timestamp, year 0 is 1 BC.
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Days since 1970-01-01; only of timestamps.
    days: i32,
    day_of_year: i64,
}

impl Parts {
    fn of_timestamp(timestamp: Timestamp, zoned: bool) -> Self {
        let (days, in_day) = split_timestamp(timestamp);
        let (year, month, day) = time::civil_from_days(days);
        let (hour, minute, second, micros) = split_time(in_day);
        Self {
            interval: false,
            zoned,
            year: year.into(),
            month: month.into(),
            day: day.into(),
            hour: hour.into(),
            minute: minute.into(),
            second: second.into(),
            micros: micros.into(),
            days,
            day_of_year: i64::from(days - days_from_civil(year, 1, 1)) + 1,
        }
    }

    fn of_interval(interval: Interval) -> Self {
        let (months, days) = (i64::from(interval.months), i64::from(interval.days));
        Self {
            interval: true,
            zoned: false,
            year: months / 12,
            month: months % 12,
            day: days,
            hour: interval.micros / MICROS_PER_HOUR,
            minute: interval.micros / MICROS_PER_MINUTE % 60,
            second: interval.micros / MICROS_PER_SEC % 60,
            micros: interval.micros % MICROS_PER_SEC,
            days: 0,
            day_of_year: months * 30 + days,
        }
    }

    fn print(&self, picture: &Picture) -> Result<String, SqlError> {
        let mut out = String::new();
        for item in &picture.items {
            match item {
                Item::Literal(c) => out.push(*c),
                Item::Field { field, case, fill, ordinal } => {
                    let text = self.field(*field, *case, *fill)?;
                    out.push_str(&text);
                    if let Some(case) =
                        ordinal.filter(|_| text.ends_with(|c: char| c.is_ascii_digit()))
                    {
                        out.push_str(&cased(ordinal_suffix(&text), case));
                    }
                }
            }
        }
        Ok(out)
    }

    /// The year as people count: 1 BC is 1.
    fn counted(&self, year: i64) -> i64 {
        if self.interval || year > 0 { year } else { 1 - year }
    }

    fn field(&self, field: Field, case: Case, fill: bool) -> Result<String, SqlError> {
        let number = |value: i64, width: usize| {
            if fill {
                value.to_string()
            } else {
                format!("{value:0w$}", w = width + usize::from(value < 0))
            }
        };
        Ok(match field {
            Field::Hour12 => number(if self.hour % 12 == 0 { 12 } else { self.hour % 12 }, 2),
            Field::Hour24 => number(self.hour, 2),
            Field::Minute => number(self.minute, 2),
            Field::Second => number(self.second, 2),
            Field::Millisecond => format!("{:03}", self.micros / 1000),
            Field::Microsecond => format!("{:06}", self.micros),
            Field::Fraction(n) => {
                format!("{:0w$}", self.micros / 10_i64.pow(6 - n), w = n as usize)
            }
            Field::SecondOfDay => (self.hour * 3600 + self.minute * 60 + self.second).to_string(),
            Field::HalfDay { dotted } => {
                let name = match (self.hour % 24 >= 12, dotted) {
                    (false, false) => "AM",
                    (false, true) => "A.M.",
                    (true, false) => "PM",
                    (true, true) => "P.M.",
                };
                cased(name, case)
            }
            Field::DayOfYear => number(self.day_of_year, 3),
            // Of an interval it may be negative; the sign takes no extra place here.
            Field::DayOfMonth if !fill => format!("{:02}", self.day),
            Field::DayOfMonth => self.day.to_string(),
            Field::MonthNumber => number(self.month, 2),
            Field::MonthRoman => self.roman_month(case, fill),
            Field::Year(_) | Field::YearComma | Field::Century => self.year_field(field, fill),
            _ if self.interval => return self.interval_field(field, &number),
            _ => self.date_field(field, case, fill, &number),
        })
    }

    fn roman_month(&self, case: Case, fill: bool) -> String {
        if self.month == 0 && (!self.interval || self.year == 0) {
            return String::new();
        }
        let month = match self.month {
            0 if self.year >= 0 => 12,
            0 => 1,
            m if m < 0 => 13 + m,
            m => m,
        };
        let name = cased(ROMAN_MONTHS[(month - 1).rem_euclid(12) as usize], case);
        if fill { name } else { format!("{name:<4}") }
    }

    fn year_field(&self, field: Field, fill: bool) -> String {
        let year = self.counted(self.year);
        let width = |w: usize| if fill { 0 } else { w + usize::from(year < 0) };
        match field {
            Field::YearComma => format!("{},{:03}", year / 1000, year % 1000),
            Field::Year(4) => format!("{year:0w$}", w = width(4)),
            Field::Year(digits) => {
                let modulus = 10_i64.pow(digits as u32);
                format!("{:0w$}", year % modulus, w = width(digits))
            }
            _ => {
                let century = match self.year {
                    y if self.interval => y / 100,
                    y if y > 0 => (y - 1) / 100 + 1,
                    // 1 to 100 BC is century -1.
                    y => y / 100 - 1,
                };
                let w = if fill || century.abs() > 99 { 0 } else { 2 + usize::from(century < 0) };
                format!("{century:0w$}")
            }
        }
    }

    /// Fields that do not need a calendar, or the error that says so.
    fn interval_field(
        &self,
        field: Field,
        number: &impl Fn(i64, usize) -> String,
    ) -> Result<String, SqlError> {
        match field {
            Field::ZoneName => Ok(String::new()),
            Field::WeekOfYear => Ok(number((self.day_of_year - 1) / 7 + 1, 2)),
            Field::Quarter if self.month == 0 => Ok(String::new()),
            Field::Quarter => Ok(((self.month - 1) / 3 + 1).to_string()),
            Field::WeekOfMonth => Ok(((self.day - 1) / 7 + 1).to_string()),
            _ => Err(SqlError::new(
                SqlState::INVALID_DATETIME,
                "invalid format specification for an interval value",
            )
            .with_hint("Intervals are not tied to specific calendar dates.")),
        }
    }

    fn date_field(
        &self,
        field: Field,
        case: Case,
        fill: bool,
        number: &impl Fn(i64, usize) -> String,
    ) -> String {
        let weekday = i64::from(day_of_week(self.days));
        let iso_weekday = if weekday == 0 { 7 } else { weekday };
        let (iso_year, week) = iso_week(self.days);
        let padded = |name: &str| {
            let name = cased(name, case);
            if fill { name } else { format!("{name:<9}") }
        };
        let month = MONTHS[(self.month - 1).rem_euclid(12) as usize];
        let day = DAYS[weekday as usize];
        match field {
            Field::Month => padded(month),
            Field::MonthShort => cased(&month[..3], case),
            Field::Day => padded(day),
            Field::DayShort => cased(&day[..3], case),
            Field::Era { dotted } => {
                let name = match (self.year <= 0, dotted) {
                    (false, false) => "AD",
                    (false, true) => "A.D.",
                    (true, false) => "BC",
                    (true, true) => "B.C.",
                };
                cased(name, case)
            }
            Field::DayOfWeek => (weekday + 1).to_string(),
            Field::IsoDayOfWeek => iso_weekday.to_string(),
            Field::IsoDayOfYear => number((i64::from(week) - 1) * 7 + iso_weekday, 3),
            Field::WeekOfMonth => ((self.day - 1) / 7 + 1).to_string(),
            Field::WeekOfYear => number((self.day_of_year - 1) / 7 + 1, 2),
            Field::IsoWeek => number(week.into(), 2),
            Field::IsoYear(digits) => {
                let year = self.counted(iso_year.into());
                if digits == 4 {
                    number(year, 4)
                } else {
                    number(year % 10_i64.pow(digits as u32), digits)
                }
            }
            Field::Quarter => ((self.month - 1) / 3 + 1).to_string(),
            Field::Julian => {
                (i64::from(self.days) + i64::from(time::date::JULIAN_OF_EPOCH)).to_string()
            }
            Field::ZoneName if self.zoned => cased("UTC", case),
            Field::ZoneName => String::new(),
            Field::ZoneMinutes => "00".into(),
            // The session's zone is UTC.
            _ => "+00".into(),
        }
    }
}

/// A name in the case that its keyword has.
fn cased(name: &str, case: Case) -> String {
    match case {
        Case::Upper => name.to_ascii_uppercase(),
        Case::Lower => name.to_ascii_lowercase(),
        Case::Capital => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
