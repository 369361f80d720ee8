//! PostgreSQL 15's results.

use super::super::tests_support::{call, call_error, call_text, v};
use super::*;
use arena_tr_types::Value;

const T: DataType = DataType::Text;
const I: DataType = DataType::Int4;

/// A call whose arguments are texts, or integers where they look like it.
fn text_of(func: Func, texts: &[&str]) -> String {
    call_text(func, &guess(texts), &T).unwrap_or_else(|error| error.message)
}

fn number_of(func: Func, texts: &[&str]) -> String {
    call_text(func, &guess(texts), &I).unwrap_or_else(|error| error.message)
}

fn guess(texts: &[&str]) -> Vec<(Value, DataType)> {
    texts
        .iter()
        .enumerate()
        .map(
            |(k, text)| {
                if k > 0 && text.parse::<i32>().is_ok() { v(text, &I) } else { v(text, &T) }
            },
        )
        .collect()
}

#[test]
fn lengths_count_characters_or_bytes() {
    assert_eq!(number_of(Func::Length, &["日本語"]), "3");
    assert_eq!(number_of(Func::OctetLength, &["日本語"]), "9");
    assert_eq!(number_of(Func::BitLength, &["ab"]), "16");
    let padded = [v("ab", &DataType::Char(5))];
    assert_eq!(call_text(Func::Length, &padded, &I).unwrap(), "2");
    assert_eq!(call_text(Func::OctetLength, &padded, &I).unwrap(), "5");
    assert_eq!(call_text(Func::Length, &[v("\\x0102", &DataType::Bytea)], &I).unwrap(), "2");
    assert_eq!(call(Func::Length, &[v("NULL", &T)], &I).unwrap(), Value::Null);
}

#[test]
fn cases() {
    assert_eq!(text_of(Func::Upper, &["abcé ß"]), "ABCÉ ß");
    assert_eq!(
        text_of(Func::Lower, &["ABCÉ 123 LONGER THAN INLINE"]),
        "abcé 123 longer than inline"
    );
    assert_eq!(text_of(Func::InitCap, &["hi THOMAS o'neil 2nd"]), "Hi Thomas O'Neil 2nd");
}

#[test]
fn parts() {
    for (texts, expected) in [
        (vec!["alphabet", "3", "2"], "ph"),
        (vec!["alphabet", "3"], "phabet"),
        (vec!["alphabet", "-2", "5"], "al"),
        (vec!["alphabet", "0", "2"], "a"),
        (vec!["alphabet", "2147483647", "2147483647"], ""),
        (vec!["alphabet", "-2147483648", "2147483647"], ""),
        (vec!["日本語", "2", "1"], "本"),
        (vec!["alphabet", "1", "-1"], "negative substring length not allowed"),
    ] {
        assert_eq!(text_of(Func::Substr, &texts), expected, "{texts:?}");
    }
    for (func, texts, expected) in [
        (Func::Left, vec!["abcde", "-2"], "abc"),
        (Func::Left, vec!["日本語", "2"], "日本"),
        (Func::Right, vec!["abcde", "2"], "de"),
        (Func::Right, vec!["abcde", "-2"], "cde"),
        (Func::Right, vec!["abc", "-2147483648"], ""),
        (Func::SplitPart, vec!["a~@~b~@~c", "~@~", "2"], "b"),
        (Func::SplitPart, vec!["a,b,c", ",", "-1"], "c"),
        (Func::SplitPart, vec!["a,b,c", ",", "4"], ""),
        (Func::SplitPart, vec!["abc", "", "-1"], "abc"),
        (Func::SplitPart, vec!["a,b", ",", "0"], "field position must not be zero"),
        (Func::Overlay, vec!["Txxxxas", "hom", "2", "4"], "Thomas"),
        (Func::Overlay, vec!["abcdef", "45", "4"], "abc45f"),
        (Func::Overlay, vec!["abc", "x", "0"], "negative substring length not allowed"),
    ] {
        // The replacement of overlay is text even where it looks like a number.
        let mut arguments = guess(&texts);
        if func == Func::Overlay {
            arguments[1] = v(texts[1], &T);
        }
        let got = call_text(func, &arguments, &T).unwrap_or_else(|error| error.message);
        assert_eq!(got, expected, "{func:?} {texts:?}");
    }
}

#[test]
fn padding_trimming_repeating() {
    for (func, texts, expected) in [
        (Func::LPad, vec!["hi", "5", "xy"], "xyxhi"),
        (Func::LPad, vec!["hello", "2"], "he"),
        (Func::RPad, vec!["hi", "5", "xy"], "hixyx"),
        (Func::RPad, vec!["hi", "5", ""], "hi"),
        (Func::LPad, vec!["hi", "-1"], ""),
        (Func::LPad, vec!["hi", "2147483647"], "requested length too large"),
        (Func::Repeat, vec!["Pg", "3"], "PgPgPg"),
        (Func::Repeat, vec!["Pg", "-1"], ""),
        (Func::Repeat, vec!["Pg", "2147483647"], "requested length too large"),
        (Func::BTrim, vec!["xyxtrimyyx", "xyz"], "trim"),
        (Func::LTrim, vec!["  a "], "a "),
        (Func::RTrim, vec!["  a "], "  a"),
        (Func::Reverse, vec!["héllo"], "olléh"),
        (Func::Replace, vec!["abcdefabcdef", "cd", "XX"], "abXXefabXXef"),
        (Func::Replace, vec!["abc", "", "x"], "abc"),
        (Func::Translate, vec!["12345x", "143x", "ax"], "a2x5"),
        (
            Func::Concat,
            vec!["a long string that", " is outlined"],
            "a long string that is outlined",
        ),
    ] {
        let mut arguments: Vec<_> = guess(&texts);
        if func == Func::Translate {
            arguments = texts.iter().map(|t| v(t, &T)).collect();
        }
        let got = call_text(func, &arguments, &T).unwrap_or_else(|error| error.message);
        assert_eq!(got, expected, "{func:?} {texts:?}");
    }
}

#[test]
fn characters_and_positions() {
    assert_eq!(number_of(Func::StrPos, &["日本語", "語"]), "3");
    assert_eq!(number_of(Func::StrPos, &["abc", "z"]), "0");
    assert_eq!(number_of(Func::StrPos, &["abc", ""]), "1");
    assert_eq!(number_of(Func::Ascii, &["é"]), "233");
    assert_eq!(number_of(Func::Ascii, &[""]), "0");
    assert_eq!(call_text(Func::Chr, &[v("65", &I)], &T).unwrap(), "A");
    for (code, message) in [
        ("0", "null character not permitted"),
        ("-1", "character number must be positive"),
        ("1114112", "requested character too large for encoding: 1114112"),
        ("55296", "requested character not valid for encoding: 55296"),
    ] {
        assert_eq!(call_error(Func::Chr, &[v(code, &I)], &T), message);
    }
}

#[test]
fn text_joins_other_types() {
    let pair = [v("n=", &T), v("42", &I)];
    assert_eq!(call_text(Func::Concat, &pair, &T).unwrap(), "n=42");
    let pair = [v("t", &DataType::Bool), v("!", &T)];
    assert_eq!(call_text(Func::Concat, &pair, &T).unwrap(), "true!");
    let bytes = [v("\\x01", &DataType::Bytea), v("\\x02", &DataType::Bytea)];
    assert_eq!(call_text(Func::Concat, &bytes, &DataType::Bytea).unwrap(), "\\x0102");
}
