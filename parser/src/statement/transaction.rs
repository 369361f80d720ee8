//! BEGIN, COMMIT, ROLLBACK, SAVEPOINT, COMMIT PREPARED, ROLLBACK PREPARED.
//!
//! Invariant: every mode that PostgreSQL knows is read; one that changes what is meant and is not
//! built is named.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::ast::{Begin, Isolation, StatementKind, Transaction};
use crate::error::ParseError;

impl Cursor<'_, '_> {
    /// BEGIN [WORK | TRANSACTION] [mode [,] ...], START TRANSACTION [mode [,] ...].
    pub(super) fn begin(&mut self) -> Result<StatementKind, ParseError> {
        let start = self.is("START");
        self.at += 1;
        if start {
            self.expect(&["TRANSACTION"])?;
        } else {
            self.work();
        }
        let mut begin = Begin { start, ..Begin::default() };
        let mut first = true;
        while !self.done() {
            if !first {
                self.take_token(&Token::Comma);
            }
            first = false;
            self.transaction_mode(&mut begin)?;
        }
        Ok(StatementKind::Transaction(Transaction::Begin(begin)))
    }

    fn transaction_mode(&mut self, begin: &mut Begin) -> Result<(), ParseError> {
        const LEVELS: &[(&[&str], Isolation)] = &[
            (&["READ", "UNCOMMITTED"], Isolation::ReadUncommitted),
            (&["READ", "COMMITTED"], Isolation::ReadCommitted),
            (&["REPEATABLE", "READ"], Isolation::RepeatableRead),
            (&["SNAPSHOT"], Isolation::Snapshot),
            (&["SERIALIZABLE"], Isolation::Serializable),
        ];
        if self.take_words(&["ISOLATION", "LEVEL"]) {
            let level = LEVELS.iter().find(|(words, _)| self.take_words(words));
            let Some((_, level)) = level else { return Err(self.wrong("an isolation level")) };
            begin.isolation = Some(*level);
        } else if self.take_words(&["READ", "ONLY"]) {
            begin.read_only = Some(true);
        } else if self.take_words(&["READ", "WRITE"]) {
            begin.read_only = Some(false);
        } else if !self.take_words(&["NOT", "DEFERRABLE"]) && !self.take("DEFERRABLE") {
            // DEFERRABLE means something for SERIALIZABLE only.
            return Err(self.wrong("ISOLATION LEVEL, READ ONLY or READ WRITE"));
        }
        Ok(())
    }

    /// COMMIT | END [WORK | TRANSACTION] [AND [NO] CHAIN], COMMIT PREPARED.
    pub(super) fn commit(&mut self) -> Result<StatementKind, ParseError> {
        let end = self.is("END");
        self.at += 1;
        if !end && self.take("PREPARED") {
            return Ok(StatementKind::Transaction(Transaction::CommitPrepared(self.gid()?)));
        }
        self.work();
        self.end_of_transaction("COMMIT", Transaction::Commit)
    }

    /// ROLLBACK | ABORT [WORK | TRANSACTION] [AND [NO] CHAIN | TO [SAVEPOINT] name], ROLLBACK
    /// PREPARED.
    pub(super) fn rollback(&mut self) -> Result<StatementKind, ParseError> {
        let abort = self.is("ABORT");
        self.at += 1;
        if !abort && self.take("PREPARED") {
            return Ok(StatementKind::Transaction(Transaction::RollbackPrepared(self.gid()?)));
        }
        self.work();
        if !abort && self.take("TO") {
            let name = self.savepoint_name()?;
            return Ok(StatementKind::Transaction(Transaction::RollbackTo(name)));
        }
        self.end_of_transaction("ROLLBACK", Transaction::Rollback)
    }

    /// SAVEPOINT name.
    pub(super) fn savepoint(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        Ok(StatementKind::Transaction(Transaction::Savepoint(self.ident()?)))
    }

    /// RELEASE [SAVEPOINT] name.
    pub(super) fn release(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        Ok(StatementKind::Transaction(Transaction::Release(self.savepoint_name()?)))
    }

    /// [SAVEPOINT] name; a savepoint may be called `savepoint`.
    fn savepoint_name(&mut self) -> Result<crate::ast::Ident, ParseError> {
        if self.is("SAVEPOINT") && self.at + 1 < self.to {
            self.at += 1;
        }
        self.ident()
    }

    fn work(&mut self) {
        let _ = self.take("WORK") || self.take("TRANSACTION");
    }

    fn end_of_transaction(
        &mut self,
        verb: &str,
        ends: Transaction,
    ) -> Result<StatementKind, ParseError> {
        if self.take_words(&["AND", "CHAIN"]) {
            return Ok(StatementKind::Unsupported { what: format!("{verb} AND CHAIN") });
        }
        self.take_words(&["AND", "NO", "CHAIN"]);
        Ok(StatementKind::Transaction(ends))
    }
}
