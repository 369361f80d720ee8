//! The words of PostgreSQL's date and time input: fields, months, zones, units.
//!
//! A text is first cut into [`Token`]s by the shape of its characters; what a token means depends
//! on what was read before it and is decided by the decoders.
//! Invariant: tokens are lower case and never empty.

use super::interval_parse::IntervalUnit;

/// The shape of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Digits, perhaps with a point.
    Number,
    /// Letters.
    Word,
    /// Digits or letters joined by `-`, `/` or `.`.
    Date,
    /// Digits joined by `:`.
    Time,
    /// A sign and digits: a zone, or a signed number.
    Signed,
    /// A sign and letters.
    SignedWord,
}

/// A piece of input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// Most tokens that a date or an interval can have.
const TOKENS_MAX: usize = 25;

/// Cuts a text into tokens; `None` if a character fits nowhere.
pub(super) fn tokenize(text: &str) -> Option<Vec<Token>> {
    let mut scan = Scan { rest: text.as_bytes(), text: String::new() };
    let mut tokens = Vec::new();
    while let Some(&first) = scan.rest.first() {
        let kind = match first {
            b' ' | b'\t'..=b'\r' => {
                scan.skip();
                continue;
            }
            b'0'..=b'9' => scan.digits_first(),
            b'.' => {
                scan.take_while(|b| b == b'.' || b.is_ascii_digit());
                Kind::Number
            }
            b'a'..=b'z' | b'A'..=b'Z' => scan.letters_first(),
            b'+' | b'-' => scan.sign_first()?,
            b if b.is_ascii_punctuation() => {
                scan.skip();
                continue;
            }
            _ => return None,
        };
        if tokens.len() == TOKENS_MAX {
            return None;
        }
        tokens.push(Token { kind, text: std::mem::take(&mut scan.text) });
    }
    Some(tokens)
}

/// The unread rest and the token under construction.
struct Scan<'a> {
    rest: &'a [u8],
    text: String,
}

impl Scan<'_> {
    fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    fn skip(&mut self) {
        self.rest = &self.rest[1..];
    }

    fn take(&mut self) {
        self.text.push(char::from(self.peek().to_ascii_lowercase()));
        self.skip();
    }

    fn take_while(&mut self, test: impl Fn(u8) -> bool) {
        while !self.rest.is_empty() && test(self.peek()) {
            self.take();
        }
    }

    fn digits_first(&mut self) -> Kind {
        self.take_while(|b| b.is_ascii_digit());
        match self.peek() {
            b':' => {
                self.take_while(|b| b.is_ascii_digit() || b == b':' || b == b'.');
                Kind::Time
            }
            delimiter @ (b'-' | b'/' | b'.') => {
                self.take();
                if !self.peek().is_ascii_digit() {
                    self.take_while(|b| b.is_ascii_alphanumeric() || b == delimiter);
                    return Kind::Date;
                }
                self.take_while(|b| b.is_ascii_digit());
                if self.peek() == delimiter {
                    self.take_while(|b| b.is_ascii_digit() || b == delimiter);
                    Kind::Date
                } else if delimiter == b'.' {
                    Kind::Number
                } else {
                    Kind::Date
                }
            }
            _ => Kind::Number,
        }
    }

    fn letters_first(&mut self) -> Kind {
        self.take_while(|b| b.is_ascii_alphabetic());
        let joined = match self.peek() {
            b'-' | b'/' | b'.' => true,
            // `t10:30` and `j2451187` are a mark and a number, `utc+2` is one name.
            b'+' | b'0'..=b'9' => word(&self.text) == Meaning::Unknown,
            _ => false,
        };
        if !joined {
            return Kind::Word;
        }
        self.take_while(|b| b.is_ascii_alphanumeric() || b"+-/_.:".contains(&b));
        Kind::Date
    }

    fn sign_first(&mut self) -> Option<Kind> {
        self.take();
        while self.peek().is_ascii_whitespace() {
            self.skip();
        }
        if self.peek().is_ascii_digit() {
            self.take_while(|b| b.is_ascii_digit() || b":.-".contains(&b));
            Some(Kind::Signed)
        } else if self.peek().is_ascii_alphabetic() {
            self.take_while(|b| b.is_ascii_alphabetic());
            Some(Kind::SignedWord)
        } else {
            None
        }
    }
}

/// What a word means in a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Unknown,
    Ignore,
    Month(u32),
    Weekday,
    Am,
    Pm,
    Ad,
    Bc,
    Epoch,
    Infinity,
    NegInfinity,
    /// Midnight in UTC.
    AllBalls,
    /// `now`, `today` and their kin, which read the clock.
    Clock,
    Julian,
    /// The `T` of ISO 8601.
    IsoTime,
    /// Seconds east of UTC.
    Zone(i32),
    /// One hour more for summer.
    SummerTime,
}

/// The meaning of a lower-case word.
pub(super) fn word(text: &str) -> Meaning {
    const HOUR: i32 = 3600;
    match text {
        "on" | "at" => Meaning::Ignore,
        "jan" | "january" => Meaning::Month(1),
        "feb" | "february" => Meaning::Month(2),
        "mar" | "march" => Meaning::Month(3),
        "apr" | "april" => Meaning::Month(4),
        "may" => Meaning::Month(5),
        "jun" | "june" => Meaning::Month(6),
        "jul" | "july" => Meaning::Month(7),
        "aug" | "august" => Meaning::Month(8),
        "sep" | "sept" | "september" => Meaning::Month(9),
        "oct" | "october" => Meaning::Month(10),
        "nov" | "november" => Meaning::Month(11),
        "dec" | "december" => Meaning::Month(12),
        "sun" | "sunday" | "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "weds"
        | "wednesday" | "thu" | "thur" | "thurs" | "thursday" | "fri" | "friday" | "sat"
        | "saturday" => Meaning::Weekday,
        "am" => Meaning::Am,
        "pm" => Meaning::Pm,
        "ad" => Meaning::Ad,
        "bc" => Meaning::Bc,
        "epoch" => Meaning::Epoch,
        "infinity" => Meaning::Infinity,
        "-infinity" => Meaning::NegInfinity,
        "allballs" => Meaning::AllBalls,
        "now" | "today" | "tomorrow" | "yesterday" => Meaning::Clock,
        "j" | "jd" | "julian" => Meaning::Julian,
        "t" => Meaning::IsoTime,
        "dst" => Meaning::SummerTime,
        "z" | "zulu" | "utc" | "ut" | "uct" | "gmt" | "wet" => Meaning::Zone(0),
        "bst" | "west" | "cet" | "met" => Meaning::Zone(HOUR),
        "cest" | "mest" | "eet" | "sast" | "ist" => Meaning::Zone(2 * HOUR),
        "eest" | "msk" | "eat" | "idt" => Meaning::Zone(3 * HOUR),
        "hkt" | "awst" => Meaning::Zone(8 * HOUR),
        "jst" | "kst" => Meaning::Zone(9 * HOUR),
        "acst" => Meaning::Zone(9 * HOUR + HOUR / 2),
        "acdt" => Meaning::Zone(10 * HOUR + HOUR / 2),
        "aest" => Meaning::Zone(10 * HOUR),
        "aedt" => Meaning::Zone(11 * HOUR),
        "nzst" | "nzt" => Meaning::Zone(12 * HOUR),
        "nzdt" => Meaning::Zone(13 * HOUR),
        "brt" | "adt" => Meaning::Zone(-3 * HOUR),
        "nst" => Meaning::Zone(-3 * HOUR - HOUR / 2),
        "ndt" => Meaning::Zone(-2 * HOUR - HOUR / 2),
        "ast" | "edt" => Meaning::Zone(-4 * HOUR),
        "est" | "cdt" => Meaning::Zone(-5 * HOUR),
        "cst" | "mdt" => Meaning::Zone(-6 * HOUR),
        "mst" | "pdt" => Meaning::Zone(-7 * HOUR),
        "pst" | "akdt" => Meaning::Zone(-8 * HOUR),
        "akst" => Meaning::Zone(-9 * HOUR),
        "hst" => Meaning::Zone(-10 * HOUR),
        _ => Meaning::Unknown,
    }
}

/// What a word means in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanWord {
    Unit(IntervalUnit),
    Ago,
    Ignore,
}

/// The meaning of a lower-case word in an interval.
pub(super) fn span_word(text: &str) -> Option<SpanWord> {
    use IntervalUnit as U;
    let unit = match text {
        "us" | "usec" | "usecond" | "useconds" | "usecs" | "microsecond" | "microseconds" => {
            U::Microsecond
        }
        "ms" | "msec" | "msecond" | "mseconds" | "msecs" | "millisecond" | "milliseconds" => {
            U::Millisecond
        }
        "s" | "sec" | "second" | "seconds" | "secs" => U::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => U::Minute,
        "h" | "hour" | "hours" | "hr" | "hrs" => U::Hour,
        "d" | "day" | "days" => U::Day,
        "w" | "week" | "weeks" => U::Week,
        "mon" | "mons" | "month" | "months" => U::Month,
        "y" | "year" | "years" | "yr" | "yrs" => U::Year,
        "dec" | "decs" | "decade" | "decades" => U::Decade,
        "c" | "cent" | "century" | "centuries" => U::Century,
        "mil" | "mils" | "millennia" | "millennium" | "millenniums" => U::Millennium,
        "ago" => return Some(SpanWord::Ago),
        "on" | "at" => return Some(SpanWord::Ignore),
        _ => return None,
    };
    Some(SpanWord::Unit(unit))
}
