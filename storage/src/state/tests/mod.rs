//! Tests of the state structures against naive models.

mod group_table;
mod ordered;
mod pane;
mod save;

use arena_tr_types::{DataType, Decimal, Value};

use crate::Batch;
use crate::arena::{Owner, Pool, Tier};

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

pub(crate) fn owner() -> Owner {
    Owner::new(1, 0, Tier::Keyed)
}

/// A value of the type from a small domain, often NULL, sometimes a long string.
pub(crate) fn value(random: &mut Random, data_type: &DataType) -> Value {
    if random.below(8) == 0 {
        return Value::Null;
    }
    let n = random.below(40) as i64 - 20;
    match data_type {
        DataType::Bool => Value::Bool(n > 0),
        DataType::Int2 => Value::Int2(n as i16),
        DataType::Int4 => Value::Int4(n as i32),
        DataType::Int8 => Value::Int8(n * 1_000_000_007),
        DataType::Float8 => Value::Float8(match n {
            0 => -0.0,
            1 => f64::NAN,
            _ => n as f64 / 4.0,
        }),
        DataType::Numeric(_) => Value::Numeric(Decimal::new(i128::from(n) * 10, 1)),
        DataType::Uuid => Value::Uuid(n as u128),
        DataType::Interval => {
            Value::Interval(arena_tr_types::Interval { months: 0, days: n as i32, micros: 0 })
        }
        DataType::List(_) => Value::List([Value::Int8(n), Value::Null].into()),
        _ => Value::Text(
            match n.rem_euclid(3) {
                0 => format!("{n}"),
                1 => format!("twelve byte{}", n.rem_euclid(10)),
                _ => format!("a string that is longer than twelve bytes {n}"),
            }
            .into(),
        ),
    }
}

pub(crate) fn batch(random: &mut Random, types: &[DataType], n: usize) -> Batch {
    let rows: Vec<Vec<Value>> =
        (0..n).map(|_| types.iter().map(|t| value(random, t)).collect()).collect();
    Batch::from_rows(&rows, types).expect("values of these types")
}

pub(crate) fn pool() -> Pool {
    Pool::new()
}
