//! Time pictures: the templates of to_char, to_timestamp and to_date (`FMDay, DD Mon YYYY
//! HH24:MI`), parsed.
//!
//! Invariant: every element of the text becomes one item; nothing is lost.

use arena_tr_types::time::{
    MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MILLI, MICROS_PER_MINUTE, MICROS_PER_SEC,
};

/// How a name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// `MONTH`.
    Upper,
    /// `Month`.
    Capital,
    /// `month`.
    Lower,
}

/// A field of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Hour12,
    Hour24,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    /// `FF1` to `FF6`.
    Fraction(u32),
    SecondOfDay,
    /// `AM` or, dotted, `A.M.`.
    HalfDay {
        dotted: bool,
    },
    /// `BC` or, dotted, `B.C.`.
    Era {
        dotted: bool,
    },
    Month,
    MonthShort,
    MonthNumber,
    MonthRoman,
    Day,
    DayShort,
    DayOfYear,
    IsoDayOfYear,
    DayOfMonth,
    DayOfWeek,
    IsoDayOfWeek,
    WeekOfMonth,
    WeekOfYear,
    IsoWeek,
    Quarter,
    Century,
    /// `Y,YYY`.
    YearComma,
    /// `YYYY`, `YYY`, `YY`, `Y`.
    Year(usize),
    /// `IYYY`, `IYY`, `IY`, `I`.
    IsoYear(usize),
    Julian,
    ZoneName,
    ZoneHours,
    ZoneMinutes,
    ZoneOffset,
}

impl Field {
    fn unit(self) -> i64 {
        match self {
            Self::Microsecond => 1,
            Self::Fraction(digits) => 10_i64.pow(6 - digits),
            Self::Millisecond => MICROS_PER_MILLI,
            Self::Second | Self::SecondOfDay => MICROS_PER_SEC,
            Self::Minute => MICROS_PER_MINUTE,
            Self::Hour12 | Self::Hour24 | Self::HalfDay { .. } => MICROS_PER_HOUR,
            _ => MICROS_PER_DAY,
        }
    }
}

/// An element of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Field {
        field: Field,
        case: Case,
        /// `FM` in front: no padding.
        fill: bool,
        /// `TH` or `th` behind.
        ordinal: Option<Case>,
    },
    /// A character that stands for itself.
    Literal(char),
}

/// Keywords in upper case, longest first where one is a prefix of another.
const KEYWORDS: &[(&str, Field)] = &[
    ("A.D.", Field::Era { dotted: true }),
    ("B.C.", Field::Era { dotted: true }),
    ("A.M.", Field::HalfDay { dotted: true }),
    ("P.M.", Field::HalfDay { dotted: true }),
    ("AD", Field::Era { dotted: false }),
    ("BC", Field::Era { dotted: false }),
    ("AM", Field::HalfDay { dotted: false }),
    ("PM", Field::HalfDay { dotted: false }),
    ("CC", Field::Century),
    ("DAY", Field::Day),
    ("DDD", Field::DayOfYear),
    ("DD", Field::DayOfMonth),
    ("DY", Field::DayShort),
    ("D", Field::DayOfWeek),
    ("FF1", Field::Fraction(1)),
    ("FF2", Field::Fraction(2)),
    ("FF3", Field::Fraction(3)),
    ("FF4", Field::Fraction(4)),
    ("FF5", Field::Fraction(5)),
    ("FF6", Field::Fraction(6)),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("HH", Field::Hour12),
    ("IDDD", Field::IsoDayOfYear),
    ("ID", Field::IsoDayOfWeek),
    ("IW", Field::IsoWeek),
    ("IYYY", Field::IsoYear(4)),
    ("IYY", Field::IsoYear(3)),
    ("IY", Field::IsoYear(2)),
    ("I", Field::IsoYear(1)),
    ("J", Field::Julian),
    ("MI", Field::Minute),
    ("MM", Field::MonthNumber),
    ("MONTH", Field::Month),
    ("MON", Field::MonthShort),
    ("MS", Field::Millisecond),
    ("OF", Field::ZoneOffset),
    ("Q", Field::Quarter),
    ("RM", Field::MonthRoman),
    ("SSSSS", Field::SecondOfDay),
    ("SSSS", Field::SecondOfDay),
    ("SS", Field::Second),
    ("TZH", Field::ZoneHours),
    ("TZM", Field::ZoneMinutes),
    ("TZ", Field::ZoneName),
    ("US", Field::Microsecond),
    ("WW", Field::WeekOfYear),
    ("W", Field::WeekOfMonth),
    ("Y,YYY", Field::YearComma),
    ("YYYY", Field::Year(4)),
    ("YYY", Field::Year(3)),
    ("YY", Field::Year(2)),
    ("Y", Field::Year(1)),
];

/// A parsed picture.
#[derive(Debug, Clone, Default)]
pub(super) struct Picture {
    pub(super) items: Vec<Item>,
    /// `FX`: separators must match exactly when reading.
    pub(super) exact: bool,
}

impl Picture {
    pub(super) fn parse(text: &str) -> Self {
        let mut picture = Self::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let fill = strip(rest, "FM");
            let modified = fill.or_else(|| strip(rest, "TM"));
            if let Some((field, case, after)) = keyword(modified.unwrap_or(rest)) {
                let (ordinal, after) = ordinal(after);
                let fill = fill.is_some();
                picture.items.push(Item::Field { field, case, fill, ordinal });
                rest = after;
            } else if let Some(after) = modified {
                rest = after;
            } else if let Some(after) = strip(rest, "FX") {
                picture.exact = true;
                rest = after;
            } else if c == '"' {
                rest = picture.quoted(&rest[1..]);
            } else {
                let escaped = rest.strip_prefix("\\\"");
                picture.items.push(Item::Literal(if escaped.is_some() { '"' } else { c }));
                rest = escaped.unwrap_or(&rest[c.len_utf8()..]);
            }
        }
        picture
    }

    /// Microseconds of the smallest unit that the picture shows; at most a day. Times of the same
    /// unit are printed alike.
    pub(super) fn unit(&self) -> i64 {
        let of_item = |item: &Item| match item {
            Item::Field { field, .. } => field.unit(),
            Item::Literal(_) => MICROS_PER_DAY,
        };
        self.items.iter().map(of_item).min().unwrap_or(MICROS_PER_DAY)
    }

    /// Text in double quotes; a backslash takes the next character as it is. Returns what follows.
    fn quoted<'a>(&mut self, text: &'a str) -> &'a str {
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return &text[at + 1..],
                '\\' => self.items.push(Item::Literal(chars.next().map_or('\\', |(_, c)| c))),
                _ => self.items.push(Item::Literal(c)),
            }
        }
        ""
    }
}

/// What follows a modifier, in either case.
fn strip<'a>(text: &'a str, modifier: &str) -> Option<&'a str> {
    text.strip_prefix(modifier)
        .or_else(|| text.strip_prefix(modifier.to_ascii_lowercase().as_str()))
}

/// A field at the start of the text, the case of its name, and what follows.
fn keyword(text: &str) -> Option<(Field, Case, &str)> {
    for (name, field) in KEYWORDS {
        let Some(written) = text.get(..name.len()) else { continue };
        if !written.eq_ignore_ascii_case(name) {
            continue;
        }
        let mut letters = written.chars().filter(char::is_ascii_alphabetic);
        let first_upper = letters.next().is_some_and(|c| c.is_ascii_uppercase());
        let rest_upper = letters.clone().all(|c| c.is_ascii_uppercase());
        let rest_lower = letters.all(|c| c.is_ascii_lowercase());
        let is_name =
            matches!(field, Field::Month | Field::MonthShort | Field::Day | Field::DayShort);
        let case = match (first_upper, rest_upper, rest_lower) {
            (true, true, _) => Case::Upper,
            (false, _, true) => Case::Lower,
            (true, _, true) if is_name => Case::Capital,
            _ => continue,
        };
        return Some((*field, case, &text[name.len()..]));
    }
    None
}

fn ordinal(text: &str) -> (Option<Case>, &str) {
    if let Some(after) = text.strip_prefix("TH") {
        return (Some(Case::Upper), after);
    }
    if let Some(after) = text.strip_prefix("th") {
        return (Some(Case::Lower), after);
    }
    (None, strip(text, "SP").unwrap_or(text))
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(super) const ROMAN_MONTHS: [&str; 12] =
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
