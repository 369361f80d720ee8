//! What the crate's tests share: the statements of the conformance data, and our own.

use std::path::{Path, PathBuf};

/// One statement of a test file.
pub(crate) struct Record {
    /// The file, and the line the statement starts at.
    pub(crate) place: String,
    /// The folder under the root, for counting.
    pub(crate) folder: String,
    /// The statement.
    pub(crate) sql: String,
    /// Whether the record expects success.
    pub(crate) ok: bool,
}

/// The conformance data beside the workspace, if it is there.
pub(crate) fn conformance() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    root.is_dir().then_some(root)
}

/// Every statement of every test file.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn records() -> Vec<Record> {
    let Some(root) = conformance() else {
        eprintln!("the conformance data is not here: its statements are not tried");
        return Vec::new();
    };
    let root = root.join("slt");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files.iter().flat_map(|file| read(&root, file)).collect()
}

/// Files below a folder.
fn collect(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, out);
        } else if path.to_string_lossy().contains(".slt") {
            out.push(path);
        }
    }
}

/// The records of one file.
fn read(root: &Path, file: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(file).unwrap();
    let relative = file.strip_prefix(root).unwrap();
    let folder = relative.iter().next().unwrap().to_string_lossy().into_owned();
    let mut records = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((_, line)) = lines.next() {
        let head: Vec<&str> = line.split_whitespace().collect();
        let ok = match head.as_slice() {
            ["statement", "ok", ..] => true,
            ["query", "error", ..] | ["statement", "error", ..] => false,
            ["query", ..] => true,
            _ => continue,
        };
        let mut sql = String::new();
        let number = lines.peek().map_or(0, |(n, _)| n + 1);
        for (_, line) in lines.by_ref() {
            if line.is_empty() || line == "----" {
                break;
            }
            sql.push_str(line);
            sql.push('\n');
        }
        let place = format!("{}:{number}", relative.display());
        records.push(Record { place, folder: folder.clone(), sql, ok });
    }
    records
}

/// A tree's text without its places.
pub(crate) fn without_spans(tree: &impl std::fmt::Debug) -> String {
    let text = format!("{tree:?}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("Span { start: ") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('}').map_or(rest.len(), |e| at + e + 1);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Statements that use every form of the grammar at least once.
pub(crate) const STATEMENTS: &[&str] = &[
    // Queries.
    "SELECT 1",
    "SELECT a, t.b AS c, \"D\".e, s.t.f, * FROM t, s.t AS u (x, y), \"D\"",
    "SELECT t.*, count(*), count(DISTINCT a), sum(a ORDER BY b DESC NULLS LAST) FILTER (WHERE a > 0) FROM t",
    "SELECT DISTINCT a FROM t WHERE a > 1 AND b < 2 AND (c = 3 OR d = 4 OR e) GROUP BY a HAVING count(*) > 1 ORDER BY 1, a + b DESC NULLS FIRST LIMIT 10 OFFSET 5",
    "SELECT DISTINCT ON (a, b) a FROM t FETCH FIRST 3 ROWS ONLY",
    "SELECT a FROM t OFFSET 2 ROWS FETCH NEXT ROW ONLY",
    "SELECT FROM t",
    "TABLE t",
    "VALUES (1, 'a'), (2, DEFAULT), (NULL, 'it''s')",
    "WITH RECURSIVE a (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM a WHERE n < 10), b AS MATERIALIZED (SELECT 1) SELECT * FROM a, b",
    "SELECT 1 UNION SELECT 2 UNION ALL SELECT 3 INTERSECT SELECT 4 EXCEPT ALL (SELECT 5 ORDER BY 1 LIMIT 1)",
    "SELECT a FROM (SELECT b FROM c) AS d (a) WHERE EXISTS (SELECT 1) AND NOT EXISTS (SELECT 2)",
    "SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (x, y) RIGHT OUTER JOIN d ON TRUE FULL JOIN e ON a.y = e.y CROSS JOIN f",
    "SELECT * FROM a NATURAL JOIN b NATURAL LEFT JOIN c",
    "SELECT * FROM a LEFT SEMI JOIN b ON a.x = b.x LEFT ANTI JOIN c ON a.x = c.x",
    "SELECT * FROM a JOIN (b JOIN c ON b.x = c.x) ON a.x = b.x",
    "SELECT * FROM a JOIN b JOIN c ON b.x = c.x ON a.x = b.x",
    "SELECT * FROM (a JOIN b USING (x)) AS j, LATERAL (SELECT a.x) AS l, LATERAL generate_series(1, a.x) AS g",
    "SELECT * FROM generate_series(1, 10) AS g (n), unnest(ARRAY[1, 2]) WITH ORDINALITY AS u (e, i), TABLE(generate_series(1, 2))",
    "SELECT a, b, sum(c) FROM t GROUP BY GROUPING SETS ((a, b), (a), ())",
    "SELECT a, b, sum(c) FROM t GROUP BY a, ROLLUP (b, (c, d)), CUBE (e, f)",
    "SELECT a FROM t GROUP BY ALL",
    "SELECT row_number() OVER (PARTITION BY a ORDER BY b), sum(c) OVER w, lag(d, 1) IGNORE NULLS OVER (w ROWS 1 PRECEDING) FROM t WINDOW w AS (PARTITION BY a), v AS (w ORDER BY b)",
    "SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING), sum(a) OVER (ORDER BY b RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND CURRENT ROW), sum(a) OVER (GROUPS BETWEEN 1 + 1 PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES) FROM t",
    "SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY b) = 1",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a DESC) FROM t",
    // Time windows.
    "SELECT * FROM TUMBLE(bid, ts, INTERVAL '10' SECOND) AS w, HOP(bid, ts, INTERVAL '2' SECOND, INTERVAL '10' SECOND, INTERVAL '1' SECOND)",
    "SELECT * FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) w JOIN CUMULATE((SELECT * FROM bid WHERE a > 1) AS s, ts, INTERVAL '1' MINUTE, INTERVAL '1' HOUR) c ON w.a = c.a",
    "SELECT * FROM TABLE(HOP(DATA => TABLE bid, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' MINUTE, SIZE => INTERVAL '5' MINUTE))",
    "SELECT * FROM SESSION(bid PARTITION BY bidder, ts, INTERVAL '2' SECOND)",
    "SELECT * FROM SESSION(bid PARTITION BY a, b, ts, INTERVAL '2' SECOND), SESSION(TABLE bid PARTITION BY (a, b), DESCRIPTOR(ts), INTERVAL '2' SECOND)",
    "SELECT tumble(a, b) FROM hop",
    // Expressions.
    "SELECT NULL, TRUE, false, 1, 1.5, .5, 1e10, 'a', E'a\\nb', X'1F', $1, $$d'd$$, N'n', U&'\\0061'",
    "SELECT a + b * c - d / e % f ^ g, -a ^ 2, - -a, +a, ~a, @ -a, |/ a, ||/ a, a & b | c # d << 1 >> 2, (a + b) * c, a - (b - c)",
    "SELECT a || b || 'c', a -> 'b' ->> 'c', a #> b #>> c, a @> b, a <@ b, a ? b, a && b, a ^@ b",
    "SELECT a ~ 'x', a ~* 'x', a !~ 'x', a !~* 'x', a ~~ 'x', a !~~* 'x', a OPERATOR(pg_catalog.+) b",
    "SELECT a = b, a <> b, a != b, a < b, a <= b, a > b, a >= b, (a = b) = c, NOT a = b, NOT (NOT a)",
    "SELECT a IS NULL, a IS NOT NULL, a ISNULL, a NOTNULL, a IS TRUE, a IS NOT FALSE, a IS UNKNOWN, a IS NOT DISTINCT FROM b AND c",
    "SELECT a BETWEEN 1 AND 2 AND b, a NOT BETWEEN SYMMETRIC 1 AND 2, a IN (1, 2), a NOT IN (SELECT b FROM c), (a, b) IN ((1, 2))",
    "SELECT a LIKE 'x%' ESCAPE '!', a NOT ILIKE b || '%', a SIMILAR TO 'x', a NOT SIMILAR TO 'y' ESCAPE '~'",
    "SELECT a = ANY (SELECT b FROM c), a <> ALL (ARRAY[1, 2]), a < SOME ('{1}'::int[]), a + 1 = ANY (b)",
    "SELECT CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END, CASE a WHEN 1 THEN 'x' END",
    "SELECT CAST(a AS numeric(10, 2)), a::int::text, TRY_CAST(a AS double precision), a::timestamp(3) with time zone, a::int[][], a::character varying(5), -1::int",
    "SELECT TIMESTAMP '2024-01-01', DATE '2024-01-01', timestamp with time zone '2024-01-01 00:00+00', bool 't', timestamptz 'now', time(3) '12:00', float8 '1.5'",
    "SELECT INTERVAL '1' DAY, INTERVAL '1-2' YEAR TO MONTH, INTERVAL '1 day 2 hours', interval '5' minutes, INTERVAL '1' DAY + ts",
    "SELECT EXTRACT(YEAR FROM a), substring(a FROM 1 FOR 2), substring(a, 1), substring(a FROM 'x'), substring(a FOR 2), substring(a SIMILAR b ESCAPE '#'), position('a' IN b), trim(a), trim(LEADING 'x' FROM a), trim(TRAILING FROM a), trim(BOTH 'x' FROM a), overlay(a PLACING b FROM 1 FOR 2), ceil(a), floor(a)",
    "SELECT current_date, current_timestamp, now(), coalesce(a, b), nullif(a, b), greatest(a, b), pg_catalog.lower(a), f(x => 1, y := 2), \"F\"(a), left(a, 1), replace(a, b, c)",
    "SELECT ARRAY[1, 2], ARRAY[]::int[], a[1], a[1:2], a[:2], a[1:], (f(a))[1], (a).b, (a).b.c, ROW(1, 'a'), (1, 2), a[1][2]",
    "SELECT a AT TIME ZONE 'UTC', a AT TIME ZONE 'UTC' + b, a COLLATE \"C\", a || b COLLATE \"C\"",
    "SELECT (a, b) OVERLAPS (c, d)",
    "SELECT a AND b AND c OR d AND (e OR f) OR (g OR h)",
    "SELECT (SELECT max(a) FROM t) + 1, 'a' b FROM t",
    "SELECT 'a'\n'b' AS c",
    // Relations.
    "CREATE SOURCE bids (auction BIGINT, price BIGINT, ts TIMESTAMP, day DATE AS (ts::date), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND IDLE TIMEOUT INTERVAL '30' SECOND CLOSE AFTER INTERVAL '60' SECOND LATE ROWS TO bids_late) WITH (connector = 'nexmark', properties.bootstrap.servers = 'a:1', 'scan.startup-mode' = 'x', n = 5, on) FORMAT PLAIN ENCODE JSON (a = 'b')",
    "CREATE STREAM clicks (usr TEXT, ts TIMESTAMPTZ NOT NULL, WATERMARK FOR ts AS ts LATE ROWS DROP)",
    "CREATE OR REPLACE TABLE IF NOT EXISTS s.accounts (id BIGINT PRIMARY KEY, balance NUMERIC(18, 2) NOT NULL DEFAULT 0 CHECK (balance >= 0), name TEXT UNIQUE DEFAULT 'x' || 'y', tags TEXT[], r ROW(a INT, b TEXT), s STRUCT<a INT, b STRUCT<c TEXT>>, m MAP<TEXT, INT>, PRIMARY KEY (id), UNIQUE (id, name), CONSTRAINT c CHECK (balance < 100))",
    "CREATE TABLE t (a INT, ts TIMESTAMP, WATERMARK FOR ts AS ts) APPEND ONLY",
    "CREATE TABLE t (a INT) WITH ('connector' = 'file', 'path' = 'x')",
    "CREATE TEMP TABLE t AS SELECT 1 AS a WITH DATA",
    "CREATE TABLE t ()",
    "CREATE TABLE t (a INT GENERATED ALWAYS AS (1 + 1) STORED, b TEXT COLLATE \"C\" NULL)",
    "CREATE MATERIALIZED VIEW per_min WITH (memory_limit = '64MB', state_ttl = '7 days') AS SELECT window_start, count(*) AS n FROM TUMBLE(bids, ts, INTERVAL '1 minute') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE",
    "CREATE OR REPLACE VIEW v (a, b) AS SELECT 1, 2",
    "CREATE MATERIALIZED VIEW IF NOT EXISTS v AS (SELECT 1) EMIT EVERY INTERVAL '1' SECOND",
    "CREATE VIEW v AS SELECT 1 EMIT CHANGES",
    "CREATE SINK IF NOT EXISTS out FROM per_min WITH (connector = 'file', path = 'out.ndjson') FORMAT PLAIN ENCODE JSON ENVELOPE UPSERT (KEY (a, b))",
    "CREATE SINK out AS WITH a AS (SELECT 1) SELECT * FROM a WITH (connector = 'stdout') ENVELOPE DEBEZIUM",
    "CREATE SINK out AS SELECT 1 EMIT FINAL WITH (connector = 'stdout') ENVELOPE APPEND",
    "DROP TABLE a",
    "DROP MATERIALIZED VIEW IF EXISTS a, s.b CASCADE",
    "DROP SOURCE a RESTRICT",
    "DROP STREAM a",
    "DROP SINK a",
    "DROP VIEW a",
    // Changes.
    "INSERT INTO t VALUES (1, DEFAULT), (2, 'b')",
    "INSERT INTO s.t (a, b) SELECT c, d FROM u WHERE c > 1 RETURNING a, b + 1 AS c, *",
    "INSERT INTO t DEFAULT VALUES",
    "INSERT INTO t (SELECT 1)",
    "UPDATE t SET a = 1, b = DEFAULT, c = c + 1 WHERE a IS DISTINCT FROM 2 RETURNING *",
    "UPDATE t AS u SET (a, b) = (1, 2), c = 3 FROM v, TUMBLE(w, ts, INTERVAL '1' DAY) AS x WHERE u.a = v.a",
    "DELETE FROM t",
    "INSERT INTO t AS u (a) VALUES (1) ON CONFLICT DO NOTHING RETURNING a",
    "INSERT INTO t SELECT 1 ON CONFLICT (a, b) DO UPDATE SET a = excluded.a, (b, c) = (1, DEFAULT) WHERE t.a < 3 RETURNING *",
    "INSERT INTO t DEFAULT VALUES ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING",
    "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
    "MERGE INTO t AS u USING (SELECT 1 AS a) AS s ON u.a = s.a WHEN MATCHED AND CASE WHEN s.a > 1 THEN true ELSE false END THEN UPDATE SET b = DEFAULT, c = s.a WHEN NOT MATCHED AND s.a > 3 THEN INSERT (a, b) VALUES (s.a, DEFAULT) WHEN NOT MATCHED THEN INSERT DEFAULT VALUES WHEN MATCHED THEN DO NOTHING",
    "WITH s AS (SELECT 1 AS a) MERGE INTO t USING s JOIN v ON s.a = v.a ON t.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (1, 2)",
    "CREATE INDEX i ON t (c)",
    "CREATE UNIQUE INDEX IF NOT EXISTS i ON s.t USING hash (a DESC NULLS LAST, b)",
    "CREATE INDEX ON t (a)",
    "DROP INDEX IF EXISTS i, j CASCADE",
    "CREATE TABLE c (a INT CONSTRAINT k PRIMARY KEY, b INT CONSTRAINT u UNIQUE CONSTRAINT p CHECK (b > 0), d INT REFERENCES p ON DELETE CASCADE, e INT REFERENCES p (x), CONSTRAINT f FOREIGN KEY (d, e) REFERENCES q (g, h) ON UPDATE SET NULL ON DELETE SET DEFAULT, FOREIGN KEY (a) REFERENCES c (a) ON UPDATE RESTRICT ON DELETE NO ACTION)",
    "DELETE FROM ONLY t AS u USING v JOIN w ON v.a = w.a WHERE u.a = v.a RETURNING u.a",
    "TRUNCATE TABLE t RESTART IDENTITY CASCADE",
    // Reading and following.
    "SUBSCRIBE per_min WHERE auction = 7 WITH (SNAPSHOT = true, PROGRESS) AS OF EPOCH 4711 UP TO EPOCH 5000",
    "SUBSCRIBE TO per_min ENVELOPE UPSERT (KEY (auction))",
    "SUBSCRIBE (SELECT a FROM t)",
    "SUBSCRIBE SELECT a FROM t WHERE b WITH (SNAPSHOT = false)",
    "EXPLAIN SELECT 1",
    "EXPLAIN (LOGICAL) SELECT 1",
    "EXPLAIN BYTECODE SELECT 1",
    "EXPLAIN (STATE, ANALYZE) CREATE MATERIALIZED VIEW v AS SELECT 1",
    "EXPLAIN ANALYZE MATERIALIZED VIEW v",
    "EXPLAIN PLAN FOR INSERT INTO t SELECT 1",
    "SHOW TABLES",
    "SHOW MATERIALIZED VIEWS",
    "SHOW arena.jit",
    "DESCRIBE s.t",
    "SET jit = off",
    "SET search_path TO a, \"B\"",
    "SET TIME ZONE 'UTC'",
    "SET n = -5",
    "SET SESSION x = INTERVAL '1' DAY",
    "COPY t FROM 'a.csv' WITH (FORMAT csv, HEADER true, DELIMITER ',', NULL 'x')",
    "COPY t (a, b) FROM STDIN",
    "COPY (SELECT * FROM t) TO STDOUT WITH CSV HEADER DELIMITER AS ';' NULL ''",
    "COPY t TO 'a.parquet' (FORMAT parquet)",
    "WAIT FOR SOURCES",
    "FLUSH",
    "BEGIN",
    "BEGIN WORK ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "BEGIN TRANSACTION ISOLATION LEVEL READ UNCOMMITTED NOT DEFERRABLE",
    "START TRANSACTION ISOLATION LEVEL SNAPSHOT READ WRITE",
    "BEGIN ISOLATION LEVEL SERIALIZABLE",
    "COMMIT",
    "END WORK",
    "COMMIT AND NO CHAIN",
    "ROLLBACK",
    "ABORT TRANSACTION",
    "SAVEPOINT a",
    "ROLLBACK TO \"A b\"",
    "ROLLBACK WORK TO SAVEPOINT a",
    "RELEASE savepoint",
    "RELEASE SAVEPOINT a",
    "PREPARE TRANSACTION 'it''s'",
    "PREPARE TRANSACTION $$a$$",
    "COMMIT PREPARED 'gid'",
    "ROLLBACK PREPARED E'\\n'",
    // What lasts.
    "CHECKPOINT",
    "BACKUP TO 's3://bucket/a b'",
    "RESTORE FROM '/var/it''s'",
    "CHECK DATABASE",
    "CHECK MATERIALIZED VIEW s.v",
    "CHECK MATERIALIZED VIEW v REPAIR",
    "CREATE ASSERTION a AS (SELECT * FROM accounts WHERE balance < 0)",
    "CREATE OR REPLACE ASSERTION s.a AS WITH x AS (SELECT 1) SELECT * FROM x",
    "CREATE ASSERTION IF NOT EXISTS a AS (SELECT 1) UNION (SELECT 2)",
    "DROP ASSERTION a",
    "DROP ASSERTION IF EXISTS a, s.b CASCADE",
    "CREATE SUBSCRIPTION app1 ON per_min WITH (retention = '1 day')",
    "CREATE SUBSCRIPTION IF NOT EXISTS s.app1 ON s.v",
    "DROP SUBSCRIPTION IF EXISTS a, b RESTRICT",
    "FETCH 100 FROM app1 AFTER EPOCH 4711 WITH (timeout = '1s')",
    "FETCH ALL FROM s.app1",
    "FETCH FORWARD 3 IN app1",
    "FETCH NEXT FROM app1",
    "FETCH app1",
    "ACKNOWLEDGE app1 UP TO EPOCH 4800",
    "ACKNOWLEDGE alert UP TO 0",
    "SELECT * FROM v FOR SYSTEM_TIME AS OF EPOCH 4711",
    "SELECT * FROM s.v FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01' - INTERVAL '1' DAY AS w (a, b), u",
    "SELECT * FROM v AS w FOR SYSTEM_TIME AS OF EPOCH $1 WHERE a = 1",
    "SELECT * FROM o LEFT JOIN r FOR SYSTEM_TIME AS OF o.ts AS r ON o.c = r.c JOIN q FOR SYSTEM_TIME AS OF EPOCH (SELECT max(e) FROM x FOR SYSTEM_TIME AS OF EPOCH 1) ON TRUE",
    "SELECT * FROM v FOR SYSTEM_TIME AS OF epoch.ts, w FOR SYSTEM_TIME AS OF \"epoch\"",
    "SELECT * FROM TUMBLE(t FOR SYSTEM_TIME AS OF EPOCH 3, ts, INTERVAL '1' DAY) AS w",
    "TABLE t FOR SYSTEM_TIME AS OF right(a, 19)::timestamp LIMIT 1",
    "DELETE FROM t USING v FOR SYSTEM_TIME AS OF now() WHERE t.a = v.a RETURNING *",
    "SUBSCRIBE SELECT * FROM v FOR SYSTEM_TIME AS OF EPOCH 5 AS OF EPOCH 6",
];

/// Statements that are known but not built, and the name each gives itself.
pub(crate) const NOT_BUILT: &[(&str, &str)] = &[
    ("COMMIT AND CHAIN", "COMMIT AND CHAIN"),
    ("PREPARE p AS SELECT 1", "PREPARE"),
    ("PREPARE transaction (INT) AS SELECT $1", "PREPARE"),
    ("ALTER TABLE t ADD COLUMN a INT", "ALTER TABLE"),
    ("ALTER MATERIALIZED VIEW v SET (x = 1)", "ALTER MATERIALIZED VIEW"),
    ("CREATE ALERT spike ON (SELECT 1) KEY (a) FOR INTERVAL '2' MINUTE", "CREATE ALERT"),
    (
        "CREATE OR REPLACE FUNCTION f(a INT) RETURNS INT LANGUAGE sql AS $$ SELECT 1; $$",
        "CREATE FUNCTION",
    ),
    ("CREATE OR REPLACE SUBSCRIPTION app1 ON v", "CREATE OR REPLACE SUBSCRIPTION"),
    (
        "CREATE SUBSCRIPTION s CONNECTION 'host=a' PUBLICATION p",
        "CREATE SUBSCRIPTION to a publication",
    ),
    ("CREATE ASSERTION a CHECK (NOT EXISTS (SELECT 1))", "CHECK of an assertion"),
    ("ACKNOWLEDGE ALERT spike KEY (7)", "ACKNOWLEDGE ALERT"),
    ("FETCH PRIOR FROM c", "FETCH PRIOR"),
    ("FETCH BACKWARD 5 FROM c", "FETCH BACKWARD"),
    ("FETCH -1 FROM c", "FETCH BACKWARD"),
    ("ALTER SUBSCRIPTION s SET (x = 1)", "ALTER SUBSCRIPTION"),
    ("CREATE SINK s INTO t FROM v", "CREATE SINK INTO"),
    ("PAUSE MATERIALIZED VIEW v", "PAUSE"),
    ("DECLARE c CURSOR FOR SUBSCRIBE v", "DECLARE"),
    ("WAIT FOR EPOCH 4712 IN v", "WAIT FOR EPOCH"),
    ("EXPLAIN (CLIF) SELECT 1", "EXPLAIN (CLIF)"),
    ("COPY (SUBSCRIBE v) TO STDOUT", "COPY (SUBSCRIBE ...)"),
    (
        "SELECT * FROM logins MATCH_RECOGNIZE (PARTITION BY usr ORDER BY ts MEASURES 1 AS a PATTERN (f{3,} s) WITHIN INTERVAL '10' MINUTE DEFINE f AS NOT ok) AS m WHERE a = 1",
        "MATCH_RECOGNIZE",
    ),
    (
        "SELECT * FROM t ASOF LEFT JOIN q ON q.k = t.k AND q.ts <= t.ts TOLERANCE INTERVAL '1' SECOND WHERE t.a = 1",
        "ASOF JOIN",
    ),
    ("SELECT * FROM t ASOF JOIN q MATCH_CONDITION (t.ts >= q.ts) ON t.k = q.k", "ASOF JOIN"),
    ("SELECT * FROM a ASOF JOIN (SELECT 1) AS b ON TRUE", "ASOF JOIN"),
    (
        "SELECT * FROM o JOIN (SELECT 1) FOR SYSTEM_TIME AS OF o.ts AS r ON o.c = r.c",
        "FOR SYSTEM_TIME AS OF",
    ),
    (
        "SELECT * FROM generate_series(1, 2) AS g FOR SYSTEM_TIME AS OF EPOCH 1",
        "FOR SYSTEM_TIME AS OF",
    ),
    (
        "SELECT * FROM TUMBLE(t, ts, INTERVAL '1' DAY) FOR SYSTEM_TIME AS OF EPOCH 1 AS w",
        "FOR SYSTEM_TIME AS OF",
    ),
    ("SELECT * FROM v FOR SYSTEM_TIME BETWEEN a AND b", "FOR SYSTEM_TIME BETWEEN"),
    ("SELECT * FROM v FOR SYSTEM_TIME ALL", "FOR SYSTEM_TIME ALL"),
    ("SELECT * FROM t PIVOT (sum(a) FOR b IN (1, 2)) AS p", "PIVOT"),
    ("SELECT * FROM t TABLESAMPLE BERNOULLI (10)", "TABLESAMPLE"),
    ("SELECT f(VARIADIC ARRAY[1])", "VARIADIC"),
    ("SELECT ARRAY(SELECT 1)", "ARRAY(query)"),
    ("SELECT B'101'", "a bit string"),
    ("SELECT a @@ b", "operator @@"),
];
