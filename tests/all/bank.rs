//! The bank: money moves, none is made.
//!
//! Transfers between ten accounts arrive out of order; debits and credits are summed apart, joined
//! to balances, and the balances summed. An engine that lets one of the two sums run ahead of the
//! other shows totals that are not zero.

use std::sync::{Arc, Mutex};

use arena_tr::{Database, Value};
use arena_tr_testkit::rng::Rng;

const TRANSFERS: usize = 200_000;
const ACCOUNTS: u64 = 10;

const VIEWS: &str = "
CREATE STREAM transfers (id BIGINT, src BIGINT, dst BIGINT, amount BIGINT, ts TIMESTAMP,
    WATERMARK FOR ts AS ts - INTERVAL '5' SECOND);
CREATE MATERIALIZED VIEW credits AS SELECT dst AS account, sum(amount) AS credits FROM transfers GROUP BY dst;
CREATE MATERIALIZED VIEW debits AS SELECT src AS account, sum(amount) AS debits FROM transfers GROUP BY src;
CREATE MATERIALIZED VIEW balance AS
    SELECT coalesce(c.account, d.account) AS account, coalesce(credits, 0) - coalesce(debits, 0) AS balance
    FROM credits c FULL JOIN debits d ON c.account = d.account;
CREATE MATERIALIZED VIEW total AS SELECT sum(balance) AS total, count(*) AS accounts FROM balance;
";

#[test]
fn the_total_is_zero_in_every_change() {
    for commit_rows in [1usize, 7, 1_000, 10_000] {
        let transfers = if commit_rows == 1 { TRANSFERS / 20 } else { TRANSFERS };
        run(transfers, commit_rows);
    }
}

fn run(transfers: usize, commit_rows: usize) {
    let db = Database::in_memory();
    db.session().execute(VIEWS).expect("the views are legal");
    let seen = Arc::new(Mutex::new((0usize, Vec::new())));
    let sink = Arc::clone(&seen);
    db.subscribe_with("total", move |changes| {
        let mut seen = sink.lock().expect("no panic holds it");
        for (row, weight) in changes.rows() {
            seen.0 += 1;
            let none_yet = row[0].is_null() && row[1].to_string() == "0";
            if row[0].to_string() != "0" && !none_yet {
                seen.1.push((changes.epoch, row, weight));
            }
        }
    })
    .expect("the view exists");
    let mut rng = Rng::new(42);
    let mut appender = db.appender("transfers").expect("the stream exists");
    for i in 0..transfers {
        let (src, dst) = (rng.below(ACCOUNTS) as i64, rng.below(ACCOUNTS) as i64);
        // A transfer each millisecond, up to five seconds out of order.
        let ts = i as i64 * 1_000 - rng.below(4_999_000) as i64;
        appender.append((i as i64, src, dst, rng.below(1_000) as i64, ts)).expect("types fit");
        if i % commit_rows == commit_rows - 1 {
            appender.commit().expect("a commit works");
        }
    }
    appender.commit().expect("a commit works");
    let seen = seen.lock().expect("no panic holds it");
    assert!(seen.1.is_empty(), "totals that are not zero: {:?}", &seen.1[..seen.1.len().min(5)]);
    assert!(seen.0 > 0, "the view changed");
    let rows =
        db.session().query("SELECT * FROM total", &[]).expect("the view can be read").to_vec();
    assert_eq!(rows[0][0].to_string(), "0");
    assert_eq!(rows[0][1], Value::Int8(ACCOUNTS as i64));
}
