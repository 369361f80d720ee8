//! The ring of panes against an ordered map.

use std::collections::BTreeMap;

use super::Random;
use crate::state::PaneRing;

fn check(ring: &PaneRing<Vec<u64>>, model: &BTreeMap<i64, Vec<u64>>) {
    assert_eq!(ring.len(), model.len());
    assert_eq!(ring.is_empty(), model.is_empty());
    assert_eq!(ring.first(), model.keys().next().copied());
    assert!(ring.iter().eq(model.iter().map(|(&position, pane)| (position, pane))));
}

#[test]
fn a_ring_is_an_ordered_map() {
    for seed in 1..20 {
        let mut random = Random(seed * 0x9e37_79b9);
        let (mut ring, mut model) = (PaneRing::default(), BTreeMap::<i64, Vec<u64>>::new());
        let mut front = 0i64;
        for step in 0..600 {
            // Near the end mostly, sometimes far behind or before zero.
            let near = front + random.below(6) as i64 - 3;
            let position = if random.below(20) == 0 { near - 50 } else { near };
            match random.below(10) {
                0..=4 => {
                    ring.get_or_insert(position, Vec::new).push(step);
                    model.entry(position).or_default().push(step);
                }
                5 => assert_eq!(ring.take(position), model.remove(&position)),
                6 => {
                    let gone = |p: i64| p < front - 4;
                    let first = model.first_key_value().map(|(&p, _)| p).filter(|&p| gone(p));
                    let wanted = first.and_then(|p| Some((p, model.remove(&p)?)));
                    assert_eq!(ring.take_first(gone), wanted);
                }
                7 => {
                    let (start, end) = (position - 3, position + random.below(5) as i64);
                    let wanted: Vec<_> = model
                        .iter()
                        .filter(|(p, _)| (start..end).contains(*p))
                        .map(|(&p, pane)| (p, pane))
                        .collect();
                    assert_eq!(ring.range(start, end).collect::<Vec<_>>(), wanted);
                }
                8 => {
                    let (mine, wanted) = (ring.get_mut(position), model.get_mut(&position));
                    assert_eq!(mine.is_some(), wanted.is_some());
                    if let (Some(mine), Some(wanted)) = (mine, wanted) {
                        mine.push(step);
                        wanted.push(step);
                    }
                }
                _ => front += 1,
            }
            assert_eq!(ring.get(position), model.get(&position));
            check(&ring, &model);
        }
    }
}

#[test]
fn the_ends_of_time_are_positions() {
    let mut ring = PaneRing::default();
    for position in [i64::MAX, i64::MIN, 0] {
        *ring.get_or_insert(position, || 0) += position;
    }
    let all: Vec<i64> = ring.iter().map(|(position, _)| position).collect();
    assert_eq!(all, [i64::MIN, 0, i64::MAX]);
    assert_eq!(ring.range(i64::MIN, i64::MAX).count(), 2);
    assert_eq!(ring.range(1, 1).count(), 0);
    assert_eq!(ring.range(5, -5).count(), 0);
    assert_eq!(ring.take_first(|_| true), Some((i64::MIN, i64::MIN)));
    assert_eq!(ring.take_first(|_| false), None);
    // A pane taken out from under the memory of the last one is made anew.
    ring.get_or_insert(0, || 7);
    assert_eq!(ring.take(0), Some(0));
    assert_eq!(*ring.get_or_insert(0, || 7), 7);
}
