//! Operators, comparisons and patterns.
//!
//! Invariant: both sides of a comparison have one type; comparisons of rows are written out field
//! by field.

use arena_tr_parser::Span;
use arena_tr_parser::ast::expr::LikeKind;
use arena_tr_parser::ast::{self, BinaryOp, ExprKind as Ast, Literal, UnaryOp};
use arena_tr_types::{DataType, Func, SqlState};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::Binder;
use super::build;
use super::coerce::{CastContext, common_type, comparison_type, number_type};
use super::function::operator_error;

/// Most fields of rows compared by `<` and its kin: each field nests the condition deeper.
const ORDERED_FIELDS: usize = 64;

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// A value.
    Scalar(Expr),
    /// Fields of a row.
    Row(Vec<Expr>),
}

/// The function of a comparison operator.
pub(crate) fn comparison(op: BinaryOp) -> Option<Func> {
    Some(match op {
        BinaryOp::Eq => Func::Eq,
        BinaryOp::NotEq => Func::NotEq,
        BinaryOp::Lt => Func::Lt,
        BinaryOp::LtEq => Func::LtEq,
        BinaryOp::Gt => Func::Gt,
        BinaryOp::GtEq => Func::GtEq,
        _ => return None,
    })
}

/// The comparison that is true where `func` is false.
pub(crate) fn negated(func: Func) -> Func {
    match func {
        Func::Eq => Func::NotEq,
        Func::NotEq => Func::Eq,
        Func::Lt => Func::GtEq,
        Func::LtEq => Func::Gt,
        Func::Gt => Func::LtEq,
        _ => Func::Lt,
    }
}

/// The function of an operator that is not a comparison; `true`: its result is negated.
fn operator(op: BinaryOp) -> (Func, bool) {
    match op {
        BinaryOp::Add => (Func::Add, false),
        BinaryOp::Sub => (Func::Sub, false),
        BinaryOp::Mul => (Func::Mul, false),
        BinaryOp::Div => (Func::Div, false),
        BinaryOp::Mod => (Func::Mod, false),
        BinaryOp::Pow => (Func::Pow, false),
        BinaryOp::Concat => (Func::Concat, false),
        BinaryOp::BitAnd => (Func::BitAnd, false),
        BinaryOp::BitOr => (Func::BitOr, false),
        BinaryOp::BitXor => (Func::BitXor, false),
        BinaryOp::ShiftLeft => (Func::ShiftLeft, false),
        BinaryOp::ShiftRight => (Func::ShiftRight, false),
        BinaryOp::RegexMatch => (Func::RegexMatch, false),
        BinaryOp::RegexIMatch => (Func::RegexIMatch, false),
        BinaryOp::RegexNotMatch => (Func::RegexMatch, true),
        BinaryOp::RegexNotIMatch => (Func::RegexIMatch, true),
        BinaryOp::JsonGet => (Func::JsonGet, false),
        BinaryOp::JsonGetText => (Func::JsonGetText, false),
        BinaryOp::JsonPath => (Func::JsonPath, false),
        BinaryOp::JsonPathText => (Func::JsonPathText, false),
        BinaryOp::Contains => (Func::Contains, false),
        BinaryOp::ContainedBy => (Func::ContainedBy, false),
        BinaryOp::JsonExists => (Func::JsonExists, false),
        BinaryOp::JsonExistsAny => (Func::JsonExistsAny, false),
        BinaryOp::JsonExistsAll => (Func::JsonExistsAll, false),
        BinaryOp::JsonDeletePath => (Func::JsonDeletePath, false),
        BinaryOp::Overlap => (Func::Overlap, false),
        BinaryOp::StartsWith => (Func::StartsWith, false),
        BinaryOp::Eq => (Func::Eq, false),
        BinaryOp::NotEq => (Func::NotEq, false),
        BinaryOp::Lt => (Func::Lt, false),
        BinaryOp::LtEq => (Func::LtEq, false),
        BinaryOp::Gt => (Func::Gt, false),
        BinaryOp::GtEq => (Func::GtEq, false),
    }
}

impl Binder<'_> {
    pub(crate) fn bind_unary(
        &mut self,
        op: UnaryOp,
        expr: &ast::Expr,
        span: Span,
    ) -> Result<Expr, PlanError> {
        if let (UnaryOp::Minus, Ast::Literal(Literal::Number(text))) = (op, &expr.kind) {
            // The sign belongs to the constant: -2147483648 is an INTEGER.
            return self.bind_literal(&Literal::Number(format!("-{text}")), span);
        }
        let operand = self.bind_expr(expr)?;
        let func = match op {
            UnaryOp::Not => {
                let operand = self.boolean(operand, "NOT")?;
                return Ok(build::not(operand));
            }
            UnaryOp::Plus => {
                if !operand.ty.is_numeric() && operand.ty != DataType::Unknown {
                    let types = [operand.ty];
                    let error = operator_error("operator does not exist", Func::Add, &types, false);
                    return Err(error.at(self.place(span)));
                }
                return Ok(operand);
            }
            UnaryOp::Minus => Func::Neg,
            UnaryOp::BitNot => Func::BitNot,
            UnaryOp::Abs => Func::Abs,
            UnaryOp::Sqrt => Func::Sqrt,
            UnaryOp::Cbrt => Func::Cbrt,
            UnaryOp::Factorial => return self.call_by_name("factorial", vec![operand], span),
        };
        self.call_operator(func, vec![operand], span)
    }

    pub(crate) fn bind_binary(
        &mut self,
        op: BinaryOp,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Result<Expr, PlanError> {
        if let Some(func) = comparison(op) {
            let left = self.bind_operand(left)?;
            let right = self.bind_operand(right)?;
            let mut bound = self.compare_operands(func, left, right, span)?;
            bound.span = self.place(span);
            return Ok(bound);
        }
        let left = self.bind_expr(left)?;
        let right = self.bind_expr(right)?;
        self.operate(op, left, right, span)
    }

    /// An operator other than a comparison, on bound operands.
    pub(crate) fn operate(
        &mut self,
        op: BinaryOp,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let (func, negate) = operator(op);
        let (left, right) = match func {
            Func::Add | Func::Sub | Func::Mul | Func::Div => self.mix_floats(left, right)?,
            Func::Concat => self.mix_text(left, right)?,
            _ => (left, right),
        };
        let call = self.call_operator(func, vec![left, right], span)?;
        Ok(if negate { build::not(call) } else { call })
    }

    /// A float and another number meet in DOUBLE PRECISION.
    fn mix_floats(&mut self, left: Expr, right: Expr) -> Result<(Expr, Expr), PlanError> {
        let float = |t: &DataType| matches!(t, DataType::Float4 | DataType::Float8);
        let both = left.ty.is_numeric() && right.ty.is_numeric();
        if both && left.ty != right.ty && (float(&left.ty) || float(&right.ty)) {
            let ty = number_type(&left.ty, &right.ty);
            return Ok((self.implicit(left, &ty)?, self.implicit(right, &ty)?));
        }
        Ok((left, right))
    }

    /// `||` turns its other side into text if one side is text.
    fn mix_text(&mut self, left: Expr, right: Expr) -> Result<(Expr, Expr), PlanError> {
        let text = |t: &DataType| t.is_text() || *t == DataType::Unknown;
        let own = |t: &DataType| {
            text(t) || matches!(t, DataType::List(_) | DataType::Jsonb | DataType::Bytea)
        };
        let context = CastContext::Assignment;
        if text(&left.ty) && !own(&right.ty) {
            Ok((left, self.coerce(right, &DataType::Text, context)?))
        } else if text(&right.ty) && !own(&left.ty) {
            Ok((self.coerce(left, &DataType::Text, context)?, right))
        } else {
            Ok((left, right))
        }
    }

    /// One side of a comparison: a row is kept apart.
    pub(crate) fn bind_operand(&mut self, expr: &ast::Expr) -> Result<Operand, PlanError> {
        match &expr.kind {
            Ast::Row(items) if !items.is_empty() => Ok(Operand::Row(self.bind_all(items)?)),
            _ => Ok(Operand::Scalar(self.bind_expr(expr)?)),
        }
    }

    /// A comparison of two bound values.
    pub(crate) fn compare(
        &mut self,
        func: Func,
        left: Expr,
        right: Expr,
    ) -> Result<Expr, PlanError> {
        let span = left.span.zip(right.span).map(|(a, b)| a.to(b));
        let Some(ty) = comparison_type(&left.ty, &right.ty) else {
            let types = [left.ty, right.ty];
            return Err(operator_error("operator does not exist", func, &types, false).at(span));
        };
        let left = self.implicit(left, &ty)?;
        let right = self.implicit(right, &ty)?;
        Ok(Expr { span, ..Expr::predicate(func, vec![left, right]) })
    }

    /// A comparison of values or rows.
    pub(crate) fn compare_operands(
        &mut self,
        func: Func,
        left: Operand,
        right: Operand,
        span: Span,
    ) -> Result<Expr, PlanError> {
        match (left, right) {
            (Operand::Scalar(a), Operand::Scalar(b)) => {
                self.compare(func, a, b).map_err(|e| e.at(self.place(span)))
            }
            (Operand::Row(a), Operand::Row(b)) => {
                if a.len() != b.len() {
                    return Err(self.syntax("unequal number of entries in row expressions", span));
                }
                self.compare_rows(func, a, b, span)
            }
            _ => Err(PlanError::not_built("a comparison of a row with a single value")
                .at(self.place(span))),
        }
    }

    pub(crate) fn compare_rows(
        &mut self,
        func: Func,
        left: Vec<Expr>,
        right: Vec<Expr>,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let place = self.place(span);
        let pairs: Vec<(Expr, Expr)> = left.into_iter().zip(right).collect();
        if matches!(func, Func::Eq | Func::NotEq | Func::IsDistinct | Func::IsNotDistinct) {
            let mut each = Vec::with_capacity(pairs.len());
            for (a, b) in pairs {
                each.push(self.compare(func, a, b)?);
            }
            if each.len() == 1 {
                return Ok(each.remove(0));
            }
            let nullable = each.iter().any(|e| e.nullable);
            let kind = match func {
                Func::Eq | Func::IsNotDistinct => ExprKind::And(each),
                _ => ExprKind::Or(each),
            };
            return Ok(build::boolean(kind, nullable, place));
        }
        if pairs.len() > ORDERED_FIELDS {
            let what =
                format!("an ordered comparison of rows with more than {ORDERED_FIELDS} fields");
            return Err(PlanError::not_built(what).at(place));
        }
        // a < b at the first field that differs; the last field decides with the operator itself.
        let strict = match func {
            Func::LtEq => Func::Lt,
            Func::GtEq => Func::Gt,
            other => other,
        };
        let mut result: Option<Expr> = None;
        for (a, b) in pairs.into_iter().rev() {
            result = Some(match result {
                None => self.compare(func, a, b)?,
                Some(rest) => {
                    let differs = self.compare(strict, a.clone(), b.clone())?;
                    let equal = self.compare(Func::Eq, a, b)?;
                    let nullable = differs.nullable || equal.nullable || rest.nullable;
                    let tail = build::boolean(ExprKind::And(vec![equal, rest]), nullable, place);
                    build::boolean(ExprKind::Or(vec![differs, tail]), nullable, place)
                }
            });
        }
        result.ok_or_else(|| self.syntax("a row expression needs at least one field", span))
    }

    pub(crate) fn bind_is_distinct(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        negate: bool,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let func = if negate { Func::IsNotDistinct } else { Func::IsDistinct };
        let left = self.bind_operand(left)?;
        let right = self.bind_operand(right)?;
        self.compare_operands(func, left, right, span)
    }

    pub(crate) fn bind_between(&mut self, expr: &ast::Expr) -> Result<Expr, PlanError> {
        let Ast::Between { expr: value, low, high, negated, symmetric } = &expr.kind else {
            return Err(self.syntax("BETWEEN expected", expr.span));
        };
        let span = expr.span;
        let place = self.place(span);
        let value = self.bind_operand(value)?;
        let low = self.bind_operand(low)?;
        let high = self.bind_operand(high)?;
        let mut within = |low: Operand, high: Operand| -> Result<Expr, PlanError> {
            let above = self.compare_operands(Func::GtEq, value.clone(), low, span)?;
            let below = self.compare_operands(Func::LtEq, value.clone(), high, span)?;
            let nullable = above.nullable || below.nullable;
            Ok(build::boolean(ExprKind::And(vec![above, below]), nullable, place))
        };
        let mut result = within(low.clone(), high.clone())?;
        if *symmetric {
            let other = within(high, low)?;
            let nullable = result.nullable || other.nullable;
            result = build::boolean(ExprKind::Or(vec![result, other]), nullable, place);
        }
        Ok(if *negated { build::not(result) } else { result })
    }

    pub(crate) fn bind_in_list(
        &mut self,
        expr: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let value = self.bind_operand(expr)?;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push(self.bind_operand(item)?);
        }
        let result = match self.plain_list(&value, &items)? {
            Some(result) => Expr { span: self.place(span), ..result },
            None => {
                let mut arms = Vec::with_capacity(items.len());
                for item in items {
                    arms.push(self.compare_operands(Func::Eq, value.clone(), item, span)?);
                }
                match arms.len() {
                    1 => arms.remove(0),
                    _ => {
                        let nullable = arms.iter().any(|e| e.nullable);
                        build::boolean(ExprKind::Or(arms), nullable, self.place(span))
                    }
                }
            }
        };
        Ok(if negated { build::not(result) } else { result })
    }

    /// `value IN (list)` as one node, if all have a common type.
    fn plain_list(
        &mut self,
        value: &Operand,
        items: &[Operand],
    ) -> Result<Option<Expr>, PlanError> {
        let Operand::Scalar(value) = value else { return Ok(None) };
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Operand::Scalar(e) => list.push(e.clone()),
                Operand::Row(_) => return Ok(None),
            }
        }
        let Ok(common) = common_type([&value.ty].into_iter().chain(list.iter().map(|e| &e.ty)))
        else {
            return Ok(None);
        };
        let Some(ty) = comparison_type(&common, &common) else { return Ok(None) };
        if !list.iter().chain([value]).all(|e| super::coerce::is_implicit(&e.ty, &ty)) {
            return Ok(None);
        }
        let value = self.implicit(value.clone(), &ty)?;
        let list =
            list.into_iter().map(|e| self.implicit(e, &ty)).collect::<Result<Vec<_>, _>>()?;
        let nullable = value.nullable || list.iter().any(|e| e.nullable);
        let kind = ExprKind::InList { input: Box::new(value), list };
        Ok(Some(build::boolean(kind, nullable, None)))
    }

    pub(crate) fn bind_like(&mut self, expr: &ast::Expr) -> Result<Expr, PlanError> {
        let Ast::Like { expr: value, pattern, escape, kind, negated } = &expr.kind else {
            return Err(self.syntax("LIKE expected", expr.span));
        };
        let mut args = vec![self.bind_expr(value)?, self.bind_expr(pattern)?];
        if let Some(escape) = escape {
            args.push(self.bind_expr(escape)?);
        }
        let func = match kind {
            LikeKind::Like => Func::Like,
            LikeKind::ILike => Func::ILike,
            LikeKind::SimilarTo => Func::SimilarTo,
        };
        let call = self.call_operator(func, args, expr.span)?;
        Ok(if *negated { build::not(call) } else { call })
    }

    /// `value op ANY (array)` and `value op ALL (array)`.
    pub(crate) fn bind_any_array(
        &mut self,
        value: Expr,
        op: BinaryOp,
        all: bool,
        array: Expr,
        span: Span,
    ) -> Result<Expr, PlanError> {
        use Func::*;
        let func = match (comparison(op), all) {
            (Some(Eq), false) => AnyEq,
            (Some(NotEq), false) => AnyNotEq,
            (Some(Lt), false) => AnyLt,
            (Some(LtEq), false) => AnyLtEq,
            (Some(Gt), false) => AnyGt,
            (Some(GtEq), false) => AnyGtEq,
            (Some(Eq), true) => AllEq,
            (Some(NotEq), true) => AllNotEq,
            (Some(Lt), true) => AllLt,
            (Some(LtEq), true) => AllLtEq,
            (Some(Gt), true) => AllGt,
            (Some(GtEq), true) => AllGtEq,
            _ => {
                let what = "ANY or ALL of an array with an operator that is no comparison";
                return Err(PlanError::not_built(what).at(self.place(span)));
            }
        };
        let element = match &array.ty {
            DataType::List(t) => (**t).clone(),
            DataType::Unknown => value.ty.clone(),
            _ => {
                let message = "op ANY/ALL (array) requires array on right side";
                let error = PlanError::of(SqlState::WRONG_OBJECT_TYPE, message);
                return Err(error.at(self.place(span)));
            }
        };
        let Some(ty) = comparison_type(&value.ty, &element) else {
            let types = [value.ty, element];
            let func = comparison(op).unwrap_or(Eq);
            let error = operator_error("operator does not exist", func, &types, false);
            return Err(error.at(self.place(span)));
        };
        let value = self.implicit(value, &ty)?;
        let array = self.implicit(array, &DataType::List(Box::new(ty)))?;
        let kind = ExprKind::Call { func, args: vec![value, array] };
        Ok(build::boolean(kind, true, self.place(span)))
    }
}
