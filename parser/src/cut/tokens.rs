//! A text as tokens with byte positions, and which brackets belong together.
//!
//! The grammar library's tokens carry lines and columns. They are rewritten once to carry byte
//! offsets in their column, so every position in the trees it builds is a byte offset too, however
//! many multi-byte characters the text has.
//! Invariant: `start(i) < end(i) <= start(i + 1)`; every bracket of a balanced statement knows its
//! partner.

use sqlparser::tokenizer::{Location, Span as LibSpan, Token, TokenWithSpan, Tokenizer, Word};

use crate::dialect::ArenaDialect;
use crate::error::{ParseError, ParseErrorKind};
use crate::span::Span;

mod unicode;

/// No partner.
const NONE: u32 = u32::MAX;

/// A tokenized text.
pub(crate) struct Source<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// Its tokens without white space and comments.
    pub(crate) tokens: Vec<TokenWithSpan>,
    /// For each bracket token the index of its partner.
    partner: Vec<u32>,
}

/// A library position that stands for byte `at`.
fn location(at: usize) -> Location {
    Location { line: 1, column: at as u64 + 1 }
}

/// The byte that a library position stands for; `None` for an empty one.
pub(crate) fn byte_of(location: Location) -> Option<usize> {
    (location.line == 1 && location.column > 0).then(|| location.column as usize - 1)
}

/// Walks the text along the library's lines and columns.
struct Walk<'a> {
    chars: std::iter::Peekable<std::str::CharIndices<'a>>,
    len: usize,
    line: u64,
    column: u64,
}

impl Walk<'_> {
    /// Advances to a position and returns its byte offset.
    fn to(&mut self, target: Location) -> usize {
        while (self.line, self.column) < (target.line, target.column) {
            match self.chars.next() {
                Some((_, '\n')) => {
                    self.line += 1;
                    self.column = 1;
                }
                Some(_) => self.column += 1,
                None => break,
            }
        }
        self.chars.peek().map_or(self.len, |&(at, _)| at)
    }
}

impl<'a> Source<'a> {
    /// Tokenizes a text.
    pub(crate) fn new(text: &'a str) -> Result<Self, ParseError> {
        let mut raw = Vec::new();
        let done = Tokenizer::new(&ArenaDialect, text).tokenize_with_location_into_buf(&mut raw);
        let mut walk =
            Walk { chars: text.char_indices().peekable(), len: text.len(), line: 1, column: 1 };
        let mut tokens: Vec<TokenWithSpan> = Vec::with_capacity(raw.len() / 2 + 1);
        let mut newline_before = false;
        for TokenWithSpan { token, span } in raw {
            let start = walk.to(span.start);
            let end = walk.to(span.end);
            if let Token::Whitespace(space) = &token {
                newline_before |= space.to_string().contains('\n');
                continue;
            }
            if is_junk(&tokens, &token, start) {
                return Err(junk(text, &tokens, &token, start, end));
            }
            let span = LibSpan { start: location(start), end: location(end) };
            push(&mut tokens, TokenWithSpan { token, span }, newline_before);
            newline_before = false;
        }
        if let Err(error) = done {
            let at = walk.to(error.location).min(text.len());
            return Err(unterminated(text, at, &error.message));
        }
        if text.contains("U&") || text.contains("u&") {
            tokens = unicode::join(tokens)?;
        }
        let partner = match_brackets(&tokens);
        Ok(Self { text, tokens, partner })
    }

    /// How many tokens there are.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The token at an index.
    pub(crate) fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at).map(|t| &t.token)
    }

    /// Where a token starts; the end of the text behind the last one.
    pub(crate) fn start(&self, at: usize) -> usize {
        self.tokens.get(at).and_then(|t| byte_of(t.span.start)).unwrap_or(self.text.len())
    }

    /// Where a token ends.
    pub(crate) fn end(&self, at: usize) -> usize {
        self.tokens.get(at).and_then(|t| byte_of(t.span.end)).unwrap_or(self.text.len())
    }

    /// The span of one token, empty at the end of the text behind the last one.
    pub(crate) fn span(&self, at: usize) -> Span {
        Span::new(self.start(at), self.end(at))
    }

    /// The span of the tokens from `from` up to but not including `to`.
    pub(crate) fn span_of(&self, from: usize, to: usize) -> Span {
        if to > from {
            Span::new(self.start(from), self.end(to - 1))
        } else {
            Span::new(self.start(from), self.start(from))
        }
    }

    /// The index of the first token that starts at or behind a byte.
    pub(crate) fn index_at(&self, byte: usize) -> usize {
        self.tokens.partition_point(|t| byte_of(t.span.start).is_some_and(|s| s < byte))
    }

    /// The partner of a bracket.
    pub(crate) fn partner(&self, at: usize) -> Option<usize> {
        self.partner.get(at).copied().filter(|&p| p != NONE).map(|p| p as usize)
    }

    /// The unquoted word at an index, as written.
    pub(crate) fn word(&self, at: usize) -> Option<&str> {
        match self.token(at) {
            Some(Token::Word(Word { value, quote_style: None, .. })) => Some(value),
            _ => None,
        }
    }

    /// Whether the unquoted word at an index is this one.
    pub(crate) fn is_word(&self, at: usize, word: &str) -> bool {
        self.word(at).is_some_and(|w| w.eq_ignore_ascii_case(word))
    }

    /// Whether these words stand one after another.
    pub(crate) fn are_words(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, w)| self.is_word(at + i, w))
    }

    /// Whether the token at an index is this one.
    pub(crate) fn is(&self, at: usize, token: &Token) -> bool {
        self.token(at) == Some(token)
    }
}

/// Appends a token, joining what the library keeps apart: adjacent string literals with a line
/// break between them are one, and `?` is an operator here.
fn push(tokens: &mut Vec<TokenWithSpan>, next: TokenWithSpan, newline_before: bool) {
    if let Some(last) = tokens.last_mut() {
        let adjacent = last.span.end == next.span.start;
        let joined = match (&mut last.token, &next.token) {
            (
                Token::SingleQuotedString(a) | Token::EscapedStringLiteral(a),
                Token::SingleQuotedString(b),
            ) if newline_before => {
                a.push_str(b);
                true
            }
            (question @ Token::Question, Token::Pipe) if adjacent => {
                *question = Token::QuestionPipe;
                true
            }
            (question @ Token::Question, Token::Ampersand) if adjacent => {
                *question = Token::QuestionAnd;
                true
            }
            _ => false,
        };
        if joined {
            last.span.end = next.span.end;
            return;
        }
    }
    let token = match next.token {
        Token::Placeholder(p) if p == "?" => Token::Question,
        other => other,
    };
    tokens.push(TokenWithSpan { token, span: next.span });
}

/// Whether a name stands directly behind a number, as in `12abc`.
fn is_junk(tokens: &[TokenWithSpan], next: &Token, start: usize) -> bool {
    if matches!(next, Token::Number(_, true)) {
        // The library takes `5L` as one token.
        return true;
    }
    tokens.last().is_some_and(|last| {
        byte_of(last.span.end) == Some(start)
            && matches!(last.token, Token::Number(..))
            && matches!(next, Token::Word(w) if w.quote_style.is_none())
    })
}

/// The error for such a name.
fn junk(
    text: &str,
    tokens: &[TokenWithSpan],
    next: &Token,
    start: usize,
    end: usize,
) -> ParseError {
    let number = tokens.last().and_then(|t| byte_of(t.span.start));
    let start = if matches!(next, Token::Number(..)) { start } else { number.unwrap_or(start) };
    let junk = &text[start..end];
    let message = format!("trailing junk after numeric literal at or near \"{junk}\"");
    ParseError::syntax(Span::new(start, end), message)
}

/// Partners of brackets; a bracket without one has `NONE`.
fn match_brackets(tokens: &[TokenWithSpan]) -> Vec<u32> {
    let mut partner = vec![NONE; tokens.len()];
    let mut open: Vec<usize> = Vec::new();
    for (i, t) in tokens.iter().enumerate() {
        match t.token {
            Token::LParen | Token::LBracket | Token::LBrace => open.push(i),
            Token::RParen | Token::RBracket | Token::RBrace => {
                let fits = open.last().is_some_and(|&o| closes(&tokens[o].token, &t.token));
                if let (true, Some(o)) = (fits, open.pop_if(|_| fits)) {
                    partner[o] = i as u32;
                    partner[i] = o as u32;
                }
            }
            _ => {}
        }
    }
    partner
}

/// Whether one bracket closes the other.
pub(crate) fn closes(open: &Token, close: &Token) -> bool {
    matches!(
        (open, close),
        (Token::LParen, Token::RParen)
            | (Token::LBracket, Token::RBracket)
            | (Token::LBrace, Token::RBrace)
    )
}

/// The error for a text whose last token has no end, or that is no token at all.
fn unterminated(text: &str, at: usize, message: &str) -> ParseError {
    let span = Span::new(at, text[at..].chars().next().map_or(at, |c| at + c.len_utf8()));
    // A string that does end was refused for what is in it.
    let whole = crate::scan::tokens(&text[at..]).first().is_some_and(|t| {
        t.kind == crate::scan::TokenKind::String
            && text[at..at + t.span.end as usize].starts_with(['e', 'E'])
    });
    if whole {
        return ParseError::constant(ParseErrorKind::Escape, span, "invalid Unicode escape")
            .with_hint("Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
    }
    let (message, hint) = if message.contains("multi-line comment") {
        ("unterminated comment", "A comment that starts with /* ends with */; they nest.")
    } else if message.contains("dollar") || message.contains('$') {
        ("unterminated dollar-quoted string", "It ends with the same $tag$ that it starts with.")
    } else if message.contains("delimited") || message.contains('"') {
        (
            "unterminated quoted identifier",
            "A double quote starts a name; strings take single quotes.",
        )
    } else if message.contains("nterminated") || message.contains("literal") {
        ("unterminated quoted string", "A single quote inside a string is written twice: ''.")
    } else {
        return ParseError::syntax(span, message.to_owned());
    };
    ParseError::syntax(span, message).with_hint(hint)
}
