//! What [`KeyedStore::verify`] finds when something is broken by hand.

use arena_tr_types::{DataType, Value};

use super::KeyedStore;
use crate::arena::{Addr, Owner, Pool, Tier};
use crate::batch::Batch;
use crate::table::chunk::addr_of;
use crate::table::secondary::IndexSpec;

const OWNER: Owner = Owner { view: 1, operator: 0, tier: Tier::Keyed };

/// Rows (0, 0), (1, 1), (2, 2), (3, 0), ... with a key of the first column, an index that is unique
/// of both, and a list of the rows of each second column.
fn store() -> KeyedStore {
    let types = [DataType::Int4, DataType::Int4];
    let mut store = KeyedStore::new(&Pool::default(), OWNER, &types, Some(&[0]));
    for (name, columns, unique) in [("both", vec![0, 1], true), ("second", vec![1], false)] {
        let labels = columns.iter().map(|c| format!("c{c}")).collect();
        store.add_index(IndexSpec { name: name.into(), columns, labels, unique }).expect("empty");
    }
    let row = |i: i32| vec![Value::Int4(i), Value::Int4(i % 3)];
    let rows: Vec<Vec<Value>> = (0..3000).map(row).collect();
    let gone: Vec<Vec<Value>> = (0..1700).step_by(2).map(row).collect();
    for delta in
        [Batch::from_rows(&rows, &types), Batch::from_rows(&gone, &types).map(|b| b.negate())]
    {
        let change = store.change(&[delta.expect("integers")]).expect("it fits");
        store.apply(&change).expect("memory");
    }
    store
}

fn found(breaking: impl FnOnce(&mut KeyedStore)) -> String {
    let mut store = store();
    assert_eq!(store.verify(), Ok(()));
    breaking(&mut store);
    store.verify().expect_err("it is broken")
}

fn hash(store: &KeyedStore, index: Option<usize>, addr: Addr) -> u64 {
    let (batch, row) = store.list().row(addr);
    let index = index.map_or(&store.primary, |i| &store.secondary[i].index);
    let mut hashes = Vec::new();
    index.hash_rows(batch, &[row as u16], &mut hashes);
    hashes[0]
}

#[test]
fn what_does_not_agree_is_found() {
    let some = |store: &KeyedStore| store.addrs_in_order()[77];
    let missing = found(|store| {
        let addr = some(store);
        store.primary.remove(hash(store, None, addr), addr);
    });
    assert_eq!(missing, "a row that the primary index does not find");
    let dead = found(|store| {
        let addr = some(store);
        store.chunks.begin_version();
        store.chunks.remove(addr);
        store.len -= 1;
    });
    assert_eq!(dead, "an entry of the primary index that leads nowhere");
    let count = found(|store| store.len += 1);
    assert_eq!(count, "a relation that counts its rows wrongly");
    let other = found(|store| {
        let addr = some(store);
        let hash = hash(store, Some(0), addr);
        store.secondary[0].index.replace(hash, addr, addr_of(0, 0));
    });
    assert_eq!(other, "index \"both\": a row that an index does not find");
    let listed = found(|store| {
        let addr = some(store);
        let hash = hash(store, Some(1), addr);
        let (batch, row) = store.chunks.list().row(addr);
        store.secondary[1].remove((batch, row), hash, addr);
    });
    assert!(listed.starts_with("index \"second\": "), "{listed}");
    let twice = found(|store| {
        let addr = some(store);
        let hash = hash(store, Some(0), addr);
        store.secondary[0].index.reserve(1).expect("memory");
        store.secondary[0].index.insert(hash, addr);
    });
    assert_eq!(twice, "index \"both\": an entry of an index that leads nowhere");
}
