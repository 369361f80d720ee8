//! Dropping state that the watermark has passed, at a cost in proportion to what was added.
//!
//! A row of state is dropped once its time is below the watermark minus a lag. All rows are looked
//! at, but only when as many were added since the last look as it left behind: so each row pays for
//! a constant number of looks, and at most about half of what is kept is useless.
//!
//! Invariant: only rows whose time is below the bound are dropped; NULL is never below it.

use arena_tr_planner::physical::Forget;
use arena_tr_storage::StorageError;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::state::{GroupTable, RowLayout, StateVisitor, Visit};
use arena_tr_types::{DataType, Timestamp};

/// Fewer rows than this are not worth a look.
const MIN_ADDED: usize = 1024;
const DAY: i64 = 86_400_000_000;

/// When and what to drop.
#[derive(Debug)]
pub(crate) struct Forgetter {
    rule: Option<Forget>,
    /// Microseconds per unit of the column.
    unit: i64,
    added: usize,
    kept: usize,
    bound: Timestamp,
}

impl Forgetter {
    /// For rows with fields of these types; `rule.column` is one of them.
    pub(crate) fn new(rule: Option<Forget>, types: &[DataType]) -> Self {
        let date = rule.is_some_and(|r| types[r.column] == DataType::Date);
        let unit = if date { DAY } else { 1 };
        Self { rule, unit, added: 0, kept: 0, bound: Timestamp::MIN }
    }

    /// Rows were added.
    pub(crate) fn grew(&mut self, n: usize) {
        self.added += n;
    }

    /// The bound below which rows are dropped now, if it is time to look.
    pub(crate) fn bound(&mut self, watermark: Timestamp) -> Option<Timestamp> {
        let rule = self.rule?;
        let bound = watermark.saturating_sub(rule.lag);
        let end = watermark == Timestamp::MAX;
        if bound <= self.bound || (!end && self.added < MIN_ADDED.max(self.kept)) {
            return None;
        }
        self.bound = bound;
        Some(bound)
    }

    /// The bound below which rows are dropped, whenever it has moved: for state that need not be
    /// looked through.
    pub(crate) fn below(&mut self, watermark: Timestamp) -> Option<Timestamp> {
        let bound = watermark.saturating_sub(self.rule?.lag);
        if bound <= self.bound {
            return None;
        }
        self.bound = bound;
        Some(bound)
    }

    /// Whether a row is below the bound.
    pub(crate) fn is_gone(&self, layout: &RowLayout, row: &[u64], bound: Timestamp) -> bool {
        let Some(rule) = self.rule else { return false };
        !layout.is_null(row, rule.column)
            && layout.cell(row, rule.column)[0].cast_signed().saturating_mul(self.unit) < bound
    }

    /// The rows of a table to drop, if it is time to look. After dropping them:
    /// [`Forgetter::done`].
    pub(crate) fn due(&mut self, watermark: Timestamp, table: &GroupTable) -> Option<Vec<Addr>> {
        let bound = self.bound(watermark)?;
        let mut rows = Vec::new();
        table.scan(0, usize::MAX, &mut rows);
        rows.retain(|&addr| self.is_gone(table.layout(), table.row(addr), bound));
        Some(rows)
    }

    /// So many rows are left.
    pub(crate) fn done(&mut self, kept: usize) {
        self.added = 0;
        self.kept = kept;
    }
}

impl Visit for Forgetter {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.added.visit(visitor)?;
        self.kept.visit(visitor)?;
        self.bound.visit(visitor)
    }
}
