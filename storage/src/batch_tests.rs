//! Tests of batches: selections, weights, rows in and out.

use super::*;

fn types() -> Vec<DataType> {
    vec![DataType::Int8, DataType::Text]
}

fn rows(n: usize) -> Vec<Vec<Value>> {
    let text = |i: usize| match i % 4 {
        0 => Value::Null,
        _ => Value::Text(format!("text number {i}").into()),
    };
    (0..n).map(|i| vec![Value::Int8(i as i64), text(i)]).collect()
}

fn batch(n: usize) -> Batch {
    Batch::from_rows(&rows(n), &types()).unwrap()
}

fn odd(n: usize) -> Selection {
    Selection::All(n).filter(|i| i % 2 == 1)
}

#[test]
fn rows_come_back() {
    for n in [0, 1, 63, 64, 65, 1023, 1024, 5000] {
        assert_eq!(batch(n).to_rows(&types()), rows(n));
        assert_eq!((batch(n).rows(), batch(n).live()), (n, n));
    }
}

#[test]
fn a_selection_hides_rows_until_compacted() {
    for n in [0, 1, 64, 65, 1024] {
        let weights: Buffer<i64> = (0..n as i64).collect();
        let batch = batch(n).with_weights(Some(weights)).with_selection(Some(odd(n)));
        let expected: Vec<_> =
            rows(n).into_iter().enumerate().filter(|(i, _)| i % 2 == 1).map(|(_, r)| r).collect();
        assert_eq!((batch.rows(), batch.live()), (n, n / 2));
        assert_eq!(batch.to_rows(&types()), expected);
        let compact = batch.compact();
        assert!(compact.selection.is_none());
        assert_eq!(compact.to_weighted_rows(&types()), batch.to_weighted_rows(&types()));
        assert_eq!(batch.total_weight(), (0..n as i64).filter(|i| i % 2 == 1).sum::<i64>());
        let half = batch.slice(n / 4, n / 4);
        assert_eq!(half.to_rows(&types()), expected[n / 4..n / 4 + n / 4]);
    }
}

#[test]
fn long_batches_split() {
    let long = batch(2 * limits::BATCH_ROWS + 1);
    let parts: Vec<_> = long.split().collect();
    assert_eq!(parts.iter().map(Batch::rows).collect::<Vec<_>>(), [1024, 1024, 1]);
    let back = Batch::concat(&parts).unwrap();
    assert_eq!(back.to_rows(&types()), long.to_rows(&types()));
    assert_eq!(batch(0).split().count(), 0);
}

#[test]
fn concat_applies_selections_and_fills_weights() {
    let a = batch(3).with_selection(Some(odd(3)));
    let b = batch(2).negate();
    let all = Batch::concat(&[a, b]).unwrap();
    let weights: Vec<_> = all.to_weighted_rows(&types()).into_iter().map(|(_, w)| w).collect();
    assert_eq!(weights, [1, -1, -1]);
    assert!(all.has_retractions());
    assert!(Batch::concat(&[]).is_none());
}

#[test]
fn projection_and_negation_share_columns() {
    let batch = batch(65);
    let swapped = batch.project(&[1, 0, 1]);
    assert_eq!(swapped.columns.len(), 3);
    assert_eq!(
        swapped.row(5, &[DataType::Text, DataType::Int8, DataType::Text])[1],
        Value::Int8(5)
    );
    let back = batch.negate().negate();
    assert_eq!(back.total_weight(), 65);
    let (a, b) = (batch.columns[0].as_i64().unwrap(), back.columns[0].as_i64().unwrap());
    assert!(a.values.same_memory(&b.values));
}

#[test]
fn batches_without_columns_still_count_rows() {
    let batch = Batch::new(Vec::new(), 7);
    assert_eq!((batch.live(), batch.to_rows(&[]).len()), (7, 7));
    assert_eq!(Batch::concat(&[batch.clone(), batch]).unwrap().rows(), 14);
}

#[test]
fn bad_rows_are_refused() {
    assert!(Batch::from_rows(&[vec![Value::Int8(1)]], &types()).is_err());
    let swapped = vec![Value::Text("a".into()), Value::Int8(1)];
    assert!(Batch::from_rows(&[swapped], &types()).is_err());
}
