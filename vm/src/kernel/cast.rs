//! Casts, as explicit casts make them: text that is too long is cut, numbers are rounded.
//!
//! Numbers to numbers are loops over slices, text to and from numbers and times goes through the
//! one reader and printer of each type, everything else through [`Value::cast`].
//! Invariant: a kernel exists exactly where a cast does, and gives what [`Value::cast`] gives.

use arena_tr_storage::Column;
use arena_tr_types::decimal::{Decimal, DecimalError};
use arena_tr_types::value as convert;
use arena_tr_types::{DataType, PhysicalType, SqlError, SqlState, Value, text as types_text, time};

use super::call::{Arg, Call, Cell};
use super::error::RowErrors;
use super::out::{Out, zero_nulls};
use super::row::{fixed, fixed_opt, text, values};
use super::{Kernel, dense, print, text as text_kernels};

/// The kernel that converts a value; `None` if there is no such cast.
pub(super) fn resolve(from: &DataType, to: &DataType, try_: bool) -> Option<Kernel> {
    convert::cast_context(from, to)?;
    let kernel = convert_kernel(from, to);
    Some(if try_ { null_on_error(kernel) } else { kernel })
}

fn convert_kernel(from: &DataType, to: &DataType) -> Kernel {
    if is_relabelling(from, to) {
        return Kernel::new(copy);
    }
    let special = match (from, to) {
        _ if to.is_text() => to_text(from, to),
        _ if from.is_text() || *from == DataType::Unknown => from_text(to),
        _ if from.is_numeric() && to.is_numeric() => number(from, to),
        _ => between_times(from, to),
    };
    special.unwrap_or_else(|| by_value(from, to))
}

fn by_value(from: &DataType, to: &DataType) -> Kernel {
    let (from, to) = (from.clone(), to.clone());
    let ret = to.clone();
    values(&ret, move |r| r.value(0, &from).cast(&to))
}

/// Whether the column stays as it is.
fn is_relabelling(from: &DataType, to: &DataType) -> bool {
    use DataType::{Numeric, Text, Timestamp, TimestampTz, Unknown, Varchar};
    match (from, to) {
        (_, Numeric(None)) => matches!(from, Numeric(_)),
        (Numeric(Some((p1, s1))), Numeric(Some((p2, s2)))) => p1 <= p2 && s1 == s2,
        (Text | Varchar(_) | Unknown, Text | Varchar(None) | Unknown) => true,
        (Varchar(Some(a)), Varchar(Some(b))) => a <= b,
        (Timestamp, TimestampTz) | (TimestampTz, Timestamp) => true,
        _ => from == to,
    }
}

fn copy(call: &Call<'_>, out: &mut Out<'_>, _: &mut RowErrors) {
    out.put(match call.args[0] {
        Arg::Rows(column) if column.len() == call.rows => column.clone(),
        Arg::Rows(column) => column.slice(0, call.rows),
        Arg::Const(column) => column.repeat(0, call.rows),
    });
}

/// The same kernel with NULL for every row that fails.
fn null_on_error(kernel: Kernel) -> Kernel {
    Kernel::new(move |call, out, _| {
        let mut failed = RowErrors::new();
        let mut column = Column::Bool(Default::default());
        kernel.run(call, &mut Out::new(&mut column), &mut failed);
        if !failed.is_empty() {
            column = without(column, &failed);
        }
        out.put(column);
    })
}

/// The column with NULL (and zero) in the rows that failed.
fn without(column: Column, failed: &RowErrors) -> Column {
    let mut valid = vec![true; column.len()];
    failed.rows().for_each(|row| valid[row] = false);
    let keep = arena_tr_storage::Bitmap::from_bools(valid);
    let validity = arena_tr_storage::Bitmap::both(column.validity(), Some(&keep));
    macro_rules! zeroed {
        ($($variant:ident),*) => {
            match column {
                $(Column::$variant(fixed) => {
                    let mut values = fixed.values.to_vec();
                    zero_nulls(&mut values, &keep);
                    Column::$variant(arena_tr_storage::Fixed { values: values.into(), validity })
                })*
                Column::Str(mut strings) => {
                    let mut views = strings.views.to_vec();
                    zero_nulls(&mut views, &keep);
                    strings.views = views.into();
                    strings.validity = validity;
                    Column::Str(strings)
                }
            }
        };
    }
    zeroed!(Bool, I16, I32, I64, F32, F64, Decimal, I128)
}

fn to_text(from: &DataType, to: &DataType) -> Option<Kernel> {
    let from = from.clone();
    let longest = match to {
        DataType::Varchar(Some(n)) | DataType::Char(n) => Some(*n as usize),
        _ => None,
    };
    let padded = matches!(to, DataType::Char(_));
    Some(text(move |r, out| {
        print::push_cast(r, 0, &from, out);
        let Some(longest) = longest else { return Ok(()) };
        // Only ASCII digits and signs, or text that was valid before: always UTF-8.
        let written = String::from_utf8_lossy(out.current()).into_owned();
        let cut = &written[..text_kernels::char_offset(&written, longest)];
        out.discard();
        out.push(cut);
        if padded {
            let missing = longest - text_kernels::char_count(cut);
            out.reserve(missing)?;
            (0..missing).for_each(|_| out.push(" "));
        }
        Ok(())
    }))
}

fn from_text(to: &DataType) -> Option<Kernel> {
    Some(match to {
        DataType::Bool => fixed(|r| types_text::parse_bool(r.str(0))),
        DataType::Int2 => fixed(|r| types_text::parse_i16(r.str(0))),
        DataType::Int4 => fixed(|r| types_text::parse_i32(r.str(0))),
        DataType::Int8 => fixed(|r| types_text::parse_i64(r.str(0))),
        DataType::Float4 => fixed(|r| types_text::parse_f32(r.str(0))),
        DataType::Float8 => fixed(|r| types_text::parse_f64(r.str(0))),
        DataType::Numeric(None) => fixed(|r| Decimal::parse(r.str(0))),
        DataType::Numeric(Some((precision, scale))) => {
            let (precision, scale) = (*precision, *scale);
            fixed(move |r| Decimal::parse_declared(r.str(0), precision, scale))
        }
        DataType::Date => fixed(|r| time::parse_date(r.str(0))),
        DataType::Time => fixed(|r| time::parse_time(r.str(0))),
        DataType::Timestamp => fixed(|r| time::parse_timestamp(r.str(0))),
        DataType::TimestampTz => fixed(|r| time::parse_timestamptz(r.str(0))),
        DataType::Interval => fixed(|r| time::Interval::parse(r.str(0))),
        DataType::Uuid => fixed(|r| Ok(types_text::parse_uuid(r.str(0))?.cast_signed())),
        DataType::Bytea => text(|r, out| {
            out.push_bytes(&types_text::parse_bytea(r.str(0))?);
            Ok(())
        }),
        DataType::Jsonb => text(|r, out| {
            out.push(&arena_tr_types::json::canonical(r.str(0))?);
            Ok(())
        }),
        _ => {
            let to = to.clone();
            let ret = to.clone();
            values(&ret, move |r| Value::parse(r.str(0), &to))
        }
    })
}

/// A conversion that always succeeds.
fn total<A: Cell, R: Cell>(f: impl Fn(A) -> R + Copy + Send + Sync + 'static) -> Kernel {
    Kernel::new(move |call, out, _| dense::unary::<A, R>(call, out, f))
}

/// A conversion that may fail.
fn partial<A: Cell, R: Cell, E: Into<SqlError>>(
    f: impl Fn(A) -> Result<R, E> + Copy + Send + Sync + 'static,
) -> Kernel {
    Kernel::new(move |call, out, errors| dense::sparse_unary::<A, R, E>(call, out, errors, f))
}

/// A narrower integer: the rows out of range are found by looking at the difference.
macro_rules! narrow {
    ($from:ty, $to:ty, $name:literal) => {
        Kernel::new(|call, out, errors| {
            let check = dense::Check {
                good: 0,
                bad: |flag: $from| flag != 0,
                fail: |_: $from| SqlError::out_of_range($name),
            };
            let cut = |a: $from| (a as $to, a ^ <$from>::from(a as $to));
            dense::checked_unary(call, out, errors, cut, &check);
        })
    };
}

fn number(from: &DataType, to: &DataType) -> Option<Kernel> {
    use PhysicalType::{F32, F64, I16, I32, I64};
    if let DataType::Numeric(declared) = to {
        return to_numeric(from.physical(), *declared);
    }
    Some(match (from.physical(), to.physical()) {
        (I16, I32) => total(|a: i16| i32::from(a)),
        (I16, I64) => total(|a: i16| i64::from(a)),
        (I32, I64) => total(|a: i32| i64::from(a)),
        (I32, I16) => narrow!(i32, i16, "smallint"),
        (I64, I16) => narrow!(i64, i16, "smallint"),
        (I64, I32) => narrow!(i64, i32, "integer"),
        (I16, F32) => total(|a: i16| f32::from(a)),
        (I16, F64) => total(|a: i16| f64::from(a)),
        (I32, F32) => total(|a: i32| a as f32),
        (I32, F64) => total(|a: i32| f64::from(a)),
        (I64, F32) => total(|a: i64| a as f32),
        (I64, F64) => total(|a: i64| a as f64),
        (F32, F64) => total(|a: f32| f64::from(a)),
        (F64, F32) => partial(convert::f64_to_f32),
        (F32, I16) => partial(convert::f32_to_i16),
        (F32, I32) => partial(convert::f32_to_i32),
        (F32, I64) => partial(convert::f32_to_i64),
        (F64, I16) => partial(convert::f64_to_i16),
        (F64, I32) => partial(convert::f64_to_i32),
        (F64, I64) => partial(convert::f64_to_i64),
        (PhysicalType::Decimal, I16) => partial(convert::decimal_to_i16),
        (PhysicalType::Decimal, I32) => partial(convert::decimal_to_i32),
        (PhysicalType::Decimal, I64) => partial(convert::decimal_to_i64),
        (PhysicalType::Decimal, F64) => total(Decimal::to_f64),
        _ => return None,
    })
}

fn to_numeric(from: PhysicalType, declared: Option<(u8, u8)>) -> Option<Kernel> {
    let fit = move |value: Decimal| match declared {
        Some((precision, scale)) => value.to_declared(precision, scale),
        None => Ok(value),
    };
    Some(match (from, declared) {
        (PhysicalType::I16, None) => total(|a: i16| Decimal::from_i64(a.into())),
        (PhysicalType::I32, None) => total(|a: i32| Decimal::from_i64(a.into())),
        (PhysicalType::I64, None) => total(Decimal::from_i64),
        (PhysicalType::I16, _) => partial(move |a: i16| fit(Decimal::from_i64(a.into()))),
        (PhysicalType::I32, _) => partial(move |a: i32| fit(Decimal::from_i64(a.into()))),
        (PhysicalType::I64, _) => partial(move |a: i64| fit(Decimal::from_i64(a))),
        (PhysicalType::F32, None) => partial::<_, _, DecimalError>(Decimal::from_f32),
        (PhysicalType::F64, None) => partial::<_, _, DecimalError>(Decimal::from_f64),
        (PhysicalType::F32, _) => partial(move |a: f32| fit(Decimal::from_f32(a)?)),
        (PhysicalType::F64, _) => partial(move |a: f64| fit(Decimal::from_f64(a)?)),
        (PhysicalType::Decimal, _) => partial(fit),
        _ => return None,
    })
}

fn between_times(from: &DataType, to: &DataType) -> Option<Kernel> {
    use DataType::{Bool, Date, Int4, Interval, Time, Timestamp, TimestampTz};
    Some(match (from, to) {
        (Bool, Int4) => total(|a: u8| i32::from(a)),
        (Int4, Bool) => total(|a: i32| u8::from(convert::bool_from_i32(a))),
        (Date, Timestamp | TimestampTz) => partial(time::date_to_timestamp),
        (Timestamp | TimestampTz, Date) => total(time::timestamp_to_date),
        (Timestamp | TimestampTz, Time) => fixed_opt(|r| Ok(time::timestamp_to_time(r.i64(0)))),
        (Time, Interval) => total(|a: i64| time::Interval::from_micros(a).to_bits()),
        (Interval, Time) => {
            total(|a: i128| convert::interval_to_time(time::Interval::from_bits(a)))
        }
        _ => return None,
    })
}

/// `cannot cast type A to B`, for callers that found no kernel.
pub fn no_cast(from: &DataType, to: &DataType) -> SqlError {
    SqlError::new(SqlState::CANNOT_COERCE, format!("cannot cast type {from} to {to}"))
}

#[cfg(test)]
mod tests;
