//! Inequalities between time columns: what a predicate says of how far apart two points in time may
//! be.
//!
//! Every comparison of `column ± constant` with `column ± constant` is an edge `high >= low + gap`.
//! Following edges from columns that carry the watermark gives the columns that carry it as well,
//! each with its lag: from `b.ts >= w` and `a.expires >= b.ts` follows `a.expires >= w`.
//! Invariant: an edge holds for every row (or pair of rows) for which the predicate is true and
//! both columns are not NULL; nothing is concluded from a predicate that is not understood.

use arena_tr_types::{DataType, Func, Interval, Value};

use crate::logical::{Expr, ExprKind};
use crate::physical::TimeBound;
use crate::physical::lower::is_time;

/// `high >= low + gap`, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The later column.
    pub high: usize,
    /// The earlier column.
    pub low: usize,
    /// The least distance; negative when `high` may be earlier.
    pub gap: i64,
}

/// Both columns are equal but for a fixed distance: `high = low + gap`.
pub fn equal_edges(high: usize, low: usize, gap: i64) -> [Edge; 2] {
    [Edge { high, low, gap }, Edge { high: low, low: high, gap: -gap }]
}

/// Collects the edges of a predicate; of a conjunction, those of its arms.
pub fn edges(predicate: &Expr, out: &mut Vec<Edge>) {
    if let ExprKind::And(arms) = &predicate.kind {
        arms.iter().for_each(|arm| edges(arm, out));
        return;
    }
    let Some((func, left, right)) = predicate.as_binary() else { return };
    let Some((a, b, distance)) = sides(func, left, right) else { return };
    // The comparison now reads: a ? b + distance.
    let at_least = |gap| Edge { high: a, low: b, gap };
    let at_most = |gap: i64| Edge { high: b, low: a, gap: gap.saturating_neg() };
    match func {
        Func::GtEq => out.push(at_least(distance)),
        Func::Gt => out.push(at_least(distance.saturating_add(1))),
        Func::LtEq => out.push(at_most(distance)),
        Func::Lt => out.push(at_most(distance.saturating_sub(1))),
        Func::Eq | Func::IsNotDistinct => out.extend(equal_edges(a, b, distance)),
        _ => {}
    }
}

/// `left ? right` as `a ? b + distance` over two columns.
fn sides(_func: Func, left: &Expr, right: &Expr) -> Option<(usize, usize, i64)> {
    if let (Some((a, x)), Some((b, y))) = (point(left), point(right)) {
        return Some((a, b, y.checked_sub(x)?));
    }
    // A difference of two columns compared with a constant, on either side.
    if let (Some((a, b, shift)), Some(constant)) = (difference(left), length(right, false)) {
        return Some((a, b, constant.checked_sub(shift)?));
    }
    let ((a, b, shift), constant) = (difference(right)?, length(left, false)?);
    // constant ? a - b + shift  <=>  b ? a + (shift - constant)
    Some((b, a, shift.checked_sub(constant)?))
}

/// `column + constant`, as the column and the microseconds added.
pub fn point(expr: &Expr) -> Option<(usize, i64)> {
    if let ExprKind::Column(index) = expr.kind {
        return is_time(&expr.ty).then_some((index, 0));
    }
    let zoned = expr.ty == DataType::TimestampTz;
    match expr.as_binary()? {
        (Func::Add, a, b) => {
            let ((column, shift), more) = match length(b, zoned) {
                Some(more) => (point(a)?, more),
                None => (point(b)?, length(a, zoned)?),
            };
            Some((column, shift.checked_add(more)?))
        }
        (Func::Sub, a, b) => {
            let (column, shift) = point(a)?;
            Some((column, shift.checked_sub(length(b, zoned)?)?))
        }
        _ => None,
    }
}

/// `a + x - (b + y)` as `(a, b, x - y)`.
fn difference(expr: &Expr) -> Option<(usize, usize, i64)> {
    let (Func::Sub, left, right) = expr.as_binary()? else { return None };
    let ((a, x), (b, y)) = (point(left)?, point(right)?);
    Some((a, b, x.checked_sub(y)?))
}

/// The microseconds of an interval constant; none if it has months (or days, where days vary in
/// length).
fn length(expr: &Expr, zoned: bool) -> Option<i64> {
    match expr.as_literal()? {
        Value::Interval(Interval { months: 0, days, micros }) if *days == 0 || !zoned => {
            i64::from(*days).checked_mul(86_400_000_000)?.checked_add(*micros)
        }
        _ => None,
    }
}

/// The least lag of each column that follows from these bounds and edges, as `column -> lag`.
pub fn reach(width: usize, bounds: &[TimeBound], edges: &[Edge]) -> Vec<Option<i64>> {
    let mut lags = vec![None; width];
    for bound in bounds {
        lower(&mut lags, bound.column, bound.lag);
    }
    // A contradiction would lower lags forever; each column is on a path at most once.
    for _ in 0..edges.len().min(width) {
        let mut changed = false;
        for edge in edges {
            if let Some(Some(lag)) = lags.get(edge.low).copied() {
                changed |= lower(&mut lags, edge.high, lag.saturating_sub(edge.gap));
            }
        }
        if !changed {
            break;
        }
    }
    lags
}

fn lower(lags: &mut [Option<i64>], column: usize, lag: i64) -> bool {
    match lags.get_mut(column) {
        Some(slot) if slot.is_none_or(|old| lag < old) => {
            *slot = Some(lag);
            true
        }
        _ => false,
    }
}
