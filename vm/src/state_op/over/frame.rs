//! Frames: which rows of its partition each row looks at.
//!
//! Invariant: a frame lies within the row's partition; an empty one is `k..k`.

use std::ops::Range;

use arena_tr_planner::physical::{Frame, FrameBound, FrameUnits, SortKey};
use arena_tr_types::{SqlError, Value};

use super::range::Keys;
use super::sheet::Sheet;
use crate::state_op::sorted::Rows;

/// The frame of each row.
pub(super) fn frames(
    sheet: &Sheet,
    rows: &Rows,
    order: &[SortKey],
    frame: &Frame,
) -> Result<Vec<Range<usize>>, SqlError> {
    let offset = |b: &FrameBound| matches!(b, FrameBound::Preceding(_) | FrameBound::Following(_));
    let keys = match (frame.units, order.first()) {
        (FrameUnits::Range, Some(key)) if offset(&frame.start) || offset(&frame.end) => Some(
            Keys::new(rows.gather(key.column, &sheet.addrs), key, rows.layout.cells()[key.column]),
        ),
        _ => None,
    };
    let mut all = Vec::with_capacity(sheet.addrs.len());
    for p in sheet.partitions() {
        let values = keys.as_ref().map(|k| k.present(&p));
        for i in p.clone() {
            let edge = |bound: &FrameBound, end: bool| match (frame.units, &keys, &values) {
                (FrameUnits::Rows, ..) => Ok(by_rows(bound, i, &p, end)),
                (FrameUnits::Range, Some(keys), Some(values)) => match bound {
                    FrameBound::Preceding(by) if keys.is_present(i) => {
                        keys.edge(i, values, by, (true, end))
                    }
                    FrameBound::Following(by) if keys.is_present(i) => {
                        keys.edge(i, values, by, (false, end))
                    }
                    // A NULL is at no distance from anything but NULLs.
                    _ => Ok(by_groups(bound, i, &p, sheet, end, true)),
                },
                _ => Ok(by_groups(bound, i, &p, sheet, end, false)),
            };
            let start = edge(&frame.start, false)?;
            let end = edge(&frame.end, true)?;
            all.push(start.min(end)..end);
        }
    }
    // An empty frame may have come out as one that ends before it starts; it stays empty.
    Ok(all)
}

/// A number of rows or groups.
fn count(by: &Value) -> usize {
    let n = match by {
        Value::Int2(n) => i64::from(*n),
        Value::Int4(n) => i64::from(*n),
        Value::Int8(n) => *n,
        _ => 0,
    };
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// An edge of a ROWS frame: its first row, or the row behind its last.
fn by_rows(bound: &FrameBound, i: usize, p: &Range<usize>, end: bool) -> usize {
    let behind = usize::from(end);
    match bound {
        FrameBound::UnboundedPreceding => p.start,
        FrameBound::Preceding(by) => (i + behind).saturating_sub(count(by)).max(p.start),
        FrameBound::CurrentRow => i + behind,
        FrameBound::Following(by) => (i + behind).saturating_add(count(by)).min(p.end),
        FrameBound::UnboundedFollowing => p.end,
    }
}

/// An edge of a GROUPS frame, and of a RANGE frame without offset. `null`: the row's key is NULL,
/// so an offset leads to its peers.
fn by_groups(
    bound: &FrameBound,
    i: usize,
    p: &Range<usize>,
    sheet: &Sheet,
    end: bool,
    null: bool,
) -> usize {
    let first = sheet.group[p.start];
    let last = sheet.group[p.end - 1];
    let group = sheet.group[i] + usize::from(end);
    let at = match bound {
        FrameBound::UnboundedPreceding => return p.start,
        FrameBound::UnboundedFollowing => return p.end,
        FrameBound::CurrentRow => group,
        _ if null => group,
        FrameBound::Preceding(by) => group.saturating_sub(count(by)).max(first),
        FrameBound::Following(by) => group.saturating_add(count(by)).min(last + 1),
    };
    sheet.group_starts[at]
}
