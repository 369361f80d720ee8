//! Constants that planning itself needs: LIMIT, OFFSET, window lengths, delays, frame offsets.
//!
//! Only what such places hold in practice is computed here: literals, parameters with a known
//! value, casts, a sign, and sums and products of intervals and integers.
//! Invariant: a constant found here equals what evaluating the expression gives.

use arena_tr_types::{DataType, Func, Interval, SqlState, Value};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::Binder;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

impl Binder<'_> {
    /// The value of a constant expression; `None`: it is not one that planning can compute.
    pub(crate) fn constant(&self, expr: &Expr) -> Result<Option<Value>, PlanError> {
        let value = match &expr.kind {
            ExprKind::Literal(value) => Some(value.clone()),
            ExprKind::Param(n) => match self.options.param_values.get(*n) {
                Some(value) => Some(value.cast(&expr.ty).map_err(PlanError::from)?),
                None => None,
            },
            ExprKind::Cast { input, try_: false } => match self.constant(input)? {
                Some(value) => Some(value.cast(&expr.ty).map_err(PlanError::from)?),
                None => None,
            },
            ExprKind::Call { func, args } => {
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    match self.constant(arg)? {
                        Some(value) => values.push(value),
                        None => return Ok(None),
                    }
                }
                arithmetic(*func, &values)
            }
            _ => None,
        };
        Ok(value)
    }

    /// The non-negative number of rows of LIMIT or OFFSET; `None` is no limit.
    pub(crate) fn row_count(&self, expr: &Expr, what: &str) -> Result<Option<u64>, PlanError> {
        let state = if what == "LIMIT" { SqlState("2201W") } else { SqlState("2201X") };
        match self.constant(expr)? {
            Some(Value::Null) => Ok(None),
            Some(Value::Int8(n)) => u64::try_from(n).map(Some).map_err(|_| {
                PlanError::of(state, format!("{what} must not be negative")).at(expr.span)
            }),
            _ => {
                let what = format!("{what} with an expression that is not constant");
                Err(PlanError::not_built(what).at(expr.span))
            }
        }
    }

    /// A length in microseconds of an interval that must be constant and without months.
    pub(crate) fn length(&self, expr: &Expr, what: &str) -> Result<i64, PlanError> {
        let error = |state, message: String| PlanError::of(state, message).at(expr.span);
        let interval = match self.constant(expr)? {
            Some(Value::Interval(interval)) => interval,
            Some(Value::Null) => {
                let message = format!("{what} must not be NULL");
                return Err(error(SqlState::INVALID_PARAMETER, message));
            }
            _ => {
                let message = format!("{what} must be a constant interval");
                return Err(error(SqlState::INVALID_PARAMETER, message));
            }
        };
        if interval.months != 0 {
            let message = format!("{what} must not contain months or years");
            return Err(error(SqlState::INVALID_PARAMETER, message)
                .with_hint("A month has no fixed length: give days."));
        }
        micros(interval)
            .ok_or_else(|| error(SqlState::DATETIME_OVERFLOW, format!("{what} is out of range")))
    }
}

/// The microseconds of an interval without months.
fn micros(interval: Interval) -> Option<i64> {
    i64::from(interval.days).checked_mul(DAY)?.checked_add(interval.micros)
}

/// Arithmetic of constants, where it is simple.
fn arithmetic(func: Func, values: &[Value]) -> Option<Value> {
    let int = |v: &Value| match v {
        Value::Int2(n) => Some(i64::from(*n)),
        Value::Int4(n) => Some(i64::from(*n)),
        Value::Int8(n) => Some(*n),
        _ => None,
    };
    match (func, values) {
        (Func::Neg, [Value::Interval(i)]) => Some(Value::Interval(Interval {
            months: i.months.checked_neg()?,
            days: i.days.checked_neg()?,
            micros: i.micros.checked_neg()?,
        })),
        (Func::Add, [Value::Interval(a), Value::Interval(b)]) => Some(Value::Interval(Interval {
            months: a.months.checked_add(b.months)?,
            days: a.days.checked_add(b.days)?,
            micros: a.micros.checked_add(b.micros)?,
        })),
        (
            Func::Mul,
            [Value::Interval(i), Value::Float8(f)] | [Value::Float8(f), Value::Interval(i)],
        ) if f.fract() == 0.0 && f.abs() < 1e9 => {
            let n = *f as i64;
            Some(Value::Interval(Interval {
                months: i32::try_from(i64::from(i.months).checked_mul(n)?).ok()?,
                days: i32::try_from(i64::from(i.days).checked_mul(n)?).ok()?,
                micros: i.micros.checked_mul(n)?,
            }))
        }
        (Func::Neg, [v]) => same_width(v, int(v)?.checked_neg()?),
        (_, [a, b]) => {
            let (x, y) = (int(a)?, int(b)?);
            let n = match func {
                Func::Add => x.checked_add(y)?,
                Func::Sub => x.checked_sub(y)?,
                Func::Mul => x.checked_mul(y)?,
                _ => return None,
            };
            same_width(a, n)
        }
        _ => None,
    }
}

/// The integer in the width of `like`, if it fits.
fn same_width(like: &Value, n: i64) -> Option<Value> {
    let ty = match like {
        Value::Int2(_) => DataType::Int2,
        Value::Int4(_) => DataType::Int4,
        _ => DataType::Int8,
    };
    Value::Int8(n).cast(&ty).ok()
}
