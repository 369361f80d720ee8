//! Window functions against their definition: for each row, look at every row of its partition.
//!
//! Invariant: a frame is found here by asking of each row whether it is in it, never by position
//! arithmetic.

use std::cmp::Ordering;

use arena_tr_planner::physical::{Agg, Frame, FrameBound, FrameUnits, SortKey, WindowFunc};
use arena_tr_types::{AggFunc, DataType, Value};

use super::group::naive;
use super::order::{by_keys, key, partitions};
use super::{Random, Relation, Row, SIZES, View, context, fields};
use crate::bytecode::{OverCall, OverSpec};
use crate::state_op::Over;

/// Partition, order key, value, text, condition, number of rows to look away.
pub(crate) const TYPES: [DataType; 6] = [
    DataType::Int8,
    DataType::Int8,
    DataType::Int8,
    DataType::Text,
    DataType::Bool,
    DataType::Int4,
];

pub(crate) fn frame(units: FrameUnits, start: FrameBound, end: FrameBound) -> Frame {
    Frame { units, start, end }
}

fn frames() -> Vec<Frame> {
    use FrameBound::{CurrentRow, Following, Preceding, UnboundedFollowing, UnboundedPreceding};
    let by = |n| Value::Int8(n);
    let mut all = Vec::new();
    for units in [FrameUnits::Rows, FrameUnits::Range, FrameUnits::Groups] {
        all.extend([
            frame(units, UnboundedPreceding, CurrentRow),
            frame(units, UnboundedPreceding, UnboundedFollowing),
            frame(units, Preceding(by(2)), CurrentRow),
            frame(units, Preceding(by(1)), Following(by(1))),
            frame(units, Preceding(by(3)), Preceding(by(1))),
            frame(units, Following(by(1)), Following(by(2))),
            frame(units, CurrentRow, UnboundedFollowing),
            frame(units, Following(by(2)), UnboundedFollowing),
            frame(units, Preceding(by(0)), Following(by(0))),
            frame(units, UnboundedPreceding, Preceding(by(2))),
        ]);
    }
    all
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Int4(n) => i64::from(*n),
        Value::Int8(n) => *n,
        other => panic!("{other:?} is no integer"),
    }
}

/// The rows of a partition in order, and the peer group of each.
struct Partition<'a> {
    rows: &'a [Row],
    groups: Vec<i64>,
    order: &'a [SortKey],
}

impl<'a> Partition<'a> {
    fn new(rows: &'a [Row], order: &'a [SortKey]) -> Self {
        let mut groups = Vec::new();
        for i in 0..rows.len() {
            let new = i > 0 && by_keys(order, &rows[i - 1], &rows[i]) != Ordering::Equal;
            groups.push(groups.last().copied().unwrap_or(0) + i64::from(new));
        }
        Self { rows, groups, order }
    }

    /// How far row `j` is from row `i` in the frame's units; `None` where there is no distance.
    fn distance(&self, units: FrameUnits, i: usize, j: usize) -> Option<i64> {
        match units {
            FrameUnits::Rows => Some(j as i64 - i as i64),
            FrameUnits::Groups => Some(self.groups[j] - self.groups[i]),
            FrameUnits::Range => {
                let key = self.order.first()?;
                let (a, b) = (&self.rows[i][key.column], &self.rows[j][key.column]);
                let apart = |a, b| int(b) - int(a);
                match (a.is_null(), b.is_null()) {
                    (false, false) if key.desc => Some(apart(b, a)),
                    (false, false) => Some(apart(a, b)),
                    (true, true) => Some(0),
                    _ => None,
                }
            }
        }
    }

    /// Whether row `j` is not before (`side` 1) or not behind (-1) a bound of row `i`'s frame.
    fn within(&self, frame: &Frame, bound: &FrameBound, i: usize, j: usize, side: i64) -> bool {
        let offset = match bound {
            FrameBound::UnboundedPreceding | FrameBound::UnboundedFollowing => return true,
            FrameBound::CurrentRow if frame.units == FrameUnits::Range => {
                return (self.groups[j] - self.groups[i]) * side >= 0;
            }
            FrameBound::CurrentRow => 0,
            FrameBound::Preceding(n) => -int(n),
            FrameBound::Following(n) => int(n),
        };
        let null = |k: usize| {
            let key = self.order.first();
            key.is_some_and(|key| self.rows[k][key.column].is_null())
        };
        match self.distance(frame.units, i, j) {
            // NULLs are each other's peers at any offset.
            Some(_) if frame.units == FrameUnits::Range && null(i) => true,
            Some(distance) => (distance - offset) * side >= 0,
            // One of both is NULL: only which stands first counts.
            None => (j as i64 - i as i64) * side > 0,
        }
    }

    /// The rows of row `i`'s frame.
    fn frame(&self, frame: &Frame, i: usize) -> Vec<&'a Row> {
        let inside = |j: &usize| {
            self.within(frame, &frame.start, i, *j, 1) && self.within(frame, &frame.end, i, *j, -1)
        };
        (0..self.rows.len()).filter(inside).map(|j| &self.rows[j]).collect()
    }

    fn ntile(&self, i: usize, buckets: i64) -> i64 {
        // Deal the rows out one by one: the first buckets get one more.
        let n = self.rows.len() as i64;
        let mut sizes = vec![0i64; buckets as usize];
        (0..n).for_each(|k| sizes[(k % buckets) as usize] += 1);
        let mut before = 0;
        let found = sizes.iter().position(|size| {
            before += size;
            (i as i64) < before
        });
        found.expect("a bucket") as i64 + 1
    }

    fn result(&self, call: &OverCall, i: usize) -> Value {
        let (n, row) = (self.rows.len(), &self.rows[i]);
        let arg = |k: usize| call.args.get(k).map(|&c| row[c].clone());
        let peers_before = self.groups.iter().filter(|g| **g < self.groups[i]).count();
        let peers_to = self.groups.iter().filter(|g| **g <= self.groups[i]).count();
        let value_of = |row: Option<&&Row>| row.map_or(Value::Null, |r| r[call.args[0]].clone());
        match call.func {
            WindowFunc::RowNumber => Value::Int8(i as i64 + 1),
            WindowFunc::Rank => Value::Int8(peers_before as i64 + 1),
            WindowFunc::DenseRank => Value::Int8(self.groups[i] + 1),
            WindowFunc::PercentRank if n == 1 => Value::Float8(0.0),
            WindowFunc::PercentRank => Value::Float8(peers_before as f64 / (n - 1) as f64),
            WindowFunc::CumeDist => Value::Float8(peers_to as f64 / n as f64),
            WindowFunc::Ntile => Value::Int4(self.ntile(i, 3) as i32),
            WindowFunc::Lag | WindowFunc::Lead => {
                let by = arg(1).unwrap_or(Value::Int4(1));
                if by.is_null() {
                    return Value::Null;
                }
                let sign = if call.func == WindowFunc::Lag { -1 } else { 1 };
                let at = i as i64 + sign * int(&by);
                let found = usize::try_from(at).ok().and_then(|at| self.rows.get(at));
                found.map_or(arg(2).unwrap_or(Value::Null), |r| r[call.args[0]].clone())
            }
            WindowFunc::FirstValue => value_of(self.frame(&call.frame, i).first()),
            WindowFunc::LastValue => value_of(self.frame(&call.frame, i).last()),
            WindowFunc::NthValue => value_of(self.frame(&call.frame, i).get(1)),
            WindowFunc::Agg(func) => {
                let agg = Agg {
                    func,
                    args: call.args.clone(),
                    distinct: false,
                    filter: call.filter,
                    order: Vec::new(),
                    ty: call.ty.clone(),
                };
                naive(&agg, &self.frame(&call.frame, i))
            }
        }
    }
}

fn expected(rows: &[Row], spec: &OverSpec) -> Vec<Row> {
    let mut all = Vec::new();
    for group in partitions(rows, &spec.partition, &spec.order) {
        let partition = Partition::new(&group, &spec.order);
        for (i, row) in group.iter().enumerate() {
            let mut shown = row.clone();
            shown.extend(spec.calls.iter().map(|call| partition.result(call, i)));
            all.push(shown);
        }
    }
    all
}

fn call(func: WindowFunc, args: &[usize], frame: &Frame, ty: DataType) -> OverCall {
    OverCall { func, args: args.to_vec(), filter: None, frame: frame.clone(), ty }
}

/// The calls that look at a frame.
pub(crate) fn framed(frame: &Frame) -> Vec<OverCall> {
    use DataType::{Bool, Int8, Numeric, Text};
    let list = DataType::List(Box::new(Int8));
    let agg = |func, args: &[usize], ty| call(WindowFunc::Agg(func), args, frame, ty);
    let mut filtered = agg(AggFunc::Sum, &[2], Numeric(None));
    filtered.filter = Some(4);
    vec![
        agg(AggFunc::CountStar, &[], Int8),
        agg(AggFunc::Count, &[2], Int8),
        agg(AggFunc::Sum, &[2], Numeric(None)),
        agg(AggFunc::Avg, &[2], Numeric(None)),
        agg(AggFunc::Min, &[2], Int8),
        agg(AggFunc::Max, &[3], Text),
        agg(AggFunc::BoolOr, &[4], Bool),
        agg(AggFunc::ArrayAgg, &[2], list),
        filtered,
        call(WindowFunc::FirstValue, &[3], frame, Text),
        call(WindowFunc::LastValue, &[2], frame, Int8),
    ]
}

/// The calls that look at the partition.
pub(crate) fn placed() -> Vec<OverCall> {
    use DataType::{Float8, Int8, Text};
    let whole = frame(FrameUnits::Range, FrameBound::UnboundedPreceding, FrameBound::CurrentRow);
    let of = |func, args: &[usize], ty| call(func, args, &whole, ty);
    vec![
        of(WindowFunc::RowNumber, &[], Int8),
        of(WindowFunc::Rank, &[], Int8),
        of(WindowFunc::DenseRank, &[], Int8),
        of(WindowFunc::PercentRank, &[], Float8),
        of(WindowFunc::CumeDist, &[], Float8),
        of(WindowFunc::Lag, &[3], Text),
        of(WindowFunc::Lead, &[2, 5], Int8),
        of(WindowFunc::Lag, &[2, 5, 1], Int8),
    ]
}

/// Follows a relation through random deltas; after each epoch the view is what the definition
/// gives, and only what differs came out.
fn check(seed: u64, size: usize, spec: &OverSpec) {
    let mut shown = TYPES.to_vec();
    shown.extend(spec.calls.iter().map(|c| c.ty.clone()));
    let mut random = Random(seed);
    let mut over = Over::new(&context(), &fields(&TYPES), spec).expect("calls that are there");
    let (mut relation, mut view) = (Relation::default(), View::default());
    for epoch in 0..5 {
        let n = if size > 64 { 48 } else { 12 };
        for _ in 0..1 + epoch % 2 {
            let delta = relation.delta(&mut random, &TYPES, n, (5, true));
            for from in (0..n).step_by(size) {
                over.apply(&delta.slice(from, size.min(n - from))).expect("memory");
            }
        }
        let before = view.rows.clone();
        let mut moved = 0;
        view.drain(&shown, || {
            let batch = over.poll()?;
            let weights = batch.iter().flat_map(|b| (0..b.rows()).map(|i| b.weight(i).abs()));
            moved += weights.sum::<i64>();
            Ok(batch)
        });
        view.check(expected(&relation.rows, spec), &format!("{spec:?} at {size}"));
        let gone = |a: &std::collections::BTreeMap<String, i64>,
                    b: &std::collections::BTreeMap<_, _>| {
            a.iter().map(|(row, n)| (n - b.get(row).unwrap_or(&0)).max(0)).sum::<i64>()
        };
        assert_eq!(moved, gone(&before, &view.rows) + gone(&view.rows, &before), "the net change");
    }
    // What is taken away leaves nothing behind.
    let rest: Vec<(Row, i64)> = relation.rows.drain(..).map(|row| (row, -1)).collect();
    let batch = crate::testing::batches(&rest, &TYPES, 1024);
    batch.iter().for_each(|b| over.apply(b).expect("memory"));
    view.drain(&shown, || over.poll());
    assert!(view.rows.is_empty() && over.n_partitions() == 0);
}

fn spec(partition: &[usize], order: &[SortKey], calls: Vec<OverCall>) -> OverSpec {
    OverSpec {
        partition: partition.to_vec(),
        order: order.to_vec(),
        calls,
        by_arrival: false,
        forget: None,
    }
}

#[test]
fn functions_of_frames() {
    let orders =
        [key(1, false, false), key(1, false, true), key(1, true, false), key(1, true, true)];
    for (i, frame) in frames().iter().enumerate() {
        for (k, order) in orders.iter().enumerate() {
            let partition: &[usize] = if (i + k) % 3 == 0 { &[] } else { &[0] };
            let spec = spec(partition, std::slice::from_ref(order), framed(frame));
            check((i * 7 + k + 1) as u64, [1, 5, 1024][(i + k) % 3], &spec);
        }
    }
}

#[test]
fn functions_of_places() {
    let orders: [&[SortKey]; 5] = [
        &[],
        &[key(1, false, false)],
        &[key(3, true, true), key(1, false, false)],
        &[key(4, false, true)],
        &[key(2, true, false), key(5, true, true)],
    ];
    for (i, order) in orders.iter().enumerate() {
        for (k, size) in SIZES.into_iter().enumerate() {
            let partition: &[usize] = [&[] as &[usize], &[0], &[0, 4]][(i + k) % 3];
            check((i * 11 + k + 1) as u64, size, &spec(partition, order, placed()));
        }
    }
}

#[test]
fn without_order_all_rows_are_peers() {
    for frame in frames().iter().filter(|f| {
        let offset =
            |b: &FrameBound| matches!(b, FrameBound::Preceding(_) | FrameBound::Following(_));
        f.units == FrameUnits::Range && !offset(&f.start) && !offset(&f.end)
    }) {
        check(99, 7, &spec(&[0], &[], framed(frame)));
    }
}
