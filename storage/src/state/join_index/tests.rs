//! The join index against lists of rows.

use arena_tr_types::{DataType, Value};

use super::*;
use crate::arena::Tier;
use crate::batch::Batch;
use crate::state::visit::StateCopy;

/// Key, time, number of the row.
type Row = (i64, i64, i64);

struct Both {
    index: JoinIndex,
    rows: [Vec<Row>; 2],
    bounds: [i64; 2],
    dice: u64,
    number: i64,
}

impl Both {
    fn new() -> Self {
        let pool = Pool::new();
        let owner = Owner { view: 1, operator: 0, tier: Tier::Keyed };
        let fields = vec![DataType::Timestamp, DataType::Int8, DataType::Text];
        let side = || SideSpec {
            fields: fields.clone(),
            degrees: false,
            time: Some((0, 1)),
            merged: false,
        };
        let index = JoinIndex::new(&pool, owner, &[DataType::Int8], side(), side());
        Self { index, rows: [Vec::new(), Vec::new()], bounds: [i64::MIN; 2], dice: 7, number: 0 }
    }

    fn roll(&mut self, n: u64) -> i64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((self.dice >> 33) % n).cast_signed()
    }

    /// Adds rows with one weight each.
    fn add(&mut self, side: usize, rows: &[Row], weight: i64) {
        let types = [DataType::Int8, DataType::Timestamp, DataType::Int8, DataType::Text];
        let values = |&(key, time, number): &Row| {
            let text = format!("row number {number} of many");
            vec![
                Value::Int8(key),
                Value::Timestamp(time),
                Value::Int8(number),
                Value::Text(text.into()),
            ]
        };
        let batch = Batch::from_rows(&rows.iter().map(values).collect::<Vec<_>>(), &types).unwrap();
        let columns: Vec<&Column> = batch.columns.iter().collect();
        let listed: Vec<u16> = (0..rows.len() as u16).collect();
        let (mut keys, mut touched) = (Vec::new(), Vec::new());
        self.index.upsert_keys(&columns[..1], &listed, &mut keys).unwrap();
        let weights = vec![weight; rows.len()];
        let refs = (&listed[..], &keys[..]);
        self.index.add(side, &columns[1..], refs, Some(&weights), &mut touched).unwrap();
        touched.iter().for_each(|t| self.index.sweep(side, t.addr));
        if weight > 0 {
            self.rows[side].extend_from_slice(rows);
        } else {
            self.rows[side].retain(|row| !rows.contains(row));
        }
    }

    fn forget(&mut self, side: usize, bound: i64) {
        self.bounds[side] = self.bounds[side].max(bound);
        if self.index.is_listed(side) {
            self.index.drop_blocks(side, bound);
        } else {
            self.index.drop_below(side, bound);
        }
    }

    /// Rows that no bound has passed are all in their key's list; nothing else is that never was.
    fn check(&mut self) {
        for side in 0..2 {
            let mut listed: Vec<Row> = Vec::new();
            for key in self.index.all_keys() {
                let store = &self.index.sides[side];
                let number = self.index.keys.row(key)[self.index.keys.layout().offset(0)];
                let addrs = store.list(&self.index.keys, key);
                let (times, ids) = (store.gather(0, &addrs), store.gather(1, &addrs));
                let texts = store.gather(2, &addrs);
                for k in 0..addrs.len() {
                    let time = times.as_i64().unwrap().values[k];
                    let id = ids.as_i64().unwrap().values[k];
                    let expected = format!("row number {id} of many");
                    assert_eq!(texts.as_str().unwrap().str_at(k), expected);
                    listed.push((number.cast_signed(), time, id));
                }
            }
            listed.sort_unstable();
            let n = listed.len();
            listed.dedup();
            assert_eq!(listed.len(), n, "a row is listed once");
            assert_eq!(self.index.sides[side].len(), n);
            let rows = &self.rows[side];
            assert!(listed.iter().all(|row| rows.contains(row)));
            let bound = self.bounds[side];
            let mut kept = rows.iter().filter(|row| row.1 >= bound);
            assert!(kept.all(|row| listed.binary_search(row).is_ok()), "side {side}");
        }
    }

    /// Rows that come, rows that are taken back, rows that the bound passes.
    fn epoch(&mut self, epoch: i64, retractions: bool) {
        for side in 0..2 {
            let n = 1 + self.roll(300);
            let rows: Vec<Row> = (0..n)
                .map(|_| {
                    self.number += 1;
                    (self.roll(40) + epoch, epoch * 100 + self.roll(150), self.number)
                })
                .collect();
            self.add(side, &rows, 1);
            if retractions && epoch > 20 {
                let live: Vec<Row> = self.rows[side].iter().rev().take(40).copied().collect();
                let (live, _): (Vec<_>, Vec<_>) =
                    live.into_iter().partition(|row| row.1 >= self.bounds[side]);
                self.add(side, &live, -1);
            }
        }
        let side = usize::from(epoch % 3 == 0);
        self.forget(side, epoch * 100 - 200);
    }

    /// Another index that knows the same and keeps what this one does.
    fn move_into(&mut self, mut other: Self) -> Self {
        let copy = StateCopy::of(&mut self.index).expect("nothing fails");
        copy.put_into(&mut other.index).expect("an index");
        assert_eq!(StateCopy::of(&mut other.index).expect("nothing fails"), copy);
        Self { index: other.index, rows: self.rows.clone(), ..*self }
    }
}

fn run(retractions: bool) -> Both {
    let mut both = Both::new();
    for epoch in 0..60 {
        both.epoch(epoch, retractions);
        both.check();
    }
    both
}

#[test]
fn an_index_goes_on_elsewhere() {
    for retractions in [false, true] {
        let (mut steady, mut moving) = (Both::new(), Both::new());
        for epoch in 0..45 {
            let mut other = Both::new();
            if epoch % 3 > 0 {
                // One that only grew, or one that retracted.
                let first = if epoch % 3 == 1 { 0 } else { 21 };
                (first..first + 3).for_each(|epoch| other.epoch(epoch, true));
            }
            moving = moving.move_into(other);
            steady.epoch(epoch, retractions);
            moving.epoch(epoch, retractions);
            moving.check();
            let copies = [&mut steady, &mut moving].map(|both| StateCopy::of(&mut both.index));
            let [steady, moving] = copies.map(|copy| copy.expect("nothing fails"));
            assert!(steady.is_like(&moving), "epoch {epoch}");
        }
    }
}

#[test]
fn growing_sides_drop_blocks() {
    let mut both = run(false);
    let n: usize = both.index.sides.iter().map(JoinSide::len).sum();
    assert!(n < both.rows.iter().map(Vec::len).sum::<usize>() / 2, "{n} rows are left");
    // In the end nothing is left: neither rows nor, after as many steps as it takes, keys.
    for side in 0..2 {
        both.forget(side, i64::MAX);
        assert!(both.index.sides[side].is_empty());
    }
    for _ in 0..4 {
        both.add(0, &[(-1, 1, 1)], 1);
        both.forget(0, i64::MAX);
        both.index.sweep_keys(1000);
    }
    assert!(both.index.n_keys() <= 1, "{} keys are left", both.index.n_keys());
}

#[test]
fn sides_that_begin_to_retract_keep_their_lists() {
    let both = run(true);
    assert!(both.index.sides.iter().all(|side| side.by_row.is_some()));
}
