//! Programs from hand-built plans, run on every batch size.

mod stateful;

use arena_tr_planner::physical::{Expr, ExprKind, NodeId, Op, PhysicalPlan};
use arena_tr_types::{DataType, Func, Schema, Value};

use crate::testing::*;
use crate::{OnError, compile};

fn bids() -> Schema {
    schema(&[
        ("auction", DataType::Int8),
        ("price", DataType::Int8),
        ("channel?", DataType::Text),
        ("ts", DataType::Timestamp),
    ])
}

fn bid(i: i64) -> Vec<Value> {
    let channel =
        if i % 5 == 0 { Value::Null } else { text(["a", "channel number two"][(i % 2) as usize]) };
    vec![Value::Int8(i % 7), Value::Int8(i * 10), channel, Value::Timestamp(i * 1_000_000)]
}

fn over_bids(make: impl FnOnce(&mut PlanBuilder, NodeId) -> NodeId) -> PhysicalPlan {
    let mut b = PlanBuilder::new();
    let input = b.input("bids", &bids(), true);
    let root = make(&mut b, input);
    b.finish(root)
}

/// What a row function gives for all rows, as the runner shows it.
fn expected(n: i64, f: impl Fn(&[Value]) -> Option<Vec<Value>>) -> Vec<String> {
    let mut lines: Vec<String> = (0..n)
        .filter_map(|i| f(&bid(i)))
        .map(|row| {
            let show = |v: &Value| if v.is_null() { "NULL".into() } else { v.to_text() };
            format!("+1|{}", row.iter().map(show).collect::<Vec<String>>().join("|"))
        })
        .collect();
    lines.sort();
    lines
}

fn check_on_bids(plan: &PhysicalPlan, f: impl Fn(&[Value]) -> Option<Vec<Value>>) {
    let n = 2500;
    let rows = once((0..n).map(bid).collect());
    let wanted = expected(n, f);
    for size in SIZES.into_iter().chain([2500]) {
        assert_eq!(
            Runner::new(plan).rows(std::slice::from_ref(&rows), size),
            wanted,
            "batches of {size}"
        );
    }
}

fn price() -> Expr {
    col(1, DataType::Int8)
}

fn of_price(row: &[Value]) -> i64 {
    match row[1] {
        Value::Int8(i) => i,
        _ => panic!("a price"),
    }
}

#[test]
fn forwards_columns_without_copying() {
    let plan = over_bids(|b, input| b.filter(input, compare(Func::Gt, price(), int(100))));
    check_on_bids(&plan, |row| (of_price(row) > 100).then(|| row.to_vec()));
    let mut runner = Runner::new(&plan);
    let batch = batches(&once((0..64).map(bid).collect()), &plan.inputs[0].types, 64);
    let output = runner.step(std::slice::from_ref(&batch)).expect("steps");
    let (input, output) = (&batch[0].columns[0], &output.delta[0].columns[0]);
    let (input, output) = (input.as_i64().expect("bigint"), output.as_i64().expect("bigint"));
    assert!(input.values.same_memory(&output.values), "the auction column was copied");
}

#[test]
fn filters_narrow_step_by_step() {
    let plan = over_bids(|b, input| {
        let even =
            compare(Func::Eq, call(Func::Mod, vec![price(), int(20)], DataType::Int8), int(0));
        let named = expr(
            ExprKind::Not(Box::new(expr(
                ExprKind::IsNull(Box::new(col(2, DataType::Text))),
                DataType::Bool,
            ))),
            DataType::Bool,
        );
        b.filter(input, expr(ExprKind::And(vec![even, named]), DataType::Bool))
    });
    let text = compile(&plan, "t").expect("compiles").to_text();
    assert!(text.contains("mod.i64") && text.contains("sel.notnull"), "{text}");
    check_on_bids(&plan, |row| {
        (of_price(row) % 20 == 0 && !row[2].is_null()).then(|| row.to_vec())
    });
}

#[test]
fn computes_and_shares_expressions() {
    let double = call(Func::Mul, vec![price(), int(2)], DataType::Int8);
    let plan = over_bids(|b, input| {
        let filtered = b.filter(input, compare(Func::Lt, double.clone(), int(5000)));
        b.project(
            filtered,
            vec![
                ("a", double.clone()),
                ("b", call(Func::Add, vec![double.clone(), int(1)], DataType::Int8)),
                ("c", lit(text("constant"))),
            ],
        )
    });
    let program = compile(&plan, "t").expect("compiles").to_text();
    assert_eq!(program.matches("mul.i64").count(), 1, "{program}");
    check_on_bids(&plan, |row| {
        let d = of_price(row) * 2;
        (d < 5000).then(|| vec![Value::Int8(d), Value::Int8(d + 1), text("constant")])
    });
}

/// CASE WHEN price % 3 = 0 THEN 'fizz' WHEN price % 5 = 0 THEN channel ELSE NULL END
#[test]
fn case_takes_the_first_true_arm() {
    let divisible =
        |n| compare(Func::Eq, call(Func::Mod, vec![price(), int(n)], DataType::Int8), int(0));
    let case = expr(
        ExprKind::Case {
            branches: vec![
                (divisible(3), lit(text("a fizz that is long"))),
                (divisible(50), col(2, DataType::Text)),
            ],
            otherwise: None,
        },
        DataType::Text,
    );
    let plan = over_bids(|b, input| b.project(input, vec![("c", case)]));
    check_on_bids(&plan, |row| {
        Some(vec![match of_price(row) {
            p if p % 3 == 0 => text("a fizz that is long"),
            p if p % 50 == 0 => row[2].clone(),
            _ => Value::Null,
        }])
    });
}

/// An arm that no row takes, or that rows with a zero divisor do not take, is no error.
#[test]
fn untaken_arms_do_not_fail() {
    let inverse = call(Func::Div, vec![int(1000), price()], DataType::Int8);
    let zero = compare(Func::Eq, price(), int(0));
    let guarded = expr(
        ExprKind::Case {
            branches: vec![(zero.clone(), int(-1))],
            otherwise: Some(Box::new(inverse.clone())),
        },
        DataType::Int8,
    );
    let small = compare(Func::Lt, inverse.clone(), int(3));
    let either = expr(ExprKind::Or(vec![zero.clone(), small.clone()]), DataType::Bool);
    let not_zero = compare(Func::NotEq, price(), int(0));
    let both = expr(ExprKind::And(vec![not_zero, small]), DataType::Bool);
    let plan = over_bids(|b, input| {
        let guarded = b.project(
            input,
            vec![("g", guarded), ("either", either), ("both", both.clone()), ("p", price())],
        );
        let passed = b.filter(guarded, col(1, DataType::Bool));
        let p = || col(3, DataType::Int8);
        let small =
            compare(Func::Lt, call(Func::Div, vec![int(1000), p()], DataType::Int8), int(3));
        let zero = compare(Func::Eq, p(), int(0));
        b.filter(passed, expr(ExprKind::Or(vec![zero, small]), DataType::Bool))
    });
    check_on_bids(&plan, |row| {
        let p = of_price(row);
        let small = p != 0 && 1000 / p < 3;
        let g = if p == 0 { -1 } else { 1000 / p };
        let row =
            vec![Value::Int8(g), Value::Bool(p == 0 || small), Value::Bool(small), Value::Int8(p)];
        (p == 0 || small).then_some(row)
    });
}

#[test]
fn failed_rows_are_diverted_with_their_values() {
    let inverse = call(Func::Div, vec![int(1000), price()], DataType::Int8);
    let plan = over_bids(|b, input| b.project(input, vec![("x", inverse)]));
    let mut runner = Runner::new(&plan);
    let batch = batches(&once((0..100).map(bid).collect()), &plan.inputs[0].types, 64);
    let output = runner.step(std::slice::from_ref(&batch)).expect("steps");
    assert_eq!(runner.show(&output).len(), 99);
    assert_eq!(output.errors.len(), 1);
    assert_eq!(output.errors[0].row, bid(0));
    assert_eq!(output.errors[0].input, Some(0));
    assert_eq!(output.errors[0].error.state.0, "22012");

    let mut runner = Runner::new(&plan);
    runner.on_error = OnError::Abort;
    let error = runner.step(std::slice::from_ref(&batch)).expect_err("fails");
    assert_eq!(error.state.0, "22012");
    assert!(runner.step(&[batch]).is_err(), "a poisoned task refuses to step");
}

#[test]
fn coalesce_evaluates_what_it_needs() {
    let coalesce = expr(
        ExprKind::Coalesce(vec![col(2, DataType::Text), lit(text("nothing at all here"))]),
        DataType::Text,
    );
    let plan = over_bids(|b, input| b.project(input, vec![("c", coalesce)]));
    check_on_bids(&plan, |row| {
        let missing = row[2].is_null();
        Some(vec![if missing { text("nothing at all here") } else { row[2].clone() }])
    });
}

#[test]
fn windows_repeat_rows() {
    use arena_tr_planner::physical::TimeWindow;
    let with_window = |window| {
        over_bids(|b, input| {
            let mut fields = bids().fields.to_vec();
            fields.push(arena_tr_types::Field::new("window_start", DataType::Timestamp, false));
            fields.push(arena_tr_types::Field::new("window_end", DataType::Timestamp, false));
            let schema = Schema::new(fields);
            let windows = b.node(Op::WindowAssign { time: 3, window }, &[input], &schema, true);
            let ts = |i| col(i, DataType::Timestamp);
            b.project(windows, vec![("p", price()), ("s", ts(4)), ("e", ts(5))])
        })
    };
    let s = 1_000_000;
    let plan = with_window(TimeWindow::Hop { slide: 2 * s, size: 5 * s, offset: s });
    let n = 300;
    let rows = once((0..n).map(bid).collect());
    let mut wanted = Vec::new();
    for i in 0..n {
        let t = i * s;
        for start in (-10..=i).map(|x| x * s).filter(|x| (x - s) % (2 * s) == 0 && t < x + 5 * s) {
            let ts = |t| Value::Timestamp(t).to_text();
            wanted.push(format!("+1|{}|{}|{}", i * 10, ts(start), ts(start + 5 * s)));
        }
    }
    wanted.sort();
    for size in SIZES {
        assert_eq!(
            Runner::new(&plan).rows(std::slice::from_ref(&rows), size),
            wanted,
            "batches of {size}"
        );
    }
    let plan = with_window(TimeWindow::Tumble { size: 10 * s, offset: 0 });
    check_on_bids(&plan, |row| {
        let Value::Timestamp(t) = row[3] else { panic!("a time") };
        let start = t - t.rem_euclid(10 * s);
        Some(vec![row[1].clone(), Value::Timestamp(start), Value::Timestamp(start + 10 * s)])
    });
    let plan = with_window(TimeWindow::Cumulate { step: 2 * s, max: 6 * s, offset: 0 });
    let shown = Runner::new(&plan).rows(&[once(vec![bid(7)])], 1);
    let ends: Vec<String> = [8, 10, 12]
        .iter()
        .map(|e| {
            let ts = |t: i64| Value::Timestamp(t * s).to_text();
            format!("+1|70|{}|{}", ts(6), ts(*e))
        })
        .collect();
    assert_eq!(shown, ends);
}

#[test]
fn unions_and_shared_nodes_meet_in_queues() {
    let plan = over_bids(|b, input| {
        let shared = b.filter(input, compare(Func::Lt, price(), int(1000)));
        let left = b.project(shared, vec![("p", price())]);
        let right = b.project(shared, vec![("p", call(Func::Neg, vec![price()], DataType::Int8))]);
        let schema = b.schema_of(left);
        b.node(Op::Union, &[left, right], &schema, true)
    });
    let rows = once((0..200).map(bid).collect());
    let mut wanted: Vec<String> =
        (0..100).flat_map(|i| [format!("+1|{}", i * 10), format!("+1|{}", -i * 10)]).collect();
    wanted.sort();
    for size in SIZES {
        assert_eq!(
            Runner::new(&plan).rows(std::slice::from_ref(&rows), size),
            wanted,
            "batches of {size}"
        );
    }
}

#[test]
fn values_come_once() {
    let mut b = PlanBuilder::new();
    let s = schema(&[("a", DataType::Int8), ("b?", DataType::Text)]);
    let rows = vec![
        vec![int(1), lit(text("x"))],
        vec![int(2), expr(ExprKind::Literal(Value::Null), DataType::Text)],
    ];
    let root = b.node(Op::Values { rows }, &[], &s, true);
    let plan = b.finish(root);
    let mut runner = Runner::new(&plan);
    assert_eq!(runner.rows(&[], 1), ["+1|1|x", "+1|2|NULL"]);
    assert!(runner.rows(&[], 1).is_empty());
}

#[test]
fn computed_values_are_rows_too() {
    let mut b = PlanBuilder::new();
    let s = schema(&[("a", DataType::TimestampTz)]);
    let now = expr(ExprKind::Now, DataType::TimestampTz);
    let root = b.node(Op::Values { rows: vec![vec![now.clone()], vec![now]] }, &[], &s, true);
    let plan = b.finish(root);
    assert_eq!(Runner::new(&plan).rows(&[], 1).len(), 2);
}

#[test]
fn arrays_are_unnested() {
    let list = DataType::List(Box::new(DataType::Int8));
    let s = schema(&[("id", DataType::Int8), ("xs?", list.clone())]);
    let plan = |outer, with_ordinality| {
        let mut b = PlanBuilder::new();
        let input = b.input("t", &s, true);
        let mut fields = s.fields.to_vec();
        fields.push(arena_tr_types::Field::new("x", DataType::Int8, true));
        if with_ordinality {
            fields.push(arena_tr_types::Field::new("n", DataType::Int8, true));
        }
        let call = col(1, list.clone());
        let op = Op::Unnest { call, with_ordinality, outer };
        let unnested = b.node(op, &[input], &Schema::new(fields), true);
        let mut exprs = vec![("id", col(0, DataType::Int8)), ("x", col(2, DataType::Int8))];
        if with_ordinality {
            exprs.push(("n", col(3, DataType::Int8)));
        }
        let root = b.project(unnested, exprs);
        b.finish(root)
    };
    let ints = |n: i64| Value::List((0..n).map(|i| Value::Int8(i * i)).collect::<Vec<_>>().into());
    let rows = once(vec![
        vec![Value::Int8(1), ints(3)],
        vec![Value::Int8(2), Value::Null],
        vec![Value::Int8(3), ints(0)],
        vec![Value::Int8(4), ints(1)],
    ]);
    for size in [1, 2, 1024] {
        let shown = Runner::new(&plan(false, false)).rows(std::slice::from_ref(&rows), size);
        assert_eq!(shown, ["+1|1|0", "+1|1|1", "+1|1|4", "+1|4|0"]);
        let shown = Runner::new(&plan(true, true)).rows(std::slice::from_ref(&rows), size);
        assert_eq!(
            shown,
            ["+1|1|0|1", "+1|1|1|2", "+1|1|4|3", "+1|2|NULL|NULL", "+1|3|NULL|NULL", "+1|4|0|1"]
        );
    }
    let long = once(vec![vec![Value::Int8(1), ints(5000)]]);
    assert_eq!(Runner::new(&plan(false, false)).rows(&[long], 1).len(), 5000);
}
