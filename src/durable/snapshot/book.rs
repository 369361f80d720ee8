//! What earlier snapshots have, so that the next need not write it again.
//!
//! Invariant: a place in the books holds what the chunk held when it was captured last; a chunk
//! whose place is not known is written with the next snapshot.

use std::collections::BTreeMap;

use arena_tr_storage::StorageError;
use arena_tr_storage::snapshot::{ArenaBook, BlobRef, SnapshotError, SnapshotWriter};
use arena_tr_storage::table::SnapshotChunk;
use arena_tr_types::RelationId;

use super::capture::CapturedRelation;

/// Where everything is.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Chunks of arenas.
    pub(crate) arenas: ArenaBook,
    /// Chunks of contents, by relation and number.
    pub(super) tables: BTreeMap<RelationId, BTreeMap<u64, SavedPlaces>>,
}

/// Where the two parts of a chunk of contents are, and which state of it that is.
#[derive(Debug, Clone, Copy)]
pub(super) struct SavedPlaces {
    pub(super) order: u64,
    pub(super) filled: u64,
    pub(super) changed: u64,
    pub(super) columns: Option<BlobRef>,
    pub(super) marks: Marks,
}

/// Where the marks of a chunk are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// Nowhere.
    Unknown,
    /// There are none to be kept.
    None,
    At(BlobRef),
}

impl Marks {
    fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::At(blob) => Some(blob),
            _ => None,
        }
    }
}

impl Books {
    /// Writes what changed of the contents of these relations, and forgets other relations.
    pub(super) fn write_tables(
        &mut self,
        relations: &[CapturedRelation],
        writer: &mut SnapshotWriter,
    ) -> Result<(), SnapshotError> {
        self.tables.retain(|id, _| relations.iter().any(|r| r.head.id == id.0));
        let mut bytes = Vec::new();
        for relation in relations {
            let Some(contents) = &relation.contents else { continue };
            let known = self.tables.entry(RelationId(relation.head.id)).or_default();
            let mut next = BTreeMap::new();
            for chunk in contents.chunks() {
                let mut places = known.remove(&chunk.number).map_or_else(
                    || SavedPlaces::unknown(&chunk),
                    |places| places.brought_to(&chunk),
                );
                places.write(&chunk, writer, &mut bytes)?;
                next.insert(chunk.number, places);
            }
            *known = next;
        }
        Ok(())
    }

    /// Forgets the places in these files.
    pub(super) fn forget(&mut self, is_in: impl Fn(u64) -> bool) {
        for places in self.tables.values_mut().flat_map(BTreeMap::values_mut) {
            if places.columns.is_some_and(|blob| is_in(blob.file)) {
                places.columns = None;
            }
            if places.marks.blob().is_some_and(|blob| is_in(blob.file)) {
                places.marks = Marks::Unknown;
            }
        }
        self.arenas.forget(is_in);
    }

    /// All known places.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &BlobRef> {
        let places = self.tables.values().flat_map(BTreeMap::values);
        let tables = places.flat_map(SavedPlaces::blobs);
        tables.chain(self.arenas.blobs())
    }

    /// The places of a relation's chunks, for its index.
    pub(super) fn places(&self, id: u32) -> Result<&BTreeMap<u64, SavedPlaces>, StorageError> {
        let missing = StorageError::Corrupt { what: "contents without a place", offset: 0 };
        self.tables.get(&RelationId(id)).ok_or(missing)
    }
}

impl SavedPlaces {
    /// The places that are known.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &BlobRef> {
        self.columns.iter().chain(self.marks.blob())
    }

    fn unknown(chunk: &SnapshotChunk<'_>) -> Self {
        Self {
            order: chunk.order,
            filled: chunk.filled,
            changed: chunk.changed,
            columns: None,
            marks: Marks::Unknown,
        }
    }

    /// The places of the same chunk as it is now.
    fn brought_to(self, chunk: &SnapshotChunk<'_>) -> Self {
        Self {
            order: chunk.order,
            filled: chunk.filled,
            changed: chunk.changed,
            columns: self.columns.filter(|_| self.filled == chunk.filled),
            marks: if self.changed == chunk.changed { self.marks } else { Marks::Unknown },
        }
    }

    fn write(
        &mut self,
        chunk: &SnapshotChunk<'_>,
        writer: &mut SnapshotWriter,
        bytes: &mut Vec<u8>,
    ) -> Result<(), SnapshotError> {
        if self.columns.is_none() {
            bytes.clear();
            chunk.put_columns(bytes)?;
            self.columns = Some(writer.put(bytes)?);
        }
        if self.marks == Marks::Unknown {
            bytes.clear();
            chunk.put_marks(bytes);
            self.marks = match bytes.is_empty() {
                true => Marks::None,
                false => Marks::At(writer.put(bytes)?),
            };
        }
        Ok(())
    }
}
