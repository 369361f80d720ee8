//! Kernels: what a function, an operator or a cast computes, over whole columns.
//!
//! A [`Kernel`] is chosen once per call site by function and argument types ([`resolve`],
//! [`resolve_cast`]) and then runs on every batch: it reads columns, writes one column of the
//! batch's length, and reports rows that it cannot compute. The interpreter decides what such a row
//! means. Reading order: [`call`] says what a kernel is given, [`out`] where it writes, [`row`]
//! adapts functions of one row; the rest are the families.
//!
//! Rules every kernel keeps:
//! - the output has `call.rows` rows; slots of rows that are not selected hold anything defined;
//! - NULL slots hold zero, so later kernels and hashing may look at them;
//! - errors are reported for selected rows only, each row at most once, in ascending order;
//! - nothing is kept between calls except caches whose content does not change results.
//!
//! Invariant: a kernel never panics on data; it panics only if the verified program broke its
//! types.

mod arith;
mod bits;
mod bucket;
pub mod call;
mod cast;
mod compare;
mod degrees;
mod dense;
mod digest;
pub(crate) mod divisor;
mod encode;
pub mod error;
mod fixed_point;
mod format;
mod json;
mod json_build;
mod json_edit;
mod like;
pub mod logic;
mod math;
mod misc;
mod nested;
mod number_format;
mod number_picture;
mod number_read;
mod numeric_math;
pub mod out;
mod print;
mod regex;
mod regex_syntax;
pub mod row;
mod series;
mod text;
mod time;
mod time_arith;
mod time_format;
mod time_picture;
mod time_read;
mod zone;

pub use call::{Arg, Call, Cell};
pub use cast::no_cast;
pub use error::RowErrors;
pub use out::{Out, TextOut};

use std::fmt;
use std::sync::Arc;

use arena_tr_storage::MutBuffer;
use arena_tr_types::{DataType, Func};

/// Computes one output column from the call's arguments.
pub type KernelFn = dyn Fn(&Call<'_>, &mut Out<'_>, &mut RowErrors) + Send + Sync;

/// Appends the selected rows for which a condition is true, ascending.
pub type FilterFn = dyn Fn(&Call<'_>, &mut MutBuffer<u16>) + Send + Sync;

/// A function bound to its argument types. Cheap to clone, shared by all runs of a program.
#[derive(Clone)]
pub struct Kernel(Arc<KernelFn>);

impl Kernel {
    /// A kernel that runs this.
    pub fn new(
        run: impl Fn(&Call<'_>, &mut Out<'_>, &mut RowErrors) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(run))
    }

    /// Computes the column of `out`.
    #[inline]
    pub fn run(&self, call: &Call<'_>, out: &mut Out<'_>, errors: &mut RowErrors) {
        (self.0)(call, out, errors);
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kernel")
    }
}

/// A comparison fused with selection: it writes the rows that stay instead of a BOOLEAN column.
#[derive(Clone)]
pub struct Filter(Arc<FilterFn>);

impl Filter {
    /// A filter that runs this.
    pub fn new(run: impl Fn(&Call<'_>, &mut MutBuffer<u16>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(run))
    }

    /// Appends to `rows` the selected rows for which the condition is true (not NULL), ascending.
    #[inline]
    pub fn run(&self, call: &Call<'_>, rows: &mut MutBuffer<u16>) {
        (self.0)(call, rows);
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

/// The kernel of `func` for arguments of these types with a result of type `ret`; `None` if there
/// is none.
pub fn resolve(func: Func, args: &[DataType], ret: &DataType) -> Option<Kernel> {
    operator(func, args)
        .or_else(|| time::resolve(func, args))
        .or_else(|| json::resolve(func, args))
        .or_else(|| nested::resolve(func, args, ret))
        .or_else(|| text::resolve(func, args))
        .or_else(|| like::resolve(func, args))
        .or_else(|| regex::resolve(func, args))
        .or_else(|| encode::resolve(func, args))
        .or_else(|| bits::resolve(func, args))
        .or_else(|| format::resolve(func, args))
        .or_else(|| number_format::resolve(func, args))
        .or_else(|| number_read::resolve(func, args))
        .or_else(|| time_format::resolve(func, args))
        .or_else(|| time_read::resolve(func, args))
        .or_else(|| math::resolve(func, args))
        .or_else(|| misc::resolve(func, args))
        .or_else(|| series::resolve(func, args))
}

/// Operators on values of one type, and their date and time forms.
fn operator(func: Func, args: &[DataType]) -> Option<Kernel> {
    use Func::{Eq, Gt, GtEq, IsDistinct, IsNotDistinct, Lt, LtEq, NotEq};
    let first = args.first()?;
    if matches!(func, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinct | IsNotDistinct) {
        return compare::resolve(func, first);
    }
    if matches!(func, Func::ShiftLeft | Func::ShiftRight) {
        return arith::resolve_shift(func, first.physical());
    }
    if args.iter().all(DataType::is_numeric) {
        return arith::resolve(func, args.len(), first.physical());
    }
    time_arith::resolve(func, args)
}

/// The fused filter of a comparison of these types, if there is one. It cannot fail.
pub fn resolve_filter(func: Func, args: &[DataType]) -> Option<Filter> {
    compare::resolve_filter(func, args.first()?)
}

/// The kernel that converts a value; `None` if there is no such cast. With `try_`, a value that
/// cannot be converted gives NULL instead of an error.
pub fn resolve_cast(from: &DataType, to: &DataType, try_: bool) -> Option<Kernel> {
    cast::resolve(from, to, try_)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_support;
