//! From tokens to the parts of a date and time.
//!
//! What a bare number means depends on what was read before it: PostgreSQL's rules with `DateStyle
//! = ISO, MDY`.
//! Invariant: a part is set at most once; a second value for it is a format error.

use super::date::{civil_from_days, days_from_civil, days_in_month};
use super::token::{Kind, Meaning, Token, word};
use super::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SEC};

/// Why a text is not a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not built like one.
    Format,
    /// A part is out of its range.
    Range,
    /// A zone is too far from UTC.
    ZoneRange,
    /// A word that may be the name of a time zone.
    ZoneName,
    /// A word that reads the clock.
    Clock,
}

/// A little above the last year of a DATE.
const YEAR_MAX: i32 = 5_875_000;

/// Which parts have been read, one bit each.
type Mask = u16;
const YEAR: Mask = 1;
const MONTH: Mask = 2;
const DAY: Mask = 4;
const DATE: Mask = YEAR | MONTH | DAY;
const TIME: Mask = 8;
const ZONE: Mask = 16;
const DAY_OF_YEAR: Mask = 32;
const WEEKDAY: Mask = 64;
const HALF_DAY: Mask = 128;
const ERA: Mask = 256;
const SUMMER: Mask = 512;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoded {
    Infinity,
    NegInfinity,
    Epoch,
    Parts(Parts),
}

/// Parts of a date and time; those that were not given are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) days: Option<i32>,
    pub(super) time: Option<i64>,
    /// Seconds east of UTC.
    pub(super) zone: Option<i32>,
}

/// What the next number is, said by a letter before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    None,
    Julian,
    Time,
}

#[derive(Debug)]
struct Decoder {
    mask: Mask,
    year: i32,
    month: u32,
    day: u32,
    day_of_year: i32,
    julian: Option<i32>,
    time: i64,
    hour: i64,
    zone: i32,
    short_year: bool,
    text_month: bool,
    before_christ: bool,
    afternoon: Option<bool>,
    /// A bare number is a time, because a date is not wanted.
    time_only: bool,
    special: Option<Decoded>,
}

/// Decodes the tokens of a date, or of a time if `time_only`.
pub(super) fn decode(tokens: &[Token], time_only: bool) -> Result<Decoded, Fault> {
    let mut decoder = Decoder {
        mask: 0,
        year: 0,
        month: 0,
        day: 0,
        day_of_year: 0,
        julian: None,
        time: 0,
        hour: 0,
        zone: 0,
        short_year: false,
        text_month: false,
        before_christ: false,
        afternoon: None,
        time_only,
        special: None,
    };
    decoder.run(tokens)?;
    decoder.finish()
}

impl Decoder {
    fn run(&mut self, tokens: &[Token]) -> Result<(), Fault> {
        let mut prefix = Prefix::None;
        // Before a time, a date may stand first even where only the time is wanted.
        let date_leads = tokens.len() > 1
            && (tokens[1].kind == Kind::Time || tokens[tokens.len() - 1].kind == Kind::Date);
        for (i, token) in tokens.iter().enumerate() {
            let read = match token.kind {
                Kind::Word | Kind::SignedWord => {
                    if prefix != Prefix::None {
                        return Err(Fault::Format);
                    }
                    prefix = self.prefix_of(token, tokens.get(i + 1))?;
                    if prefix != Prefix::None {
                        continue;
                    }
                    self.word(&token.text)?
                }
                Kind::Date => {
                    let marked = std::mem::replace(&mut prefix, Prefix::None);
                    self.date_token(&token.text, marked, i == 0 && date_leads)?
                }
                Kind::Time => {
                    if std::mem::replace(&mut prefix, Prefix::None) == Prefix::Julian {
                        return Err(Fault::Format);
                    }
                    self.clock(&token.text)?
                }
                Kind::Signed => {
                    self.zone = decode_zone(&token.text)?;
                    ZONE
                }
                Kind::Number => match std::mem::replace(&mut prefix, Prefix::None) {
                    Prefix::None => self.number_token(&token.text)?,
                    Prefix::Julian => self.julian(&token.text)?,
                    Prefix::Time => match self.run_together(&token.text, self.mask | DATE)? {
                        TIME => TIME,
                        _ => return Err(Fault::Format),
                    },
                },
            };
            self.mark(read)?;
        }
        if prefix == Prefix::None { Ok(()) } else { Err(Fault::Format) }
    }

    fn mark(&mut self, read: Mask) -> Result<(), Fault> {
        if self.mask & read != 0 {
            return Err(Fault::Format);
        }
        self.mask |= read;
        Ok(())
    }

    /// Whether a word only announces the number after it.
    fn prefix_of(&self, token: &Token, next: Option<&Token>) -> Result<Prefix, Fault> {
        match word(&token.text) {
            Meaning::Julian => Ok(Prefix::Julian),
            Meaning::IsoTime => {
                let fits = matches!(next, Some(next)
                    if matches!(next.kind, Kind::Number | Kind::Time | Kind::Date));
                if !fits || (!self.time_only && self.mask & DATE != DATE) {
                    return Err(Fault::Format);
                }
                Ok(Prefix::Time)
            }
            _ => Ok(Prefix::None),
        }
    }

    fn word(&mut self, text: &str) -> Result<Mask, Fault> {
        match word(text) {
            Meaning::Ignore => Ok(0),
            Meaning::Month(month) => {
                let mut read = MONTH;
                // A number taken for the month before was the day: `8 January`.
                if self.mask & MONTH != 0
                    && !self.text_month
                    && self.mask & DAY == 0
                    && (1..=31).contains(&self.month)
                {
                    self.day = self.month;
                    read = DAY;
                }
                self.text_month = true;
                self.month = month;
                Ok(read)
            }
            Meaning::Weekday => Ok(WEEKDAY),
            Meaning::Am | Meaning::Pm => {
                self.afternoon = Some(word(text) == Meaning::Pm);
                Ok(HALF_DAY)
            }
            Meaning::Ad | Meaning::Bc => {
                self.before_christ = word(text) == Meaning::Bc;
                Ok(ERA)
            }
            Meaning::Zone(east) => {
                self.zone = east;
                Ok(ZONE)
            }
            Meaning::SummerTime => {
                self.zone += 3600;
                Ok(SUMMER)
            }
            Meaning::AllBalls => {
                self.time = 0;
                Ok(TIME | ZONE)
            }
            Meaning::Epoch => self.special(Decoded::Epoch),
            Meaning::Infinity => self.special(Decoded::Infinity),
            Meaning::NegInfinity => self.special(Decoded::NegInfinity),
            Meaning::Clock => Err(Fault::Clock),
            Meaning::Julian | Meaning::IsoTime => Err(Fault::Format),
            Meaning::Unknown if text.len() > 2 => Err(self.zone_name()),
            Meaning::Unknown => Err(Fault::Format),
        }
    }

    /// An unknown word after a date may name a zone; without a date it cannot, since a zone's
    /// offset depends on it.
    fn zone_name(&self) -> Fault {
        if self.mask & DATE == DATE { Fault::ZoneName } else { Fault::Format }
    }

    fn special(&mut self, value: Decoded) -> Result<Mask, Fault> {
        self.special = Some(value);
        Ok(DATE | TIME | ZONE)
    }

    /// A date, or after a date a time with its zone (`040506-08`), or the name of a zone.
    fn date_token(&mut self, text: &str, prefix: Prefix, leads: bool) -> Result<Mask, Fault> {
        let wants_date =
            if self.time_only { leads } else { self.mask & (MONTH | DAY) != MONTH | DAY };
        if prefix == Prefix::None && wants_date {
            return self.date(text);
        }
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(self.zone_name());
        }
        if prefix == Prefix::Julian || self.mask & TIME != 0 {
            return Err(Fault::Format);
        }
        let at = text.find('-').ok_or(Fault::Format)?;
        self.zone = decode_zone(&text[at..])?;
        Ok(self.run_together(&text[..at], self.mask | DATE)? | ZONE)
    }

    /// A date in one token: `1999-01-08`, `8-Jan-1999`, `1/8/1999`, `1999.008`.
    fn date(&mut self, text: &str) -> Result<Mask, Fault> {
        let before = self.mask;
        let mut pieces = Vec::new();
        let mut rest = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        if text.ends_with(|c: char| !c.is_ascii_alphanumeric()) {
            return Err(Fault::Format);
        }
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let same = |c: char| if digits { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
            let end = rest.find(|c: char| !same(c)).unwrap_or(rest.len());
            pieces.push(&rest[..end]);
            rest = rest[end..].trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        }
        // A written month is never ambiguous, so it goes first.
        for piece in pieces.iter().filter(|p| p.starts_with(|c: char| c.is_ascii_alphabetic())) {
            let Meaning::Month(month) = word(piece) else { return Err(Fault::Format) };
            self.month = month;
            self.text_month = true;
            self.mark(MONTH)?;
        }
        for piece in pieces.iter().filter(|p| p.starts_with(|c: char| c.is_ascii_digit())) {
            let read = self.number(piece)?;
            self.mark(read)?;
        }
        let read = self.mask & !before;
        if self.mask & !(DAY_OF_YEAR | ZONE | TIME | WEEKDAY | ERA | HALF_DAY) != DATE {
            return Err(Fault::Format);
        }
        self.mask = before;
        Ok(read)
    }

    /// A number that stands alone.
    fn number_token(&mut self, text: &str) -> Result<Mask, Fault> {
        let has_date = self.mask & DATE == DATE;
        let mask = if self.time_only { self.mask | DATE } else { self.mask };
        match text.find('.') {
            Some(_) if !has_date && !self.time_only => self.date(text),
            Some(at) if at > 2 => self.run_together(text, mask),
            _ if self.time_only && self.mask & TIME == 0 && text.len() >= 4 => {
                self.run_together(text, mask)
            }
            _ if text.len() >= 6 && (!has_date || self.mask & TIME == 0) => {
                self.run_together(text, mask)
            }
            _ => self.number(text),
        }
    }

    /// One number of a date, by what is still missing.
    fn number(&mut self, text: &str) -> Result<Mask, Fault> {
        let whole = text.split('.').next().unwrap_or(text);
        if whole.len() < text.len() {
            return if whole.len() > 2 {
                self.run_together(text, self.mask | DATE)
            } else {
                Err(Fault::Format)
            };
        }
        let value: i32 = text.parse().map_err(|_| Fault::Range)?;
        let n = text.len();
        if n == 3 && self.mask & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(DAY_OF_YEAR | MONTH | DAY);
        }
        let read = match self.mask & DATE {
            0 if n >= 3 => YEAR,
            0 | YEAR | DAY => MONTH,
            MONTH if self.text_month && n >= 3 => YEAR,
            MONTH => DAY,
            // `Jan 99 1999`: the first number was the day after all.
            m if m == YEAR | MONTH && self.text_month && n >= 3 && self.short_year => {
                self.day = self.year.unsigned_abs();
                self.year = value;
                self.short_year = false;
                return Ok(DAY);
            }
            m if m == YEAR | MONTH => DAY,
            m if m == MONTH | DAY => YEAR,
            DATE => return self.run_together(text, self.mask),
            _ => return Err(Fault::Format),
        };
        match read {
            YEAR => {
                self.year = value;
                self.short_year = n <= 2;
            }
            MONTH => self.month = value as u32,
            _ => self.day = value as u32,
        }
        Ok(read)
    }

    /// Digits without delimiters: `19990108`, `990108`, `040506`, `0405`, `040506.789`.
    fn run_together(&mut self, text: &str, mask: Mask) -> Result<Mask, Fault> {
        let (digits, fraction) = match text.find('.') {
            Some(at) => (&text[..at], Some(&text[at..])),
            None => (text, None),
        };
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        let part =
            |from: usize, to: usize| digits[from..to].parse::<i32>().map_err(|_| Fault::Range);
        let n = digits.len();
        if fraction.is_none() && mask & DATE != DATE && n >= 6 {
            self.day = part(n - 2, n)? as u32;
            self.month = part(n - 4, n - 2)? as u32;
            self.year = part(0, n - 4)?;
            self.short_year = n - 4 == 2;
            return Ok(DATE);
        }
        if mask & TIME != 0 || (n != 6 && n != 4) {
            return Err(Fault::Format);
        }
        let second = if n == 6 { part(4, 6)? } else { 0 };
        let micros = fraction.map_or(Ok(0), parse_fraction)?;
        self.set_time(part(0, 2)?.into(), part(2, 4)?.into(), second.into(), micros)?;
        Ok(TIME)
    }

    fn julian(&mut self, text: &str) -> Result<Mask, Fault> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let julian: i32 = whole.parse().map_err(|_| Fault::Range)?;
        let days = julian.checked_sub(super::date::JULIAN_OF_EPOCH).ok_or(Fault::Range)?;
        self.julian = Some(days);
        if fraction.is_empty() {
            return Ok(DATE);
        }
        let part: f64 = format!("0.{fraction}").parse().map_err(|_| Fault::Format)?;
        self.time = (part * MICROS_PER_DAY as f64) as i64;
        Ok(DATE | TIME)
    }

    /// A time with colons.
    fn clock(&mut self, text: &str) -> Result<Mask, Fault> {
        let (hour, minute, second, micros) = split_clock(text)?;
        self.set_time(hour, minute, second, micros)?;
        Ok(TIME)
    }

    fn set_time(&mut self, hour: i64, minute: i64, second: i64, micros: i64) -> Result<(), Fault> {
        if minute > 59 || second > 60 || hour > 24 {
            return Err(Fault::Range);
        }
        let whole = hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + second * MICROS_PER_SEC;
        let time = whole + micros;
        if time > MICROS_PER_DAY {
            return Err(Fault::Range);
        }
        self.hour = hour;
        self.time = time;
        Ok(())
    }

    fn finish(mut self) -> Result<Decoded, Fault> {
        if let Some(special) = self.special {
            return Ok(special);
        }
        if let Some(afternoon) = self.afternoon {
            if self.hour > 12 {
                return Err(Fault::Range);
            }
            let hour = self.hour % 12 + if afternoon { 12 } else { 0 };
            self.time += (hour - self.hour) * MICROS_PER_HOUR;
        }
        let days = if self.mask & DATE == DATE { Some(self.days()?) } else { None };
        if self.mask & (DATE | ERA) != 0 && days.is_none() {
            return Err(Fault::Format);
        }
        Ok(Decoded::Parts(Parts {
            days,
            time: (self.mask & TIME != 0).then_some(self.time),
            zone: (self.mask & ZONE != 0).then_some(self.zone),
        }))
    }

    /// The day number, once all parts are known to make one.
    fn days(&mut self) -> Result<i32, Fault> {
        if let Some(days) = self.julian {
            return Ok(days);
        }
        let mut year = self.year;
        if year < 0 || (year == 0 && (self.before_christ || !self.short_year)) {
            return Err(Fault::Range);
        }
        if self.before_christ {
            year = 1 - year;
        } else if self.short_year {
            year += if year < 70 { 2000 } else { 1900 };
        }
        // Beyond this no type has a date, and the day number would not fit.
        if year > YEAR_MAX {
            return Err(Fault::Range);
        }
        if self.mask & DAY_OF_YEAR != 0 {
            let days = days_from_civil(year, 1, 1) + self.day_of_year - 1;
            return Ok(if civil_from_days(days).0 == year {
                days
            } else {
                return Err(Fault::Range);
            });
        }
        if !(1..=12).contains(&self.month)
            || self.day < 1
            || self.day > days_in_month(year, self.month)
        {
            return Err(Fault::Range);
        }
        Ok(days_from_civil(year, self.month, self.day))
    }
}

/// Hours, minutes, seconds and microseconds of `h:m[:s[.f]]`; `m:s.f` has no hours.
pub(super) fn split_clock(text: &str) -> Result<(i64, i64, i64, i64), Fault> {
    let mut pieces = text.split(':');
    let number = |piece: Option<&str>| -> Result<i64, Fault> {
        match piece {
            Some("") | None => Ok(0),
            Some(piece) if piece.len() > 18 => Err(Fault::Range),
            Some(piece) => piece.parse().map_err(|_| Fault::Format),
        }
    };
    let hour = number(pieces.next())?;
    let second_piece = pieces.next().ok_or(Fault::Format)?;
    if let Some((whole, _)) = second_piece.split_once('.') {
        if pieces.next().is_some() {
            return Err(Fault::Format);
        }
        let micros = parse_fraction(&second_piece[whole.len()..])?;
        return Ok((0, hour, number(Some(whole))?, micros));
    }
    let minute = number(Some(second_piece))?;
    let last = pieces.next().unwrap_or("");
    if pieces.next().is_some() {
        return Err(Fault::Format);
    }
    let (whole, fraction) = last.split_at(last.find('.').unwrap_or(last.len()));
    let micros = if fraction.is_empty() { 0 } else { parse_fraction(fraction)? };
    Ok((hour, minute, number(Some(whole))?, micros))
}

/// Microseconds of a fraction that starts with its point, rounded.
pub(super) fn parse_fraction(text: &str) -> Result<i64, Fault> {
    let digits = text.strip_prefix('.').ok_or(Fault::Format)?;
    if digits.is_empty() {
        return Ok(0);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    let mut micros = 0;
    for i in 0..6 {
        micros = micros * 10 + digits.as_bytes().get(i).map_or(0, |b| i64::from(b - b'0'));
    }
    let up = digits.as_bytes().get(6).is_some_and(|b| *b >= b'5');
    Ok(micros + i64::from(up))
}

/// Seconds east of UTC of `+hh`, `-hhmm`, `+hh:mm`, `+hh:mm:ss`.
fn decode_zone(text: &str) -> Result<i32, Fault> {
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return Err(Fault::Format),
    };
    let number = |piece: &str| -> Result<i32, Fault> {
        if piece.is_empty() || !piece.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        piece.parse().map_err(|_| Fault::ZoneRange)
    };
    let mut pieces = digits.split(':');
    let first = number(pieces.next().unwrap_or(""))?;
    let (hour, minute, second) = match pieces.next() {
        Some(minute) => (first, number(minute)?, pieces.next().map_or(Ok(0), number)?),
        None if digits.len() > 2 => (first / 100, first % 100, 0),
        None => (first, 0, 0),
    };
    if pieces.next().is_some() {
        return Err(Fault::Format);
    }
    if hour > 15 || minute > 59 || second > 59 {
        return Err(Fault::ZoneRange);
    }
    Ok(sign * ((hour * 60 + minute) * 60 + second))
}
