//! What the tests of kernels share: calls with values, and columns of every shape.

use arena_tr_storage::{Buffer, Column, ColumnBuilder, Selection};
use arena_tr_types::{DataType, Func, SqlError, Value};

use super::{Arg, Call, Kernel, Out, RowErrors, resolve};

/// Lengths around the word and batch sizes.
pub(super) const LENGTHS: [usize; 6] = [0, 1, 63, 64, 65, 1024];

/// 2000-01-01 12:00:00, the epoch's time in tests.
pub(super) const NOW: i64 = 946_728_000_000_000;

/// A column of these values.
pub(super) fn column(values: &[Value], ty: &DataType) -> Column {
    let mut builder = ColumnBuilder::new(ty.physical(), values.len());
    values.iter().for_each(|value| builder.push_value(value).unwrap());
    builder.finish()
}

/// Runs a kernel over columns; the values of selected rows, or the first error.
pub(super) fn run(
    kernel: &Kernel,
    args: &[Arg<'_>],
    selection: &Selection,
    rows: usize,
    ret: &DataType,
) -> Result<Vec<Value>, (usize, SqlError)> {
    let mut register = Column::Bool(Default::default());
    let mut errors = RowErrors::new();
    let call = Call { args, selection, rows, now: NOW };
    // Twice, so that the second run fills recycled buffers.
    for _ in 0..2 {
        errors.clear();
        kernel.run(&call, &mut Out::new(&mut register), &mut errors);
    }
    assert_eq!(register.len(), rows, "the output has as many rows as the batch");
    assert_eq!(register.physical(), ret.physical());
    let first = errors.drain().next();
    match first {
        Some(error) => Err(error),
        None => Ok(selection.iter().map(|i| register.value(i, ret)).collect()),
    }
}

/// One call with constants: the value.
pub(super) fn call(
    func: Func,
    args: &[(Value, DataType)],
    ret: &DataType,
) -> Result<Value, SqlError> {
    let types: Vec<DataType> = args.iter().map(|(_, ty)| ty.clone()).collect();
    let kernel =
        resolve(func, &types, ret).unwrap_or_else(|| panic!("{func:?} has a kernel for {types:?}"));
    let columns: Vec<Column> =
        args.iter().map(|(v, ty)| column(std::slice::from_ref(v), ty)).collect();
    let mut result = None;
    // As constants and as rows: both give the same.
    for constant in [true, false] {
        let arg = |c| if constant { Arg::Const(c) } else { Arg::Rows(c) };
        let args: Vec<Arg<'_>> = columns.iter().map(arg).collect();
        let values = run(&kernel, &args, &Selection::All(1), 1, ret).map_err(|(_, error)| error);
        let value = values.map(|mut values| values.remove(0));
        if let Some(before) = result.replace(value.clone()) {
            assert_eq!(format!("{before:?}"), format!("{value:?}"));
        }
    }
    result.unwrap()
}

/// One call, its result as text (NULL as `NULL`).
pub(super) fn call_text(
    func: Func,
    args: &[(Value, DataType)],
    ret: &DataType,
) -> Result<String, SqlError> {
    call(func, args, ret).map(|value| value.to_string())
}

/// The message of the error that a call gives.
pub(super) fn call_error(func: Func, args: &[(Value, DataType)], ret: &DataType) -> String {
    call(func, args, ret).expect_err("the call fails").message
}

/// A value of a type from its text; `NULL` is NULL.
pub(super) fn v(text: &str, ty: &DataType) -> (Value, DataType) {
    let value = if text == "NULL" { Value::Null } else { Value::parse(text, ty).unwrap() };
    (value, ty.clone())
}

/// A type by a short name: tables of cases name types by text, because arrays of values that need
/// dropping are slow to compile.
pub(super) fn ty(name: &str) -> DataType {
    match name {
        "bool" => DataType::Bool,
        "int2" => DataType::Int2,
        "int4" => DataType::Int4,
        "int8" => DataType::Int8,
        "float4" => DataType::Float4,
        "float8" => DataType::Float8,
        "numeric" => DataType::Numeric(None),
        "numeric(5,2)" => DataType::Numeric(Some((5, 2))),
        "text" => DataType::Text,
        "varchar(3)" => DataType::Varchar(Some(3)),
        "varchar(13)" => DataType::Varchar(Some(13)),
        "char(4)" => DataType::Char(4),
        "bytea" => DataType::Bytea,
        "date" => DataType::Date,
        "time" => DataType::Time,
        "timestamp" => DataType::Timestamp,
        "timestamptz" => DataType::TimestampTz,
        "interval" => DataType::Interval,
        "uuid" => DataType::Uuid,
        "jsonb" => DataType::Jsonb,
        "int4[]" => DataType::List(Box::new(DataType::Int4)),
        "bool[]" => DataType::List(Box::new(DataType::Bool)),
        "text[]" => DataType::List(Box::new(DataType::Text)),
        _ => panic!("no type named {name} here"),
    }
}

/// One call with arguments given as (text, type); the result or the error's message.
pub(super) fn text_call(func: Func, arguments: &[(&str, &str)], ret: &str) -> String {
    let values: Vec<_> = arguments.iter().map(|(text, name)| v(text, &ty(name))).collect();
    call_text(func, &values, &ty(ret)).unwrap_or_else(|error| error.message)
}

/// Arguments of one type from their texts.
pub(super) fn args(texts: &[&str], ty: &DataType) -> Vec<(Value, DataType)> {
    texts.iter().map(|text| v(text, ty)).collect()
}

/// Every selection shape of a batch: all, none, every third, only the last.
pub(super) fn selections(rows: usize) -> Vec<Selection> {
    let indices = |keep: &dyn Fn(usize) -> bool| {
        let list: Vec<u16> = (0..rows).filter(|i| keep(*i)).map(|i| i as u16).collect();
        Selection::from_indices(Buffer::from_slice(&list))
    };
    vec![
        Selection::All(rows),
        indices(&|_| false),
        indices(&|i| i % 3 == 0),
        indices(&|i| i + 1 == rows),
    ]
}
