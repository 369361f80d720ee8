//! Subqueries: as conditions of WHERE and HAVING they become semi and anti joins, elsewhere scalar
//! values.
//!
//! Every subquery inside an expression is bound as a scalar one: EXISTS is `count(*) > 0`, IN and
//! its kin are CASEs over counts, three-valued as SQL wants them.
//! Invariant: a plan in [`super::Level::subs`] has one column and sees the query around it as level
//! 1.

use arena_tr_parser::Span;
use arena_tr_parser::ast::{self, BinaryOp, ExprKind as Ast};
use arena_tr_types::{AggFunc, DataType, Func, Value};

use crate::error::PlanError;
use crate::logical::{AggCall, Expr, ExprKind, JoinKind, Node, Plan};

use super::Binder;
use super::build;
use super::coerce::{comparison_type, null_of};
use super::function::operator_error;
use super::operator::{Operand, comparison, negated};
use super::slot::Slot;
use super::walk::{is_correlated, push_down};

/// One conjunct of WHERE or HAVING.
#[derive(Debug)]
pub(crate) enum Conjunct {
    /// A condition.
    Plain(Expr),
    /// A condition on the rows of a subquery.
    Semi(SemiCondition),
}

/// `[NOT] EXISTS`, `[NOT] IN`, `op ANY`, `op ALL` as a join.
#[derive(Debug)]
pub(crate) struct SemiCondition {
    /// The subquery; level 1 is the query around.
    pub(crate) sub: Plan,
    /// Comparisons: function, value of the query around, value over the subquery's columns.
    pub(crate) pairs: Vec<(Func, Expr, Expr)>,
    /// Rows are kept that have no partner; an unknown comparison counts as a partner.
    pub(crate) anti: bool,
    /// Where.
    pub(crate) span: Option<Span>,
}

/// What a comparison with a subquery's rows compares.
struct Compared {
    sub: Plan,
    pairs: Vec<(Func, Expr, Expr)>,
}

impl Binder<'_> {
    /// The conjuncts of a condition; `what` names the clause for a type error.
    pub(crate) fn bind_condition(
        &mut self,
        expr: &ast::Expr,
        what: &str,
        out: &mut Vec<Conjunct>,
    ) -> Result<(), PlanError> {
        match &expr.kind {
            Ast::And(arms) => {
                return arms.iter().try_for_each(|arm| self.bind_condition(arm, "AND", out));
            }
            Ast::Unary(ast::UnaryOp::Not, inner) => {
                if let Some(condition) = self.semi_condition(inner, true)? {
                    out.push(condition);
                    return Ok(());
                }
            }
            _ => {
                if let Some(condition) = self.semi_condition(expr, false)? {
                    out.push(condition);
                    return Ok(());
                }
            }
        }
        let bound = self.bind_expr(expr)?;
        let bound = self.boolean(bound, what)?;
        let mut arms = Vec::new();
        bound.into_conjuncts(&mut arms);
        out.extend(arms.into_iter().map(Conjunct::Plain));
        Ok(())
    }

    /// The condition as a semi or anti join, if it is a test of a subquery.
    fn semi_condition(
        &mut self,
        expr: &ast::Expr,
        negate: bool,
    ) -> Result<Option<Conjunct>, PlanError> {
        let span = self.place(expr.span);
        let (compared, anti) = match &expr.kind {
            Ast::Exists { query, negated } => {
                let sub = existence(self.bind_subquery(query)?);
                if always_one_row(&sub) {
                    return Ok(Some(Conjunct::Plain(Expr::boolean(*negated == negate))));
                }
                (Compared { sub, pairs: Vec::new() }, *negated != negate)
            }
            Ast::InQuery { expr: value, query, negated } => {
                let compared = self.compare_with_query(value, Func::Eq, query, expr.span)?;
                (compared, *negated != negate)
            }
            Ast::Quantified { expr: value, op, all, right } => {
                let (Ast::Subquery(query), Some(func)) = (&right.kind, comparison(*op)) else {
                    return Ok(None);
                };
                // All are so: there is none that is not so.
                let func = if *all { negated(func) } else { func };
                if matches!(value.kind, Ast::Row(_)) && func != Func::Eq {
                    return Ok(None);
                }
                (self.compare_with_query(value, func, query, expr.span)?, *all != negate)
            }
            _ => return Ok(None),
        };
        let Compared { sub, pairs } = compared;
        Ok(Some(Conjunct::Semi(SemiCondition { sub, pairs, anti, span })))
    }

    /// A subquery's plan, seen from the query at hand.
    pub(crate) fn bind_subquery(&mut self, query: &ast::Query) -> Result<Plan, PlanError> {
        let clause = self.level().clause;
        if !clause.allows_subqueries() {
            let message = format!("cannot use subquery in {}", clause.name());
            let state = arena_tr_types::SqlState::FEATURE_NOT_SUPPORTED;
            return Err(PlanError::of(state, message).at(self.place(query.span)));
        }
        self.bind_nested(query)
    }

    /// `(query)` as a value.
    pub(crate) fn bind_scalar_subquery(
        &mut self,
        query: &ast::Query,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let plan = self.bind_subquery(query)?;
        if plan.width() != 1 {
            return Err(self.syntax("subquery must return only one column", span));
        }
        Ok(self.enter_subquery(plan, span))
    }

    /// Adds a scalar subquery to the query at hand.
    fn enter_subquery(&mut self, plan: Plan, span: Span) -> Expr {
        let field = plan.schema.fields[0].clone();
        let nullable = field.nullable || !always_one_row(&plan);
        let subs = &mut self.level().subs;
        subs.push(plan);
        let kind = ExprKind::Column(Slot::Sub(subs.len() - 1).number());
        Expr { kind, ty: field.data_type, nullable, span: self.place(span) }
    }

    /// EXISTS as a value: `count(*) > 0`.
    pub(crate) fn bind_exists(
        &mut self,
        query: &ast::Query,
        negate: bool,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let sub = existence(self.bind_subquery(query)?);
        if always_one_row(&sub) {
            return Ok(Expr::boolean(!negate));
        }
        let func = if negate { Func::Eq } else { Func::Gt };
        let exists = self.scalar_over(sub, vec![count_star()], |columns| {
            Expr::predicate(func, vec![columns[0].clone(), zero()])
        });
        Ok(self.enter_subquery(exists, span))
    }

    /// A scalar subquery: aggregates over a plan, and a value of them.
    fn scalar_over(
        &self,
        sub: Plan,
        aggs: Vec<AggCall>,
        value: impl FnOnce(&[Expr]) -> Expr,
    ) -> Plan {
        let grouped = build::aggregate(sub, Vec::new(), aggs);
        let value = value(&grouped.columns());
        build::project(grouped, vec![value], &["value"])
    }

    /// IN (query) as a value.
    pub(crate) fn bind_in_query(
        &mut self,
        value: &ast::Expr,
        query: &ast::Query,
        negate: bool,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let compared = self.compare_with_query(value, Func::Eq, query, span)?;
        let found = match compared.pairs.as_slice() {
            [(_, value, inner)] if !is_correlated(&compared.sub) => {
                let (value, inner) = (value.clone(), inner.clone());
                self.in_set(compared.sub, value, inner, span)
            }
            _ => self.any_row(compared, span)?,
        };
        Ok(if negate { build::not(found) } else { found })
    }

    /// `value op ANY|ALL (query or array)` as a value.
    pub(crate) fn bind_quantified(
        &mut self,
        value: &ast::Expr,
        op: BinaryOp,
        all: bool,
        right: &ast::Expr,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let Ast::Subquery(query) = &right.kind else {
            let value = self.bind_expr(value)?;
            let right = self.bind_expr(right)?;
            return self.bind_any_array(value, op, all, right, span);
        };
        let Some(func) = comparison(op) else {
            let what = "ANY or ALL of a query with an operator that is no comparison";
            return Err(PlanError::not_built(what).at(self.place(span)));
        };
        // All are so: there is none that is not so.
        let func = if all { negated(func) } else { func };
        let compared = self.compare_with_query(value, func, query, span)?;
        let any = self.any_row(compared, span)?;
        Ok(if all { build::not(any) } else { any })
    }

    /// A value or row beside a subquery's columns, in the types in which they are compared.
    fn compare_with_query(
        &mut self,
        value: &ast::Expr,
        func: Func,
        query: &ast::Query,
        span: Span,
    ) -> Result<Compared, PlanError> {
        let values = match self.bind_operand(value)? {
            Operand::Scalar(e) => vec![e],
            Operand::Row(fields) => fields,
        };
        let sub = self.bind_subquery(query)?;
        if sub.width() != values.len() {
            let message = if sub.width() > values.len() {
                "subquery has too many columns"
            } else {
                "subquery has too few columns"
            };
            return Err(self.syntax(message, span));
        }
        let mut pairs = Vec::with_capacity(values.len());
        for (value, column) in values.into_iter().zip(sub.columns()) {
            let Some(ty) = comparison_type(&value.ty, &column.ty) else {
                let types = [value.ty, column.ty];
                let error = operator_error("operator does not exist", func, &types, false);
                return Err(error.at(self.place(span)));
            };
            pairs.push((func, self.implicit(value, &ty)?, self.implicit(column, &ty)?));
        }
        Ok(Compared { sub, pairs })
    }

    /// Whether any row fulfils all comparisons: true if one does, NULL if one might, else false.
    fn any_row(&mut self, compared: Compared, span: Span) -> Result<Expr, PlanError> {
        let Compared { sub, pairs } = compared;
        let func = pairs.first().map_or(Func::Eq, |p| p.0);
        let (values, inner): (Vec<Expr>, Vec<Expr>) =
            pairs.into_iter().map(|(_, value, inner)| (push_down(value), inner)).unzip();
        let holds = self.compare_rows(func, values, inner, span)?;
        let nullable = holds.nullable;
        let unknown = build::boolean(ExprKind::IsNull(Box::new(holds.clone())), false, None);
        let mut aggs = vec![AggCall { filter: Some(holds), ..count_star() }];
        if nullable {
            aggs.push(AggCall { filter: Some(unknown), ..count_star() });
        }
        let plan = self.scalar_over(sub, aggs, |columns| {
            let some = |c: &Expr| Expr::predicate(Func::Gt, vec![c.clone(), zero()]);
            let Some(unknown) = columns.get(1) else { return some(&columns[0]) };
            three_valued(some(&columns[0]), some(unknown))
        });
        Ok(self.enter_subquery(plan, span))
    }

    /// `value IN (set)` for a set that does not depend on the query around: one lookup, two counts.
    fn in_set(&mut self, sub: Plan, value: Expr, inner: Expr, span: Span) -> Expr {
        let some = |c: Expr| Expr::predicate(Func::Gt, vec![c, zero()]);
        let equal = Expr::predicate(Func::Eq, vec![push_down(value.clone()), inner.clone()]);
        let never_null = !value.nullable && !inner.nullable;
        let matches = build::filter(sub.clone(), equal);
        let matches = self.scalar_over(matches, vec![count_star()], |columns| columns[0].clone());
        let found = some(self.enter_subquery(matches, span));
        if never_null {
            return found;
        }
        let is_null = build::boolean(ExprKind::IsNull(Box::new(inner)), false, None);
        let nulls = AggCall { filter: Some(is_null), ..count_star() };
        let nulls = self.scalar_over(sub.clone(), vec![nulls], |columns| columns[0].clone());
        let total = self.scalar_over(sub, vec![count_star()], |columns| columns[0].clone());
        let nulls = some(self.enter_subquery(nulls, span));
        let total = some(self.enter_subquery(total, span));
        let no_value = build::boolean(ExprKind::IsNull(Box::new(value)), false, None);
        let no_value = build::boolean(ExprKind::And(vec![no_value, total]), false, None);
        let unknown = build::boolean(ExprKind::Or(vec![no_value, nulls]), false, None);
        three_valued(found, unknown)
    }
}

/// TRUE, else NULL, else FALSE.
fn three_valued(yes: Expr, unknown: Expr) -> Expr {
    let branches = vec![(yes, Expr::boolean(true)), (unknown, null_of(DataType::Bool))];
    let otherwise = Some(Box::new(Expr::boolean(false)));
    build::boolean(ExprKind::Case { branches, otherwise }, true, None)
}

fn zero() -> Expr {
    Expr::literal(Value::Int8(0), DataType::Int8)
}

/// count(*).
pub(crate) fn count_star() -> AggCall {
    AggCall {
        func: AggFunc::CountStar,
        args: Vec::new(),
        distinct: false,
        filter: None,
        order: Vec::new(),
        ty: DataType::Int8,
        nullable: false,
        span: None,
    }
}

/// The plan without what cannot change whether it has rows.
fn existence(plan: Plan) -> Plan {
    match plan.node {
        Node::Project { input, .. } | Node::Distinct { input } | Node::Sort { input, .. } => {
            existence(*input)
        }
        Node::Limit { input, limit, offset: 0 } if limit != Some(0) => existence(*input),
        _ => plan,
    }
}

/// Whether the plan gives exactly one row, whatever is in the tables.
pub(crate) fn always_one_row(plan: &Plan) -> bool {
    match &plan.node {
        Node::Aggregate { group, .. } => group.is_empty(),
        Node::Project { input, .. } | Node::Sort { input, .. } => always_one_row(input),
        Node::Limit { input, limit, offset: 0 } => *limit != Some(0) && always_one_row(input),
        Node::Values { rows } => rows.len() == 1,
        Node::Join { left, right, kind: JoinKind::Inner | JoinKind::Left, on: None } => {
            always_one_row(left) && always_one_row(right)
        }
        _ => false,
    }
}

/// Whether the plan gives one row at most for any one row of the query around.
pub(crate) fn one_row_at_most(plan: &Plan) -> bool {
    match &plan.node {
        Node::Project { input, .. }
        | Node::Sort { input, .. }
        | Node::Filter { input, .. }
        | Node::Distinct { input } => one_row_at_most(input),
        Node::Limit { input, limit, .. } => limit.is_some_and(|n| n <= 1) || one_row_at_most(input),
        _ => always_one_row(plan),
    }
}
