//! Mathematical functions of floats, integers and NUMERIC.
//!
//! Rounding functions of floats are plain loops; the rest is called per row, since the function
//! costs more than the call. Domain errors have PostgreSQL's texts.
//! Invariant: a finite argument never gives an infinity silently, except where PostgreSQL does
//! (cot(0), atanh(1)).

use arena_tr_types::decimal::{Decimal, DecimalError};
use arena_tr_types::{DataType, Func, SqlError, SqlState};

use super::arith::{float_overflow, float_underflow};
use super::row::{Row, fixed};
use super::{Kernel, bucket, degrees, dense, numeric_math};

/// The kernel of a mathematical function.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    let numeric = matches!(args.first(), Some(DataType::Numeric(_)));
    if let Some(kernel) = bucket::resolve(func, args) {
        return Some(kernel);
    }
    if numeric {
        decimals(func, args.len())
    } else {
        floats(func, args).or_else(|| integers(func, args))
    }
}

fn decimals(func: Func, n_args: usize) -> Option<Kernel> {
    /// A kernel from a function that may fail with a [`DecimalError`].
    fn unary(f: fn(Decimal) -> Result<Decimal, DecimalError>) -> Kernel {
        Kernel::new(move |call, out, errors| dense::sparse_unary(call, out, errors, f))
    }
    fn binary(f: fn(Decimal, Decimal) -> Result<Decimal, DecimalError>) -> Kernel {
        Kernel::new(move |call, out, errors| dense::sparse_binary(call, out, errors, f))
    }
    Some(match func {
        Func::Abs => unary(|a| Ok(a.abs())),
        Func::Sign => {
            unary(|a| Ok(if a.is_nan() { a } else { Decimal::from_i64(a.signum().into()) }))
        }
        Func::Ceil => unary(Decimal::ceil),
        Func::Floor => unary(Decimal::floor),
        Func::Round if n_args == 1 => unary(|a| a.round(0)),
        Func::Round => fixed(|r| Ok(r.decimal(0).round(r.i32(1))?)),
        Func::Trunc if n_args == 1 => unary(|a| a.trunc(0)),
        Func::Trunc => fixed(|r| Ok(r.decimal(0).trunc(r.i32(1))?)),
        Func::Sqrt => unary(Decimal::sqrt),
        Func::Exp => unary(numeric_math::exp),
        Func::Ln => unary(numeric_math::natural_log),
        Func::Log10 => unary(numeric_math::log10),
        Func::Log => binary(numeric_math::log),
        Func::Pow => binary(numeric_math::power),
        Func::DivTrunc => binary(Decimal::checked_div_trunc),
        Func::Mod => binary(Decimal::checked_rem),
        Func::Gcd => binary(decimal_gcd),
        Func::Lcm => binary(decimal_lcm),
        Func::Scale => super::row::fixed_opt(|r| {
            let a = r.decimal(0);
            Ok(a.is_finite().then_some(a.scale() as i32))
        }),
        Func::MinScale => super::row::fixed_opt(|r| {
            let a = r.decimal(0);
            Ok(a.is_finite().then(|| a.normalize().scale() as i32))
        }),
        Func::TrimScale => unary(|a| Ok(if a.is_finite() { a.normalize() } else { a })),
        _ => return None,
    })
}

fn decimal_gcd(a: Decimal, b: Decimal) -> Result<Decimal, DecimalError> {
    if !a.is_finite() || !b.is_finite() {
        return Ok(Decimal::NAN);
    }
    let scale = a.scale().max(b.scale());
    let (mut a, mut b) = (a.abs(), b.abs());
    while !b.is_zero() {
        (a, b) = (b, a.checked_rem(b)?);
    }
    a.round(scale as i32)
}

fn decimal_lcm(a: Decimal, b: Decimal) -> Result<Decimal, DecimalError> {
    if !a.is_finite() || !b.is_finite() {
        return Ok(Decimal::NAN);
    }
    let scale = a.scale().max(b.scale());
    if a.is_zero() || b.is_zero() {
        return Decimal::try_new(0, scale);
    }
    let parts = a.checked_div_trunc(decimal_gcd(a, b)?)?;
    parts.checked_mul(b)?.abs().round(scale as i32)
}

fn integers(func: Func, args: &[DataType]) -> Option<Kernel> {
    let small = *args.first()? == DataType::Int4;
    let type_name = if small { "integer" } else { "bigint" };
    let narrow = move |value: Option<i64>| {
        value
            .filter(|v| !small || i32::try_from(*v).is_ok())
            .ok_or_else(|| SqlError::out_of_range(type_name))
    };
    Some(match func {
        Func::Gcd | Func::Lcm => {
            let both = move |r: Row<'_>| {
                let (a, b) =
                    if small { (r.i32(0).into(), r.i32(1).into()) } else { (r.i64(0), r.i64(1)) };
                narrow(if func == Func::Gcd { gcd(a, b) } else { lcm(a, b) })
            };
            if small { fixed(move |r| Ok(both(r)? as i32)) } else { fixed(both) }
        }
        Func::Factorial => fixed(|r| factorial(r.i64(0))),
        _ => return None,
    })
}

fn gcd(a: i64, b: i64) -> Option<i64> {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i64::try_from(a).ok()
}

fn lcm(a: i64, b: i64) -> Option<i64> {
    if a == 0 || b == 0 {
        return Some(0);
    }
    let divisor = i128::from(gcd(a, b)?);
    i64::try_from((i128::from(a) / divisor * i128::from(b)).abs()).ok()
}

fn factorial(n: i64) -> Result<Decimal, SqlError> {
    if n < 0 {
        return Err(SqlError::new(
            SqlState::NUMERIC_OUT_OF_RANGE,
            "factorial of a negative number is undefined",
        ));
    }
    let mut product = Decimal::ONE;
    for i in 2..=n {
        product = product.checked_mul(Decimal::from_i64(i))?;
    }
    Ok(product)
}

/// An argument outside the domain of a trigonometric function.
pub(super) fn input_out_of_range() -> SqlError {
    SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "input is out of range")
}

fn out_of_domain(error: DecimalError) -> SqlError {
    SqlError::from(error)
}

/// A kernel of one double.
fn double(f: impl Fn(f64) -> Result<f64, SqlError> + Send + Sync + 'static) -> Kernel {
    Kernel::new(move |call, out, errors| dense::sparse_unary(call, out, errors, &f))
}

/// A kernel of one double that cannot fail, in a dense loop.
fn total(f: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Kernel {
    Kernel::new(move |call, out, _| dense::unary(call, out, &f))
}

/// Infinities are no angles.
fn angle(f: fn(f64) -> f64) -> Kernel {
    double(move |a| if a.is_infinite() { Err(input_out_of_range()) } else { Ok(f(a)) })
}

fn floats(func: Func, args: &[DataType]) -> Option<Kernel> {
    if *args.first()? != DataType::Float8 {
        return None;
    }
    basic(func)
        .or_else(|| powers(func))
        .or_else(|| trigonometric(func))
        .or_else(|| degrees::resolve(func))
}

fn basic(func: Func) -> Option<Kernel> {
    Some(match func {
        Func::Sign => total(|a| {
            if a > 0.0 {
                1.0
            } else if a < 0.0 {
                -1.0
            } else {
                // Of NaN too, as in PostgreSQL.
                0.0
            }
        }),
        Func::Ceil => total(f64::ceil),
        Func::Floor => total(f64::floor),
        Func::Round => total(f64::round_ties_even),
        Func::Trunc => total(f64::trunc),
        Func::Cbrt => total(f64::cbrt),
        Func::Degrees => double(|a| checked(a, a / (std::f64::consts::PI / 180.0))),
        Func::Radians => double(|a| checked(a, a * (std::f64::consts::PI / 180.0))),
        _ => return None,
    })
}

/// The result unless a finite argument made it infinite.
fn checked(a: f64, result: f64) -> Result<f64, SqlError> {
    if result.is_infinite() && a.is_finite() { Err(float_overflow()) } else { Ok(result) }
}

fn powers(func: Func) -> Option<Kernel> {
    /// Logarithms share their domain.
    fn log(f: fn(f64) -> f64) -> Kernel {
        double(move |a| match a {
            0.0 => Err(out_of_domain(DecimalError::LogOfZero)),
            _ if a < 0.0 => Err(out_of_domain(DecimalError::LogOfNegative)),
            _ => Ok(f(a)),
        })
    }
    Some(match func {
        Func::Sqrt => double(|a| {
            if a < 0.0 { Err(out_of_domain(DecimalError::NegativeRoot)) } else { Ok(a.sqrt()) }
        }),
        Func::Exp => double(|a| {
            let result = a.exp();
            match result {
                0.0 if a.is_finite() => Err(float_underflow()),
                _ => checked(a, result),
            }
        }),
        Func::Ln => log(f64::ln),
        Func::Log10 => log(f64::log10),
        Func::Pow => Kernel::new(|call, out, errors| {
            dense::sparse_binary(call, out, errors, power);
        }),
        _ => return None,
    })
}

fn power(a: f64, b: f64) -> Result<f64, SqlError> {
    // NaN to the zeroth power and one to any power are one; else NaN stays.
    if a == 0.0 && b < 0.0 {
        return Err(out_of_domain(DecimalError::ZeroToNegative));
    }
    if a < 0.0 && b.is_finite() && b.fract() != 0.0 {
        return Err(out_of_domain(DecimalError::NegativeToFraction));
    }
    let result = a.powf(b);
    let finite = a.is_finite() && b.is_finite();
    match result {
        _ if finite && result.is_infinite() => Err(float_overflow()),
        0.0 if finite && a != 0.0 => Err(float_underflow()),
        _ => Ok(result),
    }
}

fn trigonometric(func: Func) -> Option<Kernel> {
    let in_unit = |f: fn(f64) -> f64| {
        double(move |a| if a.abs() > 1.0 { Err(input_out_of_range()) } else { Ok(f(a)) })
    };
    Some(match func {
        Func::Sin => angle(f64::sin),
        Func::Cos => angle(f64::cos),
        Func::Tan => angle(f64::tan),
        Func::Cot => angle(|a| 1.0 / a.tan()),
        Func::Asin => in_unit(f64::asin),
        Func::Acos => in_unit(f64::acos),
        Func::Atan => total(f64::atan),
        Func::Atan2 => Kernel::new(|call, out, _| dense::binary(call, out, f64::atan2)),
        // Too large gives infinity, as in C.
        Func::Sinh => total(f64::sinh),
        Func::Cosh => total(f64::cosh),
        Func::Tanh => total(f64::tanh),
        Func::Asinh => total(f64::asinh),
        Func::Acosh => double(|a| if a < 1.0 { Err(input_out_of_range()) } else { Ok(a.acosh()) }),
        Func::Atanh => in_unit(f64::atanh),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
