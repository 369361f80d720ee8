//! Aggregate calls: where they may stand, what they take, what they give.
//!
//! A call becomes an entry of its SELECT's list; the expression around it names the entry.
//! Invariant: equal calls of one SELECT share an entry.

use arena_tr_parser::ast::{self, FunctionCall};
use arena_tr_types::{AggFunc, DataType, SqlState, Value};

use crate::error::PlanError;
use crate::logical::expr::SortKeyExpr;
use crate::logical::{AggCall, Expr, ExprKind};

use super::coerce::CastContext;
use super::function::list;
use super::slot::{self, Slot};
use super::{Binder, Clause, Inside};

/// Keeps an aggregate's input from being computed, and failing, for rows that the filter
/// leaves out.
fn guard(input: &mut Expr, filter: &Expr) {
    let computes = |e: &Expr| matches!(e.kind, ExprKind::Call { .. } | ExprKind::Cast { .. });
    if !input.any(&computes) {
        return;
    }
    let (ty, span) = (input.ty.clone(), input.span);
    let place = Expr { kind: ExprKind::Literal(Value::Null), ty: ty.clone(), nullable: true, span };
    let branches = vec![(filter.clone(), std::mem::replace(input, place))];
    let kind = ExprKind::Case { branches, otherwise: None };
    *input = Expr { kind, ty, nullable: true, span };
}

impl Binder<'_> {
    /// An aggregate without OVER.
    pub(crate) fn bind_aggregate(
        &mut self,
        func: AggFunc,
        name: &str,
        call: &FunctionCall,
    ) -> Result<Expr, PlanError> {
        let place = self.place(call.span);
        let call = self.bind_agg_call(func, name, call)?;
        let up = own_level(&call);
        if up > 0 {
            return self.aggregate_outside(call, up);
        }
        self.check_aggregate_allowed(0).map_err(|e| e.at(place))?;
        let (ty, nullable) = (call.ty.clone(), call.nullable);
        let index = self.enter_aggregate(0, call);
        let kind = ExprKind::Column(Slot::Agg(index).number());
        Ok(Expr { kind, ty, nullable, span: place })
    }

    /// An aggregate over columns of an enclosing query only: it belongs to that query.
    fn aggregate_outside(&mut self, mut call: AggCall, up: usize) -> Result<Expr, PlanError> {
        self.check_aggregate_allowed(up).map_err(|e| e.at(call.span))?;
        call.each_expr_mut(&mut |e| {
            e.map_columns(&|n| slot::shallower(n, up));
        });
        let (ty, nullable, span) = (call.ty.clone(), call.nullable, call.span);
        let index = self.enter_aggregate(up, call);
        let number = slot::deeper(Slot::Agg(index).number(), up);
        Ok(Expr { kind: ExprKind::Column(number), ty, nullable, span })
    }

    /// Adds a call to the list of the query `up` levels out, or finds its equal there.
    fn enter_aggregate(&mut self, up: usize, call: AggCall) -> usize {
        let depth = self.levels.len() - 1 - up;
        let aggs = &mut self.levels[depth].aggs;
        match aggs.iter().position(|a| *a == call) {
            Some(index) => index,
            None => {
                aggs.push(call);
                aggs.len() - 1
            }
        }
    }

    fn check_aggregate_allowed(&self, up: usize) -> Result<(), PlanError> {
        let level = &self.levels[self.levels.len() - 1 - up];
        let message = if !level.clause.allows_aggregates() {
            format!("aggregate functions are not allowed in {}", level.clause.name())
        } else if level.inside == Inside::Aggregate {
            "aggregate function calls cannot be nested".to_owned()
        } else {
            return Ok(());
        };
        Err(PlanError::of(SqlState::GROUPING_ERROR, message))
    }

    /// The call with typed arguments.
    pub(crate) fn bind_agg_call(
        &mut self,
        func: AggFunc,
        name: &str,
        call: &FunctionCall,
    ) -> Result<AggCall, PlanError> {
        let outer = std::mem::replace(&mut self.level().inside, Inside::Aggregate);
        let result = self.bind_agg_parts(func, name, call);
        self.level().inside = outer;
        result
    }

    pub(crate) fn bind_agg_parts(
        &mut self,
        func: AggFunc,
        name: &str,
        call: &FunctionCall,
    ) -> Result<AggCall, PlanError> {
        let place = self.place(call.span);
        let mut args = Vec::with_capacity(call.args.len());
        for (label, arg) in &call.args {
            if label.is_some() {
                let what = format!("a named argument of {name}");
                return Err(PlanError::not_built(what).at(place));
            }
            args.push(self.bind_expr(arg)?);
        }
        let func = match (func, call.star, args.len()) {
            (AggFunc::Count, true, 0) => AggFunc::CountStar,
            (AggFunc::Count, false, 0) => {
                let message = "count(*) must be used to call a parameterless aggregate function";
                return Err(PlanError::of(SqlState::WRONG_OBJECT_TYPE, message).at(place));
            }
            (func, _, _) => func,
        };
        let (mut args, ty) = self.type_aggregate(func, name, args).map_err(|e| e.at(place))?;
        let mut order = self.bind_sort_keys(&call.order_by)?;
        if call.distinct && order.iter().any(|k| !args.contains(&k.expr)) {
            let message = "in an aggregate with DISTINCT, ORDER BY expressions must appear in \
                           argument list";
            return Err(PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message).at(place));
        }
        let filter = match &call.filter {
            Some(filter) => {
                let outer = std::mem::replace(&mut self.level().clause, Clause::Filter);
                let bound = self.bind_expr(filter);
                self.level().clause = outer;
                Some(self.boolean(bound?, "FILTER")?)
            }
            None => None,
        };
        if let Some(filter) = &filter {
            let inputs = args.iter_mut().chain(order.iter_mut().map(|key| &mut key.expr));
            inputs.for_each(|input| guard(input, filter));
        }
        let nullable = !matches!(func, AggFunc::Count | AggFunc::CountStar);
        let distinct = call.distinct && func != AggFunc::CountStar;
        Ok(AggCall { func, args, distinct, filter, order, ty, nullable, span: place })
    }

    /// ORDER BY items inside a call or a window: expressions, never positions.
    pub(crate) fn bind_sort_keys(
        &mut self,
        items: &[ast::OrderBy],
    ) -> Result<Vec<SortKeyExpr>, PlanError> {
        let mut keys = Vec::with_capacity(items.len());
        for item in items {
            let expr = self.bind_expr(&item.expr)?;
            let expr = self.typed(expr)?;
            let nulls_first = item.nulls_first.unwrap_or(item.desc);
            keys.push(SortKeyExpr { expr, desc: item.desc, nulls_first });
        }
        Ok(keys)
    }

    /// The arguments in the types the aggregate takes, and its result type.
    pub(crate) fn type_aggregate(
        &mut self,
        func: AggFunc,
        name: &str,
        mut args: Vec<Expr>,
    ) -> Result<(Vec<Expr>, DataType), PlanError> {
        use AggFunc as A;
        use DataType as T;
        let types: Vec<T> = args.iter().map(|e| e.ty.clone()).collect();
        let arity = match func {
            A::CountStar => 0,
            A::StringAgg => 2,
            A::Count => args.len().max(1),
            _ => 1,
        };
        let unknown = || {
            let message = format!("function {name}({}) does not exist", list(&types));
            PlanError::of(SqlState::UNDEFINED_FUNCTION, message).with_hint(
                "No function matches the given name and argument types. You might need to add \
                 explicit type casts.",
            )
        };
        if args.len() != arity || func == A::Count && args.len() != 1 {
            return Err(unknown());
        }
        if matches!(func, A::CountStar) {
            return Ok((args, T::Int8));
        }
        let first = args[0].clone();
        args[0] = match (func, &types[0]) {
            (A::Sum | A::Avg, T::Unknown) if args[0].as_literal() != Some(&Value::Null) => {
                let message = format!("function {name}(unknown) is not unique");
                return Err(PlanError::of(SqlState::AMBIGUOUS_FUNCTION, message)
                    .with_hint("Cast the argument to the type that is meant."));
            }
            (A::BoolAnd | A::BoolOr, T::Unknown) => self.implicit(args[0].clone(), &T::Bool)?,
            (
                A::Sum | A::Avg | A::VarPop | A::VarSamp | A::StddevPop | A::StddevSamp,
                T::Unknown,
            ) => self.implicit(args[0].clone(), &T::Float8)?,
            _ => self.typed(args[0].clone())?,
        };
        let input = args[0].ty.clone();
        let ret = match func {
            A::Count => Some(T::Int8),
            A::Sum => sum_type(&input),
            A::Avg => average_type(&input),
            A::VarPop | A::VarSamp | A::StddevPop | A::StddevSamp => match input {
                T::Interval => None,
                ref other => average_type(other),
            },
            A::Min | A::Max => extreme_type(&input),
            A::BoolAnd | A::BoolOr => (input == T::Bool).then_some(T::Bool),
            A::ArrayAgg => match input {
                T::List(_) => return Err(PlanError::not_built("array_agg of arrays")),
                other => Some(T::List(Box::new(other))),
            },
            A::StringAgg => {
                let of = if types.contains(&T::Bytea) { T::Bytea } else { T::Text };
                // The first argument has its type already; a constant may still be bytes.
                let given = std::mem::replace(&mut args[0], first);
                if of == T::Text {
                    args[0] = given;
                }
                for arg in &mut args {
                    *arg = self
                        .coerce(arg.clone(), &of, CastContext::Implicit)
                        .map_err(|_| unknown())?;
                }
                Some(of)
            }
            A::FirstValue | A::LastValue | A::SingleValue => Some(input),
            _ => None,
        };
        Ok((args, ret.ok_or_else(unknown)?))
    }

    /// GROUPING(a, b): which of the arguments the row is not grouped by, as bits.
    pub(crate) fn bind_grouping(&mut self, call: &FunctionCall) -> Result<Expr, PlanError> {
        let place = self.place(call.span);
        if !self.level().clause.allows_aggregates() {
            let clause = self.level().clause.name();
            let message = format!("grouping operations are not allowed in {clause}");
            return Err(PlanError::of(SqlState::GROUPING_ERROR, message).at(place));
        }
        if call.args.len() > 31 {
            let message = "GROUPING must have fewer than 32 arguments";
            return Err(PlanError::of(SqlState("54023"), message).at(place));
        }
        let args: Vec<Expr> =
            call.args.iter().map(|(_, e)| self.bind_expr(e)).collect::<Result<_, _>>()?;
        let groupings = &mut self.level().groupings;
        groupings.push(args);
        let number = Slot::Grouping(groupings.len() - 1).number();
        let kind = ExprKind::Column(number);
        Ok(Expr { kind, ty: DataType::Int4, nullable: false, span: place })
    }
}

/// How many queries outward all columns of a call belong; 0 if any is of the query at hand, or none
/// is named.
fn own_level(call: &AggCall) -> usize {
    let mut least: Option<usize> = None;
    call.each_expr(&mut |e| {
        e.each_column(&mut |n| {
            let level = slot::level(n);
            least = Some(least.map_or(level, |l| l.min(level)));
        });
    });
    least.unwrap_or(0)
}

fn sum_type(input: &DataType) -> Option<DataType> {
    Some(match input {
        DataType::Int2 | DataType::Int4 => DataType::Int8,
        DataType::Int8 | DataType::Numeric(_) => DataType::Numeric(None),
        DataType::Float4 => DataType::Float4,
        DataType::Float8 => DataType::Float8,
        DataType::Interval => DataType::Interval,
        _ => return None,
    })
}

fn average_type(input: &DataType) -> Option<DataType> {
    Some(match input {
        t if t.is_integer() => DataType::Numeric(None),
        DataType::Numeric(_) => DataType::Numeric(None),
        DataType::Float4 | DataType::Float8 => DataType::Float8,
        DataType::Interval => DataType::Interval,
        _ => return None,
    })
}

/// What min and max give: nothing for types that PostgreSQL has no min and max of.
fn extreme_type(input: &DataType) -> Option<DataType> {
    Some(match input {
        DataType::Bool | DataType::Jsonb | DataType::Uuid | DataType::Bytea => return None,
        DataType::Struct(_) | DataType::Unknown => return None,
        DataType::Varchar(_) => DataType::Text,
        DataType::Numeric(_) => DataType::Numeric(None),
        other => other.clone(),
    })
}
