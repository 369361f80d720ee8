//! Columns of a join: what is kept of each side, and how joined rows are put together.
//!
//! Columns of the delta are gathered from its batch (strings are shared), those of the other side
//! from packed rows of state. Only columns that the output or the residual condition needs are kept
//! at all.
//!
//! Invariant: a batch has the columns of the output in its order, or all columns of both sides for
//! candidates.

use arena_tr_planner::physical::JoinKind;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::batch::Batch;
use arena_tr_storage::column::Column;
use arena_tr_storage::state::{JoinIndex, RowReader};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, Field, PhysicalType};

use super::super::live::weighted;
use super::JoinSpec;

const DAY: i64 = 86_400_000_000;

/// Columns of a join.
#[derive(Debug)]
pub(super) struct Shape {
    kind: JoinKind,
    n_left: usize,
    types: Vec<DataType>,
    output: Vec<usize>,
    /// Per side the input columns that are kept.
    kept: [Vec<usize>; 2],
    /// The columns (left, then right) of candidates that are made.
    candidates: Option<Vec<usize>>,
    /// NULLs for columns that nobody reads, a batch long, by column (left, then right).
    nulls: Vec<Column>,
}

impl Shape {
    pub(super) fn new(left: &[Field], right: &[Field], spec: &JoinSpec) -> Self {
        let n_left = left.len();
        let types: Vec<DataType> = left.iter().chain(right).map(|f| f.data_type.clone()).collect();
        let mut needed = spec.output.clone();
        needed.extend(spec.residual.iter().flatten());
        needed.extend(spec.left_forget.map(|f| f.column));
        needed.extend(spec.right_forget.map(|f| n_left + f.column));
        needed.sort_unstable();
        needed.dedup();
        let (kept_left, kept_right): (Vec<usize>, Vec<usize>) =
            needed.into_iter().partition(|&c| c < n_left);
        let kept = [kept_left, kept_right.into_iter().map(|c| c - n_left).collect()];
        let physical: Vec<PhysicalType> = types.iter().map(DataType::physical).collect();
        let nulls = physical.iter().map(|&p| Column::nulls(p, BATCH_ROWS)).collect();
        Self {
            kind: spec.kind,
            n_left,
            types,
            output: spec.output.clone(),
            kept,
            candidates: spec.residual.clone(),
            nulls,
        }
    }

    /// Whether a row with so many matches is shown by itself (padded, or as a semi or anti join's
    /// row).
    #[inline]
    pub(super) fn shows(&self, degree: i64) -> bool {
        (degree > 0) == (self.kind == JoinKind::Semi)
    }

    /// Whether pairs are output.
    pub(super) fn has_pairs(&self) -> bool {
        matches!(self.kind, JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full)
    }

    pub(super) fn has_residual(&self) -> bool {
        self.candidates.is_some()
    }

    /// Types of what is kept of a side.
    pub(super) fn field_types(&self, side: usize) -> Vec<DataType> {
        self.kept[side].iter().map(|&c| self.types[self.position(side, c)].clone()).collect()
    }

    /// The kept field of an input column that carries time, and the microseconds of its unit.
    pub(super) fn time_field(&self, side: usize, column: usize) -> (usize, i64) {
        let unit = if self.types[self.position(side, column)] == DataType::Date { DAY } else { 1 };
        (self.field(side, column).expect("columns of time are kept"), unit)
    }

    /// Position of a side's column among left, then right columns.
    fn position(&self, side: usize, column: usize) -> usize {
        if side == 0 { column } else { self.n_left + column }
    }

    /// Side and input column of a position.
    fn source(&self, position: usize) -> (usize, usize) {
        if position < self.n_left { (0, position) } else { (1, position - self.n_left) }
    }

    fn field(&self, side: usize, column: usize) -> Option<usize> {
        self.kept[side].iter().position(|&c| c == column)
    }

    /// The kept columns of a delta.
    pub(super) fn fields<'a>(&self, side: usize, batch: &'a Batch) -> Vec<&'a Column> {
        self.kept[side].iter().map(|&c| &batch.columns[c]).collect()
    }

    fn null_column(&self, position: usize, n: usize) -> Column {
        self.nulls[position].slice(0, n)
    }

    /// A column of pairs: of the delta's rows or of the other side's rows of state.
    fn pair_column(
        &self,
        delta_side: usize,
        batch: &Batch,
        (own, other): (&[u16], &RowReader<'_>),
        position: usize,
    ) -> Column {
        let (side, column) = self.source(position);
        if side == delta_side {
            let column = &batch.columns[column];
            // PERF: often every row of the delta has one partner.
            return if is_whole(own, batch.rows()) { column.clone() } else { column.take(own) };
        }
        match self.field(side, column) {
            Some(field) => other.column(field),
            None => self.null_column(position, own.len()),
        }
    }

    /// Candidates: all columns of both sides, NULL where nobody reads.
    pub(super) fn candidates(
        &self,
        index: &JoinIndex,
        side: usize,
        batch: &Batch,
        rows: &[u16],
        (own, other): (&[u32], &[Addr]),
    ) -> Batch {
        let own: Vec<u16> = own.iter().map(|&k| rows[k as usize]).collect();
        let needed = self.candidates.as_deref().unwrap_or(&[]);
        let reader = index.sides[1 - side].reader(other);
        let columns = (0..self.types.len()).map(|position| {
            if needed.contains(&position) {
                self.pair_column(side, batch, (&own, &reader), position)
            } else {
                self.null_column(position, other.len())
            }
        });
        Batch::new(columns.collect(), other.len())
    }

    /// Joined rows; without weights all have weight 1.
    pub(super) fn pairs(
        &self,
        side: usize,
        batch: &Batch,
        (own, other): (&[u16], &RowReader<'_>),
        weights: Option<&[i64]>,
    ) -> Batch {
        let column = |&p: &usize| self.pair_column(side, batch, (own, other), p);
        let columns = self.output.iter().map(column).collect();
        match weights {
            Some(weights) => weighted(columns, weights),
            None => Batch::new(columns, own.len()),
        }
    }

    /// Rows of a delta without a partner.
    pub(super) fn alone(&self, side: usize, batch: &Batch, rows: &[(u16, i64)]) -> Batch {
        let (rows, weights): (Vec<u16>, Vec<i64>) = rows.iter().copied().unzip();
        let columns = self.output.iter().map(|&position| match self.source(position) {
            (s, column) if s == side => batch.columns[column].take(&rows),
            _ => self.null_column(position, rows.len()),
        });
        weighted(columns.collect(), &weights)
    }

    /// Rows of state shown by themselves.
    pub(super) fn alone_in_state(
        &self,
        index: &JoinIndex,
        side: usize,
        addrs: &[Addr],
        weights: &[i64],
    ) -> Batch {
        let columns = self.output.iter().map(|&position| match self.source(position) {
            (s, column) if s == side => match self.field(s, column) {
                Some(field) => index.sides[s].gather(field, addrs),
                None => self.null_column(position, addrs.len()),
            },
            _ => self.null_column(position, addrs.len()),
        });
        weighted(columns.collect(), weights)
    }
}

/// Whether these are all rows of a batch, each once and in order.
#[inline]
fn is_whole(rows: &[u16], n: usize) -> bool {
    rows.len() == n && rows.iter().zip(0u16..).all(|(&row, i)| row == i)
}
