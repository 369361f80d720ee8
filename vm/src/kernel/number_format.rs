//! to_char of numbers.
//!
//! The number is first printed with as many digits as the picture has behind the point, then laid
//! into the picture position by position, with the same rules for blanks, signs and trailing zeros
//! as PostgreSQL's.
//! Invariant: a number that does not fit prints `#` in every digit position.

use arena_tr_types::decimal::Decimal;
use arena_tr_types::{DataType, Func, SqlError};

use super::Kernel;
use super::number_picture::{Item, Picture, SignPlace};
use super::row::{Row, text};

/// Digits that a double and a 32-bit float carry.
const DOUBLE_DIGITS: usize = 15;
const FLOAT_DIGITS: usize = 6;

/// The kernel of to_char for numbers.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    if func != Func::ToChar || !args.first()?.is_numeric() {
        return None;
    }
    let ty = args.first()?.clone();
    Some(text(move |r, out| {
        let picture = Picture::parse(r.str(1))?;
        out.push(&match &ty {
            DataType::Float4 => of_float(r.get::<f32>(0).into(), FLOAT_DIGITS, picture),
            DataType::Float8 => of_float(r.f64(0), DOUBLE_DIGITS, picture),
            _ => of_decimal(decimal_of(r, &ty), picture)?,
        });
        Ok(())
    }))
}

fn decimal_of(r: Row<'_>, ty: &DataType) -> Decimal {
    match ty {
        DataType::Int2 => Decimal::from_i64(r.get::<i16>(0).into()),
        DataType::Int4 => Decimal::from_i64(r.i32(0).into()),
        DataType::Int8 => Decimal::from_i64(r.i64(0)),
        _ => r.decimal(0),
    }
}

fn printed(value: Decimal) -> String {
    let mut out = String::new();
    value.push_text(&mut out);
    out
}

fn of_decimal(value: Decimal, mut picture: Picture) -> Result<String, SqlError> {
    if picture.roman {
        let whole = value.round(0).ok().and_then(|v| v.to_i64());
        return Ok(Layout::new(picture, roman(whole), 0, '+').run());
    }
    if picture.scientific {
        return Ok(if value.is_finite() {
            scientific(value, picture.after)?
        } else {
            hashes(&picture, true)
        });
    }
    let mut shifted = value;
    if picture.shift > 0 {
        let factor = Decimal::try_new(1, 0)?;
        let power =
            (0..picture.shift).try_fold(factor, |p, _| p.checked_mul(Decimal::new(10, 0)))?;
        shifted = value.checked_mul(power)?;
        picture.before += picture.shift;
    }
    let text = if shifted.is_finite() {
        printed(shifted.round(picture.after as i32)?)
    } else {
        printed(shifted)
    };
    Ok(lay_out(&text, picture))
}

fn of_float(value: f64, digits: usize, mut picture: Picture) -> String {
    if picture.roman {
        let whole = value.is_finite().then(|| value.round_ties_even() as i64);
        return Layout::new(picture, roman(whole), 0, '+').run();
    }
    if picture.scientific {
        if !value.is_finite() {
            return hashes(&picture, true);
        }
        let text = format!("{:.*e}", picture.after, value);
        // One digit of exponent at least in Rust, two and a sign here.
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let blank = if value.is_sign_negative() { "" } else { " " };
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{blank}{mantissa}e{}{:02}", sign_of(exponent), exponent.abs());
    }
    let mut shifted = value;
    if picture.shift > 0 {
        shifted *= 10_f64.powi(picture.shift as i32);
        picture.before += picture.shift;
    }
    let whole =
        if shifted.is_finite() { format!("{:.0}", shifted.abs()) } else { special(shifted.abs()) };
    picture.after = picture.after.min(digits.saturating_sub(whole.len()));
    let text =
        if shifted.is_finite() { format!("{shifted:.*}", picture.after) } else { special(shifted) };
    lay_out(&text, picture)
}

fn special(value: f64) -> String {
    let name = if value.is_nan() { "NaN" } else { "Infinity" };
    if value == f64::NEG_INFINITY { format!("-{name}") } else { name.into() }
}

fn sign_of(exponent: i32) -> char {
    if exponent < 0 { '-' } else { '+' }
}

/// `d.dddde+XX`, with a blank where there is no minus.
fn scientific(value: Decimal, places: usize) -> Result<String, SqlError> {
    let mantissa = value.mantissa().unsigned_abs();
    let sign = if value.signum() < 0 { '-' } else { ' ' };
    if mantissa == 0 {
        let zeros = "0".repeat(places);
        let point = if places > 0 { "." } else { "" };
        return Ok(format!("{sign}0{point}{zeros}e+00"));
    }
    let weight = |v: Decimal| {
        v.mantissa().unsigned_abs().checked_ilog10().unwrap_or(0) as i32 - v.scale() as i32
    };
    let mut exponent = weight(value);
    // Rounding at the last place kept may add a digit: 9.99 becomes 10.0. More places than 38
    // digits stay zeros.
    let rounded = value.abs().round(places as i32 - exponent).unwrap_or(value.abs());
    exponent = exponent.max(weight(rounded));
    let mut digits = rounded.mantissa().unsigned_abs().to_string();
    digits.truncate(places + 1);
    while digits.len() < places + 1 {
        digits.push('0');
    }
    let point = if places > 0 { "." } else { "" };
    let (whole, fraction) = digits.split_at(1);
    Ok(format!("{sign}{whole}{point}{fraction}e{}{:02}", sign_of(exponent), exponent.abs()))
}

/// What stands for a number that does not fit.
fn hashes(picture: &Picture, scientific: bool) -> String {
    let mut text: Vec<u8> =
        vec![b'#'; picture.before + picture.after + if scientific { 6 } else { 1 }];
    if scientific {
        text[0] = b' ';
        text[picture.before + 1] = b'.';
    } else {
        text[picture.before] = b'.';
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn lay_out(text: &str, picture: Picture) -> String {
    let (sign, number) = match text.strip_prefix('-') {
        Some(number) => ('-', number),
        None => ('+', text),
    };
    let whole = number.find('.').unwrap_or(number.len());
    let mut number = number.to_owned();
    let mut blanks = 0;
    if whole < picture.before {
        blanks = picture.before - whole;
    } else if whole > picture.before {
        number = hashes(&picture, false);
    }
    Layout::new(picture, number, blanks, sign).run()
}

fn roman(value: Option<i64>) -> String {
    const PARTS: [(i64, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let Some(mut rest @ 1..=3999) = value else { return "#".repeat(15) };
    let mut out = String::new();
    for (value, digits) in PARTS {
        while rest >= value {
            out.push_str(digits);
            rest -= value;
        }
    }
    out
}

/// `st`, `nd`, `rd`, `th`.
pub(super) fn ordinal_suffix(number: &str) -> &'static str {
    let digits = number.as_bytes();
    let teen = digits.len() > 1 && digits[digits.len() - 2] == b'1';
    match digits.last() {
        Some(b'1') if !teen => "st",
        Some(b'2') if !teen => "nd",
        Some(b'3') if !teen => "rd",
        _ => "th",
    }
}

/// Lays a printed number into a picture.
struct Layout {
    picture: Picture,
    number: Vec<u8>,
    /// The next character of the number.
    at: usize,
    sign: char,
    sign_written: bool,
    /// Digit positions of the picture before the number's first digit.
    blanks: usize,
    /// Digit positions so far, and in all.
    position: usize,
    count: usize,
    /// Index of the last character that is not a trailing zero, when those are left out.
    last_relevant: Option<usize>,
    /// Whether a digit was written, so that separators show.
    in_number: bool,
    out: String,
}

impl Layout {
    fn new(mut picture: Picture, number: String, mut blanks: usize, sign: char) -> Self {
        if picture.roman {
            let fill = picture.fill;
            let items = std::mem::take(&mut picture.items);
            picture = Picture { items, fill, roman: true, ..Picture::default() };
            blanks = 0;
        }
        let mut layout = Self {
            picture,
            number: number.into_bytes(),
            at: 0,
            sign,
            sign_written: false,
            blanks,
            position: 0,
            count: 0,
            last_relevant: None,
            in_number: false,
            out: String::new(),
        };
        layout.prepare();
        layout
    }

    fn prepare(&mut self) {
        let p = &mut self.picture;
        if let Some(start) = &mut p.zero_start {
            *start -= 1;
        }
        if p.plus || p.minus {
            // MI and SG write the sign themselves; PL leaves the minus to the number.
            self.sign_written = p.minus || !p.plus;
        } else {
            if self.sign != '-' && p.fill {
                p.bracket = false;
            }
            self.sign_written = self.sign == '+' && p.fill && p.sign == SignPlace::None;
            if p.sign == SignPlace::Before && p.before == p.before_sign {
                p.sign = SignPlace::After;
            }
        }
        self.count = (p.after + p.before).saturating_sub(1);
        if p.fill && p.point {
            self.last_relevant = last_relevant(&self.number);
            if let Some(last) = &mut self.last_relevant
                && p.zero_end > self.blanks
            {
                *last = (*last).max((self.number.len() - 1).min(p.zero_end - self.blanks));
            }
        }
        if !self.sign_written && self.blanks == 0 {
            self.count += 1;
        }
    }

    fn run(mut self) -> String {
        for item in std::mem::take(&mut self.picture.items) {
            self.item(item);
        }
        self.out
    }

    fn item(&mut self, item: Item) {
        let fill = self.picture.fill;
        match item {
            Item::Nine | Item::Zero | Item::Point => self.digit(item),
            Item::Comma | Item::Group if self.in_number => self.out.push(','),
            Item::Comma | Item::Group if !fill => self.out.push(' '),
            Item::Currency => self.out.push(' '),
            Item::Minus if self.sign == '-' => self.out.push('-'),
            Item::Plus if self.sign == '+' => self.out.push('+'),
            Item::Minus | Item::Plus if !fill => self.out.push(' '),
            Item::SignHere => self.out.push(self.sign),
            Item::Roman { upper } => {
                let text = String::from_utf8_lossy(&self.number).into_owned();
                let text = if upper { text } else { text.to_ascii_lowercase() };
                if !fill {
                    (text.len()..15).for_each(|_| self.out.push(' '));
                }
                self.out.push_str(&text);
            }
            Item::Ordinal { upper } => {
                let skip = self.picture.roman || self.number.first() == Some(&b'#');
                if !skip && self.sign != '-' && !self.picture.point {
                    let suffix = ordinal_suffix(&String::from_utf8_lossy(&self.number));
                    let upper_suffix = suffix.to_ascii_uppercase();
                    self.out.push_str(if upper { &upper_suffix } else { suffix });
                }
            }
            Item::Literal(c) => self.out.push(c),
            Item::Comma | Item::Group | Item::Minus | Item::Plus | Item::Silent => {}
        }
    }

    fn current(&self) -> Option<u8> {
        self.number.get(self.at).copied()
    }

    /// A zero before the point that a picture of nines leaves blank: `.1`.
    fn is_leading_zero(&self) -> bool {
        self.picture.zero_start.is_none()
            && self.at == 0
            && self.number.first() == Some(&b'0')
            && self.picture.after != 0
    }

    /// Whether nothing but zeros follows the point, and those are left out.
    fn ends_at_point(&self) -> bool {
        self.last_relevant.is_some_and(|last| self.number[last] == b'.')
    }

    fn digit(&mut self, item: Item) {
        if self.picture.roman {
            return;
        }
        self.in_number = false;
        let zero_here = self.picture.zero_start.is_some_and(|start| start <= self.position);
        let starts = self.position >= self.blanks || self.picture.zero_start == Some(self.position);
        if !self.sign_written && starts && (!self.is_leading_zero() || self.ends_at_point()) {
            self.write_sign();
        }
        if self.position < self.blanks {
            if zero_here {
                self.out.push('0');
                self.in_number = true;
            } else if !self.picture.fill {
                self.out.push(' ');
            }
        } else {
            self.write_digit(item);
        }
        let mut end = self.count + usize::from(self.blanks > 0) + usize::from(self.picture.point);
        if self.last_relevant == Some(self.at) {
            end = self.position;
        }
        if self.position + 1 == end {
            if self.sign_written && self.picture.bracket {
                self.out.push(if self.sign == '+' { ' ' } else { '>' });
            } else if self.picture.sign == SignPlace::After {
                self.out.push(self.sign);
            }
        }
        self.position += 1;
    }

    fn write_sign(&mut self) {
        match self.picture.sign {
            SignPlace::Before => self.out.push(self.sign),
            SignPlace::After => return,
            SignPlace::None if self.picture.bracket => {
                self.out.push(if self.sign == '+' { ' ' } else { '<' });
            }
            SignPlace::None if self.sign == '-' => self.out.push('-'),
            SignPlace::None if self.picture.fill => {}
            SignPlace::None => self.out.push(' '),
        }
        self.sign_written = true;
    }

    fn write_digit(&mut self, item: Item) {
        match self.current() {
            Some(b'.') => self.out.push('.'),
            current => {
                let dropped = self.last_relevant.is_some_and(|last| self.at > last);
                if dropped && item != Item::Zero {
                    // A trailing zero.
                } else if self.is_leading_zero() {
                    if !self.picture.fill {
                        self.out.push(' ');
                    } else if self.ends_at_point() {
                        self.out.push('0');
                    }
                } else if let Some(digit) = current {
                    self.out.push(char::from(digit));
                    self.in_number = true;
                }
            }
        }
        if self.at < self.number.len() {
            self.at += 1;
        }
    }
}

/// Index of the last character behind the point that is not `0`, or of the point; `None` without a
/// point.
fn last_relevant(number: &[u8]) -> Option<usize> {
    let point = number.iter().position(|c| *c == b'.')?;
    Some(number.iter().rposition(|c| *c != b'0').map_or(point, |last| last.max(point)))
}

#[cfg(test)]
mod tests;
