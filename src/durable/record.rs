//! What one record of the log says: definitions as SQL text, commits as the rows that came in.
//!
//! ```text
//! record     = items
//! definition = 1, metadata [`Definition`] with its length, number of steps u32, then per step of
//!              a view's past: input u32, number of batches u32, batches
//! commit     = 2, metadata [`CommitHead`] with its length, number of relations u32, then per
//!              relation: id u32, number of batches u32, batches
//! acknowledgement = 3, metadata [`Acknowledgement`] with its length
//! prepared   = 4, metadata [`PreparedHead`] with its length, its changes and the rows that it
//!              keeps from others, each as number of relations u32, then as in a commit
//! ended      = 5, the gid of a prepared transaction with its length: it is committed by the commit
//!              in front, or rolled back if there is none
//! ```
//!
//! A record is one statement's or one round's: all of it counts or nothing. Only what came from
//! outside is logged; views, their errors and their watermarks follow from it.
//! Invariant: replaying a record on the state that it was made on gives the state it led to.

use arena_tr_storage::codec::{self, Bytes, Decode, Encode, batch};
use arena_tr_storage::{Batch, StorageError};
use arena_tr_types::RelationId;

use crate::engine::commit::Deltas;

const DEFINITION: u8 = 1;
const COMMIT: u8 = 2;
const ACKNOWLEDGEMENT: u8 = 3;
const PREPARED: u8 = 4;
const ENDED: u8 = 5;

/// A statement that changed what exists.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(crate) struct Definition {
    pub(crate) sql: String,
    /// The first id that it gave away.
    pub(crate) first_id: u32,
    /// What the time was.
    pub(crate) now: i64,
}

/// What a commit is besides its rows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(crate) struct CommitHead {
    pub(crate) epoch: u64,
    pub(crate) now: i64,
    pub(crate) doors: Vec<Door>,
}

/// Where a relation stands that rows came into: event time, source, counters.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(crate) struct Door {
    pub(crate) relation: u32,
    pub(crate) largest: i64,
    pub(crate) ended: bool,
    /// Rows that its source has delivered.
    pub(crate) delivered: u64,
    /// Where its source stands, see `FeedState::to_code`.
    pub(crate) feed: u8,
    pub(crate) late_rows: u64,
    pub(crate) bad_rows: u64,
}

/// A consumer of a subscription does not need its changes up to an epoch any more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(crate) struct Acknowledgement {
    pub(crate) subscription: String,
    pub(crate) up_to: u64,
}

/// What a prepared transaction is besides its rows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[bincode(crate = "arena_tr_storage::codec::bincode")]
pub(crate) struct PreparedHead {
    pub(crate) gid: String,
    /// The last commit when it was prepared.
    pub(crate) epoch: u64,
    pub(crate) now: i64,
}

/// A transaction that is prepared: neither committed nor rolled back.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) head: PreparedHead,
    /// What it will change; rows that come in are not judged late or in time yet.
    pub(crate) changes: Deltas,
    /// Rows that it changed and changed back, as rows that leave: nobody else may change them.
    pub(crate) kept: Deltas,
}

/// A step of a view's past: rows that its input had before the view was made.
#[derive(Debug, Clone)]
pub(crate) struct PastStep {
    pub(crate) input: usize,
    pub(crate) batches: Vec<Batch>,
}

/// A part of a record.
#[derive(Debug)]
pub(crate) enum Item {
    Definition(Definition, Vec<PastStep>),
    Commit(CommitHead, Deltas),
    Acknowledgement(Acknowledgement),
    Prepared(Prepared),
    Ended(String),
}

type Result<T> = std::result::Result<T, StorageError>;

pub(super) fn put_meta<T: Encode>(meta: &T, out: &mut Vec<u8>) -> Result<()> {
    let mut bytes = Vec::new();
    codec::encode(meta, &mut bytes)?;
    codec::put_sized(&bytes, out)
}

pub(super) fn get_meta<T: Decode<()>>(bytes: &mut Bytes<'_>) -> Result<T> {
    codec::decode(bytes.sized()?)
}

/// Batches with their number in front; long ones in pieces.
pub(crate) fn put_batches(batches: &[Batch], out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut n = 0u32;
    for batch in batches {
        if batch.rows() <= batch::MAX_ROWS {
            batch::encode(batch, out)?;
            n += 1;
            continue;
        }
        let batch = batch.compacted();
        for from in (0..batch.rows()).step_by(batch::MAX_ROWS) {
            let rows = batch::MAX_ROWS.min(batch.rows() - from);
            batch::encode(&batch.slice(from, rows), out)?;
            n += 1;
        }
    }
    out[start..start + 4].copy_from_slice(&n.to_le_bytes());
    Ok(())
}

pub(crate) fn get_batches(bytes: &mut Bytes<'_>) -> Result<Vec<Batch>> {
    let n = bytes.u32()? as usize;
    // An encoded batch has nine bytes at least.
    if n > bytes.left() / 9 {
        return Err(bytes.corrupt("more batches than bytes"));
    }
    (0..n).map(|_| batch::decode(bytes)).collect()
}

/// Appends a definition. `past` are the steps that [`put_step`] wrote.
pub(crate) fn put_definition(
    definition: &Definition,
    (n_steps, past): (u32, &[u8]),
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(DEFINITION);
    put_meta(definition, out)?;
    out.extend_from_slice(&n_steps.to_le_bytes());
    out.extend_from_slice(past);
    Ok(())
}

/// Appends a step of a view's past.
pub(crate) fn put_step(input: usize, batches: &[Batch], out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&(input as u32).to_le_bytes());
    put_batches(batches, out)
}

/// Appends a commit.
pub(crate) fn put_commit(head: &CommitHead, deltas: &Deltas, out: &mut Vec<u8>) -> Result<()> {
    out.push(COMMIT);
    put_meta(head, out)?;
    put_deltas(deltas, out)
}

fn put_deltas(deltas: &Deltas, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&(deltas.len() as u32).to_le_bytes());
    for (id, batches) in deltas {
        out.extend_from_slice(&id.0.to_le_bytes());
        put_batches(batches, out)?;
    }
    Ok(())
}

/// Appends an acknowledgement.
pub(crate) fn put_acknowledgement(of: &Acknowledgement, out: &mut Vec<u8>) -> Result<()> {
    out.push(ACKNOWLEDGEMENT);
    put_meta(of, out)
}

fn get_deltas(bytes: &mut Bytes<'_>) -> Result<Deltas> {
    let n = bytes.u32()?;
    let mut deltas = Deltas::new();
    for _ in 0..n {
        let id = RelationId(bytes.u32()?);
        deltas.insert(id, get_batches(bytes)?);
    }
    Ok(deltas)
}

impl Prepared {
    /// Appends what it is, without saying that it is one.
    pub(super) fn put(&self, out: &mut Vec<u8>) -> Result<()> {
        put_meta(&self.head, out)?;
        put_deltas(&self.changes, out)?;
        put_deltas(&self.kept, out)
    }

    /// What [`Prepared::put`] wrote.
    pub(super) fn get(bytes: &mut Bytes<'_>) -> Result<Self> {
        let head = get_meta(bytes)?;
        Ok(Self { head, changes: get_deltas(bytes)?, kept: get_deltas(bytes)? })
    }
}

/// Appends a transaction that is prepared.
pub(crate) fn put_prepared(prepared: &Prepared, out: &mut Vec<u8>) -> Result<()> {
    out.push(PREPARED);
    prepared.put(out)
}

/// Appends the end of a prepared transaction, by the commit in front or by ROLLBACK.
pub(crate) fn put_ended(gid: &str, out: &mut Vec<u8>) -> Result<()> {
    out.push(ENDED);
    codec::put_sized(gid.as_bytes(), out)
}

/// The items of a record.
pub(crate) fn items(payload: &[u8]) -> Result<Vec<Item>> {
    let mut bytes = Bytes::new(payload);
    let mut items = Vec::new();
    while bytes.left() > 0 {
        items.push(match bytes.u8()? {
            DEFINITION => {
                let definition = get_meta(&mut bytes)?;
                let n = bytes.u32()?;
                let step = |_| {
                    let input = bytes.u32()? as usize;
                    Ok(PastStep { input, batches: get_batches(&mut bytes)? })
                };
                Item::Definition(definition, (0..n).map(step).collect::<Result<_>>()?)
            }
            COMMIT => {
                let head = get_meta(&mut bytes)?;
                Item::Commit(head, get_deltas(&mut bytes)?)
            }
            PREPARED => Item::Prepared(Prepared::get(&mut bytes)?),
            ENDED => {
                let gid = bytes.sized()?;
                let gid = std::str::from_utf8(gid).map_err(|_| bytes.corrupt("no UTF-8"))?;
                Item::Ended(gid.to_owned())
            }
            ACKNOWLEDGEMENT => Item::Acknowledgement(get_meta(&mut bytes)?),
            _ => return Err(bytes.corrupt("an unknown kind of item")),
        });
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use arena_tr_types::{DataType, Value};

    use super::*;

    #[test]
    fn records_come_back() {
        let types = [DataType::Int8, DataType::Text];
        let rows: Vec<Vec<Value>> =
            (0..3).map(|i| vec![Value::Int8(i), Value::Text("x".into())]).collect();
        let batch = Batch::from_rows(&rows, &types).expect("values of their types");
        let definition = Definition { sql: "CREATE".to_owned(), first_id: 3, now: 5 };
        let door = Door {
            relation: 9,
            largest: -1,
            ended: true,
            delivered: 7,
            feed: 2,
            late_rows: 1,
            bad_rows: 0,
        };
        let head = CommitHead { epoch: 4, now: 6, doors: vec![door] };
        let deltas = Deltas::from([(RelationId(9), vec![batch.clone(), batch.negate()])]);
        let mut past = Vec::new();
        put_step(1, std::slice::from_ref(&batch), &mut past).expect("short");
        let mut out = Vec::new();
        put_definition(&definition, (1, &past), &mut out).expect("short");
        put_commit(&head, &deltas, &mut out).expect("short");
        let acknowledgement = Acknowledgement { subscription: "s".to_owned(), up_to: 7 };
        put_acknowledgement(&acknowledgement, &mut out).expect("short");
        let kept = Deltas::from([(RelationId(8), vec![batch.negate()])]);
        let head_of = PreparedHead { gid: "a'b".to_owned(), epoch: 3, now: 7 };
        let prepared = Prepared { head: head_of, changes: deltas.clone(), kept };
        put_prepared(&prepared, &mut out).expect("short");
        put_ended("gid", &mut out).expect("short");
        let items = items(&out).expect("what was put");
        let [
            Item::Definition(d, steps),
            Item::Commit(h, found),
            Item::Acknowledgement(a),
            Item::Prepared(p),
            Item::Ended(gid),
        ] = &items[..]
        else {
            panic!("{items:?}");
        };
        assert_eq!(a, &acknowledgement);
        assert_eq!((&p.head, gid.as_str()), (&prepared.head, "gid"));
        assert_eq!(p.kept[&RelationId(8)][0].to_rows(&types), rows);
        assert_eq!(p.changes.keys().collect::<Vec<_>>(), deltas.keys().collect::<Vec<_>>());
        assert_eq!((d, h, steps[0].input), (&definition, &head, 1));
        assert_eq!(steps[0].batches[0].to_rows(&types), rows);
        let weights: Vec<i64> = found[&RelationId(9)].iter().map(Batch::total_weight).collect();
        assert_eq!(weights, [3, -3]);
        for n in 1..out.len() {
            // A prefix may end where an item does; it never panics.
            let _ = super::items(&out[..n]);
        }
    }
}
