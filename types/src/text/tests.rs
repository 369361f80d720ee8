//! Reading and printing of scalars, arrays and rows against results known from PostgreSQL 15.

use std::sync::Arc;

use super::*;
use crate::data_type::DataType;
use crate::schema::Field;
use crate::value::Value;

fn f64_text(value: f64) -> String {
    Value::Float8(value).to_text()
}

fn f32_text(value: f32) -> String {
    Value::Float4(value).to_text()
}

fn list(element: DataType) -> DataType {
    DataType::List(Box::new(element))
}

#[test]
fn doubles_print_with_the_fewest_digits() {
    let cases = [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (-34.84, "-34.84"),
        (1e14, "100000000000000"),
        (1e15, "1e+15"),
        (1e20, "1e+20"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.234_567_890_123_4e200, "1.2345678901234e+200"),
        (123_456_789_012_345.67, "123456789012345.67"),
        (5e-324, "5e-324"),
        (1e23, "9.999999999999999e+22"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
        (f64::NAN, "NaN"),
    ];
    for (value, expected) in cases {
        assert_eq!(f64_text(value), expected);
        let back = parse_f64(expected).unwrap();
        assert!(back == value || back.is_nan() && value.is_nan(), "{expected}");
    }
}

#[test]
fn reals_print_with_the_fewest_digits() {
    let cases = [
        (1004.3, "1004.3"),
        (1.234_567_9e20, "1.2345679e+20"),
        (123_456.0, "123456"),
        (1_000_000.0, "1e+06"),
        (1_234_567.0, "1.234567e+06"),
    ];
    for (value, expected) in cases {
        assert_eq!(f32_text(value), expected);
    }
}

#[test]
fn numbers_out_of_range_or_malformed_are_errors() {
    let error = parse_f64("10e400").unwrap_err();
    assert_eq!(error.message, "\"10e400\" is out of range for type double precision");
    assert_eq!(parse_f64("10e-400").unwrap_err().state.0, "22003");
    assert_eq!(parse_f64("0e-400"), Ok(0.0));
    assert_eq!(parse_f32("10e70").unwrap_err().state.0, "22003");
    assert_eq!(parse_f32(" -INFINiTY "), Ok(f32::NEG_INFINITY));
    for text in ["", "  ", "xyz", "5.0.0", "5 . 0", "- 3", "1_000", "NaN x"] {
        let message = format!("invalid input syntax for type double precision: \"{text}\"");
        assert_eq!(parse_f64(text).unwrap_err().message, message);
    }
    assert_eq!(parse_i16(" -32768 "), Ok(i16::MIN));
    assert_eq!(parse_i64("-9223372036854775808"), Ok(i64::MIN));
    let error = parse_i16("100000").unwrap_err();
    assert_eq!(error.message, "value \"100000\" is out of range for type smallint");
    assert_eq!(parse_i64("9223372036854775808").unwrap_err().state.0, "22003");
    let error = parse_i32("abc").unwrap_err();
    assert_eq!(error.message, "invalid input syntax for type integer: \"abc\"");
    for text in ["", "34.5", "- 1", "4 4", "1x", "+"] {
        assert_eq!(parse_i32(text).unwrap_err().state.0, "22P02", "{text}");
    }
}

#[test]
fn booleans_take_unique_prefixes() {
    for text in ["t", "TRUE", " tru ", "y", "yes", "on", "1"] {
        assert_eq!(parse_bool(text), Ok(true), "{text}");
    }
    for text in ["f", "false", "n", "NO", "of", "off", "0"] {
        assert_eq!(parse_bool(text), Ok(false), "{text}");
    }
    for text in ["", "o", "truex", "11", "é"] {
        let message = format!("invalid input syntax for type boolean: \"{text}\"");
        assert_eq!(parse_bool(text).unwrap_err().message, message);
    }
}

#[test]
fn uuids_and_bytes_round_trip() {
    let text = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let uuid = parse_uuid(text).unwrap();
    assert_eq!(Value::Uuid(uuid).to_text(), text);
    assert_eq!(parse_uuid("{A0EEBC999C0B4EF8BB6D6BB9BD380A11}"), Ok(uuid));
    assert_eq!(parse_uuid("a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11"), Ok(uuid));
    for wrong in
        ["", "a0eebc99", "a0eebc999c0b4ef8bb6d6bb9bd380a1g", &format!("{text}0"), "a0e-ebc99"]
    {
        assert_eq!(parse_uuid(wrong).unwrap_err().state.0, "22P02", "{wrong}");
    }
    assert_eq!(parse_bytea("\\xDEad be ef"), Ok(vec![0xde, 0xad, 0xbe, 0xef]));
    assert_eq!(parse_bytea("a\\\\b\\001"), Ok(vec![b'a', b'\\', b'b', 1]));
    assert_eq!(Value::Bytea(Arc::from([0u8, 255])).to_text(), "\\x00ff");
    assert_eq!(
        parse_bytea("\\x1").unwrap_err().message,
        "invalid hexadecimal data: odd number of digits"
    );
    assert_eq!(parse_bytea("\\xzz").unwrap_err().message, "invalid hexadecimal digit: \"z\"");
    assert_eq!(parse_bytea("\\9").unwrap_err().state.0, "22P02");
}

#[test]
fn arrays_quote_what_needs_it() {
    let texts = list(DataType::Text);
    for text in ["{}", "{a,NULL,\"NULL\",\"\"}", "{\"a b\",\"c\\\"d\",\"e\\\\f\",\"{\"}"] {
        assert_eq!(Value::parse(text, &texts).unwrap().to_text(), text);
    }
    let spaced = Value::parse(" { a b , \"c\" } ", &texts).unwrap();
    assert_eq!(spaced.to_text(), "{\"a b\",c}");
    let nested = list(list(DataType::Int4));
    assert_eq!(Value::parse("{{1,2},{3,NULL}}", &nested).unwrap().to_text(), "{{1,2},{3,NULL}}");
    assert_eq!(Value::parse("{t,f}", &list(DataType::Bool)).unwrap().to_text(), "{t,f}");
    for wrong in ["", "1", "{", "{1", "{1,}", "{,}", "{1}x", "{a\"b\"}"] {
        let error = Value::parse(wrong, &texts).unwrap_err();
        assert_eq!(error.message, format!("malformed array literal: \"{wrong}\""));
    }
    let deep = "{".repeat(100_000);
    assert!(Value::parse(&deep, &texts).is_err());
}

#[test]
fn rows_quote_what_needs_it() {
    let fields = [
        Field::new("a", DataType::Int4, true),
        Field::new("b", DataType::Text, true),
        Field::new("c", DataType::Bool, true),
    ];
    let row = DataType::Struct(fields.into());
    for text in ["(1,a,t)", "(,\"\",)", "(1,\"a \"\"b\"\", c\\\\\",f)"] {
        assert_eq!(Value::parse(text, &row).unwrap().to_text(), text);
    }
    for wrong in ["", "(1,a)", "(1,a,t,2)", "(1,a,t", "1,a,t"] {
        let error = Value::parse(wrong, &row).unwrap_err();
        assert_eq!(error.message, format!("malformed record literal: \"{wrong}\""));
    }
}

#[test]
fn lengths_count_characters() {
    let varchar = DataType::Varchar(Some(2));
    assert_eq!(Value::parse("éà  ", &varchar).unwrap().to_text(), "éà");
    let error = Value::parse("éàü", &varchar).unwrap_err();
    assert_eq!(error.message, "value too long for type character varying(2)");
    assert_eq!(error.state.0, "22001");
    assert_eq!(Value::parse("é", &DataType::Char(3)).unwrap().to_text(), "é  ");
}
