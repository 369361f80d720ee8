//! Makes programs: allocates registers, encodes instructions by the opcode table, verifies the
//! result.
//!
//! Code generation names as many virtual registers as it likes; when a pipeline ends they are
//! mapped to few real ones, because a buffer that was just read is still in the cache when it is
//! written again.
//! Invariant: [`Builder::finish`] yields only verified programs.

use std::collections::HashMap;

use arena_tr_types::{DataType, PhysicalType, SqlError, SqlState, Value};
use foldhash::fast::FixedState;

use super::inst::{
    ConstId, FuncId, Inst, OPERAND_LIMIT, QueueId, Reg, Sel, Slot, StateId, Val, ValuesId,
};
use super::program::{
    Constant, Driver, Function, Input, Output, Pipeline, Program, Queue, State, ValuesTable,
};
use super::table::{Effect, Fallible, Kind, Opcode};
use super::verify::verify;

/// An operand as code generation gives it, in the order of the opcode table.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "each wraps the operand of its name")]
pub enum Operand {
    Reg(Reg),
    Sel(Sel),
    Val(Val),
    Const(ConstId),
    Column(u16),
    Func(FuncId),
    Queue(QueueId),
    State(StateId),
    /// The number of an aggregate.
    Agg(u16),
    /// Arguments or columns.
    List(Vec<Val>),
    /// Values, each with the rows it is taken for.
    Arms(Vec<(Val, Sel)>),
}

macro_rules! operand_from {
    ($($t:ty => $variant:ident;)*) => {$(
        impl From<$t> for Operand {
            fn from(value: $t) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

operand_from! {
    Reg => Reg;
    Sel => Sel;
    Val => Val;
    ConstId => Const;
    FuncId => Func;
    QueueId => Queue;
    StateId => State;
    Vec<Val> => List;
    Vec<(Val, Sel)> => Arms;
}

/// The pipeline being built.
#[derive(Debug)]
struct Open {
    driver: Driver,
    insts: Vec<Inst>,
    /// The type of each virtual register.
    registers: Vec<PhysicalType>,
    /// The types of the driver's columns.
    columns: Vec<PhysicalType>,
    /// The types of the columns that the last expansion made.
    new_columns: Vec<PhysicalType>,
    n_selections: u16,
}

/// Builds one program.
#[derive(Debug)]
pub struct Builder {
    program: Program,
    constants: HashMap<String, ConstId, FixedState>,
    open: Option<Open>,
    /// More registers, constants or selections were asked for than an operand can name.
    overflow: bool,
}

impl Builder {
    /// An empty program of this name and result.
    pub fn new(name: &str, output: Output) -> Self {
        let program = Program {
            name: name.to_owned(),
            inputs: Vec::new(),
            constants: Vec::new(),
            registers: Vec::new(),
            n_selections: 1,
            functions: Vec::new(),
            lists: Vec::new(),
            values: Vec::new(),
            states: Vec::new(),
            queues: Vec::new(),
            pipelines: Vec::new(),
            output,
        };
        Self { program, constants: HashMap::default(), open: None, overflow: false }
    }

    /// Adds an input relation.
    pub fn add_input(&mut self, input: Input) {
        self.program.inputs.push(input);
    }

    /// A constant; equal ones are one.
    pub fn constant(&mut self, ty: &DataType, value: &Value) -> ConstId {
        let constant = Constant { ty: ty.clone(), value: value.clone() };
        let key = format!("{constant:?}");
        if let Some(&id) = self.constants.get(&key) {
            return id;
        }
        let id = ConstId(self.id(self.program.constants.len()));
        self.program.constants.push(constant);
        self.constants.insert(key, id);
        id
    }

    /// A function; equal ones are one.
    pub fn function(&mut self, function: Function) -> FuncId {
        let found = self.program.functions.iter().position(|f| *f == function);
        let index = found.unwrap_or_else(|| {
            self.program.functions.push(function);
            self.program.functions.len() - 1
        });
        FuncId(self.id(index))
    }

    /// Adds a state.
    pub fn add_state(&mut self, state: State) -> StateId {
        let id = StateId(self.id(self.program.states.len()));
        self.program.states.push(state);
        id
    }

    /// Adds a queue.
    pub fn add_queue(&mut self, types: Vec<DataType>) -> QueueId {
        let id = QueueId(self.id(self.program.queues.len()));
        self.program.queues.push(Queue { types });
        id
    }

    /// Adds constant rows.
    pub fn add_values(&mut self, table: ValuesTable) -> ValuesId {
        let id = ValuesId(self.id(self.program.values.len()));
        self.program.values.push(table);
        id
    }

    /// The queues' and inputs' column types, as a driver gives them.
    pub fn driver_types(&self, driver: Driver) -> Vec<DataType> {
        self.program.driver_types(driver).unwrap_or_default()
    }

    fn id(&mut self, index: usize) -> u16 {
        self.overflow |= index >= OPERAND_LIMIT;
        (index % OPERAND_LIMIT) as u16
    }

    /// Starts a pipeline. One is open at a time.
    pub fn begin(&mut self, driver: Driver) {
        debug_assert!(self.open.is_none(), "one pipeline is open at a time");
        let columns = self.driver_types(driver).iter().map(DataType::physical).collect();
        self.open = Some(Open {
            driver,
            insts: Vec::new(),
            registers: Vec::new(),
            columns,
            new_columns: Vec::new(),
            n_selections: 1,
        });
    }

    /// The type of a column of the open pipeline's driver.
    pub fn column_type(&self, column: u16) -> PhysicalType {
        self.peek().columns[usize::from(column)]
    }

    /// The type of a column that the last expansion made.
    pub fn new_column_type(&self, column: u16) -> PhysicalType {
        self.peek().new_columns[usize::from(column)]
    }

    /// Says what columns the expansion makes that was just emitted.
    pub fn set_new_columns(&mut self, types: Vec<PhysicalType>) {
        self.open().new_columns = types;
    }

    /// The type of a register of the open pipeline.
    pub fn register_type(&self, reg: Reg) -> PhysicalType {
        self.peek().registers[reg.index()]
    }

    /// The type of a constant.
    pub fn constant_type(&self, id: ConstId) -> PhysicalType {
        self.program.constants[id.index()].ty.physical()
    }

    fn peek(&self) -> &Open {
        self.open.as_ref().expect("code is generated between begin and end of a pipeline")
    }

    fn open(&mut self) -> &mut Open {
        self.open.as_mut().expect("code is generated between begin and end of a pipeline")
    }

    /// A fresh register of the open pipeline.
    pub fn register(&mut self, ty: PhysicalType) -> Reg {
        let open = self.open();
        open.registers.push(ty);
        let index = open.registers.len() - 1;
        Reg(self.id(index))
    }

    /// A fresh selection of the open pipeline; selection 0 is the driver's.
    pub fn selection(&mut self) -> Sel {
        let next = usize::from(self.open().n_selections);
        let id = self.id(next);
        self.open().n_selections = id + 1;
        Sel(id)
    }

    /// Appends an instruction: operands in the order of the table.
    pub fn emit(&mut self, op: Opcode, operands: &[Operand]) {
        let mut inst = Inst::new(op);
        let table = op.info().operands;
        debug_assert_eq!(table.len(), operands.len(), "operands of {op}");
        for (place, operand) in table.iter().zip(operands) {
            let word = self.word(operand);
            inst.set(place.slot, word);
        }
        self.open().insts.push(inst);
    }

    fn word(&mut self, operand: &Operand) -> u32 {
        match operand {
            Operand::Reg(Reg(n))
            | Operand::Sel(Sel(n))
            | Operand::Const(ConstId(n))
            | Operand::Column(n)
            | Operand::Func(FuncId(n))
            | Operand::Queue(QueueId(n))
            | Operand::State(StateId(n))
            | Operand::Agg(n) => u32::from(*n),
            Operand::Val(val) => u32::from(val.encode()),
            Operand::List(vals) => self.list(vals.iter().map(|v| v.encode()).collect()),
            Operand::Arms(arms) => {
                self.list(arms.iter().flat_map(|(val, sel)| [val.encode(), sel.0]).collect())
            }
        }
    }

    fn list(&mut self, words: Vec<u16>) -> u32 {
        self.program.lists.push(words);
        (self.program.lists.len() - 1) as u32
    }

    /// Ends the open pipeline: maps its registers to real ones.
    pub fn end(&mut self) {
        let mut open = self.open.take().expect("end follows begin");
        drop_unused(&mut open, &self.program.lists);
        let used = self.program.registers.iter().map(|_| false).collect();
        let mut allocation = Allocation { types: &mut self.program.registers, used };
        allocation.run(&mut open, &mut self.program.lists);
        self.overflow |= self.program.registers.len() >= OPERAND_LIMIT;
        self.program.n_selections = self.program.n_selections.max(open.n_selections);
        self.program.pipelines.push(Pipeline { driver: open.driver, insts: open.insts });
    }

    /// Numbers operand lists in the order of the instructions that use them, as the assembler does.
    fn number_lists(&mut self) {
        let mut lists = std::mem::take(&mut self.program.lists);
        for inst in self.program.pipelines.iter_mut().flat_map(|p| &mut p.insts) {
            if inst.op.info().operands.iter().any(|o| o.slot == Slot::List) {
                let list =
                    lists.get_mut(inst.list as usize).map(std::mem::take).unwrap_or_default();
                self.program.lists.push(list);
                inst.list = (self.program.lists.len() - 1) as u32;
            }
        }
    }

    /// The program, verified.
    pub fn finish(mut self) -> Result<Program, SqlError> {
        self.number_lists();
        if self.overflow {
            return Err(SqlError::new(
                SqlState::STATEMENT_TOO_COMPLEX,
                format!("statement too complex: a program has at most {OPERAND_LIMIT} registers"),
            ));
        }
        verify(&self.program).map_err(|error| {
            SqlError::new(
                SqlState::INTERNAL,
                format!("generated program is not valid: {error}\n{}", self.program.to_text()),
            )
        })?;
        Ok(self.program)
    }
}

/// Maps virtual registers to real ones, by last use.
struct Allocation<'a> {
    types: &'a mut Vec<PhysicalType>,
    used: Vec<bool>,
}

impl Allocation<'_> {
    fn run(&mut self, open: &mut Open, lists: &mut [Vec<u16>]) {
        let last_use = last_uses(open, lists);
        let mut real: Vec<Option<Reg>> = vec![None; open.registers.len()];
        for (at, inst) in open.insts.iter_mut().enumerate() {
            let reads = reads_of(inst, lists);
            map_reads(inst, lists, &real);
            for operand in inst.op.info().operands {
                if let Kind::Def(_) = operand.kind {
                    let virt = inst.get(operand.slot) as usize;
                    let reg = self.acquire(open.registers[virt]);
                    real[virt] = Some(reg);
                    inst.set(operand.slot, u32::from(reg.0));
                    if last_use[virt] <= at {
                        self.used[reg.index()] = false;
                    }
                }
            }
            for virt in reads {
                if last_use[virt] == at
                    && let Some(reg) = real[virt]
                {
                    self.used[reg.index()] = false;
                }
            }
        }
    }

    fn acquire(&mut self, ty: PhysicalType) -> Reg {
        let free = (0..self.types.len()).find(|&i| !self.used[i] && self.types[i] == ty);
        let index = free.unwrap_or_else(|| {
            self.types.push(ty);
            self.used.push(false);
            self.types.len() - 1
        });
        self.used[index] = true;
        Reg(index.min(OPERAND_LIMIT) as u16)
    }
}

/// The virtual registers that an instruction reads.
fn reads_of(inst: &Inst, lists: &[Vec<u16>]) -> Vec<usize> {
    let mut reads = Vec::new();
    for operand in inst.op.info().operands {
        let word = inst.get(operand.slot);
        match operand.kind {
            Kind::Reg(_) | Kind::OuterReg => reads.push(word as usize),
            Kind::Val(_) => reads.extend(register_of(word as u16)),
            Kind::Args | Kind::Bools | Kind::Columns => {
                reads.extend(lists[word as usize].iter().filter_map(|w| register_of(*w)));
            }
            Kind::Arms => {
                let vals = lists[word as usize].iter().step_by(2);
                reads.extend(vals.filter_map(|w| register_of(*w)));
            }
            _ => {}
        }
    }
    reads
}

fn register_of(word: u16) -> Option<usize> {
    match Val::decode(word) {
        Val::Reg(r) => Some(r.index()),
        Val::Const(_) => None,
    }
}

fn map_word(word: u16, real: &[Option<Reg>]) -> u16 {
    match register_of(word) {
        Some(virt) => real.get(virt).copied().flatten().map_or(word, |r| r.0),
        None => word,
    }
}

fn map_reads(inst: &mut Inst, lists: &mut [Vec<u16>], real: &[Option<Reg>]) {
    for operand in inst.op.info().operands {
        match operand.kind {
            Kind::Reg(_) | Kind::OuterReg | Kind::Val(_) => {
                let word = inst.get(operand.slot) as u16;
                inst.set(operand.slot, u32::from(map_word(word, real)));
            }
            Kind::Args | Kind::Bools | Kind::Columns => {
                lists[inst.list as usize].iter_mut().for_each(|w| *w = map_word(*w, real));
            }
            Kind::Arms => {
                lists[inst.list as usize]
                    .iter_mut()
                    .step_by(2)
                    .for_each(|w| *w = map_word(*w, real));
            }
            _ => {}
        }
    }
    debug_assert!(
        inst.op.info().operands.iter().all(|o| o.slot != Slot::List || inst.list < u32::MAX)
    );
}

/// Drops instructions whose result nobody reads and that can neither fail nor do anything else.
fn drop_unused(open: &mut Open, lists: &[Vec<u16>]) {
    let mut regs = vec![false; open.registers.len()];
    let mut sels = vec![false; usize::from(open.n_selections)];
    let mut keep = vec![true; open.insts.len()];
    for (at, inst) in open.insts.iter().enumerate().rev() {
        let info = inst.op.info();
        let infallible = match info.fallible {
            Fallible::No => true,
            Fallible::Yes | Fallible::ByFunction => false,
        };
        let mut defines = info.operands.iter().filter_map(|o| match o.kind {
            Kind::Def(_) => Some(regs[inst.get(o.slot) as usize]),
            Kind::DefSel => Some(sels[inst.get(o.slot) as usize]),
            _ => None,
        });
        let pure = infallible && info.effect == Effect::Pure;
        if pure && defines.clone().next().is_some() && !defines.any(|used| used) {
            keep[at] = false;
            continue;
        }
        reads_of(inst, lists).into_iter().for_each(|virt| regs[virt] = true);
        for operand in info.operands {
            match operand.kind {
                Kind::Sel | Kind::Under => sels[inst.get(operand.slot) as usize] = true,
                Kind::Arms => {
                    lists[inst.list as usize]
                        .chunks_exact(2)
                        .for_each(|a| sels[a[1] as usize] = true);
                }
                _ => {}
            }
        }
    }
    let mut keep = keep.into_iter();
    open.insts.retain(|_| keep.next().unwrap_or(true));
}

/// The last instruction that reads each virtual register. What is read behind an expansion and was
/// defined before it stays until the end, because that part runs again for the next turn.
fn last_uses(open: &Open, lists: &[Vec<u16>]) -> Vec<usize> {
    let n = open.registers.len();
    let (mut defined, mut last) = (vec![0; n], vec![0; n]);
    let end = open.insts.len();
    let expands =
        |inst: &Inst| matches!(inst.op.info().effect, Effect::Expand | Effect::WriteExpand);
    let mut expansion = None;
    for (at, inst) in open.insts.iter().enumerate() {
        for virt in reads_of(inst, lists) {
            let again = expansion.is_some_and(|e| defined[virt] < e);
            last[virt] = if again { end } else { at.max(last[virt]) };
        }
        for operand in inst.op.info().operands {
            if let Kind::Def(_) = operand.kind {
                let virt = inst.get(operand.slot) as usize;
                defined[virt] = at;
                last[virt] = at;
            }
        }
        if expands(inst) {
            expansion = Some(at);
        }
    }
    last
}
