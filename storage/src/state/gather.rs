//! Cells of rows as columns: reading state.
//!
//! [`RowReader`] reads several fields of the same rows: it looks at their headers once, and fields
//! that are NULL in none of them need no validity.
//!
//! Invariant: a cell of a row that is not valid is not read.

use crate::arena::Addr;
use crate::column::{Bitmap, BitmapBuilder, Column, Fixed, MutBuffer, Pod, StrBuilder, View};
use crate::state::cell::{self, Cell};
use crate::state::heap::{Heap, NO_ADDR};
use crate::state::row::{HeapRows, RowLayout, weight};

/// Rows of one layout in a heap, whose headers were looked at.
#[derive(Debug)]
pub struct RowReader<'a> {
    layout: &'a RowLayout,
    heap: &'a Heap,
    addrs: &'a [Addr],
    /// All headers or-ed, and and-ed.
    any: u64,
    all: u64,
}

impl<'a> RowReader<'a> {
    /// Looks at the headers of these rows.
    pub fn new(layout: &'a RowLayout, heap: &'a Heap, addrs: &'a [Addr]) -> Self {
        let (any, all) = addrs.iter().fold((0, u64::MAX), |(any, all), &addr| {
            let header = heap.word(addr);
            (any | header, all & header)
        });
        Self { layout, heap, addrs, any, all }
    }

    /// Whether every row has weight 1.
    pub fn is_plain(&self) -> bool {
        weight(self.any) == 1 && weight(self.all) == 1
    }

    /// The weight of row `k`.
    #[inline]
    pub fn weight(&self, k: usize) -> i64 {
        weight(self.heap.word(self.addrs[k]))
    }

    /// A field of all rows.
    pub fn column(&self, field: usize) -> Column {
        let (layout, heap) = (self.layout, self.heap);
        if layout.nulls_of(self.any).is_none_or(|nulls| nulls >> field & 1 == 1) {
            let rows = HeapRows { heap, addrs: self.addrs, words: layout.words() };
            return layout.gather(field, &rows, heap);
        }
        let (cell, at) = (layout.cells()[field], layout.offset(field));
        if cell == Cell::I64 {
            let values = self.addrs.iter().map(|addr| heap.word(addr.offset(at)).cast_signed());
            return Column::I64(Fixed::new(values.collect()));
        }
        let words = |k: usize| heap.words(self.addrs[k].offset(at), cell.words());
        gather_cells(cell, self.addrs.len(), heap, |_| true, words)
    }
}

/// Strings that a gather remembers to have copied.
const RECENT: usize = 256;
const RECENT_SHIFT: u32 = u32::BITS - RECENT.trailing_zeros();

/// Cells as a column: `words(k)` begins with row `k`'s cell; it is not asked of rows that are not
/// `valid`.
pub fn gather_cells<'a>(
    cell: Cell,
    n: usize,
    heap: &Heap,
    valid: impl Fn(usize) -> bool,
    words: impl Fn(usize) -> &'a [u64],
) -> Column {
    let validity = validity_of(n, valid);
    macro_rules! fixed {
        ($variant:ident, $get:expr) => {{
            let values = gather_fixed(n, validity.as_ref(), &words, $get);
            Column::$variant(Fixed::with_validity(values.freeze(), validity))
        }};
    }
    match cell {
        Cell::Bool => fixed!(Bool, |w: &[u64]| w[0] as u8),
        Cell::I16 => fixed!(I16, |w: &[u64]| w[0] as i16),
        Cell::I32 => fixed!(I32, |w: &[u64]| w[0] as i32),
        Cell::I64 => fixed!(I64, |w: &[u64]| w[0] as i64),
        Cell::F32 => fixed!(F32, |w: &[u64]| cell::f32_from_word(w[0])),
        Cell::F64 => fixed!(F64, |w: &[u64]| cell::f64_from_word(w[0])),
        Cell::Decimal => fixed!(Decimal, cell::decimal_at),
        Cell::Interval | Cell::Uuid => fixed!(I128, cell::i128_from_words),
        Cell::Bytes | Cell::Jsonb | Cell::Nested => gather_strings(n, validity, heap, words),
    }
}

/// Which rows are valid, if not all.
fn validity_of(n: usize, valid: impl Fn(usize) -> bool) -> Option<Bitmap> {
    let first = (0..n).find(|&k| !valid(k))?;
    let mut validity = BitmapBuilder::with_capacity(n);
    validity.push_n(true, first);
    (first..n).for_each(|k| validity.push(valid(k)));
    validity.finish_validity()
}

#[inline]
fn gather_fixed<'a, T: Pod>(
    n: usize,
    validity: Option<&Bitmap>,
    words: &impl Fn(usize) -> &'a [u64],
    get: impl Fn(&[u64]) -> T,
) -> MutBuffer<T> {
    let mut values = MutBuffer::with_capacity(n);
    match validity {
        None => values.extend((0..n).map(|k| get(words(k)))),
        Some(bits) => {
            values.extend((0..n).map(|k| if bits.get(k) { get(words(k)) } else { T::default() }))
        }
    }
    values
}

fn gather_strings<'a>(
    n: usize,
    validity: Option<Bitmap>,
    heap: &Heap,
    words: impl Fn(usize) -> &'a [u64],
) -> Column {
    let mut builder = StrBuilder::with_capacity(n);
    // PERF: a join repeats the rows of its busy keys: their strings are copied once, not once per
    // pair.
    let mut recent = [(NO_ADDR, View::EMPTY); RECENT];
    for k in 0..n {
        if validity.as_ref().is_some_and(|bits| !bits.get(k)) {
            builder.push(&[]);
            continue;
        }
        let words = words(k);
        let Some(bytes) = heap.outline(words) else {
            builder.push_view(View::from_words([words[0], words[1]]));
            continue;
        };
        let at = words[1] as u32;
        let (known, view) = &mut recent[(at.wrapping_mul(0x9e37_79b1) >> RECENT_SHIFT) as usize];
        if *known == at {
            builder.push_again(*view);
        } else {
            builder.push(bytes);
            (*known, *view) = (at, builder.last());
        }
    }
    Column::Str(builder.finish(validity))
}
