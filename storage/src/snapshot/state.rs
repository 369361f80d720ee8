//! Arenas on their way into a snapshot and back.
//!
//! Saving happens in two steps. A [`StateSaver`] walks over state while nobody changes it: it notes
//! numbers and shapes and freezes arenas, which takes microseconds. The chunks that an earlier
//! snapshot does not have are written later, while commits go on, and then the [`ArenaBook`] learns
//! where they are.
//!
//! Invariant: the book says of a chunk where the words are that the arena had when it was frozen
//! last, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::{BlobRef, SnapshotError, SnapshotReader, SnapshotWriter};
use crate::StorageError;
use crate::arena::{Arena, ArenaShape, CHUNK_BYTES, CHUNK_WORDS, Freezer, FrozenArena, MAX_CHUNKS};
use crate::codec::{Bytes, put_number};
use crate::state::visit::{Piece, Said, StateVisitor, mismatch};

/// Where the chunks of arenas are.
#[derive(Debug)]
pub struct ArenaBook {
    /// Tells it from every other book of this process.
    id: u64,
    arenas: BTreeMap<u64, Places>,
    last_name: u64,
    /// Arenas of which some chunk has no known place although nobody wrote to it.
    unknown: BTreeSet<u64>,
}

/// What an arena is besides its words, and where the chunks with them are.
#[derive(Debug, Clone, Default)]
struct Places {
    shape: ArenaShape,
    blobs: Vec<Option<BlobRef>>,
}

impl Default for ArenaBook {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, arenas: BTreeMap::new(), last_name: 0, unknown: BTreeSet::new() }
    }
}

impl ArenaBook {
    /// Writes the chunks that were frozen; the book knows them from then on.
    ///
    /// # Errors
    /// When the disk refuses. Chunks that were not written are frozen again the next time; those
    /// that were written to a file that nobody finishes are to be forgotten
    /// ([`ArenaBook::forget`]).
    pub fn write(
        &mut self,
        frozen: Vec<(u64, FrozenArena)>,
        writer: &mut SnapshotWriter,
    ) -> Result<(), SnapshotError> {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES);
        for (name, arena) in frozen {
            let blobs = &mut self.arenas.entry(name).or_default().blobs;
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
            let places = rest.remove(name).ok_or_else(|| mismatch("an arena without a place"))?;
            put_number(*name, out);
            put_number(places.shape.used_words as u64, out);
            put_number(places.shape.runs.len() as u64, out);
            for (first, n) in &places.shape.runs {
                put_number(*first as u64, out);
                put_number(*n as u64, out);
            }
            for blob in &places.blobs {
                let blob = blob.as_ref().ok_or_else(|| mismatch("a chunk that was not written"))?;
                blob.put(out);
            }
            self.arenas.insert(*name, places);
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
            let name = bytes.number()?;
            let shape = get_shape(bytes)?;
            let n = shape.used_words.div_ceil(CHUNK_WORDS);
            // A place has seven bytes at least.
            if n > bytes.left() / 7 {
                return Err(bytes.corrupt("more chunks than bytes"));
            }
            let blobs = (0..n).map(|_| BlobRef::get(bytes).map(Some));
            let blobs = blobs.collect::<Result<Vec<_>, _>>()?;
            book.last_name = book.last_name.max(name);
            book.arenas.insert(name, Places { shape, blobs });
        }
        Ok(book)
    }

    /// Forgets where those chunks are that lie in these files: the next snapshot writes them anew.
    pub fn forget(&mut self, is_in: impl Fn(u64) -> bool) {
        for (name, places) in &mut self.arenas {
            for blob in &mut places.blobs {
                if blob.is_some_and(|b| is_in(b.file)) {
                    *blob = None;
                }
                if blob.is_none() {
                    self.unknown.insert(*name);
                }
            }
        }
    }

    /// All known places.
    pub fn blobs(&self) -> impl Iterator<Item = &BlobRef> {
        self.arenas.values().flat_map(|places| &places.blobs).flatten()
    }
}

/// Notes and freezes what it is shown.
#[derive(Debug)]
pub struct StateSaver<'a> {
    book: &'a mut ArenaBook,
    freezer: Freezer,
    notes: Vec<u8>,
    frozen: BTreeMap<u64, FrozenArena>,
    names: Vec<u64>,
    /// Until when pieces are prepared, if that is all that is done now.
    preparing: Option<Instant>,
    /// Some piece was left for later.
    left: bool,
}

impl<'a> StateSaver<'a> {
    /// A saver of one snapshot.
    pub fn new(book: &'a mut ArenaBook) -> Self {
        let (notes, frozen, names) = (Vec::new(), BTreeMap::new(), Vec::new());
        let (preparing, left) = (None, false);
        Self { book, freezer: Freezer::new(), notes, frozen, names, preparing, left }
    }

    /// Prepares what it is shown until then: pieces that nobody writes to meanwhile cost next to
    /// nothing when they are saved, because they are frozen and known by heart. Nothing is saved.
    pub fn prepare(&mut self, until: Instant) {
        self.preparing = Some(until);
        self.left = false;
    }

    /// Ends preparing; whether every piece was.
    pub fn prepared(&mut self) -> bool {
        self.preparing = None;
        self.notes.clear();
        self.names.clear();
        !self.left
    }

    /// What was said of a piece, if it may be said again.
    fn repeat<'p>(&self, piece: &'p Piece) -> Option<&'p Said> {
        let unknown = |name: &u64| self.book.unknown.contains(name);
        let said = piece.said().filter(|said| said.saver == self.book.id)?;
        (self.book.unknown.is_empty() || !said.names.iter().any(unknown)).then_some(said)
    }

    /// What was noted since the last call: what a [`StateLoader`] of the same state takes.
    pub fn take_notes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.notes)
    }

    /// The arenas to be written, and the names of all that were seen.
    pub fn finish(self) -> (Vec<(u64, FrozenArena)>, Vec<u64>) {
        (self.frozen.into_iter().collect(), self.names)
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

    fn piece(
        &mut self,
        piece: &mut Piece,
        show: &mut dyn FnMut(&mut dyn StateVisitor) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        if let Some(said) = self.repeat(piece) {
            if self.preparing.is_none() {
                self.notes.extend_from_slice(&said.notes);
                self.names.extend_from_slice(&said.names);
            }
            return Ok(());
        }
        let until = self.preparing.take();
        if until.is_some_and(|until| Instant::now() >= until) {
            (self.preparing, self.left) = (until, true);
            return Ok(());
        }
        let (notes, names) = (self.notes.len(), self.names.len());
        let shown = show(self);
        self.preparing = until;
        shown?;
        piece.remember(self.book.id, &self.notes[notes..], &self.names[names..]);
        Ok(())
    }

    fn arena(&mut self, arena: &mut Arena) -> Result<(), StorageError> {
        // What is not in a piece is frozen when everything is.
        if self.preparing.is_some() {
            return Ok(());
        }
        let name = arena.name(self.book.id).unwrap_or_else(|| {
            self.book.last_name += 1;
            arena.set_name(self.book.id, self.book.last_name);
            self.book.unknown.insert(self.book.last_name);
            self.book.last_name
        });
        self.names.push(name);
        put_number(name, &mut self.notes);
        // PERF: most arenas of most snapshots: panes that no row came into. Their places are
        // known, and not looked at.
        if arena.is_clean() && !self.book.unknown.contains(&name) {
            return Ok(());
        }
        self.book.unknown.remove(&name);
        // What was prepared of it before it was written to is of no use.
        self.frozen.remove(&name);
        let Places { shape, blobs } = self.book.arenas.entry(name).or_default();
        let frozen = arena.freeze(&mut self.freezer, |i| blobs.get(i).is_none_or(Option::is_none));
        blobs.resize(frozen.shape.used_words.div_ceil(CHUNK_WORDS), None);
        frozen.chunks.iter().for_each(|chunk| blobs[*chunk] = None);
        shape.clone_from(&frozen.shape);
        if !frozen.chunks.is_empty() {
            self.frozen.insert(name, frozen);
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
}

/// Takes a shape from an index.
fn get_shape(bytes: &mut Bytes<'_>) -> Result<ArenaShape, StorageError> {
    let used_words = bytes.number()? as usize;
    if used_words > MAX_CHUNKS * CHUNK_WORDS {
        return Err(bytes.corrupt("an arena larger than may be"));
    }
    let n_runs = bytes.number()? as usize;
    if n_runs > bytes.left() / 2 {
        return Err(bytes.corrupt("more runs than bytes"));
    }
    let run = |_| Ok((bytes.number()? as usize, bytes.number()? as usize));
    let runs = (0..n_runs).map(run).collect::<Result<_, StorageError>>()?;
    Ok(ArenaShape { used_words, runs })
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
        let places = self.book.arenas.get(&name);
        let Places { shape, blobs } = places.ok_or_else(|| mismatch("an arena without a place"))?;
        let (reader, failed) = (self.reader, &mut self.failed);
        arena.restore(shape, |i, words| {
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
        arena.set_name(self.book.id, name);
        Ok(())
    }

    fn piece(
        &mut self,
        piece: &mut Piece,
        show: &mut dyn FnMut(&mut dyn StateVisitor) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        piece.clear();
        show(self)
    }
}
