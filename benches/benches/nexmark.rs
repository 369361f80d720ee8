//! Events per second of every Nexmark query, beside a loop by hand in the same process.
//!
//!     cargo bench -p arena-tr-benches --bench nexmark -- \
//!         [--events N] [--runs R] [--query q5,q7] [--analyze]
//!
//! Ten million events are in memory, in columns. One thread commits them ten thousand at a time
//! through the whole engine (source, watermark, program, delivery); a callback takes every change.
//! The loop by hand goes first.
//! Invariant: the result's number of rows equals the loop's; otherwise the run fails.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Instant;

use arena_tr::{Batch, DataType, Database, Epoch, Options, Value};
use arena_tr_benches::events::{EVENTS_PER_COMMIT, Events};
use arena_tr_benches::hand;
use arena_tr_benches::queries::{self, QUERIES, Query};
use arena_tr_benches::replay::Replay;
use arena_tr_benches::report::{Runs, flag, geometric_mean, option};
use arena_tr_storage::arena::Pool;
use arena_tr_vm::{OnError, Program, StepInput, Task};

/// How often planning is measured.
const PLANS: usize = 9;

/// What a run gave.
#[derive(Debug, Default)]
struct Seen {
    /// Changes delivered.
    changes: AtomicU64,
    /// Rows of the result in the end.
    rows: AtomicI64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let n = option("events").map_or(Ok(10_000_000), |n| n.parse())?;
    let runs = option("runs").map_or(Ok(3), |n| n.parse())?;
    let only = option("query");
    let is_wanted =
        |name: &str| only.as_ref().is_none_or(|only| only.split(',').any(|q| q == name));
    let start = Instant::now();
    let events = Arc::new(Events::generate(n)?);
    println!("{} events made in {:.1} s", events.len(), start.elapsed().as_secs_f64());
    let dispatch = dispatch_ns()?;
    println!("an instruction is dispatched in {dispatch:.1} ns");
    println!("query   ours Mev/s   hand Mev/s   ratio    changes       rows   plan ms  dispatch %");
    let mut ratios = Vec::new();
    for query in QUERIES.iter().filter(|q| is_wanted(q.name)) {
        ratios.push(measure(query, &events, runs, dispatch)?);
    }
    println!("geometric mean of the ratios: {:.3}", geometric_mean(&ratios));
    Ok(())
}

/// Prints a query's line and gives the ratio of ours to the hand's: both run in turns, and the
/// ratio is the median of the turns', so that what else the machine does falls on both.
fn measure(
    query: &Query,
    events: &Arc<Events>,
    runs: usize,
    dispatch_ns: f64,
) -> Result<f64, Box<dyn Error>> {
    let by_hand = hand::by_name(query.name).ok_or("no loop by hand")?;
    let (mut ours, mut hands, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // Before anything runs: giving gigabytes of an earlier run back takes time of its own.
    let plans: Result<Vec<f64>, _> =
        (0..PLANS).map(|_| prepare(query, events).map(|p| p.1)).collect();
    let mut last = None;
    for run in 1..=runs.max(1) {
        let (db, _, seen) = prepare(query, events)?;
        if flag("analyze") {
            db.internals().analyze_all();
        }
        let start = Instant::now();
        let expected = black_box(by_hand(events));
        let hand = start.elapsed();
        let start = Instant::now();
        while db.run_sources_once()?.bounded_left > 0 {}
        let our = start.elapsed();
        if flag("analyze") && run == runs {
            db.internals().programs().iter().for_each(|text| println!("{text}"));
        }
        ratios.push(hand.as_secs_f64() / our.as_secs_f64());
        ours.push(our);
        hands.push(hand);
        last = Some((seen, expected));
    }
    let (seen, expected) = last.ok_or("no run")?;
    let mut plans = plans?;
    plans.sort_by(f64::total_cmp);
    let plan = plans[plans.len() / 2];
    // Counting costs time of its own, so it has a run of its own.
    let (db, ..) = prepare(query, events)?;
    db.internals().analyze_all();
    while db.run_sources_once()?.bounded_left > 0 {}
    let instructions = db.internals().instructions_run() as f64;
    let seconds = Runs::from_times(ours.clone()).seconds();
    let dispatch = instructions * dispatch_ns / (seconds * 1e9) * 100.0;
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ratios.len() / 2];
    let speed = |times| events.len() as f64 / Runs::from_times(times).seconds() / 1e6;
    let rows = seen.rows.load(Ordering::Relaxed);
    println!(
        "{:6} {:11.1} {:12.1} {ratio:8.3} {:10} {rows:10} {plan:9.2} {dispatch:11.2}",
        query.name,
        speed(ours),
        speed(hands),
        seen.changes.load(Ordering::Relaxed),
    );
    if rows != expected as i64 {
        return Err(format!("{}: the loop by hand gives {expected} rows", query.name).into());
    }
    Ok(ratio)
}

/// Nanoseconds that the interpreter takes for an instruction which does next to nothing: it asks
/// whether any row is selected. Two programs that differ only in the number of such instructions
/// give the difference.
fn dispatch_ns() -> Result<f64, Box<dyn Error>> {
    let per_step = |n: usize| -> Result<f64, Box<dyn Error>> {
        let idle: String = (1..=n).map(|i| format!("  {i} stop.empty @s0\n")).collect();
        let text = format!(
            "program \"dispatch\"\ninput t 1 append (0 a int8)\n\
             output append (a int8) {{order: [], limit: none, offset: 0, width: none}}\n\
             registers [i64]\nselections 1\npipeline 0 on delta t\n\
             \x20 0 load.col r0 t.a\n{idle}  {} emit [r0] @s0\n",
            n + 1
        );
        let program = Arc::new(Program::parse(&text)?);
        let mut task = Task::new(program, &Pool::new(), 0)?;
        let batch = Batch::from_rows(&[vec![Value::Int8(1)]], &[DataType::Int8])?;
        let delta: &[&[Batch]] = &[std::slice::from_ref(&batch)];
        const STEPS: usize = 10_000;
        let (runs, ()) = Runs::of(
            7,
            || (),
            |()| {
                for _ in 0..STEPS {
                    let input = StepInput {
                        epoch: Epoch(1),
                        now: 0,
                        watermark: 0,
                        deltas: delta,
                        on_error: OnError::Divert,
                        cancel: None,
                    };
                    black_box(task.step(&input).expect("nothing in it can fail"));
                }
            },
        );
        Ok(runs.least() * 1e9 / STEPS as f64)
    };
    Ok((per_step(120)? - per_step(20)?) / 100.0)
}

/// A database with the query standing, how long planning took in milliseconds, and what is seen of
/// the result.
fn prepare(
    query: &Query,
    events: &Arc<Events>,
) -> Result<(Database, f64, Arc<Seen>), Box<dyn Error>> {
    let options = Options { source_batch_rows: EVENTS_PER_COMMIT, ..Options::default() };
    let db = Database::with_options(options);
    db.register(Arc::new(Replay(Arc::clone(events))));
    let mut session = db.session();
    session.execute(&queries::sources("'replay'"))?;
    let seen = Arc::new(Seen::default());
    let into = Arc::clone(&seen);
    let start = Instant::now();
    session.subscribe_with(query.sql, &[], move |changes| {
        into.changes.fetch_add(changes.len() as u64, Ordering::Relaxed);
        let rows: i64 = black_box(&changes.delta).iter().map(|b| b.total_weight()).sum();
        into.rows.fetch_add(rows, Ordering::Relaxed);
    })?;
    Ok((db, start.elapsed().as_secs_f64() * 1e3, seen))
}
