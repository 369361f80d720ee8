//! Memory that can be saved: arenas, columns, batches, and the state that programs keep.
//!
//! Reading order: [`arena`] hands out chunks and says who pays for them; [`column`] lays values out
//! as Arrow does; [`batch`] joins columns, weights and a selection into the unit of flow; [`delta`]
//! adds and cancels rows; `state` and `table` keep what outlives a batch; [`disk`] is all that is
//! outside; [`log`] keeps what was done there, [`snapshot`] what came of it.
//!
//! **Invariant:** it does not know SQL, plans, operators or the catalog.
#![deny(unsafe_code)]

pub mod arena;
pub mod batch;
pub mod codec;
pub mod column;
pub mod delta;
pub mod disk;
pub mod error;
pub mod log;
pub mod manifest;
pub mod snapshot;
pub mod state;
pub mod table;

pub use batch::Batch;
pub use column::{
    Bitmap, Buffer, Column, ColumnBuilder, Fixed, MutBuffer, Selection, StrColumn, View,
};
pub use error::{OutOfMemory, StorageError};
