//! SELECT: its clauses are bound in the order of the text's meaning, then staged into a plan.
//!
//! FROM gives rows and names; WHERE filters; grouping, HAVING, windows and QUALIFY follow; the
//! select list is computed last, with hidden columns for ORDER BY behind it.
//! Invariant: a select list expression sees columns of FROM, aggregates, windows and subqueries by
//! slot until its stage gives them positions.

use std::sync::Arc;

use arena_tr_parser::ast::{self, Distinct, ExprKind as Ast, GroupBy, Literal, SelectItem};
use arena_tr_types::SqlState;

use crate::error::PlanError;
use crate::logical::{AggCall, Expr, Node, Plan, RankFunc, SortKey};

use super::build;
use super::grouping::{Groups, add_dependent_columns, grouping_masks, mask_value, union_of_sets};
use super::names::column_name;
use super::query::Ordered;
use super::slot::{self, Slot};
use super::stage::{Grouped, Stage};
use super::subquery::Conjunct;
use super::{Binder, Clause, Level};

/// One column of a select list.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) name: Arc<str>,
    pub(crate) expr: Expr,
}

/// An ORDER BY item: a select list column, or an expression of its own.
#[derive(Debug, Clone)]
struct SortItem {
    expr: Expr,
    /// The select list column, if it is one.
    item: Option<usize>,
    desc: bool,
    nulls_first: bool,
}

/// A SELECT whose expressions are bound.
struct Parts {
    conditions: Vec<Conjunct>,
    items: Vec<Item>,
    groups: Option<Groups>,
    having: Vec<Conjunct>,
    qualify: Vec<Conjunct>,
    distinct_on: Vec<SortItem>,
    order: Vec<SortItem>,
}

impl Binder<'_> {
    /// A SELECT with the ORDER BY of its query. `open`: string literals in the select list keep no
    /// type.
    pub(crate) fn bind_select(
        &mut self,
        select: &ast::Select,
        order_by: &[ast::OrderBy],
        open: bool,
    ) -> Result<Ordered, PlanError> {
        let open = open && select.distinct.is_none();
        let (from, scope) = self.bind_from_list(&select.from)?;
        let (parts, level) = self.with_level(scope, Clause::Select, |binder| {
            binder.level().named_windows = select.windows.clone();
            binder.bind_parts(select, order_by, open)
        })?;
        self.stage_select(select, from, parts, &level)
    }

    fn bind_parts(
        &mut self,
        select: &ast::Select,
        order_by: &[ast::OrderBy],
        open: bool,
    ) -> Result<Parts, PlanError> {
        let mut conditions = Vec::new();
        if let Some(condition) = &select.selection {
            self.level().clause = Clause::Where;
            self.bind_condition(condition, "WHERE", &mut conditions)?;
        }
        self.level().clause = Clause::Select;
        let items = self.bind_items(&select.items, open)?;
        self.level().clause = Clause::GroupBy;
        let groups = match &select.group_by {
            Some(group_by) => Some(self.bind_group_by(group_by, &items)?),
            None => None,
        };
        let mut having = Vec::new();
        if let Some(condition) = &select.having {
            self.level().clause = Clause::Having;
            self.bind_condition(condition, "HAVING", &mut having)?;
        }
        let mut qualify = Vec::new();
        if let Some(condition) = &select.qualify {
            self.level().clause = Clause::Qualify;
            self.level().aliases = items.iter().map(|i| (i.name.clone(), i.expr.clone())).collect();
            self.bind_condition(condition, "QUALIFY", &mut qualify)?;
            self.level().aliases.clear();
        }
        self.level().clause = Clause::DistinctOn;
        let distinct_on = match &select.distinct {
            Some(Distinct::On(exprs)) => exprs
                .iter()
                .map(|e| self.bind_sort_item(e, false, None, &items, "DISTINCT ON"))
                .collect::<Result<_, _>>()?,
            _ => Vec::new(),
        };
        self.level().clause = Clause::OrderBy;
        let order = order_by
            .iter()
            .map(|o| self.bind_sort_item(&o.expr, o.desc, o.nulls_first, &items, "ORDER BY"))
            .collect::<Result<Vec<_>, _>>()?;
        if let (Some(Distinct::All), Some(hidden)) =
            (&select.distinct, order.iter().find(|s| s.item.is_none()))
        {
            let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
            let error = PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message);
            return Err(error.at(hidden.expr.span));
        }
        Ok(Parts { conditions, items, groups, having, qualify, distinct_on, order })
    }

    /// The select list with stars expanded.
    pub(crate) fn bind_items(
        &mut self,
        items: &[SelectItem],
        open: bool,
    ) -> Result<Vec<Item>, PlanError> {
        let mut bound = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::Wildcard(span) => {
                    if self.level().scope.tables.is_empty() {
                        let message = "SELECT * with no tables specified is not valid";
                        return Err(self.syntax(message, *span));
                    }
                    let columns = self.level().scope.star().cloned().collect::<Vec<_>>();
                    bound.extend(columns.iter().map(column_item));
                }
                SelectItem::QualifiedWildcard(name) => {
                    bound.extend(self.table_items(name)?);
                }
                SelectItem::Expr { expr, alias } => {
                    let name = match alias {
                        Some(alias) => alias.name.as_str().into(),
                        None => column_name(expr).into(),
                    };
                    let mut expr = self.bind_expr(expr)?;
                    if !open {
                        expr = self.typed(expr)?;
                    }
                    bound.push(Item { name, expr });
                }
            }
        }
        Ok(bound)
    }

    /// The columns of `t.*`; the table may belong to an enclosing query.
    fn table_items(&self, name: &ast::ObjectName) -> Result<Vec<Item>, PlanError> {
        let table = &name.parts[name.parts.len() - 1].name;
        for (up, level) in self.levels.iter().rev().enumerate() {
            let Some(index) = level.scope.table(table) else { continue };
            let mut items: Vec<Item> =
                level.scope.table_columns(index).into_iter().map(column_item).collect();
            items.iter_mut().for_each(|i| i.expr.map_columns(&|n| slot::deeper(n, up)));
            return Ok(items);
        }
        Err(self.no_table_in_from(table, name.span))
    }

    /// A select list position (from 1), if the expression is an integer constant.
    fn position(
        &self,
        expr: &ast::Expr,
        items: &[Item],
        clause: &str,
    ) -> Result<Option<usize>, PlanError> {
        let Ast::Literal(literal) = &expr.kind else { return Ok(None) };
        let Literal::Number(text) = literal else {
            return match literal {
                Literal::String(_) | Literal::Bool(_) | Literal::Null => {
                    let message = format!("non-integer constant in {clause}");
                    Err(self.syntax(&message, expr.span))
                }
                _ => Ok(None),
            };
        };
        let Ok(position) = text.parse::<usize>() else {
            return Err(self.syntax(&format!("non-integer constant in {clause}"), expr.span));
        };
        if !(1..=items.len()).contains(&position) {
            let message = format!("{clause} position {position} is not in select list");
            let error = PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message);
            return Err(error.at(self.place(expr.span)));
        }
        Ok(Some(position - 1))
    }

    /// The select list column of this name; different columns of one name are ambiguous.
    fn by_alias(
        &self,
        expr: &ast::Expr,
        items: &[Item],
        clause: &str,
    ) -> Result<Option<usize>, PlanError> {
        let Ast::Column(parts) = &expr.kind else { return Ok(None) };
        let [name] = parts.as_slice() else { return Ok(None) };
        let mut found: Option<usize> = None;
        for (i, item) in items.iter().enumerate() {
            if *item.name != *name.name {
                continue;
            }
            match found {
                Some(first) if items[first].expr != item.expr => {
                    let message = format!("{clause} \"{}\" is ambiguous", name.name);
                    let error = PlanError::of(SqlState::AMBIGUOUS_COLUMN, message);
                    return Err(error.at(self.place(expr.span)));
                }
                Some(_) => {}
                None => found = Some(i),
            }
        }
        Ok(found)
    }

    /// An item of ORDER BY or DISTINCT ON: output column first, then any expression over FROM.
    fn bind_sort_item(
        &mut self,
        expr: &ast::Expr,
        desc: bool,
        nulls_first: Option<bool>,
        items: &[Item],
        clause: &str,
    ) -> Result<SortItem, PlanError> {
        let nulls_first = nulls_first.unwrap_or(desc);
        let by_name = match self.position(expr, items, clause)? {
            Some(position) => Some(position),
            None => self.by_alias(expr, items, clause)?,
        };
        let bound = match by_name {
            Some(item) => items[item].expr.clone(),
            None => {
                let bound = self.bind_expr(expr)?;
                self.typed(bound)?
            }
        };
        let item = by_name.or_else(|| items.iter().position(|i| i.expr == bound));
        Ok(SortItem { expr: bound, item, desc, nulls_first })
    }

    fn bind_group_by(&mut self, group_by: &GroupBy, items: &[Item]) -> Result<Groups, PlanError> {
        let mut groups = Groups::default();
        match group_by {
            GroupBy::All(_) => {
                for item in items {
                    let mut aggregated = false;
                    item.expr.each_column(&mut |n| {
                        aggregated |= slot::level(n) == 0
                            && matches!(Slot::of(n), Slot::Agg(_) | Slot::Window(_));
                    });
                    if !aggregated && !groups.exprs.contains(&item.expr) {
                        groups.exprs.push(item.expr.clone());
                    }
                }
            }
            GroupBy::Exprs(exprs) => {
                for expr in exprs {
                    self.bind_group(expr, items, &mut groups.exprs)?;
                }
            }
            GroupBy::Sets(sets, _) => {
                let mut positions = Vec::with_capacity(sets.len());
                for set in sets {
                    let mut own = Vec::new();
                    for expr in set {
                        self.bind_group(expr, items, &mut own)?;
                    }
                    let mut indices = Vec::with_capacity(own.len());
                    for expr in own {
                        let known = groups.exprs.iter().position(|e| *e == expr);
                        indices.push(known.unwrap_or_else(|| {
                            groups.exprs.push(expr);
                            groups.exprs.len() - 1
                        }));
                    }
                    positions.push(indices);
                }
                groups.sets = Some(positions);
            }
        }
        Ok(groups)
    }

    /// One GROUP BY item: position, input column, select list name, or any expression.
    fn bind_group(
        &mut self,
        expr: &ast::Expr,
        items: &[Item],
        out: &mut Vec<Expr>,
    ) -> Result<(), PlanError> {
        if let Ast::Row(fields) = &expr.kind {
            return fields.iter().try_for_each(|f| self.bind_group(f, items, out));
        }
        let bound = match self.position(expr, items, "GROUP BY")? {
            Some(position) => items[position].expr.clone(),
            None => self.bind_group_expr(expr, items)?,
        };
        let mut error = None;
        bound.each_column(&mut |n| match Slot::of(n) {
            Slot::Agg(_) if slot::level(n) == 0 => {
                error = Some((
                    SqlState::GROUPING_ERROR,
                    "aggregate functions are not allowed in GROUP BY",
                ));
            }
            Slot::Window(_) if slot::level(n) == 0 => {
                error = Some((
                    SqlState::WINDOWING_ERROR,
                    "window functions are not allowed in GROUP BY",
                ));
            }
            _ => {}
        });
        if let Some((state, message)) = error {
            return Err(PlanError::of(state, message).at(self.place(expr.span)));
        }
        let bound = self.typed(bound)?;
        if !out.contains(&bound) {
            out.push(bound);
        }
        Ok(())
    }

    fn bind_group_expr(&mut self, expr: &ast::Expr, items: &[Item]) -> Result<Expr, PlanError> {
        // A name is an input column first, here, and a select list name only if there is no such
        // column.
        match self.bind_expr(expr) {
            Err(error) if error.state == SqlState::UNDEFINED_COLUMN => {
                match self.by_alias(expr, items, "GROUP BY")? {
                    Some(item) => Ok(items[item].expr.clone()),
                    None => Err(error),
                }
            }
            other => other,
        }
    }

    /// The plan of a SELECT whose parts are bound.
    fn stage_select(
        &mut self,
        select: &ast::Select,
        from: Plan,
        parts: Parts,
        level: &Level,
    ) -> Result<Ordered, PlanError> {
        let Parts { conditions, items, groups, having, qualify, distinct_on, order } = parts;
        let mut stage = Stage::new(from);
        let gathered = !level.aggs.is_empty() || !level.groupings.is_empty();
        // HAVING alone makes one group whatever the rows are, so WHERE is not asked.
        if having.is_empty() || groups.is_some() || gathered {
            stage.filter(level, conditions)?;
        }
        if groups.is_some() || gathered || !having.is_empty() {
            let mut groups = groups.unwrap_or_default();
            let mut used: Vec<&Expr> = items.iter().map(|i| &i.expr).collect();
            used.extend(order.iter().chain(&distinct_on).map(|s| &s.expr));
            used.extend(having.iter().chain(&qualify).filter_map(|c| match c {
                Conjunct::Plain(e) => Some(e),
                Conjunct::Semi(_) => None,
            }));
            add_dependent_columns(&mut groups, &used, level);
            self.stage_groups(&mut stage, groups, level)?;
        }
        stage.filter(level, having)?;
        if !level.windows.is_empty() {
            stage.windows(level)?;
        }
        stage.filter(level, qualify)?;
        let mut names: Vec<Arc<str>> = items.iter().map(|i| i.name.clone()).collect();
        let mut exprs = Vec::with_capacity(items.len());
        for item in items {
            exprs.push(stage.lower(level, item.expr)?);
        }
        let width = exprs.len();
        let mut hidden = |stage: &mut Stage, item: SortItem| -> Result<SortKey, PlanError> {
            let column = match item.item {
                Some(column) => column,
                None => {
                    let expr = stage.lower(level, item.expr)?;
                    match exprs.iter().position(|e| *e == expr) {
                        Some(column) => column,
                        None => {
                            exprs.push(expr);
                            names.push("sort".into());
                            exprs.len() - 1
                        }
                    }
                }
            };
            Ok(SortKey { column, desc: item.desc, nulls_first: item.nulls_first })
        };
        let keys: Vec<SortKey> =
            order.into_iter().map(|o| hidden(&mut stage, o)).collect::<Result<_, _>>()?;
        let on: Vec<SortKey> =
            distinct_on.into_iter().map(|o| hidden(&mut stage, o)).collect::<Result<_, _>>()?;
        let mut plan = build::project(stage.plan, exprs, &names);
        plan.span = self.place(select.span);
        match &select.distinct {
            Some(Distinct::All) => plan = build::distinct(plan),
            Some(Distinct::On(_)) => plan = self.distinct_on(plan, &on, &keys, select.span)?,
            None => {}
        }
        Ok(Ordered { plan, width, keys })
    }

    /// The first row, in the query's order, of each combination of the ON values.
    fn distinct_on(
        &self,
        plan: Plan,
        on: &[SortKey],
        keys: &[SortKey],
        span: arena_tr_parser::Span,
    ) -> Result<Plan, PlanError> {
        let partition: Vec<usize> = on.iter().map(|k| k.column).collect();
        let leading = keys.iter().take_while(|k| partition.contains(&k.column)).count();
        let covered = partition.iter().all(|c| keys[..leading].iter().any(|k| k.column == *c));
        if leading < keys.len() && !covered {
            let message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions";
            let error = PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message);
            return Err(error.at(self.place(span)));
        }
        let order = keys[leading..].to_vec();
        Ok(build::over_same(plan, |input| Node::TopN {
            input,
            partition,
            order,
            function: RankFunc::RowNumber,
            limit: Some(1),
            offset: 0,
            number: false,
        }))
    }

    /// Grouping, once or per grouping set.
    fn stage_groups(
        &mut self,
        stage: &mut Stage,
        groups: Groups,
        level: &Level,
    ) -> Result<(), PlanError> {
        let Groups { exprs, sets } = groups;
        let keys = stage.lower_all(level, exprs.clone())?;
        let mut aggs: Vec<AggCall> = Vec::with_capacity(level.aggs.len());
        for agg in &level.aggs {
            let mut agg = agg.clone();
            let mut result = Ok(());
            agg.each_expr_mut(&mut |e| {
                if result.is_ok() {
                    let expr = std::mem::replace(e, Expr::boolean(false));
                    result = stage.lower(level, expr).map(|lowered| *e = lowered);
                }
            });
            result?;
            aggs.push(agg);
        }
        let groupings = grouping_masks(&level.groupings, &exprs)?;
        let input = std::mem::replace(&mut stage.plan, Plan::placeholder());
        let n_aggs = aggs.len();
        let plan = match sets {
            None => {
                let plan = build::aggregate(input, keys, aggs);
                let zeros = groupings.iter().map(|_| mask_value(0)).collect();
                build::append(plan, zeros, "grouping")
            }
            Some(sets) => union_of_sets(input, &keys, &aggs, &groupings, &sets),
        };
        stage.group(plan, Grouped { groups: exprs, aggs: n_aggs });
        Ok(())
    }
}

/// A star's column.
fn column_item(column: &super::scope::ScopeColumn) -> Item {
    let expr = Expr::column(column.position, column.ty.clone(), column.nullable);
    Item { name: column.name.clone(), expr }
}
