//! Three-valued logic on BOOLEAN columns, and from BOOLEAN columns to selections.
//!
//! Values are bytes, validity is bits; eight bytes of zeros and ones become eight bits with one
//! multiplication, so NULL rules work on 64 rows at a time and only where there are NULLs.
//! Invariant: a BOOLEAN slot is 0 or 1, and 0 where NULL (so the packed values are the rows known
//! true).

use arena_tr_storage::{Bitmap, Column, Fixed, MutBuffer, Selection};

use super::call::{Arg, Call, Values};
use super::error::RowErrors;
use super::out::Out;

/// Multiplying eight bytes of 0 or 1 by this gathers them in the top byte, first byte lowest.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// The bits of at most 64 bytes that are 0 or 1.
#[inline]
pub fn pack(bytes: &[u8]) -> u64 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut word = 0;
    for (i, eight) in eights.iter().enumerate() {
        word |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (i * 8);
    }
    for (i, byte) in rest.iter().enumerate() {
        word |= u64::from(*byte) << (eights.len() * 8 + i);
    }
    word
}

/// Appends `base + i` for each set bit `i`.
#[inline]
pub fn push_bits(rows: &mut MutBuffer<u16>, base: usize, mut bits: u64) {
    let n = bits.count_ones() as usize;
    let start = rows.len();
    rows.resize_for_overwrite(start + n);
    let slots = &mut rows[start..];
    if n == 64 {
        slots.iter_mut().enumerate().for_each(|(i, slot)| *slot = (base + i) as u16);
        return;
    }
    for slot in slots {
        *slot = (base + bits.trailing_zeros() as usize) as u16;
        bits &= bits - 1;
    }
}

/// Appends the selected rows whose byte is 1 and whose bit in `validity` is set.
#[inline]
pub fn push_selected(
    bytes: &[u8],
    validity: Option<&Bitmap>,
    selection: &Selection,
    rows: &mut MutBuffer<u16>,
) {
    match selection {
        Selection::All(n) => {
            for (w, block) in bytes[..*n].chunks(64).enumerate() {
                let valid = validity.map_or(u64::MAX, |v| v.words()[w]);
                push_bits(rows, w * 64, pack(block) & valid);
            }
        }
        Selection::Indices(indices) => {
            let start = rows.len();
            rows.resize_for_overwrite(start + indices.len());
            let slots = &mut rows[start..];
            let mut n = 0;
            for &i in indices.iter() {
                let row = usize::from(i);
                let keep = bytes[row] != 0 && validity.is_none_or(|v| v.get(row));
                slots[n] = i;
                n += usize::from(keep);
            }
            rows.truncate(start + n);
        }
    }
}

fn booleans(column: &Column) -> &Fixed<u8> {
    column.as_bool().expect("the verifier gives conditions BOOLEAN columns")
}

/// Appends the selected rows in which the condition is true, ascending: what WHERE keeps.
pub fn select_true(condition: Arg<'_>, selection: &Selection, rows: &mut MutBuffer<u16>) {
    let bools = booleans(condition.column());
    match condition {
        Arg::Rows(_) => push_selected(&bools.values, bools.validity.as_ref(), selection, rows),
        Arg::Const(_) if bools.get(0) == Some(1) => rows.extend(selection.iter().map(|i| i as u16)),
        Arg::Const(_) => {}
    }
}

/// Appends the selected rows in which the condition is false or NULL, ascending: where CASE goes
/// on.
pub fn select_not_true(condition: Arg<'_>, selection: &Selection, rows: &mut MutBuffer<u16>) {
    let bools = booleans(condition.column());
    match condition {
        // NULL slots are zero, so the values alone say what is true.
        Arg::Rows(_) => {
            rows.extend(selection.iter().filter(|&i| bools.values[i] == 0).map(|i| i as u16));
        }
        Arg::Const(_) if bools.get(0) == Some(1) => {}
        Arg::Const(_) => rows.extend(selection.iter().map(|i| i as u16)),
    }
}

/// Rows known true and rows known false, 64 to a word, of one argument.
#[derive(Clone, Copy)]
struct Known<'a> {
    values: Values<'a, u8>,
    validity: Option<&'a Bitmap>,
    /// A constant NULL is known neither true nor false.
    null: bool,
}

impl<'a> Known<'a> {
    fn of(call: &Call<'a>, k: usize) -> Self {
        let arg = call.args[k];
        let validity = if arg.is_const() { None } else { arg.column().validity() };
        Self { values: call.values(k), validity, null: arg.is_const_null() }
    }

    fn words(self, w: usize) -> (u64, u64) {
        match self.values {
            Values::Rows(values) => {
                let end = values.len().min(w * 64 + 64);
                let yes = pack(&values[w * 64..end]);
                (yes, !yes & self.validity.map_or(u64::MAX, |v| v.words()[w]))
            }
            Values::Const(_) if self.null => (0, 0),
            Values::Const(0) => (0, u64::MAX),
            Values::Const(_) => (u64::MAX, 0),
        }
    }
}

/// Folds the arguments: bytes with `join`, and (only if there are NULLs) validity with `valid`,
/// which is given the known-true and known-false words so far and of the next argument.
fn fold(
    call: &Call<'_>,
    out: &mut Out<'_>,
    join: impl Fn(u8, u8) -> u8,
    words: impl Fn((u64, u64), (u64, u64)) -> (u64, u64),
) {
    let mut values = out.values::<u8>(call.rows);
    for k in 0..call.args.len() {
        match call.values::<u8>(k) {
            Values::Rows(bytes) if k == 0 => values.copy_from_slice(bytes),
            Values::Const(byte) if k == 0 => values.fill(byte),
            Values::Rows(bytes) => {
                values.iter_mut().zip(bytes).for_each(|(slot, b)| *slot = join(*slot, *b));
            }
            Values::Const(byte) => values.iter_mut().for_each(|slot| *slot = join(*slot, byte)),
        }
    }
    let nulls =
        call.args.iter().any(|arg| arg.is_const_null() || arg.column().validity().is_some());
    let validity = nulls.then(|| {
        let args: Vec<Known<'_>> = (0..call.args.len()).map(|k| Known::of(call, k)).collect();
        let valid = (0..call.rows.div_ceil(64)).map(|w| {
            let known = args.iter().map(|arg| arg.words(w)).reduce(&words);
            known.map_or(u64::MAX, |(yes, no)| yes | no)
        });
        Bitmap::from_words(valid.collect(), call.rows)
    });
    out.set(values, validity.and_then(Bitmap::normalize));
}

/// AND of one or more conditions: false if any is false, else NULL if any is NULL, else true.
pub fn and(call: &Call<'_>, out: &mut Out<'_>, _: &mut RowErrors) {
    fold(call, out, |a, b| a & b, |(yes, no), (y, n)| (yes & y, no | n));
}

/// OR of one or more conditions: true if any is true, else NULL if any is NULL, else false.
pub fn or(call: &Call<'_>, out: &mut Out<'_>, _: &mut RowErrors) {
    fold(call, out, |a, b| a | b, |(yes, no), (y, n)| (yes | y, no & n));
}

/// NOT; NULL stays NULL.
pub fn not(call: &Call<'_>, out: &mut Out<'_>, _: &mut RowErrors) {
    super::dense::unary::<u8, u8>(call, out, |a| a ^ 1);
}

/// IS NULL of any type; never NULL.
pub fn is_null(call: &Call<'_>, out: &mut Out<'_>, _: &mut RowErrors) {
    null_test(call, out, 1);
}

/// IS NOT NULL of any type; never NULL.
pub fn is_not_null(call: &Call<'_>, out: &mut Out<'_>, _: &mut RowErrors) {
    null_test(call, out, 0);
}

fn null_test(call: &Call<'_>, out: &mut Out<'_>, if_null: u8) {
    let mut values = out.values::<u8>(call.rows);
    let arg = call.args[0];
    match arg.column().validity() {
        _ if arg.is_const_null() => values.fill(if_null),
        Some(bits) if !arg.is_const() => {
            for (i, slot) in values.iter_mut().enumerate() {
                *slot = u8::from(bits.get(i)) ^ if_null;
            }
        }
        _ => values.fill(if_null ^ 1),
    }
    out.set(values, None);
}

/// Restricts validity: the column of argument 0 where the condition (argument 1) is not true, else
/// NULL. NULLIF(a, b) is this with the condition `a = b`.
pub fn null_where(column: &Column, condition: &Fixed<u8>) -> Column {
    let rows = column.len().min(condition.len());
    let words = condition.values[..rows].chunks(64).map(|block| !pack(block)).collect();
    let keep = Bitmap::from_words(words, rows);
    let validity = Bitmap::both(column.validity(), Some(&keep)).and_then(Bitmap::normalize);
    column.clone().with_validity(validity)
}

#[cfg(test)]
mod tests;
