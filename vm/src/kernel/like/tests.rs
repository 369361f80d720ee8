//! Patterns of every shape.

use super::super::tests_support::{args, call_error, call_text};
use super::*;

fn like(func: Func, texts: &[&str]) -> String {
    call_text(func, &args(texts, &DataType::Text), &DataType::Bool).unwrap_or_else(|e| e.message)
}

#[test]
fn patterns() {
    for (text, pattern, expected) in [
        ("hawkeye", "h%", true),
        ("hawkeye", "H%", false),
        ("hawkeye", "indio%", false),
        ("hawkeye", "h%eye", true),
        ("indio", "_ndio", true),
        ("indio", "in__o", true),
        ("indio", "in_o", false),
        ("abc", "", false),
        ("", "", true),
        ("", "%", true),
        ("", "_", false),
        ("日本語", "___", true),
        ("日本語", "%本%", true),
        ("aaab", "%aab", true),
        ("aaab", "a%a%b", true),
        ("abcabd", "%ab_%d", true),
        ("mississippi", "%iss%ip%", true),
        ("mississippi", "%issip_i", true),
        ("mississippi", "m%x%", false),
        ("a%b", "a\\%b", true),
        ("axb", "a\\%b", false),
        ("a_", "%\\_", true),
        ("foo", "_%", true),
        ("foo", "%_", true),
        ("f", "_%_", false),
        ("a long text with a needle in it", "%needle%", true),
    ] {
        assert_eq!(
            like(Func::Like, &[text, pattern]),
            expected.to_string(),
            "{text} LIKE {pattern}"
        );
    }
}

#[test]
fn escapes_and_case() {
    assert_eq!(like(Func::Like, &["h%awkeye", "h#%%", "#"]), "true");
    assert_eq!(like(Func::Like, &["a\\b", "a\\b", ""]), "true");
    assert_eq!(like(Func::Like, &["a", "a", "ab"]), "invalid escape string");
    assert_eq!(like(Func::Like, &["ab", "a\\"]), "LIKE pattern must not end with escape character");
    assert_eq!(like(Func::Like, &["xy", "a\\"]), "false");
    assert_eq!(like(Func::ILike, &["Hawkeye", "h%EYE"]), "true");
    assert_eq!(like(Func::ILike, &["ÉTÉ", "éT_"]), "true");
    assert_eq!(like(Func::Like, &["NULL", "a"]), "NULL");
    let bytes = args(&["\\x0001ff", "\\x00255f"], &DataType::Bytea);
    assert_eq!(call_text(Func::Like, &bytes, &DataType::Bool).unwrap(), "true");
    assert_eq!(
        call_error(Func::Like, &args(&["a", "a", "ab"], &DataType::Text), &DataType::Bool),
        "invalid escape string"
    );
}
