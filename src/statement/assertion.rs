//! CREATE ASSERTION and DROP ASSERTION.
//!
//! Invariant: an assertion that does not hold, or cannot be maintained, is not made, and the one
//! that it was to replace stays.

use arena_tr_parser::ast::{self, StatementKind};
use arena_tr_planner::bind::{BindOptions, bind_query};
use arena_tr_types::SqlState;

use super::{Context, catalog_name};
use crate::engine::Engine;
use crate::engine::assertion::Assertion;
use crate::error::{Error, Result};
use crate::session::Outcome;

/// CREATE ASSERTION.
pub(super) fn create(
    cx: &Context<'_>,
    engine: &mut Engine,
    create: &ast::CreateAssertion,
) -> Result<Outcome> {
    let name = catalog_name(&create.name);
    let tag = "CREATE ASSERTION";
    if engine.assertions.contains(&name) && !create.or_replace {
        let message = format!("assertion \"{name}\" already exists");
        if create.if_not_exists {
            return Ok(Outcome { notices: vec![message + ", skipping"], ..Outcome::tag(tag) });
        }
        return Err(Error::new(SqlState("42710"), message).at(create.name.span));
    }
    if create.query.emit.is_some() {
        return Err(Error::unsupported("EMIT in an assertion").at(create.query.span));
    }
    let catalog = engine.catalog_of_assertions();
    let options = BindOptions { view: true, ..BindOptions::default() };
    let mut bound = bind_query(&create.query, &catalog, &options)?;
    if !bound.params.is_empty() {
        let message = "there is no parameter $1";
        return Err(Error::new(SqlState::UNDEFINED_PARAMETER, message).at(create.query.span));
    }
    bound.plan = bound.plan.shown(&bound.schema);
    let id = engine.new_id();
    let assertion = Assertion::new(id, query_text(cx.sql), bound, &catalog)?;
    engine.add_assertion(&name, assertion)?;
    Ok(Outcome::tag(tag))
}

/// The text of the query between the parentheses.
fn query_text(sql: &str) -> String {
    // Its spans are those of the statement alone, not of the text that it came with.
    let statement = arena_tr_parser::parse_one(sql).map(|statement| statement.kind);
    let Ok(StatementKind::CreateAssertion(create)) = statement else { return sql.to_owned() };
    let span = create.query.span;
    sql.get(span.start as usize..span.end as usize).unwrap_or(sql).trim().to_owned()
}

/// DROP ASSERTION.
pub(super) fn drop(
    engine: &mut Engine,
    names: &[ast::ObjectName],
    if_exists: bool,
) -> Result<Outcome> {
    let mut notices = Vec::new();
    for name in names {
        let key = catalog_name(name);
        if engine.assertions.contains(&key) {
            continue;
        }
        let message = format!("assertion \"{key}\" does not exist");
        if !if_exists {
            return Err(Error::new(SqlState::UNDEFINED_OBJECT, message).at(name.span));
        }
        notices.push(message + ", skipping");
    }
    names.iter().for_each(|name| engine.drop_assertion(&catalog_name(name)));
    Ok(Outcome { notices, ..Outcome::tag("DROP ASSERTION") })
}
