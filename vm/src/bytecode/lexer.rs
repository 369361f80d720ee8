//! The words of program text.
//!
//! Invariant: every input yields tokens or an error with its position; nothing is skipped but
//! blanks and comments (`;` to the end of the line).

use logos::Logos;

use super::asm::AsmError;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Logos)]
#[logos(skip r"[ \t\r\n]+")]
#[logos(skip(r";[^\n]*", allow_greedy = true))]
pub(super) enum Token {
    /// A mnemonic, keyword or plain name; dots are part of it.
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", |lex| lex.slice().to_owned())]
    Word(String),
    /// An integer.
    #[regex(r"-?[0-9]+", |lex| lex.slice().parse::<i128>().ok())]
    Int(i128),
    /// A quoted string.
    #[regex(r#""([^"\\]|\\.)*""#, |lex| unescape(lex.slice()))]
    Str(String),
    /// `->`
    #[token("->")]
    Arrow,
    /// `(`
    #[token("(")]
    Open,
    /// `)`
    #[token(")")]
    Close,
    /// `[`
    #[token("[")]
    OpenList,
    /// `]`
    #[token("]")]
    CloseList,
    /// `{`
    #[token("{")]
    OpenStruct,
    /// `}`
    #[token("}")]
    CloseStruct,
    /// `,`
    #[token(",")]
    Comma,
    /// `:`
    #[token(":")]
    Colon,
    /// `@`
    #[token("@")]
    At,
    /// `#`
    #[token("#")]
    Hash,
    /// `?`
    #[token("?")]
    Question,
    /// `.`, between a state and the number of one of its aggregates.
    #[token(".")]
    Dot,
}

/// All tokens with their byte positions.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, AsmError> {
    let mut out = Vec::new();
    for (token, span) in Token::lexer(text).spanned() {
        match token {
            Ok(token) => out.push((token, span.start)),
            Err(()) => return Err(AsmError::new(text, span.start, "a token")),
        }
    }
    Ok(out)
}

/// The text inside quotes, escapes resolved; `None` if an escape is unknown.
fn unescape(quoted: &str) -> Option<String> {
    let inner = &quoted[1..quoted.len() - 1];
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        out.push(match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '0' => '\0',
            same @ ('"' | '\\') => same,
            _ => return None,
        });
    }
    Some(out)
}

/// The text in quotes.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Whether a name can stand without quotes (and is no dotted word).
pub(super) fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
