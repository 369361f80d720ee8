//! Every statement of the conformance data parses, or names what is not built.
#![expect(clippy::print_stdout, reason = "the counts are the test's report")]

use std::collections::BTreeMap;

use super::support;
use crate::{ParseErrorKind, parse};

#[test]
fn the_conformance_statements_parse() {
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    let mut failures = Vec::new();
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    for record in support::records().iter().filter(|r| r.ok) {
        let slot = counts.entry(record.folder.clone()).or_default();
        match parse(&record.sql) {
            Ok(tree) => {
                slot[0] += 1;
                for part in format!("{tree:?}").split("Unsupported").skip(1) {
                    let what = part.split('"').nth(1).unwrap_or(part);
                    *named.entry(what.to_owned()).or_default() += 1;
                }
            }
            Err(e) if e.kind == ParseErrorKind::Unsupported => {
                slot[1] += 1;
                *named.entry(e.message).or_default() += 1;
            }
            Err(e) => {
                slot[2] += 1;
                failures.push(format!("{}: {}\n    {}", record.place, e, record.sql.trim()));
            }
        }
    }
    for (folder, [parsed, unsupported, failed]) in &counts {
        println!("{folder}: {parsed} parsed, {unsupported} not built, {failed} failed");
    }
    println!("{named:#?}");
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_nexmark_queries_parse() {
    let Some(root) = support::conformance() else { return };
    let text = std::fs::read_to_string(root.join("nexmark/queries.sql")).unwrap();
    let statements = parse(&text).unwrap();
    assert!(statements.len() >= 28, "{}", statements.len());
    let printed = format!("{statements:?}");
    assert!(!printed.contains("Unsupported"), "{printed}");
}
