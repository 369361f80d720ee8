//! Calls, with everything that may stand around one: DISTINCT, ORDER BY, WITHIN GROUP, FILTER,
//! OVER.
//!
//! Invariant: a clause that is not built is named, never dropped.

use sqlparser::ast as lib;
use sqlparser::tokenizer::Token;

use super::Lower;
use super::literal::unsupported;
use crate::ast::expr::{FrameBound, FrameUnits};
use crate::ast::{Expr, ExprKind, FunctionCall, Ident, OrderBy, WindowFrame, WindowSpec};
use crate::cut::Mark;
use crate::error::ParseError;
use crate::span::Span;

/// The parts of an argument list.
#[derive(Default)]
struct Arguments {
    args: Vec<(Option<Ident>, Expr)>,
    star: bool,
    distinct: bool,
    order_by: Vec<OrderBy>,
    ignore_nulls: bool,
}

impl Lower<'_, '_> {
    /// A call as an expression; ROW(...) and ARRAY(query) look like calls.
    pub(super) fn function(&self, call: lib::Function) -> Result<Expr, ParseError> {
        let name = call.name.to_string();
        if let lib::FunctionArguments::Subquery(_) = call.args {
            let what = format!("{}(query)", name.to_uppercase());
            let span = self.object_name(call.name)?.span;
            return Ok(unsupported(&what, span));
        }
        let row = name.eq_ignore_ascii_case("row") && call.over.is_none() && call.filter.is_none();
        let call = self.call(call)?;
        let span = call.span;
        if row && !call.star && !call.distinct && call.order_by.is_empty() {
            let items = call.args.into_iter().map(|(_, e)| e).collect();
            return Ok(Expr { kind: ExprKind::Row(items), span });
        }
        Ok(Expr { kind: ExprKind::Call(Box::new(call)), span })
    }

    /// A call.
    pub(super) fn call(&self, call: lib::Function) -> Result<FunctionCall, ParseError> {
        let name = self.object_name(call.name)?;
        let after_name = self.src.index_at(name.span.end as usize);
        let mut list = match call.args {
            lib::FunctionArguments::List(list) => self.arguments(list)?,
            _ => Arguments::default(),
        };
        if !matches!(call.parameters, lib::FunctionArguments::None) {
            return Err(ParseError::unsupported(name.span, "a parametric function"));
        }
        let within_group = self.order_by(call.within_group)?;
        let filter = call.filter.map(|e| self.expr(*e)).transpose()?.map(Box::new);
        list.ignore_nulls |= matches!(call.null_treatment, Some(lib::NullTreatment::IgnoreNulls));
        let (end, over_at) = self.call_end(after_name);
        let over = call.over.map(|over| self.over(over, over_at)).transpose()?;
        let span = Span::new(name.span.start as usize, end.max(name.span.end as usize));
        self.here.set(span.end as usize);
        Ok(FunctionCall {
            name,
            args: list.args,
            star: list.star,
            distinct: list.distinct,
            order_by: list.order_by,
            within_group,
            filter,
            over,
            ignore_nulls: list.ignore_nulls,
            span,
        })
    }

    /// A call of a table function, whose name and arguments come apart.
    pub(super) fn table_call(
        &self,
        name: lib::ObjectName,
        args: Vec<lib::FunctionArg>,
    ) -> Result<FunctionCall, ParseError> {
        self.call(lib::Function {
            name,
            uses_odbc_syntax: false,
            parameters: lib::FunctionArguments::None,
            args: lib::FunctionArguments::List(lib::FunctionArgumentList {
                duplicate_treatment: None,
                args,
                clauses: vec![],
            }),
            filter: None,
            null_treatment: None,
            over: None,
            within_group: vec![],
        })
    }

    /// The end of a call whose argument list starts at a token, and where its OVER stands.
    fn call_end(&self, at: usize) -> (usize, usize) {
        let src = self.src;
        let mut next = at;
        let mut over = at;
        if src.is(next, &Token::LParen) {
            next = src.partner(next).map_or(next, |p| p + 1);
        }
        loop {
            let length = if src.are_words(next, &["WITHIN", "GROUP"]) {
                2
            } else if src.are_words(next, &["IGNORE", "NULLS"])
                || src.are_words(next, &["RESPECT", "NULLS"])
            {
                next += 2;
                continue;
            } else if src.is_word(next, "FILTER") || src.is_word(next, "OVER") {
                1
            } else {
                break;
            };
            if src.is_word(next, "OVER") {
                over = next + 1;
            }
            let behind = next + length;
            next = match src.partner(behind) {
                Some(close) if close > behind => close + 1,
                _ if over == behind => behind + 1,
                _ => break,
            };
        }
        (src.end(next.saturating_sub(1)), over)
    }

    /// An argument list.
    fn arguments(&self, list: lib::FunctionArgumentList) -> Result<Arguments, ParseError> {
        let mut out = Arguments {
            distinct: matches!(list.duplicate_treatment, Some(lib::DuplicateTreatment::Distinct)),
            ..Arguments::default()
        };
        for arg in list.args {
            match arg {
                lib::FunctionArg::Unnamed(arg) => self.argument(None, arg, &mut out)?,
                lib::FunctionArg::Named { name, arg, .. } => {
                    self.argument(Some(self.ident(name)), arg, &mut out)?;
                }
                lib::FunctionArg::ExprNamed { .. } => {
                    return Err(ParseError::unsupported(self.place(), "a computed argument name"));
                }
            }
        }
        if out.star && out.distinct {
            return Err(ParseError::syntax(self.place(), "DISTINCT needs a value, not *"));
        }
        for clause in list.clauses {
            match clause {
                lib::FunctionArgumentClause::OrderBy(items) => {
                    out.order_by = self.order_by(items)?;
                }
                lib::FunctionArgumentClause::IgnoreOrRespectNulls(nulls) => {
                    out.ignore_nulls = matches!(nulls, lib::NullTreatment::IgnoreNulls);
                }
                other => {
                    let text = other.to_string();
                    let what = text.split(' ').next().unwrap_or("this clause");
                    let what = format!("{what} in a function's arguments");
                    return Err(ParseError::unsupported(self.place(), &what));
                }
            }
        }
        if out.star && !out.args.is_empty() {
            return Err(ParseError::syntax(self.place(), "* stands alone in a call"));
        }
        Ok(out)
    }

    /// One argument.
    fn argument(
        &self,
        name: Option<Ident>,
        arg: lib::FunctionArgExpr,
        out: &mut Arguments,
    ) -> Result<(), ParseError> {
        match arg {
            lib::FunctionArgExpr::Expr(expr) => out.args.push((name, self.expr(expr)?)),
            lib::FunctionArgExpr::Wildcard if name.is_none() => out.star = true,
            lib::FunctionArgExpr::QualifiedWildcard(of) => {
                let of = self.object_name(of)?;
                let expr = unsupported("a row (t.*) as an argument", of.span);
                out.args.push((name, expr));
            }
            _ => {
                return Err(ParseError::unsupported(self.place(), "options behind *"));
            }
        }
        Ok(())
    }

    /// OVER.
    fn over(&self, over: lib::WindowType, at: usize) -> Result<WindowSpec, ParseError> {
        match over {
            lib::WindowType::WindowSpec(spec) => self.window_spec(spec, at),
            lib::WindowType::NamedWindow(name) => {
                let base = self.ident(name);
                let span = base.span;
                Ok(WindowSpec {
                    base: Some(base),
                    partition_by: vec![],
                    order_by: vec![],
                    frame: None,
                    span,
                })
            }
        }
    }

    /// A window specification whose parenthesis is the token at `at`.
    pub(super) fn window_spec(
        &self,
        spec: lib::WindowSpec,
        at: usize,
    ) -> Result<WindowSpec, ParseError> {
        let close = self.src.partner(at).filter(|&c| c > at);
        let span = close.map_or(self.place(), |c| self.src.span_of(at, c + 1));
        let base = spec.window_name.map(|n| self.ident(n));
        let partition_by = self.exprs(spec.partition_by)?;
        let order_by = self.order_by(spec.order_by)?;
        let frame = spec.window_frame.map(|f| self.frame(f, span)).transpose()?;
        self.here.set(self.here.get().max(span.end as usize));
        Ok(WindowSpec { base, partition_by, order_by, frame, span })
    }

    /// A frame.
    fn frame(&self, frame: lib::WindowFrame, within: Span) -> Result<WindowFrame, ParseError> {
        let units = match frame.units {
            lib::WindowFrameUnits::Rows => FrameUnits::Rows,
            lib::WindowFrameUnits::Range => FrameUnits::Range,
            lib::WindowFrameUnits::Groups => FrameUnits::Groups,
        };
        let start = self.bound(frame.start_bound)?;
        let end = frame.end_bound.map_or(Ok(FrameBound::CurrentRow), |b| self.bound(b))?;
        let (from, to) = (within.start as usize, within.end as usize);
        let exclude =
            self.cuts.take(from, to, |m| m == Mark::Exclude).map(|(_, at, end)| Span::new(at, end));
        Ok(WindowFrame { units, start, end, exclude })
    }

    /// One end of a frame.
    fn bound(&self, bound: lib::WindowFrameBound) -> Result<FrameBound, ParseError> {
        Ok(match bound {
            lib::WindowFrameBound::CurrentRow => FrameBound::CurrentRow,
            lib::WindowFrameBound::Preceding(None) => FrameBound::UnboundedPreceding,
            lib::WindowFrameBound::Following(None) => FrameBound::UnboundedFollowing,
            lib::WindowFrameBound::Preceding(Some(e)) => {
                FrameBound::Preceding(Box::new(self.expr(*e)?))
            }
            lib::WindowFrameBound::Following(Some(e)) => {
                FrameBound::Following(Box::new(self.expr(*e)?))
            }
        })
    }
}
