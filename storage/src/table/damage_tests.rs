//! Saved stores that are damaged: every bit and every length. What comes of it is an error, or rows
//! that can be read; never a panic, and never more memory than the bytes and the header account
//! for.

use arena_tr_types::{DataType, Value};

use super::save_tests::{Disk, Kind, all_types, batch, contents, row};
use super::{RelationStore, SavedChunk, TableHeader};
use crate::arena::Pool;
use crate::batch::Batch;
use crate::codec::{self, Bytes};
use crate::column::Column;
use crate::error::StorageError;
use crate::state::tests::Random;

type Saved = (TableHeader, Vec<SavedChunk<Vec<u8>>>);

fn kinds() -> [Kind; 3] {
    let keyed = Kind {
        types: all_types(),
        keyed: true,
        key: Some(vec![0, 7]),
        indexes: vec![(vec![2], true), (vec![11, 12], false)],
    };
    let rows = Kind { key: None, indexes: vec![(vec![1], false)], ..keyed.clone() };
    let growing = Kind { keyed: false, indexes: Vec::new(), ..rows.clone() };
    [keyed, rows, growing]
}

/// A few rows of every type, in chunks with marks and weights where there are such.
fn sample(kind: &Kind) -> Saved {
    let mut random = Random(77);
    let mut store = kind.make(&Pool::default());
    let weight = if kind.keyed && kind.key.is_none() { 5 } else { 1 };
    let mut rows: Vec<(Vec<Value>, i64)> = (0..9)
        .map(|k| (row(&mut random, k, &kind.types), weight - i64::from(k % 2) * (weight - 1)))
        .collect();
    for (k, (row, _)) in rows.iter_mut().enumerate() {
        row[2] = Value::Int8(k as i64);
    }
    store.apply(&[batch(&rows, &kind.types)]).expect("new rows");
    if kind.keyed {
        let gone: Vec<_> = rows[2..5].iter().map(|(row, w)| (row.clone(), -w)).collect();
        store.apply(&[batch(&gone, &kind.types)]).expect("they are there");
    }
    let mut disk = Disk::default();
    disk.save(&store.snapshot());
    (disk.header(), disk.chunks())
}

fn restore(kind: &Kind, saved: &Saved) -> (Result<(), StorageError>, RelationStore) {
    let mut store = kind.make(&Pool::default());
    let chunks = saved.1.iter().map(|c| Ok(c.clone()));
    let result = store.restore(&saved.0, chunks);
    (result, store)
}

/// Whatever is there can be read, saved, and taken away.
fn use_all(kind: &Kind, store: &mut RelationStore) {
    let rows = contents(&store.scan(), &kind.types);
    assert_eq!(store.len() as i64, rows.iter().map(|(_, w)| w).sum::<i64>());
    for value in rows.iter().flat_map(|(row, _)| row) {
        // Dates and times that do not exist have no text; their bytes are checked elsewhere.
        if !matches!(value, Value::TimestampTz(_) | Value::Interval(_)) {
            assert!(value.to_string().len() < 4000);
        }
    }
    Disk::default().save(&store.snapshot());
    if kind.keyed {
        let negated: Vec<Batch> = store.scan().iter().map(Batch::negate).collect();
        store.apply(&negated).expect("what is there can leave");
        assert!(store.is_empty());
    }
}

fn assert_corrupt(kind: &Kind, saved: &Saved, why: &str) {
    let (result, mut store) = restore(kind, saved);
    assert!(matches!(result, Err(StorageError::Corrupt { .. })), "{why}: {result:?}");
    assert!(store.is_empty() && store.version() == 0 && store.snapshot().chunks().is_empty());
    let rows = [(row(&mut Random(8), 1, &kind.types), 1)];
    store.apply(&[batch(&rows, &kind.types)]).expect("the store is as new");
    assert_eq!(store.len(), 1, "{why}");
}

/// One of the two byte strings of a chunk.
type Part = fn(&mut SavedChunk<Vec<u8>>) -> &mut Vec<u8>;
const PARTS: [Part; 2] = [|c| &mut c.columns, |c| &mut c.marks];

#[test]
fn every_length_but_the_right_one_is_refused() {
    for kind in kinds() {
        let good = sample(&kind);
        assert_eq!(restore(&kind, &good).0, Ok(()));
        for part in PARTS {
            for n in 0..good.1.len() {
                let mut saved = good.clone();
                let full = part(&mut saved.1[n]).clone();
                for length in (0..full.len()).rev() {
                    part(&mut saved.1[n]).truncate(length);
                    // Without marks all rows are there once, which is another number of rows.
                    assert_corrupt(&kind, &saved, &format!("{length} of {} bytes", full.len()));
                }
                *part(&mut saved.1[n]) = [&full[..], &[0]].concat();
                assert_corrupt(&kind, &saved, "a byte more");
            }
        }
    }
}

#[test]
fn no_bit_that_flips_does_harm() {
    for kind in kinds() {
        let good = sample(&kind);
        let (mut refused, mut used) = (0, 0);
        for part in PARTS {
            let mut saved = good.clone();
            for n in 0..saved.1.len() {
                for bit in 0..part(&mut saved.1[n]).len() * 8 {
                    part(&mut saved.1[n])[bit / 8] ^= 1 << (bit % 8);
                    let (result, mut store) = restore(&kind, &saved);
                    match result {
                        Ok(()) => {
                            used += 1;
                            use_all(&kind, &mut store);
                        }
                        Err(StorageError::Corrupt { .. }) => {
                            refused += 1;
                            assert!(store.is_empty() && store.scan().is_empty());
                        }
                        Err(other) => panic!("bit {bit}: {other}"),
                    }
                    part(&mut saved.1[n])[bit / 8] ^= 1 << (bit % 8);
                }
            }
        }
        assert!(refused > 300 && used > 300, "{refused} refused, {used} used");
    }
}

/// Where the numbers and types stand that say how to read the rest: each is wrong in every way.
#[test]
fn wrong_counts_and_types_are_refused() {
    for kind in kinds() {
        let good = sample(&kind);
        // Number of batches, of rows, of columns, the flag of weights, the first column's type.
        for at in 0..14 {
            for flip in 1..=255 {
                let mut saved = good.clone();
                saved.1[0].columns[at] ^= flip;
                assert_corrupt(&kind, &saved, &format!("byte {at} ^ {flip}"));
            }
        }
        if kind.keyed {
            // Of rows and of weights.
            for (at, flip) in (0..4).flat_map(|at| (1..=255).map(move |flip| (at, flip))) {
                let mut saved = good.clone();
                saved.1[0].marks[at] ^= flip;
                assert_corrupt(&kind, &saved, &format!("mark {at} ^ {flip}"));
            }
        }
        let mut others = kind.types.clone();
        others.swap(1, 2);
        let other = Kind { types: others, ..kind.clone() };
        assert_corrupt(&other, &good, "types in another order");
        let mut fewer = kind.clone();
        fewer.types.pop();
        assert_corrupt(&fewer, &good, "a column more than the relation has");
    }
}

type Damage = fn(&mut Saved);

#[test]
fn numbers_that_contradict_each_other_are_refused() {
    for kind in kinds() {
        let good = sample(&kind);
        let wrong: [(&str, Damage); 12] = [
            ("more rows", |s| s.0.len += 1),
            ("fewer rows", |s| s.0.len -= 1),
            ("no end of rows", |s| s.0.len = u64::MAX),
            ("changed later than now", |s| s.0.version = 0),
            ("no version can follow", |s| s.0.version = u64::MAX),
            ("no number can follow", |s| s.0.last_number = u64::MAX),
            ("a number that was not given yet", |s| s.0.last_number = 0),
            ("a number that nobody has", |s| s.1[0].number = 0),
            ("filled after it changed", |s| s.1[0].filled = s.1[0].changed + 1),
            ("an order after its number", |s| s.1[0].order = s.1[0].number + 1),
            ("another open chunk", |s| s.0.open = Some(77)),
            ("no chunk", |s| s.1.clear()),
        ];
        for (why, wrong) in wrong {
            let mut saved = good.clone();
            wrong(&mut saved);
            assert_corrupt(&kind, &saved, why);
        }
    }
}

/// Two chunks with other rows each, of the types that the kinds have.
fn two_chunks(kind: &Kind) -> Saved {
    let mut store = kind.make(&Pool::default());
    let mut random = Random(5);
    let rows: Vec<_> = (0..1024 * 5)
        .map(|k| {
            let mut row = row(&mut random, k, &kind.types);
            row[2] = Value::Int8(i64::from(k % 4096) + if k < 4096 { 0 } else { 1 << 40 });
            (row, 1)
        })
        .collect();
    for rows in rows.chunks(4096) {
        store.apply(&[batch(rows, &kind.types)]).expect("new rows");
    }
    let mut disk = Disk::default();
    disk.save(&store.snapshot());
    let (header, mut chunks) = (disk.header(), disk.chunks());
    chunks.drain(..chunks.len() - 2);
    let len = if kind.keyed { 2048 } else { 5120 };
    (TableHeader { len, ..header }, chunks)
}

#[test]
fn what_is_there_twice_is_refused() {
    let few = vec![DataType::Int4, DataType::Text, DataType::Int8];
    let unique = |key: Option<Vec<usize>>, indexes: &[(usize, bool)]| Kind {
        types: few.clone(),
        keyed: true,
        key,
        indexes: indexes.iter().map(|(c, unique)| (vec![*c], *unique)).collect(),
    };
    let kinds = [
        unique(Some(vec![0]), &[]),
        unique(None, &[]),
        unique(None, &[(1, false), (2, true)]),
        Kind { keyed: false, ..unique(None, &[]) },
    ];
    for kind in &kinds {
        let good = two_chunks(kind);
        assert_eq!(restore(kind, &good).0, Ok(()));
        let mut swapped = good.clone();
        swapped.1.swap(0, 1);
        assert_corrupt(kind, &swapped, "chunks in another order");
        let mut twice = good.clone();
        twice.1[1].number = twice.1[0].number;
        twice.1[1].order = twice.1[0].order;
        assert_corrupt(kind, &twice, "a number twice");
        if kind.keyed {
            twice.1[1].order = good.1[0].order;
            twice.1[0].order -= 1;
            assert_corrupt(kind, &twice, "a number twice in another order");
            let mut twice = good.clone();
            twice.1[1].columns = twice.1[0].columns.clone();
            assert_corrupt(kind, &twice, "rows twice");
        }
    }
    // Rows differ, but not in the unique column.
    let kind = unique(Some(vec![0]), &[(2, true)]);
    let plain = unique(Some(vec![0]), &[]);
    let mut store = plain.make(&Pool::default());
    let rows: Vec<_> =
        (0..2).map(|k| (vec![Value::Int4(k), Value::Null, Value::Int8(7)], 1)).collect();
    store.apply(&[batch(&rows, &plain.types)]).expect("new keys");
    let mut disk = Disk::default();
    disk.save(&store.snapshot());
    assert_corrupt(&kind, &(disk.header(), disk.chunks()), "a unique value twice");
    assert_eq!(restore(&plain, &(disk.header(), disk.chunks())).0, Ok(()));
}

#[test]
fn a_weight_above_one_is_no_key() {
    let kind = &kinds()[1];
    let keyed = Kind { key: Some(vec![0]), indexes: Vec::new(), ..kind.clone() };
    let saved = sample(kind);
    assert_corrupt(&keyed, &saved, "a key that is there several times");
    let unique = Kind { indexes: vec![(vec![2], true)], ..kind.clone() };
    assert_corrupt(&unique, &saved, "a unique value that is there several times");
}

#[test]
fn batches_are_not_cut_otherwise() {
    for kind in kinds() {
        let good = sample(&kind);
        let mut bytes = Bytes::new(&good.1[0].columns[4..]);
        let all = codec::batch::decode(&mut bytes).expect("one batch");
        let mut saved = good.clone();
        saved.1[0].columns = vec![2, 0, 0, 0];
        for part in [all.slice(0, 4), all.slice(4, all.rows() - 4)] {
            codec::batch::encode(&part, &mut saved.1[0].columns).expect("few rows");
        }
        assert_corrupt(&kind, &saved, "two batches where one would do");
    }
}

/// Weights that add up to the right number, of rows that cannot have them.
#[test]
fn weights_that_cannot_be_are_refused() {
    let kind = &kinds()[1];
    let good = sample(kind);
    let weights = |rows: [(u16, i64); 3]| {
        let mut saved = good.clone();
        saved.1[0].marks.truncate(12);
        for (row, weight) in rows {
            saved.1[0].marks.extend_from_slice(&row.to_le_bytes());
            saved.1[0].marks.extend_from_slice(&weight.to_le_bytes());
        }
        saved
    };
    assert_eq!(weights([(0, 5), (6, 5), (8, 5)]).1[0].marks, good.1[0].marks);
    assert_eq!(restore(kind, &weights([(0, 4), (6, 6), (8, 5)])).0, Ok(()));
    for (why, rows) in [
        ("there no times", [(0, 0), (6, 10), (8, 5)]),
        ("there less than no times", [(0, -3), (6, 13), (8, 5)]),
        ("there once is not said", [(0, 1), (6, 9), (8, 5)]),
        ("a row that is gone", [(0, 9), (4, 5), (8, 5)]),
        ("a row that is gone, counted", [(0, 4), (4, 5), (8, 5)]),
        ("another order", [(6, 5), (0, 5), (8, 5)]),
        ("a row twice", [(0, 9), (8, 4), (8, 5)]),
        ("a row that is not there", [(0, 5), (6, 9), (9, 5)]),
        ("no row at all", [(0, 5), (6, 9), (u16::MAX, 5)]),
    ] {
        assert_corrupt(kind, &weights(rows), why);
    }
}

/// Batches of nothing but NULLs take a few bytes, however many rows they have.
#[test]
fn rows_without_bytes_are_counted_first() {
    let types: Vec<DataType> =
        (0..200).map(|c| if c == 0 { DataType::Int4 } else { DataType::Interval }).collect();
    let n = 1 << 20;
    let mut bytes = vec![1, 0, 0, 0];
    bytes.extend_from_slice(&(n as u32).to_le_bytes());
    bytes.extend_from_slice(&200u32.to_le_bytes());
    bytes.push(0);
    bytes.extend([2, 2]);
    bytes.extend([7, 2].repeat(199));
    for keyed in [true, false] {
        let kind = Kind { types: types.clone(), keyed, key: None, indexes: Vec::new() };
        let chunk = SavedChunk {
            number: 1,
            order: 1,
            filled: 1,
            changed: 1,
            columns: bytes.clone(),
            marks: Vec::new(),
        };
        let header = TableHeader { version: 1, len: 1000, last_number: 1, open: None };
        // 3.2 GiB would be asked for.
        assert_corrupt(&kind, &(header, vec![chunk]), "more rows than there are");
    }
    let columns = types.iter().map(|t| Column::nulls(t.physical(), 3)).collect();
    let kind = Kind { types, keyed: false, key: None, indexes: Vec::new() };
    let mut store = kind.make(&Pool::default());
    store.apply(&[Batch::new(columns, 3)]).expect("rows only arrive");
    let mut disk = Disk::default();
    disk.save(&store.snapshot());
    let mut again = kind.make(&Pool::default());
    disk.restore(&mut again).expect("what was saved");
    assert_eq!(contents(&again.scan(), &kind.types), contents(&store.scan(), &kind.types));
}
