//! Window functions: OVER, named windows, frames.
//!
//! A call becomes an entry of its SELECT's list; calls with one partition and order share an
//! operator.
//! Invariant: the frame of a bound call is explicit and its offsets are constants.

use arena_tr_parser::ast::expr::{FrameBound as AstBound, FrameUnits as AstUnits};
use arena_tr_parser::ast::{self, FunctionCall, WindowSpec};
use arena_tr_types::{AggFunc, DataType, SqlState, Value};

use crate::error::PlanError;
use crate::logical::expr::SortKeyExpr;
use crate::logical::{Expr, ExprKind, Frame, FrameBound, FrameUnits, WindowCall, WindowFunc};

use super::coerce::CastContext;
use super::slot::Slot;
use super::{Binder, Inside};

/// A window call with the window it is over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WindowUse {
    /// The call.
    pub(crate) call: WindowCall,
    /// PARTITION BY.
    pub(crate) partition: Vec<Expr>,
    /// ORDER BY.
    pub(crate) order: Vec<SortKeyExpr>,
}

/// The window function of this name; aggregates are looked for apart.
pub(crate) fn window_function(name: &str) -> Option<WindowFunc> {
    Some(match name {
        "row_number" => WindowFunc::RowNumber,
        "rank" => WindowFunc::Rank,
        "dense_rank" => WindowFunc::DenseRank,
        "percent_rank" => WindowFunc::PercentRank,
        "cume_dist" => WindowFunc::CumeDist,
        "ntile" => WindowFunc::Ntile,
        "lag" => WindowFunc::Lag,
        "lead" => WindowFunc::Lead,
        "first_value" => WindowFunc::FirstValue,
        "last_value" => WindowFunc::LastValue,
        "nth_value" => WindowFunc::NthValue,
        _ => return None,
    })
}

/// A window specification with names resolved.
struct Resolved {
    partition: Vec<ast::Expr>,
    order: Vec<ast::OrderBy>,
    frame: Option<ast::WindowFrame>,
}

impl Binder<'_> {
    /// A call with OVER.
    pub(crate) fn bind_over(&mut self, name: &str, call: &FunctionCall) -> Result<Expr, PlanError> {
        let place = self.place(call.span);
        let error =
            |message: String| Err(PlanError::of(SqlState::WINDOWING_ERROR, message).at(place));
        let level = self.level();
        match level.inside {
            Inside::Nothing => {}
            Inside::Window => return error("window function calls cannot be nested".into()),
            Inside::Aggregate => {
                let message = "aggregate function calls cannot contain window function calls";
                return Err(PlanError::of(SqlState::GROUPING_ERROR, message).at(place));
            }
        }
        if !level.clause.allows_windows() {
            let clause = level.clause.name();
            return error(format!("window functions are not allowed in {clause}"));
        }
        level.inside = Inside::Window;
        let bound = self.bind_window_use(name, call);
        self.level().inside = Inside::Nothing;
        let bound = bound?;
        let ty = bound.call.ty.clone();
        let counts = matches!(
            bound.call.func,
            WindowFunc::RowNumber
                | WindowFunc::Rank
                | WindowFunc::DenseRank
                | WindowFunc::PercentRank
                | WindowFunc::CumeDist
                | WindowFunc::Agg(AggFunc::Count | AggFunc::CountStar)
        );
        let windows = &mut self.level().windows;
        let index = windows.iter().position(|w| *w == bound).unwrap_or_else(|| {
            windows.push(bound);
            windows.len() - 1
        });
        let kind = ExprKind::Column(Slot::Window(index).number());
        Ok(Expr { kind, ty, nullable: !counts, span: place })
    }

    fn bind_window_use(&mut self, name: &str, call: &FunctionCall) -> Result<WindowUse, PlanError> {
        let place = self.place(call.span);
        self.refuse_in_window(call)?;
        let Some(spec) = &call.over else {
            return Err(self.syntax("OVER expected", call.span));
        };
        let resolved = self.resolve_window(spec)?;
        let (func, args, filter, ty) = match (window_function(name), AggFunc::by_name(name)) {
            (Some(func), _) => {
                if call.filter.is_some() {
                    let what = "FILTER is not implemented for non-aggregate window functions";
                    let error = PlanError::of(SqlState::FEATURE_NOT_SUPPORTED, what);
                    return Err(error.at(place));
                }
                let args = call.args.iter().map(|(_, e)| self.bind_expr(e));
                let args = args.collect::<Result<Vec<_>, _>>()?;
                let (args, ty) =
                    self.type_window_call(func, name, args).map_err(|e| e.at(place))?;
                (func, args, None, ty)
            }
            (None, Some(func)) => {
                let agg = self.bind_agg_parts(func, name, call)?;
                (WindowFunc::Agg(agg.func), agg.args, agg.filter, agg.ty)
            }
            (None, None) if super::call::OTHER_AGGREGATES.contains(&name) => {
                return Err(PlanError::not_built(format!("aggregate {name}")).at(place));
            }
            (None, None) => {
                let message = format!(
                    "OVER specified, but {name} is not a window function nor an aggregate function"
                );
                return Err(PlanError::of(SqlState::WRONG_OBJECT_TYPE, message).at(place));
            }
        };
        let mut partition = Vec::new();
        for expr in &resolved.partition {
            let expr = self.bind_expr(expr)?;
            let expr = self.typed(expr)?;
            if !expr.is_constant() {
                partition.push(expr);
            }
        }
        let order = self.bind_sort_keys(&resolved.order)?;
        let frame = self.bind_frame(resolved.frame.as_ref(), &order)?;
        let call = WindowCall { func, args, filter, frame, ty };
        Ok(WindowUse { call, partition, order })
    }

    /// Clauses that PostgreSQL does not take in a window call either.
    fn refuse_in_window(&self, call: &FunctionCall) -> Result<(), PlanError> {
        let what = if call.distinct {
            "DISTINCT is not implemented for window functions"
        } else if !call.order_by.is_empty() {
            "aggregate ORDER BY is not implemented for window functions"
        } else if call.ignore_nulls {
            "IGNORE NULLS is not supported yet"
        } else {
            return Ok(());
        };
        Err(PlanError::of(SqlState::FEATURE_NOT_SUPPORTED, what).at(self.place(call.span)))
    }

    /// The specification with named windows filled in.
    fn resolve_window(&self, spec: &WindowSpec) -> Result<Resolved, PlanError> {
        let mut resolved = Resolved {
            partition: spec.partition_by.clone(),
            order: spec.order_by.clone(),
            frame: spec.frame.clone(),
        };
        let Some(base) = &spec.base else { return Ok(resolved) };
        let windows = &self.levels.last().expect("a window is bound inside a level").named_windows;
        let Some(found) = windows.iter().position(|(n, _)| n.name == base.name) else {
            let message = format!("window \"{}\" does not exist", base.name);
            return Err(
                PlanError::of(SqlState::UNDEFINED_OBJECT, message).at(self.place(base.span))
            );
        };
        let error = |message: String| {
            Err(PlanError::of(SqlState::WINDOWING_ERROR, message).at(self.place(base.span)))
        };
        // A window may only build on windows defined before it, so this ends.
        let named = self.resolve_earlier(&windows[..found], &windows[found].1)?;
        let alone =
            resolved.partition.is_empty() && resolved.order.is_empty() && resolved.frame.is_none();
        if alone {
            return Ok(named);
        }
        let name = &base.name;
        if !resolved.partition.is_empty() {
            return error(format!("cannot override PARTITION BY clause of window \"{name}\""));
        }
        if !resolved.order.is_empty() && !named.order.is_empty() {
            return error(format!("cannot override ORDER BY clause of window \"{name}\""));
        }
        if named.frame.is_some() {
            return error(format!("cannot copy window \"{name}\" because it has a frame clause"));
        }
        resolved.partition = named.partition;
        if resolved.order.is_empty() {
            resolved.order = named.order;
        }
        Ok(resolved)
    }

    /// A named window that may itself be made from one of those before it.
    fn resolve_earlier(
        &self,
        earlier: &[(ast::Ident, WindowSpec)],
        spec: &WindowSpec,
    ) -> Result<Resolved, PlanError> {
        let mut resolved = Resolved {
            partition: spec.partition_by.clone(),
            order: spec.order_by.clone(),
            frame: spec.frame.clone(),
        };
        let Some(base) = &spec.base else { return Ok(resolved) };
        let Some(found) = earlier.iter().position(|(n, _)| n.name == base.name) else {
            let message = format!("window \"{}\" does not exist", base.name);
            return Err(
                PlanError::of(SqlState::UNDEFINED_OBJECT, message).at(self.place(base.span))
            );
        };
        let named = self.resolve_earlier(&earlier[..found], &earlier[found].1)?;
        resolved.partition = named.partition;
        if resolved.order.is_empty() {
            resolved.order = named.order;
        }
        Ok(resolved)
    }

    /// Typed arguments and the result type of a window function.
    fn type_window_call(
        &mut self,
        func: WindowFunc,
        name: &str,
        mut args: Vec<Expr>,
    ) -> Result<(Vec<Expr>, DataType), PlanError> {
        use WindowFunc as W;
        let arity = match func {
            W::RowNumber | W::Rank | W::DenseRank | W::PercentRank | W::CumeDist => 0..=0,
            W::Ntile | W::FirstValue | W::LastValue => 1..=1,
            W::NthValue => 2..=2,
            _ => 1..=3,
        };
        if !arity.contains(&args.len()) {
            let types: Vec<DataType> = args.iter().map(|e| e.ty.clone()).collect();
            let types = super::function::list(&types);
            let message = format!("function {name}({types}) does not exist");
            return Err(PlanError::of(SqlState::UNDEFINED_FUNCTION, message));
        }
        if args.len() == 3 {
            // lag and lead take a default of the value's common type.
            let default = args.remove(2);
            let value = args.remove(0);
            let mut both = self.unify(vec![value, default], name)?;
            args.push(both.remove(1));
            args.insert(0, both.remove(0));
        }
        if let Some(first) = args.first_mut() {
            let value = std::mem::replace(first, Expr::boolean(false));
            *first = match func {
                W::Ntile => self.implicit(value, &DataType::Int4)?,
                _ => self.typed(value)?,
            };
        }
        if let Some(second) = args.get_mut(1) {
            let offset = std::mem::replace(second, Expr::boolean(false));
            *second = self.implicit(offset, &DataType::Int4)?;
        }
        let ty = match func {
            W::RowNumber | W::Rank | W::DenseRank => DataType::Int8,
            W::PercentRank | W::CumeDist => DataType::Float8,
            W::Ntile => DataType::Int4,
            _ => args[0].ty.clone(),
        };
        Ok((args, ty))
    }

    /// The frame: PostgreSQL's default is RANGE UNBOUNDED PRECEDING.
    fn bind_frame(
        &mut self,
        frame: Option<&ast::WindowFrame>,
        order: &[SortKeyExpr],
    ) -> Result<Frame, PlanError> {
        let Some(frame) = frame else {
            return Ok(Frame {
                units: FrameUnits::Range,
                start: FrameBound::UnboundedPreceding,
                end: FrameBound::CurrentRow,
            });
        };
        if let Some(span) = frame.exclude {
            return Err(PlanError::not_built("EXCLUDE of a frame").at(self.place(span)));
        }
        check_frame(frame)?;
        let units = match frame.units {
            AstUnits::Rows => FrameUnits::Rows,
            AstUnits::Range => FrameUnits::Range,
            AstUnits::Groups => FrameUnits::Groups,
        };
        let error = |m: &str| Err(PlanError::of(SqlState::WINDOWING_ERROR, m));
        if units == FrameUnits::Groups && order.is_empty() {
            return error("GROUPS mode requires an ORDER BY clause");
        }
        let offset = |b: &AstBound| matches!(b, AstBound::Preceding(_) | AstBound::Following(_));
        let has_offset = offset(&frame.start) || offset(&frame.end);
        if units == FrameUnits::Range && has_offset && order.len() != 1 {
            return error(
                "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column",
            );
        }
        let offset_type = match units {
            FrameUnits::Range if has_offset => range_offset_type(&order[0].expr.ty)?,
            _ => DataType::Int8,
        };
        Ok(Frame {
            units,
            start: self.bind_bound(&frame.start, &offset_type, "starting")?,
            end: self.bind_bound(&frame.end, &offset_type, "ending")?,
        })
    }

    fn bind_bound(
        &mut self,
        bound: &AstBound,
        ty: &DataType,
        which: &str,
    ) -> Result<FrameBound, PlanError> {
        Ok(match bound {
            AstBound::UnboundedPreceding => FrameBound::UnboundedPreceding,
            AstBound::CurrentRow => FrameBound::CurrentRow,
            AstBound::UnboundedFollowing => FrameBound::UnboundedFollowing,
            AstBound::Preceding(e) => FrameBound::Preceding(self.frame_offset(e, ty, which)?),
            AstBound::Following(e) => FrameBound::Following(self.frame_offset(e, ty, which)?),
        })
    }

    fn frame_offset(
        &mut self,
        expr: &ast::Expr,
        ty: &DataType,
        which: &str,
    ) -> Result<Value, PlanError> {
        let place = self.place(expr.span);
        let bound = self.bind_expr(expr)?;
        let bound = self.coerce(bound, ty, CastContext::Assignment).map_err(|e| e.at(place))?;
        let error = |state: &'static str, what: &str| {
            let message = format!("frame {which} offset must not be {what}");
            Err(PlanError::of(SqlState(state), message).at(place))
        };
        match self.constant(&bound)? {
            Some(Value::Null) => error("22004", "null"),
            Some(value) if is_negative(&value) => error("22013", "negative"),
            Some(value) => Ok(value),
            None => Err(PlanError::not_built("a frame offset that is not constant").at(place)),
        }
    }
}

/// The type of a RANGE offset beside an ORDER BY key of this type.
fn range_offset_type(key: &DataType) -> Result<DataType, PlanError> {
    Ok(match key {
        t if t.is_integer() => DataType::Int8,
        DataType::Float4 | DataType::Float8 => DataType::Float8,
        DataType::Numeric(_) => DataType::Numeric(None),
        DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::TimestampTz
        | DataType::Interval => DataType::Interval,
        other => {
            let name = super::coerce::type_name(other);
            let message = format!(
                "RANGE with offset PRECEDING/FOLLOWING is not supported for column type {name}"
            );
            return Err(PlanError::of(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
    })
}

fn is_negative(value: &Value) -> bool {
    match value {
        Value::Int8(n) => *n < 0,
        Value::Float8(f) => *f < 0.0,
        Value::Numeric(n) => n.mantissa() < 0,
        Value::Interval(i) => {
            i64::from(i.months) * 30 + i64::from(i.days) < 0
                || i.months == 0 && i.days == 0 && i.micros < 0
        }
        _ => false,
    }
}

/// Frames that make no sense.
fn check_frame(frame: &ast::WindowFrame) -> Result<(), PlanError> {
    use AstBound as B;
    let message = match (&frame.start, &frame.end) {
        (B::UnboundedFollowing, _) => "frame start cannot be UNBOUNDED FOLLOWING",
        (_, B::UnboundedPreceding) => "frame end cannot be UNBOUNDED PRECEDING",
        (B::CurrentRow, B::Preceding(_)) => {
            "frame starting from current row cannot have preceding rows"
        }
        (B::Following(_), B::CurrentRow | B::Preceding(_)) => {
            "frame starting from following row cannot have preceding rows"
        }
        _ => return Ok(()),
    };
    Err(PlanError::of(SqlState::WINDOWING_ERROR, message))
}
