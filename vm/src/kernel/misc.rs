//! GREATEST, LEAST, NULLIF, counting NULLs, the check of scalar subqueries, and constants of the
//! session.
//!
//! Invariant: GREATEST and LEAST skip NULLs; they are NULL only if all arguments are.

use arena_tr_storage::Column;
use arena_tr_types::{DataType, Func, PhysicalType, SqlError, SqlState};

use super::call::{Arg, Call};
use super::logic::null_where;
use super::row::{Row, RowResult, fixed_lenient, text, text_lenient};
use super::{Kernel, Out, compare};

/// The name of the database that every session is in.
const DATABASE: &str = "arena";
/// The schema that names are looked up in.
const SCHEMA: &str = "public";

/// The kernel of a function that fits no theme.
pub(super) fn resolve(func: Func, args: &[DataType]) -> Option<Kernel> {
    let constant = |value: String| {
        text(move |_, out| {
            out.push(&value);
            Ok(())
        })
    };
    Some(match func {
        Func::Greatest => extreme(args.first()?, true),
        Func::Least => extreme(args.first()?, false),
        Func::NullIf => null_if(args.first()?)?,
        Func::NumNulls => count_nulls(true),
        Func::NumNonNulls => count_nulls(false),
        Func::PgTypeof => {
            let name = args.first()?.to_string();
            text_lenient(move |_, out| {
                out.push(&name);
                Ok(Some(()))
            })
        }
        Func::Version => {
            constant(format!("Arena-TR {} (PostgreSQL 15 dialect)", env!("CARGO_PKG_VERSION")))
        }
        Func::CurrentDatabase => constant(DATABASE.into()),
        Func::CurrentSchema => constant(SCHEMA.into()),
        Func::CurrentUser => constant(DATABASE.into()),
        Func::SeveralRows => several_rows(),
        Func::Pi => super::row::fixed(|_| Ok(std::f64::consts::PI)),
        _ => return None,
    })
}

/// FALSE, or the error of a scalar subquery that has more than one row.
fn several_rows() -> Kernel {
    super::row::fixed(|r| {
        if r.bool(0) {
            return Err(SqlError::new(
                SqlState::CARDINALITY_VIOLATION,
                "more than one row returned by a subquery used as an expression",
            ));
        }
        Ok(false)
    })
}

fn count_nulls(null: bool) -> Kernel {
    fixed_lenient(move |r| {
        let n = (0..r.n_args()).filter(|k| r.is_null(*k) == null).count();
        Ok(Some(n as i32))
    })
}

/// The argument that wins in a row; `None` if all are NULL.
fn best(r: Row<'_>, order: compare::RowOrder, greatest: bool) -> Option<usize> {
    (0..r.n_args()).filter(|k| !r.is_null(*k)).reduce(|best, k| {
        let wins = if greatest { order(r, k, best).is_gt() } else { order(r, k, best).is_lt() };
        if wins { k } else { best }
    })
}

fn extreme(ty: &DataType, greatest: bool) -> Kernel {
    let order = compare::row_order(ty);
    macro_rules! typed {
        ($t:ty) => {
            fixed_lenient(move |r| -> RowResult<$t> {
                Ok(best(r, order, greatest).map(|k| r.get::<$t>(k)))
            })
        };
    }
    match ty.physical() {
        PhysicalType::Bool => {
            fixed_lenient(move |r| Ok(best(r, order, greatest).map(|k| r.bool(k))))
        }
        PhysicalType::I16 => typed!(i16),
        PhysicalType::I32 => typed!(i32),
        PhysicalType::I64 => typed!(i64),
        PhysicalType::F32 => typed!(f32),
        PhysicalType::F64 => typed!(f64),
        PhysicalType::Decimal => typed!(arena_tr_types::Decimal),
        PhysicalType::I128 => typed!(i128),
        PhysicalType::Str => text_lenient(move |r, out| {
            Ok(best(r, order, greatest).map(|k| out.push_bytes(r.bytes(k))))
        }),
    }
}

/// NULLIF(a, b): the first column, NULL where the two are equal.
fn null_if(ty: &DataType) -> Option<Kernel> {
    let equal = compare::resolve(Func::Eq, ty)?;
    Some(Kernel::new(move |call: &Call<'_>, out, errors| {
        let mut condition = Column::Bool(Default::default());
        equal.run(call, &mut Out::new(&mut condition), errors);
        let Column::Bool(condition) = &condition else { return };
        let column = match call.args[0] {
            Arg::Rows(column) if column.len() == call.rows => column.clone(),
            Arg::Rows(column) => column.slice(0, call.rows),
            Arg::Const(column) => column.repeat(0, call.rows),
        };
        out.put(null_where(&column, condition));
    }))
}

#[cfg(test)]
mod tests;
