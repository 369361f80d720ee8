//! Hashing of key columns: one 64-bit hash per row, column at a time.
//!
//! The function is fixed: equal inputs hash equal in every process and version, because the order
//! in which state is scanned follows from it. Each step is one multiplication whose halves are
//! folded.
//! Invariant: rows that are equal under SQL (NULL equal to NULL) hash equal.

use std::hash::Hasher;

use crate::column::{Column, View};
use crate::state::cell::{self, Cell};

/// What hashing starts from.
pub const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const MULTIPLIER: u64 = 0xd6e8_feb8_6659_fd93;
/// What a NULL mixes in.
const NULL: u64 = 0x5851_f42d_4c95_7f2d;

/// Mixes one word into a hash.
#[inline]
pub const fn mix(h: u64, word: u64) -> u64 {
    let product = ((h ^ word) as u128).wrapping_mul(MULTIPLIER as u128);
    ((product >> 64) as u64 ^ product as u64).wrapping_add(SEED)
}

/// Mixes a NULL into a hash.
#[inline]
pub const fn mix_null(h: u64) -> u64 {
    mix(h, NULL)
}

/// Mixes bytes and their number into a hash.
pub fn mix_bytes(h: u64, bytes: &[u8]) -> u64 {
    let mut h = mix(h, bytes.len() as u64);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0u8; 8];
        word.copy_from_slice(chunk);
        h = mix(h, u64::from_le_bytes(word));
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0u8; 8];
        word[..rest.len()].copy_from_slice(rest);
        h = mix(h, u64::from_le_bytes(word));
    }
    h
}

/// [`mix`] as a standard hasher, for values that hash themselves.
#[derive(Debug, Clone)]
pub struct MixHasher(u64);

impl MixHasher {
    /// Starts from this hash.
    pub fn new(h: u64) -> Self {
        Self(h)
    }
}

impl Hasher for MixHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = mix_bytes(self.0, bytes);
    }

    fn write_u8(&mut self, word: u8) {
        self.0 = mix(self.0, word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.0 = mix(self.0, word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0, word);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The hash of each listed row over these columns, in the order of `rows`. `cells` says what the
/// columns hold. Without columns every row hashes to the same.
pub fn hash_rows(cells: &[Cell], columns: &[&Column], rows: &[u16], out: &mut Vec<u64>) {
    out.clear();
    out.resize(rows.len(), SEED);
    for (&cell, column) in cells.iter().zip(columns) {
        hash_column(cell, column, rows, out);
    }
}

/// Mixes `value(row)` into each row's hash, or NULL.
#[inline]
fn each(column: &Column, rows: &[u16], out: &mut [u64], mut step: impl FnMut(u64, usize) -> u64) {
    match column.validity() {
        None => {
            for (h, &row) in out.iter_mut().zip(rows) {
                *h = step(*h, usize::from(row));
            }
        }
        Some(validity) => {
            for (h, &row) in out.iter_mut().zip(rows) {
                let row = usize::from(row);
                *h = if validity.get(row) { step(*h, row) } else { mix_null(*h) };
            }
        }
    }
}

fn hash_column(cell: Cell, column: &Column, rows: &[u16], out: &mut [u64]) {
    macro_rules! ints {
        ($c:ident) => {{
            let values = &$c.values[..];
            each(column, rows, out, |h, i| mix(h, i64::from(values[i]) as u64));
        }};
    }
    match column {
        Column::Bool(c) => ints!(c),
        Column::I16(c) => ints!(c),
        Column::I32(c) => ints!(c),
        Column::I64(c) => ints!(c),
        Column::F32(c) => {
            each(column, rows, out, |h, i| mix(h, cell::canonical_f64(c.values[i].into())));
        }
        Column::F64(c) => each(column, rows, out, |h, i| mix(h, cell::canonical_f64(c.values[i]))),
        Column::Decimal(c) => each(column, rows, out, |h, i| cell::hash_decimal(h, c.values[i])),
        Column::I128(c) => each(column, rows, out, |h, i| {
            cell::hash_fixed(cell, h, &cell::i128_to_words(c.values[i]))
        }),
        Column::Str(c) if cell.is_spelled() => {
            each(column, rows, out, |h, i| cell::hash_bytes(cell, h, c.get(i)));
        }
        Column::Str(c) => {
            let views: &[View] = &c.views;
            each(column, rows, out, |h, i| {
                if views[i].is_inline() {
                    let words = views[i].to_words();
                    mix(mix(h, words[0]), words[1])
                } else {
                    mix_bytes(h, c.get(i))
                }
            });
        }
    }
}
