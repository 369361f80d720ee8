//! Types of expressions, what is cast silently, and names of columns without one: PostgreSQL 15's.

use arena_tr_types::{DataType, Value};

use super::{bind_query, catalog, columns, error, query};
use crate::bind::BindOptions;

/// The type of an expression over t (a, b BIGINT, ts TIMESTAMP) and side (key BIGINT, value TEXT).
#[track_caller]
fn type_of(expr: &str) -> String {
    query(&format!("SELECT {expr} AS x FROM t, side")).schema.fields[0].data_type.to_string()
}

#[test]
fn arithmetic() {
    for (expr, ty) in [
        ("1", "integer"),
        ("2147483648", "bigint"),
        ("9223372036854775808", "numeric"),
        ("1.5", "numeric"),
        ("1e3", "numeric"),
        ("1 + 1", "integer"),
        ("a + 1", "bigint"),
        ("1::smallint + 1::smallint", "smallint"),
        ("1::smallint + 1", "integer"),
        ("a + 1.5", "numeric"),
        ("a + 1::real", "double precision"),
        ("a * 1::float8", "double precision"),
        ("1.5 * 1::float8", "double precision"),
        ("1::real + 1::real", "real"),
        ("a / 2", "bigint"),
        ("a % 2", "bigint"),
        ("-a", "bigint"),
        ("a ^ 2", "double precision"),
        ("2.0 ^ 2", "numeric"),
        ("a & 1", "bigint"),
        ("a << 1", "bigint"),
        ("1::numeric(5,2)", "numeric(5,2)"),
        ("1::numeric(5,2) + 1", "numeric"),
        ("a + '1'", "bigint"),
    ] {
        assert_eq!(type_of(expr), ty, "{expr}");
    }
}

#[test]
fn times() {
    for (expr, ty) in [
        ("ts + INTERVAL '1 day'", "timestamp without time zone"),
        ("ts - ts", "interval"),
        ("ts::date", "date"),
        ("ts::date + 1", "date"),
        ("ts::date - ts::date", "integer"),
        ("ts::date + INTERVAL '1 day'", "timestamp without time zone"),
        ("ts::date + ts::time", "timestamp without time zone"),
        ("ts::time + INTERVAL '1 hour'", "time without time zone"),
        ("ts AT TIME ZONE 'UTC'", "timestamp with time zone"),
        ("ts::timestamptz AT TIME ZONE 'UTC'", "timestamp without time zone"),
        ("now()", "timestamp with time zone"),
        ("INTERVAL '1 day' * 2", "interval"),
        ("extract(year FROM ts)", "numeric"),
        ("date_trunc('day', ts)", "timestamp without time zone"),
        ("ts > '2020-01-01'", "boolean"),
    ] {
        assert_eq!(type_of(expr), ty, "{expr}");
    }
}

#[test]
fn common_types() {
    for (expr, ty) in [
        ("CASE WHEN a = 1 THEN 1 ELSE 2.5 END", "numeric"),
        ("CASE WHEN a = 1 THEN a ELSE 1 END", "bigint"),
        ("CASE WHEN a = 1 THEN NULL ELSE 1 END", "integer"),
        ("CASE WHEN a = 1 THEN 'x' END", "text"),
        ("COALESCE(NULL, a, 1)", "bigint"),
        ("COALESCE(1, 2.5)", "numeric"),
        ("NULLIF(a, 1)", "bigint"),
        ("GREATEST(1, a, 2::smallint)", "bigint"),
        ("ARRAY[1, 2.5]", "numeric[]"),
        ("ARRAY[a, NULL]", "bigint[]"),
        ("(ARRAY[a])[1]", "bigint"),
        ("NULL", "text"),
        ("'x'", "text"),
        ("a IN (1, 2.5)", "boolean"),
        ("value || 'x'", "text"),
        ("value || a", "text"),
        ("(SELECT max(key) FROM side)", "bigint"),
    ] {
        assert_eq!(type_of(expr), ty, "{expr}");
    }
    for (sql, ty) in [
        ("SELECT 1 AS x UNION SELECT 2.5", "x numeric"),
        ("SELECT NULL AS x UNION SELECT 1", "x integer?"),
        ("SELECT 'x' AS x UNION ALL SELECT value FROM side", "x text?"),
        ("SELECT key AS x FROM side INTERSECT SELECT 1", "x bigint"),
        ("SELECT x FROM (VALUES (1), (2.5), (NULL)) AS v (x)", "x numeric?"),
    ] {
        assert_eq!(columns(sql), ty, "{sql}");
    }
}

#[test]
fn aggregates_and_windows() {
    for (expr, ty) in [
        ("count(*)", "bigint"),
        ("sum(a)", "numeric"),
        ("sum(a::integer)", "bigint"),
        ("sum(a::smallint)", "bigint"),
        ("sum(a::real)", "real"),
        ("sum(a::float8)", "double precision"),
        ("sum(INTERVAL '1 day')", "interval"),
        ("avg(a)", "numeric"),
        ("avg(a::real)", "double precision"),
        ("min(value)", "text"),
        ("max(ts)", "timestamp without time zone"),
        ("bool_and(a = 1)", "boolean"),
        ("array_agg(a)", "bigint[]"),
        ("string_agg(value, ',')", "text"),
        ("stddev(a)", "numeric"),
        ("var_pop(a::float8)", "double precision"),
        ("count(*) OVER ()", "bigint"),
    ] {
        assert_eq!(type_of(expr), ty, "{expr}");
    }
    for (expr, ty) in [
        ("row_number() OVER (ORDER BY a)", "bigint"),
        ("rank() OVER (ORDER BY a)", "bigint"),
        ("ntile(2) OVER (ORDER BY a)", "integer"),
        ("percent_rank() OVER (ORDER BY a)", "double precision"),
        ("lag(value) OVER (ORDER BY a)", "text"),
        ("lag(a, 1, 0) OVER (ORDER BY a)", "bigint"),
        ("sum(a) OVER (ORDER BY a)", "numeric"),
    ] {
        assert_eq!(type_of(expr), ty, "{expr}");
    }
}

#[test]
fn what_is_not_cast_silently() {
    for (expr, message) in [
        ("value + 1", "42883 operator does not exist: text + integer"),
        ("a || b", "42883 operator does not exist: bigint || bigint"),
        ("a = true", "42883 operator does not exist: bigint = boolean"),
        ("ts + 1", "42883 operator does not exist: timestamp without time zone + integer"),
        ("ts = 1", "42883 operator does not exist: timestamp without time zone = integer"),
        ("upper(a)", "42883 function upper(bigint) does not exist"),
        ("abs(value)", "42883 function abs(text) does not exist"),
        ("a AND true", "42804 argument of AND must be type boolean, not type bigint"),
        (
            "CASE WHEN true THEN a ELSE value END",
            "42804 CASE types text and bigint cannot be matched",
        ),
        ("ts::boolean", "42846 cannot cast type timestamp without time zone to boolean"),
        ("'x' + 'y'", "42725 operator is not unique: unknown + unknown"),
    ] {
        assert_eq!(error(&format!("SELECT {expr} FROM t, side")), message, "{expr}");
    }
}

#[test]
fn columns_without_a_name() {
    for (expr, name) in [
        ("a + 1", "?column?"),
        ("1", "?column?"),
        ("upper(value)", "upper"),
        ("a::text", "a"),
        ("1::text", "text"),
        ("CASE WHEN true THEN 1 END", "case"),
        ("CASE WHEN true THEN 1 ELSE a END", "a"),
        ("COALESCE(a, 1)", "coalesce"),
        ("extract(year FROM ts)", "extract"),
        ("(SELECT max(key) FROM side)", "max"),
        ("EXISTS (SELECT 1)", "exists"),
        ("ARRAY[1]", "array"),
        ("true", "bool"),
        ("count(*) OVER ()", "count"),
    ] {
        let bound = query(&format!("SELECT {expr} FROM t, side"));
        assert_eq!(&*bound.schema.fields[0].name, name, "{expr}");
    }
}

#[test]
fn parameters_take_the_type_of_their_place() {
    for (sql, types) in [
        ("SELECT a FROM t WHERE a = $1", vec![DataType::Int8]),
        ("SELECT $1", vec![DataType::Text]),
        ("SELECT $1 + 1", vec![DataType::Int4]),
        ("SELECT $2::date, $1 || value FROM side", vec![DataType::Text, DataType::Date]),
        (
            "SELECT a FROM t WHERE ts > $1 AND b IN ($2, $3)",
            vec![DataType::Timestamp, DataType::Int8, DataType::Int8],
        ),
    ] {
        assert_eq!(query(sql).params, types, "{sql}");
    }
}

#[test]
fn parameter_values_decide_how_many_rows() {
    let statement = arena_tr_parser::parse_one("SELECT a FROM t LIMIT $1").unwrap();
    let arena_tr_parser::ast::StatementKind::Query(text) = &statement.kind else {
        panic!("a query")
    };
    let bind = |value: Value| {
        let options = BindOptions {
            param_types: vec![DataType::Int8],
            param_values: vec![value],
            view: false,
        };
        bind_query(text, &catalog(), &options)
    };
    let limited = bind(Value::Int8(3)).unwrap();
    assert!(crate::logical::display::explain(&limited.plan, &catalog()).starts_with("Limit 3"));
    assert_eq!(bind(Value::Int8(-1)).unwrap_err().message, "LIMIT must not be negative");
}
