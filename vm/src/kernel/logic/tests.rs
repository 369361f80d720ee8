//! Truth tables in every shape of columns.

use super::super::Kernel;
use super::super::tests_support::{LENGTHS, column, run, selections};
use super::*;
use arena_tr_types::{DataType, Value};

fn values(rows: usize, step: usize, nulls: bool) -> Vec<Value> {
    (0..rows)
        .map(|i| match (i / step) % 3 {
            0 => Value::Bool(true),
            1 => Value::Bool(false),
            _ if nulls => Value::Null,
            _ => Value::Bool(i % 2 == 0),
        })
        .collect()
}

fn and3(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or3(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    and3(a.map(|a| !a), b.map(|b| !b)).map(|c| !c)
}

#[test]
fn and_or_not() {
    let kernels = [
        (Kernel::new(and), and3 as fn(Option<bool>, Option<bool>) -> Option<bool>),
        (Kernel::new(or), or3),
    ];
    let constants =
        [Value::Bool(true), Value::Bool(false), Value::Null].map(|v| column(&[v], &DataType::Bool));
    for rows in LENGTHS {
        for (left, right) in [(true, true), (true, false), (false, false)] {
            let a = column(&values(rows, 1, left), &DataType::Bool);
            let b = column(&values(rows, 3, right), &DataType::Bool);
            let mut pairs = vec![[Arg::Rows(&a), Arg::Rows(&b)]];
            pairs.extend(constants.iter().map(|c| [Arg::Rows(&a), Arg::Const(c)]));
            pairs.extend(constants.iter().map(|c| [Arg::Const(c), Arg::Rows(&b)]));
            for (kernel, table) in &kernels {
                for pair in &pairs {
                    for selection in selections(rows) {
                        let got = run(kernel, pair, &selection, rows, &DataType::Bool).unwrap();
                        let side = |k: usize, i: usize| {
                            pair[k].column().value(pair[k].index(i), &DataType::Bool).as_bool()
                        };
                        let wanted = selection.iter().map(|i| table(side(0, i), side(1, i)));
                        assert!(got.iter().map(Value::as_bool).eq(wanted));
                    }
                }
            }
            let got = run(
                &Kernel::new(not),
                &[Arg::Rows(&a)],
                &Selection::All(rows),
                rows,
                &DataType::Bool,
            );
            let wanted = values(rows, 1, left).into_iter().map(|v| v.as_bool().map(|b| !b));
            assert!(got.unwrap().iter().map(Value::as_bool).eq(wanted));
        }
    }
}

#[test]
fn three_conditions() {
    let [t, f, n] =
        [Value::Bool(true), Value::Bool(false), Value::Null].map(|v| column(&[v], &DataType::Bool));
    let of = |kernel: fn(&Call<'_>, &mut Out<'_>, &mut RowErrors), cols: [&Column; 3]| {
        let args = cols.map(Arg::Rows);
        run(&Kernel::new(kernel), &args, &Selection::All(1), 1, &DataType::Bool).unwrap().remove(0)
    };
    assert_eq!(of(and, [&t, &n, &f]), Value::Bool(false));
    assert_eq!(of(and, [&t, &n, &t]), Value::Null);
    assert_eq!(of(or, [&f, &n, &t]), Value::Bool(true));
    assert_eq!(of(or, [&f, &n, &f]), Value::Null);
}

#[test]
fn null_tests() {
    for rows in LENGTHS {
        let text: Vec<Value> =
            (0..rows).map(|i| if i % 3 == 0 { Value::Null } else { Value::text("a") }).collect();
        let column = column(&text, &DataType::Text);
        let args = [Arg::Rows(&column)];
        let all = Selection::All(rows);
        let null = run(&Kernel::new(is_null), &args, &all, rows, &DataType::Bool).unwrap();
        let not_null = run(&Kernel::new(is_not_null), &args, &all, rows, &DataType::Bool).unwrap();
        for i in 0..rows {
            assert_eq!(null[i], Value::Bool(i % 3 == 0));
            assert_eq!(not_null[i], Value::Bool(i % 3 != 0));
        }
    }
}

#[test]
fn conditions_become_selections() {
    for rows in LENGTHS {
        let list = values(rows, 2, true);
        let conditions = column(&list, &DataType::Bool);
        for selection in selections(rows) {
            let (mut yes, mut rest) = (MutBuffer::new(), MutBuffer::new());
            select_true(Arg::Rows(&conditions), &selection, &mut yes);
            select_not_true(Arg::Rows(&conditions), &selection, &mut rest);
            let is_true = |i: &usize| list[*i] == Value::Bool(true);
            let wanted: Vec<u16> = selection.iter().filter(is_true).map(|i| i as u16).collect();
            assert_eq!(&yes[..], wanted);
            let wanted: Vec<u16> =
                selection.iter().filter(|i| !is_true(i)).map(|i| i as u16).collect();
            assert_eq!(&rest[..], wanted);
        }
    }
}

#[test]
fn packing_gathers_bits_in_order() {
    for n in 0..=64 {
        let bytes: Vec<u8> = (0..n).map(|i| u8::from(i % 3 == 1)).collect();
        let wanted = (0..n).filter(|i| i % 3 == 1).fold(0_u64, |word, i| word | 1 << i);
        assert_eq!(pack(&bytes), wanted);
    }
}
