//! CREATE and DROP.
//!
//! The planner checks a definition; the engine makes it. When making fails half way, what was made
//! is dropped again.
//! Invariant: a failed CREATE leaves the catalog as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_tr_parser::ast::{self, Literal, ObjectKind};
use arena_tr_planner::bind::{self, BoundRelation};
use arena_tr_planner::catalog::{Relation, RelationKind};
use arena_tr_storage::Batch;
use arena_tr_types::{Field, RelationId, Schema, SqlState};

use super::{Context, catalog_name};
use crate::connector::{Sink, SinkShape, SinkSpec, SourceSpec, Unavailable};
use crate::engine::definitions::Object;
use crate::engine::{Engine, RecalledSink, SinkEntry, kind_name, unknown};
use crate::error::{Error, Result};
use crate::introspect::plain_relation;
use crate::session::Outcome;

/// CREATE SOURCE / STREAM / TABLE.
pub(super) fn create_relation(
    cx: &Context<'_>,
    engine: &mut Engine,
    create: &ast::CreateRelation,
) -> Result<Outcome> {
    let name = catalog_name(&create.name);
    let what = match create.kind {
        ast::RelationKind::Source => "SOURCE",
        ast::RelationKind::Stream => "STREAM",
        ast::RelationKind::Table => "TABLE",
    };
    let tag = format!("CREATE {what}");
    if let Some(outcome) =
        taken(engine, &create.name, create.if_not_exists, create.or_replace, &tag)?
    {
        return Ok(outcome);
    }
    let options = super::query::options(cx);
    let bound = bind::bind_relation(create, &engine.catalog, &options)?;
    let rows = match &create.query {
        // During recovery the rows are in the log.
        Some(query) if engine.recalled.is_none() => {
            let bound = super::query::bind(cx, &engine.catalog, query)?;
            Some(super::query::run(cx, engine, bound.plan)?)
        }
        _ => None,
    };
    let id = engine.new_id();
    let mut notices = Vec::new();
    let made = make_relation(engine, cx, create, bound, id, &mut notices).and_then(|()| {
        let Some(rows) = rows else { return Ok(None) };
        let mut deltas = crate::engine::commit::Deltas::new();
        for batch in rows.batches() {
            engine.accept_complete(id, batch.clone(), &mut deltas)?;
        }
        engine.commit(deltas).map(Some)
    });
    match made {
        Ok(epoch) => Ok(Outcome { epoch, notices, ..Outcome::tag(tag) }),
        Err(error) => {
            if engine.relations.contains_key(&id) {
                engine.drop_relation(id, true)?;
            }
            debug_assert!(engine.find(&name).is_none());
            Err(error)
        }
    }
}

fn make_relation(
    engine: &mut Engine,
    cx: &Context<'_>,
    create: &ast::CreateRelation,
    bound: BoundRelation,
    id: RelationId,
    notices: &mut Vec<String>,
) -> Result<()> {
    let mut options = options(&create.options)?;
    let connector = options.remove("connector");
    let relation = bound.to_relation(id);
    let (name, schema) = (relation.name.clone(), relation.schema.clone());
    for parent in relation.keys.foreign.iter().filter_map(|key| engine.find(&key.parent)) {
        engine.check_unused(parent.id)?;
    }
    if bound.watermark.as_ref().is_some_and(|w| w.idle_timeout.is_some() || w.close_after.is_some())
    {
        return Err(Error::unsupported("IDLE TIMEOUT and CLOSE AFTER of a watermark"));
    }
    let delivered: Vec<Field> = schema
        .fields
        .iter()
        .zip(&relation.computed)
        .filter(|(_, computed)| computed.is_none())
        .map(|(field, _)| field.clone())
        .collect();
    engine.add_relation(relation, cx.sql)?;
    if let Some(watermark) = &bound.watermark {
        add_late_relation(engine, id, &name, &schema, watermark.late.as_ref(), notices)?;
    }
    if create.kind != ast::RelationKind::Table {
        let errors = engine.add_error_relation(&name)?;
        engine.entry_mut(id)?.errors = errors;
    }
    if create.kind == ast::RelationKind::Source {
        let Some(connector) = connector else {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER,
                format!("source \"{name}\" does not say where its rows come from"),
            )
            .at(create.name.span)
            .with_hint("WITH (connector = '...'); rows that a program brings go into a STREAM"));
        };
        let spec = source_spec(&name, create, Schema::new(delivered), options)?;
        let opened = engine.connectors.get(&connector).and_then(|c| c.source(&spec));
        let source = match opened {
            // What is outside may be gone; what came from it is in the log.
            Err(error) if engine.recovering => Box::new(Unavailable(error)),
            opened => opened?,
        };
        engine.attach_feed(id, source)?;
        engine.entry_mut(id)?.feed_of = Some((connector, spec));
    } else if let Some(key) = options.keys().next() {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER,
            format!("unknown option \"{key}\" of a {}", kind_name(bound.kind)),
        )
        .at(create.name.span));
    }
    Ok(())
}

fn source_spec(
    name: &str,
    create: &ast::CreateRelation,
    schema: Schema,
    mut options: BTreeMap<String, String>,
) -> Result<SourceSpec> {
    let stop_on_error = match options.remove("on_error").map(|v| v.to_lowercase()).as_deref() {
        None | Some("skip" | "continue") => false,
        Some("stop") => true,
        Some(other) => {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER,
                format!("wrong value \"{other}\" of option \"on_error\""),
            )
            .with_hint("on_error = 'skip' (the default) or 'stop'"));
        }
    };
    let mut encode = options.remove("format");
    if let Some(format) = &create.format {
        if format.format != "plain" {
            return Err(Error::unsupported(format!("FORMAT {}", format.format.to_uppercase())));
        }
        encode = Some(format.encode.clone());
        options.extend(self::options(&format.options)?);
    }
    Ok(SourceSpec { name: name.to_owned(), schema, options, encode, data: None, stop_on_error })
}

fn add_late_relation(
    engine: &mut Engine,
    id: RelationId,
    name: &str,
    schema: &Schema,
    late: Option<&ast::LateRows>,
    notices: &mut Vec<String>,
) -> Result<()> {
    let (into, named) = match late {
        Some(ast::LateRows::Drop) => return Ok(()),
        Some(ast::LateRows::Error) => {
            engine.entry_mut(id)?.late_is_error = true;
            return Ok(());
        }
        Some(ast::LateRows::To(ident)) => (ident.name.clone(), true),
        None => (format!("{name}_late"), false),
    };
    // A late row may have any value where the relation itself allows no NULL: same columns, same
    // rules.
    let added = engine.add_system_relation(&into, schema.clone())?;
    if added.is_none() && named {
        return Err(duplicate(&into));
    }
    if added.is_none() {
        notices.push(format!("\"{into}\" is taken: late rows of \"{name}\" are only counted"));
    }
    engine.entry_mut(id)?.late = added;
    Ok(())
}

fn duplicate(name: &str) -> Error {
    Error::new(SqlState::DUPLICATE_TABLE, format!("relation \"{name}\" already exists"))
}

/// What to do when the name is taken: nothing (IF NOT EXISTS), drop the old one (OR REPLACE), or
/// fail.
fn taken(
    engine: &mut Engine,
    name: &ast::ObjectName,
    if_not_exists: bool,
    or_replace: bool,
    tag: &str,
) -> Result<Option<Outcome>> {
    let key = catalog_name(name);
    let Some(old) = engine.find(&key).cloned() else {
        let index = engine.catalog.is_taken(&key);
        return if index { Err(duplicate(&key).at(name.span)) } else { Ok(None) };
    };
    if if_not_exists {
        let notices = vec![format!("relation \"{key}\" already exists, skipping")];
        return Ok(Some(Outcome { notices, ..Outcome::tag(tag) }));
    }
    if or_replace && old.kind != RelationKind::System {
        engine.check_droppable(old.id, false)?;
        engine.drop_relation(old.id, false)?;
        return Ok(None);
    }
    Err(duplicate(&key).at(name.span))
}

/// CREATE [MATERIALIZED] VIEW.
pub(super) fn create_view(
    cx: &Context<'_>,
    engine: &mut Engine,
    create: &ast::CreateView,
) -> Result<Outcome> {
    let tag = if create.materialized { "CREATE MATERIALIZED VIEW" } else { "CREATE VIEW" };
    if let Some(option) = create.options.first() {
        return Err(
            Error::unsupported(format!("the view option \"{}\"", option.key)).at(option.span)
        );
    }
    let options = super::query::options(cx);
    // Bound before the old one goes, so that a wrong OR REPLACE drops nothing.
    let bound = bind::bind_view(create, &engine.catalog, &options)?;
    if let Some(outcome) =
        taken(engine, &create.name, create.if_not_exists, create.or_replace, tag)?
    {
        return Ok(outcome);
    }
    let schema = bound.query.schema.clone();
    let id = engine.new_id();
    if !create.materialized {
        let mut relation = plain_relation(id, &bound.name, RelationKind::View, schema);
        relation.view_query = Some(Arc::new((*create.query).clone()));
        relation.view_columns = create.columns.iter().map(|c| c.name.clone()).collect();
        relation.append_only = false;
        engine.add_relation(relation, cx.sql)?;
        engine.entry_mut(id)?.reads = bound.query.reads;
        return Ok(Outcome::tag(tag));
    }
    let mut notices = Vec::new();
    let reads = bound.query.reads.clone();
    let lowered = engine.plan_standing(bound.query, &mut notices)?;
    let mut relation = plain_relation(id, &bound.name, RelationKind::MaterializedView, schema);
    relation.append_only = lowered.output.append_only;
    relation.watermark = carried_watermark(engine, &lowered);
    engine.add_relation(relation, cx.sql)?;
    // A view has no gate: its rows were judged at the source.
    let entry = engine.entry_mut(id)?;
    entry.gate = None;
    entry.reads = reads;
    let made = engine.add_error_relation(&bound.name).and_then(|errors| {
        engine.entry_mut(id)?.errors = errors;
        engine.start_view(id, lowered, &mut notices)
    });
    if let Err(error) = made {
        engine.drop_relation(id, true)?;
        return Err(error);
    }
    Ok(Outcome { notices, ..Outcome::tag(tag) })
}

/// The column of a view that carries its sources' watermark, with how far it may lag behind it.
fn carried_watermark(
    engine: &Engine,
    lowered: &arena_tr_planner::Lowered,
) -> Option<arena_tr_planner::catalog::Watermark> {
    let clocked = lowered.plan.inputs.iter().any(|i| !engine.clocks_of(i.relation).is_empty());
    let bound = lowered.output.bounded.iter().min_by_key(|b| b.lag).filter(|_| clocked)?;
    Some(arena_tr_planner::catalog::Watermark { column: bound.column, delay: bound.lag })
}

/// CREATE SINK.
pub(super) fn create_sink(
    cx: &Context<'_>,
    engine: &mut Engine,
    create: &ast::CreateSink,
) -> Result<Outcome> {
    let name = catalog_name(&create.name);
    if engine.sinks.contains_key(&name) {
        if create.if_not_exists {
            return Ok(Outcome::tag("CREATE SINK"));
        }
        return Err(Error::new(
            SqlState::DUPLICATE_TABLE,
            format!("sink \"{name}\" already exists"),
        )
        .at(create.name.span));
    }
    let mut options = options(&create.options)?;
    let connector = options.remove("connector").ok_or_else(|| {
        Error::new(
            SqlState::INVALID_PARAMETER,
            format!("sink \"{name}\" does not say where to write"),
        )
        .at(create.name.span)
        .with_hint("WITH (connector = 'file', path = '...') or WITH (connector = 'stdout')")
    })?;
    let mut encode = options.remove("format");
    if let Some(format) = &create.format {
        encode = Some(format.encode.clone());
        options.extend(self::options(&format.options)?);
    }
    let mut notices = Vec::new();
    let (input, contents, anonymous) = match &create.input {
        ast::SinkInput::Relation(from) => {
            let key = catalog_name(from);
            let id = engine.followable(&key).map_err(|e| e.at(from.span))?;
            (id, engine.contents(id), false)
        }
        ast::SinkInput::Query(query) => {
            let bound = super::query::bind(cx, &engine.catalog, query)?;
            let (id, contents) = engine.start_anonymous(bound, cx.sql, &mut notices)?;
            (id, contents, true)
        }
    };
    let schema = engine.entry(input)?.relation.schema.clone();
    let made = shape(create.envelope.as_ref(), &schema).and_then(|shape| {
        let spec = SinkSpec { name: name.clone(), schema, options, encode, shape };
        open_sink(engine, &connector, &spec, &contents)
    });
    match made {
        Ok((sink, failed)) => {
            let since = engine.epoch;
            let sql = cx.sql.to_owned();
            engine.want_all(input)?;
            engine.noted.made(Object::Sink(name.clone()));
            engine.sinks.insert(name, SinkEntry { input, sql, sink, since, failed });
            Ok(Outcome { notices, ..Outcome::tag("CREATE SINK") })
        }
        Err(error) => {
            if anonymous {
                engine.forget(input);
            }
            Err(error)
        }
    }
}

/// A sink that has these contents, and why it takes no more if it could not be opened while the
/// database is.
fn open_sink(
    engine: &Engine,
    connector: &str,
    spec: &SinkSpec,
    contents: &[Batch],
) -> Result<(Box<dyn Sink>, Option<Error>)> {
    let recalled = engine.recalled_sinks.get(&spec.name);
    let opened = engine.connectors.get(connector).and_then(|c| match recalled {
        Some(RecalledSink::At(position)) => c.sink_at(spec, position),
        Some(RecalledSink::Stopped(error)) => Err(error.clone()),
        Some(RecalledSink::Anew) | None => c.sink(spec),
    });
    let mut sink: Box<dyn Sink> = match opened {
        Err(error) if engine.recovering => {
            let sink = Box::new(Unavailable(error.clone()));
            return Ok((sink, Some(error)));
        }
        opened => opened?,
    };
    // One that goes on has them already.
    let begins = recalled.is_none() && (!engine.recovering || sink.begins_empty());
    if !contents.is_empty() && begins {
        engine.make_durable()?;
        sink.write(engine.epoch, engine.now, contents)?;
    }
    Ok((sink, None))
}

fn shape(envelope: Option<&ast::Envelope>, schema: &Schema) -> Result<SinkShape> {
    Ok(match envelope {
        None => SinkShape::Changes,
        Some(ast::Envelope::Append) => SinkShape::Rows,
        Some(ast::Envelope::Debezium) => SinkShape::Debezium,
        Some(ast::Envelope::Upsert(keys)) => {
            SinkShape::Upsert(crate::envelope::key_columns(keys, schema)?)
        }
    })
}

/// DROP.
pub(super) fn drop(
    engine: &mut Engine,
    kind: ObjectKind,
    if_exists: bool,
    names: &[ast::ObjectName],
    cascade: bool,
) -> Result<Outcome> {
    if kind == ObjectKind::Index {
        return super::index::drop(engine, names, if_exists, cascade);
    }
    if kind == ObjectKind::Assertion {
        return super::assertion::drop(engine, names, if_exists);
    }
    if kind == ObjectKind::Subscription {
        return super::tracked::drop(engine, names, if_exists);
    }
    let tag = format!("DROP {}", object_name(kind).to_uppercase());
    let mut notices = Vec::new();
    let mut found = Vec::new();
    for name in names {
        let key = catalog_name(name);
        if kind == ObjectKind::Sink {
            drop_sink(engine, name, if_exists, &mut notices)?;
            continue;
        }
        match engine.find(&key) {
            Some(relation) if fits(kind, relation) => found.push(relation.id),
            Some(relation) => {
                let is = kind_name(relation.kind);
                return Err(Error::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("\"{key}\" is not a {}", object_name(kind)),
                )
                .at(name.span)
                .with_hint(format!("it is a {is}: DROP {} {key}", is.to_uppercase())));
            }
            None if if_exists => {
                let what = object_name(kind);
                notices.push(format!("{what} \"{key}\" does not exist, skipping"));
            }
            None => return Err(missing(kind, &key).at(name.span)),
        }
    }
    found.iter().try_for_each(|id| engine.check_droppable(*id, cascade))?;
    for id in children_first(engine, found) {
        if engine.relations.contains_key(&id) {
            engine.drop_relation(id, cascade)?;
        }
    }
    Ok(Outcome { notices, ..Outcome::tag(tag) })
}

/// Tables in an order in which those that reference others come first.
fn children_first(engine: &Engine, mut left: Vec<RelationId>) -> Vec<RelationId> {
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let is_free = |id: &RelationId| {
            engine.links_from_others(*id).iter().all(|link| ordered.contains(&link.child))
        };
        let next = left.iter().position(is_free).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    ordered
}

fn missing(kind: ObjectKind, name: &str) -> Error {
    match kind {
        ObjectKind::Table => {
            let message = format!("table \"{name}\" does not exist");
            Error::new(SqlState::UNDEFINED_TABLE, message)
        }
        _ => {
            let message = unknown(name).message().replacen("relation", object_name(kind), 1);
            Error::new(SqlState::UNDEFINED_TABLE, message)
        }
    }
}

fn drop_sink(
    engine: &mut Engine,
    name: &ast::ObjectName,
    if_exists: bool,
    notices: &mut Vec<String>,
) -> Result<()> {
    let key = catalog_name(name);
    let Some(sink) = engine.sinks.get_mut(&key) else {
        if if_exists {
            notices.push(format!("sink \"{key}\" does not exist, skipping"));
            return Ok(());
        }
        return Err(missing(ObjectKind::Sink, &key).at(name.span));
    };
    let input = sink.input;
    // One that takes no more has said so.
    if sink.failed.is_none()
        && let Err(error) = sink.sink.flush()
    {
        sink.failed = Some(error.clone());
        return Err(error);
    }
    engine.sinks.remove(&key);
    engine.noted.dropped(Object::Sink(key));
    let hidden = engine.entry(input).is_ok_and(|e| crate::introspect::is_hidden(&e.relation.name));
    if hidden {
        engine.forget(input);
    }
    Ok(())
}

fn object_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Source => "source",
        ObjectKind::Stream => "stream",
        ObjectKind::Table => "table",
        ObjectKind::View => "view",
        ObjectKind::MaterializedView => "materialized view",
        ObjectKind::Sink => "sink",
        ObjectKind::Index => "index",
        ObjectKind::Assertion => "assertion",
        ObjectKind::Subscription => "subscription",
    }
}

/// Whether DROP of this kind may drop it. DROP TABLE takes streams and sources too, as the
/// neighbours do.
fn fits(kind: ObjectKind, relation: &Relation) -> bool {
    match kind {
        ObjectKind::Source => relation.kind == RelationKind::Source,
        ObjectKind::Stream => relation.kind == RelationKind::Stream,
        ObjectKind::Table => matches!(
            relation.kind,
            RelationKind::Table | RelationKind::Stream | RelationKind::Source
        ),
        ObjectKind::View => relation.kind == RelationKind::View,
        ObjectKind::MaterializedView => relation.kind == RelationKind::MaterializedView,
        ObjectKind::Sink | ObjectKind::Index | ObjectKind::Assertion | ObjectKind::Subscription => {
            false
        }
    }
}

/// WITH options as text by key.
pub(crate) fn options(options: &[ast::WithOption]) -> Result<BTreeMap<String, String>> {
    let mut out = BTreeMap::new();
    for option in options {
        let value = match &option.value {
            Literal::String(text) | Literal::Number(text) => text.clone(),
            Literal::Bool(value) => value.to_string(),
            _ => {
                return Err(Error::new(
                    SqlState::INVALID_PARAMETER,
                    format!("option \"{}\" needs a text, a number or a boolean", option.key),
                )
                .at(option.span));
            }
        };
        if out.insert(option.key.clone(), value).is_some() {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER,
                format!("option \"{}\" is given twice", option.key),
            )
            .at(option.span));
        }
    }
    Ok(out)
}
