//! Joins of every kind, with and without retractions, residual conditions and forgetting.

use arena_tr_planner::physical::JoinKind;
use arena_tr_types::DataType;

use super::super::join::KINDS;
use super::{Flow, compare, forget, state};
use crate::bytecode::{JoinSpec, StateSpec};

/// Time, text, number.
const LEFT: [DataType; 3] = [DataType::Timestamp, DataType::Text, DataType::Int8];
/// Number, text, time.
const RIGHT: [DataType; 3] = [DataType::Int8, DataType::Text, DataType::Timestamp];

fn spec(kind: JoinKind, n_keys: usize, null_equal: bool, residual: bool) -> JoinSpec {
    let left_only = matches!(kind, JoinKind::Semi | JoinKind::Anti | JoinKind::NullAwareAnti);
    JoinSpec {
        kind,
        left_keys: [1, 0][..n_keys].to_vec(),
        right_keys: [1, 2][..n_keys].to_vec(),
        null_equal: vec![null_equal; n_keys],
        residual: residual.then(|| vec![2, 3]),
        left_forget: None,
        right_forget: None,
        output: if left_only { vec![2, 0, 1] } else { vec![5, 2, 0, 4, 1] },
    }
}

fn run(spec: JoinSpec, flows: &[Flow; 2], n_epochs: u64, seed: u64) -> usize {
    compare(&state(StateSpec::Join(spec), &[&LEFT, &RIGHT]), flows, n_epochs, seed)
}

#[test]
fn of_every_kind() {
    for (k, kind) in KINDS.into_iter().enumerate() {
        let mut shown = 0;
        for residual in [false, true] {
            for (left, right) in [(false, false), (true, true), (true, false), (false, true)] {
                for n_keys in [1, 2] {
                    let flow = |types: &[DataType], retracts| Flow {
                        rows: 25,
                        domain: 12,
                        ..Flow::new(types, retracts)
                    };
                    let flows = [flow(&LEFT, left), flow(&RIGHT, right)];
                    let null_equal = n_keys == 2 && kind != JoinKind::NullAwareAnti;
                    let spec = spec(kind, n_keys, null_equal, residual);
                    shown += run(spec, &flows, 10, k as u64 + 1);
                }
            }
        }
        assert!(shown > 0, "nothing came out of {kind:?}");
    }
}

#[test]
fn without_keys() {
    let mut shown = 0;
    for kind in KINDS {
        let flows = [
            Flow { rows: 9, ..Flow::new(&LEFT, true) },
            Flow { rows: 9, ..Flow::new(&RIGHT, true) },
        ];
        shown += run(spec(kind, 0, false, true), &flows, 8, 7);
    }
    assert!(shown > 500, "{shown} rows");
}

#[test]
fn that_forget() {
    for kind in [JoinKind::Inner, JoinKind::Left, JoinKind::Full, JoinKind::Semi] {
        for (left, right) in [(false, false), (true, true), (false, true)] {
            for rules in [(true, true), (true, false)] {
                let mut spec = spec(kind, 1, false, false);
                spec.left_forget = forget(0).filter(|_| rules.0);
                spec.right_forget = forget(2).filter(|_| rules.1);
                let flow = |types: &[DataType], time, retracts| Flow {
                    rows: 250,
                    // Of many keys only some are looked at when rows are dropped.
                    domain: if kind == JoinKind::Inner { 5000 } else { 400 },
                    spread: if kind == JoinKind::Inner { 3000 } else { 200 },
                    retracts,
                    ..Flow::timed(types, time, 0)
                };
                let flows = [flow(&LEFT, 0, left), flow(&RIGHT, 2, right)];
                assert!(run(spec, &flows, 24, 11) > 100);
            }
        }
    }
}
