//! Panes, open windows and sessions.

use arena_tr_planner::physical::{Agg, PaneAggregate, PaneColumn, SessionAggregate, TimeWindow};
use arena_tr_types::DataType;

use super::groups::{distincts, lists, picks, sums, types};
use super::{Flow, check, forget, state};
use crate::bytecode::StateSpec;

fn output(n_keys: usize, aggs: &[Agg]) -> Vec<PaneColumn> {
    let mut output = vec![PaneColumn::WindowStart];
    output.extend((0..n_keys).map(PaneColumn::Key));
    output.extend((0..aggs.len()).map(PaneColumn::Agg));
    output.push(PaneColumn::WindowEnd);
    output
}

fn panes(window: &TimeWindow, on_close: bool, spread: u64, seed: u64) {
    for (i, aggs) in [sums(), picks(), distincts(), lists()].into_iter().enumerate() {
        let keys: Vec<usize> =
            if (i + spread as usize).is_multiple_of(3) { vec![] } else { vec![2] };
        let output = output(keys.len(), &aggs);
        let (window, lag) = (window.clone(), i as i64 % 2 * 7);
        let spec = PaneAggregate { time: 0, window, keys, aggs, on_close, output, lag };
        let flow = Flow { rows: 30, ..Flow::timed(&types(), 0, spread) };
        let state = state(StateSpec::Pane(spec), &[&types()]);
        check(&state, &[flow], 16, seed + i as u64);
    }
}

fn windows() -> [TimeWindow; 5] {
    [
        TimeWindow::Tumble { size: 40, offset: 3 },
        // Panes of a window are added up by a running table, if they can be taken out again.
        TimeWindow::Hop { slide: 10, size: 60, offset: 0 },
        TimeWindow::Hop { slide: 30, size: 50, offset: 7 },
        TimeWindow::Hop { slide: 60, size: 40, offset: 0 },
        TimeWindow::Cumulate { step: 20, max: 100, offset: 0 },
    ]
}

#[test]
fn that_are_shown_when_they_close() {
    for (k, window) in windows().iter().enumerate() {
        for spread in [1, 150] {
            panes(window, true, spread, 10 * k as u64 + 1);
        }
    }
}

#[test]
fn that_are_shown_with_every_change() {
    for (k, window) in windows().iter().enumerate() {
        for spread in [1, 150] {
            panes(window, false, spread, 10 * k as u64 + 5);
        }
    }
}

#[test]
fn sessions() {
    for (i, aggs) in [sums(), picks(), distincts(), lists()].into_iter().enumerate() {
        for (on_close, gap, lag) in [(true, 4, 0), (true, 20, 9), (false, 4, 0), (false, 25, 3)] {
            let keys = if i % 2 == 0 { vec![1] } else { vec![2, 3] };
            let output = output(keys.len(), &aggs);
            let aggs = aggs.clone();
            let spec = SessionAggregate { time: 0, gap, keys, aggs, on_close, output, lag };
            let flow = Flow { rows: 40, ..Flow::timed(&types(), 0, 60) };
            let state = state(StateSpec::Session(spec), &[&types()]);
            check(&state, &[flow], 14, i as u64 * 5 + gap as u64);
        }
    }
}

#[test]
fn bounds_of_sessions() {
    let types = [DataType::Text, DataType::Timestamp, DataType::Numeric(None), DataType::Interval];
    for (gap, retracts, rule) in
        [(0, true, None), (9, true, None), (9, false, forget(1)), (2, true, forget(1))]
    {
        let partition = vec![0];
        let spec = StateSpec::SessionAssign { time: 1, gap, partition, forget: rule };
        let rows = if rule.is_some() { 400 } else { 60 };
        let flow = Flow { retracts, rows, ..Flow::timed(&types, 1, rows) };
        check(&state(spec, &[&types]), &[flow], 30, gap as u64 + 3);
    }
}
