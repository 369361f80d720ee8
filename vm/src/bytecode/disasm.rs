//! The text form of a program: what `EXPLAIN BYTECODE` prints and what tests compare.
//!
//! One line per item and per instruction, operands in the order of the opcode table. Constants and
//! functions are numbered, and repeated in a comment where they are used, so that a line can be
//! read alone.
//! Invariant: everything but comments is read back by [`super::asm`]; no opcode is treated by name
//! here.

use std::fmt::Write as _;

use arena_tr_storage::state::hash::mix_bytes;

use super::inst::{FuncId, Inst, Reg, Sel, Val};
use super::lexer::is_plain;
use super::program::{Driver, Function, Program, State};
use super::table::Kind;
use super::text::{Text, print_name, print_value};
use super::text_plan::print_spec;

/// Raised whenever the operators lay out their words otherwise for the same description.
const STATE_LAYOUT: u64 = 1;

impl Program {
    /// The text form.
    pub fn to_text(&self) -> String {
        self.to_text_with(|_, _| None)
    }

    /// The text form with a note behind instructions: given pipeline and instruction index.
    pub fn to_text_with(&self, note: impl Fn(usize, usize) -> Option<String>) -> String {
        let mut out = String::from("program ");
        print_name(&self.name, &mut out);
        out.push('\n');
        self.print_inputs(&mut out);
        self.print_items(&mut out);
        for (i, pipeline) in self.pipelines.iter().enumerate() {
            let _ = write!(out, "pipeline {i}  on ");
            self.print_driver(pipeline.driver, &mut out);
            out.push('\n');
            let columns = column_names(self, pipeline.driver);
            for (k, inst) in pipeline.insts.iter().enumerate() {
                let mut line = format!("  {k:>2}  ");
                self.print_inst(inst, &columns, &mut line);
                if let Some(note) = note(i, k) {
                    let _ = write!(
                        line,
                        "{:pad$}; {note}",
                        "",
                        pad = 64_usize.saturating_sub(line.len())
                    );
                }
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
        out
    }

    /// A number for what its states are: kinds, descriptions, types of inputs. Tasks of programs
    /// with equal numbers keep the same things in the same places, so that one can go on with what
    /// another saved. The same in every process and version.
    pub fn state_fingerprint(&self) -> u64 {
        let mut text = String::new();
        for state in &self.states {
            print_state(state, &mut text);
            text.push('\n');
        }
        mix_bytes(STATE_LAYOUT, text.as_bytes())
    }

    fn print_inputs(&self, out: &mut String) {
        for input in &self.inputs {
            out.push_str("input ");
            print_name(&input.name, out);
            let _ = write!(out, " {}", input.relation.0);
            out.push_str(if input.append_only { " append (" } else { " (" });
            for (i, (position, field)) in input.columns.iter().enumerate() {
                let _ = write!(out, "{}{position} ", if i > 0 { ", " } else { "" });
                field.print(out);
            }
            out.push_str(")\n");
        }
    }

    fn print_items(&self, out: &mut String) {
        for (i, constant) in self.constants.iter().enumerate() {
            let _ = write!(out, "const c{i} ");
            constant.print(out);
            out.push('\n');
        }
        for (i, function) in self.functions.iter().enumerate() {
            let _ = write!(out, "fn f{i} ");
            print_function(function, out);
            out.push('\n');
        }
        for (i, table) in self.values.iter().enumerate() {
            let _ = write!(out, "values v{i} ");
            print_list(&table.types, out);
            out.push_str(" {");
            for (k, row) in table.rows.iter().enumerate() {
                out.push_str(if k > 0 { ", (" } else { "(" });
                for (j, value) in row.iter().enumerate() {
                    out.push_str(if j > 0 { ", " } else { "" });
                    print_value(value, out);
                }
                out.push(')');
            }
            out.push_str("}\n");
        }
        for (i, state) in self.states.iter().enumerate() {
            let _ = write!(out, "state g{i} ");
            print_state(state, out);
            out.push('\n');
        }
        for (i, queue) in self.queues.iter().enumerate() {
            let _ = write!(out, "queue q{i} ");
            print_list(&queue.types, out);
            out.push('\n');
        }
        out.push_str("output ");
        out.push_str(if self.output.append_only { "append " } else { "" });
        self.output.schema.print(out);
        out.push(' ');
        self.output.presentation.print(out);
        out.push_str("\nregisters ");
        self.registers.print(out);
        let _ = writeln!(out, "\nselections {}", self.n_selections);
    }

    fn print_driver(&self, driver: Driver, out: &mut String) {
        let _ = match driver {
            Driver::Delta(i) => {
                let named = |name: &str| self.inputs.iter().filter(|x| x.name == name).count() == 1;
                match self.inputs.get(usize::from(i)) {
                    Some(input) if named(&input.name) => {
                        out.push_str("delta ");
                        print_name(&input.name, out);
                        Ok(())
                    }
                    _ => write!(out, "input {i}"),
                }
            }
            Driver::Queue(q) => write!(out, "queue {q}"),
            Driver::Changed(g) => write!(out, "changed {g}"),
            Driver::Close(g) => write!(out, "close {g}"),
            Driver::Values(v) => write!(out, "values {v}"),
        };
    }

    fn print_inst(&self, inst: &Inst, columns: &[Option<String>], out: &mut String) {
        let _ = write!(out, "{:<16}", inst.op);
        let mut comments = Vec::new();
        let operands = inst.op.info().operands;
        for (i, operand) in operands.iter().enumerate() {
            let word = inst.get(operand.slot);
            let short = word as u16;
            let gap = match operand.kind {
                Kind::Under => "   ",
                Kind::Agg(_) => "",
                _ if i < 2 => " ",
                _ => ", ",
            };
            out.push_str(gap);
            let start = out.len();
            match operand.kind {
                Kind::Def(_) | Kind::Reg(_) | Kind::OuterReg => print_id(out, "r", short),
                Kind::Val(_) => self.print_val(Val::decode(short), out, &mut comments),
                Kind::Const(_) => {
                    self.print_val(Val::Const(super::inst::ConstId(short)), out, &mut comments);
                }
                Kind::DefSel | Kind::Sel => print_id(out, "s", short),
                Kind::Under => {
                    let _ = write!(out, "@{}", Sel(short));
                }
                Kind::Column => match columns.get(short as usize) {
                    Some(Some(name)) if inst.op != super::table::Opcode::LoadNew => {
                        out.push_str(name)
                    }
                    _ => {
                        let _ = write!(out, "#{short}");
                    }
                },
                Kind::Func => {
                    let _ = write!(out, "{}", FuncId(short));
                    if let Some(function) = self.functions.get(short as usize) {
                        let mut text = format!("f{short} = ");
                        print_function(function, &mut text);
                        comments.push(text);
                    }
                }
                Kind::Queue => print_id(out, "q", short),
                Kind::State(_) => print_id(out, "g", short),
                Kind::Agg(_) => {
                    let _ = write!(out, ".{short}");
                }
                Kind::Args | Kind::Bools | Kind::Columns | Kind::Lengths => {
                    self.print_operand_list(self.list(inst), 1, out, &mut comments);
                }
                Kind::Arms => self.print_operand_list(self.list(inst), 2, out, &mut comments),
            }
            if i == 0 && operands.len() > 1 && !matches!(operands[1].kind, Kind::Agg(_)) {
                let width = out.len() - start;
                let _ = write!(out, "{:pad$}", "", pad = 3_usize.saturating_sub(width));
            }
        }
        if !comments.is_empty() {
            let _ = write!(
                out,
                "{:pad$}; {}",
                "",
                comments.join(", "),
                pad = 58_usize.saturating_sub(out.len())
            );
        }
    }

    fn print_val(&self, val: Val, out: &mut String, comments: &mut Vec<String>) {
        match val {
            Val::Reg(Reg(r)) => print_id(out, "r", r),
            Val::Const(c) => {
                let _ = write!(out, "{c}");
                if let Some(constant) = self.constants.get(c.index()) {
                    let mut text = format!("{c} = ");
                    print_value(&constant.value, &mut text);
                    if !comments.contains(&text) {
                        comments.push(text);
                    }
                }
            }
        }
    }

    fn print_operand_list(
        &self,
        words: &[u16],
        per_item: usize,
        out: &mut String,
        comments: &mut Vec<String>,
    ) {
        out.push('[');
        for (i, item) in words.chunks(per_item).enumerate() {
            out.push_str(if i > 0 { ", " } else { "" });
            self.print_val(Val::decode(item[0]), out, comments);
            if let Some(sel) = item.get(1) {
                let _ = write!(out, "@{}", Sel(*sel));
            }
        }
        out.push(']');
    }
}

fn print_id(out: &mut String, prefix: &str, number: u16) {
    let _ = write!(out, "{prefix}{number}");
}

fn print_list<T: Text>(items: &[T], out: &mut String) {
    out.push('(');
    for (i, item) in items.iter().enumerate() {
        out.push_str(if i > 0 { ", " } else { "" });
        item.print(out);
    }
    out.push(')');
}

fn print_function(function: &Function, out: &mut String) {
    match function {
        Function::Builtin { func, args, ret } => {
            out.push_str(func.name());
            print_list(args, out);
            out.push(' ');
            ret.print(out);
        }
        Function::Cast { from, to, try_ } => {
            out.push_str(if *try_ { "try_cast(" } else { "cast(" });
            from.print(out);
            out.push_str(") ");
            to.print(out);
        }
    }
}

fn print_state(state: &State, out: &mut String) {
    out.push_str(state.spec.kind().word());
    for input in &state.inputs {
        out.push(' ');
        input.print(out);
    }
    out.push_str(" -> ");
    state.output.print(out);
    out.push(' ');
    print_spec(&state.spec, out);
}

/// How a driver's columns are written: `bids.price`, `n`; `None` where only a number is
/// unambiguous.
pub(super) fn column_names(program: &Program, driver: Driver) -> Vec<Option<String>> {
    let names: Vec<String> = match driver {
        Driver::Delta(i) => match program.inputs.get(usize::from(i)) {
            Some(input) if is_plain(&input.name) => {
                let qualified = |name: &str| {
                    if is_plain(name) { format!("{}.{name}", input.name) } else { String::new() }
                };
                input.columns.iter().map(|(_, field)| qualified(&field.name)).collect()
            }
            _ => return Vec::new(),
        },
        Driver::Changed(g) | Driver::Close(g) => match program.states.get(g.index()) {
            Some(state) => state.output.fields.iter().map(|f| f.name.to_string()).collect(),
            None => return Vec::new(),
        },
        Driver::Queue(_) | Driver::Values(_) => return Vec::new(),
    };
    let usable = |name: &String| {
        let plain = name.split('.').all(is_plain);
        plain && names.iter().filter(|other| *other == name).count() == 1
    };
    names.iter().map(|name| usable(name).then(|| name.clone())).collect()
}
