//! Assertions, subscriptions and their kin as SQL.
//!
//! Invariant: an assertion's query prints in parentheses, a position with the word EPOCH.

use std::fmt::{self, Display, Formatter};

use super::statement::{if_not_exists, or_replace, with_options};
use super::string;
use crate::ast::{Acknowledge, CreateAssertion, CreateSubscription, Fetch, Position, Text};

impl Display for Text {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        string(f, &self.value)
    }
}

impl Display for Position {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "EPOCH {}", self.epoch)
    }
}

impl Display for CreateAssertion {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (replace, exists) = (or_replace(self.or_replace), if_not_exists(self.if_not_exists));
        write!(f, "CREATE {replace}ASSERTION {exists}{} AS ({})", self.name, self.query)
    }
}

impl Display for CreateSubscription {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let exists = if_not_exists(self.if_not_exists);
        write!(f, "CREATE SUBSCRIPTION {exists}{} ON {}", self.name, self.relation)?;
        with_options(f, &self.options)
    }
}

impl Display for Fetch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "FETCH {count} FROM {}", self.from)?,
            None => write!(f, "FETCH ALL FROM {}", self.from)?,
        }
        if let Some(after) = self.after {
            write!(f, " AFTER {after}")?;
        }
        with_options(f, &self.options)
    }
}

impl Display for Acknowledge {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ACKNOWLEDGE {} UP TO {}", self.subscription, self.up_to)
    }
}
