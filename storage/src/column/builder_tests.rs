//! Tests of builders: every type, NULLs at every place, refusals.

use super::*;

#[test]
fn every_type_goes_in_and_comes_out() {
    let field = arena_tr_types::Field::new("a", DataType::Int4, true);
    let samples = [
        (DataType::Bool, Value::Bool(true)),
        (DataType::Int2, Value::Int2(-2)),
        (DataType::Int4, Value::Int4(i32::MIN)),
        (DataType::Int8, Value::Int8(i64::MAX)),
        (DataType::Float4, Value::Float4(1.5)),
        (DataType::Float8, Value::Float8(-0.25)),
        (DataType::Numeric(None), Value::Numeric(Decimal::new(-1200, 2))),
        (DataType::Text, Value::Text("a text longer than twelve".into())),
        (DataType::Bytea, Value::Bytea([0, 255, 7][..].into())),
        (DataType::Date, Value::Date(-3)),
        (DataType::Time, Value::Time(5)),
        (DataType::Timestamp, Value::Timestamp(6)),
        (DataType::TimestampTz, Value::TimestampTz(7)),
        (DataType::Interval, Value::Interval(Interval { micros: -1, days: 2, months: -3 })),
        (DataType::Uuid, Value::Uuid(u128::MAX - 5)),
        (DataType::Jsonb, Value::Jsonb("{\"a\": 1}".into())),
        (
            DataType::List(Box::new(DataType::Int4)),
            Value::List([Value::Int4(1), Value::Null][..].into()),
        ),
        (DataType::Struct([field].into()), Value::Struct([Value::Int4(9)].into())),
    ];
    for (data_type, value) in samples {
        for n in [0, 1, 63, 64, 65, 1024] {
            let mut builder = ColumnBuilder::new(data_type.physical(), 0);
            for i in 0..n {
                if i % 5 == 3 {
                    builder.push_null();
                } else {
                    builder.push_value(&value).unwrap();
                }
            }
            assert_eq!(builder.len(), n);
            let column = builder.finish();
            assert_eq!((column.len(), column.physical()), (n, data_type.physical()));
            for i in 0..n {
                let expected = if i % 5 == 3 { Value::Null } else { value.clone() };
                assert_eq!(column.value(i, &data_type), expected);
            }
            assert_eq!(column.null_count(), (0..n).filter(|i| i % 5 == 3).count());
            assert_eq!(column.validity().is_none(), n < 4);
        }
    }
}

#[test]
fn null_slots_hold_zero() {
    let mut builder = ColumnBuilder::new(PhysicalType::I64, 2);
    builder.push_i64(7);
    builder.push_null();
    assert_eq!(&*builder.finish().as_i64().unwrap().values, &[7, 0]);
}

#[test]
fn integers_go_where_they_fit() {
    let mut builder = ColumnBuilder::new(PhysicalType::I16, 1);
    builder.push_value(&Value::Int8(300)).unwrap();
    let error = builder.push_value(&Value::Int4(40_000)).unwrap_err();
    assert_eq!(
        (error.state, &*error.message),
        (SqlState::NUMERIC_OUT_OF_RANGE, "smallint out of range")
    );
    assert_eq!(builder.finish().value(0, &DataType::Int2), Value::Int2(300));
}

#[test]
fn other_types_are_refused() {
    let mut builder = ColumnBuilder::new(PhysicalType::I64, 1);
    let error = builder.push_value(&Value::Text("1".into())).unwrap_err();
    assert_eq!(error.state, SqlState::DATATYPE_MISMATCH);
    assert_eq!(builder.len(), 0);
    let mut builder = ColumnBuilder::new(PhysicalType::Str, 1);
    assert!(builder.push_value(&Value::Int4(1)).is_err());
}

#[test]
fn constants_repeat() {
    let column = ColumnBuilder::constant(&Value::Null, &DataType::Text, 65).unwrap();
    assert_eq!((column.len(), column.null_count()), (65, 65));
    let column = ColumnBuilder::constant(&Value::Int8(4), &DataType::Int8, 3).unwrap();
    assert_eq!(&*column.as_i64().unwrap().values, &[4, 4, 4]);
}

#[test]
fn columns_are_built_in_an_arena() {
    use crate::arena::{BatchArena, Owner, Pool, Tier};
    let pool = Pool::new();
    let arena = BatchArena::new(&pool, Owner::new(1, 0, Tier::Ingest));
    let mut texts = ColumnBuilder::new_in(PhysicalType::Str, 4, &arena);
    let mut numbers = ColumnBuilder::new_in(PhysicalType::I64, 4, &arena);
    for i in 0..1024 {
        texts.push_str(format!("a text longer than twelve {i}").as_bytes());
        numbers.push_i64(i);
    }
    let (texts, numbers) = (texts.finish(), numbers.finish());
    let used = pool.usage().used_bytes as usize;
    assert!(used >= texts.memory_bytes() && used > numbers.memory_bytes(), "{used}");
    drop(arena);
    assert_eq!(texts.as_str().unwrap().str_at(1023), "a text longer than twelve 1023");
    assert_eq!(numbers.as_i64().unwrap().values[1023], 1023);
    drop((texts, numbers));
    assert_eq!(pool.usage().used_bytes, 0);
}
