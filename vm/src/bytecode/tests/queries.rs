//! Programs that code generation makes for queries written as SQL: their text is the program.
//!
//! Invariant: the queries meet every state operator and every kind of pipeline.

use std::sync::Arc;

use arena_tr_parser::ast::StatementKind;
use arena_tr_planner::bind::{BindOptions, bind_query};
use arena_tr_planner::catalog::{Catalog, Relation, RelationKind, Watermark};
use arena_tr_planner::{Emit, Mode, lower, optimize};
use arena_tr_types::{DataType, Field, RelationId, Schema};

use crate::bytecode::{Program, StateKind, verify::verify};
use crate::{ConstEvaluator, compile};

fn relation(id: u32, name: &str, kind: RelationKind, columns: &[(&str, DataType)]) -> Relation {
    let field = |(name, ty): &(&str, DataType)| Field::new(*name, ty.clone(), true);
    let timed = kind == RelationKind::Stream;
    let time = columns.iter().position(|(name, _)| *name == "ts");
    Relation {
        id: RelationId(id),
        name: name.into(),
        kind,
        schema: Schema::new(columns.iter().map(field).collect::<Vec<_>>()),
        primary_key: None,
        append_only: timed,
        watermark: time.filter(|_| timed).map(|column| Watermark { column, delay: 1_000_000 }),
        defaults: vec![None; columns.len()],
        computed: vec![None; columns.len()],
        checks: Vec::new(),
        keys: Default::default(),
        view_query: None,
        view_columns: Vec::new(),
    }
}

fn catalog() -> Catalog {
    use DataType::{Bool, Float8, Int4, Int8, Jsonb, List, Numeric, Text, Timestamp};
    let columns = [
        ("k", Int8),
        ("v", Int8),
        ("f", Float8),
        ("n", Numeric(None)),
        ("s", Text),
        ("ok", Bool),
        ("ts", Timestamp),
        ("xs", List(Box::new(Int4))),
        ("j", Jsonb),
    ];
    let all = [
        relation(1, "e", RelationKind::Stream, &columns),
        relation(2, "t", RelationKind::Table, &columns),
        relation(3, "d", RelationKind::Table, &[("id", Int8), ("name", Text)]),
    ];
    Catalog { relations: all.into_iter().map(|r| (r.name.clone(), Arc::new(r))).collect() }
}

/// The types of a relation's columns.
pub(super) fn types_of(id: u32) -> Vec<DataType> {
    let catalog = catalog();
    let relation = catalog.relations.values().find(|r| r.id.0 == id).expect("a relation");
    relation.schema.fields.iter().map(|f| f.data_type.clone()).collect()
}

/// Queries over e (a stream), t and d (tables).
pub(super) const QUERIES: &[&str] = &[
    "SELECT * FROM e",
    "SELECT k + 1, v * 2 - k, -v, f / 2, n % 3 FROM e WHERE k > 3 AND (v < 10 OR s IS NULL)",
    "SELECT upper(s) || '!', length(s), s LIKE 'a%', s ~ '^a+$', replace(s, 'a', 'b') FROM t",
    "SELECT CASE WHEN ok THEN v WHEN k = 2 THEN 10 / v END, coalesce(s, 'none'), nullif(k, v) FROM t",
    "SELECT v::text, s::integer, f::bigint, n::numeric(10,2), ts::date FROM t",
    "SELECT j -> 'a', j ->> 'b', jsonb_typeof(j), xs[1], array_length(xs, 1) FROM t",
    "SELECT date_trunc('hour', ts), extract(year FROM ts), ts + INTERVAL '1 day' FROM e",
    "SELECT k, count(*), sum(v), avg(n), min(s), max(ts) FROM t GROUP BY k",
    "SELECT k, count(*), max(v) FROM e GROUP BY k HAVING count(*) > 2",
    "SELECT count(DISTINCT k), sum(DISTINCT v) FILTER (WHERE ok), bool_and(ok) FROM t",
    "SELECT string_agg(s, ',' ORDER BY k DESC), array_agg(v ORDER BY ts), stddev(f) FROM t",
    "SELECT window_start, k, count(*) FROM TUMBLE(e, ts, INTERVAL '10' SECOND)
     GROUP BY window_start, window_end, k",
    "SELECT window_start, sum(v) FROM HOP(e, ts, INTERVAL '5' SECOND, INTERVAL '10' SECOND)
     GROUP BY window_start, window_end",
    "SELECT window_start, k, count(*) FROM SESSION(e PARTITION BY k, ts, INTERVAL '5' SECOND)
     GROUP BY window_start, window_end, k",
    "SELECT * FROM SESSION(t PARTITION BY k, ts, INTERVAL '5' SECOND)",
    "SELECT t.k, d.name FROM t JOIN d ON t.k = d.id",
    "SELECT t.k, d.name FROM t LEFT JOIN d ON t.k = d.id AND t.v > 3",
    "SELECT t.k, d.name FROM t FULL JOIN d ON t.k = d.id",
    "SELECT a.k FROM e AS a JOIN e AS b ON a.k = b.v
     AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '10' SECOND",
    "SELECT t.k FROM t, d WHERE t.k > d.id",
    "SELECT k FROM t WHERE k IN (SELECT id FROM d)",
    "SELECT k FROM t WHERE k NOT IN (SELECT id FROM d)",
    "SELECT k FROM t WHERE EXISTS (SELECT 1 FROM d WHERE id = k)",
    "SELECT k FROM t WHERE v > (SELECT avg(id) FROM d)",
    "SELECT k FROM t WHERE v = (SELECT id FROM d)",
    "SELECT DISTINCT k, s FROM t",
    "SELECT DISTINCT ON (k) k, v FROM t ORDER BY k, v DESC",
    "SELECT k FROM t UNION SELECT id FROM d",
    "SELECT k FROM t UNION ALL SELECT id FROM d",
    "SELECT k FROM t INTERSECT SELECT id FROM d",
    "SELECT k FROM t EXCEPT ALL SELECT id FROM d",
    "SELECT k, v FROM t ORDER BY v DESC, k LIMIT 3 OFFSET 1",
    "SELECT * FROM (SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY v DESC) AS r FROM t)
     AS x WHERE r <= 2",
    "SELECT k, sum(v) OVER (PARTITION BY k ORDER BY ts ROWS 2 PRECEDING), lag(v) OVER (ORDER BY ts),
     rank() OVER (PARTITION BY s ORDER BY v) FROM t",
    "SELECT k, x FROM t, unnest(xs) AS x",
    "SELECT x, i FROM t, unnest(xs) WITH ORDINALITY AS u (x, i)",
    "SELECT g FROM generate_series(1, 10) AS g",
    "WITH c AS (SELECT k, sum(v) AS total FROM t GROUP BY k)
     SELECT a.k, b.total FROM c AS a JOIN c AS b ON a.total = b.total",
    "VALUES (1, 'a'), (2, NULL)",
    "SELECT now(), k FROM t",
];

/// The program of a query; `None` when such a view is not there.
pub(super) fn program(sql: &str, mode: &Mode) -> Option<Program> {
    let statement = arena_tr_parser::parse_one(sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    let StatementKind::Query(query) = &statement.kind else { panic!("{sql} is a query") };
    let catalog = catalog();
    let bound = bind_query(query, &catalog, &BindOptions::default());
    let bound = bound.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let plan =
        optimize(bound.plan, &ConstEvaluator::at(0)).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let lowered = lower(plan, &catalog, mode).ok()?;
    Some(compile(&lowered.plan, "query").unwrap_or_else(|e| panic!("{sql}: {e}")))
}

/// All programs of the queries, as views and ad hoc.
pub(super) fn programs() -> Vec<(&'static str, Program)> {
    let modes = [
        Mode::Standing { emit: Emit::Changes },
        Mode::Standing { emit: Emit::OnWindowClose },
        Mode::AdHoc,
    ];
    let each = |sql: &&'static str| {
        let sql = *sql;
        modes.iter().filter_map(move |mode| Some((sql, program(sql, mode)?))).collect::<Vec<_>>()
    };
    QUERIES.iter().flat_map(each).collect()
}

#[test]
fn text_is_the_program() {
    let all = programs();
    assert!(all.len() > 2 * QUERIES.len(), "{} programs", all.len());
    for (sql, program) in &all {
        let text = program.to_text();
        let again = Program::parse(&text).unwrap_or_else(|e| panic!("{sql}: {e}\n{text}"));
        assert_eq!(&again, program, "{sql}\n{text}");
        assert_eq!(again.to_text(), text, "{sql}");
        verify(program).unwrap_or_else(|e| panic!("{sql}: {e}\n{text}"));
    }
}

#[test]
fn the_queries_meet_every_state() {
    let all = programs();
    let met = |kind: StateKind| {
        all.iter().any(|(_, p)| p.states().iter().any(|state| state.spec.kind() == kind))
    };
    for kind in [
        StateKind::Group,
        StateKind::Pane,
        StateKind::Session,
        StateKind::SessionAssign,
        StateKind::Join,
        StateKind::Distinct,
        StateKind::SetOp,
        StateKind::Top,
        StateKind::Over,
    ] {
        assert!(met(kind), "no program has a {kind:?}");
    }
}
