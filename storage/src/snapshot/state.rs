//! Arenas on their way into a snapshot and back.
//!
//! Saving happens in two steps. A [`StateSaver`] walks over state while nobody changes it: it notes
//! numbers and shapes and freezes arenas, which takes microseconds. The chunks that an earlier
//! snapshot does not have are written later, while commits go on, and then the [`ArenaBook`] learns
//! where they are.
//!
//! Invariant: the book says of a chunk where the words are that the arena had when it was frozen
//! last, or nothing.

use std::collections::BTreeMap;

use super::{BlobRef, SnapshotError, SnapshotReader, SnapshotWriter};
use crate::StorageError;
use crate::arena::{Arena, ArenaShape, CHUNK_BYTES, CHUNK_WORDS, Freezer, FrozenArena, MAX_CHUNKS};
use crate::codec::{Bytes, put_number};
use crate::state::visit::{StateVisitor, mismatch};

/// Where the chunks of arenas are.
#[derive(Debug, Clone, Default)]
pub struct ArenaBook {
    arenas: BTreeMap<u64, Vec<Option<BlobRef>>>,
    last_name: u64,
}

impl ArenaBook {
    /// Writes the chunks that were frozen; the book knows them from then on.
    ///
    /// # Errors
    /// When the disk refuses. Chunks that were not written are frozen again the next time; those
    /// that were written to a file that nobody finishes are to be forgotten ([`ArenaBook::forget`]).
    pub fn write(
        &mut self,
        frozen: Vec<(u64, FrozenArena)>,
        writer: &mut SnapshotWriter,
    ) -> Result<(), SnapshotError> {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        for (name, arena) in frozen {
            let blobs = self.arenas.entry(name).or_default();
            for (k, &chunk) in arena.chunks.iter().enumerate() {
                bytes.clear();
                arena.read(k, &mut bytes);
                blobs[chunk] = Some(writer.put(&bytes)?);
            }
        }
        Ok(())
    }

    /// Appends the places of all chunks of these arenas to an index, and forgets other arenas.
    ///
    /// # Errors
    /// When a chunk was never written.
    pub fn put(&mut self, names: &[u64], out: &mut Vec<u8>) -> Result<(), StorageError> {
        let mut rest = std::mem::take(&mut self.arenas);
        put_number(names.len() as u64, out);
        for name in names {
            let blobs = rest.remove(name).ok_or_else(|| mismatch("an arena without a place"))?;
            put_number(*name, out);
            put_number(blobs.len() as u64, out);
            for blob in &blobs {
                let blob = blob.as_ref().ok_or_else(|| mismatch("a chunk that was not written"))?;
                blob.put(out);
            }
            self.arenas.insert(*name, blobs);
        }
        Ok(())
    }

    /// Takes the places of chunks from an index.
    ///
    /// # Errors
    /// When the bytes are not such a list.
    pub fn get(bytes: &mut Bytes<'_>) -> Result<Self, StorageError> {
        let mut book = Self::default();
        for _ in 0..bytes.number()? {
            let (name, n) = (bytes.number()?, bytes.number()?);
            // A place has seven bytes at least.
            if n as usize > bytes.left() / 7 {
                return Err(bytes.corrupt("more chunks than bytes"));
            }
            let blobs = (0..n).map(|_| BlobRef::get(bytes).map(Some));
            let blobs = blobs.collect::<Result<Vec<_>, _>>()?;
            book.last_name = book.last_name.max(name);
            book.arenas.insert(name, blobs);
        }
        Ok(book)
    }

    /// Forgets where those chunks are that lie in these files: the next snapshot writes them anew.
    pub fn forget(&mut self, is_in: impl Fn(u64) -> bool) {
        for blob in self.arenas.values_mut().flatten() {
            if blob.is_some_and(|b| is_in(b.file)) {
                *blob = None;
            }
        }
    }

    /// All known places.
    pub fn blobs(&self) -> impl Iterator<Item = &BlobRef> {
        self.arenas.values().flatten().flatten()
    }
}

/// Notes and freezes what it is shown.
#[derive(Debug)]
pub struct StateSaver<'a> {
    book: &'a mut ArenaBook,
    freezer: Freezer,
    notes: Vec<u8>,
    frozen: Vec<(u64, FrozenArena)>,
    names: Vec<u64>,
}

impl<'a> StateSaver<'a> {
    /// A saver of one snapshot.
    pub fn new(book: &'a mut ArenaBook) -> Self {
        let (notes, frozen, names) = (Vec::new(), Vec::new(), Vec::new());
        Self { book, freezer: Freezer::new(), notes, frozen, names }
    }

    /// What was noted since the last call: what a [`StateLoader`] of the same state takes.
    pub fn take_notes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.notes)
    }

    /// The arenas to be written, and the names of all that were seen.
    pub fn finish(self) -> (Vec<(u64, FrozenArena)>, Vec<u64>) {
        (self.frozen, self.names)
    }
}

impl StateVisitor for StateSaver<'_> {
    fn is_loading(&self) -> bool {
        false
    }

    fn word(&mut self, word: &mut u64) -> Result<(), StorageError> {
        put_number(*word, &mut self.notes);
        Ok(())
    }

    fn arena(&mut self, arena: &mut Arena) -> Result<(), StorageError> {
        if arena.name() == 0 {
            self.book.last_name += 1;
            arena.set_name(self.book.last_name);
        }
        let name = arena.name();
        let blobs = self.book.arenas.entry(name).or_default();
        let frozen = arena.freeze(&mut self.freezer, |i| blobs.get(i).is_none_or(Option::is_none));
        blobs.resize(frozen.shape.used_words.div_ceil(CHUNK_WORDS), None);
        frozen.chunks.iter().for_each(|chunk| blobs[*chunk] = None);
        put_number(name, &mut self.notes);
        put_number(frozen.shape.used_words as u64, &mut self.notes);
        put_number(frozen.shape.runs.len() as u64, &mut self.notes);
        for (first, n) in &frozen.shape.runs {
            put_number(*first as u64, &mut self.notes);
            put_number(*n as u64, &mut self.notes);
        }
        self.names.push(name);
        if !frozen.chunks.is_empty() {
            self.frozen.push((name, frozen));
        }
        Ok(())
    }
}

/// Puts back what a [`StateSaver`] noted.
#[derive(Debug)]
pub struct StateLoader<'a> {
    notes: Bytes<'a>,
    book: &'a ArenaBook,
    reader: &'a SnapshotReader,
    /// What is wrong with a file; the visitor's errors are poorer.
    failed: Option<SnapshotError>,
}

impl<'a> StateLoader<'a> {
    /// Loads what was noted, with the chunks that the book names.
    pub fn new(notes: &'a [u8], book: &'a ArenaBook, reader: &'a SnapshotReader) -> Self {
        Self { notes: Bytes::new(notes), book, reader, failed: None }
    }

    /// Ends loading: whether everything that was noted was asked for.
    ///
    /// # Errors
    /// The error that loading stopped at, if `loaded` is one.
    pub fn finish(self, loaded: Result<(), StorageError>) -> Result<(), SnapshotError> {
        match (self.failed, loaded) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(error.into()),
            (None, Ok(())) if self.notes.left() > 0 => {
                Err(self.notes.corrupt("more state than is asked for").into())
            }
            (None, Ok(())) => Ok(()),
        }
    }

    fn shape(&mut self) -> Result<ArenaShape, StorageError> {
        let notes = &mut self.notes;
        let used_words = notes.number()? as usize;
        if used_words > MAX_CHUNKS * CHUNK_WORDS {
            return Err(notes.corrupt("an arena larger than may be"));
        }
        let n_runs = notes.number()? as usize;
        if n_runs > notes.left() / 2 {
            return Err(notes.corrupt("more runs than bytes"));
        }
        let run = |_| Ok((notes.number()? as usize, notes.number()? as usize));
        let runs = (0..n_runs).map(run).collect::<Result<_, StorageError>>()?;
        Ok(ArenaShape { used_words, runs })
    }
}

impl StateVisitor for StateLoader<'_> {
    fn is_loading(&self) -> bool {
        true
    }

    fn word(&mut self, word: &mut u64) -> Result<(), StorageError> {
        *word = self.notes.number()?;
        Ok(())
    }

    fn arena(&mut self, arena: &mut Arena) -> Result<(), StorageError> {
        let name = self.notes.number()?;
        let shape = self.shape()?;
        let blobs = self.book.arenas.get(&name).map_or(&[][..], Vec::as_slice);
        // Before memory is taken for it: the chunks have to be somewhere.
        if blobs.len() != shape.used_words.div_ceil(CHUNK_WORDS) {
            return Err(mismatch("an arena whose chunks are elsewhere"));
        }
        let (reader, failed) = (self.reader, &mut self.failed);
        arena.restore(&shape, |i, words| {
            let blob = blobs[i].as_ref().ok_or_else(|| mismatch("a chunk without a place"))?;
            let bytes = reader.blob(blob).map_err(|error| {
                *failed = Some(error);
                mismatch("a chunk that cannot be read")
            })?;
            if bytes.len() != size_of_val(words) {
                return Err(mismatch("a chunk of another length"));
            }
            for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
                let mut little_end = [0; 8];
                little_end.copy_from_slice(bytes);
                *word = u64::from_le_bytes(little_end);
            }
            Ok(())
        })?;
        arena.set_name(name);
        Ok(())
    }
}
