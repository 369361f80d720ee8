//! Results of aggregates, as PostgreSQL 15 computes them from the same sums.
//!
//! Rows are read where they are or from copies of what they were before an epoch, by the same code.
//! Invariant: reading changes nothing; a group whose result is an error gives NULL and the error.

use std::sync::Arc;

use arena_tr_storage::OutOfMemory;
use arena_tr_storage::arena::Addr;
use arena_tr_storage::column::{BitmapBuilder, Column, Fixed, MutBuffer, nested};
use arena_tr_storage::state::gather::gather_cells;
use arena_tr_storage::state::{Cell, Heap, RowSource, cell};
use arena_tr_types::{DataType, Decimal, Interval, PhysicalType, SqlError, SqlState, Value};

use super::exact::Total;
use super::plan::{Kind, Moment, Pick, Slot};
use super::update::VALID;
use super::{Groups, decimal, exact, int};

/// Errors of groups: the number of the row read, and what is wrong.
pub(crate) type GroupErrors = Vec<(usize, SqlError)>;

/// A number on its way into a column of whatever type.
enum Number {
    Int(i128),
    Decimal(Decimal),
    Float(f64),
}

type NumberResult = Result<Option<Number>, SqlError>;

impl Groups {
    /// The results of one aggregate for these rows (words of this table's layout, strings in its
    /// heap).
    pub(crate) fn read(
        &self,
        slot: usize,
        rows: &impl RowSource,
        errors: &mut GroupErrors,
    ) -> Column {
        let slot = &self.plan.slots[slot];
        let heap = self.table.heap();
        match slot.kind {
            Kind::Count => {
                let counts = (0..rows.n_rows()).map(|k| Self::count(slot, rows.row(k)));
                Column::I64(Fixed::new(counts.collect()))
            }
            Kind::Interval { avg } => intervals(slot, avg, rows, errors),
            Kind::Bool { and } => bools(slot, and, rows),
            Kind::Extreme { .. } | Kind::Arrival { .. } | Kind::Collected(_) => {
                self.held(slot, rows)
            }
            _ => {
                let numbers = (0..rows.n_rows()).map(|k| number(slot, rows.row(k), heap));
                column_of(numbers, &slot.ty, errors)
            }
        }
    }

    /// Values that lie in cells of the row.
    fn held(&self, slot: &Slot, rows: &impl RowSource) -> Column {
        let valid = |k: usize| self.plan.flags_in(slot, rows.row(k)) & VALID != 0;
        let words = |k: usize| &rows.row(k)[slot.at..];
        gather_cells(Cell::of(&slot.ty), rows.n_rows(), self.table.heap(), valid, words)
    }

    /// Renews the results that are read from collections.
    pub(crate) fn refresh(&mut self, group: Addr) -> Result<(), OutOfMemory> {
        let plan = Arc::clone(&self.plan);
        for slot in &plan.slots {
            let (Kind::Collected(pick), Some((index, _))) = (slot.kind, slot.collect) else {
                continue;
            };
            let root = self.table.heap().word(group.offset(plan.collects[index].at));
            let words = self.collected(slot, pick, index, root)?;
            self.store(slot, group, words);
        }
        Ok(())
    }

    /// Puts a value into an aggregate's cell.
    fn store(&mut self, slot: &Slot, group: Addr, words: Option<[u64; 3]>) {
        let (kind, at) = (Cell::of(&slot.ty), group.offset(slot.at));
        if kind.is_str() {
            let old = self.table.heap().words(at, 2);
            let old = [old[0], old[1]];
            self.garbage.push(old);
        }
        let new = words.unwrap_or_default();
        let n = kind.words();
        self.table.heap_mut().words_mut(at, n).copy_from_slice(&new[..n]);
        self.set_flags(slot, group, if words.is_some() { VALID } else { 0 });
    }

    /// What an aggregate shows of a collection; a string belongs to the table's heap.
    fn collected(
        &mut self,
        slot: &Slot,
        pick: Pick,
        index: usize,
        root: u64,
    ) -> Result<Option<[u64; 3]>, OutOfMemory> {
        match pick {
            Pick::Array => self.array(slot, index, root),
            Pick::Text => self.text(slot, index, root),
            Pick::First | Pick::Last | Pick::Single => {
                let collection = &self.collections[index];
                let field = self.plan.collects[index].first_arg;
                let end = match pick {
                    Pick::Single => collection.only(root),
                    _ => collection.end(root, pick == Pick::Last),
                };
                let Some(end) = end else { return Ok(None) };
                let (Some(words), rows) = collection.field(end, field) else { return Ok(None) };
                let mut copy = [0; 3];
                copy[..words.len()].copy_from_slice(words);
                if Cell::of(&slot.ty).is_str() {
                    let [low, high] = self.table.heap_mut().copy_cell([copy[0], copy[1]], rows)?;
                    copy = [low, high, 0];
                }
                Ok(Some(copy))
            }
        }
    }

    /// The elements an aggregate shows, each as often as it counts.
    fn shown(&self, slot: &Slot, index: usize, root: u64) -> Vec<Addr> {
        let collection = &self.collections[index];
        let first_arg = self.plan.collects[index].first_arg;
        let mut shown: Vec<Addr> = Vec::new();
        for (addr, weight) in collection.elements(root) {
            if !slot.unique {
                shown.extend(std::iter::repeat_n(addr, usize::try_from(weight).unwrap_or(0)));
            } else if shown.last().is_none_or(|&l| !collection.eq_args(l, addr, first_arg)) {
                shown.push(addr);
            }
        }
        shown
    }

    fn array(
        &mut self,
        slot: &Slot,
        index: usize,
        root: u64,
    ) -> Result<Option<[u64; 3]>, OutOfMemory> {
        let shown = self.shown(slot, index, root);
        if shown.is_empty() {
            return Ok(None);
        }
        let DataType::List(element) = &slot.ty else { return Ok(None) };
        let column = self.collections[index].gather(self.plan.collects[index].first_arg, &shown);
        let values: Vec<Value> = (0..column.len()).map(|i| column.value(i, element)).collect();
        let mut bytes = Vec::new();
        nested::encode(&Value::List(values.into()), &mut bytes);
        let [low, high] = self.table.heap_mut().store_bytes(&bytes)?;
        Ok(Some([low, high, 0]))
    }

    /// The values, each but the first behind its own delimiter.
    fn text(
        &mut self,
        slot: &Slot,
        index: usize,
        root: u64,
    ) -> Result<Option<[u64; 3]>, OutOfMemory> {
        let shown = self.shown(slot, index, root);
        let first_arg = self.plan.collects[index].first_arg;
        let n_fields = self.plan.collects[index].types.len();
        let mut bytes = Vec::new();
        for (i, &addr) in shown.iter().enumerate() {
            let delimiter = first_arg + 1;
            if i > 0
                && delimiter < n_fields
                && let (Some(words), rows) = self.collections[index].field(addr, delimiter)
            {
                rows.with_bytes(words, |b| bytes.extend_from_slice(b));
            }
            if let (Some(words), rows) = self.collections[index].field(addr, first_arg) {
                rows.with_bytes(words, |b| bytes.extend_from_slice(b));
            }
        }
        if shown.is_empty() {
            return Ok(None);
        }
        let [low, high] = self.table.heap_mut().store_bytes(&bytes)?;
        Ok(Some([low, high, 0]))
    }
}

fn overflow() -> SqlError {
    SqlError::new(SqlState::NUMERIC_OUT_OF_RANGE, "value out of range: overflow")
}

fn number(slot: &Slot, row: &[u64], heap: &Heap) -> NumberResult {
    let n = Groups::count(slot, row);
    let words = &row[slot.at..];
    match slot.kind {
        Kind::Int { avg } => {
            let present =
                int::seen(words[0]) && (slot.counter == super::plan::Counter::Weight || n > 0);
            if !present || n <= 0 {
                return Ok(None);
            }
            let sum = int::sum(words[0], heap);
            if !avg {
                return Ok(Some(Number::Int(sum)));
            }
            let mean = Decimal::from_i128(sum)?.checked_div(Decimal::from_i64(n))?;
            Ok(Some(Number::Decimal(mean)))
        }
        _ if n <= 0 => Ok(None),
        Kind::Decimal { avg } => {
            let sum = decimal::total(words, heap)?;
            let result = if avg { sum.checked_div(Decimal::from_i64(n))? } else { sum };
            Ok(Some(Number::Decimal(result)))
        }
        Kind::Float { avg } => match exact::total(words, heap) {
            Total::Overflow => Err(overflow()),
            Total::Special(x) => Ok(Some(Number::Float(x))),
            Total::Finite(hi, _) => Ok(Some(Number::Float(if avg { hi / n as f64 } else { hi }))),
        },
        Kind::IntMoments(m) => {
            let square = int::total_192(&words[2..]).ok_or_else(overflow)?;
            let sum = Decimal::from_i128(cell::i128_from_words(words))?;
            decimal_moment(m, n, sum, Decimal::from_i128(square)?)
        }
        Kind::DecimalMoments(m) => {
            let sum = decimal::total(words, heap)?;
            let square = decimal::total(&words[decimal::WORDS..], heap)?;
            if sum.is_finite() && !square.is_finite() {
                return Err(overflow());
            }
            decimal_moment(m, n, sum, square)
        }
        Kind::FloatMoments(m) => {
            let (sum, square) =
                (exact::total(words, heap), exact::total(&words[exact::WORDS..], heap));
            float_moment(m, n, sum, square)
        }
        _ => Ok(None),
    }
}

/// The variance family from exact sums: (n * squares - sum^2) / (n * (n - 1)), or / n^2.
fn decimal_moment(m: Moment, n: i64, sum: Decimal, square: Decimal) -> NumberResult {
    if m.sample && n <= 1 {
        return Ok(None);
    }
    if !sum.is_finite() {
        return Ok(Some(Number::Decimal(Decimal::NAN)));
    }
    let count = Decimal::from_i64(n);
    let numerator = count.checked_mul(square)?.checked_sub(sum.checked_mul(sum)?)?;
    if numerator.signum() <= 0 {
        return Ok(Some(Number::Decimal(Decimal::ZERO)));
    }
    let other = if m.sample { Decimal::from_i64(n - 1) } else { count };
    let variance = numerator.checked_div(count.checked_mul(other)?)?;
    let result = if m.root { variance.sqrt_at(variance.scale())? } else { variance };
    Ok(Some(Number::Decimal(result)))
}

fn float_moment(m: Moment, n: i64, sum: Total, square: Total) -> NumberResult {
    if m.sample && n <= 1 {
        return Ok(None);
    }
    let ((s1, s2), (q1, q2)) = match (sum, square) {
        (Total::Special(_), _) => return Ok(Some(Number::Float(f64::NAN))),
        (Total::Finite(s1, s2), Total::Finite(q1, q2)) => ((s1, s2), (q1, q2)),
        _ => return Err(overflow()),
    };
    let count = n as f64;
    let mut terms = [0.0; 10];
    let products = [(count, q1), (count, q2), (-s1, s1), (-2.0 * s1, s2), (-s2, s2)]
        .map(|(a, b)| exact::two_product(a, b));
    for (pair, (product, rest)) in terms.chunks_mut(2).zip(products) {
        pair[0] = product;
        pair[1] = rest;
    }
    let numerator = exact::sum_few(&terms).max(0.0);
    let variance = numerator / count / if m.sample { (n - 1) as f64 } else { count };
    Ok(Some(Number::Float(if m.root { variance.sqrt() } else { variance })))
}

/// Numbers as a column of this type; a number that does not fit is the group's error.
fn column_of(
    numbers: impl Iterator<Item = NumberResult>,
    ty: &DataType,
    errors: &mut GroupErrors,
) -> Column {
    let mut validity = BitmapBuilder::with_capacity(numbers.size_hint().0);
    let mut present = |k: usize, number: NumberResult| match number {
        Ok(number) => number,
        Err(error) => {
            errors.push((k, error));
            None
        }
    };
    macro_rules! column {
        ($variant:ident, $t:ty, $convert:expr) => {{
            let mut values = MutBuffer::<$t>::new();
            for (k, number) in numbers.enumerate() {
                let value = number.and_then(|n| n.map($convert).transpose());
                let value = match value {
                    Ok(value) => value,
                    Err(error) => {
                        present(k, Err(error));
                        None
                    }
                };
                validity.push(value.is_some());
                values.push(value.unwrap_or_default());
            }
            Column::$variant(Fixed::with_validity(values.freeze(), validity.finish_validity()))
        }};
    }
    match ty.physical() {
        PhysicalType::I16 => column!(I16, i16, |n| to_int(n, ty)),
        PhysicalType::I32 => column!(I32, i32, |n| to_int(n, ty)),
        PhysicalType::I64 => column!(I64, i64, |n| to_int(n, ty)),
        PhysicalType::F32 => column!(F32, f32, to_f32),
        PhysicalType::F64 => column!(F64, f64, to_f64),
        _ => column!(Decimal, Decimal, to_decimal),
    }
}

fn to_int<T: TryFrom<i128>>(number: Number, ty: &DataType) -> Result<T, SqlError> {
    let value = match number {
        Number::Int(value) => Some(value),
        Number::Decimal(value) => value.to_i128(),
        Number::Float(value) => Decimal::from_f64(value).ok().and_then(Decimal::to_i128),
    };
    value.and_then(|v| T::try_from(v).ok()).ok_or_else(|| SqlError::out_of_range(ty))
}

fn to_f64(number: Number) -> Result<f64, SqlError> {
    Ok(match number {
        Number::Int(value) => value as f64,
        Number::Decimal(value) => value.to_f64(),
        Number::Float(value) => value,
    })
}

fn to_f32(number: Number) -> Result<f32, SqlError> {
    let wide = to_f64(number)?;
    let value = wide as f32;
    if value.is_infinite() && wide.is_finite() { Err(overflow()) } else { Ok(value) }
}

fn to_decimal(number: Number) -> Result<Decimal, SqlError> {
    Ok(match number {
        Number::Int(value) => Decimal::from_i128(value)?,
        Number::Decimal(value) => value,
        Number::Float(value) => Decimal::from_f64(value)?,
    })
}

fn intervals(slot: &Slot, avg: bool, rows: &impl RowSource, errors: &mut GroupErrors) -> Column {
    let mut values = MutBuffer::<i128>::new();
    let mut validity = BitmapBuilder::with_capacity(rows.n_rows());
    for k in 0..rows.n_rows() {
        let row = rows.row(k);
        let n = Groups::count(slot, row);
        let words = &row[slot.at..];
        let sum = || -> Result<Interval, SqlError> {
            let part = |word: u64| {
                i32::try_from(word.cast_signed()).map_err(|_| {
                    SqlError::new(SqlState::DATETIME_OVERFLOW, "interval out of range")
                })
            };
            let sum = Interval {
                months: part(words[0])?,
                days: part(words[1])?,
                micros: words[2].cast_signed(),
            };
            if avg { sum.checked_div(n as f64) } else { Ok(sum) }
        };
        let value = match (n > 0).then(sum).transpose() {
            Ok(value) => value,
            Err(error) => {
                errors.push((k, error));
                None
            }
        };
        validity.push(value.is_some());
        values.push(value.map_or(0, Interval::to_bits));
    }
    Column::I128(Fixed::with_validity(values.freeze(), validity.finish_validity()))
}

fn bools(slot: &Slot, and: bool, rows: &impl RowSource) -> Column {
    let mut values = MutBuffer::<u8>::new();
    let mut validity = BitmapBuilder::with_capacity(rows.n_rows());
    for k in 0..rows.n_rows() {
        let words = &rows.row(k)[slot.at..slot.at + 2];
        let (n_true, n_false) = (words[0].cast_signed(), words[1].cast_signed());
        let present = n_true > 0 || n_false > 0;
        validity.push(present);
        values.push(u8::from(present && if and { n_false <= 0 } else { n_true > 0 }));
    }
    Column::Bool(Fixed::with_validity(values.freeze(), validity.finish_validity()))
}
