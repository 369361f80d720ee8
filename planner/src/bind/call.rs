//! Calls: forms that SQL writes as calls but treats apart, then aggregates, window functions,
//! functions.
//!
//! Invariant: a clause that a kind of call does not take (DISTINCT, FILTER, `*`) is an error, never
//! dropped.

use arena_tr_parser::Span;
use arena_tr_parser::ast::{self, FunctionCall};
use arena_tr_types::{AggFunc, DataType, Func, SqlState, Value};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::Binder;
use super::build;
use super::coerce::{CastContext, null_of, type_name};
use super::types::data_type;
use super::window::window_function;

/// The aggregates of PostgreSQL that are not built (those of kind `a` in its `pg_proc` that
/// [`AggFunc`] lacks): named, so that the error does not say they do not exist.
pub(crate) const OTHER_AGGREGATES: &[&str] = &[
    "bit_and",
    "bit_or",
    "bit_xor",
    "corr",
    "covar_pop",
    "covar_samp",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "range_agg",
    "range_intersect_agg",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "xmlagg",
];

/// Functions that give rows, not a value.
const TABLE_FUNCTIONS: &[&str] = &[
    "generate_series",
    "unnest",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "json_array_elements",
    "json_array_elements_text",
    "jsonb_each",
    "jsonb_each_text",
    "json_each",
    "json_each_text",
    "jsonb_object_keys",
    "json_object_keys",
    "generate_subscripts",
];

impl Binder<'_> {
    /// The meaning of a call.
    pub(crate) fn bind_call(&mut self, call: &FunctionCall) -> Result<Expr, PlanError> {
        let name = self.function_name(&call.name)?;
        let span = call.span;
        if !call.within_group.is_empty() {
            let what = format!("{name} with WITHIN GROUP");
            return Err(PlanError::not_built(what).at(self.place(span)));
        }
        if call.over.is_some() {
            return self.bind_over(&name, call);
        }
        if let Some(func) = AggFunc::by_name(&name) {
            return self.bind_aggregate(func, &name, call);
        }
        if window_function(&name).is_some() {
            let message = format!("window function {name} requires an OVER clause");
            return Err(PlanError::of(SqlState::WRONG_OBJECT_TYPE, message).at(self.place(span)));
        }
        if OTHER_AGGREGATES.contains(&name.as_str()) {
            return Err(PlanError::not_built(format!("aggregate {name}")).at(self.place(span)));
        }
        if TABLE_FUNCTIONS.contains(&name.as_str()) {
            let what = format!("set-returning function {name} outside FROM");
            return Err(PlanError::not_built(what).at(self.place(span)));
        }
        self.refuse_aggregate_clauses(&name, call)?;
        if let Some(bound) = self.bind_special(&name, call)? {
            return Ok(bound);
        }
        let args = self.bind_arguments(&name, call)?;
        if let Some(cast) = self.bind_cast_call(&name, &args)? {
            return Ok(Expr { span: self.place(span), ..cast });
        }
        self.call_by_name(&name, args, span)
    }

    /// The function's own name; only the system's schema may stand before it.
    pub(crate) fn function_name(&self, name: &ast::ObjectName) -> Result<String, PlanError> {
        let last = name.parts[name.parts.len() - 1].name.to_lowercase();
        let schema = name.parts.len().checked_sub(2).map(|i| name.parts[i].name.as_str());
        match schema {
            None | Some("pg_catalog") => Ok(last),
            Some(schema) => {
                let message = format!("function {schema}.{last} does not exist");
                let error = PlanError::of(SqlState::UNDEFINED_FUNCTION, message);
                Err(error.at(self.place(name.span)))
            }
        }
    }

    /// The error of clauses that only aggregates take.
    fn refuse_aggregate_clauses(&self, name: &str, call: &FunctionCall) -> Result<(), PlanError> {
        let what = if call.star {
            format!("{name}(*) specified, but {name} is not an aggregate function")
        } else if call.distinct {
            format!("DISTINCT specified, but {name} is not an aggregate function")
        } else if !call.order_by.is_empty() {
            format!("ORDER BY specified, but {name} is not an aggregate function")
        } else if call.filter.is_some() {
            format!("FILTER specified, but {name} is not an aggregate function")
        } else {
            return Ok(());
        };
        Err(PlanError::of(SqlState::WRONG_OBJECT_TYPE, what).at(self.place(call.span)))
    }

    /// Positional arguments; `make_interval` takes its parts by name.
    fn bind_arguments(&mut self, name: &str, call: &FunctionCall) -> Result<Vec<Expr>, PlanError> {
        const PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
        let named = call.args.iter().any(|(n, _)| n.is_some());
        if !named {
            return call.args.iter().map(|(_, e)| self.bind_expr(e)).collect();
        }
        if name != "make_interval" {
            let what = format!("a named argument of {name}");
            return Err(PlanError::not_built(what).at(self.place(call.span)));
        }
        let zero = |i: usize| match i {
            6 => Expr::literal(Value::Float8(0.0), DataType::Float8),
            _ => Expr::literal(Value::Int4(0), DataType::Int4),
        };
        let mut args: Vec<Expr> = (0..PARTS.len()).map(zero).collect();
        for (i, (part, value)) in call.args.iter().enumerate() {
            let position = match part {
                None => Some(i),
                Some(part) => PARTS.iter().position(|p| *p == part.name),
            };
            let Some(slot) = position.filter(|p| *p < PARTS.len()) else {
                let message = "function make_interval does not take these arguments";
                let error = PlanError::of(SqlState::UNDEFINED_FUNCTION, message);
                return Err(error.at(self.place(call.span)));
            };
            args[slot] = self.bind_expr(value)?;
        }
        Ok(args)
    }

    /// Forms that are no functions in the table.
    fn bind_special(&mut self, name: &str, call: &FunctionCall) -> Result<Option<Expr>, PlanError> {
        let span = call.span;
        let bound = match name {
            "coalesce" => {
                let args = self.bind_arguments(name, call)?;
                self.coalesce(args, span)?
            }
            "nullif" => {
                let args = self.bind_arguments(name, call)?;
                self.null_if(args, span)?
            }
            "greatest" | "least" => {
                let args = self.bind_arguments(name, call)?;
                self.extreme(name, args, span)?
            }
            "now"
            | "current_timestamp"
            | "transaction_timestamp"
            | "statement_timestamp"
            | "current_date"
            | "localtimestamp"
            | "localtime"
                if call.args.is_empty() =>
            {
                let now = Expr {
                    kind: ExprKind::Now,
                    ty: DataType::TimestampTz,
                    nullable: false,
                    span: self.place(span),
                };
                match name {
                    "current_date" => super::coerce::cast(now, DataType::Date),
                    "localtimestamp" => super::coerce::cast(now, DataType::Timestamp),
                    "localtime" => super::coerce::cast(now, DataType::Time),
                    _ => now,
                }
            }
            "current_time" => {
                let what = "type time with time zone";
                return Err(PlanError::not_built(what).at(self.place(span)));
            }
            "pg_typeof" if call.args.len() == 1 => {
                let args = self.bind_arguments(name, call)?;
                let ty = type_name(&args[0].ty);
                let value = Value::Text(ty.as_str().into());
                Expr { span: self.place(span), ..Expr::literal(value, DataType::Text) }
            }
            "like" | "notlike" if call.args.len() == 2 => {
                let args = self.bind_arguments(name, call)?;
                let like = self.call_operator(Func::Like, args, span)?;
                if name == "like" { like } else { build::not(like) }
            }
            "grouping" => self.bind_grouping(call)?,
            _ => return Ok(None),
        };
        Ok(Some(bound))
    }

    fn coalesce(&mut self, args: Vec<Expr>, span: Span) -> Result<Expr, PlanError> {
        if args.is_empty() {
            return Err(self.syntax("COALESCE needs at least one argument", span));
        }
        let ty = super::coerce::common_type(args.iter().map(|e| &e.ty));
        let mut args = self.unify(args, "COALESCE")?;
        if args.len() == 1 {
            return Ok(args.remove(0));
        }
        let nullable = args.iter().all(|e| e.nullable);
        let ty = ty.unwrap_or(DataType::Text);
        Ok(Expr { kind: ExprKind::Coalesce(args), ty, nullable, span: self.place(span) })
    }

    /// NULLIF(a, b): NULL where they are equal, else a, in a's own type.
    fn null_if(&mut self, args: Vec<Expr>, span: Span) -> Result<Expr, PlanError> {
        let [a, b] = <[Expr; 2]>::try_from(args)
            .map_err(|_| self.syntax("NULLIF needs two arguments", span))?;
        let equal = self.compare(Func::Eq, a.clone(), b).map_err(|e| e.at(self.place(span)))?;
        let a = self.typed(a)?;
        let ty = a.ty.clone();
        let branches = vec![(equal, null_of(ty.clone()))];
        let kind = ExprKind::Case { branches, otherwise: Some(Box::new(a)) };
        Ok(Expr { kind, ty, nullable: true, span: self.place(span) })
    }

    fn extreme(&mut self, name: &str, args: Vec<Expr>, span: Span) -> Result<Expr, PlanError> {
        let upper = name.to_uppercase();
        if args.is_empty() {
            return Err(self.syntax(&format!("{upper} needs at least one argument"), span));
        }
        let ty = super::coerce::common_type(args.iter().map(|e| &e.ty)).unwrap_or(DataType::Text);
        let args = self.unify(args, &upper)?;
        let nullable = args.iter().all(|e| e.nullable);
        let func = if name == "greatest" { Func::Greatest } else { Func::Least };
        let kind = ExprKind::Call { func, args };
        Ok(Expr { kind, ty, nullable, span: self.place(span) })
    }

    /// `date(x)`, `text(x)`: a type's name called with one argument casts, where no function has
    /// that name.
    fn bind_cast_call(&mut self, name: &str, args: &[Expr]) -> Result<Option<Expr>, PlanError> {
        let known = arena_tr_types::function::signatures_by_name(name).next().is_some();
        let [arg] = args else { return Ok(None) };
        if known || matches!(name, "row" | "struct" | "char" | "interval" | "timestamp" | "time") {
            return Ok(None);
        }
        let span = arg.span.unwrap_or_default();
        let ty = ast::TypeName {
            name: name.to_owned(),
            args: Vec::new(),
            array_dims: 0,
            fields: Vec::new(),
            span,
        };
        match data_type(&ty) {
            Ok(ty) => self.coerce(arg.clone(), &ty, CastContext::Explicit).map(Some),
            Err(_) => Ok(None),
        }
    }
}
