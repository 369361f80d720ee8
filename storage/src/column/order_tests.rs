//! Tests of the order of rows: against the order written down here, and against the keys.

use super::*;
use crate::column::ColumnBuilder;
use arena_tr_types::{PhysicalType, Value};

/// Columns whose rows ascend strictly, NULL last.
fn ascending() -> Vec<Column> {
    let decimals = [
        Decimal::NEG_INFINITY,
        Decimal::new(-5, 0),
        Decimal::new(0, 0),
        Decimal::new(10, 1),
        Decimal::new(100, 2),
        Decimal::new(i128::from(u64::MAX), 0),
        Decimal::new(i128::from(u64::MAX) + 1, 0),
        Decimal::INFINITY,
        Decimal::NAN,
    ];
    let floats = [
        f64::NEG_INFINITY,
        -1.0,
        f64::MIN_POSITIVE,
        1.0,
        1.0 + f64::EPSILON,
        f64::INFINITY,
        f64::NAN,
    ];
    let strings =
        ["", "a", "a\0", "aa", "abcdefgh", "abcdefghi", "abcdefghijklm", "abcdefghijkln", "é"];
    let mut columns = vec![
        values(PhysicalType::Bool, [false, true].map(Value::Bool)),
        values(PhysicalType::I16, [i16::MIN, -1, 0, i16::MAX].map(Value::Int2)),
        values(PhysicalType::I32, [i32::MIN, -1, 0, i32::MAX].map(Value::Int4)),
        values(PhysicalType::I64, [i64::MIN, -1, 0, 1, i64::MAX].map(Value::Int8)),
        values(PhysicalType::F64, floats.map(Value::Float8)),
        values(PhysicalType::F32, [-1.5f32, 0.0, 2.0, f32::NAN].map(Value::Float4)),
        values(PhysicalType::Decimal, decimals.map(Value::Numeric)),
        values(PhysicalType::Str, strings.map(|s| Value::Text(s.into()))),
    ];
    let mut builder = ColumnBuilder::new(PhysicalType::I128, 4);
    [i128::MIN, -1, 0, 1 << 64].into_iter().for_each(|v| builder.push_i128(v));
    builder.push_null();
    columns.push(builder.finish());
    columns
}

fn values<const N: usize>(physical: PhysicalType, values: [Value; N]) -> Column {
    let mut builder = ColumnBuilder::new(physical, N);
    values.iter().for_each(|v| builder.push_value(v).unwrap());
    builder.push_null();
    builder.finish()
}

#[test]
fn rows_ascend_and_are_identical_to_themselves_alone() {
    for column in ascending() {
        let mut keys = Vec::new();
        let exact = column.order_keys(&mut keys);
        for i in 0..column.len() {
            for j in 0..column.len() {
                let order = column.cmp_identity(i, &column, j);
                assert_eq!(order, i.cmp(&j), "{column:?} rows {i} {j}");
                assert_eq!(column.same_row(i, &column, j), i == j, "{column:?} rows {i} {j}");
                if keys[i] != keys[j] {
                    assert_eq!(keys[i].cmp(&keys[j]), order, "keys of {column:?} rows {i} {j}");
                } else {
                    assert!(!exact || i == j, "keys of {column:?} rows {i} {j}");
                }
            }
        }
    }
}

#[test]
fn zeros_of_either_sign_are_two_rows_next_to_each_other() {
    let column = Column::F64([-1e-300, -0.0, 0.0, 1e-300].into_iter().collect());
    let mut keys = Vec::new();
    column.order_keys(&mut keys);
    assert_eq!(keys[1], keys[2]);
    assert!(keys[0] < keys[1] && keys[2] < keys[3]);
    assert!(!column.same_row(1, &column, 2));
}
