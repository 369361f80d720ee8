//! Constraints of tables, and CREATE INDEX.
//!
//! Invariant: a clause that is not built is named by an error at its place.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::ast::{
    ConstraintKind, CreateIndex, ForeignKey, Ident, ReferentialAction, StatementKind,
    TableConstraint,
};
use crate::error::ParseError;

impl Cursor<'_, '_> {
    /// CONSTRAINT name, if it comes next.
    pub(super) fn constraint_name(&mut self) -> Result<Option<Ident>, ParseError> {
        if self.take("CONSTRAINT") { self.ident().map(Some) } else { Ok(None) }
    }

    /// A constraint of the whole table.
    pub(super) fn table_constraint(&mut self) -> Result<Option<TableConstraint>, ParseError> {
        let name = self.constraint_name()?;
        let kind = if self.are(&["PRIMARY", "KEY"]) {
            self.at += 2;
            ConstraintKind::PrimaryKey(self.idents_in_parentheses()?)
        } else if self.is("UNIQUE") && self.src.is_word(self.at + 1, "NULLS") {
            self.at += 1;
            return Err(self.nulls_not_distinct());
        } else if self.is("UNIQUE") && self.src.is(self.at + 1, &Token::LParen) {
            self.at += 1;
            ConstraintKind::Unique(self.idents_in_parentheses()?)
        } else if self.is("CHECK") && self.src.is(self.at + 1, &Token::LParen) {
            self.at += 1;
            let mut inside = self.parentheses()?;
            ConstraintKind::Check(inside.expr_to(inside.to)?)
        } else if self.take_words(&["FOREIGN", "KEY"]) {
            let columns = self.idents_in_parentheses()?;
            ConstraintKind::ForeignKey(self.references(columns)?)
        } else if name.is_some() {
            return Err(self.wrong("PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY"));
        } else {
            return Ok(None);
        };
        self.constraint_attributes()?;
        Ok(Some(TableConstraint { name, kind }))
    }

    /// The error of NULLS NOT DISTINCT.
    pub(super) fn nulls_not_distinct(&self) -> ParseError {
        ParseError::unsupported(self.here(), "NULLS [NOT] DISTINCT of a key")
    }

    /// REFERENCES t [(columns)] with its actions.
    pub(super) fn references(&mut self, columns: Vec<Ident>) -> Result<ForeignKey, ParseError> {
        let start = self.at;
        self.expect(&["REFERENCES"])?;
        let parent = self.object_name()?;
        let mut parent_columns = vec![];
        if self.is_token(&Token::LParen) {
            parent_columns = self.idents_in_parentheses()?;
        }
        if self.is("MATCH") && !self.take_words(&["MATCH", "SIMPLE"]) {
            return Err(ParseError::unsupported(self.here(), "MATCH FULL and MATCH PARTIAL"));
        }
        let (mut on_delete, mut on_update) = Default::default();
        loop {
            if self.take_words(&["ON", "DELETE"]) {
                on_delete = self.referential_action()?;
            } else if self.take_words(&["ON", "UPDATE"]) {
                on_update = self.referential_action()?;
            } else {
                break;
            }
        }
        let span = self.since(start);
        Ok(ForeignKey { columns, parent, parent_columns, on_delete, on_update, span })
    }

    fn referential_action(&mut self) -> Result<ReferentialAction, ParseError> {
        let action = if self.take_words(&["NO", "ACTION"]) {
            ReferentialAction::NoAction
        } else if self.take("RESTRICT") {
            ReferentialAction::Restrict
        } else if self.take("CASCADE") {
            ReferentialAction::Cascade
        } else if self.take_words(&["SET", "NULL"]) {
            ReferentialAction::SetNull
        } else if self.take_words(&["SET", "DEFAULT"]) {
            ReferentialAction::SetDefault
        } else {
            return Err(self.wrong("NO ACTION, RESTRICT, CASCADE, SET NULL or SET DEFAULT"));
        };
        if self.is_token(&Token::LParen) {
            return Err(ParseError::unsupported(self.here(), "columns of a referential action"));
        }
        Ok(action)
    }

    /// NOT ENFORCED, NOT DEFERRABLE and the like add nothing.
    pub(super) fn constraint_attributes(&mut self) -> Result<(), ParseError> {
        while self.take_words(&["NOT", "ENFORCED"])
            || self.take_words(&["NOT", "DEFERRABLE"])
            || self.take_words(&["INITIALLY", "IMMEDIATE"])
        {}
        if self.is("DEFERRABLE") || self.are(&["INITIALLY", "DEFERRED"]) {
            return Err(ParseError::unsupported(self.here(), "a DEFERRABLE constraint"));
        }
        Ok(())
    }

    /// Behind CREATE, at [UNIQUE] INDEX.
    pub(super) fn create_index(&mut self) -> Result<StatementKind, ParseError> {
        let unique = self.take("UNIQUE");
        self.expect(&["INDEX"])?;
        self.take("CONCURRENTLY");
        let if_not_exists = self.if_not_exists();
        let name = if self.is("ON") { None } else { Some(self.object_name()?) };
        if if_not_exists && name.is_none() {
            return Err(self.wrong("the name of the index"));
        }
        self.expect(&["ON"])?;
        self.take("ONLY");
        let table = self.object_name()?;
        let method = if self.take("USING") { Some(self.ident()?) } else { None };
        let mut columns = Vec::new();
        for mut part in self.parentheses()?.comma_separated() {
            columns.push(part.index_column()?);
        }
        for (word, what) in [
            ("INCLUDE", "INCLUDE of an index"),
            ("NULLS", "NULLS [NOT] DISTINCT of a key"),
            ("WITH", "WITH of an index"),
            ("TABLESPACE", "TABLESPACE"),
            ("WHERE", "WHERE of an index"),
        ] {
            if self.is(word) {
                return Err(ParseError::unsupported(self.here(), what));
            }
        }
        let index = CreateIndex { unique, if_not_exists, name, table, method, columns };
        Ok(StatementKind::CreateIndex(Box::new(index)))
    }

    /// A column of an index; an order is accepted and means nothing to a hash.
    fn index_column(&mut self) -> Result<Ident, ParseError> {
        let next = self.src.is(self.at + 1, &Token::LParen);
        if self.is_token(&Token::LParen) || (next && self.at + 1 < self.to) {
            return Err(ParseError::unsupported(self.here(), "an index on an expression"));
        }
        let column = self.ident()?;
        if self.is("COLLATE") {
            self.collation()?;
        }
        let _ = self.take("ASC") || self.take("DESC");
        let _ = self.take_words(&["NULLS", "FIRST"]) || self.take_words(&["NULLS", "LAST"]);
        if !self.done() {
            return Err(ParseError::unsupported(self.here(), "an operator class of an index"));
        }
        Ok(column)
    }
}
