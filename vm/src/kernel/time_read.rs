//! to_timestamp and to_date: a time read through a picture.
//!
//! Blanks and separators match loosely, as in PostgreSQL since version 12; fields that the picture
//! does not name are those of the first day of year 1 BC at midnight.
//! Invariant: a value out of a field's range is an error, never carried into the next field.

use arena_tr_types::time::date::days_in_month;
use arena_tr_types::time::{
    self, Interval, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SEC, days_from_civil,
};
use arena_tr_types::{DataType, Func, SqlError, SqlState, Timestamp};

use super::Kernel;
use super::row::fixed;
use super::time_picture::{DAYS, Field, Item, MONTHS, Picture, ROMAN_MONTHS};

/// The kernel of to_timestamp(text, picture) or to_date.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    match func {
        Func::ToTimestamp if args.len() == 2 => Some(fixed(|r| read(r.str(0), r.str(1)))),
        Func::ToDate => Some(fixed(|r| Ok(time::timestamp_to_date(read(r.str(0), r.str(1))?)))),
        _ => None,
    }
}

/// What was read so far.
#[derive(Debug, Default)]
struct Fields {
    year: Option<i64>,
    /// `YY` was written: the century is the nearest to 2020.
    short_year: bool,
    century: Option<i64>,
    iso_year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    week: Option<i64>,
    iso_week: Option<i64>,
    week_of_month: Option<i64>,
    weekday: Option<i64>,
    julian: Option<i64>,
    hour: Option<i64>,
    hour12: bool,
    minute: i64,
    second: i64,
    micros: i64,
    second_of_day: Option<i64>,
    afternoon: Option<bool>,
    bc: bool,
    zone_sign: i64,
    zone_hours: i64,
    zone_minutes: i64,
}

fn read(input: &str, picture: &str) -> Result<Timestamp, SqlError> {
    let picture = Picture::parse(picture);
    let mut reader =
        Reader { input, rest: input, fields: Fields { zone_sign: 1, ..Fields::default() } };
    reader.run(&picture)?;
    let fields = &reader.fields;
    let zone = fields.zone_sign
        * (fields.zone_hours * MICROS_PER_HOUR + fields.zone_minutes * MICROS_PER_MINUTE);
    let micros = fields.time(input)?;
    let days = fields.date(input)?;
    let midnight = time::date_to_timestamp(i32::try_from(days).map_err(|_| out_of_range(input))?)?;
    time::timestamp_plus_interval(midnight, Interval::from_micros(micros - zone))
}

fn out_of_range(input: &str) -> SqlError {
    SqlError::new(
        SqlState::DATETIME_OVERFLOW,
        format!("date/time field value out of range: \"{input}\""),
    )
}

fn invalid(message: String) -> SqlError {
    SqlError::new(SqlState::INVALID_DATETIME, message)
}

struct Reader<'a> {
    input: &'a str,
    rest: &'a str,
    fields: Fields,
}

fn is_separator(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !c.is_ascii_control()
}

impl<'a> Reader<'a> {
    fn run(&mut self, picture: &Picture) -> Result<(), SqlError> {
        for (i, item) in picture.items.iter().enumerate() {
            match item {
                Item::Literal(c) => self.literal(*c, picture.exact)?,
                Item::Field { field, fill, ordinal, .. } => {
                    if !picture.exact {
                        self.skip_blanks();
                    }
                    if self.rest.is_empty() {
                        return Ok(());
                    }
                    // A field that a separator (or nothing) follows takes all its digits.
                    let next = picture.items.get(i + 1);
                    let alone = match next {
                        None => true,
                        Some(Item::Literal(c)) => !c.is_ascii_digit(),
                        Some(Item::Field { field, .. }) => !starts_with_digit(*field),
                    };
                    self.field(*field, *fill || alone)?;
                    if ordinal.is_some() {
                        let n = self.rest.char_indices().nth(2).map_or(self.rest.len(), |(n, _)| n);
                        self.rest = &self.rest[n..];
                    }
                }
            }
        }
        Ok(())
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
    }

    /// A separator of the picture matches any separators; another character takes one of the input.
    fn literal(&mut self, c: char, exact: bool) -> Result<(), SqlError> {
        if c.is_ascii_whitespace() && !exact {
            self.skip_blanks();
        }
        let Some(next) = self.rest.chars().next() else { return Ok(()) };
        if exact && is_separator(c) && next != c {
            return Err(invalid(format!("unmatched format separator \"{c}\"")));
        }
        if !exact && is_separator(c) {
            self.skip_blanks();
            // A sign belongs to the number behind it, unless the picture has a separator here too.
            if let Some(next) = self.rest.chars().next()
                && is_separator(next)
                && !c.is_ascii_whitespace()
            {
                self.rest = &self.rest[next.len_utf8()..];
            }
            return Ok(());
        }
        self.rest = &self.rest[next.len_utf8()..];
        Ok(())
    }

    /// A whole number of at most `width` digits, or of any length.
    fn number(&mut self, width: usize, any_length: bool, name: &str) -> Result<i64, SqlError> {
        let signed = self.rest.starts_with(['-', '+']);
        let digits =
            self.rest[usize::from(signed)..].bytes().take_while(u8::is_ascii_digit).count();
        let digits = if any_length { digits } else { digits.min(width) };
        let (text, rest) = self.rest.split_at(usize::from(signed) + digits);
        let value = text.parse().ok().filter(|_| digits > 0).ok_or_else(|| {
            let shown: String = self.rest.chars().take(width).collect();
            invalid(format!("invalid value \"{shown}\" for \"{name}\""))
        })?;
        self.rest = rest;
        Ok(value)
    }

    /// One of these names, in any case; its position.
    fn name(
        &mut self,
        names: &[&str],
        length: Option<usize>,
        field: &str,
    ) -> Result<i64, SqlError> {
        // Longer names first: VIII before V.
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse(names[*i].len()));
        for i in order {
            let name = length.map_or(names[i], |n| &names[i][..n]);
            if self.rest.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name)) {
                self.rest = &self.rest[name.len()..];
                return Ok(i as i64);
            }
        }
        let word: String = self.rest.chars().take_while(|c| !c.is_whitespace()).collect();
        Err(invalid(format!("invalid value \"{word}\" for \"{field}\"")))
    }

    /// Digits of a fraction of a second, in microseconds.
    fn fraction(&mut self, width: usize, name: &str) -> Result<i64, SqlError> {
        let before = self.rest.len();
        let value = self.number(width, false, name)?;
        let digits = (before - self.rest.len()).min(6) as u32;
        // Digits beyond the sixth are lost.
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        Ok(value * 10_i64.pow(6 - digits))
    }

    fn field(&mut self, field: Field, any: bool) -> Result<(), SqlError> {
        match field {
            Field::Hour12 => {
                self.fields.hour = Some(self.number(2, any, "HH12")?);
                self.fields.hour12 = true;
            }
            Field::Hour24 => {
                self.fields.hour = Some(self.number(2, any, "HH24")?);
                self.fields.hour12 = false;
            }
            Field::Minute => self.fields.minute = self.number(2, any, "MI")?,
            Field::Second => self.fields.second = self.number(2, any, "SS")?,
            Field::Millisecond => self.fields.micros = self.fraction(3, "MS")?,
            Field::Microsecond => self.fields.micros = self.fraction(6, "US")?,
            Field::Fraction(n) => self.fields.micros = self.fraction(n as usize, "FF")?,
            Field::SecondOfDay => {
                self.fields.second_of_day = Some(self.number(5, any, "SSSSS")?);
            }
            Field::HalfDay { dotted } => {
                let names = if dotted { ["A.M.", "P.M."] } else { ["AM", "PM"] };
                self.fields.afternoon = Some(self.name(&names, None, "AM")? == 1);
            }
            Field::Era { dotted } => {
                let names = if dotted { ["A.D.", "B.C."] } else { ["AD", "BC"] };
                self.fields.bc = self.name(&names, None, "BC")? == 1;
            }
            Field::ZoneHours => {
                let negative = self.rest.starts_with('-');
                self.rest = self.rest.strip_prefix(['-', '+', ' ']).unwrap_or(self.rest);
                self.fields.zone_sign = if negative { -1 } else { 1 };
                self.fields.zone_hours = self.number(2, any, "TZH")?;
            }
            Field::ZoneMinutes => self.fields.zone_minutes = self.number(2, any, "TZM")?,
            Field::ZoneName | Field::ZoneOffset => {
                let name = if field == Field::ZoneName { "TZ" } else { "OF" };
                let what = "is only supported in to_char";
                return Err(SqlError::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!("formatting field \"{name}\" {what}"),
                ));
            }
            _ => return self.date_field(field, any),
        }
        Ok(())
    }

    fn date_field(&mut self, field: Field, any: bool) -> Result<(), SqlError> {
        match field {
            Field::Month => self.fields.month = Some(self.name(&MONTHS, None, "MONTH")? + 1),
            Field::MonthShort => self.fields.month = Some(self.name(&MONTHS, Some(3), "MON")? + 1),
            Field::MonthRoman => {
                self.fields.month = Some(self.name(&ROMAN_MONTHS, None, "RM")? + 1)
            }
            Field::MonthNumber => self.fields.month = Some(self.number(2, any, "MM")?),
            Field::Day => self.fields.weekday = Some(self.name(&DAYS, None, "DAY")?),
            Field::DayShort => self.fields.weekday = Some(self.name(&DAYS, Some(3), "DY")?),
            Field::DayOfMonth => self.fields.day = Some(self.number(2, any, "DD")?),
            Field::DayOfYear => self.fields.day_of_year = Some(self.number(3, any, "DDD")?),
            Field::IsoDayOfYear => {
                let day = self.number(3, any, "IDDD")?;
                self.fields.iso_week = Some((day - 1).div_euclid(7) + 1);
                self.fields.weekday = Some(day.rem_euclid(7));
            }
            Field::DayOfWeek => self.fields.weekday = Some(self.number(1, any, "D")? - 1),
            Field::IsoDayOfWeek => self.fields.weekday = Some(self.number(1, any, "ID")? % 7),
            Field::WeekOfYear => self.fields.week = Some(self.number(2, any, "WW")?),
            Field::IsoWeek => self.fields.iso_week = Some(self.number(2, any, "IW")?),
            Field::WeekOfMonth => self.fields.week_of_month = Some(self.number(1, any, "W")?),
            // Read and not used, as PostgreSQL does.
            Field::Quarter => {
                self.number(1, any, "Q")?;
            }
            Field::Century => self.fields.century = Some(self.number(2, any, "CC")?),
            Field::Julian => self.fields.julian = Some(self.number(10, any, "J")?),
            Field::YearComma => {
                let thousands = self.number(6, true, "Y,YYY")?;
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                self.fields.year = Some(thousands * 1000 + self.number(3, false, "Y,YYY")?);
            }
            Field::Year(width) => {
                let before = self.rest.len();
                let value = self.number(width, any, "YYYY")?;
                let digits = before - self.rest.len();
                self.fields.short_year = width < 4 && digits < 4;
                let short = self.fields.short_year;
                self.fields.year = Some(if short { near_2020(value, digits) } else { value });
            }
            Field::IsoYear(width) => {
                let before = self.rest.len();
                let value = self.number(width, any, "IYYY")?;
                let digits = before - self.rest.len();
                let short = width < 4 && digits < 4;
                self.fields.iso_year = Some(if short { near_2020(value, digits) } else { value });
            }
            _ => {}
        }
        if self.rest.len() > self.input.len() {
            return Err(out_of_range(self.input));
        }
        Ok(())
    }
}

/// A field whose text begins with a digit.
fn starts_with_digit(field: Field) -> bool {
    !matches!(
        field,
        Field::HalfDay { .. }
            | Field::Era { .. }
            | Field::Month
            | Field::MonthShort
            | Field::MonthRoman
            | Field::Day
            | Field::DayShort
            | Field::ZoneName
            | Field::ZoneHours
            | Field::ZoneOffset
    )
}

/// A year of fewer than four digits is the one nearest to 2020: 70 to 99 are 1970 to 1999.
fn near_2020(year: i64, digits: usize) -> i64 {
    match (digits, year) {
        (_, 0..=69) => year + 2000,
        (_, 70..=99) => year + 1900,
        (_, 100..=519) => year + 2000,
        (_, 520..=999) => year + 1000,
        _ => year,
    }
}

impl Fields {
    /// Microseconds since midnight.
    fn time(&self, input: &str) -> Result<i64, SqlError> {
        let (mut hour, mut minute, mut second) = (self.hour.unwrap_or(0), self.minute, self.second);
        if let Some(total) = self.second_of_day {
            (hour, minute, second) = (total / 3600, total / 60 % 60, total % 60);
        }
        if self.hour12 {
            if !(1..=12).contains(&hour) {
                let hint = "Use the 24-hour clock, or give an hour between 1 and 12.";
                let message = format!("hour \"{hour}\" is invalid for the 12-hour clock");
                return Err(invalid(message).with_hint(hint));
            }
            hour = match self.afternoon {
                Some(true) => hour % 12 + 12,
                Some(false) => hour % 12,
                None => hour,
            };
        }
        let ok = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        if !ok || !(0..MICROS_PER_SEC).contains(&self.micros) {
            return Err(out_of_range(input));
        }
        Ok(hour * MICROS_PER_HOUR
            + minute * MICROS_PER_MINUTE
            + second * MICROS_PER_SEC
            + self.micros)
    }

    /// The year, with 0 for 1 BC.
    fn civil_year(&self) -> i64 {
        let mut year = match (self.year, self.century) {
            (Some(year), Some(century)) if self.short_year => {
                century * 100 - if year % 100 == 0 { 0 } else { 100 } + year % 100
            }
            (Some(year), _) => year,
            (None, Some(century)) => century * 100 - 99,
            (None, None) => 0,
        };
        if year < 0 {
            year += 1;
        } else if self.bc && year > 0 {
            year = 1 - year;
        }
        year
    }

    /// Days since 1970-01-01.
    fn date(&self, input: &str) -> Result<i64, SqlError> {
        let bad = || out_of_range(input);
        if let Some(julian) = self.julian {
            return Ok(julian - i64::from(time::date::JULIAN_OF_EPOCH));
        }
        let in_range = |year: i64| {
            i32::try_from(year).ok().filter(|y| (-4713..=5_874_897).contains(y)).ok_or_else(bad)
        };
        if let Some(week) = self.iso_week.or(self.iso_year.map(|_| 1)) {
            let year = in_range(self.iso_year.unwrap_or_else(|| self.civil_year()))?;
            if !(1..=53).contains(&week) {
                return Err(bad());
            }
            // The week that holds 4 January is week 1; Monday is its first day.
            let fourth = i64::from(days_from_civil(year, 1, 4));
            let monday = fourth - (fourth + 3).rem_euclid(7);
            let weekday = self.weekday.map_or(0, |d| (d + 6).rem_euclid(7));
            return Ok(monday + (week - 1) * 7 + weekday);
        }
        let year = in_range(self.civil_year())?;
        let day_of_year = self.day_of_year.or(self.week.map(|week| (week - 1) * 7 + 1));
        if let (Some(day), None) = (day_of_year, self.month) {
            let length = if time::date::is_leap_year(year) { 366 } else { 365 };
            if !(1..=length).contains(&day) {
                return Err(bad());
            }
            return Ok(i64::from(days_from_civil(year, 1, 1)) + day - 1);
        }
        let month = u32::try_from(self.month.unwrap_or(1)).map_err(|_| bad())?;
        let day = self.day.or(self.week_of_month.map(|w| (w - 1) * 7 + 1)).unwrap_or(1);
        let day = u32::try_from(day).map_err(|_| bad())?;
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
            return Err(bad());
        }
        Ok(days_from_civil(year, month, day).into())
    }
}

#[cfg(test)]
mod tests;
