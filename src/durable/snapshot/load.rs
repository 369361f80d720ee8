//! Putting a snapshot back: its definitions are run again, then what they made gets its contents,
//! its state and its place.
//!
//! A view whose program is another than the one whose state was saved (a later version of this
//! program may plan it differently) is computed anew from what its inputs hold, if that is still
//! all that it is over.
//! Invariant: a database that was loaded is the one that was captured, or loading fails.

use std::collections::VecDeque;
use std::sync::Arc;

use arena_tr_storage::StorageError;
use arena_tr_storage::log::Lsn;
use arena_tr_storage::snapshot::{
    ArenaBook, SnapshotError, SnapshotReader, SnapshotRef, StateLoader,
};
use arena_tr_storage::state::Visit;
use arena_tr_storage::table::SavedChunk;
use arena_tr_types::{Epoch, RelationId, SqlState};

use super::book::{Books, Marks, SavedPlaces};
use super::capture::Undelivered;
use super::index::{self, Index, IndexedRelation, Moment, SavedSubscription, SinkHead};
use crate::database::Database;
use crate::durable::recover::run_definition;
use crate::engine::{Engine, FeedState, RecalledSink};
use crate::error::{Error, Result};

/// What becomes of sinks that write into files of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sinks {
    /// They go on where they were.
    GoOn,
    /// They are out of work: the files are another database's.
    Off,
}

/// Puts a snapshot into a database that has nothing yet; what is known of its blobs.
///
/// # Errors
/// XX001 when it is damaged. The database is of no use then.
pub(crate) fn load(
    db: &Database,
    reader: &SnapshotReader,
    of: &SnapshotRef,
    sinks: Sinks,
) -> Result<Books> {
    let bytes = reader.index(of)?;
    let index = index::get(&bytes, Lsn(of.lsn)).map_err(SnapshotError::from)?;
    let Index { mut moment, relations, arenas } = index;
    db.engine().recalled_sinks =
        moment.sinks.iter().map(|sink| (sink.name.clone(), sink.recalled(sinks))).collect();
    for definition in &moment.definitions {
        run_definition(db, definition, VecDeque::new())?;
    }
    let mut books = Books { arenas, ..Books::default() };
    let mut engine = db.engine();
    engine.recalled_sinks.clear();
    let mut anew = Vec::new();
    for relation in relations {
        let id = RelationId(relation.head.id);
        let same = engine.load_relation(id, &relation, &books.arenas, reader)?;
        if !same {
            anew.push(id);
        }
        if relation.head.table.is_some() {
            books.tables.insert(id, relation.chunks.into_iter().collect());
        }
    }
    engine.epoch = Epoch(moment.epoch);
    engine.now = moment.now;
    engine.next_id = moment.next_id;
    for id in anew {
        engine.compute_anew(id)?;
    }
    for SavedSubscription { head, queue } in std::mem::take(&mut moment.subscriptions) {
        let tracked = engine.tracked.get_mut(&head.name).ok_or_else(other_shape)?;
        tracked.restore(head.place, queue);
    }
    for prepared in std::mem::take(&mut moment.prepared) {
        engine.restore_prepared(prepared)?;
    }
    engine.load_sinks(moment)?;
    Ok(books)
}

/// Why something did not work when it was saved.
fn error_of(message: &str) -> Error {
    Error::new(SqlState::OBJECT_IN_WRONG_STATE, message)
}

impl Engine {
    /// Puts a relation's contents, place and state back; false if its view has to be computed
    /// anew.
    fn load_relation(
        &mut self,
        id: RelationId,
        of: &IndexedRelation<'_>,
        arenas: &ArenaBook,
        reader: &SnapshotReader,
    ) -> Result<bool> {
        let entry = self.entry_mut(id)?;
        match (&of.head.table, &mut entry.store) {
            (None, None) => {}
            (Some(header), Some(store)) => {
                let mut chunks = of.chunks.clone();
                chunks.sort_unstable_by_key(|(_, places)| places.order);
                let chunks = chunks.into_iter().map(|(n, places)| read_chunk(n, &places, reader));
                store.restore(header, chunks)?;
            }
            _ => return Err(other_shape()),
        }
        if let (Some(gate), Some((largest, ended))) = (&mut entry.gate, of.head.gate) {
            gate.set_position(largest, ended);
        }
        if let Some(feed) = &mut entry.connector {
            feed.delivered = of.head.delivered;
            feed.state = FeedState::from_code(of.head.feed);
        }
        entry.counters.rows_in = of.head.rows_in;
        entry.counters.late_rows = of.head.late_rows;
        entry.counters.bad_rows = of.head.bad_rows;
        let (view, head) = match (&mut entry.view, &of.head.view) {
            (None, None) => return Ok(true),
            (Some(view), Some(head)) => (view, head),
            _ => return Err(other_shape()),
        };
        view.watermark = head.watermark;
        if let Some(error) = &head.failed {
            // Its task is never stepped: it is made anew with its contents.
            view.failed = Some(error_of(error));
            return Ok(true);
        }
        if head.fingerprint != view.task.fingerprint() {
            return Ok(false);
        }
        let mut loader = StateLoader::new(of.notes, arenas, reader);
        let loaded = view.task.visit(&mut loader);
        loader.finish(loaded)?;
        view.failed = None;
        Ok(true)
    }

    /// Computes a view from what its inputs hold: its state was saved by another version.
    fn compute_anew(&mut self, id: RelationId) -> Result<()> {
        let relation = Arc::clone(&self.entry(id)?.relation);
        let message = format!("the plan of \"{}\" has changed since it was saved", relation.name);
        let (epoch, now) = (self.epoch, self.now);
        if let Some(view) = self.entry_mut(id)?.view.as_mut() {
            view.failed = Some(
                Error::new(SqlState::OBJECT_IN_WRONG_STATE, message)
                    .with_hint("DROP it and CREATE it again"),
            );
        }
        let mut deltas = crate::engine::commit::Deltas::new();
        self.rebuild(id, epoch, now, &mut deltas)
    }

    /// Gives sinks what they had not been given yet.
    fn load_sinks(&mut self, moment: Moment) -> Result<()> {
        for SinkHead { name, since, .. } in moment.sinks {
            let Some(entry) = self.sinks.get_mut(&name) else { return Err(other_shape()) };
            entry.since = Epoch(since);
        }
        for Undelivered { sink, epoch, now, delta } in moment.undelivered {
            let Some(entry) = self.sinks.get_mut(&sink) else { continue };
            if entry.failed.is_none() && entry.sink.begins_empty() {
                entry.failed = entry.sink.write(Epoch(epoch), now, &delta).err();
            }
        }
        Ok(())
    }
}

impl SinkHead {
    /// What the sink is made from.
    fn recalled(&self, sinks: Sinks) -> RecalledSink {
        if let Some(error) = &self.failed {
            return RecalledSink::Stopped(error_of(error));
        }
        match &self.position {
            Some(position) if sinks == Sinks::GoOn => RecalledSink::At(position.clone()),
            _ if self.begins_empty => {
                let name = &self.name;
                let message = format!("sink \"{name}\" cannot go on with what it has written");
                let hint = match sinks {
                    Sinks::GoOn => "its file is written in one go: DROP it and CREATE it again",
                    Sinks::Off => "its file is another database's: DROP it and CREATE it again",
                };
                let error = Error::new(SqlState::OBJECT_IN_WRONG_STATE, message);
                RecalledSink::Stopped(error.with_hint(hint))
            }
            _ => RecalledSink::Anew,
        }
    }
}

fn other_shape() -> Error {
    let what = "a relation of another shape than was saved";
    StorageError::Corrupt { what, offset: 0 }.into()
}

fn read_chunk(
    number: u64,
    places: &SavedPlaces,
    reader: &SnapshotReader,
) -> Result<SavedChunk<Vec<u8>>> {
    let SavedPlaces { order, filled, changed, .. } = *places;
    let columns = places.columns.as_ref().ok_or_else(other_shape)?;
    let columns = reader.blob(columns)?;
    let marks = match &places.marks {
        Marks::At(blob) => reader.blob(blob)?,
        Marks::None | Marks::Unknown => Vec::new(),
    };
    Ok(SavedChunk { number, order, filled, changed, columns, marks })
}
