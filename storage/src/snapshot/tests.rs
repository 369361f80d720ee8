//! Snapshots of arenas: increments, fallback, and files that are not as they should be.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::arena::{Addr, Arena, CHUNK_BYTES, CHUNK_WORDS, Owner, Pool, Tier};
use crate::disk::{MemDisk, Mode};
use crate::state::tests::Random;
use crate::state::visit::{StateCopy, StateVisitor, Visit};
use crate::state::{Heap, PaneRing};

const DIR: &str = "/snapshots";

fn arena(pool: &Pool) -> Arena {
    Arena::new(pool, Owner::new(1, 0, Tier::Keyed))
}

fn push(arena: &mut Arena, word: u64) {
    arena.push(word).expect("memory");
}

/// Saves arenas as snapshot `number`; the reference and the notes.
fn save(
    disk: &Arc<dyn Disk>,
    book: &mut ArenaBook,
    arenas: &mut [Arena],
    number: u64,
) -> Result<(SnapshotRef, Vec<u8>), SnapshotError> {
    let mut saver = StateSaver::new(book);
    arenas.iter_mut().try_for_each(|arena| arena.visit(&mut saver))?;
    let notes = saver.take_notes();
    let (frozen, names) = saver.finish();
    let mut writer = SnapshotWriter::create(Arc::clone(disk), Path::new(DIR), 7, number)?;
    book.write(frozen, &mut writer)?;
    let mut index = Vec::new();
    book.put(&names, &mut index)?;
    Ok((writer.finish(&index, 0, number)?, notes))
}

fn load(
    disk: &Arc<dyn Disk>,
    arenas: &mut [Arena],
    (snapshot, notes): &(SnapshotRef, Vec<u8>),
) -> Result<ArenaBook, SnapshotError> {
    let reader = SnapshotReader::new(Arc::clone(disk), Path::new(DIR), 7);
    let index = reader.index(snapshot)?;
    let book = ArenaBook::get(&mut Bytes::new(&index))?;
    let mut loader = StateLoader::new(notes, &book, &reader);
    let loaded = arenas.iter_mut().try_for_each(|arena| arena.visit(&mut loader));
    loader.finish(loaded)?;
    Ok(book)
}

fn words(arenas: &[Arena]) -> Vec<Vec<u64>> {
    arenas.iter().flat_map(|a| a.used_chunks().map(<[u64]>::to_vec)).collect()
}

fn new_disk() -> Arc<dyn Disk> {
    let disk: Arc<dyn Disk> = Arc::new(MemDisk::new());
    disk.create_dir(Path::new(DIR)).expect("a new directory");
    disk
}

#[test]
fn increments_hold_what_changed_and_every_snapshot_loads() {
    let (pool, mut random) = (Pool::new(), Random(3));
    let (disk, mut book) = (new_disk(), ArenaBook::default());
    let mut arenas: Vec<Arena> = (0..5).map(|_| arena(&pool)).collect();
    let mut saved = Vec::new();
    for number in 1..=12 {
        for _ in 0..40 {
            let arena = &mut arenas[random.below(5) as usize];
            match random.below(20) {
                0 => arena.clear(),
                1 => {
                    let words = vec![number; CHUNK_WORDS * 3 + 5];
                    arena.alloc_words(&words).expect("memory");
                }
                _ => {
                    let n = 1 + random.below(3000) as usize;
                    arena.alloc_words(&vec![random.next(); n]).expect("memory");
                }
            }
        }
        if number % 5 == 0 {
            book.forget(|file| file < number - 2);
        }
        let snapshot = save(&disk, &mut book, &mut arenas, number).expect("room");
        let known: Vec<u64> = book.blobs().map(|blob| blob.file).collect();
        assert!(number % 5 != 0 || known.iter().all(|file| *file >= number - 2), "{known:?}");
        saved.push((snapshot, words(&arenas)));
    }
    for (snapshot, words_then) in &saved {
        let mut loaded: Vec<Arena> = (0..5).map(|_| arena(&pool)).collect();
        load(&disk, &mut loaded, snapshot).expect("what was saved");
        assert!(words(&loaded) == *words_then);
    }
}

#[test]
fn a_small_change_is_a_small_increment_also_after_loading() {
    let (pool, disk) = (Pool::new(), new_disk());
    let mut book = ArenaBook::default();
    let mut arenas = vec![arena(&pool)];
    (0..100 * CHUNK_WORDS).for_each(|i| push(&mut arenas[0], i as u64));
    let base = save(&disk, &mut book, &mut arenas, 1).expect("room");
    arenas[0].set_word(Addr(5 * CHUNK_WORDS as u32), 1);
    let second = save(&disk, &mut book, &mut arenas, 2).expect("room");
    assert!(second.0.file_bytes() < 2 * CHUNK_BYTES as u64, "{second:?}");
    let mut other = vec![arena(&pool)];
    let mut book = load(&disk, &mut other, &second).expect("what was saved");
    other[0].set_word(Addr(9 * CHUNK_WORDS as u32), 2);
    let third = save(&disk, &mut book, &mut other, 3).expect("room");
    assert!(third.0.file_bytes() < 2 * CHUNK_BYTES as u64, "{third:?}");
    let mut again = vec![arena(&pool)];
    load(&disk, &mut again, &third).expect("what was saved");
    assert!(words(&again) == words(&other));
    load(&disk, &mut again, &base).expect("the base is still there");
    assert_eq!(again[0].word(Addr(5 * CHUNK_WORDS as u32)), 5 * CHUNK_WORDS as u64);
}

#[test]
fn a_snapshot_that_failed_is_made_up_for() {
    let (pool, disk) = (Pool::new(), MemDisk::new());
    disk.create_dir(Path::new(DIR)).expect("a new directory");
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut book = ArenaBook::default();
    let mut arenas = vec![arena(&pool)];
    (0..50 * CHUNK_WORDS).for_each(|i| push(&mut arenas[0], i as u64));
    save(&shared, &mut book, &mut arenas, 1).expect("room");
    (0..50).for_each(|i| arenas[0].set_word(Addr(i * CHUNK_WORDS as u32), 77));
    disk.set_capacity(Some(disk.used() + 10 * CHUNK_BYTES as u64));
    assert!(save(&shared, &mut book, &mut arenas, 2).is_err(), "the disk is full");
    book.forget(|file| file == 2);
    disk.set_capacity(None);
    assert_eq!(shared.list(Path::new(DIR)).expect("a directory").len(), 1, "nothing is left");
    let second = save(&shared, &mut book, &mut arenas, 2).expect("room");
    let mut other = vec![arena(&pool)];
    load(&shared, &mut other, &second).expect("what was saved");
    assert!(words(&other) == words(&arenas));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (pool, disk) = (Pool::new(), new_disk());
    let mut arenas = vec![arena(&pool), arena(&pool)];
    (0..300).for_each(|i| push(&mut arenas[i % 2], i as u64));
    let snapshot = save(&disk, &mut ArenaBook::default(), &mut arenas, 1).expect("room");
    let path = Path::new(DIR).join(file_name(1));
    let file = disk.open(&path, Mode::Write).expect("the file");
    let len = file.len().expect("a length");
    assert_eq!(len, snapshot.0.file_bytes());
    for bit in 0..len * 8 {
        let mut byte = [0];
        file.read_at(bit / 8, &mut byte).expect("in the file");
        file.write_at(bit / 8, &[byte[0] ^ 1 << (bit % 8)]).expect("room");
        let mut other = vec![arena(&pool), arena(&pool)];
        assert!(load(&disk, &mut other, &snapshot).is_err(), "bit {bit} of {len} bytes");
        file.write_at(bit / 8, &byte).expect("room");
    }
    drop(file);
    for end in 0..len {
        let file = disk.open(&path, Mode::Write).expect("the file");
        file.set_len(end).expect("shorter");
        let mut other = vec![arena(&pool), arena(&pool)];
        assert!(load(&disk, &mut other, &snapshot).is_err(), "{end} of {len} bytes");
        // Cut bytes are gone: the file is written anew.
        let whole = save(&disk, &mut ArenaBook::default(), &mut arenas, 1).expect("room");
        assert_eq!(whole.0, snapshot.0, "the same state gives the same bytes");
        if end % 64 != 0 {
            continue;
        }
        load(&disk, &mut other, &whole).expect("whole again");
    }
}

#[test]
fn hostile_notes_and_indexes_are_refused() {
    let (pool, disk, mut random) = (Pool::new(), new_disk(), Random(11));
    let mut arenas = vec![arena(&pool)];
    (0..3 * CHUNK_WORDS).for_each(|i| push(&mut arenas[0], i as u64));
    let (snapshot, notes) = save(&disk, &mut ArenaBook::default(), &mut arenas, 1).expect("room");
    let reader = SnapshotReader::new(Arc::clone(&disk), Path::new(DIR), 7);
    let index = reader.index(&snapshot).expect("an index");
    let book = ArenaBook::get(&mut Bytes::new(&index)).expect("a book");
    for _ in 0..3_000 {
        let mut hostile = notes.clone();
        let at = random.below(hostile.len() as u64) as usize;
        hostile[at] = random.next() as u8;
        let mut other = [arena(&pool)];
        let mut loader = StateLoader::new(&hostile, &book, &reader);
        let loaded = other[0].visit(&mut loader);
        let _ = loader.finish(loaded);
        let mut hostile = index.clone();
        let at = random.below(hostile.len() as u64) as usize;
        hostile[at] = random.next() as u8;
        let _ = ArenaBook::get(&mut Bytes::new(&hostile));
        assert!(pool.usage().peak_bytes < 16 << 20);
    }
    let short = ArenaBook::get(&mut Bytes::new(&index[..index.len() - 1]));
    assert!(short.is_err());
}

/// Panes as a view keeps them: a heap each.
fn fill_pane(ring: &mut PaneRing<Heap>, pool: &Pool, position: i64, word: u64) {
    let heap = ring.get_or_insert(position, || Heap::new(pool, Owner::new(1, 0, Tier::Pane)));
    for _ in 0..20 {
        let addr = heap.alloc(700).expect("memory");
        heap.words_mut(addr, 700).fill(word);
    }
}

struct Ring(PaneRing<Heap>, Pool);

impl Visit for Ring {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        let pool = self.1.clone();
        self.0.visit(|| Heap::new(&pool, Owner::new(1, 0, Tier::Pane)), visitor)
    }
}

#[test]
fn what_is_prepared_is_saved_as_it_is_when_it_is_saved() {
    let (pool, disk, mut random) = (Pool::new(), new_disk(), Random(8));
    let mut ring = Ring(PaneRing::default(), pool.clone());
    let mut book = ArenaBook::default();
    (0..60).for_each(|position| fill_pane(&mut ring.0, &pool, position, position as u64));
    let mut last_bytes = u64::MAX;
    for number in 1..=8 {
        let mut saver = StateSaver::new(&mut book);
        loop {
            // A moment that is over prepares nothing; one far off everything.
            let soon = Instant::now() + Duration::from_micros(random.below(200));
            saver.prepare(soon);
            ring.visit(&mut saver).expect("nothing fails");
            let prepared = saver.prepared();
            // Some panes are written to between preparing and saving, come, or go.
            let position = random.below(70) as i64;
            match random.below(3) {
                0 => fill_pane(&mut ring.0, &pool, position, number),
                1 => drop(ring.0.take(position)),
                _ => {}
            }
            if prepared {
                break;
            }
        }
        ring.visit(&mut saver).expect("nothing fails");
        let notes = saver.take_notes();
        let (frozen, names) = saver.finish();
        let disk_ = Arc::clone(&disk);
        let mut writer = SnapshotWriter::create(disk_, Path::new(DIR), 7, number).expect("room");
        book.write(frozen, &mut writer).expect("room");
        let mut index = Vec::new();
        book.put(&names, &mut index).expect("every chunk was written");
        let snapshot = writer.finish(&index, 0, number).expect("room");
        let mut other = Ring(PaneRing::default(), pool.clone());
        let reader = SnapshotReader::new(Arc::clone(&disk), Path::new(DIR), 7);
        let bytes = reader.index(&snapshot).expect("an index");
        let loaded_book = ArenaBook::get(&mut Bytes::new(&bytes)).expect("a book");
        let mut loader = StateLoader::new(&notes, &loaded_book, &reader);
        let loaded = other.visit(&mut loader);
        loader.finish(loaded).expect("what was saved");
        let copy = |ring: &mut Ring| StateCopy::of(ring).expect("nothing fails");
        assert!(copy(&mut other) == copy(&mut ring), "snapshot {number}");
        if number > 1 {
            assert!(snapshot.file_bytes() < last_bytes, "an increment");
        } else {
            last_bytes = snapshot.file_bytes() / 2;
        }
        if number == 5 {
            book.forget(|file| file < 3);
            last_bytes *= 2;
        } else if number == 6 {
            last_bytes /= 2;
        }
    }
}
