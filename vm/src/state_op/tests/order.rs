//! The order of rows, naively: what the operators that sort are checked against.

use std::cmp::Ordering;

use arena_tr_planner::physical::SortKey;
use arena_tr_types::Value;

use super::{Row, text};

/// Orders values by a sort key.
pub(crate) fn by_key(key: &SortKey, a: &Value, b: &Value) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if key.nulls_first => Ordering::Less,
        (false, true) if !key.nulls_first => Ordering::Less,
        (true, false) | (false, true) => Ordering::Greater,
        _ if key.desc => b.cmp_sql(a),
        _ => a.cmp_sql(b),
    }
}

/// Orders rows by sort keys only.
pub(crate) fn by_keys(order: &[SortKey], a: &[Value], b: &[Value]) -> Ordering {
    let each = order.iter().map(|key| by_key(key, &a[key.column], &b[key.column]));
    each.fold(Ordering::Equal, Ordering::then)
}

/// Orders rows by sort keys, then by all columns.
pub(crate) fn by_all(order: &[SortKey], a: &[Value], b: &[Value]) -> Ordering {
    let rest: Vec<SortKey> = (0..a.len()).map(|column| key(column, false, false)).collect();
    by_keys(order, a, b).then_with(|| by_keys(&rest, a, b))
}

pub(crate) fn key(column: usize, desc: bool, nulls_first: bool) -> SortKey {
    SortKey { column, desc, nulls_first }
}

/// The rows of each partition, sorted.
pub(crate) fn partitions(rows: &[Row], partition: &[usize], order: &[SortKey]) -> Vec<Vec<Row>> {
    let mut groups = std::collections::BTreeMap::<String, Vec<Row>>::new();
    for row in rows {
        let key: Row = partition.iter().map(|&c| row[c].clone()).collect();
        groups.entry(text(&key)).or_default().push(row.clone());
    }
    let mut groups: Vec<Vec<Row>> = groups.into_values().collect();
    groups.iter_mut().for_each(|g| g.sort_by(|a, b| by_all(order, a, b)));
    groups
}
