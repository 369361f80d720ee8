//! Windowed grouping against recomputation by window.

use std::collections::BTreeMap;

use arena_tr_planner::physical::{Agg, PaneAggregate, PaneColumn, TimeWindow};
use arena_tr_storage::batch::Batch;
use arena_tr_types::{AggFunc, DataType, Value};

use super::group::{agg, naive};
use super::{Random, Row, SIZES, View, context, fields, value};
use crate::state_op::PaneGroup;

/// Start and end of a window, and the keys as text.
type Key = (i64, i64, String);
/// The keys, and the rows of the group.
type Members<'a> = (Vec<Value>, Vec<&'a Row>);

const T: [DataType; 4] = [DataType::Timestamp, DataType::Int4, DataType::Text, DataType::Bool];

/// The windows that a time is in, by their definition.
fn windows_of(window: &TimeWindow, t: i64) -> Vec<(i64, i64)> {
    let hop = |slide: i64, size: i64, offset: i64| -> Vec<(i64, i64)> {
        let last = (t - offset).div_euclid(slide);
        let first = (t - offset - size).div_euclid(slide);
        (first..=last)
            .map(|k| (k * slide + offset, k * slide + offset + size))
            .filter(|(start, end)| *start <= t && t < *end)
            .collect()
    };
    match *window {
        TimeWindow::Tumble { size, offset } => hop(size, size, offset),
        TimeWindow::Hop { slide, size, offset } => hop(slide, size, offset),
        TimeWindow::Cumulate { step, max, offset } => {
            let start = (t - offset).div_euclid(max) * max + offset;
            (1..=max / step)
                .map(|i| (start, start + i * step))
                .filter(|(_, end)| t < *end)
                .collect()
        }
        TimeWindow::Session { .. } => Vec::new(),
    }
}

/// Rows of windows, keyed by (start, end, key), as they should come out.
fn expected(spec: &PaneAggregate, rows: &[Row], closed: impl Fn(i64) -> bool) -> Vec<Row> {
    let mut groups: BTreeMap<Key, Members<'_>> = BTreeMap::new();
    for row in rows {
        let Value::Timestamp(t) = row[0] else { continue };
        for (start, end) in windows_of(&spec.window, t) {
            if closed(end) {
                let key: Vec<Value> = spec.keys.iter().map(|&k| row[k].clone()).collect();
                let group = groups.entry((start, end, super::text(&key))).or_default();
                group.0 = key;
                group.1.push(row);
            }
        }
    }
    let result = |((start, end, _), (key, members)): (Key, Members<'_>)| {
        let mut row = vec![Value::Timestamp(start)];
        row.extend(key);
        row.extend(spec.aggs.iter().map(|a| naive(a, &members)));
        row.push(Value::Timestamp(end));
        row
    };
    groups.into_iter().map(result).collect()
}

fn check(window: TimeWindow, aggs: Vec<Agg>, on_close: bool, spread: i64, seed: u64) {
    let mut output = vec![PaneColumn::WindowStart, PaneColumn::Key(0)];
    output.extend((0..aggs.len()).map(PaneColumn::Agg));
    output.push(PaneColumn::WindowEnd);
    let spec = PaneAggregate { time: 0, window, keys: vec![1], aggs, on_close, output, lag: 0 };
    let mut types = vec![DataType::Timestamp, T[1].clone()];
    types.extend(spec.aggs.iter().map(|a| a.ty.clone()));
    types.push(DataType::Timestamp);
    let mut op = PaneGroup::new(&context(), &fields(&T), &spec).expect("supported");
    let (mut rows, mut view, mut random): (Vec<Row>, View, Random) =
        (Vec::new(), View::default(), Random(seed));
    let (mut now, mut watermark) = (1_000i64, i64::MIN);
    for (epoch, &n) in SIZES.iter().chain(&SIZES).enumerate() {
        let mut delta = Vec::new();
        for _ in 0..n {
            now += random.below(3) as i64;
            let t = (now - random.below(spread as u64) as i64).max(watermark.max(-500));
            let mut row: Row = T.iter().map(|t| value(&mut random, t, 7)).collect();
            if random.below(20) > 0 {
                row[0] = Value::Timestamp(t);
            } else {
                row[0] = Value::Null;
            }
            delta.push(row);
        }
        op.apply(&Batch::from_rows(&delta, &T).expect("rows")).expect("no error");
        rows.extend(delta);
        view.drain(&types, || op.poll());
        let what = format!("epoch {epoch} of {spec:?}");
        if !on_close {
            view.check(expected(&spec, &rows, |_| true), &what);
        }
        watermark = if epoch == 2 * SIZES.len() - 1 { i64::MAX } else { now - spread };
        op.advance(watermark);
        view.drain(&types, || op.poll());
        if on_close {
            view.check(expected(&spec, &rows, |end| end <= watermark), &what);
            assert!(view.rows.values().all(|&w| w == 1));
        }
    }
    assert_eq!(op.n_panes(), 0, "nothing is open at the end of time");
}

fn invertible() -> Vec<Agg> {
    vec![
        agg(AggFunc::CountStar, &[], DataType::Int8),
        agg(AggFunc::Sum, &[1], DataType::Int8),
        Agg { filter: Some(3), ..agg(AggFunc::Count, &[2], DataType::Int8) },
        agg(AggFunc::BoolOr, &[3], DataType::Bool),
        agg(AggFunc::Avg, &[1], DataType::Numeric(None)),
    ]
}

fn others() -> Vec<Agg> {
    vec![
        agg(AggFunc::Min, &[2], DataType::Text),
        agg(AggFunc::Max, &[1], DataType::Int4),
        Agg { distinct: true, ..agg(AggFunc::Count, &[2], DataType::Int8) },
        Agg { distinct: true, filter: Some(3), ..agg(AggFunc::Sum, &[1], DataType::Int8) },
        Agg {
            order: vec![arena_tr_planner::physical::SortKey {
                column: 2,
                desc: false,
                nulls_first: false,
            }],
            ..agg(AggFunc::ArrayAgg, &[2], DataType::List(Box::new(DataType::Text)))
        },
    ]
}

fn all(window: &TimeWindow, seed: u64) {
    for on_close in [true, false] {
        for aggs in [invertible(), others()] {
            for spread in [1, 30, 300] {
                check(window.clone(), aggs.clone(), on_close, spread, seed);
            }
        }
    }
}

#[test]
fn tumbling() {
    all(&TimeWindow::Tumble { size: 10, offset: 0 }, 1);
    all(&TimeWindow::Tumble { size: 500, offset: 3 }, 2);
}

#[test]
fn hopping() {
    all(&TimeWindow::Hop { slide: 20, size: 100, offset: 0 }, 3);
    all(&TimeWindow::Hop { slide: 40, size: 60, offset: 7 }, 4);
    all(&TimeWindow::Hop { slide: 60, size: 40, offset: 0 }, 5);
    all(&TimeWindow::Hop { slide: 60, size: 20, offset: 0 }, 6);
}

#[test]
fn cumulating() {
    all(&TimeWindow::Cumulate { step: 20, max: 100, offset: 0 }, 7);
}
