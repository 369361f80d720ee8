//! Arrays and rows: constructors, access, search, and comparisons with ANY and ALL.
//!
//! An array is the encoded form of a value in a string column; kernels decode it, compute on
//! [`Value`]s and encode the result. A constant array is decoded once per batch.
//! Invariant: subscripts start at 1; what is outside an array is NULL, never an error, unless
//! PostgreSQL says so.

use std::cmp::Ordering;
use std::sync::Arc;

use arena_tr_storage::column::nested::{decode, encode};
use arena_tr_types::{DataType, Func, SqlError, SqlState, Value};

use super::Kernel;
use super::out::TextOut;
use super::print;
use super::row::{Row, RowResult, fixed, fixed_lenient, fixed_opt, text_lenient, text_opt, values};

/// The kernel of a function of arrays or rows.
pub(super) fn resolve(func: Func, args: &[DataType], ret: &DataType) -> Option<Kernel> {
    build(func, args, ret)
        .or_else(|| inspect(func, args))
        .or_else(|| search(func, args))
        .or_else(|| to_text(func, args))
}

/// The items of an encoded array; none for bytes that are no array.
fn decoded(bytes: &[u8]) -> Arc<[Value]> {
    match decode(bytes) {
        Ok(Value::List(items) | Value::Struct(items)) => items,
        _ => Arc::from([]),
    }
}

fn items(r: Row<'_>, k: usize) -> Arc<[Value]> {
    decoded(r.bytes(k))
}

/// Appends an encoded value to the string being written.
pub(super) fn push_encoded(value: &Value, out: &mut TextOut) -> Result<(), SqlError> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes);
    out.reserve(bytes.len())?;
    out.push_bytes(&bytes);
    Ok(())
}

fn push_list(items: impl Into<Arc<[Value]>>, out: &mut TextOut) -> Result<(), SqlError> {
    push_encoded(&Value::List(items.into()), out)
}

/// Appends an encoded array of texts.
pub(super) fn push_text_list<'a>(parts: impl Iterator<Item = Option<&'a str>>, out: &mut TextOut) {
    let items: Vec<Value> = parts.map(|part| part.map_or(Value::Null, Value::text)).collect();
    let mut bytes = Vec::new();
    encode(&Value::List(items.into()), &mut bytes);
    out.push_bytes(&bytes);
}

fn element(ty: &DataType) -> DataType {
    match ty {
        DataType::List(element) => (**element).clone(),
        _ => DataType::Unknown,
    }
}

fn build(func: Func, args: &[DataType], ret: &DataType) -> Option<Kernel> {
    let types: Vec<DataType> = args.to_vec();
    Some(match func {
        Func::ArrayMake => {
            let item = element(ret);
            text_lenient(move |r, out| {
                let items: Vec<Value> = (0..types.len()).map(|k| r.value(k, &item)).collect();
                check_shape(&items)?;
                push_list(items, out).map(Some)
            })
        }
        Func::RowMake => text_lenient(move |r, out| {
            let items: Vec<Value> =
                types.iter().enumerate().map(|(k, ty)| r.value(k, ty)).collect();
            push_encoded(&Value::Struct(items.into()), out).map(Some)
        }),
        Func::RowField => values(ret, |r| {
            let fields = items(r, 0);
            Ok(usize::try_from(r.i32(1))
                .ok()
                .and_then(|k| fields.get(k))
                .cloned()
                .unwrap_or(Value::Null))
        }),
        Func::ArrayIndex => values(ret, |r| {
            let items = items(r, 0);
            Ok(position(r.i32(1)).and_then(|k| items.get(k)).cloned().unwrap_or(Value::Null))
        }),
        Func::ArraySlice => text_opt(|r, out| {
            let items = items(r, 0);
            let low = usize::try_from(i64::from(r.i32(1)) - 1).unwrap_or(0);
            let high = usize::try_from(r.i32(2)).unwrap_or(0).min(items.len());
            let part = items.get(low..high.max(low)).unwrap_or_default();
            push_list(part, out).map(Some)
        }),
        Func::ArrayCat | Func::Concat if matches!(args, [DataType::List(_), DataType::List(_)]) => {
            text_lenient(cat)
        }
        Func::ArrayAppend => {
            let item = args.get(1)?.clone();
            text_lenient(move |r, out| {
                let old = if r.is_null(0) { Arc::from([]) } else { items(r, 0) };
                let new = old.iter().cloned().chain([r.value(1, &item)]);
                push_list(new.collect::<Vec<_>>(), out).map(Some)
            })
        }
        Func::ArrayPrepend => {
            let item = args.first()?.clone();
            text_lenient(move |r, out| {
                let old = if r.is_null(1) { Arc::from([]) } else { items(r, 1) };
                let new = [r.value(0, &item)].into_iter().chain(old.iter().cloned());
                push_list(new.collect::<Vec<_>>(), out).map(Some)
            })
        }
        Func::ArrayFill => {
            let item = args.first()?.clone();
            text_lenient(move |r, out| fill(r, &item, out))
        }
        Func::TrimArray => text_opt(|r, out| {
            let (items, n) = (items(r, 0), r.i32(1));
            let keep = usize::try_from(n).ok().and_then(|n| items.len().checked_sub(n));
            let keep = keep.ok_or_else(|| {
                SqlError::new(
                    SqlState::ARRAY_SUBSCRIPT,
                    format!("number of elements to trim must be between 0 and {}", items.len()),
                )
            })?;
            push_list(&items[..keep], out).map(Some)
        }),
        _ => return None,
    })
}

/// Arrays of arrays must be rectangular.
fn check_shape(items: &[Value]) -> Result<(), SqlError> {
    let length = |v: &Value| match v {
        Value::List(inner) => Some(inner.len()),
        _ => None,
    };
    let mut lengths = items.iter().filter_map(length);
    let first = lengths.next();
    if lengths.all(|n| Some(n) == first) {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::ARRAY_SUBSCRIPT,
        "multidimensional arrays must have array expressions with matching dimensions",
    ))
}

/// Index from 0 of a subscript from 1.
fn position(subscript: i32) -> Option<usize> {
    usize::try_from(subscript).ok()?.checked_sub(1)
}

fn cat(r: Row<'_>, out: &mut TextOut) -> RowResult<()> {
    let joined: Vec<Value> = match (r.is_null(0), r.is_null(1)) {
        (true, true) => return Ok(None),
        (false, true) => items(r, 0).to_vec(),
        (true, false) => items(r, 1).to_vec(),
        (false, false) => {
            let (a, b) = (items(r, 0), items(r, 1));
            match (dimensions(&a), dimensions(&b)) {
                // An array of arrays takes an array as one more element, on either side.
                (x, y) if x == y + 1 && y > 0 => {
                    a.iter().cloned().chain([Value::List(b)]).collect()
                }
                (x, y) if y == x + 1 && x > 0 => {
                    [Value::List(a)].into_iter().chain(b.iter().cloned()).collect()
                }
                _ => a.iter().chain(b.iter()).cloned().collect(),
            }
        }
    };
    check_shape(&joined)?;
    push_list(joined, out).map(Some)
}

fn fill(r: Row<'_>, item: &DataType, out: &mut TextOut) -> RowResult<()> {
    if r.is_null(1) {
        return Err(SqlError::new(
            SqlState("22004"),
            "dimension array or low bound array cannot be null",
        ));
    }
    let mut value = r.value(0, item);
    for size in items(r, 1).iter().rev() {
        let n = size.as_i64().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
            SqlError::new(SqlState::PROGRAM_LIMIT, "array size exceeds the maximum allowed")
        })?;
        out.reserve(n.saturating_mul(16))?;
        value = Value::List(vec![value; n].into());
    }
    match value {
        Value::List(_) => push_encoded(&value, out).map(Some),
        _ => push_list([], out).map(Some),
    }
}

/// Number of dimensions: 0 for an empty array.
fn dimensions(items: &[Value]) -> usize {
    match items.first() {
        None => 0,
        Some(Value::List(inner)) => 1 + dimensions(inner),
        Some(_) => 1,
    }
}

/// Length of dimension `n`, from 1.
fn length_of(items: &[Value], n: i32) -> Option<i32> {
    match (n, items.first()) {
        (..=0, _) | (_, None) => None,
        (1, _) => Some(items.len() as i32),
        (_, Some(Value::List(inner))) => length_of(inner, n - 1),
        _ => None,
    }
}

fn count_all(items: &[Value]) -> i32 {
    items.iter().map(|v| if let Value::List(inner) = v { count_all(inner) } else { 1 }).sum()
}

fn inspect(func: Func, args: &[DataType]) -> Option<Kernel> {
    if !matches!(args.first(), Some(DataType::List(_))) {
        return None;
    }
    Some(match func {
        Func::ArrayLength | Func::ArrayUpper => {
            fixed_opt(|r| Ok(length_of(&items(r, 0), r.i32(1))))
        }
        Func::ArrayLower => fixed_opt(|r| Ok(length_of(&items(r, 0), r.i32(1)).map(|_| 1))),
        Func::Cardinality => fixed(|r| Ok(count_all(&items(r, 0)))),
        Func::ArrayNdims => fixed_opt(|r| {
            let n = dimensions(&items(r, 0)) as i32;
            Ok((n > 0).then_some(n))
        }),
        Func::ArrayDims => text_opt(|r, out| {
            let items = items(r, 0);
            for n in 1..=dimensions(&items) as i32 {
                print::push_display(out, format_args!("[1:{}]", length_of(&items, n).unwrap_or(0)));
            }
            Ok((!items.is_empty()).then_some(()))
        }),
        _ => return None,
    })
}

/// Equal, NULL being equal to NULL: how array functions search.
fn same(a: &Value, b: &Value) -> bool {
    match (a.is_null(), b.is_null()) {
        (false, false) => a.eq_sql(b),
        (a, b) => a && b,
    }
}

fn one_dimension(items: &[Value], what: &str) -> Result<(), SqlError> {
    if dimensions(items) > 1 {
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, what));
    }
    Ok(())
}

fn search(func: Func, args: &[DataType]) -> Option<Kernel> {
    if let Some((op, all)) = quantified(func) {
        return any_all(op, all, args);
    }
    let list = matches!(args.first(), Some(DataType::List(_)));
    let second = args.get(1).cloned()?;
    Some(match func {
        Func::Contains if list => fixed(|r| Ok(contains_all(&items(r, 0), &items(r, 1)))),
        Func::ContainedBy if list => fixed(|r| Ok(contains_all(&items(r, 1), &items(r, 0)))),
        Func::Overlap if list => fixed(|r| {
            let (a, b) = (leaves(&items(r, 0)), leaves(&items(r, 1)));
            Ok(b.iter().any(|x| !x.is_null() && a.iter().any(|y| !y.is_null() && x.eq_sql(y))))
        }),
        Func::ArrayPosition => fixed_lenient(move |r| array_position(r, &second)),
        Func::ArrayPositions => text_lenient(move |r, out| {
            if r.is_null(0) {
                return Ok(None);
            }
            let (items, wanted) = (items(r, 0), r.value(1, &second));
            one_dimension(
                &items,
                "searching for elements in multidimensional arrays is not supported",
            )?;
            let found = items.iter().enumerate().filter(|(_, item)| same(item, &wanted));
            let positions: Vec<Value> = found.map(|(at, _)| Value::Int4(at as i32 + 1)).collect();
            push_list(positions, out).map(Some)
        }),
        Func::ArrayRemove => text_lenient(move |r, out| {
            if r.is_null(0) {
                return Ok(None);
            }
            let (items, wanted) = (items(r, 0), r.value(1, &second));
            one_dimension(
                &items,
                "removing elements from multidimensional arrays is not supported",
            )?;
            let kept: Vec<Value> =
                items.iter().filter(|item| !same(item, &wanted)).cloned().collect();
            push_list(kept, out).map(Some)
        }),
        Func::ArrayReplace => text_lenient(move |r, out| {
            if r.is_null(0) {
                return Ok(None);
            }
            let (old, new) = (r.value(1, &second), r.value(2, &second));
            push_list(replaced(&items(r, 0), &old, &new), out).map(Some)
        }),
        _ => return None,
    })
}

/// array_position(array, value [, from]): where the value stands first.
fn array_position(r: Row<'_>, ty: &DataType) -> RowResult<i32> {
    if r.is_null(0) {
        return Ok(None);
    }
    let items = items(r, 0);
    one_dimension(&items, "searching for elements in multidimensional arrays is not supported")?;
    if r.n_args() > 2 && r.is_null(2) {
        return Err(SqlError::new(SqlState("22004"), "initial position must not be null"));
    }
    let from = if r.n_args() > 2 { position(r.i32(2)).unwrap_or(0) } else { 0 };
    let wanted = r.value(1, ty);
    let found = items.iter().skip(from).position(|item| same(item, &wanted));
    Ok(found.map(|at| (at + from) as i32 + 1))
}

fn replaced(items: &[Value], old: &Value, new: &Value) -> Vec<Value> {
    let replace = |item: &Value| match item {
        Value::List(inner) => Value::List(replaced(inner, old, new).into()),
        _ if same(item, old) => new.clone(),
        _ => item.clone(),
    };
    items.iter().map(replace).collect()
}

/// All elements of all dimensions.
fn leaves(items: &[Value]) -> Vec<Value> {
    items
        .iter()
        .flat_map(|v| if let Value::List(inner) = v { leaves(inner) } else { vec![v.clone()] })
        .collect()
}

/// Whether each element of `part` equals one of `whole`; a NULL equals none.
fn contains_all(whole: &[Value], part: &[Value]) -> bool {
    let whole = leaves(whole);
    leaves(part).iter().all(|x| !x.is_null() && whole.iter().any(|y| !y.is_null() && x.eq_sql(y)))
}

/// Whether a comparison holds for this order of its sides.
type Holds = fn(Ordering) -> bool;

/// The comparison of a quantified one, and whether it is ALL.
fn quantified(func: Func) -> Option<(Holds, bool)> {
    Some(match func {
        Func::AnyEq => (Ordering::is_eq, false),
        Func::AnyNotEq => (Ordering::is_ne, false),
        Func::AnyLt => (Ordering::is_lt, false),
        Func::AnyLtEq => (Ordering::is_le, false),
        Func::AnyGt => (Ordering::is_gt, false),
        Func::AnyGtEq => (Ordering::is_ge, false),
        Func::AllEq => (Ordering::is_eq, true),
        Func::AllNotEq => (Ordering::is_ne, true),
        Func::AllLt => (Ordering::is_lt, true),
        Func::AllLtEq => (Ordering::is_le, true),
        Func::AllGt => (Ordering::is_gt, true),
        Func::AllGtEq => (Ordering::is_ge, true),
        _ => return None,
    })
}

/// `value op ANY (array)`: true if any element compares true, else NULL if any is unknown, else
/// false; ALL the other way round. An empty array decides even against NULL.
fn any_all(op: Holds, all: bool, args: &[DataType]) -> Option<Kernel> {
    let ty = args.first()?.clone();
    Some(fixed_lenient(move |r| {
        if r.is_null(1) {
            return Ok(None);
        }
        let items = leaves(&items(r, 1));
        if items.is_empty() {
            return Ok(Some(all));
        }
        if r.is_null(0) {
            return Ok(None);
        }
        let value = r.value(0, &ty);
        let mut unknown = false;
        for item in &items {
            if item.is_null() {
                unknown = true;
            } else if op(value.cmp_sql(item)) != all {
                return Ok(Some(!all));
            }
        }
        Ok(if unknown { None } else { Some(all) })
    }))
}

fn to_text(func: Func, args: &[DataType]) -> Option<Kernel> {
    Some(match func {
        Func::ArrayToString => {
            let n_args = args.len();
            text_lenient(move |r, out| {
                if r.is_null(0) || r.is_null(1) {
                    return Ok(None);
                }
                let null = if n_args > 2 && !r.is_null(2) { Some(r.str(2)) } else { None };
                let mut first = true;
                for item in &leaves(&items(r, 0)) {
                    if item.is_null() && null.is_none() {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        out.push(r.str(1));
                    }
                    match null {
                        Some(null) if item.is_null() => out.push(null),
                        _ => print::push_value(item, out),
                    }
                    out.reserve(0)?;
                }
                Ok(Some(()))
            })
        }
        Func::StringToArray => {
            let n_args = args.len();
            text_lenient(move |r, out| {
                if r.is_null(0) {
                    return Ok(None);
                }
                let null = if n_args > 2 && !r.is_null(2) { Some(r.str(2)) } else { None };
                let s = r.str(0);
                let part = |part: &'_ str| (Some(part) != null).then_some(part).map(str::to_owned);
                let parts: Vec<Option<String>> = if s.is_empty() {
                    Vec::new()
                } else if r.is_null(1) {
                    s.chars().map(|c| part(c.encode_utf8(&mut [0; 4]))).collect()
                } else if r.str(1).is_empty() {
                    vec![part(s)]
                } else {
                    s.split(r.str(1)).map(part).collect()
                };
                push_text_list(parts.iter().map(Option::as_deref), out);
                Ok(Some(()))
            })
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
