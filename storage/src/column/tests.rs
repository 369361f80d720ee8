//! Tests of what all columns do alike.

use super::*;

const SIZES: [usize; 7] = [0, 1, 63, 64, 65, 1023, 1024];

/// One column of each physical type, with and without NULLs.
fn columns(n: usize, nulls: bool) -> Vec<(Column, DataType)> {
    let types = [
        DataType::Bool,
        DataType::Int2,
        DataType::Int4,
        DataType::Int8,
        DataType::Float4,
        DataType::Float8,
        DataType::Numeric(None),
        DataType::Uuid,
        DataType::Text,
    ];
    let value = |data_type: &DataType, i: usize| match data_type {
        _ if nulls && i.is_multiple_of(3) => Value::Null,
        DataType::Bool => Value::Bool(i.is_multiple_of(2)),
        DataType::Int2 => Value::Int2(i as i16),
        DataType::Int4 => Value::Int4(i as i32),
        DataType::Int8 => Value::Int8(i as i64),
        DataType::Float4 => Value::Float4(i as f32),
        DataType::Float8 => Value::Float8(i as f64),
        DataType::Numeric(_) => Value::Numeric(Decimal::new(i as i128, 1)),
        DataType::Uuid => Value::Uuid(i as u128),
        _ => Value::Text("ab".repeat(i % 20).into()),
    };
    let build = |data_type: DataType| {
        let mut builder = ColumnBuilder::new(data_type.physical(), n);
        (0..n).for_each(|i| builder.push_value(&value(&data_type, i)).unwrap());
        (builder.finish(), data_type)
    };
    types.into_iter().map(build).collect()
}

fn values(column: &Column, data_type: &DataType) -> Vec<Value> {
    (0..column.len()).map(|i| column.value(i, data_type)).collect()
}

#[test]
fn slices_takes_and_concats_agree_with_vectors_of_values() {
    for n in SIZES {
        for (column, t) in columns(n, false).into_iter().chain(columns(n, true)) {
            let all = values(&column, &t);
            for start in [0, 1, 64, n / 2, n].into_iter().filter(|&s| s <= n) {
                let slice = column.slice(start, n - start);
                assert_eq!(values(&slice, &t), all[start..]);
                let joined = Column::concat(t.physical(), &[&slice, &column]);
                assert_eq!(values(&joined, &t), [&all[start..], &all].concat());
                let nulls = all[start..].iter().filter(|v| v.is_null()).count();
                assert_eq!(slice.null_count(), nulls);
                assert_eq!(slice.validity().is_none(), nulls == 0);
            }
            let rows: Vec<u32> = (0..n as u32).rev().collect();
            let reversed: Vec<_> = all.iter().rev().cloned().collect();
            assert_eq!(values(&column.take(&rows), &t), reversed);
            let rows: Vec<u16> = (0..n as u16).filter(|i| i % 7 == 1).collect();
            let some: Vec<_> = rows.iter().map(|&i| all[usize::from(i)].clone()).collect();
            assert_eq!(values(&column.take(&rows), &t), some);
        }
    }
}

#[test]
fn columns_of_no_rows_and_of_nulls() {
    for (column, t) in columns(1, false) {
        assert!(Column::empty(t.physical()).is_empty());
        assert_eq!(Column::concat(t.physical(), &[]).physical(), t.physical());
        let nulls = Column::nulls(t.physical(), 65);
        assert_eq!(values(&nulls, &t), vec![Value::Null; 65]);
        assert_eq!(values(&column.repeat(0, 3), &t), vec![column.value(0, &t); 3]);
    }
}

#[test]
fn accessors_know_their_type() {
    let column = Column::from(Fixed::from(vec![1i64, 2]));
    assert_eq!(&*column.as_i64().unwrap().values, &[1, 2]);
    assert!(column.as_i32().is_none() && column.as_str().is_none());
    let masked = column.with_validity(Some(Bitmap::from_bools([false, true])));
    assert!(masked.is_null(0) && !masked.is_null(1));
}

#[test]
fn columns_are_shared_between_threads() {
    fn sendable<T: Send + Sync>() {}
    sendable::<Column>();
    sendable::<Selection>();
    sendable::<ColumnBuilder>();
}
