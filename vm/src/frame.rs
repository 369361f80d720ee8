//! The register file: the mutable scratch that a program runs on.
//!
//! One frame serves all pipelines of a task. A register holds a column of the current rows; writing
//! it recycles the buffer that it held, unless a batch that was handed on still refers to it. A
//! selection register holds which of the current rows are meant.
//! Invariant: registers of the current row space have `rows` rows; everything here is dead between
//! steps.

use arena_tr_storage::{Buffer, Column, Fixed, MutBuffer, Selection};
use arena_tr_types::SqlError;

use crate::bytecode::{Reg, Sel};
use crate::kernel::RowErrors;

/// Registers, selections and what is known of the current rows.
#[derive(Debug)]
pub struct Frame {
    /// Vector registers.
    pub(crate) regs: Vec<Column>,
    /// Selection registers; the first is the driver's or the last expansion's.
    pub(crate) sels: Vec<Selection>,
    /// How many rows the current row space has.
    pub(crate) rows: usize,
    /// Weights of the current rows.
    pub(crate) weights: Option<Buffer<i64>>,
    /// Columns that the last expansion made.
    pub(crate) new_columns: Vec<Column>,
    /// For each current row, the row before the last expansion that it comes from.
    pub(crate) outer: Vec<u16>,
    /// Where the current rows come from, for error reports.
    pub(crate) origin: Origin,
    /// Errors that a kernel just reported.
    pub(crate) row_errors: RowErrors,
    /// Rows that failed since the last check, each with its reason.
    pub(crate) failed: Vec<(usize, SqlError)>,
}

/// How the current rows relate to the rows of the driver's batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// They are the driver's.
    Driver,
    /// Each comes from this row of the driver's batch.
    Mapped(Vec<u16>),
    /// They are pairs of a join: the columns of the expansion describe them.
    Pairs,
}

impl Frame {
    /// A frame of this many registers.
    pub fn new(registers: usize, selections: usize) -> Self {
        let empty = || Column::Bool(Fixed::default());
        Self {
            regs: (0..registers).map(|_| empty()).collect(),
            sels: vec![Selection::All(0); selections.max(1)],
            rows: 0,
            weights: None,
            new_columns: Vec::new(),
            outer: Vec::new(),
            origin: Origin::Driver,
            row_errors: RowErrors::new(),
            failed: Vec::new(),
        }
    }

    /// The column of a register.
    #[inline]
    pub(crate) fn reg(&self, reg: Reg) -> &Column {
        &self.regs[reg.index()]
    }

    /// The rows of a selection.
    #[inline]
    pub(crate) fn sel(&self, sel: Sel) -> &Selection {
        &self.sels[sel.index()]
    }

    /// Takes a register's column out so that it can be written while others are read.
    #[inline]
    pub(crate) fn take(&mut self, reg: u16) -> Column {
        std::mem::replace(&mut self.regs[usize::from(reg)], Column::Bool(Fixed::default()))
    }

    /// An empty list of row indices, from the memory of a selection register.
    #[inline]
    pub(crate) fn take_indices(&mut self, sel: u16) -> MutBuffer<u16> {
        match std::mem::replace(&mut self.sels[usize::from(sel)], Selection::All(0)) {
            Selection::Indices(indices) => indices.recycle(),
            Selection::All(_) => MutBuffer::new(),
        }
    }

    /// Starts a row space of these rows.
    #[inline]
    pub(crate) fn start(
        &mut self,
        rows: usize,
        weights: Option<Buffer<i64>>,
        selection: Selection,
        origin: Origin,
    ) {
        self.rows = rows;
        self.weights = weights;
        self.sels[0] = selection;
        self.origin = origin;
    }

    /// Moves what the last kernel reported to the failed rows.
    #[cold]
    pub(crate) fn collect_errors(&mut self) {
        self.failed.extend(self.row_errors.drain());
    }

    /// Forgets all columns, so that batches handed on are not kept alive between steps by registers
    /// that only forwarded them. Buffers that only this frame holds stay for the next step.
    pub(crate) fn release(&mut self) {
        self.new_columns.clear();
        self.weights = None;
        self.failed.clear();
    }
}
