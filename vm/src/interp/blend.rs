//! `blend`: for each row the value of the arm that has it. What CASE, COALESCE and guarded AND and
//! OR end in.
//!
//! Invariant: arms' selections are disjoint; a row in none is NULL.

use arena_tr_storage::column::BitmapBuilder;
use arena_tr_storage::{Bitmap, Column, Fixed, Selection};
use arena_tr_types::{PhysicalType, SqlError};

use super::machine::{Cx, Machine};
use super::pure::arg;
use super::{Flow, Step};
use crate::kernel::{Arg, Cell, Out};

pub(super) fn blend(m: &mut Machine, step: &Step, cx: &Cx<'_>) -> Result<Flow, SqlError> {
    let mut register = m.frame.take(step.inst.dst);
    let rows = m.frame.rows;
    let arms: Vec<(Arg<'_>, &Selection)> = step
        .args
        .iter()
        .zip(&step.arms)
        .map(|(&val, &sel)| (arg(&m.frame, cx, val), m.frame.sel(sel)))
        .collect();
    let mut out = Out::new(&mut register);
    match arms.first().map(|(arg, _)| arg.column().physical()) {
        None | Some(PhysicalType::Str) => out.put(blend_strings(&arms, rows)),
        Some(PhysicalType::Bool) => blend_fixed::<u8>(&arms, rows, &mut out),
        Some(PhysicalType::I16) => blend_fixed::<i16>(&arms, rows, &mut out),
        Some(PhysicalType::I32) => blend_fixed::<i32>(&arms, rows, &mut out),
        Some(PhysicalType::I64) => blend_fixed::<i64>(&arms, rows, &mut out),
        Some(PhysicalType::F32) => blend_fixed::<f32>(&arms, rows, &mut out),
        Some(PhysicalType::F64) => blend_fixed::<f64>(&arms, rows, &mut out),
        Some(PhysicalType::Decimal) => {
            blend_fixed::<arena_tr_types::Decimal>(&arms, rows, &mut out)
        }
        Some(PhysicalType::I128) => blend_fixed::<i128>(&arms, rows, &mut out),
    }
    m.frame.regs[usize::from(step.inst.dst)] = register;
    Ok(Flow::Next)
}

fn blend_fixed<T: Cell>(arms: &[(Arg<'_>, &Selection)], rows: usize, out: &mut Out<'_>) {
    let mut values = out.zeroed::<T>(rows);
    for (arg, selection) in arms {
        let Some(Fixed { values: from, .. }) = T::of(arg.column()) else { continue };
        match arg {
            Arg::Rows(_) => selection.iter().for_each(|i| values[i] = from[i]),
            Arg::Const(_) => selection.iter().for_each(|i| values[i] = from[0]),
        }
    }
    let validity = blend_validity(arms, rows);
    out.set(values, validity);
}

/// Rows that an arm has and whose value there is not NULL; `None` if that is all rows.
fn blend_validity(arms: &[(Arg<'_>, &Selection)], rows: usize) -> Option<Bitmap> {
    let covered: usize = arms.iter().map(|(_, selection)| selection.len()).sum();
    let no_nulls = arms.iter().all(|(arg, _)| arg.column().validity().is_none());
    if covered == rows && no_nulls {
        return None;
    }
    let mut valid = vec![false; rows];
    for (arg, selection) in arms {
        selection.iter().for_each(|i| valid[i] = !arg.is_null(i));
    }
    let mut bits = BitmapBuilder::with_capacity(rows);
    valid.into_iter().for_each(|bit| bits.push(bit));
    bits.finish_validity()
}

/// Strings are gathered from the arms' columns laid end to end, with a NULL behind them.
fn blend_strings(arms: &[(Arg<'_>, &Selection)], rows: usize) -> Column {
    let null = Column::nulls(PhysicalType::Str, 1);
    let mut columns: Vec<&Column> = arms.iter().map(|(arg, _)| arg.column()).collect();
    columns.push(&null);
    let all = Column::concat(PhysicalType::Str, &columns);
    let mut index = vec![(all.len() - 1) as u32; rows];
    let mut base = 0;
    for (arg, selection) in arms {
        selection.iter().for_each(|i| index[i] = (base + arg.index(i)) as u32);
        base += arg.column().len();
    }
    all.take(&index)
}
