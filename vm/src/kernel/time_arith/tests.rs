//! PostgreSQL 15's results, and the loop for constants against the calendar.

use super::super::resolve as kernel_of;
use super::super::tests_support::{LENGTHS, column, run, selections, text_call, v};
use super::*;
use arena_tr_types::Value;

#[test]
fn sums_and_differences() {
    for (func, a, b, ret, expected) in [
        (Func::Add, ("2001-09-28", "date"), ("7", "int4"), "date", "2001-10-05"),
        (Func::Add, ("7", "int4"), ("2001-09-28", "date"), "date", "2001-10-05"),
        (
            Func::Add,
            ("2001-09-28", "date"),
            ("1 hour", "interval"),
            "timestamp",
            "2001-09-28 01:00:00",
        ),
        (Func::Add, ("2001-09-28", "date"), ("03:00", "time"), "timestamp", "2001-09-28 03:00:00"),
        (
            Func::Add,
            ("2001-01-31 00:00:00", "timestamp"),
            ("1 month", "interval"),
            "timestamp",
            "2001-02-28 00:00:00",
        ),
        (
            Func::Add,
            ("23 hours", "interval"),
            ("2001-09-28 01:00", "timestamp"),
            "timestamp",
            "2001-09-29 00:00:00",
        ),
        (Func::Add, ("23:00", "time"), ("3 hours", "interval"), "time", "02:00:00"),
        (Func::Add, ("infinity", "timestamp"), ("1 day", "interval"), "timestamp", "infinity"),
        (
            Func::Add,
            ("294200-01-01", "timestamp"),
            ("300000 years", "interval"),
            "timestamp",
            "timestamp out of range",
        ),
        (Func::Sub, ("2001-10-01", "date"), ("2001-09-28", "date"), "int4", "3"),
        (
            Func::Sub,
            ("infinity", "date"),
            ("2001-09-28", "date"),
            "int4",
            "cannot subtract infinite dates",
        ),
        (Func::Sub, ("2001-10-01", "date"), ("7", "int4"), "date", "2001-09-24"),
        (
            Func::Sub,
            ("2001-09-29 03:00", "timestamp"),
            ("2001-07-27 12:00", "timestamp"),
            "interval",
            "63 days 15:00:00",
        ),
        (
            Func::Sub,
            ("2001-09-28 23:00", "timestamp"),
            ("23 hours", "interval"),
            "timestamp",
            "2001-09-28 00:00:00",
        ),
        (Func::Sub, ("05:00", "time"), ("03:00", "time"), "interval", "02:00:00"),
        (Func::Sub, ("05:00", "time"), ("6 hours", "interval"), "time", "23:00:00"),
        (Func::Sub, ("1 day", "interval"), ("1 hour", "interval"), "interval", "1 day -01:00:00"),
        (Func::Mul, ("1 hour", "interval"), ("3.5", "float8"), "interval", "03:30:00"),
        (Func::Mul, ("21", "float8"), ("1 day", "interval"), "interval", "21 days"),
        (Func::Div, ("1 hour", "interval"), ("1.5", "float8"), "interval", "00:40:00"),
        (Func::Div, ("1 hour", "interval"), ("0", "float8"), "interval", "division by zero"),
    ] {
        assert_eq!(text_call(func, &[a, b], ret), expected, "{a:?} {func:?} {b:?}");
    }
}

#[test]
fn an_interval_is_negated_field_by_field() {
    let negated = text_call(Func::Neg, &[("1 day 02:00:00", "interval")], "interval");
    assert_eq!(negated, "-1 days -02:00:00");
}

#[test]
fn constant_intervals_give_what_the_calendar_gives() {
    let times =
        ["2020-02-29 12:34:56", "NULL", "infinity", "1969-12-31 23:59:59.999999", "-infinity"];
    for rows in LENGTHS {
        let list: Vec<Value> = (0..rows).map(|i| v(times[i % 5], &DataType::Timestamp).0).collect();
        let column_of_times = column(&list, &DataType::Timestamp);
        for text in ["1 day 10 seconds", "-3 hours", "1 month"] {
            let interval = column(&[v(text, &DataType::Interval).0], &DataType::Interval);
            let repeated = column(&vec![v(text, &DataType::Interval).0; rows], &DataType::Interval);
            for func in [Func::Add, Func::Sub] {
                let kernel = kernel_of(
                    func,
                    &[DataType::Timestamp, DataType::Interval],
                    &DataType::Timestamp,
                )
                .unwrap();
                for selection in selections(rows) {
                    let by = |arg| {
                        run(
                            &kernel,
                            &[Arg::Rows(&column_of_times), arg],
                            &selection,
                            rows,
                            &DataType::Timestamp,
                        )
                        .unwrap()
                    };
                    assert_eq!(
                        by(Arg::Const(&interval)),
                        by(Arg::Rows(&repeated)),
                        "{func:?} {text}"
                    );
                }
            }
        }
    }
}
