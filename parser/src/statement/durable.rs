//! CHECKPOINT, BACKUP, RESTORE, CHECK, and the identifiers of prepared transactions.
//!
//! Invariant: a place and an identifier are string constants with their span; what they name is
//! looked at by who runs the statement.

use super::cursor::Cursor;
use crate::ast::{StatementKind, Text, Transaction};
use crate::error::ParseError;

impl Cursor<'_, '_> {
    /// BACKUP TO 'place'.
    pub(super) fn backup(&mut self) -> Result<StatementKind, ParseError> {
        self.expect(&["BACKUP", "TO"])?;
        Ok(StatementKind::Backup { to: self.text("a place in quotes")? })
    }

    /// RESTORE FROM 'place'.
    pub(super) fn restore(&mut self) -> Result<StatementKind, ParseError> {
        self.expect(&["RESTORE", "FROM"])?;
        Ok(StatementKind::Restore { from: self.text("a place in quotes")? })
    }

    /// CHECK DATABASE, CHECK MATERIALIZED VIEW name [REPAIR].
    pub(super) fn check(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        if self.take("DATABASE") {
            return Ok(StatementKind::CheckDatabase);
        }
        if !self.take_words(&["MATERIALIZED", "VIEW"]) {
            return Err(self.wrong("DATABASE or MATERIALIZED VIEW"));
        }
        let name = self.object_name()?;
        Ok(StatementKind::CheckView { name, repair: self.take("REPAIR") })
    }

    /// Whether PREPARE TRANSACTION starts here, not a prepared statement of that name.
    pub(super) fn is_prepare_transaction(&self) -> bool {
        self.are(&["PREPARE", "TRANSACTION"])
            && !self.src.is_word(self.at + 2, "AS")
            && !self.src.is(self.at + 2, &sqlparser::tokenizer::Token::LParen)
    }

    /// PREPARE TRANSACTION 'gid'.
    pub(super) fn prepare_transaction(&mut self) -> Result<StatementKind, ParseError> {
        self.expect(&["PREPARE", "TRANSACTION"])?;
        Ok(StatementKind::Transaction(Transaction::Prepare(self.gid()?)))
    }

    /// The identifier of a prepared transaction.
    pub(super) fn gid(&mut self) -> Result<Text, ParseError> {
        self.text("a transaction identifier in quotes")
    }

    /// A string constant.
    fn text(&mut self, expected: &str) -> Result<Text, ParseError> {
        let span = self.here();
        match self.string() {
            Some(value) => Ok(Text { value, span }),
            None => Err(self.wrong(expected)),
        }
    }
}
