//! Places: every node knows the text it was made from, errors point at their cause.

use crate::ast::query::SetExpr;
use crate::ast::{Expr, From, Select, SelectItem, StatementKind};
use crate::span::Span;
use crate::{ParseError, parse, parse_one};

/// The select of a query.
fn select(sql: &str) -> Select {
    let statement = parse_one(sql).unwrap_or_else(|e| panic!("{e}\n{sql}"));
    let StatementKind::Query(query) = statement.kind else { panic!("a query: {sql}") };
    let SetExpr::Select(select) = query.body else { panic!("a select: {sql}") };
    *select
}

/// The expressions of a select list.
fn items(sql: &str) -> Vec<Expr> {
    let exprs = select(sql).items.into_iter().map(|item| match item {
        SelectItem::Expr { expr, .. } => expr,
        other => panic!("{other:?}"),
    });
    exprs.collect()
}

/// The text of a span.
fn text(sql: &str, span: Span) -> &str {
    &sql[span.start as usize..span.end as usize]
}

#[test]
fn expressions_know_their_text() {
    let written = [
        "a",
        "s.t.\"Ü\"",
        "'日本''s'",
        "1.5e3",
        "(a + b) * c",
        "((a))",
        "-a",
        "NOT a",
        "a AND b AND (c)",
        "f(x)",
        "f()",
        "count(*)",
        "count(DISTINCT a ORDER BY b) FILTER (WHERE c) OVER (PARTITION BY d)",
        "lag(a) IGNORE NULLS OVER w",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY a)",
        "CASE a WHEN 1 THEN 'é' ELSE b END",
        "CAST(a AS numeric(10, 2))",
        "a::timestamp(3) with time zone",
        "a::int[]",
        "TIMESTAMP WITH TIME ZONE '2024-01-01'",
        "DATE '2024-01-01'",
        "INTERVAL '1-2' YEAR TO MONTH",
        "INTERVAL '1 day'",
        "a IS NOT NULL",
        "a IS NOT TRUE",
        "a IS DISTINCT FROM b",
        "a NOT BETWEEN SYMMETRIC b AND c",
        "a IN (1, 2)",
        "a NOT IN (SELECT b FROM c)",
        "NOT EXISTS (SELECT 1)",
        "(SELECT max(a) FROM t)",
        "a = ANY (ARRAY[1, 2])",
        "a <> ALL (SELECT b FROM c)",
        "a LIKE 'x' ESCAPE 'y'",
        "EXTRACT(year FROM a)",
        "substring(a FROM 1 FOR 2)",
        "position('a' IN b)",
        "trim(BOTH 'x' FROM a)",
        "overlay(a PLACING b FROM 1)",
        "ceil(a + 1)",
        "ARRAY[1, 2]",
        "ROW(1, 2)",
        "(1, 2)",
        "a[1]",
        "a[1:2]",
        "(a).b",
        "a AT TIME ZONE 'UTC'",
        "a COLLATE \"C\"",
        "current_date",
        "coalesce(a, f(b), 'é')",
        "$1",
    ];
    let sql = format!("SELECT 'ß日' || x, {} FROM t", written.join(", "));
    for (expr, written) in items(&sql).iter().skip(1).zip(written) {
        assert_eq!(text(&sql, expr.span), written, "{expr:?}");
    }
}

#[test]
fn from_items_know_their_text() {
    let sql = "SELECT 'é' FROM TUMBLE(t, ts, INTERVAL '1' DAY) AS w, (SELECT 1) AS d, f(1) AS g";
    let from = select(sql).from;
    let [From::TimeWindow { call, .. }, From::Derived { span, .. }, From::Function { call: f, .. }] =
        from.as_slice()
    else {
        panic!("{from:?}")
    };
    assert_eq!(text(sql, call.span), "TUMBLE(t, ts, INTERVAL '1' DAY)");
    assert_eq!(text(sql, call.time.span), "ts");
    assert_eq!(text(sql, call.args[0].span), "INTERVAL '1' DAY");
    assert_eq!(text(sql, *span), "(SELECT 1) AS d");
    assert_eq!(text(sql, f.span), "f(1)");
}

#[test]
fn statements_know_their_text() {
    let sql = " -- c\n SELECT 'é;' ; /* x */ INSERT INTO t VALUES (1)\n;;";
    let spans: Vec<_> = parse(sql).unwrap().iter().map(|s| text(sql, s.span)).collect();
    assert_eq!(spans, ["SELECT 'é;'", "INSERT INTO t VALUES (1)"]);
}

#[test]
fn definitions_know_their_text() {
    let sql = "CREATE TABLE t (é INT NOT NULL, b TEXT DEFAULT 'x', WATERMARK FOR b AS b LATE ROWS DROP) WITH (a.b = 1)";
    let StatementKind::CreateRelation(table) = parse_one(sql).unwrap().kind else { panic!() };
    assert_eq!(text(sql, table.columns[0].span), "é INT NOT NULL");
    assert_eq!(text(sql, table.columns[1].data_type.span), "TEXT");
    assert_eq!(text(sql, table.watermark.unwrap().span), "WATERMARK FOR b AS b LATE ROWS DROP");
    assert_eq!(text(sql, table.options[0].span), "a.b = 1");
}

/// The error of a text, its place's text and its hint.
fn fails(sql: &str) -> (String, &str, Option<String>) {
    let ParseError { message, span, hint, .. } = match parse(sql) {
        Err(e) => e,
        Ok(tree) => panic!("parsed: {sql}\n{tree:?}"),
    };
    (message, text(sql, span), hint)
}

#[test]
fn errors_say_what_was_found_and_expected() {
    let cases: &[(&str, &str, &str)] = &[
        ("SELECT 'é', FROM t", "syntax error at or near \"FROM\", expected an expression", "FROM"),
        ("SELECT 'é' FROM t WHERE", "syntax error at end of input, expected an expression", ""),
        ("SELECT a FROM WHERE b", "syntax error at or near \"WHERE\"", "WHERE"),
        ("SELECT (a FROM t", "\"(\" is never closed", "("),
        ("SELECT a) FROM t", "unmatched \")\"", ")"),
        ("SELECT 'abc", "unterminated quoted string", "'"),
        ("SELECT \"abc", "unterminated quoted identifier", "\""),
        ("SELECT /* abc", "unterminated comment", ""),
        ("SELECT $a$ abc", "unterminated dollar-quoted string", ""),
        ("SELECT 12ab", "trailing junk after numeric literal at or near \"12ab\"", "12ab"),
        ("SELECT date 5", "syntax error at or near \"5\"", "5"),
        ("CREATE TABLE t (a)", "syntax error at or near \")\", expected a type", ")"),
        ("CREATE TABLE t (a INT b)", "syntax error at or near \"b\", expected a constraint", "b"),
        (
            "CREATE TABLE select (a INT)",
            "syntax error at or near \"select\", expected a name",
            "select",
        ),
        (
            "CREATE SOURCE s (WATERMARK FOR ts ts)",
            "syntax error at or near \"ts\", expected AS",
            "ts",
        ),
        ("INSERT INTO t VALUE (1)", "syntax error at or near \"VALUE\"", "VALUE"),
        ("INSERT INTO t", "syntax error at end of input, expected VALUES", ""),
        ("UPDATE t SET a == 1", "syntax error at or near \"==\"", "=="),
        ("DELETE t", "syntax error at or near \"t\", expected DELETE FROM", "t"),
        ("SELECT 1 1", "syntax error at or near \"1\"", "1"),
        ("SELECT * FROM a JOIN b", "syntax error at end of input, expected ON or USING", ""),
        ("SELECT * FROM (SELECT 1 EMIT CHANGES) t", "EMIT is not allowed here", "EMIT CHANGES"),
        ("SELECT * FROM TUMBLE(t, ts)", "wrong arguments of a window function", "TUMBLE"),
        ("EXPLAIN (FOO) SELECT 1", "syntax error at or near \"FOO\"", "FOO"),
        ("COPY (SELECT 1) FROM 'x'", "a query can only be copied TO", "FROM"),
        ("SELECT a AS b c", "syntax error at or near \"c\"", "c"),
        ("SELECT $0", "\"$0\" is not a parameter", "$0"),
    ];
    for (sql, message, place) in cases {
        let (found, at, _) = fails(sql);
        assert!(found.starts_with(message), "{sql}\n{found}");
        assert!(place.is_empty() || at == *place, "{sql}\nat {at:?}");
    }
}

#[test]
fn usual_mistakes_get_a_hint() {
    let cases = [
        ("SELCT 1", "Did you mean SELECT?"),
        ("CREAT TABLE t (a INT)", "Did you mean CREATE?"),
        ("INSRET INTO t VALUES (1)", "Did you mean INSERT?"),
        ("CREATE TABEL t (a INT)", "Did you mean TABLE?"),
        ("SELECT a, FROM t", "There is a comma too many before this."),
        ("SELECT f(a,)", "There is a comma too many before this."),
        ("SELECT * FROM a JOIN b", "A join without a condition is a CROSS JOIN."),
        ("SELECT 'it's'", "A single quote inside a string is written twice: ''."),
        ("SELECT * FROM t EMIT FINAL LIMIT 1", ""),
        ("CREATE TABLE t (a AS b + 1)", "Write a TYPE AS (expression)."),
        (
            "SELECT * FROM HOP(t, ts, INTERVAL '1' DAY)",
            "Its form is HOP(input, time, slide, size [, offset]).",
        ),
    ];
    for (sql, hint) in cases {
        assert_eq!(fails(sql).2.unwrap_or_default(), hint, "{sql}");
    }
}

#[test]
fn exactly_one_statement() {
    assert!(parse_one("SELECT 1;").is_ok());
    assert!(parse_one("").is_err());
    assert!(parse_one(" ; ").is_err());
    assert!(parse_one("SELECT 1; SELECT 2").is_err());
    assert_eq!(parse(" ;; -- nothing\n").unwrap(), vec![]);
}
