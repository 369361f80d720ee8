//! Every signature has a kernel, every cast too, and none panics whatever it is given.

use std::sync::Arc;

use arena_tr_storage::{Column, Selection};
use arena_tr_types::function::{Signature, Ty, signatures};
use arena_tr_types::schema::Field;
use arena_tr_types::value::cast_context;
use arena_tr_types::{DataType, Func, Value};

use super::tests_support::{LENGTHS, column, selections};
use super::{Arg, Call, Out, RowErrors, resolve, resolve_cast, resolve_filter};

/// Functions that views may not call and that statements do not compute yet.
const VOLATILE: [Func; 3] = [Func::Random, Func::GenRandomUuid, Func::ClockTimestamp];

fn list(ty: DataType) -> DataType {
    DataType::List(Box::new(ty))
}

fn record() -> DataType {
    let field = |name: &str, data_type| Field { name: name.into(), data_type, nullable: true };
    DataType::Struct(Arc::from([field("a", DataType::Int4), field("b", DataType::Text)]))
}

/// The types of a call of this signature, its polymorphic arguments being `element`.
fn concrete(ty: Ty, element: &DataType) -> DataType {
    match ty {
        Ty::Element | Ty::Any => element.clone(),
        Ty::ElementList => list(element.clone()),
        Ty::Record => record(),
        other => other.data_type().unwrap(),
    }
}

fn types_of(signature: &Signature, element: &DataType) -> (Vec<DataType>, DataType) {
    // A series is of numbers or times, whatever the element elsewhere.
    let series = signature.func == Func::GenerateSeries;
    let timed = series && signature.args.last() == Some(&Ty::Interval);
    let element = match (series, timed) {
        (true, true) => &DataType::Timestamp,
        (true, false) => &DataType::Int4,
        _ => element,
    };
    let mut args: Vec<DataType> = signature.args.iter().map(|ty| concrete(*ty, element)).collect();
    if signature.variadic {
        args.extend(args.last().cloned());
    }
    (args, concrete(signature.ret, element))
}

/// Values at the edges of a type.
fn edges(ty: &DataType) -> Vec<Value> {
    let texts: &[&str] = match ty {
        DataType::Bool => &["t", "f"],
        DataType::Int2 => &["0", "1", "-1", "32767", "-32768"],
        DataType::Int4 => &["0", "1", "-1", "2", "2147483647", "-2147483648", "70"],
        DataType::Int8 => &["0", "1", "-1", "9223372036854775807", "-9223372036854775808"],
        DataType::Float4 => &["0", "-0", "1.5", "NaN", "Infinity", "-Infinity", "3.4e38", "1e-45"],
        DataType::Float8 => {
            &["0", "-0", "1.5", "-2.5", "NaN", "Infinity", "-Infinity", "1.7e308", "5e-324"]
        }
        DataType::Numeric(_) => &[
            "0",
            "0.00",
            "1.50",
            "-2.5",
            "NaN",
            "Infinity",
            "-Infinity",
            "99999999999999999999999999999999999999",
            "0.00000000000000000000000000000000000001",
        ],
        DataType::Date => &["1970-01-01", "2020-02-29", "infinity", "-infinity", "4713-01-01 BC"],
        DataType::Time => &["00:00:00", "23:59:59.999999", "24:00:00"],
        DataType::Timestamp | DataType::TimestampTz => &[
            "1970-01-01 00:00:00",
            "2020-02-29 12:34:56.789",
            "infinity",
            "-infinity",
            "294276-12-31",
        ],
        DataType::Interval => {
            &["0", "1 mon -1 day 02:03:04", "-178000000 years", "2562047788 hours"]
        }
        DataType::Uuid => {
            &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
        }
        DataType::Jsonb => {
            &["null", "1", "\"a\"", "[1, \"é\", null]", "{\"a\": {\"b\": [1]}}", "[]", "{}"]
        }
        DataType::Bytea => &["\\x", "\\x00ff", "\\x0102030405060708090a0b0c0d0e0f"],
        DataType::List(element) if **element == DataType::Text => {
            &["{}", "{a,NULL,\"é,\"}", "{1,2}"]
        }
        DataType::List(element) if element.is_integer() => &["{}", "{1,NULL,3}", "{{1,2},{3,4}}"],
        DataType::Struct(_) => &["(1,a)", "(,)"],
        _ => &[
            "",
            "a",
            "%a_",
            "héllo wörld",
            "日本語テキスト",
            "0123456789012345",
            "\\",
            "(",
            "[a-z]*",
            "UTC",
            "day",
            "epoch",
            "hex",
            "YYYY-MM-DD",
            "99.99",
            "%s %1$I %L",
        ],
    };
    let mut values: Vec<Value> =
        texts.iter().filter_map(|text| Value::parse(text, ty).ok()).collect();
    values.push(Value::Null);
    values
}

#[test]
fn every_signature_has_a_kernel() {
    for signature in signatures().filter(|s| !VOLATILE.contains(&s.func)) {
        for element in [DataType::Int4, DataType::Text] {
            let (args, ret) = types_of(signature, &element);
            assert!(
                resolve(signature.func, &args, &ret).is_some(),
                "{:?} '{}' of {args:?} has no kernel",
                signature.func,
                signature.name
            );
        }
    }
}

#[test]
fn no_kernel_panics_on_edges_and_errors_are_announced() {
    for signature in signatures().filter(|s| !VOLATILE.contains(&s.func)) {
        for element in [DataType::Int4, DataType::Text] {
            let (args, ret) = types_of(signature, &element);
            // The type of a field depends on which it is; the series of edges are long.
            if matches!(signature.func, Func::RowField | Func::GenerateSeries) {
                continue;
            }
            let kernel = resolve(signature.func, &args, &ret).unwrap();
            let choices: Vec<Vec<Value>> = args.iter().map(edges).collect();
            // Rows that combine the edges of all arguments, in steps that meet most pairs.
            let rows = 600;
            let columns: Vec<Column> = (0..args.len())
                .map(|k| {
                    let pick = |i: usize| {
                        choices[k][(i * (2 * k + 1) + i / 7 * k) % choices[k].len()].clone()
                    };
                    column(&(0..rows).map(pick).collect::<Vec<_>>(), &args[k])
                })
                .collect();
            let arguments: Vec<Arg<'_>> = columns.iter().map(Arg::Rows).collect();
            let mut errors = RowErrors::new();
            let mut register = Column::Bool(Default::default());
            let selection = Selection::All(rows);
            let call = Call { args: &arguments, selection: &selection, rows, now: 0 };
            kernel.run(&call, &mut Out::new(&mut register), &mut errors);
            assert_eq!(register.len(), rows);
            assert!(errors.rows().is_sorted_by(|a, b| a < b), "{signature:?}: errors in order");
            if !signature.fallible {
                let first = errors.take_first();
                assert!(first.is_none(), "{signature:?} is not fallible, yet {first:?}");
            }
            // Values of valid rows can be read back; a strict function is NULL where an argument
            // is.
            for i in 0..rows {
                let value = register.value(i, &ret);
                let null = columns.iter().any(|c| c.is_null(i));
                assert!(!(signature.strict && null && !value.is_null()), "{signature:?} is strict");
            }
        }
    }
}

fn all_types() -> Vec<DataType> {
    vec![
        DataType::Bool,
        DataType::Int2,
        DataType::Int4,
        DataType::Int8,
        DataType::Float4,
        DataType::Float8,
        DataType::Numeric(None),
        DataType::Numeric(Some((5, 2))),
        DataType::Text,
        DataType::Varchar(None),
        DataType::Varchar(Some(3)),
        DataType::Char(4),
        DataType::Bytea,
        DataType::Date,
        DataType::Time,
        DataType::Timestamp,
        DataType::TimestampTz,
        DataType::Interval,
        DataType::Uuid,
        DataType::Jsonb,
        list(DataType::Int4),
        list(DataType::Text),
        record(),
        DataType::Unknown,
    ]
}

#[test]
fn casts_give_what_values_give() {
    for from in all_types() {
        for to in all_types() {
            let kernel = resolve_cast(&from, &to, false);
            assert_eq!(kernel.is_some(), cast_context(&from, &to).is_some(), "{from} to {to}");
            let (Some(kernel), Some(trying)) = (kernel, resolve_cast(&from, &to, true)) else {
                continue;
            };
            for value in edges(&from) {
                // Stored values fit their declared type; the cast is from there.
                let Ok(value) = value.cast(&from) else { continue };
                let padded = matches!(from, DataType::Char(_)) && !matches!(to, DataType::Char(_));
                let input = column(std::slice::from_ref(&value), &from);
                let args = [Arg::Rows(&input)];
                let selection = Selection::All(1);
                let call = Call { args: &args, selection: &selection, rows: 1, now: 0 };
                // A value does not know that it is a CHAR(n), whose padding a cast drops.
                let expected = match &value {
                    Value::Text(t) if padded && to.is_text() => {
                        Value::text(t.trim_end_matches(' ')).cast(&to)
                    }
                    _ => value.cast(&to),
                };
                let mut errors = RowErrors::new();
                let mut register = Column::Bool(Default::default());
                kernel.run(&call, &mut Out::new(&mut register), &mut errors);
                match &expected {
                    Ok(expected) => {
                        assert!(errors.is_empty(), "{value} from {from} to {to}: {errors:?}");
                        let got = register.value(0, &to);
                        assert_eq!(format!("{got:?}"), format!("{expected:?}"), "{from} to {to}");
                    }
                    Err(error) => {
                        let got = errors.take_first();
                        assert_eq!(got.as_ref(), Some(error), "{value} from {from} to {to}");
                    }
                }
                trying.run(&call, &mut Out::new(&mut register), &mut errors);
                assert!(errors.is_empty());
                assert_eq!(register.is_null(0), expected.is_err() || expected == Ok(Value::Null));
            }
        }
    }
}

#[test]
fn filters_keep_what_comparisons_say() {
    let funcs = [
        Func::Eq,
        Func::NotEq,
        Func::Lt,
        Func::LtEq,
        Func::Gt,
        Func::GtEq,
        Func::IsDistinct,
        Func::IsNotDistinct,
    ];
    for ty in all_types() {
        let values = edges(&ty);
        for rows in LENGTHS {
            let of = |step: usize| {
                let list: Vec<Value> =
                    (0..rows).map(|i| values[i * step % values.len()].clone()).collect();
                column(&list, &ty)
            };
            let (a, b) = (of(1), of(3));
            let constant = column(&values[..1], &ty);
            for func in funcs {
                let kernel = resolve(func, &[ty.clone(), ty.clone()], &DataType::Bool).unwrap();
                let filter = resolve_filter(func, &[ty.clone(), ty.clone()]).unwrap();
                for args in [
                    [Arg::Rows(&a), Arg::Rows(&b)],
                    [Arg::Rows(&a), Arg::Const(&constant)],
                    [Arg::Const(&constant), Arg::Rows(&b)],
                ] {
                    for selection in selections(rows) {
                        let call = Call { args: &args, selection: &selection, rows, now: 0 };
                        let mut register = Column::Bool(Default::default());
                        let mut errors = RowErrors::new();
                        kernel.run(&call, &mut Out::new(&mut register), &mut errors);
                        let mut kept = arena_tr_storage::MutBuffer::new();
                        filter.run(&call, &mut kept);
                        let expected: Vec<u16> = selection
                            .iter()
                            .filter(|i| register.value(*i, &DataType::Bool) == Value::Bool(true))
                            .map(|i| i as u16)
                            .collect();
                        assert_eq!(&kept[..], expected, "{func:?} of {ty}, {rows} rows");
                        // And the comparison itself is that of values.
                        for i in &selection {
                            let (x, y) = (
                                args[0].column().value(args[0].index(i), &ty),
                                args[1].column().value(args[1].index(i), &ty),
                            );
                            let wanted = compared(func, &x, &y, &ty);
                            assert_eq!(
                                register.value(i, &DataType::Bool),
                                wanted,
                                "{func:?} {x} {y} {ty}"
                            );
                        }
                    }
                }
            }
        }
    }
}

fn compared(func: Func, x: &Value, y: &Value, ty: &DataType) -> Value {
    let trimmed = |v: &Value| match (v, ty) {
        (Value::Text(t), DataType::Char(_)) => Value::text(t.trim_end_matches(' ')),
        _ => v.clone(),
    };
    let (x, y) = (&trimmed(x), &trimmed(y));
    let order = x.cmp_sql(y);
    let both = x.is_null() && y.is_null();
    let equal = both || (!x.is_null() && !y.is_null() && order.is_eq());
    Value::Bool(match func {
        Func::IsDistinct => !equal,
        Func::IsNotDistinct => equal,
        _ if x.is_null() || y.is_null() => return Value::Null,
        Func::Eq => order.is_eq(),
        Func::NotEq => order.is_ne(),
        Func::Lt => order.is_lt(),
        Func::LtEq => order.is_le(),
        Func::Gt => order.is_gt(),
        _ => order.is_ge(),
    })
}
