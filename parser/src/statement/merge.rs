//! MERGE, and ON CONFLICT of INSERT.
//!
//! Invariant: clauses are found outside brackets, in their order, each at most once.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::ast::{
    ConflictTarget, ConflictUpdate, Expr, Ident, Merge, MergeAction, MergeClause, OnConflict,
    StatementKind, With,
};
use crate::cut::tokens::Source;
use crate::error::ParseError;
use crate::lower;

fn starts_clause(src: &Source<'_>, at: usize) -> bool {
    src.are_words(at, &["WHEN", "MATCHED"]) || src.are_words(at, &["WHEN", "NOT", "MATCHED"])
}

impl Cursor<'_, '_> {
    /// `c = e, (a, b) = (x, y), ...` up to a token.
    pub(super) fn assignments_to(&mut self, end: usize) -> Result<Vec<(Ident, Expr)>, ParseError> {
        let mut assignments = Vec::new();
        for mut part in self.part(self.at, end).comma_separated() {
            part.assignment(&mut assignments)?;
            part.expect_end()?;
        }
        self.at = end;
        Ok(assignments)
    }

    /// ON CONFLICT [target] action, up to RETURNING.
    pub(super) fn on_conflict(&mut self) -> Result<OnConflict, ParseError> {
        let start = self.at;
        self.expect(&["ON", "CONFLICT"])?;
        let target = if self.take_words(&["ON", "CONSTRAINT"]) {
            ConflictTarget::Constraint(self.ident()?)
        } else if self.is_token(&Token::LParen) {
            ConflictTarget::Columns(self.conflict_columns()?)
        } else {
            ConflictTarget::Any
        };
        if self.is("WHERE") {
            let what = "WHERE of a conflict target";
            return Err(ParseError::unsupported(self.here(), what));
        }
        self.expect(&["DO"])?;
        let update = match self.take("NOTHING") {
            true => None,
            false => {
                self.expect(&["UPDATE", "SET"])?;
                let end =
                    self.find(|src, at| src.is_word(at, "WHERE") || src.is_word(at, "RETURNING"));
                let assignments = self.assignments_to(end)?;
                Some(ConflictUpdate { assignments, selection: self.condition()? })
            }
        };
        Ok(OnConflict { target, update, span: self.since(start) })
    }

    fn conflict_columns(&mut self) -> Result<Vec<Ident>, ParseError> {
        let mut columns = Vec::new();
        for mut part in self.parentheses()?.comma_separated() {
            if part.is_token(&Token::LParen) || part.src.is(part.at + 1, &Token::LParen) {
                let what = "an expression in a conflict target";
                return Err(ParseError::unsupported(part.here(), what));
            }
            columns.push(part.ident()?);
            part.expect_end()?;
        }
        Ok(columns)
    }

    /// MERGE INTO t [[AS] a] USING s ON condition WHEN ...
    pub(super) fn merge(&mut self) -> Result<StatementKind, ParseError> {
        self.expect(&["MERGE", "INTO"])?;
        let (table, alias) = self.target(&["USING"])?;
        self.expect(&["USING"])?;
        let clauses = self.find(starts_clause);
        // Joins of the source have conditions of their own; the last is the statement's.
        let mut on = clauses;
        let mut next = self.part(self.at, clauses).find(|src, at| src.is_word(at, "ON"));
        while next < clauses {
            on = next;
            next = self.part(next + 1, clauses).find(|src, at| src.is_word(at, "ON"));
        }
        if on >= clauses {
            self.at = clauses;
            return Err(self.wrong("ON"));
        }
        let source = lower::from_items(self.cx, self.at, on)?;
        self.at = on + 1;
        let condition = self.expr_to(clauses)?;
        let mut all = Vec::new();
        while !self.done() {
            all.push(self.merge_clause()?);
        }
        if all.is_empty() {
            return Err(self.wrong("WHEN"));
        }
        let with = With::default();
        let merge = Merge { with, table, alias, source, on: condition, clauses: all };
        Ok(StatementKind::Merge(Box::new(merge)))
    }

    /// WHEN [NOT] MATCHED [AND condition] THEN action.
    fn merge_clause(&mut self) -> Result<MergeClause, ParseError> {
        let start = self.at;
        self.expect(&["WHEN"])?;
        let matched = !self.take("NOT");
        self.expect(&["MATCHED"])?;
        if self.is("BY") {
            return Err(ParseError::unsupported(self.here(), "WHEN NOT MATCHED BY"));
        }
        let condition = match self.take("AND") {
            true => {
                let end = self.then();
                Some(self.expr_to(end)?)
            }
            false => None,
        };
        self.expect(&["THEN"])?;
        let end = self.find(starts_clause);
        let action = self.merge_action(matched, end)?;
        if self.at != end {
            return Err(self.wrong("WHEN or the end"));
        }
        Ok(MergeClause { matched, condition, action, span: self.since(start) })
    }

    /// The THEN of the clause: those inside of CASE belong to it.
    fn then(&self) -> usize {
        let depth = std::cell::Cell::new(0_usize);
        self.find(|src, at| {
            if src.is_word(at, "CASE") {
                depth.set(depth.get() + 1);
            } else if src.is_word(at, "END") {
                depth.set(depth.get().saturating_sub(1));
            }
            depth.get() == 0 && src.is_word(at, "THEN")
        })
    }

    fn merge_action(&mut self, matched: bool, end: usize) -> Result<MergeAction, ParseError> {
        if self.take_words(&["DO", "NOTHING"]) {
            return Ok(MergeAction::Nothing);
        }
        if matched && self.take("DELETE") {
            return Ok(MergeAction::Delete);
        }
        if matched && self.take_words(&["UPDATE", "SET"]) {
            return Ok(MergeAction::Update(self.assignments_to(end)?));
        }
        if matched || !self.take("INSERT") {
            return Err(self.wrong(match matched {
                true => "UPDATE SET, DELETE or DO NOTHING",
                false => "INSERT or DO NOTHING",
            }));
        }
        let mut columns = vec![];
        if self.is_token(&Token::LParen) {
            columns = self.idents_in_parentheses()?;
        }
        if self.take("OVERRIDING") && !self.take_words(&["SYSTEM", "VALUE"]) {
            self.expect(&["USER", "VALUE"])?;
        }
        if columns.is_empty() && self.take_words(&["DEFAULT", "VALUES"]) {
            return Ok(MergeAction::Insert { columns, values: vec![] });
        }
        self.expect(&["VALUES"])?;
        let mut values = Vec::new();
        for mut part in self.parentheses()?.comma_separated() {
            values.push(part.expr_to(part.to)?);
        }
        Ok(MergeAction::Insert { columns, values })
    }
}
