//! Strings and names with Unicode escapes: `U&'d\0061t'`, `U&"..."`, with `UESCAPE '!'`.
//!
//! The grammar library knows neither the names nor UESCAPE, so it is given three tokens (`U`, `&`,
//! the quoted part) and they are joined here.
//! Invariant: a joined token spans all of what it was written as.

use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::byte_of;
use crate::error::ParseError;
use crate::span::Span;

/// Joins every escaped string and name.
pub(super) fn join(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, ParseError> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(mut token) = rest.next() {
        let (raw, is_name) = match &mut token.token {
            Token::SingleQuotedString(s) => (s, false),
            Token::Word(Word { value, quote_style: Some(_), .. }) => (value, true),
            _ => {
                out.push(token);
                continue;
            }
        };
        if !introduced(&out, &token.span.start) {
            out.push(token);
            continue;
        }
        let mut raw = std::mem::take(raw);
        out.pop();
        let Some(first) = out.pop() else { continue };
        token.span.start = first.span.start;
        // A continuation on the next line is part of the same string.
        let mut escape = '\\';
        if rest.peek().is_some_and(|t| is_uescape(&t.token)) {
            rest.next();
            match rest.next() {
                Some(TokenWithSpan { token: Token::SingleQuotedString(s), span })
                    if valid_escape(&s) =>
                {
                    escape = s.chars().next().unwrap_or('\\');
                    token.span.end = span.end;
                }
                _ => {
                    return Err(ParseError::syntax(
                        place(&token),
                        "invalid Unicode escape character",
                    ));
                }
            }
        }
        raw = unescape(&raw, escape)
            .ok_or_else(|| ParseError::syntax(place(&token), "invalid Unicode escape"))?;
        token.token = if is_name {
            Token::make_word(&raw, Some('"'))
        } else {
            Token::SingleQuotedString(raw)
        };
        out.push(token);
    }
    Ok(out)
}

/// Whether `U&` stands directly before a position.
fn introduced(out: &[TokenWithSpan], at: &sqlparser::tokenizer::Location) -> bool {
    let [.., u, amp] = out else { return false };
    amp.token == Token::Ampersand
        && amp.span.end == *at
        && u.span.end == amp.span.start
        && matches!(&u.token, Token::Word(w) if w.quote_style.is_none()
            && w.value.eq_ignore_ascii_case("u"))
}

/// Whether a token is the word UESCAPE.
fn is_uescape(token: &Token) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none()
        && w.value.eq_ignore_ascii_case("uescape"))
}

/// One character that is no digit, sign, quote or space.
fn valid_escape(text: &str) -> bool {
    let mut chars = text.chars();
    let one = chars.next();
    chars.next().is_none()
        && one.is_some_and(|c| {
            !c.is_ascii_hexdigit() && !matches!(c, '+' | '\'' | '"') && !c.is_whitespace()
        })
}

/// Where a token stands.
fn place(token: &TokenWithSpan) -> Span {
    let start = byte_of(token.span.start).unwrap_or(0);
    Span::new(start, byte_of(token.span.end).unwrap_or(start))
}

/// The text without its escapes; `None` if one is not valid.
fn unescape(raw: &str, escape: char) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    let mut high: Option<u32> = None;
    while let Some(c) = chars.next() {
        if c != escape {
            if high.is_some() {
                return None;
            }
            out.push(c);
            continue;
        }
        let rest = chars.as_str();
        if rest.starts_with(escape) && high.is_none() {
            chars.next();
            out.push(escape);
            continue;
        }
        let (skip, digits) = if rest.starts_with('+') { (1, 6) } else { (0, 4) };
        let code = rest.get(skip..skip + digits)?;
        if !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let code = u32::from_str_radix(code, 16).ok()?;
        chars = rest.get(skip + digits..)?.chars();
        match (high.take(), code) {
            (None, 0xD800..=0xDBFF) => high = Some(code),
            (Some(high), 0xDC00..=0xDFFF) => {
                out.push(char::from_u32(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00))?);
            }
            (Some(_), _) | (None, 0) => return None,
            (None, code) => out.push(char::from_u32(code)?),
        }
    }
    high.is_none().then_some(out)
}
