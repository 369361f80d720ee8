//! Where errors point: the marked part of each statement is what a caret stands under.
//!
//! States and messages are PostgreSQL 15's; so is where a mark begins, except that an operator's
//! error marks the operator with its operands, and that some errors have a place here that have
//! none there.

use super::bind;

/// Every statement fails with this SQLSTATE and message at the place between « and ».
#[track_caller]
fn check(cases: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (marked, expected) in cases {
        let sql = marked.replace(['«', '»'], "");
        let actual = match bind(&sql) {
            Ok(_) => (sql, "is bound".to_owned()),
            Err(error) => {
                let mut shown = sql;
                if let Some(span) = error.span {
                    shown.insert(span.end as usize, '»');
                    shown.insert(span.start as usize, '«');
                }
                (shown, format!("{} {}", error.state.0, error.message))
            }
        };
        if (actual.0.as_str(), actual.1.as_str()) != (*marked, *expected) {
            wrong += &format!("{}\n  {}\nwanted: {marked}\n  {expected}\n", actual.0, actual.1);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn names_point_at_themselves() {
    check(&[
        ("SELECT «nope» FROM t", "42703 column \"nope\" does not exist"),
        ("SELECT a, «bb» FROM t", "42703 column \"bb\" does not exist"),
        ("SELECT «t.nope» FROM t", "42703 column t.nope does not exist"),
        ("SELECT «u.a» FROM t", "42P01 missing FROM-clause entry for table \"u\""),
        (
            "SELECT «t.a» FROM t AS x",
            "42P01 invalid reference to FROM-clause entry for table \"t\"",
        ),
        ("SELECT a FROM «nope»", "42P01 relation \"nope\" does not exist"),
        ("SELECT a FROM t WHERE «nope» > 1", "42703 column \"nope\" does not exist"),
        ("SELECT a FROM t GROUP BY «nope»", "42703 column \"nope\" does not exist"),
        ("SELECT a FROM t ORDER BY «nope»", "42703 column \"nope\" does not exist"),
        ("SELECT «a» FROM t, t AS u", "42702 column reference \"a\" is ambiguous"),
        (
            "SELECT id FROM t JOIN side USING («id»)",
            "42703 column \"id\" specified in USING clause does not exist in left table",
        ),
        ("SELECT a FROM t WHERE «value»", "42703 column \"value\" does not exist"),
        ("SELECT a::«nosuch» FROM t", "42704 type \"nosuch\" does not exist"),
        ("SELECT a FROM t AS t, side AS t", "42712 table name \"t\" specified more than once"),
        ("WITH c AS (SELECT a FROM t) SELECT «b» FROM c", "42703 column \"b\" does not exist"),
        (
            "WITH c AS (SELECT 1), «c» AS (SELECT 2) SELECT 1",
            "42712 WITH query name \"c\" specified more than once",
        ),
        ("SELECT sum(a) OVER «w» FROM t", "42704 window \"w\" does not exist"),
        ("SELECT sum(a) OVER (ORDER BY «nope») FROM t", "42703 column \"nope\" does not exist"),
        ("SELECT «t».* FROM side", "42P01 missing FROM-clause entry for table \"t\""),
        ("SELECT «x».* FROM t", "42P01 missing FROM-clause entry for table \"x\""),
        ("SELECT a FROM t JOIN side ON «nope» = 1", "42703 column \"nope\" does not exist"),
        (
            "SELECT key FROM t JOIN side USING («key»)",
            "42703 column \"key\" specified in USING clause does not exist in left table",
        ),
        (
            "SELECT a FROM t WHERE EXISTS (SELECT «nope» FROM side)",
            "42703 column \"nope\" does not exist",
        ),
        ("SELECT (SELECT b FROM side) FROM t WHERE «c» = 1", "42703 column \"c\" does not exist"),
        (
            "SELECT a FROM t WHERE (SELECT «zz» FROM side WHERE key = t.a) = 'x'",
            "42703 column \"zz\" does not exist",
        ),
    ]);
}

#[test]
fn types_point_at_the_operand() {
    check(&[
        ("SELECT «nofunc(a)» FROM t", "42883 function nofunc(bigint) does not exist"),
        ("SELECT a, «lower(a, b)» FROM t", "42883 function lower(bigint, bigint) does not exist"),
        ("SELECT «upper(a)» FROM t", "42883 function upper(bigint) does not exist"),
        ("SELECT a + «'x'» FROM t", "22P02 invalid input syntax for type bigint: \"x\""),
        ("SELECT «a + value» FROM t, side", "42883 operator does not exist: bigint + text"),
        (
            "SELECT a FROM t WHERE «a»",
            "42804 argument of WHERE must be type boolean, not type bigint",
        ),
        ("SELECT NOT «a» FROM t", "42804 argument of NOT must be type boolean, not type bigint"),
        (
            "SELECT CASE WHEN «a» THEN 1 END FROM t",
            "42804 argument of CASE/WHEN must be type boolean, not type bigint",
        ),
        (
            "SELECT CASE a WHEN 1 THEN «'x'» ELSE 2 END FROM t",
            "22P02 invalid input syntax for type integer: \"x\"",
        ),
        ("SELECT «'x'»::integer", "22P02 invalid input syntax for type integer: \"x\""),
        ("SELECT CAST(«'x'» AS integer)", "22P02 invalid input syntax for type integer: \"x\""),
        (
            "SELECT «ts»::integer FROM t",
            "42846 cannot cast type timestamp without time zone to integer",
        ),
        ("SELECT «DATE '2020-13-01'»", "22008 date/time field value out of range: \"2020-13-01\""),
        ("SELECT «INTERVAL 'x'»", "22007 invalid input syntax for type interval: \"x\""),
        ("SELECT a FROM t LIMIT «'x'»", "22P02 invalid input syntax for type bigint: \"x\""),
        ("SELECT «sum(value)» FROM side", "42883 function sum(text) does not exist"),
        (
            "SELECT count(*) FILTER (WHERE «a») FROM t",
            "42804 argument of FILTER must be type boolean, not type bigint",
        ),
        (
            "SELECT COALESCE(a, «value») FROM t, side",
            "42804 COALESCE types bigint and text cannot be matched",
        ),
        ("SELECT «a = value» FROM t, side", "42883 operator does not exist: bigint = text"),
        (
            "SELECT «a BETWEEN 1 AND value» FROM t, side",
            "42883 operator does not exist: bigint <= text",
        ),
        (
            "SELECT ARRAY[a, «value»] FROM t, side",
            "42804 ARRAY types bigint and text cannot be matched",
        ),
        ("SELECT «a LIKE 'x'» FROM t", "42883 operator does not exist: bigint ~~ unknown"),
        ("SELECT «-value» FROM side", "42883 operator does not exist: - text"),
        (
            "SELECT a FROM t JOIN side ON «a»",
            "42804 argument of JOIN/ON must be type boolean, not type bigint",
        ),
    ]);
}

#[test]
fn aggregates_and_windows_where_they_may_not_stand() {
    check(&[
        (
            "SELECT «b» FROM t GROUP BY a",
            "42803 column \"t.b\" must appear in the GROUP BY clause or be used in an aggregate function",
        ),
        (
            "SELECT «a», sum(b) FROM t",
            "42803 column \"t.a\" must appear in the GROUP BY clause or be used in an aggregate function",
        ),
        (
            "SELECT a FROM t WHERE «sum(b)» > 1",
            "42803 aggregate functions are not allowed in WHERE",
        ),
        ("SELECT sum(«sum(a)») FROM t", "42803 aggregate function calls cannot be nested"),
        (
            "SELECT a FROM t GROUP BY «sum(a)»",
            "42803 aggregate functions are not allowed in GROUP BY",
        ),
        (
            "SELECT a FROM t WHERE «row_number() OVER ()» = 1",
            "42P20 window functions are not allowed in WHERE",
        ),
        (
            "SELECT «row_number()» FROM t",
            "42809 window function row_number requires an OVER clause",
        ),
        (
            "SELECT a FROM t HAVING «a» > 1",
            "42803 column \"t.a\" must appear in the GROUP BY clause or be used in an aggregate function",
        ),
    ]);
}

#[test]
fn statements_that_write() {
    check(&[
        (
            "INSERT INTO t (a, «nope») VALUES (1, 2)",
            "42703 column \"nope\" of relation \"t\" does not exist",
        ),
        ("INSERT INTO t (a, «a») VALUES (1, 2)", "42701 column \"a\" specified more than once"),
        (
            "INSERT INTO t (a) VALUES (1, «2»)",
            "42601 INSERT has more expressions than target columns",
        ),
        (
            "INSERT INTO t (a, «b») VALUES (1)",
            "42601 INSERT has more target columns than expressions",
        ),
        ("INSERT INTO t (a) VALUES («'x'»)", "22P02 invalid input syntax for type bigint: \"x\""),
        (
            "INSERT INTO t (a) «SELECT value FROM side»",
            "42804 column \"a\" is of type bigint but expression is of type text",
        ),
        ("INSERT INTO «nope» VALUES (1)", "42P01 relation \"nope\" does not exist"),
        ("UPDATE t SET «nope» = 1", "42703 column \"nope\" of relation \"t\" does not exist"),
        ("UPDATE t SET a = «value»", "42703 column \"value\" does not exist"),
        ("UPDATE t SET a = «'x'»", "22P02 invalid input syntax for type bigint: \"x\""),
        ("UPDATE t SET a = 1, «a» = 2", "42601 multiple assignments to same column \"a\""),
        (
            "UPDATE t SET a = «ts»",
            "42804 column \"a\" is of type bigint but expression is of type timestamp without time zone",
        ),
        ("DELETE FROM t WHERE «nope»", "42703 column \"nope\" does not exist"),
        ("DELETE FROM «nope»", "42P01 relation \"nope\" does not exist"),
        ("INSERT INTO t (a) VALUES (1) RETURNING «nope»", "42703 column \"nope\" does not exist"),
    ]);
}

#[test]
fn clauses_that_do_not_agree() {
    check(&[
        ("SELECT a FROM t ORDER BY «3»", "42P10 ORDER BY position 3 is not in select list"),
        ("SELECT a FROM t GROUP BY «3»", "42P10 GROUP BY position 3 is not in select list"),
        (
            "SELECT a FROM t «UNION» SELECT a, b FROM t",
            "42601 each UNION query must have the same number of columns",
        ),
        (
            "SELECT a FROM t «UNION» SELECT value FROM side",
            "42804 UNION types bigint and text cannot be matched",
        ),
        ("SELECT «(SELECT a, b FROM t)» FROM t", "42601 subquery must return only one column"),
        ("SELECT «a IN (SELECT a, b FROM t)» FROM t", "42601 subquery has too many columns"),
        (
            "WITH c (x, «y») AS (SELECT a FROM t) SELECT x FROM c",
            "42P10 WITH query \"c\" has 1 columns available but 2 columns specified",
        ),
        (
            "SELECT x FROM (SELECT a FROM t) AS s (x, «y»)",
            "42P10 table \"s\" has 1 columns available but 2 columns specified",
        ),
        ("SELECT «*» ", "42601 SELECT * with no tables specified is not valid"),
        (
            "SELECT DISTINCT a FROM t ORDER BY «b»",
            "42P10 for SELECT DISTINCT, ORDER BY expressions must appear in select list",
        ),
    ]);
}
