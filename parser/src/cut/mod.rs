//! Clauses that the grammar library cannot take are cut from the token stream and kept beside it.
//!
//! A fragment of a statement (a query, an expression, a list of FROM items) goes through here
//! before the library sees it. Time windows in FROM are parsed at once and replaced by one word,
//! FOR SYSTEM_TIME AS OF is parsed at once and cut out; other clauses are cut out and leave a mark
//! at their position. Lowering finds all of them by byte position.
//! Invariant: every mark is taken by the node it belongs to; one that nobody takes is an error, so
//! nothing that was written is ever silently ignored.

pub(crate) mod measure;
mod system_time;
pub(crate) mod tokens;
pub(crate) mod window;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::ast::{AsOf, TimeWindowCall};
use crate::error::ParseError;
use crate::lower::Cx;
use tokens::Source;

/// A clause that was cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A construct in FROM that is not built; keyed by the end of the token before it.
    Unsupported(&'static str),
    /// EXCLUDE in a window frame; keyed by its start.
    Exclude,
    /// SYMMETRIC behind BETWEEN; keyed by its start.
    Symmetric,
}

/// What was cut out of a fragment.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    windows: RefCell<HashMap<usize, TimeWindowCall>>,
    /// Keyed by the end of the token before; with the start and the end of the clause.
    as_ofs: RefCell<BTreeMap<usize, (AsOf, usize, usize)>>,
    marks: RefCell<BTreeMap<usize, (Mark, usize)>>,
}

impl Cuts {
    /// The time window that stands at a byte.
    pub(crate) fn take_window(&self, at: usize) -> Option<TimeWindowCall> {
        self.windows.borrow_mut().remove(&at)
    }

    /// Takes the first mark of a kind within a range of bytes; its position and length.
    pub(crate) fn take(
        &self,
        from: usize,
        to: usize,
        wanted: impl Fn(Mark) -> bool,
    ) -> Option<(Mark, usize, usize)> {
        let mut marks = self.marks.borrow_mut();
        let (&at, &(mark, end)) = marks.range(from..=to).find(|(_, (m, _))| wanted(*m))?;
        marks.remove(&at);
        Some((mark, at, end))
    }

    /// The FOR SYSTEM_TIME AS OF that follows the token which ends at a byte; and where it ends.
    pub(crate) fn take_as_of(&self, at: usize) -> Option<(AsOf, usize)> {
        let (as_of, _, end) = self.as_ofs.borrow_mut().remove(&at)?;
        Some((as_of, end))
    }

    /// Where a FOR SYSTEM_TIME AS OF starts that no node took.
    pub(crate) fn left_as_of(&self) -> Option<usize> {
        self.as_ofs.borrow().values().next().map(|(_, start, _)| *start)
    }

    /// A mark that no node took.
    pub(crate) fn left_over(&self) -> Option<(usize, Mark)> {
        self.marks.borrow().iter().next().map(|(&at, &(mark, _))| (at, mark))
    }

    /// A time window that no node took.
    pub(crate) fn left_window(&self) -> Option<usize> {
        self.windows.borrow().keys().next().copied()
    }
}

/// A fragment as the library will see it, and what is kept beside it.
pub(crate) struct Fragment {
    /// The tokens that remain.
    pub(crate) tokens: Vec<TokenWithSpan>,
    /// What was cut.
    pub(crate) cuts: Cuts,
}

/// Which part of a query the scan is in, at one level of parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// An expression, or anything else where nothing is cut by position.
    Other,
    /// The select list.
    Select,
    /// FROM.
    From,
    /// A join's condition; a comma leads back to FROM.
    On,
}

/// One level of parentheses.
struct Level {
    clause: Clause,
    /// The next token starts a FROM item.
    factor: bool,
    /// An ASOF join was seen, so MATCH_CONDITION and TOLERANCE belong to it.
    asof: bool,
}

/// Prepares the tokens `from..to` for the library.
pub(crate) fn prepare(
    cx: &Cx<'_>,
    from: usize,
    to: usize,
    base: Clause,
) -> Result<Fragment, ParseError> {
    let mut cutter = Cutter {
        cx,
        src: cx.src,
        to,
        at: from,
        tokens: Vec::with_capacity(to - from),
        cuts: Cuts::default(),
        levels: vec![Level { clause: base, factor: base == Clause::From, asof: false }],
    };
    while cutter.at < to {
        cutter.step()?;
    }
    Ok(Fragment { tokens: cutter.tokens, cuts: cutter.cuts })
}

/// The scan's state.
struct Cutter<'c, 'a> {
    cx: &'c Cx<'a>,
    src: &'c Source<'a>,
    to: usize,
    at: usize,
    tokens: Vec<TokenWithSpan>,
    cuts: Cuts,
    levels: Vec<Level>,
}

impl Cutter<'_, '_> {
    /// Handles the token at `at`.
    fn step(&mut self) -> Result<(), ParseError> {
        let factor = self.levels.last_mut().is_some_and(|l| std::mem::take(&mut l.factor));
        match self.src.token(self.at) {
            Some(Token::LParen) => {
                let clause = if factor { Clause::From } else { Clause::Other };
                self.levels.push(Level { clause, factor, asof: false });
                self.keep();
            }
            Some(Token::RParen) => {
                if self.levels.len() > 1 {
                    self.levels.pop();
                }
                self.keep();
            }
            Some(Token::Comma) => {
                if let Some(level) = self.levels.last_mut()
                    && matches!(level.clause, Clause::From | Clause::On)
                {
                    level.clause = Clause::From;
                    level.factor = true;
                }
                self.keep();
            }
            Some(Token::Word(word)) if word.quote_style.is_none() => {
                let upper = word.value.to_ascii_uppercase();
                self.word(&upper, factor)?;
            }
            _ => self.keep(),
        }
        Ok(())
    }

    /// Passes the current token on.
    fn keep(&mut self) {
        if let Some(token) = self.src.tokens.get(self.at) {
            self.tokens.push(token.clone());
        }
        self.at += 1;
    }

    /// The clause at this level.
    fn clause(&self) -> Clause {
        self.levels.last().map_or(Clause::Other, |l| l.clause)
    }

    /// Enters a clause at this level.
    fn enter(&mut self, clause: Clause) {
        if let Some(level) = self.levels.last_mut() {
            level.clause = clause;
            level.factor = clause == Clause::From;
        }
    }

    /// An unquoted word.
    fn word(&mut self, word: &str, factor: bool) -> Result<(), ParseError> {
        // Tables do not inherit, so ONLY says nothing.
        if factor && word == "ONLY" {
            self.enter(Clause::From);
            self.at += 1;
            return Ok(());
        }
        if factor && self.window(word)? {
            return Ok(());
        }
        if matches!(self.clause(), Clause::From | Clause::On) && self.clause_of_from(word)? {
            return Ok(());
        }
        match word {
            "SELECT" => self.enter(Clause::Select),
            "FROM" if self.clause() == Clause::Select && !self.is_distinct_from() => {
                self.enter(Clause::From);
            }
            "LATERAL" => {
                if let Some(level) = self.levels.last_mut() {
                    level.factor = factor;
                }
            }
            "JOIN" if self.clause() != Clause::Select => self.enter(Clause::From),
            "ON" | "USING" if self.clause() == Clause::From => self.enter(Clause::On),
            "WHERE" | "GROUP" | "HAVING" | "ORDER" | "LIMIT" | "OFFSET" | "FETCH" | "WINDOW"
            | "QUALIFY" | "UNION" | "INTERSECT" | "EXCEPT"
                if self.clause() != Clause::Other =>
            {
                self.enter(Clause::Other);
            }
            "TABLE" if self.table_query() => return Ok(()),
            "FETCH" if self.fetch_expression()? => return Ok(()),
            "SYMMETRIC" | "ASYMMETRIC" if self.behind("BETWEEN") => {
                if word == "SYMMETRIC" {
                    self.mark(self.src.start(self.at), Mark::Symmetric, self.at + 1);
                }
                self.at += 1;
                return Ok(());
            }
            "EXCLUDE" if self.exclude() => return Ok(()),
            "EMIT" => self.no_emit()?,
            _ => {}
        }
        self.keep();
        Ok(())
    }

    /// Whether the token before is this word.
    fn behind(&self, word: &str) -> bool {
        self.at > 0 && self.src.is_word(self.at - 1, word)
    }

    /// Whether this FROM belongs to IS [NOT] DISTINCT FROM.
    fn is_distinct_from(&self) -> bool {
        self.behind("DISTINCT")
            && self.at >= 2
            && (self.src.is_word(self.at - 2, "IS") || self.src.is_word(self.at - 2, "NOT"))
    }

    /// Notes that something was cut at a byte, up to a token.
    fn mark(&mut self, at: usize, mark: Mark, upto: usize) {
        let end = self.src.end(upto.saturating_sub(1));
        self.cuts.marks.get_mut().insert(at, (mark, end));
    }

    /// A time window at the start of a FROM item.
    fn window(&mut self, word: &str) -> Result<bool, ParseError> {
        let Some((call, next)) = window::at(self.cx, self.at, self.to)? else {
            return Ok(false);
        };
        let key = self.src.start(self.at);
        let Some(first) = self.src.tokens.get(self.at) else { return Ok(false) };
        let placeholder =
            Word { value: word.to_owned(), quote_style: None, keyword: Keyword::NoKeyword };
        let mut span = first.span;
        if let Some(last) = self.src.tokens.get(next - 1) {
            span.end = last.span.end;
        }
        self.tokens.push(TokenWithSpan { token: Token::Word(placeholder), span });
        self.cuts.windows.get_mut().insert(key, call);
        self.at = next;
        Ok(true)
    }

    /// Clauses of FROM that are known but not built: cut and marked behind the item they follow.
    fn clause_of_from(&mut self, word: &str) -> Result<bool, ParseError> {
        let bracketed = self.src.is(self.at + 1, &Token::LParen);
        let cut = match word {
            "MATCH_RECOGNIZE" if bracketed => ("MATCH_RECOGNIZE", self.behind_bracket(1)),
            "PIVOT" if bracketed => ("PIVOT", self.behind_bracket(1)),
            "UNPIVOT" if bracketed => ("UNPIVOT", self.behind_bracket(1)),
            "FOR" if self.src.is_word(self.at + 1, "SYSTEM_TIME") => {
                return self.system_time().map(|()| true);
            }
            "MATCH_CONDITION" if bracketed && self.asof() => ("", self.behind_bracket(1)),
            "TOLERANCE" if self.asof() => ("", self.behind_expression(1)),
            "ASOF" => return Ok(self.asof_join()),
            _ => return Ok(false),
        };
        let (what, next) = cut;
        if !what.is_empty() {
            let key = self.src.end(self.at.saturating_sub(1));
            self.mark(key, Mark::Unsupported(what), next);
        }
        self.at = next;
        Ok(true)
    }

    /// Whether an ASOF join was seen at this level.
    fn asof(&self) -> bool {
        self.levels.last().is_some_and(|l| l.asof)
    }

    /// ASOF [LEFT | INNER] [OUTER] JOIN: the word is cut, the join keeps a mark at its JOIN.
    fn asof_join(&mut self) -> bool {
        let mut join = self.at + 1;
        while ["LEFT", "INNER", "OUTER"].iter().any(|w| self.src.is_word(join, w)) {
            join += 1;
        }
        if !self.src.is_word(join, "JOIN") {
            return false;
        }
        self.mark(self.src.end(join), Mark::Unsupported("ASOF JOIN"), join + 1);
        if let Some(level) = self.levels.last_mut() {
            level.asof = true;
        }
        self.at += 1;
        true
    }

    /// The token behind the bracket that opens `skip` tokens ahead.
    fn behind_bracket(&self, skip: usize) -> usize {
        self.src.partner(self.at + skip).map_or(self.to, |p| (p + 1).min(self.to))
    }

    /// The token behind an expression that starts `skip` tokens ahead, without parsing it.
    fn behind_expression(&self, skip: usize) -> usize {
        const ENDS: &[&str] = &[
            "AS",
            "ON",
            "USING",
            "JOIN",
            "LEFT",
            "RIGHT",
            "INNER",
            "FULL",
            "CROSS",
            "NATURAL",
            "ASOF",
            "WHERE",
            "GROUP",
            "HAVING",
            "ORDER",
            "LIMIT",
            "OFFSET",
            "FETCH",
            "WINDOW",
            "QUALIFY",
            "UNION",
            "INTERSECT",
            "EXCEPT",
            "TOLERANCE",
        ];
        let mut at = self.at + skip;
        while at < self.to {
            match self.src.token(at) {
                Some(Token::Comma | Token::RParen | Token::SemiColon) | None => break,
                Some(Token::LParen | Token::LBracket) => {
                    at = self.src.partner(at).unwrap_or(at);
                }
                Some(Token::Word(_)) if ENDS.iter().any(|w| self.src.is_word(at, w)) => {
                    // left(...) and right(...) are functions.
                    let side = self.src.is_word(at, "LEFT") || self.src.is_word(at, "RIGHT");
                    if !(side && self.src.is(at + 1, &Token::LParen)) {
                        break;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        at.min(self.to)
    }

    /// `TABLE t` as a query: `SELECT * FROM t`.
    fn table_query(&mut self) -> bool {
        if !matches!(self.src.token(self.at + 1), Some(Token::Word(_))) {
            return false;
        }
        let Some(span) = self.src.tokens.get(self.at).map(|t| t.span) else { return false };
        let words = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
        self.tokens.extend(words.map(|token| TokenWithSpan { token, span }));
        self.at += 1;
        self.enter(Clause::From);
        true
    }

    /// `FETCH FIRST (expression) ROWS ONLY`: the library takes only a number there, LIMIT takes
    /// both.
    fn fetch_expression(&mut self) -> Result<bool, ParseError> {
        let first = self.src.is_word(self.at + 1, "FIRST") || self.src.is_word(self.at + 1, "NEXT");
        let open = self.at + 2;
        let Some(close) = self.src.partner(open).filter(|&c| first && c > open && c < self.to)
        else {
            return Ok(false);
        };
        let rows = self.src.is_word(close + 1, "ROW") || self.src.is_word(close + 1, "ROWS");
        if rows && self.src.are_words(close + 2, &["WITH", "TIES"]) {
            return Err(ParseError::unsupported(self.src.span(close + 2), "FETCH FIRST WITH TIES"));
        }
        if !rows || !self.src.is_word(close + 2, "ONLY") {
            return Ok(false);
        }
        let Some(span) = self.src.tokens.get(self.at).map(|t| t.span) else { return Ok(false) };
        self.tokens.push(TokenWithSpan { token: Token::make_keyword("LIMIT"), span });
        self.tokens.extend(self.src.tokens[open..=close].iter().cloned());
        self.at = close + 3;
        Ok(true)
    }

    /// EXCLUDE behind a window frame's bounds.
    fn exclude(&mut self) -> bool {
        if !["ROW", "PRECEDING", "FOLLOWING"].iter().any(|w| self.behind(w)) {
            return false;
        }
        let next = self.at + 1;
        let (length, excludes) = match self.src.word(next).map(str::to_ascii_uppercase).as_deref() {
            Some("CURRENT") if self.src.is_word(next + 1, "ROW") => (3, true),
            Some("NO") if self.src.is_word(next + 1, "OTHERS") => (3, false),
            Some("GROUP" | "TIES") => (2, true),
            _ => return false,
        };
        if excludes {
            self.mark(self.src.start(self.at), Mark::Exclude, self.at + length);
        }
        self.at += length;
        true
    }

    /// EMIT belongs to a statement's end; inside a query it would become an alias.
    fn no_emit(&self) -> Result<(), ParseError> {
        let next = self.src.word(self.at + 1).map(str::to_ascii_uppercase);
        if matches!(next.as_deref(), Some("CHANGES" | "FINAL" | "EVERY"))
            || self.src.are_words(self.at + 1, &["ON", "WINDOW"])
        {
            let span = self.src.span_of(self.at, self.at + 2);
            return Err(ParseError::syntax(span, "EMIT is not allowed here")
                .with_hint("EMIT stands once, at the end of the statement."));
        }
        Ok(())
    }
}

/// What stands at a token, for messages: `"word"` or `end of input`.
pub(crate) fn found(src: &Source<'_>, at: usize, _to: usize) -> String {
    if at >= src.len() {
        return "end of input".to_owned();
    }
    let span = src.span(at);
    let text = &src.text[span.start as usize..span.end as usize];
    if text.chars().count() > 40 {
        let head: String = text.chars().take(37).collect();
        return format!("\"{head}...\"");
    }
    format!("\"{text}\"")
}
