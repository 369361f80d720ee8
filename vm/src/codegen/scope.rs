//! The open pipeline: which values exist already, which selection is part of which, what may have
//! failed.
//!
//! Every pure instruction is numbered by what it computes (value numbering), so an expression that
//! occurs twice in a pipeline is computed once, whichever operators it came from.
//! Invariant: a shared value was computed under the selection it is used under, or one that
//! contains it.

use std::collections::HashMap;

use arena_tr_types::PhysicalType;
use foldhash::fast::FixedState;

use super::Generator;
use crate::bytecode::builder::Operand;
use crate::bytecode::{Driver, Opcode, Reg, Sel, Val};

/// What a pure instruction computes: opcode and operands, without what it defines and works under.
type Key = (Opcode, Vec<u32>);

/// What is known in the open pipeline.
#[derive(Default)]
pub(super) struct Scope {
    /// Registers by what they hold, with the selection they were computed under.
    values: HashMap<Key, Vec<(Reg, Option<Sel>)>, FixedState>,
    /// Selections by what they select, with the selection they are part of.
    selections: HashMap<Key, Vec<(Sel, Sel)>, FixedState>,
    /// The selection that each selection is part of, by number.
    parents: Vec<Option<Sel>>,
    /// Whether something may have failed for a row since the last check.
    pub(super) unchecked: bool,
}

impl Scope {
    /// Whether `part` is `whole` or part of it.
    fn is_part(&self, part: Sel, whole: Sel) -> bool {
        let mut current = Some(part);
        while let Some(sel) = current {
            if sel == whole {
                return true;
            }
            current = self.parents.get(sel.index()).copied().flatten();
        }
        false
    }

    /// Forgets all values: the rows are others now.
    pub(super) fn new_rows(&mut self) {
        self.values.clear();
        self.selections.clear();
    }
}

/// A column of the rows at some point of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A column of the driver, not loaded yet.
    Driver(u16),
    /// A column that the last expansion made, not loaded yet.
    New(u16),
    /// A register of the rows before the last expansion.
    Outer(Reg),
    /// A register or a constant.
    Val(Val),
}

/// The rows at some point of a pipeline: their columns and which of them are meant.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) columns: Vec<Source>,
    pub(super) sel: Sel,
}

impl Rows {
    /// The rows of a driver with `n` columns.
    pub(super) fn of_driver(n: usize) -> Self {
        Self { columns: (0..n).map(|i| Source::Driver(i as u16)).collect(), sel: Sel(0) }
    }
}

/// An operand as a number, for the key of a value.
fn number(operand: &Operand, out: &mut Vec<u32>) {
    match operand {
        Operand::Reg(r) => out.push(u32::from(Val::Reg(*r).encode())),
        Operand::Val(val) => out.push(u32::from(val.encode())),
        Operand::Sel(s) => out.push(u32::from(s.0)),
        Operand::Const(c) => out.push(u32::from(c.0)),
        Operand::Column(i) | Operand::Agg(i) => out.push(u32::from(*i)),
        Operand::Func(f) => out.push(u32::from(f.0)),
        Operand::Queue(q) => out.push(u32::from(q.0)),
        Operand::State(g) => out.push(u32::from(g.0)),
        Operand::List(vals) => out.extend(vals.iter().map(|v| u32::from(v.encode()))),
        Operand::Arms(arms) => {
            out.extend(arms.iter().flat_map(|(v, s)| [u32::from(v.encode()), u32::from(s.0)]));
        }
    }
}

fn key(op: Opcode, operands: &[Operand]) -> Key {
    let mut numbers = Vec::new();
    operands.iter().for_each(|operand| number(operand, &mut numbers));
    (op, numbers)
}

impl Generator<'_> {
    /// Starts a pipeline.
    pub(super) fn begin(&mut self, driver: Driver) {
        self.builder.begin(driver);
        self.scope = Scope { parents: vec![None], ..Scope::default() };
    }

    /// A pure instruction that defines a register of type `ty` under `sel` (for all rows if there
    /// is none): `operands` are those between the two.
    pub(super) fn value(
        &mut self,
        op: Opcode,
        operands: Vec<Operand>,
        ty: PhysicalType,
        sel: Option<Sel>,
    ) -> Reg {
        let key = key(op, &operands);
        let known = self.scope.values.get(&key).and_then(|found| {
            found.iter().find(|(_, under)| match (under, sel) {
                (None, _) => true,
                (Some(under), Some(sel)) => self.scope.is_part(sel, *under),
                (Some(_), None) => false,
            })
        });
        if let Some(&(reg, _)) = known {
            return reg;
        }
        let reg = self.builder.register(ty);
        let mut all = vec![Operand::Reg(reg)];
        all.extend(operands);
        all.extend(sel.map(Operand::Sel));
        self.builder.emit(op, &all);
        self.scope.values.entry(key).or_default().push((reg, sel));
        reg
    }

    /// A pure instruction that defines a selection under `sel`.
    pub(super) fn selection(&mut self, op: Opcode, operands: Vec<Operand>, sel: Sel) -> Sel {
        let key = key(op, &operands);
        let known = self
            .scope
            .selections
            .get(&key)
            .and_then(|found| found.iter().find(|(_, under)| *under == sel));
        if let Some(&(found, _)) = known {
            return found;
        }
        let defined = self.new_selection(sel);
        let mut all = vec![Operand::Sel(defined)];
        all.extend(operands);
        all.push(Operand::Sel(sel));
        self.builder.emit(op, &all);
        self.scope.selections.entry(key).or_default().push((defined, sel));
        defined
    }

    fn new_selection(&mut self, parent: Sel) -> Sel {
        let sel = self.builder.selection();
        self.scope.parents.resize(sel.index() + 1, None);
        self.scope.parents[sel.index()] = Some(parent);
        sel
    }

    /// The column as a register or a constant; loads it on first use.
    pub(super) fn column(&mut self, rows: &mut Rows, i: usize, ty: PhysicalType) -> Val {
        let reg = match rows.columns[i] {
            Source::Val(val) => return val,
            Source::Driver(c) => self.value(Opcode::LoadCol, vec![Operand::Column(c)], ty, None),
            Source::New(c) => self.value(Opcode::LoadNew, vec![Operand::Column(c)], ty, None),
            Source::Outer(r) => self.value(Opcode::Take, vec![Operand::Reg(r)], ty, None),
        };
        rows.columns[i] = Source::Val(Val::Reg(reg));
        Val::Reg(reg)
    }

    /// All columns as registers or constants.
    pub(super) fn values_of(&mut self, rows: &mut Rows) -> Vec<Val> {
        let types = rows.columns.clone();
        (0..types.len())
            .map(|i| {
                let ty = self.type_of(rows.columns[i]);
                self.column(rows, i, ty)
            })
            .collect()
    }

    /// The physical type of a column, as the builder knows it.
    pub(super) fn type_of(&self, source: Source) -> PhysicalType {
        match source {
            Source::Driver(c) => self.builder.column_type(c),
            Source::New(c) => self.builder.new_column_type(c),
            Source::Outer(r) | Source::Val(Val::Reg(r)) => self.builder.register_type(r),
            Source::Val(Val::Const(c)) => self.builder.constant_type(c),
        }
    }

    /// A register with the value, for instructions that take no constant.
    pub(super) fn register_of(&mut self, val: Val) -> Reg {
        match val {
            Val::Reg(reg) => reg,
            Val::Const(c) => {
                let ty = self.builder.constant_type(c);
                self.value(Opcode::LoadConst, vec![Operand::Const(c)], ty, None)
            }
        }
    }

    /// The selection for an instruction with an effect: errors so far are checked before it.
    pub(super) fn effect(&mut self, rows: &mut Rows) -> Sel {
        if self.scope.unchecked {
            let checked = self.new_selection(rows.sel);
            self.builder.emit(Opcode::Check, &[checked.into(), rows.sel.into()]);
            rows.sel = checked;
            self.scope.unchecked = false;
        }
        rows.sel
    }

    /// Behind an expansion that was just emitted: its `n` columns follow those of the rows before,
    /// which were loaded by [`Self::before_expansion`].
    pub(super) fn after_expansion(&mut self, before: &[Val], types: &[PhysicalType]) -> Rows {
        self.scope.new_rows();
        self.builder.set_new_columns(types.to_vec());
        let kept = before.iter().map(|val| match val {
            Val::Reg(reg) => Source::Outer(*reg),
            Val::Const(_) => Source::Val(*val),
        });
        let made = (0..types.len()).map(|i| Source::New(i as u16));
        Rows { columns: kept.chain(made).collect(), sel: Sel(0) }
    }
}
