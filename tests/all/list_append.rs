//! Histories of sixteen threads, judged.
//!
//! Each thread appends to lists and reads them in transactions of random shape: alone or in a
//! block, with savepoints that it goes back to, rolled back, or committed. A list is a text that is
//! replaced, or rows whose key is the place in the list. `ARENA_TR_LIST_APPEND` is the number of
//! transactions.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arena_tr::disk::{Crash, FaultDisk, FaultPlan};
use arena_tr::{CheckpointPolicy, Database, ErrorKind, LogIo, Options, Session, Value};
use arena_tr_testkit::list_append::{Fate, Kind, Op, Transaction, check};
use arena_tr_testkit::rng::Rng;

use crate::durability::options;

const THREADS: usize = 16;
/// Transactions, unless the environment asks for more.
const TRANSACTIONS: u64 = 20_000;
/// Transactions between two changes of the lists in use, so that lists stay short.
const ERA: u64 = 400;
/// Lists in use at a time; every fourth is kept as rows.
const LISTS: u64 = 8;

const TABLES: &str = "CREATE TABLE IF NOT EXISTS texts (k BIGINT PRIMARY KEY, list TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS items (k BIGINT, place BIGINT, v BIGINT, PRIMARY KEY (k, place))";

#[test]
fn no_history_shows_what_snapshot_isolation_forbids() {
    let wanted = std::env::var("ARENA_TR_LIST_APPEND").ok().and_then(|n| n.parse().ok());
    let n: u64 = wanted.unwrap_or(TRANSACTIONS).max(1);
    let db = Database::in_memory();
    db.session().execute(TABLES).expect("the tables are legal");
    let started = Instant::now();
    let mut clients = clients(false);
    let history = live(&db, &mut clients, 0..n);
    judge(&db, history, n, &format!("{THREADS} threads in {:?}", started.elapsed()));
}

#[test]
fn no_history_over_crashes_shows_it_either() {
    let release = std::env::var_os("ARENA_TR_RELEASE_CHECKS").is_some();
    let (lives, each) = if release { (500, 400) } else { (25, 150) };
    let mut disk = FaultDisk::new(FaultPlan::default());
    let (mut clients, mut history, mut crashes) = (clients(true), Vec::new(), 0);
    let open = |disk: &FaultDisk| {
        let checkpoints = CheckpointPolicy { log_bytes: Some(40 << 10), interval: None };
        let on = options(Arc::new(disk.clone()), LogIo::Map);
        Database::open_with("/db", Options { checkpoints, snapshot_max_age: None, ..on })
            .expect("it opens")
    };
    for life in 0..lives {
        let db = open(&disk);
        db.session().execute(TABLES).expect("the tables are legal");
        let crash_at = Some(disk.ops() + 10 + life * 7919 % 130);
        disk.set_plan(FaultPlan { crash_at, ..FaultPlan::default() });
        history.extend(live(&db, &mut clients, life * each..(life + 1) * each));
        drop(db);
        crashes += u64::from(clients.iter().any(|client| client.gone));
        disk = disk.after_crash_with(Crash::Torn, life);
    }
    let db = open(&disk);
    assert!(crashes * 2 > lives, "{crashes} crashes in {lives} lives");
    judge(&db, history, lives * each, &format!("{THREADS} threads over {crashes} crashes"));
}

fn clients(may_go: bool) -> Vec<Client> {
    let client =
        |id| Client { id, session: None, rng: Rng::new(id.into()), next: 0, may_go, gone: false };
    (0..THREADS as u32).map(client).collect()
}

/// What the clients do with a database until so many transactions were begun, or it is gone.
fn live(db: &Database, clients: &mut [Client], numbers: Range<u64>) -> Vec<Transaction> {
    let begun = AtomicU64::new(numbers.start);
    let parts: Vec<Vec<Transaction>> = std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .iter_mut()
            .map(|client| {
                let (begun, end) = (&begun, numbers.end);
                (client.session, client.gone) = (Some(db.session()), false);
                scope.spawn(move || {
                    let mut history = Vec::new();
                    while !client.gone {
                        let at = begun.fetch_add(1, Ordering::Relaxed);
                        if at >= end {
                            break;
                        }
                        client.transaction(at, &mut history);
                    }
                    client.session = None;
                    history
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().expect("a client does not panic")).collect()
    });
    parts.into_iter().flatten().collect()
}

fn judge(db: &Database, mut history: Vec<Transaction>, n: u64, how: &str) {
    let fates = |fate| history.iter().filter(|t| t.fate == fate).count();
    let (committed, aborted) = (fates(Fate::Committed), fates(Fate::Aborted));
    let unknown = fates(Fate::Unknown);
    history.push(everything(&mut db.session(), &history));
    let anomalies = check(&history, true);
    let skew = anomalies.iter().filter(|a| a.kind == Kind::G2).count();
    println!(
        "list-append: {n} transactions of {how}: {committed} committed, {aborted} not, {unknown} \
         unknown; {skew} tangles of write skew, {} other anomalies",
        anomalies.len() - skew
    );
    let wrong: Vec<_> = anomalies.iter().filter(|a| a.kind != Kind::G2).take(10).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(committed as u64 > n / 10, "{committed} of {n} committed");
}

struct Client {
    id: u32,
    session: Option<Session>,
    rng: Rng,
    next: u64,
    /// The database may go away.
    may_go: bool,
    /// It has.
    gone: bool,
}

impl Client {
    /// Runs one transaction and notes what it did; what went back to a savepoint is noted as a
    /// transaction of its own that was rolled back.
    fn transaction(&mut self, at: u64, history: &mut Vec<Transaction>) {
        let first = (at / ERA) * LISTS;
        let alone = self.rng.one_in(8);
        if !alone {
            self.works("BEGIN");
        }
        let n_ops = if alone { 1 } else { 1 + self.rng.below(4) };
        let mut ops = Vec::new();
        let mut failed = false;
        for _ in 0..n_ops {
            let key = (first + self.rng.below(LISTS)) as u32;
            if !alone && self.rng.one_in(12) {
                failed = !self.undone(key, history);
            }
            if failed || !self.op(key, &mut ops) {
                failed = true;
                break;
            }
        }
        let fate = match (alone, failed) {
            (true, false) => Fate::Committed,
            (true, true) if self.gone => Fate::Unknown,
            (true, true) => Fate::Aborted,
            (false, _) => self.end(failed),
        };
        history.push(Transaction { session: self.id, ops, fate });
    }

    fn end(&mut self, failed: bool) -> Fate {
        if failed || self.rng.one_in(20) {
            self.works("ROLLBACK");
            return Fate::Aborted;
        }
        match self.run("COMMIT", &[]) {
            Some(_) => Fate::Committed,
            None if self.gone => Fate::Unknown,
            None => Fate::Aborted,
        }
    }

    /// Runs a statement that collides with nobody.
    fn works(&mut self, sql: &str) {
        assert!(self.run(sql, &[]).is_some() || self.gone, "{sql} works");
    }

    /// Appends and goes back to before. False if the transaction failed.
    fn undone(&mut self, key: u32, history: &mut Vec<Transaction>) -> bool {
        let mut ops = Vec::new();
        self.works("SAVEPOINT s");
        self.append(key, &mut ops);
        self.works("ROLLBACK TO s");
        history.push(Transaction { session: self.id, ops, fate: Fate::Aborted });
        !self.gone
    }

    /// One operation; false if it failed.
    fn op(&mut self, key: u32, ops: &mut Vec<Op>) -> bool {
        if self.rng.one_in(2) {
            return self.append(key, ops);
        }
        let Some(session) = &mut self.session else { return false };
        match read(session, key) {
            Some(list) => {
                ops.push(Op::Read { key, list });
                true
            }
            None => false,
        }
    }

    fn append(&mut self, key: u32, ops: &mut Vec<Op>) -> bool {
        let value = self.next * THREADS as u64 + u64::from(self.id);
        self.next += 1;
        // It is noted even if it fails: then nobody may see it.
        ops.push(Op::Append { key, value });
        let (k, v) = (Value::Int8(key.into()), Value::Int8(value as i64));
        if is_rows(key) {
            let sql = "INSERT INTO items SELECT $1, coalesce(max(place), 0) + 1, $2 \
                       FROM items WHERE k = $1";
            return self.run(sql, &[k, v]).is_some();
        }
        let sql = "UPDATE texts SET list = list || ',' || $2::TEXT WHERE k = $1";
        match self.run(sql, &[k.clone(), v.clone()]).as_deref() {
            Some("UPDATE 0") => {
                self.run("INSERT INTO texts VALUES ($1, $2::TEXT)", &[k, v]).is_some()
            }
            Some(_) => true,
            None => false,
        }
    }

    /// Runs a statement; none if another transaction was faster.
    fn run(&mut self, sql: &str, params: &[Value]) -> Option<String> {
        match self.session.as_mut()?.execute_with(sql, params) {
            Ok(outcome) => Some(outcome.tag),
            Err(_) if self.gone => None,
            Err(e) if e.kind() == ErrorKind::Conflict || e.state().0 == "23505" => None,
            Err(e) if self.may_go && e.kind() == ErrorKind::Io => {
                self.gone = true;
                None
            }
            Err(error) => panic!("{sql}: {}", error.render()),
        }
    }
}

fn is_rows(key: u32) -> bool {
    key % 4 == 3
}

fn read(session: &mut Session, key: u32) -> Option<Vec<u64>> {
    let sql = match is_rows(key) {
        true => "SELECT v::TEXT FROM items WHERE k = $1 ORDER BY place",
        false => "SELECT list FROM texts WHERE k = $1",
    };
    let rows = session.query(sql, &[Value::Int8(key.into())]).ok()?.to_vec();
    let cells: Vec<String> = rows.iter().map(|row| row[0].to_string()).collect();
    let numbers = cells.iter().flat_map(|cell| cell.split(','));
    Some(numbers.map(|n| n.parse().expect("a number")).collect())
}

/// A last transaction that reads every list.
fn everything(session: &mut Session, history: &[Transaction]) -> Transaction {
    let keys: BTreeMap<u32, ()> = history
        .iter()
        .flat_map(|t| &t.ops)
        .map(|op| match op {
            Op::Append { key, .. } | Op::Read { key, .. } => (*key, ()),
        })
        .collect();
    session.execute("BEGIN READ ONLY").expect("BEGIN works");
    let ops = keys.keys().map(|key| Op::Read {
        key: *key,
        list: read(session, *key).expect("a snapshot can always be read"),
    });
    let ops = ops.collect();
    session.execute("COMMIT").expect("COMMIT works");
    Transaction { session: THREADS as u32, ops, fate: Fate::Committed }
}
