//! INSERT, UPDATE, DELETE, TRUNCATE.
//!
//! Invariant: clauses are found outside brackets, in their order, each at most once.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::ast::{
    Delete, Expr, ExprKind, Ident, Insert, ObjectName, SelectItem, StatementKind, Update, With,
};
use crate::cut::tokens::Source;
use crate::error::ParseError;
use crate::lower;

/// Whether a query starts at a token.
pub(super) fn starts_query(src: &Source<'_>, at: usize) -> bool {
    let mut at = at;
    while src.is(at, &Token::LParen) {
        at += 1;
    }
    ["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|w| src.is_word(at, w))
}

/// FROM as a clause, not the one of IS DISTINCT FROM.
fn is_from(src: &Source<'_>, at: usize) -> bool {
    src.is_word(at, "FROM") && !(at > 0 && src.is_word(at - 1, "DISTINCT"))
}

impl Cursor<'_, '_> {
    /// INSERT INTO t [AS a] [(columns)] source [ON CONFLICT ...] [RETURNING ...].
    pub(super) fn insert(&mut self) -> Result<StatementKind, ParseError> {
        self.expect(&["INSERT", "INTO"])?;
        let table = self.object_name()?;
        let alias = if self.take("AS") { Some(self.ident()?) } else { None };
        let mut columns = vec![];
        if self.is_token(&Token::LParen) && !starts_query(self.src, self.at) {
            columns = self.idents_in_parentheses()?;
        }
        if self.take("OVERRIDING") && !self.take_words(&["SYSTEM", "VALUE"]) {
            self.expect(&["USER", "VALUE"])?;
        }
        let is_end = |src: &Source<'_>, at: usize| {
            src.are_words(at, &["ON", "CONFLICT"]) || src.is_word(at, "RETURNING")
        };
        let end = self.find(is_end);
        let source = if self.take_words(&["DEFAULT", "VALUES"]) {
            None
        } else {
            if !starts_query(self.src, self.at) || self.at >= end {
                return Err(self.wrong("VALUES, a query or DEFAULT VALUES"));
            }
            Some(Box::new(self.query_to(end)?))
        };
        let conflict = self.are(&["ON", "CONFLICT"]);
        let on_conflict = if conflict { Some(self.on_conflict()?) } else { None };
        let returning = self.returning()?;
        let insert = Insert { table, alias, columns, source, on_conflict, returning };
        Ok(StatementKind::Insert(Box::new(insert)))
    }

    /// RETURNING items, if they come next.
    fn returning(&mut self) -> Result<Vec<SelectItem>, ParseError> {
        if !self.take("RETURNING") {
            return Ok(vec![]);
        }
        if self.done() {
            return Err(self.wrong("what to return"));
        }
        let items = lower::select_items(self.cx, self.at, self.to)?;
        self.at = self.to;
        Ok(items)
    }

    /// `t [[AS] a]`.
    pub(super) fn target(
        &mut self,
        ends: &[&str],
    ) -> Result<(ObjectName, Option<Ident>), ParseError> {
        self.take("ONLY");
        let table = self.object_name()?;
        self.take_token(&Token::Mul);
        let explicit = self.take("AS");
        let plain = !self.done() && !ends.iter().any(|w| self.is(w));
        let alias = if explicit || plain { Some(self.ident()?) } else { None };
        Ok((table, alias))
    }

    /// WHERE condition, if it comes next.
    pub(super) fn condition(&mut self) -> Result<Option<Expr>, ParseError> {
        if !self.take("WHERE") {
            return Ok(None);
        }
        if self.are(&["CURRENT", "OF"]) {
            return Err(ParseError::unsupported(self.here(), "WHERE CURRENT OF"));
        }
        let end = self.find(|src, at| src.is_word(at, "RETURNING"));
        Ok(Some(self.expr_to(end)?))
    }

    /// UPDATE t [[AS] a] SET ... [FROM ...] [WHERE ...] [RETURNING ...].
    pub(super) fn update(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        let (table, alias) = self.target(&["SET"])?;
        self.expect(&["SET"])?;
        let end = self.find(|src, at| {
            is_from(src, at) || src.is_word(at, "WHERE") || src.is_word(at, "RETURNING")
        });
        let assignments = self.assignments_to(end)?;
        let mut from = vec![];
        if self.take("FROM") {
            let end = self.find(|src, at| src.is_word(at, "WHERE") || src.is_word(at, "RETURNING"));
            from = lower::from_items(self.cx, self.at, end)?;
            self.at = end;
        }
        let selection = self.condition()?;
        let returning = self.returning()?;
        let with = With::default();
        let update = Update { with, table, alias, assignments, from, selection, returning };
        Ok(StatementKind::Update(Box::new(update)))
    }

    /// `c = e` or `(a, b) = (x, y)`.
    pub(super) fn assignment(&mut self, out: &mut Vec<(Ident, Expr)>) -> Result<(), ParseError> {
        if !self.is_token(&Token::LParen) {
            let column = self.ident()?;
            if self.is_token(&Token::Period) || self.is_token(&Token::LBracket) {
                return Err(ParseError::unsupported(self.here(), "assigning a part of a column"));
            }
            self.expect_token(&Token::Eq)?;
            out.push((column, self.expr_to(self.to)?));
            return Ok(());
        }
        let columns = self.idents_in_parentheses()?;
        self.expect_token(&Token::Eq)?;
        let value = self.expr_to(self.to)?;
        let values = match value.kind {
            ExprKind::Row(values) => values,
            ExprKind::Subquery(_) => {
                return Err(ParseError::unsupported(value.span, "assigning a query's row"));
            }
            kind => vec![Expr { kind, span: value.span }],
        };
        if values.len() != columns.len() {
            let message = "number of columns does not match number of values";
            return Err(ParseError::syntax(value.span, message));
        }
        out.extend(columns.into_iter().zip(values));
        Ok(())
    }

    /// DELETE FROM t [[AS] a] [USING ...] [WHERE ...] [RETURNING ...].
    pub(super) fn delete(&mut self) -> Result<StatementKind, ParseError> {
        self.expect(&["DELETE", "FROM"])?;
        let (table, alias) = self.target(&["USING", "WHERE", "RETURNING"])?;
        let mut using = vec![];
        if self.take("USING") {
            let end = self.find(|src, at| src.is_word(at, "WHERE") || src.is_word(at, "RETURNING"));
            using = lower::from_items(self.cx, self.at, end)?;
            self.at = end;
        }
        let selection = self.condition()?;
        let returning = self.returning()?;
        let with = With::default();
        let delete = Delete { with, table, alias, using, selection, returning };
        Ok(StatementKind::Delete(Box::new(delete)))
    }

    /// TRUNCATE [TABLE] t: a DELETE without a condition.
    pub(super) fn truncate(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        self.take("TABLE");
        self.take("ONLY");
        let table = self.object_name()?;
        self.take_token(&Token::Mul);
        if self.is_token(&Token::Comma) {
            return Ok(StatementKind::Unsupported {
                what: "TRUNCATE of several tables".to_owned(),
            });
        }
        let _ =
            self.take_words(&["RESTART", "IDENTITY"]) || self.take_words(&["CONTINUE", "IDENTITY"]);
        let _ = self.take("CASCADE") || self.take("RESTRICT");
        let delete = Delete {
            with: With::default(),
            table,
            alias: None,
            using: vec![],
            selection: None,
            returning: vec![],
        };
        Ok(StatementKind::Delete(Box::new(delete)))
    }
}
