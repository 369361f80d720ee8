//! Translations. What they match is tested with the functions that use them.

use super::*;

#[test]
fn plain_patterns_gain_only_the_newline_flag() {
    assert_eq!(translate("a.c", Options::default()).unwrap(), "(?s)a.c");
    assert_eq!(translate("a.c", Options::parse("n").unwrap()).unwrap(), "(?m)a[^\\n]c");
    assert_eq!(translate("a.c", Options::parse("q").unwrap()).unwrap(), "(?s)a\\.c");
    assert_eq!(translate("[^a]", Options::parse("n").unwrap()).unwrap(), "(?m)[^a\\n]");
}

#[test]
fn every_translation_compiles() {
    for pattern in [
        "a|b",
        "[]a]",
        "[^]a]",
        "[a-]",
        "a{,}",
        "{",
        "}",
        "x{1}?",
        "()",
        "(|a)",
        "[[.a.]-c]",
        "[\\d_]",
        "a b",
        "#",
        "/",
    ] {
        let translated = translate(pattern, Options::default()).unwrap();
        assert!(regex::Regex::new(&translated).is_ok(), "{pattern} became {translated}");
    }
}

#[test]
fn similar_patterns_are_anchored() {
    assert_eq!(from_similar("a%_", None).unwrap(), "^(?:a.*.)$");
    assert_eq!(from_similar("a$b", None).unwrap(), "^(?:a\\$b)$");
    assert!(from_similar("a", Some("xy")).is_err());
    assert!(from_similar("#\"a#\"b#\"", Some("#")).is_err());
}
