//! Statements that change rows, as SQL.
//!
//! Invariant: clauses print in the order of the documentation, whatever order they were written in.

use std::fmt::{self, Display, Formatter};

use super::commas;
use crate::ast::{
    ConflictTarget, Delete, Expr, Ident, Insert, Merge, MergeAction, MergeClause, OnConflict,
    SelectItem, Update, With,
};

/// ` AS alias`, if there is one.
fn alias(f: &mut Formatter<'_>, alias: Option<&Ident>) -> fmt::Result {
    alias.map_or(Ok(()), |alias| write!(f, " AS {alias}"))
}

/// ` (columns)`, if there are any.
fn parenthesized(f: &mut Formatter<'_>, columns: &[Ident]) -> fmt::Result {
    if columns.is_empty() {
        return Ok(());
    }
    f.write_str(" (")?;
    commas(f, columns)?;
    f.write_str(")")
}

/// ` SET c = e, ...`.
fn assignments(f: &mut Formatter<'_>, assignments: &[(Ident, Expr)]) -> fmt::Result {
    for (i, (column, value)) in assignments.iter().enumerate() {
        write!(f, "{} {column} = {value}", if i > 0 { "," } else { " SET" })?;
    }
    Ok(())
}

/// ` WHERE condition`, if there is one.
fn condition(f: &mut Formatter<'_>, condition: Option<&Expr>) -> fmt::Result {
    condition.map_or(Ok(()), |condition| write!(f, " WHERE {condition}"))
}

/// ` RETURNING items`, if there are any.
fn returning(f: &mut Formatter<'_>, items: &[SelectItem]) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    f.write_str(" RETURNING ")?;
    commas(f, items)
}

impl Display for Insert {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "INSERT INTO {}", self.table)?;
        alias(f, self.alias.as_ref())?;
        parenthesized(f, &self.columns)?;
        match &self.source {
            Some(query) => write!(f, " {query}")?,
            None => f.write_str(" DEFAULT VALUES")?,
        }
        if let Some(on_conflict) = &self.on_conflict {
            write!(f, " {on_conflict}")?;
        }
        returning(f, &self.returning)
    }
}

impl Display for OnConflict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("ON CONFLICT")?;
        match &self.target {
            ConflictTarget::Any => {}
            ConflictTarget::Columns(columns) => parenthesized(f, columns)?,
            ConflictTarget::Constraint(name) => write!(f, " ON CONSTRAINT {name}")?,
        }
        let Some(update) = &self.update else { return f.write_str(" DO NOTHING") };
        f.write_str(" DO UPDATE")?;
        assignments(f, &update.assignments)?;
        condition(f, update.selection.as_ref())
    }
}

impl Display for With {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.ctes.is_empty() {
            return Ok(());
        }
        f.write_str(if self.recursive.is_some() { "WITH RECURSIVE " } else { "WITH " })?;
        commas(f, &self.ctes)?;
        f.write_str(" ")
    }
}

impl Display for Update {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}UPDATE {}", self.with, self.table)?;
        alias(f, self.alias.as_ref())?;
        assignments(f, &self.assignments)?;
        if !self.from.is_empty() {
            f.write_str(" FROM ")?;
            commas(f, &self.from)?;
        }
        condition(f, self.selection.as_ref())?;
        returning(f, &self.returning)
    }
}

impl Display for Delete {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}DELETE FROM {}", self.with, self.table)?;
        alias(f, self.alias.as_ref())?;
        if !self.using.is_empty() {
            f.write_str(" USING ")?;
            commas(f, &self.using)?;
        }
        condition(f, self.selection.as_ref())?;
        returning(f, &self.returning)
    }
}

impl Display for Merge {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}MERGE INTO {}", self.with, self.table)?;
        alias(f, self.alias.as_ref())?;
        f.write_str(" USING ")?;
        commas(f, &self.source)?;
        write!(f, " ON {}", self.on)?;
        self.clauses.iter().try_for_each(|clause| clause.fmt(f))
    }
}

impl Display for MergeClause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.matched { " WHEN MATCHED" } else { " WHEN NOT MATCHED" })?;
        if let Some(condition) = &self.condition {
            write!(f, " AND ({condition})")?;
        }
        f.write_str(" THEN")?;
        match &self.action {
            MergeAction::Update(assigned) => {
                f.write_str(" UPDATE")?;
                assignments(f, assigned)
            }
            MergeAction::Delete => f.write_str(" DELETE"),
            MergeAction::Nothing => f.write_str(" DO NOTHING"),
            MergeAction::Insert { columns, values } => {
                f.write_str(" INSERT")?;
                parenthesized(f, columns)?;
                if values.is_empty() {
                    return f.write_str(" DEFAULT VALUES");
                }
                f.write_str(" VALUES (")?;
                commas(f, values)?;
                f.write_str(")")
            }
        }
    }
}
