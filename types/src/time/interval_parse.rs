//! Reading of INTERVAL in PostgreSQL's verbose, SQL standard and ISO 8601 forms.
//!
//! Tokens are read from right to left, because a unit follows its number. Years and months, days,
//! and microseconds are gathered apart; a fraction of a unit goes down to the next smaller field.
//! Invariant: each unit occurs at most once; a field that overflows is an error 22015, the whole an
//! error 22008.

use super::decode::{Fault, parse_fraction, split_clock};
use super::interval::out_of_range;
use super::parse::fault_error;
use super::token::{Kind, SpanWord, Token, span_word, tokenize};
use super::{
    DAYS_PER_MONTH, Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MILLI, MICROS_PER_MINUTE,
    MICROS_PER_SEC, MONTHS_PER_YEAR,
};
use crate::error::{SqlError, SqlState};

/// A unit of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is PostgreSQL's unit of its name")]
pub enum IntervalUnit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

impl IntervalUnit {
    /// The unit of this name, in any case and any of PostgreSQL's spellings.
    pub fn parse(name: &str) -> Option<Self> {
        match span_word(&name.to_ascii_lowercase()) {
            Some(SpanWord::Unit(unit)) => Some(unit),
            _ => None,
        }
    }
}

/// The fields of an interval literal's type: `INTERVAL '5' SECOND`, `INTERVAL '1 2:03' DAY TO
/// MINUTE`, `INTERVAL '1.234' SECOND(2)`. The last field says what a bare number is and what is cut
/// off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IntervalFields {
    /// The field before TO, or the only one.
    pub leading: Option<IntervalUnit>,
    /// The field after TO.
    pub last: Option<IntervalUnit>,
    /// Digits of the seconds' fraction to keep, 0 to 6.
    pub precision: Option<u8>,
}

impl IntervalFields {
    /// The smallest field, `None` when all are wanted.
    fn smallest(self) -> Option<IntervalUnit> {
        self.last.or(self.leading)
    }

    /// Whether a time with one colon is minutes and seconds.
    fn is_minute_to_second(self) -> bool {
        self.leading == Some(IntervalUnit::Minute) && self.last == Some(IntervalUnit::Second)
    }

    /// The unit of a number that names none.
    fn default_unit(self) -> IntervalUnit {
        self.smallest().unwrap_or(IntervalUnit::Second)
    }
}

/// One bit per unit that has been read.
type Mask = u16;

const fn bit(unit: IntervalUnit) -> Mask {
    1 << unit as u16
}

/// The units of a time with colons: all under a day.
const TIME: Mask = SECONDS | bit(IntervalUnit::Minute) | bit(IntervalUnit::Hour);
/// Seconds with a fraction stand for their parts as well.
const SECONDS: Mask =
    bit(IntervalUnit::Second) | bit(IntervalUnit::Millisecond) | bit(IntervalUnit::Microsecond);

/// What has been gathered.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
}

impl Interval {
    /// Reads an INTERVAL.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        Self::parse_fields(text, IntervalFields::default())
    }

    /// Reads the text of an interval literal whose type names fields, and cuts off what is smaller.
    pub fn parse_fields(text: &str, fields: IntervalFields) -> Result<Self, SqlError> {
        let sum = match parse_tokens(text, fields) {
            Err(Fault::Format) => parse_iso(text.trim()),
            result => result,
        };
        let sum = sum.map_err(|fault| match fault {
            Fault::Range => SqlError::new(
                SqlState::INTERVAL_OVERFLOW,
                format!("interval field value out of range: \"{text}\""),
            ),
            _ => fault_error(Fault::Format, "interval", text),
        })?;
        sum.interval()?.to_fields(fields)
    }

    /// Cuts off the fields that a type does not have, and rounds the seconds' fraction to its
    /// precision.
    pub fn to_fields(self, fields: IntervalFields) -> Result<Self, SqlError> {
        let mut result = self;
        let cut = |micros: i64, step: i64| micros / step * step;
        match fields.smallest() {
            Some(IntervalUnit::Year) => {
                let months = self.months / MONTHS_PER_YEAR * MONTHS_PER_YEAR;
                result = Self::new(months, 0, 0);
            }
            Some(IntervalUnit::Month) => result = Self::new(self.months, 0, 0),
            Some(IntervalUnit::Day) => result.micros = 0,
            Some(IntervalUnit::Hour) => result.micros = cut(self.micros, MICROS_PER_HOUR),
            Some(IntervalUnit::Minute) => result.micros = cut(self.micros, MICROS_PER_MINUTE),
            _ => {}
        }
        if let Some(precision) = fields.precision
            && precision < 6
        {
            let step = 10i64.pow(6 - u32::from(precision));
            let half = if result.micros < 0 { -step / 2 } else { step / 2 };
            let raised = result.micros.checked_add(half).ok_or_else(out_of_range)?;
            result.micros = cut(raised, step);
        }
        Ok(result)
    }
}

fn parse_tokens(text: &str, fields: IntervalFields) -> Result<Sum, Fault> {
    let tokens = tokenize(text).ok_or(Fault::Format)?;
    let mut sum = Sum::default();
    let mut seen: Mask = 0;
    let mut unit = None;
    let mut ago = false;
    for token in tokens.iter().rev() {
        let read = match token.kind {
            Kind::Word | Kind::SignedWord => {
                match span_word(&token.text).ok_or(Fault::Format)? {
                    SpanWord::Unit(named) => unit = Some(named),
                    SpanWord::Ago => {
                        ago = true;
                        unit = None;
                    }
                    SpanWord::Ignore => {}
                }
                0
            }
            Kind::Time => {
                sum.add_clock(&token.text, false, fields)?;
                unit = Some(IntervalUnit::Day);
                TIME
            }
            Kind::Signed if token.text.contains(':') => {
                sum.add_clock(&token.text[1..], token.text.starts_with('-'), fields)?;
                // `1 +02:03`: what stands before a time is days.
                unit = Some(IntervalUnit::Day);
                TIME
            }
            Kind::Signed | Kind::Date | Kind::Number => {
                let (read, next) = sum.add_number(token, unit, fields)?;
                unit = Some(next);
                read
            }
        };
        if seen & read != 0 {
            return Err(Fault::Format);
        }
        seen |= read;
    }
    if seen == 0 {
        return Err(Fault::Format);
    }
    if ago { sum.negated() } else { Ok(sum) }
}

impl Sum {
    fn interval(self) -> Result<Interval, SqlError> {
        let months = i64::from(self.years) * i64::from(MONTHS_PER_YEAR) + i64::from(self.months);
        let months = i32::try_from(months).map_err(|_| out_of_range())?;
        Ok(Interval::new(months, self.days, self.micros))
    }

    fn negated(self) -> Result<Self, Fault> {
        let negated = || {
            Some(Self {
                years: self.years.checked_neg()?,
                months: self.months.checked_neg()?,
                days: self.days.checked_neg()?,
                micros: self.micros.checked_neg()?,
            })
        };
        negated().ok_or(Fault::Range)
    }

    /// Adds a time with colons.
    fn add_clock(
        &mut self,
        text: &str,
        negative: bool,
        fields: IntervalFields,
    ) -> Result<(), Fault> {
        let (mut hour, mut minute, mut second, fraction) = split_clock(text)?;
        if fields.is_minute_to_second() && text.matches(':').count() == 1 && !text.contains('.') {
            (hour, minute, second) = (0, hour, minute);
        }
        if minute > 59 || second > 60 {
            return Err(Fault::Range);
        }
        let sign = if negative { -1 } else { 1 };
        let parts = [
            (hour, MICROS_PER_HOUR),
            (minute, MICROS_PER_MINUTE),
            (second, MICROS_PER_SEC),
            (fraction, 1),
        ];
        parts.into_iter().try_for_each(|(value, scale)| self.add_micros(value * sign, scale))
    }

    /// Adds a number in the unit read after it; returns what it set and the unit for what stands
    /// before.
    fn add_number(
        &mut self,
        token: &Token,
        unit: Option<IntervalUnit>,
        fields: IntervalFields,
    ) -> Result<(Mask, IntervalUnit), Fault> {
        let text = token.text.as_str();
        let negative = text.starts_with('-');
        let start = usize::from(text.starts_with(['-', '+']));
        let end =
            text[start..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |at| at + start);
        let value = match &text[..end] {
            "" | "-" | "+" => 0,
            digits => digits.parse::<i64>().map_err(|_| Fault::Range)?,
        };
        let rest = &text[end..];
        let mut unit = unit.unwrap_or(fields.default_unit());
        if let Some(months) = rest.strip_prefix('-') {
            let months: i64 = match months.parse() {
                Ok(months @ 0..12) => months,
                Ok(_) => return Err(Fault::Range),
                Err(_) => return Err(Fault::Format),
            };
            unit = IntervalUnit::Month;
            let months = if negative { -months } else { months };
            let total = value.checked_mul(12).and_then(|v| v.checked_add(months));
            return Ok((self.add(unit, total.ok_or(Fault::Range)?, 0.0)?, unit));
        }
        let fraction = match rest {
            "" => 0.0,
            _ if rest.starts_with('.') => parse_unit_fraction(rest)?,
            _ => return Err(Fault::Format),
        };
        let fraction = if negative { -fraction } else { fraction };
        let read = self.add(unit, value, fraction)?;
        // `1 2` as DAY TO HOUR: what stands before hours is days.
        Ok((read, if unit == IntervalUnit::Hour { IntervalUnit::Day } else { unit }))
    }

    /// Adds a number and a fraction of a unit.
    fn add(&mut self, unit: IntervalUnit, value: i64, fraction: f64) -> Result<Mask, Fault> {
        use IntervalUnit as U;
        match unit {
            U::Microsecond => self.add_time(value, fraction, 1)?,
            U::Millisecond => self.add_time(value, fraction, MICROS_PER_MILLI)?,
            U::Second => {
                self.add_time(value, fraction, MICROS_PER_SEC)?;
                return Ok(if fraction == 0.0 { bit(U::Second) } else { SECONDS });
            }
            U::Minute => self.add_time(value, fraction, MICROS_PER_MINUTE)?,
            U::Hour => self.add_time(value, fraction, MICROS_PER_HOUR)?,
            U::Day => {
                self.add_days(value, 1)?;
                self.add_fraction_micros(fraction, MICROS_PER_DAY)?;
            }
            U::Week => {
                self.add_days(value, 7)?;
                self.add_fraction_days(fraction, 7.0)?;
            }
            U::Month => {
                let value = i32::try_from(value).map_err(|_| Fault::Range)?;
                self.months = self.months.checked_add(value).ok_or(Fault::Range)?;
                self.add_fraction_days(fraction, DAYS_PER_MONTH as f64)?;
            }
            U::Year => self.add_years(value, fraction, 1)?,
            U::Decade => self.add_years(value, fraction, 10)?,
            U::Century => self.add_years(value, fraction, 100)?,
            U::Millennium => self.add_years(value, fraction, 1000)?,
        }
        Ok(bit(unit))
    }

    fn add_time(&mut self, value: i64, fraction: f64, scale: i64) -> Result<(), Fault> {
        self.add_micros(value, scale)?;
        self.add_fraction_micros(fraction, scale)
    }

    fn add_micros(&mut self, value: i64, scale: i64) -> Result<(), Fault> {
        let sum = value.checked_mul(scale).and_then(|v| self.micros.checked_add(v));
        self.micros = sum.ok_or(Fault::Range)?;
        Ok(())
    }

    fn add_fraction_micros(&mut self, fraction: f64, scale: i64) -> Result<(), Fault> {
        let micros = fraction * scale as f64;
        let rest = micros.fract();
        let up = if rest > 0.5 { 1 } else { -i64::from(rest < -0.5) };
        self.add_micros(micros as i64 + up, 1)
    }

    fn add_days(&mut self, value: i64, scale: i32) -> Result<(), Fault> {
        let value = i32::try_from(value).map_err(|_| Fault::Range)?;
        let sum = value.checked_mul(scale).and_then(|v| self.days.checked_add(v));
        self.days = sum.ok_or(Fault::Range)?;
        Ok(())
    }

    fn add_fraction_days(&mut self, fraction: f64, scale: f64) -> Result<(), Fault> {
        let days = fraction * scale;
        self.add_days(days as i64, 1)?;
        self.add_fraction_micros(days.fract(), MICROS_PER_DAY)
    }

    fn add_years(&mut self, value: i64, fraction: f64, scale: i32) -> Result<(), Fault> {
        let value = i32::try_from(value).map_err(|_| Fault::Range)?;
        let sum = value.checked_mul(scale).and_then(|v| self.years.checked_add(v));
        self.years = sum.ok_or(Fault::Range)?;
        let months = (fraction * f64::from(scale) * f64::from(MONTHS_PER_YEAR)).round_ties_even();
        self.months = self.months.checked_add(months as i32).ok_or(Fault::Range)?;
        Ok(())
    }
}

/// A fraction that starts with its point, as a double.
fn parse_unit_fraction(text: &str) -> Result<f64, Fault> {
    if text == "." {
        return Ok(0.0);
    }
    parse_fraction(text)?;
    text.parse().map_err(|_| Fault::Format)
}

/// ISO 8601: `P1Y2M3DT4H5M6.7S`, `P1W`, and the forms without designators, `P0002-10-15T10:30:20`
/// and `P00021015T103020`.
fn parse_iso(text: &str) -> Result<Sum, Fault> {
    let mut rest = text.strip_prefix('P').ok_or(Fault::Format)?;
    let mut sum = Sum::default();
    let mut in_time = false;
    let mut any = false;
    while !rest.is_empty() {
        if !in_time && let Some(time) = rest.strip_prefix('T') {
            in_time = true;
            rest = time;
            continue;
        }
        any = true;
        let number = take_iso_number(rest)?;
        rest = &rest[number.length..];
        let designator = rest.chars().next();
        let unit = match (in_time, designator) {
            (false, Some('Y')) => IntervalUnit::Year,
            (false, Some('M')) => IntervalUnit::Month,
            (false, Some('W')) => IntervalUnit::Week,
            (false, Some('D')) => IntervalUnit::Day,
            (true, Some('H')) => IntervalUnit::Hour,
            (true, Some('M')) => IntervalUnit::Minute,
            (true, Some('S')) => IntervalUnit::Second,
            (false, None | Some('T' | '-')) => {
                rest = sum.iso_date(&number, rest)?;
                continue;
            }
            (true, None | Some(':')) => {
                sum.iso_time(&number, rest)?;
                return Ok(sum);
            }
            _ => return Err(Fault::Format),
        };
        sum.add(unit, number.value, number.fraction)?;
        rest = &rest[1..];
    }
    if any { Ok(sum) } else { Err(Fault::Format) }
}

/// A number of an ISO 8601 interval.
struct IsoNumber {
    value: i64,
    fraction: f64,
    length: usize,
    n_digits: usize,
}

fn take_iso_number(text: &str) -> Result<IsoNumber, Fault> {
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let n_digits = digits(sign);
    let mut length = sign + n_digits;
    let mut fraction = 0.0;
    if text[length..].starts_with('.') {
        let end = length + 1 + digits(length + 1);
        fraction = parse_unit_fraction(&text[length..end])?;
        length = end;
    } else if n_digits == 0 {
        return Err(Fault::Format);
    }
    let value = match n_digits {
        0 => 0,
        _ => text[..sign + n_digits].parse().map_err(|_| Fault::Range)?,
    };
    if text.starts_with('-') {
        fraction = -fraction;
    }
    Ok(IsoNumber { value, fraction, length, n_digits })
}

impl Sum {
    /// A date without designators whose first number is read; returns what follows it.
    fn iso_date<'a>(&mut self, first: &IsoNumber, rest: &'a str) -> Result<&'a str, Fault> {
        if first.n_digits == 8 && !rest.starts_with('-') {
            self.add(IntervalUnit::Year, first.value / 10_000, 0.0)?;
            self.add(IntervalUnit::Month, first.value / 100 % 100, 0.0)?;
            self.add(IntervalUnit::Day, first.value % 100, 0.0)?;
            return Ok(rest);
        }
        self.add(IntervalUnit::Year, first.value, first.fraction)?;
        let mut rest = rest;
        for unit in [IntervalUnit::Month, IntervalUnit::Day] {
            let Some(after) = rest.strip_prefix('-') else { break };
            let number = take_iso_number(after)?;
            self.add(unit, number.value, number.fraction)?;
            rest = &after[number.length..];
        }
        if rest.is_empty() || rest.starts_with('T') { Ok(rest) } else { Err(Fault::Format) }
    }

    /// A time without designators whose first number is read.
    fn iso_time(&mut self, first: &IsoNumber, rest: &str) -> Result<(), Fault> {
        if first.n_digits == 6 && rest.is_empty() {
            self.add(IntervalUnit::Hour, first.value / 10_000, 0.0)?;
            self.add(IntervalUnit::Minute, first.value / 100 % 100, 0.0)?;
            self.add(IntervalUnit::Second, first.value % 100, first.fraction)?;
            return Ok(());
        }
        self.add(IntervalUnit::Hour, first.value, first.fraction)?;
        let mut rest = rest;
        for unit in [IntervalUnit::Minute, IntervalUnit::Second] {
            let Some(after) = rest.strip_prefix(':') else { break };
            let number = take_iso_number(after)?;
            self.add(unit, number.value, number.fraction)?;
            rest = &after[number.length..];
        }
        if rest.is_empty() { Ok(()) } else { Err(Fault::Format) }
    }
}
