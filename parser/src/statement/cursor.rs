//! A place in a statement's tokens, and what every statement parser needs there.
//!
//! Invariant: `at <= to`; nothing reads at or behind `to`.

use sqlparser::tokenizer::{Token, Word};

use crate::ast::{Emit, Expr, Ident, Literal, ObjectName, Query, TypeName, WithOption};
use crate::cut::tokens::Source;
use crate::error::ParseError;
use crate::lower::{self, Cx, RESERVED, near, object_name_of, types};
use crate::span::Span;

/// A place in a statement.
pub(crate) struct Cursor<'c, 'a> {
    /// The statement's budget and tokens.
    pub(crate) cx: &'c Cx<'a>,
    /// The tokens.
    pub(crate) src: &'c Source<'a>,
    /// The current token.
    pub(crate) at: usize,
    /// The token behind the last one.
    pub(crate) to: usize,
}

impl<'c, 'a> Cursor<'c, 'a> {
    /// The tokens `from..to`.
    pub(crate) fn new(cx: &'c Cx<'a>, from: usize, to: usize) -> Self {
        Self { cx, src: cx.src, at: from, to }
    }

    /// The same statement's tokens `from..to`.
    pub(crate) fn part(&self, from: usize, to: usize) -> Self {
        Self { cx: self.cx, src: self.src, at: from, to: to.max(from) }
    }

    /// Whether everything was read.
    pub(crate) fn done(&self) -> bool {
        self.at >= self.to
    }

    /// Whether the current token is this word.
    pub(crate) fn is(&self, word: &str) -> bool {
        !self.done() && self.src.is_word(self.at, word)
    }

    /// Whether these words come next.
    pub(crate) fn are(&self, words: &[&str]) -> bool {
        self.at + words.len() <= self.to && self.src.are_words(self.at, words)
    }

    /// Takes a word if it comes next.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let there = self.is(word);
        self.at += usize::from(there);
        there
    }

    /// Takes words if all of them come next.
    pub(crate) fn take_words(&mut self, words: &[&str]) -> bool {
        let there = self.are(words);
        self.at += if there { words.len() } else { 0 };
        there
    }

    /// Whether the current token is this one.
    pub(crate) fn is_token(&self, token: &Token) -> bool {
        !self.done() && self.src.is(self.at, token)
    }

    /// Takes a token if it comes next.
    pub(crate) fn take_token(&mut self, token: &Token) -> bool {
        let there = self.is_token(token);
        self.at += usize::from(there);
        there
    }

    /// Takes words that must come next.
    pub(crate) fn expect(&mut self, words: &[&str]) -> Result<(), ParseError> {
        for word in words {
            if !self.take(word) {
                return Err(self.wrong(&words.join(" ")));
            }
        }
        Ok(())
    }

    /// Takes a token that must come next.
    pub(crate) fn expect_token(&mut self, token: &Token) -> Result<(), ParseError> {
        if self.take_token(token) { Ok(()) } else { Err(self.wrong(&format!("\"{token}\""))) }
    }

    /// Nothing may be left.
    pub(crate) fn expect_end(&self) -> Result<(), ParseError> {
        if self.done() {
            return Ok(());
        }
        Err(ParseError::syntax(self.src.span(self.at), near(self.src, self.at, self.to)))
    }

    /// The error for what stands here.
    pub(crate) fn wrong(&self, expected: &str) -> ParseError {
        let message = format!("{}, expected {expected}", near(self.src, self.at, self.to));
        ParseError::syntax(self.src.span(self.at), message)
    }

    /// Where the current token stands.
    pub(crate) fn here(&self) -> Span {
        self.src.span(self.at)
    }

    /// From a token to the one before the current.
    pub(crate) fn since(&self, from: usize) -> Span {
        self.src.span_of(from, self.at)
    }

    /// A name.
    pub(crate) fn ident(&mut self) -> Result<Ident, ParseError> {
        let Some(Token::Word(Word { value, quote_style, .. })) =
            self.src.token(self.at).filter(|_| !self.done())
        else {
            return Err(self.wrong("a name"));
        };
        let quoted = quote_style.is_some();
        let name = if quoted { value.clone() } else { value.to_ascii_lowercase() };
        if !quoted && RESERVED.contains(&name.as_str()) {
            let hint = format!("{} is a reserved word; as a name it takes double quotes.", value);
            return Err(self.wrong("a name").with_hint(hint));
        }
        let ident = Ident { name, quoted, span: self.here() };
        self.at += 1;
        Ok(ident)
    }

    /// A possibly qualified name.
    pub(crate) fn object_name(&mut self) -> Result<ObjectName, ParseError> {
        let mut parts = vec![self.ident()?];
        while self.take_token(&Token::Period) {
            parts.push(self.ident()?);
        }
        object_name_of(parts).ok_or_else(|| self.wrong("a name"))
    }

    /// `(a, b)`.
    pub(crate) fn idents_in_parentheses(&mut self) -> Result<Vec<Ident>, ParseError> {
        self.expect_token(&Token::LParen)?;
        let mut all = vec![self.ident()?];
        while self.take_token(&Token::Comma) {
            all.push(self.ident()?);
        }
        self.expect_token(&Token::RParen)?;
        Ok(all)
    }

    /// The inside of the parentheses that open here; the cursor moves behind them.
    pub(crate) fn parentheses(&mut self) -> Result<Cursor<'c, 'a>, ParseError> {
        match self.src.partner(self.at) {
            Some(close) if self.is_token(&Token::LParen) && close < self.to => {
                let inside = self.part(self.at + 1, close);
                self.at = close + 1;
                Ok(inside)
            }
            _ => Err(self.wrong("\"(\"")),
        }
    }

    /// The same tokens without the parentheses around all of them.
    pub(crate) fn without_parentheses(self) -> Self {
        let mut inside = self;
        while inside.is_token(&Token::LParen)
            && inside.src.partner(inside.at) == Some(inside.to - 1)
        {
            inside = inside.part(inside.at + 1, inside.to - 1);
        }
        inside
    }

    /// The parts between the commas outside any brackets.
    pub(crate) fn comma_separated(&self) -> Vec<Cursor<'c, 'a>> {
        let mut all = Vec::new();
        let mut start = self.at;
        let mut at = self.at;
        while at <= self.to {
            if at == self.to || self.src.is(at, &Token::Comma) {
                all.push(self.part(start, at));
                start = at + 1;
            } else if let Some(close) = self.src.partner(at).filter(|&p| p > at) {
                at = close;
            } else if self.starts_angle_type(at)
                && let Ok((_, next)) = types::at(self.src, at, self.to)
            {
                at = next - 1;
            }
            at += 1;
        }
        all
    }

    /// Whether `STRUCT<` or its like starts here: its commas separate nothing else.
    fn starts_angle_type(&self, at: usize) -> bool {
        self.src.is(at + 1, &Token::Lt)
            && ["STRUCT", "ROW", "MAP", "ARRAY"].iter().any(|w| self.src.is_word(at, w))
    }

    /// The first token outside any brackets for which the test holds; the end if there is none.
    pub(crate) fn find(&self, test: impl Fn(&Source<'a>, usize) -> bool) -> usize {
        let mut at = self.at;
        while at < self.to {
            if test(self.src, at) {
                return at;
            }
            at = self.src.partner(at).filter(|&p| p > at).unwrap_or(at) + 1;
        }
        self.to
    }

    /// IF NOT EXISTS.
    pub(crate) fn if_not_exists(&mut self) -> bool {
        self.take_words(&["IF", "NOT", "EXISTS"])
    }

    /// A type.
    pub(crate) fn data_type(&mut self) -> Result<TypeName, ParseError> {
        let (name, next) = types::at(self.src, self.at, self.to)?;
        self.at = next;
        Ok(name)
    }

    /// The expression that fills the tokens up to one.
    pub(crate) fn expr_to(&mut self, to: usize) -> Result<Expr, ParseError> {
        if self.at >= to {
            return Err(self.wrong("an expression"));
        }
        let expr = lower::expr(self.cx, self.at, to)?;
        self.at = to;
        Ok(expr)
    }

    /// The longest expression here.
    pub(crate) fn leading_expr(&mut self) -> Result<Expr, ParseError> {
        if self.done() {
            return Err(self.wrong("an expression"));
        }
        let (expr, next) = lower::leading_expr(self.cx, self.at, self.to)?;
        self.at = next;
        Ok(expr)
    }

    /// The query, with its EMIT clause, that fills the tokens up to one.
    pub(crate) fn query_to(&mut self, to: usize) -> Result<Query, ParseError> {
        let whole = self.part(self.at, to);
        let emit_at = whole.find(is_emit);
        if self.at >= emit_at {
            return Err(self.wrong("a query"));
        }
        let mut query = lower::query(self.cx, self.at, emit_at)?;
        self.at = emit_at;
        if emit_at < to {
            let mut clause = self.part(emit_at, to);
            query.emit = Some(clause.emit()?);
            clause.expect_end()?;
            query.span = Span::new(query.span.start as usize, self.src.end(to - 1));
        }
        self.at = to;
        Ok(query)
    }

    /// EMIT CHANGES | EMIT FINAL | EMIT ON WINDOW CLOSE | EMIT EVERY interval.
    fn emit(&mut self) -> Result<Emit, ParseError> {
        let start = self.at;
        self.expect(&["EMIT"])?;
        if self.take("CHANGES") {
            return Ok(Emit::Changes(self.since(start)));
        }
        if self.take("FINAL") {
            return Ok(Emit::OnWindowClose(self.since(start)));
        }
        if self.take("ON") {
            self.expect(&["WINDOW", "CLOSE"])?;
            return Ok(Emit::OnWindowClose(self.since(start)));
        }
        self.expect(&["EVERY"])?;
        let every = self.expr_to(self.to)?;
        Ok(Emit::Every(every, self.since(start)))
    }

    /// A string literal.
    pub(crate) fn string(&mut self) -> Option<String> {
        let text = match self.src.token(self.at).filter(|_| !self.done())? {
            Token::SingleQuotedString(s)
            | Token::EscapedStringLiteral(s)
            | Token::UnicodeStringLiteral(s) => s.clone(),
            Token::DollarQuotedString(s) => s.value.clone(),
            _ => return None,
        };
        self.at += 1;
        Some(text)
    }

    /// A whole number.
    pub(crate) fn whole_number(&mut self) -> Result<u64, ParseError> {
        let number = match self.src.token(self.at).filter(|_| !self.done()) {
            Some(Token::Number(digits, _)) => digits.parse().ok(),
            _ => None,
        };
        match number {
            Some(n) => {
                self.at += 1;
                Ok(n)
            }
            None => Err(self.wrong("a whole number")),
        }
    }

    /// WITH (key = value, ...), if it comes next.
    pub(crate) fn with_options(&mut self) -> Result<Vec<WithOption>, ParseError> {
        if !(self.is("WITH") && self.src.is(self.at + 1, &Token::LParen)) {
            return Ok(vec![]);
        }
        self.at += 1;
        self.options()
    }

    /// `(key = value, ...)`: keys dotted or quoted, a key alone is true.
    pub(crate) fn options(&mut self) -> Result<Vec<WithOption>, ParseError> {
        let inside = self.parentheses()?;
        if inside.done() {
            return Ok(vec![]);
        }
        inside.comma_separated().into_iter().map(|mut part| part.option()).collect()
    }

    /// One option; fills this cursor's tokens.
    fn option(&mut self) -> Result<WithOption, ParseError> {
        let start = self.at;
        let key = self.option_key()?;
        let assigned = self.take_token(&Token::Eq) || self.take_token(&Token::RArrow);
        let value =
            if assigned || !self.done() { self.option_value()? } else { Literal::Bool(true) };
        self.expect_end()?;
        Ok(WithOption { key, value, span: self.since(start) })
    }

    /// `a.b-c`, `'a.b'`, `"a.b"`, in lower case.
    fn option_key(&mut self) -> Result<String, ParseError> {
        if let Some(key) = self.string() {
            return Ok(key.to_lowercase());
        }
        let start = self.at;
        let mut key = String::new();
        while let Some(Token::Word(word)) = self.src.token(self.at).filter(|_| !self.done()) {
            key.push_str(&word.value.to_lowercase());
            self.at += 1;
            match self.src.token(self.at).filter(|_| !self.done()) {
                Some(Token::Period) => key.push('.'),
                Some(Token::Minus) => key.push('-'),
                _ => break,
            }
            self.at += 1;
        }
        if self.at == start || key.ends_with(['.', '-']) {
            return Err(self.wrong("an option's name"));
        }
        Ok(key)
    }

    /// A literal or a bare word.
    pub(crate) fn option_value(&mut self) -> Result<Literal, ParseError> {
        if let Some(text) = self.string() {
            return Ok(Literal::String(text));
        }
        let negative = self.take_token(&Token::Minus);
        let token = self.src.token(self.at).filter(|_| !self.done());
        let value = match token {
            Some(Token::Number(digits, _)) => {
                let sign = if negative { "-" } else { "" };
                Literal::Number(format!("{sign}{digits}"))
            }
            Some(Token::Word(word)) if !negative => {
                match (word.quote_style, word.value.to_ascii_lowercase().as_str()) {
                    (None, "true") => Literal::Bool(true),
                    (None, "false") => Literal::Bool(false),
                    (None, "null") => Literal::Null,
                    (None, "interval") => return self.interval_value(),
                    _ => Literal::String(word.value.clone()),
                }
            }
            _ => return Err(self.wrong("a value")),
        };
        self.at += 1;
        Ok(value)
    }

    /// INTERVAL '1' DAY as an option's value.
    fn interval_value(&mut self) -> Result<Literal, ParseError> {
        let here = self.here();
        match self.leading_expr()?.kind {
            crate::ast::ExprKind::Literal(literal) => Ok(literal),
            _ => Err(ParseError::syntax(here, "expected an interval")),
        }
    }
}

/// Whether an EMIT clause starts at a token.
pub(crate) fn is_emit(src: &Source<'_>, at: usize) -> bool {
    src.is_word(at, "EMIT")
        && (["CHANGES", "FINAL", "EVERY"].iter().any(|w| src.is_word(at + 1, w))
            || src.are_words(at + 1, &["ON", "WINDOW"]))
}

/// Whether `WITH (` starts at a token: options, never a common table expression.
pub(crate) fn is_options(src: &Source<'_>, at: usize) -> bool {
    src.is_word(at, "WITH") && src.is(at + 1, &Token::LParen)
}
