//! Comparisons: to BOOLEAN columns, and fused with selection.
//!
//! One function per type and operator fills a byte per row; a BOOLEAN column takes the bytes as
//! they are, a filter packs them to bits and writes the rows that stay, IS DISTINCT FROM corrects
//! the rows with NULLs. Floats are ordered as PostgreSQL orders them: NaN equals NaN and is greater
//! than all else.
//! Invariant: both arguments have one data type; loops over selected rows leave the other bytes as
//! they were: recycled bytes are 0 or 1 already, fresh ones are 0.

use std::cmp::Ordering;
use std::sync::Arc;

use arena_tr_storage::column::nested;
use arena_tr_storage::{Bitmap, StrColumn, View};
use arena_tr_types::value::{cmp_f32, cmp_f64};
use arena_tr_types::{DataType, Decimal, Func, Interval, Value};

use super::call::{Arg, Call, Cell, Values};
use super::logic::push_selected;
use super::row::Row;
use super::{Filter, Kernel};

/// Fills one byte per row: 1 where the comparison holds.
type Fill = Arc<dyn Fn(&Call<'_>, &mut [u8]) + Send + Sync>;

/// The comparisons that loops are written for; `>` and `>=` swap their arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Eq,
    NotEq,
    Lt,
    LtEq,
}

fn op_of(func: Func) -> Option<(Op, bool)> {
    Some(match func {
        Func::Eq => (Op::Eq, false),
        Func::NotEq => (Op::NotEq, false),
        Func::Lt => (Op::Lt, false),
        Func::LtEq => (Op::LtEq, false),
        Func::Gt => (Op::Lt, true),
        Func::GtEq => (Op::LtEq, true),
        _ => return None,
    })
}

/// The kernel of a comparison of two values of this type.
pub(super) fn resolve(func: Func, ty: &DataType) -> Option<Kernel> {
    match func {
        Func::IsDistinct => Some(distinct(fill_of(Op::NotEq, false, ty), 1)),
        Func::IsNotDistinct => Some(distinct(fill_of(Op::Eq, false, ty), 0)),
        _ => {
            let (op, swap) = op_of(func)?;
            let fill = fill_of(op, swap, ty);
            Some(Kernel::new(move |call, out, _| {
                let mut bytes = out.values::<u8>(call.rows);
                fill(call, &mut bytes);
                out.set(bytes, call.strict_validity());
            }))
        }
    }
}

/// The comparison fused with selection.
pub(super) fn resolve_filter(func: Func, ty: &DataType) -> Option<Filter> {
    const STACK_ROWS: usize = arena_tr_types::limits::BATCH_ROWS;
    if matches!(func, Func::IsDistinct | Func::IsNotDistinct) {
        return distinct_filter(func, ty);
    }
    let (op, swap) = op_of(func)?;
    let fill = fill_of(op, swap, ty);
    Some(Filter::new(move |call, rows| {
        let (mut stack, mut heap) = ([0; STACK_ROWS], Vec::new());
        let bytes = match stack.get_mut(..call.rows) {
            Some(bytes) => bytes,
            None => {
                heap.resize(call.rows, 0);
                &mut heap[..]
            }
        };
        fill(call, bytes);
        let validity = call.strict_validity();
        push_selected(bytes, validity.as_ref(), call.selection, rows);
    }))
}

fn distinct_filter(func: Func, ty: &DataType) -> Option<Filter> {
    let kernel = resolve(func, ty)?;
    Some(Filter::new(move |call, rows| {
        let mut column = arena_tr_storage::Column::Bool(arena_tr_storage::Fixed::default());
        let mut errors = super::RowErrors::new();
        kernel.run(call, &mut super::Out::new(&mut column), &mut errors);
        super::logic::select_true(Arg::Rows(&column), call.selection, rows);
    }))
}

/// IS [NOT] DISTINCT FROM: `differ` is the answer where exactly one side is NULL.
fn distinct(fill: Fill, differ: u8) -> Kernel {
    Kernel::new(move |call, out, _| {
        let mut bytes = out.values::<u8>(call.rows);
        fill(call, &mut bytes);
        if let Some(valid) = call.strict_validity() {
            for (i, byte) in bytes.iter_mut().enumerate() {
                if !valid.get(i) {
                    let both = call.is_null(0, i) && call.is_null(1, i);
                    *byte = differ ^ u8::from(both);
                }
            }
        }
        out.set(bytes, None);
    })
}

fn fill_of(op: Op, swap: bool, ty: &DataType) -> Fill {
    let fill = fill_unswapped(op, ty);
    if !swap {
        return fill;
    }
    Arc::new(move |call, bytes| {
        let args = [call.args[1], call.args[0]];
        fill(&Call { args: &args, ..*call }, bytes);
    })
}

fn fill_unswapped(op: Op, ty: &DataType) -> Fill {
    match ty {
        DataType::Bool => plain::<u8>(op),
        DataType::Int2 => plain::<i16>(op),
        DataType::Int4 | DataType::Date => plain::<i32>(op),
        DataType::Int8 | DataType::Time | DataType::Timestamp | DataType::TimestampTz => {
            plain::<i64>(op)
        }
        DataType::Float4 => float32(op),
        DataType::Float8 => float64(op),
        DataType::Numeric(_) => by_order(op, |a: &Decimal, b: &Decimal| cmp_decimal(*a, *b)),
        DataType::Interval => by_order(op, |a: &i128, b: &i128| {
            Interval::from_bits(*a).cmp_sql(Interval::from_bits(*b))
        }),
        DataType::Uuid => {
            by_order(op, |a: &i128, b: &i128| a.cast_unsigned().cmp(&b.cast_unsigned()))
        }
        DataType::Jsonb | DataType::List(_) | DataType::Struct(_) => {
            let ty = ty.clone();
            by_bytes(op, move |a, b| cmp_values(a, b, &ty))
        }
        DataType::Char(_) => by_bytes(op, |a, b| trim_blanks(a).cmp(trim_blanks(b))),
        _ => strings(op),
    }
}

/// Blanks at the end of a CHAR(n) do not count.
fn trim_blanks(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| *b != b' ').map_or(0, |i| i + 1);
    &bytes[..end]
}

/// Orders two numerics; decides by mantissa where scales agree.
#[inline]
pub(super) fn cmp_decimal(a: Decimal, b: Decimal) -> Ordering {
    if a.scale() == b.scale() && a.is_finite() && b.is_finite() {
        return a.mantissa().cmp(&b.mantissa());
    }
    a.cmp_sql(b)
}

/// Orders two encoded values of a type (JSONB, arrays, rows).
pub(super) fn cmp_values(a: &[u8], b: &[u8], ty: &DataType) -> Ordering {
    let value = |bytes: &[u8]| match ty {
        DataType::Jsonb => Value::Jsonb(String::from_utf8_lossy(bytes).into()),
        _ => nested::decode(bytes).unwrap_or(Value::Null),
    };
    if a == b { Ordering::Equal } else { value(a).cmp_sql(&value(b)) }
}

/// Orders two arguments (neither NULL) of one row.
pub(super) type RowOrder = fn(Row<'_>, usize, usize) -> Ordering;

/// The order of values of this type, argument against argument.
pub(super) fn row_order(ty: &DataType) -> RowOrder {
    match ty {
        DataType::Bool => |r, a, b| r.bool(a).cmp(&r.bool(b)),
        DataType::Int2 => |r, a, b| r.get::<i16>(a).cmp(&r.get(b)),
        DataType::Int4 | DataType::Date => |r, a, b| r.i32(a).cmp(&r.i32(b)),
        DataType::Int8 | DataType::Time | DataType::Timestamp | DataType::TimestampTz => {
            |r, a, b| r.i64(a).cmp(&r.i64(b))
        }
        DataType::Float4 => |r, a, b| cmp_f32(r.get(a), r.get(b)),
        DataType::Float8 => |r, a, b| cmp_f64(r.f64(a), r.f64(b)),
        DataType::Numeric(_) => |r, a, b| cmp_decimal(r.decimal(a), r.decimal(b)),
        DataType::Interval => |r, a, b| r.interval(a).cmp_sql(r.interval(b)),
        DataType::Uuid => {
            |r, a, b| r.get::<i128>(a).cast_unsigned().cmp(&r.get::<i128>(b).cast_unsigned())
        }
        DataType::Jsonb => |r, a, b| cmp_values(r.bytes(a), r.bytes(b), &DataType::Jsonb),
        DataType::List(_) | DataType::Struct(_) => {
            |r, a, b| cmp_values(r.bytes(a), r.bytes(b), &DataType::Unknown)
        }
        DataType::Char(_) => |r, a, b| trim_blanks(r.bytes(a)).cmp(trim_blanks(r.bytes(b))),
        _ => |r, a, b| r.bytes(a).cmp(r.bytes(b)),
    }
}

/// A dense loop over fixed-width values.
#[inline]
fn loop_fixed<T: Cell>(call: &Call<'_>, bytes: &mut [u8], f: impl Fn(T, T) -> bool) {
    match (call.values::<T>(0), call.values::<T>(1)) {
        (Values::Rows(a), Values::Rows(b)) => {
            bytes.iter_mut().zip(a.iter().zip(b)).for_each(|(s, (a, b))| *s = u8::from(f(*a, *b)));
        }
        (Values::Rows(a), Values::Const(b)) => {
            bytes.iter_mut().zip(a).for_each(|(s, a)| *s = u8::from(f(*a, b)));
        }
        (Values::Const(a), Values::Rows(b)) => {
            bytes.iter_mut().zip(b).for_each(|(s, b)| *s = u8::from(f(a, *b)));
        }
        (Values::Const(a), Values::Const(b)) => bytes.fill(u8::from(f(a, b))),
    }
}

fn plain<T: Cell + PartialOrd>(op: Op) -> Fill {
    match op {
        Op::Eq => Arc::new(|call, bytes| loop_fixed::<T>(call, bytes, |a, b| a == b)),
        Op::NotEq => Arc::new(|call, bytes| loop_fixed::<T>(call, bytes, |a, b| a != b)),
        Op::Lt => Arc::new(|call, bytes| loop_fixed::<T>(call, bytes, |a, b| a < b)),
        Op::LtEq => Arc::new(|call, bytes| loop_fixed::<T>(call, bytes, |a, b| a <= b)),
    }
}

macro_rules! floats {
    ($fn:ident, $t:ty) => {
        fn $fn(op: Op) -> Fill {
            #[inline]
            fn eq(a: $t, b: $t) -> bool {
                (a == b) | (a.is_nan() & b.is_nan())
            }
            #[inline]
            fn lt(a: $t, b: $t) -> bool {
                (a < b) | (b.is_nan() & !a.is_nan())
            }
            match op {
                Op::Eq => Arc::new(|call, bytes| loop_fixed(call, bytes, eq)),
                Op::NotEq => Arc::new(|call, bytes| loop_fixed(call, bytes, |a, b| !eq(a, b))),
                Op::Lt => Arc::new(|call, bytes| loop_fixed(call, bytes, lt)),
                Op::LtEq => Arc::new(|call, bytes| loop_fixed(call, bytes, |a, b| !lt(b, a))),
            }
        }
    };
}

floats!(float32, f32);
floats!(float64, f64);

fn holds(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::NotEq => order.is_ne(),
        Op::Lt => order.is_lt(),
        Op::LtEq => order.is_le(),
    }
}

/// Wider fixed-width values, by an ordering, selected rows only.
fn by_order<T: Cell>(op: Op, cmp: fn(&T, &T) -> Ordering) -> Fill {
    Arc::new(move |call, bytes| {
        let (a, b) = (call.values::<T>(0), call.values::<T>(1));
        for i in call.selection {
            bytes[i] = u8::from(holds(op, cmp(&a.get(i), &b.get(i))));
        }
    })
}

/// Encoded values, by an ordering, selected rows only.
fn by_bytes(op: Op, cmp: impl Fn(&[u8], &[u8]) -> Ordering + Send + Sync + 'static) -> Fill {
    Arc::new(move |call, bytes| {
        let valid = call.strict_validity();
        for i in call.selection {
            let known = valid.as_ref().is_none_or(|v: &Bitmap| v.get(i));
            bytes[i] = u8::from(known && holds(op, cmp(call.bytes(0, i), call.bytes(1, i))));
        }
    })
}

/// Text and byte strings, bytewise (the "C" collation).
fn strings(op: Op) -> Fill {
    match op {
        Op::Eq => Arc::new(|call, bytes| strings_equal(call, bytes, 1)),
        Op::NotEq => Arc::new(|call, bytes| strings_equal(call, bytes, 0)),
        Op::Lt | Op::LtEq => Arc::new(move |call, bytes| {
            let (a, b) = (call.strings(0), call.strings(1));
            for i in call.selection {
                let (i0, i1) = (call.args[0].index(i), call.args[1].index(i));
                bytes[i] = u8::from(holds(op, cmp_strings(a, i0, b, i1)));
            }
        }),
    }
}

/// Orders row `i` of `a` and row `j` of `b` bytewise; most pairs are decided by their prefixes.
#[inline]
pub(super) fn cmp_strings(a: &StrColumn, i: usize, b: &StrColumn, j: usize) -> Ordering {
    let (x, y) = (&a.views[i], &b.views[j]);
    let prefixes = u32::from_be_bytes(x.prefix()).cmp(&u32::from_be_bytes(y.prefix()));
    prefixes.then_with(|| a.bytes_of(x).cmp(b.bytes_of(y)))
}

fn strings_equal(call: &Call<'_>, bytes: &mut [u8], equal: u8) {
    let (a, b) = (call.strings(0), call.strings(1));
    let inline = |arg: Arg<'_>, strings: &StrColumn| match arg {
        Arg::Const(_) if strings.views[0].is_inline() => Some(strings.views[0]),
        _ => None,
    };
    // A short constant equals exactly the rows whose views are its view.
    let (views, constant) = match (inline(call.args[0], a), inline(call.args[1], b)) {
        (_, Some(view)) if !call.args[0].is_const() => (&a.views, view),
        (Some(view), _) if !call.args[1].is_const() => (&b.views, view),
        _ => {
            for i in call.selection {
                let (i0, i1) = (call.args[0].index(i), call.args[1].index(i));
                bytes[i] = u8::from(a.row_eq(i0, b, i1)) ^ equal ^ 1;
            }
            return;
        }
    };
    let words = constant.to_words();
    let same = |view: &View| {
        let [low, high] = view.to_words();
        ((low ^ words[0]) | (high ^ words[1])) == 0
    };
    for (slot, view) in bytes.iter_mut().zip(views.iter()) {
        *slot = u8::from(same(view)) ^ equal ^ 1;
    }
}

#[cfg(test)]
mod tests;
