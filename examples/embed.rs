//! The engine inside a program: declare, append, follow, read.
//!
//! `cargo run --release -p arena-tr --example embed`
#![allow(clippy::print_stdout, reason = "an example prints")]

use arena_tr::{Database, Value};

fn main() -> arena_tr::Result<()> {
    let db = Database::in_memory();
    let mut session = db.session();
    session.execute(
        "CREATE STREAM readings (device BIGINT, celsius DOUBLE PRECISION, at TIMESTAMP,
             WATERMARK FOR at AS at - INTERVAL '2' SECOND);
         CREATE MATERIALIZED VIEW per_minute AS
             SELECT window_start, device, count(*) AS n, avg(celsius) AS mean, max(celsius) AS peak
             FROM TUMBLE(readings, at, INTERVAL '1 minute')
             GROUP BY window_start, window_end, device
             EMIT ON WINDOW CLOSE;
         CREATE MATERIALIZED VIEW hot AS
             SELECT device, max(celsius) AS peak FROM readings GROUP BY device HAVING max(celsius) > 90;",
    )?;

    // A callback runs inside the commit that changes the view: microseconds after the row.
    db.subscribe_with("hot", |changes| {
        for (row, weight) in changes.rows() {
            let what = if weight > 0 { "is" } else { "was" };
            println!("epoch {}: device {} {what} at {}", changes.epoch, row[0], row[1]);
        }
    })?;
    // An iterator gets the same changes whenever it asks.
    let mut minutes = db.subscribe("per_minute")?;

    let mut readings = db.appender("readings")?;
    let second = 1_000_000;
    for i in 0..300i64 {
        let celsius = 20.0 + (i % 80) as f64;
        readings.append((i % 3, celsius, i * second))?;
        if i % 60 == 59 {
            readings.commit()?;
        }
    }

    while let Some(changes) = minutes.try_next()? {
        println!("epoch {}: {} windows closed", changes.epoch, changes.len());
    }
    let rows = session.query(
        "SELECT device, sum(n) FROM per_minute WHERE device = $1 GROUP BY device",
        &[Value::Int8(1)],
    )?;
    println!("device 1 had {} readings in closed minutes", rows.to_vec()[0][1]);
    Ok(())
}
