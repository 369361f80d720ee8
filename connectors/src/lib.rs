//! Connectors: how rows come in from files, standard input and generators, and how changes go out.
//!
//! Reading order: [`file`] and [`stdio`] are what `connector = '...'` names, [`nexmark`] and
//! [`datagen`] make rows from nothing but a seed; [`decode`] turns text into columns, [`encode`]
//! and [`shape`] turn changes into text, [`parquet`] does both for its own format; [`options`],
//! [`cell`] and [`rows`] are their tools.
//!
//! **Invariant:** it knows no SQL text, no plan and no engine state: it implements
//! `arena_tr::connector`.
#![forbid(unsafe_code)]

mod cell;
mod datagen;
mod decode;
mod encode;
mod file;
mod nexmark;
mod options;
mod parquet;
mod random;
mod rows;
mod shape;
mod stdio;

#[cfg(test)]
mod tests;

use std::sync::Arc;

/// Registers every connector of this crate: `file`, `stdin`, `stdout`, `nexmark`, `datagen`.
pub fn register_all(db: &arena_tr::Database) {
    db.register(Arc::new(file::FileConnector));
    db.register(Arc::new(stdio::StdinConnector));
    db.register(Arc::new(stdio::StdoutConnector));
    db.register(Arc::new(nexmark::NexmarkConnector));
    db.register(Arc::new(datagen::DatagenConnector));
}
