//! What the crate's tests share: the statements of the conformance data, and our own.

use std::path::{Path, PathBuf};

/// One statement of a test file.
pub(crate) struct Record {
    /// The file, and the line the statement starts at.
    pub(crate) place: String,
    /// The folder under the root, for counting.
    pub(crate) folder: String,
    /// The statement.
    pub(crate) sql: String,
    /// Whether the record expects success.
    pub(crate) ok: bool,
}

/// The conformance data beside the workspace, if it is there.
pub(crate) fn conformance() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    root.is_dir().then_some(root)
}

/// Every statement of every test file.
pub(crate) fn records() -> Vec<Record> {
    let Some(root) = conformance() else {
        eprintln!("the conformance data is not here: its statements are not tried");
        return Vec::new();
    };
    let root = root.join("slt");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.iter().flat_map(|file| read(&root, file)).collect()
}

/// Files below a folder.
fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, out);
        } else if path.to_string_lossy().contains(".slt") {
            out.push(path);
        }
    }
}

/// The records of one file.
fn read(root: &Path, file: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(file).unwrap();
    let relative = file.strip_prefix(root).unwrap();
    let folder = relative.iter().next().unwrap().to_string_lossy().into_owned();
    let mut records = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((_, line)) = lines.next() {
        let head: Vec<&str> = line.split_whitespace().collect();
        let ok = match head.as_slice() {
            ["statement", "ok", ..] => true,
            ["query", "error", ..] | ["statement", "error", ..] => false,
            ["query", ..] => true,
            _ => continue,
        };
        let mut sql = String::new();
        let number = lines.peek().map_or(0, |(n, _)| n + 1);
        for (_, line) in lines.by_ref() {
            if line.is_empty() || line == "----" {
                break;
            }
            sql.push_str(line);
            sql.push('\n');
        }
        let place = format!("{}:{number}", relative.display());
        records.push(Record { place, folder: folder.clone(), sql, ok });
    }
    records
}

/// Statements that use every form of the grammar at least once.
pub(crate) const STATEMENTS: &[&str] = &["SELECT 1"];
