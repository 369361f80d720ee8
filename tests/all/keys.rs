//! Constraints under random changes, against a plain model, in a database that is closed and opened
//! again: keys, foreign keys with their actions, indexes, ON CONFLICT and MERGE.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arena_tr::{Database, Session, SqlState};

/// Numbers that look random.
struct Random(u64);

impl Random {
    fn below(&mut self, n: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % n
    }
}

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the tables must hold: `p (k, u, n)`, `c (id, p)`.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    p: BTreeMap<i64, (i64, i64)>,
    c: BTreeMap<i64, i64>,
}

impl Model {
    fn is_valid(&self) -> bool {
        let mut unique: Vec<i64> = self.p.values().map(|(u, _)| *u).collect();
        unique.sort_unstable();
        unique.windows(2).all(|w| w[0] != w[1]) && self.c.values().all(|p| self.p.contains_key(p))
    }

    /// The model with a key of `p` changed; its rows of `c` follow.
    fn move_key(&mut self, from: i64, to: i64) {
        if let Some(row) = self.p.remove(&from) {
            self.p.insert(to, row);
            self.c.values_mut().filter(|p| **p == from).for_each(|p| *p = to);
        }
    }

    fn delete(&mut self, k: i64) {
        self.p.remove(&k);
        self.c.retain(|_, p| *p != k);
    }
}

const SETUP: &str = "
    CREATE TABLE p (k BIGINT PRIMARY KEY, u BIGINT CONSTRAINT one_u UNIQUE, n BIGINT);
    CREATE TABLE c (id BIGINT PRIMARY KEY, p BIGINT NOT NULL
        REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE INDEX by_n ON p (n);
    CREATE MATERIALIZED VIEW v AS
        SELECT p.k, p.n, count(c.id) AS kids FROM p LEFT JOIN c ON c.p = p.k GROUP BY p.k, p.n;";

fn ints(session: &mut Session, sql: &str) -> Vec<Vec<i64>> {
    let rows = session.query(sql, &[]).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
    let rows = rows.to_vec();
    rows.iter().map(|row| row.iter().map(|v| v.as_i64().expect("a number")).collect()).collect()
}

fn stored(session: &mut Session) -> Model {
    let p = ints(session, "SELECT k, u, n FROM p");
    let c = ints(session, "SELECT id, p FROM c");
    Model {
        p: p.iter().map(|r| (r[0], (r[1], r[2]))).collect(),
        c: c.iter().map(|r| (r[0], r[1])).collect(),
    }
}

/// A random statement, and what it makes of the model; `None`: it must fail.
fn step(random: &mut Random, model: &Model) -> (String, Option<Model>) {
    let (k, u, n) = (random.below(40), random.below(60), random.below(9));
    let mut next = model.clone();
    let there = model.p.contains_key(&k);
    let taken = model.p.iter().any(|(other, (v, _))| *v == u && *other != k);
    let sql = match random.below(8) {
        0 => {
            let fails = there || taken;
            next.p.insert(k, (u, n));
            let sql = format!("INSERT INTO p VALUES ({k}, {u}, {n})");
            return (sql, (!fails).then_some(next));
        }
        1 => {
            if !there && !taken {
                next.p.insert(k, (u, n));
            }
            format!("INSERT INTO p VALUES ({k}, {u}, {n}) ON CONFLICT DO NOTHING")
        }
        2 => {
            let row = model.p.get(&k).map_or((u, n), |(v, m)| (*v, m + n));
            next.p.insert(k, row);
            format!(
                "INSERT INTO p VALUES ({k}, {u}, {n}) \
                 ON CONFLICT (k) DO UPDATE SET n = p.n + excluded.n"
            )
        }
        3 => {
            next.delete(k);
            format!("DELETE FROM p WHERE k = {k}")
        }
        4 => {
            let to = random.below(40);
            if there && to != k && model.p.contains_key(&to) {
                return (format!("UPDATE p SET k = {to} WHERE k = {k}"), None);
            }
            next.move_key(k, to);
            format!("UPDATE p SET k = {to} WHERE k = {k}")
        }
        5 => {
            let id = random.below(200);
            let fails = !there || model.c.contains_key(&id);
            next.c.insert(id, k);
            return (format!("INSERT INTO c VALUES ({id}, {k})"), (!fails).then_some(next));
        }
        6 => {
            let gone: Vec<i64> =
                model.p.iter().filter(|(_, row)| row.1 == n).map(|(k, _)| *k).collect();
            gone.iter().for_each(|k| next.delete(*k));
            format!("DELETE FROM p WHERE n = {n}")
        }
        _ => {
            match model.p.get(&k) {
                Some(_) if n == 0 => next.delete(k),
                Some((v, _)) => drop(next.p.insert(k, (*v, n))),
                None => drop(next.p.insert(k, (u, n))),
            }
            format!(
                "MERGE INTO p USING (VALUES ({k}, {u}, {n})) AS s (k, u, n) ON p.k = s.k \
                 WHEN MATCHED AND s.n = 0 THEN DELETE \
                 WHEN MATCHED THEN UPDATE SET n = s.n \
                 WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.u, s.n)"
            )
        }
    };
    let valid = next.is_valid();
    (sql, valid.then_some(next))
}

fn compare(session: &mut Session, model: &Model, at: &str) {
    assert_eq!(stored(session), *model, "{at}");
    let view = ints(session, "SELECT k, n, kids FROM v ORDER BY k");
    let again = "SELECT p.k, p.n, count(c.id) FROM p LEFT JOIN c ON c.p = p.k \
                 GROUP BY p.k, p.n ORDER BY p.k";
    assert_eq!(view, ints(session, again), "{at}");
    for (k, (u, n)) in &model.p {
        let by = |column: &str, value: i64| format!("SELECT k FROM p WHERE {column} = {value}");
        assert_eq!(ints(session, &by("k", *k)), [[*k]], "{at}");
        assert_eq!(ints(session, &by("u", *u)), [[*k]], "{at}");
        let same = model.p.values().filter(|(_, m)| m == n).count();
        assert_eq!(ints(session, &by("n", *n)).len(), same, "{at}");
    }
}

#[test]
fn random_changes_keep_all_constraints_and_survive_opening() {
    const STEPS: usize = 1_500;
    let dir = std::env::temp_dir().join(format!("arena-tr-keys-{}", std::process::id()));
    let folder = Folder(dir);
    let (mut random, mut model) = (Random(2_026), Model::default());
    let (mut refused, mut opened) = (0, 0);
    let mut db = Database::open(&folder.0).expect("a new database");
    db.session().execute(SETUP).expect("the tables");
    for i in 0..STEPS {
        let (sql, next) = step(&mut random, &model);
        let at = format!("step {i}: {sql}");
        match (db.session().execute(&sql), next) {
            (Ok(_), Some(next)) => model = next,
            (Err(error), None) => {
                let known = [SqlState::UNIQUE_VIOLATION, SqlState::FOREIGN_KEY_VIOLATION];
                assert!(known.contains(&error.state()), "{at}: {}", error.render());
                refused += 1;
            }
            (Ok(_), None) => panic!("{at} succeeds"),
            (Err(error), Some(_)) => panic!("{at}: {}", error.render()),
        }
        if i % 50 == 0 {
            compare(&mut db.session(), &model, &at);
        }
        if i % 500 == 499 {
            drop(db);
            db = Database::open(&folder.0).expect("it opens again");
            compare(&mut db.session(), &model, &at);
            opened += 1;
        }
    }
    println!("{STEPS} statements, {refused} refused, opened {opened} times");
    assert!(refused > STEPS / 20 && opened == 3);
}

#[test]
fn dropped_keys_and_indexes_stay_dropped() {
    let dir = std::env::temp_dir().join(format!("arena-tr-dropped-{}", std::process::id()));
    let folder = Folder(dir);
    let db = Database::open(&folder.0).expect("a new database");
    let sql = "CREATE TABLE p (k INT PRIMARY KEY); CREATE TABLE c (k INT REFERENCES p, n INT);
        CREATE UNIQUE INDEX i ON c (n); CREATE INDEX j ON c (k); DROP INDEX i;
        INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1), (1, 1);
        DROP TABLE p CASCADE; INSERT INTO c VALUES (7, 1);";
    db.session().execute(sql).expect("all of it");
    drop(db);
    let db = Database::open(&folder.0).expect("it opens again");
    let mut session = db.session();
    session.execute("INSERT INTO c VALUES (8, 1)").expect("no key is left");
    assert_eq!(ints(&mut session, "SELECT n FROM c WHERE k = 1"), [[1], [1]]);
    let names = session.query("SHOW INDEXES", &[]).expect("a list").to_vec();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0][0], arena_tr::Value::text("j"));
}

#[test]
fn every_way_in_is_checked() {
    let db = Database::in_memory();
    arena_tr_connectors::register_all(&db);
    let mut session = db.session();
    session.execute(SETUP).expect("the tables");
    session.execute("INSERT INTO p VALUES (1, 10, 0), (2, 20, 0)").expect("two rows");
    let state = |result: Result<_, arena_tr::Error>| result.map(drop).expect_err("refused").state();
    let copied = session.copy_in("COPY c FROM STDIN WITH (FORMAT csv)", b"1,1\n2,3\n");
    assert_eq!(state(copied.map(drop)), SqlState::FOREIGN_KEY_VIOLATION);
    let copied = session.copy_in("COPY p FROM STDIN WITH (FORMAT csv)", b"3,20,0\n");
    assert_eq!(state(copied.map(drop)), SqlState::UNIQUE_VIOLATION);
    let mut appender = db.appender("c").expect("an appender");
    appender.append((1_i64, 3_i64)).expect("a row");
    assert_eq!(state(appender.commit().map(drop)), SqlState::FOREIGN_KEY_VIOLATION);
    let as_query = session.execute("INSERT INTO c SELECT k + 5, k + 5 FROM p").map(drop);
    assert_eq!(state(as_query), SqlState::FOREIGN_KEY_VIOLATION);
    assert_eq!(ints(&mut session, "SELECT count(*) FROM c"), [[0]]);
    session
        .copy_in("COPY c FROM STDIN WITH (FORMAT csv)", b"1,1\n2,2\n")
        .expect("keys that are there");
    assert_eq!(ints(&mut session, "SELECT k, kids FROM v ORDER BY k"), [[1, 1], [2, 1]]);
}

#[test]
fn a_parameter_reads_by_key() {
    use arena_tr::Value;
    let db = Database::in_memory();
    let mut session = db.session();
    session.execute(SETUP).expect("the tables");
    let rows = "INSERT INTO p SELECT i, i * 2, i % 7 FROM generate_series(1, 2000) AS g(i)";
    session.execute(rows).expect("rows");
    let mut read = |sql: &str, key: Value| {
        let rows = session.query(sql, &[key]).unwrap_or_else(|e| panic!("{sql}: {}", e.render()));
        rows.to_vec()
    };
    for key in [Value::Int8(77), Value::Int4(77), Value::Int2(77)] {
        assert_eq!(read("SELECT u FROM p WHERE k = $1", key), [[Value::Int8(154)]]);
    }
    assert_eq!(
        read("SELECT k FROM p WHERE u = $1 AND n = 0", Value::Int8(154)),
        [[Value::Int8(77)]]
    );
    assert!(read("SELECT k FROM p WHERE u = $1 AND n = 1", Value::Int8(154)).is_empty());
    assert!(read("SELECT k FROM p WHERE k = $1", Value::Null).is_empty());
    assert!(read("SELECT k FROM p WHERE k = $1", Value::Int8(-1)).is_empty());
    assert_eq!(read("SELECT count(*) FROM p WHERE n = $1", Value::Int8(3)), [[Value::Int8(286)]]);
}
