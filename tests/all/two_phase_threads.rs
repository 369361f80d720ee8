//! Several threads commit over three databases with one coordinator, which recovers meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arena_tr::disk::MemDisk;
use arena_tr::{Database, LogIo, TwoPhase};
use arena_tr_testkit::rng::Rng;

use crate::durability::options;
use crate::two_phase::{rows, run};

#[test]
fn threads_share_a_coordinator_that_recovers_meanwhile() {
    let dbs = [Database::in_memory(), Database::in_memory(), Database::in_memory()];
    for db in &dbs {
        let tables = "CREATE TABLE account (id INT PRIMARY KEY, money BIGINT);
            CREATE TABLE done (transfer INT PRIMARY KEY);
            INSERT INTO account VALUES (1, 100), (2, 100), (3, 100)";
        run(&mut db.session(), tables);
    }
    let options = options(Arc::new(MemDisk::new()), LogIo::File);
    let coordinator = TwoPhase::open_with("/decisions", &options).expect("room");
    let (stop, dbs, coordinator) = (AtomicBool::new(false), &dbs, &coordinator);
    let (committed, recovered) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3u64)
            .map(|who| {
                scope.spawn(move || {
                    let mut rng = Rng::new(who);
                    (0..60).filter(|i| transfer(dbs, coordinator, who * 100 + i, &mut rng)).count()
                })
            })
            .collect();
        let stop = &stop;
        let recovering = scope.spawn(move || {
            let mut rolled_back = 0;
            while !stop.load(Ordering::Relaxed) {
                let [mut a, mut b, mut c] = dbs.clone();
                rolled_back += coordinator.recover(&mut [&mut a, &mut b, &mut c]).rolled_back;
            }
            rolled_back
        });
        let committed: usize = threads.into_iter().map(|t| t.join().expect("no panic")).sum();
        stop.store(true, Ordering::Relaxed);
        (committed, recovering.join().expect("no panic"))
    });
    let all =
        |sql: &str| -> Vec<String> { dbs.iter().map(|db| rows(&mut db.session(), sql)).collect() };
    assert_eq!(recovered, 0, "what is under way is nobody else's business");
    assert_eq!(all("SELECT gid FROM arena.prepared_transactions"), ["", "", ""]);
    let done = all("SELECT transfer FROM done ORDER BY transfer");
    assert!(done.iter().all(|d| *d == done[0]), "{done:?}");
    assert_eq!(done[0].split_whitespace().count(), committed);
    let money: i64 = all("SELECT sum(money) FROM account")
        .iter()
        .map(|m| m.parse::<i64>().expect("a number"))
        .sum();
    assert_eq!(money, 900);
    assert!(committed > 20, "{committed}");
}

/// Moves money from the first database to the others; whether it was committed.
fn transfer(dbs: &[Database; 3], coordinator: &TwoPhase, n: u64, rng: &mut Rng) -> bool {
    let mut sessions = dbs.each_ref().map(Database::session);
    for (i, session) in sessions.iter_mut().enumerate() {
        let (change, id) = (if i == 0 { -2 } else { 1 }, 1 + rng.below(3));
        let sql = format!(
            "BEGIN; INSERT INTO done VALUES ({n});
             UPDATE account SET money = money + {change} WHERE id = {id}"
        );
        let _ = session.execute(&sql);
    }
    let [a, b, c] = &mut sessions;
    match coordinator.commit(&mut [a, b, c]) {
        Ok(committed) => {
            assert_eq!(committed.unfinished, [""; 0]);
            true
        }
        Err(error) => {
            assert!(["40001", "25P02"].contains(&error.state().0), "{}", error.render());
            false
        }
    }
}
