//! to_number: a number read through a picture.
//!
//! The input is followed position by position; what the picture calls a separator or a literal is
//! skipped, and digits, point and sign are collected.
//! Invariant: reading never goes beyond the input.

use arena_tr_types::decimal::Decimal;
use arena_tr_types::{DataType, Func, SqlError, SqlState};

use super::Kernel;
use super::number_picture::{Item, Picture, SignPlace};
use super::row::fixed_opt;

/// The kernel of to_number.
pub(super) fn resolve(func: Func, _: &[DataType]) -> Option<Kernel> {
    (func == Func::ToNumber).then(|| {
        fixed_opt(|r| match r.str(1) {
            "" => Ok(None),
            picture => to_number(r.str(0), picture).map(Some),
        })
    })
}

fn to_number(text: &str, picture: &str) -> Result<Decimal, SqlError> {
    let picture = Picture::parse(picture)?;
    if picture.roman {
        return Err(SqlError::unsupported("\"RN\" in to_number"));
    }
    if picture.scientific {
        return Err(SqlError::unsupported("\"EEEE\" in to_number"));
    }
    let shift = picture.shift;
    let mut reader = Reader {
        input: text.chars().collect(),
        at: 0,
        sign: ' ',
        digits: String::new(),
        before: 0,
        after: 0,
        point: false,
        picture: &picture,
    };
    reader.run();
    let digits = reader.digits.trim_end_matches('.');
    if reader.before + reader.after == 0 {
        let (sign, point) = (reader.sign, if reader.point { "." } else { "" });
        let message = format!("invalid input syntax for type numeric: \"{sign}{point}\"");
        return Err(SqlError::new(SqlState::INVALID_TEXT, message));
    }
    let sign = if reader.sign == '-' { "-" } else { "" };
    let (precision, scale) = ((picture.before + shift + reader.after) as u8, reader.after as u8);
    let value = Decimal::parse(&format!("{sign}{digits}"))?.to_declared(precision.max(1), scale)?;
    let divisor = (0..shift).try_fold(Decimal::ONE, |p, _| p.checked_mul(Decimal::new(10, 0)))?;
    if shift == 0 { Ok(value) } else { Ok(value.checked_div(divisor)?) }
}

struct Reader<'a> {
    input: Vec<char>,
    at: usize,
    /// `+`, `-`, or a blank while none was read.
    sign: char,
    digits: String,
    before: usize,
    after: usize,
    point: bool,
    picture: &'a Picture,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    fn run(&mut self) {
        for item in &self.picture.items {
            if self.at >= self.input.len() {
                return;
            }
            match item {
                Item::Nine | Item::Zero | Item::Point => {
                    self.digit(*item);
                    self.at += 1;
                }
                Item::Comma | Item::Group => {
                    if self.peek() == Some(',') {
                        self.at += 1;
                    }
                }
                Item::Currency => self.skip(1),
                Item::Ordinal { .. } => self.skip(2),
                Item::Minus | Item::Plus | Item::SignHere => self.sign_here(*item),
                Item::Literal(_) => self.at += 1,
                Item::Silent | Item::Roman { .. } => {}
            }
        }
    }

    /// Skips up to `n` characters that are no data.
    fn skip(&mut self, n: usize) {
        for _ in 0..n {
            if self.peek().is_none_or(|c| "0123456789.,+-".contains(c)) {
                return;
            }
            self.at += 1;
        }
    }

    fn sign_here(&mut self, item: Item) {
        match (self.peek(), item) {
            (Some('-'), Item::Minus | Item::SignHere) => self.sign = '-',
            (Some('+'), Item::Plus | Item::SignHere) => self.sign = '+',
            _ => return self.skip(1),
        }
        self.at += 1;
    }

    fn digit(&mut self, item: Item) {
        if self.peek() == Some(' ') {
            self.at += 1;
        }
        let first = self.before + self.after == 0;
        if self.sign == ' ' && item != Item::Point && first {
            self.leading_sign();
        }
        let mut read = false;
        match self.peek() {
            None => return,
            Some(digit) if digit.is_ascii_digit() => {
                if self.point && self.after == self.picture.after {
                    return;
                }
                self.digits.push(digit);
                if self.point {
                    self.after += 1;
                } else {
                    self.before += 1;
                }
                read = true;
            }
            Some('.') if self.picture.point && !self.point => {
                self.digits.push('.');
                self.point = true;
                read = true;
            }
            Some(_) => {}
        }
        if self.sign == ' ' && self.before + self.after > 0 {
            self.trailing_sign(read);
        }
    }

    fn leading_sign(&mut self) {
        let bracket = self.picture.bracket && self.peek() == Some('<');
        match self.peek() {
            Some('-') => self.sign = '-',
            Some('+') => self.sign = '+',
            Some(_) if bracket => self.sign = '-',
            _ => return,
        }
        if self.picture.sign == SignPlace::After {
            // An S behind the digits is not here.
            self.sign = ' ';
            return;
        }
        self.at += 1;
    }

    fn trailing_sign(&mut self, read: bool) {
        let signed = |c: Option<char>| c.filter(|c| matches!(c, '-' | '+'));
        if self.picture.sign != SignPlace::None && read {
            if let Some(sign) = signed(self.input.get(self.at + 1).copied()) {
                self.sign = sign;
                self.at += 1;
            }
        } else if !read
            && self.picture.sign == SignPlace::None
            && let Some(sign) = signed(self.peek())
        {
            self.sign = sign;
        }
    }
}
