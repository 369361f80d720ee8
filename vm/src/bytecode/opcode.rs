//! Looking opcodes up: by family and type for code generation, by mnemonic for the assembler.
//!
//! Invariant: `Opcode::info` is an index into the table; no property of an opcode is decided here.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::inst::Slot;
use super::table::{
    AggKind, Effect, Elem, Fallible, Kind, OPCODES, OpInfo, Opcode, StateKind, TypeRule,
};
use arena_tr_types::AggFunc;

type Index = HashMap<(&'static str, Elem), Opcode, FixedState>;

static BY_FAMILY: LazyLock<Index> =
    LazyLock::new(|| OPCODES.iter().map(|info| ((info.family, info.elem), info.op)).collect());

static BY_MNEMONIC: LazyLock<HashMap<String, Opcode, FixedState>> =
    LazyLock::new(|| OPCODES.iter().map(|info| (info.op.to_string(), info.op)).collect());

impl Opcode {
    /// Its row of the table.
    pub fn info(self) -> &'static OpInfo {
        &OPCODES[self as usize]
    }

    /// The opcode of a family for an element type.
    pub fn of(family: &'static str, elem: Elem) -> Option<Self> {
        BY_FAMILY.get(&(family, elem)).copied()
    }

    /// The opcode of this mnemonic (`add.i64`).
    pub fn from_mnemonic(text: &str) -> Option<Self> {
        BY_MNEMONIC.get(text).copied()
    }

    /// The instruction that updates an aggregate.
    pub fn of_aggregate(func: AggFunc) -> Self {
        let kind = AggKind::of(func);
        OPCODES
            .iter()
            .find(|info| info.operands.iter().any(|o| o.kind == Kind::Agg(kind)))
            .map_or(Self::AggOther, |info| info.op)
    }
}

impl OpInfo {
    /// Where an instruction of this opcode says which selection it works under.
    pub fn under(&self) -> Option<Slot> {
        self.operands.iter().find(|o| o.kind == Kind::Under).map(|o| o.slot)
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        let dot = if info.elem == Elem::None { "" } else { "." };
        f.pad(&format!("{}{dot}{}", info.family, info.elem.suffix()))
    }
}

impl AggKind {
    /// The kind of instruction that updates `func`.
    pub fn of(func: AggFunc) -> Self {
        match func {
            AggFunc::CountStar | AggFunc::Count => Self::Count,
            AggFunc::Sum => Self::Sum,
            AggFunc::Avg => Self::Avg,
            AggFunc::Min => Self::Min,
            AggFunc::Max => Self::Max,
            AggFunc::VarPop | AggFunc::VarSamp | AggFunc::StddevPop | AggFunc::StddevSamp => {
                Self::Moments
            }
            AggFunc::BoolAnd | AggFunc::BoolOr => Self::Bool,
            AggFunc::FirstValue => Self::First,
            AggFunc::LastValue => Self::Last,
            AggFunc::ArrayAgg => Self::Array,
            AggFunc::StringAgg => Self::String,
            AggFunc::SingleValue => Self::Single,
            _ => Self::Other,
        }
    }
}

impl StateKind {
    /// The word that program text uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Pane => "pane",
            Self::Session => "session",
            Self::SessionAssign => "session_assign",
            Self::Join => "join",
            Self::Distinct => "distinct",
            Self::SetOp => "setop",
            Self::Top => "top",
            Self::Over => "over",
            Self::Hold => "hold",
        }
    }
}

/// The opcode page, as `docs/opcodes.md` holds it.
pub fn opcode_page() -> String {
    let mut page = String::from(
        "# Opcodes\n\n\
         Generated from the opcode table (`vm/src/bytecode/table.rs`).\n\
         An opcode is named `family.type`. Operands: `d` is the register or selection defined, `r` a register,\n\
         `x` a register or constant, `c` a constant, `s` a selection, `@s` the selection worked under, `g` a\n\
         state, `q` a queue, `f` a function, `#` a column, `[..]` a list.\n\n\
         | opcode | types | operands | does | NULL | overflow | fails | effect |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut rows = OPCODES.iter().peekable();
    while let Some(info) = rows.next() {
        let mut types = String::from(info.elem.suffix());
        while let Some(next) = rows.next_if(|next| next.family == info.family) {
            types.push(' ');
            types.push_str(next.elem.suffix());
        }
        let operands: Vec<&str> = info.operands.iter().map(|o| operand_mark(o.kind)).collect();
        let fails = match info.fallible {
            Fallible::No => "never",
            Fallible::Yes => "per row",
            Fallible::ByFunction => "by function",
        };
        let effect = match info.effect {
            Effect::Pure => "none",
            Effect::Check => "checks",
            Effect::Expand => "new rows",
            Effect::Write => "writes state",
            Effect::WriteExpand => "writes state, new rows",
            Effect::Send => "sends rows",
        };
        let _ = writeln!(
            page,
            "| `{}` | {types} | {} | {} | {} | {} | {fails} | {effect} |",
            info.family,
            operands.join(" "),
            info.doc.trim(),
            info.nulls,
            info.overflow,
        );
    }
    page
}

fn operand_mark(kind: Kind) -> &'static str {
    match kind {
        Kind::Def(TypeRule::Is(arena_tr_types::PhysicalType::Bool)) => "d:bool",
        Kind::Def(_) => "d",
        Kind::DefSel => "d:sel",
        Kind::Reg(_) => "r",
        Kind::OuterReg => "r:outer",
        Kind::Val(_) => "x",
        Kind::Const(_) => "c",
        Kind::Sel => "s",
        Kind::Under => "@s",
        Kind::Column => "#",
        Kind::Func => "f",
        Kind::Queue => "q",
        Kind::State(_) => "g",
        Kind::Agg(_) => ".k",
        Kind::Args | Kind::Bools | Kind::Columns => "[x..]",
        Kind::Arms => "[x@s..]",
        Kind::Lengths => "[c..]",
    }
}
