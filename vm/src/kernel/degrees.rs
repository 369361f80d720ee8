//! Trigonometric functions in degrees, exact where a person expects it: sind(30) is one half.
//!
//! Each quadrant is scaled by the function's own value at 30, 45 or 60 degrees, so that rounding
//! errors of the conversion to radians cancel there, as PostgreSQL does.
//! Invariant: multiples of 30 and 45 degrees give exact results.

use std::f64::consts::PI;

use arena_tr_types::Func;

use super::math::input_out_of_range;
use super::{Kernel, dense};

pub(super) fn resolve(func: Func) -> Option<Kernel> {
    let angle = |f: fn(f64) -> f64| {
        Kernel::new(move |call, out, errors| {
            dense::sparse_unary(call, out, errors, |a: f64| {
                if a.is_infinite() { Err(input_out_of_range()) } else { Ok(f(a)) }
            });
        })
    };
    let ratio = |f: fn(f64) -> f64| {
        Kernel::new(move |call, out, errors| {
            dense::sparse_unary(call, out, errors, |a: f64| {
                if a.abs() > 1.0 { Err(input_out_of_range()) } else { Ok(f(a)) }
            });
        })
    };
    Some(match func {
        Func::Sind => angle(sind),
        Func::Cosd => angle(cosd),
        Func::Tand => angle(tand),
        Func::Cotd => angle(cotd),
        Func::Asind => ratio(asind),
        Func::Acosd => ratio(acosd),
        Func::Atand => Kernel::new(|call, out, _| dense::unary(call, out, atand)),
        Func::Atan2d => Kernel::new(|call, out, _| {
            dense::binary(call, out, |y: f64, x: f64| y.atan2(x) / 1.0_f64.atan() * 45.0);
        }),
        _ => return None,
    })
}

fn radians(degrees: f64) -> f64 {
    degrees * (PI / 180.0)
}

/// Sine of 0 to 30 degrees.
fn sin_to_30(x: f64) -> f64 {
    radians(x).sin() / radians(30.0).sin() / 2.0
}

/// Cosine of 0 to 60 degrees.
fn cos_to_60(x: f64) -> f64 {
    1.0 - (1.0 - radians(x).cos()) / (1.0 - radians(60.0).cos()) / 2.0
}

/// Sine in the first quadrant.
fn sin_quadrant(x: f64) -> f64 {
    if x <= 30.0 { sin_to_30(x) } else { cos_to_60(90.0 - x) }
}

/// Cosine in the first quadrant.
fn cos_quadrant(x: f64) -> f64 {
    if x <= 60.0 { cos_to_60(x) } else { sin_to_30(90.0 - x) }
}

fn sind(x: f64) -> f64 {
    let (mut x, mut sign) = (x % 360.0, 1.0);
    if x < 0.0 {
        (x, sign) = (-x, -sign);
    }
    if x > 180.0 {
        (x, sign) = (360.0 - x, -sign);
    }
    if x > 90.0 {
        x = 180.0 - x;
    }
    sign * sin_quadrant(x)
}

fn cosd(x: f64) -> f64 {
    let (mut x, mut sign) = ((x % 360.0).abs(), 1.0);
    if x > 180.0 {
        x = 360.0 - x;
    }
    if x > 90.0 {
        (x, sign) = (180.0 - x, -sign);
    }
    sign * cos_quadrant(x)
}

/// The angle folded to the first quadrant, and the sign of its tangent.
fn fold_tangent(x: f64) -> (f64, f64) {
    let (mut x, mut sign) = (x % 360.0, 1.0);
    if x < 0.0 {
        (x, sign) = (-x, -sign);
    }
    if x > 180.0 {
        (x, sign) = (360.0 - x, -sign);
    }
    if x > 90.0 {
        (x, sign) = (180.0 - x, -sign);
    }
    (x, sign)
}

fn tand(x: f64) -> f64 {
    let (x, sign) = fold_tangent(x);
    let at_45 = sin_quadrant(45.0) / cos_quadrant(45.0);
    // Zero has no sign here.
    sign * (sin_quadrant(x) / cos_quadrant(x) / at_45) + 0.0
}

fn cotd(x: f64) -> f64 {
    let (x, sign) = fold_tangent(x);
    let at_45 = cos_quadrant(45.0) / sin_quadrant(45.0);
    sign * (cos_quadrant(x) / sin_quadrant(x) / at_45) + 0.0
}

/// Inverse sine of 0 to 1.
fn asin_quadrant(x: f64) -> f64 {
    if x <= 0.5 {
        x.asin() / 0.5_f64.asin() * 30.0
    } else {
        90.0 - x.acos() / 0.5_f64.acos() * 60.0
    }
}

/// Inverse cosine of 0 to 1.
fn acos_quadrant(x: f64) -> f64 {
    if x <= 0.5 {
        90.0 - x.asin() / 0.5_f64.asin() * 30.0
    } else {
        x.acos() / 0.5_f64.acos() * 60.0
    }
}

fn asind(x: f64) -> f64 {
    if x >= 0.0 { asin_quadrant(x) } else { -asin_quadrant(-x) }
}

fn acosd(x: f64) -> f64 {
    if x >= 0.0 { acos_quadrant(x) } else { 90.0 + asin_quadrant(-x) }
}

fn atand(x: f64) -> f64 {
    x.atan() / 1.0_f64.atan() * 45.0
}
