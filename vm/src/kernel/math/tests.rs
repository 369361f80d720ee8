//! PostgreSQL 15's results.

use super::super::tests_support::{args, call_text, v};
use super::*;

const F: DataType = DataType::Float8;
const N: DataType = DataType::Numeric(None);

fn of(func: Func, texts: &[&str], ty: &DataType) -> String {
    call_text(func, &args(texts, ty), ty).unwrap_or_else(|error| error.message)
}

#[test]
fn doubles() {
    for (func, texts, expected) in [
        (Func::Round, vec!["2.5"], "2"),
        (Func::Round, vec!["-0.5"], "-0"),
        (Func::Trunc, vec!["-2.7"], "-2"),
        (Func::Ceil, vec!["-0.5"], "-0"),
        (Func::Floor, vec!["-0.5"], "-1"),
        (Func::Sign, vec!["-3"], "-1"),
        (Func::Sign, vec!["0"], "0"),
        (Func::Sqrt, vec!["-1"], "cannot take square root of a negative number"),
        (Func::Sqrt, vec!["2"], "1.4142135623730951"),
        (Func::Cbrt, vec!["27"], "3"),
        (Func::Exp, vec!["710"], "value out of range: overflow"),
        (Func::Exp, vec!["-750"], "value out of range: underflow"),
        (Func::Exp, vec!["-Infinity"], "0"),
        (Func::Ln, vec!["0"], "cannot take logarithm of zero"),
        (Func::Ln, vec!["-1"], "cannot take logarithm of a negative number"),
        (Func::Log10, vec!["1000"], "3"),
        (Func::Pow, vec!["2", "10"], "1024"),
        (Func::Pow, vec!["0", "-1"], "zero raised to a negative power is undefined"),
        (
            Func::Pow,
            vec!["-8", "0.5"],
            "a negative number raised to a non-integer power yields a complex result",
        ),
        (Func::Pow, vec!["10", "400"], "value out of range: overflow"),
        (Func::Pow, vec!["NaN", "0"], "1"),
        (Func::Pow, vec!["1", "NaN"], "1"),
        (Func::Sin, vec!["Infinity"], "input is out of range"),
        (Func::Asin, vec!["2"], "input is out of range"),
        (Func::Asin, vec!["NaN"], "NaN"),
        (Func::Acosh, vec!["0.5"], "input is out of range"),
        (Func::Atanh, vec!["1"], "Infinity"),
        (Func::Sind, vec!["30"], "0.5"),
        (Func::Sind, vec!["-210"], "0.5"),
        (Func::Cosd, vec!["60"], "0.5"),
        (Func::Tand, vec!["45"], "1"),
        (Func::Tand, vec!["180"], "0"),
        (Func::Cotd, vec!["45"], "1"),
        (Func::Asind, vec!["0.5"], "30"),
        (Func::Acosd, vec!["-0.5"], "120"),
        (Func::Atand, vec!["1"], "45"),
        (Func::Atan2d, vec!["1", "1"], "45"),
        (Func::Degrees, vec!["0.5"], "28.64788975654116"),
        (Func::Radians, vec!["45"], "0.7853981633974483"),
    ] {
        assert_eq!(of(func, &texts, &F), expected, "{func:?} {texts:?}");
    }
    assert_eq!(call_text(Func::Pi, &[], &F).unwrap(), "3.141592653589793");
}

#[test]
fn numerics() {
    for (func, texts, expected) in [
        (Func::Round, vec!["2.5"], "3"),
        (Func::Round, vec!["-2.5"], "-3"),
        (Func::Trunc, vec!["-2.7"], "-2"),
        (Func::Ceil, vec!["-0.5"], "0"),
        (Func::Floor, vec!["-0.5"], "-1"),
        (Func::Sign, vec!["-3.5"], "-1"),
        (Func::Sign, vec!["NaN"], "NaN"),
        (Func::Sqrt, vec!["2"], "1.414213562373095"),
        (Func::DivTrunc, vec!["-7.5", "2"], "-3"),
        (Func::Gcd, vec!["330.3", "462"], "0.3"),
        (Func::Lcm, vec!["330.3", "462"], "508662.0"),
        (Func::Lcm, vec!["0", "5"], "0"),
        (Func::TrimScale, vec!["8.4100"], "8.41"),
    ] {
        assert_eq!(of(func, &texts, &N), expected, "{func:?} {texts:?}");
    }
    let places = |func: Func, value: &str, n: &str| {
        call_text(func, &[v(value, &N), v(n, &DataType::Int4)], &N).unwrap()
    };
    assert_eq!(places(Func::Round, "1.005", "2"), "1.01");
    assert_eq!(places(Func::Round, "1250", "-2"), "1300");
    assert_eq!(places(Func::Trunc, "1.999", "1"), "1.9");
    assert_eq!(call_text(Func::Scale, &args(&["8.4100"], &N), &DataType::Int4).unwrap(), "4");
    assert_eq!(call_text(Func::MinScale, &args(&["8.4100"], &N), &DataType::Int4).unwrap(), "2");
    assert_eq!(call_text(Func::Scale, &args(&["NaN"], &N), &DataType::Int4).unwrap(), "NULL");
}

#[test]
fn integers_have_divisors() {
    let i = DataType::Int4;
    assert_eq!(of(Func::Gcd, &["1071", "462"], &i), "21");
    assert_eq!(of(Func::Gcd, &["-2147483648", "0"], &i), "integer out of range");
    assert_eq!(of(Func::Lcm, &["-6", "4"], &i), "12");
    assert_eq!(of(Func::Lcm, &["2147483647", "2147483646"], &i), "integer out of range");
    assert_eq!(
        of(Func::Gcd, &["-9223372036854775808", "-9223372036854775808"], &DataType::Int8),
        "bigint out of range"
    );
    let factorial = |n: &str| {
        call_text(Func::Factorial, &args(&[n], &DataType::Int8), &N).unwrap_or_else(|e| e.message)
    };
    assert_eq!(factorial("0"), "1");
    assert_eq!(factorial("20"), "2432902008176640000");
    assert_eq!(factorial("-1"), "factorial of a negative number is undefined");
    assert_eq!(factorial("1000000"), "numeric value exceeds 38 digits");
}

#[test]
fn buckets() {
    let of = |texts: [&str; 3], count: &str, ty: &DataType| {
        let mut values = args(&texts, ty);
        values.push(v(count, &DataType::Int4));
        call_text(Func::WidthBucket, &values, &DataType::Int4).unwrap_or_else(|e| e.message)
    };
    for ty in [&F, &N] {
        assert_eq!(of(["5.35", "0.024", "10.06"], "5", ty), "3");
        assert_eq!(of(["-1", "0", "10"], "5", ty), "0");
        assert_eq!(of(["10", "0", "10"], "5", ty), "6");
        assert_eq!(of(["90", "100", "10"], "9", ty), "2");
        assert_eq!(of(["Infinity", "0", "10"], "5", ty), "6");
        assert_eq!(of(["1", "0", "0"], "5", ty), "lower bound cannot equal upper bound");
        assert_eq!(of(["1", "0", "10"], "0", ty), "count must be greater than zero");
        assert_eq!(
            of(["NaN", "0", "10"], "5", ty),
            "operand, lower bound, and upper bound cannot be NaN"
        );
        assert_eq!(of(["1", "0", "Infinity"], "5", ty), "lower and upper bounds must be finite");
        assert_eq!(of(["10", "0", "10"], "2147483647", ty), "integer out of range");
    }
    let list = DataType::List(Box::new(F));
    let values = [v("5", &F), v("{1,3,5,10}", &list)];
    assert_eq!(call_text(Func::WidthBucket, &values, &DataType::Int4).unwrap(), "3");
}
