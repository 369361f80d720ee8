//! The stores against a plain list of rows.

use std::collections::BTreeMap;

use arena_tr_types::{DataType, SqlState, Value};

use super::RelationStore;
use crate::arena::{Owner, Pool, Tier};
use crate::batch::Batch;
use crate::column::Buffer;

const OWNER: Owner = Owner { view: 1, operator: 0, tier: Tier::Keyed };

fn types() -> Vec<DataType> {
    vec![DataType::Int4, DataType::Text]
}

fn batch(rows: &[(i32, &str, i64)]) -> Batch {
    let values: Vec<Vec<Value>> =
        rows.iter().map(|(a, b, _)| vec![Value::Int4(*a), Value::Text((*b).into())]).collect();
    let weights: Vec<i64> = rows.iter().map(|(_, _, w)| *w).collect();
    let batch = Batch::from_rows(&values, &types()).expect("types fit");
    batch.with_weights(Some(Buffer::from(weights)))
}

fn contents(store: &RelationStore) -> Vec<(String, i64)> {
    let rows = store.scan();
    let rows = rows.iter().flat_map(|b| b.to_weighted_rows(&types()));
    rows.map(|(row, w)| (format!("{} {}", row[0], row[1]), w)).collect()
}

#[test]
fn rows_come_back_in_the_order_of_arrival() {
    let pool = Pool::default();
    let mut store = RelationStore::keyed(&pool, OWNER, &types(), None);
    let rows: Vec<(i32, &str, i64)> = (0..3000).map(|i| (i * 7919 % 3001, "x", 1)).collect();
    store.apply(&[batch(&rows)]).expect("arriving rows fit");
    let found: Vec<String> = contents(&store).into_iter().map(|(row, _)| row).collect();
    let expected: Vec<String> = rows.iter().map(|(a, b, _)| format!("{a} {b}")).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_delta_that_does_not_fit_changes_nothing() {
    let pool = Pool::default();
    let mut store = RelationStore::keyed(&pool, OWNER, &types(), Some(&[0]));
    store.apply(&[batch(&[(1, "a", 1), (2, "b", 1)])]).expect("new keys");
    let before = contents(&store);
    let twice = store.apply(&[batch(&[(3, "c", 1), (1, "other", 1)])]).expect_err("key 1 is there");
    assert_eq!(twice.state, SqlState::UNIQUE_VIOLATION);
    assert!(twice.message.contains("(1)"), "{}", twice.message);
    let absent = store.apply(&[batch(&[(4, "d", 1), (9, "z", -1)])]).expect_err("9 is not there");
    assert_eq!(absent.state, SqlState::INTERNAL);
    assert_eq!(contents(&store), before);
    assert_eq!(store.len(), 2);
}

#[test]
fn a_key_may_leave_and_arrive_in_one_delta() {
    let pool = Pool::default();
    let mut store = RelationStore::keyed(&pool, OWNER, &types(), Some(&[0]));
    store.apply(&[batch(&[(1, "a longer text than fits inline", 1)])]).expect("a new key");
    store
        .apply(&[batch(&[(1, "b", 1)]), batch(&[(1, "a longer text than fits inline", -1)])])
        .expect("the old row leaves first");
    assert_eq!(contents(&store), vec![("1 b".to_owned(), 1)]);
}

#[test]
fn weights_add_up_like_a_multiset() {
    let pool = Pool::default();
    let mut store = RelationStore::keyed(&pool, OWNER, &types(), None);
    let mut model: BTreeMap<(i32, &str), i64> = BTreeMap::new();
    let words = ["", "b", "a longer text than fits inline"];
    let mut seed = 7u64;
    for _ in 0..200 {
        let mut rows = Vec::new();
        for _ in 0..20 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = ((seed >> 40) as i32 % 5, words[(seed >> 20) as usize % 3]);
            let held = model.entry(key).or_default();
            let by = if *held > 0 && seed.is_multiple_of(2) { -1 } else { 2 };
            *held += by;
            rows.push((key.0, key.1, by));
        }
        // Retractions go first within a delta, so one row a delta keeps the model's order.
        for row in rows {
            store.apply(&[batch(&[row])]).expect("the model never goes below zero");
        }
    }
    let mut found = contents(&store);
    found.sort();
    let mut expected: Vec<(String, i64)> =
        model.iter().filter(|(_, w)| **w > 0).map(|((a, b), w)| (format!("{a} {b}"), *w)).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(store.len() as i64, model.values().sum::<i64>());
}

#[test]
fn many_small_appends_stay_few_batches() {
    let mut store = RelationStore::append_only(&types());
    for i in 0..60_000 {
        store.apply(&[batch(&[(i, "x", 1)])]).expect("rows only arrive");
    }
    let batches = store.scan();
    assert_eq!(store.len(), 60_000);
    assert!(batches.len() < 100, "{} batches", batches.len());
    let first = batches[0].row(0, &types());
    assert_eq!(first[0], Value::Int4(0));
    assert!(store.apply(&[batch(&[(1, "x", -1)])]).is_err());
}

#[test]
fn rows_that_print_differently_are_different_rows() {
    let decimals = |values: &[(i128, u32, i64)]| {
        let rows: Vec<Vec<Value>> = values
            .iter()
            .map(|(m, scale, _)| vec![Value::Numeric(arena_tr_types::Decimal::new(*m, *scale))])
            .collect();
        let weights: Vec<i64> = values.iter().map(|(_, _, w)| *w).collect();
        let batch = Batch::from_rows(&rows, &[DataType::Numeric(None)]).expect("types fit");
        batch.with_weights(Some(Buffer::from(weights)))
    };
    let types = [DataType::Numeric(None)];
    let mut store = RelationStore::keyed(&Pool::default(), OWNER, &types, None);
    store.apply(&[decimals(&[(10, 1, 1), (100, 2, 1)])]).expect("two rows");
    assert_eq!(store.scan()[0].rows(), 2);
    store.apply(&[decimals(&[(10, 1, -1)])]).expect("one of them leaves");
    assert_eq!(store.scan()[0].row(0, &types)[0].to_string(), "1.00");
}
