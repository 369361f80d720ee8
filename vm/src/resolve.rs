//! Which kernel an instruction runs, and whether it may fail.
//!
//! The one place where the program model meets the kernels; the verifier asks it too, so that a
//! program whose functions have no kernel is refused before it runs.
//! Invariant: a function that can fail for a row is never reported as infallible.

use arena_tr_types::function::{Signature, Ty, signatures};
use arena_tr_types::{DataType, Func};

use crate::bytecode::Function;
use crate::bytecode::table::{Elem, OpInfo};
use crate::kernel::{self, Filter, Kernel};

/// The kernel of an entry of a program's function table.
pub fn kernel_of(function: &Function) -> Option<Kernel> {
    match function {
        Function::Builtin { func, args, ret } => kernel::resolve(*func, args, ret),
        Function::Cast { from, to, try_ } => kernel::resolve_cast(from, to, *try_),
    }
}

/// The function that a typed opcode stands for, by family.
pub fn func_of_family(family: &str) -> Option<Func> {
    Some(match family {
        "add" => Func::Add,
        "sub" => Func::Sub,
        "mul" => Func::Mul,
        "div" => Func::Div,
        "mod" => Func::Mod,
        "neg" => Func::Neg,
        "eq" | "sel.eq" => Func::Eq,
        "ne" | "sel.ne" => Func::NotEq,
        "lt" | "sel.lt" => Func::Lt,
        "le" | "sel.le" => Func::LtEq,
        "gt" | "sel.gt" => Func::Gt,
        "ge" | "sel.ge" => Func::GtEq,
        _ => return None,
    })
}

/// The kernel of a typed opcode (`add.i64`).
pub fn kernel_of_op(info: &OpInfo) -> Option<Kernel> {
    let func = func_of_family(info.family)?;
    let ty = info.elem.data_type();
    let args = vec![ty.clone(); if func == Func::Neg { 1 } else { 2 }];
    let compares =
        !matches!(func, Func::Add | Func::Sub | Func::Mul | Func::Div | Func::Mod | Func::Neg);
    kernel::resolve(func, &args, if compares { &DataType::Bool } else { &ty })
}

/// The fused filter of a `sel.*` opcode.
pub fn filter_of_op(info: &OpInfo) -> Option<Filter> {
    if info.elem == Elem::None || !info.family.starts_with("sel.") {
        return None;
    }
    let ty = info.elem.data_type();
    kernel::resolve_filter(func_of_family(info.family)?, &[ty.clone(), ty])
}

/// Whether a function may fail for some row.
pub fn is_fallible(function: &Function) -> bool {
    match function {
        Function::Builtin { func, args, .. } => {
            let mut of_func = signatures().filter(|s| s.func == *func).peekable();
            if of_func.peek().is_none() {
                return true;
            }
            of_func.any(|s| s.fallible && matches_types(s, args))
        }
        Function::Cast { try_: true, .. } => false,
        Function::Cast { from, to, try_: false } => cast_may_fail(from, to),
    }
}

fn matches_types(signature: &Signature, args: &[DataType]) -> bool {
    signature.takes(args.len())
        && args.iter().enumerate().all(|(i, ty)| {
            let wanted = signature.arg(i).and_then(Ty::data_type);
            wanted.is_none_or(|wanted| wanted.physical() == ty.physical())
        })
}

fn cast_may_fail(from: &DataType, to: &DataType) -> bool {
    use DataType::{Bytea, Float4, Float8, Int2, Int4, Int8, Numeric};
    if from == to || *from == DataType::Unknown {
        return false;
    }
    match (from, to) {
        (Bytea, _) | (_, Bytea) => true,
        (_, to) if to.is_text() => false,
        (Int2, Int4 | Int8) | (Int4, Int8) => false,
        (Int2 | Int4 | Int8, Float4 | Float8 | Numeric(None)) => false,
        (Float4, Float8) | (Numeric(_), Numeric(None)) => false,
        _ => true,
    }
}
