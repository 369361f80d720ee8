//! Inequalities and what follows from them.

use arena_tr_types::Func;

use super::range::{Edge, edges, equal_edges, reach};
use crate::logical::Expr;
use crate::physical::TimeBound;
use crate::testing::*;

fn edges_of(predicate: Expr) -> Vec<Edge> {
    let mut found = Vec::new();
    edges(&predicate, &mut found);
    found
}

#[test]
fn comparisons_become_edges() {
    let auction = scan("auction");
    let (ts, expires) = (col(&auction, "ts"), col(&auction, "expires"));
    let (t, e) = (3, 4);
    let edge = |high, low, gap| Edge { high, low, gap };
    let later = |n| call(Func::Add, vec![ts.clone(), seconds(n)]);
    assert_eq!(edges_of(cmp(Func::GtEq, expires.clone(), ts.clone())), [edge(e, t, 0)]);
    assert_eq!(edges_of(cmp(Func::Gt, expires.clone(), ts.clone())), [edge(e, t, 1)]);
    assert_eq!(edges_of(cmp(Func::LtEq, later(5), expires.clone())), [edge(e, t, 5 * SECOND)]);
    assert_eq!(edges_of(cmp(Func::Lt, expires.clone(), later(5))), [edge(t, e, 1 - 5 * SECOND)]);
    assert_eq!(edges_of(eq(expires.clone(), later(1))), equal_edges(e, t, SECOND));
    let difference =
        Expr { ty: seconds(0).ty, ..call(Func::Sub, vec![expires.clone(), ts.clone()]) };
    assert_eq!(edges_of(cmp(Func::GtEq, difference.clone(), seconds(3))), [edge(e, t, 3 * SECOND)]);
    assert_eq!(edges_of(cmp(Func::GtEq, seconds(3), difference)), [edge(t, e, -3 * SECOND)]);
}

#[test]
fn nothing_follows_from_what_is_not_understood() {
    let auction = scan("auction");
    let (ts, expires) = (col(&auction, "ts"), col(&auction, "expires"));
    let later = cmp(Func::GtEq, expires.clone(), ts.clone());
    assert_eq!(edges_of(or(vec![later.clone(), later.clone()])), []);
    assert_eq!(edges_of(not(later)), []);
    assert_eq!(edges_of(cmp(Func::NotEq, expires.clone(), ts.clone())), []);
    assert_eq!(edges_of(cmp(Func::GtEq, col(&auction, "id"), col(&auction, "seller"))), []);
    let month = arena_tr_types::Interval { months: 1, days: 0, micros: 0 };
    let month = Expr::literal(arena_tr_types::Value::Interval(month), seconds(0).ty);
    assert_eq!(edges_of(cmp(Func::GtEq, expires, call(Func::Add, vec![ts, month]))), []);
}

#[test]
fn bounds_follow_chains_of_edges() {
    let bound = [TimeBound { column: 0, lag: 5 }];
    let chain = [
        Edge { high: 2, low: 1, gap: -10 },
        Edge { high: 1, low: 0, gap: 3 },
        Edge { high: 3, low: 4, gap: 0 },
    ];
    assert_eq!(reach(5, &bound, &chain), [Some(5), Some(2), Some(12), None, None]);
}

#[test]
fn a_contradiction_ends() {
    let bound = [TimeBound { column: 0, lag: 0 }];
    let circle = [Edge { high: 0, low: 1, gap: 1 }, Edge { high: 1, low: 0, gap: 1 }];
    assert!(reach(2, &bound, &circle)[1].is_some());
}
