//! Events per second from a file of NDJSON to a windowed aggregation, on one thread.
//!
//!     cargo bench -p arena-tr-benches --bench ingest -- [--events N] [--runs R]
//!
//! The file has all seven columns of Nexmark's bids; the query uses two, so only those are decoded.
//! Beside it, in the same run: a query that uses all seven, and the plain reading of the file.
//! Invariant: the counts of the windows add up to the lines of the file.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use arena_tr::Database;
use arena_tr_benches::events::Events;
use arena_tr_benches::report::{Runs, option};

const TWO: &str = "SELECT bidder, window_start, count(*) AS n
    FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY bidder, window_start, window_end EMIT ON WINDOW CLOSE";
const ALL: &str = "SELECT window_start, count(*) AS n, max(price), count(auction), max(bidder), count(channel),
    max(length(url)), count(extra)
    FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY window_start, window_end EMIT ON WINDOW CLOSE";

fn main() -> Result<(), Box<dyn Error>> {
    let n: usize = option("events").map_or(Ok(2_000_000), |n| n.parse())?;
    let runs: usize = option("runs").map_or(Ok(5), |n| n.parse())?;
    let path = std::env::temp_dir().join(format!("arena-tr-ingest-{}.ndjson", std::process::id()));
    let lines = write_bids(&path, n)?;
    let result = measure(&path, lines, runs);
    std::fs::remove_file(&path)?;
    result
}

fn measure(path: &Path, lines: usize, runs: usize) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::metadata(path)?.len();
    println!("{lines} bids, {:.1} MB; million events a second (median, best)", bytes as f64 / 1e6);
    let mut buffer = vec![0; 1 << 18];
    let mut read = Vec::new();
    for _ in 0..runs {
        let (start, mut file) = (Instant::now(), std::fs::File::open(path)?);
        while file.read(&mut buffer)? > 0 {
            black_box(&buffer);
        }
        read.push(start.elapsed());
    }
    print("reading the file, nothing else", lines, &Runs::from_times(read));
    for (what, query, column) in
        [("two columns to windows", TWO, 2), ("all columns to windows", ALL, 1)]
    {
        let mut times = Vec::new();
        for _ in 0..runs {
            let (db, total) = prepare(path, query, column)?;
            let start = Instant::now();
            while db.run_sources_once()?.bounded_left > 0 {}
            times.push(start.elapsed());
            assert_eq!(total.load(Ordering::Relaxed), lines as i64, "no bid is lost or doubled");
        }
        print(what, lines, &Runs::from_times(times));
    }
    Ok(())
}

fn print(what: &str, lines: usize, runs: &Runs) {
    let speed = |seconds: f64| lines as f64 / seconds / 1e6;
    println!("  {what:32} {:8.2} {:8.2}", speed(runs.seconds()), speed(runs.least()));
}

/// A database that reads the file, and the sum over a column of counts.
fn prepare(
    path: &Path,
    query: &str,
    column: usize,
) -> Result<(Database, Arc<AtomicI64>), Box<dyn Error>> {
    let db = Database::in_memory();
    arena_tr_connectors::register_all(&db);
    let mut session = db.session();
    session.execute(&format!(
        "CREATE SOURCE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR,
           date_time TIMESTAMP, extra VARCHAR, WATERMARK FOR date_time AS date_time - INTERVAL '4' SECOND)
         WITH (connector = 'file', path = '{}') FORMAT PLAIN ENCODE JSON",
        path.display()
    ))?;
    let total = Arc::new(AtomicI64::new(0));
    let sum = Arc::clone(&total);
    session.subscribe_with(query, &[], move |changes| {
        for batch in &changes.delta {
            let counts = batch.columns[column].as_i64().expect("counts are 64-bit");
            sum.fetch_add(counts.values.iter().sum::<i64>(), Ordering::Relaxed);
        }
    })?;
    Ok((db, total))
}

/// Writes the bids among `n` events as NDJSON; how many they are.
fn write_bids(path: &Path, n: usize) -> Result<usize, Box<dyn Error>> {
    let events = Events::generate(n)?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    let b = &events.bids;
    for k in 0..b.auction.len() {
        let text = |t: &[u8]| String::from_utf8_lossy(t).into_owned();
        let time = arena_tr::Value::Timestamp(b.time[k]);
        writeln!(
            out,
            r#"{{"auction":{},"bidder":{},"price":{},"channel":"{}","url":"{}","date_time":"{time}","extra":"{}"}}"#,
            b.auction[k],
            b.bidder[k],
            b.price[k],
            text(b.channel.get(k)),
            text(b.url.get(k)),
            text(b.extra.get(k)),
        )?;
    }
    out.flush()?;
    Ok(b.auction.len())
}
