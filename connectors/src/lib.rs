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

use arena_tr::connector::Connector;

/// Every connector of this crate: `file`, `stdin`, `stdout`, `nexmark`, `datagen`.
pub fn all() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(file::FileConnector),
        Arc::new(stdio::StdinConnector),
        Arc::new(stdio::StdoutConnector),
        Arc::new(nexmark::NexmarkConnector),
        Arc::new(datagen::DatagenConnector),
    ]
}

/// Registers every connector of this crate. A durable database needs them when it is opened:
/// [`all`] belongs into its options.
pub fn register_all(db: &arena_tr::Database) {
    all().into_iter().for_each(|connector| db.register(connector));
}
