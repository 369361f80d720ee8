//! Snapshots: the contents of a relation at one moment, for as long as somebody reads them.
//!
//! A snapshot shares all columns with the relation and with other snapshots. Taking one is O(1);
//! the relation then copies what it changes, which is marks and lists, never columns.
//!
//! Invariant: what a snapshot shows never changes.

use std::sync::Arc;

use arena_tr_types::{DataType, Value};

use crate::batch::Batch;
use crate::error::StorageError;
use crate::table::append::Piece;
use crate::table::chunk::Chunk;
use crate::table::chunks::ChunkList;
use crate::table::list::List;
use crate::table::save::{self, TableHeader};

/// The contents of a relation at one moment.
#[derive(Debug, Clone)]
pub struct TableSnapshot {
    contents: Contents,
    header: TableHeader,
}

#[derive(Debug, Clone)]
enum Contents {
    Append(List<Arc<Piece>>),
    Keyed(ChunkList),
}

/// A piece of a relation's contents: the unit of saving.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotChunk<'a> {
    /// Names it for ever: another piece of the same relation never has this number.
    pub number: u64,
    /// Its place: pieces in this order have their rows in the order of arrival.
    pub order: u64,
    /// The version in which rows were added to it last. Columns stay the same afterwards.
    pub filled: u64,
    /// The version in which anything changed in it last, rows that left included.
    pub changed: u64,
    rows: Rows<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Rows<'a> {
    Batch(&'a Batch),
    Chunk(&'a Chunk),
}

impl SnapshotChunk<'_> {
    /// Its rows, sharing the columns; rows that left are not selected.
    pub fn scan(&self) -> Vec<Batch> {
        match self.rows {
            Rows::Batch(batch) => vec![batch.clone()],
            Rows::Chunk(chunk) => chunk.batches().collect(),
        }
    }

    /// Appends the columns of all its rows, those that left included. The bytes depend on `number`
    /// and `filled` alone.
    ///
    /// # Errors
    /// When `codec::batch` cannot encode them.
    pub fn put_columns(&self, out: &mut Vec<u8>) -> Result<(), StorageError> {
        match self.rows {
            Rows::Batch(batch) => save::put_columns(batch, out),
            Rows::Chunk(chunk) => chunk.put_columns(out),
        }
    }

    /// Appends which of its rows left and how often the others are there: nothing, if all are there
    /// once. The bytes depend on `number` and `changed` alone.
    pub fn put_marks(&self, out: &mut Vec<u8>) {
        match self.rows {
            Rows::Batch(_) => {}
            Rows::Chunk(chunk) => save::put_marks(chunk, out),
        }
    }
}

impl TableSnapshot {
    pub(super) fn append(pieces: List<Arc<Piece>>, header: TableHeader) -> Self {
        Self { contents: Contents::Append(pieces), header }
    }

    pub(super) fn keyed(chunks: ChunkList, header: TableHeader) -> Self {
        Self { contents: Contents::Keyed(chunks), header }
    }

    /// Number of rows, counting each as often as it is there.
    pub fn len(&self) -> usize {
        self.header.len as usize
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.header.len == 0
    }

    /// How often the relation had changed.
    pub fn version(&self) -> u64 {
        self.header.version
    }

    /// Bytes of lists and marks that `newer`, a later snapshot of the relation, does not share.
    /// Columns are charged to the relation for as long as anybody has them; these are not.
    pub fn own_bytes(&self, newer: &Self) -> usize {
        match (&self.contents, &newer.contents) {
            (Contents::Keyed(own), Contents::Keyed(newer)) => own.own_bytes(newer),
            _ => 0,
        }
    }

    /// What is to be saved besides [`TableSnapshot::chunks`].
    pub fn header(&self) -> TableHeader {
        self.header
    }

    /// All rows, in the order in which they arrived; a row that is there several times has a
    /// weight. No row is copied.
    pub fn scan(&self) -> Vec<Batch> {
        let Contents::Append(pieces) = &self.contents else {
            return self.chunks().iter().flat_map(SnapshotChunk::scan).collect();
        };
        let (mut left, mut all) = (self.len(), Vec::with_capacity(pieces.len()));
        for piece in pieces.iter() {
            let rows = piece.batch.rows();
            if rows > left {
                if left > 0 {
                    all.push(piece.batch.slice(0, left));
                }
                break;
            }
            left -= rows;
            all.push(piece.batch.clone());
        }
        all
    }

    /// Whether it is of a relation that only grows.
    pub fn only_grows(&self) -> bool {
        matches!(self.contents, Contents::Append(_))
    }

    /// What a relation that only grows held when it had this many rows: the first ones. For
    /// reading, not for saving.
    #[must_use]
    pub fn when_it_had(mut self, rows: usize) -> Self {
        if self.only_grows() {
            self.header.len = self.header.len.min(rows as u64);
        }
        self
    }

    /// All pieces, in the order of arrival of their rows.
    pub fn chunks(&self) -> Vec<SnapshotChunk<'_>> {
        match &self.contents {
            Contents::Append(pieces) => pieces
                .iter()
                .map(|p| SnapshotChunk {
                    number: p.number,
                    order: p.number,
                    filled: p.version,
                    changed: p.version,
                    rows: Rows::Batch(&p.batch),
                })
                .collect(),
            Contents::Keyed(chunks) => chunks
                .in_order()
                .into_iter()
                .map(|c| SnapshotChunk {
                    number: c.number,
                    order: c.order,
                    filled: c.filled,
                    changed: c.changed,
                    rows: Rows::Chunk(c),
                })
                .collect(),
        }
    }

    /// The pieces in which something changed after `version`. A piece of which another snapshot
    /// knows the number and which is not among [`TableSnapshot::chunks`] any more is gone.
    pub fn changed_since(&self, version: u64) -> Vec<SnapshotChunk<'_>> {
        let mut chunks = self.chunks();
        chunks.retain(|chunk| chunk.changed > version);
        chunks
    }
}

/// One row where it lies.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    /// The columns that hold it.
    pub batch: &'a Batch,
    /// Which row of them it is.
    pub row: usize,
    /// How often it is there.
    pub weight: i64,
}

impl RowRef<'_> {
    /// The row as values.
    pub fn values(&self, types: &[DataType]) -> Vec<Value> {
        self.batch.row(self.row, types)
    }
}
