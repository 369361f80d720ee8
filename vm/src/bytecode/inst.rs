//! The fixed 16-byte instruction and the operands it carries.
//!
//! Every instruction has the same layout, so decoding is a load and a fuzzer can make any of them.
//! What each field means for an opcode is said once, in the opcode table.
//! Invariant: an instruction is plain data; it is valid only inside the program that it was
//! verified with.

use super::table::Opcode;

macro_rules! operand_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u16);

        impl $name {
            /// The number as an index.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    )*};
}

operand_ids! {
    /// A vector register: one column of the current rows.
    Reg = "r";
    /// A selection register: which of the current rows are meant.
    Sel = "s";
    /// A constant of the program.
    ConstId = "c";
    /// A function of the program's function table.
    FuncId = "f";
    /// A state that the program keeps between epochs.
    StateId = "g";
    /// A queue between pipelines.
    QueueId = "q";
    /// A table of constant rows.
    ValuesId = "v";
}

/// An operand that is a register or a constant, in one 16-bit word: the top bit marks a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Val {
    /// A register.
    Reg(Reg),
    /// A constant, the same for all rows.
    Const(ConstId),
}

const CONST_BIT: u16 = 1 << 15;
/// Most registers, constants, functions or selections of one program.
pub const OPERAND_LIMIT: usize = CONST_BIT as usize - 1;

impl Val {
    /// As an operand word.
    pub fn encode(self) -> u16 {
        match self {
            Self::Reg(r) => r.0,
            Self::Const(c) => c.0 | CONST_BIT,
        }
    }

    /// From an operand word.
    pub fn decode(word: u16) -> Self {
        if word & CONST_BIT == 0 {
            Self::Reg(Reg(word))
        } else {
            Self::Const(ConstId(word & !CONST_BIT))
        }
    }
}

impl From<Reg> for Val {
    fn from(reg: Reg) -> Self {
        Self::Reg(reg)
    }
}

impl From<ConstId> for Val {
    fn from(id: ConstId) -> Self {
        Self::Const(id)
    }
}

/// One instruction. Fields that an opcode does not use are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Inst {
    /// What it does.
    pub op: Opcode,
    /// The register or selection defined.
    pub dst: u16,
    /// First operand.
    pub a: u16,
    /// Second operand.
    pub b: u16,
    /// Third operand.
    pub c: u16,
    /// The selection that it works under.
    pub sel: u16,
    /// The index of an operand list of the program.
    pub list: u32,
}

const _: () = assert!(size_of::<Inst>() == 16);

impl Inst {
    /// An instruction with all operands zero.
    pub fn new(op: Opcode) -> Self {
        Self { op, dst: 0, a: 0, b: 0, c: 0, sel: 0, list: 0 }
    }

    /// The field of this slot, widened.
    pub fn get(&self, slot: Slot) -> u32 {
        match slot {
            Slot::Dst => u32::from(self.dst),
            Slot::A => u32::from(self.a),
            Slot::B => u32::from(self.b),
            Slot::C => u32::from(self.c),
            Slot::Sel => u32::from(self.sel),
            Slot::List => self.list,
        }
    }

    /// Sets the field of this slot.
    pub fn set(&mut self, slot: Slot, value: u32) {
        let short = value as u16;
        match slot {
            Slot::Dst => self.dst = short,
            Slot::A => self.a = short,
            Slot::B => self.b = short,
            Slot::C => self.c = short,
            Slot::Sel => self.sel = short,
            Slot::List => self.list = value,
        }
    }
}

/// A field of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// `dst`.
    Dst,
    /// `a`.
    A,
    /// `b`.
    B,
    /// `c`.
    C,
    /// `sel`.
    Sel,
    /// `list`.
    List,
}
