//! Deltas: batches seen as change.
//!
//! Consolidation sorts rows, adds the weights of identical ones and drops those that cancel, so that what
//! leaves an epoch depends on the change alone and not on how its rows were batched or in which order
//! operators produced them.
//! Invariant: consolidated rows are distinct, none has weight zero, and their order is that of
//! [`Column::cmp_identity`] column by column, whatever the order of the input.

use std::cmp::Ordering;

use arena_tr_types::limits;

use crate::batch::Batch;
use crate::column::{Buffer, MutBuffer};

/// The change that undoes these.
pub fn negate(batches: &[Batch]) -> Vec<Batch> {
    batches.iter().map(Batch::negate).collect()
}

/// Orders row `i` of a batch against its row `j`, column by column from `first`.
fn cmp_rows(batch: &Batch, first: usize, i: usize, j: usize) -> Ordering {
    let columns = batch.columns[first..].iter();
    columns.map(|c| c.cmp_identity(i, c, j)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// Adds the weights of identical rows and drops those that cancel. The result is sorted, in batches of at
/// most `limits::BATCH_ROWS`, without weights where every row arrives once; empty if all cancels.
pub fn consolidate(batches: Vec<Batch>) -> Vec<Batch> {
    let Some(all) = Batch::concat(&batches) else { return Vec::new() };
    drop(batches);
    let order = sorted_rows(&all);
    let mut rows = MutBuffer::<u32>::with_capacity(order.len());
    let mut weights = MutBuffer::<i64>::with_capacity(order.len());
    let mut run = order.as_slice();
    while let Some((&(key, row), rest)) = run.split_first() {
        let same = |next: &&(u64, u32)| {
            next.0 == key && cmp_rows(&all, 0, row as usize, next.1 as usize).is_eq()
        };
        let n = 1 + rest.iter().take_while(same).count();
        let weight =
            run[..n].iter().fold(0i64, |sum, r| sum.saturating_add(all.weight(r.1 as usize)));
        if weight != 0 {
            rows.push(row);
            weights.push(weight);
        }
        run = &run[n..];
    }
    let unit = weights.iter().all(|&w| w == 1);
    let weights = weights.freeze();
    let chunks = rows.chunks(limits::BATCH_ROWS).enumerate();
    chunks.map(|(i, rows)| take(&all, rows, if unit { None } else { Some(&weights) }, i)).collect()
}

/// Output batch number `i` of the surviving rows.
fn take(all: &Batch, rows: &[u32], weights: Option<&Buffer<i64>>, i: usize) -> Batch {
    let start = i * limits::BATCH_ROWS;
    let columns = all.columns.iter().map(|c| c.take(rows)).collect();
    Batch::new(columns, rows.len())
        .with_weights(weights.map(|w| w.slice(start..start + rows.len())))
}

/// The rows in order, each with the order key of its first column. Equal rows keep their input order,
/// which decides nothing that shows (they are identical).
fn sorted_rows(batch: &Batch) -> Vec<(u64, u32)> {
    let n = u32::try_from(batch.rows()).expect("one delta has fewer than 2^32 rows");
    let mut keys = Vec::new();
    match batch.columns.first() {
        Some(column) => column.order_keys(&mut keys),
        None => keys.resize(n as usize, 0),
    }
    let mut order: Vec<(u64, u32)> = keys.into_iter().zip(0..n).collect();
    order.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| cmp_rows(batch, 0, a.1 as usize, b.1 as usize))
    });
    order
}

#[cfg(test)]
#[path = "delta_tests.rs"]
mod tests;
