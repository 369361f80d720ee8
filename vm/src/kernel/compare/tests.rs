//! Orders that differ from the plain one. The shapes of columns are tried in
//! [`super::super::tests`].

use super::super::tests_support::{args, call_text};
use super::*;

#[test]
fn special_orders() {
    for (func, ty, texts, expected) in [
        (Func::Eq, DataType::Float8, ["NaN", "NaN"], "true"),
        (Func::Gt, DataType::Float8, ["NaN", "Infinity"], "true"),
        (Func::Eq, DataType::Float8, ["0", "-0"], "true"),
        (Func::LtEq, DataType::Float4, ["NaN", "NaN"], "true"),
        (Func::Eq, DataType::Numeric(None), ["1.0", "1.00"], "true"),
        (Func::Lt, DataType::Numeric(None), ["1.0", "1.01"], "true"),
        (Func::Eq, DataType::Interval, ["1 mon", "30 days"], "true"),
        (Func::Eq, DataType::Char(4), ["a", "a  "], "true"),
        (Func::Lt, DataType::Text, ["Z", "a"], "true"),
        (Func::Lt, DataType::Text, ["abcd", "abcde"], "true"),
        (Func::Eq, DataType::Text, ["0123456789ab", "0123456789ab"], "true"),
        (Func::Eq, DataType::Text, ["0123456789abc", "0123456789abd"], "false"),
        (Func::Lt, DataType::Text, ["0123456789abc", "0123456789abd"], "true"),
        (
            Func::Gt,
            DataType::Uuid,
            ["ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000001"],
            "true",
        ),
        (Func::Eq, DataType::Jsonb, ["{\"a\":1.0}", "{\"a\":1.00}"], "true"),
        (Func::Lt, DataType::List(Box::new(DataType::Int4)), ["{1,2}", "{1,3}"], "true"),
    ] {
        assert_eq!(
            call_text(func, &args(&texts, &ty), &DataType::Bool).unwrap(),
            expected,
            "{texts:?}"
        );
    }
}

#[test]
fn distinctness_is_never_null() {
    for (texts, expected) in
        [(["1", "NULL"], "true"), (["NULL", "NULL"], "false"), (["1", "1"], "false")]
    {
        let pair = args(&texts, &DataType::Int4);
        assert_eq!(call_text(Func::IsDistinct, &pair, &DataType::Bool).unwrap(), expected);
    }
}
