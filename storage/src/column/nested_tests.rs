//! Tests of the encoded form: round trips, and refusal of every damaged form.

use super::*;

fn sample() -> Value {
    let inner = Value::Struct(
        [
            Value::Bool(true),
            Value::Bool(false),
            Value::Int2(-2),
            Value::Int4(4),
            Value::Int8(-8),
            Value::Float4(f32::MIN_POSITIVE),
            Value::Float8(-0.0),
            Value::Numeric(Decimal::new(-1000, 3)),
            Value::Text("text".into()),
            Value::Bytea([0, 255][..].into()),
            Value::Date(-1),
            Value::Time(2),
            Value::Timestamp(i64::MIN),
            Value::TimestampTz(3),
            Value::Interval(Interval { micros: 1, days: -2, months: 3 }),
            Value::Uuid(17),
            Value::Jsonb("[]".into()),
            Value::Null,
        ][..]
            .into(),
    );
    Value::List([inner, Value::List([][..].into()), Value::Null][..].into())
}

fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes);
    bytes
}

#[test]
fn every_type_comes_back() {
    let value = sample();
    assert_eq!(decode(&bytes(&value)).unwrap(), value);
}

#[test]
fn the_form_does_not_drift() {
    let value = Value::List([Value::Int4(1), Value::Null, Value::Text("a".into())][..].into());
    assert_eq!(bytes(&value), [18, 3, 0, 0, 0, 4, 1, 0, 0, 0, 0, 9, 1, 0, 0, 0, b'a']);
}

#[test]
fn damaged_bytes_are_an_error_and_never_a_panic() {
    let whole = bytes(&sample());
    for end in 0..whole.len() {
        assert!(decode(&whole[..end]).is_err(), "cut at {end}");
    }
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xFF] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            let _ = decode(&damaged);
        }
    }
    assert!(decode(&[whole.as_slice(), &[0]].concat()).is_err(), "trailing bytes");
    assert!(decode(&[18, 255, 255, 255, 255]).is_err(), "a count beyond the bytes");
    assert!(decode(&[9, 1, 0, 0, 0, 0xFF]).is_err(), "text that is not UTF-8");
}

#[test]
fn nesting_has_a_bound() {
    let deep = |n: usize| [18, 1, 0, 0, 0].repeat(n).into_iter().chain([0]).collect::<Vec<u8>>();
    assert!(decode(&deep(MAX_DEPTH)).is_ok());
    assert!(decode(&deep(MAX_DEPTH + 1)).is_err());
    assert!(decode(&deep(100_000)).is_err());
}
