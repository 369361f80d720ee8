//! Arithmetic, rounding and text of decimals against results known from PostgreSQL 15.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};

use super::{Decimal, DecimalError, DecimalResult};

fn d(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn text(result: DecimalResult) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn text_round_trips_with_its_scale() {
    for case in ["0", "0.00", "-1.50", "123456789012345678901234567890.12345678", "0.001", "NaN"] {
        assert_eq!(d(case).to_string(), case);
    }
    assert_eq!(d(" +.5 ").to_string(), "0.5");
    assert_eq!(d("5.").to_string(), "5");
    assert_eq!(d("1.5e3").to_string(), "1500");
    assert_eq!(d("1.5e-3").to_string(), "0.0015");
    assert_eq!(d("-inf").to_string(), "-Infinity");
    assert_eq!(d("-0.0").to_string(), "0.0");
}

#[test]
fn malformed_and_too_long_texts_are_errors() {
    for case in ["", " ", ".", "1e", "1.2.3", "0x1", "1 2", "--1", "infinit"] {
        let error = Decimal::parse(case).unwrap_err();
        assert_eq!(error.message, format!("invalid input syntax for type numeric: \"{case}\""));
        assert_eq!(error.state.0, "22P02");
    }
    let long = "1".repeat(39);
    assert_eq!(Decimal::parse(&long).unwrap_err().message, "numeric value exceeds 38 digits");
    assert!(Decimal::parse(&"9".repeat(38)).is_ok());
    assert_eq!(Decimal::parse("1e999999").unwrap_err().state.0, "22003");
}

#[test]
fn sums_and_products_have_postgres_scales() {
    assert_eq!(text(d("1.1").checked_add(d("2.25"))), "3.35");
    assert_eq!(text(d("1.10").checked_sub(d("1.1"))), "0.00");
    assert_eq!(text(d("4.2").checked_mul(d("0"))), "0.0");
    assert_eq!(text(d("-1.5").checked_mul(d("2.00"))), "-3.000");
    let big = Decimal::new(super::MANTISSA_END - 1, 0);
    assert_eq!(big.checked_add(Decimal::ONE), Err(DecimalError::Overflow));
    assert_eq!(big.checked_add(d("0.1")), Err(DecimalError::Overflow));
    assert_eq!(big.checked_mul(d("10")), Err(DecimalError::Overflow));
    assert_eq!(text(big.checked_sub(big)), "0");
}

#[test]
fn quotients_have_postgres_scales() {
    let cases = [
        ("1", "3", "0.33333333333333333333"),
        ("-1", "4.2", "-0.23809523809523809524"),
        ("4.2", "1", "4.2000000000000000"),
        ("4.2", "4.2", "1.00000000000000000000"),
        ("0", "7", "0.00000000000000000000"),
        ("10", "4", "2.5000000000000000"),
        ("100000", "3", "33333.333333333333"),
        ("999999999999999999999", "1000000000000000000000", "1.00000000000000000000"),
        ("1", "30000000000000000000000", "0.0000000000000000000000333333333333333333"),
        ("12345678901234567890.123456789", "0.7", "17636684144620811271.604938270"),
    ];
    for (a, b, expected) in cases {
        assert_eq!(text(d(a).checked_div(d(b))), expected, "{a} / {b}");
    }
    assert_eq!(text(d("1").checked_div(d("0.00"))), "division by zero");
    // The numerator scaled up is wider than 128 bits.
    assert_eq!(
        text(d("99999999999999999999.999999999999").div_at(d("3"), 12)),
        "33333333333333333333.333333333333"
    );
}

#[test]
fn remainders_follow_the_sign_of_the_dividend() {
    assert_eq!(text(d("1").checked_rem(d("4.2"))), "1.0");
    assert_eq!(text(d("-7.5").checked_rem(d("2"))), "-1.5");
    assert_eq!(text(d("1e30").checked_rem(d("0.0000007"))), "0.0000003");
    assert_eq!(text(d("-7.5").checked_div_trunc(d("2"))), "-3");
    assert_eq!(text(d("1").checked_rem(d("0"))), "division by zero");
}

#[test]
fn special_values_compute_as_in_postgres() {
    let (inf, neg, nan) = (Decimal::INFINITY, Decimal::NEG_INFINITY, Decimal::NAN);
    assert_eq!(text(inf.checked_add(neg)), "NaN");
    assert_eq!(text(inf.checked_sub(neg)), "Infinity");
    assert_eq!(text(d("0").checked_mul(inf)), "NaN");
    assert_eq!(text(d("-2").checked_mul(inf)), "-Infinity");
    assert_eq!(text(d("-2").checked_div(inf)), "0");
    assert_eq!(text(inf.checked_div(d("-2"))), "-Infinity");
    assert_eq!(text(inf.checked_div(d("0"))), "division by zero");
    assert_eq!(text(nan.checked_div(d("0"))), "NaN");
    assert_eq!(text(d("4.2").checked_rem(neg)), "4.2");
    assert_eq!(text(neg.checked_rem(d("4.2"))), "NaN");
    assert_eq!(inf.negate(), neg);
    assert_eq!(neg.abs(), inf);
}

#[test]
fn rounding_is_half_away_from_zero() {
    let cases = [("2.5", 0, "3"), ("-2.5", 0, "-3"), ("1.25", 1, "1.3"), ("25", -1, "30")];
    for (value, places, expected) in cases {
        assert_eq!(text(d(value).round(places)), expected);
    }
    assert_eq!(text(d("1.2").round(3)), "1.200");
    assert_eq!(text(d("-7.777").trunc(1)), "-7.7");
    assert_eq!(text(d("1234").trunc(-2)), "1200");
    assert_eq!(text(d("4").round(-40)), "0");
    assert_eq!(text(d("9.99").ceil()), "10");
    assert_eq!(text(d("-0.000001").ceil()), "0");
    assert_eq!(text(d("-0.000001").floor()), "-1");
    assert_eq!(text(Decimal::NAN.floor()), "NaN");
}

#[test]
fn declared_precision_rounds_then_checks() {
    assert_eq!(d("0.99994").to_declared(4, 4).unwrap().to_string(), "0.9999");
    let error = d("0.99995").to_declared(4, 4).unwrap_err();
    assert_eq!((error.state.0, error.message.as_str()), ("22003", "numeric field overflow"));
    assert!(Decimal::INFINITY.to_declared(4, 4).is_err());
    assert!(Decimal::NAN.to_declared(4, 4).unwrap().is_nan());
    let long = format!("1.{}", "9".repeat(60));
    assert_eq!(Decimal::parse_declared(&long, 10, 2).unwrap().to_string(), "2.00");
}

#[test]
fn order_is_by_value_and_hash_agrees() {
    let hash = |value: Decimal| {
        let mut hasher = DefaultHasher::new();
        value.hash_sql(&mut hasher);
        hasher.finish()
    };
    assert!(d("1.0").eq_sql(d("1.00")) && d("1.0") != d("1.00"));
    assert_eq!(hash(d("1.0")), hash(d("1.00")));
    assert_ne!(hash(d("1")), hash(d("10")));
    let ordered = ["-inf", "-1e37", "-1", "0", "1e-30", "0.5", "1", "1e37", "inf", "nan"];
    for (i, a) in ordered.iter().enumerate() {
        for (j, b) in ordered.iter().enumerate() {
            assert_eq!(d(a).cmp_sql(d(b)), i.cmp(&j), "{a} {b}");
        }
    }
    // Scaling overflows 128 bits, the sign decides.
    let fine = Decimal::new(1, 60);
    assert_eq!(d("1e37").cmp_sql(fine), Ordering::Greater);
    assert_eq!(fine.cmp_sql(d("-1e37")), Ordering::Greater);
}

#[test]
fn floats_convert_through_their_significant_digits() {
    assert_eq!(text(Decimal::from_f64(0.1)), "0.1");
    assert_eq!(text(Decimal::from_f64(1.0 / 3.0)), "0.333333333333333");
    assert_eq!(text(Decimal::from_f64(1e20)), "100000000000000000000");
    assert_eq!(text(Decimal::from_f64(-0.0)), "0");
    assert_eq!(text(Decimal::from_f32(1.1)), "1.1");
    assert_eq!(text(Decimal::from_f64(1e300)), "numeric value exceeds 38 digits");
    assert_eq!(d("0.1").to_f64(), 0.1);
    assert_eq!(d("12345678901234567890.12345").to_f64(), 12_345_678_901_234_567_890.123_45);
    assert_eq!(d("3.5").to_i64(), Some(4));
    assert_eq!(d("-3.5").to_i64(), Some(-4));
    assert_eq!(d("1e20").to_i64(), None);
    assert_eq!(Decimal::NAN.to_i64(), None);
}

#[test]
fn square_roots_have_sixteen_digits() {
    assert_eq!(text(d("0").sqrt()), "0.000000000000000");
    assert_eq!(text(d("2").sqrt()), "1.414213562373095");
    assert_eq!(text(d("4.2").sqrt()), "2.049390153191920");
    assert_eq!(text(d("-1").sqrt()), "cannot take square root of a negative number");
}

#[test]
fn divisors_and_multiples() {
    assert_eq!(text(d("12").gcd(d("-18"))), "6");
    assert_eq!(text(d("330.3").gcd(d("462"))), "0.3");
    assert_eq!(text(d("0").gcd(d("1.50"))), "1.50");
    assert_eq!(text(d("4").lcm(d("6.0"))), "12.0");
    assert_eq!(text(d("0").lcm(d("6.0"))), "0.0");
    assert_eq!(text(d("inf").gcd(d("6.0"))), "NaN");
}
