//! The verifier: what holds for every program that runs.
//!
//! It checks, for the whole program:
//! - every constant, function, state, queue, table of values and list that is named exists;
//! - every constant and table value has a physical type that matches its declared type;
//! - a queue is written by earlier pipelines only than those that read it;
//! - a state is written by earlier pipelines only than the one that drives from it, of which there
//!   is at most one; the left side of a join comes before its right side.
//!
//! And for each pipeline:
//! - *Types*: registers and constants have the types of the opcode table, functions the arguments
//!   and result they declare, columns those of the driver, the queue, the state or the output.
//! - *Definition before use*: a register or selection is read only after it was defined in this
//!   pipeline.
//! - *Row spaces*: behind an expansion only registers defined behind it are read, except by `take`,
//!   which reads those of the rows before the (last) expansion; what it reads is not written again,
//!   because the next turn of the expansion reads it too.
//! - *Selection discipline*: a register defined under a selection is read only under that selection
//!   or one that is part of it. (Rows that were not selected hold anything.)
//! - *Errors before effects*: what can fail for a row stands before the first state write and
//!   before rows are handed on; between the two stands a `check`, and effects work under selections
//!   derived from it.
//! - *Aggregates*: `agg.*` names an aggregate of its kind and follows the `group.upsert` of its
//!   state.
//! - *Termination*: there are no jumps, at most [`MAX_EXPANSIONS`] expansions, and every driver is
//!   finite.
//!
//! Invariant: the interpreter relies on these properties and checks none of them again.

use std::fmt;

use arena_tr_types::{DataType, PhysicalType};

use super::inst::{ConstId, FuncId, Inst, QueueId, Reg, Sel, Slot, StateId, Val};
use super::program::{Driver, Function, Program, StateSpec};
use super::table::{AggKind, Effect, Fallible, Kind, OpInfo, Opcode, TypeRule};

/// Most expansions in one pipeline: each multiplies the work of what follows.
pub const MAX_EXPANSIONS: usize = 16;

/// A property that a program breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyError {
    /// The pipeline, unless it concerns the whole program.
    pub pipeline: Option<usize>,
    /// The instruction in it.
    pub inst: Option<usize>,
    /// What does not hold.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pipeline) = self.pipeline {
            write!(f, "pipeline {pipeline}, ")?;
        }
        if let Some(inst) = self.inst {
            write!(f, "instruction {inst}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for VerifyError {}

type Check<T = ()> = Result<T, String>;

/// Checks every property listed above.
pub fn verify(program: &Program) -> Result<(), VerifyError> {
    let whole = |message| VerifyError { pipeline: None, inst: None, message };
    check_tables(program).map_err(whole)?;
    for (i, pipeline) in program.pipelines.iter().enumerate() {
        let at = |inst, message| VerifyError { pipeline: Some(i), inst, message };
        let mut state = Verifier::new(program, i).map_err(|message| at(None, message))?;
        for (k, inst) in pipeline.insts.iter().enumerate() {
            state.step(inst).map_err(|message| at(Some(k), message))?;
        }
    }
    check_order(program).map_err(whole)
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(message()) }
}

/// Whether a value may stand where `ty` is declared.
fn value_fits(value: &arena_tr_types::Value, ty: &DataType) -> bool {
    value.is_null() || value.data_type().physical() == ty.physical()
}

fn check_tables(program: &Program) -> Check {
    for (i, c) in program.constants.iter().enumerate() {
        ensure(value_fits(&c.value, &c.ty), || format!("constant c{i} is not of its type"))?;
    }
    for (i, table) in program.values.iter().enumerate() {
        for row in &table.rows {
            let fits = row.len() == table.types.len()
                && row.iter().zip(&table.types).all(|(value, ty)| value_fits(value, ty));
            ensure(fits, || format!("a row of values v{i} is not of its columns' types"))?;
        }
    }
    for (i, state) in program.states.iter().enumerate() {
        let inputs = match state.spec {
            StateSpec::Join(_) | StateSpec::SetOp { .. } => 2,
            _ => 1,
        };
        ensure(state.inputs.len() == inputs, || format!("state g{i} has {inputs} inputs"))?;
        super::verify_state::check_state(state).map_err(|what| format!("state g{i}: {what}"))?;
    }
    for (i, function) in program.functions.iter().enumerate() {
        let known = crate::kernel_of(function).is_some();
        ensure(known, || format!("function f{i} has no kernel"))?;
    }
    Ok(())
}

/// Queues are written before they are read; a state's only driver stands behind its writers.
fn check_order(program: &Program) -> Check {
    for (i, pipeline) in program.pipelines.iter().enumerate() {
        let later = &program.pipelines[i..];
        match pipeline.driver {
            Driver::Queue(q) => {
                let pushes = |inst: &Inst| inst.op == Opcode::Push && inst.a == q.0;
                let late = later.iter().any(|p| p.insts.iter().any(pushes));
                ensure(!late, || {
                    format!("queue {q} is read by pipeline {i} before it is written")
                })?;
            }
            Driver::Changed(g) | Driver::Close(g) => {
                let writes = |inst: &Inst| state_of(inst) == Some(g);
                let late = later.iter().any(|p| p.insts.iter().any(writes));
                ensure(!late, || {
                    format!("state {g} is written behind pipeline {i}, which reads it")
                })?;
                let again = program.pipelines[..i].iter().any(|p| match p.driver {
                    Driver::Changed(other) | Driver::Close(other) => other == g,
                    _ => false,
                });
                ensure(!again, || format!("state {g} drives two pipelines"))?;
            }
            Driver::Delta(_) | Driver::Values(_) => {}
        }
    }
    check_join_sides(program)
}

fn check_join_sides(program: &Program) -> Check {
    let mut right_seen = vec![false; program.states.len()];
    for inst in program.pipelines.iter().flat_map(|p| &p.insts) {
        match (inst.op, state_of(inst)) {
            (Opcode::JoinRight | Opcode::SetOpRight, Some(g)) => right_seen[g.index()] = true,
            (Opcode::JoinLeft | Opcode::SetOpLeft, Some(g)) => {
                ensure(!right_seen[g.index()], || format!("the left side of {g} comes first"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The state that an instruction touches.
fn state_of(inst: &Inst) -> Option<StateId> {
    let operands = inst.op.info().operands.iter();
    let found = operands.into_iter().find(|o| matches!(o.kind, Kind::State(_)));
    found.map(|o| StateId(inst.get(o.slot) as u16))
}

/// What is known of a register.
#[derive(Debug, Clone, Copy)]
struct RegInfo {
    /// The row space that it belongs to.
    space: usize,
    /// The selection that it was computed under; `None`: all rows.
    under: Option<Sel>,
}

/// What is known of a selection.
#[derive(Debug, Clone, Copy)]
struct SelInfo {
    space: usize,
    parent: Option<Sel>,
}

/// Walks one pipeline.
struct Verifier<'a> {
    program: &'a Program,
    driver: Vec<DataType>,
    regs: Vec<Option<RegInfo>>,
    sels: Vec<Option<SelInfo>>,
    space: usize,
    /// The types of the columns that the last expansion makes.
    new_columns: Vec<PhysicalType>,
    /// Something may have failed for a row since the last check.
    unchecked: bool,
    /// The selection that the last check made.
    checked: Option<Sel>,
    /// A state was written or rows were handed on.
    effects: bool,
    /// The group state whose rows were just found, and the space they are of.
    upserted: Option<(StateId, usize)>,
    /// The join whose pairs wait for `join.match`.
    pairs: Option<StateId>,
    /// Registers that were taken from behind an expansion: a later turn takes them again.
    taken: Vec<bool>,
}

impl<'a> Verifier<'a> {
    fn new(program: &'a Program, pipeline: usize) -> Check<Self> {
        let driver = program.pipelines[pipeline].driver;
        let driver = program.driver_types(driver).ok_or("the driver does not exist")?;
        let mut sels = vec![None; usize::from(program.n_selections)];
        *sels.first_mut().ok_or("there is no selection register")? =
            Some(SelInfo { space: 0, parent: None });
        Ok(Self {
            program,
            driver,
            regs: vec![None; program.registers.len()],
            sels,
            space: 0,
            new_columns: Vec::new(),
            unchecked: false,
            checked: None,
            effects: false,
            upserted: None,
            pairs: None,
            taken: vec![false; program.registers.len()],
        })
    }

    fn step(&mut self, inst: &Inst) -> Check {
        let info = inst.op.info();
        let under = self.under(inst, info)?;
        let list_used = info.operands.iter().any(|o| o.slot == Slot::List);
        let list_exists = (inst.list as usize) < self.program.lists.len();
        ensure(!list_used || list_exists, || "the operand list does not exist".into())?;
        for operand in info.operands {
            self.read(inst, info, operand.kind, inst.get(operand.slot), under)?;
        }
        self.effect(inst, info, under)?;
        for operand in info.operands {
            if operand.kind == Kind::OuterReg {
                self.taken[inst.get(operand.slot) as usize] = true;
            }
            self.define(inst, info, operand.kind, inst.get(operand.slot), under)?;
        }
        Ok(())
    }

    /// The selection that the instruction works under; it must be of the current rows.
    fn under(&self, inst: &Inst, info: &OpInfo) -> Check<Option<Sel>> {
        if !info.operands.iter().any(|o| o.kind == Kind::Under) {
            return Ok(None);
        }
        let sel = Sel(inst.sel);
        self.sel(sel)?;
        Ok(Some(sel))
    }

    fn sel(&self, sel: Sel) -> Check<SelInfo> {
        match self.sels.get(sel.index()).copied().flatten() {
            Some(info) if info.space == self.space => Ok(info),
            Some(_) => Err(format!("selection {sel} is of rows before the expansion")),
            None => Err(format!("selection {sel} is used before it is defined")),
        }
    }

    /// Whether `part` is `whole` or derived from it.
    fn is_part(&self, part: Sel, whole: Sel) -> bool {
        let mut current = Some(part);
        while let Some(sel) = current {
            if sel == whole {
                return true;
            }
            current = self.sels.get(sel.index()).copied().flatten().and_then(|info| info.parent);
        }
        false
    }

    fn read(&self, inst: &Inst, info: &OpInfo, kind: Kind, word: u32, under: Option<Sel>) -> Check {
        let short = word as u16;
        match kind {
            Kind::Def(_) | Kind::DefSel | Kind::Under => Ok(()),
            Kind::Reg(rule) => self.val(Val::Reg(Reg(short)), rule, info, under),
            Kind::Val(rule) => self.val(Val::decode(short), rule, info, under),
            Kind::OuterReg => self.outer(Reg(short)),
            Kind::Const(rule) => self.val(Val::Const(ConstId(short)), rule, info, under),
            Kind::Sel => {
                let sel = self.sel(Sel(short)).map(|_| Sel(short))?;
                let part = under.is_some_and(|under| self.is_part(sel, under));
                ensure(part, || format!("{sel} is not part of the selection"))
            }
            Kind::Column => self.column_type(inst, short).map(|_| ()),
            Kind::Func => self.function(FuncId(short)).map(|_| ()),
            Kind::Queue => {
                let exists = usize::from(short) < self.program.queues.len();
                ensure(exists, || format!("queue {} does not exist", QueueId(short)))
            }
            Kind::State(kind) => match self.program.states.get(usize::from(short)) {
                Some(state) if state.spec.kind() == kind => Ok(()),
                _ => Err(format!("{} is no {} state", StateId(short), kind.word())),
            },
            Kind::Agg(kind) => self.aggregate(StateId(inst.a), usize::from(short), kind),
            Kind::Args => {
                let types: Vec<_> =
                    self.function(FuncId(inst.a))?.args().iter().map(DataType::physical).collect();
                self.columns(inst, &types, under)
            }
            Kind::Bools => {
                let n = self.program.list(inst).len();
                ensure(n > 0, || "no condition is given".into())?;
                self.columns(inst, &vec![PhysicalType::Bool; n], under)
            }
            Kind::Columns => self.columns(inst, &self.column_types(inst)?, under),
            Kind::Arms => self.arms(inst, under),
            Kind::Lengths => {
                let list = self.program.list(inst);
                ensure(list.len() == 3, || "three lengths are wanted".into())?;
                for &word in list {
                    self.val(Val::decode(word), TypeRule::Is(PhysicalType::I64), info, under)?;
                    let constant = matches!(Val::decode(word), Val::Const(_));
                    ensure(constant, || "lengths are constants".into())?;
                }
                Ok(())
            }
        }
    }

    fn val(&self, val: Val, rule: TypeRule, info: &OpInfo, under: Option<Sel>) -> Check {
        let ty = self.program.val_type(val).ok_or("an operand does not exist")?;
        let wanted = match rule {
            TypeRule::Elem => info.elem.physical(),
            TypeRule::Is(ty) => Some(ty),
            TypeRule::Any => None,
        };
        let fits = wanted.is_none_or(|wanted| wanted == ty);
        ensure(fits, || format!("an operand is of type {ty:?}, not {wanted:?}"))?;
        match val {
            Val::Reg(reg) => self.readable(reg, under),
            Val::Const(_) => Ok(()),
        }
    }

    /// The register is of the current rows and was computed for all that are read.
    fn readable(&self, reg: Reg, under: Option<Sel>) -> Check {
        let info = self.regs.get(reg.index()).copied().flatten();
        let info = info.ok_or_else(|| format!("{reg} is read before it is defined"))?;
        ensure(info.space == self.space, || format!("{reg} is of rows before the expansion"))?;
        let Some(computed) = info.under else { return Ok(()) };
        let part = under.is_some_and(|under| self.is_part(under, computed));
        ensure(part, || format!("{reg} was computed under {computed} only"))
    }

    fn outer(&self, reg: Reg) -> Check {
        let info = self.regs.get(reg.index()).copied().flatten();
        let info = info.ok_or_else(|| format!("{reg} is read before it is defined"))?;
        let outer = self.space > 0 && info.space + 1 == self.space;
        ensure(outer, || format!("{reg} is not of the rows before the expansion"))
    }

    fn function(&self, id: FuncId) -> Check<&'a Function> {
        let found = self.program.functions.get(id.index());
        found.ok_or_else(|| format!("function {id} does not exist"))
    }

    fn aggregate(&self, state: StateId, number: usize, kind: AggKind) -> Check {
        let found = match self.program.states.get(state.index()).map(|s| &s.spec) {
            Some(StateSpec::Group(spec)) => spec.aggs.get(number),
            _ => None,
        };
        let fits = found.is_some_and(|agg| AggKind::of(agg.func) == kind);
        ensure(fits, || format!("{state}.{number} is no aggregate of this kind"))?;
        let found_rows = self.upserted == Some((state, self.space));
        ensure(found_rows, || format!("the groups of {state} were not looked up"))
    }

    /// The type of a column of the driver or, for `load.new`, of the last expansion.
    fn column_type(&self, inst: &Inst, column: u16) -> Check<PhysicalType> {
        let column = usize::from(column);
        let found = if inst.op == Opcode::LoadNew {
            self.new_columns.get(column).copied()
        } else {
            ensure(self.space == 0, || {
                "the driver's columns are of rows before the expansion".into()
            })?;
            self.driver.get(column).map(DataType::physical)
        };
        found.ok_or_else(|| format!("column {column} does not exist"))
    }

    /// What the columns handed to a state, a queue or the output must be.
    fn column_types(&self, inst: &Inst) -> Check<Vec<PhysicalType>> {
        let physical = |types: &[DataType]| types.iter().map(DataType::physical).collect();
        let of = |schema: &arena_tr_types::Schema| {
            schema.fields.iter().map(|f| f.data_type.physical()).collect()
        };
        Ok(match inst.op {
            Opcode::Push => physical(&self.program.queues[usize::from(inst.a)].types),
            Opcode::Emit => of(&self.program.output.schema),
            Opcode::JoinRight | Opcode::SetOpRight => {
                of(&self.program.states[usize::from(inst.a)].inputs[1])
            }
            _ => of(&self.program.states[usize::from(inst.a)].inputs[0]),
        })
    }

    fn columns(&self, inst: &Inst, types: &[PhysicalType], under: Option<Sel>) -> Check {
        let list = self.program.list(inst);
        ensure(list.len() == types.len(), || {
            format!("{} columns are given where {} are wanted", list.len(), types.len())
        })?;
        for (&word, &ty) in list.iter().zip(types) {
            self.val(Val::decode(word), TypeRule::Is(ty), inst.op.info(), under)?;
        }
        Ok(())
    }

    fn arms(&self, inst: &Inst, under: Option<Sel>) -> Check {
        let ty = self.program.registers.get(usize::from(inst.dst)).copied();
        let ty = ty.ok_or("the register does not exist")?;
        let list = self.program.list(inst);
        ensure(list.len().is_multiple_of(2), || "an arm is a value and a selection".into())?;
        for arm in list.chunks_exact(2) {
            let sel = Sel(arm[1]);
            self.sel(sel)?;
            let part = under.is_some_and(|under| self.is_part(sel, under));
            ensure(part, || format!("{sel} is not part of the selection"))?;
            self.val(Val::decode(arm[0]), TypeRule::Is(ty), inst.op.info(), Some(sel))?;
        }
        Ok(())
    }

    /// Order of errors, checks and effects; and new row spaces.
    fn effect(&mut self, inst: &Inst, info: &OpInfo, under: Option<Sel>) -> Check {
        let fallible = match info.fallible {
            Fallible::No => false,
            Fallible::Yes => true,
            Fallible::ByFunction => crate::is_fallible(self.function(FuncId(inst.a))?),
        };
        if fallible {
            ensure(!self.effects, || "what may fail stands behind an effect".into())?;
            self.unchecked = true;
        }
        if !matches!(info.effect, Effect::Pure | Effect::Check) {
            ensure(!self.unchecked, || "errors are not checked before an effect".into())?;
            if let (Some(checked), Some(under)) = (self.checked, under) {
                let part = self.is_part(under, checked);
                ensure(part, || format!("{under} is not part of the checked {checked}"))?;
            }
        }
        match info.effect {
            Effect::Pure => {}
            Effect::Check => {
                self.unchecked = false;
                self.checked = Some(Sel(inst.dst));
            }
            Effect::Write | Effect::Send => self.effects = true,
            Effect::Expand | Effect::WriteExpand => self.expand(inst)?,
        }
        if inst.op == Opcode::GroupUpsert {
            self.upserted = Some((StateId(inst.a), self.space));
        }
        Ok(())
    }

    fn expand(&mut self, inst: &Inst) -> Check {
        ensure(self.space < MAX_EXPANSIONS, || "too many expansions in one pipeline".into())?;
        let physical = |fields: &arena_tr_types::Schema| -> Vec<PhysicalType> {
            fields.fields.iter().map(|f| f.data_type.physical()).collect()
        };
        let state = self.program.states.get(usize::from(inst.a));
        self.new_columns = match (inst.op, state) {
            (Opcode::WindowHop | Opcode::WindowCumulate, _) => vec![PhysicalType::I64; 2],
            (Opcode::Unnest | Opcode::UnnestOuter, _) => {
                let element = self.program.val_type(Val::Const(ConstId(inst.b)));
                vec![element.ok_or("the element's type is missing")?, PhysicalType::I64]
            }
            (Opcode::JoinLeft | Opcode::JoinRight, Some(state)) => {
                let StateSpec::Join(spec) = &state.spec else { return Err("no join".into()) };
                if spec.residual.is_some() {
                    self.pairs = Some(StateId(inst.a));
                    state.inputs.iter().flat_map(physical).collect()
                } else {
                    physical(&state.output)
                }
            }
            (Opcode::JoinMatch, Some(state)) => {
                let waiting = self.pairs.take() == Some(StateId(inst.a));
                ensure(waiting, || "no pairs of this join are waiting".into())?;
                physical(&state.output)
            }
            _ => return Err("an expansion without columns".into()),
        };
        self.space += 1;
        self.checked = None;
        self.sels[0] = Some(SelInfo { space: self.space, parent: None });
        Ok(())
    }

    fn define(
        &mut self,
        inst: &Inst,
        info: &OpInfo,
        kind: Kind,
        word: u32,
        under: Option<Sel>,
    ) -> Check {
        match kind {
            Kind::Def(rule) => {
                let reg = Reg(word as u16);
                let ty = self.program.registers.get(reg.index()).copied();
                let ty = ty.ok_or_else(|| format!("{reg} does not exist"))?;
                let wanted = self.result_type(inst, info, rule)?;
                ensure(ty == wanted, || format!("{reg} is of type {ty:?}, not {wanted:?}"))?;
                let kept = self.taken[reg.index()];
                ensure(!kept, || format!("{reg} is written, but the next turn takes it again"))?;
                self.regs[reg.index()] = Some(RegInfo { space: self.space, under });
            }
            Kind::DefSel => {
                let sel = Sel(word as u16);
                let fresh = sel.index() != 0 && sel.index() < self.sels.len();
                ensure(fresh, || format!("{sel} cannot be defined"))?;
                let defined = self.sels[sel.index()].is_some_and(|s| s.space == self.space);
                ensure(!defined, || format!("{sel} is defined twice"))?;
                self.sels[sel.index()] = Some(SelInfo { space: self.space, parent: under });
            }
            _ => {}
        }
        Ok(())
    }

    /// The type that the instruction's result has.
    fn result_type(&self, inst: &Inst, info: &OpInfo, rule: TypeRule) -> Check<PhysicalType> {
        let known = match rule {
            TypeRule::Is(ty) => Some(ty),
            TypeRule::Elem => info.elem.physical(),
            TypeRule::Any => match inst.op {
                Opcode::LoadCol | Opcode::LoadNew => Some(self.column_type(inst, inst.a)?),
                Opcode::LoadConst => self.program.val_type(Val::Const(ConstId(inst.a))),
                Opcode::Take => self.program.registers.get(usize::from(inst.a)).copied(),
                Opcode::Call => Some(self.function(FuncId(inst.a))?.ret().physical()),
                _ => self.program.registers.get(usize::from(inst.dst)).copied(),
            },
        };
        known.ok_or_else(|| "the result's type is not known".into())
    }
}
