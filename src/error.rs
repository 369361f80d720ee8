//! The one error type of the public API: opaque, with a kind to branch on and a place to point at.
//!
//! Errors of every layer arrive here and keep their SQLSTATE, their hint and the byte range of the
//! statement they are about, so that a program can react and a person can see where.
//! Invariant: `Display` is one line; `render` adds the caret picture, the detail and the hint.

use std::fmt;

use arena_tr_parser::{ParseError, Span};
use arena_tr_planner::PlanError;
use arena_tr_types::{SqlError, SqlState};

/// What kind of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The statement is wrong: syntax, names, types.
    Statement,
    /// The statement is right but its data is not: overflow, a bad cast, a violated constraint.
    Data,
    /// The construct is known and not built.
    Unsupported,
    /// The transaction collided with another; run again, it may succeed.
    Conflict,
    /// The statement was cancelled.
    Cancelled,
    /// Reading or writing outside the database failed.
    Io,
    /// A file of the database is damaged; the message says where.
    Corrupt,
    /// A memory budget or another limit was reached.
    Limit,
    /// A defect of the engine.
    Internal,
}

/// Any failure of the engine.
#[derive(Debug, Clone)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    state: SqlState,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    span: Option<Span>,
    sql: Option<String>,
}

/// The result of everything public.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of this state.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        let kind = kind_of(state);
        let message = message.into();
        let (detail, hint, span, sql) = (None, None, None, None);
        Self { inner: Box::new(Inner { kind, state, message, detail, hint, span, sql }) }
    }

    /// Reading or writing `what` failed.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        let state = match error.kind() {
            std::io::ErrorKind::NotFound => SqlState("58P01"),
            _ => SqlState::IO_ERROR,
        };
        Self::new(state, format!("{what}: {error}"))
    }

    /// A construct that is not built.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        SqlError::unsupported(what).into()
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    /// The same, pointing at a part of the statement, unless it points somewhere already.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.inner.span.get_or_insert(span);
        self
    }

    /// The same, knowing the text its span is about.
    #[must_use]
    pub(crate) fn in_statement(mut self, sql: &str) -> Self {
        self.inner.sql.get_or_insert_with(|| sql.to_owned());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Its SQLSTATE.
    pub fn state(&self) -> SqlState {
        self.inner.state
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What more is known about it: which key, which row.
    pub fn detail(&self) -> Option<&str> {
        self.inner.detail.as_deref()
    }

    /// How to mend it, if that is known.
    pub fn hint(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// The byte range of the statement's text that it is about.
    pub fn span(&self) -> Option<Span> {
        self.inner.span
    }

    /// The picture for a person: message, the line with a caret under it, detail and hint.
    pub fn render(&self) -> String {
        let mut out = format!("error: {}", self.inner.message);
        if let (Some(sql), Some(span)) = (&self.inner.sql, self.inner.span) {
            out.push('\n');
            out.push_str(arena_tr_parser::span::excerpt(sql, &span).trim_end());
        }
        if let Some(detail) = &self.inner.detail {
            out.push_str("\ndetail: ");
            out.push_str(detail);
        }
        if let Some(hint) = &self.inner.hint {
            out.push_str("\nhint: ");
            out.push_str(hint);
        }
        out
    }
}

fn kind_of(state: SqlState) -> ErrorKind {
    match state {
        SqlState::FEATURE_NOT_SUPPORTED => ErrorKind::Unsupported,
        SqlState::QUERY_CANCELED => ErrorKind::Cancelled,
        SqlState::IO_ERROR => ErrorKind::Io,
        SqlState::INTERNAL => ErrorKind::Internal,
        SqlState("XX001") => ErrorKind::Corrupt,
        SqlState("55006") => ErrorKind::Io,
        _ => match &state.0[..2] {
            "21" | "22" | "23" => ErrorKind::Data,
            "40" => ErrorKind::Conflict,
            "53" | "54" | "72" => ErrorKind::Limit,
            "08" | "58" => ErrorKind::Io,
            _ => ErrorKind::Statement,
        },
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl std::error::Error for Error {}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        let mut out = Self::new(error.state, error.message);
        out.inner.detail = error.detail;
        out.inner.hint = error.hint;
        out
    }
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        use arena_tr_parser::ParseErrorKind;
        let state = match error.kind {
            ParseErrorKind::Limit => SqlState::STATEMENT_TOO_COMPLEX,
            ParseErrorKind::Unsupported => SqlState::FEATURE_NOT_SUPPORTED,
            ParseErrorKind::Syntax => SqlState::SYNTAX_ERROR,
            ParseErrorKind::Escape => SqlState::INVALID_ESCAPE,
            ParseErrorKind::InvalidText => SqlState::INVALID_TEXT,
        };
        let mut out = Self::new(state, error.message);
        out.inner.hint = error.hint;
        out.inner.span = Some(error.span);
        out
    }
}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        let mut out = Self::new(error.state, error.message);
        out.inner.hint = error.hint;
        out.inner.span = error.span;
        out
    }
}
