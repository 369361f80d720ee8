//! Programs that someone damaged: each is refused with its place, or it runs without a panic.
//!
//! Invariant: what passes the verifier is safe to run; no text makes the parser panic.

use std::sync::Arc;

use arena_tr_storage::Batch;
use arena_tr_storage::arena::Pool;
use arena_tr_types::{DataType, Epoch, Value};

use super::queries::programs;
use super::{OPCODES, PER_MIN};
use crate::bytecode::Program;
use crate::{OnError, StepInput, Task};

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

/// Where the names of registers, selections, constants, queues, states and functions stand.
fn operands(line: &str) -> Vec<std::ops::Range<usize>> {
    let bytes = line.as_bytes();
    let starts = |i: usize| {
        b"rscqgfv#".contains(&bytes[i])
            && bytes.get(i + 1).is_some_and(u8::is_ascii_digit)
            && (i == 0 || !bytes[i - 1].is_ascii_alphanumeric())
    };
    let end = |i: usize| (i + 1..bytes.len()).find(|&k| !bytes[k].is_ascii_digit());
    (0..bytes.len()).filter(|&i| starts(i)).map(|i| i..end(i).unwrap_or(bytes.len())).collect()
}

/// Whether a line is an instruction, and its mnemonic's place.
fn mnemonic(line: &str) -> Option<std::ops::Range<usize>> {
    let number = line.split_whitespace().next()?;
    number.parse::<usize>().ok().filter(|_| line.starts_with(' '))?;
    let after = line.find(number)? + number.len();
    let start = after + line[after..].find(|c: char| c != ' ')?;
    let len = line[start..].find(' ').unwrap_or(line.len() - start);
    Some(start..start + len)
}

/// One change of the kind that a wrong code generator would make.
fn damage(text: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let insts: Vec<usize> = (0..lines.len()).filter(|&i| mnemonic(&lines[i]).is_some()).collect();
    let at = insts[rng.below(insts.len())];
    match rng.below(7) {
        // An operand of the same sort, another number: undefined, of another type, out of range.
        0..=2 => {
            let places = operands(&lines[at]);
            if let Some(place) =
                (!places.is_empty()).then(|| places[rng.below(places.len())].clone())
            {
                let number = [0, 1, 2, 3, 5, 9, 255, 65_535, 70_000][rng.below(9)];
                let sort = lines[at][place.start..=place.start].to_owned();
                lines[at].replace_range(place, &format!("{sort}{number}"));
            }
        }
        // Another instruction with these operands.
        3 => {
            let place = mnemonic(&lines[at]).expect("an instruction");
            let other = OPCODES[rng.below(OPCODES.len())].op.to_string();
            lines[at].replace_range(place, &other);
        }
        // An instruction less: a missing definition, check, emit or push.
        4 => drop(lines.remove(at)),
        // Two instructions the other way round.
        5 => {
            let other = insts[rng.below(insts.len())];
            lines.swap(at, other);
        }
        // A register of another type.
        _ => {
            let types = ["i64", "i32", "bool", "str", "f64", "i128", "decimal", "i16", "list"];
            let line = lines.iter().position(|l| l.starts_with("registers")).expect("registers");
            let (from, to) = (rng.of(&types), rng.of(&types));
            lines[line] = lines[line].replacen(from, to, 1);
        }
    }
    renumber(&lines)
}

/// Numbers the instructions of each pipeline anew, so that only the damage is left to complain of.
fn renumber(lines: &[String]) -> String {
    let mut text = String::new();
    let mut next = 0;
    for line in lines {
        match mnemonic(line) {
            Some(place) => {
                text += &format!("{next:4}  {}\n", &line[place.start..]);
                next += 1;
            }
            None => {
                next = 0;
                text += line;
                text.push('\n');
            }
        }
    }
    text
}

fn value(ty: &DataType, n: usize) -> Value {
    if n.is_multiple_of(5) {
        return Value::Null;
    }
    let n = (n % 7) as i64;
    match ty {
        DataType::Bool => Value::Bool(n > 3),
        DataType::Text => {
            Value::Text(["a", "", "a text of more than twelve bytes"][n as usize % 3].into())
        }
        DataType::Timestamp => Value::Timestamp(n * 1_000_000),
        DataType::List(_) => Value::List((0..n as i32).map(Value::Int4).collect::<Vec<_>>().into()),
        _ => Value::Int8(n).cast(ty).unwrap_or(Value::Null),
    }
}

/// Runs two epochs over a few rows; errors are allowed, panics are not.
fn run(program: Program) {
    let types: Vec<Vec<DataType>> = program
        .inputs()
        .iter()
        .map(|input| input.columns.iter().map(|(_, f)| f.data_type.clone()).collect())
        .collect();
    let places: Vec<Vec<usize>> = program
        .inputs()
        .iter()
        .map(|input| input.columns.iter().map(|(place, _)| *place).collect())
        .collect();
    let deltas: Vec<Vec<Batch>> = types
        .iter()
        .zip(&places)
        .map(|(types, places)| {
            // Columns that the program does not read are NULL texts.
            let width = places.iter().max().map_or(0, |last| last + 1);
            let all: Vec<DataType> = (0..width)
                .map(|place| {
                    let k = places.iter().position(|p| *p == place);
                    k.map_or(DataType::Text, |k| types[k].clone())
                })
                .collect();
            let row = |i: usize| (0..width).map(|c| value(&all[c], i * 3 + c)).collect();
            let rows: Vec<Vec<Value>> = (0..40).map(row).collect();
            vec![Batch::from_rows(&rows, &all).expect("values of these types")]
        })
        .collect();
    let deltas: Vec<&[Batch]> = deltas.iter().map(Vec::as_slice).collect();
    let Ok(mut task) = Task::new(Arc::new(program), Pool::global(), 1) else { return };
    for epoch in 1..3 {
        let input = StepInput {
            epoch: Epoch(epoch),
            now: 0,
            watermark: if epoch == 1 { 0 } else { i64::MAX },
            deltas: &deltas,
            on_error: OnError::Divert,
            cancel: None,
        };
        if task.step(&input).is_err() {
            return;
        }
    }
}

#[test]
fn whole_programs_run() {
    programs().into_iter().for_each(|(_, program)| run(program));
}

#[test]
fn damaged_programs_are_refused_or_run() {
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut ran, mut named) = (0, 0, 0);
    for (sql, program) in programs() {
        let text = program.to_text();
        for _ in 0..60 {
            let mut damaged = damage(&text, &mut rng);
            if rng.below(4) == 0 {
                damaged = damage(&damaged, &mut rng);
            }
            match Program::parse(&damaged) {
                Err(error) => {
                    refused += 1;
                    let lines = damaged.lines().count();
                    assert!(error.line <= lines + 1, "{sql}: {error}\n{damaged}");
                    assert!(!error.message.is_empty());
                    let line = error.line.checked_sub(1).and_then(|i| damaged.lines().nth(i));
                    let at_inst = line.is_some_and(|line| mnemonic(line).is_some());
                    named += usize::from(at_inst || error.message.contains(", instruction "));
                }
                Ok(program) => {
                    ran += 1;
                    run(program);
                }
            }
        }
    }
    // Most damage concerns an instruction, and the error says which.
    assert!(refused > ran && ran > 100, "{refused} refused, {ran} ran");
    assert!(named * 10 > refused * 8, "{named} of {refused} errors name an instruction");
}

#[test]
fn no_text_makes_the_parser_panic() {
    let mut rng = Rng(77);
    let mut words: Vec<String> = PER_MIN.split([' ', '\n']).map(str::to_owned).collect();
    for (_, program) in programs() {
        words.extend(program.to_text().split([' ', '\n']).map(str::to_owned));
    }
    words.extend(OPCODES.iter().map(|info| info.op.to_string()));
    words.extend(
        [
            "(", ")", "[", "]", "{", "}", ",", ":", "@", "#", "?", ".", "->", "\"", "\\", "\n",
            "é", "\0",
        ]
        .map(str::to_owned),
    );
    words.extend(
        ["-1", "65536", "4294967296", "170141183460469231731687303715884105728"].map(str::to_owned),
    );
    words.sort();
    words.dedup();
    for _ in 0..4000 {
        let n = 1 + rng.below(60);
        let mut soup = String::new();
        for _ in 0..n {
            soup += &words[rng.below(words.len())];
            soup.push_str(rng.of(&[" ", " ", "\n", ""]));
        }
        let _ = Program::parse(&soup);
        let _ = Program::parse(&format!("program p\n{soup}"));
    }
    // Soup in the middle of a program that is right up to there.
    for _ in 0..2000 {
        let lines: Vec<&str> = PER_MIN.lines().collect();
        let at = rng.below(lines.len());
        let soup: Vec<&str> =
            (0..1 + rng.below(6)).map(|_| &*words[rng.below(words.len())]).collect();
        let mut text = lines[..at].join("\n");
        text += &format!("\n{}\n", soup.join(" "));
        text += &lines[at..].join("\n");
        let _ = Program::parse(&text);
    }
}
