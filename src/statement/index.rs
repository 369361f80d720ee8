//! CREATE INDEX and DROP INDEX.
//!
//! Invariant: an index that a constraint made goes with its table only.

use std::sync::Arc;

use arena_tr_parser::ast;
use arena_tr_planner::bind;
use arena_tr_planner::catalog::{Relation, UniqueKey};
use arena_tr_types::{SqlError, SqlState};

use super::{Context, catalog_name};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::session::Outcome;

/// CREATE INDEX.
pub(super) fn create(
    cx: &Context<'_>,
    engine: &mut Engine,
    create: &ast::CreateIndex,
) -> Result<Outcome> {
    const TAG: &str = "CREATE INDEX";
    let options = super::query::options(cx);
    let bound = bind::bind_index(create, &engine.catalog, &options)?;
    let name = &bound.index.name;
    if engine.catalog.is_taken(name) {
        let message = format!("relation \"{name}\" already exists");
        if create.if_not_exists {
            let notices = vec![format!("{message}, skipping")];
            return Ok(Outcome { notices, ..Outcome::tag(TAG) });
        }
        return Err(Error::new(SqlState::DUPLICATE_TABLE, message));
    }
    engine.check_unused(bound.relation.id)?;
    engine.add_index(bound.relation.id, bound.index)?;
    Ok(Outcome { notices: bound.notices, ..Outcome::tag(TAG) })
}

/// DROP INDEX.
pub(super) fn drop(
    engine: &mut Engine,
    names: &[ast::ObjectName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let mut notices = Vec::new();
    let mut found = Vec::new();
    for name in names {
        let key = catalog_name(name);
        match engine.catalog.index(&key) {
            Some((relation, at)) => {
                droppable(engine, relation, at, cascade)?;
                found.push((relation.id, key));
            }
            None if is_primary(engine, &key).is_some() => {
                let table = is_primary(engine, &key).map_or(String::new(), |r| r.name.clone());
                return Err(required(&key, &table));
            }
            None if engine.find(&key).is_some() => {
                let message = format!("\"{key}\" is not an index");
                return Err(Error::new(SqlState::WRONG_OBJECT_TYPE, message).at(name.span));
            }
            None if if_exists => notices.push(format!("index \"{key}\" does not exist, skipping")),
            None => {
                let message = format!("index \"{key}\" does not exist");
                return Err(Error::new(SqlState("42704"), message).at(name.span));
            }
        }
    }
    for (id, name) in found {
        if let Some((_, at)) = engine.catalog.index(&name) {
            drop_one(engine, id, at)?;
        }
    }
    Ok(Outcome { notices, ..Outcome::tag("DROP INDEX") })
}

fn drop_one(engine: &mut Engine, id: arena_tr_types::RelationId, at: usize) -> Result<()> {
    engine.drop_dependents_of_key(id, at)?;
    engine.drop_index(id, at)
}

fn is_primary<'a>(engine: &'a Engine, name: &str) -> Option<&'a Arc<Relation>> {
    engine.catalog.relations.values().find(|r| r.keys.primary.as_deref() == Some(name))
}

/// The error of an index that a constraint needs.
fn required(name: &str, table: &str) -> Error {
    let message =
        format!("cannot drop index {name} because constraint {name} on table {table} requires it");
    SqlError::new(SqlState::DEPENDENT_OBJECTS, message)
        .with_hint(format!("You can drop constraint {name} on table {table} instead."))
        .into()
}

fn droppable(engine: &Engine, relation: &Relation, at: usize, cascade: bool) -> Result<()> {
    let index = &relation.keys.indexes[at];
    if index.constraint {
        return Err(required(&index.name, &relation.name));
    }
    engine.check_unused(relation.id)?;
    let links = engine.only_key_of(relation, UniqueKey::Index(at));
    let Some(link) = links.first().copied() else { return Ok(()) };
    if cascade {
        return links.iter().try_for_each(|link| engine.check_unused(link.child));
    }
    let child = &engine.entry(link.child)?.relation;
    let message = format!("cannot drop index {} because other objects depend on it", index.name);
    let detail = format!(
        "constraint {} on table {} depends on index {}",
        child.keys.foreign[link.at].name, child.name, index.name
    );
    Err(SqlError::new(SqlState::DEPENDENT_OBJECTS, message)
        .with_detail(detail)
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
        .into())
}
