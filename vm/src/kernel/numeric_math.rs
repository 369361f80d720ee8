//! ln, log, exp and power of NUMERIC, at PostgreSQL's result scales.
//!
//! PostgreSQL gives at least 16 significant digits, estimated from the size of the result; a result
//! that would have more than 38 digits in all keeps fewer after the point.
//! Invariant: infinities and NaN give what PostgreSQL gives; nothing overflows silently.

use arena_tr_types::decimal::{Class, Decimal, DecimalError, DecimalResult, SCALE_MAX};

use super::fixed_point::{Fix, Signed, exp_rounded, ln, ln_pow10};

/// PostgreSQL gives results at least so many significant digits.
const MIN_SIGNIFICANT_DIGITS: i32 = 16;
/// Digits of the largest mantissa.
const DIGITS: i32 = arena_tr_types::limits::DECIMAL_DIGITS as i32;

/// The scale of a result of about `10^weight` whose operands have these scales; not so large that
/// the digits before the point do not fit.
fn result_scale(weight: i32, scales: &[u32]) -> u32 {
    let least = scales.iter().copied().max().unwrap_or(0) as i32;
    let wanted = (MIN_SIGNIFICANT_DIGITS - weight).max(least).clamp(0, SCALE_MAX as i32);
    let fits = DIGITS - 1 - weight;
    if wanted > fits { fits.max(0) as u32 } else { wanted as u32 }
}

/// `ln` of a positive finite number as a double: for estimates.
fn approximate_ln(x: Decimal) -> f64 {
    (x.mantissa() as f64).ln() - f64::from(x.scale()) * std::f64::consts::LN_10
}

/// PostgreSQL's estimate of the decimal exponent of `ln(x)`.
fn ln_weight(x: Decimal) -> i32 {
    let near_one = x.cmp_sql(Decimal::new(9, 1)).is_ge() && x.cmp_sql(Decimal::new(11, 1)).is_le();
    if near_one {
        // ln(1 + d) is about d.
        let distance = x.checked_sub(Decimal::ONE).unwrap_or(Decimal::ZERO).abs();
        return match distance.mantissa() {
            0 => 0,
            m => m.ilog10() as i32 - distance.scale() as i32,
        };
    }
    approximate_ln(x).abs().log10() as i32
}

fn exact_ln(x: Decimal) -> Signed {
    ln(x.mantissa().unsigned_abs(), x.scale())
}

/// A fixed-point number at this scale, or at the largest smaller one that fits.
fn rounded(value: Signed, mut scale: u32) -> DecimalResult {
    loop {
        match value.magnitude.round_at(scale) {
            Some(magnitude) => {
                let mantissa = magnitude as i128;
                return Decimal::try_new(if value.negative { -mantissa } else { mantissa }, scale);
            }
            None if scale > 0 => scale -= 1,
            None => return Err(DecimalError::Overflow),
        }
    }
}

/// `e^exponent` at this scale.
fn exp_at(exponent: Signed, scale: u32) -> DecimalResult {
    // Scaling is part of the exponent, so that tiny results keep their digits.
    let scaled = exponent.plus(Signed::new(false, ln_pow10(scale)));
    let mantissa = exp_rounded(scaled).ok_or(DecimalError::Overflow)?;
    Decimal::try_new(mantissa as i128, scale)
}

fn check_log(x: Decimal) -> Result<(), DecimalError> {
    match x.signum() {
        _ if x.is_nan() => Ok(()),
        0 => Err(DecimalError::LogOfZero),
        -1 => Err(DecimalError::LogOfNegative),
        _ => Ok(()),
    }
}

/// ln(x).
pub(super) fn natural_log(x: Decimal) -> DecimalResult {
    check_log(x)?;
    if !x.is_finite() {
        return Ok(x);
    }
    rounded(exact_ln(x), result_scale(ln_weight(x), &[x.scale()]))
}

/// log(base, x).
pub(super) fn log(base: Decimal, x: Decimal) -> DecimalResult {
    if base.is_nan() || x.is_nan() {
        return Ok(Decimal::NAN);
    }
    check_log(base)?;
    check_log(x)?;
    match (base.is_finite(), x.is_finite()) {
        (true, true) => {}
        (true, false) => return Ok(Decimal::INFINITY),
        (false, true) => return Ok(Decimal::ZERO),
        (false, false) => return Ok(Decimal::NAN),
    }
    let below = exact_ln(base);
    if below.magnitude == Fix::default() {
        return Err(DecimalError::DivisionByZero);
    }
    let weight = ln_weight(x) - ln_weight(base);
    rounded(exact_ln(x).over(below), result_scale(weight, &[base.scale(), x.scale()]))
}

/// log(x), base 10.
pub(super) fn log10(x: Decimal) -> DecimalResult {
    log(Decimal::new(10, 0), x)
}

/// A finite number in fixed point.
fn fixed(x: Decimal) -> Option<Signed> {
    let magnitude = Fix::ratio(x.mantissa().unsigned_abs(), x.scale())?;
    Some(Signed::new(x.signum() < 0, magnitude))
}

/// e^x.
pub(super) fn exp(x: Decimal) -> DecimalResult {
    match x.class() {
        Class::NaN | Class::Infinity => return Ok(x),
        Class::NegInfinity => return Ok(Decimal::ZERO),
        Class::Finite => {}
    }
    let weight = x.to_f64() * std::f64::consts::LOG10_E;
    if weight > f64::from(DIGITS) + 1.0 {
        return Err(DecimalError::Overflow);
    }
    if weight < -f64::from(SCALE_MAX) {
        return Decimal::try_new(0, SCALE_MAX);
    }
    let exponent = fixed(x).ok_or(DecimalError::Overflow)?;
    exp_at(exponent, result_scale(weight as i32, &[x.scale()]))
}

/// base^exponent.
pub(super) fn power(base: Decimal, exponent: Decimal) -> DecimalResult {
    if let Some(result) = special_power(base, exponent) {
        return result;
    }
    let scales = [base.scale(), exponent.scale()];
    let whole = exponent.trunc(0)?.eq_sql(exponent);
    match (base.signum(), exponent.signum()) {
        (0, -1) => return Err(DecimalError::ZeroToNegative),
        (-1, _) if !whole => return Err(DecimalError::NegativeToFraction),
        (_, 0) => return Decimal::ONE.round(result_scale(0, &scales) as i32),
        (0, _) => return Decimal::try_new(0, result_scale(0, &scales)),
        _ => {}
    }
    if let Some(exact) = whole.then(|| exact_power(base, exponent)).flatten() {
        return at_scale_that_fits(exact, integer_scale(exact_weight(exact), &scales));
    }
    let log = exact_ln(base.abs());
    let size = approximate_ln(base.abs()) * exponent.to_f64();
    let weight = size * std::f64::consts::LOG10_E;
    let scale = if whole {
        integer_scale(weight.clamp(-2000.0, 2000.0) as i32, &scales)
    } else {
        result_scale(weight.clamp(-2000.0, 2000.0) as i32, &scales)
    };
    if weight > f64::from(DIGITS) + 1.0 {
        return Err(DecimalError::Overflow);
    }
    if weight < -f64::from(SCALE_MAX) - 2.0 {
        return Decimal::try_new(0, scale);
    }
    let product = log.times(fixed(exponent).ok_or(DecimalError::Overflow)?);
    let magnitude = exp_at(product, scale)?;
    let odd = whole && exponent.to_i128().is_some_and(|n| n % 2 != 0);
    Ok(if base.signum() < 0 && odd { magnitude.negate() } else { magnitude })
}

/// Powers with whole exponents have at least 16 digits after the point, if they fit.
fn integer_scale(weight: i32, scales: &[u32]) -> u32 {
    result_scale(0, scales).min((DIGITS - 1 - weight).max(0) as u32)
}

fn exact_weight(x: Decimal) -> i32 {
    match x.mantissa().unsigned_abs() {
        0 => 0,
        m => m.ilog10() as i32 - x.scale() as i32,
    }
}

fn at_scale_that_fits(x: Decimal, scale: u32) -> DecimalResult {
    match x.round(scale as i32) {
        Err(_) if scale > 0 => x.round(scale as i32 - 1),
        result => result,
    }
}

/// Repeated squaring while every digit fits: then ties are rounded as ties.
fn exact_power(base: Decimal, exponent: Decimal) -> Option<Decimal> {
    let mut n = u32::try_from(exponent.to_i128()?).ok()?;
    let (mut result, mut square) = (Decimal::ONE, base.normalize());
    loop {
        if n & 1 == 1 {
            result = result.checked_mul(square).ok()?;
        }
        n >>= 1;
        if n == 0 {
            return Some(result);
        }
        square = square.checked_mul(square).ok()?;
    }
}

/// Powers where an operand is NaN or infinite.
fn special_power(base: Decimal, exponent: Decimal) -> Option<DecimalResult> {
    if base.is_finite() && exponent.is_finite() {
        return None;
    }
    let is_one = base.eq_sql(Decimal::ONE);
    if (exponent.is_finite() && exponent.is_zero()) || is_one {
        return Some(Ok(Decimal::ONE));
    }
    if base.is_nan() || exponent.is_nan() {
        return Some(Ok(Decimal::NAN));
    }
    let negative_exponent = exponent.signum() < 0;
    Some(Ok(if exponent.is_finite() {
        // An infinite base.
        let whole = exponent.trunc(0).is_ok_and(|t| t.eq_sql(exponent));
        if base.signum() < 0 && !whole {
            return Some(Err(DecimalError::NegativeToFraction));
        }
        let odd = exponent.to_i128().is_some_and(|n| n % 2 != 0);
        match (negative_exponent, base.signum() < 0 && odd) {
            (true, _) => Decimal::ZERO,
            (false, true) => Decimal::NEG_INFINITY,
            (false, false) => Decimal::INFINITY,
        }
    } else if base.is_finite() && base.is_zero() {
        if negative_exponent {
            return Some(Err(DecimalError::ZeroToNegative));
        }
        Decimal::ZERO
    } else if base.is_finite() {
        match base.abs().cmp_sql(Decimal::ONE) {
            std::cmp::Ordering::Equal => Decimal::ONE,
            order if order.is_gt() == negative_exponent => Decimal::ZERO,
            _ => Decimal::INFINITY,
        }
    } else if negative_exponent {
        Decimal::ZERO
    } else {
        Decimal::INFINITY
    }))
}

#[cfg(test)]
mod tests;
