//! A printed tree reads back the same, spans aside.

use super::support::{self, without_spans};
use crate::parse;

/// Parses, prints and parses again.
fn check(sql: &str) {
    let tree = parse(sql).unwrap_or_else(|e| panic!("{e}\n{sql}"));
    let before = without_spans(&tree);
    if before.contains("Unsupported") {
        return;
    }
    let printed: Vec<String> = tree.iter().map(ToString::to_string).collect();
    let printed = printed.join(";\n");
    let again = parse(&printed).unwrap_or_else(|e| panic!("{e}\n{printed}\nfrom {sql}"));
    assert_eq!(without_spans(&again), before, "\nprinted: {printed}\nwritten: {sql}");
}

#[test]
fn every_form_reads_back() {
    for sql in support::STATEMENTS {
        let tree = parse(sql).unwrap_or_else(|e| panic!("{e}\n{sql}"));
        let text = format!("{tree:?}");
        assert!(!text.contains("Unsupported"), "{sql}\n{text}");
        check(sql);
    }
}

#[test]
fn the_conformance_statements_read_back() {
    for record in support::records() {
        if parse(&record.sql).is_ok() {
            check(&record.sql);
        }
    }
}

#[test]
fn printing_keeps_parentheses_that_matter() {
    for sql in [
        "SELECT (a + b) * c, a + b * c, -(-a), (a OR b) AND c, NOT (a AND b), a - (b - c)",
        "SELECT (a = b) IS NULL, (a IS NULL) = b, (a || b) COLLATE \"C\", (a::int).b, (a, b) = (c, d)",
        "SELECT (a BETWEEN b AND c) BETWEEN d AND e, a BETWEEN (b = c) AND d, (a IN (1)) IN (b)",
        "SELECT (NOT a) IS NULL, NOT (a IS NULL), (NOT EXISTS (SELECT 1)) = a, NOT (EXISTS (SELECT 1))",
        "SELECT (a AT TIME ZONE 'x')::date, (a ^ b) ^ c, a ^ (b ^ c), (- a) ^ b, - (a ^ b), (INTERVAL '1' DAY)::text",
        "SELECT a < (b < c), (a < b) < c, (a LIKE b) LIKE c, a LIKE (b LIKE c), (CASE WHEN a THEN b END)[1]",
    ] {
        check(sql);
    }
}
