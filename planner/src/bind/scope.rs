//! The names a query may use: tables by alias, columns by name, merged columns of USING.
//!
//! Invariant: every column of a scope has a position in the plan it was made with; joining two
//! scopes keeps the left positions and shifts the right ones.

use std::sync::Arc;

use arena_tr_parser::Span;
use arena_tr_parser::ast::{Ident, ObjectName};
use arena_tr_types::{DataType, Schema, SqlState};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::Binder;
use super::slot;

/// The names of one FROM clause.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// Tables in order.
    pub(crate) tables: Vec<ScopeTable>,
    /// Columns in the order of `*`.
    pub(crate) columns: Vec<ScopeColumn>,
}

/// One item of FROM.
#[derive(Debug, Clone)]
pub(crate) struct ScopeTable {
    /// Its alias, or its own name.
    pub(crate) alias: String,
    /// The name of the relation behind an alias: for the hint when it is used by mistake.
    pub(crate) relation: Option<String>,
    /// Positions of its primary key's columns.
    pub(crate) primary_key: Option<Vec<usize>>,
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct ScopeColumn {
    /// The item it belongs to; a merged column belongs to none.
    pub(crate) table: Option<usize>,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its position in the plan.
    pub(crate) position: usize,
    /// Its type.
    pub(crate) ty: DataType,
    /// Whether it may be NULL.
    pub(crate) nullable: bool,
    /// Whether `*` and the bare name find it; a column merged by USING only answers to its table.
    pub(crate) bare: bool,
}

/// What looking for a bare or qualified name gave.
pub(crate) enum Found<'s> {
    /// One column.
    One(&'s ScopeColumn),
    /// More than one.
    Many,
    /// None.
    None,
}

impl Scope {
    /// The scope of one table over a plan of this schema.
    pub(crate) fn of_table(alias: &str, schema: &Schema) -> Self {
        let column = |(position, field): (usize, &arena_tr_types::Field)| ScopeColumn {
            table: Some(0),
            name: field.name.clone(),
            position,
            ty: field.data_type.clone(),
            nullable: field.nullable,
            bare: true,
        };
        let table = ScopeTable { alias: alias.to_owned(), relation: None, primary_key: None };
        let columns = schema.fields.iter().enumerate().map(column).collect();
        Self { tables: vec![table], columns }
    }

    /// Both scopes; the right one's positions start at `width`.
    pub(crate) fn join(mut self, right: Scope, width: usize) -> Self {
        let base = self.tables.len();
        self.tables.extend(right.tables.into_iter().map(|t| ScopeTable {
            primary_key: t.primary_key.map(|k| k.into_iter().map(|c| c + width).collect()),
            ..t
        }));
        self.columns.extend(right.columns.into_iter().map(|c| ScopeColumn {
            table: c.table.map(|t| t + base),
            position: c.position + width,
            ..c
        }));
        self
    }

    /// The table of this alias.
    pub(crate) fn table(&self, alias: &str) -> Option<usize> {
        self.tables.iter().position(|t| t.alias == alias)
    }

    /// The columns that `*` gives.
    pub(crate) fn star(&self) -> impl Iterator<Item = &ScopeColumn> {
        self.columns.iter().filter(|c| c.bare)
    }

    /// The columns of one table, in its own order.
    pub(crate) fn table_columns(&self, table: usize) -> Vec<&ScopeColumn> {
        let mut columns: Vec<_> = self.columns.iter().filter(|c| c.table == Some(table)).collect();
        columns.sort_by_key(|c| c.position);
        columns
    }

    /// The column of this bare name.
    pub(crate) fn bare(&self, name: &str) -> Found<'_> {
        only(self.columns.iter().filter(|c| c.bare && &*c.name == name))
    }

    /// The column of this name in one table.
    pub(crate) fn qualified(&self, table: usize, name: &str) -> Found<'_> {
        only(self.columns.iter().filter(|c| c.table == Some(table) && &*c.name == name))
    }

    /// Every column may be NULL from now on: the scope is the padded side of an outer join.
    pub(crate) fn pad(&mut self) {
        for column in &mut self.columns {
            column.nullable = true;
        }
    }
}

fn only<'s>(mut found: impl Iterator<Item = &'s ScopeColumn>) -> Found<'s> {
    match (found.next(), found.next()) {
        (None, _) => Found::None,
        (Some(one), None) => Found::One(one),
        (Some(_), Some(_)) => Found::Many,
    }
}

impl Binder<'_> {
    /// The expression of a column reference, looked for in this query and then in the enclosing
    /// ones.
    pub(crate) fn bind_column(&mut self, parts: &[Ident], span: Span) -> Result<Expr, PlanError> {
        let name = &parts[parts.len() - 1].name;
        for (up, level) in self.levels.iter().rev().enumerate() {
            let found = match parts {
                [_] => level.scope.bare(name),
                _ => match level.scope.table(&parts[parts.len() - 2].name) {
                    Some(table) => level.scope.qualified(table, name),
                    None => Found::None,
                },
            };
            match found {
                Found::One(column) => {
                    return Ok(Expr {
                        kind: ExprKind::Column(slot::deeper(column.position, up)),
                        ty: column.ty.clone(),
                        nullable: column.nullable,
                        span: self.place(span),
                    });
                }
                Found::Many => {
                    let message = format!("column reference \"{name}\" is ambiguous");
                    return Err(
                        PlanError::of(SqlState::AMBIGUOUS_COLUMN, message).at(self.place(span))
                    );
                }
                Found::None => {}
            }
            let alias = level.aliases.iter().find(|(n, _)| parts.len() == 1 && **n == **name);
            if let Some((_, expr)) = alias.filter(|_| up == 0) {
                return Ok(expr.clone());
            }
        }
        match parts {
            [one] => self.whole_row(one, span),
            _ => Err(self.no_qualified_column(parts, span)),
        }
    }

    /// A table's name used as a value: its row.
    fn whole_row(&mut self, name: &Ident, span: Span) -> Result<Expr, PlanError> {
        for (up, level) in self.levels.iter().rev().enumerate() {
            let Some(table) = level.scope.table(&name.name) else { continue };
            let columns = level.scope.table_columns(table);
            let fields = columns
                .iter()
                .map(|c| arena_tr_types::Field::new(c.name.clone(), c.ty.clone(), true));
            let ty = DataType::Struct(fields.collect());
            let column = |c: &&ScopeColumn| Expr {
                kind: ExprKind::Column(slot::deeper(c.position, up)),
                ty: c.ty.clone(),
                nullable: c.nullable,
                span: None,
            };
            let args = columns.iter().map(column).collect();
            let kind = ExprKind::Call { func: arena_tr_types::Func::RowMake, args };
            return Ok(Expr { kind, ty, nullable: false, span: self.place(span) });
        }
        Err(self.no_column(&name.name, span))
    }

    /// The error of a bare name that nothing has.
    fn no_column(&self, name: &str, span: Span) -> PlanError {
        let message = format!("column \"{name}\" does not exist");
        let error = PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(self.place(span));
        let scopes = self.levels.iter().rev().map(|l| &l.scope);
        let near = scopes.flat_map(|s| {
            s.columns.iter().map(|c| match c.table.map(|t| &s.tables[t].alias) {
                Some(alias) if !alias.is_empty() => (&*c.name, format!("{alias}.{}", c.name)),
                _ => (&*c.name, c.name.to_string()),
            })
        });
        let candidates: Vec<(&str, String)> = near.collect();
        match closest(name, candidates.iter().map(|(n, _)| *n)) {
            Some(found) => {
                let full = candidates.iter().find(|(n, _)| *n == found).map(|(_, f)| f.as_str());
                let full = full.unwrap_or(found);
                error.with_hint(format!("Perhaps you meant to reference the column \"{full}\"."))
            }
            None => error,
        }
    }

    /// The error of `t.c` where there is no `t`, or `t` has no `c`.
    fn no_qualified_column(&self, parts: &[Ident], span: Span) -> PlanError {
        let (table, name) = (&parts[parts.len() - 2].name, &parts[parts.len() - 1].name);
        let scopes = || self.levels.iter().rev().map(|l| &l.scope);
        if let Some((scope, index)) = scopes().find_map(|s| s.table(table).map(|t| (s, t))) {
            let message = format!("column {table}.{name} does not exist");
            let error = PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(self.place(span));
            let names = scope.table_columns(index);
            return match closest(name, names.iter().map(|c| &*c.name)) {
                Some(near) => error.with_hint(format!(
                    "Perhaps you meant to reference the column \"{table}.{near}\"."
                )),
                None => error,
            };
        }
        self.no_table_in_from(table, span)
    }

    /// The error of a qualifier that is no item of FROM.
    pub(crate) fn no_table_in_from(&self, table: &str, span: Span) -> PlanError {
        let scopes = || self.levels.iter().rev().map(|l| &l.scope);
        let behind = |t: &&ScopeTable| t.relation.as_deref() == Some(table);
        if let Some(aliased) = scopes().find_map(|s| s.tables.iter().find(behind)) {
            let message = format!("invalid reference to FROM-clause entry for table \"{table}\"");
            let alias = &aliased.alias;
            return PlanError::of(SqlState::UNDEFINED_TABLE, message)
                .with_hint(format!("Perhaps you meant to reference the table alias \"{alias}\"."))
                .at(self.place(span));
        }
        let message = format!("missing FROM-clause entry for table \"{table}\"");
        let error = PlanError::of(SqlState::UNDEFINED_TABLE, message).at(self.place(span));
        let aliases = scopes().flat_map(|s| s.tables.iter().map(|t| t.alias.as_str()));
        match closest(table, aliases.collect::<Vec<_>>()) {
            Some(near) => {
                error.with_hint(format!("Perhaps you meant to reference the table \"{near}\"."))
            }
            None => error,
        }
    }

    /// The error of a relation that the catalog does not have.
    pub(crate) fn no_relation(&self, name: &ObjectName) -> PlanError {
        let full = dotted(name);
        let error =
            PlanError::of(SqlState::UNDEFINED_TABLE, format!("relation \"{full}\" does not exist"))
                .at(self.place(name.span));
        match closest(&full, self.catalog.relations.keys().map(String::as_str)) {
            Some(near) => {
                error.with_hint(format!("Perhaps you meant to reference the table \"{near}\"."))
            }
            None => error,
        }
    }
}

/// A name's parts joined by dots.
pub(crate) fn dotted(name: &ObjectName) -> String {
    name.parts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(".")
}

/// The name nearest to the one written: at most three edits away, and fewer than half its letters.
pub(crate) fn closest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let limit = 3.min(name.chars().count().div_ceil(2).saturating_sub(1).max(1));
    let measured = names.into_iter().map(|n| (distance(name, n), n));
    let near = measured.filter(|(d, n)| *d <= limit && !n.is_empty());
    near.min_by_key(|(d, _)| *d).map(|(_, n)| n)
}

/// Levenshtein distance; long names are not compared.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 3 || a.len() > 63 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
