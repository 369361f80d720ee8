//! From the grammar library's tree to ours, at once, with byte spans.
//!
//! A fragment of a statement's tokens is prepared (see [`crate::cut`]), parsed by the library and
//! lowered here; nothing of the library leaves this module. Lowering takes its tree apart by value,
//! so long chains of operators are walked and freed without recursion.
//! Invariant: no tree higher than the limit and none with more nodes than the limit leaves this
//! module.

mod expr;
mod from;
mod function;
mod group;
mod literal;
mod operator;
mod query;
pub(crate) mod types;

pub(crate) use operator::symbol;

use std::cell::Cell;

use sqlparser::ast as lib;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::ast::{Cte, Expr, From, Ident, ObjectName, OrderBy, Query, SelectItem};
use crate::cut::tokens::{Source, byte_of};
use crate::cut::{self, Clause, Cuts, Fragment, Mark, found};
use crate::dialect::ArenaDialect;
use crate::error::ParseError;
use crate::limits;
use crate::span::Span;

/// Words that cannot be names unless quoted, as in PostgreSQL.
pub(crate) const RESERVED: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "both",
    "case",
    "cast",
    "check",
    "column",
    "constraint",
    "create",
    "default",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "intersect",
    "into",
    "lateral",
    "limit",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "primary",
    "references",
    "returning",
    "select",
    "some",
    "table",
    "then",
    "to",
    "true",
    "union",
    "unique",
    "using",
    "when",
    "where",
    "window",
    "with",
];

/// What all fragments of one statement share: its tokens and its budget.
pub(crate) struct Cx<'a> {
    /// The text and its tokens.
    pub(crate) src: &'a Source<'a>,
    nodes: Cell<usize>,
    depth: Cell<usize>,
}

impl<'a> Cx<'a> {
    /// A fresh budget.
    pub(crate) fn new(src: &'a Source<'a>) -> Self {
        Self { src, nodes: Cell::new(0), depth: Cell::new(0) }
    }

    /// Accounts for one node.
    pub(crate) fn node(&self, span: Span) -> Result<(), ParseError> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > limits::STATEMENT_NODES {
            let message = format!("statement has more than {} parts", limits::STATEMENT_NODES);
            return Err(ParseError::limit(span, message)
                .with_hint("Split a long INSERT into several, or use COPY."));
        }
        Ok(())
    }

    /// Does something that makes the tree one level higher.
    pub(crate) fn deeper<T>(
        &self,
        span: Span,
        work: impl FnOnce() -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        self.deeper_by(1, span, work)
    }

    /// Does something that makes the tree this many levels higher.
    pub(crate) fn deeper_by<T>(
        &self,
        levels: usize,
        span: Span,
        work: impl FnOnce() -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        let before = self.depth.get();
        if before + levels > limits::TREE_DEPTH {
            let message = format!("expression is nested more than {} deep", limits::TREE_DEPTH);
            return Err(ParseError::limit(span, message));
        }
        self.depth.set(before + levels);
        let result = work();
        self.depth.set(before);
        result
    }
}

/// A whole query.
pub(crate) fn query(cx: &Cx<'_>, from: usize, to: usize) -> Result<Query, ParseError> {
    whole(cx, from, to, Clause::Other, |p| p.parse_query(), |lower, query| lower.query(*query))
}

/// WITH and its tables, up to where the statement they belong to starts; where RECURSIVE stands.
pub(crate) fn ctes(
    cx: &Cx<'_>,
    from: usize,
    to: usize,
) -> Result<(Vec<Cte>, Option<Span>), ParseError> {
    let mut fragment = cut::prepare(cx, from, to, Clause::Other)?;
    // The library reads WITH only before a query: it is given one.
    let span = cx.src.tokens[to - 1].span;
    fragment.tokens.extend(
        [Token::make_keyword("SELECT"), Token::make_keyword("NULL")]
            .map(|token| TokenWithSpan { token, span }),
    );
    let query =
        run(cx, fragment, (from, to), |p| p.parse_query(), |lower, query| lower.query(*query))?.0;
    Ok((query.ctes, query.recursive))
}

/// One expression.
pub(crate) fn expr(cx: &Cx<'_>, from: usize, to: usize) -> Result<Expr, ParseError> {
    whole(cx, from, to, Clause::Other, |p| p.parse_expr(), |lower, expr| lower.expr(expr))
}

/// The longest expression at the start of the tokens, and the token behind it.
pub(crate) fn leading_expr(
    cx: &Cx<'_>,
    from: usize,
    to: usize,
) -> Result<(Expr, usize), ParseError> {
    parse(cx, from, to, Clause::Other, |p| p.parse_expr(), |lower, expr| lower.expr(expr))
}

/// Expressions separated by commas.
pub(crate) fn exprs(cx: &Cx<'_>, from: usize, to: usize) -> Result<Vec<Expr>, ParseError> {
    let list = |parser: &mut Parser<'_>| parser.parse_comma_separated(Parser::parse_expr);
    whole(cx, from, to, Clause::Other, list, |lower, exprs| lower.exprs(exprs))
}

/// The items of a select list, as RETURNING has them.
pub(crate) fn select_items(
    cx: &Cx<'_>,
    from: usize,
    to: usize,
) -> Result<Vec<SelectItem>, ParseError> {
    let list = |parser: &mut Parser<'_>| parser.parse_comma_separated(Parser::parse_select_item);
    whole(cx, from, to, Clause::Other, list, |lower, items| lower.select_items(items))
}

/// The items of a FROM clause.
pub(crate) fn from_items(cx: &Cx<'_>, from: usize, to: usize) -> Result<Vec<From>, ParseError> {
    let list =
        |parser: &mut Parser<'_>| parser.parse_comma_separated(Parser::parse_table_and_joins);
    whole(cx, from, to, Clause::From, list, |lower, items| lower.items_of_from(items))
}

/// Parses tokens that must be used up.
fn whole<T, R>(
    cx: &Cx<'_>,
    from: usize,
    to: usize,
    base: Clause,
    grammar: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
    lowering: impl FnOnce(&Lower<'_, '_>, T) -> Result<R, ParseError>,
) -> Result<R, ParseError> {
    let (result, next) = parse(cx, from, to, base, grammar, lowering)?;
    if next < to { Err(unexpected(cx.src, next, to)) } else { Ok(result) }
}

/// Parses as many tokens as the grammar takes and lowers what it built.
fn parse<T, R>(
    cx: &Cx<'_>,
    from: usize,
    to: usize,
    base: Clause,
    grammar: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
    lowering: impl FnOnce(&Lower<'_, '_>, T) -> Result<R, ParseError>,
) -> Result<(R, usize), ParseError> {
    let fragment = cut::prepare(cx, from, to, base)?;
    run(cx, fragment, (from, to), grammar, lowering)
}

/// Parses a prepared fragment and lowers what the library built.
fn run<T, R>(
    cx: &Cx<'_>,
    fragment: Fragment,
    (from, to): (usize, usize),
    grammar: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
    lowering: impl FnOnce(&Lower<'_, '_>, T) -> Result<R, ParseError>,
) -> Result<(R, usize), ParseError> {
    let dialect = ArenaDialect;
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(limits::GRAMMAR_RECURSION)
        .with_tokens_with_locations(fragment.tokens);
    let tree = grammar(&mut parser).map_err(|e| translate(cx.src, from, to, &e))?;
    let next = match parser.peek_token_ref() {
        t if t.token == Token::EOF => to,
        t => byte_of(t.span.start).map_or(to, |at| cx.src.index_at(at)),
    };
    drop(parser);
    let lower = Lower { cx, src: cx.src, cuts: fragment.cuts, here: Cell::new(cx.src.start(from)) };
    let result = lowering(&lower, tree)?;
    if let Some((at, mark)) = lower.cuts.left_over() {
        let span = cx.src.span(cx.src.index_at(at));
        return Err(match mark {
            Mark::Unsupported(what) => ParseError::unsupported(span, what),
            _ => unexpected(cx.src, cx.src.index_at(at), to),
        });
    }
    if let Some(at) = lower.cuts.left_as_of() {
        let at = cx.src.index_at(at);
        return Err(unexpected(cx.src, at, to)
            .with_hint("FOR SYSTEM_TIME AS OF stands once, behind the name of a relation."));
    }
    if let Some(at) = lower.cuts.left_window() {
        return Err(ParseError::unsupported(
            cx.src.span(cx.src.index_at(at)),
            "a window function here",
        ));
    }
    Ok((result, next))
}

/// The error for a token that nothing expects.
pub(crate) fn unexpected(src: &Source<'_>, at: usize, to: usize) -> ParseError {
    ParseError::syntax(src.span(at), near(src, at, to))
}

/// PostgreSQL's words for a syntax error's place.
pub(crate) fn near(src: &Source<'_>, at: usize, to: usize) -> String {
    match found(src, at, to).as_str() {
        "end of input" => "syntax error at end of input".to_owned(),
        token => format!("syntax error at or near {token}"),
    }
}

/// The library's error in our words and with our positions.
fn translate(src: &Source<'_>, from: usize, to: usize, error: &ParserError) -> ParseError {
    let message = match error {
        ParserError::RecursionLimitExceeded => {
            return ParseError::limit(src.span(from), "statement is nested too deep");
        }
        ParserError::ParserError(m) | ParserError::TokenizerError(m) => m,
    };
    let (message, at) = match message.rsplit_once(" at Line: ") {
        Some((head, place)) => (head, place_of(src, place)),
        None => (message.as_str(), None),
    };
    let mut at = at.unwrap_or(to);
    let mut expected = message
        .strip_prefix("Expected: ")
        .and_then(|m| m.split_once(", found: "))
        .map(|(expected, _)| expected);
    if message.starts_with("Expected an expression, found: ") {
        // Reported one token too late.
        at = at.saturating_sub(1).max(from);
        expected = Some("an expression");
    }
    let text = match expected {
        Some(expected) => format!("{}, expected {expected}", near(src, at, to)),
        None if message == "dummy" => near(src, at, to),
        None => format!("{}: {message}", near(src, at, to)),
    };
    let error = ParseError::syntax(src.span(at), text);
    match hint(src, at) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The token at the library's "1, Column: 17".
fn place_of(src: &Source<'_>, place: &str) -> Option<usize> {
    let column: usize = place.rsplit_once("Column: ")?.1.trim().parse().ok()?;
    (column > 0).then(|| src.index_at(column - 1))
}

/// Advice for usual mistakes around a token.
fn hint(src: &Source<'_>, at: usize) -> Option<&'static str> {
    let before = at.checked_sub(1)?;
    let follows_comma = src.is(before, &Token::Comma);
    let clause = ["FROM", "WHERE", "GROUP", "ORDER"].iter().any(|w| src.is_word(at, w));
    if follows_comma && (clause || src.is(at, &Token::RParen)) {
        return Some("There is a comma too many before this.");
    }
    if matches!(src.token(at), Some(Token::DoubleEq)) {
        return Some("Equality is written with one =.");
    }
    if matches!(src.token(at), Some(Token::Char('`'))) {
        return Some("Names are quoted with double quotes.");
    }
    None
}

/// Lowers one fragment.
pub(crate) struct Lower<'c, 'a> {
    cx: &'c Cx<'a>,
    src: &'c Source<'a>,
    cuts: Cuts,
    /// The end of what was lowered last: a place for nodes whose own is not known.
    here: Cell<usize>,
}

impl Lower<'_, '_> {
    /// Where we are, as an empty span.
    fn place(&self) -> Span {
        Span::new(self.here.get(), self.here.get())
    }

    /// The bytes of a library span.
    fn span(&self, span: lib_span::Span) -> Span {
        match (byte_of(span.start), byte_of(span.end)) {
            (Some(start), Some(end)) => {
                self.here.set(end);
                Span::new(start, end.max(start))
            }
            _ => self.place(),
        }
    }

    /// A name, folded unless quoted.
    fn ident(&self, ident: lib::Ident) -> Ident {
        let span = self.span(ident.span);
        let quoted = ident.quote_style.is_some();
        let name = if quoted { ident.value } else { ident.value.to_ascii_lowercase() };
        Ident { name, quoted, span }
    }

    /// Refuses a reserved word as a name: the library takes some.
    fn not_reserved(&self, ident: &Ident) -> Result<(), ParseError> {
        if ident.quoted || !RESERVED.contains(&ident.name.as_str()) {
            return Ok(());
        }
        let at = self.src.index_at(ident.span.start as usize);
        Err(unexpected(self.src, at, self.src.len()))
    }

    /// A possibly qualified name.
    fn object_name(&self, name: lib::ObjectName) -> Result<ObjectName, ParseError> {
        let mut parts = Vec::with_capacity(name.0.len());
        for part in name.0 {
            match part {
                lib::ObjectNamePart::Identifier(ident) => parts.push(self.ident(ident)),
                lib::ObjectNamePart::Function(_) => {
                    return Err(ParseError::unsupported(self.place(), "a computed name"));
                }
            }
        }
        object_name_of(parts).ok_or_else(|| ParseError::syntax(self.place(), "expected a name"))
    }

    /// Expressions in order.
    fn exprs(&self, exprs: Vec<lib::Expr>) -> Result<Vec<Expr>, ParseError> {
        exprs.into_iter().map(|e| self.expr(e)).collect()
    }

    /// ORDER BY items.
    fn order_by(&self, items: Vec<lib::OrderByExpr>) -> Result<Vec<OrderBy>, ParseError> {
        items.into_iter().map(|item| self.order_item(item)).collect()
    }

    /// One ORDER BY item.
    fn order_item(&self, item: lib::OrderByExpr) -> Result<OrderBy, ParseError> {
        let expr = self.expr(item.expr)?;
        let desc = match item.options.sort {
            None | Some(lib::OrderBySort::Asc) => false,
            Some(lib::OrderBySort::Desc) => true,
            Some(lib::OrderBySort::Using(op)) => match op.to_string().as_str() {
                "<" => false,
                ">" => true,
                _ => return Err(ParseError::unsupported(expr.span, "ORDER BY USING an operator")),
            },
        };
        Ok(OrderBy { expr, desc, nulls_first: item.options.nulls_first })
    }

    /// The span with the parentheses directly around it, if there are any.
    fn parenthesized(&self, span: Span) -> Span {
        let first = self.src.index_at(span.start as usize);
        let Some(open) = first.checked_sub(1) else { return span };
        match self.src.partner(open) {
            Some(close) if self.src.end(close) >= span.end as usize && close > open => {
                self.src.span_of(open, close + 1)
            }
            _ => span,
        }
    }

    /// The span extended over the words that stand directly before it.
    fn with_words_before(&self, span: Span, words: &[&str]) -> Span {
        let mut first = self.src.index_at(span.start as usize);
        while first > 0 && words.iter().any(|w| self.src.is_word(first - 1, w)) {
            first -= 1;
        }
        Span::new(self.src.start(first).min(span.start as usize), span.end as usize)
    }

    /// The span extended over the words that stand directly behind it.
    fn with_words_behind(&self, span: Span, words: &[&str]) -> Span {
        let mut next = self.src.index_at(span.end as usize);
        let mut end = span.end as usize;
        while words.iter().any(|w| self.src.is_word(next, w)) {
            end = self.src.end(next);
            next += 1;
        }
        self.here.set(end);
        Span::new(span.start as usize, end)
    }
}

/// A name of these parts; `None` of no parts.
pub(crate) fn object_name_of(parts: Vec<Ident>) -> Option<ObjectName> {
    let span = parts.first()?.span.to(parts.last()?.span);
    Some(ObjectName { parts, span })
}

/// The library's span type, named so that it is not taken for ours.
mod lib_span {
    pub(super) use sqlparser::tokenizer::Span;
}
