//! What one record of the log says: definitions as SQL text, commits as the rows that came in.
//!
//! ```text
//! record     = items
//! definition = 1, metadata [`Definition`] with its length, number of steps u32, then per step of
//!              a view's past: input u32, number of batches u32, batches
//! commit     = 2, metadata [`CommitHead`] with its length, number of relations u32, then per
//!              relation: id u32, number of batches u32, batches
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
}

type Result<T> = std::result::Result<T, StorageError>;

fn put_meta<T: Encode>(meta: &T, out: &mut Vec<u8>) -> Result<()> {
    let mut bytes = Vec::new();
    codec::encode(meta, &mut bytes)?;
    codec::put_sized(&bytes, out)
}

fn get_meta<T: Decode<()>>(bytes: &mut Bytes<'_>) -> Result<T> {
    codec::decode(bytes.sized()?)
}

/// Batches with their number in front; long ones in pieces.
fn put_batches(batches: &[Batch], out: &mut Vec<u8>) -> Result<()> {
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

fn get_batches(bytes: &mut Bytes<'_>) -> Result<Vec<Batch>> {
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
    out.extend_from_slice(&(deltas.len() as u32).to_le_bytes());
    for (id, batches) in deltas {
        out.extend_from_slice(&id.0.to_le_bytes());
        put_batches(batches, out)?;
    }
    Ok(())
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
                let n = bytes.u32()?;
                let mut deltas = Deltas::new();
                for _ in 0..n {
                    let id = RelationId(bytes.u32()?);
                    deltas.insert(id, get_batches(&mut bytes)?);
                }
                Item::Commit(head, deltas)
            }
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
        let items = items(&out).expect("what was put");
        let [Item::Definition(d, steps), Item::Commit(h, found)] = &items[..] else {
            panic!("{items:?}");
        };
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
