//! Random commits, and the relations as they should then be.
//!
//! Values are few, so that keys meet, with NULLs among them; times of the stream are out of order,
//! but never below its watermark.
//! Invariant: applying the statements of a commit to empty relations gives exactly the rows of the
//! model.

use std::collections::BTreeMap;

use arena_tr_types::{Decimal, Value};

use crate::oracle::Row;
use crate::rng::Rng;

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new row of a relation, by index in [`super::RELATIONS`].
    Insert(usize, Row),
    /// A table's row by its key gets this row's other columns.
    Update(usize, Row),
    /// A table's row goes, by its key.
    Delete(usize, i32),
}

/// What the relations hold.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Tables 0 and 1, by key.
    tables: [BTreeMap<i32, Row>; 2],
    /// The stream.
    stream: Vec<Row>,
}

/// Second 0 of all times, in microseconds since 1970: 2024-01-01.
const BASE: i64 = 1_704_067_200_000_000;
/// What a row of the stream may be behind the latest before it: less than its watermark's delay.
const DISORDER: u64 = 4_900_000;

impl Model {
    /// Rows of the relation.
    pub fn rows(&self, relation: usize) -> Vec<Row> {
        match relation {
            0 | 1 => self.tables[relation].values().cloned().collect(),
            _ => self.stream.clone(),
        }
    }

    /// Applies a change. False when it does not apply: the key is there already, or is not there.
    pub fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Insert(2, row) => {
                self.stream.push(row.clone());
                true
            }
            Change::Insert(table, row) => {
                let Value::Int4(key) = row[0] else { return false };
                self.tables[*table].insert(key, row.clone()).is_none()
            }
            Change::Update(table, row) => {
                let Value::Int4(key) = row[0] else { return false };
                match self.tables[*table].get_mut(&key) {
                    Some(old) => {
                        old.clone_from(row);
                        true
                    }
                    None => false,
                }
            }
            Change::Delete(table, key) => self.tables[*table].remove(key).is_some(),
        }
    }
}

/// Random commits of random changes.
pub fn commits(rng: &mut Rng, n_commits: usize, max_changes: u64) -> Vec<Vec<Change>> {
    let mut model = Model::default();
    let (mut next_key, mut latest) = (0, 0i64);
    (0..n_commits)
        .map(|_| {
            let n = 1 + rng.below(max_changes);
            let mut changes = Vec::new();
            for _ in 0..n {
                let change = change(rng, &model, &mut next_key, &mut latest);
                if model.apply(&change) {
                    changes.push(change);
                }
            }
            changes
        })
        .collect()
}

fn change(rng: &mut Rng, model: &Model, next_key: &mut i32, latest: &mut i64) -> Change {
    let relation = rng.below(3) as usize;
    if relation == 2 {
        *latest += rng.below(2_000_000) as i64;
        let ts = (*latest - rng.below(DISORDER) as i64).max(0);
        // Whole halves of seconds, so that times meet; rounding up stays above the watermark.
        let ts = ((ts + 499_999) / 500_000 * 500_000).min((*latest).max(ts));
        let row = vec![
            maybe(rng, |r| Value::Int4(r.below(4) as i32)),
            maybe(rng, |r| Value::Int8(r.below(6) as i64)),
            text(rng),
            Value::Timestamp(BASE + ts),
        ];
        return Change::Insert(2, row);
    }
    let keys: Vec<i32> = model.tables[relation].keys().copied().collect();
    match rng.below(5) {
        0 if !keys.is_empty() => Change::Delete(relation, *rng.pick(&keys)),
        1 if !keys.is_empty() => {
            let key = *rng.pick(&keys);
            Change::Update(relation, row(rng, relation, key))
        }
        _ => {
            *next_key += 1;
            Change::Insert(relation, row(rng, relation, *next_key % 40))
        }
    }
}

fn row(rng: &mut Rng, relation: usize, key: i32) -> Row {
    let last = match relation {
        0 => maybe(rng, |r| Value::Bool(r.one_in(2))),
        _ => maybe(rng, |r| Value::Numeric(Decimal::new(i128::from(r.below(800)), 2))),
    };
    vec![
        Value::Int4(key),
        maybe(rng, |r| Value::Int4(r.below(5) as i32)),
        maybe(rng, |r| Value::Int8(r.below(6) as i64)),
        text(rng),
        last,
    ]
}

fn maybe(rng: &mut Rng, value: impl Fn(&mut Rng) -> Value) -> Value {
    if rng.one_in(6) { Value::Null } else { value(rng) }
}

fn text(rng: &mut Rng) -> Value {
    let words = ["", "a", "b", "ab", "a longer piece of text", "exactly12byt"];
    maybe(rng, |r| Value::Text((*r.pick(&words)).into()))
}
