//! COPY, with PostgreSQL's option list and its older forms.
//!
//! Invariant: every spelling of an option ends as one key: `format`, `header`, `delimiter`, `null`,
//! `quote`, `escape`, `encoding`.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::dml::starts_query;
use crate::ast::{Copy, CopySubject, Literal, StatementKind, WithOption};
use crate::error::ParseError;

impl Cursor<'_, '_> {
    /// COPY {t [(columns)] | (query)} {FROM | TO} {'path' | STDIN | STDOUT} [options].
    pub(super) fn copy(&mut self) -> Result<StatementKind, ParseError> {
        self.at += 1;
        let subject = if self.is_token(&Token::LParen) {
            let mut inside = self.parentheses()?;
            if !starts_query(self.src, inside.at) {
                let what = inside.src.word(inside.at).unwrap_or_default().to_ascii_uppercase();
                if matches!(what.as_str(), "SUBSCRIBE" | "INSERT" | "UPDATE" | "DELETE" | "MERGE") {
                    let what = format!("COPY ({what} ...)");
                    return Ok(StatementKind::Unsupported { what });
                }
            }
            CopySubject::Query(Box::new(inside.query_to(inside.to)?))
        } else {
            let name = self.object_name()?;
            let columns =
                if self.is_token(&Token::LParen) { self.idents_in_parentheses()? } else { vec![] };
            CopySubject::Relation(name, columns)
        };
        let direction = self.here();
        let from = self.take("FROM");
        if !from {
            self.expect(&["TO"])?;
        }
        if from && matches!(subject, CopySubject::Query(_)) {
            return Err(ParseError::syntax(direction, "a query can only be copied TO"));
        }
        if self.is("PROGRAM") {
            return Ok(StatementKind::Unsupported { what: "COPY with PROGRAM".to_owned() });
        }
        let path_span = self.here();
        let path = self.string();
        if path.is_none() && !self.take(if from { "STDIN" } else { "STDOUT" }) {
            let expected = if from {
                "a file name in quotes or STDIN"
            } else {
                "a file name in quotes or STDOUT"
            };
            return Err(self.wrong(expected));
        }
        self.take("WITH");
        let options =
            if self.is_token(&Token::LParen) { self.options()? } else { self.old_options()? };
        if self.is("WHERE") {
            return Err(ParseError::unsupported(self.here(), "COPY with WHERE"));
        }
        let copy = Copy { subject, from, path, path_span, options };
        Ok(StatementKind::Copy(Box::new(copy)))
    }

    /// The options without parentheses: CSV HEADER DELIMITER AS ','.
    fn old_options(&mut self) -> Result<Vec<WithOption>, ParseError> {
        let mut options = Vec::new();
        while !self.done() && !self.is("WHERE") {
            let start = self.at;
            let word = self.src.word(self.at).unwrap_or_default().to_ascii_lowercase();
            self.at += 1;
            let (key, value) = match word.as_str() {
                "csv" | "binary" | "text" | "json" | "parquet" => ("format", Literal::String(word)),
                "format" => ("format", self.option_value()?),
                "header" => ("header", Literal::Bool(true)),
                "delimiter" | "delimiters" => ("delimiter", self.old_value()?),
                "null" => ("null", self.old_value()?),
                "quote" => ("quote", self.old_value()?),
                "escape" => ("escape", self.old_value()?),
                "encoding" => ("encoding", self.old_value()?),
                "force" | "freeze" | "oids" => {
                    let what = format!("{} in COPY", word.to_uppercase());
                    return Err(ParseError::unsupported(self.src.span(start), &what));
                }
                _ => {
                    self.at = start;
                    return Err(self.wrong("an option of COPY"));
                }
            };
            options.push(WithOption { key: key.to_owned(), value, span: self.since(start) });
        }
        Ok(options)
    }

    /// [AS] 'text'.
    fn old_value(&mut self) -> Result<Literal, ParseError> {
        self.take("AS");
        self.string().map(Literal::String).ok_or_else(|| self.wrong("a string"))
    }
}
