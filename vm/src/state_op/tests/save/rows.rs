//! Operators that keep whole rows: distinct, first rows, rows held back, set operations, window
//! functions, constant rows.

use arena_tr_planner::physical::{self, FrameBound, FrameUnits, RankFunc, SortKey};
use arena_tr_storage::batch::Batch;
use arena_tr_storage::state::visit::StateCopy;
use arena_tr_types::{DataType, Value};

use super::super::order::key;
use super::super::over;
use super::{Flow, assert_same, check, forget, state};
use crate::bytecode::{OverSpec, StateSpec};
use crate::state_op::Once;

fn types() -> Vec<DataType> {
    vec![DataType::Timestamp, DataType::Text, DataType::Float8, DataType::Numeric(None)]
}

#[test]
fn distinct_rows() {
    for retracts in [false, true] {
        let spec = StateSpec::Distinct { forget: None };
        check(&state(spec, &[&types()]), &[Flow::new(&types(), retracts)], 15, 3);
    }
    for (rows, seed) in [(300, 1), (1100, 2)] {
        let flow = Flow { rows, ..Flow::timed(&types(), 0, 2 * rows) };
        check(&state(StateSpec::Distinct { forget: forget(0) }, &[&types()]), &[flow], 40, seed);
    }
}

fn top(partition: &[usize], order: &[SortKey], function: RankFunc) -> physical::TopN {
    physical::TopN {
        partition: partition.to_vec(),
        order: order.to_vec(),
        function,
        limit: 3,
        offset: 1,
        number: true,
        retracts: false,
        by_arrival: false,
        forget: None,
    }
}

#[test]
fn first_rows() {
    let mut seed = 0;
    let orders: [&[SortKey]; 3] = [&[], &[key(2, true, false)], &[key(1, false, true)]];
    for (order, partition) in orders.into_iter().flat_map(|o| [(o, vec![]), (o, vec![1])]) {
        for function in [RankFunc::RowNumber, RankFunc::Rank, RankFunc::DenseRank] {
            for (retracts, number) in [(false, true), (true, true), (false, false), (true, false)] {
                seed += 1;
                // All may be peers of the first.
                let offset = u64::from(function == RankFunc::RowNumber);
                let base = top(&partition, order, function);
                let spec = physical::TopN { retracts, number, offset, ..base };
                let flow = Flow { rows: 30, ..Flow::new(&types(), retracts) };
                check(&state(StateSpec::Top(spec), &[&types()]), &[flow], 10, seed);
            }
        }
    }
}

#[test]
fn first_rows_as_they_arrived() {
    for partition in [vec![], vec![1]] {
        let base = top(&partition, &[key(2, false, false)], RankFunc::RowNumber);
        let spec = physical::TopN { by_arrival: true, limit: 20, ..base };
        let flow = Flow { domain: 3, ..Flow::new(&types(), false) };
        check(&state(StateSpec::Top(spec), &[&types()]), &[flow], 12, 9);
    }
}

#[test]
fn first_rows_of_partitions_that_are_forgotten() {
    for (rows, seed) in [(300, 1), (1000, 2)] {
        for retracts in [false, true] {
            let base = top(&[1, 0], &[key(2, false, false)], RankFunc::RowNumber);
            let spec = physical::TopN { retracts, offset: 0, forget: forget(0), ..base };
            let flow = Flow { rows, retracts, ..Flow::timed(&types(), 0, rows) };
            check(&state(StateSpec::Top(spec), &[&types()]), &[flow], 30, seed);
        }
    }
}

#[test]
fn rows_held_back() {
    for retracts in [false, true] {
        let flow = Flow { retracts, ..Flow::timed(&types(), 0, 200) };
        check(&state(StateSpec::Hold { column: 0 }, &[&types()]), &[flow], 20, 4);
    }
}

#[test]
fn set_operations() {
    let types = [DataType::Text, DataType::Int4];
    for op in [physical::SetOp::Intersect, physical::SetOp::Except] {
        for (all, retracts) in [(true, true), (false, true), (true, false), (false, false)] {
            let flows = [Flow::new(&types, retracts), Flow::new(&types, retracts)];
            check(&state(StateSpec::SetOp { op, all }, &[&types, &types]), &flows, 15, 6);
        }
    }
}

#[test]
fn window_functions() {
    use FrameBound::{CurrentRow, Preceding, UnboundedFollowing, UnboundedPreceding};
    let frames = [
        (FrameUnits::Range, UnboundedPreceding, CurrentRow),
        (FrameUnits::Rows, Preceding(Value::Int8(2)), CurrentRow),
        (FrameUnits::Groups, CurrentRow, UnboundedFollowing),
    ];
    for (i, (units, start, end)) in frames.into_iter().enumerate() {
        for (retracts, partition) in [(true, vec![0]), (true, vec![]), (false, vec![0])] {
            let frame = over::frame(units, start.clone(), end.clone());
            let mut calls = over::framed(&frame);
            calls.extend(over::placed());
            let order = vec![key(1, i == 1, false)];
            let spec = OverSpec { partition, order, calls, by_arrival: !retracts, forget: None };
            let flow = Flow { rows: 15, ..Flow::new(&over::TYPES, retracts) };
            let state = state(StateSpec::Over(spec), &[&over::TYPES]);
            check(&state, &[flow], 9, i as u64 + 1);
        }
    }
}

#[test]
fn window_functions_of_partitions_that_are_forgotten() {
    let types = [DataType::Timestamp, DataType::Int8, DataType::Int8, DataType::Text];
    let whole =
        over::frame(FrameUnits::Range, FrameBound::UnboundedPreceding, FrameBound::CurrentRow);
    for (rows, seed) in [(300, 1), (900, 2)] {
        let calls = over::framed(&whole).into_iter().take(4).collect();
        let order = vec![key(1, false, false)];
        let spec =
            OverSpec { partition: vec![0], order, calls, by_arrival: false, forget: forget(0) };
        let flow = Flow { rows, ..Flow::timed(&types, 0, rows) };
        check(&state(StateSpec::Over(spec), &[&types]), &[flow], 25, seed);
    }
}

#[test]
fn constant_rows() {
    let types = [DataType::Int8];
    let rows: Vec<Vec<Value>> = (0..3500).map(|n| vec![Value::Int8(n)]).collect();
    let batch = Batch::from_rows(&rows, &types).expect("rows");
    let mut steady = Once::new(vec![batch.clone()]);
    let mut moving = Once::new(vec![batch]);
    for _ in 0..6 {
        let (wanted, shown) = (steady.poll().expect("rows"), moving.poll().expect("rows"));
        assert_same(wanted.as_slice(), shown.as_slice(), "constant rows");
        let copy = StateCopy::of(&mut moving).expect("nothing fails");
        moving.poll().expect("rows");
        copy.put_into(&mut moving).expect("constant rows");
    }
    assert!(moving.poll().expect("rows").is_none());
}
