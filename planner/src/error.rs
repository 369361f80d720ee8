//! Why a statement cannot be planned: a fact with its SQLSTATE and its place in the text.
//!
//! The same error type serves binding, rules and lowering, so the facade maps it once.
//! Invariant: a message never ends in a period and names the offending thing; a hint says what to
//! do instead.

use std::fmt;

use arena_tr_parser::Span;
use arena_tr_types::{SqlError, SqlState};

/// An error of planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// Its SQLSTATE.
    pub state: SqlState,
    /// What is wrong, in one line.
    pub message: String,
    /// Where in the statement.
    pub span: Option<Span>,
    /// How to mend it, if that is known.
    pub hint: Option<String>,
}

impl PlanError {
    /// An error of this state, standing at `span`.
    pub fn new(state: SqlState, message: impl Into<String>, span: Option<Span>) -> Self {
        Self { state, message: message.into(), span, hint: None }
    }

    /// A construct that is not built; `what` names it.
    pub fn unsupported(what: impl fmt::Display, span: Option<Span>) -> Self {
        Self::from_sql(SqlError::unsupported(what), span)
    }

    /// An error whose place comes later, with [`PlanError::at`].
    pub fn of(state: SqlState, message: impl Into<String>) -> Self {
        Self::new(state, message, None)
    }

    /// A construct that is not built; its place comes later, with [`PlanError::at`].
    pub fn not_built(what: impl fmt::Display) -> Self {
        Self::unsupported(what, None)
    }

    /// The same, placed at `span` unless it has a place already.
    #[must_use]
    pub fn at(self, span: impl Into<Option<Span>>) -> Self {
        self.or_at(span.into())
    }

    /// An error found while computing a constant, at the place of that constant.
    pub fn from_sql(error: SqlError, span: Option<Span>) -> Self {
        Self { state: error.state, message: error.message, span, hint: error.hint }
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, placed at `span` unless it has a place already.
    #[must_use]
    pub fn or_at(mut self, span: Option<Span>) -> Self {
        self.span = self.span.or(span);
        self
    }
}

impl From<SqlError> for PlanError {
    fn from(error: SqlError) -> Self {
        Self::from_sql(error, None)
    }
}

impl From<PlanError> for SqlError {
    fn from(error: PlanError) -> Self {
        Self { state: error.state, message: error.message, detail: None, hint: error.hint }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PlanError {}
