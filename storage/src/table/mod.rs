//! Contents of relations: what streams, tables and materialized views hold between commits.
//!
//! A relation that only grows keeps the batches it was given ([`append`]); one whose rows change
//! keeps each distinct row once with its weight, and finds rows by content and by primary key
//! ([`keyed`]).
//! Invariant: no row has a negative weight; a delta is applied whole or not at all.

mod append;
mod keyed;

use arena_tr_types::{DataType, SqlError};

use crate::arena::{Owner, Pool};
use crate::batch::Batch;

/// The contents of one relation.
#[derive(Debug)]
pub struct RelationStore {
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    Append(append::AppendStore),
    Keyed(Box<keyed::KeyedStore>),
}

impl RelationStore {
    /// A store of rows that only arrive.
    pub fn append_only(types: &[DataType]) -> Self {
        Self { contents: Contents::Append(append::AppendStore::new(types)) }
    }

    /// A store of rows that arrive and leave, with the columns of the primary key if there is one.
    pub fn keyed(
        pool: &Pool,
        owner: Owner,
        types: &[DataType],
        primary_key: Option<&[usize]>,
    ) -> Self {
        let store = keyed::KeyedStore::new(pool, owner, types, primary_key);
        Self { contents: Contents::Keyed(Box::new(store)) }
    }

    /// Applies a delta: rows that leave first, then those that arrive.
    ///
    /// # Errors
    /// 23505 when a primary key would occur twice, XX000 when a row leaves that is not there, 53200
    /// when memory runs out. Nothing is changed then.
    pub fn apply(&mut self, delta: &[Batch]) -> Result<(), SqlError> {
        match &mut self.contents {
            Contents::Append(store) => store.apply(delta),
            Contents::Keyed(store) => store.apply(delta),
        }
    }

    /// All rows, in the order in which they arrived; a row that is there several times has a
    /// weight.
    pub fn scan(&self) -> Vec<Batch> {
        match &self.contents {
            Contents::Append(store) => store.scan(),
            Contents::Keyed(store) => store.scan(),
        }
    }

    /// Number of rows, counting each as often as it is there.
    pub fn len(&self) -> usize {
        match &self.contents {
            Contents::Append(store) => store.len(),
            Contents::Keyed(store) => store.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held, as far as they are this relation's own.
    pub fn held_bytes(&self) -> usize {
        match &self.contents {
            Contents::Append(store) => store.held_bytes(),
            Contents::Keyed(store) => store.held_bytes(),
        }
    }
}

#[cfg(test)]
mod tests;
