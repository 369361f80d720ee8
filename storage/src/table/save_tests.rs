//! Stores that are saved and put back in the midst of random deltas, beside one that never is: both
//! must do the same for ever after. The saver keeps bytes by what they may depend on.

use std::collections::{BTreeMap, BTreeSet};

use arena_tr_types::{DataType, Decimal, Interval, SqlError, SqlState, Value};

use super::{IndexId, IndexSpec, RelationStore, SavedChunk, TableHeader, TableSnapshot};
use crate::arena::{Owner, Pool, Tier};
use crate::batch::Batch;
use crate::column::{Buffer, Column, Fixed};
use crate::error::StorageError;
use crate::state::tests::Random;

const OWNER: Owner = Owner { view: 4, operator: 0, tier: Tier::Keyed };

type Row = Vec<Value>;
type Delta = Vec<(Row, i64)>;

/// Every physical type, and every notion of what makes two strings equal.
pub(super) fn all_types() -> Vec<DataType> {
    vec![
        DataType::Int4,
        DataType::Text,
        DataType::Int8,
        DataType::Bool,
        DataType::Int2,
        DataType::Float4,
        DataType::Float8,
        DataType::Numeric(None),
        DataType::Interval,
        DataType::Uuid,
        DataType::Bytea,
        DataType::Jsonb,
        DataType::List(Box::new(DataType::Int8)),
        DataType::TimestampTz,
    ]
}

fn few_types() -> Vec<DataType> {
    vec![DataType::Int4, DataType::Text, DataType::Int8]
}

fn text(n: i64) -> String {
    match n % 4 {
        0 => String::new(),
        1 => format!("t{}", n % 7),
        2 => "twelve bytes".to_owned(),
        _ => format!("a text that is longer than fits inline, ä {}", n % 9),
    }
}

fn value(random: &mut Random, data_type: &DataType) -> Value {
    if random.below(6) == 0 {
        return Value::Null;
    }
    let n = random.below(1000) as i64 - 300;
    match data_type {
        DataType::Bool => Value::Bool(n > 0),
        DataType::Int2 => Value::Int2(n as i16),
        DataType::Int4 => Value::Int4(n as i32),
        DataType::Int8 => Value::Int8(n << 33),
        DataType::Float4 => Value::Float4(n as f32 / 3.0),
        DataType::Float8 => Value::Float8([f64::NAN, -0.0, 0.0, n as f64][n as usize % 4]),
        DataType::Numeric(_) => Value::Numeric(match n {
            0..100 => Decimal::NAN,
            100..200 => Decimal::INFINITY,
            _ => Decimal::new(i128::from(n) << 60, n.unsigned_abs() as u32 % 5),
        }),
        DataType::Interval => {
            Value::Interval(Interval { months: n as i32, days: -2, micros: n << 30 })
        }
        DataType::Uuid => Value::Uuid(n.unsigned_abs().into()),
        DataType::Bytea => Value::Bytea(vec![0xff; n.unsigned_abs() as usize % 30].into()),
        DataType::Jsonb => Value::Jsonb(format!("{{\"a\": [{n}, null]}}").as_str().into()),
        DataType::List(_) => Value::List([Value::Int8(n), Value::Null].into()),
        DataType::TimestampTz => Value::TimestampTz(n << 40),
        _ => Value::Text(text(n.abs()).as_str().into()),
    }
}

pub(super) fn row(random: &mut Random, key: i32, types: &[DataType]) -> Row {
    let rest = types[1..].iter().map(|t| value(random, t));
    std::iter::once(Value::Int4(key)).chain(rest.collect::<Vec<_>>()).collect()
}

pub(super) fn batch(delta: &[(Row, i64)], types: &[DataType]) -> Batch {
    let rows: Vec<Row> = delta.iter().map(|(row, _)| row.clone()).collect();
    let weights: Vec<i64> = delta.iter().map(|(_, by)| *by).collect();
    let batch = Batch::from_rows(&rows, types).expect("types fit");
    batch.with_weights(Some(Buffer::from(weights)))
}

pub(super) fn contents(batches: &[Batch], types: &[DataType]) -> Delta {
    batches.iter().flat_map(|b| b.to_weighted_rows(types)).collect()
}

/// What a store is made with.
#[derive(Clone)]
pub(super) struct Kind {
    pub(super) types: Vec<DataType>,
    /// A relation that only grows has no such thing.
    pub(super) keyed: bool,
    pub(super) key: Option<Vec<usize>>,
    /// Columns of indexes, and whether they are unique.
    pub(super) indexes: Vec<(Vec<usize>, bool)>,
}

impl Kind {
    pub(super) fn make(&self, pool: &Pool) -> RelationStore {
        if !self.keyed {
            return RelationStore::append_only(&self.types);
        }
        let mut store = RelationStore::keyed(pool, OWNER, &self.types, self.key.as_deref());
        for (columns, unique) in &self.indexes {
            let labels = columns.iter().map(|c| format!("c{c}")).collect();
            let name = format!("by_{columns:?}");
            let spec = IndexSpec { name, columns: columns.clone(), labels, unique: *unique };
            store.add_index(spec).expect("there is nothing yet");
        }
        store
    }
}

/// What a saver has: bytes by what they may depend on.
#[derive(Default)]
pub(super) struct Disk {
    columns: BTreeMap<(u64, u64), Vec<u8>>,
    marks: BTreeMap<(u64, u64), Vec<u8>>,
    names: Vec<SavedChunk<()>>,
    header: Option<TableHeader>,
}

impl Disk {
    /// Saves what is not there yet and forgets what is not needed; how much was written, columns
    /// and marks.
    pub(super) fn save(&mut self, snapshot: &TableSnapshot) -> (usize, usize) {
        let before = (std::mem::take(&mut self.columns), std::mem::take(&mut self.marks));
        let mut written = (0, 0);
        self.names.clear();
        for chunk in snapshot.chunks() {
            let (mut columns, mut marks) = (vec![7], vec![7]);
            chunk.put_columns(&mut columns).expect("few rows");
            chunk.put_marks(&mut marks);
            let (columns, marks) = (columns.split_off(1), marks.split_off(1));
            match before.0.get(&(chunk.number, chunk.filled)) {
                Some(old) => assert_eq!(*old, columns, "columns depend on number and filled"),
                None => written.0 += 1,
            }
            match before.1.get(&(chunk.number, chunk.changed)) {
                Some(old) => assert_eq!(*old, marks, "marks depend on number and changed"),
                None => written.1 += 1,
            }
            self.columns.insert((chunk.number, chunk.filled), columns);
            self.marks.insert((chunk.number, chunk.changed), marks);
            self.names.push(SavedChunk {
                number: chunk.number,
                order: chunk.order,
                filled: chunk.filled,
                changed: chunk.changed,
                columns: (),
                marks: (),
            });
        }
        self.header = Some(snapshot.header());
        written
    }

    pub(super) fn chunks(&self) -> Vec<SavedChunk<Vec<u8>>> {
        let chunk = |c: &SavedChunk<()>| SavedChunk {
            number: c.number,
            order: c.order,
            filled: c.filled,
            changed: c.changed,
            columns: self.columns[&(c.number, c.filled)].clone(),
            marks: self.marks[&(c.number, c.changed)].clone(),
        };
        self.names.iter().map(chunk).collect()
    }

    pub(super) fn header(&self) -> TableHeader {
        self.header.expect("something was saved")
    }

    pub(super) fn restore(&self, store: &mut RelationStore) -> Result<(), StorageError> {
        store.restore(&self.header(), self.chunks().into_iter().map(Ok))
    }
}

fn assert_same(a: &RelationStore, b: &RelationStore, types: &[DataType]) {
    let (a, b) = (a.snapshot(), b.snapshot());
    assert_eq!(a.header(), b.header());
    let (a, b) = (a.chunks(), b.chunks());
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        let names = |c: &super::SnapshotChunk<'_>| (c.number, c.order, c.filled, c.changed);
        assert_eq!(names(a), names(b));
        // Values that are not equal to themselves print alike.
        let [a, b] = [a, b].map(|c| format!("{:?}", contents(&c.scan(), types)));
        assert_eq!(a, b);
    }
}

fn assert_same_lookups(a: &RelationStore, b: &RelationStore, kind: &Kind, row: &Row) {
    let key = |columns: &[usize]| columns.iter().map(|c| row[*c].clone()).collect::<Row>();
    if let Some(columns) = &kind.key {
        let [a, b] = [a, b].map(|store| {
            let found = store.find_key(&key(columns)).expect("types fit");
            found.map(|r| format!("{:?}", (r.values(&kind.types), r.weight)))
        });
        assert_eq!(a, b);
    }
    for (n, (columns, _)) in kind.indexes.iter().enumerate() {
        let [a, b] = [a, b].map(|store| {
            let found = store.lookup(IndexId(n as u32), &key(columns)).expect("types fit");
            let found = found.iter().map(|r| (r.values(&kind.types), r.weight));
            format!("{:?}", found.collect::<Vec<_>>())
        });
        assert_eq!(a, b);
    }
}

/// Makes up deltas of which most fit.
struct Source {
    random: Random,
    kind: Kind,
    /// What is there, about in the order of arrival.
    rows: Delta,
    next_key: i32,
}

impl Source {
    fn fresh(&mut self) -> Row {
        self.next_key += 1;
        let mut row = row(&mut self.random, self.next_key, &self.kind.types);
        if row[2] != Value::Null {
            row[2] = Value::Int8(self.next_key.into());
        }
        row
    }

    fn delta(&mut self) -> Delta {
        let mut delta = Delta::new();
        let n = match self.random.below(12) {
            0 => 1500,
            1..4 => 200,
            _ => 9,
        };
        let arriving = self.random.below(n);
        let leaving = (self.random.below(n * 5 / 4) as usize).min(self.rows.len());
        if self.kind.keyed && self.random.below(3) > 0 {
            let from = self.random.below((self.rows.len() - leaving) as u64 + 1) as usize;
            for (row, weight) in &self.rows[from..from + leaving] {
                // Some stay for a while, so that chunks are half empty for long.
                if self.random.below(8) > 0 {
                    delta.push((row.clone(), -(1 + self.random.below(*weight as u64) as i64)));
                }
            }
        }
        for _ in 0..arriving {
            let mut row = self.fresh();
            if let Some((old, _)) = delta.get(self.random.below(20) as usize)
                && self.kind.key.is_some()
                && self.random.below(2) == 0
                && !delta.iter().any(|(r, by)| *by > 0 && r[0] == old[0])
            {
                row[0] = old[0].clone();
            }
            let weight = if self.kind.key.is_none() && row[2] == Value::Null { 3 } else { 1 };
            delta.push((row, weight));
        }
        self.spoil(&mut delta);
        delta
    }

    /// Now and then something that may not fit.
    fn spoil(&mut self, delta: &mut Delta) {
        match self.random.below(40) {
            0 => delta.push((self.fresh(), -1)),
            1..4 if !self.rows.is_empty() => {
                let n = self.random.below(self.rows.len() as u64) as usize;
                delta.push((self.rows[n].0.clone(), 1));
            }
            4 | 5 if !self.rows.is_empty() => {
                let n = self.random.below(self.rows.len() as u64) as usize;
                let mut row = self.fresh();
                row[2] = self.rows[n].0[2].clone();
                delta.push((row, 1));
            }
            _ => {}
        }
    }

    fn applied(&mut self, delta: &Delta) {
        let text = |row: &Row| format!("{row:?}");
        let mut by: BTreeMap<String, i64> = BTreeMap::new();
        for (row, weight) in delta.iter().filter(|(_, w)| *w < 0) {
            *by.entry(text(row)).or_default() += weight;
        }
        if !by.is_empty() {
            for (row, weight) in &mut self.rows {
                *weight += by.remove(&text(row)).unwrap_or(0);
            }
            self.rows.retain(|(_, weight)| *weight > 0);
        }
        self.rows.extend(delta.iter().filter(|(_, w)| *w > 0).cloned());
    }
}

fn outcome(result: Result<(), SqlError>) -> Result<(), (SqlState, String, Option<String>)> {
    result.map_err(|e| (e.state, e.message, e.detail))
}

/// What happened in a run, for tests that want it to have happened.
#[derive(Debug, Default)]
struct Seen {
    refused: usize,
    restored: usize,
    /// Saves that had a chunk's columns already and not its marks.
    marks_only: usize,
    /// Numbers of chunks that took the place of others.
    compacted: BTreeSet<u64>,
    weighted: usize,
}

fn run(seed: u64, kind: Kind, steps: usize) -> Seen {
    let (pool, other) = (Pool::default(), Pool::default());
    let (mut a, mut b) = (kind.make(&pool), kind.make(&other));
    let mut source =
        Source { random: Random(seed), kind: kind.clone(), rows: Vec::new(), next_key: 0 };
    let (mut disk, mut seen) = (Disk::default(), Seen::default());
    for step in 0..steps {
        let delta = source.delta();
        let given = [batch(&delta, &kind.types)];
        let done = outcome(a.apply(&given));
        assert_eq!(done, outcome(b.apply(&given)), "step {step}");
        match done {
            Ok(()) => source.applied(&delta),
            Err(_) => seen.refused += 1,
        }
        let some = source.random.below(source.rows.len() as u64 + 1) as usize;
        let some = source.rows.get(some).map_or_else(|| delta[0].0.clone(), |r| r.0.clone());
        assert_same_lookups(&a, &b, &kind, &some);
        if source.random.below(4) == 0 {
            let (columns, marks) = disk.save(&b.snapshot());
            seen.marks_only += usize::from(marks > columns);
            seen.compacted
                .extend(disk.names.iter().filter(|c| c.number != c.order).map(|c| c.number));
            seen.weighted += contents(&b.scan(), &kind.types).iter().filter(|r| r.1 > 1).count();
            if source.random.below(2) == 0 {
                b = kind.make(&other);
                disk.restore(&mut b).expect("what was saved");
                seen.restored += 1;
            }
            assert_eq!(disk.save(&b.snapshot()), (0, 0), "everything was saved already");
            assert_same(&a, &b, &kind.types);
        }
    }
    assert_same(&a, &b, &kind.types);
    drop((a, b));
    assert_eq!((pool.usage().used_bytes, other.usage().used_bytes), (0, 0));
    seen
}

fn keyed(types: Vec<DataType>, key: Option<&[usize]>, indexes: &[(&[usize], bool)]) -> Kind {
    let indexes = indexes.iter().map(|(columns, unique)| (columns.to_vec(), *unique)).collect();
    Kind { types, keyed: true, key: key.map(<[usize]>::to_vec), indexes }
}

#[test]
fn a_store_with_a_key_goes_on() {
    let seen = run(101, keyed(few_types(), Some(&[0]), &[]), 300);
    assert!(seen.refused > 3 && seen.restored > 15 && seen.marks_only > 5, "{seen:?}");
    assert!(seen.compacted.len() > 10, "{seen:?}");
    run(102, keyed(all_types(), Some(&[0]), &[]), 60);
    run(103, keyed(all_types(), Some(&[0, 7, 12]), &[]), 60);
}

#[test]
fn a_store_of_whole_rows_goes_on() {
    let seen = run(111, keyed(few_types(), None, &[]), 300);
    assert!(seen.refused > 0 && seen.restored > 15 && seen.weighted > 1000, "{seen:?}");
    assert!(seen.compacted.len() > 10 && seen.marks_only > 5, "{seen:?}");
    run(112, keyed(all_types(), None, &[]), 60);
}

#[test]
fn indexes_are_built_anew() {
    let seen = run(121, keyed(few_types(), Some(&[0]), &[(&[2], true), (&[1], false)]), 300);
    assert!(seen.refused > 5 && seen.restored > 15 && seen.compacted.len() > 10, "{seen:?}");
    run(122, keyed(few_types(), None, &[(&[1, 2], false), (&[0, 2], true)]), 150);
    run(123, keyed(all_types(), Some(&[0]), &[(&[11], false), (&[2, 1], true)]), 60);
}

#[test]
fn a_relation_that_only_grows_goes_on() {
    for (seed, types) in [(131, few_types()), (132, all_types())] {
        let kind = Kind { types, keyed: false, key: None, indexes: Vec::new() };
        let seen = run(seed, kind, 100);
        assert!(seen.refused > 0 && seen.restored > 5 && seen.marks_only == 0, "{seen:?}");
    }
}

#[test]
fn empty_stores_come_back() {
    for kind in [
        keyed(few_types(), Some(&[0]), &[(&[2], true)]),
        Kind { types: few_types(), keyed: false, key: None, indexes: Vec::new() },
    ] {
        let mut disk = Disk::default();
        let pool = Pool::default();
        assert_eq!(disk.save(&kind.make(&pool).snapshot()), (0, 0));
        let mut store = kind.make(&pool);
        let rows = [(row(&mut Random(5), 1, &kind.types), 1)];
        store.apply(&[batch(&rows, &kind.types)]).expect("a new row");
        disk.restore(&mut store).expect("what was saved");
        assert_same(&store, &kind.make(&pool), &kind.types);
        store.apply(&[batch(&rows, &kind.types)]).expect("the key is free");
    }
}

#[test]
fn a_compacted_chunk_with_room_is_not_open() {
    let kind = keyed(few_types(), Some(&[0]), &[]);
    let pool = Pool::default();
    let mut store = kind.make(&pool);
    let mut random = Random(9);
    let rows: Delta = (0..1024).map(|k| (row(&mut random, k, &kind.types), 1)).collect();
    store.apply(&[batch(&rows, &kind.types)]).expect("new rows");
    let gone: Delta = rows[..800].iter().map(|(row, _)| (row.clone(), -1)).collect();
    store.apply(&[batch(&gone, &kind.types)]).expect("they are there");
    let mut disk = Disk::default();
    disk.save(&store.snapshot());
    assert_eq!((disk.header().open, disk.names.len()), (None, 1));
    let mut again = kind.make(&pool);
    disk.restore(&mut again).expect("what was saved");
    for store in [&mut store, &mut again] {
        store
            .apply(&[batch(
                &gone[..1].iter().map(|(r, _)| (r.clone(), 1)).collect::<Vec<_>>(),
                &kind.types,
            )])
            .expect("its key is free");
        assert_eq!(store.snapshot().chunks().len(), 2);
    }
    assert_same(&store, &again, &kind.types);
}

#[test]
fn columns_are_where_they_were() {
    let kind = keyed(few_types(), Some(&[0]), &[(&[1], false)]);
    let (pool, other) = (Pool::default(), Pool::default());
    let mut store = kind.make(&pool);
    let mut random = Random(3);
    let rows: Delta = (0..10_000).map(|k| (row(&mut random, k, &kind.types), 1)).collect();
    for rows in rows.chunks(700) {
        store.apply(&[batch(rows, &kind.types)]).expect("new rows");
    }
    let mut disk = Disk::default();
    disk.save(&store.snapshot());
    let mut again = kind.make(&other);
    disk.restore(&mut again).expect("what was saved");
    let (held, now) = (store.held_bytes(), again.held_bytes());
    assert!(now <= held + held / 20, "{now} bytes where {held} were held");
    let (used, now) = (pool.usage().used_bytes, other.usage().used_bytes);
    assert!(now <= used + used / 20 && now * 2 > used, "{now} bytes charged where {used} were");
}

#[test]
fn a_long_piece_is_several_batches() {
    let n = crate::codec::batch::MAX_ROWS * 2 + 3;
    let kind = Kind { types: vec![DataType::Int2], keyed: false, key: None, indexes: Vec::new() };
    let mut store = kind.make(&Pool::default());
    let values: Vec<i16> = (0..n).map(|i| i as i16).collect();
    store.apply(&[Batch::new(vec![Column::I16(Fixed::from(values.clone()))], n)]).expect("rows");
    let mut disk = Disk::default();
    disk.save(&store.snapshot());
    let chunks = disk.chunks();
    assert_eq!((chunks.len(), &chunks[0].columns[..4]), (1, &[3, 0, 0, 0][..]));
    let mut again = kind.make(&Pool::default());
    disk.restore(&mut again).expect("what was saved");
    let found = again.scan();
    let column = found[0].columns[0].as_i16().expect("of this type");
    assert!(found.len() == 1 && column.values[..] == values[..] && column.validity.is_none());
}

#[test]
fn errors_of_the_reader_pass_through_and_leave_nothing() {
    #[derive(Debug, PartialEq)]
    enum Failed {
        Reading,
        Storage(StorageError),
    }
    impl From<StorageError> for Failed {
        fn from(error: StorageError) -> Self {
            Self::Storage(error)
        }
    }
    let kind = keyed(few_types(), Some(&[0]), &[(&[1], false)]);
    let mut store = kind.make(&Pool::default());
    let mut random = Random(4);
    let rows: Delta = (0..3000).map(|k| (row(&mut random, k, &kind.types), 1)).collect();
    store.apply(&[batch(&rows, &kind.types)]).expect("new rows");
    let mut disk = Disk::default();
    disk.save(&store.snapshot());
    let chunks = disk.chunks().into_iter().take(2).map(Ok).chain([Err(Failed::Reading)]);
    assert_eq!(store.restore(&disk.header(), chunks), Err(Failed::Reading));
    assert_same(&store, &kind.make(&Pool::default()), &kind.types);
    let small = Pool::with_budget(1 << 17);
    let mut store = kind.make(&small);
    let refused = store.restore(&disk.header(), disk.chunks().into_iter().map(Ok::<_, Failed>));
    assert!(matches!(refused, Err(Failed::Storage(StorageError::OutOfMemory(_)))), "{refused:?}");
    assert!(store.is_empty() && store.scan().is_empty() && small.usage().used_bytes < 1 << 17);
}
