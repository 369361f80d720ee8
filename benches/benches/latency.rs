//! How long one event takes: from the first call that brings it until the callback of a standing
//! query has its result.
//!
//!     cargo bench -p arena-tr-benches --bench latency -- [--events N]
//!
//! One process, nothing else going on: an appender commits one row at a time to a stream; a query
//! that filters and aggregates follows it; its callback runs inside the commit.
//! Invariant: every event that passes the filter is answered by exactly one callback before the
//! next is sent.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arena_tr::Database;
use arena_tr_benches::report::{Runs, option};

const ACCOUNTS: i64 = 1000;
const WARM_UP: usize = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let n = option("events").map_or(Ok(200_000), |n| n.parse())?;
    let db = Database::in_memory();
    let mut session = db.session();
    session.execute("CREATE STREAM payment (account BIGINT, amount BIGINT, at TIMESTAMP)")?;
    let (start, answered) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let at = Arc::clone(&answered);
    session.subscribe_with(
        "SELECT account, count(*) AS payments, sum(amount) AS paid FROM payment WHERE amount > $1 GROUP BY account",
        &[arena_tr::Value::Int8(100)],
        move |changes| {
            assert!(!changes.is_empty(), "a callback has something to say");
            at.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        },
    )?;
    let mut payments = db.appender("payment")?;
    let mut times = Vec::with_capacity(n);
    for i in 0..WARM_UP + n {
        answered.store(0, Ordering::Relaxed);
        let (account, amount) = (i as i64 * 7919 % ACCOUNTS, 101 + i as i64 % 1000);
        let sent = start.elapsed();
        payments.append((account, amount, arena_tr::Value::Timestamp(i as i64)))?;
        payments.commit()?;
        let answered = answered.load(Ordering::Relaxed);
        assert!(answered > 0, "the callback ran inside the commit");
        if i >= WARM_UP {
            times.push(std::time::Duration::from_nanos(answered - sent.as_nanos() as u64));
        }
    }
    let times = Runs::from_times(times);
    println!("one event to its callback, {n} events: microseconds");
    for (name, q) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("worst", 1.0)] {
        println!("  {name:6} {:8.2}", times.quantile(q) * 1e6);
    }
    Ok(())
}
