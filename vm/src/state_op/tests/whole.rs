//! Operators on whole rows: distinct rows, the single row, rows held back, constant rows.

use std::collections::BTreeMap;

use arena_tr_planner::physical::Forget;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Buffer;
use arena_tr_types::{DataType, Value};

use super::{Random, Relation, Row, SIZES, View, context, fields, text};
use crate::state_op::{Distinct, Hold, Once};

fn weighted(types: &[DataType], rows: &[(Row, i64)]) -> Batch {
    let values: Vec<Row> = rows.iter().map(|(row, _)| row.clone()).collect();
    let weights: Vec<i64> = rows.iter().map(|(_, weight)| *weight).collect();
    let batch = Batch::from_rows(&values, types).expect("rows");
    batch.with_weights(Some(Buffer::from_slice(&weights)))
}

#[test]
fn distinct_rows() {
    let types = [DataType::Int8, DataType::Text, DataType::Numeric(None)];
    for retracts in [false, true] {
        for size in SIZES {
            let mut random = Random(size as u64 + 3);
            let mut distinct = Distinct::new(&context(), &fields(&types), None);
            let (mut relation, mut view) = (Relation::default(), View::default());
            for _ in 0..12 {
                let delta = relation.delta(&mut random, &types, 2 * size, (3, retracts));
                for from in (0..delta.rows()).step_by(size) {
                    distinct.apply(&delta.slice(from, size)).expect("memory");
                }
                view.drain(&types, || distinct.poll());
                let expected: BTreeMap<_, _> =
                    relation.rows.iter().map(|row| (text(row), 1)).collect();
                assert_eq!(view.rows, expected);
            }
        }
    }
}

#[test]
fn distinct_shows_nothing_when_nothing_changed() {
    let types = [DataType::Int8];
    let mut distinct = Distinct::new(&context(), &fields(&types), None);
    let row = |weight| weighted(&types, &[(vec![Value::Int8(1)], weight)]);
    distinct.apply(&row(1)).expect("memory");
    assert_eq!(distinct.poll().expect("memory").map(|b| b.weight(0)), Some(1));
    assert!(distinct.poll().expect("memory").is_none());
    distinct.apply(&row(1)).expect("memory");
    assert!(distinct.poll().expect("memory").is_none());
    distinct.apply(&row(-2)).expect("memory");
    distinct.apply(&row(1)).expect("memory");
    assert!(distinct.poll().expect("memory").is_none());
    distinct.apply(&row(-1)).expect("memory");
    assert_eq!(distinct.poll().expect("memory").map(|b| b.weight(0)), Some(-1));
    distinct.apply(&row(1)).expect("memory");
    assert_eq!(distinct.poll().expect("memory").map(|b| b.weights.is_none()), Some(true));
}

#[test]
fn distinct_forgets_what_cannot_come_again() {
    let types = [DataType::Date];
    let forget = Some(Forget { column: 0, lag: 0 });
    let mut distinct = Distinct::new(&context(), &fields(&types), forget);
    for step in 0..50 {
        let rows: Vec<Row> = (0..1000).map(|i| vec![Value::Date(step * 1000 + i)]).collect();
        distinct.apply(&Batch::from_rows(&rows, &types).expect("rows")).expect("memory");
        while distinct.poll().expect("memory").is_some() {}
        distinct.forget(i64::from(step) * 1000 * 86_400_000_000);
    }
    assert!(distinct.n_rows() < 5000, "{} rows are kept", distinct.n_rows());
}

#[test]
fn rows_are_held_until_their_time() {
    let types = [DataType::Text, DataType::Timestamp, DataType::Float8];
    for size in SIZES {
        let mut random = Random(size as u64 + 11);
        let mut hold = Hold::new(&context(), &fields(&types), 1);
        let mut relation = Relation::default();
        let mut view = View::default();
        let mut watermark = i64::MIN;
        let due = |row: &Row, watermark: i64| match row[1] {
            Value::Timestamp(time) => time <= watermark,
            _ => watermark == i64::MAX,
        };
        let mut passed: Vec<Row> = Vec::new();
        for step in [-2_000_000, -1, 0, 1_500_000, 3_000_000, i64::MAX] {
            // What was let go is final; only other rows change.
            relation.rows.retain(|row| !due(row, watermark));
            let delta = relation.delta(&mut random, &types, 3 * size, (12, true));
            let late = |i: &usize| !due(&delta.row(*i, &types), watermark);
            let fresh: Vec<u16> = (0..delta.rows()).filter(late).map(|i| i as u16).collect();
            relation.rows.retain(|row| !due(row, watermark));
            hold.apply(&delta.take_rows(&fresh)).expect("memory");
            view.drain(&types, || hold.poll());
            watermark = step;
            hold.advance(watermark);
            view.drain(&types, || hold.poll());
            passed.extend(relation.rows.iter().filter(|row| due(row, watermark)).cloned());
            let mut expected = View::default();
            passed.iter().for_each(|row| *expected.rows.entry(text(row)).or_default() += 1);
            assert_eq!(view.rows, expected.rows, "at {watermark}, size {size}");
        }
    }
}

#[test]
fn constant_rows_come_once() {
    let types = [DataType::Int8];
    let rows: Vec<Row> = (0..2500).map(|n| vec![Value::Int8(n)]).collect();
    let mut once = Once::new(vec![Batch::from_rows(&rows, &types).expect("rows")]);
    let mut view = View::default();
    view.drain(&types, || once.poll());
    assert_eq!(view.rows.len(), 2500);
    assert!(once.poll().expect("rows").is_none());
}
