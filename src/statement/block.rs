//! BEGIN, COMMIT, ROLLBACK, SAVEPOINT, and what other statements do differently between them.
//!
//! Invariant: a statement that fails in a block leaves the block failed; a failed block ends
//! without any change, or goes back to a savepoint.

use std::sync::Arc;

use arena_tr_parser::ast::{self, Isolation, StatementKind};
use arena_tr_planner::catalog::Catalog;
use arena_tr_storage::Batch;
use arena_tr_types::{Epoch, RelationId, SqlState};

use super::{Context, Settings, not_built};
use crate::engine::Engine;
use crate::engine::attempt::Attempt;
use crate::engine::commit::Deltas;
use crate::error::{Error, Result};
use crate::session::Outcome;
use crate::transaction::Transaction;

impl<'a> Context<'a> {
    /// Whether the statement is one of a transaction.
    pub(super) fn in_block(&self) -> bool {
        self.block.borrow().is_some()
    }

    /// The engine, for a statement that changes rows.
    pub(super) fn enter(&self) -> Attempt<'a> {
        Attempt::new(self.db.engine())
    }

    /// What exists, for the statement.
    pub(super) fn catalog(&self, engine: &Engine) -> Result<Arc<Catalog>> {
        match self.block.borrow().as_ref() {
            Some(block) => Ok(Arc::clone(&block.snapshots()?.catalog)),
            None => Ok(Arc::clone(&engine.catalog)),
        }
    }

    /// Adds rows to the changes of the statement. Those of a transaction are late or not when it
    /// commits.
    pub(super) fn take_in(
        &self,
        engine: &mut Engine,
        id: RelationId,
        batch: Batch,
        deltas: &mut Deltas,
    ) -> Result<()> {
        if !self.in_block() {
            return engine.accept_complete(id, batch, deltas);
        }
        deltas.entry(id).or_default().push(batch);
        Ok(())
    }

    /// Commits the statement's changes, or stages them in its transaction.
    pub(super) fn commit(&self, engine: &mut Engine, deltas: Deltas) -> Result<Option<Epoch>> {
        match self.block.borrow_mut().as_mut() {
            Some(block) => block.stage(engine, deltas).map(|()| None),
            None => engine.commit(deltas).map(Some),
        }
    }
}

/// Whether the statement may run in the block that is open; takes the block's snapshots.
pub(super) fn admit(cx: &Context<'_>, statement: &StatementKind) -> Result<()> {
    let mut block = cx.block.borrow_mut();
    let Some(block) = block.as_mut() else { return Ok(()) };
    if let StatementKind::Transaction(transaction) = statement {
        use ast::Transaction as T;
        return match transaction {
            T::Commit | T::Rollback | T::RollbackTo(_) | T::Prepare(_) => Ok(()),
            _ if block.failed => Err(failed()),
            _ => Ok(()),
        };
    }
    if block.failed {
        return Err(failed());
    }
    let changes = match statement {
        StatementKind::Insert(_) => Some("INSERT"),
        StatementKind::Update(_) => Some("UPDATE"),
        StatementKind::Delete(_) => Some("DELETE"),
        StatementKind::Merge(_) => Some("MERGE"),
        StatementKind::Copy(copy) if copy.from => Some("COPY FROM"),
        _ => None,
    };
    if let (Some(verb), true) = (changes, block.read_only) {
        return Err(Error::new(
            SqlState::READ_ONLY_TRANSACTION,
            format!("cannot execute {verb} in a read-only transaction"),
        ));
    }
    if not_built(statement).is_some() {
        return Ok(());
    }
    if let Some(what) = refused(statement) {
        return Err(Error::unsupported(format!("{what} in a transaction")));
    }
    match statement {
        StatementKind::Set { .. } => Ok(()),
        _ => block.enter(cx.db),
    }
}

/// Statements that cannot be part of a transaction.
fn refused(statement: &StatementKind) -> Option<&'static str> {
    match statement {
        StatementKind::CreateRelation(create) => Some(match create.kind {
            ast::RelationKind::Source => "CREATE SOURCE",
            ast::RelationKind::Stream => "CREATE STREAM",
            ast::RelationKind::Table => "CREATE TABLE",
        }),
        StatementKind::CreateView(create) if create.materialized => {
            Some("CREATE MATERIALIZED VIEW")
        }
        StatementKind::CreateView(_) => Some("CREATE VIEW"),
        StatementKind::CreateSink(_) => Some("CREATE SINK"),
        StatementKind::CreateIndex(_) => Some("CREATE INDEX"),
        StatementKind::CreateSubscription(_) => Some("CREATE SUBSCRIPTION"),
        StatementKind::CreateAssertion(_) => Some("CREATE ASSERTION"),
        StatementKind::Fetch(_) => Some("FETCH"),
        StatementKind::Acknowledge(_) => Some("ACKNOWLEDGE"),
        StatementKind::Merge(_) => Some("MERGE"),
        StatementKind::Drop { .. } => Some("DROP"),
        StatementKind::Subscribe(_) => Some("SUBSCRIBE"),
        StatementKind::CheckDatabase | StatementKind::CheckView { .. } => Some("CHECK"),
        StatementKind::Backup { .. } => Some("BACKUP"),
        StatementKind::Restore { .. } => Some("RESTORE"),
        StatementKind::WaitForSources => Some("WAIT FOR SOURCES"),
        _ => None,
    }
}

fn failed() -> Error {
    let message = "current transaction is aborted, commands ignored until end of transaction block";
    Error::new(SqlState::IN_FAILED_TRANSACTION, message)
}

/// A statement about the transaction itself.
pub(super) fn run(
    cx: &Context<'_>,
    settings: &mut Settings,
    statement: &ast::Transaction,
) -> Result<Outcome> {
    use ast::Transaction as T;
    match statement {
        T::Begin(begin) => self::begin(cx, settings, begin),
        T::Commit => commit(cx, settings),
        T::Rollback => Ok(roll_back(cx, settings)),
        T::Savepoint(name) => {
            in_block(cx, "SAVEPOINT", |block| {
                block.set_savepoint(&name.name, settings);
                Ok(())
            })?;
            Ok(Outcome::tag("SAVEPOINT"))
        }
        T::RollbackTo(name) => {
            let back = |block: &mut Transaction| {
                *settings = block.back_to(&name.name).map_err(|e| e.at(name.span))?;
                Ok(())
            };
            in_block(cx, "ROLLBACK TO SAVEPOINT", back)?;
            Ok(Outcome::tag("ROLLBACK"))
        }
        T::Release(name) => {
            let release =
                |block: &mut Transaction| block.release(&name.name).map_err(|e| e.at(name.span));
            in_block(cx, "RELEASE SAVEPOINT", release)?;
            Ok(Outcome::tag("RELEASE"))
        }
        T::Prepare(gid) => super::prepared::prepare(cx, settings, gid),
        T::CommitPrepared(gid) => super::prepared::commit(cx, gid),
        T::RollbackPrepared(gid) => super::prepared::roll_back(cx, gid),
    }
}

fn begin(cx: &Context<'_>, settings: &Settings, begin: &ast::Begin) -> Result<Outcome> {
    let tag = Outcome::tag(if begin.start { "START TRANSACTION" } else { "BEGIN" });
    let mut notices = Vec::new();
    match begin.isolation {
        Some(Isolation::Serializable) => {
            return Err(Error::unsupported("ISOLATION LEVEL SERIALIZABLE")
                .with_hint("transactions run as ISOLATION LEVEL SNAPSHOT"));
        }
        Some(Isolation::ReadUncommitted | Isolation::ReadCommitted) => {
            notices.push("the transaction runs as ISOLATION LEVEL SNAPSHOT".to_owned());
        }
        Some(Isolation::RepeatableRead | Isolation::Snapshot) | None => {}
    }
    let mut block = cx.block.borrow_mut();
    if block.is_some() {
        let notices = vec!["there is already a transaction in progress".to_owned()];
        return Ok(Outcome { notices, ..tag });
    }
    let began = cx.db.engine().time();
    *block = Some(Transaction::new(began, begin.read_only == Some(true), settings.clone()));
    Ok(Outcome { notices, ..tag })
}

fn commit(cx: &Context<'_>, settings: &mut Settings) -> Result<Outcome> {
    let Some(mut block) = cx.block.borrow_mut().take() else { return Ok(outside("COMMIT")) };
    if block.failed {
        *settings = block.roll_back();
        return Ok(Outcome::tag("ROLLBACK"));
    }
    match block.commit(cx.db) {
        Ok(epoch) => Ok(Outcome { epoch, ..Outcome::tag("COMMIT") }),
        Err(error) => {
            *settings = block.roll_back();
            Err(error)
        }
    }
}

fn roll_back(cx: &Context<'_>, settings: &mut Settings) -> Outcome {
    let Some(block) = cx.block.borrow_mut().take() else { return outside("ROLLBACK") };
    *settings = block.roll_back();
    Outcome::tag("ROLLBACK")
}

/// The end of a transaction where nothing was begun.
pub(super) fn outside(tag: &str) -> Outcome {
    let notices = vec!["there is no transaction in progress".to_owned()];
    Outcome { notices, ..Outcome::tag(tag) }
}

fn in_block(
    cx: &Context<'_>,
    what: &str,
    act: impl FnOnce(&mut Transaction) -> Result<()>,
) -> Result<()> {
    match cx.block.borrow_mut().as_mut() {
        Some(block) => act(block),
        None => Err(Error::new(
            SqlState::NO_ACTIVE_TRANSACTION,
            format!("{what} can only be used in transaction blocks"),
        )),
    }
}
