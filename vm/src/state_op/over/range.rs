//! RANGE frames with offsets: rows whose key is at most so far from the current row's.
//!
//! Invariant: keys ascend or descend within a partition, NULLs at one end of it.

use std::cmp::Ordering;
use std::ops::Range;

use arena_tr_planner::physical::SortKey;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::Cell;
use arena_tr_types::{Decimal, Interval, SqlError, SqlState, Value, time};

const DAY: i64 = 86_400_000_000;

/// A key, as it is compared.
#[derive(Debug, Clone, Copy)]
enum Key {
    Int(i128),
    Float(f64),
    Decimal(Decimal),
    Interval(Interval),
}

impl Key {
    fn cmp(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => {
                a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
            (Self::Decimal(a), Self::Decimal(b)) => a.cmp_sql(b),
            (Self::Interval(a), Self::Interval(b)) => a.cmp_sql(b),
            _ => Ordering::Equal,
        }
    }
}

/// The keys of a sheet.
#[derive(Debug)]
pub(super) struct Keys {
    column: Column,
    desc: bool,
    nulls_first: bool,
    cell: Cell,
}

impl Keys {
    pub(super) fn new(column: Column, key: &SortKey, cell: Cell) -> Self {
        Self { column, desc: key.desc, nulls_first: key.nulls_first, cell }
    }

    pub(super) fn is_present(&self, i: usize) -> bool {
        !self.column.is_null(i)
    }

    /// The rows of a partition whose key is not NULL.
    pub(super) fn present(&self, p: &Range<usize>) -> Range<usize> {
        let nulls = p.clone().filter(|&i| self.column.is_null(i)).count();
        if self.nulls_first { p.start + nulls..p.end } else { p.start..p.end - nulls }
    }

    fn key(&self, i: usize) -> Key {
        match &self.column {
            Column::I16(c) => Key::Int(c.values[i].into()),
            Column::I32(c) => Key::Int(c.values[i].into()),
            Column::I64(c) => Key::Int(c.values[i].into()),
            Column::F32(c) => Key::Float(c.values[i].into()),
            Column::F64(c) => Key::Float(c.values[i]),
            Column::Decimal(c) => Key::Decimal(c.values[i]),
            Column::I128(c) if self.cell == Cell::Interval => {
                Key::Interval(Interval::from_bits(c.values[i]))
            }
            _ => Key::Int(0),
        }
    }

    /// An edge of row `i`'s frame among the rows with a key: (towards the beginning?, the end?).
    pub(super) fn edge(
        &self,
        i: usize,
        among: &Range<usize>,
        by: &Value,
        (preceding, end): (bool, bool),
    ) -> Result<usize, SqlError> {
        let subtract = preceding != self.desc;
        let Some((bound, unit)) = self.bound(i, by, subtract)? else {
            // Infinity at an infinite distance: everything is within reach.
            return Ok(if end { among.end } else { among.start });
        };
        let before = |k: usize| {
            let key = match self.key(k) {
                Key::Int(n) => Key::Int(n * i128::from(unit)),
                key => key,
            };
            let order = if self.desc { bound.cmp(key) } else { key.cmp(bound) };
            if end { order.is_le() } else { order.is_lt() }
        };
        let (mut low, mut high) = (among.start, among.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(middle) { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// The key of row `i` moved by an offset, and what other keys are to be multiplied by; `None`
    /// where infinities leave no bound.
    fn bound(&self, i: usize, by: &Value, subtract: bool) -> Result<Option<(Key, i64)>, SqlError> {
        let sign = if subtract { -1 } else { 1 };
        Ok(Some(match (self.key(i), by) {
            (Key::Int(key), Value::Int8(by)) => (Key::Int(key + i128::from(*by) * sign), 1),
            (Key::Int(key), Value::Interval(by)) => {
                return self.moved(key, *by, subtract).map(Some);
            }
            (Key::Float(key), Value::Float8(by)) => {
                let bound = if subtract { key - by } else { key + by };
                if bound.is_nan() && !key.is_nan() {
                    return Ok(None);
                }
                (Key::Float(bound), 1)
            }
            (Key::Decimal(key), Value::Numeric(by)) => {
                let bound = if subtract { key.checked_sub(*by) } else { key.checked_add(*by) }?;
                if bound.is_nan() && !key.is_nan() {
                    return Ok(None);
                }
                (Key::Decimal(bound), 1)
            }
            (Key::Interval(key), Value::Interval(by)) => {
                let bound = if subtract { key.checked_sub(*by) } else { key.checked_add(*by) }?;
                (Key::Interval(bound), 1)
            }
            _ => return Err(SqlError::unsupported("RANGE with an offset of another type")),
        }))
    }

    /// A date, time or timestamp moved by an interval, in microseconds.
    fn moved(&self, key: i128, by: Interval, subtract: bool) -> Result<(Key, i64), SqlError> {
        let shift = |time: i64| match subtract {
            true => time::timestamp_minus_interval(time, by),
            false => time::timestamp_plus_interval(time, by),
        };
        let narrow = || SqlError::new(SqlState::DATETIME_OVERFLOW, "timestamp out of range");
        let key = i64::try_from(key).map_err(|_| narrow())?;
        if self.cell == Cell::I32 {
            let midnight = key.checked_mul(DAY).ok_or_else(narrow)?;
            return Ok((Key::Int(shift(midnight)?.into()), DAY));
        }
        Ok((Key::Int(shift(key)?.into()), 1))
    }
}
