//! Rows that arrive and leave: each distinct row once, with its weight and the number of its
//! arrival.
//!
//! Rows lie in a group table whose key is the whole row. With a primary key a second table counts
//! keys, so that a second row of a key is refused. A delta is checked while it is applied and
//! undone if it does not fit.
//! Invariant: every row in the table has a weight of at least 1; numbers of arrival are unique.

use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, SqlError, SqlState};

use crate::arena::{Addr, Owner, Pool};
use crate::batch::Batch;
use crate::column::{Buffer, Column};
use crate::state::GroupTable;
use crate::state::row::{add_weight, weight};

/// Contents of a relation whose rows change.
#[derive(Debug)]
pub(super) struct KeyedStore {
    types: Vec<DataType>,
    /// Whole rows; one state word: the number of arrival.
    rows: GroupTable,
    key: Option<Key>,
    len: usize,
    arrivals: u64,
}

#[derive(Debug)]
struct Key {
    columns: Vec<usize>,
    /// How many rows have each key: 0 or 1 between deltas.
    counts: GroupTable,
}

/// What was done, to be undone.
#[derive(Debug, Default)]
struct Done {
    rows: Vec<(Addr, i64)>,
    keys: Vec<(Addr, i64)>,
}

impl KeyedStore {
    pub(super) fn new(
        pool: &Pool,
        owner: Owner,
        types: &[DataType],
        primary_key: Option<&[usize]>,
    ) -> Self {
        let key = primary_key.map(|columns| Key {
            columns: columns.to_vec(),
            counts: GroupTable::new(pool, owner, columns.iter().map(|c| &types[*c]), 0),
        });
        let rows = GroupTable::of_rows(pool, owner, types, 1);
        Self { types: types.to_vec(), rows, key, len: 0, arrivals: 0 }
    }

    pub(super) fn apply(&mut self, delta: &[Batch]) -> Result<(), SqlError> {
        let mut done = Done::default();
        let applied = self
            .pass(delta, false, &mut done)
            .and_then(|()| self.pass(delta, true, &mut done))
            .and_then(|()| self.check_keys(&done));
        if applied.is_err() {
            for (addr, by) in &done.rows {
                change(&mut self.rows, *addr, -by);
            }
            if let Some(key) = &mut self.key {
                for (addr, by) in &done.keys {
                    change(&mut key.counts, *addr, -by);
                }
            }
        }
        let net: i64 = done.rows.iter().map(|(_, by)| by).sum();
        if applied.is_ok() {
            self.len = self.len.saturating_add_signed(net as isize);
        }
        self.sweep(&done);
        applied
    }

    /// Applies the rows that arrive, or those that leave.
    fn pass(&mut self, delta: &[Batch], arriving: bool, done: &mut Done) -> Result<(), SqlError> {
        for batch in delta {
            if !arriving && !batch.has_retractions() {
                continue;
            }
            for part in batch.split() {
                let part = part.compact();
                let chosen: Vec<u16> = (0..part.rows())
                    .filter(|i| (part.weight(*i) > 0) == arriving && part.weight(*i) != 0)
                    .map(|i| i as u16)
                    .collect();
                self.part(&part, &chosen, done)?;
            }
        }
        Ok(())
    }

    fn part(&mut self, batch: &Batch, chosen: &[u16], done: &mut Done) -> Result<(), SqlError> {
        let columns: Vec<&Column> = batch.columns.iter().collect();
        let mut refs = Vec::new();
        self.rows.upsert(&columns, chosen, &mut refs)?;
        let at = self.rows.layout().state();
        for (addr, row) in refs.iter().zip(chosen) {
            let by = batch.weight(usize::from(*row));
            if weight(self.rows.row(*addr)[0]) == 0 && by > 0 {
                self.arrivals += 1;
                self.rows.row_mut(*addr)[at] = self.arrivals;
            }
            change(&mut self.rows, *addr, by);
            done.rows.push((*addr, by));
            if weight(self.rows.row(*addr)[0]) < 0 {
                let values = batch.row(usize::from(*row), &self.types);
                let row = arena_tr_types::Value::Struct(values.into());
                let message = format!("a row leaves that is not there: {row}");
                return Err(SqlError::new(SqlState::INTERNAL, message));
            }
        }
        let Some(key) = &mut self.key else { return Ok(()) };
        let columns: Vec<&Column> = key.columns.iter().map(|c| &batch.columns[*c]).collect();
        key.counts.upsert(&columns, chosen, &mut refs)?;
        for (addr, row) in refs.iter().zip(chosen) {
            let by = batch.weight(usize::from(*row));
            change(&mut key.counts, *addr, by);
            done.keys.push((*addr, by));
        }
        Ok(())
    }

    fn check_keys(&self, done: &Done) -> Result<(), SqlError> {
        let Some(key) = &self.key else { return Ok(()) };
        let twice = |addr: &Addr| weight(key.counts.row(*addr)[0]) > 1;
        let Some((addr, _)) = done.keys.iter().find(|(addr, _)| twice(addr)) else { return Ok(()) };
        let values: Vec<String> = key
            .columns
            .iter()
            .enumerate()
            .map(|(field, c)| {
                key.counts.gather(field, &[*addr]).value(0, &self.types[*c]).to_string()
            })
            .collect();
        Err(SqlError::new(
            SqlState::UNIQUE_VIOLATION,
            format!("duplicate key value violates unique constraint: key ({})", values.join(", ")),
        ))
    }

    /// Frees rows and keys that nobody has any more.
    fn sweep(&mut self, done: &Done) {
        sweep(&mut self.rows, &done.rows);
        if let Some(key) = &mut self.key {
            sweep(&mut key.counts, &done.keys);
        }
    }

    pub(super) fn scan(&self) -> Vec<Batch> {
        let mut addrs = Vec::with_capacity(self.rows.len());
        let mut from = Some(0);
        while let Some(at) = from {
            from = self.rows.scan(at, usize::MAX, &mut addrs);
        }
        let state = self.rows.layout().state();
        addrs.sort_by_cached_key(|addr| self.rows.row(*addr)[state]);
        addrs.chunks(BATCH_ROWS).map(|part| self.gather(part)).collect()
    }

    fn gather(&self, addrs: &[Addr]) -> Batch {
        let columns = (0..self.types.len()).map(|field| self.rows.gather(field, addrs)).collect();
        let weights: Vec<i64> = addrs.iter().map(|a| weight(self.rows.row(*a)[0])).collect();
        let weights = weights.iter().any(|w| *w != 1).then(|| Buffer::from(weights));
        Batch::new(columns, addrs.len()).with_weights(weights)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.rows.held_bytes() + self.key.as_ref().map_or(0, |k| k.counts.held_bytes())
    }
}

fn change(table: &mut GroupTable, addr: Addr, by: i64) {
    let row = table.row_mut(addr);
    row[0] = add_weight(row[0], by);
}

fn sweep(table: &mut GroupTable, touched: &[(Addr, i64)]) {
    let mut addrs: Vec<Addr> = touched.iter().map(|(addr, _)| *addr).collect();
    addrs.sort_unstable_by_key(|addr| addr.0);
    addrs.dedup();
    for addr in addrs {
        if weight(table.row(addr)[0]) == 0 {
            table.remove(addr);
        }
    }
}
