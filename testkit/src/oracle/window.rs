//! Window functions by looking at the whole partition for every row.
//!
//! Invariant: a frame is found by asking each row of the partition whether it is in it.

use arena_tr_planner::logical::{
    Frame, FrameBound, FrameUnits, RankFunc, SortKey, WindowCall, WindowFunc,
};
use arena_tr_types::{SqlError, Value};

use super::{Row, aggregate, beyond, compare_by, eval, partitions};

/// Each row with one more column per call.
pub(super) fn over(
    input: &[Row],
    partition: &[usize],
    order: &[SortKey],
    calls: &[WindowCall],
) -> Result<Vec<Row>, SqlError> {
    let mut out = Vec::new();
    for mut rows in partitions(input.to_vec(), partition) {
        rows.sort_by(|a, b| compare_by(a, b, order));
        for at in 0..rows.len() {
            let mut row = rows[at].clone();
            for call in calls {
                row.push(one(call, &rows, at, order)?);
            }
            out.push(row);
        }
    }
    Ok(out)
}

/// The numbers of sorted rows.
pub(super) fn ranks(rows: &[Row], order: &[SortKey], function: RankFunc) -> Vec<u64> {
    let mut out: Vec<u64> = Vec::new();
    for at in 0..rows.len() {
        let peer = at > 0 && compare_by(&rows[at - 1], &rows[at], order).is_eq();
        out.push(match function {
            RankFunc::RowNumber => at as u64 + 1,
            RankFunc::Rank if peer => out[at - 1],
            RankFunc::Rank => at as u64 + 1,
            RankFunc::DenseRank if peer => out[at - 1],
            RankFunc::DenseRank => out.last().map_or(1, |last| last + 1),
        });
    }
    out
}

fn one(call: &WindowCall, rows: &[Row], at: usize, order: &[SortKey]) -> Result<Value, SqlError> {
    let rank = |function| Value::Int8(ranks(rows, order, function)[at] as i64);
    let frame: Vec<usize> = (0..rows.len())
        .map(|i| in_frame(&call.frame, rows, at, i, order).map(|inside| (i, inside)))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .filter_map(|(i, inside)| inside.then_some(i))
        .collect();
    let arg = |row: &Row| call.args.first().map_or(Ok(Value::Bool(true)), |a| eval(a, row));
    let at_frame = |i: Option<&usize>| i.map_or(Ok(Value::Null), |i| arg(&rows[*i]));
    match call.func {
        WindowFunc::RowNumber => Ok(rank(RankFunc::RowNumber)),
        WindowFunc::Rank => Ok(rank(RankFunc::Rank)),
        WindowFunc::DenseRank => Ok(rank(RankFunc::DenseRank)),
        WindowFunc::FirstValue => at_frame(frame.first()),
        WindowFunc::LastValue => at_frame(frame.last()),
        WindowFunc::Lag => shifted(call, rows, at, -1),
        WindowFunc::Lead => shifted(call, rows, at, 1),
        WindowFunc::Agg(func) => {
            let mut values = Vec::new();
            for i in frame {
                let counts = match &call.filter {
                    Some(filter) => eval(filter, &rows[i])? == Value::Bool(true),
                    None => true,
                };
                if counts {
                    values.push(arg(&rows[i])?);
                }
            }
            aggregate::of_values(func, &values, None, &call.ty)
        }
        _ => Err(beyond("this window function")),
    }
}

fn shifted(call: &WindowCall, rows: &[Row], at: usize, sign: i64) -> Result<Value, SqlError> {
    let distance = match call.args.get(1) {
        Some(arg) => match eval(arg, &rows[at])? {
            Value::Int4(n) => i64::from(n),
            Value::Int8(n) => n,
            _ => return Ok(Value::Null),
        },
        None => 1,
    };
    let target = at as i64 + sign * distance;
    match usize::try_from(target).ok().and_then(|i| rows.get(i)) {
        Some(row) => eval(&call.args[0], row),
        None => call.args.get(2).map_or(Ok(Value::Null), |default| eval(default, &rows[at])),
    }
}

fn in_frame(
    frame: &Frame,
    rows: &[Row],
    at: usize,
    i: usize,
    order: &[SortKey],
) -> Result<bool, SqlError> {
    let peers = compare_by(&rows[i], &rows[at], order).is_eq();
    let offset = |v: &Value| match v {
        Value::Int4(n) => Ok(i64::from(*n)),
        Value::Int8(n) => Ok(*n),
        _ => Err(beyond("a frame offset of this type")),
    };
    // Distance from the current row: rows, or groups of peers.
    let distance = match frame.units {
        FrameUnits::Rows => i as i64 - at as i64,
        FrameUnits::Groups => {
            let groups = ranks(rows, order, RankFunc::DenseRank);
            groups[i] as i64 - groups[at] as i64
        }
        FrameUnits::Range => {
            let bounded =
                |b: &FrameBound| matches!(b, FrameBound::Preceding(_) | FrameBound::Following(_));
            if bounded(&frame.start) || bounded(&frame.end) {
                return Err(beyond("RANGE with an offset"));
            }
            if peers { 0 } else { i as i64 - at as i64 }
        }
    };
    let after_start = match &frame.start {
        FrameBound::UnboundedPreceding => true,
        FrameBound::Preceding(n) => distance >= -offset(n)?,
        FrameBound::CurrentRow => distance >= 0,
        FrameBound::Following(n) => distance >= offset(n)?,
        FrameBound::UnboundedFollowing => false,
    };
    let before_end = match &frame.end {
        FrameBound::UnboundedPreceding => false,
        FrameBound::Preceding(n) => distance <= -offset(n)?,
        FrameBound::CurrentRow => distance <= 0,
        FrameBound::Following(n) => distance <= offset(n)?,
        FrameBound::UnboundedFollowing => true,
    };
    Ok(after_start && before_end)
}
