//! Grouping against recomputation from the rows there are.

use std::cmp::Ordering;

use arena_tr_planner::physical::{Agg, Aggregate, Forget, SortKey};
use arena_tr_types::{AggFunc, DataType, Decimal, Value};

use super::{Random, Relation, Row, SIZES, View, context, fields};
use crate::state_op::Group;

const T: [DataType; 7] = [
    DataType::Int8,
    DataType::Text,
    DataType::Int4,
    DataType::Float8,
    DataType::Numeric(None),
    DataType::Bool,
    DataType::Int8,
];

pub(crate) fn agg(func: AggFunc, args: &[usize], ty: DataType) -> Agg {
    Agg { func, args: args.to_vec(), distinct: false, filter: None, order: Vec::new(), ty }
}

fn int(value: &Value) -> Option<i128> {
    match value {
        Value::Int4(v) => Some((*v).into()),
        Value::Int8(v) => Some((*v).into()),
        _ => None,
    }
}

fn float(value: &Value) -> f64 {
    match value {
        Value::Float8(v) => *v,
        Value::Numeric(d) => d.to_f64(),
        other => int(other).expect("a number") as f64,
    }
}

fn decimal(value: &Value) -> Decimal {
    match value {
        Value::Numeric(d) => *d,
        other => Decimal::from_i128(int(other).expect("a number")).expect("in range"),
    }
}

/// The result of an aggregate over rows in arrival order, computed naively.
pub(crate) fn naive(agg: &Agg, rows: &[&Row]) -> Value {
    let mut rows: Vec<&Row> = rows.to_vec();
    if let Some(f) = agg.filter {
        rows.retain(|r| r[f] == Value::Bool(true));
    }
    let keep_null = matches!(
        agg.func,
        AggFunc::ArrayAgg | AggFunc::FirstValue | AggFunc::LastValue | AggFunc::CountStar
    );
    rows.sort_by(|a, b| {
        agg.order.iter().map(|k| order(k, a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    });
    let mut values: Vec<Value> = rows
        .iter()
        .map(|r| agg.args.first().map_or(Value::Bool(true), |&a| r[a].clone()))
        .collect();
    if !keep_null {
        values.retain(|v| !v.is_null());
    }
    if agg.distinct {
        values.sort_by(|a, b| a.is_null().cmp(&b.is_null()).then_with(|| a.cmp_sql(b)));
        values.dedup_by(|a, b| a.is_null() == b.is_null() && (a.is_null() || a.eq_sql(b)));
    }
    let n = values.len();
    match agg.func {
        AggFunc::CountStar | AggFunc::Count => Value::Int8(n as i64),
        _ if n == 0 => Value::Null,
        AggFunc::Sum => match agg.ty {
            DataType::Int8 => Value::Int8(values.iter().filter_map(int).sum::<i128>() as i64),
            DataType::Float8 => Value::Float8(values.iter().map(float).sum()),
            _ => Value::Numeric(total(&values)),
        },
        AggFunc::Avg if agg.ty == DataType::Float8 => {
            Value::Float8(values.iter().map(float).sum::<f64>() / n as f64)
        }
        AggFunc::Avg => Value::Numeric(
            total(&values).checked_div(Decimal::from_i64(n as i64)).expect("in range"),
        ),
        AggFunc::Min => values.into_iter().min_by(Value::cmp_sql).expect("some"),
        AggFunc::Max => values.into_iter().max_by(Value::cmp_sql).expect("some"),
        AggFunc::BoolAnd => Value::Bool(values.iter().all(|v| *v == Value::Bool(true))),
        AggFunc::BoolOr => Value::Bool(values.contains(&Value::Bool(true))),
        AggFunc::FirstValue => values[0].clone(),
        AggFunc::LastValue => values[n - 1].clone(),
        AggFunc::ArrayAgg => Value::List(values.into()),
        AggFunc::StringAgg => {
            let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
            Value::Text(texts.join(",").into())
        }
        AggFunc::VarPop | AggFunc::StddevPop | AggFunc::VarSamp | AggFunc::StddevSamp => {
            moment(agg, &values)
        }
        other => panic!("{other:?}"),
    }
}

fn total(values: &[Value]) -> Decimal {
    values.iter().map(decimal).fold(Decimal::ZERO, |a, b| a.checked_add(b).expect("in range"))
}

fn moment(agg: &Agg, values: &[Value]) -> Value {
    let n = values.len() as f64;
    let sample = matches!(agg.func, AggFunc::VarSamp | AggFunc::StddevSamp);
    if sample && values.len() == 1 {
        return Value::Null;
    }
    let sum: f64 = values.iter().map(float).sum();
    let squares: f64 = values.iter().map(|v| float(v) * float(v)).sum();
    let variance = (n * squares - sum * sum) / n / if sample { n - 1.0 } else { n };
    let root = matches!(agg.func, AggFunc::StddevPop | AggFunc::StddevSamp);
    Value::Float8(if root { variance.sqrt() } else { variance })
}

fn order(key: &SortKey, a: &Row, b: &Row) -> Ordering {
    let (a, b) = (&a[key.column], &b[key.column]);
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if key.nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (false, true) => {
            if key.nulls_first {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        _ if key.desc => b.cmp_sql(a),
        _ => a.cmp_sql(b),
    }
}

fn expected(spec: &Aggregate, rows: &[Row]) -> Vec<Row> {
    let mut groups: Vec<(Vec<Value>, Vec<&Row>)> = Vec::new();
    if spec.keys.is_empty() {
        groups.push((Vec::new(), Vec::new()));
    }
    for row in rows {
        let key: Vec<Value> = spec.keys.iter().map(|&k| row[k].clone()).collect();
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, members)) => members.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    let result = |(mut key, members): (Row, Vec<&Row>)| {
        key.extend(spec.aggs.iter().map(|a| naive(a, &members)));
        key
    };
    groups.into_iter().map(result).collect()
}

fn check(keys: &[usize], aggs: Vec<Agg>, retracts: bool, domain: u64, seed: u64) {
    let spec = Aggregate { keys: keys.to_vec(), aggs, retracts, forget: None };
    let mut op = Group::new(&context(), &fields(&T), &spec).expect("supported");
    let types: Vec<DataType> =
        keys.iter().map(|&k| T[k].clone()).chain(spec.aggs.iter().map(|a| a.ty.clone())).collect();
    let (mut relation, mut view, mut random) = (Relation::default(), View::default(), Random(seed));
    for (epoch, &n) in SIZES.iter().chain(&SIZES).enumerate() {
        // One epoch in two batches, the second possibly empty.
        for n in [n, n / 3] {
            let delta = relation.delta(&mut random, &T, n, (domain, retracts));
            op.apply(&delta).expect("no error");
        }
        view.drain(&types, || op.poll());
        view.check(expected(&spec, &relation.rows), &format!("epoch {epoch}, {:?}", spec.aggs));
    }
    if retracts {
        let rest = std::mem::take(&mut relation.rows);
        let batch = arena_tr_storage::Batch::from_rows(&rest, &T).expect("rows").negate();
        op.apply(&batch).expect("no error");
        view.drain(&types, || op.poll());
        view.check(expected(&spec, &[]), "everything taken away");
        assert_eq!(op.n_groups(), usize::from(keys.is_empty()));
    }
}

fn both(keys: &[usize], aggs: &[Agg], seed: u64) {
    for (retracts, domain) in [(false, 6), (true, 6), (true, 1000)] {
        check(keys, aggs.to_vec(), retracts, domain, seed);
    }
}

#[test]
fn counts_sums_and_averages() {
    let numeric = DataType::Numeric(None);
    let mut aggs = vec![
        agg(AggFunc::CountStar, &[], DataType::Int8),
        agg(AggFunc::Count, &[1], DataType::Int8),
        agg(AggFunc::Sum, &[2], DataType::Int8),
        agg(AggFunc::Sum, &[6], numeric.clone()),
        agg(AggFunc::Avg, &[2], numeric.clone()),
        agg(AggFunc::Sum, &[3], DataType::Float8),
        agg(AggFunc::Avg, &[3], DataType::Float8),
        agg(AggFunc::Sum, &[4], numeric.clone()),
        agg(AggFunc::Avg, &[4], numeric),
        agg(AggFunc::BoolAnd, &[5], DataType::Bool),
        agg(AggFunc::BoolOr, &[5], DataType::Bool),
    ];
    both(&[0], &aggs, 11);
    both(&[1, 0], &aggs, 12);
    both(&[], &aggs, 13);
    aggs.iter_mut().for_each(|a| a.filter = Some(5));
    both(&[0], &aggs, 14);
}

#[test]
fn extremes_and_arrival() {
    let aggs: Vec<Agg> = [(0, 0), (1, 1), (2, 2), (3, 3)]
        .iter()
        .flat_map(|&(_, c): &(usize, usize)| {
            [AggFunc::Min, AggFunc::Max].map(|f| agg(f, &[c], T[c].clone()))
        })
        .collect();
    both(&[6], &aggs, 21);
    both(&[], &aggs, 22);
    let arrival = [1, 2, 4]
        .iter()
        .flat_map(|&c| {
            [AggFunc::FirstValue, AggFunc::LastValue].map(|f| agg(f, &[c], T[c].clone()))
        })
        .collect::<Vec<_>>();
    check(&[0], arrival, false, 6, 23);
}

#[test]
fn moments_agree_to_twelve_digits() {
    for (column, ty) in
        [(3, DataType::Float8), (2, DataType::Numeric(None)), (4, DataType::Numeric(None))]
    {
        for func in [AggFunc::VarPop, AggFunc::VarSamp, AggFunc::StddevPop, AggFunc::StddevSamp] {
            let spec = Aggregate {
                keys: vec![],
                aggs: vec![agg(func, &[column], ty.clone())],
                retracts: true,
                forget: None,
            };
            let mut op = Group::new(&context(), &fields(&T), &spec).expect("supported");
            let (mut relation, mut random) = (Relation::default(), Random(5));
            for n in SIZES {
                op.apply(&relation.delta(&mut random, &T, n, (50, true))).expect("no error");
                let mut last = None;
                while let Some(batch) = op.poll().expect("no error") {
                    last = batch.to_weighted_rows(std::slice::from_ref(&ty)).pop().or(last);
                }
                let wanted = &expected(&spec, &relation.rows)[0][0];
                if let Some((row, 1)) = last {
                    assert_eq!(row[0].is_null(), wanted.is_null());
                    if !wanted.is_null() {
                        let (a, b) = (float(&row[0]), float(wanted));
                        assert!((a - b).abs() <= b.abs() * 1e-12 + 1e-12, "{func:?}: {a} {b}");
                    }
                }
            }
        }
    }
}

#[test]
fn distinct_values() {
    let distinct = |func, column: usize, ty: DataType, filter| Agg {
        distinct: true,
        filter,
        ..agg(func, &[column], ty)
    };
    let aggs = vec![
        distinct(AggFunc::Count, 2, DataType::Int8, None),
        distinct(AggFunc::Count, 2, DataType::Int8, Some(5)),
        distinct(AggFunc::Sum, 2, DataType::Int8, None),
        distinct(AggFunc::Count, 1, DataType::Int8, None),
        distinct(AggFunc::Avg, 6, DataType::Numeric(None), Some(5)),
        distinct(AggFunc::Min, 1, DataType::Text, None),
        agg(AggFunc::Count, &[2], DataType::Int8),
        distinct(AggFunc::ArrayAgg, 2, DataType::List(Box::new(DataType::Int4)), None),
    ];
    both(&[0], &aggs, 31);
    both(&[], &aggs, 32);
}

#[test]
fn collections_in_order() {
    let list = |c: usize| DataType::List(Box::new(T[c].clone()));
    let by = |column: usize, desc: bool| SortKey { column, desc, nulls_first: desc };
    let ordered = |func, column: usize, ty, order: &[SortKey]| Agg {
        order: order.to_vec(),
        ..agg(func, &[column], ty)
    };
    // Ordered by all that is collected, so that ties do not matter.
    let aggs = vec![
        ordered(AggFunc::ArrayAgg, 2, list(2), &[by(2, true)]),
        ordered(AggFunc::ArrayAgg, 1, list(1), &[by(1, false)]),
        ordered(AggFunc::FirstValue, 2, DataType::Int4, &[by(3, true), by(2, false)]),
        ordered(AggFunc::LastValue, 2, DataType::Int4, &[by(3, true), by(2, false)]),
    ];
    both(&[0], &aggs, 41);
    // By arrival, without retraction.
    check(&[0], vec![agg(AggFunc::ArrayAgg, &[1], list(1))], false, 6, 42);
    check(&[], vec![agg(AggFunc::ArrayAgg, &[4], list(4))], false, 6, 43);
}

#[test]
fn a_sum_out_of_range_is_an_error_of_its_group() {
    let types = [DataType::Int8, DataType::Int8];
    let spec = Aggregate {
        keys: vec![0],
        aggs: vec![agg(AggFunc::Sum, &[1], DataType::Int8)],
        retracts: true,
        forget: None,
    };
    let rows = |values: &[(i64, i64)]| {
        let rows: Vec<Row> =
            values.iter().map(|&(k, v)| vec![Value::Int8(k), Value::Int8(v)]).collect();
        arena_tr_storage::Batch::from_rows(&rows, &types).expect("rows")
    };
    let mut op = Group::new(&context(), &fields(&types), &spec).expect("supported");
    op.divert_errors(true);
    let mut view = View::default();
    op.apply(&rows(&[(1, i64::MAX), (1, 1), (2, 5)])).expect("no error");
    view.drain(&types, || op.poll());
    view.check([vec![Value::Int8(2), Value::Int8(5)]], "the other group is there");
    assert_eq!(op.take_errors()[0].message, "bigint out of range");
    op.apply(&rows(&[(1, 1)]).negate()).expect("no error");
    view.drain(&types, || op.poll());
    let both = [[2, 5], [1, i64::MAX]].map(|r| r.map(Value::Int8).to_vec());
    view.check(both, "in range again");
    op.divert_errors(false);
    op.apply(&rows(&[(1, 1)])).expect("no error");
    assert_eq!(op.poll().expect_err("out of range").state.0, "22003");
}

#[test]
fn forgets_below_the_watermark_without_a_word() {
    let types = [DataType::Timestamp, DataType::Int8];
    let spec = Aggregate {
        keys: vec![0],
        aggs: vec![agg(AggFunc::Count, &[1], DataType::Int8)],
        retracts: false,
        forget: Some(Forget { column: 0, lag: 10 }),
    };
    let mut op = Group::new(&context(), &fields(&types), &spec).expect("supported");
    for start in (0..100_000i64).step_by(1000) {
        let rows: Vec<Row> =
            (start..start + 1000).map(|t| vec![Value::Timestamp(t), Value::Int8(t)]).collect();
        op.apply(&arena_tr_storage::Batch::from_rows(&rows, &types).expect("rows"))
            .expect("no error");
        while let Some(batch) = op.poll().expect("no error") {
            assert!(batch.weights.is_none());
        }
        op.forget(start + 1000);
        assert!(op.n_groups() <= 3000, "{} groups at {start}", op.n_groups());
    }
}
