//! CREATE SINK.
//!
//! Invariant: a sink reads exactly one relation or query.

use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, is_options};
use crate::ast::{CreateSink, Envelope, SinkInput, StatementKind};
use crate::error::ParseError;

impl Cursor<'_, '_> {
    /// Behind CREATE, at SINK.
    pub(super) fn create_sink(&mut self) -> Result<StatementKind, ParseError> {
        self.expect(&["SINK"])?;
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        if self.is("INTO") {
            return Ok(StatementKind::Unsupported { what: "CREATE SINK INTO".to_owned() });
        }
        let input = if self.take("FROM") {
            SinkInput::Relation(self.object_name()?)
        } else if self.take("AS") {
            let end = self.find(|src, at| {
                is_options(src, at)
                    || (src.is_word(at, "FORMAT") && src.is_word(at + 2, "ENCODE"))
                    || is_envelope(src, at)
            });
            SinkInput::Query(Box::new(self.query_to(end)?))
        } else {
            return Err(self.wrong("FROM name or AS query"));
        };
        let mut sink = CreateSink {
            if_not_exists,
            name,
            input,
            options: vec![],
            format: None,
            envelope: None,
        };
        while !self.done() {
            if sink.options.is_empty() && is_options(self.src, self.at) {
                sink.options = self.with_options()?;
            } else if sink.format.is_none() && self.is("FORMAT") {
                sink.format = Some(self.format()?);
            } else if sink.envelope.is_none() && self.is("ENVELOPE") {
                sink.envelope = Some(self.envelope()?);
            } else {
                return Err(self.wrong("WITH (...), FORMAT or ENVELOPE"));
            }
        }
        Ok(StatementKind::CreateSink(Box::new(sink)))
    }

    /// ENVELOPE UPSERT (KEY (columns)) | DEBEZIUM | APPEND.
    pub(super) fn envelope(&mut self) -> Result<Envelope, ParseError> {
        self.expect(&["ENVELOPE"])?;
        if self.take("DEBEZIUM") {
            return Ok(Envelope::Debezium);
        }
        if self.take("APPEND") {
            return Ok(Envelope::Append);
        }
        self.expect(&["UPSERT"])?;
        if !self.is_token(&Token::LParen) {
            return Err(self.wrong("(KEY (columns))"));
        }
        let mut inside = self.parentheses()?;
        inside.expect(&["KEY"])?;
        let key = inside.idents_in_parentheses()?;
        inside.expect_end()?;
        Ok(Envelope::Upsert(key))
    }
}

/// Whether an ENVELOPE clause starts at a token.
pub(super) fn is_envelope(src: &crate::cut::tokens::Source<'_>, at: usize) -> bool {
    src.is_word(at, "ENVELOPE")
        && ["UPSERT", "DEBEZIUM", "APPEND"].iter().any(|w| src.is_word(at + 1, w))
}
