//! Tests of the state operators: each against a naive model, over random deltas with NULLs and
//! retractions, at batch sizes around the machine's word and the batch limit.

mod exact;
mod group;
mod join;
mod order;
mod over;
mod pane;
mod save;
mod session;
mod setop;
mod topn;
mod whole;

use std::collections::BTreeMap;

use arena_tr_storage::arena::{Owner, Pool, Tier};
use arena_tr_storage::batch::Batch;
use arena_tr_types::{DataType, Decimal, Field, SqlError, Value};

use super::StateContext;

/// Batch sizes that every operator is tried with.
pub(crate) const SIZES: [usize; 6] = [1, 2, 63, 64, 65, 1024];

/// A small deterministic generator (xorshift), so that failures repeat.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

pub(crate) fn context() -> StateContext {
    StateContext::new(&Pool::new(), Owner::new(1, 0, Tier::Keyed))
}

/// Fields of these types, all nullable, named c0, c1, ...
pub(crate) fn fields(types: &[DataType]) -> Vec<Field> {
    types.iter().enumerate().map(|(i, t)| Field::new(format!("c{i}"), t.clone(), true)).collect()
}

/// A value of the type from `domain` many, sometimes NULL.
pub(crate) fn value(random: &mut Random, data_type: &DataType, domain: u64) -> Value {
    if random.below(9) == 0 {
        return Value::Null;
    }
    let n = random.below(domain) as i64 - domain as i64 / 3;
    match data_type {
        DataType::Bool => Value::Bool(n > 0),
        DataType::Int2 => Value::Int2(n as i16),
        DataType::Int4 => Value::Int4(n as i32),
        DataType::Int8 => Value::Int8(n),
        DataType::Timestamp => Value::Timestamp(n * 1_000_000),
        DataType::Float4 => Value::Float4(n as f32 / 4.0),
        DataType::Float8 => Value::Float8(n as f64 / 4.0),
        DataType::Numeric(_) => {
            Value::Numeric(Decimal::new(i128::from(n) * 10, 1 + (n.rem_euclid(3)) as u32))
        }
        DataType::Interval => Value::Interval(arena_tr_types::Interval::new(0, n as i32, n)),
        _ if n % 2 == 0 => Value::Text(format!("{n}").into()),
        _ => Value::Text(format!("a text longer than twelve bytes {n}").into()),
    }
}

pub(crate) type Row = Vec<Value>;

/// A multiset of rows that changes by deltas, in the order rows came.
#[derive(Default)]
pub(crate) struct Relation {
    pub(crate) rows: Vec<Row>,
}

impl Relation {
    /// A random delta of `n` rows: new ones and, if `retracts`, some that take rows of the relation
    /// away.
    pub(crate) fn delta(
        &mut self,
        random: &mut Random,
        types: &[DataType],
        n: usize,
        (domain, retracts): (u64, bool),
    ) -> Batch {
        let (mut rows, mut weights) = (Vec::new(), Vec::new());
        for _ in 0..n {
            if retracts && !self.rows.is_empty() && random.below(5) < 2 {
                let at = random.below(self.rows.len() as u64) as usize;
                rows.push(self.rows.remove(at));
                weights.push(-1);
            } else {
                let row: Row = types.iter().map(|t| value(random, t, domain)).collect();
                self.rows.push(row.clone());
                rows.push(row);
                weights.push(1);
            }
        }
        let batch = Batch::from_rows(&rows, types).expect("values of these types");
        if retracts {
            batch.with_weights(Some(arena_tr_storage::column::Buffer::from_slice(&weights)))
        } else {
            batch
        }
    }
}

/// What an operator's output adds up to.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) rows: BTreeMap<String, i64>,
}

pub(crate) fn text(row: &[Value]) -> String {
    let cells: Vec<String> =
        row.iter().map(|v| if v.is_null() { "NULL".to_owned() } else { v.to_string() }).collect();
    cells.join("|")
}

impl View {
    /// Adds what `poll` yields until it ends.
    pub(crate) fn drain(
        &mut self,
        types: &[DataType],
        mut poll: impl FnMut() -> Result<Option<Batch>, SqlError>,
    ) {
        while let Some(batch) = poll().expect("no error") {
            self.add(&batch, types);
        }
    }

    pub(crate) fn add(&mut self, batch: &Batch, types: &[DataType]) {
        assert!(batch.rows() <= arena_tr_types::limits::BATCH_ROWS && batch.selection.is_none());
        assert_eq!(batch.columns.len(), types.len());
        for (row, weight) in batch.to_weighted_rows(types) {
            let held = self.rows.entry(text(&row)).or_default();
            *held += weight;
            if *held == 0 {
                self.rows.remove(&text(&row));
            }
        }
    }

    /// Compares with the rows that should be there.
    pub(crate) fn check(&self, expected: impl IntoIterator<Item = Row>, what: &str) {
        let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
        for row in expected {
            *wanted.entry(text(&row)).or_default() += 1;
        }
        assert_eq!(self.rows, wanted, "{what}");
    }
}
