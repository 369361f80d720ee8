//! Fields, truncation and construction of dates and times.
//!
//! A constant field name is read once per batch. Truncation to days and below, and the start of a
//! tumbling window, are plain loops.
//! Invariant: the session's time zone is UTC; nothing here reads a clock but the epoch's time in
//! the call.

use arena_tr_types::decimal::Decimal;
use arena_tr_types::time::{
    self, DateField, Interval, MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MILLI,
    MICROS_PER_MINUTE, MICROS_PER_SEC, TIMESTAMP_END, TIMESTAMP_INFINITY, TIMESTAMP_MIN,
    TIMESTAMP_NEG_INFINITY, is_infinite, is_infinite_date,
};
use arena_tr_types::{DataType, Func, SqlError, SqlState, Timestamp};

use super::call::{Arg, Call};
use super::dense::{self, Check};
use super::error::RowErrors;
use super::out::Out;
use super::row::{Row, fixed, fixed_lenient, fixed_opt};
use super::zone;
use super::{Kernel, row::RowResult};

/// The kernel of a function of dates, times and intervals.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    use DataType::{Date, Interval, Time, Timestamp, TimestampTz};
    Some(match (func, args) {
        (Func::DateTrunc, [_, Timestamp]) => date_trunc(Timestamp),
        (Func::DateTrunc, [_, TimestampTz]) => date_trunc(TimestampTz),
        (Func::DateTrunc, [_, TimestampTz, _]) => fixed(|r| {
            let field = DateField::parse_for(r.str(0), &TimestampTz)?;
            let shift = zone::offset_micros(r.str(2))?;
            let local = time::trunc_timestamp(field, shifted(r.i64(1), shift)?)?;
            shifted(local, -shift)
        }),
        (Func::DateTrunc, [_, Interval]) => fixed(|r| {
            time::trunc_interval(DateField::parse_for(r.str(0), &Interval)?, r.interval(1))
        }),
        (Func::RoundTime, [ty, _]) => round_time(ty),
        (Func::Extract, [_, ty]) => extract(ty)?,
        (Func::DatePart, [_, ty]) => date_part(ty)?,
        (Func::DateBin, [..]) => fixed(|r| time::date_bin(r.interval(0), r.i64(1), r.i64(2))),
        (Func::MakeDate, _) => fixed(|r| make_date(r.i32(0), r.i32(1), r.i32(2))),
        (Func::MakeTime, _) => fixed(|r| make_time(r.i32(0), r.i32(1), r.f64(2))),
        (Func::MakeTimestamp | Func::MakeTimestampTz, _) => fixed(make_timestamp),
        (Func::MakeInterval, _) => fixed(make_interval),
        (Func::Age, [_, _]) => fixed(|r| time::age(r.i64(0), r.i64(1))),
        (Func::Age, [_]) => fixed(|r| {
            let today = r.now().div_euclid(MICROS_PER_DAY).saturating_mul(MICROS_PER_DAY);
            time::age(today, r.i64(0))
        }),
        (Func::JustifyHours, _) => fixed(|r| r.interval(0).justify_hours()),
        (Func::JustifyDays, _) => fixed(|r| r.interval(0).justify_days()),
        (Func::JustifyInterval, _) => fixed(|r| r.interval(0).justify_interval()),
        (Func::IsFinite, [Date]) => fixed(|r| Ok(!is_infinite_date(r.i32(0)))),
        (Func::IsFinite, [Timestamp | TimestampTz]) => fixed(|r| Ok(!is_infinite(r.i64(0)))),
        (Func::IsFinite, [Interval]) => fixed(|_| Ok(true)),
        (Func::TimeZone, [zone, value]) => time_zone(zone, value)?,
        (Func::Overlaps, [Timestamp, Interval, ..]) => fixed_lenient(|r| {
            let end = |k: usize| {
                if r.is_null(k) || r.is_null(k + 1) {
                    return Ok(None);
                }
                time::timestamp_plus_interval(r.i64(k), r.interval(k + 1)).map(Some)
            };
            let start = |k: usize| (!r.is_null(k)).then(|| r.i64(k));
            Ok(overlaps([start(0), end(0)?, start(2), end(2)?]))
        }),
        (Func::Overlaps, [Timestamp | TimestampTz | Time, ..]) => {
            fixed_lenient(|r| Ok(overlaps([0, 1, 2, 3].map(|k| (!r.is_null(k)).then(|| r.i64(k))))))
        }
        (Func::WindowStart, _) => Kernel::new(window_start),
        (Func::ToTimestamp, [DataType::Float8]) => fixed(|r| from_epoch_seconds(r.f64(0))),
        _ => return None,
    })
}

/// Length of a field that is a fixed number of microseconds.
fn fixed_step(field: DateField) -> Option<i64> {
    Some(match field {
        DateField::Millisecond => MICROS_PER_MILLI,
        DateField::Second => MICROS_PER_SEC,
        DateField::Minute => MICROS_PER_MINUTE,
        DateField::Hour => MICROS_PER_HOUR,
        DateField::Day => MICROS_PER_DAY,
        _ => return None,
    })
}

/// The text of a constant argument, if it is one and not NULL.
fn constant_text<'a>(call: &Call<'a>, k: usize) -> Option<&'a str> {
    match call.args[k] {
        Arg::Const(column) if !column.is_null(0) => Some(call.text(k, 0)),
        _ => None,
    }
}

/// A cast to a type with a precision.
fn round_time(ty: &DataType) -> Kernel {
    match ty {
        DataType::Interval => fixed(|r| time::round_interval(r.interval(0), r.i32(1))),
        DataType::Time => fixed(|r| time::round_micros(r.i64(0), r.i32(1))),
        _ => fixed(|r| time::round_timestamp(r.i64(0), r.i32(1))),
    }
}

fn date_trunc(ty: DataType) -> Kernel {
    let slow = {
        let ty = ty.clone();
        fixed(move |r| time::trunc_timestamp(DateField::parse_for(r.str(0), &ty)?, r.i64(1)))
    };
    Kernel::new(move |call, out, errors| {
        let field = constant_text(call, 0).and_then(|name| DateField::parse_for(name, &ty).ok());
        let Some(field) = field else { return slow.run(call, out, errors) };
        let args = [call.args[1]];
        let call = Call { args: &args, ..*call };
        match fixed_step(field) {
            Some(step) => dense::unary(&call, out, |t: i64| {
                if is_infinite(t) { t } else { t.wrapping_sub(t.rem_euclid(step)) }
            }),
            None => {
                dense::sparse_unary(&call, out, errors, |t: i64| time::trunc_timestamp(field, t));
            }
        }
    })
}

/// One field of one value, as EXTRACT gives it.
fn field_of(r: Row<'_>, field: DateField, ty: &DataType) -> RowResult<Decimal> {
    match ty {
        DataType::Date => time::extract_date(field, r.i32(1)),
        DataType::Time => time::extract_time(field, r.i64(1)).map(Some),
        DataType::Interval => time::extract_interval(field, r.interval(1)).map(Some),
        _ => time::extract_timestamp(field, r.i64(1), *ty == DataType::TimestampTz),
    }
}

fn has_fields(ty: &DataType) -> bool {
    use DataType::{Date, Interval, Time, Timestamp, TimestampTz};
    matches!(ty, Date | Time | Timestamp | TimestampTz | Interval)
}

fn extract(ty: &DataType) -> Option<Kernel> {
    let ty = ty.clone();
    has_fields(&ty)
        .then(|| fixed_opt(move |r| field_of(r, DateField::parse_for(r.str(0), &ty)?, &ty)))
}

fn date_part(ty: &DataType) -> Option<Kernel> {
    let declared = ty.clone();
    has_fields(ty).then(|| {
        fixed_opt(move |r| {
            // date_part of a DATE is that of its midnight, so it has hours.
            if declared == DataType::Date {
                let field = DateField::parse_for(r.str(0), &DataType::Timestamp)?;
                let midnight = time::date_to_timestamp(r.i32(1))?;
                let value = time::extract_timestamp(field, midnight, false)?;
                return Ok(value.map(Decimal::to_f64));
            }
            let field = DateField::parse_for(r.str(0), &declared)?;
            Ok(field_of(r, field, &declared)?.map(Decimal::to_f64))
        })
    })
}

/// The start of the window of `size` microseconds, aligned to `offset`, that holds each time.
/// Windows tile the whole axis, so times before 1970 belong to windows that start before them.
fn window_start(call: &Call<'_>, out: &mut Out<'_>, errors: &mut RowErrors) {
    let constant = |k: usize| match call.args[k] {
        Arg::Const(column) if !column.is_null(0) => Some(call.get::<i64>(k, 0)),
        _ => None,
    };
    if let (Some(size @ 1..), Some(offset)) = (constant(1), constant(2)) {
        let offset = offset.rem_euclid(size);
        let args = [call.args[0]];
        let check =
            Check { good: false, bad: |flag: bool| flag, fail: |_: i64| out_of_range("timestamp") };
        let start = |t: i64| {
            let (shifted, under) = t.overflowing_sub(offset);
            let start = t.wrapping_sub(shifted.rem_euclid(size));
            (start, under | (start > t))
        };
        return dense::checked_unary(&Call { args: &args, ..*call }, out, errors, start, &check);
    }
    fixed(|r| {
        let (t, size, offset) = (r.i64(0), r.i64(1), r.i64(2));
        if size <= 0 {
            return Err(invalid("the size of a window must be greater than zero"));
        }
        let shifted = t.checked_sub(offset.rem_euclid(size));
        let start = shifted.and_then(|s| t.checked_sub(s.rem_euclid(size)));
        start.ok_or_else(|| out_of_range("timestamp"))
    })
    .run(call, out, errors);
}

fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_OVERFLOW, format!("{what} out of range"))
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

/// A timestamp moved by microseconds, infinity staying where it is.
fn shifted(t: Timestamp, micros: i64) -> Result<Timestamp, SqlError> {
    time::timestamp_plus_interval(t, Interval::from_micros(micros))
}

fn time_zone(zone: &DataType, value: &DataType) -> Option<Kernel> {
    // A local time is later than UTC by the zone's offset.
    let sign = match value {
        DataType::TimestampTz => 1,
        DataType::Timestamp => -1,
        _ => return None,
    };
    Some(match zone {
        DataType::Interval => fixed(move |r| {
            let by = r.interval(0);
            if by.months != 0 || by.days != 0 {
                let mut text = String::new();
                time::push_interval(&mut text, by);
                let what = "must not include months or days";
                return Err(invalid(format!("interval time zone \"{text}\" {what}")));
            }
            shifted(r.i64(1), sign * by.micros)
        }),
        _ => fixed(move |r| shifted(r.i64(1), sign * zone::offset_micros(r.str(0))?)),
    })
}

/// Whether two periods have a point in common, by SQL's rules: each may be given backwards, a
/// period of no length is its point, and NULL is given only when the answer depends on it.
fn overlaps([s1, e1, s2, e2]: [Option<i64>; 4]) -> Option<bool> {
    let order = |s: Option<i64>, e: Option<i64>| match (s, e) {
        (None, None) => None,
        (Some(s), Some(e)) => Some((s.min(e), Some(s.max(e)))),
        (Some(known), None) | (None, Some(known)) => Some((known, None)),
    };
    let (s1, e1) = order(s1, e1)?;
    let (s2, e2) = order(s2, e2)?;
    let within = |later: i64, end: Option<i64>, own_end: Option<i64>| match end {
        Some(end) if later < end => Some(true),
        Some(_) if own_end.is_none() => None,
        Some(_) => Some(false),
        None => None,
    };
    match s1.cmp(&s2) {
        std::cmp::Ordering::Greater => within(s1, e2, e1),
        std::cmp::Ordering::Less => within(s2, e1, e2),
        // Equal starts: they overlap unless an end is unknown.
        std::cmp::Ordering::Equal => (e1.is_some() && e2.is_some()).then_some(true),
    }
}

pub(super) fn make_date(year: i32, month: i32, day: i32) -> Result<i32, SqlError> {
    let bad = || {
        SqlError::new(
            SqlState::DATETIME_OVERFLOW,
            format!("date field value out of range: {year}-{month:02}-{day:02}"),
        )
    };
    // Year -1 is 1 BC, which the calendar here counts as 0.
    let civil_year = if year < 0 { year.checked_add(1).ok_or_else(bad)? } else { year };
    let (Ok(m), Ok(d)) = (u32::try_from(month), u32::try_from(day)) else { return Err(bad()) };
    let month_ok = (1..=12).contains(&m);
    if year == 0 || !month_ok || d == 0 || d > time::date::days_in_month(civil_year, m) {
        return Err(bad());
    }
    if !(-4_713..=5_874_897).contains(&civil_year) {
        return Err(SqlError::new(
            SqlState::DATETIME_OVERFLOW,
            format!("date out of range: {year}-{month:02}-{day:02}"),
        ));
    }
    let days = time::days_from_civil(civil_year, m, d);
    if days < time::DATE_MIN { Err(bad()) } else { Ok(days) }
}

fn make_time(hour: i32, minute: i32, second: f64) -> Result<i64, SqlError> {
    let bad = || {
        SqlError::new(
            SqlState::DATETIME_OVERFLOW,
            format!("time field value out of range: {hour}:{minute:02}:{second:02}"),
        )
    };
    let minute_ok = (0..60).contains(&minute);
    if !(0..=24).contains(&hour) || !minute_ok || !(0.0..=60.0).contains(&second) {
        return Err(bad());
    }
    let micros = i64::from(hour) * MICROS_PER_HOUR
        + i64::from(minute) * MICROS_PER_MINUTE
        + (second * MICROS_PER_SEC as f64).round_ties_even() as i64;
    if micros > MICROS_PER_DAY { Err(bad()) } else { Ok(micros) }
}

fn make_timestamp(r: Row<'_>) -> Result<Timestamp, SqlError> {
    let date = make_date(r.i32(0), r.i32(1), r.i32(2))?;
    let micros = make_time(r.i32(3), r.i32(4), r.f64(5))?;
    let local = shifted(time::date_to_timestamp(date)?, micros)?;
    // The zone, where there is one: local time is UTC plus its offset.
    if r.n_args() > 6 { shifted(local, -zone::offset_micros(r.str(6))?) } else { Ok(local) }
}

fn make_interval(r: Row<'_>) -> Result<Interval, SqlError> {
    let part = |k: usize| if k < r.n_args() { r.i32(k) } else { 0 };
    let seconds = if r.n_args() > 6 { r.f64(6) } else { 0.0 };
    let bad = || SqlError::new(SqlState::DATETIME_OVERFLOW, "interval out of range");
    let months = part(0).checked_mul(12).and_then(|m| m.checked_add(part(1))).ok_or_else(bad)?;
    let days = part(2).checked_mul(7).and_then(|d| d.checked_add(part(3))).ok_or_else(bad)?;
    let second_micros = (seconds * MICROS_PER_SEC as f64).round_ties_even();
    if !second_micros.is_finite() || second_micros.abs() >= 9.2e18 {
        return Err(bad());
    }
    let clock = i64::from(part(4)) * MICROS_PER_HOUR + i64::from(part(5)) * MICROS_PER_MINUTE;
    let micros = clock.checked_add(second_micros as i64).ok_or_else(bad)?;
    Ok(Interval::new(months, days, micros))
}

fn from_epoch_seconds(seconds: f64) -> Result<Timestamp, SqlError> {
    if seconds.is_nan() {
        return Err(SqlError::new(SqlState::DATETIME_OVERFLOW, "timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { TIMESTAMP_INFINITY } else { TIMESTAMP_NEG_INFINITY });
    }
    let micros = (seconds * MICROS_PER_SEC as f64).round_ties_even();
    if micros >= TIMESTAMP_MIN as f64 && micros < TIMESTAMP_END as f64 {
        return Ok(micros as i64);
    }
    Err(SqlError::new(
        SqlState::DATETIME_OVERFLOW,
        format!("timestamp out of range: \"{seconds}\""),
    ))
}

#[cfg(test)]
mod tests;
