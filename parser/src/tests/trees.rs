//! What the trees say: precedence, names, neighbours' spellings.

use super::support::{self, without_spans};
use crate::ast::{Emit, ExplainForm, Literal, RelationKind, StatementKind, TimeWindowKind};
use crate::{ParseErrorKind, parse_one};

/// A statement printed without its spans.
fn tree(sql: &str) -> String {
    without_spans(&parse_one(sql).unwrap_or_else(|e| panic!("{e}\n{sql}")).kind)
}

/// Two spellings that mean the same.
fn same(a: &str, b: &str) {
    assert_eq!(tree(a), tree(b), "\n{a}\n{b}");
}

/// Two spellings of an expression.
fn same_expr(a: &str, b: &str) {
    same(&format!("SELECT {a}"), &format!("SELECT {b}"));
}

#[test]
fn precedences_are_postgresqls() {
    same_expr("-a ^ b", "(-a) ^ b");
    same_expr("-a::int", "-(a::int)");
    same_expr("~ a + b", "~ (a + b)");
    same_expr("@ a * b", "@ (a * b)");
    same_expr("a || b + c", "a || (b + c)");
    same_expr("a ~ b || c", "(a ~ b) || c");
    same_expr("a ~ b = c", "(a ~ b) = c");
    same_expr("a -> b = c", "(a -> b) = c");
    same_expr("a = b IS NULL", "(a = b) IS NULL");
    same_expr("NOT a = b", "NOT (a = b)");
    same_expr("NOT a IS NULL", "NOT (a IS NULL)");
    same_expr("a LIKE b || c", "a LIKE (b || c)");
    same_expr("a < b LIKE c", "a < (b LIKE c)");
    same_expr("a BETWEEN b AND c AND d", "(a BETWEEN b AND c) AND d");
    same_expr("a OR b AND c", "a OR (b AND c)");
    same_expr("a - b - c", "(a - b) - c");
    same_expr("a ^ b ^ c", "(a ^ b) ^ c");
    same_expr("a AT TIME ZONE b ^ c", "(a AT TIME ZONE b) ^ c");
    same_expr("a << b + c", "a << (b + c)");
    same_expr("a & b = c", "(a & b) = c");
    same_expr("a + b IN (c)", "(a + b) IN (c)");
    same_expr("a AND (b AND c)", "(a AND b) AND c");
    same_expr("a IS DISTINCT FROM b AND c", "(a IS DISTINCT FROM b) AND c");
    same_expr("a OPERATOR(pg_catalog.*) b + c", "a * (b + c)");
}

#[test]
fn special_function_syntax_is_a_call() {
    same_expr("substring(a FROM 1 FOR 2)", "substring(a, 1, 2)");
    same_expr("substring(a FOR 2 FROM 1)", "substring(a, 1, 2)");
    same_expr("substring(a FOR 2)", "substring(a, 1, 2)");
    same_expr("substring(a SIMILAR b ESCAPE c)", "substring(a, b, c)");
    same_expr("position(a IN b)", "position(b, a)");
    same_expr("trim(a)", "btrim(a)");
    same_expr("trim(BOTH b FROM a)", "btrim(a, b)");
    same_expr("trim(b FROM a)", "btrim(a, b)");
    same_expr("trim(LEADING FROM a)", "ltrim(a)");
    same_expr("trim(TRAILING b FROM a)", "rtrim(a, b)");
    same_expr("overlay(a PLACING b FROM c FOR d)", "overlay(a, b, c, d)");
    same_expr("(a, b) OVERLAPS (c, d)", "overlaps(a, b, c, d)");
    same_expr("a ~~ b", "a LIKE b");
    same_expr("a !~~* b", "a NOT ILIKE b");
    same_expr("a ISNULL", "a IS NULL");
    same_expr("a NOTNULL", "a IS NOT NULL");
    same_expr("a::int", "CAST(a AS int)");
    same_expr("a::pg_catalog.int4", "CAST(a AS int4)");
    same_expr("(a, b)", "ROW(a, b)");
    same_expr("a = SOME (b)", "a = ANY (b)");
    same_expr("INTERVAL '1' DAYS", "interval '1' day");
}

#[test]
fn names_fold_unless_quoted() {
    same("SELECT A.B FROM C", "select a.b from c");
    assert_ne!(tree("SELECT \"A\""), tree("SELECT A"));
    assert_eq!(tree("SELECT U&\"\\0061\""), tree("SELECT \"a\""));
}

#[test]
fn strings_are_unescaped() {
    same_expr("'a''b'", "E'a\\'b'");
    same_expr("'a'\n  'b'", "'ab'");
    same_expr("$x$a'b$x$", "'a''b'");
    same_expr("U&'d\\0061t\\+000061'", "'data'");
    same_expr("U&'d!0061t' UESCAPE '!'", "'dat'");
}

#[test]
fn grouping_is_expanded() {
    let q = |group: &str| format!("SELECT 1 FROM t GROUP BY {group}");
    same(&q("ROLLUP (a, b)"), &q("GROUPING SETS ((a, b), (a), ())"));
    same(&q("CUBE (a, b)"), &q("GROUPING SETS ((a, b), (a), (b), ())"));
    same(&q("a, ROLLUP (b)"), &q("GROUPING SETS ((a, b), (a))"));
    same(&q("GROUPING SETS (ROLLUP (a), CUBE (b))"), &q("GROUPING SETS ((a), (), (b), ())"));
    same(&q("GROUPING SETS (a, (b, c))"), &q("GROUPING SETS ((a), (b, c))"));
    same(&q("(a, b)"), &q("a, b"));
    same(&q("()"), &q("GROUPING SETS (())"));
}

#[test]
fn window_functions_have_two_spellings() {
    let from = |item: &str| format!("SELECT * FROM {item} AS w");
    same(
        &from("TUMBLE(t, ts, INTERVAL '1' DAY)"),
        &from("TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' DAY))"),
    );
    same(
        &from("HOP(t, ts, INTERVAL '1' DAY, INTERVAL '2' DAY)"),
        &from(
            "HOP(SIZE => INTERVAL '2' DAY, SLIDE => INTERVAL '1' DAY, DATA => TABLE t, TIMECOL => DESCRIPTOR(ts))",
        ),
    );
    same(
        &from("SESSION(t PARTITION BY a, b, ts, INTERVAL '1' DAY)"),
        &from("SESSION(TABLE t PARTITION BY (a, b), DESCRIPTOR(ts), INTERVAL '1' DAY)"),
    );
    let kinds =
        ["TUMBLE(t, ts, s)", "HOP(t, ts, s, s)", "CUMULATE(t, ts, s, s)", "SESSION(t, ts, s)"];
    let expected = [
        TimeWindowKind::Tumble,
        TimeWindowKind::Hop,
        TimeWindowKind::Cumulate,
        TimeWindowKind::Session,
    ];
    for (item, kind) in kinds.iter().zip(expected) {
        assert!(tree(&from(item)).contains(&format!("{kind:?}")), "{item}");
    }
    // Outside FROM these are ordinary functions.
    assert!(!tree("SELECT tumble(a, b, c), session(a)").contains("TimeWindow"));
}

#[test]
fn relations_have_neighbours_spellings() {
    let kind = |sql: &str| match parse_one(sql).unwrap().kind {
        StatementKind::CreateRelation(relation) => relation.kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind("CREATE TABLE t (a INT)"), RelationKind::Table);
    assert_eq!(kind("CREATE TABLE t (a INT) APPEND ONLY"), RelationKind::Stream);
    assert_eq!(kind("CREATE TABLE t (a INT) WITH ('connector' = 'x')"), RelationKind::Source);
    assert_eq!(kind("CREATE STREAM t (a INT)"), RelationKind::Stream);
    assert_eq!(kind("CREATE SOURCE t (a INT)"), RelationKind::Source);
}

#[test]
fn options_take_dotted_and_quoted_keys() {
    let sql = "CREATE SOURCE s (a INT) WITH (A.b.C = 'x', 'd.E' = Y, f-g = -1, h = TRUE, i, j = INTERVAL '1' DAY)";
    let StatementKind::CreateRelation(source) = parse_one(sql).unwrap().kind else { panic!() };
    let options: Vec<_> =
        source.options.iter().map(|o| (o.key.as_str(), o.value.clone())).collect();
    let interval =
        Literal::Interval { value: "1".to_owned(), leading: Some("day".to_owned()), last: None };
    assert_eq!(
        options,
        [
            ("a.b.c", Literal::String("x".to_owned())),
            ("d.e", Literal::String("Y".to_owned())),
            ("f-g", Literal::Number("-1".to_owned())),
            ("h", Literal::Bool(true)),
            ("i", Literal::Bool(true)),
            ("j", interval),
        ]
    );
}

#[test]
fn emission_is_kept_in_the_query() {
    let emit = |sql: &str| match parse_one(sql).unwrap().kind {
        StatementKind::CreateView(view) => view.query.emit,
        other => panic!("{other:?}"),
    };
    assert!(emit("CREATE VIEW v AS SELECT 1").is_none());
    assert!(matches!(emit("CREATE VIEW v AS SELECT 1 EMIT CHANGES"), Some(Emit::Changes(_))));
    for close in ["EMIT FINAL", "EMIT ON WINDOW CLOSE"] {
        let sql = format!("CREATE VIEW v AS SELECT a FROM t {close}");
        assert!(matches!(emit(&sql), Some(Emit::OnWindowClose(_))));
    }
    let every = emit("CREATE VIEW v AS SELECT a FROM t EMIT EVERY INTERVAL '1' SECOND");
    assert!(matches!(every, Some(Emit::Every(..))));
    // As a name it is a name.
    assert!(emit("CREATE VIEW v AS SELECT emit FROM emit").is_none());
}

#[test]
fn explain_takes_its_form_in_both_places() {
    for (sql, form, analyze) in [
        ("EXPLAIN SELECT 1", ExplainForm::Physical, false),
        ("EXPLAIN (LOGICAL) SELECT 1", ExplainForm::Logical, false),
        ("EXPLAIN BYTECODE SELECT 1", ExplainForm::Bytecode, false),
        ("EXPLAIN (STATE, ANALYZE true) SELECT 1", ExplainForm::State, true),
        ("EXPLAIN ANALYZE (SELECT 1)", ExplainForm::Physical, true),
        ("EXPLAIN (SELECT 1)", ExplainForm::Physical, false),
    ] {
        let StatementKind::Explain(explain) = parse_one(sql).unwrap().kind else { panic!() };
        assert_eq!((explain.form, explain.analyze), (form, analyze), "{sql}");
    }
}

#[test]
fn copy_options_have_old_forms() {
    same(
        "COPY t FROM 'x' CSV HEADER DELIMITER AS ';' NULL ''",
        "COPY t FROM 'x' WITH (FORMAT 'csv', HEADER, DELIMITER ';', NULL '')",
    );
    assert!(tree("COPY t (a, b) TO STDOUT").contains("path: None"));
}

#[test]
fn subscribe_is_a_query() {
    same("SUBSCRIBE v", "SUBSCRIBE TO v");
    let as_query = tree("SUBSCRIBE v WHERE a > 1 WITH (SNAPSHOT) AS OF EPOCH 5 UP TO EPOCH 9");
    let spelled =
        tree("SUBSCRIBE (SELECT * FROM v WHERE a > 1) UP TO 9 AS OF 5 WITH (SNAPSHOT = true)");
    assert_eq!(as_query, spelled);
}

#[test]
fn with_may_stand_before_insert() {
    same(
        "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        "INSERT INTO t WITH a AS (SELECT 1) SELECT * FROM a",
    );
}

#[test]
fn what_is_not_built_is_named() {
    for (sql, what) in support::NOT_BUILT {
        match parse_one(sql) {
            Ok(statement) => {
                let text = format!("{statement:?}");
                let named = text.contains(&format!("what: \"{what}\""))
                    || text.contains(&format!("Unsupported(\"{what}\")"));
                assert!(named, "{sql}\n{text}");
            }
            Err(e) => {
                assert_eq!(e.kind, ParseErrorKind::Unsupported, "{sql}\n{e}");
                assert_eq!(e.message, format!("{what} is not supported yet"), "{sql}");
            }
        }
    }
    for (sql, what) in [
        ("SELECT 1 FOR UPDATE", "FOR UPDATE"),
        ("SELECT 1 INTO t", "SELECT INTO"),
        ("SELECT 1 FETCH FIRST 1 ROWS WITH TIES", "FETCH FIRST WITH TIES"),
        ("WITH a AS (DELETE FROM t) SELECT 1", "a change inside a query"),
        ("CREATE TABLE t (LIKE u)", "LIKE of a table"),
        ("CREATE TABLE t (a INT) PARTITION BY RANGE (a)", "PARTITION BY of a table"),
        ("UPDATE t SET a[1] = 2", "assigning a part of a column"),
        ("COPY t FROM 'x' WHERE a > 1", "COPY with WHERE"),
    ] {
        let error = parse_one(sql).expect_err(sql);
        assert_eq!(error.kind, ParseErrorKind::Unsupported, "{sql}\n{error}");
        assert_eq!(error.message, format!("{what} is not supported yet"), "{sql}");
    }
}
