//! FROM: tables, subqueries, time windows, table functions and joins.
//!
//! Invariant: a construct that is not built becomes [`From::Unsupported`] and names itself.

use sqlparser::ast as lib;

use super::Lower;
use super::operator::plain_call;
use crate::ast::{From, Ident, Join, JoinConstraint, JoinKind, Query, TableAlias};
use crate::cut::Mark;
use crate::error::ParseError;
use crate::span::Span;

/// What only relations have.
const PAST: &str = "FOR SYSTEM_TIME AS OF";

impl Lower<'_, '_> {
    /// The items of FROM.
    pub(super) fn items_of_from(
        &self,
        items: Vec<lib::TableWithJoins>,
    ) -> Result<Vec<From>, ParseError> {
        items.into_iter().map(|item| Ok(self.joined(item)?.0)).collect()
    }

    /// A table with its joins; and where it stands.
    fn joined(&self, item: lib::TableWithJoins) -> Result<(From, Span), ParseError> {
        self.cx.deeper_by(item.joins.len() + 1, self.place(), || {
            let (mut left, mut span) = self.factor(item.relation)?;
            for join in item.joins {
                (left, span) = self.join(left, span, join)?;
            }
            Ok((left, span))
        })
    }

    /// One more join.
    fn join(&self, left: From, span: Span, join: lib::Join) -> Result<(From, Span), ParseError> {
        let behind_left = span.end as usize;
        let (right, right_span) = self.factor(join.relation)?;
        let whole = span.to(right_span);
        let unsupported = self
            .cuts
            .take(behind_left, right_span.start as usize, |m| matches!(m, Mark::Unsupported(_)));
        let (kind, constraint) = self.join_kind(join.join_operator, right_span)?;
        if let Some((Mark::Unsupported(what), at, _)) = unsupported {
            let span = Span::new(at.saturating_sub("JOIN".len()), at);
            return Ok((From::Unsupported { what: what.to_owned(), span }, whole));
        }
        let (Some(kind), false) = (kind, join.global) else {
            let what = "this kind of join".to_owned();
            return Ok((From::Unsupported { what, span: right_span }, whole));
        };
        let constraint = match constraint {
            Some(lib::JoinConstraint::On(expr)) => JoinConstraint::On(self.expr(expr)?),
            Some(lib::JoinConstraint::Using(columns)) => {
                JoinConstraint::Using(self.using(columns)?)
            }
            Some(lib::JoinConstraint::Natural) => JoinConstraint::Natural,
            Some(lib::JoinConstraint::None) | None => JoinConstraint::None,
        };
        if constraint == JoinConstraint::None && kind != JoinKind::Cross {
            let at = self.src.index_at(right_span.end as usize);
            let error = super::unexpected(self.src, at, self.src.len());
            return Err(ParseError {
                message: format!("{}, expected ON or USING", error.message),
                ..error
            }
            .with_hint("A join without a condition is a CROSS JOIN."));
        }
        let span = whole.to(self.place());
        let join = Join { left, right, kind, constraint, span };
        self.cx.node(span)?;
        Ok((From::Join(Box::new(join)), span))
    }

    /// Which join, and its condition; no kind for those not built.
    fn join_kind(
        &self,
        operator: lib::JoinOperator,
        span: Span,
    ) -> Result<(Option<JoinKind>, Option<lib::JoinConstraint>), ParseError> {
        Ok(match operator {
            lib::JoinOperator::Join(c) | lib::JoinOperator::Inner(c) => {
                (Some(JoinKind::Inner), Some(c))
            }
            lib::JoinOperator::Left(c) | lib::JoinOperator::LeftOuter(c) => {
                (Some(JoinKind::Left), Some(c))
            }
            lib::JoinOperator::Right(c) | lib::JoinOperator::RightOuter(c) => {
                (Some(JoinKind::Right), Some(c))
            }
            lib::JoinOperator::FullOuter(c) => (Some(JoinKind::Full), Some(c)),
            lib::JoinOperator::CrossJoin(c) => (Some(JoinKind::Cross), Some(c)),
            lib::JoinOperator::Semi(c) | lib::JoinOperator::LeftSemi(c) => {
                (Some(JoinKind::Semi), Some(c))
            }
            lib::JoinOperator::Anti(c) | lib::JoinOperator::LeftAnti(c) => {
                (Some(JoinKind::Anti), Some(c))
            }
            lib::JoinOperator::StraightJoin(_) => {
                return Err(ParseError::unsupported(span, "STRAIGHT_JOIN"));
            }
            _ => (None, None),
        })
    }

    /// USING (columns).
    fn using(&self, columns: Vec<lib::ObjectName>) -> Result<Vec<Ident>, ParseError> {
        let mut out = Vec::with_capacity(columns.len());
        for column in columns {
            let name = self.object_name(column)?;
            match <[Ident; 1]>::try_from(name.parts) {
                Ok([ident]) => out.push(ident),
                Err(_) => {
                    return Err(ParseError::syntax(name.span, "USING takes plain column names"));
                }
            }
        }
        Ok(out)
    }

    /// One table, subquery or function; and where it stands, alias included.
    fn factor(&self, factor: lib::TableFactor) -> Result<(From, Span), ParseError> {
        let lowered = match factor {
            lib::TableFactor::Table { .. } => self.table(factor)?,
            lib::TableFactor::Derived { lateral, subquery, alias, sample } => {
                let query = Box::new(self.query(*subquery)?);
                let words: &[&str] = if lateral { &["LATERAL"] } else { &[] };
                let span = self.with_words_before(self.parenthesized(query.span), words);
                let unsupported = self.marked_or_past(span.end as usize);
                let (alias, end) = self.alias(alias, span.end as usize)?;
                let span = Span::new(span.start as usize, end);
                let unsupported = unsupported.or_else(|| self.marked_or_past(end));
                let item = From::Derived { lateral, query, alias, span };
                let sampled = sample.is_some().then_some("TABLESAMPLE");
                (or_unsupported(item, unsupported.or(sampled), span), span)
            }
            lib::TableFactor::Function { lateral, name, args, with_ordinality, alias } => {
                let call = self.table_call(name, args)?;
                self.function_item(call, lateral, with_ordinality, alias)?
            }
            lib::TableFactor::UNNEST {
                alias, array_exprs, with_offset, with_ordinality, ..
            } => {
                let args = self.exprs(array_exprs)?;
                let inside = args.iter().map(|e| e.span).reduce(Span::to).unwrap_or_default();
                let span = self.call_around(inside);
                if with_offset {
                    return Err(ParseError::unsupported(span, "WITH OFFSET"));
                }
                self.function_item(plain_call("unnest", args, span), false, with_ordinality, alias)?
            }
            lib::TableFactor::TableFunction { expr, alias } => self.table_of(expr, alias)?,
            lib::TableFactor::NestedJoin { table_with_joins, alias } => {
                let (item, span) = self.joined(*table_with_joins)?;
                let span = self.parenthesized(span);
                let (alias, end) = self.alias(alias, span.end as usize)?;
                match alias {
                    None => (item, span),
                    Some(alias) => {
                        let span = Span::new(span.start as usize, end);
                        (named_join(item, alias, span), span)
                    }
                }
            }
            other => {
                let what = match other {
                    lib::TableFactor::JsonTable { .. } => "JSON_TABLE",
                    lib::TableFactor::XmlTable { .. } => "XMLTABLE",
                    lib::TableFactor::Pivot { .. } => "PIVOT",
                    lib::TableFactor::Unpivot { .. } => "UNPIVOT",
                    lib::TableFactor::MatchRecognize { .. } => "MATCH_RECOGNIZE",
                    _ => "this item of FROM",
                };
                (From::Unsupported { what: what.to_owned(), span: self.place() }, self.place())
            }
        };
        self.cx.node(lowered.1)?;
        Ok(lowered)
    }

    /// A name in FROM: a table, a time window that was cut out, or a call.
    fn table(&self, factor: lib::TableFactor) -> Result<(From, Span), ParseError> {
        let lib::TableFactor::Table {
            name, alias, args, with_ordinality, sample, with_hints, ..
        } = factor
        else {
            return Err(ParseError::syntax(self.place(), "expected a table"));
        };
        if let Some(args) = args {
            let call = self.table_call(name, args.args)?;
            let lateral = self.src.is_word(self.before(call.span), "LATERAL");
            return self.function_item(call, lateral, with_ordinality, alias);
        }
        let name = self.object_name(name)?;
        let window = self.cuts.take_window(name.span.start as usize);
        // In place of a window that was cut out stands whatever word it began with.
        if let (None, Some(first)) = (&window, name.parts.first()) {
            self.not_reserved(first)?;
        }
        let start = name.span;
        let mut as_of = self.cuts.take_as_of(start.end as usize);
        let unsupported = self.marked(start.end as usize);
        let (alias, end) = self.alias(alias, start.end as usize)?;
        as_of = as_of.or_else(|| self.cuts.take_as_of(end));
        let end = as_of.as_ref().map_or(end, |(_, behind)| end.max(*behind));
        self.here.set(self.here.get().max(end));
        let span = Span::new(start.start as usize, end.max(start.end as usize));
        let unsupported = unsupported
            .or_else(|| self.marked(span.end as usize))
            .or((window.is_some() && as_of.is_some()).then_some(PAST))
            .or(sample.is_some().then_some("TABLESAMPLE"))
            .or((!with_hints.is_empty()).then_some("a table hint"))
            .or(with_ordinality.then_some("WITH ORDINALITY of a table"));
        let item = match window {
            Some(call) => From::TimeWindow { call: Box::new(call), alias },
            None => From::Table { name, as_of: as_of.map(|(as_of, _)| Box::new(as_of)), alias },
        };
        Ok((or_unsupported(item, unsupported, span), span))
    }

    /// A table function with its alias.
    fn function_item(
        &self,
        call: crate::ast::FunctionCall,
        lateral: bool,
        with_ordinality: bool,
        alias: Option<lib::TableAlias>,
    ) -> Result<(From, Span), ParseError> {
        let span = call.span;
        let words = self.with_words_behind(span, &["WITH", "ORDINALITY"]);
        let unsupported = self.marked_or_past(words.end as usize);
        let (alias, end) = self.alias(alias, words.end as usize)?;
        let whole = Span::new(span.start as usize, end);
        let unsupported = unsupported.or_else(|| self.marked_or_past(end));
        let item = From::Function { lateral, call, with_ordinality, alias };
        Ok((or_unsupported(item, unsupported, whole), whole))
    }

    /// TABLE(f(...)).
    fn table_of(
        &self,
        expr: lib::Expr,
        alias: Option<lib::TableAlias>,
    ) -> Result<(From, Span), ParseError> {
        let lib::Expr::Function(call) = expr else {
            return Err(ParseError::syntax(self.place(), "TABLE(...) takes a function"));
        };
        let call = self.call(call)?;
        let outer = self.parenthesized(call.span);
        let (item, span) = self.function_item(
            crate::ast::FunctionCall { span: outer, ..call },
            false,
            false,
            alias,
        )?;
        Ok((item, span))
    }

    /// A construct that is not built and stands directly behind a byte.
    fn marked(&self, at: usize) -> Option<&'static str> {
        // A join's mark stands at its JOIN and belongs to the join.
        match self.cuts.take(at, at, |m| matches!(m, Mark::Unsupported(w) if w != "ASOF JOIN")) {
            Some((Mark::Unsupported(what), ..)) => Some(what),
            _ => None,
        }
    }

    /// The same behind an item that is not a relation and has no past.
    fn marked_or_past(&self, at: usize) -> Option<&'static str> {
        self.marked(at).or_else(|| self.cuts.take_as_of(at).map(|_| PAST))
    }

    /// An alias, and where it ends.
    pub(super) fn alias(
        &self,
        alias: Option<lib::TableAlias>,
        end: usize,
    ) -> Result<(Option<TableAlias>, usize), ParseError> {
        let Some(alias) = alias else {
            self.here.set(self.here.get().max(end));
            return Ok((None, end));
        };
        let name = self.ident(alias.name);
        self.not_reserved(&name)?;
        let mut end = name.span.end as usize;
        let mut columns = Vec::with_capacity(alias.columns.len());
        for column in alias.columns {
            let ident = self.ident(column.name);
            if column.data_type.is_some() {
                return Err(ParseError::unsupported(ident.span, "a column definition list"));
            }
            columns.push(ident);
        }
        if let Some(last) = columns.last() {
            end = self.src.end(self.src.index_at(last.span.end as usize));
        }
        if alias.at.is_some() {
            return Err(ParseError::unsupported(name.span, "AT behind an alias"));
        }
        self.here.set(end);
        Ok((Some(TableAlias { name, columns }), end))
    }
}

/// `(a JOIN b ON ..) AS x` hides the inner names: it is `(SELECT * FROM a JOIN b ON ..) AS x`.
fn named_join(join: From, alias: TableAlias, span: Span) -> From {
    let query = Box::new(Query::select_all(join, None, span));
    From::Derived { lateral: false, query, alias: Some(alias), span }
}

/// The item, or what about it is not built.
fn or_unsupported(item: From, what: Option<&'static str>, span: Span) -> From {
    match what {
        Some(what) => From::Unsupported { what: what.to_owned(), span },
        None => item,
    }
}
