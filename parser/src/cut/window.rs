//! TUMBLE, HOP, CUMULATE and SESSION in FROM, in both neighbours' spellings.
//!
//! `TUMBLE(t, ts, INTERVAL '1' MINUTE)`, `TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL ..))`,
//! named arguments `DATA => .., TIMECOL => .., SIZE => ..`, `SESSION(t PARTITION BY k, ts, gap)`.
//! Invariant: a call is read as a time window only where a FROM item starts; elsewhere these names
//! are ordinary functions.

use sqlparser::tokenizer::Token;

use super::found;
use crate::ast::{Expr, ExprKind, From, TimeWindowCall, TimeWindowKind};
use crate::error::ParseError;
use crate::lower::{self, Cx};

/// Which window a word names.
fn kind_of(word: &str) -> Option<TimeWindowKind> {
    [
        ("TUMBLE", TimeWindowKind::Tumble),
        ("HOP", TimeWindowKind::Hop),
        ("CUMULATE", TimeWindowKind::Cumulate),
        ("SESSION", TimeWindowKind::Session),
    ]
    .into_iter()
    .find(|(name, _)| word.eq_ignore_ascii_case(name))
    .map(|(_, kind)| kind)
}

/// The names of a window's arguments behind input and time, in order, and how many must be there.
fn parameters(kind: TimeWindowKind) -> (&'static [&'static str], usize, &'static str) {
    match kind {
        TimeWindowKind::Tumble => (&["size", "offset"], 1, "TUMBLE(input, time, size [, offset])"),
        TimeWindowKind::Hop => {
            (&["slide", "size", "offset"], 2, "HOP(input, time, slide, size [, offset])")
        }
        TimeWindowKind::Cumulate => {
            (&["step", "size", "offset"], 2, "CUMULATE(input, time, step, max [, offset])")
        }
        TimeWindowKind::Session => (&["gap"], 1, "SESSION(input [PARTITION BY key], time, gap)"),
    }
}

/// The call that starts at a token, and the token behind it; `None` if none starts there.
pub(crate) fn at(
    cx: &Cx<'_>,
    at: usize,
    to: usize,
) -> Result<Option<(TimeWindowCall, usize)>, ParseError> {
    let src = cx.src;
    let wrapped = src.is_word(at, "TABLE") && src.is(at + 1, &Token::LParen);
    let head = if wrapped { at + 2 } else { at };
    let Some(kind) = src.word(head).and_then(kind_of) else { return Ok(None) };
    let open = head + 1;
    let Some(close) = src.partner(open).filter(|_| src.is(open, &Token::LParen)) else {
        return Ok(None);
    };
    let next = if wrapped { close + 2 } else { close + 1 };
    if next > to || (wrapped && src.partner(at + 1) != Some(close + 1)) {
        return Ok(None);
    }
    let call = cx.deeper(src.span(head), || arguments(cx, kind, head, open + 1, close))?;
    Ok(Some((TimeWindowCall { span: src.span_of(at, next), ..call }, next)))
}

/// One argument: its name if it has one, and its tokens.
struct Argument {
    name: Option<String>,
    from: usize,
    to: usize,
}

/// Splits the tokens between the parentheses at their commas.
fn split(cx: &Cx<'_>, from: usize, to: usize) -> Vec<Argument> {
    let src = cx.src;
    let mut all = Vec::new();
    let mut start = from;
    let mut at = from;
    while at <= to {
        if at == to || src.is(at, &Token::Comma) {
            let named = src.is(start + 1, &Token::RArrow);
            let name = src.word(start).filter(|_| named).map(str::to_ascii_lowercase);
            let first = if name.is_some() { start + 2 } else { start };
            all.push(Argument { name, from: first, to: at });
            start = at + 1;
        } else if matches!(src.token(at), Some(Token::LParen | Token::LBracket)) {
            at = src.partner(at).unwrap_or(at);
        }
        at += 1;
    }
    all
}

/// `SESSION(t PARTITION BY a, b, ts, gap)`: the keys' commas do not separate arguments.
fn joined_keys(cx: &Cx<'_>, kind: TimeWindowKind, mut all: Vec<Argument>) -> Vec<Argument> {
    let unnamed = all.iter().all(|a| a.name.is_none());
    if kind == TimeWindowKind::Session && unnamed && all.len() > 3 {
        let last_key = all.len() - 2;
        if top_level_partition(cx, all[0].from, all[0].to).is_some() {
            all[0].to = all[last_key - 1].to;
            all.drain(1..last_key);
        }
    }
    all
}

/// Reads the arguments of a call.
fn arguments(
    cx: &Cx<'_>,
    kind: TimeWindowKind,
    head: usize,
    from: usize,
    to: usize,
) -> Result<TimeWindowCall, ParseError> {
    let (names, required, usage) = parameters(kind);
    let wrong = |span| {
        ParseError::syntax(span, "wrong arguments of a window function")
            .with_hint(format!("Its form is {usage}."))
    };
    let mut input = None;
    let mut time = None;
    let mut slots: Vec<Option<Expr>> = names.iter().map(|_| None).collect();
    for (position, argument) in joined_keys(cx, kind, split(cx, from, to)).into_iter().enumerate() {
        let span = cx.src.span_of(argument.from, argument.to.max(argument.from + 1));
        if argument.from >= argument.to {
            return Err(wrong(span));
        }
        let slot = match argument.name.as_deref() {
            None => position,
            Some("data") => 0,
            Some("timecol") => 1,
            Some("max_size" | "max") if kind == TimeWindowKind::Cumulate => 3,
            Some(name) => match names.iter().position(|n| *n == name) {
                Some(i) => i + 2,
                None => return Err(wrong(span)),
            },
        };
        match slot {
            0 if input.is_none() => input = Some(relation(cx, argument.from, argument.to)?),
            1 if time.is_none() => time = Some(time_column(cx, argument.from, argument.to)?),
            n => match slots.get_mut(n.wrapping_sub(2)) {
                Some(free @ None) => {
                    *free = Some(lower::expr(cx, argument.from, argument.to)?);
                }
                _ => return Err(wrong(span)),
            },
        }
    }
    let filled = slots.iter().take_while(|s| s.is_some()).count();
    let complete = filled >= required && slots.iter().skip(filled).all(Option::is_none);
    match (input, time) {
        (Some((input, partition_by)), Some(time)) if complete => Ok(TimeWindowCall {
            kind,
            input,
            partition_by,
            time,
            args: slots.into_iter().flatten().collect(),
            span: cx.src.span(head),
        }),
        _ => Err(wrong(cx.src.span(head))),
    }
}

/// The time column: an expression, or DESCRIPTOR(column).
fn time_column(cx: &Cx<'_>, from: usize, to: usize) -> Result<Expr, ParseError> {
    let described = cx.src.is_word(from, "DESCRIPTOR") && cx.src.partner(from + 1) == Some(to - 1);
    if described { lower::expr(cx, from + 2, to - 1) } else { lower::expr(cx, from, to) }
}

/// The input: `t`, `TABLE t`, a subquery, another window; with PARTITION BY.
fn relation(cx: &Cx<'_>, from: usize, to: usize) -> Result<(From, Vec<Expr>), ParseError> {
    let src = cx.src;
    let partition = top_level_partition(cx, from, to);
    let end = partition.unwrap_or(to);
    let inner_call = src.is(from + 1, &Token::LParen)
        && src.word(from + 2).is_some_and(|w| kind_of(w).is_some());
    let start = if src.is_word(from, "TABLE") && !inner_call { from + 1 } else { from };
    let mut items = lower::from_items(cx, start, end)?;
    let (Some(input), true) = (items.pop(), items.is_empty()) else {
        let message = format!("expected a table, found {}", found(src, start, end));
        return Err(ParseError::syntax(src.span(start), message));
    };
    let mut keys = match partition {
        Some(at) => lower::exprs(cx, at + 2, to)?,
        None => Vec::new(),
    };
    // PARTITION BY (a, b).
    if let [Expr { kind: ExprKind::Row(items), .. }] = keys.as_mut_slice() {
        keys = std::mem::take(items);
    }
    Ok((input, keys))
}

/// Where PARTITION BY stands outside any parentheses.
fn top_level_partition(cx: &Cx<'_>, from: usize, to: usize) -> Option<usize> {
    let mut at = from;
    while at < to {
        if cx.src.are_words(at, &["PARTITION", "BY"]) {
            return Some(at);
        }
        if matches!(cx.src.token(at), Some(Token::LParen | Token::LBracket)) {
            at = cx.src.partner(at).unwrap_or(at);
        }
        at += 1;
    }
    None
}
