//! JSONB documents changed: deletion, jsonb_set, jsonb_insert, strip_nulls, pretty.
//!
//! Invariant: the document given is not touched where the path does not lead; only the errors
//! PostgreSQL has.

use arena_tr_types::json::Json;
use arena_tr_types::{DataType, Func, SqlError, SqlState};

use super::Kernel;
use super::json::{invalid, push_tree, strings_of, tree};
use super::out::TextOut;
use super::row::text;

pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    if args.first() != Some(&DataType::Jsonb) {
        return None;
    }
    let second = args.get(1).cloned();
    let n_args = args.len();
    Some(match func {
        Func::Concat if second == Some(DataType::Jsonb) => super::json::concat(),
        Func::JsonDelete => text(move |r, out| {
            let doc = tree(r.str(0));
            let left = match &second {
                Some(DataType::Int4) => delete_index(doc, r.i32(1))?,
                Some(DataType::List(_)) => {
                    let keys: Vec<String> = strings_of(r, 1).into_iter().flatten().collect();
                    delete_keys(doc, &keys)?
                }
                _ => delete_keys(doc, &[r.str(1).to_owned()])?,
            };
            push_tree(&left, out);
            Ok(())
        }),
        Func::JsonDeletePath => text(|r, out| {
            let mut doc = tree(r.str(0));
            if is_scalar(&doc) {
                return Err(invalid("cannot delete path in scalar"));
            }
            edit_document(&mut doc, &strings_of(r, 1), &Change::Delete)?;
            push_tree(&doc, out);
            Ok(())
        }),
        Func::JsonbSet | Func::JsonbInsert => text(move |r, out| {
            let (mut doc, value) = (tree(r.str(0)), tree(r.str(2)));
            if is_scalar(&doc) {
                return Err(invalid("cannot set path in scalar"));
            }
            let flag = if n_args > 3 { r.bool(3) } else { func == Func::JsonbSet };
            let change = match func {
                Func::JsonbSet => Change::Set { value, create: flag },
                _ => Change::Insert { value, after: flag },
            };
            edit_document(&mut doc, &strings_of(r, 1), &change)?;
            push_tree(&doc, out);
            Ok(())
        }),
        Func::JsonbStripNulls => text(|r, out| {
            push_tree(&strip_nulls(tree(r.str(0))), out);
            Ok(())
        }),
        Func::JsonbPretty => text(|r, out| {
            pretty(&tree(r.str(0)), 0, out);
            Ok(())
        }),
        _ => return None,
    })
}

fn is_scalar(doc: &Json) -> bool {
    !matches!(doc, Json::Array(_) | Json::Object(_))
}

fn delete_keys(doc: Json, keys: &[String]) -> Result<Json, SqlError> {
    Ok(match doc {
        Json::Object(mut entries) => {
            entries.retain(|(key, _)| !keys.contains(key));
            Json::Object(entries)
        }
        Json::Array(mut items) => {
            items.retain(|item| !matches!(item, Json::String(s) if keys.contains(s)));
            Json::Array(items)
        }
        _ => return Err(invalid("cannot delete from scalar")),
    })
}

fn delete_index(doc: Json, index: i32) -> Result<Json, SqlError> {
    match doc {
        Json::Array(mut items) => {
            if let Some(at) = array_index(index, items.len()) {
                items.remove(at);
            }
            Ok(Json::Array(items))
        }
        Json::Object(_) => Err(invalid("cannot delete from object using integer index")),
        _ => Err(invalid("cannot delete from scalar")),
    }
}

/// Index from 0; negative ones count from the end. `None` outside.
fn array_index(index: i32, length: usize) -> Option<usize> {
    let at = if index < 0 { i64::from(index) + length as i64 } else { i64::from(index) };
    usize::try_from(at).ok().filter(|at| *at < length)
}

enum Change {
    Delete,
    Set { value: Json, create: bool },
    Insert { value: Json, after: bool },
}

/// Changes what the path leads to; an empty document that can only shrink is left alone, whatever
/// the path says.
fn edit_document(doc: &mut Json, path: &[Option<String>], change: &Change) -> Result<(), SqlError> {
    let empty = match doc {
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        _ => false,
    };
    if empty && matches!(change, Change::Delete | Change::Set { create: false, .. }) {
        return Ok(());
    }
    edit(doc, path, 1, change)
}

/// Changes what the path leads to; `level` counts path elements from 1 for messages.
fn edit(
    doc: &mut Json,
    path: &[Option<String>],
    level: usize,
    change: &Change,
) -> Result<(), SqlError> {
    let [step, rest @ ..] = path else { return Ok(()) };
    let Some(step) = step else {
        let message = format!("path element at position {level} is null");
        return Err(SqlError::new(SqlState("22004"), message));
    };
    match doc {
        Json::Object(entries) => {
            let at = entries.iter().position(|(key, _)| key == step);
            if let (Some(at), [_, ..]) = (at, rest) {
                return edit(&mut entries[at].1, rest, level + 1, change);
            }
            if !rest.is_empty() {
                return Ok(());
            }
            change_entry(entries, at, step, change)
        }
        Json::Array(items) => {
            let index: i32 = step.trim().parse().map_err(|_| {
                SqlError::new(
                    SqlState::INVALID_TEXT,
                    format!("path element at position {level} is not an integer: \"{step}\""),
                )
            })?;
            let at = array_index(index, items.len());
            if let (Some(at), [_, ..]) = (at, rest) {
                return edit(&mut items[at], rest, level + 1, change);
            }
            if rest.is_empty() {
                change_item(items, at, index, change);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn change_entry(
    entries: &mut Vec<(String, Json)>,
    at: Option<usize>,
    key: &str,
    change: &Change,
) -> Result<(), SqlError> {
    match (change, at) {
        (Change::Delete, Some(at)) => {
            entries.remove(at);
        }
        (Change::Set { value, .. }, Some(at)) => entries[at].1 = value.clone(),
        (Change::Insert { .. }, Some(_)) => {
            let error = invalid("cannot replace existing key");
            return Err(error.with_hint("Try using the function jsonb_set to replace key value."));
        }
        (Change::Set { value, create: true } | Change::Insert { value, .. }, None) => {
            entries.push((key.to_owned(), value.clone()));
            if let Json::Object(sorted) = Json::object(std::mem::take(entries)) {
                *entries = sorted;
            }
        }
        (Change::Delete | Change::Set { .. }, None) => {}
    }
    Ok(())
}

fn change_item(items: &mut Vec<Json>, at: Option<usize>, index: i32, change: &Change) {
    let outside = if index < 0 { 0 } else { items.len() };
    match (change, at) {
        (Change::Delete, Some(at)) => {
            items.remove(at);
        }
        (Change::Set { value, .. }, Some(at)) => items[at] = value.clone(),
        (Change::Insert { value, after }, Some(at)) => {
            items.insert(at + usize::from(*after), value.clone());
        }
        (Change::Set { value, create: true } | Change::Insert { value, .. }, None) => {
            items.insert(outside, value.clone());
        }
        (Change::Delete | Change::Set { .. }, None) => {}
    }
}

fn strip_nulls(doc: Json) -> Json {
    match doc {
        Json::Object(entries) => {
            let kept = entries.into_iter().filter(|(_, value)| *value != Json::Null);
            Json::Object(kept.map(|(key, value)| (key, strip_nulls(value))).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(strip_nulls).collect()),
        scalar => scalar,
    }
}

/// PostgreSQL's indented form: four blanks a level.
fn pretty(doc: &Json, depth: usize, out: &mut TextOut) {
    let indent = |depth: usize, out: &mut TextOut| {
        out.push("\n");
        (0..depth).for_each(|_| out.push("    "));
    };
    match doc {
        Json::Array(items) => {
            out.push("[");
            for (i, item) in items.iter().enumerate() {
                out.push(if i > 0 { "," } else { "" });
                indent(depth + 1, out);
                pretty(item, depth + 1, out);
            }
            indent(depth, out);
            out.push("]");
        }
        Json::Object(entries) => {
            out.push("{");
            for (i, (key, value)) in entries.iter().enumerate() {
                out.push(if i > 0 { "," } else { "" });
                indent(depth + 1, out);
                push_tree(&Json::String(key.clone()), out);
                out.push(": ");
                pretty(value, depth + 1, out);
            }
            indent(depth, out);
            out.push("}");
        }
        scalar => push_tree(scalar, out),
    }
}
