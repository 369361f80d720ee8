//! MERGE: which rows of the source meet which of the table, and what becomes of them.
//!
//! It becomes one query: the source joined with the table, and for each pair, or row without one,
//! the first WHEN clause that holds, as a number. What the clauses make of the row stands behind.
//! Invariant: a row of the query does something: rows that no clause takes, or DO NOTHING takes,
//! are not among them.

use std::sync::Arc;

use arena_tr_parser::ast::{self, MergeAction, MergeClause};
use arena_tr_types::{DataType, Func, SqlState, Value};

use crate::catalog::{Catalog, Relation};
use crate::error::PlanError;
use crate::logical::{Expr, ExprKind, JoinKind, Plan};

use super::coerce::null_of;
use super::conflict::with_computed;
use super::scope::Scope;
use super::{BindOptions, Binder, Clause, build};

/// What a clause does with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeKind {
    /// The old row becomes the new one.
    Update,
    /// The old row goes.
    Delete,
    /// The new row comes.
    Insert,
    /// Nothing.
    Nothing,
}

/// MERGE.
#[derive(Debug, Clone)]
pub struct BoundMerge {
    /// The table.
    pub relation: Arc<Relation>,
    /// For each row that does something: the number of its clause, the columns of the old row,
    /// those of the new one.
    pub source: Plan,
    /// What each clause does.
    pub kinds: Vec<MergeKind>,
    /// Types of the parameters.
    pub params: Vec<DataType>,
}

/// A clause with its meaning, over the columns of the join.
struct Bound {
    condition: Expr,
    kind: MergeKind,
    new: Vec<Expr>,
}

/// Where the parts of the join stand.
struct Joined {
    /// The source's names.
    source: Scope,
    /// The source's and the table's.
    both: Scope,
    /// Where the table's columns start: the source's width.
    base: usize,
}

/// Gives MERGE its meaning.
///
/// # Errors
/// When the relation is no table, or a condition or an assignment does not fit.
pub fn bind_merge(
    merge: &ast::Merge,
    catalog: &Catalog,
    options: &BindOptions,
) -> Result<BoundMerge, PlanError> {
    let mut binder = Binder::new(catalog, options);
    let relation = binder.relation(&merge.table)?;
    binder.check_writable(&relation, "merge into", &merge.table)?;
    binder.check_reachable(&merge.clauses)?;
    binder.bind_ctes(&merge.with.ctes, merge.with.recursive.is_some())?;
    let (target, target_scope) = binder.target(&relation, &merge.table, merge.alias.as_ref());
    let (source, source_scope) = binder.bind_from_list(&merge.source)?;
    let alias = &target_scope.tables[0].alias;
    if source_scope.table(alias).is_some() {
        let message = format!("name \"{alias}\" specified more than once");
        let error = PlanError::of(SqlState("42712"), message)
            .with_hint("The name is used both as MERGE target table and data source.");
        return Err(error.at(binder.place(merge.table.span)));
    }
    let base = source.width();
    let both = source_scope.clone().join(target_scope, base);
    let ((on, ()), level) = binder.with_level(both.clone(), Clause::On, |binder| {
        let on = binder.bind_expr(&merge.on)?;
        Ok((binder.boolean(on, "MERGE ON")?, ()))
    })?;
    if !level.subs.is_empty() {
        return Err(PlanError::not_built("a subquery in MERGE").at(merge.on.span));
    }
    let needs_source = merge.clauses.iter().any(|c| !c.matched);
    let kind = if needs_source { JoinKind::Left } else { JoinKind::Inner };
    // A column that is NULL where no row of the table was found.
    let target = build::append(target, vec![Expr::boolean(true)], "matched");
    let joined = build::join(source, target, kind, Some(on));
    let mut parts = Joined { source: source_scope, both, base };
    if needs_source {
        parts.both.columns.iter_mut().filter(|c| c.position >= base).for_each(|c| {
            c.nullable = true;
        });
    }
    let mut clauses = Vec::with_capacity(merge.clauses.len());
    for clause in &merge.clauses {
        clauses.push(binder.merge_clause(&relation, clause, &parts, &joined)?);
    }
    let kinds = clauses.iter().map(|c| c.kind).collect();
    let source = acted(joined, clauses, base, &relation);
    Ok(BoundMerge { relation, source, kinds, params: binder.finish() })
}

/// The number of the clause, the old columns and the new ones.
fn acted(joined: Plan, clauses: Vec<Bound>, base: usize, relation: &Relation) -> Plan {
    let n = relation.schema.len();
    let number = |i: usize, kind: MergeKind| match kind {
        MergeKind::Nothing => null_of(DataType::Int4),
        _ => Expr::literal(Value::Int4(i as i32), DataType::Int4),
    };
    let case = |branches: Vec<(Expr, Expr)>, ty: DataType| {
        let kind = ExprKind::Case { branches, otherwise: None };
        Expr { kind, ty, nullable: true, span: None }
    };
    let branches = clauses.iter().enumerate();
    let branches = branches.map(|(i, c)| (c.condition.clone(), number(i, c.kind))).collect();
    let at = joined.width();
    let numbered = build::append(joined, vec![case(branches, DataType::Int4)], "clause");
    let clause = numbered.column(at);
    let acting = build::filter(numbered, Expr::is_not_null(clause.clone()));
    let mut exprs = vec![clause.clone()];
    exprs.extend((base..base + n).map(|c| acting.column(c)));
    for column in 0..n {
        let ty = match &relation.schema.fields[column].data_type {
            DataType::Varchar(_) | DataType::Char(_) => DataType::Text,
            other => other.clone(),
        };
        let of = |(i, c): (usize, &Bound)| {
            let is = Expr::predicate(Func::Eq, vec![clause.clone(), number(i, c.kind)]);
            (is, Expr { ty: ty.clone(), ..c.new[column].clone() })
        };
        let writes = |c: &Bound| !c.new.is_empty();
        let branches: Vec<_> =
            clauses.iter().enumerate().filter(|(_, c)| writes(c)).map(of).collect();
        exprs.push(if branches.is_empty() { null_of(ty.clone()) } else { case(branches, ty) });
    }
    let own = relation.schema.fields.iter().map(|f| f.name.clone());
    let mut names: Vec<Arc<str>> = vec!["clause".into()];
    names.extend(own.clone());
    names.extend(own);
    build::project(acting, exprs, &names)
}

impl Binder<'_> {
    /// The error of a clause behind one of its kind that takes all rows.
    fn check_reachable(&self, clauses: &[MergeClause]) -> Result<(), PlanError> {
        let mut all = [false; 2];
        for clause in clauses {
            if all[usize::from(clause.matched)] {
                let message = "unreachable WHEN clause specified after unconditional WHEN clause";
                return Err(self.syntax(message, clause.span));
            }
            all[usize::from(clause.matched)] = clause.condition.is_none();
        }
        Ok(())
    }

    fn merge_clause(
        &mut self,
        relation: &Relation,
        clause: &MergeClause,
        parts: &Joined,
        joined: &Plan,
    ) -> Result<Bound, PlanError> {
        let scope = if clause.matched { &parts.both } else { &parts.source };
        let ((condition, kind, new), level) =
            self.with_level(scope.clone(), Clause::Where, |binder| {
                let condition = match &clause.condition {
                    Some(condition) => {
                        let bound = binder.bind_expr(condition)?;
                        Some(binder.boolean(bound, "WHEN")?)
                    }
                    None => None,
                };
                binder.level().clause = Clause::Update;
                let (kind, new) = binder.merge_action(relation, clause, parts.base)?;
                Ok((condition, kind, new))
            })?;
        if !level.subs.is_empty() {
            return Err(PlanError::not_built("a subquery in MERGE").at(clause.span));
        }
        let marker = joined.column(joined.width() - 1);
        let is = match clause.matched {
            true => Expr::is_not_null(marker),
            false => build::boolean(ExprKind::IsNull(Box::new(marker)), false, None),
        };
        let arms = std::iter::once(is).chain(condition).collect();
        let condition = build::and(arms).unwrap_or_else(|| Expr::boolean(true));
        Ok(Bound { condition, kind, new: with_computed_if(new, relation) })
    }

    fn merge_action(
        &mut self,
        relation: &Relation,
        clause: &MergeClause,
        base: usize,
    ) -> Result<(MergeKind, Vec<Expr>), PlanError> {
        match &clause.action {
            MergeAction::Nothing => Ok((MergeKind::Nothing, Vec::new())),
            MergeAction::Delete => Ok((MergeKind::Delete, Vec::new())),
            MergeAction::Update(assignments) => {
                Ok((MergeKind::Update, self.assignments(relation, assignments, base)?))
            }
            MergeAction::Insert { columns, values } => {
                let targets = self.target_columns(relation, columns)?;
                if !values.is_empty() {
                    let past = values.get(targets.len()).map_or(clause.span, |e| e.span);
                    self.check_width(values.len(), &targets, columns, past)?;
                }
                self.level().clause = Clause::Values;
                Ok((MergeKind::Insert, self.insert_row(relation, &targets, values)?))
            }
        }
    }
}

fn with_computed_if(new: Vec<Expr>, relation: &Relation) -> Vec<Expr> {
    if new.is_empty() { new } else { with_computed(new, relation) }
}
