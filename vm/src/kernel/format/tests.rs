//! PostgreSQL 15's results.

use super::super::tests_support::{call_text, v};
use super::*;

const T: DataType = DataType::Text;
const I: DataType = DataType::Int4;

fn of(func: Func, args: &[(&str, &DataType)]) -> String {
    let values: Vec<_> = args.iter().map(|(text, ty)| v(text, ty)).collect();
    call_text(func, &values, &T).unwrap_or_else(|error| error.message)
}

#[test]
fn concatenation_skips_nulls() {
    let b = &DataType::Bool;
    assert_eq!(of(Func::ConcatAll, &[("a", &T), ("NULL", &T), ("2", &I), ("t", b)]), "a2t");
    assert_eq!(of(Func::ConcatAll, &[("NULL", &T)]), "");
    assert_eq!(of(Func::ConcatWs, &[("#", &T), ("1", &I), ("NULL", &T), ("x", &T)]), "1#x");
    assert_eq!(of(Func::ConcatWs, &[("NULL", &T), ("1", &I)]), "NULL");
    assert_eq!(of(Func::ConcatWs, &[(",", &T)]), "");
    let d = &DataType::Date;
    assert_eq!(of(Func::ConcatWs, &[(",", &T), ("2010-03-09", d)]), "2010-03-09");
}

#[test]
fn format_specifiers() {
    for (args, expected) in [
        (vec![("Hello", &T)], "Hello"),
        (vec![("Hello %s %%", &T), ("World", &T)], "Hello World %"),
        (vec![("%s", &T), ("NULL", &T)], ""),
        (vec![("NULL", &T)], "NULL"),
        (
            vec![("INSERT INTO %I VALUES(%L,%L)", &T), ("my\"tab", &T), ("10", &I), ("O'Neil", &T)],
            "INSERT INTO \"my\"\"tab\" VALUES('10','O''Neil')",
        ),
        (vec![("%L", &T), ("NULL", &T)], "NULL"),
        (vec![("%I", &T), ("NULL", &T)], "null values cannot be formatted as an SQL identifier"),
        (vec![("%1$s %4$s", &T), ("1", &I), ("2", &I), ("3", &I), ("4", &I)], "1 4"),
        (vec![("%2$s %s", &T), ("a", &T), ("b", &T), ("c", &T)], "b c"),
        (vec![(">>%10s<<", &T), ("Hello", &T)], ">>     Hello<<"),
        (vec![(">>%-10s<<", &T), ("Hello", &T)], ">>Hello     <<"),
        (vec![(">>%*s<<", &T), ("-10", &I), ("Hello", &T)], ">>Hello     <<"),
        (vec![(">>%2$*1$s<<", &T), ("10", &I), ("Hello", &T)], ">>     Hello<<"),
        (vec![("%s", &T)], "too few arguments for format()"),
        (
            vec![("%0$s", &T), ("a", &T)],
            "format specifies argument 0, but arguments are numbered from 1",
        ),
        (vec![("%", &T), ("a", &T)], "unterminated format() type specifier"),
        (vec![("%x", &T), ("a", &T)], "unrecognized format() type specifier \"x\""),
        (vec![("%1$", &T), ("a", &T)], "unterminated format() type specifier"),
    ] {
        assert_eq!(of(Func::Format, &args), expected, "{args:?}");
    }
}

#[test]
fn quoting() {
    assert_eq!(of(Func::QuoteLiteral, &[("O'Reilly\\", &T)]), "E'O''Reilly\\\\'");
    assert_eq!(of(Func::QuoteLiteral, &[("42", &I)]), "'42'");
    assert_eq!(of(Func::QuoteLiteral, &[("NULL", &T)]), "NULL");
    assert_eq!(of(Func::QuoteNullable, &[("NULL", &T)]), "NULL");
    for (name, expected) in [
        ("foo", "foo"),
        ("Foo", "\"Foo\""),
        ("a b", "\"a b\""),
        ("select", "\"select\""),
        ("1a", "\"1a\""),
        ("_a1", "_a1"),
    ] {
        assert_eq!(of(Func::QuoteIdent, &[(name, &T)]), expected);
    }
    assert!(RESERVED.is_sorted());
}
