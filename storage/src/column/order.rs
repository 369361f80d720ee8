//! Comparing rows of columns: the total order of SQL, and the finer one that consolidation needs.
//!
//! SQL's order puts NULL last, NaN after every number and text by its bytes. *Identity* refines it
//! until only rows that print alike are equal: `1.0` and `1.00` compare equal in SQL but are two
//! rows for a subscriber, so a delta must not cancel one with the other.
//! Invariant: `same_row(a, b)` exactly when `cmp_identity(a, b)` is equal.

use std::cmp::Ordering;

use arena_tr_types::Decimal;

use crate::column::{Column, Fixed, Pod, StrColumn};

/// Bits of a float so that unsigned order is SQL's: NaN greatest, -0 equal to 0.
#[inline]
pub fn f64_order(value: f64) -> u64 {
    let value = if value.is_nan() { f64::NAN.abs() } else { value + 0.0 };
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// Bits of an integer so that unsigned order is its own.
#[inline]
pub fn i64_order(value: i64) -> u64 {
    value.cast_unsigned() ^ 1 << 63
}

fn cmp_decimal(a: Decimal, b: Decimal) -> Ordering {
    a.cmp_sql(b)
        .then_with(|| a.scale().cmp(&b.scale()))
        .then_with(|| a.to_words().cmp(&b.to_words()))
}

fn cmp_f64(a: f64, b: f64) -> Ordering {
    f64_order(a).cmp(&f64_order(b)).then_with(|| a.to_bits().cmp(&b.to_bits()))
}

fn cmp_str(a: &StrColumn, i: usize, b: &StrColumn, j: usize) -> Ordering {
    if a.row_eq(i, b, j) { Ordering::Equal } else { a.get(i).cmp(b.get(j)) }
}

fn fixed<T: Pod>(
    a: &Fixed<T>,
    i: usize,
    b: &Fixed<T>,
    j: usize,
    cmp: impl FnOnce(T, T) -> Ordering,
) -> Ordering {
    cmp(a.values[i], b.values[j])
}

impl Column {
    /// Orders row `i` of this column against row `j` of `other`, which has the same physical type:
    /// SQL's order of the values as they are held (128-bit values as numbers), NULL last, refined
    /// to identity.
    pub fn cmp_identity(&self, i: usize, other: &Self, j: usize) -> Ordering {
        match (self.is_null(i), other.is_null(j)) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => fixed(a, i, b, j, |a, b| a.cmp(&b)),
            (Self::I16(a), Self::I16(b)) => fixed(a, i, b, j, |a, b| a.cmp(&b)),
            (Self::I32(a), Self::I32(b)) => fixed(a, i, b, j, |a, b| a.cmp(&b)),
            (Self::I64(a), Self::I64(b)) => fixed(a, i, b, j, |a, b| a.cmp(&b)),
            (Self::F32(a), Self::F32(b)) => {
                fixed(a, i, b, j, |a, b| cmp_f64(f64::from(a), f64::from(b)))
            }
            (Self::F64(a), Self::F64(b)) => fixed(a, i, b, j, cmp_f64),
            (Self::Decimal(a), Self::Decimal(b)) => fixed(a, i, b, j, cmp_decimal),
            (Self::I128(a), Self::I128(b)) => fixed(a, i, b, j, |a, b| a.cmp(&b)),
            (Self::Str(a), Self::Str(b)) => cmp_str(a, i, b, j),
            _ => unreachable!("compared columns have one physical type"),
        }
    }

    /// Whether row `i` of this column is identical to row `j` of `other`, which has the same
    /// physical type. NULL is identical to NULL.
    #[inline]
    pub fn same_row(&self, i: usize, other: &Self, j: usize) -> bool {
        let (a, b) = (self.is_null(i), other.is_null(j));
        if a || b {
            return a && b;
        }
        match (self, other) {
            (Self::I64(a), Self::I64(b)) => a.values[i] == b.values[j],
            (Self::Str(a), Self::Str(b)) => a.row_eq(i, b, j),
            _ => self.cmp_identity(i, other, j).is_eq(),
        }
    }

    /// For each row an unsigned key whose order never contradicts `cmp_identity`: different keys
    /// decide. Returns whether equal keys decide too; otherwise such rows must still be compared.
    /// Sorting by keys makes most comparisons one instruction.
    pub fn order_keys(&self, out: &mut Vec<u64>) -> bool {
        out.clear();
        match self {
            Self::Bool(c) => out.extend(c.values.iter().map(|&v| u64::from(v))),
            Self::I16(c) => out.extend(c.values.iter().map(|&v| i64_order(i64::from(v)))),
            Self::I32(c) => out.extend(c.values.iter().map(|&v| i64_order(i64::from(v)))),
            Self::I64(c) => out.extend(c.values.iter().map(|&v| i64_order(v))),
            Self::F32(c) => out.extend(c.values.iter().map(|&v| f64_order(f64::from(v)))),
            Self::F64(c) => out.extend(c.values.iter().map(|&v| f64_order(v))),
            // The nearest float is monotone in the decimal; ties are compared in full.
            Self::Decimal(c) => out.extend(c.values.iter().map(|v| f64_order(v.to_f64()))),
            Self::I128(c) => out.extend(c.values.iter().map(|&v| i64_order((v >> 64) as i64))),
            Self::Str(c) => out.extend((0..c.len()).map(|i| str_key(c.get(i)))),
        }
        if let Some(validity) = self.validity() {
            // NULL last; a value whose key is the greatest is compared in full.
            let keys = out.iter_mut().zip(validity.iter());
            keys.filter(|(_, valid)| !valid).for_each(|(key, _)| *key = u64::MAX);
        }
        match self {
            Self::Bool(_) | Self::I16(_) | Self::I32(_) => true,
            // The greatest integer has the key of NULL.
            Self::I64(_) => self.validity().is_none(),
            _ => false,
        }
    }
}

/// The first eight bytes, first byte most significant, padded with zeros.
#[inline]
fn str_key(bytes: &[u8]) -> u64 {
    let head = &bytes[..bytes.len().min(8)];
    head.iter().enumerate().fold(0, |key, (i, &b)| key | u64::from(b) << (56 - 8 * i))
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
