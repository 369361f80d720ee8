//! The judge, judged: histories made by hand, each with what is wrong with it.

use super::{Fate, Kind, Op, Transaction, check};

/// `a 1 7` appends 7 to list 1; `r 1 7 8` reads it. Operations are separated by semicolons, and a
/// `!` in front marks a transaction that was rolled back, `?` one of which nothing is known.
fn history(transactions: &[&str]) -> Vec<Transaction> {
    let parse = |(session, text): (usize, &&str)| {
        let (fate, text) = match text.strip_prefix('!') {
            Some(rest) => (Fate::Aborted, rest),
            None => text.strip_prefix('?').map_or((Fate::Committed, *text), |t| (Fate::Unknown, t)),
        };
        let op = |op: &str| {
            let mut words = op.split_whitespace();
            let what = words.next().expect("an operation");
            let numbers: Vec<u64> = words.map(|w| w.parse().expect("a number")).collect();
            let key = numbers[0] as u32;
            match what {
                "a" => Op::Append { key, value: numbers[1] },
                _ => Op::Read { key, list: numbers[1..].to_vec() },
            }
        };
        let ops = text.split(';').map(op).collect();
        Transaction { session: session as u32, ops, fate }
    };
    transactions.iter().enumerate().map(parse).collect()
}

fn kinds(transactions: &[&str]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> =
        check(&history(transactions), false).into_iter().map(|a| a.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[test]
fn good_histories_have_no_anomaly() {
    for good in [
        &["a 1 1; r 1 1", "r 1 1; a 1 2", "r 1 1 2"][..],
        &["r 1; a 1 1; r 1 1; a 1 2; r 1 1 2", "r 1 1 2"],
        &["!a 1 1; r 1 1", "r 1", "a 1 2", "r 1 2"],
        &["?a 1 1", "r 1 1", "?a 1 2", "r 1 1"],
        // Blind appends may come in any order.
        &["a 1 1; a 2 1", "a 1 2; a 2 2", "r 1 1 2; r 2 1 2"],
        // A read of the past.
        &["a 1 1; a 2 1", "r 1; r 2", "r 1 1; r 2 1"],
    ] {
        assert_eq!(kinds(good), [], "{good:?}");
    }
}

#[test]
fn bad_histories_are_found_out() {
    let bad: &[(&[&str], &[Kind])] = &[
        // Two transactions, each behind the other in one list.
        (&["a 1 1; a 2 1", "a 1 2; a 2 2", "r 1 1 2; r 2 2 1"], &[Kind::G0]),
        // Three, around three lists.
        (
            &["a 1 1; a 3 2", "a 1 2; a 2 1", "a 2 2; a 3 1", "r 1 1 2; r 2 1 2; r 3 1 2"],
            &[Kind::G0],
        ),
        (&["!a 1 1", "r 1 1"], &[Kind::G1a]),
        (&["!a 1 1", "a 1 2", "r 1 1 2"], &[Kind::G1a]),
        (&["a 1 1; a 1 2", "r 1 1", "r 1 1 2"], &[Kind::G1b]),
        // Each reads what the other appended.
        (&["a 1 1; r 2 1", "a 2 1; r 1 1"], &[Kind::G1c]),
        // One reads the other's append and is overtaken by it.
        (&["a 1 1; a 2 2", "r 1 1; a 2 1", "r 2 1 2"], &[Kind::G1c]),
        // Read skew: half of a transaction is seen.
        (&["a 1 1; a 2 1", "r 1; r 2 1"], &[Kind::GSingle]),
        (&["a 1 1; a 2 1", "r 2 1; r 1", "r 1 1; r 2 1"], &[Kind::GSingle]),
        // Read skew through a third transaction.
        (&["a 1 1", "r 1 1; a 2 1", "r 2 1; r 1"], &[Kind::GSingle]),
        // Two readers see two appends in opposite orders.
        (&["a 1 1", "a 2 1", "r 1 1; r 2", "r 1; r 2 1"], &[Kind::GNonadjacent]),
        // Both read the empty list and append to it.
        (&["r 1; a 1 1", "r 1; a 1 2", "r 1 1 2"], &[Kind::GSingle, Kind::LostUpdate]),
        // The second of them is lost altogether.
        (&["r 1; a 1 1", "r 1; a 1 2", "r 1 2"], &[Kind::LostUpdate]),
        (&["a 1 1; r 1"], &[Kind::Internal]),
        (&["a 1 1", "r 1; r 1 1"], &[Kind::GSingle, Kind::Internal]),
        (&["a 1 1", "a 1 2", "r 1 1 2", "r 1 2"], &[Kind::IncompatibleOrder]),
        (&["a 1 1", "r 1 1 1"], &[Kind::Duplicate]),
        (&["a 1 1", "a 1 1"], &[Kind::Duplicate]),
        (&["a 1 1", "r 1 1 9"], &[Kind::Garbage]),
        (&["!a 1 1", "r 1 1; a 1 2", "r 1 1 2"], &[Kind::G1a]),
    ];
    for (transactions, expected) in bad {
        let found = kinds(transactions);
        for kind in *expected {
            assert!(found.contains(kind), "{transactions:?}: {found:?}, not {kind:?}");
        }
        assert!(!found.contains(&Kind::G2), "{transactions:?}: {found:?}");
    }
    assert!(bad.len() >= 12);
}

#[test]
fn write_skew_is_told_from_what_must_not_be() {
    assert_eq!(kinds(&["r 1; r 2; a 1 1", "r 1; r 2; a 2 1", "r 1 1; r 2 1"]), [Kind::G2]);
    // A read-only transaction that sees one of two (Fekete, O'Neil and O'Neil, 2004).
    assert_eq!(kinds(&["r 1; r 2; a 1 1", "a 2 1", "r 1; r 2 1", "r 1 1; r 2 1"]), [Kind::G2]);
}

#[test]
fn a_session_sees_its_own_past_and_nothing_is_lost_at_the_end() {
    let mut both = history(&["a 1 1", "r 1", "r 1 1"]);
    assert_eq!(check(&both, true), []);
    both[1].session = 0;
    let found = check(&both, true);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, Kind::SessionOrder);
    let found = check(&history(&["a 1 1", "a 1 2", "r 1 2"]), true);
    assert_eq!(found.iter().map(|a| a.kind).collect::<Vec<_>>(), [Kind::LostAppend]);
    assert_eq!(found[0].text, "1 of T0 is not in 1");
    // What nobody was told of may be lost, and may be there.
    assert_eq!(check(&history(&["?a 1 1", "a 1 2", "r 1 2"]), true), []);
    assert_eq!(check(&history(&["?a 1 1", "a 1 2", "r 1 1 2"]), true), []);
}
