//! Which column a name means: aliases, USING, WITH, scopes of subqueries.

use super::{columns, error, plan};
use crate::testing::expect;

#[test]
fn a_name_means_the_nearest_scope() {
    // `key` and `value` are of side; `a` and `b` of t, inside and outside.
    for (sql, expected) in [
        ("SELECT a FROM t", "a bigint?"),
        ("SELECT T.A, \"a\" FROM t", "a bigint?, a bigint?"),
        ("SELECT x.a FROM t AS x", "a bigint?"),
        ("SELECT x.p FROM t AS x (p, q)", "p bigint?"),
        ("SELECT q, ts FROM t AS x (p, q)", "q bigint?, ts timestamp without time zone?"),
        ("SELECT t.* FROM t, side", "a bigint?, b bigint?, ts timestamp without time zone?"),
        ("SELECT side.*, a FROM t, side", "key bigint, value text?, a bigint?"),
        ("SELECT a AS z FROM t ORDER BY z", "z bigint?"),
        ("SELECT b AS a FROM t ORDER BY a", "a bigint?"),
        ("SELECT a + 1 AS c FROM t GROUP BY c", "c bigint?"),
        ("SELECT (SELECT max(key) FROM side WHERE key = a) AS m FROM t", "m bigint?"),
        (
            "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM side WHERE value = 'x' AND key = a)",
            "a bigint?",
        ),
        ("SELECT s.a FROM (SELECT a, b FROM t) AS s", "a bigint?"),
        ("SELECT column1, column2 FROM (VALUES (1, 'x')) AS v", "column1 integer, column2 text"),
        ("WITH t AS (SELECT key AS k FROM side) SELECT k FROM t", "k bigint"),
        (
            "WITH c AS (SELECT a FROM t), d AS (SELECT a FROM c) SELECT c.a, d.a AS e FROM c, d",
            "a bigint?, e bigint?",
        ),
        (
            "WITH c AS (SELECT a FROM t) SELECT * FROM (WITH c AS (SELECT key FROM side) \
          SELECT * FROM c) AS s",
            "key bigint",
        ),
        ("WITH c (n) AS (SELECT a FROM t) SELECT n FROM c AS d", "n bigint?"),
        (
            "SELECT x.a, y.key FROM t AS x, LATERAL (SELECT key FROM side WHERE key = x.a) AS y",
            "a bigint?, key bigint",
        ),
    ] {
        assert_eq!(columns(sql), expected, "{sql}");
    }
}

#[test]
fn merged_columns_answer_to_their_bare_name() {
    let side2 = "(SELECT key, value AS other FROM side) AS s2";
    for (join, expected) in [
        ("JOIN", "key bigint, value text?, other text?"),
        ("LEFT JOIN", "key bigint, value text?, other text?"),
        ("RIGHT JOIN", "key bigint, value text?, other text?"),
        ("FULL JOIN", "key bigint, value text?, other text?"),
    ] {
        assert_eq!(columns(&format!("SELECT * FROM side {join} {side2} USING (key)")), expected);
    }
    let both = format!("SELECT side.key, s2.key, key FROM side FULL JOIN {side2} USING (key)");
    assert_eq!(columns(&both), "key bigint?, key bigint?, key bigint");
    let natural = format!("SELECT * FROM side NATURAL JOIN {side2}");
    assert_eq!(columns(&natural), "key bigint, value text?, other text?");
    // What USING does not merge stays ambiguous.
    let twice = "SELECT value FROM side JOIN side AS s2 USING (key)";
    assert_eq!(error(twice), "42702 column reference \"value\" is ambiguous");
}

#[test]
fn outer_joins_make_columns_nullable() {
    for (sql, expected) in [
        ("SELECT key FROM side", "key bigint"),
        ("SELECT key FROM t LEFT JOIN side ON a = key", "key bigint?"),
        ("SELECT key FROM side LEFT JOIN t ON a = key", "key bigint"),
        ("SELECT key FROM side RIGHT JOIN t ON a = key", "key bigint?"),
        ("SELECT key FROM side FULL JOIN t ON a = key", "key bigint?"),
        ("SELECT x.key FROM side AS x CROSS JOIN side AS y", "key bigint"),
    ] {
        assert_eq!(columns(sql), expected, "{sql}");
    }
}

#[test]
fn names_that_do_not_reach() {
    for (sql, expected) in [
        // A later item of FROM, an alias, a sibling: out of sight.
        ("SELECT 1 FROM (SELECT a) AS s, t", "42703 column \"a\" does not exist"),
        ("SELECT a AS z FROM t WHERE z = 1", "42703 column \"z\" does not exist"),
        ("SELECT a AS z, z + 1 FROM t", "42703 column \"z\" does not exist"),
        (
            "SELECT 1 FROM d, (WITH d AS (SELECT 1) SELECT 2) AS s",
            "42P01 relation \"d\" does not exist",
        ),
        (
            "WITH c AS (SELECT * FROM d), d AS (SELECT 1) SELECT 1 FROM c",
            "42P01 relation \"d\" does not exist",
        ),
        ("SELECT key FROM (SELECT value FROM side) AS s", "42703 column \"key\" does not exist"),
        ("SELECT \"A\" FROM t", "42703 column \"A\" does not exist"),
        (
            "SELECT a FROM t GROUP BY a ORDER BY b",
            "42803 column \"t.b\" must appear in the GROUP BY clause or be used in an aggregate function",
        ),
        ("SELECT a FROM t UNION SELECT b FROM t ORDER BY b", "42703 column \"b\" does not exist"),
    ] {
        assert_eq!(error(sql), expected, "{sql}");
    }
}

#[test]
fn order_by_prefers_output_names_and_group_by_input_names() {
    expect(
        &plan("SELECT -a AS b, b AS c FROM t ORDER BY b"),
        "
        Sort [b]
          Project -a AS b, b AS c
            Scan t: a, b, ts
    ",
    );
    // GROUP BY b is the table's b, so the first column is not grouped.
    assert!(error("SELECT -a AS b FROM t GROUP BY b").starts_with("42803"));
}

#[test]
fn a_primary_key_groups_all_columns() {
    assert_eq!(
        columns("SELECT key, value, count(*) AS n FROM side GROUP BY key"),
        "key bigint, value text?, n bigint"
    );
    assert!(error("SELECT key, value FROM side GROUP BY value").starts_with("42803"));
}
