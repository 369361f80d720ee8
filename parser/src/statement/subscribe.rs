//! SUBSCRIBE: following the changes of a view or of a query.
//!
//! `SUBSCRIBE v WHERE p` is kept as the query `SELECT * FROM v WHERE p`.
//! Invariant: the clauses behind the query may come in any order, each at most once.

use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, is_options};
use super::dml::starts_query;
use super::sink::is_envelope;
use crate::ast::{From, Query, StatementKind, Subscribe};
use crate::cut::tokens::Source;
use crate::error::ParseError;

/// Whether a clause of SUBSCRIBE itself starts at a token.
fn is_clause(src: &Source<'_>, at: usize) -> bool {
    is_options(src, at)
        || is_envelope(src, at)
        || src.are_words(at, &["UP", "TO"])
        || (src.are_words(at, &["AS", "OF"]) && !src.is_word(at - 1, "SYSTEM_TIME"))
}

impl Cursor<'_, '_> {
    /// SUBSCRIBE [TO] name | (query) | query [WHERE ...] and its clauses.
    pub(super) fn subscribe(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        self.take("TO");
        let end = self.find(is_clause);
        let query = if starts_query(self.src, self.at) {
            let mut inside = self.part(self.at, end).without_parentheses();
            self.at = end;
            inside.query_to(inside.to)?
        } else {
            self.subscribed_relation(end)?
        };
        let mut subscribe = Subscribe {
            query: Box::new(query),
            envelope: None,
            options: vec![],
            as_of: None,
            up_to: None,
        };
        while !self.done() {
            if subscribe.options.is_empty() && is_options(self.src, self.at) {
                subscribe.options = self.with_options()?;
            } else if subscribe.envelope.is_none() && self.is("ENVELOPE") {
                subscribe.envelope = Some(self.envelope()?);
            } else if subscribe.as_of.is_none() && self.take_words(&["AS", "OF"]) {
                subscribe.as_of = Some(self.epoch()?);
            } else if subscribe.up_to.is_none() && self.take_words(&["UP", "TO"]) {
                subscribe.up_to = Some(self.epoch()?);
            } else {
                return Err(self.wrong("ENVELOPE, WITH (...), AS OF EPOCH or UP TO EPOCH"));
            }
        }
        Ok(StatementKind::Subscribe(Box::new(subscribe)))
    }

    /// EPOCH n.
    fn epoch(&mut self) -> Result<u64, ParseError> {
        self.take("EPOCH");
        self.whole_number()
    }

    /// `name [WHERE condition]` as a query.
    fn subscribed_relation(&mut self, end: usize) -> Result<Query, ParseError> {
        let start = self.at;
        let name = self.object_name()?;
        let mut selection = None;
        if self.at < end && self.take("WHERE") {
            selection = Some(self.expr_to(end)?);
        }
        if self.is_token(&Token::LParen) {
            return Err(self.wrong("a clause of SUBSCRIBE"));
        }
        let from = From::Table { name, as_of: None, alias: None };
        Ok(Query::select_all(from, selection, self.since(start)))
    }
}
