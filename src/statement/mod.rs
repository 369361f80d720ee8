//! What each family of statements does.
//!
//! One file a family: [`query`] reads, [`dml`] changes rows, [`ddl`] changes what exists,
//! [`subscribe`] and [`tracked`] follow, [`copy`] moves whole files, [`explain`] and [`show`] look
//! inside, [`block`] begins and ends transactions, [`prepared`] in two phases, [`saving`] takes
//! snapshots and backups. Each takes the lock itself, for one statement at most.
//! Invariant: a handler that fails leaves the database as it found it.

mod assertion;
mod block;
mod check;
mod conflict;
mod copy;
mod copy_text;
pub(crate) mod ddl;
mod dml;
mod explain;
mod index;
mod merge;
pub(crate) mod point;
mod prepared;
mod query;
mod saving;
mod settings;
mod show;
pub(crate) mod subscribe;
mod tracked;

pub(crate) use settings::Settings;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use arena_tr_parser::ast::{ObjectName, StatementKind};
use arena_tr_types::{SqlState, Value};

use crate::database::Database;
use crate::durable::record::Definition;
use crate::engine::Engine;
use crate::engine::definitions::Noted;
use crate::error::{Error, Result};
use crate::session::{CancelHandle, Outcome};
use crate::transaction::Transaction;

/// What every handler gets.
pub(crate) struct Context<'a> {
    pub(crate) db: &'a Database,
    /// The statement's own text.
    pub(crate) sql: &'a str,
    /// Values of `$1`, `$2`, ...
    pub(crate) params: &'a [Value],
    pub(crate) cancel: &'a CancelHandle,
    /// What COPY FROM STDIN reads, if the caller has it.
    pub(crate) input: Option<&'a [u8]>,
    /// The session's open transaction.
    pub(crate) block: &'a RefCell<Option<Transaction>>,
}

/// Runs one statement.
pub(crate) fn run(
    cx: &Context<'_>,
    settings: &mut Settings,
    statement: &StatementKind,
) -> Result<Outcome> {
    block::admit(cx, statement)?;
    if let Some(what) = not_built(statement) {
        return Err(Error::unsupported(what));
    }
    match statement {
        StatementKind::Query(query) => query::select(cx, query),
        StatementKind::CreateRelation(create) => {
            define(cx, |engine| ddl::create_relation(cx, engine, create))
        }
        StatementKind::CreateView(create) => {
            define(cx, |engine| ddl::create_view(cx, engine, create))
        }
        StatementKind::CreateSink(create) => {
            define(cx, |engine| ddl::create_sink(cx, engine, create))
        }
        StatementKind::CreateSubscription(create) => {
            define(cx, |engine| tracked::create(engine, create))
        }
        StatementKind::CreateAssertion(create) => {
            define(cx, |engine| assertion::create(cx, engine, create))
        }
        StatementKind::CreateIndex(create) => {
            define(cx, |engine| index::create(cx, engine, create))
        }
        StatementKind::Drop { kind, if_exists, names, cascade } => {
            define(cx, |engine| ddl::drop(engine, *kind, *if_exists, names, *cascade))
        }
        StatementKind::Insert(insert) => dml::insert(cx, insert),
        StatementKind::Update(update) => dml::update(cx, update),
        StatementKind::Delete(delete) => dml::delete(cx, delete),
        StatementKind::Merge(merge) => merge::merge(cx, merge),
        StatementKind::Subscribe(subscribe) => subscribe::subscribe(cx, subscribe),
        StatementKind::Fetch(fetch) => tracked::fetch(cx, fetch),
        StatementKind::Acknowledge(acknowledge) => tracked::acknowledge(cx, acknowledge),
        StatementKind::Explain(explain) => explain::explain(cx, explain),
        StatementKind::Show { what } => show::show(cx, settings, what),
        StatementKind::Describe { name } => show::describe(cx, name),
        StatementKind::Set { name, value } => settings.set(cx, name, value),
        StatementKind::Copy(copy) => copy::copy(cx, copy),
        StatementKind::WaitForSources => wait_for_sources(cx),
        StatementKind::Flush => Ok(Outcome::tag("FLUSH")),
        StatementKind::CheckDatabase => check::database(cx),
        StatementKind::CheckView { name, repair } => check::view(cx, name, *repair),
        StatementKind::Checkpoint => saving::checkpoint(cx),
        StatementKind::Backup { to } => saving::backup(cx, to),
        StatementKind::Restore { from } => saving::restore(cx, from),
        StatementKind::Transaction(transaction) => block::run(cx, settings, transaction),
        _ => Err(Error::unsupported("this statement")),
    }
}

/// The name of a statement that is read and not built.
fn not_built(statement: &StatementKind) -> Option<&str> {
    Some(match statement {
        StatementKind::Unsupported { what } => what,
        _ => return None,
    })
}

/// Runs a statement that changes what exists, and logs it with the commits that it made.
fn define(
    cx: &Context<'_>,
    change: impl FnOnce(&mut Engine) -> Result<Outcome>,
) -> Result<Outcome> {
    let mut engine = cx.db.engine();
    let engine = &mut *engine;
    let now = engine.time();
    let definition = Definition { sql: cx.sql.to_owned(), first_id: engine.next_id, now };
    engine.noted = Noted::default();
    let Some(journal) = &mut engine.journal else {
        let outcome = change(engine)?;
        engine.note_definition(definition);
        return Ok(outcome);
    };
    if !cx.params.is_empty() {
        return Err(Error::unsupported("parameters in a definition of a durable database"));
    }
    journal.begin(definition.clone())?;
    let count = |engine: &Engine| (engine.sinks.len(), engine.tracked.len());
    let (catalog, counted) = (Arc::clone(&engine.catalog), count(engine));
    engine.fixed_now = Some(now);
    let changed = change(engine);
    engine.fixed_now = None;
    let is_same = Arc::ptr_eq(&catalog, &engine.catalog)
        && counted == count(engine)
        && engine.noted.is_empty();
    let epoch = engine.epoch;
    let Some(journal) = &mut engine.journal else { return changed };
    let outcome = match changed {
        Ok(outcome) if !is_same => outcome,
        other => {
            journal.discard();
            return other;
        }
    };
    if let Err(error) = journal.finish(epoch) {
        // It is in place and not in the log. What it replaced is gone, so it is not undone by hand.
        engine.broken = Some(error.clone());
        return Err(error);
    }
    journal.stamp();
    engine.note_definition(definition);
    Ok(outcome)
}

/// WAIT FOR SOURCES: rounds until every bounded source is drained. The lock is free between rounds.
fn wait_for_sources(cx: &Context<'_>) -> Result<Outcome> {
    loop {
        check_cancel(cx.cancel)?;
        let round = cx.db.run_sources_once()?;
        if round.bounded_left == 0 {
            return Ok(Outcome { epoch: round.epoch, ..Outcome::tag("WAIT") });
        }
        if round.rows == 0 && round.epoch.is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

pub(crate) fn check_cancel(cancel: &CancelHandle) -> Result<()> {
    if cancel.is_set() {
        return Err(Error::new(SqlState::QUERY_CANCELED, "the statement was cancelled"));
    }
    Ok(())
}

/// A relation's name as the catalog keeps it: without `public.`, other schemas kept.
pub(crate) fn catalog_name(name: &ObjectName) -> String {
    let parts: Vec<&str> = name.parts.iter().map(|p| p.name.as_str()).collect();
    match parts.as_slice() {
        ["public", rest @ ..] if !rest.is_empty() => rest.join("."),
        all => all.join("."),
    }
}
