//! The open database behind its lock: relations, running views, and the clock of commits.
//!
//! One writer at a time owns an [`Engine`]; every public handle locks it. Relations are kept by id;
//! a view's program stands beside its contents. [`commit`] moves time, [`define`] changes what
//! exists, [`ingest`] takes rows in, [`sources`] asks connectors for them.
//! Invariant: between two calls every view is at the same epoch, and no relation is half applied.

pub(crate) mod assertion;
pub(crate) mod attempt;
pub(crate) mod backfill;
pub(crate) mod check;
mod claims;
pub(crate) mod commit;
pub(crate) mod constraint;
pub(crate) mod define;
pub(crate) mod definitions;
pub(crate) mod fit;
pub(crate) mod foreign;
pub(crate) mod index;
mod ingest;
pub(crate) mod prepared;
pub(crate) mod sources;
pub(crate) mod tracked;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Weak};

use arena_tr_planner::catalog::{Catalog, Relation, RelationKind};
use arena_tr_planner::physical::PhysicalPlan;
use arena_tr_storage::arena::{Owner, Pool, Tier};
use arena_tr_storage::table::RelationStore;
use arena_tr_types::{Epoch, RelationId, SqlState, Timestamp};
use arena_tr_vm::{Program, Task};

use crate::connector::{Registry, Sink, Source, SourceSpec};
use crate::durable::Journal;
use crate::durable::record::PastStep;
use crate::error::{Error, Result};
use crate::follower::Follower;
use crate::history::History;
use crate::options::Options;
use crate::subscription::Callback;
use crate::transaction::{Footprints, Held};
use crate::watermark::Gate;

/// Everything an open database is made of.
pub(crate) struct Engine {
    pub(crate) options: Options,
    pub(crate) pool: Pool,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) connectors: Registry,
    pub(crate) relations: BTreeMap<RelationId, Entry>,
    /// Everything with a program, in the order in which they step: each after all it reads.
    pub(crate) order: Vec<RelationId>,
    /// Foreign keys by the table that they reference.
    pub(crate) links: foreign::Links,
    /// Sinks by name.
    pub(crate) sinks: BTreeMap<String, SinkEntry>,
    /// Queries that must stay empty.
    pub(crate) assertions: assertion::Assertions,
    /// Subscriptions that the database keeps track of, by name.
    pub(crate) tracked: BTreeMap<String, tracked::Tracked>,
    pub(crate) epoch: Epoch,
    /// Timestamp of the last commit; commits never go back in time.
    pub(crate) now: Timestamp,
    /// Relations have their changes already, views are stepping.
    pub(crate) committing: bool,
    pub(crate) next_id: u32,
    /// The statements that made what exists.
    pub(crate) definitions: definitions::Definitions,
    /// What the running statement makes and drops.
    pub(crate) noted: definitions::Noted,
    /// Relations that rows came into since the last commit, refused ones too.
    pub(crate) touched: BTreeSet<RelationId>,
    /// The way into the log, if the database lasts.
    pub(crate) journal: Option<Journal>,
    /// What the time is while a definition is made or replayed.
    pub(crate) fixed_now: Option<Timestamp>,
    /// The log is being replayed.
    pub(crate) recovering: bool,
    /// While a snapshot is loaded: where its sinks go on.
    pub(crate) recalled_sinks: BTreeMap<String, RecalledSink>,
    /// What backups of a database in memory call it, and the number of the last.
    pub(crate) backups: (u128, u64),
    /// During recovery: what the view that is being made read of the past.
    pub(crate) recalled: Option<VecDeque<PastStep>>,
    /// What relations were before the last commits.
    pub(crate) history: History,
    /// What open transactions hold.
    pub(crate) held: Vec<Weak<Held>>,
    /// What was changed since they hold it.
    pub(crate) footprints: Footprints,
    /// Transactions that wait for COMMIT PREPARED or ROLLBACK PREPARED.
    pub(crate) prepared: prepared::PreparedSet,
    /// What tells a database in memory from others.
    pub(crate) identity: Option<u128>,
    /// Contents are ahead of the log, which is lost: nothing is to be told of them.
    pub(crate) broken: Option<Error>,
}

/// One relation and what runs behind it.
pub(crate) struct Entry {
    pub(crate) relation: Arc<Relation>,
    /// The statement that made it.
    pub(crate) sql: String,
    /// Contents, unless it is a source or a plain view.
    pub(crate) store: Option<RelationStore>,
    /// The numbers of its indexes in the contents.
    pub(crate) numbers: index::Numbers,
    /// Event time at the door, for sources and streams that declare it.
    pub(crate) gate: Option<Gate>,
    /// Where its late rows go; `None`: counted only.
    pub(crate) late: Option<RelationId>,
    /// Late rows make the statement fail.
    pub(crate) late_is_error: bool,
    /// Where its malformed or failing rows go.
    pub(crate) errors: Option<RelationId>,
    pub(crate) connector: Option<Feed>,
    /// The connector's name and what it was asked for, to open it again.
    /// Relations that its query's text names, directly or through plain views.
    pub(crate) reads: Vec<RelationId>,
    pub(crate) feed_of: Option<(String, SourceSpec)>,
    /// CHECK constraints.
    pub(crate) checks: Option<constraint::Checks>,
    pub(crate) view: Option<View>,
    /// Computes the computed columns behind the delivered ones.
    pub(crate) compute: Option<Task>,
    /// Who follows it, each from behind the epoch that was the last when it came.
    pub(crate) readers: Vec<(Epoch, Reader)>,
    pub(crate) counters: Counters,
}

/// A sink and what it reads.
pub(crate) struct SinkEntry {
    pub(crate) input: RelationId,
    /// The statement that made it.
    pub(crate) sql: String,
    pub(crate) sink: Box<dyn Sink>,
    /// It has everything up to here.
    pub(crate) since: Epoch,
    /// Why it takes no more.
    pub(crate) failed: Option<Error>,
}

/// What a snapshot says of a sink.
pub(crate) enum RecalledSink {
    /// It goes on from this position.
    At(Vec<u8>),
    /// It gets what is new.
    Anew,
    /// It takes no more, and what it has written stays.
    Stopped(Error),
}

/// What came through a relation since it exists.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) rows_in: u64,
    pub(crate) late_rows: u64,
    pub(crate) bad_rows: u64,
}

/// A connector's source and how far it is.
pub(crate) struct Feed {
    pub(crate) source: Box<dyn Source>,
    pub(crate) state: FeedState,
    /// Columns some program uses, of those the source delivers.
    pub(crate) wanted: Vec<bool>,
    /// Rows that it has delivered, malformed ones not counted.
    pub(crate) delivered: u64,
}

/// Where a feed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FeedState {
    /// Not asked yet.
    Fresh,
    /// Being read.
    Running,
    /// Drained.
    Ended,
    /// Failed; its error was reported.
    Failed,
}

/// A standing program.
pub(crate) struct View {
    pub(crate) program: Arc<Program>,
    pub(crate) plan: Arc<PhysicalPlan>,
    pub(crate) task: Task,
    /// Relations read, in the order of the program's inputs.
    pub(crate) inputs: Vec<RelationId>,
    /// Relations with event time that it depends on through any number of views.
    pub(crate) clocks: Vec<RelationId>,
    /// The watermark at its last step.
    pub(crate) watermark: Timestamp,
    /// Why its contents cannot be told at the moment.
    pub(crate) failed: Option<Error>,
}

/// Somebody who follows a relation.
pub(crate) enum Reader {
    Callback(Callback),
    Queue(Follower),
}

impl Engine {
    pub(crate) fn new(options: Options) -> Self {
        let pool =
            options.memory_limit_bytes.map_or_else(Pool::new, |b| Pool::with_budget(b as u64));
        let connectors = Registry::of(&options.connectors);
        let retention = options.history_retention;
        Self {
            pool,
            options,
            catalog: Arc::new(crate::introspect::catalog()),
            connectors,
            relations: BTreeMap::new(),
            order: Vec::new(),
            links: foreign::Links::new(),
            sinks: BTreeMap::new(),
            assertions: assertion::Assertions::default(),
            tracked: BTreeMap::new(),
            epoch: Epoch(0),
            now: Timestamp::MIN,
            committing: false,
            next_id: 1,
            definitions: definitions::Definitions::default(),
            noted: definitions::Noted::default(),
            touched: BTreeSet::new(),
            journal: None,
            fixed_now: None,
            recovering: false,
            recalled_sinks: BTreeMap::new(),
            backups: (0, 0),
            recalled: None,
            history: History::new(retention, (Epoch(0), Timestamp::MIN)),
            held: Vec::new(),
            footprints: Footprints::default(),
            prepared: prepared::PreparedSet::default(),
            identity: None,
            broken: None,
        }
    }

    pub(crate) fn new_id(&mut self) -> RelationId {
        let id = RelationId(self.next_id);
        self.next_id += 1;
        id
    }

    /// What the time is; it never goes back.
    pub(crate) fn time(&self) -> Timestamp {
        self.fixed_now.unwrap_or_else(|| self.options.clock.now().max(self.now))
    }

    /// The owner to whom a relation's own contents are charged.
    pub(crate) fn owner(id: RelationId, tier: Tier) -> Owner {
        Owner { view: id.0, operator: 0, tier }
    }

    /// The relation of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Relation>> {
        self.catalog.relations.get(name)
    }

    pub(crate) fn entry(&self, id: RelationId) -> Result<&Entry> {
        self.relations.get(&id).ok_or_else(|| gone(id))
    }

    pub(crate) fn entry_mut(&mut self, id: RelationId) -> Result<&mut Entry> {
        self.relations.get_mut(&id).ok_or_else(|| gone(id))
    }

    /// The relation of this name with its entry, or the error PostgreSQL gives.
    pub(crate) fn named(&self, name: &str) -> Result<&Entry> {
        let relation = self.find(name).ok_or_else(|| unknown(name))?;
        self.entry(relation.id)
    }

    /// The least watermark of these relations; the beginning of time without any.
    pub(crate) fn watermark_of(&self, clocks: &[RelationId]) -> Timestamp {
        clocks
            .iter()
            .filter_map(|id| self.relations.get(id)?.gate.as_ref())
            .map(Gate::watermark)
            .min()
            .unwrap_or(Timestamp::MIN)
    }

    /// Relations with event time behind `id`: itself if it has a gate, else those of its view.
    pub(crate) fn clocks_of(&self, id: RelationId) -> Vec<RelationId> {
        match self.relations.get(&id) {
            Some(entry) if entry.gate.is_some() => vec![id],
            Some(Entry { view: Some(view), .. }) => view.clocks.clone(),
            _ => Vec::new(),
        }
    }

    /// Whether programs may scan it.
    pub(crate) fn is_stored(&self, id: RelationId) -> bool {
        self.relations.get(&id).is_some_and(|entry| entry.store.is_some())
    }

    /// Ends every subscription: the database is going away.
    pub(crate) fn close(&mut self) {
        if let Some(journal) = &mut self.journal {
            // Whoever wanted to be sure has been told; the next opening tells what is missing.
            let _ = journal.close();
            self.deliver_durable();
        }
        for entry in self.relations.values_mut() {
            entry.end_readers();
        }
    }
}

impl Entry {
    /// A relation with nothing behind it yet.
    pub(crate) fn new(relation: Arc<Relation>, sql: impl Into<String>) -> Self {
        Self {
            relation,
            sql: sql.into(),
            store: None,
            numbers: index::Numbers::default(),
            gate: None,
            late: None,
            late_is_error: false,
            errors: None,
            connector: None,
            reads: Vec::new(),
            feed_of: None,
            checks: None,
            view: None,
            compute: None,
            readers: Vec::new(),
            counters: Counters::default(),
        }
    }

    pub(crate) fn end_readers(&mut self) {
        for (_, reader) in self.readers.drain(..) {
            if let Reader::Queue(follower) = reader {
                follower.close();
            }
        }
    }
}

/// What a relation is called in messages.
pub(crate) fn kind_name(kind: RelationKind) -> &'static str {
    match kind {
        RelationKind::Source => "source",
        RelationKind::Stream => "stream",
        RelationKind::Table => "table",
        RelationKind::View => "view",
        RelationKind::MaterializedView => "materialized view",
        RelationKind::System => "system relation",
    }
}

pub(crate) fn unknown(name: &str) -> Error {
    Error::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}

pub(crate) fn gone(id: RelationId) -> Error {
    Error::new(SqlState::INTERNAL, format!("relation {id} is not in the database"))
}
