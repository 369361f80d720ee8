//! What a column number means while a query is being bound.
//!
//! A bound expression names columns by number (`ExprKind::Column`). Until the plan of its SELECT is
//! complete, a number may also stand for an aggregate, a window call, a subquery or a GROUPING call
//! that has no column yet, or for a column of an enclosing query. The kind and the distance to the
//! enclosing query are kept in the number's high bits, so binding needs no expression type of its
//! own.
//! Invariant: no finished plan holds a number with high bits set.

/// What a column number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A column of the plan at hand.
    Column(usize),
    /// The n-th aggregate of the SELECT.
    Agg(usize),
    /// The n-th window call of the SELECT.
    Window(usize),
    /// The n-th subquery of the SELECT.
    Sub(usize),
    /// The n-th GROUPING call of the SELECT.
    Grouping(usize),
}

const KIND_SHIFT: u32 = 40;
const LEVEL_SHIFT: u32 = 48;
const INDEX_MASK: usize = (1 << KIND_SHIFT) - 1;
const KIND_MASK: usize = (1 << (LEVEL_SHIFT - KIND_SHIFT)) - 1;
const _: () = assert!(usize::BITS == 64, "column numbers carry their kind in the high bits");

impl Slot {
    /// The number of this slot in the query at hand.
    pub(crate) fn number(self) -> usize {
        let (kind, index) = match self {
            Self::Column(i) => (0, i),
            Self::Agg(i) => (1, i),
            Self::Window(i) => (2, i),
            Self::Sub(i) => (3, i),
            Self::Grouping(i) => (4, i),
        };
        (kind << KIND_SHIFT) | index
    }

    /// The slot of a number, seen in the query it belongs to.
    pub(crate) fn of(number: usize) -> Self {
        let index = number & INDEX_MASK;
        match (number >> KIND_SHIFT) & KIND_MASK {
            1 => Self::Agg(index),
            2 => Self::Window(index),
            3 => Self::Sub(index),
            4 => Self::Grouping(index),
            _ => Self::Column(index),
        }
    }
}

/// How many queries outward the number belongs: 0 is the one at hand.
pub(crate) fn level(number: usize) -> usize {
    number >> LEVEL_SHIFT
}

/// The number without its level: as its own query sees it.
pub(crate) fn local(number: usize) -> usize {
    number & ((1 << LEVEL_SHIFT) - 1)
}

/// The number as a query `levels` further inward sees it.
pub(crate) fn deeper(number: usize, levels: usize) -> usize {
    number + (levels << LEVEL_SHIFT)
}

/// The number as a query `levels` further outward sees it; `level(number)` must be at least that.
pub(crate) fn shallower(number: usize, levels: usize) -> usize {
    number - (levels << LEVEL_SHIFT)
}
