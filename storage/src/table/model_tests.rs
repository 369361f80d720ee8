//! Keyed stores against a plain list of rows, under random deltas, with snapshots held over later
//! changes.

use std::collections::BTreeMap;

use arena_tr_types::{DataType, SqlState, Value};

use super::{IndexId, IndexSpec, RelationStore, TableSnapshot};
use crate::arena::{Owner, Pool, Tier};
use crate::batch::Batch;
use crate::column::{Buffer, Selection};
use crate::state::tests::Random;

const OWNER: Owner = Owner { view: 3, operator: 0, tier: Tier::Keyed };

type Row = Vec<Value>;
type Delta = Vec<(Row, i64)>;

fn types() -> Vec<DataType> {
    vec![DataType::Int4, DataType::Text, DataType::Int8]
}

/// A list of rows with weights, in the order of arrival.
#[derive(Clone, Default)]
struct Model {
    rows: Vec<(Row, i64)>,
    key: Option<Vec<usize>>,
    unique: Vec<Vec<usize>>,
}

impl Model {
    /// What applying does, or the state of the error.
    fn apply(&mut self, delta: &Delta) -> Result<(), SqlState> {
        let mut next = self.clone();
        for (row, by) in delta.iter().filter(|(_, by)| *by < 0) {
            let Some(held) = next.rows.iter_mut().find(|(r, w)| r == row && *w >= -by) else {
                return Err(SqlState::INTERNAL);
            };
            held.1 += by;
        }
        next.rows.retain(|(_, w)| *w > 0);
        for (row, by) in delta.iter().filter(|(_, by)| *by > 0) {
            match next.rows.iter_mut().find(|(r, _)| r == row) {
                Some(held) => held.1 += by,
                None => next.rows.push((row.clone(), *by)),
            }
        }
        let keys = self.key.iter().map(|k| (k, true)).chain(self.unique.iter().map(|k| (k, false)));
        for (key, nulls_equal) in keys {
            let mut seen = BTreeMap::new();
            for (row, w) in &next.rows {
                let values: Vec<String> = key.iter().map(|c| format!("{:?}", row[*c])).collect();
                let null = key.iter().any(|c| row[*c] == Value::Null);
                let n = seen.entry(values).or_insert(0);
                *n += w;
                if *n > 1 && (nulls_equal || !null) {
                    return Err(SqlState::UNIQUE_VIOLATION);
                }
            }
        }
        self.rows = next.rows;
        Ok(())
    }
}

fn batches(delta: &Delta, random: &mut Random) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut rest = &delta[..];
    while !rest.is_empty() {
        let (now, later) = rest.split_at(1 + random.below(rest.len() as u64) as usize);
        rest = later;
        // A row that is not selected stands before each batch.
        let decoy = (vec![Value::Int4(-7), Value::Null, Value::Null], -1);
        let all: Vec<&(Row, i64)> = std::iter::once(&decoy).chain(now).collect();
        let rows: Vec<Row> = all.iter().map(|(row, _)| row.clone()).collect();
        let weights: Vec<i64> = all.iter().map(|(_, by)| *by).collect();
        let selected = (1..all.len() as u16).collect::<Vec<u16>>();
        let batch = Batch::from_rows(&rows, &types()).expect("types fit");
        let batch = batch.with_weights(Some(Buffer::from(weights)));
        batches.push(batch.with_selection(Some(Selection::from_indices(Buffer::from(selected)))));
    }
    batches
}

fn contents(batches: &[Batch]) -> Vec<(Row, i64)> {
    batches.iter().flat_map(|b| b.to_weighted_rows(&types())).collect()
}

fn row(random: &mut Random, n_keys: u64) -> Row {
    let key = random.below(n_keys);
    let text = match random.below(5) {
        0 => Value::Null,
        1 => Value::Text(format!("a text longer than fits inline {}", key % 7).as_str().into()),
        n => Value::Text(format!("t{n}").as_str().into()),
    };
    let other = match random.below(4) {
        0 => Value::Null,
        _ => Value::Int8(random.below(n_keys * 3) as i64),
    };
    vec![Value::Int4(key as i32), text, other]
}

/// Rows that leave and arrive; most fit.
fn delta(random: &mut Random, model: &Model, n_keys: u64) -> Delta {
    let mut delta = Delta::new();
    let most = if random.below(10) == 0 { 300 } else { 12 };
    for _ in 0..=random.below(most) {
        let held = &model.rows;
        if !held.is_empty() && random.below(100) < 55 {
            let (row, _) = &held[random.below(held.len() as u64) as usize];
            if delta.iter().any(|(r, by)| r == row && *by < 0) {
                continue;
            }
            delta.push((row.clone(), -1));
            if random.below(2) == 0 {
                let mut changed = row.clone();
                changed[2] = Value::Int8(random.below(n_keys * 3) as i64);
                delta.push((changed, 1));
            }
        } else {
            let by = if model.key.is_none() && random.below(6) == 0 { 2 } else { 1 };
            let row = row(random, n_keys);
            let keys = model.key.iter().chain(&model.unique);
            let taken = |row: &Row, key: &[usize]| {
                let all = model.rows.iter().chain(&delta);
                all.clone().any(|(other, _)| key.iter().all(|c| row[*c] == other[*c]))
            };
            if random.below(60) == 0 || !keys.clone().any(|key| taken(&row, key)) {
                delta.push((row, by));
            }
        }
    }
    if random.below(25) == 0 {
        delta.push((row(random, n_keys), -1));
    }
    delta
}

fn spec(name: &str, columns: &[usize], unique: bool) -> IndexSpec {
    let labels = columns.iter().map(|c| format!("c{c}")).collect();
    IndexSpec { name: name.to_owned(), columns: columns.to_vec(), labels, unique }
}

/// What a saver of changed pieces has.
#[derive(Default)]
struct Saved {
    version: u64,
    pieces: BTreeMap<u64, Vec<(Row, i64)>>,
}

impl Saved {
    fn save(&mut self, snapshot: &TableSnapshot) -> usize {
        let changed = snapshot.changed_since(self.version);
        for piece in &changed {
            assert!(piece.filled <= piece.changed && piece.changed <= snapshot.version());
            self.pieces.insert(piece.number, contents(&piece.scan()));
        }
        let numbers: Vec<u64> = snapshot.chunks().iter().map(|c| c.number).collect();
        self.pieces.retain(|number, _| numbers.contains(number));
        self.version = snapshot.version();
        let read: Vec<_> = numbers.iter().flat_map(|n| self.pieces[n].clone()).collect();
        assert_eq!(read, contents(&snapshot.scan()));
        changed.len()
    }
}

fn check_index(store: &RelationStore, id: IndexId, columns: &[usize], model: &Model, key: &Row) {
    let key: Vec<Value> = columns.iter().map(|c| key[*c].clone()).collect();
    let found = store.lookup(id, &key).expect("a key of the right types");
    let found: Vec<(Row, i64)> = found.iter().map(|r| (r.values(&types()), r.weight)).collect();
    let matches = |row: &Row| columns.iter().zip(&key).all(|(c, v)| row[*c] == *v);
    let null = key.contains(&Value::Null);
    let expected = model.rows.iter().filter(|(row, _)| !null && matches(row));
    assert_eq!(found, expected.cloned().collect::<Vec<_>>());
}

/// Random deltas to a store with these keys, everything compared with the model on the way.
fn run(seed: u64, key: Option<&[usize]>, unique: Option<&[usize]>, n_keys: u64, steps: usize) {
    let pool = Pool::default();
    let mut random = Random(seed);
    let mut store = RelationStore::keyed(&pool, OWNER, &types(), key);
    let mut model = Model { key: key.map(<[usize]>::to_vec), ..Model::default() };
    let by_text = store.add_index(spec("by_text", &[1], false)).expect("there is nothing yet");
    let mut by_other = None;
    let mut held: Vec<(TableSnapshot, Vec<(Row, i64)>)> = Vec::new();
    let (mut saved, mut refused) = (Saved::default(), 0);
    for step in 0..steps {
        if step == steps / 4 {
            let columns = unique.unwrap_or(&[2, 0]);
            let made = store.add_index(spec("by_other", columns, unique.is_some()));
            by_other = made.ok().map(|id| (id, columns.to_vec()));
            if by_other.is_some() && unique.is_some() {
                model.unique.push(columns.to_vec());
            }
        }
        let delta = delta(&mut random, &model, n_keys);
        let given = batches(&delta, &mut random);
        let expected = model.apply(&delta);
        let before = store.version();
        assert_eq!(store.check(&given).map_err(|e| e.state), expected);
        assert_eq!(store.version(), before);
        assert_eq!(store.apply(&given).map_err(|e| e.state), expected, "step {step}: {delta:?}");
        refused += usize::from(expected.is_err());
        assert_eq!(store.len() as i64, model.rows.iter().map(|(_, w)| w).sum::<i64>());
        let some = row(&mut random, n_keys);
        check_index(&store, by_text, &[1], &model, &some);
        if let Some((id, columns)) = &by_other {
            check_index(&store, *id, columns, &model, &some);
        }
        if let Some(key) = key {
            let values: Vec<Value> = key.iter().map(|c| some[*c].clone()).collect();
            let found = store.find_key(&values).expect("a key of the right types");
            let expected = model.rows.iter().find(|(r, _)| key.iter().all(|c| r[*c] == some[*c]));
            assert_eq!(found.map(|r| r.values(&types())).as_ref(), expected.map(|(r, _)| r));
        }
        if step % 16 == 0 {
            assert_eq!(store.verify(), Ok(()));
            assert_eq!(contents(&store.scan()), model.rows);
            held.push((store.snapshot(), model.rows.clone()));
            saved.save(&store.snapshot());
        }
        if held.len() > 8 {
            let (snapshot, rows) = held.swap_remove(random.below(8) as usize);
            assert_eq!(contents(&snapshot.scan()), rows);
        }
    }
    assert!(refused > 0 && refused < steps / 2, "{refused} of {steps} refused");
    held.iter().for_each(|(snapshot, rows)| assert_eq!(&contents(&snapshot.scan()), rows));
    let all: Delta = model.rows.iter().map(|(row, w)| (row.clone(), -w)).collect();
    assert_eq!(store.verify(), Ok(()));
    store.apply(&batches(&all, &mut random)).expect("all rows are there");
    assert_eq!(store.verify(), Ok(()));
    assert!(store.is_empty() && store.scan().is_empty() && store.snapshot().chunks().is_empty());
    drop((store, held));
    assert_eq!(pool.usage().used_bytes, 0);
}

#[test]
fn a_store_of_whole_rows_agrees_with_a_list() {
    run(11, None, None, 60, 700);
    run(12, None, None, 3000, 500);
}

#[test]
fn a_store_with_a_key_agrees_with_a_list() {
    run(21, Some(&[0]), None, 400, 700);
    run(22, Some(&[0]), None, 6000, 500);
    run(23, Some(&[0, 1]), None, 900, 500);
}

#[test]
fn unique_keys_agree_with_a_list() {
    run(31, Some(&[0]), Some(&[2]), 3000, 500);
    run(32, None, Some(&[2, 1]), 3000, 500);
}

fn ints(rows: &[(i32, i64, i64)]) -> Batch {
    let values: Vec<Row> = rows
        .iter()
        .map(|(k, v, _)| vec![Value::Int4(*k), Value::Text("x".into()), Value::Int8(*v)])
        .collect();
    let weights: Vec<i64> = rows.iter().map(|(_, _, w)| *w).collect();
    let batch = Batch::from_rows(&values, &types()).expect("types fit");
    batch.with_weights(Some(Buffer::from(weights)))
}

fn keyed(pool: &Pool, n: i32) -> RelationStore {
    let mut store = RelationStore::keyed(pool, OWNER, &types(), Some(&[0]));
    let rows: Vec<(i32, i64, i64)> = (0..n).map(|k| (k, 0, 1)).collect();
    store.apply(&[ints(&rows)]).expect("new keys");
    store
}

#[test]
fn violations_name_the_constraint_and_the_key() {
    let mut store = keyed(&Pool::default(), 10);
    store.apply(&[ints(&[(20, 77, 1)])]).expect("a new key");
    let error = store.apply(&[ints(&[(3, 1, 1)])]).expect_err("key 3 is there");
    assert_eq!(error.message, "duplicate key value violates unique constraint: key (3)");
    store.name_key("t_pkey", &["k".to_owned()]);
    let error = store.apply(&[ints(&[(3, 1, 1)])]).expect_err("key 3 is there");
    assert_eq!(error.message, "duplicate key value violates unique constraint \"t_pkey\"");
    assert_eq!(error.detail.as_deref(), Some("Key (k)=(3) already exists."));
    let error = store.add_index(spec("t_c2", &[2], true)).expect_err("ten rows have 0");
    assert_eq!(error.message, "could not create unique index \"t_c2\"");
    assert_eq!(error.detail.as_deref(), Some("Key (c2)=(0) is duplicated."));
    let pair = store.add_index(spec("t_pair", &[2, 0], true)).expect("pairs differ");
    let only = store.add_index(spec("t_c2", &[2], false)).expect("keys may repeat");
    assert_eq!(store.lookup(only, &[Value::Int8(0)]).expect("types fit").len(), 10);
    assert!(store.drop_index(only) && !store.drop_index(only));
    assert_eq!(store.lookup(only, &[Value::Int8(0)]).expect_err("gone").state, SqlState::INTERNAL);
    let found = store.lookup(pair, &[Value::Int8(77), Value::Int2(20)]).expect("any width");
    assert_eq!(found.len(), 1);
    assert!(store.lookup(pair, &[Value::Bool(true), Value::Null]).expect("NULL").is_empty());
    let wrong = store.find_key(&[Value::Bool(true)]).expect_err("not an integer");
    assert_eq!(wrong.state, SqlState::DATATYPE_MISMATCH);
}

#[test]
fn the_first_row_that_does_not_fit_is_named() {
    let mut store = keyed(&Pool::default(), 10);
    store.apply(&[ints(&[(0, 0, -1), (0, 5, 1)])]).expect("an update");
    let rows: Vec<(i32, i64, i64)> = (1..10).map(|k| (k, 0, -1)).collect();
    store.apply(&[ints(&rows)]).expect("they are there");
    store.add_index(spec("u", &[2], true)).expect("one row");
    let fail = |rows: &[(i32, i64, i64)]| store.check(&[ints(rows)]).expect_err("twice").detail;
    assert_eq!(fail(&[(4, 5, 1), (0, 6, 1)]).as_deref(), Some("Key (c2)=(5) already exists."));
    assert_eq!(fail(&[(0, 6, 1), (4, 5, 1)]), None, "the primary key has no name");
    assert_eq!(fail(&[(4, 8, 1), (5, 8, 1)]).as_deref(), Some("Key (c2)=(8) already exists."));
    store.check(&[ints(&[(4, 5, 1), (0, 5, -1)])]).expect("the value is free again");
}

#[test]
fn a_change_is_applied_once() {
    let mut store = keyed(&Pool::default(), 3);
    let change = store.change(&[ints(&[(0, 0, -1), (0, 1, 1)])]).expect("it fits");
    store.apply_change(&change).expect("nothing happened in between");
    assert_eq!(store.apply_change(&change).expect_err("stale").state, SqlState::INTERNAL);
    assert_eq!(store.len(), 3);
}

#[test]
fn chunks_of_which_half_is_gone_are_copied_together() {
    let pool = Pool::default();
    let mut store = keyed(&pool, 20_000);
    let full = store.held_bytes();
    let snapshot = store.snapshot();
    let gone: Vec<(i32, i64, i64)> =
        (0..20_000).filter(|k| k % 10 != 3).map(|k| (k, 0, -1)).collect();
    store.apply(&[ints(&gone)]).expect("they are there");
    let batches = store.scan();
    assert!(batches.len() <= 4, "{} batches for 2000 rows", batches.len());
    let keys: Vec<Value> = contents(&batches).into_iter().map(|(row, _)| row[0].clone()).collect();
    let expected: Vec<Value> = (0..2000).map(|k| Value::Int4(k * 10 + 3)).collect();
    assert_eq!(keys, expected);
    for key in &keys {
        let found = store.find_key(std::slice::from_ref(key)).expect("types fit");
        assert_eq!(found.expect("it is there").values(&types())[0], *key);
    }
    assert!(store.held_bytes() < full / 2);
    assert_eq!(contents(&snapshot.scan()).len(), 20_000);
}

#[test]
fn slots_are_used_again() {
    let mut store = keyed(&Pool::default(), 3000);
    let held = store.held_bytes();
    for version in 0..60 {
        let rows: Vec<(i32, i64, i64)> =
            (0..3000).flat_map(|k| [(k, version, -1), (k, version + 1, 1)]).collect();
        store.apply(&[ints(&rows)]).expect("an update");
    }
    assert_eq!(store.len(), 3000);
    assert!(store.scan().len() <= 6 && store.held_bytes() < held * 2);
}

#[test]
fn a_snapshot_shares_the_columns() {
    let store = keyed(&Pool::default(), 5000);
    let (a, b) = (store.snapshot().scan(), store.snapshot().scan());
    let same = a.iter().zip(&b).all(|(a, b)| {
        let (a, b) = (a.columns[0].as_i32(), b.columns[0].as_i32());
        a.expect("an integer").values.same_memory(&b.expect("an integer").values)
    });
    assert!(same && a.len() == 5);
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&store.snapshot());
}

#[test]
fn a_snapshot_is_read_while_the_store_goes_on() {
    let mut store = keyed(&Pool::default(), 4000);
    let snapshot = store.snapshot();
    std::thread::scope(|scope| {
        let reader =
            scope.spawn(|| (0..20).map(|_| contents(&snapshot.scan())).collect::<Vec<_>>());
        for version in 0..50 {
            let rows: Vec<(i32, i64, i64)> =
                (0..500).flat_map(|k| [(k, version, -1), (k, version + 1, 1)]).collect();
            store.apply(&[ints(&rows)]).expect("an update");
        }
        let seen = reader.join().expect("the reader comes back");
        let zeros = |rows: &Vec<(Row, i64)>| rows.iter().all(|(row, _)| row[2] == Value::Int8(0));
        assert!(seen.iter().all(|rows| rows.len() == 4000 && zeros(rows)));
    });
    assert_eq!(store.len(), 4000);
}

#[test]
fn a_saver_writes_what_changed() {
    let mut store = keyed(&Pool::default(), 50_000);
    let mut saved = Saved::default();
    assert_eq!(saved.save(&store.snapshot()), 49);
    assert_eq!(saved.save(&store.snapshot()), 0);
    store.apply(&[ints(&[(7, 0, -1), (7, 1, 1)])]).expect("an update");
    assert_eq!(saved.save(&store.snapshot()), 2, "where the row left and where it arrived");
    let mut growing = RelationStore::append_only(&types());
    growing.apply(&[ints(&(0..5000).map(|k| (k, 0, 1)).collect::<Vec<_>>())]).expect("new rows");
    let mut saved = Saved::default();
    assert_eq!(saved.save(&growing.snapshot()), 1);
    let before = growing.snapshot();
    growing.apply(&[ints(&[(1, 1, 1)])]).expect("a new row");
    growing.apply(&[ints(&[(2, 1, 1)])]).expect("a new row");
    assert_eq!(saved.save(&growing.snapshot()), 1, "the two were joined");
    assert_eq!((before.len(), growing.len()), (5000, 5002));
    assert_eq!(contents(&before.scan()).len(), 5000);
}

#[test]
fn without_memory_nothing_is_changed() {
    let pool = Pool::with_budget(3 << 20);
    let mut store = RelationStore::keyed(&pool, OWNER, &types(), Some(&[0]));
    store.add_index(spec("by_value", &[2], false)).expect("there is nothing yet");
    let mut n = 0;
    let error = loop {
        let rows: Vec<(i32, i64, i64)> = (n..n + 500).map(|k| (k, i64::from(k % 9), 1)).collect();
        match store.apply(&[ints(&rows)]) {
            Ok(()) => n += 500,
            Err(error) => break error,
        }
    };
    assert_eq!(error.state, SqlState::OUT_OF_MEMORY);
    assert!(n > 5000, "{n} rows fit");
    assert_eq!(store.len(), n as usize);
    assert_eq!(contents(&store.scan()).len(), n as usize);
    assert!(store.find_key(&[Value::Int4(n)]).expect("types fit").is_none());
    let gone: Vec<(i32, i64, i64)> = (0..n).map(|k| (k, i64::from(k % 9), -1)).collect();
    store.apply(&[ints(&gone)]).expect("leaving needs next to nothing");
    store.apply(&[ints(&[(1, 1, 1)])]).expect("there is room again");
}

#[test]
fn keys_are_equal_as_sql_says_and_rows_as_they_print() {
    let types = [DataType::Numeric(None), DataType::Float8];
    let batch = |rows: &[(i128, u32, f64, i64)]| {
        let values: Vec<Row> = rows
            .iter()
            .map(|(m, scale, f, _)| {
                vec![Value::Numeric(arena_tr_types::Decimal::new(*m, *scale)), Value::Float8(*f)]
            })
            .collect();
        let weights: Vec<i64> = rows.iter().map(|r| r.3).collect();
        let batch = Batch::from_rows(&values, &types).expect("types fit");
        batch.with_weights(Some(Buffer::from(weights)))
    };
    let mut store = RelationStore::keyed(&Pool::default(), OWNER, &types, Some(&[0, 1]));
    store.apply(&[batch(&[(10, 1, 0.0, 1)])]).expect("a new key");
    let twice = store.check(&[batch(&[(100, 2, -0.0, 1)])]).expect_err("an equal key");
    assert_eq!(twice.state, SqlState::UNIQUE_VIOLATION);
    let other = store.check(&[batch(&[(100, 2, -0.0, -1)])]).expect_err("another row");
    assert_eq!(other.state, SqlState::INTERNAL);
    store.apply(&[batch(&[(100, 2, -0.0, 1), (10, 1, 0.0, -1)])]).expect("in its place");
    let key = [Value::Numeric(arena_tr_types::Decimal::new(1, 0)), Value::Float8(0.0)];
    let found = store.find_key(&key).expect("types fit").expect("an equal key");
    assert_eq!(found.values(&types)[0].to_string(), "1.00");
}
