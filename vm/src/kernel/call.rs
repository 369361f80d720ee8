//! What a kernel is given: arguments, the live rows, and the epoch's time.
//!
//! Invariant: a `Rows` argument has at least `rows` rows, a `Const` argument exactly one; both have
//! the physical type that the kernel was resolved for.

use arena_tr_storage::column::Pod;
use arena_tr_storage::{Bitmap, Column, Fixed, Selection, StrColumn};
use arena_tr_types::{Decimal, Timestamp};

/// One argument.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// A value per row.
    Rows(&'a Column),
    /// One value for all rows: a column of one row.
    Const(&'a Column),
}

/// One run of a kernel.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The arguments.
    pub args: &'a [Arg<'a>],
    /// The rows whose result is wanted.
    pub selection: &'a Selection,
    /// Rows of the batch, selected or not; the output has as many.
    pub rows: usize,
    /// The epoch's timestamp, in UTC.
    pub now: Timestamp,
}

/// A value of a fixed-width column, and which column type that is.
pub trait Cell: Pod {
    /// The typed column inside, if it is of this type.
    fn of(column: &Column) -> Option<&Fixed<Self>>;
    /// Takes the typed column out, if it is of this type.
    fn take(column: Column) -> Option<Fixed<Self>>;
    /// Wraps a typed column.
    fn wrap(column: Fixed<Self>) -> Column;
}

macro_rules! cells {
    ($($t:ty: $variant:ident;)*) => {$(
        impl Cell for $t {
            #[inline]
            fn of(column: &Column) -> Option<&Fixed<Self>> {
                if let Column::$variant(fixed) = column { Some(fixed) } else { None }
            }

            #[inline]
            fn take(column: Column) -> Option<Fixed<Self>> {
                if let Column::$variant(fixed) = column { Some(fixed) } else { None }
            }

            #[inline]
            fn wrap(column: Fixed<Self>) -> Column {
                Column::$variant(column)
            }
        }
    )*};
}

cells! {
    u8: Bool;
    i16: I16;
    i32: I32;
    i64: I64;
    f32: F32;
    f64: F64;
    Decimal: Decimal;
    i128: I128;
}

/// The program was verified, so a column of another type is our bug, never the user's.
#[cold]
#[inline(never)]
fn wrong_type(column: &Column) -> ! {
    unreachable!(
        "a verified program gives kernels the columns they were resolved for, not {column:?}"
    )
}

/// Values of an argument: a slice of all rows, or the one value of a constant.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a, T> {
    /// Exactly `rows` values.
    Rows(&'a [T]),
    /// The constant (zero if it is NULL).
    Const(T),
}

impl<T: Copy> Values<'_, T> {
    /// The value of row `i`.
    #[inline]
    pub fn get(&self, i: usize) -> T {
        match self {
            Self::Rows(values) => values[i],
            Self::Const(value) => *value,
        }
    }
}

impl<'a> Arg<'a> {
    /// The column behind it.
    #[inline]
    pub fn column(self) -> &'a Column {
        match self {
            Self::Rows(column) | Self::Const(column) => column,
        }
    }

    /// Where row `i` stands in the column.
    #[inline]
    pub fn index(self, i: usize) -> usize {
        match self {
            Self::Rows(_) => i,
            Self::Const(_) => 0,
        }
    }

    /// Whether it is the same for all rows.
    #[inline]
    pub fn is_const(self) -> bool {
        matches!(self, Self::Const(_))
    }

    /// Whether row `i` is NULL.
    #[inline]
    pub fn is_null(self, i: usize) -> bool {
        self.column().is_null(self.index(i))
    }

    /// Whether it is a constant NULL.
    #[inline]
    pub fn is_const_null(self) -> bool {
        self.is_const() && self.column().is_null(0)
    }
}

impl<'a> Call<'a> {
    /// The values of the fixed-width argument `k`, cut to the batch's rows.
    #[inline]
    pub fn values<T: Cell>(&self, k: usize) -> Values<'a, T> {
        match self.args[k] {
            Arg::Rows(column) => match T::of(column) {
                Some(fixed) => Values::Rows(&fixed.values.as_slice()[..self.rows]),
                None => wrong_type(column),
            },
            Arg::Const(column) => match T::of(column) {
                Some(fixed) => Values::Const(fixed.values[0]),
                None => wrong_type(column),
            },
        }
    }

    /// The value of argument `k` in row `i`; zero if it is NULL.
    #[inline]
    pub fn get<T: Cell>(&self, k: usize, i: usize) -> T {
        let arg = self.args[k];
        match T::of(arg.column()) {
            Some(fixed) => fixed.values[arg.index(i)],
            None => wrong_type(arg.column()),
        }
    }

    /// The string column of argument `k`.
    #[inline]
    pub fn strings(&self, k: usize) -> &'a StrColumn {
        match self.args[k].column() {
            Column::Str(strings) => strings,
            other => wrong_type(other),
        }
    }

    /// The bytes of the string argument `k` in row `i`; empty if it is NULL.
    #[inline]
    pub fn bytes(&self, k: usize, i: usize) -> &'a [u8] {
        self.strings(k).get(self.args[k].index(i))
    }

    /// The text argument `k` in row `i`; empty if it is NULL.
    #[inline]
    pub fn text(&self, k: usize, i: usize) -> &'a str {
        self.strings(k).str_at(self.args[k].index(i))
    }

    /// Whether argument `k` is NULL in row `i`.
    #[inline]
    pub fn is_null(&self, k: usize, i: usize) -> bool {
        self.args[k].is_null(i)
    }

    /// Rows in which no argument is NULL; `None` if that is all rows.
    pub fn strict_validity(&self) -> Option<Bitmap> {
        let mut all: Option<Bitmap> = None;
        for arg in self.args {
            match arg {
                Arg::Const(column) if column.is_null(0) => {
                    return Some(Bitmap::none_valid(self.rows));
                }
                Arg::Const(_) => {}
                Arg::Rows(column) => {
                    let Some(bits) = column.validity() else { continue };
                    let cut = bits.len() != self.rows;
                    let bits = if cut { bits.slice(0, self.rows) } else { bits.clone() };
                    all = Some(all.map_or_else(|| bits.clone(), |a| a.and(&bits)));
                }
            }
        }
        all
    }
}
