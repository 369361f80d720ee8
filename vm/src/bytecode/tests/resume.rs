//! Tasks that are saved behind every epoch and resumed in another task: all programs of the
//! queries, as views and ad hoc.
//!
//! Invariant: a resumed task makes of an epoch what the one that was saved would have made.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_tr_planner::Mode;
use arena_tr_storage::Batch;
use arena_tr_storage::arena::Pool;
use arena_tr_storage::column::Buffer;
use arena_tr_storage::state::visit::StateCopy;
use arena_tr_types::{DataType, Epoch, Value};

use super::queries::{program, programs, types_of};
use crate::{OnError, Program, StepInput, StepOutput, Task};

const SECOND: i64 = 1_000_000;
const EPOCHS: u64 = 9;

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % n
    }

    fn value(&mut self, ty: &DataType, now: i64) -> Value {
        let n = self.below(5) as i64;
        match ty {
            _ if self.below(9) == 0 => Value::Null,
            DataType::Bool => Value::Bool(n > 2),
            DataType::Int8 => Value::Int8(n),
            DataType::Float8 => Value::Float8(n as f64 / 2.0),
            DataType::Numeric(_) => Value::Numeric(arena_tr_types::Decimal::new(n.into(), 1)),
            DataType::Timestamp => Value::Timestamp(now + n * SECOND),
            DataType::Jsonb => Value::Jsonb(format!("{{\"a\": {n}, \"b\": \"x\"}}").into()),
            DataType::List(_) => Value::List((0..n as i32).map(Value::Int4).collect()),
            // Neither cast to a number succeeds: errors are part of what comes out.
            _ if n == 0 => Value::Text("a text of more than twelve bytes".into()),
            _ => Value::Text(format!("{n}").into()),
        }
    }
}

/// What the epochs bring, relation by relation: 1 is a stream, the others are tables.
fn deltas(seed: u64) -> Vec<BTreeMap<u32, Vec<Batch>>> {
    let mut dice = Dice(seed);
    let mut held: BTreeMap<u32, Vec<Vec<Value>>> = BTreeMap::new();
    let epoch = |epoch: u64| {
        let mut of_relation = |id: u32| {
            let types = types_of(id);
            let held = held.entry(id).or_default();
            let (mut rows, mut weights) = (Vec::new(), Vec::new());
            for _ in 0..dice.below(12) {
                if id > 1 && !held.is_empty() && dice.below(3) == 0 {
                    rows.push(held.swap_remove(dice.below(held.len() as u64) as usize));
                    weights.push(-1);
                } else {
                    let now = epoch as i64 * 3 * SECOND;
                    let row: Vec<Value> = types.iter().map(|t| dice.value(t, now)).collect();
                    held.push(row.clone());
                    rows.push(row);
                    weights.push(1);
                }
            }
            let batch = Batch::from_rows(&rows, &types).expect("values of these types");
            let weights = (id > 1).then(|| Buffer::from_slice(&weights));
            (id, if rows.is_empty() { vec![] } else { vec![batch.with_weights(weights)] })
        };
        (1..=3).map(&mut of_relation).collect()
    };
    (0..EPOCHS).map(epoch).collect()
}

fn step(task: &mut Task, epoch: usize, deltas: &BTreeMap<u32, Vec<Batch>>) -> StepOutput {
    let inputs: Vec<&[Batch]> = {
        let of_input = |input: &super::super::Input| &deltas[&input.relation.0][..];
        task.program().inputs().iter().map(of_input).collect()
    };
    let watermark =
        if epoch as u64 + 1 == EPOCHS { i64::MAX } else { (epoch as i64 * 3 - 2) * SECOND };
    let input = StepInput {
        epoch: Epoch(epoch as u64 + 1),
        now: epoch as i64 * SECOND,
        watermark,
        deltas: &inputs,
        on_error: OnError::Divert,
        cancel: None,
    };
    task.step(&input).expect("errors are diverted")
}

/// The same rows with the same weights in the same order, batch by batch.
fn assert_same(task: &Task, a: &StepOutput, b: &StepOutput, what: &str) {
    let fields = &task.program().output().schema.fields;
    let types: Vec<DataType> = fields.iter().map(|f| f.data_type.clone()).collect();
    let rows = |output: &StepOutput| -> Vec<String> {
        output.delta.iter().map(|b| format!("{:?}", b.to_weighted_rows(&types))).collect()
    };
    assert_eq!(rows(a), rows(b), "{what}");
    assert_eq!(a.errors, b.errors, "{what}");
}

fn task(program: &Arc<Program>) -> Task {
    Task::new(Arc::clone(program), &Pool::new(), 1).expect("the program has code")
}

fn copy_of(task: &mut Task) -> StateCopy {
    StateCopy::of(task).expect("a task that did not fail")
}

#[test]
fn a_resumed_task_goes_on() {
    let mut shown = 0;
    for (i, (sql, program)) in programs().into_iter().enumerate() {
        // What is loaded was made from the text of the program, as after a restart.
        let again = Arc::new(Program::parse(&program.to_text()).expect("its own text"));
        let (mut steady, mut moving) = (task(&Arc::new(program)), task(&again));
        let epochs = deltas(i as u64);
        let others = deltas(i as u64 + 1000);
        let mut used = task(&again);
        step(&mut used, 0, &others[3]);
        for (epoch, deltas) in epochs.iter().enumerate() {
            let copy = copy_of(&mut moving);
            let mut next = if epoch % 2 == 0 { used } else { task(&again) };
            assert_eq!(next.fingerprint(), steady.fingerprint());
            copy.put_into(&mut next).expect("the state of this program");
            used = std::mem::replace(&mut moving, next);
            step(&mut used, epoch, &others[epoch]);
            let what = format!("epoch {epoch} of {sql}");
            let wanted = step(&mut steady, epoch, deltas);
            shown += wanted.delta.len();
            let output = step(&mut moving, epoch, deltas);
            assert_same(&steady, &wanted, &output, &what);
            assert!(copy_of(&mut moving).is_like(&copy_of(&mut steady)), "{what}: other numbers");
        }
    }
    assert!(shown > 300, "{shown} batches");
}

#[test]
fn a_task_that_failed_is_not_saved_but_can_be_loaded() {
    let sql = "SELECT k, count(*), sum(10 / v) FROM t GROUP BY k";
    let program = Arc::new(program(sql, &Mode::AdHoc).expect("a query"));
    let types = types_of(2);
    let batch = |v: i64| {
        let value =
            |ty: &DataType| if *ty == DataType::Int8 { Value::Int8(v) } else { Value::Null };
        let row: Vec<Value> = types.iter().map(value).collect();
        [Batch::from_rows(&[row], &types).expect("a row")]
    };
    let run = |task: &mut Task, v: i64| {
        let input = StepInput {
            epoch: Epoch(1),
            now: 0,
            watermark: 0,
            deltas: &[&batch(v)],
            on_error: OnError::Abort,
            cancel: None,
        };
        task.step(&input)
    };
    let (mut one, mut other) = (task(&program), task(&program));
    run(&mut one, 1).expect("no error");
    let copy = copy_of(&mut one);
    run(&mut one, 0).expect_err("a division by zero");
    assert!(one.is_poisoned() && StateCopy::of(&mut one).is_err());
    copy.put_into(&mut one).expect("the state before");
    copy.put_into(&mut other).expect("the state before");
    let (a, b) = (run(&mut one, 1).expect("whole again"), run(&mut other, 1).expect("no error"));
    assert_same(&one, &a, &b, sql);
    assert_eq!(a.delta.iter().map(Batch::rows).sum::<usize>(), 2, "the old row and the new one");
    // A copy of something else leaves a task that refuses to go on.
    StateCopy::default().put_into(&mut one).expect_err("nothing was saved");
    assert!(one.is_poisoned());
    run(&mut one, 1).expect_err("it has half a state");
}

#[test]
fn fingerprints_tell_states_apart() {
    let mut known: BTreeMap<u64, Vec<super::super::State>> = BTreeMap::new();
    for (sql, program) in programs() {
        let states = known.entry(program.state_fingerprint()).or_insert(program.states().to_vec());
        assert_eq!(states, program.states(), "{sql}");
    }
    let mut all: Vec<_> = known.values().collect();
    let n = all.len();
    all.dedup();
    assert!(n > 40 && all.len() == n, "{n} fingerprints");
    // It is kept in files, so it stays what it is.
    let program = Program::parse(super::PER_MIN).expect("a program");
    assert_eq!(program.state_fingerprint(), 12_472_397_449_786_805_257);
    let other = super::PER_MIN.replace("int8 100", "int8 101");
    let other = Program::parse(&other).expect("a program");
    assert_eq!(program.state_fingerprint(), other.state_fingerprint(), "constants are no state");
}
