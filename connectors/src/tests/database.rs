//! Connectors as statements use them.

use arena_tr::{Database, Error, Value};

use super::support::Dir;

#[test]
fn statements_reach_the_connectors() {
    let dir = Dir::new();
    let db = Database::in_memory();
    crate::register_all(&db);
    let mut session = db.session();
    let mut run = |sql: String| session.execute(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    run(
        "CREATE TABLE t (k BIGINT, v VARCHAR); INSERT INTO t VALUES (1, 'a,b'), (2, NULL), (3, '')"
            .to_owned(),
    );
    run("CREATE TABLE back (k BIGINT, v VARCHAR)".to_owned());
    for name in ["t.csv", "t.ndjson.gz", "t.parquet"] {
        let path = dir.path(name);
        run(format!("COPY t TO '{path}'"));
        run(format!("COPY back FROM '{path}'"));
    }
    let csv = std::fs::read_to_string(dir.path("t.csv")).expect("reads");
    assert_eq!(csv, "1,\"a,b\"\n2,\n3,\"\"\n", "COPY writes no header unless asked to");
    let mut texts = |sql: &str| -> Vec<Vec<String>> {
        let rows = session.query(sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e}")).to_vec();
        rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
    };
    assert_eq!(texts("SELECT count(*), count(v), sum(k) FROM back"), [["9", "6", "18"]]);
}

#[test]
fn a_generated_stream_keeps_a_view_true() {
    let db = Database::in_memory();
    crate::register_all(&db);
    let mut session = db.session();
    let sql = "CREATE SOURCE bid (auction BIGINT, price BIGINT, date_time TIMESTAMP)
            WITH (connector = 'nexmark', table = 'bid', events = 5000, seed = 7);
        CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n, min(price) >= 100 AS ok FROM bid;
        WAIT FOR SOURCES;";
    session.execute(sql).unwrap_or_else(|e| panic!("{e}"));
    let rows = session.query("SELECT n, ok FROM n", &[]).expect("a query").to_vec();
    assert_eq!(rows, [[Value::Int8(4600), Value::Bool(true)]]);
}

#[test]
fn whoever_follows_a_source_gets_all_its_columns() -> Result<(), Error> {
    let db = Database::in_memory();
    crate::register_all(&db);
    let mut session = db.session();
    session.execute(
        "CREATE SOURCE person (id BIGINT, city VARCHAR)
         WITH (connector = 'nexmark', table = 'person', events = 100)",
    )?;
    let mut whole = db.subscribe("person")?;
    session.execute("WAIT FOR SOURCES")?;
    let rows = whole.try_next()?.expect("two people signed up").rows();
    assert_eq!(rows.len(), 2);
    let is_whole = |row: &[Value]| row[0] != Value::Int8(0) && !row[1].to_string().is_empty();
    assert!(rows.iter().all(|(row, weight)| *weight == 1 && is_whole(row)), "{rows:?}");
    Ok(())
}

#[test]
fn lengths_hold_on_every_way_in() {
    use arena_tr::{Batch, Column, ColumnBuilder};
    let dir = Dir::new();
    let db = Database::in_memory();
    crate::register_all(&db);
    let mut session = db.session();
    session.execute("CREATE TABLE t (v VARCHAR(2))").expect("a table");
    let path = dir.path("long.csv");
    std::fs::write(&path, "ab\nabc\n").expect("writes");
    let copied = session.execute(&format!("COPY t FROM '{path}'"));
    let refused = copied.err().expect("abc is too long");
    assert!(refused.render().contains("too long for type character varying(2)"), "{refused}");

    let mut appender = db.appender("t").expect("an appender");
    assert_eq!(appender.append(("abc",)).expect_err("too long").state().0, "22001");
    appender.append(("ab  ",)).expect("blanks are cut");
    appender.commit().expect("commits");
    // Columns come as they are: they are looked at when they are committed.
    let mut builder = ColumnBuilder::new(arena_tr::DataType::Text.physical(), 1);
    builder.push_value(&Value::text("abc")).expect("pushes");
    let column: Column = builder.finish();
    appender.append_columns(Batch::new(vec![column], 1)).expect("physical types fit");
    assert_eq!(appender.commit().expect_err("too long").state().0, "22001");
    let rows = session.query("SELECT v FROM t", &[]).expect("a query").to_vec();
    assert_eq!(rows, [[Value::text("ab")]], "nothing of what was refused is there");

    let source = format!(
        "CREATE SOURCE s (v VARCHAR(2)) WITH (connector = 'file', path = '{path}', header = 'false') FORMAT PLAIN ENCODE CSV;
         CREATE MATERIALIZED VIEW n AS SELECT count(v) AS n FROM s; WAIT FOR SOURCES"
    );
    session.execute(&source).unwrap_or_else(|e| panic!("{e}"));
    let count = |sql: &str, session: &mut arena_tr::Session| {
        session.query(sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e}")).to_vec()
    };
    let kept = count("SELECT n FROM n", &mut session);
    let refused = count("SELECT count(*) FROM s_errors", &mut session);
    assert_eq!(kept, [[Value::Int8(1)]]);
    assert_eq!(refused, [[Value::Int8(1)]]);
}
