//! What tests, benchmarks and tools may look at below the public surface. No promise of stability.
//!
//! Invariant: looking changes nothing.

use std::collections::BTreeMap;

use arena_tr_planner::bind::{BindOptions, bind_query};
use arena_tr_planner::logical;
use arena_tr_types::RelationId;

use crate::database::Database;
use crate::error::{Error, Result};

/// A view below the surface of one database.
pub struct Internals<'a> {
    db: &'a Database,
}

impl Database {
    /// What tests and tools may look at.
    pub fn internals(&self) -> Internals<'_> {
        Internals { db: self }
    }
}

impl Internals<'_> {
    /// The logical plan of a query before any rule touched it, and the names of the relations it
    /// scans.
    ///
    /// # Errors
    /// When the text is not a query or cannot be bound.
    pub fn logical_plan(&self, sql: &str) -> Result<(logical::Plan, BTreeMap<RelationId, String>)> {
        let statement = arena_tr_parser::parse_one(sql).map_err(Error::from)?;
        let arena_tr_parser::ast::StatementKind::Query(query) = &statement.kind else {
            return Err(Error::unsupported("a logical plan of anything but a query"));
        };
        let engine = self.db.engine();
        let bound = bind_query(query, &engine.catalog, &BindOptions::default())?;
        let names = engine.catalog.relations.values().map(|r| (r.id, r.name.clone())).collect();
        Ok((bound.plan.shown(&bound.schema), names))
    }

    /// Starts to count what the instructions of all standing queries do.
    pub fn analyze_all(&self) {
        let mut engine = self.db.engine();
        engine
            .relations
            .values_mut()
            .filter_map(|e| e.view.as_mut())
            .for_each(|view| view.task.analyze(true));
    }

    /// The programs of all standing queries, with what was counted.
    pub fn programs(&self) -> Vec<String> {
        let engine = self.db.engine();
        engine.relations.values().filter_map(|e| Some(e.view.as_ref()?.task.to_text())).collect()
    }

    /// Bytes of state that all standing queries hold.
    pub fn state_bytes(&self) -> usize {
        let engine = self.db.engine();
        let views = engine.relations.values().filter_map(|e| e.view.as_ref());
        views.flat_map(|view| view.task.held_bytes()).sum()
    }

    /// How many instructions all standing queries ran since [`Internals::analyze_all`].
    pub fn instructions_run(&self) -> u64 {
        let engine = self.db.engine();
        let views = engine.relations.values().filter_map(|e| e.view.as_ref());
        views.flat_map(|view| view.task.counters()).flatten().map(|counter| counter.calls).sum()
    }

    /// Bytes that the relation's contents and its program's state occupy.
    ///
    /// # Errors
    /// When there is no such relation.
    pub fn bytes_of(&self, relation: &str) -> Result<usize> {
        let engine = self.db.engine();
        let id = engine.named(relation)?.relation.id;
        let contents = engine.entry(id)?.store.as_ref().map_or(0, |s| s.held_bytes());
        Ok(engine.pool.view_bytes(id.0) as usize + contents)
    }
}
