//! Every operator against plain arithmetic, in every shape of columns, and its errors.

use super::super::tests_support::{
    LENGTHS, args, call_error, call_text, column, run, selections, v,
};
use super::super::{Arg, resolve};
use super::*;
use arena_tr_storage::Column;
use arena_tr_types::{DataType, Value};

/// Small numbers with NULLs every seventh row (or none), never zero when a divisor.
fn numbers(rows: usize, ty: &DataType, nulls: bool, shift: i64) -> Column {
    let value = |i: usize| {
        if nulls && i % 7 == 3 {
            return Value::Null;
        }
        Value::Int8((i as i64 % 11 + 1) * shift).cast(ty).unwrap()
    };
    column(&(0..rows).map(value).collect::<Vec<_>>(), ty)
}

fn expected(func: Func, a: &Value, b: &Value, ty: &DataType) -> Value {
    let (Some(x), Some(y)) = (a.as_f64(), b.as_f64()) else { return Value::Null };
    let result = match func {
        Func::Add => x + y,
        Func::Sub => x - y,
        Func::Mul => x * y,
        Func::Div if ty.is_integer() => (x / y).trunc(),
        Func::Div => x / y,
        _ => x % y,
    };
    Value::Float8(result).cast(ty).unwrap()
}

#[test]
fn all_shapes_of_columns() {
    let types =
        [DataType::Int2, DataType::Int4, DataType::Int8, DataType::Float4, DataType::Float8];
    for ty in types {
        for func in [Func::Add, Func::Sub, Func::Mul, Func::Div, Func::Mod] {
            let Some(kernel) = resolve(func, &[ty.clone(), ty.clone()], &ty) else {
                assert!(func == Func::Mod && !ty.is_integer());
                continue;
            };
            for rows in LENGTHS {
                for nulls in [false, true] {
                    let (a, b) =
                        (numbers(rows, &ty, nulls, 3), numbers(rows, &ty, nulls && rows > 64, 2));
                    let one = numbers(1, &ty, false, 5);
                    for pair in [
                        [Arg::Rows(&a), Arg::Rows(&b)],
                        [Arg::Rows(&a), Arg::Const(&one)],
                        [Arg::Const(&one), Arg::Rows(&b)],
                        [Arg::Const(&one), Arg::Const(&one)],
                    ] {
                        for selection in selections(rows) {
                            let got = run(&kernel, &pair, &selection, rows, &ty).unwrap();
                            let value =
                                |k: usize, i: usize| pair[k].column().value(pair[k].index(i), &ty);
                            let wanted: Vec<Value> = selection
                                .iter()
                                .map(|i| expected(func, &value(0, i), &value(1, i), &ty))
                                .collect();
                            assert_eq!(got, wanted, "{func:?} of {ty}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn null_slots_are_zero() {
    let (a, b) = (numbers(100, &DataType::Int8, true, 1), numbers(100, &DataType::Int8, false, 1));
    let kernel = resolve(Func::Add, &[DataType::Int8, DataType::Int8], &DataType::Int8).unwrap();
    let mut register = Column::Bool(Default::default());
    let selection = arena_tr_storage::Selection::All(100);
    let arguments = [Arg::Rows(&a), Arg::Rows(&b)];
    let call = Call { args: &arguments, selection: &selection, rows: 100, now: 0 };
    kernel.run(&call, &mut super::super::Out::new(&mut register), &mut Default::default());
    let sums = register.as_i64().unwrap();
    assert!((0..100).all(|i| sums.is_null(i) == (i % 7 == 3)));
    assert!((0..100).all(|i| !sums.is_null(i) || sums.values[i] == 0));
}

#[test]
fn overflow_and_division_by_zero() {
    for (func, ty, texts, message) in [
        (Func::Add, DataType::Int2, ["32767", "1"], "smallint out of range"),
        (Func::Sub, DataType::Int2, ["-32768", "1"], "smallint out of range"),
        (Func::Mul, DataType::Int2, ["-32768", "-1"], "smallint out of range"),
        (Func::Add, DataType::Int4, ["2147483647", "1"], "integer out of range"),
        (Func::Sub, DataType::Int4, ["-2147483648", "1"], "integer out of range"),
        (Func::Mul, DataType::Int4, ["65536", "65536"], "integer out of range"),
        (Func::Div, DataType::Int4, ["-2147483648", "-1"], "integer out of range"),
        (Func::Div, DataType::Int4, ["1", "0"], "division by zero"),
        (Func::Mod, DataType::Int4, ["1", "0"], "division by zero"),
        (Func::Add, DataType::Int8, ["9223372036854775807", "1"], "bigint out of range"),
        (Func::Sub, DataType::Int8, ["-9223372036854775808", "1"], "bigint out of range"),
        (Func::Mul, DataType::Int8, ["9223372036854775807", "2"], "bigint out of range"),
        (Func::Div, DataType::Int8, ["-9223372036854775808", "-1"], "bigint out of range"),
        (Func::Add, DataType::Float8, ["1.7e308", "1.7e308"], "value out of range: overflow"),
        (Func::Mul, DataType::Float8, ["1e-200", "1e-200"], "value out of range: underflow"),
        (Func::Div, DataType::Float8, ["1", "0"], "division by zero"),
        (Func::Div, DataType::Float8, ["Infinity", "0"], "division by zero"),
        (Func::Div, DataType::Float4, ["3e38", "1e-10"], "value out of range: overflow"),
        (Func::Div, DataType::Numeric(None), ["1", "0"], "division by zero"),
    ] {
        assert_eq!(call_error(func, &args(&texts, &ty), &ty), message, "{texts:?}");
    }
    for (func, ty, texts, result) in [
        (Func::Mod, DataType::Int4, ["-2147483648", "-1"], "0"),
        (Func::Mod, DataType::Int4, ["-7", "3"], "-1"),
        (Func::Div, DataType::Int4, ["-7", "2"], "-3"),
        (Func::Div, DataType::Float8, ["NaN", "0"], "NaN"),
        (Func::Div, DataType::Float8, ["1", "Infinity"], "0"),
        (Func::Add, DataType::Float8, ["Infinity", "1e308"], "Infinity"),
        (Func::Mul, DataType::Float8, ["0", "5"], "0"),
        (Func::Add, DataType::Numeric(None), ["0.1", "0.20"], "0.30"),
        (Func::Mul, DataType::Numeric(None), ["1.5", "1.50"], "2.250"),
        (Func::Div, DataType::Numeric(None), ["1", "3"], "0.33333333333333333333"),
        (Func::Mod, DataType::Numeric(None), ["-7.5", "2"], "-1.5"),
        (Func::BitAnd, DataType::Int4, ["12", "10"], "8"),
        (Func::BitOr, DataType::Int8, ["12", "10"], "14"),
        (Func::BitXor, DataType::Int2, ["12", "10"], "6"),
    ] {
        assert_eq!(call_text(func, &args(&texts, &ty), &ty).unwrap(), result, "{func:?} {texts:?}");
    }
}

#[test]
fn one_operand() {
    for (func, ty, text, result) in [
        (Func::Neg, DataType::Int4, "5", "-5"),
        (Func::Neg, DataType::Float8, "0", "-0"),
        (Func::Neg, DataType::Numeric(None), "1.50", "-1.50"),
        (Func::Abs, DataType::Int8, "-5", "5"),
        (Func::Abs, DataType::Float4, "-1.5", "1.5"),
        (Func::BitNot, DataType::Int4, "0", "-1"),
    ] {
        assert_eq!(call_text(func, &args(&[text], &ty), &ty).unwrap(), result);
    }
    let least = args(&["-2147483648"], &DataType::Int4);
    assert_eq!(call_error(Func::Neg, &least, &DataType::Int4), "integer out of range");
    assert_eq!(call_error(Func::Abs, &least, &DataType::Int4), "integer out of range");
    let shift = [v("1", &DataType::Int8), v("40", &DataType::Int4)];
    assert_eq!(call_text(Func::ShiftLeft, &shift, &DataType::Int8).unwrap(), "1099511627776");
    let shift = [v("-8", &DataType::Int4), v("1", &DataType::Int4)];
    assert_eq!(call_text(Func::ShiftRight, &shift, &DataType::Int4).unwrap(), "-4");
}

#[test]
fn only_selected_rows_that_are_not_null_fail() {
    let ty = DataType::Int4;
    let zero = |i: usize| match i % 4 {
        0 => Value::Null,
        1 => Value::Int4(0),
        _ => Value::Int4(2),
    };
    let a = column(&vec![Value::Int4(8); 130], &ty);
    let b = column(&(0..130).map(zero).collect::<Vec<_>>(), &ty);
    let kernel = resolve(Func::Div, &[ty.clone(), ty.clone()], &ty).unwrap();
    for selection in selections(130) {
        let arguments = [Arg::Rows(&a), Arg::Rows(&b)];
        let call = Call { args: &arguments, selection: &selection, rows: 130, now: 0 };
        let mut errors = super::super::RowErrors::new();
        let mut register = Column::Bool(Default::default());
        kernel.run(&call, &mut super::super::Out::new(&mut register), &mut errors);
        let failed: Vec<usize> = errors.rows().collect();
        assert_eq!(failed, selection.iter().filter(|i| i % 4 == 1).collect::<Vec<_>>());
    }
}
