//! Results and errors of casts. That kernels agree with values is tested in
//! [`super::super::tests`].

use super::super::tests_support::{LENGTHS, column, run, selections, ty, v};
use super::*;

fn cast(text: &str, from: &DataType, to: &DataType) -> String {
    let kernel = resolve(from, to, false).unwrap();
    let input = column(&[v(text, from).0], from);
    let selection = arena_tr_storage::Selection::All(1);
    match run(&kernel, &[Arg::Rows(&input)], &selection, 1, to) {
        Ok(values) => values[0].to_string(),
        Err((_, error)) => error.message,
    }
}

#[test]
fn results_and_errors() {
    for (text, from, to, expected) in [
        ("32768", "int4", "int2", "smallint out of range"),
        ("2147483648", "int8", "int4", "integer out of range"),
        ("2.5", "float8", "int4", "2"),
        ("3.5", "float8", "int4", "4"),
        ("2.5", "numeric", "int4", "3"),
        ("NaN", "float8", "int8", "bigint out of range"),
        ("1e300", "float8", "float4", "value out of range: overflow"),
        ("123.456", "numeric", "numeric(5,2)", "123.46"),
        ("1234.5", "numeric", "numeric(5,2)", "numeric field overflow"),
        ("abcdef", "text", "varchar(3)", "abc"),
        ("héllo wörld, long", "text", "varchar(13)", "héllo wörld, "),
        ("ab", "text", "char(4)", "ab  "),
        ("12345", "int4", "varchar(3)", "123"),
        ("ab", "char(4)", "text", "ab"),
        ("abc", "text", "int4", "invalid input syntax for type integer: \"abc\""),
        ("99999999999", "text", "int4", "value \"99999999999\" is out of range for type integer"),
        (" 42 ", "text", "int4", "42"),
        ("yes", "text", "bool", "true"),
        ("t", "bool", "text", "true"),
        ("5", "int4", "bool", "true"),
        ("2020-02-29 12:00:00", "timestamp", "date", "2020-02-29"),
        ("2020-02-29", "date", "timestamp", "2020-02-29 00:00:00"),
        ("0.1", "float4", "float8", "0.10000000149011612"),
        ("1e20", "float8", "text", "1e+20"),
        ("NULL", "text", "int4", "NULL"),
    ] {
        assert_eq!(cast(text, &ty(from), &ty(to)), expected, "{text} from {from} to {to}");
    }
    assert!(resolve(&DataType::Date, &DataType::Int4, false).is_none());
}

#[test]
fn try_cast_gives_null_for_rows_that_fail() {
    let texts = ["1", "x", "NULL", "99999999999"];
    let kernel = resolve(&DataType::Text, &DataType::Int4, true).unwrap();
    for rows in LENGTHS {
        let list: Vec<_> = (0..rows).map(|i| v(texts[i % 4], &DataType::Text).0).collect();
        let input = column(&list, &DataType::Text);
        for selection in selections(rows) {
            let got =
                run(&kernel, &[Arg::Rows(&input)], &selection, rows, &DataType::Int4).unwrap();
            let wanted: Vec<Value> = selection
                .iter()
                .map(|i| if i % 4 == 0 { Value::Int4(1) } else { Value::Null })
                .collect();
            assert_eq!(got, wanted);
        }
    }
}
