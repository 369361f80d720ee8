//! GREATEST, LEAST, NULLIF and constants.

use super::super::tests_support::{args, call_text, v};
use super::*;

#[test]
fn extremes_skip_nulls() {
    for (ty, texts, greatest, least) in [
        (DataType::Int4, vec!["3", "NULL", "1"], "3", "1"),
        (DataType::Float8, vec!["NaN", "1"], "NaN", "1"),
        (DataType::Text, vec!["b", "a", "a string that is long"], "b", "a"),
        (DataType::Numeric(None), vec!["1.0", "1.00"], "1.0", "1.0"),
        (DataType::Interval, vec!["1 mon", "31 days"], "31 days", "1 mon"),
        (DataType::Bool, vec!["f", "t"], "true", "false"),
        (DataType::Date, vec!["NULL", "NULL"], "NULL", "NULL"),
        (
            DataType::Timestamp,
            vec!["2020-01-01", "2021-01-01"],
            "2021-01-01 00:00:00",
            "2020-01-01 00:00:00",
        ),
    ] {
        assert_eq!(call_text(Func::Greatest, &args(&texts, &ty), &ty).unwrap(), greatest);
        assert_eq!(call_text(Func::Least, &args(&texts, &ty), &ty).unwrap(), least);
    }
}

#[test]
fn null_if_equal() {
    for (texts, expected) in
        [(["1", "1"], "NULL"), (["1", "2"], "1"), (["NULL", "1"], "NULL"), (["1", "NULL"], "1")]
    {
        assert_eq!(
            call_text(Func::NullIf, &args(&texts, &DataType::Int4), &DataType::Int4).unwrap(),
            expected
        );
    }
    let long = args(&["a string that is long", "another"], &DataType::Text);
    assert_eq!(call_text(Func::NullIf, &long, &DataType::Text).unwrap(), "a string that is long");
}

#[test]
fn counts_and_names() {
    let i = DataType::Int4;
    let three = [v("1", &i), v("NULL", &DataType::Text), v("NULL", &i)];
    assert_eq!(call_text(Func::NumNulls, &three, &i).unwrap(), "2");
    assert_eq!(call_text(Func::NumNonNulls, &three, &i).unwrap(), "1");
    assert_eq!(call_text(Func::PgTypeof, &[v("NULL", &i)], &DataType::Text).unwrap(), "integer");
    assert!(call_text(Func::Version, &[], &DataType::Text).unwrap().starts_with("Arena-TR "));
    assert_eq!(call_text(Func::CurrentSchema, &[], &DataType::Text).unwrap(), "public");
}
