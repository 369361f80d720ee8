//! Rows under construction: one builder per wanted column, and the rows that could not be read.
//!
//! Decoders write cells straight into the builders. A row that turns out malformed halfway is
//! filled up with NULL and left out at the end, which costs nothing when rows are good.
//! Invariant: between two rows all builders are equally long; a column nobody wants has no builder.

use arena_tr::connector::{BadRow, Want};
use arena_tr::{Batch, Column, ColumnBuilder, DataType, Error, Schema, SqlError, SqlState, Value};

use crate::cell::{self, Kind, LastDay};

/// Bytes of a malformed row that are kept.
const RAW_BYTES: usize = 200;
/// Rows a builder has room for at first.
const MAX_RESERVED_ROWS: usize = 16_384;

/// Why a row is malformed.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) state: SqlState,
    pub(crate) reason: String,
}

impl Fault {
    /// The text has not the form it should have.
    pub(crate) fn form(reason: impl Into<String>) -> Self {
        Self { state: SqlState("22P04"), reason: reason.into() }
    }
}

impl From<SqlError> for Fault {
    fn from(error: SqlError) -> Self {
        let reason = match error.hint {
            Some(hint) => format!("{} ({hint})", error.message),
            None => error.message,
        };
        Self { state: error.state, reason }
    }
}

/// One column under construction.
pub(crate) struct Slot {
    name: std::sync::Arc<str>,
    data_type: DataType,
    kind: Kind,
    builder: Option<ColumnBuilder>,
    /// NULLs handed out while nobody wants the column.
    nulls: Column,
}

/// The rows of one poll.
pub(crate) struct RowSet {
    slots: Vec<Slot>,
    last_day: LastDay,
    /// Rows in the builders, malformed ones included.
    n_rows: usize,
    dropped: Vec<usize>,
    bad: Vec<BadRow>,
}

impl RowSet {
    pub(crate) fn new(schema: &Schema) -> Self {
        let slot = |field: &arena_tr::Field| Slot {
            name: field.name.clone(),
            data_type: field.data_type.clone(),
            kind: Kind::of(&field.data_type),
            builder: None,
            nulls: Column::empty(field.data_type.physical()),
        };
        Self {
            slots: schema.fields.iter().map(slot).collect(),
            last_day: LastDay::default(),
            n_rows: 0,
            dropped: Vec::new(),
            bad: Vec::new(),
        }
    }

    /// Begins the rows of a poll.
    pub(crate) fn start(&mut self, want: &Want<'_>) {
        let capacity = want.max_rows.min(MAX_RESERVED_ROWS);
        for (i, slot) in self.slots.iter_mut().enumerate() {
            let wanted = want.columns.get(i).copied().unwrap_or(true);
            slot.builder = wanted.then(|| ColumnBuilder::new(slot.data_type.physical(), capacity));
        }
        self.n_rows = 0;
        self.dropped.clear();
        self.bad.clear();
    }

    /// Good rows so far.
    pub(crate) fn live(&self) -> usize {
        self.n_rows - self.dropped.len()
    }

    /// Malformed rows so far.
    pub(crate) fn n_bad(&self) -> usize {
        self.bad.len()
    }

    /// Whether the column is wanted.
    #[inline]
    pub(crate) fn wants(&self, column: usize) -> bool {
        self.slots[column].builder.is_some()
    }

    pub(crate) fn data_type(&self, column: usize) -> &DataType {
        &self.slots[column].data_type
    }

    /// Whether the row at hand has a cell in this (wanted) column already.
    #[inline]
    pub(crate) fn is_filled(&self, column: usize) -> bool {
        self.slots[column].builder.as_ref().is_some_and(|b| b.len() > self.n_rows)
    }

    /// Appends the value that a text stands for, if the column is wanted.
    #[inline]
    pub(crate) fn push_text(&mut self, column: usize, text: &[u8]) -> Result<(), Fault> {
        let slot = &mut self.slots[column];
        let Some(builder) = &mut slot.builder else { return Ok(()) };
        cell::push_text(builder, slot.kind, &slot.data_type, &mut self.last_day, text)
            .map_err(|e| blame(&slot.name, e))
    }

    /// Appends a value, if the column is wanted.
    pub(crate) fn push_value(&mut self, column: usize, value: &Value) -> Result<(), Fault> {
        let slot = &mut self.slots[column];
        let Some(builder) = &mut slot.builder else { return Ok(()) };
        builder.push_value(value).map_err(|e| blame(&slot.name, e))
    }

    /// Appends NULL, if the column is wanted.
    pub(crate) fn push_null(&mut self, column: usize) {
        if let Some(builder) = &mut self.slots[column].builder {
            builder.push_null();
        }
    }

    /// The builder of a column, if it is wanted: for generators, which know their types.
    #[inline]
    pub(crate) fn builder(&mut self, column: usize) -> Option<&mut ColumnBuilder> {
        self.slots[column].builder.as_mut()
    }

    /// Ends a row; cells that were not given are NULL.
    #[inline]
    pub(crate) fn end_row(&mut self) {
        for builder in self.slots.iter_mut().filter_map(|s| s.builder.as_mut()) {
            if builder.len() == self.n_rows {
                builder.push_null();
            }
        }
        self.n_rows += 1;
    }

    /// Ends `n` rows whose columns were filled one after the other.
    pub(crate) fn end_rows(&mut self, n: usize) {
        self.n_rows += n;
    }

    /// Leaves out the row at hand.
    #[cold]
    pub(crate) fn drop_row(&mut self) {
        self.dropped.push(self.n_rows);
        self.end_row();
    }

    /// Leaves out the row at hand and keeps why.
    #[cold]
    pub(crate) fn reject(&mut self, position: u64, fault: Fault, raw: &[u8]) {
        self.drop_row();
        self.bad.push(BadRow { position, reason: fault.reason, raw: shorten(raw) });
    }

    /// Leaves out a row that was ended already; such rows are given in order.
    #[cold]
    pub(crate) fn reject_ended(&mut self, row: usize, position: u64, fault: Fault) {
        self.dropped.push(row);
        self.bad.push(BadRow { position, reason: fault.reason, raw: String::new() });
    }

    /// The same fault, naming the column.
    #[cold]
    pub(crate) fn blame(&self, column: usize, fault: Fault) -> Fault {
        let reason = format!("column \"{}\": {}", self.slots[column].name, fault.reason);
        Fault { reason, ..fault }
    }

    /// The batch, and the malformed rows.
    pub(crate) fn finish(&mut self) -> (Batch, Vec<BadRow>) {
        let n_rows = self.n_rows;
        let columns = self.slots.iter_mut().map(|slot| match slot.builder.take() {
            Some(builder) => builder.finish(),
            None => {
                if slot.nulls.len() < n_rows {
                    slot.nulls = Column::nulls(slot.data_type.physical(), n_rows);
                }
                slot.nulls.slice(0, n_rows)
            }
        });
        let mut batch = Batch::new(columns.collect(), n_rows);
        if !self.dropped.is_empty() {
            let mut kept: Vec<usize> = (0..n_rows).collect();
            kept.retain(|row| self.dropped.binary_search(row).is_err());
            batch = batch.take_rows(&kept);
        }
        (batch, std::mem::take(&mut self.bad))
    }
}

#[cold]
fn blame(column: &str, error: SqlError) -> Fault {
    let fault = Fault::from(error);
    Fault { reason: format!("column \"{column}\": {}", fault.reason), ..fault }
}

/// The beginning of a row's text.
fn shorten(raw: &[u8]) -> String {
    let head = String::from_utf8_lossy(&raw[..raw.len().min(RAW_BYTES)]);
    match raw.len() > RAW_BYTES {
        true => format!("{}...", head.trim_end_matches('\u{fffd}')),
        false => head.into_owned(),
    }
}

/// The error of a source that stops at a malformed row.
pub(crate) fn stop(place: &str, position: u64, unit: &str, fault: &Fault) -> Error {
    Error::new(fault.state, format!("{place}, {unit} {position}: {}", fault.reason))
}
