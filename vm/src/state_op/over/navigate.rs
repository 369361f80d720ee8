//! Functions that number rows or look at another row.
//!
//! Invariant: a result is a value of the sheet's rows or a number; no arithmetic on values happens
//! here.

use std::ops::Range;

use arena_tr_planner::physical::WindowFunc;
use arena_tr_storage::column::{Column, ColumnBuilder, Fixed};
use arena_tr_types::{SqlError, SqlState};

use super::sheet::Sheet;
use crate::bytecode::OverCall;
use crate::state_op::sorted::Rows;

/// Whether a function looks at the frame.
pub(super) fn needs_frame(func: WindowFunc) -> bool {
    use WindowFunc as W;
    matches!(func, W::Agg(_) | W::FirstValue | W::LastValue | W::NthValue)
}

/// The results of a call that is no aggregate.
pub(super) fn evaluate(
    call: &OverCall,
    sheet: &Sheet,
    rows: &Rows,
    frames: &[Range<usize>],
    report: &mut dyn FnMut(usize, SqlError),
) -> Column {
    let n = sheet.addrs.len();
    let arg = |k: usize| call.args.get(k).map(|&column| rows.gather(column, &sheet.addrs));
    match call.func {
        WindowFunc::RowNumber => numbers(sheet, |p, i| (i - p.start) as i64 + 1),
        WindowFunc::Rank => numbers(sheet, |p, i| (sheet.peers(i).start - p.start) as i64 + 1),
        WindowFunc::DenseRank => {
            numbers(sheet, |p, i| (sheet.group[i] - sheet.group[p.start]) as i64 + 1)
        }
        WindowFunc::PercentRank => fractions(sheet, |p, i| match p.len() {
            1 => 0.0,
            n => (sheet.peers(i).start - p.start) as f64 / (n - 1) as f64,
        }),
        WindowFunc::CumeDist => {
            fractions(sheet, |p, i| (sheet.peers(i).end - p.start) as f64 / p.len() as f64)
        }
        WindowFunc::Ntile => ntile(sheet, arg(0).as_ref(), report),
        WindowFunc::Lag | WindowFunc::Lead => {
            let by = arg(1);
            let sign = if call.func == WindowFunc::Lag { -1 } else { 1 };
            shifted(sheet, arg(0), by.as_ref().map(|c| (c, sign)), sign, arg(2))
        }
        WindowFunc::FirstValue => pick(arg(0), None, (0..n).map(|i| first(&frames[i])), n),
        WindowFunc::LastValue => {
            let last = |i: usize| frames[i].end.checked_sub(1).filter(|k| frames[i].contains(k));
            pick(arg(0), None, (0..n).map(last), n)
        }
        WindowFunc::NthValue => {
            let nth = arg(1);
            let mut target = |i: usize| {
                let at = nth.as_ref().and_then(|c| int_at(c, i))?;
                if at <= 0 {
                    report(i, invalid("22016", "argument of nth_value must be greater than zero"));
                    return None;
                }
                let target = frames[i].start.checked_add(usize::try_from(at - 1).ok()?)?;
                frames[i].contains(&target).then_some(target)
            };
            let targets: Vec<Option<usize>> = (0..n).map(&mut target).collect();
            pick(arg(0), None, targets.into_iter(), n)
        }
        WindowFunc::Agg(_) => Column::nulls(call.ty.physical(), n),
    }
}

fn first(frame: &Range<usize>) -> Option<usize> {
    (!frame.is_empty()).then_some(frame.start)
}

fn invalid(state: &'static str, message: &str) -> SqlError {
    SqlError::new(SqlState(state), message)
}

fn int_at(column: &Column, i: usize) -> Option<i64> {
    match column {
        _ if column.is_null(i) => None,
        Column::I16(c) => Some(i64::from(c.values[i])),
        Column::I32(c) => Some(i64::from(c.values[i])),
        Column::I64(c) => Some(c.values[i]),
        _ => None,
    }
}

fn numbers(sheet: &Sheet, number: impl Fn(&Range<usize>, usize) -> i64) -> Column {
    let number = &number;
    let all = sheet.partitions().flat_map(|p| p.clone().map(move |i| number(&p, i)));
    Column::I64(Fixed::new(all.collect()))
}

fn fractions(sheet: &Sheet, fraction: impl Fn(&Range<usize>, usize) -> f64) -> Column {
    let fraction = &fraction;
    let all = sheet.partitions().flat_map(|p| p.clone().map(move |i| fraction(&p, i)));
    Column::F64(Fixed::new(all.collect()))
}

/// Buckets of nearly equal size, the larger ones first. The first row of a partition says how many.
fn ntile(sheet: &Sheet, count: Option<&Column>, report: &mut dyn FnMut(usize, SqlError)) -> Column {
    let mut out = ColumnBuilder::new(arena_tr_types::PhysicalType::I32, sheet.addrs.len());
    for p in sheet.partitions().filter(|p| !p.is_empty()) {
        let buckets = count.and_then(|c| int_at(c, p.start));
        if buckets.is_some_and(|b| b <= 0) {
            let error = || invalid("22014", "argument of ntile must be greater than zero");
            p.clone().for_each(|i| report(i, error()));
        }
        let Some(buckets) = buckets.filter(|&b| b > 0) else {
            p.for_each(|_| out.push_null());
            continue;
        };
        let n = p.len() as i64;
        let (size, larger) = (n / buckets, n % buckets);
        for k in 0..n {
            let in_larger = larger * (size + 1);
            let bucket =
                if k < in_larger { k / (size + 1) } else { larger + (k - in_larger) / size };
            // At most the number of buckets, which is an INTEGER.
            out.push_i32(bucket as i32 + 1);
        }
    }
    out.finish()
}

/// lag and lead: the value some rows away in the partition, else the default.
fn shifted(
    sheet: &Sheet,
    values: Option<Column>,
    by: Option<(&Column, i64)>,
    step: i64,
    default: Option<Column>,
) -> Column {
    let n = sheet.addrs.len();
    let mut targets: Vec<Option<usize>> = Vec::with_capacity(n);
    for p in sheet.partitions() {
        for i in p.clone() {
            let distance = match by {
                None => Some(step),
                Some((column, sign)) => int_at(column, i).map(|d| d.saturating_mul(sign)),
            };
            // Without a distance there is no row, and no default either.
            targets.push(distance.and_then(|d| {
                let target = i.checked_add_signed(isize::try_from(d).ok()?);
                let inside = target.filter(|t| p.contains(t));
                inside.or(default.is_some().then_some(n + i))
            }));
        }
    }
    pick(values, default, targets.into_iter(), n)
}

/// Row `t` of the values, row `t - n` of the defaults, or NULL.
fn pick(
    values: Option<Column>,
    default: Option<Column>,
    targets: impl Iterator<Item = Option<usize>>,
    n: usize,
) -> Column {
    let Some(values) = values else { return Column::nulls(arena_tr_types::PhysicalType::I64, n) };
    let physical = values.physical();
    let null = Column::nulls(physical, 1);
    let mut parts = vec![&values];
    parts.extend(default.as_ref());
    parts.push(&null);
    let all = Column::concat(physical, &parts);
    let nowhere = all.len() - 1;
    let rows: Vec<usize> = targets.map(|t| t.unwrap_or(nowhere)).collect();
    all.take(&rows)
}
