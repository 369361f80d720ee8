//! PostgreSQL 15's results.

use super::super::tests_support::{call_text, v};
use super::*;
use arena_tr_types::Value;

const T: DataType = DataType::Text;

fn values(texts: &[&str]) -> Vec<(Value, DataType)> {
    let int = |k: usize, text: &str| k > 2 && text.parse::<i32>().is_ok();
    texts
        .iter()
        .enumerate()
        .map(|(k, t)| if int(k, t) { v(t, &DataType::Int4) } else { v(t, &T) })
        .collect()
}

fn of(func: Func, texts: &[&str], ret: &DataType) -> String {
    call_text(func, &values(texts), ret).unwrap_or_else(|error| error.message)
}

#[test]
fn matches() {
    for (text, pattern, expected) in [
        ("abcd", "bc", "true"),
        ("abcd", "^bc", "false"),
        ("abcd", "a.c", "true"),
        ("a\nc", "a.c", "true"),
        ("a\nc", "(?n)a.c", "false"),
        ("ABC", "(?i)abc", "true"),
        ("foo bar", "\\yfoo\\y", "true"),
        ("foobar", "\\mfoo\\M", "false"),
        ("foo", "[[:<:]]foo[[:>:]]", "true"),
        ("a{b", "a{b", "true"),
        ("aaa", "^a{2,3}$", "true"),
        ("[x]", "[[]x]", "true"),
        ("x&&y", "[&&]+", "true"),
        ("a-b", "[a\\-b]+", "true"),
        ("tab\there", "\\t", "true"),
        ("é", "[[:alpha:]]", "true"),
        ("5", "^[[:digit:][:space:]]$", "true"),
        ("a.c", "***=a.c", "true"),
        ("abc", "***=a.c", "false"),
        ("abc", "(?q)a.c", "false"),
        ("ab", "(?x) a b # comment", "true"),
        ("\u{1b}", "\\e", "true"),
        ("A", "\\u0041", "true"),
        ("abc", "(", "invalid regular expression: parentheses () not balanced"),
        ("abc", "[a", "invalid regular expression: brackets [] not balanced"),
        ("abc", "*a", "invalid regular expression: quantifier operand invalid"),
        ("abc", "a{2,1}", "invalid regular expression: invalid repetition count(s)"),
        ("abc", "[z-a]", "invalid regular expression: invalid character range"),
        ("abc", "[[:foo:]]", "invalid regular expression: invalid character class"),
        ("abc", "\\", "invalid regular expression: invalid escape \\ sequence"),
        ("aa", "(a)\\1", "a back reference in a regular expression is not supported yet"),
        ("aa", "a(?=b)", "a lookahead in a regular expression is not supported yet"),
        ("aa", "(?<!a)b", "a lookbehind in a regular expression is not supported yet"),
    ] {
        assert_eq!(
            of(Func::RegexMatch, &[text, pattern], &DataType::Bool),
            expected,
            "{text} ~ {pattern}"
        );
    }
    assert_eq!(of(Func::RegexIMatch, &["ABC", "b"], &DataType::Bool), "true");
}

#[test]
fn similar_to() {
    for (texts, expected) in [
        (vec!["abc", "abc"], "true"),
        (vec!["abc", "a"], "false"),
        (vec!["abc", "%(b|d)%"], "true"),
        (vec!["abc", "(b|c)%"], "false"),
        (vec!["abcdefg", "_bcd%"], "true"),
        (vec!["abcdefg", "bcd%"], "false"),
        (vec!["abcdefg", "_bcd#%", "#"], "false"),
        (vec!["_bcd%", "#_bcd#%", "#"], "true"),
        (vec!["a.c", "a.c"], "true"),
        (vec!["abc", "a.c"], "false"),
        (vec!["aXb", "a[A-Z]+b"], "true"),
    ] {
        assert_eq!(of(Func::SimilarTo, &texts, &DataType::Bool), expected, "{texts:?}");
    }
}

#[test]
fn substrings() {
    assert_eq!(of(Func::SubstringRegex, &["foobar", "o.b"], &T), "oob");
    assert_eq!(of(Func::SubstringRegex, &["foobar", "o(.)b"], &T), "o");
    assert_eq!(of(Func::SubstringRegex, &["foobar", "x"], &T), "NULL");
    assert_eq!(of(Func::SubstringSimilar, &["foobar", "%#\"o_b#\"%", "#"], &T), "oob");
    assert_eq!(of(Func::SubstringSimilar, &["abcdefg", "a#\"(b_d)#\"%", "#"], &T), "bcd");
    assert_eq!(of(Func::SubstringSimilar, &["abcdefg", "#\"(b_d)#\"%", "#"], &T), "NULL");
    assert_eq!(of(Func::SubstringSimilar, &["abcdefg", "a#\"%#\"g", "#"], &T), "bcdef");
    assert_eq!(of(Func::SubstringSimilar, &["abcdefg", "a*#\"%#\"g*", "#"], &T), "abcdefg");
}

#[test]
fn replacement() {
    for (texts, expected) in [
        (vec!["foobarbaz", "b..", "X"], "fooXbaz"),
        (vec!["foobarbaz", "b..", "X", "g"], "fooXX"),
        (vec!["foobarbaz", "b(..)", "X\\1Y", "g"], "fooXarYXazY"),
        (vec!["1112223333", "(\\d{3})(\\d{3})(\\d{4})", "(\\1) \\2-\\3"], "(111) 222-3333"),
        (vec!["foobar", "o", "[\\&]", "g"], "f[o][o]bar"),
        (vec!["A PostgreSQL function", "a|e|i|o|u", "X", "gi"], "X PXstgrXSQL fXnctXXn"),
        (vec!["A PostgreSQL function", "a|e|i|o|u", "X", "1", "0", "i"], "X PXstgrXSQL fXnctXXn"),
        (vec!["A PostgreSQL function", "a|e|i|o|u", "X", "1", "2"], "A PostgrXSQL function"),
        (vec!["A PostgreSQL function", "a|e|i|o|u", "X", "7"], "A PostgrXSQL function"),
        (vec!["abc", "b", "\\\\x"], "a\\xc"),
        (vec!["abc", "", "-", "g"], "-a-b-c-"),
        (vec!["abc", "b", "x", "z"], "invalid regular expression option: \"z\""),
        (vec!["abc", "b", "x", "0"], "invalid value for parameter \"start\": 0"),
        (vec!["日本語", "本", "x"], "日x語"),
    ] {
        assert_eq!(of(Func::RegexpReplace, &texts, &T), expected, "{texts:?}");
    }
}

#[test]
fn positions_and_counts() {
    let int = DataType::Int4;
    let with_ints = |func: Func, texts: &[&str], ret: &DataType| {
        let mut arguments = values(texts);
        if let Some(start) = texts.get(2).filter(|t| t.parse::<i32>().is_ok()) {
            arguments[2] = v(start, &int);
        }
        call_text(func, &arguments, ret).unwrap_or_else(|error| error.message)
    };
    assert_eq!(with_ints(Func::RegexpCount, &["123123123123123", "(12)3"], &int), "5");
    assert_eq!(with_ints(Func::RegexpCount, &["ABCABCAXYaxy", "A.", "1", "i"], &int), "4");
    assert_eq!(with_ints(Func::RegexpCount, &["123123123123", "123", "33"], &int), "0");
    assert_eq!(
        with_ints(Func::RegexpCount, &["123", "x", "-3"], &int),
        "invalid value for parameter \"start\": -3"
    );
    assert_eq!(with_ints(Func::RegexpInstr, &["abcabcabc", "a.c", "1", "3"], &int), "7");
    assert_eq!(with_ints(Func::RegexpInstr, &["abcabcabc", "a.c", "1", "1", "1"], &int), "4");
    assert_eq!(
        with_ints(
            Func::RegexpInstr,
            &["1234567890", "(123)(4(56)(78))", "1", "1", "0", "i", "3"],
            &int
        ),
        "5"
    );
    assert_eq!(with_ints(Func::RegexpSubstr, &["abcabcabc", "a.c", "1", "4"], &T), "NULL");
    assert_eq!(
        with_ints(Func::RegexpSubstr, &["1234567890", "(123)(4(56)(78))", "1", "1", "i", "4"], &T),
        "78"
    );
    assert_eq!(
        with_ints(Func::RegexpLike, &["Steven", "^ste(v|ph)en$", "i"], &DataType::Bool),
        "true"
    );
    assert_eq!(
        with_ints(Func::RegexpLike, &["a", "a", "g"], &DataType::Bool),
        "regexp_like() does not support the \"global\" option"
    );
}

#[test]
fn arrays() {
    let list = DataType::List(Box::new(T));
    assert_eq!(of(Func::RegexpMatch, &["foobarbequebaz", "(bar)(beque)"], &list), "{bar,beque}");
    assert_eq!(of(Func::RegexpMatch, &["foobarbequebaz", "bar.*que"], &list), "{barbeque}");
    assert_eq!(of(Func::RegexpMatch, &["abc", "(x)?abc"], &list), "{NULL}");
    assert_eq!(of(Func::RegexpMatch, &["abc", "x"], &list), "NULL");
    assert_eq!(
        of(Func::RegexpSplitToArray, &["the quick brown", "\\s+"], &list),
        "{the,quick,brown}"
    );
    assert_eq!(of(Func::RegexpSplitToArray, &["the fox", "\\s*"], &list), "{t,h,e,f,o,x}");
    assert_eq!(of(Func::RegexpSplitToArray, &["123456", "1"], &list), "{\"\",23456}");
    assert_eq!(of(Func::RegexpSplitToArray, &["123456", "6"], &list), "{12345,\"\"}");
    assert_eq!(of(Func::RegexpSplitToArray, &["123456", ""], &list), "{1,2,3,4,5,6}");
    assert_eq!(of(Func::RegexpSplitToArray, &["123456", "(?:)"], &list), "{1,2,3,4,5,6}");
}

#[test]
fn the_cache_keeps_patterns_apart() {
    for _ in 0..2 {
        assert_eq!(of(Func::RegexMatch, &["A", "a"], &DataType::Bool), "false");
        assert_eq!(of(Func::RegexIMatch, &["A", "a"], &DataType::Bool), "true");
        assert_eq!(of(Func::SimilarTo, &["xa", "a"], &DataType::Bool), "false");
    }
    for n in 0..CACHE_PATTERNS + 10 {
        assert_eq!(
            of(Func::RegexMatch, &[&n.to_string(), &format!("^{n}$")], &DataType::Bool),
            "true"
        );
    }
}
