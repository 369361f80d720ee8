//! The order and cut of an ad-hoc result, with PostgreSQL's ordering.
//!
//! Invariant: rows of equal keys stay in the order they came in, so the result is the same in every
//! run.

use std::cmp::Ordering;

use arena_tr_storage::Batch;
use arena_tr_types::Value;

use crate::bytecode::Output;

/// The rows of a result in the order asked for, offset and limit applied, hidden columns dropped.
/// Rows of weight n appear n times.
pub fn present(output: &Output, delta: &[Batch]) -> Vec<Vec<Value>> {
    let types: Vec<_> = output.schema.fields.iter().map(|f| f.data_type.clone()).collect();
    let presentation = &output.presentation;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for batch in delta {
        for (row, weight) in batch.to_weighted_rows(&types) {
            for _ in 1..weight {
                rows.push(row.clone());
            }
            if weight > 0 {
                rows.push(row);
            }
        }
    }
    if !presentation.order.is_empty() {
        rows.sort_by(|a, b| {
            let keys = presentation.order.iter();
            let compared =
                keys.map(|key| compare(&a[key.column], &b[key.column], key.desc, key.nulls_first));
            compared.fold(Ordering::Equal, Ordering::then)
        });
    }
    let offset = usize::try_from(presentation.offset).unwrap_or(usize::MAX);
    let limit = presentation.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut rows: Vec<_> = rows.into_iter().skip(offset).take(limit).collect();
    if let Some(width) = presentation.width {
        rows.iter_mut().for_each(|row| row.truncate(width));
    }
    rows
}

fn compare(a: &Value, b: &Value, desc: bool, nulls_first: bool) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if nulls_first => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if nulls_first => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if desc => b.cmp_sql(a),
        (false, false) => a.cmp_sql(b),
    }
}
