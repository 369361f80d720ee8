//! Tests of consolidation against a sorted map.

use std::collections::BTreeMap;

use arena_tr_types::{DataType, Decimal, Value};

use super::*;
use crate::column::Selection;

const TYPES: [DataType; 2] = [DataType::Int8, DataType::Text];

fn row(key: i64, text: Option<&str>) -> Vec<Value> {
    vec![Value::Int8(key), text.map_or(Value::Null, |t| Value::Text(t.into()))]
}

fn batch(rows: &[(Vec<Value>, i64)], types: &[DataType]) -> Batch {
    let values: Vec<_> = rows.iter().map(|r| r.0.clone()).collect();
    let weights = rows.iter().map(|r| r.1).collect();
    Batch::from_rows(&values, types).unwrap().with_weights(Some(weights))
}

fn all_rows(batches: &[Batch], types: &[DataType]) -> Vec<(Vec<Value>, i64)> {
    batches.iter().flat_map(|b| b.to_weighted_rows(types)).collect()
}

/// A small generator, so that the test needs no dependency and repeats exactly.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn equal_rows_add_up_and_cancelled_ones_go() {
    let texts =
        [None, Some(""), Some("a"), Some("a text that is long"), Some("a text that is lone")];
    let mut random = Random(7);
    for n in [0, 1, 63, 64, 65, 1023, 1024, 3000] {
        let mut expected = BTreeMap::new();
        let rows: Vec<_> = (0..n)
            .map(|_| {
                let key = random.below(30) as i64 - 15;
                let text = random.below(5) as usize;
                let weight = random.below(5) as i64 - 2;
                // NULL sorts last, as in the result.
                *expected.entry((key, text == 0, texts[text])).or_insert(0) += weight;
                (row(key, texts[text]), weight)
            })
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .filter(|(_, weight)| *weight != 0)
            .map(|((key, _, text), weight)| (row(key, text), weight))
            .collect();
        let whole = consolidate(vec![batch(&rows, &TYPES)]);
        assert_eq!(all_rows(&whole, &TYPES), expected);
        // However it is cut and ordered, the result is the same.
        let parts = rows.chunks(7).rev().map(|rows| batch(rows, &TYPES)).collect();
        assert_eq!(all_rows(&consolidate(parts), &TYPES), expected);
    }
}

#[test]
fn a_change_and_its_negation_cancel() {
    let rows: Vec<_> = (0..2000).map(|i| (row(i % 700, Some("some text")), 1)).collect();
    let change = vec![batch(&rows, &TYPES)];
    let undo = negate(&change);
    assert!(consolidate([change, undo].concat()).is_empty());
}

#[test]
fn long_results_come_in_batches_and_unit_weights_are_left_out() {
    let rows: Vec<_> = (0..2500).rev().map(|i| (row(i, None), 1)).collect();
    let result = consolidate(vec![batch(&rows, &TYPES)]);
    assert_eq!(result.iter().map(Batch::rows).collect::<Vec<_>>(), [1024, 1024, 452]);
    assert!(result.iter().all(|b| b.weights.is_none()));
    assert_eq!(result[2].row(451, &TYPES)[0], Value::Int8(2499));
    let result = consolidate(vec![batch(&rows, &TYPES), batch(&rows[..1], &TYPES)]);
    assert_eq!(result[2].weight(451), 2);
    assert_eq!(result[0].weight(0), 1);
}

#[test]
fn unselected_rows_do_not_count() {
    let rows = [(row(1, None), 1), (row(2, None), 1), (row(1, None), -1)];
    let batch = batch(&rows, &TYPES).with_selection(Some(Selection::All(3).filter(|i| i != 2)));
    assert_eq!(all_rows(&consolidate(vec![batch]), &TYPES), rows[..2]);
}

#[test]
fn rows_that_print_differently_do_not_cancel() {
    let types = [DataType::Numeric(None)];
    let rows = [
        (vec![Value::Numeric(Decimal::new(100, 2))], -1),
        (vec![Value::Numeric(Decimal::new(10, 1))], 1),
    ];
    let result = consolidate(vec![batch(&rows, &types)]);
    assert_eq!(all_rows(&result, &types), [rows[1].clone(), rows[0].clone()]);
}

#[test]
fn rows_without_columns_add_up() {
    let result = consolidate(vec![Batch::new(Vec::new(), 3), Batch::new(Vec::new(), 1).negate()]);
    assert_eq!((result.len(), result[0].rows(), result[0].weight(0)), (1, 1, 2));
}
