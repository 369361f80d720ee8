//! Tokens for the interactive side: colours, completion, and where a statement ends.
//!
//! The parser's own tokens refuse a text that is not finished; someone who types is never finished.
//! This scanner takes every text, says what each piece is, and marks what has no end yet. Its
//! tokens have the same boundaries as the parser's.
//! Invariant: tokens are in order, do not overlap, and only white space lies between them.

mod keywords;
#[cfg(test)]
mod tests;

use std::ops::Range;

use logos::{Lexer, Logos};

use crate::span::Span;

pub use keywords::KEYWORDS;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A word of the dialect, see [`KEYWORDS`].
    Keyword,
    /// Any other word.
    Identifier,
    /// `"..."`.
    QuotedIdentifier,
    /// `'...'` and its prefixed and dollar-quoted forms.
    String,
    /// A number.
    Number,
    /// `$1`.
    Parameter,
    /// `-- ...` or `/* ... */`.
    Comment,
    /// An operator.
    Operator,
    /// Brackets, commas, semicolons, dots.
    Punctuation,
    /// A string that has no end.
    UnterminatedString,
    /// A quoted name that has no end.
    UnterminatedIdentifier,
    /// A comment that has no end.
    UnterminatedComment,
    /// A character that starts nothing.
    Unknown,
}

impl TokenKind {
    /// Whether the text must go on.
    pub fn is_unterminated(self) -> bool {
        matches!(
            self,
            Self::UnterminatedString | Self::UnterminatedIdentifier | Self::UnterminatedComment
        )
    }
}

/// One token of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where.
    pub span: Span,
}

/// The scanner's table.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq)]
enum Lexeme {
    #[regex(r"[ \t\r\n\x0b\x0c]+")]
    Space,
    #[regex(r"--[^\n]*", allow_greedy = true)]
    LineComment,
    #[token("/*", block_comment)]
    BlockComment(bool),
    #[regex(r"[A-Za-z_\u{80}-\u{10FFFF}][A-Za-z0-9_$\u{80}-\u{10FFFF}]*")]
    Word,
    #[token("\"", |lex| quoted(lex, b'"', false))]
    #[regex("[uU]&\"", |lex| quoted(lex, b'"', false))]
    QuotedName(bool),
    #[token("'", |lex| quoted(lex, b'\'', false))]
    #[regex("[uU]&'", |lex| quoted(lex, b'\'', false))]
    #[regex("[bBnN]'", |lex| quoted(lex, b'\'', false))]
    #[regex("[eExX]'", |lex| quoted(lex, b'\'', true))]
    #[regex(r"\$([A-Za-z_\u{80}-\u{10FFFF}][A-Za-z0-9_\u{80}-\u{10FFFF}]*)?\$", dollar_quoted)]
    Text(bool),
    #[regex(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")]
    #[regex(r"\.[0-9]+([eE][+-]?[0-9]+)?")]
    #[regex(r"0x[0-9a-fA-F]*")]
    Number,
    #[regex(r"\$[0-9]+")]
    Parameter,
    #[regex(r"[(),;.\[\]{}]")]
    Punctuation,
    #[regex(r"[-+*/%^&|~#@?=<>!:]")]
    #[token("||")]
    #[token("|/")]
    #[token("||/")]
    #[token("->")]
    #[token("->>")]
    #[token("#>")]
    #[token("#>>")]
    #[token("#-")]
    #[token("@>")]
    #[token("<@")]
    #[token("@?")]
    #[token("@@")]
    #[token("?|")]
    #[token("?&")]
    #[token("<=")]
    #[token(">=")]
    #[token("<>")]
    #[token("!=")]
    #[token("==")]
    #[token("=>")]
    #[token("<=>")]
    #[token("<<")]
    #[token(">>")]
    #[token("::")]
    #[token(":=")]
    #[token("&&")]
    #[token("^@")]
    #[token("!!")]
    #[token("!~")]
    #[token("!~*")]
    #[token("!~~")]
    #[token("!~~*")]
    #[token("~*")]
    #[token("~~")]
    #[token("~~*")]
    Operator,
}

/// Takes a comment to its end, comments inside it included; whether it has one.
fn block_comment(lex: &mut Lexer<'_, Lexeme>) -> bool {
    let rest = lex.remainder().as_bytes();
    let mut depth = 1;
    let mut at = 0;
    while at < rest.len() {
        match rest.get(at..at + 2) {
            Some(b"/*") => {
                depth += 1;
                at += 2;
            }
            Some(b"*/") => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    lex.bump(at);
                    return true;
                }
            }
            _ => at += 1,
        }
    }
    lex.bump(rest.len());
    false
}

/// Takes a quoted text to its end; whether it has one.
fn quoted(lex: &mut Lexer<'_, Lexeme>, quote: u8, backslash: bool) -> bool {
    let rest = lex.remainder().as_bytes();
    let mut at = 0;
    while at < rest.len() {
        if rest[at] == quote {
            if rest.get(at + 1) != Some(&quote) {
                lex.bump(at + 1);
                return true;
            }
            at += 2;
        } else if backslash && rest[at] == b'\\' {
            at += 2;
        } else {
            at += 1;
        }
    }
    lex.bump(rest.len());
    false
}

/// Takes a dollar-quoted text to its end; whether it has one.
fn dollar_quoted(lex: &mut Lexer<'_, Lexeme>) -> bool {
    let rest = lex.remainder();
    match rest.find(lex.slice()) {
        Some(at) => {
            let tag = lex.slice().len();
            lex.bump(at + tag);
            true
        }
        None => {
            lex.bump(rest.len());
            false
        }
    }
}

/// The tokens of a text, white space left out.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut all = Vec::new();
    for (lexeme, range) in Lexeme::lexer(text).spanned() {
        let kind = match lexeme {
            Ok(Lexeme::Space) => continue,
            Ok(Lexeme::LineComment | Lexeme::BlockComment(true)) => TokenKind::Comment,
            Ok(Lexeme::BlockComment(false)) => TokenKind::UnterminatedComment,
            Ok(Lexeme::Word) if is_keyword(&text[range.clone()]) => TokenKind::Keyword,
            Ok(Lexeme::Word) => TokenKind::Identifier,
            Ok(Lexeme::QuotedName(true)) => TokenKind::QuotedIdentifier,
            Ok(Lexeme::QuotedName(false)) => TokenKind::UnterminatedIdentifier,
            Ok(Lexeme::Text(true)) => TokenKind::String,
            Ok(Lexeme::Text(false)) => TokenKind::UnterminatedString,
            Ok(Lexeme::Number) => TokenKind::Number,
            Ok(Lexeme::Parameter) => TokenKind::Parameter,
            Ok(Lexeme::Punctuation) => TokenKind::Punctuation,
            Ok(Lexeme::Operator) => TokenKind::Operator,
            Err(()) => TokenKind::Unknown,
        };
        all.push(Token { kind, span: Span::new(range.start, range.end) });
    }
    all
}

/// Whether a word is one of [`KEYWORDS`], in any case.
pub fn is_keyword(word: &str) -> bool {
    // The longest keyword bounds the copy.
    word.len() <= 24 && KEYWORDS.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

/// The statements of a script, without their semicolons and without empty ones.
///
/// A semicolon ends a statement outside strings, comments and parentheses. The last statement is
/// there even if it has no semicolon.
pub fn split(text: &str) -> Vec<Range<usize>> {
    pieces(text).0
}

/// Whether a text can be run as it is: every statement in it ends with a semicolon, or there is
/// none.
pub fn is_complete(text: &str) -> bool {
    let (_, open) = pieces(text);
    !open
}

/// The statements, and whether the text must go on.
fn pieces(text: &str) -> (Vec<Range<usize>>, bool) {
    let mut all = Vec::new();
    let mut current: Option<Range<usize>> = None;
    let mut depth = 0usize;
    let mut open = false;
    for token in tokens(text) {
        let range = token.span.start as usize..token.span.end as usize;
        open |= token.kind.is_unterminated();
        if matches!(token.kind, TokenKind::Comment | TokenKind::UnterminatedComment) {
            continue;
        }
        match &text[range.clone()] {
            ";" if depth == 0 => {
                all.extend(current.take());
                continue;
            }
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let start = current.as_ref().map_or(range.start, |c| c.start);
        current = Some(start..range.end);
    }
    open |= current.is_some();
    all.extend(current);
    (all, open)
}
