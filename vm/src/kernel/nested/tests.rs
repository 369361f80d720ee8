//! PostgreSQL 15's results.

use super::super::tests_support::{call_text, v};
use super::*;
use arena_tr_types::{Field, Schema};

const I: DataType = DataType::Int4;
const T: DataType = DataType::Text;

fn list(ty: &DataType) -> DataType {
    DataType::List(Box::new(ty.clone()))
}

fn of(func: Func, args: &[(&str, &DataType)], ret: &DataType) -> String {
    let values: Vec<_> = args.iter().map(|(text, ty)| v(text, ty)).collect();
    call_text(func, &values, ret).unwrap_or_else(|error| error.message)
}

#[test]
fn construction() {
    let ints = &list(&I);
    assert_eq!(of(Func::ArrayMake, &[("1", &I), ("NULL", &I), ("3", &I)], ints), "{1,NULL,3}");
    assert_eq!(of(Func::ArrayMake, &[], ints), "{}");
    assert_eq!(
        of(Func::ArrayMake, &[("{1,2}", ints), ("{3,4}", ints)], &list(ints)),
        "{{1,2},{3,4}}"
    );
    let ragged = of(Func::ArrayMake, &[("{1,2}", ints), ("{3}", ints)], &list(ints));
    assert_eq!(
        ragged,
        "multidimensional arrays must have array expressions with matching dimensions"
    );
    assert_eq!(of(Func::ArrayCat, &[("{1,2}", ints), ("{3}", ints)], ints), "{1,2,3}");
    assert_eq!(of(Func::ArrayCat, &[("NULL", ints), ("{3}", ints)], ints), "{3}");
    assert_eq!(of(Func::ArrayAppend, &[("{1}", ints), ("NULL", &I)], ints), "{1,NULL}");
    assert_eq!(of(Func::ArrayAppend, &[("NULL", ints), ("1", &I)], ints), "{1}");
    assert_eq!(of(Func::ArrayPrepend, &[("0", &I), ("{1}", ints)], ints), "{0,1}");
    assert_eq!(of(Func::ArrayFill, &[("7", &I), ("{3}", ints)], ints), "{7,7,7}");
    assert_eq!(of(Func::TrimArray, &[("{1,2,3}", ints), ("2", &I)], ints), "{1}");
    let too_many = of(Func::TrimArray, &[("{1,2}", ints), ("3", &I)], ints);
    assert_eq!(too_many, "number of elements to trim must be between 0 and 2");
}

#[test]
fn access() {
    let ints = &list(&I);
    for (index, expected) in
        [("1", "5"), ("3", "NULL"), ("0", "NULL"), ("-1", "NULL"), ("NULL", "NULL")]
    {
        assert_eq!(of(Func::ArrayIndex, &[("{5,6}", ints), (index, &I)], &I), expected);
    }
    for (low, high, expected) in [
        ("2", "3", "{2,3}"),
        ("-2147483648", "2", "{1,2}"),
        ("3", "2147483647", "{3,4}"),
        ("5", "6", "{}"),
        ("3", "2", "{}"),
    ] {
        let got = of(Func::ArraySlice, &[("{1,2,3,4}", ints), (low, &I), (high, &I)], ints);
        assert_eq!(got, expected, "[{low}:{high}]");
    }
    let fields = Schema::new(vec![Field::new("a", I, true), Field::new("b", T, true)]).fields;
    let row = &DataType::Struct(fields);
    assert_eq!(of(Func::RowMake, &[("1", &I), ("x", &T)], row), "(1,x)");
    assert_eq!(of(Func::RowField, &[("(1,x)", row), ("1", &I)], &T), "x");
    assert_eq!(of(Func::RowField, &[("NULL", row), ("1", &I)], &T), "NULL");
}

#[test]
fn shape() {
    let ints = &list(&I);
    for (func, array, n, expected) in [
        (Func::ArrayLength, "{1,2,3}", "1", "3"),
        (Func::ArrayLength, "{1}", "2", "NULL"),
        (Func::ArrayLength, "{}", "1", "NULL"),
        (Func::ArrayUpper, "{1,2}", "1", "2"),
        (Func::ArrayLower, "{1,2}", "1", "1"),
        (Func::ArrayLower, "{1,2}", "0", "NULL"),
    ] {
        assert_eq!(of(func, &[(array, ints), (n, &I)], &I), expected, "{func:?} {array} {n}");
    }
    assert_eq!(of(Func::Cardinality, &[("{}", ints)], &I), "0");
    assert_eq!(of(Func::ArrayNdims, &[("{}", ints)], &I), "NULL");
}

#[test]
fn searching() {
    let ints = &list(&I);
    let b = &DataType::Bool;
    assert_eq!(of(Func::Contains, &[("{1,4,3}", ints), ("{3,1,3}", ints)], b), "true");
    assert_eq!(of(Func::Contains, &[("{1,NULL}", ints), ("{NULL}", ints)], b), "false");
    assert_eq!(of(Func::ContainedBy, &[("{2}", ints), ("{1,2}", ints)], b), "true");
    assert_eq!(of(Func::Overlap, &[("{1,4}", ints), ("{2,1}", ints)], b), "true");
    assert_eq!(of(Func::Overlap, &[("{}", ints), ("{2,1}", ints)], b), "false");
    assert_eq!(of(Func::ArrayPosition, &[("{5,NULL,5}", ints), ("NULL", &I)], &I), "2");
    assert_eq!(of(Func::ArrayPosition, &[("{5,6,5}", ints), ("5", &I), ("2", &I)], &I), "3");
    assert_eq!(of(Func::ArrayPosition, &[("{5}", ints), ("7", &I)], &I), "NULL");
    assert_eq!(of(Func::ArrayPositions, &[("{5,6,5}", ints), ("5", &I)], ints), "{1,3}");
    assert_eq!(of(Func::ArrayRemove, &[("{1,NULL,2}", ints), ("NULL", &I)], ints), "{1,2}");
    assert_eq!(of(Func::ArrayReplace, &[("{1,2,1}", ints), ("1", &I), ("9", &I)], ints), "{9,2,9}");
}

#[test]
fn any_and_all() {
    let ints = &list(&I);
    for (func, value, array, expected) in [
        (Func::AnyEq, "1", "{1,2}", "true"),
        (Func::AnyEq, "3", "{1,2}", "false"),
        (Func::AnyEq, "3", "{1,NULL}", "NULL"),
        (Func::AnyEq, "1", "{1,NULL}", "true"),
        (Func::AnyEq, "NULL", "{}", "false"),
        (Func::AnyEq, "NULL", "{1}", "NULL"),
        (Func::AnyEq, "1", "NULL", "NULL"),
        (Func::AllNotEq, "3", "{1,2}", "true"),
        (Func::AllNotEq, "1", "{1,NULL}", "false"),
        (Func::AllNotEq, "3", "{1,NULL}", "NULL"),
        (Func::AllEq, "NULL", "{}", "true"),
        (Func::AnyLt, "1", "{0,2}", "true"),
        (Func::AllGtEq, "2", "{1,2}", "true"),
    ] {
        let got = of(func, &[(value, &I), (array, ints)], &DataType::Bool);
        assert_eq!(got, expected, "{func:?} {value} {array}");
    }
}

#[test]
fn arrays_and_text() {
    let texts = &list(&T);
    assert_eq!(of(Func::ArrayToString, &[("{1,NULL,3}", &list(&I)), (",", &T)], &T), "1,3");
    let with_null = [("{1,NULL,3}", &list(&I)), (",", &T), ("*", &T)];
    assert_eq!(of(Func::ArrayToString, &with_null, &T), "1,*,3");
    assert_eq!(of(Func::ArrayToString, &[("{t,f}", &list(&DataType::Bool)), (",", &T)], &T), "t,f");
    for (args, expected) in [
        (vec![("xx~~yy~~zz", &T), ("~~", &T)], "{xx,yy,zz}"),
        (vec![("xx~~yy~~zz", &T), ("~~", &T), ("yy", &T)], "{xx,NULL,zz}"),
        (vec![("abc", &T), ("NULL", &T)], "{a,b,c}"),
        (vec![("abc", &T), ("", &T)], "{abc}"),
        (vec![("", &T), (",", &T)], "{}"),
        (vec![("NULL", &T), (",", &T)], "NULL"),
    ] {
        assert_eq!(of(Func::StringToArray, &args, texts), expected, "{args:?}");
    }
}
