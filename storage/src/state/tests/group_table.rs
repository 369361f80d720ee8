//! The group table against a map keyed by printed values.

use std::collections::BTreeMap;

use arena_tr_types::{DataType, Value};

use super::{Random, batch, owner, pool};
use crate::Column;
use crate::arena::Addr;
use crate::state::{GroupTable, NO_ADDR};

fn key(values: &[Value]) -> String {
    values
        .iter()
        .map(|v| match v {
            Value::Float8(x) if *x == 0.0 => "0|".to_owned(),
            Value::Numeric(d) => format!("{:?}|", d.normalize()),
            other => format!("{other:?}|"),
        })
        .collect()
}

fn check(types: &[DataType], sizes: &[usize], seed: u64) {
    let mut random = Random(seed);
    let mut table = GroupTable::new(&pool(), owner(), types, 1);
    let mut model: BTreeMap<String, u64> = BTreeMap::new();
    let mut refs = Vec::new();
    for &n in sizes {
        let batch = batch(&mut random, types, n);
        let columns: Vec<&Column> = batch.columns.iter().collect();
        let rows: Vec<u16> = (0..n as u16).filter(|_| random.below(5) > 0).collect();
        table.upsert(&columns, &rows, &mut refs).expect("memory");
        for (&row, &addr) in rows.iter().zip(&refs) {
            let values = batch.row(row.into(), types);
            *model.entry(key(&values)).or_default() += 1;
            let at = table.layout().state();
            table.row_mut(addr)[at] += 1;
        }
        assert_eq!(table.len(), model.len());
        // Remove a few rows, with all that the model knows of them.
        let mut found = Vec::new();
        table.find(&columns, &rows, &mut found);
        assert_eq!(found, refs);
        for k in 0..rows.len().min(3) {
            let values = batch.row(rows[k].into(), types);
            if model.remove(&key(&values)).is_some() {
                table.remove(refs[k]);
            }
        }
        table.find(&columns, &rows, &mut found);
        for (&row, &addr) in rows.iter().zip(&found) {
            let count = model.get(&key(&batch.row(row.into(), types))).copied();
            assert_eq!(addr.0 == NO_ADDR, count.is_none());
            if let Some(count) = count {
                assert_eq!(table.row(addr)[table.layout().state()], count);
            }
        }
        let mut all: Vec<Addr> = Vec::new();
        let mut from = Some(0);
        while let Some(position) = from {
            from = table.scan(position, 7, &mut all);
        }
        assert_eq!(all.len(), model.len());
        for field in 0..types.len() {
            let column = table.gather(field, &all);
            for (k, &addr) in all.iter().enumerate() {
                assert_eq!(column.is_null(k), table.layout().is_null(table.row(addr), field));
            }
        }
    }
}

#[test]
fn agrees_with_a_map() {
    let sizes = [1, 2, 63, 64, 65, 1024, 1024, 3, 1, 500];
    let text = DataType::Text;
    check(&[DataType::Int8], &sizes, 1);
    check(&[DataType::Int4], &sizes, 2);
    check(std::slice::from_ref(&text), &sizes, 3);
    check(&[DataType::Float8, DataType::Bool], &sizes, 4);
    check(&[DataType::Numeric(None), DataType::Interval], &sizes, 5);
    check(&[DataType::Uuid, text.clone(), DataType::Int2], &sizes, 6);
    check(&[DataType::List(Box::new(DataType::Int8))], &sizes, 7);
    check(&vec![DataType::Int2; 20], &[1, 64, 300], 8);
    check(&[], &[1, 2, 100], 9);
}

#[test]
fn grows_to_many_rows() {
    let mut table = GroupTable::new(&pool(), owner(), &[DataType::Int8], 1);
    let mut refs = Vec::new();
    for round in 0..3 {
        for start in (0..200_000i64).step_by(1000) {
            let values: crate::Buffer<i64> = (start..start + 1000).map(|i| i * 7919).collect();
            let column = Column::I64(crate::Fixed::new(values));
            let rows: Vec<u16> = (0..1000).collect();
            table.upsert(&[&column], &rows, &mut refs).expect("memory");
            for &addr in &refs {
                let at = table.layout().state();
                assert_eq!(table.row(addr)[at], round);
                table.row_mut(addr)[at] += 1;
            }
        }
        assert_eq!(table.len(), 200_000);
    }
}
