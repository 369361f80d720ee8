//! Canonical text, access and order of JSONB against results known from PostgreSQL 15.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hasher};

use super::*;

#[test]
fn canonical_text_sorts_keys_and_spaces() {
    let cases = [
        (r#"{"bb":1,"a":[1,2 , {}],"c":null}"#, r#"{"a": [1, 2, {}], "c": null, "bb": 1}"#),
        (r#" {"a":1,"a":2} "#, r#"{"a": 2}"#),
        (r#""\u00e9\n\u001f\/\ud83d\ude00""#, r#""é\n\u001f/😀""#),
        ("1.50e1", "15.0"),
        ("1e5", "100000"),
        ("-0", "0"),
        ("-0.0", "0.0"),
        ("1.20", "1.20"),
        ("12e-4", "0.0012"),
        ("0.5e2", "50"),
        ("123e-1", "12.3"),
        ("[ true , false,null]", "[true, false, null]"),
        ("[]", "[]"),
    ];
    for (text, expected) in cases {
        assert_eq!(canonical(text).unwrap(), expected, "{text}");
        assert_eq!(canonical(expected).unwrap(), expected, "{expected} is canonical");
    }
}

#[test]
fn malformed_json_is_an_error() {
    let wrong = [
        "",
        "{",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "1e",
        "nul",
        "truex",
        "\"\\x\"",
        "\"a",
        "\"\\u12\"",
        "\"\\ud800x\"",
        "[1] 2",
        "'a'",
        "\"\u{1}\"",
        "-",
        "1a",
        "{\"a\":1,}",
    ];
    for text in wrong {
        let error = canonical(text).unwrap_err();
        assert_eq!(error.message, "invalid input syntax for type json", "{text}");
        assert_eq!(error.state.0, "22P02");
    }
    assert_eq!(canonical("\"\\u0000\"").unwrap_err().state.0, "22P05");
    for text in ["1e999999", "1e-999999", "1e9223372036854775807", "1e-99999999999999999999"] {
        assert_eq!(canonical(text).unwrap_err().state.0, "22003", "{text}");
    }
    assert_eq!(canonical("0e9223372036854775807").unwrap(), "0");
    assert_eq!(canonical(&"[".repeat(100_000)).unwrap_err().state.0, "54001");
}

#[test]
fn access_returns_parts() {
    let doc =
        canonical(r#"{"a": {"b": [10, {"c,]": "x\"y"}, null]}, "q\"": true, "é": 1}"#).unwrap();
    assert_eq!(get_key(&doc, "q\""), Some("true"));
    assert_eq!(get_key(&doc, "é"), Some("1"));
    assert_eq!(get_key(&doc, "z"), None);
    assert_eq!(get_path(&doc, ["a", "b", "0"]), Some("10"));
    assert_eq!(get_path(&doc, ["a", "b", "-1"]), Some("null"));
    let text = get_path(&doc, ["a", "b", "1", "c,]"]).unwrap();
    assert_eq!(text, "\"x\\\"y\"");
    assert_eq!(as_text(text).unwrap(), "x\"y");
    assert_eq!(as_text("null"), None);
    assert_eq!(as_text("[1, 2]").unwrap(), "[1, 2]");
    assert_eq!(get_path(&doc, ["a", "b", "x"]), None);
    assert_eq!(get_path(&doc, ["é", "b"]), None);
    assert_eq!(get_index("[1, 2]", 2), None);
    assert_eq!(get_index("[1, 2]", -3), None);
    assert_eq!(get_index("[[1, 2], [3]]", 1), Some("[3]"));
    assert_eq!((length("[]"), length("{}"), length("1")), (Some(0), Some(0), None));
    assert_eq!(entries(&doc).count(), 3);
    assert_eq!(type_of("-1"), "number");
}

#[test]
fn access_to_other_text_does_not_panic() {
    for text in ["", "{", "[", "{\"", "[1,2", "{\"a\" 1}", "\"\\", "]", "{é}", "[é, \"\\"] {
        let _ =
            (get_key(text, "a"), get_index(text, -1), unquote(text), length(text), cmp(text, "{}"));
    }
}

#[test]
fn order_is_that_of_postgres() {
    let ordered = [
        "[]",
        "null",
        "\"\"",
        "\"a\"",
        "\"b\"",
        "-10",
        "-2",
        "0",
        "0.5",
        "10",
        "9e30",
        "false",
        "true",
        "[true]",
        "[1, 2]",
        "[1, 3]",
        "{}",
        "{\"a\": 1}",
        "{\"a\": 2}",
        "{\"b\": 0}",
        "{\"aa\": 0}",
    ];
    let docs: Vec<String> = ordered.iter().map(|text| canonical(text).unwrap()).collect();
    for (i, a) in docs.iter().enumerate() {
        for (j, b) in docs.iter().enumerate() {
            assert_eq!(cmp(a, b), i.cmp(&j), "{a} {b}");
        }
    }
}

#[test]
fn equal_numbers_hash_equal() {
    let hashed = |doc: &str| {
        let mut hasher = DefaultHasher::new();
        hash(doc, &mut hasher);
        hasher.finish()
    };
    assert_eq!(cmp("{\"a\": [1.0]}", "{\"a\": [1.00]}"), Ordering::Equal);
    assert_eq!(hashed("{\"a\": [1.0]}"), hashed("{\"a\": [1.00]}"));
    assert_ne!(hashed("[1]"), hashed("[10]"));
}
