//! LIKE and ILIKE.
//!
//! A pattern is compiled once per batch when it is a constant, else whenever it differs from the
//! row before. The shapes that people write (`abc`, `abc%`, `%abc`, `%abc%`) are comparisons of
//! bytes; the rest is matched left to right, going back to the last `%` only.
//! Invariant: `_` takes one character, never part of one.

use arena_tr_types::{DataType, Func, SqlError, SqlState};
use memchr::memmem::Finder;

use super::Kernel;
use super::call::Call;
use super::error::RowErrors;
use super::out::Out;
use super::text::lower_into;

/// The kernel of LIKE or ILIKE: (text, pattern [, escape]), and of LIKE on bytes.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    let fold_case = match func {
        Func::Like => false,
        Func::ILike => true,
        _ => return None,
    };
    let bytes = args.first() == Some(&DataType::Bytea);
    Some(Kernel::new(move |call, out, errors| run(call, out, errors, fold_case, bytes)))
}

fn run(call: &Call<'_>, out: &mut Out<'_>, errors: &mut RowErrors, fold_case: bool, bytes: bool) {
    let validity = call.strict_validity();
    let mut values = out.zeroed::<u8>(call.rows);
    let mut folded = String::new();
    let mut cached: Option<Cached> = None;
    for i in call.selection {
        if validity.as_ref().is_some_and(|v| !v.get(i)) {
            continue;
        }
        let source = call.bytes(1, i);
        let escape = if call.args.len() > 2 { Some(call.bytes(2, i)) } else { None };
        let fresh = cached.as_ref().is_none_or(|c| !c.is_of(source, escape));
        if fresh {
            cached = Some(Cached::new(source, escape, fold_case));
        }
        let Some(Cached { pattern, .. }) = &cached else { continue };
        let result = match pattern {
            Err(error) => Err(error.clone()),
            Ok(pattern) if fold_case => {
                folded.clear();
                lower_into(call.text(0, i), &mut folded);
                pattern.matches(folded.as_bytes(), bytes)
            }
            Ok(pattern) => pattern.matches(call.bytes(0, i), bytes),
        };
        match result {
            Ok(yes) => values[i] = u8::from(yes),
            Err(error) => errors.push(i, error),
        }
    }
    out.set(values, validity);
}

/// The last pattern compiled, and from what.
struct Cached {
    source: Vec<u8>,
    escape: Option<Vec<u8>>,
    pattern: Result<Pattern, SqlError>,
}

impl Cached {
    fn new(source: &[u8], escape: Option<&[u8]>, fold_case: bool) -> Self {
        let pattern = if fold_case {
            let mut folded = String::new();
            lower_into(&String::from_utf8_lossy(source), &mut folded);
            Pattern::compile(folded.as_bytes(), escape)
        } else {
            Pattern::compile(source, escape)
        };
        Self { source: source.to_vec(), escape: escape.map(<[u8]>::to_vec), pattern }
    }

    fn is_of(&self, source: &[u8], escape: Option<&[u8]>) -> bool {
        self.source == source && self.escape.as_deref() == escape
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    /// These bytes.
    Literal(Vec<u8>),
    /// `_`.
    One,
    /// `%`.
    Many,
    /// The pattern ends in its escape character: an error if matching gets here.
    LoneEscape,
}

/// A compiled LIKE pattern.
#[derive(Debug)]
pub(super) enum Pattern {
    Exact(Vec<u8>),
    Prefix(Vec<u8>),
    Suffix(Vec<u8>),
    Contains(Box<Finder<'static>>),
    General(Vec<Step>),
}

/// A token as the matcher uses it: literals behind `%` carry a searcher.
#[derive(Debug)]
pub(super) enum Step {
    Literal(Box<Finder<'static>>),
    One,
    Many,
    LoneEscape,
}

fn lone_escape() -> SqlError {
    SqlError::new(SqlState::INVALID_ESCAPE, "LIKE pattern must not end with escape character")
}

fn bad_escape() -> SqlError {
    SqlError::new(SqlState::INVALID_ESCAPE, "invalid escape string")
        .with_hint("Escape string must be empty or one character.")
}

/// The escape character: backslash unless given, none if given as the empty string.
pub(super) fn escape_char(given: Option<&str>) -> Result<Option<char>, SqlError> {
    let Some(given) = given else { return Ok(Some('\\')) };
    let mut chars = given.chars();
    let first = chars.next();
    match chars.next() {
        Some(_) => Err(bad_escape()),
        None => Ok(first),
    }
}

impl Pattern {
    /// Compiles a pattern; `escape` as written in ESCAPE.
    pub(super) fn compile(source: &[u8], escape: Option<&[u8]>) -> Result<Self, SqlError> {
        let escape = escape.unwrap_or(b"\\");
        if escape.len() > char_len(escape) {
            return Err(bad_escape());
        }
        let tokens = tokens(source, (!escape.is_empty()).then_some(escape));
        use Token::{Literal, Many};
        Ok(match tokens.as_slice() {
            [] => Self::Exact(Vec::new()),
            [Literal(b)] => Self::Exact(b.clone()),
            [Literal(b), Many] => Self::Prefix(b.clone()),
            [Many, Literal(b)] => Self::Suffix(b.clone()),
            [Many] => Self::Prefix(Vec::new()),
            [Many, Literal(b), Many] => Self::Contains(Box::new(Finder::new(b).into_owned())),
            _ => Self::General(tokens.into_iter().map(Step::from).collect()),
        })
    }

    /// Whether the whole string matches; `bytes`: `_` takes one byte.
    pub(super) fn matches(&self, s: &[u8], bytes: bool) -> Result<bool, SqlError> {
        Ok(match self {
            Self::Exact(b) => s == b.as_slice(),
            Self::Prefix(b) => s.starts_with(b),
            Self::Suffix(b) => s.ends_with(b),
            Self::Contains(finder) => finder.find(s).is_some(),
            Self::General(tokens) => return matches_general(tokens, s, bytes),
        })
    }
}

impl From<Token> for Step {
    fn from(token: Token) -> Self {
        match token {
            Token::Literal(b) => Self::Literal(Box::new(Finder::new(&b).into_owned())),
            Token::One => Self::One,
            Token::Many => Self::Many,
            Token::LoneEscape => Self::LoneEscape,
        }
    }
}

fn tokens(source: &[u8], escape: Option<&[u8]>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut literal = Vec::new();
    let mut rest = source;
    while let [first, tail @ ..] = rest {
        if let Some(after) = escape.and_then(|e| rest.strip_prefix(e)) {
            let n = char_len(after);
            literal.extend_from_slice(&after[..n]);
            rest = &after[n..];
            if n == 0 {
                flush(&mut literal, &mut tokens);
                tokens.push(Token::LoneEscape);
            }
            continue;
        }
        match first {
            b'%' => {
                flush(&mut literal, &mut tokens);
                if tokens.last() != Some(&Token::Many) {
                    tokens.push(Token::Many);
                }
            }
            b'_' => {
                flush(&mut literal, &mut tokens);
                tokens.push(Token::One);
            }
            _ => literal.push(*first),
        }
        rest = tail;
    }
    flush(&mut literal, &mut tokens);
    tokens
}

fn flush(literal: &mut Vec<u8>, tokens: &mut Vec<Token>) {
    if !literal.is_empty() {
        tokens.push(Token::Literal(std::mem::take(literal)));
    }
}

/// Bytes of the first character (UTF-8 by its lead byte), 0 at the end.
fn char_len(bytes: &[u8]) -> usize {
    let wanted = match bytes.first() {
        None => 0,
        Some(0..0xC0) => 1,
        Some(0xC0..0xE0) => 2,
        Some(0xE0..0xF0) => 3,
        Some(_) => 4,
    };
    wanted.min(bytes.len())
}

fn matches_general(tokens: &[Step], s: &[u8], bytes: bool) -> Result<bool, SqlError> {
    let char_of = |rest: &[u8]| if bytes { rest.len().min(1) } else { char_len(rest) };
    let (mut at, mut token) = (0, 0);
    // Where to go on after a mismatch: the token behind the last `%`, and the next place to try it.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let advanced = match tokens.get(token) {
            None if at == s.len() => return Ok(true),
            None => None,
            // Where the text is used up, nothing can match any more.
            Some(Step::LoneEscape) if at == s.len() => return Ok(false),
            Some(Step::LoneEscape) => return Err(lone_escape()),
            Some(Step::Many) => {
                if token + 1 == tokens.len() {
                    return Ok(true);
                }
                retry = Some((token + 1, at));
                Some(at)
            }
            Some(Step::One) => (at < s.len()).then(|| at + char_of(&s[at..])),
            Some(Step::Literal(finder)) => {
                let needle = finder.needle();
                s[at..].starts_with(needle).then(|| at + needle.len())
            }
        };
        match (advanced, retry) {
            (Some(next), _) => {
                at = next;
                token += 1;
            }
            (None, None) => return Ok(false),
            (None, Some((behind, from))) => {
                // A literal behind `%` can be searched for; anything else moves on by one
                // character.
                let next = match &tokens[behind] {
                    Step::Literal(finder) => match s.get(from..).and_then(|rest| finder.find(rest))
                    {
                        Some(found) => from + found,
                        None => return Ok(false),
                    },
                    _ => from,
                };
                if next >= s.len() {
                    return Ok(false);
                }
                token = behind;
                at = next;
                retry = Some((behind, next + char_of(&s[next..])));
            }
        }
    }
}

#[cfg(test)]
mod tests;
