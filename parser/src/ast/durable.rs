//! Statements about what lasts: assertions, subscriptions, and the places that backups go to.
//!
//! Invariant: what an error at run time may be about (a place, a transaction's identifier, a
//! position) carries its span.

use super::{ObjectName, Query, WithOption};
use crate::span::Span;

/// A string constant and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Text {
    /// What it says.
    pub value: String,
    /// Where, quotes included.
    pub span: Span,
}

/// A place in the history of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The epoch.
    pub epoch: u64,
    /// Where the number stands.
    pub span: Span,
}

/// CREATE [OR REPLACE] ASSERTION [IF NOT EXISTS] name AS (query).
#[derive(Debug, Clone, PartialEq)]
pub struct CreateAssertion {
    /// OR REPLACE.
    pub or_replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// The query that must return no rows, without the parentheses around it.
    pub query: Box<Query>,
}

/// CREATE SUBSCRIPTION [IF NOT EXISTS] name ON relation [WITH (...)].
#[derive(Debug, Clone, PartialEq)]
pub struct CreateSubscription {
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// What it follows.
    pub relation: ObjectName,
    /// WITH (retention = '1 day').
    pub options: Vec<WithOption>,
}

/// FETCH [n | ALL] FROM name [AFTER EPOCH n] [WITH (timeout = '1s')].
#[derive(Debug, Clone, PartialEq)]
pub struct Fetch {
    /// How many rows at most; none is ALL. One if it is not written, as in PostgreSQL.
    pub count: Option<u64>,
    /// The cursor or the subscription.
    pub from: ObjectName,
    /// AFTER: the last position that the reader has; none: what was acknowledged.
    pub after: Option<Position>,
    /// WITH (...).
    pub options: Vec<WithOption>,
}

/// ACKNOWLEDGE subscription UP TO EPOCH n.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledge {
    /// The subscription.
    pub subscription: ObjectName,
    /// The last position that is not needed again.
    pub up_to: Position,
}
