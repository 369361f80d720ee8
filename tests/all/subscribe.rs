//! What SUBSCRIBE may ask for: progress, an end, envelopes.

use arena_tr::{Database, Session, SqlState, Subscription};

fn database() -> (Database, Session) {
    let db = Database::in_memory();
    let mut session = db.session();
    session
        .execute(
            "CREATE TABLE t (k INT, n INT); CREATE TABLE other (a INT);
             CREATE MATERIALIZED VIEW v AS SELECT k, sum(n) AS s FROM t GROUP BY k;
             INSERT INTO t VALUES (1, 10), (2, 20)",
        )
        .expect("the schema is made");
    (db, session)
}

fn subscribe(session: &mut Session, sql: &str) -> Subscription {
    let mut outcomes = session.execute(sql).expect("a subscription starts");
    outcomes.remove(0).subscription.take().expect("SUBSCRIBE gives one")
}

/// All that waits: the epoch, counted from the first one, then rows as text with their weights,
/// sorted.
fn told(subscription: &mut Subscription) -> Vec<(u64, Vec<String>)> {
    let mut all = Vec::new();
    while let Some(changes) = subscription.try_next().expect("the subscription lives") {
        let line = |(row, weight): (Vec<arena_tr::Value>, i64)| {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            format!("{weight:+} {}", cells.join("|"))
        };
        let mut rows: Vec<String> = changes.rows().into_iter().map(line).collect();
        rows.sort();
        all.push((changes.epoch.0, rows));
    }
    let first = all.first().map_or(0, |(epoch, _)| *epoch);
    all.into_iter().map(|(epoch, rows)| (epoch - first, rows)).collect()
}

fn state_of(session: &mut Session, sql: &str) -> SqlState {
    session.execute(sql).err().expect("an error is expected").state()
}

#[test]
fn progress_tells_of_epochs_without_changes() {
    let (_db, mut session) = database();
    let mut plain = subscribe(&mut session, "SUBSCRIBE v WITH (SNAPSHOT = false)");
    let mut progress = subscribe(&mut session, "SUBSCRIBE v WITH (SNAPSHOT = false, PROGRESS)");
    assert!(progress.tells_progress() && !plain.tells_progress());
    session.execute("INSERT INTO other VALUES (1)").expect("a commit");
    session.execute("INSERT INTO t VALUES (1, 5)").expect("a commit");
    session.execute("INSERT INTO t VALUES (3, 0); DELETE FROM other").expect("two commits");
    let change = vec!["+1 1|15".to_owned(), "-1 1|10".to_owned()];
    let new = vec!["+1 3|0".to_owned()];
    assert_eq!(told(&mut plain), [(0, change.clone()), (1, new.clone())]);
    let all = [(0, vec![]), (1, vec![]), (2, change), (3, new), (4, vec![])];
    assert_eq!(told(&mut progress), all);
}

#[test]
fn up_to_ends_behind_its_epoch() {
    let (db, mut session) = database();
    let now = db.epoch().0;
    let mut short = subscribe(&mut session, &format!("SUBSCRIBE v UP TO EPOCH {now}"));
    let contents = vec!["+1 1|10".to_owned(), "+1 2|20".to_owned()];
    assert_eq!(told(&mut short), [(0, contents.clone())]);
    assert!(short.is_closed());
    let until = now + 2;
    let sql = format!("SUBSCRIBE v AS OF EPOCH {now} UP TO EPOCH {until}");
    let mut subscription = subscribe(&mut session, &sql);
    session.execute("INSERT INTO t VALUES (3, 0)").expect("a commit");
    assert!(!subscription.is_closed());
    // The last epoch changes another relation: the end comes all the same.
    session.execute("INSERT INTO other VALUES (1)").expect("a commit");
    session.execute("INSERT INTO t VALUES (4, 0)").expect("a commit");
    assert_eq!(told(&mut subscription), [(0, contents), (1, vec!["+1 3|0".to_owned()])]);
    assert!(subscription.is_closed());
    let past = state_of(&mut session, "SUBSCRIBE v UP TO EPOCH 0");
    assert_eq!(past, SqlState("22023"));
    assert_eq!(state_of(&mut session, "SUBSCRIBE v AS OF EPOCH 0"), SqlState("0A000"));
    assert_eq!(state_of(&mut session, "SUBSCRIBE v AS OF EPOCH 999"), SqlState("22023"));
}

#[test]
fn an_upsert_tells_the_last_row_of_a_key() {
    let (_db, mut session) = database();
    let mut subscription = subscribe(&mut session, "SUBSCRIBE v ENVELOPE UPSERT (KEY (k))");
    assert_eq!(subscription.schema().fields[0].name.as_ref(), "op");
    session.execute("INSERT INTO t VALUES (1, 5), (3, 1)").expect("a commit");
    session.execute("DELETE FROM t WHERE k = 2").expect("a commit");
    let expected = [
        (0, vec!["+1 u|1|10".to_owned(), "+1 u|2|20".to_owned()]),
        (1, vec!["+1 u|1|15".to_owned(), "+1 u|3|1".to_owned()]),
        (2, vec!["+1 d|2|20".to_owned()]),
    ];
    assert_eq!(told(&mut subscription), expected);
    // Without the snapshot its keys are known all the same.
    let sql = "SUBSCRIBE v ENVELOPE UPSERT (KEY (k)) WITH (SNAPSHOT = false)";
    let mut later = subscribe(&mut session, sql);
    session.execute("DELETE FROM t WHERE k = 3").expect("a commit");
    assert_eq!(told(&mut later), [(0, vec!["+1 d|3|1".to_owned()])]);
    assert_eq!(state_of(&mut session, "SUBSCRIBE v ENVELOPE UPSERT (KEY (x))"), SqlState("42703"));
}

#[test]
fn a_key_of_two_rows_ends_an_upsert() {
    let (_db, mut session) = database();
    let mut subscription = subscribe(&mut session, "SUBSCRIBE t ENVELOPE UPSERT (KEY (k))");
    session.execute("INSERT INTO t VALUES (1, 11)").expect("a commit is nobody else's business");
    assert_eq!(subscription.try_next().expect("the contents").expect("an epoch").len(), 2);
    let error = subscription.try_next().expect_err("two rows of one key");
    assert_eq!(error.state(), SqlState::UNIQUE_VIOLATION);
    assert!(subscription.is_closed());
    let again = state_of(&mut session, "SUBSCRIBE t ENVELOPE UPSERT (KEY (k))");
    assert_eq!(again, SqlState::UNIQUE_VIOLATION);
}

#[test]
fn debezium_tells_before_and_after() {
    let (_db, mut session) = database();
    let sql = "SUBSCRIBE v ENVELOPE DEBEZIUM WITH (SNAPSHOT = false)";
    let mut subscription = subscribe(&mut session, sql);
    session.execute("INSERT INTO t VALUES (1, 5)").expect("a commit");
    let expected = vec!["+1 c|NULL|(1,15)".to_owned(), "+1 d|(1,10)|NULL".to_owned()];
    assert_eq!(told(&mut subscription), [(0, expected)]);
    let mut rows = subscribe(&mut session, "SUBSCRIBE t ENVELOPE APPEND");
    session.execute("DELETE FROM t WHERE n = 5").expect("a commit");
    assert_eq!(rows.try_next().expect("the contents").expect("an epoch").len(), 3);
    let error = rows.try_next().expect_err("a row left");
    assert_eq!(error.state(), SqlState::INVALID_PARAMETER);
}
