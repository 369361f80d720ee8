//! Order keys: the first sort column of each row as one unsigned word.
//!
//! Invariant: a row whose key is greater comes later in the order; of equal keys nothing is known.

use arena_tr_planner::physical::SortKey;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::column::order::{f64_order, i64_order};
use arena_tr_storage::state::{Cell, cell};

use crate::state_op::live::Live;

/// The keys of the live rows of a batch; all 0 without an order.
pub(super) fn of_rows(
    order: &[SortKey],
    cells: &[Cell],
    batch: &Batch,
    live: &Live,
    out: &mut Vec<u64>,
) {
    out.clear();
    let Some(first) = order.first() else {
        out.resize(live.len(), 0);
        return;
    };
    let column = &batch.columns[first.column];
    let rows = live.rows.iter().map(|&row| usize::from(row));
    match column {
        Column::Bool(c) => out.extend(rows.map(|i| u64::from(c.values[i]))),
        Column::I16(c) => out.extend(rows.map(|i| i64_order(i64::from(c.values[i])))),
        Column::I32(c) => out.extend(rows.map(|i| i64_order(i64::from(c.values[i])))),
        Column::I64(c) => out.extend(rows.map(|i| i64_order(c.values[i]))),
        Column::F32(c) => out.extend(rows.map(|i| f64_order(f64::from(c.values[i])))),
        Column::F64(c) => out.extend(rows.map(|i| f64_order(c.values[i]))),
        Column::Decimal(c) => out.extend(rows.map(|i| f64_order(c.values[i].to_f64()))),
        Column::I128(c) if cells[first.column] == Cell::Uuid => {
            out.extend(rows.map(|i| (c.values[i] >> 64) as u64));
        }
        Column::I128(c) => out.extend(rows.map(|i| interval_key(c.values[i]))),
        Column::Str(c) if cells[first.column] == Cell::Bytes => {
            out.extend(rows.map(|i| bytes_key(c.get(i))));
        }
        // Values that are not ordered by their bytes.
        Column::Str(_) => out.resize(live.len(), 0),
    }
    if first.desc {
        out.iter_mut().for_each(|key| *key = !*key);
    }
    if column.validity().is_some() {
        let null = if first.nulls_first { 0 } else { u64::MAX };
        for (key, &row) in out.iter_mut().zip(&live.rows) {
            if column.is_null(usize::from(row)) {
                *key = null;
            }
        }
    }
}

fn interval_key(bits: i128) -> u64 {
    let length = cell::interval_length(bits);
    i64_order(length.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// The first eight bytes, padded with zeros.
fn bytes_key(bytes: &[u8]) -> u64 {
    let mut head = [0; 8];
    let n = bytes.len().min(8);
    head[..n].copy_from_slice(&bytes[..n]);
    u64::from_be_bytes(head)
}
