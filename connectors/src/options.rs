//! WITH options, read by name and checked for leftovers.
//!
//! A connector takes what it knows and then calls [`Options::finish`], so that a misspelt option is
//! an error that lists the known ones instead of being ignored.
//! Invariant: every error names the option and the connector.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use arena_tr::{Error, Result, SqlState};

/// The options of one statement, while a connector reads them.
pub(crate) struct Options {
    connector: &'static str,
    left: BTreeMap<String, String>,
    known: BTreeSet<String>,
}

impl Options {
    pub(crate) fn new(connector: &'static str, options: &BTreeMap<String, String>) -> Self {
        Self { connector, left: options.clone(), known: BTreeSet::new() }
    }

    /// An error about the option `name`.
    pub(crate) fn invalid(&self, name: &str, why: impl std::fmt::Display) -> Error {
        let message = format!("option \"{name}\" of connector '{}' {why}", self.connector);
        Error::new(SqlState::INVALID_PARAMETER, message)
    }

    /// The text of an option, if given.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.known.insert(name.to_owned());
        self.left.remove(name)
    }

    /// Whether an option is given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// The text of an option that must be given.
    pub(crate) fn required(&mut self, name: &str) -> Result<String> {
        match self.text(name) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.invalid(name, "is missing")),
        }
    }

    /// A number, if given.
    pub(crate) fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let digits: String = text.chars().filter(|c| *c != '_').collect();
        match digits.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.invalid(name, format!("is not a number in its range: '{text}'"))),
        }
    }

    /// A number greater than zero, if given.
    pub(crate) fn positive(&mut self, name: &str) -> Result<Option<u64>> {
        match self.number(name)? {
            Some(0) => Err(self.invalid(name, "must be greater than zero")),
            number => Ok(number),
        }
    }

    /// A text of one byte, if given.
    pub(crate) fn byte(&mut self, name: &str) -> Result<Option<u8>> {
        match self.text(name) {
            None => Ok(None),
            Some(text) => match text.as_bytes() {
                _ if text == "\\t" => Ok(Some(b'\t')),
                [byte] if !matches!(byte, b'\n' | b'\r') => Ok(Some(*byte)),
                _ => Err(self.invalid(name, "must be a single one-byte character")),
            },
        }
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<()> {
        let Some(name) = self.left.keys().next() else { return Ok(()) };
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        Err(Error::new(
            SqlState::INVALID_PARAMETER,
            format!("unknown option \"{name}\" of connector '{}'", self.connector),
        )
        .with_hint(format!("known options: {}", known.join(", "))))
    }
}

/// `true`, `on`, `1` and their opposites, as PostgreSQL reads a boolean option.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" | "yes" | "" => Some(true),
        "false" | "off" | "0" | "no" => Some(false),
        _ => None,
    }
}
