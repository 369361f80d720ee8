//! Every integration test, in one binary so that the engine links once.
//!
//! [`conformance`] and [`slt`] run the two corpora, [`nexmark`] the benchmark's queries against
//! other engines' results, [`bank`] the invariant that no inconsistent engine keeps, [`oracle`]
//! random queries against a naive evaluator, [`subscribe`] what SUBSCRIBE may ask for, [`cli`] the
//! program as a user starts it, [`docs`] the SQL of the documentation, [`transactions`] what
//! several sessions see of each other, [`list_append`] the same in histories of many threads,
//! [`assertions`] queries that must stay empty, [`history`] what FOR SYSTEM_TIME AS OF reads,
//! [`file_sinks`] and [`tracked`] what the outside gets over crashes, [`two_phase`] transactions
//! that are prepared, [`two_phase_sim`] a coordinator and databases that fail (at
//! [`two_phase_points`]) and talk over a bad network, [`two_phase_threads`] one that many use,
//! [`tidy`] the rules of STYLE.md.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tests print their figures")]

mod assertions;
mod bank;
mod cli;
mod conformance;
mod docs;
mod durability;
mod exactly_once;
mod file_sinks;
mod fixtures;
mod history;
mod keys;
mod kill;
mod list_append;
mod nexmark;
mod oracle;
mod slt;
mod snapshots;
mod subscribe;
mod tidy;
mod tracked;
mod transactions;
mod two_phase;
mod two_phase_points;
mod two_phase_sim;
mod two_phase_threads;

use std::path::PathBuf;

/// The repository's root.
fn root() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().map(PathBuf::from).unwrap_or(tests)
}

/// The shared conformance data: `ARENA_TR_CONFORMANCE`, or beside the checkout. `None`, with a
/// notice, where it is absent, as in a user's clone.
fn conformance_data() -> Option<PathBuf> {
    let beside = || root().join("../shared/conformance");
    let path = std::env::var_os("ARENA_TR_CONFORMANCE").map_or_else(beside, PathBuf::from);
    if path.join("README.md").exists() {
        return Some(path);
    }
    println!("skipped: the shared conformance data is not at {}", path.display());
    None
}

/// All files below a folder with this ending, sorted.
fn files(folder: &std::path::Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
