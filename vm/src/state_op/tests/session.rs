//! Sessions against cutting sorted rows.

use arena_tr_planner::physical::{Agg, Forget, PaneColumn, SessionAggregate};
use arena_tr_types::{AggFunc, DataType, Decimal, Value};

use super::order::{key, partitions};
use super::{Random, Relation, Row, SIZES, View, context, fields, text};
use crate::state_op::{SessionAssign, SessionGroup};

const SECOND: i64 = 1_000_000;

/// The sessions of each partition, by columns 0 (partition) and 1 (time).
fn sessions(rows: &[Row], gap: i64) -> Vec<(i64, i64, Vec<Row>)> {
    let timed: Vec<Row> = rows.iter().filter(|r| !r[1].is_null()).cloned().collect();
    let mut all: Vec<(i64, i64, Vec<Row>)> = Vec::new();
    for group in partitions(&timed, &[0], &[key(1, false, false)]) {
        let first = all.len();
        for row in group {
            let Value::Timestamp(time) = row[1] else { panic!("a time") };
            match all[first..].last_mut() {
                Some((_, last, rows)) if time - *last <= gap => {
                    *last = time;
                    rows.push(row);
                }
                _ => all.push((time, time, vec![row])),
            }
        }
    }
    all
}

#[test]
fn rows_get_the_bounds_of_their_session() {
    let types = [DataType::Text, DataType::Timestamp, DataType::Numeric(None), DataType::Int4];
    let mut shown = types.to_vec();
    shown.extend([DataType::Timestamp, DataType::Timestamp]);
    for gap in [0, SECOND, 3 * SECOND] {
        for size in SIZES {
            let mut random = Random(size as u64 * 7 + 1);
            let mut assign = SessionAssign::new(&context(), &fields(&types), 1, gap, &[0], None);
            let (mut relation, mut view) = (Relation::default(), View::default());
            for _ in 0..8 {
                let n = if size > 65 { 300 } else { size };
                let delta = relation.delta(&mut random, &types, 2 * n, (40, true));
                for from in (0..delta.rows()).step_by(size) {
                    let n = size.min(delta.rows() - from);
                    assign.apply(&delta.slice(from, n)).expect("memory");
                }
                view.drain(&shown, || assign.poll());
                let mut expected = View::default();
                for (start, last, rows) in sessions(&relation.rows, gap) {
                    for mut row in rows {
                        row.extend([Value::Timestamp(start), Value::Timestamp(last + gap)]);
                        *expected.rows.entry(text(&row)).or_default() += 1;
                    }
                }
                assert_eq!(view.rows, expected.rows, "gap {gap} at {size}");
            }
        }
    }
}

#[test]
fn assigned_sessions_are_forgotten() {
    let types = [DataType::Int8, DataType::Timestamp];
    let forget = Some(Forget { column: 1, lag: 0 });
    let mut assign = SessionAssign::new(&context(), &fields(&types), 1, 5, &[0], forget);
    let mut shown = types.to_vec();
    shown.extend([DataType::Timestamp, DataType::Timestamp]);
    let mut view = View::default();
    for step in 0..60i64 {
        let rows: Vec<Row> =
            (0..500).map(|i| vec![Value::Int8(i % 7), Value::Timestamp(step * 1000 + i)]).collect();
        let batch = arena_tr_storage::batch::Batch::from_rows(&rows, &types).expect("rows");
        assign.apply(&batch).expect("memory");
        view.drain(&shown, || assign.poll());
        assign.forget(step * 1000 + 499);
    }
    assert!(assign.n_rows() < 4000, "{} rows are kept", assign.n_rows());
    assert_eq!(view.rows.values().sum::<i64>(), 60 * 500, "forgetting takes nothing back");
}

fn agg(func: AggFunc, args: &[usize], ty: DataType) -> Agg {
    Agg { func, args: args.to_vec(), distinct: false, filter: None, order: Vec::new(), ty }
}

fn spec(gap: i64, on_close: bool, lag: i64) -> SessionAggregate {
    SessionAggregate {
        time: 1,
        gap,
        keys: vec![0],
        aggs: vec![
            agg(AggFunc::CountStar, &[], DataType::Int8),
            agg(AggFunc::Sum, &[2], DataType::Numeric(None)),
            agg(AggFunc::Min, &[3], DataType::Text),
            Agg { distinct: true, ..agg(AggFunc::Count, &[3], DataType::Int8) },
            Agg { order: vec![key(2, true, false)], ..agg(AggFunc::Max, &[3], DataType::Text) },
            agg(AggFunc::Sum, &[4], DataType::Float8),
        ],
        on_close,
        output: vec![
            PaneColumn::WindowEnd,
            PaneColumn::Key(0),
            PaneColumn::Agg(0),
            PaneColumn::Agg(1),
            PaneColumn::WindowStart,
            PaneColumn::Agg(2),
            PaneColumn::Agg(3),
            PaneColumn::Agg(4),
            PaneColumn::Agg(5),
        ],
        lag,
    }
}

fn input() -> [DataType; 5] {
    [DataType::Int4, DataType::Timestamp, DataType::Numeric(None), DataType::Text, DataType::Float8]
}

fn output() -> [DataType; 9] {
    [
        DataType::Timestamp,
        DataType::Int4,
        DataType::Int8,
        DataType::Numeric(None),
        DataType::Timestamp,
        DataType::Text,
        DataType::Int8,
        DataType::Text,
        DataType::Float8,
    ]
}

/// The row of a session.
fn result(start: i64, last: i64, rows: &[Row], gap: i64) -> Row {
    let present = |c: usize| rows.iter().map(move |r| r[c].clone()).filter(|v| !v.is_null());
    let sum = present(2).fold(None, |sum: Option<Decimal>, v| match v {
        Value::Numeric(n) => Some(sum.map_or(n, |s| s.checked_add(n).expect("small"))),
        _ => sum,
    });
    let texts: std::collections::BTreeSet<String> = present(3).map(|v| v.to_string()).collect();
    let text_or_null =
        |t: Option<&String>| t.map_or(Value::Null, |t| Value::Text(t.as_str().into()));
    let floats = present(4).fold(None, |sum: Option<f64>, v| match v {
        Value::Float8(x) => Some(sum.unwrap_or(0.0) + x),
        _ => sum,
    });
    vec![
        Value::Timestamp(last + gap),
        rows[0][0].clone(),
        Value::Int8(rows.len() as i64),
        sum.map_or(Value::Null, Value::Numeric),
        Value::Timestamp(start),
        text_or_null(texts.first()),
        Value::Int8(texts.len() as i64),
        text_or_null(texts.last()),
        floats.map_or(Value::Null, Value::Float8),
    ]
}

fn expected(rows: &[Row], gap: i64, closed: impl Fn(i64) -> bool) -> View {
    let mut view = View::default();
    for (start, last, rows) in sessions(rows, gap) {
        if closed(last + gap) {
            *view.rows.entry(text(&result(start, last, &rows, gap))).or_default() += 1;
        }
    }
    view
}

#[test]
fn changes_of_sessions() {
    for gap in [0, SECOND, 4 * SECOND] {
        for size in SIZES {
            let mut random = Random(size as u64 + 77);
            let mut group = SessionGroup::new(&context(), &fields(&input()), &spec(gap, false, 0))
                .expect("a plan");
            let (mut relation, mut view) = (Relation::default(), View::default());
            for _ in 0..8 {
                let n = if size > 65 { 200 } else { size };
                let delta = relation.delta(&mut random, &input(), 2 * n, (60, false));
                for from in (0..delta.rows()).step_by(size) {
                    let n = size.min(delta.rows() - from);
                    group.apply(&delta.slice(from, n)).expect("memory");
                }
                view.drain(&output(), || group.poll());
                let wanted = expected(&relation.rows, gap, |_| true);
                assert_eq!(view.rows, wanted.rows, "gap {gap} at {size}");
                assert!(group.poll().expect("memory").is_none());
            }
            group.advance(i64::MAX).expect("memory");
            assert!(group.poll().expect("memory").is_none());
            assert_eq!(group.n_sessions(), 0);
        }
    }
}

#[test]
fn closed_sessions_come_once() {
    for (gap, lag) in [(SECOND, 0), (3 * SECOND, 2 * SECOND)] {
        for size in SIZES {
            let mut random = Random(size as u64 + 5);
            let mut group = SessionGroup::new(&context(), &fields(&input()), &spec(gap, true, lag))
                .expect("a plan");
            let mut relation = Relation::default();
            let mut view = View::default();
            let mut watermark = i64::MIN;
            for step in -25..45i64 {
                // Rows come within five seconds of the watermark, never behind it.
                let mut fresh = Relation::default();
                let mut delta = fresh.delta(&mut random, &input(), size.min(100), (20, false));
                let ahead: Vec<i64> =
                    (0..delta.rows()).map(|_| (step + random.below(5) as i64) * SECOND).collect();
                delta.columns[1] = arena_tr_storage::column::Column::I64(
                    arena_tr_storage::column::Fixed::new(ahead.into_iter().collect()),
                );
                relation.rows.extend(delta.to_rows(&input()));
                group.apply(&delta).expect("memory");
                view.drain(&output(), || group.poll());
                watermark = if step == 44 { i64::MAX } else { step * SECOND };
                group.advance(watermark).expect("memory");
                view.drain(&output(), || group.poll());
                let wanted = expected(&relation.rows, gap, |end| {
                    watermark == i64::MAX || watermark > end + lag
                });
                assert_eq!(view.rows, wanted.rows, "gap {gap} at {size}, {watermark}");
            }
            assert_eq!((group.n_sessions(), watermark), (0, i64::MAX));
        }
    }
}
