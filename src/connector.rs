//! What the outside world plugs into: sources that bring rows, sinks that take changes.
//!
//! A connector is registered by name and makes sources and sinks from WITH options. The engine asks
//! a source for rows when it wants to commit; nothing here runs by itself. The implementations live
//! in the `connectors` crate.
//! Invariant: a source yields its rows in one fixed order; if it can restart, the order is the same
//! again.

pub use crate::envelope::{Upsert, Upserts, weighted};

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_tr_storage::Batch;
use arena_tr_types::{Epoch, Schema, Timestamp};

use crate::error::{Error, Result};

/// Makes sources and sinks of one kind.
pub trait Connector: Send + Sync {
    /// Name as in `connector = '...'`.
    fn name(&self) -> &'static str;

    /// A source of this kind. Unknown or missing options are errors that name them.
    ///
    /// # Errors
    /// When options are wrong or the outside cannot be reached.
    fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>> {
        let _ = spec;
        Err(Error::unsupported(format!("connector '{}' as a source", self.name())))
    }

    /// A sink of this kind.
    ///
    /// # Errors
    /// When options are wrong or the outside cannot be reached.
    fn sink(&self, spec: &SinkSpec) -> Result<Box<dyn Sink>> {
        let _ = spec;
        Err(Error::unsupported(format!("connector '{}' as a sink", self.name())))
    }

    /// The sink that said that it was at this position ([`Sink::position`]): what it wrote later is
    /// taken away, and it goes on from there.
    ///
    /// # Errors
    /// As [`Connector::sink`], and when there is less than was written.
    fn sink_at(&self, spec: &SinkSpec, position: &[u8]) -> Result<Box<dyn Sink>> {
        let _ = (spec, position);
        Err(Error::unsupported(format!("going on with a sink of connector '{}'", self.name())))
    }
}

/// What a statement says about a source.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    /// The source's name, for messages.
    pub name: String,
    /// The columns to deliver, in order; computed columns are not among them.
    pub schema: Schema,
    /// WITH options, lower-case keys, without `connector`.
    pub options: BTreeMap<String, String>,
    /// ENCODE in lower case (`json`, `csv`, `parquet`), if written.
    pub encode: Option<String>,
    /// The rows' text itself, where there is no place to read it from (COPY FROM STDIN).
    pub data: Option<Arc<[u8]>>,
    /// Whether a malformed row ends the source with an error instead of being reported and skipped.
    pub stop_on_error: bool,
}

/// What a statement says about a sink.
#[derive(Debug, Clone)]
pub struct SinkSpec {
    /// The sink's name, for messages.
    pub name: String,
    /// The columns it gets.
    pub schema: Schema,
    /// WITH options, lower-case keys, without `connector`.
    pub options: BTreeMap<String, String>,
    /// ENCODE in lower case, if written.
    pub encode: Option<String>,
    /// How changes are shaped.
    pub shape: SinkShape,
}

/// How a sink shapes what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkShape {
    /// Every change: epoch, weight, then the columns.
    Changes,
    /// The rows alone (COPY ... TO, ENVELOPE APPEND); a retraction is an error.
    Rows,
    /// ENVELOPE UPSERT: the last row of each key, deletions marked; key columns by position.
    Upsert(Vec<usize>),
    /// ENVELOPE DEBEZIUM: before and after.
    Debezium,
}

/// Brings rows.
pub trait Source: Send {
    /// The next rows, at most `want.max_rows`.
    ///
    /// # Errors
    /// When the outside fails, or a row is malformed and the source stops on errors.
    fn poll(&mut self, want: &Want<'_>) -> Result<Polled>;

    /// Starts again at the first row. False if that is impossible (standard input).
    ///
    /// # Errors
    /// When the outside fails.
    fn restart(&mut self) -> Result<bool>;

    /// Whether it ends by itself.
    fn is_bounded(&self) -> bool;
}

/// What the engine wants of a poll.
#[derive(Debug, Clone, Copy)]
pub struct Want<'a> {
    /// Most rows.
    pub max_rows: usize,
    /// Which columns are used; the others may be delivered as NULL without being decoded.
    pub columns: &'a [bool],
}

/// What a poll gave.
#[derive(Debug)]
pub enum Polled {
    /// Rows, in order, and malformed ones found between them.
    Rows(Batch, Vec<BadRow>),
    /// Nothing at the moment.
    Pending,
    /// Nothing ever again.
    End,
}

/// An input row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// Where it stands: line or record number from 1.
    pub position: u64,
    /// Why, with the column if one is to blame.
    pub reason: String,
    /// The input text, shortened.
    pub raw: String,
}

/// Takes changes.
pub trait Sink: Send {
    /// One epoch's changes, consolidated.
    ///
    /// # Errors
    /// When the outside fails, or the shape cannot express the change.
    fn write(&mut self, epoch: Epoch, now: Timestamp, delta: &[Batch]) -> Result<()>;

    /// Hands everything written to the operating system.
    ///
    /// # Errors
    /// When that fails.
    fn flush(&mut self) -> Result<()>;

    /// Whether a sink that is made anew begins from nothing, so that it may be given all epochs
    /// again when a durable database is opened: then its output has each epoch once, whatever
    /// happened. Others get only what is new.
    fn begins_empty(&self) -> bool {
        false
    }

    /// Where it is, for [`Connector::sink_at`] of a later process to go on from: asked for between
    /// epochs, whenever a snapshot is taken. `None` if it cannot go on: a sink that begins empty is
    /// then out of work after the database was opened from that snapshot.
    ///
    /// # Errors
    /// When the outside fails.
    fn position(&mut self) -> Result<Option<SinkPosition>> {
        Ok(None)
    }
}

/// Makes what a sink has written durable; called without any lock held.
pub type SyncSink = Box<dyn FnOnce() -> Result<()> + Send>;

/// Where a sink is.
pub struct SinkPosition {
    /// In its own words.
    pub state: Vec<u8>,
    /// Makes durable what it has written up to there.
    pub sync: SyncSink,
}

/// Stands for a source or sink that could not be opened when the database was.
pub(crate) struct Unavailable(pub(crate) Error);

impl Source for Unavailable {
    fn poll(&mut self, _: &Want<'_>) -> Result<Polled> {
        Err(self.0.clone())
    }

    fn restart(&mut self) -> Result<bool> {
        Err(self.0.clone())
    }

    fn is_bounded(&self) -> bool {
        false
    }
}

impl Sink for Unavailable {
    fn write(&mut self, _: Epoch, _: Timestamp, _: &[Batch]) -> Result<()> {
        Err(self.0.clone())
    }

    fn flush(&mut self) -> Result<()> {
        Err(self.0.clone())
    }
}

/// The connectors a database knows.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    by_name: BTreeMap<&'static str, Arc<dyn Connector>>,
}

impl Registry {
    pub(crate) fn of(connectors: &[Arc<dyn Connector>]) -> Self {
        let mut registry = Self::default();
        connectors.iter().for_each(|connector| registry.add(Arc::clone(connector)));
        registry
    }

    pub(crate) fn add(&mut self, connector: Arc<dyn Connector>) {
        self.by_name.insert(connector.name(), connector);
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<dyn Connector>> {
        self.by_name.get(name).cloned().ok_or_else(|| {
            let known: Vec<_> = self.by_name.keys().copied().collect();
            Error::new(
                arena_tr_types::SqlState::INVALID_PARAMETER,
                format!("unknown connector '{name}'"),
            )
            .with_hint(if known.is_empty() {
                "no connector is registered; add them with Database::register".to_owned()
            } else {
                format!("known connectors: {}", known.join(", "))
            })
        })
    }
}
