//! Our own corpus: `tests/sql/**/*.slt`, every record, both ways.
//!
//! Nothing is "not covered" here: what the engine does not support is written down as an expected
//! error.

use arena_tr_tests::corpus::{Tally, Way, run_file};
use arena_tr_tests::format::Fractions;

use crate::{files, root};

/// Query records that the corpus holds at least.
const QUERIES: usize = 1_500;

#[test]
fn own_corpus_ad_hoc() {
    let mut total = Tally::default();
    let mut n_queries = 0;
    for path in files(&root().join("tests/sql"), ".slt") {
        let text = std::fs::read_to_string(&path).expect("a file just listed can be read");
        n_queries += text.lines().filter(|l| l.starts_with("query ")).count();
        total.add(run_file(&path, Way::AdHoc, Fractions::Exact));
    }
    println!("own corpus, ad hoc: {total}; {n_queries} query records");
    assert!(total.failed.is_empty(), "{}", total.failed.join("\n"));
    assert!(total.not_covered.is_empty(), "{:?}", total.not_covered);
    assert!(n_queries >= QUERIES, "{n_queries} query records, at least {QUERIES} are promised");
}

#[test]
fn own_corpus_as_views() {
    let mut total = Tally::default();
    // Inside a transaction a view shows the last epoch: queries there mean something else as views.
    // And what a view is made of is never the past.
    let is_block = |path: &std::path::PathBuf| {
        let path = path.to_string_lossy();
        path.contains("/transactions/") || path.contains("/history/")
    };
    for path in files(&root().join("tests/sql"), ".slt").into_iter().filter(|p| !is_block(p)) {
        total.add(run_file(&path, Way::Views, Fractions::Exact));
    }
    println!("own corpus, as views: {total}");
    assert!(total.failed.is_empty(), "{}", total.failed.join("\n"));
}
