//! Expressions: one arm per form, each handing over to a helper.
//!
//! Invariant: every form of the library's is either one of ours, a plain call, or named as not
//! built.

use sqlparser::ast as lib;

use super::Lower;
use super::literal::{field_name, unsupported};
use super::operator::plain_call;
use crate::ast::expr::LikeKind;
use crate::ast::{Expr, ExprKind};
use crate::cut::Mark;
use crate::error::ParseError;
use crate::span::Span;

impl Lower<'_, '_> {
    /// An expression.
    pub(super) fn expr(&self, expr: lib::Expr) -> Result<Expr, ParseError> {
        let lowered = match expr {
            lib::Expr::Identifier(ident) => self.identifier(ident)?,
            lib::Expr::CompoundIdentifier(parts) => {
                let parts: Vec<_> = parts.into_iter().map(|p| self.ident(p)).collect();
                parts.first().map_or(Ok(()), |first| self.not_reserved(first))?;
                let span = parts.iter().fold(parts_start(&parts), |s, p| s.to(p.span));
                Expr { kind: ExprKind::Column(parts), span }
            }
            lib::Expr::Value(value) => self.value(value)?,
            lib::Expr::Nested(_) => return self.nested(expr),
            lib::Expr::BinaryOp { .. } => return self.binary(expr),
            other => self.cx.deeper(self.place(), || self.inner(other))?,
        };
        self.cx.node(lowered.span)?;
        self.here.set(self.here.get().max(lowered.span.end as usize));
        Ok(lowered)
    }

    /// A boxed expression, boxed again.
    fn boxed(&self, expr: lib::Expr) -> Result<Box<Expr>, ParseError> {
        Ok(Box::new(self.expr(expr)?))
    }

    /// Forms that hold others.
    fn inner(&self, expr: lib::Expr) -> Result<Expr, ParseError> {
        match expr {
            lib::Expr::Function(call) => self.function(call),
            lib::Expr::Cast { kind, expr, data_type, format } => {
                self.cast(&kind, *expr, &data_type, format.is_some())
            }
            lib::Expr::UnaryOp { op, expr } => self.unary(op, *expr),
            lib::Expr::Case { case_token, end_token, operand, conditions, else_result } => {
                let span = self.span(case_token.0.span).to(self.span(end_token.0.span));
                self.case(operand, conditions, else_result, span)
            }
            lib::Expr::TypedString(typed) => self.typed_string(typed),
            lib::Expr::Interval(interval) => self.interval(interval),
            lib::Expr::AnyOp { left, compare_op, right, .. } => {
                self.quantified(*left, &compare_op, *right, false)
            }
            lib::Expr::AllOp { left, compare_op, right } => {
                self.quantified(*left, &compare_op, *right, true)
            }
            lib::Expr::Exists { subquery, negated } => self.exists(*subquery, negated),
            lib::Expr::Subquery(query) => {
                let query = self.query(*query)?;
                let span = self.parenthesized(query.span);
                Ok(Expr { kind: ExprKind::Subquery(Box::new(query)), span })
            }
            lib::Expr::Array(array) => self.array(array),
            lib::Expr::Tuple(items) => self.row(items),
            lib::Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(*root, access_chain)
            }
            lib::Expr::AtTimeZone { timestamp, time_zone } => {
                let left = self.boxed(*timestamp)?;
                let right = self.boxed(*time_zone)?;
                let span = left.span.to(right.span);
                Ok(Expr { kind: ExprKind::AtTimeZone(left, right), span })
            }
            lib::Expr::Collate { expr, collation } => {
                let expr = self.boxed(*expr)?;
                let collation = self.object_name(collation)?;
                let span = expr.span.to(collation.span);
                Ok(Expr { kind: ExprKind::Collate(expr, collation), span })
            }
            other => self.predicate(other),
        }
    }

    /// Predicates.
    fn predicate(&self, expr: lib::Expr) -> Result<Expr, ParseError> {
        match expr {
            lib::Expr::IsNull(e) => self.is_null(*e, false),
            lib::Expr::IsNotNull(e) => self.is_null(*e, true),
            lib::Expr::IsTrue(e) => self.is_bool(*e, Some(true), false),
            lib::Expr::IsNotTrue(e) => self.is_bool(*e, Some(true), true),
            lib::Expr::IsFalse(e) => self.is_bool(*e, Some(false), false),
            lib::Expr::IsNotFalse(e) => self.is_bool(*e, Some(false), true),
            lib::Expr::IsUnknown(e) => self.is_bool(*e, None, false),
            lib::Expr::IsNotUnknown(e) => self.is_bool(*e, None, true),
            lib::Expr::IsDistinctFrom(l, r) => self.is_distinct(*l, *r, false),
            lib::Expr::IsNotDistinctFrom(l, r) => self.is_distinct(*l, *r, true),
            lib::Expr::Between { expr, negated, low, high } => {
                self.between(*expr, *low, *high, negated)
            }
            lib::Expr::InList { expr, list, negated } => self.in_list(*expr, list, negated),
            lib::Expr::InSubquery { expr, subquery, negated } => {
                let expr = self.boxed(*expr)?;
                let query = self.query(*subquery)?;
                let span = expr.span.to(self.parenthesized(query.span));
                let query = Box::new(query);
                Ok(Expr { kind: ExprKind::InQuery { expr, query, negated }, span })
            }
            lib::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(LikeKind::Like, negated, *expr, *pattern, escape_char)
            }
            lib::Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(LikeKind::ILike, negated, *expr, *pattern, escape_char)
            }
            lib::Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                self.like(LikeKind::SimilarTo, negated, *expr, *pattern, escape_char)
            }
            other => self.special_call(other),
        }
    }

    /// Function syntax of its own, as the call PostgreSQL makes of it.
    fn special_call(&self, expr: lib::Expr) -> Result<Expr, ParseError> {
        match expr {
            lib::Expr::Extract { field, expr, .. } => {
                let expr = self.boxed(*expr)?;
                let span = self.call_around(expr.span);
                let field = field_name(&field);
                Ok(Expr { kind: ExprKind::Extract { field, expr }, span })
            }
            lib::Expr::Substring { expr, substring_from, substring_for, shorthand, .. } => {
                let from = match (substring_from, &substring_for) {
                    (None, Some(_)) => {
                        Some(Box::new(lib::Expr::value(lib::Value::Number("1".to_owned(), false))))
                    }
                    (from, _) => from,
                };
                let name = if shorthand { "substr" } else { "substring" };
                self.named_call(name, [Some(expr), from, substring_for])
            }
            lib::Expr::Position { expr, r#in } => {
                // PostgreSQL swaps them: position(text, part).
                let part = self.expr(*expr)?;
                let text = self.expr(*r#in)?;
                let span = self.call_around(part.span.to(text.span));
                Ok(call("position", vec![text, part], span))
            }
            lib::Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let name = match trim_where {
                    Some(lib::TrimWhereField::Leading) => "ltrim",
                    Some(lib::TrimWhereField::Trailing) => "rtrim",
                    Some(lib::TrimWhereField::Both) | None => "btrim",
                };
                let mut rest = trim_characters.unwrap_or_default().into_iter();
                let what = trim_what.or_else(|| rest.next().map(Box::new));
                if rest.next().is_some() {
                    return Err(ParseError::syntax(self.place(), "trim takes two arguments"));
                }
                self.named_call(name, [Some(expr), what])
            }
            lib::Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => self
                .named_call(
                    "overlay",
                    [Some(expr), Some(overlay_what), Some(overlay_from), overlay_for],
                ),
            lib::Expr::Ceil { expr, field } => self.rounding("ceil", *expr, &field),
            lib::Expr::Floor { expr, field } => self.rounding("floor", *expr, &field),
            lib::Expr::Wildcard(token) => {
                Ok(Expr { kind: ExprKind::Wildcard, span: self.span(token.0.span) })
            }
            other => Ok(self.not_built(&other)),
        }
    }

    /// Forms that only other systems have, or that are not built.
    fn not_built(&self, expr: &lib::Expr) -> Expr {
        let what = match expr {
            lib::Expr::Like { .. } | lib::Expr::ILike { .. } => "LIKE ANY",
            lib::Expr::IsJson { .. } => "IS JSON",
            lib::Expr::IsNormalized { .. } => "IS NORMALIZED",
            lib::Expr::InUnnest { .. } => "IN UNNEST",
            lib::Expr::Convert { .. } => "CONVERT",
            lib::Expr::Dictionary(_) | lib::Expr::Map(_) => "a map literal",
            lib::Expr::Struct { .. } => "a STRUCT literal",
            lib::Expr::QualifiedWildcard(..) => "a row (t.*) as a value",
            lib::Expr::GroupingSets(_) | lib::Expr::Cube(_) | lib::Expr::Rollup(_) => {
                "GROUPING SETS outside GROUP BY"
            }
            lib::Expr::Named { .. } => "a named value",
            lib::Expr::Prefixed { .. } => "VARIADIC",
            _ => "this expression",
        };
        unsupported(what, self.place())
    }

    /// A bare word: a column, or DEFAULT.
    fn identifier(&self, ident: lib::Ident) -> Result<Expr, ParseError> {
        let ident = self.ident(ident);
        let span = ident.span;
        if !ident.quoted && ident.name == "default" {
            return Ok(Expr { kind: ExprKind::Default, span });
        }
        self.not_reserved(&ident)?;
        Ok(Expr { kind: ExprKind::Column(vec![ident]), span })
    }

    /// Parentheses: they add no node, only width.
    fn nested(&self, expr: lib::Expr) -> Result<Expr, ParseError> {
        let mut pairs = 0;
        let mut inner = expr;
        while let lib::Expr::Nested(e) = inner {
            pairs += 1;
            inner = *e;
        }
        let mut lowered = self.expr(inner)?;
        for _ in 0..pairs {
            lowered.span = self.parenthesized(lowered.span);
        }
        self.here.set(self.here.get().max(lowered.span.end as usize));
        Ok(lowered)
    }

    /// CAST, TRY_CAST, `::`.
    fn cast(
        &self,
        kind: &lib::CastKind,
        expr: lib::Expr,
        data_type: &lib::DataType,
        formatted: bool,
    ) -> Result<Expr, ParseError> {
        let expr = self.boxed(expr)?;
        let behind = self.src.index_at(expr.span.end as usize);
        let (to, span) = if matches!(kind, lib::CastKind::DoubleColon) {
            let type_at = behind + 1;
            let upto = self.type_end(type_at);
            let to = self.type_name(data_type, self.src.span_of(type_at, upto))?;
            (to, expr.span.to(self.src.span_of(type_at, upto)))
        } else {
            let span = self.call_around(expr.span);
            let end = (span.end as usize).saturating_sub(1);
            let start = self.src.start(behind + 1).min(end);
            (self.type_name(data_type, Span::new(start, end))?, span)
        };
        if formatted {
            return Ok(unsupported("CAST with FORMAT", span));
        }
        let try_ = matches!(kind, lib::CastKind::TryCast | lib::CastKind::SafeCast);
        Ok(Expr { kind: ExprKind::Cast { expr, to, try_ }, span })
    }

    /// The token behind the type that starts at a token.
    fn type_end(&self, at: usize) -> usize {
        super::types::at(self.src, at, self.src.len()).map_or(at + 1, |(_, end)| end)
    }

    /// The span of `name( ... )` around an argument.
    pub(super) fn call_around(&self, argument: Span) -> Span {
        let mut first = self.src.index_at(argument.start as usize);
        // Out to the parenthesis that holds the argument.
        while let Some(before) = first.checked_sub(1) {
            match self.src.partner(before) {
                Some(close) if close > before && self.src.end(close) > argument.end as usize => {
                    let span = self.src.span_of(before.saturating_sub(1), close + 1);
                    self.here.set(span.end as usize);
                    return span;
                }
                Some(open) if open < before => first = open,
                _ => first = before,
            }
        }
        argument
    }

    /// A call with these arguments, as far as they are there.
    fn named_call<const N: usize>(
        &self,
        name: &str,
        args: [Option<Box<lib::Expr>>; N],
    ) -> Result<Expr, ParseError> {
        let mut lowered = Vec::with_capacity(N);
        for arg in args.into_iter().flatten() {
            lowered.push(self.expr(*arg)?);
        }
        let span = lowered.iter().map(|e| e.span).reduce(Span::to).unwrap_or_default();
        Ok(call(name, lowered, self.call_around(span)))
    }

    /// ceil and floor, whose parser knows a unit.
    fn rounding(
        &self,
        name: &str,
        expr: lib::Expr,
        field: &lib::CeilFloorKind,
    ) -> Result<Expr, ParseError> {
        let arg = self.expr(expr)?;
        let span = self.call_around(arg.span);
        match field {
            lib::CeilFloorKind::DateTimeField(lib::DateTimeField::NoDateTime) => {
                Ok(call(name, vec![arg], span))
            }
            lib::CeilFloorKind::DateTimeField(_) => {
                Ok(unsupported(&format!("{} TO a unit", name.to_uppercase()), span))
            }
            lib::CeilFloorKind::Scale(scale) => {
                let scale = self.value(scale.clone())?;
                Ok(call(name, vec![arg, scale], span))
            }
        }
    }

    /// CASE.
    fn case(
        &self,
        operand: Option<Box<lib::Expr>>,
        conditions: Vec<lib::CaseWhen>,
        otherwise: Option<Box<lib::Expr>>,
        span: Span,
    ) -> Result<Expr, ParseError> {
        let operand = operand.map(|e| self.boxed(*e)).transpose()?;
        let branches = conditions
            .into_iter()
            .map(|when| Ok((self.expr(when.condition)?, self.expr(when.result)?)))
            .collect::<Result<_, ParseError>>()?;
        let otherwise = otherwise.map(|e| self.boxed(*e)).transpose()?;
        Ok(Expr { kind: ExprKind::Case { operand, branches, otherwise }, span })
    }

    /// [NOT] EXISTS.
    fn exists(&self, query: lib::Query, negated: bool) -> Result<Expr, ParseError> {
        let query = Box::new(self.query(query)?);
        let span = self.with_words_before(self.parenthesized(query.span), &["EXISTS", "NOT"]);
        Ok(Expr { kind: ExprKind::Exists { query, negated }, span })
    }

    /// ARRAY[...].
    fn array(&self, array: lib::Array) -> Result<Expr, ParseError> {
        let items = self.exprs(array.elem)?;
        let span = items.iter().map(|e| e.span).reduce(Span::to);
        let span = span
            .map_or(self.place(), |s| self.with_words_before(self.parenthesized(s), &["ARRAY"]));
        Ok(Expr { kind: ExprKind::Array(items), span })
    }

    /// (a, b).
    fn row(&self, items: Vec<lib::Expr>) -> Result<Expr, ParseError> {
        let items = self.exprs(items)?;
        let span = items.iter().map(|e| e.span).reduce(Span::to);
        let span = span.map_or(self.place(), |s| self.parenthesized(s));
        Ok(Expr { kind: ExprKind::Row(items), span })
    }

    /// `e.f`, `e[i]`, `e[a:b]` in any sequence.
    fn access(&self, root: lib::Expr, chain: Vec<lib::AccessExpr>) -> Result<Expr, ParseError> {
        self.cx.deeper_by(chain.len(), self.place(), || {
            let mut base = self.expr(root)?;
            for step in chain {
                base = self.step(base, step)?;
                self.cx.node(base.span)?;
            }
            Ok(base)
        })
    }

    /// One step of an access.
    fn step(&self, base: Expr, step: lib::AccessExpr) -> Result<Expr, ParseError> {
        let start = base.span.start as usize;
        let kind = match step {
            lib::AccessExpr::Dot(lib::Expr::Identifier(field)) => {
                let field = self.ident(field);
                let parenthesized = self.src.text[start..].starts_with('(');
                match base.kind {
                    ExprKind::Column(mut parts) if !parenthesized => {
                        parts.push(field);
                        ExprKind::Column(parts)
                    }
                    kind => ExprKind::Field(Box::new(Expr { kind, span: base.span }), field),
                }
            }
            lib::AccessExpr::Dot(_) => ExprKind::Unsupported("this access".to_owned()),
            lib::AccessExpr::Subscript(lib::Subscript::Index { index }) => {
                ExprKind::Index(Box::new(base), self.boxed(index)?)
            }
            lib::AccessExpr::Subscript(lib::Subscript::Slice {
                lower_bound,
                upper_bound,
                stride,
            }) => {
                if stride.is_some() {
                    return Err(ParseError::syntax(self.place(), "a slice has two bounds"));
                }
                let lower = lower_bound.map(|e| self.boxed(e)).transpose()?;
                let upper = upper_bound.map(|e| self.boxed(e)).transpose()?;
                ExprKind::Slice(Box::new(base), lower, upper)
            }
        };
        let end = self.access_end(self.here.get());
        Ok(Expr { kind, span: Span::new(start, end.max(start)) })
    }

    /// Behind the bracket that closes a subscript.
    fn access_end(&self, at: usize) -> usize {
        let mut next = self.src.index_at(at);
        while self.src.is(next, &sqlparser::tokenizer::Token::Colon) {
            next += 1;
        }
        match self.src.partner(next) {
            Some(open) if open < next => {
                self.here.set(self.src.end(next));
                self.src.end(next)
            }
            _ => at,
        }
    }

    /// IS [NOT] NULL.
    fn is_null(&self, expr: lib::Expr, negated: bool) -> Result<Expr, ParseError> {
        let expr = self.boxed(expr)?;
        let span = self.with_words_behind(expr.span, &["IS", "NOT", "NULL", "ISNULL", "NOTNULL"]);
        Ok(Expr { kind: ExprKind::IsNull { expr, negated }, span })
    }

    /// IS [NOT] TRUE, FALSE, UNKNOWN.
    fn is_bool(
        &self,
        expr: lib::Expr,
        value: Option<bool>,
        negated: bool,
    ) -> Result<Expr, ParseError> {
        let expr = self.boxed(expr)?;
        let words = ["IS", "NOT", "TRUE", "FALSE", "UNKNOWN"];
        let span = self.with_words_behind(expr.span, &words);
        Ok(Expr { kind: ExprKind::IsBool { expr, value, negated }, span })
    }

    /// IS [NOT] DISTINCT FROM.
    fn is_distinct(
        &self,
        left: lib::Expr,
        right: lib::Expr,
        negated: bool,
    ) -> Result<Expr, ParseError> {
        let left = self.boxed(left)?;
        let right = self.boxed(right)?;
        let span = left.span.to(right.span);
        Ok(Expr { kind: ExprKind::IsDistinct { left, right, negated }, span })
    }

    /// [NOT] BETWEEN [SYMMETRIC].
    fn between(
        &self,
        expr: lib::Expr,
        low: lib::Expr,
        high: lib::Expr,
        negated: bool,
    ) -> Result<Expr, ParseError> {
        let expr = self.boxed(expr)?;
        let low = self.boxed(low)?;
        let (from, to) = (expr.span.end as usize, low.span.start as usize);
        let symmetric = from <= to && self.cuts.take(from, to, |m| m == Mark::Symmetric).is_some();
        let high = self.boxed(high)?;
        let span = expr.span.to(high.span);
        Ok(Expr { kind: ExprKind::Between { expr, low, high, negated, symmetric }, span })
    }

    /// [NOT] IN (list).
    fn in_list(
        &self,
        expr: lib::Expr,
        list: Vec<lib::Expr>,
        negated: bool,
    ) -> Result<Expr, ParseError> {
        let expr = self.boxed(expr)?;
        let list = self.exprs(list)?;
        let inside = list.iter().map(|e| e.span).reduce(Span::to).unwrap_or(expr.span);
        let span = expr.span.to(self.parenthesized(inside));
        Ok(Expr { kind: ExprKind::InList { expr, list, negated }, span })
    }

    /// LIKE and its kin.
    fn like(
        &self,
        kind: LikeKind,
        negated: bool,
        expr: lib::Expr,
        pattern: lib::Expr,
        escape: Option<Box<lib::Expr>>,
    ) -> Result<Expr, ParseError> {
        let expr = self.boxed(expr)?;
        let pattern = self.boxed(pattern)?;
        let escape = escape.map(|e| self.boxed(*e)).transpose()?;
        let span = expr.span.to(escape.as_ref().map_or(pattern.span, |e| e.span));
        Ok(Expr { kind: ExprKind::Like { expr, pattern, escape, kind, negated }, span })
    }
}

/// Where the first part stands.
fn parts_start(parts: &[crate::ast::Ident]) -> Span {
    parts.first().map(|p| p.span).unwrap_or_default()
}

/// A plain call as an expression.
fn call(name: &str, args: Vec<Expr>, span: Span) -> Expr {
    Expr { kind: ExprKind::Call(Box::new(plain_call(name, args, span))), span }
}
