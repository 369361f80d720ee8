//! Expressions over one row.
//!
//! Invariant: three-valued logic exactly as the standard has it; nothing is evaluated that SQL says
//! is not.

use std::cmp::Ordering;

use arena_tr_planner::logical::{Expr, ExprKind};
use arena_tr_types::{Func, SqlError, SqlState, Value};

use super::{beyond, same_value};

/// The value of an expression for a row.
///
/// # Errors
/// What the expression gives as an error, or that a function is beyond the oracle.
pub fn eval(expr: &Expr, row: &[Value]) -> Result<Value, SqlError> {
    match &expr.kind {
        ExprKind::Column(i) => Ok(row[*i].clone()),
        ExprKind::Literal(value) => Ok(value.clone()),
        ExprKind::And(arms) => connective(arms, row, false),
        ExprKind::Or(arms) => connective(arms, row, true),
        ExprKind::Not(inner) => Ok(match eval(inner, row)? {
            Value::Bool(b) => Value::Bool(!b),
            _ => Value::Null,
        }),
        ExprKind::IsNull(inner) => Ok(Value::Bool(eval(inner, row)?.is_null())),
        ExprKind::Case { branches, otherwise } => {
            for (when, then) in branches {
                if eval(when, row)? == Value::Bool(true) {
                    return eval(then, row);
                }
            }
            otherwise.as_ref().map_or(Ok(Value::Null), |e| eval(e, row))
        }
        ExprKind::Coalesce(args) => {
            for arg in args {
                let value = eval(arg, row)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Ok(Value::Null)
        }
        ExprKind::Cast { input, try_ } => {
            let value = eval(input, row)?;
            if value.is_null() {
                return Ok(value);
            }
            match value.cast(&expr.ty) {
                Err(_) if *try_ => Ok(Value::Null),
                other => other,
            }
        }
        ExprKind::InList { input, list } => in_list(&eval(input, row)?, list, row),
        ExprKind::Call { func, args } => {
            let args: Result<Vec<Value>, SqlError> = args.iter().map(|a| eval(a, row)).collect();
            call(*func, &args?)
        }
        ExprKind::Now | ExprKind::Param(_) => Err(beyond("now() or a parameter")),
    }
}

/// AND is decided by the first false, OR by the first true; NULL stays if nothing decides.
fn connective(arms: &[Expr], row: &[Value], deciding: bool) -> Result<Value, SqlError> {
    let mut unknown = false;
    for arm in arms {
        match eval(arm, row)? {
            Value::Bool(b) if b == deciding => return Ok(Value::Bool(deciding)),
            Value::Null => unknown = true,
            _ => {}
        }
    }
    Ok(if unknown { Value::Null } else { Value::Bool(!deciding) })
}

fn in_list(value: &Value, list: &[Expr], row: &[Value]) -> Result<Value, SqlError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let mut unknown = false;
    for item in list {
        let item = eval(item, row)?;
        if item.is_null() {
            unknown = true;
        } else if value.cmp_sql(&item) == Ordering::Equal {
            return Ok(Value::Bool(true));
        }
    }
    Ok(if unknown { Value::Null } else { Value::Bool(false) })
}

fn call(func: Func, args: &[Value]) -> Result<Value, SqlError> {
    match func {
        Func::IsDistinct => return Ok(Value::Bool(!same_value(&args[0], &args[1]))),
        Func::IsNotDistinct => return Ok(Value::Bool(same_value(&args[0], &args[1]))),
        _ => {}
    }
    if args.iter().any(Value::is_null) {
        return Ok(Value::Null);
    }
    match func {
        Func::Eq => compare(args, Ordering::is_eq),
        Func::NotEq => compare(args, Ordering::is_ne),
        Func::Lt => compare(args, Ordering::is_lt),
        Func::LtEq => compare(args, Ordering::is_le),
        Func::Gt => compare(args, Ordering::is_gt),
        Func::GtEq => compare(args, Ordering::is_ge),
        Func::Add | Func::Sub | Func::Mul | Func::Div | Func::Mod => {
            arithmetic(func, &args[0], &args[1])
        }
        Func::Neg => arithmetic(Func::Sub, &zero_like(&args[0])?, &args[0]),
        _ => text(func, args),
    }
}

fn compare(args: &[Value], test: impl Fn(Ordering) -> bool) -> Result<Value, SqlError> {
    Ok(Value::Bool(test(args[0].cmp_sql(&args[1]))))
}

fn zero_like(value: &Value) -> Result<Value, SqlError> {
    Ok(match value {
        Value::Int2(_) => Value::Int2(0),
        Value::Int4(_) => Value::Int4(0),
        Value::Int8(_) => Value::Int8(0),
        Value::Float8(_) => Value::Float8(-0.0),
        Value::Numeric(_) => Value::Numeric(arena_tr_types::Decimal::new(0, 0)),
        _ => return Err(beyond("negation of this type")),
    })
}

fn arithmetic(func: Func, a: &Value, b: &Value) -> Result<Value, SqlError> {
    match (a, b) {
        (Value::Int2(a), Value::Int2(b)) => {
            let wide = integer(func, i128::from(*a), i128::from(*b))?;
            i16::try_from(wide).map(Value::Int2).map_err(|_| out_of_range("smallint"))
        }
        (Value::Int4(a), Value::Int4(b)) => {
            let wide = integer(func, i128::from(*a), i128::from(*b))?;
            i32::try_from(wide).map(Value::Int4).map_err(|_| out_of_range("integer"))
        }
        (Value::Int8(a), Value::Int8(b)) => {
            let wide = integer(func, i128::from(*a), i128::from(*b))?;
            i64::try_from(wide).map(Value::Int8).map_err(|_| out_of_range("bigint"))
        }
        (Value::Float8(a), Value::Float8(b)) => match func {
            Func::Add => Ok(Value::Float8(a + b)),
            Func::Sub => Ok(Value::Float8(a - b)),
            Func::Mul => Ok(Value::Float8(a * b)),
            Func::Div if *b == 0.0 => Err(by_zero()),
            Func::Div => Ok(Value::Float8(a / b)),
            _ => Err(beyond("this operator on floats")),
        },
        (Value::Numeric(a), Value::Numeric(b)) => {
            let result = match func {
                Func::Add => a.checked_add(*b),
                Func::Sub => a.checked_sub(*b),
                Func::Mul => a.checked_mul(*b),
                Func::Div => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            Ok(Value::Numeric(result?))
        }
        _ => Err(beyond("arithmetic on these types")),
    }
}

fn integer(func: Func, a: i128, b: i128) -> Result<i128, SqlError> {
    match func {
        Func::Add => Ok(a + b),
        Func::Sub => Ok(a - b),
        Func::Mul => Ok(a * b),
        _ if b == 0 => Err(by_zero()),
        Func::Div => Ok(a / b),
        _ => Ok(a % b),
    }
}

fn by_zero() -> SqlError {
    SqlError::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, format!("{what} out of range"))
}

fn text(func: Func, args: &[Value]) -> Result<Value, SqlError> {
    let word = |v: &Value| match v {
        Value::Text(text) => Ok(text.to_string()),
        _ => Err(beyond("a text function of another type")),
    };
    let name = format!("{func:?}");
    Ok(match (name.as_str(), args) {
        ("Concat", [a, b]) => Value::Text((word(a)? + &word(b)?).into()),
        ("Lower", [a]) => Value::Text(word(a)?.to_lowercase().into()),
        ("Upper", [a]) => Value::Text(word(a)?.to_uppercase().into()),
        ("Length" | "CharLength", [a]) => Value::Int4(word(a)?.chars().count() as i32),
        ("Like", [a, pattern]) => Value::Bool(like(&word(a)?, &word(pattern)?)),
        _ => return Err(beyond(&format!("function {name}"))),
    })
}

/// LIKE by trying every way: `%` any run, `_` any character, `\` quotes.
fn like(text: &str, pattern: &str) -> bool {
    let (t, p): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    fn go(t: &[char], p: &[char]) -> bool {
        match p {
            [] => t.is_empty(),
            ['%', rest @ ..] => (0..=t.len()).any(|n| go(&t[n..], rest)),
            ['_', rest @ ..] => !t.is_empty() && go(&t[1..], rest),
            ['\\', c, rest @ ..] | [c, rest @ ..] => t.first() == Some(c) && go(&t[1..], rest),
        }
    }
    go(&t, &p)
}
