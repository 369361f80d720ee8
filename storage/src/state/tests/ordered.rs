//! Ordered sets against a `BTreeSet`; elements are addresses that compare by their number.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::{Random, owner, pool};
use crate::arena::Addr;
use crate::state::OrderedSets;

#[test]
fn agrees_with_a_tree_set() {
    let mut sets = OrderedSets::new(&pool(), owner());
    let mut random = Random(42);
    for &domain in &[1u64, 2, 4, 9, 40, 3000] {
        let (mut root, mut model) = (0u64, BTreeSet::new());
        for step in 0..6000 {
            let x = random.below(domain) as u32;
            let cmp = |other: Addr| x.cmp(&other.0);
            assert_eq!(sets.find(root, cmp).is_some(), model.contains(&x));
            // Grow in the first half, shrink in the second.
            let add = random.below(10) < if step < 3000 { 7 } else { 3 };
            if add && model.insert(x) {
                sets.insert(&mut root, Addr(x), cmp).expect("memory");
            } else if !add {
                assert_eq!(sets.remove(&mut root, cmp).is_some(), model.remove(&x));
            }
            assert_eq!(sets.first(root).map(|a| a.0), model.first().copied());
            assert_eq!(sets.last(root).map(|a| a.0), model.last().copied());
        }
        let from = domain as u32 / 2;
        let (mut all, mut tail) = (Vec::new(), Vec::new());
        sets.for_each(root, |a| {
            all.push(a.0);
            ControlFlow::Continue(())
        });
        sets.for_each_from(
            root,
            |a| a.0 < from,
            |a| {
                tail.push(a.0);
                ControlFlow::Continue(())
            },
        );
        assert!(all.iter().eq(&model));
        assert!(tail.iter().eq(model.range(from..)));
        sets.free(&mut root);
        assert_eq!(root, 0);
    }
}

#[test]
fn appends_in_order_and_empties() {
    let mut sets = OrderedSets::new(&pool(), owner());
    let mut root = 0;
    for x in 0..5000u32 {
        sets.insert(&mut root, Addr(x), |other| x.cmp(&other.0)).expect("memory");
    }
    for x in 0..5000u32 {
        assert_eq!(sets.remove(&mut root, |other| x.cmp(&other.0)), Some(Addr(x)));
    }
    assert_eq!(root, 0);
}
