//! Expressions: one instruction per function, operands first.
//!
//! What may fail for a row is computed under the selection of the rows that need it: arms of CASE
//! and COALESCE and the later conditions of AND and OR see only rows that reach them, so `1/0` in
//! an arm that no row takes is no error.
//! Invariant: an expression's value is right for all rows of the selection it is asked for.

use arena_tr_planner::physical::{Expr, ExprKind};
use arena_tr_types::{DataType, Func, PhysicalType, SqlError, SqlState, Value};

use super::scope::Rows;
use super::{Generator, internal};
use crate::bytecode::builder::Operand;
use crate::bytecode::table::Elem;
use crate::bytecode::{Function, Opcode, Sel, Val};
use crate::resolve::{is_fallible, kernel_of, kernel_of_op};

/// Longest IN list that is compared value by value.
const SHORT_LIST: usize = 8;

/// The family of a function that has opcodes of its own.
fn family_of(func: Func) -> Option<&'static str> {
    Some(match func {
        Func::Add => "add",
        Func::Sub => "sub",
        Func::Mul => "mul",
        Func::Div => "div",
        Func::Mod => "mod",
        Func::Neg => "neg",
        Func::Eq => "eq",
        Func::NotEq => "ne",
        Func::Lt => "lt",
        Func::LtEq => "le",
        Func::Gt => "gt",
        Func::GtEq => "ge",
        _ => return None,
    })
}

/// The typed opcode for a call, if there is one: arguments of one type, and for arithmetic the
/// result too.
pub(super) fn typed_opcode(func: Func, args: &[DataType], ret: &DataType) -> Option<Opcode> {
    let family = family_of(func)?;
    let first = args.first()?;
    let elem = match *ret {
        DataType::Bool => Elem::of_comparable(first)?,
        _ => Elem::of_number(first)?,
    };
    let of_elem = |ty: &DataType| match *ret {
        DataType::Bool => Elem::of_comparable(ty) == Some(elem),
        _ => Elem::of_number(ty) == Some(elem),
    };
    let fits = args.iter().all(of_elem) && (*ret == DataType::Bool || of_elem(ret));
    let op = Opcode::of(family, elem)?;
    (fits && kernel_of_op(op.info()).is_some()).then_some(op)
}

/// Whether a value of one type is one of the other without any change.
fn same_values(from: &DataType, to: &DataType) -> bool {
    from == to
        || matches!(
            (from, to),
            (DataType::Varchar(_) | DataType::Text, DataType::Text | DataType::Varchar(None))
                | (DataType::Numeric(_), DataType::Numeric(None))
        )
}

/// Whether evaluating this for a row that does not need it could be an error.
pub(super) fn may_fail(expr: &Expr) -> bool {
    let any = |exprs: &[Expr]| exprs.iter().any(may_fail);
    match &expr.kind {
        ExprKind::Column(_) | ExprKind::Literal(_) | ExprKind::Now => false,
        ExprKind::Param(_) => true,
        ExprKind::Call { func, args } => {
            let types = args.iter().map(|a| a.ty.clone()).collect();
            let function = Function::Builtin { func: *func, args: types, ret: expr.ty.clone() };
            is_fallible(&function) || any(args)
        }
        ExprKind::And(args) | ExprKind::Or(args) | ExprKind::Coalesce(args) => any(args),
        ExprKind::Not(arg) | ExprKind::IsNull(arg) => may_fail(arg),
        ExprKind::Case { branches, otherwise } => {
            branches.iter().any(|(c, v)| may_fail(c) || may_fail(v))
                || otherwise.as_deref().is_some_and(may_fail)
        }
        ExprKind::Cast { input, try_ } => {
            let (from, to, try_) = (input.ty.clone(), expr.ty.clone(), *try_);
            let changes = !same_values(&from, &to);
            may_fail(input) || changes && is_fallible(&Function::Cast { from, to, try_ })
        }
        ExprKind::InList { input, list } => may_fail(input) || any(list),
    }
}

impl Generator<'_> {
    /// The value of an expression for the rows of `sel`.
    pub(super) fn expr(&mut self, rows: &mut Rows, expr: &Expr, sel: Sel) -> Result<Val, SqlError> {
        let ty = expr.ty.physical();
        Ok(match &expr.kind {
            ExprKind::Column(i) => {
                if *i >= rows.columns.len() {
                    return Err(internal("an expression names a column that does not exist"));
                }
                self.column(rows, *i, ty)
            }
            ExprKind::Literal(value) => self.builder.constant(&expr.ty, value).into(),
            ExprKind::Param(n) => {
                let message = format!("there is no parameter ${}", n + 1);
                return Err(SqlError::new(SqlState::UNDEFINED_PARAMETER, message));
            }
            ExprKind::Now => {
                self.value(Opcode::LoadNow, Vec::new(), PhysicalType::I64, None).into()
            }
            ExprKind::Call { func, args } => self.call(rows, *func, args, expr, sel)?,
            ExprKind::And(args) => self.connect(rows, args, sel, true)?,
            ExprKind::Or(args) => self.connect(rows, args, sel, false)?,
            ExprKind::Not(arg) => {
                let val = self.expr(rows, arg, sel)?;
                self.pure(Opcode::Not, vec![val.into()], ty, sel)
            }
            ExprKind::IsNull(arg) => {
                let val = self.expr(rows, arg, sel)?;
                let reg = self.register_of(val);
                self.pure(Opcode::IsNull, vec![reg.into()], ty, sel)
            }
            ExprKind::Case { branches, otherwise } => {
                self.case(rows, branches, otherwise.as_deref(), ty, sel)?
            }
            ExprKind::Coalesce(args) => self.coalesce(rows, args, ty, sel)?,
            ExprKind::Cast { input, try_ } => self.cast(rows, input, &expr.ty, *try_, sel)?,
            ExprKind::InList { input, list } => self.in_list(rows, input, list, sel)?,
        })
    }

    /// A pure instruction under a selection.
    pub(super) fn pure(
        &mut self,
        op: Opcode,
        operands: Vec<Operand>,
        ty: PhysicalType,
        sel: Sel,
    ) -> Val {
        Val::Reg(self.value(op, operands, ty, Some(sel)))
    }

    fn call(
        &mut self,
        rows: &mut Rows,
        func: Func,
        args: &[Expr],
        expr: &Expr,
        sel: Sel,
    ) -> Result<Val, SqlError> {
        let mut vals = Vec::with_capacity(args.len());
        for arg in args {
            vals.push(self.expr(rows, arg, sel)?);
        }
        let types: Vec<_> = args.iter().map(|a| a.ty.clone()).collect();
        self.apply(func, types, vals, &expr.ty, sel)
    }

    /// A function on values.
    pub(super) fn apply(
        &mut self,
        func: Func,
        types: Vec<DataType>,
        vals: Vec<Val>,
        ret: &DataType,
        sel: Sel,
    ) -> Result<Val, SqlError> {
        if let Some(op) = typed_opcode(func, &types, ret) {
            self.scope.unchecked |= op.info().fallible == crate::bytecode::table::Fallible::Yes;
            let operands = vals.into_iter().map(Operand::Val).collect();
            return Ok(self.pure(op, operands, ret.physical(), sel));
        }
        let named: Vec<String> = types.iter().map(DataType::to_string).collect();
        let function = Function::Builtin { func, args: types, ret: ret.clone() };
        if kernel_of(&function).is_none() {
            let what = format!("function {}({})", func.name(), named.join(", "));
            return Err(SqlError::unsupported(what));
        }
        Ok(self.run(function, vals, sel))
    }

    /// A call of a function that has a kernel.
    fn run(&mut self, function: Function, vals: Vec<Val>, sel: Sel) -> Val {
        self.scope.unchecked |= is_fallible(&function);
        let ty = function.ret().physical();
        let id = self.builder.function(function);
        self.pure(Opcode::Call, vec![id.into(), vals.into()], ty, sel)
    }

    fn cast(
        &mut self,
        rows: &mut Rows,
        input: &Expr,
        to: &DataType,
        try_: bool,
        sel: Sel,
    ) -> Result<Val, SqlError> {
        let from = input.ty.clone();
        if let ExprKind::Literal(Value::Null) = input.kind {
            return Ok(self.builder.constant(to, &Value::Null).into());
        }
        let val = self.expr(rows, input, sel)?;
        if same_values(&from, to) {
            return Ok(val);
        }
        let function = Function::Cast { from: from.clone(), to: to.clone(), try_ };
        if kernel_of(&function).is_none() {
            return Err(SqlError::unsupported(format!("a cast from {from} to {to}")));
        }
        Ok(self.run(function, vec![val], sel))
    }

    /// AND or OR as a value. Later conditions that may fail see only rows that are not decided yet.
    fn connect(
        &mut self,
        rows: &mut Rows,
        args: &[Expr],
        sel: Sel,
        and: bool,
    ) -> Result<Val, SqlError> {
        let op = if and { Opcode::And } else { Opcode::Or };
        let decides = if and { Opcode::SelFalse } else { Opcode::SelTrue };
        let mut vals: Vec<Val> = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            if i == 0 || !may_fail(arg) {
                vals.push(self.expr(rows, arg, sel)?);
                continue;
            }
            let so_far = self.join_bools(op, std::mem::take(&mut vals), sel);
            let reg = self.register_of(so_far);
            let decided = self.selection(decides, vec![reg.into()], sel);
            let open = self.selection(Opcode::SelMinus, vec![decided.into()], sel);
            let next = self.expr(rows, arg, open)?;
            let joined = self.join_bools(op, vec![so_far, next], open);
            let known = self.builder.constant(&DataType::Bool, &Value::Bool(!and));
            let arms = vec![(Val::Const(known), decided), (joined, open)];
            vals.push(self.pure(Opcode::Blend, vec![arms.into()], PhysicalType::Bool, sel));
        }
        Ok(self.join_bools(op, vals, sel))
    }

    fn join_bools(&mut self, op: Opcode, mut vals: Vec<Val>, sel: Sel) -> Val {
        match vals.as_slice() {
            [_] => vals.remove(0),
            _ => self.pure(op, vec![vals.into()], PhysicalType::Bool, sel),
        }
    }

    fn case(
        &mut self,
        rows: &mut Rows,
        branches: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        ty: PhysicalType,
        sel: Sel,
    ) -> Result<Val, SqlError> {
        let mut open = sel;
        let mut arms = Vec::new();
        for (condition, result) in branches {
            let taken = self.predicate(rows, condition, open)?;
            let under = if may_fail(result) { taken } else { sel };
            arms.push((self.expr(rows, result, under)?, taken));
            open = self.selection(Opcode::SelMinus, vec![taken.into()], open);
        }
        if let Some(result) = otherwise {
            let under = if may_fail(result) { open } else { sel };
            arms.push((self.expr(rows, result, under)?, open));
        }
        Ok(self.pure(Opcode::Blend, vec![arms.into()], ty, sel))
    }

    fn coalesce(
        &mut self,
        rows: &mut Rows,
        args: &[Expr],
        ty: PhysicalType,
        sel: Sel,
    ) -> Result<Val, SqlError> {
        let mut open = sel;
        let mut arms: Vec<(Val, Sel)> = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            if let ExprKind::Literal(Value::Null) = arg.kind {
                continue;
            }
            let under = if may_fail(arg) { open } else { sel };
            let val = self.expr(rows, arg, under)?;
            if i + 1 == args.len() || matches!(val, Val::Const(_)) {
                arms.push((val, open));
                break;
            }
            let reg = self.register_of(val);
            let taken = self.selection(Opcode::SelNotNull, vec![reg.into()], open);
            arms.push((val, taken));
            open = self.selection(Opcode::SelMinus, vec![taken.into()], open);
        }
        match arms.as_slice() {
            [(val, only)] if *only == sel => Ok(*val),
            _ => Ok(self.pure(Opcode::Blend, vec![arms.into()], ty, sel)),
        }
    }

    /// `input IN (list)`: short lists value by value, long constant ones against an array.
    fn in_list(
        &mut self,
        rows: &mut Rows,
        input: &Expr,
        list: &[Expr],
        sel: Sel,
    ) -> Result<Val, SqlError> {
        let constants: Option<Vec<Value>> = list
            .iter()
            .map(|item| match &item.kind {
                ExprKind::Literal(value) => Some(value.clone()),
                _ => None,
            })
            .collect();
        if let Some(values) = constants
            && values.len() > SHORT_LIST
        {
            let array = DataType::List(Box::new(input.ty.clone()));
            let constant = self.builder.constant(&array, &Value::List(values.into()));
            let val = self.expr(rows, input, sel)?;
            let types = vec![input.ty.clone(), array];
            return self.apply(
                Func::AnyEq,
                types,
                vec![val, constant.into()],
                &DataType::Bool,
                sel,
            );
        }
        let equals = |item: &Expr| Expr {
            kind: ExprKind::Call { func: Func::Eq, args: vec![input.clone(), item.clone()] },
            ty: DataType::Bool,
            nullable: true,
            span: None,
        };
        let equalities: Vec<Expr> = list.iter().map(equals).collect();
        self.connect(rows, &equalities, sel, false)
    }
}
