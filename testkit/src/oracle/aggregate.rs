//! GROUP BY by scanning.
//!
//! Invariant: without group expressions there is exactly one group, even over nothing.

use std::cmp::Ordering;

use arena_tr_planner::logical::{AggCall, Expr};
use arena_tr_types::{AggFunc, DataType, Decimal, SqlError, Value};

use super::{Row, beyond, compare_values, eval, same, same_value};

/// Group keys, then aggregates, per group in order of first appearance.
pub(super) fn aggregate(
    input: &[Row],
    group: &[Expr],
    aggs: &[AggCall],
) -> Result<Vec<Row>, SqlError> {
    let mut groups: Vec<(Row, Vec<&Row>)> = Vec::new();
    if group.is_empty() {
        groups.push((Row::new(), Vec::new()));
    }
    for row in input {
        let key: Row = group.iter().map(|e| eval(e, row)).collect::<Result<_, _>>()?;
        match groups.iter_mut().find(|(other, _)| same(other, &key)) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((key, vec![row])),
        }
    }
    groups
        .into_iter()
        .map(|(mut key, rows)| {
            for call in aggs {
                key.push(one(call, &rows)?);
            }
            Ok(key)
        })
        .collect()
}

fn one(call: &AggCall, rows: &[&Row]) -> Result<Value, SqlError> {
    let mut kept: Vec<&Row> = Vec::new();
    for row in rows {
        let counts = match &call.filter {
            Some(filter) => eval(filter, row)? == Value::Bool(true),
            None => true,
        };
        if counts {
            kept.push(row);
        }
    }
    if !call.order.is_empty() {
        let mut keyed: Vec<(Row, &Row)> = Vec::new();
        for row in kept {
            let key = call.order.iter().map(|k| eval(&k.expr, row)).collect::<Result<Row, _>>()?;
            keyed.push((key, row));
        }
        keyed.sort_by(|(a, _), (b, _)| {
            call.order
                .iter()
                .zip(a.iter().zip(b))
                .map(|(k, (x, y))| compare_values(x, y, k.desc, k.nulls_first))
                .find(|o| o.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        kept = keyed.into_iter().map(|(_, row)| row).collect();
    }
    let mut values = Vec::new();
    for row in &kept {
        values.push(match call.args.first() {
            Some(arg) => eval(arg, row)?,
            None => Value::Bool(true),
        });
    }
    if call.distinct {
        let mut seen: Vec<Value> = Vec::new();
        for value in values {
            if !seen.iter().any(|s| same_value(s, &value)) {
                seen.push(value);
            }
        }
        values = seen;
    }
    let delimiter = match (call.args.get(1), kept.first()) {
        (Some(arg), Some(row)) => Some(eval(arg, row)?),
        _ => None,
    };
    of_values(call.func, &values, delimiter.as_ref(), &call.ty)
}

/// An aggregate over the values of its argument, in order.
pub(super) fn of_values(
    func: AggFunc,
    all: &[Value],
    delimiter: Option<&Value>,
    ty: &DataType,
) -> Result<Value, SqlError> {
    let values: Vec<&Value> = all.iter().filter(|v| !v.is_null()).collect();
    match func {
        AggFunc::CountStar => return Ok(Value::Int8(all.len() as i64)),
        AggFunc::Count => return Ok(Value::Int8(values.len() as i64)),
        AggFunc::ArrayAgg if !all.is_empty() => return Ok(Value::List(all.into())),
        AggFunc::FirstValue => return Ok(all.first().cloned().unwrap_or(Value::Null)),
        AggFunc::LastValue => return Ok(all.last().cloned().unwrap_or(Value::Null)),
        AggFunc::SingleValue if all.len() > 1 => return Ok(Value::Null),
        AggFunc::SingleValue => return Ok(all.first().cloned().unwrap_or(Value::Null)),
        _ if values.is_empty() => return Ok(Value::Null),
        _ => {}
    }
    let extreme = |wanted: Ordering| {
        let better = |a: &Value, b: &Value| a.cmp_sql(b) == wanted;
        values.iter().fold(values[0], |best, v| if better(v, best) { v } else { best }).clone()
    };
    let bools = |v: &Value| matches!(v, Value::Bool(true));
    Ok(match func {
        AggFunc::Min => extreme(Ordering::Less),
        AggFunc::Max => extreme(Ordering::Greater),
        AggFunc::BoolAnd => Value::Bool(values.iter().all(|v| bools(v))),
        AggFunc::BoolOr => Value::Bool(values.iter().any(|v| bools(v))),
        AggFunc::Sum => sum(&values)?.cast(ty)?,
        AggFunc::Avg => match sum(&values)? {
            Value::Float8(total) => Value::Float8(total / values.len() as f64),
            total => {
                let Value::Numeric(total) = total.cast(&DataType::Numeric(None))? else {
                    return Err(beyond("avg of this type"));
                };
                let n = Decimal::new(values.len() as i128, 0);
                Value::Numeric(total.checked_div(n)?)
            }
        },
        AggFunc::StringAgg => {
            let delimiter = delimiter.map(Value::to_string).unwrap_or_default();
            let words: Vec<String> = values.iter().map(|v| v.to_string()).collect();
            Value::Text(words.join(&delimiter).into())
        }
        _ => return Err(beyond("this aggregate")),
    })
}

/// The exact sum: integers as NUMERIC, floats as floats.
fn sum(values: &[&Value]) -> Result<Value, SqlError> {
    if matches!(values[0], Value::Float8(_) | Value::Float4(_)) {
        let float = |v: &Value| match v {
            Value::Float8(f) => *f,
            Value::Float4(f) => f64::from(*f),
            _ => f64::NAN,
        };
        return Ok(Value::Float8(values.iter().map(|v| float(v)).sum()));
    }
    let mut total = Decimal::new(0, 0);
    for value in values {
        let Value::Numeric(number) = value.cast(&DataType::Numeric(None))? else {
            return Err(beyond("sum of this type"));
        };
        total = total.checked_add(number)?;
    }
    Ok(Value::Numeric(total))
}
