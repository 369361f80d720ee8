//! Arena-TR: SQL that stays true while the data moves.
//!
//! An embeddable engine for continuous queries. You declare views over streams and tables; every
//! commit updates all of them at once; you read them or follow their changes.
//!
//! ```
//! use arena_tr::Database;
//!
//! let db = Database::in_memory();
//! let mut session = db.session();
//! session.execute(
//!     "CREATE STREAM bids (auction BIGINT, price BIGINT);
//!      CREATE MATERIALIZED VIEW best AS SELECT auction, max(price) AS price FROM bids GROUP BY auction;",
//! )?;
//! let mut changes = db.subscribe("best")?;
//!
//! let mut bids = db.appender("bids")?;
//! bids.append((7i64, 100i64))?;
//! bids.append((7i64, 250i64))?;
//! bids.commit()?;
//!
//! let epoch = changes.try_next()?.expect("the commit changed the view");
//! assert_eq!(epoch.rows().len(), 1);
//! assert_eq!(session.query("SELECT price FROM best WHERE auction = 7", &[])?.len(), 1);
//! # Ok::<(), arena_tr::Error>(())
//! ```
//!
//! Reading order: [`Database`] is the handle, [`Session`] runs statements, [`Appender`] takes rows
//! in bulk, [`Subscription`] follows a view, [`TwoPhase`] commits over several databases,
//! [`connector`] is what the outside plugs into.
//!
//! **Invariant:** it knows no terminal, no socket and no wire format.
#![forbid(unsafe_code)]

mod appender;
pub mod connector;
mod database;
mod durable;
mod engine;
mod envelope;
mod error;
mod follower;
mod history;
pub mod internals;
mod introspect;
pub mod json;
mod key;
mod options;
mod reading;
mod rows;
mod session;
pub mod sql;
mod statement;
mod subscription;
mod transaction;
mod two_phase;
mod watermark;

pub use appender::{Appender, Cell, IntoRow};
pub use arena_tr_parser::Span;
pub use arena_tr_storage::log::{LogIo, LogOptions, Lost};
pub use arena_tr_storage::{Batch, Column, ColumnBuilder, disk};
pub use arena_tr_types::{
    DataType, Decimal, Epoch, Field, Interval, Schema, SqlError, SqlState, Timestamp, Value, time,
};
pub use database::{Database, EventTime};
pub use durable::backup::{Backup, BackupPlace, BackupPlaces};
pub use durable::inspect::{
    Checked, CheckedSnapshot, LogRecord, check_directory, log_records, truncate_log,
};
pub use durable::snapshot::Checkpoint;
pub use durable::{ASYNC_LOSS_MILLIS, Durability};
pub use engine::sources::Round;
pub use error::{Error, ErrorKind, Result};
pub use options::{CheckpointPolicy, Clock, OnNotice, Options, Random, SystemClock, SystemRandom};
pub use rows::Rows;
pub use session::{CancelHandle, Outcome, Session};
pub use subscription::{Changes, Subscription};
pub use two_phase::{Committed, Participant, Recovered, TwoPhase};

/// The programs of `docs/recipes.md`, compiled and run with the doc tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/recipes.md")]
struct Recipes;
