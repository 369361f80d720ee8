//! JSONB made from values: to_jsonb, jsonb_build_object, jsonb_build_array, jsonb_object.
//!
//! Invariant: a key is never NULL.

use arena_tr_types::json::Json;
use arena_tr_types::{DataType, Func, SqlError, SqlState};

use super::Kernel;
use super::json::{build, from_value, invalid, push_tree, strings_of};
use super::row::{Row, text};

pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    let types: Vec<DataType> = args.to_vec();
    Some(match func {
        Func::ToJsonb => {
            let ty = types.into_iter().next()?;
            text(move |r, out| {
                push_tree(&from_value(&r.value(0, &ty), &ty), out);
                Ok(())
            })
        }
        Func::JsonbBuildArray => build(move |r| {
            let items = types.iter().enumerate().map(|(k, ty)| from_value(&r.value(k, ty), ty));
            Ok(Json::Array(items.collect()))
        }),
        Func::JsonbBuildObject => build(move |r| build_object(r, &types)),
        Func::JsonbObject => text(move |r, out| {
            push_tree(&object(r)?, out);
            Ok(())
        }),
        _ => return None,
    })
}

fn build_object(r: Row<'_>, types: &[DataType]) -> Result<Json, SqlError> {
    if !types.len().is_multiple_of(2) {
        let error = invalid("argument list must have even number of elements");
        return Err(error.with_hint(
            "The arguments of jsonb_build_object() must consist of alternating keys and values.",
        ));
    }
    let mut entries = Vec::with_capacity(types.len() / 2);
    for k in (0..types.len()).step_by(2) {
        if r.is_null(k) {
            return Err(invalid(&format!("argument {}: key must not be null", k + 1)));
        }
        let key = match &types[k] {
            DataType::Jsonb | DataType::List(_) | DataType::Struct(_) => {
                return Err(invalid("key value must be scalar, not array, composite, or json"));
            }
            ty => r.value(k, ty).to_text(),
        };
        let ty = &types[k + 1];
        entries.push((key, from_value(&r.value(k + 1, ty), ty)));
    }
    Ok(Json::object(entries))
}

/// jsonb_object: one array of alternating keys and values, or one of keys and one of values.
fn object(r: Row<'_>) -> Result<Json, SqlError> {
    let subscript = |message: &str| SqlError::new(SqlState::ARRAY_SUBSCRIPT, message);
    let (keys, values): (Vec<_>, Vec<_>) = if r.n_args() > 1 {
        let (keys, values) = (strings_of(r, 0), strings_of(r, 1));
        if keys.len() != values.len() {
            return Err(subscript("mismatched array dimensions"));
        }
        (keys, values)
    } else {
        let all = strings_of(r, 0);
        if !all.len().is_multiple_of(2) {
            return Err(subscript("array must have even number of elements"));
        }
        all.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).unzip()
    };
    let mut entries = Vec::with_capacity(keys.len());
    for (key, value) in keys.into_iter().zip(values) {
        let key = key.ok_or_else(|| {
            SqlError::new(SqlState("22004"), "null value not allowed for object key")
        })?;
        entries.push((key, value.map_or(Json::Null, Json::String)));
    }
    Ok(Json::object(entries))
}
