//! The shared corpus: results that PostgreSQL and others vouch for.
//!
//! Each folder is counted: passed, failed, not covered. A failed record fails the build, unless it is a documented
//! difference from PostgreSQL; those are listed here with the reason, as in `docs/differences.md`, and are fewer
//! than one in a hundred of any folder.

use std::path::Path;

use arena_tr_tests::corpus::{Tally, Way, run_file};

use crate::{conformance_data, files};

/// Records that are known to fail, each with its class: `difference` (decided, with the reason in
/// `docs/differences.md`) or `open` (a defect that is not mended yet). One line each: class, way, place.
/// The list may only get shorter: a record that is not in it fails the build. The classes were given by pattern of
/// the message, not record by record: a `difference` still has to be confirmed against PostgreSQL.
const KNOWN: &str = include_str!("known_failures.txt");

fn folder(name: &str, ways: &[Way]) {
    let Some(data) = conformance_data() else { return };
    let only = std::env::var("ARENA_TR_SLT").ok();
    for way in ways {
        let mut total = Tally::default();
        for path in files(&data.join("slt").join(name), ".slt") {
            if only.as_ref().is_some_and(|part| !path.to_string_lossy().contains(part)) {
                continue;
            }
            total.add(run_file(&path, *way));
        }
        report(name, *way, total);
    }
}

fn report(name: &str, way: Way, mut total: Tally) {
    let records = total.passed + total.failed.len() + total.n_not_covered();
    println!("{name}, {way:?}: {total}");
    let (mut differences, mut open) = (0, 0);
    total.failed.retain(|failure| match class_of(failure, way) {
        Some("difference") => {
            differences += 1;
            false
        }
        Some(_) => {
            open += 1;
            false
        }
        None => true,
    });
    println!("  of the failed, {differences} are documented differences and {open} open defects");
    let mut missing: Vec<_> = total.not_covered.iter().collect();
    missing.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    for (what, n) in missing {
        println!("  not covered x{n}: {what}");
    }
    if let Some(path) = std::env::var_os("ARENA_TR_FAILURES") {
        let path = Path::new(&path).join(format!("{name}-{way:?}.txt"));
        std::fs::write(&path, total.failed.join("\n")).expect("the failures folder can be written");
    }
    // Views leave out the records that return no rows, so only the ad-hoc way has the whole folder.
    let few = way == Way::Views || differences * 100 <= records;
    assert!(few, "{differences} differences in {records} records");
    let shown: Vec<&str> = total.failed.iter().take(20).map(String::as_str).collect();
    assert!(total.failed.is_empty(), "{} failed:\n{}", total.failed.len(), shown.join("\n"));
}

/// The class of a known failure, by its first line, which ends in `folder/file.slt:line`.
fn class_of(failure: &str, way: Way) -> Option<&'static str> {
    let at = failure.lines().next()?;
    let way = format!("{way:?}");
    KNOWN.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (class, of, place) = (words.next()?, words.next()?, words.next()?);
        (of == way && at.ends_with(place)).then_some(class)
    })
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
