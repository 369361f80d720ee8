//! Assertions, subscriptions, prepared transactions, backups and the past: trees, places, errors.

use super::support::without_spans;
use crate::ast::query::SetExpr;
use crate::ast::{AsOf, From, ObjectKind, Position, StatementKind, Transaction};
use crate::{ParseError, ParseErrorKind, Span, parse_one};

/// What a statement says.
fn kind(sql: &str) -> StatementKind {
    parse_one(sql).unwrap_or_else(|e| panic!("{e}\n{sql}")).kind
}

/// Two spellings that mean the same.
fn same(a: &str, b: &str) {
    assert_eq!(without_spans(&kind(a)), without_spans(&kind(b)), "\n{a}\n{b}");
}

/// The error of a text that must not parse.
fn fails(sql: &str) -> ParseError {
    match parse_one(sql) {
        Ok(tree) => panic!("parsed: {sql}\n{tree:?}"),
        Err(error) => error,
    }
}

/// The text of a span.
fn text(sql: &str, span: Span) -> &str {
    &sql[span.start as usize..span.end as usize]
}

/// The items of a query's FROM.
fn from(sql: &str) -> Vec<From> {
    let StatementKind::Query(query) = kind(sql) else { panic!("a query: {sql}") };
    let SetExpr::Select(select) = query.body else { panic!("a select: {sql}") };
    select.from
}

/// FOR SYSTEM_TIME AS OF of the only table, and its alias.
fn as_of(sql: &str) -> (AsOf, Option<String>) {
    match from(sql).as_slice() {
        [From::Table { as_of: Some(as_of), alias, .. }] => {
            (AsOf::clone(as_of), alias.as_ref().map(|a| a.name.name.clone()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn places_and_identifiers_are_strings_with_a_span() {
    let sql = "BACKUP TO E'a\\'b'";
    let StatementKind::Backup { to } = kind(sql) else { panic!() };
    assert_eq!((to.value.as_str(), text(sql, to.span)), ("a'b", "E'a\\'b'"));
    let sql = "RESTORE FROM 'é'";
    let StatementKind::Restore { from } = kind(sql) else { panic!() };
    assert_eq!((from.value.as_str(), text(sql, from.span)), ("é", "'é'"));
    let sql = "PREPARE TRANSACTION 'g'";
    let StatementKind::Transaction(Transaction::Prepare(gid)) = kind(sql) else { panic!() };
    assert_eq!((gid.value.as_str(), text(sql, gid.span)), ("g", "'g'"));
}

#[test]
fn identifiers_of_prepared_transactions_are_judged_by_who_runs_the_statement() {
    for gid in [String::new(), "x".repeat(300), "é".repeat(100)] {
        for verb in ["PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED"] {
            assert!(parse_one(&format!("{verb} '{gid}'")).is_ok());
        }
    }
}

#[test]
fn assertions_are_queries_in_parentheses_or_not() {
    same("CREATE ASSERTION a AS SELECT 1", "CREATE ASSERTION a AS ((SELECT 1))");
    let StatementKind::CreateAssertion(create) =
        kind("CREATE OR REPLACE ASSERTION IF NOT EXISTS s.a AS (VALUES (1))")
    else {
        panic!()
    };
    assert!(create.or_replace && create.if_not_exists);
    assert_eq!(create.name.parts.len(), 2);
    let StatementKind::Drop { kind: dropped, names, cascade, if_exists } =
        kind("DROP ASSERTION IF EXISTS a, b CASCADE")
    else {
        panic!()
    };
    assert_eq!((dropped, names.len(), cascade, if_exists), (ObjectKind::Assertion, 2, true, true));
}

#[test]
fn fetch_has_postgresqls_forms_and_a_position() {
    let count = |sql: &str| match kind(sql) {
        StatementKind::Fetch(fetch) => fetch.count,
        other => panic!("{other:?}"),
    };
    assert_eq!(count("FETCH 5 FROM a"), Some(5));
    assert_eq!(count("FETCH ALL FROM a"), None);
    assert_eq!(count("FETCH FORWARD ALL IN a"), None);
    for one in ["FETCH a", "FETCH FROM a", "FETCH NEXT a", "FETCH FORWARD FROM a", "FETCH next"] {
        assert_eq!(count(one), Some(1), "{one}");
    }
    same(
        "FETCH 5 a WITH (timeout = '1s') AFTER 7",
        "FETCH 5 FROM a AFTER EPOCH 7 WITH (timeout '1s')",
    );
    let sql = "FETCH 5 FROM a AFTER EPOCH 18446744073709551615";
    let StatementKind::Fetch(fetch) = kind(sql) else { panic!() };
    let Some(Position { epoch, span }) = fetch.after else { panic!() };
    assert_eq!((epoch, text(sql, span)), (u64::MAX, "18446744073709551615"));
    same("CREATE SUBSCRIPTION s ON v", "CREATE SUBSCRIPTION s FROM v");
    same("ACKNOWLEDGE s UP TO EPOCH 7", "ACKNOWLEDGE s UP TO 7");
}

#[test]
fn the_past_stands_before_or_behind_an_alias() {
    let (epoch, alias) = as_of("SELECT * FROM v FOR SYSTEM_TIME AS OF EPOCH 7 AS w");
    assert!(matches!(epoch, AsOf::Epoch(_)) && alias.as_deref() == Some("w"), "{epoch:?}");
    for other in [
        "SELECT * FROM v FOR SYSTEM_TIME AS OF EPOCH 7 w",
        "SELECT * FROM v w FOR SYSTEM_TIME AS OF EPOCH 7",
    ] {
        same(other, "SELECT * FROM v FOR SYSTEM_TIME AS OF EPOCH 7 AS w");
    }
    let sql = "SELECT * FROM v FOR SYSTEM_TIME AS OF now() - INTERVAL '1' HOUR WHERE a";
    let (moment, alias) = as_of(sql);
    assert!(matches!(moment, AsOf::Timestamp(_)) && alias.is_none());
    assert_eq!(text(sql, moment.expr().span), "now() - INTERVAL '1' HOUR");
    // EPOCH is the keyword, quoted or before a period it is a name.
    let moment = |what: &str| as_of(&format!("SELECT * FROM v FOR SYSTEM_TIME AS OF {what}")).0;
    for epoch in ["EPOCH -1", "EPOCH (1)", "epoch $1"] {
        assert!(matches!(moment(epoch), AsOf::Epoch(_)), "{epoch}");
    }
    for timestamp in ["epoch.ts", "\"epoch\"", "left(a, 2)", "a || right(b, 1)"] {
        assert!(matches!(moment(timestamp), AsOf::Timestamp(_)), "{timestamp}");
    }
}

#[test]
fn each_table_of_a_join_has_its_own_past() {
    let items = from(
        "SELECT * FROM a FOR SYSTEM_TIME AS OF EPOCH 1 JOIN b FOR SYSTEM_TIME AS OF a.ts AS c \
         ON a.x = c.x, d",
    );
    let [From::Join(join), From::Table { as_of: None, .. }] = items.as_slice() else {
        panic!("{items:?}")
    };
    let moment = |item: &From| match item {
        From::Table { as_of: Some(as_of), .. } => AsOf::clone(as_of),
        other => panic!("{other:?}"),
    };
    assert!(matches!(moment(&join.left), AsOf::Epoch(_)));
    assert!(matches!(moment(&join.right), AsOf::Timestamp(_)));
}

#[test]
fn errors_say_what_was_expected_where() {
    let cases: &[(&str, &str, &str)] = &[
        ("BACKUP 'x'", "near \"'x'\", expected BACKUP TO", "'x'"),
        ("BACKUP TO x", "near \"x\", expected a place in quotes", "x"),
        ("RESTORE FROM", "at end of input, expected a place in quotes", ""),
        ("CHECKPOINT 1", "near \"1\"", "1"),
        ("CHECK t", "near \"t\", expected DATABASE or MATERIALIZED VIEW", "t"),
        ("CHECK DATABASE x", "near \"x\"", "x"),
        ("PREPARE TRANSACTION 5", "near \"5\", expected a transaction identifier in quotes", "5"),
        ("COMMIT PREPARED", "at end of input, expected a transaction identifier in quotes", ""),
        ("END PREPARED 'x'", "near \"PREPARED\"", "PREPARED"),
        ("ABORT PREPARED 'x'", "near \"PREPARED\"", "PREPARED"),
        ("CREATE ASSERTION a (SELECT 1)", "near \"(\", expected AS", "("),
        ("CREATE ASSERTION a AS ()", "near \")\", expected a query", ")"),
        ("CREATE ASSERTION a AS", "at end of input, expected a query", ""),
        ("CREATE ASSERTION a AS SELECT 1 EMIT FINAL", "EMIT is not allowed here", "EMIT"),
        ("CREATE SUBSCRIPTION s v", "near \"v\", expected ON", "v"),
        ("CREATE SUBSCRIPTION s ON v x", "near \"x\", expected WITH (...)", "x"),
        ("FETCH 5 FROM", "at end of input, expected a name", ""),
        ("FETCH 1.5 FROM a", "near \"1.5\", expected a whole number", "1.5"),
        ("FETCH 5 FROM a AFTER b", "near \"b\", expected a whole number", "b"),
        ("ACKNOWLEDGE s", "at end of input, expected UP TO", ""),
        ("ACKNOWLEDGE s UP TO EPOCH", "at end of input, expected a whole number", ""),
        ("SELECT * FROM v FOR SYSTEM_TIME 5", "near \"5\", expected AS OF", "5"),
        ("SELECT * FROM v FOR SYSTEM_TIME AS OF EPOCH", "end of input, expected a number", ""),
        (
            "SELECT * FROM v FOR SYSTEM_TIME AS OF WHERE a",
            "near \"WHERE\", expected EPOCH and a number or a timestamp",
            "WHERE",
        ),
        (
            "SELECT * FROM v FOR SYSTEM_TIME AS OF EPOCH 1 FOR SYSTEM_TIME AS OF EPOCH 2",
            "near \"FOR\"",
            "FOR",
        ),
    ];
    for (sql, message, place) in cases {
        let error = fails(sql);
        assert_eq!(error.kind, ParseErrorKind::Syntax, "{sql}");
        assert!(error.message.contains(message), "{sql}\n{}", error.message);
        assert!(place.is_empty() || text(sql, error.span) == *place, "{sql}\n{error:?}");
    }
}

#[test]
fn mistakes_get_a_hint() {
    for (sql, hint) in [
        ("CREATE ASERTION a AS SELECT 1", "Did you mean ASSERTION?"),
        ("CHEKPOINT", "Did you mean CHECKPOINT?"),
        ("FETCH 5 FROM a WITHIN INTERVAL '1' SECOND", "WITH (timeout = '1s')"),
        ("CREATE SUBSCRIPTION s ON (SELECT 1)", "make the query a materialized view"),
        ("CREATE ASSERTION a CHECK (1 = 1)", "Write AS (query)"),
        ("SELECT * FROM v FOR SYSTEM_TIME AS OF", "AS OF EPOCH 4711"),
        ("SELECT * FROM (a CROSS JOIN b) FOR SYSTEM_TIME AS OF EPOCH 1", "behind the name"),
    ] {
        let found = fails(sql).hint.unwrap_or_default();
        assert!(found.contains(hint), "{sql}\n{found}");
    }
}
