//! Contents of relations: what streams, tables and materialized views hold between commits.
//!
//! A relation that only grows keeps the batches it was given (`append`). One whose rows change
//! (`keyed`) keeps columns in chunks that never change and marks rows that left; indexes find a
//! row by its content, by the primary key, by unique and other keys. Both hand out snapshots
//! (`snapshot`) that share the columns: readers keep what they saw while the writer goes on. What a
//! snapshot shows can be saved chunk by chunk and put back (`save`).
//!
//! Reading order: `list`, `chunk` and `chunks` hold rows; `equal`, `index`, `secondary` and `probe`
//! find them; `change` says what a delta does before `keyed` does it.
//! Invariant: no row has a negative weight; a delta is applied whole or not at all.

mod append;
mod change;
mod chunk;
mod chunks;
mod equal;
mod index;
mod keyed;
mod list;
mod probe;
mod save;
mod secondary;
mod snapshot;

use arena_tr_types::{DataType, SqlError, SqlState, Value};

use crate::arena::{Owner, Pool};
use crate::batch::Batch;
use crate::error::StorageError;

pub use save::{SavedChunk, TableHeader};
pub use secondary::{IndexId, IndexSpec};
pub use snapshot::{RowRef, SnapshotChunk, TableSnapshot};

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

/// What a delta does to a relation as it is: found out by [`RelationStore::change`].
#[derive(Debug)]
pub struct Change {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Append(Vec<Batch>),
    Keyed(Box<change::KeyedChange>),
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

    /// Names the primary key's constraint and its columns, for messages.
    pub fn name_key(&mut self, name: &str, labels: &[String]) {
        if let Contents::Keyed(store) = &mut self.contents {
            store.name_key(name, labels);
        }
    }

    /// Applies a delta: rows that leave first, then those that arrive.
    ///
    /// # Errors
    /// 23505 when a primary or unique key would occur twice, XX000 when a row leaves that is not
    /// there, 53200 when memory runs out. Nothing is changed then.
    pub fn apply(&mut self, delta: &[Batch]) -> Result<(), SqlError> {
        match &mut self.contents {
            Contents::Append(store) => {
                append::AppendStore::check(delta)?;
                store.apply(delta);
                Ok(())
            }
            Contents::Keyed(store) => {
                let change = store.change(delta)?;
                store.apply(&change)
            }
        }
    }

    /// Whether a delta fits, changing nothing. [`RelationStore::apply`] of it then fails for want
    /// of memory only.
    ///
    /// # Errors
    /// As [`RelationStore::apply`], except 53200.
    pub fn check(&self, delta: &[Batch]) -> Result<(), SqlError> {
        self.change(delta).map(drop)
    }

    /// What a delta does, changing nothing: for applying it with [`RelationStore::apply_change`]
    /// once the deltas of other relations are known to fit, without looking its rows up again.
    ///
    /// # Errors
    /// As [`RelationStore::check`].
    pub fn change(&self, delta: &[Batch]) -> Result<Change, SqlError> {
        let inner = match &self.contents {
            Contents::Append(_) => {
                append::AppendStore::check(delta)?;
                Inner::Append(delta.to_vec())
            }
            Contents::Keyed(store) => Inner::Keyed(Box::new(store.change(delta)?)),
        };
        Ok(Change { inner })
    }

    /// Applies a change that was found out for this store as it still is.
    ///
    /// # Errors
    /// 53200 when memory runs out, XX000 when the store has changed since or is another. Nothing is
    /// changed then.
    pub fn apply_change(&mut self, change: &Change) -> Result<(), SqlError> {
        match (&mut self.contents, &change.inner) {
            (Contents::Append(store), Inner::Append(delta)) => {
                store.apply(delta);
                Ok(())
            }
            (Contents::Keyed(store), Inner::Keyed(change)) => store.apply(change),
            _ => Err(SqlError::new(SqlState::INTERNAL, "a change of another kind of relation")),
        }
    }

    /// The contents as they are, for reading while the store goes on. O(1); no row is copied.
    pub fn snapshot(&self) -> TableSnapshot {
        match &self.contents {
            Contents::Append(s) => TableSnapshot::append(s.pieces().clone(), s.header()),
            Contents::Keyed(s) => TableSnapshot::keyed(s.list().clone(), s.header()),
        }
    }

    /// Puts back what was saved of a snapshot ([`TableSnapshot::header`] and its chunks, in their
    /// order) in the place of what is there. The store was made as the saved one was, and has the
    /// indexes that it is to have: they are built anew. It then goes on as the saved one would
    /// have, with the same chunks. Changes that were found out before are void.
    ///
    /// The bytes are to be checked against a checksum before: what is found here is that they are
    /// not the columns of this relation, or cannot be.
    ///
    /// # Errors
    /// Those of the iterator, [`StorageError::Corrupt`], [`StorageError::OutOfMemory`]. The store
    /// is then empty, as if just made, and may be used.
    pub fn restore<B: AsRef<[u8]>, E: From<StorageError>>(
        &mut self,
        header: &TableHeader,
        chunks: impl IntoIterator<Item = Result<SavedChunk<B>, E>>,
    ) -> Result<(), E> {
        match &mut self.contents {
            Contents::Append(store) => store.restore(header, chunks.into_iter()),
            Contents::Keyed(store) => store.restore(header, chunks.into_iter()),
        }
    }

    /// Whether rows, marks, weights and indexes agree: every row is found by each index under its
    /// key exactly once, no entry of an index leads to a row that is gone, and the counts are
    /// right.
    ///
    /// # Errors
    /// What does not agree.
    pub fn verify(&self) -> Result<(), String> {
        match &self.contents {
            Contents::Append(store) => Ok(store.verify()?),
            Contents::Keyed(store) => store.verify(),
        }
    }

    /// How often the contents have changed: each applied delta counts.
    pub fn version(&self) -> u64 {
        match &self.contents {
            Contents::Append(store) => store.version(),
            Contents::Keyed(store) => store.version(),
        }
    }

    /// All rows, in the order in which they arrived; a row that is there several times has a
    /// weight.
    pub fn scan(&self) -> Vec<Batch> {
        self.snapshot().scan()
    }

    /// Adds an index, built from what is there.
    ///
    /// # Errors
    /// 23505 when it is unique and the contents are not, 53200 when memory runs out, 0A000 for a
    /// relation that only grows.
    pub fn add_index(&mut self, spec: IndexSpec) -> Result<IndexId, SqlError> {
        match &mut self.contents {
            Contents::Append(_) => {
                Err(SqlError::unsupported("an index of a relation that only grows"))
            }
            Contents::Keyed(store) => store.add_index(spec),
        }
    }

    /// Drops an index; whether there was one of this number.
    pub fn drop_index(&mut self, id: IndexId) -> bool {
        match &mut self.contents {
            Contents::Append(_) => false,
            Contents::Keyed(store) => store.drop_index(id),
        }
    }

    /// The row with this primary key (a NULL in the key is equal to NULL).
    ///
    /// # Errors
    /// 42804 when the values are not of the key's types, XX000 when there is no primary key.
    pub fn find_key(&self, key: &[Value]) -> Result<Option<RowRef<'_>>, SqlError> {
        match &self.contents {
            Contents::Append(_) => {
                Err(SqlError::new(SqlState::INTERNAL, "a relation that only grows has no key"))
            }
            Contents::Keyed(store) => store.find_key(key),
        }
    }

    /// The rows with this key in an index, in the order of arrival. No row is found by a key with a
    /// NULL.
    ///
    /// # Errors
    /// 42804 when the values are not of the key's types, XX000 when there is no such index.
    pub fn lookup(&self, id: IndexId, key: &[Value]) -> Result<Vec<RowRef<'_>>, SqlError> {
        match &self.contents {
            Contents::Append(_) => {
                Err(SqlError::new(SqlState::INTERNAL, "a relation that only grows has no index"))
            }
            Contents::Keyed(store) => store.lookup(id, key),
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
mod damage_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod save_tests;
#[cfg(test)]
mod tests;
