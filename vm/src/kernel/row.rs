//! Adaptors that turn a function of one row into a kernel.
//!
//! For the long tail of functions a call per row is cheap beside what the function does; these
//! adaptors do NULLs, selections, errors and output once for all of them. Arguments are read as
//! `&str`, `&[u8]` or plain numbers, so no value is boxed.
//! Invariant: a strict function never sees a NULL argument; a row that fails leaves NULL.

use std::ops::Range;

use arena_tr_storage::{Bitmap, ColumnBuilder, MutBuffer};
use arena_tr_types::{DataType, Decimal, Interval, SqlError, Timestamp, Value};

use super::Kernel;
use super::call::{Call, Cell};
use super::error::RowErrors;
use super::out::{Out, TextOut};

/// One row of a call.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    call: &'a Call<'a>,
    /// Its position in the batch.
    pub i: usize,
}

impl<'a> Row<'a> {
    /// Row `i` of this call.
    #[inline]
    pub fn new(call: &'a Call<'a>, i: usize) -> Self {
        Self { call, i }
    }

    /// Number of arguments.
    pub fn n_args(self) -> usize {
        self.call.args.len()
    }

    /// Whether argument `k` is NULL.
    #[inline]
    pub fn is_null(self, k: usize) -> bool {
        self.call.is_null(k, self.i)
    }

    /// Argument `k` as text.
    #[inline]
    pub fn str(self, k: usize) -> &'a str {
        self.call.text(k, self.i)
    }

    /// Argument `k` as bytes.
    #[inline]
    pub fn bytes(self, k: usize) -> &'a [u8] {
        self.call.bytes(k, self.i)
    }

    /// Argument `k`, a fixed-width value.
    #[inline]
    pub fn get<T: Cell>(self, k: usize) -> T {
        self.call.get(k, self.i)
    }

    /// Argument `k`, a BOOLEAN.
    #[inline]
    pub fn bool(self, k: usize) -> bool {
        self.get::<u8>(k) != 0
    }

    /// Argument `k`, an INTEGER or DATE.
    #[inline]
    pub fn i32(self, k: usize) -> i32 {
        self.get(k)
    }

    /// Argument `k`, a BIGINT or a time.
    #[inline]
    pub fn i64(self, k: usize) -> i64 {
        self.get(k)
    }

    /// Argument `k`, a DOUBLE PRECISION.
    #[inline]
    pub fn f64(self, k: usize) -> f64 {
        self.get(k)
    }

    /// Argument `k`, a NUMERIC.
    #[inline]
    pub fn decimal(self, k: usize) -> Decimal {
        self.get(k)
    }

    /// Argument `k`, an INTERVAL.
    #[inline]
    pub fn interval(self, k: usize) -> Interval {
        Interval::from_bits(self.get(k))
    }

    /// Argument `k` as a value of this type.
    pub fn value(self, k: usize, data_type: &DataType) -> Value {
        let arg = self.call.args[k];
        arg.column().value(arg.index(self.i), data_type)
    }

    /// The epoch's time.
    pub fn now(self) -> Timestamp {
        self.call.now
    }
}

/// A Rust value that a fixed-width column holds.
pub trait Native: Copy {
    /// How the column holds it.
    type Repr: Cell;
    /// As the column holds it.
    fn repr(self) -> Self::Repr;
}

macro_rules! native {
    ($($t:ty),*) => {$(
        impl Native for $t {
            type Repr = $t;
            #[inline]
            fn repr(self) -> $t {
                self
            }
        }
    )*};
}
native!(i16, i32, i64, f32, f64, Decimal, i128);

impl Native for bool {
    type Repr = u8;
    #[inline]
    fn repr(self) -> u8 {
        u8::from(self)
    }
}

impl Native for Interval {
    type Repr = i128;
    #[inline]
    fn repr(self) -> i128 {
        self.to_bits()
    }
}

/// What a row's function gives: a value, NULL, or an error.
pub type RowResult<T> = Result<Option<T>, SqlError>;

/// Which rows became NULL while they were computed.
struct Nulls {
    words: Option<MutBuffer<u64>>,
    rows: usize,
}

impl Nulls {
    fn new(rows: usize) -> Self {
        Self { words: None, rows }
    }

    #[inline]
    fn add(&mut self, i: usize) {
        let rows = self.rows;
        let words = self.words.get_or_insert_with(|| {
            let mut words = MutBuffer::new();
            words.resize(rows.div_ceil(64), u64::MAX);
            words
        });
        words[i / 64] &= !(1 << (i % 64));
    }

    /// Together with the rows whose arguments are NULL.
    fn validity(self, strict: Option<Bitmap>) -> Option<Bitmap> {
        let own = self.words.map(|words| Bitmap::from_words(words, self.rows));
        Bitmap::both(own.as_ref(), strict.as_ref())
    }
}

/// Calls `f` for every selected row that is valid.
#[inline]
fn each_row(call: &Call<'_>, validity: Option<&Bitmap>, mut f: impl FnMut(usize)) {
    match validity {
        None => call.selection.iter().for_each(f),
        Some(bits) => {
            for i in call.selection.iter() {
                if bits.get(i) {
                    f(i);
                }
            }
        }
    }
}

fn run_fixed<T: Native>(
    strict: bool,
    f: &impl Fn(Row<'_>) -> RowResult<T>,
    call: &Call<'_>,
    out: &mut Out<'_>,
    errors: &mut RowErrors,
) {
    let validity = if strict { call.strict_validity() } else { None };
    let mut values = out.zeroed::<T::Repr>(call.rows);
    let mut nulls = Nulls::new(call.rows);
    each_row(call, validity.as_ref(), |i| match f(Row::new(call, i)) {
        Ok(Some(value)) => values[i] = value.repr(),
        Ok(None) => nulls.add(i),
        Err(error) => {
            nulls.add(i);
            errors.push(i, error);
        }
    });
    out.set(values, nulls.validity(validity));
}

/// A strict function with a fixed-width result.
pub fn fixed<T: Native>(
    f: impl Fn(Row<'_>) -> Result<T, SqlError> + Send + Sync + 'static,
) -> Kernel {
    fixed_opt(move |row| f(row).map(Some))
}

/// A strict function with a fixed-width result that may be NULL.
pub fn fixed_opt<T: Native>(f: impl Fn(Row<'_>) -> RowResult<T> + Send + Sync + 'static) -> Kernel {
    Kernel::new(move |call, out, errors| run_fixed(true, &f, call, out, errors))
}

/// A function that sees NULLs, with a fixed-width result.
pub fn fixed_lenient<T: Native>(
    f: impl Fn(Row<'_>) -> RowResult<T> + Send + Sync + 'static,
) -> Kernel {
    Kernel::new(move |call, out, errors| run_fixed(false, &f, call, out, errors))
}

fn run_text(
    strict: bool,
    f: &impl Fn(Row<'_>, &mut TextOut) -> RowResult<()>,
    call: &Call<'_>,
    out: &mut Out<'_>,
    errors: &mut RowErrors,
) {
    let validity = if strict { call.strict_validity() } else { None };
    let mut text = out.text(call.rows);
    let mut nulls = Nulls::new(call.rows);
    each_row(call, validity.as_ref(), |i| {
        let result = f(Row::new(call, i), &mut text);
        if !matches!(result, Ok(Some(()))) {
            text.discard();
        }
        match result.and_then(|value| value.map(|()| text.end(i)).transpose()) {
            Ok(Some(())) => {}
            Ok(None) => nulls.add(i),
            Err(error) => {
                nulls.add(i);
                errors.push(i, error);
            }
        }
    });
    out.set_text(text, nulls.validity(validity));
}

/// A strict function that writes a string (or any encoded value).
pub fn text(
    f: impl Fn(Row<'_>, &mut TextOut) -> Result<(), SqlError> + Send + Sync + 'static,
) -> Kernel {
    text_opt(move |row, out| f(row, out).map(Some))
}

/// A strict function that writes a string or gives NULL.
pub fn text_opt(
    f: impl Fn(Row<'_>, &mut TextOut) -> RowResult<()> + Send + Sync + 'static,
) -> Kernel {
    Kernel::new(move |call, out, errors| run_text(true, &f, call, out, errors))
}

/// A strict function of a 64-bit first argument that writes a string or gives NULL, and writes the
/// same string for all values of a range. `prepare` gives what a call needs once, or `None` if rows
/// have nothing in common and `each` is to run; `alike` is the range around a value. Streams are
/// nearly in order, so most rows share their neighbour's string.
pub fn text_runs<P>(
    prepare: impl Fn(&Call<'_>) -> Option<P> + Send + Sync + 'static,
    alike: impl Fn(&P, i64) -> Range<i64> + Send + Sync + 'static,
    write: impl Fn(&P, i64, &mut TextOut) -> RowResult<()> + Send + Sync + 'static,
    each: Kernel,
) -> Kernel {
    Kernel::new(move |call, out, errors| {
        let Some(prepared) = prepare(call) else { return each.run(call, out, errors) };
        let validity = call.strict_validity();
        let mut text = out.text(call.rows);
        let mut nulls = Nulls::new(call.rows);
        let mut last = (0..0, 0);
        each_row(call, validity.as_ref(), |i| {
            let value = call.get::<i64>(0, i);
            if last.0.contains(&value) {
                text.repeat(i, last.1);
                return;
            }
            let result = write(&prepared, value, &mut text);
            if !matches!(result, Ok(Some(()))) {
                text.discard();
            }
            match result.and_then(|some| some.map(|()| text.end(i)).transpose()) {
                Ok(Some(())) => last = (alike(&prepared, value), i),
                Ok(None) => nulls.add(i),
                Err(error) => {
                    nulls.add(i);
                    errors.push(i, error);
                }
            }
        });
        out.set_text(text, nulls.validity(validity));
    })
}

/// A function that sees NULLs and writes a string or gives NULL.
pub fn text_lenient(
    f: impl Fn(Row<'_>, &mut TextOut) -> RowResult<()> + Send + Sync + 'static,
) -> Kernel {
    Kernel::new(move |call, out, errors| run_text(false, &f, call, out, errors))
}

fn run_values(
    strict: bool,
    ret: &DataType,
    f: &impl Fn(Row<'_>) -> Result<Value, SqlError>,
    call: &Call<'_>,
    out: &mut Out<'_>,
    errors: &mut RowErrors,
) {
    let validity = if strict { call.strict_validity() } else { None };
    let mut builder = ColumnBuilder::new(ret.physical(), call.rows);
    each_row(call, validity.as_ref(), |i| {
        while builder.len() < i {
            builder.push_null();
        }
        if let Err(error) = f(Row::new(call, i)).and_then(|value| builder.push_value(&value)) {
            errors.push(i, error);
        }
    });
    while builder.len() < call.rows {
        builder.push_null();
    }
    out.put(builder.finish());
}

/// A strict function that gives a value of type `ret`: for types and functions that are rare.
pub fn values(
    ret: &DataType,
    f: impl Fn(Row<'_>) -> Result<Value, SqlError> + Send + Sync + 'static,
) -> Kernel {
    let ret = ret.clone();
    Kernel::new(move |call, out, errors| run_values(true, &ret, &f, call, out, errors))
}

/// The same for a function that sees NULLs.
pub fn values_lenient(
    ret: &DataType,
    f: impl Fn(Row<'_>) -> Result<Value, SqlError> + Send + Sync + 'static,
) -> Kernel {
    let ret = ret.clone();
    Kernel::new(move |call, out, errors| run_values(false, &ret, &f, call, out, errors))
}
