//! Arithmetic and bit operations on numbers of one type.
//!
//! Integers are checked: the overflow of a row is the sign bit of a word that needs no branch to
//! compute. Floats follow PostgreSQL: a result that becomes infinite or zero without cause is an
//! error. Date and time forms of the same operators are in [`super::time_arith`].
//! Invariant: each kernel's arguments have one physical type; casts were made before.

use arena_tr_types::decimal::{Decimal, DecimalError};
use arena_tr_types::{Func, PhysicalType, SqlError, SqlState};

use super::call::Values;
use super::dense::{self, Check};
use super::divisor::Divisor;
use super::{Call, Cell, Kernel};

/// The kernel of an operator on two numbers (or one) of this physical type.
pub(super) fn resolve(func: Func, n_args: usize, physical: PhysicalType) -> Option<Kernel> {
    Some(match (n_args, physical) {
        (2, PhysicalType::I16) => int2(func)?,
        (2, PhysicalType::I32) => int4(func)?,
        (2, PhysicalType::I64) => int8(func)?,
        (2, PhysicalType::F32) => float4(func)?,
        (2, PhysicalType::F64) => float8(func)?,
        (2, PhysicalType::Decimal) => numeric(func)?,
        (1, _) => unary(func, physical)?,
        _ => return None,
    })
}

/// Shifts take their count as INTEGER whatever the type shifted.
pub(super) fn resolve_shift(func: Func, physical: PhysicalType) -> Option<Kernel> {
    let left = match func {
        Func::ShiftLeft => true,
        Func::ShiftRight => false,
        _ => return None,
    };
    // As C on x86 does in PostgreSQL: the count is taken modulo the width.
    macro_rules! shift {
        ($t:ty, $wide:ty) => {
            if left {
                Kernel::new(|call, out, _| {
                    dense::binary(call, out, |a: $t, n: i32| {
                        (a as $wide).wrapping_shl(n as u32) as $t
                    });
                })
            } else {
                Kernel::new(|call, out, _| {
                    dense::binary(call, out, |a: $t, n: i32| {
                        (a as $wide).wrapping_shr(n as u32) as $t
                    });
                })
            }
        };
    }
    Some(match physical {
        PhysicalType::I16 => shift!(i16, i32),
        PhysicalType::I32 => shift!(i32, i32),
        PhysicalType::I64 => shift!(i64, i64),
        _ => return None,
    })
}

/// A kernel from a total function of a value and a flag whose sign says that it failed.
macro_rules! checked {
    ($t:ty, $name:literal, $f:expr) => {
        Kernel::new(|call, out, errors| {
            let check = Check {
                good: 0 as $t,
                bad: |flag: $t| flag < 0,
                fail: |_: $t, _: $t| SqlError::out_of_range($name),
            };
            dense::checked_binary(call, out, errors, $f, &check);
        })
    };
}

/// A kernel from a quotient or remainder; the flag is not zero when the row failed.
macro_rules! divided {
    ($t:ty, $name:literal, $f:expr, $by_constant:ident) => {
        Kernel::new(|call, out, errors| {
            if let Some(divisor) = constant_divisor::<$t>(call) {
                return dense::unary(call, out, |a: $t| divisor.$by_constant(a.into()) as $t);
            }
            let check = Check {
                good: false,
                bad: |flag: bool| flag,
                fail: |_: $t, b: $t| {
                    if b == 0 {
                        SqlError::division_by_zero()
                    } else {
                        SqlError::out_of_range($name)
                    }
                },
            };
            dense::checked_binary(call, out, errors, $f, &check);
        })
    };
}

/// A second argument that is the same for all rows and can divide all of them.
fn constant_divisor<T: Cell + Into<i64>>(call: &Call<'_>) -> Option<Divisor> {
    let Values::Const(divisor) = call.values::<T>(1) else { return None };
    let divisor: i64 = divisor.into();
    // By -1 the least value overflows; NULL has a zero here.
    if divisor == -1 { None } else { Divisor::new(divisor) }
}

macro_rules! total {
    ($t:ty, $f:expr) => {
        Kernel::new(|call, out, _| dense::binary::<$t, $t, $t>(call, out, $f))
    };
}

macro_rules! integers {
    ($fn:ident, $t:ty, $name:literal, $mul:expr) => {
        fn $fn(func: Func) -> Option<Kernel> {
            Some(match func {
                Func::Add => checked!($t, $name, |a: $t, b: $t| {
                    let sum = a.wrapping_add(b);
                    (sum, (a ^ sum) & (b ^ sum))
                }),
                Func::Sub => checked!($t, $name, |a: $t, b: $t| {
                    let difference = a.wrapping_sub(b);
                    (difference, (a ^ b) & (a ^ difference))
                }),
                Func::Mul => checked!($t, $name, $mul),
                Func::Div => divided!(
                    $t,
                    $name,
                    |a: $t, b: $t| {
                        let bad = b == 0 || (b == -1 && a == <$t>::MIN);
                        (a.wrapping_div(if bad { 1 } else { b }), bad)
                    },
                    div
                ),
                // The remainder of the least value by -1 is zero, not an overflow.
                Func::Mod => divided!(
                    $t,
                    $name,
                    |a: $t, b: $t| { (a.wrapping_rem(if b == 0 { 1 } else { b }), b == 0) },
                    rem
                ),
                Func::BitAnd => total!($t, |a, b| a & b),
                Func::BitOr => total!($t, |a, b| a | b),
                Func::BitXor => total!($t, |a, b| a ^ b),
                _ => return None,
            })
        }
    };
}

integers!(int2, i16, "smallint", |a: i16, b: i16| {
    let wide = i32::from(a) * i32::from(b);
    let narrow = wide as i16;
    (narrow, if i32::from(narrow) == wide { 0 } else { -1 })
});
integers!(int4, i32, "integer", |a: i32, b: i32| {
    let wide = i64::from(a) * i64::from(b);
    let narrow = wide as i32;
    (narrow, if i64::from(narrow) == wide { 0 } else { -1 })
});
integers!(int8, i64, "bigint", |a: i64, b: i64| {
    let (product, overflow) = a.overflowing_mul(b);
    (product, -i64::from(overflow))
});

/// `value out of range: overflow`, as for all floats.
#[cold]
pub(super) fn float_overflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "value out of range: overflow")
}

/// `value out of range: underflow`.
#[cold]
pub(super) fn float_underflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "value out of range: underflow")
}

macro_rules! floats {
    ($fn:ident, $t:ty, $bits:ty) => {
        fn $fn(func: Func) -> Option<Kernel> {
            const INF: $t = <$t>::INFINITY;
            /// The result became infinite although the operands are finite.
            #[inline]
            fn overflowed(result: $t, a: $t, b: $t) -> bool {
                (result.abs() == INF) & (a.abs() != INF) & (b.abs() != INF)
            }
            macro_rules! kernel {
                ($f:expr, $fail:expr) => {
                    Kernel::new(|call, out, errors| {
                        let check = Check { good: 0, bad: |flag: $bits| flag != 0, fail: $fail };
                        dense::checked_binary(call, out, errors, $f, &check);
                    })
                };
            }
            Some(match func {
                Func::Add => kernel!(
                    |a: $t, b: $t| (a + b, <$bits>::from(overflowed(a + b, a, b))),
                    |_: $t, _: $t| float_overflow()
                ),
                Func::Sub => kernel!(
                    |a: $t, b: $t| (a - b, <$bits>::from(overflowed(a - b, a, b))),
                    |_: $t, _: $t| float_overflow()
                ),
                Func::Mul => kernel!(
                    |a: $t, b: $t| {
                        let product = a * b;
                        let vanished = (product == 0.0) & (a != 0.0) & (b != 0.0);
                        (product, <$bits>::from(overflowed(product, a, b) | vanished))
                    },
                    |a: $t, b: $t| if a * b == 0.0 { float_underflow() } else { float_overflow() }
                ),
                Func::Div => kernel!(
                    |a: $t, b: $t| {
                        let quotient = a / b;
                        let zero = (b == 0.0) & !a.is_nan();
                        let vanished = (quotient == 0.0) & (a != 0.0) & (b.abs() != INF);
                        let bad = zero | overflowed(quotient, a, b) | vanished;
                        (quotient, <$bits>::from(bad))
                    },
                    |a: $t, b: $t| {
                        if b == 0.0 {
                            SqlError::division_by_zero()
                        } else if a / b == 0.0 {
                            float_underflow()
                        } else {
                            float_overflow()
                        }
                    }
                ),
                _ => return None,
            })
        }
    };
}

floats!(float4, f32, u32);
floats!(float8, f64, u64);

fn numeric(func: Func) -> Option<Kernel> {
    macro_rules! kernel {
        ($method:ident) => {
            Kernel::new(|call, out, errors| {
                dense::sparse_binary::<Decimal, Decimal, Decimal, DecimalError>(
                    call,
                    out,
                    errors,
                    Decimal::$method,
                );
            })
        };
    }
    Some(match func {
        Func::Add => kernel!(checked_add),
        Func::Sub => kernel!(checked_sub),
        Func::Mul => kernel!(checked_mul),
        Func::Div => kernel!(checked_div),
        Func::Mod => kernel!(checked_rem),
        Func::DivTrunc => kernel!(checked_div_trunc),
        _ => return None,
    })
}

fn unary(func: Func, physical: PhysicalType) -> Option<Kernel> {
    macro_rules! integer {
        ($t:ty, $name:literal) => {{
            macro_rules! kernel {
                ($f:expr) => {
                    Kernel::new(|call, out, errors| {
                        let check = Check {
                            good: false,
                            bad: |flag: bool| flag,
                            fail: |_: $t| SqlError::out_of_range($name),
                        };
                        dense::checked_unary(call, out, errors, $f, &check);
                    })
                };
            }
            match func {
                Func::Neg => kernel!(|a: $t| (a.wrapping_neg(), a == <$t>::MIN)),
                Func::Abs => kernel!(|a: $t| (a.wrapping_abs(), a == <$t>::MIN)),
                Func::BitNot => Kernel::new(|call, out, _| dense::unary(call, out, |a: $t| !a)),
                _ => return None,
            }
        }};
    }
    macro_rules! total {
        ($t:ty, $neg:expr, $abs:expr) => {
            match func {
                Func::Neg => Kernel::new(|call, out, _| dense::unary::<$t, $t>(call, out, $neg)),
                Func::Abs => Kernel::new(|call, out, _| dense::unary::<$t, $t>(call, out, $abs)),
                _ => return None,
            }
        };
    }
    Some(match physical {
        PhysicalType::I16 => integer!(i16, "smallint"),
        PhysicalType::I32 => integer!(i32, "integer"),
        PhysicalType::I64 => integer!(i64, "bigint"),
        PhysicalType::F32 => total!(f32, |a| -a, f32::abs),
        PhysicalType::F64 => total!(f64, |a| -a, f64::abs),
        PhysicalType::Decimal => total!(Decimal, Decimal::negate, Decimal::abs),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
