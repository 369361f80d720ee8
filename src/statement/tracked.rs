//! CREATE SUBSCRIPTION, FETCH, ACKNOWLEDGE, DROP SUBSCRIPTION.
//!
//! Invariant: FETCH shows whole epochs that are durable, and changes nothing: asked again from the
//! same position it shows the same epochs.

use std::time::{Duration, Instant};

use arena_tr_parser::ast;
use arena_tr_storage::Batch;
use arena_tr_types::{DataType, Epoch, Field, Schema, SqlState, Value};

use super::{Context, catalog_name, check_cancel, ddl};
use crate::connector::weighted;
use crate::engine::Engine;
use crate::engine::definitions::Object;
use crate::engine::tracked::{Kept, LIMIT_EXCEEDED, Limits, Tracked};
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::session::Outcome;

/// Changed rows that a subscription keeps if it does not say how many.
const MAX_ROWS: usize = 1_000_000;
/// How often a FETCH that waits looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// CREATE SUBSCRIPTION.
pub(super) fn create(engine: &mut Engine, create: &ast::CreateSubscription) -> Result<Outcome> {
    let name = catalog_name(&create.name);
    let tag = "CREATE SUBSCRIPTION";
    if engine.tracked.contains_key(&name) {
        let message = format!("subscription \"{name}\" already exists");
        if create.if_not_exists {
            return Ok(Outcome { notices: vec![message + ", skipping"], ..Outcome::tag(tag) });
        }
        return Err(Error::new(SqlState("42710"), message).at(create.name.span));
    }
    let limits = limits(&create.options)?;
    let key = catalog_name(&create.relation);
    let id = engine.followable(&key).map_err(|e| e.at(create.relation.span))?;
    let delta = engine.contents(id);
    let rows: usize = delta.iter().map(Batch::live).sum();
    if rows > limits.rows {
        let message = format!("\"{key}\" has {rows} rows, more than the subscription keeps");
        return Err(Error::new(LIMIT_EXCEEDED, message)
            .at(create.relation.span)
            .with_hint(format!("WITH (max_rows = {rows}) at least")));
    }
    engine.want_all(id)?;
    let contents = Kept { epoch: engine.epoch.0, now: engine.time(), delta };
    engine.noted.made(Object::Subscription(name.clone()));
    engine.tracked.insert(name, Tracked::new(id, limits, contents));
    Ok(Outcome::tag(tag))
}

fn limits(options: &[ast::WithOption]) -> Result<Limits> {
    let mut limits = Limits { retention: None, rows: MAX_ROWS };
    for (key, value) in ddl::options(options)? {
        match key.as_str() {
            "retention" => limits.retention = Some(micros(&key, &value)?),
            "max_rows" => {
                limits.rows = value.parse().map_err(|_| wrong(&key, &value, "a number of rows"))?;
            }
            _ => {
                let message = format!("unknown option \"{key}\" of a subscription");
                return Err(Error::new(SqlState::INVALID_PARAMETER, message)
                    .with_hint("options: retention = '1 day', max_rows = 1000000"));
            }
        }
    }
    Ok(limits)
}

/// A length of time that is not negative.
fn micros(key: &str, text: &str) -> Result<i64> {
    let value = Value::parse(text, &DataType::Interval)?;
    let months_and_days = |months: i32, days: i32| i64::from(months) * 30 + i64::from(days);
    let micros = value.as_interval().and_then(|interval| {
        let days = months_and_days(interval.months, interval.days);
        days.checked_mul(86_400_000_000)?.checked_add(interval.micros)
    });
    micros.filter(|m| *m >= 0).ok_or_else(|| wrong(key, text, "a length of time"))
}

fn wrong(key: &str, value: &str, what: &str) -> Error {
    let message = format!("option \"{key}\" is not {what}: '{value}'");
    Error::new(SqlState::INVALID_PARAMETER, message)
}

fn unknown(name: &ast::ObjectName) -> Error {
    let message = format!("subscription \"{}\" does not exist", catalog_name(name));
    Error::new(SqlState::UNDEFINED_OBJECT, message).at(name.span)
}

/// DROP SUBSCRIPTION.
pub(super) fn drop(
    engine: &mut Engine,
    names: &[ast::ObjectName],
    if_exists: bool,
) -> Result<Outcome> {
    let mut notices = Vec::new();
    for name in names {
        let key = catalog_name(name);
        if !engine.tracked.contains_key(&key) {
            if !if_exists {
                return Err(unknown(name));
            }
            notices.push(format!("subscription \"{key}\" does not exist, skipping"));
        }
    }
    names.iter().for_each(|name| engine.drop_subscription(&catalog_name(name)));
    Ok(Outcome { notices, ..Outcome::tag("DROP SUBSCRIPTION") })
}

/// ACKNOWLEDGE. What was acknowledged already may be acknowledged again.
pub(super) fn acknowledge(cx: &Context<'_>, acknowledge: &ast::Acknowledge) -> Result<Outcome> {
    let mut engine = cx.db.engine();
    if let Some(error) = &engine.broken {
        return Err(error.clone());
    }
    let name = catalog_name(&acknowledge.subscription);
    let place = match engine.tracked.get(&name) {
        Some(tracked) => tracked.place,
        None => return Err(unknown(&acknowledge.subscription)),
    };
    let up_to = &acknowledge.up_to;
    check_position(up_to, engine.epoch)?;
    if place.acknowledged < Some(up_to.epoch) {
        engine.acknowledge(&name, up_to.epoch)?;
    }
    Ok(Outcome::tag("ACKNOWLEDGE"))
}

fn check_position(position: &ast::Position, last: Epoch) -> Result<()> {
    if position.epoch <= last.0 {
        return Ok(());
    }
    let message = format!("EPOCH {}: the last epoch is {}", position.epoch, last.0);
    Err(Error::new(SqlState::INVALID_PARAMETER, message).at(position.span))
}

/// FETCH.
pub(super) fn fetch(cx: &Context<'_>, fetch: &ast::Fetch) -> Result<Outcome> {
    let mut wait = Duration::ZERO;
    for (key, value) in ddl::options(&fetch.options)? {
        if key != "timeout" {
            let message = format!("unknown option \"{key}\" of FETCH");
            return Err(Error::new(SqlState::INVALID_PARAMETER, message)
                .with_hint("options: timeout = '1 second'"));
        }
        wait = Duration::from_micros(micros(&key, &value)?.unsigned_abs());
    }
    let start = Instant::now();
    loop {
        check_cancel(cx.cancel)?;
        let (schema, fetched) = look(cx, fetch)?;
        if !fetched.is_empty() || fetch.count == Some(0) || start.elapsed() >= wait {
            return Ok(Outcome::rows("FETCH", rows(&schema, &fetched)?));
        }
        std::thread::sleep(LOOK_AGAIN.min(wait.saturating_sub(start.elapsed())));
    }
}

/// What there is of durable epochs, and the relation's columns.
fn look(cx: &Context<'_>, fetch: &ast::Fetch) -> Result<(Schema, Vec<Kept>)> {
    let name = catalog_name(&fetch.from);
    let (epoch, journal) = {
        let engine = cx.db.engine();
        let journal = engine.journal.as_ref();
        (engine.epoch, journal.map(|j| (std::sync::Arc::clone(&j.log), j.appended)))
    };
    // Whoever does not wait for its own commits still processes nothing that could be lost.
    if let Some((log, appended)) = journal {
        log.wait(appended)?;
    }
    let engine = cx.db.engine();
    let tracked = engine.tracked.get(&name).ok_or_else(|| unknown(&fetch.from))?;
    if let Some(after) = &fetch.after {
        check_position(after, engine.epoch)?;
    }
    let after = fetch.after.map(|after| after.epoch);
    let fetched = tracked.fetch(&name, after, (epoch, fetch.count))?;
    Ok((engine.entry(tracked.relation)?.relation.schema.clone(), fetched))
}

/// Epoch and weight, then the relation's columns.
fn rows(schema: &Schema, fetched: &[Kept]) -> Result<Rows> {
    let leads = [("epoch", DataType::Int8), ("weight", DataType::Int8)];
    let fields = leads.iter().map(|(name, ty)| Field::new(*name, ty.clone(), false));
    let fields: Vec<Field> = fields.chain(schema.fields.iter().cloned()).collect();
    let types = leads.map(|(_, ty)| ty);
    let mut batches = Vec::new();
    for kept in fetched {
        let epoch = Value::Int8(i64::try_from(kept.epoch).unwrap_or(i64::MAX));
        for batch in &kept.delta {
            let changed = weighted(std::slice::from_ref(batch));
            let (places, leads): (Vec<usize>, Vec<Vec<Value>>) =
                changed.map(|(_, i, weight)| (i, vec![epoch.clone(), Value::Int8(weight)])).unzip();
            let mut columns = Batch::from_rows(&leads, &types)?.columns;
            columns.extend(batch.take_rows(&places).columns);
            batches.push(Batch::new(columns, places.len()));
        }
    }
    Ok(Rows::new(Schema::new(fields), batches))
}
