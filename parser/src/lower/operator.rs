//! Operators: which of ours each of the library's is.
//!
//! Invariant: an operator without a counterpart is named, never replaced by a similar one.

use sqlparser::ast as lib;

use super::Lower;
use crate::ast::expr::LikeKind;
use crate::ast::{BinaryOp, Expr, ExprKind, FunctionCall, Ident, ObjectName, UnaryOp};
use crate::error::ParseError;
use crate::span::Span;

/// What an infix operator becomes.
enum Infix {
    And,
    Or,
    Binary(BinaryOp),
    /// `~~` and its kin: the kind of pattern, and whether it is negated.
    Like(LikeKind, bool),
    Overlaps,
    Unsupported(String),
}

/// Operators by their symbol, as OPERATOR(schema.op) names them too.
const SYMBOLS: &[(&str, BinaryOp)] = &[
    ("+", BinaryOp::Add),
    ("-", BinaryOp::Sub),
    ("*", BinaryOp::Mul),
    ("/", BinaryOp::Div),
    ("%", BinaryOp::Mod),
    ("^", BinaryOp::Pow),
    ("=", BinaryOp::Eq),
    ("<>", BinaryOp::NotEq),
    ("!=", BinaryOp::NotEq),
    ("<", BinaryOp::Lt),
    ("<=", BinaryOp::LtEq),
    (">", BinaryOp::Gt),
    (">=", BinaryOp::GtEq),
    ("||", BinaryOp::Concat),
    ("&", BinaryOp::BitAnd),
    ("|", BinaryOp::BitOr),
    ("#", BinaryOp::BitXor),
    ("<<", BinaryOp::ShiftLeft),
    (">>", BinaryOp::ShiftRight),
    ("~", BinaryOp::RegexMatch),
    ("~*", BinaryOp::RegexIMatch),
    ("!~", BinaryOp::RegexNotMatch),
    ("!~*", BinaryOp::RegexNotIMatch),
    ("->", BinaryOp::JsonGet),
    ("->>", BinaryOp::JsonGetText),
    ("#>", BinaryOp::JsonPath),
    ("#>>", BinaryOp::JsonPathText),
    ("@>", BinaryOp::Contains),
    ("<@", BinaryOp::ContainedBy),
    ("?", BinaryOp::JsonExists),
    ("?|", BinaryOp::JsonExistsAny),
    ("?&", BinaryOp::JsonExistsAll),
    ("#-", BinaryOp::JsonDeletePath),
    ("&&", BinaryOp::Overlap),
    ("^@", BinaryOp::StartsWith),
];

/// The symbol of an operator; the same table serves parsing and printing.
pub(crate) fn symbol(op: BinaryOp) -> &'static str {
    SYMBOLS.iter().find(|(_, o)| *o == op).map_or("=", |(s, _)| s)
}

/// What a symbol becomes.
fn by_symbol(symbol: &str) -> Infix {
    match symbol {
        "~~" => Infix::Like(LikeKind::Like, false),
        "!~~" => Infix::Like(LikeKind::Like, true),
        "~~*" => Infix::Like(LikeKind::ILike, false),
        "!~~*" => Infix::Like(LikeKind::ILike, true),
        _ => match SYMBOLS.iter().find(|(s, _)| *s == symbol) {
            Some((_, op)) => Infix::Binary(*op),
            None => Infix::Unsupported(format!("operator {symbol}")),
        },
    }
}

/// What one of the library's operators becomes.
fn infix(op: &lib::BinaryOperator) -> Infix {
    match op {
        lib::BinaryOperator::And => Infix::And,
        lib::BinaryOperator::Or => Infix::Or,
        lib::BinaryOperator::Overlaps => Infix::Overlaps,
        lib::BinaryOperator::PGCustomBinaryOperator(parts) => {
            by_symbol(parts.last().map_or("", String::as_str))
        }
        // The library prints each operator as its symbol.
        other => by_symbol(&other.to_string()),
    }
}

impl Lower<'_, '_> {
    /// A chain of infix operators: walked down its left side without recursion.
    pub(super) fn binary(&self, expr: lib::Expr) -> Result<Expr, ParseError> {
        let mut rights = Vec::new();
        let mut leftmost = expr;
        while let lib::Expr::BinaryOp { left, op, right } = leftmost {
            rights.push((infix(&op), *right));
            leftmost = *left;
        }
        let mut levels = 0;
        for (i, (op, _)) in rights.iter().enumerate() {
            let same_list = i > 0
                && matches!(
                    (op, &rights[i - 1].0),
                    (Infix::And, Infix::And) | (Infix::Or, Infix::Or)
                );
            levels += usize::from(!same_list);
        }
        self.cx.deeper_by(levels, self.place(), || {
            // `a < b < c` has no meaning in SQL: comparisons stand alone unless parentheses say
            // otherwise.
            if rights.windows(2).any(|pair| is_comparison(&pair[0].0) && is_comparison(&pair[1].0))
            {
                let message = "a comparison of a comparison needs parentheses";
                return Err(ParseError::syntax(self.place(), message));
            }
            let mut left = self.expr(leftmost)?;
            while let Some((op, right)) = rights.pop() {
                let right = self.expr(right)?;
                left = combine(left, op, right);
                self.cx.node(left.span)?;
            }
            Ok(left)
        })
    }

    /// `e op ANY (..)` and `e op ALL (..)`.
    pub(super) fn quantified(
        &self,
        left: lib::Expr,
        op: &lib::BinaryOperator,
        right: lib::Expr,
        all: bool,
    ) -> Result<Expr, ParseError> {
        let left = self.expr(left)?;
        let right = self.expr(right)?;
        let span = left.span.to(right.span);
        let span = self.with_closing(span);
        let kind = match infix(op) {
            Infix::Binary(op) => {
                ExprKind::Quantified { expr: Box::new(left), op, all, right: Box::new(right) }
            }
            _ => ExprKind::Unsupported(format!("{op} with {}", if all { "ALL" } else { "ANY" })),
        };
        Ok(Expr { kind, span })
    }

    /// The span with a closing parenthesis directly behind it.
    fn with_closing(&self, span: Span) -> Span {
        let next = self.src.index_at(span.end as usize);
        match self.src.partner(next) {
            Some(open) if open < next && self.src.start(open) >= span.start as usize => {
                Span::new(span.start as usize, self.src.end(next))
            }
            _ => span,
        }
    }

    /// An operator before its operand.
    pub(super) fn unary(
        &self,
        op: lib::UnaryOperator,
        operand: lib::Expr,
    ) -> Result<Expr, ParseError> {
        let operand = self.cx.deeper(self.place(), || self.expr(operand))?;
        let first = self.src.index_at(operand.span.start as usize).saturating_sub(1);
        let span = Span::new(self.src.start(first), operand.span.end as usize).to(operand.span);
        let op = match op {
            lib::UnaryOperator::Not => UnaryOp::Not,
            lib::UnaryOperator::Minus => UnaryOp::Minus,
            lib::UnaryOperator::Plus => UnaryOp::Plus,
            lib::UnaryOperator::BitwiseNot => UnaryOp::BitNot,
            lib::UnaryOperator::PGAbs => UnaryOp::Abs,
            lib::UnaryOperator::PGSquareRoot => UnaryOp::Sqrt,
            lib::UnaryOperator::PGCubeRoot => UnaryOp::Cbrt,
            other => {
                let kind = ExprKind::Unsupported(format!("operator {other}"));
                return Ok(Expr { kind, span });
            }
        };
        Ok(Expr { kind: ExprKind::Unary(op, Box::new(operand)), span })
    }
}

/// Whether it is one of the operators that do not associate.
fn is_comparison(op: &Infix) -> bool {
    use BinaryOp::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Infix::Binary(Eq | NotEq | Lt | LtEq | Gt | GtEq))
}

/// The node of two operands.
fn combine(left: Expr, op: Infix, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    let kind = match op {
        Infix::And => ExprKind::And(flat(left, right, true)),
        Infix::Or => ExprKind::Or(flat(left, right, false)),
        Infix::Binary(op) => ExprKind::Binary(op, Box::new(left), Box::new(right)),
        Infix::Like(kind, negated) => ExprKind::Like {
            expr: Box::new(left),
            pattern: Box::new(right),
            escape: None,
            kind,
            negated,
        },
        Infix::Overlaps => overlaps(left, right, span),
        Infix::Unsupported(what) => ExprKind::Unsupported(what),
    };
    Expr { kind, span }
}

/// The terms of AND or OR as one list: both are associative, so nested lists are one list.
fn flat(left: Expr, right: Expr, and: bool) -> Vec<Expr> {
    let terms = |e: Expr| match (e.kind, and) {
        (ExprKind::And(terms), true) | (ExprKind::Or(terms), false) => terms,
        (kind, _) => vec![Expr { kind, span: e.span }],
    };
    let mut all = terms(left);
    all.extend(terms(right));
    all
}

/// `(a, b) OVERLAPS (c, d)` is the function of four arguments, as in PostgreSQL.
fn overlaps(left: Expr, right: Expr, span: Span) -> ExprKind {
    match (left.kind, right.kind) {
        (ExprKind::Row(a), ExprKind::Row(b)) if a.len() == 2 && b.len() == 2 => {
            ExprKind::Call(Box::new(plain_call("overlaps", a.into_iter().chain(b).collect(), span)))
        }
        _ => ExprKind::Unsupported("OVERLAPS of anything but two pairs".to_owned()),
    }
}

/// A call without any of a call's clauses.
pub(super) fn plain_call(name: &str, args: Vec<Expr>, span: Span) -> FunctionCall {
    let ident = Ident { name: name.to_owned(), quoted: false, span };
    FunctionCall {
        name: ObjectName { parts: vec![ident], span },
        args: args.into_iter().map(|a| (None, a)).collect(),
        star: false,
        distinct: false,
        order_by: vec![],
        within_group: vec![],
        filter: None,
        over: None,
        ignore_nulls: false,
        span,
    }
}
