//! CREATE VIEW, CREATE MATERIALIZED VIEW, CREATE ASSERTION, and DROP of every kind.
//!
//! Invariant: the EMIT clause ends up in the view's query; an assertion has none.

use super::cursor::{Cursor, is_emit};
use crate::ast::{CreateAssertion, CreateView, ObjectKind, StatementKind};
use crate::error::ParseError;
use sqlparser::tokenizer::Token;

impl Cursor<'_, '_> {
    /// Behind CREATE [OR REPLACE] [MATERIALIZED], at VIEW.
    pub(super) fn create_view(
        &mut self,
        or_replace: bool,
        materialized: bool,
    ) -> Result<StatementKind, ParseError> {
        self.expect(&["VIEW"])?;
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        let columns =
            if self.is_token(&Token::LParen) { self.idents_in_parentheses()? } else { vec![] };
        let options = self.with_options()?;
        self.expect(&["AS"])?;
        let end = self.without_with_data()?;
        let query = Box::new(self.query_to(end)?);
        self.at = self.to;
        let view =
            CreateView { or_replace, if_not_exists, materialized, name, columns, options, query };
        Ok(StatementKind::CreateView(Box::new(view)))
    }

    /// Behind CREATE [OR REPLACE], at ASSERTION: [IF NOT EXISTS] name AS (query).
    pub(super) fn create_assertion(
        &mut self,
        or_replace: bool,
    ) -> Result<StatementKind, ParseError> {
        self.expect(&["ASSERTION"])?;
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        if self.is("CHECK") {
            return Err(ParseError::unsupported(self.here(), "CHECK of an assertion")
                .with_hint("Write AS (query) with a query of the rows that must not be there."));
        }
        self.expect(&["AS"])?;
        let mut inside = self.part(self.at, self.to).without_parentheses();
        let emit = inside.find(is_emit);
        if emit < inside.to {
            return Err(ParseError::syntax(self.src.span(emit), "EMIT is not allowed here")
                .with_hint("An assertion is looked at in every commit."));
        }
        let query = Box::new(inside.query_to(inside.to)?);
        self.at = self.to;
        let create = CreateAssertion { or_replace, if_not_exists, name, query };
        Ok(StatementKind::CreateAssertion(Box::new(create)))
    }

    /// DROP kind [IF EXISTS] names [CASCADE | RESTRICT].
    pub(super) fn drop_statement(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        let word = self.src.word(self.at).unwrap_or_default().to_ascii_uppercase();
        let kind = match word.as_str() {
            "SOURCE" => ObjectKind::Source,
            "STREAM" => ObjectKind::Stream,
            "TABLE" => ObjectKind::Table,
            "VIEW" => ObjectKind::View,
            "SINK" => ObjectKind::Sink,
            "MATERIALIZED" if self.src.is_word(self.at + 1, "VIEW") => {
                self.at += 1;
                ObjectKind::MaterializedView
            }
            "INDEX" => ObjectKind::Index,
            "ASSERTION" => ObjectKind::Assertion,
            "SUBSCRIPTION" => ObjectKind::Subscription,
            "ALERT" | "FUNCTION" | "AGGREGATE" | "PROCEDURE" | "TYPE" | "SCHEMA" | "SEQUENCE"
            | "TRIGGER" | "ROLE" | "USER" | "DATABASE" | "EXTENSION" | "DOMAIN" | "CAST"
            | "COLLATION" | "OPERATOR" | "RULE" | "POLICY" | "SECRET" | "CONNECTION" | "OWNED"
            | "STATISTICS" | "SERVER" | "TABLESPACE" => {
                return Ok(StatementKind::Unsupported { what: format!("DROP {word}") });
            }
            _ => {
                return Err(self.wrong(
                    "SOURCE, STREAM, TABLE, VIEW, MATERIALIZED VIEW, SINK, INDEX, ASSERTION or \
                     SUBSCRIPTION",
                ));
            }
        };
        self.at += 1;
        let _ = kind == ObjectKind::Index && self.take("CONCURRENTLY");
        let if_exists = self.take_words(&["IF", "EXISTS"]);
        let mut names = vec![self.object_name()?];
        while self.take_token(&Token::Comma) {
            names.push(self.object_name()?);
        }
        let cascade = self.take("CASCADE");
        if !cascade {
            self.take("RESTRICT");
        }
        Ok(StatementKind::Drop { kind, if_exists, names, cascade })
    }
}
