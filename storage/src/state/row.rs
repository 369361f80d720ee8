//! Rows of state: one block of words per row, read and written column by column.
//!
//! ```text
//! word 0            weight (48 bits, signed) | dirty (1 bit) | which fields are NULL (15 bits)
//! words 1..         NULL bits of all fields, only if there are more than 15
//! then              the fields, one cell after the other
//! then              the words that the owner of the row keeps with it (aggregates, links)
//! ```
//!
//! Invariant: the words of a NULL field are zero; a row owns the strings that its cells refer to.

use std::cmp::Ordering;

use arena_tr_types::DataType;

use crate::OutOfMemory;
use crate::arena::Addr;
use crate::column::{Column, StrColumn, View};
use crate::state::cell::{self, Cell};
use crate::state::gather::gather_cells;
use crate::state::hash;
use crate::state::heap::Heap;

/// Bits of the header that hold the weight.
const WEIGHT_BITS: u32 = 48;
const WEIGHT_MASK: u64 = (1 << WEIGHT_BITS) - 1;
/// The header bit that says: touched in this epoch.
pub const DIRTY: u64 = 1 << WEIGHT_BITS;
/// First header bit for NULLs.
const NULL_SHIFT: u32 = WEIGHT_BITS + 1;
/// Fields whose NULL bits fit in the header.
const HEADER_NULLS: usize = 15;

/// Where the fields of a row lie.
#[derive(Debug, Clone)]
pub struct RowLayout {
    cells: Vec<Cell>,
    offsets: Vec<usize>,
    /// Words of NULL bits behind the header; 0 if they are in it.
    null_words: usize,
    /// First word behind the fields.
    state: usize,
    /// All words.
    words: usize,
    has_str: bool,
}

/// The weight in a header.
#[inline]
pub fn weight(header: u64) -> i64 {
    ((header << (64 - WEIGHT_BITS)) as i64) >> (64 - WEIGHT_BITS)
}

/// The header with `by` added to its weight.
#[inline]
pub fn add_weight(header: u64, by: i64) -> u64 {
    (header & !WEIGHT_MASK) | ((header.wrapping_add(by as u64)) & WEIGHT_MASK)
}

/// Rows to read: words of the same layout, wherever they are.
pub trait RowSource {
    /// How many rows.
    fn n_rows(&self) -> usize;
    /// The words of row `k`.
    fn row(&self, k: usize) -> &[u64];
}

/// Rows in a heap.
#[derive(Debug, Clone, Copy)]
pub struct HeapRows<'a> {
    /// Where they are.
    pub heap: &'a Heap,
    /// Their addresses.
    pub addrs: &'a [Addr],
    /// Words of each.
    pub words: usize,
}

impl RowSource for HeapRows<'_> {
    #[inline]
    fn n_rows(&self) -> usize {
        self.addrs.len()
    }

    #[inline]
    fn row(&self, k: usize) -> &[u64] {
        self.heap.words(self.addrs[k], self.words)
    }
}

/// Copies of rows, one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct FlatRows<'a> {
    /// All words.
    pub words: &'a [u64],
    /// Words of each.
    pub stride: usize,
}

impl RowSource for FlatRows<'_> {
    #[inline]
    fn n_rows(&self) -> usize {
        self.words.len() / self.stride
    }

    #[inline]
    fn row(&self, k: usize) -> &[u64] {
        &self.words[k * self.stride..(k + 1) * self.stride]
    }
}

impl RowLayout {
    /// The layout of rows with fields of these types and `state_words` words behind them.
    pub fn new<'a>(types: impl IntoIterator<Item = &'a DataType>, state_words: usize) -> Self {
        Self::of_cells(types.into_iter().map(Cell::of).collect(), state_words)
    }

    /// The layout of rows with these cells.
    pub fn of_cells(cells: Vec<Cell>, state_words: usize) -> Self {
        let null_words = if cells.len() <= HEADER_NULLS { 0 } else { cells.len().div_ceil(64) };
        let mut next = 1 + null_words;
        let offsets = cells
            .iter()
            .map(|cell| {
                let at = next;
                next += cell.words();
                at
            })
            .collect();
        let has_str = cells.iter().any(|c| c.is_str());
        Self { cells, offsets, null_words, state: next, words: next + state_words, has_str }
    }

    /// What the fields hold.
    #[inline]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Number of fields.
    #[inline]
    pub fn n_fields(&self) -> usize {
        self.cells.len()
    }

    /// Where field `field` begins.
    #[inline]
    pub fn offset(&self, field: usize) -> usize {
        self.offsets[field]
    }

    /// The first word behind the fields.
    #[inline]
    pub fn state(&self) -> usize {
        self.state
    }

    /// Words of a row.
    #[inline]
    pub fn words(&self) -> usize {
        self.words
    }

    /// Whether field `field` of the row is NULL.
    #[inline]
    pub fn is_null(&self, row: &[u64], field: usize) -> bool {
        if self.null_words == 0 {
            row[0] >> (NULL_SHIFT + field as u32) & 1 == 1
        } else {
            row[1 + field / 64] >> (field % 64) & 1 == 1
        }
    }

    /// Whether any field of the row is NULL.
    #[inline]
    pub fn has_null(&self, row: &[u64]) -> bool {
        if self.null_words == 0 {
            row[0] >> NULL_SHIFT != 0
        } else {
            row[1..=self.null_words].iter().any(|&word| word != 0)
        }
    }

    #[inline]
    fn set_null(&self, row: &mut [u64], field: usize) {
        if self.null_words == 0 {
            row[0] |= 1 << (NULL_SHIFT + field as u32);
        } else {
            row[1 + field / 64] |= 1 << (field % 64);
        }
        self.cell_mut(row, field).fill(0);
    }

    #[inline]
    fn set_not_null(&self, row: &mut [u64], field: usize) {
        if self.null_words == 0 {
            row[0] &= !(1 << (NULL_SHIFT + field as u32));
        } else {
            row[1 + field / 64] &= !(1 << (field % 64));
        }
    }

    /// The words of field `field`.
    #[inline]
    pub fn cell<'a>(&self, row: &'a [u64], field: usize) -> &'a [u64] {
        let at = self.offsets[field];
        &row[at..at + self.cells[field].words()]
    }

    #[inline]
    fn cell_mut<'a>(&self, row: &'a mut [u64], field: usize) -> &'a mut [u64] {
        let at = self.offsets[field];
        &mut row[at..at + self.cells[field].words()]
    }

    /// A new row of these columns' row `i`: weight 0, state words zero.
    pub fn insert(
        &self,
        columns: &[&Column],
        i: usize,
        heap: &mut Heap,
    ) -> Result<Addr, OutOfMemory> {
        let addr = heap.alloc_zeroed(self.words)?;
        for (field, column) in columns.iter().enumerate() {
            self.store(addr, field, column, i, heap)?;
        }
        Ok(addr)
    }

    /// New rows of the listed rows of these columns, one after the other from `at`, each in
    /// `stride` words: weight 0, state words zero.
    pub fn insert_run(
        &self,
        columns: &[&Column],
        rows: &[u16],
        (at, stride): (Addr, usize),
        heap: &mut Heap,
    ) -> Result<(), OutOfMemory> {
        heap.words_mut(at, rows.len() * stride).fill(0);
        for (field, column) in columns.iter().enumerate() {
            let offset = self.offsets[field];
            match column {
                Column::I64(c) if c.validity.is_none() => {
                    let words = heap.words_mut(at, rows.len() * stride);
                    for (words, &row) in words.chunks_exact_mut(stride).zip(rows) {
                        words[offset] = c.values[usize::from(row)].cast_unsigned();
                    }
                }
                Column::Str(c) if c.validity.is_none() => {
                    for (k, &row) in rows.iter().enumerate() {
                        let words = load_str(c, usize::from(row), heap)?;
                        heap.words_mut(at.offset(k * stride + offset), 2).copy_from_slice(&words);
                    }
                }
                _ => {
                    for (k, &row) in rows.iter().enumerate() {
                        self.store(at.offset(k * stride), field, column, usize::from(row), heap)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes row `i` of a column into a field, which must not own a string.
    #[inline]
    pub fn store(
        &self,
        addr: Addr,
        field: usize,
        column: &Column,
        i: usize,
        heap: &mut Heap,
    ) -> Result<(), OutOfMemory> {
        if column.is_null(i) {
            self.set_null(heap.words_mut(addr, self.words), field);
            return Ok(());
        }
        let words = load(column, i, heap)?;
        let row = heap.words_mut(addr, self.words);
        self.set_not_null(row, field);
        let cell = self.cell_mut(row, field);
        cell.copy_from_slice(&words[..cell.len()]);
        Ok(())
    }

    /// Writes a cell's words (whose string, if any, the row then owns) or NULL into a field.
    #[inline]
    pub fn store_words(&self, row: &mut [u64], field: usize, words: Option<&[u64]>) {
        match words {
            None => self.set_null(row, field),
            Some(words) => {
                self.set_not_null(row, field);
                let cell = self.cell_mut(row, field);
                cell.copy_from_slice(&words[..cell.len()]);
            }
        }
    }

    /// Frees the strings of field `field`.
    pub fn release_field(&self, addr: Addr, field: usize, heap: &mut Heap) {
        if self.cells[field].is_str() {
            let words = heap.words(addr, self.words);
            let at = self.offsets[field];
            heap.free_bytes([words[at], words[at + 1]]);
        }
    }

    /// Frees the strings of the row.
    #[inline]
    pub fn release_strings(&self, addr: Addr, heap: &mut Heap) {
        if self.has_str {
            for field in 0..self.cells.len() {
                self.release_field(addr, field, heap);
            }
        }
    }

    /// Frees the strings of the row and the row.
    pub fn release(&self, addr: Addr, heap: &mut Heap) {
        self.release_strings(addr, heap);
        heap.free(addr, self.words);
    }

    /// Copies the fields of a row that lies in `from` (same cells) into a new row: weight 0, state
    /// words zero.
    pub fn copy_fields(
        &self,
        row: &[u64],
        from: &Heap,
        heap: &mut Heap,
    ) -> Result<Addr, OutOfMemory> {
        let addr = heap.alloc_zeroed(self.words)?;
        let out = heap.words_mut(addr, self.words);
        out[..self.state].copy_from_slice(&row[..self.state]);
        out[0] &= !(WEIGHT_MASK | DIRTY);
        if self.has_str {
            for (field, cell) in self.cells.iter().enumerate() {
                if cell.is_str() {
                    let at = self.offsets[field];
                    let copy = heap.copy_cell([row[at], row[at + 1]], from)?;
                    heap.words_mut(addr, self.words)[at..at + 2].copy_from_slice(&copy);
                }
            }
        }
        Ok(addr)
    }

    /// Whether field `field` equals row `i` of a column; NULLs are equal.
    #[inline]
    pub fn eq_column(
        &self,
        row: &[u64],
        field: usize,
        column: &Column,
        i: usize,
        heap: &Heap,
    ) -> bool {
        let null = column.is_null(i);
        if null || self.is_null(row, field) {
            return null == self.is_null(row, field);
        }
        let words = self.cell(row, field);
        match column {
            Column::Bool(c) => words[0] == u64::from(c.values[i]),
            Column::I16(c) => words[0] == i64::from(c.values[i]) as u64,
            Column::I32(c) => words[0] == i64::from(c.values[i]) as u64,
            Column::I64(c) => words[0] == c.values[i] as u64,
            Column::Str(c) if self.cells[field].is_spelled() => {
                let cell = self.cells[field];
                heap.with_bytes(words, |bytes| cell::eq_bytes(cell, bytes, c.get(i)))
            }
            Column::Str(c) => heap.eq_bytes(words, c.get(i)),
            _ => cell::eq_fixed(self.cells[field], words, &load_fixed(column, i)),
        }
    }

    /// Whether the first fields equal row `i` of the columns; NULLs are equal.
    #[inline]
    pub fn eq_columns(&self, row: &[u64], columns: &[&Column], i: usize, heap: &Heap) -> bool {
        columns.iter().enumerate().all(|(field, c)| self.eq_column(row, field, c, i, heap))
    }

    /// Whether field `field` is identical to row `i` of a column: equal, and printed alike (`1.0`
    /// is not identical to `1.00`). NULLs are identical.
    #[inline]
    pub fn same_column(
        &self,
        row: &[u64],
        field: usize,
        column: &Column,
        i: usize,
        heap: &Heap,
    ) -> bool {
        let null = column.is_null(i);
        if null || self.is_null(row, field) {
            return null == self.is_null(row, field);
        }
        let words = self.cell(row, field);
        match column {
            Column::Str(c) => heap.eq_bytes(words, c.get(i)),
            _ => words == &load_fixed(column, i)[..words.len()],
        }
    }

    /// Whether the first fields are identical to row `i` of the columns.
    #[inline]
    pub fn same_columns(&self, row: &[u64], columns: &[&Column], i: usize, heap: &Heap) -> bool {
        columns.iter().enumerate().all(|(field, c)| self.same_column(row, field, c, i, heap))
    }

    /// Whether field `field` is equal in two rows of this layout; NULLs are equal.
    pub fn eq_rows(
        &self,
        a: &[u64],
        a_heap: &Heap,
        b: &[u64],
        b_heap: &Heap,
        field: usize,
    ) -> bool {
        let (a_null, b_null) = (self.is_null(a, field), self.is_null(b, field));
        if a_null || b_null {
            return a_null == b_null;
        }
        let cell = self.cells[field];
        let (a, b) = (self.cell(a, field), self.cell(b, field));
        if !cell.is_str() {
            return cell::eq_fixed(cell, a, b);
        }
        a_heap.eq_cells(a, b, b_heap)
            || (cell.is_spelled()
                && a_heap.with_bytes(a, |a| b_heap.with_bytes(b, |b| cell::eq_bytes(cell, a, b))))
    }

    /// The order of field `field` in two rows that lie in one heap. Neither may be NULL there.
    pub fn cmp_field(&self, a: &[u64], b: &[u64], field: usize, heap: &Heap) -> Ordering {
        cmp_words(self.cells[field], self.cell(a, field), self.cell(b, field), heap)
    }

    /// The hash of the first `n` fields of a row, as [`hash::hash_rows`] computes it.
    pub fn hash(&self, row: &[u64], n: usize, heap: &Heap) -> u64 {
        let mut h = hash::SEED;
        for field in 0..n {
            let cell = self.cells[field];
            h = if self.is_null(row, field) {
                hash::mix_null(h)
            } else if cell.is_str() {
                let words = self.cell(row, field);
                if cell::str_len(words) <= cell::INLINE_BYTES && !cell.is_spelled() {
                    hash::mix(hash::mix(h, words[0]), words[1])
                } else {
                    heap.with_bytes(words, |bytes| cell::hash_bytes(cell, h, bytes))
                }
            } else {
                cell::hash_fixed(cell, h, self.cell(row, field))
            };
        }
        h
    }

    /// The header bits that say which of these rows' fields are NULL, or-ed together; `None` if
    /// they are not in the header.
    #[inline]
    pub(crate) fn nulls_of(&self, headers: u64) -> Option<u64> {
        (self.null_words == 0).then_some(headers >> NULL_SHIFT)
    }

    /// Field `field` of all rows as a column.
    pub fn gather(&self, field: usize, rows: &impl RowSource, heap: &Heap) -> Column {
        let (cell, at) = (self.cells[field], self.offsets[field]);
        let valid = |k: usize| !self.is_null(rows.row(k), field);
        gather_cells(cell, rows.n_rows(), heap, valid, |k| &rows.row(k)[at..])
    }
}

/// The order of two cells that are not NULL and lie in one heap.
pub fn cmp_words(cell: Cell, a: &[u64], b: &[u64], heap: &Heap) -> Ordering {
    if !cell.is_str() {
        return cell::cmp_fixed(cell, a, b);
    }
    if cell == Cell::Bytes {
        let (x, y) = ((a[0] >> 32) as u32, (b[0] >> 32) as u32);
        if x != y {
            // The first four bytes, padded with zeros: where they differ, at most one side is
            // padding, and then it is the shorter and lesser string.
            return x.swap_bytes().cmp(&y.swap_bytes());
        }
    }
    heap.with_bytes(a, |a| heap.with_bytes(b, |b| cell::cmp_bytes(cell, a, b)))
}

/// The words of row `i` of a column that is not NULL there; a long string is copied into the heap.
#[inline]
pub fn load(column: &Column, i: usize, heap: &mut Heap) -> Result<[u64; 3], OutOfMemory> {
    match column {
        Column::Str(c) => {
            let words = load_str(c, i, heap)?;
            Ok([words[0], words[1], 0])
        }
        _ => Ok(load_fixed(column, i)),
    }
}

#[inline]
fn load_str(column: &StrColumn, i: usize, heap: &mut Heap) -> Result<[u64; 2], OutOfMemory> {
    let view: View = column.views[i];
    if view.is_inline() { Ok(view.to_words()) } else { heap.store_bytes(column.get(i)) }
}

/// The words of row `i` of a fixed-width column that is not NULL there.
#[inline]
pub fn load_fixed(column: &Column, i: usize) -> [u64; 3] {
    match column {
        Column::Bool(c) => [c.values[i].into(), 0, 0],
        Column::I16(c) => [i64::from(c.values[i]) as u64, 0, 0],
        Column::I32(c) => [i64::from(c.values[i]) as u64, 0, 0],
        Column::I64(c) => [c.values[i] as u64, 0, 0],
        Column::F32(c) => [c.values[i].to_bits().into(), 0, 0],
        Column::F64(c) => [c.values[i].to_bits(), 0, 0],
        Column::Decimal(c) => c.values[i].to_words(),
        Column::I128(c) => {
            let words = cell::i128_to_words(c.values[i]);
            [words[0], words[1], 0]
        }
        Column::Str(_) => [0; 3],
    }
}
