//! The program model: what a compiled query is, and its text form.
//!
//! A [`Program`] is a list of [`Pipeline`]s. A pipeline's [`Driver`] yields batches; each runs
//! through a straight line of instructions on vector registers, under selections. There are no
//! jumps: an instruction that makes new rows (a join, a hop window) runs the rest of its pipeline
//! once per batch of them.
//!
//! How an opcode is named:
//!
//! ```text
//!   sel . gt . i64        add . i64          load . col         group . upsert
//!   |     |    |          |     |            |      |           |       |
//!   |     |    element    |     element      verb   what        state   verb
//!   |     what is tested  what is computed
//!   defines a selection
//! ```
//!
//! How an instruction is written: what it defines, then operands, then the selection it works
//! under.
//!
//! ```text
//!   3  sel.gt.i64     s1   r1, c0   @s0      ; c0 = 100
//! ```
//!
//! Reading order: [`table`] (every opcode), [`inst`] (16 bytes), [`program`], [`builder`] (how code
//! generation makes one), [`verify`] (what holds for each), [`disasm`] and [`asm`] (the text form).
//! Invariant: this module computes nothing on rows; it only says what is to be computed.

pub mod asm;
pub mod builder;
pub mod disasm;
pub mod inst;
mod lexer;
pub mod opcode;
pub mod program;
pub mod table;
mod text;
mod text_plan;
pub mod verify;
mod verify_state;

pub use asm::AsmError;
pub use inst::{ConstId, FuncId, Inst, QueueId, Reg, Sel, Slot, StateId, Val, ValuesId};
pub use opcode::opcode_page;
pub use program::{
    Constant, Driver, Function, Input, JoinSpec, Output, OverCall, OverSpec, Pipeline, Program,
    Queue, State, StateSpec, ValuesTable,
};
pub use table::{Opcode, StateKind};
pub use verify::VerifyError;

#[cfg(test)]
mod tests;
