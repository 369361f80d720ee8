//! CREATE SUBSCRIPTION, FETCH, ACKNOWLEDGE: a reader that the database remembers.
//!
//! Invariant: a position is an epoch; the word EPOCH before it may be left out.

use sqlparser::tokenizer::Token;

use super::cursor::{Cursor, is_options};
use crate::ast::{Acknowledge, CreateSubscription, Fetch, Position, StatementKind};
use crate::error::ParseError;

impl Cursor<'_, '_> {
    /// Behind CREATE, at SUBSCRIPTION: [IF NOT EXISTS] name {ON | FROM} relation [WITH (...)].
    pub(super) fn create_subscription(
        &mut self,
        or_replace: bool,
    ) -> Result<StatementKind, ParseError> {
        let here = self.here();
        self.expect(&["SUBSCRIPTION"])?;
        if or_replace {
            return Err(ParseError::unsupported(here, "CREATE OR REPLACE SUBSCRIPTION")
                .with_hint("What was acknowledged would be lost: use DROP SUBSCRIPTION first."));
        }
        let if_not_exists = self.if_not_exists();
        let name = self.object_name()?;
        if self.is("CONNECTION") {
            let what = "CREATE SUBSCRIPTION to a publication";
            return Err(ParseError::unsupported(self.here(), what));
        }
        if !self.take("FROM") {
            self.expect(&["ON"])?;
        }
        if self.is_token(&Token::LParen) {
            return Err(self.wrong("a name").with_hint(
                "A subscription follows a relation: make the query a materialized view.",
            ));
        }
        let relation = self.object_name()?;
        if !self.done() && !is_options(self.src, self.at) {
            return Err(self.wrong("WITH (...)"));
        }
        let options = self.with_options()?;
        let create = CreateSubscription { if_not_exists, name, relation, options };
        Ok(StatementKind::CreateSubscription(Box::new(create)))
    }

    /// FETCH [NEXT | [FORWARD] [n | ALL]] [FROM | IN] name [AFTER [EPOCH] n] [WITH (...)].
    pub(super) fn fetch(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        // A direction with nothing behind it is a name.
        let named = self.at + 1 >= self.to;
        for word in ["PRIOR", "FIRST", "LAST", "ABSOLUTE", "RELATIVE", "BACKWARD"] {
            if self.is(word) && !named {
                return Ok(StatementKind::Unsupported { what: format!("FETCH {word}") });
            }
        }
        if self.is_token(&Token::Minus) {
            return Ok(StatementKind::Unsupported { what: "FETCH BACKWARD".to_owned() });
        }
        let count = if named || self.take("NEXT") {
            Some(1)
        } else {
            self.take("FORWARD");
            match self.src.token(self.at).filter(|_| !self.done()) {
                Some(Token::Number(..)) => Some(self.whole_number()?),
                _ if self.take("ALL") => None,
                _ => Some(1),
            }
        };
        let _ = self.take("FROM") || self.take("IN");
        let from = self.object_name()?;
        let mut fetch = Fetch { count, from, after: None, options: vec![] };
        while !self.done() {
            if fetch.after.is_none() && self.take("AFTER") {
                fetch.after = Some(self.position()?);
            } else if fetch.options.is_empty() && is_options(self.src, self.at) {
                fetch.options = self.with_options()?;
            } else {
                let error = self.wrong("AFTER EPOCH or WITH (...)");
                let waits = self.is("WITHIN") || self.is("TIMEOUT");
                let hint = "How long to wait is written WITH (timeout = '1s').";
                return Err(if waits { error.with_hint(hint) } else { error });
            }
        }
        Ok(StatementKind::Fetch(Box::new(fetch)))
    }

    /// ACKNOWLEDGE subscription UP TO [EPOCH] n; ACKNOWLEDGE ALERT.
    pub(super) fn acknowledge(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        if self.is("ALERT") && matches!(self.src.word(self.at + 1), Some(w) if !is_up(w)) {
            return Ok(StatementKind::Unsupported { what: "ACKNOWLEDGE ALERT".to_owned() });
        }
        let subscription = self.object_name()?;
        self.expect(&["UP", "TO"])?;
        let up_to = self.position()?;
        Ok(StatementKind::Acknowledge(Box::new(Acknowledge { subscription, up_to })))
    }

    /// [EPOCH] n.
    fn position(&mut self) -> Result<Position, ParseError> {
        self.take("EPOCH");
        let span = self.here();
        Ok(Position { epoch: self.whole_number()?, span })
    }
}

/// Whether UP TO goes on with this word.
fn is_up(word: &str) -> bool {
    word.eq_ignore_ascii_case("UP")
}
