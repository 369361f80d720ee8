//! Expressions: from tree to typed form.
//!
//! One method per family of constructs; what the operators mean stands in [`super::operator`],
//! calls in [`super::call`], subqueries in [`super::subquery`].
//! Invariant: a bound expression has a type; only literals, NULLs and parameters may still be
//! `Unknown`.

use arena_tr_parser::Span;
use arena_tr_parser::ast::{self, ExprKind as Ast, Literal};
use arena_tr_types::{DataType, Func, SqlError, SqlState, Value};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind};

use super::Binder;
use super::build;
use super::coerce::{CastContext, null_of, type_name};
use super::types::cast_target;

impl Binder<'_> {
    /// The meaning of an expression in the clause at hand.
    pub(crate) fn bind_expr(&mut self, expr: &ast::Expr) -> Result<Expr, PlanError> {
        let span = expr.span;
        match &expr.kind {
            Ast::Literal(literal) => self.bind_literal(literal, span),
            Ast::Param(n) => self.bind_param(*n, span),
            Ast::Column(parts) => self.bind_column(parts, span),
            Ast::Unary(op, e) => self.bind_unary(*op, e, span),
            Ast::Binary(op, a, b) => self.bind_binary(*op, a, b, span),
            Ast::And(arms) => self.bind_logic(arms, "AND", span),
            Ast::Or(arms) => self.bind_logic(arms, "OR", span),
            Ast::IsNull { expr, negated } => self.bind_is_null(expr, *negated, span),
            Ast::IsBool { expr, value, negated } => self.bind_is_bool(expr, *value, *negated, span),
            Ast::IsDistinct { left, right, negated } => {
                self.bind_is_distinct(left, right, *negated, span)
            }
            Ast::Between { .. } => self.bind_between(expr),
            Ast::InList { expr, list, negated } => self.bind_in_list(expr, list, *negated, span),
            Ast::InQuery { expr, query, negated } => {
                self.bind_in_query(expr, query, *negated, span)
            }
            Ast::Exists { query, negated } => self.bind_exists(query, *negated, span),
            Ast::Subquery(query) => self.bind_scalar_subquery(query, span),
            Ast::Quantified { expr, op, all, right } => {
                self.bind_quantified(expr, *op, *all, right, span)
            }
            Ast::Like { .. } => self.bind_like(expr),
            Ast::Case { operand, branches, otherwise } => {
                self.bind_case(operand.as_deref(), branches, otherwise.as_deref(), span)
            }
            Ast::Cast { expr, to, try_ } => self.bind_cast(expr, to, *try_, span),
            Ast::TypedString { data_type: ty, value } => self.bind_typed_string(ty, value, span),
            Ast::Extract { field, expr } => {
                let field = Expr::literal(Value::Text(field.as_str().into()), DataType::Text);
                let value = self.bind_expr(expr)?;
                self.call_by_name("extract", vec![field, value], span)
            }
            Ast::Call(call) => self.bind_call(call),
            Ast::Array(items) => self.bind_array(items, span),
            Ast::Row(items) => self.bind_row(items, span),
            Ast::Index(base, index) => self.bind_index(base, index, span),
            Ast::Slice(base, low, high) => {
                self.bind_slice(base, low.as_deref(), high.as_deref(), span)
            }
            Ast::Field(base, field) => self.bind_field(base, field, span),
            Ast::AtTimeZone(value, zone) => {
                let value = self.bind_expr(value)?;
                let zone = self.bind_expr(zone)?;
                self.call_by_name("timezone", vec![zone, value], span)
            }
            Ast::Collate(value, name) => self.bind_collate(value, name),
            Ast::Default => Err(self.syntax("DEFAULT is not allowed in this context", span)),
            Ast::Wildcard => Err(self.syntax("* is not allowed in this context", span)),
            Ast::Unsupported(what) => Err(PlanError::not_built(what).at(self.place(span))),
        }
    }

    /// A syntax error that only binding can see.
    pub(crate) fn syntax(&self, message: &str, span: Span) -> PlanError {
        PlanError::of(SqlState::SYNTAX_ERROR, message).at(self.place(span))
    }

    /// Binds each.
    pub(crate) fn bind_all(&mut self, exprs: &[ast::Expr]) -> Result<Vec<Expr>, PlanError> {
        exprs.iter().map(|e| self.bind_expr(e)).collect()
    }

    fn bind_param(&mut self, number: u32, span: Span) -> Result<Expr, PlanError> {
        if number == 0 {
            let error = PlanError::of(SqlState::UNDEFINED_PARAMETER, "there is no parameter $0");
            return Err(error.at(self.place(span)));
        }
        let index = number as usize - 1;
        if let Some(value) = self.options.param_values.get(index) {
            // A known text is like a literal in quotes: it takes the type of its context.
            let declared = self.options.param_types.get(index).cloned();
            let ty = match value {
                Value::Null | Value::Text(_) => DataType::Unknown,
                other => declared.unwrap_or_else(|| other.data_type()),
            };
            let nullable = value.is_null();
            let kind = ExprKind::Literal(value.clone());
            return Ok(Expr { kind, ty, nullable, span: self.place(span) });
        }
        let ty = self.type_parameter(index, &DataType::Unknown);
        Ok(Expr { kind: ExprKind::Param(index), ty, nullable: true, span: self.place(span) })
    }

    fn bind_logic(
        &mut self,
        arms: &[ast::Expr],
        what: &str,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let mut bound = Vec::with_capacity(arms.len());
        for arm in arms {
            let arm = self.bind_expr(arm)?;
            bound.push(self.boolean(arm, what)?);
        }
        let nullable = bound.iter().any(|e| e.nullable);
        let kind = if what == "AND" { ExprKind::And(bound) } else { ExprKind::Or(bound) };
        Ok(build::boolean(kind, nullable, self.place(span)))
    }

    fn bind_is_null(
        &mut self,
        expr: &ast::Expr,
        negated: bool,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let place = self.place(span);
        let is_null = |e: Expr| build::boolean(ExprKind::IsNull(Box::new(e)), false, place);
        let test = |e: Expr| if negated { build::not(is_null(e)) } else { is_null(e) };
        if let Ast::Row(items) = &expr.kind {
            // A row is NULL if all its fields are, and NOT NULL if none is.
            let tests = self.bind_all(items)?.into_iter().map(test).collect();
            return Ok(build::and(tests).unwrap_or_else(|| Expr::boolean(!negated)));
        }
        let bound = self.bind_expr(expr)?;
        let bound = self.typed(bound)?;
        Ok(test(bound))
    }

    /// The expression with TEXT for a type that nothing decides.
    pub(crate) fn typed(&mut self, expr: Expr) -> Result<Expr, PlanError> {
        match expr.ty {
            DataType::Unknown => self.implicit(expr, &DataType::Text),
            _ => Ok(expr),
        }
    }

    fn bind_is_bool(
        &mut self,
        expr: &ast::Expr,
        value: Option<bool>,
        negated: bool,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let name = match value {
            Some(true) => "IS TRUE",
            Some(false) => "IS FALSE",
            None => "IS UNKNOWN",
        };
        let bound = self.bind_expr(expr)?;
        let bound = self.boolean(bound, name)?;
        let test = match value {
            Some(true) => build::or_else(bound, Value::Bool(false)),
            Some(false) => build::not(build::or_else(bound, Value::Bool(true))),
            None => build::boolean(ExprKind::IsNull(Box::new(bound)), false, self.place(span)),
        };
        Ok(if negated { build::not(test) } else { test })
    }

    fn bind_case(
        &mut self,
        operand: Option<&ast::Expr>,
        branches: &[(ast::Expr, ast::Expr)],
        otherwise: Option<&ast::Expr>,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let operand = operand.map(|e| self.bind_expr(e)).transpose()?;
        let mut conditions = Vec::with_capacity(branches.len());
        let mut results = Vec::with_capacity(branches.len() + 1);
        // The ELSE result leads when the common type is looked for, as in PostgreSQL.
        results.push(match otherwise {
            Some(e) => self.bind_expr(e)?,
            None => null_of(DataType::Unknown),
        });
        for (when, then) in branches {
            let condition = match (&operand, self.bind_expr(when)?) {
                (Some(o), when) => {
                    let place = when.span;
                    self.compare(Func::Eq, o.clone(), when).map_err(|e| e.at(place))?
                }
                (None, when) => self.boolean(when, "CASE/WHEN")?,
            };
            conditions.push(condition);
            results.push(self.bind_expr(then)?);
        }
        let mut results = self.unify(results, "CASE")?;
        let otherwise = results.remove(0);
        let ty = super::coerce::common_type(results.iter().chain([&otherwise]).map(|e| &e.ty))
            .unwrap_or(DataType::Text);
        let nullable = otherwise.nullable || results.iter().any(|e| e.nullable);
        let branches = conditions.into_iter().zip(results).collect();
        let kind = ExprKind::Case { branches, otherwise: Some(Box::new(otherwise)) };
        Ok(Expr { kind, ty, nullable, span: self.place(span) })
    }

    fn bind_cast(
        &mut self,
        expr: &ast::Expr,
        to: &ast::TypeName,
        try_: bool,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let (to, digits) = cast_target(to).map_err(|e| self.displace(e))?;
        if let (Ast::Array(items), DataType::List(element)) = (&expr.kind, &to) {
            // ARRAY[...]::t[] gives its elements that type; an empty one needs it.
            let mut typed = Vec::with_capacity(items.len());
            for item in items {
                let item = self.bind_expr(item)?;
                typed.push(self.coerce(item, element, CastContext::Explicit)?);
            }
            let kind = ExprKind::Call { func: Func::ArrayMake, args: typed };
            return Ok(Expr { kind, ty: to, nullable: false, span: self.place(span) });
        }
        if let (false, Some(literal)) = (try_, wide_number(expr, &to)) {
            return Ok(Expr { span: self.place(span), ..literal? });
        }
        let input = self.bind_expr(expr)?;
        if try_ {
            return Ok(rounded(self.bind_try_cast(input, to, span)?, digits));
        }
        let mut cast = self.coerce(input, &to, CastContext::Explicit)?;
        cast.span = self.place(span);
        Ok(rounded(cast, digits))
    }

    fn bind_try_cast(&mut self, input: Expr, to: DataType, span: Span) -> Result<Expr, PlanError> {
        let input = self.typed(input)?;
        if arena_tr_types::value::cast_context(&input.ty, &to).is_none() {
            let message =
                format!("cannot cast type {} to {}", type_name(&input.ty), type_name(&to));
            return Err(PlanError::of(SqlState::CANNOT_COERCE, message).at(self.place(span)));
        }
        let kind = ExprKind::Cast { input: Box::new(input), try_: true };
        Ok(Expr { kind, ty: to, nullable: true, span: self.place(span) })
    }

    fn bind_typed_string(
        &mut self,
        ty: &ast::TypeName,
        value: &str,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let (ty, digits) = cast_target(ty).map_err(|e| self.displace(e))?;
        let literal = Expr {
            kind: ExprKind::Literal(Value::Text(value.into())),
            ty: DataType::Unknown,
            nullable: false,
            span: self.place(span),
        };
        Ok(rounded(self.coerce(literal, &ty, CastContext::Explicit)?, digits))
    }

    fn bind_array(&mut self, items: &[ast::Expr], span: Span) -> Result<Expr, PlanError> {
        if items.is_empty() {
            let message = "cannot determine type of empty array";
            return Err(PlanError::of(SqlState("42P18"), message)
                .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].")
                .at(self.place(span)));
        }
        let items = self.bind_all(items)?;
        let items = self.unify(items, "ARRAY")?;
        let element =
            super::coerce::common_type(items.iter().map(|e| &e.ty)).unwrap_or(DataType::Text);
        if matches!(element, DataType::List(_)) {
            return Err(PlanError::not_built("an array of arrays").at(self.place(span)));
        }
        let kind = ExprKind::Call { func: Func::ArrayMake, args: items };
        let ty = DataType::List(Box::new(element));
        Ok(Expr { kind, ty, nullable: false, span: self.place(span) })
    }

    fn bind_row(&mut self, items: &[ast::Expr], span: Span) -> Result<Expr, PlanError> {
        let mut args = Vec::with_capacity(items.len());
        for item in items {
            let item = self.bind_expr(item)?;
            args.push(self.typed(item)?);
        }
        let types: Vec<DataType> = args.iter().map(|e| e.ty.clone()).collect();
        let ty = super::function::row_type(&types);
        let kind = ExprKind::Call { func: Func::RowMake, args };
        Ok(Expr { kind, ty, nullable: false, span: self.place(span) })
    }

    fn bind_index(
        &mut self,
        base: &ast::Expr,
        index: &ast::Expr,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let base = self.bind_expr(base)?;
        let index = self.bind_expr(index)?;
        let element = match &base.ty {
            DataType::List(element) => (**element).clone(),
            DataType::Jsonb => return self.call_operator(Func::JsonGet, vec![base, index], span),
            other => return Err(self.not_subscriptable(other, span)),
        };
        let index = self.subscript(index)?;
        let kind = ExprKind::Call { func: Func::ArrayIndex, args: vec![base, index] };
        Ok(Expr { kind, ty: element, nullable: true, span: self.place(span) })
    }

    fn not_subscriptable(&self, ty: &DataType, span: Span) -> PlanError {
        let name = type_name(ty);
        let message =
            format!("cannot subscript type {name} because it does not support subscripting");
        PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(self.place(span))
    }

    fn subscript(&mut self, index: Expr) -> Result<Expr, PlanError> {
        let span = index.span;
        self.coerce(index, &DataType::Int4, CastContext::Assignment).map_err(|_| {
            let message = "array subscript must have type integer";
            PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(span)
        })
    }

    fn bind_slice(
        &mut self,
        base: &ast::Expr,
        low: Option<&ast::Expr>,
        high: Option<&ast::Expr>,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let base = self.bind_expr(base)?;
        if !matches!(base.ty, DataType::List(_)) {
            return Err(self.not_subscriptable(&base.ty, span));
        }
        let mut args = vec![base];
        for (bound, open) in [(low, i32::MIN), (high, i32::MAX)] {
            args.push(match bound {
                Some(e) => {
                    let e = self.bind_expr(e)?;
                    self.subscript(e)?
                }
                None => Expr::literal(Value::Int4(open), DataType::Int4),
            });
        }
        let ty = args[0].ty.clone();
        let kind = ExprKind::Call { func: Func::ArraySlice, args };
        Ok(Expr { kind, ty, nullable: true, span: self.place(span) })
    }

    fn bind_field(
        &mut self,
        base: &ast::Expr,
        field: &ast::Ident,
        span: Span,
    ) -> Result<Expr, PlanError> {
        let base = self.bind_expr(base)?;
        let DataType::Struct(fields) = &base.ty else {
            let message = format!(
                "column notation .{} applied to type {}, which is not a composite type",
                field.name,
                type_name(&base.ty)
            );
            return Err(PlanError::of(SqlState::WRONG_OBJECT_TYPE, message).at(self.place(span)));
        };
        let Some(index) = fields.iter().position(|f| *f.name == *field.name) else {
            let message = format!("column \"{}\" not found in data type record", field.name);
            return Err(PlanError::of(SqlState::UNDEFINED_COLUMN, message).at(self.place(span)));
        };
        let ty = fields[index].data_type.clone();
        if let ExprKind::Call { func: Func::RowMake, mut args } = base.kind {
            return Ok(args.swap_remove(index));
        }
        let position = Expr::literal(Value::Int4(index as i32), DataType::Int4);
        let kind = ExprKind::Call { func: Func::RowField, args: vec![base, position] };
        Ok(Expr { kind, ty, nullable: true, span: self.place(span) })
    }

    fn bind_collate(
        &mut self,
        value: &ast::Expr,
        name: &ast::ObjectName,
    ) -> Result<Expr, PlanError> {
        let value = self.bind_expr(value)?;
        let collation = &name.parts[name.parts.len() - 1].name;
        if !value.ty.is_text() && value.ty != DataType::Unknown {
            let message = format!("collations are not supported by type {}", type_name(&value.ty));
            let error = PlanError::of(SqlState::DATATYPE_MISMATCH, message);
            return Err(error.at(self.place(name.span)));
        }
        // Text is compared by its bytes: these are the collations that do so.
        if matches!(collation.to_lowercase().as_str(), "c" | "posix" | "default" | "ucs_basic") {
            return Ok(value);
        }
        Err(PlanError::not_built(format!("collation \"{collation}\"")).at(self.place(name.span)))
    }

    /// An error without its place, if the text at hand is a view's.
    pub(crate) fn displace(&self, error: PlanError) -> PlanError {
        if self.view_depth == 0 { error } else { PlanError { span: None, ..error } }
    }
}

/// A number cast to another type: read as that type where NUMERIC has no room for it.
fn wide_number(expr: &ast::Expr, to: &DataType) -> Option<Result<Expr, PlanError>> {
    let Ast::Literal(Literal::Number(text)) = &expr.kind else { return None };
    if !to.is_numeric() || Value::parse(text, &DataType::Numeric(None)).is_ok() {
        return None;
    }
    let value = match to {
        DataType::Int2 | DataType::Int4 | DataType::Int8 => {
            Err(SqlError::out_of_range(type_name(to)))
        }
        _ => Value::parse(text, to),
    };
    Some(value.map_err(PlanError::from).map(|value| Expr::literal(value, to.clone())))
}

/// A time rounded to this many digits of a second.
fn rounded(time: Expr, digits: Option<i32>) -> Expr {
    let Some(digits) = digits else { return time };
    let (ty, nullable, span) = (time.ty.clone(), time.nullable, time.span);
    let digits = Expr::literal(Value::Int4(digits), DataType::Int4);
    let kind = ExprKind::Call { func: Func::RoundTime, args: vec![time, digits] };
    Expr { kind, ty, nullable, span }
}
