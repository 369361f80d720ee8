//! The SQL of the documentation, run: `docs/sql.md` and `docs/recipes.md` say nothing that is not
//! so.
//!
//! A block marked `sql` is run; a block marked `text` behind it is the result of its last query,
//! one with `ndjson` what the file `changes.ndjson` then holds. A section (`## `) starts with an
//! empty database.

use std::path::Path;

use arena_tr::{Database, Session};
use arena_tr_tests::format;

use crate::root;

/// A fenced block: its language, its lines, and where it starts.
struct Block {
    language: String,
    text: String,
    line: usize,
}

/// The blocks of each section.
fn sections(page: &str) -> Vec<Vec<Block>> {
    let mut sections = vec![Vec::new()];
    let mut open: Option<Block> = None;
    for (i, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { language: language.into(), text: String::new(), line: i + 1 });
            }
            (Some(_), Some(_)) => {
                sections.last_mut().expect("one at least").extend(open.take());
            }
            (Some(block), None) => {
                block.text += line;
                block.text.push('\n');
            }
            (None, None) if line.starts_with("## ") => sections.push(Vec::new()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    sections
}

/// Runs statements; the rows of the last query, one line each.
fn run(session: &mut Session, sql: &str) -> Result<String, arena_tr::Error> {
    let mut shown = String::new();
    for outcome in session.execute(sql)? {
        if let Some(rows) = outcome.rows.as_ref() {
            let line = |row: &Vec<arena_tr::Value>| {
                let cells: Vec<String> = row.iter().map(format::cell).collect();
                cells.join(" | ") + "\n"
            };
            shown = rows.to_vec().iter().map(line).collect();
        }
    }
    Ok(shown)
}

/// Runs a page; how many blocks of SQL and how many results it has.
fn check(page: &str) -> (usize, usize) {
    let text = std::fs::read_to_string(root().join(page)).expect("the page is there");
    let folder = std::env::temp_dir().join(format!(
        "arena-tr-{}-{}",
        page.replace(['/', '.'], "-"),
        std::process::id()
    ));
    std::fs::create_dir_all(&folder).expect("a folder for what the page writes");
    let file = |folder: &Path| folder.join("changes.ndjson");
    let (mut statements, mut results) = (0, 0);
    for section in sections(&text) {
        let db = Database::in_memory();
        arena_tr_connectors::register_all(&db);
        let mut session = db.session();
        let mut last = String::new();
        for block in section {
            let place = format!("{page}:{}", block.line);
            match block.language.as_str() {
                "sql" => {
                    let path = file(&folder).display().to_string().replace('\'', "''");
                    let sql = block.text.replace("'changes.ndjson'", &format!("'{path}'"));
                    last = run(&mut session, &sql)
                        .unwrap_or_else(|e| panic!("{place}: {}\n{sql}", e.message()));
                    statements += 1;
                }
                "text" => {
                    assert_eq!(last, block.text, "{place}");
                    results += 1;
                }
                "ndjson" => {
                    let written = std::fs::read_to_string(file(&folder)).expect("the sink's file");
                    assert_eq!(written, block.text, "{place}");
                    results += 1;
                }
                "rust" => {}
                other => panic!("{place}: a block of '{other}'"),
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
    (statements, results)
}

#[test]
fn the_recipes_are_true() {
    let (statements, results) = check("docs/recipes.md");
    assert!(statements >= 10 && results >= 10, "{statements} blocks, {results} results");
}

#[test]
fn the_sql_page_is_true() {
    let (statements, results) = check("docs/sql.md");
    assert!(statements >= 8 && results >= 3, "{statements} blocks, {results} results");
}
