//! Which type may become which, where, and what type several expressions have in common.
//!
//! The table of casts stands beside the values they convert; here are PostgreSQL's rules for
//! choosing one: type categories, preferred types, and untyped literals that take the type their
//! context asks for.
//! Invariant: a type casts to itself, whatever its modifiers, implicitly.

use arena_tr_types::value::cast_context;
use arena_tr_types::{DataType, SqlState, Value};

pub(crate) use arena_tr_types::value::CastContext;

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::Binder;

/// PostgreSQL's type categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    /// BOOLEAN.
    Bool,
    /// Numbers.
    Number,
    /// TEXT and its kin.
    String,
    /// DATE, TIME, TIMESTAMP.
    DateTime,
    /// INTERVAL.
    Span,
    /// Arrays.
    Array,
    /// Rows.
    Row,
    /// Everything else.
    User,
    /// Untyped literals.
    Unknown,
}

/// The category of a type.
pub(crate) fn category(ty: &DataType) -> Category {
    match ty {
        DataType::Unknown => Category::Unknown,
        DataType::Bool => Category::Bool,
        DataType::Text | DataType::Varchar(_) | DataType::Char(_) => Category::String,
        DataType::Date | DataType::Time | DataType::Timestamp | DataType::TimestampTz => {
            Category::DateTime
        }
        DataType::Interval => Category::Span,
        DataType::List(_) => Category::Array,
        DataType::Struct(_) => Category::Row,
        t if t.is_numeric() => Category::Number,
        _ => Category::User,
    }
}

/// Whether the type is its category's preferred one.
pub(crate) fn is_preferred(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Bool
            | DataType::Float8
            | DataType::Text
            | DataType::TimestampTz
            | DataType::Interval
    )
}

/// Whether two types differ in modifiers at most: length, precision, scale.
pub(crate) fn same_base(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::Numeric(_), DataType::Numeric(_))
        | (DataType::Varchar(_), DataType::Varchar(_))
        | (DataType::Char(_), DataType::Char(_)) => true,
        (DataType::List(a), DataType::List(b)) => same_base(a, b),
        (DataType::Struct(a), DataType::Struct(b)) => {
            a.len() == b.len()
                && a.iter().zip(b.iter()).all(|(a, b)| same_base(&a.data_type, &b.data_type))
        }
        _ => a == b,
    }
}

/// Numbers cast implicitly upward only.
fn number_rank(ty: &DataType) -> u8 {
    match ty {
        DataType::Int2 => 0,
        DataType::Int4 => 1,
        DataType::Int8 => 2,
        DataType::Numeric(_) => 3,
        DataType::Float4 => 4,
        _ => 5,
    }
}

/// Whether `from` becomes `to` without being asked.
pub(crate) fn is_implicit(from: &DataType, to: &DataType) -> bool {
    cast_context(from, to) == Some(CastContext::Implicit)
}

/// The common type of arms of CASE, UNION, VALUES, IN and the like; `Err` names the pair that has
/// none.
pub(crate) fn common_type<'t>(
    types: impl IntoIterator<Item = &'t DataType>,
) -> Result<DataType, (DataType, DataType)> {
    let mut best: Option<DataType> = None;
    for next in types {
        if *next == DataType::Unknown {
            continue;
        }
        best = Some(match best {
            None => next.clone(),
            Some(t) if t == *next => t,
            Some(t) if same_base(&t, next) => without_modifiers(&t, next),
            Some(t) if category(&t) != category(next) => return Err((t, next.clone())),
            Some(t) if !is_preferred(&t) && is_implicit(&t, next) && !is_implicit(next, &t) => {
                next.clone()
            }
            Some(t) if is_implicit(next, &t) => t,
            Some(t) => return Err((t, next.clone())),
        });
    }
    Ok(best.unwrap_or(DataType::Text))
}

/// The type of which both are forms with different modifiers.
fn without_modifiers(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        (DataType::Numeric(_), _) => DataType::Numeric(None),
        (DataType::Varchar(_), _) => DataType::Varchar(None),
        (DataType::Char(n), DataType::Char(m)) => DataType::Char(*n.max(m)),
        (DataType::List(a), DataType::List(b)) => {
            DataType::List(Box::new(if a == b { (**a).clone() } else { without_modifiers(a, b) }))
        }
        _ => a.clone(),
    }
}

/// The type in which two values are compared, if they can be: numbers in the wider one, a float and
/// another number in DOUBLE PRECISION.
pub(crate) fn comparison_type(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    let common = match (a, b) {
        (T::Unknown, T::Unknown) => T::Text,
        (T::Unknown, t) | (t, T::Unknown) => t.clone(),
        (a, b) if a.is_text() && b.is_text() => T::Text,
        (a, b) if a == b => a.clone(),
        (a, b) if a.is_numeric() && b.is_numeric() => number_type(a, b),
        (T::List(a), T::List(b)) => T::List(Box::new(comparison_type(a, b)?)),
        (a, b) => common_type([a, b]).ok()?,
    };
    Some(match common {
        T::Char(_) | T::Varchar(_) => T::Text,
        t => t,
    })
}

/// The type in which two numbers of different types meet in an operator.
pub(crate) fn number_type(a: &DataType, b: &DataType) -> DataType {
    let wide = if number_rank(a) >= number_rank(b) { a } else { b };
    match wide {
        DataType::Float4 if !same_base(a, b) => DataType::Float8,
        DataType::Numeric(_) => DataType::Numeric(None),
        t => t.clone(),
    }
}

/// A NULL of a type.
pub(crate) fn null_of(ty: DataType) -> Expr {
    Expr { kind: ExprKind::Literal(Value::Null), ty, nullable: true, span: None }
}

/// A cast without any check of its legality.
pub(crate) fn cast(expr: Expr, to: DataType) -> Expr {
    if expr.ty == to {
        return expr;
    }
    // A value does not know that its blanks are padding: casts of CHAR(n) are for the kernels.
    if let ExprKind::Literal(value) = &expr.kind
        && !matches!(expr.ty, DataType::Char(_))
        && let Ok(value) = value.cast(&to)
    {
        let nullable = value.is_null();
        return Expr { kind: ExprKind::Literal(value), ty: to, nullable, span: expr.span };
    }
    let (nullable, span) = (expr.nullable, expr.span);
    Expr { kind: ExprKind::Cast { input: Box::new(expr), try_: false }, ty: to, nullable, span }
}

impl Binder<'_> {
    /// The expression as a `to`, if the context allows it; an untyped literal or parameter becomes
    /// one.
    pub(crate) fn coerce(
        &mut self,
        expr: Expr,
        to: &DataType,
        context: CastContext,
    ) -> Result<Expr, PlanError> {
        if expr.ty == *to {
            return Ok(expr);
        }
        if expr.ty == DataType::Unknown {
            return self.type_literal(expr, to, context);
        }
        let allowed = cast_context(&expr.ty, to).filter(|least| *least <= context);
        if allowed.is_none() {
            let message = format!("cannot cast type {} to {to}", expr.ty);
            return Err(PlanError::of(SqlState::CANNOT_COERCE, message).at(expr.span));
        }
        if context != CastContext::Explicit && is_relabel(&expr.ty, to) {
            return Ok(expr);
        }
        Ok(cast(expr, to.clone()))
    }

    /// Gives an untyped literal or parameter a type.
    fn type_literal(
        &mut self,
        expr: Expr,
        to: &DataType,
        context: CastContext,
    ) -> Result<Expr, PlanError> {
        let span = expr.span;
        match expr.kind {
            ExprKind::Literal(Value::Null) => Ok(Expr { span, ..null_of(to.clone()) }),
            ExprKind::Literal(Value::Text(text)) => {
                // An explicit cast cuts a text that is too long; storing it is an error.
                let cuts = context == CastContext::Explicit && to.is_text();
                let value = match cuts {
                    true => Value::Text(text).cast(to),
                    false => Value::parse(&text, to),
                };
                let value = value.map_err(|e| PlanError::from(e).at(span))?;
                let nullable = value.is_null();
                Ok(Expr { kind: ExprKind::Literal(value), ty: to.clone(), nullable, span })
            }
            ExprKind::Param(n) => {
                let ty = self.type_parameter(n, to);
                let param = Expr { kind: ExprKind::Param(n), ty, nullable: true, span };
                self.coerce(param, to, context)
            }
            _ => Ok(cast(Expr { ty: DataType::Text, ..expr }, to.clone())),
        }
    }

    /// The same, without asking for more than what happens by itself; the error is the caller's.
    pub(crate) fn implicit(&mut self, expr: Expr, to: &DataType) -> Result<Expr, PlanError> {
        self.coerce(expr, to, CastContext::Implicit)
    }

    /// All expressions in their common type; `what` names the construct (`CASE`, `UNION`).
    pub(crate) fn unify(&mut self, exprs: Vec<Expr>, what: &str) -> Result<Vec<Expr>, PlanError> {
        let common = common_type(exprs.iter().map(|e| &e.ty)).map_err(|(a, b)| {
            let culprit = exprs.iter().find(|e| e.ty == b).and_then(|e| e.span);
            types_do_not_match(what, &a, &b).at(culprit)
        })?;
        exprs.into_iter().map(|e| self.implicit(e, &common)).collect()
    }
}

/// The error of arms without a common type.
pub(crate) fn types_do_not_match(what: &str, a: &DataType, b: &DataType) -> PlanError {
    let (a, b) = (type_name(a), type_name(b));
    let message = format!("{what} types {a} and {b} cannot be matched");
    PlanError::of(SqlState::DATATYPE_MISMATCH, message)
}

/// A type's name without modifiers, as error messages write it.
pub(crate) fn type_name(ty: &DataType) -> String {
    match ty {
        DataType::Numeric(_) => "numeric".into(),
        DataType::Varchar(_) => "character varying".into(),
        DataType::Char(_) => "character".into(),
        DataType::List(t) => format!("{}[]", type_name(t)),
        DataType::Struct(_) => "record".into(),
        t => t.to_string(),
    }
}

/// Whether a value needs no conversion to be seen as the other type.
fn is_relabel(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Numeric(_), DataType::Numeric(None))
        | (DataType::Varchar(_) | DataType::Text, DataType::Text | DataType::Varchar(None)) => true,
        (DataType::List(a), DataType::List(b)) => a == b || is_relabel(a, b),
        _ => false,
    }
}
