//! INTERSECT and EXCEPT against counting.

use std::collections::BTreeMap;

use arena_tr_planner::physical;
use arena_tr_types::DataType;

use super::{Random, Relation, Row, SIZES, View, context, fields, text};
use crate::state_op::{SetOp, Side};

fn counts(rows: &[Row]) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(text(row)).or_default() += 1);
    counts
}

fn expected(left: &[Row], right: &[Row], op: physical::SetOp, all: bool) -> BTreeMap<String, i64> {
    let (left, right) = (counts(left), counts(right));
    let shown = |(row, n): (&String, &i64)| {
        let other = right.get(row).copied().unwrap_or(0);
        let n = match (op, all) {
            (physical::SetOp::Intersect, true) => *n.min(&other),
            (physical::SetOp::Intersect, false) => i64::from(other > 0),
            (physical::SetOp::Except, true) => (n - other).max(0),
            (physical::SetOp::Except, false) => i64::from(other == 0),
        };
        (n > 0).then(|| (row.clone(), n))
    };
    left.iter().filter_map(shown).collect()
}

#[test]
fn rows_of_two_sides() {
    let types = [DataType::Text, DataType::Int4];
    for op in [physical::SetOp::Intersect, physical::SetOp::Except] {
        for (all, retracts) in [(true, true), (false, true), (true, false), (false, false)] {
            for size in SIZES {
                let mut random = Random(size as u64 + 5);
                let mut both = SetOp::new(&context(), &fields(&types), op, all);
                let mut sides = [Relation::default(), Relation::default()];
                let mut view = View::default();
                for _ in 0..10 {
                    for (side, relation) in [Side::Left, Side::Right].into_iter().zip(&mut sides) {
                        let delta = relation.delta(&mut random, &types, 2 * size, (3, retracts));
                        for from in (0..delta.rows()).step_by(size) {
                            both.apply(side, &delta.slice(from, size)).expect("memory");
                        }
                    }
                    view.drain(&types, || both.poll());
                    let wanted = expected(&sides[0].rows, &sides[1].rows, op, all);
                    assert_eq!(view.rows, wanted, "{op:?} {all} at {size}");
                }
            }
        }
    }
}
