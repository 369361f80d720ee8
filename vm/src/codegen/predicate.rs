//! Predicates as selections: each condition narrows the selection of the one before.
//!
//! Invariant: exactly the rows of `sel` for which the predicate is true are selected (not those
//! where it is NULL).

use arena_tr_planner::physical::{Expr, ExprKind};
use arena_tr_types::{Func, SqlError, Value};

use super::Generator;
use super::expr::typed_opcode;
use super::scope::Rows;
use crate::bytecode::builder::Operand;
use crate::bytecode::{Opcode, Sel};
use crate::resolve::filter_of_op;

impl Generator<'_> {
    /// Keeps the rows for which the predicate is true; ends the batch if none is left.
    pub(super) fn filter(&mut self, rows: &mut Rows, predicate: &Expr) -> Result<(), SqlError> {
        let sel = self.predicate(rows, predicate, rows.sel)?;
        if sel != rows.sel {
            rows.sel = sel;
            self.builder.emit(Opcode::StopEmpty, &[sel.into()]);
        }
        Ok(())
    }

    /// The rows of `sel` for which the predicate is true.
    pub(super) fn predicate(
        &mut self,
        rows: &mut Rows,
        predicate: &Expr,
        sel: Sel,
    ) -> Result<Sel, SqlError> {
        match &predicate.kind {
            ExprKind::And(conditions) => {
                let mut sel = sel;
                for condition in conditions {
                    sel = self.predicate(rows, condition, sel)?;
                }
                Ok(sel)
            }
            ExprKind::Literal(Value::Bool(true)) => Ok(sel),
            ExprKind::Literal(_) => Ok(self.selection(Opcode::SelMinus, vec![sel.into()], sel)),
            ExprKind::IsNull(arg) => self.null_test(rows, arg, sel, Opcode::SelNull),
            ExprKind::Not(arg) => match &arg.kind {
                ExprKind::IsNull(inner) => self.null_test(rows, inner, sel, Opcode::SelNotNull),
                _ => {
                    let val = self.expr(rows, arg, sel)?;
                    let reg = self.register_of(val);
                    Ok(self.selection(Opcode::SelFalse, vec![reg.into()], sel))
                }
            },
            ExprKind::Call { func, args } => match self.fused(rows, *func, args, predicate, sel)? {
                Some(found) => Ok(found),
                None => self.is_true(rows, predicate, sel),
            },
            _ => self.is_true(rows, predicate, sel),
        }
    }

    fn is_true(&mut self, rows: &mut Rows, predicate: &Expr, sel: Sel) -> Result<Sel, SqlError> {
        let val = self.expr(rows, predicate, sel)?;
        let reg = self.register_of(val);
        Ok(self.selection(Opcode::SelTrue, vec![reg.into()], sel))
    }

    fn null_test(
        &mut self,
        rows: &mut Rows,
        arg: &Expr,
        sel: Sel,
        op: Opcode,
    ) -> Result<Sel, SqlError> {
        let val = self.expr(rows, arg, sel)?;
        let reg = self.register_of(val);
        Ok(self.selection(op, vec![reg.into()], sel))
    }

    /// A comparison that selects without making a BOOLEAN column.
    fn fused(
        &mut self,
        rows: &mut Rows,
        func: Func,
        args: &[Expr],
        predicate: &Expr,
        sel: Sel,
    ) -> Result<Option<Sel>, SqlError> {
        let types: Vec<_> = args.iter().map(|a| a.ty.clone()).collect();
        let Some(op) = typed_opcode(func, &types, &predicate.ty) else { return Ok(None) };
        let family = match func {
            Func::Eq => "sel.eq",
            Func::NotEq => "sel.ne",
            Func::Lt => "sel.lt",
            Func::LtEq => "sel.le",
            Func::Gt => "sel.gt",
            Func::GtEq => "sel.ge",
            _ => return Ok(None),
        };
        let Some(op) = Opcode::of(family, op.info().elem) else { return Ok(None) };
        if filter_of_op(op.info()).is_none() {
            return Ok(None);
        }
        let mut vals = Vec::with_capacity(2);
        for arg in args {
            vals.push(Operand::Val(self.expr(rows, arg, sel)?));
        }
        Ok(Some(self.selection(op, vals, sel)))
    }
}
