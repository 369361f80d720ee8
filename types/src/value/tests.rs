//! Order, hashing and casts of values against results known from PostgreSQL 15.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};

use super::*;
use crate::error::SqlError;

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash_sql(&mut hasher);
    hasher.finish()
}

fn numeric(text: &str) -> Value {
    Value::Numeric(Decimal::parse(text).unwrap())
}

/// Reads a text as a type, casts it, prints the result or the error.
fn cast(text: &str, from: DataType, to: DataType) -> String {
    match Value::parse(text, &from).and_then(|value| value.cast(&to)) {
        Ok(value) => value.to_string(),
        Err(SqlError { state, message, .. }) => format!("{} {message}", state.0),
    }
}

#[test]
fn order_is_total_and_by_value() {
    let ordered = [
        Value::Float8(f64::NEG_INFINITY),
        Value::Int8(i64::MIN),
        numeric("-1.5"),
        Value::Int4(0),
        numeric("0.10"),
        Value::Int2(1),
        Value::Float8(1e300),
        numeric("NaN"),
        Value::text("a"),
        Value::text("b"),
        Value::Null,
    ];
    for (i, a) in ordered.iter().enumerate() {
        for (j, b) in ordered.iter().enumerate() {
            assert_eq!(a.cmp_sql(b), i.cmp(&j), "{a} {b}");
        }
    }
    assert_eq!(Value::Int8(i64::MAX).cmp_sql(&Value::Int8(i64::MAX - 1)), Ordering::Greater);
    assert_eq!(Value::Float8(f64::NAN).cmp_sql(&Value::Float8(f64::NAN)), Ordering::Equal);
    assert_eq!(Value::Float8(f64::NAN).cmp_sql(&Value::Float8(f64::INFINITY)), Ordering::Greater);
    assert_eq!(Value::Date(1).cmp_sql(&Value::Timestamp(86_400_000_000)), Ordering::Equal);
    assert_eq!(Value::Date(i32::MAX).cmp_sql(&Value::Timestamp(i64::MAX)), Ordering::Equal);
    assert_eq!(Value::Date(i32::MAX - 1).cmp_sql(&Value::Timestamp(i64::MAX)), Ordering::Less);
    let list = |items: &[i32]| Value::List(items.iter().map(|i| Value::Int4(*i)).collect());
    assert_eq!(list(&[1, 2]).cmp_sql(&list(&[1, 2, 0])), Ordering::Less);
    assert_eq!(list(&[2]).cmp_sql(&list(&[1, 2, 0])), Ordering::Greater);
}

#[test]
fn equal_values_hash_equal() {
    let pairs = [
        (numeric("1.0"), numeric("1.00")),
        (Value::Int2(1), Value::Int8(1)),
        (Value::Int4(1), numeric("1.000")),
        (Value::Float8(-0.0), Value::Float8(0.0)),
        (Value::Float8(f64::NAN), Value::Float8(-f64::NAN)),
        (Value::Float4(0.5), Value::Float8(0.5)),
        (Value::Interval(Interval::new(1, 0, 0)), Value::Interval(Interval::new(0, 30, 0))),
        (Value::Date(0), Value::Timestamp(0)),
        (Value::Null, Value::Null),
    ];
    for (a, b) in pairs {
        assert!(a.eq_sql(&b), "{a} {b}");
        assert_eq!(hash(&a), hash(&b), "{a} {b}");
    }
    assert_ne!(hash(&Value::text("a")), hash(&Value::text("b")));
}

#[test]
fn floats_round_half_to_even_and_stay_in_range() {
    use DataType::{Float4, Float8, Int2, Int4, Int8};
    assert_eq!(cast("2.5", Float8, Int4), "2");
    assert_eq!(cast("3.5", Float8, Int4), "4");
    assert_eq!(cast("-2.5", Float4, Int8), "-2");
    assert_eq!(cast("32767.4", Float8, Int2), "32767");
    assert_eq!(cast("32767.6", Float8, Int2), "22003 smallint out of range");
    assert_eq!(cast("-2147483648.5", Float4, Int4), "-2147483648");
    assert_eq!(cast("2147483647.6", Float8, Int4), "22003 integer out of range");
    assert_eq!(cast("9223372036854773760", Float8, Int8), "9223372036854773760");
    assert_eq!(cast("9223372036854775807", Float8, Int8), "22003 bigint out of range");
    assert_eq!(cast("NaN", Float8, Int8), "22003 bigint out of range");
    assert_eq!(cast("1e300", Float8, Float4), "22003 value out of range: overflow");
    assert_eq!(cast("1e-300", Float8, Float4), "22003 value out of range: underflow");
    assert_eq!(cast("inf", Float8, Float4), "Infinity");
}

#[test]
fn numbers_cast_to_each_other() {
    use DataType::{Bool, Float8, Int2, Int4, Int8, Numeric};
    assert_eq!(cast("2.5", Numeric(None), Int4), "3");
    assert_eq!(cast("-2.5", Numeric(None), Int8), "-3");
    assert_eq!(cast("1e20", Numeric(None), Int8), "22003 bigint out of range");
    assert_eq!(cast("NaN", Numeric(None), Int4), "0A000 cannot convert NaN to integer");
    assert_eq!(cast("inf", Numeric(None), Int8), "0A000 cannot convert infinity to bigint");
    assert_eq!(cast("70000", Int4, Int2), "22003 smallint out of range");
    assert_eq!(cast("1.255", Numeric(None), Numeric(Some((5, 2)))), "1.26");
    assert_eq!(cast("1234.5", Float8, Numeric(Some((5, 2)))), "22003 numeric field overflow");
    assert_eq!(cast("0.1", Float8, Numeric(None)), "0.1");
    assert_eq!(cast("t", Bool, Int4), "1");
    assert_eq!(cast("2", Int4, Bool), "true");
    assert_eq!(cast("2", Int8, Bool), "42846 cannot cast type bigint to boolean");
    assert_eq!(cast("t", Bool, Int8), "42846 cannot cast type boolean to bigint");
}

#[test]
fn texts_cast_through_input_and_output() {
    use DataType::{Bool, Char, Date, Float8, Int4, Text, Varchar};
    assert_eq!(cast("abc", Text, Int4), "22P02 invalid input syntax for type integer: \"abc\"");
    assert_eq!(cast(" 12 ", Text, Int4), "12");
    assert_eq!(cast("éàü", Text, Varchar(Some(2))), "éà");
    assert_eq!(cast("a", Text, Char(3)), "a  ");
    assert_eq!(cast("abcdef", Text, Char(3)), "abc");
    assert_eq!(cast("t", Bool, Text), "true");
    assert_eq!(cast("1e20", Float8, Varchar(None)), "1e+20");
    assert_eq!(cast("12345", Int4, Varchar(Some(3))), "123");
    assert_eq!(cast("2020-01-02", Date, Text), "2020-01-02");
    let long = Value::text("abcd");
    assert_eq!(long.assign(&Varchar(Some(3))).unwrap_err().state.0, "22001");
    assert_eq!(Value::text("ab   ").assign(&Varchar(Some(3))).unwrap().to_text(), "ab ");
    assert_eq!(Value::Null.cast(&Int4), Ok(Value::Null));
}

#[test]
fn points_in_time_cast_to_each_other() {
    use DataType::{Date, Int4, Interval, Time, Timestamp, TimestampTz};
    assert_eq!(cast("2020-01-02", Date, Timestamp), "2020-01-02 00:00:00");
    assert_eq!(cast("infinity", Date, TimestampTz), "infinity");
    assert_eq!(cast("5874897-12-31", Date, Timestamp), "22008 date out of range for timestamp");
    assert_eq!(cast("1969-12-31 23:00", Timestamp, Date), "1969-12-31");
    assert_eq!(cast("1969-12-31 23:00", Timestamp, Time), "23:00:00");
    assert_eq!(cast("infinity", Timestamp, Time), "NULL");
    assert_eq!(cast("2020-01-02 00:00+02", TimestampTz, Timestamp), "2020-01-01 22:00:00");
    assert_eq!(cast("-1 hour", Interval, Time), "23:00:00");
    assert_eq!(cast("23:00", Time, Interval), "23:00:00");
    assert_eq!(cast("2020-01-02", Date, Int4), "42846 cannot cast type date to integer");
    assert_eq!(
        cast("1", Int4, Timestamp),
        "42846 cannot cast type integer to timestamp without time zone"
    );
}

#[test]
fn nested_values_and_json_cast_by_part() {
    use DataType::{Bool, Float8, Int4, Int8, Jsonb, List, Numeric, Text};
    let list = |t: DataType| List(Box::new(t));
    assert_eq!(cast("{1,2,NULL}", list(Int4), list(Text)), "{1,2,NULL}");
    assert_eq!(
        cast("{1,x}", list(Text), list(Int8)),
        "22P02 invalid input syntax for type bigint: \"x\""
    );
    assert_eq!(cast("{1,2}", list(Int4), Text), "{1,2}");
    assert_eq!(cast("{1,2}", list(Int4), Int4), "42846 cannot cast type integer[] to integer");
    assert_eq!(cast("{\"a\":1}", Text, Jsonb), "{\"a\": 1}");
    assert_eq!(cast("{\"b\":1,\"a\":2}", Jsonb, Text), "{\"a\": 2, \"b\": 1}");
    assert_eq!(cast("1.5", Jsonb, Int4), "2");
    assert_eq!(cast("1.50", Jsonb, Numeric(None)), "1.50");
    assert_eq!(cast("1e300", Jsonb, Float8), "1e+300");
    assert_eq!(cast("true", Jsonb, Bool), "true");
    assert_eq!(cast("\"1\"", Jsonb, Int4), "22023 cannot cast jsonb string to type integer");
}

#[test]
fn cast_contexts_are_those_of_postgres() {
    use CastContext::{Assignment, Explicit, Implicit};
    use DataType::{
        Bool, Bytea, Date, Float4, Float8, Int4, Int8, List, Numeric, Text, Timestamp, Varchar,
    };
    assert_eq!(cast_context(&Int4, &Int8), Some(Implicit));
    assert_eq!(cast_context(&Int8, &Int4), Some(Assignment));
    assert_eq!(cast_context(&Numeric(None), &Float8), Some(Implicit));
    assert_eq!(cast_context(&Float4, &Numeric(None)), Some(Assignment));
    assert_eq!(cast_context(&Int4, &Text), Some(Assignment));
    assert_eq!(cast_context(&Text, &Int4), Some(Explicit));
    assert_eq!(cast_context(&Varchar(Some(3)), &Text), Some(Implicit));
    assert_eq!(cast_context(&Bool, &Int4), Some(Explicit));
    assert_eq!(cast_context(&Bool, &Int8), None);
    assert_eq!(cast_context(&Date, &Timestamp), Some(Implicit));
    assert_eq!(cast_context(&Bytea, &Int4), None);
    let list = |t: DataType| List(Box::new(t));
    assert_eq!(cast_context(&list(Int8), &list(Int4)), Some(Assignment));
    assert_eq!(cast_context(&list(Int4), &Int4), None);
}

#[test]
fn every_cast_that_exists_is_done_and_no_other() {
    use DataType as T;
    let types = [
        (T::Bool, "t"),
        (T::Int2, "1"),
        (T::Int4, "1"),
        (T::Int8, "1"),
        (T::Float4, "1"),
        (T::Float8, "1"),
        (T::Numeric(None), "1"),
        (T::Bytea, "\\x01"),
        (T::Date, "2020-01-01"),
        (T::Time, "01:00"),
        (T::Timestamp, "2020-01-01"),
        (T::TimestampTz, "2020-01-01"),
        (T::Interval, "1 hour"),
        (T::Uuid, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (T::Jsonb, "1"),
        (T::Text, "1"),
        (T::List(Box::new(T::Int4)), "{1}"),
    ];
    for (from, text) in &types {
        for (to, _) in &types {
            let result = Value::parse(text, from).unwrap().cast(to);
            let exists = cast_context(from, to).is_some();
            let refused = matches!(&result, Err(e) if e.state.0 == "42846");
            assert_eq!(refused, !exists, "{from} to {to}: {result:?}");
        }
    }
}
