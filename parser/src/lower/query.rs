//! Queries: WITH, SELECT, VALUES, set operations, ORDER BY, LIMIT.
//!
//! Invariant: a long chain of the same set operation becomes a balanced tree, so it stays low; its
//! branches keep their order.

use sqlparser::ast as lib;

use super::Lower;
use crate::ast::query::SetExpr;
use crate::ast::{
    Cte, Distinct, Expr, Ident, Query, Select, SelectItem, SetOp, SetQuantifier, WindowSpec,
};
use crate::error::ParseError;
use crate::span::Span;

/// Chains of one set operation longer than this are balanced.
const LONG_CHAIN: usize = 16;

impl Lower<'_, '_> {
    /// A query.
    pub(super) fn query(&self, query: lib::Query) -> Result<Query, ParseError> {
        self.cx.deeper(self.place(), || self.query_inner(query))
    }

    /// A query, one level down.
    fn query_inner(&self, query: lib::Query) -> Result<Query, ParseError> {
        if !query.locks.is_empty() || query.for_clause.is_some() {
            return Err(ParseError::unsupported(self.place(), "FOR UPDATE"));
        }
        if query.settings.is_some() || query.format_clause.is_some() {
            return Err(ParseError::unsupported(self.place(), "this clause of a query"));
        }
        let mut start = None;
        let mut recursive = None;
        let mut ctes = Vec::new();
        if let Some(with) = query.with {
            let span = self.span(with.with_token.0.span);
            start = Some(span);
            if with.recursive {
                recursive = Some(self.src.span(self.src.index_at(span.end as usize)));
            }
            for cte in with.cte_tables {
                ctes.push(self.cte(cte)?);
            }
        }
        let (body, body_span) = self.set_expr(*query.body)?;
        let order_by = match query.order_by {
            None => vec![],
            Some(lib::OrderBy { kind: lib::OrderByKind::Expressions(items), .. }) => {
                self.order_by(items)?
            }
            Some(_) => return Err(ParseError::unsupported(self.place(), "ORDER BY ALL")),
        };
        let (mut limit, offset) = self.limit(query.limit_clause)?;
        if let Some(fetch) = query.fetch {
            limit = Some(self.fetch(fetch)?);
        }
        let span = start.map_or(body_span, |s| s.to(body_span)).to(self.place());
        self.cx.node(span)?;
        Ok(Query { ctes, recursive, body, order_by, limit, offset, emit: None, span })
    }

    /// LIMIT and OFFSET.
    fn limit(
        &self,
        clause: Option<lib::LimitClause>,
    ) -> Result<(Option<Expr>, Option<Expr>), ParseError> {
        match clause {
            None => Ok((None, None)),
            Some(lib::LimitClause::LimitOffset { limit, offset, .. }) => {
                let limit = limit.map(|e| self.expr(e)).transpose()?;
                let offset = offset.map(|o| self.expr(o.value)).transpose()?;
                Ok((limit, offset))
            }
            Some(lib::LimitClause::OffsetCommaLimit { offset, .. }) => {
                let offset = self.expr(offset)?;
                Err(ParseError::syntax(offset.span, "LIMIT a, b is not PostgreSQL's syntax")
                    .with_hint("Write LIMIT count OFFSET start."))
            }
        }
    }

    /// FETCH FIRST n ROWS ONLY.
    fn fetch(&self, fetch: lib::Fetch) -> Result<Expr, ParseError> {
        let count = match fetch.quantity {
            Some(expr) => self.expr(expr)?,
            None => self.expr(lib::Expr::value(lib::Value::Number("1".to_owned(), false)))?,
        };
        if fetch.with_ties {
            return Err(ParseError::unsupported(count.span, "FETCH FIRST WITH TIES"));
        }
        if fetch.percent {
            return Err(ParseError::unsupported(count.span, "FETCH FIRST PERCENT"));
        }
        Ok(count)
    }

    /// One common table expression.
    fn cte(&self, cte: lib::Cte) -> Result<Cte, ParseError> {
        let (alias, _) = self.alias(Some(cte.alias), self.here.get())?;
        let Some(alias) = alias else {
            return Err(ParseError::syntax(self.place(), "expected a name"));
        };
        let query = Box::new(self.query(*cte.query)?);
        self.span(cte.closing_paren_token.0.span);
        Ok(Cte { alias, query })
    }

    /// A query's body and where it stands.
    fn set_expr(&self, body: lib::SetExpr) -> Result<(SetExpr, Span), ParseError> {
        match body {
            lib::SetExpr::Select(select) => {
                let select = self.select(*select)?;
                let span = select.span;
                Ok((SetExpr::Select(Box::new(select)), span))
            }
            lib::SetExpr::Values(values) => self.values(values),
            lib::SetExpr::Query(query) => {
                let query = self.query(*query)?;
                let span = self.parenthesized(query.span);
                self.here.set(span.end as usize);
                Ok((SetExpr::Query(Box::new(query)), span))
            }
            lib::SetExpr::SetOperation { .. } => self.set_operations(body),
            lib::SetExpr::Insert(_)
            | lib::SetExpr::Update(_)
            | lib::SetExpr::Delete(_)
            | lib::SetExpr::Merge(_) => {
                Err(ParseError::unsupported(self.place(), "a change inside a query"))
            }
            lib::SetExpr::Table(_) => Err(ParseError::unsupported(self.place(), "TABLE")),
        }
    }

    /// A chain of set operations: walked down its left side without recursion.
    fn set_operations(&self, body: lib::SetExpr) -> Result<(SetExpr, Span), ParseError> {
        let mut rights = Vec::new();
        let mut leftmost = body;
        while let lib::SetExpr::SetOperation { left, op, set_quantifier, right } = leftmost {
            rights.push((self.set_op(op, set_quantifier)?, *right));
            leftmost = *left;
        }
        rights.reverse();
        let runs = rights.chunk_by(|a, b| a.0 == b.0).map(height).sum();
        self.cx.deeper_by(runs, self.place(), || {
            let (mut left, mut span) = self.set_expr(leftmost)?;
            let mut rest = rights.into_iter().peekable();
            while let Some((op, right)) = rest.next() {
                let mut branches = vec![(left, span), self.branch(right)?];
                while let Some((_, right)) = rest.next_if(|(next, _)| *next == op) {
                    branches.push(self.branch(right)?);
                }
                let balanced = is_associative(op) && branches.len() > LONG_CHAIN;
                (left, span) = self.combine(op, branches, balanced)?;
            }
            Ok((left, span))
        })
    }

    /// A right side.
    fn branch(&self, right: lib::SetExpr) -> Result<(SetExpr, Span), ParseError> {
        self.cx.deeper(self.place(), || self.set_expr(right))
    }

    /// Branches under one operation: to the left, or balanced.
    fn combine(
        &self,
        op: Operation,
        mut branches: Vec<(SetExpr, Span)>,
        balanced: bool,
    ) -> Result<(SetExpr, Span), ParseError> {
        while branches.len() > 1 {
            let pairs = if balanced { branches.len() / 2 } else { 1 };
            let mut next = Vec::with_capacity(branches.len() - pairs);
            let mut rest = branches.into_iter();
            for _ in 0..pairs {
                if let (Some(left), Some(right)) = (rest.next(), rest.next()) {
                    next.push(self.pair(op, left, right)?);
                }
            }
            next.extend(rest);
            branches = next;
        }
        branches.pop().ok_or_else(|| ParseError::syntax(self.place(), "expected a query"))
    }

    /// Two branches under an operation.
    fn pair(
        &self,
        (op, quantifier): Operation,
        (left, left_span): (SetExpr, Span),
        (right, right_span): (SetExpr, Span),
    ) -> Result<(SetExpr, Span), ParseError> {
        let at = self.src.index_at(left_span.end as usize);
        let span = self.src.span(at);
        self.cx.node(span)?;
        let (left, right) = (Box::new(left), Box::new(right));
        let whole = left_span.to(right_span);
        Ok((SetExpr::SetOperation { op, quantifier, left, right, span }, whole))
    }

    /// Which set operation.
    fn set_op(
        &self,
        op: lib::SetOperator,
        quantifier: lib::SetQuantifier,
    ) -> Result<Operation, ParseError> {
        let op = match op {
            lib::SetOperator::Union => SetOp::Union,
            lib::SetOperator::Intersect => SetOp::Intersect,
            lib::SetOperator::Except | lib::SetOperator::Minus => SetOp::Except,
        };
        let quantifier = match quantifier {
            lib::SetQuantifier::All => SetQuantifier::All,
            lib::SetQuantifier::Distinct | lib::SetQuantifier::None => SetQuantifier::Distinct,
            _ => return Err(ParseError::unsupported(self.place(), "BY NAME")),
        };
        Ok((op, quantifier))
    }

    /// VALUES.
    fn values(&self, values: lib::Values) -> Result<(SetExpr, Span), ParseError> {
        let mut rows = Vec::with_capacity(values.rows.len());
        let mut span: Option<Span> = None;
        for row in values.rows {
            let open = self.span(row.opening_token.0.span);
            let close = self.span(row.closing_token.0.span);
            rows.push(self.exprs(row.content)?);
            self.here.set(close.end as usize);
            span = Some(span.map_or(open, |s| s.to(open)).to(close));
        }
        let span = self.with_words_before(span.unwrap_or(self.place()), &["VALUES"]);
        self.cx.node(span)?;
        Ok((SetExpr::Values(rows, span), span))
    }

    /// SELECT.
    fn select(&self, select: lib::Select) -> Result<Select, ParseError> {
        let start = self.span(select.select_token.0.span);
        self.only_known(&select)?;
        let distinct = match select.distinct {
            None | Some(lib::Distinct::All) => None,
            Some(lib::Distinct::Distinct) => Some(Distinct::All),
            Some(lib::Distinct::On(exprs)) => Some(Distinct::On(self.exprs(exprs)?)),
        };
        let items = self.select_items(select.projection)?;
        let from = self.items_of_from(select.from)?;
        let selection = select.selection.map(|e| self.expr(e)).transpose()?;
        let group_by = self.group_by(select.group_by)?;
        let having = select.having.map(|e| self.expr(e)).transpose()?;
        let mut windows = Vec::with_capacity(select.named_window.len());
        for window in select.named_window {
            windows.push(self.named_window(window)?);
        }
        let qualify = select.qualify.map(|e| self.expr(e)).transpose()?;
        let span = start.to(self.place());
        self.cx.node(span)?;
        Ok(Select { distinct, items, from, selection, group_by, having, windows, qualify, span })
    }

    /// Refuses the clauses that only other systems have.
    fn only_known(&self, select: &lib::Select) -> Result<(), ParseError> {
        let foreign = [
            (select.into.is_some(), "SELECT INTO"),
            (select.top.is_some(), "TOP"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW"),
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (!select.cluster_by.is_empty(), "CLUSTER BY"),
            (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!select.sort_by.is_empty(), "SORT BY"),
            (select.exclude.is_some(), "EXCLUDE in a select list"),
            (select.value_table_mode.is_some(), "AS STRUCT"),
            (select.select_modifiers.is_some(), "a modifier of SELECT"),
        ];
        match foreign.into_iter().find(|(there, _)| *there) {
            Some((_, what)) => Err(ParseError::unsupported(self.place(), what)),
            None => Ok(()),
        }
    }

    /// WINDOW name AS (...).
    fn named_window(
        &self,
        window: lib::NamedWindowDefinition,
    ) -> Result<(Ident, WindowSpec), ParseError> {
        let name = self.ident(window.0);
        // name AS ( ...
        let open = self.src.index_at(name.span.end as usize) + 1;
        let spec = match window.1 {
            lib::NamedWindowExpr::WindowSpec(spec) => self.window_spec(spec, open)?,
            lib::NamedWindowExpr::NamedWindow(base) => {
                let base = self.ident(base);
                let span = base.span;
                let (partition_by, order_by) = (vec![], vec![]);
                WindowSpec { base: Some(base), partition_by, order_by, frame: None, span }
            }
        };
        Ok((name, spec))
    }

    /// A select list.
    pub(super) fn select_items(
        &self,
        items: Vec<lib::SelectItem>,
    ) -> Result<Vec<SelectItem>, ParseError> {
        items.into_iter().map(|item| self.select_item(item)).collect()
    }

    /// One item of a select list.
    fn select_item(&self, item: lib::SelectItem) -> Result<SelectItem, ParseError> {
        match item {
            lib::SelectItem::UnnamedExpr(expr) => {
                Ok(SelectItem::Expr { expr: self.expr(expr)?, alias: None })
            }
            lib::SelectItem::ExprWithAlias { expr, alias } => {
                let expr = self.expr(expr)?;
                if alias.quote_style == Some('\'') {
                    // 'x' 'y' would be a name that looks like a value.
                    let span = self.span(alias.span);
                    let message = format!("syntax error at or near \"'{}'\"", alias.value);
                    return Err(ParseError::syntax(span, message)
                        .with_hint("Names stand in double quotes, values in single ones."));
                }
                Ok(SelectItem::Expr { expr, alias: Some(self.ident(alias)) })
            }
            lib::SelectItem::Wildcard(options) => {
                let span = self.span(options.wildcard_token.0.span);
                self.plain_wildcard(&options, span)?;
                Ok(SelectItem::Wildcard(span))
            }
            lib::SelectItem::QualifiedWildcard(
                lib::SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) => {
                let name = self.object_name(name)?;
                self.plain_wildcard(&options, name.span)?;
                self.here.set(name.span.end as usize + ".*".len());
                Ok(SelectItem::QualifiedWildcard(name))
            }
            lib::SelectItem::QualifiedWildcard(..) => {
                Err(ParseError::unsupported(self.place(), "(row).*"))
            }
            lib::SelectItem::ExprWithAliases { .. } => {
                Err(ParseError::unsupported(self.place(), "several aliases of one item"))
            }
        }
    }

    /// Refuses EXCEPT, REPLACE and the like behind `*`.
    fn plain_wildcard(
        &self,
        options: &lib::WildcardAdditionalOptions,
        span: Span,
    ) -> Result<(), ParseError> {
        let changed = options.opt_ilike.is_some()
            || options.opt_exclude.is_some()
            || options.opt_except.is_some()
            || options.opt_replace.is_some()
            || options.opt_rename.is_some()
            || options.opt_alias.is_some();
        if changed { Err(ParseError::unsupported(span, "options behind *")) } else { Ok(()) }
    }
}

/// A set operation.
type Operation = (SetOp, SetQuantifier);

/// Whether the branches of a chain may be grouped in any way.
fn is_associative(op: Operation) -> bool {
    op.0 != SetOp::Except
}

/// The height that a run of one set operation has.
fn height(run: &[(Operation, lib::SetExpr)]) -> usize {
    let balanced = run.len() >= LONG_CHAIN && run.first().is_some_and(|r| is_associative(r.0));
    if balanced { run.len().ilog2() as usize + 2 } else { run.len() }
}
