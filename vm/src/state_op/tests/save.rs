//! Saving between epochs and going on elsewhere: every operator, run once as it is and once moved
//! to another operator at the end of every epoch, shows the same batches and keeps the same words.
//!
//! What it is moved into is new, or was used for something else, or is in the middle of an epoch.
//! Invariant: both runs are given the same batches in the same epochs.

mod groups;
mod joins;
mod rows;
mod windows;

use arena_tr_planner::physical::Forget;
use arena_tr_storage::arena::Pool;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::{Buffer, Selection};
use arena_tr_storage::state::visit::StateCopy;
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, Schema, Value};

use super::{Random, Row, fields, value};
use crate::bytecode::{State, StateSpec};
use crate::runtime::state::StateOp;
use crate::state_op::Side;

/// An input over time.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub(super) types: Vec<DataType>,
    /// How many different values there are.
    pub(super) domain: u64,
    pub(super) retracts: bool,
    /// The column that has a time, which moves on by up to two from row to row.
    pub(super) time: Option<usize>,
    /// Most rows of an epoch.
    pub(super) rows: u64,
    /// How late rows may be.
    pub(super) spread: u64,
}

impl Flow {
    pub(super) fn new(types: &[DataType], retracts: bool) -> Self {
        Self { types: types.to_vec(), domain: 6, retracts, time: None, rows: 90, spread: 1 }
    }

    pub(super) fn timed(types: &[DataType], time: usize, spread: u64) -> Self {
        Self { time: Some(time), spread, ..Self::new(types, false) }
    }
}

/// What an epoch brings.
pub(super) struct Epoch {
    sides: [Vec<Batch>; 2],
    watermark: i64,
}

impl Epoch {
    /// An epoch of one batch; the watermark stands still.
    pub(super) fn of(batch: Batch) -> Self {
        Self { sides: [vec![batch], Vec::new()], watermark: i64::MIN }
    }
}

/// The rows of a flow that are there and may still be taken back.
#[derive(Default)]
struct Held(Vec<Row>);

impl Held {
    fn batch(&mut self, random: &mut Random, flow: &Flow, now: &mut i64, n: u64) -> Batch {
        let (mut rows, mut weights) = (Vec::new(), Vec::new());
        for _ in 0..n {
            *now += random.below(3) as i64;
            if flow.retracts && !self.0.is_empty() && random.below(5) < 2 {
                rows.push(self.0.remove(random.below(self.0.len() as u64) as usize));
                weights.push(-1);
                continue;
            }
            let mut row: Row = flow.types.iter().map(|t| value(random, t, flow.domain)).collect();
            if let Some(time) = flow.time
                && random.below(30) > 0
            {
                row[time] = Value::Timestamp(*now - random.below(flow.spread) as i64);
            }
            self.0.push(row.clone());
            rows.push(row);
            weights.push(1);
        }
        let batch = Batch::from_rows(&rows, &flow.types).expect("values of these types");
        let weights = flow.retracts.then(|| Buffer::from_slice(&weights));
        batch.with_weights(weights)
    }

    /// What is below the watermark is final.
    fn settle(&mut self, flow: &Flow, watermark: i64) {
        let Some(time) = flow.time else { return };
        self.0.retain(|row| matches!(row[time], Value::Timestamp(t) if t > watermark));
    }
}

/// Epochs of one or two flows: some without rows, among them the first; the last one ends time.
pub(super) fn epochs(seed: u64, flows: &[Flow], n: u64) -> Vec<Epoch> {
    let mut random = Random(seed);
    let mut held = [Held::default(), Held::default()];
    // Some begin before the year 2000, so that positions in time are negative.
    let mut now = if seed.is_multiple_of(2) { 1000 } else { -2000 };
    let epoch = |i: u64| {
        let mut sides = [Vec::new(), Vec::new()];
        for ((flow, held), side) in flows.iter().zip(&mut held).zip(&mut sides) {
            for _ in 0..if i == 0 { 0 } else { random.below(4) } {
                let n = 1 + random.below(flow.rows);
                side.push(held.batch(&mut random, flow, &mut now, n));
            }
        }
        // Sometimes it stands still.
        let late = flows.iter().map(|f| f.spread).max().unwrap_or_default() as i64;
        let moves = !i.is_multiple_of(4);
        let watermark = if i + 1 == n { i64::MAX } else { now - late - i64::from(!moves) };
        flows.iter().zip(&mut held).for_each(|(flow, held)| held.settle(flow, watermark));
        Epoch { sides, watermark }
    };
    (0..n).map(epoch).collect()
}

/// The description of an operator over these columns.
pub(super) fn state(spec: StateSpec, inputs: &[&[DataType]]) -> State {
    let inputs = inputs.iter().map(|types| Schema::new(fields(types))).collect();
    State { inputs, output: Schema::new(Vec::new()), spec }
}

fn operator(state: &State) -> StateOp {
    StateOp::new(state, &Pool::new(), 1, 0).expect("supported")
}

/// Pairs whose columns 2 and 3 ascend, as the residual condition of joins.
fn ascending(pairs: &Batch) -> Selection {
    let column = |c: usize| pairs.columns[c].as_i64().expect("an integer").clone();
    let (a, b) = (column(2), column(3));
    let less = |i: &usize| !a.is_null(*i) && !b.is_null(*i) && a.values[*i] < b.values[*i];
    let kept: Vec<u16> = (0..pairs.rows()).filter(less).map(|i| i as u16).collect();
    Selection::from_indices(Buffer::from_slice(&kept))
}

/// Takes in a batch; what comes out at once.
fn apply(op: &mut StateOp, state: &State, side: Side, batch: &Batch, out: &mut Vec<Batch>) {
    let StateSpec::Join(spec) = &state.spec else {
        return op.apply(side == Side::Right, batch).expect("no error");
    };
    for piece in batch.split() {
        op.join().start(side, &piece).expect("no error");
        while let Some(rows) = op.join().step().expect("no error") {
            if spec.residual.is_none() {
                out.push(rows);
            } else {
                out.extend(op.join().matched(&ascending(&rows)).expect("no error"));
            }
        }
    }
}

fn drain(op: &mut StateOp, out: &mut Vec<Batch>) -> usize {
    while let Some(batch) = op.poll().expect("no error") {
        assert!(batch.rows() <= BATCH_ROWS);
        out.push(batch);
    }
    op.take_errors().len()
}

/// One epoch: what comes out, and how many errors of groups.
fn step(op: &mut StateOp, state: &State, epoch: &Epoch) -> (Vec<Batch>, usize) {
    let mut out = Vec::new();
    op.divert_errors(true);
    for (side, batches) in [Side::Left, Side::Right].into_iter().zip(&epoch.sides) {
        batches.iter().for_each(|batch| apply(op, state, side, batch, &mut out));
    }
    let mut errors = drain(op, &mut out);
    op.advance(epoch.watermark).expect("no error");
    errors += drain(op, &mut out);
    op.forget(epoch.watermark);
    (out, errors)
}

/// Gives an operator something that it has to forget: the epoch's rows, as if all had come.
fn disturb(op: &mut StateOp, state: &State, epoch: &Epoch, ends: bool) {
    let arrive = |batches: &Vec<Batch>| -> Vec<Batch> {
        batches.iter().map(|b| b.clone().with_weights(None)).collect()
    };
    let epoch = Epoch { sides: [0, 1].map(|s| arrive(&epoch.sides[s])), ..*epoch };
    if ends {
        step(op, state, &epoch);
        return;
    }
    let mut out = Vec::new();
    op.divert_errors(true);
    for (side, batches) in [Side::Left, Side::Right].into_iter().zip(&epoch.sides) {
        batches.iter().for_each(|batch| apply(op, state, side, batch, &mut out));
    }
    op.poll().expect("no error");
}

/// The same rows with the same weights in the same order, batch by batch.
fn assert_same(a: &[Batch], b: &[Batch], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}: batches");
    for (a, b) in a.iter().zip(b) {
        assert_eq!((a.rows(), a.columns.len()), (b.rows(), b.columns.len()), "{what}");
        for i in 0..a.rows() {
            assert_eq!(a.weight(i), b.weight(i), "{what}: weight of row {i}");
            let same = a.columns.iter().zip(&b.columns).all(|(a, b)| a.same_row(i, b, i));
            assert!(same, "{what}: row {i}");
        }
    }
}

/// [`compare`], where something has to come out.
pub(super) fn check(state: &State, flows: &[Flow], n_epochs: u64, seed: u64) {
    assert!(compare(state, flows, n_epochs, seed) > 0, "nothing came out of {:?}", state.spec);
}

/// Runs the operator twice, once moved behind every epoch; how many rows came out.
pub(super) fn compare(state: &State, flows: &[Flow], n_epochs: u64, seed: u64) -> usize {
    compare_epochs(state, &epochs(seed, flows, n_epochs), &format!("seed {seed}"))
}

/// [`compare`] with these epochs.
pub(super) fn compare_epochs(state: &State, epochs: &[Epoch], name: &str) -> usize {
    let (mut steady, mut moving, mut left) = (operator(state), operator(state), operator(state));
    let mut shown = 0;
    for (i, epoch) in epochs.iter().enumerate() {
        let what = format!("epoch {i} of {:?}, {name}", state.spec);
        let (wanted, errors) = step(&mut steady, state, epoch);
        let (out, moved_errors) = step(&mut moving, state, epoch);
        assert_same(&wanted, &out, &what);
        assert_eq!(errors, moved_errors, "{what}");
        shown += out.iter().map(Batch::rows).sum::<usize>();
        let copy = StateCopy::of(&mut moving).expect("nothing fails");
        let steady = StateCopy::of(&mut steady).expect("nothing fails");
        assert!(copy.is_like(&steady), "{what}: other numbers");
        let mut next = match i % 3 {
            0 => operator(state),
            ends => {
                disturb(&mut left, state, &epochs[(i * 7 + 3) % epochs.len()], ends == 1);
                left
            }
        };
        copy.put_into(&mut next).expect("an operator of the same kind");
        left = std::mem::replace(&mut moving, next);
        assert!(StateCopy::of(&mut moving).expect("nothing fails") == copy, "{what}: not restored");
    }
    shown
}

/// When rows with a time in this column are of no use any more.
pub(super) fn forget(column: usize) -> Option<Forget> {
    Some(Forget { column, lag: 3 })
}
