//! TopN against sorting all rows.

use arena_tr_planner::physical::{self, Forget, RankFunc, SortKey};
use arena_tr_types::{DataType, Value};

use super::order::{by_keys, key, partitions};
use super::{Random, Relation, Row, SIZES, View, context, fields, text};
use crate::state_op::TopN;

fn types() -> Vec<DataType> {
    vec![DataType::Int8, DataType::Text, DataType::Float8, DataType::Numeric(None), DataType::Int4]
}

fn spec(partition: &[usize], order: &[SortKey], function: RankFunc) -> physical::TopN {
    physical::TopN {
        partition: partition.to_vec(),
        order: order.to_vec(),
        function,
        limit: 3,
        offset: 0,
        number: true,
        retracts: false,
        by_arrival: false,
        forget: None,
    }
}

/// The visible rows, with their number if it is wanted.
fn expected(rows: &[Row], spec: &physical::TopN) -> View {
    let mut view = View::default();
    for group in partitions(rows, &spec.partition, &spec.order) {
        let (mut rank, mut dense) = (0, 0);
        for (i, row) in group.iter().enumerate() {
            if i == 0 || by_keys(&spec.order, &group[i - 1], row).is_ne() {
                rank = i as u64 + 1;
                dense += 1;
            }
            let number = match spec.function {
                RankFunc::RowNumber => i as u64 + 1,
                RankFunc::Rank => rank,
                RankFunc::DenseRank => dense,
            };
            if number > spec.offset && number <= spec.offset.saturating_add(spec.limit) {
                let mut shown = row.clone();
                shown.extend(spec.number.then_some(Value::Int8(number as i64)));
                *view.rows.entry(text(&shown)).or_default() += 1;
            }
        }
    }
    view
}

fn check(seed: u64, spec: &physical::TopN) {
    let types = types();
    let mut shown = types.clone();
    shown.extend(spec.number.then_some(DataType::Int8));
    for size in SIZES {
        let mut random = Random(seed);
        let mut top = TopN::new(&context(), &fields(&types), spec);
        let mut relation = Relation::default();
        let mut view = View::default();
        for epoch in 0..6 {
            for _ in 0..1 + epoch % 3 {
                let n = if size > 64 { 100 } else { size };
                let delta = relation.delta(&mut random, &types, n, (4, spec.retracts));
                for from in (0..delta.rows()).step_by(size) {
                    let n = size.min(delta.rows() - from);
                    top.apply(&delta.slice(from, n)).expect("memory");
                }
            }
            let before = view.rows.clone();
            let mut moved = 0;
            view.drain(&shown, || {
                let batch = top.poll()?;
                if let Some(batch) = &batch {
                    moved += (0..batch.rows()).map(|i| batch.weight(i).abs()).sum::<i64>();
                }
                Ok(batch)
            });
            assert_eq!(view.rows, expected(&relation.rows, spec).rows, "{spec:?} at {size}");
            let net = |a: &std::collections::BTreeMap<String, i64>,
                       b: &std::collections::BTreeMap<String, i64>| {
                a.iter().map(|(row, n)| (n - b.get(row).unwrap_or(&0)).max(0)).sum::<i64>()
            };
            assert_eq!(
                moved,
                net(&before, &view.rows) + net(&view.rows, &before),
                "only the net change"
            );
        }
    }
}

#[test]
fn first_rows_of_partitions() {
    let orders: [&[SortKey]; 5] = [
        &[key(1, false, false)],
        &[key(2, true, true), key(1, false, true)],
        &[key(3, true, false)],
        &[key(4, false, true), key(2, true, false)],
        &[],
    ];
    let functions = [RankFunc::RowNumber, RankFunc::Rank, RankFunc::DenseRank];
    let mut seed = 1;
    for order in orders {
        for function in functions {
            for (limit, offset) in [(1, 0), (2, 1), (10, 0), (u64::MAX, 2)] {
                for (number, retracts) in
                    [(true, true), (false, true), (true, false), (false, false)]
                {
                    seed += 1;
                    let partition: &[usize] = if seed % 3 == 0 { &[] } else { &[0] };
                    let base = spec(partition, order, function);
                    check(seed, &physical::TopN { limit, offset, number, retracts, ..base });
                }
            }
        }
    }
}

#[test]
fn rows_of_several_copies_are_cut_at_the_limit() {
    let types = [DataType::Int8];
    let mut top = TopN::new(
        &context(),
        &fields(&types),
        &spec(&[], &[key(0, false, false)], RankFunc::RowNumber),
    );
    let batch = |n: i64, weight: i64| {
        let batch = arena_tr_storage::batch::Batch::from_rows(&[vec![Value::Int8(n)]], &types);
        batch.expect("an integer").with_weights(Some([weight].into_iter().collect()))
    };
    let shown = [DataType::Int8, DataType::Int8];
    let mut view = View::default();
    top.apply(&batch(5, 9)).expect("memory");
    view.drain(&shown, || top.poll());
    assert_eq!(view.rows.keys().collect::<Vec<_>>(), ["5|1", "5|2", "5|3"]);
    top.apply(&batch(4, 2)).expect("memory");
    view.drain(&shown, || top.poll());
    assert_eq!(view.rows.keys().collect::<Vec<_>>(), ["4|1", "4|2", "5|3"]);
    top.apply(&batch(6, 2)).expect("memory");
    assert!(top.poll().expect("memory").is_none(), "rows behind the limit change nothing");
    top.apply(&batch(4, 1)).expect("memory");
    view.drain(&shown, || top.poll());
    assert_eq!(view.rows.keys().collect::<Vec<_>>(), ["4|1", "4|2", "4|3"]);
}

#[test]
fn partitions_behind_the_watermark_are_dropped() {
    let types = [DataType::Timestamp, DataType::Int8];
    let mut spec = spec(&[0], &[key(1, true, false)], RankFunc::RowNumber);
    spec.forget = Some(Forget { column: 0, lag: 10 });
    let mut top = TopN::new(&context(), &fields(&types), &spec);
    let mut random = Random(7);
    for step in 0..40i64 {
        let rows: Vec<Row> = (0..1000)
            .map(|i| vec![Value::Timestamp(step * 1000 + i), Value::Int8(random.below(9) as i64)])
            .collect();
        top.apply(&arena_tr_storage::batch::Batch::from_rows(&rows, &types).expect("rows"))
            .expect("memory");
        while top.poll().expect("memory").is_some() {}
        top.forget(step * 1000);
    }
    assert!(top.n_partitions() < 4000, "{} partitions are kept", top.n_partitions());
}
