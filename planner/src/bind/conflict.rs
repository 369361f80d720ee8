//! ON CONFLICT: which keys it is about, and what it makes of a row that is there.
//!
//! Invariant: a conflict that is updated is about at least one key.

use arena_tr_parser::ast::{self, ConflictTarget, OnConflict};
use arena_tr_types::SqlState;

use crate::catalog::{Relation, UniqueKey};
use crate::error::PlanError;
use crate::logical::Expr;

use super::key::same_columns;
use super::scope::Scope;
use super::{Binder, Clause};

/// ON CONFLICT.
#[derive(Debug, Clone)]
pub struct BoundConflict {
    /// The keys it is about.
    pub keys: Vec<UniqueKey>,
    /// DO UPDATE; none: DO NOTHING.
    pub update: Option<ConflictSet>,
}

/// DO UPDATE SET ... [WHERE ...]: over the columns of the row that is there, then of the row that
/// was to be inserted.
#[derive(Debug, Clone)]
pub struct ConflictSet {
    /// WHERE.
    pub condition: Option<Expr>,
    /// The new values of all columns.
    pub new: Vec<Expr>,
    /// Columns that are assigned.
    pub assigned: Vec<usize>,
}

impl Binder<'_> {
    pub(super) fn on_conflict(
        &mut self,
        relation: &Relation,
        alias: &str,
        on_conflict: &OnConflict,
    ) -> Result<BoundConflict, PlanError> {
        let keys = self.conflict_keys(relation, on_conflict)?;
        let Some(update) = &on_conflict.update else {
            return Ok(BoundConflict { keys, update: None });
        };
        let n = relation.schema.len();
        let excluded = Scope::of_table("excluded", &relation.schema);
        let scope = Scope::of_table(alias, &relation.schema).join(excluded, n);
        let ((condition, new), level) = self.with_level(scope, Clause::Where, |binder| {
            let condition = match &update.selection {
                Some(condition) => {
                    let bound = binder.bind_expr(condition)?;
                    Some(binder.boolean(bound, "WHERE")?)
                }
                None => None,
            };
            binder.level().clause = Clause::Update;
            Ok((condition, binder.assignments(relation, &update.assignments, 0)?))
        })?;
        if !level.subs.is_empty() {
            return Err(PlanError::not_built("a subquery in ON CONFLICT").at(on_conflict.span));
        }
        let assigned =
            update.assignments.iter().filter_map(|(c, _)| relation.schema.index_of(&c.name));
        let assigned = assigned.collect();
        let new = with_computed(new, relation);
        Ok(BoundConflict { keys, update: Some(ConflictSet { condition, new, assigned }) })
    }

    fn conflict_keys(
        &self,
        relation: &Relation,
        on_conflict: &OnConflict,
    ) -> Result<Vec<UniqueKey>, PlanError> {
        match &on_conflict.target {
            ConflictTarget::Any if on_conflict.update.is_some() => {
                let message =
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name";
                Err(self
                    .syntax(message, on_conflict.span)
                    .with_hint("For example, ON CONFLICT (column_name)."))
            }
            ConflictTarget::Any => Ok(relation.unique_keys().map(|(key, _)| key).collect()),
            ConflictTarget::Columns(columns) => {
                let mut positions = Vec::with_capacity(columns.len());
                for column in columns {
                    let Some(position) = relation.schema.index_of(&column.name) else {
                        let message = format!("column \"{}\" does not exist", column.name);
                        let error = PlanError::of(SqlState::UNDEFINED_COLUMN, message);
                        return Err(error.at(self.place(column.span)));
                    };
                    positions.push(position);
                }
                let fit = relation.unique_keys().filter(|(_, key)| same_columns(key, &positions));
                let keys: Vec<UniqueKey> = fit.map(|(key, _)| key).collect();
                if !keys.is_empty() {
                    return Ok(keys);
                }
                let message = "there is no unique or exclusion constraint matching the \
                               ON CONFLICT specification";
                let error = PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message);
                Err(error.at(self.place(on_conflict.span)))
            }
            ConflictTarget::Constraint(name) => self.named_key(relation, name),
        }
    }

    fn named_key(
        &self,
        relation: &Relation,
        name: &ast::Ident,
    ) -> Result<Vec<UniqueKey>, PlanError> {
        let keys = &relation.keys;
        if keys.primary.as_ref() == Some(&name.name) {
            return Ok(vec![UniqueKey::Primary]);
        }
        let same = |i: &crate::catalog::Index| i.constraint && i.name == name.name;
        if let Some(at) = keys.indexes.iter().position(same) {
            return Ok(vec![UniqueKey::Index(at)]);
        }
        let other = relation.checks.iter().any(|(check, _)| *check == name.name)
            || keys.foreign.iter().any(|k| k.name == name.name);
        let error = match other {
            true => PlanError::of(
                SqlState::WRONG_OBJECT_TYPE,
                "constraint in ON CONFLICT clause has no associated index",
            ),
            false => {
                let (name, table) = (&name.name, &relation.name);
                let message = format!("constraint \"{name}\" for table \"{table}\" does not exist");
                PlanError::of(SqlState("42704"), message)
            }
        };
        Err(error.at(self.place(name.span)))
    }
}

/// New values with the computed columns made of them.
pub(super) fn with_computed(mut new: Vec<Expr>, relation: &Relation) -> Vec<Expr> {
    for (i, computed) in relation.computed.iter().enumerate() {
        if let Some(computed) = computed {
            new[i] = computed.clone().substituted(&new);
        }
    }
    new
}
