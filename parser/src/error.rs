//! Why a text is not a statement: a fact, a place and often a hint.
//!
//! Invariant: the span lies inside the text that was parsed (or is empty at its end).

use crate::span::Span;

/// What kind of failure it is, so that a caller can choose an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParseErrorKind {
    /// The text does not follow the grammar.
    Syntax,
    /// The text is well-formed so far, but longer, deeper or larger than a limit allows.
    Limit,
    /// A known construct that is not built yet, in a place where the tree cannot carry its name.
    Unsupported,
    /// A string constant with an escape that means nothing.
    Escape,
    /// A constant whose text is not of its type.
    InvalidText,
}

/// A text that is not a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What kind of failure.
    pub kind: ParseErrorKind,
    /// Where.
    pub span: Span,
    /// What was found and what was expected.
    pub message: String,
    /// What to do about it, where a usual mistake is recognized.
    pub hint: Option<String>,
}

impl ParseError {
    /// A violation of the grammar.
    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Self { kind: ParseErrorKind::Syntax, span, message: message.into(), hint: None }
    }

    /// A constant that is well-formed for the grammar, but means nothing.
    pub(crate) fn constant(kind: ParseErrorKind, span: Span, message: impl Into<String>) -> Self {
        Self { kind, ..Self::syntax(span, message) }
    }

    /// A limit exceeded.
    pub(crate) fn limit(span: Span, message: impl Into<String>) -> Self {
        Self { kind: ParseErrorKind::Limit, span, message: message.into(), hint: None }
    }

    /// Something known but not built, named.
    pub(crate) fn unsupported(span: Span, what: &str) -> Self {
        let message = format!("{what} is not supported yet");
        Self { kind: ParseErrorKind::Unsupported, span, message, hint: None }
    }

    /// The same error with advice.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}
