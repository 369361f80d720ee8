//! Connectors as statements use them.

use arena_tr::Database;

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
    assert_eq!(rows, [[arena_tr::Value::Int8(4600), arena_tr::Value::Bool(true)]]);
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
