//! JSONB: access, containment, construction and editing.
//!
//! Access works on the canonical text and copies a slice of it; editing and building make a tree
//! and print it.
//! Invariant: what is written to a JSONB column is canonical text.

use arena_tr_types::json::{self, Json};
use arena_tr_types::{DataType, Func, SqlError, SqlState, Value};

use super::Kernel;
use super::nested::push_encoded;
use super::out::TextOut;
use super::row::{Row, RowResult, fixed, text, text_lenient, text_opt};
use super::{json_build, json_edit};

/// The kernel of a function of JSONB.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    access(func, args)
        .or_else(|| test(func, args))
        .or_else(|| parts(func))
        .or_else(|| json_edit::resolve(func, args))
        .or_else(|| json_build::resolve(func, args))
}

/// Writes a part of a document, or its text for the `->>` forms; nothing found is NULL.
fn push_part(part: Option<&str>, as_text: bool, out: &mut TextOut) -> RowResult<()> {
    let Some(part) = part else { return Ok(None) };
    if !as_text {
        out.push(part);
        return Ok(Some(()));
    }
    Ok(json::as_text(part).map(|text| out.push(&text)))
}

/// The strings of a TEXT[] argument; `None` if one is NULL.
pub(super) fn path_of(r: Row<'_>, k: usize) -> Option<Vec<String>> {
    strings_of(r, k).into_iter().collect()
}

/// The strings of a TEXT[] argument, NULLs as `None`.
pub(super) fn strings_of(r: Row<'_>, k: usize) -> Vec<Option<String>> {
    let list = r.value(k, &DataType::List(Box::new(DataType::Text)));
    let items = list.as_items().unwrap_or_default();
    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn access(func: Func, args: &[DataType]) -> Option<Kernel> {
    let as_text =
        matches!(func, Func::JsonGetText | Func::JsonPathText | Func::JsonbExtractPathText);
    let n_args = args.len();
    Some(match func {
        Func::JsonGet | Func::JsonGetText if args.get(1) == Some(&DataType::Int4) => {
            text_opt(move |r, out| {
                push_part(json::get_index(r.str(0), r.i32(1).into()), as_text, out)
            })
        }
        Func::JsonGet | Func::JsonGetText => {
            text_opt(move |r, out| push_part(json::get_key(r.str(0), r.str(1)), as_text, out))
        }
        Func::JsonPath | Func::JsonPathText => text_opt(move |r, out| {
            let Some(path) = path_of(r, 1) else { return Ok(None) };
            push_part(json::get_path(r.str(0), &path), as_text, out)
        }),
        Func::JsonbExtractPath | Func::JsonbExtractPathText => text_opt(move |r, out| {
            let path = (1..n_args).map(|k| r.str(k));
            push_part(json::get_path(r.str(0), path), as_text, out)
        }),
        _ => return None,
    })
}

/// Whether a document has this key (or, an array, this string element; a string, this value).
fn exists(doc: &str, key: &str) -> bool {
    match json::type_of(doc) {
        "object" => json::get_key(doc, key).is_some(),
        "array" => json::elements(doc)
            .any(|item| json::type_of(item) == "string" && json::unquote(item) == key),
        "string" => json::unquote(doc) == key,
        _ => false,
    }
}

/// `doc @> part`.
pub(super) fn contains(doc: &str, part: &str) -> bool {
    // The one exception: an array contains a scalar that is among its elements.
    if json::type_of(doc) == "array" && json::length(part).is_none() {
        return json::elements(doc).any(|item| json::cmp(item, part).is_eq());
    }
    contains_deep(doc, part)
}

fn contains_deep(doc: &str, part: &str) -> bool {
    match (json::type_of(doc), json::type_of(part)) {
        ("object", "object") => json::entries(part).all(|(key, wanted)| {
            json::get_key(doc, &json::unquote(key))
                .is_some_and(|value| contains_deep(value, wanted))
        }),
        ("array", "array") => json::elements(part)
            .all(|wanted| json::elements(doc).any(|item| contains_deep(item, wanted))),
        (a, b) if a == b => json::cmp(doc, part).is_eq(),
        _ => false,
    }
}

fn test(func: Func, args: &[DataType]) -> Option<Kernel> {
    if args.first() != Some(&DataType::Jsonb) {
        return None;
    }
    Some(match func {
        Func::JsonExists => fixed(|r| Ok(exists(r.str(0), r.str(1)))),
        Func::JsonExistsAny => {
            fixed(|r| Ok(strings_of(r, 1).iter().flatten().any(|key| exists(r.str(0), key))))
        }
        Func::JsonExistsAll => {
            fixed(|r| Ok(strings_of(r, 1).iter().flatten().all(|key| exists(r.str(0), key))))
        }
        Func::Contains => fixed(|r| Ok(contains(r.str(0), r.str(1)))),
        Func::ContainedBy => fixed(|r| Ok(contains(r.str(1), r.str(0)))),
        Func::JsonbTypeof => text(|r, out| {
            out.push(json::type_of(r.str(0)));
            Ok(())
        }),
        Func::JsonbArrayLength => fixed(|r| match json::type_of(r.str(0)) {
            "array" => Ok(json::elements(r.str(0)).count() as i32),
            "object" => Err(invalid("cannot get array length of a non-array")),
            _ => Err(invalid("cannot get array length of a scalar")),
        }),
        _ => return None,
    })
}

/// What takes a document apart, as an array.
fn parts(func: Func) -> Option<Kernel> {
    Some(match func {
        Func::JsonbArrayElements => text(|r, out| {
            let items: Vec<Value> =
                elements_of(r.str(0))?.map(|item| Value::Jsonb(item.into())).collect();
            push_encoded(&Value::List(items.into()), out)
        }),
        Func::JsonbArrayElementsText => text(|r, out| {
            let items: Vec<Value> = elements_of(r.str(0))?
                .map(|item| json::as_text(item).map_or(Value::Null, |text| Value::text(&*text)))
                .collect();
            push_encoded(&Value::List(items.into()), out)
        }),
        Func::JsonbObjectKeys => text(|r, out| {
            let of = |what| invalid(&format!("cannot call jsonb_object_keys on {what}"));
            let keys: Vec<Value> = match json::type_of(r.str(0)) {
                "object" => json::entries(r.str(0))
                    .map(|(key, _)| Value::text(&*json::unquote(key)))
                    .collect(),
                "array" => return Err(of("an array")),
                _ => return Err(of("a scalar")),
            };
            push_encoded(&Value::List(keys.into()), out)
        }),
        _ => return None,
    })
}

fn elements_of(doc: &str) -> Result<json::Elements<'_>, SqlError> {
    match json::type_of(doc) {
        "array" => Ok(json::elements(doc)),
        "object" => Err(invalid("cannot extract elements from an object")),
        _ => Err(invalid("cannot extract elements from a scalar")),
    }
}

/// An invalid argument.
pub(super) fn invalid(message: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER, message)
}

/// A document as a tree; canonical text always parses.
pub(super) fn tree(doc: &str) -> Json {
    Json::parse(doc).unwrap_or(Json::Null)
}

/// A value as JSON: what to_jsonb gives.
pub(super) fn from_value(value: &Value, ty: &DataType) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(v) => Json::Bool(*v),
        Value::Int2(_) | Value::Int4(_) | Value::Int8(_) => Json::Number(value.to_text()),
        Value::Float4(_) | Value::Float8(_) | Value::Numeric(_) => {
            let text = value.to_text();
            let finite = text.parse::<f64>().is_ok_and(f64::is_finite);
            // Infinities and NaN have no JSON number.
            if finite { tree(&text) } else { Json::String(text) }
        }
        Value::Jsonb(doc) => tree(doc),
        Value::Timestamp(_) | Value::TimestampTz(_) => {
            let mut text = value.to_text().replacen(' ', "T", 1);
            // ISO 8601 wants minutes in the zone.
            if matches!(value, Value::TimestampTz(_)) && text.ends_with("+00") {
                text.push_str(":00");
            }
            Json::String(text)
        }
        Value::List(items) => {
            let element = if let DataType::List(element) = ty { element } else { ty };
            Json::Array(items.iter().map(|item| from_value(item, element)).collect())
        }
        Value::Struct(items) => {
            let fields = if let DataType::Struct(fields) = ty { fields.as_ref() } else { &[] };
            let entry = |(i, item): (usize, &Value)| match fields.get(i) {
                Some(field) => (field.name.to_string(), from_value(item, &field.data_type)),
                None => (format!("f{}", i + 1), from_value(item, &DataType::Unknown)),
            };
            Json::object(items.iter().enumerate().map(entry).collect())
        }
        other => Json::String(other.to_text()),
    }
}

/// Writes a tree as canonical text.
pub(super) fn push_tree(tree: &Json, out: &mut TextOut) {
    out.push(&tree.to_text());
}

/// `jsonb || jsonb`: objects merge, anything else is joined as arrays.
pub(super) fn concat() -> Kernel {
    text(|r, out| {
        let (a, b) = (tree(r.str(0)), tree(r.str(1)));
        let joined = match (a, b) {
            (Json::Object(mut a), Json::Object(b)) => {
                a.extend(b);
                Json::object(a)
            }
            (a, b) => {
                let items = |j: Json| if let Json::Array(items) = j { items } else { vec![j] };
                let mut all = items(a);
                all.extend(items(b));
                Json::Array(all)
            }
        };
        push_tree(&joined, out);
        Ok(())
    })
}

/// The kernel that gives each row's arguments to `f`, NULLs included, and writes the tree.
pub(super) fn build(
    f: impl Fn(Row<'_>) -> Result<Json, SqlError> + Send + Sync + 'static,
) -> Kernel {
    text_lenient(move |r, out| {
        push_tree(&f(r)?, out);
        Ok(Some(()))
    })
}

#[cfg(test)]
mod tests;
