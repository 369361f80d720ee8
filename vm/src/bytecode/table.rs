//! The opcode table: every instruction, said once.
//!
//! `for_each_op!` lists the families of opcodes with their operands, NULL rule, overflow rule, effect and
//! doc comment. The enum, the encoder ([`super::builder`]), the assembler, the disassembler, the verifier's
//! signatures and `docs/opcodes.md` are all derived from it. A family has one opcode per element type, named
//! `family.type`; see the naming diagram in [`super`].
//! Invariant: a property of an opcode that anybody needs is a column of this table, never a second `match`.

use arena_tr_types::{DataType, PhysicalType};

use super::inst::Slot;

/// The element type in an opcode's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Elem {
    /// The family has one opcode for all types.
    None,
    /// BOOLEAN.
    Bool,
    /// SMALLINT.
    I16,
    /// INTEGER and DATE.
    I32,
    /// BIGINT, TIME and timestamps.
    I64,
    /// REAL.
    F32,
    /// DOUBLE PRECISION.
    F64,
    /// NUMERIC.
    Dec,
    /// TEXT and BYTEA, compared by bytes.
    Str,
    /// INTERVAL.
    Interval,
    /// UUID.
    Uuid,
}

impl Elem {
    /// The suffix in a mnemonic; empty for [`Elem::None`].
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Bool => "bool",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Dec => "dec",
            Self::Str => "str",
            Self::Interval => "interval",
            Self::Uuid => "uuid",
        }
    }

    /// The register type that carries it.
    pub fn physical(self) -> Option<PhysicalType> {
        Some(match self {
            Self::None => return None,
            Self::Bool => PhysicalType::Bool,
            Self::I16 => PhysicalType::I16,
            Self::I32 => PhysicalType::I32,
            Self::I64 => PhysicalType::I64,
            Self::F32 => PhysicalType::F32,
            Self::F64 => PhysicalType::F64,
            Self::Dec => PhysicalType::Decimal,
            Self::Str => PhysicalType::Str,
            Self::Interval | Self::Uuid => PhysicalType::I128,
        })
    }

    /// The SQL type whose kernels it uses; equal for all types that it carries.
    pub fn data_type(self) -> DataType {
        match self {
            Self::None => DataType::Unknown,
            Self::Bool => DataType::Bool,
            Self::I16 => DataType::Int2,
            Self::I32 => DataType::Int4,
            Self::I64 => DataType::Int8,
            Self::F32 => DataType::Float4,
            Self::F64 => DataType::Float8,
            Self::Dec => DataType::Numeric(None),
            Self::Str => DataType::Text,
            Self::Interval => DataType::Interval,
            Self::Uuid => DataType::Uuid,
        }
    }

    /// The element type by which values of `ty` are compared; `None` if they need a function call.
    pub fn of_comparable(ty: &DataType) -> Option<Self> {
        Some(match ty {
            DataType::Bool => Self::Bool,
            DataType::Int2 => Self::I16,
            DataType::Int4 | DataType::Date => Self::I32,
            DataType::Int8 | DataType::Time | DataType::Timestamp | DataType::TimestampTz => {
                Self::I64
            }
            DataType::Float4 => Self::F32,
            DataType::Float8 => Self::F64,
            DataType::Numeric(_) => Self::Dec,
            DataType::Text | DataType::Varchar(_) | DataType::Bytea => Self::Str,
            DataType::Interval => Self::Interval,
            DataType::Uuid => Self::Uuid,
            _ => return None,
        })
    }

    /// The element type by which values of `ty` are added; `None` if they are not plain numbers.
    pub fn of_number(ty: &DataType) -> Option<Self> {
        if ty.is_numeric() { Self::of_comparable(ty) } else { None }
    }
}

/// The type that an operand must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeRule {
    /// The family's element type.
    Elem,
    /// This type.
    Is(PhysicalType),
    /// Any; what else must hold is checked by the operand's kind.
    Any,
}

/// What an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A register that the instruction defines.
    Def(TypeRule),
    /// A register that it reads.
    Reg(TypeRule),
    /// A register or a constant that it reads.
    Val(TypeRule),
    /// A register of the rows before the last expansion.
    OuterReg,
    /// A constant.
    Const(TypeRule),
    /// A selection that it defines.
    DefSel,
    /// A selection that it reads, other than the one it works under.
    Sel,
    /// The selection that it works under.
    Under,
    /// A column of the driver's batches.
    Column,
    /// A function of the function table.
    Func,
    /// A queue.
    Queue,
    /// A state of this kind.
    State(StateKind),
    /// An aggregate of the state in slot `a`, which must be of this function.
    Agg(AggKind),
    /// A list of registers and constants: arguments of the function in slot `a`.
    Args,
    /// A list of BOOLEAN registers and constants.
    Bools,
    /// A list of registers and constants: the columns of the state, queue or output.
    Columns,
    /// A list of pairs: a register or constant, and the selection of the rows that it is taken for.
    Arms,
    /// A list of three 64-bit constants: lengths in microseconds.
    Lengths,
}

/// Kinds of state, as instructions name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StateKind {
    /// Hash grouping.
    Group,
    /// Grouping in panes.
    Pane,
    /// Grouping in sessions.
    Session,
    /// Session bounds of each row.
    SessionAssign,
    /// A join.
    Join,
    /// Distinct rows.
    Distinct,
    /// INTERSECT or EXCEPT.
    SetOp,
    /// First rows of partitions.
    Top,
    /// Window functions.
    Over,
    /// Rows held until their window closes.
    Hold,
}

/// The aggregate that an `agg.*` instruction updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the SQL aggregate of its name")]
pub enum AggKind {
    Count,
    Sum,
    Avg,
    Min,
    Max,
    Moments,
    Bool,
    First,
    Last,
    Array,
    String,
    Single,
    Other,
}

/// What an instruction does besides defining registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Pure,
    /// Ends the errors of the rows so far: what follows may write.
    Check,
    /// The rest of the pipeline runs on new rows, once per batch of them.
    Expand,
    /// Changes a state; row errors must have been checked before.
    Write,
    /// Changes a state and then expands; the state's own rows are written after the last turn.
    WriteExpand,
    /// Hands rows on: to a queue or to the output.
    Send,
}

/// Whether an instruction may fail for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallible {
    /// Never.
    No,
    /// For some rows.
    Yes,
    /// As its function says.
    ByFunction,
}

/// One operand: where it stands in the instruction and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
    /// The field of the instruction.
    pub slot: Slot,
    /// What the field holds.
    pub kind: Kind,
}

/// One row of the table, for one opcode.
#[derive(Debug, Clone, Copy)]
pub struct OpInfo {
    /// The opcode.
    pub op: Opcode,
    /// The mnemonic without type.
    pub family: &'static str,
    /// The element type.
    pub elem: Elem,
    /// Operands in the order they are written; `Under` is written as `@s`.
    pub operands: &'static [Operand],
    /// What it does besides.
    pub effect: Effect,
    /// Whether it may fail for a row.
    pub fallible: Fallible,
    /// What happens with NULL.
    pub nulls: &'static str,
    /// What happens when a result cannot be represented.
    pub overflow: &'static str,
    /// What it does.
    pub doc: &'static str,
}

const fn o(slot: Slot, kind: Kind) -> Operand {
    Operand { slot, kind }
}

const DEF: Operand = o(Slot::Dst, Kind::Def(TypeRule::Elem));
const DEF_ANY: Operand = o(Slot::Dst, Kind::Def(TypeRule::Any));
const DEF_BOOL: Operand = o(Slot::Dst, Kind::Def(TypeRule::Is(PhysicalType::Bool)));
const DEF_I64: Operand = o(Slot::Dst, Kind::Def(TypeRule::Is(PhysicalType::I64)));
const DEF_SEL: Operand = o(Slot::Dst, Kind::DefSel);
const VAL_A: Operand = o(Slot::A, Kind::Val(TypeRule::Elem));
const VAL_B: Operand = o(Slot::B, Kind::Val(TypeRule::Elem));
const BOOL_A: Operand = o(Slot::A, Kind::Val(TypeRule::Is(PhysicalType::Bool)));
const REG_A: Operand = o(Slot::A, Kind::Reg(TypeRule::Any));
const REG_BOOL: Operand = o(Slot::A, Kind::Reg(TypeRule::Is(PhysicalType::Bool)));
const REG_STR: Operand = o(Slot::A, Kind::Reg(TypeRule::Is(PhysicalType::Str)));
const NULL_B: Operand = o(Slot::B, Kind::Const(TypeRule::Any));
const REG_I64: Operand = o(Slot::A, Kind::Reg(TypeRule::Is(PhysicalType::I64)));
const OUTER_A: Operand = o(Slot::A, Kind::OuterReg);
const CONST_A: Operand = o(Slot::A, Kind::Const(TypeRule::Any));
const SIZE_B: Operand = o(Slot::B, Kind::Const(TypeRule::Is(PhysicalType::I64)));
const OFFSET_C: Operand = o(Slot::C, Kind::Const(TypeRule::Is(PhysicalType::I64)));
const COLUMN: Operand = o(Slot::A, Kind::Column);
const SEL_A: Operand = o(Slot::A, Kind::Sel);
const FUNC: Operand = o(Slot::A, Kind::Func);
const QUEUE: Operand = o(Slot::A, Kind::Queue);
const UNDER: Operand = o(Slot::Sel, Kind::Under);
const ARGS: Operand = o(Slot::List, Kind::Args);
const COLUMNS: Operand = o(Slot::List, Kind::Columns);
const BOOLS: Operand = o(Slot::List, Kind::Bools);
const ARMS: Operand = o(Slot::List, Kind::Arms);
const LENGTHS: Operand = o(Slot::List, Kind::Lengths);

const fn state(kind: StateKind) -> Operand {
    o(Slot::A, Kind::State(kind))
}

const fn agg(kind: AggKind) -> Operand {
    o(Slot::B, Kind::Agg(kind))
}

macro_rules! for_each_op {
    ($each:ident) => {
        $each! {
            /// Takes a column of the driver's batch, without copying.
            "load.col" { LoadCol None } [DEF_ANY, COLUMN] Pure No "kept" "-";
            /// A constant for every row.
            "load.const" { LoadConst None } [DEF_ANY, CONST_A] Pure No "kept" "-";
            /// The epoch's timestamp.
            "load.now" { LoadNow None } [DEF_I64] Pure No "never NULL" "-";
            /// Takes a column of the rows before the expansion, each value repeated for its new rows.
            "take" { Take None } [DEF_ANY, OUTER_A] Pure No "kept" "-";

            /// Sum.
            "add" { AddI16 I16, AddI32 I32, AddI64 I64, AddF32 F32, AddF64 F64, AddDec Dec }
                [DEF, VAL_A, VAL_B, UNDER] Pure Yes "strict" "error 22003";
            /// Difference.
            "sub" { SubI16 I16, SubI32 I32, SubI64 I64, SubF32 F32, SubF64 F64, SubDec Dec }
                [DEF, VAL_A, VAL_B, UNDER] Pure Yes "strict" "error 22003";
            /// Product.
            "mul" { MulI16 I16, MulI32 I32, MulI64 I64, MulF32 F32, MulF64 F64, MulDec Dec }
                [DEF, VAL_A, VAL_B, UNDER] Pure Yes "strict" "error 22003";
            /// Quotient; of integers it is truncated toward zero.
            "div" { DivI16 I16, DivI32 I32, DivI64 I64, DivF32 F32, DivF64 F64, DivDec Dec }
                [DEF, VAL_A, VAL_B, UNDER] Pure Yes "strict" "error 22012 or 22003";
            /// Remainder, with the sign of the dividend.
            "mod" { ModI16 I16, ModI32 I32, ModI64 I64, ModDec Dec }
                [DEF, VAL_A, VAL_B, UNDER] Pure Yes "strict" "error 22012";
            /// Negation.
            "neg" { NegI16 I16, NegI32 I32, NegI64 I64, NegF32 F32, NegF64 F64, NegDec Dec }
                [DEF, VAL_A, UNDER] Pure Yes "strict" "error 22003";

            /// Whether equal.
            "eq" { EqBool Bool, EqI16 I16, EqI32 I32, EqI64 I64, EqF32 F32, EqF64 F64, EqDec Dec,
                EqStr Str, EqInterval Interval, EqUuid Uuid }
                [DEF_BOOL, VAL_A, VAL_B, UNDER] Pure No "strict" "-";
            /// Whether not equal.
            "ne" { NeBool Bool, NeI16 I16, NeI32 I32, NeI64 I64, NeF32 F32, NeF64 F64, NeDec Dec,
                NeStr Str, NeInterval Interval, NeUuid Uuid }
                [DEF_BOOL, VAL_A, VAL_B, UNDER] Pure No "strict" "-";
            /// Whether less.
            "lt" { LtBool Bool, LtI16 I16, LtI32 I32, LtI64 I64, LtF32 F32, LtF64 F64, LtDec Dec,
                LtStr Str, LtInterval Interval, LtUuid Uuid }
                [DEF_BOOL, VAL_A, VAL_B, UNDER] Pure No "strict" "-";
            /// Whether less or equal.
            "le" { LeBool Bool, LeI16 I16, LeI32 I32, LeI64 I64, LeF32 F32, LeF64 F64, LeDec Dec,
                LeStr Str, LeInterval Interval, LeUuid Uuid }
                [DEF_BOOL, VAL_A, VAL_B, UNDER] Pure No "strict" "-";
            /// Whether greater.
            "gt" { GtBool Bool, GtI16 I16, GtI32 I32, GtI64 I64, GtF32 F32, GtF64 F64, GtDec Dec,
                GtStr Str, GtInterval Interval, GtUuid Uuid }
                [DEF_BOOL, VAL_A, VAL_B, UNDER] Pure No "strict" "-";
            /// Whether greater or equal.
            "ge" { GeBool Bool, GeI16 I16, GeI32 I32, GeI64 I64, GeF32 F32, GeF64 F64, GeDec Dec,
                GeStr Str, GeInterval Interval, GeUuid Uuid }
                [DEF_BOOL, VAL_A, VAL_B, UNDER] Pure No "strict" "-";

            /// The rows of which both are equal.
            "sel.eq" { SelEqBool Bool, SelEqI16 I16, SelEqI32 I32, SelEqI64 I64, SelEqF32 F32,
                SelEqF64 F64, SelEqDec Dec, SelEqStr Str, SelEqInterval Interval, SelEqUuid Uuid }
                [DEF_SEL, VAL_A, VAL_B, UNDER] Pure No "not selected" "-";
            /// The rows of which both are not equal.
            "sel.ne" { SelNeBool Bool, SelNeI16 I16, SelNeI32 I32, SelNeI64 I64, SelNeF32 F32,
                SelNeF64 F64, SelNeDec Dec, SelNeStr Str, SelNeInterval Interval, SelNeUuid Uuid }
                [DEF_SEL, VAL_A, VAL_B, UNDER] Pure No "not selected" "-";
            /// The rows whose first is less.
            "sel.lt" { SelLtBool Bool, SelLtI16 I16, SelLtI32 I32, SelLtI64 I64, SelLtF32 F32,
                SelLtF64 F64, SelLtDec Dec, SelLtStr Str, SelLtInterval Interval, SelLtUuid Uuid }
                [DEF_SEL, VAL_A, VAL_B, UNDER] Pure No "not selected" "-";
            /// The rows whose first is less or equal.
            "sel.le" { SelLeBool Bool, SelLeI16 I16, SelLeI32 I32, SelLeI64 I64, SelLeF32 F32,
                SelLeF64 F64, SelLeDec Dec, SelLeStr Str, SelLeInterval Interval, SelLeUuid Uuid }
                [DEF_SEL, VAL_A, VAL_B, UNDER] Pure No "not selected" "-";
            /// The rows whose first is greater.
            "sel.gt" { SelGtBool Bool, SelGtI16 I16, SelGtI32 I32, SelGtI64 I64, SelGtF32 F32,
                SelGtF64 F64, SelGtDec Dec, SelGtStr Str, SelGtInterval Interval, SelGtUuid Uuid }
                [DEF_SEL, VAL_A, VAL_B, UNDER] Pure No "not selected" "-";
            /// The rows whose first is greater or equal.
            "sel.ge" { SelGeBool Bool, SelGeI16 I16, SelGeI32 I32, SelGeI64 I64, SelGeF32 F32,
                SelGeF64 F64, SelGeDec Dec, SelGeStr Str, SelGeInterval Interval, SelGeUuid Uuid }
                [DEF_SEL, VAL_A, VAL_B, UNDER] Pure No "not selected" "-";
            /// The rows for which a BOOLEAN is true.
            "sel.true" { SelTrue None } [DEF_SEL, REG_BOOL, UNDER] Pure No "not selected" "-";
            /// The rows for which a BOOLEAN is false.
            "sel.false" { SelFalse None } [DEF_SEL, REG_BOOL, UNDER] Pure No "not selected" "-";
            /// The rows that are NULL.
            "sel.null" { SelNull None } [DEF_SEL, REG_A, UNDER] Pure No "selected" "-";
            /// The rows that are not NULL.
            "sel.notnull" { SelNotNull None } [DEF_SEL, REG_A, UNDER] Pure No "not selected" "-";
            /// The rows that are not in another selection.
            "sel.minus" { SelMinus None } [DEF_SEL, SEL_A, UNDER] Pure No "-" "-";

            /// Ends the batch here if no row is selected (and none has failed).
            "stop.empty" { StopEmpty None } [UNDER] Pure No "-" "-";

            /// Three-valued AND of one or more.
            "and" { And None } [DEF_BOOL, BOOLS, UNDER] Pure No "false wins" "-";
            /// Three-valued OR of one or more.
            "or" { Or None } [DEF_BOOL, BOOLS, UNDER] Pure No "true wins" "-";
            /// Three-valued NOT.
            "not" { Not None } [DEF_BOOL, BOOL_A, UNDER] Pure No "strict" "-";
            /// Whether NULL.
            "isnull" { IsNull None } [DEF_BOOL, REG_A, UNDER] Pure No "true" "-";
            /// Whether not NULL.
            "notnull" { NotNull None } [DEF_BOOL, REG_A, UNDER] Pure No "false" "-";
            /// For each row the value of the arm whose selection has it; NULL for a row in none.
            "blend" { Blend None } [DEF_ANY, ARMS, UNDER] Pure No "kept" "-";
            /// Calls a function of the function table: built-in functions and casts.
            "call" { Call None } [DEF_ANY, FUNC, ARGS, UNDER] Pure ByFunction "as the function says"
                "as the function says";

            /// Start of the tumbling window of a time: `t - (t - offset) mod size`.
            "window.start" { WindowStart None } [DEF_I64, REG_I64, SIZE_B, OFFSET_C, UNDER] Pure No
                "strict" "saturates";
            /// A time plus a constant, for ends of windows.
            "window.end" { WindowEnd None } [DEF_I64, REG_I64, SIZE_B, UNDER] Pure No "strict" "saturates";
            /// Repeats each row for its windows: constants slide, size, offset; defines start and end.
            "window.hop" { WindowHop None } [REG_I64, LENGTHS, UNDER] Expand No "no window" "saturates";
            /// Repeats each row for its windows: constants step, max, offset; defines start and end.
            "window.cumulate" { WindowCumulate None } [REG_I64, LENGTHS, UNDER] Expand No "no window"
                "saturates";
            /// Repeats each row for its array's elements (the constant is a NULL of their type).
            "unnest" { Unnest None } [REG_STR, NULL_B, UNDER] Expand No "no row" "-";
            /// Like `unnest`; a row without elements is kept once, with NULL.
            "unnest.outer" { UnnestOuter None } [REG_STR, NULL_B, UNDER] Expand No "kept with NULL" "-";
            /// A column that the expansion makes.
            "load.new" { LoadNew None } [DEF_ANY, COLUMN] Pure No "kept" "-";

            /// The rows without an error; errors are reported (or end the step) here.
            "check" { Check None } [DEF_SEL, UNDER] Check No "-" "-";

            /// Finds or makes the group of each row.
            "group.upsert" { GroupUpsert None } [state(StateKind::Group), COLUMNS, UNDER] Write No
                "NULLs are one group" "error 53200";
            /// Updates a count in each row's group.
            "agg.count" { AggCount None } [state(StateKind::Group), agg(AggKind::Count)] Write No
                "not counted" "-";
            /// Updates a sum.
            "agg.sum" { AggSum None } [state(StateKind::Group), agg(AggKind::Sum)] Write No
                "skipped" "error 22003 of the group";
            /// Updates an average.
            "agg.avg" { AggAvg None } [state(StateKind::Group), agg(AggKind::Avg)] Write No
                "skipped" "error 22003 of the group";
            /// Updates a minimum.
            "agg.min" { AggMin None } [state(StateKind::Group), agg(AggKind::Min)] Write No "skipped" "-";
            /// Updates a maximum.
            "agg.max" { AggMax None } [state(StateKind::Group), agg(AggKind::Max)] Write No "skipped" "-";
            /// Updates a variance or a standard deviation.
            "agg.moments" { AggMoments None } [state(StateKind::Group), agg(AggKind::Moments)] Write No
                "skipped" "error 22003 of the group";
            /// Updates bool_and or bool_or.
            "agg.bool" { AggBool None } [state(StateKind::Group), agg(AggKind::Bool)] Write No
                "skipped" "-";
            /// Updates first_value.
            "agg.first" { AggFirst None } [state(StateKind::Group), agg(AggKind::First)] Write No
                "kept" "-";
            /// Updates last_value.
            "agg.last" { AggLast None } [state(StateKind::Group), agg(AggKind::Last)] Write No "kept" "-";
            /// Updates array_agg.
            "agg.array" { AggArray None } [state(StateKind::Group), agg(AggKind::Array)] Write No
                "kept" "-";
            /// Updates string_agg.
            "agg.string" { AggString None } [state(StateKind::Group), agg(AggKind::String)] Write No
                "skipped" "-";
            /// Updates the value of the only row.
            "agg.single" { AggSingle None } [state(StateKind::Group), agg(AggKind::Single)] Write No
                "kept" "error 21000 of the group";
            /// Updates an aggregate without an opcode of its own.
            "agg.other" { AggOther None } [state(StateKind::Group), agg(AggKind::Other)] Write No
                "as the aggregate says" "as the aggregate says";
            /// Routes rows to their panes and updates the groups there.
            "pane.update" { PaneUpdate None } [state(StateKind::Pane), COLUMNS, UNDER] Write No
                "no window" "error 53200";
            /// Extends or merges sessions and updates their groups.
            "session.update" { SessionUpdate None } [state(StateKind::Session), COLUMNS, UNDER] Write No
                "no window" "error 53200";
            /// Places rows in sessions.
            "session.assign" { SessionAssign None } [state(StateKind::SessionAssign), COLUMNS, UNDER]
                Write No "no window" "error 53200";
            /// Pairs rows with the right side's and adds them to the left.
            "join.left" { JoinLeft None } [state(StateKind::Join), COLUMNS, UNDER] WriteExpand No
                "no match" "error 53200";
            /// Pairs rows with the left side's and adds them to the right.
            "join.right" { JoinRight None } [state(StateKind::Join), COLUMNS, UNDER] WriteExpand No
                "no match" "error 53200";
            /// Tells the join which pairs fulfil the residual condition, and goes on with the joined rows.
            "join.match" { JoinMatch None } [state(StateKind::Join), UNDER] Expand No "-" "-";
            /// Counts rows; a row enters with its first weight.
            "distinct.update" { DistinctUpdate None } [state(StateKind::Distinct), COLUMNS, UNDER] Write
                No "NULLs are equal" "error 53200";
            /// Counts rows of the left input.
            "setop.left" { SetOpLeft None } [state(StateKind::SetOp), COLUMNS, UNDER] Write No
                "NULLs are equal" "error 53200";
            /// Counts rows of the right input.
            "setop.right" { SetOpRight None } [state(StateKind::SetOp), COLUMNS, UNDER] Write No
                "NULLs are equal" "error 53200";
            /// Places rows in their partition's order.
            "top.update" { TopUpdate None } [state(StateKind::Top), COLUMNS, UNDER] Write No
                "sorted as asked" "error 53200";
            /// Places rows in their partition for window functions.
            "over.update" { OverUpdate None } [state(StateKind::Over), COLUMNS, UNDER] Write No
                "sorted as asked" "error 53200";
            /// Holds rows back until their window closes.
            "hold.update" { HoldUpdate None } [state(StateKind::Hold), COLUMNS, UNDER] Write No
                "never released" "error 53200";

            /// Hands the rows to a queue, without copying.
            "push" { Push None } [QUEUE, COLUMNS, UNDER] Send No "kept" "-";
            /// Hands the rows to the output, without copying.
            "emit" { Emit None } [COLUMNS, UNDER] Send No "kept" "-";
        }
    };
}

macro_rules! make_table {
    ($(
        #[doc = $doc:literal]
        $family:literal { $($name:ident $elem:ident),+ $(,)? } $operands:tt $effect:ident
        $fallible:ident $nulls:literal $overflow:literal;
    )*) => {
        /// What an instruction does. Listed and explained in `docs/opcodes.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        #[allow(missing_docs, reason = "the table documents each")]
        pub enum Opcode { $($($name),+),* }

        /// The table, in the order of [`Opcode`].
        pub static OPCODES: &[OpInfo] = &[$($(OpInfo {
            op: Opcode::$name,
            family: $family,
            elem: Elem::$elem,
            operands: &$operands,
            effect: Effect::$effect,
            fallible: Fallible::$fallible,
            nulls: $nulls,
            overflow: $overflow,
            doc: $doc,
        }),+),*];
    };
}

for_each_op!(make_table);
