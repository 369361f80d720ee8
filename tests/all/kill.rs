//! The program killed at any moment, again and again on one database: nothing acknowledged is
//! lost, and nothing is there in half.
//!
//! The child runs a script of one statement a line and says so on standard error after each. It is
//! killed after a random time; its database is opened, and has to have the contents after as many
//! statements as it acknowledged, or one more. Then a new child goes on from there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use arena_tr::{Database, Options};

use crate::cli::program;

/// What a child runs: statements, and the relations that are compared.
struct Scenario {
    name: &'static str,
    first: &'static [&'static str],
    /// The statement after so many others.
    then: fn(u64) -> String,
    relations: &'static [&'static str],
    /// What the acknowledgement of a statement begins with.
    acknowledged: &'static [&'static str],
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "ingest",
        first: &[
            "CREATE TABLE t (a INT PRIMARY KEY, b TEXT)",
            "CREATE MATERIALIZED VIEW v AS SELECT b, count(*) AS n, sum(a) AS s FROM t GROUP BY b",
        ],
        then: |i| match i % 4 {
            0 | 1 => format!(
                "INSERT INTO t SELECT {i} * 1000 + x, 'group ' || x % 7 FROM generate_series(1, 50) AS g(x)"
            ),
            2 => format!("UPDATE t SET b = b || '.' WHERE a % 10 = {}", i % 10),
            _ => format!("DELETE FROM t WHERE a % 31 = {}", i % 31),
        },
        relations: &["t", "v"],
        acknowledged: VERBS,
    },
    Scenario {
        name: "definitions",
        first: &["CREATE TABLE base (a INT)"],
        then: |i| match i % 5 {
            0 => format!("CREATE TABLE x{i} AS SELECT a + {i} AS a FROM base"),
            1 => format!("INSERT INTO base VALUES ({i})"),
            2 => "CREATE OR REPLACE VIEW plain AS SELECT max(a) AS top FROM base".to_owned(),
            3 => format!(
                "CREATE MATERIALIZED VIEW m{i} AS SELECT count(*) AS n FROM base WHERE a < {i}"
            ),
            _ => format!("DROP TABLE x{}", i - 4),
        },
        relations: &["base", "plain", "x0", "x5", "m3", "m8", "m13"],
        acknowledged: VERBS,
    },
    Scenario {
        name: "windows",
        first: &[
            "CREATE STREAM s (k INT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '3' SECOND)",
            "CREATE MATERIALIZED VIEW w AS SELECT window_end, k, count(*) AS n
             FROM TUMBLE(s, at, INTERVAL '5' SECOND) GROUP BY window_end, k EMIT ON WINDOW CLOSE",
        ],
        then: |i| {
            format!(
                "INSERT INTO s SELECT x % 5, TIMESTAMP '2026-01-01' + INTERVAL '1 second' * ({i} + x % 6 - 3) \
                 FROM generate_series(1, 20) AS g(x)"
            )
        },
        relations: &["s", "s_late", "w"],
        acknowledged: VERBS,
    },
    Scenario {
        name: "joins",
        first: &[
            "CREATE TABLE l (k INT, a INT)",
            "CREATE TABLE r (k INT, b INT)",
            "CREATE MATERIALIZED VIEW j AS SELECT l.k, a, b FROM l LEFT JOIN r ON l.k = r.k",
            "CREATE MATERIALIZED VIEW n AS SELECT k, count(b) AS n FROM j GROUP BY k",
        ],
        then: |i| match i % 3 {
            0 => format!("INSERT INTO l VALUES ({}, {i}), ({}, {i})", i % 7, i % 11),
            1 => format!("INSERT INTO r VALUES ({}, {i})", i % 5),
            _ => format!("DELETE FROM r WHERE k = {} AND b % 2 = 0", i % 5),
        },
        relations: &["l", "r", "j", "n"],
        acknowledged: VERBS,
    },
    Scenario {
        name: "subscriptions",
        first: &[
            "CREATE TABLE t (a INT)",
            "CREATE MATERIALIZED VIEW v AS SELECT a % 3 AS g, count(*) AS n FROM t GROUP BY a % 3",
            "CREATE SUBSCRIPTION app ON v",
            "CREATE SUBSCRIPTION behind ON t WITH (max_rows = 20)",
        ],
        then: |i| match i % 3 {
            // Two epochs in three statements.
            0 => format!("INSERT INTO t VALUES ({i}), ({})", i * 7),
            1 => format!("INSERT INTO t VALUES ({})", i + 1),
            _ => format!("ACKNOWLEDGE app UP TO EPOCH {}", i / 3 * 2 + 1),
        },
        relations: &["t", "v", "arena.subscriptions"],
        acknowledged: VERBS,
    },
    Scenario {
        name: "snapshots",
        first: &[
            "CREATE TABLE t (a INT PRIMARY KEY, g INT)",
            "CREATE STREAM s (k INT, at TIMESTAMP, WATERMARK FOR at AS at - INTERVAL '3' SECOND)",
            "CREATE MATERIALIZED VIEW w AS SELECT window_end, k, count(*) AS n
             FROM TUMBLE(s, at, INTERVAL '5' SECOND) GROUP BY window_end, k EMIT ON WINDOW CLOSE",
            "CREATE MATERIALIZED VIEW j AS SELECT g, count(*) AS n FROM t JOIN s ON g = k GROUP BY g",
            "CREATE MATERIALIZED VIEW best AS SELECT g, max(a) AS top FROM t GROUP BY g",
        ],
        then: |i| match i % 4 {
            0 => format!("INSERT INTO t VALUES ({i}, {}), (-{i} - 1, {})", i % 7, i % 5),
            1 => format!(
                "INSERT INTO s SELECT x % 6, TIMESTAMP '2026-01-01' + INTERVAL '1 second' * ({i} + x % 6 - 3) \
                 FROM generate_series(1, 9) AS g(x)"
            ),
            2 => format!("DELETE FROM t WHERE a % 13 = {}", i % 13),
            _ => "CHECKPOINT".to_owned(),
        },
        relations: &["t", "s", "s_late", "w", "j", "best"],
        acknowledged: VERBS,
    },
    Scenario {
        name: "compaction",
        first: &[
            "CREATE TABLE t (a INT PRIMARY KEY, b TEXT)",
            "INSERT INTO t SELECT x, repeat('x', 50) FROM generate_series(1, 5000) AS g(x)",
            "CREATE MATERIALIZED VIEW n AS SELECT a % 10 AS d, count(*) AS n FROM t GROUP BY a % 10",
        ],
        then: |i| match i % 4 {
            // Chunks lose most of their rows, and files of snapshots most of their chunks.
            0 => format!("DELETE FROM t WHERE a % 3 = {}", i / 4 % 3),
            1 => "CHECKPOINT".to_owned(),
            2 => format!(
                "INSERT INTO t SELECT {i} * 10000 + x, repeat('y', 50) FROM generate_series(1, 1500) AS g(x)"
            ),
            _ => "CHECKPOINT".to_owned(),
        },
        relations: &["t", "n"],
        acknowledged: VERBS,
    },
    Scenario {
        name: "two phases",
        first: &[
            "CREATE TABLE account (id INT PRIMARY KEY, balance INT)",
            "INSERT INTO account SELECT x, 100 FROM generate_series(1, 20) AS g(x)",
            "CREATE MATERIALIZED VIEW total AS SELECT sum(balance) AS s FROM account",
        ],
        then: |i| match i % 5 {
            0 | 1 => format!(
                "BEGIN; UPDATE account SET balance = balance - {i} WHERE id = {a}; \
                 UPDATE account SET balance = balance + {i} WHERE id = {b}; \
                 PREPARE TRANSACTION 'transfer {i}'",
                a = i % 5 * 10 + 1 + i % 9,
                b = i % 5 * 10 + 1 + (i + 1) % 9,
            ),
            2 => "CHECKPOINT".to_owned(),
            3 => format!("COMMIT PREPARED 'transfer {}'", i - 3),
            _ => format!("ROLLBACK PREPARED 'transfer {}'", i - 3),
        },
        relations: &[
            "account",
            "total",
            "(SELECT gid, n_rows FROM arena.prepared_transactions) AS open",
        ],
        acknowledged: &["CREATE", "INSERT", "PREPARE", "COMMIT", "ROLLBACK", "CHECKPOINT"],
    },
];

/// Lines that begin so acknowledge a statement.
const VERBS: &[&str] =
    &["CREATE", "INSERT", "UPDATE", "DELETE", "DROP", "ACKNOWLEDGE", "CHECKPOINT"];

fn statement(scenario: &Scenario, n: usize) -> String {
    match scenario.first.get(n) {
        Some(sql) => sql.replace('\n', " "),
        None => (scenario.then)((n - scenario.first.len()) as u64),
    }
}

fn contents(scenario: &Scenario, db: &Database) -> Vec<String> {
    let mut session = db.session();
    let mut all = Vec::new();
    let shown = session.query("SHOW TABLES", &[]).expect("the catalog can be read");
    all.extend(shown.to_vec().iter().map(|row| format!("{row:?}")));
    for relation in scenario.relations {
        match session.query(&format!("SELECT * FROM {relation}"), &[]) {
            Ok(rows) => all.extend(rows.to_vec().iter().map(|row| format!("{relation} {row:?}"))),
            Err(error) => all.push(error.to_string()),
        }
    }
    all.sort();
    all
}

/// Runs statements from `from` on in a child, kills it after a while; how many it acknowledged.
fn killed(scenario: &Scenario, dir: &Path, from: usize, micros: u64) -> usize {
    let mut child = program()
        .arg(dir)
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let script: String = (from..from + 400).map(|n| statement(scenario, n) + ";\n").collect();
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // The child may be gone before it has read everything.
    let _ = stdin.write_all(script.as_bytes());
    drop(stdin);
    std::thread::sleep(Duration::from_micros(micros));
    child.kill().expect("it is ours");
    let lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
    let told: Vec<String> = lines.map_while(Result::ok).collect();
    child.wait().expect("it is ours");
    if let Some(error) = told.iter().find(|line| line.contains("error")) {
        panic!("{}: {error}", scenario.name);
    }
    // Remarks about statements are not acknowledgements.
    let verbs = scenario.acknowledged;
    told.iter().filter(|line| verbs.iter().any(|verb| line.starts_with(verb))).count()
}

#[test]
fn a_killed_program_loses_nothing_that_it_acknowledged() {
    let release = std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some();
    let rounds = if release { 250 } else { 25 };
    let mut dice = 0x5eed_u64;
    let (mut kills, mut acknowledged) = (0, 0);
    for scenario in SCENARIOS {
        let dir = std::env::temp_dir().join(format!(
            "arena-tr-kill-{}-{}",
            std::process::id(),
            scenario.name.replace(' ', "-")
        ));
        let model = Database::in_memory();
        let mut modelled = model.session();
        let mut done = 0;
        for round in 0..rounds {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // From the middle of opening to well into the script.
            let micros = 1 << (12 + (dice >> 33) % 8);
            let told = killed(scenario, &dir, done, micros);
            let db = Database::open_with(&dir, Options::default())
                .unwrap_or_else(|e| panic!("{} round {round}: {}", scenario.name, e.render()));
            let found = contents(scenario, &db);
            for n in done..done + told {
                let sql = statement(scenario, n);
                modelled.execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
            }
            done += told;
            if found != contents(scenario, &model) {
                let sql = statement(scenario, done);
                modelled.execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
                done += 1;
                let expected = contents(scenario, &model);
                assert!(
                    found == expected,
                    "{} round {round}: after {done}\n{found:?}\n{expected:?}",
                    scenario.name
                );
            }
            kills += 1;
            acknowledged += told;
        }
        std::fs::remove_dir_all(&dir).expect("it is ours");
    }
    assert!(acknowledged > kills, "{acknowledged} statements are too few to show anything");
    println!("{kills} kills, {acknowledged} acknowledged statements, none lost, none in half");
}
