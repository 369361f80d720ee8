//! Type names, from tokens: `numeric(10, 2)`, `timestamp(3) with time zone`, `text[]`, `row(a
//! int)`.
//!
//! Our own small grammar serves column definitions and, through the library's printed form, casts.
//! Invariant: the name is in lower case with single spaces, precision apart from it in `args`.

use sqlparser::tokenizer::{Token, Word};

use crate::ast::{Ident, TypeName};
use crate::cut::tokens::Source;
use crate::error::ParseError;
use crate::limits;
use crate::lower::near;
use crate::span::Span;

/// A type in a text of its own; every span in it is the one given.
pub(crate) fn from_text(text: &str, span: Span) -> Result<TypeName, ParseError> {
    let bad = |_| ParseError::syntax(span, format!("\"{text}\" is not a type"));
    let source = Source::new(text).map_err(bad)?;
    let mut reader = Reader { src: &source, at: 0, to: source.len(), angles: 0, depth: 0 };
    let mut read = reader.data_type().map_err(bad)?;
    if reader.at < reader.to {
        return Err(ParseError::unsupported(span, &format!("type {}", text.to_lowercase())));
    }
    set_span(&mut read, span);
    Ok(read)
}

/// Moves a type to a place.
fn set_span(name: &mut TypeName, span: Span) {
    name.span = span;
    for (ident, field) in &mut name.fields {
        ident.span = span;
        set_span(field, span);
    }
}

/// The type at a token, and the token behind it.
pub(crate) fn at(src: &Source<'_>, at: usize, to: usize) -> Result<(TypeName, usize), ParseError> {
    let mut reader = Reader { src, at, to, angles: 0, depth: 0 };
    let name = reader.data_type()?;
    Ok((name, reader.at))
}

/// Reads a type from tokens.
struct Reader<'s, 'a> {
    src: &'s Source<'a>,
    at: usize,
    to: usize,
    /// How many closing angle brackets a `>>` has left over.
    angles: usize,
    depth: usize,
}

impl Reader<'_, '_> {
    /// The word at the current token, in lower case.
    fn word(&self) -> Option<String> {
        (self.at < self.to).then(|| self.src.word(self.at)).flatten().map(str::to_ascii_lowercase)
    }

    /// Takes a word if it is there.
    fn take(&mut self, word: &str) -> bool {
        let there = self.at < self.to && self.src.is_word(self.at, word);
        self.at += usize::from(there);
        there
    }

    /// Takes a token if it is there.
    fn take_token(&mut self, token: &Token) -> bool {
        let there = self.at < self.to && self.src.is(self.at, token);
        self.at += usize::from(there);
        there
    }

    /// The error for what stands here.
    fn wrong(&self, expected: &str) -> ParseError {
        let message = format!("{}, expected {expected}", near(self.src, self.at, self.to));
        ParseError::syntax(self.src.span(self.at), message)
    }

    /// A whole type.
    fn data_type(&mut self) -> Result<TypeName, ParseError> {
        self.depth += 1;
        if self.depth > limits::TREE_DEPTH {
            return Err(ParseError::limit(self.src.span(self.at), "type is nested too deep"));
        }
        let first = self.at;
        let mut name = TypeName {
            name: String::new(),
            args: vec![],
            array_dims: 0,
            fields: vec![],
            span: Span::default(),
        };
        self.base(&mut name)?;
        self.dimensions(&mut name)?;
        name.span = self.src.span_of(first, self.at);
        self.depth -= 1;
        Ok(name)
    }

    /// The name with its arguments.
    fn base(&mut self, out: &mut TypeName) -> Result<(), ParseError> {
        let Some(word) = self.word() else {
            let Some(Token::Word(Word { value, .. })) =
                self.src.token(self.at).filter(|_| self.at < self.to)
            else {
                return Err(self.wrong("a type"));
            };
            out.name.clone_from(value);
            self.at += 1;
            return self.qualified(out);
        };
        self.at += 1;
        out.name = match word.as_str() {
            "double" if self.take("precision") => "double precision".to_owned(),
            "national" if self.take("character") || self.take("char") => {
                if self.take("varying") { "varchar" } else { "char" }.to_owned()
            }
            "character" | "char" | "bit" if self.take("varying") => format!("{word} varying"),
            "timestamp" | "time" => {
                self.numbers(out)?;
                return self.zone(out, &word);
            }
            "interval" => return self.interval(out),
            "row" | "struct" if self.opens() => return self.fields(out, &word),
            "map" if self.opens() => return self.map(out),
            "array" if self.src.is(self.at, &Token::Lt) => return self.array_of(out),
            _ => word,
        };
        self.qualified(out)
    }

    /// `.name` parts and arguments; `pg_catalog` adds nothing.
    fn qualified(&mut self, out: &mut TypeName) -> Result<(), ParseError> {
        while self.take_token(&Token::Period) {
            let Some(Token::Word(Word { value, quote_style, .. })) = self.src.token(self.at) else {
                return Err(self.wrong("a type"));
            };
            let part =
                if quote_style.is_some() { value.clone() } else { value.to_ascii_lowercase() };
            out.name = if out.name == "pg_catalog" { part } else { format!("{}.{part}", out.name) };
            self.at += 1;
        }
        self.numbers(out)
    }

    /// `(10, 2)`.
    fn numbers(&mut self, out: &mut TypeName) -> Result<(), ParseError> {
        if !self.take_token(&Token::LParen) {
            return Ok(());
        }
        loop {
            match self.src.token(self.at) {
                Some(Token::Number(digits, _)) => match digits.parse() {
                    Ok(n) => out.args.push(n),
                    Err(_) => return Err(self.wrong("a whole number")),
                },
                Some(Token::Minus) => {
                    let span = self.src.span(self.at);
                    return Err(ParseError::unsupported(span, "a negative scale"));
                }
                _ => return Err(self.wrong("a whole number")),
            }
            self.at += 1;
            if !self.take_token(&Token::Comma) {
                break;
            }
        }
        if self.take_token(&Token::RParen) { Ok(()) } else { Err(self.wrong("\")\"")) }
    }

    /// WITH TIME ZONE, WITHOUT TIME ZONE.
    fn zone(&mut self, out: &mut TypeName, base: &str) -> Result<(), ParseError> {
        let with = self.src.are_words(self.at, &["with", "time", "zone"]);
        let without = self.src.are_words(self.at, &["without", "time", "zone"]);
        if (with || without) && self.at + 3 <= self.to {
            self.at += 3;
        }
        out.name = if with { format!("{base} with time zone") } else { base.to_owned() };
        Ok(())
    }

    /// INTERVAL with its fields, which stay in the name.
    fn interval(&mut self, out: &mut TypeName) -> Result<(), ParseError> {
        const FIELDS: &[&str] = &["year", "month", "day", "hour", "minute", "second", "to"];
        out.name = "interval".to_owned();
        while let Some(word) = self.word().filter(|w| FIELDS.contains(&w.as_str())) {
            out.name.push(' ');
            out.name.push_str(&word);
            self.at += 1;
        }
        self.numbers(out)
    }

    /// Whether fields follow.
    fn opens(&self) -> bool {
        self.at < self.to
            && (self.src.is(self.at, &Token::LParen) || self.src.is(self.at, &Token::Lt))
    }

    /// `(` or `<`; whether it is the angle bracket.
    fn open(&mut self) -> bool {
        let angle = self.src.is(self.at, &Token::Lt);
        self.at += 1;
        angle
    }

    /// The bracket that closes.
    fn close(&mut self, angle: bool) -> Result<(), ParseError> {
        if !angle {
            let closed = self.take_token(&Token::RParen);
            return if closed { Ok(()) } else { Err(self.wrong("\")\"")) };
        }
        if self.angles > 0 {
            self.angles -= 1;
            return Ok(());
        }
        if self.take_token(&Token::ShiftRight) {
            self.angles += 1;
            return Ok(());
        }
        if self.take_token(&Token::Gt) { Ok(()) } else { Err(self.wrong("\">\"")) }
    }

    /// ROW(a INT, b TEXT), STRUCT<a INT, b TEXT>.
    fn fields(&mut self, out: &mut TypeName, word: &str) -> Result<(), ParseError> {
        out.name = word.to_owned();
        let angle = self.open();
        loop {
            let Some(Token::Word(Word { value, quote_style, .. })) = self.src.token(self.at) else {
                return Err(self.wrong("a field's name"));
            };
            let quoted = quote_style.is_some();
            let name = if quoted { value.clone() } else { value.to_ascii_lowercase() };
            let ident = Ident { name, quoted, span: self.src.span(self.at) };
            self.at += 1;
            self.take_token(&Token::Colon);
            let field = self.data_type()?;
            out.fields.push((ident, field));
            if self.angles > 0 || !self.take_token(&Token::Comma) {
                break;
            }
        }
        self.close(angle)
    }

    /// MAP<k, v>: its fields are named key and value.
    fn map(&mut self, out: &mut TypeName) -> Result<(), ParseError> {
        out.name = "map".to_owned();
        let angle = self.open();
        for (name, last) in [("key", false), ("value", true)] {
            let span = self.src.span(self.at);
            let field = self.data_type()?;
            let ident = Ident { name: name.to_owned(), quoted: false, span };
            out.fields.push((ident, field));
            if !last && !self.take_token(&Token::Comma) {
                return Err(self.wrong("\",\""));
            }
        }
        self.close(angle)
    }

    /// ARRAY<t>.
    fn array_of(&mut self, out: &mut TypeName) -> Result<(), ParseError> {
        let angle = self.open();
        *out = self.data_type()?;
        out.array_dims += 1;
        self.close(angle)
    }

    /// `[]`, `[3]`, ARRAY.
    fn dimensions(&mut self, out: &mut TypeName) -> Result<(), ParseError> {
        loop {
            if self.take("array") {
                out.array_dims += 1;
                if !self.src.is(self.at, &Token::LBracket) {
                    continue;
                }
            } else if self.at < self.to && self.src.is(self.at, &Token::LBracket) {
                out.array_dims += 1;
            } else {
                return Ok(());
            }
            self.at += 1;
            if matches!(self.src.token(self.at), Some(Token::Number(..))) {
                self.at += 1;
            }
            if !self.take_token(&Token::RBracket) {
                return Err(self.wrong("\"]\""));
            }
        }
    }
}
