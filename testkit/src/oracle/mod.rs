//! A logical plan over plain rows: no batches, no state, no cleverness.
//!
//! Every operator takes all rows of its inputs and gives all rows of its output; a join is two
//! loops, a group is a scan. What it cannot evaluate it says, so that a test never takes silence
//! for agreement.
//! Invariant: the result depends on the plan and the rows alone; it is the definition that views
//! are held to.

mod aggregate;
mod expr;
mod window;

use std::cmp::Ordering;

use arena_tr_planner::logical::{JoinKind, Node, Plan, RankFunc, SetOp, SortKey, TimeWindow};
use arena_tr_types::{RelationId, SqlError, Value};

pub use expr::eval;

/// A row.
pub type Row = Vec<Value>;

/// Gives the rows of a relation.
pub type Contents<'a> = &'a dyn Fn(RelationId) -> Vec<Row>;

/// The rows of a plan.
///
/// # Errors
/// What the query itself would give as an error, or that something is beyond the oracle.
pub fn rows(plan: &Plan, contents: Contents<'_>) -> Result<Vec<Row>, SqlError> {
    match &plan.node {
        Node::Scan { moment: Some(_), .. } => Err(beyond("FOR SYSTEM_TIME AS OF")),
        Node::Scan { relation, columns, moment: None } => {
            let all = contents(*relation);
            Ok(all.iter().map(|row| columns.iter().map(|c| row[*c].clone()).collect()).collect())
        }
        Node::Values { rows } => {
            rows.iter().map(|row| row.iter().map(|e| eval(e, &[])).collect()).collect()
        }
        Node::Filter { input, predicate } => {
            let mut out = Vec::new();
            for row in rows(input, contents)? {
                if eval(predicate, &row)? == Value::Bool(true) {
                    out.push(row);
                }
            }
            Ok(out)
        }
        Node::Project { input, exprs } => rows(input, contents)?
            .iter()
            .map(|row| exprs.iter().map(|e| eval(e, row)).collect())
            .collect(),
        Node::Join { left, right, kind, on } => {
            let (l, r) = (rows(left, contents)?, rows(right, contents)?);
            let width = (left.schema.len(), right.schema.len());
            join(&l, &r, width, *kind, |row| match on {
                Some(on) => eval(on, row),
                None => Ok(Value::Bool(true)),
            })
        }
        Node::Aggregate { input, group, aggs } => {
            aggregate::aggregate(&rows(input, contents)?, group, aggs)
        }
        Node::TimeWindow { input, time, window } => {
            Ok(time_window(&rows(input, contents)?, *time, window))
        }
        Node::Distinct { input } => Ok(distinct(rows(input, contents)?)),
        Node::Union { inputs } => {
            let parts: Result<Vec<_>, _> = inputs.iter().map(|i| rows(i, contents)).collect();
            Ok(parts?.concat())
        }
        Node::SetOp { left, right, op, all } => {
            Ok(set_op(rows(left, contents)?, rows(right, contents)?, *op, *all))
        }
        Node::TopN { input, partition, order, function, limit, offset, number } => {
            let input = rows(input, contents)?;
            Ok(top_n(input, partition, order, *function, *limit, *offset, *number))
        }
        Node::Over { input, partition, order, calls } => {
            window::over(&rows(input, contents)?, partition, order, calls)
        }
        Node::Sort { input, keys } => {
            let mut out = rows(input, contents)?;
            out.sort_by(|a, b| compare_by(a, b, keys));
            Ok(out)
        }
        Node::Limit { input, limit, offset } => {
            let skipped = rows(input, contents)?.into_iter().skip(*offset as usize);
            Ok(match limit {
                Some(limit) => skipped.take(*limit as usize).collect(),
                None => skipped.collect(),
            })
        }
        Node::Unnest { .. } => Err(beyond("UNNEST")),
    }
}

/// The error for what the oracle does not evaluate.
pub(crate) fn beyond(what: &str) -> SqlError {
    SqlError::unsupported(format!("{what} in the oracle"))
}

fn join(
    left: &[Row],
    right: &[Row],
    width: (usize, usize),
    kind: JoinKind,
    on: impl Fn(&[Value]) -> Result<Value, SqlError>,
) -> Result<Vec<Row>, SqlError> {
    let mut out = Vec::new();
    let mut right_matched = vec![false; right.len()];
    for l in left {
        let (mut matched, mut unknown) = (false, false);
        for (i, r) in right.iter().enumerate() {
            let pair: Row = l.iter().chain(r).cloned().collect();
            match on(&pair)? {
                Value::Bool(true) => {
                    matched = true;
                    right_matched[i] = true;
                    if matches!(
                        kind,
                        JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full
                    ) {
                        out.push(pair);
                    }
                }
                Value::Null => unknown = true,
                _ => {}
            }
        }
        match kind {
            JoinKind::Semi if matched => out.push(l.clone()),
            JoinKind::Anti if !matched => out.push(l.clone()),
            JoinKind::NullAwareAnti if !matched && !unknown => out.push(l.clone()),
            JoinKind::Left | JoinKind::Full if !matched => {
                out.push(l.iter().cloned().chain(vec![Value::Null; width.1]).collect());
            }
            _ => {}
        }
    }
    if matches!(kind, JoinKind::Right | JoinKind::Full) {
        for (r, _) in right.iter().zip(&right_matched).filter(|(_, matched)| !**matched) {
            out.push(vec![Value::Null; width.0].into_iter().chain(r.iter().cloned()).collect());
        }
    }
    Ok(out)
}

/// Whether two rows are the same to GROUP BY and DISTINCT: NULLs are equal.
pub(crate) fn same(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same_value(x, y))
}

pub(crate) fn same_value(a: &Value, b: &Value) -> bool {
    match (a.is_null(), b.is_null()) {
        (true, true) => true,
        (false, false) => a.cmp_sql(b) == Ordering::Equal,
        _ => false,
    }
}

fn distinct(input: Vec<Row>) -> Vec<Row> {
    let mut out: Vec<Row> = Vec::new();
    for row in input {
        if !out.iter().any(|seen| same(seen, &row)) {
            out.push(row);
        }
    }
    out
}

fn set_op(left: Vec<Row>, mut right: Vec<Row>, op: SetOp, all: bool) -> Vec<Row> {
    let mut out = Vec::new();
    let left = if all { left } else { distinct(left) };
    for row in left {
        let at = right.iter().position(|r| same(r, &row));
        if at.is_some() == (op == SetOp::Intersect) {
            out.push(row);
        }
        if let (Some(at), true) = (at, all) {
            right.remove(at);
        }
    }
    out
}

/// Orders two values as ORDER BY does.
pub(crate) fn compare_values(a: &Value, b: &Value, desc: bool, nulls_first: bool) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (false, true) => {
            if nulls_first {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, false) if desc => b.cmp_sql(a),
        (false, false) => a.cmp_sql(b),
    }
}

pub(crate) fn compare_by(a: &[Value], b: &[Value], keys: &[SortKey]) -> Ordering {
    keys.iter()
        .map(|k| compare_values(&a[k.column], &b[k.column], k.desc, k.nulls_first))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Groups rows by some columns, in order of first appearance.
pub(crate) fn partitions(input: Vec<Row>, by: &[usize]) -> Vec<Vec<Row>> {
    let key = |row: &Row| -> Row { by.iter().map(|c| row[*c].clone()).collect() };
    let mut out: Vec<(Row, Vec<Row>)> = Vec::new();
    for row in input {
        let k = key(&row);
        match out.iter_mut().find(|(other, _)| same(other, &k)) {
            Some((_, rows)) => rows.push(row),
            None => out.push((k, vec![row])),
        }
    }
    out.into_iter().map(|(_, rows)| rows).collect()
}

fn top_n(
    input: Vec<Row>,
    partition: &[usize],
    order: &[SortKey],
    function: RankFunc,
    limit: Option<u64>,
    offset: u64,
    number: bool,
) -> Vec<Row> {
    let mut out = Vec::new();
    for mut rows in partitions(input, partition) {
        rows.sort_by(|a, b| compare_by(a, b, order));
        let numbers = window::ranks(&rows, order, function);
        for (mut row, n) in rows.into_iter().zip(numbers) {
            let kept = n > offset && limit.is_none_or(|limit| n - offset <= limit);
            if kept {
                if number {
                    row.push(Value::Int8(n as i64));
                }
                out.push(row);
            }
        }
    }
    out
}

fn time_of(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(t) | Value::TimestampTz(t) => Some(*t),
        Value::Date(days) => Some(i64::from(*days) * 86_400_000_000),
        _ => None,
    }
}

fn like(value: &Value, time: i64) -> Value {
    if matches!(value, Value::TimestampTz(_)) {
        Value::TimestampTz(time)
    } else {
        Value::Timestamp(time)
    }
}

fn time_window(input: &[Row], time: usize, window: &TimeWindow) -> Vec<Row> {
    if let TimeWindow::Session { gap, partition } = window {
        return sessions(input, time, *gap, partition);
    }
    let mut out = Vec::new();
    for row in input {
        let Some(t) = time_of(&row[time]) else { continue };
        for (start, end) in windows_of(t, window) {
            let mut row = row.clone();
            let (start, end) = (like(&row[time], start), like(&row[time], end));
            row.extend([start, end]);
            out.push(row);
        }
    }
    out
}

/// All windows that hold a time.
fn windows_of(t: i64, window: &TimeWindow) -> Vec<(i64, i64)> {
    match *window {
        TimeWindow::Tumble { size, offset } => {
            let start = (t - offset).div_euclid(size) * size + offset;
            vec![(start, start + size)]
        }
        TimeWindow::Hop { slide, size, offset } => {
            let mut start = (t - offset).div_euclid(slide) * slide + offset;
            let mut out = Vec::new();
            while start + size > t {
                out.push((start, start + size));
                start -= slide;
            }
            out
        }
        TimeWindow::Cumulate { step, max, offset } => {
            let start = (t - offset).div_euclid(max) * max + offset;
            (1..=max / step)
                .map(|n| (start, start + n * step))
                .filter(|(_, end)| *end > t)
                .collect()
        }
        TimeWindow::Session { .. } => Vec::new(),
    }
}

fn sessions(input: &[Row], time: usize, gap: i64, partition: &[usize]) -> Vec<Row> {
    let timed: Vec<Row> = input.iter().filter(|r| time_of(&r[time]).is_some()).cloned().collect();
    let mut out = Vec::new();
    for mut rows in partitions(timed, partition) {
        rows.sort_by_key(|row| time_of(&row[time]));
        let mut at = 0;
        while at < rows.len() {
            let t = |i: usize| time_of(&rows[i][time]).unwrap_or(0);
            let mut last = at;
            while last + 1 < rows.len() && t(last + 1) - t(last) <= gap {
                last += 1;
            }
            let (start, end) = (t(at), t(last) + gap);
            for row in &rows[at..=last] {
                let mut row = row.clone();
                let (start, end) = (like(&row[time], start), like(&row[time], end));
                row.extend([start, end]);
                out.push(row);
            }
            at = last + 1;
        }
    }
    out
}
