//! Nexmark q0 to q22 against other engines' results, however the events are cut into commits.
//!
//! The shared events are read through the file connector, once for each size of commit, and again
//! one event at a time through appenders. At the end of all input every view equals the expected
//! rows as a multiset.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use arena_tr::{Database, Options, Value};

use crate::conformance_data;

/// q0 to q22.
const QUERIES: usize = 23;

/// The script with its paths made absolute and its file views made sinks where the test wants them.
fn script(data: &Path) -> String {
    let folder = data.join("nexmark");
    let text = std::fs::read_to_string(folder.join("queries.sql")).expect("the queries are there");
    ["person.ndjson.gz", "auction.ndjson.gz", "bid.ndjson.gz", "side_input.csv"].iter().fold(
        text,
        |text, file| {
            text.replace(&format!("'{file}'"), &format!("'{}'", folder.join(file).display()))
        },
    )
}

/// Queries whose operator the engine refuses by name: window functions other than Top-N.
const NOT_BUILT: &[&str] = &[];

/// Runs the script; only the views of [`NOT_BUILT`] may be refused, and they must be.
fn run_script(db: &Database, script: &str) {
    let mut session = db.session();
    for range in arena_tr::sql::split(script) {
        let sql = &script[range];
        let refused = NOT_BUILT.iter().any(|q| sql.contains(&format!("MATERIALIZED VIEW {q} ")));
        match session.execute(sql) {
            Ok(_) => assert!(!refused, "built now, take it off the list: {sql}"),
            Err(e) => assert!(
                refused && e.kind() == arena_tr::ErrorKind::Unsupported,
                "{sql}\n{}",
                e.render()
            ),
        }
    }
}

fn database(batch_rows: usize) -> Database {
    let options = Options { source_batch_rows: batch_rows, ..Options::default() };
    let db = Database::with_options(options);
    arena_tr_connectors::register_all(&db);
    db
}

#[test]
fn all_queries_at_every_commit_size() {
    let Some(data) = conformance_data() else { return };
    let script = script(&data);
    for batch_rows in [1, 7, 64, 1024] {
        let db = database(batch_rows);
        run_script(&db, &script);
        let failures: Vec<String> = (0..QUERIES)
            .map(|q| format!("q{q}"))
            .filter(|q| !NOT_BUILT.contains(&q.as_str()))
            .filter_map(|q| compare(&db, &data, &q).err())
            .collect();
        let equal = QUERIES - NOT_BUILT.len() - failures.len();
        println!(
            "nexmark, commits of {batch_rows} rows a source: \
             {equal} of {QUERIES} equal, not built: {NOT_BUILT:?}"
        );
        assert!(failures.is_empty(), "commits of {batch_rows}:\n{}", failures.join("\n"));
    }
}

#[test]
fn q10_as_a_file_sink() {
    let Some(data) = conformance_data() else { return };
    let folder = std::env::temp_dir().join(format!("arena-tr-q10-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let out = folder.join("q10.csv");
    let text = script(&data);
    let (sources, _) =
        text.split_once("CREATE MATERIALIZED VIEW q0").expect("q0 follows the sources");
    let db = database(1024);
    let mut session = db.session();
    session.execute(sources).unwrap_or_else(|e| panic!("{}", e.render()));
    let sink = format!(
        "CREATE SINK q10 AS SELECT auction, bidder, price, date_time, extra, \
         to_char(date_time, 'YYYY-MM-DD') AS dt, to_char(date_time, 'HH24:MI') AS hm FROM bid \
         WITH (connector = 'file', path = '{}') FORMAT PLAIN ENCODE CSV ENVELOPE APPEND",
        out.display()
    );
    session.execute(&sink).unwrap_or_else(|e| panic!("{}", e.render()));
    session.execute("WAIT FOR SOURCES").unwrap_or_else(|e| panic!("{}", e.render()));
    drop((session, db));
    let text = std::fs::read_to_string(&out).expect("the sink wrote its file");
    let found = multiset(csv_rows(&text));
    let expected = expected(&data, "q10");
    std::fs::remove_dir_all(&folder).expect("the folder is ours");
    assert!(found == expected, "{}", difference(&expected, &found));
}

fn compare(db: &Database, data: &Path, name: &str) -> Result<(), String> {
    let rows = db
        .session()
        .query(&format!("SELECT * FROM {name}"), &[])
        .map_err(|e| format!("{name}: {}", e.render()))?;
    let found = multiset(rows.to_vec().iter().map(|row| row.iter().map(text).collect()));
    let expected = expected(data, name);
    if found == expected {
        return Ok(());
    }
    Err(format!("{name}: {}", difference(&expected, &found)))
}

fn text(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}

type Multiset = BTreeMap<Vec<String>, i64>;

fn multiset(rows: impl IntoIterator<Item = Vec<String>>) -> Multiset {
    let mut out = Multiset::new();
    for row in rows {
        *out.entry(row.iter().map(|cell| normal(cell)).collect()).or_default() += 1;
    }
    out
}

/// Numbers by value to nine digits, times without trailing zeros: as the data's own comparison
/// does.
fn normal(cell: &str) -> String {
    if let Ok(number) = cell.parse::<f64>()
        && !cell.is_empty()
    {
        return format!("{number:.9e}");
    }
    let is_time = cell.len() > 19 && cell.as_bytes()[4] == b'-' && cell.as_bytes()[13] == b':';
    if is_time {
        cell.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        cell.to_owned()
    }
}

fn expected(data: &Path, name: &str) -> Multiset {
    let path = data.join(format!("nexmark/expected/{name}.csv.gz"));
    let file = std::fs::File::open(&path).expect("the expected rows are there");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip of UTF-8");
    multiset(csv_rows(&text))
}

/// Rows of a CSV text without its header (RFC 4180).
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let (mut row, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows.split_off(1)
}

fn difference(expected: &Multiset, found: &Multiset) -> String {
    let less = |a: &Multiset, b: &Multiset| -> Vec<String> {
        let missing = a.iter().filter(|(row, n)| b.get(*row).copied().unwrap_or(0) < **n);
        missing.take(3).map(|(row, n)| format!("x{n} {}", row.join(","))).collect()
    };
    let count = |m: &Multiset| m.values().sum::<i64>();
    format!(
        "{} rows expected, {} found\n  missing: {:#?}\n  unexpected: {:#?}",
        count(expected),
        count(found),
        less(expected, found),
        less(found, expected)
    )
}
