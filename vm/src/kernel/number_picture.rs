//! Number pictures: the templates of to_char and to_number (`FM999,990.00`), parsed and checked.
//!
//! Invariant: a picture that parses has no contradictory signs and at most one decimal point.

use arena_tr_types::{SqlError, SqlState};

/// An element of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// `9`.
    Nine,
    /// `0`.
    Zero,
    /// `.` or `D`.
    Point,
    /// `,`.
    Comma,
    /// `G`: as `,` in this locale, but skipped otherwise by to_number.
    Group,
    /// `L`: the currency symbol, a blank in this locale.
    Currency,
    /// `MI`.
    Minus,
    /// `PL`.
    Plus,
    /// `SG`.
    SignHere,
    /// `RN`, `rn`.
    Roman { upper: bool },
    /// `TH`, `th`.
    Ordinal { upper: bool },
    /// Known, but prints nothing where it stands (`S`, `PR`, `B`, `FM`, `V`, `EEEE`, `C`, `SP`).
    Silent,
    /// A character that stands for itself.
    Literal(char),
}

/// Where `S` puts the sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum SignPlace {
    /// No `S`.
    #[default]
    None,
    /// Before the number.
    Before,
    /// After it.
    After,
}

/// A parsed picture.
#[derive(Debug, Clone, Default)]
pub(super) struct Picture {
    pub(super) items: Vec<Item>,
    /// Digit positions before and after the point.
    pub(super) before: usize,
    pub(super) after: usize,
    pub(super) sign: SignPlace,
    /// Digit positions before the `S`.
    pub(super) before_sign: usize,
    /// Digits that `V` shifts by.
    pub(super) shift: usize,
    /// Position of the first `0`, from 1, if there is a `0` before the point.
    pub(super) zero_start: Option<usize>,
    /// Position of the last `0`.
    pub(super) zero_end: usize,
    pub(super) point: bool,
    pub(super) fill: bool,
    pub(super) bracket: bool,
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) roman: bool,
    pub(super) scientific: bool,
    pub(super) blank: bool,
    pub(super) multi: bool,
}

/// Keywords, longest first where one is a prefix of another. Each is also written in lower case.
const KEYWORDS: &[&str] = &[
    "EEEE", "FM", "MI", "PL", "PR", "RN", "SG", "SP", "TH", ",", ".", "0", "9", "B", "C", "D", "G",
    "L", "S", "V",
];

fn syntax(message: &str) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, message)
}

impl Picture {
    pub(super) fn parse(text: &str) -> Result<Self, SqlError> {
        let mut picture = Self::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some((keyword, length)) = keyword(rest) {
                let upper = rest.as_bytes()[0].is_ascii_uppercase();
                picture.keyword(keyword, upper)?;
                rest = &rest[length..];
            } else if c == '"' {
                rest = picture.quoted(&rest[1..]);
            } else {
                let escaped = rest.strip_prefix("\\\"");
                picture.items.push(Item::Literal(if escaped.is_some() { '"' } else { c }));
                rest = escaped.unwrap_or(&rest[c.len_utf8()..]);
            }
        }
        Ok(picture)
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

    fn keyword(&mut self, keyword: &str, upper: bool) -> Result<(), SqlError> {
        if self.scientific && keyword != "EEEE" {
            return Err(syntax("\"EEEE\" must be the last pattern used"));
        }
        let item = match keyword {
            "9" => self.digit(false)?,
            "0" => self.digit(true)?,
            "." | "D" => {
                if self.point {
                    return Err(syntax("multiple decimal points"));
                }
                if self.multi {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.point = true;
                Item::Point
            }
            "," => Item::Comma,
            "G" => Item::Group,
            "L" => Item::Currency,
            "RN" => {
                self.roman = true;
                Item::Roman { upper }
            }
            "TH" => Item::Ordinal { upper },
            "S" | "MI" | "PL" | "SG" | "PR" => self.signed(keyword)?,
            _ => {
                self.mode(keyword)?;
                Item::Silent
            }
        };
        self.items.push(item);
        Ok(())
    }

    fn digit(&mut self, zero: bool) -> Result<Item, SqlError> {
        if self.bracket {
            let digit = if zero { "0" } else { "9" };
            return Err(syntax(&format!("\"{digit}\" must be ahead of \"PR\"")));
        }
        if self.multi && !zero {
            self.shift += 1;
            return Ok(Item::Nine);
        }
        if zero && self.zero_start.is_none() && !self.point {
            self.zero_start = Some(self.before + 1);
        }
        if self.point {
            self.after += 1;
        } else {
            self.before += 1;
        }
        if zero {
            self.zero_end = self.before + self.after;
        }
        Ok(if zero { Item::Zero } else { Item::Nine })
    }

    fn signed(&mut self, keyword: &str) -> Result<Item, SqlError> {
        let locale = self.sign != SignPlace::None;
        match keyword {
            "S" => {
                if locale {
                    return Err(syntax("cannot use \"S\" twice"));
                }
                if self.plus || self.minus || self.bracket {
                    return Err(syntax(
                        "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together",
                    ));
                }
                if self.point {
                    self.sign = SignPlace::After;
                } else {
                    self.sign = SignPlace::Before;
                    self.before_sign = self.before;
                }
                return Ok(Item::Silent);
            }
            "PR" => {
                if locale || self.plus || self.minus {
                    return Err(syntax(
                        "cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together",
                    ));
                }
                self.bracket = true;
                return Ok(Item::Silent);
            }
            _ if locale => {
                return Err(syntax(&format!("cannot use \"S\" and \"{keyword}\" together")));
            }
            _ => {}
        }
        self.minus |= keyword != "PL";
        self.plus |= keyword != "MI";
        Ok(match keyword {
            "MI" => Item::Minus,
            "PL" => Item::Plus,
            _ => Item::SignHere,
        })
    }

    fn mode(&mut self, keyword: &str) -> Result<(), SqlError> {
        match keyword {
            "FM" => self.fill = true,
            "B" => self.blank |= self.before == 0 && self.after == 0 && self.zero_start.is_none(),
            "V" => {
                if self.point {
                    return Err(syntax("cannot use \"V\" and decimal point together"));
                }
                self.multi = true;
            }
            "EEEE" => {
                if self.scientific {
                    return Err(syntax("cannot use \"EEEE\" twice"));
                }
                let other = self.blank || self.fill || self.sign != SignPlace::None || self.bracket;
                if other || self.minus || self.plus || self.roman || self.multi {
                    return Err(syntax("\"EEEE\" is incompatible with other formats"));
                }
                self.scientific = true;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The keyword at the start of the text, and its length.
fn keyword(text: &str) -> Option<(&'static str, usize)> {
    let found = KEYWORDS.iter().find(|keyword| {
        let n = keyword.len();
        text.starts_with(**keyword)
            || text.get(..n).is_some_and(|t| t == keyword.to_ascii_lowercase())
    })?;
    Some((found, found.len()))
}
