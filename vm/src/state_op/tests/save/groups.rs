//! Groups, with every aggregate there is.

use arena_tr_planner::physical::{Agg, Aggregate};
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Buffer;
use arena_tr_types::{AggFunc, DataType, Value};

use super::super::group::agg;
use super::super::order::key;
use super::{Epoch, Flow, check, compare_epochs, forget, state};
use crate::bytecode::StateSpec;

pub(super) fn types() -> Vec<DataType> {
    vec![
        DataType::Timestamp,
        DataType::Int4,
        DataType::Text,
        DataType::Bool,
        DataType::Int8,
        DataType::Float8,
        DataType::Numeric(None),
        DataType::Interval,
    ]
}

/// What can be undone by its running state.
pub(super) fn sums() -> Vec<Agg> {
    let numeric = DataType::Numeric(None);
    let mut aggs = vec![
        agg(AggFunc::CountStar, &[], DataType::Int8),
        agg(AggFunc::Count, &[2], DataType::Int8),
        agg(AggFunc::Sum, &[1], DataType::Int8),
        agg(AggFunc::Sum, &[4], numeric.clone()),
        agg(AggFunc::Avg, &[4], numeric.clone()),
        agg(AggFunc::Sum, &[5], DataType::Float8),
        agg(AggFunc::Avg, &[5], DataType::Float8),
        agg(AggFunc::Sum, &[6], numeric.clone()),
        agg(AggFunc::Avg, &[6], numeric.clone()),
        agg(AggFunc::Sum, &[7], DataType::Interval),
        agg(AggFunc::Avg, &[7], DataType::Interval),
        agg(AggFunc::BoolAnd, &[3], DataType::Bool),
        agg(AggFunc::BoolOr, &[3], DataType::Bool),
        Agg { filter: Some(3), ..agg(AggFunc::Sum, &[6], numeric.clone()) },
    ];
    for func in [AggFunc::VarPop, AggFunc::VarSamp, AggFunc::StddevPop, AggFunc::StddevSamp] {
        aggs.extend([
            agg(func, &[1], numeric.clone()),
            agg(func, &[5], DataType::Float8),
            agg(func, &[6], numeric.clone()),
        ]);
    }
    aggs
}

/// The greatest, the least, the first, the last.
pub(super) fn picks() -> Vec<Agg> {
    let types = types();
    let mut aggs = Vec::new();
    for func in [AggFunc::Min, AggFunc::Max, AggFunc::FirstValue, AggFunc::LastValue] {
        aggs.extend(
            (0..types.len()).filter(|c| *c != 3).map(|c| agg(func, &[c], types[c].clone())),
        );
    }
    aggs
}

/// Of every value once.
pub(super) fn distincts() -> Vec<Agg> {
    let distinct = |func, column: usize, ty: DataType, filter| Agg {
        distinct: true,
        filter,
        ..agg(func, &[column], ty)
    };
    vec![
        distinct(AggFunc::Count, 2, DataType::Int8, None),
        distinct(AggFunc::Count, 2, DataType::Int8, Some(3)),
        distinct(AggFunc::Sum, 6, DataType::Numeric(None), None),
        distinct(AggFunc::Avg, 1, DataType::Numeric(None), Some(3)),
        distinct(AggFunc::ArrayAgg, 1, DataType::List(Box::new(DataType::Int4)), None),
        distinct(AggFunc::Max, 2, DataType::Text, None),
    ]
}

/// All values.
pub(super) fn lists() -> Vec<Agg> {
    let list = |ty| DataType::List(Box::new(ty));
    let by = |column, agg: Agg| Agg { order: vec![key(column, true, false)], ..agg };
    vec![
        agg(AggFunc::ArrayAgg, &[2], list(DataType::Text)),
        by(4, agg(AggFunc::ArrayAgg, &[2], list(DataType::Text))),
        agg(AggFunc::StringAgg, &[2, 2], DataType::Text),
        by(5, agg(AggFunc::StringAgg, &[2, 2], DataType::Text)),
        by(6, agg(AggFunc::FirstValue, &[2], DataType::Text)),
        by(6, agg(AggFunc::LastValue, &[1], DataType::Int4)),
        agg(AggFunc::SingleValue, &[4], DataType::Int8),
    ]
}

#[test]
fn of_every_aggregate() {
    for (i, aggs) in [sums(), picks(), distincts(), lists()].into_iter().enumerate() {
        for (k, keys) in [vec![], vec![2], vec![1, 6]].into_iter().enumerate() {
            for retracts in [false, true] {
                let (keys, aggs) = (keys.clone(), aggs.clone());
                let spec = Aggregate { keys, aggs, retracts, forget: None };
                let flow = Flow { rows: 40, ..Flow::new(&types(), retracts) };
                let seed = (i * 3 + k + 1) as u64;
                check(&state(StateSpec::Group(spec), &[&types()]), &[flow], 12, seed);
            }
        }
    }
}

#[test]
fn many_groups_have_a_large_directory() {
    let aggs = vec![agg(AggFunc::Sum, &[1], DataType::Int8)];
    for retracts in [false, true] {
        let spec = Aggregate { keys: vec![4], aggs: aggs.clone(), retracts, forget: None };
        let flow = Flow { rows: 1500, domain: 1 << 40, ..Flow::new(&types(), retracts) };
        check(&state(StateSpec::Group(spec), &[&types()]), &[flow], 9, 5);
    }
}

#[test]
fn that_are_forgotten() {
    let types = types();
    for (seed, rows) in [(1, 300), (2, 1000), (3, 90)] {
        let aggs = vec![
            agg(AggFunc::Count, &[1], DataType::Int8),
            Agg { distinct: true, ..agg(AggFunc::Count, &[2], DataType::Int8) },
        ];
        let spec = Aggregate { keys: vec![0, 1], aggs, retracts: false, forget: forget(0) };
        let flow = Flow { rows, ..Flow::timed(&types, 0, 3 * rows) };
        check(&state(StateSpec::Group(spec), &[&types]), &[flow], 40, seed);
    }
}

#[test]
fn of_rows_that_were_taken_back_before_they_came() {
    let types = [DataType::Int8, DataType::Text];
    let list = DataType::List(Box::new(DataType::Text));
    let aggs = vec![agg(AggFunc::ArrayAgg, &[1], list), agg(AggFunc::Max, &[1], DataType::Text)];
    let spec = Aggregate { keys: vec![0], aggs, retracts: true, forget: None };
    let epoch = |text: &str, weight: i64| {
        let rows = [vec![Value::Int8(1), Value::Text(text.into())]];
        let batch = Batch::from_rows(&rows, &types).expect("a row");
        Epoch::of(batch.with_weights(Some(Buffer::from_slice(&[weight]))))
    };
    let epochs = [("a", -1), ("b", 1), ("a", 1), ("a", 2), ("b", -1), ("b", -1), ("b", 2)];
    let epochs = epochs.map(|(text, weight)| epoch(text, weight));
    let shown = compare_epochs(&state(StateSpec::Group(spec), &[&types]), &epochs, "taken back");
    assert_eq!(shown, 3, "what is there after all");
}
