//! Putting back what was saved: chunks from their bytes, then indexes from the chunks.
//!
//! This is the time that opening a database takes. All chunks are read before the first row is
//! indexed, so that how many rows there are is known and no directory grows on the way; then each
//! chunk's rows are hashed at once and entered.
//!
//! Invariant: what is put back has all that a store relies on (`keyed`), or nothing is.

use std::sync::Arc;

use crate::error::StorageError;
use crate::table::chunk::{CHUNK_ROWS, Chunk, Part, addr_of};
use crate::table::chunks::Chunks;
use crate::table::keyed::KeyedStore;
use crate::table::save::{self, SavedChunk, TableHeader, corrupt};

impl KeyedStore {
    /// Takes the place of what is there with what was saved. On an error nothing is left.
    pub(in crate::table) fn restore<B: AsRef<[u8]>, E: From<StorageError>>(
        &mut self,
        header: &TableHeader,
        chunks: impl Iterator<Item = Result<SavedChunk<B>, E>>,
    ) -> Result<(), E> {
        self.clear();
        let restored = self.fill(header, chunks);
        if restored.is_err() {
            self.clear();
        }
        restored
    }

    /// Forgets all rows; indexes stay, without entries.
    fn clear(&mut self) {
        let home = self.chunks.home();
        self.chunks = Chunks::new(&home.pool.clone(), home.owner);
        self.primary.clear();
        for secondary in &mut self.secondary {
            secondary.clear();
        }
        self.len = 0;
    }

    fn fill<B: AsRef<[u8]>, E: From<StorageError>>(
        &mut self,
        header: &TableHeader,
        saved: impl Iterator<Item = Result<SavedChunk<B>, E>>,
    ) -> Result<(), E> {
        header.check()?;
        let mut chunks = Vec::new();
        for saved in saved {
            chunks.push(self.read(header, &saved?)?);
        }
        self.chunks.restore(header, chunks)?;
        self.len = self.count(header)?;
        self.index()?;
        Ok(())
    }

    /// The chunk that these bytes hold.
    fn read<B: AsRef<[u8]>>(
        &self,
        header: &TableHeader,
        saved: &SavedChunk<B>,
    ) -> Result<Chunk, StorageError> {
        saved.check(header)?;
        let home = self.chunks.home();
        // Rows will be added to the open chunk, and it will be copied then.
        let arena = (header.open != Some(saved.number)).then(|| home.lasting());
        let batch = save::get_columns(saved.columns.as_ref(), &self.types, CHUNK_ROWS, arena)?;
        let part = match arena {
            Some(_) => Part::in_place(batch),
            None => Part::new(batch, home),
        };
        let marks = save::get_marks(saved.marks.as_ref(), part.rows())?;
        home.pool.check(home.owner)?;
        let chunk = Chunk::restored(saved, Arc::new(part), marks);
        match chunk.live() {
            0 => Err(corrupt("a chunk of which no row is left")),
            _ => Ok(chunk),
        }
    }

    /// The number of rows, which is that of the header.
    fn count(&self, header: &TableHeader) -> Result<usize, StorageError> {
        let chunks = self.chunks.slots_in_order().map(|slot| self.list().chunk(slot));
        let sum: i128 = chunks.map(Chunk::total_weight).sum();
        // Weights and their sum stop at the greatest number that they can be.
        let stopped = sum >= i128::from(i64::MAX);
        match usize::try_from(header.len) {
            Ok(len) if stopped || i128::from(header.len) == sum => Ok(len),
            _ => Err(corrupt("another number of rows than there were")),
        }
    }

    /// Enters all rows in the indexes, which are empty.
    fn index(&mut self) -> Result<(), StorageError> {
        let Self { chunks, primary, secondary, has_key, .. } = self;
        let (list, n_slots) = (chunks.list(), chunks.n_slots());
        let live = (0..n_slots).map(|slot| list.chunk(slot).live()).sum();
        primary.reserve(live)?;
        for unique in secondary.iter_mut().filter(|s| s.spec.unique) {
            unique.reserve(live, n_slots)?;
        }
        let (mut rows, mut hashes, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for slot in 0..n_slots {
            let chunk = list.chunk(slot);
            rows.clear();
            rows.extend(chunk.live_rows().map(|row| row as u16));
            // A chunk that was just put back is one part.
            let (batch, _) = chunk.at(0);
            primary.hash_rows(batch, &rows, &mut hashes);
            primary.touch(&hashes, &mut seen);
            for (&row, &hash) in rows.iter().zip(&hashes) {
                let row = usize::from(row);
                let twice = *has_key && chunk.weight(row) > 1;
                if twice || !primary.insert_new(list, (batch, row), hash, addr_of(slot, row)) {
                    return Err(corrupt("a row or key is there twice"));
                }
            }
            for secondary in secondary.iter_mut() {
                // Its keys may be few however many rows there are.
                let more = if secondary.spec.unique { 0 } else { rows.len() };
                secondary.reserve(more, n_slots)?;
                secondary.index.hash_rows(batch, &rows, &mut hashes);
                secondary.index.touch(&hashes, &mut seen);
                for (&row, &hash) in rows.iter().zip(&hashes) {
                    if !secondary.add_new(list, hash, addr_of(slot, row.into())) {
                        return Err(corrupt("a unique key is there twice"));
                    }
                }
            }
        }
        Ok(())
    }
}
