//! State: what programs keep between epochs, in structures that are made of addresses.
//!
//! Reading order: [`cell`] and [`row`] say how values lie in words, [`gather`] reads them as
//! columns; [`hash`] and [`heap`] are the tools; [`group_table`] finds rows by key, [`join_index`]
//! lists rows by key, [`ordered`] keeps rows in order, [`pane`] cuts time; [`visit`] saves them
//! all.
//!
//! Invariant: no structure holds a pointer, and none has an object of the process heap per row.

pub mod cell;
pub mod directory;
pub mod gather;
pub mod group_table;
pub mod hash;
pub mod heap;
pub mod join_index;
pub mod ordered;
pub mod pane;
pub mod row;
pub mod visit;

pub use cell::Cell;
pub use directory::Directory;
pub use gather::RowReader;
pub use group_table::GroupTable;
pub use heap::{Heap, NO_ADDR};
pub use join_index::{JoinIndex, JoinSide, SideSpec, Touched};
pub use ordered::OrderedSets;
pub use pane::PaneRing;
pub use row::{FlatRows, HeapRows, RowLayout, RowSource};
pub use visit::{Piece, StateVisitor, Visit};

#[cfg(test)]
pub(crate) mod tests;
