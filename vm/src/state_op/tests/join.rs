//! Joins of every kind against nested loops over both relations.

use arena_tr_planner::physical::{Forget, JoinKind};
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Buffer, Selection};
use arena_tr_types::{DataType, Value};

use super::{Random, Relation, Row, SIZES, View, context, fields};
use crate::state_op::{Join, JoinSpec, JoinStep, Side};

const LEFT: [DataType; 3] = [DataType::Int4, DataType::Text, DataType::Int8];
const RIGHT: [DataType; 3] = [DataType::Int8, DataType::Int4, DataType::Text];

/// The residual condition of the tests: left.2 < right.0 (columns 2 and 3 of the pair).
fn residual(row: &[Value]) -> bool {
    match (&row[2], &row[3]) {
        (Value::Int8(a), Value::Int8(b)) => a < b,
        _ => false,
    }
}

fn equal(a: &Value, b: &Value, null_equal: bool) -> Option<bool> {
    match (a.is_null(), b.is_null()) {
        (false, false) => Some(a.eq_sql(b)),
        (true, true) if null_equal => Some(true),
        _ if null_equal => Some(false),
        _ => None,
    }
}

fn all_types() -> Vec<DataType> {
    LEFT.iter().chain(&RIGHT).cloned().collect()
}

fn run(join: &mut Join, side: Side, delta: &Batch, view: &mut View, types: &[DataType]) {
    for piece in delta.split() {
        join.start(side, &piece).expect("no error");
        loop {
            match join.step().expect("no error") {
                JoinStep::Done => break,
                JoinStep::Rows(batch) => view.add(&batch, types),
                JoinStep::Candidates(batch) => {
                    let rows = batch.to_rows(&all_types());
                    let kept: Vec<u16> = (0..rows.len() as u16)
                        .filter(|&i| residual(&rows[usize::from(i)]))
                        .collect();
                    let kept = Selection::from_indices(Buffer::from_slice(&kept));
                    if let Some(batch) = join.matched(&kept).expect("no error") {
                        view.add(&batch, types);
                    }
                }
            }
        }
    }
}

fn expected(spec: &JoinSpec, left: &[Row], right: &[Row]) -> Vec<Row> {
    let matches = |l: &Row, r: &Row| {
        let mut keys = spec.left_keys.iter().zip(&spec.right_keys).zip(&spec.null_equal);
        let key = keys.try_fold(true, |all, ((&a, &b), &n)| {
            equal(&l[a], &r[b], n).map_or(Err(()), |e| Ok(all && e)).or_else(|()| {
                // Unknown: false wins over it, else it counts for NOT IN only.
                if spec.kind == JoinKind::NullAwareAnti { Ok(all) } else { Ok::<bool, ()>(false) }
            })
        });
        let pair: Row = l.iter().chain(r).cloned().collect();
        key == Ok(true) && (spec.residual.is_none() || residual(&pair))
    };
    let pick = |l: Option<&Row>, r: Option<&Row>| -> Row {
        let side = |row: Option<&Row>, n: usize| row.cloned().unwrap_or(vec![Value::Null; n]);
        let all: Row = [side(l, LEFT.len()), side(r, RIGHT.len())].concat();
        spec.output.iter().map(|&c| all[c].clone()).collect()
    };
    let mut rows = Vec::new();
    for l in left {
        let partners: Vec<&Row> = right.iter().filter(|r| matches(l, r)).collect();
        match spec.kind {
            JoinKind::Semi if !partners.is_empty() => rows.push(pick(Some(l), None)),
            JoinKind::Anti | JoinKind::NullAwareAnti if partners.is_empty() => {
                rows.push(pick(Some(l), None));
            }
            JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti => {}
            _ => {
                rows.extend(partners.iter().map(|r| pick(Some(l), Some(r))));
                if partners.is_empty() && matches!(spec.kind, JoinKind::Left | JoinKind::Full) {
                    rows.push(pick(Some(l), None));
                }
            }
        }
    }
    if matches!(spec.kind, JoinKind::Right | JoinKind::Full) {
        let lonely = right.iter().filter(|r| !left.iter().any(|l| matches(l, r)));
        rows.extend(lonely.map(|r| pick(None, Some(r))));
    }
    rows
}

fn check(spec: &JoinSpec, domain: u64, (left_retracts, right_retracts): (bool, bool), seed: u64) {
    let mut join = Join::new(&context(), &fields(&LEFT), &fields(&RIGHT), spec);
    let all = all_types();
    let types: Vec<DataType> = spec.output.iter().map(|&c| all[c].clone()).collect();
    let (mut left, mut right, mut view) =
        (Relation::default(), Relation::default(), View::default());
    let mut random = Random(seed);
    for (epoch, &n) in [1, 2, 63, 64, 65, 200, 0, 3].iter().enumerate() {
        let delta = left.delta(&mut random, &LEFT, n, (domain, left_retracts));
        run(&mut join, Side::Left, &delta, &mut view, &types);
        let n = if epoch % 3 == 2 { 0 } else { n + 1 };
        let delta = right.delta(&mut random, &RIGHT, n, (domain, right_retracts));
        run(&mut join, Side::Right, &delta, &mut view, &types);
        view.drain(&types, || join.poll());
        let what = format!("epoch {epoch} of {spec:?} domain {domain} seed {seed}");
        view.check(expected(spec, &left.rows, &right.rows), &what);
    }
    if left_retracts && right_retracts {
        for (side, relation, types_in) in
            [(Side::Left, &mut left, &LEFT), (Side::Right, &mut right, &RIGHT)]
        {
            let rest = std::mem::take(&mut relation.rows);
            let batch = Batch::from_rows(&rest, types_in).expect("rows").negate();
            run(&mut join, side, &batch, &mut view, &types);
        }
        view.drain(&types, || join.poll());
        view.check(expected(spec, &[], &[]), "everything taken away");
        assert_eq!((join.n_rows(Side::Left), join.n_rows(Side::Right)), (0, 0));
    }
}

pub(crate) const KINDS: [JoinKind; 7] = [
    JoinKind::Inner,
    JoinKind::Left,
    JoinKind::Right,
    JoinKind::Full,
    JoinKind::Semi,
    JoinKind::Anti,
    JoinKind::NullAwareAnti,
];

fn spec(kind: JoinKind, keys: usize, null_equal: bool, residual: bool) -> JoinSpec {
    let left_only = matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti);
    JoinSpec {
        kind,
        left_keys: [0, 1][..keys].to_vec(),
        right_keys: [1, 2][..keys].to_vec(),
        null_equal: vec![null_equal; keys],
        residual: residual.then(|| vec![2, 3]),
        left_forget: None,
        right_forget: None,
        output: if left_only { vec![2, 1] } else { vec![1, 5, 2, 0] },
    }
}

#[test]
fn all_kinds_by_one_key() {
    for kind in KINDS {
        for residual in [false, true] {
            for (domain, seed) in [(5, 3), (40, 4)] {
                for retracts in [(false, false), (true, true), (true, false), (false, true)] {
                    check(&spec(kind, 1, false, residual), domain, retracts, seed);
                }
            }
        }
    }
}

#[test]
fn all_kinds_by_no_key_or_two() {
    for kind in KINDS {
        for keys in [0, 2] {
            for residual in [false, true] {
                check(&spec(kind, keys, false, residual), 8, (true, true), 5);
            }
        }
    }
}

#[test]
fn nulls_match_where_asked() {
    for kind in &KINDS[..6] {
        check(&spec(*kind, 1, true, false), 6, (true, true), 6);
        check(&spec(*kind, 2, true, true), 3, (true, true), 7);
    }
}

#[test]
fn output_never_exceeds_a_batch() {
    let mut join = Join::new(
        &context(),
        &fields(&LEFT),
        &fields(&RIGHT),
        &spec(JoinKind::Inner, 0, false, false),
    );
    let types = [DataType::Text, DataType::Text, DataType::Int8, DataType::Int4];
    let (mut left, mut right, mut view) =
        (Relation::default(), Relation::default(), View::default());
    let mut random = Random(9);
    let max = *SIZES.last().expect("sizes");
    run(&mut join, Side::Left, &left.delta(&mut random, &LEFT, max, (9, false)), &mut view, &types);
    run(
        &mut join,
        Side::Right,
        &right.delta(&mut random, &RIGHT, 50, (9, false)),
        &mut view,
        &types,
    );
    assert_eq!(view.rows.values().sum::<i64>(), 50 * max as i64);
}

#[test]
fn forgets_rows_that_the_watermark_passed() {
    let types = [DataType::Int8, DataType::Timestamp];
    for retracts in [false, true] {
        let spec = JoinSpec {
            kind: JoinKind::Inner,
            left_keys: vec![0],
            right_keys: vec![0],
            null_equal: vec![false],
            residual: None,
            left_forget: Some(Forget { column: 1, lag: 100 }),
            right_forget: Some(Forget { column: 1, lag: 100 }),
            output: vec![0, 1, 3],
        };
        let mut join = Join::new(&context(), &fields(&types), &fields(&types), &spec);
        let out = [DataType::Int8, DataType::Timestamp, DataType::Timestamp];
        let mut view = View::default();
        for start in (0..50_000i64).step_by(500) {
            let rows: Vec<Row> = (start..start + 500)
                .map(|t| vec![Value::Int8(t % 977), Value::Timestamp(t)])
                .collect();
            let mut batch = Batch::from_rows(&rows, &types).expect("rows");
            if retracts {
                // One row comes and goes.
                let extra =
                    Batch::from_rows(&[rows[0].clone(), rows[0].clone()], &types).expect("rows");
                let extra = extra.with_weights(Some(Buffer::from_slice(&[1, -1])));
                batch = Batch::concat(&[batch, extra]).expect("two batches");
            }
            run(&mut join, Side::Left, &batch, &mut view, &out);
            run(&mut join, Side::Right, &batch, &mut view, &out);
            view.drain(&out, || join.poll());
            join.forget(start + 500);
            let n = join.n_rows(Side::Left) + join.n_rows(Side::Right);
            assert!(n <= 8000, "{n} rows at {start}");
        }
        join.forget(i64::MAX);
        assert_eq!((join.n_rows(Side::Left), join.n_rows(Side::Right)), (0, 0));
    }
}
