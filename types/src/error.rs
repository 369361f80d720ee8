//! Errors that carry a SQLSTATE.
//!
//! One code per meaning, PostgreSQL's where PostgreSQL has one, so that a client can branch on it.
//! Invariant: a message never ends in a period, names the offending value and never blames the
//! user.

use std::fmt;

/// A five-character SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState(pub &'static str);

#[allow(missing_docs, reason = "each is named by PostgreSQL's documentation")]
impl SqlState {
    pub const SYNTAX_ERROR: Self = Self("42601");
    pub const FEATURE_NOT_SUPPORTED: Self = Self("0A000");
    pub const UNDEFINED_COLUMN: Self = Self("42703");
    pub const UNDEFINED_TABLE: Self = Self("42P01");
    pub const UNDEFINED_FUNCTION: Self = Self("42883");
    pub const UNDEFINED_OBJECT: Self = Self("42704");
    pub const UNDEFINED_PARAMETER: Self = Self("42P02");
    pub const DUPLICATE_TABLE: Self = Self("42P07");
    pub const DUPLICATE_COLUMN: Self = Self("42701");
    pub const DUPLICATE_ALIAS: Self = Self("42712");
    pub const AMBIGUOUS_COLUMN: Self = Self("42702");
    pub const AMBIGUOUS_FUNCTION: Self = Self("42725");
    pub const DATATYPE_MISMATCH: Self = Self("42804");
    pub const CANNOT_COERCE: Self = Self("42846");
    pub const GROUPING_ERROR: Self = Self("42803");
    pub const WINDOWING_ERROR: Self = Self("42P20");
    pub const WRONG_OBJECT_TYPE: Self = Self("42809");
    pub const INVALID_COLUMN_REFERENCE: Self = Self("42P10");
    pub const INVALID_TABLE_DEFINITION: Self = Self("42P16");
    pub const NUMERIC_OUT_OF_RANGE: Self = Self("22003");
    pub const DIVISION_BY_ZERO: Self = Self("22012");
    pub const INVALID_TEXT: Self = Self("22P02");
    pub const INVALID_DATETIME: Self = Self("22007");
    pub const DATETIME_OVERFLOW: Self = Self("22008");
    pub const INTERVAL_OVERFLOW: Self = Self("22015");
    pub const INVALID_TIME_ZONE: Self = Self("22009");
    pub const INVALID_PARAMETER: Self = Self("22023");
    pub const INVALID_LOG: Self = Self("2201E");
    pub const INVALID_POWER: Self = Self("2201F");
    pub const ARRAY_SUBSCRIPT: Self = Self("2202E");
    pub const UNTRANSLATABLE: Self = Self("22P05");
    pub const INVALID_ENCODING: Self = Self("22021");
    pub const STRING_TOO_LONG: Self = Self("22001");
    pub const INVALID_REGEX: Self = Self("2201B");
    pub const INVALID_ESCAPE: Self = Self("22025");
    pub const INVALID_USE_OF_ESCAPE: Self = Self("2200C");
    pub const SUBSTRING_ERROR: Self = Self("22011");
    pub const CARDINALITY_VIOLATION: Self = Self("21000");
    pub const NOT_NULL_VIOLATION: Self = Self("23502");
    pub const UNIQUE_VIOLATION: Self = Self("23505");
    pub const CHECK_VIOLATION: Self = Self("23514");
    pub const FOREIGN_KEY_VIOLATION: Self = Self("23503");
    pub const ACTIVE_TRANSACTION: Self = Self("25001");
    pub const READ_ONLY_TRANSACTION: Self = Self("25006");
    pub const NO_ACTIVE_TRANSACTION: Self = Self("25P01");
    pub const IN_FAILED_TRANSACTION: Self = Self("25P02");
    pub const INVALID_SAVEPOINT: Self = Self("3B001");
    pub const SERIALIZATION_FAILURE: Self = Self("40001");
    pub const SNAPSHOT_TOO_OLD: Self = Self("72000");
    pub const DEPENDENT_OBJECTS: Self = Self("2BP01");
    pub const OBJECT_IN_WRONG_STATE: Self = Self("55000");
    pub const PROGRAM_LIMIT: Self = Self("54000");
    pub const STATEMENT_TOO_COMPLEX: Self = Self("54001");
    pub const OUT_OF_MEMORY: Self = Self("53200");
    pub const QUERY_CANCELED: Self = Self("57014");
    pub const IO_ERROR: Self = Self("58030");
    pub const INTERNAL: Self = Self("XX000");
}

/// A SQL error found while computing: a fact with its code, no position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// Its SQLSTATE.
    pub state: SqlState,
    /// What is wrong, in one line.
    pub message: String,
    /// What more is known about it, as a sentence: which key, which row.
    pub detail: Option<String>,
    /// How to mend it, if that is known.
    pub hint: Option<String>,
}

impl SqlError {
    /// An error of this state with this message.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), detail: None, hint: None }
    }

    /// The same with a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// `integer out of range` and its kin: `what` is the type as PostgreSQL spells it.
    pub fn out_of_range(what: impl fmt::Display) -> Self {
        Self::new(SqlState::NUMERIC_OUT_OF_RANGE, format!("{what} out of range"))
    }

    /// `division by zero`.
    pub fn division_by_zero() -> Self {
        Self::new(SqlState::DIVISION_BY_ZERO, "division by zero")
    }

    /// A construct that is not built; `what` names it and where it stands.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported yet"))
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}
