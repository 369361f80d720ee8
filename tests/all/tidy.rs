//! The rules of STYLE.md, executed.
//!
//! Layers are read from every `Cargo.toml`; headers, sizes, and banned words from every source
//! file.

use std::path::{Path, PathBuf};

use crate::{files, root};

/// Longest file, and the widest line that is not text.
const FILE_LINES: usize = 600;
const LINE_CHARS: usize = 100;
/// Where a comment must stand on one line: it becomes a cell of the page of opcodes.
const WIDE_FILES: &[&str] = &["vm/src/bytecode/table.rs"];

/// Which of our crates each may import (its own tests may import more).
const LAYERS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("parser", &[]),
    ("planner", &["parser", "types"]),
    ("storage", &["types"]),
    ("vm", &["types", "planner", "storage"]),
    (".", &["types", "parser", "planner", "storage", "vm"]),
    ("connectors", &["."]),
    ("repl", &[".", "connectors"]),
    ("testkit", &["types", "planner"]),
    ("tests", &[".", "connectors", "testkit"]),
    ("benches", &[".", "connectors", "storage", "types", "vm", "planner"]),
];

/// The only files that may hold `unsafe`.
const UNSAFE_FILES: &[&str] = &[
    "storage/src/arena/chunk.rs",
    "storage/src/arena/freeze.rs",
    "storage/src/arena/pool.rs",
    "storage/src/column/buffer.rs",
    "storage/src/disk/map.rs",
];

fn crate_name(folder: &str) -> String {
    if folder == "." { "arena-tr".to_owned() } else { format!("arena-tr-{folder}") }
}

fn sources() -> Vec<PathBuf> {
    let root = root();
    let folders = LAYERS.iter().map(|(folder, _)| match *folder {
        "." => root.join("src"),
        folder => root.join(folder),
    });
    folders.chain([root.join("examples")]).flat_map(|f| files(&f, ".rs")).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn place(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn crates_import_downward_only() {
    let mut wrong = Vec::new();
    for (folder, allowed) in LAYERS {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        let mut section = "";
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
            } else if section == "[dependencies]" && line.starts_with("arena-tr") {
                let end = line.find(['.', ' ', '=']).unwrap_or(line.len());
                let name = &line[..end];
                if !allowed.iter().any(|a| crate_name(a) == name) {
                    wrong.push(format!("{folder} may not import {name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let without: Vec<String> = sources()
        .iter()
        .filter(|path| !read(path).trim_start().starts_with("//!"))
        .map(|path| place(path))
        .collect();
    assert!(without.is_empty(), "no //! header:\n{}", without.join("\n"));
}

#[test]
fn files_and_lines_keep_their_size() {
    let mut wrong = Vec::new();
    let is_test = |path: &PathBuf| place(path).contains("tests");
    for path in sources().into_iter().filter(|path| !is_test(path)) {
        let text = read(&path);
        let n_lines = text.lines().count();
        if n_lines > FILE_LINES {
            wrong.push(format!("{}: {n_lines} lines", place(&path)));
        }
        let mut in_string = false;
        for (i, line) in text.lines().enumerate() {
            let n_quotes = line.replace("\\\"", "").replace("'\"'", "").matches('"').count();
            let is_text = in_string
                || n_quotes > 0
                || line.contains("://")
                || line.starts_with("//! |")
                || WIDE_FILES.contains(&place(&path).as_str());
            in_string ^= n_quotes % 2 == 1;
            if line.chars().count() > LINE_CHARS && !is_text {
                wrong.push(format!("{}:{}: wider than {LINE_CHARS}", place(&path), i + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_stays_where_it_is_reviewed() {
    let mut wrong = Vec::new();
    for path in sources() {
        let text = read(&path);
        let uses = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or("");
            code.contains("unsafe {") || code.contains("unsafe impl") || code.contains("unsafe fn")
        });
        if uses && !UNSAFE_FILES.contains(&place(&path).as_str()) && !path.ends_with("tidy.rs") {
            wrong.push(place(&path));
        }
    }
    assert!(wrong.is_empty(), "unsafe outside the named files:\n{}", wrong.join("\n"));
}

#[test]
fn unfinished_work_has_no_place() {
    let words = ["todo!(", "unimplemented!(", "#[ignore", "FIXME"];
    let mut wrong = Vec::new();
    for path in sources().iter().filter(|p| !p.ends_with("tidy.rs")) {
        for (i, line) in read(path).lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{}: {}", place(path), i + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_query_grammar_stays_behind_the_parser() {
    let parser = root().join("parser");
    let outside = |p: &&PathBuf| !p.starts_with(&parser) && !p.ends_with("tidy.rs");
    let all = sources();
    let wrong: Vec<String> = all
        .iter()
        .filter(outside)
        .filter(|path| read(path).contains("sqlparser::"))
        .map(|path| place(path))
        .collect();
    assert!(wrong.is_empty(), "only the parser knows the library:\n{}", wrong.join("\n"));
}

#[test]
fn the_clock_and_files_are_read_where_they_belong() {
    let banned = [
        ("SystemTime::now", "src/options.rs"),
        ("std::fs", "connectors/"),
        ("std::fs", "repl/"),
        ("std::fs", "storage/src/disk/map.rs"),
        ("std::fs", "storage/src/disk/real.rs"),
    ];
    let mut wrong = Vec::new();
    for path in sources() {
        let at = place(&path);
        if at.starts_with("tests/") || at.starts_with("benches/") || at.contains("tests") {
            continue;
        }
        let text = read(&path);
        for word in ["SystemTime::now", "std::fs"] {
            let allowed = banned.iter().any(|(w, place)| w == &word && at.starts_with(place));
            if text.contains(word) && !allowed && !at.ends_with("build.rs") {
                wrong.push(format!("{at}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_in_the_readme_exist() {
    let readme = read(&root().join("README.md"));
    let mut wrong = Vec::new();
    for word in readme.split(['`', '(', ')', ' ', '\n']) {
        let is_path =
            ["docs/", "examples/", "benches/", "tests/"].iter().any(|p| word.starts_with(p));
        if is_path
            && !word.contains('*')
            && !root().join(word.trim_end_matches(['.', ','])).exists()
        {
            wrong.push(word.to_owned());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
