//! PostgreSQL's regular expressions, rewritten in the syntax of the `regex` crate.
//!
//! Differences that are rewritten: escapes (`\y`, `\m`, `\M`, `\Z`, `\e`, `\B`, character codes),
//! brackets (where `[`, `&&`, `--` and `~~` are plain characters), braces that are no bounds,
//! newline rules and the options in front. What the crate's automata cannot do (back references,
//! lookaround) is an error that names it.
//! Invariant: whatever is returned compiles or is reported as invalid; nothing is silently given
//! another meaning.

use arena_tr_types::{SqlError, SqlState};

/// How a pattern is to be read and matched, from its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Options {
    /// `i`.
    pub(super) ignore_case: bool,
    /// `g`: all matches.
    pub(super) global: bool,
    /// `.` and `[^...]` do not match a newline (`n`, `p`).
    pub(super) newline_stops: bool,
    /// `^` and `$` match at lines (`n`, `w`).
    pub(super) line_anchors: bool,
    /// `x`: white space and comments are ignored.
    pub(super) expanded: bool,
    /// `q`: the pattern is a plain string.
    pub(super) literal: bool,
}

impl Options {
    /// Reads the flags that a function was given.
    pub(super) fn parse(flags: &str) -> Result<Self, SqlError> {
        let mut options = Self::default();
        for flag in flags.chars() {
            if flag == 'g' {
                options.global = true;
            } else if !options.set(flag) {
                return Err(SqlError::new(
                    SqlState::INVALID_PARAMETER,
                    format!("invalid regular expression option: \"{flag}\""),
                ));
            }
        }
        Ok(options)
    }

    fn set(&mut self, flag: char) -> bool {
        match flag {
            'b' | 'e' | 't' => {}
            'c' => self.ignore_case = false,
            'i' => self.ignore_case = true,
            'n' | 'm' => (self.newline_stops, self.line_anchors) = (true, true),
            'p' => (self.newline_stops, self.line_anchors) = (true, false),
            's' => (self.newline_stops, self.line_anchors) = (false, false),
            'w' => (self.newline_stops, self.line_anchors) = (false, true),
            'q' => self.literal = true,
            'x' => self.expanded = true,
            _ => return false,
        }
        true
    }
}

/// `invalid regular expression: ...`.
pub(super) fn invalid(what: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_REGEX, format!("invalid regular expression: {what}"))
}

/// The pattern in the crate's syntax, flags included.
pub(super) fn translate(pattern: &str, options: Options) -> Result<String, SqlError> {
    let (pattern, options) = leading_options(pattern, options)?;
    let mut flags = String::from("(?");
    if options.ignore_case {
        flags.push('i');
    }
    if !options.newline_stops {
        flags.push('s');
    }
    if options.line_anchors {
        flags.push('m');
    }
    let mut out = if flags.len() > 2 { flags + ")" } else { String::new() };
    if options.literal {
        pattern.chars().for_each(|c| push_literal(&mut out, c));
        return Ok(out);
    }
    let chars: Vec<char> = pattern.chars().collect();
    Translator { chars: &chars, at: 0, out, options, depth: 0, can_repeat: false }.run()
}

/// Takes off `***:`, `***=` and `(?flags)` at the start.
fn leading_options(pattern: &str, mut options: Options) -> Result<(&str, Options), SqlError> {
    let mut rest = pattern;
    if let Some(literal) = rest.strip_prefix("***=") {
        options.literal = true;
        return Ok((literal, options));
    }
    rest = rest.strip_prefix("***:").unwrap_or(rest);
    if let Some(inner) = rest.strip_prefix("(?")
        && let Some(end) = inner.find(')')
        && end > 0
        && inner[..end].bytes().all(|b| b.is_ascii_alphabetic())
    {
        for flag in inner[..end].chars() {
            if !options.set(flag) {
                return Err(invalid("invalid embedded option"));
            }
        }
        rest = &inner[end + 1..];
    }
    Ok((rest, options))
}

/// Appends a character that stands for itself.
fn push_literal(out: &mut String, c: char) {
    if r"\.+*?()|[]{}^$#&-~/ ".contains(c) {
        out.push('\\');
    }
    out.push(c);
}

struct Translator<'a> {
    chars: &'a [char],
    at: usize,
    out: String,
    options: Options,
    /// Open parentheses.
    depth: usize,
    /// Whether a quantifier may stand here.
    can_repeat: bool,
}

impl Translator<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c))
    }

    fn run(mut self) -> Result<String, SqlError> {
        while let Some(c) = self.peek(0) {
            self.item(c)?;
        }
        if self.depth > 0 {
            return Err(invalid("parentheses () not balanced"));
        }
        Ok(self.out)
    }

    fn item(&mut self, c: char) -> Result<(), SqlError> {
        match c {
            '\\' => return self.escape(),
            '[' if self.starts_with("[[:<:]]") => return self.anchor(7, r"\b{start}"),
            '[' if self.starts_with("[[:>:]]") => return self.anchor(7, r"\b{end}"),
            '[' => return self.bracket(),
            '(' => return self.open(),
            ')' => {
                if self.depth == 0 {
                    return Err(invalid("parentheses () not balanced"));
                }
                self.depth -= 1;
                self.out.push(')');
                self.can_repeat = true;
            }
            '*' | '+' | '?' => return self.quantifier(&c.to_string(), 1),
            '{' if self.peek(1).is_some_and(|d| d.is_ascii_digit()) => return self.bounds(),
            '{' => self.literal('{'),
            '|' => {
                self.out.push('|');
                self.can_repeat = false;
            }
            '^' | '$' => {
                self.out.push(c);
                self.can_repeat = false;
            }
            '.' if self.options.newline_stops => {
                self.out.push_str("[^\\n]");
                self.can_repeat = true;
            }
            '.' => {
                self.out.push('.');
                self.can_repeat = true;
            }
            _ if self.options.expanded && c.is_whitespace() => {}
            '#' if self.options.expanded => {
                while self.peek(1).is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            }
            _ => self.literal(c),
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, c: char) {
        push_literal(&mut self.out, c);
        self.can_repeat = true;
    }

    fn anchor(&mut self, length: usize, anchor: &str) -> Result<(), SqlError> {
        self.out.push_str(anchor);
        self.at += length;
        self.can_repeat = false;
        Ok(())
    }

    fn open(&mut self) -> Result<(), SqlError> {
        for (look, name) in [
            ("(?=", "a lookahead"),
            ("(?!", "a lookahead"),
            ("(?<=", "a lookbehind"),
            ("(?<!", "a lookbehind"),
        ] {
            if self.starts_with(look) {
                return Err(SqlError::unsupported(format!("{name} in a regular expression")));
            }
        }
        if self.starts_with("(?#") {
            while self.peek(0).is_some_and(|c| c != ')') {
                self.at += 1;
            }
            self.at += 1;
            return Ok(());
        }
        if self.starts_with("(?:") {
            self.out.push_str("(?:");
            self.at += 3;
        } else if self.starts_with("(?") {
            return Err(invalid("quantifier operand invalid"));
        } else {
            self.out.push('(');
            self.at += 1;
        }
        self.depth += 1;
        self.can_repeat = false;
        Ok(())
    }

    /// A quantifier of this spelling, with `?` behind it if it is reluctant.
    fn quantifier(&mut self, spelling: &str, length: usize) -> Result<(), SqlError> {
        if !self.can_repeat {
            return Err(invalid("quantifier operand invalid"));
        }
        self.out.push_str(spelling);
        self.at += length;
        if self.peek(0) == Some('?') {
            self.out.push('?');
            self.at += 1;
        }
        self.can_repeat = false;
        Ok(())
    }

    fn bounds(&mut self) -> Result<(), SqlError> {
        let rest = &self.chars[self.at + 1..];
        let end =
            rest.iter().position(|c| *c == '}').ok_or_else(|| invalid("braces {} not balanced"))?;
        let inner: String = rest[..end].iter().collect();
        let bad = || invalid("invalid repetition count(s)");
        let number = |s: &str| s.parse::<u32>().ok().filter(|n| *n <= 255).ok_or_else(bad);
        if let Some((low, high)) = inner.split_once(',') {
            let low = number(low)?;
            if !high.is_empty() && number(high)? < low {
                return Err(bad());
            }
        } else {
            number(&inner)?;
        }
        self.quantifier(&format!("{{{inner}}}"), end + 2)
    }

    fn escape(&mut self) -> Result<(), SqlError> {
        let trailing = || invalid("invalid escape \\ sequence");
        let c = self.peek(1).ok_or_else(trailing)?;
        match c {
            'A' => return self.anchor(2, r"\A"),
            'Z' => return self.anchor(2, r"\z"),
            'm' => return self.anchor(2, r"\b{start}"),
            'M' => return self.anchor(2, r"\b{end}"),
            'y' => return self.anchor(2, r"\b"),
            'Y' => return self.anchor(2, r"\B"),
            'd' | 's' | 'w' | 'D' | 'S' | 'W' => {
                self.out.push('\\');
                self.out.push(c);
                self.can_repeat = true;
                self.at += 2;
                return Ok(());
            }
            '1'..='9' => {
                return Err(SqlError::unsupported("a back reference in a regular expression"));
            }
            _ => {}
        }
        let literal = self.char_escape()?;
        self.literal(literal);
        Ok(())
    }

    /// The character that the escape here stands for; moves behind it.
    fn char_escape(&mut self) -> Result<char, SqlError> {
        let bad = || invalid("invalid escape \\ sequence");
        let c = self.peek(1).ok_or_else(bad)?;
        self.at += 2;
        Ok(match c {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'B' => '\\',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0' => '\0',
            'c' => {
                let control = self.peek(0).ok_or_else(bad)?;
                self.at += 1;
                char::from_u32(u32::from(control) & 0x1f).ok_or_else(bad)?
            }
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            'x' => {
                let digits =
                    self.chars[self.at..].iter().take_while(|c| c.is_ascii_hexdigit()).count();
                self.code(digits)?
            }
            _ if c.is_ascii_alphanumeric() => return Err(bad()),
            _ => c,
        })
    }

    fn code(&mut self, digits: usize) -> Result<char, SqlError> {
        let bad = || invalid("invalid escape \\ sequence");
        let text: String = self.chars[self.at..].iter().take(digits).collect();
        if digits == 0 || text.chars().count() < digits {
            return Err(bad());
        }
        self.at += digits;
        u32::from_str_radix(&text, 16).ok().and_then(char::from_u32).ok_or_else(bad)
    }

    /// A bracket expression, from `[` to `]`.
    fn bracket(&mut self) -> Result<(), SqlError> {
        let unbalanced = || invalid("brackets [] not balanced");
        self.out.push('[');
        self.at += 1;
        let negated = self.peek(0) == Some('^');
        if negated {
            self.out.push('^');
            self.at += 1;
        }
        let mut first = true;
        loop {
            let c = self.peek(0).ok_or_else(unbalanced)?;
            if c == ']' && !first {
                break;
            }
            first = false;
            if self.bracket_class(c)? {
                continue;
            }
            let low = self.bracket_char(c)?;
            if self.peek(0) == Some('-') && self.peek(1).is_some_and(|c| c != ']') {
                self.at += 1;
                let next = self.peek(0).ok_or_else(unbalanced)?;
                let high = self.bracket_char(next)?;
                if high < low {
                    return Err(invalid("invalid character range"));
                }
                push_literal(&mut self.out, low);
                self.out.push('-');
                push_literal(&mut self.out, high);
            } else {
                push_literal(&mut self.out, low);
            }
        }
        if negated && self.options.newline_stops {
            self.out.push_str("\\n");
        }
        self.out.push(']');
        self.at += 1;
        self.can_repeat = true;
        Ok(())
    }

    /// A class inside brackets: `[:alpha:]`, `\d`. Says whether there was one.
    fn bracket_class(&mut self, c: char) -> Result<bool, SqlError> {
        if c == '\\' && self.peek(1).is_some_and(|c| "dswDSW".contains(c)) {
            self.out.push('\\');
            self.out.extend(self.peek(1));
            self.at += 2;
            return Ok(true);
        }
        if c != '[' || self.peek(1) != Some(':') {
            return Ok(false);
        }
        let rest: String = self.chars[self.at + 2..].iter().collect();
        let end = rest.find(":]").ok_or_else(|| invalid("brackets [] not balanced"))?;
        // Unicode classes, since text is Unicode.
        self.out.push_str(match &rest[..end] {
            "alpha" => r"\p{Alphabetic}",
            "digit" => r"\d",
            "alnum" => r"\p{Alphabetic}\d",
            "upper" => r"\p{Uppercase}",
            "lower" => r"\p{Lowercase}",
            "space" => r"\s",
            "blank" => r"\t\x20",
            "punct" => "[:punct:]",
            "cntrl" => "[:cntrl:]",
            "print" => "[:print:]",
            "graph" => "[:graph:]",
            "xdigit" => "[:xdigit:]",
            "word" => r"\w",
            "ascii" => r"\x00-\x7f",
            _ => return Err(invalid("invalid character class")),
        });
        self.at += end + 4;
        Ok(true)
    }

    /// A character inside brackets; moves behind it.
    fn bracket_char(&mut self, c: char) -> Result<char, SqlError> {
        if c == '\\' {
            return self.char_escape();
        }
        // [.x.] and [=x=] name a character.
        if c == '[' && matches!(self.peek(1), Some('.' | '=')) {
            let named = self.peek(2).ok_or_else(|| invalid("brackets [] not balanced"))?;
            if self.peek(3) != self.peek(1) || self.peek(4) != Some(']') {
                return Err(invalid("invalid collating element"));
            }
            self.at += 5;
            return Ok(named);
        }
        self.at += 1;
        Ok(c)
    }
}

/// SIMILAR TO's pattern as a regular expression of the whole string. `escape` is None for the
/// default.
pub(super) fn from_similar(pattern: &str, escape: Option<&str>) -> Result<String, SqlError> {
    let escape = super::like::escape_char(escape)?;
    let mut out = String::from("^(?:");
    let mut chars = pattern.chars();
    let (mut in_brackets, mut separators) = (false, 0);
    // What stands before the first separator takes as little as it can.
    let separated = escape.is_some_and(|e| pattern.contains(&format!("{e}\"")));
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            match chars.next() {
                // escape-doublequote: ends the part before (or of) what substring gives.
                Some('"') if !in_brackets => {
                    separators += 1;
                    match separators {
                        1 => out.push_str("){1,1}?("),
                        2 => out.push_str("){1,1}(?:"),
                        _ => {
                            return Err(SqlError::new(
                                SqlState::INVALID_USE_OF_ESCAPE,
                                "SQL regular expression may not contain more than two escape-double-quote separators",
                            ));
                        }
                    }
                }
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => {}
            }
            continue;
        }
        match c {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        let reluctant = separated && separators == 0 && !in_brackets;
        match c {
            '%' if reluctant => out.push_str(".*?"),
            '*' | '+' if reluctant => {
                out.push(c);
                out.push('?');
            }
            '%' if !in_brackets => out.push_str(".*"),
            '_' if !in_brackets => out.push('.'),
            '(' if !in_brackets => out.push_str("(?:"),
            '\\' => out.push_str("\\\\"),
            '.' | '^' | '$' if !in_brackets => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out.push_str(")$");
    Ok(out)
}

#[cfg(test)]
mod tests;
