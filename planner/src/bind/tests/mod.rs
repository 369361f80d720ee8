//! What names mean, which types expressions have, and where errors point.
//!
//! Invariant: statements are text, plans are text; where PostgreSQL says the same thing, it was
//! asked.

mod names;
mod spans;
mod types;

use arena_tr_parser::ast::StatementKind;

use super::*;
use crate::logical::display;
use crate::testing::catalog;

/// Binds a statement of any kind over the catalog of auctions; a query's schema and plan.
fn bind(sql: &str) -> Result<Option<BoundQuery>, PlanError> {
    let statement = arena_tr_parser::parse_one(sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    let (catalog, options) = (catalog(), BindOptions::default());
    match &statement.kind {
        StatementKind::Query(query) => bind_query(query, &catalog, &options).map(Some),
        StatementKind::Insert(insert) => bind_insert(insert, &catalog, &options).map(|_| None),
        StatementKind::Update(update) => bind_update(update, &catalog, &options).map(|_| None),
        StatementKind::Delete(delete) => bind_delete(delete, &catalog, &options).map(|_| None),
        StatementKind::CreateView(view) => bind_view(view, &catalog, &options).map(|_| None),
        StatementKind::CreateRelation(relation) => {
            bind_relation(relation, &catalog, &options).map(|_| None)
        }
        other => panic!("{sql} is no statement for the binder: {other:?}"),
    }
}

/// Binds a query.
#[track_caller]
fn query(sql: &str) -> BoundQuery {
    bind(sql).unwrap_or_else(|e| panic!("{sql}: {e}")).expect("a query")
}

/// The columns of a query: `name type`, `?` behind what may be NULL.
#[track_caller]
fn columns(sql: &str) -> String {
    let column = |f: &arena_tr_types::Field| {
        format!("{} {}{}", f.name, f.data_type, if f.nullable { "?" } else { "" })
    };
    query(sql).schema.fields.iter().map(column).collect::<Vec<_>>().join(", ")
}

/// The plan of a query as EXPLAIN (LOGICAL) would show it before any rule.
#[track_caller]
fn plan(sql: &str) -> String {
    display::explain(&query(sql).plan, &catalog())
}

/// The error of a statement: its SQLSTATE and message.
#[track_caller]
fn error(sql: &str) -> String {
    match bind(sql) {
        Err(error) => format!("{} {}", error.state.0, error.message),
        Ok(_) => panic!("{sql} is bound"),
    }
}
