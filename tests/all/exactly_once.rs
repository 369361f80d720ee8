//! Every row of a source counts once, and every epoch is in a sink's file once, whatever happens in
//! between.
//!
//! Nexmark's queries run over the built-in generator on a disk that loses power at random
//! operations; each time the database is opened again and goes on. In the end the views, and the
//! files, are those of a run without faults.

use std::path::Path;
use std::sync::Arc;

use arena_tr::disk::{Crash, FaultDisk, FaultPlan};
use arena_tr::{Database, LogIo, LogOptions, Options};

const EVENTS: u64 = 6_000;

const SOURCES: &str = "
CREATE SOURCE person (id BIGINT, name VARCHAR, city VARCHAR, state VARCHAR, date_time TIMESTAMP,
  WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
  WITH (connector = 'nexmark', table = 'person', events = 6000, seed = 3);
CREATE SOURCE auction (id BIGINT, item_name VARCHAR, category BIGINT, seller BIGINT, date_time TIMESTAMP,
  expires TIMESTAMP, WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
  WITH (connector = 'nexmark', table = 'auction', events = 6000, seed = 3);
CREATE SOURCE bid (auction BIGINT, bidder BIGINT, price BIGINT, date_time TIMESTAMP, extra VARCHAR,
  WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
  WITH (connector = 'nexmark', table = 'bid', events = 6000, seed = 3);";

/// Eight of Nexmark's queries.
const QUERIES: [(&str, &str); 8] = [
    ("q1", "SELECT auction, bidder, 0.908 * price AS price, date_time FROM bid"),
    ("q2", "SELECT auction, price FROM bid WHERE auction % 123 = 0"),
    ("q3", "SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
            WHERE a.category = 10 AND p.state IN ('or', 'id', 'ca')"),
    ("q4", "SELECT category, avg(final) AS mean FROM (SELECT a.id, a.category, max(b.price) AS final FROM auction a
            JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires
            GROUP BY a.id, a.category) t GROUP BY category"),
    ("q5", "SELECT window_start, auction, count(*) AS num FROM HOP(bid, date_time, INTERVAL '50' MILLISECOND,
            INTERVAL '100' MILLISECOND) GROUP BY window_start, auction"),
    ("q7", "SELECT window_end, max(price) AS top FROM TUMBLE(bid, date_time, INTERVAL '100' MILLISECOND)
            GROUP BY window_end EMIT ON WINDOW CLOSE"),
    ("q8", "SELECT p.id, p.name, p.window_start FROM (SELECT id, name, window_start FROM
            TUMBLE(person, date_time, INTERVAL '10' SECOND) GROUP BY id, name, window_start) p
            JOIN (SELECT seller, window_start FROM TUMBLE(auction, date_time, INTERVAL '10' SECOND)
            GROUP BY seller, window_start) a ON p.id = a.seller AND p.window_start = a.window_start"),
    ("q9", "SELECT * FROM (SELECT a.id, a.item_name, b.bidder, b.price, row_number() OVER
            (PARTITION BY a.id ORDER BY b.price DESC, b.date_time) AS rn FROM auction a JOIN bid b
            ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires) t WHERE rn = 1"),
];

fn open(disk: &FaultDisk) -> arena_tr::Result<Database> {
    let log = LogOptions { segment_bytes: 256 << 10, io: LogIo::Map, aligned: true };
    Database::open_with(
        Path::new("/db"),
        Options {
            disk: Arc::new(disk.clone()),
            connectors: arena_tr_connectors::all(),
            source_batch_rows: 200,
            log,
            ..Options::default()
        },
    )
}

/// The statements: two views and a sink come late, when the sources have been read for a while.
fn definitions(file: &Path) -> Vec<(usize, String)> {
    let mut all = vec![(0, SOURCES.to_owned())];
    for (i, (name, sql)) in QUERIES.iter().enumerate() {
        let round = if i < 6 { 0 } else { 5 * i };
        all.push((round, format!("CREATE MATERIALIZED VIEW {name} AS {sql}")));
    }
    let sink = format!(
        "CREATE SINK out FROM q2 WITH (connector = 'file', path = '{}', format = 'csv')",
        file.display()
    );
    all.push((3, sink));
    all
}

/// Goes on until the sources are drained or something fails.
fn go_on(disk: &FaultDisk, file: &Path) -> arena_tr::Result<Vec<String>> {
    let db = open(disk)?;
    let mut session = db.session();
    let names = |session: &mut arena_tr::Session| -> arena_tr::Result<String> {
        let tables = session.query("SHOW TABLES", &[])?.to_vec();
        let sinks = session.query("SHOW SINKS", &[])?.to_vec();
        Ok(format!("{tables:?} {sinks:?}"))
    };
    let mut round = 0;
    loop {
        for (at, sql) in definitions(file) {
            let there = names(&mut session)?;
            let statements: Vec<&str> = sql.split_inclusive(';').collect();
            for sql in statements.iter().filter(|_| at <= round) {
                let name = sql.split_whitespace().skip_while(|w| {
                    ["CREATE", "SOURCE", "MATERIALIZED", "VIEW", "SINK"].contains(w)
                });
                let name = name.take(1).collect::<String>();
                if !there.contains(&format!("\"{name}\"")) && !there.contains(&format!("({name})"))
                {
                    session.execute(sql)?;
                }
            }
        }
        if db.run_sources_once()?.bounded_left == 0 && round > 40 {
            break;
        }
        round += 1;
    }
    let mut all = Vec::new();
    for (name, _) in QUERIES {
        let rows = session.query(&format!("SELECT * FROM {name}"), &[])?.to_vec();
        let mut rows: Vec<String> = rows.iter().map(|row| format!("{name} {row:?}")).collect();
        rows.sort();
        all.extend(rows);
    }
    Ok(all)
}

/// The changes in a sink's file, without the epochs, which differ with the size of commits.
fn written(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("the sink wrote it");
    let mut rows: Vec<String> =
        text.lines().filter_map(|l| l.split_once(',')).map(|(_, row)| row.to_owned()).collect();
    rows.sort();
    rows
}

#[test]
fn rows_count_once_over_many_crashes() {
    let dir = std::env::temp_dir();
    let file = |what: &str| dir.join(format!("arena-tr-once-{}-{what}.csv", std::process::id()));
    let whole = FaultDisk::new(FaultPlan::default());
    let expected = go_on(&whole, &file("whole")).expect("nothing fails");
    assert!(expected.len() as u64 > EVENTS, "{} rows", expected.len());
    let mut disk = FaultDisk::new(FaultPlan::default());
    let mut dice = 11u64;
    let mut crashes = 0;
    let found = loop {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if crashes < 20 {
            let at = disk.ops() + 10 + (dice >> 33) % 45;
            disk.set_plan(FaultPlan { crash_at: Some(at), ..FaultPlan::default() });
        }
        match go_on(&disk, &file("broken")) {
            Ok(found) => break found,
            Err(error) => assert!(disk.is_crashed(), "{}", error.render()),
        }
        crashes += 1;
        disk = disk.after_crash_with(Crash::Torn, dice);
    };
    assert!(crashes >= 10, "{crashes} crashes show nothing");
    assert!(found == expected, "{} rows instead of {}", found.len(), expected.len());
    assert_eq!(written(&file("broken")), written(&file("whole")));
    println!("{} rows of 8 queries after {crashes} crashes, each once", found.len());
    for what in ["whole", "broken"] {
        std::fs::remove_file(file(what)).expect("it is ours");
    }
}
