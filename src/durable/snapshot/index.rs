//! The index of a snapshot: everything that is not a blob, and where the blobs are.
//!
//! ```text
//! index      = version number, moment, relations, arenas, undelivered, subscriptions, prepared
//! moment     = metadata [`MomentHead`] with its length; number of definitions, each as metadata
//!              with its length; number of sinks, likewise
//! relations  = their number; per relation: metadata [`RelationHead`] with its length; if it has
//!              contents: number of chunks, per chunk number, order, filled, changed, the place of
//!              its columns, 0 or 1 and the place of its marks; if it has a view that works: what
//!              its state noted, with its length
//! arenas     = see `ArenaBook`
//! undelivered = their number; per item: name of the sink with its length, epoch, time, batches
//! subscriptions = their number; per subscription: metadata [`SubscriptionHead`] with its length,
//!              number of epochs in its queue, per epoch: epoch, time, batches
//! prepared   = their number; per transaction as in the log, see `durable::record`
//! ```
//!
//! Numbers are as `codec::put_number` writes them unless it says otherwise.
//! Invariant: an index names every blob that loading asks for.

use arena_tr_storage::StorageError;
use arena_tr_storage::codec::{Bytes, Decode, Encode, put_number, put_sized};
use arena_tr_storage::log::Lsn;
use arena_tr_storage::snapshot::{ArenaBook, BlobRef};
use arena_tr_storage::table::TableHeader;

use super::book::{Books, Marks, SavedPlaces};
use super::capture::{CapturedRelation, Undelivered};
use crate::durable::record::{Definition, Prepared, get_batches, get_meta, put_batches, put_meta};
use crate::engine::tracked::{Kept, Place};

/// The version of the index that this program writes.
const VERSION: u64 = 1;

/// The database itself.
pub(super) struct Moment {
    /// The log goes on here. Not part of the index: the manifest says it.
    pub(super) lsn: Lsn,
    pub(super) epoch: u64,
    pub(super) now: i64,
    pub(super) next_id: u32,
    pub(super) definitions: Vec<Definition>,
    pub(super) sinks: Vec<SinkHead>,
    pub(super) undelivered: Vec<Undelivered>,
    pub(super) subscriptions: Vec<SavedSubscription>,
    pub(super) prepared: Vec<Prepared>,
}

/// A subscription and what waits for its consumer.
pub(super) struct SavedSubscription {
    pub(super) head: SubscriptionHead,
    pub(super) queue: Vec<Kept>,
}

/// A subscription without what waits.
#[derive(Debug, Clone, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(super) struct SubscriptionHead {
    pub(super) name: String,
    pub(super) place: Place,
}

#[derive(Debug, Clone, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
struct MomentHead {
    epoch: u64,
    now: i64,
    next_id: u32,
}

/// A sink, and how far it is.
#[derive(Debug, Clone, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(super) struct SinkHead {
    pub(super) name: String,
    pub(super) since: u64,
    /// Where it can go on, in its own words.
    pub(super) position: Option<Vec<u8>>,
    pub(super) begins_empty: bool,
    /// Why it takes no more.
    pub(super) failed: Option<String>,
}

/// A relation without its rows.
#[derive(Debug, Clone, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(super) struct RelationHead {
    pub(super) id: u32,
    /// The largest event time and whether it has ended.
    pub(super) gate: Option<(i64, bool)>,
    pub(super) delivered: u64,
    pub(super) feed: u8,
    pub(super) rows_in: u64,
    pub(super) late_rows: u64,
    pub(super) bad_rows: u64,
    pub(super) table: Option<TableHeader>,
    pub(super) view: Option<ViewHead>,
}

/// A view without its state.
#[derive(Debug, Clone, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(super) struct ViewHead {
    pub(super) watermark: i64,
    /// Of the program whose state it is.
    pub(super) fingerprint: u64,
    /// Why it does not work.
    pub(super) failed: Option<String>,
}

/// A relation as it is loaded.
pub(super) struct IndexedRelation<'a> {
    pub(super) head: RelationHead,
    pub(super) chunks: Vec<(u64, SavedPlaces)>,
    pub(super) notes: &'a [u8],
}

/// What an index says.
pub(super) struct Index<'a> {
    pub(super) moment: Moment,
    pub(super) relations: Vec<IndexedRelation<'a>>,
    pub(super) arenas: ArenaBook,
}

type Result<T> = std::result::Result<T, StorageError>;

/// Appends the index of a snapshot.
pub(super) fn put(
    moment: &Moment,
    relations: &[CapturedRelation],
    books: &mut Books,
    arenas: &[u64],
    out: &mut Vec<u8>,
) -> Result<()> {
    put_number(VERSION, out);
    put_moment(moment, out)?;
    put_number(relations.len() as u64, out);
    for relation in relations {
        put_meta(&relation.head, out)?;
        if relation.contents.is_some() {
            let places = books.places(relation.head.id)?;
            put_number(places.len() as u64, out);
            for (number, places) in places {
                places.put(*number, out)?;
            }
        }
        if relation.head.has_state() {
            put_sized(&relation.notes, out)?;
        }
    }
    books.arenas.put(arenas, out)?;
    put_number(moment.undelivered.len() as u64, out);
    for Undelivered { sink, epoch, now, delta } in &moment.undelivered {
        put_sized(sink.as_bytes(), out)?;
        put_number(*epoch, out);
        put_number(now.cast_unsigned(), out);
        put_batches(delta, out)?;
    }
    put_number(moment.subscriptions.len() as u64, out);
    moment.subscriptions.iter().try_for_each(|subscription| subscription.put(out))?;
    put_number(moment.prepared.len() as u64, out);
    moment.prepared.iter().try_for_each(|prepared| prepared.put(out))
}

fn put_moment(moment: &Moment, out: &mut Vec<u8>) -> Result<()> {
    let Moment { epoch, now, next_id, definitions, sinks, .. } = moment;
    put_meta(&MomentHead { epoch: *epoch, now: *now, next_id: *next_id }, out)?;
    put_number(definitions.len() as u64, out);
    definitions.iter().try_for_each(|definition| put_meta(definition, out))?;
    put_number(sinks.len() as u64, out);
    sinks.iter().try_for_each(|sink| put_meta(sink, out))
}

/// What the index says whose bytes these are.
pub(super) fn get(bytes: &[u8], lsn: Lsn) -> Result<Index<'_>> {
    let mut bytes = Bytes::new(bytes);
    if bytes.number()? != VERSION {
        return Err(bytes.corrupt("an index of a newer version"));
    }
    let MomentHead { epoch, now, next_id } = get_meta(&mut bytes)?;
    let definitions = get_list(&mut bytes)?;
    let sinks = get_list(&mut bytes)?;
    let mut relations = Vec::new();
    for _ in 0..bytes.number()? {
        relations.push(get_relation(&mut bytes)?);
    }
    let arenas = ArenaBook::get(&mut bytes)?;
    let mut undelivered = Vec::new();
    for _ in 0..bytes.number()? {
        let sink = String::from_utf8_lossy(bytes.sized()?).into_owned();
        let (epoch, now) = (bytes.number()?, bytes.number()?.cast_signed());
        undelivered.push(Undelivered { sink, epoch, now, delta: get_batches(&mut bytes)? });
    }
    let mut subscriptions = Vec::new();
    for _ in 0..bytes.number()? {
        subscriptions.push(SavedSubscription::get(&mut bytes)?);
    }
    let mut prepared = Vec::new();
    for _ in 0..bytes.number()? {
        prepared.push(Prepared::get(&mut bytes)?);
    }
    if bytes.left() > 0 {
        return Err(bytes.corrupt("bytes after the index"));
    }
    let moment = Moment {
        lsn,
        epoch,
        now,
        next_id,
        definitions,
        sinks,
        undelivered,
        subscriptions,
        prepared,
    };
    Ok(Index { moment, relations, arenas })
}

/// Metadata, one piece after the other.
fn get_list<T: Decode<()>>(bytes: &mut Bytes<'_>) -> Result<Vec<T>> {
    let n = bytes.number()?;
    // One at a time: a number that is wrong ends where the bytes end.
    let mut list = Vec::new();
    for _ in 0..n {
        list.push(get_meta(bytes)?);
    }
    Ok(list)
}

fn get_relation<'a>(bytes: &mut Bytes<'a>) -> Result<IndexedRelation<'a>> {
    let head: RelationHead = get_meta(bytes)?;
    let mut chunks = Vec::new();
    if head.table.is_some() {
        for _ in 0..bytes.number()? {
            chunks.push(SavedPlaces::get(bytes)?);
        }
    }
    let notes = if head.has_state() { bytes.sized()? } else { &[] };
    Ok(IndexedRelation { head, chunks, notes })
}

impl SavedSubscription {
    fn put(&self, out: &mut Vec<u8>) -> Result<()> {
        put_meta(&self.head, out)?;
        put_number(self.queue.len() as u64, out);
        for Kept { epoch, now, delta } in &self.queue {
            put_number(*epoch, out);
            put_number(now.cast_unsigned(), out);
            put_batches(delta, out)?;
        }
        Ok(())
    }

    fn get(bytes: &mut Bytes<'_>) -> Result<Self> {
        let head = get_meta(bytes)?;
        let mut queue = Vec::new();
        for _ in 0..bytes.number()? {
            let (epoch, now) = (bytes.number()?, bytes.number()?.cast_signed());
            queue.push(Kept { epoch, now, delta: get_batches(bytes)? });
        }
        Ok(Self { head, queue })
    }
}

impl RelationHead {
    /// Whether it has a view whose state was saved.
    fn has_state(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.failed.is_none())
    }
}

impl SavedPlaces {
    fn put(&self, number: u64, out: &mut Vec<u8>) -> Result<()> {
        let missing = StorageError::Corrupt { what: "a chunk that was not written", offset: 0 };
        for n in [number, self.order, self.filled, self.changed] {
            put_number(n, out);
        }
        self.columns.as_ref().ok_or_else(|| missing.clone())?.put(out);
        match &self.marks {
            Marks::Unknown => return Err(missing),
            Marks::None => out.push(0),
            Marks::At(blob) => {
                out.push(1);
                blob.put(out);
            }
        }
        Ok(())
    }

    fn get(bytes: &mut Bytes<'_>) -> Result<(u64, Self)> {
        let number = bytes.number()?;
        let (order, filled, changed) = (bytes.number()?, bytes.number()?, bytes.number()?);
        let columns = Some(BlobRef::get(bytes)?);
        let marks = match bytes.u8()? {
            0 => Marks::None,
            1 => Marks::At(BlobRef::get(bytes)?),
            _ => return Err(bytes.corrupt("neither marks nor none")),
        };
        Ok((number, Self { order, filled, changed, columns, marks }))
    }
}
