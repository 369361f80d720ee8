//! Memory: what a bump costs, what dropping a pane costs, what a group takes; beside other
//! allocators.
//!
//!     cargo bench -p arena-tr-benches --bench arenas -- [--runs R]
//!
//! All in one run: an allocation of eight bytes in our arena, bumpalo, blink-alloc, arena-b and
//! `Box`; a closed pane of a million groups; bytes per group of a (BIGINT key, count, sum)
//! aggregation beside a `HashMap` of boxed values.
//! Invariant: every allocation is written and seen by the optimizer, in all allocators alike.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use arena_tr::{Batch, Column, Database, Value};
use arena_tr_benches::report::{Runs, option};
use arena_tr_storage::arena::{Arena, Owner, Pool, Tier};
use arena_tr_storage::state::{GroupTable, PaneRing};
use arena_tr_storage::{Buffer, Fixed};
use arena_tr_types::DataType;

/// Allocations of a run.
const ALLOCATIONS: u64 = 1_000_000;
const GROUPS: usize = 1_000_000;
const OWNER: Owner = Owner { view: 1, operator: 0, tier: Tier::Pane };

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(n) = option("boxed") {
        println!("{}", boxed_bytes(n.parse()?)?);
        return Ok(());
    }
    let runs = option("runs").map_or(Ok(11), |n| n.parse())?;
    bump(runs)?;
    drop_panes(runs)?;
    bytes_per_group()?;
    Ok(())
}

/// Prints nanoseconds per allocation of 8 bytes; memory is kept from run to run where the allocator
/// can.
fn bump(runs: usize) -> Result<(), Box<dyn Error>> {
    println!("8 bytes, {ALLOCATIONS} times, then reset: nanoseconds each (median, best)");
    let pool = Pool::new();
    let mut arena = Arena::new(&pool, OWNER);
    let (ours, ()) = Runs::of(
        runs,
        || (),
        |()| {
            for i in 0..ALLOCATIONS {
                black_box(arena.push(i).expect("memory is not limited"));
            }
            arena.reset();
        },
    );
    let mut bump = bumpalo::Bump::new();
    let (bumpalo, ()) = Runs::of(
        runs,
        || (),
        |()| {
            for i in 0..ALLOCATIONS {
                black_box(bump.alloc(i));
            }
            bump.reset();
        },
    );
    let mut blink = blink_alloc::Blink::new();
    let (blink_alloc, ()) = Runs::of(
        runs,
        || (),
        |()| {
            for i in 0..ALLOCATIONS {
                black_box(blink.put(i));
            }
            blink.reset();
        },
    );
    // Its reset is an unsafe function, so every run has an arena of its own, made and dropped
    // outside the time.
    let (arena_b, _) = Runs::of(
        runs,
        || arena_b::Arena::with_capacity(16 << 20),
        |b| {
            for i in 0..ALLOCATIONS {
                black_box(b.alloc(i));
            }
            b
        },
    );
    let (boxed, ()) = Runs::of(
        runs,
        || Vec::with_capacity(ALLOCATIONS as usize),
        |mut all| {
            all.extend((0..ALLOCATIONS).map(|i| black_box(Box::new(i))));
            drop(all);
        },
    );
    let each = |seconds: f64| seconds * 1e9 / ALLOCATIONS as f64;
    for (name, times) in [
        ("arena-tr", &ours),
        ("bumpalo", &bumpalo),
        ("blink-alloc", &blink_alloc),
        ("arena-b", &arena_b),
        ("Box", &boxed),
    ] {
        println!("  {name:12} {:8.2} {:8.2}", each(times.seconds()), each(times.least()));
    }
    println!("  ours / bumpalo: {:.2}", ours.seconds() / bumpalo.seconds());
    Ok(())
}

/// Keys `0..n` as batches.
fn keys(n: usize) -> impl Iterator<Item = Column> {
    (0..n).step_by(1000).map(move |start| {
        let keys: Buffer<i64> = (start..n.min(start + 1000)).map(|i| i as i64 * 7919).collect();
        Column::I64(Fixed::new(keys))
    })
}

/// Prints how long it takes to drop a pane of a million groups.
fn drop_panes(runs: usize) -> Result<(), Box<dyn Error>> {
    let pool = Pool::new();
    let mut times = Vec::new();
    for _ in 0..runs {
        let mut panes: PaneRing<GroupTable> = PaneRing::default();
        let pane = panes.get_or_insert(7, || GroupTable::new(&pool, OWNER, &[DataType::Int8], 2));
        let mut refs = Vec::new();
        for column in keys(GROUPS) {
            let rows: Vec<u16> = (0..column.len() as u16).collect();
            pane.upsert(&[&column], &rows, &mut refs)?;
        }
        assert_eq!(pane.len(), GROUPS);
        let start = Instant::now();
        drop(panes.take_first(|_| true));
        times.push(start.elapsed());
    }
    let times = Runs::from_times(times);
    println!(
        "a closed pane of {GROUPS} groups is dropped in {:.1} us (worst {:.1})",
        times.seconds() * 1e6,
        times.quantile(1.0) * 1e6
    );
    Ok(())
}

/// Prints bytes per group of `SELECT key, count(*), sum(value) ... GROUP BY key`, everything
/// counted.
fn bytes_per_group() -> Result<(), Box<dyn Error>> {
    println!("bytes per group of (BIGINT key, count, sum), all in:");
    println!("     groups     ours   HashMap of boxed values    ours/HashMap");
    // A directory has doubled just before the second and the fourth.
    for n in [1_000_000, 1_600_000, 3_000_000, 3_200_000] {
        let ours = our_bytes(n)? as f64 / n as f64;
        // In a process of its own: what was freed before would not show in this one's memory.
        let exe = std::env::current_exe()?;
        let out = Command::new(exe).args(["--boxed", &n.to_string()]).output()?;
        let boxed: usize = String::from_utf8(out.stdout)?.trim().parse()?;
        let boxed = boxed as f64 / n as f64;
        println!("  {n:9} {ours:8.1} {boxed:25.1} {:15.2}", ours / boxed);
    }
    Ok(())
}

fn our_bytes(n: usize) -> Result<usize, Box<dyn Error>> {
    let db = Database::in_memory();
    let mut session = db.session();
    session.execute("CREATE STREAM s (key BIGINT, value BIGINT)")?;
    session.subscribe_with("SELECT key, count(*), sum(value) FROM s GROUP BY key", &[], |_| {})?;
    let mut appender = db.appender("s")?;
    for column in keys(n) {
        let rows = column.len();
        appender.append_columns(Batch::new(vec![column.clone(), column], rows))?;
        appender.commit()?;
    }
    Ok(db.internals().state_bytes())
}

/// What the same takes when a group's values are enums in a box. Keys are plain integers, which
/// favours it.
fn boxed_bytes(n: usize) -> Result<usize, Box<dyn Error>> {
    let before = resident_bytes()?;
    let mut groups: HashMap<i64, Box<[Value]>> = HashMap::new();
    for i in 0..n as i64 {
        let state =
            groups.entry(i * 7919).or_insert_with(|| Box::new([Value::Int8(0), Value::Int8(0)]));
        if let [Value::Int8(count), Value::Int8(sum)] = &mut **state {
            *count += 1;
            *sum += i;
        }
    }
    let after = resident_bytes()?;
    black_box(&groups);
    Ok(after.saturating_sub(before))
}

/// Bytes of memory that the process occupies.
fn resident_bytes() -> Result<usize, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).ok_or("no VmRSS in the status")?;
    let kib: usize = line.split_whitespace().nth(1).ok_or("no figure")?.parse()?;
    Ok(kib << 10)
}
