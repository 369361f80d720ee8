//! The engine as relations: what exists, how far time has come, where memory is.
//!
//! Schema `arena` is ours, `information_schema` is the standard's part that tools ask first. Rows
//! are made when they are read.
//! Invariant: reading never changes anything, and the columns are part of the public interface.

use std::sync::Arc;

use arena_tr_planner::catalog::{Catalog, Relation, RelationKind};
use arena_tr_storage::Batch;
use arena_tr_storage::arena::OwnerUsage;
use arena_tr_types::time::{TIMESTAMP_INFINITY, TIMESTAMP_NEG_INFINITY};
use arena_tr_types::{DataType, Field, RelationId, Schema, Timestamp, Value};

use crate::durable::record::Prepared;
use crate::engine::{Engine, FeedState, kind_name};
use crate::error::Result;

type Rows = Vec<Vec<Value>>;

/// What every database is called where SQL asks for its name.
const DATABASE: &str = "arena";

/// A relation made of the engine's own state.
struct SystemRelation {
    name: &'static str,
    columns: &'static [(&'static str, DataType)],
    rows: fn(&Engine) -> Rows,
}

/// Ids of system relations count down from here, away from the users'.
const FIRST_ID: u32 = u32::MAX;

static RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        name: "arena.relations",
        columns: &[
            ("name", DataType::Text),
            ("kind", DataType::Text),
            ("rows_in", DataType::Int8),
            ("late_rows", DataType::Int8),
            ("bad_rows", DataType::Int8),
            ("state", DataType::Text),
            ("definition", DataType::Text),
        ],
        rows: relations,
    },
    SystemRelation {
        name: "arena.watermarks",
        columns: &[
            ("relation", DataType::Text),
            ("event_time", DataType::Text),
            ("delay", DataType::Interval),
            ("watermark", DataType::Timestamp),
        ],
        rows: watermarks,
    },
    SystemRelation {
        name: "arena.arenas",
        columns: &[
            ("relation", DataType::Text),
            ("operator", DataType::Int4),
            ("tier", DataType::Text),
            ("used_bytes", DataType::Int8),
            ("peak_bytes", DataType::Int8),
        ],
        rows: arenas,
    },
    SystemRelation {
        name: "arena.functions",
        columns: &[
            ("name", DataType::Text),
            ("arguments", DataType::Text),
            ("result", DataType::Text),
        ],
        rows: functions,
    },
    SystemRelation {
        name: "information_schema.tables",
        columns: &[
            ("table_catalog", DataType::Text),
            ("table_schema", DataType::Text),
            ("table_name", DataType::Text),
            ("table_type", DataType::Text),
        ],
        rows: tables,
    },
    SystemRelation {
        name: "information_schema.columns",
        columns: &[
            ("table_schema", DataType::Text),
            ("table_name", DataType::Text),
            ("column_name", DataType::Text),
            ("ordinal_position", DataType::Int4),
            ("is_nullable", DataType::Text),
            ("data_type", DataType::Text),
        ],
        rows: columns,
    },
    SystemRelation {
        name: "arena.subscriptions",
        columns: &[
            ("name", DataType::Text),
            ("relation", DataType::Text),
            ("acknowledged_epoch", DataType::Int8),
            ("lost_epoch", DataType::Int8),
            ("last_epoch", DataType::Int8),
            ("pending_rows", DataType::Int8),
        ],
        rows: subscriptions,
    },
    SystemRelation {
        name: "arena.prepared_transactions",
        columns: &[
            ("gid", DataType::Text),
            ("prepared_at", DataType::TimestampTz),
            ("epoch", DataType::Int8),
            ("n_rows", DataType::Int8),
            ("database", DataType::Text),
        ],
        rows: prepared_transactions,
    },
    SystemRelation {
        name: "arena.assertions",
        columns: &[("name", DataType::Text), ("query", DataType::Text)],
        rows: assertions,
    },
];

/// A catalog that knows the system relations only.
pub(crate) fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for (i, system) in RELATIONS.iter().enumerate() {
        let fields: Vec<Field> =
            system.columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect();
        let id = RelationId(FIRST_ID - i as u32);
        let relation = plain_relation(id, system.name, RelationKind::System, Schema::new(fields));
        catalog.relations.insert(system.name.to_owned(), Arc::new(relation));
    }
    catalog
}

/// A relation with columns and nothing else to say of it.
pub(crate) fn plain_relation(
    id: RelationId,
    name: &str,
    kind: RelationKind,
    schema: Schema,
) -> Relation {
    let none = vec![None; schema.len()];
    Relation {
        id,
        name: name.to_owned(),
        kind,
        schema,
        primary_key: None,
        append_only: true,
        watermark: None,
        defaults: none.clone(),
        computed: none,
        checks: Vec::new(),
        keys: Default::default(),
        view_query: None,
        view_columns: Vec::new(),
    }
}

/// Whether this is the name of a relation whose rows are made when they are asked for.
pub(crate) fn is_system(name: &str) -> bool {
    RELATIONS.iter().any(|s| s.name == name)
}

/// The rows of a system relation; `None` when `name` is not one.
pub(crate) fn scan(engine: &Engine, name: &str) -> Option<Result<Vec<Batch>>> {
    let system = RELATIONS.iter().find(|s| s.name == name)?;
    let types: Vec<DataType> = system.columns.iter().map(|(_, t)| t.clone()).collect();
    Some(Batch::from_rows(&(system.rows)(engine), &types).map(|b| vec![b]).map_err(Into::into))
}

fn text(value: impl AsRef<str>) -> Value {
    Value::Text(value.as_ref().into())
}

fn relations(engine: &Engine) -> Rows {
    let all = engine.relations.values().filter(|e| !is_hidden(&e.relation.name));
    all.map(|entry| {
        let state = match (&entry.view, &entry.connector) {
            (Some(view), _) if view.failed.is_some() => "failed",
            (_, Some(feed)) => match feed.state {
                FeedState::Fresh => "not started",
                FeedState::Running => "running",
                FeedState::Ended => "ended",
                FeedState::Failed => "failed",
            },
            _ => "ok",
        };
        vec![
            text(&entry.relation.name),
            text(kind_name(entry.relation.kind)),
            Value::Int8(entry.counters.rows_in as i64),
            Value::Int8(entry.counters.late_rows as i64),
            Value::Int8(entry.counters.bad_rows as i64),
            text(state),
            text(&entry.sql),
        ]
    })
    .collect()
}

/// Relations that have no name of the user's: those behind SUBSCRIBE and sinks.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with('(')
}

fn watermarks(engine: &Engine) -> Rows {
    let mut rows = Rows::new();
    for entry in engine.relations.values() {
        let Some(gate) = &entry.gate else { continue };
        rows.push(vec![
            text(&entry.relation.name),
            text(&entry.relation.schema.fields[gate.column].name),
            Value::Interval(arena_tr_types::Interval { micros: gate.delay, days: 0, months: 0 }),
            watermark_value(gate.watermark()),
        ]);
    }
    rows
}

/// The beginning of time is NULL: nothing is known yet.
fn watermark_value(watermark: Timestamp) -> Value {
    match watermark {
        TIMESTAMP_NEG_INFINITY => Value::Null,
        TIMESTAMP_INFINITY => Value::Timestamp(TIMESTAMP_INFINITY),
        at => Value::Timestamp(at),
    }
}

fn arenas(engine: &Engine) -> Rows {
    let asserted = |id: RelationId| engine.assertions.iter().find(|(_, a)| a.id == id);
    let name = |id: u32| match engine.relations.get(&RelationId(id)) {
        Some(entry) => text(&entry.relation.name),
        None => asserted(RelationId(id)).map_or(Value::Null, |(name, _)| text(name)),
    };
    let row = |usage: &OwnerUsage| {
        vec![
            name(usage.owner.view),
            Value::Int4(i32::from(usage.owner.operator)),
            text(format!("{:?}", usage.owner.tier).to_lowercase()),
            Value::Int8(usage.used_bytes as i64),
            Value::Int8(usage.peak_bytes as i64),
        ]
    };
    engine.pool.owners().iter().map(row).collect()
}

fn subscriptions(engine: &Engine) -> Rows {
    let epoch = |epoch: Option<u64>| epoch.map_or(Value::Null, |n| Value::Int8(n as i64));
    let name = |id: RelationId| engine.relations.get(&id).map_or("", |e| &e.relation.name);
    let row = |(key, tracked): (&String, &crate::engine::tracked::Tracked)| {
        vec![
            text(key),
            text(name(tracked.relation)),
            epoch(tracked.place.acknowledged),
            epoch(tracked.place.lost),
            epoch(tracked.place.last),
            Value::Int8(tracked.pending_rows() as i64),
        ]
    };
    engine.tracked.iter().map(row).collect()
}

fn prepared_transactions(engine: &Engine) -> Rows {
    let row = |Prepared { head, changes, .. }: &Prepared| {
        let n_rows: usize = changes.values().flatten().map(Batch::live).sum();
        vec![
            text(&head.gid),
            Value::TimestampTz(head.now),
            Value::Int8(head.epoch as i64),
            Value::Int8(n_rows as i64),
            text(DATABASE),
        ]
    };
    engine.prepared.iter().map(row).collect()
}

fn assertions(engine: &Engine) -> Rows {
    engine.assertions.iter().map(|(name, a)| vec![text(name), text(&a.query)]).collect()
}

fn functions(_: &Engine) -> Rows {
    let spell = |t: &arena_tr_types::function::Ty| match t.data_type() {
        Some(data_type) => data_type.to_string(),
        None => format!("{t:?}").to_lowercase(),
    };
    arena_tr_types::function::signatures()
        .filter(|s| !s.name.is_empty())
        .map(|s| {
            let mut args: Vec<String> = s.args.iter().map(spell).collect();
            if s.variadic {
                args.push("...".to_owned());
            }
            vec![text(s.name), text(args.join(", ")), text(spell(&s.ret))]
        })
        .collect()
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("public", name))
}

fn tables(engine: &Engine) -> Rows {
    let kind = |kind| match kind {
        RelationKind::View | RelationKind::MaterializedView => "VIEW",
        RelationKind::System => "SYSTEM TABLE",
        _ => "BASE TABLE",
    };
    let all = engine.catalog.relations.values();
    all.map(|relation| {
        let (schema, name) = split(&relation.name);
        vec![text(DATABASE), text(schema), text(name), text(kind(relation.kind))]
    })
    .collect()
}

fn columns(engine: &Engine) -> Rows {
    let mut rows = Rows::new();
    for relation in engine.catalog.relations.values() {
        let (schema, name) = split(&relation.name);
        for (i, field) in relation.schema.fields.iter().enumerate() {
            rows.push(vec![
                text(schema),
                text(name),
                text(&field.name),
                Value::Int4(i as i32 + 1),
                text(if field.nullable { "YES" } else { "NO" }),
                text(field.data_type.to_string()),
            ]);
        }
    }
    rows
}
