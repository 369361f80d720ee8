//! The table is consistent with itself: names resolve, symbols have overloads, no two overloads
//! collide.

mod page;

use super::*;

#[test]
fn every_function_has_a_unique_name_and_is_found_by_it() {
    for func in Func::ALL {
        assert_eq!(Func::from_name(func.name()), Some(*func));
    }
    assert_eq!(Func::from_name("no_such"), None);
}

#[test]
fn every_function_has_a_signature() {
    for func in Func::ALL {
        assert!(signatures().any(|s| s.func == *func), "{func:?} has no signature");
    }
}

#[test]
fn overloads_differ() {
    let all: Vec<_> = signatures().collect();
    for (i, a) in all.iter().enumerate() {
        for b in &all[i + 1..] {
            let same =
                a.name == b.name && a.args == b.args && (!a.name.is_empty() || a.func == b.func);
            assert!(!same, "{} is listed twice with {:?}", a.name, a.args);
        }
    }
}

#[test]
fn operators_are_found_by_symbol_and_arity() {
    assert!(operator_signatures(Func::Neg).all(|s| s.args.len() == 1));
    assert!(operator_signatures(Func::Sub).any(|s| s.func == Func::JsonDelete));
    assert!(operator_signatures(Func::Sub).all(|s| s.args.len() == 2));
    assert!(operator_signatures(Func::Concat).any(|s| s.func == Func::ArrayAppend));
    assert!(operator_signatures(Func::Like).any(|s| s.args.len() == 3));
    assert_eq!(operator_signatures(Func::AnyEq).count(), 1);
    assert!(operator_signatures(Func::Abs).all(|s| s.name == "@"));
}

#[test]
fn names_list_functions_once_and_no_operator() {
    let names = function_names();
    assert!(names.contains(&"length") && names.contains(&"date_trunc"));
    assert!(!names.contains(&"+") && !names.contains(&""));
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len());
    assert!(candidates("substring").count() >= 4);
    assert_eq!(candidates("no_such").count(), 0);
}

#[test]
fn variadic_signatures_take_more() {
    let concat = candidates("concat").next().expect("concat is listed");
    assert!(concat.takes(1) && concat.takes(5) && !concat.takes(0));
    assert_eq!(concat.arg(4), Some(Ty::Any));
}
