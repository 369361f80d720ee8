//! SHOW and DESCRIBE.
//!
//! Invariant: what they print, the relations of [`crate::introspect`] hold too.

use arena_tr_parser::ast::{Ident, ObjectName};
use arena_tr_planner::catalog::{Relation, RelationKind};
use arena_tr_storage::Batch;
use arena_tr_types::{DataType, Field, Schema, Value};

use super::{Context, Settings};
use crate::engine::{Engine, kind_name, unknown};
use crate::error::Result;
use crate::rows::Rows;
use crate::session::Outcome;

/// SHOW {TABLES | SOURCES | STREAMS | VIEWS | MATERIALIZED VIEWS | SINKS | INDEXES | ASSERTIONS |
/// ALL | setting}.
pub(super) fn show(cx: &Context<'_>, settings: &Settings, what: &Ident) -> Result<Outcome> {
    use RelationKind as K;
    let engine = cx.db.engine();
    match what.name.to_lowercase().as_str() {
        "tables" => list(&engine, &[K::Table, K::Stream, K::Source, K::View, K::MaterializedView]),
        "sources" => list(&engine, &[K::Source]),
        "streams" => list(&engine, &[K::Stream]),
        "views" => list(&engine, &[K::View, K::MaterializedView]),
        "materialized views" | "materialized_views" => list(&engine, &[K::MaterializedView]),
        "indexes" => {
            let tables = engine.catalog.relations.values();
            let rows = tables.flat_map(|table| {
                let indexes = table.keys.indexes.iter();
                indexes.map(|index| vec![index.name.clone(), table.name.clone()])
            });
            texts(&["name", "table"], rows)
        }
        "assertions" => {
            let all = engine.assertions.iter();
            texts(&["name", "query"], all.map(|(name, a)| vec![name.clone(), a.query.clone()]))
        }
        "sinks" => {
            let rows = engine.sinks.iter().map(|(name, sink)| {
                let state =
                    sink.failed.as_ref().map_or("ok".to_owned(), |e| e.message().to_owned());
                vec![name.clone(), state, sink.sql.clone()]
            });
            texts(&["name", "state", "definition"], rows)
        }
        "all" => texts(
            &["name", "setting", "description"],
            settings.all(&engine).into_iter().map(Vec::from),
        ),
        _ => {
            let value = settings.get(&engine, what)?;
            texts(&[what.name.as_str()], std::iter::once(vec![value]))
        }
    }
}

fn list(engine: &Engine, kinds: &[RelationKind]) -> Result<Outcome> {
    let relations = engine.catalog.relations.values().filter(|r| kinds.contains(&r.kind));
    let rows = relations.map(|r| vec![r.name.clone(), kind_name(r.kind).to_owned()]);
    texts(&["name", "kind"], rows)
}

/// DESCRIBE name.
pub(super) fn describe(cx: &Context<'_>, name: &ObjectName) -> Result<Outcome> {
    let engine = cx.db.engine();
    let key = super::catalog_name(name);
    let relation = engine.find(&key).ok_or_else(|| unknown(&key).at(name.span))?;
    let rows = relation.schema.fields.iter().enumerate().map(|(i, field)| {
        let nullable = if field.nullable { "yes" } else { "no" };
        vec![
            field.name.to_string(),
            field.data_type.to_string(),
            nullable.to_owned(),
            remarks(relation, i),
        ]
    });
    texts(&["column", "type", "nullable", "remarks"], rows.chain(key_rows(relation)))
}

/// A row for each index and foreign key: its name, what it is, nothing, its columns.
fn key_rows(relation: &Relation) -> impl Iterator<Item = Vec<String>> {
    let names = |relation: &Relation, columns: &[usize]| {
        let names = columns.iter().map(|c| relation.schema.fields[*c].name.to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    let row = |name: &str, what: &str, remark: String| {
        vec![name.to_owned(), what.to_owned(), String::new(), remark]
    };
    let indexes = relation.keys.indexes.iter().map(move |index| {
        let what = match (index.constraint, index.unique) {
            (true, _) => "unique constraint",
            (false, true) => "unique index",
            (false, false) => "index",
        };
        row(&index.name, what, format!("({})", names(relation, &index.columns)))
    });
    let foreign = relation.keys.foreign.iter().map(move |key| {
        let columns = names(relation, &key.columns);
        row(&key.name, "foreign key", format!("({columns}) references {}", key.parent))
    });
    indexes.chain(foreign)
}

fn remarks(relation: &Relation, column: usize) -> String {
    let mut remarks = Vec::new();
    if relation.primary_key.as_ref().is_some_and(|key| key.contains(&column)) {
        remarks.push("primary key".to_owned());
    }
    if relation.computed.get(column).is_some_and(Option::is_some) {
        remarks.push("computed".to_owned());
    }
    if relation.defaults.get(column).is_some_and(Option::is_some) {
        remarks.push("has a default".to_owned());
    }
    if let Some(watermark) = relation.watermark.filter(|w| w.column == column) {
        let delay = arena_tr_types::Interval { micros: watermark.delay, days: 0, months: 0 };
        remarks.push(format!("event time, watermark delay {delay}"));
    }
    remarks.join(", ")
}

/// A result of text columns.
pub(super) fn texts(names: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<Outcome> {
    let fields: Vec<Field> = names.iter().map(|n| Field::new(*n, DataType::Text, true)).collect();
    let values: Vec<Vec<Value>> =
        rows.map(|row| row.into_iter().map(|t| Value::Text(t.into())).collect()).collect();
    let batch = Batch::from_rows(&values, &vec![DataType::Text; names.len()])?;
    Ok(Outcome::rows("SHOW", Rows::new(Schema::new(fields), vec![batch])))
}
