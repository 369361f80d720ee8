//! TUMBLE, HOP, CUMULATE and SESSION in FROM.
//!
//! Invariant: lengths are positive constants without months, and the time column is a TIMESTAMP or
//! a TIMESTAMPTZ of the input.

use arena_tr_parser::Span;
use arena_tr_parser::ast::{self, TableAlias, TimeWindowCall, TimeWindowKind};
use arena_tr_types::{DataType, SqlState};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind, Plan, TimeWindow};

use super::from::Item;
use super::scope::{Scope, ScopeColumn};
use super::{Binder, Clause, build};

/// An input's windows must not become more than this for one row.
const WINDOWS_PER_ROW: i64 = 100_000;

impl Binder<'_> {
    /// A window function's rows: the input's columns, window_start, window_end.
    pub(crate) fn bind_time_window(
        &mut self,
        call: &TimeWindowCall,
        alias: Option<&TableAlias>,
    ) -> Result<Item, PlanError> {
        let (plan, mut scope) = self.bind_from(&call.input)?;
        let place = self.place(call.span);
        let ((time, partition), _) =
            self.with_level(scope.clone(), Clause::FromFunction, |binder| {
                let time = binder.bind_expr(&call.time)?;
                let partition = binder.bind_all(&call.partition_by)?;
                Ok((time, partition))
            })?;
        let time = self.time_column(&time)?;
        let width = plan.width();
        let partition = self.partition_columns(&partition)?;
        let window = self.window_of(call, partition)?;
        let plan = build::time_window(plan, time, window, place);
        if let Some(alias) = alias {
            let plan = self.output_order(plan, &scope, width);
            return self.aliased(plan, Some(alias), "");
        }
        let table = if scope.tables.len() == 1 { Some(0) } else { None };
        for position in width..width + 2 {
            let field = &plan.schema.fields[position];
            scope.columns.push(ScopeColumn {
                table,
                name: field.name.clone(),
                position,
                ty: field.data_type.clone(),
                nullable: false,
                bare: true,
            });
        }
        Ok((plan, scope))
    }

    /// The columns that `*` over the input gives, and the window's bounds.
    fn output_order(&self, plan: Plan, scope: &Scope, width: usize) -> Plan {
        let mut columns: Vec<usize> = scope.star().map(|c| c.position).collect();
        columns.extend([width, width + 1]);
        build::keep(plan, &columns)
    }

    fn time_column(&self, time: &Expr) -> Result<usize, PlanError> {
        let ExprKind::Column(column) = time.kind else {
            let what = "a window over an expression that is no column";
            return Err(PlanError::not_built(what)
                .with_hint("Compute the time in a subquery and name its column here.")
                .at(time.span));
        };
        if !matches!(time.ty, DataType::Timestamp | DataType::TimestampTz) {
            let name = super::coerce::type_name(&time.ty);
            let message = format!("the time column of a window must be a timestamp, not {name}");
            return Err(PlanError::of(SqlState::DATATYPE_MISMATCH, message).at(time.span));
        }
        if super::slot::level(column) > 0 {
            let what = "a window over a time of an enclosing query";
            return Err(PlanError::not_built(what).at(time.span));
        }
        Ok(column)
    }

    fn partition_columns(&self, partition: &[Expr]) -> Result<Vec<usize>, PlanError> {
        let column = |e: &Expr| match e.kind {
            ExprKind::Column(c) if super::slot::level(c) == 0 => Ok(c),
            _ => Err(PlanError::not_built("PARTITION BY an expression in SESSION").at(e.span)),
        };
        partition.iter().map(column).collect()
    }

    /// The window with its lengths.
    fn window_of(
        &mut self,
        call: &TimeWindowCall,
        partition: Vec<usize>,
    ) -> Result<TimeWindow, PlanError> {
        let (name, lengths): (&str, &[&str]) = match call.kind {
            TimeWindowKind::Tumble => ("TUMBLE", &["size"]),
            TimeWindowKind::Hop => ("HOP", &["slide", "size"]),
            TimeWindowKind::Cumulate => ("CUMULATE", &["step", "maximum size"]),
            TimeWindowKind::Session => ("SESSION", &["gap"]),
        };
        let session = call.kind == TimeWindowKind::Session;
        let most = lengths.len() + usize::from(!session);
        if call.args.len() < lengths.len() || call.args.len() > most {
            let message =
                format!("{name} takes its input, a time column and {}", lengths.join(", "));
            return Err(self.syntax(&message, call.span));
        }
        let mut values = Vec::with_capacity(most);
        for (i, arg) in call.args.iter().enumerate() {
            let what = match lengths.get(i) {
                Some(length) => format!("the {length} of {name}"),
                None => format!("the offset of {name}"),
            };
            let value = self.bind_length(arg, &what)?;
            if i < lengths.len() && value <= 0 {
                return Err(self.bad_window(format!("{what} must be positive"), arg));
            }
            values.push(value);
        }
        if call.kind != TimeWindowKind::Session && !partition.is_empty() {
            let what = format!("PARTITION BY in {name}");
            return Err(PlanError::not_built(what).at(self.place(call.span)));
        }
        let offset = values.get(lengths.len()).copied().unwrap_or(0);
        let window = match call.kind {
            TimeWindowKind::Tumble => TimeWindow::Tumble { size: values[0], offset },
            TimeWindowKind::Hop => TimeWindow::Hop { slide: values[0], size: values[1], offset },
            TimeWindowKind::Cumulate => {
                if values[1] % values[0] != 0 {
                    let message = "the maximum size of CUMULATE must be a multiple of its step";
                    return Err(self.bad_window(message.to_owned(), &call.args[1]));
                }
                TimeWindow::Cumulate { step: values[0], max: values[1], offset }
            }
            TimeWindowKind::Session => TimeWindow::Session { gap: values[0], partition },
        };
        if lengths.len() > 1 && values[1] / values[0] > WINDOWS_PER_ROW {
            let message =
                format!("{name} would put each row into more than {WINDOWS_PER_ROW} windows");
            return Err(self.bad_window(message, &call.args[0]));
        }
        Ok(window)
    }

    fn bad_window(&self, message: String, arg: &ast::Expr) -> PlanError {
        let span: Span = arg.span;
        PlanError::of(SqlState::INVALID_PARAMETER, message).at(self.place(span))
    }
}
