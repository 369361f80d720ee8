//! CHECK DATABASE and CHECK MATERIALIZED VIEW.
//!
//! The lock is taken for one object at a time; files are read while nothing is appended to them.
//! Invariant: nothing is changed, except by REPAIR, which says what it replaced.

use arena_tr_parser::ast;
use arena_tr_planner::catalog::RelationKind;
use arena_tr_storage::Batch;
use arena_tr_types::{DataType, Field, Schema, SqlState, Value};

use super::{Context, catalog_name, check_cancel};
use crate::connector::weighted;
use crate::engine::check::{Anew, Finding};
use crate::engine::unknown;
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::session::Outcome;

/// CHECK DATABASE: a row for each object.
pub(super) fn database(cx: &Context<'_>) -> Result<Outcome> {
    let (ids, assertions) = {
        let engine = cx.db.engine();
        if let Some(error) = &engine.broken {
            return Err(error.clone());
        }
        let names: Vec<String> = engine.assertions.iter().map(|(name, _)| name.clone()).collect();
        (engine.checked_relations(), names)
    };
    let mut rows = Vec::new();
    for id in ids {
        check_cancel(cx.cancel)?;
        let found = cx.db.engine().check_relation(id)?;
        rows.extend(found.map(|(name, kind, finding)| row(&name, kind, finding)));
    }
    for name in assertions {
        check_cancel(cx.cancel)?;
        let Some(asked) = cx.db.engine().check_assertion(&name) else { continue };
        let finding = asked.map_or_else(
            |error| {
                let detail = error.detail().map_or(String::new(), |detail| format!(": {detail}"));
                Finding::Damaged(format!("{}{detail}", error.message()))
            },
            |()| Finding::Ok,
        );
        rows.push(row(&name, "assertion", finding));
    }
    for (name, kind, finding) in cx.db.check_files()? {
        rows.push(row(&name, kind, finding));
    }
    let names = ["object", "kind", "status", "detail"];
    let fields: Vec<Field> = names.iter().map(|n| Field::new(*n, DataType::Text, true)).collect();
    let batch = Batch::from_rows(&rows, &vec![DataType::Text; names.len()])?;
    Ok(Outcome::rows("CHECK", Rows::new(Schema::new(fields), vec![batch])))
}

fn row(name: &str, kind: &str, finding: Finding) -> Vec<Value> {
    let (status, detail) = match finding {
        Finding::Ok => ("ok", Value::Null),
        Finding::Damaged(what) => ("damaged", Value::Text(what.as_str().into())),
        Finding::Skipped(why) => ("skipped", Value::Text(why.as_str().into())),
    };
    let text = |text: &str| Value::Text(text.into());
    vec![text(name), text(kind), text(status), detail]
}

/// CHECK MATERIALIZED VIEW: the rows of which its query has more or fewer than it keeps.
pub(super) fn view(cx: &Context<'_>, name: &ast::ObjectName, repair: bool) -> Result<Outcome> {
    let key = catalog_name(name);
    let (schema, differs, epoch) = {
        let mut engine = cx.db.engine();
        let relation = engine.find(&key).ok_or_else(|| unknown(&key).at(name.span))?.clone();
        if relation.kind != RelationKind::MaterializedView {
            let message = format!("\"{key}\" is not a materialized view");
            return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(name.span));
        }
        let differs = match engine.view_anew(relation.id)? {
            Anew::Differs(rows) => rows,
            Anew::Cannot(why) => {
                let message = format!("materialized view \"{key}\" cannot be checked: {why}");
                return Err(Error::new(SqlState::OBJECT_IN_WRONG_STATE, message).at(name.span));
            }
        };
        let epoch = match repair && !differs.is_empty() {
            true => engine.repair_view(relation.id)?,
            false => None,
        };
        (relation.schema.clone(), differs, epoch)
    };
    if epoch.is_some() {
        // The log says nothing of views: what was repaired lasts with the next snapshot.
        cx.db.checkpoint()?;
    }
    let weight = Field::new("weight", DataType::Int8, false);
    let fields: Vec<Field> = std::iter::once(weight).chain(schema.fields.iter().cloned()).collect();
    let mut batches = Vec::new();
    for batch in &differs {
        let changed = weighted(std::slice::from_ref(batch));
        let (places, weights): (Vec<usize>, Vec<Vec<Value>>) =
            changed.map(|(_, i, weight)| (i, vec![Value::Int8(weight)])).unzip();
        let mut columns = Batch::from_rows(&weights, &[DataType::Int8])?.columns;
        columns.extend(batch.take_rows(&places).columns);
        batches.push(Batch::new(columns, places.len()));
    }
    Ok(Outcome { epoch, ..Outcome::rows("CHECK", Rows::new(Schema::new(fields), batches)) })
}
