//! Collections: all values of a group in order, for aggregates that need more than a running state.
//!
//! min and max under retraction, array_agg, string_agg, and first_value and last_value when ordered
//! or under retraction. An element is a row of the order columns, then the argument columns. Two
//! kinds of collection differ in what makes an element:
//! - *merged* (min, max, DISTINCT): equal values are one element with a weight;
//! - *in arrival order* (the rest): every arrival is an element; among equal order keys the earlier
//!   is first. A retraction takes the latest equal element away.
//!
//! Invariant: no element has weight 0; an element of negative weight (a retraction that came before
//! its row in one epoch) is gone by the end of the epoch and is never shown.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use arena_tr_storage::arena::{Addr, Owner, Pool};
use arena_tr_storage::column::Column;
use arena_tr_storage::state::row::{self, add_weight};
use arena_tr_storage::state::{Cell, Heap, HeapRows, OrderedSets, RowLayout, StateVisitor, Visit};
use arena_tr_storage::{OutOfMemory, StorageError};
use arena_tr_types::DataType;

/// What a collection keeps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CollectSpec {
    /// Input columns of the element: the order columns, then the arguments.
    pub(crate) columns: Vec<usize>,
    /// Their types.
    pub(crate) types: Vec<DataType>,
    /// How the first fields are ordered: descending, NULLs first.
    pub(crate) order: Vec<(bool, bool)>,
    /// The field of the first argument (which, when merged, is ordered by as well).
    pub(crate) first_arg: usize,
    /// Equal elements are one.
    pub(crate) merged: bool,
    /// The FILTER column.
    pub(crate) filter: Option<usize>,
    /// Rows with NULL in this column are left out.
    pub(crate) skip_null: Option<usize>,
    /// Where the root lies in the group's row.
    pub(crate) at: usize,
}

/// The collections of one aggregate, for all groups.
#[derive(Debug)]
pub(crate) struct Collection {
    spec: CollectSpec,
    layout: RowLayout,
    rows: Heap,
    sets: OrderedSets,
    n_negative: usize,
}

impl Collection {
    pub(crate) fn new(pool: &Pool, owner: Owner, spec: &CollectSpec) -> Self {
        Self {
            layout: RowLayout::new(&spec.types, 1),
            spec: spec.clone(),
            rows: Heap::new(pool, owner),
            sets: OrderedSets::new(pool, owner),
            n_negative: 0,
        }
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.rows.held_bytes() + self.sets.held_bytes()
    }

    fn element(&self, addr: Addr) -> &[u64] {
        self.rows.words(addr, self.layout.words())
    }

    /// Adds the row `i` of the columns with this weight to the set of `root`; `seq` numbers
    /// arrivals.
    pub(crate) fn add(
        &mut self,
        root: &mut u64,
        columns: &[&Column],
        i: usize,
        weight: i64,
        seq: u64,
    ) -> Result<(), OutOfMemory> {
        let addr = self.layout.insert(columns, i, &mut self.rows)?;
        self.place(root, addr, weight, seq)
    }

    /// Adds all elements of a set of another collection of the same kind.
    pub(crate) fn merge(
        &mut self,
        root: &mut u64,
        from: &Self,
        from_root: u64,
    ) -> Result<(), OutOfMemory> {
        let mut elements = Vec::new();
        from.sets.for_each(from_root, |addr| {
            elements.push(addr);
            ControlFlow::Continue(())
        });
        for addr in elements {
            let words = from.element(addr);
            let (weight, seq) = (row::weight(words[0]), words[from.layout.state()]);
            let copy = self.layout.copy_fields(words, &from.rows, &mut self.rows)?;
            self.place(root, copy, weight, seq)?;
        }
        Ok(())
    }

    fn place(
        &mut self,
        root: &mut u64,
        addr: Addr,
        weight: i64,
        seq: u64,
    ) -> Result<(), OutOfMemory> {
        let at = self.layout.state();
        self.rows.set_word(addr.offset(at), seq);
        let rest = if self.spec.merged {
            self.merge_equal(root, addr, weight)
        } else if weight < 0 || self.n_negative > 0 {
            self.cancel(root, addr, weight)
        } else {
            weight
        };
        if rest == 0 {
            self.layout.release(addr, &mut self.rows);
            return Ok(());
        }
        let header = self.rows.word(addr);
        self.rows.set_word(addr, add_weight(header, rest));
        self.n_negative += usize::from(rest < 0);
        let (layout, rows, spec) = (&self.layout, &self.rows, &self.spec);
        let own = rows.words(addr, layout.words());
        self.sets.insert(root, addr, |other| {
            cmp_elements(spec, layout, rows, own, rows.words(other, layout.words()))
        })
    }

    /// Adds the weight to the element equal to the one at `addr`; what is left to insert.
    fn merge_equal(&mut self, root: &mut u64, addr: Addr, weight: i64) -> i64 {
        let (layout, rows, spec) = (&self.layout, &self.rows, &self.spec);
        let own = rows.words(addr, layout.words());
        let cmp =
            |other: Addr| cmp_elements(spec, layout, rows, own, rows.words(other, layout.words()));
        let Some(equal) = self.sets.find(*root, cmp) else { return weight };
        if row::weight(rows.word(equal)) + weight == 0 {
            self.sets.remove(root, cmp);
            self.drop_element(equal);
        } else {
            self.change_weight(equal, weight);
        }
        0
    }

    fn drop_element(&mut self, addr: Addr) {
        self.n_negative -= usize::from(row::weight(self.rows.word(addr)) < 0);
        self.layout.release(addr, &mut self.rows);
    }

    fn change_weight(&mut self, addr: Addr, by: i64) {
        let before = self.rows.word(addr);
        let after = add_weight(before, by);
        self.n_negative += usize::from(row::weight(after) < 0);
        self.n_negative -= usize::from(row::weight(before) < 0);
        self.rows.set_word(addr, after);
    }

    /// Takes the weight out of identical elements of the opposite sign, latest first; what is left.
    fn cancel(&mut self, root: &mut u64, addr: Addr, mut weight: i64) -> i64 {
        for candidate in self.identical(*root, addr).into_iter().rev() {
            let held = row::weight(self.rows.word(candidate));
            if weight == 0 || held.signum() == weight.signum() {
                continue;
            }
            if held.abs() > weight.abs() {
                self.change_weight(candidate, weight);
                return 0;
            }
            weight += held;
            let (layout, rows, spec) = (&self.layout, &self.rows, &self.spec);
            let own = rows.words(candidate, layout.words());
            self.sets.remove(root, |other| {
                cmp_elements(spec, layout, rows, own, rows.words(other, layout.words()))
            });
            self.drop_element(candidate);
        }
        weight
    }

    /// Elements with the same order keys and identical arguments as the one at `addr`.
    fn identical(&self, root: u64, addr: Addr) -> Vec<Addr> {
        let own = self.element(addr);
        let n_order = self.spec.order.len();
        let by_order =
            |other: Addr| cmp_order(&self.spec, &self.layout, &self.rows, own, self.element(other));
        let mut found = Vec::new();
        self.sets.for_each_from(
            root,
            |other| by_order(other).is_gt(),
            |other| {
                if by_order(other).is_ne() {
                    return ControlFlow::Break(());
                }
                let words = self.element(other);
                let same = (n_order..self.layout.n_fields())
                    .all(|f| cmp_identity(&self.layout, &self.rows, own, words, f).is_eq());
                if same {
                    found.push(other);
                }
                ControlFlow::Continue(())
            },
        );
        found
    }

    /// The first (or last) element that is there.
    pub(crate) fn end(&self, root: u64, last: bool) -> Option<Addr> {
        let end = if last { self.sets.last(root) } else { self.sets.first(root) }?;
        if row::weight(self.rows.word(end)) > 0 {
            return Some(end);
        }
        let all = self.elements(root);
        if last { all.last().map(|e| e.0) } else { all.first().map(|e| e.0) }
    }

    /// The element, if there is one and it is there once.
    pub(crate) fn only(&self, root: u64) -> Option<Addr> {
        if self.n_negative > 0 {
            let all = self.elements(root);
            return if let [(addr, 1)] = all[..] { Some(addr) } else { None };
        }
        let first = self.sets.first(root)?;
        let once = row::weight(self.rows.word(first)) == 1;
        (once && self.sets.last(root) == Some(first)).then_some(first)
    }

    /// All elements that are there, in order, with their weights.
    pub(crate) fn elements(&self, root: u64) -> Vec<(Addr, i64)> {
        let mut all = Vec::new();
        self.sets.for_each(root, |addr| {
            let weight = row::weight(self.rows.word(addr));
            if weight > 0 {
                all.push((addr, weight));
            }
            ControlFlow::Continue(())
        });
        all
    }

    /// Whether two elements' fields from `first` on are equal under SQL.
    pub(crate) fn eq_args(&self, a: Addr, b: Addr, first: usize) -> bool {
        let (a, b) = (self.element(a), self.element(b));
        (first..self.layout.n_fields())
            .all(|f| self.layout.eq_rows(a, &self.rows, b, &self.rows, f))
    }

    /// The words of a field of an element, or `None` if it is NULL there; and the heap of its
    /// strings.
    pub(crate) fn field(&self, addr: Addr, field: usize) -> (Option<&[u64]>, &Heap) {
        let words = self.element(addr);
        let null = self.layout.is_null(words, field);
        ((!null).then(|| self.layout.cell(words, field)), &self.rows)
    }

    /// A field of these elements as a column.
    pub(crate) fn gather(&self, field: usize, addrs: &[Addr]) -> Column {
        let rows = HeapRows { heap: &self.rows, addrs, words: self.layout.words() };
        self.layout.gather(field, &rows, &self.rows)
    }

    /// Frees a set and its elements.
    pub(crate) fn free(&mut self, root: &mut u64) {
        let mut elements = Vec::new();
        self.sets.for_each(*root, |addr| {
            elements.push(addr);
            ControlFlow::Continue(())
        });
        elements.into_iter().for_each(|addr| self.drop_element(addr));
        self.sets.free(root);
    }
}

impl Visit for Collection {
    fn visit(&mut self, visitor: &mut dyn StateVisitor) -> Result<(), StorageError> {
        self.rows.visit(visitor)?;
        self.sets.visit(visitor)?;
        self.n_negative.visit(visitor)
    }
}

/// The order of a field with NULLs where they are wanted.
fn cmp_nulls(
    layout: &RowLayout,
    rows: &Heap,
    a: &[u64],
    b: &[u64],
    field: usize,
    (desc, nulls_first): (bool, bool),
) -> Ordering {
    match (layout.is_null(a, field), layout.is_null(b, field)) {
        (true, true) => Ordering::Equal,
        (a_null, b_null) if a_null || b_null => {
            if a_null == nulls_first {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        _ => {
            let order = layout.cmp_field(a, b, field, rows);
            if desc { order.reverse() } else { order }
        }
    }
}

fn cmp_order(
    spec: &CollectSpec,
    layout: &RowLayout,
    rows: &Heap,
    a: &[u64],
    b: &[u64],
) -> Ordering {
    spec.order
        .iter()
        .enumerate()
        .map(|(field, &how)| cmp_nulls(layout, rows, a, b, field, how))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// The order of a field, NULL last, refined until only identical cells are equal.
fn cmp_identity(layout: &RowLayout, rows: &Heap, a: &[u64], b: &[u64], field: usize) -> Ordering {
    let order = cmp_nulls(layout, rows, a, b, field, (false, false));
    if order.is_ne() || layout.is_null(a, field) || layout.cells()[field] == Cell::Bytes {
        return order;
    }
    let (x, y) = (layout.cell(a, field), layout.cell(b, field));
    if layout.cells()[field].is_str() {
        return rows.with_bytes(x, |x| rows.with_bytes(y, |y| x.cmp(y)));
    }
    x.cmp(y)
}

fn cmp_elements(
    spec: &CollectSpec,
    layout: &RowLayout,
    rows: &Heap,
    a: &[u64],
    b: &[u64],
) -> Ordering {
    let order = cmp_order(spec, layout, rows, a, b);
    if order.is_ne() {
        return order;
    }
    if spec.merged {
        return (0..layout.n_fields())
            .map(|field| cmp_identity(layout, rows, a, b, field))
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal);
    }
    a[layout.state()].cmp(&b[layout.state()])
}
