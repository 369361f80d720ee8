//! The shared corpus: results that PostgreSQL and others vouch for.
//!
//! Each folder is counted, queries and other statements apart: passed, failed, not covered. A
//! failed record fails the build, unless `known_failures.txt` names it with its class. Of the
//! covered query records of a folder at most one in a hundred may fail, in either way of running
//! it; the folders where it is more are named here, with the reason.

use std::path::Path;

use arena_tr_tests::corpus::{Tally, Way, run_file};
use arena_tr_tests::format::Fractions;

use crate::{conformance_data, files};

/// Records that are known to fail, each with its class: `difference` (decided, with the reason in
/// `docs/differences.md`), `data` (the file never makes what the record reads, so it fails in
/// PostgreSQL too) or `open` (a defect that is not mended yet). One line each: class, way, place.
/// The list may only get shorter: a record that is not in it fails the build, and so does a line
/// whose record passes.
const KNOWN: &str = include_str!("known_failures.txt");

/// Where more than one covered query record in a hundred fails, and how many do; never more than
/// that.
const ABOVE: &[(&str, Way, usize)] = &[
    // Four of nine have a row that is late at the source, which Flink judges by window; one reads a
    // table that its file never makes.
    ("flink_shared_windows", Way::AdHoc, 5),
    // Which rows LIMIT without ORDER BY keeps, and ties (18); exact sums of floats (11).
    ("datafusion", Way::Views, 30),
    // Ties of window functions, DISTINCT ON and LIMIT in views (15).
    ("duckdb", Way::Views, 16),
    // NUMERIC of more than 38 digits (9).
    ("pg_regress", Way::Views, 14),
];

fn folder(name: &str, ways: &[Way]) {
    // The files that come from Flink's tests print `7.0` and `00:00:05.0`.
    let is_java = name.starts_with("flink");
    let fractions = if is_java { Fractions::ZeroDropped } else { Fractions::Exact };
    let Some(data) = conformance_data() else { return };
    let only = std::env::var("ARENA_TR_SLT").ok();
    for way in ways {
        let mut total = Tally::default();
        for path in files(&data.join("slt").join(name), ".slt") {
            if only.as_ref().is_some_and(|part| !path.to_string_lossy().contains(part)) {
                continue;
            }
            total.add(run_file(&path, *way, fractions));
        }
        report(name, *way, total, only.is_none());
    }
}

fn report(name: &str, way: Way, total: Tally, whole: bool) {
    println!("{name}, {way:?}: {total}");
    let known = known(name, way);
    let (expected, new): (Vec<&String>, Vec<&String>) =
        total.failed.iter().partition(|failure| class_of(failure, &known).is_some());
    let of = |class| expected.iter().filter(|f| class_of(f, &known) == Some(class)).count();
    println!(
        "  of the failed: {} documented differences, {} defects of the data, {} open defects",
        of("difference"),
        of("data"),
        of("open")
    );
    let mut missing: Vec<_> = total.not_covered.iter().collect();
    missing.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    for (what, n) in missing {
        println!("  not covered x{n}: {what}");
    }
    if let Some(path) = std::env::var_os("ARENA_TR_FAILURES") {
        let path = Path::new(&path).join(format!("{name}-{way:?}.txt"));
        std::fs::write(&path, total.failed.join("\n")).expect("the failures folder can be written");
    }
    let shown: Vec<&str> = new.iter().take(20).map(|f| f.as_str()).collect();
    assert!(new.is_empty(), "{} failed:\n{}", new.len(), shown.join("\n"));
    let mended = |place: &&str| !expected.iter().any(|failure| is_at(failure, place));
    let mended: Vec<&str> = known.iter().map(|(_, place)| *place).filter(mended).collect();
    assert!(!whole || mended.is_empty(), "pass now, to be taken off the list: {mended:?}");
    let (failed, covered) = (total.queries.failed, total.queries.covered());
    let above = ABOVE.iter().find(|(folder, of, _)| *folder == name && *of == way);
    let most = above.map_or(covered / 100, |(_, _, most)| *most);
    assert!(!whole || failed <= most, "{failed} of {covered} queries fail, at most {most} may");
}

/// Class and place of the known failures of a folder, run in one way.
fn known(folder: &str, way: Way) -> Vec<(&'static str, &'static str)> {
    let way = format!("{way:?}");
    let line = |line: &'static str| {
        let mut words = line.split_whitespace();
        let (class, of, place) = (words.next()?, words.next()?, words.next()?);
        let is_here = place.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        (of == way && is_here).then_some((class, place))
    };
    KNOWN.lines().filter_map(line).collect()
}

/// The class of a known failure, by its first line, which ends in `folder/file.slt:line`.
fn class_of(failure: &str, known: &[(&'static str, &'static str)]) -> Option<&'static str> {
    known.iter().find(|(_, place)| is_at(failure, place)).map(|(class, _)| *class)
}

fn is_at(failure: &str, place: &str) -> bool {
    failure.lines().next().is_some_and(|at| at.ends_with(&format!("/{place}")))
}

#[test]
fn diff() {
    folder("diff", &[Way::AdHoc]);
}

#[test]
fn flink_shared_windows() {
    folder("flink_shared_windows", &[Way::AdHoc]);
}

#[test]
fn mrgen_shared_flink() {
    folder("mrgen_shared_flink", &[Way::AdHoc]);
}

#[test]
fn mrgen_shared_full() {
    folder("mrgen_shared_full", &[Way::AdHoc]);
}

#[test]
fn sqlite_ad_hoc() {
    folder("sqlite", &[Way::AdHoc]);
}

#[test]
fn sqlite_as_views() {
    folder("sqlite", &[Way::Views]);
}

#[test]
fn duckdb_ad_hoc() {
    folder("duckdb", &[Way::AdHoc]);
}

#[test]
fn duckdb_as_views() {
    folder("duckdb", &[Way::Views]);
}

#[test]
fn datafusion_ad_hoc() {
    folder("datafusion", &[Way::AdHoc]);
}

#[test]
fn datafusion_as_views() {
    folder("datafusion", &[Way::Views]);
}

#[test]
fn pg_regress_ad_hoc() {
    folder("pg_regress", &[Way::AdHoc]);
}

#[test]
fn pg_regress_as_views() {
    folder("pg_regress", &[Way::Views]);
}
