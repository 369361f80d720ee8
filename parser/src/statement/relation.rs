//! CREATE SOURCE, CREATE STREAM, CREATE TABLE.
//!
//! Columns with constraints, computed columns, WATERMARK FOR with its clauses, options, FORMAT and
//! ENCODE; and the neighbours' spellings: APPEND ONLY makes a stream, a connector makes a source.
//! Invariant: a clause that is not built is named by an error at its place.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use crate::ast::{
    ColumnDef, ConstraintKind, CreateRelation, FormatEncode, Ident, LateRows, RelationKind,
    StatementKind, TableConstraint, WatermarkDef,
};
use crate::error::ParseError;

impl Cursor<'_, '_> {
    /// Behind CREATE [OR REPLACE], at the kind.
    pub(super) fn create_relation(
        &mut self,
        or_replace: bool,
    ) -> Result<StatementKind, ParseError> {
        let kind = match self.src.word(self.at).map(str::to_ascii_uppercase).as_deref() {
            Some("SOURCE") => RelationKind::Source,
            Some("STREAM") => RelationKind::Stream,
            _ => RelationKind::Table,
        };
        self.at += 1;
        let if_not_exists = self.if_not_exists();
        let mut relation = CreateRelation {
            kind,
            or_replace,
            if_not_exists,
            name: self.object_name()?,
            columns: vec![],
            constraints: vec![],
            watermark: None,
            options: vec![],
            format: None,
            query: None,
        };
        if self.is_token(&Token::LParen) {
            let inside = self.parentheses()?;
            if !inside.done() {
                for mut element in inside.comma_separated() {
                    element.element(&mut relation)?;
                    element.expect_end()?;
                }
            }
        }
        while !self.done() {
            self.relation_clause(&mut relation)?;
        }
        let connected = relation.options.iter().any(|o| o.key == "connector");
        if connected && relation.kind == RelationKind::Table {
            relation.kind = RelationKind::Source;
        }
        Ok(StatementKind::CreateRelation(Box::new(relation)))
    }

    /// A clause behind the columns.
    fn relation_clause(&mut self, relation: &mut CreateRelation) -> Result<(), ParseError> {
        if self.take_words(&["APPEND", "ONLY"]) {
            if relation.kind == RelationKind::Table {
                relation.kind = RelationKind::Stream;
            }
            return Ok(());
        }
        if self.is("WITH") && relation.options.is_empty() {
            if !self.src.is(self.at + 1, &Token::LParen) {
                self.at += 1;
                return Err(self.wrong("\"(\""));
            }
            relation.options = self.with_options()?;
            return Ok(());
        }
        if self.is("FORMAT") && relation.format.is_none() {
            relation.format = Some(self.format()?);
            return Ok(());
        }
        if self.is("WATERMARK") && relation.watermark.is_none() {
            relation.watermark = Some(self.watermark()?);
            return Ok(());
        }
        if self.is("AS") && relation.query.is_none() {
            return self.as_query(relation);
        }
        for (word, what) in [
            ("PARTITION", "PARTITION BY of a table"),
            ("PARTITIONED", "PARTITIONED BY"),
            ("INHERITS", "INHERITS"),
            ("TABLESPACE", "TABLESPACE"),
            ("USING", "USING of a table"),
            ("ON", "ON of a table"),
            ("INCLUDE", "INCLUDE of a source"),
            ("LIKE", "LIKE of a table"),
            ("OF", "a typed table"),
        ] {
            if self.is(word) {
                return Err(ParseError::unsupported(self.here(), what));
            }
        }
        Err(self.wrong("a clause of the definition"))
    }

    /// AS query [WITH [NO] DATA].
    fn as_query(&mut self, relation: &mut CreateRelation) -> Result<(), ParseError> {
        self.at += 1;
        let end = self.without_with_data()?;
        if let Some(column) = relation.columns.first() {
            return Err(ParseError::unsupported(column.span, "columns of CREATE TABLE AS"));
        }
        relation.query = Some(Box::new(self.query_to(end)?));
        self.at = self.to;
        Ok(())
    }

    /// The end of a query that may be followed by WITH DATA.
    pub(super) fn without_with_data(&self) -> Result<usize, ParseError> {
        let behind = |n: usize| self.to.checked_sub(n).filter(|&at| at > self.at);
        if let Some(at) = behind(3)
            && self.src.are_words(at, &["WITH", "NO", "DATA"])
        {
            return Err(ParseError::unsupported(self.src.span(at), "WITH NO DATA"));
        }
        match behind(2) {
            Some(at) if self.src.are_words(at, &["WITH", "DATA"]) => Ok(at),
            _ => Ok(self.to),
        }
    }

    /// FORMAT x ENCODE y [(options)].
    pub(super) fn format(&mut self) -> Result<FormatEncode, ParseError> {
        let start = self.at;
        self.expect(&["FORMAT"])?;
        let format = self.ident()?.name;
        self.expect(&["ENCODE"])?;
        let encode = self.ident()?.name;
        let options = if self.is_token(&Token::LParen) { self.options()? } else { vec![] };
        Ok(FormatEncode { format, encode, options, span: self.since(start) })
    }

    /// One element between the parentheses.
    fn element(&mut self, relation: &mut CreateRelation) -> Result<(), ParseError> {
        if self.are(&["WATERMARK", "FOR"]) {
            if relation.watermark.is_some() {
                return Err(ParseError::syntax(self.here(), "WATERMARK FOR stands twice"));
            }
            relation.watermark = Some(self.watermark()?);
            return Ok(());
        }
        if self.is("LIKE") {
            return Err(ParseError::unsupported(self.here(), "LIKE of a table"));
        }
        if self.is("EXCLUDE") {
            return Err(ParseError::unsupported(self.here(), "an EXCLUDE constraint"));
        }
        if let Some(constraint) = self.table_constraint()? {
            relation.constraints.push(constraint);
            return Ok(());
        }
        let column = self.column(&mut relation.constraints)?;
        self.cx.node(column.span)?;
        relation.columns.push(column);
        Ok(())
    }

    /// A column.
    fn column(&mut self, constraints: &mut Vec<TableConstraint>) -> Result<ColumnDef, ParseError> {
        let start = self.at;
        let name = self.ident()?;
        if self.is("AS") {
            return Err(ParseError::syntax(self.here(), "a computed column needs its type")
                .with_hint(format!("Write {} TYPE AS (expression).", name.name)));
        }
        if self.done() {
            return Err(self.wrong("a type"));
        }
        let data_type = self.data_type()?;
        let mut column = ColumnDef {
            name,
            data_type,
            not_null: false,
            default: None,
            primary_key: false,
            unique: false,
            checks: vec![],
            computed: None,
            span: self.since(start),
        };
        while !self.done() {
            self.column_constraint(&mut column, constraints)?;
        }
        column.span = self.since(start);
        Ok(column)
    }

    /// One constraint at a column.
    fn column_constraint(
        &mut self,
        column: &mut ColumnDef,
        constraints: &mut Vec<TableConstraint>,
    ) -> Result<(), ParseError> {
        let name = self.constraint_name()?;
        let own = || vec![column.name.clone()];
        let kind = if self.take_words(&["NOT", "NULL"]) {
            column.not_null = true;
            None
        } else if self.take("NULL") {
            None
        } else if self.take_words(&["PRIMARY", "KEY"]) {
            column.primary_key |= name.is_none();
            Some(ConstraintKind::PrimaryKey(own())).filter(|_| name.is_some())
        } else if self.take("UNIQUE") {
            if self.is("NULLS") {
                return Err(self.nulls_not_distinct());
            }
            column.unique |= name.is_none();
            Some(ConstraintKind::Unique(own())).filter(|_| name.is_some())
        } else if self.take("CHECK") {
            let mut inside = self.parentheses()?;
            let check = inside.expr_to(inside.to)?;
            if name.is_none() {
                column.checks.push(check);
                None
            } else {
                Some(ConstraintKind::Check(check))
            }
        } else if self.is("REFERENCES") {
            let columns = own();
            Some(ConstraintKind::ForeignKey(self.references(columns)?))
        } else {
            self.column_clause(column)?;
            None
        };
        constraints.extend(kind.map(|kind| TableConstraint { name, kind }));
        self.constraint_attributes()
    }

    /// A clause at a column that is no constraint: DEFAULT, AS, COLLATE.
    fn column_clause(&mut self, column: &mut ColumnDef) -> Result<(), ParseError> {
        if self.take("DEFAULT") {
            column.default = Some(self.leading_expr()?);
        } else if self.is("AS") || self.is("GENERATED") {
            self.computed(column)?;
        } else if self.is("COLLATE") {
            self.collation()?;
        } else if self.is("METADATA") {
            return Err(ParseError::unsupported(self.here(), "a METADATA column"));
        } else {
            return Err(self.wrong("a constraint, \",\" or \")\""));
        }
        Ok(())
    }

    /// AS (expr) or GENERATED ALWAYS AS (expr) STORED.
    fn computed(&mut self, column: &mut ColumnDef) -> Result<(), ParseError> {
        let start = self.here();
        if self.take("GENERATED") && !self.take("ALWAYS") {
            self.expect(&["BY", "DEFAULT"])?;
        }
        self.expect(&["AS"])?;
        if self.is("IDENTITY") {
            return Err(ParseError::unsupported(start, "an IDENTITY column"));
        }
        if column.computed.is_some() {
            return Err(ParseError::syntax(start, "a column is computed once"));
        }
        column.computed = Some(if self.is_token(&Token::LParen) {
            let mut inside = self.parentheses()?;
            inside.expr_to(inside.to)?
        } else {
            self.leading_expr()?
        });
        let _ = self.take("STORED") || self.take("VIRTUAL") || self.take("PERSISTED");
        Ok(())
    }

    /// COLLATE "C" is what every column has.
    pub(super) fn collation(&mut self) -> Result<(), ParseError> {
        let at = self.here();
        self.at += 1;
        let name = self.object_name()?;
        let last = name.parts.last().map_or("", |p| p.name.as_str());
        if matches!(last.to_ascii_lowercase().as_str(), "c" | "posix" | "default" | "ucs_basic") {
            return Ok(());
        }
        Err(ParseError::unsupported(at, "a collation other than \"C\""))
    }

    /// WATERMARK FOR ts AS expr [IDLE TIMEOUT i] [CLOSE AFTER i] [LATE ROWS ...].
    fn watermark(&mut self) -> Result<WatermarkDef, ParseError> {
        let start = self.at;
        self.expect(&["WATERMARK", "FOR"])?;
        let column: Ident = self.ident()?;
        self.expect(&["AS"])?;
        let expr = self.watermark_expr()?;
        let mut watermark = WatermarkDef {
            column,
            expr,
            idle_timeout: None,
            close_after: None,
            late: None,
            span: self.since(start),
        };
        loop {
            if watermark.idle_timeout.is_none() && self.take_words(&["IDLE", "TIMEOUT"]) {
                watermark.idle_timeout = Some(self.watermark_expr()?);
            } else if watermark.close_after.is_none() && self.take_words(&["CLOSE", "AFTER"]) {
                watermark.close_after = Some(self.watermark_expr()?);
            } else if watermark.late.is_none() && self.take_words(&["LATE", "ROWS"]) {
                watermark.late = Some(self.late_rows()?);
            } else {
                break;
            }
        }
        watermark.span = self.since(start);
        Ok(watermark)
    }

    /// An expression up to the next clause of a watermark.
    fn watermark_expr(&mut self) -> Result<crate::ast::Expr, ParseError> {
        let end = self.find(|src, at| {
            src.are_words(at, &["IDLE", "TIMEOUT"])
                || src.are_words(at, &["CLOSE", "AFTER"])
                || src.are_words(at, &["LATE", "ROWS"])
        });
        let mut part = self.part(self.at, end);
        let expr = part.leading_expr()?;
        self.at = part.at;
        Ok(expr)
    }

    /// TO x, DROP, ERROR.
    fn late_rows(&mut self) -> Result<LateRows, ParseError> {
        if self.take("DROP") {
            Ok(LateRows::Drop)
        } else if self.take("ERROR") {
            Ok(LateRows::Error)
        } else if self.take("TO") {
            Ok(LateRows::To(self.ident()?))
        } else {
            Err(self.wrong("TO name, DROP or ERROR"))
        }
    }
}
