//! Joins of all kinds, incrementally: pairs as deltas meet, unmatched rows at the end of the epoch.
//!
//! A delta of one side enters its own rows and is paired with the other side's rows as they are at
//! that moment; because the left delta goes first, every pair is made exactly once. A pair's weight
//! is the product of its rows' weights. What depends on whether a row has a partner (padding of
//! outer joins; semi and anti joins) is not decided pair by pair: rows count their matches, the
//! first touch of a row in an epoch notes whether it was shown, and the end of the epoch emits the
//! difference.
//!
//! The residual condition is the caller's: candidates are handed out and come back as a selection.
//!
//! Invariant: between epochs no row is marked, every counted degree is the sum of the weights of
//! the row's matches, and what was emitted adds up to the join of both sides.

mod output;

use arena_tr_planner::physical::{Forget, JoinKind};
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Column, Selection};
use arena_tr_storage::state::{JoinIndex, SideSpec, StateVisitor, Touched, Visit};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, Field, SqlError, Timestamp};

use super::forget::Forgetter;
use super::live::Live;
use super::{Side, StateContext};
use output::Shape;

/// A join, its residual condition named by the columns that it reads.
#[derive(Debug, Clone)]
pub struct JoinSpec {
    /// Which.
    pub kind: JoinKind,
    /// Key columns of the left input; none: every pair is tried.
    pub left_keys: Vec<usize>,
    /// Key columns of the right input.
    pub right_keys: Vec<usize>,
    /// Whether NULL keys match each other, per key.
    pub null_equal: Vec<bool>,
    /// The columns (left, then right) that the residual condition reads, if there is one.
    pub residual: Option<Vec<usize>>,
    /// When rows of the left state may be dropped: a column of the left input.
    pub left_forget: Option<Forget>,
    /// When rows of the right state may be dropped: a column of the right input.
    pub right_forget: Option<Forget>,
    /// Output columns, as positions in left then right columns.
    pub output: Vec<usize>,
}

/// What [`Join::step`] comes to.
#[derive(Debug)]
pub enum JoinStep {
    /// Pairs whose keys match: all left columns, then all right columns (those that neither the
    /// residual condition nor the output needs hold NULL). The caller finds out for which of them
    /// the residual condition is true and calls [`Join::matched`] before the next step.
    Candidates(Batch),
    /// Joined rows.
    Rows(Batch),
    /// The delta is done.
    Done,
}

/// A join.
#[derive(Debug)]
pub struct Join {
    shape: Shape,
    index: JoinIndex,
    keys: [Vec<usize>; 2],
    /// Keys whose NULLs match nothing.
    strict: Vec<usize>,
    /// NULL keys might match anything.
    null_aware: bool,
    tracked: [bool; 2],
    forgetters: [Forgetter; 2],
    live: Live,
    delta: Option<Delta>,
    /// Rows touched in this epoch, and what was shown of them before.
    dirty: [Vec<(Addr, i64)>; 2],
    /// How many of them were shown by `poll`.
    polled: [usize; 2],
}

/// A delta on its way through.
#[derive(Debug)]
struct Delta {
    side: usize,
    batch: Batch,
    /// Its rows with a key that can match, their weights, keys and own rows of state.
    rows: Vec<u16>,
    weights: Option<Vec<i64>>,
    keys: Vec<Addr>,
    touched: Vec<Touched>,
    /// Rows that can match nothing.
    unmatched: Vec<(u16, i64)>,
    cursor: Cursor,
    /// Candidates that the caller decides about.
    pairs: Pairs,
}

/// Where pairing goes on.
#[derive(Debug, Default)]
struct Cursor {
    /// The next of the delta's rows.
    k: usize,
    /// The next row of state to pair it with.
    next: Option<Addr>,
    /// Further keys to visit for this row (NULL-aware joins only).
    visits: Vec<Addr>,
    /// Whether `next` and `visits` are those of row `k`.
    open: bool,
}

/// Pairs of a delta's row and a row of the other side's state.
#[derive(Debug, Default)]
struct Pairs {
    /// Position in the delta's `rows`.
    own: Vec<u32>,
    other: Vec<Addr>,
}

impl Join {
    /// An operator without rows.
    pub fn new(cx: &StateContext, left: &[Field], right: &[Field], spec: &JoinSpec) -> Self {
        let shape = Shape::new(left, right, spec);
        let key_types: Vec<DataType> =
            spec.left_keys.iter().map(|&k| left[k].data_type.clone()).collect();
        let null_aware = spec.kind == JoinKind::NullAwareAnti;
        let tracked = [
            !matches!(spec.kind, JoinKind::Inner | JoinKind::Right),
            matches!(spec.kind, JoinKind::Right | JoinKind::Full),
        ];
        // A row without a time goes with its neighbours, so it must not be one that NULL matches.
        let matches_null = |side: usize, column: usize| {
            let keys = [&spec.left_keys, &spec.right_keys][side];
            let of_key = |(i, &key): (usize, &usize)| {
                key == column && spec.null_equal.get(i).copied().unwrap_or(false)
            };
            keys.iter().enumerate().any(of_key)
        };
        let forget = [(0, spec.left_forget), (1, spec.right_forget)]
            .map(|(side, rule)| rule.filter(|rule| !matches_null(side, rule.column)));
        let side = |side: usize| SideSpec {
            fields: shape.field_types(side),
            degrees: tracked[side],
            time: forget[side].map(|f| shape.time_field(side, f.column)),
            // The right rows of a semi or anti join only count.
            merged: side == 1 && !shape.has_pairs(),
        };
        let types = [left, right]
            .map(|fields| fields.iter().map(|f| f.data_type.clone()).collect::<Vec<DataType>>());
        let strict = (0..spec.left_keys.len())
            .filter(|&i| !null_aware && !spec.null_equal.get(i).copied().unwrap_or(false))
            .collect();
        Self {
            index: JoinIndex::new(&cx.pool, cx.owner, &key_types, side(0), side(1)),
            keys: [spec.left_keys.clone(), spec.right_keys.clone()],
            strict,
            null_aware,
            tracked,
            forgetters: [0, 1].map(|s| Forgetter::new(forget[s], &types[s])),
            live: Live::default(),
            delta: None,
            dirty: [Vec::new(), Vec::new()],
            polled: [0, 0],
            shape,
        }
    }

    /// Bytes of chunks held.
    pub fn held_bytes(&self) -> usize {
        self.index.held_bytes()
    }

    /// Number of rows kept on a side.
    pub fn n_rows(&self, side: Side) -> usize {
        self.index.sides[side as usize].len()
    }

    /// Takes in a batch (of at most `BATCH_ROWS` rows) of one side; then [`Join::step`] until it is
    /// done.
    pub fn start(&mut self, side: Side, batch: &Batch) -> Result<(), SqlError> {
        let side = side as usize;
        self.live.load(batch);
        let mut delta = self.split(side, batch);
        let key_columns: Vec<&Column> =
            self.keys[side].iter().map(|&k| &batch.columns[k]).collect();
        self.index.upsert_keys(&key_columns, &delta.rows, &mut delta.keys)?;
        if self.null_aware {
            self.index.note_null_keys(&delta.keys);
        }
        let columns = self.shape.fields(side, batch);
        let refs = (&delta.rows[..], &delta.keys[..]);
        self.index.add(side, &columns, refs, delta.weights.as_deref(), &mut delta.touched)?;
        self.forgetters[side].grew(delta.rows.len());
        if self.tracked[side] {
            delta.touched.iter().for_each(|t| self.note(side, t.addr, t.before));
        }
        self.delta = Some(delta);
        Ok(())
    }

    /// Parts the live rows into those whose keys can match and the others.
    fn split(&self, side: usize, batch: &Batch) -> Delta {
        let mut delta = Delta {
            side,
            batch: batch.clone(),
            rows: Vec::new(),
            weights: None,
            keys: Vec::new(),
            touched: Vec::new(),
            unmatched: Vec::new(),
            cursor: Cursor::default(),
            pairs: Pairs::default(),
        };
        let nullable: Vec<&Column> = self
            .strict
            .iter()
            .map(|&i| &batch.columns[self.keys[side][i]])
            .filter(|c| c.validity().is_some())
            .collect();
        if nullable.is_empty() {
            delta.rows.extend_from_slice(&self.live.rows);
            delta.weights = self.live.weights().map(<[i64]>::to_vec);
            return delta;
        }
        let mut weights = Vec::new();
        for (k, &row) in self.live.rows.iter().enumerate() {
            if nullable.iter().any(|c| c.is_null(usize::from(row))) {
                delta.unmatched.push((row, self.live.weight(k)));
            } else {
                delta.rows.push(row);
                weights.push(self.live.weight(k));
            }
        }
        delta.weights = self.live.weights().map(|_| weights);
        delta
    }

    /// Notes what is shown of a row before its first change in this epoch, when its weight was
    /// `before`.
    #[inline]
    fn note(&mut self, side: usize, addr: Addr, before: i64) {
        if self.index.sides[side].mark(addr) {
            let degree = self.index.sides[side].degree(addr);
            self.dirty[side].push((addr, if self.shape.shows(degree) { before } else { 0 }));
        }
    }

    /// Goes on with the delta: candidates to decide about, joined rows, or done.
    pub fn step(&mut self) -> Result<JoinStep, SqlError> {
        let Some(mut delta) = self.delta.take() else { return Ok(JoinStep::Done) };
        if !delta.unmatched.is_empty() {
            let rows = std::mem::take(&mut delta.unmatched);
            if self.tracked[delta.side] && self.shape.shows(0) {
                let batch = self.shape.alone(delta.side, &delta.batch, &rows);
                self.delta = Some(delta);
                return Ok(JoinStep::Rows(batch));
            }
        }
        loop {
            self.pair(&mut delta);
            if delta.pairs.own.is_empty() {
                self.sweep(&delta);
                return Ok(JoinStep::Done);
            }
            if self.shape.has_residual() {
                let batch = self.shape.candidates(
                    &self.index,
                    delta.side,
                    &delta.batch,
                    &delta.rows,
                    (&delta.pairs.own, &delta.pairs.other),
                );
                self.delta = Some(delta);
                return Ok(JoinStep::Candidates(batch));
            }
            if let Some(batch) = self.take_matches(&delta, None) {
                self.delta = Some(delta);
                return Ok(JoinStep::Rows(batch));
            }
        }
    }

    /// Takes the candidates that fulfil the residual condition; the joined rows, if this kind of
    /// join has them.
    pub fn matched(&mut self, selected: &Selection) -> Result<Option<Batch>, SqlError> {
        let Some(mut delta) = self.delta.take() else { return Ok(None) };
        let indices = selected.indices();
        let rows = self.take_matches(&delta, indices);
        delta.pairs.own.clear();
        delta.pairs.other.clear();
        self.delta = Some(delta);
        Ok(rows)
    }

    /// The next pairs of a delta, at most a batch of them.
    fn pair(&self, delta: &mut Delta) {
        delta.pairs.own.clear();
        delta.pairs.other.clear();
        let other = 1 - delta.side;
        let store = &self.index.sides[other];
        let cursor = &mut delta.cursor;
        while cursor.k < delta.rows.len() {
            if !cursor.open {
                cursor.open = true;
                cursor.next = self.index.head(other, delta.keys[cursor.k]);
                if self.null_aware {
                    cursor.visits = self.further_keys(delta.keys[cursor.k]);
                }
            }
            while let Some(addr) = cursor.next {
                if delta.pairs.own.len() == BATCH_ROWS {
                    return;
                }
                delta.pairs.own.push(cursor.k as u32);
                delta.pairs.other.push(addr);
                cursor.next = store.next(addr);
            }
            match cursor.visits.pop() {
                Some(key) => cursor.next = self.index.head(other, key),
                None => {
                    cursor.k += 1;
                    cursor.open = false;
                }
            }
        }
    }

    /// The other keys that may match a key because of NULLs.
    fn further_keys(&self, key: Addr) -> Vec<Addr> {
        let null = self.index.is_null_key(key);
        let mut keys = if null { self.index.all_keys() } else { self.index.null_keys().to_vec() };
        keys.retain(|&other| other != key && self.index.may_match(key, other));
        keys
    }

    /// Counts matches (all pairs, or the listed ones) and makes their joined rows.
    fn take_matches(&mut self, delta: &Delta, listed: Option<&[u16]>) -> Option<Batch> {
        if listed.is_none() && self.tracked == [false, false] {
            return self.plain_pairs(delta);
        }
        let (own_side, other_side) = (delta.side, 1 - delta.side);
        let n = listed.map_or(delta.pairs.own.len(), <[u16]>::len);
        let mut own = Vec::with_capacity(n);
        let mut others = Vec::with_capacity(n);
        let mut weights = Vec::with_capacity(n);
        for i in 0..n {
            let pair = listed.map_or(i, |l| usize::from(l[i]));
            let (k, other) = (delta.pairs.own[pair] as usize, delta.pairs.other[pair]);
            let weight = delta.weights.as_ref().map_or(1, |w| w[k]);
            let other_weight = self.index.sides[other_side].weight(other);
            if self.tracked[own_side] && delta.touched[k].fresh {
                let addr = delta.touched[k].addr;
                self.index.sides[own_side].add_degree(addr, other_weight);
            }
            if self.tracked[other_side] {
                self.note(other_side, other, other_weight);
                self.index.sides[other_side].add_degree(other, weight);
            }
            if weight.wrapping_mul(other_weight) != 0 {
                own.push(delta.rows[k]);
                others.push(other);
                weights.push(weight.wrapping_mul(other_weight));
            }
        }
        if !self.shape.has_pairs() || own.is_empty() {
            return None;
        }
        let reader = self.index.sides[other_side].reader(&others);
        Some(self.shape.pairs(delta.side, &delta.batch, (&own, &reader), Some(&weights)))
    }

    /// The joined rows of all pairs, where nothing counts partners.
    fn plain_pairs(&self, delta: &Delta) -> Option<Batch> {
        let reader = self.index.sides[1 - delta.side].reader(&delta.pairs.other);
        let own: Vec<u16> = delta.pairs.own.iter().map(|&k| delta.rows[k as usize]).collect();
        if delta.weights.is_none() && reader.is_plain() {
            return Some(self.shape.pairs(delta.side, &delta.batch, (&own, &reader), None));
        }
        let weight = |(i, &k): (usize, &u32)| {
            let own = delta.weights.as_ref().map_or(1, |w| w[k as usize]);
            own.wrapping_mul(reader.weight(i))
        };
        let weights: Vec<i64> = delta.pairs.own.iter().enumerate().map(weight).collect();
        let batch = self.shape.pairs(delta.side, &delta.batch, (&own, &reader), Some(&weights));
        // A row that left in this epoch stands with weight 0 until the end.
        if weights.contains(&0) {
            let live: Vec<u16> =
                (0..weights.len() as u16).filter(|&i| weights[usize::from(i)] != 0).collect();
            return (!live.is_empty()).then(|| batch.take_rows(&live));
        }
        Some(batch)
    }

    /// Frees rows of the delta's side whose weight came to 0.
    fn sweep(&mut self, delta: &Delta) {
        if self.tracked[delta.side] || delta.weights.is_none() {
            return;
        }
        let mut rows: Vec<Addr> = delta.touched.iter().map(|t| t.addr).collect();
        rows.sort_unstable_by_key(|addr| addr.0);
        rows.dedup();
        rows.into_iter().for_each(|addr| self.index.sweep(delta.side, addr));
    }

    /// The next rows whose having (or lacking) a partner changed in this epoch; `None` ends it.
    pub fn poll(&mut self) -> Result<Option<Batch>, SqlError> {
        for side in 0..2 {
            while self.polled[side] < self.dirty[side].len() {
                let end = self.dirty[side].len().min(self.polled[side] + BATCH_ROWS);
                let piece = self.polled[side]..end;
                self.polled[side] = end;
                let (mut addrs, mut weights) = (Vec::new(), Vec::new());
                for &(addr, before) in &self.dirty[side][piece.clone()] {
                    let store = &self.index.sides[side];
                    let now =
                        if self.shape.shows(store.degree(addr)) { store.weight(addr) } else { 0 };
                    if now != before {
                        addrs.push(addr);
                        weights.push(now - before);
                    }
                }
                let batch = (!addrs.is_empty())
                    .then(|| self.shape.alone_in_state(&self.index, side, &addrs, &weights));
                for position in piece {
                    let (addr, _) = self.dirty[side][position];
                    self.index.unmark(side, addr);
                }
                if batch.is_some() {
                    return Ok(batch);
                }
            }
            self.dirty[side].clear();
            self.polled[side] = 0;
        }
        Ok(None)
    }

    /// Drops rows that no row to come can match.
    pub fn forget(&mut self, watermark: Timestamp) {
        for side in 0..2 {
            if self.index.is_listed(side) {
                if let Some(bound) = self.forgetters[side].below(watermark) {
                    self.index.drop_blocks(side, bound);
                }
            } else if let Some(bound) = self.forgetters[side].bound(watermark) {
                self.index.drop_below(side, bound);
                self.forgetters[side].done(self.index.sides[side].len());
            }
        }
    }
}

impl Visit for Join {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        if visitor.is_loading() {
            self.delta = None;
            self.dirty.iter_mut().for_each(Vec::clear);
            self.polled = [0, 0];
        } else {
            let ended = self.delta.is_none() && self.dirty.iter().all(Vec::is_empty);
            debug_assert!(ended, "the epoch has ended");
        }
        self.index.visit(visitor)?;
        self.forgetters.iter_mut().try_for_each(|forgetter| forgetter.visit(visitor))
    }
}
