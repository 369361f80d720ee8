//! Databases that earlier versions of the program wrote: they open for ever.
//!
//! `tests/fixtures/v1` was written by format 1, a log alone; `v2` by format 2: two snapshots, a log
//! behind them, and in them a prepared transaction, a subscription and an assertion.
//! `UPDATE_FIXTURES=1` writes the fixture of the present format; a new format gets a folder of its
//! own, and the old ones stay as they are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arena_tr::disk::RealDisk;
use arena_tr::{Database, LogIo};

use crate::durability::{SCRIPT, contents, options};
use crate::root;

const FORMATS: &[&str] = &["v1", "v2"];

/// What format 2 has besides.
const BESIDES: &str = "CREATE TABLE held (a INT);
    BEGIN; INSERT INTO held VALUES (1); PREPARE TRANSACTION 'held';
    CREATE SUBSCRIPTION app ON total;
    CREATE ASSERTION few AS (SELECT 1 FROM accounts HAVING count(*) > 1000)";

fn folder(format: &str) -> PathBuf {
    root().join("tests/fixtures").join(format)
}

fn open(dir: &Path) -> Database {
    Database::open_with(dir, options(Arc::new(RealDisk), LogIo::File))
        .unwrap_or_else(|e| panic!("{}: {}", dir.display(), e.render()))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder for temporary files");
    for entry in std::fs::read_dir(from).expect("the fixture is there").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a folder for temporary files");
        }
    }
}

/// Writes the present format's fixture anew.
fn write() {
    let dir = folder(FORMATS[FORMATS.len() - 1]);
    // It may not be there yet.
    let _ = std::fs::remove_dir_all(&dir);
    let db = open(&dir.join("db"));
    let mut session = db.session();
    for (i, sql) in SCRIPT.iter().enumerate() {
        session.execute(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        if i == SCRIPT.len() / 2 {
            session.execute(BESIDES).expect("room");
        }
        if i == SCRIPT.len() / 2 || i == SCRIPT.len() * 3 / 4 {
            db.checkpoint().expect("room");
        }
    }
    std::fs::write(dir.join("contents.txt"), contents(&db)).expect("the repository can be written");
    drop((session, db));
    for left in ["db/lock", "db/log/spare"] {
        // What is made again when it is missing needs no place in the repository.
        let _ = std::fs::remove_file(dir.join(left));
    }
}

#[test]
fn databases_of_every_format_open() {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        write();
    }
    for format in FORMATS {
        let dir = std::env::temp_dir().join(format!("arena-tr-{format}-{}", std::process::id()));
        copy(&folder(format).join("db"), &dir);
        let expected = std::fs::read_to_string(folder(format).join("contents.txt"));
        let expected = expected.expect("the fixture is there");
        let db = open(&dir);
        assert_eq!(contents(&db), expected, "{format}");
        let mut session = db.session();
        session.execute("INSERT INTO accounts VALUES (99, 'new', 1)").expect("it goes on");
        if *format == "v2" {
            let many =
                "INSERT INTO accounts SELECT i, 'x', 1 FROM generate_series(100, 2000) AS g(i)";
            assert!(session.execute(many).is_err(), "the assertion is there");
            session.execute("COMMIT PREPARED 'held'").expect("it was prepared");
            let held = session.query("SELECT a FROM held", &[]).expect("a table").to_vec();
            let fetched =
                session.query("FETCH ALL FROM app", &[]).expect("a subscription").to_vec();
            assert!(held.len() == 1 && fetched.len() > 3, "{held:?} {fetched:?}");
        }
        drop(session);
        drop(db);
        std::fs::remove_dir_all(&dir).expect("it is ours");
    }
}
